//! The layout's folder: made when it is first needed, and locked while `index.json` is replaced.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::BLOBS;
use super::blob_file::Rollback;
use crate::error::{Error, Result};
use crate::progress::Progress;

/// Readable by everybody, whatever the umask.
const FOLDER_MODE: u32 = 0o755;

/// Between two looks at a lock that another process has.
pub(super) const PAUSE: Duration = Duration::from_millis(10);

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

/// Mends the mode of an empty folder: a process that died may have left it as its umask made it.
pub(super) fn open_to_all(path: &Path) {
    let is_empty = fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    if is_empty {
        let _ = fs::set_permissions(path, Permissions::from_mode(FOLDER_MODE));
    }
}

/// An exclusive advisory lock (flock) on a folder, until it is dropped.
#[derive(Debug)]
pub(super) struct FolderLock {
    _folder: File,
}

impl FolderLock {
    /// Makes the folder if need be and waits for the lock.
    pub(super) fn acquire(path: &Path, progress: &dyn Progress, made: &mut Rollback) -> Result<Self> {
        loop {
            ensure(path, made)?;
            let failed = |cause| Error::io("lock layout", path, cause);
            let folder = match File::open(path) {
                Ok(folder) => folder,
                // another process that failed has taken its new layout away again
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
                Err(cause) => return Err(failed(cause)),
            };
            wait_for_lock(&folder, progress, failed)?;
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

/// Looks again and again, so that a request to stop is heard.
fn wait_for_lock(folder: &File, progress: &dyn Progress, failed: impl Fn(io::Error) -> Error) -> Result<()> {
    loop {
        progress.check()?;
        match folder.try_lock() {
            Ok(()) => return progress.check(),
            Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
        }
    }
}

/// Says that a run adds to the layout, and may rely on blobs that nothing refers to yet: a shared lock on `blobs`.
#[derive(Debug)]
pub(super) struct UseLock {
    _blobs: File,
}

impl UseLock {
    /// Waits for the removal of garbage, which is short. `None` where there are no blobs yet.
    pub(super) fn acquire(root: &Path) -> Result<Option<Self>> {
        let path = root.join(BLOBS);
        let failed = |cause| Error::io("lock", &path, cause);
        let blobs = match File::open(&path) {
            Ok(blobs) => blobs,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(failed(cause)),
        };
        blobs.lock_shared().map_err(failed)?;
        Ok(Some(Self { _blobs: blobs }))
    }

    /// The lock for who removes blobs; `None` while a run adds to the layout.
    pub(super) fn try_exclusive(root: &Path) -> Result<Option<Self>> {
        let path = root.join(BLOBS);
        let failed = |cause| Error::io("lock", &path, cause);
        let blobs = File::open(&path).map_err(failed)?;
        match blobs.try_lock() {
            Ok(()) => Ok(Some(Self { _blobs: blobs })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(cause)) => Err(failed(cause)),
        }
    }
}
