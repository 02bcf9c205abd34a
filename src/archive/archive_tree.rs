//! Opens a `.tar`, `.tar.gz` or `.zip` as a [`FileTree`]: the form is told from the content, never from the name.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::entry::{Entry, EntryKind, display_path, parent, relative_path};
use super::file_tree::{FileNode, FileTree, Node, NodeKind, Shared};
use super::limit::{Expansion, Limited};
use super::tar_read::TarReader;
use super::zip_read;
use crate::error::{Error, ErrorKind, Result, from_io};

/// Lists the archive `path`. What is compressed is unpacked into a nameless file in `scratch` first.
///
/// Refused: paths that lead out of the archive, devices are left to the caller, bombs, sparse files, entries below a file or a link.
pub fn open(path: &Path, scratch: &Path) -> Result<FileTree> {
    read_archive(path, scratch).map_err(|error| error.context(format!("failed to read archive `{}`", path.display())))
}

fn read_archive(path: &Path, scratch: &Path) -> Result<FileTree> {
    let mut file = File::open(path).map_err(|cause| Error::io("open", path, cause))?;
    let form = sniff(&mut file).map_err(|cause| Error::io("read", path, cause))?;
    let new_spool =
        || tempfile::tempfile_in(scratch).map_err(|cause| Error::io("make a temporary file in", scratch, cause));
    let (entries, spool) = match form {
        Form::Tar => (tar_entries(&file)?, file),
        Form::Gzip => {
            let spool = gunzip(&file, new_spool()?)?;
            (tar_entries(&spool)?, spool)
        }
        Form::Zip => {
            let mut spool = new_spool()?;
            (zip_read::unpack(file, &mut spool)?, spool)
        }
        Form::Unknown => {
            return Err(
                Error::new(ErrorKind::Unsupported, "it is no tar, tar.gz or zip archive")
                    .with_hint("--path takes the buildpack's folder, or a .tar, .tar.gz or .zip of it"),
            );
        }
    };
    Ok(FileTree::of_spool(path, nodes(entries)?, spool))
}

/// The archive `path` as a plain tar: itself, or what gzip made of one, unpacked into a nameless file in `scratch`.
pub(crate) fn plain_tar(path: &Path, scratch: &Path) -> Result<File> {
    let mut file = File::open(path).map_err(|cause| Error::io("open", path, cause))?;
    match sniff(&mut file).map_err(|cause| Error::io("read", path, cause))? {
        Form::Tar => Ok(file),
        Form::Gzip => {
            let spool = tempfile::tempfile_in(scratch)
                .map_err(|cause| Error::io("make a temporary file in", scratch, cause))?;
            gunzip(&file, spool)
        }
        Form::Zip | Form::Unknown => Err(Error::new(
            ErrorKind::Unsupported,
            "it is no tar, and no tar that gzip compressed",
        )),
    }
}

/// The tar in the file `path`, unpacked on the way; `None` when it is no tar.
pub(crate) fn tar_stream(path: &Path) -> Result<Option<Box<dyn Read>>> {
    let mut file = File::open(path).map_err(|cause| Error::io("open", path, cause))?;
    let read = |cause| Error::io("read", path, cause);
    let form = sniff(&mut file).map_err(read)?;
    let size = file.metadata().map_err(read)?.len();
    let file = BufReader::with_capacity(128 << 10, file);
    Ok(match form {
        Form::Tar => Some(Box::new(file)),
        Form::Gzip => Some(Box::new(Limited::new(MultiGzDecoder::new(file), size))),
        Form::Zip | Form::Unknown => None,
    })
}

enum Form {
    Tar,
    Gzip,
    Zip,
    Unknown,
}

fn sniff(file: &mut File) -> io::Result<Form> {
    let mut start = Vec::new();
    file.by_ref().take(512).read_to_end(&mut start)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(match start.as_slice() {
        [0x1f, 0x8b, ..] => Form::Gzip,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Form::Zip,
        start if start.len() == 512 => Form::Tar,
        _ => Form::Unknown,
    })
}

fn gunzip(file: &File, mut spool: File) -> Result<File> {
    let unreadable = |cause| from_io(cause, |cause| Error::damaged("it is not whole gzip").with_source(cause));
    let compressed = file.metadata().map_err(unreadable)?.len();
    refuse_foreseen_bomb(file, compressed)?;
    let mut content = Limited::new(
        MultiGzDecoder::new(BufReader::with_capacity(128 << 10, file)),
        compressed,
    );
    let mut buffer = vec![0; 128 << 10];
    loop {
        let count = content.read(&mut buffer).map_err(unreadable)?;
        if count == 0 {
            break;
        }
        io::Write::write_all(&mut spool, &buffer[..count]).map_err(spool_failed)?;
    }
    Ok(spool)
}

/// What is unpacked goes to a temporary file, which has its own limits.
pub(super) fn spool_failed(cause: io::Error) -> Error {
    Error::new(ErrorKind::Io, "failed to write what was unpacked to a temporary file")
        .with_source(cause)
        .with_hint("TMPDIR names the folder for it")
}

/// A gzip member ends in the length of its content: enough to look closer, without writing a byte, at what claims to be too long.
fn refuse_foreseen_bomb(mut file: &File, compressed: u64) -> Result<()> {
    let mut isize = [0; 4];
    let claim = file
        .read_exact_at(&mut isize, compressed.saturating_sub(4))
        .map(|()| u32::from_le_bytes(isize).into());
    if claim.is_ok_and(|claim| Expansion::of(compressed).foresee(claim).is_err()) {
        // a file that was cut ends in any bytes: only what really grows too far is a bomb
        let mut content = Limited::new(MultiGzDecoder::new(BufReader::new(file)), compressed);
        if let Err(Ok(bomb)) = io::copy(&mut content, &mut io::sink()).map_err(io::Error::downcast::<Error>) {
            return Err(bomb);
        }
        file.seek(SeekFrom::Start(0))
            .map_err(|cause| Error::damaged("it can not be read again").with_source(cause))?;
    }
    Ok(())
}

fn tar_entries(mut file: &File) -> Result<Vec<(Entry, u64)>> {
    file.seek(SeekFrom::Start(0)).map_err(|cause| {
        Error::new(ErrorKind::Io, "failed to go back to the begin of the archive").with_source(cause)
    })?;
    let mut reader = TarReader::new(BufReader::with_capacity(128 << 10, file));
    let mut entries = Vec::new();
    while let Some(found) = reader.next_entry()? {
        entries.push((found.entry, found.offset));
    }
    Ok(entries)
}

/// The entries as nodes: paths cleaned, links resolved, the last of several entries with one path kept.
fn nodes(entries: Vec<(Entry, u64)>) -> Result<Vec<Node>> {
    let mut nodes: Vec<Option<Node>> = Vec::with_capacity(entries.len());
    let mut by_path: HashMap<Vec<u8>, usize> = HashMap::new();
    for (entry, offset) in entries {
        let Some(path) = relative_path(&entry.path)? else {
            continue;
        };
        let kind = match entry.kind {
            EntryKind::File { size } => NodeKind::File(FileNode {
                size,
                shared: None,
                offset,
            }),
            EntryKind::Dir => NodeKind::Dir,
            EntryKind::Symlink { target } if target.contains(&0) => {
                return Err(Error::invalid(format!(
                    "link `{}` has a NUL in its text",
                    display_path(&path)
                )));
            }
            EntryKind::Symlink { target } => NodeKind::Symlink(target),
            EntryKind::Hardlink { target } => hard_link(&path, &target, &mut nodes, &by_path)?,
            EntryKind::Special(kind) => NodeKind::Special(kind),
        };
        let is_dir = kind == NodeKind::Dir;
        let node = Node {
            path: path.clone(),
            kind,
            mode: entry.mode,
            implied: false,
        };
        match by_path.get(&path) {
            // a folder that is named again keeps its place
            Some(&at) if is_dir && nodes[at].as_ref().is_some_and(Node::is_dir) => continue,
            Some(&at) => nodes[at] = None,
            None => {}
        }
        by_path.insert(path, nodes.len());
        nodes.push(Some(node));
    }
    let mut nodes: Vec<Node> = nodes.into_iter().flatten().collect();
    add_implied_folders(&mut nodes)?;
    Ok(nodes)
}

/// A second name of a file that came before.
fn hard_link(
    path: &[u8],
    target: &[u8],
    nodes: &mut [Option<Node>],
    by_path: &HashMap<Vec<u8>, usize>,
) -> Result<NodeKind> {
    let found = relative_path(target)
        .map_err(|error| {
            error.context(format!(
                "entry `{}` is a hard link that leads out of the archive",
                display_path(path)
            ))
        })?
        .and_then(|target| by_path.get(&target).copied());
    let original = found.and_then(|at| nodes[at].as_mut());
    match original.map(|node| (node.mode, &mut node.kind)) {
        Some((mode, NodeKind::File(file))) => {
            let id = (0, file.offset);
            file.shared = Some(file.shared.unwrap_or(Shared { id, mode }));
            Ok(NodeKind::File(*file))
        }
        Some((_, NodeKind::Symlink(text))) => Ok(NodeKind::Symlink(text.clone())),
        _ => Err(Error::invalid(format!(
            "entry `{}` is a hard link to `{}`, which is no file before it",
            display_path(path),
            display_path(target)
        ))),
    }
}

/// Adds the folders that files lie in without an entry of their own; an error where such a parent is no folder.
fn add_implied_folders(nodes: &mut Vec<Node>) -> Result<()> {
    let not_folders: HashSet<&[u8]> = nodes
        .iter()
        .filter(|node| !node.is_dir())
        .map(|node| node.path.as_slice())
        .collect();
    let mut known: HashSet<&[u8]> = nodes
        .iter()
        .filter(|node| node.is_dir())
        .map(|node| node.path.as_slice())
        .collect();
    let mut implied = Vec::new();
    for node in nodes.iter() {
        let mut path = node.path.as_slice();
        while let Some(folder) = parent(path) {
            if not_folders.contains(folder) {
                return Err(Error::invalid(format!(
                    "entry `{}` lies below `{}`, which is no folder",
                    display_path(&node.path),
                    display_path(folder)
                )));
            }
            if !known.insert(folder) {
                break;
            }
            implied.push(Node {
                path: folder.to_vec(),
                kind: NodeKind::Dir,
                mode: 0o755,
                implied: true,
            });
            path = folder;
        }
    }
    nodes.extend(implied);
    Ok(())
}
