//! What `docker save` writes: `manifest.json` lists images by config and layers, which have no manifest of their own.
//!
//! Format: moby `image/spec`, "Combined Image JSON + Filesystem Changeset Format".

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use serde::Deserialize;

use super::archive_store::{ArchiveStore, Extent};
use super::descriptor::{Annotations, Descriptor, media_type};
use super::digest::Digest;
use super::image::{ImageConfig, ImageManifest};
use super::json;
use super::layout::IndexFile;
use super::reference::ImageName;
use crate::archive::hashing::Hashing;
use crate::error::{Error, Result};

/// One image of `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    config: String,
    #[serde(default, deserialize_with = "json::null_as_default")]
    repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "json::null_as_default")]
    layers: Vec<String>,
}

/// The images of the archive as a layout would have them.
pub(super) struct DockerImages {
    pub(super) index: IndexFile,
    pub(super) documents: BTreeMap<Digest, Vec<u8>>,
    pub(super) named: HashMap<Digest, Extent>,
    /// Compressed layers whose digests were taken.
    layers: HashMap<Extent, Descriptor>,
}

/// Makes an OCI manifest for each image. Config and layers stay as they are, so that their digests do.
pub(super) fn read(archive: &ArchiveStore, list: &[u8]) -> Result<DockerImages> {
    let listed: Vec<Listed> = json::from_slice(list, "`manifest.json`")?;
    let mut images = DockerImages {
        index: IndexFile::default(),
        documents: BTreeMap::new(),
        named: HashMap::new(),
        layers: HashMap::new(),
    };
    for image in &listed {
        images.add(archive, image)?;
    }
    Ok(images)
}

impl DockerImages {
    fn add(&mut self, archive: &ArchiveStore, image: &Listed) -> Result<()> {
        let missing =
            |name: &str| Error::damaged(format!("`manifest.json` names `{name}`, which is not in the archive"));
        let extent = archive
            .members()
            .find(&image.config)
            .ok_or_else(|| missing(&image.config))?;
        let config_bytes = archive.small(extent, &image.config)?;
        let config: ImageConfig = json::from_slice(&config_bytes, &format!("`{}`", image.config))?;
        let config_digest = Digest::of(&config_bytes);
        self.named.insert(config_digest.clone(), extent);
        if config.rootfs.diff_ids.len() != image.layers.len() {
            return Err(Error::damaged(format!(
                "`manifest.json` names {} layers for `{}`, which has {}",
                image.layers.len(),
                image.config,
                config.rootfs.diff_ids.len()
            )));
        }
        let mut layers = Vec::new();
        for (name, diff_id) in image.layers.iter().zip(&config.rootfs.diff_ids) {
            let extent = archive.members().find(name).ok_or_else(|| missing(name))?;
            if let Some(known) = self.layers.get(&extent) {
                layers.push(known.clone());
                continue;
            }
            let layer = layer(archive, extent, diff_id.as_digest())
                .map_err(|cause| Error::damaged(format!("`{name}` in it can not be read")).with_source(cause))?;
            self.named.insert(layer.digest.clone(), extent);
            if layer.media_type != media_type::LAYER {
                self.layers.insert(extent, layer.clone());
            }
            layers.push(layer);
        }
        let config_size = config_bytes.len() as u64;
        let manifest = json::to_bytes(&ImageManifest {
            schema_version: 2,
            media_type: Some(media_type::MANIFEST.to_owned()),
            config: Descriptor::new(media_type::CONFIG, config_digest, config_size),
            layers,
            annotations: Annotations::new(),
            other: serde_json::Map::new(),
        });
        let digest = Digest::of(&manifest);
        let mut descriptor = Descriptor::new(media_type::MANIFEST, digest.clone(), manifest.len() as u64);
        descriptor.platform = Some(config.platform());
        self.documents.insert(digest, manifest);
        for tag in &image.repo_tags {
            let name: ImageName = tag
                .parse()
                .map_err(|error: Error| error.context("`manifest.json` has a malformed name"))?;
            self.index.tag(&descriptor, &name);
        }
        if image.repo_tags.is_empty() {
            self.index.enter_unnamed(&descriptor);
        }
        Ok(())
    }
}

/// A plain layer is known by its diff id; one that is compressed is read to know its digest.
fn layer(archive: &ArchiveStore, extent: Extent, diff_id: &Digest) -> std::io::Result<Descriptor> {
    let mut start = Vec::new();
    archive.reader(extent, 0).take(4).read_to_end(&mut start)?;
    let media_type = match start.as_slice() {
        [0x1f, 0x8b, ..] => media_type::LAYER_GZIP,
        [0x28, 0xb5, 0x2f, 0xfd] => media_type::LAYER_ZSTD,
        _ => return Ok(Descriptor::new(media_type::LAYER, diff_id.clone(), extent.size)),
    };
    let mut blob = Hashing::new(archive.reader(extent, 0));
    std::io::copy(&mut blob, &mut std::io::sink())?;
    Ok(Descriptor::new(
        media_type,
        Digest::from_sha256(blob.digest()),
        extent.size,
    ))
}
