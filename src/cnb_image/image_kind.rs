//! [`ImageKind`]: what an image is to the Cloud Native Buildpacks, in a word, and whether two images are of one kind.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use super::builder_view::BuilderView;
use super::view::BuildpackageView;
use crate::cnb::builder_labels::{BUILDER_METADATA, LIFECYCLE_VERSION};
use crate::error::Result;

/// What an image is, told from its labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ImageKind {
    /// A package of one buildpack, `id@version`.
    Buildpack(String),
    /// A package of a buildpack with an order, and of what that needs.
    Composite(String),
    /// A package of an extension.
    Extension(String),
    /// A builder.
    Builder,
    /// A lifecycle of this version.
    Lifecycle(String),
    /// None of these.
    Image,
}

impl ImageKind {
    /// An error where the labels of a package are not what they should be.
    pub fn of(labels: &BTreeMap<String, String>) -> Result<Self> {
        if labels.contains_key(BUILDER_METADATA) {
            return Ok(Self::Builder);
        }
        if let Some(view) = BuildpackageView::of(labels)? {
            let info = &view.metadata.info;
            let versions = view.extensions.get(&info.id);
            let is_extension = versions.is_some_and(|versions| versions.contains_key(&info.version));
            return Ok(match view.main() {
                _ if is_extension => Self::Extension(view.full_name()),
                Some(main) if main.is_composite() => Self::Composite(view.full_name()),
                _ => Self::Buildpack(view.full_name()),
            });
        }
        let version = labels.get(LIFECYCLE_VERSION);
        Ok(version.map_or(Self::Image, |version| Self::Lifecycle(version.clone())))
    }

    /// Whether an index of such an image says by its annotations what each manifest says too.
    #[must_use]
    pub fn is_package_or_builder(&self) -> bool {
        !matches!(self, Self::Image | Self::Lifecycle(_))
    }
}

impl fmt::Display for ImageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Buildpack(name) => write!(f, "buildpack {name}"),
            Self::Composite(name) => write!(f, "composite {name}"),
            Self::Extension(name) => write!(f, "extension {name}"),
            Self::Builder => f.write_str("builder"),
            Self::Lifecycle(version) => write!(f, "lifecycle {version}"),
            Self::Image => f.write_str("image"),
        }
    }
}

impl Serialize for ImageKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// In what two builders differ that one name is to stand for; nothing where they agree.
#[must_use]
pub fn builders_differ_in(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> Vec<&'static str> {
    let (Some(one), Some(other)) = (BuilderView::of(one), BuilderView::of(other)) else {
        return vec!["labels that can not be read"];
    };
    let modules = |view: &BuilderView| -> Vec<String> {
        let all = view.buildpacks.iter().chain(&view.extensions);
        all.map(|module| module.info.full_name()).collect()
    };
    [
        ("run images", one.run_images == other.run_images),
        (
            "order",
            one.order == other.order && one.order_extensions == other.order_extensions,
        ),
        ("buildpacks", modules(&one) == modules(&other)),
        ("lifecycle", one.lifecycle == other.lifecycle),
        ("stack", one.stack_id == other.stack_id),
    ]
    .into_iter()
    .filter(|(_, is_same)| !is_same)
    .map(|(what, _)| what)
    .collect()
}
