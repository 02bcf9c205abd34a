//! Composites in a builder: from a folder and from an image, flattened or not.

use super::package_into;
use crate::support::Sandbox;
use crate::support::builder::{BuilderInput, Built, LAYERS};
use crate::support::composites::{BOTH, composite, leaf, package_toml};

/// What `acme/comp` needs.
const ORDER: &[&[&str]] = &[&["acme/one@1.0.0", "acme/two@2.0.0?"], &["acme/one@1.0.0"]];

/// The order of a builder with nothing but the composite.
const ENTRIES: &str =
    "[[order.group]]\nid = \"acme/one\"\nversion = \"1.0.0\"\n[[order.group]]\nid = \"acme/two\"\noptional = true\n";

/// Writes `comp`, and a `package.toml` for it that is not in its folder.
fn comp(sandbox: &Sandbox) {
    composite(sandbox, "comp", "acme/comp@1.0.0", ORDER);
    package_toml(sandbox, "config/package.toml", "../comp", &["../one", "../two"], &BOTH);
}

/// Packages `comp` as `registry.test/acme/comp:1` into `comp.oci`.
fn packaged_comp(sandbox: &Sandbox, args: &[&str]) {
    comp(sandbox);
    let own = ["--config", "config/package.toml"];
    let name = "registry.test/acme/comp:1";
    package_into(sandbox, "buildpack", "comp.oci", name, &[&own[..], args].concat());
}

/// A builder of the composite alone, which these lines name.
fn of_comp(entry: &str) -> BuilderInput {
    BuilderInput::new()
        .replace("[[buildpacks]]\nuri = \"two\"\n\n", "")
        .replace("uri = \"one\"", entry)
        .replace(ENTRIES, "[[order.group]]\nid = \"acme/comp\"\n")
}

const ALL: [&str; 3] = ["acme/comp@1.0.0", "acme/one@1.0.0", "acme/two@2.0.0"];

#[track_caller]
fn check_all(built: &Built) {
    for platform in BOTH {
        assert_eq!(built.modules(platform), ALL);
        assert_eq!(
            built.module_layers(platform),
            ["acme_comp@1.0.0", "acme_one@1.0.0", "acme_two@2.0.0"]
        );
        assert_eq!(built.order(platform), "acme/comp");
        let order = &built.json_label(platform, LAYERS)["acme/comp"]["1.0.0"]["order"];
        let shown = crate::support::builder::shown_order(order);
        assert_eq!(shown, "acme/one@1.0.0 acme/two@2.0.0? | acme/one@1.0.0");
        let which = built.file(platform, "/cnb/buildpacks/acme_two/2.0.0/which");
        assert_eq!(which, format!("acme/two@2.0.0 for {platform}\n"));
        assert!(
            built
                .file(platform, "/cnb/order.toml")
                .contains("id = \"acme/comp\"\n    version = \"1.0.0\"\n")
        );
    }
}

#[test]
fn a_folder_whose_parts_are_in_the_builder() {
    let input = BuilderInput::new()
        .buildpack("uri = \"comp\"")
        .replace(ENTRIES, "[[order.group]]\nid = \"acme/comp\"\n");
    comp(&input.sandbox);
    let built = input.created(&[]).without_warnings();
    check_all(&built);
    assert_eq!(
        built.listed("linux/amd64"),
        ["acme/one@1.0.0", "acme/two@2.0.0", "acme/comp@1.0.0"]
    );
}

#[test]
fn an_image_brings_its_parts() {
    for entry in ["uri = \"oci:comp.oci:1\"", "image = \"registry.test/acme/comp:1\""] {
        let mut input = of_comp(entry);
        packaged_comp(&input.sandbox, &[]);
        input.from.push("comp.oci".to_owned());
        let built = input.created(&[]).without_warnings();
        check_all(&built);
        // the main module, then the others by id
        assert_eq!(built.listed("linux/arm64"), ALL);
    }
}

#[test]
fn a_folder_with_a_package_toml_brings_its_parts() {
    // as it does where a composite depends on it
    let input = of_comp("uri = \"comp\"");
    composite(&input.sandbox, "comp", "acme/comp@1.0.0", ORDER);
    package_toml(&input.sandbox, "comp/package.toml", ".", &["../one", "../two"], &BOTH);
    let built = input.created(&[]);
    for platform in BOTH {
        assert_eq!(built.modules(platform), ALL);
    }
}

#[test]
fn a_flattened_image_is_split() {
    let mut plain = of_comp("image = \"registry.test/acme/comp:1\"");
    packaged_comp(&plain.sandbox, &[]);
    plain.from.push("comp.oci".to_owned());
    let plain = plain.created(&[]);
    let mut flat = of_comp("image = \"registry.test/acme/comp:1\"");
    packaged_comp(&flat.sandbox, &["--flatten"]);
    flat.from.push("comp.oci".to_owned());
    let flat = flat.created(&[]);
    check_all(&flat);
    assert_eq!(flat.digest(), plain.digest());
}

#[test]
fn a_flattened_image_of_which_one_part_is_apart() {
    let mut input = of_comp("image = \"registry.test/acme/comp:1\"");
    packaged_comp(&input.sandbox, &["--flatten", "--flatten-exclude", "acme/one@1.0.0"]);
    input.from.push("comp.oci".to_owned());
    check_all(&input.created(&[]));
}

#[test]
fn a_flattened_image_can_be_flattened_again() {
    let mut input = of_comp("image = \"registry.test/acme/comp:1\"");
    packaged_comp(&input.sandbox, &["--flatten"]);
    input.from.push("comp.oci".to_owned());
    let built = input.created(&["--flatten", "acme/one@1.0.0,acme/two@2.0.0"]);
    let kinds = built.module_layers("linux/amd64");
    assert_eq!(kinds, ["acme_one@1.0.0+acme_two@2.0.0", "acme_comp@1.0.0"]);
}

#[test]
fn an_image_and_folders_with_the_same_parts() {
    // each is in the builder once
    let mut input = BuilderInput::new()
        .buildpack("image = \"registry.test/acme/comp:1\"")
        .replace(ENTRIES, "[[order.group]]\nid = \"acme/comp\"\n");
    packaged_comp(&input.sandbox, &[]);
    input.from.push("comp.oci".to_owned());
    let built = input.created(&[]);
    check_all(&built);
    assert_eq!(
        built.listed("linux/amd64"),
        ["acme/one@1.0.0", "acme/two@2.0.0", "acme/comp@1.0.0"]
    );
}

#[test]
fn an_image_and_a_folder_with_another_content() {
    let mut input = BuilderInput::new().buildpack("image = \"registry.test/acme/comp:1\"");
    packaged_comp(&input.sandbox, &[]);
    input.from.push("comp.oci".to_owned());
    input.sandbox.write("two/linux/arm64/which", "changed\n");
    input.refuse(&["acme/two@2.0.0", "linux/arm64"]);
}

#[test]
fn a_part_that_is_not_there() {
    let input = of_comp("uri = \"comp\"").buildpack("uri = \"./one\"");
    comp(&input.sandbox);
    input.refuse(&["acme/comp@1.0.0", "acme/two@2.0.0"]);
}

#[test]
fn composites_of_composites() {
    let input = BuilderInput::new()
        .replace("[[buildpacks]]\nuri = \"two\"\n\n", "")
        .replace("uri = \"one\"", "uri = \"oci:outer.oci\"")
        .replace(ENTRIES, "[[order.group]]\nid = \"acme/outer\"\n");
    packaged_comp(&input.sandbox, &[]);
    let order: &[&[&str]] = &[&["acme/comp@1.0.0", "acme/more@1.0.0?"]];
    composite(&input.sandbox, "outer", "acme/outer@1.0.0", order);
    leaf(&input.sandbox, "more", "acme/more@1.0.0", &BOTH);
    package_toml(
        &input.sandbox,
        "config/outer.toml",
        "../outer",
        &["oci:../comp.oci:1", "../more"],
        &BOTH,
    );
    let args = ["--config", "config/outer.toml"];
    package_into(
        &input.sandbox,
        "buildpack",
        "outer.oci",
        "registry.test/acme/outer:1",
        &args,
    );
    let built = input.created(&[]).without_warnings();
    assert_eq!(
        built.listed("linux/amd64"),
        [
            "acme/outer@1.0.0",
            "acme/comp@1.0.0",
            "acme/more@1.0.0",
            "acme/one@1.0.0",
            "acme/two@2.0.0"
        ]
    );
}

#[test]
fn an_order_may_name_a_part() {
    let mut input =
        of_comp("image = \"registry.test/acme/comp:1\"").replace("id = \"acme/comp\"\n", "id = \"acme/two\"\n");
    packaged_comp(&input.sandbox, &[]);
    input.from.push("comp.oci".to_owned());
    let built = input.created(&[]);
    assert!(
        built
            .file("linux/amd64", "/cnb/order.toml")
            .contains("version = \"2.0.0\"")
    );
}

#[test]
fn id_and_version_of_an_entry_are_those_of_the_main_module() {
    let mut input = of_comp("image = \"registry.test/acme/comp:1\"\nid = \"acme/one\"");
    packaged_comp(&input.sandbox, &[]);
    input.from.push("comp.oci".to_owned());
    input.refuse(&["acme/comp@1.0.0"]);
}
