//! `airpack layout import`: any layout or archive becomes what every tool reads.

use serde_json::{Value, json};

use crate::support::buildpackage_maker::{BuildpackageMaker, cnb_of};
use crate::support::images::{attestation, finish, image, index, index_of, named, referrer};
use crate::support::layout_maker::LayoutMaker;
use crate::support::layout_view::{IMAGE_NAME, LayoutView, OCI_INDEX, array, text};
use crate::support::pack_image::DOCKER_CONFIG;
use crate::support::registry::DOCKER_MANIFEST;
use crate::support::skopeo::require_skopeo;
use crate::support::snapshot::Snapshot;
use crate::support::{Run, Sandbox, simple_buildpack};

const NAME: &str = "registry.test/acme/x:1.0";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

fn import(sandbox: &Sandbox, args: &[&str]) -> Run {
    sandbox.airpack(&[&["layout", "import", args[0], "--layout", "out"], &args[1..]].concat())
}

#[track_caller]
fn refused(sandbox: &Sandbox, args: &[&str]) -> Run {
    let before = Snapshot::of(sandbox.path());
    let run = import(sandbox, args);
    run.failed(1);
    before.assert_unchanged("an import that failed");
    run
}

/// The canonical layout: one index per entry, each named in both ways; children OCI images with platforms, and not listed.
#[track_caller]
fn canonical(sandbox: &Sandbox) -> LayoutView {
    let layout = LayoutView::open(sandbox.join("out"));
    layout.check_whole();
    for entry in layout.entries() {
        assert_eq!(entry["mediaType"], OCI_INDEX, "{entry}");
        assert!(entry["annotations"][IMAGE_NAME].is_string(), "{entry}");
        let index = layout.json(text(entry, "digest"));
        for child in array(&index, "manifests") {
            assert_eq!(
                child["mediaType"], "application/vnd.oci.image.manifest.v1+json",
                "{child}"
            );
            assert!(child["platform"]["architecture"].is_string(), "{child}");
        }
    }
    layout
}

fn architectures(layout: &LayoutView, tag: &str) -> Vec<String> {
    let index = layout.json(layout.digest(tag));
    array(&index, "manifests")
        .iter()
        .map(|child| text(&child["platform"], "architecture").to_owned())
        .collect()
}

#[test]
fn a_canonical_layout_stays_as_it_is() {
    let sandbox = Sandbox::new();
    simple_buildpack(&sandbox, "bp", "acme/x", &["linux/amd64", "linux/arm64"]);
    let package = [
        "buildpack",
        "package",
        NAME,
        "--path",
        "bp",
        "--layout",
        "in",
        "--tag",
        "latest",
    ];
    let digest = sandbox.airpack(&package).digest().to_owned();
    let run = import(&sandbox, &["in"]);
    run.ok()
        .stderr_has("as it was")
        .stderr_lacks("->")
        .stderr_lacks("changed");
    let layout = canonical(&sandbox);
    assert_eq!(layout.index_file(), LayoutView::open(sandbox.join("in")).index_file());
    assert_eq!(layout.digest("1.0"), digest);
}

#[test]
fn a_file_of_pack_becomes_an_index_of_an_oci_image() {
    let sandbox = Sandbox::new();
    let mut image = BuildpackageMaker::leaf("acme/one@1.0.0", "linux/arm64", &["linux/arm64"]);
    image.docker = true;
    sandbox.write("one.cnb", cnb_of(&image));
    refused(&sandbox, &["one.cnb"])
        .stderr_has("no name")
        .stderr_has("--name");
    let dry = import(&sandbox, &["one.cnb", "--name", NAME, "--dry-run"]);
    dry.ok()
        .stdout_has("linux/arm64: sha256:")
        .stdout_has("layers did not change");
    assert!(!sandbox.join("out").exists());
    let run = import(&sandbox, &["one.cnb", "--name", NAME]);
    run.stderr_has("linux/arm64: sha256:")
        .stderr_has(" -> ")
        .stderr_has("layers did not change");
    let layout = canonical(&sandbox);
    assert_eq!(run.digest(), layout.digest("1.0"));
    assert_eq!(architectures(&layout, "1.0"), ["arm64"]);
    let child = &layout.image_index("1.0").children[0];
    assert_eq!(
        child
            .layers
            .iter()
            .map(|layer| layer.diff_id.clone())
            .collect::<Vec<_>>(),
        image.diff_ids
    );
}

#[test]
fn an_import_of_single_files_is_what_packaging_gives() {
    let sandbox = Sandbox::new();
    simple_buildpack(&sandbox, "bp", "acme/x", &["linux/amd64"]);
    let whole = sandbox.airpack(&["buildpack", "package", NAME, "--path", "bp", "--layout", "whole"]);
    sandbox
        .airpack(&["buildpack", "package", "x.cnb", "--path", "bp", "--format", "file"])
        .ok();
    let run = import(&sandbox, &["x.cnb", "--name", NAME]);
    assert_eq!(run.digest(), whole.digest());
    run.stderr_has("images and layers did not change");
}

#[test]
fn flat_manifests_become_one_index() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("in"));
    let mut entries: Vec<Value> = ["arm64", "amd64"].iter().map(|it| image(&maker, "x", it)).collect();
    for entry in &mut entries {
        entry.as_object_mut().unwrap().remove("platform");
    }
    finish(&maker, &entries);
    import(&sandbox, &["in", "--name", NAME])
        .ok()
        .stderr_has("images and layers did not change");
    let layout = canonical(&sandbox);
    assert_eq!(architectures(&layout, "1.0"), ["arm64", "amd64"]);
    let digests: Vec<_> = layout
        .image_index("1.0")
        .children
        .iter()
        .map(|child| child.descriptor["digest"].clone())
        .collect();
    assert_eq!(digests, [entries[0]["digest"].clone(), entries[1]["digest"].clone()]);
    // the same under one name
    let named: Vec<_> = entries.iter().map(|entry| named(entry.clone(), NAME)).collect();
    finish(&maker, &named);
    std::fs::remove_dir_all(sandbox.join("out")).unwrap();
    import(&sandbox, &["in"]).ok();
    assert_eq!(canonical(&sandbox).entries(), layout.entries());
}

#[test]
fn two_flat_manifests_for_one_platform_are_refused() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("in"));
    let entries = ["x", "y"].map(|seed| image(&maker, seed, "amd64"));
    finish(&maker, &entries);
    refused(&sandbox, &["in", "--name", NAME])
        .stderr_has("linux/amd64")
        .stderr_has(text(&entries[1], "digest"));
}

#[test]
fn an_index_with_types_of_docker_is_converted() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("in"));
    let mut children: Vec<Value> = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let mut child = maker.image_of(DOCKER_MANIFEST, DOCKER_CONFIG, architecture, &[], &[]);
        child["platform"] = json!({"os": "linux", "architecture": architecture});
        children.push(child);
    }
    let list = maker.json(
        DOCKER_LIST,
        &json!({"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": children}),
    );
    let signature = referrer(&maker, &list, "application/x-signature");
    finish(&maker, &[named(list.clone(), NAME), signature.clone()]);
    let run = sandbox.airpack(&["layout", "import", "in", "--layout", "out", "--json"]);
    let json: Value = serde_json::from_str(&run.ok().stdout).unwrap();
    run.stderr_has("warning: ")
        .stderr_has(text(&signature, "digest"))
        .stderr_has("another digest now");
    let layout = canonical(&sandbox);
    let done = &json["images"][0];
    assert_eq!(done["before"], json!([list["digest"]]));
    assert_eq!(done["digest"], layout.digest("1.0"));
    for (at, child) in layout.image_index("1.0").children.iter().enumerate() {
        assert_eq!(done["manifests"][at]["before"], children[at]["digest"]);
        assert_eq!(done["manifests"][at]["digest"], child.descriptor["digest"]);
        assert_ne!(done["manifests"][at]["before"], done["manifests"][at]["digest"]);
    }
}

#[test]
fn what_is_nested_twice_is_flattened() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("in"));
    let inner = index(&maker, "x");
    let mut more = image(&maker, "x", "s390x");
    more.as_object_mut().unwrap().remove("platform");
    let outer = index_of(&maker, std::slice::from_ref(&inner));
    let mixed = index_of(&maker, &[inner.clone(), more]);
    finish(&maker, &[named(outer, NAME), named(mixed, "registry.test/acme/x:2.0")]);
    import(&sandbox, &["in"]).ok();
    let layout = canonical(&sandbox);
    assert_eq!(
        layout.digest("1.0"),
        text(&inner, "digest"),
        "the index that was inside"
    );
    assert_eq!(architectures(&layout, "2.0"), ["amd64", "arm64", "s390x"]);
}

#[test]
fn children_beside_their_index_are_not_listed_and_signatures_come_along() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("in"));
    let child = image(&maker, "x", "amd64");
    let about = attestation(&maker, &child);
    let root = index_of(&maker, &[child.clone(), about.clone()]);
    let signature = referrer(&maker, &root, "application/x-signature");
    let stray = image(&maker, "stray", "arm64");
    finish(
        &maker,
        &[
            child,
            about,
            signature.clone(),
            named(root.clone(), NAME),
            stray.clone(),
        ],
    );
    let run = import(&sandbox, &["in"]);
    run.ok().stderr_has("warning: ").stderr_has(text(&stray, "digest"));
    let layout = LayoutView::open(sandbox.join("out"));
    let digests: Vec<_> = layout.entries().iter().map(|entry| entry["digest"].clone()).collect();
    assert_eq!(digests, [root["digest"].clone(), signature["digest"].clone()]);
}

#[test]
fn names_are_kept_or_given_to_one() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("in"));
    finish(
        &maker,
        &[named(index(&maker, "x"), NAME), named(index(&maker, "y"), "other")],
    );
    refused(&sandbox, &["in", "--name", "x:1"])
        .stderr_has("has 2")
        .stderr_has("other");
    import(&sandbox, &["in:other", "--name", "acme/y"])
        .ok()
        .stderr_has("docker.io/acme/y:latest is oci:out:latest");
    canonical(&sandbox);
    refused(&sandbox, &["out"]).stderr_has("same layout");
    refused(&sandbox, &["in:none"]).stderr_has("none");
}

#[test]
fn an_archive_of_docker_becomes_an_index() {
    let Some(skopeo) = require_skopeo() else { return };
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("in"));
    finish(&maker, &[named(image(&maker, "x", "amd64"), "1.0")]);
    skopeo.run(
        &sandbox,
        &["copy", "oci:in:1.0", "docker-archive:x.tar:registry.test/acme/x:1.0"],
    );
    skopeo.run(
        &sandbox,
        &["copy", "oci:in:1.0", "oci-archive:y.tar:registry.test/acme/y:1.0"],
    );
    import(&sandbox, &["x.tar"]).ok();
    import(&sandbox, &["y.tar"]).ok();
    let layout = canonical(&sandbox);
    assert_eq!(layout.tags(), ["1.0", "y-1.0"]);
    for tag in layout.tags() {
        let raw = skopeo
            .run(&sandbox, &["inspect", "--raw", &format!("oci:out:{tag}")])
            .stdout;
        assert_eq!(
            serde_json::from_str::<Value>(&raw).unwrap(),
            layout.json(layout.digest(tag))
        );
        skopeo.run(
            &sandbox,
            &["copy", "--all", &format!("oci:out:{tag}"), &format!("oci:again:{tag}")],
        );
    }
}

#[test]
fn a_damaged_source_writes_nothing() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("in"));
    finish(&maker, &[named(index(&maker, "x"), NAME)]);
    let view = LayoutView::open(sandbox.join("in"));
    let layer = text(&view.image_index("1.0").children[1].layers[1].descriptor, "digest").to_owned();
    std::fs::write(view.blob_path(&layer), "x").unwrap();
    refused(&sandbox, &["in"]).stderr_has(&layer);
}
