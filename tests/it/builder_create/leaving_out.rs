//! `[[modules]]` in `airpack.toml` beside `builder.toml`: what is for some targets only.

use super::package_into;
use crate::support::builder::{BuilderInput, LAYERS, METADATA, ORDER_EXTENSIONS};
use crate::support::composites::{BOTH, composite, package_toml};
use crate::support::refused::{points_at, points_into};
use crate::support::snapshot::Snapshot;

const TWO_FOR_AMD64: &str = "[[modules]]\nid = \"acme/two\"\ntargets = [\"linux/amd64\"]\n";
const ONE_FOR_AMD64: &str = "[[modules]]\nid = \"acme/one\"\ntargets = [\"linux/amd64\"]\n";

/// `two` has no folder for arm64.
fn with(airpack_toml: &str) -> BuilderInput {
    let input = BuilderInput::new();
    std::fs::remove_dir_all(input.sandbox.join("two/linux/arm64")).unwrap();
    input.sandbox.write("airpack.toml", airpack_toml);
    input
}

#[test]
fn a_buildpack_is_left_out_for_the_other_targets() {
    let built = with(TWO_FOR_AMD64).created(&[]);
    assert_eq!(built.modules("linux/amd64"), ["acme/one@1.0.0", "acme/two@2.0.0"]);
    assert_eq!(built.modules("linux/arm64"), ["acme/one@1.0.0"]);
    assert_eq!(built.listed("linux/arm64"), ["acme/one@1.0.0"]);
    assert_eq!(built.module_layers("linux/arm64"), ["acme_one@1.0.0"]);
    // labels and file have the order of what is there
    assert_eq!(built.order("linux/amd64"), "acme/one@1.0.0 acme/two?");
    assert_eq!(built.order("linux/arm64"), "acme/one@1.0.0");
    let toml = "[[order]]\n\n  [[order.group]]\n    id = \"acme/one\"\n    version = \"1.0.0\"\n";
    assert_eq!(built.file("linux/arm64", "/cnb/order.toml"), toml);
    assert_eq!(
        built.file("linux/amd64", "/cnb/order.toml"),
        crate::support::builder::ORDER_TOML
    );
    let label = built.json_label("linux/arm64", LAYERS);
    assert!(label["acme/two"].is_null(), "{label}");
}

#[test]
fn the_image_that_has_all_is_the_one_without_airpack_toml() {
    let built = with(TWO_FOR_AMD64).created(&[]);
    let plain = BuilderInput::new().created(&[]);
    assert_eq!(
        built.image("linux/amd64").descriptor["digest"],
        plain.image("linux/amd64").descriptor["digest"]
    );
}

#[test]
fn it_is_in_no_image() {
    let built = with(TWO_FOR_AMD64).created(&[]);
    for platform in BOTH {
        for layer in &built.image(platform).layers {
            assert!(!layer.entries.iter().any(|entry| entry.name().ends_with("airpack.toml")));
        }
    }
}

#[test]
fn sources_stay_as_they_are() {
    let input = with(TWO_FOR_AMD64);
    input.write();
    let before = Snapshot::of(input.sandbox.join("one"));
    input.run_into("out.oci", &[]).ok();
    before.assert_unchanged("a builder was created");
}

#[test]
fn without_it_a_missing_folder_is_an_error() {
    let input = with("");
    input.refuse(&["two", "linux/arm64"]);
}

#[test]
fn a_group_that_needs_it_goes() {
    let input = with(TWO_FOR_AMD64).replace("optional = true\n", "").replace(
        "[build]\n",
        "[[order]]\n[[order.group]]\nid = \"acme/one\"\n\n[build]\n",
    );
    let built = input.created(&[]);
    assert_eq!(built.order("linux/amd64"), "acme/one@1.0.0 acme/two | acme/one");
    assert_eq!(built.order("linux/arm64"), "acme/one");
}

#[test]
fn no_group_is_left() {
    let input = with(TWO_FOR_AMD64).replace("optional = true\n", "");
    input.refuse(&["linux/arm64", "order"]);
}

#[test]
fn a_version_of_several() {
    let input = with("[[modules]]\nid = \"acme/two\"\nversion = \"2.0.0\"\ntargets = [\"linux/amd64\"]\n")
        .buildpack("uri = \"newer\"")
        .replace("id = \"acme/two\"\n", "id = \"acme/two\"\nversion = \"2.1.0\"\n");
    crate::support::composites::leaf(&input.sandbox, "newer", "acme/two@2.1.0", &BOTH);
    let built = input.created(&[]);
    assert_eq!(built.modules("linux/arm64"), ["acme/one@1.0.0", "acme/two@2.1.0"]);
    assert_eq!(built.modules("linux/amd64").len(), 3);
    assert_eq!(built.order("linux/arm64"), "acme/one@1.0.0 acme/two@2.1.0?");
}

#[test]
fn an_extension() {
    let input = BuilderInput::new().extension();
    input
        .sandbox
        .write("airpack.toml", TWO_FOR_AMD64.replace("acme/two", "acme/ext"));
    let built = input.created(&[]);
    assert_eq!(built.label("linux/arm64", ORDER_EXTENSIONS), "null");
    assert!(built.json_label("linux/arm64", METADATA)["extensions"].is_null());
    assert!(
        !built
            .file("linux/arm64", "/cnb/order.toml")
            .contains("order-extensions")
    );
    assert!(
        built
            .file("linux/amd64", "/cnb/order.toml")
            .contains("order-extensions")
    );
}

#[test]
fn a_buildpack_of_the_system() {
    let input = with(TWO_FOR_AMD64).append("[[system.pre.buildpacks]]\nid = \"acme/two\"\noptional = true\n");
    let built = input.created(&[]);
    assert!(built.file("linux/amd64", "/cnb/system.toml").contains("acme/two"));
    let kinds = built.layers("linux/arm64");
    if kinds.contains(&"/cnb/system.toml".to_owned()) {
        assert!(!built.file("linux/arm64", "/cnb/system.toml").contains("acme/two"));
    }
}

#[test]
fn a_part_of_a_composite() {
    let input = with(TWO_FOR_AMD64)
        .buildpack("uri = \"comp\"")
        .replace("id = \"acme/one\"\nversion = \"1.0.0\"\n", "id = \"acme/comp\"\n");
    composite(
        &input.sandbox,
        "comp",
        "acme/comp@1.0.0",
        &[&["acme/one@1.0.0", "acme/two@2.0.0?"]],
    );
    let built = input.created(&[]);
    let order = |platform: &str| {
        let label = built.json_label(platform, LAYERS);
        crate::support::builder::shown_order(&label["acme/comp"]["1.0.0"]["order"])
    };
    assert_eq!(order("linux/amd64"), "acme/one@1.0.0 acme/two@2.0.0?");
    assert_eq!(order("linux/arm64"), "acme/one@1.0.0");
    let toml = built.file("linux/arm64", "/cnb/buildpacks/acme_comp/1.0.0/buildpack.toml");
    assert_eq!(crate::support::composed::order_in_toml(&toml), "acme/one@1.0.0");
}

#[test]
fn a_part_of_an_image() {
    let input = with(TWO_FOR_AMD64)
        .replace("[[buildpacks]]\nuri = \"two\"\n\n", "")
        .replace("uri = \"one\"", "uri = \"oci:comp.oci\"")
        .replace("id = \"acme/one\"\nversion = \"1.0.0\"\n", "id = \"acme/comp\"\n")
        .replace("[[order.group]]\nid = \"acme/two\"\noptional = true\n", "");
    let other = BuilderInput::new();
    composite(
        &other.sandbox,
        "comp",
        "acme/comp@1.0.0",
        &[&["acme/one@1.0.0", "acme/two@2.0.0?"]],
    );
    package_toml(&other.sandbox, "package.toml", "comp", &["one", "two"], &BOTH);
    let layout = input.sandbox.join("comp.oci");
    let args = ["--config", "package.toml"];
    package_into(
        &other.sandbox,
        "buildpack",
        layout.to_str().unwrap(),
        "registry.test/acme/comp:1",
        &args,
    );
    let built = input.created(&[]);
    assert_eq!(built.modules("linux/arm64"), ["acme/comp@1.0.0", "acme/one@1.0.0"]);
    assert_eq!(built.modules("linux/amd64").len(), 3);
}

#[test]
fn an_image_without_the_platform() {
    let input = with(TWO_FOR_AMD64).replace("uri = \"two\"", "uri = \"oci:two.oci\"");
    let args = ["--path", "two", "-t", "linux/amd64"];
    package_into(
        &input.sandbox,
        "buildpack",
        "two.oci",
        "registry.test/acme/two:1",
        &args,
    );
    let built = input.created(&[]);
    assert_eq!(built.modules("linux/arm64"), ["acme/one@1.0.0"]);
}

#[test]
fn what_does_not_fit_the_target_or_the_lifecycle() {
    // an API that only the lifecycle of amd64 has
    let mut input = BuilderInput::new();
    let toml = crate::support::composites::leaf_toml("acme/two@2.0.0", &BOTH).replace("0.10", "0.12");
    input.sandbox.write("two/buildpack.toml", toml);
    for (path, lifecycle) in &mut input.lifecycles {
        if path.contains("x86-64") {
            lifecycle.toml = lifecycle.toml.replacen("\"0.11\"]", "\"0.11\", \"0.12\"]", 1);
        }
    }
    input.refuse(&["acme/two@2.0.0", "linux/arm64"]);
    input.sandbox.write("airpack.toml", TWO_FOR_AMD64);
    input.created(&[]);
}

#[test]
fn faults_of_the_file() {
    for (toml, line, says) in [
        (TWO_FOR_AMD64.replace("acme/two", "acme/tow"), 2, "acme/tow"),
        (TWO_FOR_AMD64.replace("linux/amd64", "linux/zzz"), 3, "zzz"),
        (TWO_FOR_AMD64.replace("targets", "target"), 3, "target"),
        ("[[modules]]\nid = \"acme/two\"\n".to_owned(), 2, "targets"),
    ] {
        let input = BuilderInput::new();
        input.sandbox.write("airpack.toml", &toml);
        let run = input.refuse(&[says]);
        points_into(&run, "airpack.toml", 1..=line);
    }
    let input = BuilderInput::new();
    input.sandbox.write(
        "airpack.toml",
        format!("wrong = 1\n{}", TWO_FOR_AMD64.replace("linux/amd64", "linux/zzz")),
    );
    let run = input.refuse(&["wrong", "zzz"]);
    points_at(&run, "airpack.toml", 1);
    points_at(&run, "airpack.toml", 4);
}

#[test]
fn a_dry_run_shows_it() {
    let input = with(TWO_FOR_AMD64);
    let run = input.run_into("out.oci", &["--dry-run"]);
    run.ok();
    let (_, arm) = run.stdout.split_once("linux/arm64").unwrap();
    assert!(
        arm.contains("acme/two"),
        "what is left out of linux/arm64 is not told{run}"
    );
    assert!(!input.sandbox.join("out.oci").exists());
}

#[test]
fn one_that_a_group_needs() {
    let input = BuilderInput::new();
    input.sandbox.write("airpack.toml", ONE_FOR_AMD64);
    input.refuse(&["linux/arm64"]);
}
