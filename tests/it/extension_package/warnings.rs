//! What is warned about, and what is not.

use super::{HEAD, descriptor, packaged, refused, sandbox_with, tree};
use crate::support::packaged::Packaged;
use crate::support::refused::names_line;
use crate::support::tree::{SCRIPT, Tree};

#[test]
fn detect_and_generate_may_be_missing() {
    let toml = descriptor(&["linux/amd64"]);
    let both = [("bin/detect", SCRIPT), ("bin/generate", SCRIPT)];
    let none: Tree<'_> = &[];
    for executables in [none, &both[..1], &both[1..], &both] {
        let files = [
            &[("Dockerfile", "FROM base\n"), ("extension.toml", &*toml)],
            executables,
        ]
        .concat();
        let packaged = packaged(&files, &["--strict"]).without_warnings();
        assert_eq!(packaged.index.platforms(), ["linux/amd64"]);
    }
}

#[test]
fn unknown_keys() {
    let toml = format!(
        "{HEAD}colour = \"red\"\n\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\nfeel = \"warm\"\n\n[more]\nx = 1\n"
    );
    let packaged = packaged(&tree(&toml), &[])
        .warned(&["colour"])
        .warned(&["feel"])
        .warned(&["more"]);
    for line in [6, 11, 13] {
        names_line(&packaged.run, "extension.toml", line);
    }
    refused(&sandbox_with(&tree(&toml)), &["--path", "ext", "--strict"]).stderr_has("colour");
}

#[test]
fn what_only_a_buildpack_has() {
    // no tool reads them in an extension
    for (key, rest) in [
        ("order", "[[order.group]]\nid = \"acme/one\"\nversion = \"1.0.0\"\n"),
        ("stacks", "id = \"*\"\n"),
    ] {
        let toml = format!("{}\n[[{key}]]\n{rest}", descriptor(&["linux/amd64"]));
        let packaged = packaged(&tree(&toml), &[]).warned(&[key]);
        names_line(&packaged.run, "extension.toml", 11);
        let labels = packaged.image("linux/amd64").labels();
        assert!(
            !labels["io.buildpacks.extension.layers"].contains(key),
            "{key} in {labels:?}"
        );
        refused(&sandbox_with(&tree(&toml)), &["--path", "ext", "--strict"]).stderr_has(key);
    }
}

#[test]
fn metadata_is_no_unknown_key() {
    let toml = descriptor(&["linux/amd64"]) + "\n[metadata]\nanything = \"goes\"\n";
    packaged(&tree(&toml), &[]).without_warnings();
}

#[test]
fn a_version_that_is_not_x_y_z() {
    let toml = descriptor(&["linux/amd64"]).replace("1.0.0", "1.0");
    let packaged = Packaged::extension(sandbox_with(&tree(&toml)), &["--path", "ext"]).warned(&["1.0"]);
    names_line(&packaged.run, "extension.toml", 5);
}

#[test]
fn two_distros_with_one_version() {
    // what reads the index can not tell them apart
    let args = ["-t", "linux/amd64:ubuntu@12;debian@12"];
    packaged(&tree(HEAD), &args).warned(&["12"]);
}
