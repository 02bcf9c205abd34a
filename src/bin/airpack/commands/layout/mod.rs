//! `airpack layout`.

pub(crate) mod export;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write images of a layout in the form that another tool wants: the lifecycle, a container runtime, a chroot
    Export(Box<export::Arguments>),
}
