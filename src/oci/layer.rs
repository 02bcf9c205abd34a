//! [`Layer`]: a tar in a layout, known by its digest before and after compression.

use std::io::{BufRead, BufReader, Read};
use std::num::NonZeroUsize;

use flate2::bufread::MultiGzDecoder;

use super::descriptor::{Descriptor, media_type};
use super::digest::DiffId;
use super::layout::{Staging, Taken};
use super::store::BlobSource;
use crate::archive::compress::{self, Compression, Produce};
use crate::archive::entry::Entry;
use crate::archive::hashing::Hashing;
use crate::archive::tar_read::TarReader;
use crate::error::{Error, Result, from_io};
use crate::progress::Progress;

/// A layer whose blob is in the layout, or was gathered for it.
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
    /// It was copied from another store.
    Copied,
}

/// The layer, where a blob that airpack made of the same tar is there: see [`compress::find_known`].
pub fn find(staging: &Staging, produce: &Produce<'_>, total: u64, compression: Compression) -> Result<Option<Layer>> {
    let known = staging.find_known(produce, total, compression)?;
    Ok(known.map(|(digest, size, packed)| Layer {
        descriptor: Descriptor::new(media_type_of(compression), digest, size),
        diff_id: DiffId::from_sha256(packed.diff_id),
    }))
}

fn media_type_of(compression: Compression) -> &'static str {
    match compression {
        Compression::Gzip(_) => media_type::LAYER_GZIP,
        Compression::Zstd(_) => media_type::LAYER_ZSTD,
        Compression::None => media_type::LAYER,
    }
}

/// Puts the tar that `produce` writes, `total` bytes long, into `staging`. It is not compressed where it can be found.
pub fn write(
    staging: &Staging,
    produce: &Produce<'_>,
    total: u64,
    compression: Compression,
    threads: NonZeroUsize,
) -> Result<(Layer, Origin)> {
    if let Some(layer) = find(staging, produce, total, compression)? {
        return Ok((layer, Origin::Reused));
    }
    let mut blob = staging.blob_writer()?;
    let packed = compress::pack(produce, total, compression, threads, &mut blob)?;
    let (digest, size) = staging.stage(blob, compression)?;
    let layer = Layer {
        descriptor: Descriptor::new(media_type_of(compression), digest, size),
        diff_id: DiffId::from_sha256(packed.diff_id),
    };
    Ok((layer, Origin::Compressed))
}

/// The entries of a layer, and its digest before compression; `None` for a blob that is no layer by its media type.
///
/// The whole blob is read and verified.
pub fn read_entries(source: &dyn BlobSource, layer: &Descriptor) -> Result<Option<(Vec<Entry>, DiffId)>> {
    let in_blob = |error: Error| error.context(format!("failed to read layer {}", layer.digest));
    if !is_layer(&layer.media_type) {
        let mut blob = source.open(layer)?;
        std::io::copy(&mut blob, &mut std::io::sink())
            .map_err(unreadable)
            .map_err(in_blob)?;
        return Ok(None);
    }
    let read = || {
        let mut content = LayerContent::open(source, layer)?;
        let mut entries = Vec::new();
        let mut tar = TarReader::new(&mut content);
        while let Some(found) = tar.next_entry()? {
            entries.push(found.entry);
        }
        Ok((entries, content.finish()?.0))
    };
    read().map(Some).map_err(in_blob)
}

/// Whether this is the media type of a layer.
#[must_use]
pub fn is_layer(media_type: &str) -> bool {
    let is_of_image = media_type.starts_with("application/vnd.oci.image.layer.")
        || media_type.starts_with("application/vnd.docker.image.rootfs.");
    // what stands behind that, as for encryption, makes it something else
    let forms = [".tar", ".tar+gzip", ".tar+zstd", ".tar.gzip", ".tar.zstd"];
    is_of_image && forms.iter().any(|form| media_type.ends_with(form))
}

/// The tar of a layer, read from its blob, which is verified on the way.
pub struct LayerContent<'a> {
    tar: Tar<'a>,
    passed: u64,
    /// The media type that fits the compression, which is told from the first bytes: media types have been wrong before.
    pub media_type: &'static str,
}

enum Tar<'a> {
    /// Unpacked on the way.
    Unpacked(Hashing<Box<dyn Read + 'a>>),
    /// The blob itself: who has verified its digest knows that of the tar.
    Plain(Box<dyn Read + 'a>, DiffId),
}

impl<'a> LayerContent<'a> {
    /// Opens the blob of `layer`.
    pub fn open(source: &'a dyn BlobSource, layer: &Descriptor) -> Result<Self> {
        let mut blob = BufReader::with_capacity(128 << 10, source.open(layer)?);
        let start = blob.fill_buf().map_err(unreadable)?;
        let (content, media_type): (Box<dyn Read + 'a>, _) = match start {
            [0x1f, 0x8b, ..] => (Box::new(MultiGzDecoder::new(blob)), media_type::LAYER_GZIP),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
                let decoder = zstd::Decoder::with_buffer(blob).map_err(unreadable)?;
                (Box::new(decoder), media_type::LAYER_ZSTD)
            }
            _ => (Box::new(blob), media_type::LAYER),
        };
        let tar = match layer.digest.sha256() {
            Some(digest) if media_type == media_type::LAYER => Tar::Plain(content, DiffId::from_sha256(digest)),
            _ => Tar::Unpacked(Hashing::new(content)),
        };
        Ok(Self {
            tar,
            passed: 0,
            media_type,
        })
    }

    /// Reads what is left, and tells the digest of all and its length.
    pub fn finish(mut self) -> Result<(DiffId, u64)> {
        std::io::copy(&mut self, &mut std::io::sink()).map_err(unreadable)?;
        let diff_id = match self.tar {
            Tar::Unpacked(hashing) => DiffId::from_sha256(hashing.digest()),
            Tar::Plain(_, diff_id) => diff_id,
        };
        Ok((diff_id, self.passed))
    }
}

impl Read for LayerContent<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = match &mut self.tar {
            Tar::Unpacked(hashing) => hashing.read(buffer),
            Tar::Plain(blob, _) => blob.read(buffer),
        }?;
        self.passed += count as u64;
        Ok(count)
    }
}

fn unreadable(cause: std::io::Error) -> Error {
    from_io(cause, |cause| {
        Error::damaged("its content can not be read").with_source(cause)
    })
}

/// Gathers the blob of a layer of another store as it is.
pub fn take(staging: &Staging, source: &dyn BlobSource, layer: &Layer, progress: &dyn Progress) -> Result<Origin> {
    let mut step = progress.step(&layer.descriptor.digest.short(), layer.descriptor.size);
    Ok(match staging.take(&layer.descriptor, source, &mut *step, progress)? {
        Taken::Copied => Origin::Copied,
        Taken::Existed => Origin::Reused,
    })
}

/// Gathers a layer that an image stands on, of any media type that layers had; the copy has the one of OCI that fits its compression.
///
/// That it unpacks to `diff_id` is not looked at: the image below says so, and is taken as it is.
pub fn take_below(
    staging: &Staging,
    source: &dyn BlobSource,
    found: &Descriptor,
    diff_id: &DiffId,
    progress: &dyn Progress,
) -> Result<Layer> {
    if !is_layer(&found.media_type) {
        return Err(Error::invalid(format!(
            "layer {} of the image below has media type `{}`, which is that of no layer",
            found.digest, found.media_type
        )));
    }
    let media_type = LayerContent::open(source, found)?.media_type;
    let layer = Layer {
        descriptor: Descriptor {
            media_type: media_type.to_owned(),
            ..found.clone()
        },
        diff_id: diff_id.clone(),
    };
    take(staging, source, &layer, progress)?;
    Ok(layer)
}
