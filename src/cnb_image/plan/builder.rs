//! [`BuilderPlan`]: for each target the build image, the lifecycle, the modules and the layers of a builder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::super::base_image::{BaseImage, ChosenImage};
use super::super::build_user::BuildUser;
use super::super::buildpackage;
use super::super::dependency::{Dependency, Opener, Role, Source, refusal};
use super::super::labels_below::{LabelsBelow, labels_below};
use super::super::layer_tar::{LayerContent, LayerTar, SmallLayer};
use super::super::lifecycle_shelf::LifecycleShelf;
use super::super::lifecycle_source::{LifecycleLayer, LifecycleSource};
use super::builder_checks::{FoundRunImage, Ground, find_run_images};
use super::builder_layers::{build_env, file, folders, whiteout};
use super::builder_modules::Modules;
use super::builder_order::ResolvedOrder;
use super::checks::check_left_out;
use super::member::{Member, MemberContent, layers};
use super::offers::{Composite, Key, Root};
use super::targets::{targets, warn_of_equal_platforms};
use crate::cnb::airpack_config::AirpackConfig;
use crate::cnb::builder_config::BuilderConfig;
use crate::cnb::builder_files::{order_toml, run_toml, stack_toml, system_toml};
use crate::cnb::builder_labels::{RunImage, StackMetadata, System};
use crate::cnb::labels::{ModuleInfo, ModuleLayers};
use crate::cnb::locator::Locator;
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
    /// What it is built on.
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

/// A `builder.toml` that was read, with the settings beside it.
#[derive(Debug, Clone)]
pub struct BuilderFile {
    /// The file.
    pub file: PathBuf,
    /// What it says.
    pub config: BuilderConfig,
    /// What `airpack.toml` beside it says.
    pub settings: AirpackConfig,
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

/// What is known for one target before modules are looked at.
struct Footing {
    base: ChosenImage,
    below: LabelsBelow,
    user: Option<BuildUser>,
    lifecycle: Option<Arc<LifecycleSource>>,
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
    check_settings(&file.settings, findings);
    let library = ingredients.opener.library;
    let platforms = ingredients.opener.platforms.clone();
    let base = open_base(ingredients, &platforms, findings);
    let run_images = find_run_images(library, &config.run_images, &platforms, findings);
    let mut footings = Vec::new();
    for target in &targets {
        let footing = match &base {
            Some(base) => footing(ingredients, base, &run_images, target, findings)?,
            None => {
                lifecycle_for(ingredients, target, findings);
                None
            }
        };
        footings.push(footing);
    }
    let sorted = modules(ingredients, &targets, &footings, findings)?;
    check_flatten(ingredients.flatten, &sorted, findings);
    let mut images = Vec::new();
    for ((target, footing), modules) in targets.iter().zip(footings).zip(sorted) {
        ingredients.progress.check()?;
        let (Some(footing), Some(modules)) = (footing, modules) else {
            continue;
        };
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

fn open_base(
    ingredients: &BuilderIngredients<'_, '_>,
    platforms: &[String],
    findings: &mut Findings,
) -> Option<BaseImage> {
    let named = ingredients.file.config.build_image.as_ref()?;
    let library = ingredients.opener.library;
    let locator = match Locator::of_uri(&named.value) {
        stored @ Locator::Stored { .. } => stored,
        _ => Locator::of_image(&named.value),
    };
    let opened = Source::of(&locator, &named.value, &ingredients.file.file)
        .and_then(|source| match source {
            Source::Stored(location) => library.open_at(&location),
            Source::Image(name) => library.find(&name, platforms),
            Source::Path(_) => unreachable!("neither of the two is a path"),
        })
        .and_then(|found| BaseImage::open(&found));
    match opened {
        Ok(base) => Some(base),
        Err(error) => {
            findings.push(refusal(&format!("build image `{}`", named.value), &error).at(named.place.clone()));
            None
        }
    }
}

fn lifecycle_for(
    ingredients: &mut BuilderIngredients<'_, '_>,
    target: &Target,
    findings: &mut Findings,
) -> Option<Arc<LifecycleSource>> {
    match ingredients.lifecycles.for_target(&target.with_defaults()) {
        Ok(lifecycle) => {
            for finding in lifecycle.check(target) {
                findings.push(finding);
            }
            Some(lifecycle)
        }
        Err(finding) => {
            findings.push(finding);
            None
        }
    }
}

/// The build image, who builds run as, the lifecycle; `None` without a build image.
fn footing(
    ingredients: &mut BuilderIngredients<'_, '_>,
    base: &BaseImage,
    run_images: &[FoundRunImage],
    target: &Target,
    findings: &mut Findings,
) -> Result<Option<Footing>> {
    ingredients.progress.check()?;
    let lifecycle = lifecycle_for(ingredients, target, findings);
    let config = &ingredients.file.config;
    let (name, place) = match &config.build_image {
        Some(named) => (named.value.as_str(), Some(named.place.clone())),
        None => ("", None),
    };
    let base = match base.for_target(target) {
        Ok(base) => base,
        Err(error) => {
            findings.push(refusal(&format!("build image `{name}`"), &error).at(place));
            return Ok(None);
        }
    };
    let (user, faults) = BuildUser::of(&base.image.config);
    for mut finding in faults {
        finding.message = format!(
            "{} (`{name}` for {})",
            finding.message,
            target.with_defaults().platform_text()
        );
        findings.push(finding.at(place.clone()));
    }
    if let Some(distro) = target.distros.first().filter(|_| base.distro.is_none()) {
        findings.push(
            Finding::warning(format!(
                "build image `{name}` does not say what distribution it is: whether it is {distro} can not be told"
            ))
            .at(place.clone())
            .hint("it has neither labels io.buildpacks.base.distro.* nor /etc/os-release"),
        );
    }
    let below = match labels_below(&base.image.config.labels()) {
        Ok(below) => below,
        Err(error) => {
            findings.push(refusal(&format!("build image `{name}`"), &error).at(place));
            return Ok(None);
        }
    };
    if let Some(id) = config.stack.as_ref().and_then(|stack| stack.id.as_ref())
        && below.stack_id.as_ref() != Some(&id.value)
    {
        let own = match &below.stack_id {
            Some(own) => format!("is for stack `{own}`"),
            None => "has no stack".to_owned(),
        };
        findings.push(
            Finding::error(format!(
                "`stack.id` is `{}`, but build image `{name}` for {} {own}",
                id.value,
                target.with_defaults().platform_text()
            ))
            .at(id.place.clone()),
        );
    }
    for run_image in run_images {
        run_image.check(target, &base, findings);
    }
    Ok(Some(Footing {
        base,
        below,
        user,
        lifecycle,
    }))
}

/// The modules of both kinds for each target; `None` where `findings` tell why not.
fn modules<'t>(
    ingredients: &mut BuilderIngredients<'_, '_>,
    targets: &'t [Target],
    footings: &[Option<Footing>],
    findings: &mut Findings,
) -> Result<Vec<Option<[Modules<'t>; 2]>>> {
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
            listed.extend(
                ingredients
                    .opener
                    .open_listed(Role::OfBuilder(kind), what, &file.file, &chain, findings),
            );
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
            let none = ModuleLayers::new();
            let base = footing.as_ref().map_or(&none, |footing| footing.below.layers(kind));
            own.push(composite.modules(kind, target, entries, base, findings)?);
        }
        is_complete &= !composite.is_incomplete && !composite.opener.has_failed;
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
        .map(|(buildpacks, extensions)| Some([buildpacks?, extensions?]))
        .collect())
}

/// What shares a layer is there, and in one group only.
fn check_flatten(groups: &[Vec<String>], sorted: &[Option<[Modules<'_>; 2]>], findings: &mut Findings) {
    let mut all = BTreeSet::new();
    for modules in sorted.iter().flatten().flatten() {
        all.extend(modules.members.iter().map(Member::full_name));
        let left_out = &modules.available.left_out;
        all.extend(left_out.iter().map(|(id, version)| format!("{id}@{version}")));
    }
    // without all modules it is not known what there is
    let is_known = !sorted.is_empty() && sorted.iter().all(Option::is_some);
    let mut seen = BTreeSet::new();
    for name in groups.iter().flatten() {
        if is_known && !all.contains(name) {
            let has: Vec<String> = all.iter().cloned().collect();
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
}

/// The image for one target; `None` where `findings` tell why not.
fn image(
    ingredients: &BuilderIngredients<'_, '_>,
    target: &Target,
    footing: Footing,
    [mut buildpacks, mut extensions]: [Modules<'_>; 2],
    findings: &mut Findings,
) -> Result<Option<BuilderImage>> {
    let config = &ingredients.file.config;
    let before = findings.count(Severity::Error);
    check_modules(ingredients.file, target, &footing, [&buildpacks, &extensions], findings);
    let order = buildpacks.available.order(&config.order, findings);
    let order_extensions = extensions.available.order(&config.order_extensions, findings);
    let (system, resolved_system) = system(config, &buildpacks, findings);
    let (Some(user), Some(lifecycle)) = (footing.user, footing.lifecycle) else {
        return Ok(None);
    };
    if findings.count(Severity::Error) > before {
        return Ok(None);
    }
    let removed = removed_of(&order, &order_extensions, [&mut buildpacks, &mut extensions]);
    let left_out = [&buildpacks, &extensions]
        .into_iter()
        .flat_map(|modules| &modules.available.left_out)
        .map(|(id, version)| format!("{id}@{version}"))
        .collect();
    let run_images: Vec<RunImage> = config.run_images.iter().map(|image| image.value.clone()).collect();
    let mut layers = vec![
        small("folders", folders(user)),
        BuilderLayer {
            holds: Holds::Other(format!("lifecycle {}", lifecycle.descriptor.version)),
            content: LayerContent::Written(Box::new(LifecycleLayer::of(&lifecycle))),
        },
    ];
    let labels = labels_of(
        config,
        &footing.below,
        [&buildpacks, &extensions],
        [&order, &order_extensions],
        system,
    );
    let mut members = Vec::new();
    for (kind, modules) in KINDS.into_iter().zip([buildpacks, extensions]) {
        let below = footing.below.layers(kind);
        layers.extend(module_layers(ingredients, kind, modules.members, below, &mut members)?);
    }
    layers.push(small_file(
        "/cnb/order.toml",
        &order_toml(&order.resolved, &order_extensions.resolved),
    ));
    if !resolved_system.is_empty() {
        layers.push(small_file("/cnb/system.toml", &system_toml(&resolved_system)));
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
    warn_of_many_layers(
        target,
        footing.base.image.manifest.layers.len() + layers.len(),
        findings,
    );
    Ok(Some(BuilderImage {
        platform: platform_of(target, &footing.base),
        target: target.clone(),
        base: footing.base,
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

fn small(holds: &str, layer: impl LayerTar + 'static) -> BuilderLayer {
    BuilderLayer {
        holds: Holds::Other(holds.to_owned()),
        content: LayerContent::Written(Box::new(layer)),
    }
}

fn small_file(path: &str, text: &str) -> BuilderLayer {
    small(path, file(path, text))
}

/// Everything that is added, or is there, runs on what is below it.
fn check_modules(
    file: &BuilderFile,
    target: &Target,
    footing: &Footing,
    modules: [&Modules<'_>; 2],
    findings: &mut Findings,
) {
    let Some(lifecycle) = &footing.lifecycle else { return };
    let target = target.with_defaults();
    let base_name = file
        .config
        .build_image
        .as_ref()
        .map_or("", |image| image.value.as_str());
    let ground = Ground {
        target: &target,
        base: &footing.base,
        base_name,
        lifecycle,
        stack_id: footing.below.stack_id.as_deref(),
        mixins: footing.below.mixins.as_deref().unwrap_or_default(),
    };
    for (kind, modules) in KINDS.into_iter().zip(modules) {
        let entries = file.config.modules(kind);
        let mut new = BTreeSet::new();
        for member in &modules.members {
            let entry = entries
                .iter()
                .find(|entry| member.chain.get(1) == Some(&entry.value.written));
            ground.check_member(member, entry.map(|entry| &entry.place), findings);
            new.insert((member.id.as_str(), member.version.as_str()));
        }
        for (id, versions) in footing.below.layers(kind) {
            for (version, label) in versions {
                if !new.contains(&(id.as_str(), version.as_str())) {
                    ground.check_below(&format!("{id}@{version}"), label, findings);
                }
            }
        }
        if kind == ModuleKind::Extension && !modules.available.modules.is_empty() {
            ground.check_extensions(entries.first().map(|entry| &entry.place), findings);
        }
    }
}

/// `[system]`, as written and with all versions.
fn system(config: &BuilderConfig, buildpacks: &Modules<'_>, findings: &mut Findings) -> (Option<System>, System) {
    let pre_len = config.system.pre.buildpacks.len();
    let (pre_places, post_places) = config.system_places.split_at(pre_len.min(config.system_places.len()));
    let (pre, resolved_pre) = buildpacks.available.system(&config.system.pre, pre_places, findings);
    let (post, resolved_post) = buildpacks.available.system(&config.system.post, post_places, findings);
    let written = System { pre, post };
    let resolved = System {
        pre: resolved_pre,
        post: resolved_post,
    };
    ((!written.is_empty()).then_some(written), resolved)
}

/// What was taken out: of the builder's own orders, then of those of composites.
fn removed_of(
    order: &ResolvedOrder,
    order_extensions: &ResolvedOrder,
    modules: [&mut Modules<'_>; 2],
) -> Vec<(String, Vec<Removed>)> {
    let own = [("the builder", order), ("the builder's extensions", order_extensions)];
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

fn labels_of(
    config: &BuilderConfig,
    below: &LabelsBelow,
    [buildpacks, extensions]: [&Modules<'_>; 2],
    [order, order_extensions]: [&ResolvedOrder; 2],
    system: Option<System>,
) -> BuilderLabels {
    let run_images: Vec<RunImage> = config.run_images.iter().map(|image| image.value.clone()).collect();
    let has_stack = config.stack.as_ref().is_some_and(|stack| stack.id.is_some());
    BuilderLabels {
        buildpacks: infos(below.infos(ModuleKind::Buildpack), &buildpacks.members),
        extensions: infos(below.infos(ModuleKind::Extension), &extensions.members),
        below: below.clone(),
        order: order.written.clone(),
        order_extensions: order_extensions.written.clone(),
        resolved: [order.resolved.clone(), order_extensions.resolved.clone()],
        system,
        stack: StackMetadata {
            run_image: run_images.first().filter(|_| has_stack).cloned().unwrap_or_default(),
        },
        run_images,
        description: config.description.clone(),
    }
}

/// What is said of all modules, each once: those below where they are not replaced, then the new ones.
fn infos(below: &[ModuleInfo], members: &[Member]) -> Vec<ModuleInfo> {
    let new: Vec<ModuleInfo> = members.iter().map(info).collect();
    let is_new = |info: &&ModuleInfo| {
        let replaces = |own: &ModuleInfo| (&own.id, &own.version) == (&info.id, &info.version);
        !new.iter().any(replaces)
    };
    below
        .iter()
        .filter(is_new)
        .cloned()
        .chain(new.iter().cloned())
        .collect()
}

/// What an image's label says is all that is known of a module that comes from one.
fn info(member: &Member) -> ModuleInfo {
    match &member.content {
        MemberContent::Files(files) => ModuleInfo::of(&files.descriptor),
        MemberContent::Packaged { .. } => ModuleInfo {
            id: member.id.to_string(),
            version: member.version.to_string(),
            name: member.label.name.clone(),
            homepage: member.label.homepage.clone(),
            ..ModuleInfo::default()
        },
    }
}

/// The layers of one kind: whiteouts of what is replaced, groups that share a layer, then one for each module.
fn module_layers(
    ingredients: &BuilderIngredients<'_, '_>,
    kind: ModuleKind,
    new: Vec<Member>,
    below: &ModuleLayers,
    members: &mut Vec<Member>,
) -> Result<Vec<BuilderLayer>> {
    let mut whiteouts = Vec::new();
    let mut apart = Vec::new();
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for member in new {
        let name = member.full_name();
        let group = ingredients.flatten.iter().position(|group| group.contains(&name));
        let known = below
            .get(member.id.as_str())
            .and_then(|versions| versions.get(member.version.as_str()));
        if let Some(known) = known {
            let is_same = member.diff_id(ingredients.progress)?.to_string() == known.layer_diff_id;
            if is_same && group.is_none() {
                continue;
            }
            let layer = whiteout(kind, &member.id, &member.version);
            whiteouts.push(small(&format!("whiteout of {name}"), layer));
        }
        match group {
            Some(group) => groups.entry(group).or_default().push(members.len()),
            None => apart.push(members.len()),
        }
        members.push(member);
    }
    let layer = |positions: Vec<usize>| {
        let own: Vec<Member> = positions.iter().map(|at| members[*at].clone()).collect();
        layers(&own, Some(&|_| false))
            .into_iter()
            .map(move |layer| BuilderLayer {
                holds: Holds::Modules(positions.clone()),
                content: layer.content,
            })
    };
    let smallest = |positions: &Vec<usize>| positions.iter().map(|at| members[*at].full_name()).min();
    let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
    groups.sort_by_cached_key(smallest);
    apart.sort_by_cached_key(|at| members[*at].full_name());
    let mut all = whiteouts;
    all.extend(groups.into_iter().flat_map(layer));
    all.extend(apart.into_iter().flat_map(|at| layer(vec![at])));
    Ok(all)
}
