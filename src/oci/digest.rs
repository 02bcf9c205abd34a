//! [`Digest`] and [`DiffId`]: the names of content, checked when they come in.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha512};

use crate::archive::hashing::Sha256;
use crate::error::{Error, Result};

/// The digest of a blob: `sha256:` or `sha512:` and lower-case hex (OCI image spec, descriptor).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest {
    algorithm: Algorithm,
    hex: String,
}

/// The digest of a layer before compression. Never the name of a blob, unless the blob is not compressed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DiffId(Digest);

/// The registered algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Algorithm {
    Sha256,
    Sha512,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    fn hex_len(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

impl Digest {
    /// The SHA-256 of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_sha256(Sha256::of(bytes))
    }

    /// An error unless `bytes` have this digest.
    pub fn check(&self, bytes: &[u8]) -> Result<()> {
        let mut verification = Verification::new(self.clone(), bytes.len() as u64);
        verification.update(bytes)?;
        verification.finish()
    }

    /// A SHA-256 that was taken elsewhere.
    #[must_use]
    pub fn from_sha256(digest: [u8; 32]) -> Self {
        Self {
            algorithm: Algorithm::Sha256,
            hex: hex::encode(digest),
        }
    }

    /// The 32 bytes of a SHA-256; `None` for another algorithm.
    #[must_use]
    pub fn sha256(&self) -> Option<[u8; 32]> {
        hex::decode(&self.hex).ok()?.try_into().ok()
    }

    /// `sha256` or `sha512`: the folder below `blobs/`.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        self.algorithm.name()
    }

    /// As people tell two of them apart: the algorithm and 12 digits.
    #[must_use]
    pub fn short(&self) -> String {
        format!("{}:{}", self.algorithm(), &self.hex[..12])
    }

    /// The part after the colon: the file below that folder.
    #[must_use]
    pub fn hex(&self) -> &str {
        &self.hex
    }
}

impl DiffId {
    /// A SHA-256 of an uncompressed layer.
    #[must_use]
    pub fn from_sha256(digest: [u8; 32]) -> Self {
        Self(Digest::from_sha256(digest))
    }

    /// As a plain digest, to compare with one.
    #[must_use]
    pub fn as_digest(&self) -> &Digest {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex)
    }
}

impl fmt::Display for DiffId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = |why: &str| Error::invalid(format!("`{text}` is not a digest: {why}"));
        let (name, hex) = text
            .split_once(':')
            .ok_or_else(|| bad("it has no `algorithm:` in front"))?;
        let algorithm = [Algorithm::Sha256, Algorithm::Sha512]
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or_else(|| bad("the algorithm is neither sha256 nor sha512"))?;
        if hex.len() != algorithm.hex_len() || !hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(bad(&format!("it needs {} lower-case hex digits", algorithm.hex_len())));
        }
        Ok(Self {
            algorithm,
            hex: hex.to_owned(),
        })
    }
}

impl TryFrom<String> for Digest {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

/// Takes the bytes of a blob in their order, and says in the end whether they are what a descriptor promised.
pub struct Verification {
    expected: Digest,
    size: u64,
    seen: u64,
    hasher: Hasher,
}

impl Verification {
    /// Of a blob that should have `size` bytes of `expected`.
    #[must_use]
    pub fn new(expected: Digest, size: u64) -> Self {
        let hasher = match expected.algorithm {
            Algorithm::Sha256 => Hasher::Sha256(Sha256::new()),
            Algorithm::Sha512 => Hasher::Sha512(Sha512::new()),
        };
        Self {
            expected,
            size,
            seen: 0,
            hasher,
        }
    }

    /// How many bytes there were so far.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// The next bytes; an error as soon as there are too many.
    pub fn update(&mut self, bytes: &[u8]) -> Result<()> {
        self.seen += bytes.len() as u64;
        if self.seen > self.size {
            return Err(Error::damaged(format!(
                "blob {} is longer than {} bytes",
                self.expected, self.size
            )));
        }
        match &mut self.hasher {
            Hasher::Sha256(hasher) => hasher.update(bytes),
            Hasher::Sha512(hasher) => hasher.update(bytes),
        }
        Ok(())
    }

    /// An error unless that was the blob.
    pub fn finish(self) -> Result<()> {
        let blob = &self.expected;
        if self.seen != self.size {
            return Err(Error::damaged(format!(
                "blob {blob} is {} bytes long instead of {}",
                self.seen, self.size
            )));
        }
        let hex = match self.hasher {
            Hasher::Sha256(hasher) => hex::encode(hasher.finish()),
            Hasher::Sha512(hasher) => hex::encode(hasher.finalize()),
        };
        if hex != blob.hex {
            return Err(Error::damaged(format!(
                "blob {blob} has other content: its digest is {}:{hex}",
                blob.algorithm()
            )));
        }
        Ok(())
    }
}

/// Passes a blob through and ends with an error unless it has the digest and size that were promised.
pub struct VerifiedReader<R> {
    inner: R,
    /// Until the end was seen.
    verification: Option<Verification>,
}

impl<R: Read> VerifiedReader<R> {
    /// Reads from `inner`, which should give `size` bytes of `expected`.
    pub fn new(inner: R, expected: Digest, size: u64) -> Self {
        Self {
            inner,
            verification: Some(Verification::new(expected, size)),
        }
    }
}

impl<R: Read> Read for VerifiedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = self.inner.read(buffer)?;
        if count == 0 {
            self.verification.take().map_or(Ok(()), Verification::finish)?;
        } else if let Some(verification) = &mut self.verification {
            verification.update(&buffer[..count])?;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_round_trip_and_bad_ones_are_refused() {
        let good = Digest::of(b"x");
        assert_eq!(good.to_string().parse::<Digest>().unwrap(), good);
        let hex = "a".repeat(64);
        for bad in [
            "",
            "sha256",
            "sha256:",
            &hex,
            &format!("md5:{hex}"),
            &format!("sha256:{}", "A".repeat(64)),
            &format!("sha256:../{}", "a".repeat(61)),
        ] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_verified_reader_ends_with_an_error_unless_all_is_right() {
        let read = |content: &[u8], digest: Digest, size: u64| {
            io::copy(&mut VerifiedReader::new(content, digest, size), &mut io::sink())
        };
        assert_eq!(read(b"abc", Digest::of(b"abc"), 3).unwrap(), 3);
        assert!(read(b"abc", Digest::of(b"abd"), 3).is_err());
        assert!(read(b"abc", Digest::of(b"abc"), 4).is_err());
        assert!(read(b"abc", Digest::of(b"abc"), 2).is_err());
    }
}
