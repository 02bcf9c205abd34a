//! Images of several distributions: a column for each.

use serde_json::json;

use super::Told;
use crate::support::builder::{BUILD, BuilderInput, RUN, platform_spec};
use crate::support::composites::targets_toml;

const NOBLE: &str = "linux/amd64:ubuntu@24.04";
const JAMMY: &str = "linux/amd64:ubuntu@22.04";

fn of_version(what: &str, version: &str) -> serde_json::Value {
    let mut spec = platform_spec(what, "amd64");
    spec["layers"][0][1]["text"] = format!("ID=ubuntu\nVERSION_ID=\"{version}\"\n").into();
    spec
}

fn input() -> BuilderInput {
    let mut input = BuilderInput::amd64();
    input.build = json!({"platforms": [of_version("build", "24.04"), of_version("build", "22.04")]});
    input.run = json!({"platforms": [of_version("run", "22.04")]});
    input
}

#[test]
fn each_has_a_column() {
    let input = input();
    input.write();
    let told = Told::of(&input.sandbox, &["base.oci", "run.oci"]);
    assert_eq!(told.platforms(), [JAMMY, NOBLE]);
    told.says(JAMMY, &[(BUILD, "yes"), (RUN, "yes")]);
    told.says(NOBLE, &[(BUILD, "yes"), (RUN, "distro")]);
    told.because(RUN, NOBLE, &["ubuntu@22.04", "ubuntu@24.04"]);
}

#[test]
fn a_run_image_is_of_the_distribution_of_the_build_image() {
    let tables = targets_toml(&["linux/amd64:ubuntu@24.04"]);
    let input = input().replace("\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n", &tables);
    input.refuse(&[RUN, "24.04"]);
    let told = Told::of(
        &input.sandbox,
        &["-c", "builder.toml", "--from", "base.oci", "--from", "run.oci"],
    );
    told.says(NOBLE, &[(BUILD, "yes"), (RUN, "distro"), ("builder.toml", "members")]);
    told.says(JAMMY, &[("builder.toml", "targets")]);
}

#[test]
fn one_column_that_fits_is_enough_for_a_platform() {
    let input = input();
    input.write();
    Told::of(&input.sandbox, &["base.oci", "run.oci", "--require", "linux/amd64"]);
    let run = input
        .sandbox
        .airpack(&["compat", "run.oci", "base.oci", "--require", "linux/amd64:24.04"]);
    assert_eq!(run.code, 3, "{run}");
    run.stderr_has(RUN).stderr_lacks(BUILD);
}
