//! `airpack layout rm`.

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::error::Result;
use airpack::oci::json;
use airpack::operations::rm::{Removed, RmRequest, run as rm};
use clap::Args;

use crate::commands::words;
use crate::output::{Output, argument, one_line};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Images of one layout: [oci:]DIR:TAG or DIR@DIGEST, which takes all names of it
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<OsString>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Prints the name or digest of each entry that is gone. All go, or none. Blobs stay until `airpack layout gc`.

Examples:
  airpack layout rm out.oci:1.0 out.oci:0.9
  airpack layout rm out.oci@sha256:...";

pub(crate) fn run(arguments: &Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    let request = RmRequest {
        images: words::locations(&arguments.images)?,
    };
    let report = rm(&request, &output.progress(stop))?;
    for removed in report.removed.iter().filter(|removed| removed.is_still_named) {
        output.note(&format!("{} has another name, and stays", removed.digest));
    }
    output.note(&format!(
        "blobs stay: `airpack layout gc {}` says which are not needed any more",
        argument(&report.layout)
    ));
    if arguments.json {
        return Output::data(&json::to_pretty(&report));
    }
    let line = |removed: &Removed| match &removed.name {
        Some(name) => format!("{}\n", one_line(name)),
        None => format!("{}\n", removed.digest),
    };
    Output::data(&report.removed.iter().map(line).collect::<String>())
}
