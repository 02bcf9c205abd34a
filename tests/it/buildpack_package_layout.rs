//! `airpack buildpack package`: what becomes of the layout it writes into.

mod added_to;
mod made;
mod refused;
mod wrong_claims;

use serde_json::Value;

use crate::support::layout_view::{IMAGE_NAME, LayoutView, ref_name};
use crate::support::tree::{SCRIPT, descriptor, platform_folders, write_tree};
use crate::support::{Run, Sandbox};

/// A sandbox with two buildpacks: `bp` with two platform folders, `other` with one.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64", "linux/arm64"]);
    let toml = descriptor(&["linux/amd64"]);
    let other = [
        ("buildpack.toml", toml.as_str()),
        ("bin/build", SCRIPT),
        ("bin/detect", SCRIPT),
        ("o", "o\n"),
    ];
    write_tree(&sandbox, "other", &other);
    sandbox
}

fn package(sandbox: &Sandbox, reference: &str, path: &str, args: &[&str]) -> Run {
    let own = ["buildpack", "package", reference, "--path", path, "--layout", "out.oci"];
    sandbox.airpack(&[&own[..], args].concat())
}

/// Packages, which has to work, and gives the digest and the layout after it.
#[track_caller]
fn packaged(sandbox: &Sandbox, reference: &str, path: &str, args: &[&str]) -> (String, LayoutView) {
    let digest = package(sandbox, reference, path, args).digest().to_owned();
    (digest, LayoutView::open(sandbox.join("out.oci")))
}

/// The full name of every entry, by its tag.
fn names(layout: &LayoutView) -> Vec<(String, String)> {
    let pair = |entry: &Value| {
        let name = entry["annotations"][IMAGE_NAME].as_str().unwrap_or("-");
        (ref_name(entry).unwrap_or("-").to_owned(), name.to_owned())
    };
    layout.entries().iter().map(pair).collect()
}

#[track_caller]
fn assert_names(layout: &LayoutView, expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(tag, name)| ((*tag).to_owned(), (*name).to_owned()))
        .collect();
    let mut found = names(layout);
    found.sort();
    assert_eq!(found, expected);
}
