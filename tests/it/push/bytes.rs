//! What arrives is the same, byte for byte, whoever sends and whoever asks; and it arrives in the right order.

use std::fs;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{HELLO, changes, has_whole_image, hello, push};
use crate::support::images::{OCI_GZIP, Parts, finish, image, index, layout, named};
use crate::support::layout_maker::{LayoutMaker, tar_of};
use crate::support::layout_view::{LayoutView, OCI_CONFIG, OCI_MANIFEST, sha256, text};
use crate::support::registry::WatchedRegistry;
use crate::support::skopeo::require_skopeo;
use crate::support::{Sandbox, simple_buildpack};

#[test]
fn an_index_keeps_its_digest_all_the_way_round() {
    let (Some(skopeo), Some(remote)) = (require_skopeo(), WatchedRegistry::plain()) else {
        return;
    };
    let sandbox = Sandbox::new();
    simple_buildpack(
        &sandbox,
        "bp",
        "acme/hello",
        &["linux/amd64", "linux/arm64", "linux/arm/v7"],
    );
    let package = ["buildpack", "package", HELLO, "--path", "bp", "--layout", "out"];
    let digest = sandbox.airpack(&package).digest().to_owned();
    let name = remote.name("acme/hello:1.0");
    let run = push(&sandbox, &["out:1.0", &name]);
    run.ok();
    assert_eq!(run.stdout, format!("{}@{digest}\n", remote.name("acme/hello")));
    let layout = LayoutView::open(sandbox.join("out"));
    has_whole_image(&remote, "acme/hello", "1.0", &layout, &digest);
    assert_eq!(remote.registry.tags("acme/hello"), ["1.0"]);
    // skopeo sees the same
    let name = remote.registry.name("acme/hello:1.0");
    assert_eq!(skopeo.raw(&sandbox, &name), layout.blob(&digest));
    skopeo.copy(&sandbox, &format!("docker://{name}"), "oci:theirs:1.0");
    let theirs = LayoutView::open(sandbox.join("theirs"));
    assert_eq!(theirs.digest("1.0"), digest);
    assert_eq!(theirs.blob_names(), layout.blob_names());
    // and sends the same
    skopeo.copy(
        &sandbox,
        "oci:out:1.0",
        &format!("docker://{}", remote.registry.name("theirs/hello:1.0")),
    );
    assert_eq!(remote.registry.digest("theirs/hello", "1.0"), digest);
    // and what comes back is the same
    let pull = ["pull", &remote.name("theirs/hello:1.0"), "--layout", "back"];
    assert_eq!(sandbox.airpack(&pull).digest(), digest);
    let back = LayoutView::open(sandbox.join("back"));
    back.check_whole();
    assert_eq!(back.blob_names(), layout.blob_names());
}

#[test]
fn skopeo_inspects_each_platform() {
    let (Some(skopeo), Some(remote)) = (require_skopeo(), WatchedRegistry::plain()) else {
        return;
    };
    let (sandbox, _) = hello();
    push(&sandbox, &["out", &remote.name("acme/hello:1.0")]).ok();
    let name = format!("docker://{}", remote.registry.name("acme/hello:1.0"));
    let layout = LayoutView::open(sandbox.join("out")).image_index("1.0");
    for architecture in ["amd64", "arm64"] {
        let args = [
            "--override-os=linux",
            "--override-arch",
            architecture,
            "inspect",
            "--tls-verify=false",
            &name,
        ];
        let found: serde_json::Value = serde_json::from_str(&skopeo.run(&sandbox, &args).stdout).unwrap();
        let image = layout.child(&format!("linux/{architecture}"));
        let layers: Vec<_> = image
            .layers
            .iter()
            .map(|layer| layer.descriptor["digest"].clone())
            .collect();
        assert_eq!(found["Architecture"], architecture);
        assert_eq!(found["Layers"], json!(layers));
        assert_eq!(found["Labels"], json!({"test.label": "some text"}));
        assert_eq!(found["RepoTags"], json!(["1.0"]));
    }
}

#[test]
fn a_single_image_is_pushed_as_it_is() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let image = image(&maker, "one", "amd64");
    finish(&maker, &[named(image.clone(), "1.0")]);
    let run = push(&sandbox, &["out", &remote.name("acme/one:1.0")]);
    assert_eq!(
        run.ok().stdout,
        format!("{}@{}\n", remote.name("acme/one"), text(&image, "digest"))
    );
    let layout = LayoutView::open(sandbox.join("out"));
    has_whole_image(&remote, "acme/one", "1.0", &layout, text(&image, "digest"));
    let got = remote.registry.ask_manifest("acme/one", "1.0");
    assert_eq!(got.header("content-type"), Some(OCI_MANIFEST));
}

#[test]
fn bytes_of_manifests_are_not_written_anew() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let config = maker.json(OCI_CONFIG, &json!({"os": "linux", "architecture": "amd64"}));
    // fields that nobody knows, an order that nobody writes, spaces, and an escape that need not be
    let manifest = format!(
        "{{ \"x-unknown\": [1.50, {{}}],\n\t\"layers\": [], \"config\": {config},\r\n \"mediaType\": \"{OCI_MANIFEST}\", \
         \"schemaVersion\": 2, \"annotations\": {{\"b\": \"\\u0041\", \"a\": \"<&>\"}} }}\n\n"
    );
    let descriptor = maker.blob(OCI_MANIFEST, manifest.as_bytes());
    finish(&maker, &[named(descriptor.clone(), "1.0")]);
    push(&sandbox, &["out", &remote.name("acme/odd:1.0")]).ok();
    assert_eq!(remote.registry.manifest("acme/odd", "1.0"), manifest.as_bytes());
    let pull = ["pull", &remote.name("acme/odd:1.0"), "--layout", "back"];
    assert_eq!(sandbox.airpack(&pull).digest(), text(&descriptor, "digest"));
    let back = LayoutView::open(sandbox.join("back"));
    assert_eq!(back.blob(text(&descriptor, "digest")), manifest.as_bytes());
}

#[test]
fn nobody_sees_half_an_image() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, digest) = hello();
    push(&sandbox, &["out", &remote.name("acme/hello:1.0"), "--tag", "latest"]).ok();
    let parts = Parts::of(&LayoutView::open(sandbox.join("out")), "1.0");
    let lines = changes(&remote.front.log());
    let (tags, before): (Vec<_>, Vec<_>) = lines
        .iter()
        .partition(|line| line.ends_with("/manifests/1.0") || line.ends_with("/manifests/latest"));
    assert_eq!(tags.len(), 2);
    // the tags come last
    assert_eq!(lines[lines.len() - 2..], tags.into_iter().cloned().collect::<Vec<_>>());
    let last_blob = before.iter().rposition(|line| line.contains("/blobs/")).unwrap();
    let mut puts: Vec<_> = before[last_blob + 1..].iter().map(|line| (*line).clone()).collect();
    puts.sort();
    let mut expected: Vec<_> = parts
        .children
        .iter()
        .map(|child| format!("PUT /v2/acme/hello/manifests/{child}"))
        .collect();
    expected.sort();
    // the root goes under its tags only, or by its digest before that
    puts.retain(|line| !line.ends_with(&digest));
    assert_eq!(puts, expected, "{lines:#?}");
    // nothing is sent twice, and each blob as a whole
    for blob in &parts.blobs {
        let hex = blob.replace(':', "%3A");
        let sent = lines
            .iter()
            .filter(|line| line.starts_with("PUT") && (line.contains(blob) || line.contains(&hex)));
        assert_eq!(sent.count(), 1, "{blob} in {lines:#?}");
    }
    let of_method = |method: &str| lines.iter().filter(|line| line.starts_with(method)).count();
    assert_eq!(of_method("POST"), parts.blobs.len());
    assert_eq!(of_method("PATCH"), 0);
}

/// So many bytes that can not be compressed.
fn noise(length: usize) -> Vec<u8> {
    let mut block = Sha256::digest(b"noise").to_vec();
    let mut bytes = Vec::new();
    while bytes.len() < length {
        block = Sha256::digest(&block).to_vec();
        bytes.extend_from_slice(&block);
    }
    bytes.truncate(length);
    bytes
}

/// A layout with an image whose layer is a few megabytes; gives the layer's digest.
fn big(sandbox: &Sandbox) -> String {
    let maker = LayoutMaker::new(&sandbox.join("big"));
    let content = hex::encode(noise(1_800_000));
    let tar = tar_of(&[("noise", &content)]);
    let layer = maker.blob("application/vnd.oci.image.layer.v1.tar", &tar);
    let image = maker.image_of(
        OCI_MANIFEST,
        OCI_CONFIG,
        "amd64",
        std::slice::from_ref(&layer),
        &[sha256(&tar)],
    );
    finish(&maker, &[named(image, "1.0")]);
    text(&layer, "digest").to_owned()
}

#[test]
fn a_blob_goes_in_chunks_where_that_is_asked_for() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let layer = big(&sandbox);
    push(&sandbox, &["big", &remote.name("acme/big:1.0"), "--chunk-size", "1"]).ok();
    let layout = LayoutView::open(sandbox.join("big"));
    has_whole_image(&remote, "acme/big", "1.0", &layout, layout.digest("1.0"));
    let length = fs::metadata(layout.blob_path(&layer)).unwrap().len();
    // the ranges of one upload follow each other and are no longer than a mebibyte
    let log = remote.front.log();
    let patches: Vec<_> = log
        .iter()
        .filter(|request| request.method == "PATCH")
        .filter_map(|request| request.header("content-range"))
        .filter_map(|range| range.split_once('-'))
        .map(|(first, last)| (first.parse::<u64>().unwrap(), last.parse::<u64>().unwrap()))
        .collect();
    // the config is but a few bytes long
    let of_layer: Vec<_> = patches.iter().filter(|(first, last)| last - first > 10_000).collect();
    let mut next = 0;
    for (first, last) in of_layer {
        assert!(last - first < 1 << 20, "{patches:?}");
        assert_eq!(*first, next, "{patches:?}");
        next = last + 1;
    }
    assert_eq!(next, length, "{patches:?}");
}

#[test]
fn a_big_blob_goes_as_a_whole_otherwise() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let layer = big(&sandbox);
    push(&sandbox, &["big", &remote.name("acme/big:1.0")]).ok();
    assert!(remote.registry.has_blob("acme/big", &layer));
    let log = remote.front.log();
    assert!(log.iter().all(|request| request.method != "PATCH"));
    let layout = LayoutView::open(sandbox.join("big"));
    let length = fs::metadata(layout.blob_path(&layer)).unwrap().len().to_string();
    let sent = log
        .iter()
        .find(|request| request.header("content-length") == Some(&length));
    assert_eq!(sent.map(|request| request.method.as_str()), Some("PUT"));
}

#[test]
fn an_index_in_an_index_goes_too() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let inner = index(&maker, "inner");
    let outer = crate::support::images::index_of(&maker, &[inner, image(&maker, "outer", "riscv64")]);
    finish(&maker, &[named(outer.clone(), "1.0")]);
    push(&sandbox, &["out", &remote.name("acme/nested:1.0")]).ok();
    let layout = LayoutView::open(sandbox.join("out"));
    has_whole_image(&remote, "acme/nested", "1.0", &layout, text(&outer, "digest"));
}

#[test]
fn one_blob_in_two_roles_goes_once() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let tar = tar_of(&[("same", "same\n")]);
    let layer = maker.blob(OCI_GZIP, &crate::support::tar_maker::gzip(&tar));
    let (layers, ids) = (
        [layer.clone(), layer.clone(), layer],
        [sha256(&tar), sha256(&tar), sha256(&tar)],
    );
    let image = maker.image_of(OCI_MANIFEST, OCI_CONFIG, "amd64", &layers, &ids);
    finish(&maker, &[named(image, "1.0")]);
    push(&sandbox, &["out", &remote.name("acme/same:1.0")]).ok();
    let log = remote.front.log();
    let posts = log.iter().filter(|request| request.method == "POST").count();
    assert_eq!(posts, 2, "a layer and a config");
}

#[test]
fn many_small_blobs_go_with_any_number_of_jobs() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    for jobs in ["1", "2", "16"] {
        let sandbox = Sandbox::new();
        let maker = LayoutMaker::new(&sandbox.join("out"));
        let tars: Vec<_> = (0..24)
            .map(|at| tar_of(&[("file", &format!("{at} of {jobs}"))]))
            .collect();
        let layers: Vec<_> = tars
            .iter()
            .map(|tar| maker.blob("application/vnd.oci.image.layer.v1.tar", tar))
            .collect();
        let ids: Vec<_> = tars.iter().map(|tar| sha256(tar)).collect();
        let image = maker.image_of(OCI_MANIFEST, OCI_CONFIG, "amd64", &layers, &ids);
        finish(&maker, &[named(image.clone(), "1.0")]);
        let name = format!("acme/jobs-{jobs}");
        push(&sandbox, &["out", &remote.name(&format!("{name}:1.0")), "--jobs", jobs]).ok();
        let view = LayoutView::open(sandbox.join("out"));
        has_whole_image(&remote, &name, "1.0", &view, text(&image, "digest"));
    }
}

#[test]
fn two_layouts_with_the_same_content_give_the_same() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let first = layout(&sandbox.join("first"), HELLO, "same");
    let second = layout(&sandbox.join("second"), "2.0", "same");
    assert_eq!(first, second);
    push(&sandbox, &["first", &remote.name("acme/same:1")]).ok();
    remote.front.take_log();
    push(&sandbox, &["second", &remote.name("acme/same:2")]).ok();
    // the manifests are there, and with them all that they lead to
    assert_eq!(changes(&remote.front.log()), ["PUT /v2/acme/same/manifests/2"]);
}
