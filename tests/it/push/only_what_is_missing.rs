//! What the registry has is neither sent nor asked for twice.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{changes, has_whole_image, hello, nothing_was_sent, push, push_json};
use crate::support::Sandbox;
use crate::support::images::{Parts, attestation, finish, image, index, index_of, named};
use crate::support::layout_maker::LayoutMaker;
use crate::support::layout_view::{LayoutView, text};
use crate::support::registry::WatchedRegistry;

/// Each digest and its action, in the lists `blobs` and `manifests` of an image.
fn actions(image: &Value, list: &str) -> BTreeSet<(String, String)> {
    let listed = image[list].as_array().unwrap();
    listed
        .iter()
        .map(|one| (text(one, "digest").to_owned(), text(one, "action").to_owned()))
        .collect()
}

/// The digests of an image's list that have this action.
fn with_action(image: &Value, list: &str, action: &str) -> BTreeSet<String> {
    let all = actions(image, list).into_iter();
    all.filter(|(_, found)| found == action)
        .map(|(digest, _)| digest)
        .collect()
}

#[test]
fn one_head_when_everything_is_there() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, _) = hello();
    let name = remote.name("acme/hello:1.0");
    let first = push(&sandbox, &["out", &name]);
    remote.front.take_log();
    let second = push(&sandbox, &["out", &name]);
    assert_eq!(first.ok().stdout, second.ok().stdout);
    assert_eq!(remote.front.lines(), ["HEAD /v2/acme/hello/manifests/1.0"]);
}

#[test]
fn one_head_for_each_tag() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, digest) = hello();
    let name = remote.name("acme/hello:1.0");
    let args = ["out", &name, "--tag", "1", "--tag", "latest"];
    push(&sandbox, &args).ok();
    remote.front.take_log();
    push(&sandbox, &args).ok();
    let mut lines = remote.front.lines();
    lines.sort();
    let expected = ["1", "1.0", "latest"].map(|tag| format!("HEAD /v2/acme/hello/manifests/{tag}"));
    assert_eq!(lines, expected);
    // a tag that is not there is set; the others are left alone
    remote.front.take_log();
    push(&sandbox, &[&args[..], &["--tag", "new"]].concat()).ok();
    assert_eq!(changes(&remote.front.log()), ["PUT /v2/acme/hello/manifests/new"]);
    assert_eq!(remote.registry.digest("acme/hello", "new"), digest);
}

#[test]
fn what_an_older_image_brought_is_not_sent_again() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let kept = image(&maker, "kept", "amd64");
    let old = index_of(&maker, &[kept.clone(), image(&maker, "old", "arm64")]);
    let new = index_of(&maker, &[kept.clone(), image(&maker, "new", "arm64")]);
    finish(&maker, &[named(old, "1"), named(new.clone(), "2")]);
    push(&sandbox, &["out:1", &remote.name("acme/hello:1")]).ok();
    let report = push_json(&sandbox, &["out:2", &remote.name("acme/hello:2")]);
    let pushed = &report["images"][0];
    let view = LayoutView::open(sandbox.join("out"));
    let (before, after) = (Parts::of(&view, "1"), Parts::of(&view, "2"));
    let missing: BTreeSet<_> = after.blobs.difference(&before.blobs).cloned().collect();
    assert_eq!(with_action(pushed, "blobs", "sent"), missing, "{report:#}");
    assert!(
        with_action(pushed, "manifests", "existing").contains(text(&kept, "digest")),
        "{report:#}"
    );
    has_whole_image(&remote, "acme/hello", "2", &view, text(&new, "digest"));
}

#[test]
fn a_push_that_failed_goes_on_where_it_was() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, digest) = hello();
    let view = LayoutView::open(sandbox.join("out"));
    let parts = Parts::of(&view, "1.0");
    // as after a run that was stopped: some blobs are there, no manifest
    let there: Vec<_> = parts.blobs.iter().take(2).cloned().collect();
    for blob in &there {
        remote.registry.put_blob("acme/hello", "x", &view.blob(blob));
    }
    let report = push_json(&sandbox, &["out", &remote.name("acme/hello:1.0")]);
    let image = &report["images"][0];
    assert_eq!(with_action(image, "blobs", "existing"), there.into_iter().collect());
    assert_eq!(with_action(image, "blobs", "sent").len(), parts.blobs.len() - 2);
    has_whole_image(&remote, "acme/hello", "1.0", &view, &digest);
}

#[test]
fn check_blobs_finds_what_the_registry_has_lost() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, digest) = hello();
    let name = remote.name("acme/hello:1.0");
    push(&sandbox, &["out", &name]).ok();
    let view = LayoutView::open(sandbox.join("out"));
    let parts = Parts::of(&view, "1.0");
    for lost in &parts.blobs {
        remote.registry.lose_blob("acme/hello", lost);
        // the tag is there, so nobody looks further
        push(&sandbox, &["out", &name]).ok();
        assert!(!remote.registry.has_blob("acme/hello", lost));
        let report = push_json(&sandbox, &["out", &name, "--check-blobs"]);
        let image = &report["images"][0];
        assert_eq!(
            with_action(image, "blobs", "sent"),
            BTreeSet::from([lost.clone()]),
            "{report:#}"
        );
        assert_eq!(with_action(image, "blobs", "existing").len(), parts.blobs.len() - 1);
        has_whole_image(&remote, "acme/hello", "1.0", &view, &digest);
    }
}

#[test]
fn check_blobs_changes_nothing_when_all_is_there() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, _) = hello();
    let name = remote.name("acme/hello:1.0");
    push(&sandbox, &["out", &name]).ok();
    remote.front.take_log();
    let report = push_json(&sandbox, &["out", &name, "--check-blobs"]);
    assert_eq!(changes(&remote.front.log()), Vec::<String>::new());
    assert_eq!(report["sentBytes"], 0);
    let image = &report["images"][0];
    let parts = Parts::of(&LayoutView::open(sandbox.join("out")), "1.0");
    assert_eq!(with_action(image, "blobs", "existing"), parts.blobs);
    // each was looked for
    let lines = remote.front.lines();
    for blob in &parts.blobs {
        assert!(
            lines.contains(&format!("HEAD /v2/acme/hello/blobs/{blob}")),
            "{lines:#?}"
        );
    }
}

#[test]
fn a_dry_run_sends_nothing() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, digest) = hello();
    let name = remote.name("acme/hello:1.0");
    let run = push(&sandbox, &["out", &name, "--dry-run"]);
    run.ok().stdout_has(&digest);
    nothing_was_sent(&remote);
    let view = LayoutView::open(sandbox.join("out"));
    let parts = Parts::of(&view, "1.0");
    for blob in &parts.blobs {
        run.stdout_has(blob);
    }
    let report = push_json(&sandbox, &["out", &name, "--dry-run"]);
    nothing_was_sent(&remote);
    assert_eq!(report["dryRun"], true);
    let image = &report["images"][0];
    assert_eq!(with_action(image, "blobs", "send"), parts.blobs);
    assert_eq!(
        with_action(image, "manifests", "send"),
        parts.manifests().into_iter().collect()
    );
    let all = parts.blobs.iter().chain(&parts.children).chain([&parts.root]);
    let bytes: usize = all.map(|digest| view.blob(digest).len()).sum();
    assert_eq!(report["bytesToSend"], bytes);
    assert_eq!(image["bytesToSend"], bytes);
    assert_eq!(image["digest"], digest);
    assert!(report.get("sentBytes").is_none() && image.get("sentBytes").is_none());
}

#[test]
fn a_dry_run_says_what_is_there() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, _) = hello();
    let view = LayoutView::open(sandbox.join("out"));
    let parts = Parts::of(&view, "1.0");
    let there = parts.blobs.first().unwrap();
    remote.registry.put_blob("acme/hello", "x", &view.blob(there));
    let name = remote.name("acme/hello:1.0");
    let report = push_json(&sandbox, &["out", &name, "--dry-run"]);
    let image = &report["images"][0];
    assert_eq!(with_action(image, "blobs", "existing"), BTreeSet::from([there.clone()]));
    let planned = report["bytesToSend"].as_u64().unwrap();
    let sent = push_json(&sandbox, &["out", &name])["sentBytes"].as_u64().unwrap();
    assert_eq!(planned, sent);
    // and then there is nothing to do
    remote.front.take_log();
    let report = push_json(&sandbox, &["out", &name, "--dry-run"]);
    assert_eq!(report["bytesToSend"], 0);
    assert_eq!(report["images"][0]["unchanged"], true);
    assert_eq!(remote.front.lines(), ["HEAD /v2/acme/hello/manifests/1.0"]);
}

#[test]
fn a_dry_run_of_all_images_sends_nothing() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let entries = ["a", "b"].map(|name| named(index(&maker, name), &format!("registry.test/acme/{name}:1.0")));
    finish(&maker, &entries);
    let to = remote.name("mirror");
    let report = push_json(&sandbox, &["out", "--to", &to, "--dry-run"]);
    assert_eq!(report["images"].as_array().unwrap().len(), 2);
    push(
        &sandbox,
        &["out", "--to", &to, "--dry-run", "--check-blobs", "--referrers"],
    )
    .ok();
    nothing_was_sent(&remote);
}

#[test]
fn attestations_count_like_images() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let child = image(&maker, "hello", "amd64");
    let about = attestation(&maker, &child);
    let index = index_of(&maker, &[child, about]);
    finish(&maker, &[named(index.clone(), "1.0")]);
    push(&sandbox, &["out", &remote.name("acme/hello:1.0")]).ok();
    let view = LayoutView::open(sandbox.join("out"));
    has_whole_image(&remote, "acme/hello", "1.0", &view, text(&index, "digest"));
    remote.front.take_log();
    push(&sandbox, &["out", &remote.name("acme/hello:1.0")]).ok();
    assert_eq!(remote.front.log().len(), 1);
}
