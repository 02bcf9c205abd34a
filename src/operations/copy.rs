//! Copies images from a layout or an archive to a layout: files are shared where that is possible, and verified in any case.

mod choice;

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use choice::{Item, items};

use crate::error::Result;
use crate::oci::copy;
use crate::oci::descriptor::Descriptor;
use crate::oci::digest::Digest;
use crate::oci::graph::{Graph, choose};
use crate::oci::json::displayed;
use crate::oci::layout::{EntryName, Layout, LayoutWriter};
use crate::oci::locate::{ImageLocation, called};
use crate::oci::platform::Platform;
use crate::oci::referrers;
use crate::oci::store::{BlobSource, ImageSource, Put, WithDocuments};
use crate::progress::Progress;

/// What to copy, and where to.
#[derive(Debug, Clone)]
pub struct CopyRequest {
    /// A layout or an archive, and maybe one image in it.
    pub source: ImageLocation,
    /// The layout to write to.
    pub layout: PathBuf,
    /// The name of the one image there, whole or a tag, in place of its own.
    pub name: Option<String>,
    /// More names for the one image.
    pub more_names: Vec<String>,
    /// Only these platforms of each image; all when there are none.
    pub platforms: Vec<Platform>,
    /// Whether what is about one image comes along. With a whole layout it does anyway.
    pub referrers: bool,
    /// Whether files are always copied.
    pub no_links: bool,
    /// Whether only to say what would be done.
    pub dry_run: bool,
    /// Blobs that are copied at once.
    pub jobs: NonZeroUsize,
    /// Where nameless temporary files go.
    pub scratch: PathBuf,
}

/// What was copied.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CopyReport {
    /// Whether nothing was done, only said.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// The layout.
    #[serde(serialize_with = "displayed")]
    pub layout: PathBuf,
    /// The images, in the order of the source.
    pub images: Vec<CopiedImage>,
    /// Bytes that were copied, or would be.
    pub copied_bytes: u64,
    /// Bytes of files that are shared now.
    pub linked_bytes: u64,
}

/// An image that is in the layout now.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CopiedImage {
    /// What it is called in the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The digest of its index or manifest.
    pub digest: Digest,
    /// Its names.
    pub names: Vec<CopiedName>,
    /// Whether a new index was made, of some platforms only.
    pub is_subset: bool,
    /// Its blobs, by digest.
    pub blobs: Vec<CopiedBlob>,
    /// Its manifests, the root last.
    pub manifests: Vec<CopiedBlob>,
    /// What is about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub referrers: Vec<Digest>,
}

/// A name in the layout.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CopiedName {
    /// The full name; a tag alone where it has no more.
    pub name: String,
    /// The name within the layout, for `oci:LAYOUT:TAG`; `None` before it was entered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ref_name: Option<String>,
    /// What had the name before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Digest>,
}

/// A blob or manifest, and how it got there.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CopiedBlob {
    /// Its digest.
    pub digest: Digest,
    /// Its length.
    pub size: u64,
    /// What it is.
    pub media_type: String,
    /// `linked`, `copied`, `existing`; `copy` where it would be copied or linked.
    pub action: &'static str,
}

/// Copies all that is asked for, or nothing.
pub fn run(request: &CopyRequest, progress: &dyn Progress) -> Result<CopyReport> {
    let task = || format!("failed to copy `{}` to `{}`", request.source, request.layout.display());
    copy_all(request, progress).map_err(|error| error.context(task()))
}

fn copy_all(request: &CopyRequest, progress: &dyn Progress) -> Result<CopyReport> {
    let source = request.source.open(&request.scratch)?;
    let items = items(request, &*source)?;
    let writer = LayoutWriter::new(&request.layout)?;
    let copier = Copier {
        request,
        source: &*source,
        writer: &writer,
        progress,
    };
    let mut images = Vec::new();
    let mut roots = Vec::new();
    let mut about = Vec::new();
    for item in &items {
        let (image, root, referrers) = copier.image(item)?;
        images.push(image);
        roots.push(root);
        about.extend(referrers);
    }
    if !request.dry_run {
        writer.commit(progress, |index| {
            for ((item, root), image) in items.iter().zip(&roots).zip(&mut images) {
                for (name, report) in item.names.iter().zip(&mut image.names) {
                    let tagged = index.enter_named(root, name)?;
                    report.ref_name = Some(tagged.ref_name);
                    report.replaced = tagged.replaced;
                }
                if item.names.is_empty() {
                    index.enter_unnamed(root);
                }
            }
            for referrer in &about {
                index.enter_unnamed(referrer);
            }
            Ok(())
        })?;
        tell_links_from_copies(&mut images, &*source, &request.layout)?;
    }
    let sum = |action: &[&str]| bytes(&images, action);
    Ok(CopyReport {
        dry_run: request.dry_run,
        layout: request.layout.clone(),
        copied_bytes: sum(&["copied", "copy"]),
        linked_bytes: sum(&["linked"]),
        images,
    })
}

/// Bytes of blobs and manifests with these actions, each once.
fn bytes(images: &[CopiedImage], actions: &[&str]) -> u64 {
    let mut seen = HashSet::new();
    let all = images
        .iter()
        .flat_map(|image| image.blobs.iter().chain(&image.manifests));
    let counted = all.filter(|blob| actions.contains(&blob.action) && seen.insert(&blob.digest));
    counted.map(|blob| blob.size).sum()
}

struct Copier<'c> {
    request: &'c CopyRequest,
    source: &'c dyn ImageSource,
    writer: &'c LayoutWriter,
    progress: &'c dyn Progress,
}

impl Copier<'_> {
    fn image(&self, item: &Item) -> Result<(CopiedImage, Descriptor, Vec<Descriptor>)> {
        let mut source = WithDocuments::new(self.source);
        let root = choose(&mut source, &item.entry, &self.request.platforms)?;
        let graph = Graph::read(&source, &root, self.progress)?;
        let subjects: Vec<Digest> = graph.digests().cloned().collect();
        let (mut blobs, mut manifests) = (Vec::new(), Vec::new());
        self.copy(&source, graph, &mut blobs, &mut manifests)?;
        let mut about = Vec::new();
        if self.request.referrers {
            for found in referrers::find(self.source, subjects)? {
                let graph = Graph::read(self.source, &found.descriptor, self.progress)?;
                self.copy(self.source, graph, &mut blobs, &mut manifests)?;
                about.push(found.referrer.listed(&found.descriptor));
            }
        }
        let name = |name: &EntryName| CopiedName {
            name: name.to_string(),
            ref_name: None,
            replaced: None,
        };
        let image = CopiedImage {
            source: called(&item.entry),
            digest: root.digest.clone(),
            names: item.names.iter().map(name).collect(),
            is_subset: root.digest != item.entry.digest,
            blobs,
            manifests,
            referrers: about.iter().map(|referrer| referrer.digest.clone()).collect(),
        };
        Ok((image, root, about))
    }

    fn copy(
        &self,
        source: &dyn BlobSource,
        graph: Graph,
        blobs: &mut Vec<CopiedBlob>,
        manifests: &mut Vec<CopiedBlob>,
    ) -> Result<()> {
        let request = self.request;
        let store = self.writer.store(!request.no_links);
        let copied = copy::whole(graph, source, &store, request.jobs, request.dry_run, self.progress)?;
        let word = if request.dry_run { "copy" } else { "copied" };
        for (blob, put) in &copied.blobs {
            let action = match put {
                Put::Existed => "existing",
                Put::Linked => "linked",
                Put::Wrote | Put::Mounted(_) => word,
            };
            blobs.push(copied_blob(blob, action));
        }
        for (document, is_there) in &copied.documents {
            manifests.push(copied_blob(document, if *is_there { "existing" } else { word }));
        }
        Ok(())
    }
}

fn copied_blob(descriptor: &Descriptor, action: &'static str) -> CopiedBlob {
    CopiedBlob {
        digest: descriptor.digest.clone(),
        size: descriptor.size,
        media_type: descriptor.media_type.clone(),
        action,
    }
}

/// Where the system allowed no link after all, the commit has copied.
fn tell_links_from_copies(images: &mut [CopiedImage], source: &dyn BlobSource, layout: &Path) -> Result<()> {
    let target = Layout::open(layout)?;
    let inode = |store: &dyn BlobSource, blob: &Descriptor| -> Result<Option<(u64, u64)>> {
        let metadata = store.file(blob)?.and_then(|file| file.metadata().ok());
        Ok(metadata.map(|metadata| (metadata.dev(), metadata.ino())))
    };
    for blob in images
        .iter_mut()
        .flat_map(|image| &mut image.blobs)
        .filter(|blob| blob.action == "linked")
    {
        let descriptor = Descriptor::new(&blob.media_type, blob.digest.clone(), blob.size);
        if inode(source, &descriptor)? != inode(&target, &descriptor)? {
            blob.action = "copied";
        }
    }
    Ok(())
}
