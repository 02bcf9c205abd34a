//! Every module fits the target and the lifecycle, and is what its entry says.

use crate::support::builder::{BuilderInput, LIFECYCLE_TOML, TWO};
use crate::support::composites::{BOTH, composite, head, leaf, leaf_toml, rooted_leaf, targets_toml};
use crate::support::tree::SCRIPT;

/// A builder with another `buildpack.toml` in `one`.
fn with_toml(toml: &str) -> BuilderInput {
    let input = BuilderInput::new();
    input.sandbox.write("one/buildpack.toml", toml);
    input
}

#[test]
fn an_id_or_a_version_that_differs() {
    for (entry, part) in [
        ("id = \"acme/x\"", "acme/x"),
        ("version = \"1.0.1\"", "1.0.1"),
        ("id = \"acme/one\"\nversion = \"1\"", "version = \"1\""),
        ("id = \"acme/x\"\nversion = \"9\"", "acme/x"),
    ] {
        let input = BuilderInput::new().replace("uri = \"one\"", &format!("uri = \"one\"\n{entry}"));
        // what it is, and where it was expected to be something else
        input.refuse_at(part, &["acme/one@1.0.0"]);
    }
    let entry = "uri = \"one\"\nid = \"acme/one\"\nversion = \"1.0.0\"";
    let built = BuilderInput::new().replace("uri = \"one\"", entry).created(&[]);
    assert_eq!(built.without_warnings().digest(), *super::FROM_FOLDERS);
}

#[test]
fn an_id_of_an_extension_that_differs() {
    let input = BuilderInput::new()
        .extension()
        .replace("uri = \"ext\"", "uri = \"ext\"\nid = \"acme/other\"");
    input.refuse_at("acme/other", &["acme/ext@1.0.0"]);
}

#[test]
fn an_api_that_the_lifecycle_does_not_have() {
    for api in ["0.12", "0.6", "1.0"] {
        let toml = leaf_toml("acme/one@1.0.0", &BOTH).replace("0.10", api);
        let run = with_toml(&toml).refuse(&["acme/one@1.0.0", &format!("API {api}"), "lifecycle", "linux/amd64"]);
        // what it has
        run.stderr_has("0.11");
    }
}

#[test]
fn deprecated_apis_are_apis() {
    let toml = leaf_toml("acme/one@1.0.0", &BOTH).replace("0.10", "0.7");
    with_toml(&toml).created(&[]);
}

#[test]
fn the_lifecycle_of_one_target_has_it() {
    let mut input = with_toml(&leaf_toml("acme/one@1.0.0", &BOTH).replace("0.10", "0.12"));
    for (path, lifecycle) in &mut input.lifecycles {
        if path.contains("x86-64") {
            lifecycle.toml = LIFECYCLE_TOML.replacen("\"0.11\"", "\"0.11\", \"0.12\"", 1);
        }
    }
    input.refuse(&["acme/one@1.0.0", "API 0.12", "linux/arm64"]);
    let input = BuilderInput {
        toml: BuilderInput::amd64().toml,
        ..input
    };
    input.created(&[]).without_warnings();
}

#[test]
fn an_api_of_an_extension() {
    let input = BuilderInput::new().extension();
    let toml = "api = \"0.12\"\n\n[extension]\nid = \"acme/ext\"\nversion = \"1.0.0\"\n";
    input.sandbox.write("ext/extension.toml", toml);
    input.refuse(&["acme/ext@1.0.0", "API 0.12", "lifecycle"]);
}

#[test]
fn an_api_of_a_composite() {
    let input = BuilderInput::new().buildpack("uri = \"comp\"");
    composite(&input.sandbox, "comp", "acme/comp@1.0.0", &[&["acme/one@1.0.0"]]);
    let toml = std::fs::read_to_string(input.sandbox.join("comp/buildpack.toml")).unwrap();
    input.sandbox.write("comp/buildpack.toml", toml.replace("0.10", "0.12"));
    input.refuse(&["acme/comp@1.0.0", "API 0.12"]);
}

#[test]
fn a_target_that_it_is_not_for() {
    let input = BuilderInput::new();
    rooted_leaf(
        &input.sandbox,
        "only",
        "acme/one@1.0.0",
        &targets_toml(&["linux/amd64"]),
    );
    let input = input.replace("uri = \"one\"", "uri = \"only\"");
    input.refuse(&["acme/one@1.0.0", "linux/arm64"]);
    let input = BuilderInput {
        toml: input
            .toml
            .replace("\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n", ""),
        ..input
    };
    input.created(&[]).without_warnings();
}

#[test]
fn an_extension_for_another_target() {
    let input = BuilderInput::new().extension();
    let toml = "api = \"0.10\"\n\n[extension]\nid = \"acme/ext\"\nversion = \"1.0.0\"\n";
    input
        .sandbox
        .write("ext/extension.toml", toml.to_owned() + &targets_toml(&["linux/amd64"]));
    input.refuse(&["acme/ext@1.0.0", "linux/arm64"]);
}

#[test]
fn a_variant_that_it_is_not_for() {
    let input = BuilderInput::new();
    rooted_leaf(
        &input.sandbox,
        "only",
        "acme/one@1.0.0",
        &targets_toml(&["linux/amd64", "linux/arm64/v9"]),
    );
    let mut input = input.replace("uri = \"one\"", "uri = \"only\"");
    input.build["platforms"][1]["variant"] = "v8".into();
    input.run["platforms"][1]["variant"] = "v8".into();
    input.refuse(&["acme/one@1.0.0", "linux/arm64"]);
}

#[test]
fn parts_that_are_not_said_are_any() {
    for targets in ["", "\n[[targets]]\n", "\n[[targets]]\nos = \"linux\"\n"] {
        let input = BuilderInput::new();
        rooted_leaf(&input.sandbox, "any", "acme/one@1.0.0", targets);
        let built = input.replace("uri = \"one\"", "uri = \"any\"").created(&[]);
        for platform in BOTH {
            let which = built.file(platform, "/cnb/buildpacks/acme_one/1.0.0/which");
            assert_eq!(which, "acme/one@1.0.0 for any\n", "{targets:?}");
        }
    }
}

#[test]
fn a_folder_that_is_missing() {
    let input = BuilderInput::new();
    std::fs::remove_dir_all(input.sandbox.join("two/linux/arm64")).unwrap();
    input.refuse(&["two", "linux/arm64", "linux/amd64"]);
}

#[test]
fn extensions_need_a_new_lifecycle() {
    let mut input = BuilderInput::new().extension();
    for lifecycle in input.lifecycles.values_mut() {
        lifecycle.toml = LIFECYCLE_TOML.replace(", \"0.13\"]", "]");
    }
    let run = input.refuse(&["Platform API 0.13", "linux/amd64"]);
    run.stderr_has("0.20.1").stderr_has("0.12").stderr_has("linux/arm64");
    // without one an older lifecycle does
    let mut input = BuilderInput::new();
    for lifecycle in input.lifecycles.values_mut() {
        lifecycle.toml = LIFECYCLE_TOML.replace(", \"0.13\"]", "]");
    }
    input.created(&[]).without_warnings();
    // and 0.14 is more than 0.13
    let mut input = BuilderInput::new().extension();
    for lifecycle in input.lifecycles.values_mut() {
        lifecycle.toml = LIFECYCLE_TOML.replace("\"0.13\"]", "\"0.14\"]");
    }
    input.created(&[]).without_warnings();
}

#[test]
fn one_module_with_two_contents() {
    let input = BuilderInput::new().buildpack("uri = \"again\"");
    leaf(&input.sandbox, "again", TWO, &BOTH);
    input.sandbox.write("again/linux/amd64/more", "more\n");
    input.refuse(&["acme/two@2.0.0", "again"]);
}

#[test]
fn one_module_named_twice() {
    // the same content: one layer
    let built = BuilderInput::new().buildpack("uri = \"./two\"").created(&[]);
    assert_eq!(built.digest(), *super::FROM_FOLDERS);
}

#[test]
fn warnings_of_modules_are_told() {
    let input = with_toml(&(leaf_toml("acme/one@1.0.0", &BOTH) + "\n[strange]\nkey = 1\n"));
    input.created(&[]).warned(&["strange", "one/buildpack.toml"]);
    let input = BuilderInput::new();
    std::fs::remove_file(input.sandbox.join("two/linux/arm64/bin/detect")).unwrap();
    input.created(&[]).warned(&["bin/detect"]);
}

#[test]
fn faults_of_modules_are_told_with_their_lines() {
    let input = with_toml(&(head("acme/one@1.0.0") + "\n[[targets]]\nos = \"linux\"\narch = \"zzz\"\n"));
    let two = leaf_toml(TWO, &BOTH).replace("2.0.0", "two point 0/x");
    input.sandbox.write("two/buildpack.toml", two);
    let run = input.refuse(&["one/buildpack.toml", "zzz", "two/buildpack.toml"]);
    crate::support::refused::points_at(&run, "one/buildpack.toml", 9);
    crate::support::refused::points_at(&run, "two/buildpack.toml", 5);
}

#[test]
fn a_link_that_leads_out() {
    let input = BuilderInput::new();
    input.sandbox.write("secret", "secret\n");
    input.sandbox.symlink("one/linux/amd64/link", "../../../secret");
    input.refuse(&["link", "one"]);
}

#[test]
fn scripts_keep_their_modes() {
    let input = BuilderInput::new();
    input.sandbox.write_mode("one/linux/amd64/bin/build", SCRIPT, 0o600);
    let built = input.created(&[]);
    let layer = built.layer("linux/amd64", "acme_one@1.0.0");
    let script = layer
        .entries
        .iter()
        .find(|entry| entry.name().ends_with("bin/build"))
        .unwrap();
    assert_eq!(script.mode, 0o755);
}
