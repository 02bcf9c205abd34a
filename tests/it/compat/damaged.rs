//! Labels and layouts that are not what they should be: a row says so, and nothing breaks.

use serde_json::{Value, json};

use super::{Module, Told, builder_image, image_of, layout_with, target};
use crate::support::Sandbox;
use crate::support::buildpackage_maker::{BuildpackageMaker, layout_of};
use crate::support::layout_view::{LayoutView, text};

const NAME: &str = "registry.test/acme/builder:1";
const ONE: &str = "acme/one@1.0.0";
const AMD64: &str = "linux/amd64";

fn builder(change: &dyn Fn(&mut Value)) -> Told {
    let sandbox = Sandbox::new();
    layout_with(&sandbox, "b.oci", NAME, |maker| {
        vec![builder_image(maker, "amd64", "amd64", &[Module::scripts(ONE)], change)]
    });
    // all forms are printed
    sandbox.airpack(&["compat", "b.oci"]).ok();
    sandbox.airpack(&["compat", "b.oci", "--format", "markdown"]).ok();
    Told::of(&sandbox, &["b.oci"])
}

#[test]
fn labels_of_wrong_types() {
    for (name, value) in [
        ("io.buildpacks.buildpack.layers", json!([])),
        ("io.buildpacks.buildpack.layers", json!("{")),
        ("io.buildpacks.buildpack.order", json!({"a": 1})),
        ("io.buildpacks.builder.metadata", json!([1])),
        ("io.buildpacks.stack.mixins", json!(7)),
    ] {
        let told = builder(&|labels| labels[name] = value.clone());
        told.says(AMD64, &[(NAME, "faulty")]);
    }
}

#[test]
fn a_layer_that_is_not_there() {
    let told = builder(&|labels| {
        labels["io.buildpacks.buildpack.layers"]["acme/one"]["1.0.0"]["layerDiffID"] = json!("sha256:0");
    });
    told.says(AMD64, &[(NAME, "faulty"), (ONE, "faulty")]);
}

#[test]
fn huge_labels() {
    let long = "x".repeat(1 << 20);
    let told = builder(&|labels| {
        let label = &mut labels["io.buildpacks.buildpack.layers"]["acme/one"]["1.0.0"];
        label["api"] = json!(long);
        label["targets"] = (0..5000).map(|at| target("linux", &format!("arch{at}"))).collect();
        labels["io.buildpacks.builder.metadata"]["lifecycle"]["version"] = json!(long);
    });
    assert!(told.platforms().len() <= 40);
    assert_eq!(told.0["leftOff"], json!(5001 - 40));
    let run_text = told.0.to_string();
    assert!(run_text.len() < 1 << 20, "{}", run_text.len());
}

#[test]
fn what_steers_a_terminal_is_shown_instead() {
    let sandbox = Sandbox::new();
    layout_with(&sandbox, "b.oci", NAME, |maker| {
        let module = Module::scripts(ONE).with("api", json!("\u{1b}[2J"));
        vec![builder_image(maker, "amd64", "amd64", &[module], &|_| {})]
    });
    let run = sandbox.airpack(&["compat", "b.oci"]);
    run.ok();
    assert!(!run.stdout.contains('\u{1b}'), "{run}");
}

#[test]
fn a_blob_that_is_missing_or_changed() {
    for is_missing in [true, false] {
        let sandbox = Sandbox::new();
        layout_of(&sandbox, "p.oci", &[BuildpackageMaker::leaf(ONE, AMD64, &[AMD64])]);
        let layer = layer_of(&sandbox);
        if is_missing {
            std::fs::remove_file(layer).unwrap();
        } else {
            let mut bytes = std::fs::read(&layer).unwrap();
            let last = bytes.len() - 9;
            bytes[last] ^= 1;
            std::fs::write(&layer, bytes).unwrap();
        }
        let told = Told::of(&sandbox, &["p.oci"]);
        let said = told.said(ONE, AMD64);
        assert!(matches!(said, "faulty" | "notFound"), "{said}");
    }
}

#[test]
fn a_damaged_layer_of_a_module_is_no_fault_of_the_lifecycle() {
    let sandbox = Sandbox::new();
    layout_with(&sandbox, "b.oci", NAME, |maker| {
        vec![builder_image(
            maker,
            "amd64",
            "amd64",
            &[Module::scripts(ONE)],
            &|labels| {
                // else all layers are read for /etc/os-release
                labels["io.buildpacks.base.distro.name"] = json!("ubuntu");
                labels["io.buildpacks.base.distro.version"] = json!("24.04");
            },
        )]
    });
    let view = LayoutView::open(sandbox.join("b.oci"));
    let image = view.image_index("1").children.remove(0);
    let path = view.blob_path(text(&image.layers.last().unwrap().descriptor, "digest"));
    let length = std::fs::metadata(&path).unwrap().len();
    std::fs::write(&path, vec![0; usize::try_from(length).unwrap()]).unwrap();
    let told = Told::of(&sandbox, &["b.oci"]);
    told.says(AMD64, &[("0.20.1", "yes"), (ONE, "faulty")]);
}

/// The largest blob that is no JSON.
fn layer_of(sandbox: &Sandbox) -> std::path::PathBuf {
    let blobs = std::fs::read_dir(sandbox.join("p.oci/blobs/sha256")).unwrap();
    let mut blobs = blobs.map(|blob| blob.unwrap().path());
    blobs.find(|blob| std::fs::read(blob).unwrap()[0] != b'{').unwrap()
}

#[test]
fn an_image_without_any_label_is_an_image() {
    let sandbox = Sandbox::new();
    layout_with(&sandbox, "i.oci", "registry.test/acme/app:1", |maker| {
        vec![image_of(maker, "amd64", &json!({}), &[vec![]])]
    });
    let told = Told::of(&sandbox, &["i.oci"]);
    assert_eq!(told.names(), ["image registry.test/acme/app:1"]);
}
