//! What differs between two images: config, annotations, and layers, each paired with the one that it comes from.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;
use serde_json::Value;

use super::descriptor::Descriptor;
use super::digest::{DiffId, Digest};
use super::graph::is_foreign;
use super::json_diff::{self, FieldChange};
use super::layer::is_layer;
use super::layer_diff::{self, LayerDiff};
use super::layout::{IMAGE_NAME, REF_NAME};
use super::opened::OpenedImage;
use super::plain_layer;
use super::sequence::out_of_order;
use super::store::BlobSource;
use crate::error::Result;
use crate::progress::Progress;

/// An image, and where its blobs are.
#[derive(Clone, Copy)]
pub struct ImageAt<'a> {
    /// What it is read from.
    pub source: &'a dyn BlobSource,
    /// The image.
    pub image: &'a OpenedImage,
    /// What is in each layer, as `id@version`, by the digest before compression, as far as it is known.
    pub contents: &'a BTreeMap<String, Vec<String>>,
    /// The folder that each of it has in the image.
    pub folders: &'a BTreeMap<String, String>,
}

/// How a layer of one image relates to those of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LayerFate {
    /// Only the first image has it.
    Removed,
    /// Only the second has it.
    Added,
    /// Its content is another.
    Changed,
    /// Its content is the same, compressed in another way.
    Recompressed,
    /// It is the same, elsewhere among the others.
    Moved,
}

/// A layer that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LayerChange {
    /// What happened to it.
    pub fate: LayerFate,
    /// The layer of the first image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<LayerSide>,
    /// That of the second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<LayerSide>,
    /// What is in them, where that differs; none of what can not be unpacked, as encrypted layers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<LayerDiff>,
}

/// A layer in its image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerSide {
    /// Which layer: the lowest is 1.
    pub number: usize,
    /// The blob.
    pub digest: Digest,
    /// Its digest before compression.
    pub diff_id: DiffId,
    /// Its media type.
    pub media_type: String,
    /// Its length.
    pub size: u64,
    /// What is in it, by labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<String>,
}

/// The settings of two images, labels that are JSON taken apart.
#[must_use]
pub fn config(before: &OpenedImage, after: &OpenedImage) -> Vec<FieldChange> {
    let (a, b) = (config_value(before), config_value(after));
    let mut changes = json_diff::compare(&a, &b);
    let (texts_before, texts_after) = (before.config.labels(), after.config.labels());
    for (name, text) in &texts_before {
        let value = |config: &Value| config["config"]["Labels"][name].clone();
        // the same JSON in another text
        if let Some(other) = texts_after
            .get(name)
            .filter(|other| *other != text && value(&a) == value(&b))
        {
            changes.push(FieldChange {
                path: vec!["config".to_owned(), "Labels".to_owned(), name.clone()],
                before: Some(text.clone().into()),
                after: Some(other.clone().into()),
            });
        }
    }
    changes
}

/// All of a config but its layers.
fn config_value(image: &OpenedImage) -> Value {
    let mut value = serde_json::to_value(&image.config).unwrap_or_default();
    if let Some(rootfs) = value.get_mut("rootfs").and_then(Value::as_object_mut) {
        rootfs.remove("diff_ids");
    }
    if let Some(labels) = value.pointer_mut("/config/Labels").and_then(Value::as_object_mut) {
        for label in labels.values_mut() {
            let parsed = label.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
            if let Some(parsed @ (Value::Object(_) | Value::Array(_))) = parsed {
                *label = parsed;
            }
        }
    }
    value
}

/// The manifests of two images but for what they refer to.
#[must_use]
pub fn manifest(before: &OpenedImage, after: &OpenedImage) -> Vec<FieldChange> {
    let value = |image: &OpenedImage| {
        let mut value = serde_json::to_value(&image.manifest).unwrap_or_default();
        if let Some(fields) = value.as_object_mut() {
            fields.insert("layers".to_owned(), layer_notes(image));
        }
        if let Some(config) = value.get_mut("config").and_then(Value::as_object_mut) {
            config.remove("digest");
            config.remove("size");
        }
        value
    };
    json_diff::compare(&value(before), &value(after))
}

/// What a manifest says of its layers besides where they are, by diff id.
fn layer_notes(image: &OpenedImage) -> Value {
    let layers = image.manifest.layers.iter().zip(&image.config.rootfs.diff_ids);
    let note = |(layer, diff_id): (&Descriptor, &DiffId)| {
        let mut value = descriptor_value(layer, true);
        value.as_object_mut()?.remove("mediaType");
        let is_said = value.as_object().is_some_and(|fields| !fields.is_empty());
        is_said.then(|| (diff_id.to_string(), value))
    };
    Value::Object(layers.filter_map(note).collect())
}

/// A descriptor but for what it points to, its names, and maybe its platform.
#[must_use]
pub fn descriptor_value(descriptor: &Descriptor, with_platform: bool) -> Value {
    let mut value = serde_json::to_value(descriptor).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        for name in ["digest", "size"] {
            fields.remove(name);
        }
        if !with_platform {
            fields.remove("platform");
        }
        // names are what people compare by
        if let Some(annotations) = fields.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.retain(|name, _| name != REF_NAME && name != IMAGE_NAME);
            if annotations.is_empty() {
                fields.remove("annotations");
            }
        }
    }
    value
}

/// All layers that differ, in the order of the second image; what only the first has stands where it was.
pub fn layers(before: ImageAt<'_>, after: ImageAt<'_>, progress: &dyn Progress) -> Result<Vec<LayerChange>> {
    let (a, b) = (sides(before), sides(after));
    let pairs = pair(&a, &b);
    let mut by_second: Vec<(usize, usize)> = pairs.clone();
    by_second.sort_unstable();
    let positions: Vec<usize> = by_second.iter().map(|(_, second)| *second).collect();
    let moved: HashSet<usize> = out_of_order(&positions).into_iter().map(|at| by_second[at].1).collect();
    let first_of: HashMap<usize, usize> = pairs.iter().map(|(first, second)| (*second, *first)).collect();
    let paired: HashSet<usize> = pairs.iter().map(|(first, _)| *first).collect();
    let mut changes = Vec::new();
    let mut next_removed = 0;
    let removed_until = |limit: usize, changes: &mut Vec<LayerChange>, next: &mut usize| -> Result<()> {
        while *next < limit {
            if !paired.contains(next) {
                changes.push(one_sided(LayerFate::Removed, &a[*next], before, progress)?);
            }
            *next += 1;
        }
        Ok(())
    };
    for (second, side) in b.iter().enumerate() {
        let Some(&first) = first_of.get(&second) else {
            changes.push(one_sided(LayerFate::Added, side, after, progress)?);
            continue;
        };
        removed_until(first, &mut changes, &mut next_removed)?;
        let is_moved = moved.contains(&second);
        changes.extend(compare(before, after, (&a[first], side), is_moved, progress)?);
    }
    removed_until(a.len(), &mut changes, &mut next_removed)?;
    Ok(changes)
}

fn one_sided(fate: LayerFate, side: &LayerSide, at: ImageAt<'_>, progress: &dyn Progress) -> Result<LayerChange> {
    let entries = match layer_of(at, side) {
        Some(layer) => layer_diff::list((at.source, layer, &side.diff_id), progress)?,
        None => Vec::new(),
    };
    let mut files = LayerDiff::default();
    let (before, after) = if fate == LayerFate::Removed {
        files.removed = entries;
        (Some(side.clone()), None)
    } else {
        files.added = entries;
        (None, Some(side.clone()))
    };
    Ok(LayerChange {
        fate,
        before,
        after,
        files: Some(files).filter(|files| *files != LayerDiff::default()),
    })
}

/// A layer that can be unpacked, and is there.
fn layer_of<'i>(at: ImageAt<'i>, side: &LayerSide) -> Option<&'i Descriptor> {
    let layer = at.image.manifest.layers.get(side.number - 1)?;
    (is_layer(&layer.media_type) && !is_foreign(layer)).then_some(layer)
}

fn compare(
    before: ImageAt<'_>,
    after: ImageAt<'_>,
    (a, b): (&LayerSide, &LayerSide),
    is_moved: bool,
    progress: &dyn Progress,
) -> Result<Option<LayerChange>> {
    let layers = layer_of(before, a).zip(layer_of(after, b));
    let (fate, files) = if a.diff_id != b.diff_id {
        let compared = layers.map(|(of_a, of_b)| {
            layer_diff::compare(
                (before.source, of_a, &a.diff_id),
                (after.source, of_b, &b.diff_id),
                &renames((before, a), (after, b)),
                progress,
            )
        });
        (LayerFate::Changed, compared.transpose()?)
    } else if a.digest != b.digest || a.media_type != b.media_type {
        // that the content is the same is only what the configs say
        if let Some((of_a, of_b)) = layers {
            plain_layer::read(before.source, of_a, &a.diff_id, progress, |_| Ok(()))?;
            plain_layer::read(after.source, of_b, &b.diff_id, progress, |_| Ok(()))?;
        }
        (LayerFate::Recompressed, None)
    } else if is_moved {
        (LayerFate::Moved, None)
    } else {
        return Ok(None);
    };
    Ok(Some(LayerChange {
        fate,
        before: Some(a.clone()),
        after: Some(b.clone()),
        files,
    }))
}

/// Folders whose name has a version in it, where that is another now.
fn renames((before, a): (ImageAt<'_>, &LayerSide), (after, b): (ImageAt<'_>, &LayerSide)) -> Vec<(String, String)> {
    let renamed = |one: &String| {
        let other = b.modules.iter().find(|other| id_of(other) == id_of(one))?;
        let is_other = other != one && !b.modules.contains(one);
        is_other.then(|| Some((before.folders.get(one)?.clone(), after.folders.get(other)?.clone())))?
    };
    a.modules.iter().filter_map(renamed).collect()
}

fn sides(at: ImageAt<'_>) -> Vec<LayerSide> {
    let layers = at.image.manifest.layers.iter().zip(&at.image.config.rootfs.diff_ids);
    let side = |(place, (layer, diff_id)): (usize, (&Descriptor, &DiffId))| LayerSide {
        number: place + 1,
        digest: layer.digest.clone(),
        diff_id: diff_id.clone(),
        media_type: layer.media_type.clone(),
        size: layer.size,
        modules: at.contents.get(&diff_id.to_string()).cloned().unwrap_or_default(),
    };
    layers.enumerate().map(side).collect()
}

/// What layers that belong together have in common.
type Key<'k> = &'k dyn Fn(&LayerSide) -> Option<String>;

/// Which layer of the second comes from which of the first: by content, then by what is in it, then by place.
fn pair(a: &[LayerSide], b: &[LayerSide]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let mut free = (vec![true; a.len()], vec![true; b.len()]);
    let names = |side: &LayerSide| (!side.modules.is_empty()).then(|| side.modules.join(" "));
    let ids = |side: &LayerSide| {
        let ids: Vec<&str> = side.modules.iter().map(|module| id_of(module)).collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    };
    let by_content = |side: &LayerSide| Some(side.diff_id.to_string());
    let keys: [Key<'_>; 3] = [&by_content, &names, &ids];
    for key in keys {
        let mut known: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, side) in a.iter().enumerate().rev().filter(|(at, _)| free.0[*at]) {
            if let Some(key) = key(side) {
                known.entry(key).or_default().push(at);
            }
        }
        for (second, side) in b.iter().enumerate() {
            let found = key(side).filter(|_| free.1[second]);
            if let Some(first) = found.and_then(|key| known.get_mut(&key)?.pop()) {
                pairs.push((first, second));
                (free.0[first], free.1[second]) = (false, false);
            }
        }
    }
    by_any_module(a, b, &mut free, &mut pairs);
    by_place(a, b, &free, &mut pairs);
    pairs
}

/// Layers of several modules that have one of them in common.
fn by_any_module(a: &[LayerSide], b: &[LayerSide], free: &mut (Vec<bool>, Vec<bool>), pairs: &mut Vec<(usize, usize)>) {
    let mut known: HashMap<&str, usize> = HashMap::new();
    for (at, side) in a.iter().enumerate().filter(|(at, _)| free.0[*at]) {
        for module in &side.modules {
            known.entry(id_of(module)).or_insert(at);
        }
    }
    for (second, side) in b.iter().enumerate() {
        let firsts = side.modules.iter().filter_map(|module| known.get(id_of(module)));
        let first = firsts.copied().find(|first| free.0[*first]);
        if let Some(first) = first.filter(|_| free.1[second]) {
            pairs.push((first, second));
            (free.0[first], free.1[second]) = (false, false);
        }
    }
}

/// What lies between the same neighbours is paired in its order, where nobody says what is in it.
fn by_place(a: &[LayerSide], b: &[LayerSide], free: &(Vec<bool>, Vec<bool>), pairs: &mut Vec<(usize, usize)>) {
    let partner: HashMap<usize, usize> = pairs.iter().copied().collect();
    let mut of_gap: HashMap<Option<usize>, Vec<usize>> = HashMap::new();
    let mut neighbour = None;
    for (second, side) in b.iter().enumerate() {
        if !free.1[second] {
            neighbour = Some(second);
        } else if side.modules.is_empty() {
            of_gap.entry(neighbour).or_default().push(second);
        }
    }
    let mut neighbour = None;
    let mut next: HashMap<Option<usize>, usize> = HashMap::new();
    for (first, side) in a.iter().enumerate() {
        if let Some(second) = partner.get(&first) {
            neighbour = Some(*second);
        } else if side.modules.is_empty() {
            let at = next.entry(neighbour).or_default();
            if let Some(second) = of_gap.get(&neighbour).and_then(|gap| gap.get(*at)) {
                pairs.push((first, *second));
                *at += 1;
            }
        }
    }
}

/// What stands before the version.
fn id_of(module: &str) -> &str {
    module.rsplit_once('@').map_or(module, |(id, _)| id)
}
