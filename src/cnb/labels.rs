//! The labels of a buildpackage, in the order of keys in which pack writes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::module::{ModuleDescriptor, ModuleKind};
use super::order::Order;
use super::stack::Stack;
use super::target::Target;

/// Label of [`BuildpackageMetadata`] (distribution spec).
pub const BUILDPACKAGE_METADATA: &str = "io.buildpacks.buildpackage.metadata";
/// Label of [`ModuleLayers`] for buildpacks.
pub const BUILDPACK_LAYERS: &str = "io.buildpacks.buildpack.layers";
/// Label of [`ModuleLayers`] for extensions.
pub const EXTENSION_LAYERS: &str = "io.buildpacks.extension.layers";

/// Label of [`ModuleLayers`] for modules of this kind.
#[must_use]
pub fn layers_label(kind: ModuleKind) -> &'static str {
    match kind {
        ModuleKind::Buildpack => BUILDPACK_LAYERS,
        ModuleKind::Extension => EXTENSION_LAYERS,
    }
}

/// What a label says of a module that it names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ModuleInfo {
    /// Its id.
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
}

impl ModuleInfo {
    /// What is said of `module`.
    #[must_use]
    pub fn of(module: &ModuleDescriptor) -> Self {
        Self {
            id: module.id.to_string(),
            name: module.name.clone(),
            version: module.version.to_string(),
            description: module.description.clone(),
            homepage: module.homepage.clone(),
            keywords: module.keywords.clone(),
            exec_env: module.exec_env.clone(),
            licenses: module.licenses.clone(),
            clear_env: module.clear_env,
        }
    }

    /// `id@version`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}@{}", self.id, self.version)
    }
}

/// What the package as a whole is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildpackageMetadata {
    /// The main module.
    #[serde(flatten)]
    pub info: ModuleInfo,
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

/// `null` is as good as nothing: whoever looks for the layer says that it is not there.
fn text_or_none<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_default())
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
    /// The order of a composite buildpack.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub order: Order,
    /// Digest of its layer before compression.
    #[serde(rename = "layerDiffID", default, deserialize_with = "text_or_none")]
    pub layer_diff_id: String,
    /// Where to read more.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub homepage: String,
    /// Its name for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
}

impl BuildpackageMetadata {
    /// What the package of `module` says of itself, where all that is in it supports `stacks`; see [`super::stack`].
    #[must_use]
    pub fn of(module: &ModuleDescriptor, stacks: Vec<Stack>) -> Self {
        Self {
            info: ModuleInfo::of(module),
            stacks: match module.kind {
                ModuleKind::Buildpack => Some(stacks),
                ModuleKind::Extension => None,
            },
        }
    }
}

impl ModuleLayer {
    /// What the label says of `module`, but for its layer, which is known when it was written.
    #[must_use]
    pub fn of(module: &ModuleDescriptor) -> Self {
        Self {
            api: module.api.to_string(),
            stacks: module.stacks.clone(),
            targets: module.written_targets().cloned().collect(),
            order: module
                .order
                .as_ref()
                .map(|order| order.groups.clone())
                .unwrap_or_default(),
            layer_diff_id: String::new(),
            homepage: module.homepage.clone(),
            name: module.name.clone(),
        }
    }

    /// Whether it is a composite buildpack.
    #[must_use]
    pub fn is_composite(&self) -> bool {
        !self.order.is_empty()
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

        let layers = r#"{"a/b":{"1":{"api":"0.10","stacks":[{"id":"s","mixins":["m"]}],"targets":[{"os":"linux","arch":"","distros":[{"name":"ubuntu","version":"22.04"}]}],"order":[{"group":[{"id":"a","version":"1","exec-env":["e"],"optional":true}]}],"layerDiffID":"sha256:x","homepage":"h","name":"n"}}}"#;
        let read: ModuleLayers = serde_json::from_str(layers).unwrap();
        assert_eq!(
            serde_json::to_value(&read).unwrap(),
            serde_json::from_str::<serde_json::Value>(layers).unwrap()
        );
    }
}
