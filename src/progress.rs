//! What long work reports while it goes on, and how it is asked to stop.

use crate::error::{Error, ErrorKind, Result};

/// Receives the reports of long work. The library never prints: a terminal is the caller's business.
pub trait Progress: Sync {
    /// A step begins; `total` is the number of bytes it will pass through.
    fn step(&self, name: &str, total: u64) -> Box<dyn Step + '_>;

    /// The sum of several steps; `total` is the number of bytes of all of them.
    fn overall(&self, _name: &str, _total: u64) -> Box<dyn Step + '_> {
        Box::new(Silent)
    }

    /// What only those want to know who look for a fault.
    fn detail(&self, _line: &str) {}

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

    /// `bytes` that have passed will pass again.
    fn rewind(&mut self, _bytes: u64) {}
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

/// A number of bytes with three digits and a decimal unit.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn in_units(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut amount = bytes as f64 / 1000.0;
    let mut unit = 0;
    while amount >= 999.5 && unit + 1 < UNITS.len() {
        amount /= 1000.0;
        unit += 1;
    }
    let decimals = if amount < 9.995 { 2 } else { usize::from(amount < 99.95) };
    format!("{amount:.decimals$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits() {
        let check = |bytes: u64, expected: &str| assert_eq!(in_units(bytes), expected);
        check(0, "0 B");
        check(999, "999 B");
        check(1000, "1.00 kB");
        check(12_345, "12.3 kB");
        check(999_999, "1.00 MB");
        check(123_456_789, "123 MB");
        check(u64::MAX, "18446744 TB");
    }
}
