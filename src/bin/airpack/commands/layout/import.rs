//! `airpack layout import`.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::error::{Error, Result};
use airpack::oci::json;
use airpack::operations::import::{ImportReport, ImportRequest, ImportedImage, ImportedManifest, run as import};
use clap::Args;

use crate::commands::index::JOBS;
use crate::commands::words;
use crate::commands::write_options::warnings_json;
use crate::output::Output;
use crate::tree::Tree;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A layout, .cnb or other archive, or one image in it: [oci:]PATH[:TAG|@DIGEST]
    #[arg(value_name = "SOURCE")]
    source: OsString,
    /// OCI image layout to write to; made if it does not exist
    #[arg(long, value_name = "DIR")]
    layout: PathBuf,
    /// Name of the one image, where it has none or is to have another: [registry/]repository[:tag]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Print what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Prints the digest of each image. Each is one image index, on one level, with a platform for each image and the media types of the \
OCI. Where manifests have to change for that, their digests do; layers never change.

Examples:
  airpack layout import hello.cnb --layout out.oci --name docker.io/acme/hello:1.0
  airpack layout import flat.oci --layout out.oci --name registry.corp/base:noble --dry-run";

pub(crate) fn run(arguments: &Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    // a layout may be called as its image is
    let name = arguments.name.as_deref();
    let name = name.filter(|name| !words::is_in_layout(name, &arguments.layout));
    name.map_or(Ok(()), words::check_name_is_no_image)?;
    let request = ImportRequest {
        source: words::location(&arguments.source)?,
        layout: arguments.layout.clone(),
        name: arguments
            .name
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(Error::as_usage)?,
        dry_run: arguments.dry_run,
        jobs: JOBS,
        scratch: env::temp_dir(),
    };
    let report = import(&request, &output.progress(stop))?;
    Output::findings(&report.warnings);
    if arguments.json {
        let mut json = serde_json::json!(report);
        json["warnings"] = warnings_json(&report.warnings);
        return Output::data(&json::to_pretty(&json));
    }
    if report.dry_run {
        return Output::data(
            &report
                .images
                .iter()
                .map(|image| tree(image, &report).render())
                .collect::<String>(),
        );
    }
    for image in &report.images {
        note(image, &report, output);
    }
    let lines: Vec<String> = report
        .images
        .iter()
        .map(|image| format!("{}\n", image.digest))
        .collect();
    Output::data(&lines.concat())
}

fn note(image: &ImportedImage, report: &ImportReport, output: &Output) {
    let replaced = image.replaced.as_ref();
    let replaced = replaced
        .map(|digest| format!(", in place of {digest}"))
        .unwrap_or_default();
    let ref_name = image.ref_name.as_deref().unwrap_or_default();
    output.note(&format!(
        "{} is oci:{}:{ref_name}{replaced}",
        image.name,
        report.layout.display()
    ));
    output.note(&index_line(image));
    for manifest in &image.manifests {
        output.note(&manifest_line(manifest));
    }
    if let Some(line) = what_changed(image) {
        output.note(line);
    }
}

/// The plan for people.
fn tree(image: &ImportedImage, report: &ImportReport) -> Tree {
    let mut top = Tree::new(format!("{} -> {}, not written", image.name, report.layout.display()));
    top.line(index_line(image));
    image
        .manifests
        .iter()
        .for_each(|manifest| top.line(manifest_line(manifest)));
    if let Some(line) = what_changed(image) {
        top.line(line);
    }
    top
}

fn index_line(image: &ImportedImage) -> String {
    match image.before.as_slice() {
        [before] if *before == image.digest => format!("index: {before}, as it was"),
        [before] if image.manifests.iter().all(|manifest| manifest.before != *before) => {
            format!("index: {before} -> {}", image.digest)
        }
        _ => format!("index: none -> {}", image.digest),
    }
}

fn manifest_line(manifest: &ImportedManifest) -> String {
    let platform = manifest.platform.as_ref().map(ToString::to_string).unwrap_or_default();
    if manifest.before == manifest.digest {
        format!("{platform}: {}, as it was", manifest.before)
    } else {
        format!("{platform}: {} -> {}", manifest.before, manifest.digest)
    }
}

fn what_changed(image: &ImportedImage) -> Option<&'static str> {
    if image
        .manifests
        .iter()
        .any(|manifest| manifest.before != manifest.digest)
    {
        Some("media types of manifests changed, and so their bytes and digests; layers did not change")
    } else if image.before != [image.digest.clone()] {
        Some("the index is new; images and layers did not change")
    } else {
        None
    }
}
