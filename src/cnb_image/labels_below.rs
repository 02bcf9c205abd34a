//! [`LabelsBelow`]: what the labels of a build image say that a builder on top of it must know.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use crate::cnb::builder_labels::{BUILDER_METADATA, BUILDER_SYSTEM, BuilderMetadata, STACK_ID, STACK_MIXINS, System};
use crate::cnb::id::{ModuleId, ModuleVersion};
use crate::cnb::labels::{ModuleInfo, ModuleLayers, layers_label};
use crate::cnb::module::ModuleKind;
use crate::error::{Error, Result};
use crate::oci::digest::DiffId;
use crate::oci::json;

/// All labels of a build image, and what some of them mean.
#[derive(Debug, Clone, Default)]
pub struct LabelsBelow {
    /// The labels.
    pub all: BTreeMap<String, String>,
    /// The stack, where there is one.
    pub stack_id: Option<String>,
    /// The packages that a stack's image names; `None` where it names none.
    pub mixins: Option<Vec<String>>,
    /// `[system]` of a builder; empty where there is none.
    pub system: System,
    metadata: BuilderMetadata,
    buildpacks: ModuleLayers,
    extensions: ModuleLayers,
}

/// Reads the labels of an image with these layers. An error where one is not what it should be, or names a layer that is not there.
pub fn labels_below(labels: &BTreeMap<String, String>, diff_ids: &[DiffId]) -> Result<LabelsBelow> {
    fn read<T: DeserializeOwned + Default>(labels: &BTreeMap<String, String>, name: &str) -> Result<T> {
        let Some(text) = labels.get(name) else {
            return Ok(T::default());
        };
        let read: Option<T> = json::from_slice(text.as_bytes(), &format!("label {name}"))?;
        Ok(read.unwrap_or_default())
    }
    let below = LabelsBelow {
        stack_id: labels.get(STACK_ID).filter(|id| !id.is_empty()).cloned(),
        mixins: read(labels, STACK_MIXINS)?,
        system: read(labels, BUILDER_SYSTEM)?,
        metadata: read(labels, BUILDER_METADATA)?,
        buildpacks: read(labels, layers_label(ModuleKind::Buildpack))?,
        extensions: read(labels, layers_label(ModuleKind::Extension))?,
        all: labels.clone(),
    };
    for kind in [ModuleKind::Buildpack, ModuleKind::Extension] {
        for (id, versions) in below.layers(kind) {
            let in_label = |error: Error| error.context(format!("failed to read label {}", layers_label(kind)));
            let id: ModuleId = id.parse().map_err(in_label)?;
            for (version, label) in versions {
                let version: ModuleVersion = version.parse().map_err(in_label)?;
                let diff_id = &label.layer_diff_id;
                if !diff_ids.iter().any(|own| own.to_string() == *diff_id) {
                    return Err(Error::damaged(format!(
                        "its label {} says that {id}@{version} is in layer {diff_id}, which it has not",
                        layers_label(kind)
                    )));
                }
            }
        }
    }
    Ok(below)
}

impl LabelsBelow {
    /// The modules of one kind, and which layer each is in.
    #[must_use]
    pub fn layers(&self, kind: ModuleKind) -> &ModuleLayers {
        match kind {
            ModuleKind::Buildpack => &self.buildpacks,
            ModuleKind::Extension => &self.extensions,
        }
    }

    /// Forgets a module.
    pub fn forget(&mut self, kind: ModuleKind, id: &str, version: &str) {
        let (layers, infos) = match kind {
            ModuleKind::Buildpack => (&mut self.buildpacks, &mut self.metadata.buildpacks),
            ModuleKind::Extension => (&mut self.extensions, &mut self.metadata.extensions),
        };
        if let Some(versions) = layers.get_mut(id) {
            versions.remove(version);
            if versions.is_empty() {
                layers.remove(id);
            }
        }
        if let Some(infos) = infos {
            infos.retain(|info| (info.id.as_str(), info.version.as_str()) != (id, version));
        }
    }

    /// What is said of the modules of one kind.
    #[must_use]
    pub fn infos(&self, kind: ModuleKind) -> &[ModuleInfo] {
        let infos = match kind {
            ModuleKind::Buildpack => &self.metadata.buildpacks,
            ModuleKind::Extension => &self.metadata.extensions,
        };
        infos.as_deref().unwrap_or_default()
    }
}
