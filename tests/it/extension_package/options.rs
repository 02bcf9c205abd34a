//! All options that `buildpack package` has are there, and do the same.

use serde_json::Value;

use super::{descriptor, refused, sandbox, sandbox_with, tree};
use crate::support::cnb_file::CnbFile;
use crate::support::layout_view::{IMAGE_NAME, LayoutView, OCI_INDEX, array, text};
use crate::support::packaged::Packaged;
use crate::support::refused::REFERENCE;
use crate::support::snapshot::Snapshot;
use crate::support::{Run, Sandbox};

const ARGS: [&str; 7] = [
    "extension",
    "package",
    REFERENCE,
    "--path",
    "ext",
    "--layout",
    "out.oci",
];

fn package(sandbox: &Sandbox, args: &[&str]) -> Run {
    sandbox.airpack(&[&ARGS[..], args].concat())
}

#[test]
fn labels_annotations_and_tags() {
    let sandbox = sandbox();
    let args = ["--label", "my.label=a", "--annotation", "my.note=b", "--tag", "latest"];
    let run = package(&sandbox, &args);
    let layout = LayoutView::open(sandbox.join("out.oci"));
    layout.check_whole();
    assert_eq!(layout.tags(), ["1.0", "latest"]);
    assert_eq!(layout.digest("latest"), run.digest());
    let index = layout.image_index("1.0");
    assert_eq!(index.descriptor["mediaType"], OCI_INDEX);
    assert_eq!(index.descriptor["annotations"][IMAGE_NAME], REFERENCE);
    assert_eq!(index.index["annotations"]["my.note"], "b");
    for child in &index.children {
        assert_eq!(child.labels()["my.label"], "a");
        assert_eq!(child.manifest["annotations"]["my.note"], "b");
    }
}

#[test]
fn compression() {
    for (kind, suffix) in [("gzip:9", "+gzip"), ("zstd", "+zstd"), ("none", "")] {
        let packaged = Packaged::extension(sandbox(), &["--path", "ext", "--compression", kind]);
        let layer = &packaged.image("linux/arm64").layers[0].descriptor;
        let expected = format!("application/vnd.oci.image.layer.v1.tar{suffix}");
        assert_eq!(text(layer, "mediaType"), expected, "{kind}");
    }
}

#[test]
fn threads_do_not_show() {
    let expected = package(&sandbox(), &["--threads", "1"]).digest().to_owned();
    assert_eq!(package(&sandbox(), &["--threads", "7"]).digest(), expected);
}

#[test]
fn dry_run_tells_all_and_writes_nothing() {
    let sandbox = sandbox();
    let before = Snapshot::of(sandbox.path());
    for json in [&[][..], &["--json"]] {
        let run = package(&sandbox, &[&["--dry-run"], json].concat());
        run.ok();
        for told in [
            "acme/ext@1.0.0",
            REFERENCE,
            "linux/amd64",
            "linux/arm64",
            "bin/generate",
            "extension.toml",
        ] {
            run.stdout_has(told);
        }
    }
    before.assert_unchanged("a dry run");
}

#[test]
fn json() {
    let sandbox = sandbox();
    let run = package(&sandbox, &["--json"]);
    let report: Value = serde_json::from_str(&run.ok().stdout).unwrap();
    let layout = LayoutView::open(sandbox.join("out.oci"));
    assert_eq!(text(&report, "digest"), layout.digest("1.0"));
    let children = layout.image_index("1.0").children;
    for (image, child) in array(&report, "images").iter().zip(&children) {
        assert_eq!(image["digest"], child.descriptor["digest"], "{report:#}");
        assert_eq!(image["platform"], child.descriptor["platform"], "{report:#}");
    }
    assert_eq!(array(&report, "images").len(), children.len(), "{report:#}");
}

#[test]
fn quiet_and_verbose() {
    let quiet = package(&sandbox(), &["--quiet"]);
    quiet.digest();
    assert_eq!(quiet.stderr, "", "{quiet}");
    let verbose = package(&sandbox(), &["-v", "--progress", "none"]);
    assert_eq!(verbose.digest(), quiet.digest());
    verbose.stderr_has("linux/arm64");
}

#[test]
fn strict_takes_no_warnings() {
    let toml = descriptor(&["linux/amd64"]).replace("1.0.0", "1.0");
    let sandbox = sandbox_with(&tree(&toml));
    package(&sandbox, &[]).digest();
    std::fs::remove_dir_all(sandbox.join("out.oci")).unwrap();
    refused(&sandbox, &["--path", "ext", "--strict"]).stderr_has("version");
}

#[test]
fn unknown_targets_may_be_allowed() {
    let sandbox = sandbox_with(&tree(super::HEAD));
    let target = ["--path", "ext", "-t", "linux/zzz"];
    refused(&sandbox, &target).stderr_has("zzz");
    let packaged = Packaged::extension(sandbox, &[&target[..], &["--allow-unknown-target"]].concat());
    assert_eq!(packaged.index.platforms(), ["linux/zzz"]);
}

#[test]
fn the_time_is_that_of_source_date_epoch() {
    let sandbox = sandbox();
    let mut command = sandbox.airpack_command(&ARGS);
    command.env("SOURCE_DATE_EPOCH", "1700000000");
    Run::of(&mut command).digest();
    let index = LayoutView::open(sandbox.join("out.oci")).image_index("1.0");
    for child in &index.children {
        assert_eq!(child.config["created"], "2023-11-14T22:13:20Z");
        assert_eq!(child.config["history"][0]["created"], "2023-11-14T22:13:20Z");
        // the files keep theirs
        assert_eq!(child.layers[0].entries[0].mtime, 315_532_801);
    }
}

#[test]
fn files() {
    let sandbox = sandbox();
    let args = ["extension", "package", "x.cnb", "--path", "ext", "--format", "file"];
    let run = sandbox.airpack(&args);
    assert_eq!(run.ok().stdout, "x-linux-amd64.cnb\nx-linux-arm64.cnb\n");
    let expected = package(&sandbox, &[]).digest().to_owned();
    let index = LayoutView::open(sandbox.join("out.oci")).image_index("1.0");
    for (file, child) in run.stdout.lines().zip(&index.children) {
        let image = CnbFile::open(sandbox.join(file)).flat_image();
        assert_eq!(image.descriptor["digest"], child.descriptor["digest"], "{file}");
    }
    for format in ["file", "cnb"] {
        let args = [
            "extension",
            "package",
            "s.cnb",
            "--path",
            "ext",
            "--format",
            format,
            "--single",
        ];
        assert_eq!(sandbox.airpack(&args).ok().stdout, "s.cnb\n");
        let index = CnbFile::open(sandbox.join("s.cnb")).nested_index();
        assert_eq!(text(&index.descriptor, "digest"), expected);
    }
}

#[test]
fn packaged_again_nothing_changes() {
    let sandbox = sandbox();
    let first = package(&sandbox, &[]).digest().to_owned();
    let before = Snapshot::content_of(sandbox.path());
    assert_eq!(package(&sandbox, &[]).digest(), first);
    before.assert_unchanged("packaging again");
}

#[test]
fn beside_a_buildpack_in_one_layout() {
    let sandbox = sandbox();
    package(&sandbox, &[]).digest();
    crate::support::tree::platform_folders(&sandbox, "bp", &["linux/amd64"]);
    let args = ["registry.test/acme/bp:2.0", "--path", "bp", "--layout", "out.oci"];
    sandbox
        .airpack(&[&["buildpack", "package"], &args[..]].concat())
        .digest();
    let layout = LayoutView::open(sandbox.join("out.oci"));
    layout.check_whole();
    assert_eq!(layout.tags(), ["1.0", "2.0"]);
}

#[test]
fn help_has_an_example_and_all_options() {
    let sandbox = Sandbox::new();
    for command in [&["extension"][..], &["extension", "package"]] {
        let run = sandbox.airpack(&[command, &["--help"]].concat());
        assert_eq!(run.ok().stderr, "", "{run}");
        let expected = format!("airpack {} ", command.join(" "));
        let is_example = |line: &str| line.trim_start().trim_start_matches("$ ").starts_with(&expected);
        assert!(run.stdout.lines().any(is_example), "no example{run}");
    }
    let run = sandbox.airpack(&["extension", "package", "--help"]);
    for option in [
        "--path",
        "--config",
        "--layout",
        "--format",
        "--single",
        "--target",
        "--label",
        "--annotation",
        "--tag",
        "--compression",
        "--threads",
        "--allow-unknown-target",
        "--dry-run",
        "--strict",
        "--json",
    ] {
        run.stdout_has(option);
    }
}

#[test]
fn wrong_usage() {
    let sandbox = sandbox();
    for args in [
        &["extension"][..],
        &["extension", "package"],
        &["extension", "package", REFERENCE],
        &["extension", "package", "--layout", "out.oci"],
        &["extension", "package", REFERENCE, "--layout", "out.oci", "--nonsense"],
        &["extension", "nonsense"],
    ] {
        let run = sandbox.airpack(args);
        assert_eq!(run.code, 2, "{args:?}{run}");
        assert_eq!(run.stdout, "", "{args:?}{run}");
        assert!(!sandbox.join("out.oci").exists(), "{args:?}{run}");
    }
}
