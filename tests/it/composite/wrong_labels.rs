//! Packages whose labels do not say what is in them, or nothing that can be understood.

use serde_json::json;

use super::damaged_packages::{check, check_image};
use crate::support::Sandbox;
use crate::support::buildpackage_maker::{BuildpackageMaker, cnb_of};
use crate::support::composites::BOTH;

#[test]
fn a_label_for_a_layer_that_is_not_there() {
    let wrong = format!("sha256:{}", "1".repeat(64));
    check_image(
        |image| image.label["acme/one"]["1.0.0"]["layerDiffID"] = wrong.clone().into(),
        &["acme/one", &wrong],
    );
    for bad in [json!(null), json!(""), json!("sha256:12")] {
        check_image(
            |image| image.label["acme/one"]["1.0.0"]["layerDiffID"] = bad.clone(),
            &["acme/one"],
        );
    }
    check_image(
        |image| image.label["acme/one"]["1.0.0"]["layerDiffID"] = json!(5),
        &["io.buildpacks.buildpack.layers"],
    );
}

#[test]
fn a_manifest_for_another_module() {
    // the file says one.cnb, the order says acme/one, but in it is another
    let sandbox = Sandbox::new();
    let image = BuildpackageMaker::leaf("acme/other@2.0.0", "linux/amd64", &BOTH);
    sandbox.write("one.cnb", cnb_of(&image));
    check(&sandbox, "../one.cnb", &["acme/other@2.0.0", "acme/one@1.0.0"]);
}

#[test]
fn labels_that_do_not_agree() {
    // the package is one that the other label does not have
    check_image(|image| image.metadata["id"] = "acme/other".into(), &["acme/other"]);
    check_image(|image| image.metadata["version"] = "1.0.1".into(), &["1.0.1"]);
    // the layer is that of another
    check_image(
        |image| {
            let other = BuildpackageMaker::leaf("acme/other@1.0.0", "linux/amd64", &BOTH);
            image.layers = other.layers;
            image.diff_ids.clone_from(&other.diff_ids);
            image.label["acme/one"]["1.0.0"]["layerDiffID"] = other.diff_ids[0].clone().into();
        },
        &["acme_other"],
    );
}

#[test]
fn labels_that_are_no_labels() {
    for (label, metadata) in [
        (json!([]), json!({ "id": "acme/one", "version": "1.0.0" })),
        (
            json!({ "acme/one": "1.0.0" }),
            json!({ "id": "acme/one", "version": "1.0.0" }),
        ),
        (
            json!({ "acme/one": { "1.0.0": {} } }),
            json!({ "id": "acme/one", "version": "1.0.0" }),
        ),
        (json!("text"), json!({ "id": "acme/one", "version": "1.0.0" })),
    ] {
        check_image(
            |image| {
                image.label = label.clone();
                image.metadata = metadata.clone();
            },
            &["io.buildpacks.buildpack.layers"],
        );
    }
    for metadata in [
        json!([]),
        json!({ "id": "acme/one" }),
        json!({ "version": "1.0.0" }),
        json!({ "id": 5, "version": "1.0.0" }),
    ] {
        check_image(
            |image| image.metadata = metadata.clone(),
            &["io.buildpacks.buildpackage.metadata"],
        );
    }
}

/// The ids of labels become paths.
#[test]
fn ids_and_versions_that_lead_elsewhere() {
    for (id, version) in [
        ("../../etc", "1.0.0"),
        ("acme/one", ".."),
        ("acme/one", "1.0.0/../.."),
        ("", "1.0.0"),
        ("acme/one", ""),
    ] {
        check_image(
            |image| {
                let fields = image.label["acme/one"]["1.0.0"].clone();
                image.label = json!({ id: { version: fields } });
                image.metadata["id"] = id.into();
                image.metadata["version"] = version.into();
            },
            &[],
        );
    }
}

#[test]
fn an_order_in_the_label_that_the_image_does_not_fill() {
    check_image(
        |image| {
            let missing = json!([{ "group": [{ "id": "acme/missing", "version": "3.0.0" }] }]);
            image.label["acme/one"]["1.0.0"]["order"] = missing;
        },
        &["acme/missing"],
    );
}
