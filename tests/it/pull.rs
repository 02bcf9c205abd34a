//! `airpack pull` from a `docker-registry`: the layout holds what the registry has, byte for byte, and no more is fetched
//! than is missing.

mod config;
mod continues;
mod docker_types;
mod names;
mod platforms;
mod referrers;
mod whole_image;

use serde_json::Value;

use crate::support::images::layout;
use crate::support::layout_view::LayoutView;
use crate::support::registry::WatchedRegistry;
use crate::support::{Run, Sandbox};

fn pull(sandbox: &Sandbox, args: &[&str]) -> Run {
    sandbox.airpack(&[&["pull"], args].concat())
}

/// What a pull with `--json` says.
#[track_caller]
fn pull_json(sandbox: &Sandbox, args: &[&str]) -> Value {
    let run = pull(sandbox, &[args, &["--json"]].concat());
    run.ok();
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}{run}"))
}

/// Puts an index of two platforms into the registry under this name; gives the layout it came from, and its digest.
#[track_caller]
fn publish(
    remote: &WatchedRegistry,
    sandbox: &Sandbox,
    repository: &str,
    tag: &str,
    seed: &str,
) -> (LayoutView, String) {
    let folder = format!("published-{seed}");
    let digest = layout(&sandbox.join(&folder), "published", seed);
    let name = remote.registry.name(&format!("{repository}:{tag}"));
    sandbox.airpack(&["push", &folder, &name]).ok();
    (LayoutView::open(sandbox.join(folder)), digest)
}

/// The blobs and manifests that were asked for with GET, by their digests; manifests asked for by tag are left out.
fn fetched(remote: &WatchedRegistry) -> Vec<String> {
    let log = remote.front.log();
    let mut digests: Vec<_> = log
        .iter()
        .filter(|request| request.method == "GET")
        .filter_map(|request| request.path().rsplit('/').next())
        .filter(|last| last.starts_with("sha256:"))
        .map(ToOwned::to_owned)
        .collect();
    digests.sort();
    digests
}
