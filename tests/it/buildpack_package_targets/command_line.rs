//! `--target`.

use serde_json::Value;

use super::tree_of;
use crate::support::Sandbox;
use crate::support::packaged::Packaged;
use crate::support::refused::REFERENCE;
use crate::support::snapshot::Snapshot;
use crate::support::tree::{HEAD, SCRIPT, descriptor, platform_folders, write_tree};

/// What `--target` makes of a buildpack with its executables at the root.
#[track_caller]
fn check(args: &[&str], platforms: &[&str]) -> Packaged {
    let tree = tree_of(HEAD, &[("bin/build", SCRIPT), ("bin/detect", SCRIPT)]);
    let packaged = Packaged::tree(&tree, args);
    assert_eq!(packaged.index.platforms(), platforms, "{args:?}{}", packaged.run);
    packaged
}

#[test]
fn syntax() {
    for (args, platforms) in [
        (&["--target", "linux/amd64"][..], &["linux/amd64"][..]),
        (&["--target=linux/riscv64"], &["linux/riscv64"]),
        (&["-t", "linux/arm/v6"], &["linux/arm/v6"]),
        (
            &["-t", "linux/arm/v6", "-t", "linux/arm/v7"],
            &["linux/arm/v6", "linux/arm/v7"],
        ),
        (&["-t", "linux/amd64,linux/arm64"], &["linux/amd64", "linux/arm64"]),
        (
            &["-t", "linux/amd64,linux/arm64", "-t", "linux/s390x"],
            &["linux/amd64", "linux/arm64", "linux/s390x"],
        ),
        (&["-t", "linux/amd64:ubuntu@24.04"], &["linux/amd64:24.04"]),
        (
            &["-t", "linux/amd64:ubuntu@22.04;ubuntu@24.04"],
            &["linux/amd64:22.04", "linux/amd64:24.04"],
        ),
        (
            &["-t", "linux/arm64/v8:debian@12;ubuntu@24.04,linux/amd64"],
            &["linux/arm64/v8:12", "linux/arm64/v8:24.04", "linux/amd64"],
        ),
        (&["-t", "linux/amd64:ubuntu"], &["linux/amd64"]),
        (&["-t", "freebsd/amd64"], &["freebsd/amd64"]),
    ] {
        check(args, platforms).without_warnings();
    }
}

#[test]
fn only_the_os() {
    let packaged = check(&["--target", "linux"], &["linux/amd64"]);
    packaged.warned(&["--target linux/amd64"]);
}

#[test]
fn a_target_that_can_not_be_is_the_only_fault() {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64", "linux/arm64"]);
    for target in ["linux/amd46", "windows/amd64"] {
        let args = [
            "buildpack",
            "package",
            REFERENCE,
            "--path",
            "bp",
            "--layout",
            "out",
            "-t",
            target,
        ];
        let run = sandbox.airpack(&args);
        run.failed(1).stderr_has(target).stderr_lacks("nothing to run");
        assert_eq!(run.stderr.matches("error: target").count(), 1, "{run}");
        assert!(!sandbox.join("out").exists());
    }
}

#[test]
fn bad_syntax() {
    let sandbox = Sandbox::new();
    let tree = tree_of(HEAD, &[("bin/build", SCRIPT), ("bin/detect", SCRIPT)]);
    write_tree(&sandbox, "bp", &tree);
    let source = Snapshot::of(sandbox.path());
    for target in [
        "",
        "linux//v7",
        "linux/amd64/v1/x",
        "linux/amd64:",
        "linux/amd64:@24.04",
        "linux/amd64:;ubuntu@24.04",
        "linux/amd64,",
        "linux amd64",
        "linux/amd64/../..",
        "linux/amd64:ubuntu@../..",
    ] {
        let args = ["buildpack", "package", REFERENCE, "--path", "bp", "--layout", "out.oci"];
        let run = sandbox.airpack(&[&args[..], &["--target", target]].concat());
        // it is an argument that is wrong; either is right
        assert!(matches!(run.code, 1 | 2), "{target:?}{run}");
        run.failed(run.code).stderr_has("error: ").stderr_has("target");
        source.assert_unchanged(target);
    }
}

#[test]
fn the_label_keeps_the_targets_of_the_file() {
    let toml = descriptor(&["linux/s390x", "linux"]);
    let tree = tree_of(&toml, &[("bin/build", SCRIPT), ("bin/detect", SCRIPT)]);
    let packaged = Packaged::tree(&tree, &["-t", "linux/amd64", "-t", "linux/arm64"]);
    for image in &packaged.index.children {
        let label = &image.labels()["io.buildpacks.buildpack.layers"];
        let label: Value = serde_json::from_str(label).unwrap();
        let expected = serde_json::json!([
            {"os": "linux", "arch": "s390x"},
            {"os": "linux", "arch": ""}
        ]);
        assert_eq!(label["acme/x"]["1.0.0"]["targets"], expected);
    }
}

#[test]
fn unknown_ones_need_a_flag() {
    let args = ["-t", "linux/zzz", "-t", "plan9/amd64", "--allow-unknown-target"];
    check(&args, &["linux/zzz", "plan9/amd64"]);
    let toml = descriptor(&["linux/zzz"]);
    let tree = tree_of(&toml, &[("linux/zzz/bin/build", SCRIPT), ("linux/zzz/here", "x\n")]);
    Packaged::tree(&tree, &["--allow-unknown-target"])
        .expect(&[("linux/zzz", &["bin/build", "buildpack.toml", "here"])]);
}
