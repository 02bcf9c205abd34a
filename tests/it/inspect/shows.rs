//! What there is.

use std::fs;

use serde_json::json;

use super::{check, inspected, package, sandbox};
use crate::support::Sandbox;
use crate::support::layout_maker::LayoutMaker;
use crate::support::layout_view::{LayoutView, text};
use crate::support::tree::platform_folders;

pub(super) const OF_ONE: [&str; 9] = [
    "acme/x",
    "1.0.0",
    "my.label",
    "my value",
    "only-amd64",
    "only-arm64",
    "build",
    "link-target",
    "io.buildpacks.buildpack.layers",
];

#[test]
fn all_of_a_layout() {
    let all = [&OF_ONE[..], &["1.0", "2.0", "only-two", "registry.test/acme/x:2.0"]].concat();
    check(&sandbox(), &["out.oci"], &all, &[]);
}

#[test]
fn the_index_its_images_and_their_parts() {
    let sandbox = sandbox();
    let layout = LayoutView::open(sandbox.join("out.oci"));
    let index = layout.image_index("1.0");
    let mut digests = vec![layout.digest("1.0")];
    for image in &index.children {
        digests.push(text(&image.descriptor, "digest"));
        digests.push(text(&image.manifest["layers"][0], "digest"));
    }
    let (run, json) = inspected(&sandbox, &["out.oci:1.0"]);
    for digest in digests {
        // people get by with the beginning of a digest
        run.stdout_has(&digest[.."sha256:".len() + 12]);
        assert!(json.iter().any(|text| text == digest), "{digest} in {json:?}");
    }
    for image in &index.children {
        let parts = [text(&image.manifest["config"], "digest"), &image.layers[0].diff_id];
        for digest in parts {
            assert!(json.iter().any(|text| text == digest), "{digest} in {json:?}");
        }
    }
    run.stdout_has("linux/amd64").stdout_has("linux/arm64");
}

#[test]
fn a_tag() {
    let sandbox = sandbox();
    for place in ["out.oci:1.0", "oci:out.oci:1.0", "./out.oci:1.0"] {
        check(&sandbox, &[place], &OF_ONE, &["only-two", "riscv64"]);
    }
    check(
        &sandbox,
        &["out.oci:2.0"],
        &["only-two", "riscv64"],
        &["only-amd64", "arm64"],
    );
    let absolute = sandbox.join("out.oci:2.0");
    check(&sandbox, &[absolute.to_str().unwrap()], &["only-two"], &["only-amd64"]);
}

#[test]
fn a_digest() {
    let sandbox = sandbox();
    let layout = LayoutView::open(sandbox.join("out.oci"));
    let place = format!("out.oci@{}", layout.digest("2.0"));
    check(&sandbox, &[&place], &["only-two"], &["only-amd64"]);
    // that of an image, too
    let index = layout.image_index("1.0");
    let image = text(&index.child("linux/arm64").descriptor, "digest");
    check(
        &sandbox,
        &[&format!("out.oci@{image}")],
        &["only-arm64", "arm64"],
        &["only-amd64"],
    );
}

#[test]
fn a_platform() {
    let sandbox = sandbox();
    let args = ["out.oci:1.0", "--platform", "linux/arm64"];
    check(
        &sandbox,
        &args,
        &["only-arm64", "link-name", "link-target"],
        &["only-amd64"],
    );
    let args = ["out.oci:1.0", "--platform=linux/amd64"];
    check(&sandbox, &args, &["only-amd64"], &["only-arm64"]);
}

#[test]
fn a_platform_with_its_variant_where_nothing_is_closer() {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/arm64/v8", "linux/arm/v6", "linux/arm/v7"]);
    for folder in ["arm64/v8", "arm/v6", "arm/v7"] {
        let name = folder.replace('/', "-");
        sandbox.write(format!("bp/linux/{folder}/{name}"), "x\n");
    }
    package(&sandbox, "registry.test/acme/x:1.0", "bp", &[]);
    let names = ["arm64-v8", "arm-v6", "arm-v7"];
    for (platform, name) in [
        ("linux/arm64", names[0]),
        ("linux/arm64/v8", names[0]),
        ("linux/arm/v6", names[1]),
        ("linux/arm", names[2]),
        ("linux/arm/v7", names[2]),
    ] {
        let others: Vec<_> = names.into_iter().filter(|other| *other != name).collect();
        check(&sandbox, &["out.oci:1.0", "--platform", platform], &[name], &others);
    }
}

#[test]
fn a_layout_whose_path_looks_like_a_tag() {
    let sandbox = sandbox();
    fs::rename(sandbox.join("out.oci"), sandbox.join("out:1.0")).unwrap();
    check(&sandbox, &["out:1.0"], &["only-two", "only-amd64"], &[]);
    check(&sandbox, &["out:1.0:2.0"], &["only-two"], &["only-amd64"]);
    fs::rename(sandbox.join("out:1.0"), sandbox.join("out@x")).unwrap();
    check(&sandbox, &["out@x:2.0"], &["only-two"], &["only-amd64"]);
}

#[test]
fn an_empty_layout() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out.oci"));
    maker.index_file(&json!({ "schemaVersion": 2, "manifests": [] }));
    inspected(&sandbox, &["out.oci"]);
}

#[test]
fn the_same_bytes_every_time() {
    let [first, second] = [sandbox(), sandbox()].map(|sandbox| {
        let run = |args: &[&str]| sandbox.airpack(args).ok().stdout.clone();
        (run(&["inspect", "out.oci"]), run(&["inspect", "out.oci", "--json"]))
    });
    assert_eq!(first, second);
}
