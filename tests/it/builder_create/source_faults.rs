//! Buildpacks that are not there, or are none.

use super::{package_into, package_one_and_two};
use crate::support::builder::{BUILD, BuilderInput, extension};
use crate::support::refused::hints;

/// A builder whose first buildpack is named so; the fault is in that entry.
#[track_caller]
fn check(entry: &str, says: &[&str]) {
    let input = with(entry);
    let run = input.refuse(says);
    input.points_at(&run, entry);
}

fn with(entry: &str) -> BuilderInput {
    let input = BuilderInput::new().replace("uri = \"one\"", entry);
    package_one_and_two(&input.sandbox);
    input
}

#[test]
fn nothing_there() {
    check("uri = \"nothing\"", &["nothing"]);
    check("uri = \"nothing.tgz\"", &["nothing.tgz"]);
    check("uri = \"oci:nothing.oci\"", &["nothing.oci"]);
    check("uri = \"oci:images.oci:7\"", &["7"]);
    check("uri = \"\"", &["uri"]);
}

#[test]
fn a_name_that_is_nowhere() {
    let input = with("uri = \"docker://registry.test/acme/none:1\"");
    let run = input.refuse_at("registry.test/acme/none:1", &["registry.test/acme/none:1"]);
    hints(&run, "airpack pull registry.test/acme/none:1");
    run.stderr_has("linux/amd64").stderr_has("linux/arm64");
}

#[test]
fn addresses_and_registries_are_not_asked() {
    for uri in [
        "https://registry.test/one.tgz",
        "urn:cnb:registry:acme/one@1.0.0",
        "from=builder:acme/one",
        "urn:cnb:builder:acme/one",
    ] {
        check(&format!("uri = \"{uri}\""), &[uri]);
    }
}

#[test]
fn a_folder_that_is_no_buildpack() {
    let input = with("uri = \"empty\"");
    input.sandbox.folder("empty");
    input.refuse_at("uri = \"empty\"", &["empty", "buildpack.toml"]);
}

#[test]
fn a_file_that_is_no_archive() {
    for name in ["x.tgz", "x.cnb", "x.zip"] {
        let input = with(&format!("uri = \"{name}\""));
        input.sandbox.write(name, "no archive\n");
        input.refuse_at(name, &[name]);
    }
}

#[test]
fn an_extension_among_buildpacks() {
    let input = with("uri = \"ext\"");
    extension(&input.sandbox, "ext", "acme/one", "1.0.0");
    input.refuse_at("uri = \"ext\"", &["extension"]);
    // and packaged
    let input = with("uri = \"oci:ext.oci\"");
    extension(&input.sandbox, "ext", "acme/one", "1.0.0");
    package_into(
        &input.sandbox,
        "extension",
        "ext.oci",
        "registry.test/acme/ext:1",
        &["--path", "ext"],
    );
    input.refuse_at("uri = \"oci:ext.oci\"", &["extension"]);
}

#[test]
fn a_buildpack_among_extensions() {
    let input = BuilderInput::new().append("[[extensions]]\nuri = \"./two\"\n");
    input.refuse_at("uri = \"./two\"", &["two", "buildpack"]);
    let input = BuilderInput::new().append("[[extensions]]\nuri = \"oci:images.oci:registry.test/acme/two:1\"\n");
    package_one_and_two(&input.sandbox);
    input.refuse_at("oci:images.oci", &["buildpack"]);
}

#[test]
fn an_image_that_is_no_package() {
    let input = with(&format!("uri = \"docker://{BUILD}\""));
    let run = input.refuse(&[BUILD]);
    let line = input.line("docker://");
    crate::support::refused::points_into(&run, "builder.toml", line - 1..=line);
    // nor is a builder
    let first = BuilderInput::new();
    first.write();
    let input = with("uri = \"oci:builder.oci\"");
    let layout = input.sandbox.join("builder.oci");
    first.run_into(layout.to_str().unwrap(), &[]).digest();
    input.refuse_at("oci:builder.oci", &["builder.oci"]);
}

#[test]
fn an_image_without_a_platform() {
    let input = with("uri = \"oci:one.oci\"");
    let args = ["--path", "one", "-t", "linux/amd64"];
    package_into(
        &input.sandbox,
        "buildpack",
        "one.oci",
        "registry.test/acme/one:1",
        &args,
    );
    input.refuse_at("oci:one.oci", &["one.oci", "linux/arm64", "linux/amd64"]);
}

#[test]
fn several_images_and_none_is_chosen() {
    check("uri = \"oci:images.oci\"", &["images.oci"]);
}

#[test]
fn from_what_is_no_layout() {
    let mut input = BuilderInput::new();
    for from in ["nothing.oci", "one"] {
        input.from = vec!["base.oci".to_owned(), "run.oci".to_owned(), from.to_owned()];
        input.refuse(&[from]);
    }
}

#[test]
fn all_of_them_at_once() {
    let input = BuilderInput::new()
        .replace("uri = \"one\"", "uri = \"nothing\"")
        .replace("uri = \"two\"", "image = \"registry.test/acme/none:1\"")
        .buildpack("uri = \"oci:nothing.oci\"");
    let run = input.refuse(&["nothing", "registry.test/acme/none:1", "nothing.oci"]);
    for part in ["uri = \"nothing\"", "acme/none", "nothing.oci"] {
        input.points_at(&run, part);
    }
}
