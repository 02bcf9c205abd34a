//! What `buildpack package` and `extension package` have in common.

use std::collections::BTreeSet;
use std::env;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::cnb::module::ModuleKind;
use airpack::error::Result;
use airpack::oci::json;
use airpack::operations::package::{Destination, PackageRequest, prepare, run as package};
use clap::{Args, ValueEnum};

use super::package_plan::{choice_text, plan_json, plan_text};
use super::write_options::{self, Show, WriteOptions, report_json, source_date_epoch};
use crate::output::Output;
use crate::pairs::merged;

#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Name of the image, [registry/]repository[:tag]; with --format file the name of the file
    #[arg(value_name = "REF")]
    name: String,
    /// Its folder; `package` also takes an archive: .tar, .tar.gz, .zip
    #[arg(short, long, value_name = "PATH")]
    path: Option<PathBuf>,
    /// File that says what it is made of: a package.toml, or a builder.toml for a builder
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// OCI image layout to write to; made if it does not exist
    #[arg(long, value_name = "DIR", required_unless_present = "format")]
    layout: Option<PathBuf>,
    /// Form of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "image")]
    format: Format,
    /// With --format file: one file for all targets, which pack does not read
    #[arg(long, hide_short_help = true)]
    single: bool,
    #[command(flatten)]
    write: WriteOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Images in the layout that --layout names
    Image,
    /// Files
    #[value(alias = "cnb")]
    File,
}

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
    write_options::note_names(&report, output);
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

impl Common {
    pub(crate) fn request(self, kind: ModuleKind) -> Result<(Show, PackageRequest)> {
        let show = self.write.show();
        let output = self.destination()?;
        let request = PackageRequest {
            kind,
            path: self.path,
            config: self.config,
            output,
            from: self.write.from()?,
            targets: self.write.targets()?,
            annotations: self.write.annotations(),
            flatten: false,
            flatten_exclude: BTreeSet::new(),
            compression: self.write.compression,
            threads: self.write.threads(),
            created: source_date_epoch()?,
            allow_unknown_target: self.write.allow_unknown_target,
            strict: self.write.strict,
            scratch: env::temp_dir(),
            labels: merged(self.write.labels),
        };
        Ok((show, request))
    }

    /// What can not be said together; [`None`] when all is well.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        match self.format {
            Format::File if self.layout.is_some() => Some("--layout and --format file exclude each other"),
            Format::File if self.write.has_tags() => Some("--tag and --format file exclude each other"),
            Format::Image if self.single => Some("--single needs --format file"),
            Format::Image if self.layout.is_none() => Some("--format image needs --layout"),
            _ => None,
        }
    }

    fn destination(&self) -> Result<Destination> {
        match (self.format, &self.layout) {
            (Format::Image, Some(folder)) => Ok(Destination::Layout {
                folder: folder.clone(),
                names: self.write.names(&self.name)?,
            }),
            _ => Ok(Destination::File {
                path: PathBuf::from(&self.name),
                single: self.single,
            }),
        }
    }
}
