//! What there is not.

use super::{refused, sandbox, wrong_usage};
use crate::support::layout_view::sha256;

#[test]
fn a_tag() {
    refused(&sandbox(), &["out.oci:3.0"], &["3.0", "1.0", "2.0"]);
}

#[test]
fn a_digest() {
    let sandbox = sandbox();
    let digest = sha256(b"nothing with this content");
    refused(&sandbox, &[&format!("out.oci@{digest}")], &[&digest]);
    wrong_usage(&sandbox, &["out.oci@sha256:12"], &["sha256:12"]);
    refused(
        &sandbox,
        &["out.oci@sha256:0123456789ab"],
        &["no image sha256:0123456789ab...", "it has 1.0"],
    );
    wrong_usage(&sandbox, &["out.oci@nonsense"], &["nonsense"]);
    wrong_usage(&sandbox, &["out.oci@sha256:../../../etc/passwd"], &[]);
}

#[test]
fn a_platform() {
    let args = ["out.oci:1.0", "--platform", "linux/s390x"];
    refused(&sandbox(), &args, &["linux/s390x", "linux/amd64", "linux/arm64"]);
}

#[test]
fn a_layout() {
    let sandbox = sandbox();
    refused(&sandbox, &["nowhere.oci"], &["nowhere.oci"]);
    refused(&sandbox, &["nowhere.oci:1.0"], &["nowhere.oci"]);
    refused(&sandbox, &["bp"], &["bp"]);
    sandbox.write("file", "x\n");
    refused(&sandbox, &["file"], &["file"]);
}
