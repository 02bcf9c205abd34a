//! [`Catalog`]: what a source has, by repository, as the server offers it.

use std::collections::{BTreeMap, HashMap};

use crate::error::{Error, Result};
use crate::oci::descriptor::{Descriptor, media_type};
use crate::oci::digest::Digest;
use crate::oci::graph::{Graph, referrer_of};
use crate::oci::layout::{IndexFile, REF_NAME};
use crate::oci::reference::ImageReference;
use crate::oci::store::ImageSource;
use crate::progress::Progress;

/// All repositories, by name.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    pub(super) repositories: BTreeMap<String, Hosted>,
    /// What can not be offered, and why.
    pub(super) faults: Vec<String>,
}

/// One repository.
#[derive(Debug, Default)]
pub(super) struct Hosted {
    pub(super) tags: BTreeMap<String, Digest>,
    pub(super) manifests: HashMap<Digest, Descriptor>,
    pub(super) blobs: HashMap<Digest, Descriptor>,
    /// What is about each manifest.
    pub(super) referrers: BTreeMap<Digest, Vec<Descriptor>>,
}

impl Hosted {
    fn add(&mut self, graph: &Graph) -> Result<()> {
        for document in &graph.documents {
            let descriptor = &document.descriptor;
            for blob in &document.blobs {
                self.blobs.insert(blob.digest.clone(), blob.clone());
            }
            let is_new = self
                .manifests
                .insert(descriptor.digest.clone(), descriptor.clone())
                .is_none();
            if is_new && let Some(referrer) = referrer_of(&document.bytes, &descriptor.digest)? {
                let listed = referrer.listed(descriptor);
                self.referrers.entry(referrer.subject).or_default().push(listed);
            }
        }
        Ok(())
    }
}

/// An entry with the name that it bears.
struct Named {
    registry: String,
    repository: String,
    tag: Option<String>,
    entry: Descriptor,
}

impl Catalog {
    /// Reads all manifests. Images without a full name are below `unnamed`; what is about an image is beside it.
    pub(super) fn read(
        source: &dyn ImageSource,
        index: &IndexFile,
        unnamed: &str,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let mut catalog = Self::default();
        let (mut named, mut loose) = (Vec::new(), Vec::new());
        for entry in index.entries() {
            if !media_type::is_index(&entry.media_type) && !media_type::is_manifest(&entry.media_type) {
                let what = &entry.media_type;
                catalog.faults.push(format!("{} is no image but {what}", entry.digest));
                continue;
            }
            match name_of(entry, unnamed) {
                Some(name) => named.push(name),
                None => loose.push(entry.clone()),
            }
        }
        for name in &named {
            let repository = if is_ambiguous(name, &named) {
                format!("{}/{}", name.registry.replace(':', "-"), name.repository)
            } else {
                name.repository.clone()
            };
            match Graph::read(source, &name.entry, progress) {
                Ok(graph) => {
                    let hosted = catalog.repositories.entry(repository).or_default();
                    hosted.add(&graph)?;
                    if let Some(tag) = &name.tag {
                        hosted.tags.insert(tag.clone(), name.entry.digest.clone());
                    }
                }
                Err(error) => catalog.cannot(&name.entry, &error, progress)?,
            }
        }
        catalog.add_loose(source, loose, unnamed, progress)?;
        Ok(catalog)
    }

    /// Entries without a name: beside what they are about, however many steps away; else by digest only.
    fn add_loose(
        &mut self,
        source: &dyn ImageSource,
        loose: Vec<Descriptor>,
        unnamed: &str,
        progress: &dyn Progress,
    ) -> Result<()> {
        let mut left = Vec::new();
        for entry in loose {
            match Graph::read(source, &entry, progress) {
                Ok(graph) => left.push((entry, graph)),
                Err(error) => self.cannot(&entry, &error, progress)?,
            }
        }
        loop {
            let mut waiting = Vec::new();
            let before = left.len();
            for (entry, graph) in left {
                let subject = referrer_of(&graph.root().bytes, &entry.digest)?.map(|referrer| referrer.subject);
                let mut is_placed = false;
                for hosted in self.repositories.values_mut() {
                    let is_child = hosted.manifests.contains_key(&entry.digest);
                    let is_about = subject
                        .as_ref()
                        .is_some_and(|subject| hosted.manifests.contains_key(subject));
                    if is_child || is_about {
                        hosted.add(&graph)?;
                        is_placed = true;
                    }
                }
                if !is_placed {
                    waiting.push((entry, graph));
                }
            }
            left = waiting;
            if left.len() == before {
                break;
            }
        }
        for (_, graph) in left {
            self.repositories.entry(unnamed.to_owned()).or_default().add(&graph)?;
        }
        Ok(())
    }

    fn cannot(&mut self, entry: &Descriptor, error: &Error, progress: &dyn Progress) -> Result<()> {
        progress.check()?;
        let name = entry.annotation(REF_NAME).unwrap_or("an entry without a name");
        self.faults.push(format!("{name}: {error}"));
        Ok(())
    }
}

fn name_of(entry: &Descriptor, unnamed: &str) -> Option<Named> {
    let named = |registry: &str, repository: &str, tag: Option<&str>| Named {
        registry: registry.to_owned(),
        repository: repository.to_owned(),
        tag: tag.map(ToOwned::to_owned),
        entry: entry.clone(),
    };
    if let Some(name) = IndexFile::name_of(entry) {
        return Some(named(name.registry(), name.repository(), Some(name.tag())));
    }
    let by_digest = IndexFile::full_name_of(entry).and_then(|name| name.parse::<ImageReference>().ok());
    if let Some(reference) = by_digest {
        return Some(named(reference.name.registry(), reference.name.repository(), None));
    }
    let tag = entry.annotation(REF_NAME)?;
    let is_tag = format!("x:{tag}").parse::<ImageReference>().is_ok();
    is_tag.then(|| named("", unnamed, Some(tag)))
}

/// Whether another registry has something else under the same repository and tag.
fn is_ambiguous(name: &Named, all: &[Named]) -> bool {
    !name.registry.is_empty()
        && all.iter().any(|other| {
            other.registry != name.registry
                && other.repository == name.repository
                && other.tag == name.tag
                && other.entry.digest != name.entry.digest
        })
}
