//! Takes names of images out of a layout. Blobs stay.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::oci::descriptor::Descriptor;
use crate::oci::digest::Digest;
use crate::oci::json::displayed;
use crate::oci::layout::{IndexFile, Layout, LayoutWriter, REF_NAME};
use crate::oci::locate::{ImageLocation, Selector, called};
use crate::progress::Progress;

/// What to take out.
#[derive(Debug, Clone)]
pub struct RmRequest {
    /// The images, all of one layout, each with its tag or digest.
    pub images: Vec<ImageLocation>,
}

/// What was taken out.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RmReport {
    /// The layout.
    #[serde(serialize_with = "displayed")]
    pub layout: PathBuf,
    /// The entries of `index.json` that are gone.
    pub removed: Vec<Removed>,
}

/// An entry that is gone.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Removed {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its name within the layout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ref_name: Option<String>,
    /// What it led to.
    pub digest: Digest,
    /// Whether another entry leads there.
    pub is_still_named: bool,
}

/// Takes all of them out, or none.
pub fn run(request: &RmRequest, progress: &dyn Progress) -> Result<RmReport> {
    let Some(first) = request.images.first() else {
        return Err(Error::invalid("no image is named"));
    };
    let root = &first.layout;
    let task = format!("failed to remove from `{}`", root.display());
    rm(request, root, progress).map_err(|error| error.context(task))
}

fn rm(request: &RmRequest, root: &Path, progress: &dyn Progress) -> Result<RmReport> {
    for image in &request.images {
        check(image, root)?;
    }
    let layout = Layout::open(root)?;
    let writer = LayoutWriter::new(root)?;
    let removed = writer.commit(progress, |index| {
        let mut meant: Vec<Descriptor> = Vec::new();
        for image in &request.images {
            meant.extend(entries(image, &layout, index)?);
        }
        Ok(index.remove(|entry| meant.contains(entry)))
    })?;
    let left = layout.index_file()?;
    let one = |entry: Descriptor| Removed {
        name: called(&entry),
        ref_name: entry.annotation(REF_NAME).map(ToOwned::to_owned),
        is_still_named: left.entries().iter().any(|other| other.digest == entry.digest),
        digest: entry.digest,
    };
    Ok(RmReport {
        layout: root.to_owned(),
        removed: removed.into_iter().map(one).collect(),
    })
}

/// An error unless it is one image of the layout: all go at once or none.
fn check(image: &ImageLocation, root: &Path) -> Result<()> {
    if image.selector.is_none() {
        return Err(Error::invalid(format!("`{image}` does not say which image"))
            .with_hint(format!("give {image}:TAG or {image}@DIGEST")));
    }
    let is_same = image.layout == root
        || matches!((fs::canonicalize(&image.layout), fs::canonicalize(root)), (Ok(one), Ok(other)) if one == other);
    if !is_same {
        return Err(Error::invalid(format!("`{image}` is in another layout"))
            .with_hint("remove images of one layout at a time"));
    }
    Ok(())
}

/// The entries that are meant. What only an index lists has none.
fn entries(image: &ImageLocation, layout: &Layout, index: &IndexFile) -> Result<Vec<Descriptor>> {
    let selected = image.select(layout, index, |_| Ok(Vec::new()))?;
    let is_meant = |entry: &&Descriptor| match &image.selector {
        Some(Selector::Tag(_)) => selected.contains(entry),
        _ => selected.iter().any(|one| one.digest == entry.digest),
    };
    Ok(index.entries().iter().filter(is_meant).cloned().collect())
}
