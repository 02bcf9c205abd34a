//! A `builder.toml`: what it names is found or a row says why not, and the answers are those of `builder create`.

use serde_json::Value;

use super::Told;
use crate::support::builder::{BUILD, BuilderInput, Lifecycle, ONE, RUN, TWO, elf, image_spec, released};
use crate::support::composites::leaf;

const AMD64: &str = "linux/amd64";
const ARM64: &str = "linux/arm64";
const TOML: &str = "builder.toml";
const ARGS: [&str; 6] = ["--config", TOML, "--from", "base.oci", "--from", "run.oci"];

fn told(input: &BuilderInput) -> Told {
    input.write();
    Told::of(&input.sandbox, &ARGS)
}

#[test]
fn everything_is_there() {
    let told = told(&BuilderInput::new().extension());
    let names = told.names();
    assert_eq!(names[0], "builder builder.toml");
    assert_eq!(
        names[1..4],
        [
            format!("buildImage {BUILD}"),
            format!("runImage {RUN}"),
            "lifecycle 0.20.1".to_owned()
        ]
    );
    for platform in [AMD64, ARM64] {
        told.says(
            platform,
            &[(TOML, "yes"), (ONE, "yes"), (TWO, "yes"), ("acme/ext@1.0.0", "any")],
        );
    }
}

#[test]
fn images_and_lifecycle_that_are_not_found() {
    let mut input = BuilderInput::new();
    input.build = Value::Null;
    input.run = Value::Null;
    input.lifecycles.clear();
    input.write();
    let told = Told::of(&input.sandbox, &["--config", TOML]);
    told.says(
        ARM64,
        &[
            (BUILD, "notFound"),
            (RUN, "notFound"),
            ("?", "notFound"),
            (TOML, "members"),
            (ONE, "yes"),
        ],
    );
    told.because(BUILD, ARM64, &["airpack pull"]);
    let run = input.sandbox.airpack(&["compat", "--config", TOML]);
    run.ok().stdout_has("not found");
}

#[test]
fn a_build_image_for_one_platform_only() {
    let mut input = BuilderInput::new();
    input.build = image_spec("build", &["amd64"]);
    input.refuse(&[BUILD, "arm64"]);
    let told = told(&input);
    told.says(AMD64, &[(BUILD, "yes"), (TOML, "yes")]);
    told.says(ARM64, &[(BUILD, "noImage"), (TOML, "members"), (ONE, "yes")]);
}

#[test]
fn a_buildpack_whose_targets_exclude_a_platform() {
    let input = BuilderInput::new();
    leaf(&input.sandbox, "two", TWO, &[AMD64]);
    input.refuse(&[TWO, "arm64"]);
    let told = told(&input);
    told.says(AMD64, &[(TWO, "yes"), (TOML, "yes")]);
    told.says(ARM64, &[(TWO, "targets"), (TOML, "members"), (ONE, "yes")]);
}

#[test]
fn a_buildpack_without_a_folder_for_a_platform() {
    let input = BuilderInput::new();
    std::fs::remove_dir_all(input.sandbox.join("two/linux/arm64")).unwrap();
    input.refuse(&["arm64"]);
    told(&input).says(ARM64, &[(TWO, "noFiles"), (TOML, "members")]);
}

#[test]
fn a_buildpack_with_a_program_for_another_processor() {
    let input = BuilderInput::new();
    input.sandbox.executable("two/linux/arm64/bin/build", elf("amd64"));
    let told = told(&input);
    told.says(ARM64, &[(TWO, "machine"), (TOML, "members")]);
    told.because(TWO, ARM64, &["bin/build", "amd64"]);
}

#[test]
fn a_lifecycle_for_another_processor_or_without_the_api() {
    let mut input = BuilderInput::new();
    input.lifecycles.insert(released("arm64"), Lifecycle::new("amd64"));
    input.refuse(&["arm64"]);
    told(&input).says(ARM64, &[("0.20.1", "machine"), (TOML, "members")]);

    let mut input = BuilderInput::new();
    for lifecycle in input.lifecycles.values_mut() {
        lifecycle.toml = lifecycle.toml.replacen("\"0.10\", ", "", 1);
    }
    input.refuse(&["0.10"]);
    told(&input).says(AMD64, &[(ONE, "api"), (TWO, "api"), ("0.20.1", "yes")]);
}

#[test]
fn a_lifecycle_for_one_platform_only() {
    let mut input = BuilderInput::new();
    input.lifecycles.remove(&released("arm64"));
    let told = told(&input);
    told.says(AMD64, &[("0.20.1", "yes"), (TOML, "yes")]);
    told.says(ARM64, &[("0.20.1", "notFound"), (TOML, "members")]);
}

#[test]
fn a_buildpack_that_is_not_there_at_all() {
    let input = BuilderInput::new().buildpack("uri = \"./gone\"");
    let told = told(&input);
    told.says(AMD64, &[("./gone", "notFound"), (TOML, "members"), (ONE, "yes")]);
    told.because("./gone", AMD64, &["does not exist"]);
}

#[test]
fn what_only_the_plan_knows() {
    // no row is at fault, but the order is
    let input = BuilderInput::new().replace("id = \"acme/two\"", "id = \"acme/three\"");
    input.refuse(&["acme/three"]);
    let told = told(&input);
    told.says(AMD64, &[(TOML, "faulty"), (TWO, "yes")]);
    told.because(TOML, AMD64, &["acme/three"]);
}

#[test]
fn a_platform_that_is_not_among_the_targets() {
    let input = BuilderInput::amd64();
    let told = told(&input);
    told.says(AMD64, &[(TOML, "yes")]);
    told.says(ARM64, &[(TOML, "targets"), (ONE, "yes"), ("0.20.1", "yes")]);
}

#[test]
fn lifecycles_of_the_command_line() {
    let input = BuilderInput::new().replace("[lifecycle]\nuri = \"lifecycle\"\n", "");
    input.write();
    let told = Told::of(&input.sandbox, &[&ARGS[..], &["--lifecycle-dir", "lifecycle"]].concat());
    told.says(ARM64, &[("0.20.1", "yes"), (TOML, "yes")]);
}
