//! airpack on arm64 makes of the same input the bytes that it makes on the machine of the tests.

use std::fs;

use serde_json::Value;

use super::{COMPRESSIONS, PACKAGE, assert_same, big_sandbox, files};
use crate::support::builder::{BuilderInput, ONE, TWO};
use crate::support::composites::composite;
use crate::support::refused::REFERENCE;
use crate::support::tools::{OtherMachine, require_other_machine};
use crate::support::{Run, Sandbox};

/// Runs what writes to `out` on both machines.
#[track_caller]
fn check_both(other: &OtherMachine, sandbox: &Sandbox, args: &[&str], what: &str) {
    let out = sandbox.join("out");
    let args = [args, &["--threads", "1"]].concat();
    let here = sandbox.airpack(&args);
    let expected = files(&out);
    fs::remove_dir_all(&out).unwrap();
    let there = Run::of(&mut other.airpack_command(sandbox, &args));
    assert_eq!(there.digest(), here.digest(), "{what}");
    assert_same(&expected, &files(&out), what);
    fs::remove_dir_all(&out).unwrap();
}

#[test]
fn it_is_another_machine() {
    let Some(other) = require_other_machine() else { return };
    let sandbox = Sandbox::new();
    let about = |run: &Run| serde_json::from_str::<Value>(&run.ok().stdout).unwrap();
    let args = ["version", "--json"];
    let there = about(&Run::of(&mut other.airpack_command(&sandbox, &args)));
    let here = about(&sandbox.airpack(&args));
    assert_eq!(there["platform"], "linux/arm64");
    assert_ne!(here["platform"], there["platform"]);
    assert_eq!(here["compressionEngine"], there["compressionEngine"]);
}

#[test]
fn packages_are_the_same() {
    let Some(other) = require_other_machine() else { return };
    let sandbox = big_sandbox();
    for compression in COMPRESSIONS {
        let args = [&PACKAGE[..], &["--compression", compression]].concat();
        check_both(&other, &sandbox, &args, compression);
    }
}

#[test]
fn builders_are_the_same() {
    let Some(other) = require_other_machine() else { return };
    let input = BuilderInput::new().extension().buildpack("uri = \"comp\"");
    composite(&input.sandbox, "comp", "acme/comp@1.0.0", &[&[ONE, TWO]]);
    input.write();
    let create = [
        "builder",
        "create",
        REFERENCE,
        "--layout",
        "out",
        "--config",
        "builder.toml",
    ];
    let from = ["--from", "base.oci", "--from", "run.oci"];
    check_both(&other, &input.sandbox, &[&create[..], &from].concat(), "builder");
}
