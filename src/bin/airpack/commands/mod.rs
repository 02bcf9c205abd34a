//! One file for each command; its path is what is typed. The others are what several of them share.

pub(crate) mod builder;
mod builder_plan;
mod builder_view;
pub(crate) mod buildpack;
pub(crate) mod compat;
pub(crate) mod completions;
pub(crate) mod diff;
pub(crate) mod extension;
pub(crate) mod index;
pub(crate) mod inspect;
pub(crate) mod layout;
pub(crate) mod man;
mod new;
mod order_tree;
mod package;
mod package_plan;
pub(crate) mod pull;
pub(crate) mod push;
pub(crate) mod serve;
pub(crate) mod version;
mod words;
pub(crate) mod write_options;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::error::Result;

use crate::cli::Command;
use crate::output::Output;

/// How a command ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It did what it should, and nothing that was checked is wrong.
    Done,
    /// A check found faults, which were printed.
    FaultsFound,
}

pub(crate) fn run(command: Command, output: &Output, stop: &Arc<AtomicBool>) -> Result<Outcome> {
    let done = match command {
        Command::Buildpack(buildpack::Command::New(arguments)) => buildpack::new::run(arguments, output, stop),
        Command::Buildpack(buildpack::Command::Migrate(arguments)) => buildpack::migrate::run(&arguments, output, stop),
        Command::Buildpack(buildpack::Command::Package(arguments)) => buildpack::package::run(*arguments, output, stop),
        Command::Extension(extension::Command::New(arguments)) => extension::new::run(arguments, output, stop),
        Command::Extension(extension::Command::Package(arguments)) => extension::package::run(*arguments, output, stop),
        Command::Builder(builder::Command::Create(arguments)) => builder::create::run(*arguments, output, stop),
        Command::Index(command) => index::run(command, output, stop),
        Command::Inspect(arguments) => inspect::run(&arguments, output, stop),
        Command::Compat(arguments) => return compat::run(&arguments, output, stop),
        Command::Diff(arguments) => return diff::run(&arguments, output, stop),
        Command::Layout(command) => return layout::run(command, output, stop),
        Command::Push(arguments) => push::run(&arguments, output, stop),
        Command::Pull(arguments) => pull::run(&arguments, output, stop),
        Command::Serve(arguments) => serve::run(&arguments, output, stop),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments, output),
        Command::Version(arguments) => version::run(&arguments),
    };
    done.map(|()| Outcome::Done)
}
