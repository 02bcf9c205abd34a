//! What pack makes of a buildpack's folder, in the forms that lie in a `.cnb`.

use std::path::Path;

use serde_json::{Value, json};

use super::layout_maker::{LayoutMaker, OCI_LAYER};
use super::layout_view::{OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, sha256};
use super::registry::DOCKER_MANIFEST;
use super::tar_maker::{FILE, Member, TarFormat, gzip, members_of, tar};
use super::{Sandbox, images::OCI_GZIP};

pub(crate) const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
pub(crate) const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
pub(crate) const LAYERS_LABEL: &str = "io.buildpacks.buildpack.layers";
pub(crate) const METADATA_LABEL: &str = "io.buildpacks.buildpackage.metadata";

/// The mtime of every entry of a layer.
const LAYER_TIME: u64 = 315_532_801;

/// An image of one buildpack of version 1.0.0; a test may change it before it is written.
#[derive(Clone)]
pub(crate) struct PackImage {
    /// What the config says; pack leaves it empty where no target names one.
    pub(crate) architecture: String,
    /// The layers before compression.
    pub(crate) layers: Vec<Vec<u8>>,
    pub(crate) labels: Value,
}

/// How an image is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    /// With Docker's media types; else with those of OCI.
    pub(crate) docker: bool,
    /// The layers go through gzip.
    pub(crate) compressed: bool,
    /// The entry in `index.json` has the platform.
    pub(crate) platform: bool,
    /// What stands before the name of every member.
    pub(crate) front: &'static str,
}

impl Form {
    /// As pack itself has it.
    pub(crate) const OF_PACK: Self = Self {
        docker: true,
        compressed: true,
        platform: false,
        front: "/",
    };

    fn layer_type(self) -> String {
        match (self.docker, self.compressed) {
            (true, true) => format!("{DOCKER_LAYER}.gzip"),
            (true, false) => DOCKER_LAYER.to_owned(),
            (false, true) => OCI_GZIP.to_owned(),
            (false, false) => OCI_LAYER.to_owned(),
        }
    }

    fn blob(self, tar: &[u8]) -> Vec<u8> {
        if self.compressed { gzip(tar) } else { tar.to_vec() }
    }
}

impl PackImage {
    /// The image of the buildpack in a folder, whose `buildpack.toml` has these targets (`os[/arch[/variant]]`).
    pub(crate) fn of(folder: &Path, id: &str, targets: &[&str], architecture: &str) -> Self {
        let layer = layer_of(folder, id);
        let mut module = json!({"api": "0.10", "layerDiffID": sha256(&layer), "name": "Test"});
        if !targets.is_empty() {
            let target = |target: &&str| {
                let keys = ["os", "arch", "variant"].into_iter().zip(target.split('/'));
                keys.collect::<Value>()
            };
            module["targets"] = targets.iter().map(target).collect();
        }
        let metadata = json!({"id": id, "name": "Test", "version": "1.0.0", "stacks": [{"id": "*"}]});
        let layers = json!({ id: {"1.0.0": module} });
        Self {
            architecture: architecture.to_owned(),
            layers: vec![layer],
            labels: json!({LAYERS_LABEL: layers.to_string(), METADATA_LABEL: metadata.to_string()}),
        }
    }

    /// The digests of the layers' blobs.
    pub(crate) fn layer_digests(&self, form: Form) -> Vec<String> {
        self.layers.iter().map(|tar| sha256(&form.blob(tar))).collect()
    }

    /// Adds the image to a layout; gives the entry for `index.json`.
    pub(crate) fn write(&self, maker: &LayoutMaker, form: Form) -> Value {
        let (manifest_type, config_type) = if form.docker {
            (DOCKER_MANIFEST, DOCKER_CONFIG)
        } else {
            (OCI_MANIFEST, OCI_CONFIG)
        };
        let layers: Vec<_> = self
            .layers
            .iter()
            .map(|tar| maker.blob(&form.layer_type(), &form.blob(tar)))
            .collect();
        let config = json!({
            "architecture": self.architecture,
            "os": "linux",
            "created": "1980-01-01T00:00:01Z",
            "config": {"Labels": self.labels},
            "rootfs": {"type": "layers", "diff_ids": self.layers.iter().map(|tar| sha256(tar)).collect::<Vec<_>>()},
            "history": self.layers.iter().map(|_| json!({"created": "1980-01-01T00:00:01Z"})).collect::<Vec<_>>(),
        });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": manifest_type,
            "config": maker.json(config_type, &config),
            "layers": layers,
        });
        let mut entry = maker.json(manifest_type, &manifest);
        if form.platform {
            entry["platform"] = json!({"os": "linux", "architecture": self.architecture});
        }
        entry
    }

    /// The members of the `.cnb`, sorted by name.
    pub(crate) fn members(&self, form: Form) -> Vec<Member> {
        let sandbox = Sandbox::new();
        let maker = LayoutMaker::new(sandbox.path());
        let entry = self.write(&maker, form);
        maker.index_file(&json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}));
        members_of(sandbox.path(), form.front)
    }

    /// The `.cnb`.
    pub(crate) fn cnb(&self, form: Form) -> Vec<u8> {
        tar(TarFormat::Ustar, &self.members(form))
    }
}

/// The layer that pack makes of a folder without platform folders: what is in `bin` is executable, the rest is not.
pub(crate) fn layer_of(folder: &Path, id: &str) -> Vec<u8> {
    let root = format!("/cnb/buildpacks/{}", id.replace('/', "_"));
    let mut members = vec![Member::folder(&root), Member::folder(&format!("{root}/1.0.0"))];
    members.extend(members_of(folder, &format!("{root}/1.0.0/")));
    for member in &mut members {
        member.mtime = LAYER_TIME;
        if member.kind == FILE && member.path.contains("/1.0.0/bin/") {
            member.mode = 0o755;
        }
    }
    tar(TarFormat::Ustar, &members)
}
