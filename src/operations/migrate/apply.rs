//! Carries the plan out. Files are copied first and `buildpack.toml` is replaced last: until then the next run does what is left.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::{Copy, Work, on_disk, parents};
use crate::archive::entry::{is_within, parent};
use crate::archive::file_tree::{FileTree, Node, NodeKind};
use crate::archive::temporary;
use crate::archive::unpack::remove_tree;
use crate::cnb::paths::{AIRPACK_TOML, BUILDPACK_TOML};
use crate::error::{Error, Result};
use crate::progress::Progress;

/// How much is copied between two looks at the flag that stops it.
const PART: usize = 1 << 20;

/// Takes away what runs have left that died.
pub(super) fn sweep(root: &Path) {
    temporary::sweep_folders(root);
    temporary::sweep_files(root);
}

pub(super) fn run(root: &Path, tree: &FileTree, work: &Work, progress: &dyn Progress) -> Result<()> {
    sweep(root);
    let mut changes = Changes {
        root,
        tree,
        made: Vec::new(),
        moved: Vec::new(),
        replaced: Vec::new(),
        bin: None,
    };
    for copy in &work.copies {
        progress.check()?;
        changes.copy(copy, progress)?;
    }
    if let Some(text) = &work.airpack_toml {
        changes.replace(AIRPACK_TOML, text)?;
    }
    progress.check()?;
    changes.take_away(work)?;
    if let Some(text) = &work.buildpack_toml {
        changes.replace(BUILDPACK_TOML, text)?;
    }
    changes.check()?;
    changes.finish();
    Ok(())
}

/// The bytes of a file, and its mode.
type OldText = (Vec<u8>, u32);

/// What was done, so that it can be undone.
struct Changes<'a> {
    root: &'a Path,
    tree: &'a FileTree,
    /// Files and folders that are new.
    made: Vec<PathBuf>,
    /// What is in the bin: where it was, and where it is.
    moved: Vec<(PathBuf, PathBuf)>,
    /// Files with other text, and what they had.
    replaced: Vec<(PathBuf, Option<OldText>)>,
    /// A folder with a temporary name, and its lock.
    bin: Option<(PathBuf, File)>,
}

impl Changes<'_> {
    fn copy(&mut self, copy: &Copy, progress: &dyn Progress) -> Result<()> {
        let Some(node) = self.tree.get(copy.from.as_bytes()) else {
            return Err(Error::io(
                "read",
                &on_disk(self.root, &copy.from),
                io::ErrorKind::NotFound.into(),
            ));
        };
        let to = on_disk(self.root, &copy.to);
        if let Some((parent, _)) = copy.to.rsplit_once('/') {
            self.folders(parent, &copy.folder)?;
        }
        let failed = |cause| Error::io("write", &to, cause);
        match &node.kind {
            NodeKind::Dir => self.folder(&to, node.mode)?,
            NodeKind::Symlink(text) => {
                let text = Path::new(std::os::unix::ffi::OsStrExt::from_bytes(text.as_slice()) as &std::ffi::OsStr);
                symlink(text, &to).map_err(failed)?;
                self.made.push(to);
            }
            _ => self.file(node, to, progress)?,
        }
        Ok(())
    }

    /// A whole file gets its name at once: what a run leaves that dies is no half of one.
    fn file(&mut self, node: &Node, to: PathBuf, progress: &dyn Progress) -> Result<()> {
        let NodeKind::File(file) = &node.kind else {
            return Ok(());
        };
        let failed = |cause| Error::io("write", &to, cause);
        let folder = to.parent().unwrap_or(self.root);
        temporary::sweep_files(folder);
        let mut copy = temporary::new_file(folder).map_err(failed)?;
        let mut content = self.tree.open(&node.path, *file)?;
        let mut buffer = vec![0; PART];
        loop {
            progress.check()?;
            let unreadable = |cause| Error::io("read", &self.tree.display(&node.path), cause);
            match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => copy.write_all(&buffer[..count]).map_err(failed)?,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(unreadable(cause)),
            }
        }
        let mode = Permissions::from_mode(node.mode);
        copy.as_file().set_permissions(mode).map_err(failed)?;
        copy.persist_noclobber(&to).map_err(|error| failed(error.error))?;
        self.made.push(to);
        Ok(())
    }

    /// Makes what is missing of a path, with the modes of the folders that it comes from.
    fn folders(&mut self, path: &str, platform: &str) -> Result<()> {
        let mut end = 0;
        while end < path.len() {
            end = path[end + 1..].find('/').map_or(path.len(), |at| end + 1 + at);
            let part = &path[..end];
            let own = part
                .strip_prefix(platform)
                .map(|rest| rest.trim_start_matches('/'))
                .filter(|rest| !rest.is_empty());
            let like = own
                .and_then(|own| self.tree.get(own.as_bytes()))
                .filter(|node| node.is_dir());
            self.folder(&on_disk(self.root, part), like.map_or(0o755, |node| node.mode))?;
        }
        Ok(())
    }

    fn folder(&mut self, path: &Path, mode: u32) -> Result<()> {
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => return Ok(()),
            // a link may lead anywhere
            Ok(_) => {
                return Err(Error::invalid(format!(
                    "`{}` is there and is no folder",
                    path.display()
                )));
            }
            Err(_) => {}
        }
        let failed = |cause| Error::io("create folder", path, cause);
        DirBuilder::new().mode(mode).create(path).map_err(failed)?;
        self.made.push(path.to_owned());
        fs::set_permissions(path, Permissions::from_mode(mode | 0o700)).map_err(failed)
    }

    fn replace(&mut self, name: &str, text: &str) -> Result<()> {
        let path = on_disk(self.root, name);
        let failed = |cause| Error::io("write", &path, cause);
        let before = match fs::read(&path) {
            Ok(text) => {
                let mode = fs::metadata(&path).map_err(failed)?.permissions().mode();
                Some((text, mode))
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => None,
            Err(cause) => return Err(failed(cause)),
        };
        let mode = before.as_ref().map_or(0o644, |(_, mode)| *mode);
        write(&path, text.as_bytes(), mode).map_err(failed)?;
        self.replaced.push((path, before));
        Ok(())
    }

    /// Into a folder with a temporary name, from where it can come back.
    fn take_away(&mut self, work: &Work) -> Result<()> {
        if work.gone.is_empty() {
            return Ok(());
        }
        let failed = |cause| Error::io("create a folder in", self.root, cause);
        let (bin, lock) = temporary::new_folder(self.root).map_err(failed)?;
        self.bin = Some((bin.clone(), lock));
        let tree = self.tree;
        let stay = folders_that_stay(tree, work);
        let above_new = self.made.iter().flat_map(|made| made.ancestors().skip(1));
        let has_new: HashSet<PathBuf> = above_new.map(Path::to_owned).collect();
        let mut last: Option<&[u8]> = None;
        for node in tree.nodes() {
            let has_gone = last.is_some_and(|folder| is_within(&node.path, folder));
            let goes = is_gone(node, work) || (node.is_dir() && !stay.contains(node.path.as_slice()));
            if has_gone || !goes {
                continue;
            }
            let from = on_disk(self.root, &String::from_utf8_lossy(&node.path));
            // a folder that has what is new stays; what goes from it goes by itself
            if has_new.contains(&from) {
                continue;
            }
            last = Some(&node.path);
            let to = bin.join(self.moved.len().to_string());
            fs::rename(&from, &to).map_err(|cause| Error::io("move", &from, cause))?;
            self.moved.push((from, to));
        }
        Ok(())
    }

    /// All that was made is there. What was taken away can still come back.
    fn check(&self) -> Result<()> {
        match self.made.iter().find(|path| fs::symlink_metadata(path).is_err()) {
            Some(path) => Err(Error::io("find again", path, io::ErrorKind::NotFound.into())),
            None => Ok(()),
        }
    }

    fn finish(mut self) {
        self.made.clear();
        self.moved.clear();
        self.replaced.clear();
        if let Some((bin, lock)) = self.bin.take() {
            let _ = remove_tree(&bin);
            drop(lock);
        }
    }
}

/// Folders with something in them that stays, and those in which there is nothing at all.
fn folders_that_stay<'t>(tree: &'t FileTree, work: &Work) -> HashSet<&'t [u8]> {
    let parents = parents(tree);
    let mut stay: HashSet<&[u8]> = HashSet::new();
    for node in tree.nodes() {
        let is_leaf = !parents.contains(node.path.as_slice());
        if is_leaf && !is_gone(node, work) {
            let above = std::iter::successors(parent(&node.path), |folder| parent(folder));
            stay.extend(above.chain([node.path.as_slice()]));
        }
    }
    stay
}

fn is_gone(node: &Node, work: &Work) -> bool {
    std::str::from_utf8(&node.path).is_ok_and(|path| work.gone.contains(path))
}

fn write(path: &Path, text: &[u8], mode: u32) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = temporary::new_file(folder.unwrap_or(Path::new(".")))?;
    file.write_all(text)?;
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.persist(path).map(drop).map_err(|failed| failed.error)
}

impl Drop for Changes<'_> {
    fn drop(&mut self) {
        for (path, before) in self.replaced.drain(..).rev() {
            let _ = match before {
                Some((text, mode)) => write(&path, &text, mode),
                None => fs::remove_file(&path),
            };
        }
        for (from, to) in self.moved.drain(..).rev() {
            let _ = fs::rename(to, from);
        }
        for path in self.made.drain(..).rev() {
            // what somebody else has put into a folder stays
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
        }
        if let Some((bin, lock)) = self.bin.take() {
            // what could not go back stays in it
            let _ = fs::remove_dir(&bin);
            drop(lock);
        }
    }
}
