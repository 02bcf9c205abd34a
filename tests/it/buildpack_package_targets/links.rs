//! Symlinks within and out of the folder of a target.

use super::tree_of;
use crate::support::Sandbox;
use crate::support::packaged::Packaged;
use crate::support::refused::{REFERENCE, refused};
use crate::support::tree::{SCRIPT, Tree, descriptor, platform_folders, write_tree};

/// Packages the platform folder `linux/amd64` with this beside and in it, and looks at one file of the image.
#[track_caller]
fn check(tree: Tree<'_>, name: &str, content: &str) -> Packaged {
    let packaged = with_platform_folder(tree);
    assert_eq!(packaged.content("linux/amd64", name), content, "{name}");
    packaged
}

#[track_caller]
fn with_platform_folder(tree: Tree<'_>) -> Packaged {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64"]);
    write_tree(&sandbox, "bp", tree);
    Packaged::path(sandbox, "bp", &[])
}

#[test]
fn out_of_the_folder_to_a_file_become_that_file() {
    let file = [("lib/file", "shared\n"), ("linux/amd64/data", "-> ../../lib/file")];
    check(&file, "data", "shared\n").without_warnings();
    let tool = [
        ("tool", "#!/bin/sh\nx\n"),
        ("linux/amd64/lib/deep/tool", "-> ../../../../tool"),
    ];
    check(&tool, "lib/deep/tool", "#!/bin/sh\nx\n").without_warnings();
    // by the way of another target's folder
    let other = [
        ("linux/arm64/data", "arm64\n"),
        ("linux/amd64/data", "-> ../arm64/data"),
    ];
    check(&other, "data", "arm64\n");
    // the way out need not be at the beginning
    let late = [
        ("lib/file", "shared\n"),
        ("linux/amd64/data", "-> bin/../../../lib/file"),
    ];
    check(&late, "data", "shared\n");
}

#[test]
fn out_of_the_folder_to_an_executable() {
    let sandbox = Sandbox::new();
    let toml = descriptor(&["linux/amd64"]);
    let tree = tree_of(
        &toml,
        &[
            ("common/build", "plain\n"),
            ("common/detect", SCRIPT),
            ("linux/amd64/bin/build", "-> ../../../common/build"),
            ("linux/amd64/bin/detect", "-> ../../../common/detect"),
        ],
    );
    write_tree(&sandbox, "bp", &tree);
    let packaged =
        Packaged::path(sandbox, "bp", &[]).expect(&[("linux/amd64", &["bin/build", "bin/detect", "buildpack.toml"])]);
    // the executables have their bits, whatever the file says
    assert_eq!(packaged.content("linux/amd64", "bin/build"), "(x) plain\n");
    assert_eq!(packaged.content("linux/amd64", "bin/detect"), SCRIPT);
}

#[test]
fn out_of_the_folder_to_a_folder_become_that_folder() {
    let tree = [
        ("lib/a", "a\n"),
        ("lib/deep/b", "#!/bin/sh\nb\n"),
        ("lib/empty/", ""),
        ("lib/near", "-> a"),
        ("linux/amd64/lib", "-> ../../lib"),
    ];
    let packaged = check(&tree, "lib/a", "a\n").without_warnings();
    assert_eq!(packaged.content("linux/amd64", "lib/"), "");
    assert_eq!(packaged.content("linux/amd64", "lib/deep/b"), "#!/bin/sh\nb\n");
    assert_eq!(packaged.content("linux/amd64", "lib/empty/"), "");
    // it stays inside what was led to
    assert_eq!(packaged.content("linux/amd64", "lib/near"), "-> a");
}

#[test]
fn of_a_folder_that_is_led_to_are_followed_too() {
    let tree = [
        ("lib/out", "-> ../other/file"),
        ("other/file", "other\n"),
        ("linux/amd64/lib", "-> ../../lib"),
    ];
    check(&tree, "lib/out", "other\n");
}

#[test]
fn in_chains() {
    let tree = [
        ("first", "-> second"),
        ("second", "-> lib/third"),
        ("lib/third", "-> ../lib/file"),
        ("lib/file", "end\n"),
        ("linux/amd64/data", "-> ../../first"),
    ];
    check(&tree, "data", "end\n").without_warnings();
    // a link inside that leads to one that leads out
    let inside = [
        ("lib/file", "end\n"),
        ("linux/amd64/out", "-> ../../lib/file"),
        ("linux/amd64/in", "-> out"),
    ];
    let packaged = check(&inside, "out", "end\n");
    assert_eq!(packaged.content("linux/amd64", "in"), "-> out");
    // through a folder that is a link itself
    let door = [
        ("door", "-> rooms/one"),
        ("rooms/one/file", "one\n"),
        ("linux/amd64/data", "-> ../../door/file"),
    ];
    check(&door, "data", "one\n");
    // out and in again
    let back = [("back", "-> linux/amd64/which"), ("linux/amd64/data", "-> ../../back")];
    check(&back, "data", "linux/amd64");
}

#[test]
fn that_stay_inside_or_are_absolute_are_kept() {
    for target in [
        "which",
        "./which",
        "bin/../which",
        "bin",
        ".",
        "/usr/lib",
        "/cnb/buildpacks/../x",
        "//x",
    ] {
        let link = format!("-> {target}");
        check(&[("linux/amd64/link", &link)], "link", &link).without_warnings();
    }
    let deep = [("linux/amd64/a/b/up", "-> ../../which")];
    check(&deep, "a/b/up", "-> ../../which").without_warnings();
    // with no platform folder all of the root is inside
    let toml = descriptor(&["linux/amd64"]);
    let tree = tree_of(
        &toml,
        &[
            ("bin/build", SCRIPT),
            ("bin/detect", SCRIPT),
            ("lib/x", "x\n"),
            ("a/up", "-> ../lib/x"),
        ],
    );
    let packaged = Packaged::tree(&tree, &[]).without_warnings();
    assert_eq!(packaged.content("linux/amd64", "a/up"), "-> ../lib/x");
}

#[test]
fn that_lead_to_nothing_inside_are_kept_with_a_warning() {
    let tree = [("linux/amd64/lib/link", "-> ../not/there")];
    let packaged = check(&tree, "lib/link", "-> ../not/there").warned(&["lib/link", "../not/there"]);
    refused(&packaged.sandbox, &["--path", "bp", "--strict"]).stderr_has("lib/link");
}

#[test]
fn that_lead_to_nothing_outside_are_told() {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64"]);
    sandbox.symlink("bp/linux/amd64/link", "../../not/there");
    let args = ["buildpack", "package", REFERENCE, "--path", "bp", "--layout", "out.oci"];
    let run = sandbox.airpack(&args);
    // an error or a warning: the image would not have what the link names
    assert!(matches!(run.code, 0 | 1), "{run}");
    run.stderr_has("linux/amd64/link").stderr_has("../../not/there");
    refused(&sandbox, &["--path", "bp", "--strict"]).stderr_has("linux/amd64/link");
}

#[test]
fn that_lead_to_themselves_inside_are_told() {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64"]);
    sandbox.symlink("bp/linux/amd64/one", "two");
    sandbox.symlink("bp/linux/amd64/two", "one");
    refused(&sandbox, &["--path", "bp", "--strict"]).stderr_has("linux/amd64/one");
}
