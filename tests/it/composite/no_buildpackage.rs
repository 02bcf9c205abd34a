//! Images that are no buildpackages.

use serde_json::{Value, json};

use super::{CONFIG, points_at_dependency, refuse};
use crate::support::Sandbox;
use crate::support::buildpackage_maker::{BuildpackageMaker, cnb_of, layout_of};
use crate::support::composites::{BOTH, composite, package_toml};
use crate::support::images;
use crate::support::layout_maker::{LayoutMaker, tar_of};
use crate::support::layout_view::{REF_NAME, sha256};
use crate::support::skopeo::require_skopeo;
use crate::support::tar_maker::{Member, TarFormat, tar};

const ONE: &str = "acme/one@1.0.0";

/// `comp` of what this leads to can not be packaged; the message says what it is not.
#[track_caller]
fn check(sandbox: &Sandbox, uri: &str, file: &str, says: &[&str]) {
    composite(sandbox, "comp", "acme/comp@1.0.0", &[&[ONE]]);
    package_toml(sandbox, CONFIG, "../comp", &[uri], &["linux/amd64"]);
    let run = refuse(sandbox, CONFIG, &[file]);
    for text in says {
        run.stderr_has(text);
    }
    points_at_dependency(&run, CONFIG, 0);
}

/// A layout with an index of one image of any sort.
fn any_image(sandbox: &Sandbox) {
    images::layout(&sandbox.folder("any.oci"), "registry.test/acme/any:1", "seed");
}

#[test]
fn any_image_in_a_layout() {
    let sandbox = Sandbox::new();
    any_image(&sandbox);
    check(&sandbox, "oci:../any.oci:1", "any.oci", &["buildpackage"]);
}

#[test]
fn any_image_in_a_file() {
    let sandbox = Sandbox::new();
    any_image(&sandbox);
    super::archive_layout(&sandbox, "any.oci", "any.cnb");
    check(&sandbox, "../any.cnb", "any.cnb", &["buildpackage"]);
    check(&sandbox, "oci-archive:../any.cnb", "any.cnb", &["buildpackage"]);
}

/// A docker-archive as docker saves it, of an image with this config.
fn docker_archive(config: &Value, layer: &[u8]) -> Vec<u8> {
    let config = config.to_string();
    let name = format!("{}.json", sha256(config.as_bytes()).trim_start_matches("sha256:"));
    let entry = json!({ "Config": name, "RepoTags": ["acme/any:1"], "Layers": ["layer.tar"] });
    let members = [
        Member::file(&name, &config),
        Member::file("layer.tar", layer),
        Member::file("manifest.json", json!([entry]).to_string()),
    ];
    tar(TarFormat::Ustar, &members)
}

#[test]
fn a_docker_archive_without_labels() {
    let layer = tar_of(&[("file", "x\n")]);
    for labels in [json!(null), json!({}), json!({ "a": "b" })] {
        let sandbox = Sandbox::new();
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": { "Labels": labels },
            "rootfs": { "type": "layers", "diff_ids": [sha256(&layer)] },
        });
        sandbox.write("any.tar", docker_archive(&config, &layer));
        check(&sandbox, "docker-archive:../any.tar", "any.tar", &["buildpackage"]);
    }
}

#[test]
fn a_docker_archive_of_skopeo_without_labels() {
    let Some(skopeo) = require_skopeo() else { return };
    let sandbox = Sandbox::new();
    any_image(&sandbox);
    let copy = [
        "--override-arch",
        "amd64",
        "copy",
        "oci:any.oci:1",
        "docker-archive:any.tar:acme/any:1",
    ];
    skopeo.run(&sandbox, &copy);
    check(&sandbox, "docker-archive:../any.tar", "any.tar", &["buildpackage"]);
}

#[test]
fn one_of_the_two_labels_is_missing() {
    for missing in ["io.buildpacks.buildpack.layers", "io.buildpacks.buildpackage.metadata"] {
        let sandbox = Sandbox::new();
        let mut image = BuildpackageMaker::leaf(ONE, "linux/amd64", &BOTH);
        if missing.ends_with("metadata") {
            image.metadata = json!(null);
        } else {
            image.label = json!(null);
        }
        sandbox.write("one.cnb", cnb_of(&image));
        check(&sandbox, "../one.cnb", "one.cnb", &["label"]);
    }
}

/// It has buildpacks, but is none.
#[test]
fn a_builder() {
    let sandbox = Sandbox::new();
    let mut image = BuildpackageMaker::leaf(ONE, "linux/amd64", &BOTH);
    image.metadata = json!(null);
    layout_of(&sandbox, "builder.oci", &[image]);
    check(&sandbox, "oci:../builder.oci:1", "builder.oci", &["buildpackage"]);
}

/// Its label is another one, and the metadata of a package.
#[test]
fn a_package_of_an_extension() {
    let sandbox = Sandbox::new();
    let toml = "api = \"0.10\"\n\n[extension]\nid = \"acme/one\"\nversion = \"1.0.0\"\n";
    sandbox.write("ext/extension.toml", toml);
    sandbox.executable("ext/bin/generate", "#!/bin/sh\n");
    sandbox.executable("ext/bin/detect", "#!/bin/sh\n");
    let args = [
        "extension",
        "package",
        "registry.test/acme/ext:1",
        "--path",
        "ext",
        "--layout",
        "ext.oci",
        "--quiet",
    ];
    sandbox.airpack(&args).ok();
    check(&sandbox, "oci:../ext.oci:1", "ext.oci", &["extension"]);
}

#[test]
fn an_artifact_or_nothing_at_all() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.folder("artifact.oci"));
    let image = images::image(&maker, "seed", "amd64");
    let mut artifact = images::referrer(&maker, &image, "application/vnd.acme.signature");
    artifact["annotations"] = json!({ REF_NAME: "1" });
    maker.index_file(&json!({ "schemaVersion": 2, "manifests": [artifact] }));
    check(&sandbox, "oci:../artifact.oci:1", "artifact.oci", &[]);

    let maker = LayoutMaker::new(&sandbox.folder("empty.oci"));
    maker.index_file(&json!({ "schemaVersion": 2, "manifests": [] }));
    check(&sandbox, "oci:../empty.oci", "empty.oci", &[]);
    check(&sandbox, "oci:../empty.oci:1", "empty.oci", &["1"]);
}

/// An archive that is neither a buildpack nor an image.
#[test]
fn an_archive_of_other_things() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "other.tgz",
        crate::support::tar_maker::gzip(&tar_of(&[("README", "x\n")])),
    );
    check(&sandbox, "../other.tgz", "other.tgz", &["buildpack.toml"]);
    sandbox.write("other.cnb", tar_of(&[("README", "x\n")]));
    check(&sandbox, "../other.cnb", "other.cnb", &[]);
    sandbox.write("other.tar", tar_of(&[("README", "x\n")]));
    check(&sandbox, "docker-archive:../other.tar", "other.tar", &[]);
    check(&sandbox, "oci-archive:../other.tar", "other.tar", &[]);
}
