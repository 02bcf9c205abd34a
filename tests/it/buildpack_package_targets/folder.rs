//! The folder of a target.

use super::tree_of;
use crate::support::Sandbox;
use crate::support::packaged::Packaged;
use crate::support::tree::{SCRIPT, descriptor, platform_folders};

#[test]
fn of_every_target_and_the_descriptor_of_the_root() {
    let toml = descriptor(&["linux/amd64", "linux/arm64"]);
    let tree = tree_of(
        &toml,
        &[
            ("README.md", "not packaged\n"),
            ("lib/x", "not packaged\n"),
            ("linux/notes", "not packaged\n"),
            ("linux/amd64/a", "amd64\n"),
            ("linux/amd64/bin/build", SCRIPT),
            ("linux/amd64/bin/detect", SCRIPT),
            ("linux/amd64/z", "amd64\n"),
            ("linux/arm64/bin/build", SCRIPT),
            ("linux/arm64/bin/detect", SCRIPT),
            ("linux/arm64/lib/data", "arm64\n"),
        ],
    );
    let packaged = Packaged::tree(&tree, &[]).without_warnings().expect(&[
        ("linux/amd64", &["a", "bin/build", "bin/detect", "buildpack.toml", "z"]),
        (
            "linux/arm64",
            &["bin/build", "bin/detect", "buildpack.toml", "lib/data"],
        ),
    ]);
    assert_eq!(packaged.content("linux/amd64", "buildpack.toml"), toml);
    assert_eq!(packaged.content("linux/arm64", "lib/data"), "arm64\n");
}

#[test]
fn at_every_depth() {
    for (target, platform) in [
        ("linux/amd64", "linux/amd64"),
        ("linux/arm/v7", "linux/arm/v7"),
        ("linux/arm64/v8", "linux/arm64/v8"),
        ("freebsd/amd64", "freebsd/amd64"),
    ] {
        for (end, _) in format!("{target}/").match_indices('/') {
            let folder = &target[..end];
            let toml = descriptor(&[target]);
            let names = ["bin/build", "bin/detect", "here"].map(|name| format!("{folder}/{name}"));
            let rest = [SCRIPT, SCRIPT, "x\n"];
            let rest: Vec<_> = names.iter().map(String::as_str).zip(rest).collect();
            let tree = tree_of(&toml, &rest);
            Packaged::tree(&tree, &[])
                .without_warnings()
                .expect(&[(platform, &["bin/build", "bin/detect", "buildpack.toml", "here"])]);
        }
    }
}

#[test]
fn of_a_target_as_it_is_written() {
    // the default architecture is not looked for
    let toml = descriptor(&["linux"]);
    let tree = tree_of(
        &toml,
        &[
            ("linux/bin/build", SCRIPT),
            ("linux/bin/detect", SCRIPT),
            ("linux/amd64/x", "x\n"),
        ],
    );
    Packaged::tree(&tree, &[])
        .warned(&["linux/amd64", "--target"])
        .expect(&[("linux/amd64", &["amd64/x", "bin/build", "bin/detect", "buildpack.toml"])]);
}

#[test]
fn is_the_root_where_there_is_no_other() {
    let toml = descriptor(&["linux/amd64", "linux/arm64"]);
    let tree = tree_of(
        &toml,
        &[
            ("bin/build", SCRIPT),
            ("bin/detect", SCRIPT),
            ("docs/linux", "x\n"),
            ("lib/amd64/x", "x\n"),
        ],
    );
    let all = ["bin/build", "bin/detect", "buildpack.toml", "docs/linux", "lib/amd64/x"];
    let packaged = Packaged::tree(&tree, &[])
        .without_warnings()
        .expect(&[("linux/amd64", &all), ("linux/arm64", &all)]);
    let layers: Vec<_> = packaged.index.children.iter().map(|i| &i.manifest["layers"]).collect();
    assert_eq!(layers[0], layers[1], "equal content is one blob");
}

#[test]
fn any_of_the_executables_is_enough() {
    for (name, missing) in [
        ("bin/build", "bin/detect"),
        ("bin/detect", "bin/build"),
        ("bin/generate", "bin/build"),
    ] {
        let toml = descriptor(&["linux/amd64"]);
        let rest = [(name, SCRIPT), ("linux-notes", "x\n")];
        Packaged::tree(&tree_of(&toml, &rest), &[])
            .warned(&[missing])
            .expect(&[("linux/amd64", &[name, "buildpack.toml", "linux-notes"])]);
    }
}

#[test]
fn of_targets_from_the_command_line() {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64", "linux/arm64", "linux/s390x"]);
    let files = ["bin/build", "bin/detect", "buildpack.toml", "which"];
    let args = ["-t", "linux/s390x", "--target", "linux/amd64"];
    let packaged = Packaged::path(sandbox, "bp", &args)
        .without_warnings()
        .expect(&[("linux/s390x", &files), ("linux/amd64", &files)]);
    assert_eq!(packaged.content("linux/s390x", "which"), "linux/s390x");
    assert_eq!(packaged.content("linux/amd64", "which"), "linux/amd64");
}

#[test]
fn may_be_a_link_to_another_within_the_root() {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64"]);
    sandbox.write("bp/buildpack.toml", descriptor(&["linux/amd64", "linux/arm64"]));
    sandbox.symlink("bp/linux/arm64", "amd64");
    let files = ["bin/build", "bin/detect", "buildpack.toml", "which"];
    Packaged::path(sandbox, "bp", &[]).expect(&[("linux/amd64", &files), ("linux/arm64", &files)]);
}
