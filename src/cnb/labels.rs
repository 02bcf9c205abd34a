//! The labels of a buildpackage, in the order of keys in which pack writes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::buildpack::BuildpackDescriptor;
use super::stack::Stack;
use super::target::Target;

/// Label of [`BuildpackageMetadata`] (distribution spec).
pub const BUILDPACKAGE_METADATA: &str = "io.buildpacks.buildpackage.metadata";
/// Label of [`ModuleLayers`] for buildpacks.
pub const BUILDPACK_LAYERS: &str = "io.buildpacks.buildpack.layers";

/// What the package as a whole is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildpackageMetadata {
    /// Id of the main module.
    pub id: String,
    /// Its name for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Where to read more.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub homepage: String,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// Environments that it runs in.
    #[serde(rename = "exec-env", default, skip_serializing_if = "Vec::is_empty")]
    pub exec_env: Vec<String>,
    /// Its licences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<License>,
    /// Whether it wants a clear environment.
    #[serde(rename = "clear-env", default, skip_serializing_if = "std::ops::Not::not")]
    pub clear_env: bool,
    /// What it runs on; `null` for an extension.
    pub stacks: Option<Vec<Stack>>,
}

/// A licence, with the capitals that Go gave its keys.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct License {
    /// SPDX expression.
    #[serde(rename = "Type", default)]
    pub kind: String,
    /// Where its text is.
    #[serde(rename = "URI", default)]
    pub uri: String,
}

/// Id, then version, to what is known of the module's layer.
pub type ModuleLayers = BTreeMap<String, BTreeMap<String, ModuleLayer>>;

/// What the label says of one module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleLayer {
    /// Its Buildpack API.
    pub api: String,
    /// Its stacks, where it lists some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stacks: Vec<Stack>,
    /// All targets of its file, whatever the image is for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    /// Digest of its layer before compression.
    #[serde(rename = "layerDiffID")]
    pub layer_diff_id: String,
    /// Where to read more.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub homepage: String,
    /// Its name for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
}

impl BuildpackageMetadata {
    /// What the package of `buildpack` says of itself.
    #[must_use]
    pub fn of(buildpack: &BuildpackDescriptor) -> Self {
        Self {
            id: buildpack.id.to_string(),
            name: buildpack.name.clone(),
            version: buildpack.version.to_string(),
            description: buildpack.description.clone(),
            homepage: buildpack.homepage.clone(),
            keywords: buildpack.keywords.clone(),
            exec_env: buildpack.exec_env.clone(),
            licenses: buildpack.licenses.clone(),
            clear_env: buildpack.clear_env,
            stacks: Some(if buildpack.stacks.is_empty() {
                vec![Stack::any()]
            } else {
                buildpack.stacks.clone()
            }),
        }
    }
}

impl ModuleLayer {
    /// What the label says of `buildpack`, whose layer is `diff_id`.
    #[must_use]
    pub fn of(buildpack: &BuildpackDescriptor, diff_id: &str) -> Self {
        Self {
            api: buildpack.api.to_string(),
            stacks: buildpack.stacks.clone(),
            targets: buildpack.written_targets().cloned().collect(),
            layer_diff_id: diff_id.to_owned(),
            homepage: buildpack.homepage.clone(),
            name: buildpack.name.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_read_back_as_they_were_written() {
        let metadata = r#"{"id":"a/b","name":"n","version":"1","description":"d","homepage":"h","keywords":["k"],"exec-env":["e"],"licenses":[{"Type":"MIT","URI":""}],"clear-env":true,"stacks":[{"id":"*"}]}"#;
        let read: BuildpackageMetadata = serde_json::from_str(metadata).unwrap();
        assert_eq!(
            serde_json::to_value(&read).unwrap(),
            serde_json::from_str::<serde_json::Value>(metadata).unwrap()
        );

        let layers = r#"{"a/b":{"1":{"api":"0.10","stacks":[{"id":"s","mixins":["m"]}],"targets":[{"os":"linux","arch":"","distros":[{"name":"ubuntu","version":"22.04"}]}],"layerDiffID":"sha256:x","homepage":"h","name":"n"}}}"#;
        let read: ModuleLayers = serde_json::from_str(layers).unwrap();
        assert_eq!(
            serde_json::to_value(&read).unwrap(),
            serde_json::from_str::<serde_json::Value>(layers).unwrap()
        );
    }
}
