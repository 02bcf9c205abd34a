//! Images as they are before they go to a registry: an index with images that share a layer, and what may lie beside it.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::layout_maker::{LayoutMaker, tar_of};
use super::layout_view::{IMAGE_NAME, LayoutView, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, REF_NAME, array, sha256, text};
use super::tar_maker::gzip;

pub(crate) const OCI_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const IN_TOTO: &str = "application/vnd.in-toto+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// The architectures of [`index`].
pub(crate) const ARCHITECTURES: [&str; 2] = ["amd64", "arm64"];

/// The descriptor with a name, as `index.json` has it: the tag, and the whole name where `name` is one.
pub(crate) fn named(mut descriptor: Value, name: &str) -> Value {
    let tag = name.rsplit([':', '/']).next().unwrap();
    let mut annotations = json!({ REF_NAME: tag });
    if name.contains('/') {
        annotations[IMAGE_NAME] = name.into();
    }
    descriptor["annotations"] = annotations;
    descriptor
}

/// Writes `index.json` with these entries.
pub(crate) fn finish(maker: &LayoutMaker, entries: &[Value]) {
    maker.index_file(&json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}));
}

/// An image with a layer that all images have and one with this text. Gives its descriptor, with the platform.
pub(crate) fn image(maker: &LayoutMaker, seed: &str, architecture: &str) -> Value {
    let tars = [
        tar_of(&[("shared", "the same in all\n")]),
        tar_of(&[(seed, architecture)]),
    ];
    let layers: Vec<_> = tars.iter().map(|tar| maker.blob(OCI_GZIP, &gzip(tar))).collect();
    let diff_ids: Vec<_> = tars.iter().map(|tar| sha256(tar)).collect();
    let mut descriptor = maker.image_of(OCI_MANIFEST, OCI_CONFIG, architecture, &layers, &diff_ids);
    descriptor["platform"] = json!({"os": "linux", "architecture": architecture});
    descriptor
}

/// An index of images of this seed, for [`ARCHITECTURES`]. Gives its descriptor.
pub(crate) fn index(maker: &LayoutMaker, seed: &str) -> Value {
    let children: Vec<_> = ARCHITECTURES
        .iter()
        .map(|architecture| image(maker, seed, architecture))
        .collect();
    index_of(maker, &children)
}

/// An index of these children. Gives its descriptor.
pub(crate) fn index_of(maker: &LayoutMaker, children: &[Value]) -> Value {
    maker.json(
        OCI_INDEX,
        &json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children}),
    )
}

/// What a builder has said of an image, as `BuildKit` puts it into an index beside it.
pub(crate) fn attestation(maker: &LayoutMaker, about: &Value) -> Value {
    let said = maker.json(IN_TOTO, &json!({"about": about["digest"]}));
    let config = json!({
        "architecture": "unknown",
        "os": "unknown",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [said["digest"]]},
    });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": maker.json(OCI_CONFIG, &config),
        "layers": [said],
    });
    let mut descriptor = maker.json(OCI_MANIFEST, &manifest);
    descriptor["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    descriptor["annotations"] = json!({
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": about["digest"],
    });
    descriptor
}

/// A manifest that is about another, of this type. Gives its descriptor.
pub(crate) fn referrer(maker: &LayoutMaker, about: &Value, artifact_type: &str) -> Value {
    let subject = json!({"mediaType": about["mediaType"], "digest": about["digest"], "size": about["size"]});
    let content = maker.blob(
        "text/plain",
        format!("{artifact_type} of {}", about["digest"]).as_bytes(),
    );
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": maker.blob(EMPTY, b"{}"),
        "layers": [content],
        "subject": subject,
        "annotations": {"test.about": "an image"},
    });
    let mut descriptor = maker.json(OCI_MANIFEST, &manifest);
    descriptor["artifactType"] = artifact_type.into();
    descriptor
}

/// A layout with one index, under this name. Gives the index's digest.
pub(crate) fn layout(folder: &Path, name: &str, seed: &str) -> String {
    let maker = LayoutMaker::new(folder);
    let index = index(&maker, seed);
    finish(&maker, &[named(index.clone(), name)]);
    text(&index, "digest").to_owned()
}

/// The digests of everything that an image or index consists of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) root: String,
    /// Manifests below the root, which each come before what leads to them.
    pub(crate) children: Vec<String>,
    /// Configs and layers.
    pub(crate) blobs: BTreeSet<String>,
}

impl Parts {
    /// Those of the image with this tag in a layout. Every blob must be there and be as its digest and size say.
    #[track_caller]
    pub(crate) fn of(layout: &LayoutView, tag: &str) -> Self {
        Self::at(layout, layout.entry(tag))
    }

    /// Those of what this descriptor leads to.
    #[track_caller]
    pub(crate) fn at(layout: &LayoutView, descriptor: &Value) -> Self {
        let mut parts = Self {
            root: text(descriptor, "digest").to_owned(),
            children: Vec::new(),
            blobs: BTreeSet::new(),
        };
        parts.add(layout, descriptor);
        parts.children.retain(|child| *child != parts.root);
        parts
    }

    /// The manifests: the children, then the root.
    pub(crate) fn manifests(&self) -> Vec<String> {
        let mut all = self.children.clone();
        all.push(self.root.clone());
        all
    }

    #[track_caller]
    fn add(&mut self, layout: &LayoutView, descriptor: &Value) {
        let digest = text(descriptor, "digest").to_owned();
        let bytes = layout.blob(&digest);
        assert_eq!(bytes.len(), descriptor["size"], "size of {descriptor}");
        let content: Value = serde_json::from_slice(&bytes).unwrap();
        for child in array(&content, "manifests") {
            self.add(layout, child);
        }
        let blobs = array(&content, "layers")
            .iter()
            .chain(content.get("config"))
            .chain(array(&content, "fsLayers"));
        for blob in blobs {
            let digest = text(blob, "digest").to_owned();
            assert_eq!(layout.blob(&digest).len(), blob["size"], "size of {blob}");
            self.blobs.insert(digest);
        }
        if !self.children.contains(&digest) {
            self.children.push(digest);
        }
    }
}
