//! [`Layer`]: a tar in a layout, known by its digest before and after compression.

use std::num::NonZeroUsize;

use super::descriptor::{Descriptor, media_type};
use super::digest::DiffId;
use super::layout::LayoutWriter;
use crate::archive::compress::{self, Compression, Produce};
use crate::error::Result;

/// A layer whose blob is in the layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Where the blob is.
    pub descriptor: Descriptor,
    /// Digest of the tar.
    pub diff_id: DiffId,
}

/// Where the blob of a layer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It was compressed just now.
    Compressed,
    /// It was in the layout already, or another image of this run has it.
    Reused,
}

/// Puts the tar that `produce` writes, `total` bytes long, into `layout`.
///
/// It is not compressed when a blob of the same compression that airpack made is there: see [`compress::find_known`].
pub fn write(
    layout: &LayoutWriter,
    produce: &Produce<'_>,
    total: u64,
    compression: Compression,
    threads: NonZeroUsize,
) -> Result<(Layer, Origin)> {
    let media_type = match compression {
        Compression::Gzip(_) => media_type::LAYER_GZIP,
        Compression::Zstd(_) => media_type::LAYER_ZSTD,
        Compression::None => media_type::LAYER,
    };
    if let Some((digest, size, packed)) = layout.find_known(produce, total, compression)? {
        let layer = Layer {
            descriptor: Descriptor::new(media_type, digest, size),
            diff_id: DiffId::from_sha256(packed.diff_id),
        };
        return Ok((layer, Origin::Reused));
    }
    let mut blob = layout.blob_writer()?;
    let packed = compress::pack(produce, total, compression, threads, &mut blob)?;
    let (digest, size) = layout.stage(blob, compression)?;
    let layer = Layer {
        descriptor: Descriptor::new(media_type, digest, size),
        diff_id: DiffId::from_sha256(packed.diff_id),
    };
    Ok((layer, Origin::Compressed))
}
