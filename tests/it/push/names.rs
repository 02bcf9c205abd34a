//! Which image of a source is meant, what it is called in the registry, and what is said of it.

use std::fs;

use serde_json::json;

use super::{HELLO, has_whole_image, hello, nothing_was_sent, push, push_json};
use crate::support::Sandbox;
use crate::support::images::{Parts, finish, image, index, named};
use crate::support::layout_maker::LayoutMaker;
use crate::support::layout_view::{LayoutView, text};
use crate::support::registry::WatchedRegistry;

/// A sandbox with two images, `1.0` and `2.0`, in the layout `out`, and their digests.
fn two_images() -> (Sandbox, [String; 2]) {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let entries = ["1.0", "2.0"].map(|tag| named(index(&maker, tag), &format!("registry.test/acme/hello:{tag}")));
    finish(&maker, &entries);
    let digests = entries.map(|entry| text(&entry, "digest").to_owned());
    (sandbox, digests)
}

#[test]
fn a_tag_or_digest_says_which_image() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, [first, second]) = two_images();
    let child = Parts::of(&LayoutView::open(sandbox.join("out")), "2.0").children[0].clone();
    for (at, (source, expected)) in [
        ("out:1.0".to_owned(), &first),
        ("out:2.0".to_owned(), &second),
        ("oci:out:2.0".to_owned(), &second),
        (format!("out@{first}"), &first),
        (format!("oci:out@{second}"), &second),
        // an image below an index
        (format!("out@{child}"), &child),
    ]
    .iter()
    .enumerate()
    {
        let run = push(&sandbox, &[source, &remote.name(&format!("acme/x{at}:1.0"))]);
        let reference = format!("{}@{expected}", remote.name(&format!("acme/x{at}")));
        assert_eq!(run.ok().stdout, format!("{reference}\n"), "{source}");
        assert_eq!(
            remote.registry.digest(&format!("acme/x{at}"), "1.0"),
            **expected,
            "{source}"
        );
    }
}

#[test]
fn of_several_images_one_must_be_named() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, _) = two_images();
    push(&sandbox, &["out", &remote.name("acme/x:1.0")])
        .failed(1)
        .stderr_has("acme/hello:1.0")
        .stderr_has("acme/hello:2.0");
    push(&sandbox, &["out:3.0", &remote.name("acme/x:1.0")])
        .failed(1)
        .stderr_has("3.0")
        .stderr_has("2.0");
    push(&sandbox, &["nowhere", &remote.name("acme/x:1.0")])
        .failed(1)
        .stderr_has("nowhere");
    nothing_was_sent(&remote);
}

#[test]
fn two_names_of_one_image_are_one_image() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let index = index(&maker, "hello");
    finish(
        &maker,
        &[
            named(index.clone(), HELLO),
            named(index.clone(), "registry.test/acme/hello:latest"),
        ],
    );
    push(&sandbox, &["out", &remote.name("acme/hello:1.0")]).ok();
    assert_eq!(remote.registry.digest("acme/hello", "1.0"), text(&index, "digest"));
}

#[test]
fn what_has_no_name_does_not_stand_in_the_way() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let wanted = index(&maker, "hello");
    // as oras lists the children too
    finish(&maker, &[image(&maker, "hello", "amd64"), named(wanted.clone(), HELLO)]);
    push(&sandbox, &["out", &remote.name("acme/hello:1.0")]).ok();
    assert_eq!(remote.registry.digest("acme/hello", "1.0"), text(&wanted, "digest"));
    // and one alone needs no name
    let maker = LayoutMaker::new(&sandbox.join("nameless"));
    let only = index(&maker, "only");
    finish(&maker, std::slice::from_ref(&only));
    push(&sandbox, &["nameless", &remote.name("acme/only:1.0")]).ok();
    assert_eq!(remote.registry.digest("acme/only", "1.0"), text(&only, "digest"));
}

#[test]
fn without_a_tag_it_is_latest() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, digest) = hello();
    let report = push_json(&sandbox, &["out", &remote.name("acme/hello")]);
    assert_eq!(report["images"][0]["names"], json!([remote.name("acme/hello:latest")]));
    assert_eq!(remote.registry.tags("acme/hello"), ["latest"]);
    assert_eq!(remote.registry.digest("acme/hello", "latest"), digest);
}

#[test]
fn more_tags_name_the_same_image() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, digest) = hello();
    let name = remote.name("acme/hello:1.0");
    let args = ["out", &name, "--tag", "1", "--tag", "latest", "--tag", "1.0"];
    let run = push(&sandbox, &args);
    assert_eq!(run.ok().stdout, format!("{}@{digest}\n", remote.name("acme/hello")));
    assert_eq!(remote.registry.tags("acme/hello"), ["1", "1.0", "latest"]);
    let layout = LayoutView::open(sandbox.join("out"));
    for tag in ["1", "1.0", "latest"] {
        has_whole_image(&remote, "acme/hello", tag, &layout, &digest);
    }
}

#[test]
fn a_tag_moves_from_one_image_to_the_next() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, [first, second]) = two_images();
    for (tag, digest) in [("1.0", &first), ("2.0", &second), ("1.0", &first)] {
        push(&sandbox, &[&format!("out:{tag}"), &remote.name("acme/hello:stable")]).ok();
        assert_eq!(remote.registry.digest("acme/hello", "stable"), *digest);
    }
    // what it named before is still there
    assert_eq!(remote.registry.ask_manifest("acme/hello", &second).status, 200);
}

#[test]
fn the_report_says_what_was_done_with_each_part() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, digest) = hello();
    let report = push_json(&sandbox, &["out", &remote.name("acme/hello:1.0"), "--tag", "latest"]);
    let image = &report["images"][0];
    let view = LayoutView::open(sandbox.join("out"));
    let parts = Parts::of(&view, "1.0");
    assert_eq!(report["images"].as_array().unwrap().len(), 1);
    assert_eq!(report["dryRun"], json!(null));
    assert_eq!(image["source"], HELLO);
    assert_eq!(image["digest"], digest);
    assert_eq!(image["reference"], format!("{}@{digest}", remote.name("acme/hello")));
    assert_eq!(
        image["names"],
        json!([remote.name("acme/hello:1.0"), remote.name("acme/hello:latest")])
    );
    assert_eq!(image["unchanged"], false);
    let mut bytes = 0;
    for (list, expected) in [
        ("blobs", parts.blobs.iter().cloned().collect::<Vec<_>>()),
        ("manifests", parts.manifests()),
    ] {
        let listed = image[list].as_array().unwrap();
        let mut digests: Vec<_> = listed.iter().map(|one| text(one, "digest").to_owned()).collect();
        if list == "manifests" {
            assert_eq!(digests.last(), Some(&digest), "the root is the last");
        }
        let mut expected = expected;
        digests.sort();
        expected.sort();
        assert_eq!(digests, expected, "{list}");
        for one in listed {
            let length = fs::metadata(view.blob_path(text(one, "digest"))).unwrap().len();
            assert_eq!(one["size"], length);
            assert_eq!(one["action"], "sent");
            assert!(text(one, "mediaType").starts_with("application/vnd.oci.image."));
            bytes += length;
        }
    }
    assert_eq!(image["sentBytes"], bytes);
    assert_eq!(report["sentBytes"], bytes);
}

#[test]
fn the_report_says_when_nothing_had_to_be_done() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, digest) = hello();
    push(&sandbox, &["out", &remote.name("acme/hello:1.0")]).ok();
    let report = push_json(&sandbox, &["out", &remote.name("acme/hello:1.0")]);
    let image = &report["images"][0];
    assert_eq!(image["unchanged"], true);
    assert_eq!(image["digest"], digest);
    assert_eq!(image["sentBytes"], 0);
    assert_eq!(report["sentBytes"], 0);
}

#[test]
fn wrong_arguments_are_refused_before_anything_is_asked() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, _) = hello();
    let name = remote.name("acme/hello:1.0");
    for args in [
        &["out"][..],
        &["out", &name, "--to", &name],
        &["out", "--to", &name, "--tag", "x"],
        &["out", &name, "--jobs", "0"],
        &["out", &name, "--chunk-size", "0"],
        &["out", &name, "--cert", "x"],
        &["out", &name, "--retries", "-1"],
    ] {
        let run = push(&sandbox, args);
        assert_eq!(run.code, 2, "{args:?}{run}");
    }
    for name in ["UPPER/case:1.0", "acme/hello:not/a tag", "", "host.test/"] {
        let run = push(&sandbox, &["out", name]);
        assert!(run.code == 2, "{name:?}{run}");
        assert_eq!(run.stdout, "", "{name:?}");
    }
    push(&sandbox, &["out", &name, "--tag", "not a tag"])
        .failed(2)
        .stderr_has("not a tag");
    push(&sandbox, &["out", &name, "--platform", "?"]).failed(2);
    nothing_was_sent(&remote);
    assert!(remote.front.log().is_empty());
}

#[test]
fn the_layout_is_only_read() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, _) = hello();
    let before = crate::support::snapshot::Snapshot::of(sandbox.join("out"));
    push(&sandbox, &["out", &remote.name("acme/hello:1.0")]).ok();
    push(
        &sandbox,
        &["out", &remote.name("acme/hello:2.0"), "--platform", "linux/arm64"],
    )
    .ok();
    before.assert_unchanged("a push");
}

#[test]
fn quiet_says_nothing_but_the_result_and_verbose_says_each_request() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, digest) = hello();
    let name = remote.name("acme/hello:1.0");
    let run = push(&sandbox, &["out", &name, "--quiet"]);
    assert_eq!(run.ok().stderr, "");
    assert_eq!(run.stdout, format!("{}@{digest}\n", remote.name("acme/hello")));
    remote.front.take_log();
    let run = push(&sandbox, &["out", &remote.name("other/hello:1.0"), "-v"]);
    run.ok();
    for request in remote.front.log() {
        let said = format!(
            "{} http://{}{} ",
            request.method,
            remote.front.address(),
            request.path()
        );
        assert!(run.stderr.lines().any(|line| line.contains(&said)), "no `{said}`{run}");
    }
    // queries may hold what is secret
    run.stderr_lacks("_state=").stderr_lacks("?digest=");
}
