//! The moments that are written into archives and images; the machine's clock is none of them.

use crate::error::{Error, Result};

/// 1980-01-01T00:00:01Z in seconds since the epoch: the time of everything that pack writes, and airpack too.
pub const NORMALIZED: u64 = 315_532_801;

/// A moment in seconds since the epoch, at most the year 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `seconds` after the epoch; an error beyond the year 9999, which RFC 3339 can not write.
    pub fn from_seconds(seconds: u64) -> Result<Self> {
        i64::try_from(seconds)
            .ok()
            .filter(|&seconds| jiff::Timestamp::from_second(seconds).is_ok())
            .map(Self)
            .ok_or_else(|| Error::invalid(format!("{seconds} seconds since 1970 lie beyond the year 9999")))
    }

    /// As RFC 3339 in UTC: `1980-01-01T00:00:01Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        jiff::Timestamp::from_second(self.0).map_or_else(|_| String::new(), |moment| moment.to_string())
    }
}

impl Default for Timestamp {
    fn default() -> Self {
        Self(NORMALIZED.cast_signed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_rfc_3339_and_refuses_what_it_cannot_write() {
        assert_eq!(Timestamp::default().rfc3339(), "1980-01-01T00:00:01Z");
        assert_eq!(
            Timestamp::from_seconds(0).map(Timestamp::rfc3339).ok().as_deref(),
            Some("1970-01-01T00:00:00Z")
        );
        assert!(Timestamp::from_seconds(253_402_300_800).is_err());
        assert!(Timestamp::from_seconds(u64::MAX).is_err());
    }
}
