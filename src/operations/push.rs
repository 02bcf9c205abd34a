//! Copies images from a layout or an archive to a registry.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use serde::Serialize;

use crate::error::{Error, Finding, Findings, Result};
use crate::oci::copy::{self, CopyPlan, Trust};
use crate::oci::descriptor::Descriptor;
use crate::oci::digest::Digest;
use crate::oci::graph::{Graph, children, choose, referrer_of};
use crate::oci::layout::IndexFile;
use crate::oci::locate::{ImageLocation, called, is_list, the_only};
use crate::oci::platform::Platform;
use crate::oci::reference::ImageName;
use crate::oci::referrers;
use crate::oci::store::{BlobSource, ImageSource, Put, WithDocuments};
use crate::progress::Progress;
use crate::registry::client::Client;
use crate::registry::repository::{Purpose, Repository, Sending};

/// What to push, and where to.
#[derive(Debug, Clone)]
pub struct PushRequest {
    /// A layout or an archive, and maybe one image in it.
    pub source: ImageLocation,
    /// Where to.
    pub destination: Destination,
    /// Only these platforms of an image; all when there are none.
    pub platforms: Vec<Platform>,
    /// Repositories of the registry that may have blobs already.
    pub mount_from: Vec<String>,
    /// Whether to look for every blob, even below manifests that are there.
    pub check_blobs: bool,
    /// Whether what is about the images goes along.
    pub referrers: bool,
    /// Whether only to say what would be done.
    pub dry_run: bool,
    /// Blobs that are sent at once.
    pub jobs: NonZeroUsize,
    /// Blobs go in parts of so many bytes.
    pub chunk_size: Option<u64>,
    /// Where nameless temporary files go.
    pub scratch: PathBuf,
}

/// Where images go.
#[derive(Debug, Clone)]
pub enum Destination {
    /// One image, under these names of one repository.
    Names(Vec<ImageName>),
    /// All images, under their own names below this: `registry[/path]`.
    Below(String),
}

/// What was pushed.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PushReport {
    /// Whether nothing was done, only said.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// The images in the order of the source.
    pub images: Vec<PushedImage>,
    /// Bytes of blobs and manifests that were sent, or would be.
    #[serde(flatten)]
    pub total: Bytes,
}

/// A count of bytes, by what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Bytes {
    /// They were sent.
    #[serde(rename = "sentBytes")]
    Sent(u64),
    /// They would be.
    #[serde(rename = "bytesToSend")]
    ToSend(u64),
}

impl Bytes {
    fn new(dry_run: bool, bytes: u64) -> Self {
        if dry_run {
            Self::ToSend(bytes)
        } else {
            Self::Sent(bytes)
        }
    }

    /// How many.
    #[must_use]
    pub fn count(self) -> u64 {
        match self {
            Self::Sent(bytes) | Self::ToSend(bytes) => bytes,
        }
    }
}

/// An image that is in the registry now.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PushedImage {
    /// What it is called in the source.
    pub source: String,
    /// The digest of its index or manifest.
    pub digest: Digest,
    /// `registry/repository@digest`.
    pub reference: String,
    /// Its names.
    pub names: Vec<String>,
    /// Whether a new index was made, of some platforms only.
    pub is_subset: bool,
    /// Whether all names led to it before.
    pub unchanged: bool,
    /// Bytes for this image.
    #[serde(flatten)]
    pub bytes: Bytes,
    /// Its blobs, by digest.
    pub blobs: Vec<Copied>,
    /// Its manifests, the root last.
    pub manifests: Vec<Copied>,
    /// What is about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub referrers: Vec<PushedReferrer>,
}

/// Something that is about an image.
#[derive(Debug, Clone, Serialize)]
pub struct PushedReferrer {
    /// The digest of its manifest.
    pub digest: Digest,
    /// What it is about.
    pub subject: Digest,
    /// Its blobs, by digest.
    pub blobs: Vec<Copied>,
    /// Its manifests, the root last.
    pub manifests: Vec<Copied>,
}

/// A blob or manifest, and how it got there.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Copied {
    /// Its digest.
    pub digest: Digest,
    /// Its length.
    pub size: u64,
    /// What it is.
    pub media_type: String,
    /// `sent`, `mounted`, `existing`; `send` where it would be sent.
    pub action: &'static str,
    /// The repository that it was mounted from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

impl Copied {
    fn new(descriptor: &Descriptor, action: &'static str) -> Self {
        Self {
            digest: descriptor.digest.clone(),
            size: descriptor.size,
            media_type: descriptor.media_type.clone(),
            action,
            from: None,
        }
    }

    fn planned(descriptor: &Descriptor, is_there: bool) -> Self {
        Self::new(descriptor, if is_there { "existing" } else { "send" })
    }

    fn put(descriptor: &Descriptor, put: &Put) -> Self {
        match put {
            Put::Wrote | Put::Linked => Self::new(descriptor, "sent"),
            Put::Existed => Self::new(descriptor, "existing"),
            Put::Mounted(from) => Self {
                from: Some(from.clone()),
                ..Self::new(descriptor, "mounted")
            },
        }
    }
}

/// An image and where it goes.
struct Item {
    source: String,
    root: Descriptor,
    names: Vec<ImageName>,
}

/// Pushes what was asked for, one image after the other, each with its blobs in parallel.
pub fn run(request: &PushRequest, client: &Client<'_>, progress: &dyn Progress) -> Result<PushReport> {
    let source = request.source.open(&request.scratch)?;
    let index = source.index_file()?;
    let items = items(request, &*source, &index)?;
    let mut push = Push {
        request,
        client,
        progress,
        source: &*source,
        known_in: known_in(&*source, &index, &items, progress),
        planned: RefCell::default(),
    };
    let mut images = Vec::new();
    for item in &items {
        if let Some(done) = images.last().filter(|_| items.len() > 1 && !request.dry_run) {
            let done: &PushedImage = done;
            progress.done(&format!("{} is {}", done.names.join(", "), done.digest));
        }
        let pushed = push.image(item);
        images
            .push(pushed.map_err(|error| {
                error.context(format!("failed to push `{}` of {}", item.source, source.location()))
            })?);
    }
    let total = images.iter().map(|image| image.bytes.count()).sum();
    Ok(PushReport {
        dry_run: request.dry_run,
        images,
        total: Bytes::new(request.dry_run, total),
    })
}

struct Push<'p> {
    request: &'p PushRequest,
    client: &'p Client<'p>,
    progress: &'p dyn Progress,
    source: &'p dyn ImageSource,
    /// By registry: in which repositories a blob is, or may be.
    known_in: BTreeMap<String, BTreeMap<Digest, BTreeSet<String>>>,
    /// By repository: what a dry run would have sent so far.
    planned: RefCell<BTreeSet<(String, Digest)>>,
}

impl Push<'_> {
    fn image(&mut self, item: &Item) -> Result<PushedImage> {
        let request = self.request;
        let name = &item.names[0];
        let sending = Sending {
            chunk_size: request.chunk_size,
            mount_from: request.mount_from.clone(),
            known_in: self.known_in.get(name.registry()).cloned().unwrap_or_default(),
        };
        let repository = Repository::new(self.client, name, Purpose::Push, sending);
        let mut source = WithDocuments::new(self.source);
        let root = choose(&mut source, &item.root, &request.platforms)?;
        let mut stale = Vec::new();
        for name in &item.names {
            let now = repository.resolve(name.tag())?;
            if now.is_none_or(|now| now.digest != root.digest) {
                stale.push(name.tag());
            }
        }
        let mut image = PushedImage {
            source: item.source.clone(),
            reference: format!("{}@{}", repository.name(), root.digest),
            digest: root.digest.clone(),
            names: item.names.iter().map(ToString::to_string).collect(),
            is_subset: root.digest != item.root.digest,
            unchanged: stale.is_empty(),
            bytes: Bytes::new(request.dry_run, 0),
            blobs: Vec::new(),
            manifests: Vec::new(),
            referrers: Vec::new(),
        };
        if stale.is_empty() && !request.check_blobs && !request.referrers {
            return Ok(image);
        }
        let graph = Graph::read(&source, &root, self.progress)?;
        let subjects: Vec<Digest> = graph.digests().cloned().collect();
        if !stale.is_empty() || request.check_blobs {
            let plan = self.copy(&repository, &source, graph, &mut image.blobs, &mut image.manifests)?;
            if !request.dry_run {
                let (root, _) = plan.documents.last().expect("a plan has its root");
                for tag in stale {
                    repository.tag(tag, &root.descriptor, &root.bytes)?;
                }
                self.remember(name, &plan);
            }
        }
        if request.referrers {
            image.referrers = self.referrers(&repository, subjects)?;
        }
        image.bytes = Bytes::new(request.dry_run, sent(&image));
        Ok(image)
    }

    /// Copies all but the root, or only says what would be copied.
    fn copy(
        &self,
        repository: &Repository<'_>,
        source: &dyn BlobSource,
        graph: Graph,
        blobs: &mut Vec<Copied>,
        manifests: &mut Vec<Copied>,
    ) -> Result<CopyPlan> {
        let request = self.request;
        let trust = if request.check_blobs {
            Trust::Nothing
        } else {
            Trust::Manifests
        };
        let plan = copy::plan(graph, repository, trust, request.jobs, self.progress)?;
        for blob in plan.missing() {
            source.check(blob)?;
        }
        let of_document = |is_there: bool| match (is_there, request.dry_run) {
            (true, _) => "existing",
            (false, true) => "send",
            (false, false) => "sent",
        };
        let documents = plan.documents.iter();
        *manifests = documents
            .map(|(document, is_there)| Copied::new(&document.descriptor, of_document(*is_there)))
            .collect();
        if request.dry_run {
            let mut planned = self.planned.borrow_mut();
            for (blob, is_there) in &plan.blobs {
                // what would be sent for another manifest would be there by now
                let is_there = *is_there || !planned.insert((repository.name(), blob.digest.clone()));
                blobs.push(Copied::planned(blob, is_there));
            }
        } else {
            let copied = copy::run(&plan, source, repository, request.jobs, self.progress)?;
            *blobs = copied.iter().map(|(blob, put)| Copied::put(blob, put)).collect();
        }
        Ok(plan)
    }

    fn referrers(&self, repository: &Repository<'_>, subjects: Vec<Digest>) -> Result<Vec<PushedReferrer>> {
        let mut pushed = Vec::new();
        for found in referrers::find(self.source, subjects)? {
            let graph = Graph::read(self.source, &found.descriptor, self.progress)?;
            let (mut blobs, mut manifests) = (Vec::new(), Vec::new());
            self.copy(repository, self.source, graph, &mut blobs, &mut manifests)?;
            if !self.request.dry_run {
                repository.put_referrer(&found.descriptor, &found.bytes, &found.referrer)?;
            }
            pushed.push(PushedReferrer {
                digest: found.descriptor.digest,
                subject: found.referrer.subject,
                blobs,
                manifests,
            });
        }
        Ok(pushed)
    }

    /// What this run has pushed can be mounted by its next images.
    fn remember(&mut self, name: &ImageName, plan: &CopyPlan) {
        let known = self.known_in.entry(name.registry().to_owned()).or_default();
        for (blob, _) in &plan.blobs {
            known
                .entry(blob.digest.clone())
                .or_default()
                .insert(name.repository().to_owned());
        }
    }
}

/// Bytes of what was sent or would be.
fn sent(image: &PushedImage) -> u64 {
    let of_referrers = image
        .referrers
        .iter()
        .flat_map(|referrer| referrer.blobs.iter().chain(&referrer.manifests));
    image
        .blobs
        .iter()
        .chain(&image.manifests)
        .chain(of_referrers)
        .filter(|copied| matches!(copied.action, "sent" | "send"))
        .map(|copied| copied.size)
        .sum()
}

/// Where the source's own names say that blobs are, on the registries that are pushed to.
fn known_in(
    source: &dyn ImageSource,
    index: &IndexFile,
    items: &[Item],
    progress: &dyn Progress,
) -> BTreeMap<String, BTreeMap<Digest, BTreeSet<String>>> {
    let mut known: BTreeMap<String, BTreeMap<Digest, BTreeSet<String>>> = BTreeMap::new();
    for entry in index.entries() {
        let Some(name) = IndexFile::name_of(entry) else {
            continue;
        };
        let is_elsewhere = |item: &&Item| {
            let target = &item.names[0];
            target.registry() == name.registry() && target.repository() != name.repository()
        };
        if !items.iter().any(|item| is_elsewhere(&item)) {
            continue;
        }
        // a mere hint: what can not be read gives none
        let Ok(graph) = Graph::read(source, entry, progress) else {
            continue;
        };
        let of_registry = known.entry(name.registry().to_owned()).or_default();
        for digest in graph.blobs().into_keys() {
            of_registry
                .entry(digest.clone())
                .or_default()
                .insert(name.repository().to_owned());
        }
    }
    known
}

fn items(request: &PushRequest, source: &dyn ImageSource, index: &IndexFile) -> Result<Vec<Item>> {
    let selected = request.source.select(source, index, |entry| children(source, entry))?;
    match &request.destination {
        Destination::Names(names) => Ok(vec![Item {
            names: names.clone(),
            ..the_one(source, &selected)?
        }]),
        Destination::Below(prefix) => below(prefix, source, &selected),
    }
}

fn the_one(source: &dyn ImageSource, entries: &[Descriptor]) -> Result<Item> {
    let entry = the_only(source, entries, "; or push all with --to REGISTRY[/PATH]")?;
    Ok(Item {
        source: called(entry).unwrap_or_else(|| entry.digest.to_string()),
        root: entry.clone(),
        names: Vec::new(),
    })
}

/// Each image under its own name below `prefix`, without its host.
fn below(prefix: &str, source: &dyn ImageSource, entries: &[Descriptor]) -> Result<Vec<Item>> {
    let mut findings = Findings::default();
    let mut items: Vec<Item> = Vec::new();
    let mut owners: BTreeMap<String, (String, Digest)> = BTreeMap::new();
    let mut nameless = Vec::new();
    for entry in entries.iter().filter(|entry| !is_list(entry)) {
        let Some(own) = IndexFile::name_of(entry) else {
            nameless.push(entry);
            continue;
        };
        let name: ImageName = format!("{prefix}/{}:{}", own.repository(), own.tag()).parse()?;
        match owners.get(&name.to_string()) {
            Some((_, digest)) if *digest == entry.digest => continue,
            Some((other, _)) => {
                let message = format!("`{other}` and `{own}` would both be pushed to `{name}`");
                findings.push(Finding::error(message).hint("push one of them by itself, with a name of its own"));
                continue;
            }
            None => {}
        }
        owners.insert(name.to_string(), (own.to_string(), entry.digest.clone()));
        items.push(Item {
            source: own.to_string(),
            root: entry.clone(),
            names: vec![name],
        });
    }
    let mut children: Option<BTreeSet<Digest>> = None;
    for entry in nameless {
        let about = || -> Result<bool> {
            let bytes = source.read_manifest(entry)?;
            Ok(referrer_of(&bytes, &entry.digest)?.is_some())
        };
        // what other tools list beside an image: its children, and what is about it
        if called(entry).is_none()
            && (children
                .get_or_insert_with(|| children_of(source, &items))
                .contains(&entry.digest)
                || about().unwrap_or_default())
        {
            continue;
        }
        let what = called(entry).map_or_else(|| entry.digest.to_string(), |name| format!("`{name}`"));
        findings.push(
            Finding::error(format!("image {what} has no full name that would say where to push it"))
                .hint("push it by itself: airpack push SOURCE:TAG REGISTRY/REPOSITORY:TAG"),
        );
    }
    if items.is_empty() && findings.is_empty() {
        return Err(Error::invalid(format!("{} has no images", source.location())));
    }
    findings.into_warnings(&format!("push {}", source.location()))?;
    Ok(items)
}

/// Everything that the items lead to.
fn children_of(source: &dyn ImageSource, items: &[Item]) -> BTreeSet<Digest> {
    let graphs = items
        .iter()
        .filter_map(|item| Graph::read(source, &item.root, &crate::progress::Silent).ok());
    graphs
        .flat_map(|graph| graph.digests().cloned().collect::<Vec<_>>())
        .collect()
}
