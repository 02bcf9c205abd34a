//! The command tree, and the options that all commands have.

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::commands::{
    builder, buildpack, compat, completions, diff, extension, index, inspect, layout, man, pull, push, serve, version,
};

/// Packages Cloud Native Buildpacks for several platforms at once, offline.
///
/// Reads buildpacks from disk and writes them as OCI images into an image layout: no daemon, no registry. Only `push` and `pull`
/// open connections; `serve` waits for some.
#[derive(Debug, Parser)]
#[command(name = "airpack", version, arg_required_else_help = true, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) terminal: Terminal,
}

const EXAMPLES: &str = "\
Examples:
  airpack buildpack package docker.io/acme/hello:1.0 --path ./hello --layout out.oci
  airpack inspect out.oci
  airpack push out.oci:1.0 registry.corp/acme/hello:1.0

Exit codes: 0 done, 1 it failed, 2 wrong usage, 3 a check found faults.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make, migrate and package buildpacks
    #[command(
        subcommand,
        after_help = "Example:\n  airpack buildpack package docker.io/acme/hello:1.0 --path ./hello --layout out.oci"
    )]
    Buildpack(buildpack::Command),
    /// Make and package extensions
    #[command(
        subcommand,
        after_help = "Example:\n  airpack extension package docker.io/acme/curl:1.0 --path ./curl --layout out.oci"
    )]
    Extension(extension::Command),
    /// Make builders
    #[command(
        subcommand,
        after_help = "Example:\n  airpack builder create acme/builder:1 --config builder.toml --layout out.oci"
    )]
    Builder(builder::Command),
    /// Make and edit image indexes in a layout
    #[command(
        subcommand,
        after_help = "Example:\n  airpack index create docker.io/acme/hello:1.0 amd64.oci arm64.oci --layout out.oci"
    )]
    Index(index::Command),
    /// Show which components are there for which platforms, and why others are not
    Compat(compat::Arguments),
    /// Show what is in a layout or an archive: index, platforms, config, labels, layers and their files
    Inspect(inspect::Arguments),
    /// Compare two images: versions, order, platforms, config, layers and their files
    Diff(diff::Arguments),
    /// Look after a layout: list, name, copy, check, clean, import, export
    #[command(
        subcommand,
        after_help = "Example:\n  airpack layout export builder.oci:1.0 --lifecycle-tree repo --platform linux/amd64"
    )]
    Layout(layout::Command),
    /// Copy images from a layout or an archive to a registry
    Push(Box<push::Arguments>),
    /// Copy images from registries into a layout
    Pull(Box<pull::Arguments>),
    /// Offer a layout as a registry to read from, on this machine
    Serve(serve::Arguments),
    /// Print what completes commands and flags in a shell
    Completions(completions::Arguments),
    /// Print the manual, or write its pages
    Man(man::Arguments),
    /// Print the version, and what the bytes of layers depend on
    Version(version::Arguments),
}

impl Cli {
    /// The answer to flags that exclude each other in a way that clap does not know.
    pub(crate) fn contradiction(&self) -> Option<clap::Error> {
        let (path, common) = match &self.command {
            Command::Buildpack(buildpack::Command::Package(arguments)) => (["buildpack", "package"], &arguments.common),
            Command::Extension(extension::Command::Package(arguments)) => (["extension", "package"], &arguments.common),
            _ => return None,
        };
        let message = common.contradiction()?;
        let mut command = Self::command();
        command.build();
        let mut at = &mut command;
        for name in path {
            at = at.find_subcommand_mut(name)?;
        }
        Some(at.error(clap::error::ErrorKind::ArgumentConflict, message))
    }
}

/// What all commands say to the terminal, and how.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Terminal {
    /// Say nothing but the result, warnings and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Say more
    #[arg(short, long, global = true, conflicts_with = "quiet", hide_short_help = true)]
    pub(crate) verbose: bool,
    /// How long work is shown: bars on a terminal, lines elsewhere, or nothing
    #[arg(
        long,
        global = true,
        value_name = "HOW",
        default_value = "auto",
        hide_short_help = true
    )]
    pub(crate) progress: ProgressMode,
    /// When colours are used; `auto` also respects `NO_COLOR`
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_short_help = true
    )]
    pub(crate) color: ColorMode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressMode {
    Auto,
    Plain,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorMode {
    Auto,
    Always,
    Never,
}
