//! `airpack layout copy`.

use std::env;
use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::error::{Error, Result};
use airpack::oci::json;
use airpack::oci::locate::LayoutName;
use airpack::operations::copy::{CopiedBlob, CopiedImage, CopyReport, CopyRequest, run as copy};
use airpack::progress::in_units as size;
use clap::Args;

use crate::commands::index::JOBS;
use crate::commands::words;
use crate::output::Output;
use crate::tree::Tree;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "flags")]
pub(crate) struct Arguments {
    /// A layout, .cnb or other archive, or one image in it: [oci:]PATH[:TAG|@DIGEST]
    #[arg(value_name = "SOURCE")]
    source: OsString,
    /// OCI image layout to write to, made if it does not exist, and the name of one image there: [oci:]DIR[:NAME]
    #[arg(value_name = "DEST")]
    destination: OsString,
    /// Only images for this platform: os/architecture[/variant][:os.version]
    #[arg(long = "platform", value_name = "PLATFORM", value_delimiter = ',')]
    platforms: Vec<String>,
    /// One more name for the image: a tag, or a whole name
    #[arg(long = "tag", value_name = "TAG|REF")]
    tags: Vec<String>,
    /// What is about the images (signatures, SBOMs) comes along
    #[arg(long)]
    referrers: bool,
    /// Copy files also where a hard link would do
    #[arg(long)]
    no_links: bool,
    /// Print what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Prints the digest of each image. Names, manifests and layers stay as they are. Every blob is verified, also where the new layout \
shares its file with the old one; a failure leaves the layout as it was. --platform puts what is left behind a new index.

Examples:
  airpack layout copy out.oci /media/stick/out.oci
  airpack layout copy out.oci:1.0 small.oci --platform linux/arm64
  airpack layout copy hello.cnb out.oci:registry.corp/acme/hello:1.0 --tag latest";

pub(crate) fn run(arguments: &Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    let destination = LayoutName::parse(&arguments.destination).map_err(Error::as_usage)?;
    let request = CopyRequest {
        source: words::location(&arguments.source)?,
        layout: destination.layout,
        name: destination.name,
        more_names: arguments.tags.clone(),
        platforms: words::platforms(&arguments.platforms)?,
        referrers: arguments.referrers,
        no_links: arguments.no_links,
        dry_run: arguments.dry_run,
        jobs: JOBS,
        scratch: env::temp_dir(),
    };
    let report = copy(&request, &output.progress(stop))?;
    for image in &report.images {
        note(image, &report, output);
    }
    if !report.dry_run {
        output.note(&format!(
            "{} linked, {} copied",
            size(report.linked_bytes),
            size(report.copied_bytes)
        ));
    }
    if arguments.json {
        return Output::data(&json::to_pretty(&report));
    }
    if report.dry_run {
        return Output::data(&plan_text(&report));
    }
    let lines: Vec<String> = report
        .images
        .iter()
        .map(|image| format!("{}\n", image.digest))
        .collect();
    Output::data(&lines.concat())
}

fn note(image: &CopiedImage, report: &CopyReport, output: &Output) {
    if image.is_subset {
        let source = image.source.as_deref().unwrap_or("the image");
        output.note(&format!(
            "{source}: a new index of the chosen platforms, {}",
            image.digest
        ));
    }
    for name in &image.names {
        let Some(ref_name) = &name.ref_name else { continue };
        let replaced = name.replaced.as_ref();
        let replaced = replaced
            .map(|digest| format!(", in place of {digest}"))
            .unwrap_or_default();
        output.note(&format!(
            "{} is oci:{}:{ref_name}{replaced}",
            name.name,
            report.layout.display()
        ));
    }
}

/// The plan for people.
fn plan_text(report: &CopyReport) -> String {
    let mut text = String::new();
    for image in &report.images {
        let names: Vec<&str> = image.names.iter().map(|name| name.name.as_str()).collect();
        let source = image.source.as_deref().unwrap_or("no name");
        let what = if names.is_empty() {
            source.to_owned()
        } else {
            names.join(", ")
        };
        let mut top = Tree::new(format!("{what} -> {}, not written", report.layout.display()));
        top.line(image.digest.to_string());
        for CopiedBlob {
            digest,
            size: bytes,
            action,
            ..
        } in image.blobs.iter().chain(&image.manifests)
        {
            top.line(format!("{action:8} {digest} ({})", size(*bytes)));
        }
        text.push_str(&top.render());
    }
    text + &format!("{} to copy or to link\n", size(report.copied_bytes))
}
