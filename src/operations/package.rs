//! Packages a buildpack or an extension: one image for each target and an image index in front of them, into a layout or into files.

mod destination;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use destination::{CNB, Destination};
use destination::{check_output, files, folder_of};
use write::{all_annotations, write_images};

use crate::archive::compress::Compression;
use crate::archive::file_tree::FileTree;
use crate::archive::timestamp::Timestamp;
use crate::cnb::module::ModuleKind;
use crate::cnb::target::{Target, names_in_messages};
use crate::cnb_image::buildpackage;
use crate::cnb_image::dependency::Opener;
use crate::cnb_image::module_source::ModuleSource;
use crate::cnb_image::package_file::PackageFile;
use crate::cnb_image::plan::package::{Ingredients, PackagePlan, plan as plan_images};
use crate::cnb_image::written::{FileReport, WriteReport, commit};
use crate::error::{Error, Finding, Findings, Result};
use crate::oci::descriptor::Annotations;
use crate::oci::index::ImageIndex;
use crate::oci::layout::{ArchiveFile, LayoutWriter, Staging};
use crate::oci::library::{From, Library};
use crate::oci::platform::Platform;
use crate::oci::reference::ImageName;
use crate::progress::Progress;

/// What to package, and how.
#[derive(Debug, Clone)]
pub struct PackageRequest {
    /// Whether it is a buildpack or an extension.
    pub kind: ModuleKind,
    /// The module's folder or archive; else what `config` says; else the current folder.
    pub path: Option<PathBuf>,
    /// A `package.toml`.
    pub config: Option<PathBuf>,
    /// Where it goes.
    pub output: Destination,
    /// Where images are found that dependencies name, before the layout that is written to.
    pub from: Vec<From>,
    /// Targets in place of those of the files; none for those.
    pub targets: Vec<Target>,
    /// More labels.
    pub labels: BTreeMap<String, String>,
    /// More annotations, which win over those from the module's file.
    pub annotations: Annotations,
    /// Whether there is one layer for all modules.
    pub flatten: bool,
    /// What gets a layer of its own all the same, as `id@version`.
    pub flatten_exclude: BTreeSet<String>,
    /// How layers are compressed.
    pub compression: Compression,
    /// How many threads compress.
    pub threads: NonZeroUsize,
    /// The time that images bear.
    pub created: Timestamp,
    /// Whether operating systems and architectures pass that are not known.
    pub allow_unknown_target: bool,
    /// Whether warnings are errors.
    pub strict: bool,
    /// Where nameless temporary files go.
    pub scratch: PathBuf,
}

/// A package that can be written.
#[derive(Debug)]
pub struct PreparedPackage {
    source: Arc<ModuleSource>,
    /// What will be written.
    pub plan: PackagePlan,
    /// The files that will be written, each with the positions of its images; none for a layout.
    pub files: Vec<(PathBuf, Vec<usize>)>,
    /// What is not as it should be, but does no harm.
    pub warnings: Findings,
}

impl PreparedPackage {
    /// The main module's files.
    #[must_use]
    pub fn tree(&self) -> &FileTree {
        &self.source.tree
    }
}

/// Reads the sources and decides everything. Nothing is written.
pub fn prepare(request: &PackageRequest, progress: &dyn Progress) -> Result<PreparedPackage> {
    check_output(&request.output)?;
    check_labels(request)?;
    let mut findings = Findings::default();
    let package_file = match &request.config {
        None => None,
        Some(file) => match PackageFile::read(file, request.allow_unknown_target, &mut findings)? {
            Some(read) => Some(read),
            None => return Err(sum_up(findings, &format!("read `{}`", file.display()))),
        },
    };
    let path = match (&request.path, &package_file) {
        (Some(path), _) => path.clone(),
        (None, None) => PathBuf::from("."),
        (None, Some(read)) => match read.module_path(request.kind, &mut findings) {
            Some(path) => path,
            None => return Err(sum_up(findings, &format!("read `{}`", read.file.display()))),
        },
    };
    let task = format!("package `{}`", path.display());
    let is_output = request.output.is_output();
    let source = ModuleSource::open(
        request.kind,
        &path,
        &is_output,
        &request.scratch,
        request.allow_unknown_target,
        &mut findings,
    )?;
    let Some(source) = source.map(Arc::new) else {
        return Err(sum_up(findings, &task));
    };
    let layout = match &request.output {
        Destination::Layout { folder, .. } => Some(folder.as_path()),
        Destination::File { .. } => None,
    };
    let library = Library::open(&request.from, layout, &request.scratch)?;
    let mut opener = Opener::new(
        &library,
        &is_output,
        &request.scratch,
        request.allow_unknown_target,
        wanted_platforms(request, package_file.as_ref()),
    );
    let mut dependencies = Vec::new();
    if let Some(read) = &package_file {
        read.check(&source, !request.targets.is_empty(), &mut findings);
        if source.descriptor.order.is_some() {
            let chain = [read.file.display().to_string()];
            dependencies = opener.open_all(&read.config, &read.file, &chain, &mut findings);
        }
    } else if source.descriptor.order.is_some() {
        findings.push(no_config(&source));
    }
    let may_plan = package_file.is_some() || source.descriptor.order.is_none();
    let plan = if may_plan {
        let mut ingredients = Ingredients {
            source: &source,
            config: package_file.as_ref(),
            dependencies: &dependencies,
            asked: &request.targets,
            allow_unknown: request.allow_unknown_target,
            flatten: request.flatten,
            flatten_exclude: &request.flatten_exclude,
            opener: &mut opener,
            progress,
        };
        plan_images(&mut ingredients, &mut findings)?
    } else {
        None
    };
    let files = match &plan {
        Some(plan) => files(request, plan, &mut findings),
        None => Vec::new(),
    };
    let of_composite = package_file.iter().flat_map(|read| &read.config.targets);
    let declared = source
        .descriptor
        .written_targets()
        .chain(of_composite.map(|declared| &declared.target));
    findings.join_alike(&names_in_messages(declared.chain(&request.targets)));
    if request.strict {
        findings.escalate();
    }
    let warnings = findings.into_warnings(&task)?;
    match plan {
        Some(plan) => Ok(PreparedPackage {
            source,
            plan,
            files,
            warnings,
        }),
        None => Err(Error::invalid(format!("failed to {task}"))),
    }
}

/// The error for findings that leave nothing to go on with.
fn sum_up(findings: Findings, task: &str) -> Error {
    match findings.into_warnings(task) {
        Err(error) => error,
        Ok(_) => Error::invalid(format!("failed to {task}")),
    }
}

fn check_labels(request: &PackageRequest) -> Result<()> {
    match request.labels.keys().find(|name| buildpackage::is_reserved_label(name)) {
        Some(name) => Err(Error::invalid(format!(
            "label `{name}` can not be set: it is what makes the image a buildpackage"
        ))),
        None => Ok(()),
    }
}

fn no_config(source: &ModuleSource) -> Finding {
    let place = source.descriptor.order.as_ref().map(|order| order.place.clone());
    Finding::error(format!(
        "{} is a composite buildpack, and what it is made of is not named",
        source.descriptor.full_name()
    ))
    .at(place)
    .hint("give --config with a package.toml that lists it in [[dependencies]]")
}

/// What dependencies are needed for, as far as it is known before anything was opened.
fn wanted_platforms(request: &PackageRequest, package_file: Option<&PackageFile>) -> Vec<String> {
    let in_file = || {
        let targets = package_file
            .map(|read| read.config.targets.as_slice())
            .unwrap_or_default();
        targets.iter().map(|declared| declared.target.clone()).collect()
    };
    let targets: Vec<Target> = if request.targets.is_empty() {
        in_file()
    } else {
        request.targets.clone()
    };
    let platforms: BTreeSet<String> = targets
        .iter()
        .map(|target| {
            let platform = buildpackage::platform(target);
            Platform {
                os_version: None,
                ..platform
            }
            .to_string()
        })
        .collect();
    platforms.into_iter().collect()
}

/// Writes what was prepared.
pub fn run(prepared: &PreparedPackage, request: &PackageRequest, progress: &dyn Progress) -> Result<WriteReport> {
    let task = || format!("failed to package into `{}`", request.output.path().display());
    let write = || match &request.output {
        Destination::Layout { folder, names } => write_layout(prepared, request, folder, names, progress),
        Destination::File { path, .. } => write_files(prepared, request, path, progress),
    };
    write().map_err(|error| error.context(task()))
}

fn write_layout(
    prepared: &PreparedPackage,
    request: &PackageRequest,
    folder: &Path,
    names: &[ImageName],
    progress: &dyn Progress,
) -> Result<WriteReport> {
    let layout = LayoutWriter::new(folder)?;
    let (children, images) = write_images(prepared, request, layout.staging(), progress)?;
    progress.check()?;
    let index = ImageIndex::new(children, all_annotations(&prepared.plan.descriptor, request)).write(layout.staging());
    let names = commit(layout, &index, names, progress)?;
    Ok(WriteReport {
        digest: Some(index.digest),
        layout: Some(folder.to_owned()),
        names,
        files: Vec::new(),
        images,
    })
}

/// All files are whole before the first one gets its name.
fn write_files(
    prepared: &PreparedPackage,
    request: &PackageRequest,
    path: &Path,
    progress: &dyn Progress,
) -> Result<WriteReport> {
    let folder = folder_of(path);
    let staging = Staging::in_folder(folder)?;
    let (children, images) = write_images(prepared, request, &staging, progress)?;
    let is_single = matches!(request.output, Destination::File { single: true, .. });
    let mut written = Vec::new();
    let mut reports = Vec::new();
    let mut digest = None;
    for (path, members) in &prepared.files {
        let root = if is_single {
            let index =
                ImageIndex::new(children.clone(), all_annotations(&prepared.plan.descriptor, request)).write(&staging);
            digest = Some(index.digest.clone());
            index
        } else {
            children[members[0]].clone()
        };
        written.push((ArchiveFile::write(&staging, &root, folder, progress)?, path));
        reports.push(FileReport {
            path: path.clone(),
            digest: root.digest,
        });
    }
    progress.check()?;
    for (file, path) in written {
        file.name(path)?;
    }
    Ok(WriteReport {
        digest,
        layout: None,
        names: Vec::new(),
        files: reports,
        images,
    })
}
