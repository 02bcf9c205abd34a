//! `airpack extension new`.

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
}

const EXAMPLES: &str = "\
Each script says what to fill in. With several platforms each has a folder of its own, linux/amd64 and so on. --path is by default the last part of the id, --target linux/amd64. Files that exist are \
never written over.

Examples:
  airpack extension new acme/curl
  airpack extension new acme/curl --target linux/amd64 --target linux/arm64 --path ./curl";

pub(crate) fn run(arguments: Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    arguments.common.run(ModuleKind::Extension, false, output, stop)
}
