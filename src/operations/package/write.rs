//! Gathers the images of a plan: layers found, copied or compressed, then config and manifest.

use super::{PackageRequest, PreparedPackage};
use crate::cnb::labels::ModuleLayers;
use crate::cnb::module::ModuleDescriptor;
use crate::cnb_image::buildpackage;
use crate::cnb_image::gather::{Gathered, ToGather, gather};
use crate::cnb_image::plan::package::ImagePlan;
use crate::cnb_image::written::ImageReport;
use crate::error::Result;
use crate::oci::descriptor::{Annotations, Descriptor};
use crate::oci::image::{History, Image, ImageConfig};
use crate::oci::layout::Staging;
use crate::progress::Progress;

/// Gathers all images; gives the children of an index.
pub(super) fn write_images(
    prepared: &PreparedPackage,
    request: &PackageRequest,
    staging: &Staging,
    progress: &dyn Progress,
) -> Result<(Vec<Descriptor>, Vec<ImageReport>)> {
    let plan = &prepared.plan;
    let layers = plan.images.iter().flat_map(|image| {
        let name = |members: &[usize]| format!("{} for {}", image.names(members).join(", "), image.platform);
        image.layers.iter().map(move |layer| ToGather {
            name: name(&layer.members),
            content: &layer.content,
        })
    });
    let gathered = gather(
        layers.collect(),
        staging,
        request.compression,
        request.threads,
        progress,
    )?;
    let mut gathered = gathered.into_iter();
    let mut children = Vec::new();
    let mut reports = Vec::new();
    for image in &plan.images {
        let own = gathered.by_ref().take(image.layers.len()).collect();
        let (descriptor, report) = write_image(image, own, staging, request);
        children.push(descriptor);
        reports.push(report);
    }
    Ok((children, reports))
}

/// What index and manifests say of the module.
pub(super) fn all_annotations(descriptor: &ModuleDescriptor, request: &PackageRequest) -> Annotations {
    let mut annotations = buildpackage::annotations(descriptor);
    annotations.extend(request.annotations.clone());
    annotations
}

fn write_image(
    plan: &ImagePlan,
    gathered: Vec<Gathered>,
    staging: &Staging,
    request: &PackageRequest,
) -> (Descriptor, ImageReport) {
    let mut modules = ModuleLayers::new();
    let mut layers = Vec::new();
    let mut reports = Vec::new();
    for (planned, done) in plan.layers.iter().zip(gathered) {
        for at in &planned.members {
            let member = &plan.members[*at];
            let mut label = member.label.clone();
            label.layer_diff_id = done.layer.diff_id.to_string();
            modules
                .entry(member.id.to_string())
                .or_default()
                .insert(member.version.to_string(), label);
        }
        let names = plan.names(&planned.members);
        let by = format!("{} {}", request.kind.name(), names.join(", "));
        reports.push(done.report(names, None));
        layers.push((done.layer, History::by(by)));
    }
    let mut labels = buildpackage::labels(&plan.descriptor, plan.stacks.clone(), &modules);
    labels.extend(request.labels.clone());
    let annotations = all_annotations(&plan.descriptor, request);
    let image = Image {
        platform: plan.platform.clone(),
        config: ImageConfig::default(),
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
    (descriptor, report)
}
