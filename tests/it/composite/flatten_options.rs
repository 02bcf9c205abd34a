//! `--flatten` and `--flatten-exclude` as they should not be written.

use super::{CONFIG, comp_with, refuse, run_config};
use crate::support::composites::comp_of_two;
use crate::support::refused::refused;
use crate::support::snapshot::Snapshot;

/// These options are refused, as usage or as a fault, by a message with this text; nothing is written.
#[track_caller]
fn check(more: &[&str], says: &str) {
    let sandbox = comp_of_two();
    comp_with(&sandbox, &["../one", "../two"]);
    let before = Snapshot::of(sandbox.path());
    let run = run_config(&sandbox, CONFIG, "out.oci", more);
    assert!(matches!(run.code, 1 | 2), "expected a refusal{run}");
    run.stderr_has(says);
    before.assert_unchanged("packaging was refused");
}

#[test]
fn what_to_exclude_is_an_id_and_a_version() {
    for exclude in ["acme/one", "acme/one@", "@1.0.0", "", "acme/one:1.0.0"] {
        check(
            &["--flatten", &format!("--flatten-exclude={exclude}")],
            "flatten-exclude",
        );
    }
}

#[test]
fn what_to_exclude_needs_flatten() {
    check(&["--flatten-exclude", "acme/one@1.0.0"], "--flatten");
}

#[test]
fn what_is_not_there_can_not_be_excluded() {
    // a typing error would flatten what was to be kept apart
    for exclude in ["acme/three@1.0.0", "acme/one@1.0.1"] {
        check(&["--flatten", "--flatten-exclude", exclude], exclude);
    }
}

#[test]
fn the_warning_is_a_fault_with_strict() {
    let sandbox = comp_of_two();
    comp_with(&sandbox, &["../one", "../two"]);
    refused(&sandbox, &["--config", CONFIG, "--flatten", "--strict"]).stderr_has("distribution");
}

#[test]
fn faults_of_the_order_are_told_all_the_same() {
    let sandbox = comp_of_two();
    comp_with(&sandbox, &["../one"]);
    refuse(&sandbox, CONFIG, &["acme/two"]);
    refused(&sandbox, &["--config", CONFIG, "--flatten"]).stderr_has("acme/two");
}
