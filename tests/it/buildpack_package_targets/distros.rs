//! Targets with distros.

use serde_json::Value;

use super::{distro, target_with, tree_of};
use crate::support::packaged::Packaged;
use crate::support::refused::refused;
use crate::support::tree::{SCRIPT, descriptor};

#[test]
fn are_images_of_their_own() {
    let versions = distro("ubuntu", "22.04") + &distro("ubuntu", "24.04");
    let toml = format!(
        "{}\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n{versions}",
        target_with(&versions)
    );
    let mut names = Vec::new();
    for arch in ["amd64", "arm64"] {
        for version in ["22.04", "24.04"] {
            for file in ["bin/build", "bin/detect"] {
                names.push(format!("linux/{arch}/ubuntu@{version}/{file}"));
            }
        }
    }
    let rest: Vec<_> = names.iter().map(|name| (name.as_str(), SCRIPT)).collect();
    let files = ["bin/build", "bin/detect", "buildpack.toml"];
    let packaged = Packaged::tree(&tree_of(&toml, &rest), &[]).without_warnings().expect(&[
        ("linux/amd64:22.04", &files),
        ("linux/amd64:24.04", &files),
        ("linux/arm64:22.04", &files),
        ("linux/arm64:24.04", &files),
    ]);
    for image in &packaged.index.children {
        let version = image.descriptor["platform"]["os.version"].clone();
        assert_eq!(image.config["os.version"], version);
        let annotations = &image.descriptor["annotations"];
        assert_eq!(annotations["io.buildpacks.base.distro.name"], "ubuntu");
        assert_eq!(annotations["io.buildpacks.base.distro.version"], version);
    }
}

#[test]
fn without_a_version_have_a_folder_with_their_name() {
    let toml = target_with(&distro("ubuntu", ""));
    let tree = tree_of(
        &toml,
        &[
            ("linux/amd64/ubuntu/bin/build", SCRIPT),
            ("linux/amd64/ubuntu/bin/detect", SCRIPT),
            ("linux/amd64/ubuntu/here", "x\n"),
        ],
    );
    let packaged = Packaged::tree(&tree, &[])
        .without_warnings()
        .expect(&[("linux/amd64", &["bin/build", "bin/detect", "buildpack.toml", "here"])]);
    let annotations = &packaged.index.children[0].descriptor["annotations"];
    assert_eq!(annotations["io.buildpacks.base.distro.name"], "ubuntu");
    assert_eq!(annotations["io.buildpacks.base.distro.version"], Value::Null);
    assert_eq!(packaged.index.children[0].config["os.version"], Value::Null);
}

#[test]
fn with_one_version_are_ambiguous() {
    let toml = target_with(&(distro("debian", "12") + &distro("other", "12")));
    let tree = tree_of(&toml, &[("bin/build", SCRIPT), ("bin/detect", SCRIPT)]);
    let files = ["bin/build", "bin/detect", "buildpack.toml"];
    let packaged = Packaged::tree(&tree, &[])
        .warned(&["linux/amd64", "debian", "other"])
        .expect(&[("linux/amd64:12", &files), ("linux/amd64:12", &files)]);
    refused(&packaged.sandbox, &["--path", "bp", "--strict"]).stderr_has("debian");
}

#[test]
fn two_targets_with_one_platform_are_ambiguous() {
    let toml = descriptor(&["linux", "linux/amd64"]);
    let tree = tree_of(&toml, &[("bin/build", SCRIPT), ("bin/detect", SCRIPT)]);
    let packaged = Packaged::tree(&tree, &[]);
    assert_eq!(packaged.index.platforms(), ["linux/amd64", "linux/amd64"]);
    let warnings = packaged.run.stderr.matches("warning: ").count();
    assert!(
        warnings >= 2,
        "of the default and of the equal platforms{}",
        packaged.run
    );
}
