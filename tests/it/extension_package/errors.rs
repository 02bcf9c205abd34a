//! Faults in `extension.toml` and in the files of an extension.

use super::{HEAD, descriptor, refused, sandbox, sandbox_with, tree};
use crate::support::Sandbox;
use crate::support::refused::points_at;
use crate::support::tree::SCRIPT;

/// With this `extension.toml` nothing is packaged; the fault is in this line, if it is in one.
#[track_caller]
fn check(toml: &str, line: Option<usize>, says: &[&str]) {
    let run = refused(&sandbox_with(&tree(toml)), &["--path", "ext"]);
    run.stderr_has("extension.toml");
    for text in says {
        run.stderr_has(text);
    }
    if let Some(line) = line {
        points_at(&run, "extension.toml", line);
    }
}

#[test]
fn bad_toml() {
    check("api = \"0.10\n", Some(1), &[]);
    check("", None, &["api", "id", "version"]);
}

#[test]
fn keys_that_are_missing() {
    let without = |line: &str| descriptor(&["linux/amd64"]).replace(line, "");
    check(&without("api = \"0.10\"\n"), None, &["api"]);
    check(&without("id = \"acme/ext\"\n"), None, &["id"]);
    check(&without("version = \"1.0.0\"\n"), None, &["version"]);
}

#[test]
fn values_that_can_not_be() {
    let with = |old: &str, new: &str| descriptor(&["linux/amd64"]).replace(old, new);
    for id in ["", "a b", "acme/../ext", "app", "config", "generated", "sbom", "ä"] {
        check(&with("acme/ext", id), Some(4), &["id"]);
    }
    for version in ["", "1/0", "..", "a b/../c"] {
        check(&with("1.0.0", version), Some(5), &["version"]);
    }
    for api in ["", "x", "1.2.3"] {
        check(&with("0.10", api), Some(1), &["api"]);
    }
    check(&with("amd64", "x86_64"), Some(9), &["x86_64", "amd64"]);
    check(&with("id = \"acme/ext\"", "id = 5"), Some(4), &["id"]);
}

#[test]
fn all_at_once() {
    let toml = "api = \"x\"\n\n[extension]\nid = \"a b\"\nversion = 5\n";
    for line in [1, 4, 5] {
        check(toml, Some(line), &[]);
    }
}

#[test]
fn an_extension_toml_of_a_platform_folder_that_is_another() {
    let sandbox = sandbox();
    let other = descriptor(&["linux/amd64"]).replace("1.0.0", "2.0.0");
    sandbox.write("ext/linux/amd64/extension.toml", &other);
    let run = refused(&sandbox, &["--path", "ext"]);
    run.stderr_has("linux/amd64/extension.toml").stderr_has("2.0.0");
}

#[test]
fn a_pipe() {
    let sandbox = sandbox();
    let made = sandbox.command("mkfifo").arg("ext/linux/amd64/pipe").status().unwrap();
    assert!(made.success());
    refused(&sandbox, &["--path", "ext"]).stderr_has("linux/amd64/pipe");
}

#[test]
fn a_link_that_leads_out_of_the_extension() {
    let sandbox = sandbox();
    sandbox.write("secret", "secret\n");
    sandbox.symlink("ext/linux/amd64/link", "../../../secret");
    refused(&sandbox, &["--path", "ext"]).stderr_has("linux/amd64/link");
}

#[test]
fn shared_files_that_are_not_there() {
    let sandbox = sandbox();
    sandbox.write("ext/airpack.toml", "shared = [\"lib\"]\n");
    let run = refused(&sandbox, &["--path", "ext"]);
    run.stderr_has("lib");
    points_at(&run, "airpack.toml", 1);
}

#[test]
fn no_folder_for_any_target() {
    let toml = descriptor(&["linux/amd64"]);
    let sandbox: Sandbox = sandbox_with(&[
        ("extension.toml", &toml),
        ("linux/arm64/bin/generate", SCRIPT),
        ("linux/s390x/bin/generate", SCRIPT),
    ]);
    refused(&sandbox, &["--path", "ext"])
        .stderr_has("linux/amd64")
        .stderr_has("linux/arm64")
        .stderr_has("linux/s390x");
}

#[test]
fn a_head_is_sound() {
    // or the tests above would test nothing
    super::packaged(&tree(HEAD), &[]);
}
