//! `airpack builder create`: what goes into a builder for each target, where it comes from, what is checked before anything is
//! written, and what others read of it.
//!
//! The released lifecycle is not to be had where these tests run. A small stand-in with the same files takes its place, see
//! `support::builder::Lifecycle`.

mod all_at_once;
mod build_env;
mod build_image;
mod composites;
mod config;
mod corners;
mod distros;
mod dry_run;
mod end_to_end;
mod extensions;
mod files_of_a_builder;
mod fixture;
mod flatten;
mod layers;
mod leaving_out;
mod lifecycle_archives;
mod lifecycle_faults;
mod lifecycle_sources;
mod many_layers;
mod modules;
mod on_a_builder;
mod options;
mod order_references;
mod other_tools;
mod pull_config;
mod reproducible;
mod run_images;
mod shared_layers;
mod source_faults;
mod sources;
mod stack;
mod targets;
mod toml_faults;
mod usage;

use std::sync::LazyLock;

use crate::support::builder::BuilderInput;
use crate::support::{Run, Sandbox};

/// The digest of the builder of the folders `one` and `two`. However else the same parts are named, it has to come out
/// again.
static FROM_FOLDERS: LazyLock<String> =
    LazyLock::new(|| BuilderInput::new().created(&[]).without_warnings().digest().to_owned());

/// Packages the buildpack or extension in a folder under a name of its own into a layout of the sandbox.
#[track_caller]
fn package_into(sandbox: &Sandbox, kind: &str, layout: &str, name: &str, args: &[&str]) -> Run {
    let own = [kind, "package", name, "--layout", layout, "--quiet"];
    let run = sandbox.airpack(&[&own[..], args].concat());
    run.digest();
    run
}

/// Packages the folders `one` and `two` as `registry.test/acme/one:1` and `.../two:1` into `images.oci`.
#[track_caller]
fn package_one_and_two(sandbox: &Sandbox) {
    for folder in ["one", "two"] {
        let name = format!("registry.test/acme/{folder}:1");
        package_into(sandbox, "buildpack", "images.oci", &name, &["--path", folder]);
    }
}
