//! The check that the other tests rely on sees what it is there to see.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::layout_view::{LayoutView, sha256, text};
use crate::support::{Sandbox, set_mode, simple_buildpack};

/// Packages something, spoils it, and returns what the check says about that.
fn complaint(spoil: impl Fn(&Path)) -> String {
    let sandbox = Sandbox::new();
    simple_buildpack(&sandbox, "bp", "acme/x", &["linux/amd64", "linux/arm64"]);
    let args = [
        "buildpack",
        "package",
        "registry.test/acme/x:1.0",
        "--path",
        "bp",
        "--layout",
        "out",
    ];
    sandbox.airpack(&args).ok();
    let layout = sandbox.join("out");
    LayoutView::open(&layout).check_whole();
    spoil(&layout);
    let panic = catch_unwind(|| LayoutView::open(&layout).check_whole()).expect_err("the check sees nothing");
    panic.downcast_ref::<String>().unwrap().clone()
}

/// Changes JSON in `index.json`.
fn edit_index_file(layout: &Path, edit: impl Fn(&mut Value)) {
    let mut index_file = LayoutView::open(layout).index_file().clone();
    edit(&mut index_file);
    fs::write(layout.join("index.json"), index_file.to_string()).unwrap();
}

/// Writes another image index in the place of the one behind the tag.
fn edit_index(layout: &Path, edit: impl Fn(&mut Value)) {
    let view = LayoutView::open(layout);
    let mut index = view.json(view.digest("1.0"));
    edit(&mut index);
    let bytes = index.to_string();
    fs::remove_file(view.blob_path(view.digest("1.0"))).unwrap();
    fs::write(view.blob_path(&sha256(bytes.as_bytes())), &bytes).unwrap();
    edit_index_file(layout, |file| {
        file["manifests"][0]["digest"] = sha256(bytes.as_bytes()).into();
        file["manifests"][0]["size"] = bytes.len().into();
    });
}

fn first_layer(layout: &Path) -> std::path::PathBuf {
    let view = LayoutView::open(layout);
    let manifest = &view.image_index("1.0").children[0].manifest;
    view.blob_path(text(&manifest["layers"][0], "digest"))
}

#[test]
fn sees_a_changed_blob() {
    let said = complaint(|layout| {
        let path = first_layer(layout);
        let mut blob = fs::read(&path).unwrap();
        // a byte of the header that no decompressor looks at
        blob[9] ^= 1;
        fs::write(path, blob).unwrap();
    });
    assert!(
        said.contains("wrong content") && said.contains("has the digest"),
        "{said}"
    );
}

#[test]
fn sees_a_missing_blob() {
    let said = complaint(|layout| fs::remove_file(first_layer(layout)).unwrap());
    assert!(said.contains("no blob for"), "{said}");
}

#[test]
fn sees_a_blob_that_nothing_refers_to() {
    let said = complaint(|layout| {
        let name = sha256(b"alone").replace(':', "/");
        fs::write(layout.join("blobs").join(name), "alone").unwrap();
    });
    assert!(said.contains("nothing refers to"), "{said}");
}

#[test]
fn sees_files_that_do_not_belong_there() {
    for name in ["index.json.lock", "blobs/tmp", "blobs/sha256/.tmp"] {
        let said = complaint(|layout| fs::write(layout.join(name), "").unwrap());
        assert!(said.contains(name.rsplit('/').next().unwrap()), "{said}");
    }
}

#[test]
fn sees_wrong_modes() {
    for (name, mode) in [("index.json", 0o600), ("blobs", 0o700), ("oci-layout", 0o664)] {
        let said = complaint(|layout| set_mode(&layout.join(name), mode));
        assert!(said.contains(&format!("has the mode {mode:o}")), "{said}");
    }
}

#[test]
fn sees_a_wrong_size() {
    let said = complaint(|layout| edit_index_file(layout, |file| file["manifests"][0]["size"] = 1.into()));
    assert!(said.contains("bytes, not as in"), "{said}");
}

#[test]
fn sees_a_tag_that_is_there_twice() {
    let said = complaint(|layout| {
        edit_index_file(layout, |file| {
            let entry = file["manifests"][0].clone();
            file["manifests"].as_array_mut().unwrap().push(entry);
        });
    });
    assert!(said.contains("not unique"), "{said}");
}

#[test]
fn sees_a_platform_that_is_not_that_of_the_config() {
    let said = complaint(|layout| {
        edit_index(layout, |index| {
            index["manifests"][0]["platform"] = json!({"os": "linux", "architecture": "s390x"});
        });
    });
    assert!(said.contains("architecture is"), "{said}");
}

#[test]
fn sees_a_layer_that_is_not_that_of_the_config() {
    let said = complaint(|layout| {
        let view = LayoutView::open(layout);
        let child = &view.image_index("1.0").children[0];
        let mut config = child.config.clone();
        config["rootfs"]["diff_ids"] = json!([sha256(b"another")]);
        let mut manifest = child.manifest.clone();
        let store = |value: &Value, descriptor: &mut Value| {
            let bytes = value.to_string();
            fs::remove_file(view.blob_path(text(descriptor, "digest"))).unwrap();
            descriptor["digest"] = sha256(bytes.as_bytes()).into();
            descriptor["size"] = bytes.len().into();
            fs::write(view.blob_path(text(descriptor, "digest")), bytes).unwrap();
        };
        store(&config, &mut manifest["config"]);
        let mut descriptor = child.descriptor.clone();
        store(&manifest, &mut descriptor);
        edit_index(layout, |index| index["manifests"][0] = descriptor.clone());
    });
    assert!(said.contains("diff_ids are"), "{said}");
}
