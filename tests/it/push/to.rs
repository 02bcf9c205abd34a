//! `--to`: everything that a layout holds, each image under its own path and tag.

use serde_json::json;

use super::{changes, has_whole_image, nothing_was_sent, push, push_json};
use crate::support::Sandbox;
use crate::support::images::{attestation, finish, image, index, index_of, named, referrer};
use crate::support::layout_maker::LayoutMaker;
use crate::support::layout_view::{LayoutView, text};
use crate::support::registry::WatchedRegistry;

/// A layout `out` with an index for each of these names, each with content of its own. Gives their digests.
fn layout_of(sandbox: &Sandbox, names: &[&str]) -> Vec<String> {
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let entries: Vec<_> = names.iter().map(|name| named(index(&maker, name), name)).collect();
    finish(&maker, &entries);
    entries.iter().map(|entry| text(entry, "digest").to_owned()).collect()
}

#[test]
fn every_image_goes_below_the_prefix_without_its_host() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let names = [
        "registry.test/acme/hello:1.0",
        "registry.test/acme/tools/deep/er:2.0",
        "other.test:5000/single:latest",
        "docker.io/library/busybox:1.36",
    ];
    let digests = layout_of(&sandbox, &names);
    let view = LayoutView::open(sandbox.join("out"));
    for prefix in ["", "/mirror", "/mirror/of/all", "/slash/"] {
        let to = format!("{}{prefix}", remote.front.address());
        let run = push(&sandbox, &["out", "--to", &to]);
        let below = prefix.trim_matches('/');
        let below = if below.is_empty() {
            String::new()
        } else {
            format!("{below}/")
        };
        let expected = [
            ("acme/hello", "1.0"),
            ("acme/tools/deep/er", "2.0"),
            ("single", "latest"),
            ("library/busybox", "1.36"),
        ];
        let mut lines = Vec::new();
        for ((repository, tag), digest) in expected.iter().zip(&digests) {
            let repository = format!("{below}{repository}");
            has_whole_image(&remote, &repository, tag, &view, digest);
            assert_eq!(remote.registry.tags(&repository), [*tag]);
            lines.push(format!("{}@{digest}", remote.name(&repository)));
        }
        let found: Vec<_> = run.ok().stdout.lines().collect();
        assert_eq!(found, lines, "{prefix:?}");
    }
}

#[test]
fn two_images_that_would_land_on_one_name_are_an_error_that_names_both() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let names = [
        "one.test/acme/hello:1.0",
        "fine.test/acme/fine:1.0",
        "two.test/acme/hello:1.0",
    ];
    layout_of(&sandbox, &names);
    push(&sandbox, &["out", "--to", &remote.name("mirror")])
        .failed(1)
        .stderr_has("one.test/acme/hello:1.0")
        .stderr_has("two.test/acme/hello:1.0")
        .stderr_has(&remote.name("mirror/acme/hello:1.0"));
    nothing_was_sent(&remote);
    assert!(remote.front.log().is_empty());
}

#[test]
fn one_image_under_two_hosts_is_no_collision() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let index = index(&maker, "hello");
    let mut second = named(index.clone(), "two.test/acme/hello:1.0");
    second["annotations"]["org.opencontainers.image.ref.name"] = "hello-1.0".into();
    finish(&maker, &[named(index.clone(), "one.test/acme/hello:1.0"), second]);
    push(&sandbox, &["out", "--to", &remote.name("mirror")]).ok();
    assert_eq!(
        remote.registry.digest("mirror/acme/hello", "1.0"),
        text(&index, "digest")
    );
}

#[test]
fn an_image_with_no_full_name_has_to_be_pushed_by_itself() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    layout_of(&sandbox, &["registry.test/acme/hello:1.0", "only-a-tag", "another"]);
    // both are told at once
    push(&sandbox, &["out", "--to", &remote.name("mirror")])
        .failed(1)
        .stderr_has("only-a-tag")
        .stderr_has("another");
    nothing_was_sent(&remote);
    push(&sandbox, &["out:only-a-tag", &remote.name("mirror/explicit:1.0")]).ok();
    assert_eq!(remote.registry.tags("mirror/explicit"), ["1.0"]);
    // and one without any name at all, which is nobody's child
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let nameless = index(&maker, "nameless");
    finish(
        &maker,
        &[
            named(index(&maker, "hello"), "registry.test/acme/hello:1.0"),
            nameless.clone(),
        ],
    );
    push(&sandbox, &["out", "--to", &remote.name("second")])
        .failed(1)
        .stderr_has(text(&nameless, "digest"));
    assert!(remote.registry.tags("second/acme/hello").is_empty());
}

#[test]
fn what_lies_beside_an_image_needs_no_name() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let child = image(&maker, "hello", "amd64");
    let about = attestation(&maker, &child);
    let index = index_of(&maker, &[child.clone(), about.clone()]);
    let signature = referrer(&maker, &index, "application/x-signature");
    let entries = [
        named(index.clone(), "registry.test/acme/hello:1.0"),
        child,
        about,
        signature,
    ];
    finish(&maker, &entries);
    push(&sandbox, &["out", "--to", &remote.name("mirror")]).ok();
    assert_eq!(remote.registry.repositories(), ["mirror/acme/hello"]);
    assert_eq!(remote.registry.tags("mirror/acme/hello"), ["1.0"]);
    let view = LayoutView::open(sandbox.join("out"));
    has_whole_image(&remote, "mirror/acme/hello", "1.0", &view, text(&index, "digest"));
}

#[test]
fn the_report_lists_the_images_in_the_order_of_the_layout() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let names = [
        "registry.test/acme/a:1.0",
        "registry.test/acme/b:1.0",
        "registry.test/acme/c:1.0",
    ];
    let digests = layout_of(&sandbox, &names);
    let to = remote.name("mirror");
    push(
        &sandbox,
        &["out:registry.test/acme/b:1.0", &remote.name("mirror/acme/b:1.0")],
    );
    let report = push_json(&sandbox, &["out", "--to", &to]);
    let images = report["images"].as_array().unwrap();
    assert_eq!(images.len(), 3);
    let mut sum = 0;
    for (at, image) in images.iter().enumerate() {
        assert_eq!(image["source"], names[at]);
        assert_eq!(image["digest"], digests[at]);
        let name = names[at].replace("registry.test", &to);
        assert_eq!(image["names"], json!([name]));
        assert_eq!(image["unchanged"], at == 1);
        sum += image["sentBytes"].as_u64().unwrap();
    }
    assert_eq!(report["sentBytes"], sum);
    // again: one question for each image
    remote.front.take_log();
    let report = push_json(&sandbox, &["out", "--to", &to]);
    assert_eq!(report["sentBytes"], 0);
    let lines = remote.front.lines();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines.iter().all(|line| line.starts_with("HEAD ")), "{lines:?}");
}

#[test]
fn nothing_to_push_is_an_error() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    finish(&LayoutMaker::new(&sandbox.join("out")), &[]);
    push(&sandbox, &["out", "--to", &remote.name("mirror")]).failed(1);
    push(&sandbox, &["out", &remote.name("mirror/x:1.0")]).failed(1);
    assert_eq!(changes(&remote.front.log()), Vec::<String>::new());
}
