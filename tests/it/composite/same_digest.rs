//! A composite of composites with four leaves and two targets: built from folders, from `.cnb` files, from a layout and
//! from a mix it gives the same index digest.

use super::{archive_layout, compose_into, package_into};
use crate::support::Sandbox;
use crate::support::composed::Composed;
use crate::support::composites::{BOTH, composite, leaf, package_toml};

const LEAVES: [&str; 4] = ["a", "b", "c", "d"];

/// Leaves `a` to `d`, the composites `left` of a and b and `right` of c and d, and `outer` of both; `package.toml` in
/// the folders of the inner ones. `outer` has none, so that how its dependencies are named is no part of it.
fn sources() -> Sandbox {
    let sandbox = Sandbox::new();
    for name in LEAVES {
        leaf(&sandbox, name, &format!("acme/{name}@1.0.0"), &BOTH);
    }
    composite(
        &sandbox,
        "left",
        "acme/left@1.0.0",
        &[&["acme/a@1.0.0", "acme/b@1.0.0?"]],
    );
    package_toml(&sandbox, "left/package.toml", ".", &["../a", "../b"], &BOTH);
    composite(
        &sandbox,
        "right",
        "acme/right@1.0.0",
        &[&["acme/c@1.0.0"], &["acme/d@1.0.0"]],
    );
    package_toml(&sandbox, "right/package.toml", ".", &["../c", "../d"], &BOTH);
    let order: &[&[&str]] = &[&["acme/left@1.0.0", "acme/right@1.0.0?"], &["acme/b@1.0.0"]];
    composite(&sandbox, "outer", "acme/outer@1.0.0", order);
    sandbox
}

/// The same, and in `images.oci` the two inner composites, as `registry.test/acme/left:1` and `.../right:1`.
fn with_images() -> Sandbox {
    let sandbox = sources();
    for name in ["left", "right"] {
        let config = format!("{name}/package.toml");
        compose_into(
            &sandbox,
            "images.oci",
            &format!("registry.test/acme/{name}:1"),
            &config,
            &[],
        );
    }
    sandbox
}

#[track_caller]
fn check(sandbox: Sandbox, dependencies: &[&str], more: &[&str]) -> String {
    package_toml(&sandbox, "outer.toml", "outer", dependencies, &BOTH);
    let found = Composed::of(sandbox, &[&["--config", "outer.toml"], more].concat());
    let all = ["a", "b", "c", "d", "left", "outer", "right"].map(|name| format!("acme/{name}@1.0.0"));
    for platform in BOTH {
        assert_eq!(found.modules(platform), all, "{dependencies:?}");
    }
    let digest = found.digest().to_owned();
    found.0.without_warnings();
    digest
}

#[test]
fn from_folders_cnb_files_a_layout_or_a_mix() {
    let expected = check(sources(), &["left", "right", "b"], &[]);
    let without_leaf = check(sources(), &["left", "right"], &[]);
    assert_eq!(without_leaf, expected, "b is found by way of left");

    let leaves_too = ["a", "b", "c", "d", "left", "right"];
    assert_eq!(check(sources(), &leaves_too, &[]), expected, "all from folders");

    let from_layout = [
        "docker://registry.test/acme/left:1",
        "docker://registry.test/acme/right:1",
    ];
    let found = check(with_images(), &from_layout, &["--from", "images.oci"]);
    assert_eq!(found, expected, "from a layout");

    let mut reversed = from_layout;
    reversed.reverse();
    let found = check(with_images(), &reversed, &["--from", "images.oci"]);
    assert_eq!(found, expected, "in another order");

    for mix in [
        ["left", "docker://registry.test/acme/right:1"],
        ["docker://registry.test/acme/right:1", "left"],
        ["oci:images.oci:registry.test/acme/left:1", "right"],
        ["oci:images.oci:1", "right"],
    ] {
        let found = check(with_images(), &mix, &["--from", "images.oci"]);
        assert_eq!(found, expected, "{mix:?}");
    }
}

#[test]
fn from_cnb_files_that_the_tool_has_written() {
    let expected = check(sources(), &["left", "right"], &[]);
    let sandbox = sources();
    for name in ["left", "right"] {
        let (file, config) = (format!("{name}.cnb"), format!("{name}/package.toml"));
        let args = [
            "buildpack",
            "package",
            &file,
            "--config",
            &config,
            "--format",
            "file",
            "--single",
        ];
        sandbox.airpack(&args).ok();
    }
    assert_eq!(check(sandbox, &["left.cnb", "right.cnb"], &[]), expected);
}

#[test]
fn from_cnb_files_of_each_leaf() {
    let expected = check(sources(), &["left", "right"], &[]);
    let sandbox = sources();
    for name in LEAVES {
        let layout = format!("{name}.oci");
        package_into(&sandbox, &layout, &format!("registry.test/acme/{name}:1"), name, &[]);
        archive_layout(&sandbox, &layout, &format!("{name}.cnb"));
    }
    // what left and right need is taken from here, not from where their own package.toml says
    for name in LEAVES {
        std::fs::remove_dir_all(sandbox.join(name)).unwrap();
    }
    let dependencies = ["left", "right", "a.cnb", "b.cnb", "c.cnb", "d.cnb"];
    assert_eq!(check(sandbox, &dependencies, &[]), expected);
}

#[test]
fn from_archives_of_leaves_and_cnb_files_of_composites() {
    let expected = check(sources(), &["left", "right"], &[]);
    let sandbox = with_images();
    let layout = "right.oci";
    compose_into(
        &sandbox,
        layout,
        "registry.test/acme/right:1",
        "right/package.toml",
        &[],
    );
    archive_layout(&sandbox, layout, "right.cnb");
    for name in ["a", "b"] {
        let run = sandbox
            .command("tar")
            .args(["-czf", &format!("{name}.tgz"), "-C", name, "."])
            .status();
        assert!(run.unwrap().success());
        std::fs::remove_dir_all(sandbox.join(name)).unwrap();
    }
    assert_eq!(check(sandbox, &["right.cnb", "left", "a.tgz", "b.tgz"], &[]), expected);
}

/// Where a dependency is found is not written anywhere: the same layout may be moved.
#[test]
fn wherever_the_layout_is() {
    let expected = check(sources(), &["left", "right"], &[]);
    let sandbox = with_images();
    sandbox.folder("some/where");
    std::fs::rename(sandbox.join("images.oci"), sandbox.join("some/where/else.oci")).unwrap();
    let names = ["registry.test/acme/left:1", "registry.test/acme/right:1"];
    assert_eq!(check(sandbox, &names, &["--from", "some/where/else.oci"]), expected);
}

/// Each image for one platform alone is the one of both.
#[test]
fn one_target_at_a_time_gives_the_same_images() {
    let sandbox = sources();
    package_toml(&sandbox, "outer.toml", "outer", &["left", "right"], &BOTH);
    let both = Composed::config(sandbox, "outer.toml");
    for platform in BOTH {
        let sandbox = with_images();
        package_toml(
            &sandbox,
            "outer.toml",
            "outer",
            &["left", "oci:images.oci:registry.test/acme/right:1"],
            &BOTH,
        );
        let alone = Composed::of(sandbox, &["--config", "outer.toml", "-t", platform]);
        assert_eq!(alone.image_digest(platform), both.image_digest(platform), "{platform}");
    }
}
