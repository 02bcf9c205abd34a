//! Targets without a folder, and folders that are no good.

use super::check_tree;
use crate::support::refused::{hints, points_at, refused};
use crate::support::tar_maker::TarFormat;
use crate::support::tree::{HEAD, SCRIPT, descriptor, members, platform_folders};
use crate::support::{Sandbox, tar_maker};

#[test]
fn none_for_a_target_and_nothing_to_run_above() {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64", "linux/arm64"]);
    let run = refused(&sandbox, &["--path", "bp", "--target", "linux/riscv64"]);
    for text in ["linux/riscv64", "amd64", "arm64"] {
        run.stderr_has(text);
    }
    hints(&run, "bin/build");

    sandbox.write("bp/buildpack.toml", descriptor(&["linux/amd64", "linux/riscv64"]));
    let run = refused(&sandbox, &["--path", "bp"]);
    for text in ["linux/riscv64", "amd64", "arm64"] {
        run.stderr_has(text);
    }
}

#[test]
fn found_and_missing_are_named_at_every_level() {
    for (executable, target, says) in [
        ("linux/arm/v6/bin/build", "linux/arm/v7", &["linux/arm/v7"][..]),
        (
            "linux/amd64/ubuntu@22.04/bin/build",
            "linux/amd64:ubuntu@24.04",
            &["linux/amd64/ubuntu@24.04"],
        ),
        ("linux/s390x/bin/build", "linux/amd64", &["linux/amd64", "s390x"]),
        ("freebsd/amd64/bin/build", "linux/amd64", &["linux", "freebsd"]),
        (
            "linux/ubuntu@24.04/bin/build",
            "linux/amd64:ubuntu@24.04",
            &["linux/amd64", "linux/ubuntu@24.04"],
        ),
    ] {
        let tree = [("buildpack.toml", HEAD), (executable, SCRIPT)];
        check_tree(&tree, &["--target", target], says);
    }
}

#[test]
fn without_targets_platform_folders_need_some() {
    let tree = [
        ("buildpack.toml", HEAD),
        ("linux/amd64/bin/build", SCRIPT),
        ("linux/amd64/bin/detect", SCRIPT),
    ];
    let run = check_tree(&tree, &[], &["linux"]);
    hints(&run, "target");
}

#[test]
fn the_same_in_an_archive() {
    let sandbox = Sandbox::new();
    let tree = [("buildpack.toml", HEAD), ("linux/amd64/bin/build", SCRIPT)];
    let members = members("", true, &tree);
    sandbox.write("bp.tgz", tar_maker::gzip(&tar_maker::tar(TarFormat::Gnu, &members)));
    sandbox.write("bp.zip", tar_maker::zip(&members));
    for path in ["bp.tgz", "bp.zip"] {
        let run = refused(&sandbox, &["--path", path, "--target", "linux/riscv64"]);
        run.stderr_has("amd64`").stderr_has("linux/riscv64");
    }
}

#[test]
fn path_of_a_target() {
    for (path, line) in [("nowhere", 10), ("../bp", 10), ("/etc", 10), ("a/../../b", 10)] {
        let toml = format!("{}path = \"{path}\"\n", descriptor(&["linux/amd64"]));
        let tree = [("buildpack.toml", toml.as_str()), ("bin/build", SCRIPT)];
        let run = check_tree(&tree, &[], &["path"]);
        points_at(&run, "buildpack.toml", line);
    }
}

#[test]
fn a_descriptor_of_another_buildpack() {
    for (id, version) in [("acme/other", "1.0.0"), ("acme/x", "2.0.0")] {
        let sandbox = Sandbox::new();
        platform_folders(&sandbox, "bp", &["linux/amd64", "linux/arm64"]);
        let toml = format!("api = \"0.10\"\n[buildpack]\nid = \"{id}\"\nversion = \"{version}\"\n");
        sandbox.write("bp/linux/arm64/buildpack.toml", toml);
        let run = refused(&sandbox, &["--path", "bp"]);
        run.stderr_has("linux/arm64/buildpack.toml");
        run.stderr_has(if id == "acme/x" { "2.0.0" } else { id });
    }
}

#[test]
fn a_descriptor_of_a_folder_with_bad_toml() {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64", "linux/arm64"]);
    sandbox.write("bp/linux/arm64/buildpack.toml", "api = \"0.10\"\nid = \n");
    let run = refused(&sandbox, &["--path", "bp"]);
    points_at(&run, "linux/arm64/buildpack.toml", 2);
}
