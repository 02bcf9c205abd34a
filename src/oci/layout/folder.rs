//! The layout's folder: made when it is first needed, and locked while `index.json` is replaced.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::blob_file::Rollback;
use crate::error::{Error, Result};

/// Readable by everybody, whatever the umask.
const FOLDER_MODE: u32 = 0o755;

pub(super) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(mode))
}

/// The nearest folder that exists, from `path` upwards.
pub(super) fn nearest(path: &Path) -> PathBuf {
    let mut folder = path;
    loop {
        if folder.as_os_str().is_empty() {
            return PathBuf::from(".");
        }
        if folder.exists() {
            return folder.to_owned();
        }
        match folder.parent() {
            Some(parent) => folder = parent,
            None => return PathBuf::from("."),
        }
    }
}

/// Makes `path` and what is missing above it.
pub(super) fn ensure(path: &Path, made: &mut Rollback) -> Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        ensure(parent, made)?;
    }
    let failed = |cause| Error::io("create folder", path, cause);
    match DirBuilder::new().mode(FOLDER_MODE).create(path) {
        Ok(()) => {
            made.folder(path);
            fs::set_permissions(path, Permissions::from_mode(FOLDER_MODE)).map_err(failed)
        }
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(cause) => Err(failed(cause)),
    }
}

/// An exclusive advisory lock (flock) on a folder, until it is dropped.
#[derive(Debug)]
pub(super) struct FolderLock {
    _folder: File,
}

impl FolderLock {
    /// Makes the folder if need be and waits for the lock.
    pub(super) fn acquire(path: &Path, made: &mut Rollback) -> Result<Self> {
        loop {
            ensure(path, made)?;
            let failed = |cause| Error::io("lock layout", path, cause);
            let folder = match File::open(path) {
                Ok(folder) => folder,
                // another process that failed has taken its new layout away again
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
                Err(cause) => return Err(failed(cause)),
            };
            folder.lock().map_err(failed)?;
            let locked = folder.metadata().map_err(failed)?;
            match fs::metadata(path) {
                Ok(now) if (now.dev(), now.ino()) == (locked.dev(), locked.ino()) => {
                    return Ok(Self { _folder: folder });
                }
                _ => {}
            }
        }
    }
}
