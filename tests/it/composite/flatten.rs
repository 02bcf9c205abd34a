//! `--flatten`: one layer for all modules, but for those that are excluded.

use super::{CONFIG, comp_with, package_into, run_config};
use crate::support::Sandbox;
use crate::support::composed::{Composed, modules};
use crate::support::composites::{BOTH, composite, leaf, package_toml};
use crate::support::layout_view::{LayoutView, text};

const DEPENDENCIES: [&str; 3] = ["../two", "../three", "../one"];

/// Three leaves, and `comp` of them, which names them in an order that is not sorted.
fn comp_of_three() -> Sandbox {
    let sandbox = Sandbox::new();
    for name in ["one", "two", "three"] {
        leaf(&sandbox, name, &format!("acme/{name}@1.0.0"), &BOTH);
    }
    composite(
        &sandbox,
        "comp",
        "acme/comp@1.0.0",
        &[&["acme/one@1.0.0", "acme/two@1.0.0", "acme/three@1.0.0"]],
    );
    package_toml(&sandbox, CONFIG, "../comp", &DEPENDENCIES, &BOTH);
    sandbox
}

/// The modules in each layer of both images, which are alike.
#[track_caller]
fn layers(excluded: &[&str]) -> Vec<Vec<String>> {
    let exclude = excluded.iter().flat_map(|module| ["--flatten-exclude", module]);
    let args: Vec<_> = ["--config", CONFIG, "--flatten"].into_iter().chain(exclude).collect();
    let found = Composed::of(comp_of_three(), &args);
    assert_eq!(found.layers(BOTH[0]), found.layers(BOTH[1]));
    let found_layers = found.layers(BOTH[0]);
    found.0.warned(&["distribution"]);
    let mut sorted = found_layers.clone();
    // which of them comes first is not said
    sorted.sort_by_key(Vec::len);
    sorted
}

const TWO: &str = "acme/two@1.0.0";
const THREE: &str = "acme/three@1.0.0";
const ONE: &str = "acme/one@1.0.0";
const COMP: &str = "acme/comp@1.0.0";

#[test]
fn puts_all_in_one_layer_in_the_order_of_package_toml() {
    assert_eq!(layers(&[]), [[TWO, THREE, ONE, COMP]]);
}

#[test]
fn keeps_out_what_is_excluded() {
    assert_eq!(layers(&[THREE]), [vec![THREE], vec![TWO, ONE, COMP]]);
    assert_eq!(layers(&[TWO, ONE])[2], [THREE, COMP]);
    assert_eq!(layers(&[TWO, ONE]).len(), 3);
}

#[test]
fn when_all_but_one_are_excluded_it_is_as_without() {
    let plain = Composed::config(comp_of_three(), CONFIG);
    let args = [
        "--config",
        CONFIG,
        "--flatten",
        "--flatten-exclude",
        ONE,
        "--flatten-exclude",
        TWO,
    ];
    let found = Composed::of(comp_of_three(), &[&args[..], &["--flatten-exclude", THREE]].concat());
    for platform in BOTH {
        let ids = |composed: &Composed| {
            let mut ids: Vec<_> = composed
                .0
                .image(platform)
                .layers
                .iter()
                .map(|l| l.diff_id.clone())
                .collect();
            ids.sort();
            ids
        };
        assert_eq!(ids(&found), ids(&plain));
    }
}

/// What an excluded module's layer is, is what it is without `--flatten`; an image's is even the same blob.
#[test]
fn leaves_the_layers_of_what_is_excluded_as_they_are() {
    let sandbox = comp_of_three();
    package_into(
        &sandbox,
        "one.oci",
        "registry.test/acme/one:1",
        "one",
        &["--compression", "gzip:9"],
    );
    package_toml(
        &sandbox,
        CONFIG,
        "../comp",
        &["oci:../one.oci:1", "../two", "../three"],
        &BOTH,
    );
    let found = Composed::of(sandbox, &["--config", CONFIG, "--flatten", "--flatten-exclude", ONE]);
    let plain = LayoutView::open(found.0.sandbox.join("one.oci")).image_index("1");
    for image in &plain.children {
        let layer = found.layer(&image.platform(), ONE);
        assert_eq!(layer.descriptor["digest"], image.manifest["layers"][0]["digest"]);
    }
}

#[test]
fn holds_the_same_entries_as_the_layers_apart() {
    let plain = Composed::config(comp_of_three(), CONFIG);
    let flat = Composed::of(comp_of_three(), &["--config", CONFIG, "--flatten"]);
    for platform in BOTH {
        let expected: Vec<_> = [TWO, THREE, ONE, COMP]
            .iter()
            .flat_map(|module| plain.layer(platform, module).entries.clone())
            .collect();
        assert_eq!(flat.layer(platform, COMP).entries, expected);
    }
}

#[test]
fn dependencies_from_images_give_what_folders_give() {
    let expected = Composed::of(comp_of_three(), &["--config", CONFIG, "--flatten"]);
    let sandbox = comp_of_three();
    for name in ["one", "two", "three"] {
        let more = ["--compression", if name == "two" { "zstd" } else { "gzip:1" }];
        package_into(
            &sandbox,
            "images.oci",
            &format!("registry.test/acme/{name}:1"),
            name,
            &more,
        );
    }
    let names = ["two", "three", "one"].map(|name| format!("docker://registry.test/acme/{name}:1"));
    package_toml(
        &sandbox,
        CONFIG,
        "../comp",
        &names.each_ref().map(String::as_str),
        &BOTH,
    );
    let found = Composed::of(sandbox, &["--config", CONFIG, "--flatten", "--from", "images.oci"]);
    assert_eq!(found.digest(), expected.digest());
}

#[test]
fn a_nested_composite_is_flattened_as_a_whole() {
    let sandbox = comp_of_three();
    package_toml(&sandbox, "comp/package.toml", ".", &DEPENDENCIES, &BOTH);
    composite(&sandbox, "outer", "acme/outer@1.0.0", &[&[COMP]]);
    package_toml(&sandbox, "outer/package.toml", ".", &["../comp"], &BOTH);
    let found = Composed::of(sandbox, &["--config", "outer/package.toml", "--flatten"]);
    let [layer] = &found.layers("linux/arm64")[..] else {
        panic!("not one layer: {:?}", found.layers("linux/arm64"));
    };
    assert_eq!(layer.last().unwrap(), "acme/outer@1.0.0", "the composite comes last");
    assert_eq!(found.modules("linux/arm64").len(), 5);
}

#[test]
fn twice_the_same() {
    let sandbox = comp_of_three();
    let digests = ["1", "2", "5"].map(|threads| {
        let layout = format!("out-{threads}.oci");
        run_config(&sandbox, CONFIG, &layout, &["--flatten", "--threads", threads])
            .digest()
            .to_owned()
    });
    assert_eq!(digests[0], digests[1]);
    assert_eq!(digests[0], digests[2]);
}

#[test]
fn with_zstd_or_without_compression() {
    let expected = Composed::of(comp_of_three(), &["--config", CONFIG, "--flatten"]);
    for compression in ["zstd", "none", "gzip:9"] {
        let args = ["--config", CONFIG, "--flatten", "--compression", compression];
        let found = Composed::of(comp_of_three(), &args);
        for platform in BOTH {
            assert_eq!(
                found.layer(platform, COMP).diff_id,
                expected.layer(platform, COMP).diff_id
            );
        }
    }
}

#[test]
fn what_is_left_out_is_not_in_the_layer_either() {
    let sandbox = comp_of_three();
    let order: &[&[&str]] = &[&[ONE, "acme/two@1.0.0?", THREE]];
    composite(&sandbox, "comp", COMP, order);
    let left_out = "[[modules]]\nid = \"acme/two\"\ntargets = [\"linux/amd64\"]\n";
    sandbox.write("config/airpack.toml", left_out);
    let found = Composed::of(sandbox, &["--config", CONFIG, "--flatten"]);
    assert_eq!(found.layers("linux/amd64"), [[TWO, THREE, ONE, COMP]]);
    assert_eq!(found.layers("linux/arm64"), [[THREE, ONE, COMP]]);
}

#[test]
fn the_next_run_finds_its_layers_again() {
    let sandbox = comp_of_three();
    run_config(&sandbox, CONFIG, "out.oci", &["--flatten"]).ok();
    let before = LayoutView::open(sandbox.join("out.oci"));
    let run = run_config(&sandbox, CONFIG, "out.oci", &["--flatten"]);
    assert_eq!(run.digest(), before.digest("1.0"));
    let after = LayoutView::open(sandbox.join("out.oci"));
    assert_eq!(after.blob_names(), before.blob_names());
    after.check_whole();
    let image = &after.image_index("1.0").children[0];
    assert_eq!(modules(image).len(), 4);
    assert_eq!(
        text(&image.layers[0].descriptor, "mediaType"),
        "application/vnd.oci.image.layer.v1.tar+gzip"
    );
}

#[test]
fn the_warning_names_the_option_and_what_it_breaks() {
    let sandbox = crate::support::composites::comp_of_two();
    comp_with(&sandbox, &["../one", "../two"]);
    let found = Composed::of(sandbox, &["--config", CONFIG, "--flatten"]);
    found.0.warned(&["flatten", "distribution"]);
}
