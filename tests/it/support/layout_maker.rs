//! Writes OCI layouts as other tools do, sound or not.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::layout_view::{OCI_CONFIG, OCI_MANIFEST, sha256};
use super::tar_maker::{self, Member, TarFormat};

pub(crate) const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// A layout that is being filled.
pub(crate) struct LayoutMaker {
    root: PathBuf,
}

impl LayoutMaker {
    /// A layout with no blobs, and `index.json` still to come.
    pub(crate) fn new(root: &Path) -> Self {
        fs::create_dir_all(root.join("blobs/sha256")).unwrap();
        fs::write(root.join("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}").unwrap();
        Self {
            root: root.to_path_buf(),
        }
    }

    /// Adds a blob and gives its descriptor.
    pub(crate) fn blob(&self, media_type: &str, content: &[u8]) -> Value {
        let digest = sha256(content);
        fs::write(self.root.join("blobs").join(digest.replace(':', "/")), content).unwrap();
        json!({ "mediaType": media_type, "digest": digest, "size": content.len() })
    }

    /// Adds a blob of JSON and gives its descriptor.
    pub(crate) fn json(&self, media_type: &str, content: &Value) -> Value {
        self.blob(media_type, content.to_string().as_bytes())
    }

    /// Writes `index.json`.
    pub(crate) fn index_file(&self, content: &Value) {
        fs::write(self.root.join("index.json"), content.to_string()).unwrap();
    }

    /// Adds an image with one uncompressed layer of these files; gives its descriptor, without a platform.
    pub(crate) fn image(&self, architecture: &str, files: &[(&str, &str)]) -> Value {
        let tar = tar_of(files);
        let layer = self.blob(OCI_LAYER, &tar);
        self.image_of(OCI_MANIFEST, OCI_CONFIG, architecture, &[layer], &[sha256(&tar)])
    }

    /// Adds an image of these layers.
    pub(crate) fn image_of(
        &self,
        manifest_type: &str,
        config_type: &str,
        architecture: &str,
        layers: &[Value],
        diff_ids: &[String],
    ) -> Value {
        let config = json!({
            "os": "linux",
            "architecture": architecture,
            "config": { "Labels": { "test.label": "some text" } },
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": manifest_type,
            "config": self.json(config_type, &config),
            "layers": layers,
        });
        self.json(manifest_type, &manifest)
    }
}

/// A tar of files of mode 0644.
pub(crate) fn tar_of(files: &[(&str, &str)]) -> Vec<u8> {
    let members: Vec<_> = files.iter().map(|(name, text)| Member::file(name, text)).collect();
    tar_maker::tar(TarFormat::Ustar, &members)
}
