//! [`Span`]: a part of a file, read without the file's position, so that many can read it at once.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Reads `left` bytes of a file from `offset` on.
#[derive(Debug, Clone)]
pub struct Span {
    file: Arc<File>,
    offset: u64,
    left: u64,
}

impl Span {
    /// The bytes `offset..offset + len`; fewer where the file ends before.
    #[must_use]
    pub fn new(file: &Arc<File>, offset: u64, len: u64) -> Self {
        Self {
            file: Arc::clone(file),
            offset,
            left: len,
        }
    }

    /// All of the file.
    #[must_use]
    pub fn whole(file: &Arc<File>) -> Self {
        Self::new(file, 0, u64::MAX)
    }
}

impl Read for Span {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.read_at(&mut buffer[..most], self.offset)?;
        self.offset += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}
