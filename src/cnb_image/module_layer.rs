//! [`ModuleLayer`]: the layer of one module, entry by entry, before it is written (distribution spec, layer blobs).

use std::collections::HashMap;
use std::io::Write;

use super::target_files::TargetFiles;
use crate::archive::entry::{Entry, EntryKind};
use crate::archive::file_tree::{FileNode, FileTree, NodeKind};
use crate::archive::tar_write::{END, TarWriter, entry_len};
use crate::archive::timestamp::NORMALIZED;
use crate::cnb::id::{ModuleId, ModuleVersion};
use crate::cnb::paths::{EXECUTABLES, buildpack_folder, buildpack_version_folder};
use crate::error::{Error, ErrorKind, Result, from_io};
use crate::progress::{Progress, Step};

/// What the layer's tar will hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleLayer {
    entries: Vec<(Entry, Option<Source>)>,
    total: u64,
}

/// Where an entry's content is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Source {
    path: Vec<u8>,
    file: FileNode,
}

impl ModuleLayer {
    /// The layer of a buildpack with `files`.
    #[must_use]
    pub fn of_buildpack(id: &ModuleId, version: &ModuleVersion, files: &TargetFiles) -> Self {
        let root = buildpack_version_folder(id, version).into_bytes();
        let mut entries = vec![
            (entry(buildpack_folder(id).into_bytes(), EntryKind::Dir, 0o755), None),
            (entry(root.clone(), EntryKind::Dir, 0o755), None),
        ];
        let mut first_names: HashMap<(u64, u64), Vec<u8>> = HashMap::new();
        for file in &files.files {
            let path = [&root[..], b"/", &file.path].concat();
            let mode = normalized_mode(&file.path, &file.kind, file.mode);
            let (kind, source) = match &file.kind {
                NodeKind::Dir => (EntryKind::Dir, None),
                NodeKind::Symlink(target) => (EntryKind::Symlink { target: target.clone() }, None),
                NodeKind::File(content) => match content.shared.and_then(|shared| first_names.get(&shared.id)) {
                    Some(first) => (EntryKind::Hardlink { target: first.clone() }, None),
                    None => {
                        first_names.extend(content.shared.map(|shared| (shared.id, path.clone())));
                        let source = Source {
                            path: file.source.clone(),
                            file: *content,
                        };
                        (EntryKind::File { size: content.size }, Some(source))
                    }
                },
                NodeKind::Special(_) => continue,
            };
            entries.push((entry(path, kind, mode), source));
        }
        let total = entries.iter().map(|(entry, _)| entry_len(entry)).sum::<u64>() + END.len() as u64;
        Self { entries, total }
    }

    /// Length of the tar in bytes.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The entries of the tar.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().map(|(entry, _)| entry)
    }

    /// Writes the tar, with contents from `tree`.
    pub fn write(
        &self,
        tree: &FileTree,
        progress: &dyn Progress,
        step: &mut dyn Step,
        out: &mut dyn Write,
    ) -> Result<()> {
        let mut tar = TarWriter::new(out);
        for (entry, source) in &self.entries {
            progress.check()?;
            let written = match source {
                None => tar.header(entry),
                Some(source) => {
                    let mut content = Watched {
                        inner: tree.open(&source.path, source.file)?,
                        progress,
                        step: &mut *step,
                    };
                    tar.file(entry, &mut content)
                }
            };
            let path = source.as_ref().map_or(entry.path.as_slice(), |source| &source.path);
            written.map_err(|cause| from_io(cause, |cause| Error::io("pack", &tree.display(path), cause)))?;
        }
        tar.finish().map(drop).map_err(|cause| {
            from_io(cause, |cause| {
                Error::new(ErrorKind::Io, "failed to end the layer").with_source(cause)
            })
        })
    }
}

/// Reports what is read, and stops when asked to.
struct Watched<'a> {
    inner: Box<dyn std::io::Read + 'a>,
    progress: &'a dyn Progress,
    step: &'a mut dyn Step,
}

impl std::io::Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.progress.check()?;
        let count = self.inner.read(buffer)?;
        self.step.advance(count as u64);
        Ok(count)
    }
}

/// pack's rule: folders and programs 0755, what has any exec bit too, the rest 0644.
fn normalized_mode(path: &[u8], kind: &NodeKind, mode: u32) -> u32 {
    let is_program = || EXECUTABLES.iter().any(|name| name.as_bytes() == path);
    if *kind == NodeKind::Dir || mode & 0o111 != 0 || is_program() {
        0o755
    } else {
        0o644
    }
}

fn entry(path: Vec<u8>, kind: EntryKind, mode: u32) -> Entry {
    Entry {
        path,
        kind,
        mode,
        uid: 0,
        gid: 0,
        mtime: NORMALIZED,
    }
}
