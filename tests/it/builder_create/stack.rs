//! `[stack]`, which is deprecated, the stack of the build image, and mixins.

use serde_json::json;

use crate::support::builder::{BUILD, BuilderInput, METADATA, RUN};
use crate::support::composites::{BOTH, leaf_toml, rooted_leaf};

const STACK: &str = "[stack]\nid = \"acme.stack\"\n";
const STACK_ID: &str = "io.buildpacks.stack.id";
const MIXINS: &str = "io.buildpacks.stack.mixins";
const BUILD_TABLE: &str = "[build]\nimage = \"registry.test/base/build:1\"\n";
const RUN_TABLES: &str = "[run]\n[[run.images]]\nimage = \"registry.test/base/run:1\"\n";

/// A builder with this `[stack]`, of images that are of it.
fn with(stack: &str) -> BuilderInput {
    let mut input = BuilderInput::new().append(stack).build_label(STACK_ID, "acme.stack");
    for platform in input.run["platforms"].as_array_mut().unwrap() {
        platform["config"]["Labels"][STACK_ID] = "acme.stack".into();
    }
    input
}

/// A builder on a base of a stack, with a buildpack that lists stacks.
fn with_stacks(stacks: &str) -> BuilderInput {
    let input = BuilderInput::new().build_label(STACK_ID, "acme.stack");
    rooted_leaf(&input.sandbox, "one", "acme/one@1.0.0", stacks);
    input
}

#[test]
fn is_deprecated() {
    let built = with(STACK).created(&[]).warned(&["stack", "deprecated"]);
    let metadata = built.json_label("linux/amd64", METADATA);
    assert_eq!(metadata["stack"], json!({"runImage": {"image": RUN, "mirrors": null}}));
    assert_eq!(metadata["images"], json!([{"image": RUN, "mirrors": null}]));
    with(STACK).refused(&["--strict"]).stderr_has("deprecated");
}

#[test]
fn says_images_in_place_of_the_other_tables() {
    let table = format!(
        "{STACK}build-image = \"{BUILD}\"\nrun-image = \"{RUN}\"\nrun-image-mirrors = [\"mirror.test/run:1\"]\n"
    );
    let input = with(&table).replace(BUILD_TABLE, "").replace(RUN_TABLES, "");
    let built = input.created(&[]).warned(&["stack", "deprecated"]);
    for platform in BOTH {
        let image = json!({"image": RUN, "mirrors": ["mirror.test/run:1"]});
        let metadata = built.json_label(platform, METADATA);
        assert_eq!(metadata["stack"], json!({ "runImage": image }));
        assert_eq!(metadata["images"], json!([image]));
        let lines = format!("  image = \"{RUN}\"\n  mirrors = [\"mirror.test/run:1\"]\n");
        assert_eq!(built.file(platform, "/cnb/stack.toml"), format!("[run-image]\n{lines}"));
        assert_eq!(built.file(platform, "/cnb/run.toml"), format!("[[images]]\n{lines}"));
    }
}

#[test]
fn the_same_is_no_conflict() {
    let table = format!("{STACK}build-image = \"{BUILD}\"\nrun-image = \"{RUN}\"\n");
    with(&table).created(&[]);
}

#[test]
fn a_conflict() {
    for (line, part) in [
        ("build-image = \"registry.test/other/build:1\"", "other/build"),
        ("run-image = \"registry.test/other/run:1\"", "other/run"),
    ] {
        let input = with(&format!("{STACK}{line}\n"));
        input.refuse_at(part, &[&format!("registry.test/{part}:1"), "stack"]);
    }
}

#[test]
fn without_run_images_it_needs_both() {
    for (table, missing) in [
        ("[stack]\nid = \"acme.stack\"\n", "run"),
        ("[stack]\nrun-image = \"registry.test/base/run:1\"\n", "stack.id"),
    ] {
        with(table).replace(RUN_TABLES, "").refuse(&["builder.toml", missing]);
    }
}

#[test]
fn is_that_of_the_build_image() {
    let input = BuilderInput::new().append(STACK).build_label(STACK_ID, "other.stack");
    input.refuse(&["acme.stack", "other.stack", "stack"]);
    // or has none
    let input = BuilderInput::new().append(STACK);
    input.refuse(&["acme.stack", "stack"]);
}

#[test]
fn is_that_of_the_run_image() {
    // as in pack
    for (id, part) in [("other.stack", "other.stack"), ("", "acme.stack")] {
        let mut input = with(STACK);
        for platform in input.run["platforms"].as_array_mut().unwrap() {
            platform["config"]["Labels"][STACK_ID] = id.into();
        }
        input.refuse(&[RUN, "linux/arm64", "acme.stack", part]);
    }
}

#[test]
fn without_an_id() {
    let input = BuilderInput::new()
        .append("[stack]\n")
        .build_label(STACK_ID, "other.stack");
    let built = input.created(&[]).warned(&["deprecated"]);
    let metadata = built.json_label("linux/amd64", METADATA);
    assert_eq!(metadata["stack"], json!({"runImage": {"image": "", "mirrors": null}}));
    assert_eq!(built.label("linux/amd64", STACK_ID), "other.stack");
}

#[test]
fn a_module_for_another_stack() {
    let input = with_stacks("\n[[stacks]]\nid = \"other.stack\"\n");
    input.refuse(&["acme/one@1.0.0", "acme.stack"]);
}

#[test]
fn a_module_for_this_stack_or_any() {
    for stacks in [
        "\n[[stacks]]\nid = \"acme.stack\"\n",
        "\n[[stacks]]\nid = \"*\"\n",
        "\n[[stacks]]\nid = \"other.stack\"\n\n[[stacks]]\nid = \"acme.stack\"\n",
    ] {
        with_stacks(stacks).created(&[]);
    }
}

#[test]
fn mixins_that_the_base_does_not_have() {
    let stacks = "\n[[stacks]]\nid = \"acme.stack\"\nmixins = [\"git\", \"build:make\", \"run:curl\"]\n";
    let input = with_stacks(stacks).build_label(MIXINS, "[\"git\"]");
    let run = input.refuse(&["acme/one@1.0.0", "build:make"]);
    // of the run image it is not known here
    run.stderr_lacks("run:curl");
    let input = with_stacks(stacks).build_label(MIXINS, "[\"build:make\", \"git\"]");
    let built = input.created(&[]);
    assert_eq!(built.label("linux/amd64", MIXINS), "[\"build:make\",\"git\"]");
}

#[test]
fn mixins_of_the_base_are_in_the_label() {
    let input = BuilderInput::new().build_label(MIXINS, "[\"z\", \"a\",\n\"build:<m>\"]");
    let built = input.created(&[]).without_warnings();
    assert_eq!(
        built.label("linux/amd64", MIXINS),
        "[\"z\",\"a\",\"build:\\u003cm\\u003e\"]"
    );
    let built = BuilderInput::new().created(&[]);
    assert_eq!(built.label("linux/amd64", MIXINS), "null");
}

#[test]
fn labels_that_are_no_lists() {
    for mixins in ["git", "{}", "[1]", "\"git\""] {
        let run = BuilderInput::new().build_label(MIXINS, mixins).run_into("out.oci", &[]);
        assert!(run.code == 0 || run.stderr.contains(MIXINS), "{mixins}{run}");
        run.stderr_lacks("panicked");
    }
}

#[test]
fn stacks_of_modules_are_in_the_label() {
    let toml = leaf_toml("acme/one@1.0.0", &[]) + "\n[[stacks]]\nid = \"*\"\n";
    let input = BuilderInput::new().build_label(STACK_ID, "acme.stack");
    rooted_leaf(&input.sandbox, "one", "acme/one@1.0.0", "");
    input.sandbox.write("one/buildpack.toml", toml);
    let built = input.created(&[]);
    let layers = built.json_label("linux/amd64", crate::support::builder::LAYERS);
    assert_eq!(layers["acme/one"]["1.0.0"]["stacks"], json!([{"id": "*"}]));
}
