//! The table of a builder with a gap, in each of its forms.

use std::path::Path;

use super::{Module, builder_image, layout_with};
use crate::support::builder::BuilderInput;
use crate::support::{Run, Sandbox};

const ONE: &str = "acme/one@1.0.0";

/// A builder whose second buildpack is not there for arm64.
pub(super) fn builder_with_a_gap() -> BuilderInput {
    let input = BuilderInput::new();
    std::fs::remove_dir_all(input.sandbox.join("two/linux/arm64")).unwrap();
    let out = "[[modules]]\nid = \"acme/two\"\ntargets = [\"linux/amd64\"]\n";
    input.sandbox.write("airpack.toml", out);
    input.run_into("builder.oci", &[]).digest();
    input
}

/// Compares with a file of the fixtures; `BLESS=1` writes it.
#[track_caller]
fn as_in(name: &str, run: &Run) {
    run.ok();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/compat").join(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, &run.stdout).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap();
    assert!(run.stdout == expected, "{name} is\n{expected}\nbut it is{run}");
}

#[test]
fn a_builder_with_a_gap() {
    let input = builder_with_a_gap();
    let compat = |more: &[&str]| {
        let args = [&["compat", "builder.oci", "--from", "run.oci"], more].concat();
        input.sandbox.airpack(&args)
    };
    as_in("gap.txt", &compat(&[]));
    as_in("gap.md", &compat(&["--format", "markdown"]));
    as_in("gap.json", &compat(&["--json"]));
}

#[test]
fn the_same_gap_before_the_builder_is_made() {
    let input = builder_with_a_gap();
    let args = [
        "compat",
        "--config",
        "builder.toml",
        "--from",
        "base.oci",
        "--from",
        "run.oci",
    ];
    as_in("gap-of-toml.txt", &input.sandbox.airpack(&args));
}

#[test]
fn only_the_columns_that_are_asked_for() {
    let input = builder_with_a_gap();
    let args = [
        "compat",
        "builder.oci",
        "--from",
        "run.oci",
        "--platform",
        "linux/arm64,linux/s390x",
    ];
    let run = input.sandbox.airpack(&args);
    run.ok();
    let head = run.stdout.lines().next().unwrap();
    assert!(head.ends_with("linux/arm64       linux/s390x"), "{run}");
}

#[test]
fn parts_of_several_builders_are_told_apart() {
    let sandbox = Sandbox::new();
    for (folder, name, program) in [
        ("a.oci", "registry.test/acme/a:1", "amd64"),
        ("b.oci", "registry.test/acme/b:1", "arm64"),
    ] {
        layout_with(&sandbox, folder, name, |maker| {
            let module = Module::scripts(ONE).program_for(program);
            vec![builder_image(maker, "amd64", "amd64", &[module], &|_| {})]
        });
    }
    let one = sandbox.airpack(&["compat", "a.oci"]);
    one.ok();
    assert!(!one.stdout.contains("PART OF"), "{one}");
    let both = sandbox.airpack(&["compat", "a.oci", "b.oci"]);
    both.ok()
        .stdout_has("KIND       COMPONENT               PART OF")
        .stdout_has("buildpack acme/one@1.0.0 of registry.test/acme/b:1: ");
    assert!(
        !both
            .stdout
            .contains("buildpack acme/one@1.0.0 of registry.test/acme/a:1: "),
        "{both}"
    );
}
