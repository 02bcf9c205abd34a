//! Files that `airpack.toml` declares to be for all targets.

use super::tree_of;
use crate::support::packaged::Packaged;
use crate::support::tree::{SCRIPT, descriptor};

#[test]
fn go_into_every_image_at_the_same_path() {
    let toml = descriptor(&["linux/amd64", "linux/arm64"]);
    let tree = tree_of(
        &toml,
        &[
            ("airpack.toml", "shared = [\"lib\", \"bin/detect\", \"LICENCE\"]\n"),
            ("LICENCE", "free\n"),
            ("README.md", "not shared\n"),
            ("bin/detect", "#!/bin/sh\necho shared\n"),
            ("bin/other", "not shared\n"),
            ("lib/both", "shared\n"),
            ("lib/deep/tool", "#!/bin/sh\necho tool\n"),
            ("lib/link", "-> both"),
            ("lib/empty/", ""),
            ("linux/amd64/bin/build", SCRIPT),
            ("linux/amd64/lib/own", "amd64\n"),
            ("linux/arm64/bin/build", SCRIPT),
            ("linux/arm64/bin/detect", "#!/bin/sh\necho arm64\n"),
            ("linux/arm64/lib/both", "arm64\n"),
        ],
    );
    let packaged = Packaged::tree(&tree, &[]).without_warnings();
    let common = |name: &str, content: &str| (name.to_owned(), content.to_owned());
    assert_eq!(
        packaged.contents("linux/amd64"),
        [
            common("LICENCE", "free\n"),
            common("bin/", ""),
            common("bin/build", SCRIPT),
            common("bin/detect", "#!/bin/sh\necho shared\n"),
            common("buildpack.toml", &toml),
            common("lib/", ""),
            common("lib/both", "shared\n"),
            common("lib/deep/", ""),
            common("lib/deep/tool", "#!/bin/sh\necho tool\n"),
            common("lib/empty/", ""),
            common("lib/link", "-> both"),
            common("lib/own", "amd64\n"),
        ]
    );
    assert_eq!(packaged.content("linux/arm64", "bin/detect"), "#!/bin/sh\necho arm64\n");
    assert_eq!(packaged.content("linux/arm64", "lib/both"), "arm64\n");
    assert_eq!(
        packaged.content("linux/arm64", "lib/deep/tool"),
        "#!/bin/sh\necho tool\n"
    );
}

#[test]
fn count_as_executables() {
    let toml = descriptor(&["linux/amd64", "linux/arm64"]);
    let tree = tree_of(
        &toml,
        &[
            ("airpack.toml", "shared = [\"bin\"]\n"),
            ("bin/build", SCRIPT),
            ("bin/detect", SCRIPT),
            ("linux/amd64/data", "amd64\n"),
            ("linux/arm64/data", "arm64\n"),
        ],
    );
    let files = ["bin/build", "bin/detect", "buildpack.toml", "data"];
    Packaged::tree(&tree, &[])
        .without_warnings()
        .expect(&[("linux/amd64", &files), ("linux/arm64", &files)]);
}

#[test]
fn change_nothing_where_the_root_is_taken() {
    let toml = descriptor(&["linux/amd64"]);
    let rest = [("bin/build", SCRIPT), ("bin/detect", SCRIPT), ("lib/x", "x\n")];
    let plain = Packaged::tree(&tree_of(&toml, &rest), &[]);
    let shared = [&rest[..], &[("airpack.toml", "shared = [\"lib\"]\n")]].concat();
    let shared = Packaged::tree(&tree_of(&toml, &shared), &[]).without_warnings();
    assert_eq!(plain.layout.index_file(), shared.layout.index_file());
}

#[test]
fn the_file_that_declares_them_is_in_no_image() {
    let toml = descriptor(&["linux/amd64"]);
    for airpack_toml in ["", "shared = []\n"] {
        let rest = [
            ("airpack.toml", airpack_toml),
            ("bin/build", SCRIPT),
            ("bin/detect", SCRIPT),
        ];
        Packaged::tree(&tree_of(&toml, &rest), &[])
            .expect(&[("linux/amd64", &["bin/build", "bin/detect", "buildpack.toml"])]);
    }
}
