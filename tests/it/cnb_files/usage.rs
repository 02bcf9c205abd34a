//! Options, and what is printed where.

use std::fs;

use serde_json::Value;

use super::{child_digests, files_of, layout, package, sandbox, written};
use crate::support::cnb_file::CnbFile;
use crate::support::layout_view::{array, text};
use crate::support::packaged::texts;
use crate::support::refused::REFERENCE;
use crate::support::snapshot::Snapshot;
use crate::support::tree::descriptor;

/// A wrong use; the message names this, and nothing is written.
#[track_caller]
fn check(args: &[&str], says: &str) {
    let sandbox = sandbox();
    let before = Snapshot::of(sandbox.path());
    let run = sandbox.airpack(&[&["buildpack", "package"], args, &["--path", "bp"]].concat());
    assert_eq!(run.code, 2, "{args:?}{run}");
    assert_eq!(run.stdout, "", "{args:?}{run}");
    run.stderr_has(says);
    before.assert_unchanged("wrong usage");
}

#[test]
fn what_is_missing_or_no_format() {
    check(&[REFERENCE], "--layout");
    check(&["x.cnb", "--format", "tar"], "tar");
    check(&["--format", "file"], "REF");
}

#[test]
fn options_that_exclude_each_other() {
    check(&["x.cnb", "--format", "file", "--layout", "out.oci"], "--layout");
    check(&["x.cnb", "--format", "cnb", "--layout", "out.oci"], "--layout");
    check(&["x.cnb", "--format", "file", "--tag", "latest"], "--tag");
    check(&["x.cnb", "--format", "cnb", "--single", "--tag", "latest"], "--tag");
    check(&[REFERENCE, "--format", "image"], "--layout");
    check(&[REFERENCE, "--layout", "out.oci", "--single"], "--single");
    check(
        &[REFERENCE, "--layout", "out.oci", "--format", "image", "--single"],
        "--single",
    );
}

#[test]
fn image_is_the_default() {
    let sandbox = sandbox();
    let expected = layout(&sandbox, &[]).digest("1.0").to_owned();
    fs::remove_dir_all(sandbox.join("out.oci")).unwrap();
    let found = layout(&sandbox, &["--format", "image"]);
    assert_eq!(found.digest("1.0"), expected);
}

#[test]
fn help_tells_of_it() {
    for command in ["buildpack", "extension"] {
        let run = sandbox().airpack(&[command, "package", "--help"]);
        run.ok()
            .stdout_has("--format")
            .stdout_has("--single")
            .stdout_has(".cnb");
    }
}

#[test]
fn only_the_names_of_the_files_are_on_stdout() {
    for option in [&[][..], &["--quiet"], &["-v"], &["--progress", "plain"]] {
        let run = package(&sandbox(), "x.cnb", option);
        assert_eq!(run.ok().stdout, "x-linux-amd64.cnb\nx-linux-arm64.cnb\n", "{run}");
    }
}

#[test]
fn quiet_says_nothing_else() {
    let run = package(&sandbox(), "x.cnb", &["--quiet"]);
    assert_eq!(run.ok().stderr, "", "{run}");
}

#[test]
fn dry_run_names_the_files_and_writes_none() {
    let sandbox = sandbox();
    let before = Snapshot::of(sandbox.path());
    for (args, files) in [
        (&[][..], &["x-linux-amd64.cnb", "x-linux-arm64.cnb"][..]),
        (&["--single"], &["x.cnb", "linux/amd64", "linux/arm64"]),
        (&["-t", "linux/arm64"], &["x.cnb", "linux/arm64"]),
    ] {
        for json in [&[][..], &["--json"]] {
            let run = package(&sandbox, "x.cnb", &[args, &["--dry-run"], json].concat());
            run.ok();
            for file in files {
                run.stdout_has(file);
            }
        }
    }
    before.assert_unchanged("a dry run");
}

#[test]
fn json_tells_files_and_images() {
    for (args, files) in [
        (&[][..], &["x-linux-amd64.cnb", "x-linux-arm64.cnb"][..]),
        (&["--single"], &["x.cnb"]),
    ] {
        let sandbox = sandbox();
        let run = package(&sandbox, "x.cnb", &[args, &["--json"]].concat());
        run.ok();
        let report: Value = serde_json::from_str(&run.stdout).unwrap();
        let told = texts(&report);
        for file in files {
            assert!(told.iter().any(|text| text == file), "no {file} in {report:#}");
            assert!(sandbox.join(file).is_file(), "{file}");
        }
        let layout = layout(&sandbox, &[]);
        for digest in child_digests(&layout) {
            assert!(told.contains(&digest), "no {digest} in {report:#}");
        }
        let index = layout.digest("1.0").to_owned();
        assert_eq!(told.contains(&index), args == ["--single"], "{index} in {report:#}");
        assert_eq!(array(&report, "warnings"), &[] as &[Value], "{report:#}");
    }
}

#[test]
fn json_tells_the_warnings() {
    let sandbox = sandbox();
    let run = package(&sandbox, "x", &["-t", "linux/amd64", "--json"]);
    let report: Value = serde_json::from_str(&run.ok().stdout).unwrap();
    let warnings = array(&report, "warnings");
    assert_eq!(warnings.len(), 1, "{report:#}");
    assert!(text(&warnings[0], "message").contains(".cnb"), "{report:#}");
}

#[test]
fn strict_takes_no_warnings() {
    let sandbox = sandbox();
    let before = Snapshot::content_of(sandbox.path());
    let run = package(&sandbox, "x", &["-t", "linux/amd64", "--strict"]);
    run.failed(1).stderr_has(".cnb");
    before.assert_unchanged("packaging failed");
    sandbox.write(
        "bp/buildpack.toml",
        descriptor(&["linux/amd64", "linux/arm64"]).replace("1.0.0", "1.0"),
    );
    let before = Snapshot::content_of(sandbox.path());
    package(&sandbox, "x.cnb", &["--strict"])
        .failed(1)
        .stderr_has("version");
    before.assert_unchanged("packaging failed");
}

#[test]
fn strict_without_anything_to_warn_about() {
    let sandbox = sandbox();
    assert_eq!(written(&sandbox, "x.cnb", &["--strict"]).len(), 2);
}

#[test]
fn unknown_targets_may_be_allowed() {
    let sandbox = sandbox();
    let target = ["-t", "linux/zzz"];
    sandbox.executable("bp/linux/zzz/bin/build", "#!/bin/sh\n");
    sandbox.executable("bp/linux/zzz/bin/detect", "#!/bin/sh\n");
    let before = Snapshot::content_of(sandbox.path());
    package(&sandbox, "x.cnb", &target).failed(1).stderr_has("zzz");
    before.assert_unchanged("packaging failed");
    let run = package(&sandbox, "x.cnb", &[&target[..], &["--allow-unknown-target"]].concat());
    assert_eq!(files_of(run.ok()), ["x.cnb"]);
    let image = CnbFile::open(sandbox.join("x.cnb")).flat_image();
    assert_eq!(image.config["architecture"], "zzz");
}
