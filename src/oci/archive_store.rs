//! [`ArchiveStore`]: images in one file: an OCI layout in a tar (`.cnb`, oci-archive), or what `docker save` writes.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::descriptor::Descriptor;
use super::digest::Digest;
use super::docker_archive;
use super::layout::{IndexFile, MARKER, check_marker};
use super::store::{
    BLOB_MISSING_HINT, BlobReader, BlobSource, BlobState, ImageSource, MAX_DOCUMENT, Version, check_size, from_offset,
};
use crate::archive::archive_tree::{plain_tar, tar_stream};
use crate::archive::entry::{EntryKind, display_path};
use crate::archive::span::Span;
use crate::archive::tar_read::TarReader;
use crate::error::{Error, ErrorKind, Result};

/// Links that are followed from one name.
const MAX_LINKS: usize = 8;
/// What says which images there are.
const LISTS: [&str; 3] = ["index.json", "manifest.json", "oci-layout"];

/// An archive whose members are known. It is only read, and what is compressed is unpacked into a nameless file first.
#[derive(Debug)]
pub struct ArchiveStore {
    path: PathBuf,
    file: Arc<File>,
    members: Members,
    index: IndexFile,
    /// Manifests that were made from what Docker wrote.
    documents: BTreeMap<Digest, Vec<u8>>,
    /// Blobs of an archive of Docker, which has them under other names.
    named: HashMap<Digest, Extent>,
}

/// Where in the archive the content of a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Extent {
    offset: u64,
    pub(super) size: u64,
}

/// The members of an archive by name, without `./` or `/` in front. Of two with one name the last is taken, as when unpacking.
#[derive(Debug, Default)]
pub(super) struct Members(HashMap<Vec<u8>, Member>);

#[derive(Debug)]
enum Member {
    File(Extent),
    Link(Vec<u8>),
}

impl Members {
    fn read(file: &File) -> Result<Self> {
        let mut members = HashMap::new();
        let mut reader = TarReader::new(BufReader::with_capacity(128 << 10, file));
        while let Some(found) = reader.next_entry()? {
            let name = inside(&found.entry.path)?;
            let member = match found.entry.kind {
                EntryKind::File { size } => Member::File(Extent {
                    offset: found.offset,
                    size,
                }),
                EntryKind::Symlink { target } => Member::Link(beside(&name, &target)),
                EntryKind::Hardlink { target } => Member::Link(plain(&target)),
                EntryKind::Dir | EntryKind::Special(_) => continue,
            };
            let is_list = LISTS.iter().any(|list| name == list.as_bytes());
            if members.insert(name, member).is_some() && is_list {
                // readers differ on which of the two counts
                return Err(Error::damaged(format!(
                    "it has `{}` more than once",
                    display_path(&found.entry.path)
                )));
            }
        }
        Ok(Self(members))
    }

    /// The file of that name, or that a link of that name leads to.
    pub(super) fn find(&self, name: &str) -> Option<Extent> {
        let mut name = inside(name.as_bytes()).ok()?;
        for _ in 0..=MAX_LINKS {
            match self.0.get(&name)? {
                Member::File(extent) => return Some(*extent),
                Member::Link(target) => name.clone_from(target),
            }
        }
        None
    }
}

/// The name of a member, without `./` or `/` in front; one that leads out of the archive is refused.
fn inside(path: &[u8]) -> Result<Vec<u8>> {
    let mut depth = 0_i64;
    for part in path.split(|&byte| byte == b'/') {
        depth += match part {
            b"" | b"." => 0,
            b".." => -1,
            _ => 1,
        };
        if depth < 0 {
            return Err(Error::damaged(format!("`{}` leads out of it", display_path(path))));
        }
    }
    Ok(plain(path))
}

/// The name without what changes nothing in it.
fn plain(name: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in name.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join(&b'/')
}

/// Where a symbolic link at `name` leads to.
fn beside(name: &[u8], target: &[u8]) -> Vec<u8> {
    if target.starts_with(b"/") {
        return plain(target);
    }
    let folder = name.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash);
    plain(&[&name[..folder], b"/", target].concat())
}

impl ArchiveStore {
    /// Opens the archive at `path`. Nameless temporary files go to `scratch`.
    pub fn open(path: &Path, scratch: &Path) -> Result<Self> {
        Self::read(path, scratch).map_err(|error| {
            let is_known = error.hint().is_some() || error.kind() == ErrorKind::Io;
            let error = error.context(format!("failed to read archive `{}`", path.display()));
            if is_known || looks_like_archive(path) {
                return error;
            }
            error.with_hint("give the folder of a layout, or an archive of images: .cnb, .tar, .tar.gz")
        })
    }

    fn read(path: &Path, scratch: &Path) -> Result<Self> {
        let mut file = plain_tar(path, scratch)?;
        file.seek(SeekFrom::Start(0))
            .map_err(|cause| Error::io("read", path, cause))?;
        let members = Members::read(&file)?;
        let mut store = Self {
            path: path.to_owned(),
            file: Arc::new(file),
            members,
            index: IndexFile::default(),
            documents: BTreeMap::new(),
            named: HashMap::new(),
        };
        if let Some(index) = store.members.find("index.json") {
            if let Some(marker) = store.members.find(MARKER) {
                check_marker(&store.small(marker, MARKER)?, MARKER)?;
            } else {
                return Err(Error::invalid(format!(
                    "it is no OCI image layout: it has no `{MARKER}`"
                )));
            }
            let text = store.small(index, "index.json")?;
            store.index =
                IndexFile::parse(&text).map_err(|error| error.context("failed to read `index.json` in it"))?;
        } else if let Some(list) = store.members.find("manifest.json") {
            let read = docker_archive::read(&store, &store.small(list, "manifest.json")?)?;
            store.index = read.index;
            store.documents = read.documents;
            store.named = read.named;
        } else {
            return Err(
                Error::invalid("it holds no images: neither `index.json` nor `manifest.json` is in it")
                    .with_hint("give a .cnb, an oci-archive or a docker-archive"),
            );
        }
        Ok(store)
    }

    /// Whether it is what `docker save` writes, and no layout.
    #[must_use]
    pub fn is_of_docker(&self) -> bool {
        !self.named.is_empty()
    }

    pub(super) fn members(&self) -> &Members {
        &self.members
    }

    pub(super) fn reader(&self, extent: Extent, offset: u64) -> Span {
        let offset = offset.min(extent.size);
        Span::new(&self.file, extent.offset + offset, extent.size - offset)
    }

    /// The content of a member that is read as a whole.
    pub(super) fn small(&self, extent: Extent, name: &str) -> Result<Vec<u8>> {
        if extent.size > MAX_DOCUMENT {
            return Err(Error::damaged(format!("`{name}` in it is {} bytes long", extent.size)));
        }
        let mut content = Vec::new();
        self.reader(extent, 0)
            .read_to_end(&mut content)
            .map_err(|cause| Error::damaged(format!("`{name}` in it can not be read")).with_source(cause))?;
        Ok(content)
    }

    fn extent_of(&self, descriptor: &Descriptor) -> Result<Extent> {
        self.extent(&descriptor.digest).ok_or_else(|| {
            Error::damaged(format!(
                "blob {} is missing in archive `{}`",
                descriptor.digest,
                self.path.display()
            ))
            .with_hint(BLOB_MISSING_HINT)
        })
    }

    fn extent(&self, digest: &Digest) -> Option<Extent> {
        let name = || format!("blobs/{}/{}", digest.algorithm(), digest.hex());
        self.named.get(digest).copied().or_else(|| self.members.find(&name()))
    }
}

impl BlobSource for ArchiveStore {
    fn check(&self, descriptor: &Descriptor) -> Result<()> {
        match self.documents.get(&descriptor.digest) {
            Some(_) => Ok(()),
            None => check_size(descriptor, self.extent_of(descriptor)?.size),
        }
    }

    fn open_from(&self, descriptor: &Descriptor, offset: u64) -> Result<BlobReader<'_>> {
        if let Some(bytes) = self.documents.get(&descriptor.digest) {
            return Ok(from_offset(bytes, offset));
        }
        let extent = self.extent_of(descriptor)?;
        Ok(Box::new(BufReader::with_capacity(
            128 << 10,
            self.reader(extent, offset),
        )))
    }
}

impl ImageSource for ArchiveStore {
    fn location(&self) -> String {
        format!("archive `{}`", self.path.display())
    }

    fn index_file(&self) -> Result<IndexFile> {
        Ok(self.index.clone())
    }

    fn version(&self, _descriptor: &Descriptor) -> Result<Version> {
        let metadata = self.file.metadata();
        Ok(Version::of(
            &metadata.map_err(|cause| Error::io("read", &self.path, cause))?,
        ))
    }

    fn state(&self, digest: &Digest) -> Result<BlobState> {
        let document = self.documents.get(digest).map(|bytes| bytes.len() as u64);
        let length = document.or_else(|| self.extent(digest).map(|extent| extent.size));
        Ok(length.map_or(BlobState::Missing, BlobState::Length))
    }
}

/// Whether a file holds images, and not a buildpack: what comes first in it decides, `oci-layout` or `buildpack.toml`.
pub fn holds_images(path: &Path) -> Result<bool> {
    let failed = |error: Error| error.context(format!("failed to read archive `{}`", path.display()));
    let Some(content) = tar_stream(path).map_err(failed)? else {
        return Ok(false);
    };
    let mut reader = TarReader::new(content);
    let mut has_list = false;
    while let Some(found) = reader.next_entry().map_err(failed)? {
        match plain(&found.entry.path).as_slice() {
            b"oci-layout" => return Ok(true),
            b"buildpack.toml" | b"extension.toml" => return Ok(false),
            b"index.json" | b"manifest.json" => has_list = true,
            _ => {}
        }
    }
    Ok(has_list)
}

/// An error unless an archive of images may get this name: nothing has it, or an empty file, or what is an archive by its content or by its
/// name.
pub fn check_replaceable(path: &Path) -> Result<()> {
    let length = match fs::symlink_metadata(path) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(Error::io("look at", path, cause)),
        Ok(_) => fs::metadata(path).map_or(0, |metadata| metadata.len()),
    };
    if path.is_dir() {
        return Err(Error::invalid(format!(
            "`{}` is a folder, not a file to write",
            path.display()
        )));
    }
    if length == 0 || looks_like_archive(path) || (path.is_file() && holds_images(path).unwrap_or_default()) {
        return Ok(());
    }
    Err(
        Error::invalid(format!("`{}` is there, and is no archive of images", path.display()))
            .with_hint("name another file, or remove that one first"),
    )
}

/// Whether the file's name says that it is one of these archives, for errors about files that are not there.
pub(super) fn looks_like_archive(path: &Path) -> bool {
    let name = path.as_os_str().as_bytes();
    [&b".cnb"[..], b".tar", b".tar.gz", b".tgz"]
        .iter()
        .any(|suffix| name.ends_with(suffix))
}
