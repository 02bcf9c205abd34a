//! The two sides of a comparison: which images are meant, and which is compared with which.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use serde_json::Value;

use super::NamedDigest;
use crate::error::{Error, Result};
use crate::oci::descriptor::{Descriptor, media_type};
use crate::oci::digest::Digest;
use crate::oci::graph::{Graph, children};
use crate::oci::json;
use crate::oci::locate::{ImageLocation, called, the_only};
use crate::oci::opened::{OpenedImage, images_below};
use crate::oci::platform::Platform;
use crate::oci::store::ImageSource;
use crate::progress::Progress;

/// What tells two images for one platform apart (RFC 0128).
const DISTRO: [&str; 2] = ["io.buildpacks.base.distro.name", "io.buildpacks.base.distro.version"];

/// Images that are tried with one another, where their platforms are not equal.
const MAX_PAIRS: usize = 100_000;

/// A layout or an archive, and which images of it are meant.
pub(super) struct Side {
    source: Box<dyn ImageSource>,
    named: Vec<Named>,
    is_selected: bool,
}

/// An image or an index; several images, where a layout lists those of one package without an index.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) name: Option<String>,
    roots: Vec<Descriptor>,
}

/// What is compared with what.
pub(super) struct Pairs<'s> {
    pub(super) both: Vec<(&'s Named, &'s Named)>,
    pub(super) only_before: Vec<&'s Named>,
    pub(super) only_after: Vec<&'s Named>,
    /// Whether names brought them together.
    pub(super) are_named: bool,
}

/// The same for the images of two roots.
pub(super) struct PlatformPairs<'s> {
    pub(super) both: Vec<(&'s OpenedImage, &'s OpenedImage)>,
    pub(super) only_before: Vec<&'s OpenedImage>,
    pub(super) only_after: Vec<&'s OpenedImage>,
}

impl Named {
    pub(super) fn digests(&self) -> Vec<Digest> {
        self.roots.iter().map(|root| root.digest.clone()).collect()
    }

    pub(super) fn noted(&self) -> NamedDigest {
        let digest = self.roots.first().map(|root| root.digest.clone());
        let digest = digest.unwrap_or_else(|| Digest::of(b""));
        NamedDigest {
            name: self.name.clone().unwrap_or_else(|| digest.to_string()),
            digest,
        }
    }
}

impl Side {
    pub(super) fn open(location: &ImageLocation, scratch: &Path) -> Result<Self> {
        let source = location.open(scratch)?;
        let index = source.index_file()?;
        let entries = location.select(&*source, &index, |entry| children(&*source, entry))?;
        let images: Vec<&Descriptor> = entries.iter().collect();
        let is_selected = location.selector.is_some();
        if images.is_empty() {
            return Err(Error::invalid(format!("{} has no images", source.location())));
        }
        // what has no name is one more, whatever it is
        let mut by_name: BTreeMap<Option<String>, Vec<Descriptor>> = BTreeMap::new();
        for entry in images {
            let name = if is_selected { None } else { called(entry) };
            let roots = by_name.entry(name).or_default();
            if roots.iter().all(|known| known.digest != entry.digest) {
                roots.push(entry.clone());
            }
        }
        let named = by_name.into_iter().map(|(name, roots)| Named {
            name: name.or_else(|| roots.first().filter(|_| is_selected).and_then(called)),
            roots,
        });
        let named: Vec<Named> = named.collect();
        Ok(Self {
            source,
            named,
            is_selected,
        })
    }

    pub(super) fn source(&self) -> &dyn ImageSource {
        &*self.source
    }

    /// The images of a root; for a platform, those that are nearest to it, which may be none.
    pub(super) fn images(&self, named: &Named, platform: Option<&Platform>) -> Result<Vec<OpenedImage>> {
        let mut images = Vec::new();
        let mut seen = HashSet::new();
        for descriptor in images_below(&*self.source, &named.roots)? {
            if seen.insert((descriptor.digest.clone(), descriptor.platform.clone())) {
                images.extend(OpenedImage::read(&*self.source, &descriptor)?);
            }
        }
        if let Some(platform) = platform {
            let least = images
                .iter()
                .filter_map(|image| image.platform().distance(platform))
                .min();
            images.retain(|image| least.is_some() && image.platform().distance(platform) == least);
        }
        Ok(images)
    }

    /// What all images are for.
    pub(super) fn platforms(&self) -> Result<BTreeSet<String>> {
        let mut platforms = BTreeSet::new();
        for named in &self.named {
            let images = self.images(named, None)?;
            platforms.extend(images.iter().map(|image| image.platform().to_string()));
        }
        Ok(platforms)
    }

    /// What indexes say besides what they list, the root first; and what they list that is no image.
    pub(super) fn rest(&self, named: &Named, progress: &dyn Progress) -> Result<Rest> {
        let mut rest = Rest::default();
        for root in &named.roots {
            if !is_listing(root) {
                rest.others.insert(root.digest.clone());
                continue;
            }
            let graph = Graph::read(&*self.source, root, progress)?;
            for document in graph.documents.iter().rev() {
                let own = &document.descriptor;
                if !media_type::is_index(&own.media_type) {
                    if OpenedImage::read(&*self.source, own).map_or(true, |image| image.is_none()) || is_about(own) {
                        rest.others.insert(own.digest.clone());
                    }
                    continue;
                }
                rest.others
                    .extend(document.blobs.iter().map(|blob| blob.digest.clone()));
                let mut value: Value = json::from_slice(&document.bytes, &format!("image index {}", own.digest))?;
                if let Some(fields) = value.as_object_mut() {
                    fields.remove("manifests");
                }
                rest.indexes.push(value);
            }
        }
        Ok(rest)
    }
}

/// What there is of an image besides the images for platforms.
#[derive(Debug, Default)]
pub(super) struct Rest {
    pub(super) indexes: Vec<Value>,
    pub(super) others: BTreeSet<Digest>,
}

fn is_listing(descriptor: &Descriptor) -> bool {
    media_type::is_index(&descriptor.media_type) || media_type::is_manifest(&descriptor.media_type)
}

/// Attestations and the like.
fn is_about(descriptor: &Descriptor) -> bool {
    descriptor
        .platform
        .as_ref()
        .is_some_and(|platform| platform.os == "unknown")
}

/// One with one; where there are several, those of one name.
pub(super) fn pair<'s>(before: &'s Side, after: &'s Side) -> Result<Pairs<'s>> {
    let mut pairs = Pairs {
        both: Vec::new(),
        only_before: Vec::new(),
        only_after: Vec::new(),
        are_named: false,
    };
    match (&before.named[..], &after.named[..]) {
        ([a], [b]) => pairs.both.push((a, b)),
        ([a], _) if before.is_selected => pairs.both.push((a, the_one_like(a, after)?)),
        (_, [b]) if after.is_selected => pairs.both.push((the_one_like(b, before)?, b)),
        (all_before, all_after) => {
            pairs.are_named = true;
            let named = |list: &'s [Named], name: &Option<String>| list.iter().find(|other| other.name == *name);
            for a in all_before {
                match named(all_after, &a.name) {
                    Some(b) => pairs.both.push((a, b)),
                    None => pairs.only_before.push(a),
                }
            }
            pairs.only_after = all_after
                .iter()
                .filter(|b| named(all_before, &b.name).is_none())
                .collect();
        }
    }
    Ok(pairs)
}

/// The image of `side` that is called as `wanted` is, where one of several is meant.
fn the_one_like<'s>(wanted: &Named, side: &'s Side) -> Result<&'s Named> {
    if let Some(found) = side.named.iter().find(|other| other.name == wanted.name) {
        return Ok(found);
    }
    let roots: Vec<Descriptor> = side.named.iter().flat_map(|named| named.roots.clone()).collect();
    let only = the_only(side.source(), &roots, "")?;
    let found = side.named.iter().find(|named| named.roots.contains(only));
    found.ok_or_else(|| Error::invalid(format!("{} has no images", side.source.location())))
}

/// Whether two images are for the same, more or less.
type Fits<'f> = &'f dyn Fn(&OpenedImage, &OpenedImage) -> bool;

/// Equal platforms first, then near ones, then those that differ in the version of their system only.
pub(super) fn pair_platforms<'s>(before: &'s [OpenedImage], after: &'s [OpenedImage]) -> PlatformPairs<'s> {
    let mut both = Vec::new();
    let mut known: HashMap<(Platform, [Option<&str>; 2]), Vec<&OpenedImage>> = HashMap::new();
    for b in after.iter().rev() {
        known.entry((b.platform(), distro(b))).or_default().push(b);
    }
    let mut free_before: Vec<&OpenedImage> = Vec::new();
    for a in before {
        match known.get_mut(&(a.platform(), distro(a))).and_then(Vec::pop) {
            Some(b) => both.push((a, b)),
            None => free_before.push(a),
        }
    }
    let taken: HashSet<*const OpenedImage> = both.iter().map(|(_, b)| std::ptr::from_ref(*b)).collect();
    let mut free_after: Vec<&OpenedImage> = after
        .iter()
        .filter(|b| !taken.contains(&std::ptr::from_ref(*b)))
        .collect();
    let fits: [Fits<'_>; 3] = [
        &|a, b| a.platform() == b.platform(),
        &|a, b| a.platform().distance(&b.platform()).is_some() || b.platform().distance(&a.platform()).is_some(),
        &|a, b| {
            let without_version = |image: &OpenedImage| Platform {
                os_version: None,
                ..image.platform()
            };
            without_version(a) == without_version(b)
        },
    ];
    for fits in fits {
        // nobody has so many platforms who means well
        if free_before.len().saturating_mul(free_after.len()) > MAX_PAIRS {
            break;
        }
        free_before.retain(|a| match free_after.iter().position(|b| fits(a, b)) {
            Some(at) => {
                both.push((*a, free_after.remove(at)));
                false
            }
            None => true,
        });
    }
    PlatformPairs {
        both,
        only_before: free_before,
        only_after: free_after,
    }
}

fn distro(image: &OpenedImage) -> [Option<&str>; 2] {
    DISTRO.map(|name| image.descriptor.annotation(name))
}
