//! [`PackagedLayer`]: a layer of a buildpackage that somebody else made, looked through before it is used.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::archive::entry::{Entry, EntryKind, display_path, is_within, parent, relative_path};
use crate::archive::limit::Limited;
use crate::archive::tar_read::TarReader;
use crate::cnb::id::{ModuleId, ModuleVersion};
use crate::cnb::module::{ModuleDescriptor, ModuleKind};
use crate::cnb::paths::module_version_folder;
use crate::error::{Error, Result, from_io};
use crate::oci::descriptor::Descriptor;
use crate::oci::digest::DiffId;
use crate::oci::layer::{Layer, LayerContent, is_layer};
use crate::oci::store::ImageSource;
use crate::progress::Progress;

/// The most that is read of a module's file.
const MAX_TOML: u64 = 4 << 20;
/// The longest path that Linux takes.
const MAX_PATH: usize = 4096;

/// A layer that holds what its image's label says, and nothing else.
pub struct PackagedLayer {
    /// Whether it holds buildpacks or extensions.
    pub kind: ModuleKind,
    source: Arc<dyn ImageSource>,
    /// As it is there.
    found: Descriptor,
    /// As it is in an image of OCI media types.
    pub layer: Layer,
    /// Length before compression in bytes.
    pub uncompressed: u64,
    entries: Vec<Entry>,
    /// The texts of the modules' files, by folder.
    texts: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl std::fmt::Debug for PackagedLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} in {}", self.found.digest, self.source.location())
    }
}

impl PackagedLayer {
    /// Reads the whole layer. It must unpack to `diff_id` and hold the folders of `modules`, no other files, and none that lead out.
    pub fn open(
        kind: ModuleKind,
        source: &Arc<dyn ImageSource>,
        found: &Descriptor,
        diff_id: &DiffId,
        modules: &[(ModuleId, ModuleVersion)],
        progress: &dyn Progress,
    ) -> Result<Self> {
        let layer = Self::read_through(kind, source, found, diff_id, modules, progress);
        layer.map_err(|error| error.context(format!("failed to read layer {}", found.digest)))
    }

    fn read_through(
        kind: ModuleKind,
        source: &Arc<dyn ImageSource>,
        found: &Descriptor,
        diff_id: &DiffId,
        modules: &[(ModuleId, ModuleVersion)],
        progress: &dyn Progress,
    ) -> Result<Self> {
        if !is_layer(&found.media_type) {
            return Err(Error::invalid(format!(
                "its media type `{}` is that of no layer",
                found.media_type
            )));
        }
        let mut content = LayerContent::open(&**source, found)?;
        let media_type = content.media_type;
        let mut check = Check::of(kind, modules);
        let mut entries = Vec::new();
        let mut limited = Limited::new(&mut content, found.size);
        let mut tar = TarReader::new(&mut limited);
        while let Some(entry) = tar.next_entry()? {
            progress.check()?;
            let entry = normalized(entry.entry)?;
            check.entry(&entry, &mut tar.content())?;
            entries.push(entry);
        }
        let texts = check.finish()?;
        std::io::copy(&mut limited, &mut std::io::sink()).map_err(|cause| {
            from_io(cause, |cause| {
                Error::damaged("its content can not be read").with_source(cause)
            })
        })?;
        let (unpacked, uncompressed) = content.finish()?;
        if unpacked != *diff_id {
            return Err(Error::damaged(format!(
                "it unpacks to {unpacked}, but its image says {diff_id}"
            )));
        }
        Ok(Self {
            kind,
            source: Arc::clone(source),
            found: found.clone(),
            layer: Layer {
                descriptor: Descriptor::new(media_type, found.digest.clone(), found.size),
                diff_id: diff_id.clone(),
            },
            uncompressed,
            entries,
            texts,
        })
    }

    /// What it is read from.
    #[must_use]
    pub fn source(&self) -> &dyn ImageSource {
        &*self.source
    }

    /// The entries of one module's folder, paths with a `/` in front.
    pub fn entries_of(&self, id: &ModuleId, version: &ModuleVersion) -> impl Iterator<Item = &Entry> {
        let folder = module_version_folder(self.kind, id, version);
        self.entries
            .iter()
            .filter(move |entry| is_within(&entry.path, folder.as_bytes()))
    }

    /// The text of one module's file.
    pub fn descriptor_of(&self, id: &ModuleId, version: &ModuleVersion) -> Result<&str> {
        let folder = module_version_folder(self.kind, id, version);
        let text = self.texts.get(folder.as_bytes()).map(|text| std::str::from_utf8(text));
        match text {
            Some(Ok(text)) => Ok(text),
            _ => Err(Error::invalid(format!(
                "`{folder}/{}` can not be read as text",
                self.kind.file()
            ))),
        }
    }

    /// Gives all entries with their contents.
    pub fn read(&self, each: &mut dyn FnMut(&Entry, &mut dyn Read) -> Result<()>) -> Result<()> {
        let mut content = LayerContent::open(&*self.source, &self.found)?;
        let mut tar = TarReader::new(&mut content);
        while let Some(entry) = tar.next_entry()? {
            let entry = normalized(entry.entry)?;
            each(&entry, &mut tar.content())?;
        }
        content.finish().map(drop)
    }
}

/// With a `/` in front of its path and no other form of it, as all buildpackages are written.
fn normalized(mut entry: Entry) -> Result<Entry> {
    entry.path = absolute(&entry.path)?;
    Ok(entry)
}

/// With a `/` in front; an error for a path that goes up.
fn absolute(path: &[u8]) -> Result<Vec<u8>> {
    if path.split(|&byte| byte == b'/').any(|part| part == b"..") {
        return Err(Error::invalid(format!(
            "`{}` in it goes up with `..`",
            display_path(path)
        )));
    }
    if path.len() > MAX_PATH {
        return Err(Error::invalid(format!(
            "an entry in it has a path of {} bytes, which no system takes",
            path.len()
        )));
    }
    let relative = relative_path(path.strip_prefix(b"/").unwrap_or(path))?;
    Ok([b"/", &relative.unwrap_or_default()[..]].concat())
}

struct Check<'m> {
    kind: ModuleKind,
    /// By folder: the module, and whether its file was seen.
    folders: BTreeMap<Vec<u8>, (&'m (ModuleId, ModuleVersion), bool)>,
    above: BTreeSet<Vec<u8>>,
    /// Entries that nothing may lie below.
    not_folders: HashSet<Vec<u8>>,
    /// The texts of the modules' files, by folder.
    texts: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl<'m> Check<'m> {
    fn of(kind: ModuleKind, modules: &'m [(ModuleId, ModuleVersion)]) -> Self {
        let mut check = Self {
            kind,
            folders: BTreeMap::new(),
            above: BTreeSet::from([b"/".to_vec()]),
            not_folders: HashSet::new(),
            texts: BTreeMap::new(),
        };
        for module in modules {
            let folder = module_version_folder(kind, &module.0, &module.1).into_bytes();
            let mut path = folder.as_slice();
            while let Some(above) = parent(path).filter(|above| !above.is_empty()) {
                check.above.insert(above.to_vec());
                path = above;
            }
            check.folders.insert(folder, (module, false));
        }
        check
    }

    /// Nothing lies below a file or a link: it would be unpacked to where that leads.
    fn check_above(&mut self, entry: &Entry) -> Result<()> {
        let mut path = entry.path.as_slice();
        while let Some(above) = parent(path) {
            if self.not_folders.contains(above) {
                return Err(Error::invalid(format!(
                    "`{}` in it lies below `{}`, which is no folder",
                    display_path(&entry.path),
                    display_path(above)
                )));
            }
            path = above;
        }
        if entry.kind != EntryKind::Dir {
            self.not_folders.insert(entry.path.clone());
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry, content: &mut dyn Read) -> Result<()> {
        let shown = || display_path(&entry.path);
        if let EntryKind::Special(kind) = &entry.kind {
            return Err(Error::invalid(format!("it holds `{}`, a {}", shown(), kind.name())));
        }
        self.check_above(entry)?;
        let within = self
            .folders
            .iter_mut()
            .find(|(folder, _)| is_within(&entry.path, folder));
        let Some((folder, (module, is_described))) = within else {
            if entry.kind == EntryKind::Dir && self.above.contains(&entry.path) {
                return Ok(());
            }
            let modules: Vec<String> = self
                .folders
                .values()
                .map(|((id, version), _)| {
                    let folder = module_version_folder(self.kind, id, version);
                    format!("{id}@{version}, which is `{folder}`")
                })
                .collect();
            return Err(Error::invalid(format!(
                "it holds `{}`, but by its image's label it is the layer of {}",
                shown(),
                modules.join("; ")
            )));
        };
        if let EntryKind::Hardlink { target } = &entry.kind
            && !absolute(target).is_ok_and(|target| is_within(&target, folder))
        {
            return Err(Error::invalid(format!(
                "`{}` in it is a hard link to `{}`, outside of the buildpack's folder",
                shown(),
                display_path(target)
            )));
        }
        if entry.path[folder.len()..] == *[b"/", self.kind.file().as_bytes()].concat() {
            *is_described = true;
            if entry.kind.size() <= MAX_TOML {
                let text = check_descriptor(self.kind, module, &shown(), content)?;
                self.texts.insert(folder.clone(), text);
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
        match self.folders.iter().find(|(_, (_, is_described))| !is_described) {
            Some((folder, (module, _))) => Err(Error::invalid(format!(
                "by its image's label it is the layer of {}@{}, but it holds no `{}/{}`",
                module.0,
                module.1,
                display_path(folder),
                self.kind.file()
            ))),
            None => Ok(self.texts),
        }
    }
}

/// The text. An error when the file says that it is another module; what is wrong with it otherwise is for its author.
fn check_descriptor(
    kind: ModuleKind,
    module: &(ModuleId, ModuleVersion),
    shown: &str,
    content: &mut dyn Read,
) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    content.read_to_end(&mut text).map_err(|cause| {
        from_io(cause, |cause| {
            Error::damaged(format!("`{shown}` in it can not be read")).with_source(cause)
        })
    })?;
    let (found, _) = ModuleDescriptor::parse(kind, Path::new(shown), &text, true);
    let wanted = format!("{}@{}", module.0, module.1);
    match found.map(|found| found.full_name()).filter(|found| *found != wanted) {
        Some(found) => Err(Error::invalid(format!(
            "`{shown}` in it is for {found}, but by its image's label it is the layer of {wanted}"
        ))),
        None => Ok(text),
    }
}
