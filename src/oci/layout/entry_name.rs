//! [`EntryName`]: what an entry of `index.json` is called, in whichever of the ways that there are, and the edits that go by names.

use super::super::descriptor::Descriptor;
use super::super::reference::{ImageName, ImageReference};
use super::index_file::{IMAGE_NAME, IndexFile, REF_NAME, Tagged};
use crate::error::{Error, Result};

/// A name within a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryName {
    /// `registry/repository:tag`.
    Full(ImageName),
    /// `registry/repository@digest`, where no tag is known.
    ByDigest(ImageReference),
    /// A tag alone.
    Tag(String),
}

impl EntryName {
    /// What `entry` is called; `None` for what has no name.
    #[must_use]
    pub fn of(entry: &Descriptor) -> Option<Self> {
        if let Some(name) = IndexFile::name_of(entry) {
            return Some(Self::Full(name));
        }
        let by_digest = || {
            let full = entry.annotation(IMAGE_NAME).filter(|name| name.contains('/'))?;
            let reference: ImageReference = full.parse().ok()?;
            reference.digest.is_some().then_some(Self::ByDigest(reference))
        };
        by_digest().or_else(|| entry.annotation(REF_NAME).map(|tag| Self::Tag(tag.to_owned())))
    }

    /// What `text` means as another name of `entry`: a whole name, or a tag, which stays in the repository of `entry` if it has one.
    pub fn new(text: &str, entry: &Descriptor) -> Result<Self> {
        if text.contains(['/', ':']) {
            return Ok(Self::Full(text.parse()?));
        }
        let not_a_tag = |error: Error| error.context(format!("`{text}` is not a tag"));
        let repository = match Self::of(entry) {
            Some(Self::Full(name)) => Some(name),
            Some(Self::ByDigest(reference)) => Some(reference.name),
            _ => None,
        };
        match repository {
            Some(name) => name.with_tag(text).map(Self::Full).map_err(not_a_tag),
            None => {
                // the rules of tags are those of names
                format!("localhost/x:{text}").parse::<ImageName>().map_err(not_a_tag)?;
                Ok(Self::Tag(text.to_owned()))
            }
        }
    }
}

impl std::fmt::Display for EntryName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Full(name) => name.fmt(f),
            Self::ByDigest(reference) => reference.fmt(f),
            Self::Tag(tag) => tag.fmt(f),
        }
    }
}

impl IndexFile {
    /// Enters `target` under `name`, as [`tag`](Self::tag) and [`enter_by_digest`](Self::enter_by_digest) do. A tag alone takes the
    /// place of what has no more than this tag; an error when it is the tag of an image with a whole name.
    pub fn enter_named(&mut self, target: &Descriptor, name: &EntryName) -> Result<Tagged> {
        match name {
            EntryName::Full(name) => Ok(self.tag(target, name)),
            EntryName::ByDigest(reference) => {
                // of a part of an index the digest is another than that of the whole
                Ok(self.enter_by_digest(target, &reference.name, &target.digest))
            }
            EntryName::Tag(tag) => self.enter_tag(target, tag),
        }
    }

    fn enter_tag(&mut self, target: &Descriptor, tag: &str) -> Result<Tagged> {
        let has_tag = |entry: &Descriptor| entry.annotation(REF_NAME) == Some(tag);
        let owner = self
            .entries()
            .iter()
            .find(|entry| has_tag(entry) && entry.annotation(IMAGE_NAME).is_some());
        if let Some(full) = owner.and_then(|owner| owner.annotation(IMAGE_NAME)) {
            return Err(Error::invalid(format!("`{tag}` is the tag of `{full}` in the layout"))
                .with_hint("give a whole name: registry/repository:tag"));
        }
        let before = self.entries().iter().find(|entry| has_tag(entry));
        let replaced = before
            .map(|entry| entry.digest.clone())
            .filter(|digest| *digest != target.digest);
        self.index.manifests.retain(|entry| !has_tag(entry));
        let mut entry = Descriptor::new(&target.media_type, target.digest.clone(), target.size);
        entry.annotations.insert(REF_NAME.to_owned(), tag.to_owned());
        self.index.manifests.push(entry);
        self.sort();
        Ok(Tagged {
            ref_name: tag.to_owned(),
            replaced,
        })
    }

    /// Lets `entry` lead to `target`; its names stay. An error when there is no such entry any more.
    pub fn lead_to(&mut self, entry: &Descriptor, target: &Descriptor) -> Result<()> {
        let mut is_there = false;
        for own in &mut self.index.manifests {
            if own == entry {
                is_there = true;
                own.media_type.clone_from(&target.media_type);
                own.digest = target.digest.clone();
                own.size = target.size;
                // it was that of one image
                own.platform = None;
            }
        }
        if !is_there {
            return Err(Error::invalid("another process has changed the image meanwhile").with_hint("run it again"));
        }
        self.sort();
        Ok(())
    }

    /// Takes out the entries that are meant, and gives them.
    pub fn remove(&mut self, is_meant: impl Fn(&Descriptor) -> bool) -> Vec<Descriptor> {
        let (removed, kept) = std::mem::take(&mut self.index.manifests)
            .into_iter()
            .partition(|entry| is_meant(entry));
        self.index.manifests = kept;
        removed
    }
}
