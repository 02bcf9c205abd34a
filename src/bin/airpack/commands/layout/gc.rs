//! `airpack layout gc`.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::error::Result;
use airpack::oci::json;
use airpack::operations::gc::{GcRequest, run as collect};
use airpack::progress::in_units;
use clap::Args;

use crate::output::Output;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The layout
    #[arg(value_name = "LAYOUT")]
    layout: OsString,
    /// Do it; without this it is only shown
    #[arg(long)]
    write: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Prints digest and size of each blob that nothing leads to from index.json. Signatures and other referrers are kept, and so is what \
they are about. Where a manifest can not be read, nothing is removed. Waits for runs of airpack that add to the layout; other tools \
do not say when they do.

Examples:
  airpack layout gc out.oci
  airpack layout gc out.oci --write";

pub(crate) fn run(arguments: &Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    let request = GcRequest {
        layout: super::whole_layout(&arguments.layout)?,
        write: arguments.write,
    };
    let report = collect(&request, &output.progress(stop))?;
    for stranger in &report.strangers {
        output.note(&format!("`{}` is no blob, and stays", stranger.display()));
    }
    let blobs = match report.removed.len() {
        1 => "1 blob".to_owned(),
        several => format!("{several} blobs"),
    };
    let total = format!("{blobs} of {}", in_units(report.bytes));
    output.note(&match (report.removed.is_empty(), report.written) {
        (true, _) => format!("nothing to remove: all {} blobs are needed", report.kept),
        (false, true) => format!("removed {total}; {} are needed", report.kept),
        (false, false) => format!("{total} can go, {} are needed; --write removes them", report.kept),
    });
    if arguments.json {
        return Output::data(&json::to_pretty(&report));
    }
    let mut text = String::new();
    for removed in &report.removed {
        let _ = writeln!(text, "{}  {}", removed.digest, in_units(removed.size));
    }
    Output::data(&text)
}
