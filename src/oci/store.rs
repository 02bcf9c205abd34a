//! The stores that images are in, whatever holds them: [`BlobSource`] to read, [`BlobStore`] to write.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{Cursor, Read};
use std::os::unix::fs::MetadataExt;

use super::descriptor::Descriptor;
use super::digest::{Digest, VerifiedReader};
use super::layout::IndexFile;
use crate::error::{Error, Result, from_io};
use crate::progress::{Progress, Step};

/// What to do about an image that lacks some of its content.
pub(super) const BLOB_MISSING_HINT: &str =
    "`airpack layout validate` lists all that is missing or damaged; copy, pull or package it again";

/// The most that is read of a manifest, an index or a config; registries stop at 4 MiB.
pub const MAX_DOCUMENT: u64 = 16 << 20;

/// Bytes of a blob.
pub type BlobReader<'a> = Box<dyn Read + Send + 'a>;

/// Gives blobs by their descriptor.
pub trait BlobSource: Sync {
    /// The blob from byte `offset` on, as it is: who reads this verifies.
    fn open_from(&self, descriptor: &Descriptor, offset: u64) -> Result<BlobReader<'_>>;

    /// The blob from its begin; reading it to the end fails unless digest and size are right.
    fn open(&self, descriptor: &Descriptor) -> Result<BlobReader<'_>> {
        let blob = self.open_from(descriptor, 0)?;
        Ok(Box::new(VerifiedReader::new(
            blob,
            descriptor.digest.clone(),
            descriptor.size,
        )))
    }

    /// An error where it is plain without reading that the blob can not be given: it is missing, or has another length.
    fn check(&self, _descriptor: &Descriptor) -> Result<()> {
        Ok(())
    }

    /// The blob as a regular file that another folder may list as well, not yet verified; `None` where it is no such file.
    fn file(&self, _descriptor: &Descriptor) -> Result<Option<File>> {
        Ok(None)
    }

    /// Whether the same blob may come out better when it is read again, as it may after a bad transfer.
    fn may_differ(&self) -> bool {
        false
    }

    /// The whole of a manifest, verified. Registries keep manifests apart from blobs.
    fn read_manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        self.read(descriptor)
    }

    /// The whole of a small blob, verified.
    fn read(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        if descriptor.size > MAX_DOCUMENT {
            return Err(Error::damaged(format!(
                "blob {} is said to be {} bytes long, which no manifest or config is",
                descriptor.digest, descriptor.size
            )));
        }
        let mut bytes = Vec::new();
        self.open(descriptor)?.read_to_end(&mut bytes).map_err(|cause| {
            from_io(cause, |cause| {
                Error::damaged(format!("failed to read blob {}", descriptor.digest)).with_source(cause)
            })
        })?;
        Ok(bytes)
    }
}

/// A source that says what it has.
pub trait ImageSource: BlobSource + Send {
    /// Where it is, as the user would write it.
    fn location(&self) -> String;

    /// What it has to offer.
    fn index_file(&self) -> Result<IndexFile>;

    /// What changes when the blob does.
    fn version(&self, descriptor: &Descriptor) -> Result<Version>;

    /// What is where the blob should be, told without reading it.
    fn state(&self, digest: &Digest) -> Result<BlobState>;
}

/// What is where a blob should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobState {
    /// Nothing.
    Missing,
    /// Something that is not read, and why: a folder, a fifo, a link that leads out.
    Unreadable(String),
    /// A file of so many bytes.
    Length(u64),
}

/// The state of a file: its number, length and time of change in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Version {
    inode: u64,
    len: u64,
    changed: (i64, i64),
}

impl Version {
    /// Of a file as it is now.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            len: metadata.len(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// How a blob came to be in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// Its bytes were copied.
    Wrote,
    /// Its file is shared with the source: verified, and not copied.
    Linked,
    /// It was there.
    Existed,
    /// The store had it in another repository, which is named.
    Mounted(String),
}

/// Takes blobs and manifests. What refers to others comes after them.
pub trait BlobStore: Sync {
    /// Whether the blob is there.
    fn has_blob(&self, descriptor: &Descriptor) -> Result<bool>;

    /// Whether the manifest is there; all that it refers to was there when it came.
    fn has_manifest(&self, descriptor: &Descriptor) -> Result<bool>;

    /// Copies a blob that was not there. Its bytes are verified on the way, also where they need not be copied.
    fn put_blob(
        &self,
        descriptor: &Descriptor,
        from: &dyn BlobSource,
        step: &mut dyn Step,
        progress: &dyn Progress,
    ) -> Result<Put>;

    /// Takes a manifest or an index, byte for byte.
    fn put_manifest(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<()>;
}

/// A source with some documents before it that were made just now.
pub struct WithDocuments<'a> {
    source: &'a dyn BlobSource,
    documents: BTreeMap<Digest, Vec<u8>>,
}

impl<'a> WithDocuments<'a> {
    /// `source` as it is.
    #[must_use]
    pub fn new(source: &'a dyn BlobSource) -> Self {
        Self {
            source,
            documents: BTreeMap::new(),
        }
    }

    /// Adds a document that was made.
    pub fn add(&mut self, bytes: Vec<u8>) -> Digest {
        let digest = Digest::of(&bytes);
        self.documents.insert(digest.clone(), bytes);
        digest
    }

    /// Adds a document that was read and verified.
    pub fn keep(&mut self, digest: &Digest, bytes: Vec<u8>) {
        self.documents.insert(digest.clone(), bytes);
    }
}

impl BlobSource for WithDocuments<'_> {
    fn open_from(&self, descriptor: &Descriptor, offset: u64) -> Result<BlobReader<'_>> {
        match self.documents.get(&descriptor.digest) {
            Some(bytes) => Ok(from_offset(bytes, offset)),
            None => self.source.open_from(descriptor, offset),
        }
    }

    fn check(&self, descriptor: &Descriptor) -> Result<()> {
        match self.documents.get(&descriptor.digest) {
            Some(_) => Ok(()),
            None => self.source.check(descriptor),
        }
    }

    fn open(&self, descriptor: &Descriptor) -> Result<BlobReader<'_>> {
        match self.documents.get(&descriptor.digest) {
            Some(bytes) => Ok(from_offset(bytes, 0)),
            None => self.source.open(descriptor),
        }
    }

    fn may_differ(&self) -> bool {
        self.source.may_differ()
    }

    fn file(&self, descriptor: &Descriptor) -> Result<Option<File>> {
        match self.documents.get(&descriptor.digest) {
            Some(_) => Ok(None),
            None => self.source.file(descriptor),
        }
    }

    fn read_manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        match self.documents.get(&descriptor.digest) {
            Some(bytes) => Ok(bytes.clone()),
            None => self.source.read_manifest(descriptor),
        }
    }
}

/// An error unless a blob has the length that its descriptor says.
pub(super) fn check_size(descriptor: &Descriptor, size: u64) -> Result<()> {
    if size == descriptor.size {
        return Ok(());
    }
    Err(Error::damaged(format!(
        "blob {} is {size} bytes long instead of {}",
        descriptor.digest, descriptor.size
    )))
}

/// Bytes in memory from `offset` on.
pub(super) fn from_offset(bytes: &[u8], offset: u64) -> BlobReader<'_> {
    let mut cursor = Cursor::new(bytes);
    cursor.set_position(offset);
    Box::new(cursor)
}
