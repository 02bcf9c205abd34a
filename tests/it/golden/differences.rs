//! Compares an image with what a golden case says of it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::support::layout_view::{ImageView, TarEntry, array, text};

/// Gathers what is not as expected.
#[derive(Default)]
pub(super) struct Differences {
    /// Fields of `expect` where pack's answer is not compared.
    skipped: Vec<String>,
    pub(super) found: Vec<String>,
}

impl Differences {
    pub(super) fn of(case: &Value) -> Self {
        let differs = &case["airpack_differs"];
        let skipped = array(differs, "pack_fields_to_skip")
            .iter()
            .chain(array(differs, "not_compared"))
            .map(|field| field.as_str().unwrap().to_owned())
            .collect();
        Self {
            skipped,
            found: Vec::new(),
        }
    }

    pub(super) fn compare(&mut self, what: &str, expected: &Value, found: &Value) {
        if expected != "*" && expected != found {
            self.found
                .push(format!("{what}:\n    expected {expected}\n    found    {found}"));
        }
    }

    fn skips(&self, field: &str) -> bool {
        self.skipped.iter().any(|skipped| skipped == field)
    }

    pub(super) fn image(&mut self, entries: &BTreeMap<&str, &Value>, expected: &Value, found: &ImageView) {
        let name = found.platform();
        if !self.skips("platform") {
            let platform = found.descriptor["platform"].as_object().cloned().unwrap_or_default();
            self.fields(
                &format!("{name} platform"),
                "platform",
                &expected["platform"],
                &platform,
            );
            for field in expected["platform"].as_object().unwrap().keys() {
                let what = format!("{name} {field} of the config");
                self.compare(&what, &expected["platform"][field], &found.config[field]);
            }
        }
        let config = config_fields(&found.config);
        self.fields(&format!("{name} config"), "config", &expected["config"], &config);
        let labels = found
            .labels()
            .into_iter()
            .map(|(key, text)| (key, text.into()))
            .collect();
        self.fields(&format!("{name} labels"), "labels", &expected["labels"], &labels);
        if !self.skips("layers") {
            self.layers(&name, entries, expected, found);
        }
    }

    /// Every field on either side.
    fn fields(&mut self, what: &str, kind: &str, expected: &Value, found: &Map<String, Value>) {
        let expected = expected.as_object().unwrap();
        let added = found.keys().filter(|key| !expected.contains_key(*key));
        for key in expected.keys().chain(added) {
            if self.skips(&format!("{kind}.{key}")) {
                continue;
            }
            let field = |fields: &Map<String, Value>| fields.get(key).cloned().unwrap_or_default();
            self.compare(&format!("{what} {key}"), &field(expected), &field(found));
        }
    }

    fn layers(&mut self, name: &str, entries: &BTreeMap<&str, &Value>, expected: &Value, found: &ImageView) {
        let mut diff_ids: Vec<_> = array(expected, "layers")
            .iter()
            .map(|layer| text(layer, "diff_id"))
            .collect();
        let mut layers: Vec<_> = found.layers.iter().collect();
        if expected["layer_order_matters"] == false {
            diff_ids.sort_unstable();
            layers.sort_by(|a, b| a.diff_id.cmp(&b.diff_id));
        }
        let found_ids: Vec<_> = layers.iter().map(|layer| layer.diff_id.as_str()).collect();
        self.compare(&format!("{name} diff_ids"), &json!(diff_ids), &json!(found_ids));
        self.compare(
            &format!("{name} rootfs.type"),
            &"layers".into(),
            &found.config["rootfs"]["type"],
        );
        for (diff_id, layer) in diff_ids.iter().zip(layers) {
            let expected = entries[diff_id].as_array().unwrap();
            let found: Vec<_> = layer.entries.iter().map(entry_json).collect();
            let what = format!("{name} number of entries");
            self.compare(&what, &expected.len().into(), &found.len().into());
            for (expected, found) in expected.iter().zip(&found) {
                self.compare(&format!("{name} entry"), expected, found);
            }
        }
    }
}

/// The entries of every layer, which are listed where the layer is first named.
pub(super) fn entries_by_diff_id(images: &[Value]) -> BTreeMap<&str, &Value> {
    let mut entries = BTreeMap::new();
    for layer in images.iter().flat_map(|image| array(image, "layers")) {
        assert!(layer["compare"].is_null(), "this way to compare is not known: {layer}");
        if layer["entries"].is_array() {
            entries.insert(text(layer, "diff_id"), &layer["entries"]);
        }
    }
    entries
}

/// An entry as the cases write it.
fn entry_json(entry: &TarEntry) -> Value {
    let mut shown = json!({
        "name": entry.name(),
        "type": entry.kind,
        "mode": format!("{:04o}", entry.mode),
        "uid": entry.uid,
        "gid": entry.gid,
        "size": entry.size,
        "mtime": entry.mtime,
    });
    if let Some(linkname) = &entry.linkname {
        shown["linkname"] = String::from_utf8_lossy(linkname).into();
    }
    shown
}

/// The fields that the cases list under `config`: those which are not empty, at the top and inside.
fn config_fields(config: &Value) -> Map<String, Value> {
    let top = config.as_object().unwrap().iter();
    let inside = config["config"].as_object().into_iter().flatten();
    top.filter(|(key, _)| !["config", "rootfs", "history"].contains(&key.as_str()))
        .chain(inside.filter(|(key, _)| *key != "Labels"))
        .filter(|(_, value)| !is_empty(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}
