//! `airpack buildpack migrate`.

use std::env;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::error::Result;
use airpack::oci::json;
use airpack::operations::migrate::{Change, MigrateReport, MigrateRequest, run as migrate};
use clap::Args;

use crate::commands::words;
use crate::output::{Output, argument};
use crate::tree::Tree;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "flags")]
pub(crate) struct Arguments {
    /// The buildpack's folder
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// What it is for, in place of what the files say: [os][/arch][/variant][:distro@version[;distro@version]]
    #[arg(short, long = "target", value_name = "TARGET")]
    targets: Vec<String>,
    /// Leave what all platforms share where it is, and declare it in airpack.toml, which pack does not read
    #[arg(long)]
    share: bool,
    /// Do it; without this it is only shown
    #[arg(long)]
    write: bool,
    /// Take targets with an operating system or architecture that airpack does not know
    #[arg(long, hide_short_help = true)]
    allow_unknown_target: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Prints the files before and after. Targets are those in buildpack.toml, or what its stacks stand for, and the platforms that its \
programs are for (ELF, Mach-O, PE). Programs go to the folder of their platform, os/arch; scripts and data go to each. With one \
platform only buildpack.toml changes, and its text stays but for the targets. The image for the old platform has what it had before: \
`airpack diff` of two packages shows it.

Examples:
  airpack buildpack migrate ./hello
  airpack buildpack migrate ./hello --target linux/amd64 --target linux/arm64 --write
  airpack buildpack migrate ./hello --share --write";

/// More files in one folder are summed up, unless -v is given.
const SHOWN: usize = 30;

pub(crate) fn run(arguments: &Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    let request = MigrateRequest {
        folder: arguments.folder.clone(),
        targets: words::targets(&arguments.targets)?,
        share: arguments.share,
        write: arguments.write,
        allow_unknown_target: arguments.allow_unknown_target,
        scratch: env::temp_dir(),
    };
    let report = migrate(&request, &output.progress(stop))?;
    Output::findings(&report.warnings);
    for note in &report.plan.notes {
        output.note(&format!("note: {note}"));
    }
    for missing in &report.plan.missing {
        output.note(&format!("missing: {} needs `{}`", missing.target, missing.path));
    }
    if arguments.json {
        return Output::data(&json::to_pretty(&report));
    }
    let shown = if output.is_verbose() { usize::MAX } else { SHOWN };
    Output::data(&trees(&report, shown))?;
    let folder = report.folder.display();
    output.note(&match (report.is_done, report.written) {
        (true, _) if !report.plan.missing.is_empty() => {
            format!("nothing to change: {folder} has its targets and its folders, and lacks what is missing")
        }
        (true, _) => format!("nothing to do: {folder} has its targets and its folders"),
        (false, false) => "nothing was written: --write does it".to_owned(),
        (false, true) => format!(
            "package it with: airpack buildpack package NAME --path {} --layout out.oci",
            argument(&report.folder)
        ),
    });
    Ok(())
}

fn trees(report: &MigrateReport, shown: usize) -> String {
    let targets: Vec<String> = report.plan.targets.iter().map(ToString::to_string).collect();
    let targets = targets.join(", ");
    let folder = report.folder.display();
    if report.is_done {
        return format!("{folder}: {targets}\n");
    }
    let before = report.before.iter().map(|path| (path.as_str(), String::new()));
    let before = Tree::of_paths(format!("before: {folder}"), before).summed_up(shown);
    let places = |from: &String| {
        report
            .after
            .iter()
            .filter(|file| file.change == Change::From(from.clone()))
            .count()
    };
    let after = report.after.iter().map(|file| {
        let note = match &file.change {
            Change::None => String::new(),
            Change::Edited => " (edited)".to_owned(),
            Change::New => " (new)".to_owned(),
            Change::From(from) if file.path.ends_with(&format!("/{from}")) => {
                if places(from) > 1 { " (copied)" } else { " (moved)" }.to_owned()
            }
            Change::From(from) => format!(" (from {from})"),
        };
        (file.path.as_str(), note)
    });
    let missing = report
        .plan
        .missing
        .iter()
        .map(|missing| (missing.path.as_str(), " (missing)".to_owned()));
    let after = Tree::of_paths(format!("after: {folder}, for {targets}"), after.chain(missing)).summed_up(shown);
    format!("{}\n{}", before.render(), after.render())
}
