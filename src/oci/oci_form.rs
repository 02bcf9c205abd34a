//! Images as the OCI has them: manifests and indexes of Docker get its media types, all others stay as they are.

use std::collections::BTreeMap;

use super::descriptor::{Descriptor, media_type};
use super::digest::Digest;
use super::graph::Graph;
use super::image::ImageManifest;
use super::index::ImageIndex;
use super::json;
use super::store::WithDocuments;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;

/// Says in an index which image a manifest is about (`BuildKit`).
pub(super) const ABOUT: &str = "vnd.docker.reference.digest";

/// What stands for `root` in the OCI's form; new documents are added to `source`.
pub fn convert(source: &mut WithDocuments<'_>, root: &Descriptor, progress: &dyn Progress) -> Result<Descriptor> {
    let graph = Graph::read(source, root, progress)?;
    let mut changed: BTreeMap<Digest, Descriptor> = BTreeMap::new();
    // each document comes after those that it lists
    for document in graph.documents {
        let own = &document.descriptor;
        let new = if media_type::is_index(&own.media_type) {
            index(&document.bytes, own, &changed)?
        } else if media_type::is_manifest(&own.media_type) {
            manifest(&document.bytes, own)?
        } else {
            None
        };
        if let Some((media_type, bytes)) = new {
            let size = bytes.len() as u64;
            let digest = source.add(bytes);
            changed.insert(own.digest.clone(), Descriptor::new(media_type, digest, size));
        }
    }
    Ok(match changed.get(&root.digest) {
        Some(new) => with_target(root, new),
        None => root.clone(),
    })
}

/// The descriptor with another target; all else that it says stays.
fn with_target(descriptor: &Descriptor, target: &Descriptor) -> Descriptor {
    Descriptor {
        media_type: target.media_type.clone(),
        digest: target.digest.clone(),
        size: target.size,
        ..descriptor.clone()
    }
}

/// The bytes of the manifest in the other form; `None` where it is that already.
fn manifest(bytes: &[u8], own: &Descriptor) -> Result<Option<(&'static str, Vec<u8>)>> {
    let read: ImageManifest = json::from_slice(bytes, &format!("image manifest {}", own.digest))?;
    let mut new = read.clone();
    new.config.media_type = oci_type(&read.config)?;
    for layer in &mut new.layers {
        layer.media_type = oci_type(layer)?;
    }
    if own.media_type == media_type::DOCKER_MANIFEST || new.media_type.is_some() {
        new.media_type = Some(media_type::MANIFEST.to_owned());
    }
    let is_same = new == read && own.media_type == media_type::MANIFEST;
    Ok((!is_same).then(|| (media_type::MANIFEST, json::to_bytes(&new))))
}

fn index(
    bytes: &[u8],
    own: &Descriptor,
    changed: &BTreeMap<Digest, Descriptor>,
) -> Result<Option<(&'static str, Vec<u8>)>> {
    let read: ImageIndex = json::from_slice(bytes, &format!("image index {}", own.digest))?;
    let mut new = read.clone();
    for child in &mut new.manifests {
        if let Some(target) = changed.get(&child.digest) {
            *child = with_target(child, target);
        }
        let about = child.annotation(ABOUT).and_then(|about| about.parse::<Digest>().ok());
        if let Some(target) = about.and_then(|about| changed.get(&about)) {
            child.annotations.insert(ABOUT.to_owned(), target.digest.to_string());
        }
    }
    if own.media_type == media_type::DOCKER_LIST || new.media_type.is_some() {
        new.media_type = Some(media_type::INDEX.to_owned());
    }
    let is_same = new == read && own.media_type == media_type::INDEX;
    Ok((!is_same).then(|| (media_type::INDEX, json::to_bytes(&new))))
}

/// The OCI's word for what a blob of Docker is.
fn oci_type(blob: &Descriptor) -> Result<String> {
    let known = match blob.media_type.as_str() {
        media_type::DOCKER_CONFIG => media_type::CONFIG,
        media_type::DOCKER_LAYER_GZIP => media_type::LAYER_GZIP,
        media_type::DOCKER_LAYER => media_type::LAYER,
        "application/vnd.docker.image.rootfs.diff.tar.zstd" => media_type::LAYER_ZSTD,
        other if other.contains(".foreign.") || other.contains(".nondistributable.") => {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "layer {} is to be had from its owner only, and is not in the image",
                    blob.digest
                ),
            ));
        }
        other => other,
    };
    Ok(known.to_owned())
}
