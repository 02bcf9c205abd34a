//! Where images come from, and what may lie beside them.

use std::fs;

use serde_json::{Value, json};

use super::{create, index_of, refused};
use crate::support::Sandbox;
use crate::support::buildpackage_maker::{BuildpackageMaker, cnb_of};
use crate::support::images::{attestation, finish, image, index_of as write_index, named};
use crate::support::layout_maker::LayoutMaker;
use crate::support::layout_view::{LayoutView, array, text};

#[test]
fn what_is_about_an_image_follows_it() {
    let sandbox = Sandbox::new();
    let mut all = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let maker = LayoutMaker::new(&sandbox.join(architecture));
        let child = image(&maker, "x", architecture);
        let about = attestation(&maker, &child);
        let nobodys = attestation(&maker, &json!({"digest": format!("sha256:{}", "a".repeat(64))}));
        let children = [child.clone(), about.clone(), nobodys];
        finish(&maker, &[named(write_index(&maker, &children), "1.0")]);
        all.push((child, about));
    }
    let run = create(&sandbox, &["amd64", "arm64"], &[]);
    run.ok().stderr_has("left out");
    let index = index_of(&sandbox, "merged", "1.0");
    let expected: Vec<&Value> = vec![&all[0].0, &all[1].0, &all[0].1, &all[1].1];
    assert_eq!(array(&index, "manifests").iter().collect::<Vec<_>>(), expected);
    LayoutView::open(sandbox.join("merged")).blob(text(&all[1].1, "digest"));
}

#[test]
fn children_keep_what_their_index_says_of_them() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("in"));
    let mut child = image(&maker, "x", "arm");
    child["platform"]["variant"] = "v6".into();
    child["platform"]["os.features"] = json!(["some"]);
    child["annotations"] = json!({"com.acme.tested": "yes"});
    child["urls"] = json!(["https://acme.test"]);
    let root = write_index(&maker, &[child.clone()]);
    // twice nested
    finish(&maker, &[named(write_index(&maker, &[root]), "1.0")]);
    create(&sandbox, &["in"], &[]).ok();
    assert_eq!(index_of(&sandbox, "merged", "1.0")["manifests"], json!([child]));
}

#[test]
fn files_of_pack_keep_their_digests_and_their_media_types_are_told() {
    let sandbox = Sandbox::new();
    let targets = ["linux/amd64", "linux/arm64"];
    let mut digests = Vec::new();
    for (file, target) in ["a.cnb", "b.cnb"].into_iter().zip(targets) {
        let mut image = BuildpackageMaker::leaf("acme/one@1.0.0", target, &targets);
        image.docker = true;
        sandbox.write(file, cnb_of(&image));
        digests.push(image.write(&LayoutMaker::new(&sandbox.join("scratch")))["digest"].clone());
    }
    create(&sandbox, &["b.cnb", "a.cnb"], &[])
        .ok()
        .stderr_has("Docker's media types");
    let index = index_of(&sandbox, "merged", "1.0");
    let found: Vec<_> = array(&index, "manifests")
        .iter()
        .map(|child| child["digest"].clone())
        .collect();
    assert_eq!(found, digests);
}

#[test]
fn a_damaged_input_leaves_nothing() {
    let sandbox = Sandbox::new();
    let mut blobs = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let maker = LayoutMaker::new(&sandbox.join(architecture));
        finish(&maker, &[named(image(&maker, "x", architecture), "1.0")]);
        let layout = LayoutView::open(sandbox.join(architecture));
        let view = layout.image_at(layout.entry("1.0"));
        blobs.push(text(&view.layers[1].descriptor, "digest").to_owned());
    }
    let path = LayoutView::open(sandbox.join("arm64")).blob_path(&blobs[1]);
    let mut bytes = fs::read(&path).unwrap();
    bytes[20] ^= 1;
    fs::write(&path, bytes).unwrap();
    refused(&sandbox, &["amd64", "arm64"], &[])
        .stderr_has(&blobs[1])
        .stderr_has("`arm64`");
    fs::remove_file(&path).unwrap();
    refused(&sandbox, &["amd64", "arm64"], &[])
        .stderr_has(&blobs[1])
        .stderr_has("missing");
}

#[test]
fn an_index_that_says_another_platform_than_the_config_is_refused() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("in"));
    let mut child = image(&maker, "x", "amd64");
    child["platform"]["architecture"] = "arm64".into();
    finish(&maker, &[named(write_index(&maker, &[child]), "1.0")]);
    refused(&sandbox, &["in"], &[])
        .stderr_has("linux/arm64")
        .stderr_has("linux/amd64");
}

#[test]
fn a_source_with_several_images_asks_which() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("in"));
    let entries = ["amd64", "arm64"].map(|architecture| named(image(&maker, architecture, architecture), architecture));
    finish(&maker, &entries);
    refused(&sandbox, &["in"], &[])
        .stderr_has("SOURCE:TAG")
        .stderr_has("amd64, arm64");
    create(&sandbox, &["in:arm64", "in:amd64"], &[]).ok();
    sandbox.write("empty/oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
    sandbox.write("empty/index.json", "{\"schemaVersion\":2,\"manifests\":[]}");
    sandbox
        .airpack(&["index", "create", "x:1", "empty", "--layout", "none"])
        .failed(1)
        .stderr_has("no images");
    sandbox
        .airpack(&["index", "create", "x:1", "absent", "--layout", "none"])
        .failed(1)
        .stderr_has("absent");
}
