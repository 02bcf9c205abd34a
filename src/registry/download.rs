//! [`Download`]: the bytes of a blob, which go on with a range request where a connection breaks.

use std::io::{self, Read};

use ureq::http::Method;

use super::client::{Answer, Call};
use super::fault::Fault;
use super::repository::Repository;
use crate::error::Result;
use crate::oci::descriptor::Descriptor;

/// So many new bytes make up for a failure.
const PROGRESS: u64 = 1 << 20;

/// Reads a blob of a repository.
pub(super) struct Download<'a> {
    repository: &'a Repository<'a>,
    descriptor: Descriptor,
    position: u64,
    body: Option<Box<dyn Read + Send>>,
    failures: u32,
    /// Whether the registry does not give parts as they are asked for.
    no_ranges: bool,
    /// Where the last failure was.
    failed_at: u64,
}

impl<'a> Download<'a> {
    pub(super) fn new(repository: &'a Repository<'a>, descriptor: Descriptor, offset: u64) -> Result<Self> {
        let mut download = Self {
            repository,
            descriptor,
            position: offset,
            body: None,
            failures: 0,
            no_ranges: false,
            failed_at: offset,
        };
        download.body = Some(download.open()?);
        Ok(download)
    }

    /// The blob from `position` on.
    fn open(&mut self) -> Result<Box<dyn Read + Send>> {
        let repository = self.repository;
        let digest = &self.descriptor.digest;
        let what = format!("get blob {digest} from");
        let mut call = Call::new(
            Method::GET,
            &repository.access,
            repository.api(&format!("blobs/{digest}")),
        );
        if self.position > 0 && !self.no_ranges {
            call = call.header("range", format!("bytes={}-", self.position));
        }
        let answer = repository.client.send(call)?;
        let skipped = match answer.status() {
            200 => self.position,
            206 if starts_at(&answer) == Some(self.position) => 0,
            206 | 416 if !self.no_ranges => {
                self.no_ranges = true;
                return self.open();
            }
            404 => {
                return Err(repository
                    .failed(&what, answer)
                    .with_hint("a manifest needs it, but the registry does not have it; push the image again"));
            }
            _ => return Err(repository.failed(&what, answer)),
        };
        let mut body = answer.into_reader();
        // a registry that knows no ranges begins from the begin
        let passed = io::copy(&mut body.by_ref().take(skipped), &mut io::sink()).unwrap_or_default();
        if passed < skipped {
            return Ok(Box::new(io::empty()));
        }
        Ok(Box::new(body))
    }

    /// After a break: waits and opens again, as long as there is hope.
    fn again(&mut self, why: Fault) -> Result<()> {
        self.body = None;
        let client = self.repository.client;
        client.check()?;
        if self.position >= self.failed_at + PROGRESS {
            self.failures = 0;
        }
        self.failed_at = self.position;
        let Fault::Passing(why) = why else {
            return Err(why.into_error(&self.repository.access.registry));
        };
        if self.failures >= client.retries() {
            let digest = &self.descriptor.digest;
            return Err(Fault::Passing(why)
                .into_error(&self.repository.access.registry)
                .context(format!(
                    "failed to get blob {digest} from {}: broken off at byte {} of {} ({} tries)",
                    self.repository.name(),
                    self.position,
                    self.descriptor.size,
                    self.failures + 1
                )));
        }
        client.detail(&format!(
            "blob {}: {why}; going on at byte {}",
            self.descriptor.digest, self.position
        ));
        client.wait_before_retry(self.failures)?;
        self.failures += 1;
        self.body = Some(self.open()?);
        Ok(())
    }
}

impl Read for Download<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let outcome = match &mut self.body {
                Some(body) => body.read(buffer),
                None => Ok(0),
            };
            let fault = match outcome {
                Ok(0) if self.position < self.descriptor.size && !buffer.is_empty() => {
                    Fault::Passing("the body ended too early".to_owned())
                }
                Ok(count) => {
                    self.position += count as u64;
                    return Ok(count);
                }
                Err(cause) => Fault::of_io(cause, &self.repository.access.registry),
            };
            self.again(fault).inspect_err(|_| self.repository.client.give_up())?;
        }
    }
}

/// The first byte of `Content-Range: bytes a-b/n`.
fn starts_at(answer: &Answer) -> Option<u64> {
    let range = answer.header("content-range")?.trim().strip_prefix("bytes")?;
    range.trim().split('-').next()?.parse().ok()
}
