//! Bad names for images.

use super::with_descriptor;
use crate::support::refused::{REFERENCE, wrong_usage};
use crate::support::tree::descriptor;

#[test]
fn bad() {
    let sandbox = with_descriptor(&descriptor(&["linux/amd64"]));
    let long_tag = format!("registry.test/acme/x:{}", "t".repeat(129));
    for reference in [
        "",
        ":1.0",
        "registry.test/ACME/x:1.0",
        "registry.test/acme/x:bad tag",
        "registry.test/acme/x:",
        "registry.test/acme//x:1.0",
        "registry.test/acme/x:-1",
        "https://registry.test/acme/x:1.0",
        "registry.test/acme/x@sha256:12",
        &long_tag,
    ] {
        let run = wrong_usage(reference, &["--path", "bp"], &sandbox);
        run.stderr_has(reference);
    }
}

#[test]
fn a_digest_can_not_be_chosen() {
    let sandbox = with_descriptor(&descriptor(&["linux/amd64"]));
    let reference = format!("registry.test/acme/x@sha256:{}", "0".repeat(64));
    let run = wrong_usage(&reference, &["--path", "bp"], &sandbox);
    run.stderr_has("digest");
}

#[test]
fn bad_additional_tag() {
    let sandbox = with_descriptor(&descriptor(&["linux/amd64"]));
    for tag in ["bad tag", "", "a/B:1", "x/y:", "-1"] {
        let run = wrong_usage(REFERENCE, &["--path", "bp", &format!("--tag={tag}")], &sandbox);
        run.stderr_has(tag);
    }
}

#[test]
fn a_path_is_no_name() {
    let sandbox = with_descriptor(&descriptor(&["linux/amd64"]));
    for path in ["./bp", "../bp", "/srv/bp", "~/bp", "bp/"] {
        let run = wrong_usage(path, &["--path", "bp"], &sandbox);
        run.stderr_has("it is a path").stderr_has("docker.io/acme/hello:1.0");
    }
}

#[test]
fn all_wrong_words_are_told_at_once() {
    let sandbox = with_descriptor(&descriptor(&["linux/amd64"]));
    let run = wrong_usage(REFERENCE, &["--path", "bp", "--tag", "a b", "--tag", "x y"], &sandbox);
    run.stderr_has("`a b` is not a tag")
        .stderr_has("`x y` is not a tag")
        .stderr_has("2 names can not be read");
    let run = wrong_usage(
        REFERENCE,
        &["--path", "bp", "--target", "linux/", "--target", "a/b/c/d"],
        &sandbox,
    );
    run.stderr_has("`linux/`")
        .stderr_has("`a/b/c/d`")
        .stderr_has("2 targets can not be read");
}
