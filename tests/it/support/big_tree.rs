//! A buildpack of several megabytes whose content is the same in every run, for what only shows in long layers.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::LazyLock;

use super::sandbox::{make_folders, set_mode};
use super::tar_maker::{FILE, FOLDER, Member, SYMLINK};

const MIB: usize = 1 << 20;

/// Two targets with a platform folder each, in the order of a sorted walk, every folder with an entry of its own.
/// The files cross the borders of blocks of 1 MiB with text, with what does not compress, and with both.
///
/// `fixtures/golden-digests.json` holds digests of this very tree.
pub(crate) static BIG_TREE: LazyLock<Vec<Member>> = LazyLock::new(|| {
    let mut members = vec![toml("acme/big"), Member::folder("linux/")];
    members.extend(amd64().into_iter().map(|member| below("linux/amd64/", member)));
    members.extend(arm64().into_iter().map(|member| below("linux/arm64/", member)));
    members
});

/// The same files for both targets: one folder, executables at its root.
pub(crate) static WHOLE_TREE: LazyLock<Vec<Member>> = LazyLock::new(|| {
    let mut members = amd64().split_off(1);
    members.push(toml("acme/whole"));
    members.sort_by(|a, b| walk_key(&a.path).cmp(&walk_key(&b.path)));
    members
});

/// Writes the members below a folder, in their order. Folders that come later or not at all are made as needed.
pub(crate) fn write_members<'a>(root: &Path, members: impl IntoIterator<Item = &'a Member>) {
    for member in members {
        let path = root.join(&member.path);
        make_folders(path.parent().unwrap());
        match member.kind {
            FOLDER => make_folders(&path),
            SYMLINK => symlink(&member.target, &path).unwrap(),
            FILE => {
                fs::write(&path, &member.content).unwrap();
                set_mode(&path, member.mode);
            }
            other => panic!("no file of type {}", char::from(other)),
        }
    }
}

fn amd64() -> Vec<Member> {
    let mut members = vec![Member::folder("")];
    members.extend(executables());
    let mixed = [prose(1, MIB - 700), noise(2, 700 << 10), prose(3, 300 << 10)].concat();
    members.push(Member::folder("data/"));
    members.extend([
        Member::file("data/exactly-one-mib", prose(4, MIB)),
        Member::file("data/mixed", mixed),
        Member::file("data/noise", noise(5, MIB + MIB / 4)),
        Member::file("data/prose", prose(6, 2 * MIB + 17)),
        Member::file("data/zeros", vec![0; MIB + 1]),
    ]);
    members.push(Member::symlink("link", "data/prose"));
    members.push(Member::folder("small/"));
    for number in 0..40_usize {
        members.push(Member::file(&format!("small/{number:02}"), prose(7, number * 37)));
    }
    members
}

fn arm64() -> Vec<Member> {
    let mut members = vec![Member::folder("")];
    members.extend(executables());
    members.extend([
        Member::folder("data/"),
        Member::file("data/noise", noise(8, 2 * MIB - 1024)),
        Member::file("data/prose", prose(9, MIB / 2)),
    ]);
    members
}

fn executables() -> [Member; 3] {
    let script = |path| Member::file(path, "#!/bin/sh\nexit 0\n").with_mode(0o755);
    [Member::folder("bin/"), script("bin/build"), script("bin/detect")]
}

fn toml(id: &str) -> Member {
    let mut text = format!("api = \"0.10\"\n\n[buildpack]\nid = \"{id}\"\nversion = \"1.0.0\"\nname = \"Big\"\n");
    for arch in ["amd64", "arm64"] {
        text += &format!("\n[[targets]]\nos = \"linux\"\narch = \"{arch}\"\n");
    }
    Member::file("buildpack.toml", text)
}

fn below(folder: &str, member: Member) -> Member {
    Member {
        path: format!("{folder}{}", member.path),
        ..member
    }
}

/// Folders come before what is in them, children are sorted by the bytes of their names.
fn walk_key(path: &str) -> Vec<&str> {
    path.trim_end_matches('/').split('/').collect()
}

/// Lines of words, which compress.
fn prose(seed: u64, length: usize) -> Vec<u8> {
    let words = [
        "layer",
        "index",
        "blob",
        "platform",
        "the",
        "of",
        "and",
        "buildpack\n",
        "0x1f",
        "a",
    ];
    let mut random = Random(seed);
    let mut text = Vec::with_capacity(length + 16);
    while text.len() < length {
        let number = random.next();
        let word = words[usize::try_from(number % 10).unwrap()];
        text.extend_from_slice(word.as_bytes());
        text.push(b' ');
        if number.is_multiple_of(31) {
            text.extend_from_slice(number.to_string().as_bytes());
        }
    }
    text.truncate(length);
    text
}

/// Bytes that do not compress.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random(seed);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&random.next().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
