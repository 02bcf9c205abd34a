//! [`LayerDiff`]: what differs between two layers: files, and the fields of their headers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
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
    mtime_text: Option<Vec<u8>>,
    attributes: BTreeMap<Vec<u8>, Vec<u8>>,
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

/// All entries of a layer that has no other to be compared with.
pub fn list(layer: LayerAt<'_>, progress: &dyn Progress) -> Result<Vec<FileNote>> {
    Ok(entries(layer, progress)?.iter().map(Seen::note).collect())
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
    // of a path that is there twice the last one counts, which is compared with the last
    let mut known: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (at, seen) in before.iter().enumerate() {
        known.entry(seen.key()).or_default().push(at);
    }
    let mut partner = vec![None; before.len()];
    let mut diff = LayerDiff::default();
    for (at, seen) in after.iter().enumerate().rev() {
        match known.get_mut(seen.key()).and_then(Vec::pop) {
            Some(other) => partner[other] = Some(at),
            None => diff.added.push(seen.note()),
        }
    }
    diff.added.reverse();
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
            mtime_text: found.mtime_text,
            attributes: found.attributes.into_iter().collect(),
            content,
        }
    }

    fn rename(&mut self, renames: &Renames) {
        rename(&mut self.entry.path, renames);
        if let EntryKind::Hardlink { target } = &mut self.entry.kind {
            rename(target, renames);
        }
    }

    fn key(&self) -> &[u8] {
        plain(&self.entry.path)
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

    fn link(&self) -> Option<&[u8]> {
        match &self.entry.kind {
            EntryKind::Symlink { target } | EntryKind::Hardlink { target } => Some(target),
            _ => None,
        }
    }

    fn mtime(&self) -> String {
        let text = self.mtime_text.as_deref().map(display_path);
        text.unwrap_or_else(|| self.entry.mtime.to_string())
    }

    fn changes(&self, after: &Self) -> Vec<HeaderChange> {
        let (a, b) = (&self.entry, &after.entry);
        let content = |seen: &Self| seen.content.map(|digest| Digest::from_sha256(digest).to_string());
        let device = |(major, minor): (u32, u32)| format!("{major}:{minor}");
        let mut changes = Changes(Vec::new());
        changes.bytes("name", Some(&a.path), Some(&b.path));
        changes.text("type", a.kind.name().to_owned(), b.kind.name().to_owned());
        changes.text("mode", format!("{:04o}", a.mode), format!("{:04o}", b.mode));
        changes.text("uid", a.uid.to_string(), b.uid.to_string());
        changes.text("gid", a.gid.to_string(), b.gid.to_string());
        changes.bytes("uname", named(&self.owner_names.0), named(&after.owner_names.0));
        changes.bytes("gname", named(&self.owner_names.1), named(&after.owner_names.1));
        changes.text("mtime", self.mtime(), after.mtime());
        changes.text("size", a.kind.size().to_string(), b.kind.size().to_string());
        changes.bytes("link", self.link(), after.link());
        changes.text("device", device(self.device), device(after.device));
        changes.text(
            "content",
            content(self).unwrap_or_default(),
            content(after).unwrap_or_default(),
        );
        let names: BTreeSet<&Vec<u8>> = self.attributes.keys().chain(after.attributes.keys()).collect();
        for name in names {
            let value = |seen: &'_ Self| seen.attributes.get(name).cloned();
            let field = format!("xattr {}", display_path(name));
            changes.bytes(&field, value(self).as_deref(), value(after).as_deref());
        }
        changes.0
    }
}

struct Changes(Vec<HeaderChange>);

impl Changes {
    fn text(&mut self, field: &str, before: String, after: String) {
        if before != after {
            self.push(field, before, after);
        }
    }

    /// Bytes are compared as they are, whatever they look like.
    fn bytes(&mut self, field: &str, before: Option<&[u8]>, after: Option<&[u8]>) {
        if before != after {
            self.push(field, shown(before), shown(after));
        }
    }

    fn push(&mut self, field: &str, before: String, after: String) {
        self.0.push(HeaderChange {
            field: field.to_owned(),
            before,
            after,
        });
    }
}

/// A header has an empty field where there is no name.
fn named(name: &[u8]) -> Option<&[u8]> {
    (!name.is_empty()).then_some(name)
}

/// Text as it is, anything else in hexadecimal; nothing where there is none.
fn shown(bytes: Option<&[u8]>) -> String {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => String::new(),
        Some((b"", _)) => "(empty)".to_owned(),
        Some((bytes, Ok(_))) => display_path(bytes),
        Some((bytes, Err(_))) => format!("0x{}", hex::encode(bytes)),
    }
}

/// A path without what is in front of it and behind it in some archives.
fn plain(mut path: &[u8]) -> &[u8] {
    while let Some(rest) = path.strip_prefix(b"/").or_else(|| path.strip_prefix(b"./")) {
        path = rest;
    }
    while let Some(rest) = path.strip_suffix(b"/") {
        path = rest;
    }
    path
}

/// Puts the new name of a folder in front of what is in it; what stands before the name stays.
fn rename(path: &mut Vec<u8>, renames: &Renames) {
    let key = plain(path);
    for (from, to) in renames {
        let rest = key.strip_prefix(plain(from.as_bytes()));
        if let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with(b"/")) {
            let start = path.len() - path.strip_prefix(b"/").unwrap_or(path).len();
            let front = if path.starts_with(b"./") {
                &b"./"[..]
            } else {
                &path[..start]
            };
            *path = [front, plain(to.as_bytes()), rest].concat();
            return;
        }
    }
}
