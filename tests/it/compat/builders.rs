//! Builders in layouts: each reason why a part of one is not there for a platform.

use serde_json::json;

use super::{Module, Told, builder_image, layout_with, target};
use crate::support::Sandbox;

const AMD64: &str = "linux/amd64";
const ARM64: &str = "linux/arm64";
const NAME: &str = "registry.test/acme/builder:1";
const ONE: &str = "acme/one@1.0.0";

/// A builder for both architectures with these modules in the one for arm64.
fn told(modules: &[Module]) -> Told {
    told_with(modules, "arm64")
}

/// The same with a lifecycle for this architecture in the image for arm64.
fn told_with(modules: &[Module], lifecycle: &str) -> Told {
    let sandbox = Sandbox::new();
    let sound = [Module::scripts(ONE)];
    layout_with(&sandbox, "b.oci", NAME, |maker| {
        vec![
            builder_image(maker, "amd64", "amd64", &sound, &|_| {}),
            builder_image(maker, "arm64", lifecycle, modules, &|_| {}),
        ]
    });
    Told::of(&sandbox, &["b.oci"])
}

#[test]
fn scripts_without_targets_are_for_any_architecture() {
    let told = told(&[Module::scripts(ONE)]);
    assert_eq!(told.platforms(), [AMD64, ARM64]);
    assert_eq!(
        told.names(),
        [
            &format!("builder {NAME}"),
            "lifecycle 0.20.1",
            &format!("buildpack {ONE}")
        ]
    );
    for platform in [AMD64, ARM64] {
        told.says(platform, &[(NAME, "yes"), ("0.20.1", "yes"), (ONE, "any")]);
    }
}

#[test]
fn a_program_or_a_target_is_for_one_architecture() {
    let by_program = told(&[Module::scripts(ONE).program_for("arm64")]);
    by_program.says(ARM64, &[(ONE, "yes")]);
    let by_target = told(&[Module::scripts(ONE).with("targets", json!([target("linux", "arm64")]))]);
    by_target.says(ARM64, &[(ONE, "yes")]);
    let by_os = told(&[Module::scripts(ONE).with("targets", json!([target("linux", "")]))]);
    by_os.says(ARM64, &[(ONE, "any")]);
}

#[test]
fn a_module_that_one_image_does_not_have() {
    let told = told(&[]);
    // the builder without it is whole
    told.says(ARM64, &[(NAME, "yes"), (ONE, "notInImage")]);
}

#[test]
fn targets_that_exclude_the_platform() {
    let told = told(&[Module::scripts(ONE).with("targets", json!([target("linux", "amd64")]))]);
    told.says(ARM64, &[(ONE, "targets"), (NAME, "members")])
        .because(ONE, ARM64, &["linux/amd64"])
        .because(NAME, ARM64, &[ONE]);
    told.says(AMD64, &[(ONE, "any"), (NAME, "yes")]);
}

#[test]
fn a_distribution_that_differs() {
    let targets = json!([{"os": "linux", "arch": "arm64", "distros": [{"name": "debian", "version": "12"}]}]);
    let told = told(&[Module::scripts(ONE).with("targets", targets)]);
    told.says(ARM64, &[(ONE, "distro")]).because(ONE, ARM64, &["debian@12"]);
}

#[test]
fn an_api_that_the_lifecycle_does_not_have() {
    let told = told(&[Module::scripts(ONE).with("api", json!("0.12"))]);
    told.says(ARM64, &[(ONE, "api"), ("0.20.1", "yes")])
        .because(ONE, ARM64, &["0.12", "0.20.1", "0.9, 0.10"]);
    told.says(AMD64, &[(ONE, "any")]);
}

#[test]
fn a_program_for_another_processor() {
    let arm64 = json!([target("linux", "arm64")]);
    let told = told(&[Module::scripts(ONE).with("targets", arm64).program_for("amd64")]);
    told.says(ARM64, &[(ONE, "machine")])
        .because(ONE, ARM64, &["bin/build", "amd64"]);
}

#[test]
fn a_lifecycle_for_another_processor() {
    let told = told_with(&[Module::scripts(ONE)], "amd64");
    told.says(ARM64, &[("0.20.1", "machine"), (NAME, "members"), (ONE, "any")])
        .because("0.20.1", ARM64, &["lifecycle", "amd64"]);
}

#[test]
fn a_platform_that_only_targets_name() {
    let sandbox = Sandbox::new();
    let both = json!([target("linux", "amd64"), target("linux", "arm64")]);
    layout_with(&sandbox, "b.oci", NAME, |maker| {
        let modules = [Module::scripts(ONE).with("targets", both)];
        vec![builder_image(maker, "amd64", "amd64", &modules, &|_| {})]
    });
    let told = Told::of(&sandbox, &["b.oci"]);
    told.says(ARM64, &[(NAME, "noImage"), ("0.20.1", "noImage"), (ONE, "noImage")]);
    told.because(NAME, ARM64, &["linux/amd64"]);
}

#[test]
fn a_stack_that_is_not_supported() {
    let sandbox = Sandbox::new();
    layout_with(&sandbox, "b.oci", NAME, |maker| {
        let modules = [Module::scripts(ONE).with("stacks", json!([{"id": "other"}]))];
        let change = |labels: &mut serde_json::Value| labels["io.buildpacks.stack.id"] = json!("own");
        vec![builder_image(maker, "amd64", "amd64", &modules, &change)]
    });
    Told::of(&sandbox, &["b.oci"])
        .says(AMD64, &[(ONE, "stack")])
        .because(ONE, AMD64, &["other", "own"]);
}

#[test]
fn an_order_that_names_what_is_not_there() {
    let sandbox = Sandbox::new();
    layout_with(&sandbox, "b.oci", NAME, |maker| {
        let order = json!([{"group": [{"id": "acme/none", "version": "1"}]}]);
        let change = |labels: &mut serde_json::Value| labels["io.buildpacks.buildpack.order"] = order.clone();
        vec![builder_image(maker, "amd64", "amd64", &[Module::scripts(ONE)], &change)]
    });
    Told::of(&sandbox, &["b.oci"])
        .says(AMD64, &[(ONE, "any"), (NAME, "members")])
        .because(NAME, AMD64, &["acme/none@1"]);
}

#[test]
fn a_composite_goes_with_its_members() {
    let order = json!([{"group": [{"id": "acme/one", "version": "1.0.0"}]}]);
    let composite = Module::scripts("acme/all@1.0.0").with("order", order);
    let one = Module::scripts(ONE).with("targets", json!([target("linux", "amd64")]));
    let told = told(&[one, composite]);
    told.says(ARM64, &[(ONE, "targets"), ("acme/all@1.0.0", "members")]);
}

#[test]
fn one_builder_in_two_layouts_is_one() {
    let sandbox = Sandbox::new();
    for architecture in ["amd64", "arm64"] {
        layout_with(&sandbox, &format!("{architecture}.oci"), NAME, |maker| {
            vec![builder_image(
                maker,
                architecture,
                architecture,
                &[Module::scripts(ONE)],
                &|_| {},
            )]
        });
    }
    let told = Told::of(
        &sandbox,
        &["amd64.oci", "arm64.oci", "--require", "linux/amd64,linux/arm64"],
    );
    assert_eq!(told.names().len(), 3, "{:?}", told.names());
    told.says(ARM64, &[(NAME, "yes"), (ONE, "any")]);
}

#[test]
fn a_module_without_an_image_in_any_column_has_a_row_all_the_same() {
    let sandbox = Sandbox::new();
    layout_with(&sandbox, "b.oci", NAME, |maker| {
        vec![
            builder_image(maker, "amd64", "amd64", &[Module::scripts(ONE)], &|_| {}),
            builder_image(maker, "arm64", "arm64", &[], &|_| {}),
        ]
    });
    let run = sandbox.airpack(&["compat", "b.oci", "--platform", ARM64, "--require", ARM64]);
    assert_eq!(run.code, 3, "{run}");
    run.stderr_has(ONE);
}
