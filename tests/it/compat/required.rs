//! `--require`: what stops, and what does not.

use super::table::builder_with_a_gap;
use crate::support::builder::BuilderInput;

const FROM_RUN: [&str; 4] = ["compat", "builder.oci", "--from", "run.oci"];

#[test]
fn a_gap_stops_what_requires_its_platform() {
    let input = builder_with_a_gap();
    let run = input
        .sandbox
        .airpack(&[&FROM_RUN[..], &["--require", "linux/arm64"]].concat());
    assert_eq!(run.code, 3, "{run}");
    run.stdout_has("no: not in image");
    run.stderr_has("linux/arm64 is required, but buildpack acme/two@2.0.0 is not there")
        .stderr_lacks("acme/one@1.0.0");
    let run = input
        .sandbox
        .airpack(&[&FROM_RUN[..], &["--require", "linux/amd64"]].concat());
    run.ok().stderr_lacks("error");
    let both = [&FROM_RUN[..], &["--require", "linux/amd64,linux/arm64", "--json"]].concat();
    let run = input.sandbox.airpack(&both);
    assert_eq!(run.code, 3, "{run}");
    let told = super::Told::in_run(&run);
    let required = &told.0["required"];
    assert_eq!(
        (&required[0]["isMet"], &required[1]["isMet"]),
        (&true.into(), &false.into())
    );
    assert_eq!(required[1]["lacking"][0]["component"], "buildpack acme/two@2.0.0");
}

#[test]
fn what_is_left_out_before_the_builder_is_made_is_not_there_either() {
    let input = builder_with_a_gap();
    let args = [
        "compat",
        "-c",
        "builder.toml",
        "--from",
        "base.oci",
        "--from",
        "run.oci",
        "--require",
        "linux/arm64",
    ];
    let run = input.sandbox.airpack(&args);
    assert_eq!(run.code, 3, "{run}");
    run.stderr_has("buildpack acme/two@2.0.0")
        .stderr_has("airpack.toml leaves it out");
}

#[test]
fn a_platform_that_nothing_is_for() {
    let input = BuilderInput::new();
    input.run_into("builder.oci", &[]).digest();
    let run = input
        .sandbox
        .airpack(&[&FROM_RUN[..], &["--require", "linux/s390x"]].concat());
    assert_eq!(run.code, 3, "{run}");
    run.stderr_has("linux/s390x").stderr_has("lifecycle 0.20.1");
    // a column of its own shows it
    run.stdout_has("linux/s390x");
}

#[test]
fn a_run_image_that_is_not_found_is_only_told_of() {
    let input = BuilderInput::new();
    input.run_into("builder.oci", &[]).digest();
    let run = input
        .sandbox
        .airpack(&["compat", "builder.oci", "--require", "linux/arm64"]);
    run.ok()
        .stderr_has("warning: run image registry.test/base/run:1 is not looked at");
    run.stdout_has("not found").stdout_has("not looked at: run image");
}

#[test]
fn the_usual_variant_of_an_architecture_is_meant() {
    let input = BuilderInput::new();
    input.run_into("builder.oci", &[]).digest();
    let run = input
        .sandbox
        .airpack(&[&FROM_RUN[..], &["--require", "linux/arm64/v8"]].concat());
    run.ok();
}
