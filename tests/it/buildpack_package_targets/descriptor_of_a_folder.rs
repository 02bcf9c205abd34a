//! A `buildpack.toml` in the folder of a target.

use crate::support::Sandbox;
use crate::support::packaged::Packaged;
use crate::support::tree::{descriptor, platform_folders};

#[test]
fn is_used_for_its_target() {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64", "linux/arm64"]);
    let root = descriptor(&["linux/amd64", "linux/arm64"]);
    let own = format!("{root}\n[metadata]\nfor = \"arm64\"\n");
    sandbox.write("bp/linux/arm64/buildpack.toml", &own);
    let files = ["bin/build", "bin/detect", "buildpack.toml", "which"];
    let packaged = Packaged::path(sandbox, "bp", &[])
        .without_warnings()
        .expect(&[("linux/amd64", &files), ("linux/arm64", &files)]);
    assert_eq!(packaged.content("linux/amd64", "buildpack.toml"), root);
    assert_eq!(packaged.content("linux/arm64", "buildpack.toml"), own);
}
