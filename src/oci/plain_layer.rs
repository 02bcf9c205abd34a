//! The layers of an image before compression, each verified against both of its digests.

use std::io::{self, Read};

use super::descriptor::Descriptor;
use super::digest::DiffId;
use super::layer::{LayerContent, is_layer};
use super::opened::OpenedImage;
use super::store::BlobSource;
use super::watched::Watched;
use crate::archive::limit::Limited;
use crate::error::{Error, ErrorKind, Result, from_io};
use crate::progress::Progress;

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
    let watched = Watched::new(source, layer, progress);
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
