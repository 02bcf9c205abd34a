//! [`Layout`]: an OCI image layout on disk (`oci-layout`, `index.json`, `blobs/`), read here and written by [`LayoutWriter`].

mod archive_file;
mod blob_file;
mod entry_name;
mod folder;
mod garbage;
mod index_file;
mod staged_store;
mod staging;
mod stored;
mod writer;

use std::fs::{self, File, Metadata};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use archive_file::ArchiveFile;
use blob_file::{open_inside, open_own_file, read_inside};
pub use entry_name::EntryName;
pub use garbage::Garbage;
pub(super) use index_file::IMAGE_NAME;
pub use index_file::{IndexFile, REF_NAME, Tagged};
pub use staged_store::StagedStore;
pub use staging::{Staging, Taken};
pub use stored::Stored;
pub use writer::LayoutWriter;

use super::descriptor::Descriptor;
use super::digest::Digest;
use super::json;
use super::store::{BLOB_MISSING_HINT, BlobReader, BlobSource, BlobState, ImageSource, Version, check_size};
use crate::archive::span::Span;
use crate::error::{Error, ErrorKind, Result};

/// The file that makes a folder a layout.
pub(super) const MARKER: &str = "oci-layout";
/// The only version there is.
const VERSION: &str = "1.0.0";
/// The list of what is in the layout.
const INDEX: &str = "index.json";
/// Where blobs are.
const BLOBS: &str = "blobs";
/// The kinds of digests that blobs may have; each has a folder.
const ALGORITHMS: [&str; 2] = ["sha256", "sha512"];
/// The most that is read of `oci-layout`.
const MAX_MARKER: u64 = 4 << 10;
/// The most that is read of `index.json`.
const MAX_INDEX: u64 = 64 << 20;

/// A layout that can be read.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Marker {
    #[serde(rename = "imageLayoutVersion")]
    version: String,
}

/// An error unless the text of `oci-layout` says the version that is known.
pub(super) fn check_marker(text: &[u8], file: &str) -> Result<()> {
    let found: Marker = json::from_slice(text, &format!("`{file}`"))?;
    if found.version == VERSION {
        return Ok(());
    }
    let message = format!("`{file}` says version `{}`", found.version);
    Err(Error::new(ErrorKind::Unsupported, message).with_hint(format!("only version {VERSION} is known")))
}

impl Layout {
    /// Opens the layout in the folder `root`; an error when there is none, or one of another version.
    pub fn open(root: &Path) -> Result<Self> {
        let refuse = |why: &str| Error::invalid(format!("`{}` is not an OCI image layout: {why}", root.display()));
        let metadata = fs::metadata(root).map_err(|cause| {
            Error::io("open layout", root, cause)
                .with_hint("give an OCI image layout on disk, as DIR, DIR:TAG or DIR@DIGEST")
        })?;
        if !metadata.is_dir() {
            return Err(refuse("it is not a folder").with_hint(
                "`airpack layout import` makes a layout of an archive; `airpack inspect` and `airpack diff` read it as it is",
            ));
        }
        let layout = Self::open_unchecked(root);
        layout.check_marker()?;
        Ok(layout)
    }

    /// Whatever is in the folder `root`, for looking at what is wrong with it.
    pub(in crate::oci) fn open_unchecked(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// An error unless `oci-layout` says that this is a layout of the version that is known.
    pub(in crate::oci) fn check_marker(&self) -> Result<()> {
        let marker = self.root.join(MARKER);
        match read_inside(&self.root, &marker, MAX_MARKER) {
            Ok(text) => check_marker(&text, &marker.display().to_string()),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Err(Error::invalid(format!(
                "`{}` is not an OCI image layout: it has no file `oci-layout`",
                self.root.display()
            ))
            .with_hint("give the folder that holds `oci-layout`, `index.json` and `blobs`")),
            Err(cause) => Err(Error::io("read", &marker, cause)),
        }
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What `index.json` lists.
    pub fn index_file(&self) -> Result<IndexFile> {
        let text = self.index_text()?;
        let path = self.root.join(INDEX);
        IndexFile::parse(&text).map_err(|error| error.context(format!("failed to read `{}`", path.display())))
    }

    /// The bytes of `index.json`.
    pub(in crate::oci) fn index_text(&self) -> Result<Vec<u8>> {
        let path = self.root.join(INDEX);
        read_inside(&self.root, &path, MAX_INDEX).map_err(|cause| Error::io("read", &path, cause))
    }

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        blob_path(&self.root, digest)
    }
}

fn blob_path(root: &Path, digest: &Digest) -> PathBuf {
    root.join(BLOBS).join(digest.algorithm()).join(digest.hex())
}

impl Layout {
    fn open_blob(&self, descriptor: &Descriptor) -> Result<File> {
        let path = self.blob_path(&descriptor.digest);
        let failed = |cause: io::Error| match cause.kind() {
            io::ErrorKind::NotFound => Error::damaged(format!(
                "blob {} is missing in layout `{}`",
                descriptor.digest,
                self.root.display()
            ))
            .with_hint(BLOB_MISSING_HINT),
            io::ErrorKind::InvalidData => Error::damaged(format!("blob {}: {cause}", descriptor.digest)),
            _ => Error::io("read blob", &path, cause),
        };
        open_inside(&self.root, &path).map_err(failed)
    }
}

impl Layout {
    fn metadata_of(&self, descriptor: &Descriptor) -> Result<Metadata> {
        let metadata = self.open_blob(descriptor)?.metadata();
        metadata.map_err(|cause| Error::io("read blob", &self.blob_path(&descriptor.digest), cause))
    }
}

impl BlobSource for Layout {
    fn check(&self, descriptor: &Descriptor) -> Result<()> {
        check_size(descriptor, self.metadata_of(descriptor)?.len())
    }

    fn file(&self, descriptor: &Descriptor) -> Result<Option<File>> {
        Ok(open_own_file(&self.blob_path(&descriptor.digest)).ok())
    }

    fn open_from(&self, descriptor: &Descriptor, offset: u64) -> Result<BlobReader<'_>> {
        let file = self.open_blob(descriptor)?.into();
        Ok(Box::new(BufReader::with_capacity(
            128 << 10,
            Span::new(&file, offset, u64::MAX),
        )))
    }
}

impl ImageSource for Layout {
    fn location(&self) -> String {
        format!("layout `{}`", self.root.display())
    }

    fn index_file(&self) -> Result<IndexFile> {
        self.index_file()
    }

    fn version(&self, descriptor: &Descriptor) -> Result<Version> {
        Ok(Version::of(&self.metadata_of(descriptor)?))
    }

    fn state(&self, digest: &Digest) -> Result<BlobState> {
        let path = self.blob_path(digest);
        let opened = open_inside(&self.root, &path).and_then(|file| file.metadata());
        match opened {
            Ok(metadata) => Ok(BlobState::Length(metadata.len())),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(BlobState::Missing),
            Err(cause) if cause.kind() == io::ErrorKind::InvalidData => Ok(BlobState::Unreadable(cause.to_string())),
            Err(cause) => Err(Error::io("read blob", &path, cause)),
        }
    }
}
