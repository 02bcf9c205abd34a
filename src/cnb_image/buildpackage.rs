//! What a buildpackage says of itself: labels, annotations, platform (distribution spec; RFC 0130 for annotations).

use std::collections::BTreeMap;

use serde_json::Map;

use crate::cnb::labels::{
    BUILDPACK_LAYERS, BUILDPACKAGE_METADATA, BuildpackageMetadata, EXTENSION_LAYERS, ModuleLayers, layers_label,
};
use crate::cnb::module::ModuleDescriptor;
use crate::cnb::stack::Stack;
use crate::cnb::target::{Distro, Target};
use crate::oci::descriptor::{Annotations, Descriptor};
use crate::oci::json;
use crate::oci::platform::Platform;

/// Annotation on a child of an index: the distribution's name, which no field of a platform has.
const DISTRO_NAME: &str = "io.buildpacks.base.distro.name";
/// Annotation on a child of an index: the distribution's version.
const DISTRO_VERSION: &str = "io.buildpacks.base.distro.version";

/// The labels of a package of `main`, where all that is in it supports `stacks`, and `modules` are in these layers.
#[must_use]
pub fn labels(main: &ModuleDescriptor, stacks: Vec<Stack>, modules: &ModuleLayers) -> BTreeMap<String, String> {
    BTreeMap::from([
        (
            BUILDPACKAGE_METADATA.to_owned(),
            json::to_label(&BuildpackageMetadata::of(main, stacks)),
        ),
        (layers_label(main.kind).to_owned(), json::to_label(modules)),
    ])
}

/// Whether only airpack may write a label, because the package would not be one without it.
#[must_use]
pub fn is_reserved_label(name: &str) -> bool {
    matches!(name, BUILDPACKAGE_METADATA | BUILDPACK_LAYERS | EXTENSION_LAYERS)
}

/// Annotations of manifest and index, from what the module's file says.
#[must_use]
pub fn annotations(module: &ModuleDescriptor) -> Annotations {
    use oci_spec::image as annotation;
    [
        (annotation::ANNOTATION_TITLE, module.name.as_str()),
        (annotation::ANNOTATION_VERSION, module.version.as_str()),
        (annotation::ANNOTATION_URL, &module.homepage),
        (annotation::ANNOTATION_DESCRIPTION, &module.description),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

/// What an image for `target`, with at most one distribution, is for; see [`Target::DEFAULT_ARCH`] for what is not said.
#[must_use]
pub fn platform(target: &Target) -> Platform {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let target = target.with_defaults();
    Platform {
        os_version: target.distros.first().and_then(|distro| some(&distro.version)),
        variant: some(&target.variant),
        architecture: target.arch,
        os: target.os,
        other: Map::new(),
    }
}

/// Whether a child of an index does not say that it is for another distribution than that of `target`.
#[must_use]
pub fn may_be_for_distro(child: &Descriptor, target: &Target) -> bool {
    match (child.annotation(DISTRO_NAME), target.distros.first()) {
        (Some(own), Some(distro)) => distro.name.is_empty() || own == distro.name,
        _ => true,
    }
}

/// The name of the distribution that a child of an index says it is for.
#[must_use]
pub fn distro_of(child: &Descriptor) -> Option<&str> {
    child.annotation(DISTRO_NAME)
}

/// What a child of an index for `platform` is for, with the distribution that it says, as far as it does.
#[must_use]
pub fn target_of_child(child: &Descriptor, platform: Platform) -> Target {
    let annotation = |name: &str| child.annotation(name).unwrap_or_default().to_owned();
    let version = platform.os_version.unwrap_or_else(|| annotation(DISTRO_VERSION));
    let distro = Distro {
        name: annotation(DISTRO_NAME),
        version,
    };
    Target {
        os: platform.os,
        arch: platform.architecture,
        variant: platform.variant.unwrap_or_default(),
        distros: Some(distro)
            .filter(|distro| *distro != Distro::default())
            .into_iter()
            .collect(),
        path: None,
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
