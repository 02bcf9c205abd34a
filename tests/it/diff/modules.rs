//! What matters to who builds with an image: versions, orders, run images, the lifecycle.

use super::{Sandbox, has, json, lacks, text};
use crate::support::builder::BuilderInput;
use crate::support::composites::{BOTH, composite, leaf};

const NAME: &str = "registry.test/acme/x:1";

fn package(sandbox: &Sandbox, path: &str, layout: &str, more: &[&str]) {
    let args = ["buildpack", "package", NAME, "--path", path, "--layout", layout];
    sandbox.airpack(&[&args, more].concat()).ok();
}

#[test]
fn the_same_digest_is_the_same() {
    let sandbox = Sandbox::new();
    leaf(&sandbox, "bp", "acme/one@1.0.0", &BOTH);
    package(&sandbox, "bp", "a.oci", &[]);
    package(&sandbox, "bp", "b.oci", &[]);
    let text = text(&sandbox, &["a.oci", "b.oci:1"], 0);
    has(&text, &["a.oci -> b.oci:1", "the same: all digests are equal"]);
    let report = json(&sandbox, &["a.oci", "b.oci"]);
    assert_eq!(
        (&report["sameness"], &report["changed"]),
        (&"digest".into(), &serde_json::json!([]))
    );
}

#[test]
fn another_compression_is_the_same_content() {
    let sandbox = Sandbox::new();
    leaf(&sandbox, "bp", "acme/one@1.0.0", &BOTH);
    package(&sandbox, "bp", "a.oci", &[]);
    package(&sandbox, "bp", "b.oci", &["--compression", "zstd"]);
    let text = text(&sandbox, &["a.oci", "b.oci"], 3);
    has(
        &text,
        &["the same content", "layer 1 (acme/one@1.0.0): the same content, gzip ("],
    );
    lacks(&text, &["config", "buildpacks"]);
}

#[test]
fn a_new_version_of_a_buildpack() {
    let sandbox = Sandbox::new();
    leaf(&sandbox, "bp", "acme/one@1.0.0", &BOTH);
    package(&sandbox, "bp", "a.oci", &[]);
    leaf(&sandbox, "bp", "acme/one@1.1.0", &BOTH);
    package(&sandbox, "bp", "b.oci", &[]);
    let text = text(&sandbox, &["a.oci", "b.oci"], 3);
    has(
        &text,
        &[
            "acme/one 1.0.0 -> 1.1.0",
            "layer 1 (acme/one@1.0.0 -> acme/one@1.1.0): other content",
            "/cnb/buildpacks/acme_one/1.1.0/buildpack.toml: content",
        ],
    );
    // files are told under the new version's folder, and not as gone and new
    lacks(&text, &["- /cnb", "+ /cnb"]);
}

#[test]
fn other_content_under_one_version() {
    let sandbox = Sandbox::new();
    leaf(&sandbox, "bp", "acme/one@1.0.0", &BOTH);
    package(&sandbox, "bp", "a.oci", &[]);
    sandbox.write("bp/linux/arm64/more", "more");
    package(&sandbox, "bp", "b.oci", &[]);
    let text = text(&sandbox, &["a.oci", "b.oci"], 3);
    // only one of the two platforms has it
    has(
        &text,
        &[
            "buildpacks for linux/arm64",
            "acme/one@1.0.0: other content",
            "+ /cnb/buildpacks/acme_one/1.0.0/more (4 B)",
        ],
    );
    lacks(&text, &["buildpacks for linux/amd64", "linux/amd64: sha256"]);
    let other = super::text(&sandbox, &["a.oci", "b.oci", "--platform", "linux/amd64"], 0);
    has(&other, &["the same"]);
}

#[test]
fn an_order_and_what_is_in_it() {
    let sandbox = Sandbox::new();
    for module in ["one", "two", "three"] {
        leaf(&sandbox, module, &format!("acme/{module}@1.0.0"), &BOTH);
    }
    let targets = "\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n";
    let config = |modules: &[&str]| {
        let dependencies: Vec<String> = modules
            .iter()
            .map(|module| format!("[[dependencies]]\nuri = \"../{module}\"\n"))
            .collect();
        format!("[buildpack]\nuri = \".\"\n{}{targets}", dependencies.concat())
    };
    let make = |layout: &str, modules: &[&str], order: &[&[&str]]| {
        composite(&sandbox, "comp", "acme/comp@1.0.0", order);
        sandbox.write("comp/package.toml", config(modules));
        let args = [
            "buildpack",
            "package",
            NAME,
            "--config",
            "comp/package.toml",
            "--layout",
            layout,
        ];
        sandbox.airpack(&args).ok();
    };
    make("a.oci", &["one", "two"], &[&["acme/one@1.0.0", "acme/two@1.0.0?"]]);
    make("b.oci", &["one", "three"], &[&["acme/one@1.0.0", "acme/three@1.0.0"]]);
    make("c.oci", &["one", "two"], &[&["acme/one@1.0.0"], &["acme/two@1.0.0"]]);
    make("d.oci", &["one", "two"], &[&["acme/two@1.0.0"], &["acme/one@1.0.0"]]);
    let text = text(&sandbox, &["a.oci", "b.oci"], 3);
    has(
        &text,
        &[
            "- acme/two@1.0.0",
            "+ acme/three@1.0.0",
            "- acme/one@1.0.0, acme/two@1.0.0 (optional)",
            "+ acme/one@1.0.0, acme/three@1.0.0",
            "- layer ",
            "+ layer ",
        ],
    );
    let text = super::text(&sandbox, &["c.oci", "d.oci"], 3);
    has(
        &text,
        &["in another order, now:", "1: acme/two@1.0.0", "2: acme/one@1.0.0"],
    );
}

/// A builder as it is, in `a.oci`, and after a change, in `b.oci` of the first's sandbox.
fn builders(change: impl FnOnce(BuilderInput) -> BuilderInput) -> Sandbox {
    let create = |input: &BuilderInput, layout: &str| {
        input.write();
        let args = [
            "builder",
            "create",
            NAME,
            "--config",
            "builder.toml",
            "--layout",
            layout,
            "--from",
            "base.oci",
            "--from",
            "run.oci",
        ];
        input.sandbox.airpack(&args).ok();
    };
    let input = BuilderInput::new();
    create(&input, "a.oci");
    let input = change(input);
    create(&input, "b.oci");
    input.sandbox
}

#[test]
fn a_builder_with_another_version() {
    let sandbox = builders(|input| {
        leaf(&input.sandbox, "one", "acme/one@1.0.1", &BOTH);
        input.replace("version = \"1.0.0\"", "version = \"1.0.1\"")
    });
    let text = text(&sandbox, &["a.oci", "b.oci"], 3);
    has(
        &text,
        &[
            "acme/one 1.0.0 -> 1.0.1",
            "- acme/one@1.0.0, acme/two@2.0.0 (optional)",
            "+ acme/one@1.0.1, acme/two@2.0.0 (optional)",
        ],
    );
    lacks(&text, &["run images", "platforms", "acme/two 2", "buildpacks for"]);
}

#[test]
fn a_builder_with_other_run_images() {
    let sandbox = builders(|input| {
        input.replace(
            "image = \"registry.test/base/run:1\"\n",
            "image = \"registry.test/base/run:1\"\nmirrors = [\"mirror.test/run:1\"]\n",
        )
    });
    let text = text(&sandbox, &["a.oci", "b.oci"], 3);
    has(
        &text,
        &[
            "run images",
            "- registry.test/base/run:1",
            "+ registry.test/base/run:1 (mirrors mirror.test/run:1)",
        ],
    );
}

#[test]
fn a_builder_for_fewer_platforms_and_with_another_description() {
    let sandbox = builders(|input| {
        let input = input.replace("description = \"a builder\"", "description = \"another\"");
        input.replace("\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n", "")
    });
    let text = text(&sandbox, &["a.oci", "b.oci"], 3);
    has(
        &text,
        &[
            "platforms",
            "- linux/arm64",
            "description: \"a builder\" -> \"another\"",
        ],
    );
    let report = json(&sandbox, &["b.oci", "a.oci"]);
    assert_eq!(report["changed"][0]["addedPlatforms"][0]["architecture"], "arm64");
}

#[test]
fn a_builder_beside_a_buildpack() {
    let sandbox = builders(|input| input);
    package(&sandbox, "one", "p.oci", &[]);
    has(
        &text(&sandbox, &["p.oci", "a.oci"], 3),
        &["buildpackage acme/one -> builder", "+ acme/two@2.0.0"],
    );
}
