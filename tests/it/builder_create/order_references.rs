//! Every entry of an order means exactly one module.

use crate::support::builder::{BuilderInput, ORDER_EXTENSIONS, extension, shown_order};
use crate::support::composites::{BOTH, composite, leaf};
use crate::support::refused::hints;

/// With this put in the place of a text in `builder.toml`, nothing is made; the fault is in the entry that has `part`.
#[track_caller]
fn check(from: &str, to: &str, part: &str, says: &[&str]) {
    BuilderInput::new().replace(from, to).refuse_at(part, says);
}

#[test]
fn a_buildpack_that_is_not_there() {
    check(
        "id = \"acme/two\"",
        "id = \"acme/none\"",
        "acme/none",
        &["no buildpack is `acme/none`"],
    );
    // nor one of this version
    check(
        "id = \"acme/two\"",
        "id = \"acme/two\"\nversion = \"2.0.1\"",
        "2.0.1",
        &["no buildpack is `acme/two@2.0.1`"],
    );
    // nor one that is written otherwise
    check(
        "id = \"acme/two\"",
        "id = \"ACME/two\"",
        "ACME/two",
        &["no buildpack is `ACME/two`"],
    );
}

#[test]
fn what_there_is_is_told() {
    let input = BuilderInput::new().replace("id = \"acme/two\"", "id = \"acme/two\"\nversion = \"3.0.0\"");
    hints(&input.refused(&[]), "2.0.0");
    let input = BuilderInput::new().replace("id = \"acme/two\"", "id = \"acme/tow\"");
    hints(&input.refused(&[]), "acme/two");
}

/// `acme/two` in two versions.
fn two_versions() -> BuilderInput {
    let input = BuilderInput::new().buildpack("uri = \"newer\"");
    leaf(&input.sandbox, "newer", "acme/two@2.1.0", &BOTH);
    input
}

#[test]
fn several_versions() {
    let run = two_versions().refuse_at("id = \"acme/two\"", &["several versions of `acme/two`"]);
    run.stderr_has("2.0.0").stderr_has("2.1.0");
}

#[test]
fn one_of_several_versions() {
    let built = two_versions()
        .replace("id = \"acme/two\"", "id = \"acme/two\"\nversion = \"2.1.0\"")
        .created(&[])
        .without_warnings();
    assert!(
        built
            .file("linux/amd64", "/cnb/order.toml")
            .contains("id = \"acme/two\"\n    version = \"2.1.0\"\n")
    );
    assert_eq!(
        built.module_layers("linux/arm64"),
        ["acme_one@1.0.0", "acme_two@2.0.0", "acme_two@2.1.0"]
    );
}

#[test]
fn an_extension_that_is_not_there() {
    let input = BuilderInput::new().extension();
    let input = input.replace(
        "[[order-extensions.group]]\nid = \"acme/ext\"",
        "[[order-extensions.group]]\nid = \"acme/exit\"",
    );
    input.refuse_at("acme/exit", &["no extension is `acme/exit`"]);
    let input = BuilderInput::new()
        .append("[[order-extensions]]\n[[order-extensions.group]]\nid = \"acme/ext\"\nversion = \"9\"\n");
    input.refuse_at("version = \"9\"", &["no extension is `acme/ext@9`"]);
}

#[test]
fn kinds_are_told_apart() {
    // a buildpack is no extension, and the other way round
    let input = BuilderInput::new().extension();
    let input = input.replace(
        "[[order-extensions.group]]\nid = \"acme/ext\"",
        "[[order-extensions.group]]\nid = \"acme/one\"",
    );
    input.refuse(&["no extension is `acme/one`"]);
    let input = BuilderInput::new()
        .extension()
        .replace("id = \"acme/two\"", "id = \"acme/ext\"");
    input.refuse(&["no buildpack is `acme/ext`"]);
}

#[test]
fn extensions_of_several_versions() {
    let input = BuilderInput::new()
        .extension()
        .append("[[extensions]]\nuri = \"newer\"\n");
    extension(&input.sandbox, "newer", "acme/ext", "1.1.0");
    let run = input.refuse(&["several versions of `acme/ext`"]);
    run.stderr_has("1.0.0").stderr_has("1.1.0");
    let input = BuilderInput::new()
        .extension()
        .append("version = \"1.1.0\"\n\n[[extensions]]\nuri = \"newer\"\n");
    let input = BuilderInput {
        toml: input.toml.replace("\n\nversion", "\nversion"),
        ..input
    };
    extension(&input.sandbox, "newer", "acme/ext", "1.1.0");
    let built = input.created(&[]).without_warnings();
    let order = shown_order(&built.json_label("linux/amd64", ORDER_EXTENSIONS));
    assert_eq!(order, "acme/ext@1.1.0");
}

#[test]
fn buildpacks_of_the_system() {
    for key in ["pre", "post"] {
        let table = |entry: &str| format!("[system]\n[[system.{key}.buildpacks]]\n{entry}\n");
        let input = BuilderInput::new().append(&table("id = \"acme/none\""));
        input.refuse_at("acme/none", &["no buildpack is `acme/none`"]);
        let input = BuilderInput::new().append(&table("id = \"acme/one\"\nversion = \"9\""));
        input.refuse_at("version = \"9\"", &["no buildpack is `acme/one@9`"]);
        // what only the system uses need be in no order
        let input = BuilderInput::new()
            .buildpack("uri = \"three\"")
            .append(&table("id = \"acme/three\""));
        leaf(&input.sandbox, "three", "acme/three@3.0.0", &BOTH);
        let built = input.created(&[]).without_warnings();
        let toml = built.file("linux/amd64", "/cnb/system.toml");
        assert!(toml.contains("version = \"3.0.0\""), "{toml}");
    }
    let input = two_versions()
        .replace("id = \"acme/two\"", "id = \"acme/two\"\nversion = \"2.1.0\"")
        .append("[[system.pre.buildpacks]]\nid = \"acme/two\"\n");
    input.refuse(&["several versions of `acme/two`"]);
}

#[test]
fn optional_entries_are_checked_too() {
    let input = BuilderInput::new().replace("id = \"acme/two\"", "id = \"acme/none\"");
    assert!(input.toml.contains("optional = true"));
    input.refuse(&["acme/none"]);
}

#[test]
fn what_a_composite_needs() {
    let input = BuilderInput::new().buildpack("uri = \"comp\"");
    composite(
        &input.sandbox,
        "comp",
        "acme/comp@1.0.0",
        &[&["acme/one@1.0.0", "acme/three@3.0.0"]],
    );
    let run = input.refuse(&["acme/comp@1.0.0", "acme/three@3.0.0"]);
    run.stderr_lacks("acme/one@1.0.0` is");
}

#[test]
fn a_buildpack_that_no_order_needs_is_in_the_builder_all_the_same() {
    let input = BuilderInput::new().buildpack("uri = \"three\"");
    leaf(&input.sandbox, "three", "acme/three@3.0.0", &BOTH);
    let built = input.created(&[]);
    assert_eq!(built.listed("linux/amd64").last().unwrap(), "acme/three@3.0.0");
}

#[test]
fn all_entries_at_once() {
    let input = BuilderInput::new()
        .replace(
            "id = \"acme/one\"\nversion = \"1.0.0\"",
            "id = \"acme/none\"\nversion = \"1.0.0\"",
        )
        .replace("id = \"acme/two\"", "id = \"acme/neither\"")
        .append("[[order-extensions]]\n[[order-extensions.group]]\nid = \"acme/nor\"\n")
        .append("[[system.post.buildpacks]]\nid = \"acme/any\"\n");
    let run = input.refuse(&[
        "no buildpack is `acme/none@1.0.0`",
        "no buildpack is `acme/neither`",
        "no extension is `acme/nor`",
        "no buildpack is `acme/any`",
    ]);
    for part in ["acme/none", "acme/neither", "acme/nor", "acme/any"] {
        let line = input
            .toml
            .lines()
            .position(|line| line == format!("id = \"{part}\""))
            .unwrap()
            + 1;
        crate::support::refused::points_into(&run, "builder.toml", line - 1..=line + 1);
    }
}
