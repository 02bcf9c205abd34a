//! [`BlobSource`]: where blobs are read from, whatever holds them.

use std::io::Read;

use super::descriptor::Descriptor;
use crate::error::{Error, Result, from_io};

/// The most that is read of a manifest, an index or a config; registries stop at 4 MiB.
const MAX_DOCUMENT: u64 = 16 << 20;

/// Gives blobs by their descriptor.
pub trait BlobSource {
    /// The blob from its begin; reading it to the end fails unless digest and size are right.
    fn open(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + '_>>;

    /// The whole of a small blob, verified.
    fn read(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        if descriptor.size > MAX_DOCUMENT {
            return Err(Error::damaged(format!(
                "blob {} is said to be {} bytes long, which no manifest or config is",
                descriptor.digest, descriptor.size
            )));
        }
        let mut bytes = Vec::new();
        self.open(descriptor)?.read_to_end(&mut bytes).map_err(|cause| {
            from_io(cause, |cause| {
                Error::damaged(format!("failed to read blob {}", descriptor.digest)).with_source(cause)
            })
        })?;
        Ok(bytes)
    }
}
