//! Layers that want out: each is refused, or does no harm outside of the folder.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use serde_json::json;

use super::{AMD64, export, image_of, layer, layout_of, refused};
use crate::support::images::{finish, named};
use crate::support::layout_maker::{LayoutMaker, OCI_LAYER};
use crate::support::layout_view::sha256;
use crate::support::snapshot::Snapshot;
use crate::support::tar_maker::{HARDLINK, Member, gzip};
use crate::support::tools::require_root;
use crate::support::{Run, Sandbox};

fn hardlink(path: &str, target: &str) -> Member {
    Member {
        target: target.to_owned(),
        ..Member::new(path, HARDLINK)
    }
}

/// A sandbox with things that are not to be touched beside the folder that is unpacked to, and a layout with these layers.
fn place(layers: &[&[Member]]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("outside/secret", "secret\n");
    let layers: Vec<Vec<u8>> = layers.iter().map(|members| layer(members)).collect();
    layout_of(&sandbox.join("x.oci"), "registry.test/x:1", &layers);
    sandbox
}

#[track_caller]
fn check_refused(layers: &[&[Member]], said: &str) -> Run {
    let sandbox = place(layers);
    let run = refused(&sandbox, &["--rootfs", "root"]);
    run.stderr_has(said);
    run
}

/// It is unpacked, and nothing beside the folder changes.
#[track_caller]
fn check_harmless(layers: &[&[Member]]) -> Sandbox {
    let sandbox = place(layers);
    let outside = Snapshot::of(sandbox.join("outside"));
    let names = |sandbox: &Sandbox| {
        let entries = fs::read_dir(sandbox.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    export(&sandbox, &["--rootfs", "root"]).ok();
    outside.assert_unchanged("a hostile layer was unpacked");
    assert_eq!(names(&sandbox), ["outside", "root", "x.oci"]);
    sandbox
}

#[test]
fn paths_that_lead_out() {
    for path in [
        "../outside/x",
        "a/../../outside/x",
        "..",
        "/../outside/x",
        "a/..",
        "./../x",
    ] {
        check_refused(&[&[Member::file(path, "x")]], "leads out");
        check_refused(&[&[Member::folder(path)]], "leads out");
        check_refused(&[&[Member::symlink(path, "x")]], "leads out");
    }
    // a leading slash is the root of the image
    let sandbox = check_harmless(&[&[Member::file("/etc/passwd", "x"), Member::file("///x", "")]]);
    assert!(sandbox.join("root/etc/passwd").is_file() && sandbox.join("root/x").is_file());
}

#[test]
fn links_that_lead_out_are_followed_inside() {
    for target in [
        "/outside",
        "../outside",
        "../../../../../../outside",
        "/proc/self/cwd/outside",
    ] {
        for layers in [
            vec![vec![Member::symlink("link", target), Member::file("link/new", "x")]],
            vec![
                vec![Member::symlink("link", target)],
                vec![Member::file("link/new", "x")],
            ],
            vec![
                vec![Member::symlink("link", target)],
                vec![Member::file("link/.wh.secret", "")],
            ],
            vec![
                vec![Member::symlink("link", target)],
                vec![Member::file("link/.wh..wh..opq", "")],
            ],
            vec![vec![
                Member::symlink("link", target),
                Member::folder("link/folder").with_mode(0o777),
            ]],
            vec![vec![
                Member::symlink("a", "b"),
                Member::symlink("b", target),
                Member::file("a/x", ""),
            ]],
        ] {
            let layers: Vec<&[Member]> = layers.iter().map(Vec::as_slice).collect();
            check_harmless(&layers);
        }
    }
    // a link at the end is replaced, and not written through
    let sandbox = check_harmless(&[&[Member::symlink("x", "../outside/secret"), Member::file("x", "new")]]);
    assert!(sandbox.join("root/x").is_file() && !sandbox.join("root/x").is_symlink());
    // through the whole path of this sandbox
    let sandbox = place(&[]);
    let outside = sandbox.join("outside");
    fs::remove_dir_all(sandbox.join("x.oci")).unwrap();
    let members = [
        Member::symlink("link", outside.to_str().unwrap()),
        Member::file("link/secret", "changed"),
        Member::file("link/.wh.secret", ""),
    ];
    layout_of(&sandbox.join("x.oci"), "registry.test/x:1", &[layer(&members)]);
    let before = Snapshot::of(&outside);
    export(&sandbox, &["--rootfs", "root"]).ok();
    before.assert_unchanged("a link to it was followed");
}

#[test]
fn links_in_circles() {
    let circle = [
        Member::symlink("a", "b"),
        Member::symlink("b", "a"),
        Member::file("a/x", ""),
    ];
    check_refused(&[&circle], "leads to more than");
    check_refused(
        &[&[Member::symlink("a", "a/a"), Member::file("a/x", "")]],
        "leads to more than",
    );
    check_harmless(&[&[Member::symlink("a", "a")]]);
}

#[test]
fn hard_links_to_what_is_outside() {
    for target in ["../outside/secret", "a/../../outside/secret"] {
        check_refused(&[&[hardlink("x", target)]], "leads out");
    }
    for target in ["/outside/secret", "outside/secret", "/etc/passwd", "no/such"] {
        check_refused(&[&[hardlink("x", target)]], "which is not there");
    }
    let link = Member::symlink("link", "../outside");
    check_refused(&[&[link.clone(), hardlink("x", "link/secret")]], "which is not there");
    check_refused(&[&[link], &[hardlink("x", "link/secret")]], "which is not there");
    check_refused(&[&[Member::folder("d"), hardlink("x", "d")]], "which is a folder");
    check_refused(&[&[hardlink("x", "/")]], "the root");
    check_refused(&[&[Member::file("x", ""), hardlink("x", "x")]], "to itself");
    check_refused(&[&[Member::file("x", ""), hardlink("./y/../x", "x")]], "leads out");
    // a second name of a link is that link, and no way to what it leads to
    let sandbox = check_harmless(&[&[Member::symlink("link", "../outside/secret"), hardlink("x", "link")]]);
    assert!(sandbox.join("root/x").is_symlink());
}

#[test]
fn entries_below_what_is_no_folder() {
    check_refused(
        &[&[Member::file("a", ""), Member::file("a/b", "")]],
        "which is no folder",
    );
    check_refused(
        &[&[Member::file("a", "")], &[Member::file("a/b/c", "")]],
        "which is no folder",
    );
    let through = [
        Member::file("a", ""),
        Member::symlink("l", "a"),
        Member::file("l/b", ""),
    ];
    check_refused(&[&through], "which is no folder");
    check_refused(&[&[Member::file("", "x")]], "stands for the root");
    check_refused(&[&[Member::symlink("./", "x")]], "stands for the root");
}

#[test]
fn whiteouts_of_what_is_no_name() {
    for name in [".wh.", ".wh..", ".wh...", "a/.wh.."] {
        check_refused(&[&[Member::folder("a"), Member::file(name, "")]], "names no file");
    }
    check_refused(&[&[Member::file(".wh.a/b", "")]], "below the whiteout");
    check_refused(&[&[Member::file("a/../.wh.x", "")]], "leads out");
}

#[test]
fn names_and_owners_that_no_system_has() {
    check_refused(&[&[Member::file(&"a/".repeat(3000), "")]], "longer than");
    check_refused(&[&[Member::file(&format!("{}x", "a/".repeat(600)), "")]], "longer than");
    check_refused(&[&[Member::file(&"n".repeat(300), "")]], "failed to unpack entry");
    check_refused(&[&[Member::symlink("x", "")]], "whose text is empty");
    let owner = Member {
        uid: u32::MAX,
        ..Member::new("PaxHeader", b'x')
    };
    let record = |key: &str, value: &str| Member {
        content: format!("{} {key}={value}\n", key.len() + value.len() + 5).into_bytes(),
        ..owner.clone()
    };
    for number in ["4294967295", "4294967296", "9999999999"] {
        let record = record("uid", number);
        check_refused(&[&[record, Member::file("x", "")]], "owner");
    }
}

/// A device is made as root only; what it is open to is for the folder above to say.
#[test]
fn devices() {
    if !require_root() {
        return;
    }
    let device = |kind: u8| Member {
        kind,
        mode: 0o600,
        ..Member::file("device", "")
    };
    for (kind, major, minor) in [(b'3', 1, 3), (b'4', 7, 200)] {
        let sandbox = place(&[]);
        fs::remove_dir_all(sandbox.join("x.oci")).unwrap();
        let mut tar = layer(&[device(kind)]);
        tar[329..337].copy_from_slice(format!("{major:07o}\0").as_bytes());
        tar[337..345].copy_from_slice(format!("{minor:07o}\0").as_bytes());
        tar[148..156].fill(b' ');
        let sum: u32 = tar[..512].iter().map(|&byte| u32::from(byte)).sum();
        tar[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        layout_of(&sandbox.join("x.oci"), "registry.test/x:1", &[tar]);
        let run = export(&sandbox, &["--rootfs", "root"]);
        run.ok();
        let Ok(metadata) = sandbox.join("root/device").metadata() else {
            run.stderr_has("devices were left out");
            continue;
        };
        let kinds = (
            metadata.file_type().is_char_device(),
            metadata.file_type().is_block_device(),
        );
        assert_eq!(kinds, (kind == b'3', kind == b'4'));
        assert_eq!(metadata.mode() & 0o7777, 0o600);
        let device = metadata.rdev();
        assert_eq!((rustix::fs::major(device), rustix::fs::minor(device)), (major, minor));
    }
}

#[test]
fn tars_that_are_none() {
    let sound = layer(&[Member::file("first", ""), Member::file("second", vec![1; 5000])]);
    let cut = sound[..2048].to_vec();
    let mut bad_sum = sound.clone();
    bad_sum[600] ^= 0xff;
    for (tar, said) in [
        (cut, "ends in the middle"),
        (bad_sum, "no tar header"),
        (vec![1; 4096], "no tar header"),
    ] {
        let sandbox = Sandbox::new();
        layout_of(&sandbox.join("x.oci"), "registry.test/x:1", &[sound.clone(), tar]);
        refused(&sandbox, &["--rootfs", "root"]).stderr_has(said);
    }
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("x.oci"));
    let encrypted = maker.blob(&format!("{OCI_LAYER}+gzip+encrypted"), &gzip(&sound));
    let image = image_of(&maker, "amd64", &json!({}), &[encrypted], &[sha256(&sound)]);
    finish(&maker, &[named(image, "registry.test/x:1")]);
    for destination in ["--rootfs", "--docker-archive", "--lifecycle-tree"] {
        refused(&sandbox, &[destination, "out"]).stderr_has("encrypted");
    }
}

/// A blob of some kilobytes with gigabytes in it, in a file and behind the end of the archive.
#[test]
fn bombs() {
    let zeros = |head: &[u8], count: u64| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        std::io::Write::write_all(&mut encoder, head).unwrap();
        std::io::copy(&mut std::io::Read::take(std::io::repeat(0), count), &mut encoder).unwrap();
        encoder.finish().unwrap()
    };
    let size: u64 = 3 << 30;
    let mut file = layer(&[Member::file("bomb", "")])[..512].to_vec();
    file[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    file[148..156].fill(b' ');
    let sum: u32 = file.iter().map(|&byte| u32::from(byte)).sum();
    file[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    for head in [file, layer(&[Member::file("small", "")])] {
        let sandbox = Sandbox::new();
        let maker = LayoutMaker::new(&sandbox.join("x.oci"));
        let blob = maker.blob(&format!("{OCI_LAYER}+zstd"), &zeros(&head, size));
        let image = image_of(&maker, "amd64", &json!({}), &[blob], &[sha256(b"never read so far")]);
        finish(&maker, &[named(image, "registry.test/x:1")]);
        for destination in ["--rootfs", "--docker-archive", "--lifecycle-tree", "--oci-archive"] {
            refused(&sandbox, &[destination, "out", "--platform", AMD64]).stderr_has("bomb");
        }
    }
}
