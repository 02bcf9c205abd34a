//! Buildpackages as other tools write them, with nothing of the tool's own, sound or not.

use serde_json::{Value, json};

use super::Sandbox;
use super::composites::{id_and_version, leaf_members};
use super::layout_maker::{LayoutMaker, OCI_LAYER};
use super::layout_view::{OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, REF_NAME, sha256};
use super::tar_maker::{Member, TarFormat, gzip, members_of, tar};

const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";

/// Makes a blob of a layer.
pub(crate) type Compress = fn(&[u8]) -> Vec<u8>;

/// One image. All its parts may be changed before it is written.
pub(crate) struct BuildpackageMaker {
    /// The layers, uncompressed.
    pub(crate) layers: Vec<Vec<u8>>,
    /// What the config says that they are.
    pub(crate) diff_ids: Vec<String>,
    /// `io.buildpacks.buildpack.layers`; not there when it is null.
    pub(crate) label: Value,
    /// `io.buildpacks.buildpackage.metadata`; not there when it is null.
    pub(crate) metadata: Value,
    /// In the config, and in the index where there is one.
    pub(crate) platform: Value,
    /// Docker's media types instead of those of OCI.
    pub(crate) docker: bool,
    /// How layers are compressed, if they are.
    pub(crate) compress: Option<Compress>,
}

impl BuildpackageMaker {
    /// A package of one leaf for a target, `os/arch[/variant][:name@version]`, with these targets in its
    /// `buildpack.toml`.
    pub(crate) fn leaf(module: &str, target: &str, targets: &[&str]) -> Self {
        let (id, version) = id_and_version(module);
        let (platform, distro) = target.split_once(':').unwrap_or((target, ""));
        let keys = ["os", "architecture", "variant"].into_iter().zip(platform.split('/'));
        let version_of_os = distro.split_once('@').map(|(_, version)| ("os.version", version));
        let mut maker = Self {
            layers: Vec::new(),
            diff_ids: Vec::new(),
            label: json!({}),
            metadata: json!({ "id": id, "version": version, "stacks": [{ "id": "*" }] }),
            platform: keys
                .chain(version_of_os)
                .map(|(key, value)| (key, json!(value)))
                .collect(),
            docker: false,
            compress: Some(gzip),
        };
        maker.add_leaf(module, target, targets);
        maker
    }

    /// Adds a leaf to those that the image has.
    pub(crate) fn add_leaf(&mut self, module: &str, target: &str, targets: &[&str]) {
        self.add_layer(&leaf_members(module, target, targets));
        let mut fields = json!({ "api": "0.10", "layerDiffID": self.diff_ids.last() });
        if !targets.is_empty() {
            fields["targets"] = targets.iter().map(|target| label_target(target)).collect();
        }
        self.describe(module, fields);
    }

    /// Adds a layer that no label speaks of.
    pub(crate) fn add_layer(&mut self, members: &[Member]) {
        let layer = tar(TarFormat::Ustar, members);
        self.diff_ids.push(sha256(&layer));
        self.layers.push(layer);
    }

    /// Sets what the label says of a module.
    pub(crate) fn describe(&mut self, module: &str, fields: Value) {
        let (id, version) = id_and_version(module);
        self.label[id][version] = fields;
    }

    /// Puts these members into the place of the only layer; label and config speak of the new one.
    pub(crate) fn with_layer(mut self, module: &str, members: &[Member]) -> Self {
        self.layers.clear();
        self.diff_ids.clear();
        self.add_layer(members);
        let (id, version) = id_and_version(module);
        self.label[id][version]["layerDiffID"] = self.diff_ids[0].clone().into();
        self
    }

    /// Puts all modules into one layer, as `--flatten` does.
    pub(crate) fn flattened(mut self, members: &[Member]) -> Self {
        self.layers.clear();
        self.diff_ids.clear();
        self.add_layer(members);
        for versions in self.label.as_object_mut().unwrap().values_mut() {
            for fields in versions.as_object_mut().unwrap().values_mut() {
                fields["layerDiffID"] = self.diff_ids[0].clone().into();
            }
        }
        self
    }

    /// Adds the image to a layout and gives its descriptor, with the platform.
    pub(crate) fn write(&self, maker: &LayoutMaker) -> Value {
        let (manifest_type, config_type) = if self.docker {
            (DOCKER_MANIFEST, DOCKER_CONFIG)
        } else {
            (OCI_MANIFEST, OCI_CONFIG)
        };
        let layer_type = match (self.docker, self.compress.is_some()) {
            (false, false) => OCI_LAYER.to_owned(),
            (false, true) => format!("{OCI_LAYER}+gzip"),
            (true, false) => DOCKER_LAYER.to_owned(),
            (true, true) => format!("{DOCKER_LAYER}.gzip"),
        };
        let blob_of = |layer: &Vec<u8>| self.compress.map_or_else(|| layer.clone(), |compress| compress(layer));
        let layers: Vec<Value> = self
            .layers
            .iter()
            .map(|layer| maker.blob(&layer_type, &blob_of(layer)))
            .collect();
        let mut labels = json!({});
        for (key, value) in [
            ("io.buildpacks.buildpack.layers", &self.label),
            ("io.buildpacks.buildpackage.metadata", &self.metadata),
        ] {
            if !value.is_null() {
                labels[key] = value.to_string().into();
            }
        }
        let mut config = self.platform.clone();
        config["config"] = json!({ "Labels": labels });
        config["rootfs"] = json!({ "type": "layers", "diff_ids": self.diff_ids });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": manifest_type,
            "config": maker.json(config_type, &config),
            "layers": layers,
        });
        let mut descriptor = maker.json(manifest_type, &manifest);
        descriptor["platform"] = self.platform.clone();
        descriptor
    }
}

/// A target as labels have it.
fn label_target(target: &str) -> Value {
    let (platform, distro) = target.split_once(':').unwrap_or((target, ""));
    let keys = ["os", "arch", "variant"].into_iter().zip(platform.split('/'));
    let mut shown: Value = keys.map(|(key, value)| (key, json!(value))).collect();
    if let Some((name, version)) = distro.split_once('@') {
        shown["distros"] = json!([{ "name": name, "version": version }]);
    }
    shown
}

/// Writes a layout with an index of these images, tagged `1`, into the sandbox.
pub(crate) fn layout_of(sandbox: &Sandbox, folder: &str, images: &[BuildpackageMaker]) {
    let maker = LayoutMaker::new(&sandbox.folder(folder));
    let children: Vec<Value> = images.iter().map(|image| image.write(&maker)).collect();
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children });
    let mut descriptor = maker.json(OCI_INDEX, &index);
    descriptor["annotations"] = json!({ REF_NAME: "1" });
    maker.index_file(&json!({ "schemaVersion": 2, "manifests": [descriptor] }));
}

/// The bytes of a `.cnb` as pack writes it: one manifest straight in `index.json`, which does not tell its platform, and
/// names with a leading `/`.
pub(crate) fn cnb_of(image: &BuildpackageMaker) -> Vec<u8> {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.folder("layout"));
    let mut descriptor = image.write(&maker);
    descriptor.as_object_mut().unwrap().remove("platform");
    maker.index_file(&json!({ "schemaVersion": 2, "manifests": [descriptor] }));
    tar(TarFormat::Ustar, &members_of(&sandbox.join("layout"), "/"))
}
