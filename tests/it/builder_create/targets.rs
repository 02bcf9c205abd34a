//! What a builder is made for: the targets of the file, those of the command line, and what can be none.

use super::FROM_FOLDERS;
use crate::support::builder::BuilderInput;
use crate::support::composites::rooted_leaf;

const BOTH_TABLES: &str =
    "\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n";

#[test]
fn those_of_the_command_line_count() {
    let input = BuilderInput::new();
    let built = input.created(&["--target", "linux/arm64"]).without_warnings();
    assert_eq!(built.0.index.platforms(), ["linux/arm64"]);
    // in the order in which they are given, and as one word
    for args in [
        &["-t", "linux/arm64", "-t", "linux/amd64"][..],
        &["--target", "linux/arm64,linux/amd64"],
    ] {
        let built = BuilderInput::new().created(args).without_warnings();
        assert_eq!(built.0.index.platforms(), ["linux/arm64", "linux/amd64"]);
    }
    let args = ["-t", "linux/amd64", "-t", "linux/arm64"];
    let built = BuilderInput::new()
        .replace(BOTH_TABLES, "")
        .created(&args)
        .without_warnings();
    assert_eq!(built.digest(), *FROM_FOLDERS);
}

/// A builder of one buildpack that is for any target, with these targets.
fn of_any(targets: &str) -> BuilderInput {
    let input = BuilderInput::new()
        .replace(BOTH_TABLES, targets)
        .replace("uri = \"one\"", "uri = \"any\"")
        .replace("[[buildpacks]]\nuri = \"two\"\n", "")
        .replace("[[order.group]]\nid = \"acme/two\"\noptional = true\n", "");
    rooted_leaf(&input.sandbox, "any", "acme/one@1.0.0", "");
    input
}

#[test]
fn none_is_amd64_with_a_warning() {
    let built = of_any("").created(&[]).warned(&["--target", "linux/amd64"]);
    assert_eq!(built.0.index.platforms(), ["linux/amd64"]);
    let amd64 = of_any("").created(&["-t", "linux/amd64"]).without_warnings();
    assert_eq!(built.digest(), amd64.digest());
    of_any("").refused(&["--strict"]).stderr_has("--target");
}

#[test]
fn one_of_a_system_alone() {
    let built = of_any("\n[[targets]]\nos = \"linux\"\n")
        .created(&[])
        .warned(&["--target"]);
    assert_eq!(built.0.index.platforms(), ["linux/amd64"]);
}

#[test]
fn none_with_folders_for_platforms() {
    // the folder of amd64, or an error that says how a target is given
    let run = BuilderInput::new().replace(BOTH_TABLES, "").run_into("out.oci", &[]);
    if run.code == 0 {
        let amd64 = BuilderInput::amd64().created(&[]);
        assert_eq!(run.digest(), amd64.digest());
    } else {
        run.failed(1).stderr_has("--target").stderr_has("linux/amd64");
    }
}

#[test]
fn the_same_twice() {
    let input = BuilderInput::new().replace("arch = \"arm64\"", "arch = \"amd64\"");
    let run = input.refuse(&["linux/amd64", "is there twice"]);
    let line = input.toml.lines().count();
    crate::support::refused::points_into(&run, "builder.toml", line - 2..=line);
    let input = BuilderInput::new();
    for args in [
        &["-t", "linux/amd64", "-t", "linux/amd64"][..],
        &["-t", "linux/arm64", "-t", "linux/amd64", "-t", "linux/arm64"],
    ] {
        input.refused(args).stderr_has("twice");
    }
}

#[test]
fn what_nobody_knows() {
    let input = BuilderInput::new().replace("arch = \"arm64\"", "arch = \"aarch64\"");
    let run = input.refuse_at("aarch64", &["aarch64"]);
    crate::support::refused::hints(&run, "arm64");
    BuilderInput::new().refused(&["-t", "linux/zzz"]).stderr_has("zzz");
}

#[test]
fn windows_is_no_target() {
    let input = BuilderInput::new();
    for target in ["windows/amd64", "windows"] {
        input.refused(&["-t", target]).stderr_has("windows");
    }
    let input = BuilderInput::new().replace("os = \"linux\"\narch = \"arm64\"", "os = \"windows\"\narch = \"amd64\"");
    input.refuse_at("windows", &["windows"]);
}

#[test]
fn what_nobody_knows_may_be_allowed() {
    // of a base, a run image and a lifecycle for it
    let mut input = BuilderInput::new()
        .replace(BOTH_TABLES, "\n[[targets]]\nos = \"linux\"\narch = \"zzz\"\n")
        .replace("uri = \"one\"", "uri = \"any\"")
        .replace("[[buildpacks]]\nuri = \"two\"\n", "")
        .replace("[[order.group]]\nid = \"acme/two\"\noptional = true\n", "")
        .replace("uri = \"lifecycle\"", "uri = \"scripts.tgz\"");
    rooted_leaf(&input.sandbox, "any", "acme/one@1.0.0", "");
    input.build = crate::support::builder::image_spec("build", &["zzz"]);
    input.run = crate::support::builder::image_spec("run", &["zzz"]);
    let scripts = crate::support::builder::Lifecycle::of_scripts("zzz");
    input.sandbox.write("scripts.tgz", scripts.tgz());
    input.refused(&[]).stderr_has("zzz");
    let built = input.created(&["--allow-unknown-target"]);
    assert_eq!(built.0.index.platforms(), ["linux/zzz"]);
}

#[test]
fn the_index_has_them_in_the_order_of_the_file() {
    let swapped = "\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n";
    let built = BuilderInput::new()
        .replace(BOTH_TABLES, swapped)
        .created(&[])
        .without_warnings();
    assert_eq!(built.0.index.platforms(), ["linux/arm64", "linux/amd64"]);
    assert_ne!(built.digest(), *FROM_FOLDERS);
}

#[test]
fn an_image_is_the_same_whatever_the_others_are() {
    let both = BuilderInput::new().created(&[]);
    let one = BuilderInput::amd64().created(&[]);
    let digest = |built: &crate::support::builder::Built| built.image("linux/amd64").descriptor["digest"].clone();
    assert_eq!(digest(&both), digest(&one));
}
