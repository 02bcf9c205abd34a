//! `airpack layout validate`.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use airpack::error::{Result, Severity};
use airpack::oci::check::{Fault, Verdict};
use airpack::oci::json;
use airpack::operations::validate::{ValidateReport, ValidateRequest, run as validate};
use airpack::progress::in_units;
use clap::Args;

use crate::commands::Outcome;
use crate::commands::words;
use crate::output::{HINT, Output, one_line, printable, style_of};
use crate::table::Table;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A layout, .cnb or other archive, or one image in it: [oci:]PATH[:TAG|@DIGEST]
    #[arg(value_name = "LAYOUT")]
    location: OsString,
    /// Take warnings as errors
    #[arg(long)]
    strict: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Reads every blob, unpacks every layer to nowhere, and compares all with what manifests, configs and labels say. Then tells which \
other tools read it, and the command that helps those that do not. `export` stands where a tool wants another form of any image. With --strict it counts as an error where a tool can not read the layout, or only in part.

Exit codes: 0 no errors, 3 some were found.

Examples:
  airpack layout validate out.oci
  airpack layout validate out.oci:1.0 --strict
  airpack layout validate hello.cnb --json";

pub(crate) fn run(arguments: &Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<Outcome> {
    let request = ValidateRequest {
        location: words::location(&arguments.location)?,
        scratch: env::temp_dir(),
        threads: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
    };
    let report = validate(&request, &output.progress(stop))?;
    let text = if arguments.json {
        json::to_pretty(&report)
    } else {
        text(&report, arguments.strict)
    };
    Output::data(&text)?;
    Ok(if report.is_good(arguments.strict) {
        Outcome::Done
    } else {
        Outcome::FaultsFound
    })
}

fn text(report: &ValidateReport, strict: bool) -> String {
    let mut text = String::new();
    for fault in &report.findings {
        text += &fault_text(fault);
    }
    if !report.verdicts.is_empty() {
        if !text.is_empty() {
            text.push('\n');
        }
        text += &verdict_table(&report.verdicts);
        text.push('\n');
    }
    let counted = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let unread: BTreeSet<String> = report.unread().map(|verdict| verdict.consumer.to_string()).collect();
    let unread = match unread.len() {
        count if strict && count > 0 => {
            let names: Vec<String> = unread.into_iter().collect();
            format!(
                ", {} that can not read all of it ({})",
                counted(count, "tool"),
                names.join(", ")
            )
        }
        _ => String::new(),
    };
    let _ = writeln!(
        text,
        "{}, {}{unread}; {} of {} read",
        counted(report.errors, "error"),
        counted(report.warnings, "warning"),
        counted(report.blobs, "blob"),
        in_units(report.bytes)
    );
    text
}

fn fault_text(fault: &Fault) -> String {
    let word = match fault.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let style = style_of(fault.severity);
    let code = json::to_word(&fault.code);
    let mut text = format!(
        "{style}{word}{style:#}[{code}]: {}\n",
        one_line(&printable(&fault.message))
    );
    if !fault.chain.is_empty() {
        let chain = one_line(&printable(&fault.chain.join(" > ")));
        let _ = writeln!(text, "  at {chain}");
    }
    if let Some(hint) = &fault.hint {
        let _ = writeln!(text, "  {HINT}hint{HINT:#}: {}", one_line(&printable(hint)));
    }
    text
}

/// Who reads it; the commands that help stand below, where they can be copied.
fn verdict_table(verdicts: &[Verdict]) -> String {
    let has_names = verdicts.iter().any(|verdict| verdict.name.is_some());
    let row = |consumer: String, name: &str, reads: &str, why: &str| {
        let name = has_names.then(|| name.to_owned());
        let cells = [Some(consumer), name, Some(reads.to_owned()), Some(why.to_owned())];
        cells.into_iter().flatten().collect::<Vec<_>>()
    };
    let mut table = Table::new(row("CONSUMER".to_owned(), "IMAGE", "READS IT", "WHY"));
    let mut helps: Vec<(&str, Vec<String>)> = Vec::new();
    for verdict in verdicts {
        let name = verdict.name.as_deref().unwrap_or("all");
        let why = verdict.reason.as_deref().unwrap_or_default();
        let consumer = verdict.consumer.to_string();
        table.row(row(consumer.clone(), name, &json::to_word(&verdict.reads), why));
        let Some(command) = &verdict.command else { continue };
        match helps.iter_mut().find(|(known, _)| known == command) {
            Some((_, consumers)) if consumers.contains(&consumer) => {}
            Some((_, consumers)) => consumers.push(consumer),
            None => helps.push((command, vec![consumer])),
        }
    }
    let mut text = table.text();
    for (command, consumers) in helps {
        let _ = writeln!(text, "for {}: {}", consumers.join(", "), printable(command));
    }
    text
}
