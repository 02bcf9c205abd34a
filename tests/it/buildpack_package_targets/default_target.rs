//! Where no target names an architecture.

use serde_json::Value;

use super::tree_of;
use crate::support::packaged::Packaged;
use crate::support::tree::{HEAD, SCRIPT, descriptor};

#[test]
fn without_targets() {
    let tree = tree_of(HEAD, &[("bin/build", SCRIPT), ("bin/detect", SCRIPT)]);
    let packaged = Packaged::tree(&tree, &[])
        .warned(&["--target linux/amd64"])
        .expect(&[("linux/amd64", &["bin/build", "bin/detect", "buildpack.toml"])]);
    let image = &packaged.index.children[0];
    assert_eq!(image.config["architecture"], "amd64");
    assert_eq!(image.config["os"], "linux");
    let label: Value = serde_json::from_str(&image.labels()["io.buildpacks.buildpack.layers"]).unwrap();
    assert!(label["acme/x"]["1.0.0"].get("targets").is_none(), "{label}");
}

#[test]
fn of_a_target_with_only_an_os() {
    let toml = descriptor(&["linux"]);
    let tree = tree_of(&toml, &[("bin/build", SCRIPT), ("bin/detect", SCRIPT)]);
    let packaged = Packaged::tree(&tree, &[])
        .warned(&["--target linux/amd64"])
        .expect(&[("linux/amd64", &["bin/build", "bin/detect", "buildpack.toml"])]);
    assert_eq!(packaged.index.children[0].config["architecture"], "amd64");
}
