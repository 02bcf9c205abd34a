//! One thing of an image instead of all: its files, the bytes of its manifest, the file of a module.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::support::Sandbox;
use crate::support::builder::BuilderInput;
use crate::support::composites::{BOTH, leaf, leaf_toml};
use crate::support::layout_view::{LayoutView, sha256};

const NAME: &str = "registry.test/acme/x:1";

/// `x.oci` with acme/one@1.0.0 for two platforms.
fn packaged() -> Sandbox {
    let sandbox = Sandbox::new();
    leaf(&sandbox, "bp", "acme/one@1.0.0", &BOTH);
    sandbox
        .airpack(&["buildpack", "package", NAME, "--path", "bp", "--layout", "x.oci"])
        .ok();
    sandbox
}

fn lines(sandbox: &Sandbox, args: &[&str]) -> Vec<String> {
    let run = sandbox.airpack(&[&["inspect"], args].concat());
    run.ok().stdout.lines().map(ToOwned::to_owned).collect()
}

/// Bytes on stdout, whatever they are.
fn bytes(sandbox: &Sandbox, args: &[&str]) -> Vec<u8> {
    let mut command: Command = sandbox.airpack_command(&[&["inspect"], args].concat());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn files_are_listed_one_in_a_line() {
    let sandbox = packaged();
    let found = lines(&sandbox, &["x.oci", "--files", "--platform", "linux/amd64"]);
    assert_eq!(
        found,
        [
            "LAYER  MODE  OWNER  SIZE   PATH",
            "1      0755  0:0    dir    /cnb/buildpacks/acme_one",
            "1      0755  0:0    dir    /cnb/buildpacks/acme_one/1.0.0",
            "1      0755  0:0    dir    /cnb/buildpacks/acme_one/1.0.0/bin",
            "1      0755  0:0    42 B   /cnb/buildpacks/acme_one/1.0.0/bin/build",
            "1      0755  0:0    17 B   /cnb/buildpacks/acme_one/1.0.0/bin/detect",
            "1      0644  0:0    142 B  /cnb/buildpacks/acme_one/1.0.0/buildpack.toml",
            "1      0644  0:0    31 B   /cnb/buildpacks/acme_one/1.0.0/which",
        ]
    );
    // of several images each line says whose it is
    let found = lines(&sandbox, &["x.oci", "--files=which"]);
    assert_eq!(found.len(), 3);
    assert!(
        found[1].starts_with("linux/amd64  1 ") && found[2].starts_with("linux/arm64  1 "),
        "{found:?}"
    );
}

#[test]
fn patterns_choose_files() {
    let sandbox = packaged();
    let count = |pattern: &str| {
        let files = format!("--files={pattern}");
        lines(&sandbox, &["x.oci", &files, "--platform", "linux/arm64"])
            .len()
            .saturating_sub(1)
    };
    assert_eq!(count("*.toml"), 1);
    assert_eq!(count("/cnb/buildpacks/*/*/bin/*"), 2);
    assert_eq!(count("cnb/**"), 7);
    assert_eq!(count("{build,detect}"), 2);
    assert_eq!(count("/*"), 0);
    let none = sandbox.airpack(&["inspect", "x.oci", "--files=nothing"]);
    none.ok().stderr_has("no file has such a path");
    let bad = sandbox.airpack(&["inspect", "x.oci", "--files=a["]);
    bad.failed(2).stderr_has("`a[` is no pattern").stderr_has("hint");
}

#[test]
fn files_as_json() {
    let sandbox = packaged();
    let run = sandbox.airpack(&["inspect", "x.oci", "--files=which", "--json"]);
    let files: Value = serde_json::from_str(&run.ok().stdout).unwrap();
    let first = &files[0];
    assert_eq!(first["name"], "/cnb/buildpacks/acme_one/1.0.0/which");
    assert_eq!(
        (&first["layer"], &first["mode"], &first["type"]),
        (&1.into(), &"0644".into(), &"file".into())
    );
    assert_eq!(first["modules"][0], "acme/one@1.0.0");
    assert_eq!(files[1]["platform"]["architecture"], "arm64");
}

#[test]
fn raw_bytes_are_those_of_the_blob() {
    let sandbox = packaged();
    let view = LayoutView::open(sandbox.join("x.oci"));
    let index = view.image_index("1");
    assert_eq!(sha256(&bytes(&sandbox, &["x.oci", "--raw"])), view.digest("1"));
    for child in &index.children {
        let digest = child.descriptor["digest"].as_str().unwrap();
        let platform = child.platform();
        assert_eq!(
            sha256(&bytes(&sandbox, &["x.oci:1", "--raw", "--platform", &platform])),
            digest
        );
        let by_digest = format!("x.oci@{digest}");
        assert_eq!(sha256(&bytes(&sandbox, &[&by_digest, "--raw"])), digest);
    }
    let none = sandbox.airpack(&["inspect", "x.oci", "--raw", "--platform", "linux/s390x"]);
    none.failed(1)
        .stderr_has("no image for linux/s390x")
        .stderr_has("linux/arm64");
}

#[test]
fn raw_of_several_images_asks_which() {
    let sandbox = packaged();
    sandbox
        .airpack(&[
            "buildpack",
            "package",
            "registry.test/acme/y:2",
            "--path",
            "bp",
            "--layout",
            "x.oci",
            "--label",
            "a=b",
        ])
        .ok();
    let run = sandbox.airpack(&["inspect", "x.oci", "--raw"]);
    run.failed(1)
        .stderr_has("2 images")
        .stderr_has("registry.test/acme/y:2");
}

#[test]
fn raw_of_a_damaged_manifest_prints_nothing() {
    let sandbox = packaged();
    let view = LayoutView::open(sandbox.join("x.oci"));
    let path = view.blob_path(view.digest("1"));
    let mut content = fs::read(&path).unwrap();
    content[10] ^= 1;
    fs::write(&path, content).unwrap();
    sandbox
        .airpack(&["inspect", "x.oci", "--raw"])
        .failed(1)
        .stderr_has("other content");
}

#[test]
fn the_file_of_the_main_module() {
    let sandbox = packaged();
    let toml = leaf_toml("acme/one@1.0.0", &BOTH);
    assert_eq!(bytes(&sandbox, &["x.oci", "--toml"]), toml.as_bytes());
    assert_eq!(bytes(&sandbox, &["x.oci", "--toml=acme/one"]), toml.as_bytes());
    assert_eq!(
        bytes(
            &sandbox,
            &["x.oci", "--toml=acme/one@1.0.0", "--platform", "linux/arm64"]
        ),
        toml.as_bytes()
    );
    let none = sandbox.airpack(&["inspect", "x.oci", "--toml=acme/two"]);
    none.failed(1)
        .stderr_has("no module `acme/two`")
        .stderr_has("acme/one@1.0.0");
}

#[test]
fn the_file_of_a_module_of_a_builder() {
    let input = BuilderInput::new();
    input.write();
    let sandbox = &input.sandbox;
    let args = [
        "builder",
        "create",
        NAME,
        "--config",
        "builder.toml",
        "--layout",
        "x.oci",
        "--from",
        "base.oci",
        "--from",
        "run.oci",
    ];
    sandbox.airpack(&args).ok();
    let toml = leaf_toml("acme/two@2.0.0", &BOTH);
    assert_eq!(bytes(sandbox, &["x.oci", "--toml=acme/two"]), toml.as_bytes());
    let which = sandbox.airpack(&["inspect", "x.oci", "--toml"]);
    which
        .failed(1)
        .stderr_has("--toml=ID")
        .stderr_has("acme/one@1.0.0, acme/two@2.0.0");
    let none = sandbox.airpack(&["inspect", "base.oci", "--toml"]);
    none.failed(1).stderr_has("no buildpacks or extensions");
}

#[test]
fn files_that_differ_need_a_platform() {
    let sandbox = Sandbox::new();
    leaf(&sandbox, "bp", "acme/one@1.0.0", &BOTH);
    let own = format!("{}# own\n", leaf_toml("acme/one@1.0.0", &BOTH));
    sandbox.write("bp/linux/arm64/buildpack.toml", &own);
    sandbox
        .airpack(&["buildpack", "package", NAME, "--path", "bp", "--layout", "x.oci"])
        .ok();
    let run = sandbox.airpack(&["inspect", "x.oci", "--toml"]);
    run.failed(1).stderr_has("--platform: linux/amd64, linux/arm64");
    assert_eq!(
        bytes(&sandbox, &["x.oci", "--toml", "--platform", "linux/arm64"]),
        own.as_bytes()
    );
}

#[test]
fn they_exclude_each_other() {
    let sandbox = packaged();
    for pair in [
        ["--raw", "--files"],
        ["--raw", "--toml"],
        ["--raw", "--json"],
        ["--toml", "--json"],
        ["--toml", "--files"],
    ] {
        sandbox.airpack(&["inspect", "x.oci", pair[0], pair[1]]).failed(2);
    }
}
