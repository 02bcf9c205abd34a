//! The labels of a builder, in the order of keys in which pack writes them.

use serde::{Deserialize, Serialize};

use super::labels::ModuleInfo;
use super::lifecycle::LifecycleDescriptor;
use super::order::ModuleRef;

/// Label of [`BuilderMetadata`].
pub const BUILDER_METADATA: &str = "io.buildpacks.builder.metadata";
/// Label of the order of buildpacks, as the builder's file has it.
pub const BUILDER_ORDER: &str = "io.buildpacks.buildpack.order";
/// Label of the order of extensions; `null` where there is none.
pub const BUILDER_ORDER_EXTENSIONS: &str = "io.buildpacks.buildpack.order-extensions";
/// Label of [`System`].
pub const BUILDER_SYSTEM: &str = "io.buildpacks.buildpack.system";
/// Label of an image's stack (deprecated).
pub const STACK_ID: &str = "io.buildpacks.stack.id";
/// Label of the packages in an image of a stack (deprecated).
pub const STACK_MIXINS: &str = "io.buildpacks.stack.mixins";
/// Label of an image: the name of its distribution (platform spec).
pub const DISTRO_NAME: &str = "io.buildpacks.base.distro.name";
/// Label of an image: the version of its distribution.
pub const DISTRO_VERSION: &str = "io.buildpacks.base.distro.version";
/// Label of a lifecycle's image: its version.
pub const LIFECYCLE_VERSION: &str = "io.buildpacks.lifecycle.version";
/// Label of a lifecycle's image: [`super::lifecycle::Apis`].
pub const LIFECYCLE_APIS: &str = "io.buildpacks.lifecycle.apis";

/// What a builder says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BuilderMetadata {
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// All its buildpacks; `None` is `null`.
    #[serde(default)]
    pub buildpacks: Option<Vec<ModuleInfo>>,
    /// All its extensions; `None` is `null`.
    #[serde(default)]
    pub extensions: Option<Vec<ModuleInfo>>,
    /// What it said of run images before there was [`images`](Self::images).
    #[serde(default)]
    pub stack: StackMetadata,
    /// Its lifecycle.
    #[serde(default)]
    pub lifecycle: LifecycleDescriptor,
    /// What made it.
    #[serde(rename = "createdBy", default)]
    pub created_by: CreatedBy,
    /// Its run images.
    #[serde(default)]
    pub images: Option<Vec<RunImage>>,
}

impl BuilderMetadata {
    /// The run images, from wherever they are said.
    #[must_use]
    pub fn run_images(&self) -> Vec<RunImage> {
        match &self.images {
            Some(images) if !images.is_empty() => images.clone(),
            _ if self.stack.run_image.image.is_empty() => Vec::new(),
            _ => vec![self.stack.run_image.clone()],
        }
    }
}

/// The run image of a stack (deprecated).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StackMetadata {
    /// The image.
    #[serde(rename = "runImage", default)]
    pub run_image: RunImage,
}

/// An image that apps run in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RunImage {
    /// Its name.
    #[serde(default)]
    pub image: String,
    /// Names of the same image in other registries; `None` is `null`.
    #[serde(default)]
    pub mirrors: Option<Vec<String>>,
}

/// The tool that made a builder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CreatedBy {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
}

/// Buildpacks that run before and after those of every group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct System {
    /// Those before.
    #[serde(default)]
    pub pre: SystemBuildpacks,
    /// Those after.
    #[serde(default)]
    pub post: SystemBuildpacks,
}

impl System {
    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pre.buildpacks.is_empty() && self.post.buildpacks.is_empty()
    }
}

/// Some buildpacks of [`System`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SystemBuildpacks {
    /// In the order in which they run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buildpacks: Vec<ModuleRef>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_read_back_as_they_were_written() {
        let metadata = r#"{"description":"d","buildpacks":[{"id":"a","name":"n","version":"1"}],"extensions":null,"stack":{"runImage":{"image":"","mirrors":null}},"lifecycle":{"version":"0.20.1","api":{"buildpack":"0.7","platform":"0.7"},"apis":{"buildpack":{"deprecated":["0.7"],"supported":["0.7"]},"platform":{"deprecated":null,"supported":["0.7"]}}},"createdBy":{"name":"x","version":"1"},"images":[{"image":"r","mirrors":["m"]}]}"#;
        let read: BuilderMetadata = serde_json::from_str(metadata).unwrap();
        assert_eq!(
            serde_json::to_value(&read).unwrap(),
            serde_json::from_str::<serde_json::Value>(metadata).unwrap()
        );
        assert_eq!(read.run_images()[0].image, "r");
        let system = r#"{"pre":{"buildpacks":[{"id":"a","version":"1","optional":true}]},"post":{}}"#;
        let read: System = serde_json::from_str(system).unwrap();
        assert_eq!(
            serde_json::to_value(&read).unwrap(),
            serde_json::from_str::<serde_json::Value>(system).unwrap()
        );
    }
}
