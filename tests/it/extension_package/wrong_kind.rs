//! A buildpack where an extension is asked for, an extension where a buildpack is, and neither.

use super::{descriptor, refused, sandbox, sandbox_with, tree};
use crate::support::Sandbox;
use crate::support::composite::{Composite, leaf};
use crate::support::refused::{hints, points_into, refused as buildpack_refused};
use crate::support::tree::platform_folders;

const TARGETS: [&str; 2] = ["linux/amd64", "linux/arm64"];

#[test]
fn a_buildpack_for_an_extension() {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &TARGETS);
    let run = refused(&sandbox, &["--path", "bp"]);
    run.stderr_has("bp").stderr_has("extension.toml");
    hints(&run, "buildpack package");
    sandbox.write("package.toml", "[buildpack]\nuri = \"bp\"\n");
    let run = refused(&sandbox, &["--config", "package.toml"]);
    run.stderr_has("package.toml").stderr_has("buildpack");
    hints(&run, "buildpack package");
    sandbox.write("package.toml", "[extension]\nuri = \"bp\"\n");
    let run = refused(&sandbox, &["--config", "package.toml"]);
    run.stderr_has("extension.toml");
    hints(&run, "buildpack package");
}

#[test]
fn an_extension_for_a_buildpack() {
    let sandbox = sandbox();
    let run = buildpack_refused(&sandbox, &["--path", "ext"]);
    run.stderr_has("ext").stderr_has("buildpack.toml");
    hints(&run, "extension package");
    sandbox.write("package.toml", "[extension]\nuri = \"ext\"\n");
    let run = buildpack_refused(&sandbox, &["--config", "package.toml"]);
    run.stderr_has("package.toml").stderr_has("extension");
    hints(&run, "extension package");
    sandbox.write("package.toml", "[buildpack]\nuri = \"ext\"\n");
    let run = buildpack_refused(&sandbox, &["--config", "package.toml"]);
    run.stderr_has("buildpack.toml");
    hints(&run, "extension package");
}

#[test]
fn neither() {
    let sandbox = Sandbox::new();
    sandbox.write("ext/README.md", "nothing\n");
    refused(&sandbox, &["--path", "ext"]).stderr_has("extension.toml");
    refused(&sandbox, &["--path", "nowhere"]).stderr_has("nowhere");
}

#[test]
fn the_table_of_a_buildpack_in_extension_toml() {
    let toml = descriptor(&["linux/amd64"]).replace("[extension]", "[buildpack]");
    let run = refused(&sandbox_with(&tree(&toml)), &["--path", "ext"]);
    run.stderr_has("extension.toml").stderr_has("[extension]");
}

/// A sandbox with a composite of a leaf and `acme/ext`, which comes from this uri.
fn composite_with(uri: &str) -> Sandbox {
    let sandbox = sandbox();
    leaf(&sandbox, "one", "acme/one", &TARGETS);
    Composite {
        folder: "comp",
        id: "acme/comp",
        order: &[&["acme/one", "acme/ext"]],
        uris: &["../one", uri],
        targets: &TARGETS,
    }
    .write(&sandbox);
    sandbox
}

/// An extension is no dependency of a composite, whatever form it comes in.
#[track_caller]
fn check_dependency(sandbox: &Sandbox) {
    let run = buildpack_refused(sandbox, &["--config", "comp/package.toml"]);
    run.stderr_has("../ext").stderr_has("extension");
    points_into(&run, "package.toml", 7..=8);
}

#[test]
fn an_extension_as_a_dependency_of_a_composite() {
    check_dependency(&composite_with("../ext"));

    let sandbox = composite_with("../ext.cnb");
    let args = ["ext.cnb", "--path", "ext", "--format", "file", "--single"];
    sandbox.airpack(&[&["extension", "package"], &args[..]].concat()).ok();
    check_dependency(&sandbox);

    let sandbox = composite_with("oci:../ext.oci:1");
    let args = ["registry.test/acme/ext:1", "--path", "ext", "--layout", "ext.oci"];
    sandbox.airpack(&[&["extension", "package"], &args[..]].concat()).ok();
    check_dependency(&sandbox);
}
