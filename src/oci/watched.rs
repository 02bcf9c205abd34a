//! [`Watched`]: a source whose readers tell how far they are, and stop when they are asked to.

use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

use super::descriptor::Descriptor;
use super::store::{BlobReader, BlobSource};
use crate::error::Result;
use crate::progress::{Progress, Step};

/// Reads one blob under the eyes of a [`Progress`].
pub(super) struct Watched<'a> {
    source: &'a dyn BlobSource,
    progress: &'a dyn Progress,
    step: Mutex<Box<dyn Step + 'a>>,
}

impl<'a> Watched<'a> {
    /// For reading `blob`.
    pub(super) fn new(source: &'a dyn BlobSource, blob: &Descriptor, progress: &'a dyn Progress) -> Self {
        Self {
            source,
            progress,
            step: Mutex::new(progress.step(&blob.digest.short(), blob.size)),
        }
    }
}

impl BlobSource for Watched<'_> {
    fn open_from(&self, descriptor: &Descriptor, offset: u64) -> Result<BlobReader<'_>> {
        Ok(Box::new(WatchedReader {
            inner: self.source.open_from(descriptor, offset)?,
            watched: self,
        }))
    }
}

struct WatchedReader<'a, 's> {
    inner: BlobReader<'a>,
    watched: &'a Watched<'s>,
}

impl Read for WatchedReader<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.watched.progress.check()?;
        let count = self.inner.read(buffer)?;
        let mut step = self.watched.step.lock().unwrap_or_else(PoisonError::into_inner);
        step.advance(count as u64);
        Ok(count)
    }
}
