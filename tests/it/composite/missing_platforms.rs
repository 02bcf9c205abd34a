//! A dependency that lacks a platform is an error that names it, the platform and what there is.

use super::{CONFIG, comp_with, package_into, points_at_dependency, refuse};
use crate::support::Sandbox;
use crate::support::buildpackage_maker::{BuildpackageMaker, cnb_of, layout_of};
use crate::support::composites::{BOTH, comp_of_two, composite, leaf, package_toml};
use crate::support::refused::refused;

/// `comp` of `one`, named like this, and `two` can not be packaged for arm64.
#[track_caller]
fn check(sandbox: &Sandbox, one: &str, says: &[&str]) {
    comp_with(sandbox, &[one, "../two"]);
    let run = refuse(sandbox, CONFIG, &["linux/arm64"]);
    for text in says {
        run.stderr_has(text);
    }
    points_at_dependency(&run, CONFIG, 0);
}

#[test]
fn a_folder() {
    let sandbox = comp_of_two();
    std::fs::remove_dir_all(sandbox.join("one/linux/arm64")).unwrap();
    comp_with(&sandbox, &["../one", "../two"]);
    // both the folder that is missing and the one that is there
    let run = refuse(&sandbox, CONFIG, &["linux/arm64", "linux/amd64", "one", "package.toml"]);
    run.stderr_lacks("two/");
}

#[test]
fn an_image_in_a_layout() {
    let sandbox = comp_of_two();
    package_into(
        &sandbox,
        "one.oci",
        "registry.test/acme/one:1",
        "one",
        &["-t", "linux/amd64"],
    );
    check(&sandbox, "oci:../one.oci:1", &["one.oci", "linux/amd64"]);
}

#[test]
fn an_image_by_name() {
    let sandbox = comp_of_two();
    package_into(
        &sandbox,
        "one.oci",
        "registry.test/acme/one:1",
        "one",
        &["-t", "linux/amd64"],
    );
    comp_with(&sandbox, &["docker://registry.test/acme/one:1", "../two"]);
    let run = refused(&sandbox, &["--config", CONFIG, "--from", "one.oci"]);
    for text in ["registry.test/acme/one:1", "linux/arm64", "linux/amd64"] {
        run.stderr_has(text);
    }
    points_at_dependency(&run, CONFIG, 0);
}

#[test]
fn a_cnb_with_one_manifest() {
    let sandbox = comp_of_two();
    let image = BuildpackageMaker::leaf("acme/one@1.0.0", "linux/amd64", &BOTH);
    sandbox.write("one.cnb", cnb_of(&image));
    check(&sandbox, "../one.cnb", &["one.cnb", "linux/amd64"]);
}

/// The module would run there, by its name alone, but this image is not for it.
#[test]
fn an_image_whose_only_platform_differs_in_variant() {
    for (there, wanted) in [("linux/arm/v6", "linux/arm/v7"), ("linux/arm/v7", "linux/arm64")] {
        let sandbox = Sandbox::new();
        layout_of(
            &sandbox,
            "images.oci",
            &[BuildpackageMaker::leaf("acme/one@1.0.0", there, &[there])],
        );
        composite(&sandbox, "comp", "acme/comp@1.0.0", &[&["acme/one@1.0.0"]]);
        package_toml(&sandbox, CONFIG, "../comp", &["oci:../images.oci:1"], &[wanted]);
        refuse(&sandbox, CONFIG, &["images.oci", there, wanted]);
    }
}

#[test]
fn an_image_for_another_distro() {
    let targets = ["linux/amd64:ubuntu@22.04", "linux/amd64:ubuntu@24.04"];
    let sandbox = Sandbox::new();
    leaf(&sandbox, "one", "acme/one@1.0.0", &targets[..1]);
    package_into(&sandbox, "one.oci", "registry.test/acme/one:1", "one", &[]);
    composite(&sandbox, "comp", "acme/comp@1.0.0", &[&["acme/one@1.0.0"]]);
    package_toml(&sandbox, CONFIG, "../comp", &["oci:../one.oci:1"], &targets[1..]);
    refuse(&sandbox, CONFIG, &["one.oci", "22.04", "24.04"]);
}

#[test]
fn several_at_once() {
    let sandbox = comp_of_two();
    for name in ["one", "two"] {
        package_into(
            &sandbox,
            "images.oci",
            &format!("registry.test/acme/{name}:1"),
            name,
            &["-t", "linux/amd64"],
        );
    }
    let names = ["docker://registry.test/acme/one:1", "docker://registry.test/acme/two:1"];
    comp_with(&sandbox, &names);
    let args = ["-t", "linux/arm64", "-t", "linux/amd64", "-t", "linux/s390x"];
    let run = refused(
        &sandbox,
        &[&["--config", CONFIG, "--from", "images.oci"], &args[..]].concat(),
    );
    for text in [
        "registry.test/acme/one:1",
        "registry.test/acme/two:1",
        "linux/arm64",
        "linux/s390x",
    ] {
        run.stderr_has(text);
    }
    points_at_dependency(&run, CONFIG, 0);
    points_at_dependency(&run, CONFIG, 1);
}

#[test]
fn a_module_inside_the_image_of_a_composite() {
    let sandbox = comp_of_two();
    let args = [
        "buildpack",
        "package",
        "registry.test/acme/comp:1",
        "--config",
        "comp/package.toml",
    ];
    let more = ["--layout", "comp.oci", "-t", "linux/amd64"];
    sandbox.airpack(&[&args[..], &more].concat()).ok();
    composite(&sandbox, "outer", "acme/outer@1.0.0", &[&["acme/comp@1.0.0"]]);
    package_toml(&sandbox, "outer/package.toml", ".", &["oci:../comp.oci:1"], &BOTH);
    let run = refuse(
        &sandbox,
        "outer/package.toml",
        &["comp.oci", "linux/arm64", "linux/amd64"],
    );
    points_at_dependency(&run, "outer/package.toml", 0);
}
