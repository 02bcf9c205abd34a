//! `airpack layout rm`: names go, blobs stay.

use serde_json::Value;

use crate::support::images::{finish, index, named, referrer};
use crate::support::layout_maker::LayoutMaker;
use crate::support::layout_view::{LayoutView, text};
use crate::support::snapshot::Snapshot;
use crate::support::{Run, Sandbox};

/// A layout `out` with the tags `1.0` and `latest` of one image, and `2.0` of another.
fn layout() -> Sandbox {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let (one, two) = (index(&maker, "one"), index(&maker, "two"));
    let entries = [
        named(one.clone(), "registry.test/acme/x:1.0"),
        named(two, "registry.test/acme/x:2.0"),
        named(one, "registry.test/acme/x:latest"),
    ];
    finish(&maker, &entries);
    sandbox
}

fn rm(sandbox: &Sandbox, images: &[&str]) -> Run {
    sandbox.airpack(&[&["layout", "rm"], images].concat())
}

#[track_caller]
fn refused(sandbox: &Sandbox, images: &[&str]) -> Run {
    let before = Snapshot::of(sandbox.path());
    let run = rm(sandbox, images);
    run.failed(1);
    before.assert_unchanged("a removal that was refused");
    run
}

#[test]
fn a_tag_goes_and_the_blobs_stay() {
    let sandbox = layout();
    let blobs = LayoutView::open(sandbox.join("out")).blob_names();
    let run = rm(&sandbox, &["out:1.0"]);
    assert_eq!(run.ok().stdout, "registry.test/acme/x:1.0\n");
    run.stderr_has("airpack layout gc out").stderr_has("another name");
    let view = LayoutView::open(sandbox.join("out"));
    assert_eq!(view.tags(), ["2.0", "latest"]);
    assert_eq!(view.blob_names(), blobs);
    rm(&sandbox, &["out:registry.test/acme/x:2.0"])
        .ok()
        .stderr_lacks("another name");
    assert_eq!(LayoutView::open(sandbox.join("out")).tags(), ["latest"]);
}

#[test]
fn a_digest_takes_all_names() {
    let sandbox = layout();
    let digest = LayoutView::open(sandbox.join("out")).digest("1.0").to_owned();
    rm(&sandbox, &[&format!("out@{digest}")]).ok();
    let view = LayoutView::open(sandbox.join("out"));
    assert_eq!(view.tags(), ["2.0"]);
    let child = text(&view.image_index("2.0").children[0].descriptor, "digest").to_owned();
    refused(&sandbox, &[&format!("out@{child}")]).stderr_has(&child);
}

#[test]
fn all_go_or_none() {
    let sandbox = layout();
    refused(&sandbox, &["out:1.0", "out:3.0"])
        .stderr_has("3.0")
        .stderr_has("it has 1.0, 2.0, latest");
    rm(&sandbox, &["out:1.0", "oci:./out:latest", "out:2.0"]).ok();
    let view = LayoutView::open(sandbox.join("out"));
    assert!(view.entries().is_empty(), "{}", view.index_file());
    view.check_whole_with_leftovers();
}

#[test]
fn a_slip_of_a_tag_is_told() {
    let sandbox = layout();
    for slip in ["lates", "latset", "Latest"] {
        refused(&sandbox, &[&format!("out:{slip}")]).stderr_has("did you mean `latest`? it has 1.0, 2.0, latest");
    }
    // another version is no slip
    for other in ["3.0", "1.1", "unlike"] {
        refused(&sandbox, &[&format!("out:{other}")]).stderr_lacks("did you mean");
    }
}

#[test]
fn many_tags_are_not_all_listed() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let one = index(&maker, "one");
    let entries: Vec<Value> = (0..57)
        .map(|n| named(one.clone(), &format!("registry.test/acme/x:t{n}")))
        .collect();
    finish(&maker, &entries);
    refused(&sandbox, &["out:none"])
        .stderr_has("it has t0, t1, ")
        .stderr_has(", t19 and 37 more, which `airpack layout ls` lists")
        .stderr_lacks("t20");
}

#[test]
fn whole_layouts_and_several_layouts_are_refused() {
    let sandbox = layout();
    refused(&sandbox, &["out"]).stderr_has("out:TAG");
    let maker = LayoutMaker::new(&sandbox.join("other"));
    finish(&maker, &[named(index(&maker, "x"), "1.0")]);
    refused(&sandbox, &["out:1.0", "other:1.0"]).stderr_has("another layout");
    refused(&sandbox, &["absent:1.0"]).stderr_has("absent");
}

#[test]
fn entries_of_others_stay() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let root = index(&maker, "x");
    let signature = referrer(&maker, &root, "application/x-signature");
    finish(
        &maker,
        &[signature.clone(), named(root, "1.0"), named(index(&maker, "y"), "2.0")],
    );
    let run = sandbox.airpack(&["layout", "rm", "out:2.0", "--json"]);
    let json: Value = serde_json::from_str(&run.ok().stdout).unwrap();
    assert_eq!(json["removed"][0]["refName"], "2.0");
    assert_eq!(json["removed"][0]["isStillNamed"], false);
    let view = LayoutView::open(sandbox.join("out"));
    assert_eq!(view.entries()[0], signature);
    assert_eq!(view.entries().len(), 2);
}
