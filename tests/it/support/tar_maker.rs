//! Writes tar and zip archives, header by header, as the golden cases ask for.

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

/// How long names are written, and the magic of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TarFormat {
    Ustar,
    Gnu,
    Pax,
}

/// One entry of an archive. Names are written as they are given.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) path: String,
    /// The type flag of the header.
    pub(crate) kind: u8,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) uname: String,
    pub(crate) gname: String,
    pub(crate) mtime: u64,
    /// Where a link leads to.
    pub(crate) target: String,
    pub(crate) content: Vec<u8>,
}

pub(crate) const FILE: u8 = b'0';
pub(crate) const HARDLINK: u8 = b'1';
pub(crate) const SYMLINK: u8 = b'2';
pub(crate) const FOLDER: u8 = b'5';
pub(crate) const FIFO: u8 = b'6';

const BLOCK: usize = 512;
const LONG_LINK: &str = "././@LongLink";

impl Member {
    /// An entry with the default header of its type and no content.
    pub(crate) fn new(path: &str, kind: u8) -> Self {
        Self {
            path: path.to_owned(),
            kind,
            mode: match kind {
                FILE => 0o644,
                SYMLINK => 0o777,
                _ => 0o755,
            },
            uid: 0,
            gid: 0,
            uname: String::new(),
            gname: String::new(),
            mtime: 1_600_000_000,
            target: String::new(),
            content: Vec::new(),
        }
    }

    /// A file of mode 0644.
    pub(crate) fn file(path: &str, content: impl AsRef<[u8]>) -> Self {
        Self {
            content: content.as_ref().to_vec(),
            ..Self::new(path, FILE)
        }
    }

    /// A folder of mode 0755.
    pub(crate) fn folder(path: &str) -> Self {
        Self::new(path, FOLDER)
    }

    /// A symlink.
    pub(crate) fn symlink(path: &str, target: &str) -> Self {
        Self {
            target: target.to_owned(),
            ..Self::new(path, SYMLINK)
        }
    }

    /// The same with another mode.
    pub(crate) fn with_mode(self, mode: u32) -> Self {
        Self { mode, ..self }
    }
}

/// The members as a tar, with two zero blocks at its end.
pub(crate) fn tar(format: TarFormat, members: &[Member]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for member in members {
        write_member(&mut bytes, format, member);
    }
    bytes.resize(bytes.len() + 2 * BLOCK, 0);
    bytes
}

/// What is below a folder as members of an archive, sorted; `front` stands before every name.
pub(crate) fn members_of(folder: &Path, front: &str) -> Vec<Member> {
    let mut members = Vec::new();
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    for path in paths {
        let name = format!("{front}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            members.push(Member::folder(&name));
            members.extend(members_of(&path, &format!("{name}/")));
        } else {
            members.push(Member::file(&name, fs::read(&path).unwrap()));
        }
    }
    members
}

/// The bytes as one gzip member.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The members as a zip that says it was made on Unix.
pub(crate) fn zip(members: &[Member]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for member in members {
        let options = zip::write::SimpleFileOptions::default().unix_permissions(member.mode);
        match member.kind {
            FOLDER => writer.add_directory(member.path.as_str(), options).unwrap(),
            SYMLINK => {
                writer
                    .add_symlink(member.path.as_str(), member.target.as_str(), options)
                    .unwrap();
            }
            FILE => {
                writer.start_file(member.path.as_str(), options).unwrap();
                writer.write_all(&member.content).unwrap();
            }
            other => panic!("no zip entry of type {}", char::from(other)),
        }
    }
    writer.finish().unwrap().into_inner()
}

fn write_member(bytes: &mut Vec<u8>, format: TarFormat, member: &Member) {
    match format {
        TarFormat::Ustar => {}
        TarFormat::Gnu => {
            for (kind, text) in [(b'K', &member.target), (b'L', &member.path)] {
                if text.len() > 100 {
                    let content = [text.as_bytes(), b"\0"].concat();
                    let long = Member {
                        mode: 0,
                        mtime: 0,
                        content,
                        ..Member::new(LONG_LINK, kind)
                    };
                    write_header_and_body(bytes, format, &long);
                }
            }
        }
        TarFormat::Pax => {
            let records = pax_records(member);
            if !records.is_empty() {
                let header = Member {
                    mtime: 0,
                    content: records,
                    ..Member::new("PaxHeader", b'x')
                };
                write_header_and_body(bytes, format, &header);
            }
        }
    }
    write_header_and_body(bytes, format, member);
}

/// What does not fit the header, as `LEN key=value\n`.
fn pax_records(member: &Member) -> Vec<u8> {
    let mut records = Vec::new();
    for (key, text) in [("linkpath", &member.target), ("path", &member.path)] {
        if text.len() > 100 || !text.is_ascii() {
            let rest = format!(" {key}={text}\n");
            // the length counts its own digits
            let mut length = rest.len() + 1;
            while length != rest.len() + length.to_string().len() {
                length = rest.len() + length.to_string().len();
            }
            records.extend_from_slice(format!("{length}{rest}").as_bytes());
        }
    }
    records
}

fn write_header_and_body(bytes: &mut Vec<u8>, format: TarFormat, member: &Member) {
    let (prefix, name) = split_name(format, &member.path);
    let mut header = [0_u8; BLOCK];
    let mut put = |at: usize, width: usize, text: &[u8]| {
        let length = text.len().min(width);
        header[at..at + length].copy_from_slice(&text[..length]);
    };
    put(0, 100, name.as_bytes());
    put(100, 8, format!("{:07o}\0", member.mode).as_bytes());
    put(108, 8, format!("{:07o}\0", member.uid).as_bytes());
    put(116, 8, format!("{:07o}\0", member.gid).as_bytes());
    put(124, 12, format!("{:011o}\0", member.content.len()).as_bytes());
    put(136, 12, format!("{:011o}\0", member.mtime).as_bytes());
    put(148, 8, b"        ");
    put(156, 1, &[member.kind]);
    put(157, 100, member.target.as_bytes());
    put(
        257,
        8,
        if format == TarFormat::Gnu {
            b"ustar  \0"
        } else {
            b"ustar\x0000"
        },
    );
    put(265, 32, member.uname.as_bytes());
    put(297, 32, member.gname.as_bytes());
    put(329, 8, b"0000000\0");
    put(337, 8, b"0000000\0");
    put(345, 155, prefix.as_bytes());
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    bytes.extend_from_slice(&header);
    bytes.extend_from_slice(&member.content);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
}

/// Long names of a ustar header are cut at the last `/` at or before byte 155.
fn split_name(format: TarFormat, path: &str) -> (&str, &str) {
    if format != TarFormat::Ustar || path.len() <= 100 {
        return ("", path);
    }
    let cut = path.as_bytes()[..path.len().min(156)]
        .iter()
        .rposition(|byte| *byte == b'/');
    let (prefix, name) = path.split_at(cut.expect("a name that fits ustar"));
    assert!(name.len() <= 101, "a name that fits ustar: {path}");
    (prefix, &name[1..])
}

#[test]
fn archives_read_back_as_they_were_made() {
    use super::layout_view::read_tar;

    let folder = "d".repeat(90);
    let long = format!("{folder}/{}", "f".repeat(90));
    let members = [
        Member::folder("a/"),
        Member {
            uid: 77,
            gid: 78,
            mtime: 1,
            ..Member::file("a/b", "content\n").with_mode(0o711)
        },
        Member::file(&long, [7; BLOCK + 1]),
        Member {
            target: "a/b".to_owned(),
            ..Member::new("hard", HARDLINK)
        },
        Member::symlink("./soft", "../elsewhere"),
    ];
    for format in [TarFormat::Ustar, TarFormat::Gnu, TarFormat::Pax] {
        let found = read_tar(&tar(format, &members));
        assert_eq!(found.len(), members.len(), "{format:?}");
        for (found, member) in found.iter().zip(&members) {
            assert_eq!(found.name(), member.path, "{format:?}");
            assert_eq!((found.mode, found.mtime), (member.mode, member.mtime), "{format:?}");
            assert_eq!(
                (found.uid, found.gid),
                (member.uid.into(), member.gid.into()),
                "{format:?}"
            );
            assert_eq!(found.size, member.content.len() as u64, "{format:?}");
            let linkname = found.linkname.clone().unwrap_or_default();
            assert_eq!(linkname, member.target.as_bytes(), "{format:?}");
        }
    }
}
