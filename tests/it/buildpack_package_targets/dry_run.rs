//! `--dry-run`.

use serde_json::Value;

use super::tree_of;
use crate::support::Sandbox;
use crate::support::packaged::texts;
use crate::support::refused::REFERENCE;
use crate::support::snapshot::Snapshot;
use crate::support::tree::{HEAD, SCRIPT, descriptor, platform_folders, write_tree};

fn sandbox() -> Sandbox {
    let toml = descriptor(&["linux/amd64", "linux/arm64"]);
    let tree = tree_of(
        &toml,
        &[
            ("airpack.toml", "shared = [\"lib\"]\n"),
            ("lib/shared-file", "x\n"),
            ("other/led-to", "x\n"),
            ("unused-file", "x\n"),
            ("linux/bin/build", SCRIPT),
            ("linux/bin/detect", SCRIPT),
            ("linux/arm64/bin/build", SCRIPT),
            ("linux/arm64/bin/detect", SCRIPT),
            ("linux/arm64/own-file", "x\n"),
            ("linux/arm64/led", "-> ../../other/led-to"),
        ],
    );
    let sandbox = Sandbox::new();
    write_tree(&sandbox, "bp", &tree);
    sandbox
}

const ARGS: [&str; 8] = [
    "buildpack",
    "package",
    REFERENCE,
    "--path",
    "bp",
    "--layout",
    "out.oci",
    "--dry-run",
];

#[test]
fn explains_and_writes_nothing() {
    let sandbox = sandbox();
    let before = Snapshot::of(sandbox.path());
    let run = sandbox.airpack(&ARGS);
    run.ok();
    before.assert_unchanged("a dry run");
    for text in [
        "linux/amd64",
        "linux/arm64",
        "bin/build",
        "own-file",
        "lib/shared-file",
        "other/led-to",
        "buildpack.toml",
    ] {
        run.stdout_has(text);
    }
    assert!(!run.stdout.contains("unused-file"), "it is in no image{run}");
    // what it would warn about it says now
    run.stderr_has("warning: ").stderr_has("linux/amd64");
}

#[test]
fn as_json() {
    let sandbox = sandbox();
    let before = Snapshot::of(sandbox.path());
    let run = sandbox.airpack(&[&ARGS[..], &["--json"]].concat());
    run.ok();
    before.assert_unchanged("a dry run");
    let plan: Value = serde_json::from_str(&run.stdout).unwrap();
    let all = texts(&plan);
    for text in ["linux/amd64", "linux/arm64", "bin/build", "own-file", "lib/shared-file"] {
        assert!(all.iter().any(|found| found.contains(text)), "no {text} in {plan:#}");
    }
    assert!(!all.iter().any(|found| found.contains("unused-file")), "{plan:#}");
}

#[test]
fn leaves_a_layout_as_it_is() {
    let sandbox = sandbox();
    sandbox.airpack(&ARGS[..7]).digest();
    let before = Snapshot::of(sandbox.path());
    sandbox.airpack(&ARGS).ok();
    before.assert_unchanged("a dry run");
}

#[test]
fn names_the_folder_and_why() {
    for (tree, args, folder) in [
        (
            &[("bin/build", SCRIPT), ("bin/detect", SCRIPT)][..],
            &["-t", "linux/amd64"][..],
            "bp",
        ),
        (&[("linux/bin/build", SCRIPT)], &["-t", "linux/amd64"], "linux"),
        (
            &[("linux/amd64/bin/build", SCRIPT)],
            &["-t", "linux/amd64"],
            "linux/amd64",
        ),
        (
            &[("linux/arm/v7/bin/build", SCRIPT)],
            &["-t", "linux/arm/v7"],
            "linux/arm/v7",
        ),
        (
            &[("linux/amd64/ubuntu@24.04/bin/build", SCRIPT)],
            &["-t", "linux/amd64:ubuntu@24.04"],
            "linux/amd64/ubuntu@24.04",
        ),
    ] {
        let sandbox = Sandbox::new();
        write_tree(&sandbox, "bp", &tree_of(HEAD, tree));
        sandbox.airpack(&[&ARGS[..], args].concat()).ok().stdout_has(folder);
        let run = sandbox.airpack(&[&ARGS[..], args, &["--json"]].concat());
        run.ok();
        let plan: Value = serde_json::from_str(&run.stdout).unwrap();
        assert!(texts(&plan).iter().any(|text| text.contains("folder")), "{plan:#}");
        assert!(texts(&plan).iter().any(|text| text.contains("reason")), "{plan:#}");
    }
}

#[test]
fn tells_the_same_faults() {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64"]);
    let run = sandbox.airpack(&[&ARGS[..], &["--target", "linux/riscv64"]].concat());
    run.failed(1).stderr_has("linux/riscv64").stderr_has("amd64");
}
