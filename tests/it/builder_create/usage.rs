//! What is typed wrong.

use crate::support::builder::BuilderInput;
use crate::support::refused::REFERENCE;

#[test]
fn the_file_and_the_layout_are_required() {
    let input = BuilderInput::new();
    input.write();
    for args in [
        &["builder", "create", REFERENCE, "--layout", "out.oci"][..],
        &["builder", "create", REFERENCE, "--config", "builder.toml"],
        &["builder", "create", "--config", "builder.toml", "--layout", "out.oci"],
        &[
            "builder",
            "create",
            REFERENCE,
            "-c",
            "builder.toml",
            "--layout",
            "out.oci",
            "--path",
            "one",
        ],
        &["builder"],
    ] {
        input.sandbox.airpack(args).failed(2);
    }
    assert!(!input.sandbox.join("out.oci").exists());
}

#[test]
fn the_help_names_everything() {
    let run = crate::support::Sandbox::new().airpack(&["builder", "create", "--help"]);
    run.ok();
    for option in [
        "--config",
        "--layout",
        "--from",
        "--target",
        "--label",
        "--annotation",
        "--tag",
        "--flatten",
        "--lifecycle",
        "--lifecycle-dir",
        "--compression",
        "--threads",
        "--allow-unknown-target",
        "--strict",
        "--dry-run",
        "--json",
    ] {
        run.stdout_has(option);
    }
}

#[test]
fn a_reference_that_is_none() {
    let input = BuilderInput::new();
    input.write();
    for reference in ["registry.test/ACME/x:1", "a b", "registry.test/acme/x:", ""] {
        let args = [
            "builder",
            "create",
            reference,
            "--config",
            "builder.toml",
            "--layout",
            "out.oci",
            "--from",
            "base.oci",
        ];
        let run = input.sandbox.airpack(&args);
        assert!(run.code == 1 || run.code == 2, "{run}");
        assert!(!input.sandbox.join("out.oci").exists(), "{reference:?}");
    }
}

#[test]
fn flatten_of_another_form() {
    for group in ["acme/one", "acme/one@", "@1.0.0", "acme/one@1.0.0,acme/two", ""] {
        let run = BuilderInput::new().run_into("out.oci", &["--flatten", group]);
        assert!(run.code == 1 || run.code == 2, "{group:?}{run}");
        run.stderr_has("ID@VERSION");
    }
}

#[test]
fn flatten_of_what_is_not_there() {
    let input = BuilderInput::new();
    for group in ["acme/none@1.0.0", "acme/one@1.0.1", "acme/one@1.0.0,acme/none@9"] {
        let run = input.refused(&["--flatten", group]);
        run.stderr_has("is not in the builder");
        let missing = group.rsplit(',').next().unwrap();
        run.stderr_has(missing);
    }
}

#[test]
fn labels_that_make_the_image_a_builder() {
    let input = BuilderInput::new();
    for label in [
        "io.buildpacks.builder.metadata=x",
        "io.buildpacks.buildpack.layers={}",
        "io.buildpacks.buildpack.order=[]",
    ] {
        let name = label.split('=').next().unwrap();
        input.refused(&["--label", label]).stderr_has(name);
    }
}

#[test]
fn values_that_can_not_be() {
    for args in [
        &["--label", "x"][..],
        &["--annotation", "x"],
        &["--compression", "lzma"],
        &["--threads", "0"],
        &["--target", "linux//x"],
        &["--tag", "a b"],
        &["--lifecycle", "linux/amd64="],
    ] {
        let run = BuilderInput::new().run_into("out.oci", args);
        assert!(run.code == 1 || run.code == 2, "{args:?}{run}");
        run.failed(run.code);
    }
}
