//! Looks into a layout: its index, the images in it, and what their layers hold.

pub mod files;
pub mod module_toml;
pub mod raw;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::archive::entry::{Entry, EntryKind};
use crate::cnb_image::builder_view::{BuilderOverview, BuilderView};
use crate::cnb_image::package_view::{ImageOfPackage, PackageView};
use crate::cnb_image::view::{BuildpackageView, parsed_labels};
use crate::error::{Error, Result};
use crate::oci::descriptor::{Annotations, Descriptor, media_type};
use crate::oci::digest::{DiffId, Digest};
use crate::oci::graph::children;
use crate::oci::image::{History, ImageConfig, ImageManifest};
use crate::oci::index::{ImageIndex, MAX_DEPTH};
use crate::oci::json;
use crate::oci::layer::read_entries;
use crate::oci::locate::ImageLocation;
use crate::oci::platform::{Platform, no_image_for};
use crate::oci::store::ImageSource;
use crate::progress::Progress;

/// A platform in JSON is far shorter.
const MAX_PLATFORM: usize = 1 << 10;

/// What to look at.
#[derive(Debug, Clone)]
pub struct InspectRequest {
    /// A layout or an archive, or one image in it.
    pub location: ImageLocation,
    /// Where nameless temporary files go.
    pub scratch: PathBuf,
    /// Only images that answer to this platform.
    pub platform: Option<Platform>,
}

/// What was found.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InspectReport {
    /// The layout or archive.
    #[serde(serialize_with = "json::displayed")]
    pub layout: PathBuf,
    /// Whether it is one file.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_archive: bool,
    /// The entries of `index.json` that were asked for.
    pub entries: Vec<Node>,
}

/// Something that a descriptor points to.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// Digest of the blob.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Its length.
    pub size: u64,
    /// Annotations of the descriptor.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: Annotations,
    /// Platform of the descriptor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// What is in the blob.
    #[serde(flatten)]
    pub content: Content,
}

/// What a blob turned out to be.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Content {
    /// An image index.
    Index {
        /// Annotations of the index itself.
        #[serde(rename = "indexAnnotations", skip_serializing_if = "BTreeMap::is_empty")]
        annotations: Annotations,
        /// What it packages, over all its images.
        #[serde(skip_serializing_if = "Option::is_none")]
        package: Option<Box<PackageView>>,
        /// The builder that it is, over all its images.
        #[serde(skip_serializing_if = "Option::is_none")]
        builder: Option<Box<BuilderOverview>>,
        /// Its children, those that were asked for.
        manifests: Vec<Node>,
    },
    /// An image.
    Image(Box<ImageView>),
    /// Neither.
    Other,
}

/// An image.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageView {
    /// What an artifact is that uses the form of an image (OCI image spec, `artifactType`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The manifest that this one is about (OCI image spec, `subject`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Value>,
    /// Media type of the config.
    pub config_media_type: String,
    /// Annotations of the manifest itself.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub manifest_annotations: Annotations,
    /// Digest of the config blob.
    pub config_digest: Digest,
    /// What the config is for.
    pub config_platform: Platform,
    /// When the image was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Settings for running, but for the labels.
    pub config: Map<String, Value>,
    /// The labels; those that are JSON are parsed.
    pub labels: BTreeMap<String, Value>,
    /// How the layers came about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<History>,
    /// The module that the image packages, as `id@version`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buildpackage: Option<String>,
    /// What its labels say of its modules.
    #[serde(skip)]
    pub package: Option<BuildpackageView>,
    /// What the labels say of the builder that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub builder: Option<Box<BuilderView>>,
    /// The layers, the lowest first.
    pub layers: Vec<LayerView>,
}

/// A layer.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerView {
    /// The blob.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Its length.
    pub size: u64,
    /// Digest before compression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff_id: Option<DiffId>,
    /// The modules in it, as `id@version`; several where it is flattened.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<String>,
    /// Its entries; `null` where the blob is no archive.
    pub entries: Option<Vec<EntryView>>,
}

/// An entry of a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntryView {
    /// Its name; where that is not UTF-8, as near as can be.
    pub name: String,
    /// `file`, `dir`, `symlink`, `hardlink`, ...
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Permissions in octal: `0755`.
    pub mode: String,
    /// The owner's number.
    pub uid: u64,
    /// The group's number.
    pub gid: u64,
    /// Length of the content.
    pub size: u64,
    /// Seconds since the epoch.
    pub mtime: u64,
    /// What a link says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linkname: Option<String>,
}

impl EntryView {
    fn of(entry: &Entry) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            name: text(&entry.path),
            kind: entry.kind.name(),
            mode: format!("{:04o}", entry.mode),
            uid: entry.uid,
            gid: entry.gid,
            size: entry.kind.size(),
            mtime: entry.mtime,
            linkname: match &entry.kind {
                EntryKind::Symlink { target } | EntryKind::Hardlink { target } => Some(text(target)),
                _ => None,
            },
        }
    }
}

/// Reads all that was asked for; every blob on the way is verified.
pub fn run(request: &InspectRequest, progress: &dyn Progress) -> Result<InspectReport> {
    let source = request.location.open(&request.scratch)?;
    let looked = look(request, &*source, progress);
    if request.location.layout.is_file() {
        return looked.map_err(|error| error.context(format!("failed to inspect {}", source.location())));
    }
    looked
}

fn look(request: &InspectRequest, source: &dyn ImageSource, progress: &dyn Progress) -> Result<InspectReport> {
    let location = &request.location;
    let index = source.index_file()?;
    let entries = location.select(source, &index, |entry| children(source, entry))?;
    let look = Look {
        source,
        platform: request.platform.as_ref(),
        progress,
    };
    let mut nodes = Vec::new();
    for entry in look.nearest(&entries) {
        nodes.extend(look.node(entry, 0)?);
    }
    if let (Some(platform), true) = (look.platform, nodes.is_empty()) {
        let mut has = BTreeSet::new();
        for entry in &entries {
            platforms(source, entry, &mut has, 0)?;
        }
        return Err(no_image_for(
            platform,
            format_args!("`{}`", location.layout.display()),
            has,
        ));
    }
    Ok(InspectReport {
        layout: location.layout.clone(),
        is_archive: location.layout.is_file(),
        entries: nodes,
    })
}

fn read_index(source: &dyn ImageSource, entry: &Descriptor) -> Result<ImageIndex> {
    json::from_slice(&source.read(entry)?, &format!("image index {}", entry.digest))
}

/// The config of an image; an artifact may have anything in its place.
fn read_config(config: &Descriptor, bytes: &[u8]) -> Result<ImageConfig> {
    let read = json::from_slice(bytes, &format!("image config {}", config.digest));
    match config.media_type.as_str() {
        media_type::CONFIG | media_type::DOCKER_CONFIG => read,
        _ => Ok(read.unwrap_or_default()),
    }
}

/// What the images below `entry` are for, by their descriptors, else by their configs.
fn platforms(source: &dyn ImageSource, entry: &Descriptor, found: &mut BTreeSet<String>, depth: usize) -> Result<()> {
    if media_type::is_index(&entry.media_type) && depth < MAX_DEPTH {
        for child in children(source, entry)? {
            platforms(source, &child, found, depth + 1)?;
        }
    } else if let Some(platform) = &entry.platform {
        found.insert(platform.to_string());
    } else if media_type::is_manifest(&entry.media_type) {
        let manifest: ImageManifest =
            json::from_slice(&source.read(entry)?, &format!("image manifest {}", entry.digest))?;
        let platform = read_config(&manifest.config, &source.read(&manifest.config)?)?.platform();
        if !platform.os.is_empty() {
            found.insert(platform.to_string());
        }
    }
    Ok(())
}

struct Look<'a> {
    source: &'a dyn ImageSource,
    platform: Option<&'a Platform>,
    progress: &'a dyn Progress,
}

impl Look<'_> {
    /// Those that are nearest to the platform asked for, and those whose descriptor does not say what they are for.
    fn nearest<'d>(&self, descriptors: &'d [Descriptor]) -> Vec<&'d Descriptor> {
        let Some(wanted) = self.platform else {
            return descriptors.iter().collect();
        };
        let distance = |descriptor: &Descriptor| descriptor.platform.as_ref().map(|platform| platform.distance(wanted));
        let least = descriptors
            .iter()
            .filter_map(|descriptor| distance(descriptor).flatten())
            .min();
        descriptors
            .iter()
            .filter(|descriptor| distance(descriptor).is_none_or(|distance| distance.is_some() && distance == least))
            .collect()
    }

    /// `None` for what is for another platform than the one asked for.
    fn node(&self, descriptor: &Descriptor, depth: usize) -> Result<Option<Node>> {
        self.progress.check()?;
        let content = if media_type::is_index(&descriptor.media_type) {
            if depth >= MAX_DEPTH {
                return Err(Error::damaged(format!(
                    "image index {} is nested more than {MAX_DEPTH} deep",
                    descriptor.digest
                )));
            }
            let index = read_index(self.source, descriptor)?;
            let mut manifests = Vec::new();
            for child in self.nearest(&index.manifests) {
                manifests.extend(self.node(child, depth + 1)?);
            }
            if manifests.is_empty() && self.platform.is_some() {
                return Ok(None);
            }
            Content::Index {
                annotations: index.annotations,
                package: package_of(&manifests).map(Box::new),
                builder: builder_of(&manifests).map(Box::new),
                manifests,
            }
        } else if media_type::is_manifest(&descriptor.media_type) {
            match self.image(descriptor)? {
                Some(image) => Content::Image(Box::new(image)),
                None => return Ok(None),
            }
        } else if self.platform.is_some() {
            return Ok(None);
        } else {
            let mut blob = self.source.open(descriptor)?;
            drain(&mut blob, descriptor)?;
            Content::Other
        };
        Ok(Some(Node {
            digest: descriptor.digest.clone(),
            media_type: descriptor.media_type.clone(),
            size: descriptor.size,
            annotations: descriptor.annotations.clone(),
            platform: descriptor.platform.clone(),
            content,
        }))
    }

    fn image(&self, descriptor: &Descriptor) -> Result<Option<ImageView>> {
        let is_wanted = |platform: &Platform| self.platform.is_none_or(|wanted| platform.distance(wanted).is_some());
        if descriptor
            .platform
            .as_ref()
            .is_some_and(|platform| !is_wanted(platform))
        {
            return Ok(None);
        }
        let manifest: ImageManifest = json::from_slice(
            &self.source.read(descriptor)?,
            &format!("image manifest {}", descriptor.digest),
        )?;
        let config_bytes = self.source.read(&manifest.config)?;
        let mut config = read_config(&manifest.config, &config_bytes)?;
        if descriptor.platform.is_none() && !is_wanted(&config.platform()) {
            return Ok(None);
        }
        let labels = config.labels();
        // labels that are not what they should be are still shown as they are
        let view = BuildpackageView::of(&labels).ok().flatten();
        let builder = BuilderView::of(&labels).map(Box::new);
        let in_builder = builder.as_ref().map(|builder| builder.modules_by_layer());
        let modules = |diff_id: &DiffId| {
            let diff_id = diff_id.to_string();
            let in_builder = in_builder.as_ref().and_then(|layers| layers.get(diff_id.as_str()));
            let in_package = || view.as_ref().map(|view| view.modules_in(&diff_id));
            in_builder.cloned().or_else(in_package).unwrap_or_default()
        };
        let mut layers = Vec::new();
        for (at, layer) in manifest.layers.iter().enumerate() {
            layers.push(self.layer(layer, config.rootfs.diff_ids.get(at), &modules)?);
        }
        Ok(Some(ImageView {
            artifact_type: manifest
                .other
                .get("artifactType")
                .and_then(Value::as_str)
                .map(ToOwned::to_owned),
            subject: manifest.other.get("subject").cloned(),
            config_media_type: manifest.config.media_type,
            manifest_annotations: manifest.annotations,
            config_digest: manifest.config.digest,
            config_platform: config.platform(),
            created: config.created.take(),
            config: config.config.take().map(|config| config.other).unwrap_or_default(),
            labels: parsed_labels(&labels),
            history: config.history,
            buildpackage: view.as_ref().map(BuildpackageView::full_name),
            package: view,
            builder,
            layers,
        }))
    }

    fn layer(
        &self,
        layer: &Descriptor,
        diff_id: Option<&DiffId>,
        modules: &dyn Fn(&DiffId) -> Vec<String>,
    ) -> Result<LayerView> {
        let mut step = self.progress.step(&layer.digest.short(), layer.size);
        let entries = read_entries(self.source, layer)?;
        step.advance(layer.size);
        if let (Some((_, found)), Some(said)) = (&entries, diff_id)
            && found != said
        {
            return Err(Error::damaged(format!(
                "blob {} unpacks to {found}, but its image says {said}",
                layer.digest
            )));
        }
        Ok(LayerView {
            digest: layer.digest.clone(),
            media_type: layer.media_type.clone(),
            size: layer.size,
            modules: diff_id.map(modules).unwrap_or_default(),
            diff_id: diff_id.cloned(),
            entries: entries.map(|(entries, _)| entries.iter().map(EntryView::of).collect()),
        })
    }
}

/// What the images behind an index package together.
fn package_of(nodes: &[Node]) -> Option<PackageView> {
    let images: Vec<ImageOfPackage<'_>> = nodes
        .iter()
        .filter_map(|node| match &node.content {
            Content::Image(image) => image.of_package(node.platform.as_ref()),
            _ => None,
        })
        .collect();
    PackageView::of(&images)
}

/// The builder that the images behind an index are together.
fn builder_of(nodes: &[Node]) -> Option<BuilderOverview> {
    let images: Vec<(Platform, &BuilderView)> = nodes
        .iter()
        .filter_map(|node| match &node.content {
            Content::Image(image) => image.of_builder(node.platform.as_ref()),
            _ => None,
        })
        .collect();
    BuilderOverview::of(&images)
}

impl ImageView {
    /// Whether it packages an extension.
    #[must_use]
    pub fn is_extension(&self) -> bool {
        self.package
            .as_ref()
            .is_some_and(|labels| !labels.extensions.is_empty())
    }

    /// The image as one of a package; `None` for one of something else. `platform` is what an index says of it.
    #[must_use]
    pub fn of_package(&self, platform: Option<&Platform>) -> Option<ImageOfPackage<'_>> {
        let layers = self.layers.iter().filter_map(|layer| {
            let diff_id = layer.diff_id.as_ref()?.to_string();
            Some((diff_id, layer.digest.clone(), layer.size))
        });
        Some(ImageOfPackage {
            platform: platform.unwrap_or(&self.config_platform).clone(),
            labels: self.package.as_ref()?,
            layers: layers.collect(),
        })
    }

    /// The image as one of a builder, likewise. `None` where the platform is said at such length that no tool means it.
    #[must_use]
    pub fn of_builder(&self, platform: Option<&Platform>) -> Option<(Platform, &BuilderView)> {
        let platform = platform.unwrap_or(&self.config_platform);
        // it is told at every module
        if json::to_bytes(platform).len() > MAX_PLATFORM {
            return None;
        }
        Some((platform.clone(), self.builder.as_deref()?))
    }
}

fn drain(blob: &mut dyn Read, descriptor: &Descriptor) -> Result<()> {
    std::io::copy(blob, &mut std::io::sink()).map(drop).map_err(|cause| {
        crate::error::from_io(cause, |cause| {
            Error::damaged(format!("failed to read blob {}", descriptor.digest)).with_source(cause)
        })
    })
}
