//! [`Expansion`]: how far compressed input may grow before it counts as a bomb.

use std::io::{self, Read};

use crate::error::Error;

/// Any input may grow to this many bytes.
const FLOOR: u64 = 256 << 20;
/// Beyond [`FLOOR`], at most this many times its compressed size. Text reaches 10, logs 50, deflate's own limit is 1032.
const RATIO: u64 = 200;
/// Members of one archive; each takes memory.
pub(crate) const MAX_ENTRIES: usize = 1_000_000;

/// Counts bytes that come out of a compressed input of known size.
#[derive(Debug)]
pub(crate) struct Expansion {
    left: u64,
    limit: u64,
}

impl Expansion {
    /// For an input of `compressed` bytes.
    pub(crate) fn of(compressed: u64) -> Self {
        let limit = compressed.saturating_mul(RATIO).max(FLOOR);
        Self { left: limit, limit }
    }

    /// An error when `bytes` are too many already.
    pub(crate) fn foresee(&self, bytes: u64) -> Result<(), Error> {
        if bytes > self.left { Err(self.bomb()) } else { Ok(()) }
    }

    fn bomb(&self) -> Error {
        Error::invalid(format!(
            "its content grows beyond {} MiB, over {RATIO} times its size: this looks like a decompression bomb",
            self.limit >> 20
        ))
        .with_hint("if it is none, unpack it and give the folder instead")
    }

    /// Takes `bytes` more; an error when that is too many.
    pub(crate) fn grow(&mut self, bytes: u64) -> Result<(), Error> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(self.bomb()),
        }
    }
}

/// Reads from `inner` until the limit is passed.
pub(crate) struct Limited<R> {
    inner: R,
    expansion: Expansion,
}

impl<R: Read> Limited<R> {
    pub(crate) fn new(inner: R, compressed: u64) -> Self {
        Self {
            inner,
            expansion: Expansion::of(compressed),
        }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.expansion.grow(count as u64)?;
        Ok(count)
    }
}
