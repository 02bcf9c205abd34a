//! [`NewFiles`]: files where there were none, which go again unless all of them were made.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

/// Of a program, and of a folder; the umask takes from it.
const RUN: u32 = 0o777;
/// Of any other file.
const READ: u32 = 0o666;

/// Makes files in a folder, and that folder. Nothing that exists is written to.
#[derive(Debug)]
pub struct NewFiles {
    root: PathBuf,
    /// What goes again, the last first.
    made: Vec<PathBuf>,
}

impl NewFiles {
    /// For files below `root`.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            made: Vec::new(),
        }
    }

    /// Of some paths, relative to the root, those that can not be made: something has the name, or what should be a folder is none.
    pub fn taken<'p>(&self, paths: impl IntoIterator<Item = &'p str>) -> Result<Vec<PathBuf>> {
        let mut taken = Vec::new();
        for path in paths {
            if let Some(found) = self.obstacle(path)?
                && !taken.contains(&found)
            {
                taken.push(found);
            }
        }
        Ok(taken)
    }

    /// The first name on the way that is there and is no folder, or the file's own. A link is none: it may lead out of the root.
    fn obstacle(&self, path: &str) -> Result<Option<PathBuf>> {
        let mut at = self.root.clone();
        let names: Vec<&str> = path.split('/').collect();
        for (depth, name) in names.iter().enumerate() {
            at.push(name);
            match fs::symlink_metadata(&at) {
                Ok(found) if found.is_dir() && depth + 1 < names.len() => {}
                Ok(_) => return Ok(Some(at)),
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(cause) => return Err(Error::io("look at", &at, cause)),
            }
        }
        Ok(None)
    }

    /// Makes a file, and the folders that lead to it.
    pub fn write(&mut self, path: &str, content: &[u8], is_executable: bool) -> Result<()> {
        let target = self.root.join(path);
        let parent = target.parent().unwrap_or(&self.root).to_owned();
        self.folder(&parent)?;
        if let Some(found) = self.obstacle(path)? {
            return Err(Error::invalid(format!("`{}` is there already", found.display())));
        }
        let failed = |cause| Error::io("write", &target, cause);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(if is_executable { RUN } else { READ })
            .open(&target)
            .map_err(failed)?;
        self.made.push(target.clone());
        file.write_all(content).map_err(failed)
    }

    fn folder(&mut self, path: &Path) -> Result<()> {
        if path.as_os_str().is_empty() || path.is_dir() {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            self.folder(parent)?;
        }
        match DirBuilder::new().mode(RUN).create(path) {
            Ok(()) => {
                self.made.push(path.to_owned());
                Ok(())
            }
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Err(Error::new(
                ErrorKind::Invalid,
                format!("`{}` is not a folder", path.display()),
            )),
            Err(cause) => Err(Error::io("create folder", path, cause)),
        }
    }

    /// All is made, and stays.
    pub fn finish(mut self) {
        self.made.clear();
    }
}

impl Drop for NewFiles {
    fn drop(&mut self) {
        for path in self.made.iter().rev() {
            // a folder that somebody has put something into stays
            let _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
        }
    }
}
