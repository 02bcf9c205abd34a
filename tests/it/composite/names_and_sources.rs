//! `--from NAME=SOURCE`, and what can not be a source.

use super::{CONFIG, FROM_FOLDERS, archive_layout, comp_with, images_of_two, package_into};
use crate::support::Sandbox;
use crate::support::composed::Composed;
use crate::support::composites::{BOTH, comp_of_two, leaf};
use crate::support::refused::{REFERENCE, refused, wrong_usage};
use crate::support::skopeo::require_skopeo;

const NAME: &str = "docker://registry.test/acme/one:1";

/// With this `--from`, `comp` of a name and a folder is `comp` of two folders.
#[track_caller]
fn check(sandbox: Sandbox, from: &str) {
    comp_with(&sandbox, &[NAME, "../two"]);
    let found = Composed::of(sandbox, &["--config", CONFIG, "--from", from]);
    assert_eq!(found.digest(), *FROM_FOLDERS, "{from}{}", found.0.run);
}

/// `one` under another name than the one that is looked for.
fn renamed() -> Sandbox {
    let sandbox = comp_of_two();
    package_into(&sandbox, "one.oci", "elsewhere.test/mirror/one:9", "one", &[]);
    sandbox
}

#[test]
fn a_name_is_bound_to_a_layout() {
    check(renamed(), "registry.test/acme/one:1=one.oci");
    check(renamed(), "registry.test/acme/one:1=oci:one.oci");
}

#[test]
fn a_name_is_bound_to_an_image_in_a_layout() {
    for source in [
        "images.oci:9",
        "oci:images.oci:9",
        "images.oci:elsewhere.test/mirror/one:9",
    ] {
        let sandbox = comp_of_two();
        package_into(&sandbox, "images.oci", "elsewhere.test/mirror/one:9", "one", &[]);
        package_into(&sandbox, "images.oci", "elsewhere.test/mirror/two:8", "two", &[]);
        check(sandbox, &format!("registry.test/acme/one:1={source}"));
    }
}

/// Of several images the one that has the name; that of another name is not taken for it.
#[test]
fn a_name_is_bound_to_a_layout_that_has_it_among_others() {
    let sandbox = comp_of_two();
    package_into(&sandbox, "images.oci", "registry.test/acme/one:1", "one", &[]);
    package_into(&sandbox, "images.oci", "elsewhere.test/mirror/two:8", "two", &[]);
    check(sandbox, "registry.test/acme/one:1=images.oci");
    let sandbox = renamed();
    comp_with(&sandbox, &[NAME, "../two"]);
    let run = refused(
        &sandbox,
        &["--config", CONFIG, "--from", "registry.test/acme/one=one.oci"],
    );
    run.stderr_has("--from names only registry.test/acme/one:latest")
        .stderr_has("--from registry.test/acme/one:1=LAYOUT");
}

#[test]
fn a_slip_of_a_name_is_told() {
    for (slip, meant) in [
        ("registry.test/acme/one:latst", "registry.test/acme/one:latest"),
        ("registry.test/acme/oen:latest", "registry.test/acme/one:latest"),
    ] {
        let sandbox = comp_of_two();
        package_into(&sandbox, "images.oci", "registry.test/acme/one:latest", "one", &[]);
        comp_with(&sandbox, &[&format!("docker://{slip}"), "../two"]);
        let run = refused(&sandbox, &["--config", CONFIG, "--from", "images.oci"]);
        run.stderr_has(&format!("did you mean `{meant}`?"));
    }
}

#[test]
fn a_name_is_bound_to_an_archive() {
    for (file, source) in [("one.cnb", "one.cnb"), ("one.tar", "oci-archive:one.tar")] {
        let sandbox = renamed();
        archive_layout(&sandbox, "one.oci", file);
        std::fs::remove_dir_all(sandbox.join("one.oci")).unwrap();
        check(sandbox, &format!("registry.test/acme/one:1={source}"));
    }
}

#[test]
fn a_name_is_bound_to_a_docker_archive() {
    let Some(skopeo) = require_skopeo() else { return };
    let sandbox = renamed();
    let copy = [
        "--override-arch",
        "arm64",
        "copy",
        "oci:one.oci:9",
        "docker-archive:one.tar:any/name:1",
    ];
    skopeo.run(&sandbox, &copy);
    comp_with(&sandbox, &[NAME, "../two"]);
    let args = [
        "--config",
        CONFIG,
        "--from",
        "registry.test/acme/one:1=docker-archive:one.tar",
        "-t",
        "linux/arm64",
    ];
    let found = Composed::of(sandbox, &args);
    assert_eq!(
        found.modules("linux/arm64"),
        ["acme/comp@1.0.0", "acme/one@1.0.0", "acme/two@1.0.0"]
    );
}

#[test]
fn a_bound_name_comes_before_what_layouts_have() {
    for bound_first in [true, false] {
        let sandbox = renamed();
        leaf(&sandbox, "other", "acme/other@1.0.0", &BOTH);
        package_into(&sandbox, "images.oci", "registry.test/acme/one:1", "other", &[]);
        comp_with(&sandbox, &[NAME, "../two"]);
        let mut from = ["registry.test/acme/one:1=one.oci", "images.oci"];
        if !bound_first {
            from.reverse();
        }
        let args = ["--config", CONFIG, "--from", from[0], "--from", from[1]];
        assert_eq!(Composed::of(sandbox, &args).digest(), *FROM_FOLDERS, "{from:?}");
    }
}

#[test]
fn a_source_is_relative_to_the_current_folder() {
    let sandbox = renamed();
    comp_with(&sandbox, &[NAME, "../two"]);
    sandbox.folder("some/where");
    let args = [
        "buildpack",
        "package",
        "registry.test/acme/x:1.0",
        "--config",
        "../../config/package.toml",
        "--layout",
        "../../out.oci",
        "--from",
        "registry.test/acme/one:1=../../one.oci",
    ];
    let mut command = sandbox.airpack_command(&args);
    command.current_dir(sandbox.join("some/where"));
    assert_eq!(crate::support::Run::of(&mut command).digest(), *FROM_FOLDERS);
}

#[test]
fn what_can_not_be_a_source() {
    for (from, says) in [
        ("nothing.oci", "nothing.oci"),
        ("registry.test/acme/one:1=nothing.oci", "nothing.oci"),
        ("registry.test/acme/one:1=images.oci:7", "7"),
        ("registry.test/acme/one:1=one", "one"),
        ("one", "one"),
    ] {
        let sandbox = images_of_two();
        comp_with(&sandbox, &[NAME, "../two"]);
        refused(&sandbox, &["--config", CONFIG, "--from", from]).stderr_has(says);
    }
    let sandbox = images_of_two();
    let args = ["--config", CONFIG, "--from", "registry.test/ACME/one:1=images.oci:1"];
    wrong_usage(REFERENCE, &args, &sandbox).stderr_has("registry.test/ACME/one:1");
}

#[test]
fn a_layout_with_several_images_needs_a_choice() {
    let sandbox = renamed();
    package_into(&sandbox, "one.oci", "elsewhere.test/mirror/two:8", "two", &[]);
    comp_with(&sandbox, &[NAME, "../two"]);
    let from = "registry.test/acme/one:1=one.oci";
    refused(&sandbox, &["--config", CONFIG, "--from", from]).stderr_has("one.oci");
    let sandbox = images_of_two();
    comp_with(&sandbox, &["oci:../images.oci", "../two"]);
    let run = refused(&sandbox, &["--config", CONFIG]);
    run.stderr_has("images.oci");
    super::points_at_dependency(&run, CONFIG, 0);
}

#[test]
fn from_is_in_the_help() {
    let run = Sandbox::new().airpack(&["buildpack", "package", "--help"]);
    for option in ["--from", "--flatten", "--flatten-exclude", "--format", "--single"] {
        run.stdout_has(option);
    }
}
