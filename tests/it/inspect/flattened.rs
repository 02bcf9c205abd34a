//! Packages with several buildpacks in one layer.

use serde_json::{Value, json};

use super::{inspected, refused};
use crate::support::composite::{Composite, leaf};
use crate::support::layout_view::{LayoutView, array, sha256, text};
use crate::support::pack_image::{Form, LAYERS_LABEL, METADATA_LABEL, PackImage, layer_of};
use crate::support::packaged::texts;
use crate::support::{Sandbox, simple_buildpack};

const TARGETS: [&str; 2] = ["linux/amd64", "linux/arm64"];

/// A sandbox with `out.oci`, which holds `acme/comp` with `acme/one` and `acme/two` in its layer, and `acme/three` in
/// one of its own.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    for name in ["one", "two", "three"] {
        leaf(&sandbox, name, &format!("acme/{name}"), &TARGETS);
    }
    Composite {
        folder: "comp",
        id: "acme/comp",
        order: &[&["acme/one", "acme/two", "acme/three?"]],
        uris: &["../one", "../two", "../three"],
        targets: &TARGETS,
    }
    .write(&sandbox);
    let args = [
        "registry.test/acme/comp:1.0",
        "--config",
        "comp/package.toml",
        "--layout",
        "out.oci",
    ];
    let flatten = ["--flatten", "--flatten-exclude", "acme/three@1.0.0"];
    sandbox
        .airpack(&[&["buildpack", "package"], &args[..], &flatten].concat())
        .digest();
    sandbox
}

#[test]
fn all_that_are_in_a_layer_are_told_with_it() {
    let sandbox = sandbox();
    let (run, _) = inspected(&sandbox, &["out.oci:1.0"]);
    let index = LayoutView::open(sandbox.join("out.oci")).image_index("1.0");
    let lines: Vec<_> = run.stdout.lines().collect();
    for image in &index.children {
        assert_eq!(image.layers.len(), 2);
        for layer in &image.layers {
            let count = layer
                .entries
                .iter()
                .filter(|entry| entry.name().matches('/').count() == 3);
            let expected: &[&str] = if count.count() == 1 {
                &["acme/three@1.0.0"]
            } else {
                &["acme/one@1.0.0", "acme/two@1.0.0", "acme/comp@1.0.0"]
            };
            let digest = &text(&layer.descriptor, "digest")[..19];
            let told = (0..lines.len()).filter(|at| lines[*at].contains(digest)).any(|at| {
                let near = lines[at.saturating_sub(4)..].iter().take(9);
                let near = near.copied().collect::<Vec<_>>().join("\n");
                expected.iter().all(|module| near.contains(module))
            });
            assert!(told, "expected {expected:?} at {digest}{run}");
        }
    }
}

#[test]
fn in_json_too() {
    let sandbox = sandbox();
    let run = sandbox.airpack(&["inspect", "out.oci:1.0", "--json"]);
    let report: Value = serde_json::from_str(&run.ok().stdout).unwrap();
    for image in array(&report["entries"][0], "manifests") {
        let modules: Vec<Vec<String>> = array(image, "layers")
            .iter()
            .map(|layer| {
                let mut told = texts(layer);
                told.retain(|text| text.ends_with("@1.0.0"));
                told.sort();
                told
            })
            .collect();
        assert!(modules.contains(&vec!["acme/three@1.0.0".to_owned()]), "{modules:?}");
        let flat = ["acme/comp@1.0.0", "acme/one@1.0.0", "acme/two@1.0.0"].map(str::to_owned);
        assert!(modules.contains(&flat.to_vec()), "{modules:?}");
    }
}

#[test]
fn the_order_is_that_of_a_package_that_is_not_flattened() {
    let sandbox = sandbox();
    let (run, _) = inspected(&sandbox, &["out.oci:1.0"]);
    let lines: Vec<_> = run.stdout.lines().collect();
    let place = |texts: &[&str]| {
        let found = lines
            .iter()
            .position(|line| texts.iter().all(|text| line.contains(text)));
        found.unwrap_or_else(|| panic!("expected a line with {texts:?}{run}"))
    };
    place(&["acme/three@1.0.0", "optional"]);
    place(&["acme/one@1.0.0"]);
}

/// What pack makes of two buildpacks in one layer.
fn of_pack(sandbox: &Sandbox) -> PackImage {
    for name in ["one", "two"] {
        simple_buildpack(sandbox, name, &format!("acme/{name}"), &["linux/amd64"]);
    }
    let mut image = PackImage::of(&sandbox.join("one"), "acme/one", &["linux/amd64"], "amd64");
    let mut flat = layer_of(&sandbox.join("one"), "acme/one");
    flat.truncate(flat.len() - 1024);
    flat.extend(layer_of(&sandbox.join("two"), "acme/two"));
    let module = json!({"1.0.0": {"api": "0.10", "layerDiffID": sha256(&flat)}});
    let label = json!({"acme/one": module, "acme/two": module});
    image.labels[LAYERS_LABEL] = label.to_string().into();
    image.layers = vec![flat];
    image
}

#[test]
fn of_pack_in_a_file() {
    let sandbox = Sandbox::new();
    let image = of_pack(&sandbox);
    sandbox.write("x.cnb", image.cnb(Form::OF_PACK));
    let (run, json) = inspected(&sandbox, &["x.cnb"]);
    for module in ["acme/one@1.0.0", "acme/two@1.0.0"] {
        run.stdout_has(module);
        assert!(json.iter().any(|text| text == module), "no {module} in {json:?}");
    }
}

#[test]
fn a_label_that_is_not_true_is_shown_or_refused() {
    // but nothing is made up: the layer that it names is not there
    let sandbox = Sandbox::new();
    let mut image = of_pack(&sandbox);
    let other = sha256(b"no layer");
    let label = json!({"acme/one": {"1.0.0": {"api": "0.10", "layerDiffID": other}}});
    image.labels[LAYERS_LABEL] = label.to_string().into();
    sandbox.write("x.cnb", image.cnb(Form::OF_PACK));
    let run = sandbox.airpack(&["inspect", "x.cnb"]);
    if run.code == 0 {
        run.stdout_has(&other);
    } else {
        refused(&sandbox, &["x.cnb"], &[&other]);
    }
    image.labels[METADATA_LABEL] = "not JSON".into();
    sandbox.write("x.cnb", image.cnb(Form::OF_PACK));
    let run = sandbox.airpack(&["inspect", "x.cnb"]);
    run.stderr_lacks("panicked");
    assert!(matches!(run.code, 0 | 1), "{run}");
}
