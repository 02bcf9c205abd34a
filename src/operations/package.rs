//! Packages a buildpack: one image for each target and an image index in front of them, into a layout.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::archive::compress::Compression;
use crate::archive::file_tree::FileTree;
use crate::archive::timestamp::Timestamp;
use crate::cnb::buildpack::BuildpackDescriptor;
use crate::cnb::package_config::PackageConfig;
use crate::cnb::target::{Part, Target};
use crate::cnb_image::buildpackage;
use crate::cnb_image::module_source::ModuleSource;
use crate::cnb_image::plan::package::{ImagePlan, PackagePlan, plan as plan_images};
use crate::error::{Error, Finding, Findings, Place, Result};
use crate::oci::descriptor::{Annotations, Descriptor};
use crate::oci::digest::{DiffId, Digest};
use crate::oci::image::Image;
use crate::oci::index::ImageIndex;
use crate::oci::json::displayed;
use crate::oci::layer::{self, Layer, Origin};
use crate::oci::layout::{LayoutWriter, Tagged};
use crate::oci::platform::Platform;
use crate::oci::reference::ImageName;
use crate::progress::{Progress, in_units};

/// What to package, and how.
#[derive(Debug, Clone)]
pub struct PackageRequest {
    /// The buildpack's folder or archive; else what `config` says; else the current folder.
    pub path: Option<PathBuf>,
    /// A `package.toml`.
    pub config: Option<PathBuf>,
    /// Names of the index; the first is the main one.
    pub names: Vec<ImageName>,
    /// The layout to write to.
    pub layout: PathBuf,
    /// Targets in place of those of `buildpack.toml`; none for those.
    pub targets: Vec<Target>,
    /// More labels.
    pub labels: BTreeMap<String, String>,
    /// More annotations, which win over those from `buildpack.toml`.
    pub annotations: Annotations,
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
    source: ModuleSource,
    /// What will be written.
    pub plan: PackagePlan,
    /// What is not as it should be, but does no harm.
    pub warnings: Findings,
}

impl PreparedPackage {
    /// The buildpack's files.
    #[must_use]
    pub fn tree(&self) -> &FileTree {
        &self.source.tree
    }
}

/// What was written.
#[derive(Debug, Clone, Serialize)]
pub struct PackageReport {
    /// The image index.
    pub digest: Digest,
    /// The layout.
    #[serde(serialize_with = "displayed")]
    pub layout: PathBuf,
    /// The names of the index.
    pub names: Vec<NameReport>,
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
    /// The blob.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Digest before compression.
    pub diff_id: DiffId,
    /// Length before compression.
    pub uncompressed_size: u64,
    /// Whether the blob was there, and nothing had to be compressed.
    pub reused: bool,
}

/// Reads the source and decides everything. Nothing is written.
pub fn prepare(request: &PackageRequest) -> Result<PreparedPackage> {
    LayoutWriter::new(&request.layout)?;
    check_labels(request)?;
    let mut findings = Findings::default();
    let path = match &request.config {
        None => request.path.clone().unwrap_or_else(|| PathBuf::from(".")),
        Some(file) => match configured_path(file, request, &mut findings)? {
            Some(path) => path,
            None => {
                let error = findings.into_warnings(&format!("read `{}`", file.display()));
                return Err(error
                    .err()
                    .unwrap_or_else(|| Error::invalid(format!("`{}` names no buildpack", file.display()))));
            }
        },
    };
    let task = format!("package `{}`", path.display());
    let source = ModuleSource::open(
        &path,
        &request.layout,
        &request.scratch,
        request.allow_unknown_target,
        &mut findings,
    )?;
    let plan = match &source {
        Some(source) => plan_images(source, &request.targets, request.allow_unknown_target, &mut findings)?,
        None => None,
    };
    if request.strict {
        findings.escalate();
    }
    let warnings = findings.into_warnings(&task)?;
    match (source, plan) {
        (Some(source), Some(plan)) => Ok(PreparedPackage { source, plan, warnings }),
        _ => Err(Error::invalid(format!("failed to {task}"))),
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

/// `--path`, else the `uri` of `package.toml`. `None` when `findings` tell why there is none.
fn configured_path(file: &Path, request: &PackageRequest, findings: &mut Findings) -> Result<Option<PathBuf>> {
    let text = std::fs::read(file).map_err(|cause| Error::io("read", file, cause))?;
    let (config, faults) = PackageConfig::parse(file, &text, request.allow_unknown_target);
    findings.append(faults);
    let Some(config) = config else { return Ok(None) };
    check_config(&config, file, request, findings);
    if let Some(path) = &request.path {
        return Ok(Some(path.clone()));
    }
    match (&config.buildpack_uri, &config.extension_uri) {
        (Some(uri), _) => match resolve_uri(&uri.value, file) {
            Ok(path) => return Ok(Some(path)),
            Err(finding) => findings.push(finding.at(uri.place.clone())),
        },
        (None, Some(uri)) => {
            findings.push(
                Finding::error("this names an extension, which the command does not package").at(uri.place.clone()),
            );
        }
        (None, None) => {
            let place = Place {
                file: file.to_owned(),
                excerpt: None,
            };
            let finding =
                Finding::error("no buildpack is named").hint("add [buildpack] with uri = \"PATH\", or give --path");
            findings.push(finding.at(place));
        }
    }
    Ok(None)
}

fn check_config(config: &PackageConfig, file: &Path, request: &PackageRequest, findings: &mut Findings) {
    if let Some(os) = &config.platform_os {
        if !request.targets.is_empty() {
            findings.push(
                Finding::error("`platform.os` and --target exclude each other")
                    .at(os.place.clone())
                    .hint("remove platform.os"),
            );
        } else if os.value == "windows" {
            findings.push(Finding::error("`platform.os` is windows, which is not supported").at(os.place.clone()));
        } else if os.value != Target::DEFAULT_OS {
            findings.push(
                Finding::error(format!(
                    "`platform.os` is `{}`, which only --target can choose",
                    os.value
                ))
                .at(os.place.clone()),
            );
        }
    }
    if let Some(target) = config.targets.first() {
        findings.push(
            Finding::warning("`[[targets]]` here are for composite buildpacks: those of buildpack.toml count")
                .at(target.place(Part::Whole).clone())
                .hint("move them to buildpack.toml, or give --target"),
        );
    }
    if let Some(dependency) = config.dependencies.first() {
        let message = format!(
            "`{}` lists dependencies, but only a composite buildpack can have some",
            file.display()
        );
        findings.push(Finding::error(message).at(dependency.place.clone()));
    }
}

/// A path relative to the file, or a `file://` one. Everything else needs a network, or a composite.
fn resolve_uri(uri: &str, file: &Path) -> Result<PathBuf, Finding> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let local = match uri.split_once(':') {
        Some(("file", rest)) => rest
            .strip_prefix("//")
            .map(percent_decoded)
            .filter(|path| path.starts_with('/')),
        Some((scheme, rest)) if rest.starts_with("//") || scheme == "urn" => None,
        _ => Some(uri.to_owned()),
    };
    let Some(local) = local else {
        return Err(Finding::error(format!("buildpack `{uri}` is not on disk")).hint(
            "give a folder or an archive, relative to this file or as file:///PATH; download what is elsewhere first",
        ));
    };
    let path = folder.join(local);
    if !path.exists() {
        return Err(Finding::error(format!("buildpack `{}` does not exist", path.display()))
            .hint("the uri is relative to this file"));
    }
    Ok(path)
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = (byte == b'%')
            .then(|| after.get(..2).and_then(|digits| hex::decode(digits).ok()))
            .flatten();
        match hex {
            Some(decoded) => {
                bytes.extend(decoded);
                rest = &after[2..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// Writes what was prepared.
pub fn run(prepared: &PreparedPackage, request: &PackageRequest, progress: &dyn Progress) -> Result<PackageReport> {
    let task = || format!("failed to package into `{}`", request.layout.display());
    let layout = LayoutWriter::new(&request.layout)?;
    let mut children = Vec::new();
    let mut images = Vec::new();
    for image in &prepared.plan.images {
        let (descriptor, report) =
            write_image(image, &prepared.source, &layout, request, progress).map_err(|error| error.context(task()))?;
        children.push(descriptor);
        images.push(report);
    }
    progress.check()?;
    let index = ImageIndex::new(children, all_annotations(&prepared.plan.descriptor, request)).write(&layout)?;
    let tagged: Vec<Tagged> = layout
        .commit(progress, |file| {
            Ok(request.names.iter().map(|name| file.tag(&index, name)).collect())
        })
        .map_err(|error| error.context(task()))?;
    Ok(PackageReport {
        digest: index.digest,
        layout: request.layout.clone(),
        names: request
            .names
            .iter()
            .zip(tagged)
            .map(|(name, tagged)| NameReport {
                name: name.to_string(),
                ref_name: tagged.ref_name,
                replaced: tagged.replaced,
            })
            .collect(),
        images,
    })
}

fn all_annotations(descriptor: &BuildpackDescriptor, request: &PackageRequest) -> Annotations {
    let mut annotations = buildpackage::annotations(descriptor);
    annotations.extend(request.annotations.clone());
    annotations
}

fn write_image(
    plan: &ImagePlan,
    source: &ModuleSource,
    layout: &LayoutWriter,
    request: &PackageRequest,
    progress: &dyn Progress,
) -> Result<(Descriptor, ImageReport)> {
    let module = format!("{}@{}", plan.descriptor.id, plan.descriptor.version);
    let total = plan.layer.total();
    let name = format!("{module} for {}", plan.platform);
    let produce = |out: &mut dyn std::io::Write| {
        let mut step = progress.step(&name, total);
        plan.layer.write(&source.tree, progress, &mut *step, out)
    };
    let (layer, origin) = layer::write(layout, &produce, total, request.compression, request.threads)?;
    progress.done(&layer_summary(&name, total, &layer, origin));

    let mut labels = buildpackage::labels(&plan.descriptor, &layer.diff_id);
    labels.extend(request.labels.clone());
    let report = LayerReport {
        digest: layer.descriptor.digest.clone(),
        size: layer.descriptor.size,
        diff_id: layer.diff_id.clone(),
        uncompressed_size: total,
        reused: origin == Origin::Reused,
    };
    let image = Image {
        platform: plan.platform.clone(),
        labels,
        annotations: all_annotations(&plan.descriptor, request),
        layers: vec![(layer, format!("buildpack {module}"))],
        created: request.created,
    };
    let mut descriptor = image.write(layout)?;
    descriptor.annotations = buildpackage::child_annotations(&plan.target);
    let report = ImageReport {
        target: plan.target.to_string(),
        platform: plan.platform.clone(),
        digest: descriptor.digest.clone(),
        layers: vec![report],
    };
    Ok((descriptor, report))
}

fn layer_summary(name: &str, total: u64, layer: &Layer, origin: Origin) -> String {
    let size = layer.descriptor.size;
    let what = match origin {
        Origin::Compressed => "compressed",
        Origin::Reused => "already there",
    };
    format!("{name}: {} -> {}, {what}", in_units(total), in_units(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_relative_to_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path();
        std::fs::create_dir(base.join("dir")).unwrap();
        std::fs::write(base.join("b p.tgz"), "").unwrap();
        let file = base.join("dir/package.toml");
        let check =
            |uri: &str, expected: &str| assert_eq!(resolve_uri(uri, &file).unwrap(), base.join(expected), "{uri}");
        check(".", "dir/.");
        check("../b p.tgz", "dir/../b p.tgz");
        check(&format!("file://{}/b%20p.tgz", base.display()), "b p.tgz");
        check(base.to_str().unwrap(), "");
        for bad in [
            "https://x.test/a.tgz",
            "docker://a/b",
            "urn:cnb:registry:a/b@1",
            "file://host/x",
            "none",
        ] {
            assert!(resolve_uri(bad, &file).is_err(), "{bad}");
        }
    }
}
