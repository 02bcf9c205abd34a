//! What an image is in terms of buildpacks, told from its labels.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cnb::labels::{
    BUILDPACK_LAYERS, BUILDPACKAGE_METADATA, BuildpackageMetadata, EXTENSION_LAYERS, ModuleLayer, ModuleLayers,
};
use crate::error::Result;
use crate::oci::json;

/// A buildpackage by its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildpackageView {
    /// The main module.
    pub metadata: BuildpackageMetadata,
    /// All buildpacks, and which layer each is in.
    pub modules: ModuleLayers,
    /// All extensions, and which layer each is in.
    pub extensions: ModuleLayers,
}

impl BuildpackageView {
    /// `None` for an image that is no buildpackage; an error for one whose labels are not what they should be.
    pub fn of(labels: &BTreeMap<String, String>) -> Result<Option<Self>> {
        let Some(metadata) = labels.get(BUILDPACKAGE_METADATA) else {
            return Ok(None);
        };
        let layers = |name: &str| -> Result<ModuleLayers> {
            let text = labels.get(name).map_or("{}", String::as_str);
            json::from_slice(text.as_bytes(), &format!("label {name}"))
        };
        Ok(Some(Self {
            metadata: json::from_slice(metadata.as_bytes(), &format!("label {BUILDPACKAGE_METADATA}"))?,
            modules: layers(BUILDPACK_LAYERS)?,
            extensions: layers(EXTENSION_LAYERS)?,
        }))
    }

    /// The main module, as `id@version`.
    #[must_use]
    pub fn full_name(&self) -> String {
        self.metadata.info.full_name()
    }

    /// What is said of the main module.
    #[must_use]
    pub fn main(&self) -> Option<&ModuleLayer> {
        self.module(&self.metadata.info.id, &self.metadata.info.version)
    }

    /// What is said of a module.
    #[must_use]
    pub fn module(&self, id: &str, version: &str) -> Option<&ModuleLayer> {
        let found = self.modules.get(id).or_else(|| self.extensions.get(id));
        found?.get(version)
    }

    /// All modules with id and version.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str, &ModuleLayer)> {
        let all = self.modules.iter().chain(&self.extensions);
        all.flat_map(|(id, versions)| {
            let of_id = versions.iter();
            of_id.map(move |(version, layer)| (id.as_str(), version.as_str(), layer))
        })
    }

    /// The modules in the layer `diff_id`, as `id@version`; several in one that is flattened.
    #[must_use]
    pub fn modules_in(&self, diff_id: &str) -> Vec<String> {
        self.all()
            .filter(|(_, _, layer)| layer.layer_diff_id == diff_id)
            .map(|(id, version, _)| format!("{id}@{version}"))
            .collect()
    }
}

/// Labels with those parsed that hold a JSON object or list.
#[must_use]
pub fn parsed_labels(labels: &BTreeMap<String, String>) -> BTreeMap<String, Value> {
    let parse = |text: &String| match serde_json::from_str::<Value>(text) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => value,
        _ => Value::String(text.clone()),
    };
    labels.iter().map(|(name, text)| (name.clone(), parse(text))).collect()
}
