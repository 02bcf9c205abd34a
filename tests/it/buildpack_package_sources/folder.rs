//! Folders, however they are named.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::support::packaged::Packaged;
use crate::support::refused::REFERENCE;
use crate::support::tree::{HEAD, SCRIPT, Tree, descriptor, platform_folders, write_tree};
use crate::support::{Run, Sandbox, set_mode};

#[test]
fn is_the_current_one_by_default() {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64"]);
    let by_path = Packaged::path(sandbox, "bp", &[]);
    let layout = by_path.layout.root().with_file_name("second.oci");
    let args = ["buildpack", "package", REFERENCE, "--layout", layout.to_str().unwrap()];
    let mut command = by_path.sandbox.airpack_command(&args);
    command.current_dir(by_path.sandbox.join("bp"));
    assert_eq!(Run::of(&mut command).digest(), by_path.run.digest());
}

#[test]
fn may_be_a_link_and_be_given_in_any_way() {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64"]);
    sandbox.symlink("link", "bp");
    let absolute = sandbox.join("bp").to_str().unwrap().to_owned();
    let first = Packaged::path(sandbox, "bp", &[]);
    let expected = first.run.stdout.clone();
    let mut sandbox = first.sandbox;
    for path in ["link", "./bp", "bp/", "bp/linux/..", &absolute] {
        let packaged = Packaged::path(sandbox, path, &[]);
        assert_eq!(packaged.run.stdout, expected, "{path}");
        sandbox = packaged.sandbox;
    }
}

#[test]
fn modes_of_folders_and_files_are_normalised() {
    let sandbox = Sandbox::new();
    write_tree(
        &sandbox,
        "bp",
        &[
            ("buildpack.toml", HEAD),
            ("bin/build", SCRIPT),
            ("bin/detect", SCRIPT),
            ("lib/x", "x\n"),
        ],
    );
    let plain = Packaged::path(sandbox, "bp", &[]);
    set_mode(&plain.sandbox.join("bp/lib/x"), 0o600);
    set_mode(&plain.sandbox.join("bp/lib"), 0o700);
    set_mode(&plain.sandbox.join("bp/bin/build"), 0o700);
    let expected = plain.run.stdout.clone();
    assert_eq!(Packaged::path(plain.sandbox, "bp", &[]).run.stdout, expected);
}

#[test]
fn that_holds_the_layout_does_not_package_it() {
    let sandbox = Sandbox::new();
    let tree: Tree<'_> = &[
        ("buildpack.toml", &descriptor(&["linux/amd64"])),
        ("bin/build", SCRIPT),
        ("bin/detect", SCRIPT),
    ];
    write_tree(&sandbox, ".", tree);
    let args = ["buildpack", "package", REFERENCE, "--layout", "out.oci"];
    let first = sandbox.airpack(&args);
    first.digest();
    let second = sandbox.airpack(&args);
    if second.code == 0 {
        assert_eq!(first.digest(), second.digest(), "the same command twice");
    } else {
        second.failed(1).stderr_has("out.oci");
    }
}

#[test]
fn may_hold_names_that_are_not_utf8() {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64"]);
    let name = OsStr::from_bytes(b"\xff\xfename");
    sandbox.write(Path::new("bp/linux/amd64").join(name), "odd\n");
    let packaged = Packaged::path(sandbox, "bp", &[]);
    let entries = &packaged.image("linux/amd64").layers[0].entries;
    let expected = b"/cnb/buildpacks/acme_x/1.0.0/\xff\xfename";
    assert!(entries.iter().any(|entry| entry.name == expected), "{entries:?}");
}
