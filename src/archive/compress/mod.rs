//! Layers through compression in one pass: the same bytes for every number of threads.
//!
//! The stream is cut into blocks of a fixed size that are compressed apart: gzip blocks with the 32 KiB before them as
//! dictionary in one member, zstd blocks as frames of their own.

mod block;
mod gzip;
mod mark;
mod pipeline;
mod reuse;
mod zstd;

use std::fmt;
use std::str::FromStr;

pub use mark::{ENGINE, Mark};
pub use pipeline::{Packed, Produce, pack};
pub use reuse::{Candidate, Known, find_known, read_mark};

use crate::error::{Error, Result};

/// How a layer is compressed.
///
/// The default level of gzip was chosen by measurement: `docs/compression.md` has the figures, `cargo bench --bench package -- levels` makes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// `gzip[:LEVEL]`, level 1 to 9.
    Gzip(u8),
    /// `zstd[:LEVEL]`, level 1 to 19.
    Zstd(u8),
    /// The tar as it is.
    None,
}

impl Compression {
    /// Level of `gzip` where none is given.
    pub const GZIP_DEFAULT: u8 = 3;
    /// Level of `zstd` where none is given.
    pub const ZSTD_DEFAULT: u8 = 3;

    /// What a blob of this compression says of itself when its content is `total` bytes long.
    #[must_use]
    pub fn mark(self, total: u64) -> Mark {
        let level = match self {
            Self::Gzip(level) | Self::Zstd(level) => level,
            Self::None => 0,
        };
        Mark { level, total }
    }

    fn codec(self) -> Box<dyn Codec> {
        match self {
            Self::Gzip(level) => Box::new(gzip::Gzip { level }),
            Self::Zstd(level) => Box::new(zstd::Zstd { level }),
            Self::None => Box::new(Stored),
        }
    }
}

impl Default for Compression {
    fn default() -> Self {
        Self::Gzip(Self::GZIP_DEFAULT)
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gzip(level) => write!(f, "gzip:{level}"),
            Self::Zstd(level) => write!(f, "zstd:{level}"),
            Self::None => f.write_str("none"),
        }
    }
}

impl FromStr for Compression {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, level) = match text.split_once(':') {
            Some((name, level)) => (name, Some(level)),
            None => (text, None),
        };
        let level_of = |max: u8, default: u8| match level {
            None => Ok(default),
            Some(digits) => digits
                .parse()
                .ok()
                .filter(|level| (1..=max).contains(level))
                .ok_or_else(|| Error::invalid(format!("`{digits}` is no level of {name}: it has 1 to {max}"))),
        };
        match name {
            "gzip" => Ok(Self::Gzip(level_of(9, Self::GZIP_DEFAULT)?)),
            "zstd" => Ok(Self::Zstd(level_of(19, Self::ZSTD_DEFAULT)?)),
            "none" if level.is_none() => Ok(Self::None),
            _ => Err(Error::invalid(format!(
                "`{text}` is no compression: give gzip[:1-9], zstd[:1-19] or none"
            ))),
        }
    }
}

/// One way to compress blocks so that their concatenation, between a head and a tail, is one valid stream.
trait Codec: Sync {
    /// Length of all blocks but the last.
    fn block_len(&self) -> usize;

    /// How many bytes before a block it may refer to.
    fn window(&self) -> usize;

    /// Bytes before the first block, for a stream of `total` bytes.
    fn head(&self, total: u64) -> Vec<u8>;

    /// `block` compressed, given the `window` before it.
    fn block(&self, block: &[u8], window: &[u8]) -> Vec<u8>;

    /// Bytes after the last block.
    fn tail(&self, total: u64, crc: &crc32fast::Hasher) -> Vec<u8>;

    /// Whether [`tail`](Self::tail) needs the checksum.
    fn wants_crc(&self) -> bool {
        false
    }
}

/// No compression.
struct Stored;

impl Codec for Stored {
    fn block_len(&self) -> usize {
        1 << 20
    }

    fn window(&self) -> usize {
        0
    }

    fn head(&self, _total: u64) -> Vec<u8> {
        Vec::new()
    }

    fn block(&self, block: &[u8], _window: &[u8]) -> Vec<u8> {
        block.to_vec()
    }

    fn tail(&self, _total: u64, _crc: &crc32fast::Hasher) -> Vec<u8> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests;
