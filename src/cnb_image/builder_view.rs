//! What a builder is, told from its labels: [`BuilderView`] for one image, [`BuilderOverview`] over all its platforms.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::cnb::builder_labels::{
    BUILDER_METADATA, BUILDER_ORDER, BUILDER_ORDER_EXTENSIONS, BUILDER_SYSTEM, BuilderMetadata, CreatedBy, RunImage,
    STACK_ID, System,
};
use crate::cnb::labels::{BUILDPACK_LAYERS, EXTENSION_LAYERS, ModuleInfo, ModuleLayer, ModuleLayers};
use crate::cnb::lifecycle::LifecycleDescriptor;
use crate::cnb::order::{Group, ModuleRef, Order};
use crate::cnb::target::Target;
use crate::oci::platform::Platform;

/// A builder by the labels of one image.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BuilderView {
    /// What it is for.
    pub description: String,
    /// What made it.
    pub created_by: CreatedBy,
    /// Its stack (deprecated).
    #[serde(rename = "stack", skip_serializing_if = "String::is_empty")]
    pub stack_id: String,
    /// Its lifecycle; lists that are `null` in the label are empty.
    pub lifecycle: LifecycleDescriptor,
    /// Its run images, likewise.
    pub run_images: Vec<RunImage>,
    /// All its buildpacks, by id and version.
    pub buildpacks: Vec<BuilderModule>,
    /// In which order they are tried, with the versions that the label leaves out.
    pub order: Order,
    /// All its extensions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<BuilderModule>,
    /// The order of extensions, likewise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub order_extensions: Order,
    /// Buildpacks that run in every group, likewise.
    #[serde(skip_serializing_if = "System::is_empty")]
    pub system: System,
    /// Labels that are not what they should be. What they say is only among the labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable_labels: Vec<&'static str>,
    /// All that labels say of the buildpacks.
    #[serde(skip)]
    pub known_buildpacks: ModuleLayers,
    /// All that labels say of the extensions.
    #[serde(skip)]
    pub known_extensions: ModuleLayers,
}

/// A module of a builder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BuilderModule {
    /// What it says of itself.
    #[serde(flatten)]
    pub info: ModuleInfo,
    /// Its Buildpack API.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api: String,
    /// What it runs on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    /// The order of a composite buildpack.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub order: Order,
}

impl BuilderView {
    /// `None` for an image that is no builder, and for one whose metadata is not what it should be.
    #[must_use]
    pub fn of(labels: &BTreeMap<String, String>) -> Option<Self> {
        let metadata: BuilderMetadata = object(labels.get(BUILDER_METADATA)?)?;
        let mut unreadable = Vec::new();
        let mut known_buildpacks: ModuleLayers = or_default(labels, BUILDPACK_LAYERS, object, &mut unreadable);
        let mut known_extensions: ModuleLayers = or_default(labels, EXTENSION_LAYERS, object, &mut unreadable);
        let mut order: Order = or_default(labels, BUILDER_ORDER, list, &mut unreadable);
        let mut order_extensions: Order = or_default(labels, BUILDER_ORDER_EXTENSIONS, list, &mut unreadable);
        let mut system: System = or_default(labels, BUILDER_SYSTEM, object, &mut unreadable);

        let run_images = metadata.run_images();
        let buildpacks = metadata.buildpacks.unwrap_or_default();
        let extensions = metadata.extensions.unwrap_or_default();
        let listed = [&buildpacks, &extensions].map(|infos| versions_of(infos));
        let buildpacks = modules(buildpacks, &mut known_buildpacks);
        let extensions = modules(extensions, &mut known_extensions);
        resolve(entries_of(&mut order), &listed[0], &known_buildpacks);
        resolve(entries_of(&mut order_extensions), &listed[1], &known_extensions);
        resolve(&mut system.pre.buildpacks, &listed[0], &known_buildpacks);
        resolve(&mut system.post.buildpacks, &listed[0], &known_buildpacks);
        Some(Self {
            description: metadata.description,
            created_by: metadata.created_by,
            stack_id: labels.get(STACK_ID).cloned().unwrap_or_default(),
            lifecycle: without_null(metadata.lifecycle),
            run_images: run_images.into_iter().filter_map(named).collect(),
            buildpacks,
            order,
            extensions,
            order_extensions,
            system,
            unreadable_labels: unreadable,
            known_buildpacks,
            known_extensions,
        })
    }

    /// The modules in each layer, as `id@version`, by the digest of the layer before compression.
    #[must_use]
    pub fn modules_by_layer(&self) -> BTreeMap<&str, Vec<String>> {
        let mut by_layer: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (id, versions) in self.known_buildpacks.iter().chain(&self.known_extensions) {
            for (version, label) in versions {
                let names = by_layer.entry(&label.layer_diff_id).or_default();
                names.push(format!("{id}@{version}"));
            }
        }
        by_layer
    }
}

/// What a label of JSON says; one that is not there, and `null`, say nothing.
fn or_default<T: Default>(
    labels: &BTreeMap<String, String>,
    name: &'static str,
    read: fn(&str) -> Option<T>,
    unreadable: &mut Vec<&'static str>,
) -> T {
    let Some(text) = labels.get(name).filter(|text| !matches!(text.trim(), "" | "null")) else {
        return T::default();
    };
    read(text).unwrap_or_else(|| {
        unreadable.push(name);
        T::default()
    })
}

/// An object, with values of any kind.
fn object<T: DeserializeOwned>(text: &str) -> Option<T> {
    // a list would pass for an object, too
    let value: Value = serde_json::from_str(text).ok().filter(Value::is_object)?;
    serde_json::from_value(without_null_members(value)).ok()
}

/// A list of objects.
fn list<T: DeserializeOwned>(text: &str) -> Option<T> {
    let value: Value = serde_json::from_str(text).ok()?;
    if !value.as_array()?.iter().all(Value::is_object) {
        return None;
    }
    serde_json::from_value(without_null_members(value)).ok()
}

/// Go writes `null` for a list that was never made, which is as good as none.
fn without_null_members(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let there = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(there.map(|(name, value)| (name, without_null_members(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_null_members).collect()),
        other => other,
    }
}

fn without_null(mut lifecycle: LifecycleDescriptor) -> LifecycleDescriptor {
    for apis in [&mut lifecycle.apis.buildpack, &mut lifecycle.apis.platform] {
        for versions in [&mut apis.deprecated, &mut apis.supported] {
            versions.get_or_insert_default();
        }
    }
    lifecycle
}

fn named(mut run_image: RunImage) -> Option<RunImage> {
    run_image.mirrors.get_or_insert_default();
    (!run_image.image.is_empty()).then_some(run_image)
}

/// The modules of the metadata, each once, and those that only `known` has. What only the metadata has is added to `known`.
fn modules(infos: Vec<ModuleInfo>, known: &mut ModuleLayers) -> Vec<BuilderModule> {
    let mut all: BTreeMap<(String, String), ModuleInfo> = BTreeMap::new();
    for info in infos {
        all.entry((info.id.clone(), info.version.clone())).or_insert(info);
    }
    for ((id, version), info) in &all {
        let versions = known.entry(id.clone()).or_default();
        let label = versions.entry(version.clone()).or_insert_with(|| ModuleLayer {
            api: String::new(),
            stacks: Vec::new(),
            targets: Vec::new(),
            order: Vec::new(),
            layer_diff_id: String::new(),
            homepage: String::new(),
            name: String::new(),
        });
        for (text, own) in [(&mut label.homepage, &info.homepage), (&mut label.name, &info.name)] {
            if text.is_empty() {
                own.clone_into(text);
            }
        }
    }
    let mut modules = Vec::new();
    for (id, versions) in &*known {
        for (version, label) in versions {
            let mut info = all.remove(&(id.clone(), version.clone())).unwrap_or_default();
            info.id.clone_from(id);
            info.version.clone_from(version);
            for (text, label) in [(&mut info.homepage, &label.homepage), (&mut info.name, &label.name)] {
                if text.is_empty() {
                    label.clone_into(text);
                }
            }
            modules.push(BuilderModule {
                info,
                api: label.api.clone(),
                targets: label.targets.clone(),
                order: label.order.clone(),
            });
        }
    }
    modules
}

fn versions_of(infos: &[ModuleInfo]) -> BTreeMap<String, BTreeSet<String>> {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for info in infos {
        versions
            .entry(info.id.clone())
            .or_default()
            .insert(info.version.clone());
    }
    versions
}

fn entries_of(order: &mut Order) -> impl Iterator<Item = &mut ModuleRef> {
    order.iter_mut().flat_map(|group: &mut Group| &mut group.group)
}

/// Fills in the versions that are left out, where there is only one.
fn resolve<'e>(
    entries: impl IntoIterator<Item = &'e mut ModuleRef>,
    listed: &BTreeMap<String, BTreeSet<String>>,
    known: &ModuleLayers,
) {
    for entry in entries.into_iter().filter(|entry| entry.version.is_empty()) {
        let in_metadata = listed.get(&entry.id).map(|versions| versions.iter().collect());
        let in_label = || known.get(&entry.id).map(|versions| versions.keys().collect());
        let versions: Vec<&String> = in_metadata.or_else(in_label).unwrap_or_default();
        if let [version] = versions[..] {
            entry.version.clone_from(version);
        }
    }
}

/// A builder over all its platforms. Each list has one item for every thing that is said, with the platforms that say it:
/// one, where they agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BuilderOverview {
    /// All platforms.
    pub platforms: Vec<Platform>,
    /// The fields below in which they differ, by their names in JSON.
    pub differences: Vec<&'static str>,
    /// What it is for.
    pub description: Vec<Said<String>>,
    /// What made it.
    pub created_by: Vec<Said<CreatedBy>>,
    /// Its stack; empty where there is none.
    #[serde(rename = "stack")]
    pub stack_id: Vec<Said<String>>,
    /// Its lifecycle.
    pub lifecycle: Vec<Said<LifecycleDescriptor>>,
    /// Its run images.
    pub run_images: Vec<Said<Vec<RunImage>>>,
    /// Its buildpacks, by id and version.
    pub buildpacks: Vec<Said<BuilderModule>>,
    /// The order of buildpacks.
    pub order: Vec<Said<DetectionOrder>>,
    /// Its extensions.
    pub extensions: Vec<Said<BuilderModule>>,
    /// The order of extensions.
    pub order_extensions: Vec<Said<DetectionOrder>>,
    /// Buildpacks that run in every group.
    pub system: Vec<Said<System>>,
    /// Labels that are not what they should be.
    pub unreadable_labels: Vec<Said<Vec<&'static str>>>,
}

/// Something that labels say, and who says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said<T> {
    /// The platforms of the images.
    pub platforms: Vec<Platform>,
    /// What they say.
    pub value: T,
}

/// An order, and what is known of its members.
#[derive(Debug, Clone)]
pub struct DetectionOrder {
    /// The groups.
    pub groups: Order,
    /// What labels say of all modules.
    pub known: ModuleLayers,
}

impl DetectionOrder {
    /// What is known of a member; of one without a version, the first there is.
    #[must_use]
    pub fn member(&self, entry: &ModuleRef) -> Option<&ModuleLayer> {
        let versions = self.known.get(&entry.id)?;
        let exact = versions.get(&entry.version);
        exact.or_else(|| versions.values().next().filter(|_| entry.version.is_empty()))
    }

    fn composites(&self) -> impl Iterator<Item = (&str, &str, &Order)> {
        self.known.iter().flat_map(|(id, versions)| {
            let composites = versions.iter().filter(|(_, label)| label.is_composite());
            composites.map(move |(version, label)| (id.as_str(), version.as_str(), &label.order))
        })
    }
}

/// Composites in it may have other orders, too; layers and the like are no matter.
impl PartialEq for DetectionOrder {
    fn eq(&self, other: &Self) -> bool {
        self.groups == other.groups && self.composites().eq(other.composites())
    }
}

impl Eq for DetectionOrder {}

impl Serialize for DetectionOrder {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.groups.serialize(serializer)
    }
}

impl BuilderOverview {
    /// Of all images of a builder; `None` where there are none.
    #[must_use]
    pub fn of(images: &[(Platform, &BuilderView)]) -> Option<Self> {
        if images.is_empty() {
            return None;
        }
        let order = |groups: &Order, known: &ModuleLayers| DetectionOrder {
            groups: groups.clone(),
            known: known.clone(),
        };
        let mut overview = Self {
            platforms: images.iter().map(|(platform, _)| platform.clone()).collect(),
            differences: Vec::new(),
            description: said(images, |view| view.description.clone()),
            created_by: said(images, |view| view.created_by.clone()),
            stack_id: said(images, |view| view.stack_id.clone()),
            lifecycle: said(images, |view| view.lifecycle.clone()),
            run_images: said(images, |view| view.run_images.clone()),
            buildpacks: modules_said(images, |view| &view.buildpacks),
            order: said(images, |view| order(&view.order, &view.known_buildpacks)),
            extensions: modules_said(images, |view| &view.extensions),
            order_extensions: said(images, |view| order(&view.order_extensions, &view.known_extensions)),
            system: said(images, |view| view.system.clone()),
            unreadable_labels: said(images, |view| view.unreadable_labels.clone()),
        };
        overview.differences = overview.find_differences();
        Some(overview)
    }

    fn find_differences(&self) -> Vec<&'static str> {
        let differs = |modules: &[Said<BuilderModule>]| modules.iter().any(|module| !self.is_everywhere(module));
        let all = [
            ("description", self.description.len() > 1),
            ("createdBy", self.created_by.len() > 1),
            ("stack", self.stack_id.len() > 1),
            ("lifecycle", self.lifecycle.len() > 1),
            ("runImages", self.run_images.len() > 1),
            ("buildpacks", differs(&self.buildpacks)),
            ("order", self.order.len() > 1),
            ("extensions", differs(&self.extensions)),
            ("orderExtensions", self.order_extensions.len() > 1),
            ("system", self.system.len() > 1),
            ("unreadableLabels", self.unreadable_labels.len() > 1),
        ];
        let found = all.into_iter().filter(|(_, differs)| *differs);
        found.map(|(name, _)| name).collect()
    }

    /// Whether all platforms say this.
    #[must_use]
    pub fn is_everywhere<T>(&self, said: &Said<T>) -> bool {
        said.platforms.len() == self.platforms.len()
    }
}

/// What the images say, and which say the same.
fn said<T: PartialEq>(images: &[(Platform, &BuilderView)], what: impl Fn(&BuilderView) -> T) -> Vec<Said<T>> {
    let mut all: Vec<Said<T>> = Vec::new();
    for (platform, view) in images {
        add(&mut all, platform, what(view));
    }
    all
}

/// The modules of all images, by id and version; those of one name that differ follow each other.
fn modules_said<'v>(
    images: &[(Platform, &'v BuilderView)],
    what: impl Fn(&'v BuilderView) -> &'v Vec<BuilderModule>,
) -> Vec<Said<BuilderModule>> {
    let mut all: BTreeMap<(&str, &str), Vec<Said<BuilderModule>>> = BTreeMap::new();
    for (platform, view) in images {
        for module in what(view) {
            let name = (module.info.id.as_str(), module.info.version.as_str());
            add(all.entry(name).or_default(), platform, module.clone());
        }
    }
    all.into_values().flatten().collect()
}

fn add<T: PartialEq>(all: &mut Vec<Said<T>>, platform: &Platform, value: T) {
    match all.iter_mut().find(|known| known.value == value) {
        Some(known) => known.platforms.push(platform.clone()),
        None => all.push(Said {
            platforms: vec![platform.clone()],
            value,
        }),
    }
}
