//! A layout that is not what it says: an error, and the registry is as it was.

use std::fs;
use std::path::Path;

use super::{HELLO, hello, push};
use crate::support::Sandbox;
use crate::support::images::{Parts, layout};
use crate::support::layout_view::LayoutView;
use crate::support::registry::WatchedRegistry;

/// Does something to a file.
type Harm = fn(&Path);

/// What happens to blobs.
const HARMS: [(&str, Harm); 5] = [
    ("other content", |path| {
        let mut bytes = fs::read(path).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 0x20;
        fs::write(path, bytes).unwrap();
    }),
    ("too long", |path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, [&bytes[..], b" "].concat()).unwrap();
    }),
    ("too short", |path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
    }),
    ("empty", |path| fs::write(path, "").unwrap()),
    ("missing", |path| fs::remove_file(path).unwrap()),
];

/// A push of a layout with one blob harmed fails, names the blob, and leaves no tag, no manifest that leads to it and
/// no blob that is wrong.
#[track_caller]
fn check(choose: impl Fn(&Parts, &LayoutView) -> Vec<String>) {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let mut at = 0;
    for (what, harm) in HARMS {
        let (sandbox, digest) = hello();
        let view = LayoutView::open(sandbox.join("out"));
        let parts = Parts::of(&view, "1.0");
        for victim in choose(&parts, &view) {
            at += 1;
            let path = view.blob_path(&victim);
            let sound = fs::read(&path).unwrap();
            harm(&path);
            let repository = format!("acme/damaged{at}");
            let name = remote.name(&format!("{repository}:1.0"));
            let run = push(&sandbox, &["out", &name, "--retries", "1"]);
            run.failed(1).stderr_has(&victim);
            let when = format!("{what} {victim}{run}");
            assert_eq!(remote.registry.tags(&repository), Vec::<String>::new(), "{when}");
            assert_eq!(remote.registry.ask_manifest(&repository, &digest).status, 404, "{when}");
            if parts.blobs.contains(&victim) {
                assert!(!remote.registry.has_blob(&repository, &victim), "{when}");
            }
            for child in &parts.children {
                let child_bytes = if *child == victim {
                    sound.clone()
                } else {
                    view.blob(child)
                };
                let leads_to_it = String::from_utf8_lossy(&child_bytes).contains(&victim) || *child == victim;
                if leads_to_it {
                    assert_eq!(remote.registry.ask_manifest(&repository, child).status, 404, "{when}");
                }
            }
            // mended, it goes on
            fs::write(&path, sound).unwrap();
            push(&sandbox, &["out", &name]).ok();
            assert_eq!(remote.registry.digest(&repository, "1.0"), digest, "{when}");
        }
    }
    assert!(at >= HARMS.len());
}

#[test]
fn a_layer_or_config() {
    check(|parts, _| parts.blobs.iter().cloned().collect());
}

#[test]
fn a_manifest() {
    check(|parts, _| parts.children.clone());
}

#[test]
fn the_index() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    for (at, (what, harm)) in HARMS.into_iter().enumerate() {
        let (sandbox, digest) = hello();
        harm(&sandbox.join("out/blobs").join(digest.replace(':', "/")));
        let repository = format!("acme/damaged{at}");
        let run = push(&sandbox, &["out", &remote.name(&format!("{repository}:1.0"))]);
        run.failed(1).stderr_has(&digest);
        assert!(remote.registry.tags(&repository).is_empty(), "{what}");
        assert!(!remote.registry.repositories().contains(&repository), "{what}");
    }
}

#[test]
fn a_tag_that_was_there_stays_where_it_was() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let name = remote.name("acme/hello:1.0");
    let old = layout(&sandbox.join("old"), HELLO, "old");
    let old_blobs = Parts::of(&LayoutView::open(sandbox.join("old")), "1.0").blobs;
    push(&sandbox, &["old", &name, "--tag", "latest"]).ok();
    for (what, harm) in HARMS {
        let folder = what.replace(' ', "-");
        layout(&sandbox.join(&folder), HELLO, "new");
        let view = LayoutView::open(sandbox.join(&folder));
        let blobs = Parts::of(&view, "1.0").blobs;
        // one that the registry does not have yet
        harm(&view.blob_path(blobs.difference(&old_blobs).next().unwrap()));
        push(&sandbox, &[&folder, &name, "--tag", "latest"]).failed(1);
        for tag in ["1.0", "latest"] {
            assert_eq!(remote.registry.digest("acme/hello", tag), old, "{what}");
        }
        assert_eq!(remote.registry.tags("acme/hello"), ["1.0", "latest"]);
    }
}

#[test]
fn of_several_images_those_before_the_damaged_one_are_whole() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let maker = crate::support::layout_maker::LayoutMaker::new(&sandbox.join("out"));
    let entries = ["a", "b", "c"].map(|name| {
        let index = crate::support::images::index(&maker, name);
        crate::support::images::named(index, &format!("registry.test/acme/{name}:{name}"))
    });
    crate::support::images::finish(&maker, &entries);
    let view = LayoutView::open(sandbox.join("out"));
    let (a, b) = (Parts::of(&view, "a"), Parts::of(&view, "b"));
    let own = b.blobs.difference(&a.blobs).next().unwrap();
    let mut bytes = view.blob(own);
    bytes[0] ^= 1;
    fs::write(view.blob_path(own), bytes).unwrap();
    push(&sandbox, &["out", "--to", &remote.name("mirror")])
        .failed(1)
        .stderr_has(own);
    assert!(remote.registry.tags("mirror/acme/b").is_empty());
    for name in ["a", "c"] {
        let repository = format!("mirror/acme/{name}");
        let tags = remote.registry.tags(&repository);
        if !tags.is_empty() {
            super::has_whole_image(&remote, &repository, name, &view, view.digest(name));
        }
    }
}

#[test]
fn no_layout_at_all() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let name = remote.name("acme/x:1.0");
    sandbox.folder("empty");
    sandbox.write("file", "no archive\n");
    layout(&sandbox.join("broken"), HELLO, "x");
    sandbox.write("broken/index.json", "{");
    layout(&sandbox.join("old"), HELLO, "x");
    sandbox.write("old/oci-layout", "{\"imageLayoutVersion\":\"9.0.0\"}");
    for source in ["empty", "file", "broken", "old", "nowhere"] {
        push(&sandbox, &[source, &name]).failed(1).stderr_has(source);
    }
    super::nothing_was_sent(&remote);
}

#[test]
fn a_size_in_a_manifest_that_is_a_lie() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    for (at, wrong) in [1_u64, 1 << 40].into_iter().enumerate() {
        let sandbox = Sandbox::new();
        let maker = crate::support::layout_maker::LayoutMaker::new(&sandbox.join("out"));
        let tar = crate::support::layout_maker::tar_of(&[("a", "b")]);
        let mut layer = maker.blob("application/vnd.oci.image.layer.v1.tar", &tar);
        layer["size"] = wrong.into();
        let image = maker.image_of(
            crate::support::layout_view::OCI_MANIFEST,
            crate::support::layout_view::OCI_CONFIG,
            "amd64",
            &[layer.clone()],
            &[crate::support::layout_view::sha256(&tar)],
        );
        crate::support::images::finish(&maker, &[crate::support::images::named(image, "1.0")]);
        let repository = format!("acme/lie{at}");
        let name = remote.name(&format!("{repository}:1.0"));
        push(&sandbox, &["out", &name, "--retries", "1"])
            .failed(1)
            .stderr_has(layer["digest"].as_str().unwrap());
        assert!(remote.registry.tags(&repository).is_empty());
    }
}
