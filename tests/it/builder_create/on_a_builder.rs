//! A builder on top of a builder: what is there stays, what has changed is taken away first.

use super::package_into;
use crate::support::builder::{
    BUILD, BuilderInput, Built, EXTENSION_LAYERS, LAYERS, METADATA, extension, layer_kind, listed,
};
use crate::support::composites::{BOTH, leaf};
use crate::support::layout_view::{LayoutView, text};

const FIRST: &str = "registry.test/acme/first:1";

/// A builder of the parts of `first`, in `first.oci`, and the input for another on top of it.
pub(super) fn on(first: &BuilderInput, second: BuilderInput) -> BuilderInput {
    first.write();
    let layout = second.sandbox.join("first.oci");
    let args = [
        "builder",
        "create",
        FIRST,
        "--config",
        "builder.toml",
        "--layout",
        layout.to_str().unwrap(),
    ];
    let from: Vec<_> = first.from.iter().flat_map(|from| ["--from", from]).collect();
    first.sandbox.airpack(&[&args[..], &from].concat()).digest();
    let mut second = second.replace(BUILD, FIRST);
    second.from = vec!["first.oci".to_owned(), "run.oci".to_owned()];
    second
}

/// Where the layers of the first builder end.
fn base_layers(built: &Built, platform: &str) -> usize {
    let layout = LayoutView::open(built.0.sandbox.join("first.oci"));
    layout.image_index("1").child(platform).layers.len()
}

/// The kinds of the layers above those of the first builder.
pub(super) fn added(built: &Built, platform: &str) -> Vec<String> {
    built.layers(platform).split_off(base_layers(built, platform))
}

#[test]
fn nothing_has_changed() {
    let built = on(&BuilderInput::new(), BuilderInput::new())
        .created(&[])
        .without_warnings();
    for platform in BOTH {
        let expected = [
            "folders",
            "lifecycle",
            "/cnb/order.toml",
            "/cnb/stack.toml",
            "/cnb/run.toml",
            "empty",
        ];
        assert_eq!(added(&built, platform), expected);
        assert_eq!(built.listed(platform), ["acme/one@1.0.0", "acme/two@2.0.0"]);
    }
}

#[test]
fn a_buildpack_has_changed() {
    let second = BuilderInput::new();
    for target in BOTH {
        second.sandbox.write(format!("two/{target}/which"), "changed\n");
    }
    let built = on(&BuilderInput::new(), second).created(&[]);
    for platform in BOTH {
        let expected = [
            "folders",
            "lifecycle",
            "/cnb/buildpacks/acme_two/.wh.2.0.0",
            "acme_two@2.0.0",
            "/cnb/order.toml",
            "/cnb/stack.toml",
            "/cnb/run.toml",
            "empty",
        ];
        assert_eq!(added(&built, platform), expected);
        let whiteout = &built.layer(platform, expected[2]).entries[0];
        assert_eq!(
            (whiteout.size, whiteout.mtime, whiteout.uid, whiteout.mode),
            (0, 0, 0, 0o644)
        );
        // the label speaks of the new layer
        let new = &built.layer(platform, "acme_two@2.0.0").diff_id;
        assert_eq!(
            built.json_label(platform, LAYERS)["acme/two"]["2.0.0"]["layerDiffID"],
            *new
        );
        assert_eq!(
            built.file(platform, "/cnb/buildpacks/acme_two/2.0.0/which"),
            "changed\n"
        );
    }
}

#[test]
fn a_buildpack_has_changed_for_one_target() {
    let second = BuilderInput::new();
    second.sandbox.write("two/linux/arm64/which", "changed\n");
    let built = on(&BuilderInput::new(), second).created(&[]);
    assert!(
        !added(&built, "linux/amd64")
            .iter()
            .any(|kind| kind.contains("acme_two"))
    );
    let arm64 = added(&built, "linux/arm64");
    assert!(
        arm64.contains(&"/cnb/buildpacks/acme_two/.wh.2.0.0".to_owned()),
        "{arm64:?}"
    );
}

#[test]
fn all_whiteouts_come_before_all_modules() {
    let second = BuilderInput::new().extension();
    let first = BuilderInput::new().extension();
    for name in ["one", "two"] {
        for target in BOTH {
            second.sandbox.write(format!("{name}/{target}/which"), "changed\n");
        }
    }
    second.sandbox.write("ext/more", "more\n");
    let built = on(&first, second).created(&[]);
    for platform in BOTH {
        let found = added(&built, platform);
        let place = |kind: &str| found.iter().position(|found| found == kind).unwrap();
        // those of a kind before all modules of that kind
        let buildpacks = [
            "/cnb/buildpacks/acme_one/.wh.1.0.0",
            "/cnb/buildpacks/acme_two/.wh.2.0.0",
            "acme_one@1.0.0",
            "acme_two@2.0.0",
        ];
        let extensions = ["/cnb/extensions/acme_ext/.wh.1.0.0", "acme_ext@1.0.0"];
        assert!(buildpacks.map(place).is_sorted(), "{platform}: {found:?}");
        assert!(extensions.map(place).is_sorted(), "{platform}: {found:?}");
        let ext = &built.layer(platform, "acme_ext@1.0.0").diff_id;
        assert_eq!(
            built.json_label(platform, EXTENSION_LAYERS)["acme/ext"]["1.0.0"]["layerDiffID"],
            *ext
        );
    }
}

#[test]
fn a_new_version_stands_beside_the_old() {
    let second = BuilderInput::new()
        .replace("uri = \"two\"", "uri = \"newer\"")
        .replace("id = \"acme/two\"", "id = \"acme/two\"\nversion = \"2.1.0\"");
    leaf(&second.sandbox, "newer", "acme/two@2.1.0", &BOTH);
    let built = on(&BuilderInput::new(), second).created(&[]);
    for platform in BOTH {
        assert!(!added(&built, platform).iter().any(|kind| kind.contains(".wh.")));
        assert_eq!(
            built.modules(platform),
            ["acme/one@1.0.0", "acme/two@2.0.0", "acme/two@2.1.0"]
        );
    }
}

#[test]
fn a_version_that_the_base_has_too_must_be_told() {
    // the order of acme/two could mean both
    let second = BuilderInput::new().replace("uri = \"two\"", "uri = \"newer\"");
    leaf(&second.sandbox, "newer", "acme/two@2.1.0", &BOTH);
    on(&BuilderInput::new(), second).refuse(&["several versions of `acme/two`"]);
}

#[test]
fn the_order_may_name_what_only_the_base_has() {
    let second = BuilderInput::new().replace("[[buildpacks]]\nuri = \"two\"\n", "");
    let built = on(&BuilderInput::new(), second).created(&[]).without_warnings();
    for platform in BOTH {
        assert_eq!(
            built.file(platform, "/cnb/order.toml"),
            crate::support::builder::ORDER_TOML
        );
        assert_eq!(built.modules(platform), ["acme/one@1.0.0", "acme/two@2.0.0"]);
    }
}

#[test]
fn an_extension_of_the_base_stays() {
    let built = on(&BuilderInput::new().extension(), BuilderInput::new()).created(&[]);
    for platform in BOTH {
        let metadata = built.json_label(platform, METADATA);
        assert_eq!(listed(&metadata, "extensions"), ["acme/ext@1.0.0"]);
        assert_eq!(
            built.modules(platform),
            ["acme/ext@1.0.0", "acme/one@1.0.0", "acme/two@2.0.0"]
        );
        // the order is that of the new file
        let toml = built.file(platform, "/cnb/order.toml");
        assert!(!toml.contains("order-extensions"), "{toml}");
    }
}

#[test]
fn extensions_of_the_base_need_a_new_lifecycle_too() {
    let mut second = BuilderInput::new();
    for lifecycle in second.lifecycles.values_mut() {
        lifecycle.toml = lifecycle.toml.replace(", \"0.13\"]", "]");
    }
    let run = on(&BuilderInput::new().extension(), second).run_into("out.oci", &[]);
    // they are in the builder, in no order: whichever it is, it is told
    assert!(run.code == 0 || run.stderr.contains("Platform API 0.13"), "{run}");
}

#[test]
fn an_api_of_a_buildpack_of_the_base() {
    let mut second = BuilderInput::new().replace("[[buildpacks]]\nuri = \"two\"\n", "");
    second = second.replace("[[order.group]]\nid = \"acme/two\"\noptional = true\n", "");
    for lifecycle in second.lifecycles.values_mut() {
        lifecycle.toml = lifecycle
            .toml
            .replace("\"0.10\", \"0.11\"]\n\n[apis.platform]", "\"0.11\"]\n\n[apis.platform]");
    }
    second.sandbox.write("one/buildpack.toml", {
        crate::support::composites::leaf_toml("acme/one@1.0.0", &BOTH).replace("0.10", "0.11")
    });
    // acme/two is still there, and this lifecycle can not run it
    on(&BuilderInput::new(), second).refuse(&["acme/two@2.0.0", "API 0.10"]);
}

#[test]
fn a_new_extension_of_another_name() {
    let second = BuilderInput::new().append("[[extensions]]\nuri = \"ext\"\n");
    extension(&second.sandbox, "ext", "acme/other", "1.0.0");
    let built = on(&BuilderInput::new().extension(), second).created(&[]);
    let metadata = built.json_label("linux/amd64", METADATA);
    let mut found = listed(&metadata, "extensions");
    found.sort();
    assert_eq!(found, ["acme/ext@1.0.0", "acme/other@1.0.0"]);
}

#[test]
fn on_a_builder_on_a_builder() {
    let once = on(&BuilderInput::new(), BuilderInput::new());
    once.write();
    let layout = once.sandbox.join("second.oci");
    let args = [
        "builder",
        "create",
        "registry.test/acme/second:1",
        "--config",
        "builder.toml",
        "--layout",
        layout.to_str().unwrap(),
    ];
    once.sandbox
        .airpack(&[&args[..], &["--from", "first.oci", "--from", "run.oci"]].concat())
        .digest();
    let mut twice = once.replace(FIRST, "registry.test/acme/second:1");
    twice.from = vec!["second.oci".to_owned(), "run.oci".to_owned()];
    let built = twice.created(&[]).without_warnings();
    assert_eq!(built.modules("linux/amd64"), ["acme/one@1.0.0", "acme/two@2.0.0"]);
    assert_eq!(built.module_layers("linux/amd64"), ["acme_one@1.0.0", "acme_two@2.0.0"]);
}

#[test]
fn flattened_layers_of_the_base() {
    let first = BuilderInput::new();
    first.write();
    let second = BuilderInput::new();
    let layout = second.sandbox.join("first.oci");
    let args = [
        "builder",
        "create",
        FIRST,
        "--config",
        "builder.toml",
        "--layout",
        layout.to_str().unwrap(),
        "--from",
        "base.oci",
        "--from",
        "run.oci",
    ];
    first
        .sandbox
        .airpack(&[&args[..], &["--flatten", "acme/one@1.0.0,acme/two@2.0.0"]].concat())
        .digest();
    for target in BOTH {
        second.sandbox.write(format!("two/{target}/which"), "changed\n");
    }
    let mut second = second.replace(BUILD, FIRST);
    second.from = vec!["first.oci".to_owned(), "run.oci".to_owned()];
    let built = second.created(&[]);
    for platform in BOTH {
        assert_eq!(
            built.file(platform, "/cnb/buildpacks/acme_two/2.0.0/which"),
            "changed\n"
        );
        let which = built.file(platform, "/cnb/buildpacks/acme_one/1.0.0/which");
        assert_eq!(which, format!("acme/one@1.0.0 for {platform}\n"));
        assert!(added(&built, platform).contains(&"/cnb/buildpacks/acme_two/.wh.2.0.0".to_owned()));
    }
}

#[test]
fn labels_of_the_base_that_are_broken() {
    for (name, value) in [
        (METADATA, "no JSON"),
        (METADATA, "[]"),
        (METADATA, "{\"buildpacks\":5}"),
        (LAYERS, "no JSON"),
        (LAYERS, "[]"),
        (LAYERS, "{\"acme/one\":{\"1.0.0\":{\"layerDiffID\":\"sha256:0\"}}}"),
        (
            LAYERS,
            "{\"acme/../../x\":{\"1.0.0\":{\"api\":\"0.10\",\"layerDiffID\":\"x\"}}}",
        ),
    ] {
        let input = BuilderInput::new().build_label(name, value);
        let run = input.run_into("out.oci", &[]);
        run.stderr_lacks("panicked");
        let is_named = run.stderr.contains(name) || run.stderr.contains(BUILD);
        assert!(run.code == 0 || is_named, "{name} {value}{run}");
    }
}

#[test]
fn packages_and_builders_are_told_apart() {
    // a build image that is no builder may have labels of one of its ancestors
    let second = BuilderInput::new();
    package_into(
        &second.sandbox,
        "buildpack",
        "one.oci",
        "registry.test/acme/one:1",
        &["--path", "one"],
    );
    let built = on(&BuilderInput::new(), second).created(&[]);
    let layer = built.layer("linux/amd64", "acme_one@1.0.0");
    assert_eq!(layer_kind(layer), "acme_one@1.0.0");
    assert!(text(&layer.descriptor, "digest").starts_with("sha256:"));
}

#[test]
fn a_module_that_the_base_only_claims() {
    // its label says so, and no layer has it
    let diff_id = crate::support::layout_view::sha256(b"no layer");
    for id in ["acme/claimed", "acme/../../claimed"] {
        let label = serde_json::json!({id: {"1.0.0": {"api": "0.10", "layerDiffID": diff_id}}});
        let input = BuilderInput::new()
            .build_label(LAYERS, &label.to_string())
            .replace("id = \"acme/two\"", &format!("id = \"{id}\""));
        input.refuse(&[id]);
    }
}

#[test]
fn labels_say_no_more_than_layers_have() {
    let diff_id = crate::support::layout_view::sha256(b"no layer");
    let label = serde_json::json!({"acme/claimed": {"1.0.0": {"api": "0.10", "layerDiffID": diff_id}}});
    let input = BuilderInput::new().build_label(LAYERS, &label.to_string());
    let run = input.run_into("out.oci", &[]);
    if run.code == 0 {
        let layout = LayoutView::open(input.sandbox.join("out.oci"));
        let index = layout.image_index("1.0");
        let modules = crate::support::builder::modules(&index.children[0]);
        assert!(!modules.contains_key("acme/claimed@1.0.0"), "{modules:?}");
    } else {
        run.failed(1).stderr_has("acme/claimed");
    }
}
