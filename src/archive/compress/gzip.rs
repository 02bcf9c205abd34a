//! gzip (RFC 1952) from blocks of deflate (RFC 1951) that were compressed apart.

use flate2::{Compress, Compression, FlushCompress};

use super::Codec;
use super::mark::Mark;

/// Deflate's window.
const WINDOW: usize = 32 << 10;
/// The longest stored block of deflate.
const STORED_MAX: usize = u16::MAX as usize;

pub(super) struct Gzip {
    pub(super) level: u8,
}

impl Codec for Gzip {
    fn block_len(&self) -> usize {
        1 << 20
    }

    fn window(&self) -> usize {
        WINDOW
    }

    /// No name, no time, operating system unknown; the mark is in the extra field.
    fn head(&self, total: u64) -> Vec<u8> {
        let mark = Mark {
            level: self.level,
            total,
        };
        [&[0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255][..], &mark.gzip_extra()].concat()
    }

    fn block(&self, block: &[u8], window: &[u8]) -> Vec<u8> {
        if is_incompressible(block) {
            stored(block)
        } else {
            deflated(block, window, self.level)
        }
    }

    /// An empty last block, the checksum, the length modulo 2^32.
    #[expect(clippy::cast_possible_truncation, reason = "ISIZE is defined modulo 2^32")]
    fn tail(&self, total: u64, crc: &crc32fast::Hasher) -> Vec<u8> {
        let crc = crc.clone().finalize().to_le_bytes();
        [&[3, 0][..], &crc, &(total as u32).to_le_bytes()].concat()
    }

    fn wants_crc(&self) -> bool {
        true
    }
}

/// A fresh compressor for each block and one call with room for everything: a reused one, or other write sizes, give other bytes.
fn deflated(block: &[u8], window: &[u8], level: u8) -> Vec<u8> {
    let mut compress = Compress::new(Compression::new(level.into()), false);
    if !window.is_empty() {
        compress
            .set_dictionary(window)
            .expect("a fresh raw deflate stream takes a dictionary");
    }
    let mut out = vec![0; block.len() * 5 / 4 + 4096];
    compress
        .compress(block, &mut out, FlushCompress::Sync)
        .expect("deflate does not fail in memory");
    let written = usize::try_from(compress.total_out()).unwrap_or(usize::MAX);
    assert!(
        compress.total_in() == block.len() as u64 && written < out.len(),
        "one call must take the whole block"
    );
    out.truncate(written);
    out.shrink_to_fit();
    out
}

/// Blocks of deflate that hold the bytes as they are; each begins and ends at a byte.
fn stored(block: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(block.len() + block.len() / STORED_MAX * 5 + 5);
    for part in block.chunks(STORED_MAX) {
        let len = u16::try_from(part.len()).unwrap_or(u16::MAX);
        out.push(0);
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&(!len).to_le_bytes());
        out.extend_from_slice(part);
    }
    out
}

/// Samples that a quick look takes from a block, spread evenly.
const SAMPLES: usize = 16;
const SAMPLE_LEN: usize = 4096;
/// The sum of the squared counts of a sample's bytes: 69 600 for random bytes (standard deviation 360), up to 72 000 for
/// compressed files, over 150 000 for machine code and text. In whole numbers, so that every machine decides alike.
const EVEN_SPREAD: u32 = 75_000;
/// Length of the piece that is compressed to see repetitions, which the spread does not show.
const TRIAL_LEN: usize = 32 << 10;

/// Whether deflate would gain nothing worth its time: told from samples of the content, and nothing else.
fn is_incompressible(block: &[u8]) -> bool {
    if block.len() < SAMPLES * SAMPLE_LEN {
        return false;
    }
    let step = (block.len() - SAMPLE_LEN) / (SAMPLES - 1);
    let random = (0..SAMPLES).all(|sample| unevenness(&block[sample * step..][..SAMPLE_LEN]) < EVEN_SPREAD);
    random && {
        let middle = (block.len() - TRIAL_LEN) / 2;
        deflated(&block[middle..][..TRIAL_LEN], &[], 1).len() > TRIAL_LEN / 64 * 63
    }
}

/// How unevenly the values of bytes are spread over `sample`.
fn unevenness(sample: &[u8]) -> u32 {
    let mut counts = [0_u32; 256];
    for &byte in sample {
        counts[usize::from(byte)] += 1;
    }
    counts.iter().map(|&count| count * count).sum()
}

#[cfg(test)]
pub(super) fn looks_incompressible(block: &[u8]) -> bool {
    is_incompressible(block)
}
