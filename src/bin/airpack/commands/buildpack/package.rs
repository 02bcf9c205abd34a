//! `airpack buildpack package`.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::cnb::module::ModuleKind;
use airpack::error::{Error, Result};
use clap::Args;

use crate::commands::package;
use crate::output::Output;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: package::Common,
    /// Put all buildpacks of a composite into one layer, which the distribution spec does not allow
    #[arg(long)]
    flatten: bool,
    /// With --flatten: a buildpack that gets a layer of its own all the same
    #[arg(
        long = "flatten-exclude",
        value_name = "ID@VERSION",
        requires = "flatten",
        hide_short_help = true,
        value_delimiter = ','
    )]
    flatten_exclude: Vec<String>,
}

const EXAMPLES: &str = "\
Prints the digest of the image index, or with --format file the names of the files. SOURCE_DATE_EPOCH sets the time that images \
bear, and nothing else. --path is by default the `uri` in --config, else the current folder.

Examples:
  airpack buildpack package docker.io/acme/hello:1.0 --path ./hello --layout out.oci
  airpack buildpack package acme/hello:1.0 -p hello.tgz --layout out.oci -t linux/amd64,linux/arm64
  airpack buildpack package acme/java:2.0 -c package.toml --layout out.oci --from base.oci --dry-run
  airpack buildpack package hello.cnb --format file --path ./hello";

pub(crate) fn run(arguments: Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    let (common, mut request) = arguments.common.request(ModuleKind::Buildpack)?;
    request.flatten = arguments.flatten;
    for name in arguments.flatten_exclude {
        if !name
            .split_once('@')
            .is_some_and(|(id, version)| !id.is_empty() && !version.is_empty())
        {
            return Err(Error::invalid(format!("--flatten-exclude `{name}` is not of the form ID@VERSION")).as_usage());
        }
        request.flatten_exclude.insert(name);
    }
    package::run(&request, common, output, stop)
}
