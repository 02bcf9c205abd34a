//! Makes the images of a golden case: layouts, and the same as a `.cnb`.

use std::path::Path;

use serde_json::{Value, json};

use super::Sandbox;
use super::images::{OCI_GZIP, finish, index_of, named};
use super::layout_maker::{LayoutMaker, OCI_LAYER};
use super::layout_view::{OCI_CONFIG, OCI_MANIFEST, array, sha256, text};
use super::tar_maker::{TarFormat, gzip, members_of, tar};
use super::test_tree::member;

/// Makes the layout of a specification, with this name if it has one.
pub(crate) fn make_layout(folder: &Path, name: Option<&str>, spec: &Value) {
    let maker = LayoutMaker::new(folder);
    let mut images: Vec<_> = array(spec, "platforms")
        .iter()
        .map(|platform| image(&maker, platform, spec["compress"] == true))
        .collect();
    let mut root = if spec["single"] == true {
        assert_eq!(images.len(), 1, "an image without an index: {spec}");
        let mut image = images.remove(0);
        image.as_object_mut().unwrap().remove("platform");
        image
    } else {
        index_of(&maker, &images)
    };
    if let Some(name) = name {
        root = named(root, name);
    }
    finish(&maker, &[root]);
}

/// A `.cnb`: the layout of a specification as a tar.
pub(crate) fn layout_tar(spec: &Value) -> Vec<u8> {
    let sandbox = Sandbox::new();
    make_layout(sandbox.path(), None, spec);
    tar(TarFormat::Ustar, &members_of(sandbox.path(), ""))
}

/// One image; gives its descriptor, with the platform.
fn image(maker: &LayoutMaker, spec: &Value, compress: bool) -> Value {
    let tars: Vec<_> = spec["layers"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|entries| {
            let members: Vec<_> = entries.as_array().unwrap().iter().map(member).collect();
            tar(TarFormat::Ustar, &members)
        })
        .collect();
    let layers: Vec<_> = tars
        .iter()
        .map(|tar| {
            if compress {
                maker.blob(OCI_GZIP, &gzip(tar))
            } else {
                maker.blob(OCI_LAYER, tar)
            }
        })
        .collect();
    let mut config = json!({
        "os": text(spec, "os"),
        "architecture": text(spec, "architecture"),
        "created": spec["created"].as_str().unwrap_or("2021-01-01T00:00:00Z"),
        "config": spec["config"],
        "rootfs": {"type": "layers", "diff_ids": tars.iter().map(|tar| sha256(tar)).collect::<Vec<_>>()},
        "history": layers.iter().map(|_| json!({})).collect::<Vec<_>>(),
    });
    let mut platform = json!({"os": spec["os"], "architecture": spec["architecture"]});
    for field in ["variant", "os.version"] {
        if spec[field].is_string() {
            config[field] = spec[field].clone();
            platform[field] = spec[field].clone();
        }
    }
    if spec["author"].is_string() {
        config["author"] = spec["author"].clone();
    }
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": maker.json(OCI_CONFIG, &config),
        "layers": layers,
    });
    let mut descriptor = maker.json(OCI_MANIFEST, &manifest);
    descriptor["platform"] = platform;
    descriptor
}

#[test]
fn layouts_are_made_as_the_specification_says() {
    use super::layout_view::{IMAGE_NAME, LayoutView};

    let layer = json!([{"path": "/a", "type": "dir"}, {"path": "/a/b", "type": "file", "text": "b\n"}]);
    let platform = |architecture: &str| {
        json!({
            "os": "linux",
            "architecture": architecture,
            "config": {"Labels": {"l": "1"}},
            "layers": [layer],
        })
    };
    let sandbox = Sandbox::new();
    let both = json!({"platforms": [platform("amd64"), platform("arm64")], "compress": true});
    make_layout(&sandbox.join("both"), Some("registry.test/acme/x:1"), &both);
    let layout = LayoutView::open(sandbox.join("both"));
    let index = layout.image_index("1");
    assert_eq!(index.platforms(), ["linux/amd64", "linux/arm64"]);
    assert_eq!(index.descriptor["annotations"][IMAGE_NAME], "registry.test/acme/x:1");
    let image = index.child("linux/arm64");
    assert_eq!(image.labels()["l"], "1");
    assert_eq!(image.config["rootfs"]["diff_ids"], json!([image.layers[0].diff_id]));
    let names: Vec<_> = image.layers[0]
        .entries
        .iter()
        .map(super::layout_view::TarEntry::name)
        .collect();
    assert_eq!(names, ["/a", "/a/b"]);

    let tree = json!({
        "path": "x.cnb",
        "type": "file",
        "oci_tar": {"platforms": [platform("amd64")], "single": true},
    });
    super::test_tree::make_tree(sandbox.path(), &[tree]);
    let cnb = super::cnb_file::CnbFile::open(sandbox.join("x.cnb"));
    let [entry] = cnb.layout.entries() else {
        panic!("not one entry: {:#}", cnb.layout.index_file());
    };
    assert_eq!(entry["mediaType"], OCI_MANIFEST);
    assert!(
        entry["annotations"].is_null() && entry["platform"].is_null(),
        "{entry:#}"
    );
}
