//! Unpacks a zip into one scratch file, so that its members can be read in any order afterwards.

use std::fs::File;
use std::io::{Read, Write};

use zip::ZipArchive;

use super::archive_tree::spool_failed;
use super::entry::{Entry, EntryKind, SpecialKind, display_path};
use super::limit::{Expansion, MAX_ENTRIES};
use crate::error::{Error, Result, from_io};

const S_IFMT: u32 = 0o170_000;
const S_IFREG: u32 = 0o100_000;
const S_IFDIR: u32 = 0o040_000;
const S_IFLNK: u32 = 0o120_000;
const S_IFCHR: u32 = 0o020_000;
const S_IFBLK: u32 = 0o060_000;
const S_IFIFO: u32 = 0o010_000;
const S_IFSOCK: u32 = 0o140_000;
/// The longest link text that is read.
const MAX_LINK: u64 = 4096;

/// Entries in the order of the central directory, each with the offset of its content in `scratch`.
///
/// Members written by systems without Unix modes count as executable, as in pack: scripts stay runnable.
pub(crate) fn unpack(zip: File, scratch: &mut File) -> Result<Vec<(Entry, u64)>> {
    let compressed = zip.metadata().map_err(unreadable)?.len();
    let mut archive = ZipArchive::new(std::io::BufReader::new(zip)).map_err(|cause| unreadable(cause.into()))?;
    if archive.len() > MAX_ENTRIES {
        return Err(Error::invalid(format!("it has more than {MAX_ENTRIES} entries")));
    }
    let mut expansion = Expansion::of(compressed);
    foresee(&mut archive, &expansion)?;
    let mut offset = 0;
    let mut entries = Vec::with_capacity(archive.len());
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(|cause| {
            Error::damaged(format!("entry {} of the zip can not be read", index + 1)).with_source(cause)
        })?;
        let path = member.name_raw().to_vec();
        let in_member = |cause| {
            from_io(cause, |cause| {
                unreadable(cause).context(format!("failed to read entry `{}`", display_path(&path)))
            })
        };
        let mode = matches!(member.system(), zip::System::Unix | zip::System::OsDarwin)
            .then(|| member.external_attributes() >> 16);
        let kind = if path.ends_with(b"/") {
            EntryKind::Dir
        } else {
            match mode.map_or(S_IFREG, |mode| mode & S_IFMT) {
                S_IFDIR => EntryKind::Dir,
                S_IFLNK => {
                    let mut target = Vec::new();
                    member
                        .by_ref()
                        .take(MAX_LINK + 1)
                        .read_to_end(&mut target)
                        .map_err(in_member)?;
                    if target.len() as u64 > MAX_LINK {
                        return Err(Error::invalid(format!(
                            "the text of link `{}` is too long",
                            display_path(&path)
                        )));
                    }
                    EntryKind::Symlink { target }
                }
                S_IFCHR => EntryKind::Special(SpecialKind::CharDevice),
                S_IFBLK => EntryKind::Special(SpecialKind::BlockDevice),
                S_IFIFO => EntryKind::Special(SpecialKind::Fifo),
                S_IFSOCK => EntryKind::Special(SpecialKind::Socket),
                _ => EntryKind::File {
                    size: spool(&mut member, scratch, &mut expansion).map_err(in_member)?,
                },
            }
        };
        let size = kind.size();
        let entry = Entry {
            path,
            kind,
            mode: mode.map_or(0o755, |mode| mode & 0o7777),
            uid: 0,
            gid: 0,
            mtime: 0,
        };
        entries.push((entry, offset));
        offset += size;
    }
    Ok(entries)
}

/// The directory says how long all members are: enough to refuse most bombs before they are unpacked.
fn foresee(archive: &mut ZipArchive<std::io::BufReader<File>>, expansion: &Expansion) -> Result<()> {
    let mut total: u64 = 0;
    for index in 0..archive.len() {
        let Ok(member) = archive.by_index_raw(index) else {
            continue;
        };
        total = total.saturating_add(member.size());
        expansion
            .foresee(total)
            .map_err(|error| error.context(format!("with entry `{}`", display_path(member.name_raw()))))?;
    }
    Ok(())
}

fn spool(member: &mut impl Read, scratch: &mut File, expansion: &mut Expansion) -> std::io::Result<u64> {
    let mut buffer = vec![0; 128 << 10];
    let mut size = 0;
    loop {
        let count = member.read(&mut buffer)?;
        if count == 0 {
            return Ok(size);
        }
        expansion.grow(count as u64)?;
        scratch.write_all(&buffer[..count]).map_err(spool_failed)?;
        size += count as u64;
    }
}

fn unreadable(cause: std::io::Error) -> Error {
    from_io(cause, |cause| {
        Error::damaged("the zip archive can not be read").with_source(cause)
    })
}
