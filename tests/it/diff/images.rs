//! Platforms, configs, annotations, and single images.

use std::fs;

use serde_json::json;

use super::{Sandbox, has, lacks, text};
use crate::support::images::{self, finish, index_of, named};
use crate::support::layout_maker::LayoutMaker;
use crate::support::layout_view::LayoutView;
use crate::support::simple_buildpack;

const NAME: &str = "registry.test/acme/x:1";

#[test]
fn platforms_that_come_and_go() {
    let sandbox = Sandbox::new();
    for (layout, architectures) in [("a.oci", ["amd64", "arm64"]), ("b.oci", ["arm64", "s390x"])] {
        let maker = LayoutMaker::new(&sandbox.join(layout));
        let children = architectures.map(|architecture| images::image(&maker, "seed", architecture));
        finish(&maker, &[named(index_of(&maker, &children), NAME)]);
    }
    let text = text(&sandbox, &["a.oci", "b.oci"], 3);
    has(&text, &["platforms", "- linux/amd64", "+ linux/s390x"]);
    lacks(&text, &["linux/arm64"]);
    let run = sandbox.airpack(&["diff", "a.oci", "b.oci", "--platform", "linux/amd64"]);
    run.failed(1)
        .stderr_has("no image for linux/amd64")
        .stderr_has("linux/s390x");
    let same = super::text(&sandbox, &["a.oci", "b.oci", "--platform", "linux/arm64"], 0);
    has(&same, &["the same"]);
}

#[test]
fn annotations_and_labels_are_told_with_their_way() {
    let sandbox = Sandbox::new();
    simple_buildpack(&sandbox, "bp", "acme/x", &["linux/amd64"]);
    let package = |layout: &str, value: &str| {
        let (label, annotation) = (format!("some.label={value}"), format!("some.annotation={value}"));
        let args = [
            "buildpack",
            "package",
            NAME,
            "--path",
            "bp",
            "--layout",
            layout,
            "--label",
            &label,
            "--annotation",
            &annotation,
        ];
        sandbox.airpack(&args).ok();
    };
    package("a.oci", r#"{"a":{"b":[1,2]}}"#);
    package("b.oci", r#"{"a":{"b":[1,3]}}"#);
    let text = text(&sandbox, &["a.oci", "b.oci"], 3);
    has(
        &text,
        &[
            "config > Labels > some.label > a > b > 2: 2 -> 3",
            "annotations > some.annotation: ",
        ],
    );
    lacks(&text, &["layer ", "buildpacks", "some.label: "]);
}

#[test]
fn an_image_alone_and_the_same_behind_an_index() {
    let sandbox = Sandbox::new();
    simple_buildpack(&sandbox, "bp", "acme/x", &["linux/amd64"]);
    sandbox
        .airpack(&["buildpack", "package", NAME, "--path", "bp", "--layout", "a.oci"])
        .ok();
    let view = LayoutView::open(sandbox.join("a.oci"));
    let image = format!(
        "a.oci@{}",
        view.image_index("1").children[0].descriptor["digest"].as_str().unwrap()
    );
    let text = text(&sandbox, &[&image, "a.oci:1"], 3);
    has(&text, &["the same content"]);
    lacks(&text, &["layer", "config"]);
}

#[test]
fn a_file_of_pack_s_kind_against_a_layout() {
    let sandbox = Sandbox::new();
    simple_buildpack(&sandbox, "bp", "acme/x", &["linux/amd64"]);
    sandbox
        .airpack(&["buildpack", "package", NAME, "--path", "bp", "--layout", "a.oci"])
        .ok();
    sandbox
        .airpack(&["buildpack", "package", "x.cnb", "--format", "file", "--path", "bp"])
        .ok();
    let text = text(&sandbox, &["x.cnb", "a.oci"], 3);
    has(&text, &["the same content"]);
    sandbox.write("bp/more", "more");
    sandbox
        .airpack(&["buildpack", "package", "x.cnb", "--format", "file", "--path", "bp"])
        .ok();
    let text = super::text(&sandbox, &["x.cnb", "a.oci"], 3);
    has(
        &text,
        &[
            "acme/x@1.0.0: other content",
            "- /cnb/buildpacks/acme_x/1.0.0/more (4 B)",
        ],
    );
}

#[test]
fn what_is_not_there() {
    let sandbox = Sandbox::new();
    simple_buildpack(&sandbox, "bp", "acme/x", &["linux/amd64"]);
    sandbox
        .airpack(&["buildpack", "package", NAME, "--path", "bp", "--layout", "a.oci"])
        .ok();
    sandbox
        .airpack(&["diff", "a.oci", "none.oci"])
        .failed(1)
        .stderr_has("none.oci");
    sandbox
        .airpack(&["diff", "a.oci:2", "a.oci"])
        .failed(1)
        .stderr_has("no image `2`");
    sandbox.airpack(&["diff", "a.oci"]).failed(2);
    sandbox
        .airpack(&["diff", "a.oci", "a.oci", "--platform", "x"])
        .failed(1)
        .stderr_has("is not a platform");
    fs::create_dir_all(sandbox.join("empty.oci/blobs")).unwrap();
    sandbox.write("empty.oci/oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
    sandbox.write(
        "empty.oci/index.json",
        json!({"schemaVersion": 2, "manifests": []}).to_string(),
    );
    sandbox
        .airpack(&["diff", "a.oci", "empty.oci"])
        .failed(1)
        .stderr_has("has no images");
}
