//! `airpack index annotate`.

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::error::Result;
use airpack::operations::index::{AnnotateRequest, annotate};
use clap::Args;

use super::{annotations, show};
use crate::commands::words;
use crate::output::Output;
use crate::pairs::Pair;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, override_usage = USAGE)]
pub(crate) struct Arguments {
    /// The index in a layout: [oci:]DIR:TAG
    #[arg(value_name = "TARGET")]
    target: OsString,
    /// Annotations to set
    #[arg(value_name = "KEY=VALUE", required_unless_present = "remove")]
    set: Vec<Pair>,
    /// An annotation to take away
    #[arg(long, value_name = "KEY")]
    remove: Vec<String>,
    /// Only images for this platform: os/architecture[/variant][:os.version]
    #[arg(long)]
    platform: Option<String>,
    /// Print what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const USAGE: &str = "airpack index annotate [OPTIONS] <TARGET> <KEY=VALUE... | --remove KEY>";

const EXAMPLES: &str = "\
Prints the digest of the new image index. Its name stays. Images behind it keep their digests, so what their own manifests say stays: with --platform it is the entry of an image in the index that is annotated.

Examples:
  airpack index annotate out.oci:1.0 org.opencontainers.image.revision=7fd1a60
  airpack index annotate out.oci:1.0 --platform linux/arm64 com.acme.tested=yes";

pub(crate) fn run(arguments: &Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    let request = AnnotateRequest {
        target: words::location(&arguments.target)?,
        platform: words::platform(arguments.platform.as_deref())?,
        set: annotations(&arguments.set),
        remove: arguments.remove.clone(),
        dry_run: arguments.dry_run,
    };
    let report = annotate(&request, &output.progress(stop))?;
    show(&report, arguments.json, output)
}
