//! Finds a blob that already holds what would be packed, in the very bytes that packing would give.
//!
//! Costs the digest of the stream and the decompression of the blob, never compression. Nothing that a blob says of itself is
//! trusted: its content is compared with the stream, its begin with what this engine makes of the stream's begin.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

use flate2::bufread::GzDecoder;
use sha2::{Digest, Sha256};

use super::super::span::Span;
use super::block::Block;
use super::mark::Mark;
use super::pipeline::{Packed, Produce, produce_blocks};
use super::{Codec, Compression};
use crate::error::{Error, ErrorKind, Result};

/// A blob that may hold the stream.
#[derive(Debug)]
pub struct Candidate {
    /// SHA-256 that its content must have.
    pub digest: [u8; 32],
    /// The blob; its position is neither used nor moved.
    pub file: Arc<File>,
}

/// A candidate that was compared whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Position in the list of candidates.
    pub candidate: usize,
    /// The uncompressed side.
    pub packed: Packed,
}

/// The mark in a blob of `compression`'s form; for `none`, what any blob of that length would say.
pub fn read_mark(file: &Arc<File>, compression: Compression) -> io::Result<Option<Mark>> {
    let len = file.metadata()?.len();
    let (at, most) = match compression {
        Compression::Gzip(_) => (0, Mark::GZIP_LEN),
        Compression::Zstd(_) => (len.saturating_sub(Mark::ZSTD_LEN as u64), Mark::ZSTD_LEN),
        Compression::None => return Ok(Some(Mark { level: 0, total: len })),
    };
    let mut bytes = Vec::with_capacity(most);
    Span::new(file, at, most as u64).read_to_end(&mut bytes)?;
    Ok(match compression {
        Compression::Gzip(_) => Mark::in_gzip_head(&bytes),
        _ => Mark::in_zstd_tail(&bytes),
    })
}

/// The candidate that holds exactly what [`pack`](super::pack) would write, if one does.
pub fn find_known(
    produce: &Produce<'_>,
    total: u64,
    compression: Compression,
    candidates: Vec<Candidate>,
) -> Result<Option<Known>> {
    let codec = compression.codec();
    let mut rivals: Vec<(usize, Comparison)> = Vec::new();
    for (index, candidate) in candidates.into_iter().enumerate() {
        if let Some(comparison) = Comparison::begin(candidate, compression, &*codec, total)? {
            rivals.push((index, comparison));
        }
    }
    if rivals.is_empty() {
        return Ok(None);
    }
    // as many blocks as the compressor would hold
    let (send, blocks) = sync_channel::<Block>(4);
    let packed = thread::scope(|scope| {
        let codec = &*codec;
        let producer = scope.spawn(move || {
            produce_blocks(produce, codec, |block| {
                send.send(block).map_err(|_| io::ErrorKind::BrokenPipe.into())
            })
        });
        let mut first = true;
        for block in &blocks {
            rivals.retain_mut(|(_, comparison)| comparison.goes_on(&block, codec, first));
            first = false;
            if rivals.is_empty() {
                break;
            }
        }
        drop(blocks);
        let produced = producer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        if rivals.is_empty() {
            Ok(None)
        } else {
            produced.map(Some)
        }
    })?;
    let Some(packed) = packed.filter(|packed| packed.total == total) else {
        return Ok(None);
    };
    Ok(rivals
        .into_iter()
        .find_map(|(candidate, comparison)| comparison.ends_well().then_some(Known { candidate, packed })))
}

/// A candidate that was right so far.
struct Comparison {
    decoder: Decoder,
    digest: [u8; 32],
    /// The blob's first bytes, to compare with the first block as this engine compresses it.
    begin: Vec<u8>,
    head_len: usize,
    buffer: Vec<u8>,
}

enum Decoder {
    Gzip(GzDecoder<BufReader<Hashing>>),
    Zstd(Box<::zstd::stream::read::Decoder<'static, BufReader<Hashing>>>),
    None(BufReader<Hashing>),
}

impl Comparison {
    fn begin(candidate: Candidate, compression: Compression, codec: &dyn Codec, total: u64) -> Result<Option<Self>> {
        let failed = |cause| Error::new(ErrorKind::Io, "failed to read a blob to compare with").with_source(cause);
        let head = codec.head(total);
        let mut begin = Vec::new();
        let most = head.len() + codec.block_len() * 5 / 4 + 4096;
        Span::whole(&candidate.file)
            .take(most as u64)
            .read_to_end(&mut begin)
            .map_err(failed)?;
        if !begin.starts_with(&head) {
            return Ok(None);
        }
        let input = BufReader::with_capacity(128 << 10, Hashing::new(&candidate.file));
        let decoder = match compression {
            Compression::Gzip(_) => Decoder::Gzip(GzDecoder::new(input)),
            Compression::Zstd(_) => match ::zstd::stream::read::Decoder::with_buffer(input) {
                Ok(decoder) => Decoder::Zstd(Box::new(decoder)),
                Err(_) => return Ok(None),
            },
            Compression::None => Decoder::None(input),
        };
        Ok(Some(Self {
            decoder,
            digest: candidate.digest,
            begin,
            head_len: head.len(),
            buffer: Vec::new(),
        }))
    }

    /// Whether the blob's content goes on with `block`.
    fn goes_on(&mut self, block: &Block, codec: &dyn Codec, first: bool) -> bool {
        if first {
            let begin = std::mem::take(&mut self.begin);
            if !begin[self.head_len..].starts_with(&codec.block(&block.bytes, &block.window)) {
                return false;
            }
        }
        self.buffer.resize(block.bytes.len(), 0);
        self.decoder.read_exact(&mut self.buffer).is_ok() && self.buffer == block.bytes
    }

    /// Whether nothing is left, and the blob as a whole has its digest.
    fn ends_well(mut self) -> bool {
        let at_end = matches!(self.decoder.read(&mut [0]), Ok(0));
        let mut input = match self.decoder {
            Decoder::Gzip(decoder) => decoder.into_inner(),
            Decoder::Zstd(decoder) => decoder.finish(),
            Decoder::None(input) => input,
        };
        let nothing_behind = matches!(io::copy(&mut input, &mut io::sink()), Ok(0));
        at_end && nothing_behind && input.into_inner().digest() == self.digest
    }
}

impl Read for Decoder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
            Self::None(input) => input.read(buffer),
        }
    }
}

/// Takes the digest of what is read.
struct Hashing {
    input: Span,
    digest: Sha256,
}

impl Hashing {
    fn new(file: &Arc<File>) -> Self {
        Self {
            input: Span::whole(file),
            digest: Sha256::new(),
        }
    }

    fn digest(self) -> [u8; 32] {
        self.digest.finalize().into()
    }
}

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.digest.update(&buffer[..count]);
        Ok(count)
    }
}
