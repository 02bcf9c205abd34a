//! `airpack buildpack new` and `airpack extension new`: files that can be packaged as they are.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::snapshot::Snapshot;
use crate::support::{Run, Sandbox};

/// Packages without a warning, and says for which platforms.
fn packaged(sandbox: &Sandbox, kind: &str, source: &[&str]) -> String {
    let mut args = vec![
        kind, "package", "acme/x:1", "--layout", "out.oci", "--strict", "--quiet",
    ];
    args.extend(source);
    let run = sandbox.airpack(&args);
    run.ok();
    assert_eq!(run.stderr, "");
    sandbox.airpack(&["inspect", "out.oci:1"]).ok().stdout.clone()
}

fn files(sandbox: &Sandbox, folder: &str) -> Vec<String> {
    let found = Snapshot::content_of(sandbox.join(folder));
    let names = found.names().into_iter();
    let names = names.filter(|name| sandbox.join(folder).join(name).is_file());
    names.map(ToOwned::to_owned).collect()
}

fn ok(sandbox: &Sandbox, args: &[&str]) -> Run {
    let run = sandbox.airpack(args);
    run.ok();
    run
}

#[test]
fn one_target_needs_no_folder() {
    let sandbox = Sandbox::new();
    let run = ok(&sandbox, &["buildpack", "new", "acme/hello"]);
    assert_eq!(files(&sandbox, "hello"), ["bin/build", "bin/detect", "buildpack.toml"]);
    assert_eq!(
        run.stdout,
        "hello/\n├─ buildpack.toml\n└─ bin/\n   ├─ detect\n   └─ build\n"
    );
    assert!(
        run.stderr
            .contains("airpack buildpack package acme/hello:0.0.1 --path hello --layout out.oci")
    );
    let mode = fs::metadata(sandbox.join("hello/bin/build"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o111, 0o111 & mode, "{mode:o}");
    assert!(mode & 0o100 != 0);
    let shown = packaged(&sandbox, "buildpack", &["--path", "hello"]);
    assert!(shown.contains("linux/amd64: buildpackage acme/hello@0.0.1"), "{shown}");
}

#[test]
fn several_platforms_have_a_folder_each() {
    let sandbox = Sandbox::new();
    let targets = "linux/amd64:ubuntu@22.04,linux/amd64:ubuntu@24.04,linux/arm/v7,linux/arm64";
    ok(
        &sandbox,
        &[
            "buildpack",
            "new",
            "acme/hello",
            "-t",
            targets,
            "--path",
            "a/b",
            "--version",
            "2.1.0",
            "--api",
            "0.11",
        ],
    );
    let expected = [
        "linux/amd64/bin/build",
        "linux/arm/v7/bin/build",
        "linux/arm64/bin/build",
    ];
    let found = files(&sandbox, "a/b");
    assert_eq!(
        found.iter().filter(|name| name.ends_with("/build")).collect::<Vec<_>>(),
        expected
    );
    let toml = fs::read_to_string(sandbox.join("a/b/buildpack.toml")).unwrap();
    assert!(
        toml.contains("api = \"0.11\"") && toml.contains("version = \"2.1.0\""),
        "{toml}"
    );
    assert_eq!(toml.matches("[[targets]]").count(), 3, "{toml}");
    assert_eq!(toml.matches("[[targets.distros]]").count(), 2, "{toml}");
    let shown = packaged(&sandbox, "buildpack", &["--path", "a/b"]);
    for platform in ["linux/amd64:22.04", "linux/amd64:24.04", "linux/arm/v7", "linux/arm64"] {
        assert!(shown.contains(&format!("─ {platform}: ")), "{platform}: {shown}");
    }
}

#[test]
fn every_script_runs() {
    let sandbox = Sandbox::new();
    ok(
        &sandbox,
        &["buildpack", "new", "acme/hello", "-t", "linux/amd64,linux/arm64"],
    );
    ok(&sandbox, &["extension", "new", "acme/curl"]);
    for script in [
        "hello/linux/amd64/bin/detect",
        "hello/linux/arm64/bin/build",
        "curl/bin/detect",
        "curl/bin/generate",
    ] {
        let status = std::process::Command::new(sandbox.join(script)).status().unwrap();
        assert!(status.success(), "{script}");
        let text = fs::read_to_string(sandbox.join(script)).unwrap();
        assert!(text.contains("# fill in"), "{text}");
    }
}

#[test]
fn a_composite_comes_with_something_that_it_is_made_of() {
    let sandbox = Sandbox::new();
    ok(
        &sandbox,
        &[
            "buildpack",
            "new",
            "acme/java",
            "--composite",
            "-t",
            "linux/amd64,linux/arm64",
        ],
    );
    assert!(sandbox.join("java/package.toml").exists());
    let shown = packaged(&sandbox, "buildpack", &["--config", "java/package.toml"]);
    assert!(
        shown.contains("composite acme/java@0.0.1") && shown.contains("acme/java-part@0.0.1"),
        "{shown}"
    );
}

#[test]
fn an_extension() {
    let sandbox = Sandbox::new();
    ok(
        &sandbox,
        &["extension", "new", "acme/curl", "-t", "linux/amd64,linux/arm64"],
    );
    let found = files(&sandbox, "curl");
    assert!(found.contains(&"extension.toml".to_owned()) && found.contains(&"linux/arm64/bin/generate".to_owned()));
    let shown = packaged(&sandbox, "extension", &["--path", "curl"]);
    assert!(shown.contains("linux/arm64: extension"), "{shown}");
}

#[test]
fn the_old_api_has_no_variables_and_no_targets() {
    let sandbox = Sandbox::new();
    let run = ok(&sandbox, &["buildpack", "new", "acme/old", "--api", "0.7"]);
    assert!(run.stderr.contains("api 0.7 does not know targets"), "{}", run.stderr);
    let build = fs::read_to_string(sandbox.join("old/bin/build")).unwrap();
    assert!(build.contains("\"$1\"") && !build.contains("CNB_LAYERS_DIR"), "{build}");
}

#[test]
fn nothing_that_exists_is_written_over() {
    let sandbox = Sandbox::new();
    sandbox.write("hello/bin/build", "mine");
    sandbox.write("hello/README.md", "mine too");
    let before = Snapshot::content_of(sandbox.path());
    let run = sandbox.airpack(&["buildpack", "new", "acme/hello"]);
    run.failed(1);
    assert!(
        run.stderr.contains("`hello/bin/build` is there already"),
        "{}",
        run.stderr
    );
    before.assert_unchanged("a refusal");
    // another kind of module in the folder is as bad
    sandbox.write("x/extension.toml", "");
    let run = sandbox.airpack(&["buildpack", "new", "acme/x"]);
    run.failed(1);
    assert!(
        run.stderr.contains("`x/extension.toml` is there already"),
        "{}",
        run.stderr
    );
    // a link may lead out of the folder
    sandbox.folder("elsewhere");
    sandbox.symlink("y/bin", "../elsewhere");
    sandbox.airpack(&["buildpack", "new", "acme/y"]).failed(1);
    assert_eq!(fs::read_dir(sandbox.join("elsewhere")).unwrap().count(), 0);
    // files that are not in the way stay
    fs::remove_file(sandbox.join("hello/bin/build")).unwrap();
    ok(&sandbox, &["buildpack", "new", "acme/hello"]);
    assert_eq!(fs::read_to_string(sandbox.join("hello/README.md")).unwrap(), "mine too");
}

#[test]
fn what_is_wrong_is_said_before_there_is_a_file() {
    let sandbox = Sandbox::new();
    let usage = sandbox.airpack(&["buildpack", "new", "acme_x"]);
    usage.failed(2);
    assert!(
        usage.stderr.contains("letters, digits, `.`, `/` and `-` are allowed"),
        "{}",
        usage.stderr
    );
    sandbox.airpack(&["buildpack", "new", "acme/x", "--api", "x"]).failed(2);
    sandbox
        .airpack(&["buildpack", "new", "acme/x", "--version", "a/b"])
        .failed(2);
    let run = sandbox.airpack(&["buildpack", "new", "acme/x", "-t", "linux/x86_64,linux/aarch64"]);
    run.failed(1);
    assert!(
        run.stderr.contains("did you mean `amd64`?") && run.stderr.contains("did you mean `arm64`?"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("2 faults found"), "{}", run.stderr);
    assert_eq!(fs::read_dir(sandbox.path()).unwrap().count(), 0);
    let odd = ok(&sandbox, &["buildpack", "new", "acme/x", "--version", "1.0"]);
    assert!(odd.stderr.contains("not of the form X.Y.Z"), "{}", odd.stderr);
    ok(
        &sandbox,
        &[
            "buildpack",
            "new",
            "acme/z",
            "-t",
            "linux/odd",
            "--allow-unknown-target",
        ],
    );
}

#[test]
fn the_result_as_json() {
    let sandbox = Sandbox::new();
    let run = ok(&sandbox, &["buildpack", "new", "acme/hello", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(json["folder"], "hello");
    assert_eq!(
        json["files"],
        serde_json::json!(["buildpack.toml", "bin/detect", "bin/build"])
    );
}
