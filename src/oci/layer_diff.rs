//! [`LayerDiff`]: what differs between two layers: files, and the fields of their headers.

use std::collections::HashMap;
use std::io::{self, Read};

use serde::Serialize;

use super::descriptor::Descriptor;
use super::digest::{DiffId, Digest};
use super::plain_layer;
use super::sequence::out_of_order;
use super::store::BlobSource;
use crate::archive::entry::{Entry, EntryKind, display_path};
use crate::archive::hashing::Hashing;
use crate::archive::tar_read::{TarEntry, TarReader};
use crate::error::{Error, Result, from_io};
use crate::progress::Progress;

/// What differs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerDiff {
    /// Entries that only the first layer has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<FileNote>,
    /// Entries that only the second has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<FileNote>,
    /// Entries that both have, and that are not the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<FileChange>,
    /// Entries of both that stand elsewhere among the others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reordered: Vec<String>,
    /// Whether all of the above is empty: only the form of headers, or what fills the archive up, differs.
    pub only_form: bool,
}

/// An entry that one layer has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileNote {
    /// Its path.
    pub path: String,
    /// `file`, `dir`, `symlink`, ...
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Length of its content.
    pub size: u64,
}

/// An entry of both layers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// Its path in the second.
    pub path: String,
    /// What is not the same.
    pub fields: Vec<HeaderChange>,
}

/// A field of an entry, its content included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeaderChange {
    /// `name`, `type`, `mode`, `uid`, `gid`, `uname`, `gname`, `mtime`, `size`, `link`, `device`, `xattr NAME` or `content`.
    pub field: String,
    /// In the first layer; of a content, its digest.
    pub before: String,
    /// In the second.
    pub after: String,
}

struct Seen {
    entry: Entry,
    owner_names: (Vec<u8>, Vec<u8>),
    device: (u32, u32),
    attributes: Vec<(Vec<u8>, Vec<u8>)>,
    content: Option<[u8; 32]>,
}

/// A layer, and what it is in.
pub type LayerAt<'a> = (&'a dyn BlobSource, &'a Descriptor, &'a DiffId);

/// Folders of the first layer that are called otherwise in the second: what is in them is compared under the new name.
pub type Renames = [(String, String)];

/// Reads both layers to their ends, and verifies them.
pub fn compare(
    before: LayerAt<'_>,
    after: LayerAt<'_>,
    renames: &Renames,
    progress: &dyn Progress,
) -> Result<LayerDiff> {
    let mut before = entries(before, progress)?;
    for seen in &mut before {
        seen.rename(renames);
    }
    let after = entries(after, progress)?;
    Ok(diff(&before, &after))
}

fn entries((source, layer, diff_id): LayerAt<'_>, progress: &dyn Progress) -> Result<Vec<Seen>> {
    let (entries, _) = plain_layer::read(source, layer, diff_id, progress, |tar| {
        let mut reader = TarReader::new(tar);
        let mut entries = Vec::new();
        while let Some(found) = reader.next_entry()? {
            let is_file = matches!(found.entry.kind, EntryKind::File { .. });
            let content = is_file.then(|| digest(&mut reader.content())).transpose()?;
            entries.push(Seen::of(found, content));
        }
        Ok(entries)
    })?;
    Ok(entries)
}

fn digest(content: &mut dyn Read) -> Result<[u8; 32]> {
    let mut hashing = Hashing::new(content);
    io::copy(&mut hashing, &mut io::sink()).map_err(|cause| {
        from_io(cause, |cause| {
            Error::damaged("its content can not be read").with_source(cause)
        })
    })?;
    Ok(hashing.digest())
}

fn diff(before: &[Seen], after: &[Seen]) -> LayerDiff {
    // of a path that is there twice, the first is compared with the first
    let mut known: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (at, seen) in before.iter().enumerate().rev() {
        known.entry(seen.key()).or_default().push(at);
    }
    let mut partner = vec![None; before.len()];
    let mut diff = LayerDiff::default();
    for (at, seen) in after.iter().enumerate() {
        match known.get_mut(seen.key()).and_then(Vec::pop) {
            Some(other) => partner[other] = Some(at),
            None => diff.added.push(seen.note()),
        }
    }
    let mut pairs = Vec::new();
    for (seen, partner) in before.iter().zip(&partner) {
        match partner {
            Some(at) => pairs.push((seen, *at)),
            None => diff.removed.push(seen.note()),
        }
    }
    for (seen, at) in &pairs {
        let fields = seen.changes(&after[*at]);
        if !fields.is_empty() {
            diff.changed.push(FileChange {
                path: after[*at].path(),
                fields,
            });
        }
    }
    let positions: Vec<usize> = pairs.iter().map(|(_, at)| *at).collect();
    diff.reordered = out_of_order(&positions)
        .into_iter()
        .map(|at| pairs[at].0.path())
        .collect();
    diff.only_form =
        diff.removed.is_empty() && diff.added.is_empty() && diff.changed.is_empty() && diff.reordered.is_empty();
    diff
}

impl Seen {
    fn of(found: TarEntry, content: Option<[u8; 32]>) -> Self {
        Self {
            entry: found.entry,
            owner_names: found.owner_names,
            device: found.device,
            attributes: found.attributes,
            content,
        }
    }

    fn rename(&mut self, renames: &Renames) {
        for (from, to) in renames {
            let rest = self.entry.path.strip_prefix(from.as_bytes());
            if let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with(b"/")) {
                self.entry.path = [to.as_bytes(), rest].concat();
                return;
            }
        }
    }

    /// The path without what is in front of it and behind it in some archives.
    fn key(&self) -> &[u8] {
        let mut path = &self.entry.path[..];
        while let Some(rest) = path.strip_prefix(b"/").or_else(|| path.strip_prefix(b"./")) {
            path = rest;
        }
        while let Some(rest) = path.strip_suffix(b"/") {
            path = rest;
        }
        path
    }

    fn path(&self) -> String {
        display_path(&self.entry.path)
    }

    fn note(&self) -> FileNote {
        FileNote {
            path: self.path(),
            kind: self.entry.kind.name(),
            size: self.entry.kind.size(),
        }
    }

    fn link(&self) -> String {
        match &self.entry.kind {
            EntryKind::Symlink { target } | EntryKind::Hardlink { target } => display_path(target),
            _ => String::new(),
        }
    }

    fn changes(&self, after: &Self) -> Vec<HeaderChange> {
        let (a, b) = (&self.entry, &after.entry);
        let content = |seen: &Self| seen.content.map(|digest| Digest::from_sha256(digest).to_string());
        let device = |(major, minor): (u32, u32)| format!("{major}:{minor}");
        let mut changes = Vec::new();
        let mut field = |name: &str, before: String, after: String| {
            if before != after {
                changes.push(HeaderChange {
                    field: name.to_owned(),
                    before,
                    after,
                });
            }
        };
        field("name", self.path(), after.path());
        field("type", a.kind.name().to_owned(), b.kind.name().to_owned());
        field("mode", format!("{:04o}", a.mode), format!("{:04o}", b.mode));
        field("uid", a.uid.to_string(), b.uid.to_string());
        field("gid", a.gid.to_string(), b.gid.to_string());
        field(
            "uname",
            display_path(&self.owner_names.0),
            display_path(&after.owner_names.0),
        );
        field(
            "gname",
            display_path(&self.owner_names.1),
            display_path(&after.owner_names.1),
        );
        field("mtime", a.mtime.to_string(), b.mtime.to_string());
        field("size", a.kind.size().to_string(), b.kind.size().to_string());
        field("link", self.link(), after.link());
        field("device", device(self.device), device(after.device));
        field(
            "content",
            content(self).unwrap_or_default(),
            content(after).unwrap_or_default(),
        );
        for (name, before, after) in attributes(&self.attributes, &after.attributes) {
            field(&format!("xattr {}", display_path(name)), before, after);
        }
        changes
    }
}

type Attribute = (Vec<u8>, Vec<u8>);

/// Attributes of either, with both values; empty where one has none.
fn attributes<'a>(before: &'a [Attribute], after: &'a [Attribute]) -> Vec<(&'a [u8], String, String)> {
    let value = |list: &[Attribute], name: &[u8]| {
        let found = list.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| display_path(value)).unwrap_or_default()
    };
    let mut names: Vec<&[u8]> = before.iter().chain(after).map(|(name, _)| name.as_slice()).collect();
    names.sort_unstable();
    names.dedup();
    let both = |name: &'a [u8]| (name, value(before, name), value(after, name));
    names.into_iter().map(both).collect()
}
