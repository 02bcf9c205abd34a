//! Labels, layers and history of a composite, whatever the golden cases leave open.

use serde_json::json;

use super::{CONFIG, comp_with, compose_into, package_into, run_config};
use crate::support::Sandbox;
use crate::support::composed::{Composed, modules};
use crate::support::composites::{BOTH, comp_of_two, composite, head, leaf, package_toml, targets_toml};
use crate::support::layout_view::{IMAGE_NAME, LayoutView, array};

const COMP: &str = "acme/comp@1.0.0";

/// By the text `id@version`, as in a builder: not by number, and `-` comes before `@`.
#[test]
fn layers_are_sorted_by_id_and_version() {
    let sorted = [
        "acme/a@1.10.0",
        "acme/a@1.9.0",
        "acme/ext-b@1.0.0",
        "acme/ext@1.0.0",
        "acme/ext@2.0.0",
        "zeta@1.0.0",
    ];
    let mut rotated = sorted;
    for _ in 0..sorted.len() {
        rotated.rotate_left(1);
        let sandbox = Sandbox::new();
        let folders: Vec<_> = (0..rotated.len()).map(|number| format!("../leaf{number}")).collect();
        for (folder, module) in folders.iter().zip(rotated) {
            leaf(&sandbox, folder.trim_start_matches("../"), module, &BOTH);
        }
        composite(&sandbox, "comp", "acme/m@1.0.0", &[&rotated]);
        let dependencies: Vec<_> = folders.iter().map(String::as_str).collect();
        package_toml(&sandbox, CONFIG, "../comp", &dependencies, &BOTH);
        let found = Composed::config(sandbox, CONFIG);
        let mut expected = sorted.to_vec();
        expected.insert(5, "acme/m@1.0.0");
        let layers: Vec<_> = found.layers("linux/amd64").concat();
        assert_eq!(layers, expected);
    }
}

#[test]
fn each_layer_has_its_entry_of_history() {
    let sandbox = comp_of_two();
    package_into(&sandbox, "one.oci", "registry.test/acme/one:1", "one", &[]);
    comp_with(&sandbox, &["oci:../one.oci:1", "../two"]);
    let found = Composed::config(sandbox, CONFIG);
    for image in &found.0.index.children {
        let history = array(&image.config, "history");
        assert_eq!(history.len(), 3);
        for moment in history.iter().chain([&image.config]) {
            assert_eq!(moment["created"], "1980-01-01T00:00:01Z");
        }
    }
}

#[test]
fn source_date_epoch_counts_for_what_comes_from_images_too() {
    let sandbox = comp_of_two();
    package_into(&sandbox, "one.oci", "registry.test/acme/one:1", "one", &[]);
    comp_with(&sandbox, &["oci:../one.oci:1", "../two"]);
    let args = [
        "buildpack",
        "package",
        "acme/x:1.0",
        "--config",
        CONFIG,
        "--layout",
        "out.oci",
    ];
    let mut command = sandbox.airpack_command(&args);
    crate::support::Run::of(command.env("SOURCE_DATE_EPOCH", "1700000000")).ok();
    for image in &LayoutView::open(sandbox.join("out.oci")).image_index("1.0").children {
        for moment in array(&image.config, "history").iter().chain([&image.config]) {
            assert_eq!(moment["created"], "2023-11-14T22:13:20Z");
        }
    }
}

/// What the label says of a module is what its own file says, whether it came from an image or from a folder.
#[test]
fn what_is_said_of_a_module_comes_along() {
    let toml = "api = \"0.9\"\n\n[buildpack]\nid = \"acme/one\"\nversion = \"1.0.0\"\nname = \"A <b> & c\"\n\
         homepage = \"https://acme.test/?a&b\"\n"
        .to_owned()
        + &targets_toml(&BOTH);
    let mut found = Vec::new();
    for uri in ["../one", "oci:../one.oci:1"] {
        let sandbox = comp_of_two();
        sandbox.write("one/buildpack.toml", &toml);
        package_into(&sandbox, "one.oci", "registry.test/acme/one:1", "one", &[]);
        comp_with(&sandbox, &[uri, "../two"]);
        found.push(Composed::config(sandbox, CONFIG));
    }
    let [folder, image] = found.try_into().ok().unwrap();
    assert_eq!(folder.digest(), image.digest());
    let fields = &modules(folder.0.image("linux/arm64"))["acme/one@1.0.0"];
    let expected = json!({
        "api": "0.9",
        "name": "A <b> & c",
        "homepage": "https://acme.test/?a&b",
        "targets": [{ "os": "linux", "arch": "amd64" }, { "os": "linux", "arch": "arm64" }],
        "layerDiffID": fields["layerDiffID"],
    });
    assert_eq!(*fields, expected);
    let text = &folder.0.image("linux/arm64").labels()["io.buildpacks.buildpack.layers"];
    assert!(text.contains(r"A \u003cb\u003e \u0026 c"), "{text}");
}

#[test]
fn an_exec_env_of_an_entry_comes_along() {
    let sandbox = comp_of_two();
    let toml = head(COMP)
        + "\n[[order]]\n\n[[order.group]]\nid = \"acme/one\"\nversion = \"1.0.0\"\nexec-env = [\"test\"]\n"
        + "\n[[order.group]]\nid = \"acme/two\"\nversion = \"1.0.0\"\noptional = true\n";
    sandbox.write("comp/buildpack.toml", toml);
    compose_into(
        &sandbox,
        "comp.oci",
        "registry.test/acme/comp:1",
        "comp/package.toml",
        &[],
    );
    composite(&sandbox, "outer", "acme/outer@1.0.0", &[&[COMP]]);
    let expected = json!([{ "group": [
        { "id": "acme/one", "version": "1.0.0", "exec-env": ["test"] },
        { "id": "acme/two", "version": "1.0.0", "optional": true },
    ] }]);
    for uri in ["../comp", "oci:../comp.oci:1"] {
        package_toml(&sandbox, CONFIG, "../outer", &[uri], &BOTH);
        let layout = format!("out{}.oci", uri.len());
        run_config(&sandbox, CONFIG, &layout, &[]).ok();
        let layout = LayoutView::open(sandbox.join(layout));
        for image in &layout.image_index("1.0").children {
            assert_eq!(modules(image)[COMP]["order"], expected, "{uri}");
        }
    }
}

#[test]
fn labels_annotations_and_tags_that_are_asked_for() {
    let sandbox = comp_of_two();
    comp_with(&sandbox, &["../one", "../two"]);
    let args = ["--label", "a=b", "--annotation", "c=d", "--tag", "latest"];
    run_config(&sandbox, CONFIG, "out.oci", &args).ok();
    let layout = LayoutView::open(sandbox.join("out.oci"));
    layout.check_whole();
    assert_eq!(layout.digest("latest"), layout.digest("1.0"));
    assert_eq!(
        layout.entry("latest")["annotations"][IMAGE_NAME],
        "registry.test/acme/x:latest"
    );
    let index = layout.image_index("1.0");
    assert_eq!(index.index["annotations"]["c"], "d");
    for image in &index.children {
        assert_eq!(image.labels()["a"], "b");
        assert_eq!(image.manifest["annotations"]["c"], "d");
    }
}

#[test]
fn labels_of_a_dependency_do_not_come_along() {
    let sandbox = comp_of_two();
    package_into(
        &sandbox,
        "one.oci",
        "registry.test/acme/one:1",
        "one",
        &["--label", "mine=alone", "--annotation", "e=f"],
    );
    comp_with(&sandbox, &["oci:../one.oci:1", "../two"]);
    let found = Composed::config(sandbox, CONFIG);
    assert_eq!(found.digest(), *super::FROM_FOLDERS);
}

#[test]
fn platform_os_of_package_toml_is_deprecated() {
    let sandbox = comp_of_two();
    comp_with(&sandbox, &["../one", "../two"]);
    package_toml(&sandbox, CONFIG, "../comp", &["../one", "../two"], &[]);
    let toml = std::fs::read_to_string(sandbox.join(CONFIG)).unwrap() + "\n[platform]\nos = \"linux\"\n";
    sandbox.write(CONFIG, toml);
    let run = crate::support::refused::refused(&sandbox, &["--config", CONFIG, "-t", "linux/amd64"]);
    run.stderr_has("platform");
}

/// No target of a composite has a folder in it: all of them get all of it.
#[test]
fn folders_of_a_composite_that_are_called_like_platforms_are_kept() {
    let sandbox = comp_of_two();
    comp_with(&sandbox, &["../one", "../two"]);
    sandbox.write("comp/docs/README.md", "read me\n");
    let found = Composed::config(sandbox, CONFIG);
    for platform in BOTH {
        assert_eq!(found.file(platform, COMP, "docs/README.md"), "read me\n");
    }
    assert_eq!(found.layer(BOTH[0], COMP).diff_id, found.layer(BOTH[1], COMP).diff_id);
}
