//! Bad names for images.

use super::with_descriptor;
use crate::support::refused::{refused, refused_with};
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
        let start = |args: &[&str]| sandbox.airpack_command(args);
        let run = refused_with(reference, &["--path", "bp"], &sandbox, &start);
        run.stderr_has(reference);
    }
}

#[test]
fn a_digest_can_not_be_chosen() {
    let sandbox = with_descriptor(&descriptor(&["linux/amd64"]));
    let reference = format!("registry.test/acme/x@sha256:{}", "0".repeat(64));
    let start = |args: &[&str]| sandbox.airpack_command(args);
    let run = refused_with(&reference, &["--path", "bp"], &sandbox, &start);
    run.stderr_has("digest");
}

#[test]
fn bad_additional_tag() {
    let sandbox = with_descriptor(&descriptor(&["linux/amd64"]));
    for tag in ["bad tag", "", "a/B:1", "x/y:", "-1"] {
        let run = refused(&sandbox, &["--path", "bp", &format!("--tag={tag}")]);
        run.stderr_has(tag);
    }
}
