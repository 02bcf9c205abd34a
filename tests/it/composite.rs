//! `airpack buildpack package` of composites: where their parts come from, what each target gets, and what is refused.

mod chains;
mod contradictions;
mod damaged_packages;
mod dry_run;
mod flatten;
mod flatten_options;
mod flattened_dependencies;
mod hostile_layers;
mod labels;
mod layers_as_they_are;
mod leaving_out;
mod leaving_out_cascades;
mod leaving_out_errors;
mod missing_platforms;
mod names;
mod names_and_sources;
mod nested;
mod no_buildpackage;
mod order_errors;
mod per_target;
mod reproducible;
mod same_digest;
mod sources;
mod stacks;
mod uris_refused;
mod wrong_labels;

use std::sync::LazyLock;

use crate::support::composed::Composed;
use crate::support::composites::{BOTH, COMP, comp_of_two, composite, dependency_line, package_toml};
use crate::support::refused::{REFERENCE, points_into, refused};
use crate::support::tar_maker::{TarFormat, members_of, tar};
use crate::support::{Run, Sandbox};

/// Packages the buildpack in a folder under a name of its own into a layout of the sandbox.
#[track_caller]
fn package_into(sandbox: &Sandbox, layout: &str, name: &str, folder: &str, more: &[&str]) {
    let args = [
        "buildpack",
        "package",
        name,
        "--path",
        folder,
        "--layout",
        layout,
        "--quiet",
    ];
    sandbox.airpack(&[&args[..], more].concat()).digest();
}

/// The same for what a `package.toml` says.
#[track_caller]
fn compose_into(sandbox: &Sandbox, layout: &str, name: &str, config: &str, more: &[&str]) -> Run {
    let args = [
        "buildpack",
        "package",
        name,
        "--config",
        config,
        "--layout",
        layout,
        "--quiet",
    ];
    let run = sandbox.airpack(&[&args[..], more].concat());
    run.ok();
    run
}

/// Packs a layout of the sandbox into one file, as `.cnb` and oci-archive are.
fn archive_layout(sandbox: &Sandbox, layout: &str, file: &str) {
    sandbox.write(file, tar(TarFormat::Ustar, &members_of(&sandbox.join(layout), "")));
}

/// The file that [`comp_with`] writes.
const CONFIG: &str = "config/package.toml";

/// The digest of `comp` of the folders `one` and `two`. However else the same leaves are named, it has to come out again.
static FROM_FOLDERS: LazyLock<String> = LazyLock::new(|| {
    let sandbox = comp_of_two();
    comp_with(&sandbox, &["../one", "../two"]);
    let composed = Composed::config(sandbox, CONFIG);
    composed.0.run.stderr_lacks("warning");
    composed.digest().to_owned()
});

/// A sandbox with the leaves `one` and `two`, packaged as `registry.test/acme/one:1` and `.../two:1` into `images.oci`.
fn images_of_two() -> Sandbox {
    let sandbox = comp_of_two();
    for name in ["one", "two"] {
        package_into(
            &sandbox,
            "images.oci",
            &format!("registry.test/acme/{name}:1"),
            name,
            &[],
        );
    }
    sandbox
}

/// Writes `comp` with these dependencies, its `package.toml` outside so that it is in no layer.
fn comp_with(sandbox: &Sandbox, dependencies: &[&str]) {
    composite(sandbox, "comp", "acme/comp@1.0.0", COMP);
    std::fs::remove_file(sandbox.join("comp/package.toml")).ok();
    package_toml(sandbox, CONFIG, "../comp", dependencies, &BOTH);
}

/// What a `package.toml` says can not be packaged; gives the run. It tells all these texts.
#[track_caller]
fn refuse(sandbox: &Sandbox, config: &str, says: &[&str]) -> Run {
    let run = refused(sandbox, &["--config", config]);
    for text in says {
        run.stderr_has(text);
    }
    run
}

/// The run points at the entry of a dependency, counted from 0, in a `package.toml`.
#[track_caller]
fn points_at_dependency(run: &Run, config: &str, number: usize) {
    let line = dependency_line(number);
    points_into(run, config, line - 1..=line);
}

/// Runs the tool with `REFERENCE`, a `package.toml` and a layout of the sandbox.
fn run_config(sandbox: &Sandbox, config: &str, layout: &str, more: &[&str]) -> Run {
    let args = [
        "buildpack",
        "package",
        REFERENCE,
        "--config",
        config,
        "--layout",
        layout,
    ];
    sandbox.airpack(&[&args[..], more].concat())
}
