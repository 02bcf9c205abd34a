//! [`Graph`]: everything that a manifest or an index leads to. The one list of the fields that refer to other blobs.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::Deserialize;
use serde_json::Value;

use super::descriptor::{Annotations, Descriptor, media_type};
use super::digest::Digest;
use super::image::{ImageConfig, ImageManifest};
use super::index::{ImageIndex, MAX_DEPTH};
use super::json;
use super::layout::IndexFile;
use super::platform::{Platform, no_image_for};
use super::store::{BlobSource, BlobState, ImageSource, WithDocuments};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;

/// Manifests that are followed from one root.
const MAX_MANIFESTS: usize = 10_000;
/// Artifact manifests of the OCI image spec 1.1's release candidates.
pub(super) const ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";
/// A blob of an unknown type that is longer is no manifest.
const MAX_UNKNOWN: u64 = 4 << 20;
/// Bytes of manifests that are held at once.
const MAX_MANIFEST_BYTES: usize = 256 << 20;

/// A manifest or an index, with its bytes as they are.
#[derive(Debug, Clone)]
pub struct Document {
    /// Points to it.
    pub descriptor: Descriptor,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Manifests and indexes that it lists.
    pub manifests: Vec<Descriptor>,
    /// Blobs that it needs.
    pub blobs: Vec<Descriptor>,
    /// What it names but does not need: layers that are had from their owner, and the manifest that it is about.
    pub others: Vec<Descriptor>,
}

/// What a root leads to.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// Manifests and indexes, each once, each after those it lists; the root comes last.
    pub documents: Vec<Document>,
}

/// What a manifest is about and for, for the list of referrers (OCI distribution spec, "Listing Referrers").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    /// The manifest that it is about.
    pub subject: Digest,
    /// Its `artifactType`; without one, the media type of its config.
    pub artifact_type: Option<String>,
    /// Its own annotations.
    pub annotations: Annotations,
}

impl Referrer {
    /// How a list of referrers names the manifest that `descriptor` points to.
    #[must_use]
    pub fn listed(&self, descriptor: &Descriptor) -> Descriptor {
        let mut listed = Descriptor::new(&descriptor.media_type, descriptor.digest.clone(), descriptor.size);
        listed.annotations.clone_from(&self.annotations);
        if let Some(artifact_type) = &self.artifact_type {
            listed
                .other
                .insert("artifactType".to_owned(), artifact_type.clone().into());
        }
        listed
    }
}

/// The fields of a manifest or an index that lead somewhere.
#[derive(Deserialize)]
struct Fields {
    #[serde(rename = "schemaVersion", default)]
    schema_version: Value,
    #[serde(rename = "mediaType")]
    media_type: Option<String>,
    #[serde(rename = "artifactType")]
    artifact_type: Option<String>,
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    /// In artifact manifests of the OCI image spec 1.1's release candidates.
    blobs: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
    #[serde(default, deserialize_with = "json::null_as_default")]
    annotations: Annotations,
}

impl Fields {
    fn of(bytes: &[u8], digest: &Digest) -> Result<Self> {
        let fields: Self = json::from_slice(bytes, &format!("manifest {digest}"))?;
        if fields.schema_version == 1 {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("manifest {digest} is of Docker's schema 1, which has no digests of its layers"),
            )
            .with_hint("push the image again with a tool of today, or convert it: skopeo copy --format oci"));
        }
        if fields.schema_version != 2 {
            return Err(Error::damaged(format!(
                "manifest {digest} has schemaVersion {}, not 2",
                fields.schema_version
            )));
        }
        Ok(fields)
    }
}

/// The media type of a manifest by what stands in it, else by what `said` of it.
pub fn media_type_of(bytes: &[u8], digest: &Digest, said: Option<&str>) -> Result<String> {
    let fields = Fields::of(bytes, digest)?;
    let is_known = |said: &&str| media_type::is_index(said) || media_type::is_manifest(said) || *said == ARTIFACT;
    if let Some(said) = fields.media_type.as_deref().or(said).filter(is_known) {
        return Ok(said.to_owned());
    }
    if fields.manifests.is_some() {
        Ok(media_type::INDEX.to_owned())
    } else if fields.config.is_some() {
        Ok(media_type::MANIFEST.to_owned())
    } else {
        Err(Error::damaged(format!(
            "manifest {digest} is neither an image nor an image index"
        )))
    }
}

/// What the manifest in `bytes` says of another; `None` when it is about none.
pub fn referrer_of(bytes: &[u8], digest: &Digest) -> Result<Option<Referrer>> {
    let fields = Fields::of(bytes, digest)?;
    let Some(subject) = fields.subject else { return Ok(None) };
    Ok(Some(Referrer {
        subject: subject.digest,
        artifact_type: fields
            .artifact_type
            .or(fields.config.map(|config| config.media_type))
            .filter(|artifact_type| !artifact_type.is_empty()),
        annotations: fields.annotations,
    }))
}

/// Whether a layer is not to be copied: its bytes are to be had from its owner only.
pub(super) fn is_foreign(layer: &Descriptor) -> bool {
    layer.media_type.contains(".nondistributable.") || layer.media_type.contains(".foreign.")
}

/// Whether a descriptor points to something that lists others.
pub(super) fn is_document(descriptor: &Descriptor) -> bool {
    let media_type = descriptor.media_type.as_str();
    media_type::is_index(media_type) || media_type::is_manifest(media_type) || media_type == ARTIFACT
}

impl Document {
    /// Reads what a manifest or index leads to. What is neither is a leaf.
    pub fn new(descriptor: Descriptor, bytes: Vec<u8>) -> Result<Self> {
        let fields = Fields::of(&bytes, &descriptor.digest)?;
        if fields.manifests.is_some() && (fields.config.is_some() || fields.layers.is_some()) {
            // tools differ on which of the two it is (CVE-2021-41190)
            return Err(Error::damaged(format!(
                "{} is an image and an image index at once",
                descriptor.digest
            )));
        }
        let is_whole = if media_type::is_index(&descriptor.media_type) {
            fields.manifests.is_some()
        } else {
            !media_type::is_manifest(&descriptor.media_type) || fields.config.is_some()
        };
        if !is_whole {
            return Err(Error::damaged(format!(
                "{} is no {}: what it must have is not in it",
                descriptor.digest, descriptor.media_type
            )));
        }
        // an index may list what is no manifest
        let (manifests, others): (Vec<_>, Vec<_>) =
            fields.manifests.unwrap_or_default().into_iter().partition(is_document);
        let layers = fields.layers.into_iter().chain(fields.blobs).flatten();
        let (foreign, layers): (Vec<_>, Vec<_>) = layers.partition(is_foreign);
        let blobs = fields.config.into_iter().chain(layers).chain(others).collect();
        Ok(Self {
            descriptor,
            bytes,
            manifests,
            blobs,
            others: foreign.into_iter().chain(fields.subject).collect(),
        })
    }
}

/// The manifests that an index lists; none for anything else.
pub fn children(source: &dyn BlobSource, entry: &Descriptor) -> Result<Vec<Descriptor>> {
    if !media_type::is_index(&entry.media_type) {
        return Ok(Vec::new());
    }
    Ok(Document::new(entry.clone(), source.read_manifest(entry)?)?.manifests)
}

impl Graph {
    /// Reads all manifests below `root`.
    pub fn read(source: &dyn BlobSource, root: &Descriptor, progress: &dyn Progress) -> Result<Self> {
        let documents = Walk::new(source, progress).root(root)?;
        Ok(Self { documents })
    }

    /// The last document.
    #[must_use]
    pub fn root(&self) -> &Document {
        self.documents.last().expect("a graph has its root")
    }

    /// All blobs, each once, by digest.
    #[must_use]
    pub fn blobs(&self) -> BTreeMap<&Digest, &Descriptor> {
        let all = self.documents.iter().flat_map(|document| &document.blobs);
        all.map(|blob| (&blob.digest, blob)).collect()
    }

    /// The digests of all documents.
    pub fn digests(&self) -> impl Iterator<Item = &Digest> {
        self.documents.iter().map(|document| &document.descriptor.digest)
    }
}

/// The digests of all that the entries of `index` lead to, and of what is named there and need not be there.
///
/// An error where a manifest on the way can not be read: nobody knows what that needs.
pub fn reachable(source: &dyn ImageSource, index: &IndexFile, progress: &dyn Progress) -> Result<HashSet<Digest>> {
    let mut digests = HashSet::new();
    let mut left: Vec<Descriptor> = index.entries().to_vec();
    let mut walk = Walk::new(source, progress);
    while let Some(entry) = left.pop() {
        digests.insert(entry.digest.clone());
        if !is_document(&entry) {
            digests.extend(named_below(source, &entry.digest, progress)?);
            continue;
        }
        for document in walk.root(&entry)? {
            let is_index = media_type::is_index(&document.descriptor.media_type);
            digests.insert(document.descriptor.digest);
            for blob in document.blobs {
                // what an index lists and is no manifest
                if is_index {
                    digests.extend(named_below(source, &blob.digest, progress)?);
                }
                digests.insert(blob.digest);
            }
            for other in document.others {
                digests.insert(other.digest.clone());
                // what a signature is about may have lost its own entry
                if source.state(&other.digest)? != BlobState::Missing {
                    left.push(other);
                }
            }
        }
    }
    Ok(digests)
}

/// All digests that a blob of an unknown type names, if it is JSON, and those that what they stand for names, and so on.
///
/// Manifests of old registries and of tools of their own say in fields of their own what they need.
pub fn named_below(source: &dyn ImageSource, digest: &Digest, progress: &dyn Progress) -> Result<HashSet<Digest>> {
    let mut named = HashSet::new();
    let mut left = vec![digest.clone()];
    while let Some(digest) = left.pop() {
        progress.check()?;
        let BlobState::Length(size) = source.state(&digest)? else {
            continue;
        };
        if size > MAX_UNKNOWN {
            continue;
        }
        let bytes = source.read(&Descriptor::new("", digest, size))?;
        let Ok(value) = serde_json::from_slice::<Value>(&bytes) else {
            continue;
        };
        for found in digests_in(&value) {
            if named.insert(found.clone()) {
                left.push(found);
            }
        }
    }
    Ok(named)
}

/// All texts in a JSON value that are digests.
fn digests_in(value: &Value) -> Vec<Digest> {
    let mut digests = Vec::new();
    let mut left = vec![value];
    while let Some(value) = left.pop() {
        match value {
            Value::String(text) => digests.extend(text.parse::<Digest>()),
            Value::Array(items) => left.extend(items),
            Value::Object(members) => left.extend(members.values()),
            _ => {}
        }
    }
    digests
}

struct Walk<'a> {
    source: &'a dyn BlobSource,
    progress: &'a dyn Progress,
    graph: Graph,
    /// `false` while what a document lists is being visited.
    states: HashMap<Digest, bool>,
    /// What is said of each blob.
    sizes: HashMap<Digest, u64>,
    /// Of the root that is visited now.
    bytes: usize,
    manifests: usize,
}

impl<'a> Walk<'a> {
    fn new(source: &'a dyn BlobSource, progress: &'a dyn Progress) -> Self {
        Self {
            source,
            progress,
            graph: Graph::default(),
            states: HashMap::new(),
            sizes: HashMap::new(),
            bytes: 0,
            manifests: 0,
        }
    }

    /// The documents below a root, but for those that an earlier root has led to.
    fn root(&mut self, root: &Descriptor) -> Result<Vec<Document>> {
        (self.bytes, self.manifests) = (0, 0);
        self.visit(root, 0)?;
        Ok(std::mem::take(&mut self.graph.documents))
    }

    /// An error when two descriptors say different things of one blob.
    fn agree(&mut self, descriptor: &Descriptor) -> Result<()> {
        let size = *self.sizes.entry(descriptor.digest.clone()).or_insert(descriptor.size);
        if size == descriptor.size {
            return Ok(());
        }
        Err(Error::damaged(format!(
            "{} is said to be {size} bytes long, and {} bytes elsewhere",
            descriptor.digest, descriptor.size
        )))
    }

    fn visit(&mut self, descriptor: &Descriptor, depth: usize) -> Result<()> {
        self.progress.check()?;
        self.agree(descriptor)?;
        match self.states.get(&descriptor.digest) {
            Some(true) => return Ok(()),
            Some(false) => {
                return Err(Error::damaged(format!(
                    "manifest {} leads to itself",
                    descriptor.digest
                )));
            }
            None => {}
        }
        if depth > MAX_DEPTH {
            return Err(Error::damaged(format!(
                "image index {} is nested more than {MAX_DEPTH} deep",
                descriptor.digest
            )));
        }
        self.states.insert(descriptor.digest.clone(), false);
        let bytes = self.source.read_manifest(descriptor)?;
        self.bytes += bytes.len();
        self.manifests += 1;
        if self.manifests > MAX_MANIFESTS || self.bytes > MAX_MANIFEST_BYTES {
            return Err(Error::damaged(format!(
                "it leads to more than {MAX_MANIFESTS} manifests or {} MiB of them",
                MAX_MANIFEST_BYTES >> 20
            )));
        }
        let document = Document::new(descriptor.clone(), bytes)?;
        for blob in &document.blobs {
            self.agree(blob)?;
        }
        for child in &document.manifests {
            self.visit(child, depth + 1)?;
        }
        self.states.insert(descriptor.digest.clone(), true);
        self.graph.documents.push(document);
        Ok(())
    }
}

/// A choice of the images of an index.
#[derive(Debug, Clone)]
enum Subset {
    /// All are wanted: the index stays as it is.
    Whole,
    /// The bytes of a new index with the others taken out.
    Part(Vec<u8>),
}

/// Takes out of the index in `bytes` what is for none of `platforms`; what is about a kept image (attestations) stays.
///
/// For each platform the images nearest to it are kept. An error lists what there is when one has none.
fn subset(bytes: &[u8], digest: &Digest, platforms: &[Platform]) -> Result<Subset> {
    let mut index: ImageIndex = json::from_slice(bytes, &format!("image index {digest}"))?;
    let mut kept: HashSet<Digest> = HashSet::new();
    for wanted in platforms {
        let distance = |child: &Descriptor| child.platform.as_ref().and_then(|platform| platform.distance(wanted));
        let Some(least) = index.manifests.iter().filter_map(distance).min() else {
            let has: BTreeSet<String> = index
                .manifests
                .iter()
                .filter_map(|child| child.platform.as_ref())
                .filter(|platform| platform.os != "unknown")
                .map(ToString::to_string)
                .collect();
            return Err(no_image_for(wanted, digest, has));
        };
        let nearest = index.manifests.iter().filter(|child| distance(child) == Some(least));
        kept.extend(nearest.map(|child| child.digest.clone()));
    }
    let count = index.manifests.len();
    let names: HashSet<String> = kept.iter().map(ToString::to_string).collect();
    index.manifests.retain(|child| {
        let about = child.annotation("vnd.docker.reference.digest");
        let is_about_kept = || about.is_some_and(|about| names.contains(about));
        kept.contains(&child.digest) || is_about_kept()
    });
    if index.manifests.len() == count {
        return Ok(Subset::Whole);
    }
    Ok(Subset::Part(json::to_bytes(&index)))
}

/// Chooses what is for `platforms` below `root`: the same root, or a new index, which is added to `source`. All, when none are given.
///
/// An image that is not behind an index is taken when its config says that it is for one of them.
pub fn choose(source: &mut WithDocuments<'_>, root: &Descriptor, platforms: &[Platform]) -> Result<Descriptor> {
    if platforms.is_empty() {
        return Ok(root.clone());
    }
    let bytes = source.read_manifest(root)?;
    if media_type::is_index(&root.media_type) {
        return Ok(match subset(&bytes, &root.digest, platforms)? {
            Subset::Whole => root.clone(),
            Subset::Part(bytes) => {
                let size = bytes.len() as u64;
                Descriptor::new(&root.media_type, source.add(bytes), size)
            }
        });
    }
    let manifest: ImageManifest = json::from_slice(&bytes, &format!("image manifest {}", root.digest))?;
    let config: ImageConfig = json::from_slice(
        &source.read(&manifest.config)?,
        &format!("image config {}", manifest.config.digest),
    )?;
    let own = config.platform();
    for wanted in platforms {
        if own.distance(wanted).is_none() {
            return Err(no_image_for(wanted, &root.digest, [own.to_string()]));
        }
    }
    Ok(root.clone())
}
