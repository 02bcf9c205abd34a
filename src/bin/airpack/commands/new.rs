//! What `buildpack new` and `extension new` have in common.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::cnb::api::ApiVersion;
use airpack::cnb::id::{ModuleId, ModuleVersion};
use airpack::cnb::module::ModuleKind;
use airpack::cnb::paths::PACKAGE_TOML;
use airpack::cnb::scaffold::Scaffold;
use airpack::cnb::target::Target;
use airpack::error::{Error, Result};
use airpack::oci::json;
use airpack::oci::reference::ImageName;
use airpack::operations::new::{NewReport, NewRequest, run as make};
use clap::Args;

use crate::commands::words;
use crate::output::{Output, argument};
use crate::tree::Tree;

#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Its id: letters, digits, `.`, `/` and `-`
    #[arg(value_name = "ID", value_parser = with_hint::<ModuleId>)]
    id: ModuleId,
    /// Its folder; `package` also takes an archive: .tar, .tar.gz, .zip
    #[arg(short, long, value_name = "PATH")]
    path: Option<PathBuf>,
    /// What it is for, in place of what the files say: [os][/arch][/variant][:distro@version[;distro@version]]
    #[arg(short, long = "target", value_name = "TARGET")]
    targets: Vec<String>,
    /// Buildpack API that it is written for; 0.10 is the first that knows targets
    #[arg(long, value_name = "VERSION", default_value = "0.10", value_parser = with_hint::<ApiVersion>)]
    api: ApiVersion,
    /// Its version
    #[arg(long, value_name = "VERSION", default_value = "0.0.1", value_parser = with_hint::<ModuleVersion>)]
    version: ModuleVersion,
    /// Take targets with an operating system or architecture that airpack does not know
    #[arg(long, hide_short_help = true)]
    allow_unknown_target: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Common {
    pub(crate) fn run(
        self,
        kind: ModuleKind,
        is_composite: bool,
        output: &Output,
        stop: &Arc<AtomicBool>,
    ) -> Result<()> {
        let mut targets = words::targets(&self.targets)?;
        if targets.is_empty() {
            targets.push(Target::default().with_defaults());
        }
        let request = NewRequest {
            scaffold: Scaffold {
                kind,
                id: self.id,
                version: self.version,
                api: self.api,
                targets,
                is_composite,
            },
            folder: self.path,
            allow_unknown_target: self.allow_unknown_target,
        };
        let report = make(&request, &output.progress(stop))?;
        Output::findings(&report.warnings);
        if self.json {
            return Output::data(&json::to_pretty(&report));
        }
        output.note(&next_step(&request, &report));
        let root = format!("{}/", report.folder.display());
        let files = report.files.iter().map(|path| (path.as_str(), String::new()));
        Output::data(&Tree::of_paths(root, files).render())
    }
}

/// The command that makes an image of what was made.
fn next_step(request: &NewRequest, report: &NewReport) -> String {
    let Scaffold { kind, id, version, .. } = &request.scaffold;
    let name = format!("{id}:{version}").to_lowercase();
    let name = name.parse::<ImageName>().map_or_else(|_| "NAME".to_owned(), |_| name);
    let source = if request.scaffold.is_composite {
        format!("--config {}", argument(&report.folder.join(PACKAGE_TOML)))
    } else {
        format!("--path {}", argument(&report.folder))
    };
    format!(
        "package it with: airpack {} package {name} {source} --layout out.oci",
        kind.name()
    )
}

/// What is wrong with a value, with the way out behind it: clap shows only the first.
fn with_hint<T: FromStr<Err = Error>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: Error| match error.hint() {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    })
}
