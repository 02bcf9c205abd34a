//! Archives that are taken as they are.

use super::{FORMATS, packed, with_file};
use crate::support::packaged::Packaged;
use crate::support::tar_maker;
use crate::support::tar_maker::{Member, TarFormat};
use crate::support::tree::{SCRIPT, descriptor, members};

fn names(packaged: &Packaged) -> Vec<String> {
    packaged
        .contents("linux/amd64")
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}

fn tree(toml: &str) -> Vec<(&str, &str)> {
    vec![
        ("z-first", "z\n"),
        ("buildpack.toml", toml),
        ("lib/no-parent", "x\n"),
        ("bin/detect", SCRIPT),
        ("a-late", "a\n"),
        ("bin/build", SCRIPT),
        ("link", "-> bin/build"),
    ]
}

#[test]
fn keeps_its_order_and_gets_no_parents() {
    let toml = descriptor(&["linux/amd64"]);
    let tree = tree(&toml);
    let expected: Vec<_> = tree.iter().map(|(name, _)| (*name).to_owned()).collect();
    for format in FORMATS {
        for (prefix, name) in [("", "bp.tar"), ("./", "bp.tgz")] {
            let tar = tar_maker::tar(format, &members(prefix, false, &tree));
            let packaged = Packaged::path(packed(name, tar), name, &[]).without_warnings();
            assert_eq!(names(&packaged), expected, "{format:?}, {prefix:?}");
        }
    }
    let zip = tar_maker::zip(&members("", false, &tree));
    let packaged = Packaged::path(with_file("bp.zip", &zip), "bp.zip", &[]).without_warnings();
    assert_eq!(names(&packaged), expected, "zip");
}

#[test]
fn keeps_its_folders_where_they_are() {
    let toml = descriptor(&["linux/amd64"]);
    let tree = tree(&toml);
    let expected = [
        "z-first",
        "buildpack.toml",
        "lib/",
        "lib/no-parent",
        "bin/",
        "bin/detect",
        "a-late",
        "bin/build",
        "link",
    ];
    for (prefix, name) in [("", "bp.tar"), ("./", "bp.tgz")] {
        let tar = tar_maker::tar(TarFormat::Ustar, &members(prefix, true, &tree));
        let packaged = Packaged::path(packed(name, tar), name, &[]);
        assert_eq!(names(&packaged), expected, "{prefix:?}");
    }
}

#[test]
fn is_the_same_layer_for_every_form() {
    let toml = descriptor(&["linux/amd64", "linux/arm64"]);
    let tree = tree(&toml);
    let mut digests = Vec::new();
    for format in FORMATS {
        let tar = tar_maker::tar(format, &members("", true, &tree));
        digests.push(Packaged::path(packed("bp.tgz", tar), "bp.tgz", &[]).run.stdout);
    }
    let zip = tar_maker::zip(&members("", true, &tree));
    digests.push(Packaged::path(with_file("bp.zip", &zip), "bp.zip", &[]).run.stdout);
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
}

#[test]
fn headers_do_not_come_from_it() {
    let toml = descriptor(&["linux/amd64"]);
    let tree = tree(&toml);
    let plain = tar_maker::tar(TarFormat::Ustar, &members("", true, &tree));
    let other: Vec<_> = members("", true, &tree)
        .into_iter()
        .map(|member| {
            // exec bits count, the rest does not
            let mode = if member.mode & 0o111 == 0 { 0o600 } else { 0o4711 };
            Member {
                mode,
                uid: 5,
                gid: 6,
                uname: "u".into(),
                gname: "g".into(),
                mtime: 1,
                ..member
            }
        })
        .collect();
    let other = tar_maker::tar(TarFormat::Ustar, &other);
    let first = Packaged::path(with_file("bp.tar", &plain), "bp.tar", &[]);
    let second = Packaged::path(with_file("bp.tar", &other), "bp.tar", &[]);
    assert_eq!(first.run.stdout, second.run.stdout);
}

#[test]
fn executables_get_their_bits() {
    let members = [
        Member::file("buildpack.toml", descriptor(&["linux/amd64"])),
        Member::file("bin/build", "build\n").with_mode(0o600),
        Member::file("bin/detect", "detect\n").with_mode(0o644),
    ];
    for (name, bytes) in [
        ("bp.tar", tar_maker::tar(TarFormat::Ustar, &members)),
        ("bp.zip", tar_maker::zip(&members)),
    ] {
        let packaged = Packaged::path(with_file(name, &bytes), name, &[]).warned(&["bin/build"]);
        assert_eq!(packaged.content("linux/amd64", "bin/build"), "(x) build\n");
        assert_eq!(packaged.content("linux/amd64", "bin/detect"), "(x) detect\n");
    }
}

#[test]
fn without_other_targets_folders() {
    let toml = descriptor(&["linux/amd64", "freebsd/amd64"]);
    let tree = [
        ("buildpack.toml", toml.as_str()),
        ("freebsd/amd64/bin/build", SCRIPT),
        ("freebsd/amd64/bin/detect", SCRIPT),
        ("bin/detect", SCRIPT),
        ("bin/build", SCRIPT),
    ];
    let tar = tar_maker::tar(TarFormat::Ustar, &members("", false, &tree));
    Packaged::path(with_file("bp.tar", &tar), "bp.tar", &[])
        .warned(&["linux/amd64"])
        .expect(&[
            ("linux/amd64", &["buildpack.toml", "bin/detect", "bin/build"]),
            ("freebsd/amd64", &["bin/build", "bin/detect", "buildpack.toml"]),
        ]);
}

#[test]
fn does_not_hold_airpack_toml() {
    let toml = descriptor(&["linux/amd64"]);
    let tree = [
        ("airpack.toml", "shared = []\n"),
        ("buildpack.toml", toml.as_str()),
        ("bin/detect", SCRIPT),
        ("bin/build", SCRIPT),
    ];
    let tar = tar_maker::tar(TarFormat::Ustar, &members("./", false, &tree));
    Packaged::path(with_file("bp.tar", &tar), "bp.tar", &[])
        .expect(&[("linux/amd64", &["buildpack.toml", "bin/detect", "bin/build"])]);
}

#[test]
fn of_entries_with_one_name_the_last_counts() {
    let toml = descriptor(&["linux/amd64"]);
    let tree = [
        ("buildpack.toml", toml.as_str()),
        ("twice", "first\n"),
        ("bin/build", SCRIPT),
        ("bin/detect", SCRIPT),
        ("twice", "second\n"),
    ];
    let tar = tar_maker::tar(TarFormat::Ustar, &members("", false, &tree));
    Packaged::path(with_file("bp.tar", &tar), "bp.tar", &[])
        .expect(&[("linux/amd64", &["buildpack.toml", "bin/build", "bin/detect", "twice"])]);
}
