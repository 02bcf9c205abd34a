//! What can not go behind one index, and what can with `--force`.

use serde_json::{Value, json};

use super::{NAME, create, index_of, refused};
use crate::support::builder::{BuilderInput, extension};
use crate::support::images::{finish, image, named};
use crate::support::layout_maker::LayoutMaker;
use crate::support::layout_view::{LayoutView, array};
use crate::support::snapshot::Snapshot;
use crate::support::{Sandbox, simple_buildpack};

/// Packages a buildpack for one target into the layout of this name.
fn package(sandbox: &Sandbox, layout: &str, id: &str, target: &str) {
    simple_buildpack(sandbox, layout, id, &[target]);
    let out = format!("{layout}.oci");
    sandbox
        .airpack(&["buildpack", "package", NAME, "--path", layout, "--layout", &out])
        .ok();
}

fn platforms(index: &Value) -> Vec<String> {
    let platform = |child: &Value| child["platform"]["architecture"].as_str().unwrap().to_owned();
    array(index, "manifests").iter().map(platform).collect()
}

#[test]
fn two_images_for_one_platform_are_an_error_that_names_both() {
    let sandbox = Sandbox::new();
    package(&sandbox, "one", "acme/x", "linux/arm64");
    package(&sandbox, "two", "acme/x", "linux/arm64/v8");
    let run = refused(&sandbox, &["one.oci", "two.oci:1.0"], &["--force"]);
    run.stderr_has("`one.oci` and `two.oci:1.0` both have an image for linux/arm64/v8");
    refused(&sandbox, &["one.oci", "one.oci"], &[]);
}

#[test]
fn another_buildpack_is_refused_unless_it_is_forced() {
    let sandbox = Sandbox::new();
    package(&sandbox, "one", "acme/x", "linux/amd64");
    package(&sandbox, "two", "acme/y", "linux/arm64");
    let images = ["one.oci", "two.oci"];
    refused(&sandbox, &images, &[])
        .stderr_has("buildpack acme/x@1.0.0")
        .stderr_has("buildpack acme/y@1.0.0")
        .stderr_has("--force");
    let run = create(&sandbox, &images, &["--force"]);
    run.ok().stderr_has("warning: ").stderr_has("acme/y@1.0.0");
    assert_eq!(platforms(&index_of(&sandbox, "merged", "1.0")), ["amd64", "arm64"]);
}

#[test]
fn an_extension_beside_a_buildpack_of_its_name_is_refused() {
    let sandbox = Sandbox::new();
    package(&sandbox, "one", "acme/x", "linux/amd64");
    extension(&sandbox, "ext", "acme/x", "1.0.0");
    let args = [
        "extension",
        "package",
        NAME,
        "--path",
        "ext",
        "--layout",
        "ext.oci",
        "-t",
        "linux/arm64",
    ];
    sandbox.airpack(&args).ok();
    refused(&sandbox, &["one.oci", "ext.oci"], &[]).stderr_has("an extension acme/x@1.0.0");
}

#[test]
fn a_builder_goes_with_builders_only_and_differences_are_told() {
    let input = BuilderInput::new();
    let run = |layout: &str, target: &str| {
        input.run_into(layout, &["--target", target]).ok();
    };
    run("amd", "linux/amd64");
    let sandbox = &input.sandbox;
    package(sandbox, "plain", "acme/x", "linux/arm64");
    refused(sandbox, &["amd", "plain.oci"], &[])
        .stderr_has("a builder")
        .stderr_has("buildpack acme/x@1.0.0");

    let toml = input.toml.replace("optional = true\n", "");
    let other = BuilderInput { toml, ..input };
    other.run_into("arm", &["--target", "linux/arm64"]).ok();
    create(&other.sandbox, &["amd", "arm"], &[])
        .ok()
        .stderr_has("warning: ")
        .stderr_has("differ in: order");
}

#[test]
fn images_of_any_kind_go_together() {
    let sandbox = Sandbox::new();
    for architecture in ["amd64", "arm64"] {
        let maker = LayoutMaker::new(&sandbox.join(architecture));
        finish(&maker, &[named(image(&maker, "x", architecture), "1.0")]);
    }
    create(&sandbox, &["arm64", "amd64"], &[]).ok().stderr_lacks("warning");
    let index = index_of(&sandbox, "merged", "1.0");
    assert_eq!(platforms(&index), ["arm64", "amd64"], "in the order given");
    assert!(index.get("annotations").is_none(), "{index:#}");
    // names belong to entries of index.json
    for child in array(&index, "manifests") {
        assert!(child.get("annotations").is_none(), "{child:#}");
    }
}

#[test]
fn annotations_that_differ_are_left_out_and_told() {
    let sandbox = Sandbox::new();
    for (layout, target, value) in [("one", "linux/amd64", "1"), ("two", "linux/arm64", "2")] {
        simple_buildpack(&sandbox, "bp", "acme/x", &["linux/amd64", "linux/arm64"]);
        let own = format!("com.acme.run={value}");
        let args = [
            "--target",
            target,
            "--annotation",
            &own,
            "--annotation",
            "com.acme.all=yes",
        ];
        let package = ["buildpack", "package", NAME, "--path", "bp", "--layout", layout];
        sandbox.airpack(&[&package[..], &args].concat()).ok();
    }
    let run = create(&sandbox, &["one", "two"], &["--annotation", "com.acme.new=a=b"]);
    run.ok().stderr_has("`com.acme.run` is left out");
    let annotations = index_of(&sandbox, "merged", "1.0")["annotations"].clone();
    assert_eq!(annotations["com.acme.all"], "yes");
    assert_eq!(annotations["com.acme.new"], "a=b");
    assert_eq!(annotations.get("com.acme.run"), None);
    assert_eq!(annotations["org.opencontainers.image.version"], "1.0.0");
    let run = create(&sandbox, &["one", "two"], &["--annotation", "com.acme.run=3"]);
    run.ok().stderr_lacks("left out");
}

#[test]
fn a_dry_run_says_the_digest_and_writes_nothing() {
    let sandbox = Sandbox::new();
    package(&sandbox, "one", "acme/x", "linux/amd64");
    package(&sandbox, "two", "acme/x", "linux/arm64");
    let before = Snapshot::of(sandbox.path());
    let dry = create(&sandbox, &["one.oci", "two.oci"], &["--dry-run"]);
    dry.ok()
        .stdout_has("linux/amd64")
        .stdout_has("buildpack acme/x@1.0.0")
        .stdout_has("not written");
    let as_json = create(&sandbox, &["one.oci", "two.oci"], &["--dry-run", "--json"]);
    before.assert_unchanged("a dry run");
    let run = create(&sandbox, &["one.oci", "two.oci"], &[]);
    dry.stdout_has(run.digest());
    let json: Value = serde_json::from_str(&as_json.ok().stdout).unwrap();
    assert_eq!(json["digest"], run.digest());
    assert_eq!(json["dryRun"], true);
    assert_eq!(
        json["images"][1]["platform"],
        json!({"os": "linux", "architecture": "arm64"})
    );
    assert_eq!(json["warnings"], json!([]));
    LayoutView::open(sandbox.join("merged")).check_whole();
}
