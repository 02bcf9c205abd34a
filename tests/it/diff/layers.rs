//! Layers: which became which, and what differs in them down to a field of a header.

use serde_json::{Value, json};

use super::{Sandbox, has, lacks, text};
use crate::support::images::{OCI_GZIP, finish, named};
use crate::support::layout_maker::{LayoutMaker, OCI_LAYER};
use crate::support::layout_view::{OCI_CONFIG, OCI_MANIFEST, sha256};
use crate::support::tar_maker::{HARDLINK, Member, TarFormat, gzip, tar};

/// `a.oci` and `b.oci`, each with one image of these layers.
fn two(before: &[&[Member]], after: &[&[Member]]) -> Sandbox {
    let sandbox = Sandbox::new();
    for (name, layers) in [("a.oci", before), ("b.oci", after)] {
        let tars: Vec<Vec<u8>> = layers.iter().map(|members| tar(TarFormat::Ustar, members)).collect();
        let maker = LayoutMaker::new(&sandbox.join(name));
        let blobs: Vec<Value> = tars.iter().map(|tar| maker.blob(OCI_LAYER, tar)).collect();
        let diff_ids: Vec<String> = tars.iter().map(|tar| sha256(tar)).collect();
        let image = maker.image_of(OCI_MANIFEST, OCI_CONFIG, "amd64", &blobs, &diff_ids);
        finish(&maker, &[named(image, "registry.test/acme/x:1")]);
    }
    sandbox
}

/// The text of the difference between two images of one layer each.
fn of_members(before: &[Member], after: &[Member]) -> String {
    text(&two(&[before], &[after]), &["a.oci", "b.oci"], 3)
}

fn file(name: &str, content: &str) -> Member {
    Member::file(name, content)
}

#[test]
fn every_field_of_a_header() {
    let base = || {
        vec![
            Member::folder("bin"),
            file("bin/x", "content"),
            Member::symlink("link", "bin/x"),
        ]
    };
    let check = |change: &dyn Fn(&mut Vec<Member>), expected: &str| {
        let mut after = base();
        change(&mut after);
        let text = of_members(&base(), &after);
        has(&text, &["layer 1: other content", expected]);
        lacks(&text, &["- bin", "+ bin"]);
    };
    check(&|members| members[1].mode = 0o755, "bin/x: mode 0644 -> 0755");
    check(&|members| members[1].mtime = 7, "bin/x: mtime ");
    check(&|members| members[1].uid = 7, "bin/x: uid 0 -> 7");
    check(&|members| members[1].gid = 8, "bin/x: gid 0 -> 8");
    check(
        &|members| members[1].uname = "root".to_owned(),
        "bin/x: uname none -> root",
    );
    check(
        &|members| members[1].gname = "wheel".to_owned(),
        "bin/x: gname none -> wheel",
    );
    check(
        &|members| members[2].target = "bin/y".to_owned(),
        "link: link bin/x -> bin/y",
    );
    check(&|members| members[1].content = b"CONTENT".to_vec(), "bin/x: content");
    check(
        &|members| members[1].content = b"longer content".to_vec(),
        "bin/x: size 7 -> 14, content",
    );
    check(&|members| members[2] = file("link", ""), "link: type symlink -> file");
    check(
        &|members| {
            members[2] = Member::new("link", HARDLINK);
            members[2].target = "bin/x".to_owned();
        },
        "link: type symlink -> hardlink",
    );
}

#[test]
fn files_that_come_and_go() {
    let text = of_members(
        &[Member::folder("d"), file("d/old", "12345"), file("same", "x")],
        &[Member::folder("d"), file("same", "x"), file("new", "1234567")],
    );
    has(&text, &["- d/old (5 B)", "+ new (7 B)"]);
    lacks(&text, &["same", "order"]);
}

#[test]
fn the_order_of_entries() {
    let [a, b, c] = ["a", "b", "c"].map(|name| file(name, name));
    let again = [file("c", "c"), file("a", "a"), file("b", "b")];
    let text = of_members(&[a, b, c], &again);
    has(&text, &["c: order"]);
    lacks(&text, &["a: order", "b: order"]);
}

#[test]
fn a_path_that_is_there_twice_is_compared_in_its_order() {
    let text = of_members(
        &[file("a", "1"), file("a", "2")],
        &[file("a", "1"), file("a", "3"), file("a", "4")],
    );
    has(&text, &["a: content", "+ a (1 B)"]);
    // the last one counts
    let text = of_members(&[file("a", "old"), file("a", "new")], &[file("a", "new")]);
    has(&text, &["- a (3 B)"]);
    lacks(&text, &["content,", "a: "]);
}

#[test]
fn only_the_form_of_headers() {
    let sandbox = two(&[&[file("a", "1")]], &[&[file("a", "1")]]);
    let maker = LayoutMaker::new(&sandbox.join("b.oci"));
    let gnu = tar(TarFormat::Gnu, &[file("a", "1")]);
    let layer = maker.blob(OCI_LAYER, &gnu);
    let image = maker.image_of(OCI_MANIFEST, OCI_CONFIG, "amd64", &[layer], &[sha256(&gnu)]);
    finish(&maker, &[named(image, "registry.test/acme/x:1")]);
    let text = text(&sandbox, &["a.oci", "b.oci"], 3);
    has(
        &text,
        &["layer 1: other content", "the same entries: only the form of headers"],
    );
}

#[test]
fn layers_in_the_middle_and_elsewhere() {
    let layers: Vec<[Member; 1]> = ["one", "two", "three", "four"]
        .map(|name| [file(name, name)])
        .into_iter()
        .collect();
    let [one, two_, three, four] = [0, 1, 2, 3].map(|at| &layers[at][..]);
    // one more in the middle does not make those behind it others
    let text = super::text(&two(&[one, three], &[one, two_, three]), &["a.oci", "b.oci"], 3);
    has(&text, &["+ layer 2", "+ two (3 B)"]);
    lacks(&text, &["other content", "moved", "- layer", "layer 3"]);
    let text = super::text(&two(&[one, two_, three], &[one, three]), &["a.oci", "b.oci"], 3);
    has(&text, &["- layer 2"]);
    lacks(&text, &["other content", "moved", "+ layer"]);
    let text = super::text(
        &two(&[one, two_, three, four], &[four, one, two_, three]),
        &["a.oci", "b.oci"],
        3,
    );
    has(&text, &["layer 4 -> 1: moved"]);
    lacks(&text, &["other content", "+ layer", "- layer", "layer 1 -> 2"]);
    // what changed between the same neighbours is the same layer
    let changed = [file("two", "changed")];
    let text = super::text(
        &two(&[one, two_, three], &[one, &changed, three]),
        &["a.oci", "b.oci"],
        3,
    );
    has(&text, &["layer 2: other content", "two: size 3 -> 7, content"]);
}

#[test]
fn the_same_content_compressed_otherwise() {
    let sandbox = two(&[&[file("a", "1")]], &[&[file("a", "1")]]);
    let maker = LayoutMaker::new(&sandbox.join("b.oci"));
    let plain = tar(TarFormat::Ustar, &[file("a", "1")]);
    let layer = maker.blob(OCI_GZIP, &gzip(&plain));
    let image = maker.image_of(OCI_MANIFEST, OCI_CONFIG, "amd64", &[layer], &[sha256(&plain)]);
    finish(&maker, &[named(image, "registry.test/acme/x:1")]);
    let text = text(&sandbox, &["a.oci", "b.oci"], 3);
    has(
        &text,
        &[
            "the same content",
            "layer 1: the same content, not compressed (2.05 kB) -> gzip",
        ],
    );
    assert_eq!(super::json(&sandbox, &["a.oci", "b.oci"])["sameness"], "content");
}

#[test]
fn a_blob_that_is_not_what_its_config_says_is_not_the_same() {
    let sandbox = two(&[&[file("a", "1")]], &[&[file("a", "1")]]);
    let maker = LayoutMaker::new(&sandbox.join("b.oci"));
    let [plain, other] = ["1", "2"].map(|content| tar(TarFormat::Ustar, &[file("a", content)]));
    let layer = maker.blob(OCI_GZIP, &gzip(&other));
    let image = maker.image_of(OCI_MANIFEST, OCI_CONFIG, "amd64", &[layer], &[sha256(&plain)]);
    finish(&maker, &[named(image, "registry.test/acme/x:1")]);
    sandbox
        .airpack(&["diff", "a.oci", "b.oci"])
        .failed(1)
        .stderr_has("layer sha256:");
}

#[test]
fn a_damaged_layer_is_named() {
    let sandbox = two(&[&[file("a", "1")]], &[&[file("a", "2")]]);
    let digest = sha256(&tar(TarFormat::Ustar, &[file("a", "2")]));
    let path = sandbox.join("b.oci/blobs").join(digest.replace(':', "/"));
    let mut content = std::fs::read(&path).unwrap();
    content[520] ^= 1;
    std::fs::write(&path, content).unwrap();
    sandbox
        .airpack(&["diff", "a.oci", "b.oci"])
        .failed(1)
        .stderr_has(&digest);
    std::fs::remove_file(&path).unwrap();
    sandbox
        .airpack(&["diff", "a.oci", "b.oci"])
        .failed(1)
        .stderr_has(&digest);
}

#[test]
fn hostile_labels_are_compared_as_texts() {
    let sandbox = two(&[&[file("a", "1")]], &[&[file("a", "1")]]);
    for (name, label) in [("a.oci", "{"), ("b.oci", "[[[[")] {
        let maker = LayoutMaker::new(&sandbox.join(name));
        let config = maker.json(
            OCI_CONFIG,
            &json!({
                "os": "linux",
                "architecture": "amd64",
                "config": {"Labels": {
                    "io.buildpacks.builder.metadata": label,
                    "io.buildpacks.buildpackage.metadata": label,
                    "io.buildpacks.buildpack.layers": "\u{1b}[31m",
                }},
                "rootfs": {"type": "layers", "diff_ids": []},
            }),
        );
        let manifest = maker.json(
            OCI_MANIFEST,
            &json!({"schemaVersion": 2, "config": config, "layers": []}),
        );
        finish(&maker, &[named(manifest, "registry.test/acme/x:1")]);
    }
    let text = text(&sandbox, &["a.oci", "b.oci"], 3);
    has(&text, &["io.buildpacks.builder.metadata: \"{\" -> \"[[[[\""]);
    assert!(!text.contains('\u{1b}'));
}
