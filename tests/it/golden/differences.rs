//! Compares an image with what a golden case says of it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::support::layout_view::{ImageView, LayerView, TarEntry, array, sha256, text};

/// Label of a builder, which names the tool that made it.
const BUILDER_METADATA: &str = "io.buildpacks.builder.metadata";

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
            .map(|(key, text)| {
                let text = if key == BUILDER_METADATA { masked(&text) } else { text };
                (key, text.into())
            })
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
        let mut expected_layers: Vec<_> = array(expected, "layers").iter().collect();
        let mut layers: Vec<_> = found.layers.iter().collect();
        if expected["layer_order_matters"] == false {
            expected_layers.sort_by_key(|layer| text(layer, "diff_id"));
            layers.sort_by(|a, b| a.diff_id.cmp(&b.diff_id));
        }
        // a layer whose order of entries is not pack's has no diff id to compare
        let mut found_ids: Vec<_> = layers.iter().map(|layer| json!(layer.diff_id)).collect();
        for (id, _) in found_ids
            .iter_mut()
            .zip(&expected_layers)
            .filter(|(_, layer)| layer["diff_id"].is_null())
        {
            *id = Value::Null;
        }
        let diff_ids: Vec<_> = expected_layers.iter().map(|layer| &layer["diff_id"]).collect();
        self.compare(&format!("{name} diff_ids"), &json!(diff_ids), &json!(found_ids));
        self.compare(
            &format!("{name} rootfs.type"),
            &"layers".into(),
            &found.config["rootfs"]["type"],
        );
        for (expected, layer) in expected_layers.iter().zip(layers) {
            let of_diff_id = expected["diff_id"].as_str().map(|diff_id| entries[diff_id]);
            let entries = of_diff_id.unwrap_or(&expected["entries"]);
            self.layer(name, entries.as_array().unwrap(), layer, expected["diff_id"].is_null());
        }
    }

    fn layer(&mut self, name: &str, expected: &[Value], found: &LayerView, in_any_order: bool) {
        let what = format!("{name} number of entries");
        self.compare(&what, &expected.len().into(), &found.entries.len().into());
        let mut expected: Vec<_> = expected.iter().collect();
        let mut entries: Vec<_> = found.entries.iter().collect();
        if in_any_order {
            expected.sort_by_key(|entry| text(entry, "name"));
            entries.sort_by_key(|entry| entry.name());
        }
        for (expected, found) in expected.into_iter().zip(entries) {
            let mut fields = expected.clone();
            let object = fields.as_object_mut().unwrap();
            let said = object.remove("sha256");
            let content = object.remove("text");
            self.compare(&format!("{name} entry"), &fields, &entry_json(found));
            let said = said.map(|hex| format!("sha256:{}", hex.as_str().unwrap()));
            let of_text = content.map(|content| sha256(content.as_str().unwrap().as_bytes()));
            let found_sha256 = found.sha256.as_ref().map(|hex| format!("sha256:{hex}"));
            for expected in said.into_iter().chain(of_text) {
                let what = format!("{name} content of {}", found.name());
                self.compare(&what, &json!(expected), &json!(found_sha256));
            }
        }
    }
}

/// The label with `*` in the place of the tool's name and version; nothing else is touched, not even how it is written.
fn masked(label: &str) -> String {
    let parsed: Value = serde_json::from_str(label).unwrap_or_default();
    let made = &parsed["createdBy"];
    let written = format!(
        "\"createdBy\":{{\"name\":{},\"version\":{}}}",
        made["name"], made["version"]
    );
    label.replace(&written, "\"createdBy\":{\"name\":\"*\",\"version\":\"*\"}")
}

/// The entries of every layer, which are listed where the layer is first named.
pub(super) fn entries_by_diff_id(images: &[Value]) -> BTreeMap<&str, &Value> {
    let mut entries = BTreeMap::new();
    for layer in images.iter().flat_map(|image| array(image, "layers")) {
        let in_any_order = layer["compare"] == "entries_any_order" && layer["diff_id"].is_null();
        assert!(
            layer["compare"].is_null() || in_any_order,
            "this way to compare is not known: {layer}"
        );
        if layer["entries"].is_array() && !in_any_order {
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
