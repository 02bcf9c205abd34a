//! Layouts as other tools write them.

use serde_json::{Value, json};

use super::inspected;
use crate::support::layout_maker::{LayoutMaker, OCI_LAYER, tar_of};
use crate::support::layout_view::{IMAGE_NAME, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, REF_NAME, sha256};
use crate::support::{Sandbox, tar_maker};

const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// A layout filled by `fill`, which gives the entries of `index.json`; what is shown of it.
#[track_caller]
fn check(fill: impl Fn(&LayoutMaker) -> Vec<Value>, there: &[&str]) {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out.oci"));
    let entries = fill(&maker);
    maker.index_file(&json!({ "schemaVersion": 2, "manifests": entries }));
    super::check(&sandbox, &["out.oci"], there, &[]);
}

fn index_of(maker: &LayoutMaker, media_type: &str, children: &[Value]) -> Value {
    let index = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": children });
    maker.json(media_type, &index)
}

fn for_platform(mut image: Value, os: &str, architecture: &str) -> Value {
    image["platform"] = json!({ "os": os, "architecture": architecture });
    image
}

fn tagged(mut entry: Value, tag: &str) -> Value {
    entry["annotations"] = json!({ REF_NAME: tag });
    entry
}

#[test]
fn docker_media_types() {
    check(
        |maker| {
            let images = ["amd64", "arm64"].map(|architecture| {
                let tar = tar_of(&[("docker-file", architecture)]);
                let layer = maker.blob(DOCKER_LAYER, &tar_maker::gzip(&tar));
                let image = maker.image_of(DOCKER_MANIFEST, DOCKER_CONFIG, architecture, &[layer], &[sha256(&tar)]);
                for_platform(image, "linux", architecture)
            });
            vec![tagged(index_of(maker, DOCKER_LIST, &images), "1.0")]
        },
        &["1.0", "amd64", "arm64", "docker-file", "test.label", "some text"],
    );
}

#[test]
fn attestations() {
    check(
        |maker| {
            let image = for_platform(maker.image("amd64", &[("usr-file", "x\n")]), "linux", "amd64");
            let statement = maker.blob("application/vnd.in-toto+json", b"{\"_type\":\"x\"}");
            let attestation = maker.image_of(OCI_MANIFEST, OCI_CONFIG, "unknown", &[statement], &[sha256(b"{}")]);
            let mut attestation = for_platform(attestation, "unknown", "unknown");
            attestation["annotations"] = json!({
                "vnd.docker.reference.type": "attestation-manifest",
                "vnd.docker.reference.digest": image["digest"],
            });
            vec![tagged(index_of(maker, OCI_INDEX, &[image, attestation]), "1.0")]
        },
        &["amd64", "usr-file", "unknown", "application/vnd.in-toto+json"],
    );
}

#[test]
fn layers_that_are_no_tar_by_their_type() {
    check(
        |maker| {
            let chart = maker.blob("application/vnd.cncf.helm.chart.content.v1.tar+gzip", b"anything");
            let manifest = json!({
                "schemaVersion": 2,
                "config": maker.blob("application/vnd.cncf.helm.config.v1+json", b"{\"name\":\"chart\"}"),
                "layers": [chart],
            });
            vec![tagged(maker.json(OCI_MANIFEST, &manifest), "chart")]
        },
        &["chart", "application/vnd.cncf.helm.chart.content.v1.tar+gzip"],
    );
}

#[test]
fn referrers_and_artifacts() {
    check(
        |maker| {
            let image = maker.image("amd64", &[("usr-file", "x\n")]);
            let empty = maker.blob("application/vnd.oci.empty.v1+json", b"{}");
            let artifact = json!({
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "artifactType": "application/vnd.test.signature",
                "config": empty,
                "layers": [empty],
                "subject": image,
            });
            vec![tagged(image, "1.0"), maker.json(OCI_MANIFEST, &artifact)]
        },
        &["1.0", "usr-file", "application/vnd.oci.empty.v1+json"],
    );
}

#[test]
fn index_in_an_index() {
    check(
        |maker| {
            let image = for_platform(maker.image("amd64", &[("usr-deep", "x\n")]), "linux", "amd64");
            let inner = index_of(maker, OCI_INDEX, &[image]);
            vec![tagged(index_of(maker, OCI_INDEX, &[inner]), "1.0")]
        },
        &["1.0", "amd64", "usr-deep"],
    );
}

#[test]
fn an_index_below_hundreds_of_others() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out.oci"));
    let mut entry = maker.image("amd64", &[("usr-deep", "x\n")]);
    for _ in 0..2_000 {
        entry = index_of(&maker, OCI_INDEX, &[entry]);
    }
    maker.index_file(&json!({ "schemaVersion": 2, "manifests": [entry] }));
    // it may be too deep, but that is to be said
    let run = sandbox.airpack(&["inspect", "out.oci"]);
    run.stderr_lacks("panicked").stderr_lacks("overflow");
    assert!(matches!(run.code, 0 | 1), "{run}");
}

#[test]
fn layers_of_every_compression() {
    let tar = tar_of(&[("usr-packed", "x\n")]);
    let zstd = zstd::encode_all(tar.as_slice(), 3).unwrap();
    let two_members = [tar_maker::gzip(&tar[..512]), tar_maker::gzip(&tar[512..])].concat();
    for (suffix, blob) in [
        ("", tar.clone()),
        ("+gzip", tar_maker::gzip(&tar)),
        ("+gzip", two_members),
        ("+zstd", zstd),
    ] {
        check(
            |maker| {
                let layer = maker.blob(&format!("{OCI_LAYER}{suffix}"), &blob);
                let diff_ids = [sha256(&tar)];
                vec![maker.image_of(OCI_MANIFEST, OCI_CONFIG, "amd64", &[layer], &diff_ids)]
            },
            &["usr-packed"],
        );
    }
}

#[test]
fn manifests_straight_in_the_index_file() {
    check(
        |maker| {
            ["amd64", "arm64"]
                .map(|architecture| {
                    let image = maker.image(architecture, &[("usr-flat", architecture)]);
                    for_platform(image, "linux", architecture)
                })
                .to_vec()
        },
        &["amd64", "arm64", "usr-flat"],
    );
}

#[test]
fn no_platform_in_the_index() {
    check(
        |maker| {
            let images = ["amd64", "arm64"].map(|architecture| maker.image(architecture, &[]));
            vec![tagged(index_of(maker, OCI_INDEX, &images), "1.0")]
        },
        &["amd64", "arm64"],
    );
}

#[test]
fn full_names_as_tags() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out.oci"));
    let by_crane = tagged(maker.image("amd64", &[("usr-a", "a\n")]), "registry.test/acme/a:1");
    let mut by_name = maker.image("arm64", &[("usr-b", "b\n")]);
    by_name["annotations"] = json!({ IMAGE_NAME: "registry.test/acme/b:1" });
    maker.index_file(&json!({ "schemaVersion": 2, "manifests": [by_crane, by_name] }));
    let names = ["registry.test/acme/a:1", "registry.test/acme/b:1", "usr-a", "usr-b"];
    super::check(&sandbox, &["out.oci"], &names, &[]);
    let place = "out.oci:registry.test/acme/a:1";
    super::check(&sandbox, &[place], &["usr-a"], &["usr-b"]);
}

#[test]
fn labels_and_names_with_control_characters() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out.oci"));
    let tar = tar_of(&[("usr-\u{1b}[31mred", "x\n"), ("usr-new\nline", "x\n")]);
    let layer = maker.blob(OCI_LAYER, &tar);
    let config = json!({
        "os": "linux",
        "architecture": "amd64",
        "config": { "Labels": {
            "test.json": "{not JSON",
            "test.escape": "\u{1b}[32mgreen",
        } },
        "rootfs": { "type": "layers", "diff_ids": [sha256(&tar)] },
    });
    let manifest = json!({
        "schemaVersion": 2,
        "config": maker.json(OCI_CONFIG, &config),
        "layers": [layer],
    });
    let entry = maker.json(OCI_MANIFEST, &manifest);
    maker.index_file(&json!({ "schemaVersion": 2, "manifests": [entry] }));
    let (run, json) = inspected(&sandbox, &["out.oci"]);
    run.stdout_has("red").stdout_has("green").stdout_has("{not JSON");
    assert!(
        !run.stdout.lines().any(|line| line == "line"),
        "a name broke a line{run}"
    );
    assert!(json.iter().any(|text| text == "usr-\u{1b}[31mred"), "{json:?}");
}

#[test]
fn a_config_with_nothing_in_it() {
    check(
        |maker| {
            let manifest = json!({
                "schemaVersion": 2,
                "config": maker.blob(OCI_CONFIG, b"{}"),
                "layers": [maker.blob(OCI_LAYER, &tar_of(&[("usr-bare", "x\n")]))],
            });
            vec![maker.json(OCI_MANIFEST, &manifest)]
        },
        &["usr-bare"],
    );
}

#[test]
fn labels_of_a_buildpackage_that_are_not_what_they_should_be() {
    for (label, text) in [
        ("io.buildpacks.buildpack.layers", "not JSON"),
        ("io.buildpacks.buildpack.layers", "[7]"),
        ("io.buildpacks.buildpackage.metadata", "7"),
        ("io.buildpacks.buildpackage.metadata", "{\"id\":{}}"),
    ] {
        let sandbox = Sandbox::new();
        let maker = LayoutMaker::new(&sandbox.join("out.oci"));
        let config = json!({
            "os": "linux",
            "architecture": "amd64",
            "config": { "Labels": { label: text } },
            "rootfs": { "type": "layers", "diff_ids": [] },
        });
        let config = maker.json(OCI_CONFIG, &config);
        let digest = config["digest"].as_str().unwrap().to_owned();
        let manifest = json!({ "schemaVersion": 2, "config": config, "layers": [] });
        maker.index_file(&json!({
            "schemaVersion": 2,
            "manifests": [maker.json(OCI_MANIFEST, &manifest)],
        }));
        let run = sandbox.airpack(&["inspect", "out.oci"]);
        // shown as it is, or a fault of the config
        if run.code == 0 {
            run.stdout_has(label);
        } else {
            run.failed(1).stderr_has(&digest).stderr_has(label);
        }
    }
}
