//! Sends a blob: mounted where the registry has it, else as a whole, else in parts from where the registry has got to.
//!
//! OCI distribution spec, "Pushing Blobs".

use std::cell::{Cell, RefCell};
use std::io::{self, Read};

use ureq::http::Method;

use super::auth::Access;
use super::client::{Answer, Body, Call, Target, is_passing};
use super::repository::Repository;
use super::url::Url;
use crate::error::{Error, ErrorKind, Result};
use crate::oci::descriptor::Descriptor;
use crate::oci::digest::Verification;
use crate::oci::store::{BlobSource, BlobStore, Put};
use crate::progress::{Progress, Step};

/// The length of parts where the registry takes no whole blobs.
const CHUNK: u64 = 16 << 20;
/// So many new bytes make up for a failure.
const PROGRESS: u64 = 1 << 20;
/// What registries say when bytes were lost on the way.
const LOST: [&str; 4] = [
    "DIGEST_INVALID",
    "SIZE_INVALID",
    "BLOB_UPLOAD_INVALID",
    "BLOB_UPLOAD_UNKNOWN",
];
/// Repositories that are asked for one blob.
const MAX_MOUNTS: usize = 4;

/// Sends the blob, or lets the registry take it from another repository. The local bytes are verified in both cases.
pub(super) fn put_blob(
    repository: &Repository<'_>,
    descriptor: &Descriptor,
    from: &dyn BlobSource,
    step: &mut dyn Step,
    progress: &dyn Progress,
) -> Result<Put> {
    let content = Content {
        source: from,
        descriptor,
        progress,
        verification: RefCell::new(Verification::new(descriptor.digest.clone(), descriptor.size)),
        meter: RefCell::new(Meter { step, at: 0 }),
    };
    let upload = Upload {
        repository,
        content: &content,
        chunk_size: Cell::new(repository.sending.chunk_size),
        chunk_min: Cell::new(0),
    };
    match upload.mount()? {
        Mount::From(other) => {
            let mut all = content.reader(0, descriptor.size)?;
            io::copy(&mut all, &mut io::sink()).map_err(|cause| crate::error::from_io(cause, unreadable))?;
            content.finish()?;
            Ok(Put::Mounted(other))
        }
        Mount::No(session) => upload.run(session),
    }
}

fn unreadable(cause: io::Error) -> Error {
    Error::new(ErrorKind::Io, "failed to read what is to be sent").with_source(cause)
}

/// What is sent, which is read as often as need be and verified once.
struct Content<'c> {
    source: &'c dyn BlobSource,
    descriptor: &'c Descriptor,
    progress: &'c dyn Progress,
    verification: RefCell<Verification>,
    meter: RefCell<Meter<'c>>,
}

/// Where the upload stands.
struct Meter<'c> {
    step: &'c mut dyn Step,
    at: u64,
}

impl Meter<'_> {
    fn set(&mut self, at: u64) {
        if at > self.at {
            self.step.advance(at - self.at);
        } else {
            self.step.rewind(self.at - at);
        }
        self.at = at;
    }
}

impl<'c> Content<'c> {
    /// Bytes `offset..offset + len`; those that were not read before are verified.
    fn reader(&self, offset: u64, len: u64) -> Result<Part<'_, 'c>> {
        self.meter.borrow_mut().set(offset);
        Ok(Part {
            content: self,
            inner: self.source.open_from(self.descriptor, offset)?,
            position: offset,
            end: offset + len,
        })
    }

    /// How far the content was read.
    fn seen(&self) -> u64 {
        self.verification.borrow().seen()
    }

    /// An error unless all was read and is what the descriptor says.
    fn finish(&self) -> Result<()> {
        let fresh = Verification::new(self.descriptor.digest.clone(), self.descriptor.size);
        self.verification.replace(fresh).finish()
    }
}

struct Part<'p, 'c> {
    content: &'p Content<'c>,
    inner: Box<dyn Read + Send + 'c>,
    position: u64,
    end: u64,
}

impl Read for Part<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let content = self.content;
        content.progress.check()?;
        let blob = content.descriptor;
        if self.position == self.end {
            // at the end of all, nothing more may come
            let mut more = [0];
            if self.end == blob.size && !buffer.is_empty() && self.inner.read(&mut more)? > 0 {
                let why = format!("blob {} is longer than {} bytes", blob.digest, blob.size);
                return Err(Error::damaged(why).into());
            }
            return Ok(0);
        }
        let most = usize::try_from(self.end - self.position)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let count = self.inner.read(&mut buffer[..most])?;
        if count == 0 && most > 0 {
            let why = format!(
                "blob {} is {} bytes long instead of {}",
                blob.digest, self.position, blob.size
            );
            return Err(Error::damaged(why).into());
        }
        let before = self.position;
        self.position += count as u64;
        let mut verification = content.verification.borrow_mut();
        let seen = verification.seen();
        if self.position > seen {
            let known = usize::try_from(seen.saturating_sub(before)).unwrap_or(count);
            verification.update(&buffer[known..count])?;
        }
        content.meter.borrow_mut().set(self.position);
        Ok(count)
    }
}

enum Mount {
    /// The registry has taken the blob from there.
    From(String),
    /// It has not; maybe it has begun an upload instead.
    No(Option<Url>),
}

struct Upload<'u, 'c> {
    repository: &'u Repository<'u>,
    content: &'u Content<'c>,
    /// The length of parts; whole where there is none.
    chunk_size: Cell<Option<u64>>,
    /// The least that the registry takes as a part.
    chunk_min: Cell<u64>,
}

/// What one request led to.
enum Sent {
    /// The blob is there.
    Done,
    /// The registry has so many bytes, and goes on at this address.
    Part(Url, u64),
    /// It failed in a way that may pass; the session may be good still.
    Broken(Error, Url),
    /// The session is gone or useless: from the begin.
    Lost(Error),
}

impl Upload<'_, '_> {
    /// Asks the registry to take the blob from where it has it.
    fn mount(&self) -> Result<Mount> {
        let repository = self.repository;
        let digest = &self.content.descriptor.digest;
        let sending = &repository.sending;
        let known = sending.known_in.get(digest).into_iter().flatten();
        let mut others: Vec<&String> = Vec::new();
        for other in known.chain(&sending.mount_from) {
            if *other != repository.access.repository && !others.contains(&other) {
                others.push(other);
            }
        }
        let mut session: Option<Url> = None;
        for other in others.into_iter().take(MAX_MOUNTS) {
            let access = Access {
                mount_from: Some(other.clone()),
                ..repository.access.clone()
            };
            let target = repository.api(&format!("blobs/uploads/?mount={digest}&from={other}"));
            // what fails here fails again, with a reason, when the blob is sent
            let Ok(answer) = repository
                .client
                .send(Call::new(Method::POST, &access, target).tried_once())
            else {
                repository.client.check()?;
                continue;
            };
            match answer.status() {
                201 => {
                    repository.check_digest(digest, &answer)?;
                    if let Some(begun) = &session {
                        self.cancel(begun);
                    }
                    return Ok(Mount::From(other.clone()));
                }
                202 => {
                    if let Some(begun) = &session {
                        self.cancel(begun);
                    }
                    session = self.session(&answer).ok();
                }
                _ => {}
            }
        }
        Ok(Mount::No(session))
    }

    fn run(&self, begun: Option<Url>) -> Result<Put> {
        let client = self.repository.client;
        let mut session = begun;
        let mut offset = 0;
        let mut failures = 0;
        let mut failed_at = 0;
        loop {
            let url = match session.take() {
                Some(url) => url,
                None => {
                    offset = 0;
                    self.begin()?
                }
            };
            let outcome = self.send(url.clone(), offset);
            client.check()?;
            let sent = outcome.inspect_err(|_| self.cancel(&url))?;
            let (error, broken) = match sent {
                Sent::Done => return Ok(Put::Wrote),
                Sent::Part(next, at) if at > offset => {
                    (session, offset) = (Some(next), at);
                    continue;
                }
                Sent::Part(next, at) => {
                    let why = format!("the registry takes nothing after byte {at}");
                    (Error::new(ErrorKind::Network, why), Some(next))
                }
                Sent::Broken(error, url) => (error, Some(url)),
                Sent::Lost(error) => (error, None),
            };
            if offset >= failed_at + PROGRESS {
                failures = 0;
            }
            failed_at = failed_at.max(offset);
            if failures >= client.retries() {
                if let Some(url) = &broken {
                    self.cancel(url);
                }
                return Err(match failures {
                    0 => error,
                    more => error.context(format!("gave up after {} tries", more + 1)),
                });
            }
            client.detail(&format!("blob {}: {error}", self.content.descriptor.digest));
            client.wait_before_retry(failures)?;
            failures += 1;
            match self.where_it_stands(broken)? {
                Some((next, at)) => (session, offset) = (Some(next), at),
                // the answer may have been lost, not the blob
                None if self.repository.has_blob(self.content.descriptor)? && self.content.seen() > 0 => {
                    return self.finished(Put::Wrote);
                }
                None => session = None,
            }
        }
    }

    /// Begins an upload.
    fn begin(&self) -> Result<Url> {
        let repository = self.repository;
        let call = Call::new(Method::POST, &repository.access, repository.api("blobs/uploads/"));
        let answer = repository.client.send(call)?;
        if answer.status() != 202 {
            return Err(repository.client.refused(&repository.access, answer));
        }
        self.session(&answer)
    }

    /// Where a new upload goes on.
    fn session(&self, answer: &Answer) -> Result<Url> {
        if let Some(least) = answer.header("oci-chunk-min-length").and_then(|text| text.parse().ok()) {
            self.chunk_min.set(least);
        }
        answer.location()
    }

    /// Sends what comes next: all of it, or a part, or the end mark.
    fn send(&self, url: Url, offset: u64) -> Result<Sent> {
        let size = self.content.descriptor.size;
        match self.chunk_size.get() {
            _ if size == 0 => self.send_whole(url),
            _ if offset == size => self.close(url),
            None if offset == 0 => self.send_whole(url),
            None => self.send_part(url, offset, size - offset),
            Some(chunk) => {
                let chunk = chunk.max(self.chunk_min.get()).max(1);
                self.send_part(url, offset, chunk.min(size - offset))
            }
        }
    }

    fn send_whole(&self, url: Url) -> Result<Sent> {
        let size = self.content.descriptor.size;
        let open = || Ok(Box::new(self.content.reader(0, size)?) as Box<dyn Read + '_>);
        let digest = self.content.descriptor.digest.to_string();
        let call = Call::new(
            Method::PUT,
            &self.repository.access,
            Target::Location(url.with_parameter("digest", &digest)),
        )
        .header("content-type", "application/octet-stream")
        .body(Body::Stream(size, &open))
        .tried_once();
        match self.repository.client.send(call) {
            Ok(answer) if answer.status() == 413 && self.chunk_size.get().is_none() => {
                self.chunk_size.set(Some(CHUNK));
                Ok(Sent::Lost(
                    self.repository.client.refused(&self.repository.access, answer),
                ))
            }
            Ok(answer) => self.closed(answer, url),
            Err(error) => broken(error, url),
        }
    }

    fn send_part(&self, url: Url, offset: u64, len: u64) -> Result<Sent> {
        if offset > self.content.seen() {
            let why = format!("the registry says that it has {offset} bytes, which were not sent");
            return Ok(Sent::Lost(Error::new(ErrorKind::Network, why)));
        }
        let open = || Ok(Box::new(self.content.reader(offset, len)?) as Box<dyn Read + '_>);
        let call = Call::new(Method::PATCH, &self.repository.access, Target::Location(url.clone()))
            .header("content-type", "application/octet-stream")
            .header(
                "content-range",
                format!("{offset}-{}", (offset + len).saturating_sub(1)),
            )
            .body(Body::Stream(len, &open))
            .tried_once();
        let answer = match self.repository.client.send(call) {
            Ok(answer) => answer,
            Err(error) => return broken(error, url),
        };
        match answer.status() {
            202 | 201 | 204 => {
                let end = offset + len;
                let at = match last_byte(&answer) {
                    // `0-0` is one byte, or none: one when one was sent
                    Some(last) if last.checked_add(1) == Some(end) => end,
                    Some(0) => 0,
                    Some(last) => last.saturating_add(1).min(end),
                    None => end,
                };
                let next = answer.location().unwrap_or(url);
                Ok(Sent::Part(next, at))
            }
            416 => Ok(Sent::Broken(
                self.repository.client.refused(&self.repository.access, answer),
                url,
            )),
            _ => self.other(answer, url),
        }
    }

    /// Says that all bytes were sent.
    fn close(&self, url: Url) -> Result<Sent> {
        let digest = self.content.descriptor.digest.to_string();
        let target = Target::Location(url.with_parameter("digest", &digest));
        let call = Call::new(Method::PUT, &self.repository.access, target).tried_once();
        match self.repository.client.send(call) {
            Ok(answer) => self.closed(answer, url),
            Err(error) => broken(error, url),
        }
    }

    /// What the registry says to a whole blob.
    fn closed(&self, answer: Answer, url: Url) -> Result<Sent> {
        let all_read = self.content.seen() == self.content.descriptor.size;
        match answer.status() {
            201 | 204 => {
                self.repository.check_digest(&self.content.descriptor.digest, &answer)?;
                self.finished(Put::Wrote)?;
                Ok(Sent::Done)
            }
            400 | 416 if all_read => {
                // is it us, or was something lost on the way?
                self.content.finish()?;
                let client = self.repository.client;
                let (error, api) = client.refused_with(&self.repository.access, answer);
                let may_pass = api.codes.is_empty() || LOST.iter().any(|code| api.has(code));
                if may_pass { Ok(Sent::Lost(error)) } else { Err(error) }
            }
            _ => self.other(answer, url),
        }
    }

    fn other(&self, answer: Answer, url: Url) -> Result<Sent> {
        let status = answer.status();
        let asked = answer.header("retry-after").map(ToOwned::to_owned);
        let client = self.repository.client;
        let is_too_long = is_passing(status) && asked.is_some() && !client.wait_as_asked(&answer)?;
        let error = client.refused(&self.repository.access, answer);
        match status {
            _ if is_too_long => Err(error),
            404 => Ok(Sent::Lost(error)),
            status if is_passing(status) => Ok(Sent::Broken(error, url)),
            _ => Err(error),
        }
    }

    /// The blob is in the registry: is what we have the same?
    fn finished(&self, put: Put) -> Result<Put> {
        let size = self.content.descriptor.size;
        let seen = self.content.seen();
        let mut rest = self.content.reader(seen, size - seen)?;
        io::copy(&mut rest, &mut io::sink()).map_err(|cause| crate::error::from_io(cause, unreadable))?;
        self.content.finish()?;
        Ok(put)
    }

    /// How far the registry has got, and where it goes on; `None` when it does not know the upload any more.
    fn where_it_stands(&self, url: Option<Url>) -> Result<Option<(Url, u64)>> {
        let Some(url) = url else { return Ok(None) };
        let call = Call::new(Method::GET, &self.repository.access, Target::Location(url.clone()));
        let answer = self.repository.client.send(call)?;
        if !matches!(answer.status(), 200 | 202 | 204) {
            return Ok(None);
        }
        let next = answer.location().unwrap_or(url);
        // more than was sent is not believed; `0-0` is one byte, or none
        let at = last_byte(&answer)
            .filter(|last| *last > 0)
            .and_then(|last| last.checked_add(1));
        Ok(at.filter(|at| *at <= self.content.seen()).map(|at| (next, at)))
    }

    /// Tells the registry that nothing more will come. It forgets the upload by itself in time.
    fn cancel(&self, url: &Url) {
        let call = Call::new(Method::DELETE, &self.repository.access, Target::Location(url.clone()));
        let _ = self.repository.client.send(call.tried_once());
    }
}

/// What a request without an answer means for an upload.
fn broken(error: Error, url: Url) -> Result<Sent> {
    match error.kind() {
        ErrorKind::Network => Ok(Sent::Broken(error, url)),
        _ => Err(error),
    }
}

/// The last byte that `Range: 0-n` says is there.
fn last_byte(answer: &Answer) -> Option<u64> {
    let range = answer.header("range")?;
    let (_, last) = range.trim().trim_start_matches("bytes=").split_once('-')?;
    match last.trim() {
        "" | "-1" => Some(0),
        last => last.parse().ok(),
    }
}
