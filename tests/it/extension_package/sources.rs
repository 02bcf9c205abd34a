//! An extension from a folder or an archive.

use super::{descriptor, packaged, sandbox_with};
use crate::support::layout_view::LayoutView;
use crate::support::packaged::Packaged;
use crate::support::refused::REFERENCE;
use crate::support::tar_maker::{FILE, TarFormat, gzip, tar, zip};
use crate::support::tree::{SCRIPT, Tree, members};
use crate::support::{Run, Sandbox};

const TARGETS: [&str; 2] = ["linux/amd64", "linux/arm64"];

#[test]
fn from_a_folder() {
    let toml = descriptor(&TARGETS);
    let files = [
        ("Dockerfile.tpl", "FROM base\n"),
        ("bin/detect", SCRIPT),
        ("bin/generate", SCRIPT),
        ("extension.toml", &*toml),
    ];
    let packaged = packaged(&files, &[]).without_warnings();
    let names = files.map(|(name, _)| name);
    let packaged = packaged.expect(&[(TARGETS[0], &names), (TARGETS[1], &names)]);
    let ids = packaged.diff_ids();
    assert_eq!(ids[0], ids[1], "one folder, one layer");
}

#[test]
fn from_the_current_folder() {
    let toml = descriptor(&["linux/amd64"]);
    let sandbox = sandbox_with(&super::tree(&toml));
    let mut command = sandbox.airpack_command(&["extension", "package", REFERENCE, "--layout", "../out.oci"]);
    command.current_dir(sandbox.join("ext"));
    Run::of(&mut command).digest();
    let index = LayoutView::open(sandbox.join("out.oci")).image_index("1.0");
    assert_eq!(index.children[0].files().len(), 4);
}

/// The tree as a folder and as archives of all kinds gives the same.
#[track_caller]
fn check_archives(tree: Tree<'_>) {
    let expected = packaged(tree, &[]).run.stdout;
    for prefix in ["", "./"] {
        let members = &members(prefix, true, tree);
        let archives = [
            ("ext.tar", tar(TarFormat::Ustar, members)),
            ("ext.tgz", gzip(&tar(TarFormat::Gnu, members))),
            ("ext.tar.gz", gzip(&tar(TarFormat::Pax, members))),
            ("ext.zip", zip(members)),
        ];
        for (name, content) in archives {
            let sandbox = Sandbox::new();
            sandbox.write(name, content);
            let packaged = Packaged::extension(sandbox, &["--path", name]).without_warnings();
            assert_eq!(packaged.run.stdout, expected, "{name} {prefix:?}");
        }
    }
}

#[test]
fn platform_folders_from_archives_of_all_kinds() {
    // a platform folder is walked in sorted order, whatever the archive's is
    let toml = descriptor(&TARGETS);
    check_archives(&[
        ("airpack.toml", "shared = [\"lib\"]\n"),
        ("extension.toml", &toml),
        ("lib/both", "both\n"),
        ("linux/amd64/bin/generate", SCRIPT),
        ("linux/amd64/bin/detect", SCRIPT),
        ("linux/arm64/z", "z\n"),
        ("linux/arm64/bin/generate", SCRIPT),
    ]);
}

#[test]
fn a_whole_archive_keeps_its_order() {
    let toml = descriptor(&["linux/amd64"]);
    let tree = [
        ("extension.toml", &*toml),
        ("z-first", "z\n"),
        ("a-second", "a\n"),
        ("bin/generate", SCRIPT),
        ("bin/detect", SCRIPT),
    ];
    let sandbox = Sandbox::new();
    sandbox.write("ext.tgz", gzip(&tar(TarFormat::Ustar, &members("", true, &tree))));
    Packaged::extension(sandbox, &["--path", "ext.tgz"])
        .without_warnings()
        .expect(&[("linux/amd64", &tree.map(|(name, _)| name))]);
}

#[test]
fn entries_lie_below_cnb_extensions() {
    let toml = descriptor(&["linux/amd64"]);
    let packaged = packaged(&super::tree(&toml), &[]);
    let image = packaged.image("linux/amd64");
    let entries = &image.layers[0].entries;
    let found: Vec<_> = entries
        .iter()
        .map(|entry| (entry.name(), entry.kind.as_str(), entry.mode))
        .collect();
    let root = "/cnb/extensions/acme_ext";
    let below = |rest: &str| format!("{root}/1.0.0{rest}");
    assert_eq!(
        found,
        [
            (root.to_owned(), "dir", 0o755),
            (below(""), "dir", 0o755),
            (below("/bin"), "dir", 0o755),
            (below("/bin/detect"), "file", 0o755),
            (below("/bin/generate"), "file", 0o755),
            (below("/extension.toml"), "file", 0o644),
        ]
    );
    for entry in entries {
        assert_eq!(
            (entry.uid, entry.gid, entry.mtime),
            (0, 0, 315_532_801),
            "{}",
            entry.name()
        );
    }
}

#[test]
fn detect_and_generate_are_made_executable() {
    let toml = descriptor(&["linux/amd64"]);
    let plain = [
        ("bin/detect", "no shebang\n"),
        ("bin/generate", "no shebang\n"),
        ("bin/other", "no shebang\n"),
        ("extension.toml", &*toml),
    ];
    let check = |packaged: &Packaged| {
        for entry in &packaged.image("linux/amd64").layers[0].entries {
            let name = entry.name();
            if entry.kind == "file" && name.contains("/bin/") {
                let mode = if name.ends_with("/other") { 0o644 } else { 0o755 };
                assert_eq!(entry.mode, mode, "{name}");
            }
        }
    };
    check(&packaged(&plain, &[]));
    for format in ["ext.tar", "ext.zip"] {
        let mut members = members("", true, &plain);
        for member in members.iter_mut().filter(|member| member.kind == FILE) {
            member.mode = 0o600;
        }
        let sandbox = Sandbox::new();
        let content = if format.ends_with("zip") {
            zip(&members)
        } else {
            tar(TarFormat::Ustar, &members)
        };
        sandbox.write(format, content);
        check(&Packaged::extension(sandbox, &["--path", format]));
    }
}
