//! `airpack buildpack package`: which images are made, and from which files.

mod command_line;
mod default_target;
mod descriptor_of_a_folder;
mod distros;
mod dry_run;
mod folder;
mod links;
mod other_targets_folders;
mod path_of_a_target;
mod shared_files;

use crate::support::tree::{HEAD, Tree};

/// A tree of `buildpack.toml` with these targets, and the rest.
fn tree_of<'a>(toml: &'a str, rest: Tree<'a>) -> Vec<(&'a str, &'a str)> {
    [&[("buildpack.toml", toml)], rest].concat()
}

/// `buildpack.toml` with one target that has these lines more.
fn target_with(lines: &str) -> String {
    format!("{HEAD}\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n{lines}")
}

fn distro(name: &str, version: &str) -> String {
    let version = if version.is_empty() {
        String::new()
    } else {
        format!("version = \"{version}\"\n")
    };
    format!("[[targets.distros]]\nname = \"{name}\"\n{version}")
}
