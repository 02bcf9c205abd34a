//! [`Member`]: what an image index lists, told apart: images, what is about them, and the rest.

use std::collections::HashSet;

use super::descriptor::{Annotations, Descriptor, media_type};
use super::digest::Digest;
use super::index::{ImageIndex, MAX_DEPTH};
use super::json;
use super::oci_form::ABOUT;
use super::opened::OpenedImage;
use super::platform::Platform;
use super::store::BlobSource;
use crate::error::{Error, Result};

/// Members that are looked at below one root.
const MAX_MEMBERS: usize = 10_000;

/// One entry of an index.
#[derive(Debug, Clone)]
pub struct Member {
    /// As the index has it; that of an image always has a platform.
    pub descriptor: Descriptor,
    /// What it is.
    pub role: Role,
}

/// What a member of an index is.
#[derive(Debug, Clone)]
pub enum Role {
    /// An image.
    Image(Box<OpenedImage>),
    /// About the manifest of this digest, in the same index (an attestation).
    About(Digest),
    /// Neither.
    Other,
}

impl Member {
    /// Looks at what `descriptor` points to. Where it says no platform, that of the image's config is filled in.
    pub fn read(source: &dyn BlobSource, descriptor: &Descriptor) -> Result<Self> {
        let mut descriptor = descriptor.clone();
        if let Some(about) = about(&descriptor) {
            let role = Role::About(about);
            return Ok(Self { descriptor, role });
        }
        let opened = if media_type::is_manifest(&descriptor.media_type) {
            OpenedImage::read(source, &descriptor)?
        } else {
            None
        };
        let Some(image) = opened else {
            let role = Role::Other;
            return Ok(Self { descriptor, role });
        };
        image.check_platform()?;
        descriptor.platform.get_or_insert_with(|| image.config.platform());
        let role = Role::Image(Box::new(image));
        Ok(Self { descriptor, role })
    }

    /// The image, if it is one.
    #[must_use]
    pub fn image(&self) -> Option<&OpenedImage> {
        match &self.role {
            Role::Image(image) => Some(image),
            _ => None,
        }
    }

    /// What the image is for; an empty platform for what is no image and does not say.
    #[must_use]
    pub fn platform(&self) -> Platform {
        self.descriptor.platform.clone().unwrap_or_default()
    }
}

/// Which manifest of the same index a descriptor is about (attestations of `BuildKit`).
#[must_use]
pub fn about(descriptor: &Descriptor) -> Option<Digest> {
    descriptor.annotation(ABOUT)?.parse().ok()
}

/// An index with all that is in the indexes below it, on one level.
#[derive(Debug, Clone)]
pub struct FlatIndex {
    /// What is listed, each once, in the order of a walk.
    pub members: Vec<Member>,
    /// Annotations of the index.
    pub annotations: Annotations,
    /// Whether there are indexes below it.
    pub is_nested: bool,
}

/// Reads an index, and the indexes that it lists.
pub fn flat(source: &dyn BlobSource, root: &Descriptor) -> Result<FlatIndex> {
    let mut found = FlatIndex {
        members: Vec::new(),
        annotations: Annotations::new(),
        is_nested: false,
    };
    let mut seen = HashSet::new();
    found.annotations = found.add(source, root, &mut seen, 0)?;
    Ok(found)
}

/// The index that a descriptor points to.
pub fn read_index(source: &dyn BlobSource, descriptor: &Descriptor) -> Result<ImageIndex> {
    let bytes = source.read_manifest(descriptor)?;
    json::from_slice(&bytes, &format!("image index {}", descriptor.digest))
}

impl FlatIndex {
    fn add(
        &mut self,
        source: &dyn BlobSource,
        entry: &Descriptor,
        seen: &mut HashSet<(Digest, Option<Platform>)>,
        depth: usize,
    ) -> Result<Annotations> {
        if depth >= MAX_DEPTH {
            return Err(Error::damaged(format!(
                "image index {} is nested more than {MAX_DEPTH} deep",
                entry.digest
            )));
        }
        let index = read_index(source, entry)?;
        for child in &index.manifests {
            if !seen.insert((child.digest.clone(), child.platform.clone())) {
                continue;
            }
            if media_type::is_index(&child.media_type) {
                self.is_nested = true;
                self.add(source, child, seen, depth + 1)?;
            } else {
                self.members.push(Member::read(source, child)?);
            }
            if self.members.len() > MAX_MEMBERS {
                return Err(Error::damaged(format!("it lists more than {MAX_MEMBERS} manifests")));
            }
        }
        Ok(index.annotations)
    }
}

/// What all of these say, and the keys of which they say different things.
#[must_use]
pub fn agreed<'a>(all: impl IntoIterator<Item = &'a Annotations>) -> (Annotations, Vec<String>) {
    let mut all = all.into_iter();
    let mut agreed = all.next().cloned().unwrap_or_default();
    let mut left_out: Vec<String> = Vec::new();
    for other in all {
        left_out.extend(other.keys().filter(|key| !agreed.contains_key(*key)).cloned());
        agreed.retain(|key, value| {
            let is_agreed = other.get(key) == Some(value);
            if !is_agreed {
                left_out.push(key.clone());
            }
            is_agreed
        });
    }
    left_out.sort();
    left_out.dedup();
    (agreed, left_out)
}
