//! What long work reports while it goes on, and how it is asked to stop.

use crate::error::{Error, ErrorKind, Result};

/// Receives the reports of long work. The library never prints: a terminal is the caller's business.
pub trait Progress: Sync {
    /// A step begins; `total` is the number of bytes it will pass through.
    fn step(&self, name: &str, total: u64) -> Box<dyn Step + '_>;

    /// A part of the work is done, with this result.
    fn done(&self, summary: &str);

    /// Whether the work should end as soon as it can, leaving nothing half done.
    fn stop_requested(&self) -> bool {
        false
    }

    /// An [`ErrorKind::Stopped`] error once a stop was requested.
    fn check(&self) -> Result<()> {
        if self.stop_requested() {
            return Err(Error::new(ErrorKind::Stopped, "stopped before the work was done"));
        }
        Ok(())
    }
}

/// One step of the work, which ends when this is dropped.
pub trait Step: Send {
    /// `bytes` more have passed.
    fn advance(&mut self, bytes: u64);
}

/// Reports nothing and never stops.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _name: &str, _total: u64) -> Box<dyn Step + '_> {
        Box::new(Self)
    }

    fn done(&self, _summary: &str) {}
}

impl Step for Silent {
    fn advance(&mut self, _bytes: u64) {}
}
