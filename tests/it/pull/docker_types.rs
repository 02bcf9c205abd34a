//! Images as Docker writes them are kept as they are; those of old are refused.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::pull;
use crate::support::Sandbox;
use crate::support::images::{OCI_GZIP, Parts, finish, layout, named};
use crate::support::layout_maker::{LayoutMaker, tar_of};
use crate::support::layout_view::{LayoutView, OCI_CONFIG, OCI_MANIFEST, sha256, text};
use crate::support::registry::{DOCKER_LIST, DOCKER_MANIFEST, Setup, WatchedRegistry};
use crate::support::skopeo::require_skopeo;
use crate::support::tar_maker::gzip;

const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

#[test]
fn an_image_that_skopeo_pushed_in_docker_s_format() {
    let (Some(skopeo), Some(remote)) = (require_skopeo(), WatchedRegistry::plain()) else {
        return;
    };
    let sandbox = Sandbox::new();
    layout(&sandbox.join("theirs"), "1.0", "theirs");
    let name = remote.registry.name("acme/docker:1.0");
    let to = format!("docker://{name}");
    let how = ["copy", "--format=v2s2", "--dest-tls-verify=false"];
    skopeo.run(
        &sandbox,
        &[&how[..], &["--override-arch=amd64", "oci:theirs:1.0", &to]].concat(),
    );
    let got = remote.registry.ask_manifest("acme/docker", "1.0");
    assert_eq!(got.header("content-type"), Some(DOCKER_MANIFEST));
    let run = pull(&sandbox, &[&remote.name("acme/docker:1.0"), "--layout", "out"]);
    assert_eq!(run.digest(), got.digest());
    let layout = LayoutView::open(sandbox.join("out"));
    layout.check_whole();
    assert_eq!(layout.entry("1.0")["mediaType"], DOCKER_MANIFEST);
    assert_eq!(layout.blob(&got.digest()), got.body);
    // it goes back as it came
    sandbox.airpack(&["push", "out", &remote.name("back/docker:1.0")]).ok();
    let back = remote.registry.ask_manifest("back/docker", "1.0");
    assert_eq!(back.header("content-type"), Some(DOCKER_MANIFEST));
    assert_eq!(back.body, got.body);
}

#[test]
fn a_list_of_images_for_several_platforms() {
    let (Some(skopeo), Some(remote)) = (require_skopeo(), WatchedRegistry::plain()) else {
        return;
    };
    let sandbox = Sandbox::new();
    layout(&sandbox.join("theirs"), "1.0", "theirs");
    let to = format!("docker://{}", remote.registry.name("acme/docker:1.0"));
    let how = ["copy", "--all", "--format=v2s2", "--dest-tls-verify=false"];
    skopeo.run(&sandbox, &[&how[..], &["oci:theirs:1.0", &to]].concat());
    let got = remote.registry.ask_manifest("acme/docker", "1.0");
    assert_eq!(got.header("content-type"), Some(DOCKER_LIST));
    let run = pull(&sandbox, &[&remote.name("acme/docker:1.0"), "--layout", "out"]);
    assert_eq!(run.digest(), got.digest());
    let layout = LayoutView::open(sandbox.join("out"));
    layout.check_whole();
    assert_eq!(layout.entry("1.0")["mediaType"], DOCKER_LIST);
    assert_eq!(layout.blob(&got.digest()), got.body);
    for child in &Parts::of(&layout, "1.0").children {
        assert_eq!(layout.blob(child), remote.registry.manifest("acme/docker", child));
    }
    // it goes back as it came, all of it
    sandbox.airpack(&["push", "out", &remote.name("back/docker:1.0")]).ok();
    let back = remote.registry.ask_manifest("back/docker", "1.0");
    assert_eq!(back.header("content-type"), Some(DOCKER_LIST));
    assert_eq!(back.body, got.body);
    let raw = skopeo.raw(&sandbox, &remote.registry.name("back/docker:1.0"));
    assert_eq!(raw, got.body);
    skopeo.copy(
        &sandbox,
        &format!("docker://{}", remote.registry.name("back/docker:1.0")),
        "dir:copied",
    );
}

#[test]
fn some_platforms_of_a_list() {
    let (Some(skopeo), Some(remote)) = (require_skopeo(), WatchedRegistry::plain()) else {
        return;
    };
    let sandbox = Sandbox::new();
    layout(&sandbox.join("theirs"), "1.0", "theirs");
    let to = format!("docker://{}", remote.registry.name("acme/docker:1.0"));
    let how = ["copy", "--all", "--format=v2s2", "--dest-tls-verify=false"];
    skopeo.run(&sandbox, &[&how[..], &["oci:theirs:1.0", &to]].concat());
    let whole: Value = serde_json::from_slice(&remote.registry.manifest("acme/docker", "1.0")).unwrap();
    let name = remote.name("acme/docker:1.0");
    pull(&sandbox, &[&name, "--layout", "out", "--platform", "linux/arm64"]).ok();
    let layout = LayoutView::open(sandbox.join("out"));
    layout.check_whole();
    let index = layout.json(layout.digest("1.0"));
    let children = index["manifests"].as_array().unwrap();
    assert_eq!(children.len(), 1);
    let original = whole["manifests"].as_array().unwrap();
    let original = original
        .iter()
        .find(|child| child["platform"]["architecture"] == "arm64")
        .unwrap();
    assert_eq!(children[0]["digest"], original["digest"]);
    assert_eq!(children[0]["mediaType"], DOCKER_MANIFEST);
    let child = text(original, "digest");
    assert_eq!(layout.blob(child), remote.registry.manifest("acme/docker", child));
}

#[test]
fn a_list_by_hand_keeps_every_byte() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let registry = &remote.registry;
    let mut children = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let tar = tar_of(&[("file", architecture)]);
        let layer = registry.put_blob("acme/hand", DOCKER_LAYER, &gzip(&tar));
        let config = json!({
            "os": "linux",
            "architecture": architecture,
            "rootfs": {"type": "layers", "diff_ids": [sha256(&tar)]},
        });
        let config = registry.put_blob("acme/hand", DOCKER_CONFIG, config.to_string().as_bytes());
        let manifest = format!(
            "{{\n   \"schemaVersion\": 2,\n   \"mediaType\": \"{DOCKER_MANIFEST}\",\n   \"config\": {config},\n   \"layers\": [{layer}]\n}}"
        );
        let mut child = registry.put_manifest("acme/hand", architecture, DOCKER_MANIFEST, manifest.as_bytes());
        child["platform"] = json!({"architecture": architecture, "os": "linux"});
        children.push(child);
    }
    let list = json!({"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": children});
    let list = format!("{list:#}\n");
    let list = registry.put_manifest("acme/hand", "1.0", DOCKER_LIST, list.as_bytes());
    let run = pull(&sandbox, &[&remote.name("acme/hand:1.0"), "--layout", "out"]);
    assert_eq!(run.digest(), text(&list, "digest"));
    let layout = LayoutView::open(sandbox.join("out"));
    layout.check_whole();
    for descriptor in children.iter().chain([&list]) {
        let digest = text(descriptor, "digest");
        assert_eq!(layout.blob(digest), registry.manifest("acme/hand", digest));
    }
    let names: BTreeSet<_> = layout.blob_names();
    assert_eq!(names.len(), 7, "a list, and two images with a config and a layer each");
}

/// A layout with an image `1.0` whose config tells how it came about: those of old consist of that.
fn with_history(sandbox: &Sandbox, folder: &str) {
    let maker = LayoutMaker::new(&sandbox.join(folder));
    let tar = tar_of(&[("file", "text")]);
    let config = json!({
        "os": "linux",
        "architecture": "amd64",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [sha256(&tar)]},
        "history": [{"created_by": "test"}],
    });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": maker.json(OCI_CONFIG, &config),
        "layers": [maker.blob(OCI_GZIP, &gzip(&tar))],
    });
    finish(&maker, &[named(maker.json(OCI_MANIFEST, &manifest), "1.0")]);
}

#[test]
fn an_image_of_schema_1_is_refused() {
    let Some(skopeo) = require_skopeo() else { return };
    let Some(registry) = Setup::default().accepts_schema_1().start() else {
        return;
    };
    let remote = WatchedRegistry::new(registry);
    let sandbox = Sandbox::new();
    with_history(&sandbox, "theirs");
    let to = format!("docker://{}", remote.registry.name("acme/old:1.0"));
    let how = [
        "--override-arch=amd64",
        "copy",
        "--format=v2s1",
        "--dest-tls-verify=false",
    ];
    skopeo.run(&sandbox, &[&how[..], &["oci:theirs:1.0", &to]].concat());
    let got = remote.registry.ask_manifest("acme/old", "1.0");
    let content: Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(content["schemaVersion"], 1);
    let name = remote.name("acme/old:1.0");
    pull(&sandbox, &[&name, "--layout", "out"])
        .failed(1)
        .stderr_has("schema 1")
        .stderr_has("acme/old");
    let log = remote.front.log();
    assert!(log.iter().all(|request| !request.is_for_blob()));
    if sandbox.join("out/index.json").exists() {
        assert!(LayoutView::open(sandbox.join("out")).entries().is_empty());
    }
}
