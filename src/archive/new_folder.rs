//! [`NewFolder`]: a folder that gets its name when it is whole.

use std::fs::{self, File, FileTimes, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use super::temporary::{is_temporary, new_folder, sweep_folders};
use super::unpack::remove_tree;
use crate::error::{Error, ErrorKind, Result};

/// A folder with a temporary name, which goes with all that is in it when it is dropped.
#[derive(Debug)]
pub struct NewFolder {
    path: PathBuf,
    target: PathBuf,
    /// Whether it lies in its target, since nothing can be made beside that.
    is_inside: bool,
    /// Says to other runs that somebody uses it.
    _lock: File,
}

impl NewFolder {
    /// For a folder that is to be `target`, where there is nothing, or an empty folder.
    pub fn new(target: &Path) -> Result<Self> {
        let failed = |cause| Error::io("look at", target, cause);
        let target = match fs::symlink_metadata(target) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => target.to_owned(),
            Err(cause) => return Err(failed(cause)),
            // what a link leads to is meant
            Ok(_) => fs::canonicalize(target).map_err(failed)?,
        };
        let is_there = target.exists();
        if is_there {
            check_empty(&target)?;
            sweep_folders(&target);
        }
        let parent = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            Some(_) => Path::new("."),
            None => &target,
        };
        if !parent.is_dir() {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("`{}` is not a folder to write to", parent.display()),
            ));
        }
        let same_device = || {
            let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
            device(parent) == device(&target)
        };
        // a mount can not be replaced; a folder that we are in would be gone from under us
        let is_replaceable = || same_device() && !fs::canonicalize(".").is_ok_and(|here| here.starts_with(&target));
        if !is_there || (target.parent().is_some() && is_replaceable()) {
            match make(parent) {
                Ok((path, lock)) => {
                    return Ok(Self {
                        path,
                        target,
                        is_inside: false,
                        _lock: lock,
                    });
                }
                Err(cause) if !is_there => return Err(Error::io("create a folder in", parent, cause)),
                Err(_) => {}
            }
        }
        let (path, lock) = make(&target).map_err(|cause| Error::io("create a folder in", &target, cause))?;
        Ok(Self {
            path,
            target,
            is_inside: true,
            _lock: lock,
        })
    }

    /// Where it is now.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the folder its name.
    pub fn finish(self) -> Result<()> {
        let failed = |cause| Error::io("write", &self.target, cause);
        if !self.is_inside {
            // in place of an empty folder; an error where that is not empty any more
            return fs::rename(&self.path, &self.target).map_err(failed);
        }
        let names = self.names().map_err(failed)?;
        let mut moved: Vec<PathBuf> = Vec::new();
        for name in names {
            let to = self.target.join(&name);
            if let Err(cause) = move_up(&self.path.join(&name), &to) {
                for path in &moved {
                    let _ = remove_tree(path);
                }
                let _ = remove_tree(&to);
                return Err(failed(cause));
            }
            moved.push(to);
        }
        self.copy_status().map_err(failed)
    }

    fn names(&self) -> io::Result<Vec<std::ffi::OsString>> {
        fs::read_dir(&self.path)?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect()
    }

    /// The target becomes what this folder is, which goes.
    fn copy_status(&self) -> io::Result<()> {
        let metadata = fs::metadata(&self.path)?;
        fs::remove_dir(&self.path)?;
        let now = fs::metadata(&self.target)?;
        if (now.uid(), now.gid()) != (metadata.uid(), metadata.gid()) {
            chown(&self.target, Some(metadata.uid()), Some(metadata.gid()))?;
        }
        let target = File::open(&self.target)?;
        target.set_permissions(metadata.permissions())?;
        let times = FileTimes::new()
            .set_accessed(metadata.accessed()?)
            .set_modified(metadata.modified()?);
        target.set_times(times)
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        let _ = remove_tree(&self.path);
    }
}

/// An error unless there is nothing in the folder but what runs have left that died.
fn check_empty(target: &Path) -> Result<()> {
    if !target.is_dir() {
        return Err(Error::invalid(format!("`{}` is not a folder", target.display())));
    }
    let failed = |cause| Error::io("read", target, cause);
    for entry in fs::read_dir(target).map_err(failed)? {
        if !is_temporary(&entry.map_err(failed)?.file_name()) {
            return Err(Error::invalid(format!("`{}` is not empty", target.display()))
                .with_hint("give a folder that is empty, or not there yet"));
        }
    }
    Ok(())
}

/// Makes a folder with a temporary name, where those that were left are taken away.
fn make(parent: &Path) -> io::Result<(PathBuf, File)> {
    sweep_folders(parent);
    new_folder(parent)
}

/// A folder that may not be written to can not be moved by its owner.
fn move_up(from: &Path, to: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(from)?;
    let mode = metadata.permissions().mode();
    let is_closed = metadata.is_dir() && mode & 0o200 == 0;
    if is_closed {
        fs::set_permissions(from, Permissions::from_mode(mode | 0o200))?;
    }
    fs::rename(from, to)?;
    if is_closed {
        fs::set_permissions(to, Permissions::from_mode(mode))?;
    }
    Ok(())
}
