//! The tar, byte for byte, and that the same input gives the same one.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::LazyLock;

use super::{one_file, written};
use crate::support::big_tree::{BIG_TREE, write_members};
use crate::support::cnb_file::CnbFile;
use crate::support::test_tree::set_mtime;
use crate::support::{Run, Sandbox};

const BLOCK: usize = 512;

/// The mtime of every member: 1980-01-01T00:00:01Z.
const TIME: u64 = 315_532_801;

/// Both kinds of files, of the same buildpack.
static FILES: LazyLock<[CnbFile; 2]> = LazyLock::new(|| {
    let sandbox = super::sandbox();
    let flat = one_file(&sandbox, &["-t", "linux/amd64"]);
    [flat, one_file(&sandbox, &["--single"])]
});

#[test]
fn it_ends_in_two_blocks_of_zeros_and_is_not_padded_any_further() {
    for cnb in FILES.iter() {
        assert_eq!(cnb.bytes.len() % BLOCK, 0);
        let content = cnb.bytes.len() - 2 * BLOCK;
        assert!(cnb.bytes[content..].iter().all(|byte| *byte == 0));
        let last = &cnb.bytes[content - BLOCK..content];
        assert!(last.iter().any(|byte| *byte != 0), "a third block of zeros");
    }
}

#[test]
fn it_holds_what_a_layout_holds_and_nothing_twice() {
    for cnb in FILES.iter() {
        let names = cnb.names();
        let found: BTreeSet<_> = names.iter().map(|name| name.trim_end_matches('/').to_owned()).collect();
        assert_eq!(found.len(), names.len(), "{names:?}");
        let mut expected: BTreeSet<_> = ["blobs", "blobs/sha256", "index.json", "oci-layout"]
            .map(str::to_owned)
            .into();
        expected.extend(
            cnb.layout
                .blob_names()
                .iter()
                .map(|name| format!("blobs/sha256/{name}")),
        );
        assert_eq!(found, expected);
    }
}

#[test]
fn folders_come_before_what_is_in_them() {
    for cnb in FILES.iter() {
        let names: Vec<_> = cnb
            .names()
            .iter()
            .map(|name| name.trim_end_matches('/').to_owned())
            .collect();
        for (at, name) in names.iter().enumerate() {
            if let Some((folder, _)) = name.rsplit_once('/') {
                assert!(names[..at].iter().any(|other| other == folder), "{name} in {names:?}");
            }
        }
    }
}

#[test]
fn headers_tell_nothing_of_the_machine() {
    for cnb in FILES.iter() {
        for member in &cnb.members {
            let name = member.name();
            let mode = if member.kind == "dir" { 0o755 } else { 0o644 };
            assert_eq!(member.mode, mode, "{name}");
            assert_eq!((member.uid, member.gid), (0, 0), "{name}");
            assert_eq!(member.mtime, TIME, "{name}");
        }
    }
}

#[test]
fn headers_are_those_of_ustar() {
    // each member has a header block of its own and no other before it
    for cnb in FILES.iter() {
        let mut at = 0;
        for member in &cnb.members {
            let header = &cnb.bytes[at..at + BLOCK];
            let name = member.name();
            assert_eq!(&header[..name.len()], name.as_bytes());
            assert_eq!(&header[257..265], b"ustar\x0000", "{name}");
            assert!(header[265..329].iter().all(|byte| *byte == 0), "owners of {name}");
            let kind = if member.kind == "dir" { b'5' } else { b'0' };
            assert_eq!(header[156], kind, "{name}");
            let size = usize::try_from(member.size).unwrap();
            at += BLOCK + size.next_multiple_of(BLOCK);
        }
        assert_eq!(at, cnb.bytes.len() - 2 * BLOCK);
    }
}

#[test]
fn it_is_not_compressed_as_a_whole() {
    for cnb in FILES.iter() {
        assert_eq!(&cnb.bytes[257..262], b"ustar");
    }
}

#[test]
fn the_file_may_be_read_by_all_whatever_the_umask_is() {
    let sandbox = super::sandbox();
    let program = [
        "-c",
        "umask 077; exec \"$@\"",
        "sh",
        env!("CARGO_BIN_EXE_airpack"),
        "buildpack",
        "package",
        "x.cnb",
        "--path",
        "bp",
        "--format",
        "file",
        "--single",
    ];
    Run::of(sandbox.command("sh").args(program)).ok();
    let mode = fs::metadata(sandbox.join("x.cnb")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o644);
    assert!(CnbFile::open(sandbox.join("x.cnb")).bytes == FILES[1].bytes);
}

#[test]
fn its_name_does_not_show() {
    let sandbox = super::sandbox();
    written(&sandbox, "y.cnb", &["-t", "linux/amd64"]);
    assert!(CnbFile::open(sandbox.join("y.cnb")).bytes == FILES[0].bytes);
}

#[test]
fn it_is_in_no_way_another_beside_other_targets() {
    let sandbox = super::sandbox();
    written(&sandbox, "x.cnb", &[]);
    let cnb = CnbFile::open(sandbox.join("x-linux-amd64.cnb"));
    assert!(cnb.bytes == FILES[0].bytes);
}

#[test]
fn layers_of_many_blocks_are_the_same_every_time() {
    let mut found = BTreeSet::new();
    for (round, threads) in ["1", "2", "7"].into_iter().enumerate() {
        let sandbox = Sandbox::new();
        // files come into being in another order, at another time
        let folder = sandbox.folder("bp");
        if round % 2 == 0 {
            write_members(&folder, BIG_TREE.iter());
        } else {
            write_members(&folder, BIG_TREE.iter().rev());
        }
        set_mtime(
            &folder.join("buildpack.toml"),
            1_000_000 * i64::try_from(round).unwrap(),
        );
        let mut command = sandbox.airpack_command(&[
            "buildpack",
            "package",
            "x.cnb",
            "--path",
            "bp",
            "--format",
            "file",
            "--single",
            "--threads",
            threads,
        ]);
        command.env("TZ", ["UTC", "Asia/Tokyo", "America/Lima"][round]);
        Run::of(&mut command).ok();
        found.insert(fs::read(sandbox.join("x.cnb")).unwrap());
    }
    assert_eq!(found.len(), 1);
}

#[test]
fn what_was_there_before_does_not_show() {
    let sandbox = super::sandbox();
    sandbox.write("bp/linux/amd64/more", "more\n");
    one_file(&sandbox, &["--single"]);
    fs::remove_file(sandbox.join("bp/linux/amd64/more")).unwrap();
    assert!(one_file(&sandbox, &["--single"]).bytes == FILES[1].bytes);
}
