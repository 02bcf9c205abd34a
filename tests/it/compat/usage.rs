//! What stops it: nothing to look at, and texts that mean nothing.

use crate::support::Sandbox;
use crate::support::builder::BuilderInput;
use crate::support::layout_maker::LayoutMaker;
use serde_json::json;

#[test]
fn something_has_to_be_named() {
    let sandbox = Sandbox::new();
    sandbox.airpack(&["compat"]).failed(2);
    sandbox.airpack(&["compat", "x.oci", "--format", "html"]).failed(2);
}

#[test]
fn what_is_no_layout_or_has_no_images() {
    let sandbox = Sandbox::new();
    sandbox
        .airpack(&["compat", "none.oci"])
        .failed(1)
        .stderr_has("none.oci");
    let maker = LayoutMaker::new(&sandbox.folder("empty.oci"));
    maker.index_file(&json!({"schemaVersion": 2, "manifests": []}));
    let run = sandbox.airpack(&["compat", "empty.oci"]);
    run.failed(1).stderr_has("there are no images in `empty.oci`");
}

#[test]
fn a_file_that_can_not_be_read() {
    let sandbox = Sandbox::new();
    sandbox
        .airpack(&["compat", "-c", "none.toml"])
        .failed(1)
        .stderr_has("none.toml");
    sandbox.write("bad.toml", "[build\n");
    sandbox
        .airpack(&["compat", "-c", "bad.toml"])
        .failed(1)
        .stderr_has("bad.toml");
    sandbox.write("odd.toml", "[build]\nimage = 7\n");
    sandbox
        .airpack(&["compat", "-c", "odd.toml"])
        .failed(1)
        .stderr_has("odd.toml");
}

#[test]
fn texts_that_are_no_platforms() {
    let input = BuilderInput::new();
    input.write();
    for flag in ["--platform", "--require"] {
        for (code, text, says) in [
            (2, "linux", "linux/arm64"),
            (1, "linux/amd46", "did you mean `amd64`"),
            (2, "linux//", "os/architecture"),
        ] {
            let run = input.sandbox.airpack(&["compat", "base.oci", flag, text]);
            run.failed(code)
                .stderr_has(&format!("`{text}`"))
                .stderr_has("hint: ")
                .stderr_has(says);
        }
    }
    let args = [
        "compat",
        "base.oci",
        "--require",
        "linux/amd46",
        "--allow-unknown-target",
    ];
    assert_eq!(input.sandbox.airpack(&args).code, 3);
}
