//! Layouts that are damaged in one way each, and what must be found.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::{Value, json};

use super::{Parts, Sandbox, blob_path, codes, flip, manifest_of, report, sound, truncate};
use crate::support::images;
use crate::support::layout_view::{OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, sha256, text};

type Damage = fn(&Sandbox, &mut Parts);

/// Damages a sound layout; `expected` must be among the findings, as severity and code, with `told` in its text or chain.
fn check(damage: Damage, expected: &str, told: &[&str]) {
    let sandbox = Sandbox::new();
    let mut parts = sound(&sandbox);
    damage(&sandbox, &mut parts);
    let code = if expected.starts_with("error") { 3 } else { 0 };
    let report = report(&sandbox, "x.oci", code);
    assert!(
        codes(&report).iter().any(|found| found == expected),
        "{expected}: {report:#}"
    );
    let all = report["findings"].as_array().unwrap();
    let is_told = all.iter().any(|finding| {
        let whole = finding.to_string();
        format!("{} {}", text(finding, "severity"), text(finding, "code")) == expected
            && told.iter().all(|part| whole.contains(part))
    });
    assert!(is_told, "{told:?}: {report:#}");
    let strict = sandbox.airpack(&["layout", "validate", "x.oci", "--strict"]);
    assert_eq!(strict.code, 3, "{}", strict.stdout);
}

fn config_of(sandbox: &Sandbox, parts: &Parts) -> Value {
    manifest_of(sandbox, &parts.children[0])["config"].clone()
}

fn layer_of(sandbox: &Sandbox, parts: &Parts) -> Value {
    manifest_of(sandbox, &parts.children[0])["layers"][0].clone()
}

/// Puts another manifest in place of the first.
fn with_manifest(sandbox: &Sandbox, parts: &mut Parts, change: impl Fn(&mut Value)) {
    let mut manifest = manifest_of(sandbox, &parts.children[0]);
    change(&mut manifest);
    let mut new = parts.maker.json(OCI_MANIFEST, &manifest);
    new["platform"] = parts.children[0]["platform"].clone();
    parts.children[0] = new;
    parts.list();
}

/// Puts another config in place of the first image's.
fn with_config(sandbox: &Sandbox, parts: &mut Parts, change: impl Fn(&mut Value)) {
    let config = config_of(sandbox, parts);
    let mut config: Value = serde_json::from_slice(&fs::read(blob_path(sandbox, &config)).unwrap()).unwrap();
    change(&mut config);
    let config = parts.maker.json(OCI_CONFIG, &config);
    with_manifest(sandbox, parts, |manifest| manifest["config"] = config.clone());
}

fn with_child(parts: &mut Parts, change: impl Fn(&mut Value)) {
    change(&mut parts.children[0]);
    parts.list();
}

#[test]
fn a_sound_layout_has_no_findings_and_says_what_was_read() {
    let sandbox = Sandbox::new();
    sound(&sandbox);
    let report = report(&sandbox, "x.oci", 0);
    assert_eq!(report["findings"], json!([]), "{report:#}");
    assert_eq!((&report["errors"], &report["warnings"]), (&json!(0), &json!(0)));
    // index, and manifest, config and layer of two images
    assert_eq!(report["blobs"], 7);
    let bytes: u64 = fs::read_dir(sandbox.join("x.oci/blobs/sha256"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert_eq!(report["bytes"], bytes);
}

#[test]
fn what_makes_a_layout() {
    let path = "oci-layout";
    check(
        |sandbox, _| fs::remove_file(sandbox.join("x.oci/oci-layout")).unwrap(),
        "error oci-layout",
        &[path],
    );
    check(
        |sandbox, _| drop(sandbox.write("x.oci/oci-layout", "{")),
        "error oci-layout",
        &[path],
    );
    check(
        |sandbox, _| drop(sandbox.write("x.oci/oci-layout", r#"{"imageLayoutVersion":"2.0.0"}"#)),
        "error oci-layout",
        &["2.0.0"],
    );
}

#[test]
fn index_json() {
    check(
        |sandbox, _| fs::remove_file(sandbox.join("x.oci/index.json")).unwrap(),
        "error index-json",
        &["index.json"],
    );
    check(
        |sandbox, _| truncate(&sandbox.join("x.oci/index.json")),
        "error index-json",
        &["no JSON"],
    );
    check(
        |sandbox, _| drop(sandbox.write("x.oci/index.json", "[]")),
        "error index-json",
        &["index.json"],
    );
    check(
        |sandbox, _| drop(sandbox.write("x.oci/index.json", r#"{"schemaVersion":1,"manifests":[]}"#)),
        "error index-json",
        &["schemaVersion"],
    );
    check(
        |sandbox, _| drop(sandbox.write("x.oci/index.json", r#"{"schemaVersion":2}"#)),
        "error index-json",
        &["manifests"],
    );
}

#[test]
fn blobs_that_are_not_what_they_should_be() {
    let chain = ["linux/amd64", "layer 1"];
    check(
        |sandbox, parts| fs::remove_file(blob_path(sandbox, &layer_of(sandbox, parts))).unwrap(),
        "error blob-missing",
        &chain,
    );
    check(
        |sandbox, parts| truncate(&blob_path(sandbox, &layer_of(sandbox, parts))),
        "error blob-size",
        &chain,
    );
    check(
        |sandbox, parts| flip(&blob_path(sandbox, &layer_of(sandbox, parts))),
        "error blob-digest",
        &chain,
    );
    check(
        |sandbox, parts| flip(&blob_path(sandbox, &config_of(sandbox, parts))),
        "error blob-digest",
        &["linux/amd64", "config"],
    );
    check(
        |sandbox, parts| flip(&blob_path(sandbox, &parts.children[1])),
        "error blob-digest",
        &["linux/arm64"],
    );
    check(
        |sandbox, parts| flip(&blob_path(sandbox, &parts.root)),
        "error blob-digest",
        &["1 (sha256:"],
    );
}

#[test]
fn something_else_in_the_place_of_a_blob() {
    fn replaced(sandbox: &Sandbox, parts: &Parts) -> std::path::PathBuf {
        let path = blob_path(sandbox, &layer_of(sandbox, parts));
        fs::rename(&path, sandbox.join("outside")).unwrap();
        path
    }
    check(
        |sandbox, parts| fs::create_dir(replaced(sandbox, parts)).unwrap(),
        "error blob-not-a-file",
        &["layer 1"],
    );
    check(
        |sandbox, parts| {
            let path = replaced(sandbox, parts);
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        },
        "error blob-not-a-file",
        &["layer 1"],
    );
    // its content would be right
    check(
        |sandbox, parts| symlink(sandbox.join("outside"), replaced(sandbox, parts)).unwrap(),
        "error blob-not-a-file",
        &["leads out"],
    );
}

#[test]
fn digests_that_are_none() {
    check(
        |_, parts| {
            with_child(parts, |child| {
                child["digest"] = "md5:d41d8cd98f00b204e9800998ecf8427e".into();
            });
        },
        "error digest",
        &["md5", "manifest 1"],
    );
    check(
        |_, parts| with_child(parts, |child| child["digest"] = "sha256:../../../../outside".into()),
        "error digest",
        &["manifest 1"],
    );
    check(
        |_, parts| {
            with_child(parts, |child| {
                child["digest"] = format!("sha256:{}", "A".repeat(64)).into();
            });
        },
        "error digest",
        &["hex"],
    );
    check(
        |sandbox, parts| with_manifest(sandbox, parts, |manifest| manifest["layers"][0]["digest"] = "x".into()),
        "error digest",
        &["layer 1"],
    );
}

#[test]
fn manifests_that_are_none() {
    fn with_text(parts: &mut Parts, text: &str) {
        let mut child = parts.maker.blob(OCI_MANIFEST, text.as_bytes());
        child["platform"] = parts.children[0]["platform"].clone();
        parts.children[0] = child;
        parts.list();
    }
    check(|_, parts| with_text(parts, "{"), "error manifest", &["linux/amd64"]);
    check(|_, parts| with_text(parts, "[]"), "error manifest", &["linux/amd64"]);
    check(
        |_, parts| with_text(parts, r#"{"schemaVersion":1}"#),
        "error manifest",
        &["schemaVersion"],
    );
    check(
        |_, parts| with_text(parts, r#"{"schemaVersion":2}"#),
        "error manifest",
        &["config"],
    );
    check(
        |_, parts| with_text(parts, r#"{"schemaVersion":2,"manifests":[],"layers":[]}"#),
        "error manifest",
        &["at once"],
    );
    check(
        |sandbox, parts| with_manifest(sandbox, parts, |manifest| manifest["layers"] = json!({"a": 1})),
        "error manifest",
        &["layers"],
    );
    check(
        |_, parts| with_child(parts, |child| child["size"] = json!("7")),
        "error manifest",
        &["manifest 1"],
    );
    check(
        |_, parts| {
            let depth = 100_000;
            with_text(parts, &format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
        },
        "error manifest",
        &["no JSON"],
    );
}

#[test]
fn documents_that_are_too_large() {
    check(
        |_, parts| with_child(parts, |child| child["size"] = json!(1_u64 << 40)),
        "error too-large",
        &["linux/amd64"],
    );
    check(
        |sandbox, parts| with_manifest(sandbox, parts, |manifest| manifest["config"]["size"] = json!(u64::MAX)),
        "error too-large",
        &["config"],
    );
}

#[test]
fn media_types_that_are_not_those_of_the_content() {
    check(
        |sandbox, parts| with_manifest(sandbox, parts, |manifest| manifest["mediaType"] = OCI_INDEX.into()),
        "error media-type",
        &[OCI_INDEX],
    );
    check(
        |sandbox, parts| {
            with_manifest(sandbox, parts, |manifest| {
                manifest["layers"][0]["mediaType"] = "application/vnd.oci.image.layer.v1.tar+gzip".into();
            });
        },
        "error media-type",
        &["not compressed"],
    );
    check(
        |sandbox, parts| {
            with_manifest(sandbox, parts, |manifest| {
                manifest["layers"][0]["mediaType"] = "text/plain".into();
            });
        },
        "warning media-type",
        &["text/plain"],
    );
    check(
        |sandbox, parts| {
            let docker = "application/vnd.docker.distribution.manifest.v2+json";
            with_manifest(sandbox, parts, |manifest| manifest["mediaType"] = docker.into());
            with_child(parts, |child| child["mediaType"] = docker.into());
        },
        "warning docker-media-type",
        &["vnd.docker"],
    );
}

#[test]
fn indexes_in_indexes() {
    check(
        |_, parts| {
            for _ in 0..12 {
                let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [parts.root]});
                parts.root = parts.maker.json(OCI_INDEX, &index);
            }
            images::finish(
                &parts.maker,
                &[images::named(parts.root.clone(), "registry.test/acme/x:1")],
            );
        },
        "error nesting",
        &["nested"],
    );
    // a blob that lists itself can not have its digest: the wrong content is what is told
    check(
        |sandbox, parts| {
            let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [parts.root]});
            fs::write(blob_path(sandbox, &parts.root), index.to_string()).unwrap();
        },
        "error blob-size",
        &["1 (sha256:"],
    );
}

#[test]
fn more_images_than_can_be_counted() {
    let sandbox = Sandbox::new();
    let mut parts = sound(&sandbox);
    for _ in 0..7 {
        let list: Vec<&Value> = vec![&parts.root; 1000];
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list});
        parts.root = parts.maker.json(OCI_INDEX, &index);
    }
    images::finish(
        &parts.maker,
        &[images::named(parts.root.clone(), "registry.test/acme/x:1")],
    );
    let run = sandbox.airpack(&["layout", "validate", "x.oci"]);
    assert!(run.code == 0 || run.code == 3, "{}{}", run.stdout, run.stderr);
}

#[test]
fn descriptors_that_differ_on_a_size() {
    check(
        |sandbox, parts| {
            let layer = layer_of(sandbox, parts);
            with_manifest(sandbox, parts, |manifest| {
                let mut other = layer.clone();
                other["size"] = json!(layer["size"].as_u64().unwrap() + 1);
                manifest["layers"] = json!([layer, other]);
            });
        },
        "error size-conflict",
        &["layer 2"],
    );
}

#[test]
fn configs_that_do_not_fit() {
    check(
        |sandbox, parts| {
            let config = parts.maker.blob(OCI_CONFIG, b"[]");
            with_manifest(sandbox, parts, |manifest| manifest["config"] = config.clone());
        },
        "error config",
        &["config"],
    );
    check(
        |sandbox, parts| with_config(sandbox, parts, |config| config["rootfs"]["diff_ids"] = json!([])),
        "error config",
        &["0 diff ids", "1 layers"],
    );
    check(
        |sandbox, parts| {
            with_config(sandbox, parts, |config| {
                config["rootfs"]["diff_ids"] = json!([sha256(b"other")]);
            });
        },
        "error diff-id",
        &["layer 1"],
    );
}

#[test]
fn platforms_that_do_not_agree() {
    check(
        |sandbox, parts| with_config(sandbox, parts, |config| config["architecture"] = "s390x".into()),
        "error platform",
        &["linux/amd64", "linux/s390x"],
    );
    check(
        |sandbox, parts| with_config(sandbox, parts, |config| config["architecture"] = "".into()),
        "error platform-missing",
        &["architecture"],
    );
    check(
        |_, parts| {
            with_child(parts, |child| {
                child.as_object_mut().unwrap().remove("platform");
            });
        },
        "warning platform-missing",
        &["what"],
    );
    check(
        |_, parts| {
            let mut other = parts.maker.image("amd64", &[("other", "image")]);
            other["platform"] = parts.children[0]["platform"].clone();
            parts.children.push(other);
            parts.list();
        },
        "warning platform-duplicate",
        &["linux/amd64"],
    );
    check(
        |_, parts| {
            parts.children.push(parts.children[0].clone());
            parts.list();
        },
        "warning platform-duplicate",
        &["more than once"],
    );
}

#[test]
fn names() {
    check(
        |_, parts| {
            let entries = [&parts.root, &parts.children[0]].map(|entry| images::named(entry.clone(), "1.0"));
            images::finish(&parts.maker, &entries);
        },
        "error ref-name",
        &["`1.0`"],
    );
    check(
        |_, parts| images::finish(&parts.maker, &[images::named(parts.root.clone(), "no name!")]),
        "warning ref-name",
        &["no name!"],
    );
}

#[test]
fn what_nobody_refers_to() {
    check(
        |_, parts| drop(parts.maker.blob("text/plain", b"left over")),
        "warning unreferenced",
        &[&sha256(b"left over"), "gc"],
    );
    check(
        |sandbox, _| {
            let name = sha256(b"what it should be").replace(':', "/");
            sandbox.write(format!("x.oci/blobs/{name}"), "what it is");
        },
        "warning unreferenced",
        &["other", "digest"],
    );
    check(
        |sandbox, _| drop(sandbox.write("x.oci/blobs/sha256/notes.txt", "hello")),
        "warning unreferenced",
        &["notes.txt"],
    );
    check(
        |sandbox, _| drop(sandbox.write("x.oci/.airpack-abc", "half")),
        "warning temporary",
        &[".airpack-abc"],
    );
}

#[test]
fn layers_that_are_had_from_their_owner() {
    check(
        |sandbox, parts| {
            let layer = layer_of(sandbox, parts);
            fs::remove_file(blob_path(sandbox, &layer)).unwrap();
            with_manifest(sandbox, parts, |manifest| {
                manifest["layers"][0]["mediaType"] = "application/vnd.oci.image.layer.nondistributable.v1.tar".into();
            });
        },
        "warning foreign-layer",
        &["owner"],
    );
}

#[test]
fn labels_that_do_not_fit_the_image() {
    check(
        |sandbox, parts| {
            with_config(sandbox, parts, |config| {
                config["config"]["Labels"] = json!({"io.buildpacks.buildpackage.metadata": "{"});
            });
        },
        "warning cnb-label",
        &["io.buildpacks.buildpackage.metadata"],
    );
    check(
        |sandbox, parts| {
            with_config(sandbox, parts, |config| {
                let layers = json!({"acme/x": {"1": {"api": "0.10", "layerDiffID": sha256(b"none")}}});
                let metadata = json!({"id": "acme/x", "version": "1", "stacks": [{"id": "*"}]});
                config["config"]["Labels"] = json!({
                    "io.buildpacks.buildpackage.metadata": metadata.to_string(),
                    "io.buildpacks.buildpack.layers": layers.to_string(),
                });
            });
        },
        "warning cnb-label",
        &["acme/x@1", "no such layer"],
    );
    check(
        |sandbox, parts| {
            with_config(sandbox, parts, |config| {
                config["config"]["Labels"] = json!({"io.buildpacks.builder.metadata": "[1]"});
            });
        },
        "warning cnb-label",
        &["io.buildpacks.builder.metadata"],
    );
}

#[test]
fn all_at_once_and_none_twice() {
    let sandbox = Sandbox::new();
    let mut parts = sound(&sandbox);
    let layer = layer_of(&sandbox, &parts);
    flip(&blob_path(&sandbox, &layer));
    let other = manifest_of(&sandbox, &parts.children[1])["config"].clone();
    fs::remove_file(blob_path(&sandbox, &other)).unwrap();
    parts.children.push(parts.children[0].clone());
    parts.list();
    parts.maker.blob("text/plain", b"left over");
    sandbox.write("x.oci/oci-layout", "{}");
    let report = report(&sandbox, "x.oci", 3);
    let mut found = codes(&report);
    found.sort();
    // the index before the change is left over as well
    assert_eq!(
        found,
        [
            "error blob-digest",
            "error blob-missing",
            "error oci-layout",
            "warning platform-duplicate",
            "warning unreferenced",
            "warning unreferenced",
        ],
        "{report:#}"
    );
    assert_eq!((&report["errors"], &report["warnings"]), (&json!(3), &json!(3)));
}
