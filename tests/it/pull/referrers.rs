//! `--referrers`: what is about an image comes along, and can be pushed again.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{pull, pull_json};
use crate::support::Sandbox;
use crate::support::images::{finish, image, index_of, named, referrer};
use crate::support::layout_maker::LayoutMaker;
use crate::support::layout_view::{LayoutView, REF_NAME, text};
use crate::support::registry::WatchedRegistry;

struct Signed {
    sandbox: Sandbox,
    index: Value,
    referrers: Vec<Value>,
}

/// An index with a signature, a signature of that, and an SBOM of one image, all in the registry as `acme/hello:1.0`.
fn signed(remote: &WatchedRegistry) -> Signed {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("built"));
    let child = image(&maker, "hello", "amd64");
    let index = index_of(&maker, &[child.clone(), image(&maker, "hello", "arm64")]);
    let signature = referrer(&maker, &index, "application/x-signature");
    let of_signature = referrer(&maker, &signature, "application/x-signature");
    let of_child = referrer(&maker, &child, "application/x-sbom");
    let referrers = vec![signature, of_signature, of_child];
    let all = [&[named(index.clone(), "registry.test/acme/hello:1.0")], &referrers[..]].concat();
    finish(&maker, &all);
    let name = remote.registry.name("acme/hello:1.0");
    sandbox.airpack(&["push", "built:1.0", &name, "--referrers"]).ok();
    Signed {
        sandbox,
        index,
        referrers,
    }
}

fn digests(descriptors: &[Value]) -> BTreeSet<String> {
    descriptors.iter().map(|one| text(one, "digest").to_owned()).collect()
}

#[test]
fn they_become_untagged_entries() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let signed = signed(&remote);
    let name = remote.name("acme/hello:1.0");
    let report = pull_json(&signed.sandbox, &[&name, "--layout", "out", "--referrers"]);
    let layout = LayoutView::open(signed.sandbox.join("out"));
    assert_eq!(layout.digest("1.0"), text(&signed.index, "digest"));
    assert_eq!(layout.tags(), ["1.0"]);
    let untagged: Vec<_> = layout
        .entries()
        .iter()
        .filter(|entry| entry["annotations"][REF_NAME].is_null())
        .cloned()
        .collect();
    assert_eq!(
        digests(&untagged),
        digests(&signed.referrers),
        "{:#}",
        layout.index_file()
    );
    for entry in &untagged {
        assert_eq!(entry["size"], layout.blob(text(entry, "digest")).len());
    }
    // everything that was built is here again, and nothing else
    let built = LayoutView::open(signed.sandbox.join("built"));
    assert_eq!(layout.blob_names(), built.blob_names());
    let told: BTreeSet<_> = report["images"][0]["referrers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|digest| digest.as_str().unwrap_or_else(|| text(digest, "digest")).to_owned())
        .collect();
    assert_eq!(told, digests(&signed.referrers), "{report:#}");
}

#[test]
fn without_the_option_they_stay() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let signed = signed(&remote);
    pull(&signed.sandbox, &[&remote.name("acme/hello:1.0"), "--layout", "out"]).ok();
    let layout = LayoutView::open(signed.sandbox.join("out"));
    layout.check_whole();
    assert_eq!(layout.entries().len(), 1);
}

#[test]
fn a_second_time_nothing_is_added() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let signed = signed(&remote);
    let args = [&*remote.name("acme/hello:1.0"), "--layout", "out", "--referrers"];
    pull(&signed.sandbox, &args).ok();
    let before = std::fs::read(signed.sandbox.join("out/index.json")).unwrap();
    remote.front.take_log();
    pull(&signed.sandbox, &args).ok();
    assert_eq!(std::fs::read(signed.sandbox.join("out/index.json")).unwrap(), before);
    assert!(remote.front.log().iter().all(|request| !request.is_for_blob()));
}

#[test]
fn they_go_all_the_way_round() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let signed = signed(&remote);
    pull(
        &signed.sandbox,
        &[&remote.name("acme/hello:1.0"), "--layout", "out", "--referrers"],
    )
    .ok();
    signed
        .sandbox
        .airpack(&["push", "out:1.0", &remote.name("back/hello:1.0"), "--referrers"])
        .ok();
    let registry = &remote.registry;
    for tag in registry.tags("acme/hello") {
        let (there, back) = (
            registry.manifest("acme/hello", &tag),
            registry.manifest("back/hello", &tag),
        );
        let list = |bytes: &[u8]| -> BTreeSet<String> {
            let index: Value = serde_json::from_slice(bytes).unwrap();
            digests(index["manifests"].as_array().unwrap())
        };
        assert_eq!(list(&there), list(&back), "{tag}");
    }
    assert_eq!(registry.tags("acme/hello"), registry.tags("back/hello"));
}

#[test]
fn an_image_that_nothing_is_about() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let (_, digest) = super::publish(&remote, &sandbox, "acme/plain", "1.0", "plain");
    let run = pull(
        &sandbox,
        &[&remote.name("acme/plain:1.0"), "--layout", "out", "--referrers"],
    );
    assert_eq!(run.digest(), digest);
    LayoutView::open(sandbox.join("out")).check_whole();
}

#[test]
fn only_those_of_what_was_asked_for() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let signed = signed(&remote);
    let name = remote.name("acme/hello:1.0");
    let args = [&*name, "--layout", "out", "--referrers", "--platform", "linux/amd64"];
    pull(&signed.sandbox, &args).ok();
    let layout = LayoutView::open(signed.sandbox.join("out"));
    let untagged: Vec<_> = layout
        .entries()
        .iter()
        .filter(|entry| entry["annotations"][REF_NAME].is_null())
        .cloned()
        .collect();
    // the index that was signed is not here, the image is
    assert_eq!(
        digests(&untagged),
        digests(&signed.referrers[2..]),
        "{:#}",
        layout.index_file()
    );
}

#[test]
fn a_dry_run_lists_them_and_writes_nothing() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let signed = signed(&remote);
    let args = [
        &*remote.name("acme/hello:1.0"),
        "--layout",
        "out",
        "--referrers",
        "--dry-run",
    ];
    let report = pull_json(&signed.sandbox, &args);
    assert!(!signed.sandbox.join("out").exists());
    assert_eq!(report["images"][0]["referrers"].as_array().unwrap().len(), 3);
    let planned = report["fetchedBytes"].as_u64().unwrap();
    let report = pull_json(&signed.sandbox, &args[..4]);
    assert_eq!(report["fetchedBytes"], planned);
}
