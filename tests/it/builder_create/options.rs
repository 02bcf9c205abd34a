//! `--tag`, `--label`, `--annotation`, `--quiet` and what is printed.

use serde_json::json;

use super::FROM_FOLDERS;
use crate::support::builder::BuilderInput;
use crate::support::composites::BOTH;
use crate::support::layout_view::{IMAGE_NAME, LayoutView};

#[test]
fn prints_the_digest_alone() {
    let run = BuilderInput::new().run_into("out.oci", &["--quiet"]);
    assert_eq!(run.digest(), *FROM_FOLDERS);
    assert_eq!(run.stderr, "");
}

#[test]
fn more_names() {
    let input = BuilderInput::new();
    let tags = ["--tag", "latest", "--tag", "registry.test/other/builder:2"];
    let run = input.run_into("out.oci", &tags);
    let layout = LayoutView::open(input.sandbox.join("out.oci"));
    layout.check_whole();
    for (tag, name) in [
        ("1.0", "registry.test/acme/x:1.0"),
        ("latest", "registry.test/acme/x:latest"),
        ("2", "registry.test/other/builder:2"),
    ] {
        assert_eq!(layout.digest(tag), run.digest());
        assert_eq!(layout.entry(tag)["annotations"][IMAGE_NAME], name);
    }
    assert_eq!(run.digest(), *FROM_FOLDERS);
}

#[test]
fn labels() {
    let built = BuilderInput::new()
        .build_label("of.base", "base")
        .build_label("of.both", "base")
        .created(&["--label", "of.both=ours", "-l", "b=x=y", "--label", "empty="]);
    for platform in BOTH {
        assert_eq!(built.label(platform, "of.base"), "base");
        assert_eq!(built.label(platform, "of.both"), "ours");
        assert_eq!(built.label(platform, "b"), "x=y");
        assert_eq!(built.label(platform, "empty"), "");
    }
}

#[test]
fn annotations() {
    let built = BuilderInput::new().created(&["--annotation", "org.acme.x=1", "--annotation", "org.acme.y=a=b"]);
    let index = &built.0.index.index["annotations"];
    assert_eq!(
        (&index["org.acme.x"], &index["org.acme.y"]),
        (&json!("1"), &json!("a=b"))
    );
    for platform in BOTH {
        let manifest = &built.image(platform).manifest["annotations"];
        assert_eq!(
            (&manifest["org.acme.x"], &manifest["org.acme.y"]),
            (&json!("1"), &json!("a=b"))
        );
    }
    // they change no config
    let plain = BuilderInput::new().created(&[]);
    assert_eq!(
        built.image("linux/amd64").manifest["config"],
        plain.image("linux/amd64").manifest["config"]
    );
}

#[test]
fn the_index_has_the_canonical_form() {
    let built = BuilderInput::new().created(&[]);
    let [entry] = built.0.layout.entries() else {
        panic!("not one entry: {:#}", built.0.layout.index_file());
    };
    let annotations = json!({
        "io.containerd.image.name": "registry.test/acme/x:1.0",
        "org.opencontainers.image.ref.name": "1.0",
    });
    assert_eq!(entry["annotations"], annotations);
}

#[test]
fn notes_name_the_result() {
    let run = BuilderInput::new().run_into("out.oci", &[]);
    run.ok().stderr_has("registry.test/acme/x:1.0").stderr_has("out.oci");
}

#[test]
fn inspect_knows_it() {
    let input = BuilderInput::new();
    input.run_into("out.oci", &[]).ok();
    let run = input.sandbox.airpack(&["inspect", "out.oci"]);
    run.ok().stdout_has("linux/amd64").stdout_has("acme/one");
}

#[test]
fn a_layout_that_can_not_be_written() {
    let input = BuilderInput::new();
    input.write();
    input.sandbox.write("file", "x\n");
    input.sandbox.write("folder/file", "x\n");
    let before = crate::support::snapshot::Snapshot::of(input.sandbox.join("folder"));
    for layout in ["file", "folder", "file/below"] {
        input.run_into(layout, &[]).failed(1).stderr_has(layout);
    }
    before.assert_unchanged("it is no layout");
}

#[test]
fn a_disk_that_is_full() {
    let mut input = BuilderInput::new();
    for platform in input.build["platforms"].as_array_mut().unwrap() {
        let large = json!([{"path": "large", "type": "file", "repeat": ["0123456789abcdef", 100_000]}]);
        platform["layers"].as_array_mut().unwrap().push(large);
    }
    input.write();
    let args = [
        "builder",
        "create",
        crate::support::refused::REFERENCE,
        "--config",
        "builder.toml",
        "--layout",
        "out.oci",
        "--from",
        "base.oci",
        "--from",
        "run.oci",
    ];
    let mut command = crate::support::with_file_size_limit(&input.sandbox, 1 << 20, &args);
    let run = crate::support::Run::of(&mut command);
    assert_ne!(run.code, 0, "{run}");
    assert!(!input.sandbox.join("out.oci/index.json").exists(), "{run}");
}
