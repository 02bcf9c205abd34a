//! `package.toml` and its uri.

use std::fs;

use crate::support::packaged::Packaged;
use crate::support::tar_maker::TarFormat;
use crate::support::tree::{SCRIPT, descriptor, members, platform_folders};
use crate::support::{Sandbox, tar_maker};

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "parts/bp", &["linux/amd64", "linux/arm64"]);
    let toml = descriptor(&["linux/amd64", "linux/arm64"]);
    let tree: Vec<_> = ["linux/amd64", "linux/arm64"]
        .iter()
        .flat_map(|target| {
            [("bin/build", SCRIPT), ("bin/detect", SCRIPT), ("which", *target)]
                .map(|(name, content)| (format!("{target}/{name}"), content))
        })
        .collect();
    let mut tree: Vec<_> = tree.iter().map(|(name, content)| (name.as_str(), *content)).collect();
    tree.push(("buildpack.toml", &toml));
    let members = members("", true, &tree);
    let tar = tar_maker::tar(TarFormat::Gnu, &members);
    sandbox.write("parts/bp.tgz", tar_maker::gzip(&tar));
    sandbox.write("parts/bp.tar", tar);
    sandbox.write("parts/bp.zip", tar_maker::zip(&members));
    sandbox
}

/// Packages by way of `conf/package.toml` with this uri.
#[track_caller]
fn check(uri: &str, args: &[&str]) -> Packaged {
    let sandbox = sandbox();
    let uri = uri.replace("SANDBOX", sandbox.path().to_str().unwrap());
    sandbox.write("conf/package.toml", format!("[buildpack]\nuri = \"{uri}\"\n"));
    Packaged::of(sandbox, &[&["--config", "conf/package.toml"], args].concat()).without_warnings()
}

#[test]
fn relative_to_it_and_with_platform_folders() {
    let expected = Packaged::path(sandbox(), "parts/bp", &[]).run.stdout;
    for uri in [
        "../parts/bp",
        "../parts/bp/",
        "../parts/bp.tar",
        "../parts/bp.tgz",
        "../parts/bp.zip",
        "SANDBOX/parts/bp",
        "SANDBOX/parts/bp.tgz",
        "file://SANDBOX/parts/bp",
        "file://SANDBOX/parts/bp.zip",
    ] {
        assert_eq!(check(uri, &[]).run.stdout, expected, "{uri}");
    }
}

#[test]
fn short_option_and_targets() {
    let sandbox = sandbox();
    sandbox.write("conf/package.toml", "[buildpack]\nuri = \"../parts/bp\"\n");
    let packaged = Packaged::of(sandbox, &["-c", "conf/package.toml", "-t", "linux/arm64"]);
    assert_eq!(packaged.index.platforms(), ["linux/arm64"]);
    assert_eq!(packaged.content("linux/arm64", "which"), "linux/arm64");
}

#[test]
fn beside_the_buildpack() {
    let sandbox = sandbox();
    sandbox.write("parts/bp/package.toml", "[buildpack]\nuri = \".\"\n");
    let packaged = Packaged::of(sandbox, &["--config", "parts/bp/package.toml"]);
    assert_eq!(packaged.index.platforms(), ["linux/amd64", "linux/arm64"]);
    let files = packaged.image("linux/amd64").files();
    assert!(!files.contains(&"package.toml".to_owned()), "{files:?}");
}

#[test]
fn with_percent_signs_in_a_file_uri() {
    let sandbox = sandbox();
    let path = sandbox.path().to_str().unwrap();
    fs::rename(sandbox.join("parts/bp"), sandbox.join("parts/b p")).unwrap();
    let uri = format!("file://{path}/parts/b%20p");
    sandbox.write("package.toml", format!("[buildpack]\nuri = \"{uri}\"\n"));
    let packaged = Packaged::of(sandbox, &["--config", "package.toml"]);
    assert_eq!(packaged.index.platforms(), ["linux/amd64", "linux/arm64"]);
}

#[test]
fn path_goes_before_its_uri() {
    let sandbox = sandbox();
    sandbox.write("package.toml", "[buildpack]\nuri = \"not/there\"\n");
    let packaged = Packaged::of(sandbox, &["--config", "package.toml", "--path", "parts/bp"]);
    assert_eq!(packaged.index.platforms(), ["linux/amd64", "linux/arm64"]);
}
