//! Copies images from registries into a layout.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cnb::locator::Locator;
use crate::cnb::package_config::{Dependency, PackageConfig};
use crate::cnb::target::{DeclaredTarget, Part};
use crate::error::{Error, ErrorKind, Finding, Findings, Result};
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

/// What a TOML file names.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// The images, each once, in the order of the file.
    pub images: Vec<ImageReference>,
    /// The platforms of its targets.
    pub platforms: Vec<Platform>,
    /// What it names that can not be brought, and other warnings.
    pub warnings: Findings,
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

/// The images that a `package.toml` needs from registries. Paths in it are relative to it.
pub fn named_in(file: &Path) -> Result<Named> {
    let text = std::fs::read(file).map_err(|cause| Error::io("read", file, cause))?;
    if file.file_name().is_some_and(|name| name == "builder.toml") {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("`{}` is for a builder, which airpack does not make yet", file.display()),
        )
        .with_hint("name its images on the command line: airpack pull NAME... --layout DIR"));
    }
    let (config, mut findings) = PackageConfig::parse(file, &text, false);
    let task = format!("read `{}`", file.display());
    let Some(config) = config else {
        return findings.into_warnings(&task).map(|warnings| Named {
            warnings,
            ..Named::default()
        });
    };
    let mut named = Named::default();
    for dependency in &config.dependencies {
        let place = dependency.place.clone();
        let Some(image) = remote(&dependency.value, file, &mut |finding| {
            findings.push(finding.at(place.clone()));
        }) else {
            continue;
        };
        match image.parse::<ImageReference>() {
            Ok(image) if named.images.contains(&image) => {}
            Ok(image) => named.images.push(image),
            Err(error) => {
                let hint = error.hint().unwrap_or_default().to_owned();
                findings.push(Finding::error(error.to_string()).at(place).hint(hint));
            }
        }
    }
    for target in &config.targets {
        match platform_of(target) {
            Some(platform) if named.platforms.contains(&platform) => {}
            Some(platform) => named.platforms.push(platform),
            None => findings.push(
                Finding::warning("this target says no arch: it takes no part in choosing platforms")
                    .at(target.place(Part::Whole).clone())
                    .hint("give --platform"),
            ),
        }
    }
    named.warnings = findings.into_warnings(&task)?;
    if named.images.is_empty() {
        return Err(
            Error::invalid(format!("`{}` names no images in registries", file.display()))
                .with_hint("dependencies of the form `docker://NAME`, or with `image`, are brought"),
        );
    }
    Ok(named)
}

/// The name of an image in a registry; `None` for what is on disk, and for what no registry of images has.
fn remote<'d>(dependency: &'d Dependency, file: &Path, warn: &mut dyn FnMut(Finding)) -> Option<&'d str> {
    match &dependency.locator {
        Locator::Image(name) => Some(name),
        Locator::Bare(text) => {
            let is_local = text.contains(':') && !text.contains('/')
                || text.starts_with(['.', '/'])
                || file.parent().unwrap_or(Path::new("")).join(text).exists();
            (!is_local && text.parse::<ImageReference>().is_ok()).then_some(text)
        }
        Locator::Path(_) | Locator::Stored { .. } => None,
        Locator::Remote(_) => {
            let finding = Finding::warning(format!(
                "`{}` is in no registry of images, and is not brought",
                dependency.written
            ));
            warn(finding.hint("download it where there is a network, and name the file"));
            None
        }
    }
}

fn platform_of(declared: &DeclaredTarget) -> Option<Platform> {
    let target = &declared.target;
    if target.os.is_empty() || target.arch.is_empty() {
        return None;
    }
    let variant = (!target.variant.is_empty()).then(|| format!("/{}", target.variant));
    format!("{}/{}{}", target.os, target.arch, variant.unwrap_or_default())
        .parse()
        .ok()
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
                    index.tag(root, name);
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
