//! [`Server`]: images at rest as a registry to read from (OCI distribution spec, "Pull" and "Content Discovery").
//!
//! It has no way to write: what is no GET or HEAD is refused before it is looked at.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Cursor, Read};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json as value};

use super::catalog::{Catalog, Hosted};
use super::listener::{Asked, Listener, Reply};
use crate::error::{Error, ErrorKind, Result};
use crate::oci::descriptor::{Annotations, Descriptor, media_type};
use crate::oci::digest::Digest;
use crate::oci::index::ImageIndex;
use crate::oci::json;
use crate::oci::layout::IndexFile;
use crate::oci::store::{ImageSource, Version};
use crate::progress::Progress;

/// Bytes that are read at once.
const READ_LEN: usize = 128 << 10;
/// Entries of a list where the client asks for no number.
const PAGE: usize = 1000;

/// Listens, and answers from a source.
pub struct Server<'a> {
    source: &'a dyn ImageSource,
    /// The repository of images that have no name but a tag.
    unnamed: String,
    progress: &'a dyn Progress,
    listener: Listener,
    catalog: Mutex<Option<(IndexFile, Arc<Catalog>)>>,
    /// Blobs that were found to be what they should be, as their files were then.
    verified: Mutex<HashMap<Digest, Version>>,
}

impl Reply<'_> {
    fn bytes(status: u16, content_type: &str, bytes: Vec<u8>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type", content_type.to_owned())],
            length: bytes.len() as u64,
            body: Box::new(Cursor::new(bytes)),
        }
    }

    fn json(status: u16, value: &Value) -> Self {
        Self::bytes(status, "application/json", json::to_bytes(value))
    }

    /// As the specification wants errors to be.
    fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &value!({"errors": [{"code": code, "message": message}]}))
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The part of a request's address that is served.
#[derive(Debug, PartialEq, Eq)]
enum Route<'r> {
    Base,
    Catalog,
    Tags(&'r str),
    Manifest(&'r str, &'r str),
    Blob(&'r str, &'r str),
    Referrers(&'r str, &'r str),
    Unknown,
}

impl<'r> Route<'r> {
    fn of(path: &'r str) -> Self {
        let Some(rest) = path
            .strip_prefix("/v2")
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))
        else {
            return Self::Unknown;
        };
        let rest = rest.trim_start_matches('/');
        if rest.is_empty() {
            return Self::Base;
        }
        if rest == "_catalog" {
            return Self::Catalog;
        }
        if let Some(name) = rest.strip_suffix("/tags/list") {
            return Self::Tags(name);
        }
        let Some((front, last)) = rest.rsplit_once('/') else {
            return Self::Unknown;
        };
        match front.rsplit_once('/') {
            Some((name, "manifests")) => Self::Manifest(name, last),
            Some((name, "blobs")) => Self::Blob(name, last),
            Some((name, "referrers")) => Self::Referrers(name, last),
            _ => Self::Unknown,
        }
    }
}

impl<'a> Server<'a> {
    /// Listens on `address`. `unnamed` is the repository of images that have no name but a tag.
    pub fn bind(
        source: &'a dyn ImageSource,
        unnamed: &str,
        address: SocketAddr,
        progress: &'a dyn Progress,
    ) -> Result<Self> {
        let listener = Listener::bind(address).map_err(|cause| {
            let hint = match cause.kind() {
                io::ErrorKind::AddrInUse => Some(format!(
                    "another program has that port; --listen {} takes a free one",
                    SocketAddr::new(address.ip(), 0)
                )),
                io::ErrorKind::AddrNotAvailable => Some(
                    "this machine has no such address; 127.0.0.1 is for this machine only, 0.0.0.0 for all".to_owned(),
                ),
                io::ErrorKind::PermissionDenied => Some("ports below 1024 are for root; take a higher one".to_owned()),
                _ => None,
            };
            let error = Error::new(ErrorKind::Io, format!("failed to listen on {address}")).with_source(cause);
            match hint {
                Some(hint) => error.with_hint(hint),
                None => error,
            }
        })?;
        Ok(Self {
            source,
            unnamed: unnamed.to_owned(),
            progress,
            listener,
            catalog: Mutex::default(),
            verified: Mutex::default(),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// What it has, as `repository:tag`.
    pub fn names(&self) -> Result<Vec<String>> {
        let catalog = self.catalog()?;
        let names = catalog.repositories.iter().flat_map(|(name, hosted)| {
            let tags = hosted.tags.keys();
            tags.map(move |tag| format!("{name}:{tag}"))
        });
        Ok(names.collect())
    }

    /// What can not be served, and why.
    pub fn faults(&self) -> Result<Vec<String>> {
        Ok(self.catalog()?.faults.clone())
    }

    /// Answers until a stop is requested.
    pub fn run(&self) -> Result<()> {
        let stop = || self.progress.stop_requested();
        self.listener
            .run(&stop, &|asked| self.answer(asked))
            .map_err(|cause| Error::new(ErrorKind::Io, "failed to take connections").with_source(cause))
    }

    fn answer(&self, asked: &Asked) -> Reply<'a> {
        let target = &asked.target;
        let mut reply = match asked.method.as_str() {
            "GET" | "HEAD" => self.reply(target, asked.header("range")).unwrap_or_else(|error| {
                self.progress.done(&format!("{target}: {error}"));
                Reply::error(500, "UNKNOWN", &told(&error))
            }),
            _ => Reply::error(405, "UNSUPPORTED", "this registry is for reading only").with("Allow", "GET, HEAD"),
        };
        reply
            .headers
            .push(("Server", concat!("airpack/", env!("CARGO_PKG_VERSION")).to_owned()));
        reply
            .headers
            .push(("Docker-Distribution-Api-Version", "registry/2.0".to_owned()));
        let path = target.split('?').next().unwrap_or_default();
        let sent = if asked.method == "HEAD" { 0 } else { reply.length };
        self.progress
            .done(&format!("{} {path} {} {sent}", asked.method, reply.status));
        reply
    }

    fn reply(&self, asked: &str, range: Option<&str>) -> Result<Reply<'a>> {
        let (path, query) = asked.split_once('?').unwrap_or((asked, ""));
        // clients of proxies send the whole address (RFC 9112, section 3.2.2)
        let path = match path.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest.find('/').map_or("/", |at| &rest[at..]),
            _ => path,
        };
        let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
        let catalog = self.catalog()?;
        let hosted = |name: &str| catalog.repositories.get(name);
        let no_name = |name: &str| Reply::error(404, "NAME_UNKNOWN", &format!("no repository `{name}` here"));
        Ok(match Route::of(&path) {
            Route::Base => Reply::json(200, &value!({})),
            Route::Catalog => {
                let names: Vec<&str> = catalog.repositories.keys().map(String::as_str).collect();
                listed("/v2/_catalog", "repositories", None, &names, query)
            }
            Route::Tags(name) => match hosted(name) {
                Some(hosted) => {
                    let tags: Vec<&str> = hosted.tags.keys().map(String::as_str).collect();
                    listed(&format!("/v2/{name}/tags/list"), "tags", Some(name), &tags, query)
                }
                None => no_name(name),
            },
            Route::Manifest(name, reference) => match hosted(name) {
                Some(hosted) => self.manifest(hosted, reference)?,
                None => no_name(name),
            },
            Route::Blob(name, digest) => match hosted(name) {
                Some(hosted) => self.blob(hosted, digest, range)?,
                None => no_name(name),
            },
            Route::Referrers(name, digest) => match hosted(name) {
                Some(hosted) => referrers(hosted, digest, query),
                None => no_name(name),
            },
            Route::Unknown => Reply::error(404, "UNSUPPORTED", "nothing is served at this address"),
        })
    }

    fn manifest(&self, hosted: &Hosted, reference: &str) -> Result<Reply<'a>> {
        let by_tag = || hosted.tags.get(reference).cloned();
        let digest = reference.parse::<Digest>().ok().or_else(by_tag);
        let Some(descriptor) = digest.and_then(|digest| hosted.manifests.get(&digest)) else {
            return Ok(Reply::error(
                404,
                "MANIFEST_UNKNOWN",
                &format!("no manifest `{reference}` here"),
            ));
        };
        let bytes = self.source.read_manifest(descriptor)?;
        Ok(Reply::bytes(200, &descriptor.media_type, bytes)
            .with("Docker-Content-Digest", descriptor.digest.to_string()))
    }

    fn blob(&self, hosted: &Hosted, digest: &str, range: Option<&str>) -> Result<Reply<'a>> {
        let Ok(digest) = digest.parse::<Digest>() else {
            return Ok(Reply::error(400, "DIGEST_INVALID", "that is no digest"));
        };
        let found = hosted.blobs.get(&digest).or_else(|| hosted.manifests.get(&digest));
        let Some(descriptor) = found else {
            return Ok(Reply::error(404, "BLOB_UNKNOWN", &format!("no blob {digest} here")));
        };
        self.verify(descriptor)?;
        let size = descriptor.size;
        let (status, start, end) = match range.map(|range| parse_range(range, size)) {
            None | Some(Range::Whole) => (200, 0, size),
            Some(Range::Part(start, end)) => (206, start, end),
            Some(Range::Unsatisfiable) => {
                return Ok(Reply::error(416, "RANGE_INVALID", "the blob has no such part")
                    .with("Content-Range", format!("bytes */{size}")));
            }
        };
        let body = self.source.open_from(descriptor, start)?;
        let mut reply = Reply {
            status,
            headers: vec![
                ("Content-Type", "application/octet-stream".to_owned()),
                ("Docker-Content-Digest", digest.to_string()),
                ("Accept-Ranges", "bytes".to_owned()),
            ],
            length: end - start,
            body: Box::new(body.take(end - start)),
        };
        if status == 206 {
            reply = reply.with("Content-Range", format!("bytes {start}-{}/{size}", end - 1));
        }
        Ok(reply)
    }

    /// Reads a blob to its end before any of it is given away, once as long as its file does not change.
    fn verify(&self, descriptor: &Descriptor) -> Result<()> {
        let version = self.source.version(descriptor)?;
        let known = |verified: &HashMap<Digest, Version>| verified.get(&descriptor.digest) == Some(&version);
        if known(&self.verified.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(());
        }
        let mut blob = self.source.open(descriptor)?;
        let mut buffer = vec![0; READ_LEN];
        loop {
            self.progress.check()?;
            let count = blob.read(&mut buffer).map_err(|cause| {
                crate::error::from_io(cause, |cause| {
                    Error::damaged(format!("failed to read blob {}", descriptor.digest)).with_source(cause)
                })
            })?;
            if count == 0 {
                break;
            }
        }
        self.verified
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(descriptor.digest.clone(), version);
        Ok(())
    }

    /// What the source has now: another program may have added to it.
    fn catalog(&self) -> Result<Arc<Catalog>> {
        let index = self.source.index_file()?;
        let mut known = self.catalog.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some((before, catalog)) if *before == index => Ok(Arc::clone(catalog)),
            _ => {
                let catalog = Arc::new(Catalog::read(self.source, &index, &self.unnamed, self.progress)?);
                *known = Some((index, Arc::clone(&catalog)));
                Ok(catalog)
            }
        }
    }
}

/// The list of what is about a manifest (OCI distribution spec, "Listing Referrers").
fn referrers(hosted: &Hosted, digest: &str, query: &str) -> Reply<'static> {
    let Ok(digest) = digest.parse::<Digest>() else {
        return Reply::error(400, "DIGEST_INVALID", "that is no digest");
    };
    let wanted = parameter(query, "artifactType");
    let found = hosted.referrers.get(&digest).into_iter().flatten();
    let matches = |referrer: &&Descriptor| {
        wanted
            .as_ref()
            .is_none_or(|wanted| referrer.other.get("artifactType").and_then(Value::as_str) == Some(wanted))
    };
    let index = ImageIndex::new(found.filter(matches).cloned().collect(), Annotations::new());
    let reply = Reply::bytes(200, media_type::INDEX, json::to_bytes(&index));
    match wanted {
        Some(_) => reply.with("OCI-Filters-Applied", "artifactType"),
        None => reply,
    }
}

/// A list by pages: `n` at a time, from after `last` on.
fn listed(path: &str, key: &str, name: Option<&str>, all: &[&str], query: &str) -> Reply<'static> {
    let count = match parameter(query, "n").map(|n| n.parse::<usize>()) {
        None => PAGE,
        Some(Ok(count)) => count.min(PAGE),
        Some(Err(_)) => return Reply::error(400, "PAGINATION_NUMBER_INVALID", "`n` must be a number"),
    };
    let last = parameter(query, "last").unwrap_or_default();
    let rest: Vec<&str> = all.iter().copied().filter(|one| *one > last.as_str()).collect();
    let page = &rest[..count.min(rest.len())];
    let mut body = BTreeMap::from([(key.to_owned(), value!(page))]);
    body.extend(name.map(|name| ("name".to_owned(), value!(name))));
    let reply = Reply::json(200, &value!(body));
    match page.last() {
        Some(last) if page.len() < rest.len() => {
            reply.with("Link", format!("<{path}?n={count}&last={last}>; rel=\"next\""))
        }
        _ => reply,
    }
}

/// The value of a parameter of a query.
fn parameter(query: &str, name: &str) -> Option<String> {
    let found = query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key == name).then_some(value)
    })?;
    let spaced = found.replace('+', " ");
    Some(
        percent_encoding::percent_decode_str(&spaced)
            .decode_utf8_lossy()
            .into_owned(),
    )
}

#[derive(Debug, PartialEq, Eq)]
enum Range {
    Whole,
    /// From the first byte to before the last number.
    Part(u64, u64),
    Unsatisfiable,
}

/// A `Range` header (RFC 9110, section 14.2); several ranges at once are not served, and the whole is a right answer to them.
fn parse_range(text: &str, size: u64) -> Range {
    let Some((start, end)) = text
        .trim()
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
    else {
        return Range::Whole;
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let (first, after) = match (start.trim(), end.trim()) {
        ("", suffix) => match number(suffix) {
            Some(0) => return Range::Unsatisfiable,
            Some(suffix) => (size.saturating_sub(suffix), size),
            None => return Range::Whole,
        },
        (first, "") => match number(first) {
            Some(first) => (first, size),
            None => return Range::Whole,
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => (first, last.saturating_add(1).min(size)),
            _ => return Range::Whole,
        },
    };
    if first >= size {
        Range::Unsatisfiable
    } else {
        Range::Part(first, after)
    }
}

/// Without paths of this machine.
fn told(error: &Error) -> String {
    match error.kind() {
        ErrorKind::Damaged => error.to_string(),
        _ => "the images can not be read; the server's log says why".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_to_what_they_name() {
        assert_eq!(Route::of("/v2/"), Route::Base);
        assert_eq!(Route::of("/v2"), Route::Base);
        assert_eq!(Route::of("/v2/_catalog"), Route::Catalog);
        assert_eq!(Route::of("/v2/a/b/tags/list"), Route::Tags("a/b"));
        assert_eq!(Route::of("/v2/a/manifests/x"), Route::Manifest("a", "x"));
        assert_eq!(Route::of("/v2/blobs/blobs/x"), Route::Blob("blobs", "x"));
        assert_eq!(Route::of("/v2/a/b/referrers/x"), Route::Referrers("a/b", "x"));
        for unknown in ["/", "/v1/", "/v2x", "/v2/a", "/v2/manifests/x", "/v2/a/manifests/x/y"] {
            assert_eq!(Route::of(unknown), Route::Unknown, "{unknown}");
        }
    }

    #[test]
    fn ranges_are_cut_to_the_blob() {
        let check = |text: &str, expected: Range| assert_eq!(parse_range(text, 10), expected, "{text}");
        check("bytes=0-0", Range::Part(0, 1));
        check("bytes=2-5", Range::Part(2, 6));
        check("bytes=2-", Range::Part(2, 10));
        check("bytes=-3", Range::Part(7, 10));
        check("bytes=-30", Range::Part(0, 10));
        check("bytes=5-18446744073709551615", Range::Part(5, 10));
        check("bytes=10-", Range::Unsatisfiable);
        check("bytes=-0", Range::Unsatisfiable);
        check("bytes=5-2", Range::Whole);
        check("bytes=0-1,4-5", Range::Whole);
        check("items=0-1", Range::Whole);
        check("bytes=x-y", Range::Whole);
    }
}
