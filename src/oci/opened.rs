//! [`OpenedImage`]: an image's manifest and config, read; and the images that there are below an index.

use std::collections::HashSet;

use super::descriptor::{Descriptor, media_type};
use super::digest::{DiffId, Digest};
use super::graph::children;
use super::image::{ImageConfig, ImageManifest};
use super::index::MAX_DEPTH;
use super::json;
use super::platform::Platform;
use super::store::BlobSource;
use crate::error::{Error, Result};

/// An image whose manifest and config were read and verified.
#[derive(Debug, Clone)]
pub struct OpenedImage {
    /// Points to the manifest.
    pub descriptor: Descriptor,
    /// The manifest.
    pub manifest: ImageManifest,
    /// The config.
    pub config: ImageConfig,
}

impl OpenedImage {
    /// Reads an image; `None` for an artifact, whose config is none of an image.
    pub fn read(source: &dyn BlobSource, descriptor: &Descriptor) -> Result<Option<Self>> {
        let digest = &descriptor.digest;
        let manifest: ImageManifest =
            json::from_slice(&source.read_manifest(descriptor)?, &format!("image manifest {digest}"))?;
        if !matches!(
            manifest.config.media_type.as_str(),
            media_type::CONFIG | media_type::DOCKER_CONFIG
        ) {
            return Ok(None);
        }
        let config: ImageConfig = json::from_slice(
            &source.read(&manifest.config)?,
            &format!("image config {}", manifest.config.digest),
        )?;
        if manifest.layers.len() != config.rootfs.diff_ids.len() {
            return Err(Error::damaged(format!(
                "image manifest {digest} lists {} layers, its config {}",
                manifest.layers.len(),
                config.rootfs.diff_ids.len()
            )));
        }
        Ok(Some(Self {
            descriptor: descriptor.clone(),
            manifest,
            config,
        }))
    }

    /// An error where the index says another operating system or architecture than the config.
    pub fn check_platform(&self) -> Result<()> {
        let own = self.config.platform();
        match &self.descriptor.platform {
            Some(said)
                if !own.architecture.is_empty()
                    && !said.architecture.is_empty()
                    && (&own.os, &own.architecture) != (&said.os, &said.architecture) =>
            {
                Err(Error::damaged(format!(
                    "the index says that {} is for {said}, its config {own}",
                    self.descriptor.digest
                )))
            }
            _ => Ok(()),
        }
    }

    /// What it is for: what the index says of it, else its config.
    #[must_use]
    pub fn platform(&self) -> Platform {
        self.descriptor
            .platform
            .clone()
            .unwrap_or_else(|| self.config.platform())
    }

    /// The layer of this digest before compression.
    #[must_use]
    pub fn layer(&self, diff_id: &str) -> Option<(&Descriptor, &DiffId)> {
        let layers = self.manifest.layers.iter().zip(&self.config.rootfs.diff_ids);
        layers
            .into_iter()
            .find(|(_, own)| own.as_digest().to_string() == diff_id)
    }
}

/// The images below `roots`, in their order; what is about an image (attestations) is left out.
pub fn images_below(source: &dyn BlobSource, roots: &[Descriptor]) -> Result<Vec<Descriptor>> {
    let mut images = Vec::new();
    let mut seen = HashSet::new();
    for root in roots {
        gather(source, root, &mut seen, &mut images, 0)?;
    }
    Ok(images)
}

fn gather(
    source: &dyn BlobSource,
    entry: &Descriptor,
    seen: &mut HashSet<Digest>,
    images: &mut Vec<Descriptor>,
    depth: usize,
) -> Result<()> {
    if media_type::is_manifest(&entry.media_type) {
        let is_attestation = entry.platform.as_ref().is_some_and(|platform| platform.os == "unknown");
        if !is_attestation {
            images.push(entry.clone());
        }
        return Ok(());
    }
    if !media_type::is_index(&entry.media_type) || !seen.insert(entry.digest.clone()) {
        return Ok(());
    }
    if depth >= MAX_DEPTH {
        return Err(Error::damaged(format!(
            "image index {} is nested more than {MAX_DEPTH} deep",
            entry.digest
        )));
    }
    for child in children(source, entry)? {
        gather(source, &child, seen, images, depth + 1)?;
    }
    Ok(())
}
