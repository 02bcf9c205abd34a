//! Faults in `package.toml`.

use super::with_descriptor;
use crate::support::refused::{points_at, refused};
use crate::support::tree::{HEAD, descriptor};

#[track_caller]
fn check(package_toml: &str, args: &[&str], line: Option<usize>, says: &[&str]) {
    let sandbox = with_descriptor(&descriptor(&["linux/amd64"]));
    sandbox.write("package.toml", package_toml);
    let run = refused(&sandbox, &[&["--config", "package.toml"], args].concat());
    run.stderr_has("package.toml");
    for text in says {
        run.stderr_has(text);
    }
    if let Some(line) = line {
        points_at(&run, "package.toml", line);
    }
}

#[test]
fn not_there() {
    let sandbox = with_descriptor(HEAD);
    refused(&sandbox, &["--config", "conf/package.toml"]).stderr_has("conf/package.toml");
}

#[test]
fn bad_toml() {
    check("[buildpack]\nuri = \"bp\n", &[], Some(2), &[]);
    check("[buildpack]\nuri = 5\n", &[], Some(2), &["uri"]);
}

#[test]
fn unknown_keys() {
    check("[buildpack]\nuri = \"bp\"\nurl = \"x\"\n", &[], Some(3), &["url"]);
    check(
        "[buildpack]\nuri = \"bp\"\n\n[bildpack]\nx = 1\n",
        &[],
        Some(4),
        &["bildpack"],
    );
    check("shared = []\n[buildpack]\nuri = \"bp\"\n", &[], Some(1), &["shared"]);
}

#[test]
fn all_faults_at_once() {
    let toml = "wrong = 1\n[buildpack]\nuri = 5\nurl = \"x\"\n";
    check(toml, &[], Some(1), &["wrong"]);
    check(toml, &[], Some(3), &["uri"]);
    check(toml, &[], Some(4), &["url"]);
}

#[test]
fn no_uri() {
    check("[buildpack]\n", &[], None, &["uri"]);
    check("", &[], None, &["uri"]);
}

#[test]
fn a_uri_that_leads_nowhere() {
    check("[buildpack]\nuri = \"elsewhere/bp\"\n", &[], Some(2), &["elsewhere/bp"]);
    check(
        "[buildpack]\nuri = \"file:///nowhere/bp\"\n",
        &[],
        Some(2),
        &["/nowhere/bp"],
    );
}

#[test]
fn a_uri_that_needs_a_network() {
    for uri in [
        "https://acme.test/bp.tgz",
        "http://acme.test/bp.tgz",
        "docker://acme/x:1",
        "urn:cnb:registry:acme/x",
    ] {
        check(&format!("[buildpack]\nuri = \"{uri}\"\n"), &[], Some(2), &[uri]);
    }
}

#[test]
fn platform_os_beside_targets() {
    let toml = "[buildpack]\nuri = \"bp\"\n\n[platform]\nos = \"linux\"\n";
    check(toml, &["--target", "linux/arm64"], Some(5), &["platform", "--target"]);
}

#[test]
fn platform_os_windows() {
    let toml = "[buildpack]\nuri = \"bp\"\n\n[platform]\nos = \"windows\"\n";
    check(toml, &[], Some(5), &["windows", "not supported"]);
}
