//! Makes and edits the image indexes of a layout. The images behind them stay as they are.

mod add;
mod annotate;
mod create;
mod remove;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use add::{AddRequest, add};
pub use annotate::{AnnotateRequest, annotate};
pub use create::{CreateRequest, create};
pub use remove::{RemoveRequest, remove};

use crate::cnb_image::image_kind::ImageKind;
use crate::cnb_image::index_inputs::IndexInput;
use crate::cnb_image::written::NameReport;
use crate::error::{Error, Findings, Result};
use crate::oci::copy;
use crate::oci::descriptor::{Annotations, Descriptor, media_type};
use crate::oci::digest::Digest;
use crate::oci::graph::{Graph, children};
use crate::oci::index::ImageIndex;
use crate::oci::json::{self, displayed};
use crate::oci::layout::{Layout, LayoutWriter, REF_NAME};
use crate::oci::library::Library;
use crate::oci::locate::{ImageLocation, Selector, called, the_only};
use crate::oci::members::{Member, about, read_index};
use crate::oci::platform::{Platform, no_image_for};
use crate::progress::Progress;

/// What an index is now, or would be.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IndexReport {
    /// Whether nothing was written, only said.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// The layout.
    #[serde(serialize_with = "displayed")]
    pub layout: PathBuf,
    /// The index.
    pub digest: Digest,
    /// What had its names before it was edited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<Digest>,
    /// Its names.
    pub names: Vec<NameReport>,
    /// Its annotations.
    pub annotations: Annotations,
    /// The images behind it, in their order.
    pub images: Vec<IndexedImage>,
    /// What was done, for people.
    #[serde(skip)]
    pub notes: Vec<String>,
    /// What is not as it should be, but does no harm.
    #[serde(skip)]
    pub warnings: Findings,
}

/// An image behind an index, or what is about one.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IndexedImage {
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Its manifest.
    pub digest: Digest,
    /// Annotations that the index gives it.
    #[serde(skip_serializing_if = "Annotations::is_empty")]
    pub annotations: Annotations,
    /// What it is, by its labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<ImageKind>,
}

impl IndexedImage {
    fn listed(descriptor: &Descriptor) -> Self {
        Self {
            platform: descriptor.platform.clone(),
            digest: descriptor.digest.clone(),
            annotations: descriptor.annotations.clone(),
            kind: None,
        }
    }

    fn member(member: &Member) -> Self {
        let labels = member.image().map(|image| image.config.labels());
        Self {
            kind: labels.and_then(|labels| ImageKind::of(&labels).ok()),
            ..Self::listed(&member.descriptor)
        }
    }
}

/// How images are brought into the layout.
#[derive(Debug, Clone)]
pub struct Bringing {
    /// Whether only to say what would be done.
    pub dry_run: bool,
    /// Blobs that are copied at once.
    pub jobs: NonZeroUsize,
    /// Where nameless temporary files go.
    pub scratch: PathBuf,
}

/// Opens what the user names, each an index or an image.
fn open_inputs(locations: &[ImageLocation], scratch: &Path, findings: &mut Findings) -> Result<Vec<IndexInput>> {
    let library = Library::open(&[], None, scratch)?;
    let open = |location: &ImageLocation| {
        let name = location.to_string();
        let found = library.open_at(location);
        let input = found.and_then(|found| IndexInput::read(&name, &found, findings));
        input.map_err(|error| error.context(format!("failed to read `{name}`")))
    };
    locations.iter().map(open).collect()
}

/// Brings the images of `inputs` into the layout, for its commit to name.
fn bring(inputs: &[IndexInput], writer: &LayoutWriter, how: &Bringing, progress: &dyn Progress) -> Result<()> {
    let store = writer.store(false);
    for input in inputs {
        let source = &*input.source;
        for member in &input.members {
            let copied = Graph::read(source, &member.descriptor, progress)
                .and_then(|graph| copy::whole(graph, source, &store, how.jobs, how.dry_run, progress));
            copied.map_err(|error| error.context(format!("failed to copy an image of `{}`", input.name)))?;
        }
    }
    Ok(())
}

/// An index, or an image, that is edited, and the entries that are to lead to what comes of it.
struct Target {
    layout: Layout,
    root: Descriptor,
    entries: Vec<Descriptor>,
}

impl Target {
    fn open(location: &ImageLocation) -> Result<Self> {
        let layout = Layout::open(&location.layout)?;
        let file = layout.index_file()?;
        let selected = location.select(&layout, &file, |entry| children(&layout, entry))?;
        let root = the_only(&layout, &selected, "")?.clone();
        let is_meant = |entry: &&Descriptor| match &location.selector {
            Some(Selector::Tag(_)) => **entry == root,
            _ => entry.digest == root.digest,
        };
        let entries: Vec<Descriptor> = file.entries().iter().filter(is_meant).cloned().collect();
        if let (None, [_, _, ..]) = (&location.selector, entries.as_slice()) {
            let names: Vec<String> = entries.iter().filter_map(called).collect();
            return Err(
                Error::invalid(format!("`{location}` has the index by {} names", entries.len())).with_hint(format!(
                    "say which is to lead to the new one, as {location}:TAG: {}; {location}@{} is all of them",
                    names.join(", "),
                    root.digest.short()
                )),
            );
        }
        if entries.is_empty() {
            return Err(
                Error::invalid(format!("{} has no entry of its own in `index.json`", root.digest))
                    .with_hint("name the index that lists it"),
            );
        }
        Ok(Self { layout, root, entries })
    }

    /// The index; an error where there is an image without one.
    fn index(&self) -> Result<ImageIndex> {
        if !media_type::is_index(&self.root.media_type) {
            return Err(Error::invalid(format!("{} is an image without an index", self.root.digest)).with_hint(
                "`airpack index add` puts it behind one; what an image says of itself can not change without its digest",
            ));
        }
        read_index(&self.layout, &self.root)
    }

    /// Lets the names lead to `index`, in the media type that the index had.
    fn commit(
        self,
        writer: LayoutWriter,
        index: &ImageIndex,
        dry_run: bool,
        progress: &dyn Progress,
    ) -> Result<IndexReport> {
        let bytes = json::to_bytes(index);
        let media_type = if media_type::is_index(&self.root.media_type) {
            self.root.media_type.as_str()
        } else {
            media_type::INDEX
        };
        let new = Descriptor::new(media_type, Digest::of(&bytes), bytes.len() as u64);
        if !dry_run {
            writer.staging().put_bytes(media_type, &bytes);
            writer.commit(progress, |file| {
                self.entries.iter().try_for_each(|entry| file.lead_to(entry, &new))
            })?;
        }
        let ref_name = |entry: &Descriptor| entry.annotation(REF_NAME).unwrap_or_default().to_owned();
        let name = |entry: &Descriptor| NameReport {
            name: called(entry).unwrap_or_else(|| entry.digest.to_string()),
            ref_name: ref_name(entry),
            replaced: Some(self.root.digest.clone()).filter(|was| *was != new.digest),
        };
        Ok(IndexReport {
            dry_run,
            layout: self.layout.root().to_owned(),
            digest: new.digest.clone(),
            was: Some(self.root.digest.clone()).filter(|was| *was != new.digest),
            names: self.entries.iter().map(name).collect(),
            annotations: index.annotations.clone(),
            images: index.manifests.iter().map(IndexedImage::listed).collect(),
            notes: Vec::new(),
            warnings: Findings::default(),
        })
    }
}

/// The positions of the images that are nearest to a platform; an error that lists what there is when none is.
fn nearest(layout: &Layout, index: &ImageIndex, wanted: &Platform) -> Result<Vec<usize>> {
    let mut found = Vec::new();
    let mut has: Vec<String> = Vec::new();
    for (at, child) in index.manifests.iter().enumerate() {
        let Some(platform) = platform_of(layout, child)? else {
            continue;
        };
        found.extend(platform.distance(wanted).map(|distance| (distance, at)));
        let name = platform.to_string();
        if !has.contains(&name) {
            has.push(name);
        }
    }
    let Some(least) = found.iter().map(|(distance, _)| *distance).min() else {
        return Err(no_image_for(wanted, "the index", has));
    };
    Ok(found
        .into_iter()
        .filter(|(distance, _)| *distance == least)
        .map(|(_, at)| at)
        .collect())
}

/// What an image is for; `None` for what is none.
fn platform_of(layout: &Layout, child: &Descriptor) -> Result<Option<Platform>> {
    if about(child).is_some() || !media_type::is_manifest(&child.media_type) {
        return Ok(None);
    }
    match &child.platform {
        Some(platform) if platform.os == "unknown" => Ok(None),
        Some(platform) => Ok(Some(platform.clone())),
        None => Ok(Member::read(layout, child)?
            .image()
            .map(|image| image.config.platform())),
    }
}
