//! What a layout already holds is used when it is right, and never changes what comes out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::Value;

use crate::support::big_tree::{BIG_TREE, WHOLE_TREE, write_members};
use crate::support::layout_view::{IMAGE_NAME, LayoutView, array, sha256, text, unpack};
use crate::support::tar_maker::{Member, TarFormat, gzip, tar};
use crate::support::{Run, Sandbox, simple_buildpack};

/// A sandbox with two buildpacks of several megabytes, `big` and `whole`, and a small one, `small`.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    write_members(&sandbox.folder("big"), BIG_TREE.iter());
    write_members(&sandbox.folder("whole"), WHOLE_TREE.iter());
    simple_buildpack(&sandbox, "small", "acme/small", &["linux/amd64", "linux/arm64"]);
    sandbox
}

/// Packages the folder `source` as `registry.test/acme/SOURCE:TAG`.
fn package(sandbox: &Sandbox, source: &str, tag: &str, layout: &str, more: &[&str]) -> Run {
    let reference = format!("registry.test/acme/{source}:{tag}");
    let args = ["buildpack", "package", &reference, "--path", source, "--layout", layout];
    sandbox.airpack(&[&args, more].concat())
}

/// Inode, time of change and content of every blob.
fn blobs(root: &Path) -> BTreeMap<String, (u64, i64, i64, Vec<u8>)> {
    let entries = fs::read_dir(root.join("blobs/sha256")).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let metadata = entry.metadata().unwrap();
            let name = entry.file_name().into_string().unwrap();
            let content = fs::read(entry.path()).unwrap();
            (name, (metadata.ino(), metadata.mtime(), metadata.mtime_nsec(), content))
        })
        .collect()
}

#[test]
fn a_second_run_writes_no_blob_and_gives_the_same_digest() {
    let sandbox = sandbox();
    for compression in ["gzip", "zstd", "none"] {
        let out = format!("out-{compression}");
        let more = ["--compression", compression];
        let first = package(&sandbox, "big", "1.0", &out, &more);
        let before = blobs(&sandbox.join(&out));
        let index_file = fs::read(sandbox.join(&out).join("index.json")).unwrap();
        let second = package(&sandbox, "big", "1.0", &out, &more);
        assert_eq!(first.digest(), second.digest());
        assert!(
            before == blobs(&sandbox.join(&out)),
            "{compression}: a blob was written again"
        );
        assert_eq!(index_file, fs::read(sandbox.join(&out).join("index.json")).unwrap());
        LayoutView::open(sandbox.join(&out)).check_whole();
    }
}

#[test]
fn another_tag_for_the_same_content_adds_an_entry_and_no_blob() {
    let sandbox = sandbox();
    let first = package(&sandbox, "big", "1.0", "out", &[]);
    let before = blobs(&sandbox.join("out"));
    let second = package(&sandbox, "big", "2.0", "out", &[]);
    assert_eq!(first.digest(), second.digest());
    assert!(before == blobs(&sandbox.join("out")), "a blob was written again");
    let layout = LayoutView::open(sandbox.join("out"));
    let tags: BTreeSet<_> = layout.tags().into_iter().collect();
    assert_eq!(tags, BTreeSet::from(["1.0", "2.0"]));
}

#[test]
fn a_full_layout_gives_what_a_fresh_one_gives() {
    let sandbox = sandbox();
    let sources = ["big", "whole", "small"];
    let mut fresh = BTreeMap::new();
    for source in sources {
        let run = package(&sandbox, source, source, source_layout(source).as_str(), &[]);
        fresh.insert(source, run.digest().to_owned());
    }
    for (name, order) in [("one", [0, 1, 2]), ("two", [2, 1, 0]), ("three", [1, 0, 2])] {
        for source in order.map(|at| sources[at]) {
            let run = package(&sandbox, source, source, name, &[]);
            assert_eq!(run.digest(), fresh[source], "{source} into {name}");
        }
        let layout = LayoutView::open(sandbox.join(name));
        layout.check_whole();
        for source in sources {
            let alone = LayoutView::open(sandbox.join(source_layout(source)));
            assert_eq!(layout.entry(source), alone.entry(source), "{source} in {name}");
        }
    }
    let index_file = |name: &str| fs::read_to_string(sandbox.join(name).join("index.json")).unwrap();
    assert_eq!(
        index_file("one"),
        index_file("two"),
        "index.json depends on the order of the runs"
    );
    assert_eq!(
        index_file("one"),
        index_file("three"),
        "index.json depends on the order of the runs"
    );
}

fn source_layout(source: &str) -> String {
    format!("fresh-{source}")
}

#[test]
fn a_layer_at_another_level_or_of_another_kind_is_not_taken() {
    let sandbox = sandbox();
    let kinds = ["gzip:1", "gzip:9", "gzip", "zstd", "none", "zstd:9"];
    for kind in kinds {
        let more = ["--compression", kind];
        let fresh = package(
            &sandbox,
            "big",
            "1.0",
            &format!("fresh-{kind}").replace(':', "-"),
            &more,
        );
        let full = package(&sandbox, "big", kind.replace(':', "-").as_str(), "full", &more);
        assert_eq!(fresh.digest(), full.digest(), "{kind}");
    }
    LayoutView::open(sandbox.join("full")).check_whole();
}

#[test]
fn a_replaced_tag_leaves_the_others_and_its_own_new_content() {
    let sandbox = sandbox();
    package(&sandbox, "big", "keep", "out", &[]).ok();
    package(&sandbox, "small", "1.0", "out", &[]).ok();
    let kept = LayoutView::open(sandbox.join("out")).entry("keep").clone();
    let before = LayoutView::open(sandbox.join("out")).digest("1.0").to_owned();
    sandbox.write("small/more", "more\n");
    let run = package(&sandbox, "small", "1.0", "out", &[]);
    let layout = LayoutView::open(sandbox.join("out"));
    assert_ne!(run.digest(), before);
    assert_eq!(layout.digest("1.0"), run.digest());
    assert_eq!(layout.entries().len(), 2);
    assert_eq!(*layout.entry("keep"), kept);
    layout.check_whole_with_leftovers();
}

#[test]
fn a_second_repository_with_the_same_tag_gets_a_tag_of_its_own() {
    let sandbox = sandbox();
    let big = package(&sandbox, "big", "1.0", "out", &[]);
    let small = package(&sandbox, "small", "1.0", "out", &[]);
    for _ in 0..2 {
        let layout = LayoutView::open(sandbox.join("out"));
        for (tag, name, run) in [("1.0", "big", &big), ("small-1.0", "small", &small)] {
            let entry = layout.entry(tag);
            assert_eq!(
                entry["annotations"][IMAGE_NAME],
                format!("registry.test/acme/{name}:1.0")
            );
            assert_eq!(entry["digest"], run.digest());
        }
        assert_eq!(layout.entries().len(), 2);
        layout.check_whole();
        // each replaces its own the next time
        package(&sandbox, "small", "1.0", "out", &[]).ok();
        package(&sandbox, "big", "1.0", "out", &[]).ok();
    }
}

#[test]
fn a_damaged_layer_is_noticed() {
    let sandbox = sandbox();
    let digest = package(&sandbox, "big", "1.0", "out", &[]).digest().to_owned();
    let layer = layer_digest(&sandbox.join("out"));
    let path = LayoutView::open(sandbox.join("out")).blob_path(&layer);
    let whole = fs::read(&path).unwrap();
    for damaged in [flipped(&whole), whole[..whole.len() - 9].to_vec(), Vec::new()] {
        fs::write(&path, damaged).unwrap();
        let run = package(&sandbox, "big", "2.0", "out", &[]);
        check_noticed(&sandbox, &run, "2.0", &digest, &layer);
        fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn a_damaged_config_manifest_or_index_is_noticed() {
    let sandbox = sandbox();
    let digest = package(&sandbox, "small", "1.0", "out", &[]).digest().to_owned();
    let layout = LayoutView::open(sandbox.join("out"));
    for name in layout.blob_names() {
        let blob = format!("sha256:{name}");
        let path = layout.blob_path(&blob);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, flipped(&whole)).unwrap();
        let run = package(&sandbox, "small", "2.0", "out", &[]);
        check_noticed(&sandbox, &run, "2.0", &digest, &blob);
        fs::write(&path, &whole).unwrap();
        // so that the next round begins as this one
        fs::write(sandbox.join("out/index.json"), layout.index_file().to_string()).unwrap();
    }
}

/// The same with one bit changed in its middle.
fn flipped(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes
}

#[test]
fn a_layer_of_another_compressor_does_not_change_the_digest() {
    let sandbox = sandbox();
    let digest = package(&sandbox, "big", "1.0", "out", &[]).digest().to_owned();
    let layer = layer_digest(&sandbox.join("out"));
    let blob = LayoutView::open(sandbox.join("out")).blob(&layer);
    replace_layer(&sandbox.join("out"), &layer, &gzip(&unpack(&blob, "gzip")));
    LayoutView::open(sandbox.join("out")).check_whole();
    let run = package(&sandbox, "big", "2.0", "out", &[]);
    assert_eq!(run.digest(), digest);
    LayoutView::open(sandbox.join("out")).check_whole();
}

#[test]
fn a_layer_with_the_header_of_another_is_not_believed() {
    let sandbox = sandbox();
    let digest = package(&sandbox, "big", "1.0", "out", &[]).digest().to_owned();
    let layer = layer_digest(&sandbox.join("out"));
    let blob = LayoutView::open(sandbox.join("out")).blob(&layer);
    // whatever the header claims, it claims it of this content
    let lie = tar(
        TarFormat::Ustar,
        &[Member::file("/cnb/lie", "not what the header says\n")],
    );
    let forged = with_gzip_header(&blob[..gzip_header_length(&blob)], &lie);
    assert_eq!(unpack(&forged, "gzip"), lie);
    replace_layer(&sandbox.join("out"), &layer, &forged);
    let run = package(&sandbox, "big", "2.0", "out", &[]);
    check_noticed(&sandbox, &run, "2.0", &digest, &sha256(&forged));
}

/// Either the run did it right in spite of the fault, or it failed and named the blob; never did it use it.
#[track_caller]
fn check_noticed(sandbox: &Sandbox, run: &Run, tag: &str, digest: &str, blob: &str) {
    let layout = LayoutView::open(sandbox.join("out"));
    if run.code == 0 {
        assert_eq!(run.digest(), digest);
        assert_eq!(layout.digest(tag), digest);
        // reads and checks every blob behind the tag
        for child in layout.image_index(tag).children {
            for (layer, diff_id) in child.layers.iter().zip(array(&child.config["rootfs"], "diff_ids")) {
                assert_eq!(layer.diff_id, *diff_id);
            }
        }
    } else {
        run.failed(1).stderr_has(&blob.replace("sha256:", ""));
        assert!(!layout.tags().contains(&tag), "the run failed and set the tag {run}");
    }
}

/// The layer of the first image behind the tag 1.0.
fn layer_digest(layout: &Path) -> String {
    let image_index = LayoutView::open(layout).image_index("1.0");
    text(&image_index.children[0].manifest["layers"][0], "digest").to_owned()
}

/// Puts another blob in the place of a layer, with new manifests and a new index, which fit it. The old blobs go.
fn replace_layer(root: &Path, layer: &str, blob: &[u8]) {
    let layout = LayoutView::open(root);
    let mut image_index = layout.image_index("1.0");
    let store = |bytes: &[u8], descriptor: &mut Value| {
        fs::remove_file(layout.blob_path(text(descriptor, "digest"))).unwrap();
        descriptor["digest"] = sha256(bytes).into();
        descriptor["size"] = bytes.len().into();
        fs::write(layout.blob_path(&sha256(bytes)), bytes).unwrap();
    };
    for (at, child) in image_index.children.iter_mut().enumerate() {
        let descriptor = &mut child.manifest["layers"][0];
        if text(descriptor, "digest") == layer {
            store(blob, descriptor);
            let manifest = serde_json::to_vec(&child.manifest).unwrap();
            store(&manifest, &mut image_index.index["manifests"][at]);
        }
    }
    let mut index_file = layout.index_file().clone();
    store(
        &serde_json::to_vec(&image_index.index).unwrap(),
        &mut index_file["manifests"][0],
    );
    fs::write(root.join("index.json"), serde_json::to_vec(&index_file).unwrap()).unwrap();
}

/// The length of a gzip header with all its optional fields.
fn gzip_header_length(blob: &[u8]) -> usize {
    let flags = blob[3];
    let mut length = 10;
    if flags & 4 != 0 {
        length += 2 + usize::from(u16::from_le_bytes([blob[10], blob[11]]));
    }
    for text_field in [8, 16] {
        if flags & text_field != 0 {
            length += blob[length..].iter().position(|byte| *byte == 0).unwrap() + 1;
        }
    }
    length + if flags & 2 != 0 { 2 } else { 0 }
}

/// A whole gzip member with this header.
fn with_gzip_header(header: &[u8], content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(header.to_vec(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    let mut member = encoder.finish().unwrap();
    member.extend(crc32fast::hash(content).to_le_bytes());
    member.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
    member
}
