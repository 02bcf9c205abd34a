//! zstd (RFC 8878): each block a frame of its own, and the mark in a frame that readers skip.

use super::Codec;
use super::mark::Mark;

pub(super) struct Zstd {
    pub(super) level: u8,
}

impl Codec for Zstd {
    /// Frames share nothing, so they are longer than the blocks of gzip.
    fn block_len(&self) -> usize {
        4 << 20
    }

    fn window(&self) -> usize {
        0
    }

    fn head(&self, _total: u64) -> Vec<u8> {
        Vec::new()
    }

    fn block(&self, block: &[u8], _window: &[u8]) -> Vec<u8> {
        ::zstd::bulk::compress(block, self.level.into()).expect("zstd does not fail in memory")
    }

    /// At the end, since some readers want the magic of a data frame first.
    fn tail(&self, total: u64, _crc: &crc32fast::Hasher) -> Vec<u8> {
        Mark {
            level: self.level,
            total,
        }
        .zstd_frame()
    }
}
