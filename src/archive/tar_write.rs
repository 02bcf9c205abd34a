//! Tar headers, byte for byte as Go's `archive/tar` writes them: USTAR where everything fits, else PAX.
//!
//! The same entries give the same bytes as pack's layers have, so that diff ids are equal.

use std::io::{self, Read, Write};

use tar::{EntryType, Header};

use super::entry::{Entry, EntryKind, SpecialKind};

/// Bytes of a header, and what bodies are padded to.
pub const BLOCK: u64 = 512;
/// What ends an archive: two blocks of zeros, nothing more.
pub const END: [u8; 1024] = [0; 1024];

/// Largest number in a 7-digit octal field: mode, uid, gid.
const MAX_OCTAL_7: u64 = 0o777_7777;
/// Largest number in an 11-digit octal field: size, mtime.
const MAX_OCTAL_11: u64 = 0o777_7777_7777;
const NAME_SIZE: usize = 100;
const PREFIX_SIZE: usize = 155;

/// Writes entries and their content.
#[derive(Debug)]
pub struct TarWriter<W> {
    out: W,
}

impl<W: Write> TarWriter<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out }
    }

    /// Writes the headers of `entry`; for a file, [`file`](Self::file) writes the content too.
    pub fn header(&mut self, entry: &Entry) -> io::Result<()> {
        self.out.write_all(&header_blocks(entry))
    }

    /// Writes a file. `content` must give exactly the entry's size: less or more is an error, and the archive is spoiled.
    pub fn file(&mut self, entry: &Entry, mut content: &mut dyn Read) -> io::Result<()> {
        self.header(entry)?;
        let size = entry.kind.size();
        let copied = io::copy(&mut Read::by_ref(&mut content).take(size), &mut self.out)?;
        if copied != size || content.read(&mut [0])? != 0 {
            return Err(io::Error::other("its size changed while it was read"));
        }
        let padding = padding(size);
        self.out.write_all(&END[..padding])
    }

    /// Ends the archive.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&END)?;
        Ok(self.out)
    }
}

/// Bytes that `entry` takes in an archive: headers, content, padding.
#[must_use]
pub fn entry_len(entry: &Entry) -> u64 {
    let size = entry.kind.size();
    header_blocks(entry).len() as u64 + size + padding(size) as u64
}

fn padding(size: u64) -> usize {
    ((BLOCK - size % BLOCK) % BLOCK) as usize
}

/// All header blocks of an entry: one, or a PAX block with its records before it.
fn header_blocks(entry: &Entry) -> Vec<u8> {
    let records = pax_records(entry);
    if records.is_empty() {
        return main_block(entry, Form::Ustar).as_bytes().to_vec();
    }
    let mut blocks = pax_block(&entry.path, records.len() as u64).as_bytes().to_vec();
    blocks.extend_from_slice(&records);
    blocks.resize(blocks.len() + padding(records.len() as u64), 0);
    blocks.extend_from_slice(main_block(entry, Form::Pax).as_bytes());
    blocks
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Ustar,
    Pax,
}

/// The PAX records that `entry` needs, sorted by key; empty when USTAR can hold it.
fn pax_records(entry: &Entry) -> Vec<u8> {
    let long = |text: &[u8], size| !text.is_ascii() || text.len() > size;
    let too_big = |number: u64, max| (number > max).then(|| number.to_string().into_bytes());
    let link = link_name(entry);
    let size = entry.kind.size();

    let name_is_long = long(&entry.path, NAME_SIZE);
    let link_is_long = long(link, NAME_SIZE);
    let numbers = [
        ("gid", too_big(entry.gid, MAX_OCTAL_7)),
        ("mtime", too_big(entry.mtime, MAX_OCTAL_11)),
        ("size", too_big(size, MAX_OCTAL_11)),
        ("uid", too_big(entry.uid, MAX_OCTAL_7)),
    ];
    let needed = (name_is_long && split_name(&entry.path).is_none())
        || link_is_long
        || numbers.iter().any(|(_, number)| number.is_some());
    if !needed {
        return Vec::new();
    }
    // a name that USTAR could split has its record all the same, once PAX is needed for something else
    let mut records: Vec<(&str, Vec<u8>)> = numbers
        .into_iter()
        .filter_map(|(key, number)| Some((key, number?)))
        .collect();
    records.extend(name_is_long.then(|| ("path", entry.path.clone())));
    records.extend(link_is_long.then(|| ("linkpath", link.to_vec())));
    records.sort_unstable_by_key(|&(key, _)| key);
    records.iter().flat_map(|(key, value)| pax_record(key, value)).collect()
}

/// `LEN key=value\n`, where LEN counts its own digits.
fn pax_record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut len = rest + rest.to_string().len();
    if rest + len.to_string().len() != len {
        len = rest + len.to_string().len();
    }
    [len.to_string().as_bytes(), b" ", key.as_bytes(), b"=", value, b"\n"].concat()
}

/// The header in front of PAX records: `<dir>/PaxHeaders.0/<base>`, most other fields empty.
fn pax_block(path: &[u8], size: u64) -> Header {
    let slash = path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    let (dir, base) = path.split_at(slash);
    let mut name = ascii_only(&clean_path(&[dir, b"/PaxHeaders.0/", base].concat(), dir.is_empty()));
    name.truncate(NAME_SIZE);
    while name.last() == Some(&b'/') {
        name.pop();
    }
    let mut header = empty_header();
    put_text(&mut header.as_old_mut().name, &name);
    put_octal(&mut header.as_old_mut().mode, 0);
    put_octal(&mut header.as_old_mut().uid, 0);
    put_octal(&mut header.as_old_mut().gid, 0);
    put_octal(&mut header.as_old_mut().size, size);
    put_octal(&mut header.as_old_mut().mtime, 0);
    header.as_old_mut().linkflag = [EntryType::XHeader.as_byte()];
    put_checksum(&mut header);
    header
}

fn main_block(entry: &Entry, form: Form) -> Header {
    let mut header = empty_header();
    let (prefix, name) = match (form, split_name(&entry.path)) {
        (Form::Ustar, Some((prefix, name))) => (prefix, name.to_vec()),
        (Form::Ustar, None) => (&b""[..], entry.path.clone()),
        (Form::Pax, _) => (&b""[..], ascii_only(&entry.path)),
    };
    let link = ascii_only(link_name(entry));
    {
        let ustar = header.as_ustar_mut().expect_ustar();
        put_text(&mut ustar.name, &name);
        put_text(&mut ustar.linkname, &link);
        put_octal(&mut ustar.mode, fitting(entry.mode.into(), MAX_OCTAL_7));
        put_octal(&mut ustar.uid, fitting(entry.uid, MAX_OCTAL_7));
        put_octal(&mut ustar.gid, fitting(entry.gid, MAX_OCTAL_7));
        put_octal(&mut ustar.size, fitting(entry.kind.size(), MAX_OCTAL_11));
        put_octal(&mut ustar.mtime, fitting(entry.mtime, MAX_OCTAL_11));
        put_octal(&mut ustar.dev_major, 0);
        put_octal(&mut ustar.dev_minor, 0);
        put_text(&mut ustar.prefix, prefix);
        ustar.typeflag = [type_flag(&entry.kind).as_byte()];
    }
    put_checksum(&mut header);
    header
}

trait ExpectUstar<'a> {
    fn expect_ustar(self) -> &'a mut tar::UstarHeader;
}

impl<'a> ExpectUstar<'a> for Option<&'a mut tar::UstarHeader> {
    fn expect_ustar(self) -> &'a mut tar::UstarHeader {
        self.expect("a header with the ustar magic is a ustar header")
    }
}

/// Zeros and the magic.
fn empty_header() -> Header {
    let mut header = Header::new_ustar();
    header.as_mut_bytes().fill(0);
    header.as_mut_bytes()[257..265].copy_from_slice(b"ustar\x0000");
    header
}

fn type_flag(kind: &EntryKind) -> EntryType {
    match kind {
        EntryKind::File { .. } => EntryType::Regular,
        EntryKind::Dir => EntryType::Directory,
        EntryKind::Symlink { .. } => EntryType::Symlink,
        EntryKind::Hardlink { .. } => EntryType::Link,
        EntryKind::Special(SpecialKind::CharDevice) => EntryType::Char,
        EntryKind::Special(SpecialKind::BlockDevice) => EntryType::Block,
        EntryKind::Special(SpecialKind::Fifo | SpecialKind::Socket) => EntryType::Fifo,
    }
}

fn link_name(entry: &Entry) -> &[u8] {
    match &entry.kind {
        EntryKind::Symlink { target } | EntryKind::Hardlink { target } => target,
        _ => b"",
    }
}

/// USTAR's prefix and name of a name over 100 bytes, where it has a `/` in the right place.
fn split_name(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.len() <= NAME_SIZE || !path.is_ascii() {
        return None;
    }
    let mut window = path.len();
    if window > PREFIX_SIZE + 1 {
        window = PREFIX_SIZE + 1;
    } else if path.ends_with(b"/") {
        window -= 1;
    }
    let slash = path[..window].iter().rposition(|&byte| byte == b'/')?;
    let (prefix, name) = (&path[..slash], &path[slash + 1..]);
    let fits = slash > 0 && prefix.len() <= PREFIX_SIZE && !name.is_empty() && name.len() <= NAME_SIZE;
    fits.then_some((prefix, name))
}

fn ascii_only(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|&byte| byte < 0x80).collect()
}

/// Go's `path.Clean`, without a leading `/` where `relative`.
fn clean_path(path: &[u8], relative: bool) -> Vec<u8> {
    let rooted = path.starts_with(b"/") && !relative;
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|&last| last != b"..") => {
                parts.pop();
            }
            b".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join(&b'/');
    match (rooted, joined.is_empty()) {
        (true, _) => [b"/", &joined[..]].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}

fn fitting(number: u64, max: u64) -> u64 {
    if number > max { 0 } else { number }
}

/// Copies what fits. A text that was cut and then ends in `/` gets a NUL in place of that, else old readers take it for a folder.
fn put_text(field: &mut [u8], text: &[u8]) {
    let count = text.len().min(field.len());
    field[..count].copy_from_slice(&text[..count]);
    if text.len() > field.len() && field.last() == Some(&b'/') {
        let kept = field[..count - 1]
            .iter()
            .rposition(|&byte| byte != b'/')
            .map_or(0, |last| last + 1);
        field[kept] = 0;
    }
}

/// Octal digits, padded with zeros to fill the field but for a NUL at the end.
fn put_octal(field: &mut [u8], number: u64) {
    let width = field.len() - 1;
    let digits = format!("{number:0width$o}");
    field[..width].copy_from_slice(&digits.as_bytes()[digits.len() - width..]);
    field[width] = 0;
}

/// Six digits, NUL, space; the field counts as spaces.
fn put_checksum(header: &mut Header) {
    const FIELD: std::ops::Range<usize> = 148..156;
    header.as_mut_bytes()[FIELD].fill(b' ');
    let sum: u32 = header.as_bytes().iter().map(|&byte| u32::from(byte)).sum();
    header.as_mut_bytes()[FIELD].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &[u8], kind: EntryKind) -> Entry {
        Entry {
            path: path.to_vec(),
            kind,
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: super::super::timestamp::NORMALIZED,
        }
    }

    /// What any name, link or number must give, by the rules of POSIX for USTAR and PAX.
    fn check_header(entry: &Entry) {
        let blocks = header_blocks(entry);
        assert_eq!(blocks.len() as u64 % BLOCK, 0);
        assert_eq!(
            entry_len(entry),
            blocks.len() as u64 + entry.kind.size().div_ceil(BLOCK) * BLOCK
        );
        let main = Header::from_byte_slice(&blocks[blocks.len() - 512..]);
        let sum: u32 = main
            .as_bytes()
            .iter()
            .enumerate()
            .map(|(at, &byte)| if (148..156).contains(&at) { 32 } else { u32::from(byte) })
            .sum();
        assert_eq!(main.cksum().unwrap(), sum);
        let fits = |text: &[u8]| text.is_ascii() && text.len() <= 100;
        let is_plain = fits(&entry.path)
            && fits(link_name(entry))
            && entry.uid < 1 << 21
            && entry.gid < 1 << 21
            && entry.kind.size() < 1 << 33;
        if is_plain {
            assert_eq!(blocks.len(), 512, "what fits is USTAR without a prefix");
        }
        if !entry.path.is_ascii() || !link_name(entry).is_ascii() {
            assert!(blocks.len() > 512, "what is not ASCII is in records");
        }
        let mut archive = blocks;
        if entry.kind.size() == 0 {
            archive.extend_from_slice(&END);
            let mut reader = super::super::tar_read::TarReader::new(&archive[..]);
            assert_eq!(reader.next_entry().unwrap().unwrap().entry, *entry);
            assert!(reader.next_entry().unwrap().is_none());
        }
    }

    proptest::proptest! {
        #[test]
        fn any_entry_reads_back_and_follows_the_rules(
            path in proptest::collection::vec(proptest::prop_oneof![4 => 1..=255_u8, 2 => proptest::strategy::Just(b'/'), 8 => b'a'..=b'z'], 1..320),
            link in proptest::collection::vec(1..=255_u8, 1..220),
            kind in 0..4,
            mode in 0..0o10000_u32,
            uid in 0..1_u64 << 40,
            size in proptest::prop_oneof![proptest::strategy::Just(0), 0..1_u64 << 40],
        ) {
            let mut path = path;
            if path.last() == Some(&b'/') {
                path.push(b'x');
            }
            let kind = match kind {
                0 => EntryKind::File { size },
                1 => EntryKind::Dir,
                2 => EntryKind::Symlink { target: link },
                _ => EntryKind::Hardlink { target: link },
            };
            check_header(&Entry { path, kind, mode, uid, gid: uid / 3, mtime: uid / 7 });
        }
    }

    #[test]
    fn record_length_counts_itself() {
        for len in 0..200 {
            let record = pax_record("path", &vec![b'x'; len]);
            let digits = record.iter().position(|&byte| byte == b' ').unwrap();
            let said: usize = std::str::from_utf8(&record[..digits]).unwrap().parse().unwrap();
            assert_eq!(said, record.len());
        }
    }

    #[test]
    fn the_form_follows_the_text() {
        let check = |path: &str, link: &str, blocks: usize| {
            let entry = entry(path.as_bytes(), EntryKind::Symlink { target: link.into() });
            assert_eq!(header_blocks(&entry).len(), blocks * 512, "{path} -> {link}");
        };
        check("short", "target", 1);
        check(&format!("{}/{}", "d".repeat(60), "f".repeat(60)), "target", 1);
        check(&"f".repeat(101), "target", 3);
        check("short", &"t".repeat(101), 3);
        check("ä", "target", 3);
        check("short", "ä", 3);
    }

    #[test]
    fn a_size_over_8_gib_is_in_a_record() {
        let fits = entry(b"a", EntryKind::File { size: 8_589_934_591 });
        assert_eq!(header_blocks(&fits).len(), 512);
        let over = entry(b"a", EntryKind::File { size: 8_589_934_592 });
        let blocks = header_blocks(&over);
        assert_eq!(&blocks[512..532], b"19 size=8589934592\n\0");
        assert_eq!(&blocks[1024 + 124..1024 + 136], b"00000000000\0");
    }

    /// Names, links and numbers of many shapes, with the digest of the headers that Go wrote for each.
    #[test]
    fn headers_equal_those_of_go() {
        #[derive(serde::Deserialize)]
        struct Case {
            path: String,
            #[serde(default)]
            link: String,
            r#type: String,
            mode: u32,
            mtime: u64,
            #[serde(default)]
            uid: u64,
            #[serde(default)]
            gid: u64,
            #[serde(default)]
            size: u64,
            blocks_sha256: String,
        }
        let cases: Vec<Case> = serde_json::from_str(include_str!("../../fixtures/tar/go-headers.json")).unwrap();
        assert!(cases.len() >= 500);
        let different: Vec<String> = cases
            .into_iter()
            .filter_map(|case| {
                let target = hex::decode(&case.link).unwrap();
                let entry = Entry {
                    path: hex::decode(&case.path).unwrap(),
                    kind: match case.r#type.as_str() {
                        "file" => EntryKind::File { size: case.size },
                        "dir" => EntryKind::Dir,
                        "symlink" => EntryKind::Symlink { target },
                        _ => EntryKind::Hardlink { target },
                    },
                    mode: case.mode,
                    uid: case.uid,
                    gid: case.gid,
                    mtime: case.mtime,
                };
                let digest = <sha2::Sha256 as sha2::Digest>::digest(header_blocks(&entry));
                (hex::encode(digest) != case.blocks_sha256)
                    .then(|| format!("{} -> {:?}", super::super::entry::display_path(&entry.path), entry.kind))
            })
            .collect();
        assert!(different.is_empty(), "{different:#?}");
    }
}
