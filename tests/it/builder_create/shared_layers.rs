//! Layers of the base are shared where they are there already, and come along byte for byte where not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::support::builder::{BUILD, BuilderInput, RUN};
use crate::support::composites::BOTH;
use crate::support::layout_view::{LayoutView, text};
use crate::support::refused::REFERENCE;
use crate::support::test_layout::make_layout;

/// The files of a layout, by name, with what shows that they are the same files.
fn inodes(layout: &LayoutView) -> BTreeMap<String, (u64, i64, i64)> {
    let names = layout.blob_names().into_iter();
    names
        .map(|name| {
            let metadata = fs::metadata(layout.root().join("blobs/sha256").join(&name)).unwrap();
            (name, (metadata.ino(), metadata.mtime(), metadata.mtime_nsec()))
        })
        .collect()
}

/// Creates a builder into the layout that its base is in.
fn in_the_same_layout(input: &BuilderInput, layout: &str, args: &[&str]) {
    let own = [
        "builder",
        "create",
        REFERENCE,
        "--config",
        "builder.toml",
        "--layout",
        layout,
        "--from",
        "run.oci",
    ];
    input.sandbox.airpack(&[&own[..], args].concat()).digest();
}

#[test]
fn a_base_in_the_same_layout() {
    let input = BuilderInput::new();
    input.write();
    let before = LayoutView::open(input.sandbox.join("base.oci"));
    let (old, index_of_base) = (inodes(&before), before.digest("1").to_owned());
    in_the_same_layout(&input, "base.oci", &[]);
    let after = LayoutView::open(input.sandbox.join("base.oci"));
    after.check_whole();
    let new = inodes(&after);
    for (name, inode) in &old {
        assert_eq!(new.get(name), Some(inode), "{name} was touched");
    }
    // the base is still there under its name
    assert_eq!(after.digest("1"), index_of_base);
    let index = after.image_index("1.0");
    assert_eq!(text(&index.descriptor, "digest"), *super::FROM_FOLDERS);
    // what was added is what the base does not have
    let added: BTreeSet<_> = new.keys().filter(|name| !old.contains_key(*name)).cloned().collect();
    for image in &index.children {
        let base = text(&image.layers[0].descriptor, "digest");
        assert!(!added.contains(&base[7..]), "{base} is of the base");
    }
}

#[test]
fn again_into_the_same_layout() {
    let input = BuilderInput::new();
    input.write();
    in_the_same_layout(&input, "base.oci", &[]);
    let before = inodes(&LayoutView::open(input.sandbox.join("base.oci")));
    in_the_same_layout(&input, "base.oci", &[]);
    let layout = LayoutView::open(input.sandbox.join("base.oci"));
    layout.check_whole();
    assert_eq!(inodes(&layout), before);
}

#[test]
fn a_base_of_another_layout_comes_along_byte_for_byte() {
    for compress in [false, true] {
        let mut input = BuilderInput::new();
        input.build["compress"] = compress.into();
        let built = input.created(&[]);
        let base = LayoutView::open(built.0.sandbox.join("base.oci")).image_index("1");
        for (image, of_base) in built.0.index.children.iter().zip(&base.children) {
            assert_eq!(image.layers[0].descriptor, of_base.layers[0].descriptor);
        }
        // of the run image and of the base nothing else
        let run = LayoutView::open(built.0.sandbox.join("run.oci"));
        let names = built.0.layout.blob_names();
        assert!(names.is_disjoint(&run.blob_names()));
        let of_base = LayoutView::open(built.0.sandbox.join("base.oci")).blob_names();
        let shared = names.intersection(&of_base).count();
        assert_eq!(shared, 2, "the layers of the base, and neither configs nor manifests");
    }
}

#[test]
fn two_names_for_one_image() {
    // the run image may be the build image, in one layout
    let mut input = BuilderInput::new().replace(RUN, BUILD);
    input.from = vec!["base.oci".to_owned()];
    let built = input.created(&[]).without_warnings();
    assert_eq!(
        built.file("linux/amd64", "/cnb/run.toml"),
        format!("[[images]]\n  image = \"{BUILD}\"\n")
    );
}

#[test]
fn a_layer_that_the_base_has_already() {
    // the standard folders, once more on top: the layer is listed twice, its blob is there once
    let input = BuilderInput::new();
    let first = input.created(&[]);
    let second = BuilderInput::new().replace(BUILD, REFERENCE);
    let mut second = second;
    second.from = vec![first.0.layout.root().to_str().unwrap().to_owned(), "run.oci".to_owned()];
    let built = second.created(&[]);
    for platform in BOTH {
        let layers = &built.image(platform).layers;
        let folders: Vec<_> = layers
            .iter()
            .filter(|layer| crate::support::builder::layer_kind(layer) == "folders")
            .collect();
        assert_eq!(folders.len(), 2);
        assert_eq!(folders[0].descriptor, folders[1].descriptor);
    }
}

#[test]
fn a_name_that_two_layouts_have() {
    // the first one counts
    let mut input = BuilderInput::new();
    let other = crate::support::builder::image_spec("other", &["amd64", "arm64"]);
    make_layout(&input.sandbox.join("other.oci"), Some(BUILD), &other);
    input.from = vec!["base.oci".to_owned(), "other.oci".to_owned(), "run.oci".to_owned()];
    assert_eq!(input.created(&[]).digest(), *super::FROM_FOLDERS);
    let mut input = BuilderInput::new();
    make_layout(&input.sandbox.join("other.oci"), Some(BUILD), &other);
    input.from = vec!["other.oci".to_owned(), "base.oci".to_owned(), "run.oci".to_owned()];
    let built = input.created(&[]);
    assert_eq!(built.file("linux/amd64", "etc/what"), "other amd64\n");
}

#[test]
fn a_name_is_replaced_and_the_rest_stays() {
    let input = BuilderInput::new();
    input.write();
    in_the_same_layout(&input, "base.oci", &[]);
    input.sandbox.write("one/linux/amd64/more", "more\n");
    in_the_same_layout(&input, "base.oci", &["--label", "a=b"]);
    let layout = LayoutView::open(input.sandbox.join("base.oci"));
    layout.check_whole_with_leftovers();
    let mut tags = layout.tags();
    tags.sort_unstable();
    assert_eq!(tags, ["1", "1.0"]);
    assert_ne!(layout.digest("1.0"), *super::FROM_FOLDERS);
}
