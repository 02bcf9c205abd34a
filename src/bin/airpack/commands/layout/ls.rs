//! `airpack layout ls`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::error::Result;
use airpack::oci::json;
use airpack::operations::ls::{Listed, LsReport, run as ls};
use airpack::progress::in_units as size;
use clap::Args;

use crate::output::Output;
use crate::table::Table;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// OCI image layout
    #[arg(value_name = "LAYOUT")]
    layout: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
SIZE is that of all blobs of an image, SHARED of those that another image of the layout has as well. Manifests and configs are \
read and verified; of layers only the length is looked at.

Example:
  airpack layout ls out.oci";

pub(crate) fn run(arguments: &Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    let plain = arguments.layout.to_str().and_then(|text| text.strip_prefix("oci:"));
    let layout = plain.map_or_else(|| arguments.layout.clone(), PathBuf::from);
    let report = ls(&layout, &output.progress(stop))?;
    if arguments.json {
        return Output::data(&json::to_pretty(&report));
    }
    Output::data(&(table(&report) + &summary(&report)))
}

fn table(report: &LsReport) -> String {
    if report.images.is_empty() {
        return String::new();
    }
    let mut table = Table::new(["TAG", "NAME", "KIND", "PLATFORMS", "SIZE", "SHARED", "DIGEST"]);
    for image in &report.images {
        table.row(row(image));
    }
    table.text()
}

fn row(image: &Listed) -> [String; 7] {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let platforms: Vec<String> = image.platforms.iter().map(ToString::to_string).collect();
    let kind = match (&image.damage, &image.kind) {
        (Some(damage), Some(kind)) => format!("{kind}, damaged: {damage}"),
        (Some(damage), None) => format!("damaged: {damage}"),
        (None, kind) => or_dash(kind),
    };
    let is_known = image.kind.is_some();
    let bytes = |bytes: u64| if is_known { size(bytes) } else { "-".to_owned() };
    [
        or_dash(&image.ref_name),
        or_dash(&image.name),
        kind,
        if platforms.is_empty() {
            "-".to_owned()
        } else {
            platforms.join(", ")
        },
        bytes(image.size),
        bytes(image.shared),
        format!("{}:{}", image.digest.algorithm(), &image.digest.hex()[..12]),
    ]
}

fn summary(report: &LsReport) -> String {
    let count = |count: usize, one: &str| match count {
        1 => format!("1 {one}"),
        several => format!("{several} {one}s"),
    };
    let unreferenced = match report.unreferenced_bytes {
        Some(0) => "all are needed".to_owned(),
        Some(bytes) => format!("no image needs {} of them", size(bytes)),
        None => "what no image needs is not known while one is damaged".to_owned(),
    };
    let entries = match report.images.len() {
        1 => "1 entry".to_owned(),
        several => format!("{several} entries"),
    };
    format!(
        "{entries}, {} with {}: {unreferenced}\n",
        count(report.blobs, "blob"),
        size(report.bytes)
    )
}
