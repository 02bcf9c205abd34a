//! Faults in `airpack.toml`.

use crate::support::Sandbox;
use crate::support::refused::{points_at, refused};
use crate::support::tree::platform_folders;

#[track_caller]
fn check(airpack_toml: &str, line: usize, says: &[&str]) {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64", "linux/arm64"]);
    sandbox.write("outside", "x\n");
    sandbox.write("bp/lib/x", "x\n");
    sandbox.write("bp/airpack.toml", airpack_toml);
    let run = refused(&sandbox, &["--path", "bp"]);
    points_at(&run, "airpack.toml", line);
    for text in says {
        run.stderr_has(text);
    }
}

#[test]
fn unknown_key() {
    check("shared = [\"lib\"]\nshard = 1\n", 2, &["shard"]);
    check("\n[other]\nx = 1\n", 2, &["other"]);
}

#[test]
fn bad_toml_and_types() {
    check("shared = [\"lib\"\n\n", 1, &[]);
    check("\nshared = \"lib\"\n", 2, &["shared"]);
    check("shared = [\"lib\",\n3]\n", 2, &["shared"]);
}

#[test]
fn paths_that_can_not_be_shared() {
    check("shared = [\n\"nowhere\"]\n", 2, &["nowhere"]);
    check("shared = [\n\"../outside\"]\n", 2, &["../outside"]);
    check("shared = [\n\"/etc/passwd\"]\n", 2, &["/etc/passwd"]);
    check("shared = [\n\"lib/../../outside\"]\n", 2, &["lib/../../outside"]);
    check("shared = [\n\"\"]\n", 2, &["shared"]);
}
