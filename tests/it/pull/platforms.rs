//! `--platform`: some images of an index, behind a new one; and all of them, raw.

use serde_json::{Value, json};

use super::{fetched, publish, pull, pull_json};
use crate::support::Sandbox;
use crate::support::images::{Parts, attestation, finish, image, index_of, named};
use crate::support::layout_maker::LayoutMaker;
use crate::support::layout_view::{LayoutView, OCI_INDEX, text};
use crate::support::registry::WatchedRegistry;

fn index_of_layout(layout: &LayoutView, tag: &str) -> Value {
    layout.json(layout.digest(tag))
}

#[test]
fn only_what_was_asked_for_is_fetched() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let (published, whole) = publish(&remote, &sandbox, "acme/hello", "1.0", "hello");
    let name = remote.name("acme/hello:1.0");
    let run = pull(&sandbox, &[&name, "--layout", "out", "--platform", "linux/arm64"]);
    let digest = run.digest().to_owned();
    assert_ne!(digest, whole);
    run.stderr_has("new index").stderr_has(&digest);
    let layout = LayoutView::open(sandbox.join("out"));
    layout.check_whole();
    assert_eq!(layout.digest("1.0"), digest);
    let arm = published
        .image_index("published")
        .child("linux/arm64")
        .descriptor
        .clone();
    let index = index_of_layout(&layout, "1.0");
    assert_eq!(
        index,
        json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [arm]})
    );
    // the manifest itself stays as it was
    assert_eq!(layout.blob(text(&arm, "digest")), published.blob(text(&arm, "digest")));
    let parts = Parts::of(&layout, "1.0");
    let mut expected: Vec<_> = parts.blobs.into_iter().chain(parts.children).collect();
    expected.sort();
    assert_eq!(fetched(&remote), expected);
}

#[test]
fn a_platform_can_be_added_later() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let (_, whole) = publish(&remote, &sandbox, "acme/hello", "1.0", "hello");
    let name = remote.name("acme/hello:1.0");
    pull(&sandbox, &[&name, "--layout", "out", "--platform", "linux/arm64"]).ok();
    remote.front.take_log();
    let both = ["--platform", "linux/arm64", "--platform", "linux/amd64"];
    let run = pull(&sandbox, &[&[&*name, "--layout", "out"], &both[..]].concat());
    // all there are: the index is that of the registry
    assert_eq!(run.digest(), whole);
    run.stderr_lacks("new index");
    let layout = LayoutView::open(sandbox.join("out"));
    assert_eq!(layout.digest("1.0"), whole);
    layout.check_whole_with_leftovers();
    let arm = layout.image_index("1.0").child("linux/arm64").manifest.clone();
    for layer in arm["layers"].as_array().unwrap() {
        assert!(!fetched(&remote).contains(&text(layer, "digest").to_owned()));
    }
}

#[test]
fn the_new_index_is_the_same_each_time() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    publish(&remote, &sandbox, "acme/hello", "1.0", "hello");
    let args = [
        &*remote.name("acme/hello:1.0"),
        "--layout",
        "out",
        "--platform",
        "linux/arm64",
    ];
    let first = pull(&sandbox, &args);
    remote.front.take_log();
    let second = pull(&sandbox, &args);
    assert_eq!(first.digest(), second.digest());
    assert!(remote.front.log().iter().all(|request| !request.is_for_blob()));
    // and the same as a push of that platform makes
    let name = remote.name("acme/pushed:1.0");
    sandbox
        .airpack(&["push", "published-hello", &name, "--platform", "linux/arm64"])
        .ok();
    assert_eq!(remote.registry.digest("acme/pushed", "1.0"), first.digest());
}

#[test]
fn a_platform_that_is_not_there() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    publish(&remote, &sandbox, "acme/hello", "1.0", "hello");
    let name = remote.name("acme/hello:1.0");
    pull(&sandbox, &[&name, "--layout", "out", "--platform", "windows/amd64"])
        .failed(1)
        .stderr_has("windows/amd64")
        .stderr_has("linux/amd64")
        .stderr_has("linux/arm64");
    assert!(fetched(&remote).is_empty());
}

#[test]
fn what_is_said_of_an_image_comes_along() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("built"));
    let children = ["amd64", "arm64"].map(|architecture| image(&maker, "hello", architecture));
    let about = [attestation(&maker, &children[0]), attestation(&maker, &children[1])];
    let index = index_of(&maker, &[&children[..], &about].concat());
    finish(&maker, &[named(index.clone(), "1.0")]);
    sandbox
        .airpack(&["push", "built", &remote.registry.name("acme/hello:1.0")])
        .ok();
    let name = remote.name("acme/hello:1.0");
    // all of it
    assert_eq!(
        pull(&sandbox, &[&name, "--layout", "all"]).digest(),
        text(&index, "digest")
    );
    let all = LayoutView::open(sandbox.join("all"));
    assert_eq!(all.blob_names(), LayoutView::open(sandbox.join("built")).blob_names());
    // that of the image that was asked for
    pull(&sandbox, &[&name, "--layout", "some", "--platform", "linux/arm64"]).ok();
    let some = LayoutView::open(sandbox.join("some"));
    assert_eq!(
        index_of_layout(&some, "1.0")["manifests"],
        json!([children[1], about[1]])
    );
    Parts::of(&some, "1.0");
    assert!(!some.blob_path(text(&about[0], "digest")).exists());
}

#[test]
fn an_image_by_digest_that_is_cut_down_is_named_after_what_came_of_it() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let (_, whole) = publish(&remote, &sandbox, "acme/hello", "1.0", "hello");
    let name = remote.name(&format!("acme/hello@{whole}"));
    let report = pull_json(&sandbox, &[&name, "--layout", "out", "--platform", "linux/amd64"]);
    let digest = text(&report["images"][0], "digest");
    assert_ne!(digest, whole);
    let layout = LayoutView::open(sandbox.join("out"));
    layout.check_whole();
    let [tag] = layout.tags()[..] else {
        panic!("{:#}", layout.index_file())
    };
    assert_eq!(layout.digest(tag), digest);
    assert_eq!(report["images"][0]["refName"], tag);
    // no entry says that it is what it is not
    let said = layout.entry(tag)["annotations"].to_string();
    assert!(!said.contains(&whole), "{said}");
}

#[test]
fn a_single_image_is_of_its_own_platform() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("built"));
    let mut only = image(&maker, "one", "amd64");
    only.as_object_mut().unwrap().remove("platform");
    finish(&maker, &[named(only.clone(), "1.0")]);
    sandbox
        .airpack(&["push", "built", &remote.registry.name("acme/one:1.0")])
        .ok();
    let name = remote.name("acme/one:1.0");
    let run = pull(&sandbox, &[&name, "--layout", "out", "--platform", "linux/amd64"]);
    assert_eq!(run.digest(), text(&only, "digest"));
    pull(&sandbox, &[&name, "--layout", "other", "--platform", "linux/arm64"])
        .failed(1)
        .stderr_has("linux/amd64");
}
