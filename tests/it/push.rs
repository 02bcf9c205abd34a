//! `airpack push` to a `docker-registry`: what arrives is what was there, and nothing more is asked than is needed.

mod bytes;
mod damaged;
mod mounts;
mod names;
mod only_what_is_missing;
mod platforms;
mod referrers;
mod to;

use serde_json::Value;

use crate::support::front::Request;
use crate::support::images::layout;
use crate::support::registry::WatchedRegistry;
use crate::support::{Run, Sandbox};

/// What the images of these tests are called in their layout.
const HELLO: &str = "registry.test/acme/hello:1.0";

/// A sandbox with [`HELLO`] in the layout `out`, for two platforms, and the digest of its index.
fn hello() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    let digest = layout(&sandbox.join("out"), HELLO, "hello");
    (sandbox, digest)
}

fn push(sandbox: &Sandbox, args: &[&str]) -> Run {
    sandbox.airpack(&[&["push"], args].concat())
}

/// What a push with `--json` says.
#[track_caller]
fn push_json(sandbox: &Sandbox, args: &[&str]) -> Value {
    let run = push(sandbox, &[args, &["--json"]].concat());
    run.ok();
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}{run}"))
}

/// Every request that may change something, in order.
fn changes(log: &[Request]) -> Vec<String> {
    let changing = log.iter().filter(|request| !request.only_looks());
    changing.map(Request::line).collect()
}

/// The registry was only looked at, if at all.
#[track_caller]
fn nothing_was_sent(remote: &WatchedRegistry) {
    assert_eq!(changes(&remote.front.log()), Vec::<String>::new());
    assert_eq!(remote.registry.repositories(), Vec::<String>::new());
}

/// The repository has this tag and no other, and all that it leads to.
#[track_caller]
fn has_whole_image(
    remote: &WatchedRegistry,
    repository: &str,
    tag: &str,
    layout: &crate::support::layout_view::LayoutView,
    digest: &str,
) {
    let entry = layout
        .entries()
        .iter()
        .find(|entry| entry["digest"] == digest)
        .unwrap_or_else(|| panic!("no {digest} in {:#}", layout.index_file()));
    let parts = crate::support::images::Parts::at(layout, entry);
    assert_eq!(remote.registry.manifest(repository, tag), layout.blob(digest));
    for manifest in parts.manifests() {
        assert_eq!(remote.registry.manifest(repository, &manifest), layout.blob(&manifest));
    }
    for blob in &parts.blobs {
        assert!(remote.registry.has_blob(repository, blob), "{repository} lacks {blob}");
    }
}
