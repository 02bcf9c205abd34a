//! The layers of an image before compression, each verified against both of its digests.

use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

use super::descriptor::Descriptor;
use super::digest::DiffId;
use super::layer::{LayerContent, is_layer};
use super::opened::OpenedImage;
use super::store::{BlobReader, BlobSource};
use crate::archive::limit::Limited;
use crate::error::{Error, ErrorKind, Result, from_io};
use crate::progress::{Progress, Step};

/// What a layer turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plain {
    /// Length of the tar.
    pub size: u64,
    /// The media type that fits the compression of the blob.
    pub media_type: &'static str,
}

/// Lets `read` have the tar of a layer, then reads what is left. What `read` did counts only when this gives no error: the digests
/// are known at the end.
pub fn read<T>(
    source: &dyn BlobSource,
    layer: &Descriptor,
    diff_id: &DiffId,
    progress: &dyn Progress,
    read: impl FnOnce(&mut dyn Read) -> Result<T>,
) -> Result<(T, Plain)> {
    let in_layer = |error: Error| error.context(format!("failed to read layer {}", layer.digest));
    if !is_layer(&layer.media_type) {
        let message = format!("its media type is {}, which is no layer to unpack", layer.media_type);
        return Err(in_layer(Error::new(ErrorKind::Unsupported, message)));
    }
    let watched = Watched {
        source,
        progress,
        step: Mutex::new(progress.step(&layer.digest.to_string(), layer.size)),
    };
    let through = || {
        let mut content = LayerContent::open(&watched, layer)?;
        let media_type = content.media_type;
        let mut limited = Limited::new(&mut content, layer.size);
        let outcome = read(&mut limited)?;
        io::copy(&mut limited, &mut io::sink()).map_err(|cause| {
            from_io(cause, |cause| {
                Error::damaged("its content can not be read").with_source(cause)
            })
        })?;
        let (found, size) = content.finish()?;
        if found != *diff_id {
            return Err(Error::damaged(format!(
                "its content has the digest {found}, and not {diff_id} as the config says"
            )));
        }
        Ok((outcome, Plain { size, media_type }))
    };
    through().map_err(in_layer)
}

/// Reads all layers of an image; what is found out about each, the lowest first.
pub fn check(source: &dyn BlobSource, image: &OpenedImage, progress: &dyn Progress) -> Result<Vec<Plain>> {
    let layers = image.manifest.layers.iter().zip(&image.config.rootfs.diff_ids);
    layers
        .into_iter()
        .map(|(layer, diff_id)| Ok(read(source, layer, diff_id, progress, |_| Ok(()))?.1))
        .collect()
}

/// A source whose readers tell how far they are, and stop when they are asked to.
struct Watched<'a> {
    source: &'a dyn BlobSource,
    progress: &'a dyn Progress,
    step: Mutex<Box<dyn Step + 'a>>,
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
