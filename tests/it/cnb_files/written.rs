//! What is in a file.

use serde_json::Value;

use super::{child_digests, layout, one_file, sandbox, written};
use crate::support::Run;
use crate::support::cnb_file::{CnbFile, config_platform};
use crate::support::layout_view::{OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, array, text};
use crate::support::snapshot::Snapshot;

#[test]
fn one_target_is_one_manifest_straight_in_the_index_file() {
    // where pack looks for it
    let sandbox = sandbox();
    let cnb = one_file(&sandbox, &["-t", "linux/arm64"]);
    let image = cnb.flat_image();
    assert_eq!(image.descriptor["mediaType"], OCI_MANIFEST);
    assert_eq!(config_platform(&image), "linux/arm64");
    let file = cnb.layout.index_file();
    assert_eq!(file["schemaVersion"], 2);
    assert_eq!(file["mediaType"], OCI_INDEX);
}

#[test]
fn several_targets_are_a_file_each() {
    let sandbox = sandbox();
    let files = written(&sandbox, "x.cnb", &[]);
    assert_eq!(files, ["x-linux-amd64.cnb", "x-linux-arm64.cnb"]);
    for (file, platform) in files.iter().zip(["linux/amd64", "linux/arm64"]) {
        let image = CnbFile::open(sandbox.join(file)).flat_image();
        assert_eq!(config_platform(&image), platform, "{file}");
    }
    assert!(!sandbox.join("x.cnb").exists());
}

#[test]
fn single_is_one_file_with_a_nested_index() {
    let sandbox = sandbox();
    let cnb = one_file(&sandbox, &["--single"]);
    let index = cnb.nested_index();
    assert_eq!(index.platforms(), ["linux/amd64", "linux/arm64"]);
    // the very index that a layout would hold
    let layout = layout(&sandbox, &[]);
    assert_eq!(text(&index.descriptor, "digest"), layout.digest("1.0"));
    assert_eq!(cnb.layout.blob_names(), layout.blob_names());
}

#[test]
fn single_with_one_target_has_a_nested_index_too() {
    let sandbox = sandbox();
    let cnb = one_file(&sandbox, &["--single", "-t", "linux/amd64"]);
    assert_eq!(cnb.nested_index().platforms(), ["linux/amd64"]);
}

#[test]
fn the_images_are_those_of_a_layout() {
    let sandbox = sandbox();
    let digests: Vec<_> = written(&sandbox, "x.cnb", &[])
        .iter()
        .map(|file| {
            let image = CnbFile::open(sandbox.join(file)).flat_image();
            text(&image.descriptor, "digest").to_owned()
        })
        .collect();
    assert_eq!(digests, child_digests(&layout(&sandbox, &[])));
}

#[test]
fn nothing_else_is_written() {
    let sandbox = sandbox();
    let (before, source) = (Snapshot::content_of(sandbox.path()), Snapshot::of(sandbox.join("bp")));
    let files = written(&sandbox, "x.cnb", &[]);
    source.assert_unchanged("packaging");
    let after = Snapshot::content_of(sandbox.path());
    let mut expected = before.names();
    expected.extend(files.iter().map(String::as_str));
    expected.sort_unstable();
    let mut found = after.names();
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn files_of_others_beside_it_stay() {
    // whatever they are called: the folder is the user's, unlike that of a layout
    let sandbox = sandbox();
    for name in [
        ".airpack-notes",
        ".airpack-1234Ab",
        ".tmp1234Ab",
        "x.cnb.tmp",
        "x.cnb.lock",
    ] {
        sandbox.write(name, "mine\n");
        sandbox.write(format!("bp/linux/amd64/{name}"), "mine\n");
    }
    let before = Snapshot::content_of(sandbox.path()).names().len();
    let files = written(&sandbox, "x.cnb", &[]);
    let beside = written(&sandbox, "bp/linux/amd64/x.cnb", &["-t", "linux/arm64"]);
    let after = Snapshot::content_of(sandbox.path()).names().len();
    assert_eq!(after, before + files.len() + beside.len());
}

#[test]
fn cnb_is_another_word_for_file() {
    let sandbox = sandbox();
    let expected = one_file(&sandbox, &["-t", "linux/amd64"]).bytes;
    let args = ["buildpack", "package", "y.cnb", "--path", "bp", "--format", "cnb"];
    let run = sandbox.airpack(&[&args[..], &["-t", "linux/amd64"]].concat());
    assert_eq!(run.ok().stdout, "y.cnb\n");
    assert!(CnbFile::open(sandbox.join("y.cnb")).bytes == expected);
}

#[test]
fn only_oci_media_types() {
    for (compression, suffix) in [("gzip", "+gzip"), ("zstd", "+zstd"), ("none", "")] {
        for single in [&[][..], &["--single"]] {
            let sandbox = sandbox();
            let args = [&["--compression", compression, "-t", "linux/amd64"], single].concat();
            let cnb = one_file(&sandbox, &args);
            let image = if single.is_empty() {
                cnb.flat_image()
            } else {
                cnb.nested_index().children.remove(0)
            };
            assert_eq!(image.descriptor["mediaType"], OCI_MANIFEST);
            assert_eq!(image.manifest["mediaType"], OCI_MANIFEST);
            assert_eq!(image.manifest["config"]["mediaType"], OCI_CONFIG);
            let expected = format!("application/vnd.oci.image.layer.v1.tar{suffix}");
            assert_eq!(array(&image.manifest, "layers")[0]["mediaType"], expected);
        }
    }
}

#[test]
fn labels_and_annotations_are_in_it() {
    let sandbox = sandbox();
    let args = [
        "-t",
        "linux/amd64",
        "--label",
        "my.label=a",
        "--annotation",
        "my.note=b",
    ];
    let image = one_file(&sandbox, &args).flat_image();
    assert_eq!(image.labels()["my.label"], "a");
    assert_eq!(image.manifest["annotations"]["my.note"], "b");
    let index = one_file(&sandbox, &[&args[..], &["--single"]].concat()).nested_index();
    assert_eq!(index.index["annotations"]["my.note"], "b");
}

#[test]
fn the_source_may_be_named_by_package_toml() {
    let sandbox = sandbox();
    let expected = one_file(&sandbox, &["-t", "linux/amd64"]).bytes;
    sandbox.write("conf/package.toml", "[buildpack]\nuri = \"../bp\"\n");
    let args = ["y.cnb", "--config", "conf/package.toml", "--format", "file"];
    let run = sandbox.airpack(&[&["buildpack", "package"], &args[..], &["-t", "linux/amd64"]].concat());
    assert_eq!(run.ok().stdout, "y.cnb\n");
    assert!(CnbFile::open(sandbox.join("y.cnb")).bytes == expected);
}

#[test]
fn an_image_that_is_new_takes_the_place_of_the_old_one() {
    let sandbox = sandbox();
    let first = one_file(&sandbox, &["--single"]).bytes;
    sandbox.write("bp/linux/amd64/more", "more\n");
    let second = one_file(&sandbox, &["--single"]);
    second.nested_index();
    assert!(first != second.bytes);
    sandbox.write("x.cnb", "not a tar at all, but called like one");
    assert!(one_file(&sandbox, &["--single"]).bytes == second.bytes);
}

#[test]
fn the_time_that_images_bear_is_that_of_source_date_epoch() {
    let sandbox = sandbox();
    let args = ["buildpack", "package", "x.cnb", "--path", "bp", "--format", "file"];
    let mut command = sandbox.airpack_command(&[&args[..], &["-t", "linux/amd64"]].concat());
    command.env("SOURCE_DATE_EPOCH", "1700000000");
    Run::of(&mut command).ok();
    let image = CnbFile::open(sandbox.join("x.cnb")).flat_image();
    assert_eq!(image.config["created"], Value::from("2023-11-14T22:13:20Z"));
}
