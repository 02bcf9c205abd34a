//! What a manifest leads to: the config and layers of an image, or the blobs of an artifact.

use serde_json::Value;

use super::super::descriptor::{Descriptor, media_type};
use super::super::graph::{ARTIFACT, is_foreign};
use super::super::image::{ImageConfig, ImageManifest};
use super::super::layer::is_layer;
use super::super::opened::OpenedImage;
use super::super::store::BlobState;
use super::fault::{Code, Fault};
use super::platforms;
use super::walk::{CheckedImage, Shape, Walk};
use crate::error::Result;

impl Walk<'_> {
    /// Follows a manifest: its config, its layers, and what it is about.
    pub(super) fn manifest(
        &mut self,
        descriptor: &Descriptor,
        value: &Value,
        bytes: &[u8],
        chain: &[String],
    ) -> Result<Shape> {
        let digest = &descriptor.digest;
        if descriptor.media_type != ARTIFACT && !value["config"].is_object() {
            let message = format!("image manifest {digest} has no `config`");
            self.faults
                .push(Fault::error(Code::Manifest, message).about(digest).at(chain));
        }
        let below = |name: String| [chain, &[name]].concat();
        let mut layers = Vec::new();
        let lists = [("layers", "layer"), ("blobs", "blob")];
        for (list, word) in lists {
            if !value[list].is_array() && !value[list].is_null() {
                let message = format!("`{list}` of manifest {digest} is no list");
                self.faults
                    .push(Fault::error(Code::Manifest, message).about(digest).at(chain));
            }
            for (at, item) in value[list].as_array().into_iter().flatten().enumerate() {
                let own_chain = below(format!("{word} {}", at + 1));
                if let Some(layer) = self.descriptor(item, &own_chain) {
                    layers.push((layer, own_chain));
                }
            }
        }
        if let Some(subject) = value.get("subject").filter(|subject| !subject.is_null())
            && let Some(subject) = self.descriptor(subject, &below("subject".to_owned()))
        {
            self.others.insert(subject.digest);
        }
        let config_chain = below("config".to_owned());
        let config = value.get("config").filter(|config| config.is_object());
        let config = config.and_then(|config| self.descriptor(config, &config_chain));
        let image = match &config {
            Some(config) if is_config(&config.media_type) => {
                self.image(descriptor, bytes, config, chain, &config_chain)?
            }
            Some(config) => {
                self.need(config, &config_chain, None);
                None
            }
            None => None,
        };
        let is_image = config.as_ref().is_some_and(|config| is_config(&config.media_type));
        let diff_ids = image.map(|image| image.rootfs.diff_ids).unwrap_or_default();
        for (at, (layer, own_chain)) in layers.iter().enumerate() {
            if is_foreign(layer) {
                self.foreign(layer, own_chain)?;
                continue;
            }
            if is_image && !is_layer(&layer.media_type) {
                let message = format!(
                    "layer {} has the media type `{}`, which is no layer",
                    layer.digest, layer.media_type
                );
                self.faults.push(
                    Fault::warning(Code::MediaType, message)
                        .about(&layer.digest)
                        .at(own_chain),
                );
            }
            self.need(layer, own_chain, diff_ids.get(at));
        }
        Ok(Shape {
            depth: 0,
            images: usize::from(is_image),
            is_damaged: false,
            first: is_image.then(|| (digest.clone(), descriptor.platform.clone())),
        })
    }

    /// Reads the config of an image, and keeps the image where it can be read.
    fn image(
        &mut self,
        descriptor: &Descriptor,
        bytes: &[u8],
        config: &Descriptor,
        chain: &[String],
        config_chain: &[String],
    ) -> Result<Option<ImageConfig>> {
        self.agree(config, config_chain);
        let digest = &config.digest;
        let Some(text) = self.whole(config, "config", config_chain)? else {
            return Ok(None);
        };
        let read: ImageConfig = match serde_json::from_slice(&text) {
            Ok(read) => read,
            Err(cause) => {
                let message = format!("config {digest} is no image config: {cause}");
                self.faults
                    .push(Fault::error(Code::Config, message).about(digest).at(config_chain));
                return Ok(None);
            }
        };
        let manifest: ImageManifest = match serde_json::from_slice(bytes) {
            Ok(manifest) => manifest,
            Err(cause) => {
                let message = format!("image manifest {} can not be read: {cause}", descriptor.digest);
                let fault = Fault::error(Code::Manifest, message);
                self.faults.push(fault.about(&descriptor.digest).at(chain));
                return Ok(Some(read));
            }
        };
        platforms::check_config(descriptor, &read, digest, chain, &mut self.faults);
        let (layers, diff_ids) = (manifest.layers.len(), read.rootfs.diff_ids.len());
        if layers != diff_ids {
            let message = format!("config {digest} lists {diff_ids} diff ids, its manifest {layers} layers");
            self.faults
                .push(Fault::error(Code::Config, message).about(digest).at(config_chain));
            return Ok(None);
        }
        self.images.push(CheckedImage {
            image: OpenedImage {
                descriptor: descriptor.clone(),
                manifest,
                config: read.clone(),
            },
            chain: chain.to_vec(),
        });
        Ok(Some(read))
    }

    /// A layer that is to be had from its owner: fine where it is there, worth a word where it is not.
    fn foreign(&mut self, layer: &Descriptor, chain: &[String]) -> Result<()> {
        let digest = &layer.digest;
        if self.source.state(digest)? != BlobState::Missing {
            self.need(layer, chain, None);
            return Ok(());
        }
        self.others.insert(digest.clone());
        let message = format!("layer {digest} is to be had from its owner only, and is not in the layout");
        self.faults
            .push(Fault::warning(Code::ForeignLayer, message).about(digest).at(chain));
        Ok(())
    }
}

fn is_config(media_type: &str) -> bool {
    matches!(media_type, media_type::CONFIG | media_type::DOCKER_CONFIG)
}
