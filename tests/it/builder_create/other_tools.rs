//! Other tools read builders, copy them unchanged, and pass them on to a registry and back.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::support::builder::{BuilderInput, Built, METADATA};
use crate::support::composites::BOTH;
use crate::support::layout_view::{LayoutView, sha256, text};
use crate::support::registry::DebianRegistry;
use crate::support::skopeo::require_skopeo;
use crate::support::tools::require_tool;

/// A builder with everything, in a layout of its own, and a sandbox from which `oci:LAYOUT` leads there.
fn built() -> Built {
    BuilderInput::new()
        .extension()
        .append("[[build.env]]\nname = \"A\"\nvalue = \"1\"\n")
        .created(&[])
}

fn source(built: &Built) -> String {
    format!("oci:{}:1.0", built.0.layout.root().display())
}

#[test]
fn skopeo_reads_both_platforms() {
    let Some(skopeo) = require_skopeo() else { return };
    let built = built();
    for (platform, architecture) in BOTH.iter().zip(["amd64", "arm64"]) {
        let choice = format!("--override-arch={architecture}");
        let run = skopeo.run(
            &built.0.sandbox,
            &[&choice, "--override-os=linux", "inspect", &source(&built)],
        );
        let found: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(found["Architecture"], architecture);
        assert_eq!(found["Labels"][METADATA], built.label(platform, METADATA));
        assert_eq!(found["Layers"].as_array().unwrap().len(), built.layers(platform).len());
        let config = skopeo.run(
            &built.0.sandbox,
            &[&choice, "inspect", "--config", "--raw", &source(&built)],
        );
        let config: Value = serde_json::from_str(&config.stdout).unwrap();
        assert_eq!(config, built.image(platform).config);
    }
}

#[test]
fn skopeo_verifies_every_blob() {
    let Some(skopeo) = require_skopeo() else { return };
    let built = built();
    let sandbox = &built.0.sandbox;
    let to = ["copy", "--all", "--preserve-digests", &source(&built), "oci:copied:1.0"];
    skopeo.run(sandbox, &to);
    let copied = LayoutView::open(sandbox.join("copied"));
    assert_eq!(copied.digest("1.0"), built.digest());
    assert_eq!(copied.blob_names(), built.0.layout.blob_names());
    skopeo.run(sandbox, &["copy", "--all", &source(&built), "dir:folder"]);
    let index = fs::read(sandbox.join("folder/manifest.json")).unwrap();
    assert_eq!(sha256(&index), built.digest());
}

#[test]
fn umoci_unpacks_a_builder() {
    let (Some(skopeo), Some(umoci)) = (require_skopeo(), require_tool("umoci")) else {
        return;
    };
    let built = built();
    let sandbox = &built.0.sandbox;
    skopeo.run(
        sandbox,
        &["--override-arch=arm64", "copy", &source(&built), "oci:flat:1.0"],
    );
    let rootless: &[&str] = if crate::support::test_tree::is_root() {
        &[]
    } else {
        &["--rootless"]
    };
    umoci
        .run(
            sandbox,
            &[&["unpack", "--image", "flat:1.0"], rootless, &["bundle"]].concat(),
        )
        .ok();
    let root = sandbox.join("bundle/rootfs");
    let read = |name: &str| fs::read_to_string(root.join(name)).unwrap();
    assert_eq!(read("cnb/order.toml"), built.file("linux/arm64", "/cnb/order.toml"));
    assert_eq!(
        read("cnb/buildpacks/acme_one/1.0.0/which"),
        "acme/one@1.0.0 for linux/arm64\n"
    );
    assert_eq!(read("etc/what"), "build arm64\n");
    assert_eq!(read("cnb/build-config/env/A"), "1");
    assert_eq!(
        fs::read_link(root.join("lifecycle")).unwrap().to_str(),
        Some("/cnb/lifecycle")
    );
    assert_eq!(
        fs::read_link(root.join("cnb/lifecycle/creator")).unwrap().to_str(),
        Some("lifecycle")
    );
    if crate::support::test_tree::is_root() {
        use std::os::unix::fs::MetadataExt;
        let workspace = fs::metadata(root.join("workspace")).unwrap();
        assert_eq!((workspace.uid(), workspace.gid()), (1001, 1002));
    }
}

#[test]
fn a_registry_takes_and_gives_it_back() {
    let Some(registry) = DebianRegistry::plain() else {
        return;
    };
    let built = built();
    let sandbox = &built.0.sandbox;
    let from = format!("{}:1.0", built.0.layout.root().display());
    let name = registry.name("acme/builder:1.0");
    sandbox.airpack(&["push", &from, &name]).ok();
    assert_eq!(registry.digest("acme/builder", "1.0"), built.digest());
    let pulled = sandbox.airpack(&["pull", &name, "--layout", "pulled.oci"]);
    assert_eq!(pulled.ok().stdout, format!("{}\n", built.digest()));
    let layout = LayoutView::open(sandbox.join("pulled.oci"));
    layout.check_whole();
    assert_eq!(layout.blob_names(), built.0.layout.blob_names());
    // what was pulled is a base like any other
    let again = sandbox.airpack(&["inspect", "pulled.oci"]);
    again.ok();
    let Some(skopeo) = require_skopeo() else { return };
    let raw = skopeo.run(
        sandbox,
        &["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")],
    );
    assert_eq!(sha256(raw.stdout.as_bytes()), built.digest());
}

#[test]
fn a_base_that_skopeo_wrote() {
    let Some(skopeo) = require_skopeo() else { return };
    let input = BuilderInput::new();
    input.write();
    let sandbox = &input.sandbox;
    skopeo.run(sandbox, &["copy", "--all", "oci:base.oci:1", "oci:theirs:any"]);
    let theirs = LayoutView::open(sandbox.join("theirs"));
    let mut other = BuilderInput {
        from: vec![
            format!("{}=theirs:any", crate::support::builder::BUILD),
            "run.oci".to_owned(),
        ],
        ..input
    };
    other.build = Value::Null;
    let built = other.created(&[]);
    // skopeo compresses what is not
    let of_base: BTreeSet<_> = theirs.blob_names();
    for image in &built.0.index.children {
        let first = text(&image.layers[0].descriptor, "digest");
        assert!(of_base.contains(&first[7..]), "{first}");
    }
}
