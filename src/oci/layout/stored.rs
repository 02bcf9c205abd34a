//! [`Stored`]: the files that are in a layout, whether anything refers to them or not.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::digest::Digest;
use super::BLOBS;
use crate::archive::temporary::is_temporary;
use crate::error::{Error, Result};

/// What is in `blobs`, and what dead processes left, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// Files and links with the name of a digest, and their length on disk.
    pub blobs: Vec<(Digest, u64)>,
    /// Temporary files; one that is in use is among them.
    pub temporary: Vec<PathBuf>,
    /// Whatever else is in `blobs`.
    pub strangers: Vec<PathBuf>,
}

impl Stored {
    /// Of the layout at `root`.
    pub fn read(root: &Path) -> Result<Self> {
        let mut stored = Self::default();
        for entry in entries(root)? {
            if is_temporary(&entry.file_name()) {
                stored.temporary.push(entry.path());
            }
        }
        let blobs = root.join(BLOBS);
        if fs::symlink_metadata(&blobs).is_ok_and(|metadata| metadata.is_symlink()) {
            // they may be those of other layouts, too
            stored.strangers.push(blobs);
            return Ok(stored);
        }
        for folder in entries(&blobs)? {
            // a link may lead anywhere
            if !folder.file_type().is_ok_and(|kind| kind.is_dir()) {
                stored.strangers.push(folder.path());
                continue;
            }
            let algorithm = folder.file_name();
            for entry in entries(&folder.path())? {
                stored.add(&algorithm, &entry);
            }
        }
        stored.blobs.sort();
        stored.temporary.sort();
        stored.strangers.sort();
        Ok(stored)
    }

    fn add(&mut self, algorithm: &std::ffi::OsStr, entry: &fs::DirEntry) {
        let name = entry.file_name();
        let digest = match (algorithm.to_str(), name.to_str()) {
            (Some(algorithm), Some(hex)) => format!("{algorithm}:{hex}").parse::<Digest>().ok(),
            _ => None,
        };
        match (digest, entry.metadata()) {
            (Some(digest), Ok(metadata)) if !metadata.is_dir() => self.blobs.push((digest, metadata.len())),
            _ if is_temporary(&name) => self.temporary.push(entry.path()),
            _ => self.strangers.push(entry.path()),
        }
    }
}

/// The entries of a folder; none where it is not there.
fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>> {
    let failed = |cause| Error::io("read", folder, cause);
    match fs::read_dir(folder) {
        Ok(entries) => entries.collect::<io::Result<_>>().map_err(failed),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(cause) => Err(failed(cause)),
    }
}
