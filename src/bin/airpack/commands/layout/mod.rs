//! `airpack layout`.

pub(crate) mod export;
pub(crate) mod gc;
pub(crate) mod validate;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::error::Result;
use clap::Subcommand;

use super::Outcome;
use crate::output::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write images of a layout in the form that another tool wants: the lifecycle, a container runtime, a chroot
    Export(Box<export::Arguments>),
    /// Check a layout: every blob, layer and platform, and which other tools can read it
    Validate(validate::Arguments),
    /// Remove blobs that nothing leads to
    Gc(gc::Arguments),
}

pub(crate) fn run(command: Command, output: &Output, stop: &Arc<AtomicBool>) -> Result<Outcome> {
    let done = match command {
        Command::Validate(arguments) => return validate::run(&arguments, output, stop),
        Command::Export(arguments) => export::run(&arguments, output, stop),
        Command::Gc(arguments) => gc::run(&arguments, output, stop),
    };
    done.map(|()| Outcome::Done)
}
