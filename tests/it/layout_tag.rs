//! `airpack layout tag`: another name for an image.

use crate::support::images::{finish, index, named};
use crate::support::kill::at_once;
use crate::support::layout_maker::LayoutMaker;
use crate::support::layout_view::{IMAGE_NAME, LayoutView, REF_NAME, array, text};
use crate::support::skopeo::require_skopeo;
use crate::support::snapshot::Snapshot;
use crate::support::{Run, Sandbox};

const NAME: &str = "registry.test/acme/x:1.0";

/// A layout `out` with these names, each of an image of its own.
fn layout(names: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let entries: Vec<_> = names
        .iter()
        .map(|name| named(index(&maker, &name.replace('/', "-")), name))
        .collect();
    finish(&maker, &entries);
    sandbox
}

fn tag(sandbox: &Sandbox, image: &str, name: &str) -> Run {
    sandbox.airpack(&["layout", "tag", image, name])
}

#[track_caller]
fn refused(sandbox: &Sandbox, image: &str, name: &str) -> Run {
    let before = Snapshot::of(sandbox.path());
    let run = tag(sandbox, image, name);
    run.failed(1);
    before.assert_unchanged("a tag that was refused");
    run
}

/// The full name of the entry with a tag.
fn full_name(layout: &LayoutView, tag: &str) -> Option<String> {
    layout.entry(tag)["annotations"][IMAGE_NAME]
        .as_str()
        .map(ToOwned::to_owned)
}

#[test]
fn a_tag_stays_in_the_repository_of_the_image() {
    let sandbox = layout(&[NAME]);
    let run = tag(&sandbox, "out:1.0", "stable");
    let view = LayoutView::open(sandbox.join("out"));
    assert_eq!(run.digest(), view.digest("1.0"));
    run.stderr_has("registry.test/acme/x:stable is oci:out:stable")
        .stderr_lacks("in place of");
    assert_eq!(view.tags(), ["1.0", "stable"]);
    assert_eq!(view.digest("stable"), view.digest("1.0"));
    assert_eq!(
        full_name(&view, "stable").as_deref(),
        Some("registry.test/acme/x:stable")
    );
    view.check_whole();
}

#[test]
fn a_whole_name_is_another_repository() {
    let sandbox = layout(&[NAME]);
    tag(&sandbox, "out", "other/y").ok();
    let view = LayoutView::open(sandbox.join("out"));
    assert_eq!(full_name(&view, "latest").as_deref(), Some("docker.io/other/y:latest"));
    // one tag of two repositories
    tag(&sandbox, "out:1.0", "registry.test/acme/z:1.0")
        .ok()
        .stderr_has("oci:out:z-1.0");
    let view = LayoutView::open(sandbox.join("out"));
    assert_eq!(view.tags(), ["1.0", "latest", "z-1.0"]);
}

#[test]
fn what_had_the_name_is_told() {
    let sandbox = layout(&[NAME, "registry.test/acme/x:2.0"]);
    let old = LayoutView::open(sandbox.join("out")).digest("2.0").to_owned();
    tag(&sandbox, "out:1.0", "2.0")
        .ok()
        .stderr_has(&format!("in place of {old}"));
    let view = LayoutView::open(sandbox.join("out"));
    assert_eq!(view.digest("2.0"), view.digest("1.0"));
    view.check_whole_with_leftovers();
}

#[test]
fn an_image_without_a_repository_has_tags_only() {
    let sandbox = layout(&["1.0", "registry.test/acme/x:2.0"]);
    tag(&sandbox, "out:1.0", "stable").ok();
    let view = LayoutView::open(sandbox.join("out"));
    assert_eq!(full_name(&view, "stable"), None);
    assert_eq!(view.digest("stable"), view.digest("1.0"));
    refused(&sandbox, "out:1.0", "2.0")
        .stderr_has("registry.test/acme/x:2.0")
        .stderr_has("whole name");
}

#[test]
fn an_image_is_named_by_its_digest_too() {
    let sandbox = layout(&[NAME]);
    let view = LayoutView::open(sandbox.join("out"));
    let child = text(&view.image_index("1.0").children[0].descriptor, "digest").to_owned();
    let image = format!("out@{child}");
    tag(&sandbox, &image, "registry.test/acme/x:amd64").ok();
    let view = LayoutView::open(sandbox.join("out"));
    assert_eq!(view.digest("amd64"), child);
    assert_eq!(view.entry("amd64").get("platform"), None);
}

#[test]
fn malformed_names_and_images_that_are_not_there_are_refused() {
    let sandbox = layout(&[NAME]);
    let before = Snapshot::of(sandbox.path());
    tag(&sandbox, "out:1.0", ".x").failed(2).stderr_has("`.x` is not a tag");
    tag(&sandbox, "out:1.0", "Acme/x:1").failed(2).stderr_has("lower case");
    before.assert_unchanged("a tag that is none");
    refused(&sandbox, "out:2.0", "x").stderr_has("it has 1.0");
    refused(&sandbox, "absent:1.0", "x").stderr_has("absent");
    let root = LayoutView::open(sandbox.join("out"));
    std::fs::remove_file(root.blob_path(root.digest("1.0"))).unwrap();
    refused(&sandbox, "out:1.0", "x").stderr_has(root.digest("1.0"));
}

#[test]
fn entries_of_others_stay_as_they_are() {
    let sandbox = layout(&[NAME]);
    let path = sandbox.join("out/index.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace(REF_NAME, &format!("com.acme.own\":\"kept\",\"{REF_NAME}"));
    std::fs::write(&path, &text).unwrap();
    tag(&sandbox, "out:1.0", "2.0").ok();
    let view = LayoutView::open(sandbox.join("out"));
    assert_eq!(view.entry("1.0")["annotations"]["com.acme.own"], "kept");
}

#[test]
fn tags_given_at_once_are_all_there() {
    let sandbox = layout(&[NAME]);
    for round in 0..20 {
        let names: Vec<String> = (0..2).map(|at| format!("round-{round}-{at}")).collect();
        let commands = names
            .iter()
            .map(|name| sandbox.airpack_command(&["layout", "tag", "out:1.0", name]));
        for run in at_once(commands.collect()) {
            run.ok();
        }
    }
    let view = LayoutView::open(sandbox.join("out"));
    assert_eq!(view.tags().len(), 41);
    view.check_whole();
}

#[test]
fn skopeo_reads_the_tag() {
    let Some(skopeo) = require_skopeo() else { return };
    let sandbox = layout(&[NAME]);
    tag(&sandbox, "out:1.0", "stable").ok();
    let run = skopeo.run(&sandbox, &["inspect", "--raw", "oci:out:stable"]);
    let raw: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(array(&raw, "manifests").len(), 2);
}
