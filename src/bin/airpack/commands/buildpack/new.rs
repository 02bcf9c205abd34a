//! `airpack buildpack new`.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::cnb::module::ModuleKind;
use airpack::error::Result;
use clap::Args;

use crate::commands::new;
use crate::output::Output;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: new::Common,
    /// Make a composite: a buildpack that is made of others
    #[arg(long)]
    composite: bool,
}

const EXAMPLES: &str = "\
Each script says what to fill in. With several platforms each has a folder of its own, linux/amd64 and so on. A composite is made with \
a package.toml and with a first buildpack that it is made of. --path is by default the last part of the id, --target linux/amd64. Files that exist are never written over.

Examples:
  airpack buildpack new acme/hello
  airpack buildpack new acme/hello --target linux/amd64 --target linux/arm64 --path ./hello
  airpack buildpack new acme/java --composite -t linux/amd64 -t linux/arm64";

pub(crate) fn run(arguments: Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    arguments
        .common
        .run(ModuleKind::Buildpack, arguments.composite, output, stop)
}
