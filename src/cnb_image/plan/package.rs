//! [`PackagePlan`]: for each target its modules, its layers and its platform.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::buildpackage;
use super::super::dependency::{Dependency, Opener};
use super::super::module_source::{ModuleSource, TargetView};
use super::super::package_file::PackageFile;
use super::member::{Files, LayerPlan, Member, MemberContent, layers};
use super::offers::Composite;
use super::resolve::Resolved;
use crate::cnb::airpack_config::AirpackConfig;
use crate::cnb::labels::ModuleLayer;
use crate::cnb::module::ModuleDescriptor;
use crate::cnb::order::Removed;
use crate::cnb::stack::{Stack, common, supported};
use crate::cnb::target::{DeclaredTarget, Part, Target, declaration_of};
use crate::error::{Finding, Findings, Place, Result};
use crate::oci::platform::Platform;
use crate::progress::Progress;

/// The images of a package, one for each target.
#[derive(Debug)]
pub struct PackagePlan {
    /// The main module.
    pub descriptor: Arc<ModuleDescriptor>,
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
    /// The descriptor of the main module in the image.
    pub descriptor: Arc<ModuleDescriptor>,
    /// The modules; the main one comes last.
    pub members: Vec<Member>,
    /// The layers, the lowest first.
    pub layers: Vec<LayerPlan>,
    /// What all modules support.
    pub stacks: Vec<Stack>,
    /// Modules that are left out, as `id@version`.
    pub left_out: Vec<String>,
    /// What was taken out of which composite's order.
    pub removed: Vec<(String, Vec<Removed>)>,
}

impl ImagePlan {
    /// The main module.
    #[must_use]
    pub fn main(&self) -> &Member {
        self.members.last().expect("an image has its main module")
    }

    /// The main module's files.
    #[must_use]
    pub fn main_files(&self) -> &Files {
        match &self.main().content {
            MemberContent::Files(files) => files,
            MemberContent::Packaged { .. } => unreachable!("the main module is packaged now"),
        }
    }
}

/// What a package is made of, and how.
pub struct Ingredients<'a, 'o> {
    /// The main module.
    pub source: &'a Arc<ModuleSource>,
    /// `package.toml`, where there is one.
    pub config: Option<&'a PackageFile>,
    /// What it lists, opened.
    pub dependencies: &'a [Dependency],
    /// Targets in place of those of the files; none for those.
    pub asked: &'a [Target],
    /// Whether operating systems and architectures pass that are not known.
    pub allow_unknown: bool,
    /// Whether there is one layer for all.
    pub flatten: bool,
    /// What gets a layer of its own all the same, as `id@version`.
    pub flatten_exclude: &'a BTreeSet<String>,
    /// Opens what dependencies name.
    pub opener: &'a mut Opener<'o>,
    /// Reading layers and comparing modules takes time.
    pub progress: &'a dyn Progress,
}

/// Plans the images for the targets asked for, else for those of the files.
///
/// `None` when `findings` tell why not.
pub fn plan(ingredients: &mut Ingredients<'_, '_>, findings: &mut Findings) -> Result<Option<PackagePlan>> {
    let source = ingredients.source;
    let is_composite = source.descriptor.order.is_some();
    let declared = match ingredients.config {
        Some(file) if is_composite => &file.config.targets,
        _ => &source.descriptor.targets,
    };
    let targets = targets(source, declared, ingredients.asked, ingredients.allow_unknown, findings);
    let everybody: Vec<Target> = declared
        .iter()
        .flat_map(|declared| declared.target.expand())
        .chain(targets.iter().cloned())
        .collect();
    if ingredients.flatten {
        findings.push(if is_composite {
            Finding::warning(
                "--flatten puts several buildpacks into one layer: the distribution spec wants one layer for each",
            )
            .hint("only some tools read such packages")
        } else {
            Finding::warning("--flatten changes nothing: only a composite buildpack has others in it")
        });
    }
    let settings: Vec<AirpackConfig> = [Some(&source.settings), ingredients.config.map(|file| &file.settings)]
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    check_settings(source, &settings, is_composite, findings);
    let mut composite = Composite {
        main: source,
        settings: &settings,
        dependencies: ingredients.dependencies,
        opener: &mut *ingredients.opener,
        targets: &targets,
        progress: ingredients.progress,
        seen: BTreeSet::new(),
        is_incomplete: false,
    };
    let mut images = Vec::new();
    for target in &targets {
        ingredients.progress.check()?;
        let Some(view) = source.view(target, &everybody, findings)? else {
            continue;
        };
        let resolved = if is_composite {
            composite.resolve(target, &view, findings)?
        } else {
            Some(Resolved::nothing())
        };
        let Some(resolved) = resolved else { continue };
        let Some(stacks) = common_stacks(&resolved, &view, target, findings) else {
            continue;
        };
        images.push(image(source, target, view, resolved, stacks));
    }
    let is_complete = !composite.is_incomplete && !composite.opener.has_failed;
    let seen = composite.seen;
    if is_complete {
        check_left_out(&settings, &seen, &targets, findings);
    }
    for image in &mut images {
        let is_apart = |member: &Member| ingredients.flatten_exclude.contains(&member.full_name());
        image.layers = layers(&image.members, ingredients.flatten.then_some(&is_apart));
    }
    if !findings.has_errors() {
        check_excluded(ingredients.flatten_exclude, &images, findings);
    }
    warn_of_equal_platforms(&images, declared, findings);
    Ok((!findings.has_errors()).then(|| PackagePlan {
        descriptor: Arc::clone(&source.descriptor),
        images,
    }))
}

fn image(
    source: &Arc<ModuleSource>,
    target: &Target,
    view: TargetView,
    resolved: Resolved,
    stacks: Vec<Stack>,
) -> ImagePlan {
    let mut label = ModuleLayer::of(&view.descriptor);
    label.order = resolved.order;
    let main = Member {
        id: source.descriptor.id.clone(),
        version: source.descriptor.version.clone(),
        label,
        chain: Vec::new(),
        content: MemberContent::Files(Box::new(Files {
            source: Arc::clone(source),
            choice: view.choice,
            files: view.files,
            pruned: resolved.pruned,
        })),
    };
    let mut members = resolved.members;
    members.push(main);
    ImagePlan {
        platform: buildpackage::platform(target),
        target: target.clone(),
        descriptor: view.descriptor,
        members,
        layers: Vec::new(),
        stacks,
        left_out: resolved.left_out,
        removed: resolved.removed,
    }
}

/// What all modules that do something support. `None`, and a finding, when there is nothing.
fn common_stacks(
    resolved: &Resolved,
    view: &TargetView,
    target: &Target,
    findings: &mut Findings,
) -> Option<Vec<Stack>> {
    let members = || resolved.members.iter().filter(|member| !member.label.is_composite());
    let stacks = members()
        .map(|member| supported(&member.label.stacks))
        .reduce(|both, own| common(&both, &own));
    let Some(stacks) = stacks else {
        return Some(supported(&view.descriptor.stacks));
    };
    if stacks.is_empty() {
        let said = |member: &Member| {
            let ids: Vec<String> = supported(&member.label.stacks)
                .into_iter()
                .map(|stack| stack.id)
                .collect();
            format!(
                "{} ({}) supports {}",
                member.full_name(),
                member.chain.join(" -> "),
                ids.join(", ")
            )
        };
        let place = view.descriptor.order.as_ref().map(|order| order.place.clone());
        findings.push(
            Finding::error(format!(
                "the buildpacks of {} have no stack in common for {}: {}",
                view.descriptor.full_name(),
                buildpackage::platform(target),
                members().map(said).collect::<Vec<_>>().join("; ")
            ))
            .at(place)
            .hint("a composite runs where all of its buildpacks do"),
        );
        return None;
    }
    Some(stacks)
}

/// Only a composite has modules to leave out.
fn check_settings(source: &ModuleSource, settings: &[AirpackConfig], is_composite: bool, findings: &mut Findings) {
    if is_composite {
        return;
    }
    for only in settings.iter().flat_map(|settings| &settings.modules) {
        findings.push(
            Finding::error(format!(
                "[[modules]] leaves out dependencies, which {} has none of",
                source.descriptor.full_name()
            ))
            .at(only.place.clone())
            .hint("it is for composite buildpacks and builders"),
        );
    }
}

/// What is declared to be left out is there.
fn check_left_out(
    settings: &[AirpackConfig],
    seen: &BTreeSet<(String, String)>,
    targets: &[Target],
    findings: &mut Findings,
) {
    for only in settings.iter().flat_map(|settings| &settings.modules) {
        let is_there = seen.iter().any(|(id, version)| only.value.is_about(id, version));
        if is_there
            && !targets
                .iter()
                .any(|target| only.value.includes(&target.with_defaults()))
        {
            findings.push(
                Finding::warning(format!(
                    "`{}` is left out for every target of this package",
                    only.value.id
                ))
                .at(only.place.clone())
                .hint("its `targets` are none of those that are packaged"),
            );
        }
        // with other faults, what is there is not known for sure
        if !is_there && !seen.is_empty() {
            let version = only
                .value
                .version
                .as_ref()
                .map(|version| format!("@{version}"))
                .unwrap_or_default();
            let has: Vec<String> = seen.iter().map(|(id, version)| format!("{id}@{version}")).collect();
            findings.push(
                Finding::error(format!("no dependency is `{}{version}`", only.value.id))
                    .at(only.place.clone())
                    .hint(format!("there is {}", has.join(", "))),
            );
        }
    }
}

fn check_excluded(excluded: &BTreeSet<String>, images: &[ImagePlan], findings: &mut Findings) {
    let all: BTreeSet<String> = images
        .iter()
        .flat_map(|image| {
            image
                .members
                .iter()
                .map(Member::full_name)
                .chain(image.left_out.iter().cloned())
        })
        .collect();
    for name in excluded.difference(&all) {
        findings.push(
            Finding::error(format!("--flatten-exclude `{name}` is not in the package"))
                .hint(format!("it has {}", all.iter().cloned().collect::<Vec<_>>().join(", "))),
        );
    }
}

/// One target for each image.
fn targets(
    source: &ModuleSource,
    in_file: &[DeclaredTarget],
    asked: &[Target],
    allow_unknown: bool,
    findings: &mut Findings,
) -> Vec<Target> {
    let declared: Vec<Target> = in_file.iter().flat_map(|declared| declared.target.expand()).collect();
    let targets = if asked.is_empty() {
        declared
    } else {
        asked_targets(asked, &declared, allow_unknown, findings)
    };
    if targets.is_empty() {
        // targets that were asked for and are all wrong have been told of
        if asked.is_empty() {
            let file = source.tree.display(source.descriptor.kind.file().as_bytes());
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

fn warn_of_equal_platforms(images: &[ImagePlan], in_file: &[DeclaredTarget], findings: &mut Findings) {
    for (at, image) in images.iter().enumerate() {
        if let Some(first) = images[..at].iter().find(|other| other.platform == image.platform) {
            let declared = declaration_of(in_file, &image.target);
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
