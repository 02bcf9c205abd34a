//! What a builder says of itself: its labels (platform spec, builder; pack for those that the spec does not name).

use std::collections::BTreeMap;

use super::plan::builder::BuilderImage;
use crate::cnb::builder_labels::{
    BUILDER_METADATA, BUILDER_ORDER, BUILDER_ORDER_EXTENSIONS, BUILDER_SYSTEM, BuilderMetadata, CreatedBy, STACK_MIXINS,
};
use crate::cnb::labels::{BUILDPACK_LAYERS, EXTENSION_LAYERS, ModuleInfo, ModuleLayers};
use crate::cnb::order::Order;
use crate::oci::json;

/// All labels of a builder that `created_by` makes, where its modules are in these layers: those of the build image, and its own.
#[must_use]
pub fn builder_labels(
    plan: &BuilderImage,
    created_by: &CreatedBy,
    buildpacks: &ModuleLayers,
    extensions: &ModuleLayers,
) -> BTreeMap<String, String> {
    let some = |infos: &Vec<ModuleInfo>| (!infos.is_empty()).then(|| infos.clone());
    let own = &plan.labels;
    let metadata = BuilderMetadata {
        description: own.description.clone(),
        buildpacks: some(&own.buildpacks),
        extensions: some(&own.extensions),
        stack: own.stack.clone(),
        lifecycle: plan.lifecycle.descriptor.clone(),
        created_by: created_by.clone(),
        images: Some(own.run_images.clone()),
    };
    let order = |order: &Order| json::to_label(&(!order.is_empty()).then_some(order));
    let mut labels = own.below.all.clone();
    labels.extend([
        (BUILDER_METADATA.to_owned(), json::to_label(&metadata)),
        (BUILDER_ORDER.to_owned(), order(&own.order)),
        (BUILDER_ORDER_EXTENSIONS.to_owned(), order(&own.order_extensions)),
        (BUILDPACK_LAYERS.to_owned(), json::to_label(buildpacks)),
        (EXTENSION_LAYERS.to_owned(), json::to_label(extensions)),
        (STACK_MIXINS.to_owned(), json::to_label(&own.below.mixins)),
    ]);
    if let Some(system) = &own.system {
        labels.insert(BUILDER_SYSTEM.to_owned(), json::to_label(system));
    }
    labels
}

/// Whether only airpack may write a label, because the builder would not be one without it.
#[must_use]
pub fn is_reserved_label(name: &str) -> bool {
    matches!(
        name,
        BUILDER_METADATA
            | BUILDER_ORDER
            | BUILDER_ORDER_EXTENSIONS
            | BUILDER_SYSTEM
            | BUILDPACK_LAYERS
            | EXTENSION_LAYERS
            | STACK_MIXINS
    )
}
