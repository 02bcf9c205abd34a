//! A `package.toml`: the module that it packages, and what it depends on.

use super::Told;
use crate::support::Sandbox;
use crate::support::buildpackage_maker::{BuildpackageMaker, layout_of};
use crate::support::composites::{BOTH, composite, leaf, package_toml};

const ALL: &str = "acme/all@1.0.0";
const ONE: &str = "acme/one@1.0.0";
const TWO: &str = "acme/two@2.0.0";
const AMD64: &str = "linux/amd64";
const ARM64: &str = "linux/arm64";

/// A composite of a folder and something else.
fn with(second: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    leaf(&sandbox, "one", ONE, &BOTH);
    composite(&sandbox, "all", ALL, &[&[ONE, TWO]]);
    package_toml(&sandbox, "all/package.toml", ".", &["../one", second], &BOTH);
    sandbox
}

#[test]
fn a_dependency_in_a_layout_for_one_platform() {
    let sandbox = with("oci:../two.oci");
    layout_of(&sandbox, "two.oci", &[BuildpackageMaker::leaf(TWO, AMD64, &BOTH)]);
    let told = Told::of(&sandbox, &["--config", "all/package.toml"]);
    told.says(AMD64, &[(ALL, "yes"), (ONE, "yes"), (TWO, "yes")]);
    told.says(ARM64, &[(ALL, "members"), (ONE, "yes"), (TWO, "noImage")]);
}

#[test]
fn a_dependency_that_is_not_found() {
    let sandbox = with("../two");
    let told = Told::of(&sandbox, &["--config", "all/package.toml"]);
    assert_eq!(
        told.names(),
        [
            format!("buildpack {ALL}"),
            format!("buildpack {ONE}"),
            "buildpack ../two".to_owned()
        ]
    );
    told.says(AMD64, &[(ALL, "members"), ("../two", "notFound")]);
}

#[test]
fn a_buildpack_that_depends_on_nothing() {
    let sandbox = Sandbox::new();
    leaf(&sandbox, "one", ONE, &BOTH);
    package_toml(&sandbox, "package.toml", "one", &[], &[]);
    let told = Told::of(
        &sandbox,
        &["-c", "package.toml", "--platform", "linux/arm64,linux/s390x"],
    );
    told.says(ARM64, &[(ONE, "yes")])
        .says("linux/s390x", &[(ONE, "targets")]);
}

#[test]
fn a_buildpack_that_is_not_there() {
    let sandbox = Sandbox::new();
    package_toml(&sandbox, "package.toml", "gone", &[], &[]);
    Told::of(&sandbox, &["-c", "package.toml"]).says(AMD64, &[("gone", "notFound")]);
}
