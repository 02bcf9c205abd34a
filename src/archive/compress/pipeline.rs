//! One producer, some compressors, one writer: blocks leave in the order in which they came.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::block::{Block, BlockWriter};
use super::{Codec, Compression};
use crate::error::{Error, Result, from_io};

/// Writes the uncompressed stream; called once, maybe on another thread.
pub type Produce<'a> = dyn Fn(&mut dyn Write) -> Result<()> + Sync + 'a;

/// The uncompressed side of what was packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packed {
    /// SHA-256 of the uncompressed stream.
    pub diff_id: [u8; 32],
    /// Its length in bytes.
    pub total: u64,
}

/// Compresses what `produce` writes, `total` bytes, into `out`. The bytes do not depend on `threads`.
///
/// Memory: a few blocks for each thread, whatever the length of the stream.
pub fn pack(
    produce: &Produce<'_>,
    total: u64,
    compression: Compression,
    threads: NonZeroUsize,
    out: &mut dyn Write,
) -> Result<Packed> {
    let codec = compression.codec();
    let write_failed = |cause| {
        from_io(cause, |cause| {
            Error::new(crate::error::ErrorKind::Io, "failed to write compressed data").with_source(cause)
        })
    };
    out.write_all(&codec.head(total)).map_err(write_failed)?;
    let mut crc = crc32fast::Hasher::new();
    let mut write = |compressed: &Compressed| {
        crc.combine(&compressed.crc);
        out.write_all(&compressed.bytes).map_err(write_failed)
    };
    let done = match threads.get() {
        1 => on_this_thread(produce, &*codec, &mut write)?,
        threads => on_threads(produce, &*codec, threads, &mut write)?,
    };
    if done.total != total {
        return Err(Error::invalid("its size changed while it was read"));
    }
    out.write_all(&codec.tail(total, &crc)).map_err(write_failed)?;
    Ok(done)
}

struct Compressed {
    bytes: Vec<u8>,
    crc: crc32fast::Hasher,
}

fn compress(codec: &dyn Codec, block: &Block) -> Compressed {
    let mut crc = crc32fast::Hasher::new();
    if codec.wants_crc() {
        crc.update(&block.bytes);
    }
    Compressed {
        bytes: codec.block(&block.bytes, &block.window),
        crc,
    }
}

type WriteBlock<'a> = dyn FnMut(&Compressed) -> Result<()> + 'a;

fn on_this_thread(produce: &Produce<'_>, codec: &dyn Codec, write: &mut WriteBlock<'_>) -> Result<Packed> {
    produce_blocks(produce, codec, |block| Ok(write(&compress(codec, &block))?))
}

/// The producer has a thread, each compressor has one, and this one writes.
fn on_threads(produce: &Produce<'_>, codec: &dyn Codec, threads: usize, write: &mut WriteBlock<'_>) -> Result<Packed> {
    // what bounds the memory: blocks that are waiting, in work, or done and not written yet
    let in_flight = threads + 2;
    let (to_workers, jobs) = sync_channel::<(Block, SyncSender<Compressed>)>(in_flight);
    let (in_order, to_write) = sync_channel::<Receiver<Compressed>>(in_flight);
    let jobs = Mutex::new(jobs);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let job = jobs.lock().map(|jobs| jobs.recv());
                    let Ok(Ok((block, done))) = job else { break };
                    // nobody waits any more after a failure
                    let _ = done.send(compress(codec, &block));
                }
            });
        }
        let producer = scope.spawn(move || {
            produce_blocks(produce, codec, |block| {
                let (done, result) = sync_channel(1);
                let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
                in_order.send(result).map_err(|_| gone())?;
                to_workers.send((block, done)).map_err(|_| gone())
            })
        });
        let written = to_write.iter().try_for_each(|result| match result.recv() {
            Ok(compressed) => write(&compressed),
            Err(_) => Err(Error::new(
                crate::error::ErrorKind::Io,
                "failed to compress: a thread has ended",
            )),
        });
        // the producer ends at its next block when nobody writes any more
        drop(to_write);
        let outcome = producer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        written.and(outcome)
    })
}

/// Runs the producer through a [`BlockWriter`].
pub(super) fn produce_blocks(
    produce: &Produce<'_>,
    codec: &dyn Codec,
    send: impl FnMut(Block) -> io::Result<()>,
) -> Result<Packed> {
    let mut blocks = BlockWriter::new(codec.block_len(), codec.window(), send);
    produce(&mut blocks)?;
    let (diff_id, total) = blocks.finish().map_err(|cause| {
        from_io(cause, |cause| {
            Error::new(crate::error::ErrorKind::Io, "failed to compress").with_source(cause)
        })
    })?;
    Ok(Packed { diff_id, total })
}
