//! Which images are copied, and what they are called then.

use serde_json::{Value, json};

use super::{NAME, copy, refused, two_images, view};
use crate::support::Sandbox;
use crate::support::buildpackage_maker::{BuildpackageMaker, cnb_of};
use crate::support::images::{attestation, finish, image, index, index_of, named, referrer};
use crate::support::layout_maker::LayoutMaker;
use crate::support::layout_view::{IMAGE_NAME, LayoutView, array, text};

fn platforms(layout: &LayoutView, tag: &str) -> Vec<String> {
    let index = layout.json(layout.digest(tag));
    array(&index, "manifests")
        .iter()
        .map(|child| text(&child["platform"], "architecture").to_owned())
        .collect()
}

#[test]
fn some_platforms_go_behind_a_new_index() {
    let sandbox = two_images();
    let run = copy(&sandbox, &["in", "out", "--platform", "linux/arm64"]);
    run.ok().stderr_has("new index");
    let out = view(&sandbox, "out");
    assert_eq!(out.tags(), ["1.0", "2.0"]);
    for tag in out.tags() {
        assert_eq!(platforms(&out, tag), ["arm64"]);
    }
    out.check_whole();
    refused(&sandbox, &["in", "new", "--platform", "linux/s390x"]).stderr_has("it has linux/amd64, linux/arm64");
}

#[test]
fn what_is_said_of_a_chosen_image_comes_along() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("in"));
    let images = ["amd64", "arm64"].map(|architecture| image(&maker, "x", architecture));
    let about = attestation(&maker, &images[1]);
    finish(
        &maker,
        &[named(
            index_of(&maker, &[images[0].clone(), images[1].clone(), about.clone()]),
            "1.0",
        )],
    );
    copy(&sandbox, &["in", "out", "--platform", "linux/arm64"]).ok();
    let out = view(&sandbox, "out");
    assert_eq!(out.json(out.digest("1.0"))["manifests"], json!([images[1], about]));
}

#[test]
fn a_name_takes_the_place_of_the_own_one() {
    let sandbox = two_images();
    copy(
        &sandbox,
        &["in:1.0", "out:stable", "--tag", "edge", "--tag", "other.test/y:1"],
    )
    .ok();
    let out = view(&sandbox, "out");
    let names: Vec<_> = out
        .entries()
        .iter()
        .map(|entry| entry["annotations"][IMAGE_NAME].clone())
        .collect();
    assert_eq!(
        names,
        [
            "other.test/y:1",
            "registry.test/acme/x:edge",
            "registry.test/acme/x:stable"
        ]
    );
    copy(&sandbox, &["in:2.0", "out:new.test:5000/z:3"]).ok();
    let out = view(&sandbox, "out");
    assert_eq!(out.entry("3")["annotations"][IMAGE_NAME], "new.test:5000/z:3");
    refused(&sandbox, &["in", "out:x"]).stderr_has("2 images");
    refused(&sandbox, &["in", "out", "--tag", "x"]).stderr_has("2 images");
    refused(&sandbox, &["in:2.0", "out:stable"]).stderr_has("registry.test/acme/x:stable");
}

#[test]
fn one_tag_of_two_repositories_gets_another() {
    let sandbox = two_images();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    finish(&maker, &[named(index(&maker, "y"), "registry.test/acme/y:1.0")]);
    copy(&sandbox, &["in:1.0", "out"]).ok().stderr_has("oci:out:x-1.0");
    let out = view(&sandbox, "out");
    assert_eq!(out.tags(), ["1.0", "x-1.0"]);
    assert_eq!(out.entry("x-1.0")["annotations"][IMAGE_NAME], NAME);
}

#[test]
fn images_of_archives_come_too() {
    let sandbox = Sandbox::new();
    let image = BuildpackageMaker::leaf("acme/one@1.0.0", "linux/amd64", &["linux/amd64"]);
    sandbox.write("one.cnb", cnb_of(&image));
    copy(&sandbox, &["one.cnb", "out:registry.test/acme/one:1"]).ok();
    view(&sandbox, "out").check_whole();
    let out = view(&sandbox, "out");
    assert_eq!(out.image_at(out.entry("1")).labels().len(), 2);
    // without a name it stays without one
    copy(&sandbox, &["one.cnb", "plain"]).ok();
    assert_eq!(view(&sandbox, "plain").tags(), [""; 0]);
    assert_eq!(view(&sandbox, "plain").entries().len(), 1);
}

/// A layout with an image, its signature, and an image that is about nothing.
fn signed() -> (Sandbox, Value) {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("in"));
    let root = index(&maker, "x");
    let signature = referrer(&maker, &root, "application/x-signature");
    finish(&maker, &[named(root, NAME), signature.clone()]);
    (sandbox, signature)
}

#[test]
fn signatures_come_with_the_whole_layout_or_when_asked_for() {
    let (sandbox, signature) = signed();
    let has = |layout: &str| {
        let view = view(&sandbox, layout);
        view.check_whole();
        view.entries()
            .iter()
            .any(|entry| entry["digest"] == signature["digest"])
    };
    copy(&sandbox, &["in", "whole"]).ok();
    assert!(has("whole"));
    copy(&sandbox, &["in:1.0", "one"]).ok();
    assert!(!has("one"));
    copy(&sandbox, &["in:1.0", "asked", "--referrers"]).ok();
    assert!(has("asked"));
    copy(&sandbox, &["in", "part", "--platform", "linux/amd64"]).ok();
    assert!(!has("part"), "it is about another index");
}

#[test]
fn a_name_of_two_images_can_not_be_kept() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("in"));
    let entries = ["amd64", "arm64"].map(|architecture| named(image(&maker, "x", architecture), "1.0"));
    finish(&maker, &entries);
    refused(&sandbox, &["in", "out"])
        .stderr_has("called `1.0`")
        .stderr_has("airpack layout import");
}
