//! One file for each command; its path is what is typed. The others are what several of them share.

pub(crate) mod builder;
mod builder_plan;
mod builder_view;
pub(crate) mod buildpack;
pub(crate) mod extension;
pub(crate) mod inspect;
pub(crate) mod layout;
mod order_tree;
mod package;
mod package_plan;
pub(crate) mod pull;
pub(crate) mod push;
pub(crate) mod serve;
mod write_options;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::error::Result;

use crate::cli::Command;
use crate::output::Output;

pub(crate) fn run(command: Command, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    match command {
        Command::Buildpack(buildpack::Command::Package(arguments)) => buildpack::package::run(*arguments, output, stop),
        Command::Extension(extension::Command::Package(arguments)) => extension::package::run(*arguments, output, stop),
        Command::Builder(builder::Command::Create(arguments)) => builder::create::run(*arguments, output, stop),
        Command::Inspect(arguments) => inspect::run(&arguments, output, stop),
        Command::Layout(layout::Command::Export(arguments)) => layout::export::run(&arguments, output, stop),
        Command::Push(arguments) => push::run(&arguments, output, stop),
        Command::Pull(arguments) => pull::run(&arguments, output, stop),
        Command::Serve(arguments) => serve::run(&arguments, output, stop),
    }
}
