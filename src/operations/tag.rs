//! Gives an image of a layout another name.

use std::path::PathBuf;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::oci::digest::Digest;
use crate::oci::graph::children;
use crate::oci::json::displayed;
use crate::oci::layout::{EntryName, Layout, LayoutWriter};
use crate::oci::locate::{ImageLocation, the_only};
use crate::oci::store::BlobStore;
use crate::progress::Progress;

/// What to name, and how.
#[derive(Debug, Clone)]
pub struct TagRequest {
    /// The image.
    pub image: ImageLocation,
    /// A whole name, or a tag in the repository of the image's name.
    pub name: String,
}

/// The name that the image has now.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TagReport {
    /// The layout.
    #[serde(serialize_with = "displayed")]
    pub layout: PathBuf,
    /// The name; a tag alone where the image is of no repository.
    pub name: String,
    /// The name within the layout, for `oci:LAYOUT:TAG`.
    pub ref_name: String,
    /// The image.
    pub digest: Digest,
    /// What had the name before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Digest>,
}

/// Adds the name; others of the image stay.
pub fn run(request: &TagRequest, progress: &dyn Progress) -> Result<TagReport> {
    tag(request, progress).map_err(|error| error.context(format!("failed to tag `{}`", request.image)))
}

fn tag(request: &TagRequest, progress: &dyn Progress) -> Result<TagReport> {
    let layout = Layout::open(&request.image.layout)?;
    let file = layout.index_file()?;
    let selected = request.image.select(&layout, &file, |entry| children(&layout, entry))?;
    let entry = the_only(&layout, &selected, "")?;
    let name = EntryName::new(&request.name, entry).map_err(Error::as_usage)?;
    let writer = LayoutWriter::new(&request.image.layout)?;
    // the commit sees to it that it is still there then
    if !writer.has_manifest(entry)? {
        return Err(Error::damaged(format!(
            "manifest {} is missing or damaged",
            entry.digest
        )));
    }
    let tagged = writer.commit(progress, |index| index.enter_named(entry, &name))?;
    Ok(TagReport {
        layout: request.image.layout.clone(),
        name: name.to_string(),
        ref_name: tagged.ref_name,
        digest: entry.digest.clone(),
        replaced: tagged.replaced,
    })
}
