//! A layer from an image is taken as it is: the same blob, whoever compressed it and how.

use std::os::unix::fs::MetadataExt;

use super::{CONFIG, comp_with, compose_into, package_into, run_config};
use crate::support::buildpackage_maker::{BuildpackageMaker, cnb_of, layout_of};
use crate::support::composed::{Composed, check_sound};
use crate::support::composites::{BOTH, comp_of_two, composite, package_toml};
use crate::support::layout_maker::OCI_LAYER;
use crate::support::layout_view::{LayoutView, array, sha256, text};
use crate::support::packaged::texts;
use crate::support::set_mode;
use crate::support::snapshot::Snapshot;
use crate::support::tar_maker::gzip;

/// The descriptors of all layers of the image with this tag, each with its platform.
fn layers_of(layout: &LayoutView, tag: &str) -> Vec<(String, serde_json::Value)> {
    let children = layout.image_index(tag).children;
    let layers = children
        .iter()
        .map(|image| (image.platform(), image.manifest["layers"][0].clone()));
    layers.collect()
}

#[test]
fn however_it_was_compressed() {
    for compression in ["gzip", "gzip:1", "gzip:9", "zstd", "zstd:19", "none"] {
        let sandbox = comp_of_two();
        let more = ["--compression", compression];
        package_into(&sandbox, "one.oci", "registry.test/acme/one:1", "one", &more);
        let expected = layers_of(&LayoutView::open(sandbox.join("one.oci")), "1");
        comp_with(&sandbox, &["oci:../one.oci:1", "../two"]);
        let found = Composed::config(sandbox, CONFIG);
        for (platform, descriptor) in expected {
            let layer = &found.layer(&platform, "acme/one@1.0.0").descriptor;
            for field in ["digest", "size", "mediaType"] {
                assert_eq!(layer[field], descriptor[field], "{compression}, {platform}");
            }
        }
    }
}

#[test]
fn whatever_is_asked_for_the_layers_that_are_made() {
    let sandbox = comp_of_two();
    package_into(
        &sandbox,
        "one.oci",
        "registry.test/acme/one:1",
        "one",
        &["--compression", "gzip:9"],
    );
    let expected = layers_of(&LayoutView::open(sandbox.join("one.oci")), "1");
    comp_with(&sandbox, &["oci:../one.oci:1", "../two"]);
    let found = Composed::of(sandbox, &["--config", CONFIG, "--compression", "zstd"]);
    for (platform, descriptor) in expected {
        assert_eq!(
            found.layer(&platform, "acme/one@1.0.0").descriptor["digest"],
            descriptor["digest"]
        );
        let two = &found.layer(&platform, "acme/two@1.0.0").descriptor;
        assert_eq!(text(two, "mediaType"), format!("{OCI_LAYER}+zstd"));
    }
}

#[test]
fn of_another_compressor() {
    for (docker, compressed) in [(false, false), (false, true), (true, false), (true, true)] {
        let sandbox = comp_of_two();
        let images = BOTH.map(|target| {
            let image = BuildpackageMaker::leaf("acme/one@1.0.0", target, &BOTH);
            BuildpackageMaker {
                docker,
                compress: image.compress.filter(|_| compressed),
                ..image
            }
        });
        layout_of(&sandbox, "one.oci", &images);
        let expected = layers_of(&LayoutView::open(sandbox.join("one.oci")), "1");
        comp_with(&sandbox, &["oci:../one.oci:1", "../two"]);
        let found = Composed::config(sandbox, CONFIG);
        for (platform, descriptor) in expected {
            let layer = &found.layer(&platform, "acme/one@1.0.0").descriptor;
            assert_eq!(layer["digest"], descriptor["digest"]);
            assert_eq!(layer["size"], descriptor["size"]);
            // Docker's words for it become those of OCI
            let suffix = if compressed { "+gzip" } else { "" };
            assert_eq!(text(layer, "mediaType"), format!("{OCI_LAYER}{suffix}"));
        }
    }
}

#[test]
fn of_a_cnb_of_pack() {
    let sandbox = comp_of_two();
    let mut image = BuildpackageMaker::leaf("acme/one@1.0.0", "linux/amd64", &BOTH);
    image.docker = true;
    sandbox.write("one.cnb", cnb_of(&image));
    let blob = sha256(&gzip(&image.layers[0]));
    comp_with(&sandbox, &["../one.cnb", "../two"]);
    let found = Composed::of(sandbox, &["--config", CONFIG, "-t", "linux/amd64"]);
    assert_eq!(found.layer("linux/amd64", "acme/one@1.0.0").descriptor["digest"], blob);
}

#[test]
fn all_layers_of_a_composite() {
    let sandbox = comp_of_two();
    let more = ["--compression", "gzip:1"];
    compose_into(
        &sandbox,
        "comp.oci",
        "registry.test/acme/comp:1",
        "comp/package.toml",
        &more,
    );
    let inner = LayoutView::open(sandbox.join("comp.oci")).image_index("1");
    composite(&sandbox, "outer", "acme/outer@1.0.0", &[&["acme/comp@1.0.0"]]);
    package_toml(&sandbox, "outer/package.toml", ".", &["oci:../comp.oci:1"], &BOTH);
    let found = Composed::config(sandbox, "outer/package.toml");
    for image in &inner.children {
        let outer = found.0.image(&image.platform());
        let layers = array(&outer.manifest, "layers");
        assert_eq!(layers.len(), 4);
        for layer in array(&image.manifest, "layers") {
            assert!(layers.contains(layer), "{layer} in {layers:#?}");
        }
    }
}

/// Inside one layout there is nothing to copy, and what is there is not written again.
#[test]
fn in_the_same_layout_nothing_happens_to_it() {
    let sandbox = comp_of_two();
    for name in ["one", "two"] {
        package_into(
            &sandbox,
            "images.oci",
            &format!("registry.test/acme/{name}:1"),
            name,
            &[],
        );
    }
    comp_with(
        &sandbox,
        &[
            "docker://registry.test/acme/one:1",
            "oci:../images.oci:registry.test/acme/two:1",
        ],
    );
    let before = LayoutView::open(sandbox.join("images.oci"));
    let files = |layout: &LayoutView, names: &std::collections::BTreeSet<String>| {
        let file = |name: &String| layout.blob_path(&format!("sha256:{name}")).metadata().unwrap();
        let seen = names
            .iter()
            .map(|name| (file(name).ino(), file(name).mtime(), file(name).mtime_nsec()));
        seen.collect::<Vec<_>>()
    };
    let names = before.blob_names();
    let seen = files(&before, &names);
    run_config(&sandbox, CONFIG, "images.oci", &[]).ok();
    let after = LayoutView::open(sandbox.join("images.oci"));
    assert_eq!(files(&after, &names), seen);
    after.check_whole();
    // an index, two manifests, two configs, and the layer of the composite
    assert_eq!(after.blob_names().len(), names.len() + 6);
}

#[test]
fn from_another_layout_it_is_there_afterwards_without_the_other() {
    let sandbox = comp_of_two();
    package_into(&sandbox, "one.oci", "registry.test/acme/one:1", "one", &[]);
    comp_with(&sandbox, &["oci:../one.oci:1", "../two"]);
    let source = Snapshot::of(sandbox.join("one.oci"));
    run_config(&sandbox, CONFIG, "out.oci", &[]).ok();
    source.assert_unchanged("packaging from it");
    // should the files have been linked, their modes must fit both; neither may go with the other
    std::fs::remove_dir_all(sandbox.join("one.oci")).unwrap();
    let layout = LayoutView::open(sandbox.join("out.oci"));
    layout.check_whole();
    for image in &layout.image_index("1.0").children {
        check_sound(&layout, image);
    }
}

/// A layout that may only be read, and whose files have other modes than the tool gives.
#[test]
fn from_a_layout_with_other_modes() {
    let sandbox = comp_of_two();
    package_into(&sandbox, "one.oci", "registry.test/acme/one:1", "one", &[]);
    let layout = LayoutView::open(sandbox.join("one.oci"));
    for name in layout.blob_names() {
        set_mode(&layout.blob_path(&format!("sha256:{name}")), 0o444);
    }
    comp_with(&sandbox, &["oci:../one.oci:1", "../two"]);
    // looks at the modes of what was written, and that those of the source have stayed
    assert_eq!(Composed::config(sandbox, CONFIG).digest(), *super::FROM_FOLDERS);
}

#[test]
fn json_says_which_layers_were_taken_and_from_where() {
    let sandbox = comp_of_two();
    package_into(
        &sandbox,
        "one.oci",
        "registry.test/acme/one:1",
        "one",
        &["-t", "linux/amd64"],
    );
    let digest = layers_of(&LayoutView::open(sandbox.join("one.oci")), "1")[0].1["digest"].clone();
    comp_with(&sandbox, &["oci:../one.oci:1", "../two"]);
    let run = run_config(&sandbox, CONFIG, "out.oci", &["-t", "linux/amd64", "--json"]);
    run.ok();
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let layers = array(&report["images"][0], "layers");
    assert_eq!(layers.len(), 3, "{report:#}");
    let taken: Vec<_> = layers
        .iter()
        .filter(|layer| texts(layer).iter().any(|text| text.contains("one.oci")))
        .collect();
    assert_eq!(taken.len(), 1, "{report:#}");
    assert_eq!(taken[0]["digest"], digest);
    // each layer is as long as its tar, wherever it is from
    let index = LayoutView::open(sandbox.join("out.oci")).image_index("1.0");
    let lengths: Vec<_> = index.children[0]
        .layers
        .iter()
        .map(|layer| layer.uncompressed)
        .collect();
    let told: Vec<_> = layers
        .iter()
        .map(|layer| layer["uncompressedSize"].as_u64().unwrap())
        .collect();
    assert_eq!(told, lengths, "{report:#}");
}

/// As some compressors write it: several gzip members, one after the other.
#[test]
fn in_several_gzip_members() {
    fn in_two(layer: &[u8]) -> Vec<u8> {
        let (first, second) = layer.split_at(700);
        [gzip(first), gzip(second)].concat()
    }
    let sandbox = comp_of_two();
    let mut image = BuildpackageMaker::leaf("acme/one@1.0.0", "linux/amd64", &BOTH);
    image.compress = Some(in_two);
    sandbox.write("one.cnb", cnb_of(&image));
    comp_with(&sandbox, &["../one.cnb", "../two"]);
    run_config(&sandbox, CONFIG, "out.oci", &["-t", "linux/amd64"]).ok();
    let layout = LayoutView::open(sandbox.join("out.oci"));
    let blob = in_two(&image.layers[0]);
    assert_eq!(layout.blob(&sha256(&blob)), blob);
    let index = layout.json(layout.digest("1.0"));
    let manifest = layout.json(text(&index["manifests"][0], "digest"));
    let digests: Vec<_> = array(&manifest, "layers")
        .iter()
        .map(|layer| text(layer, "digest"))
        .collect();
    assert!(digests.contains(&sha256(&blob).as_str()), "{manifest:#}");
}
