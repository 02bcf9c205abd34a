//! A layout that was there.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde_json::{Value, json};

use super::{assert_names, packaged, sandbox};
use crate::support::Sandbox;
use crate::support::layout_maker::{LayoutMaker, OCI_LAYER, tar_of};
use crate::support::layout_view::{IMAGE_NAME, REF_NAME, text};
use crate::support::snapshot::Snapshot;

#[test]
fn other_tags_stay() {
    let sandbox = sandbox();
    let (first, _) = packaged(&sandbox, "registry.test/acme/x:1.0", "bp", &[]);
    let (second, layout) = packaged(&sandbox, "registry.test/acme/x:0.9", "other", &[]);
    layout.check_whole();
    assert_eq!(layout.digest("1.0"), first);
    assert_eq!(layout.digest("0.9"), second);
    assert_names(
        &layout,
        &[("0.9", "registry.test/acme/x:0.9"), ("1.0", "registry.test/acme/x:1.0")],
    );
}

#[test]
fn the_order_of_packaging_does_not_show() {
    let steps = [
        ("registry.test/acme/x:1.0", "bp"),
        ("registry.test/acme/x:0.9", "other"),
        ("registry.test/acme/x:1.10", "other"),
    ];
    let forth = sandbox();
    let back = sandbox();
    for (reference, path) in steps {
        packaged(&forth, reference, path, &[]);
    }
    for (reference, path) in steps.into_iter().rev() {
        packaged(&back, reference, path, &[]);
    }
    let index = |sandbox: &Sandbox| fs::read_to_string(sandbox.join("out.oci/index.json")).unwrap();
    assert_eq!(index(&forth), index(&back));
}

#[test]
fn a_tag_is_replaced() {
    let sandbox = sandbox();
    let (kept, _) = packaged(&sandbox, "registry.test/acme/x:0.9", "other", &[]);
    let (old, _) = packaged(&sandbox, "registry.test/acme/x:1.0", "bp", &[]);
    sandbox.write("bp/linux/arm64/which", "changed\n");
    let (new, layout) = packaged(&sandbox, "registry.test/acme/x:1.0", "bp", &[]);
    assert_ne!(old, new);
    layout.check_whole_with_leftovers();
    assert_eq!(layout.digest("1.0"), new);
    assert_eq!(layout.digest("0.9"), kept);
    assert_eq!(layout.entries().len(), 2);
}

#[test]
fn again_changes_nothing() {
    let sandbox = sandbox();
    let (first, _) = packaged(&sandbox, "registry.test/acme/x:1.0", "bp", &[]);
    let before = Snapshot::content_of(sandbox.join("out.oci"));
    let blobs = files(&sandbox.join("out.oci/blobs/sha256"));
    let (second, _) = packaged(&sandbox, "registry.test/acme/x:1.0", "bp", &[]);
    assert_eq!(first, second);
    before.assert_unchanged("the same packaging again");
    // blobs that are there are not written again
    assert_eq!(blobs, files(&sandbox.join("out.oci/blobs/sha256")));
}

/// The files of a folder, each with its number and time of change.
fn files(folder: &Path) -> Vec<(String, u64, i64)> {
    let file = |entry: fs::DirEntry| {
        let metadata = entry.metadata().unwrap();
        let name = entry.file_name().into_string().unwrap();
        (name, metadata.ino(), metadata.mtime_nsec())
    };
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|e| file(e.unwrap())).collect();
    files.sort();
    files
}

#[test]
fn a_second_repository_with_the_same_tag() {
    let sandbox = sandbox();
    let (first, _) = packaged(&sandbox, "registry.test/acme/x:1.0", "bp", &[]);
    let (second, layout) = packaged(&sandbox, "registry.test/acme/y:1.0", "other", &[]);
    layout.check_whole();
    let both = [
        ("1.0", "registry.test/acme/x:1.0"),
        ("y-1.0", "registry.test/acme/y:1.0"),
    ];
    assert_names(&layout, &both);
    assert_eq!(layout.digest("1.0"), first);
    assert_eq!(layout.digest("y-1.0"), second);

    // each is found again under the tag it has
    sandbox.write("other/o", "changed\n");
    let (changed, layout) = packaged(&sandbox, "registry.test/acme/y:1.0", "other", &[]);
    assert_names(&layout, &both);
    assert_eq!(layout.digest("y-1.0"), changed);
    let (again, layout) = packaged(&sandbox, "registry.test/acme/x:1.0", "bp", &[]);
    assert_names(&layout, &both);
    assert_eq!(again, first);

    // a third one with the same last part
    let (third, layout) = packaged(&sandbox, "other.test/team/y:1.0", "bp", &[]);
    layout.check_whole_with_leftovers();
    assert_eq!(layout.entries().len(), 3);
    assert_eq!(layout.digest("y-1.0"), changed, "it belongs to another repository");
    let named = |entry: &&Value| entry["annotations"][IMAGE_NAME] == "other.test/team/y:1.0";
    let entry = layout.entries().iter().find(named).unwrap();
    assert_eq!(text(entry, "digest"), third);
}

#[test]
fn more_tags_for_the_same_index() {
    let sandbox = sandbox();
    let args = [
        "--tag",
        "latest",
        "--tag",
        "registry.test/acme/x:1",
        "--tag",
        "mirror.test/m/z:7",
    ];
    let (digest, layout) = packaged(&sandbox, "registry.test/acme/x:1.0", "bp", &args);
    layout.check_whole();
    assert_names(
        &layout,
        &[
            ("1", "registry.test/acme/x:1"),
            ("1.0", "registry.test/acme/x:1.0"),
            ("7", "mirror.test/m/z:7"),
            ("latest", "registry.test/acme/x:latest"),
        ],
    );
    assert!(layout.entries().iter().all(|entry| entry["digest"] == digest.as_str()));
}

#[test]
fn the_same_tag_twice_is_one() {
    let args = ["--tag", "1.0", "--tag", "registry.test/acme/x:1.0"];
    let (_, layout) = packaged(&sandbox(), "registry.test/acme/x:1.0", "bp", &args);
    assert_names(&layout, &[("1.0", "registry.test/acme/x:1.0")]);
}

#[test]
fn of_other_tools_keeps_what_it_does_not_know() {
    let sandbox = sandbox();
    let maker = LayoutMaker::new(&sandbox.join("out.oci"));
    let image = maker.image("s390x", &[("/etc/os-release", "NAME=x\n")]);
    let mut tagged = image.clone();
    tagged["annotations"] = json!({ REF_NAME: "foreign", "test.own": "kept" });
    tagged["test.unknown"] = json!({ "deep": [1, 2] });
    let mut referrer = maker.json(
        "application/vnd.oci.image.manifest.v1+json",
        &json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": "application/vnd.test",
            "config": maker.blob("application/vnd.oci.empty.v1+json", b"{}"),
            "layers": [maker.blob(OCI_LAYER, &tar_of(&[]))],
            "subject": image,
        }),
    );
    referrer["artifactType"] = json!("application/vnd.test");
    // as skopeo writes it: without a media type
    maker.index_file(&json!({
        "schemaVersion": 2,
        "manifests": [tagged, referrer],
        "annotations": { "test.of-the-file": "kept" },
    }));
    let (digest, layout) = packaged(&sandbox, "registry.test/acme/x:1.0", "bp", &[]);
    layout.check_whole();
    assert_eq!(layout.digest("1.0"), digest);
    assert_eq!(layout.entries().len(), 3);
    assert_eq!(*layout.entry("foreign"), tagged);
    assert!(layout.entries().contains(&referrer), "{:#}", layout.index_file());
    assert_eq!(layout.index_file()["annotations"]["test.of-the-file"], "kept");
}

#[test]
fn a_tag_of_another_tool_is_replaced() {
    let sandbox = sandbox();
    let maker = LayoutMaker::new(&sandbox.join("out.oci"));
    let mut image = maker.image("amd64", &[]);
    image["annotations"] = json!({ REF_NAME: "1.0" });
    maker.index_file(&json!({ "schemaVersion": 2, "manifests": [image] }));
    let (digest, layout) = packaged(&sandbox, "registry.test/acme/x:1.0", "bp", &[]);
    layout.check_whole_with_leftovers();
    assert_names(&layout, &[("1.0", "registry.test/acme/x:1.0")]);
    assert_eq!(layout.digest("1.0"), digest);
}
