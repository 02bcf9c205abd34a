//! [`LabelsBelow`]: what the labels of a build image say that a builder on top of it must know.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use crate::cnb::builder_labels::{BUILDER_METADATA, BuilderMetadata, STACK_ID, STACK_MIXINS};
use crate::cnb::labels::{ModuleInfo, ModuleLayers, layers_label};
use crate::cnb::module::ModuleKind;
use crate::error::Result;
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
    metadata: BuilderMetadata,
    buildpacks: ModuleLayers,
    extensions: ModuleLayers,
}

/// Reads the labels. An error where one is not what it should be.
pub fn labels_below(labels: &BTreeMap<String, String>) -> Result<LabelsBelow> {
    fn read<T: DeserializeOwned + Default>(labels: &BTreeMap<String, String>, name: &str) -> Result<T> {
        let Some(text) = labels.get(name) else {
            return Ok(T::default());
        };
        let read: Option<T> = json::from_slice(text.as_bytes(), &format!("label {name}"))?;
        Ok(read.unwrap_or_default())
    }
    Ok(LabelsBelow {
        stack_id: labels.get(STACK_ID).filter(|id| !id.is_empty()).cloned(),
        mixins: read(labels, STACK_MIXINS)?,
        metadata: read(labels, BUILDER_METADATA)?,
        buildpacks: read(labels, layers_label(ModuleKind::Buildpack))?,
        extensions: read(labels, layers_label(ModuleKind::Extension))?,
        all: labels.clone(),
    })
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
