//! `airpack layout copy`: images from one layout to another, byte for byte, with hard links where that is possible.

mod choice;
mod links;

use std::fs;

use crate::support::images::{finish, index, named};
use crate::support::layout_maker::LayoutMaker;
use crate::support::layout_view::{LayoutView, text};
use crate::support::skopeo::require_skopeo;
use crate::support::snapshot::Snapshot;
use crate::support::{Run, Sandbox};

const NAME: &str = "registry.test/acme/x:1.0";

fn copy(sandbox: &Sandbox, args: &[&str]) -> Run {
    sandbox.airpack(&[&["layout", "copy"], args].concat())
}

/// It fails, and everything stays as it was.
#[track_caller]
fn refused(sandbox: &Sandbox, args: &[&str]) -> Run {
    let before = Snapshot::of(sandbox.path());
    let run = copy(sandbox, args);
    run.failed(1);
    before.assert_unchanged("a copy that failed");
    run
}

/// A layout `in` with two images of this name and another.
fn two_images() -> Sandbox {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("in"));
    let entries = [named(index(&maker, "one"), NAME), named(index(&maker, "two"), "2.0")];
    finish(&maker, &entries);
    sandbox
}

fn view(sandbox: &Sandbox, layout: &str) -> LayoutView {
    LayoutView::open(sandbox.join(layout))
}

#[test]
fn a_whole_layout_is_the_same_again() {
    let sandbox = two_images();
    let run = copy(&sandbox, &["in", "new/out"]);
    let (from, to) = (view(&sandbox, "in"), view(&sandbox, "new/out"));
    assert_eq!(
        run.ok().stdout,
        format!("{}\n{}\n", from.digest("1.0"), from.digest("2.0"))
    );
    assert_eq!(to.entries(), from.entries());
    assert_eq!(to.blob_names(), from.blob_names());
    to.check_whole();
    let before = Snapshot::of(sandbox.join("new/out"));
    copy(&sandbox, &["in", "new/out"])
        .ok()
        .stderr_has("0 B linked, 0 B copied");
    before.assert_unchanged("a copy with nothing to do");
}

#[test]
fn a_layout_gets_one_more_image() {
    let sandbox = two_images();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    finish(
        &maker,
        &[
            named(index(&maker, "old"), "registry.test/acme/x:0.9"),
            named(index(&maker, "y"), "2.0"),
        ],
    );
    let old = view(&sandbox, "out").digest("2.0").to_owned();
    copy(&sandbox, &["in:2.0", "oci:out"])
        .ok()
        .stderr_has(&format!("in place of {old}"));
    let out = view(&sandbox, "out");
    assert_eq!(out.tags(), ["0.9", "2.0"]);
    assert_eq!(out.digest("2.0"), view(&sandbox, "in").digest("2.0"));
    out.check_whole_with_leftovers();
}

#[test]
fn a_damaged_source_writes_nothing_and_names_the_blob() {
    for links in [&[][..], &["--no-links"]] {
        let sandbox = two_images();
        let from = view(&sandbox, "in");
        let layer = text(&from.image_index("2.0").children[1].layers[1].descriptor, "digest").to_owned();
        let path = from.blob_path(&layer);
        let mut bytes = fs::read(&path).unwrap();
        bytes[20] ^= 1;
        fs::write(&path, &bytes).unwrap();
        refused(&sandbox, &[&["in", "out"], links].concat()).stderr_has(&layer);
        copy(&sandbox, &["in:1.0", "out"]).ok();
        refused(&sandbox, &[&["in", "out"], links].concat()).stderr_has(&layer);
        fs::write(&path, &bytes[1..]).unwrap();
        refused(&sandbox, &[&["in:2.0", "out"], links].concat()).stderr_has(&layer);
        fs::remove_file(&path).unwrap();
        refused(&sandbox, &[&["in", "out", "--dry-run"], links].concat())
            .stderr_has(&layer)
            .stderr_has("missing");
    }
}

#[test]
fn a_damaged_blob_of_the_target_is_said() {
    let sandbox = two_images();
    copy(&sandbox, &["in", "out", "--no-links"]).ok();
    let to = view(&sandbox, "out");
    let layer = text(&to.image_index("1.0").children[0].layers[1].descriptor, "digest").to_owned();
    fs::write(to.blob_path(&layer), "x").unwrap();
    refused(&sandbox, &["in", "out"])
        .stderr_has(&layer)
        .stderr_has("other content");
}

#[test]
fn what_is_no_layout_is_refused() {
    let sandbox = two_images();
    sandbox.write("folder/file", "x");
    refused(&sandbox, &["in", "folder"]).stderr_has("folder");
    refused(&sandbox, &["in", "folder/file"]).stderr_has("folder/file");
    refused(&sandbox, &["absent", "out"]).stderr_has("absent");
    refused(&sandbox, &["in:3.0", "out"]).stderr_has("it has 1.0, 2.0");
}

#[test]
fn a_dry_run_says_what_is_missing() {
    let sandbox = two_images();
    copy(&sandbox, &["in:1.0", "out"]).ok();
    let before = Snapshot::of(sandbox.path());
    let run = copy(&sandbox, &["in", "out", "--dry-run"]);
    before.assert_unchanged("a dry run");
    let root = view(&sandbox, "in").digest("2.0").to_owned();
    run.ok()
        .stdout_has(&format!("copy     {root}"))
        .stdout_has("existing")
        .stdout_has("to copy or to link");
    let json = copy(&sandbox, &["in", "out", "--dry-run", "--json"]);
    before.assert_unchanged("a dry run");
    let json: serde_json::Value = serde_json::from_str(&json.ok().stdout).unwrap();
    assert_eq!(json["dryRun"], true);
    assert_eq!(json["images"][0]["blobs"][0]["action"], "existing");
}

#[test]
fn skopeo_reads_the_copy() {
    let Some(skopeo) = require_skopeo() else { return };
    let sandbox = two_images();
    copy(&sandbox, &["in", "out"]).ok();
    for tag in ["1.0", "2.0"] {
        skopeo.copy(&sandbox, &format!("oci:out:{tag}"), &format!("oci:again:{tag}"));
        assert_eq!(view(&sandbox, "again").digest(tag), view(&sandbox, "in").digest(tag));
    }
}
