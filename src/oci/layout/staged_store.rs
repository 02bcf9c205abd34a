//! [`StagedStore`]: takes what comes from another store so that nothing has a name before the commit; files are shared where that is wanted.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::Arc;

use super::super::descriptor::Descriptor;
use super::super::digest::VerifiedReader;
use super::super::store::{BlobSource, BlobStore, Put};
use super::blob_file::Nameless;
use super::writer::LayoutWriter;
use crate::archive::span::Span;
use crate::error::{Error, ErrorKind, Result, from_io};
use crate::progress::{Progress, Step};

/// Readable by everybody, as blobs of a layout are.
const READABLE: u32 = 0o444;
/// What others may write is no blob that stays as it is.
const WRITABLE_BY_OTHERS: u32 = 0o002;
/// Files that wait for the commit, each of them open. More than these get their names at once, and stay when the run fails.
const MAX_OPEN: usize = 256;
/// Bytes that are read at once.
const READ_LEN: usize = 128 << 10;

/// Where a failed run leaves no blob, unless there are very many.
#[derive(Debug)]
pub struct StagedStore<'w> {
    writer: &'w LayoutWriter,
    may_link: bool,
}

impl LayoutWriter {
    /// Takes blobs for the commit to name. With `may_link` a file of another layout is not copied but linked, where that is possible.
    #[must_use]
    pub fn store(&self, may_link: bool) -> StagedStore<'_> {
        StagedStore { writer: self, may_link }
    }
}

impl BlobStore for StagedStore<'_> {
    fn has_blob(&self, descriptor: &Descriptor) -> Result<bool> {
        Ok(self.writer.staging().has(&descriptor.digest) || self.writer.has_blob(descriptor)?)
    }

    fn has_manifest(&self, descriptor: &Descriptor) -> Result<bool> {
        self.has_blob(descriptor)
    }

    fn put_blob(
        &self,
        descriptor: &Descriptor,
        from: &dyn BlobSource,
        step: &mut dyn Step,
        progress: &dyn Progress,
    ) -> Result<Put> {
        let staging = self.writer.staging();
        let (file, put) = self.file_of(descriptor, from, step, progress)?;
        if staging.open_files() < MAX_OPEN {
            staging.keep_file(descriptor.digest.clone(), file);
        } else {
            self.writer.keep(&descriptor.digest, file, progress)?;
            staging.need(&descriptor.digest);
        }
        Ok(put)
    }

    fn put_manifest(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<()> {
        self.writer.put_manifest(descriptor, bytes)
    }
}

impl StagedStore<'_> {
    /// The blob, verified: the source's file, or a copy.
    fn file_of(
        &self,
        descriptor: &Descriptor,
        from: &dyn BlobSource,
        step: &mut dyn Step,
        progress: &dyn Progress,
    ) -> Result<(Nameless, Put)> {
        if self.may_link
            && let Some(file) = from.file(descriptor)?
            && self.can_share(&file)
        {
            let shared = Nameless::shared(file);
            verify(shared.file(), descriptor, step, progress)?;
            return Ok((shared, Put::Linked));
        }
        let copy = self.writer.staging().copy_of(descriptor, from, step, progress)?;
        Ok((copy, Put::Wrote))
    }

    /// Whether a link is worth trying: on one file system, and with the modes that a blob has. The commit copies where it fails.
    fn can_share(&self, file: &File) -> bool {
        let Ok(metadata) = file.metadata() else { return false };
        let here = fs::metadata(self.writer.staging().scratch());
        here.is_ok_and(|here| here.dev() == metadata.dev()) && has_mode_of_blob(&metadata)
    }
}

fn has_mode_of_blob(metadata: &Metadata) -> bool {
    let mode = metadata.permissions().mode();
    mode & READABLE == READABLE && mode & WRITABLE_BY_OTHERS == 0
}

/// Reads the file to its end; an error unless it is the blob.
fn verify(file: &Arc<File>, descriptor: &Descriptor, step: &mut dyn Step, progress: &dyn Progress) -> Result<()> {
    let content = Span::new(file, 0, u64::MAX);
    let mut reader = VerifiedReader::new(content, descriptor.digest.clone(), descriptor.size);
    let mut buffer = vec![0; READ_LEN];
    loop {
        progress.check()?;
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => step.advance(count as u64),
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(from_io(cause, |cause| unread(descriptor, cause))),
        }
    }
}

fn unread(descriptor: &Descriptor, cause: io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("failed to read blob {}", descriptor.digest)).with_source(cause)
}
