//! Dependencies that were flattened: what is in one layer gets a layer each again.

use super::{CONFIG, compose_into};
use crate::support::Sandbox;
use crate::support::buildpackage_maker::{BuildpackageMaker, cnb_of, layout_of};
use crate::support::composed::Composed;
use crate::support::composites::{BOTH, composite, leaf, leaf_members, package_toml};
use crate::support::layout_view::LayoutView;
use crate::support::tar_maker::Member;

const ONE: &str = "acme/one@1.0.0";
const TWO: &str = "acme/two@1.0.0";
const THREE: &str = "acme/three@1.0.0";

/// Three leaves, `inner` of them, and `outer` of `inner`.
fn sources() -> Sandbox {
    let sandbox = Sandbox::new();
    for name in ["one", "two", "three"] {
        leaf(&sandbox, name, &format!("acme/{name}@1.0.0"), &BOTH);
    }
    composite(&sandbox, "inner", "acme/inner@1.0.0", &[&[ONE, TWO, THREE]]);
    package_toml(
        &sandbox,
        "inner/package.toml",
        ".",
        &["../one", "../two", "../three"],
        &BOTH,
    );
    composite(&sandbox, "outer", "acme/outer@1.0.0", &[&["acme/inner@1.0.0"]]);
    sandbox
}

/// `outer` of `inner`, named like this.
#[track_caller]
fn outer_of(sandbox: Sandbox, inner: &str, more: &[&str]) -> Composed {
    package_toml(&sandbox, CONFIG, "../outer", &[inner], &BOTH);
    Composed::of(sandbox, &[&["--config", CONFIG], more].concat())
}

/// The sources, and `inner` flattened in `inner.oci`.
fn flattened(more: &[&str]) -> Sandbox {
    let sandbox = sources();
    let args = [&["--flatten"], more].concat();
    compose_into(
        &sandbox,
        "inner.oci",
        "registry.test/acme/inner:1",
        "inner/package.toml",
        &args,
    );
    sandbox
}

#[test]
fn are_split_into_the_layers_that_folders_give() {
    let expected = outer_of(sources(), "../inner", &[]);
    let found = outer_of(flattened(&[]), "oci:../inner.oci:1", &[]);
    for platform in BOTH {
        let [first, second] = [&found, &expected].map(|composed| composed.layers(platform));
        assert_eq!(first, second);
        assert!(first.iter().all(|layer| layer.len() == 1), "{first:?}");
    }
    assert_eq!(found.digest(), expected.digest());
    found.0.without_warnings();
}

#[test]
fn keep_the_layers_that_were_excluded_as_they_are() {
    let more = ["--flatten-exclude", TWO, "--compression", "gzip:9"];
    let found = outer_of(flattened(&more), "oci:../inner.oci:1", &[]);
    let inner = LayoutView::open(found.0.sandbox.join("inner.oci")).image_index("1");
    for image in &inner.children {
        let alone = image
            .layers
            .iter()
            .find(|layer| layer.entries[0].name().ends_with("acme_two"));
        let layer = found.layer(&image.platform(), TWO);
        assert_eq!(layer.descriptor["digest"], alone.unwrap().descriptor["digest"]);
        assert_eq!(found.layers(&image.platform()).len(), 5);
    }
}

#[test]
fn are_flattened_again_with_all_the_rest() {
    let expected = outer_of(sources(), "../inner", &["--flatten"]);
    let found = outer_of(flattened(&[]), "oci:../inner.oci:1", &["--flatten"]);
    for platform in BOTH {
        let sorted = |composed: &Composed| {
            let mut layers = composed.layers(platform);
            assert_eq!(layers.len(), 1, "{layers:?}");
            layers[0].sort();
            layers
        };
        assert_eq!(sorted(&found), sorted(&expected));
    }
}

#[test]
fn are_split_where_a_part_of_them_is_excluded_from_the_result() {
    let found = outer_of(
        flattened(&[]),
        "oci:../inner.oci:1",
        &["--flatten", "--flatten-exclude", TWO],
    );
    for platform in BOTH {
        let mut layers = found.layers(platform);
        layers.sort_by_key(Vec::len);
        assert_eq!(layers.len(), 2);
        assert_eq!(layers[0], [TWO]);
        assert_eq!(layers[1].len(), 4);
    }
}

/// The members of some leaves for a platform, with all that was said of them in between.
fn together(modules: &[&str], target: &str) -> Vec<Member> {
    modules
        .iter()
        .flat_map(|module| leaf_members(module, target, &BOTH))
        .collect()
}

/// An image as pack flattens it, of leaves alone; its main module is `one`.
fn pack_image(target: &str) -> BuildpackageMaker {
    let mut image = BuildpackageMaker::leaf(ONE, target, &BOTH);
    image.add_leaf(TWO, target, &BOTH);
    image.docker = true;
    image.flattened(&together(&[TWO, ONE], target))
}

#[test]
fn of_pack_are_split_too() {
    for uri in ["oci:../pack.oci:1", "../pack.cnb"] {
        let sandbox = Sandbox::new();
        layout_of(&sandbox, "pack.oci", &BOTH.map(pack_image));
        sandbox.write("pack.cnb", cnb_of(&pack_image("linux/amd64")));
        composite(&sandbox, "comp", "acme/comp@1.0.0", &[&[ONE, TWO]]);
        package_toml(&sandbox, CONFIG, "../comp", &[uri], &["linux/amd64"]);
        let found = Composed::config(sandbox, CONFIG);
        assert_eq!(found.layers("linux/amd64"), [["acme/comp@1.0.0"], [ONE], [TWO]]);
        // what comes of it is what was in it, byte for byte
        for module in [ONE, TWO] {
            let alone = BuildpackageMaker::leaf(module, "linux/amd64", &BOTH);
            assert_eq!(
                found.layer("linux/amd64", module).diff_id,
                alone.diff_ids[0],
                "{module}"
            );
        }
    }
}

/// Other tools write the folders above modules as well.
#[test]
fn with_folders_that_belong_to_no_module() {
    let sandbox = Sandbox::new();
    let above = ["/cnb", "/cnb/buildpacks"].map(Member::folder);
    let members = [&above[..], &together(&[TWO, ONE], "linux/amd64")].concat();
    let image = pack_image("linux/amd64").flattened(&members);
    sandbox.write("pack.cnb", cnb_of(&image));
    composite(&sandbox, "comp", "acme/comp@1.0.0", &[&[ONE, TWO]]);
    package_toml(&sandbox, CONFIG, "../comp", &["../pack.cnb"], &["linux/amd64"]);
    let found = Composed::config(sandbox, CONFIG);
    assert_eq!(found.layers("linux/amd64"), [["acme/comp@1.0.0"], [ONE], [TWO]]);
}

/// Two versions of one id share the folder of the id.
#[test]
fn with_two_versions_of_one_module() {
    let sandbox = Sandbox::new();
    let (old, new) = ("acme/one@1.0.0", "acme/one@1.0.0-2");
    let mut image = BuildpackageMaker::leaf(old, "linux/amd64", &BOTH);
    image.add_leaf(new, "linux/amd64", &BOTH);
    let mut members = together(&[old], "linux/amd64");
    // the folder of the id is there already
    members.extend(together(&[new], "linux/amd64").into_iter().skip(1));
    let image = image.flattened(&members);
    sandbox.write("pack.cnb", cnb_of(&image));
    composite(&sandbox, "comp", "acme/comp@1.0.0", &[&[old, new]]);
    package_toml(&sandbox, CONFIG, "../comp", &["../pack.cnb"], &["linux/amd64"]);
    let found = Composed::config(sandbox, CONFIG);
    assert_eq!(found.layers("linux/amd64"), [["acme/comp@1.0.0"], [old], [new]]);
    for module in [old, new] {
        let alone = BuildpackageMaker::leaf(module, "linux/amd64", &BOTH);
        assert_eq!(
            found.layer("linux/amd64", module).diff_id,
            alone.diff_ids[0],
            "{module}"
        );
    }
}

/// The same module from a flattened image and from a folder is one module.
#[test]
fn beside_the_folder_that_they_were_made_of() {
    let sandbox = flattened(&[]);
    let order: &[&[&str]] = &[&["acme/inner@1.0.0", TWO]];
    composite(&sandbox, "outer", "acme/outer@1.0.0", order);
    package_toml(&sandbox, CONFIG, "../outer", &["oci:../inner.oci:1", "../two"], &BOTH);
    let found = Composed::config(sandbox, CONFIG);
    assert_eq!(found.layers("linux/amd64").len(), 5);
}
