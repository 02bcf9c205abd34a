//! Makes a builder: one image for each target and an image index in front of them, into a layout.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use crate::archive::compress::Compression;
use crate::archive::timestamp::Timestamp;
use crate::cnb::builder_config::{BuilderConfig, LifecycleEntry};
use crate::cnb::builder_labels::CreatedBy;
use crate::cnb::labels::ModuleLayers;
use crate::cnb::module::ModuleKind;
use crate::cnb::target::{Target, names_in_messages};
use crate::cnb_image::builder_file::BuilderFile;
use crate::cnb_image::builder_image::{builder_labels, is_reserved_label};
use crate::cnb_image::buildpackage;
use crate::cnb_image::dependency::Opener;
use crate::cnb_image::gather::{Gathered, ToGather, gather};
use crate::cnb_image::lifecycle_shelf::{LifecycleChoice, LifecycleShelf, check_folder};
use crate::cnb_image::plan::builder::{BuilderImage, BuilderIngredients, BuilderPlan, Holds, plan as plan_images};
use crate::cnb_image::written::{ImageReport, WriteReport, commit};
use crate::error::{Error, Finding, Findings, Result};
use crate::oci::descriptor::{Annotations, Descriptor};
use crate::oci::image::{History, Image, ImageConfig};
use crate::oci::index::ImageIndex;
use crate::oci::layer::{Layer, take_below};
use crate::oci::layout::{LayoutWriter, Staging};
use crate::oci::library::{From, Library};
use crate::oci::reference::ImageName;
use crate::progress::Progress;

/// The folder that apps are built in.
const WORKING_DIR: &str = "/layers";

/// What to make, and how.
#[derive(Debug, Clone)]
pub struct BuilderRequest {
    /// A `builder.toml`.
    pub config: PathBuf,
    /// The layout; made if it does not exist.
    pub layout: PathBuf,
    /// Names of the index; the first is the main one.
    pub names: Vec<ImageName>,
    /// Where images are found that are named, before the layout that is written to.
    pub from: Vec<From>,
    /// Targets in place of those of the file; none for those.
    pub targets: Vec<Target>,
    /// Lifecycles that count before those of the files.
    pub lifecycles: Vec<LifecycleChoice>,
    /// A folder of released lifecycles.
    pub lifecycle_folder: Option<PathBuf>,
    /// More labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the index and of every manifest.
    pub annotations: Annotations,
    /// Modules that share a layer, as `id@version`.
    pub flatten: Vec<Vec<String>>,
    /// How layers are compressed.
    pub compression: Compression,
    /// How many threads compress.
    pub threads: NonZeroUsize,
    /// The time that images bear.
    pub created: Timestamp,
    /// What makes it.
    pub created_by: CreatedBy,
    /// Whether operating systems and architectures pass that are not known.
    pub allow_unknown_target: bool,
    /// Whether warnings are errors.
    pub strict: bool,
    /// Where nameless temporary files go.
    pub scratch: PathBuf,
}

/// A builder that can be written.
#[derive(Debug)]
pub struct PreparedBuilder {
    /// What will be written.
    pub plan: BuilderPlan,
    /// What is not as it should be, but does no harm.
    pub warnings: Findings,
}

/// Reads all that is named and decides everything. Nothing is written.
pub fn prepare(request: &BuilderRequest, progress: &dyn Progress) -> Result<PreparedBuilder> {
    LayoutWriter::new(&request.layout)?;
    request.lifecycle_folder.as_deref().map_or(Ok(()), check_folder)?;
    if let Some(name) = request.labels.keys().find(|name| is_reserved_label(name)) {
        return Err(Error::invalid(format!(
            "label `{name}` can not be set: it is what makes the image a builder"
        )));
    }
    let task = format!("create a builder from `{}`", request.config.display());
    let mut findings = Findings::default();
    let Some(file) = BuilderFile::read(&request.config, request.allow_unknown_target, &mut findings)? else {
        findings.into_warnings(&task)?;
        return Err(Error::invalid(format!("failed to {task}")));
    };
    check_lifecycles(request, &mut findings);
    warn_of_unused_folder(request, &file, &mut findings);
    let library = Library::open(&request.from, Some(&request.layout), &request.scratch)?;
    let layout = fs::canonicalize(&request.layout).ok();
    let is_output = move |path: &Path| Some(path) == layout.as_deref();
    let platforms = wanted_platforms(request, &file.config);
    let mut opener = Opener::new(
        &library,
        &is_output,
        &request.scratch,
        request.allow_unknown_target,
        platforms.clone(),
    );
    let lifecycles = LifecycleShelf::new(
        file.lifecycles(&request.lifecycles),
        request.lifecycle_folder.clone(),
        &library,
        &platforms,
        progress,
    );
    let mut ingredients = BuilderIngredients {
        file: &file,
        asked: &request.targets,
        allow_unknown: request.allow_unknown_target,
        flatten: &request.flatten,
        opener: &mut opener,
        lifecycles,
        progress,
    };
    let plan = plan_images(&mut ingredients, &mut findings)?;
    let declared = file.config.targets.iter().map(|declared| &declared.target);
    findings.join_alike(&names_in_messages(declared.chain(&request.targets)));
    if request.strict {
        findings.escalate();
    }
    let warnings = findings.into_warnings(&task)?;
    match plan {
        Some(plan) => Ok(PreparedBuilder { plan, warnings }),
        None => Err(Error::invalid(format!("failed to {task}"))),
    }
}

/// What they are for can be, and is said once.
fn check_lifecycles(request: &BuilderRequest, findings: &mut Findings) {
    let mut seen: Vec<&Target> = Vec::new();
    for target in request.lifecycles.iter().filter_map(|choice| choice.target.as_ref()) {
        for (_, finding) in target.check(request.allow_unknown_target) {
            findings.push(finding);
        }
        if seen.iter().any(|other| other.same_as(target)) {
            findings.push(
                Finding::error(format!("--lifecycle is given twice for {target}"))
                    .hint("say what each is for: --lifecycle linux/arm64=FILE"),
            );
        }
        seen.push(target);
    }
}

/// A folder of lifecycles that nothing is taken from.
fn warn_of_unused_folder(request: &BuilderRequest, file: &BuilderFile, findings: &mut Findings) {
    if let (Some(folder), Some(LifecycleEntry::Uri(uri))) = (&request.lifecycle_folder, &file.config.lifecycle) {
        let message = format!(
            "--lifecycle-dir `{}` is not looked at: the lifecycle has a `uri`",
            folder.display()
        );
        findings.push(
            Finding::warning(message)
                .hint("say `version` in its place")
                .at(uri.place.clone()),
        );
    }
}

/// What images are needed for.
fn wanted_platforms(request: &BuilderRequest, config: &BuilderConfig) -> Vec<String> {
    let targets: Vec<&Target> = if request.targets.is_empty() {
        config.targets.iter().map(|declared| &declared.target).collect()
    } else {
        request.targets.iter().collect()
    };
    let mut platforms: Vec<String> = targets
        .into_iter()
        .map(|target| target.with_defaults().platform_text())
        .collect();
    platforms.sort();
    platforms.dedup();
    platforms
}

/// Writes what was prepared.
pub fn run(prepared: &PreparedBuilder, request: &BuilderRequest, progress: &dyn Progress) -> Result<WriteReport> {
    write(prepared, request, progress).map_err(|error| {
        let layout = request.layout.display();
        error.context(format!("failed to create a builder in `{layout}`"))
    })
}

fn write(prepared: &PreparedBuilder, request: &BuilderRequest, progress: &dyn Progress) -> Result<WriteReport> {
    let layout = LayoutWriter::new(&request.layout)?;
    let staging = layout.staging();
    let layers = prepared.plan.images.iter().flat_map(|image| {
        image.layers.iter().map(move |layer| ToGather {
            name: format!("{} for {}", image.names(&layer.holds).join(", "), image.platform),
            content: &layer.content,
        })
    });
    let gathered = gather(
        layers.collect(),
        staging,
        request.compression,
        request.threads,
        progress,
    )?;
    let mut gathered = gathered.into_iter();
    let mut children = Vec::new();
    let mut images = Vec::new();
    for image in &prepared.plan.images {
        let own = gathered.by_ref().take(image.layers.len()).collect();
        let (descriptor, report) = write_image(image, own, request, staging, progress)?;
        children.push(descriptor);
        images.push(report);
    }
    progress.check()?;
    let index = ImageIndex::new(children, request.annotations.clone()).write(staging);
    let names = commit(layout, &index, &request.names, progress)?;
    Ok(WriteReport {
        digest: Some(index.digest),
        layout: Some(request.layout.clone()),
        names,
        files: Vec::new(),
        images,
    })
}

fn write_image(
    plan: &BuilderImage,
    gathered: Vec<Gathered>,
    request: &BuilderRequest,
    staging: &Staging,
    progress: &dyn Progress,
) -> Result<(Descriptor, ImageReport)> {
    let base = &plan.base.image;
    let mut layers: Vec<(Layer, History)> = Vec::new();
    let below = base.manifest.layers.iter().zip(&base.config.rootfs.diff_ids);
    for ((descriptor, diff_id), step) in below.zip(base.config.history_of_layers()) {
        let layer = take_below(staging, &*plan.base.source, descriptor, diff_id, progress)?;
        layers.push((layer, step));
    }
    let mut reports = Vec::new();
    let mut module_layers =
        [ModuleKind::Buildpack, ModuleKind::Extension].map(|kind| (kind, plan.labels.below.layers(kind).clone()));
    for (planned, done) in plan.layers.iter().zip(gathered) {
        let names = plan.names(&planned.holds);
        let (by, report) = match &planned.holds {
            Holds::Other(words) => (words.clone(), done.report(Vec::new(), Some(words.clone()))),
            Holds::Modules(members) => {
                enter(plan, members, &done, &mut module_layers);
                let kind = plan.members[members[0]].kind();
                (
                    format!("{} {}", kind.name(), names.join(", ")),
                    done.report(names, None),
                )
            }
        };
        reports.push(report);
        layers.push((done.layer, History::by(by)));
    }
    let [(_, buildpacks), (_, extensions)] = &module_layers;
    let mut labels = builder_labels(plan, &request.created_by, buildpacks, extensions);
    labels.extend(request.labels.clone());
    let image = Image {
        platform: plan.platform.clone(),
        config: config_above(&base.config),
        labels,
        annotations: request.annotations.clone(),
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

/// The build image's config, with the folder that builders work in.
fn config_above(base: &ImageConfig) -> ImageConfig {
    let mut config = base.clone();
    let run = config.config.get_or_insert_default();
    run.other.insert("WorkingDir".to_owned(), WORKING_DIR.into());
    config
}

/// Says which layer the modules are in.
fn enter(plan: &BuilderImage, members: &[usize], done: &Gathered, module_layers: &mut [(ModuleKind, ModuleLayers); 2]) {
    for at in members {
        let member = &plan.members[*at];
        let mut label = member.label.clone();
        label.layer_diff_id = done.layer.diff_id.to_string();
        let own = module_layers.iter_mut().find(|(kind, _)| *kind == member.kind());
        if let Some((_, layers)) = own {
            layers
                .entry(member.id.to_string())
                .or_default()
                .insert(member.version.to_string(), label);
        }
    }
}
