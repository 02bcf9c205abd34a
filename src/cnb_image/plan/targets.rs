//! Which targets are packaged for.

use std::path::Path;

use super::super::buildpackage;
use crate::cnb::target::{DeclaredTarget, Part, Target, declaration_of};
use crate::error::{Finding, Findings, Place};
use crate::oci::platform::Platform;

/// One target for each image: those asked for, else those of the file.
pub(super) fn targets(
    file: &Path,
    in_file: &[DeclaredTarget],
    asked: &[Target],
    allow_unknown: bool,
    findings: &mut Findings,
) -> Vec<Target> {
    let declared: Vec<Target> = in_file.iter().flat_map(|declared| declared.target.expand()).collect();
    let targets = if asked.is_empty() {
        declared.clone()
    } else {
        asked_targets(asked, &declared, allow_unknown, findings)
    };
    if targets.is_empty() && !asked.is_empty() && !declared.is_empty() {
        // those asked for are all wrong, which is told by now; other faults are found with those of the file
        return declared;
    }
    if targets.is_empty() {
        if asked.is_empty() {
            let file = file.to_owned();
            findings.push(
                default_warning("no target says what to package for", &Target::default())
                    .at(Place { file, excerpt: None }),
            );
        }
        return vec![Target::default()];
    }
    for target in targets.iter().filter(|target| target.arch.is_empty()) {
        let declared = declaration_of(in_file, target).filter(|_| asked.is_empty());
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

/// Consumers choose by platform, so two images for one are one too many.
pub(super) fn warn_of_equal_platforms(
    images: &[(&Target, &Platform)],
    in_file: &[DeclaredTarget],
    findings: &mut Findings,
) {
    for (at, (target, platform)) in images.iter().enumerate() {
        if let Some((first, _)) = images[..at].iter().find(|(_, other)| other == platform) {
            let declared = declaration_of(in_file, target);
            findings.push(
                Finding::warning(format!(
                    "the images for `{first}` and `{target}` have the same platform {platform}"
                ))
                .hint("tools that choose by platform take the first of them")
                .at(declared.map(|declared| declared.place(Part::Whole).clone())),
            );
        }
    }
}
