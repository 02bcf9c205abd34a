//! `airpack compat`.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::cnb::compat::{Status, cut, listed};
use airpack::error::{Finding, Findings, Result};
use airpack::oci::json;
use airpack::operations::compat::{Cell, CompatReport, CompatRequest, Component, Summary, run as compare};
use clap::{Args, ValueEnum};

use super::Outcome;
use super::builder::create::lifecycle;
use crate::commands::words;
use crate::output::{Output, one_line, printable};
use crate::table::Table;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, override_usage = USAGE)]
pub(crate) struct Arguments {
    /// A layout, .cnb or other archive, or one image in it: [oci:]PATH[:TAG|@DIGEST]
    #[arg(value_name = "LAYOUT", required_unless_present = "config")]
    locations: Vec<OsString>,
    /// File that says what it is made of: a package.toml, or a builder.toml for a builder
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Layout or archive whose images may be named, or NAME=LAYOUT[:TAG] for what a name means
    #[arg(long, value_name = "SOURCE")]
    from: Vec<OsString>,
    /// Lifecycle in place of that in builder.toml: a .tgz, a folder or pattern of such, or an image; OS/ARCH=SOURCE for one target
    #[arg(long = "lifecycle", value_name = "SOURCE", requires = "config")]
    lifecycles: Vec<String>,
    /// Folder of released files, lifecycle-v<version>+<os>.<arch>.tgz, to take the version in builder.toml from
    #[arg(long, value_name = "DIR", requires = "config")]
    lifecycle_dir: Option<PathBuf>,
    /// Only images for this platform: os/architecture[/variant][:os.version]
    #[arg(long = "platform", value_name = "PLATFORM", value_delimiter = ',')]
    platforms: Vec<String>,
    /// Exit with code 3 unless every component is there for these platforms
    #[arg(long, value_name = "PLATFORM,...", value_delimiter = ',')]
    require: Vec<String>,
    /// Form of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "table", conflicts_with = "json")]
    format: Format,
    /// Take targets with an operating system or architecture that airpack does not know
    #[arg(long, hide_short_help = true)]
    allow_unknown_target: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// How the table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Columns of text
    Table,
    /// A table of Markdown
    Markdown,
}

const USAGE: &str = "airpack compat [OPTIONS] <LAYOUT... | --config FILE>";

const EXAMPLES: &str = "\
A cell says yes, any (only scripts, for every architecture), or why not; the reasons stand below the table. What can not be found \
is a row of its own. A platform is there for a component when one of its columns is: with several distributions, any of them. \
Images that --config names are looked up in --from and in the layouts given. A run image that is not found is not looked at, as in `airpack builder create`.

Examples:
  airpack compat builder.oci --from base.oci
  airpack compat out.oci --require linux/amd64,linux/arm64
  airpack compat --config builder.toml --from base.oci --format markdown";

/// What stands above the reasons.
const NOT_THERE: &str = "Not there:";
/// Columns before those of platforms.
const HEAD: [&str; 2] = ["KIND", "COMPONENT"];
/// The column that follows them where components are parts of several builders or composites.
const PART_OF: &str = "PART OF";

pub(crate) fn run(arguments: &Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<Outcome> {
    let request = arguments.request()?;
    let report = compare(&request, &output.progress(stop))?;
    let text = match (arguments.json, arguments.format) {
        (true, _) => json::to_pretty(&report),
        (false, Format::Table) => printable(&text(&report)),
        (false, Format::Markdown) => printable(&markdown(&report)),
    };
    Output::findings(&findings(&report));
    Output::data(&text)?;
    Ok(if report.is_met() {
        Outcome::Done
    } else {
        Outcome::FaultsFound
    })
}

impl Arguments {
    fn request(&self) -> Result<CompatRequest> {
        Ok(CompatRequest {
            locations: words::locations(&self.locations)?,
            config: self.config.clone(),
            from: words::sources(&self.from)?,
            lifecycles: words::all("lifecycles", self.lifecycles.iter().map(|text| lifecycle(text)))?,
            lifecycle_folder: self.lifecycle_dir.clone(),
            platforms: words::platforms(&self.platforms)?,
            required: words::platforms(&self.require)?,
            allow_unknown_target: self.allow_unknown_target,
            scratch: env::temp_dir(),
        })
    }
}

/// What is required and not there, and what was not looked at.
fn findings(report: &CompatReport) -> Findings {
    let mut findings = Findings::default();
    if report.left_off > 0 {
        let message = format!("{} more platforms have no column", report.left_off);
        findings.push(Finding::warning(message).hint("choose some with --platform"));
    }
    let unseen = report.summary.iter().flat_map(|summary| &summary.not_looked_at);
    // the table says so in any case: who requires something looks at the exit code alone
    for name in unseen.filter(|_| !report.required.is_empty()) {
        let reason = report
            .components
            .iter()
            .find(|component| component.full_name() == *name);
        let reason = reason.and_then(|component| component.cells.first()?.reason.as_ref());
        let why = reason.map(|reason| reason.text.clone()).unwrap_or_default();
        let mut finding = Finding::warning(format!("{} is not looked at: {why}", shown(name)));
        finding.hint = reason.and_then(|reason| reason.hint.clone());
        findings.push(finding);
    }
    for required in &report.required {
        for lack in &required.lacking {
            let why = lack.reason.as_ref().map(|reason| format!(": {}", reason.text));
            let mut finding = Finding::error(format!(
                "{} is required, but {} is not there for it{}",
                required.platform,
                shown(&lack.component),
                why.unwrap_or_default()
            ));
            finding.hint = lack.reason.as_ref().and_then(|reason| reason.hint.clone());
            findings.push(finding);
        }
    }
    findings
}

fn text(report: &CompatReport) -> String {
    let mut lines: Vec<String> = Vec::new();
    if let Some(legend) = legend(report) {
        lines.extend([String::new(), legend.to_owned()]);
    }
    let reasons = reasons(report);
    if !reasons.is_empty() {
        lines.extend([String::new(), NOT_THERE.to_owned()]);
    }
    for Explained { who, why, hint } in reasons {
        lines.push(format!("  {who}: {why}"));
        lines.extend(hint.map(|hint| format!("    hint: {hint}")));
    }
    lines.push(String::new());
    lines.extend(report.summary.iter().map(sum));
    table(report).text() + &lines.join("\n") + "\n"
}

fn markdown(report: &CompatReport) -> String {
    let item = |text: &str| {
        let text = text.replace('\\', "\\\\").replace('<', "&lt;").replace('*', "\\*");
        format!("* {text}")
    };
    let mut lines: Vec<String> = Vec::new();
    if let Some(legend) = legend(report) {
        lines.extend([String::new(), legend.to_owned()]);
    }
    let reasons = reasons(report);
    if !reasons.is_empty() {
        lines.extend([String::new(), NOT_THERE.to_owned(), String::new()]);
    }
    for Explained { who, why, .. } in reasons {
        lines.push(item(&format!("{who}: {why}")));
    }
    lines.push(String::new());
    lines.extend(report.summary.iter().map(|summary| item(&sum(summary))));
    table(report).markdown() + &lines.join("\n") + "\n"
}

fn table(report: &CompatReport) -> Table {
    let has_several = has_several_wholes(report);
    let head = HEAD
        .into_iter()
        .chain(has_several.then_some(PART_OF))
        .map(ToOwned::to_owned);
    let mut table = Table::new(head.chain(report.platforms.iter().cloned()));
    for component in &report.components {
        let part_of = component.part_of.as_deref().map_or_else(|| "-".to_owned(), shown);
        let names = [component.kind.name().to_owned(), shown(&component.name)];
        let names = names.into_iter().chain(has_several.then_some(part_of));
        table.row(names.chain(component.cells.iter().map(cell)));
    }
    table
}

/// Whether it is not clear by itself what a component is a part of.
fn has_several_wholes(report: &CompatReport) -> bool {
    let wholes: BTreeSet<&str> = report
        .components
        .iter()
        .filter_map(|one| one.part_of.as_deref())
        .collect();
    wholes.len() > 1
}

fn cell(cell: &Cell) -> String {
    let short = cell.reason.as_ref().map(|reason| reason.short.as_str());
    match (cell.status, short) {
        (Status::Yes, _) => "yes".to_owned(),
        (Status::Any, _) => "any".to_owned(),
        (Status::NotFound, _) => "not found".to_owned(),
        (Status::No, Some(short)) => format!("no: {short}"),
        (Status::No, None) => "no".to_owned(),
    }
}

fn legend(report: &CompatReport) -> Option<&'static str> {
    let mut cells = report.components.iter().flat_map(|component| &component.cells);
    cells
        .any(|cell| cell.status == Status::Any)
        .then_some("any: only scripts, for every architecture")
}

/// Why some components are not there for some platforms.
struct Explained {
    who: String,
    why: String,
    hint: Option<String>,
}

/// A reason, its hint, and the platforms that it is about.
type About<'r> = (&'r str, Option<&'r str>, Vec<&'r str>);

/// Each reason once, with the components and the platforms that it is about.
fn reasons(report: &CompatReport) -> Vec<Explained> {
    let mut found: Vec<(About<'_>, Vec<String>)> = Vec::new();
    let has_several = has_several_wholes(report);
    for component in &report.components {
        let whole = component.part_of.as_deref().filter(|_| has_several);
        let whole = whole.map(|whole| format!(" of {}", shown(whole)));
        let name = shown(&component.full_name()) + &whole.unwrap_or_default();
        for about in reasons_of(component) {
            match found.iter_mut().find(|(own, _)| *own == about) {
                Some((_, names)) => names.push(name.clone()),
                None => found.push((about, vec![name.clone()])),
            }
        }
    }
    let explained = |((why, hint, platforms), names): (About<'_>, Vec<String>)| {
        let platforms = if platforms.len() == report.platforms.len() {
            String::new()
        } else {
            format!(" for {}", platforms.join(", "))
        };
        Explained {
            who: format!("{}{platforms}", listed(names)),
            why: one_line(why),
            hint: hint.map(one_line),
        }
    };
    found.into_iter().map(explained).collect()
}

/// The reasons of one component, each with its platforms.
fn reasons_of(component: &Component) -> Vec<About<'_>> {
    let mut found: Vec<About<'_>> = Vec::new();
    for cell in &component.cells {
        let Some(reason) = &cell.reason else { continue };
        let (why, hint) = (reason.text.as_str(), reason.hint.as_deref());
        match found.iter_mut().find(|(own, ..)| *own == why) {
            Some((_, _, platforms)) => platforms.push(&cell.platform),
            None => found.push((why, hint, vec![&cell.platform])),
        }
    }
    found
}

fn sum(summary: &Summary) -> String {
    let Summary {
        platform, there, total, ..
    } = summary;
    let names = |names: &[String]| listed(names.iter().map(|name| shown(name)));
    let unseen = match summary.not_looked_at.as_slice() {
        [] => String::new(),
        unseen => format!("; not looked at: {}", names(unseen)),
    };
    if (*there, *total) == (1, 1) {
        format!("the only component is there for {platform}{unseen}")
    } else if there == total {
        format!("all {total} components are there for {platform}{unseen}")
    } else {
        let missing = names(&summary.missing);
        format!("{there} of {total} components are there for {platform}; missing: {missing}{unseen}")
    }
}

/// A name of others in one line of usual length.
fn shown(name: &str) -> String {
    one_line(&printable(&cut(name)))
}
