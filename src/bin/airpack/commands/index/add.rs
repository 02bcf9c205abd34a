//! `airpack index add`.

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::error::Result;
use airpack::operations::index::{AddRequest, add};
use clap::Args;

use super::{annotations, bringing, show};
use crate::commands::words;
use crate::output::Output;
use crate::pairs::Pair;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The index in a layout: [oci:]DIR:TAG
    #[arg(value_name = "TARGET")]
    target: OsString,
    /// A layout, .cnb or other archive, or one image in it: [oci:]PATH[:TAG|@DIGEST]
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<OsString>,
    /// Annotation of the image index, and of each manifest that is made
    #[arg(long = "annotation", value_name = "KEY=VALUE")]
    annotations: Vec<Pair>,
    /// Put images of different kinds behind one index
    #[arg(long)]
    force: bool,
    /// Print what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Prints the digest of the new image index. Its name stays. An image for a platform that the index has takes the place of the other; \
an image without an index gets one.

Examples:
  airpack index add out.oci:1.0 arm64.oci:1.0
  airpack index add out.oci:1.0 hello-linux-arm64.cnb --dry-run";

pub(crate) fn run(arguments: &Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    let request = AddRequest {
        target: words::location(&arguments.target)?,
        images: words::locations(&arguments.images)?,
        annotations: annotations(&arguments.annotations),
        force: arguments.force,
        how: bringing(arguments.dry_run),
    };
    let report = add(&request, &output.progress(stop))?;
    show(&report, arguments.json, output)
}
