//! What an image is in terms of buildpacks, told from its labels.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cnb::labels::{BUILDPACK_LAYERS, BUILDPACKAGE_METADATA, BuildpackageMetadata, ModuleLayers};
use crate::error::Result;
use crate::oci::json;

/// A buildpackage by its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildpackageView {
    /// The main module.
    pub metadata: BuildpackageMetadata,
    /// All modules, and which layer each is in.
    pub modules: ModuleLayers,
}

impl BuildpackageView {
    /// `None` for an image that is no buildpackage; an error for one whose labels are not what they should be.
    pub fn of(labels: &BTreeMap<String, String>) -> Result<Option<Self>> {
        let Some(metadata) = labels.get(BUILDPACKAGE_METADATA) else {
            return Ok(None);
        };
        let layers = labels.get(BUILDPACK_LAYERS).map_or("{}", String::as_str);
        Ok(Some(Self {
            metadata: json::from_slice(metadata.as_bytes(), &format!("label {BUILDPACKAGE_METADATA}"))?,
            modules: json::from_slice(layers.as_bytes(), &format!("label {BUILDPACK_LAYERS}"))?,
        }))
    }

    /// The module in the layer `diff_id`, as `id@version`.
    #[must_use]
    pub fn module_in(&self, diff_id: &str) -> Option<String> {
        self.modules.iter().find_map(|(id, versions)| {
            let (version, _) = versions.iter().find(|(_, layer)| layer.layer_diff_id == diff_id)?;
            Some(format!("{id}@{version}"))
        })
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
