//! `airpack buildpack package`: its options, what it prints where, and the help of every command.

mod annotations;
mod closed_outputs;
mod compression;
mod labels;
mod output;
mod usage;

use crate::support::packaged::Packaged;
use crate::support::refused::REFERENCE;
use crate::support::tree::{HEAD, SCRIPT, descriptor, platform_folders, write_tree};
use crate::support::{Run, Sandbox};

/// A sandbox with the buildpack `bp` with two platform folders, about which there is nothing to warn.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64", "linux/arm64"]);
    sandbox
}

/// A sandbox with a buildpack that gets a warning: its version is not X.Y.Z.
fn sandbox_with_warning() -> Sandbox {
    let sandbox = sandbox();
    let toml = descriptor(&["linux/amd64", "linux/arm64"]).replace("1.0.0", "1.0");
    sandbox.write("bp/buildpack.toml", toml);
    sandbox
}

const ARGS: [&str; 7] = ["buildpack", "package", REFERENCE, "--path", "bp", "--layout", "out.oci"];

fn package(sandbox: &Sandbox, args: &[&str]) -> Run {
    sandbox.airpack(&[&ARGS[..], args].concat())
}

#[test]
fn strict_without_anything_to_warn_about() {
    let packaged = Packaged::path(sandbox(), "bp", &["--strict"]);
    assert_eq!(packaged.index.platforms(), ["linux/amd64", "linux/arm64"]);
}

#[test]
fn threads_do_not_show() {
    let digests: Vec<_> = ["1", "2", "7"]
        .map(|threads| package(&sandbox(), &["--threads", threads]).digest().to_owned())
        .into();
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
}

#[test]
fn nothing_of_the_options_is_taken_from_the_working_folder() {
    // files of configuration count where they belong to what is packaged only
    let sandbox = sandbox();
    let expected = package(&sandbox, &[]).digest().to_owned();
    sandbox.write("package.toml", "not TOML at all");
    sandbox.write("airpack.toml", "not TOML at all");
    write_tree(&sandbox, ".", &[("buildpack.toml", HEAD), ("bin/build", SCRIPT)]);
    assert_eq!(package(&sandbox, &[]).digest(), expected);
}
