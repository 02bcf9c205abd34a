//! `airpack inspect`: what it shows of sound layouts, of those of other tools and of damaged ones.

mod archives;
mod builders;
mod composites;
mod damaged;
mod damaged_archives;
mod flattened;
mod not_found;
mod of_other_tools;
mod parts;
mod shows;

use serde_json::Value;

use crate::support::packaged::texts;
use crate::support::snapshot::Snapshot;
use crate::support::tree::{HEAD, SCRIPT, platform_folders, write_tree};
use crate::support::{Run, Sandbox};

/// A sandbox with `out.oci`, which holds `x:1.0` for two platforms and `x:2.0` for one.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64", "linux/arm64"]);
    sandbox.write("bp/linux/amd64/only-amd64", "x\n");
    sandbox.write("bp/linux/arm64/only-arm64", "x\n");
    sandbox.symlink("bp/linux/arm64/link-name", "link-target");
    sandbox.write("bp/linux/arm64/link-target", "x\n");
    write_tree(
        &sandbox,
        "two",
        &[("buildpack.toml", HEAD), ("bin/build", SCRIPT), ("only-two", "2\n")],
    );
    package(
        &sandbox,
        "registry.test/acme/x:1.0",
        "bp",
        &["--label", "my.label=my value"],
    );
    package(
        &sandbox,
        "registry.test/acme/x:2.0",
        "two",
        &["--target", "linux/riscv64"],
    );
    sandbox
}

#[track_caller]
fn package(sandbox: &Sandbox, reference: &str, path: &str, args: &[&str]) {
    let own = ["buildpack", "package", reference, "--path", path, "--layout", "out.oci"];
    sandbox.airpack(&[&own[..], args].concat()).digest();
}

/// Inspects as text and as JSON, and gives all texts of the JSON. It has to work and to change nothing.
#[track_caller]
fn inspected(sandbox: &Sandbox, args: &[&str]) -> (Run, Vec<String>) {
    let before = Snapshot::of(sandbox.path());
    let run = sandbox.airpack(&[&["inspect"], args].concat());
    run.ok();
    run.stderr_lacks("panicked");
    assert!(!run.stdout.contains('\u{1b}'), "escape codes without a terminal{run}");
    let json = sandbox.airpack(&[&["inspect"], args, &["--json"]].concat());
    json.ok();
    before.assert_unchanged("inspect");
    let value: Value =
        serde_json::from_str(&json.stdout).unwrap_or_else(|error| panic!("stdout is not JSON: {error}{json}"));
    (run, texts(&value))
}

/// Both forms tell all of `there` and nothing of `not_there`.
#[track_caller]
fn check(sandbox: &Sandbox, args: &[&str], there: &[&str], not_there: &[&str]) {
    let (run, json) = inspected(sandbox, args);
    let in_json = |text: &str| json.iter().any(|found| found.contains(text));
    for text in there {
        run.stdout_has(text);
        assert!(in_json(text), "{args:?}: no {text} in {json:?}");
    }
    for text in not_there {
        assert!(!run.stdout.contains(text), "{text} is not asked for{run}");
        assert!(!in_json(text), "{args:?}: {text} in {json:?}");
    }
}

/// Neither form works, nothing changes, and the message holds all these texts.
#[track_caller]
fn refused(sandbox: &Sandbox, args: &[&str], says: &[&str]) {
    refused_with_code(1, sandbox, args, says);
}

/// The same where a word of the command line can not be understood.
#[track_caller]
fn wrong_usage(sandbox: &Sandbox, args: &[&str], says: &[&str]) {
    refused_with_code(2, sandbox, args, says);
}

#[track_caller]
fn refused_with_code(code: i32, sandbox: &Sandbox, args: &[&str], says: &[&str]) {
    let before = Snapshot::of(sandbox.path());
    for more in [&[][..], &["--json"]] {
        let run = sandbox.airpack(&[&["inspect"], args, more].concat());
        run.failed(code);
        for text in says {
            run.stderr_has(text);
        }
    }
    before.assert_unchanged("inspect");
}
