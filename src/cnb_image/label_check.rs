//! Whether the labels of the Cloud Native Buildpacks say what is in the image that has them.

use std::collections::{BTreeMap, HashSet};

use super::builder_view::BuilderView;
use super::view::BuildpackageView;
use crate::cnb::builder_labels::BUILDER_METADATA;
use crate::cnb::labels::{BUILDPACKAGE_METADATA, ModuleLayers};
use crate::oci::check::{CheckedImage, Code, Fault};

/// Labels that can not be read, and modules whose layer is none of the image's.
#[must_use]
pub fn check(checked: &CheckedImage) -> Vec<Fault> {
    let labels = checked.image.config.labels();
    let digest = &checked.image.descriptor.digest;
    let fault = |message: String| Fault::warning(Code::CnbLabel, message).about(digest).at(&checked.chain);
    let mut faults = Vec::new();
    let package = match BuildpackageView::of(&labels) {
        Ok(package) => package,
        Err(error) => {
            faults.push(fault(format!(
                "image {digest} is no buildpackage for the lifecycle: {error}"
            )));
            None
        }
    };
    let builder = BuilderView::of(&labels);
    if builder.is_none() && labels.contains_key(BUILDER_METADATA) {
        faults.push(fault(format!(
            "label {BUILDER_METADATA} of image {digest} can not be read"
        )));
    }
    for name in builder.iter().flat_map(|builder| &builder.unreadable_labels) {
        faults.push(fault(format!("label {name} of image {digest} can not be read")));
    }
    let lists: Vec<&ModuleLayers> = match (&package, &builder) {
        (_, Some(builder)) => vec![&builder.known_buildpacks, &builder.known_extensions],
        (Some(package), None) => vec![&package.modules, &package.extensions],
        (None, None) => Vec::new(),
    };
    let diff_ids = &checked.image.config.rootfs.diff_ids;
    let diff_ids: HashSet<String> = diff_ids.iter().map(ToString::to_string).collect();
    for (module, layer) in lists.into_iter().flat_map(layers_of) {
        if !layer.is_empty() && !diff_ids.contains(layer) {
            faults.push(fault(format!(
                "image {digest} has {module} in layer {layer} by its label, but no such layer"
            )));
        }
    }
    if let Some(package) = package.filter(|package| package.main().is_none()) {
        let name = package.full_name();
        let label = BUILDPACKAGE_METADATA;
        faults.push(fault(format!(
            "label {label} of image {digest} names {name}, which no other label has"
        )));
    }
    faults
}

fn layers_of(modules: &ModuleLayers) -> impl Iterator<Item = (String, &String)> {
    modules.iter().flat_map(|(id, versions): (&String, &BTreeMap<_, _>)| {
        let of_id = versions.iter();
        of_id.map(move |(version, layer): (&String, &crate::cnb::labels::ModuleLayer)| {
            (format!("{id}@{version}"), &layer.layer_diff_id)
        })
    })
}
