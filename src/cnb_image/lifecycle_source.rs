//! [`LifecycleSource`]: the programs of a lifecycle, from an archive as it is released, a folder or an image; and the layer of them.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::base_image::ChosenImage;
use super::layer_tar::{LayerTar, not_written};
use crate::archive::archive_tree::tar_stream;
use crate::archive::entry::{Entry, EntryKind, display_path, relative_path};
use crate::archive::executable::{Executable, HEAD_LEN};
use crate::archive::file_tree::{FileTree, NodeKind};
use crate::archive::limit::Limited;
use crate::archive::tar_read::TarReader;
use crate::archive::tar_write::{END, TarWriter, entry_len};
use crate::archive::timestamp::NORMALIZED;
use crate::cnb::builder_labels::{LIFECYCLE_APIS, LIFECYCLE_VERSION};
use crate::cnb::lifecycle::LifecycleDescriptor;
use crate::cnb::paths::{LIFECYCLE_FOLDER, LIFECYCLE_LINK, LIFECYCLE_TOML};
use crate::cnb::target::Target;
use crate::error::{Error, ErrorKind, Finding, Result, Severity, from_io};
use crate::oci::descriptor::Descriptor;
use crate::oci::digest::DiffId;
use crate::oci::json;
use crate::oci::layer::{LayerContent, is_layer};
use crate::oci::store::ImageSource;
use crate::progress::{Progress, Step};

/// The most that is read of `lifecycle.toml`.
const MAX_TOML: u64 = 1 << 20;
/// Links that are followed one after the other.
const MAX_LINKS: usize = 8;
/// What a lifecycle must have (platform spec, phases).
const PROGRAMS: [&str; 7] = [
    "analyzer", "builder", "creator", "detector", "exporter", "launcher", "restorer",
];

/// What the name of an entry begins with that takes something away (OCI layer, whiteouts).
const WHITEOUT: &str = ".wh.";

/// A lifecycle that was looked through.
#[derive(Debug)]
pub struct LifecycleSource {
    /// Where it is, for people.
    pub location: String,
    /// Its version and APIs.
    pub descriptor: LifecycleDescriptor,
    content: Content,
    /// What is in its folder, in the order of the source.
    entries: Vec<Entry>,
    /// By name: what the files are that a processor runs.
    programs: Vec<(String, Option<Executable>)>,
}

/// Where the contents are.
enum Content {
    Archive(PathBuf),
    Layer {
        source: Arc<dyn ImageSource>,
        layer: Descriptor,
    },
    Folder(FileTree),
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Archive(path) => write!(f, "archive {}", path.display()),
            Self::Layer { layer, .. } => write!(f, "layer {}", layer.digest),
            Self::Folder(tree) => write!(f, "folder {}", tree.origin().display()),
        }
    }
}

/// What an entry of a source is.
enum Role {
    Descriptor,
    Member(String),
    Other,
}

impl LifecycleSource {
    /// From a `.tgz` or `.tar` as it is released: `lifecycle.toml`, and the programs in a folder beside it.
    pub fn of_archive(path: &Path, progress: &dyn Progress) -> Result<Self> {
        let content = Content::Archive(path.to_owned());
        Self::look_through(
            &format!("`{}`", path.display()),
            content,
            &|path| role_of(path, false),
            None,
            progress,
        )
    }

    /// From a folder with the same files. Owners, times and the order are those of a layer of a buildpack.
    pub fn of_folder(path: &Path) -> Result<Self> {
        let location = format!("`{}`", path.display());
        let tree = FileTree::of_folder(path, &|_| false)?;
        let failed = |error: Error| error.context(format!("failed to read lifecycle {location}"));
        let text = tree.read(LIFECYCLE_TOML.as_bytes(), MAX_TOML).map_err(failed)?;
        let descriptor = descriptor_of(&path.join(LIFECYCLE_TOML), &text)?;
        let mut entries = Vec::new();
        let mut programs = Vec::new();
        for node in tree.nodes() {
            let Role::Member(name) = role_of(&node.path, false) else {
                continue;
            };
            if name.starts_with(WHITEOUT) {
                return Err(failed(Error::invalid(format!(
                    "`{name}` in it would take away what lies below"
                ))));
            }
            let (kind, file) = match &node.kind {
                NodeKind::Dir => (EntryKind::Dir, None),
                NodeKind::Symlink(target) => (EntryKind::Symlink { target: target.clone() }, None),
                NodeKind::File(file) => (EntryKind::File { size: file.size }, Some(file)),
                NodeKind::Special(kind) => {
                    return Err(failed(Error::invalid(format!("`{name}` in it is a {}", kind.name()))));
                }
            };
            if let Some(file) = file {
                let head = head_of(&mut *tree.open(&node.path, *file)?).map_err(failed)?;
                add_program(&mut programs, &name, node.mode, &head);
            }
            let known = format!("{LIFECYCLE_FOLDER}/{name}");
            if entries.iter().any(|entry: &Entry| entry.path == known.as_bytes()) {
                return Err(failed(Error::invalid(format!("`{name}` is in it twice"))));
            }
            let is_program = kind == EntryKind::Dir || node.mode & 0o111 != 0;
            let mode = if is_program { 0o755 } else { 0o644 };
            entries.push(entry(format!("{LIFECYCLE_FOLDER}/{name}"), kind, mode));
        }
        Self {
            location: location.clone(),
            descriptor,
            content: Content::Folder(tree),
            entries,
            programs,
        }
        .with_all_programs()
        .map_err(failed)
    }

    /// From an image: the uppermost of its layers that has `/cnb/lifecycle`.
    pub fn of_image(chosen: &ChosenImage, progress: &dyn Progress) -> Result<Self> {
        let location = format!("{} in {}", chosen.image.descriptor.digest, chosen.source.location());
        let layers = chosen.image.manifest.layers.iter();
        let diff_ids = &chosen.image.config.rootfs.diff_ids;
        for (layer, diff_id) in layers.zip(diff_ids).rev() {
            if !is_layer(&layer.media_type) {
                continue;
            }
            let content = Content::Layer {
                source: Arc::clone(&chosen.source),
                layer: layer.clone(),
            };
            if !content.has_members(diff_id, progress)? {
                continue;
            }
            let from_labels = descriptor_of_labels(chosen)?;
            return Self::look_through(&location, content, &|path| role_of(path, true), from_labels, progress);
        }
        Err(Error::invalid(format!(
            "failed to read lifecycle {location}: no layer of it has `{LIFECYCLE_FOLDER}`"
        )))
    }

    fn look_through(
        location: &str,
        content: Content,
        role_of: &dyn Fn(&[u8]) -> Role,
        mut descriptor: Option<LifecycleDescriptor>,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut programs = Vec::new();
        let mut seen: HashSet<Vec<u8>> = HashSet::new();
        let walked = content.each(&mut |found, content| {
            progress.check()?;
            match role_of(&found.path) {
                Role::Other => {}
                Role::Descriptor => {
                    let mut text = Vec::new();
                    content.take(MAX_TOML).read_to_end(&mut text).map_err(unreadable)?;
                    let file = PathBuf::from(format!("{}/{LIFECYCLE_TOML}", location.trim_matches('`')));
                    descriptor = Some(descriptor_of(&file, &text)?);
                }
                Role::Member(name) => {
                    if name.starts_with(WHITEOUT) {
                        return Err(Error::invalid(format!(
                            "`{name}` in it would take away what lies below"
                        )));
                    }
                    let mut own = found.clone();
                    own.path = format!("{LIFECYCLE_FOLDER}/{name}").into_bytes();
                    match &mut own.kind {
                        EntryKind::Special(kind) => {
                            return Err(Error::invalid(format!("`{name}` in it is a {}", kind.name())));
                        }
                        EntryKind::Hardlink { target } => {
                            let Role::Member(first) = role_of(target) else {
                                return Err(link_out(&name, target));
                            };
                            let first = format!("{LIFECYCLE_FOLDER}/{first}").into_bytes();
                            if !seen.contains(&first) {
                                return Err(link_out(&name, target));
                            }
                            *target = first;
                        }
                        EntryKind::File { .. } => {
                            let head = head_of(content)?;
                            add_program(&mut programs, &name, own.mode, &head);
                        }
                        _ => {}
                    }
                    if !seen.insert(own.path.clone()) {
                        return Err(Error::invalid(format!("`{name}` is in it twice")));
                    }
                    entries.push(own);
                }
            }
            Ok(())
        });
        let failed = |error: Error| error.context(format!("failed to read lifecycle {location}"));
        walked.map_err(failed)?;
        let Some(descriptor) = descriptor else {
            return Err(failed(
                Error::new(ErrorKind::NotFound, format!("no {LIFECYCLE_TOML} in it"))
                    .with_hint("a lifecycle as it is released has lifecycle.toml beside the folder of its programs"),
            ));
        };
        Self {
            location: location.to_owned(),
            descriptor,
            content,
            entries,
            programs,
        }
        .with_all_programs()
        .map_err(failed)
    }

    fn with_all_programs(self) -> Result<Self> {
        let missing: Vec<&str> = PROGRAMS
            .into_iter()
            .filter(|name| !self.has_program(name, MAX_LINKS))
            .collect();
        if missing.is_empty() {
            return Ok(self);
        }
        Err(Error::invalid(format!("it lacks {}", missing.join(", ")))
            .with_hint("a lifecycle as it is released has them in the folder beside lifecycle.toml"))
    }

    /// Whether there is such a file, or a link that leads to one in the same folder.
    fn has_program(&self, name: &str, links: usize) -> bool {
        let path = format!("{LIFECYCLE_FOLDER}/{name}").into_bytes();
        match self
            .entries
            .iter()
            .find(|entry| entry.path == path)
            .map(|entry| &entry.kind)
        {
            Some(EntryKind::File { .. } | EntryKind::Hardlink { .. }) => true,
            Some(EntryKind::Symlink { target }) => {
                let target = String::from_utf8_lossy(target);
                let inside = target
                    .strip_prefix(LIFECYCLE_FOLDER)
                    .and_then(|rest| rest.strip_prefix('/'))
                    .unwrap_or(&target);
                let inside = inside.strip_prefix("./").unwrap_or(inside);
                links > 0 && self.has_program(inside, links - 1)
            }
            _ => false,
        }
    }

    /// The first program that is for another processor than `arch`.
    #[must_use]
    pub fn misfit(&self, arch: &str) -> Option<(&str, &Executable)> {
        let known = self
            .programs
            .iter()
            .filter_map(|(name, known)| Some((name.as_str(), known.as_ref()?)));
        known
            .into_iter()
            .find(|(_, one)| one.runs_on_linux(arch) == Some(false))
    }

    /// Whether some program is for the processor of `target`, and none for another.
    #[must_use]
    pub fn is_for(&self, target: &Target) -> bool {
        let known: Vec<&Executable> = self.programs.iter().filter_map(|(_, known)| known.as_ref()).collect();
        !known.is_empty() && known.iter().all(|one| one.runs_on(&target.arch) == Some(true))
    }

    /// The programs that are for another processor than that of `target`, which has an architecture; and a warning where none can be told.
    #[must_use]
    pub fn check(&self, target: &Target) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut is_known = false;
        for (name, executable) in &self.programs {
            let Some(executable) = executable else { continue };
            let runs = executable.runs_on_linux(&target.arch);
            is_known |= runs.is_some();
            if runs.is_none() {
                findings.push(Finding::warning(format!(
                    "program `{name}` of lifecycle {} is {executable}, which is not known: whether it runs on {} can not be told",
                    self.location, target.arch
                )));
            } else if runs == Some(false) {
                findings.push(
                    Finding::error(format!(
                        "program `{name}` of lifecycle {} is {executable}, not ELF for {}",
                        self.location, target.arch
                    ))
                    .hint(format!("give the lifecycle for it: --lifecycle {target}=FILE")),
                );
            }
        }
        let has_elf = self.programs.iter().any(|(_, executable)| executable.is_some());
        if !is_known && !has_elf {
            findings.push(Finding::warning(format!(
                "no program of lifecycle {} is an ELF file: what it runs on can not be told",
                self.location
            )));
        }
        findings
    }
}

impl Content {
    /// Gives all entries of an archive or a layer with their contents.
    fn each(&self, each: &mut dyn FnMut(&Entry, &mut dyn Read) -> Result<()>) -> Result<()> {
        match self {
            Self::Archive(path) => {
                let Some(stream) = tar_stream(path)? else {
                    return Err(Error::new(
                        ErrorKind::Unsupported,
                        "it is no tar, and no tar that gzip compressed",
                    ));
                };
                each_entry(stream, each)
            }
            Self::Layer { source, layer } => {
                let content = LayerContent::open(&**source, layer)?;
                each_entry(Limited::new(content, layer.size), each)
            }
            Self::Folder(_) => unreachable!("a folder is no archive"),
        }
    }

    /// Whether a layer has some of a lifecycle's files. The whole layer is read and must be what its image says.
    fn has_members(&self, diff_id: &DiffId, progress: &dyn Progress) -> Result<bool> {
        let Self::Layer { source, layer } = self else {
            return Ok(true);
        };
        let failed = |error: Error| error.context(format!("failed to read layer {}", layer.digest));
        let mut has = false;
        let mut content = LayerContent::open(&**source, layer).map_err(failed)?;
        each_entry(Limited::new(&mut content, layer.size), &mut |entry, _| {
            has |= matches!(role_of(&entry.path, true), Role::Member(_));
            progress.check()
        })
        .map_err(failed)?;
        let (unpacked, _) = content.finish().map_err(failed)?;
        if unpacked != *diff_id {
            return Err(failed(Error::damaged(format!(
                "it unpacks to {unpacked}, but its image says {diff_id}"
            ))));
        }
        Ok(has)
    }
}

fn each_entry(input: impl Read, each: &mut dyn FnMut(&Entry, &mut dyn Read) -> Result<()>) -> Result<()> {
    let mut tar = TarReader::new(input);
    while let Some(found) = tar.next_entry()? {
        each(&found.entry, &mut tar.content())?;
    }
    Ok(())
}

/// In an archive the folder may have any name, as in pack; in an image there are other folders.
fn role_of(path: &[u8], in_image: bool) -> Role {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    let Ok(Some(clean)) = relative_path(path) else {
        return Role::Other;
    };
    let Ok(clean) = String::from_utf8(clean) else {
        return Role::Other;
    };
    let parts: Vec<&str> = clean.split('/').collect();
    match parts.as_slice() {
        ["cnb", "lifecycle", name] => Role::Member((*name).to_owned()),
        ["cnb", name] if *name == LIFECYCLE_TOML => Role::Descriptor,
        [name] if *name == LIFECYCLE_TOML && !in_image => Role::Descriptor,
        [folder, name] if *folder != "cnb" && !in_image => Role::Member((*name).to_owned()),
        _ => Role::Other,
    }
}

fn link_out(name: &str, target: &[u8]) -> Error {
    Error::invalid(format!(
        "`{name}` in it is a hard link to `{}`, which is no file before it in the folder",
        display_path(target)
    ))
}

fn descriptor_of(file: &Path, text: &[u8]) -> Result<LifecycleDescriptor> {
    let (found, findings) = LifecycleDescriptor::parse(file, text);
    let faults: Vec<String> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| match &finding.place {
            Some(place) => format!("{place}: {}", finding.message),
            None => finding.message.clone(),
        })
        .collect();
    found.ok_or_else(|| Error::invalid(faults.join("; ")))
}

/// What the labels of a lifecycle's image say; its `lifecycle.toml` counts before them.
fn descriptor_of_labels(chosen: &ChosenImage) -> Result<Option<LifecycleDescriptor>> {
    let labels = chosen.image.config.labels();
    let (Some(version), Some(apis)) = (labels.get(LIFECYCLE_VERSION), labels.get(LIFECYCLE_APIS)) else {
        return Ok(None);
    };
    let apis = json::from_slice(apis.as_bytes(), &format!("label {LIFECYCLE_APIS}"))?;
    Ok(Some(LifecycleDescriptor::of_labels(version, apis)))
}

pub(super) fn head_of(content: &mut dyn Read) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    content
        .take(HEAD_LEN as u64)
        .read_to_end(&mut head)
        .map_err(unreadable)?;
    Ok(head)
}

fn unreadable(cause: std::io::Error) -> Error {
    from_io(cause, |cause| {
        Error::damaged("its content can not be read").with_source(cause)
    })
}

/// What is executable, is one of the programs, or has the form of one.
fn add_program(programs: &mut Vec<(String, Option<Executable>)>, name: &str, mode: u32, head: &[u8]) {
    let executable = Executable::of(head);
    if mode & 0o111 != 0 || PROGRAMS.contains(&name) || executable.is_some() {
        programs.push((name.to_owned(), executable));
    }
}

fn entry(path: String, kind: EntryKind, mode: u32) -> Entry {
    Entry {
        path: path.into_bytes(),
        kind,
        mode,
        uid: 0,
        gid: 0,
        mtime: NORMALIZED,
    }
}

/// The layer of a lifecycle: its folder, its files with the headers that they have, and the link that is there for platforms of old.
#[derive(Debug, Clone)]
pub struct LifecycleLayer {
    source: Arc<LifecycleSource>,
}

impl LifecycleLayer {
    /// Of a lifecycle.
    #[must_use]
    pub fn of(source: &Arc<LifecycleSource>) -> Self {
        Self {
            source: Arc::clone(source),
        }
    }

    fn folder() -> Entry {
        entry(LIFECYCLE_FOLDER.to_owned(), EntryKind::Dir, 0o755)
    }

    fn link() -> Entry {
        let target = LIFECYCLE_FOLDER.as_bytes().to_vec();
        entry(LIFECYCLE_LINK.to_owned(), EntryKind::Symlink { target }, 0o644)
    }
}

impl LayerTar for LifecycleLayer {
    fn total(&self) -> u64 {
        let own = [Self::folder(), Self::link()];
        let all = own.iter().chain(&self.source.entries);
        all.map(entry_len).sum::<u64>() + END.len() as u64
    }

    fn write(&self, progress: &dyn Progress, step: &mut dyn Step, out: &mut dyn Write) -> Result<()> {
        let source = &self.source;
        let mut tar = TarWriter::new(out);
        tar.header(&Self::folder()).map_err(not_written)?;
        let mut rest = source.entries.iter();
        let mut write = |content: &mut dyn Read| {
            progress.check()?;
            let Some(entry) = rest.next() else {
                return Err(changed(source));
            };
            step.advance(entry.kind.size());
            match entry.kind {
                EntryKind::File { .. } => tar.file(entry, &mut &mut *content),
                _ => tar.header(entry),
            }
            .map_err(not_written)
        };
        match &source.content {
            Content::Folder(tree) => {
                for node in tree.nodes() {
                    if !matches!(role_of(&node.path, false), Role::Member(_)) {
                        continue;
                    }
                    match &node.kind {
                        NodeKind::File(file) => write(&mut *tree.open(&node.path, *file)?)?,
                        _ => write(&mut std::io::empty())?,
                    }
                }
            }
            archive => {
                let in_image = matches!(archive, Content::Layer { .. });
                archive.each(&mut |found, content| match role_of(&found.path, in_image) {
                    Role::Member(_) => write(content),
                    _ => Ok(()),
                })?;
            }
        }
        if rest.next().is_some() {
            return Err(changed(source));
        }
        tar.header(&Self::link()).map_err(not_written)?;
        tar.finish().map(drop).map_err(not_written)
    }
}

fn changed(source: &LifecycleSource) -> Error {
    Error::damaged(format!("lifecycle {} has changed while it was read", source.location))
}
