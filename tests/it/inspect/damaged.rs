//! Layouts that are not what they say.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::{inspected, package, refused};
use crate::support::layout_maker::{LayoutMaker, OCI_LAYER, tar_of};
use crate::support::layout_view::{LayoutView, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, REF_NAME, sha256, text};
use crate::support::tree::platform_folders;
use crate::support::{Sandbox, tar_maker};

/// A layout with one tag, so that every blob is looked at.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64", "linux/arm64"]);
    package(&sandbox, "registry.test/acme/x:1.0", "bp", &[]);
    sandbox
}

#[test]
fn every_blob_in_every_way() {
    let sandbox = sandbox();
    let layout = LayoutView::open(sandbox.join("out.oci"));
    for name in layout.blob_names() {
        let path = sandbox.join("out.oci/blobs/sha256").join(&name);
        let whole = fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        let mut last_flipped = whole.clone();
        *last_flipped.last_mut().unwrap() ^= 0x80;
        let longer = [&whole[..], b"\n"].concat();
        let ways: [&[u8]; 9] = [
            b"",
            &whole[..whole.len() / 2],
            &whole[..whole.len() - 1],
            &longer,
            &flipped,
            &last_flipped,
            b"{\"manifests\":7,\"layers\":\"x\",\"config\":[]}",
            b"[1,2",
            b"null",
        ];
        for content in ways {
            fs::write(&path, content).unwrap();
            refused(&sandbox, &["out.oci"], &[&name]);
            refused(&sandbox, &["out.oci:1.0"], &[&name]);
        }
        fs::remove_file(&path).unwrap();
        refused(&sandbox, &["out.oci"], &[&name]);
        fs::create_dir(&path).unwrap();
        refused(&sandbox, &["out.oci"], &[&name]);
        fs::remove_dir(&path).unwrap();
        fs::write(&path, whole).unwrap();
    }
    inspected(&sandbox, &["out.oci"]);
}

#[test]
fn its_own_files() {
    let sandbox = sandbox();
    for name in ["oci-layout", "index.json"] {
        let path = Path::new("out.oci").join(name);
        let whole = fs::read(sandbox.join(&path)).unwrap();
        for content in [
            "",
            "garbage",
            "null",
            "[]",
            "{\"manifests\":{}}",
            "{\"manifests\":[null]}",
            "\u{1b}[31m",
        ] {
            if name == "oci-layout" || !content.starts_with("{\"manifests\":{") {
                sandbox.write(&path, content);
                refused(&sandbox, &["out.oci"], &[name]);
            }
        }
        fs::remove_file(sandbox.join(&path)).unwrap();
        refused(&sandbox, &["out.oci"], &[name]);
        sandbox.write(&path, whole);
    }
    sandbox.write("out.oci/oci-layout", "{\"imageLayoutVersion\":\"2.0.0\"}");
    refused(&sandbox, &["out.oci"], &["2.0.0"]);
}

/// A tag that leads to this blob, which is right by its digest.
#[track_caller]
fn check_document(media_type: &str, content: &[u8]) {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out.oci"));
    let mut entry = maker.blob(media_type, content);
    let hex = text(&entry, "digest").replace("sha256:", "");
    entry["annotations"] = json!({ REF_NAME: "1.0" });
    maker.index_file(&json!({ "schemaVersion": 2, "manifests": [entry] }));
    refused(&sandbox, &["out.oci:1.0"], &[&hex]);
}

#[test]
fn documents_that_are_none() {
    for media_type in [OCI_INDEX, OCI_MANIFEST] {
        for content in [
            "",
            "garbage",
            "null",
            "7",
            "[]",
            "\"text\"",
            "{",
            "[[[[[[",
            "\u{feff}{}",
        ] {
            check_document(media_type, content.as_bytes());
        }
        check_document(media_type, &[0xff, 0xfe, 0x00]);
        check_document(media_type, "[".repeat(200_000).as_bytes());
    }
    check_document(OCI_INDEX, b"{\"schemaVersion\":2,\"manifests\":[7]}");
    check_document(OCI_INDEX, b"{\"schemaVersion\":2,\"manifests\":[{\"digest\":7}]}");
    check_document(OCI_MANIFEST, b"{\"schemaVersion\":2}");
    check_document(OCI_MANIFEST, b"{\"schemaVersion\":2,\"config\":{},\"layers\":[]}");
    check_document(OCI_MANIFEST, b"{\"schemaVersion\":2,\"config\":7,\"layers\":7}");
}

#[test]
fn digests_that_lead_out_of_the_layout() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out.oci"));
    for digest in [
        "sha256:../../../secret",
        "sha256:/etc/passwd",
        "../..:x",
        "sha256:",
        "sha256",
        "md5:00",
    ] {
        let entry = json!({ "mediaType": OCI_MANIFEST, "digest": digest, "size": 1 });
        maker.index_file(&json!({ "schemaVersion": 2, "manifests": [entry] }));
        refused(&sandbox, &["out.oci"], &[digest]);
    }
}

#[test]
fn a_size_that_is_another() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out.oci"));
    for size in [json!(1), json!(999_999), json!(-1), json!("7"), json!(1e30)] {
        let mut entry = maker.image("amd64", &[("x", "x\n")]);
        let hex = text(&entry, "digest").replace("sha256:", "");
        entry["size"] = size.clone();
        entry["annotations"] = json!({ REF_NAME: "1.0" });
        maker.index_file(&json!({ "schemaVersion": 2, "manifests": [entry] }));
        let says: &[&str] = if size.is_u64() { &[&hex] } else { &["index.json"] };
        refused(&sandbox, &["out.oci"], says);
    }
}

#[test]
fn layers_that_are_no_tar() {
    for (media_type, content) in [
        (format!("{OCI_LAYER}+gzip"), b"not gzip".to_vec()),
        (format!("{OCI_LAYER}+zstd"), b"not zstd".to_vec()),
        (OCI_LAYER.to_owned(), vec![b'x'; 2000]),
        (format!("{OCI_LAYER}+gzip"), tar_maker::gzip(&[b'x'; 2000])),
        (
            OCI_LAYER.to_owned(),
            tar_of(&[("cut", &"off".repeat(1000))])[..1000].to_vec(),
        ),
    ] {
        let sandbox = Sandbox::new();
        let maker = LayoutMaker::new(&sandbox.join("out.oci"));
        let layer = maker.blob(&media_type, &content);
        let hex = text(&layer, "digest").replace("sha256:", "");
        let entry = maker.image_of(OCI_MANIFEST, OCI_CONFIG, "amd64", &[layer], &[sha256(&content)]);
        maker.index_file(&json!({ "schemaVersion": 2, "manifests": [entry] }));
        refused(&sandbox, &["out.oci"], &[&hex]);
    }
}
