//! `--platform`: some images of an index, behind a new one.

use serde_json::{Value, json};

use super::{hello, nothing_was_sent, push, push_json};
use crate::support::Sandbox;
use crate::support::images::{attestation, finish, image, index, index_of, named};
use crate::support::layout_maker::LayoutMaker;
use crate::support::layout_view::{LayoutView, OCI_INDEX, array, sha256, text};
use crate::support::registry::WatchedRegistry;

/// The index behind a tag.
fn pushed_index(remote: &WatchedRegistry, repository: &str, tag: &str) -> Value {
    serde_json::from_slice(&remote.registry.manifest(repository, tag)).unwrap()
}

#[test]
fn some_platforms_go_behind_a_new_index_and_that_is_said() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, whole) = hello();
    let args = ["out", &remote.name("acme/hello:1.0"), "--platform", "linux/arm64"];
    let run = push(&sandbox, &args);
    let bytes = remote.registry.manifest("acme/hello", "1.0");
    let digest = sha256(&bytes);
    assert_ne!(digest, whole);
    assert_eq!(run.ok().stdout, format!("{}@{digest}\n", remote.name("acme/hello")));
    run.stderr_has("new index").stderr_has(&digest);
    let index = pushed_index(&remote, "acme/hello", "1.0");
    let original = LayoutView::open(sandbox.join("out")).image_index("1.0");
    let arm = original.child("linux/arm64");
    assert_eq!(index["schemaVersion"], 2);
    assert_eq!(index["mediaType"], OCI_INDEX);
    // the descriptor of the child stays as it is
    assert_eq!(index["manifests"], json!([arm.descriptor]));
    let amd = original.child("linux/amd64");
    assert!(
        !remote
            .registry
            .has_blob("acme/hello", text(&amd.manifest["config"], "digest"))
    );
    assert_eq!(
        remote
            .registry
            .ask_manifest("acme/hello", text(&amd.descriptor, "digest"))
            .status,
        404
    );
    assert_eq!(remote.registry.ask_manifest("acme/hello", &whole).status, 404);
    for layer in array(&arm.manifest, "layers") {
        assert!(remote.registry.has_blob("acme/hello", text(layer, "digest")));
    }
}

#[test]
fn the_new_index_is_the_same_each_time() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, _) = hello();
    let args = ["out", &remote.name("acme/hello:1.0"), "--platform", "linux/arm64"];
    let first = push(&sandbox, &args);
    remote.front.take_log();
    let second = push(&sandbox, &args);
    assert_eq!(first.ok().stdout, second.ok().stdout);
    assert_eq!(remote.front.lines(), ["HEAD /v2/acme/hello/manifests/1.0"]);
    assert_eq!(push_json(&sandbox, &args)["images"][0]["unchanged"], true);
}

#[test]
fn all_platforms_keep_the_index() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, digest) = hello();
    let name = remote.name("acme/hello:1.0");
    let args = ["out", &name, "--platform", "linux/arm64", "--platform", "linux/amd64"];
    push(&sandbox, &args).ok().stderr_lacks("new index");
    assert_eq!(remote.registry.digest("acme/hello", "1.0"), digest);
}

#[test]
fn a_platform_that_is_not_there_is_an_error_that_lists_what_is() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, _) = hello();
    let name = remote.name("acme/hello:1.0");
    push(
        &sandbox,
        &["out", &name, "--platform", "linux/arm64", "--platform", "linux/s390x"],
    )
    .failed(1)
    .stderr_has("linux/s390x")
    .stderr_has("linux/amd64")
    .stderr_has("linux/arm64");
    nothing_was_sent(&remote);
}

#[test]
fn what_is_said_of_an_image_that_is_kept_is_kept() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let children = ["amd64", "arm64"].map(|architecture| image(&maker, "hello", architecture));
    let about = [attestation(&maker, &children[0]), attestation(&maker, &children[1])];
    let all = [&children[..], &about].concat();
    finish(&maker, &[named(index_of(&maker, &all), "1.0")]);
    push(
        &sandbox,
        &["out", &remote.name("acme/hello:1.0"), "--platform", "linux/arm64"],
    )
    .ok();
    let index = pushed_index(&remote, "acme/hello", "1.0");
    assert_eq!(index["manifests"], json!([children[1], about[1]]));
    assert_eq!(
        remote
            .registry
            .ask_manifest("acme/hello", text(&about[1], "digest"))
            .status,
        200
    );
    assert_eq!(
        remote
            .registry
            .ask_manifest("acme/hello", text(&about[0], "digest"))
            .status,
        404
    );
    // they are no platform that one could ask for
    push(
        &sandbox,
        &["out", &remote.name("acme/x:1.0"), "--platform", "linux/s390x"],
    )
    .failed(1)
    .stderr_has("linux/arm64")
    .stderr_lacks("unknown/unknown");
}

#[test]
fn annotations_of_the_index_stay() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let children = ["amd64", "arm64"].map(|architecture| image(&maker, "hello", architecture));
    let index = maker.json(
        OCI_INDEX,
        &json!({
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": children,
            "annotations": {"org.opencontainers.image.version": "1.0"},
        }),
    );
    finish(&maker, &[named(index, "1.0")]);
    push(
        &sandbox,
        &["out", &remote.name("acme/hello:1.0"), "--platform", "linux/amd64"],
    )
    .ok();
    let index = pushed_index(&remote, "acme/hello", "1.0");
    assert_eq!(index["annotations"], json!({"org.opencontainers.image.version": "1.0"}));
}

#[test]
fn variants_are_told_apart() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let variants = ["v6", "v7"].map(|variant| {
        let mut child = image(&maker, variant, "arm");
        child["platform"]["variant"] = variant.into();
        child
    });
    finish(&maker, &[named(index_of(&maker, &variants), "1.0")]);
    push(
        &sandbox,
        &["out", &remote.name("acme/arm:7"), "--platform", "linux/arm/v7"],
    )
    .ok();
    let index = pushed_index(&remote, "acme/arm", "7");
    assert_eq!(index["manifests"], json!([variants[1]]));
    push(
        &sandbox,
        &["out", &remote.name("acme/arm:8"), "--platform", "linux/arm/v8"],
    )
    .failed(1)
    .stderr_has("linux/arm/v6")
    .stderr_has("linux/arm/v7");
}

#[test]
fn a_single_image_is_of_its_own_platform() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let only = image(&maker, "one", "amd64");
    finish(&maker, &[named(only.clone(), "1.0")]);
    push(
        &sandbox,
        &["out", &remote.name("acme/one:1.0"), "--platform", "linux/amd64"],
    )
    .ok();
    assert_eq!(remote.registry.digest("acme/one", "1.0"), text(&only, "digest"));
    push(
        &sandbox,
        &["out", &remote.name("acme/one:2.0"), "--platform", "linux/arm64"],
    )
    .failed(1)
    .stderr_has("linux/arm64")
    .stderr_has("linux/amd64");
    assert_eq!(remote.registry.tags("acme/one"), ["1.0"]);
}

#[test]
fn every_image_of_a_layout_is_cut_to_the_platform() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let entries = ["a", "b"].map(|name| named(index(&maker, name), &format!("registry.test/acme/{name}:1.0")));
    finish(&maker, &entries);
    push(
        &sandbox,
        &["out", "--to", &remote.name("mirror"), "--platform", "linux/amd64"],
    )
    .ok();
    for repository in ["mirror/acme/a", "mirror/acme/b"] {
        let index = pushed_index(&remote, repository, "1.0");
        let platforms: Vec<_> = array(&index, "manifests")
            .iter()
            .map(|child| &child["platform"])
            .collect();
        assert_eq!(platforms, [&json!({"os": "linux", "architecture": "amd64"})]);
    }
}
