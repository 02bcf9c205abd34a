//! `airpack index remove`.

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::error::Result;
use airpack::operations::index::{RemoveRequest, remove};
use clap::Args;

use super::show;
use crate::commands::words;
use crate::output::Output;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The index in a layout: [oci:]DIR:TAG
    #[arg(value_name = "TARGET")]
    target: OsString,
    /// What the images are for: os/architecture[/variant][:os.version]
    #[arg(value_name = "PLATFORM", required = true, value_delimiter = ',')]
    platforms: Vec<String>,
    /// Print what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Prints the digest of the new image index. Its name stays, and so do the blobs of what was removed: `airpack layout gc` frees them.

Example:
  airpack index remove out.oci:1.0 linux/s390x linux/arm/v7";

pub(crate) fn run(arguments: &Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    let request = RemoveRequest {
        target: words::location(&arguments.target)?,
        platforms: words::platforms(&arguments.platforms)?,
        dry_run: arguments.dry_run,
    };
    let report = remove(&request, &output.progress(stop))?;
    show(&report, arguments.json, output)
}
