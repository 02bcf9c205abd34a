//! `airpack index`.

pub(crate) mod add;
pub(crate) mod annotate;
pub(crate) mod create;
pub(crate) mod remove;

use std::env;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::error::Result;
use airpack::oci::descriptor::Annotations;
use airpack::oci::json;
use airpack::operations::index::{Bringing, IndexReport};
use clap::Subcommand;

use super::write_options::warnings_json;
use crate::output::Output;
use crate::pairs::Pair;
use crate::tree::Tree;

/// Blobs that are copied at once, on disk.
pub(super) const JOBS: NonZeroUsize = NonZeroUsize::new(4).unwrap();

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Put images behind a new image index, each made elsewhere: the digest is that of packaging all at once
    Create(create::Arguments),
    /// Add images to an image index, or replace those of their platforms
    Add(add::Arguments),
    /// Take the images for some platforms out of an image index
    Remove(remove::Arguments),
    /// Change annotations of an image index, or of an image behind it
    Annotate(annotate::Arguments),
}

pub(crate) fn run(command: Command, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    match command {
        Command::Create(arguments) => create::run(&arguments, output, stop),
        Command::Add(arguments) => add::run(&arguments, output, stop),
        Command::Remove(arguments) => remove::run(&arguments, output, stop),
        Command::Annotate(arguments) => annotate::run(&arguments, output, stop),
    }
}

fn bringing(dry_run: bool) -> Bringing {
    Bringing {
        dry_run,
        jobs: JOBS,
        scratch: env::temp_dir(),
    }
}

fn annotations(pairs: &[Pair]) -> Annotations {
    pairs
        .iter()
        .map(|Pair(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Prints what an index is now.
fn show(report: &IndexReport, as_json: bool, output: &Output) -> Result<()> {
    Output::findings(&report.warnings);
    for note in &report.notes {
        output.note(note);
    }
    if !report.dry_run {
        for name in &report.names {
            let replaced = name.replaced.as_ref();
            let replaced = replaced
                .map(|digest| format!(", in place of {digest}"))
                .unwrap_or_default();
            let layout = report.layout.display();
            output.note(&format!("{} is oci:{layout}:{}{replaced}", name.name, name.ref_name));
        }
    }
    if as_json {
        let mut json = serde_json::json!(report);
        json["warnings"] = warnings_json(&report.warnings);
        return Output::data(&json::to_pretty(&json));
    }
    if report.dry_run {
        return Output::data(&plan_text(report));
    }
    Output::data(&format!("{}\n", report.digest))
}

/// The plan for people.
fn plan_text(report: &IndexReport) -> String {
    let mut top = Tree::new(format!("image index {}, not written", report.digest));
    for (key, value) in &report.annotations {
        top.line(format!("{key}={value}"));
    }
    for image in &report.images {
        let platform = image.platform.as_ref().map(ToString::to_string).unwrap_or_default();
        let mut tree = Tree::new(format!("{platform} {}", image.digest));
        if let Some(kind) = &image.kind {
            tree.line(kind.to_string());
        }
        for (key, value) in &image.annotations {
            tree.line(format!("{key}={value}"));
        }
        top.push(tree);
    }
    top.render()
}
