//! What is told and forgiven, but not with `--strict`.

use super::with_descriptor;
use crate::support::Sandbox;
use crate::support::layout_view::LayoutView;
use crate::support::refused::{REFERENCE, names_line, refused};
use crate::support::snapshot::Snapshot;
use crate::support::tree::{HEAD, SCRIPT, Tree, descriptor, write_tree};

/// With a warning in this line the packaging succeeds; with `--strict` it does not.
#[track_caller]
fn check(tree: Tree<'_>, line: Option<usize>, says: &[&str]) {
    let sandbox = Sandbox::new();
    write_tree(&sandbox, "bp", tree);
    let out = Sandbox::new();
    let layout = out.join("out.oci");
    let layout = layout.to_str().unwrap();
    let source = Snapshot::of(sandbox.path());
    let args = ["buildpack", "package", REFERENCE, "--path", "bp", "--layout", layout];
    let run = sandbox.airpack(&args);
    run.digest();
    source.assert_unchanged("packaging");
    LayoutView::open(layout).check_whole();
    assert!(
        run.stderr.lines().any(|l| l.starts_with("warning: ")),
        "expected a warning{run}"
    );
    run.stderr_lacks("error: ");
    let strict = refused(&sandbox, &["--path", "bp", "--strict"]);
    for run in [&run, &strict] {
        for text in says {
            run.stderr_has(text);
        }
        if let Some(line) = line {
            names_line(run, "buildpack.toml", line);
        }
    }
}

/// A `buildpack.toml` beside sound executables.
#[track_caller]
fn check_toml(toml: &str, line: usize, says: &[&str]) {
    let tree = [("buildpack.toml", toml), ("bin/build", SCRIPT), ("bin/detect", SCRIPT)];
    check(&tree, Some(line), says);
}

const TARGET: &str = "\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n";

#[test]
fn nothing_to_warn_about() {
    let toml = "\
api = \"0.12\"

[buildpack]
id = \"acme/x\"
version = \"1.2.3\"
name = \"X\"
homepage = \"https://acme.test\"
description = \"d\"
keywords = [\"a\", \"b\"]
clear-env = true
exec-env = [\"production\"]
sbom-formats = [\"application/vnd.cyclonedx+json\", \"application/spdx+json\", \"application/vnd.syft+json\"]

[[buildpack.licenses]]
type = \"MIT\"
uri = \"https://acme.test/licence\"

[[targets]]
os = \"linux\"
arch = \"arm\"
variant = \"v7\"
path = \"seven\"

[[targets]]
os = \"linux\"
arch = \"amd64\"

[[targets.distros]]
name = \"ubuntu\"
version = \"24.04\"

[metadata]
anything = 1

[metadata.deep]
goes = { here = true }
";
    let sandbox = Sandbox::new();
    let tree = [
        ("buildpack.toml", toml),
        ("seven/bin/build", SCRIPT),
        ("seven/bin/detect", SCRIPT),
        ("linux/amd64/ubuntu@24.04/bin/build", SCRIPT),
        ("linux/amd64/ubuntu@24.04/bin/detect", SCRIPT),
    ];
    write_tree(&sandbox, "bp", &tree);
    let args = ["buildpack", "package", REFERENCE, "--path", "bp", "--layout", "out.oci"];
    let run = sandbox.airpack(&[&args[..], &["--strict"]].concat());
    run.digest();
    run.stderr_lacks("warning").stderr_lacks("error");
}

#[test]
fn unknown_keys() {
    check_toml(&format!("{HEAD}{TARGET}\n[whatever]\nx = 1\n"), 11, &["whatever"]);
    check_toml(&format!("{HEAD}nam = \"x\"\n{TARGET}"), 6, &["nam"]);
    check_toml(&format!("{HEAD}{TARGET}flavour = \"x\"\n"), 10, &["flavour"]);
    let distro = "[[targets.distros]]\nname = \"ubuntu\"\nversion = \"24.04\"\nversoin = \"1\"\n";
    check_toml(&format!("{HEAD}{TARGET}{distro}"), 13, &["versoin"]);
    let licence = "[[buildpack.licenses]]\ntype = \"MIT\"\nurl = \"x\"\n";
    check_toml(&format!("{HEAD}{licence}{TARGET}"), 8, &["url"]);
    check_toml(&format!("tpi = 1\n{HEAD}{TARGET}"), 1, &["tpi"]);
}

#[test]
fn every_unknown_key_is_named() {
    let toml = format!("{HEAD}one-wrong = 1\n{TARGET}two-wrong = 2\n\n[three-wrong]\n");
    check_toml(&toml, 6, &["one-wrong", "two-wrong", "three-wrong"]);
    check_toml(&toml, 11, &[]);
    check_toml(&toml, 13, &[]);
}

#[test]
fn deprecated_stacks() {
    let toml = format!("{HEAD}{TARGET}\n[[stacks]]\nid = \"acme.stack\"\n");
    check_toml(&toml, 11, &["stacks", "deprecated"]);
}

#[test]
fn version_not_x_y_z() {
    for version in ["1.0", "v1.0.0", "01.0.0", "1.0.0-rc1", "latest", "1.0.0.0", "1..0"] {
        let toml = HEAD.replace("1.0.0", version) + TARGET;
        check_toml(&toml, 5, &["version", version]);
    }
}

#[test]
fn unknown_api_version() {
    for api in ["0.99", "7", "9.1"] {
        let toml = HEAD.replace("0.10", api) + TARGET;
        check_toml(&toml, 1, &["api", api]);
    }
}

#[test]
fn executables_missing() {
    let toml = format!("{HEAD}{TARGET}");
    let descriptor = ("buildpack.toml", toml.as_str());
    check(&[descriptor, ("bin/build", SCRIPT)], None, &["bin/detect"]);
    check(&[descriptor, ("bin/detect", SCRIPT)], None, &["bin/build"]);
    check(
        &[descriptor, ("linux/amd64/bin/build", SCRIPT)],
        None,
        &["bin/detect", "linux/amd64"],
    );
}

#[test]
fn executables_without_exec_bit() {
    let toml = format!("{HEAD}{TARGET}");
    let descriptor = ("buildpack.toml", toml.as_str());
    check(
        &[descriptor, ("bin/build", "plain\n"), ("bin/detect", SCRIPT)],
        None,
        &["bin/build"],
    );
    check(
        &[descriptor, ("bin/build", SCRIPT), ("bin/detect", "plain\n")],
        None,
        &["bin/detect"],
    );
    check(
        &[
            descriptor,
            ("linux/amd64/bin/build", "plain\n"),
            ("linux/amd64/bin/detect", SCRIPT),
        ],
        None,
        &["bin/build", "linux/amd64"],
    );
}

#[test]
fn platform_os_is_deprecated() {
    let sandbox = with_descriptor(&descriptor(&["linux/amd64"]));
    sandbox.write(
        "package.toml",
        "[buildpack]\nuri = \"bp\"\n\n[platform]\nos = \"linux\"\n",
    );
    let args = ["buildpack", "package", REFERENCE, "--config", "package.toml"];
    let run = sandbox.airpack(&[&args[..], &["--layout", "out.oci"]].concat());
    run.digest();
    run.stderr_has("warning: ")
        .stderr_has("platform")
        .stderr_has("deprecated");
    names_line(&run, "package.toml", 5);
    let strict = refused(&sandbox, &["--config", "package.toml", "--strict"]);
    names_line(&strict, "package.toml", 5);
}

#[test]
fn a_target_by_default() {
    let executables = [("bin/build", SCRIPT), ("bin/detect", SCRIPT)];
    let only_os = descriptor(&["linux"]);
    for toml in [HEAD, &only_os] {
        let tree = [&[("buildpack.toml", toml)], &executables[..]].concat();
        check(&tree, None, &["linux/amd64", "--target"]);
    }
}
