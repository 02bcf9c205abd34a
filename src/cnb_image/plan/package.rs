//! [`PackagePlan`]: for each target its modules, its layers and its platform.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::buildpackage;
use super::super::dependency::{Dependency, Opener};
use super::super::module_source::{ModuleSource, TargetView};
use super::super::package_file::PackageFile;
use super::checks::check_left_out;
use super::machine::warn_of_other_machine;
use super::member::{Files, LayerPlan, Member, MemberContent, layers};
use super::offers::{Composite, Root, key_of};
use super::resolve::Resolved;
use super::targets::{targets, warn_of_equal_platforms};
use crate::cnb::airpack_config::AirpackConfig;
use crate::cnb::labels::ModuleLayer;
use crate::cnb::module::ModuleDescriptor;
use crate::cnb::order::Removed;
use crate::cnb::stack::{Stack, common, supported};
use crate::cnb::target::Target;
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

    /// The modules at these positions, as `id@version`.
    #[must_use]
    pub fn names(&self, members: &[usize]) -> Vec<String> {
        members.iter().map(|at| self.members[*at].full_name()).collect()
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
    let file = source.tree.display(source.descriptor.kind.file().as_bytes());
    let targets = targets(&file, declared, ingredients.asked, ingredients.allow_unknown, findings);
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
    let root = Root {
        key: key_of(source),
        name: source.descriptor.full_name(),
        place: order_place(source),
        origin: Some(source.tree.origin().to_owned()),
    };
    let mut composite = Composite {
        root: &root,
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
        warn_of_other_machine(source, &view, target, findings)?;
        let resolved = if is_composite {
            composite.resolve(target, source, &view, findings)?
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
        check_left_out(&settings, &seen, &targets, ("package", "dependency"), findings);
    }
    for image in &mut images {
        let is_apart = |member: &Member| ingredients.flatten_exclude.contains(&member.full_name());
        image.layers = layers(&image.members, ingredients.flatten.then_some(&is_apart));
    }
    if !findings.has_errors() {
        check_excluded(ingredients.flatten_exclude, &images, findings);
    }
    let platforms: Vec<(&Target, &Platform)> = images.iter().map(|image| (&image.target, &image.platform)).collect();
    warn_of_equal_platforms(&platforms, declared, findings);
    Ok((!findings.has_errors()).then(|| PackagePlan {
        descriptor: Arc::clone(&source.descriptor),
        images,
    }))
}

/// Where the order stands; a module without one has its file.
fn order_place(source: &ModuleSource) -> Place {
    match &source.descriptor.order {
        Some(order) => order.place.clone(),
        None => Place {
            file: source.tree.display(source.descriptor.kind.file().as_bytes()),
            excerpt: None,
        },
    }
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
        place: None,
        content: MemberContent::Files(Box::new(Files {
            source: Arc::clone(source),
            choice: view.choice,
            files: view.files,
            pruned: resolved.pruned,
            descriptor: Arc::clone(&view.descriptor),
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

/// Only a composite has modules to leave out, and only a builder a lifecycle.
fn check_settings(source: &ModuleSource, settings: &[AirpackConfig], is_composite: bool, findings: &mut Findings) {
    for lifecycle in settings.iter().flat_map(|settings| &settings.lifecycles) {
        findings.push(
            Finding::error("[lifecycle] is for builders: a package has no lifecycle")
                .at(lifecycle.place.clone())
                .hint("move it to the airpack.toml beside builder.toml"),
        );
    }
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
