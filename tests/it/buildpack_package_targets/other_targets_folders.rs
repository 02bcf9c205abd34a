//! Folders that belong to other targets.

use super::{distro, target_with, tree_of};
use crate::support::packaged::Packaged;
use crate::support::tree::{HEAD, SCRIPT, descriptor};

const LEVELS: [(&str, &str); 6] = [
    ("linux/bin/build", SCRIPT),
    ("linux/bin/detect", SCRIPT),
    ("linux/data", "all\n"),
    ("linux/arm64/bin/build", SCRIPT),
    ("linux/arm64/bin/detect", SCRIPT),
    ("linux/arm64/data", "arm64\n"),
];
const FILES: [&str; 4] = ["bin/build", "bin/detect", "buildpack.toml", "data"];

#[test]
fn are_left_out_with_a_warning() {
    let toml = descriptor(&["linux/amd64", "linux/arm64"]);
    let packaged = Packaged::tree(&tree_of(&toml, &LEVELS), &[])
        .warned(&["linux/amd64"])
        .expect(&[("linux/amd64", &FILES), ("linux/arm64", &FILES)]);
    assert_eq!(packaged.content("linux/amd64", "data"), "all\n");
    assert_eq!(packaged.content("linux/arm64", "data"), "arm64\n");
    let names = packaged.contents("linux/amd64");
    assert!(!names.iter().any(|(name, _)| name.contains("arm64")), "{names:?}");
}

#[test]
fn count_those_of_the_file_and_of_the_command_line() {
    // only in the file
    let both = descriptor(&["linux/amd64", "linux/arm64"]);
    Packaged::tree(&tree_of(&both, &LEVELS), &["--target", "linux/amd64"]).expect(&[("linux/amd64", &FILES)]);
    // only on the command line
    let one = descriptor(&["linux/amd64"]);
    Packaged::tree(&tree_of(&one, &LEVELS), &["-t", "linux/amd64", "-t", "linux/arm64"])
        .expect(&[("linux/amd64", &FILES), ("linux/arm64", &FILES)]);
    Packaged::tree(&tree_of(HEAD, &LEVELS), &["-t", "linux/amd64,linux/arm64"])
        .expect(&[("linux/amd64", &FILES), ("linux/arm64", &FILES)]);
    // nowhere: it belongs to no other target
    let all = [
        "arm64/bin/build",
        "arm64/bin/detect",
        "arm64/data",
        "bin/build",
        "bin/detect",
    ];
    let all = [&all[..], &["buildpack.toml", "data"]].concat();
    Packaged::tree(&tree_of(&one, &LEVELS), &[]).expect(&[("linux/amd64", &all)]);
}

#[test]
fn at_the_root() {
    let toml = descriptor(&["linux/amd64", "freebsd/amd64"]);
    let tree = tree_of(
        &toml,
        &[
            ("bin/build", SCRIPT),
            ("bin/detect", SCRIPT),
            ("freebsd/amd64/bin/build", SCRIPT),
            ("freebsd/amd64/bin/detect", SCRIPT),
        ],
    );
    let files = ["bin/build", "bin/detect", "buildpack.toml"];
    Packaged::tree(&tree, &[])
        .warned(&["linux/amd64"])
        .expect(&[("linux/amd64", &files), ("freebsd/amd64", &files)]);
}

#[test]
fn below_the_own_one_without_a_warning() {
    let toml = descriptor(&["linux/arm", "linux/arm/v7"]);
    let tree = tree_of(
        &toml,
        &[
            ("linux/arm/bin/build", SCRIPT),
            ("linux/arm/bin/detect", SCRIPT),
            ("linux/arm/v7/bin/build", SCRIPT),
            ("linux/arm/v7/bin/detect", SCRIPT),
            ("linux/arm/v7/seven", "7\n"),
        ],
    );
    Packaged::tree(&tree, &[]).without_warnings().expect(&[
        ("linux/arm", &["bin/build", "bin/detect", "buildpack.toml"]),
        ("linux/arm/v7", &["bin/build", "bin/detect", "buildpack.toml", "seven"]),
    ]);
}

#[test]
fn of_distros() {
    let toml = target_with(&(distro("ubuntu", "22.04") + &distro("ubuntu", "24.04")));
    let tree = tree_of(
        &toml,
        &[
            ("linux/amd64/bin/build", SCRIPT),
            ("linux/amd64/bin/detect", SCRIPT),
            ("linux/amd64/ubuntu@24.04/bin/build", SCRIPT),
            ("linux/amd64/ubuntu@24.04/bin/detect", SCRIPT),
            ("linux/amd64/ubuntu@24.04/new", "x\n"),
        ],
    );
    Packaged::tree(&tree, &[]).warned(&["22.04"]).expect(&[
        ("linux/amd64:22.04", &["bin/build", "bin/detect", "buildpack.toml"]),
        (
            "linux/amd64:24.04",
            &["bin/build", "bin/detect", "buildpack.toml", "new"],
        ),
    ]);
}

#[test]
fn without_targets_nothing_is_left_out() {
    let tree = tree_of(
        HEAD,
        &[
            ("bin/build", SCRIPT),
            ("bin/detect", SCRIPT),
            ("linux/amd64/bin/build", SCRIPT),
            ("linux/arm64/data", "x\n"),
        ],
    );
    let all = [
        "bin/build",
        "bin/detect",
        "buildpack.toml",
        "linux/amd64/bin/build",
        "linux/arm64/data",
    ];
    Packaged::tree(&tree, &[]).expect(&[("linux/amd64", &all)]);
}

#[test]
fn only_whole_names_count() {
    let toml = descriptor(&["linux/arm", "linux/arm64"]);
    let tree = tree_of(
        &toml,
        &[
            ("linux/bin/build", SCRIPT),
            ("linux/bin/detect", SCRIPT),
            ("linux/arm64/bin/build", SCRIPT),
            ("linux/arm64/bin/detect", SCRIPT),
            ("linux/arm64-notes", "x\n"),
            ("linux/lib/arm64/x", "x\n"),
        ],
    );
    Packaged::tree(&tree, &[]).warned(&["linux/arm"]).expect(&[
        (
            "linux/arm",
            &[
                "arm64-notes",
                "bin/build",
                "bin/detect",
                "buildpack.toml",
                "lib/arm64/x",
            ],
        ),
        ("linux/arm64", &["bin/build", "bin/detect", "buildpack.toml"]),
    ]);
}
