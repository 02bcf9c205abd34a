//! What `buildpack package` and `extension package` have in common.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use airpack::archive::compress::Compression;
use airpack::archive::timestamp::Timestamp;
use airpack::cnb::module::ModuleKind;
use airpack::cnb::target::Target;
use airpack::error::{Error, Result};
use airpack::oci::json;
use airpack::oci::library::From;
use airpack::oci::reference::ImageName;
use airpack::operations::package::{Destination, PackageReport, PackageRequest, prepare, run as package};
use clap::{Args, ValueEnum};

use super::package_plan::{choice_text, plan_json, plan_text, report_json};
use crate::output::Output;
use crate::pairs::{Pair, Pairs, merged};

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags")]
pub(crate) struct Common {
    /// Name of the image, [registry/]repository[:tag]; with --format file the name of the file
    #[arg(value_name = "REF")]
    name: String,
    /// Folder or archive (.tar, .tar.gz, .zip) of it [default: `uri` of --config, else the current folder]
    #[arg(short, long)]
    path: Option<PathBuf>,
    /// A package.toml: where it is, and what a composite depends on
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// OCI image layout to write to; made if it does not exist
    #[arg(long, value_name = "DIR", required_unless_present = "format")]
    layout: Option<PathBuf>,
    /// What is written: images in a layout, or files (.cnb), one for each target
    #[arg(short, long, value_name = "FORMAT", default_value = "image")]
    format: Format,
    /// With --format file: one file for all targets, which pack does not read
    #[arg(long)]
    single: bool,
    /// Layout or archive whose images dependencies may name, or what a name means
    #[arg(long, value_name = "LAYOUT|NAME=LAYOUT[:TAG]")]
    from: Vec<OsString>,
    /// Target in place of those in the files: [os][/arch][/variant][:distro@version[;distro@version]]
    #[arg(short, long = "target", value_name = "TARGET")]
    targets: Vec<String>,
    /// Label of every image
    #[arg(short, long = "label", value_name = "KEY=VALUE")]
    labels: Vec<Pairs>,
    /// Annotation of the index and of every manifest
    #[arg(long = "annotation", value_name = "KEY=VALUE")]
    annotations: Vec<Pair>,
    /// One more name for the same index: a tag, or a whole name
    #[arg(long = "tag", value_name = "TAG|REF")]
    tags: Vec<String>,
    /// How layers are compressed: gzip[:1-9], zstd[:1-19] or none
    #[arg(long, value_name = "KIND", default_value_t)]
    compression: Compression,
    /// Threads that compress; the bytes do not depend on it [default: one for each processor, at most 16]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Take targets with an operating system or architecture that airpack does not know
    #[arg(long)]
    allow_unknown_target: bool,
    /// Print what would be written, with the reasons, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Take warnings as errors
    #[arg(long)]
    strict: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Images in the layout that --layout names
    Image,
    /// Files
    #[value(alias = "cnb")]
    File,
}

/// What is done with the result.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Show {
    is_dry: bool,
    as_json: bool,
}

/// Each thread holds some blocks in memory, and more than this wait for the digest anyway.
const MAX_THREADS: NonZeroUsize = NonZeroUsize::new(16).unwrap();

pub(crate) fn run(request: &PackageRequest, show: Show, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    let prepared = prepare(request, &output.progress(stop))?;
    Output::findings(&prepared.warnings);
    if show.is_dry {
        let text = if show.as_json {
            json::to_pretty(&plan_json(&prepared, request))
        } else {
            plan_text(&prepared, request)
        };
        return Output::data(&text);
    }
    if output.is_verbose() {
        for image in &prepared.plan.images {
            output.note(&format!("{}: {}", image.platform, choice_text(image.main_files())));
        }
    }
    let report = package(&prepared, request, &output.progress(stop))?;
    note_names(&report, output);
    if show.as_json {
        return Output::data(&json::to_pretty(&report_json(&report, &prepared.warnings)));
    }
    let files: Vec<String> = report
        .files
        .iter()
        .map(|file| file.path.display().to_string())
        .collect();
    match &report.digest {
        Some(digest) if files.is_empty() => Output::data(&format!("{digest}\n")),
        _ => Output::data(&format!("{}\n", files.join("\n"))),
    }
}

fn note_names(report: &PackageReport, output: &Output) {
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

impl Common {
    pub(crate) fn request(self, kind: ModuleKind) -> Result<(Show, PackageRequest)> {
        let show = Show {
            is_dry: self.dry_run,
            as_json: self.json,
        };
        let output = self.destination()?;
        let request = PackageRequest {
            kind,
            path: self.path,
            config: self.config,
            output,
            from: self.from.iter().map(|text| From::parse(text)).collect::<Result<_>>()?,
            targets: targets(&self.targets)?,
            labels: merged(self.labels),
            annotations: self
                .annotations
                .into_iter()
                .map(|Pair(key, value)| (key, value))
                .collect(),
            flatten: false,
            flatten_exclude: BTreeSet::new(),
            compression: self.compression,
            threads: self
                .threads
                .or_else(|| {
                    thread::available_parallelism()
                        .ok()
                        .map(|processors| processors.min(MAX_THREADS))
                })
                .unwrap_or(NonZeroUsize::MIN),
            created: source_date_epoch()?,
            allow_unknown_target: self.allow_unknown_target,
            strict: self.strict,
            scratch: env::temp_dir(),
        };
        Ok((show, request))
    }

    /// What can not be said together; [`None`] when all is well.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        match self.format {
            Format::File if self.layout.is_some() => Some("--layout and --format file exclude each other"),
            Format::File if !self.tags.is_empty() => Some("--tag and --format file exclude each other"),
            Format::Image if self.single => Some("--single needs --format file"),
            Format::Image if self.layout.is_none() => Some("--format image needs --layout"),
            _ => None,
        }
    }

    fn destination(&self) -> Result<Destination> {
        match (self.format, &self.layout) {
            (Format::Image, Some(folder)) => Ok(Destination::Layout {
                folder: folder.clone(),
                names: self.names()?,
            }),
            _ => Ok(Destination::File {
                path: PathBuf::from(&self.name),
                single: self.single,
            }),
        }
    }

    fn names(&self) -> Result<Vec<ImageName>> {
        let main: ImageName = self.name.parse()?;
        let mut names = vec![main.clone()];
        for tag in &self.tags {
            let name = if tag.contains(['/', ':']) {
                tag.parse()?
            } else {
                main.with_tag(tag)
                    .map_err(|error| error.context(format!("`{tag}` is not a tag")))?
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Ok(names)
    }
}

/// Each `--target` holds one target or, as in pack, several with commas between them.
fn targets(given: &[String]) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for list in given {
        for target in list.split(',') {
            let parsed = target.parse::<Target>();
            targets.push(if target == list {
                parsed?
            } else {
                parsed.map_err(|error| error.context(format!("failed to read --target `{list}`")))?
            });
        }
    }
    Ok(targets)
}

/// <https://reproducible-builds.org/specs/source-date-epoch/>
fn source_date_epoch() -> Result<Timestamp> {
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
