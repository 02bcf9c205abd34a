//! Each dependency is resolved for each target by itself.

use serde_json::json;

use super::{CONFIG, comp_with, package_into};
use crate::support::Sandbox;
use crate::support::buildpackage_maker::{BuildpackageMaker, layout_of};
use crate::support::composed::Composed;
use crate::support::composites::{
    BOTH, comp_of_two, composite, head, leaf, package_toml, rooted_leaf, targets_toml, which,
};

/// `comp` of the one module `acme/one@1.0.0`, for these targets.
fn comp_of_one(sandbox: &Sandbox, one: &str, targets: &[&str]) {
    composite(sandbox, "comp", "acme/comp@1.0.0", &[&["acme/one@1.0.0"]]);
    package_toml(sandbox, CONFIG, "../comp", &[one], targets);
}

/// Which image or folder each target got of the module `acme/one@1.0.0`: pairs of a platform and a target.
#[track_caller]
fn check(sandbox: Sandbox, args: &[&str], expected: &[(&str, &str)]) {
    let found = Composed::of(sandbox, &[&["--config", CONFIG], args].concat());
    let platforms: Vec<_> = expected.iter().map(|(platform, _)| (*platform).to_owned()).collect();
    assert_eq!(found.0.index.platforms(), platforms);
    for (platform, target) in expected {
        let found = found.which(platform, "acme/one@1.0.0");
        assert_eq!(found, which("acme/one@1.0.0", target), "for {platform}");
    }
}

#[test]
fn the_targets_of_package_toml_decide() {
    let three = ["linux/amd64", "linux/arm64", "linux/s390x"];
    for targets in [&three[..1], &three[1..], &three] {
        let sandbox = Sandbox::new();
        leaf(&sandbox, "one", "acme/one@1.0.0", &three);
        comp_of_one(&sandbox, "../one", targets);
        let expected: Vec<_> = targets.iter().map(|target| (*target, *target)).collect();
        check(sandbox, &[], &expected);
    }
}

#[test]
fn targets_of_the_command_line_come_before_those_of_package_toml() {
    for uri in ["../one", "oci:../one.oci:1"] {
        let sandbox = comp_of_two();
        package_into(&sandbox, "one.oci", "registry.test/acme/one:1", "one", &[]);
        comp_of_one(&sandbox, uri, &["linux/amd64"]);
        check(sandbox, &["-t", "linux/arm64"], &[("linux/arm64", "linux/arm64")]);
    }
}

#[test]
fn without_targets_it_is_linux_amd64_and_a_warning() {
    for uri in ["../one", "oci:../one.oci:1"] {
        let sandbox = comp_of_two();
        package_into(&sandbox, "one.oci", "registry.test/acme/one:1", "one", &[]);
        comp_of_one(&sandbox, uri, &[]);
        let found = Composed::config(sandbox, CONFIG);
        assert_eq!(found.0.index.platforms(), ["linux/amd64"]);
        assert_eq!(
            found.which("linux/amd64", "acme/one@1.0.0"),
            which("acme/one@1.0.0", "linux/amd64")
        );
        found.0.warned(&["--target"]);
    }
}

#[test]
fn package_toml_is_not_where_a_single_buildpack_has_its_targets() {
    // it is where a composite has them, whose dependencies have more
    let sandbox = comp_of_two();
    comp_of_one(&sandbox, "../one", &["linux/arm64"]);
    check(sandbox, &[], &[("linux/arm64", "linux/arm64")]);
}

#[test]
fn an_image_for_any_architecture_fits_all() {
    for toml in [String::new(), targets_toml(&["linux"])] {
        let sandbox = Sandbox::new();
        rooted_leaf(&sandbox, "any", "acme/one@1.0.0", &toml);
        package_into(&sandbox, "any.oci", "registry.test/acme/any:1", "any", &[]);
        comp_of_one(
            &sandbox,
            "oci:../any.oci:1",
            &["linux/amd64", "linux/arm64", "linux/arm/v7"],
        );
        let found = Composed::config(sandbox, CONFIG);
        let layers: Vec<_> = found
            .0
            .index
            .children
            .iter()
            .map(|image| image.manifest["layers"].clone())
            .collect();
        assert_eq!(layers.len(), 3);
        assert!(layers.iter().all(|others| *others == layers[0]), "{layers:?}");
        assert_eq!(
            found.which("linux/arm64", "acme/one@1.0.0"),
            which("acme/one@1.0.0", "any")
        );
    }
}

#[test]
fn a_folder_for_any_architecture_fits_all() {
    let sandbox = Sandbox::new();
    rooted_leaf(&sandbox, "any", "acme/one@1.0.0", "");
    comp_of_one(&sandbox, "../any", &BOTH);
    check(sandbox, &[], &[("linux/amd64", "any"), ("linux/arm64", "any")]);
}

#[test]
fn an_image_whose_module_names_the_architecture_but_no_distro_fits_every_distro() {
    let targets = ["linux/amd64:ubuntu@22.04", "linux/amd64:ubuntu@24.04"];
    for uri in ["../one", "oci:../one.oci:1"] {
        let sandbox = comp_of_two();
        package_into(&sandbox, "one.oci", "registry.test/acme/one:1", "one", &[]);
        comp_of_one(&sandbox, uri, &targets);
        let expected = [
            ("linux/amd64:22.04", "linux/amd64"),
            ("linux/amd64:24.04", "linux/amd64"),
        ];
        check(sandbox, &[], &expected);
    }
}

#[test]
fn distros_are_told_apart_by_version() {
    let targets = [
        "linux/amd64:ubuntu@22.04",
        "linux/amd64:ubuntu@24.04",
        "linux/arm64:ubuntu@22.04",
    ];
    for uri in ["../one", "oci:../one.oci:1"] {
        let sandbox = Sandbox::new();
        leaf(&sandbox, "one", "acme/one@1.0.0", &targets);
        package_into(&sandbox, "one.oci", "registry.test/acme/one:1", "one", &[]);
        comp_of_one(&sandbox, uri, &targets);
        let expected = [
            ("linux/amd64:22.04", targets[0]),
            ("linux/amd64:24.04", targets[1]),
            ("linux/arm64:22.04", targets[2]),
        ];
        check(sandbox, &[], &expected);
    }
}

/// Their platforms are equal; annotations in the index tell them apart.
#[test]
fn distros_are_told_apart_by_name() {
    let targets = ["linux/amd64:debian@12", "linux/amd64:other@12"];
    for wanted in targets {
        let sandbox = Sandbox::new();
        leaf(&sandbox, "one", "acme/one@1.0.0", &targets);
        package_into(&sandbox, "one.oci", "registry.test/acme/one:1", "one", &[]);
        comp_of_one(&sandbox, "oci:../one.oci:1", &[wanted]);
        check(sandbox, &[], &[("linux/amd64:12", wanted)]);
    }
}

/// A layout in `images.oci` with an image of `acme/one` for each of these platforms.
fn images_for(sandbox: &Sandbox, platforms: &[&str]) {
    let images: Vec<_> = platforms
        .iter()
        .map(|platform| BuildpackageMaker::leaf("acme/one@1.0.0", platform, platforms))
        .collect();
    layout_of(sandbox, "images.oci", &images);
}

#[test]
fn variants_of_images() {
    for (there, wanted, taken) in [
        (&["linux/arm/v6", "linux/arm/v7"][..], "linux/arm/v6", "linux/arm/v6"),
        (&["linux/arm/v6", "linux/arm/v7"], "linux/arm/v7", "linux/arm/v7"),
        // where nothing closer is there, arm is arm/v7 and arm64 is arm64/v8
        (&["linux/arm/v6", "linux/arm/v7"], "linux/arm", "linux/arm/v7"),
        (&["linux/arm/v7", "linux/arm"], "linux/arm", "linux/arm"),
        (&["linux/arm/v6", "linux/arm"], "linux/arm/v7", "linux/arm"),
        (&["linux/amd64", "linux/arm64/v8"], "linux/arm64", "linux/arm64/v8"),
        (&["linux/amd64", "linux/arm64"], "linux/arm64/v8", "linux/arm64"),
        (&["linux/arm64/v8", "linux/arm64"], "linux/arm64", "linux/arm64"),
        (&["linux/arm64", "linux/arm64/v8"], "linux/arm64/v8", "linux/arm64/v8"),
        (&["linux/arm64/v9", "linux/arm64/v8"], "linux/arm64", "linux/arm64/v8"),
    ] {
        let sandbox = Sandbox::new();
        images_for(&sandbox, there);
        comp_of_one(&sandbox, "oci:../images.oci:1", &[wanted]);
        // what is written keeps the form given
        check(sandbox, &[], &[(wanted, taken)]);
    }
}

#[test]
fn variants_of_folders() {
    let targets = ["linux/arm/v6", "linux/arm/v7", "linux/amd64"];
    let sandbox = Sandbox::new();
    leaf(&sandbox, "one", "acme/one@1.0.0", &targets);
    comp_of_one(&sandbox, "../one", &targets);
    check(sandbox, &[], &targets.map(|target| (target, target)));
}

/// An index also lists what is no image: attestations as `BuildKit` adds them.
#[test]
fn what_is_no_platform_is_passed_over() {
    let sandbox = Sandbox::new();
    let mut attestation = BuildpackageMaker::leaf("acme/one@1.0.0", "unknown/unknown", &BOTH);
    attestation.label = json!(null);
    attestation.metadata = json!(null);
    let images = BOTH.map(|target| BuildpackageMaker::leaf("acme/one@1.0.0", target, &BOTH));
    let [amd64, arm64] = images;
    layout_of(&sandbox, "images.oci", &[attestation, amd64, arm64]);
    comp_of_one(&sandbox, "oci:../images.oci:1", &BOTH);
    check(sandbox, &[], &BOTH.map(|target| (target, target)));
}

#[test]
fn shared_files_of_a_dependency_go_into_each_of_its_layers() {
    let sandbox = comp_of_two();
    sandbox.write("one/airpack.toml", "shared = [\"LICENSE\"]\n");
    sandbox.write("one/LICENSE", "for all\n");
    comp_with(&sandbox, &["../one", "../two"]);
    let found = Composed::config(sandbox, CONFIG);
    for platform in BOTH {
        assert_eq!(found.file(platform, "acme/one@1.0.0", "LICENSE"), "for all\n");
        let layer = found.layer(platform, "acme/one@1.0.0");
        assert!(!layer.entries.iter().any(|entry| entry.name().ends_with("airpack.toml")));
    }
}

#[test]
fn a_dependency_whose_folder_has_its_own_buildpack_toml_for_a_target() {
    let sandbox = comp_of_two();
    let own = head("acme/one@1.0.0") + "homepage = \"https://acme.test/arm\"\n" + &targets_toml(&BOTH);
    sandbox.write("one/linux/arm64/buildpack.toml", &own);
    comp_with(&sandbox, &["../one", "../two"]);
    let found = Composed::config(sandbox, CONFIG);
    assert_eq!(found.file("linux/arm64", "acme/one@1.0.0", "buildpack.toml"), own);
    assert_ne!(found.file("linux/amd64", "acme/one@1.0.0", "buildpack.toml"), own);
}
