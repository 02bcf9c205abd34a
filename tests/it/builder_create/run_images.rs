//! Run images are checked where they are found; where not, their names are written as given.

use serde_json::json;

use crate::support::builder::{BuilderInput, METADATA, RUN, image_spec};
use crate::support::composites::BOTH;

const LINE: &str = "registry.test/base/run:1";
const IMAGE: &str = "image = \"registry.test/base/run:1\"\n";

/// A builder whose run image has mirrors.
fn with_mirrors(mirrors: &str) -> BuilderInput {
    BuilderInput::new().replace(IMAGE, &format!("{IMAGE}mirrors = [{mirrors}]\n"))
}

#[test]
fn one_that_is_not_found_is_a_warning() {
    let mut input = BuilderInput::new();
    input.from = vec!["base.oci".to_owned()];
    let built = input.created(&[]).warned(&[RUN, "airpack pull"]);
    // one for it, not one for each target
    let told = built.0.run.stderr.matches("warning: ").count();
    assert_eq!(told, 1, "{}", built.0.run);
    assert_eq!(
        built.file("linux/amd64", "/cnb/run.toml"),
        format!("[[images]]\n  image = \"{RUN}\"\n")
    );
    // nothing of it is in the builder
    assert_eq!(built.digest(), *super::FROM_FOLDERS);
}

#[test]
fn one_that_is_not_found_is_an_error_where_warnings_are() {
    let mut input = BuilderInput::new();
    input.from = vec!["base.oci".to_owned()];
    input.refused(&["--strict"]).stderr_has(RUN);
    BuilderInput::new().created(&["--strict"]).without_warnings();
}

#[test]
fn each_that_is_not_found_is_told() {
    let mut input = BuilderInput::new().replace(
        IMAGE,
        &format!("{IMAGE}\n[[run.images]]\nimage = \"registry.test/base/tiny:1\"\n"),
    );
    input.from = vec!["base.oci".to_owned()];
    let built = input.created(&[]).warned(&[RUN]).warned(&["registry.test/base/tiny:1"]);
    assert_eq!(built.0.run.stderr.matches("warning: ").count(), 2, "{}", built.0.run);
}

#[test]
fn a_platform_that_it_does_not_have() {
    let mut input = BuilderInput::new();
    input.run = image_spec("run", &["amd64"]);
    input.refuse_at(LINE, &[RUN, "linux/arm64"]);
    input.run = image_spec("run", &["s390x"]);
    input.sandbox = BuilderInput::new().sandbox;
    input.refuse_at(LINE, &[RUN, "linux/arm64", "linux/amd64"]);
}

#[test]
fn a_variant_that_differs() {
    let mut input = BuilderInput::new();
    input.build["platforms"][1]["variant"] = "v8".into();
    input.run["platforms"][1]["variant"] = "v9".into();
    input.refuse_at(LINE, &[RUN, "linux/arm64"]);
}

#[test]
fn another_distribution() {
    // by /etc/os-release
    for text in [
        "ID=debian\nVERSION_ID=\"12\"\n",
        "ID=ubuntu\nVERSION_ID=\"22.04\"\n",
        "ID=debian\nVERSION_ID=\"24.04\"\n",
    ] {
        let mut input = BuilderInput::new();
        for platform in input.run["platforms"].as_array_mut().unwrap() {
            platform["layers"][0][1]["text"] = text.into();
        }
        input.refuse_at(LINE, &[RUN, "linux/amd64", "ubuntu"]);
    }
}

#[test]
fn another_distribution_by_labels() {
    let mut input = BuilderInput::new();
    for platform in input.run["platforms"].as_array_mut().unwrap() {
        platform["config"]["Labels"] = json!({
            "io.buildpacks.base.distro.name": "debian",
            "io.buildpacks.base.distro.version": "12",
        });
    }
    input.refuse_at(LINE, &[RUN, "linux/amd64", "debian"]);
}

#[test]
fn labels_come_before_files() {
    let mut input = BuilderInput::new();
    for platform in input.run["platforms"].as_array_mut().unwrap() {
        platform["layers"][0][1]["text"] = "ID=debian\nVERSION_ID=\"12\"\n".into();
        platform["config"]["Labels"] = json!({
            "io.buildpacks.base.distro.name": "ubuntu",
            "io.buildpacks.base.distro.version": "24.04",
        });
    }
    assert_eq!(input.created(&[]).without_warnings().digest(), *super::FROM_FOLDERS);
}

#[test]
fn no_distribution_to_compare() {
    // nobody says what it is: no reason to refuse it
    let mut input = BuilderInput::new();
    for platform in input.run["platforms"].as_array_mut().unwrap() {
        platform["layers"][0].as_array_mut().unwrap().remove(1);
    }
    let built = input.created(&[]);
    assert_eq!(built.digest(), *super::FROM_FOLDERS);
}

#[test]
fn a_mirror_on_the_same_registry_is_a_warning() {
    let mirror = "registry.test/other/run:1";
    with_mirrors(&format!("\"{mirror}\"")).created(&[]).warned(&[mirror]);
    with_mirrors("\"mirror.test/base/run:1\"")
        .created(&[])
        .without_warnings();
}

#[test]
fn mirrors_are_written_as_given() {
    let built = with_mirrors("\"mirror.test/z:1\", \"mirror.test/a\", \"ghcr.test/x@sha256:0000000000000000000000000000000000000000000000000000000000000000\"")
        .created(&[]);
    let mirrors = json!([
        "mirror.test/z:1",
        "mirror.test/a",
        "ghcr.test/x@sha256:0000000000000000000000000000000000000000000000000000000000000000",
    ]);
    for platform in BOTH {
        let metadata = built.json_label(platform, METADATA);
        assert_eq!(metadata["images"], json!([{"image": RUN, "mirrors": mirrors}]));
        let toml = built.file(platform, "/cnb/run.toml");
        let list = "[\"mirror.test/z:1\", \"mirror.test/a\", \"ghcr.test/x@sha256:0000000000000000000000000000000000000000000000000000000000000000\"]";
        assert_eq!(toml, format!("[[images]]\n  image = \"{RUN}\"\n  mirrors = {list}\n"));
    }
}

#[test]
fn a_mirror_that_is_found_stands_for_the_image() {
    // run.oci has it by the name of the mirror
    let mirror = "mirror.test/base/run:1";
    let found = |input: &BuilderInput| {
        let folder = input.sandbox.join("mirror.oci");
        crate::support::test_layout::make_layout(&folder, Some(mirror), &input.run);
    };
    let mut input = with_mirrors(&format!("\"{mirror}\""));
    input.from = vec!["base.oci".to_owned(), "mirror.oci".to_owned()];
    found(&input);
    input.created(&["--strict"]).without_warnings();
    // and is checked as it would be
    let mut input = with_mirrors(&format!("\"{mirror}\""));
    input.from = vec!["base.oci".to_owned(), "mirror.oci".to_owned()];
    input.run = image_spec("run", &["amd64"]);
    found(&input);
    input.refuse(&["linux/arm64", "base/run:1"]);
}

#[test]
fn one_among_several_does_not_fit() {
    let mut input = BuilderInput::new().replace(
        IMAGE,
        &format!("{IMAGE}\n[[run.images]]\nimage = \"registry.test/base/tiny:1\"\n"),
    );
    let tiny = image_spec("tiny", &["amd64"]);
    let folder = input.sandbox.join("tiny.oci");
    crate::support::test_layout::make_layout(&folder, Some("registry.test/base/tiny:1"), &tiny);
    input.from.push("tiny.oci".to_owned());
    input.refuse_at(
        "registry.test/base/tiny:1",
        &["registry.test/base/tiny:1", "linux/arm64"],
    );
}

#[test]
fn the_first_is_the_one_of_stack_toml() {
    let tiny = "registry.test/base/tiny:1";
    let built = BuilderInput::new()
        .replace(IMAGE, &format!("image = \"{tiny}\"\n\n[[run.images]]\n{IMAGE}"))
        .created(&[]);
    assert_eq!(
        built.file("linux/amd64", "/cnb/stack.toml"),
        format!("[run-image]\n  image = \"{tiny}\"\n")
    );
    assert_eq!(
        built.file("linux/amd64", "/cnb/run.toml"),
        format!("[[images]]\n  image = \"{tiny}\"\n\n[[images]]\n  image = \"{RUN}\"\n")
    );
}

#[test]
fn no_run_image() {
    for toml in [
        "[run]\n[[run.images]]\nimage = \"registry.test/base/run:1\"\n",
        "[[run.images]]\nimage = \"registry.test/base/run:1\"\n",
    ] {
        BuilderInput::new()
            .replace(toml, "")
            .refuse(&["builder.toml", "run image"]);
    }
}
