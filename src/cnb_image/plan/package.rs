//! [`PackagePlan`]: for each target its files, its layer and its platform.

use std::sync::Arc;

use super::super::buildpackage;
use super::super::module_layer::ModuleLayer;
use super::super::module_source::ModuleSource;
use super::super::platform_folder::Choice;
use super::super::target_files::TargetFiles;
use crate::cnb::buildpack::BuildpackDescriptor;
use crate::cnb::paths::BUILDPACK_TOML;
use crate::cnb::target::{Part, Target};
use crate::error::{Finding, Findings, Place, Result};
use crate::oci::platform::Platform;

/// The images of a package, one for each target.
#[derive(Debug)]
pub struct PackagePlan {
    /// The main module.
    pub descriptor: Arc<BuildpackDescriptor>,
    /// In the order of the targets.
    pub images: Vec<ImagePlan>,
}

/// One image of a package.
#[derive(Debug)]
pub struct ImagePlan {
    /// The target as written, with at most one distribution.
    pub target: Target,
    /// What the image is for, defaults filled in.
    pub platform: Platform,
    /// The folder that was taken.
    pub choice: Choice,
    /// The files.
    pub files: TargetFiles,
    /// The descriptor in the image.
    pub descriptor: Arc<BuildpackDescriptor>,
    /// The module's layer.
    pub layer: ModuleLayer,
}

/// Plans the images of `source` for `asked`, or for its own targets when none are asked for.
///
/// `None` when `findings` tell why not.
pub fn plan(
    source: &ModuleSource,
    asked: &[Target],
    allow_unknown: bool,
    findings: &mut Findings,
) -> Result<Option<PackagePlan>> {
    let descriptor = &source.descriptor;
    if let Some(order) = &descriptor.order {
        findings.push(
            Finding::error(
                "composite buildpacks, which have an `order`, can not be packaged by this version of airpack",
            )
            .at(order.clone())
            .hint("package the buildpacks it is made of, one by one"),
        );
        return Ok(None);
    }
    let targets = targets(source, asked, allow_unknown, findings);
    let everybody: Vec<Target> = descriptor
        .written_targets()
        .flat_map(Target::expand)
        .chain(targets.iter().cloned())
        .collect();
    let mut images = Vec::new();
    for target in targets {
        if let Some(view) = source.view(&target, &everybody, findings)? {
            images.push(ImagePlan {
                platform: buildpackage::platform(&target),
                layer: ModuleLayer::of_buildpack(&descriptor.id, &descriptor.version, &view.files),
                target,
                choice: view.choice,
                files: view.files,
                descriptor: view.descriptor,
            });
        }
    }
    warn_of_equal_platforms(&images, findings);
    Ok((!findings.has_errors()).then(|| PackagePlan {
        descriptor: Arc::clone(descriptor),
        images,
    }))
}

/// One target for each image.
fn targets(source: &ModuleSource, asked: &[Target], allow_unknown: bool, findings: &mut Findings) -> Vec<Target> {
    let declared: Vec<Target> = source.descriptor.written_targets().flat_map(Target::expand).collect();
    let targets = if asked.is_empty() {
        declared
    } else {
        asked_targets(asked, &declared, allow_unknown, findings)
    };
    if targets.is_empty() {
        // targets that were asked for and are all wrong have been told of
        if asked.is_empty() {
            let file = source.tree.display(BUILDPACK_TOML.as_bytes());
            findings.push(
                default_warning("no target says what to package for", &Target::default())
                    .at(Place { file, excerpt: None }),
            );
        }
        return vec![Target::default()];
    }
    for target in targets.iter().filter(|target| target.arch.is_empty()) {
        let declared = source.descriptor.declaration_of(target).filter(|_| asked.is_empty());
        let place = declared.map(|declared| declared.place(Part::Whole).clone());
        let what = if target.folder_names().is_empty() {
            "a target names neither os nor arch".to_owned()
        } else {
            format!("target `{target}` names no arch")
        };
        findings.push(default_warning(&what, target).at(place));
    }
    targets
}

fn default_warning(what: &str, target: &Target) -> Finding {
    let platform = buildpackage::platform(target);
    let with_arch = |arch: &str| Target {
        os: platform.os.clone(),
        arch: arch.to_owned(),
        ..target.clone()
    };
    Finding::warning(format!("{what}: the image is for {platform}")).hint(format!(
        "say it with --target {}, and once more for each other, as in --target {}",
        with_arch(&platform.architecture),
        with_arch("arm64")
    ))
}

/// The targets of the command line, checked; the folder that the file names for an equal target holds for them too.
fn asked_targets(asked: &[Target], declared: &[Target], allow_unknown: bool, findings: &mut Findings) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    for target in asked {
        let faults = target.check(allow_unknown);
        let is_wrong = !faults.is_empty();
        for (_, finding) in faults {
            findings.push(finding);
        }
        if is_wrong {
            continue;
        }
        for mut single in target.expand() {
            if targets.iter().any(|other| other.same_as(&single)) {
                findings.push(
                    Finding::error(format!("target `{single}` is asked for twice")).hint("give each --target once"),
                );
                continue;
            }
            let same_platform = |other: &&Target| {
                (&other.os, &other.arch, &other.variant) == (&single.os, &single.arch, &single.variant)
            };
            let like = declared
                .iter()
                .find(|other| other.same_as(&single))
                .or_else(|| declared.iter().find(same_platform));
            single.path = like.and_then(|other| other.path.clone());
            targets.push(single);
        }
    }
    targets
}

fn warn_of_equal_platforms(images: &[ImagePlan], findings: &mut Findings) {
    for (at, image) in images.iter().enumerate() {
        if let Some(first) = images[..at].iter().find(|other| other.platform == image.platform) {
            let declared = image.descriptor.declaration_of(&image.target);
            findings.push(
                Finding::warning(format!(
                    "the images for `{}` and `{}` have the same platform {}",
                    first.target, image.target, image.platform
                ))
                .hint("tools that choose by platform take the first of them")
                .at(declared.map(|declared| declared.place(Part::Whole).clone())),
            );
        }
    }
}
