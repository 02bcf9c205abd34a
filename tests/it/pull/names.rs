//! What an image is called on the way in: by tag, by digest, by both, several at once, and under more names.

use std::fs;

use super::{publish, pull, pull_json};
use crate::support::Sandbox;
use crate::support::images::{Parts, layout};
use crate::support::layout_view::{IMAGE_NAME, LayoutView, REF_NAME};
use crate::support::registry::WatchedRegistry;

#[test]
fn by_digest_only() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let (_, digest) = publish(&remote, &sandbox, "acme/hello", "1.0", "hello");
    // the tag has moved on
    publish(&remote, &sandbox, "acme/hello", "1.0", "newer");
    let name = remote.name(&format!("acme/hello@{digest}"));
    let run = pull(&sandbox, &[&name, "--layout", "out"]);
    assert_eq!(run.digest(), digest);
    let layout = LayoutView::open(sandbox.join("out"));
    layout.check_whole();
    let ref_name = format!("hello-{}", &digest[7..19]);
    assert_eq!(layout.tags(), [&ref_name]);
    assert_eq!(layout.entry(&ref_name)["annotations"][IMAGE_NAME], name);
    assert_eq!(layout.digest(&ref_name), digest);
    // by its digest a child is an image as well
    let child = Parts::at(&layout, layout.entry(&ref_name)).children[0].clone();
    let name = remote.name(&format!("acme/hello@{child}"));
    assert_eq!(pull(&sandbox, &[&name, "--layout", "child"]).digest(), child);
    let layout = LayoutView::open(sandbox.join("child"));
    layout.check_whole();
    // again: the same entry
    let before = fs::read(sandbox.join("child/index.json")).unwrap();
    assert_eq!(pull(&sandbox, &[&name, "--layout", "child"]).digest(), child);
    assert_eq!(fs::read(sandbox.join("child/index.json")).unwrap(), before);
}

#[test]
fn by_tag_and_digest() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let (_, digest) = publish(&remote, &sandbox, "acme/hello", "1.0", "hello");
    let (_, newer) = publish(&remote, &sandbox, "acme/hello", "1.0", "newer");
    assert_ne!(digest, newer);
    let name = remote.name(&format!("acme/hello:1.0@{digest}"));
    assert_eq!(pull(&sandbox, &[&name, "--layout", "out"]).digest(), digest);
    let layout = LayoutView::open(sandbox.join("out"));
    assert_eq!(layout.digest("1.0"), digest);
    assert_eq!(
        layout.entry("1.0")["annotations"][IMAGE_NAME],
        remote.name("acme/hello:1.0")
    );
}

#[test]
fn without_a_tag_it_is_latest() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let (_, digest) = publish(&remote, &sandbox, "acme/hello", "latest", "hello");
    assert_eq!(
        pull(&sandbox, &[&remote.name("acme/hello"), "--layout", "out"]).digest(),
        digest
    );
    let layout = LayoutView::open(sandbox.join("out"));
    assert_eq!(
        layout.entry("latest")["annotations"][IMAGE_NAME],
        remote.name("acme/hello:latest")
    );
}

#[test]
fn more_names_for_one_image() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let (_, digest) = publish(&remote, &sandbox, "acme/hello", "1.0", "hello");
    let name = remote.name("acme/hello:1.0");
    let args = [
        &*name,
        "--layout",
        "out",
        "--tag",
        "stable",
        "--tag",
        "registry.test/other/thing:9",
    ];
    assert_eq!(pull(&sandbox, &args).digest(), digest);
    let layout = LayoutView::open(sandbox.join("out"));
    layout.check_whole();
    for (tag, full) in [
        ("1.0", name),
        ("stable", remote.name("acme/hello:stable")),
        ("9", "registry.test/other/thing:9".to_owned()),
    ] {
        assert_eq!(layout.digest(tag), digest);
        assert_eq!(layout.entry(tag)["annotations"][IMAGE_NAME], full);
    }
    assert_eq!(layout.entries().len(), 3);
    let two = [
        &*remote.name("acme/hello:1.0"),
        &remote.name("acme/other:1.0"),
        "--layout",
        "out",
        "--tag",
        "x",
    ];
    pull(&sandbox, &two).failed(2).stderr_has("--tag");
}

#[test]
fn several_images_at_once() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let (_, first) = publish(&remote, &sandbox, "acme/hello", "1.0", "hello");
    let (_, second) = publish(&remote, &sandbox, "acme/other", "1.0", "other");
    let (_, third) = publish(&remote, &sandbox, "acme/third", "3.0", "third");
    let names = ["acme/hello:1.0", "acme/other:1.0", "acme/third:3.0"].map(|name| remote.name(name));
    let run = pull(&sandbox, &[&names[0], &names[1], &names[2], "--layout", "out"]);
    assert_eq!(run.ok().stdout, format!("{first}\n{second}\n{third}\n"));
    let layout = LayoutView::open(sandbox.join("out"));
    layout.check_whole();
    // a tag is unique in a layout: the second repository's is called after it
    for (tag, digest, name) in [
        ("1.0", &first, &names[0]),
        ("other-1.0", &second, &names[1]),
        ("3.0", &third, &names[2]),
    ] {
        assert_eq!(layout.digest(tag), digest);
        assert_eq!(layout.entry(tag)["annotations"][IMAGE_NAME], **name);
    }
    let report = pull_json(&sandbox, &[&names[0], &names[1], &names[2], "--layout", "out"]);
    let ref_names: Vec<_> = report["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| &image["refName"])
        .collect();
    assert_eq!(ref_names, ["1.0", "other-1.0", "3.0"]);
}

#[test]
fn of_several_images_one_that_is_missing_changes_no_tag() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    publish(&remote, &sandbox, "acme/hello", "1.0", "hello");
    layout(&sandbox.join("out"), "old", "old");
    let before = fs::read(sandbox.join("out/index.json")).unwrap();
    let names = [remote.name("acme/hello:1.0"), remote.name("acme/missing:1.0")];
    pull(&sandbox, &[&names[0], &names[1], "--layout", "out"])
        .failed(1)
        .stderr_has(&names[1]);
    assert_eq!(fs::read(sandbox.join("out/index.json")).unwrap(), before);
}

#[test]
fn what_the_registry_does_not_have() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    publish(&remote, &sandbox, "acme/hello", "1.0", "hello");
    let unknown = format!("acme/hello@sha256:{}", "0".repeat(64));
    for name in ["acme/hello:2.0", "acme/helo:1.0", &unknown] {
        let name = remote.name(name);
        pull(&sandbox, &[&name, "--layout", "out"]).failed(1).stderr_has(&name);
    }
    let out = sandbox.join("out/index.json");
    if out.exists() {
        assert!(LayoutView::open(sandbox.join("out")).entries().is_empty());
    }
}

#[test]
fn names_that_are_none() {
    let sandbox = Sandbox::new();
    for name in ["UPPER", "a:b:c", "host.test/a@sha256:123", "https://host.test/a", "a b"] {
        let run = pull(&sandbox, &[name, "--layout", "out"]);
        assert!(run.code == 1 || run.code == 2, "{name}{run}");
        assert!(!sandbox.join("out").exists(), "{name}");
    }
    assert_eq!(pull(&sandbox, &["--layout", "out"]).code, 2);
    assert_eq!(pull(&sandbox, &["host.test/a"]).code, 2);
}

#[test]
fn a_name_that_two_entries_could_have_goes_to_its_own() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    // somebody else's image has the tag already
    layout(&sandbox.join("out"), "registry.test/foreign/image:1.0", "foreign");
    let foreign = LayoutView::open(sandbox.join("out")).entry("1.0").clone();
    let (_, digest) = publish(&remote, &sandbox, "acme/hello", "1.0", "hello");
    let name = remote.name("acme/hello:1.0");
    pull(&sandbox, &[&name, "--layout", "out"]).ok();
    pull(&sandbox, &[&name, "--layout", "out"]).ok();
    let layout = LayoutView::open(sandbox.join("out"));
    assert_eq!(layout.entry("1.0"), &foreign);
    assert_eq!(layout.entries().len(), 2);
    let own = layout.entry("hello-1.0");
    assert_eq!(own["digest"], digest);
    assert_eq!(own["annotations"][REF_NAME], "hello-1.0");
    assert_eq!(own["annotations"][IMAGE_NAME], name);
}
