//! Temporary names beside what is being written. Who has one locks it, so that other runs can tell it from what a dead one has left.
//!
//! A lock is held from before the look to after the removal, and who has made a name looks whether it is still there once the lock is
//! had: between the two no other run can come.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, FileType, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use tempfile::NamedTempFile;

use super::unpack::remove_tree;

/// What temporary names begin with.
pub(crate) const PREFIX: &str = ".airpack-";

/// Whether something of this name is ours.
pub(crate) fn is_temporary(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(PREFIX.as_bytes())
}

/// Makes a file, locked.
pub(crate) fn new_file(folder: &Path) -> io::Result<NamedTempFile> {
    loop {
        let file = NamedTempFile::with_prefix_in(PREFIX, folder)?;
        file.as_file().lock()?;
        if is_still_there(file.as_file(), file.path())? {
            return Ok(file);
        }
    }
}

/// Makes a folder that only its owner enters, locked by the file. It stays until it is removed.
pub(crate) fn new_folder(parent: &Path) -> io::Result<(PathBuf, File)> {
    loop {
        let made = tempfile::Builder::new()
            .prefix(PREFIX)
            .make_in(parent, |path| DirBuilder::new().mode(0o700).create(path))?;
        let path = made.into_temp_path().keep().map_err(|failed| failed.error)?;
        match lock_folder(&path) {
            Ok(Some(lock)) => return Ok((path, lock)),
            // another run took it for a left one before it was locked
            Ok(None) => {}
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => return Err(cause),
        }
    }
}

fn lock_folder(path: &Path) -> io::Result<Option<File>> {
    // whatever the umask is
    fs::set_permissions(path, Permissions::from_mode(0o700))?;
    let lock = File::open(path)?;
    lock.lock()?;
    Ok(is_still_there(&lock, path)?.then_some(lock))
}

fn is_still_there(file: &File, path: &Path) -> io::Result<bool> {
    let own = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (own.dev(), own.ino())),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(cause),
    }
}

/// Takes away the files in `folder` that runs have left that died.
pub(crate) fn sweep_files(folder: &Path) {
    sweep(folder, FileType::is_file, |path| fs::remove_file(path));
}

/// The same for folders, with all that is in them.
pub(crate) fn sweep_folders(folder: &Path) {
    sweep(folder, FileType::is_dir, remove_tree);
}

fn sweep(folder: &Path, is_meant: fn(&FileType) -> bool, remove: fn(&Path) -> io::Result<()>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_ours = is_temporary(&entry.file_name()) && entry.file_type().is_ok_and(|kind| is_meant(&kind));
        if !is_ours {
            continue;
        }
        let path = entry.path();
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let Ok(left) = rustix::fs::open(&path, flags, Mode::empty()).map(File::from) else {
            continue;
        };
        // `left` is closed, and so the lock let go, only after the removal
        if left.try_lock().is_ok() && is_still_there(&left, &path).unwrap_or(false) {
            let _ = remove(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    /// Those who make names and those who sweep, as fast as they can: no name goes that somebody has.
    fn nobody_loses_a_name(make_and_check: impl Fn(&Path) + Sync, sweep: impl Fn(&Path) + Sync) {
        let folder = tempfile::tempdir().unwrap();
        let is_done = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !is_done.load(Ordering::Relaxed) {
                        sweep(folder.path());
                    }
                });
            }
            let makers: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| (0..400).for_each(|_| make_and_check(folder.path()))))
                .collect();
            let ends: Vec<_> = makers.into_iter().map(thread::ScopedJoinHandle::join).collect();
            is_done.store(true, Ordering::Relaxed);
            assert!(ends.iter().all(Result::is_ok));
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_is_in_use_is_never_swept() {
        nobody_loses_a_name(
            |parent| {
                let (path, lock) = new_folder(parent).unwrap();
                for name in ["a", "b", "c"] {
                    thread::yield_now();
                    fs::write(path.join(name), name).unwrap();
                }
                remove_tree(&path).unwrap();
                drop(lock);
            },
            sweep_folders,
        );
    }

    #[test]
    fn a_file_that_is_in_use_is_never_swept() {
        nobody_loses_a_name(
            |folder| {
                let file = new_file(folder).unwrap();
                thread::yield_now();
                assert!(file.path().exists());
                file.close().unwrap();
            },
            sweep_files,
        );
    }

    #[test]
    fn what_nobody_has_goes_and_what_is_not_ours_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path(".airpack-left/a")).unwrap();
        fs::create_dir(path("other")).unwrap();
        fs::write(path(".airpack-file"), "").unwrap();
        std::os::unix::fs::symlink("other", path(".airpack-link")).unwrap();
        sweep_folders(folder.path());
        assert!(!path(".airpack-left").exists() && path(".airpack-file").exists() && path("other").exists());
        sweep_files(folder.path());
        assert!(!path(".airpack-file").exists() && path(".airpack-link").exists());
    }
}
