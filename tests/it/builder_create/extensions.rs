//! Extensions in a builder, from wherever they come.

use serde_json::json;

use super::package_into;
use crate::support::builder::{BuilderInput, Built, EXTENSION_LAYERS, METADATA, extension};
use crate::support::composites::BOTH;
use crate::support::tar_maker::{TarFormat, gzip, members_of, tar};

/// A builder with the extension in `ext`, named so.
fn named(uri: &str) -> BuilderInput {
    BuilderInput::new().extension().replace("uri = \"ext\"", uri)
}

#[track_caller]
fn check(input: BuilderInput) {
    let uri = input.toml.clone();
    let built = input.created(&[]).without_warnings();
    let expected = BuilderInput::new().extension().created(&[]);
    assert_eq!(built.digest(), expected.digest(), "{uri}");
}

#[test]
fn packages() {
    for entry in [
        "uri = \"oci:ext.oci\"",
        "image = \"registry.test/acme/ext:1\"",
        "uri = \"docker://registry.test/acme/ext:1\"",
    ] {
        let mut input = named(entry);
        let args = ["--path", "ext", "-t", "linux/amd64", "-t", "linux/arm64"];
        package_into(
            &input.sandbox,
            "extension",
            "ext.oci",
            "registry.test/acme/ext:1",
            &args,
        );
        input.from.push("ext.oci".to_owned());
        check(input);
    }
}

#[test]
fn a_package_for_any_target() {
    // of one image, whose label says that it is for any
    let input = named("uri = \"oci:ext.oci\"");
    package_into(
        &input.sandbox,
        "extension",
        "ext.oci",
        "registry.test/acme/ext:1",
        &["--path", "ext"],
    );
    check(input);
}

#[test]
fn archives_and_files() {
    let input = named("uri = \"ext.tgz\"");
    let mut members = members_of(&input.sandbox.join("ext"), "");
    for member in members.iter_mut().filter(|member| member.path.starts_with("bin/")) {
        member.mode = 0o755;
    }
    // the whole archive is taken, in its own order and without folders that it does not name
    input.sandbox.write("ext.tgz", gzip(&tar(TarFormat::Ustar, &members)));
    let built = input.created(&[]);
    assert_eq!(built.module_layers("linux/amd64").last().unwrap(), "acme_ext@1.0.0");
    let input = named("uri = \"ext.cnb\"");
    let args = [
        "extension",
        "package",
        "ext.cnb",
        "--path",
        "ext",
        "--format",
        "file",
        "--single",
        "--quiet",
        "-t",
        "linux/amd64",
        "-t",
        "linux/arm64",
    ];
    input.sandbox.airpack(&args).ok();
    check(input);
}

/// An extension with a folder for each of both platforms.
fn folders(input: &BuilderInput) {
    std::fs::remove_dir_all(input.sandbox.join("ext")).unwrap();
    let toml = "api = \"0.10\"\n\n[extension]\nid = \"acme/ext\"\nversion = \"1.0.0\"\nname = \"Ext\"\nhomepage = \"https://acme.test\"\n";
    let toml = toml.to_owned() + &crate::support::composites::targets_toml(&BOTH);
    input.sandbox.write("ext/extension.toml", toml);
    for target in BOTH {
        for name in ["detect", "generate"] {
            input
                .sandbox
                .executable(format!("ext/{target}/bin/{name}"), "#!/bin/sh\n");
        }
        input.sandbox.write(format!("ext/{target}/which"), target);
    }
}

#[test]
fn platform_folders() {
    let input = BuilderInput::new().extension();
    folders(&input);
    let built = input.created(&[]).without_warnings();
    let diff_id = |built: &Built, platform: &str| built.layer(platform, "acme_ext@1.0.0").diff_id.clone();
    for platform in BOTH {
        assert_eq!(built.file(platform, "/cnb/extensions/acme_ext/1.0.0/which"), platform);
        let expected = json!({"acme/ext": {"1.0.0": {
            "api": "0.10",
            "targets": [{"os": "linux", "arch": "amd64"}, {"os": "linux", "arch": "arm64"}],
            "layerDiffID": diff_id(&built, platform),
            "homepage": "https://acme.test",
            "name": "Ext",
        }}});
        assert_eq!(built.json_label(platform, EXTENSION_LAYERS), expected);
    }
    // a package of it gives the same layers
    let input = named("uri = \"oci:ext.oci\"");
    folders(&input);
    package_into(
        &input.sandbox,
        "extension",
        "ext.oci",
        "registry.test/acme/ext:1",
        &["--path", "ext"],
    );
    let packaged = input.created(&[]);
    for platform in BOTH {
        assert_eq!(diff_id(&packaged, platform), diff_id(&built, platform));
    }
}

#[test]
fn come_after_buildpacks_in_order_of_their_names() {
    let input = BuilderInput::new()
        .extension()
        .append("[[extensions]]\nuri = \"aaa\"\n");
    extension(&input.sandbox, "aaa", "aaa/aaa", "9.0.0");
    let built = input.created(&[]);
    assert_eq!(
        built.module_layers("linux/amd64"),
        ["acme_one@1.0.0", "acme_two@2.0.0", "aaa_aaa@9.0.0", "acme_ext@1.0.0"]
    );
    let metadata = built.json_label("linux/amd64", METADATA);
    assert_eq!(
        crate::support::builder::listed(&metadata, "extensions"),
        ["acme/ext@1.0.0", "aaa/aaa@9.0.0"]
    );
}

#[test]
fn one_of_the_name_of_a_buildpack() {
    // they are of two kinds, in two folders
    let input = BuilderInput::new().append("[[extensions]]\nuri = \"ext\"\n");
    extension(&input.sandbox, "ext", "acme/other", "1.0.0");
    let toml = "api = \"0.10\"\n\n[extension]\nid = \"acme/one\"\nversion = \"1.0.0\"\n";
    input.sandbox.write("ext/extension.toml", toml);
    let run = input.run_into("out.oci", &[]);
    assert!(run.code == 0 || run.stderr.contains("acme/one"), "{run}");
    run.stderr_lacks("panicked");
}

#[test]
fn of_a_lifecycle_whose_newest_platform_api_is_0_13() {
    BuilderInput::new().extension().created(&[]).without_warnings();
}
