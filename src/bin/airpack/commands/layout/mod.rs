//! `airpack layout`.

pub(crate) mod copy;
pub(crate) mod export;
pub(crate) mod gc;
pub(crate) mod import;
pub(crate) mod ls;
pub(crate) mod rm;
pub(crate) mod tag;
pub(crate) mod validate;

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::error::{Error, Result};
use clap::Subcommand;

use super::Outcome;
use crate::commands::words;
use crate::output::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List images: names, kinds, platforms, sizes
    Ls(ls::Arguments),
    /// Give an image another name
    Tag(tag::Arguments),
    /// Take names of images out
    Rm(rm::Arguments),
    /// Copy images from a layout or an archive to a layout, with hard links where that is possible
    Copy(copy::Arguments),
    /// Check a layout: every blob, layer and platform, and which other tools can read it
    Validate(validate::Arguments),
    /// Remove blobs that nothing leads to
    Gc(gc::Arguments),
    /// Bring images of any layout or archive into a layout, in the form that every tool reads
    Import(import::Arguments),
    /// Write images of a layout in the form that another tool wants: the lifecycle, a container runtime, a chroot
    Export(Box<export::Arguments>),
}

/// The folder of a layout that is meant as a whole, `[oci:]DIR`.
fn whole_layout(text: &OsStr) -> Result<PathBuf> {
    let location = words::location(text)?;
    if location.selector.is_some() {
        return Err(Error::invalid(format!(
            "`{}` is one image, and this is about whole layouts",
            text.to_string_lossy()
        ))
        .with_hint(format!("give `{}`", location.layout.display()))
        .as_usage());
    }
    Ok(location.layout)
}

pub(crate) fn run(command: Command, output: &Output, stop: &Arc<AtomicBool>) -> Result<Outcome> {
    let done = match command {
        Command::Validate(arguments) => return validate::run(&arguments, output, stop),
        Command::Export(arguments) => export::run(&arguments, output, stop),
        Command::Gc(arguments) => gc::run(&arguments, output, stop),
        Command::Ls(arguments) => ls::run(&arguments, output, stop),
        Command::Tag(arguments) => tag::run(&arguments, output, stop),
        Command::Rm(arguments) => rm::run(&arguments, output, stop),
        Command::Copy(arguments) => copy::run(&arguments, output, stop),
        Command::Import(arguments) => import::run(&arguments, output, stop),
    };
    done.map(|()| Outcome::Done)
}
