//! `airpack index add`, `remove` and `annotate`: the index changes, the images behind it do not.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::images::{attestation, finish, image, index, index_of, named};
use crate::support::layout_maker::LayoutMaker;
use crate::support::layout_view::{LayoutView, OCI_INDEX, array, text};
use crate::support::registry::DOCKER_MANIFEST;
use crate::support::skopeo::require_skopeo;
use crate::support::snapshot::Snapshot;
use crate::support::{Run, Sandbox, simple_buildpack};

const NAME: &str = "registry.test/acme/x:1.0";

fn edit(sandbox: &Sandbox, args: &[&str]) -> Run {
    sandbox.airpack(&[&["index"], args].concat())
}

/// It fails, and the layout stays as it was.
#[track_caller]
fn refused(sandbox: &Sandbox, args: &[&str]) -> Run {
    let before = Snapshot::of(sandbox.join("out"));
    let run = edit(sandbox, args);
    run.failed(1);
    before.assert_unchanged("an edit that failed");
    run
}

/// What is behind a tag of `out`.
#[track_caller]
fn behind(sandbox: &Sandbox, tag: &str) -> Value {
    let layout = LayoutView::open(sandbox.join("out"));
    layout.json(layout.digest(tag))
}

/// A layout `out` with an index of amd64 and arm64, each with an attestation, under two tags.
fn with_attestations() -> (Sandbox, Vec<Value>) {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let images = ["amd64", "arm64"].map(|architecture| image(&maker, "x", architecture));
    let about = [attestation(&maker, &images[0]), attestation(&maker, &images[1])];
    let all = [&images[..], &about].concat();
    let content = json!({
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": all,
        "annotations": {"com.acme.some": "thing"},
        "com.acme.unknown": {"kept": true},
    });
    let root = maker.json(OCI_INDEX, &content);
    finish(&maker, &[named(root.clone(), NAME), named(root, "stable")]);
    (sandbox, all)
}

/// A layout with one image.
fn single(sandbox: &Sandbox, folder: &str, seed: &str, architecture: &str) -> Value {
    let maker = LayoutMaker::new(&sandbox.join(folder));
    let child = image(&maker, seed, architecture);
    finish(&maker, &[named(child.clone(), "1.0")]);
    child
}

#[test]
fn what_was_packaged_for_another_target_is_added_where_packaging_has_it() {
    let sandbox = Sandbox::new();
    simple_buildpack(&sandbox, "bp", "acme/x", &["linux/arm64", "linux/amd64"]);
    let package = |layout: &str, more: &[&str]| {
        let own = ["buildpack", "package", NAME, "--path", "bp", "--layout", layout];
        sandbox.airpack(&[&own[..], more].concat()).digest().to_owned()
    };
    let whole = package("whole", &[]);
    package("out", &["--target", "linux/amd64"]);
    package("arm", &["--target", "linux/arm64"]);
    let dry = edit(&sandbox, &["add", "out:1.0", "arm", "--dry-run"]);
    dry.ok().stdout_has(&whole);
    let run = edit(&sandbox, &["add", "out:1.0", "arm"]);
    assert_eq!(run.digest(), whole, "{run}");
    run.stderr_has("linux/arm64");
    assert_eq!(
        behind(&sandbox, "1.0"),
        LayoutView::open(sandbox.join("whole")).json(&whole)
    );
    assert_eq!(edit(&sandbox, &["add", "out:1.0", "arm:1.0"]).digest(), whole);
    edit(&sandbox, &["remove", "out:1.0", "linux/arm64"]).ok();
    assert_eq!(edit(&sandbox, &["add", "out:1.0", "arm"]).digest(), whole);
}

#[test]
fn an_image_takes_the_place_of_the_one_for_its_platform() {
    let (sandbox, all) = with_attestations();
    let new = single(&sandbox, "new", "new", "arm64");
    let old = LayoutView::open(sandbox.join("out")).digest("1.0").to_owned();
    let run = edit(&sandbox, &["add", "out:1.0", "new"]);
    run.ok()
        .stderr_has("linux/arm64")
        .stderr_has(text(&all[1], "digest"))
        .stderr_has("in place of");
    let index = behind(&sandbox, "1.0");
    assert_eq!(
        index["manifests"],
        json!([all[0], new, all[2]]),
        "what was about the other is gone"
    );
    assert_eq!(index["annotations"], json!({"com.acme.some": "thing"}));
    assert_eq!(index["com.acme.unknown"], json!({"kept": true}));
    let layout = LayoutView::open(sandbox.join("out"));
    assert_eq!(layout.digest("stable"), old, "the other tag stays");
    assert_eq!(layout.entry("1.0")["annotations"]["io.containerd.image.name"], NAME);
}

#[test]
fn where_all_images_are_new_so_is_what_the_index_says() {
    let sandbox = Sandbox::new();
    simple_buildpack(&sandbox, "bp", "acme/x", &["linux/amd64", "linux/arm64"]);
    let package = |layout: &str| {
        let args = ["--path", "bp", "--layout", layout, "--annotation", "com.acme.of=images"];
        sandbox
            .airpack(&[&["buildpack", "package", NAME][..], &args].concat())
            .ok();
        LayoutView::open(sandbox.join(layout)).digest("1.0").to_owned()
    };
    let old = package("out");
    let toml = std::fs::read_to_string(sandbox.join("bp/buildpack.toml")).unwrap();
    sandbox.write("bp/buildpack.toml", toml.replace("1.0.0", "2.0.0"));
    let new = package("new");
    assert_ne!(old, new);
    edit(&sandbox, &["add", "out:1.0", "new"]).ok();
    assert_eq!(LayoutView::open(sandbox.join("out")).digest("1.0"), new);
}

#[test]
fn an_image_without_an_index_gets_one() {
    let sandbox = Sandbox::new();
    let amd = single(&sandbox, "out", "x", "amd64");
    let arm = single(&sandbox, "new", "x", "arm64");
    edit(&sandbox, &["add", "out:1.0", "new", "--annotation", "com.acme.k=v"]).ok();
    let index = behind(&sandbox, "1.0");
    assert_eq!(index["manifests"], json!([amd, arm]));
    assert_eq!(index["annotations"], json!({"com.acme.k": "v"}));
    let layout = LayoutView::open(sandbox.join("out"));
    assert_eq!(layout.entry("1.0")["mediaType"], OCI_INDEX);
    assert_eq!(layout.entry("1.0").get("platform"), None);
    layout.check_whole_with_leftovers();
}

#[test]
fn what_does_not_fit_is_not_added() {
    let sandbox = Sandbox::new();
    for (id, layout, target) in [("acme/x", "out", "linux/amd64"), ("acme/y", "other", "linux/arm64")] {
        simple_buildpack(&sandbox, layout, id, &[target]);
    }
    for (folder, layout) in [("out", "out.oci"), ("other", "other.oci")] {
        sandbox
            .airpack(&["buildpack", "package", NAME, "--path", folder, "--layout", layout])
            .ok();
    }
    std::fs::remove_dir_all(sandbox.join("out")).unwrap();
    std::fs::rename(sandbox.join("out.oci"), sandbox.join("out")).unwrap();
    refused(&sandbox, &["add", "out:1.0", "other.oci"])
        .stderr_has("acme/y@1.0.0")
        .stderr_has("--force");
    refused(&sandbox, &["add", "out:1.0", "other.oci", "other.oci:1.0"]).stderr_has("both have an image");
    refused(&sandbox, &["add", "out:2.0", "other.oci"])
        .stderr_has("2.0")
        .stderr_has("it has 1.0");
    refused(&sandbox, &["add", "out:1.0", "absent"]).stderr_has("absent");
    edit(&sandbox, &["add", "out:1.0", "other.oci", "--force"])
        .ok()
        .stderr_has("warning: ");
}

#[test]
fn a_damaged_image_is_not_added() {
    let (sandbox, _) = with_attestations();
    let new = single(&sandbox, "new", "new", "s390x");
    let layout = LayoutView::open(sandbox.join("new"));
    let view = layout.image_at(&new);
    let layer = text(&view.layers[1].descriptor, "digest").to_owned();
    std::fs::write(layout.blob_path(&layer), "other").unwrap();
    refused(&sandbox, &["add", "out:1.0", "new"]).stderr_has(&layer);
}

#[test]
fn platforms_are_removed_with_what_is_about_them() {
    let (sandbox, all) = with_attestations();
    let old = LayoutView::open(sandbox.join("out")).digest("1.0").to_owned();
    let run = edit(&sandbox, &["remove", "out:1.0", "linux/arm64"]);
    run.ok().stderr_has(text(&all[1], "digest"));
    let index = behind(&sandbox, "1.0");
    assert_eq!(index["manifests"], json!([all[0], all[2]]));
    assert_eq!(index["annotations"], json!({"com.acme.some": "thing"}));
    assert_eq!(LayoutView::open(sandbox.join("out")).digest("stable"), old);
    let run = edit(&sandbox, &["remove", &format!("out@{old}"), "linux/amd64", "--json"]);
    let json: Value = serde_json::from_str(&run.ok().stdout).unwrap();
    assert_eq!(json["was"], old);
    assert_eq!(json["digest"], LayoutView::open(sandbox.join("out")).digest("stable"));
}

#[test]
fn what_is_not_there_can_not_be_removed() {
    let (sandbox, _) = with_attestations();
    refused(&sandbox, &["remove", "out:1.0", "linux/s390x"])
        .stderr_has("linux/s390x")
        .stderr_has("it has linux/amd64, linux/arm64")
        .stderr_lacks("unknown/unknown");
    refused(&sandbox, &["remove", "out:1.0", "linux/amd64", "linux/s390x"]).stderr_has("linux/s390x");
    refused(&sandbox, &["remove", "out:1.0", "linux/amd64", "linux/arm64"]).stderr_has("airpack layout rm out:1.0");
    let dry = edit(&sandbox, &["remove", "out:1.0", "linux/amd64", "--dry-run"]);
    let before = LayoutView::open(sandbox.join("out")).digest("1.0").to_owned();
    dry.ok().stdout_has("not written");
    assert_eq!(LayoutView::open(sandbox.join("out")).digest("1.0"), before);
}

#[test]
fn distributions_are_told_apart_by_their_version() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let versions = ["22.04", "24.04"].map(|version| {
        let mut child = image(&maker, version, "amd64");
        child["platform"]["os.version"] = version.into();
        child
    });
    let arm = image(&maker, "x", "arm64");
    let all = [&versions[..], std::slice::from_ref(&arm)].concat();
    finish(&maker, &[named(index_of(&maker, &all), "1.0")]);
    edit(&sandbox, &["remove", "out:1.0", "linux/amd64:22.04"]).ok();
    assert_eq!(behind(&sandbox, "1.0")["manifests"], json!([versions[1], arm]));
}

#[test]
fn index_and_images_are_annotated() {
    let (sandbox, all) = with_attestations();
    let args = [
        "annotate",
        "out:1.0",
        "com.acme.a=1",
        "com.acme.b=x=y",
        "--remove",
        "com.acme.some",
    ];
    let run = edit(&sandbox, &args);
    let layout = LayoutView::open(sandbox.join("out"));
    assert_eq!(run.digest(), layout.digest("1.0"));
    let index = behind(&sandbox, "1.0");
    assert_eq!(index["annotations"], json!({"com.acme.a": "1", "com.acme.b": "x=y"}));
    assert_eq!(index["manifests"], json!(all));

    edit(
        &sandbox,
        &[
            "annotate",
            "out:1.0",
            "--platform",
            "linux/arm64",
            "com.acme.tested=yes",
        ],
    )
    .ok();
    let index = behind(&sandbox, "1.0");
    let mut expected = all.clone();
    expected[1]["annotations"] = json!({"com.acme.tested": "yes"});
    assert_eq!(index["manifests"], json!(expected), "digests stay");
    edit(
        &sandbox,
        &[
            "annotate",
            "out:1.0",
            "--platform",
            "linux/arm64",
            "--remove",
            "com.acme.tested",
        ],
    )
    .ok();
    assert_eq!(behind(&sandbox, "1.0")["manifests"], json!(all));
}

#[test]
fn annotations_that_are_not_there_are_errors() {
    let (sandbox, _) = with_attestations();
    refused(&sandbox, &["annotate", "out:1.0", "--remove", "com.acme.none"])
        .stderr_has("com.acme.none")
        .stderr_has("it has com.acme.some");
    refused(&sandbox, &["annotate", "out:1.0", "--platform", "linux/s390x", "a=b"]).stderr_has("linux/amd64");
    edit(&sandbox, &["annotate", "out:1.0"]).failed(2);
    edit(&sandbox, &["annotate", "out:1.0", "novalue"]).failed(2);
}

#[test]
fn an_image_without_an_index_is_not_edited() {
    let sandbox = Sandbox::new();
    let child = single(&sandbox, "out", "x", "amd64");
    refused(&sandbox, &["annotate", "out:1.0", "a=b"]).stderr_has("without an index");
    refused(&sandbox, &["remove", "out:1.0", "linux/amd64"]).stderr_has("without an index");
    let maker = LayoutMaker::new(&sandbox.join("out"));
    finish(&maker, &[named(index_of(&maker, std::slice::from_ref(&child)), "1.0")]);
    // what only an index lists has no name that could move
    refused(
        &sandbox,
        &["annotate", &format!("out@{}", text(&child, "digest")), "a=b"],
    )
    .stderr_has("index that lists it");
}

#[test]
fn an_index_of_docker_stays_one() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    let list = "application/vnd.docker.distribution.manifest.list.v2+json";
    let children = ["amd64", "arm64"].map(|architecture| {
        let config = "application/vnd.docker.container.image.v1+json";
        let mut child = maker.image_of(DOCKER_MANIFEST, config, architecture, &[], &[]);
        child["platform"] = json!({"os": "linux", "architecture": architecture});
        child
    });
    let root = maker.json(
        list,
        &json!({"schemaVersion": 2, "mediaType": list, "manifests": children}),
    );
    finish(&maker, &[named(root, "1.0")]);
    refused(&sandbox, &["annotate", "out:1.0", "a=b"]).stderr_has("airpack layout import");
    edit(&sandbox, &["remove", "out:1.0", "linux/amd64"]).ok();
    let layout = LayoutView::open(sandbox.join("out"));
    assert_eq!(layout.entry("1.0")["mediaType"], list);
    let index = layout.json(layout.digest("1.0"));
    assert_eq!(index["mediaType"], list);
    assert_eq!(index["manifests"], json!([children[1]]));
}

#[test]
fn a_layout_with_several_images_asks_which() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    finish(
        &maker,
        &[named(index(&maker, "a"), "a"), named(index(&maker, "b"), "b")],
    );
    refused(&sandbox, &["annotate", "out", "k=v"]).stderr_has("a, b");
    refused(&sandbox, &["remove", "out:c", "linux/amd64"]).stderr_has("it has a, b");
}

#[test]
fn skopeo_reads_what_was_edited() {
    let Some(skopeo) = require_skopeo() else { return };
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out"));
    finish(&maker, &[named(index(&maker, "a"), NAME)]);
    single(&sandbox, "new", "new", "s390x");
    edit(&sandbox, &["add", "out:1.0", "new"]).ok();
    edit(&sandbox, &["annotate", "out:1.0", "com.acme.k=v"]).ok();
    let raw: Value = serde_json::from_str(&skopeo.run(&sandbox, &["inspect", "--raw", "oci:out:1.0"]).stdout).unwrap();
    let architectures: BTreeSet<&str> = array(&raw, "manifests")
        .iter()
        .map(|child| text(&child["platform"], "architecture"))
        .collect();
    assert_eq!(architectures, BTreeSet::from(["amd64", "arm64", "s390x"]));
    skopeo.copy(&sandbox, "oci:out:1.0", "oci:copied:1.0");
}
