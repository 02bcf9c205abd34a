//! Dependencies that are named as in a registry, and looked for in layouts.

use serde_json::json;

use super::{CONFIG, FROM_FOLDERS, comp_with, compose_into, images_of_two, package_into, refuse, run_config};
use crate::support::Sandbox;
use crate::support::composed::{Composed, check_sound};
use crate::support::composites::{BOTH, COMP, comp_of_two, composite, leaf, package_toml, which};
use crate::support::layout_view::{IMAGE_NAME, LayoutView, REF_NAME, text};
use crate::support::refused::{hints, refused};

/// `comp` of two leaves, named like these and looked for as these arguments say, is `comp` of the two folders.
#[track_caller]
fn check(sandbox: Sandbox, dependencies: &[&str], args: &[&str]) {
    comp_with(&sandbox, dependencies);
    let found = Composed::of(sandbox, &[&["--config", CONFIG], args].concat());
    assert_eq!(found.digest(), *FROM_FOLDERS, "{dependencies:?}{}", found.0.run);
    found.0.run.stderr_lacks("warning");
}

#[test]
fn are_found_in_a_layout() {
    let from = ["--from", "images.oci"];
    for [one, two] in [
        ["docker://registry.test/acme/one:1", "docker://registry.test/acme/two:1"],
        ["registry.test/acme/one:1", "registry.test/acme/two:1"],
        ["image=registry.test/acme/one:1", "image=registry.test/acme/two:1"],
        ["../one", "docker://registry.test/acme/two:1"],
    ] {
        check(images_of_two(), &[one, two], &from);
    }
}

/// As pack takes it.
#[test]
fn image_may_have_the_scheme_too() {
    let names = ["image=docker://registry.test/acme/one:1", "registry.test/acme/two:1"];
    check(images_of_two(), &names, &["--from", "images.oci"]);
}

#[test]
fn are_found_in_the_second_of_two_layouts() {
    let sandbox = comp_of_two();
    package_into(&sandbox, "first.oci", "registry.test/acme/one:1", "one", &[]);
    package_into(&sandbox, "second.oci", "registry.test/acme/two:1", "two", &[]);
    let names = ["docker://registry.test/acme/one:1", "docker://registry.test/acme/two:1"];
    check(sandbox, &names, &["--from", "first.oci", "--from", "second.oci"]);
}

#[test]
fn mean_docker_hub_and_latest_where_nothing_else_is_said() {
    for name in [
        "acme/one",
        "docker.io/acme/one",
        "docker://acme/one:latest",
        "docker://index.docker.io/acme/one",
    ] {
        let sandbox = comp_of_two();
        package_into(&sandbox, "images.oci", "docker.io/acme/one:latest", "one", &[]);
        check(sandbox, &[name, "../two"], &["--from", "images.oci"]);
    }
    let sandbox = comp_of_two();
    package_into(&sandbox, "images.oci", "docker.io/library/one:1", "one", &[]);
    check(sandbox, &["docker://one:1", "../two"], &["--from", "images.oci"]);
}

/// As crane writes it: the full name where others have the tag.
#[test]
fn are_found_by_a_full_name_in_ref_name() {
    let sandbox = images_of_two();
    let layout = LayoutView::open(sandbox.join("images.oci"));
    let mut index = layout.index_file().clone();
    for entry in index["manifests"].as_array_mut().unwrap() {
        let name = entry["annotations"][IMAGE_NAME].clone();
        entry["annotations"] = json!({ REF_NAME: name });
    }
    sandbox.write("images.oci/index.json", index.to_string());
    let names = ["docker://registry.test/acme/one:1", "registry.test/acme/two:1"];
    check(sandbox, &names, &["--from", "images.oci"]);
}

#[test]
fn a_tag_alone_is_no_name() {
    let sandbox = comp_of_two();
    package_into(&sandbox, "images.oci", "registry.test/acme/one:1", "one", &[]);
    let layout = LayoutView::open(sandbox.join("images.oci"));
    let mut index = layout.index_file().clone();
    index["manifests"][0]["annotations"] = json!({ REF_NAME: "1" });
    sandbox.write("images.oci/index.json", index.to_string());
    comp_with(&sandbox, &["docker://registry.test/acme/one:1", "../two"]);
    let run = refused(&sandbox, &["--config", CONFIG, "--from", "images.oci"]);
    run.stderr_has("registry.test/acme/one:1");
}

#[test]
fn another_tag_or_repository_is_another_image() {
    for name in [
        "registry.test/acme/one:2",
        "registry.test/acme/one",
        "other.test/acme/one:1",
        "acme/one:1",
    ] {
        let sandbox = images_of_two();
        comp_with(&sandbox, &[&format!("docker://{name}"), "../two"]);
        let run = refused(&sandbox, &["--config", CONFIG, "--from", "images.oci"]);
        run.stderr_has(name).stderr_has("images.oci");
        super::points_at_dependency(&run, CONFIG, 0);
        hints(&run, "airpack pull");
    }
}

#[test]
fn are_found_in_the_layout_that_is_written_to() {
    let sandbox = images_of_two();
    comp_with(
        &sandbox,
        &["docker://registry.test/acme/one:1", "registry.test/acme/two:1"],
    );
    let run = run_config(&sandbox, CONFIG, "images.oci", &[]);
    assert_eq!(run.digest(), *FROM_FOLDERS);
    let layout = LayoutView::open(sandbox.join("images.oci"));
    layout.check_whole();
    assert_eq!(layout.entries().len(), 3);
    for image in &layout.image_index("1.0").children {
        check_sound(&layout, image);
    }
}

#[test]
fn a_composite_is_built_up_in_one_layout() {
    // leaves, what is made of them, and what is made of that, each named as it will be in a registry
    let sandbox = images_of_two();
    composite(&sandbox, "inner", "acme/inner@1.0.0", COMP);
    let leaves = ["docker://registry.test/acme/one:1", "docker://registry.test/acme/two:1"];
    package_toml(&sandbox, "inner.toml", "inner", &leaves, &BOTH);
    compose_into(&sandbox, "images.oci", "registry.test/acme/inner:1", "inner.toml", &[]);
    composite(&sandbox, "outer", "acme/outer@1.0.0", &[&["acme/inner@1.0.0"]]);
    package_toml(
        &sandbox,
        "outer.toml",
        "outer",
        &["docker://registry.test/acme/inner:1"],
        &BOTH,
    );
    let before = LayoutView::open(sandbox.join("images.oci")).blob_names();
    compose_into(&sandbox, "images.oci", "registry.test/acme/outer:1", "outer.toml", &[]);
    let layout = LayoutView::open(sandbox.join("images.oci"));
    layout.check_whole();
    // an index, two manifests, two configs, and the one layer that both images share
    assert_eq!(layout.blob_names().difference(&before).count(), 6);
}

#[test]
fn layouts_that_are_given_come_before_the_one_that_is_written_to() {
    let sandbox = comp_of_two();
    leaf(&sandbox, "other", "acme/other@1.0.0", &BOTH);
    package_into(&sandbox, "given.oci", "registry.test/acme/one:1", "one", &[]);
    package_into(&sandbox, "out.oci", "registry.test/acme/one:1", "other", &[]);
    comp_with(&sandbox, &["docker://registry.test/acme/one:1", "../two"]);
    let run = run_config(&sandbox, CONFIG, "out.oci", &["--from", "given.oci"]);
    assert_eq!(run.digest(), *FROM_FOLDERS);
}

#[test]
fn a_path_that_exists_comes_before_a_name() {
    let sandbox = comp_of_two();
    leaf(&sandbox, "other", "acme/other@1.0.0", &BOTH);
    package_into(&sandbox, "images.oci", "registry.test/acme/one:1", "other", &[]);
    leaf(&sandbox, "config/registry.test/acme/one:1", "acme/one@1.0.0", &BOTH);
    comp_with(&sandbox, &["registry.test/acme/one:1", "../two"]);
    let found = Composed::of(sandbox, &["--config", CONFIG, "--from", "images.oci"]);
    assert_eq!(found.digest(), *FROM_FOLDERS);
    assert_eq!(
        found.which("linux/arm64", "acme/one@1.0.0"),
        which("acme/one@1.0.0", "linux/arm64")
    );
}

#[test]
fn without_a_layout_are_refused_with_the_way_to_get_them() {
    for name in [
        "docker://registry.test/acme/one:1",
        "registry.test/acme/one:1",
        "image=registry.test/acme/one:1",
    ] {
        let sandbox = comp_of_two();
        comp_with(&sandbox, &["../two", name]);
        let run = refuse(&sandbox, CONFIG, &["registry.test/acme/one:1"]);
        super::points_at_dependency(&run, CONFIG, 1);
        hints(&run, "airpack pull");
    }
}

#[test]
fn what_is_neither_a_path_nor_a_name_is_refused_as_it_is_written() {
    for uri in [
        "../nothing",
        "./nothing",
        "/nothing/here",
        "No Name",
        "../nothing.cnb",
        "nothing.tgz",
        "file:///nothing",
    ] {
        let sandbox = comp_of_two();
        comp_with(&sandbox, &[uri, "../two"]);
        let run = refuse(&sandbox, CONFIG, &[uri.trim_start_matches("file://")]);
        super::points_at_dependency(&run, CONFIG, 0);
    }
}

#[test]
fn a_digest_is_that_image_or_none() {
    let sandbox = images_of_two();
    let layout = LayoutView::open(sandbox.join("images.oci"));
    let names = ["one", "two"].map(|name| {
        let full = format!("registry.test/acme/{name}:1");
        let named = |entry: &&serde_json::Value| entry["annotations"][IMAGE_NAME] == full;
        let entry = layout.entries().iter().find(named).unwrap();
        format!("docker://registry.test/acme/{name}@{}", text(entry, "digest"))
    });
    let [one, two] = names.each_ref().map(String::as_str);
    check(sandbox, &[one, two], &["--from", "images.oci"]);
    let other = format!("docker://registry.test/acme/one@sha256:{}", "0".repeat(64));
    let sandbox = images_of_two();
    comp_with(&sandbox, &[&other, two]);
    let run = refused(&sandbox, &["--config", CONFIG, "--from", "images.oci"]);
    run.stderr_has(other.trim_start_matches("docker://"));
    super::points_at_dependency(&run, CONFIG, 0);
}
