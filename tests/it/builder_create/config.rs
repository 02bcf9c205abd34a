//! The config of the build image: kept to the last unknown field, but for what a builder says itself.

use serde_json::{Value, json};

use crate::support::Sandbox;
use crate::support::builder::{BUILD, BuilderInput, Built, CREATED, METADATA, platform_spec};
use crate::support::composites::{BOTH, rooted_leaf};
use crate::support::images::{OCI_GZIP, attestation, finish, index_of, named};
use crate::support::layout_maker::{LayoutMaker, OCI_LAYER, tar_of};
use crate::support::layout_view::{LayoutView, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, array, sha256, text};
use crate::support::pack_image::{DOCKER_CONFIG, DOCKER_LAYER};
use crate::support::registry::{DOCKER_LIST, DOCKER_MANIFEST};
use crate::support::tar_maker::gzip;

const OS_RELEASE: &str = "ID=ubuntu\nVERSION_ID=\"24.04\"\n";

/// Media types of a manifest, its config, a layer of it, and an index.
type Types = [&'static str; 4];

const OCI: Types = [OCI_MANIFEST, OCI_CONFIG, OCI_GZIP, OCI_INDEX];

fn docker() -> Types {
    [
        DOCKER_MANIFEST,
        DOCKER_CONFIG,
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        DOCKER_LIST,
    ]
}

/// Writes a build image whose config has all that a config may have, as others write it. Gives the configs.
fn rich_base(sandbox: &Sandbox, folder: &str, types: Types) -> Vec<Value> {
    let maker = LayoutMaker::new(&sandbox.join(folder));
    let mut configs = Vec::new();
    let mut children = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let tars = [
            tar_of(&[("etc/os-release", OS_RELEASE)]),
            tar_of(&[("etc/what", &format!("rich {architecture}\n"))]),
        ];
        let layers: Vec<Value> = tars
            .iter()
            .map(|tar| match types[2] {
                OCI_LAYER | DOCKER_LAYER => maker.blob(types[2], tar),
                _ => maker.blob(types[2], &gzip(tar)),
            })
            .collect();
        let config = json!({
            "author": "somebody <x@acme.test>",
            "architecture": architecture,
            "os": "linux",
            "created": "2024-05-06T07:08:09.123456789Z",
            "docker_version": "20.10.1",
            "x-unknown": {"z": [1, 2.5, null, true], "a": "<&>\u{2028}é"},
            "config": {
                "User": "1001:1002",
                "Env": ["PATH=/usr/bin:/bin", "CNB_USER_ID=1001", "CNB_GROUP_ID=1002", "EMPTY=", "B=1", "A=2"],
                "Entrypoint": ["/entry", "with <args>"],
                "Cmd": ["/bin/sh", "-c", "true"],
                "WorkingDir": "/srv",
                "Volumes": {"/data": {}},
                "ExposedPorts": {"8080/tcp": {}},
                "StopSignal": "SIGINT",
                "Healthcheck": {"Test": ["CMD", "true"], "Interval": 30_000_000_000_u64},
                "OnBuild": ["RUN true"],
                "Shell": ["/bin/sh", "-c"],
                "ArgsEscaped": true,
                "Labels": {"kept": "a<b", "io.buildpacks.builder.metadata": "{\"description\":\"old\"}", "overwritten": "old"},
                "X-Unknown": 12_345_678_901_234_567_890_u64,
            },
            "rootfs": {"type": "layers", "diff_ids": tars.iter().map(|tar| sha256(tar)).collect::<Vec<_>>()},
            "history": [
                {"created": "2024-05-06T07:08:09Z", "created_by": "ADD x", "comment": "c"},
                {"created_by": "ENV A=2", "empty_layer": true},
                {"created_by": "ADD y"},
            ],
        });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": types[0],
            "config": maker.json(types[1], &config),
            "layers": layers,
        });
        let mut child = maker.json(types[0], &manifest);
        child["platform"] = json!({"os": "linux", "architecture": architecture});
        children.push(child);
        configs.push(config);
    }
    let index = json!({"schemaVersion": 2, "mediaType": types[3], "manifests": children});
    finish(&maker, &[named(maker.json(types[3], &index), BUILD)]);
    configs
}

/// A builder on it, and the configs of the base.
fn on_rich_base(types: Types, args: &[&str]) -> (Built, Vec<Value>) {
    let input = BuilderInput::new();
    let configs = rich_base(&input.sandbox, "base.oci", types);
    (input.created(args), configs)
}

#[test]
fn every_field_is_kept() {
    let (built, configs) = on_rich_base(OCI, &[]);
    for (platform, base) in BOTH.iter().zip(&configs) {
        let found = &built.image(platform).config;
        let ours = ["created", "config", "rootfs", "history"];
        for (key, value) in base
            .as_object()
            .unwrap()
            .iter()
            .filter(|(key, _)| !ours.contains(&key.as_str()))
        {
            assert_eq!(found[key], *value, "{platform} {key}");
        }
        let ours = ["Labels", "WorkingDir"];
        let inside = base["config"].as_object().unwrap();
        for (key, value) in inside.iter().filter(|(key, _)| !ours.contains(&key.as_str())) {
            assert_eq!(found["config"][key], *value, "{platform} config.{key}");
        }
        // and none is added
        let names = |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
        assert_eq!(names(found), names(base));
        assert_eq!(names(&found["config"]), names(&base["config"]));
    }
}

#[test]
fn a_number_keeps_its_digits() {
    // one that is too large for a float to hold
    let (built, _) = on_rich_base(OCI, &[]);
    let image = built.image("linux/amd64");
    let config = built.0.layout.blob(text(&image.manifest["config"], "digest"));
    let config = String::from_utf8(config).unwrap();
    assert!(config.contains("12345678901234567890"), "{config}");
    assert!(config.contains("2.5"), "{config}");
}

#[test]
fn what_a_builder_says_itself() {
    let (built, _) = on_rich_base(OCI, &["--label", "overwritten=new", "--label", "added=x"]);
    for platform in BOTH {
        let config = &built.image(platform).config;
        assert_eq!(config["config"]["WorkingDir"], "/layers");
        assert_eq!(config["created"], CREATED);
        assert_eq!(config["author"], "somebody <x@acme.test>");
        assert_eq!(built.label(platform, "kept"), "a<b");
        assert_eq!(built.label(platform, "overwritten"), "new");
        assert_eq!(built.label(platform, "added"), "x");
        assert_eq!(built.json_label(platform, METADATA)["description"], "a builder");
    }
}

#[test]
fn the_layers_of_the_base_are_the_first_ones() {
    let (built, configs) = on_rich_base(OCI, &[]);
    let base = LayoutView::open(built.0.sandbox.join("base.oci")).image_index("1");
    for (number, (platform, config)) in BOTH.iter().zip(&configs).enumerate() {
        let image = built.image(platform);
        let diff_ids = array(&image.config["rootfs"], "diff_ids");
        assert_eq!(image.config["rootfs"]["type"], "layers");
        assert_eq!(diff_ids[..2], *array(&config["rootfs"], "diff_ids"));
        assert_eq!(diff_ids.len(), image.layers.len());
        let of_base: Vec<_> = base.children[number]
            .layers
            .iter()
            .map(|layer| &layer.descriptor)
            .collect();
        let found: Vec<_> = image.layers[..2].iter().map(|layer| &layer.descriptor).collect();
        assert_eq!(found, of_base);
    }
}

#[test]
fn there_is_one_history_for_each_layer() {
    let (built, _) = on_rich_base(OCI, &[]);
    for platform in BOTH {
        let image = built.image(platform);
        let history = array(&image.config, "history");
        assert_eq!(history.len(), image.layers.len());
        let empty: Vec<_> = history.iter().filter(|entry| entry["empty_layer"] == true).collect();
        assert!(empty.is_empty(), "{empty:?}");
    }
}

#[test]
fn docker_types_become_those_of_oci() {
    let (built, _) = on_rich_base(docker(), &[]);
    let (of_oci, _) = on_rich_base(OCI, &[]);
    // the same blobs by other names: the same image
    assert_eq!(built.digest(), of_oci.digest());
    for platform in BOTH {
        let image = built.image(platform);
        assert_eq!(image.descriptor["mediaType"], OCI_MANIFEST);
        assert_eq!(image.manifest["mediaType"], OCI_MANIFEST);
        assert_eq!(image.manifest["config"]["mediaType"], OCI_CONFIG);
        for layer in &image.layers {
            assert_eq!(layer.descriptor["mediaType"], OCI_GZIP);
        }
    }
    assert_eq!(built.0.index.index["mediaType"], OCI_INDEX);
}

#[test]
fn docker_types_of_layers_that_are_not_compressed() {
    let types = [docker()[0], docker()[1], DOCKER_LAYER, docker()[3]];
    let (built, _) = on_rich_base(types, &[]);
    let image = built.image("linux/amd64");
    for layer in &image.layers[..2] {
        assert_eq!(layer.descriptor["mediaType"], OCI_LAYER);
    }
}

#[test]
fn layers_of_the_base_keep_their_compression() {
    for (compression, ours) in [
        ("none", OCI_LAYER),
        ("zstd", "application/vnd.oci.image.layer.v1.tar+zstd"),
    ] {
        let (built, _) = on_rich_base(OCI, &["--compression", compression]);
        let image = built.image("linux/amd64");
        for (number, layer) in image.layers.iter().enumerate() {
            let expected = if number < 2 { OCI_GZIP } else { ours };
            assert_eq!(layer.descriptor["mediaType"], expected, "{compression} layer {number}");
        }
    }
}

#[test]
fn a_base_without_labels_variables_or_history() {
    let mut input = BuilderInput::amd64();
    input.write();
    let maker = LayoutMaker::new(&input.sandbox.join("plain.oci"));
    let tar = tar_of(&[("etc/os-release", OS_RELEASE)]);
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {"User": "1001", "Env": ["CNB_USER_ID=1001", "CNB_GROUP_ID=1002"]},
        "rootfs": {"type": "layers", "diff_ids": [sha256(&tar)]},
    });
    let manifest = json!({
        "schemaVersion": 2,
        "config": maker.json(OCI_CONFIG, &config),
        "layers": [maker.blob(OCI_LAYER, &tar)],
    });
    finish(&maker, &[named(maker.json(OCI_MANIFEST, &manifest), BUILD)]);
    input.from = vec!["plain.oci".to_owned(), "run.oci".to_owned()];
    let built = input.created(&[]);
    let found = &built.image("linux/amd64").config;
    assert_eq!(found["config"]["User"], "1001");
    assert_eq!(found["config"]["WorkingDir"], "/layers");
}

#[test]
fn a_base_whose_config_is_none() {
    for config in [
        json!({}),
        json!({"config": null, "rootfs": {"type": "layers", "diff_ids": []}}),
        json!([]),
    ] {
        let mut input = BuilderInput::amd64();
        input.write();
        let maker = LayoutMaker::new(&input.sandbox.join("odd.oci"));
        let manifest = json!({"schemaVersion": 2, "config": maker.json(OCI_CONFIG, &config), "layers": []});
        let mut descriptor = named(maker.json(OCI_MANIFEST, &manifest), BUILD);
        descriptor["platform"] = json!({"os": "linux", "architecture": "amd64"});
        finish(&maker, &[descriptor]);
        input.from = vec!["odd.oci".to_owned(), "run.oci".to_owned()];
        input.refuse(&[BUILD]);
    }
}

/// A builder for amd64 on a base of one layer, with these fields in its config, behind an index that says amd64. Its only
/// buildpack is for anything.
fn on_base_with(fields: &[(&str, Value)]) -> BuilderInput {
    let mut input = BuilderInput::amd64()
        .replace("uri = \"one\"", "uri = \"any\"")
        .replace("[[buildpacks]]\nuri = \"two\"\n", "")
        .replace("[[order.group]]\nid = \"acme/two\"\noptional = true\n", "");
    rooted_leaf(&input.sandbox, "any", "acme/one@1.0.0", "");
    let maker = LayoutMaker::new(&input.sandbox.join("odd.oci"));
    let tar = tar_of(&[("etc/os-release", OS_RELEASE)]);
    let mut config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": platform_spec("build", "amd64")["config"],
        "rootfs": {"type": "layers", "diff_ids": [sha256(&tar)]},
    });
    for (name, value) in fields {
        config[name] = value.clone();
    }
    let manifest = json!({
        "schemaVersion": 2,
        "config": maker.json(OCI_CONFIG, &config),
        "layers": [maker.blob(OCI_GZIP, &gzip(&tar))],
    });
    let mut child = maker.json(OCI_MANIFEST, &manifest);
    child["platform"] = json!({"os": "linux", "architecture": "amd64"});
    let about = attestation(&maker, &child);
    finish(&maker, &[named(index_of(&maker, &[about, child]), BUILD)]);
    input.from = vec!["odd.oci".to_owned(), "run.oci".to_owned()];
    input
}

/// The same with these diff ids.
fn with_diff_ids(diff_ids: &[String]) -> BuilderInput {
    on_base_with(&[("rootfs", json!({"type": "layers", "diff_ids": diff_ids}))])
}

#[test]
fn more_or_fewer_diff_ids_than_layers() {
    let right = sha256(&tar_of(&[("etc/os-release", OS_RELEASE)]));
    // what was said of the image beside it does no harm
    let built = with_diff_ids(std::slice::from_ref(&right))
        .created(&[])
        .without_warnings();
    assert_eq!(built.0.index.platforms(), ["linux/amd64"]);
    with_diff_ids(&[]).refuse(&[BUILD]);
    with_diff_ids(&[right, sha256(b"something else")]).refuse(&[BUILD]);
}

#[test]
fn a_diff_id_that_is_not_that_of_the_layer() {
    // the layer was read for its /etc/os-release, and no runtime would take such an image
    with_diff_ids(&[sha256(b"something else")]).refuse(&[BUILD]);
}

#[test]
fn features_of_the_system_are_in_the_index_too() {
    let built = on_base_with(&[("os.features", json!(["x"]))]).created(&[]);
    let platform = &built.image("linux/amd64").descriptor["platform"];
    assert_eq!(platform["os.features"], json!(["x"]));
}

#[test]
fn a_config_for_another_platform_than_the_index_says() {
    // it would be a builder for that one, whatever the target is
    for (field, value) in [("architecture", "s390x"), ("os", "windows")] {
        on_base_with(&[(field, value.into())]).refuse(&[BUILD, "linux/amd64", value]);
    }
}

#[test]
fn a_config_that_says_no_platform() {
    for field in ["architecture", "os"] {
        let built = on_base_with(&[(field, "".into())]).run_into("out.oci", &[]);
        assert!(built.code == 0 || built.stderr.contains(BUILD), "{built}");
    }
}

#[test]
fn a_base_with_a_version_of_its_system() {
    // the target names no distribution: whatever becomes of it, index and config say the same
    let mut input = BuilderInput::new();
    for spec in [&mut input.build, &mut input.run] {
        for platform in spec["platforms"].as_array_mut().unwrap() {
            platform["os.version"] = "24.04".into();
        }
    }
    let built = input.created(&[]);
    for image in &built.0.index.children {
        assert_eq!(image.descriptor["platform"]["os.version"], image.config["os.version"]);
    }
}

#[test]
fn source_date_epoch_sets_created_and_nothing_else() {
    let input = BuilderInput::new();
    input.write();
    let run = |layout: &str, epoch: Option<&str>| {
        let own = [
            "builder",
            "create",
            crate::support::refused::REFERENCE,
            "--config",
            "builder.toml",
            "--layout",
            layout,
        ];
        let mut command = input
            .sandbox
            .airpack_command(&[&own[..], &["--from", "base.oci", "--from", "run.oci"]].concat());
        if let Some(epoch) = epoch {
            command.env("SOURCE_DATE_EPOCH", epoch);
        }
        crate::support::Run::of(&mut command).ok();
        LayoutView::open(input.sandbox.join(layout)).image_index("1.0")
    };
    let plain = run("plain.oci", None);
    let dated = run("dated.oci", Some("1700000000"));
    for (plain, dated) in plain.children.iter().zip(&dated.children) {
        assert_eq!(dated.config["created"], "2023-11-14T22:13:20Z");
        for entry in array(&dated.config, "history") {
            assert_eq!(entry["created"], "2023-11-14T22:13:20Z");
        }
        assert_eq!(plain.manifest["layers"], dated.manifest["layers"]);
        assert_eq!(plain.config["config"], dated.config["config"]);
    }
}
