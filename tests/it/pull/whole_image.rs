//! An image by tag, into a new layout and one that is there.

use std::fs;

use serde_json::{Value, json};

use super::{fetched, publish, pull, pull_json};
use crate::support::Sandbox;
use crate::support::images::{OCI_GZIP, Parts, layout};
use crate::support::layout_view::{
    IMAGE_NAME, LayoutView, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, REF_NAME, sha256, text,
};
use crate::support::registry::WatchedRegistry;
use crate::support::skopeo::require_skopeo;
use crate::support::snapshot::Snapshot;
use crate::support::tar_maker::gzip;

#[test]
fn a_new_layout_has_the_canonical_form() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let (published, digest) = publish(&remote, &sandbox, "acme/hello", "1.0", "hello");
    let run = pull(&sandbox, &[&remote.name("acme/hello:1.0"), "--layout", "out"]);
    assert_eq!(run.digest(), digest);
    let layout = LayoutView::open(sandbox.join("out"));
    layout.check_whole();
    assert_eq!(layout.blob_names(), published.blob_names());
    assert_eq!(layout.index_file()["schemaVersion"], 2);
    assert_eq!(layout.index_file()["mediaType"], OCI_INDEX);
    assert_eq!(
        layout.entries(),
        [json!({
            "mediaType": OCI_INDEX,
            "digest": digest,
            "size": published.blob(&digest).len(),
            "annotations": {
                IMAGE_NAME: remote.name("acme/hello:1.0"),
                REF_NAME: "1.0",
            },
        })]
    );
}

#[test]
fn what_skopeo_pushes_is_pulled_and_the_other_way() {
    let (Some(skopeo), Some(remote)) = (require_skopeo(), WatchedRegistry::plain()) else {
        return;
    };
    let sandbox = Sandbox::new();
    let digest = layout(&sandbox.join("theirs"), "1.0", "theirs");
    let name = remote.registry.name("acme/theirs:1.0");
    skopeo.copy(&sandbox, "oci:theirs:1.0", &format!("docker://{name}"));
    assert_eq!(pull(&sandbox, &[&name, "--layout", "ours"]).digest(), digest);
    let ours = LayoutView::open(sandbox.join("ours"));
    ours.check_whole();
    assert_eq!(ours.blob_names(), LayoutView::open(sandbox.join("theirs")).blob_names());
    // skopeo reads that layout, and sends it on unchanged
    let again = remote.registry.name("acme/again:1.0");
    skopeo.copy(&sandbox, "oci:ours:1.0", &format!("docker://{again}"));
    assert_eq!(remote.registry.manifest("acme/again", "1.0"), ours.blob(&digest));
    let raw = skopeo.run(&sandbox, &["inspect", "--raw", "oci:ours"]);
    assert_eq!(sha256(raw.stdout.as_bytes()), digest);
}

#[test]
fn a_single_image_becomes_an_entry_of_its_own() {
    let (Some(skopeo), Some(remote)) = (require_skopeo(), WatchedRegistry::plain()) else {
        return;
    };
    let sandbox = Sandbox::new();
    layout(&sandbox.join("theirs"), "1.0", "theirs");
    let name = remote.registry.name("acme/one:1.0");
    let to = format!("docker://{name}");
    let args = [
        "--override-arch=arm64",
        "copy",
        "--dest-tls-verify=false",
        "oci:theirs:1.0",
        &to,
    ];
    skopeo.run(&sandbox, &args);
    let digest = remote.registry.digest("acme/one", "1.0");
    assert_eq!(pull(&sandbox, &[&name, "--layout", "out"]).digest(), digest);
    let layout = LayoutView::open(sandbox.join("out"));
    layout.check_whole();
    assert_eq!(layout.entry("1.0")["mediaType"], OCI_MANIFEST);
}

#[test]
fn the_bytes_of_every_manifest_are_kept() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let registry = &remote.registry;
    let config = registry.put_blob(
        "acme/odd",
        OCI_CONFIG,
        b"{ \"os\":\"linux\",\n\"architecture\":\"amd64\" }",
    );
    let layer = registry.put_blob("acme/odd", OCI_GZIP, &gzip(b"any"));
    let manifest = format!(
        "{{\n\t\"x-unknown\" : 1.0e2,\r\n \"layers\":[{layer}],\"config\":{config}, \"mediaType\":\"{OCI_MANIFEST}\",\"schemaVersion\":2}}  \n"
    );
    let manifest = registry.put_manifest("acme/odd", "child", OCI_MANIFEST, manifest.as_bytes());
    let index = format!("{{\"manifests\":[{manifest}],\"mediaType\":\"{OCI_INDEX}\",\n\"schemaVersion\":2}}\n");
    let index = registry.put_manifest("acme/odd", "1.0", OCI_INDEX, index.as_bytes());
    let run = pull(&sandbox, &[&remote.name("acme/odd:1.0"), "--layout", "out"]);
    assert_eq!(run.digest(), text(&index, "digest"));
    let layout = LayoutView::open(sandbox.join("out"));
    for descriptor in [&index, &manifest] {
        let digest = text(descriptor, "digest");
        assert_eq!(layout.blob(digest), registry.manifest("acme/odd", digest));
    }
    layout.blob(text(&layer, "digest"));
}

#[test]
fn the_image_joins_what_the_layout_has() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let old = layout(&sandbox.join("out"), "registry.test/acme/old:old", "old");
    let before = LayoutView::open(sandbox.join("out"));
    let (_, digest) = publish(&remote, &sandbox, "acme/hello", "1.0", "hello");
    let run = pull(&sandbox, &[&remote.name("acme/hello:1.0"), "--layout", "out"]);
    assert_eq!(run.digest(), digest);
    let after = LayoutView::open(sandbox.join("out"));
    assert_eq!(after.entry("old"), before.entry("old"));
    assert_eq!(after.digest("old"), old);
    assert_eq!(after.digest("1.0"), digest);
    for name in before.blob_names() {
        assert!(after.blob_names().contains(&name));
    }
    // the layer that both share was there
    let shared = Parts::of(&before, "old");
    for blob in &shared.blobs {
        assert!(!fetched(&remote).contains(blob), "{blob} was fetched again");
    }
}

#[test]
fn a_second_pull_fetches_no_blob_and_writes_nothing() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let (published, digest) = publish(&remote, &sandbox, "acme/hello", "1.0", "hello");
    let args = [&*remote.name("acme/hello:1.0"), "--layout", "out"];
    pull(&sandbox, &args).ok();
    let mut expected: Vec<_> = published
        .blob_names()
        .iter()
        .map(|name| format!("sha256:{name}"))
        .collect();
    expected.retain(|one| *one != digest);
    // each once, the root by its tag
    assert_eq!(fetched(&remote), expected);
    remote.front.take_log();
    let blobs = Snapshot::of(sandbox.join("out/blobs"));
    let index_file = fs::read(sandbox.join("out/index.json")).unwrap();
    assert_eq!(pull(&sandbox, &args).digest(), digest);
    let log = remote.front.log();
    assert!(log.iter().all(|request| !request.is_for_blob()), "{log:#?}");
    blobs.assert_unchanged("a second pull");
    assert_eq!(fs::read(sandbox.join("out/index.json")).unwrap(), index_file);
}

#[test]
fn a_tag_that_has_moved_is_replaced_and_that_is_said() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let (_, first) = publish(&remote, &sandbox, "acme/hello", "1.0", "first");
    let args = [&*remote.name("acme/hello:1.0"), "--layout", "out"];
    pull(&sandbox, &args).ok();
    let (_, second) = publish(&remote, &sandbox, "acme/hello", "1.0", "second");
    let report = pull_json(&sandbox, &args);
    assert_eq!(report["images"][0]["digest"], second);
    assert_eq!(report["images"][0]["replaced"], first);
    let layout = LayoutView::open(sandbox.join("out"));
    assert_eq!(layout.digest("1.0"), second);
    assert_eq!(layout.entries().len(), 1);
    layout.check_whole_with_leftovers();
}

#[test]
fn the_report_says_what_was_done_with_each_part() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let (published, digest) = publish(&remote, &sandbox, "acme/hello", "1.0", "hello");
    let parts = Parts::of(&published, "published");
    let name = remote.name("acme/hello:1.0");
    let args = [&*name, "--layout", "out"];
    let size_of = |digest: &str| fs::metadata(published.blob_path(digest)).unwrap().len();
    let check = |report: &Value, action: &str| {
        let image = &report["images"][0];
        assert_eq!(image["name"], name);
        assert_eq!(image["digest"], digest);
        let mut found = Vec::new();
        for one in ["blobs", "manifests"]
            .iter()
            .flat_map(|list| image[*list].as_array().unwrap())
        {
            assert_eq!(one["action"], action, "{report:#}");
            assert_eq!(one["size"], size_of(text(one, "digest")));
            assert!(text(one, "mediaType").starts_with("application/vnd.oci.image."));
            found.push(text(one, "digest").to_owned());
        }
        let mut expected: Vec<_> = parts.blobs.iter().cloned().chain(parts.manifests()).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
    };
    let all: u64 = parts
        .blobs
        .iter()
        .chain(&parts.manifests())
        .map(|digest| size_of(digest))
        .sum();

    let planned = pull_json(&sandbox, &[&args[..], &["--dry-run"]].concat());
    assert_eq!(planned["dryRun"], true);
    assert_eq!(planned["fetchedBytes"], all);
    check(&planned, "fetch");

    let report = pull_json(&sandbox, &args);
    assert_eq!(report["layout"], "out");
    assert_eq!(report["fetchedBytes"], all);
    assert_eq!(report["images"][0]["fetchedBytes"], all);
    assert_eq!(report["images"][0]["refName"], "1.0");
    assert!(report["images"][0]["replaced"].is_null());
    check(&report, "fetched");

    let report = pull_json(&sandbox, &args);
    assert_eq!(report["fetchedBytes"], 0);
    check(&report, "existing");
}

#[test]
fn a_dry_run_writes_nothing_and_fetches_no_blob() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let (_, digest) = publish(&remote, &sandbox, "acme/hello", "1.0", "hello");
    let name = remote.name("acme/hello:1.0");
    pull(&sandbox, &[&name, "--layout", "out", "--dry-run"])
        .ok()
        .stdout_has(&digest);
    assert!(!sandbox.join("out").exists());
    let log = remote.front.log();
    assert!(
        log.iter()
            .all(|request| !(request.method == "GET" && request.is_for_blob()))
    );
    // and not into one that is there
    let before = layout(&sandbox.join("there"), "old", "old");
    let snapshot = Snapshot::of(sandbox.join("there"));
    pull(&sandbox, &[&name, "--layout", "there", "--dry-run"]).ok();
    snapshot.assert_unchanged("a dry run");
    assert_eq!(LayoutView::open(sandbox.join("there")).digest("old"), before);
}

#[test]
fn the_layout_may_be_far_down() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let (_, digest) = publish(&remote, &sandbox, "acme/hello", "1.0", "hello");
    let run = pull(
        &sandbox,
        &[&remote.name("acme/hello:1.0"), "--layout", "some/where/out.oci"],
    );
    assert_eq!(run.digest(), digest);
    LayoutView::open(sandbox.join("some/where/out.oci")).check_whole();
}

#[test]
fn what_is_pulled_can_be_pushed_unchanged() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let (published, digest) = publish(&remote, &sandbox, "acme/hello", "1.0", "hello");
    pull(&sandbox, &[&remote.name("acme/hello:1.0"), "--layout", "out"]).ok();
    sandbox.airpack(&["push", "out", &remote.name("back/hello:1.0")]).ok();
    assert_eq!(remote.registry.manifest("back/hello", "1.0"), published.blob(&digest));
    sandbox.airpack(&["push", "out", "--to", &remote.name("mirror")]).ok();
    assert_eq!(remote.registry.digest("mirror/acme/hello", "1.0"), digest);
}
