//! Finds a blob that already holds what would be packed, as this engine packs it.
//!
//! Costs the digest of the stream and the decompression of the blob, never compression. Nothing that a blob says of itself is
//! trusted: its content is compared with the stream, its first and last block with what this engine makes of
//! the stream's. That the blocks between come from this engine too is not proved: their content is.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

use flate2::bufread::GzDecoder;

use super::super::hashing::Hashing;
use super::super::span::Span;
use super::Compression;
use super::block::Block;
use super::mark::Mark;
use super::pipeline::{Packed, Produce, produce_blocks};
use crate::error::Result;

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
    candidates: &[Candidate],
) -> Result<Option<Known>> {
    let codec = compression.codec();
    let head = codec.head(total);
    let head_len = head.len() as u64;
    let mut rivals: Vec<(usize, Comparison)> = candidates
        .iter()
        .enumerate()
        .filter_map(|(index, candidate)| Some((index, Comparison::begin(candidate, compression, &head)?)))
        .collect();
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
        let mut last = None;
        let mut crc = crc32fast::Hasher::new();
        let mut buffer = Vec::new();
        for block in &blocks {
            if last.is_none() {
                let begin = codec.block(&block.bytes, &block.window);
                rivals.retain(|(_, comparison)| holds_at(&comparison.file, head_len, &begin));
            }
            rivals.retain_mut(|(_, comparison)| comparison.goes_on(&block.bytes, &mut buffer));
            if rivals.is_empty() {
                break;
            }
            if codec.wants_crc() {
                crc.update(&block.bytes);
            }
            last = Some(block);
        }
        let end = last
            .map(|block| codec.block(&block.bytes, &block.window))
            .unwrap_or_default();
        let end = [end, codec.tail(total, &crc)].concat();
        rivals.retain(|(_, comparison)| comparison.ends_with(&end));
        drop(blocks);
        let outcome = producer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        if rivals.is_empty() { Ok(None) } else { outcome.map(Some) }
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
    file: Arc<File>,
    decoder: Decoder,
    digest: [u8; 32],
}

enum Decoder {
    Gzip(Box<GzDecoder<BufReader<Hashing<Span>>>>),
    Zstd(Box<::zstd::stream::read::Decoder<'static, BufReader<Hashing<Span>>>>),
    None(Box<BufReader<Hashing<Span>>>),
}

impl Comparison {
    /// `None` for a blob that does not begin with `head`.
    fn begin(candidate: &Candidate, compression: Compression, head: &[u8]) -> Option<Self> {
        if !holds_at(&candidate.file, 0, head) {
            return None;
        }
        let input = BufReader::with_capacity(128 << 10, Hashing::new(Span::whole(&candidate.file)));
        let decoder = match compression {
            Compression::Gzip(_) => Decoder::Gzip(Box::new(GzDecoder::new(input))),
            Compression::Zstd(_) => match ::zstd::stream::read::Decoder::with_buffer(input) {
                Ok(decoder) => Decoder::Zstd(Box::new(decoder)),
                Err(_) => return None,
            },
            Compression::None => Decoder::None(Box::new(input)),
        };
        Some(Self {
            file: Arc::clone(&candidate.file),
            decoder,
            digest: candidate.digest,
        })
    }

    /// Whether the blob's content goes on with `block`.
    fn goes_on(&mut self, block: &[u8], buffer: &mut Vec<u8>) -> bool {
        buffer.resize(block.len(), 0);
        self.decoder.read_exact(buffer).is_ok() && buffer == block
    }

    /// Whether the blob's last bytes are these.
    fn ends_with(&self, end: &[u8]) -> bool {
        let size = self.file.metadata().map_or(0, |metadata| metadata.len());
        holds_at(&self.file, size.saturating_sub(end.len() as u64), end)
    }

    /// Whether nothing is left, and the blob as a whole has its digest.
    fn ends_well(mut self) -> bool {
        let at_end = matches!(self.decoder.read(&mut [0]), Ok(0));
        let mut input = match self.decoder {
            Decoder::Gzip(decoder) => decoder.into_inner(),
            Decoder::Zstd(decoder) => decoder.finish(),
            Decoder::None(input) => *input,
        };
        let nothing_behind = matches!(io::copy(&mut input, &mut io::sink()), Ok(0));
        at_end && nothing_behind && input.into_inner().digest() == self.digest
    }
}

/// Whether `file` has exactly `expected` at `offset`.
fn holds_at(file: &Arc<File>, offset: u64, expected: &[u8]) -> bool {
    let mut found = Vec::with_capacity(expected.len());
    let read = Span::new(file, offset, expected.len() as u64).read_to_end(&mut found);
    read.is_ok() && found == expected
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
