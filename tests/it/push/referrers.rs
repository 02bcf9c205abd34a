//! `--referrers`: what is about an image goes along, and is listed under the fallback tag of registries without an API for it.

use serde_json::{Value, json};

use super::{changes, nothing_was_sent, push, push_json};
use crate::support::Sandbox;
use crate::support::images::{Parts, finish, image, index, index_of, named, referrer};
use crate::support::layout_maker::LayoutMaker;
use crate::support::layout_view::{LayoutView, OCI_INDEX, OCI_MANIFEST, array, text};
use crate::support::registry::{DebianRegistry, WatchedRegistry};

const SIGNATURE: &str = "application/x-signature";
const SBOM: &str = "application/x-sbom";

/// The tag under which what is about this is listed.
fn fallback(about: &Value) -> String {
    text(about, "digest").replace(':', "-")
}

/// What a repository lists as being about `about`.
fn listed(registry: &DebianRegistry, repository: &str, about: &Value) -> Vec<Value> {
    let got = registry.ask_manifest(repository, &fallback(about));
    if got.status == 404 {
        return Vec::new();
    }
    assert_eq!(got.header("content-type"), Some(OCI_INDEX), "{got}");
    let index: Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(index["schemaVersion"], 2);
    array(&index, "manifests").to_vec()
}

/// A layout with an index, a signature and an SBOM of it, a signature of the signature, and an SBOM of one image.
struct Signed {
    sandbox: Sandbox,
    index: Value,
    child: Value,
    signature: Value,
    sbom: Value,
    of_signature: Value,
    of_child: Value,
}

fn signed() -> Signed {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let child = image(&maker, "hello", "amd64");
    let index = index_of(&maker, &[child.clone(), image(&maker, "hello", "arm64")]);
    let signature = referrer(&maker, &index, SIGNATURE);
    let sbom = referrer(&maker, &index, SBOM);
    let of_signature = referrer(&maker, &signature, SIGNATURE);
    let of_child = referrer(&maker, &child, SBOM);
    let entries = [
        named(index.clone(), "registry.test/acme/hello:1.0"),
        signature.clone(),
        sbom.clone(),
        of_signature.clone(),
        of_child.clone(),
    ];
    finish(&maker, &entries);
    Signed {
        sandbox,
        index,
        child,
        signature,
        sbom,
        of_signature,
        of_child,
    }
}

/// The descriptor as lists have it.
fn as_listed(descriptor: &Value) -> Value {
    let mut listed = json!({
        "mediaType": OCI_MANIFEST,
        "digest": descriptor["digest"],
        "size": descriptor["size"],
        "artifactType": descriptor["artifactType"],
    });
    listed["annotations"] = json!({"test.about": "an image"});
    listed
}

fn sorted(mut list: Vec<Value>) -> Vec<Value> {
    list.sort_by_key(|one| text(one, "digest").to_owned());
    list
}

#[track_caller]
fn check_listed(registry: &DebianRegistry, repository: &str, about: &Value, expected: &[&Value]) {
    let expected = sorted(expected.iter().map(|one| as_listed(one)).collect());
    assert_eq!(sorted(listed(registry, repository, about)), expected);
    for one in expected {
        assert_eq!(registry.ask_manifest(repository, text(&one, "digest")).status, 200);
    }
}

#[test]
fn without_the_option_they_stay() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let signed = signed();
    push(&signed.sandbox, &["out", &remote.name("acme/hello:1.0")]).ok();
    assert_eq!(remote.registry.tags("acme/hello"), ["1.0"]);
    let digest = text(&signed.signature, "digest");
    assert_eq!(remote.registry.ask_manifest("acme/hello", digest).status, 404);
}

#[test]
fn with_it_they_go_along_and_are_listed() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let signed = signed();
    let report = push_json(&signed.sandbox, &["out", &remote.name("acme/hello:1.0"), "--referrers"]);
    let registry = &remote.registry;
    assert_eq!(registry.digest("acme/hello", "1.0"), text(&signed.index, "digest"));
    check_listed(
        registry,
        "acme/hello",
        &signed.index,
        &[&signed.signature, &signed.sbom],
    );
    check_listed(registry, "acme/hello", &signed.signature, &[&signed.of_signature]);
    check_listed(registry, "acme/hello", &signed.child, &[&signed.of_child]);
    let view = LayoutView::open(signed.sandbox.join("out"));
    for one in [&signed.signature, &signed.sbom, &signed.of_signature, &signed.of_child] {
        for blob in Parts::at(&view, one).blobs {
            assert!(registry.has_blob("acme/hello", &blob), "{one} {blob}");
        }
    }
    let mut told: Vec<_> = array(&report["images"][0], "referrers")
        .iter()
        .map(|one| text(one, "digest").to_owned())
        .collect();
    told.sort();
    let mut expected = [&signed.signature, &signed.sbom, &signed.of_signature, &signed.of_child]
        .map(|one| text(one, "digest").to_owned());
    expected.sort();
    assert_eq!(told, expected, "{report:#}");
}

#[test]
fn they_come_after_what_they_are_about() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let signed = signed();
    push(&signed.sandbox, &["out", &remote.name("acme/hello:1.0"), "--referrers"]).ok();
    let lines = changes(&remote.front.log());
    let at = |reference: &str| {
        let line = format!("PUT /v2/acme/hello/manifests/{reference}");
        lines
            .iter()
            .position(|other| *other == line)
            .unwrap_or_else(|| panic!("{line} in {lines:#?}"))
    };
    let (tag, signature) = (at("1.0"), at(text(&signed.signature, "digest")));
    assert!(tag < signature);
    assert!(signature < at(&fallback(&signed.index)));
}

#[test]
fn a_second_time_nothing_changes() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let signed = signed();
    let args = ["out", &remote.name("acme/hello:1.0"), "--referrers"];
    push(&signed.sandbox, &args).ok();
    let before: Vec<_> = remote
        .registry
        .tags("acme/hello")
        .iter()
        .map(|tag| remote.registry.digest("acme/hello", tag))
        .collect();
    push(&signed.sandbox, &args).ok();
    let after: Vec<_> = remote
        .registry
        .tags("acme/hello")
        .iter()
        .map(|tag| remote.registry.digest("acme/hello", tag))
        .collect();
    assert_eq!(before, after);
    check_listed(
        &remote.registry,
        "acme/hello",
        &signed.index,
        &[&signed.signature, &signed.sbom],
    );
}

#[test]
fn those_of_others_stay_listed() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let signed = signed();
    let name = remote.name("acme/hello:1.0");
    push(&signed.sandbox, &["out", &name]).ok();
    // somebody else has signed it
    let theirs = Sandbox::new();
    let maker = LayoutMaker::new(&theirs.join("out"));
    let their_index = index_of(
        &maker,
        &[image(&maker, "hello", "amd64"), image(&maker, "hello", "arm64")],
    );
    assert_eq!(their_index["digest"], signed.index["digest"]);
    let foreign = referrer(&maker, &their_index, "application/x-foreign");
    finish(&maker, &[named(their_index, "1.0"), foreign.clone()]);
    push(&theirs, &["out:1.0", &name, "--referrers"]).ok();
    check_listed(&remote.registry, "acme/hello", &signed.index, &[&foreign]);
    push(&signed.sandbox, &["out", &name, "--referrers"]).ok();
    let all = [&foreign, &signed.signature, &signed.sbom];
    check_listed(&remote.registry, "acme/hello", &signed.index, &all);
}

#[test]
fn a_list_under_the_fallback_tag_of_a_layout_counts() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let index = index(&maker, "hello");
    let signature = referrer(&maker, &index, SIGNATURE);
    let list = index_of(&maker, &[as_listed(&signature)]);
    let entries = [
        named(index.clone(), "registry.test/acme/hello:1.0"),
        named(list, &format!("registry.test/acme/hello:{}", fallback(&index))),
    ];
    finish(&maker, &entries);
    push(&sandbox, &["out:1.0", &remote.name("acme/hello:1.0"), "--referrers"]).ok();
    check_listed(&remote.registry, "acme/hello", &index, &[&signature]);
}

#[test]
fn they_go_below_the_prefix_too() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let signed = signed();
    push(&signed.sandbox, &["out", "--to", &remote.name("mirror"), "--referrers"]).ok();
    let registry = &remote.registry;
    check_listed(
        registry,
        "mirror/acme/hello",
        &signed.index,
        &[&signed.signature, &signed.sbom],
    );
    check_listed(registry, "mirror/acme/hello", &signed.child, &[&signed.of_child]);
}

#[test]
fn those_of_another_image_stay() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let (wanted, other) = (index(&maker, "wanted"), index(&maker, "other"));
    let of_other = referrer(&maker, &other, SIGNATURE);
    finish(
        &maker,
        &[
            named(wanted, "registry.test/acme/a:a"),
            named(other.clone(), "registry.test/acme/b:b"),
            of_other.clone(),
        ],
    );
    push(&sandbox, &["out:a", &remote.name("acme/a:a"), "--referrers"]).ok();
    assert_eq!(remote.registry.tags("acme/a"), ["a"]);
    assert_eq!(
        remote.registry.ask_manifest("acme/a", text(&of_other, "digest")).status,
        404
    );
}

#[test]
fn a_dry_run_lists_them_and_sends_nothing() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let signed = signed();
    let args = ["out", &remote.name("acme/hello:1.0"), "--referrers", "--dry-run"];
    let report = push_json(&signed.sandbox, &args);
    nothing_was_sent(&remote);
    assert_eq!(array(&report["images"][0], "referrers").len(), 4, "{report:#}");
    let planned = report["bytesToSend"].as_u64().unwrap();
    let report = push_json(&signed.sandbox, &args[..3]);
    assert_eq!(report["sentBytes"], planned);
}
