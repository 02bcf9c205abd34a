//! The two sides of a comparison: which images are meant, and which is compared with which.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::NamedDigest;
use crate::error::{Error, ErrorKind, Result};
use crate::oci::descriptor::{Descriptor, media_type};
use crate::oci::digest::Digest;
use crate::oci::graph::children;
use crate::oci::json;
use crate::oci::locate::{ImageLocation, Selector, called, is_list, the_only};
use crate::oci::opened::{OpenedImage, images_below};
use crate::oci::platform::Platform;
use crate::oci::store::ImageSource;

/// What tells two images for one platform apart (RFC 0128).
const DISTRO: [&str; 2] = ["io.buildpacks.base.distro.name", "io.buildpacks.base.distro.version"];

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

/// A location as it is written on a command line.
pub(super) fn shown(location: &ImageLocation) -> String {
    let path = location.layout.display();
    match &location.selector {
        None => path.to_string(),
        Some(Selector::Tag(tag)) => format!("{path}:{tag}"),
        Some(Selector::Digest(digest)) => format!("{path}@{digest}"),
    }
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
        let images: Vec<&Descriptor> = entries.iter().filter(|entry| !is_list(entry)).collect();
        let mut by_name: BTreeMap<String, Descriptor> = BTreeMap::new();
        for entry in &images {
            if let Some(name) = called(entry) {
                by_name.entry(name).or_insert_with(|| (*entry).clone());
            }
        }
        let is_selected = location.selector.is_some();
        let named = if by_name.is_empty() || is_selected {
            let roots: Vec<Descriptor> = images.into_iter().cloned().collect();
            if roots.is_empty() {
                return Err(Error::invalid(format!("{} has no images", source.location())));
            }
            vec![Named {
                name: roots.first().and_then(called),
                roots,
            }]
        } else {
            let named = by_name.into_iter().map(|(name, root)| Named {
                name: Some(name),
                roots: vec![root],
            });
            named.collect()
        };
        Ok(Self {
            source,
            named,
            is_selected,
        })
    }

    pub(super) fn source(&self) -> &dyn ImageSource {
        &*self.source
    }

    /// The images of a root; for a platform, those that are nearest to it.
    pub(super) fn images(&self, named: &Named, platform: Option<&Platform>) -> Result<Vec<OpenedImage>> {
        let mut images = Vec::new();
        for descriptor in images_below(&*self.source, &named.roots)? {
            images.extend(OpenedImage::read(&*self.source, &descriptor)?);
        }
        let Some(platform) = platform else {
            return Ok(images);
        };
        let least = images
            .iter()
            .filter_map(|image| image.platform().distance(platform))
            .min();
        if least.is_none() {
            let has: Vec<String> = images.iter().map(|image| image.platform().to_string()).collect();
            let message = format!("no image for {platform} in {}", self.source.location());
            return Err(Error::new(ErrorKind::NotFound, message).with_hint(format!("it has {}", has.join(", "))));
        }
        images.retain(|image| image.platform().distance(platform) == least);
        Ok(images)
    }

    /// What an index says besides its images; nothing for a single image.
    pub(super) fn index_value(&self, named: &Named) -> Result<Option<Value>> {
        let [root] = &named.roots[..] else {
            return Ok(None);
        };
        if !media_type::is_index(&root.media_type) {
            return Ok(None);
        }
        let bytes = self.source.read_manifest(root)?;
        let mut value: Value = json::from_slice(&bytes, &format!("image index {}", root.digest))?;
        if let Some(fields) = value.as_object_mut() {
            fields.remove("manifests");
        }
        Ok(Some(value))
    }
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
    let mut free_before: Vec<&OpenedImage> = before.iter().collect();
    let mut free_after: Vec<&OpenedImage> = after.iter().collect();
    let mut both = Vec::new();
    let fits: [Fits<'_>; 4] = [
        &|a, b| (a.platform(), distro(a)) == (b.platform(), distro(b)),
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
