//! [`Entry`]: one member of an archive, and the rules for its path.

use crate::error::{Error, Result};

/// One member of an archive, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name as it stands in the archive: bytes, since a file name need not be UTF-8.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits, at most `0o7777`.
    pub mode: u32,
    /// The owner's number.
    pub uid: u64,
    /// The group's number.
    pub gid: u64,
    /// Seconds since the epoch.
    pub mtime: u64,
}

/// What an [`Entry`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A file with `size` bytes of content.
    File {
        /// Length of the content in bytes.
        size: u64,
    },
    /// A folder.
    Dir,
    /// A symbolic link.
    Symlink {
        /// The text of the link, relative to the folder it is in, or absolute.
        target: Vec<u8>,
    },
    /// A second name of a file that stands earlier in the archive.
    Hardlink {
        /// The name of that file.
        target: Vec<u8>,
    },
    /// A device, a fifo, a socket: nothing that a layer of a buildpack may hold.
    Special(SpecialKind),
}

/// The kinds of files that are neither content nor structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecialKind {
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

impl SpecialKind {
    /// The usual word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CharDevice => "character device",
            Self::BlockDevice => "block device",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
        }
    }
}

impl EntryKind {
    /// Bytes of content that follow the entry's header.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::File { size } => *size,
            _ => 0,
        }
    }

    /// `file`, `dir`, `symlink`, `hardlink`, or the name of the special kind.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::File { .. } => "file",
            Self::Dir => "dir",
            Self::Symlink { .. } => "symlink",
            Self::Hardlink { .. } => "hardlink",
            Self::Special(kind) => kind.name(),
        }
    }
}

/// A path for people: UTF-8 as it is, anything else marked, control characters escaped.
#[must_use]
pub fn display_path(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    if text.chars().any(char::is_control) {
        text.chars()
            .flat_map(|c| {
                let escaped: Vec<char> = if c.is_control() {
                    c.escape_default().collect()
                } else {
                    vec![c]
                };
                escaped
            })
            .collect()
    } else {
        text.into_owned()
    }
}

/// The path of a member below the folder that an archive is unpacked to: no `./`, no doubled or trailing `/`.
///
/// `None` for that folder itself. An error for what would lie outside of it: an absolute path, a `..`, a NUL.
pub fn relative_path(raw: &[u8]) -> Result<Option<Vec<u8>>> {
    let refuse = |why: &str| Error::invalid(format!("entry `{}` {why}", display_path(raw)));
    if raw.starts_with(b"/") {
        return Err(refuse("has an absolute path")
            .with_hint("make the archive relative to the buildpack's folder: `tar -C DIR -czf FILE .`"));
    }
    if raw.contains(&0) {
        return Err(refuse("has a NUL in its name"));
    }
    let mut clean = Vec::with_capacity(raw.len());
    for part in raw.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err(refuse("leads out of the archive with `..`")),
            part => {
                if !clean.is_empty() {
                    clean.push(b'/');
                }
                clean.extend_from_slice(part);
            }
        }
    }
    Ok((!clean.is_empty()).then_some(clean))
}

/// `a/b` -> `a`; `None` at the top.
#[must_use]
pub fn parent(path: &[u8]) -> Option<&[u8]> {
    path.iter().rposition(|&byte| byte == b'/').map(|slash| &path[..slash])
}

/// Whether `path` is `folder` or lies below it; the empty folder is the root of all.
#[must_use]
pub fn is_within(path: &[u8], folder: &[u8]) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.first() == Some(&b'/'))
}

/// `folder/name`, or one of them where the other is empty.
#[must_use]
pub fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    match (folder.is_empty(), name.is_empty()) {
        (true, _) => name.to_vec(),
        (false, true) => folder.to_vec(),
        (false, false) => [folder, b"/", name].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleans_paths_and_refuses_those_that_lead_out() {
        let check = |raw: &str, expected: Option<&str>| {
            let clean = relative_path(raw.as_bytes()).unwrap();
            assert_eq!(clean.as_deref(), expected.map(str::as_bytes), "{raw}");
        };
        check("./a//b/./c/", Some("a/b/c"));
        check("a..b/..c", Some("a..b/..c"));
        check("./", None);
        check("", None);
        for bad in ["/a", "../a", "a/../../b", "a/..", "a\0b"] {
            assert!(relative_path(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn within_is_by_whole_names() {
        assert!(is_within(b"a/b", b"a"));
        assert!(is_within(b"a", b"a"));
        assert!(is_within(b"a", b""));
        assert!(!is_within(b"ab", b"a"));
    }
}
