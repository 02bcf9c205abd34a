//! Which layers a builder has, in which order, and what is in the first of them.

use serde_json::{Value, json};

use crate::support::builder::{BuilderInput, CREATED_SECONDS, EXTENSION_LAYERS, LAYERS, METADATA, extension};
use crate::support::composites::{BOTH, leaf};
use crate::support::layout_view::{TarEntry, sha256};

/// A builder with everything: two extensions, variables, buildpacks of the system.
fn full() -> BuilderInput {
    let input = BuilderInput::new()
        .extension()
        .buildpack("uri = \"three\"")
        .append("[[extensions]]\nuri = \"ext-b\"\n")
        .append("[[build.env]]\nname = \"A\"\nvalue = \"1\"\n")
        .append("[[system.pre.buildpacks]]\nid = \"acme/three\"\n");
    extension(&input.sandbox, "ext-b", "acme/ext-b", "0.0.7");
    leaf(&input.sandbox, "three", "acme/one-more@0.1.0", &BOTH);
    let input = input.replace("id = \"acme/three\"", "id = \"acme/one-more\"");
    leaf(&input.sandbox, "newer", "acme/two@10.0.0", &BOTH);
    input
        .buildpack("uri = \"newer\"")
        .replace("id = \"acme/two\"\n", "id = \"acme/two\"\nversion = \"2.0.0\"\n")
}

#[test]
fn come_in_the_order_of_pack() {
    let built = full().created(&[]).without_warnings();
    for platform in BOTH {
        let expected = [
            "etc/",
            "folders",
            "lifecycle",
            // by the text of id and version: `-` is before `@`, `1` before `2`
            "acme_one-more@0.1.0",
            "acme_one@1.0.0",
            "acme_two@10.0.0",
            "acme_two@2.0.0",
            "acme_ext-b@0.0.7",
            "acme_ext@1.0.0",
            "/cnb/order.toml",
            "/cnb/system.toml",
            "/cnb/stack.toml",
            "/cnb/run.toml",
            "env",
            "empty",
        ];
        assert_eq!(built.layers(platform), expected, "{platform}");
    }
}

#[test]
fn the_first_one_has_the_folders() {
    let built = BuilderInput::new().created(&[]);
    let found: Vec<_> = built
        .layer("linux/amd64", "folders")
        .entries
        .iter()
        .map(|entry| {
            assert_eq!(
                (entry.kind.as_str(), entry.mode, entry.mtime),
                ("dir", 0o755, CREATED_SECONDS)
            );
            (entry.name(), entry.uid, entry.gid)
        })
        .collect();
    let root = |name: &str| (name.to_owned(), 0, 0);
    let users = |name: &str| (name.to_owned(), 1001, 1002);
    assert_eq!(
        found,
        [
            users("/workspace"),
            users("/layers"),
            root("/cnb"),
            root("/cnb/buildpacks"),
            root("/cnb/extensions"),
            root("/platform"),
            root("/platform/env"),
            root("/cnb/build-config"),
            root("/cnb/build-config/env"),
        ]
    );
}

#[test]
fn the_last_one_is_empty() {
    let built = BuilderInput::new().created(&[]);
    let layers = &built.image("linux/amd64").layers;
    assert_eq!(layers.last().unwrap().diff_id, sha256(&[0; 1024]));
    assert_eq!(layers.last().unwrap().uncompressed, 1024);
}

#[test]
fn files_are_alone_in_theirs() {
    let built = full().created(&[]);
    for name in [
        "/cnb/order.toml",
        "/cnb/system.toml",
        "/cnb/stack.toml",
        "/cnb/run.toml",
    ] {
        let [entry] = built.layer("linux/amd64", name).entries.as_slice() else {
            panic!("{name} is not alone");
        };
        let expected = ("file", 0o644, 0, 0, CREATED_SECONDS);
        assert_eq!(
            (entry.kind.as_str(), entry.mode, entry.uid, entry.gid, entry.mtime),
            expected,
            "{name}"
        );
    }
}

#[test]
fn of_modules_are_those_of_packages() {
    let input = BuilderInput::new().extension();
    let sandbox = &input.sandbox;
    for (kind, folder) in [("buildpack", "one"), ("extension", "ext")] {
        let name = format!("registry.test/acme/{folder}:1");
        let args = ["--path", folder, "-t", "linux/amd64"];
        super::package_into(sandbox, kind, &format!("{folder}.oci"), &name, &args);
    }
    let diff_id = |folder: &str| {
        let layout = crate::support::layout_view::LayoutView::open(sandbox.join(format!("{folder}.oci")));
        layout.image_index("1").children[0].layers[0].diff_id.clone()
    };
    let (one, ext) = (diff_id("one"), diff_id("ext"));
    let built = input.created(&[]);
    assert_eq!(built.layer("linux/amd64", "acme_one@1.0.0").diff_id, one);
    assert_eq!(built.layer("linux/amd64", "acme_ext@1.0.0").diff_id, ext);
    let names = |entries: &[TarEntry]| entries.iter().map(TarEntry::name).collect::<Vec<_>>();
    let ext = names(&built.layer("linux/amd64", "acme_ext@1.0.0").entries);
    assert_eq!(ext[..2], ["/cnb/extensions/acme_ext", "/cnb/extensions/acme_ext/1.0.0"]);
}

#[test]
fn of_what_is_equal_for_all_targets_are_one_blob() {
    let built = full().created(&[]);
    let [amd64, arm64] = BOTH.map(|platform| built.image(platform));
    let kinds = built.layers("linux/amd64");
    for (number, kind) in kinds.iter().enumerate() {
        let is_same = amd64.layers[number].descriptor == arm64.layers[number].descriptor;
        let differs = [
            "etc/",
            "lifecycle",
            "acme_one-more@0.1.0",
            "acme_one@1.0.0",
            "acme_two@10.0.0",
            "acme_two@2.0.0",
        ];
        assert_eq!(is_same, !differs.contains(&kind.as_str()), "{kind}");
    }
}

#[test]
fn labels_tell_of_modules() {
    let built = full().created(&[]);
    for platform in BOTH {
        let diff_id = |kind: &str| Value::from(built.layer(platform, kind).diff_id.clone());
        let targets = json!([{"os": "linux", "arch": "amd64"}, {"os": "linux", "arch": "arm64"}]);
        let of = |kind: &str| json!({"api": "0.10", "targets": targets, "layerDiffID": diff_id(kind)});
        let expected = json!({
            "acme/one": {"1.0.0": of("acme_one@1.0.0")},
            "acme/one-more": {"0.1.0": of("acme_one-more@0.1.0")},
            "acme/two": {"10.0.0": of("acme_two@10.0.0"), "2.0.0": of("acme_two@2.0.0")},
        });
        assert_eq!(built.json_label(platform, LAYERS), expected);
        let expected = json!({
            "acme/ext": {"1.0.0": {"api": "0.10", "layerDiffID": diff_id("acme_ext@1.0.0")}},
            "acme/ext-b": {"0.0.7": {"api": "0.10", "layerDiffID": diff_id("acme_ext-b@0.0.7")}},
        });
        assert_eq!(built.json_label(platform, EXTENSION_LAYERS), expected);
    }
    assert_eq!(
        BuilderInput::new().created(&[]).label("linux/amd64", EXTENSION_LAYERS),
        "{}"
    );
}

#[test]
fn modules_are_listed_as_the_file_has_them() {
    let built = full().created(&[]);
    assert_eq!(
        built.listed("linux/amd64"),
        [
            "acme/one@1.0.0",
            "acme/two@2.0.0",
            "acme/one-more@0.1.0",
            "acme/two@10.0.0"
        ]
    );
    let metadata = built.json_label("linux/amd64", METADATA);
    assert_eq!(
        crate::support::builder::listed(&metadata, "extensions"),
        ["acme/ext@1.0.0", "acme/ext-b@0.0.7"]
    );
    assert_eq!(
        BuilderInput::new().created(&[]).json_label("linux/amd64", METADATA)["extensions"],
        Value::Null
    );
}

#[test]
fn labels_are_written_in_the_order_of_pack() {
    let built = BuilderInput::new().created(&[]);
    let label = built.label("linux/amd64", METADATA);
    let keys = [
        "description",
        "buildpacks",
        "extensions",
        "stack",
        "lifecycle",
        "createdBy",
        "images",
    ];
    let places: Vec<_> = keys
        .iter()
        .map(|key| label.find(&format!("\"{key}\":")).unwrap())
        .collect();
    assert!(places.is_sorted(), "{label}");
    let api = "\"lifecycle\":{\"version\":\"0.20.1\",\"api\":{\"buildpack\":\"0.7\",\"platform\":\"0.7\"},\"apis\":{\"buildpack\":{\"deprecated\":";
    assert!(label.contains(api), "{label}");
    assert!(!label.contains("\": ") && !label.contains(", \""), "{label}");
}

#[test]
fn an_escape_is_that_of_go() {
    let built = BuilderInput::new()
        .replace("\"a builder\"", "'<a> & \"b\" \\ é'")
        .created(&[]);
    let label = built.label("linux/amd64", METADATA);
    let expected = "{\"description\":\"\\u003ca\\u003e \\u0026 \\\"b\\\" \\\\ é\",";
    assert!(label.starts_with(expected), "{label}");
    let built = BuilderInput::new()
        .replace("description = \"a builder\"\n", "")
        .created(&[]);
    assert!(
        built
            .label("linux/amd64", METADATA)
            .starts_with("{\"description\":\"\",")
    );
}

#[test]
fn compression_changes_blobs_and_no_diff_ids() {
    let diff_ids = |args: &[&str]| {
        let built = full().created(args);
        let image = built.image("linux/arm64");
        image
            .layers
            .iter()
            .map(|layer| layer.diff_id.clone())
            .collect::<Vec<_>>()
    };
    let plain = diff_ids(&[]);
    for compression in ["none", "zstd", "gzip:9"] {
        assert_eq!(diff_ids(&["--compression", compression]), plain, "{compression}");
    }
}
