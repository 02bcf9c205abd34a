//! Archives with platform folders give what their folder gives.

use std::fs;
use std::io::Cursor;
use std::io::Write as _;

use super::{DIALECTS_FOR_LONG_NAMES, FORMATS, packed, platform_tree, with_file};
use crate::support::packaged::Packaged;
use crate::support::tar_maker::{Member, TarFormat};
use crate::support::tools::require_tool;
use crate::support::tree::{SCRIPT, descriptor, members};
use crate::support::{Sandbox, tar_maker};

/// An archive gives the same bytes as the folder.
#[track_caller]
fn check(folder: &Packaged, sandbox: Sandbox, name: &str, what: &str) {
    let packaged = Packaged::path(sandbox, name, &[]).without_warnings();
    assert_eq!(packaged.diff_ids(), folder.diff_ids(), "{what}");
    assert_eq!(packaged.run.stdout, folder.run.stdout, "{what}");
}

#[test]
fn of_every_form() {
    let toml = descriptor(&["linux/amd64", "linux/arm64"]);
    let tree = platform_tree(&toml);
    let folder = Packaged::tree(&tree, &[]).without_warnings();
    let names = folder.image("linux/amd64").files();
    assert!(names.contains(&"far/tool".to_owned()) && names.contains(&"lib/plain".to_owned()));

    for format in FORMATS {
        for prefix in ["", "./"] {
            for folders in [true, false] {
                let tar = tar_maker::tar(format, &members(prefix, folders, &tree));
                for name in ["bp.tar", "bp.tgz", "bp.tar.gz"] {
                    let what = format!("{name}, {format:?}, prefix {prefix:?}, folders {folders}");
                    check(&folder, packed(name, tar.clone()), name, &what);
                }
            }
        }
    }
    for folders in [true, false] {
        let zip = tar_maker::zip(&members("", folders, &tree));
        check(
            &folder,
            with_file("bp.zip", &zip),
            "bp.zip",
            &format!("zip, folders {folders}"),
        );
    }
}

#[test]
fn written_by_tar() {
    let Some(tar) = require_tool("tar") else { return };
    let toml = descriptor(&["linux/amd64", "linux/arm64"]);
    let folder = Packaged::tree(&platform_tree(&toml), &[]);
    for format in ["gnu", "oldgnu", "posix", "ustar", "v7"] {
        for what in [&["."][..], &["airpack.toml", "buildpack.toml", "lib", "linux"]] {
            let format = format!("--format={format}");
            let args = [&["-C", "bp", "-czf", "bp.tgz", &format], what].concat();
            tar.run(&folder.sandbox, &args).ok();
            let archive = fs::read(folder.sandbox.join("bp.tgz")).unwrap();
            check(&folder, with_file("bp.tgz", &archive), "bp.tgz", &format!("{args:?}"));
        }
    }
}

#[test]
fn with_upper_case_and_other_endings() {
    let toml = descriptor(&["linux/amd64", "linux/arm64"]);
    let tree = platform_tree(&toml);
    let folder = Packaged::tree(&tree, &[]);
    let tar = tar_maker::tar(TarFormat::Ustar, &members("", true, &tree));
    // what is inside counts, not the name
    check(
        &folder,
        with_file("bp.tar", &tar_maker::gzip(&tar)),
        "bp.tar",
        "gzip named .tar",
    );
    check(&folder, with_file("bp.tgz", &tar), "bp.tgz", "plain tar named .tgz");
    check(&folder, packed("BP.TAR.gz", tar), "BP.TAR.gz", "upper case");
}

#[test]
fn streamed_and_stored_zips() {
    let toml = descriptor(&["linux/amd64"]);
    let tree = [("buildpack.toml", toml.as_str()), ("linux/amd64/bin/build", SCRIPT)];
    let tree = [&tree[..], &[("linux/amd64/bin/detect", SCRIPT)]].concat();
    let folder = Packaged::tree(&tree, &[]);
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    let stored = options.compression_method(zip::CompressionMethod::Stored);

    let mut streamed = zip::ZipWriter::new_stream(Vec::new());
    let mut plain = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in &tree {
        streamed.start_file(*name, options).unwrap();
        streamed.write_all(content.as_bytes()).unwrap();
        plain.start_file(*name, stored).unwrap();
        plain.write_all(content.as_bytes()).unwrap();
    }
    let streamed = streamed.finish().unwrap().into_inner();
    let plain = plain.finish().unwrap().into_inner();
    for (what, bytes) in [("streamed", streamed), ("stored", plain)] {
        let packaged = Packaged::path(with_file("bp.zip", &bytes), "bp.zip", &[]);
        // only the mode of buildpack.toml is another here
        let files = packaged.image("linux/amd64").files();
        assert_eq!(files, folder.image("linux/amd64").files(), "{what}");
        assert_eq!(packaged.content("linux/amd64", "bin/build"), SCRIPT, "{what}");
    }
}

#[test]
fn long_and_odd_names() {
    let toml = descriptor(&["linux/amd64"]);
    let long_folder = format!("linux/amd64/{}/{}/file", "d".repeat(60), "e".repeat(60));
    let long_file = format!("linux/amd64/{}", "f".repeat(200));
    let very_long = format!("linux/amd64/{0}/{0}/{0}/file", "g".repeat(120));
    let long_target = format!("-> {}", "t/".repeat(90));
    let base = [
        ("buildpack.toml", toml.as_str()),
        ("linux/amd64/bin/build", SCRIPT),
        ("linux/amd64/bin/detect", SCRIPT),
        (&long_folder, "1\n"),
        ("linux/amd64/with space", "2\n"),
        ("linux/amd64/new\nline", "3\n"),
        ("linux/amd64/back\\slash", "4\n"),
    ];
    let more = [
        (long_file.as_str(), "5\n"),
        (&very_long, "6\n"),
        ("linux/amd64/ä日本", "7\n"),
        ("linux/amd64/e\u{301}", "8\n"),
        ("linux/amd64/long-target", &long_target),
    ];
    let folder = Packaged::tree(&base, &[]);
    let tar = tar_maker::tar(TarFormat::Ustar, &members("", true, &base));
    check(&folder, with_file("bp.tar", &tar), "bp.tar", "ustar");

    let all = [&base[..], &more].concat();
    let folder = Packaged::tree(&all, &[]);
    for format in DIALECTS_FOR_LONG_NAMES {
        for prefix in ["", "./"] {
            let tar = tar_maker::tar(format, &members(prefix, true, &all));
            // the dangling link is told in both
            let packaged = Packaged::path(with_file("bp.tar", &tar), "bp.tar", &[]);
            assert_eq!(packaged.run.stdout, folder.run.stdout, "{format:?} {prefix:?}");
        }
    }
}

#[test]
fn global_and_unknown_headers_of_pax() {
    let toml = descriptor(&["linux/amd64"]);
    let tree = [
        ("buildpack.toml", toml.as_str()),
        ("linux/amd64/bin/build", SCRIPT),
        ("linux/amd64/bin/detect", SCRIPT),
    ];
    let folder = Packaged::tree(&tree, &[]);
    // as `git archive` writes them, with times and owners of their own
    let comment = "52 comment=0123456789012345678901234567890123456789\n";
    let global = Member {
        content: comment.into(),
        ..Member::new("pax_global_header", b'g')
    };
    let times = "30 mtime=1700000000.123456789\n20 SCHILY.ino=12345\n";
    let local = |member: Member| {
        let extended = Member {
            content: times.into(),
            ..Member::new("PaxHeaders/x", b'x')
        };
        [
            extended,
            Member {
                uid: 1000,
                gid: 1000,
                uname: "u".into(),
                ..member
            },
        ]
    };
    let rest = members("", true, &tree).into_iter().flat_map(local);
    let all: Vec<_> = std::iter::once(global).chain(rest).collect();
    let tar = tar_maker::tar(TarFormat::Ustar, &all);
    check(&folder, with_file("bp.tar", &tar), "bp.tar", "pax");
}
