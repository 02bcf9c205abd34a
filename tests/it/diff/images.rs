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
    // one that only one has is a difference; one that nobody has is a mistake
    let gone = super::text(&sandbox, &["a.oci", "b.oci", "--platform", "linux/amd64"], 3);
    has(&gone, &["- linux/amd64"]);
    for pair in [["a.oci", "b.oci"], ["a.oci", "a.oci"]] {
        let run = sandbox.airpack(&["diff", pair[0], pair[1], "--platform", "linux/riscv64"]);
        run.failed(1)
            .stderr_has("no image for linux/riscv64")
            .stderr_has("linux/arm64");
    }
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
fn what_is_beside_images() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("x.oci"));
    let image = images::image(&maker, "seed", "amd64");
    let bare = index_of(&maker, std::slice::from_ref(&image));
    let about = images::attestation(&maker, &image);
    let with = index_of(&maker, &[image, about.clone()]);
    finish(
        &maker,
        &[
            named(bare, "registry.test/acme/x:1"),
            named(with, "registry.test/acme/x:2"),
        ],
    );
    let digest = about["digest"].as_str().unwrap();
    let text = text(&sandbox, &["x.oci:1", "x.oci:2"], 3);
    has(&text, &["besides images", &format!("+ {digest}")]);
    lacks(&text, &["the same"]);
}

#[test]
fn what_has_no_name_counts_as_well() {
    let sandbox = Sandbox::new();
    for (layout, seed) in [("a.oci", "one"), ("b.oci", "two")] {
        let maker = LayoutMaker::new(&sandbox.join(layout));
        let entries = [
            named(images::index(&maker, "same"), NAME),
            images::image(&maker, seed, "amd64"),
        ];
        finish(&maker, &entries);
    }
    let text = text(&sandbox, &["a.oci", "b.oci"], 3);
    lacks(&text, &["the same: all"]);
    has(&text, &["linux/amd64: sha256"]);
}

#[test]
fn labels_with_the_same_json_in_another_text() {
    let sandbox = Sandbox::new();
    simple_buildpack(&sandbox, "bp", "acme/x", &["linux/amd64"]);
    for (layout, label) in [("a.oci", r#"some.label={"a": 1}"#), ("b.oci", r#"some.label={"a":1}"#)] {
        let args = [
            "buildpack",
            "package",
            NAME,
            "--path",
            "bp",
            "--layout",
            layout,
            "--label",
            label,
        ];
        sandbox.airpack(&args).ok();
    }
    let text = text(&sandbox, &["a.oci", "b.oci"], 3);
    has(&text, &["config > Labels > some.label: "]);
    lacks(&text, &["the same content"]);
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
        .failed(2)
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
