//! [`Repository`]: one repository of a registry as a store, by the OCI distribution spec 1.1.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

use ureq::http::Method;

use super::auth::Access;
use super::client::{Answer, Body, Call, Client, Target};
use super::download::Download;
use super::upload;
use crate::error::{Error, ErrorKind, Result, from_io};
use crate::oci::descriptor::{Annotations, Descriptor, media_type};
use crate::oci::digest::{Digest, VerifiedReader};
use crate::oci::graph::{Referrer, media_type_of};
use crate::oci::index::ImageIndex;
use crate::oci::json;
use crate::oci::reference::ImageName;
use crate::oci::referrers::fallback_tag;
use crate::oci::store::{BlobReader, BlobSource, BlobStore, Put};
use crate::progress::{Progress, Step};

/// The most that a manifest may have: what every registry takes (OCI distribution spec, "Pushing Manifests").
const MAX_MANIFEST: u64 = 4 << 20;
/// Manifests about one image that are listed.
const MAX_REFERRERS: usize = 1000;
/// Pages of a list that are read.
const MAX_PAGES: usize = 100;

/// All forms of manifests that are read.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.5, application/vnd.docker.distribution.manifest.v1+json;q=0.5";

/// What is done with a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It is only read.
    Pull,
    /// It is written to.
    Push,
}

/// How blobs are sent.
#[derive(Debug, Clone, Default)]
pub struct Sending {
    /// Blobs go in parts of so many bytes; without, each goes as a whole.
    pub chunk_size: Option<u64>,
    /// Repositories of the registry that may have any blob.
    pub mount_from: Vec<String>,
    /// Repositories of the registry that have, or are likely to have, a blob.
    pub known_in: BTreeMap<Digest, BTreeSet<String>>,
}

/// A repository.
pub struct Repository<'a> {
    pub(super) client: &'a Client<'a>,
    pub(super) access: Access,
    pub(super) sending: Sending,
    /// Whether the registry keeps lists of referrers, as far as an answer has told.
    lists_referrers: Mutex<bool>,
}

impl<'a> Repository<'a> {
    /// The repository of `name`.
    #[must_use]
    pub fn new(client: &'a Client<'a>, name: &ImageName, purpose: Purpose, sending: Sending) -> Self {
        Self {
            client,
            access: Access {
                registry: name.registry().to_owned(),
                repository: name.repository().to_owned(),
                actions: match purpose {
                    Purpose::Pull => "pull",
                    Purpose::Push => "pull,push",
                },
                mount_from: None,
            },
            sending,
            lists_referrers: Mutex::new(true),
        }
    }

    /// `registry/repository`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.access.registry, self.access.repository)
    }

    pub(super) fn api(&self, rest: &str) -> Target {
        Target::Api(format!("/v2/{}/{rest}", self.access.repository))
    }

    /// What `reference`, a tag or a digest, names; `None` when it names nothing.
    pub fn resolve(&self, reference: &str) -> Result<Option<Descriptor>> {
        let call = Call::new(Method::HEAD, &self.access, self.api(&format!("manifests/{reference}")));
        let answer = self.client.send(call.header("accept", ACCEPT))?;
        match answer.status() {
            200 => {}
            404 => return Ok(None),
            _ => return Err(self.failed(&format!("look for `{reference}` in"), answer)),
        }
        let digest = answer
            .header("docker-content-digest")
            .and_then(|digest| digest.parse().ok());
        let size = answer.header("content-length").and_then(|size| size.parse().ok());
        let said = answer.header("content-type").map(essence);
        match (digest, size, said) {
            (Some(digest), Some(size), Some(media_type)) => Ok(Some(Descriptor::new(&media_type, digest, size))),
            // some registries say too little
            _ => Ok(self.fetch(reference)?.map(|(descriptor, _)| descriptor)),
        }
    }

    /// The manifest that `reference` names, with its bytes; `None` when it names nothing.
    pub fn fetch(&self, reference: &str) -> Result<Option<(Descriptor, Vec<u8>)>> {
        let answer = self.get_manifest(reference)?;
        match answer.status() {
            200 => self.manifest_in(reference, answer).map(Some),
            404 => Ok(None),
            _ => Err(self.failed(&format!("get `{reference}` from"), answer)),
        }
    }

    /// The same; an error when it names nothing.
    pub fn require(&self, reference: &str) -> Result<(Descriptor, Vec<u8>)> {
        let answer = self.get_manifest(reference)?;
        match answer.status() {
            200 => self.manifest_in(reference, answer),
            404 => Err(self
                .client
                .refused(&self.access, answer)
                .context(format!("{} has no image `{reference}`", self.name()))
                .with_hint(
                    "look for a typing error in repository and tag; a repository that needs a login may be hidden",
                )),
            _ => Err(self.failed(&format!("get `{reference}` from"), answer)),
        }
    }

    fn get_manifest(&self, reference: &str) -> Result<Answer> {
        let target = self.api(&format!("manifests/{reference}"));
        let call = || Call::new(Method::GET, &self.access, target.clone()).header("accept", ACCEPT);
        let asked = reference.parse::<Digest>();
        let check = |bytes: &[u8]| asked.as_ref().map_or(Ok(()), |asked| asked.check(bytes));
        self.client
            .send_and_read(call, MAX_MANIFEST, check)
            .map_err(|error| error.context(format!("failed to get `{reference}` from {}", self.name())))
    }

    /// The manifest in a good answer. By digest it was checked before.
    fn manifest_in(&self, reference: &str, answer: Answer) -> Result<(Descriptor, Vec<u8>)> {
        let context = |error: Error| error.context(format!("failed to get `{reference}` from {}", self.name()));
        let said = answer.header("content-type").map(essence);
        let said_digest = answer
            .header("docker-content-digest")
            .and_then(|digest| digest.parse::<Digest>().ok());
        let bytes = answer.into_body()?;
        let digest = match reference.parse::<Digest>() {
            Ok(asked) => asked,
            Err(_) => Digest::of(&bytes),
        };
        // before the digests: those of schema 1 are of a part of the bytes
        let media_type = media_type_of(&bytes, &digest, said.as_deref()).map_err(context)?;
        if let Some(said) = said_digest
            && said.algorithm() == digest.algorithm()
            && said != digest
        {
            return Err(context(
                Error::damaged(format!(
                    "the registry says that its digest is {said}, but it is {digest}"
                ))
                .with_hint("the registry, or something before it, changes what passes through"),
            ));
        }
        Ok((Descriptor::new(&media_type, digest, bytes.len() as u64), bytes))
    }

    /// Makes `tag` the name of a manifest, all of whose parts are there.
    pub fn tag(&self, tag: &str, descriptor: &Descriptor, bytes: &[u8]) -> Result<()> {
        self.put_under(tag, descriptor, bytes)
    }

    fn put_under(&self, reference: &str, descriptor: &Descriptor, bytes: &[u8]) -> Result<()> {
        let call = Call::new(Method::PUT, &self.access, self.api(&format!("manifests/{reference}")))
            .header("content-type", descriptor.media_type.clone())
            .body(Body::Bytes(bytes));
        let what = format!("put manifest `{reference}` into");
        let answer = self.client.send(call)?;
        if !matches!(answer.status(), 200..=202) {
            return Err(self.failed(&what, answer));
        }
        self.check_digest(&descriptor.digest, &answer)
            .map_err(|error| error.context(format!("failed to {what} {}", self.name())))?;
        if answer.header("oci-subject").is_none() {
            *self.lists_referrers.lock().unwrap_or_else(PoisonError::into_inner) = false;
        }
        Ok(())
    }

    /// An error when the registry says that it has got something else.
    pub(super) fn check_digest(&self, expected: &Digest, answer: &Answer) -> Result<()> {
        let said = answer
            .header("docker-content-digest")
            .and_then(|said| said.parse::<Digest>().ok());
        match said {
            Some(said) if said.algorithm() == expected.algorithm() && said != *expected => {
                Err(Error::damaged(format!(
                    "{} says that it has {said} where {expected} was sent",
                    self.access.registry
                ))
                .with_hint("the registry, or something before it, changes what passes through"))
            }
            _ => Ok(()),
        }
    }

    /// Sends a manifest that is about another, and lists it where the registry does not do so itself.
    ///
    /// OCI distribution spec, "Pushing Manifests with Subject" and "Referrers Tag Schema".
    pub fn put_referrer(&self, descriptor: &Descriptor, bytes: &[u8], referrer: &Referrer) -> Result<()> {
        *self.lists_referrers.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.put_manifest(descriptor, bytes)?;
        if *self.lists_referrers.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(());
        }
        let tag = fallback_tag(&referrer.subject);
        let mut index = match self.fetch(&tag)? {
            Some((listed, bytes)) if media_type::is_index(&listed.media_type) => {
                json::from_slice(&bytes, &format!("the list of referrers `{tag}`"))?
            }
            Some((listed, _)) => {
                return Err(Error::invalid(format!(
                    "the tag `{tag}` of {} is no list of referrers, but {}",
                    self.name(),
                    listed.media_type
                )));
            }
            None => ImageIndex::new(Vec::new(), Annotations::new()),
        };
        if index.manifests.iter().any(|listed| listed.digest == descriptor.digest) {
            return Ok(());
        }
        index.manifests.push(referrer.listed(descriptor));
        let bytes = json::to_bytes(&index);
        let descriptor = Descriptor::new(media_type::INDEX, Digest::of(&bytes), bytes.len() as u64);
        self.tag(&tag, &descriptor, &bytes)
    }

    /// The manifests that are about `subject`: from the registry's list, else from the one under the fallback tag.
    pub fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        let mut target = self.api(&format!("referrers/{subject}"));
        let mut found = Vec::new();
        for page in 0..MAX_PAGES {
            let call = || Call::new(Method::GET, &self.access, target.clone()).header("accept", media_type::INDEX);
            let answer = self.client.send_and_read(call, MAX_MANIFEST, |_| Ok(()))?;
            match answer.status() {
                200 => {}
                // a registry without that list
                400 | 404 | 405 | 501 if page == 0 => return self.referrers_by_tag(subject),
                _ => return Err(self.failed(&format!("list what is about {subject} in"), answer)),
            }
            let next = answer
                .header("link")
                .and_then(next_page)
                .map(|next| answer.url.join(next));
            let index: ImageIndex = json::from_slice(&answer.into_body()?, "the list of referrers")?;
            found.extend(index.manifests);
            if found.len() > MAX_REFERRERS {
                break;
            }
            match next {
                Some(next) => target = Target::Location(next?),
                None => return Ok(found),
            }
        }
        Err(Error::damaged(format!(
            "{} lists more than {MAX_REFERRERS} manifests about {subject}",
            self.name()
        )))
    }

    fn referrers_by_tag(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        match self.fetch(&fallback_tag(subject))? {
            Some((descriptor, bytes)) if media_type::is_index(&descriptor.media_type) => {
                let index: ImageIndex = json::from_slice(&bytes, "the list of referrers")?;
                Ok(index.manifests)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// "failed to `what` registry/repository", and why.
    pub(super) fn failed(&self, what: &str, answer: Answer) -> Error {
        let answer = self.with_body(answer);
        self.client
            .refused(&self.access, answer)
            .context(format!("failed to {what} {}", self.name()))
    }
}

impl Repository<'_> {
    /// An answer to HEAD says nothing of why: the same is asked for with GET.
    fn with_body(&self, answer: Answer) -> Answer {
        if !answer.is_to_head() {
            return answer;
        }
        let again = Call::new(Method::GET, &self.access, Target::Location(answer.url.clone()))
            .header("accept", ACCEPT)
            .tried_once();
        match self.client.send(again) {
            Ok(more) if more.status() == answer.status() => more,
            _ => answer,
        }
    }
}

impl BlobSource for Repository<'_> {
    fn open_from(&self, descriptor: &Descriptor, offset: u64) -> Result<BlobReader<'_>> {
        Ok(Box::new(Download::new(self, descriptor.clone(), offset)?))
    }

    fn open(&self, descriptor: &Descriptor) -> Result<BlobReader<'_>> {
        let blob = Download::new(self, descriptor.clone(), 0)?;
        Ok(Box::new(Verified {
            inner: VerifiedReader::new(blob, descriptor.digest.clone(), descriptor.size),
            repository: self,
            digest: descriptor.digest.clone(),
        }))
    }

    fn may_differ(&self) -> bool {
        true
    }

    fn read_manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        let reference = descriptor.digest.to_string();
        let (_, bytes) = self.fetch(&reference)?.ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("manifest {reference} is missing in {}", self.name()),
            )
            .with_hint("an index lists it, but the registry does not have it; whoever pushed the index has left it out")
        })?;
        if bytes.len() as u64 != descriptor.size {
            return Err(Error::damaged(format!(
                "manifest {reference} is {} bytes long instead of {}",
                bytes.len(),
                descriptor.size
            )));
        }
        Ok(bytes)
    }
}

/// Says where content that is not what it should be came from.
struct Verified<'a> {
    inner: VerifiedReader<Download<'a>>,
    repository: &'a Repository<'a>,
    digest: Digest,
}

impl Read for Verified<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(|cause| {
            let error = from_io(cause, |cause| {
                Error::new(ErrorKind::Network, format!("failed to read blob {}", self.digest)).with_source(cause)
            });
            if error.kind() != ErrorKind::Damaged {
                return error.into();
            }
            let url = self.repository.client.origin(&self.repository.access.registry);
            let path = format!("v2/{}/blobs/{}", self.repository.access.repository, self.digest);
            error
                .context(format!("GET {url}{path} gave other content than was asked for"))
                .with_hint("the registry, or something before it, changes what passes through; push the image again")
                .into()
        })
    }
}

impl BlobStore for Repository<'_> {
    fn has_blob(&self, descriptor: &Descriptor) -> Result<bool> {
        let call = Call::new(
            Method::HEAD,
            &self.access,
            self.api(&format!("blobs/{}", descriptor.digest)),
        );
        let answer = self.client.send(call)?;
        match answer.status() {
            200 => Ok(true),
            404 => Ok(false),
            _ => Err(self.failed(&format!("look for blob {} in", descriptor.digest), answer)),
        }
    }

    fn has_manifest(&self, descriptor: &Descriptor) -> Result<bool> {
        let call = Call::new(
            Method::HEAD,
            &self.access,
            self.api(&format!("manifests/{}", descriptor.digest)),
        );
        let answer = self.client.send(call.header("accept", ACCEPT))?;
        match answer.status() {
            200 => Ok(true),
            404 => Ok(false),
            _ => Err(self.failed(&format!("look for manifest {} in", descriptor.digest), answer)),
        }
    }

    fn put_blob(
        &self,
        descriptor: &Descriptor,
        from: &dyn BlobSource,
        step: &mut dyn Step,
        progress: &dyn Progress,
    ) -> Result<Put> {
        upload::put_blob(self, descriptor, from, step, progress)
            .inspect_err(|_| self.client.give_up())
            .map_err(|error| error.context(format!("failed to push blob {} to {}", descriptor.digest, self.name())))
    }

    fn put_manifest(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<()> {
        self.put_under(&descriptor.digest.to_string(), descriptor, bytes)
    }
}

/// A media type without its parameters.
fn essence(content_type: &str) -> String {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// The address in `<...>; rel="next"` (RFC 8288).
fn next_page(link: &str) -> Option<&str> {
    let mut rest = link;
    while let Some((address, after)) = rest.split_once('<').and_then(|(_, rest)| rest.split_once('>')) {
        let parameters = after.split('<').next().unwrap_or_default();
        if parameters.replace(['"', ' '], "").contains("rel=next") {
            return Some(address);
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_links() {
        let check = |link: &str, expected: Option<&str>| assert_eq!(next_page(link), expected, "{link}");
        check(r#"</v2/x?n=1&last=a,b>; rel="next""#, Some("/v2/x?n=1&last=a,b"));
        check("</a>; rel=prev, </b>; rel=next", Some("/b"));
        check("</a>; rel=prev", None);
        check("", None);
    }
}
