//! [`Fault`]: something in a layout that is not as it should be, and [`Faults`], all of them.

use std::collections::HashSet;

use serde::Serialize;

use super::super::digest::Digest;
use crate::error::Severity;

/// What is wrong, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// An archive that can not be read to its end, or that holds no images.
    Archive,
    /// `oci-layout` is missing, unreadable, or of another version.
    OciLayout,
    /// `index.json` is missing, or no image index.
    IndexJson,
    /// A blob is not there.
    BlobMissing,
    /// A blob has another length than a descriptor says.
    BlobSize,
    /// A blob has another digest than its name.
    BlobDigest,
    /// Something else is where a blob should be.
    BlobNotAFile,
    /// A digest of an algorithm that is not known, or that is none.
    Digest,
    /// A manifest or an index that is not what it should be.
    Manifest,
    /// A document that is longer than any tool reads.
    TooLarge,
    /// A media type that is not that of the content, or not known.
    MediaType,
    /// Docker's media types in a layout of the OCI.
    DockerMediaType,
    /// An index that leads to itself.
    Cycle,
    /// Indexes in indexes, deeper than tools follow.
    Nesting,
    /// Descriptors that differ on the size of a blob.
    SizeConflict,
    /// A config that is no image config, or does not fit its manifest.
    Config,
    /// A layer whose content has another digest than the config says.
    DiffId,
    /// A layer that can not be unpacked.
    Layer,
    /// An entry of a layer that leads out of the file system it is unpacked to.
    TarPath,
    /// A path that a layer has twice.
    TarDuplicate,
    /// A config for another platform than the index says.
    Platform,
    /// Nothing says what an image is for.
    PlatformMissing,
    /// An index with several images for one platform.
    PlatformDuplicate,
    /// A name that several images have, or that is none.
    RefName,
    /// A blob that nothing refers to.
    Unreferenced,
    /// What a process left that died.
    Temporary,
    /// A layer that is to be had from its owner only.
    ForeignLayer,
    /// A label of the Cloud Native Buildpacks that does not fit the image.
    CnbLabel,
}

impl Code {
    /// Whether tools stumble over it that read the image.
    pub(super) fn is_damage(self) -> bool {
        matches!(
            self,
            Self::Archive
                | Self::OciLayout
                | Self::IndexJson
                | Self::BlobMissing
                | Self::BlobSize
                | Self::BlobDigest
                | Self::BlobNotAFile
                | Self::Digest
                | Self::Manifest
                | Self::TooLarge
                | Self::Cycle
                | Self::Nesting
                | Self::Config
                | Self::DiffId
                | Self::Layer
        )
    }
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Fault {
    /// Whether the layout can be used in spite of it.
    pub severity: Severity,
    /// What is wrong.
    pub code: Code,
    /// The same in words.
    pub message: String,
    /// The blob.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The way to it: a name, then what that lists, and so on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<String>,
    /// The way out, where one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Fault {
    /// A fault that keeps tools from using the layout as it says.
    #[must_use]
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            digest: None,
            chain: Vec::new(),
            hint: None,
        }
    }

    /// A fault that tools live with.
    #[must_use]
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, message)
        }
    }

    /// The same about a blob.
    #[must_use]
    pub fn about(mut self, digest: &Digest) -> Self {
        self.digest = Some(digest.clone());
        self
    }

    /// The same with the way to it.
    #[must_use]
    pub fn at(mut self, chain: &[String]) -> Self {
        self.chain = chain.to_vec();
        self
    }

    /// The same with a way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Faults in the order found, none twice.
#[derive(Debug, Default)]
pub struct Faults {
    all: Vec<Fault>,
    known: HashSet<Fault>,
}

impl Faults {
    /// Adds a fault, unless it is there already.
    pub fn push(&mut self, fault: Fault) {
        if self.known.insert(fault.clone()) {
            self.all.push(fault);
        }
    }

    /// The names of the entries that can not be used as they are; a fault of the layout itself has none.
    pub(super) fn damaged(&self) -> HashSet<Option<&String>> {
        let errors = self.all.iter().filter(|fault| fault.severity == Severity::Error);
        errors
            .filter(|fault| fault.code.is_damage())
            .map(|fault| fault.chain.first())
            .collect()
    }

    /// The blobs that can not be used as they are.
    pub(super) fn damaged_blobs(&self) -> HashSet<Digest> {
        let errors = self.all.iter().filter(|fault| fault.severity == Severity::Error);
        errors
            .filter(|fault| fault.code.is_damage())
            .filter_map(|fault| fault.digest.clone())
            .collect()
    }

    /// All of them.
    #[must_use]
    pub fn into_all(self) -> Vec<Fault> {
        self.all
    }
}
