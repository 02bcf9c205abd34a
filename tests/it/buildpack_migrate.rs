//! `airpack buildpack migrate`: a buildpack of old comes to `[[targets]]` and platform root folders, and its image stays what it was.

mod edits;
mod files;
mod refusals;
mod whole_or_not_at_all;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::snapshot::Snapshot;
use crate::support::{Run, Sandbox};

/// The smallest program for a processor that a header can tell: class and byte order, then `e_machine`.
fn elf(machine: u16) -> Vec<u8> {
    let mut head = b"\x7fELF\x02\x01\x01".to_vec();
    head.resize(16, 0);
    head.extend([2, 0]);
    head.extend(machine.to_le_bytes());
    head.resize(64, 0);
    head
}

const AMD64: u16 = 62;
const ARM64: u16 = 183;
const ARM: u16 = 40;

const SCRIPT: &str = "#!/bin/sh\nexit 0\n";

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/migrate")
        .join(path)
}

/// A copy of a fixture, called `hello`.
fn copied(path: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let to = sandbox.join("hello");
    let copied = Command::new("cp")
        .arg("-a")
        .arg(fixture(path))
        .arg(to)
        .status()
        .unwrap();
    assert!(copied.success());
    sandbox
}

/// A buildpack of two scripts, with this behind its first tables.
fn scripts(rest: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let toml = format!("api = \"0.10\"\n\n[buildpack]\nid = \"acme/hello\"\nversion = \"1.0.0\"\n{rest}");
    sandbox.write("hello/buildpack.toml", toml);
    for name in ["build", "detect"] {
        sandbox.executable(format!("hello/bin/{name}"), SCRIPT);
    }
    sandbox
}

fn migrate(sandbox: &Sandbox, more: &[&str]) -> Run {
    let mut args = vec!["buildpack", "migrate", "hello"];
    args.extend(more);
    sandbox.airpack(&args)
}

/// Packages the folder under the tag.
fn package(sandbox: &Sandbox, tag: &str) {
    let name = format!("acme/hello:{tag}");
    let args = [
        "buildpack",
        "package",
        &name,
        "--path",
        "hello",
        "--layout",
        "out.oci",
        "--quiet",
    ];
    sandbox.airpack(&args).ok();
}

/// The difference between two tags, as JSON.
fn diff(sandbox: &Sandbox, before: &str, after: &str) -> Value {
    let (before, after) = (format!("out.oci:{before}"), format!("out.oci:{after}"));
    let run = sandbox.airpack(&["diff", &before, &after, "--json"]);
    run.ok();
    serde_json::from_str(&run.stdout).unwrap()
}

/// Every path of a file that differs for the first platform, wherever the report has it.
fn changed_files(diff: &Value) -> Vec<String> {
    fn gather(value: &Value, paths: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                if let Some(path) = object.get("path").and_then(Value::as_str)
                    && path.starts_with("/cnb/")
                {
                    paths.push(path.to_owned());
                }
                object.values().for_each(|value| gather(value, paths));
            }
            Value::Array(values) => values.iter().for_each(|value| gather(value, paths)),
            _ => {}
        }
    }
    let mut paths = Vec::new();
    gather(diff, &mut paths);
    paths.sort();
    paths.dedup();
    paths
}

const HOME: &str = "/cnb/buildpacks/acme_hello/1.0.0";

/// Before, options, after, and what of the old platform's files is another afterwards, besides `buildpack.toml`.
const CASES: [(&str, &[&str], &str, &[&str]); 7] = [
    (
        "scripts-only/before",
        &["-t", "linux/amd64", "-t", "linux/arm64"],
        "scripts-only/after",
        &[],
    ),
    ("scripts-only/before", &[], "scripts-only/any", &[]),
    // what is called by its platform is found by the name that the lifecycle looks for; what was for the other one has gone
    (
        "go-binaries/before",
        &[],
        "go-binaries/after",
        &[
            "bin/build",
            "bin/build-linux-amd64",
            "bin/build-linux-arm64",
            "bin/detect",
            "bin/detect-linux-amd64",
            "bin/detect-linux-arm64",
        ],
    ),
    ("mixed/before", &[], "mixed/after", &["bin/arm64", "bin/arm64/tool-arm"]),
    (
        "mixed/before",
        &["--share"],
        "mixed/shared",
        &["bin/arm64", "bin/arm64/tool-arm"],
    ),
    ("stacks-only/before", &[], "stacks-only/after", &[]),
    ("migrated/before", &[], "migrated/before", &[]),
];

/// The lines on what somebody has to bring.
fn missing(run: &Run) -> Vec<&str> {
    run.stderr
        .lines()
        .filter(|line| line.starts_with("missing: "))
        .collect()
}

#[test]
fn each_buildpack_becomes_what_it_should() {
    for (before, options, after, _) in CASES {
        let sandbox = copied(before);
        let shown = Snapshot::content_of(sandbox.path());
        let told = migrate(&sandbox, options);
        told.ok();
        shown.assert_unchanged("without --write");
        let mut options = options.to_vec();
        options.push("--write");
        let done = migrate(&sandbox, &options);
        done.ok();
        // the same trees, written or not
        assert_eq!(told.stdout, done.stdout, "{before}");
        let compared = Command::new("diff")
            .args(["-r", "--no-dereference"])
            .arg(fixture(after))
            .arg(sandbox.join("hello"))
            .output()
            .unwrap();
        assert!(
            compared.status.success(),
            "{before}: {}",
            String::from_utf8_lossy(&compared.stdout)
        );
        let migrated = Snapshot::content_of(sandbox.path());
        let again = migrate(&sandbox, &["--write"]);
        again.ok();
        let expected = if again.stderr.contains("missing: ") {
            "nothing to change"
        } else {
            "nothing to do"
        };
        assert!(again.stderr.contains(expected), "{before}: {}", again.stderr);
        assert_eq!(
            missing(&again),
            missing(&done),
            "{before}: what is missing is named each time"
        );
        migrated.assert_unchanged("the second time");
    }
}

#[test]
fn the_image_for_the_old_platform_has_what_it_had() {
    for (before, options, after, changes) in CASES {
        // a package needs what the lifecycle runs
        if before.starts_with("go-binaries") {
            continue;
        }
        let sandbox = copied(before);
        package(&sandbox, "before");
        let mut options = options.to_vec();
        options.push("--write");
        migrate(&sandbox, &options).ok();
        package(&sandbox, "after");
        let changed = changed_files(&diff(&sandbox, "before", "after"));
        let mut expected: Vec<String> = changes.iter().map(|path| format!("{HOME}/{path}")).collect();
        if before != after {
            expected.push(format!("{HOME}/buildpack.toml"));
        }
        assert_eq!(changed, expected, "{before} {options:?}");
    }
}

#[test]
fn what_is_shared_and_what_is_copied_give_the_same_images() {
    let sandbox = copied("mixed/before");
    migrate(&sandbox, &["--write"]).ok();
    package(&sandbox, "copied");
    std::fs::remove_dir_all(sandbox.join("hello")).unwrap();
    let copied = Command::new("cp")
        .arg("-a")
        .arg(fixture("mixed/before"))
        .arg(sandbox.join("hello"))
        .status();
    assert!(copied.unwrap().success());
    migrate(&sandbox, &["--share", "--write"]).ok();
    package(&sandbox, "shared");
    assert_eq!(changed_files(&diff(&sandbox, "copied", "shared")), Vec::<String>::new());
}

#[test]
fn programs_that_were_called_by_their_platform_can_be_packaged() {
    let sandbox = copied("go-binaries/before");
    migrate(&sandbox, &["--write"]).ok();
    package(&sandbox, "after");
    let run = sandbox.airpack(&["inspect", "out.oci:after", "--files=**/bin/build"]);
    run.ok();
    assert_eq!(run.stdout.matches("bin/build").count(), 2, "{}", run.stdout);
}
