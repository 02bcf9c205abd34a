//! Copies images from registries into a layout.

mod named;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use serde::Serialize;

pub use named::{Named, named_in};

use crate::error::{Error, ErrorKind, Result};
use crate::oci::copy::{self, Trust};
use crate::oci::descriptor::Descriptor;
use crate::oci::digest::Digest;
use crate::oci::graph::{Graph, choose, referrer_of};
use crate::oci::json::displayed;
use crate::oci::layout::LayoutWriter;
use crate::oci::platform::Platform;
use crate::oci::reference::{ImageName, ImageReference};
use crate::oci::store::{BlobSource, BlobStore, Put, WithDocuments};
use crate::progress::Progress;
use crate::registry::client::Client;
use crate::registry::repository::{Purpose, Repository, Sending};

/// Manifests about one image that are brought along.
const MAX_REFERRERS: usize = 1000;

/// What to pull, and where to.
#[derive(Debug, Clone)]
pub struct PullRequest {
    /// The images.
    pub images: Vec<ImageReference>,
    /// More names for the one image.
    pub names: Vec<ImageName>,
    /// The layout to write to.
    pub layout: PathBuf,
    /// Only these platforms of each image; all when there are none.
    pub platforms: Vec<Platform>,
    /// Whether what is about the images comes along.
    pub referrers: bool,
    /// Whether only to say what would be done.
    pub dry_run: bool,
    /// Blobs that are fetched at once.
    pub jobs: NonZeroUsize,
}

/// What was pulled.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PullReport {
    /// Whether nothing was done, only said.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// The layout.
    #[serde(serialize_with = "displayed")]
    pub layout: PathBuf,
    /// The images, in the order asked for.
    pub images: Vec<PulledImage>,
    /// Bytes that were fetched, or would be.
    pub fetched_bytes: u64,
}

/// An image that is in the layout now.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PulledImage {
    /// Its name.
    pub name: String,
    /// The digest of its index or manifest.
    pub digest: Digest,
    /// Its name within the layout, for `oci:LAYOUT:TAG`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ref_name: Option<String>,
    /// What had the name before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Digest>,
    /// Its other names, and those within the layout.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub more_names: Vec<(String, String)>,
    /// Whether a new index was made, of some platforms only.
    pub is_subset: bool,
    /// Bytes that were fetched, or would be.
    pub fetched_bytes: u64,
    /// Its blobs, by digest.
    pub blobs: Vec<Fetched>,
    /// Its manifests, the root last.
    pub manifests: Vec<Fetched>,
    /// What is about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub referrers: Vec<Digest>,
}

/// A blob or manifest, and whether it was fetched.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fetched {
    /// Its digest.
    pub digest: Digest,
    /// Its length.
    pub size: u64,
    /// What it is.
    pub media_type: String,
    /// `fetched`, `existing`; `fetch` where it would be fetched.
    pub action: &'static str,
}

impl Fetched {
    fn new(descriptor: &Descriptor, action: &'static str) -> Self {
        Self {
            digest: descriptor.digest.clone(),
            size: descriptor.size,
            media_type: descriptor.media_type.clone(),
            action,
        }
    }
}

/// Pulls what was asked for. The layout's index changes in the end, for all images at once; blobs that came before a failure stay.
pub fn run(request: &PullRequest, client: &Client<'_>, progress: &dyn Progress) -> Result<PullReport> {
    let writer = LayoutWriter::new(&request.layout)?;
    let pull = Pull {
        request,
        client,
        progress,
        writer: &writer,
        planned: RefCell::default(),
    };
    let mut images = Vec::new();
    let mut roots = Vec::new();
    let mut referrers = Vec::new();
    for reference in &request.images {
        let pulled = pull.image(reference);
        let (image, root, about) = pulled.map_err(|error| error.context(format!("failed to pull `{reference}`")))?;
        images.push(image);
        roots.push(root);
        referrers.extend(about);
    }
    if !request.dry_run {
        writer.commit(progress, |index| {
            for ((reference, root), image) in request.images.iter().zip(&roots).zip(&mut images) {
                let tagged = match &reference.digest {
                    Some(digest) if !reference.has_tag => {
                        // of a subset the digest is another than the one asked for
                        let digest = if image.is_subset { &root.digest } else { digest };
                        index.enter_by_digest(root, &reference.name, digest)
                    }
                    _ => index.tag(root, &reference.name),
                };
                image.ref_name = Some(tagged.ref_name);
                image.replaced = tagged.replaced;
                for name in &request.names {
                    let more = index.tag(root, name);
                    image.more_names.push((name.to_string(), more.ref_name));
                }
            }
            for referrer in &referrers {
                index.enter_unnamed(referrer);
            }
            Ok(())
        })?;
    }
    Ok(PullReport {
        dry_run: request.dry_run,
        layout: request.layout.clone(),
        fetched_bytes: images.iter().map(|image| image.fetched_bytes).sum(),
        images,
    })
}

struct Pull<'p> {
    request: &'p PullRequest,
    client: &'p Client<'p>,
    progress: &'p dyn Progress,
    writer: &'p LayoutWriter,
    /// What a dry run would have fetched so far.
    planned: RefCell<BTreeSet<Digest>>,
}

impl Pull<'_> {
    fn image(&self, reference: &ImageReference) -> Result<(PulledImage, Descriptor, Vec<Descriptor>)> {
        let repository = Repository::new(self.client, &reference.name, Purpose::Pull, Sending::default());
        let (found, bytes) = repository.require(&reference.reference())?;
        let mut source = WithDocuments::new(&repository);
        source.keep(&found.digest, bytes);
        let root = choose(&mut source, &found, &self.request.platforms)?;
        let graph = Graph::read(&source, &root, self.progress)?;
        let subjects: Vec<Digest> = graph.digests().cloned().collect();
        let (mut blobs, mut manifests) = (Vec::new(), Vec::new());
        self.copy(&source, graph, &mut blobs, &mut manifests)?;
        let mut about = Vec::new();
        if self.request.referrers {
            about = self.referrers(&repository, subjects, &mut blobs, &mut manifests)?;
        }
        let fetched = blobs.iter().chain(&manifests).filter(|one| one.action != "existing");
        let image = PulledImage {
            name: reference.to_string(),
            digest: root.digest.clone(),
            ref_name: None,
            more_names: Vec::new(),
            replaced: None,
            is_subset: root.digest != found.digest,
            fetched_bytes: fetched.map(|one| one.size).sum(),
            blobs,
            manifests,
            referrers: about.iter().map(|referrer| referrer.digest.clone()).collect(),
        };
        Ok((image, root, about))
    }

    fn copy(
        &self,
        source: &dyn BlobSource,
        graph: Graph,
        blobs: &mut Vec<Fetched>,
        manifests: &mut Vec<Fetched>,
    ) -> Result<()> {
        let request = self.request;
        let action = |is_there: bool| match (is_there, request.dry_run) {
            (true, _) => "existing",
            (false, true) => "fetch",
            (false, false) => "fetched",
        };
        let plan = copy::plan(graph, self.writer, Trust::Nothing, request.jobs, self.progress)?;
        for (document, is_there) in &plan.documents {
            manifests.push(Fetched::new(&document.descriptor, action(*is_there)));
        }
        if request.dry_run {
            let mut planned = self.planned.borrow_mut();
            for (blob, is_there) in &plan.blobs {
                // what would be fetched for another manifest would be there by now
                let is_there = *is_there || !planned.insert(blob.digest.clone());
                blobs.push(Fetched::new(blob, action(is_there)));
            }
            return Ok(());
        }
        for (blob, put) in copy::run(&plan, source, self.writer, request.jobs, self.progress)? {
            blobs.push(Fetched::new(&blob, action(put == Put::Existed)));
        }
        let (root, _) = plan.documents.last().expect("a plan has its root");
        self.writer.put_manifest(&root.descriptor, &root.bytes)
    }

    /// What is about `subjects`, and what is about that.
    fn referrers(
        &self,
        repository: &Repository<'_>,
        subjects: Vec<Digest>,
        blobs: &mut Vec<Fetched>,
        manifests: &mut Vec<Fetched>,
    ) -> Result<Vec<Descriptor>> {
        let mut seen: HashSet<Digest> = subjects.iter().cloned().collect();
        let mut next = subjects;
        let mut found = Vec::new();
        while let Some(subject) = next.pop() {
            self.progress.check()?;
            for referrer in repository.referrers(&subject)? {
                if !seen.insert(referrer.digest.clone()) {
                    continue;
                }
                if found.len() == MAX_REFERRERS {
                    return Err(Error::damaged(format!(
                        "{} lists more than {MAX_REFERRERS} manifests that are about one image",
                        repository.name()
                    )));
                }
                let graph = match Graph::read(repository, &referrer, self.progress) {
                    Err(error) if error.kind() == ErrorKind::NotFound => {
                        // lists under tags may be older than what they list
                        self.progress.done(&format!("left out: {error}"));
                        continue;
                    }
                    graph => graph?,
                };
                let root = graph.root();
                // the list is the registry's word; what counts is what the manifest says
                let Some(about) = referrer_of(&root.bytes, &referrer.digest)?.filter(|about| about.subject == subject)
                else {
                    continue;
                };
                found.push(about.listed(&root.descriptor));
                self.copy(repository, graph, blobs, manifests)?;
                next.push(referrer.digest.clone());
            }
        }
        Ok(found)
    }
}

/// The registries that are spoken to.
#[must_use]
pub fn registries(images: &[ImageReference]) -> BTreeSet<String> {
    images.iter().map(|image| image.name.registry().to_owned()).collect()
}
