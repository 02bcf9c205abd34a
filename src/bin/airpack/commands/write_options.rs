//! The options that all commands have which write images, and what they print.

use std::env;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::thread;

use airpack::archive::compress::Compression;
use airpack::archive::timestamp::Timestamp;
use airpack::cnb::target::Target;
use airpack::cnb_image::written::WriteReport;
use airpack::error::{Error, Excerpt, Finding, Findings, Result};
use airpack::oci::descriptor::Annotations;
use airpack::oci::library::From;
use airpack::oci::reference::ImageName;
use clap::Args;
use serde_json::{Value, json as value};

use super::words;
use crate::output::Output;
use crate::pairs::{Pair, Pairs};

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags")]
pub(crate) struct WriteOptions {
    /// Layout or archive whose images may be named, or NAME=LAYOUT[:TAG] for what a name means
    #[arg(long, value_name = "SOURCE")]
    from: Vec<OsString>,
    /// What it is for, in place of what the files say: [os][/arch][/variant][:distro@version[;distro@version]]
    #[arg(short, long = "target", value_name = "TARGET")]
    targets: Vec<String>,
    /// Label of every image
    #[arg(short, long = "label", value_name = "KEY=VALUE", hide_short_help = true)]
    pub(crate) labels: Vec<Pairs>,
    /// Annotation of the image index, and of each manifest that is made
    #[arg(long = "annotation", value_name = "KEY=VALUE", hide_short_help = true)]
    annotations: Vec<Pair>,
    /// One more name for the image: a tag, or a whole name
    #[arg(long = "tag", value_name = "TAG|REF")]
    tags: Vec<String>,
    /// How layers are compressed: gzip[:1-9], zstd[:1-19] or none
    #[arg(long, value_name = "KIND", default_value_t, hide_short_help = true)]
    pub(crate) compression: Compression,
    /// Threads that compress; the bytes do not depend on it [default: one for each processor, at most 16]
    #[arg(long, value_name = "N", hide_short_help = true, value_parser = number_from_one)]
    threads: Option<NonZeroUsize>,
    /// Take targets with an operating system or architecture that airpack does not know
    #[arg(long, hide_short_help = true)]
    pub(crate) allow_unknown_target: bool,
    /// Print what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Take warnings as errors
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What is done with the result.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Show {
    pub(crate) is_dry: bool,
    pub(crate) as_json: bool,
}

/// Each thread holds some blocks in memory, and more than this wait for the digest anyway.
const MAX_THREADS: NonZeroUsize = NonZeroUsize::new(16).unwrap();

impl WriteOptions {
    pub(crate) fn show(&self) -> Show {
        Show {
            is_dry: self.dry_run,
            as_json: self.json,
        }
    }

    pub(crate) fn from(&self) -> Result<Vec<From>> {
        words::sources(&self.from)
    }

    pub(crate) fn annotations(&self) -> Annotations {
        let pairs = self.annotations.iter();
        pairs.map(|Pair(key, value)| (key.clone(), value.clone())).collect()
    }

    pub(crate) fn threads(&self) -> NonZeroUsize {
        let processors = || thread::available_parallelism().ok();
        self.threads
            .or_else(|| processors().map(|processors| processors.min(MAX_THREADS)))
            .unwrap_or(NonZeroUsize::MIN)
    }

    pub(crate) fn has_tags(&self) -> bool {
        !self.tags.is_empty()
    }

    pub(crate) fn targets(&self) -> Result<Vec<Target>> {
        words::targets(&self.targets)
    }

    /// `name`, and all that --tag adds.
    pub(crate) fn names(&self, name: &str) -> Result<Vec<ImageName>> {
        words::names(name, &self.tags)
    }
}

/// A number of things that work.
pub(crate) fn number_from_one(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "it must be a number from 1 on".to_owned())
}

/// <https://reproducible-builds.org/specs/source-date-epoch/>
pub(crate) fn source_date_epoch() -> Result<Timestamp> {
    const NAME: &str = "SOURCE_DATE_EPOCH";
    let Some(text) = env::var_os(NAME) else {
        return Ok(Timestamp::default());
    };
    let seconds = text
        .to_str()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok());
    let malformed = || {
        Error::invalid(format!(
            "{NAME} is `{}`, not a number of seconds",
            text.to_string_lossy()
        ))
    };
    let hint = "give seconds since 1970 in digits, for example the output of `git log -1 --pretty=%ct`";
    let seconds = seconds.ok_or_else(|| malformed().with_hint(hint))?;
    Timestamp::from_seconds(seconds).map_err(|error| malformed().with_source(error).with_hint(hint))
}

/// Says how the names can be used.
pub(crate) fn note_names(report: &WriteReport, output: &Output) {
    let layout = report.layout.clone().unwrap_or_default();
    for name in &report.names {
        let replaced = name
            .replaced
            .as_ref()
            .map(|digest| format!(", in place of {digest}"))
            .unwrap_or_default();
        output.note(&format!(
            "{} is oci:{}:{}{replaced}",
            name.name,
            layout.display(),
            name.ref_name
        ));
    }
}

/// The report, with the warnings.
pub(crate) fn report_json(report: &WriteReport, warnings: &Findings) -> Value {
    let mut json = value!(report);
    json["warnings"] = warnings_json(warnings);
    json
}

pub(crate) fn warnings_json(warnings: &Findings) -> Value {
    let one = |finding: &Finding| {
        let place = finding.place.as_ref();
        let position = place.and_then(|place| place.excerpt.as_ref()).map(Excerpt::line_column);
        value!({
            "message": finding.message,
            "hint": finding.hint,
            "file": place.map(|place| place.file.display().to_string()),
            "line": position.map(|(line, _)| line),
            "column": position.map(|(_, column)| column),
        })
    };
    warnings.iter().map(one).collect()
}
