//! [`Group`]: entries of `index.json` that are one image.

use std::collections::{BTreeMap, HashSet};

use crate::error::{Error, Finding, Findings, Result};
use crate::oci::descriptor::{Descriptor, media_type};
use crate::oci::digest::Digest;
use crate::oci::graph::{Graph, referrer_of};
use crate::oci::layout::EntryName;
use crate::oci::locate::is_list;
use crate::oci::opened::OpenedImage;
use crate::oci::store::{BlobSource, ImageSource};
use crate::progress::Silent;

/// One image: an index, or a manifest for each platform.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// What it is called.
    pub(super) name: Option<EntryName>,
    /// What the source lists; several only where all are manifests.
    pub(super) roots: Vec<Descriptor>,
}

impl Group {
    /// Its name, else its digest.
    pub(super) fn called(&self) -> String {
        let digest = || format!("@{}", self.roots[0].digest);
        self.name.as_ref().map_or_else(digest, ToString::to_string)
    }
}

/// Sorts entries into images: by name; those without names are the platforms of one image, where nothing has a name.
pub(super) fn groups(source: &dyn ImageSource, entries: &[Descriptor], findings: &mut Findings) -> Result<Vec<Group>> {
    let mut named: Vec<Group> = Vec::new();
    let mut positions: BTreeMap<String, usize> = BTreeMap::new();
    let mut nameless: Vec<&Descriptor> = Vec::new();
    for entry in entries.iter().filter(|entry| !is_list(entry)) {
        let Some(name) = EntryName::of(entry) else {
            nameless.push(entry);
            continue;
        };
        let at = *positions.entry(name.to_string()).or_insert(named.len());
        match named.get_mut(at) {
            Some(group) => group.add(entry, source)?,
            None => named.push(Group {
                name: Some(name),
                roots: vec![entry.clone()],
            }),
        }
    }
    let nameless = if nameless.len() == 1 && named.is_empty() {
        nameless
    } else {
        by_themselves(source, &named, nameless)
    };
    if named.is_empty() {
        return nameless_groups(&nameless, source);
    }
    for entry in nameless {
        let message = format!("{} has no name, and is left out", entry.digest);
        let hint = format!("import it by itself: SOURCE@{} with --name", entry.digest);
        findings.push(Finding::warning(message).hint(hint));
    }
    Ok(named)
}

impl Group {
    fn add(&mut self, entry: &Descriptor, source: &dyn ImageSource) -> Result<()> {
        if self.roots.iter().any(|root| root.digest == entry.digest) {
            return Ok(());
        }
        self.roots.push(entry.clone());
        if self.roots.iter().all(|root| media_type::is_manifest(&root.media_type)) {
            return Ok(());
        }
        let digests: Vec<String> = self.roots.iter().map(|root| format!("@{}", root.digest)).collect();
        Err(Error::invalid(format!(
            "several images in {} are called `{}`",
            source.location(),
            self.called()
        ))
        .with_hint(format!(
            "say which, and how to call it with --name: {}",
            digests.join(", ")
        )))
    }
}

/// Without what other tools list beside an image: its children, and what is about it.
fn by_themselves<'e>(source: &dyn ImageSource, named: &[Group], nameless: Vec<&'e Descriptor>) -> Vec<&'e Descriptor> {
    let is_index = |root: &&Descriptor| media_type::is_index(&root.media_type);
    let indexes = named
        .iter()
        .flat_map(|group| &group.roots)
        .chain(nameless.iter().copied())
        .filter(is_index);
    let mut below: HashSet<Digest> = HashSet::new();
    for index in indexes {
        // what can not be read says so when it is imported
        let graph = Graph::read(source, index, &Silent).unwrap_or_default();
        below.extend(graph.digests().filter(|digest| **digest != index.digest).cloned());
    }
    let is_about = |entry: &Descriptor| {
        let bytes = source.read_manifest(entry);
        bytes
            .and_then(|bytes| referrer_of(&bytes, &entry.digest))
            .is_ok_and(|referrer| referrer.is_some())
    };
    let mut seen = HashSet::new();
    let is_own =
        |entry: &&Descriptor| !below.contains(&entry.digest) && !is_about(entry) && seen.insert(entry.digest.clone());
    nameless.into_iter().filter(is_own).collect()
}

fn nameless_groups(entries: &[&Descriptor], source: &dyn BlobSource) -> Result<Vec<Group>> {
    let mut groups: Vec<Group> = Vec::new();
    let mut flat: Vec<Descriptor> = Vec::new();
    for entry in entries {
        let is_image = media_type::is_manifest(&entry.media_type) && OpenedImage::read(source, entry)?.is_some();
        if is_image {
            flat.push((*entry).clone());
        } else {
            groups.push(Group {
                name: None,
                roots: vec![(*entry).clone()],
            });
        }
    }
    if !flat.is_empty() {
        groups.insert(
            0,
            Group {
                name: None,
                roots: flat,
            },
        );
    }
    Ok(groups)
}
