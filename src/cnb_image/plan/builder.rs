//! [`BuilderPlan`]: for each target the build image, the lifecycle, the modules and the layers of a builder.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::base_image::ChosenImage;
use super::super::builder_file::BuilderFile;
use super::super::buildpackage;
use super::super::dependency::{Dependency, Opener, Role};
use super::super::labels_below::LabelsBelow;
use super::super::layer_tar::{LayerContent, SmallLayer};
use super::super::lifecycle_shelf::LifecycleShelf;
use super::super::lifecycle_source::{LifecycleLayer, LifecycleSource};
use super::builder_checks::{Ground, find_run_images};
use super::builder_footing::{Footing, base_of, footing, open_base};
use super::builder_layers::{ToLayer, build_env, folders, module_layers, small, small_file};
use super::builder_metadata::labels_of;
use super::builder_modules::Modules;
use super::builder_order::ResolvedOrder;
use super::checks::check_left_out;
use super::member::Member;
use super::offers::{Composite, Key, Root, named};
use super::targets::{targets, warn_of_equal_platforms};
use crate::cnb::airpack_config::AirpackConfig;
use crate::cnb::builder_config::BuilderConfig;
use crate::cnb::builder_files::{order_toml, run_toml, stack_toml, system_toml};
use crate::cnb::builder_labels::{RunImage, StackMetadata, System};
use crate::cnb::labels::ModuleInfo;
use crate::cnb::module::ModuleKind;
use crate::cnb::order::{Order, Removed};
use crate::cnb::target::Target;
use crate::error::{Finding, Findings, Place, Result, Severity};
use crate::oci::platform::Platform;
use crate::progress::Progress;

/// Layers that container runtimes take at most.
const MAX_LAYERS: usize = 127;
/// Layers from which on there is a warning.
const MANY_LAYERS: usize = 110;
/// Both kinds of modules, in the order in which their layers come.
const KINDS: [ModuleKind; 2] = [ModuleKind::Buildpack, ModuleKind::Extension];

/// The images of a builder, one for each target.
#[derive(Debug)]
pub struct BuilderPlan {
    /// In the order of the targets.
    pub images: Vec<BuilderImage>,
}

/// One image of a builder.
#[derive(Debug)]
pub struct BuilderImage {
    /// The target as written, with at most one distribution.
    pub target: Target,
    /// What the image is for.
    pub platform: Platform,
    /// What it is built on, as it is written.
    pub base_name: String,
    /// The same, found.
    pub base: ChosenImage,
    /// Its lifecycle.
    pub lifecycle: Arc<LifecycleSource>,
    /// The modules that are added, buildpacks before extensions.
    pub members: Vec<Member>,
    /// What all its labels but those of layers are made of.
    pub labels: BuilderLabels,
    /// The layers on top of the build image's, the lowest first.
    pub layers: Vec<BuilderLayer>,
    /// Modules that are left out, as `id@version`.
    pub left_out: Vec<String>,
    /// What was taken out of which order.
    pub removed: Vec<(String, Vec<Removed>)>,
}

/// What the labels of a builder say.
#[derive(Debug, Clone)]
pub struct BuilderLabels {
    /// Those of the build image.
    pub below: LabelsBelow,
    /// All buildpacks.
    pub buildpacks: Vec<ModuleInfo>,
    /// All extensions.
    pub extensions: Vec<ModuleInfo>,
    /// The order, as it is written.
    pub order: Order,
    /// The order of extensions, as it is written.
    pub order_extensions: Order,
    /// Both with all versions.
    pub resolved: [Order; 2],
    /// `[system]`, as it is written; `None` where there is none.
    pub system: Option<System>,
    /// The run image, where there is a stack.
    pub stack: StackMetadata,
    /// All run images.
    pub run_images: Vec<RunImage>,
    /// What the builder is for.
    pub description: String,
}

/// A layer of a builder.
#[derive(Debug)]
pub struct BuilderLayer {
    /// What is in it.
    pub holds: Holds,
    /// How it comes about.
    pub content: LayerContent,
}

/// What a layer of a builder holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holds {
    /// Modules, by their positions.
    Modules(Vec<usize>),
    /// Something else, in words.
    Other(String),
}

impl BuilderImage {
    /// What a layer holds, in words; the modules as `id@version`.
    #[must_use]
    pub fn names(&self, holds: &Holds) -> Vec<String> {
        match holds {
            Holds::Modules(members) => members.iter().map(|at| self.members[*at].full_name()).collect(),
            Holds::Other(words) => vec![words.clone()],
        }
    }

    /// The members of one kind.
    pub fn members_of(&self, kind: ModuleKind) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(move |member| member.kind() == kind)
    }
}

/// What a builder is made of, and how.
pub struct BuilderIngredients<'a, 'o> {
    /// `builder.toml`.
    pub file: &'a BuilderFile,
    /// Targets in place of those of the file; none for those.
    pub asked: &'a [Target],
    /// Whether operating systems and architectures pass that are not known.
    pub allow_unknown: bool,
    /// Modules that share a layer, as `id@version`.
    pub flatten: &'a [Vec<String>],
    /// Opens what is named.
    pub opener: &'a mut Opener<'o>,
    /// All lifecycles that are named.
    pub lifecycles: LifecycleShelf<'o>,
    /// Reading layers and comparing modules takes time.
    pub progress: &'a dyn Progress,
}

/// Plans the images for the targets asked for, else for those of the file.
///
/// `None` when `findings` tell why not. Everything that can be found is told of at once.
pub fn plan(ingredients: &mut BuilderIngredients<'_, '_>, findings: &mut Findings) -> Result<Option<BuilderPlan>> {
    let file = ingredients.file;
    let config = &file.config;
    let declared = &config.targets;
    let targets = targets(
        &file.file,
        declared,
        ingredients.asked,
        ingredients.allow_unknown,
        findings,
    );
    // an os or an architecture that is not said is the usual one, from here on
    let whole: Vec<Target> = targets.iter().map(Target::with_defaults).collect();
    check_settings(&file.settings, findings);
    let (library, platforms) = (ingredients.opener.library, ingredients.opener.platforms.clone());
    let base = open_base(ingredients, findings);
    let run_images = find_run_images(library, &config.run_images, &platforms, findings);
    let mut footings = Vec::new();
    for target in &targets {
        footings.push(footing(ingredients, base.as_ref(), &run_images, target, findings)?);
    }
    let sorted = modules(ingredients, &whole, &footings, findings)?;
    check_flatten(ingredients.flatten, &sorted, findings);
    let mut images = Vec::new();
    for ((target, footing), modules) in targets.iter().zip(footings).zip(sorted) {
        ingredients.progress.check()?;
        images.extend(image(ingredients, target, footing, modules, findings)?);
    }
    let platforms: Vec<(&Target, &Platform)> = images.iter().map(|image| (&image.target, &image.platform)).collect();
    warn_of_equal_platforms(&platforms, declared, findings);
    Ok((!findings.has_errors()).then_some(BuilderPlan { images }))
}

/// `shared` is for the files of a module.
fn check_settings(settings: &AirpackConfig, findings: &mut Findings) {
    for shared in &settings.shared {
        findings.push(
            Finding::error("`shared` is for the files of a buildpack: a builder has none of its own")
                .at(shared.place.clone())
                .hint("move it to the airpack.toml beside buildpack.toml"),
        );
    }
}

/// The modules of both kinds for each target.
fn modules<'t>(
    ingredients: &mut BuilderIngredients<'_, '_>,
    targets: &'t [Target],
    footings: &[Footing],
    findings: &mut Findings,
) -> Result<Vec<[Modules<'t>; 2]>> {
    let file = ingredients.file;
    let settings = std::slice::from_ref(&file.settings);
    let mut by_kind = Vec::new();
    let mut seen: BTreeSet<Key> = BTreeSet::new();
    let mut is_complete = true;
    for kind in KINDS {
        let entries = file.config.modules(kind);
        let chain = [file.file.display().to_string()];
        let mut listed: Vec<Dependency> = Vec::new();
        for entry in entries {
            let value = &entry.value;
            let what = (value.written.as_str(), &value.locator, &entry.place);
            let opener = &mut *ingredients.opener;
            listed.extend(opener.open_listed(Role::OfBuilder(kind), what, &file.file, &chain, findings));
        }
        let root = Root {
            key: Key::default(),
            name: "the builder".to_owned(),
            place: Place {
                file: file.file.clone(),
                excerpt: None,
            },
            origin: None,
        };
        let mut composite = Composite {
            root: &root,
            settings,
            dependencies: &listed,
            opener: &mut *ingredients.opener,
            targets,
            progress: ingredients.progress,
            seen: BTreeSet::new(),
            is_incomplete: false,
        };
        let mut own = Vec::new();
        for (target, footing) in targets.iter().zip(footings) {
            let base = footing.below.layers(kind);
            own.push(composite.modules(kind, target, entries, base, findings)?);
        }
        is_complete &= !composite.is_incomplete();
        seen.append(&mut composite.seen);
        by_kind.push(own);
    }
    if is_complete {
        check_left_out(settings, &seen, targets, ("builder", "module"), findings);
    }
    let extensions = by_kind.pop().unwrap_or_default();
    let buildpacks = by_kind.pop().unwrap_or_default();
    Ok(buildpacks
        .into_iter()
        .zip(extensions)
        .map(|(buildpacks, extensions)| [buildpacks, extensions])
        .collect())
}

/// What shares a layer is there, of one kind, and in one group only.
fn check_flatten(groups: &[Vec<String>], sorted: &[[Modules<'_>; 2]], findings: &mut Findings) {
    let names_of = |at: usize| -> BTreeSet<String> {
        let of_kind = sorted.iter().map(|modules| &modules[at]);
        let keys = of_kind.flat_map(|modules| {
            let available = &modules.available;
            available.modules.iter().chain(&available.left_out)
        });
        keys.map(named).collect()
    };
    let by_kind = [names_of(0), names_of(1)];
    // without all modules it is not known what there is
    let is_known = sorted.iter().flatten().all(|modules| modules.is_whole);
    let mut seen = BTreeSet::new();
    for group in groups {
        for name in group {
            if is_known && !by_kind.iter().any(|names| names.contains(name)) {
                let has: Vec<String> = by_kind.iter().flatten().cloned().collect();
                findings.push(
                    Finding::error(format!("--flatten `{name}` is not in the builder"))
                        .hint(format!("it has {}", has.join(", "))),
                );
            }
            if !seen.insert(name) {
                findings.push(
                    Finding::error(format!("--flatten names `{name}` twice"))
                        .hint("a module is in one layer: name it once"),
                );
            }
        }
        let has_kind = |names: &BTreeSet<String>| group.iter().any(|name| names.contains(name));
        if by_kind.iter().all(has_kind) {
            findings.push(
                Finding::error(format!(
                    "--flatten `{}` names buildpacks and extensions, which do not share a layer",
                    group.join(",")
                ))
                .hint("give --flatten once for each kind"),
            );
        }
        if let [one] = group.as_slice() {
            findings.push(Finding::warning(format!(
                "--flatten `{one}` changes nothing but the order of layers: it names one module"
            )));
        }
    }
}

/// The orders and `[system]` of a builder for one target.
struct Orders {
    order: ResolvedOrder,
    order_extensions: ResolvedOrder,
    system: Option<System>,
    resolved_system: System,
}

/// The image for one target; `None` where `findings` tell why not.
fn image(
    ingredients: &BuilderIngredients<'_, '_>,
    target: &Target,
    mut footing: Footing,
    [mut buildpacks, mut extensions]: [Modules<'_>; 2],
    findings: &mut Findings,
) -> Result<Option<BuilderImage>> {
    let config = &ingredients.file.config;
    let before = findings.count(Severity::Error);
    check_modules(config, &footing, [&buildpacks, &extensions], findings);
    let orders = orders(config, &footing, [&buildpacks, &extensions], findings);
    let is_whole = buildpacks.is_whole && extensions.is_whole && findings.count(Severity::Error) == before;
    let (Some(base), Some(user), Some(lifecycle), true) = (footing.base, footing.user, footing.lifecycle, is_whole)
    else {
        return Ok(None);
    };
    let removed = removed_of(&orders, [&mut buildpacks, &mut extensions]);
    let left_out = [&buildpacks, &extensions].into_iter();
    let left_out = left_out
        .flat_map(|modules| &modules.available.left_out)
        .map(named)
        .collect();
    for (kind, modules) in KINDS.into_iter().zip([&buildpacks, &extensions]) {
        for (id, version) in &modules.dropped {
            footing.below.forget(kind, id, version);
        }
    }
    let run_images: Vec<RunImage> = config.run_images.iter().map(|image| image.value.clone()).collect();
    let mut layers = vec![
        small("folders", folders(user)),
        small(
            &format!("lifecycle {}", lifecycle.descriptor.version),
            LifecycleLayer::of(&lifecycle),
        ),
    ];
    let mut members = Vec::new();
    let written = [&orders.order, &orders.order_extensions];
    let labels = labels_of(
        config,
        footing.below,
        [&buildpacks, &extensions],
        written,
        orders.system,
    );
    for (kind, modules) in KINDS.into_iter().zip([buildpacks, extensions]) {
        let to_layer = ToLayer {
            kind,
            below: labels.below.layers(kind),
            dropped: &modules.dropped,
            flatten: ingredients.flatten,
        };
        layers.extend(module_layers(
            &to_layer,
            modules.members,
            &mut members,
            ingredients.progress,
        )?);
    }
    layers.push(small_file(
        "/cnb/order.toml",
        &order_toml(&orders.order.resolved, &orders.order_extensions.resolved),
    ));
    if !orders.resolved_system.is_empty() {
        layers.push(small_file("/cnb/system.toml", &system_toml(&orders.resolved_system)));
    }
    if let Some(first) = run_images.first() {
        layers.push(small_file("/cnb/stack.toml", &stack_toml(first)));
    }
    layers.push(small_file("/cnb/run.toml", &run_toml(&run_images)));
    if !config.build_env.0.is_empty() {
        layers.push(small("build.env", build_env(&config.build_env)));
    }
    // pack writes it, for variables that only its own commands set
    layers.push(small("env", SmallLayer::default()));
    warn_of_many_layers(target, base.image.manifest.layers.len() + layers.len(), findings);
    Ok(Some(BuilderImage {
        platform: platform_of(target, &base),
        target: target.clone(),
        base_name: base_of(config).0.to_owned(),
        base,
        lifecycle,
        members,
        labels,
        layers,
        left_out,
        removed,
    }))
}

/// That of the build image; the target says variant and version of the system where it names them.
fn platform_of(target: &Target, base: &ChosenImage) -> Platform {
    let wanted = buildpackage::platform(target);
    let own = base.image.config.platform();
    let or = |text: String, other: String| if text.is_empty() { other } else { text };
    Platform {
        architecture: or(own.architecture, wanted.architecture),
        os: or(own.os, wanted.os),
        os_version: wanted.os_version.or(own.os_version),
        variant: wanted.variant.or(own.variant),
        other: own.other,
    }
}

fn warn_of_many_layers(target: &Target, count: usize, findings: &mut Findings) {
    if count >= MANY_LAYERS {
        let of = target.with_defaults();
        findings.push(
            Finding::warning(format!(
                "the builder for {of} has {count} layers: with more than {MAX_LAYERS} it does not run"
            ))
            .hint("--flatten ID@VERSION,ID@VERSION puts modules into one layer"),
        );
    }
}

/// Everything that is added, or is there, runs on what is below it.
fn check_modules(config: &BuilderConfig, footing: &Footing, modules: [&Modules<'_>; 2], findings: &mut Findings) {
    let (base_name, base_place) = base_of(config);
    let ground = Ground {
        target: modules[0].available.target,
        base: footing.base.as_ref(),
        base_name,
        base_place,
        lifecycle: footing.lifecycle.as_deref(),
        stack_id: footing.below.stack_id.as_deref(),
        mixins: footing.below.mixins.as_deref().unwrap_or_default(),
    };
    for (kind, modules) in KINDS.into_iter().zip(modules) {
        let mut new = BTreeSet::new();
        for member in &modules.members {
            ground.check_member(member, findings);
            new.insert((member.id.to_string(), member.version.to_string()));
        }
        for (id, versions) in footing.below.layers(kind) {
            for (version, label) in versions {
                let key = (id.clone(), version.clone());
                if !new.contains(&key) && !modules.dropped.contains(&key) {
                    ground.check_below(&named(&key), label, findings);
                }
            }
        }
        if kind == ModuleKind::Extension && !modules.available.modules.is_empty() {
            let first = config.extensions.first().map(|entry| &entry.place);
            ground.check_extensions(first.or(base_place), findings);
        }
    }
}

/// What the references in orders and `[system]` mean.
fn orders(
    config: &BuilderConfig,
    footing: &Footing,
    [buildpacks, extensions]: [&Modules<'_>; 2],
    findings: &mut Findings,
) -> Orders {
    let available = &buildpacks.available;
    let order = available.order(&config.order, findings);
    let order_extensions = extensions.available.order(&config.order_extensions, findings);
    let pre_len = config.system.pre.buildpacks.len();
    let (pre_places, post_places) = config.system_places.split_at(pre_len.min(config.system_places.len()));
    let (pre, resolved_pre) = available.system(&config.system.pre, pre_places, findings);
    let (post, resolved_post) = available.system(&config.system.post, post_places, findings);
    // without one of its own a builder keeps that of the image below
    let below = &footing.below.system;
    if let (true, Some(place)) = (config.system.is_empty(), base_of(config).1) {
        for list in [&below.pre, &below.post] {
            let places = vec![place.clone(); list.buildpacks.len()];
            let _ = available.system(list, &places, findings);
        }
    }
    let written = System { pre, post };
    Orders {
        order,
        order_extensions,
        system: (!written.is_empty()).then_some(written),
        resolved_system: System {
            pre: resolved_pre,
            post: resolved_post,
        },
    }
}

/// What was taken out: of the builder's own orders, then of those of composites.
fn removed_of(orders: &Orders, modules: [&mut Modules<'_>; 2]) -> Vec<(String, Vec<Removed>)> {
    let own = [
        ("the builder", &orders.order),
        ("the builder's extensions", &orders.order_extensions),
    ];
    let mut removed: Vec<(String, Vec<Removed>)> = own
        .into_iter()
        .filter(|(_, order)| !order.removed.is_empty())
        .map(|(name, order)| (name.to_owned(), order.removed.clone()))
        .collect();
    for modules in modules {
        removed.append(&mut modules.removed);
    }
    removed
}
