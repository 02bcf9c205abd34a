//! Follows all that `index.json` leads to, document by document, and goes on behind what is wrong.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;
use serde_json::Value;

use super::super::descriptor::{Descriptor, media_type};
use super::super::digest::{DiffId, Digest};
use super::super::graph::{is_document, named_below};
use super::super::index::{ImageIndex, MAX_DEPTH};
use super::super::layer::is_layer;
use super::super::opened::OpenedImage;
use super::super::platform::Platform;
use super::super::store::{BlobState, ImageSource, MAX_DOCUMENT};
use super::fault::{Code, Fault, Faults};
use super::platforms;
use crate::error::{ErrorKind, Result};
use crate::progress::Progress;

/// Manifests that are followed in one layout.
const MAX_MANIFESTS: usize = 100_000;

/// A blob that is to be read through.
#[derive(Debug)]
pub(super) struct Need {
    /// Which of all needs this was: the first is 0.
    pub(super) order: usize,
    pub(super) descriptor: Descriptor,
    pub(super) chain: Vec<String>,
    /// Whether its media type is that of a layer.
    pub(super) is_layer: bool,
    /// What images say of its content.
    pub(super) diff_ids: BTreeMap<String, (DiffId, Vec<String>)>,
}

/// An image that could be read.
#[derive(Debug)]
pub struct CheckedImage {
    /// Its manifest and config.
    pub image: OpenedImage,
    /// The way to it.
    pub chain: Vec<String>,
}

/// How far down an entry of `index.json` leads, and to what.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    /// Indexes above the images: none for an image itself.
    pub(super) depth: usize,
    /// Images that it leads to.
    pub(super) images: usize,
    /// Whether no tool gets all of it, set when all faults are known.
    pub(super) is_damaged: bool,
    /// The first of them that has a platform of its own.
    pub(super) first: Option<(Digest, Option<Platform>)>,
}

pub(super) struct Walk<'a> {
    pub(super) source: &'a dyn ImageSource,
    pub(super) progress: &'a dyn Progress,
    pub(super) faults: Faults,
    pub(super) images: Vec<CheckedImage>,
    pub(super) needs: BTreeMap<Digest, Need>,
    /// Documents and configs that were read: all that `needs` does not have.
    pub(super) read: HashMap<Digest, u64>,
    /// What is named but not needed.
    pub(super) others: HashSet<Digest>,
    above: Vec<Digest>,
    /// What each document lists.
    listed: HashMap<Digest, Vec<Digest>>,
    shapes: HashMap<Digest, Shape>,
    sizes: HashMap<Digest, (u64, Vec<String>)>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(source: &'a dyn ImageSource, progress: &'a dyn Progress) -> Self {
        Self {
            source,
            progress,
            faults: Faults::default(),
            images: Vec::new(),
            needs: BTreeMap::new(),
            read: HashMap::new(),
            others: HashSet::new(),
            above: Vec::new(),
            listed: HashMap::new(),
            shapes: HashMap::new(),
            sizes: HashMap::new(),
        }
    }

    /// A descriptor out of a document; what is wrong with it is told.
    pub(super) fn descriptor(&mut self, value: &Value, chain: &[String]) -> Option<Descriptor> {
        if let Some(Err(error)) = value["digest"].as_str().map(str::parse::<Digest>) {
            self.faults
                .push(Fault::error(Code::Digest, error.to_string()).at(chain));
            return None;
        }
        match serde_json::from_value(value.clone()) {
            Ok(descriptor) => Some(descriptor),
            Err(cause) => {
                let message = format!("its descriptor can not be read: {cause}");
                self.faults.push(Fault::error(Code::Manifest, message).at(chain));
                None
            }
        }
    }

    /// An entry of an index, or of `index.json`.
    pub(super) fn entry(&mut self, descriptor: &Descriptor, chain: &[String]) -> Result<Shape> {
        self.progress.check()?;
        let digest = &descriptor.digest;
        if !is_document(descriptor) {
            self.need(descriptor, chain, None);
            // one that can not be read has a fault of its own
            if let Ok(named) = named_below(self.source, digest, self.progress) {
                self.others.extend(named);
            }
            return Ok(Shape::default());
        }
        self.agree(descriptor, chain);
        if self.above.contains(digest) {
            let message = format!("{digest} leads to itself");
            self.faults
                .push(Fault::error(Code::Cycle, message).about(digest).at(chain));
            return Ok(Shape::default());
        }
        if let Some(known) = self.shapes.get(digest) {
            return Ok(known.clone());
        }
        if self.above.len() > MAX_DEPTH {
            let message = format!("image index {digest} is nested more than {MAX_DEPTH} deep");
            self.faults
                .push(Fault::error(Code::Nesting, message).about(digest).at(chain));
            return Ok(Shape::default());
        }
        if self.shapes.len() >= MAX_MANIFESTS {
            let message =
                format!("there are more than {MAX_MANIFESTS} manifests: this one and others are not looked at");
            self.faults
                .push(Fault::error(Code::TooLarge, message).about(digest).at(chain));
            return Ok(Shape::default());
        }
        self.above.push(digest.clone());
        let shape = self.document(descriptor, chain);
        self.above.pop();
        let shape = shape?;
        self.shapes.insert(digest.clone(), shape.clone());
        Ok(shape)
    }

    fn document(&mut self, descriptor: &Descriptor, chain: &[String]) -> Result<Shape> {
        let Some(bytes) = self.whole(descriptor, "manifest", chain)? else {
            return Ok(Shape::default());
        };
        let digest = &descriptor.digest;
        let mut wrong = |code, message: String| {
            self.faults.push(Fault::error(code, message).about(digest).at(chain));
        };
        let value = match serde_json::from_slice::<Value>(&bytes) {
            Ok(value) if value.is_object() => value,
            Ok(_) => {
                wrong(Code::Manifest, format!("manifest {digest} is no JSON object"));
                return Ok(Shape::default());
            }
            Err(cause) => {
                wrong(Code::Manifest, format!("manifest {digest} is no JSON: {cause}"));
                return Ok(Shape::default());
            }
        };
        if value["schemaVersion"] != 2 {
            let said = &value["schemaVersion"];
            wrong(
                Code::Manifest,
                format!("manifest {digest} has schemaVersion {said}, not 2"),
            );
            return Ok(Shape::default());
        }
        let is_set = |name: &str| !value[name].is_null();
        if is_set("manifests") && (is_set("config") || is_set("layers")) {
            // tools differ on which of the two it is (CVE-2021-41190)
            wrong(
                Code::Manifest,
                format!("{digest} is an image and an image index at once"),
            );
            return Ok(Shape::default());
        }
        if let Some(own) = value["mediaType"].as_str()
            && own != descriptor.media_type
        {
            let said = &descriptor.media_type;
            wrong(
                Code::MediaType,
                format!("{digest} says that it is `{own}`, who refers to it `{said}`"),
            );
        }
        let is_docker = matches!(
            descriptor.media_type.as_str(),
            media_type::DOCKER_LIST | media_type::DOCKER_MANIFEST
        );
        if is_docker {
            let message = format!("{digest} has Docker's media type `{}`", descriptor.media_type);
            self.faults.push(
                Fault::warning(Code::DockerMediaType, message)
                    .about(digest)
                    .at(chain)
                    .hint("`airpack layout import` writes the OCI's"),
            );
        }
        if media_type::is_index(&descriptor.media_type) {
            self.index(descriptor, &value, chain)
        } else {
            self.manifest(descriptor, &value, &bytes, chain)
        }
    }

    fn index(&mut self, descriptor: &Descriptor, value: &Value, chain: &[String]) -> Result<Shape> {
        let digest = &descriptor.digest;
        let Some(items) = value["manifests"].as_array() else {
            let message = format!("image index {digest} has no list `manifests`");
            self.faults
                .push(Fault::error(Code::Manifest, message).about(digest).at(chain));
            return Ok(Shape::default());
        };
        let mut shape = Shape {
            depth: 1,
            ..Shape::default()
        };
        let mut children = Vec::new();
        for (at, item) in items.iter().enumerate() {
            let of_item = |name: String| [chain, &[name]].concat();
            let position = format!("manifest {}", at + 1);
            let Some(child) = self.descriptor(item, &of_item(position.clone())) else {
                continue;
            };
            let name = child.platform.as_ref().map_or(position, ToString::to_string);
            let own_chain = of_item(format!("{name} ({})", child.digest.short()));
            let below = self.entry(&child, &own_chain)?;
            shape.depth = shape.depth.max(below.depth + 1);
            shape.images = shape.images.saturating_add(below.images);
            let is_about_others = child.platform.as_ref().is_some_and(|platform| platform.os == "unknown");
            if shape.first.is_none() && !is_about_others {
                shape.first = below
                    .first
                    .map(|(digest, own)| (digest, child.platform.clone().or(own)));
            }
            children.push((child, own_chain));
        }
        if children.len() == items.len()
            && let Err(cause) = ImageIndex::deserialize(value)
        {
            let message = format!("image index {digest} can not be read: {cause}");
            self.faults
                .push(Fault::error(Code::Manifest, message).about(digest).at(chain));
        }
        platforms::check_children(&children, digest, chain, &mut self.faults);
        Ok(shape)
    }

    /// The verified bytes of a document; `None` where they can not be had, which is told.
    pub(super) fn whole(&mut self, descriptor: &Descriptor, what: &str, chain: &[String]) -> Result<Option<Vec<u8>>> {
        let digest = &descriptor.digest;
        if descriptor.size > MAX_DOCUMENT {
            let message = format!(
                "{what} {digest} is said to be {} bytes long, which none is",
                descriptor.size
            );
            self.faults
                .push(Fault::error(Code::TooLarge, message).about(digest).at(chain));
            self.others.insert(digest.clone());
            return Ok(None);
        }
        if let Some(fault) = fault_of_state(&self.source.state(digest)?, descriptor) {
            self.faults.push(fault.at(chain));
            self.others.insert(digest.clone());
            return Ok(None);
        }
        match self.source.read(descriptor) {
            Ok(bytes) => {
                self.read.insert(digest.clone(), descriptor.size);
                Ok(Some(bytes))
            }
            Err(error) if error.kind() == ErrorKind::Damaged => {
                let fault = Fault::error(Code::BlobDigest, told(&error));
                self.faults.push(fault.about(digest).at(chain));
                self.others.insert(digest.clone());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Remembers a blob that is to be read through.
    pub(super) fn need(&mut self, descriptor: &Descriptor, chain: &[String], diff_id: Option<&DiffId>) {
        self.agree(descriptor, chain);
        let is_layer = is_layer(&descriptor.media_type);
        let order = self.needs.len();
        let need = self.needs.entry(descriptor.digest.clone()).or_insert_with(|| Need {
            order,
            descriptor: descriptor.clone(),
            chain: chain.to_vec(),
            is_layer,
            diff_ids: BTreeMap::new(),
        });
        // one that is a layer somewhere is looked into
        if is_layer && !need.is_layer {
            need.is_layer = true;
            need.descriptor.media_type.clone_from(&descriptor.media_type);
        }
        if let Some(diff_id) = diff_id {
            need.diff_ids
                .entry(diff_id.to_string())
                .or_insert_with(|| (diff_id.clone(), chain.to_vec()));
        }
    }

    /// Whether one of `damaged` is among all that an entry leads to.
    pub(super) fn leads_to(&self, entry: &Digest, damaged: &HashSet<Digest>) -> bool {
        let mut seen = HashSet::from([entry]);
        let mut left = vec![entry];
        while let Some(digest) = left.pop() {
            if damaged.contains(digest) {
                return true;
            }
            let listed = self.listed.get(digest).into_iter().flatten();
            left.extend(listed.filter(|child| seen.insert(child)));
        }
        false
    }

    /// All who refer to a blob must say one size.
    pub(super) fn agree(&mut self, descriptor: &Descriptor, chain: &[String]) {
        let digest = &descriptor.digest;
        if let Some(parent) = self.above.last() {
            self.listed.entry(parent.clone()).or_default().push(digest.clone());
        }
        let known = self
            .sizes
            .entry(digest.clone())
            .or_insert_with(|| (descriptor.size, chain.to_vec()));
        if known.0 != descriptor.size {
            let message = format!(
                "{digest} is said to be {} bytes long here, and {} bytes at {}",
                descriptor.size,
                known.0,
                known.1.join(" > ")
            );
            self.faults
                .push(Fault::error(Code::SizeConflict, message).about(digest).at(chain));
        }
    }
}

/// What is plain of a blob without reading it.
pub(super) fn fault_of_state(state: &BlobState, descriptor: &Descriptor) -> Option<Fault> {
    let digest = &descriptor.digest;
    let fault = match state {
        BlobState::Length(length) if *length == descriptor.size => return None,
        BlobState::Length(length) => {
            let message = format!("blob {digest} is {length} bytes long instead of {}", descriptor.size);
            Fault::error(Code::BlobSize, message)
        }
        BlobState::Missing => Fault::error(Code::BlobMissing, format!("blob {digest} is missing")),
        BlobState::Unreadable(why) => Fault::error(Code::BlobNotAFile, format!("blob {digest}: {why}")),
    };
    Some(fault.about(digest))
}

/// An error with its causes, in one line.
pub(super) fn told(error: &crate::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text += ": ";
        text += &next.to_string();
        cause = next.source();
    }
    text
}
