//! Packages and base images in layouts and archives, alone and together.

use serde_json::json;

use super::Told;
use crate::support::Sandbox;
use crate::support::builder::{BuilderInput, ONE, RUN, TWO, elf};
use crate::support::buildpackage_maker::{BuildpackageMaker, cnb_of, layout_of};
use crate::support::composites::{BOTH, composite, leaf, package_toml};
use crate::support::tar_maker::Member;

const AMD64: &str = "linux/amd64";
const ARM64: &str = "linux/arm64";

#[test]
fn a_package_of_both() {
    let sandbox = Sandbox::new();
    layout_of(
        &sandbox,
        "p.oci",
        &BOTH.map(|target| BuildpackageMaker::leaf(ONE, target, &BOTH)),
    );
    let told = Told::of(&sandbox, &["p.oci:1"]);
    assert_eq!(told.names(), [format!("buildpack {ONE}")]);
    told.says(AMD64, &[(ONE, "yes")]).says(ARM64, &[(ONE, "yes")]);
}

#[test]
fn a_package_without_an_image_for_one_of_its_targets() {
    let sandbox = Sandbox::new();
    layout_of(&sandbox, "p.oci", &[BuildpackageMaker::leaf(ONE, AMD64, &BOTH)]);
    let told = Told::of(&sandbox, &["p.oci"]);
    told.says(AMD64, &[(ONE, "yes")]).says(ARM64, &[(ONE, "noImage")]);
    told.because(ONE, ARM64, &[AMD64]);
}

#[test]
fn an_image_whose_label_excludes_its_platform() {
    let sandbox = Sandbox::new();
    layout_of(
        &sandbox,
        "p.oci",
        &BOTH.map(|target| BuildpackageMaker::leaf(ONE, target, &[AMD64])),
    );
    Told::of(&sandbox, &["p.oci"]).says(ARM64, &[(ONE, "targets")]);
}

#[test]
fn a_package_in_one_file_that_is_for_any_architecture() {
    let sandbox = Sandbox::new();
    sandbox.write("one.cnb", cnb_of(&BuildpackageMaker::leaf(ONE, AMD64, &[])));
    let told = Told::of(&sandbox, &["one.cnb", "--platform", "linux/arm64"]);
    told.says(ARM64, &[(ONE, "any")]);
}

#[test]
fn a_program_of_a_package_for_another_processor() {
    let sandbox = Sandbox::new();
    let root = "/cnb/buildpacks/acme_one/1.0.0";
    let members = [
        Member::folder(&format!("{root}/")),
        Member::file(
            &format!("{root}/buildpack.toml"),
            "api = \"0.10\"\n[buildpack]\nid = \"acme/one\"\nversion = \"1.0.0\"\n",
        ),
        Member::file(&format!("{root}/bin/build"), "#!/bin/sh\n").with_mode(0o755),
        Member::file(&format!("{root}/bin/deep/helper"), elf("amd64")).with_mode(0o755),
    ];
    let images = BOTH.map(|target| BuildpackageMaker::leaf(ONE, target, &BOTH).with_layer(ONE, &members));
    layout_of(&sandbox, "p.oci", &images);
    let told = Told::of(&sandbox, &["p.oci"]);
    told.says(AMD64, &[(ONE, "yes")]).says(ARM64, &[(ONE, "machine")]);
    told.because(ONE, ARM64, &["bin/deep/helper", "amd64", "arm64"]);
}

#[test]
fn a_composite_and_what_it_is_made_of() {
    let sandbox = Sandbox::new();
    leaf(&sandbox, "one", ONE, &BOTH);
    leaf(&sandbox, "two", TWO, &BOTH);
    composite(&sandbox, "all", "acme/all@1.0.0", &[&[ONE, TWO]]);
    package_toml(&sandbox, "all/package.toml", ".", &["../one", "../two"], &BOTH);
    let args = [
        "buildpack",
        "package",
        "registry.test/acme/all:1",
        "--path",
        "all",
        "--layout",
        "p.oci",
    ];
    sandbox
        .airpack(&[&args[..], &["--config", "all/package.toml"]].concat())
        .ok();
    let told = Told::of(&sandbox, &["p.oci"]);
    for platform in [AMD64, ARM64] {
        told.says(platform, &[("acme/all@1.0.0", "yes"), (ONE, "yes"), (TWO, "yes")]);
    }
    assert_eq!(told.0["components"][1]["partOf"], "acme/all@1.0.0");
}

#[test]
fn base_images_by_name_and_all_of_a_layout() {
    let input = BuilderInput::new();
    input.write();
    let told = Told::of(&input.sandbox, &["base.oci", "run.oci:1"]);
    assert_eq!(told.platforms(), [AMD64, ARM64]);
    told.says(AMD64, &[(RUN, "yes"), ("registry.test/base/build:1", "yes")]);
    assert_eq!(told.0["components"][0]["kind"], json!("buildImage"));
}

#[test]
fn one_package_in_two_layouts_is_one() {
    let sandbox = Sandbox::new();
    for (folder, target) in [("a.oci", AMD64), ("b.oci", ARM64)] {
        layout_of(&sandbox, folder, &[BuildpackageMaker::leaf(ONE, target, &BOTH)]);
    }
    layout_of(&sandbox, "c.oci", &[BuildpackageMaker::leaf(TWO, AMD64, &[AMD64])]);
    let told = Told::of(&sandbox, &["a.oci", "b.oci", "c.oci"]);
    assert_eq!(told.names().len(), 2);
    told.says(ARM64, &[(ONE, "yes"), (TWO, "noImage")]);
}
