//! Where two rules meet: what one of them says holds beside the other.

use serde_json::json;

use super::on_a_builder::{added, on};
use crate::support::builder::{BuilderInput, LAYERS, Lifecycle, METADATA, RUN, released};
use crate::support::composites::BOTH;
use crate::support::tar_maker::Member;

const LIFECYCLE: &str = "[lifecycle]\nuri = \"lifecycle\"\n";
const TARGETS: &str =
    "[[targets]]\nos = \"linux\"\narch = \"amd64\"\n\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n";

#[test]
fn a_target_that_says_too_little_is_the_usual_one_for_modules_too() {
    // `one` and `two` have folders for both architectures
    for (targets, flags) in [
        ("", &[][..]),
        ("[[targets]]\nos = \"linux\"\n", &[]),
        (TARGETS, &["-t", "linux"]),
    ] {
        let input = BuilderInput::new().replace(TARGETS, targets);
        let built = input.created(flags).warned(&["linux/amd64"]);
        assert_eq!(built.modules("linux/amd64"), ["acme/one@1.0.0", "acme/two@2.0.0"]);
    }
    let input = BuilderInput::new().replace(TARGETS, "");
    let only = "[[modules]]\nid = \"acme/two\"\ntargets = [\"linux/amd64\"]\n";
    input.sandbox.write("airpack.toml", only);
    let built = input.created(&[]);
    assert_eq!(built.modules("linux/amd64"), ["acme/one@1.0.0", "acme/two@2.0.0"]);
}

#[test]
fn lifecycles_that_are_not_said_for_a_target_are_told_apart_by_their_programs() {
    let mut input = BuilderInput::new().replace(LIFECYCLE, "");
    input.lifecycles = ["amd64", "arm64"]
        .map(|architecture| (format!("{architecture}.tgz"), Lifecycle::new(architecture)))
        .into();
    let flags = ["--lifecycle", "arm64.tgz", "--lifecycle", "amd64.tgz"];
    let digest = input.created(&flags).without_warnings().digest().to_owned();
    assert_eq!(digest, *super::FROM_FOLDERS);

    let mut input = BuilderInput::new().replace(LIFECYCLE, "");
    input.lifecycles = ["a.tgz", "b.tgz"]
        .map(|path| (path.to_owned(), Lifecycle::new("amd64")))
        .into();
    let run = input.refused(&["--lifecycle", "a.tgz", "--lifecycle", "b.tgz"]);
    run.stderr_has("more than one").stderr_has("linux/amd64");
    run.stderr_has("none of").stderr_has("linux/arm64");
}

#[test]
fn the_closest_target_of_a_lifecycle_counts_wherever_it_stands() {
    let mut input = BuilderInput::new().replace(LIFECYCLE, "");
    input.lifecycles = ["amd64", "arm64"]
        .map(|architecture| (format!("{architecture}.tgz"), Lifecycle::new(architecture)))
        .into();
    let flags = ["--lifecycle", "linux=arm64.tgz", "--lifecycle", "linux/amd64=amd64.tgz"];
    let digest = input.created(&flags).without_warnings().digest().to_owned();
    assert_eq!(digest, *super::FROM_FOLDERS);
}

#[test]
fn a_fifo_is_no_lifecycle() {
    let input = BuilderInput::new();
    let fifo = input.sandbox.join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    input
        .refused(&["--lifecycle", "fifo"])
        .stderr_has("neither a file nor a folder");
}

#[test]
fn programs_that_links_only_promise() {
    let mut input = BuilderInput::new();
    for lifecycle in input.lifecycles.values_mut() {
        lifecycle.members.retain(|member| member.path != "lifecycle/lifecycle");
        lifecycle.members.retain(|member| member.path != "lifecycle/launcher");
        lifecycle
            .members
            .push(Member::symlink("lifecycle/launcher", "lifecycle"));
    }
    input.refuse(&["lacks", "launcher", &released("amd64")]);
}

#[test]
fn what_only_the_image_below_has_can_be_left_out() {
    for listed in [true, false] {
        let mut second = BuilderInput::new();
        if !listed {
            second = second.replace("[[buildpacks]]\nuri = \"two\"\n\n", "");
        }
        let only = "[[modules]]\nid = \"acme/two\"\ntargets = [\"linux/amd64\"]\n";
        second.sandbox.write("airpack.toml", only);
        let built = on(&BuilderInput::new(), second).created(&[]);
        assert_eq!(built.modules("linux/amd64"), ["acme/one@1.0.0", "acme/two@2.0.0"]);
        assert_eq!(built.modules("linux/arm64"), ["acme/one@1.0.0"], "listed: {listed}");
        assert_eq!(built.listed("linux/arm64"), ["acme/one@1.0.0"]);
        assert!(built.json_label("linux/arm64", LAYERS)["acme/two"].is_null());
        assert!(
            added(&built, "linux/arm64").iter().any(|kind| kind.contains(".wh.")),
            "{:?}",
            added(&built, "linux/arm64")
        );
        assert_eq!(built.order("linux/arm64"), "acme/one@1.0.0");
    }
}

#[test]
fn a_group_that_is_below_in_one_layer_gets_none() {
    let flatten = ["--flatten", "acme/one@1.0.0,acme/two@2.0.0"];
    let first = BuilderInput::new();
    first.write();
    let second = BuilderInput::new();
    let layout = second.sandbox.join("first.oci");
    let mut args = vec![
        "builder",
        "create",
        "registry.test/acme/first:1",
        "--config",
        "builder.toml",
    ];
    args.extend([
        "--layout",
        layout.to_str().unwrap(),
        "--from",
        "base.oci",
        "--from",
        "run.oci",
    ]);
    args.extend(flatten);
    first.sandbox.airpack(&args).digest();
    let mut second = second.replace("registry.test/base/build:1", "registry.test/acme/first:1");
    second.from = vec!["first.oci".to_owned(), "run.oci".to_owned()];
    let built = second.created(&flatten);
    for platform in BOTH {
        let added = added(&built, platform);
        assert!(!added.iter().any(|kind| kind.contains("acme")), "{added:?}");
        assert_eq!(built.modules(platform), ["acme/one@1.0.0", "acme/two@2.0.0"]);
    }
}

#[test]
fn buildpacks_and_extensions_share_no_layer() {
    let input = BuilderInput::new().extension();
    let run = input.refused(&["--flatten", "acme/one@1.0.0,acme/ext@1.0.0"]);
    run.stderr_has("acme/one@1.0.0,acme/ext@1.0.0").stderr_has("extensions");
    let built = BuilderInput::new().created(&["--flatten", "acme/one@1.0.0"]);
    built.warned(&["acme/one@1.0.0", "one module"]);
}

#[test]
fn faults_do_not_hide_each_other() {
    // no build image, no lifecycle, a module for another API, and a reference to nothing
    let input = BuilderInput::new()
        .replace("registry.test/base/build:1", "registry.test/none:1")
        .replace("id = \"acme/one\"\nversion = \"1.0.0\"", "id = \"acme/none\"")
        .replace(LIFECYCLE, "");
    input.refuse(&["registry.test/none:1", "no lifecycle is named", "`acme/none`"]);
    let input = BuilderInput::new()
        .configs(|config| config["User"] = "root".into())
        .replace("id = \"acme/two\"", "id = \"acme/none\"")
        .replace(LIFECYCLE, "");
    let toml = input.sandbox.join("one/buildpack.toml");
    let text = std::fs::read_to_string(&toml).unwrap();
    std::fs::write(&toml, text.replace("arch = \"arm64\"", "arch = \"s390x\"")).unwrap();
    input.refuse(&["root", "no lifecycle is named", "`acme/none`", "acme/one@1.0.0"]);
}

#[test]
fn what_can_not_be_opened_is_not_missed_again() {
    let input = BuilderInput::new().replace("uri = \"two\"", "uri = \"nowhere.tgz\"");
    let run = input.refuse(&["nowhere.tgz"]);
    run.stderr_lacks("no buildpack is");
}

#[test]
fn a_run_image_of_another_stack() {
    let stack = "[stack]\nid = \"acme.stack\"\n";
    let id = "io.buildpacks.stack.id";
    let mut input = BuilderInput::new().append(stack).build_label(id, "acme.stack");
    for platform in input.run["platforms"].as_array_mut().unwrap() {
        platform["config"]["Labels"] = json!({id: "acme.other"});
    }
    input.refuse(&[RUN, "acme.other", "acme.stack", "linux/arm64"]);
}

#[test]
fn a_run_image_that_does_not_say_what_it_is() {
    let mut input = BuilderInput::new();
    for platform in input.run["platforms"].as_array_mut().unwrap() {
        platform["layers"] = json!([[{"path": "etc/", "type": "dir"}]]);
    }
    input.created(&[]).warned(&[RUN, "linux/arm64", "ubuntu@24.04"]);
}

#[test]
fn a_name_that_layers_take_for_a_whiteout() {
    let env = "[[build.env]]\nname = \".wh..wh..opq\"\nvalue = \"1\"\n";
    BuilderInput::new()
        .append(env)
        .refuse_at(".wh..wh..opq", &["can not be the name of a variable"]);
}

#[test]
fn the_version_of_a_lifecycle_may_begin_with_v() {
    let input = BuilderInput::new().replace("uri = \"lifecycle\"", "version = \"v0.20.1\"");
    let built = input.created(&["--lifecycle-dir", "lifecycle"]).without_warnings();
    assert_eq!(
        built.json_label("linux/amd64", METADATA)["lifecycle"]["version"],
        "0.20.1"
    );
}
