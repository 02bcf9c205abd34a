//! Packages that are not what they say: truncated, with wrong digests, of another module.

use serde_json::{Value, json};

use super::{CONFIG, comp_with, package_into, points_at_dependency, refuse, run_config};
use crate::support::Sandbox;
use crate::support::buildpackage_maker::{BuildpackageMaker, cnb_of, layout_of};
use crate::support::composed::check_sound;
use crate::support::composites::{BOTH, comp_of_two, composite, package_toml};
use crate::support::layout_view::{LayoutView, array, text};
use crate::support::tar_maker::gzip;

const ONE: &str = "acme/one@1.0.0";

/// `comp` of `one`, named like this, for amd64. The message names the file, the entry, and these texts.
#[track_caller]
pub(super) fn check(sandbox: &Sandbox, uri: &str, says: &[&str]) {
    composite(sandbox, "comp", "acme/comp@1.0.0", &[&[ONE]]);
    package_toml(sandbox, CONFIG, "../comp", &[uri], &["linux/amd64"]);
    let file = uri
        .trim_start_matches("oci:")
        .trim_start_matches("../")
        .trim_end_matches(":1");
    let run = refuse(sandbox, CONFIG, &[file]);
    for text in says {
        run.stderr_has(text);
    }
    points_at_dependency(&run, CONFIG, 0);
}

/// An image of `one`, changed like this, in a `.cnb` and in a layout.
#[track_caller]
pub(super) fn check_image(change: impl Fn(&mut BuildpackageMaker), says: &[&str]) {
    let make = || {
        let mut image = BuildpackageMaker::leaf(ONE, "linux/amd64", &BOTH);
        change(&mut image);
        image
    };
    let sandbox = Sandbox::new();
    sandbox.write("one.cnb", cnb_of(&make()));
    layout_of(&sandbox, "one.oci", &[make()]);
    check(&sandbox, "../one.cnb", says);
    check(&sandbox, "oci:../one.oci:1", says);
}

#[test]
fn truncated() {
    let whole = cnb_of(&BuildpackageMaker::leaf(ONE, "linux/amd64", &BOTH));
    // the last member is `oci-layout`, with a body of one block; after it come two blocks of zeros
    let last = whole.len() - 1024 - 512 + 10;
    for length in [
        1,
        100,
        512,
        700,
        whole.len() / 4,
        whole.len() / 2,
        whole.len() * 3 / 4,
        last,
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("one.cnb", &whole[..length]);
        check(&sandbox, "../one.cnb", &[]);
    }
}

#[test]
fn empty_or_something_else() {
    for content in [
        &b""[..],
        b"not an archive\n",
        &[0; 1024],
        &gzip(b"not an archive\n"),
        b"PK\x05\x06",
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("one.cnb", content);
        check(&sandbox, "../one.cnb", &[]);
    }
}

/// Every blob, damaged in every way.
#[test]
fn a_blob_that_does_not_match_its_digest() {
    let whole = comp_of_two();
    package_into(
        &whole,
        "one.oci",
        "registry.test/acme/one:1",
        "one",
        &["-t", "linux/amd64"],
    );
    let layout = LayoutView::open(whole.join("one.oci"));
    for name in layout.blob_names() {
        let blob = layout.blob(&format!("sha256:{name}"));
        let mut flipped = blob.clone();
        flipped[blob.len() / 2] ^= 1;
        for damaged in [&flipped[..], &blob[..blob.len() - 1], &[], &[&blob[..], b"x"].concat()] {
            let sandbox = comp_of_two();
            package_into(
                &sandbox,
                "one.oci",
                "registry.test/acme/one:1",
                "one",
                &["-t", "linux/amd64"],
            );
            sandbox.write(format!("one.oci/blobs/sha256/{name}"), damaged);
            super::archive_layout(&sandbox, "one.oci", "one.cnb");
            check(&sandbox, "oci:../one.oci:1", &[&name]);
            check(&sandbox, "../one.cnb", &[&name]);
        }
        let sandbox = comp_of_two();
        package_into(
            &sandbox,
            "one.oci",
            "registry.test/acme/one:1",
            "one",
            &["-t", "linux/amd64"],
        );
        std::fs::remove_file(sandbox.join(format!("one.oci/blobs/sha256/{name}"))).unwrap();
        super::archive_layout(&sandbox, "one.oci", "one.cnb");
        check(&sandbox, "oci:../one.oci:1", &[&name]);
        check(&sandbox, "../one.cnb", &[&name]);
    }
}

/// The image for the other platform is not asked for: a layout may hold a part of its images.
#[test]
fn what_is_not_needed_may_be_missing() {
    let sandbox = comp_of_two();
    package_into(&sandbox, "one.oci", "registry.test/acme/one:1", "one", &[]);
    let layout = LayoutView::open(sandbox.join("one.oci"));
    let index = layout.image_index("1");
    let arm64 = index.child("linux/arm64");
    let layer = &arm64.layers[0].descriptor;
    for digest in [text(&arm64.descriptor, "digest"), text(layer, "digest")] {
        std::fs::remove_file(layout.blob_path(digest)).unwrap();
    }
    comp_with(&sandbox, &["oci:../one.oci:1", "../two"]);
    let args = ["--config", CONFIG, "-t", "linux/amd64"];
    crate::support::composed::Composed::of(sandbox, &args);
}

#[test]
fn a_layer_that_is_not_the_one_of_the_config() {
    let wrong = format!("sha256:{}", "1".repeat(64));
    check_image(|image| image.diff_ids[0].clone_from(&wrong), &[]);
    // not even where the label says the same
    check_image(
        |image| {
            image.diff_ids[0].clone_from(&wrong);
            image.label["acme/one"]["1.0.0"]["layerDiffID"] = wrong.clone().into();
        },
        &[],
    );
    check_image(|image| image.diff_ids.clear(), &[]);
    check_image(|image| image.diff_ids.push(wrong.clone()), &[]);
}

/// It can be read all the same, or it can not; what is written is of a kind that is known.
#[test]
fn layers_of_a_kind_that_is_not_known() {
    let sandbox = Sandbox::new();
    layout_of(
        &sandbox,
        "one.oci",
        &[BuildpackageMaker::leaf(ONE, "linux/amd64", &BOTH)],
    );
    rewrite(&sandbox, |manifest| {
        manifest["layers"][0]["mediaType"] = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted".into();
    });
    composite(&sandbox, "comp", "acme/comp@1.0.0", &[&[ONE]]);
    package_toml(&sandbox, CONFIG, "../comp", &["oci:../one.oci:1"], &["linux/amd64"]);
    let run = run_config(&sandbox, CONFIG, "out.oci", &[]);
    if run.code == 0 {
        let layout = LayoutView::open(sandbox.join("out.oci"));
        for image in layout.image_index("1.0").children {
            check_sound(&layout, &image);
        }
    } else {
        run.failed(1).stderr_has("encrypted");
    }
}

#[test]
fn layers_that_are_no_archives() {
    for compress in [
        (|layer| gzip(&layer[..layer.len() / 2])) as fn(&[u8]) -> Vec<u8>,
        |layer| gzip(layer)[..200].to_vec(),
        |_| gzip(b"no archive\n"),
        |_| b"no archive\n".to_vec(),
        |layer| [gzip(layer), b"more".to_vec()].concat(),
    ] {
        check_image(|image| image.compress = Some(compress), &[]);
    }
}

/// Changes the manifest of the one image in `one.oci`.
fn rewrite(sandbox: &Sandbox, change: impl Fn(&mut Value)) {
    let layout = LayoutView::open(sandbox.join("one.oci"));
    let index = layout.json(layout.digest("1"));
    let mut manifest = layout.json(text(&array(&index, "manifests")[0], "digest"));
    change(&mut manifest);
    let maker = crate::support::layout_maker::LayoutMaker::new(layout.root());
    let image = maker.json(text(&manifest, "mediaType"), &manifest);
    let mut index = index.clone();
    for field in ["digest", "size"] {
        index["manifests"][0][field] = image[field].clone();
    }
    let mut entry = maker.json(text(&index, "mediaType"), &index);
    entry["annotations"] = json!({ crate::support::layout_view::REF_NAME: "1" });
    maker.index_file(&json!({ "schemaVersion": 2, "manifests": [entry] }));
}

#[test]
fn sizes_that_are_wrong() {
    for (pointer, size) in [
        ("/layers/0/size", 1),
        ("/layers/0/size", 1_u64 << 40),
        ("/config/size", 1),
        ("/config/size", 0),
    ] {
        let sandbox = Sandbox::new();
        layout_of(
            &sandbox,
            "one.oci",
            &[BuildpackageMaker::leaf(ONE, "linux/amd64", &BOTH)],
        );
        rewrite(&sandbox, |manifest| {
            *manifest.pointer_mut(pointer).unwrap() = json!(size);
        });
        check(&sandbox, "oci:../one.oci:1", &[]);
    }
}
