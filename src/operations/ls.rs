//! Lists the images of a layout: what they are, for which platforms, how large, and what they share.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cnb_image::image_kind::ImageKind;
use crate::error::{Error, Result};
use crate::oci::descriptor::{Descriptor, media_type};
use crate::oci::digest::Digest;
use crate::oci::graph::{Document, Graph, referrer_of};
use crate::oci::image::ImageManifest;
use crate::oci::json::{self, displayed};
use crate::oci::layout::{EntryName, IndexFile, Layout, REF_NAME, Stored};
use crate::oci::locate::is_list;
use crate::oci::members::about;
use crate::oci::opened::OpenedImage;
use crate::oci::platform::Platform;
use crate::oci::store::BlobSource;
use crate::progress::Progress;

/// What a layout has.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LsReport {
    /// The layout.
    #[serde(serialize_with = "displayed")]
    pub layout: PathBuf,
    /// The entries of `index.json`, in their order.
    pub images: Vec<Listed>,
    /// How many blobs there are.
    pub blobs: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of those that no image needs; `None` where that can not be known, since an image is damaged.
    pub unreferenced_bytes: Option<u64>,
}

/// An entry of `index.json`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// Its name within the layout, for `oci:LAYOUT:TAG`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ref_name: Option<String>,
    /// Its full name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it leads to.
    pub digest: Digest,
    /// What that is: `buildpack ID@VERSION`, `composite ...`, `extension ...`, `builder`, `lifecycle VERSION`, `image`,
    /// `artifact TYPE`, `referrers`, `index`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What its images are for.
    pub platforms: Vec<Platform>,
    /// Bytes of all its blobs, each counted once, as they are compressed.
    pub size: u64,
    /// Those of them that another image of the layout has as well.
    pub shared: u64,
    /// Why it can not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
}

/// What an entry leads to.
struct Content {
    /// All its blobs and manifests, and their lengths.
    blobs: BTreeMap<Digest, u64>,
    kind: String,
    platforms: Vec<Platform>,
    /// The first blob that is plainly not there.
    damage: Option<Error>,
}

/// Reads manifests and configs; layers are only looked for.
pub fn run(root: &Path, progress: &dyn Progress) -> Result<LsReport> {
    let layout = Layout::open(root)?;
    let index = layout.index_file()?;
    let mut contents: HashMap<Digest, Result<Content>> = HashMap::new();
    for entry in index.entries() {
        progress.check()?;
        if !contents.contains_key(&entry.digest) {
            contents.insert(entry.digest.clone(), content(&layout, entry, progress));
        }
    }
    progress.check()?;
    let users = users(&contents);
    let images = index
        .entries()
        .iter()
        .map(|entry| listed(entry, &contents[&entry.digest], &users));
    let images = images.collect();
    let blobs = Stored::read(layout.root())?.blobs;
    let unreferenced = blobs
        .iter()
        .filter(|(digest, _)| !users.contains_key(digest))
        .map(|(_, size)| size)
        .sum();
    Ok(LsReport {
        layout: root.to_owned(),
        images,
        blobs: blobs.len(),
        bytes: blobs.iter().map(|(_, size)| size).sum(),
        unreferenced_bytes: contents.values().all(Result::is_ok).then_some(unreferenced),
    })
}

/// In how many images a blob is.
fn users(contents: &HashMap<Digest, Result<Content>>) -> HashMap<Digest, usize> {
    let mut users = HashMap::new();
    for content in contents.values().flatten() {
        for digest in content.blobs.keys() {
            *users.entry(digest.clone()).or_default() += 1;
        }
    }
    users
}

fn listed(entry: &Descriptor, content: &Result<Content>, users: &HashMap<Digest, usize>) -> Listed {
    let name = match EntryName::of(entry) {
        Some(EntryName::Tag(_)) | None => IndexFile::full_name_of(entry).map(ToOwned::to_owned),
        Some(name) => Some(name.to_string()),
    };
    let mut listed = Listed {
        ref_name: entry.annotation(REF_NAME).map(ToOwned::to_owned),
        name,
        digest: entry.digest.clone(),
        kind: None,
        platforms: Vec::new(),
        size: 0,
        shared: 0,
        damage: None,
    };
    match content {
        Ok(content) => {
            let is_shared = |digest: &Digest| users.get(digest).is_some_and(|users| *users > 1);
            listed.kind = Some(content.kind.clone());
            listed.platforms.clone_from(&content.platforms);
            listed.size = content.blobs.values().sum();
            let shared = content.blobs.iter().filter(|(digest, _)| is_shared(digest));
            listed.shared = shared.map(|(_, size)| size).sum();
            listed.damage = content.damage.as_ref().map(ToString::to_string);
        }
        Err(error) => listed.damage = Some(error.to_string()),
    }
    listed
}

fn content(layout: &Layout, entry: &Descriptor, progress: &dyn Progress) -> Result<Content> {
    let graph = Graph::read(layout, entry, progress)?;
    let (mut kinds, mut platforms) = (Vec::new(), Vec::new());
    let mut damage = None;
    let said = said_platforms(&graph);
    let attestations = attestations(&graph);
    for document in graph
        .documents
        .iter()
        .filter(|document| !attestations.contains(&document.descriptor.digest))
    {
        let found = image(layout, document);
        match found {
            Ok(Some((kind, platform))) => {
                kinds.push(kind);
                let digest = &document.descriptor.digest;
                platforms.extend(
                    said.get(digest)
                        .cloned()
                        .unwrap_or_else(|| platform.into_iter().collect()),
                );
            }
            Ok(None) => {}
            Err(error) => damage = damage.or(Some(error)),
        }
    }
    kinds.sort();
    kinds.dedup();
    let blobs = graph.blobs();
    let missing = || blobs.values().find_map(|blob| layout.check(blob).err());
    let damage = damage.or_else(missing);
    let mut sizes: BTreeMap<Digest, u64> = blobs
        .iter()
        .map(|(digest, blob)| ((*digest).clone(), blob.size))
        .collect();
    sizes.extend(graph.documents.iter().map(|document| {
        let descriptor = &document.descriptor;
        (descriptor.digest.clone(), descriptor.size)
    }));
    Ok(Content {
        blobs: sizes,
        kind: match kinds.as_slice() {
            _ if is_list(entry) => "referrers".to_owned(),
            [kind] => kind.clone(),
            [] | [..] => "index".to_owned(),
        },
        platforms,
        damage,
    })
}

/// What indexes say that their images are for; one image may be for several.
fn said_platforms(graph: &Graph) -> HashMap<Digest, Vec<Platform>> {
    let mut said: HashMap<Digest, Vec<Platform>> = HashMap::new();
    let mut seen: HashSet<(Digest, Platform)> = HashSet::new();
    for child in graph.documents.iter().flat_map(|document| &document.manifests) {
        if let Some(platform) = &child.platform
            && seen.insert((child.digest.clone(), platform.clone()))
        {
            said.entry(child.digest.clone()).or_default().push(platform.clone());
        }
    }
    said
}

/// What is about an image of the same index.
fn attestations(graph: &Graph) -> BTreeSet<Digest> {
    let all = graph.documents.iter().flat_map(|document| &document.manifests);
    all.filter(|child| about(child).is_some())
        .map(|child| child.digest.clone())
        .collect()
}

/// What the manifest of an image, or of an artifact, is, and what its config is for; `None` for an index.
fn image(layout: &Layout, document: &Document) -> Result<Option<(String, Option<Platform>)>> {
    let descriptor = &document.descriptor;
    if media_type::is_index(&descriptor.media_type) {
        return Ok(None);
    }
    if !media_type::is_manifest(&descriptor.media_type) {
        return Ok(Some((format!("artifact {}", descriptor.media_type), None)));
    }
    let manifest: ImageManifest = json::from_slice(&document.bytes, &format!("image manifest {}", descriptor.digest))?;
    let artifact_type = manifest.other.get("artifactType").and_then(serde_json::Value::as_str);
    let is_image = matches!(
        manifest.config.media_type.as_str(),
        media_type::CONFIG | media_type::DOCKER_CONFIG
    );
    let of_referrer = referrer_of(&document.bytes, &descriptor.digest)?.and_then(|referrer| referrer.artifact_type);
    if !is_image || artifact_type.is_some() {
        let artifact_type = artifact_type.map(ToOwned::to_owned).or(of_referrer);
        let artifact_type = artifact_type.unwrap_or(manifest.config.media_type);
        return Ok(Some((format!("artifact {artifact_type}"), None)));
    }
    let Some(image) = OpenedImage::read(layout, descriptor)? else {
        return Ok(None);
    };
    // labels that are not what they should be make no image unreadable
    let kind = ImageKind::of(&image.config.labels()).unwrap_or(ImageKind::Image);
    Ok(Some((kind.to_string(), Some(image.config.platform()))))
}
