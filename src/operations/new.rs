//! Makes the files of a new buildpack, composite or extension.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::archive::new_files::NewFiles;
use crate::cnb::api::ApiVersion;
use crate::cnb::module::{ModuleDescriptor, ModuleKind};
use crate::cnb::package_config::PackageConfig;
use crate::cnb::paths::PACKAGE_TOML;
use crate::cnb::scaffold::{Scaffold, ScaffoldFile};
use crate::error::{Error, Finding, Findings, Result};
use crate::oci::json::displayed;
use crate::progress::Progress;

/// What to make, and where.
#[derive(Debug, Clone)]
pub struct NewRequest {
    /// What.
    pub scaffold: Scaffold,
    /// The folder, which may be there; the id's last part in the current folder where nothing is said.
    pub folder: Option<PathBuf>,
    /// Takes targets that are not known.
    pub allow_unknown_target: bool,
}

/// What was made.
#[derive(Debug, Clone, Serialize)]
pub struct NewReport {
    /// The folder.
    #[serde(serialize_with = "displayed")]
    pub folder: PathBuf,
    /// The files, relative to it.
    pub files: Vec<String>,
    /// What is good to know.
    #[serde(skip)]
    pub warnings: Findings,
}

/// Makes all files, or none: never in place of one that is there.
pub fn run(request: &NewRequest, progress: &dyn Progress) -> Result<NewReport> {
    let scaffold = &request.scaffold;
    let folder = request.folder.clone().unwrap_or_else(|| PathBuf::from(scaffold.name()));
    let task = format!(
        "make {} `{}` in `{}`",
        scaffold.kind.name(),
        scaffold.id,
        folder.display()
    );
    let files = scaffold.files();
    let warnings = check(request, &files).into_warnings(&task)?;
    write(&folder, &files, progress).map_err(|error| error.context(format!("failed to {task}")))?;
    Ok(NewReport {
        folder,
        files: files.into_iter().map(|file| file.path).collect(),
        warnings,
    })
}

fn write(folder: &Path, files: &[ScaffoldFile], progress: &dyn Progress) -> Result<()> {
    let mut new = NewFiles::new(folder);
    // a folder that describes a module is one already, of whichever kind
    let others = [ModuleKind::Buildpack, ModuleKind::Extension].map(ModuleKind::file);
    let paths = files.iter().map(|file| file.path.as_str()).chain(others);
    let taken = new.taken(paths)?;
    if !taken.is_empty() {
        let names: Vec<String> = taken.iter().map(|path| format!("`{}`", path.display())).collect();
        let verb = if names.len() == 1 { "is" } else { "are" };
        return Err(Error::invalid(format!("{} {verb} there already", names.join(", ")))
            .with_hint("name another folder with --path; files that exist are never written over"));
    }
    for file in files {
        progress.check()?;
        new.write(&file.path, file.content.as_bytes(), file.is_executable)?;
    }
    progress.check()?;
    new.finish();
    Ok(())
}

/// What packaging will say of the files is said before there are any.
fn check(request: &NewRequest, files: &[ScaffoldFile]) -> Findings {
    let mut findings = Findings::default();
    for target in &request.scaffold.targets {
        for (_, finding) in target.check(request.allow_unknown_target) {
            findings.push(finding);
        }
    }
    let api = request.scaffold.api;
    if api < ApiVersion::TARGETS {
        findings.push(
            Finding::warning(format!(
                "api {api} does not know targets, which the lifecycle then passes over"
            ))
            .hint(format!("give --api {} or a newer one", ApiVersion::TARGETS)),
        );
    }
    if !findings.has_errors() {
        for file in files {
            let (path, text) = (Path::new(&file.path), file.content.as_bytes());
            let kind = request.scaffold.kind;
            let found = if path.ends_with(kind.file()) {
                ModuleDescriptor::parse(kind, path, text, request.allow_unknown_target).1
            } else if path.ends_with(PACKAGE_TOML) {
                PackageConfig::parse(path, text, request.allow_unknown_target).1
            } else {
                continue;
            };
            // they speak of lines in files that are not there yet
            for mut finding in found.iter().cloned() {
                finding.place = None;
                findings.push(finding);
            }
        }
    }
    findings
}
