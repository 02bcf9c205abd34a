//! [`ModuleLayer`]: a layer of one or several modules, entry by entry, before it is written (distribution spec, layer blobs).

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::sync::Arc;

use super::layer_tar::{LayerTar, not_written};
use super::module_source::ModuleSource;
use super::packaged_layer::PackagedLayer;
use super::target_files::TargetFiles;
use crate::archive::entry::{Entry, EntryKind, join};
use crate::archive::file_tree::{FileNode, NodeKind};
use crate::archive::tar_write::{END, TarWriter, entry_len};
use crate::archive::timestamp::NORMALIZED;
use crate::cnb::id::{ModuleId, ModuleVersion};
use crate::cnb::module::ModuleKind;
use crate::cnb::paths::{EXECUTABLES, module_folder, module_version_folder};
use crate::error::{Error, Result, from_io};
use crate::progress::{Progress, Step};

/// What the layer's tar will hold: the modules one after the other.
#[derive(Debug, Clone)]
pub struct ModuleLayer {
    parts: Vec<Part>,
    total: u64,
}

/// One module in a layer.
#[derive(Debug, Clone)]
pub struct Part {
    entries: Vec<(Entry, Option<Content>)>,
    origin: Origin,
}

/// Where the contents of a module are.
#[derive(Debug, Clone)]
enum Origin {
    Source(Arc<ModuleSource>),
    Layer(Arc<PackagedLayer>),
}

/// Where an entry's content is.
#[derive(Debug, Clone)]
enum Content {
    /// A file of the source.
    File { path: Vec<u8>, file: FileNode },
    /// Text that stands in place of a file's.
    Text(Arc<[u8]>),
    /// The entry of the same name in a layer of another image.
    Layer,
}

impl Part {
    /// A module whose files come from `source`; `replaced` is the text of its descriptor, where that is another than in the source.
    #[must_use]
    pub fn of_files(source: &Arc<ModuleSource>, files: &TargetFiles, replaced: Option<&str>) -> Self {
        let descriptor = &source.descriptor;
        let (kind, id, version) = (descriptor.kind, &descriptor.id, &descriptor.version);
        let mut entries = parents(kind, id, version);
        let root = module_version_folder(kind, id, version).into_bytes();
        let mut first_names: HashMap<(u64, u64), Vec<u8>> = HashMap::new();
        for file in &files.files {
            let path = [&root[..], b"/", &file.path].concat();
            let mode = normalized_mode(&file.path, &file.kind, file.mode);
            if let Some(text) = replaced.filter(|_| file.path == kind.file().as_bytes()) {
                let size = text.len() as u64;
                let content = Content::Text(text.as_bytes().into());
                entries.push((entry(path, EntryKind::File { size }, mode), Some(content)));
                continue;
            }
            let (kind, content) = match &file.kind {
                NodeKind::Dir => (EntryKind::Dir, None),
                NodeKind::Symlink(target) => (EntryKind::Symlink { target: target.clone() }, None),
                NodeKind::File(content) => match content.shared.and_then(|shared| first_names.get(&shared.id)) {
                    Some(first) => (EntryKind::Hardlink { target: first.clone() }, None),
                    None => {
                        first_names.extend(content.shared.map(|shared| (shared.id, path.clone())));
                        let source = Content::File {
                            path: file.source.clone(),
                            file: *content,
                        };
                        (EntryKind::File { size: content.size }, Some(source))
                    }
                },
                NodeKind::Special(_) => continue,
            };
            entries.push((entry(path, kind, mode), content));
        }
        Self {
            entries,
            origin: Origin::Source(Arc::clone(source)),
        }
    }

    /// A module as it is in a layer of another image, which may hold more; `replaced` is another text of its `buildpack.toml`.
    #[must_use]
    pub fn of_layer(
        layer: &Arc<PackagedLayer>,
        id: &ModuleId,
        version: &ModuleVersion,
        replaced: Option<&str>,
    ) -> Self {
        let mut entries = parents(layer.kind, id, version);
        let root = module_version_folder(layer.kind, id, version).into_bytes();
        let descriptor = join(&root, layer.kind.file().as_bytes());
        let own = layer.entries_of(id, version).map(|entry| {
            let mut entry = entry.clone();
            let content = match (&entry.kind, replaced) {
                (EntryKind::File { .. }, Some(text)) if entry.path == descriptor => {
                    let size = text.len() as u64;
                    entry.kind = EntryKind::File { size };
                    Some(Content::Text(text.as_bytes().into()))
                }
                (EntryKind::File { .. }, _) => Some(Content::Layer),
                _ => None,
            };
            (entry, content)
        });
        for (entry, content) in own {
            if entry.path == root {
                // its own in place of the one that was made up; said again, it says nothing new
                if entries.len() == 2 {
                    entries[1] = (entry, content);
                }
                continue;
            }
            entries.push((entry, content));
        }
        Self {
            entries,
            origin: Origin::Layer(Arc::clone(layer)),
        }
    }
}

/// `/cnb/buildpacks/<id>` and `/cnb/buildpacks/<id>/<version>`, or those of an extension.
fn parents(kind: ModuleKind, id: &ModuleId, version: &ModuleVersion) -> Vec<(Entry, Option<Content>)> {
    [module_folder(kind, id), module_version_folder(kind, id, version)]
        .into_iter()
        .map(|path| (entry(path.into_bytes(), EntryKind::Dir, 0o755), None))
        .collect()
}

impl ModuleLayer {
    /// A layer of these modules. A folder that several have (two versions of one id) is there once, as pack flattens.
    #[must_use]
    pub fn of(mut parts: Vec<Part>) -> Self {
        let mut folders = HashSet::new();
        if parts.len() > 1 {
            for part in &mut parts {
                part.entries
                    .retain(|(entry, _)| entry.kind != EntryKind::Dir || folders.insert(entry.path.clone()));
            }
        }
        let entries = parts.iter().flat_map(|part| &part.entries);
        let total = entries.map(|(entry, _)| entry_len(entry)).sum::<u64>() + END.len() as u64;
        Self { parts, total }
    }
}

impl LayerTar for ModuleLayer {
    fn total(&self) -> u64 {
        self.total
    }

    fn write(&self, progress: &dyn Progress, step: &mut dyn Step, out: &mut dyn Write) -> Result<()> {
        let mut tar = TarWriter::new(out);
        for part in &self.parts {
            match &part.origin {
                Origin::Source(source) => part.write_files(source, progress, step, &mut tar)?,
                Origin::Layer(layer) => part.write_from(layer, progress, step, &mut tar)?,
            }
        }
        tar.finish().map(drop).map_err(not_written)
    }
}

impl Part {
    fn write_files<W: Write>(
        &self,
        source: &ModuleSource,
        progress: &dyn Progress,
        step: &mut dyn Step,
        tar: &mut TarWriter<W>,
    ) -> Result<()> {
        let tree = &source.tree;
        for (entry, content) in &self.entries {
            progress.check()?;
            let (written, path) = match content {
                Some(Content::File { path, file }) => {
                    let mut content = Watched {
                        inner: tree.open(path, *file)?,
                        progress,
                        step: &mut *step,
                    };
                    (tar.file(entry, &mut content), path)
                }
                Some(Content::Text(text)) => (tar.file(entry, &mut &text[..]), &entry.path),
                Some(Content::Layer) | None => (tar.header(entry), &entry.path),
            };
            written.map_err(|cause| from_io(cause, |cause| Error::io("pack", &tree.display(path), cause)))?;
        }
        Ok(())
    }

    /// Entries that were made here come first; the others have the order of the layer that they are in.
    fn write_from<W: Write>(
        &self,
        layer: &PackagedLayer,
        progress: &dyn Progress,
        step: &mut dyn Step,
        tar: &mut TarWriter<W>,
    ) -> Result<()> {
        let in_layer = self.entries.iter().position(|(_, content)| content.is_some());
        let (before, rest) = self.entries.split_at(in_layer.unwrap_or(self.entries.len()));
        for (entry, _) in before {
            tar.header(entry).map_err(not_written)?;
        }
        let mut rest = rest.iter().peekable();
        if rest.peek().is_none() {
            return Ok(());
        }
        layer.read(&mut |found, content| {
            progress.check()?;
            let Some((entry, own)) = rest.next_if(|(entry, _)| entry.path == found.path) else {
                return Ok(());
            };
            if let Some(Content::Text(text)) = own {
                return tar.file(entry, &mut &text[..]).map_err(not_written);
            }
            let mut content = Watched {
                inner: Box::new(content),
                progress,
                step: &mut *step,
            };
            match entry.kind {
                EntryKind::File { .. } => tar.file(entry, &mut content),
                _ => tar.header(entry),
            }
            .map_err(not_written)
        })?;
        match rest.next() {
            None => Ok(()),
            Some(_) => Err(Error::damaged("a layer has changed while it was read")),
        }
    }
}

/// Reports what is read, and stops when asked to.
struct Watched<'a> {
    inner: Box<dyn Read + 'a>,
    progress: &'a dyn Progress,
    step: &'a mut dyn Step,
}

impl Read for Watched<'_> {
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
