//! `airpack layout validate`: damaged layouts and what must be found in each, and what other tools make of a layout.

mod corpus;
mod layers;
mod property;
mod report;
mod verdicts;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::support::Sandbox;
use super::support::images::{self, ARCHITECTURES};
use super::support::layout_maker::LayoutMaker;
use super::support::layout_view::{OCI_INDEX, text};

/// What `--json` says of `location`.
fn report(sandbox: &Sandbox, location: &str, code: i32) -> Value {
    let run = sandbox.airpack(&["layout", "validate", location, "--json"]);
    assert_eq!(run.code, code, "{location}: {}{}", run.stdout, run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

/// Severity and code of each finding.
fn codes(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|finding| format!("{} {}", text(finding, "severity"), text(finding, "code")))
        .collect()
}

/// `x.oci`: an image for each of two platforms behind an index, called registry.test/acme/x:1.
fn sound(sandbox: &Sandbox) -> Parts {
    let maker = LayoutMaker::new(&sandbox.join("x.oci"));
    let mut children = Vec::new();
    for architecture in ARCHITECTURES {
        let mut image = maker.image(architecture, &[("a", architecture), ("b/c", "text")]);
        image["platform"] = json!({ "os": "linux", "architecture": architecture });
        children.push(image);
    }
    let mut parts = Parts {
        maker,
        children,
        root: Value::Null,
    };
    parts.list();
    parts
}

/// A layout to be damaged.
struct Parts {
    maker: LayoutMaker,
    children: Vec<Value>,
    root: Value,
}

impl Parts {
    /// Writes the index of the children, and `index.json`.
    fn list(&mut self) {
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": self.children });
        self.root = self.maker.json(OCI_INDEX, &index);
        let entry = images::named(self.root.clone(), "registry.test/acme/x:1");
        images::finish(&self.maker, &[entry]);
    }
}

/// Where the blob of a descriptor is.
fn blob_path(sandbox: &Sandbox, descriptor: &Value) -> std::path::PathBuf {
    let digest = text(descriptor, "digest").replace(':', "/");
    sandbox.join("x.oci/blobs").join(digest)
}

fn manifest_of(sandbox: &Sandbox, descriptor: &Value) -> Value {
    serde_json::from_slice(&fs::read(blob_path(sandbox, descriptor)).unwrap()).unwrap()
}

fn truncate(path: &Path) {
    let content = fs::read(path).unwrap();
    fs::write(path, &content[..content.len() - 1]).unwrap();
}

fn flip(path: &Path) {
    let mut content = fs::read(path).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs::write(path, content).unwrap();
}
