//! What is about other manifests (signatures, SBOMs), in a source that lists its images.

use std::collections::HashSet;

use super::descriptor::{Descriptor, media_type};
use super::digest::Digest;
use super::graph::{Document, Referrer, referrer_of};
use super::layout::REF_NAME;
use super::store::ImageSource;
use crate::error::Result;

/// A manifest that is about another.
#[derive(Debug, Clone)]
pub struct Found {
    /// The manifest.
    pub descriptor: Descriptor,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What it is about.
    pub referrer: Referrer,
}

/// All that is about one of `subjects`, or about something that is found here: each after what it is about.
///
/// Looked at are the entries of the index, and what the lists under fallback tags list (OCI distribution spec, "Referrers
/// Tag Schema").
pub fn find(source: &dyn ImageSource, subjects: impl IntoIterator<Item = Digest>) -> Result<Vec<Found>> {
    let mut left = candidates(source)?;
    let mut subjects: HashSet<Digest> = subjects.into_iter().collect();
    let mut found = Vec::new();
    loop {
        let (about, others): (Vec<Found>, Vec<Found>) = left
            .into_iter()
            .partition(|candidate| subjects.contains(&candidate.referrer.subject));
        if about.is_empty() {
            return Ok(found);
        }
        subjects.extend(about.iter().map(|candidate| candidate.descriptor.digest.clone()));
        found.extend(about);
        left = others;
    }
}

fn candidates(source: &dyn ImageSource) -> Result<Vec<Found>> {
    let mut descriptors = Vec::new();
    for entry in source.index_file()?.entries() {
        let is_list = entry.annotation(REF_NAME).is_some_and(is_fallback_tag);
        if is_list && media_type::is_index(&entry.media_type) {
            let list = source.read_manifest(entry);
            let list = list.and_then(|bytes| Document::new(entry.clone(), bytes));
            descriptors.extend(list.map(|list| list.manifests).unwrap_or_default());
        } else {
            descriptors.push(entry.clone());
        }
    }
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for descriptor in descriptors {
        let is_document =
            media_type::is_index(&descriptor.media_type) || media_type::is_manifest(&descriptor.media_type);
        if !is_document || !seen.insert(descriptor.digest.clone()) {
            continue;
        }
        // what can not be read is about nothing that is asked for
        let Ok(bytes) = source.read_manifest(&descriptor) else {
            continue;
        };
        if let Ok(Some(referrer)) = referrer_of(&bytes, &descriptor.digest) {
            let plain = Descriptor::new(&descriptor.media_type, descriptor.digest, descriptor.size);
            found.push(Found {
                descriptor: plain,
                bytes,
                referrer,
            });
        }
    }
    Ok(found)
}

/// The tag under which registries without a list of referrers keep one.
#[must_use]
pub fn fallback_tag(subject: &Digest) -> String {
    format!("{}-{}", subject.algorithm(), subject.hex())
}

/// Whether a tag is of that form.
#[must_use]
pub fn is_fallback_tag(tag: &str) -> bool {
    tag.replacen('-', ":", 1).parse::<Digest>().is_ok()
}
