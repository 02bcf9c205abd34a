//! [`Layer`]: a tar in a layout, known by its digest before and after compression.

use std::io::{BufRead, BufReader, Read};
use std::num::NonZeroUsize;

use flate2::bufread::MultiGzDecoder;

use super::descriptor::{Descriptor, media_type};
use super::digest::DiffId;
use super::layout::LayoutWriter;
use super::store::{BlobReader, BlobSource};
use crate::archive::compress::{self, Compression, Produce};
use crate::archive::entry::Entry;
use crate::archive::hashing::Hashing;
use crate::archive::tar_read::TarReader;
use crate::error::{Error, Result, from_io};

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

/// The entries of a layer, and its digest before compression; `None` for a blob that is no layer by its media type.
///
/// The whole blob is read and verified.
pub fn read_entries(source: &dyn BlobSource, layer: &Descriptor) -> Result<Option<(Vec<Entry>, DiffId)>> {
    let in_blob = |error: Error| error.context(format!("failed to read layer {}", layer.digest));
    let mut blob = BufReader::with_capacity(128 << 10, source.open(layer)?);
    if !is_layer(&layer.media_type) {
        std::io::copy(&mut blob, &mut std::io::sink())
            .map_err(unreadable)
            .map_err(in_blob)?;
        return Ok(None);
    }
    read_tar(blob).map(Some).map_err(in_blob)
}

fn is_layer(media_type: &str) -> bool {
    media_type.starts_with("application/vnd.oci.image.layer.")
        || media_type.starts_with("application/vnd.docker.image.rootfs.")
}

/// The compression is told from the first bytes: media types have been wrong before.
fn read_tar(mut blob: BufReader<BlobReader<'_>>) -> Result<(Vec<Entry>, DiffId)> {
    let start = blob.fill_buf().map_err(unreadable)?;
    let content: Box<dyn Read + '_> = match start {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(blob)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            Box::new(zstd::Decoder::with_buffer(blob).map_err(unreadable)?)
        }
        _ => Box::new(blob),
    };
    let mut hashing = Hashing::new(content);
    let mut entries = Vec::new();
    let mut tar = TarReader::new(&mut hashing);
    while let Some(found) = tar.next_entry()? {
        entries.push(found.entry);
    }
    std::io::copy(&mut hashing, &mut std::io::sink()).map_err(unreadable)?;
    Ok((entries, DiffId::from_sha256(hashing.digest())))
}

fn unreadable(cause: std::io::Error) -> Error {
    from_io(cause, |cause| {
        Error::damaged("its content can not be read").with_source(cause)
    })
}
