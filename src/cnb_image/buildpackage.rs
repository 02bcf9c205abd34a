//! What a buildpackage says of itself: labels, annotations, platform (distribution spec; RFC 0130 for annotations).

use std::collections::BTreeMap;

use serde_json::Map;

use crate::cnb::buildpack::BuildpackDescriptor;
use crate::cnb::labels::{BUILDPACK_LAYERS, BUILDPACKAGE_METADATA, BuildpackageMetadata, ModuleLayer, ModuleLayers};
use crate::cnb::target::Target;
use crate::oci::descriptor::Annotations;
use crate::oci::digest::DiffId;
use crate::oci::json;
use crate::oci::platform::Platform;

/// Annotation on a child of an index: the distribution's name, which no field of a platform has.
const DISTRO_NAME: &str = "io.buildpacks.base.distro.name";
/// Annotation on a child of an index: the distribution's version.
const DISTRO_VERSION: &str = "io.buildpacks.base.distro.version";

/// The labels of a package that holds one buildpack.
#[must_use]
pub fn labels(buildpack: &BuildpackDescriptor, layer: &DiffId) -> BTreeMap<String, String> {
    let module = ModuleLayer::of(buildpack, &layer.to_string());
    let versions = BTreeMap::from([(buildpack.version.to_string(), module)]);
    let layers: ModuleLayers = BTreeMap::from([(buildpack.id.to_string(), versions)]);
    BTreeMap::from([
        (
            BUILDPACKAGE_METADATA.to_owned(),
            json::to_label(&BuildpackageMetadata::of(buildpack)),
        ),
        (BUILDPACK_LAYERS.to_owned(), json::to_label(&layers)),
    ])
}

/// Whether only airpack may write a label, because the package would not be one without it.
#[must_use]
pub fn is_reserved_label(name: &str) -> bool {
    matches!(name, BUILDPACKAGE_METADATA | BUILDPACK_LAYERS)
}

/// Annotations of manifest and index, from what `buildpack.toml` says.
#[must_use]
pub fn annotations(buildpack: &BuildpackDescriptor) -> Annotations {
    use oci_spec::image as annotation;
    [
        (annotation::ANNOTATION_TITLE, buildpack.name.as_str()),
        (annotation::ANNOTATION_VERSION, buildpack.version.as_str()),
        (annotation::ANNOTATION_URL, &buildpack.homepage),
        (annotation::ANNOTATION_DESCRIPTION, &buildpack.description),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

/// What an image for `target`, with at most one distribution, is for; see [`Target::DEFAULT_ARCH`] for what is not said.
#[must_use]
pub fn platform(target: &Target) -> Platform {
    let or = |text: &str, default: &str| {
        if text.is_empty() {
            default.to_owned()
        } else {
            text.to_owned()
        }
    };
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Platform {
        architecture: or(&target.arch, Target::DEFAULT_ARCH),
        os: or(&target.os, Target::DEFAULT_OS),
        os_version: target.distros.first().and_then(|distro| some(&distro.version)),
        variant: some(&target.variant),
        other: Map::new(),
    }
}

/// Annotations of the child for `target`: its distribution.
#[must_use]
pub fn child_annotations(target: &Target) -> Annotations {
    target
        .distros
        .iter()
        .take(1)
        .flat_map(|distro| [(DISTRO_NAME, &distro.name), (DISTRO_VERSION, &distro.version)])
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect()
}
