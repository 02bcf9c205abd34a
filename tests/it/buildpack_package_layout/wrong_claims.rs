//! Layouts that lie about what is in them.

use std::fs;

use serde_json::json;

use super::packaged;
use crate::support::Sandbox;
use crate::support::layout_maker::LayoutMaker;
use crate::support::layout_view::{IMAGE_NAME, LayoutView, OCI_INDEX, REF_NAME, array, sha256, text, unpack};

/// A sandbox where `other` holds something that every level makes other bytes of, in more than one block.
fn sandbox() -> Sandbox {
    let sandbox = super::sandbox();
    let line = |number: u32| format!("{} of {number}\n", ["one", "two", "three"][(number % 3) as usize]);
    sandbox.write("other/words", (0..200_000).map(line).collect::<String>());
    sandbox
}

/// What a fresh layout would say.
fn fresh(args: &[&str]) -> (String, LayoutView, Sandbox) {
    let sandbox = sandbox();
    let (digest, layout) = packaged(&sandbox, "registry.test/acme/x:1.0", "other", args);
    (digest, layout, sandbox)
}

/// The image `other` in a layout of its own, with another blob as its layer under a config that says the
/// layer's diff id, as if that blob had been made from the same files.
fn with_claim(layer: &[u8]) -> Sandbox {
    let (_, layout, sandbox) = fresh(&[]);
    let index = layout.image_index("1.0");
    let mut manifest = index.children[0].manifest.clone();
    let maker = LayoutMaker::new(&sandbox.join("claim.oci"));
    let config = layout.blob(text(&manifest["config"], "digest"));
    maker.blob(text(&manifest["config"], "mediaType"), &config);
    let media_type = text(&manifest["layers"][0], "mediaType").to_owned();
    manifest["layers"][0] = maker.blob(&media_type, layer);
    let manifest = maker.json("application/vnd.oci.image.manifest.v1+json", &manifest);
    let mut entry = maker.json(
        OCI_INDEX,
        &json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [manifest] }),
    );
    entry["annotations"] = json!({ REF_NAME: "claim", IMAGE_NAME: "registry.test/acme/x:claim" });
    maker.index_file(&json!({ "schemaVersion": 2, "manifests": [entry] }));
    fs::remove_dir_all(sandbox.join("out.oci")).unwrap();
    fs::rename(sandbox.join("claim.oci"), sandbox.join("out.oci")).unwrap();
    sandbox
}

/// Packaging is not led astray by such a layout.
#[track_caller]
fn check(layer: &[u8]) {
    let (expected, ..) = fresh(&[]);
    let sandbox = with_claim(layer);
    let (digest, layout) = packaged(&sandbox, "registry.test/acme/x:1.0", "other", &[]);
    assert_eq!(digest, expected);
    let index = layout.image_index("1.0");
    let diff_ids = &index.children[0].config["rootfs"]["diff_ids"];
    assert_eq!(*diff_ids, json!([index.children[0].layers[0].diff_id]));
}

/// The layer blob of `other` as these arguments make it, and the length of its gzip header.
fn layer(args: &[&str]) -> (Vec<u8>, usize) {
    let (_, layout, _sandbox) = fresh(args);
    let index = layout.image_index("1.0");
    let blob = layout.blob(text(&index.children[0].manifest["layers"][0], "digest"));
    assert_eq!(blob[..2], [0x1f, 0x8b]);
    let has_extra = blob[3] & 4 != 0;
    let extra = usize::from(u16::from_le_bytes([blob[10], blob[11]]));
    (blob, if has_extra { 12 + extra } else { 10 })
}

#[test]
fn of_a_config_over_another_blob() {
    check(&crate::support::tar_maker::gzip(b"quite another content"));
}

#[test]
fn of_a_header_over_another_content() {
    let (ours, header) = layer(&[]);
    let other = crate::support::tar_maker::gzip(&[b'x'; 4096]);
    // the other's header has no extra fields
    check(&[&ours[..header], &other[10..]].concat());
}

#[test]
fn of_a_header_over_another_level() {
    let (default, header) = layer(&[]);
    for level in ["gzip:1", "gzip:9"] {
        let (other, other_header) = layer(&["--compression", level]);
        let forged = [&default[..header], &other[other_header..]].concat();
        assert_ne!(forged, default, "{level} is to differ from the default");
        check(&forged);
    }
}

#[test]
fn of_the_beginning_over_another_level() {
    let (default, _) = layer(&[]);
    let (other, _) = layer(&["--compression", "gzip:1"]);
    // a block ends with an empty stored one
    let after_block = |blob: &[u8]| blob.windows(4).position(|part| part == [0, 0, 0xff, 0xff]).unwrap() + 4;
    let forged = [&default[..after_block(&default)], &other[after_block(&other)..]].concat();
    assert_ne!(forged, default);
    let tar = |blob: &[u8]| sha256(&unpack(blob, "gzip"));
    assert_eq!(tar(&forged), tar(&default), "it is to have the same content");
    check(&forged);
}

#[test]
fn of_a_header_over_damaged_content() {
    let (mut ours, header) = layer(&[]);
    let middle = header + (ours.len() - header) / 2;
    ours[middle] ^= 4;
    check(&ours);
}

#[test]
fn every_level_gives_the_bytes_of_a_fresh_layout() {
    let sandbox = sandbox();
    let levels = [
        "gzip:1", "gzip:9", "gzip", "zstd:3", "none", "gzip:1", "zstd:19", "gzip:6",
    ];
    let mut tars = Vec::new();
    for (number, level) in levels.iter().enumerate() {
        let args = ["--compression", level];
        let reference = format!("registry.test/acme/x:{number}");
        let (digest, layout) = packaged(&sandbox, &reference, "other", &args);
        assert_eq!(digest, fresh(&args).0, "{level} after {:?}", &levels[..number]);
        let index = layout.image_index(&number.to_string());
        let layer = &array(&index.children[0].manifest, "layers")[0];
        tars.push(sha256(&unpack(
            &layout.blob(text(layer, "digest")),
            text(layer, "mediaType"),
        )));
    }
    assert!(tars.iter().all(|tar| *tar == tars[0]), "{tars:?}");
}
