//! `airpack buildpack`.

pub(crate) mod migrate;
pub(crate) mod new;
pub(crate) mod package;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the files of a buildpack, to be filled in
    New(new::Arguments),
    /// Bring a buildpack to targets and platform folders: shows what changes, or does it
    Migrate(migrate::Arguments),
    /// Write a buildpack into an OCI image layout or a file: one image for each target, and an image index in front of them
    Package(Box<package::Arguments>),
}
