//! Image index: the list of images, one for each platform.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::descriptor::{Annotations, Descriptor, media_type};
use super::json;
use super::layout::Staging;

/// Deepest nesting of indexes that is followed.
pub const MAX_DEPTH: usize = 8;

/// An image index (OCI image index). Unknown fields are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageIndex {
    /// Always 2.
    #[serde(rename = "schemaVersion")]
    pub schema_version: u32,
    /// The index's own media type.
    #[serde(rename = "mediaType", default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The images.
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub manifests: Vec<Descriptor>,
    /// Anything, by name.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "json::null_as_default"
    )]
    pub annotations: Annotations,
    /// All other fields.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl ImageIndex {
    /// An index of `manifests`, in their order.
    #[must_use]
    pub fn new(manifests: Vec<Descriptor>, annotations: Annotations) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(media_type::INDEX.to_owned()),
            manifests,
            annotations,
            other: Map::new(),
        }
    }

    /// Writes the index as a blob.
    pub fn write(&self, staging: &Staging) -> Descriptor {
        staging.put_bytes(media_type::INDEX, &json::to_bytes(self))
    }
}
