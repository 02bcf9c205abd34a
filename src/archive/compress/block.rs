//! Cuts a stream into blocks of one length and takes its digest on the way.

use std::io::{self, Write};

use crate::archive::hashing::Sha256;

/// A block, and what came before it.
pub(super) struct Block {
    pub(super) bytes: Vec<u8>,
    /// The last bytes before it that its compression may refer to.
    pub(super) window: Vec<u8>,
}

/// Gives each full block to `send`, and the rest at the end.
pub(super) struct BlockWriter<F> {
    block_len: usize,
    window_len: usize,
    bytes: Vec<u8>,
    window: Vec<u8>,
    digest: Sha256,
    total: u64,
    send: F,
}

impl<F: FnMut(Block) -> io::Result<()>> BlockWriter<F> {
    pub(super) fn new(block_len: usize, window_len: usize, send: F) -> Self {
        Self {
            block_len,
            window_len,
            bytes: Vec::with_capacity(block_len),
            window: Vec::new(),
            digest: Sha256::new(),
            total: 0,
            send,
        }
    }

    /// Digest and length of the whole stream.
    pub(super) fn finish(mut self) -> io::Result<([u8; 32], u64)> {
        if !self.bytes.is_empty() {
            self.flush_block()?;
        }
        Ok((self.digest.finish(), self.total))
    }

    fn flush_block(&mut self) -> io::Result<()> {
        self.digest.update(&self.bytes);
        self.total += self.bytes.len() as u64;
        let next_window = self.bytes[self.bytes.len().saturating_sub(self.window_len)..].to_vec();
        let block = Block {
            bytes: std::mem::replace(&mut self.bytes, Vec::with_capacity(self.block_len)),
            window: std::mem::replace(&mut self.window, next_window),
        };
        (self.send)(block)
    }
}

impl<F: FnMut(Block) -> io::Result<()>> Write for BlockWriter<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.block_len - self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..count]);
        if self.bytes.len() == self.block_len {
            self.flush_block()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
