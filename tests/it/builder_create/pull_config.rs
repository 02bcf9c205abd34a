//! `airpack pull --config builder.toml`: everything that a builder needs, in one go.

use crate::support::Sandbox;
use crate::support::builder::BuilderInput;
use crate::support::layout_view::LayoutView;
use crate::support::registry::DebianRegistry;
use crate::support::test_layout::make_layout;

/// Puts an image into the registry and gives its name there.
fn publish(registry: &DebianRegistry, sandbox: &Sandbox, name: &str, spec: &serde_json::Value) -> String {
    let folder = name.replace(['/', ':'], "-");
    make_layout(&sandbox.join(&folder), Some(&format!("published.test/{name}")), spec);
    let full = registry.name(name);
    sandbox.airpack(&["push", &folder, &full]).ok();
    full
}

#[test]
fn brings_all_images_that_it_names() {
    let Some(registry) = DebianRegistry::plain() else {
        return;
    };
    let input = BuilderInput::new();
    let build = publish(&registry, &input.sandbox, "base/build:1", &input.build);
    let run = publish(&registry, &input.sandbox, "base/run:2", &input.run);
    let one = registry.name("acme/one:3");
    super::package_into(
        &input.sandbox,
        "buildpack",
        "packaged.oci",
        "registry.test/acme/one:3",
        &["--path", "one"],
    );
    input.sandbox.airpack(&["push", "packaged.oci", &one]).ok();
    let mut input = input
        .replace("registry.test/base/build:1", &build)
        .replace("registry.test/base/run:1", &run)
        .replace("uri = \"one\"", &format!("image = \"{one}\""));
    input.from = vec!["pulled.oci".to_owned()];
    // what is on disk is not asked for
    input.build = serde_json::Value::Null;
    input.run = serde_json::Value::Null;
    input.write();
    let pull = ["pull", "--config", "builder.toml", "--layout", "pulled.oci"];
    let dry = input.sandbox.airpack(&[&pull[..], &["--dry-run"]].concat());
    dry.ok();
    for name in [&build, &run, &one] {
        dry.stdout_has(name);
    }
    assert!(!input.sandbox.join("pulled.oci").exists());
    input.sandbox.airpack(&pull).ok();
    let layout = LayoutView::open(input.sandbox.join("pulled.oci"));
    layout.check_whole();
    let mut tags = layout.tags();
    tags.sort_unstable();
    assert_eq!(tags, ["1", "2", "3"]);
    // and now a builder can be made of it, with no registry
    drop(registry);
    let created = input.created(&["--strict"]).without_warnings();
    assert_eq!(created.modules("linux/arm64"), ["acme/one@1.0.0", "acme/two@2.0.0"]);
}

#[test]
fn brings_the_lifecycle_too() {
    let Some(registry) = DebianRegistry::plain() else {
        return;
    };
    let input = BuilderInput::amd64();
    let build = publish(&registry, &input.sandbox, "base/build:1", &input.build);
    let lifecycle = publish(&registry, &input.sandbox, "base/lifecycle:4", &input.run);
    let run = publish(&registry, &input.sandbox, "base/run:2", &input.run);
    let input = input
        .replace("registry.test/base/build:1", &build)
        .replace("registry.test/base/run:1", &run)
        .replace("uri = \"lifecycle\"", &format!("uri = \"docker://{lifecycle}\""));
    input.sandbox.write("builder.toml", &input.toml);
    input
        .sandbox
        .airpack(&["pull", "--config", "builder.toml", "--layout", "pulled.oci"])
        .ok();
    let layout = LayoutView::open(input.sandbox.join("pulled.oci"));
    let mut tags = layout.tags();
    tags.sort_unstable();
    assert_eq!(tags, ["1", "2", "4"]);
    // for the targets of the file
    assert_eq!(layout.image_index("4").platforms(), ["linux/amd64"]);
}

#[test]
fn a_path_of_a_lifecycle_is_no_name() {
    let Some(registry) = DebianRegistry::plain() else {
        return;
    };
    let input = BuilderInput::amd64();
    let build = publish(&registry, &input.sandbox, "base/build:1", &input.build);
    let run = publish(&registry, &input.sandbox, "base/run:2", &input.run);
    for uri in ["lifecycle", "../lifecycle.tgz", "lifecycle/lifecycle-v*.tgz"] {
        let toml = input
            .toml
            .replace("registry.test/base/build:1", &build)
            .replace("registry.test/base/run:1", &run)
            .replace("uri = \"lifecycle\"", &format!("uri = \"{uri}\""));
        input.sandbox.write("builder.toml", toml);
        // it may be where the builder will be made, and not here
        let pull = ["pull", "--config", "builder.toml", "--layout", "pulled.oci"];
        input.sandbox.airpack(&pull).ok();
    }
}

#[test]
fn faults_of_the_file() {
    let input = BuilderInput::new().replace("description =", "descripton =");
    input.sandbox.write("builder.toml", &input.toml);
    let run = input
        .sandbox
        .airpack(&["pull", "--config", "builder.toml", "--layout", "pulled.oci"]);
    run.failed(1).stderr_has("descripton");
    assert!(!input.sandbox.join("pulled.oci").exists());
}
