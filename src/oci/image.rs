//! Image manifest and config: written for new images, read tolerantly from any.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::descriptor::{Annotations, Descriptor, media_type};
use super::digest::DiffId;
use super::json;
use super::layer::Layer;
use super::layout::Staging;
use super::platform::Platform;
use crate::archive::timestamp::Timestamp;

/// What the system must be able to do (OCI image configuration, `os.features`).
const OS_FEATURES: &str = "os.features";

/// An image manifest (OCI image manifest). Unknown fields are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageManifest {
    /// Always 2.
    #[serde(rename = "schemaVersion")]
    pub schema_version: u32,
    /// The manifest's own media type.
    #[serde(rename = "mediaType", default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Where the config is.
    pub config: Descriptor,
    /// Where the layers are, the lowest first.
    #[serde(deserialize_with = "json::null_as_default")]
    pub layers: Vec<Descriptor>,
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

/// An image config (OCI image configuration). Unknown fields are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ImageConfig {
    /// See [`Platform::architecture`].
    #[serde(default)]
    pub architecture: String,
    /// See [`Platform::os`].
    #[serde(default)]
    pub os: String,
    /// See [`Platform::os_version`].
    #[serde(rename = "os.version", default, skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// See [`Platform::variant`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// How the image runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<RunConfig>,
    /// When the image was made, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// How each layer came about.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "json::null_as_default"
    )]
    pub history: Vec<History>,
    /// The layers' digests before compression.
    #[serde(default)]
    pub rootfs: RootFs,
    /// All other fields.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl ImageConfig {
    /// What the image is for.
    #[must_use]
    pub fn platform(&self) -> Platform {
        // the config has the fields of a platform beside its own
        let features = self.other.get(OS_FEATURES).filter(|value| value.is_array());
        Platform {
            architecture: self.architecture.clone(),
            os: self.os.clone(),
            os_version: self.os_version.clone(),
            variant: self.variant.clone(),
            other: features
                .map(|value| (OS_FEATURES.to_owned(), value.clone()))
                .into_iter()
                .collect(),
        }
    }

    /// The labels; none where there are none.
    #[must_use]
    pub fn labels(&self) -> BTreeMap<String, String> {
        self.config
            .as_ref()
            .and_then(|config| config.labels.clone())
            .unwrap_or_default()
    }
}

/// The part of a config that is about running. Unknown fields are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RunConfig {
    /// Labels, by name.
    #[serde(rename = "Labels", default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// All other fields.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// One step of an image's making. Unknown fields are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct History {
    /// When, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// By what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// All other fields.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The layers of a config.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The lowest first.
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub diff_ids: Vec<DiffId>,
}

impl History {
    /// A step that is told of in a few words.
    #[must_use]
    pub fn by(words: impl Into<String>) -> Self {
        Self {
            created_by: Some(words.into()),
            ..Self::default()
        }
    }

    /// Whether it added no layer.
    fn is_empty(&self) -> bool {
        self.other
            .get("empty_layer")
            .is_some_and(|value| *value == Value::Bool(true))
    }
}

impl ImageConfig {
    /// One step for each layer; steps that say nothing where the config does not have as many.
    #[must_use]
    pub fn history_of_layers(&self) -> Vec<History> {
        let layers = self.rootfs.diff_ids.len();
        let steps: Vec<History> = self.history.iter().filter(|step| !step.is_empty()).cloned().collect();
        if steps.len() == layers {
            steps
        } else {
            vec![History::default(); layers]
        }
    }
}

/// A new image: what its manifest and config will say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// What it is for.
    pub platform: Platform,
    /// What else the config says; its labels, layers, history and platform are those of the other fields.
    pub config: ImageConfig,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the manifest.
    pub annotations: Annotations,
    /// Its layers, already gathered, each with how it came about.
    pub layers: Vec<(Layer, History)>,
    /// When it was made.
    pub created: Timestamp,
}

impl Image {
    /// Writes config and manifest; the descriptor has the platform.
    pub fn write(&self, staging: &Staging) -> Descriptor {
        let config = json::to_bytes(&self.config());
        let manifest = ImageManifest {
            schema_version: 2,
            media_type: Some(media_type::MANIFEST.to_owned()),
            config: staging.put_bytes(media_type::CONFIG, &config),
            layers: self.layers.iter().map(|(layer, _)| layer.descriptor.clone()).collect(),
            annotations: self.annotations.clone(),
            other: Map::new(),
        };
        let mut descriptor = staging.put_bytes(media_type::MANIFEST, &json::to_bytes(&manifest));
        descriptor.platform = Some(self.platform.clone());
        descriptor
    }

    fn config(&self) -> ImageConfig {
        let created = Some(self.created.rfc3339());
        let history = |step: &History| History {
            created: created.clone(),
            ..step.clone()
        };
        let mut config = self.config.clone();
        config.architecture.clone_from(&self.platform.architecture);
        config.os.clone_from(&self.platform.os);
        config.os_version.clone_from(&self.platform.os_version);
        config.variant.clone_from(&self.platform.variant);
        config.config.get_or_insert_default().labels = Some(self.labels.clone());
        config.history = self.layers.iter().map(|(_, step)| history(step)).collect();
        config.rootfs = RootFs {
            kind: "layers".to_owned(),
            diff_ids: self.layers.iter().map(|(layer, _)| layer.diff_id.clone()).collect(),
        };
        config.created = created;
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_of_manifest_and_config_survive() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let manifest = format!(
            r#"{{"artifactType":"x","config":{{"data":"e30=","digest":"{digest}","mediaType":"m","size":2}},"layers":[],"schemaVersion":2}}"#
        );
        let read: ImageManifest = json::from_slice(manifest.as_bytes(), "it").unwrap();
        assert_eq!(String::from_utf8(json::to_bytes(&read)).unwrap(), manifest);

        let config = format!(
            r#"{{"architecture":"arm","author":"a","config":{{"Healthcheck":{{"Test":["x"]}},"Labels":{{"k":"v"}}}},"os":"linux","os.version":"1","rootfs":{{"diff_ids":["{digest}"],"type":"layers"}},"variant":"v7"}}"#
        );
        let read: ImageConfig = json::from_slice(config.as_bytes(), "it").unwrap();
        assert_eq!(read.platform().to_string(), "linux/arm/v7:1");
        assert_eq!(String::from_utf8(json::to_bytes(&read)).unwrap(), config);
    }
}
