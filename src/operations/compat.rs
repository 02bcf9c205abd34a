//! Tells which components there are for which platforms, and why others are missing.

mod report;

pub use report::{Cell, CompatReport, Component, Lack, Requirement, Summary};

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::cnb::builder_config::BuilderConfig;
use crate::cnb::target::Target;
use crate::cnb_image::builder_file::BuilderFile;
use crate::cnb_image::compat::columns::{MAX_COLUMNS, column_of, columns, is_meant};
use crate::cnb_image::compat::{Assembly, BuilderSources, Kind, ModuleSources, Row, stored_in};
use crate::cnb_image::dependency::Opener;
use crate::cnb_image::lifecycle_shelf::{LifecycleChoice, check_folder};
use crate::cnb_image::package_file::PackageFile;
use crate::error::{Error, Findings, Result};
use crate::oci::library::{From, Library};
use crate::oci::locate::ImageLocation;
use crate::oci::platform::Platform;
use crate::oci::reference::ImageReference;
use crate::progress::Progress;

/// What to look at, and for which platforms.
#[derive(Debug, Clone)]
pub struct CompatRequest {
    /// Layouts and archives, or one image of them.
    pub locations: Vec<ImageLocation>,
    /// A `builder.toml` or a `package.toml`.
    pub config: Option<PathBuf>,
    /// Where images are found that are named, before `locations`.
    pub from: Vec<From>,
    /// Lifecycles that count before those of a `builder.toml`.
    pub lifecycles: Vec<LifecycleChoice>,
    /// A folder of released lifecycles.
    pub lifecycle_folder: Option<PathBuf>,
    /// The columns; all platforms that appear where there are none.
    pub platforms: Vec<Platform>,
    /// Platforms that every component must be there for.
    pub required: Vec<Platform>,
    /// Whether operating systems and architectures pass that are not known.
    pub allow_unknown_target: bool,
    /// Where nameless temporary files go.
    pub scratch: PathBuf,
}

/// Looks at all that is named. What is missing or broken is told of in its row.
pub fn run(request: &CompatRequest, progress: &dyn Progress) -> Result<CompatReport> {
    request.lifecycle_folder.as_deref().map_or(Ok(()), check_folder)?;
    let config = request
        .config
        .as_deref()
        .map(|file| read_config(file, request))
        .transpose()?;
    let searched = request.locations.iter().cloned().map(From::Source);
    let from: Vec<From> = request.from.iter().cloned().chain(searched).collect();
    let library = Library::open(&from, None, &request.scratch)?;
    let mut stored = stored_in(&request.locations, &library, &request.scratch, progress)?;
    if stored.is_empty() && config.is_none() {
        let places = request
            .locations
            .iter()
            .map(|location| format!("`{}`", location.layout.display()));
        let places: Vec<String> = places.collect();
        return Err(Error::invalid(format!("there are no images in {}", places.join(", "))));
    }
    let platforms = wanted_platforms(request, config.as_ref());
    let is_output = |_: &Path| false;
    let unknown = request.allow_unknown_target;
    let mut opener = Opener::new(&library, &is_output, &request.scratch, unknown, platforms.clone());
    let mut assemblies: Vec<Box<dyn Assembly + '_>> = Vec::new();
    match &config {
        Some(Config::Builder(file)) => {
            let lifecycles = (request.lifecycles.as_slice(), request.lifecycle_folder.as_deref());
            let sources = BuilderSources::open(file, &mut opener, lifecycles, &platforms, progress)?;
            assemblies.push(Box::new(sources));
        }
        Some(Config::Package(file)) => assemblies.push(Box::new(ModuleSources::open(file, &mut opener, progress)?)),
        None => {}
    }
    let mut found = stored.targets(progress)?;
    for assembly in &assemblies {
        found.extend(assembly.targets(progress)?);
    }
    let (columns, left_off) = chosen_columns(request, &found)?;
    let mut rows = Vec::new();
    for assembly in &mut assemblies {
        rows.extend(assembly.rows(&columns, progress)?);
    }
    rows.extend(stored.rows(&columns, progress)?);
    Ok(CompatReport::of(
        &request.required,
        &columns,
        left_off,
        without_doubles(rows),
    ))
}

/// A file that lists components.
enum Config {
    Builder(Box<BuilderFile>),
    Package(Box<PackageFile>),
}

fn read_config(file: &Path, request: &CompatRequest) -> Result<Config> {
    let task = format!("read `{}`", file.display());
    let text = fs::read(file).map_err(|cause| Error::io("read", file, cause))?;
    let unknown = request.allow_unknown_target;
    let mut findings = Findings::default();
    let read = if BuilderConfig::is_one(&text) {
        BuilderFile::read(file, unknown, &mut findings)?.map(|file| Config::Builder(Box::new(file)))
    } else {
        PackageFile::read(file, unknown, &mut findings)?.map(|file| Config::Package(Box::new(file)))
    };
    findings.into_warnings(&task)?;
    read.ok_or_else(|| Error::invalid(format!("failed to {task}")))
}

/// What images are needed for, to say so where one is missing.
fn wanted_platforms(request: &CompatRequest, config: Option<&Config>) -> Vec<String> {
    let asked = request
        .platforms
        .iter()
        .chain(&request.required)
        .map(ToString::to_string);
    let targets = match config {
        Some(Config::Builder(file)) => file.config.targets.as_slice(),
        Some(Config::Package(file)) => file.config.targets.as_slice(),
        None => &[],
    };
    let declared = targets
        .iter()
        .map(|declared| declared.target.with_defaults().platform_text());
    let mut all: Vec<String> = asked.chain(declared).collect();
    all.sort();
    all.dedup();
    all
}

/// The platforms that are asked for, else all; those that are required in any case. Tells how many did not fit.
fn chosen_columns(request: &CompatRequest, found: &[Target]) -> Result<(Vec<Target>, usize)> {
    let all = columns(found);
    let mut chosen: Vec<Target> = Vec::new();
    for wanted in request.required.iter().chain(&request.platforms) {
        let meant: Vec<&Target> = all.iter().filter(|column| is_meant(column, wanted)).collect();
        if meant.is_empty() {
            let column = column_of(wanted);
            check_names(&column, request.allow_unknown_target)?;
            chosen.push(column);
        }
        chosen.extend(meant.into_iter().cloned());
    }
    if request.platforms.is_empty() {
        chosen.extend(all);
    }
    if chosen.is_empty() {
        chosen.push(Target::default().with_defaults());
    }
    let mut seen = HashSet::new();
    chosen.retain(|column| seen.insert(column.clone()));
    let left_off = chosen.len().saturating_sub(MAX_COLUMNS);
    chosen.truncate(MAX_COLUMNS);
    let key = |column: &Target| {
        let distro = column.distros.first().cloned().unwrap_or_default();
        let target = column.clone();
        (target.os, target.arch, target.variant, distro.name, distro.version)
    };
    chosen.sort_by_key(key);
    Ok((chosen, left_off))
}

/// A platform that nothing is for is one all the same, if its names are known.
fn check_names(column: &Target, allow_unknown: bool) -> Result<()> {
    let mut named = column.clone();
    named.distros.clear();
    match named.check(allow_unknown).into_iter().next() {
        None => Ok(()),
        Some((_, finding)) => {
            let error = Error::invalid(finding.message.replacen("target", "platform", 1));
            Err(match finding.hint {
                Some(hint) => error.with_hint(hint),
                None => error,
            })
        }
    }
}

/// An image that is told of as a part of a builder is not told of again.
fn without_doubles(mut rows: Vec<Row>) -> Vec<Row> {
    let normal = |name: &str| match name.parse::<ImageReference>() {
        Ok(reference) => reference.to_string(),
        Err(_) => name.to_owned(),
    };
    let parts = rows.iter().filter(|row| row.part_of.is_some() && row.source.is_some());
    let named: HashSet<String> = parts
        .filter(|row| matches!(row.kind, Kind::RunImage | Kind::BuildImage))
        .map(|row| normal(&row.name))
        .collect();
    let is_image = |row: &Row| matches!(row.kind, Kind::Image | Kind::BuildImage) && row.part_of.is_none();
    rows.retain(|row| !is_image(row) || !named.contains(&normal(&row.name)));
    rows
}
