//! Which images are made, and from which folders.

use serde_json::{Value, json};

use super::{HEAD, descriptor, packaged, refused, sandbox, sandbox_with, tree};
use crate::support::packaged::Packaged;
use crate::support::tree::SCRIPT;

const TARGETS: [&str; 2] = ["linux/amd64", "linux/arm64"];

#[test]
fn each_takes_its_folder() {
    let packaged = Packaged::extension(sandbox(), &["--path", "ext"]).without_warnings();
    let files = ["bin/detect", "bin/generate", "extension.toml", "which"];
    let packaged = packaged.expect(&[(TARGETS[0], &files), (TARGETS[1], &files)]);
    for target in TARGETS {
        assert_eq!(packaged.content(target, "which"), target);
    }
}

#[test]
fn a_folder_with_only_generate_is_one() {
    let toml = descriptor(&TARGETS);
    packaged(
        &[
            ("README.md", "in no image\n"),
            ("extension.toml", &toml),
            ("linux/amd64/bin/generate", SCRIPT),
            ("linux/arm64/bin/generate", SCRIPT),
            ("linux/arm64/z", "z\n"),
        ],
        &[],
    )
    .without_warnings()
    .expect(&[
        (TARGETS[0], &["bin/generate", "extension.toml"]),
        (TARGETS[1], &["bin/generate", "extension.toml", "z"]),
    ]);
}

#[test]
fn variants_and_distros() {
    let toml = format!(
        "{HEAD}\n[[targets]]\nos = \"linux\"\narch = \"arm\"\nvariant = \"v7\"\n\
         [[targets.distros]]\nname = \"ubuntu\"\nversion = \"22.04\"\n\
         [[targets.distros]]\nname = \"ubuntu\"\nversion = \"24.04\"\n"
    );
    let packaged = packaged(
        &[
            ("extension.toml", &toml),
            ("linux/arm/v7/ubuntu@22.04/bin/generate", SCRIPT),
            ("linux/arm/v7/ubuntu@22.04/old", "old\n"),
            ("linux/arm/v7/ubuntu@24.04/bin/generate", SCRIPT),
            ("linux/arm/v7/ubuntu@24.04/new", "new\n"),
        ],
        &[],
    )
    .without_warnings()
    .expect(&[
        ("linux/arm/v7:22.04", &["bin/generate", "extension.toml", "old"]),
        ("linux/arm/v7:24.04", &["bin/generate", "extension.toml", "new"]),
    ]);
    for (image, version) in packaged.index.children.iter().zip(["22.04", "24.04"]) {
        let annotations = &image.descriptor["annotations"];
        assert_eq!(annotations["io.buildpacks.base.distro.name"], "ubuntu");
        assert_eq!(annotations["io.buildpacks.base.distro.version"], version);
    }
}

#[test]
fn files_for_all_targets_are_declared_in_airpack_toml() {
    let toml = descriptor(&TARGETS);
    let packaged = packaged(
        &[
            ("airpack.toml", "shared = [\"lib\", \"bin/detect\"]\n"),
            ("bin/detect", "#!/bin/sh\necho shared\n"),
            ("extension.toml", &toml),
            ("lib/both", "both\n"),
            ("linux/amd64/bin/generate", SCRIPT),
            ("linux/arm64/bin/generate", SCRIPT),
            ("linux/arm64/lib/both", "arm64\n"),
        ],
        &[],
    )
    .without_warnings();
    let files = ["bin/detect", "bin/generate", "extension.toml", "lib/both"];
    let packaged = packaged.expect(&[(TARGETS[0], &files), (TARGETS[1], &files)]);
    assert_eq!(packaged.content(TARGETS[0], "lib/both"), "both\n");
    assert_eq!(packaged.content(TARGETS[1], "lib/both"), "arm64\n");
    assert_eq!(packaged.content(TARGETS[1], "bin/detect"), "#!/bin/sh\necho shared\n");
}

#[test]
fn the_path_of_a_target_is_its_folder() {
    let toml = descriptor(&["linux/amd64"]) + "path = \"for/sixty-four\"\n";
    packaged(
        &[
            ("extension.toml", &toml),
            ("for/sixty-four/bin/generate", SCRIPT),
            ("for/other", "x\n"),
        ],
        &[],
    )
    .expect(&[(TARGETS[0], &["bin/generate", "extension.toml"])]);
}

#[test]
fn target_overrides_those_of_the_file_but_not_those_of_the_label() {
    let packaged = packaged(&tree(&descriptor(&TARGETS)), &["-t", "linux/s390x"]);
    assert_eq!(packaged.index.platforms(), ["linux/s390x"]);
    let label = &packaged.index.children[0].labels()["io.buildpacks.extension.layers"];
    let label: Value = serde_json::from_str(label).unwrap();
    assert_eq!(
        label["acme/ext"]["1.0.0"]["targets"],
        json!([{"os": "linux", "arch": "amd64"}, {"os": "linux", "arch": "arm64"}])
    );
}

#[test]
fn without_any_it_is_linux_amd64_with_a_warning() {
    let packaged = packaged(&tree(HEAD), &[])
        .warned(&["linux/amd64", "--target"])
        .expect(&[(TARGETS[0], &["bin/detect", "bin/generate", "extension.toml"])]);
    let label = &packaged.index.children[0].labels()["io.buildpacks.extension.layers"];
    let label: Value = serde_json::from_str(label).unwrap();
    assert!(label["acme/ext"]["1.0.0"].get("targets").is_none(), "{label}");
}

#[test]
fn a_target_without_a_folder_beside_those_that_have_one() {
    let run = refused(
        &sandbox(),
        &["--path", "ext", "-t", "linux/amd64", "-t", "linux/riscv64"],
    );
    run.stderr_has("linux/riscv64").stderr_has("ext/linux/amd64");
}

#[test]
fn the_same_target_twice() {
    let args = ["--path", "ext", "-t", "linux/amd64", "-t", "linux/amd64"];
    refused(&sandbox(), &args).stderr_has("linux/amd64");
}

#[test]
fn windows_is_not_supported() {
    let sandbox = sandbox_with(&tree(&descriptor(&["windows/amd64"])));
    refused(&sandbox, &["--path", "ext"])
        .stderr_has("windows")
        .stderr_has("not supported");
}
