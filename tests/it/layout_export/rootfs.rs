//! The files of an image: layers on top of each other, whiteouts, modes, owners, times, links.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;

use serde_json::json;

use super::{AMD64, export, image_of, layer, layout_of};
use crate::support::images::{finish, named};
use crate::support::layout_maker::{LayoutMaker, OCI_LAYER};
use crate::support::layout_view::sha256;
use crate::support::refused::NOBODY;
use crate::support::tar_maker::{FIFO, HARDLINK, Member};
use crate::support::test_tree::is_root;
use crate::support::tools::{require_root, require_tool};
use crate::support::{Run, Sandbox, copy_airpack, set_mode};

fn hardlink(path: &str, target: &str) -> Member {
    Member {
        target: target.to_owned(),
        ..Member::new(path, HARDLINK)
    }
}

fn owned(member: Member, uid: u32, gid: u32) -> Member {
    Member { uid, gid, ..member }
}

/// All names below a folder, with what they are, sorted.
fn names(root: &Path) -> Vec<String> {
    let mut found: Vec<String> = look(root, false).into_keys().collect();
    found.sort();
    found
}

/// Every name below a folder with kind, mode, owner, content or target; of files and links the time, of files the number of names.
fn look(root: &Path, with_status: bool) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let mut text = String::new();
            if with_status {
                text = format!("{:o} {}:{} ", metadata.mode(), metadata.uid(), metadata.gid());
                if !metadata.is_dir() {
                    text += &format!("@{} ={} ", metadata.mtime(), metadata.nlink());
                }
                if metadata.is_symlink() {
                    text += &fs::read_link(&path).unwrap().display().to_string();
                } else if metadata.is_file() {
                    text += &sha256(&fs::read(&path).unwrap());
                }
            }
            let name = path.strip_prefix(root).unwrap().display().to_string();
            found.insert(name, text);
            if metadata.is_dir() {
                folders.push(path);
            }
        }
    }
    found
}

/// Unpacks an image of these layers to `root`.
#[track_caller]
fn unpacked(layers: &[&[Member]]) -> Sandbox {
    let sandbox = Sandbox::new();
    let layers: Vec<Vec<u8>> = layers.iter().map(|members| layer(members)).collect();
    layout_of(&sandbox.join("x.oci"), "registry.test/x:1", &layers);
    assert_eq!(export(&sandbox, &["--rootfs", "root"]).ok().stdout, "root\n");
    sandbox
}

#[track_caller]
fn check_names(layers: &[&[Member]], expected: &[&str]) {
    let sandbox = unpacked(layers);
    assert_eq!(names(&sandbox.join("root")), expected);
    assert_eq!(
        names(sandbox.path())
            .iter()
            .filter(|name| name.starts_with('.'))
            .count(),
        0
    );
}

#[test]
fn whiteouts_take_away_what_lower_layers_have() {
    let base = [
        Member::folder("a/"),
        Member::file("a/one", "1"),
        Member::folder("a/deep/"),
        Member::file("a/deep/two", "2"),
        Member::file("b", "b"),
        Member::symlink("link", "a"),
    ];
    let whiteout = |name: &str| [Member::file(name, "")];
    check_names(
        &[&base, &whiteout("a/.wh.one")],
        &["a", "a/deep", "a/deep/two", "b", "link"],
    );
    check_names(&[&base, &whiteout(".wh.a")], &["b", "link"]);
    check_names(
        &[&base, &whiteout("/.wh.b")],
        &["a", "a/deep", "a/deep/two", "a/one", "link"],
    );
    check_names(
        &[&base, &whiteout("./a/deep/.wh.two")],
        &["a", "a/deep", "a/one", "b", "link"],
    );
    check_names(
        &[&base, &whiteout(".wh.link")],
        &["a", "a/deep", "a/deep/two", "a/one", "b"],
    );
    // of what is not there, there is nothing to take
    check_names(
        &[
            &base,
            &whiteout("a/.wh.none"),
            &whiteout("no/such/.wh.x"),
            &whiteout("b/.wh.x"),
        ],
        &["a", "a/deep", "a/deep/two", "a/one", "b", "link"],
    );
    // and in the next layer it may come back
    check_names(
        &[&base, &whiteout(".wh.a"), &[Member::file("a", "")]],
        &["a", "b", "link"],
    );
    check_names(&[&base, &whiteout(".wh..wh..opq")], &[]);
    // what AUFS needs for itself is no file
    check_names(
        &[&[
            Member::folder(".wh..wh.plnk/"),
            Member::file(".wh..wh.plnk/1.2", ""),
            Member::file(".wh..wh.aufs", ""),
        ]],
        &[],
    );
}

/// Whiteouts are about lower layers only, wherever in their own they stand.
#[test]
fn what_a_layer_has_itself_stays() {
    let base = [
        Member::folder("a/"),
        Member::file("a/old", ""),
        Member::file("b", "old"),
    ];
    let (folder, new) = (Member::folder("a/"), Member::file("a/new", ""));
    for (name, left) in [
        ("a/.wh..wh..opq", vec!["a", "a/new", "b"]),
        (".wh.a", vec!["a", "a/new", "b"]),
    ] {
        let whiteout = Member::file(name, "");
        for order in [
            vec![&whiteout, &folder, &new],
            vec![&folder, &whiteout, &new],
            vec![&folder, &new, &whiteout],
            vec![&new, &whiteout],
            vec![&whiteout, &new],
        ] {
            let members: Vec<Member> = order.into_iter().cloned().collect();
            check_names(&[&base, &members], &left);
        }
    }
    for members in [
        [Member::file("b", "new"), Member::file(".wh.b", "")],
        [Member::file(".wh.b", ""), Member::file("b", "new")],
    ] {
        let sandbox = unpacked(&[&base, &members]);
        assert_eq!(fs::read(sandbox.join("root/b")).unwrap(), b"new");
    }
}

#[test]
fn later_layers_replace_earlier_ones() {
    let base = [
        Member::folder("kind/"),
        Member::file("kind/in", ""),
        Member::file("file", "old"),
        hardlink("other-name", "file"),
        Member::symlink("link", "file"),
        Member::folder("stays/").with_mode(0o700),
        Member::file("stays/in", ""),
    ];
    let next = [
        Member::file("kind", "a file now"),
        Member::file("file", "new"),
        Member::file("link", "no link any more"),
        Member::folder("stays/").with_mode(0o711),
    ];
    let sandbox = unpacked(&[&base, &next]);
    let root = sandbox.join("root");
    let read = |name: &str| fs::read_to_string(root.join(name)).unwrap();
    assert_eq!(read("kind"), "a file now");
    assert_eq!((read("file"), read("other-name")), ("new".to_owned(), "old".to_owned()));
    assert_eq!(read("link"), "no link any more");
    assert!(root.join("stays/in").is_file());
    assert_eq!(root.join("stays").metadata().unwrap().mode() & 0o7777, 0o711);
}

/// As in images of today, where `/lib` is a link to `/usr/lib`, and in layers that were made without a look at it.
#[test]
fn paths_through_links_lead_where_they_lead_in_the_container() {
    let base = [
        Member::folder("usr/"),
        Member::folder("usr/lib/"),
        Member::file("usr/lib/old", ""),
        Member::symlink("lib", "usr/lib"),
        Member::symlink("absolute", "/usr/lib"),
        Member::symlink("up", "../../../usr/lib"),
        Member::folder("var/"),
        Member::symlink("var/run", "/run"),
        Member::symlink("chain", "up/../lib"),
    ];
    let next = [
        Member::file("lib/one", ""),
        Member::file("absolute/two", ""),
        Member::file("up/three", ""),
        Member::file("var/run/four", ""),
        Member::file("chain/five", ""),
        Member::file("lib/.wh.old", ""),
        hardlink("lib/six", "absolute/two"),
    ];
    let expected = [
        "absolute",
        "chain",
        "lib",
        "run",
        "run/four",
        "up",
        "usr",
        "usr/lib",
        "usr/lib/five",
        "usr/lib/one",
        "usr/lib/six",
        "usr/lib/three",
        "usr/lib/two",
        "var",
        "var/run",
    ];
    check_names(&[&base, &next], &expected);
    // a folder in place of the link is one of its own
    let sandbox = unpacked(&[&base, &[Member::folder("lib/"), Member::file("lib/own", "")]]);
    assert!(!sandbox.join("root/lib").is_symlink() && !sandbox.join("root/usr/lib/own").exists());
}

#[test]
fn modes_times_and_links_are_kept() {
    let at = |member: Member, mtime: u64| Member { mtime, ..member };
    let sandbox = unpacked(&[&[
        at(Member::folder("./").with_mode(0o751), 86_400),
        at(Member::folder("sticky").with_mode(0o1777), 1_000_000_000),
        at(Member::folder("closed/").with_mode(0o500), 1_100_000_000),
        at(Member::file("closed/in", "text").with_mode(0o400), 1_200_000_000),
        at(Member::file("odd", "").with_mode(0o013), 0),
        at(Member::symlink("dangling", "/no/such"), 1_300_000_000),
        hardlink("closed/again", "/closed/in"),
        hardlink("dangling-too", "dangling"),
        at(Member::new("pipe", FIFO).with_mode(0o622), 5),
        Member::file("implied/in", ""),
        Member::file("\u{e4} b\nc", ""),
    ]]);
    let root = sandbox.join("root");
    let check = |name: &str, mode: u32, mtime: i64| {
        let metadata = root.join(name).symlink_metadata().unwrap();
        assert_eq!((metadata.mode() & 0o7777, metadata.mtime()), (mode, mtime), "{name:?}");
        metadata
    };
    check("", 0o751, 86_400);
    check("sticky", 0o1777, 1_000_000_000);
    check("closed", 0o500, 1_100_000_000);
    let file = check("closed/in", 0o400, 1_200_000_000);
    check("odd", 0o013, 0);
    check("pipe", 0o622, 5);
    check("dangling", 0o777, 1_300_000_000);
    check("implied", 0o755, 315_532_801);
    check("\u{e4} b\nc", 0o644, 1_600_000_000);
    assert_eq!(check("closed/again", 0o400, 1_200_000_000).ino(), file.ino());
    assert_eq!(fs::read_link(root.join("dangling-too")).unwrap(), Path::new("/no/such"));
}

#[test]
fn owners_are_kept_as_root() {
    if !require_root() {
        return;
    }
    let sandbox = unpacked(&[&[
        owned(Member::folder("home/"), 1000, 1001),
        owned(Member::file("home/file", "").with_mode(0o4755), 1002, 1003),
        owned(Member::file("suid", "").with_mode(0o6755), 0, 42),
        owned(Member::symlink("link", "home"), 7, 8),
        owned(Member::new("pipe", FIFO), 9, 10),
        Member::file("implied/in", ""),
    ]]);
    let check = |name: &str, expected: (u32, u32)| {
        let metadata = sandbox.join("root").join(name).symlink_metadata().unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), expected, "{name}");
        metadata.mode() & 0o7777
    };
    check("", (0, 0));
    check("home", (1000, 1001));
    assert_eq!(
        check("home/file", (1002, 1003)),
        0o4755,
        "the mode comes after the owner"
    );
    assert_eq!(check("suid", (0, 42)), 0o6755);
    check("link", (7, 8));
    check("pipe", (9, 10));
    check("implied", (0, 0));
}

/// Who is not root gets all files, and no programs that run as somebody.
#[test]
fn who_is_not_root_is_told() {
    if !require_root() {
        return;
    }
    let sandbox = Sandbox::new();
    let members = [
        owned(Member::folder("closed/").with_mode(0o500), 0, 0),
        owned(Member::file("closed/suid", "").with_mode(0o6755), 0, 0),
        owned(Member::file("file", "").with_mode(0o600), 1000, 1000),
        Member {
            kind: b'3',
            ..Member::file("null", "")
        },
    ];
    layout_of(
        &sandbox.join("x.oci"),
        "registry.test/x:1",
        &[layer(&members), layer(&[Member::file("closed/more", "")])],
    );
    copy_airpack(&sandbox.join("airpack"));
    sandbox.folder("own");
    std::os::unix::fs::chown(sandbox.join("own"), Some(NOBODY), Some(NOBODY)).unwrap();
    let as_nobody = |args: &[&str]| {
        let mut command = sandbox.command("./airpack");
        command
            .args(["layout", "export", "x.oci"])
            .args(args)
            .uid(NOBODY)
            .gid(NOBODY);
        Run::of(&mut command)
    };
    let run = as_nobody(&["--rootfs", "own/root"]);
    run.ok();
    run.stderr_has("only root").stderr_has("closed/suid").stderr_has("null");
    let status = |name: &str| {
        let metadata = sandbox.join("own/root").join(name).symlink_metadata().unwrap();
        (metadata.mode() & 0o7777, metadata.uid())
    };
    assert_eq!(status("closed"), (0o500, NOBODY));
    assert_eq!(status("closed/suid"), (0o755, NOBODY));
    assert_eq!(status("closed/more"), (0o644, NOBODY));
    assert_eq!(status("file"), (0o600, NOBODY));
    assert!(!sandbox.join("own/root/null").exists());
    as_nobody(&["--rootfs", "own/root"]).failed(1).stderr_has("not empty");

    // a folder of one's own in one that is of others is filled as it is
    sandbox.folder("others/mine");
    std::os::unix::fs::chown(sandbox.join("others/mine"), Some(NOBODY), Some(NOBODY)).unwrap();
    as_nobody(&["--rootfs", "others/mine"]).ok();
    assert_eq!(
        names(&sandbox.join("others/mine")),
        ["closed", "closed/more", "closed/suid", "file"]
    );
    let metadata = sandbox.join("others/mine/closed").metadata().unwrap();
    assert_eq!((metadata.mode() & 0o7777, metadata.mtime()), (0o500, 1_600_000_000));
}

#[test]
fn a_folder_that_is_empty_is_filled() {
    let sandbox = Sandbox::new();
    layout_of(
        &sandbox.join("x.oci"),
        "registry.test/x:1",
        &[layer(&[Member::file("file", "")])],
    );
    sandbox.folder("root");
    set_mode(&sandbox.join("root"), 0o700);
    sandbox.symlink("link", "root");
    export(&sandbox, &["--rootfs", "link"]).ok();
    assert!(sandbox.join("link").is_symlink());
    assert!(sandbox.join("root/file").is_file());
    assert_eq!(sandbox.join("root").metadata().unwrap().mode() & 0o7777, 0o755);
    let in_itself = sandbox.folder("here");
    let inode = in_itself.metadata().unwrap().ino();
    let mut command = sandbox.airpack_command(&["layout", "export", "../x.oci", "--rootfs", "."]);
    Run::of(command.current_dir(&in_itself)).ok();
    assert_eq!(names(&in_itself), ["file"]);
    assert_eq!(in_itself.metadata().unwrap().ino(), inode, "whoever is in it still is");
}

/// A mount can not be replaced by another folder.
#[test]
fn a_mount_is_filled() {
    if !require_root() {
        return;
    }
    let sandbox = Sandbox::new();
    let members = [
        Member::folder("./").with_mode(0o711),
        Member::folder("d/"),
        Member::file("d/file", ""),
    ];
    layout_of(&sandbox.join("x.oci"), "registry.test/x:1", &[layer(&members)]);
    sandbox.folder("mount");
    let script =
        "mount -t tmpfs none mount && \"$0\" layout export x.oci --rootfs mount && ls -aR mount && stat -c %a mount";
    let mut command = sandbox.command("unshare");
    command.args(["--mount", "sh", "-c", script, env!("CARGO_BIN_EXE_airpack")]);
    let run = Run::of(&mut command);
    if run.stderr.contains("unshare:") || run.stderr.contains("mount:") {
        eprintln!("SKIPPED a_mount_is_filled: mounts are not allowed here");
        return;
    }
    run.ok().stdout_has("mount/d:\n.\n..\nfile\n").stdout_has("\n711\n");
    assert!(!run.stdout.contains(".airpack"), "{run}");
}

#[test]
fn compressions_are_told_by_content() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("x.oci"));
    let tars = ["plain", "gzip", "zstd"].map(|name| layer(&[Member::file(name, name)]));
    let layers = [
        maker.blob(OCI_LAYER, &tars[0]),
        // media types have been wrong before
        maker.blob(OCI_LAYER, &crate::support::tar_maker::gzip(&tars[1])),
        maker.blob(
            &format!("{OCI_LAYER}+zstd"),
            &zstd::encode_all(&tars[2][..], 3).unwrap(),
        ),
    ];
    let diff_ids: Vec<String> = tars.iter().map(|tar| sha256(tar)).collect();
    let image = image_of(&maker, "amd64", &json!({}), &layers, &diff_ids);
    finish(&maker, &[named(image, "registry.test/x:1")]);
    export(&sandbox, &["--rootfs", "root", "--platform", AMD64]).ok();
    assert_eq!(names(&sandbox.join("root")), ["gzip", "plain", "zstd"]);
}

/// File capabilities, as `ping` has them.
#[test]
fn extended_attributes_that_mean_something_are_kept() {
    let sandbox = Sandbox::new();
    let with = |path: &str, name: &str, value: &[u8]| {
        let rest = [b" SCHILY.xattr.", name.as_bytes(), b"=", value, b"\n"].concat();
        let len = (rest.len()..rest.len() + 9)
            .find(|len| len.to_string().len() + rest.len() == *len)
            .unwrap();
        let header = Member {
            content: [len.to_string().as_bytes(), &rest].concat(),
            ..Member::new("PaxHeader", b'x')
        };
        [header, Member::file(path, "")]
    };
    let capability = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let members = [
        with("own", "user.note", b"a note"),
        with("ping", "security.capability", capability),
        with("selinux", "security.selinux", b"x"),
    ]
    .concat();
    layout_of(&sandbox.join("x.oci"), "registry.test/x:1", &[layer(&members)]);
    let run = export(&sandbox, &["--rootfs", "root"]);
    run.ok().stderr_has("extended attributes").stderr_has("selinux");
    if !is_root() {
        return;
    }
    let mut value = [0; 64];
    let read = rustix::fs::getxattr(sandbox.join("root/ping"), "security.capability", &mut value[..]).unwrap();
    assert_eq!(&value[..read], capability);
}

/// umoci is another program that unpacks images, of one manifest.
#[test]
fn umoci_unpacks_the_same() {
    let Some(umoci) = require_tool("umoci") else { return };
    if !require_root() {
        return;
    }
    let layers: [&[Member]; 3] = [
        &[
            Member::folder("usr/"),
            Member::folder("usr/lib/"),
            owned(Member::file("usr/lib/a", "a").with_mode(0o4755), 5, 6),
            Member::symlink("lib", "usr/lib"),
            Member::folder("gone/"),
            Member::file("gone/in", ""),
            Member::folder("opaque/"),
            Member::file("opaque/old", ""),
            owned(Member::folder("home/").with_mode(0o2770), 1000, 1000),
            hardlink("lib-a", "usr/lib/a"),
            Member::new("pipe", FIFO).with_mode(0o600),
        ],
        &[
            Member::file(".wh.gone", ""),
            Member::folder("opaque/"),
            Member::file("opaque/.wh..wh..opq", ""),
            Member::file("opaque/new", "new"),
            Member::file("lib/b", "b"),
            hardlink("lib/c", "lib/b"),
        ],
        &[
            Member::file("usr/lib/a", "another a"),
            Member::file("home/file", "implied"),
            Member::symlink("opaque/new", "../lib/b"),
        ],
    ];
    let sandbox = unpacked(&layers);
    export(&sandbox, &["--lifecycle-tree", "repo"]).ok();
    umoci
        .run(&sandbox, &["unpack", "--image", "repo/registry.test/x/1:1", "bundle"])
        .ok();
    let (own, other) = (
        look(&sandbox.join("root"), true),
        look(&sandbox.join("bundle/rootfs"), true),
    );
    assert_eq!(own, other);
}

/// Debian's `busybox-static`, run in what was unpacked.
#[test]
fn a_program_of_the_image_runs_in_a_chroot() {
    let Some(_) = require_tool("busybox") else { return };
    if !require_root() {
        return;
    }
    let path = ["/bin/busybox", "/usr/bin/busybox"]
        .into_iter()
        .find(|path| Path::new(path).is_file());
    let busybox = fs::read(path.expect("busybox of Debian")).unwrap();
    let is_dynamic = busybox.windows(9).any(|part| part == b"/ld-linux");
    assert!(!is_dynamic, "needs the package busybox-static");
    let sandbox = unpacked(&[
        &[
            Member::folder("bin/"),
            Member::file("bin/busybox", busybox).with_mode(0o755),
            Member::symlink("bin/sh", "busybox"),
            Member::symlink("bin/cat", "/bin/busybox"),
            hardlink("bin/id", "bin/busybox"),
            owned(Member::folder("workspace/"), 1001, 1001),
            Member::file("etc/motd", "old"),
        ],
        &[
            Member::file("etc/motd", "from the layer above\n"),
            owned(
                Member::file("workspace/secret", "only mine\n").with_mode(0o600),
                1001,
                1001,
            ),
        ],
    ]);
    let mut command = sandbox.command("chroot");
    command.args(["root", "/bin/sh", "-c", "cat /etc/motd; cat /workspace/secret; id -u"]);
    assert_eq!(
        Run::of(&mut command).ok().stdout,
        "from the layer above\nonly mine\n0\n"
    );
    let mut command = sandbox.command("chroot");
    command.args([
        "--userspec=1001:1001",
        "root",
        "/bin/sh",
        "-c",
        "cat /workspace/secret; id -u",
    ]);
    assert_eq!(Run::of(&mut command).ok().stdout, "only mine\n1001\n");
    assert_eq!(
        sandbox
            .join("root/bin/busybox")
            .metadata()
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o755
    );
}
