//! A look at a composite that was packaged: which layer has which module, the order in labels and in layers.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use serde_json::{Value, json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Sandbox;
use super::layout_view::{ImageView, LayerView, LayoutView, OCI_CONFIG, OCI_MANIFEST, text, unpack};
use super::packaged::Packaged;

const LAYERS: &str = "io.buildpacks.buildpack.layers";
const METADATA: &str = "io.buildpacks.buildpackage.metadata";

/// What came of a composite; each image was found sound in itself.
pub(crate) struct Composed(pub(crate) Packaged);

impl Composed {
    /// Packages into a layout of its own.
    #[track_caller]
    pub(crate) fn of(sandbox: Sandbox, args: &[&str]) -> Self {
        let packaged = Packaged::of(sandbox, args);
        for image in &packaged.index.children {
            check_sound(&packaged.layout, image);
        }
        Self(packaged)
    }

    /// Packages what this `package.toml` says.
    #[track_caller]
    pub(crate) fn config(sandbox: Sandbox, config: &str) -> Self {
        Self::of(sandbox, &["--config", config])
    }

    /// The digest of the index.
    pub(crate) fn digest(&self) -> &str {
        text(&self.0.index.descriptor, "digest")
    }

    /// The digest of the image for a platform.
    #[track_caller]
    pub(crate) fn image_digest(&self, platform: &str) -> &str {
        text(&self.0.image(platform).descriptor, "digest")
    }

    /// The modules of an image, sorted.
    #[track_caller]
    pub(crate) fn modules(&self, platform: &str) -> Vec<String> {
        modules(self.0.image(platform)).into_keys().collect()
    }

    /// The modules in each layer of an image.
    #[track_caller]
    pub(crate) fn layers(&self, platform: &str) -> Vec<Vec<String>> {
        let image = self.0.image(platform);
        image.layers.iter().map(|layer| modules_in(image, layer)).collect()
    }

    /// The layer that has a module.
    #[track_caller]
    pub(crate) fn layer(&self, platform: &str, module: &str) -> &LayerView {
        layer_of(self.0.image(platform), module)
    }

    /// The order of a module as the label says it: `acme/one@1.0.0 acme/two@1.0.0? | acme/two@1.0.0`.
    #[track_caller]
    pub(crate) fn order(&self, platform: &str, module: &str) -> String {
        let fields = &modules(self.0.image(platform))[module];
        shown_order(&fields["order"])
    }

    /// The text of a file of a module.
    #[track_caller]
    pub(crate) fn file(&self, platform: &str, module: &str, name: &str) -> String {
        file(&self.0.layout, self.0.image(platform), module, name)
    }

    /// The file in which leaves say what they are and for which target.
    #[track_caller]
    pub(crate) fn which(&self, platform: &str, module: &str) -> String {
        self.file(platform, module, "which")
    }

    /// What the label says of the package.
    #[track_caller]
    pub(crate) fn metadata(&self, platform: &str) -> Value {
        label(self.0.image(platform), METADATA)
    }
}

/// The modules of the label, each with its fields.
#[track_caller]
pub(crate) fn modules(image: &ImageView) -> BTreeMap<String, Value> {
    let label = label(image, LAYERS);
    let by_id = label.as_object().unwrap().iter();
    by_id
        .flat_map(|(id, versions)| {
            let by_version = versions.as_object().unwrap().iter();
            by_version.map(move |(version, fields)| (format!("{id}@{version}"), fields.clone()))
        })
        .collect()
}

#[track_caller]
fn label(image: &ImageView, key: &str) -> Value {
    let labels = image.labels();
    let found = labels.get(key);
    let found = found.unwrap_or_else(|| panic!("no label {key} in {labels:?}"));
    serde_json::from_str(found).unwrap()
}

/// The modules that a layer has folders of.
fn modules_in(image: &ImageView, layer: &LayerView) -> Vec<String> {
    let names = layer.entries.iter().map(super::layout_view::TarEntry::name);
    let known = modules(image);
    names
        .filter_map(|name| {
            let (folder, version) = name.strip_prefix("/cnb/buildpacks/")?.split_once('/')?;
            let is_module = !version.contains('/');
            is_module.then(|| {
                let found = known
                    .keys()
                    .find(|module| folder_of(module) == format!("{folder}/{version}"));
                found
                    .cloned()
                    .unwrap_or_else(|| panic!("{name} is of no module of the label {known:?}"))
            })
        })
        .collect()
}

/// Where a module is below `/cnb/buildpacks`.
fn folder_of(module: &str) -> String {
    let (id, version) = super::composites::id_and_version(module);
    format!("{}/{version}", id.replace('/', "_"))
}

/// The layer that the label names for a module.
#[track_caller]
fn layer_of<'a>(image: &'a ImageView, module: &str) -> &'a LayerView {
    let modules = modules(image);
    let fields = modules.get(module);
    let fields = fields.unwrap_or_else(|| panic!("no {module} among {:?}", modules.keys()));
    let found = image.layers.iter().find(|layer| layer.diff_id == fields["layerDiffID"]);
    found.unwrap_or_else(|| panic!("no layer for {module}: {fields}"))
}

/// The text of a file of a module.
#[track_caller]
pub(crate) fn file(layout: &LayoutView, image: &ImageView, module: &str, name: &str) -> String {
    let layer = layer_of(image, module);
    let wanted = format!("/cnb/buildpacks/{}/{name}", folder_of(module));
    let tar = unpack(
        &layout.blob(text(&layer.descriptor, "digest")),
        text(&layer.descriptor, "mediaType"),
    );
    let mut archive = tar::Archive::new(tar.as_slice());
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.path_bytes().as_ref() == wanted.as_bytes() {
            let mut found = String::new();
            entry.read_to_string(&mut found).unwrap();
            return found;
        }
    }
    panic!("no {wanted} in the layer of {module}");
}

/// An order as the label has it, on one line.
pub(crate) fn shown_order(order: &Value) -> String {
    let groups = order.as_array().map_or(&[][..], Vec::as_slice).iter();
    let shown: Vec<String> = groups
        .map(|group| {
            let entries = group["group"].as_array().unwrap().iter();
            let shown: Vec<String> = entries
                .map(|entry| {
                    let optional = if entry["optional"] == true { "?" } else { "" };
                    format!("{}@{}{optional}", text(entry, "id"), text(entry, "version"))
                })
                .collect();
            shown.join(" ")
        })
        .collect();
    shown.join(" | ")
}

/// The order in the text of a `buildpack.toml`, as [`shown_order`] shows it.
#[track_caller]
pub(crate) fn order_in_toml(toml: &str) -> String {
    let table = DeTable::parse(toml).unwrap().into_inner();
    let groups: Vec<Value> = tables(table.get("order"))
        .map(|group| {
            let entries: Vec<Value> = tables(group.get("group"))
                .map(|entry| {
                    let field = |key: &str| entry.get(key).map(Spanned::get_ref);
                    json!({
                        "id": field("id").and_then(DeValue::as_str),
                        "version": field("version").and_then(DeValue::as_str),
                        "optional": field("optional").and_then(DeValue::as_bool),
                    })
                })
                .collect();
            json!({ "group": entries })
        })
        .collect();
    shown_order(&groups.into())
}

/// The tables of a list, which may be missing.
fn tables<'a, 'i>(list: Option<&'a Spanned<DeValue<'i>>>) -> impl Iterator<Item = &'a DeValue<'i>> {
    let list = list.and_then(|list| list.get_ref().as_array());
    list.into_iter().flatten().map(Spanned::get_ref)
}

/// What holds for every image of a composite, whatever it was made of.
#[track_caller]
pub(crate) fn check_sound(layout: &LayoutView, image: &ImageView) {
    let platform = image.platform();
    let modules = modules(image);
    assert_eq!(image.manifest["mediaType"], OCI_MANIFEST, "{platform}");
    assert_eq!(image.manifest["config"]["mediaType"], OCI_CONFIG, "{platform}");
    let mut present = BTreeSet::new();
    let mut names = Vec::new();
    for layer in &image.layers {
        let media_type = text(&layer.descriptor, "mediaType");
        assert!(
            media_type.starts_with("application/vnd.oci.image.layer.v1.tar"),
            "{platform}: {media_type}"
        );
        let inside = modules_in(image, layer);
        for module in &inside {
            let said = &modules[module]["layerDiffID"];
            assert_eq!(*said, layer.diff_id, "{platform}: the layer of {module}");
            assert!(present.insert(module.clone()), "{platform}: {module} is there twice");
        }
        names.push(inside);
    }
    let said: BTreeSet<String> = modules.keys().cloned().collect();
    assert_eq!(present, said, "{platform}: modules in layers and in the label");
    if names.iter().all(|inside| inside.len() == 1) {
        assert!(
            names.is_sorted(),
            "{platform}: layers are sorted by their module: {names:?}"
        );
    }
    for (module, fields) in modules.iter().filter(|(_, fields)| !fields["order"].is_null()) {
        let order = shown_order(&fields["order"]);
        for entry in order.split(' ').filter(|word| *word != "|") {
            let entry = entry.trim_end_matches('?');
            assert!(
                said.contains(entry),
                "{platform}: {module} needs {entry}, which is not there"
            );
        }
        let toml = file(layout, image, module, "buildpack.toml");
        assert_eq!(
            order_in_toml(&toml),
            order,
            "{platform}: order of {module} in its layer and in the label"
        );
    }
    let metadata = label(image, METADATA);
    let main = format!("{}@{}", text(&metadata, "id"), text(&metadata, "version"));
    assert!(
        said.contains(&main),
        "{platform}: the package is {main}, which is not there"
    );
}
