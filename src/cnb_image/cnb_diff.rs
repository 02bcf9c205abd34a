//! [`CnbDiff`]: what differs between two images for who builds with them: modules, orders, run images, the lifecycle.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::builder_view::BuilderView;
use super::view::BuildpackageView;
use crate::cnb::builder_labels::{RunImage, System};
use crate::cnb::labels::{ModuleLayer, ModuleLayers};
use crate::cnb::lifecycle::LifecycleDescriptor;
use crate::cnb::module::ModuleKind;
use crate::cnb::order::{ModuleRef, Order};
use crate::cnb::paths::module_version_folder;

/// What an image is by its labels.
#[derive(Debug, Clone, Default)]
pub struct CnbFacts {
    /// `builder`, `buildpackage id@version`, ...; empty for any other image.
    pub what: String,
    /// The module that a package is of, as `id@version`.
    main: Option<String>,
    buildpacks: ModuleLayers,
    extensions: ModuleLayers,
    order: Order,
    order_extensions: Order,
    system: System,
    run_images: Vec<RunImage>,
    lifecycle: Option<LifecycleDescriptor>,
}

impl CnbFacts {
    /// Told from labels; those that can not be read say nothing.
    #[must_use]
    pub fn of(labels: &BTreeMap<String, String>) -> Self {
        if let Some(builder) = BuilderView::of(labels) {
            return Self {
                what: "builder".to_owned(),
                main: None,
                buildpacks: builder.known_buildpacks,
                extensions: builder.known_extensions,
                order: builder.order,
                order_extensions: builder.order_extensions,
                system: builder.system,
                run_images: builder.run_images,
                lifecycle: Some(builder.lifecycle),
            };
        }
        let Ok(Some(package)) = BuildpackageView::of(labels) else {
            return Self::default();
        };
        let kind = if package.extensions.is_empty() {
            "buildpackage"
        } else {
            "extension"
        };
        Self {
            what: format!("{kind} {}", package.metadata.info.id),
            order: package.main().map(|main| main.order.clone()).unwrap_or_default(),
            main: Some(package.full_name()),
            buildpacks: package.modules,
            extensions: package.extensions,
            ..Self::default()
        }
    }

    /// The modules in each layer, as `id@version`, by the digest of the layer before compression.
    #[must_use]
    pub fn modules_by_layer(&self) -> BTreeMap<String, Vec<String>> {
        let mut by_layer: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (id, versions) in self.buildpacks.iter().chain(&self.extensions) {
            for (version, label) in versions {
                let names = by_layer.entry(label.layer_diff_id.clone()).or_default();
                names.push(format!("{id}@{version}"));
            }
        }
        by_layer
    }
}

impl CnbFacts {
    /// The folder of each module in the image, by `id@version`.
    #[must_use]
    pub fn folders(&self) -> BTreeMap<String, String> {
        let kinds = [
            (ModuleKind::Buildpack, &self.buildpacks),
            (ModuleKind::Extension, &self.extensions),
        ];
        let mut folders = BTreeMap::new();
        for (kind, layers) in kinds {
            for (id, versions) in layers {
                for version in versions.keys() {
                    if let (Ok(own_id), Ok(own_version)) = (id.parse(), version.parse()) {
                        let folder = module_version_folder(kind, &own_id, &own_version);
                        folders.insert(format!("{id}@{version}"), folder);
                    }
                }
            }
        }
        folders
    }
}

/// What differs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CnbDiff {
    /// What the images are, where that is not the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what: Option<Change<String>>,
    /// Buildpacks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buildpacks: Vec<ModuleChange>,
    /// Extensions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<ModuleChange>,
    /// The order, a text for each group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Change<Vec<String>>>,
    /// The order of extensions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_extensions: Option<Change<Vec<String>>>,
    /// Orders of composites that are in both, by `id@version`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub composite_orders: BTreeMap<String, Change<Vec<String>>>,
    /// Buildpacks that run in every group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<Change<Vec<String>>>,
    /// Run images, each with its mirrors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_images: Option<Change<Vec<String>>>,
    /// The lifecycle: its version and APIs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<Change<Vec<String>>>,
}

/// Something that was one way, and is another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change<T> {
    /// How it was.
    pub before: T,
    /// How it is.
    pub after: T,
}

/// What happened to the modules of one id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModuleChange {
    /// The id.
    pub id: String,
    /// Versions that only the first image has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
    /// Versions that only the second has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<String>,
    /// Versions of both that have other content.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// Versions of both whose content is the same, but not what labels say of them: API, targets, stacks, texts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub described: Vec<String>,
}

impl CnbDiff {
    /// Between two images.
    #[must_use]
    pub fn of(before: &CnbFacts, after: &CnbFacts) -> Self {
        Self {
            what: change(before.what.clone(), after.what.clone()),
            buildpacks: modules(&before.buildpacks, &after.buildpacks),
            extensions: modules(&before.extensions, &after.extensions),
            order: change(groups(&before.order), groups(&after.order)),
            order_extensions: change(groups(&before.order_extensions), groups(&after.order_extensions)),
            composite_orders: composites(before, after),
            system: change(system(&before.system), system(&after.system)),
            run_images: change(run_images(&before.run_images), run_images(&after.run_images)),
            lifecycle: change(
                lifecycle(before.lifecycle.as_ref()),
                lifecycle(after.lifecycle.as_ref()),
            ),
        }
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn change<T: PartialEq>(before: T, after: T) -> Option<Change<T>> {
    (before != after).then_some(Change { before, after })
}

fn modules(before: &ModuleLayers, after: &ModuleLayers) -> Vec<ModuleChange> {
    let ids: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let nothing = BTreeMap::new();
    let mut changes = Vec::new();
    for id in ids {
        let (a, b) = (before.get(id).unwrap_or(&nothing), after.get(id).unwrap_or(&nothing));
        let only = |own: &BTreeMap<String, ModuleLayer>, other: &BTreeMap<String, ModuleLayer>| {
            let versions = own.keys().filter(|version| !other.contains_key(*version));
            versions.cloned().collect::<Vec<_>>()
        };
        let mut change = ModuleChange {
            id: id.clone(),
            removed: only(a, b),
            added: only(b, a),
            changed: Vec::new(),
            described: Vec::new(),
        };
        for (version, label) in a {
            match b.get(version) {
                Some(other) if other.layer_diff_id != label.layer_diff_id => change.changed.push(version.clone()),
                Some(other) if other != label => change.described.push(version.clone()),
                _ => {}
            }
        }
        let lists = [&change.removed, &change.added, &change.changed, &change.described];
        if lists.iter().any(|list| !list.is_empty()) {
            changes.push(change);
        }
    }
    changes
}

/// The orders of composites in builders, and of those below the main one in packages.
fn composites(before: &CnbFacts, after: &CnbFacts) -> BTreeMap<String, Change<Vec<String>>> {
    let mut changes = BTreeMap::new();
    for (id, versions) in &before.buildpacks {
        for (version, label) in versions {
            let other = after.buildpacks.get(id).and_then(|versions| versions.get(version));
            let Some(other) = other else { continue };
            let name = format!("{id}@{version}");
            // that of the main module is told as the order
            let is_main = before.main.as_ref() == Some(&name) && after.main.as_ref() == Some(&name);
            if let Some(change) = change(groups(&label.order), groups(&other.order)).filter(|_| !is_main) {
                changes.insert(name, change);
            }
        }
    }
    changes
}

fn groups(order: &Order) -> Vec<String> {
    let member = |entry: &ModuleRef| {
        let optional = if entry.optional { " (optional)" } else { "" };
        let environments = entry.exec_env.join(", ");
        let only = if environments.is_empty() {
            String::new()
        } else {
            format!(" (in {environments})")
        };
        format!("{entry}{optional}{only}")
    };
    order
        .iter()
        .map(|group| group.group.iter().map(member).collect::<Vec<_>>().join(", "))
        .collect()
}

fn system(system: &System) -> Vec<String> {
    let list = |when: &str, entries: &[ModuleRef]| {
        entries
            .iter()
            .map(|entry| format!("{when} {entry}"))
            .collect::<Vec<_>>()
    };
    [
        list("pre", &system.pre.buildpacks),
        list("post", &system.post.buildpacks),
    ]
    .concat()
}

fn run_images(images: &[RunImage]) -> Vec<String> {
    let text = |image: &RunImage| {
        let mirrors = image.mirrors.as_deref().unwrap_or_default();
        if mirrors.is_empty() {
            image.image.clone()
        } else {
            format!("{} (mirrors {})", image.image, mirrors.join(", "))
        }
    };
    images.iter().map(text).collect()
}

fn lifecycle(lifecycle: Option<&LifecycleDescriptor>) -> Vec<String> {
    let Some(lifecycle) = lifecycle else { return Vec::new() };
    let list = |what: &str, versions: &Option<Vec<_>>| {
        let versions: Vec<String> = versions.iter().flatten().map(ToString::to_string).collect();
        format!("{what} {}", versions.join(", "))
    };
    let apis = &lifecycle.apis;
    vec![
        format!("version {}", lifecycle.version),
        list("Buildpack APIs", &apis.buildpack.supported),
        list("deprecated Buildpack APIs", &apis.buildpack.deprecated),
        list("Platform APIs", &apis.platform.supported),
        list("deprecated Platform APIs", &apis.platform.deprecated),
    ]
}
