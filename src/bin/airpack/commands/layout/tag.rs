//! `airpack layout tag`.

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::error::Result;
use airpack::oci::json;
use airpack::operations::tag::{TagRequest, run as tag};
use clap::Args;

use crate::commands::words;
use crate::output::Output;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// One image in a layout: [oci:]DIR[:TAG|@DIGEST]
    #[arg(value_name = "IMAGE")]
    image: OsString,
    /// The new name: a whole name, or a tag, which stays in the repository of the image's name
    #[arg(value_name = "TAG|REF")]
    name: String,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Prints the digest of the image. Other names of it stay.

Examples:
  airpack layout tag out.oci:1.0 stable
  airpack layout tag out.oci@sha256:... registry.corp/acme/hello:1.0";

pub(crate) fn run(arguments: &Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    words::check_name_is_no_image(&arguments.name)?;
    let request = TagRequest {
        image: words::location(&arguments.image)?,
        name: arguments.name.clone(),
    };
    let report = tag(&request, &output.progress(stop))?;
    let replaced = report.replaced.as_ref();
    let replaced = replaced
        .map(|digest| format!(", in place of {digest}"))
        .unwrap_or_default();
    output.note(&format!(
        "{} is oci:{}:{}{replaced}",
        report.name,
        report.layout.display(),
        report.ref_name
    ));
    if arguments.json {
        return Output::data(&json::to_pretty(&report));
    }
    Output::data(&format!("{}\n", report.digest))
}
