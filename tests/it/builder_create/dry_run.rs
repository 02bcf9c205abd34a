//! `--dry-run` tells what would be written, for every target, and writes nothing; `--json` says it for programs.

use serde_json::Value;

use super::FROM_FOLDERS;
use crate::support::Run;
use crate::support::builder::BuilderInput;
use crate::support::composites::BOTH;
use crate::support::packaged::texts;
use crate::support::refused::REFERENCE;
use crate::support::snapshot::Snapshot;

fn full() -> BuilderInput {
    BuilderInput::new()
        .extension()
        .append("[[build.env]]\nname = \"BP_A\"\nvalue = \"1\"\n")
}

fn dry_run(input: &BuilderInput, more: &[&str]) -> Run {
    input.write();
    let before = Snapshot::of(input.sandbox.path());
    let args = [
        "builder",
        "create",
        REFERENCE,
        "--config",
        "builder.toml",
        "--layout",
        "out.oci",
        "--from",
        "base.oci",
        "--from",
        "run.oci",
    ];
    let run = input.sandbox.airpack(&[&args[..], &["--dry-run"], more].concat());
    before.assert_unchanged("a dry run");
    run
}

/// What is told in any form.
const TOLD: [&str; 11] = [
    "linux/amd64",
    "linux/arm64",
    "acme/one@1.0.0",
    "acme/two@2.0.0",
    "acme/ext@1.0.0",
    "registry.test/base/build:1",
    "registry.test/base/run:1",
    "lifecycle-v0.20.1+linux.x86-64.tgz",
    "lifecycle-v0.20.1+linux.arm64.tgz",
    "0.20.1",
    REFERENCE,
];

#[test]
fn names_every_part_and_where_it_comes_from() {
    let run = dry_run(&full(), &[]);
    run.ok();
    for text in TOLD {
        run.stdout_has(text);
    }
    run.stdout_has("order");
    for platform in BOTH {
        assert!(run.stdout.matches(platform).count() >= 1, "{platform}{run}");
    }
}

#[test]
fn as_json() {
    let run = dry_run(&full(), &["--json"]);
    run.ok();
    let plan: Value = serde_json::from_str(&run.stdout).unwrap();
    let all = texts(&plan);
    for text in TOLD {
        let part = text.split('@').next().unwrap();
        assert!(all.iter().any(|found| found.contains(part)), "no {part} in {plan:#}");
    }
    assert_eq!(plan["dryRun"], true);
    assert_eq!(plan["images"].as_array().unwrap().len(), 2);
}

#[test]
fn is_the_same_in_every_run() {
    let input = full();
    for more in [&[][..], &["--json"]] {
        let first = dry_run(&input, more).stdout;
        for threads in ["1", "8"] {
            let again = dry_run(&input, &[more, &["--threads", threads]].concat());
            assert_eq!(again.stdout, first);
        }
    }
}

#[test]
fn into_a_layout_that_is_there() {
    let input = full();
    input.run_into("out.oci", &[]).ok();
    dry_run(&input, &["--label", "a=b"]).ok();
    dry_run(&input, &["--json"]).ok();
}

#[test]
fn tells_the_same_faults_and_warnings() {
    let input = BuilderInput::new()
        .replace("id = \"acme/two\"", "id = \"acme/none\"")
        .configs(|config| config["User"] = "root".into());
    let dry = dry_run(&input, &[]);
    dry.failed(1).stderr_has("acme/none").stderr_has("root");
    let real = input.run_into("out.oci", &[]);
    assert_eq!(dry.stderr, real.stderr);
    let input = BuilderInput::new().replace(
        "[[run.images]]\nimage = \"registry.test/base/run:1\"",
        "[[run.images]]\nimage = \"registry.test/none:1\"",
    );
    let dry = dry_run(&input, &[]);
    dry.ok().stderr_has("registry.test/none:1");
    dry_run(&input, &["--strict"]).failed(1);
}

#[test]
fn says_what_is_flattened() {
    let input = full();
    let plain = dry_run(&input, &[]).stdout;
    let flat = dry_run(&input, &["--flatten", "acme/one@1.0.0,acme/two@2.0.0"]);
    assert_ne!(flat.ok().stdout, plain);
}

#[test]
fn the_result_as_json() {
    let input = BuilderInput::new();
    let run = input.run_into("out.oci", &["--json", "--tag", "latest"]);
    run.ok();
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["digest"], *FROM_FOLDERS);
    let all = texts(&report);
    for text in ["linux/amd64", "linux/arm64", "out.oci", "latest"] {
        let parts: Vec<_> = text.split('/').collect();
        let has = parts.iter().all(|part| all.iter().any(|found| found.contains(part)));
        assert!(has, "no {text} in {report:#}");
    }
    assert_eq!(report["warnings"].as_array().map(Vec::len), Some(0), "{report:#}");
}

#[test]
fn warnings_as_json_have_their_places() {
    let input = BuilderInput::new().append("[stack]\n");
    let run = input.run_into("out.oci", &["--json"]);
    run.ok();
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let warning = &report["warnings"][0];
    assert!(
        warning["message"].as_str().unwrap().contains("deprecated"),
        "{report:#}"
    );
    assert!(
        warning["file"].as_str().unwrap().ends_with("builder.toml"),
        "{report:#}"
    );
    assert_eq!(warning["line"], input.line("[stack]"), "{report:#}");
}
