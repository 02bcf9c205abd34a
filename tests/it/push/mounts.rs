//! A blob that another repository of the registry has is mounted, not sent.

use std::fs;

use serde_json::Value;

use super::{HELLO, has_whole_image, hello, push, push_json};
use crate::support::Sandbox;
use crate::support::front::{Answer, Request};
use crate::support::images::{Parts, finish, index, layout, named};
use crate::support::layout_maker::LayoutMaker;
use crate::support::layout_view::{LayoutView, text};
use crate::support::registry::WatchedRegistry;

/// The digests of the blobs of an image with this action, sorted.
fn with_action(image: &Value, action: &str) -> Vec<String> {
    let blobs = image["blobs"].as_array().unwrap();
    let mut found: Vec<_> = blobs
        .iter()
        .filter(|blob| blob["action"] == action)
        .map(|blob| text(blob, "digest").to_owned())
        .collect();
    found.sort();
    found
}

/// All blobs of the layout `out`, sorted.
fn blobs(sandbox: &Sandbox, tag: &str) -> Vec<String> {
    Parts::of(&LayoutView::open(sandbox.join("out")), tag)
        .blobs
        .into_iter()
        .collect()
}

/// Requests that begin an upload and do not mount.
fn uploads(log: &[Request]) -> usize {
    let posts = log.iter().filter(|request| request.method == "POST");
    posts.filter(|request| request.query("mount").is_empty()).count()
}

#[test]
fn from_a_repository_that_was_named() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, digest) = hello();
    push(&sandbox, &["out", &remote.name("acme/base:1.0")]).ok();
    let view = LayoutView::open(sandbox.join("out"));
    for (at, from) in ["acme/base".to_owned(), remote.name("acme/base")].iter().enumerate() {
        let repository = format!("acme/copy{at}");
        remote.front.take_log();
        let report = push_json(
            &sandbox,
            &["out", &remote.name(&format!("{repository}:1.0")), "--mount-from", from],
        );
        let image = &report["images"][0];
        assert_eq!(with_action(image, "mounted"), blobs(&sandbox, "1.0"), "{report:#}");
        for blob in image["blobs"].as_array().unwrap() {
            assert_eq!(blob["from"], "acme/base");
        }
        has_whole_image(&remote, &repository, "1.0", &view, &digest);
        let log = remote.front.log();
        assert_eq!(uploads(&log), 0);
        let sent = log
            .iter()
            .filter(|request| request.method == "PUT" && request.is_for_blob());
        assert_eq!(sent.count(), 0);
        // manifests can not be mounted
        let manifests = Parts::of(&view, "1.0").manifests();
        let bytes: usize = manifests.iter().map(|manifest| view.blob(manifest).len()).sum();
        assert_eq!(image["sentBytes"], bytes);
    }
}

#[test]
fn what_the_named_repository_lacks_is_sent() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, digest) = hello();
    push(&sandbox, &["out", &remote.name("acme/base:1.0")]).ok();
    let all = blobs(&sandbox, "1.0");
    remote.registry.lose_blob("acme/base", &all[0]);
    for (repository, from) in [("acme/one", "acme/base"), ("acme/two", "acme/nowhere")] {
        let name = remote.name(&format!("{repository}:1.0"));
        let report = push_json(&sandbox, &["out", &name, "--mount-from", from]);
        let image = &report["images"][0];
        let sent = with_action(image, "sent");
        if from == "acme/base" {
            assert_eq!(sent, all[..1]);
            assert_eq!(with_action(image, "mounted"), all[1..]);
        } else {
            assert_eq!(sent, all);
        }
        let view = LayoutView::open(sandbox.join("out"));
        has_whole_image(&remote, repository, "1.0", &view, &digest);
    }
}

#[test]
fn several_repositories_are_tried_in_turn() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, digest) = hello();
    push(&sandbox, &["out", &remote.name("acme/base:1.0")]).ok();
    let name = remote.name("acme/copy:1.0");
    let args = [
        "out",
        &name,
        "--mount-from",
        "acme/nowhere",
        "--mount-from",
        "acme/base",
    ];
    let report = push_json(&sandbox, &args);
    assert_eq!(
        with_action(&report["images"][0], "mounted"),
        blobs(&sandbox, "1.0"),
        "{report:#}"
    );
    let view = LayoutView::open(sandbox.join("out"));
    has_whole_image(&remote, "acme/copy", "1.0", &view, &digest);
}

#[test]
fn a_registry_that_does_not_mount_gets_the_bytes() {
    // it answers as if nothing had been said of mounting
    let Some(backend) = WatchedRegistry::plain() else {
        return;
    };
    let (sandbox, digest) = hello();
    push(&sandbox, &["out", &backend.name("acme/base:1.0")]).ok();
    let address = backend.registry.address();
    let front = crate::support::front::Front::unless(address, move |request| {
        let from = request.query("from");
        (!from.is_empty()).then(|| {
            let begun = crate::support::front::send(address, "POST", request.path(), &[], b"");
            let location = begun.header("location").unwrap().to_owned();
            Answer::new(202, "").with("Location", location).with("Range", "0-0")
        })
    });
    let name = format!("{}/acme/copy:1.0", front.address());
    let report = push_json(&sandbox, &["out", &name, "--mount-from", "acme/base"]);
    assert_eq!(with_action(&report["images"][0], "sent"), blobs(&sandbox, "1.0"));
    let view = LayoutView::open(sandbox.join("out"));
    has_whole_image(&backend, "acme/copy", "1.0", &view, &digest);
}

#[test]
fn between_the_images_of_one_run() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    // the same image under two paths, and one that shares a layer
    let (same, other) = (index(&maker, "same"), index(&maker, "other"));
    finish(
        &maker,
        &[
            named(same.clone(), "registry.test/acme/first:1"),
            named(same, "registry.test/acme/second:2"),
            named(other, "registry.test/acme/third:3"),
        ],
    );
    let report = push_json(&sandbox, &["out", "--to", &remote.name("mirror")]);
    let images = report["images"].as_array().unwrap();
    let blobs_of = |tag: &str| blobs(&sandbox, tag);
    assert_eq!(with_action(&images[0], "sent"), blobs_of("1"));
    assert_eq!(with_action(&images[1], "mounted"), blobs_of("2"), "{report:#}");
    let shared: Vec<_> = blobs_of("3")
        .into_iter()
        .filter(|blob| blobs_of("1").contains(blob))
        .collect();
    assert!(!shared.is_empty());
    assert_eq!(with_action(&images[2], "mounted"), shared, "{report:#}");
    let view = LayoutView::open(sandbox.join("out"));
    for (repository, tag) in [("first", "1"), ("second", "2"), ("third", "3")] {
        has_whole_image(
            &remote,
            &format!("mirror/acme/{repository}"),
            tag,
            &view,
            view.digest(tag),
        );
    }
}

#[test]
fn from_a_repository_that_the_layout_names() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    // as it comes of a pull and a build upon it: the layout knows where its base is from
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let (base, own) = (index(&maker, "base"), index(&maker, "own"));
    let entries = [
        named(base, &remote.name("library/base:base")),
        named(own.clone(), "registry.test/acme/own:own"),
    ];
    finish(&maker, &entries);
    push(&sandbox, &["out:base", &remote.name("library/base:base")]).ok();
    remote.front.take_log();
    let report = push_json(&sandbox, &["out:own", &remote.name("acme/own:1.0")]);
    let (base, own_blobs) = (blobs(&sandbox, "base"), blobs(&sandbox, "own"));
    let shared: Vec<_> = own_blobs.iter().filter(|blob| base.contains(blob)).cloned().collect();
    assert!(!shared.is_empty());
    assert_eq!(with_action(&report["images"][0], "mounted"), shared, "{report:#}");
    let view = LayoutView::open(sandbox.join("out"));
    has_whole_image(&remote, "acme/own", "1.0", &view, text(&own, "digest"));
}

#[test]
fn another_registry_is_no_place_to_mount_from() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, _) = hello();
    push(
        &sandbox,
        &[
            "out",
            &remote.name("acme/hello:1.0"),
            "--mount-from",
            "other.test:5000/acme/base",
        ],
    )
    .failed(2)
    .stderr_has("other.test:5000/acme/base");
    assert!(remote.front.log().is_empty());
}

#[test]
fn a_damaged_blob_is_not_mounted_over() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    layout(&sandbox.join("out"), HELLO, "hello");
    push(&sandbox, &["out", &remote.name("acme/base:1.0")]).ok();
    for (at, blob) in blobs(&sandbox, "1.0").iter().enumerate() {
        let path = sandbox.join("out/blobs").join(blob.replace(':', "/"));
        let sound = fs::read(&path).unwrap();
        let mut damaged = sound.clone();
        damaged[0] ^= 1;
        fs::write(&path, damaged).unwrap();
        let name = remote.name(&format!("acme/copy{at}:1.0"));
        push(&sandbox, &["out", &name, "--mount-from", "acme/base"])
            .failed(1)
            .stderr_has(blob);
        assert!(remote.registry.tags(&format!("acme/copy{at}")).is_empty());
        fs::write(&path, sound).unwrap();
    }
}
