//! `[[targets]].path`.

use super::{target_with, tree_of};
use crate::support::packaged::Packaged;
use crate::support::tree::SCRIPT;

#[test]
fn is_its_folder() {
    for path in ["build/one", "./build/one", "build/one/"] {
        let toml = target_with(&format!("path = \"{path}\"\n"));
        let tree = tree_of(
            &toml,
            &[
                ("build/one/bin/build", SCRIPT),
                ("build/one/bin/detect", SCRIPT),
                ("build/one/one", "1\n"),
                // not this one, although its name fits
                ("linux/amd64/bin/build", SCRIPT),
            ],
        );
        Packaged::tree(&tree, &[])
            .without_warnings()
            .expect(&[("linux/amd64", &["bin/build", "bin/detect", "buildpack.toml", "one"])]);
    }
}

#[test]
fn is_left_out_of_the_others() {
    let toml = format!(
        "{}path = \"special\"\n\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n",
        target_with("")
    );
    let tree = tree_of(
        &toml,
        &[
            ("bin/build", SCRIPT),
            ("bin/detect", SCRIPT),
            ("special/bin/build", SCRIPT),
            ("special/bin/detect", SCRIPT),
        ],
    );
    let files = ["bin/build", "bin/detect", "buildpack.toml"];
    Packaged::tree(&tree, &[])
        .warned(&["linux/arm64"])
        .expect(&[("linux/amd64", &files), ("linux/arm64", &files)]);
}

#[test]
fn may_be_shared_by_two() {
    let toml = format!(
        "{}path = \"any\"\n\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\npath = \"any\"\n",
        target_with("")
    );
    let tree = tree_of(&toml, &[("any/bin/build", SCRIPT), ("any/bin/detect", SCRIPT)]);
    let files = ["bin/build", "bin/detect", "buildpack.toml"];
    let packaged = Packaged::tree(&tree, &[])
        .without_warnings()
        .expect(&[("linux/amd64", &files), ("linux/arm64", &files)]);
    let ids = packaged.diff_ids();
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn holds_for_the_target_when_it_is_named_on_the_command_line() {
    let toml = target_with("path = \"special\"\n");
    let tree = tree_of(&toml, &[("special/bin/build", SCRIPT), ("special/bin/detect", SCRIPT)]);
    Packaged::tree(&tree, &["--target", "linux/amd64"])
        .expect(&[("linux/amd64", &["bin/build", "bin/detect", "buildpack.toml"])]);
}
