//! [`FileTree`]: what lies in a folder or an archive, listed once, its content read when it is asked for.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::entry::{SpecialKind, is_within, parent};
use super::span::Span;
use crate::error::{Error, Result};

/// All files below one root. The source is only ever read.
#[derive(Debug)]
pub struct FileTree {
    origin: PathBuf,
    nodes: Vec<Node>,
    by_path: HashMap<Vec<u8>, usize>,
    store: Store,
}

#[derive(Debug)]
enum Store {
    Folder(PathBuf),
    /// Contents at offsets of one file: the archive itself, or what was unpacked from it.
    Spool(Arc<File>),
}

/// One file, folder or link of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Relative to the root: no leading, doubled or trailing `/`.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: NodeKind,
    /// Permission bits as the source has them.
    pub mode: u32,
    /// A folder that an archive has no entry for, only files in it.
    pub implied: bool,
}

/// What a [`Node`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeKind {
    /// A file.
    File(FileNode),
    /// A folder.
    Dir,
    /// A symbolic link and its text.
    Symlink(Vec<u8>),
    /// Neither content nor structure.
    Special(SpecialKind),
}

/// Where a file's content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileNode {
    /// Length in bytes.
    pub size: u64,
    /// What all names of one file (hard links) have in common; `None` for a file with one name.
    pub shared: Option<Shared>,
    pub(super) offset: u64,
}

/// A file with several names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shared {
    /// The same for each name.
    pub id: (u64, u64),
    /// Permission bits of the file; an archive can say others with each name.
    pub mode: u32,
}

impl Node {
    /// Whether it is a folder.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        self.kind == NodeKind::Dir
    }
}

impl FileTree {
    /// Lists the folder `root`, but for paths that `is_left_out` says, and what is below them.
    ///
    /// The paths that it is asked about are canonical. Links are not followed, but `root` itself may be one.
    pub fn of_folder(root: &Path, is_left_out: &dyn Fn(&Path) -> bool) -> Result<Self> {
        let real = fs::canonicalize(root).map_err(|cause| Error::io("open", root, cause))?;
        let walk = walkdir::WalkDir::new(&real)
            .min_depth(1)
            .sort_by(|a, b| a.file_name().as_bytes().cmp(b.file_name().as_bytes()))
            .into_iter()
            .filter_entry(|entry| !is_left_out(entry.path()));
        let mut nodes = Vec::new();
        for found in walk {
            let found = found.map_err(|cause| {
                let path = cause
                    .path()
                    .and_then(|path| path.strip_prefix(&real).ok())
                    .map_or(root.into(), |path| root.join(path));
                Error::io("read", &path, cause.into())
            })?;
            let relative = found.path().strip_prefix(&real).unwrap_or(found.path());
            nodes.push(folder_node(relative, &found).map_err(|cause| Error::io("read", &root.join(relative), cause))?);
        }
        Ok(Self::new(root.into(), nodes, Store::Folder(real)))
    }

    /// A tree whose contents lie at offsets of `spool`.
    pub(super) fn of_spool(origin: &Path, nodes: Vec<Node>, spool: File) -> Self {
        Self::new(origin.into(), nodes, Store::Spool(spool.into()))
    }

    fn new(origin: PathBuf, nodes: Vec<Node>, store: Store) -> Self {
        let by_path = nodes
            .iter()
            .enumerate()
            .map(|(at, node)| (node.path.clone(), at))
            .collect();
        Self {
            origin,
            nodes,
            by_path,
            store,
        }
    }

    /// The folder or archive, as the user named it.
    #[must_use]
    pub fn origin(&self) -> &Path {
        &self.origin
    }

    /// Whether this came from an archive, whose order of entries means something.
    #[must_use]
    pub fn is_archive(&self) -> bool {
        matches!(self.store, Store::Spool(_))
    }

    /// All nodes in the order of the source: a folder's is [`walk_order`], an archive's its own.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node at `path`, links not followed.
    #[must_use]
    pub fn get(&self, path: &[u8]) -> Option<&Node> {
        self.by_path.get(path).map(|&at| &self.nodes[at])
    }

    /// Whether `path` is a folder; the root is one.
    #[must_use]
    pub fn is_dir(&self, path: &[u8]) -> bool {
        path.is_empty() || self.get(path).is_some_and(Node::is_dir)
    }

    /// The nodes below `folder`, without itself, in [`walk_order`].
    #[must_use]
    pub fn below(&self, folder: &[u8]) -> Vec<&Node> {
        let mut found: Vec<&Node> = self
            .nodes
            .iter()
            .filter(|node| node.path != folder && is_within(&node.path, folder))
            .collect();
        found.sort_by(|a, b| walk_order(&a.path, &b.path));
        found
    }

    /// The names of the folders directly in `folder`, sorted.
    #[must_use]
    pub fn folders_in(&self, folder: &[u8]) -> Vec<&[u8]> {
        let mut names: Vec<&[u8]> = self
            .nodes
            .iter()
            .filter(|node| node.is_dir() && parent(&node.path).unwrap_or_default() == folder)
            .map(|node| node.path.rsplit(|&byte| byte == b'/').next().unwrap_or_default())
            .collect();
        names.sort_unstable();
        names
    }

    /// `path` as the user would name it: below the folder, or inside the archive.
    #[must_use]
    pub fn display(&self, path: &[u8]) -> PathBuf {
        self.origin.join(Path::new(std::ffi::OsStr::from_bytes(path)))
    }

    /// An error when the system would not let this process read the node.
    pub fn check_readable(&self, node: &Node) -> Result<()> {
        let (Store::Folder(root), NodeKind::File(_)) = (&self.store, &node.kind) else {
            return Ok(());
        };
        let path = root.join(std::ffi::OsStr::from_bytes(&node.path));
        rustix::fs::accessat(
            rustix::fs::CWD,
            &path,
            rustix::fs::Access::READ_OK,
            rustix::fs::AtFlags::EACCESS,
        )
        .map_err(|cause| Error::io("read", &self.display(&node.path), cause.into()))
    }

    /// The content of a file of this tree.
    pub fn open(&self, path: &[u8], file: FileNode) -> Result<Box<dyn Read + '_>> {
        match &self.store {
            Store::Folder(root) => File::open(root.join(std::ffi::OsStr::from_bytes(path)))
                .map(|file| Box::new(file) as Box<dyn Read>)
                .map_err(|cause| Error::io("read", &self.display(path), cause)),
            Store::Spool(spool) => Ok(Box::new(Span::new(spool, file.offset, file.size))),
        }
    }

    /// The whole content of the file at `path`, which is at most `most` bytes long.
    pub fn read(&self, path: &[u8], most: u64) -> Result<Vec<u8>> {
        let file = match self.get(path).map(|node| &node.kind) {
            Some(NodeKind::File(file)) => *file,
            Some(_) => {
                return Err(Error::invalid(format!(
                    "`{}` is not a file",
                    self.display(path).display()
                )));
            }
            None => return Err(Error::io("read", &self.display(path), io::ErrorKind::NotFound.into())),
        };
        if file.size > most {
            return Err(Error::invalid(format!(
                "`{}` is larger than {most} bytes",
                self.display(path).display()
            )));
        }
        let mut content = Vec::new();
        self.open(path, file)?
            .take(most)
            .read_to_end(&mut content)
            .map_err(|cause| Error::io("read", &self.display(path), cause))?;
        Ok(content)
    }
}

/// Pre-order, the children of each folder sorted by the bytes of their names: `a`, `a/x`, `a-b`, `a.b`, `a0`.
#[must_use]
pub fn walk_order(a: &[u8], b: &[u8]) -> Ordering {
    a.split(|&byte| byte == b'/').cmp(b.split(|&byte| byte == b'/'))
}

fn folder_node(relative: &Path, found: &walkdir::DirEntry) -> io::Result<Node> {
    let metadata = found.path().symlink_metadata()?;
    let file_type = metadata.file_type();
    let kind = if file_type.is_dir() {
        NodeKind::Dir
    } else if file_type.is_symlink() {
        NodeKind::Symlink(fs::read_link(found.path())?.into_os_string().into_vec())
    } else if file_type.is_fifo() {
        NodeKind::Special(SpecialKind::Fifo)
    } else if file_type.is_socket() {
        NodeKind::Special(SpecialKind::Socket)
    } else if file_type.is_char_device() {
        NodeKind::Special(SpecialKind::CharDevice)
    } else if file_type.is_block_device() {
        NodeKind::Special(SpecialKind::BlockDevice)
    } else {
        NodeKind::File(FileNode {
            size: metadata.len(),
            shared: (metadata.nlink() > 1).then(|| Shared {
                id: (metadata.dev(), metadata.ino()),
                mode: metadata.mode() & 0o7777,
            }),
            offset: 0,
        })
    };
    Ok(Node {
        path: relative.as_os_str().as_bytes().to_vec(),
        kind,
        mode: metadata.mode() & 0o7777,
        implied: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walk_order_is_by_names_and_not_by_paths() {
        let mut paths = ["a0", "a.b", "a/x", "a-b", "a", "A", "a/x/y", "a/x-"];
        paths.sort_by(|a, b| walk_order(a.as_bytes(), b.as_bytes()));
        assert_eq!(paths, ["A", "a", "a/x", "a/x/y", "a/x-", "a-b", "a.b", "a0"]);
    }
}
