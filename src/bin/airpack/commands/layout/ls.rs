//! `airpack layout ls`.

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::error::{Finding, Findings, Result};
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
    layout: OsString,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
SIZE is that of all blobs of an image, SHARED of those that another image of the layout has as well. Manifests and configs are \
read and verified; of layers only the length is looked at. A digest as short as it is shown here names an image wherever DIGEST is asked for.

Example:
  airpack layout ls out.oci";

pub(crate) fn run(arguments: &Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    let layout = super::whole_layout(&arguments.layout)?;
    let report = ls(&layout, &output.progress(stop))?;
    if arguments.json {
        return Output::data(&json::to_pretty(&report));
    }
    Output::findings(&damages(&report));
    Output::data(&(table(&report) + &summary(&report)))
}

fn table(report: &LsReport) -> String {
    if report.images.is_empty() {
        return String::new();
    }
    let mut table =
        Table::new(["TAG", "NAME", "KIND", "PLATFORMS", "SIZE", "SHARED", "DIGEST"]).left_out_where_narrow("SHARED");
    for image in &report.images {
        table.row(row(image));
    }
    table.text()
}

/// What is wrong with images, which no cell has room for.
fn damages(report: &LsReport) -> Findings {
    let mut findings = Findings::default();
    for image in &report.images {
        let Some(damage) = &image.damage else { continue };
        let name = image.ref_name.clone().unwrap_or_else(|| image.digest.to_string());
        findings.push(
            Finding::warning(format!("`{name}` is damaged: {damage}"))
                .hint("`airpack layout validate` tells all that is wrong"),
        );
    }
    findings
}

fn row(image: &Listed) -> [String; 7] {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let platforms: Vec<String> = image.platforms.iter().map(ToString::to_string).collect();
    let kind = match (&image.damage, &image.kind) {
        (Some(_), Some(kind)) => format!("{kind}, damaged"),
        (Some(_), None) => "damaged".to_owned(),
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
        image.digest.short().trim_start_matches("sha256:").to_owned(),
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
