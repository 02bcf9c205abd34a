//! `airpack buildpack`.

pub(crate) mod package;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a buildpack into an OCI image layout or a file: one image for each target, and an image index in front of them
    Package(Box<package::Arguments>),
}
