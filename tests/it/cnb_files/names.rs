//! What the files are called.

use std::fs;

use super::{files_of, package, written};
use crate::support::cnb_file::{CnbFile, config_platform};
use crate::support::{Sandbox, simple_buildpack};

/// A sandbox with the buildpack `bp`, whose executables are at its root and fit every target.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    simple_buildpack(&sandbox, "bp", "acme/x", &[]);
    sandbox
}

/// Packages for these targets; gives the files, and each with the platform of the image in it.
#[track_caller]
fn check(file: &str, targets: &[&str], expected: &[(&str, &str)]) {
    let sandbox = sandbox();
    if let Some((folder, _)) = file.rsplit_once('/') {
        sandbox.folder(folder);
    }
    let args: Vec<_> = targets.iter().flat_map(|target| ["--target", *target]).collect();
    let found: Vec<_> = written(&sandbox, file, &args)
        .into_iter()
        .map(|file| {
            let platform = config_platform(&CnbFile::open(sandbox.join(&file)).flat_image());
            (file, platform)
        })
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|&(file, platform)| (file.to_owned(), platform.to_owned()))
        .collect();
    assert_eq!(found, expected, "{file} for {targets:?}");
}

#[test]
fn as_given_for_one_target() {
    for target in ["linux/amd64", "linux/arm/v7"] {
        check("x.cnb", &[target], &[("x.cnb", target)]);
    }
    check(
        "x.cnb",
        &["linux/amd64:ubuntu@24.04"],
        &[("x.cnb", "linux/amd64:24.04")],
    );
    check(
        "some/folder/x.cnb",
        &["linux/amd64"],
        &[("some/folder/x.cnb", "linux/amd64")],
    );
    check("./x.cnb", &["linux/amd64"], &[("./x.cnb", "linux/amd64")]);
    check("a b é.cnb", &["linux/amd64"], &[("a b é.cnb", "linux/amd64")]);
}

#[test]
fn with_os_and_architecture() {
    check(
        "x.cnb",
        &["linux/arm64", "linux/amd64", "linux/s390x"],
        &[
            ("x-linux-arm64.cnb", "linux/arm64"),
            ("x-linux-amd64.cnb", "linux/amd64"),
            ("x-linux-s390x.cnb", "linux/s390x"),
        ],
    );
}

#[test]
fn with_a_variant_where_there_is_one() {
    check(
        "x.cnb",
        &["linux/arm/v6", "linux/arm/v7", "linux/arm64"],
        &[
            ("x-linux-arm-v6.cnb", "linux/arm/v6"),
            ("x-linux-arm-v7.cnb", "linux/arm/v7"),
            ("x-linux-arm64.cnb", "linux/arm64"),
        ],
    );
}

#[test]
fn with_the_distro_where_there_is_one() {
    // one target, but an image for each distro
    check(
        "x.cnb",
        &["linux/amd64:ubuntu@22.04;ubuntu@24.04"],
        &[
            ("x-linux-amd64-ubuntu@22.04.cnb", "linux/amd64:22.04"),
            ("x-linux-amd64-ubuntu@24.04.cnb", "linux/amd64:24.04"),
        ],
    );
    check(
        "x.cnb",
        &["linux/arm64/v8:debian@12", "linux/amd64"],
        &[
            ("x-linux-arm64-v8-debian@12.cnb", "linux/arm64/v8:12"),
            ("x-linux-amd64.cnb", "linux/amd64"),
        ],
    );
}

#[test]
fn that_differ_where_only_the_distro_does() {
    // pack's collide
    check(
        "x.cnb",
        &["linux/amd64:ubuntu@12;debian@12"],
        &[
            ("x-linux-amd64-ubuntu@12.cnb", "linux/amd64:12"),
            ("x-linux-amd64-debian@12.cnb", "linux/amd64:12"),
        ],
    );
}

#[test]
fn with_all_that_stands_before_the_ending() {
    check(
        "some/acme_x-1.0.cnb",
        &["linux/amd64", "linux/arm64"],
        &[
            ("some/acme_x-1.0-linux-amd64.cnb", "linux/amd64"),
            ("some/acme_x-1.0-linux-arm64.cnb", "linux/arm64"),
        ],
    );
    check(
        "a.cnb/x.cnb",
        &["linux/amd64", "linux/arm64"],
        &[
            ("a.cnb/x-linux-amd64.cnb", "linux/amd64"),
            ("a.cnb/x-linux-arm64.cnb", "linux/arm64"),
        ],
    );
}

#[test]
fn are_absolute_where_an_absolute_one_is_given() {
    let sandbox = sandbox();
    let file = sandbox.join("x.cnb");
    let file = file.to_str().unwrap();
    assert_eq!(written(&sandbox, file, &["-t", "linux/amd64"]), [file]);
    let several = written(&sandbox, file, &["-t", "linux/amd64", "-t", "linux/arm64"]);
    let expected = ["amd64", "arm64"].map(|architecture| {
        let file = sandbox.join(format!("x-linux-{architecture}.cnb"));
        file.to_str().unwrap().to_owned()
    });
    assert_eq!(several, expected);
}

#[test]
fn without_the_ending_are_warned_about_and_written_as_given() {
    for file in ["x", "x.tar", "x.cnb.tmp"] {
        let sandbox = sandbox();
        let run = package(&sandbox, file, &["-t", "linux/amd64"]);
        run.ok().stderr_has("warning: ").stderr_has(".cnb").stderr_has(file);
        assert_eq!(files_of(&run), [file]);
        CnbFile::open(sandbox.join(file)).flat_image();
    }
}

#[test]
fn with_the_ending_are_not_warned_about() {
    let sandbox = sandbox();
    package(&sandbox, "x.cnb", &["-t", "linux/amd64"])
        .ok()
        .stderr_lacks("warning");
}

#[test]
fn are_one_for_each_target_and_the_only_new_ones() {
    let sandbox = sandbox();
    sandbox.folder("out");
    let args = ["-t", "linux/amd64", "-t", "linux/arm64"];
    let mut expected = written(&sandbox, "out/x.cnb", &args);
    expected.sort();
    let names = fs::read_dir(sandbox.join("out")).unwrap();
    let mut found: Vec<_> = names
        .map(|entry| format!("out/{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    found.sort();
    assert_eq!(found, expected);
}
