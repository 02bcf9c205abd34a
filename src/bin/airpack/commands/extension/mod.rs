//! `airpack extension`.

pub(crate) mod new;
pub(crate) mod package;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the files of an extension, to be filled in
    New(new::Arguments),
    /// Write an extension into an OCI image layout or a file: one image for each target, and an image index in front of them
    Package(Box<package::Arguments>),
}
