//! `--flatten`: several buildpacks in one layer.

use super::package_into;
use crate::support::builder::{BuilderInput, Built, LAYERS};
use crate::support::composites::{BOTH, COMP, composite, leaf, package_toml};
use crate::support::layout_view::{TarEntry, text};

/// Four buildpacks, named in another order than that of their ids.
fn four() -> BuilderInput {
    let input = BuilderInput::new()
        .replace("uri = \"one\"", "uri = \"zeta\"")
        .buildpack("uri = \"one\"")
        .buildpack("uri = \"alpha\"");
    leaf(&input.sandbox, "zeta", "acme/zeta@1.0.0", &BOTH);
    leaf(&input.sandbox, "alpha", "acme/alpha@1.0.0", &BOTH);
    input
}

fn module_folders(built: &Built, kind: &str) -> Vec<String> {
    let names = built.layer("linux/amd64", kind).entries.iter().map(TarEntry::name);
    names
        .filter(|name| name.matches('/').count() == 4 && name.starts_with("/cnb/buildpacks/"))
        .collect()
}

#[test]
fn one_group() {
    let built = four().created(&["--flatten", "acme/one@1.0.0,acme/zeta@1.0.0"]);
    for platform in BOTH {
        // members as builder.toml has them, not as the flag does
        assert_eq!(
            built.module_layers(platform),
            ["acme_zeta@1.0.0+acme_one@1.0.0", "acme_alpha@1.0.0", "acme_two@2.0.0"]
        );
        let layer = built.layer(platform, "acme_zeta@1.0.0+acme_one@1.0.0").diff_id.clone();
        let label = built.json_label(platform, LAYERS);
        for id in ["acme/one", "acme/zeta"] {
            assert_eq!(label[id]["1.0.0"]["layerDiffID"], layer, "{id}");
        }
        assert_ne!(label["acme/alpha"]["1.0.0"]["layerDiffID"], layer);
    }
}

#[test]
fn two_groups() {
    // sorted by the smallest of each, whichever is named first
    let zeta_and_two = "acme/zeta@1.0.0,acme/two@2.0.0";
    let one_and_alpha = "acme/one@1.0.0,acme/alpha@1.0.0";
    let mut digests = Vec::new();
    for args in [
        ["--flatten", zeta_and_two, "--flatten", one_and_alpha],
        ["--flatten", one_and_alpha, "--flatten", zeta_and_two],
    ] {
        let built = four().created(&args);
        let expected = ["acme_one@1.0.0+acme_alpha@1.0.0", "acme_zeta@1.0.0+acme_two@2.0.0"];
        assert_eq!(built.module_layers("linux/arm64"), expected, "{args:?}");
        digests.push(built.digest().to_owned());
    }
    assert_eq!(digests[0], digests[1]);
}

#[test]
fn the_order_of_members_in_the_flag_does_not_matter() {
    let built = four().created(&["--flatten", "acme/one@1.0.0,acme/zeta@1.0.0"]);
    let other = four().created(&["--flatten", "acme/zeta@1.0.0,acme/one@1.0.0"]);
    assert_eq!(built.digest(), other.digest());
}

#[test]
fn all_of_them() {
    let all = "acme/one@1.0.0,acme/alpha@1.0.0,acme/two@2.0.0,acme/zeta@1.0.0";
    let built = four().created(&["--flatten", all]);
    let kinds = built.module_layers("linux/amd64");
    assert_eq!(
        kinds,
        ["acme_zeta@1.0.0+acme_two@2.0.0+acme_one@1.0.0+acme_alpha@1.0.0"]
    );
    assert_eq!(
        module_folders(&built, &kinds[0]),
        [
            "/cnb/buildpacks/acme_zeta/1.0.0",
            "/cnb/buildpacks/acme_two/2.0.0",
            "/cnb/buildpacks/acme_one/1.0.0",
            "/cnb/buildpacks/acme_alpha/1.0.0",
        ]
    );
}

#[test]
fn of_one_alone() {
    let built = four().created(&["--flatten", "acme/two@2.0.0"]);
    let mut found = built.module_layers("linux/amd64");
    found.sort();
    assert_eq!(
        found,
        [
            "acme_alpha@1.0.0",
            "acme_one@1.0.0",
            "acme_two@2.0.0",
            "acme_zeta@1.0.0"
        ]
    );
    let plain = four().created(&[]);
    let diff_id = |built: &Built| built.layer("linux/amd64", "acme_two@2.0.0").diff_id.clone();
    assert_eq!(diff_id(&built), diff_id(&plain));
}

#[test]
fn what_files_are_in_it() {
    let built = four().created(&["--flatten", "acme/one@1.0.0,acme/zeta@1.0.0"]);
    let plain = four().created(&[]);
    let entries = |built: &Built, kind: &str| built.layer("linux/arm64", kind).entries.clone();
    let flat = entries(&built, "acme_zeta@1.0.0+acme_one@1.0.0");
    let both = [entries(&plain, "acme_zeta@1.0.0"), entries(&plain, "acme_one@1.0.0")].concat();
    assert_eq!(flat, both);
}

#[test]
fn of_a_buildpack_in_two_groups() {
    // it can be in one layer only
    let input = four();
    let args = [
        "--flatten",
        "acme/one@1.0.0,acme/zeta@1.0.0",
        "--flatten",
        "acme/one@1.0.0,acme/two@2.0.0",
    ];
    input.refused(&args).stderr_has("acme/one@1.0.0");
}

#[test]
fn of_modules_of_an_image() {
    let input = BuilderInput::new().buildpack("uri = \"docker://registry.test/acme/comp:1\"");
    composite(&input.sandbox, "comp", "acme/comp@1.0.0", COMP);
    leaf(&input.sandbox, "leaf-two", "acme/two@1.0.0", &BOTH);
    package_toml(
        &input.sandbox,
        "comp/package.toml",
        ".",
        &["../one", "../leaf-two"],
        &BOTH,
    );
    package_into(
        &input.sandbox,
        "buildpack",
        "images.oci",
        "registry.test/acme/comp:1",
        &["--config", "comp/package.toml"],
    );
    let mut input = input.replace("id = \"acme/two\"\n", "id = \"acme/two\"\nversion = \"2.0.0\"\n");
    input.from.push("images.oci".to_owned());
    let built = input.created(&["--flatten", "acme/two@1.0.0,acme/comp@1.0.0"]);
    let kinds = built.module_layers("linux/amd64");
    assert_eq!(kinds.iter().filter(|kind| kind.contains('+')).count(), 1, "{kinds:?}");
    let folders = module_folders(&built, kinds.iter().find(|kind| kind.contains('+')).unwrap());
    assert_eq!(folders.len(), 2, "{folders:?}");
    assert!(!text(&built.0.index.descriptor, "digest").is_empty());
}

#[test]
fn of_an_extension() {
    // it can not be flattened, and is not left out of the group without a word
    let run = four()
        .extension()
        .run_into("out.oci", &["--flatten", "acme/one@1.0.0,acme/ext@1.0.0"]);
    run.stderr_has("acme/ext@1.0.0");
}
