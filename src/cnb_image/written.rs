//! [`WriteReport`]: what was written: images and their layers, and the names that lead to them.

use std::path::PathBuf;

use serde::Serialize;

use crate::error::Result;
use crate::oci::descriptor::Descriptor;
use crate::oci::digest::{DiffId, Digest};
use crate::oci::json::{displayed, displayed_if_any};
use crate::oci::layout::{LayoutWriter, Tagged};
use crate::oci::platform::Platform;
use crate::oci::reference::ImageName;
use crate::progress::Progress;

/// What was written.
#[derive(Debug, Clone, Serialize)]
pub struct WriteReport {
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<String>,
    /// What it holds where that is no module, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holds: Option<String>,
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

/// Commits what `layout` has gathered and enters `index` under all `names`.
pub fn commit(
    layout: LayoutWriter,
    index: &Descriptor,
    names: &[ImageName],
    progress: &dyn Progress,
) -> Result<Vec<NameReport>> {
    let tagged: Vec<Tagged> = layout.commit(progress, |file| {
        Ok(names.iter().map(|name| file.tag(index, name)).collect())
    })?;
    let reports = names.iter().zip(tagged).map(|(name, tagged)| NameReport {
        name: name.to_string(),
        ref_name: tagged.ref_name,
        replaced: tagged.replaced,
    });
    Ok(reports.collect())
}
