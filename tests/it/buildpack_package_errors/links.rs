//! Symlinks that lead out of the root or in a circle.

use std::fs;

use super::check_tree;
use crate::support::refused::refused;
use crate::support::tar_maker::TarFormat;
use crate::support::tree::{SCRIPT, descriptor, members, platform_folders, write_tree};
use crate::support::{Sandbox, tar_maker};

#[test]
fn out_of_the_root() {
    let toml = descriptor(&["linux/amd64"]);
    for target in [
        "../../../outside",
        "../../../../../etc/passwd",
        "../../../bp2/file",
        "../../..",
    ] {
        let sandbox = Sandbox::new();
        platform_folders(&sandbox, "bp", &["linux/amd64"]);
        sandbox.write("outside", "secret\n");
        sandbox.write("bp2/file", "secret\n");
        sandbox.symlink("bp/linux/amd64/leak", target);
        let run = refused(&sandbox, &["--path", "bp"]);
        run.stderr_has("linux/amd64/leak").stderr_has(target);
    }
    // with no platform folder the root is the folder
    for target in ["../outside", "..", "bin/../../outside"] {
        let tree = [
            ("buildpack.toml", toml.as_str()),
            ("bin/build", SCRIPT),
            ("leak", &format!("-> {target}")),
        ];
        check_tree(&tree, &[], &["leak", target]);
    }
}

#[test]
fn out_of_the_root_by_a_chain() {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64"]);
    sandbox.write("outside/file", "secret\n");
    sandbox.symlink("bp/linux/amd64/first", "../../second");
    sandbox.symlink("bp/second", "../outside/file");
    refused(&sandbox, &["--path", "bp"]).stderr_has("linux/amd64/first");
}

#[test]
fn out_of_the_root_through_a_folder() {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64"]);
    sandbox.write("outside/file", "secret\n");
    sandbox.symlink("bp/door", "../outside");
    sandbox.symlink("bp/linux/amd64/leak", "../../door/file");
    refused(&sandbox, &["--path", "bp"]).stderr_has("linux/amd64/leak");
}

#[test]
fn out_of_the_root_from_a_folder_that_is_led_to() {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64"]);
    sandbox.write("outside", "secret\n");
    sandbox.symlink("bp/shared/deep/leak", "../../../outside");
    sandbox.symlink("bp/linux/amd64/lib", "../../shared");
    refused(&sandbox, &["--path", "bp"]).stderr_has("shared/deep/leak");
}

#[test]
fn out_of_the_root_in_an_archive() {
    let sandbox = Sandbox::new();
    let toml = descriptor(&["linux/amd64"]);
    let whole = [
        ("buildpack.toml", toml.as_str()),
        ("bin/build", SCRIPT),
        ("leak", "-> ../outside"),
    ];
    let folder = [
        ("buildpack.toml", toml.as_str()),
        ("linux/amd64/bin/build", SCRIPT),
        ("linux/amd64/leak", "-> ../../../outside"),
    ];
    for tree in [whole, folder] {
        let members = members("", true, &tree);
        sandbox.write("bp.tar", tar_maker::tar(TarFormat::Ustar, &members));
        sandbox.write("bp.zip", tar_maker::zip(&members));
        for path in ["bp.tar", "bp.zip"] {
            refused(&sandbox, &["--path", path])
                .stderr_has("leak")
                .stderr_has("outside");
        }
    }
}

#[test]
fn loops() {
    for links in [
        &[("linux/amd64/a", "-> ../../b"), ("b", "-> linux/amd64/a")][..],
        &[("linux/amd64/a", "-> ../../b"), ("b", "-> c"), ("c", "-> b")],
        // a folder that holds the link that leads to it
        &[("linux/amd64/a", "-> ..")],
        &[("linux/amd64/a", "-> ../..")],
        &[
            ("linux/amd64/a", "-> ../../shared"),
            ("shared/back", "-> ../linux/amd64"),
        ],
        &[
            ("linux/amd64/a", "-> ../../shared"),
            ("shared/back", "-> ../shared2"),
            ("shared2/again", "-> ../shared"),
        ],
    ] {
        let sandbox = Sandbox::new();
        platform_folders(&sandbox, "bp", &["linux/amd64"]);
        write_tree(&sandbox, "bp", links);
        refused(&sandbox, &["--path", "bp"]).stderr_has("linux/amd64/a");

        let toml = descriptor(&["linux/amd64"]);
        let rest = [("buildpack.toml", toml.as_str()), ("linux/amd64/bin/build", SCRIPT)];
        let tree = [&rest, links].concat();
        let archive = tar_maker::tar(TarFormat::Gnu, &members("", true, &tree));
        sandbox.write("bp.tar", archive);
        refused(&sandbox, &["--path", "bp.tar"]).stderr_has("linux/amd64/a");
    }
}

#[test]
fn out_of_the_root_in_place_of_a_platform_folder() {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/arm64"]);
    platform_folders(&sandbox, "outside", &["linux/amd64"]);
    sandbox.write("bp/buildpack.toml", descriptor(&["linux/arm64", "linux/amd64"]));
    sandbox.symlink("bp/linux/amd64", "../../outside/linux/amd64");
    refused(&sandbox, &["--path", "bp"]).stderr_has("linux/amd64");

    let toml = descriptor(&["linux/amd64"]) + "path = \"special\"\n";
    sandbox.write("bp/buildpack.toml", toml);
    sandbox.symlink("bp/special", "../outside/linux/amd64");
    refused(&sandbox, &["--path", "bp"]).stderr_has("special");
}

#[test]
fn out_of_the_root_in_place_of_configuration() {
    for name in ["buildpack.toml", "airpack.toml"] {
        let sandbox = Sandbox::new();
        platform_folders(&sandbox, "bp", &["linux/amd64"]);
        let content = if name == "buildpack.toml" {
            descriptor(&["linux/amd64"])
        } else {
            String::new()
        };
        sandbox.write("outside.toml", content);
        let _ = fs::remove_file(sandbox.join("bp").join(name));
        sandbox.symlink(format!("bp/{name}"), "../outside.toml");
        refused(&sandbox, &["--path", "bp"]).stderr_has(name);
    }
}

#[test]
fn out_of_the_root_among_shared_files() {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64"]);
    sandbox.write("outside", "secret\n");
    sandbox.write("bp/airpack.toml", "shared = [\"lib\"]\n");
    sandbox.symlink("bp/lib/leak", "../../outside");
    refused(&sandbox, &["--path", "bp"]).stderr_has("lib/leak");
}
