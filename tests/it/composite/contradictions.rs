//! The same id and version with different content is an error, the same content is not.

use super::{CONFIG, package_into, refuse};
use crate::support::Sandbox;
use crate::support::buildpackage_maker::{BuildpackageMaker, layout_of};
use crate::support::composed::Composed;
use crate::support::composites::{BOTH, composite, leaf, one_and_two, package_toml};

/// Composites `left` and `right`, each with a leaf `acme/one@1.0.0` of its own, and `outer` of both, which names them
/// like this.
fn two_ways(dependencies: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    for name in ["left", "right"] {
        leaf(&sandbox, &format!("of-{name}"), "acme/one@1.0.0", &BOTH);
        composite(&sandbox, name, &format!("acme/{name}@1.0.0"), &[&["acme/one@1.0.0"]]);
        let dependency = format!("../of-{name}");
        package_toml(&sandbox, &format!("{name}/package.toml"), ".", &[&dependency], &BOTH);
    }
    composite(
        &sandbox,
        "outer",
        "acme/outer@1.0.0",
        &[&["acme/left@1.0.0", "acme/right@1.0.0"]],
    );
    package_toml(&sandbox, CONFIG, "../outer", dependencies, &BOTH);
    sandbox
}

/// Packages `right` into `right.oci`.
fn with_image_of_right(sandbox: &Sandbox) {
    super::compose_into(
        sandbox,
        "right.oci",
        "registry.test/acme/right:1",
        "right/package.toml",
        &[],
    );
}

const FOLDERS: [&str; 2] = ["../left", "../right"];
const MIXED: [&str; 2] = ["../left", "oci:../right.oci:1"];

#[test]
fn equal_folders_are_one_module() {
    let found = Composed::config(two_ways(&FOLDERS), CONFIG);
    let sandbox = two_ways(&MIXED);
    with_image_of_right(&sandbox);
    let mixed = Composed::config(sandbox, CONFIG);
    for platform in BOTH {
        assert_eq!(found.layers(platform).len(), 4);
        assert_eq!(mixed.modules(platform), found.modules(platform));
    }
}

#[test]
fn folders_that_differ() {
    for (name, content) in [
        ("of-right/linux/amd64/which", "other\n"),
        ("of-right/linux/arm64/more", "more\n"),
        ("of-right/linux/amd64/bin/build", "#!/bin/sh\n"),
    ] {
        let sandbox = two_ways(&FOLDERS);
        sandbox.write_mode(name, content, 0o755);
        let run = refuse(&sandbox, CONFIG, &["acme/one@1.0.0", "of-left", "of-right"]);
        // both ways that lead to it
        run.stderr_has("left").stderr_has("right");
    }
}

#[test]
fn a_mode_is_content_too() {
    let sandbox = two_ways(&FOLDERS);
    crate::support::set_mode(&sandbox.join("of-right/linux/arm64/which"), 0o755);
    refuse(&sandbox, CONFIG, &["acme/one@1.0.0", "linux/arm64"]);
    // but who owns a file and when it was written is not
    let sandbox = two_ways(&FOLDERS);
    crate::support::test_tree::set_mtime(&sandbox.join("of-right/linux/arm64/which"), 1);
    crate::support::set_mode(&sandbox.join("of-right/linux/arm64/which"), 0o600);
    Composed::config(sandbox, CONFIG);
}

#[test]
fn a_folder_and_an_image_that_differ_for_one_platform() {
    let sandbox = two_ways(&MIXED);
    with_image_of_right(&sandbox);
    sandbox.write("of-left/linux/arm64/which", "changed since\n");
    let run = refuse(
        &sandbox,
        CONFIG,
        &["acme/one@1.0.0", "linux/arm64", "of-left", "right.oci"],
    );
    // the other platform is as it was
    run.stderr_lacks("linux/amd64");
}

#[test]
fn two_images_that_differ() {
    let sandbox = Sandbox::new();
    for (folder, content) in [("a.oci", "linux/amd64"), ("b.oci", "linux/arm64")] {
        // the content of another platform's
        let image = BuildpackageMaker::leaf("acme/one@1.0.0", content, &[]);
        layout_of(&sandbox, folder, &[image]);
    }
    composite(&sandbox, "comp", "acme/comp@1.0.0", &[&["acme/one@1.0.0"]]);
    let dependencies = ["oci:../a.oci:1", "oci:../b.oci:1"];
    package_toml(&sandbox, CONFIG, "../comp", &dependencies, &["linux/amd64"]);
    refuse(&sandbox, CONFIG, &["acme/one@1.0.0", "a.oci", "b.oci"]);
}

/// Who compressed a layer, and how, is no content.
#[test]
fn images_that_differ_in_compression_alone() {
    let sandbox = two_ways(&MIXED);
    super::compose_into(
        &sandbox,
        "right.oci",
        "registry.test/acme/right:1",
        "right/package.toml",
        &["--compression", "zstd"],
    );
    let found = Composed::config(sandbox, CONFIG);
    assert_eq!(found.layers("linux/amd64").len(), 4);
}

#[test]
fn the_composite_itself_among_its_dependencies() {
    let sandbox = Sandbox::new();
    one_and_two(&sandbox);
    leaf(&sandbox, "impostor", "acme/comp@1.0.0", &BOTH);
    composite(&sandbox, "comp", "acme/comp@1.0.0", &[&["acme/one@1.0.0"]]);
    package_toml(&sandbox, CONFIG, "../comp", &["../one", "../impostor"], &BOTH);
    refuse(&sandbox, CONFIG, &["acme/comp@1.0.0", "impostor"]);
}

/// Ids are unique regardless of case, and their folders are those with `/` as `_`.
#[test]
fn modules_that_would_share_a_folder() {
    for other in ["Acme/One@1.0.0", "acme/ONE@1.0.0"] {
        let sandbox = Sandbox::new();
        leaf(&sandbox, "one", "acme/one@1.0.0", &BOTH);
        leaf(&sandbox, "other", other, &BOTH);
        composite(&sandbox, "comp", "acme/comp@1.0.0", &[&["acme/one@1.0.0", other]]);
        package_toml(&sandbox, CONFIG, "../comp", &["../one", "../other"], &BOTH);
        refuse(&sandbox, CONFIG, &["acme/one", other.trim_end_matches("@1.0.0")]);
    }
}

#[test]
fn versions_of_one_id_are_no_contradiction() {
    let sandbox = Sandbox::new();
    leaf(&sandbox, "old", "acme/one@1.0.0", &BOTH);
    leaf(&sandbox, "new", "acme/one@1.0.1", &BOTH);
    package_into(&sandbox, "new.oci", "registry.test/acme/one:1", "new", &[]);
    composite(
        &sandbox,
        "comp",
        "acme/comp@1.0.0",
        &[&["acme/one@1.0.0"], &["acme/one@1.0.1"]],
    );
    package_toml(&sandbox, CONFIG, "../comp", &["../old", "oci:../new.oci:1"], &BOTH);
    assert_eq!(Composed::config(sandbox, CONFIG).layers("linux/arm64").len(), 3);
}
