//! Hard links.

use std::fs;

use super::with_file;
use crate::support::packaged::Packaged;
use crate::support::tar_maker::TarFormat;
use crate::support::tree::{SCRIPT, descriptor, members, platform_folders};
use crate::support::{Sandbox, tar_maker};

const ROOT: &str = "/cnb/buildpacks/acme_x/1.0.0";

#[test]
fn of_a_folder() {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64"]);
    let folder = sandbox.join("bp/linux/amd64");
    sandbox.write("bp/linux/amd64/m", "content\n");
    sandbox.write("bp/outside", "outside\n");
    fs::hard_link(folder.join("m"), folder.join("a")).unwrap();
    fs::hard_link(folder.join("m"), folder.join("z")).unwrap();
    // what is linked to lies outside of the folder
    fs::hard_link(sandbox.join("bp/outside"), folder.join("b")).unwrap();
    let packaged = Packaged::path(sandbox, "bp", &[]);
    assert_eq!(packaged.content("linux/amd64", "a"), "content\n");
    assert_eq!(packaged.content("linux/amd64", "m"), format!("=> {ROOT}/a"));
    assert_eq!(packaged.content("linux/amd64", "z"), format!("=> {ROOT}/a"));
    assert_eq!(packaged.content("linux/amd64", "b"), "outside\n");
}

#[test]
fn of_an_archive() {
    let toml = descriptor(&["linux/amd64"]);
    let tree = [
        ("buildpack.toml", toml.as_str()),
        ("linux/amd64/bin/build", SCRIPT),
        ("linux/amd64/bin/detect", SCRIPT),
        ("outside", "outside\n"),
        ("linux/amd64/m", "content\n"),
        ("linux/amd64/a", "=> linux/amd64/m"),
        ("linux/amd64/z", "=> linux/amd64/m"),
        ("linux/amd64/b", "=> outside"),
    ];
    for (format, prefix) in [(TarFormat::Ustar, ""), (TarFormat::Gnu, "./"), (TarFormat::Pax, "./")] {
        let tar = tar_maker::tar(format, &members(prefix, true, &tree));
        let packaged = Packaged::path(with_file("bp.tar", &tar), "bp.tar", &[]);
        // the same bytes as of the folder, where the first in the walk is the file
        assert_eq!(packaged.content("linux/amd64", "a"), "content\n");
        assert_eq!(packaged.content("linux/amd64", "m"), format!("=> {ROOT}/a"));
        assert_eq!(packaged.content("linux/amd64", "z"), format!("=> {ROOT}/a"));
        assert_eq!(packaged.content("linux/amd64", "b"), "outside\n");
    }
}

#[test]
fn of_a_whole_archive() {
    let toml = descriptor(&["linux/amd64"]);
    let tree = [
        ("buildpack.toml", toml.as_str()),
        ("bin/build", SCRIPT),
        ("bin/detect", SCRIPT),
        ("m", "content\n"),
        ("a", "=> m"),
    ];
    let tar = tar_maker::tar(TarFormat::Ustar, &members("", true, &tree));
    let packaged = Packaged::path(with_file("bp.tar", &tar), "bp.tar", &[]);
    // the archive's order is kept, so the file stays the file
    assert_eq!(packaged.content("linux/amd64", "m"), "content\n");
    assert_eq!(packaged.content("linux/amd64", "a"), format!("=> {ROOT}/m"));
}
