//! [`LayerTar`]: a layer that is known before it is written.

use std::fmt::Debug;
use std::io::Write;
use std::sync::Arc;

use super::packaged_layer::PackagedLayer;
use crate::archive::entry::{Entry, EntryKind};
use crate::archive::tar_write::{END, TarWriter, entry_len};
use crate::error::{Error, ErrorKind, Result, from_io};
use crate::progress::{Progress, Step};

/// The tar of a layer; it can be written several times, with the same bytes each time.
pub trait LayerTar: Debug + Send + Sync {
    /// Length of the tar in bytes.
    fn total(&self) -> u64;

    /// Writes the tar.
    fn write(&self, progress: &dyn Progress, step: &mut dyn Step, out: &mut dyn Write) -> Result<()>;
}

/// How a layer comes about.
#[derive(Debug)]
pub enum LayerContent {
    /// It is taken from another image as it is.
    Taken(Arc<PackagedLayer>),
    /// It is written and compressed.
    Written(Box<dyn LayerTar>),
}

impl LayerContent {
    /// Length before compression in bytes.
    #[must_use]
    pub fn uncompressed(&self) -> u64 {
        match self {
            Self::Taken(taken) => taken.uncompressed,
            Self::Written(written) => written.total(),
        }
    }
}

/// A layer of folders and small files.
#[derive(Debug, Clone, Default)]
pub struct SmallLayer {
    entries: Vec<(Entry, Vec<u8>)>,
}

impl SmallLayer {
    /// Adds an entry without content.
    pub fn add(&mut self, entry: Entry) {
        self.entries.push((entry, Vec::new()));
    }

    /// Adds a file; the size in `entry` is set to that of `content`.
    pub fn add_file(&mut self, mut entry: Entry, content: &[u8]) {
        entry.kind = EntryKind::File {
            size: content.len() as u64,
        };
        self.entries.push((entry, content.to_vec()));
    }
}

impl LayerTar for SmallLayer {
    fn total(&self) -> u64 {
        self.entries.iter().map(|(entry, _)| entry_len(entry)).sum::<u64>() + END.len() as u64
    }

    fn write(&self, progress: &dyn Progress, step: &mut dyn Step, out: &mut dyn Write) -> Result<()> {
        let mut tar = TarWriter::new(out);
        for (entry, content) in &self.entries {
            progress.check()?;
            tar.file(entry, &mut &content[..]).map_err(not_written)?;
            step.advance(content.len() as u64);
        }
        tar.finish().map(drop).map_err(not_written)
    }
}

/// The error for a layer that can not be written.
pub(super) fn not_written(cause: std::io::Error) -> Error {
    from_io(cause, |cause| {
        Error::new(ErrorKind::Io, "failed to write the layer").with_source(cause)
    })
}
