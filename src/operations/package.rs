//! Packages a buildpack or an extension: one image for each target and an image index in front of them, into a layout or into files.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use crate::archive::compress::Compression;
use crate::archive::file_tree::FileTree;
use crate::archive::timestamp::Timestamp;
use crate::cnb::labels::ModuleLayers;
use crate::cnb::module::{ModuleDescriptor, ModuleKind};
use crate::cnb::target::Target;
use crate::cnb_image::buildpackage;
use crate::cnb_image::dependency::Opener;
use crate::cnb_image::module_source::ModuleSource;
use crate::cnb_image::package_file::PackageFile;
use crate::cnb_image::plan::member::{LayerContent, LayerPlan};
use crate::cnb_image::plan::package::{ImagePlan, Ingredients, PackagePlan, plan as plan_images};
use crate::error::{Error, Finding, Findings, Result};
use crate::oci::copy::in_parallel;
use crate::oci::descriptor::{Annotations, Descriptor};
use crate::oci::digest::{DiffId, Digest};
use crate::oci::image::Image;
use crate::oci::index::ImageIndex;
use crate::oci::json::{displayed, displayed_if_any};
use crate::oci::layer::{self, Layer, Origin};
use crate::oci::layout::{ArchiveFile, LayoutWriter, Staging, Tagged};
use crate::oci::library::{From, Library};
use crate::oci::platform::Platform;
use crate::oci::reference::ImageName;
use crate::progress::{Progress, Step, in_units};

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

/// Where a package goes.
#[derive(Debug, Clone)]
pub enum Destination {
    /// Into an OCI image layout.
    Layout {
        /// Its folder; made if it does not exist.
        folder: PathBuf,
        /// Names of the index; the first is the main one.
        names: Vec<ImageName>,
    },
    /// Into files (`.cnb`), each a layout in a tar.
    File {
        /// The file; of several, each has its platform in its name.
        path: PathBuf,
        /// Whether there is one file for all targets.
        single: bool,
    },
}

impl Destination {
    /// The folder or file, as the user named it.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Layout { folder, .. } => folder,
            Self::File { path, .. } => path,
        }
    }

    /// Whether a file or folder, by its canonical path, is one that is written here.
    fn is_output(&self) -> impl Fn(&Path) -> bool + use<> {
        let (layout, file) = match self {
            Self::Layout { folder, .. } => (fs::canonicalize(folder).ok(), None),
            Self::File { path, .. } => {
                let (folder, stem) = (folder_of(path), stem_of(path));
                (
                    None,
                    fs::canonicalize(folder)
                        .ok()
                        .map(|folder| (folder, stem, path.file_name().map(ToOwned::to_owned))),
                )
            }
        };
        move |path| {
            let is_file = || {
                let (folder, stem, name) = file.as_ref()?;
                let own = path.file_name().filter(|_| path.parent() == Some(folder))?;
                let of_platform = own
                    .to_str()?
                    .strip_prefix(stem.to_str()?)?
                    .strip_suffix(CNB)?
                    .starts_with('-');
                Some(of_platform || Some(own) == name.as_deref())
            };
            Some(path) == layout.as_deref() || (path.is_file() && is_file().unwrap_or_default())
        }
    }
}

/// What the names of such files end in.
pub const CNB: &str = ".cnb";

/// The folder that a file is in.
fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// The name without `.cnb`.
fn stem_of(path: &Path) -> OsString {
    let is_cnb = path.extension().is_some_and(|extension| extension == &CNB[1..]);
    let stem = if is_cnb { path.file_stem() } else { path.file_name() };
    stem.unwrap_or_default().to_owned()
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

/// What was written.
#[derive(Debug, Clone, Serialize)]
pub struct PackageReport {
    /// The image index; `None` where each image has a file of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The layout.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "displayed_if_any")]
    pub layout: Option<PathBuf>,
    /// The names of the index.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<NameReport>,
    /// The files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileReport>,
    /// The images, in the order of the index.
    pub images: Vec<ImageReport>,
}

/// A name in the layout.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NameReport {
    /// The full name.
    pub name: String,
    /// The name within the layout, for `oci:LAYOUT:TAG`.
    pub ref_name: String,
    /// What had the name before.
    pub replaced: Option<Digest>,
}

/// A file that was written.
#[derive(Debug, Clone, Serialize)]
pub struct FileReport {
    /// Its path.
    #[serde(serialize_with = "displayed")]
    pub path: PathBuf,
    /// The manifest or index in it.
    pub digest: Digest,
}

/// An image in the layout.
#[derive(Debug, Clone, Serialize)]
pub struct ImageReport {
    /// The target as written.
    pub target: String,
    /// What the image is for.
    pub platform: Platform,
    /// Its manifest.
    pub digest: Digest,
    /// Its layers.
    pub layers: Vec<LayerReport>,
}

/// A layer in the layout.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerReport {
    /// The modules in it, as `id@version`.
    pub modules: Vec<String>,
    /// The blob.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Digest before compression.
    pub diff_id: DiffId,
    /// Length before compression.
    pub uncompressed_size: u64,
    /// Whether nothing had to be compressed: the blob was there, or is another image's.
    pub reused: bool,
    /// Where it was taken from as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_from: Option<String>,
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

fn check_output(output: &Destination) -> Result<()> {
    match output {
        Destination::Layout { folder, .. } => LayoutWriter::new(folder).map(drop),
        Destination::File { path, .. } if path.is_dir() => Err(Error::invalid(format!(
            "`{}` is a folder, not a file to write",
            path.display()
        ))
        .with_hint("give the name of a file that ends in .cnb")),
        Destination::File { path, .. } => Staging::in_folder(folder_of(path)).map(drop),
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

/// The files of a package and their images: one for all, or one for each, with its platform in the name.
fn files(request: &PackageRequest, plan: &PackagePlan, findings: &mut Findings) -> Vec<(PathBuf, Vec<usize>)> {
    let Destination::File { path, single } = &request.output else {
        return Vec::new();
    };
    if matches!(request.compression, Compression::Zstd(_)) {
        findings.push(
            Finding::warning("pack does not read layers in files that zstd compressed")
                .hint("leave --compression out, unless only airpack reads the file"),
        );
    }
    if path.extension().is_none_or(|extension| extension != &CNB[1..]) {
        findings.push(
            Finding::warning(format!("`{}` does not end in {CNB}", path.display()))
                .hint("tools know packages by that ending"),
        );
    }
    if *single || plan.images.len() == 1 {
        return vec![(path.clone(), (0..plan.images.len()).collect())];
    }
    let is_folder = |file: &Path| Finding::error(format!("`{}` is a folder, not a file to write", file.display()));
    let mut files: Vec<(PathBuf, Vec<usize>)> = Vec::new();
    for (at, image) in plan.images.iter().enumerate() {
        let mut name = stem_of(path);
        for part in image.target.with_defaults().folder_names() {
            name.push("-");
            name.push(part);
        }
        name.push(CNB);
        let file = path.with_file_name(name);
        if let Some((_, first)) = files.iter().find(|(other, _)| *other == file) {
            findings.push(Finding::error(format!(
                "the images for `{}` and `{}` would both be `{}`",
                plan.images[first[0]].target,
                image.target,
                file.display()
            )));
        }
        if file.is_dir() {
            findings.push(is_folder(&file));
        }
        files.push((file, vec![at]));
    }
    files
}

/// Writes what was prepared.
pub fn run(prepared: &PreparedPackage, request: &PackageRequest, progress: &dyn Progress) -> Result<PackageReport> {
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
) -> Result<PackageReport> {
    let layout = LayoutWriter::new(folder)?;
    let (children, images) = write_images(prepared, request, layout.staging(), progress)?;
    progress.check()?;
    let index = ImageIndex::new(children, all_annotations(&prepared.plan.descriptor, request)).write(layout.staging());
    let tagged: Vec<Tagged> = layout.commit(progress, |file| {
        Ok(names.iter().map(|name| file.tag(&index, name)).collect())
    })?;
    Ok(PackageReport {
        digest: Some(index.digest),
        layout: Some(folder.to_owned()),
        names: names
            .iter()
            .zip(tagged)
            .map(|(name, tagged)| NameReport {
                name: name.to_string(),
                ref_name: tagged.ref_name,
                replaced: tagged.replaced,
            })
            .collect(),
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
) -> Result<PackageReport> {
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
    Ok(PackageReport {
        digest,
        layout: None,
        names: Vec::new(),
        files: reports,
        images,
    })
}

fn write_images(
    prepared: &PreparedPackage,
    request: &PackageRequest,
    staging: &Staging,
    progress: &dyn Progress,
) -> Result<(Vec<Descriptor>, Vec<ImageReport>)> {
    let mut children = Vec::new();
    let mut images = Vec::new();
    let known = known_layers(&prepared.plan, staging, request, progress)?;
    for (image, known) in prepared.plan.images.iter().zip(known) {
        let (descriptor, report) = write_image(image, known, staging, request, progress)?;
        children.push(descriptor);
        images.push(report);
    }
    Ok((children, images))
}

fn all_annotations(descriptor: &ModuleDescriptor, request: &PackageRequest) -> Annotations {
    let mut annotations = buildpackage::annotations(descriptor);
    annotations.extend(request.annotations.clone());
    annotations
}

/// For each image its layers, as far as they are there already. Comparing takes one processor for each layer, so all take part.
fn known_layers(
    plan: &PackagePlan,
    staging: &Staging,
    request: &PackageRequest,
    progress: &dyn Progress,
) -> Result<Vec<Vec<Option<Layer>>>> {
    let all: Vec<(usize, &LayerPlan)> = plan
        .images
        .iter()
        .enumerate()
        .flat_map(|(at, image)| image.layers.iter().map(move |layer| (at, layer)))
        .collect();
    let found = in_parallel(request.threads, all, progress, |(at, planned), progress| {
        let LayerContent::Written(written) = &planned.content else {
            return Ok((at, None));
        };
        let produce = |out: &mut dyn std::io::Write| written.write(progress, &mut Unseen, out);
        let known = layer::find(staging, &produce, written.total(), request.compression)?;
        Ok((at, known))
    })?;
    let mut known: Vec<Vec<Option<Layer>>> = plan.images.iter().map(|_| Vec::new()).collect();
    for (at, layer) in found {
        known[at].push(layer);
    }
    Ok(known)
}

/// A step that nobody looks at.
struct Unseen;

impl Step for Unseen {
    fn advance(&mut self, _bytes: u64) {}

    fn rewind(&mut self, _bytes: u64) {}
}

fn write_image(
    plan: &ImagePlan,
    known: Vec<Option<Layer>>,
    staging: &Staging,
    request: &PackageRequest,
    progress: &dyn Progress,
) -> Result<(Descriptor, ImageReport)> {
    let mut modules = ModuleLayers::new();
    let mut layers = Vec::new();
    let mut reports = Vec::new();
    for (planned, known) in plan.layers.iter().zip(known) {
        let (layer, report) = write_layer(planned, known, plan, staging, request, progress)?;
        for at in &planned.members {
            let member = &plan.members[*at];
            let mut label = member.label.clone();
            label.layer_diff_id = layer.diff_id.to_string();
            modules
                .entry(member.id.to_string())
                .or_default()
                .insert(member.version.to_string(), label);
        }
        layers.push((layer, format!("{} {}", request.kind.name(), report.modules.join(", "))));
        reports.push(report);
    }
    let mut labels = buildpackage::labels(&plan.descriptor, plan.stacks.clone(), &modules);
    labels.extend(request.labels.clone());
    let annotations = all_annotations(&plan.descriptor, request);
    let image = Image {
        platform: plan.platform.clone(),
        labels,
        annotations,
        layers,
        created: request.created,
    };
    let mut descriptor = image.write(staging);
    descriptor.annotations = buildpackage::child_annotations(&plan.target);
    let report = ImageReport {
        target: plan.target.to_string(),
        platform: plan.platform.clone(),
        digest: descriptor.digest.clone(),
        layers: reports,
    };
    Ok((descriptor, report))
}

fn write_layer(
    planned: &LayerPlan,
    known: Option<Layer>,
    plan: &ImagePlan,
    staging: &Staging,
    request: &PackageRequest,
    progress: &dyn Progress,
) -> Result<(Layer, LayerReport)> {
    let modules: Vec<String> = planned.members.iter().map(|at| plan.members[*at].full_name()).collect();
    let name = format!("{} for {}", modules.join(", "), plan.platform);
    let (layer, origin, total, taken_from) = match &planned.content {
        LayerContent::Taken(taken) => {
            let origin = layer::take(staging, taken.source(), &taken.layer, progress)?;
            (
                taken.layer.clone(),
                origin,
                taken.uncompressed,
                Some(taken.source().location()),
            )
        }
        LayerContent::Written(written) => {
            let total = written.total();
            let produce = |out: &mut dyn std::io::Write| {
                let mut step = progress.step(&name, total);
                written.write(progress, &mut *step, out)
            };
            let (layer, origin) = match known {
                Some(layer) => (layer, Origin::Reused),
                None => layer::write(staging, &produce, total, request.compression, request.threads)?,
            };
            (layer, origin, total, None)
        }
    };
    progress.done(&layer_summary(&name, total, &layer, origin));
    let report = LayerReport {
        modules,
        digest: layer.descriptor.digest.clone(),
        size: layer.descriptor.size,
        diff_id: layer.diff_id.clone(),
        uncompressed_size: total,
        reused: origin != Origin::Compressed,
        taken_from,
    };
    Ok((layer, report))
}

fn layer_summary(name: &str, total: u64, layer: &Layer, origin: Origin) -> String {
    let size = layer.descriptor.size;
    let what = match origin {
        Origin::Compressed => "compressed",
        Origin::Reused => "already there",
        Origin::Copied => "copied as it is",
    };
    format!("{name}: {} -> {}, {what}", in_units(total), in_units(size))
}
