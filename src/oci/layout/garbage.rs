//! [`Garbage`]: the blobs of a layout that nothing leads to, found and removed.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use super::super::digest::Digest;
use super::super::graph::reachable;
use super::blob_file::Rollback;
use super::folder::{FolderLock, PAUSE, UseLock};
use super::{BLOBS, Layout, Stored, blob_path};
use crate::archive::temporary::sweep_files;
use crate::error::{Error, Result};
use crate::progress::Progress;

/// What can go from a layout, or has gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Garbage {
    /// Blobs that nothing leads to, and their lengths.
    pub blobs: Vec<(Digest, u64)>,
    /// How many blobs are needed.
    pub kept: usize,
    /// What is in `blobs` and is no blob. It stays.
    pub strangers: Vec<PathBuf>,
}

impl Garbage {
    /// What can go from `layout`. An error where it can not be known, as a manifest can not be read.
    pub fn find(layout: &Layout, progress: &dyn Progress) -> Result<Self> {
        let index = layout.index_file()?;
        let needed: HashSet<Digest> = reachable(layout, &index, progress)
            .map_err(|error| error.context("failed to find out which blobs are needed"))?;
        let stored = Stored::read(layout.root())?;
        let (kept, blobs): (Vec<_>, Vec<_>) = stored
            .blobs
            .into_iter()
            .partition(|(digest, _)| needed.contains(digest));
        Ok(Self {
            blobs,
            kept: kept.len(),
            strangers: stored.strangers,
        })
    }

    /// Removes it from the layout at `root`, when no run adds to the layout: the end of those that do is waited for.
    pub fn remove(root: &Path, progress: &dyn Progress) -> Result<Self> {
        let layout = Layout::open(root)?;
        if !root.join(BLOBS).is_dir() {
            return Self::find(&layout, progress);
        }
        let (lock, in_use) = both_locks(root, progress)?;
        let garbage = Self::find(&layout, progress)?;
        for (digest, _) in &garbage.blobs {
            progress.check()?;
            let path = blob_path(root, digest);
            match fs::remove_file(&path) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io("remove", &path, cause));
                }
                _ => {}
            }
        }
        sweep_files(root);
        for algorithm in ["sha256", "sha512"] {
            sweep_files(&root.join(BLOBS).join(algorithm));
        }
        drop(in_use);
        drop(lock);
        Ok(garbage)
    }
}

/// Runs that add hold one, then the other: neither is kept here while the other is waited for.
fn both_locks(root: &Path, progress: &dyn Progress) -> Result<(FolderLock, UseLock)> {
    let mut is_told = false;
    loop {
        let mut made = Rollback::default();
        let lock = FolderLock::acquire(root, progress, &mut made)?;
        if let Some(in_use) = UseLock::try_exclusive(root)? {
            made.disarm();
            return Ok((lock, in_use));
        }
        drop(lock);
        if !is_told {
            progress.done("waiting for a run that adds to the layout");
            is_told = true;
        }
        progress.check()?;
        thread::sleep(PAUSE);
    }
}
