//! Layouts that were made to do harm: whatever they hold, airpack ends, and says why.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::layout_maker::LayoutMaker;
use crate::support::{Run, Sandbox, layout_view, simple_buildpack};

/// Runs airpack for at most a minute; one that hangs fails the test instead of holding it up.
fn ends(sandbox: &Sandbox, args: &[&str]) -> Run {
    let mut command = sandbox.command("timeout");
    let run = Run::of(
        command
            .args(["-s", "KILL", "60", env!("CARGO_BIN_EXE_airpack")])
            .args(args),
    );
    run.failed(1).stderr_lacks("panicked");
    run
}

fn fifo(path: &Path) {
    let _ = fs::remove_file(path);
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn packaged() -> Sandbox {
    let sandbox = Sandbox::new();
    simple_buildpack(&sandbox, "bp", "acme/x", &["linux/amd64"]);
    sandbox
        .airpack(&["buildpack", "package", "acme/x:1", "--path", "bp", "--layout", "out"])
        .ok();
    sandbox
}

#[test]
fn fifos_do_not_hold_it_up() {
    let whole = packaged();
    let blobs = layout_view::LayoutView::open(whole.join("out")).blob_names();
    let names = blobs.iter().map(|name| format!("blobs/sha256/{name}"));
    for name in names.chain(["oci-layout".to_owned(), "index.json".to_owned()]) {
        let sandbox = packaged();
        fifo(&sandbox.join("out").join(&name));
        ends(&sandbox, &["inspect", "out"]);
        ends(
            &sandbox,
            &["buildpack", "package", "acme/x:1", "--path", "bp", "--layout", "out"],
        );
    }
}

#[test]
fn an_endless_marker_is_not_read_to_its_end() {
    let sandbox = packaged();
    fs::remove_file(sandbox.join("out/oci-layout")).unwrap();
    sandbox.symlink("out/oci-layout", "/dev/zero");
    ends(&sandbox, &["inspect", "out"]).stderr_has("oci-layout");
    fs::remove_file(sandbox.join("out/oci-layout")).unwrap();
    fs::write(sandbox.join("out/oci-layout"), " ".repeat(1 << 20)).unwrap();
    ends(&sandbox, &["inspect", "out"]).stderr_has("oci-layout");
}

#[test]
fn indexes_that_multiply_are_looked_at_once() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let mut index = json!({ "schemaVersion": 2, "manifests": [] });
    for _ in 0..7 {
        let child = maker.json(layout_view::OCI_INDEX, &index);
        index = json!({ "schemaVersion": 2, "manifests": vec![child; 60] });
    }
    maker.index_file(&index);
    let nowhere = format!("out@sha256:{}", "0".repeat(64));
    ends(&sandbox, &["inspect", &nowhere]).stderr_has("no image");
}

#[test]
fn a_name_of_another_image_stays_beside_ours() {
    let sandbox = packaged();
    let index = sandbox.join("out/index.json");
    let mut file: serde_json::Value = serde_json::from_slice(&fs::read(&index).unwrap()).unwrap();
    // the entry loses its full name, as when another tool has copied it
    file["manifests"][0]["annotations"]
        .as_object_mut()
        .unwrap()
        .remove("io.containerd.image.name");
    file["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"] = json!("other");
    fs::write(&index, file.to_string()).unwrap();
    let package = ["buildpack", "package", "acme/x:1", "--path", "bp", "--layout", "out"];
    sandbox.airpack(&package).ok();
    let mut file: serde_json::Value = serde_json::from_slice(&fs::read(&index).unwrap()).unwrap();
    file["manifests"][1]["annotations"]["org.opencontainers.image.ref.name"] = json!("1");
    file["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"] = json!("x-1");
    fs::write(&index, file.to_string()).unwrap();
    let before = layout_view::LayoutView::open(sandbox.join("out")).tags().len();
    sandbox.airpack(&package).ok();
    assert_eq!(layout_view::LayoutView::open(sandbox.join("out")).tags().len(), before);
}
