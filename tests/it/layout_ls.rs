//! `airpack layout ls`: what a layout has.

use std::fs;

use serde_json::{Value, json};

use crate::support::builder::{BuilderInput, extension};
use crate::support::composites::comp_of_two;
use crate::support::images::{attestation, finish, image, index, index_of, named, referrer};
use crate::support::layout_maker::LayoutMaker;
use crate::support::layout_view::{LayoutView, text};
use crate::support::snapshot::Snapshot;
use crate::support::{Run, Sandbox};

fn ls(sandbox: &Sandbox, args: &[&str]) -> Run {
    let before = Snapshot::of(sandbox.path());
    let run = sandbox.airpack(&[&["layout", "ls"], args].concat());
    before.assert_unchanged("a look");
    run
}

#[track_caller]
fn ls_json(sandbox: &Sandbox) -> Value {
    serde_json::from_str(&ls(sandbox, &["out", "--json"]).ok().stdout).unwrap()
}

/// The line of a table that begins with this.
#[track_caller]
fn line<'r>(run: &'r Run, begin: &str) -> &'r str {
    let found = run.stdout.lines().find(|line| line.starts_with(begin));
    found.unwrap_or_else(|| panic!("no line {begin}{run}"))
}

fn bytes_in(sandbox: &Sandbox) -> u64 {
    let blobs = fs::read_dir(sandbox.join("out/blobs/sha256")).unwrap();
    blobs.map(|blob| blob.unwrap().metadata().unwrap().len()).sum()
}

#[test]
fn kinds_are_told_from_labels() {
    let sandbox = comp_of_two();
    extension(&sandbox, "ext", "acme/ext", "1.0.0");
    let package = |kind: &str, name: &str, args: &[&str]| {
        let own = [kind, "package", name, "--layout", "out"];
        sandbox.airpack(&[&own[..], args].concat()).ok();
    };
    package("buildpack", "registry.test/acme/one:1", &["--path", "one"]);
    package(
        "buildpack",
        "registry.test/acme/comp:2",
        &["--config", "comp/package.toml"],
    );
    package("extension", "registry.test/acme/ext:3", &["--path", "ext"]);
    let run = ls(&sandbox, &["out"]);
    run.ok();
    let head = run.stdout.lines().next().unwrap();
    let columns: Vec<_> = head.split_whitespace().collect();
    assert_eq!(
        columns,
        ["TAG", "NAME", "KIND", "PLATFORMS", "SIZE", "SHARED", "DIGEST"]
    );
    for (tag, texts) in [
        (
            "1",
            [
                "registry.test/acme/one:1",
                "buildpack acme/one@1.0.0",
                "linux/amd64, linux/arm64",
            ],
        ),
        (
            "2",
            [
                "registry.test/acme/comp:2",
                "composite acme/comp@1.0.0",
                "linux/amd64, linux/arm64",
            ],
        ),
        (
            "3",
            ["registry.test/acme/ext:3", "extension acme/ext@1.0.0", "linux/amd64"],
        ),
    ] {
        for text in texts {
            assert!(line(&run, tag).contains(text), "{text}{run}");
        }
    }
    run.stdout_has("3 entries").stdout_has("all are needed");
}

#[test]
fn a_builder_and_the_images_it_needs() {
    let input = BuilderInput::new();
    input.run_into("out", &[]).ok();
    let run = ls(&input.sandbox, &["out"]);
    assert!(line(&run, "1.0").contains("  builder  "), "{run}");
    assert!(ls(&input.sandbox, &["base.oci"]).ok().stdout.contains("  image  "));
}

#[test]
fn sizes_count_each_blob_once_and_tell_what_is_shared() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let (one, two) = (index(&maker, "one"), index(&maker, "two"));
    let entries = [named(one.clone(), "1.0"), named(two, "2.0"), named(one, "latest")];
    finish(&maker, &entries);
    let view = LayoutView::open(sandbox.join("out"));
    let shared = view.image_index("1.0").children[0].layers[0].descriptor["size"]
        .as_u64()
        .unwrap();
    let report = ls_json(&sandbox);
    let images = report["images"].as_array().unwrap();
    // the tags of one image share nothing that another image has
    assert_eq!(
        images
            .iter()
            .map(|image| image["shared"].as_u64().unwrap())
            .collect::<Vec<_>>(),
        [shared; 3]
    );
    let sizes: Vec<_> = images.iter().map(|image| image["size"].as_u64().unwrap()).collect();
    assert_eq!(sizes[0], sizes[2]);
    assert_eq!(sizes[0] + sizes[1] - shared, bytes_in(&sandbox));
    assert_eq!(report["bytes"], bytes_in(&sandbox));
    assert_eq!(report["unreferencedBytes"], 0);
    maker.blob("x", b"nobody needs it");
    let report = ls_json(&sandbox);
    assert_eq!(report["unreferencedBytes"], 15);
    ls(&sandbox, &["out"]).stdout_has("no image needs 15 B of them");
}

#[test]
fn artifacts_and_images_of_other_forms() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let child = image(&maker, "x", "arm64");
    let all = [child.clone(), attestation(&maker, &child)];
    let root = index_of(&maker, &all);
    let signature = referrer(&maker, &root, "application/x-signature");
    let mut single = named(image(&maker, "single", "s390x"), "single");
    single.as_object_mut().unwrap().remove("platform");
    finish(&maker, &[named(root, "1.0"), signature, single]);
    let report = ls_json(&sandbox);
    let images = report["images"].as_array().unwrap();
    assert_eq!(images[0]["kind"], "image");
    assert_eq!(
        images[0]["platforms"],
        json!([{"os": "linux", "architecture": "arm64"}])
    );
    assert_eq!(images[1]["kind"], "artifact application/x-signature");
    assert_eq!(images[1].get("refName"), None);
    assert_eq!(
        images[2]["platforms"],
        json!([{"os": "linux", "architecture": "s390x"}])
    );
    let run = ls(&sandbox, &["oci:out"]);
    assert!(line(&run, "-").contains("application/x-signature"), "{run}");
}

#[test]
fn a_damaged_image_is_a_row_and_does_not_stop_the_others() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let (bad, cut, good) = (index(&maker, "bad"), index(&maker, "cut"), index(&maker, "good"));
    let entries = [named(bad.clone(), "bad"), named(cut, "cut"), named(good, "good")];
    finish(&maker, &entries);
    let view = LayoutView::open(sandbox.join("out"));
    let layer = text(&view.image_index("cut").children[0].layers[1].descriptor, "digest").to_owned();
    fs::write(view.blob_path(text(&bad, "digest")), "{").unwrap();
    fs::remove_file(view.blob_path(&layer)).unwrap();
    let run = ls(&sandbox, &["out"]);
    run.ok().stdout_has("not known while one is damaged");
    for name in ["bad", "cut"] {
        assert!(line(&run, name).contains("damaged"), "{run}");
        run.stderr_has(&format!("`{name}` is damaged: "));
    }
    run.stderr_has(&layer).stderr_has("airpack layout validate");
    assert!(line(&run, "good").contains("linux/amd64, linux/arm64"), "{run}");
    let report = ls_json(&sandbox);
    assert_eq!(report["unreferencedBytes"], Value::Null);
    assert_eq!(report["images"][2].get("damage"), None);
    // layers are not read
    fs::write(view.blob_path(&layer), vec![0; 100]).unwrap();
    ls(&sandbox, &["out"]).ok().stderr_has("100 bytes long");
}

#[test]
fn an_empty_layout_and_none() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    finish(&maker, &[]);
    ls(&sandbox, &["out"]).ok().stdout_has("0 entries, 0 blobs");
    ls(&sandbox, &["absent"]).failed(1).stderr_has("absent");
}

#[test]
fn an_index_that_leads_to_many_and_names_that_steer_a_terminal() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let mut entry = index(&maker, "x");
    for _ in 0..20 {
        entry = index_of(&maker, &[entry]);
    }
    finish(
        &maker,
        &[named(entry, "deep"), named(index(&maker, "x"), "\u{1b}[31mred\n")],
    );
    let run = ls(&sandbox, &["out"]);
    run.ok()
        .stderr_has("nested more than 8 deep")
        .stdout_has("\\u{1b}[31mred\\n");
}

#[test]
fn its_short_digests_name_images() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let (one, two) = (index(&maker, "one"), index(&maker, "two"));
    finish(&maker, &[named(one, "one"), named(two, "two")]);
    let run = ls(&sandbox, &["out"]);
    let short = line(&run, "one").rsplit(' ').next().unwrap().to_owned();
    let view = LayoutView::open(sandbox.join("out"));
    assert!(view.digest("one").starts_with(&format!("sha256:{short}")), "{short}");
    for name in [
        format!("out@{short}"),
        format!("oci:out@sha256:{short}"),
        format!("out@{}", &short[..7]),
    ] {
        let run = sandbox.airpack(&["inspect", &name, "--json"]);
        let report: Value = serde_json::from_str(&run.ok().stdout).unwrap();
        assert_eq!(report["entries"][0]["digest"], view.digest("one"), "{name}");
    }
    // an image that only an index lists has one too
    let child = text(&view.image_index("two").children[1].descriptor, "digest").to_owned();
    let run = sandbox.airpack(&["inspect", &format!("out@{}", &child[..19]), "--json"]);
    let report: Value = serde_json::from_str(&run.ok().stdout).unwrap();
    assert_eq!(report["entries"][0]["digest"], child);
    sandbox
        .airpack(&["layout", "tag", &format!("out@{short}"), "three"])
        .ok();
    sandbox.airpack(&["layout", "rm", &format!("out@{short}")]).ok();
    assert_eq!(LayoutView::open(sandbox.join("out")).tags(), ["two"]);
}
