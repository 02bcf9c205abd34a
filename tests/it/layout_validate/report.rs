//! What is shown, and of what.

use std::fs;

use serde_json::json;

use super::{Sandbox, blob_path, codes, flip, report, sound};
use crate::support::{simple_buildpack, snapshot::Snapshot};

#[test]
fn the_text_names_code_blob_and_way() {
    let sandbox = Sandbox::new();
    let parts = sound(&sandbox);
    flip(&blob_path(&sandbox, &parts.children[1]));
    let before = Snapshot::of(sandbox.path());
    let run = sandbox.airpack(&["layout", "validate", "x.oci"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    let digest = parts.children[1]["digest"].as_str().unwrap();
    run.stdout_has(&format!("error[blob-digest]: blob {digest} has other content"));
    run.stdout_has("  at 1 (sha256:");
    run.stdout_has("> linux/arm64 (sha256:");
    run.stdout_has("1 error, ");
    before.assert_unchanged("after validate");
}

#[test]
fn one_image_of_several() {
    let sandbox = Sandbox::new();
    simple_buildpack(&sandbox, "bp", "acme/x", &["linux/amd64"]);
    simple_buildpack(&sandbox, "other", "acme/y", &["linux/amd64"]);
    for (path, name) in [("bp", "registry.test/acme/x:1"), ("other", "registry.test/acme/y:2")] {
        let package = ["buildpack", "package", name, "--path", path, "--layout", "x.oci"];
        sandbox.airpack(&package).ok();
    }
    let view = crate::support::layout_view::LayoutView::open(sandbox.join("x.oci"));
    flip(&view.blob_path(view.digest("2")));
    assert_eq!(report(&sandbox, "x.oci:1", 0)["errors"], 0);
    assert_eq!(report(&sandbox, "x.oci:2", 3)["errors"], 1);
    assert_eq!(report(&sandbox, "x.oci", 3)["errors"], 1);
    let run = sandbox.airpack(&["layout", "validate", "x.oci:3"]);
    run.failed(1).stderr_has("no image `3`");
}

#[test]
fn archives() {
    let sandbox = Sandbox::new();
    simple_buildpack(&sandbox, "bp", "acme/x", &["linux/amd64"]);
    let package = ["buildpack", "package", "x.cnb", "--format", "file", "--path", "bp"];
    sandbox.airpack(&package).ok();
    assert_eq!(report(&sandbox, "x.cnb", 0)["errors"], 0);
    let path = sandbox.join("x.cnb");
    let content = fs::read(&path).unwrap();
    fs::write(&path, &content[..content.len() / 2]).unwrap();
    let cut = report(&sandbox, "x.cnb", 3);
    assert_eq!(
        (codes(&cut), &cut["errors"]),
        (vec!["error archive".to_owned()], &json!(1))
    );
    let run = sandbox.airpack(&["layout", "validate", "x.cnb"]);
    assert_eq!(run.code, 3, "{run}");
    run.stdout_has("error[archive]: ").stdout_has("1 error, 0 warnings");
    for content in [&b""[..], b"nothing of a tar", &content[..700]] {
        fs::write(&path, content).unwrap();
        assert_eq!(codes(&report(&sandbox, "x.cnb", 3)), ["error archive"]);
    }
    // what does not even claim to be one can not be checked
    sandbox.write("notes.md", "mine\n");
    sandbox.airpack(&["layout", "validate", "notes.md"]).failed(1);
}

#[test]
fn what_is_no_layout_at_all() {
    let sandbox = Sandbox::new();
    sandbox.folder("empty");
    for path in ["none", "empty"] {
        let run = sandbox.airpack(&["layout", "validate", path]);
        run.failed(1).stderr_has(path);
    }
}

#[test]
fn what_the_tool_itself_writes_is_good() {
    let sandbox = Sandbox::new();
    simple_buildpack(&sandbox, "bp", "acme/x", &["linux/amd64", "linux/arm64"]);
    for compression in ["gzip", "zstd", "none"] {
        let layout = format!("{compression}.oci");
        let name = "registry.test/acme/x:1";
        let package = [
            "buildpack",
            "package",
            name,
            "--path",
            "bp",
            "--layout",
            &layout,
            "--compression",
            compression,
        ];
        sandbox.airpack(&package).ok();
        let report = report(&sandbox, &layout, 0);
        assert_eq!(report["findings"], serde_json::json!([]), "{report:#}");
        sandbox.airpack(&["layout", "validate", &layout, "--strict"]).ok();
    }
}
