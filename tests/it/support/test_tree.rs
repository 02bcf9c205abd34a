//! Makes the `tree` of a golden case on disk.

use std::fs;
use std::os::unix::fs::{MetadataExt, lchown, symlink};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, Timespec, Timestamps};
use serde_json::Value;

use super::layout_view::{array, text};
use super::sandbox::{make_folders, set_mode};
use super::tar_maker::{self, FIFO, FILE, FOLDER, HARDLINK, Member, SYMLINK, TarFormat};
use super::test_layout::layout_tar;

/// Makes the entries below `root`, in their order; the modes of folders are set when all is there.
pub(crate) fn make_tree(root: &Path, entries: &[Value]) {
    for entry in entries {
        make_entry(root, entry);
    }
    for entry in entries.iter().rev().filter(|entry| entry["type"] == "dir") {
        finish(&root.join(text(entry, "path")), entry, 0o755);
    }
}

fn make_entry(root: &Path, entry: &Value) {
    let path = root.join(text(entry, "path"));
    make_folders(path.parent().unwrap());
    match text(entry, "type") {
        "dir" => make_folders(&path),
        "file" => {
            fs::write(&path, content(entry)).unwrap();
            finish(&path, entry, 0o644);
        }
        "symlink" => {
            symlink(text(entry, "target"), &path).unwrap();
            set_owner_and_time(&path, entry);
        }
        "hardlink" => fs::hard_link(root.join(text(entry, "target")), &path).unwrap(),
        "fifo" => {
            rustix::fs::mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).unwrap();
            finish(&path, entry, 0o644);
        }
        other => panic!("unknown type {other} in {entry}"),
    }
}

fn finish(path: &Path, entry: &Value, default_mode: u32) {
    // a change of owner clears the set-id bits, so the mode comes after it
    set_owner_and_time(path, entry);
    set_mode(path, mode(entry).unwrap_or(default_mode));
}

fn set_owner_and_time(path: &Path, entry: &Value) {
    let id = |field: &str| entry[field].as_u64().map(|id| u32::try_from(id).unwrap());
    if is_root() && (entry["uid"].is_u64() || entry["gid"].is_u64()) {
        lchown(path, id("uid"), id("gid")).unwrap();
    }
    if let Some(seconds) = entry["mtime"].as_i64() {
        set_mtime(path, seconds);
    }
}

/// Sets both times of a file, folder or link.
pub(crate) fn set_mtime(path: &Path, seconds: i64) {
    let time = Timespec {
        tv_sec: seconds,
        tv_nsec: 0,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

/// This process may do everything.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn mode(entry: &Value) -> Option<u32> {
    entry["mode"]
        .as_str()
        .map(|octal| u32::from_str_radix(octal, 8).unwrap())
}

/// The bytes of a file.
fn content(entry: &Value) -> Vec<u8> {
    if let Some(plain) = entry["text"].as_str() {
        plain.as_bytes().to_vec()
    } else if let Some(encoded) = entry["base64"].as_str() {
        from_base64(encoded)
    } else if let Some([part, times]) = entry["repeat"].as_array().map(Vec::as_slice) {
        part.as_str()
            .unwrap()
            .repeat(usize::try_from(times.as_u64().unwrap()).unwrap())
            .into_bytes()
    } else if entry["oci_tar"].is_object() {
        layout_tar(&entry["oci_tar"])
    } else {
        archive(&entry["tar"])
    }
}

fn archive(spec: &Value) -> Vec<u8> {
    let format = match text(spec, "format") {
        "ustar" => TarFormat::Ustar,
        "gnu" => TarFormat::Gnu,
        "pax" => TarFormat::Pax,
        other => panic!("unknown format {other}"),
    };
    let members: Vec<_> = array(spec, "entries").iter().map(member).collect();
    let tar = tar_maker::tar(format, &members);
    if spec["gzip"] == true {
        tar_maker::gzip(&tar)
    } else {
        tar
    }
}

/// An entry of an archive.
pub(crate) fn member(entry: &Value) -> Member {
    let kind = match text(entry, "type") {
        "file" => FILE,
        "hardlink" => HARDLINK,
        "symlink" => SYMLINK,
        "dir" => FOLDER,
        "fifo" => FIFO,
        other => panic!("unknown type {other} in {entry}"),
    };
    let plain = Member::new(text(entry, "path"), kind);
    let number = |field: &str| u32::try_from(entry[field].as_u64().unwrap_or(0)).unwrap();
    let string = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    Member {
        mode: mode(entry).unwrap_or(plain.mode),
        uid: number("uid"),
        gid: number("gid"),
        uname: string("uname"),
        gname: string("gname"),
        mtime: entry["mtime"].as_u64().unwrap_or(plain.mtime),
        target: string("target"),
        content: if kind == FILE { content(entry) } else { Vec::new() },
        ..plain
    }
}

/// Standard alphabet, with padding.
fn from_base64(encoded: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for letter in encoded.trim_end_matches('=').bytes() {
        let value = ALPHABET
            .iter()
            .position(|known| *known == letter)
            .expect("a base64 letter");
        bits = bits << 6 | u32::try_from(value).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap());
        }
    }
    bytes
}

#[test]
fn base64_is_decoded() {
    for (encoded, decoded) in [
        ("", ""),
        ("YQ==", "a"),
        ("YWI=", "ab"),
        ("YWJj", "abc"),
        ("fn5+Pz8/", "~~~???"),
    ] {
        assert_eq!(from_base64(encoded), decoded.as_bytes(), "{encoded}");
    }
}
