//! Removes the blobs of a layout that nothing leads to.

use std::path::PathBuf;

use serde::Serialize;

use crate::error::Result;
use crate::oci::digest::Digest;
use crate::oci::layout::{Garbage, Layout};
use crate::progress::Progress;

/// Where to look.
#[derive(Debug, Clone)]
pub struct GcRequest {
    /// The layout's folder.
    pub layout: PathBuf,
    /// Whether blobs are removed; otherwise they are only told.
    pub write: bool,
}

/// What can go, or has gone.
#[derive(Debug, Clone, Serialize)]
pub struct GcReport {
    /// Blobs that nothing leads to.
    pub removed: Vec<Removed>,
    /// Their bytes.
    pub bytes: u64,
    /// Whether they have gone.
    pub written: bool,
    /// How many blobs are needed.
    pub kept: usize,
    /// What is in `blobs` and is no blob. It stays.
    #[serde(serialize_with = "all_displayed", skip_serializing_if = "Vec::is_empty")]
    pub strangers: Vec<PathBuf>,
}

/// A blob.
#[derive(Debug, Clone, Serialize)]
pub struct Removed {
    /// Its digest.
    pub digest: Digest,
    /// Its length.
    pub size: u64,
}

/// Follows everything from `index.json`. An error where that can not be done: nothing is removed then.
pub fn run(request: &GcRequest, progress: &dyn Progress) -> Result<GcReport> {
    let path = &request.layout;
    let garbage = if request.write {
        Garbage::remove(path, progress)
    } else {
        Layout::open(path).and_then(|layout| Garbage::find(&layout, progress))
    };
    let garbage = garbage.map_err(|error| {
        error.context(format!(
            "failed to look for blobs of `{}` that are not needed",
            path.display()
        ))
    })?;
    Ok(GcReport {
        bytes: garbage.blobs.iter().map(|(_, size)| size).sum(),
        removed: garbage
            .blobs
            .into_iter()
            .map(|(digest, size)| Removed { digest, size })
            .collect(),
        written: request.write,
        kept: garbage.kept,
        strangers: garbage.strangers,
    })
}

fn all_displayed<S: serde::Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| path.display().to_string()))
}
