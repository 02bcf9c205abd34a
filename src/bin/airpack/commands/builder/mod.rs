//! `airpack builder`.

pub(crate) mod create;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a builder: one image per target, behind an image index
    Create(Box<create::Arguments>),
}
