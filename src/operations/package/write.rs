//! Gathers the images of a plan: layers found, copied or compressed, then config and manifest.

use super::report::{ImageReport, LayerReport};
use super::{PackageRequest, PreparedPackage};
use crate::cnb::labels::ModuleLayers;
use crate::cnb::module::ModuleDescriptor;
use crate::cnb_image::buildpackage;
use crate::cnb_image::plan::member::{LayerContent, LayerPlan};
use crate::cnb_image::plan::package::{ImagePlan, PackagePlan};
use crate::error::Result;
use crate::oci::copy::in_parallel;
use crate::oci::descriptor::{Annotations, Descriptor};
use crate::oci::image::Image;
use crate::oci::layer::{self, Layer, Origin};
use crate::oci::layout::Staging;
use crate::progress::{Progress, Silent, in_units};

/// Gathers all images; gives the children of an index.
pub(super) fn write_images(
    prepared: &PreparedPackage,
    request: &PackageRequest,
    staging: &Staging,
    progress: &dyn Progress,
) -> Result<(Vec<Descriptor>, Vec<ImageReport>)> {
    let mut children = Vec::new();
    let mut images = Vec::new();
    let known = known_layers(&prepared.plan, staging, request, progress)?;
    for (image, known) in prepared.plan.images.iter().zip(known) {
        let (descriptor, report) = write_image(image, known, staging, request, progress)?;
        children.push(descriptor);
        images.push(report);
    }
    Ok((children, images))
}

/// What index and manifests say of the module.
pub(super) fn all_annotations(descriptor: &ModuleDescriptor, request: &PackageRequest) -> Annotations {
    let mut annotations = buildpackage::annotations(descriptor);
    annotations.extend(request.annotations.clone());
    annotations
}

/// For each image its layers, as far as they are there already. Comparing takes one processor for each layer, so all take part.
fn known_layers(
    plan: &PackagePlan,
    staging: &Staging,
    request: &PackageRequest,
    progress: &dyn Progress,
) -> Result<Vec<Vec<Option<Layer>>>> {
    let all: Vec<(usize, &LayerPlan)> = plan
        .images
        .iter()
        .enumerate()
        .flat_map(|(at, image)| image.layers.iter().map(move |layer| (at, layer)))
        .collect();
    let found = in_parallel(request.threads, all, progress, |(at, planned), progress| {
        let LayerContent::Written(written) = &planned.content else {
            return Ok((at, None));
        };
        let produce = |out: &mut dyn std::io::Write| written.write(progress, &mut Silent, out);
        let known = layer::find(staging, &produce, written.total(), request.compression)?;
        Ok((at, known))
    })?;
    let mut known: Vec<Vec<Option<Layer>>> = plan.images.iter().map(|_| Vec::new()).collect();
    for (at, layer) in found {
        known[at].push(layer);
    }
    Ok(known)
}

fn write_image(
    plan: &ImagePlan,
    known: Vec<Option<Layer>>,
    staging: &Staging,
    request: &PackageRequest,
    progress: &dyn Progress,
) -> Result<(Descriptor, ImageReport)> {
    let mut modules = ModuleLayers::new();
    let mut layers = Vec::new();
    let mut reports = Vec::new();
    for (planned, known) in plan.layers.iter().zip(known) {
        let (layer, report) = write_layer(planned, known, plan, staging, request, progress)?;
        for at in &planned.members {
            let member = &plan.members[*at];
            let mut label = member.label.clone();
            label.layer_diff_id = layer.diff_id.to_string();
            modules
                .entry(member.id.to_string())
                .or_default()
                .insert(member.version.to_string(), label);
        }
        layers.push((layer, format!("{} {}", request.kind.name(), report.modules.join(", "))));
        reports.push(report);
    }
    let mut labels = buildpackage::labels(&plan.descriptor, plan.stacks.clone(), &modules);
    labels.extend(request.labels.clone());
    let annotations = all_annotations(&plan.descriptor, request);
    let image = Image {
        platform: plan.platform.clone(),
        labels,
        annotations,
        layers,
        created: request.created,
    };
    let mut descriptor = image.write(staging);
    descriptor.annotations = buildpackage::child_annotations(&plan.target);
    let report = ImageReport {
        target: plan.target.to_string(),
        platform: plan.platform.clone(),
        digest: descriptor.digest.clone(),
        layers: reports,
    };
    Ok((descriptor, report))
}

fn write_layer(
    planned: &LayerPlan,
    known: Option<Layer>,
    plan: &ImagePlan,
    staging: &Staging,
    request: &PackageRequest,
    progress: &dyn Progress,
) -> Result<(Layer, LayerReport)> {
    let modules: Vec<String> = planned.members.iter().map(|at| plan.members[*at].full_name()).collect();
    let name = format!("{} for {}", modules.join(", "), plan.platform);
    let (layer, origin, total, taken_from) = match &planned.content {
        LayerContent::Taken(taken) => {
            let origin = layer::take(staging, taken.source(), &taken.layer, progress)?;
            (
                taken.layer.clone(),
                origin,
                taken.uncompressed,
                Some(taken.source().location()),
            )
        }
        LayerContent::Written(written) => {
            let total = written.total();
            let produce = |out: &mut dyn std::io::Write| {
                let mut step = progress.step(&name, total);
                written.write(progress, &mut *step, out)
            };
            let (layer, origin) = match known {
                Some(layer) => (layer, Origin::Reused),
                None => layer::write(staging, &produce, total, request.compression, request.threads)?,
            };
            (layer, origin, total, None)
        }
    };
    progress.done(&layer_summary(&name, total, &layer, origin));
    let report = LayerReport {
        modules,
        digest: layer.descriptor.digest.clone(),
        size: layer.descriptor.size,
        diff_id: layer.diff_id.clone(),
        uncompressed_size: total,
        reused: origin != Origin::Compressed,
        taken_from,
    };
    Ok((layer, report))
}

fn layer_summary(name: &str, total: u64, layer: &Layer, origin: Origin) -> String {
    let size = layer.descriptor.size;
    let what = match origin {
        Origin::Compressed => "compressed",
        Origin::Reused => "already there",
        Origin::Copied => "copied as it is",
    };
    format!("{name}: {} -> {}, {what}", in_units(total), in_units(size))
}
