//! The fan-out over a CI matrix: each platform in a layout of its own, merged, is what packaging all at once gives.

use std::fs;

use super::{NAME, bytes_of, create};
use crate::support::Sandbox;
use crate::support::builder::{BuilderInput, extension};
use crate::support::composites::{BOTH, comp_of_two, leaf};
use crate::support::layout_view::LayoutView;
use crate::support::skopeo::require_skopeo;

/// Packages all at once into `whole`, and each target into a layout of its own, named by the given function.
#[track_caller]
fn fan_out(sandbox: &Sandbox, command: &[&str], targets: &[&str]) -> Vec<String> {
    let run = |layout: &str, more: &[&str]| {
        let own = [NAME, "--layout", layout];
        sandbox
            .airpack(&[&command[..2], &own, &command[2..], more].concat())
            .ok();
    };
    run("whole", &[]);
    let single = |(at, target): (usize, &&str)| {
        let layout = format!("part-{at}");
        run(&layout, &["--target", target]);
        layout
    };
    targets.iter().enumerate().map(single).collect()
}

/// Merging gives the bytes of packaging at once, and a layout that is the same file by file.
#[track_caller]
fn merged_is_whole(sandbox: &Sandbox, images: &[&str]) {
    let run = create(sandbox, images, &[]);
    let whole = bytes_of(sandbox, "whole", "1.0");
    let merged = bytes_of(sandbox, "merged", "1.0");
    assert_eq!(
        String::from_utf8_lossy(&merged),
        String::from_utf8_lossy(&whole),
        "{run}"
    );
    let (whole, merged) = (
        LayoutView::open(sandbox.join("whole")),
        LayoutView::open(sandbox.join("merged")),
    );
    assert_eq!(run.digest(), whole.digest("1.0"));
    assert_eq!(merged.index_file(), whole.index_file());
    assert_eq!(merged.blob_names(), whole.blob_names());
    merged.check_whole();
    run.stderr_lacks("warning").stderr_lacks("left out");
    fs::remove_dir_all(sandbox.join("merged")).unwrap();
}

const DESCRIBED: &str = "name = \"One\"\nhomepage = \"https://acme.test\"\ndescription = \"<some> & more\"\n";

fn described_leaf(sandbox: &Sandbox, targets: &[&str]) {
    leaf(sandbox, "one", "acme/one@1.0.0", targets);
    let toml = fs::read_to_string(sandbox.join("one/buildpack.toml")).unwrap();
    let toml = toml.replace("version = \"1.0.0\"\n", &format!("version = \"1.0.0\"\n{DESCRIBED}"));
    sandbox.write("one/buildpack.toml", toml);
}

#[test]
fn a_buildpack_in_any_order_of_arguments() {
    let sandbox = Sandbox::new();
    described_leaf(&sandbox, &BOTH);
    let command = [
        "buildpack",
        "package",
        "--path",
        "one",
        "--annotation",
        "com.acme.build=7",
    ];
    let parts = fan_out(&sandbox, &command, &BOTH);
    merged_is_whole(&sandbox, &[&parts[0], &parts[1]]);
    merged_is_whole(&sandbox, &[&parts[1], &parts[0]]);
}

#[test]
fn a_buildpack_whose_targets_are_not_sorted() {
    let sandbox = Sandbox::new();
    let targets = ["linux/arm64", "linux/arm/v7", "linux/amd64"];
    described_leaf(&sandbox, &targets);
    let parts = fan_out(&sandbox, &["buildpack", "package", "--path", "one"], &targets);
    merged_is_whole(&sandbox, &[&parts[2], &parts[0], &parts[1]]);
    merged_is_whole(&sandbox, &[&parts[1], &parts[2], &parts[0]]);
}

#[test]
fn a_buildpack_for_several_distributions() {
    let sandbox = Sandbox::new();
    let targets = [
        "linux/amd64:ubuntu@24.04",
        "linux/amd64:debian@12",
        "linux/arm64:ubuntu@24.04",
    ];
    described_leaf(&sandbox, &targets);
    let parts = fan_out(&sandbox, &["buildpack", "package", "--path", "one"], &targets);
    merged_is_whole(&sandbox, &[&parts[2], &parts[1], &parts[0]]);
}

#[test]
fn distributions_that_no_platform_tells_apart_are_a_warning_as_in_packaging() {
    let sandbox = Sandbox::new();
    let targets = ["linux/amd64:ubuntu@24.04", "linux/amd64:acme@24.04"];
    described_leaf(&sandbox, &targets);
    let parts = fan_out(&sandbox, &["buildpack", "package", "--path", "one"], &targets);
    let run = create(&sandbox, &[&parts[1], &parts[0]], &[]);
    run.stderr_has("warning: ").stderr_has("linux/amd64:24.04");
    assert_eq!(run.digest(), LayoutView::open(sandbox.join("whole")).digest("1.0"));
}

#[test]
fn a_zstd_buildpack_and_an_extension() {
    let sandbox = Sandbox::new();
    described_leaf(&sandbox, &BOTH);
    let command = ["buildpack", "package", "--path", "one", "--compression", "zstd"];
    let parts = fan_out(&sandbox, &command, &BOTH);
    merged_is_whole(&sandbox, &[&parts[0], &parts[1]]);

    let sandbox = Sandbox::new();
    extension(&sandbox, "ext", "acme/ext", "1.0.0");
    let toml = fs::read_to_string(sandbox.join("ext/extension.toml")).unwrap();
    let targets = "\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n";
    sandbox.write("ext/extension.toml", toml + targets);
    let parts = fan_out(&sandbox, &["extension", "package", "--path", "ext"], &BOTH);
    merged_is_whole(&sandbox, &[&parts[1], &parts[0]]);
}

#[test]
fn a_composite_in_the_order_of_its_targets() {
    let sandbox = comp_of_two();
    let parts = fan_out(
        &sandbox,
        &["buildpack", "package", "--config", "comp/package.toml"],
        &BOTH,
    );
    merged_is_whole(&sandbox, &[&parts[0], &parts[1]]);
}

#[test]
fn a_builder_in_the_order_of_its_targets() {
    let input = BuilderInput::new();
    input.write();
    let from = ["--from", "base.oci", "--from", "run.oci"];
    let command = [
        "builder",
        "create",
        "--config",
        "builder.toml",
        "--annotation",
        "com.acme.build=7",
    ];
    let parts = fan_out(&input.sandbox, &[&command[..], &from].concat(), &BOTH);
    merged_is_whole(&input.sandbox, &[&parts[0], &parts[1]]);
}

#[test]
fn files_of_single_platforms() {
    let sandbox = Sandbox::new();
    let targets = ["linux/arm64:ubuntu@24.04", "linux/amd64:ubuntu@24.04"];
    described_leaf(&sandbox, &targets);
    fan_out(&sandbox, &["buildpack", "package", "--path", "one"], &[]);
    let args = ["buildpack", "package", "one.cnb", "--path", "one", "--format", "file"];
    let files = sandbox.airpack(&args).ok().stdout.clone();
    let files: Vec<&str> = files.lines().collect();
    assert_eq!(files.len(), 2);
    merged_is_whole(&sandbox, &[files[0], files[1]]);
    merged_is_whole(&sandbox, &[files[1], files[0]]);
}

#[test]
fn indexes_of_several_platforms_and_of_one() {
    let sandbox = Sandbox::new();
    let targets = ["linux/amd64", "linux/arm64", "linux/riscv64"];
    described_leaf(&sandbox, &targets);
    let parts = fan_out(&sandbox, &["buildpack", "package", "--path", "one"], &targets);
    create(&sandbox, &[&parts[2], &parts[0]], &["--tag", "two"]).ok();
    fs::rename(sandbox.join("merged"), sandbox.join("two")).unwrap();
    merged_is_whole(&sandbox, &["two:two", &parts[1]]);
    merged_is_whole(&sandbox, &[&parts[1], "two:1.0"]);
    merged_is_whole(&sandbox, &["whole:1.0"]);
}

#[test]
fn into_the_layout_that_has_one_of_them() {
    let sandbox = Sandbox::new();
    described_leaf(&sandbox, &BOTH);
    let parts = fan_out(&sandbox, &["buildpack", "package", "--path", "one"], &BOTH);
    let args = ["index", "create", NAME, &parts[0], &parts[1], "--layout", &parts[0]];
    let old = LayoutView::open(sandbox.join(&parts[0])).digest("1.0").to_owned();
    let run = sandbox.airpack(&args);
    run.stderr_has("in place of").stderr_has(&old);
    assert_eq!(run.digest(), LayoutView::open(sandbox.join("whole")).digest("1.0"));
    LayoutView::open(sandbox.join(&parts[0])).check_whole_with_leftovers();
}

#[test]
fn skopeo_reads_what_was_merged() {
    let Some(skopeo) = require_skopeo() else { return };
    let sandbox = Sandbox::new();
    described_leaf(&sandbox, &BOTH);
    let parts = fan_out(&sandbox, &["buildpack", "package", "--path", "one"], &BOTH);
    create(&sandbox, &[&parts[0], &parts[1]], &[]).ok();
    let raw = skopeo.run(&sandbox, &["inspect", "--raw", "oci:merged:1.0"]).stdout;
    assert_eq!(raw.as_bytes(), bytes_of(&sandbox, "merged", "1.0"));
    skopeo.copy(&sandbox, "oci:merged:1.0", "oci:copied:1.0");
    let (merged, copied) = (
        LayoutView::open(sandbox.join("merged")),
        LayoutView::open(sandbox.join("copied")),
    );
    assert_eq!(copied.digest("1.0"), merged.digest("1.0"));
}
