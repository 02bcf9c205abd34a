//! Reads tar archives that nobody vouches for: USTAR, PAX and GNU, refusing what can not be read for sure.

use std::io::{self, Read};

use tar::{EntryType, Header};

use super::entry::{Entry, EntryKind, SpecialKind, display_path};
use super::limit::MAX_ENTRIES;
use crate::error::{Error, Result, from_io};

/// The largest extension record (a long name, PAX records) that is read; Go's limit as well.
const MAX_EXTENSION: u64 = 1 << 20;
/// What the keys of PAX records begin with that are extended attributes.
const ATTRIBUTE: &[u8] = b"SCHILY.xattr.";

/// Gives the entries of an archive in their order; the content of each is read, or skipped, before the next.
#[derive(Debug)]
pub struct TarReader<R> {
    input: R,
    position: u64,
    /// Bytes of the current entry that were not read yet, and its padding.
    content_left: u64,
    padding: u64,
    entries: usize,
}

/// An entry, and where its content begins in the archive.
#[derive(Debug)]
pub struct TarEntry {
    /// The entry; its path as it stands in the archive.
    pub entry: Entry,
    /// Offset of the content in bytes.
    pub offset: u64,
    /// Major and minor number of a device.
    pub device: (u32, u32),
    /// The owner's name and the group's, empty where there are none.
    pub owner_names: (Vec<u8>, Vec<u8>),
    /// The time as a PAX record has it, where that is no whole number of seconds since the epoch.
    pub mtime_text: Option<Vec<u8>>,
    /// Extended attributes, as Go and libarchive write them (`SCHILY.xattr.`).
    pub attributes: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What extension headers say about the entry that follows them.
#[derive(Default)]
struct Extension {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    mtime: Option<u64>,
    mtime_text: Option<Vec<u8>>,
    uname: Option<Vec<u8>>,
    gname: Option<Vec<u8>>,
    is_sparse: bool,
    attributes: Vec<(Vec<u8>, Vec<u8>)>,
}

impl<R: Read> TarReader<R> {
    /// Reads from `input`, which is not compressed.
    pub fn new(input: R) -> Self {
        Self {
            input,
            position: 0,
            content_left: 0,
            padding: 0,
            entries: 0,
        }
    }

    /// The next entry; `None` after the zero blocks that end the archive.
    pub fn next_entry(&mut self) -> Result<Option<TarEntry>> {
        let mut extension = Extension::default();
        loop {
            self.skip_content()?;
            let Some(header) = self.read_header()? else {
                return Ok(None);
            };
            let kind = header.entry_type();
            let said = header
                .entry_size()
                .map_err(|cause| malformed("has a size that is no number", cause))?;
            if let Some(text) = self.extension_text(kind, said)? {
                extension.take(kind, &text)?;
                continue;
            }
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(Error::invalid(format!("it has more than {MAX_ENTRIES} entries")));
            }
            let name = extension
                .path
                .clone()
                .unwrap_or_else(|| header.path_bytes().into_owned());
            let attributes = std::mem::take(&mut extension.attributes);
            let mtime_text = extension.mtime_text.take();
            let owner_names = (
                extension.uname.take().or_else(|| field(header.username_bytes())),
                extension.gname.take().or_else(|| field(header.groupname_bytes())),
            );
            let entry = extension
                .apply(&header, said)
                .map_err(|error| error.context(format!("failed to read entry `{}`", display_path(&name))))?;
            let size = entry.kind.size();
            if size > i64::MAX as u64 {
                return Err(Error::damaged(format!(
                    "entry `{}` is said to be {size} bytes long",
                    display_path(&name)
                )));
            }
            self.content_left = size;
            self.padding = (512 - size % 512) % 512;
            return Ok(Some(TarEntry {
                entry,
                offset: self.position,
                device: device(&header),
                owner_names: (owner_names.0.unwrap_or_default(), owner_names.1.unwrap_or_default()),
                mtime_text,
                attributes,
            }));
        }
    }

    /// The content of the entry given last.
    pub fn content(&mut self) -> impl Read + '_ {
        Content { reader: self }
    }

    fn skip_content(&mut self) -> Result<()> {
        let count = std::mem::take(&mut self.content_left) + std::mem::take(&mut self.padding);
        let skipped = io::copy(&mut self.input.by_ref().take(count), &mut io::sink()).map_err(unreadable)?;
        self.position += skipped;
        if skipped < count { Err(truncated()) } else { Ok(()) }
    }

    /// A header with a right checksum; `None` for the end: two blocks of zeros, or one and nothing after it.
    fn read_header(&mut self) -> Result<Option<Header>> {
        let mut header = Header::new_old();
        if !self.read_block(header.as_mut_bytes())? {
            return Err(truncated());
        }
        if header.as_bytes().iter().all(|&byte| byte == 0) {
            let mut second = [0; 512];
            if self.read_block(&mut second)? && second != [0; 512] {
                return Err(Error::damaged("a lone block of zeros stands between its entries"));
            }
            return Ok(None);
        }
        let bytes = header.as_bytes();
        let sum = |byte: &u8| u32::from(*byte);
        let actual = bytes[..148].iter().chain(&bytes[156..]).map(sum).sum::<u32>() + 8 * 32;
        match header.cksum() {
            Ok(said) if said == actual => Ok(Some(header)),
            _ => Err(Error::damaged(format!("no tar header at byte {}", self.position - 512))),
        }
    }

    /// Whether a whole block was there; an error when only a part of one was.
    fn read_block(&mut self, block: &mut [u8]) -> Result<bool> {
        let mut filled = 0;
        while filled < block.len() {
            match self.input.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => return Err(truncated()),
                Ok(count) => filled += count,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(unreadable(cause)),
            }
        }
        self.position += block.len() as u64;
        Ok(true)
    }

    /// The body of an extension header; `None` for any other.
    fn extension_text(&mut self, kind: EntryType, size: u64) -> Result<Option<Vec<u8>>> {
        let is_extension = kind.is_gnu_longname()
            || kind.is_gnu_longlink()
            || kind.is_pax_local_extensions()
            || kind.is_pax_global_extensions();
        if !is_extension {
            return Ok(None);
        }
        if size > MAX_EXTENSION {
            return Err(Error::damaged(format!(
                "an extension header of {size} bytes is more than any name needs"
            )));
        }
        self.content_left = size;
        self.padding = (512 - size % 512) % 512;
        let mut text = Vec::new();
        Content { reader: self }.read_to_end(&mut text).map_err(unreadable)?;
        if (text.len() as u64) < size {
            return Err(truncated());
        }
        Ok(Some(text))
    }
}

struct Content<'a, R> {
    reader: &'a mut TarReader<R>,
}

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.reader.content_left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let count = self.reader.input.read(&mut buffer[..most])?;
        if count == 0 {
            return Err(truncated().into());
        }
        self.reader.content_left -= count as u64;
        self.reader.position += count as u64;
        Ok(count)
    }
}

impl Extension {
    fn take(&mut self, kind: EntryType, text: &[u8]) -> Result<()> {
        let until_nul = || text.split(|&byte| byte == 0).next().unwrap_or_default().to_vec();
        if kind.is_gnu_longname() {
            self.path = Some(until_nul());
        } else if kind.is_gnu_longlink() {
            self.link = Some(until_nul());
        } else if kind.is_pax_local_extensions() {
            self.take_records(text)?;
        }
        // global records (`git archive` writes a comment) say nothing that this reader uses
        Ok(())
    }

    /// Records are split by their length, not by line: a name may hold a newline.
    fn take_records(&mut self, mut text: &[u8]) -> Result<()> {
        while !text.is_empty() {
            let (key, value, rest) = split_record(text).ok_or_else(|| Error::damaged("a PAX record is malformed"))?;
            let number = || {
                let whole = value.split(|&byte| byte == b'.').next().unwrap_or_default();
                std::str::from_utf8(whole).ok().and_then(|digits| digits.parse().ok())
            };
            match key {
                b"path" => self.path = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                b"size" => {
                    self.size = Some(number().ok_or_else(|| Error::damaged("a PAX size is no number"))?);
                }
                b"uid" => self.uid = number(),
                b"gid" => self.gid = number(),
                b"mtime" => {
                    self.mtime = number();
                    let is_whole = value.iter().all(u8::is_ascii_digit);
                    self.mtime_text = (!is_whole).then(|| value.to_vec());
                }
                b"uname" => self.uname = Some(value.to_vec()),
                b"gname" => self.gname = Some(value.to_vec()),
                key if key.starts_with(b"GNU.sparse.") => self.is_sparse = true,
                key if key.starts_with(ATTRIBUTE) => {
                    self.attributes.push((key[ATTRIBUTE.len()..].to_vec(), value.to_vec()));
                }
                _ => {}
            }
            text = rest;
        }
        Ok(())
    }

    fn apply(self, header: &Header, size: u64) -> Result<Entry> {
        if self.is_sparse {
            return Err(sparse());
        }
        let path = self.path.unwrap_or_else(|| header.path_bytes().into_owned());
        let link = || {
            self.link
                .clone()
                .or_else(|| header.link_name_bytes().map(Into::into))
                .unwrap_or_default()
        };
        let file = EntryKind::File {
            size: self.size.unwrap_or(size),
        };
        let kind = match header.entry_type() {
            EntryType::Regular | EntryType::Continuous if path.ends_with(b"/") => EntryKind::Dir,
            EntryType::Regular | EntryType::Continuous => file,
            EntryType::Directory => EntryKind::Dir,
            EntryType::Symlink => EntryKind::Symlink { target: link() },
            EntryType::Link => EntryKind::Hardlink { target: link() },
            EntryType::Char => EntryKind::Special(SpecialKind::CharDevice),
            EntryType::Block => EntryKind::Special(SpecialKind::BlockDevice),
            EntryType::Fifo => EntryKind::Special(SpecialKind::Fifo),
            EntryType::GNUSparse => return Err(sparse()),
            other => {
                return Err(Error::new(
                    crate::error::ErrorKind::Unsupported,
                    format!(
                        "entry `{}` is of the unknown type {:?}",
                        display_path(&path),
                        char::from(other.as_byte())
                    ),
                ));
            }
        };
        Ok(Entry {
            mode: header
                .mode()
                .map_err(|cause| malformed("has a mode that is no number", cause))?
                & 0o7777,
            uid: self.uid.or(header.uid().ok()).unwrap_or(0),
            gid: self.gid.or(header.gid().ok()).unwrap_or(0),
            mtime: self.mtime.or(header.mtime().ok()).unwrap_or(0),
            path,
            kind,
        })
    }
}

/// A text field, without the zeros that fill it.
fn field(bytes: Option<&[u8]>) -> Option<Vec<u8>> {
    bytes.map(|bytes| bytes.split(|&byte| byte == 0).next().unwrap_or_default().to_vec())
}

/// The numbers of a device; old forms of tar have no place for them.
fn device(header: &Header) -> (u32, u32) {
    let number = |field: io::Result<Option<u32>>| field.ok().flatten().unwrap_or_default();
    (number(header.device_major()), number(header.device_minor()))
}

/// Key and value of the first record, and what follows it.
fn split_record(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = text.iter().position(|&byte| byte == b' ')?;
    let len: usize = std::str::from_utf8(&text[..space]).ok()?.parse().ok()?;
    let record = text.get(space + 1..len)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|&byte| byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], &text[len..]))
}

fn malformed(what: &str, cause: io::Error) -> Error {
    Error::damaged(format!("a tar header {what}")).with_source(cause)
}

fn truncated() -> Error {
    Error::damaged("the tar archive ends in the middle")
}

fn sparse() -> Error {
    Error::new(
        crate::error::ErrorKind::Unsupported,
        "it is a sparse file, which is not supported",
    )
    .with_hint("make the archive without `--sparse`")
}

fn unreadable(cause: io::Error) -> Error {
    from_io(cause, |cause| {
        Error::damaged("the archive can not be read").with_source(cause)
    })
}

#[cfg(test)]
mod tests {
    use super::super::tar_write::TarWriter;
    use super::*;

    fn archive(entries: &[(Entry, &[u8])]) -> Vec<u8> {
        let mut writer = TarWriter::new(Vec::new());
        for (entry, content) in entries {
            writer.file(entry, &mut &content[..]).unwrap();
        }
        writer.finish().unwrap()
    }

    fn entry(path: &[u8], kind: EntryKind) -> Entry {
        Entry {
            path: path.to_vec(),
            kind,
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: 1,
        }
    }

    #[test]
    fn reads_back_what_was_written() {
        let long = "ä/".repeat(80) + "end";
        let given = [
            (entry(b"dir", EntryKind::Dir), &b""[..]),
            (entry(long.as_bytes(), EntryKind::File { size: 700 }), &[7; 700]),
            (
                entry(
                    b"new\nline",
                    EntryKind::Symlink {
                        target: b"x".repeat(300),
                    },
                ),
                b"",
            ),
            (entry(b"big-owner", EntryKind::File { size: 1 }), b"z"),
        ];
        let bytes = archive(&given);
        let mut reader = TarReader::new(&bytes[..]);
        for (expected, content) in &given {
            let found = reader.next_entry().unwrap().unwrap();
            assert_eq!(&found.entry, expected);
            let mut read = Vec::new();
            reader.content().read_to_end(&mut read).unwrap();
            assert_eq!(&read, content);
        }
        assert!(reader.next_entry().unwrap().is_none());
    }

    #[test]
    fn every_cut_is_noticed_and_nothing_panics() {
        let bytes = archive(&[
            (entry("ä".as_bytes(), EntryKind::File { size: 700 }), &[7; 700]),
            (entry(b"b", EntryKind::Dir), b""),
        ]);
        let end = bytes.len() - 1024;
        let read = |bytes: &[u8]| {
            let mut reader = TarReader::new(bytes);
            while reader.next_entry()?.is_some() {}
            Ok::<_, Error>(())
        };
        for len in 0..=end {
            assert!(read(&bytes[..len]).is_err(), "cut at {len}");
        }
        for at in 0..end {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x11;
            let _ = read(&flipped);
        }
        assert!(read(&bytes).is_ok());
    }
}
