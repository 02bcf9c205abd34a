//! `airpack extension package`.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::cnb::module::ModuleKind;
use airpack::error::Result;
use clap::Args;

use crate::commands::package;
use crate::output::Output;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: package::Common,
}

const EXAMPLES: &str = "\
Prints the digest of the image index, or with --format file the names of the files. SOURCE_DATE_EPOCH sets the time that images \
bear, and nothing else. --path is by default the `uri` in --config, else the current folder.

Examples:
  airpack extension package docker.io/acme/curl:1.0 --path ./curl --layout out.oci
  airpack extension package acme/curl:1.0 -p ./curl --layout out.oci -t linux/amd64,linux/arm64
  airpack extension package curl.cnb --format file --path ./curl";

pub(crate) fn run(arguments: Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    let (common, request) = arguments.common.request(ModuleKind::Extension)?;
    package::run(&request, common, output, stop)
}
