//! [`Library`]: images that are named, and found on disk: `--from LAYOUT`, `--from NAME=SOURCE`, and the layout that is written to.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use super::descriptor::{Descriptor, media_type};
use super::digest::Digest;
use super::graph::children;
use super::layout::{IndexFile, Layout};
use super::locate::{ImageLocation, Selector, called, meant_tag, the_only};
use super::reference::{ImageName, ImageReference};
use super::store::ImageSource;
use crate::error::{Error, ErrorKind, Result, did_you_mean, nearest};

/// Where images are looked for, as `--from` says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// A layout or an archive, whose images are found by the names in it.
    Source(ImageLocation),
    /// What a name means.
    Binding {
        /// The name.
        name: ImageReference,
        /// A source with one image, or one of its images.
        source: ImageLocation,
    },
}

impl From {
    /// Reads `SOURCE` or `NAME=SOURCE`; a path that exists is a source, whatever is in its name.
    pub fn parse(text: &OsStr) -> Result<Self> {
        let source = ImageLocation::parse(text)?;
        let Some((name, bound)) = text.to_str().and_then(|text| text.split_once('=')) else {
            return Ok(Self::Source(source));
        };
        if source.layout.exists() {
            return Ok(Self::Source(source));
        }
        let name = ImageReference::from_str(name)
            .map_err(|error| error.context(format!("failed to read --from `{name}={bound}`")))?;
        let source = ImageLocation::parse(OsStr::new(bound))?;
        Ok(Self::Binding { name, source })
    }
}

/// An image, or the index in front of several.
#[derive(Clone)]
pub struct FoundImage {
    /// What its blobs are read from.
    pub source: Arc<dyn ImageSource>,
    /// Its manifest or index; several where `index.json` lists the manifests of one image itself.
    pub roots: Vec<Descriptor>,
}

impl std::fmt::Debug for FoundImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digests: Vec<String> = self.roots.iter().map(|root| root.digest.to_string()).collect();
        write!(f, "{} in {}", digests.join(", "), self.source.location())
    }
}

/// Sources in the order in which they are searched, each opened once.
pub struct Library {
    shelves: Vec<Shelf>,
    bindings: Vec<(ImageReference, ImageLocation)>,
    scratch: PathBuf,
}

struct Shelf {
    source: Arc<dyn ImageSource>,
    index: IndexFile,
    /// The only image of it that counts.
    selector: Option<Selector>,
    location: ImageLocation,
}

impl Library {
    /// Opens all sources; `output` is a layout that need not be there yet. Nameless temporary files go to `scratch`.
    pub fn open(from: &[From], output: Option<&Path>, scratch: &Path) -> Result<Self> {
        let mut library = Self {
            shelves: Vec::new(),
            bindings: Vec::new(),
            scratch: scratch.to_owned(),
        };
        for one in from {
            match one {
                From::Source(location) => library.add(location)?,
                From::Binding { name, source } => library.bindings.push((name.clone(), source.clone())),
            }
        }
        if let Some(output) = output
            && Layout::open(output).is_ok()
        {
            library.add(&ImageLocation {
                layout: output.to_owned(),
                selector: None,
            })?;
        }
        Ok(library)
    }

    fn add(&mut self, location: &ImageLocation) -> Result<()> {
        let source: Arc<dyn ImageSource> = location.open(&self.scratch)?.into();
        let index = source.index_file()?;
        self.shelves.push(Shelf {
            source,
            index,
            selector: location.selector.clone(),
            location: location.clone(),
        });
        Ok(())
    }

    /// The image at a place that is named itself: the one that is meant, or the only one there.
    pub fn open_at(&self, location: &ImageLocation) -> Result<FoundImage> {
        let source: Arc<dyn ImageSource> = location.open(&self.scratch)?.into();
        let index = source.index_file()?;
        let entries = location.select(&*source, &index, |entry| children(&*source, entry))?;
        let roots = if are_one_image(&entries) {
            entries
        } else {
            vec![the_only(&*source, &entries, "")?.clone()]
        };
        Ok(FoundImage { source, roots })
    }

    /// What a name is bound to; of several images the one that has this name.
    fn open_bound(&self, name: &ImageReference, source: &ImageLocation) -> Result<FoundImage> {
        if source.selector.is_none() {
            let opened: Arc<dyn ImageSource> = source.open(&self.scratch)?.into();
            let there = Shelf {
                index: opened.index_file()?,
                source: opened,
                selector: None,
                location: source.clone(),
            };
            if let Some(root) = there.find(name)? {
                return Ok(FoundImage {
                    source: there.source,
                    roots: vec![root],
                });
            }
        }
        self.open_at(source)
    }

    /// The image of this name. The error says where it was looked for; `platforms` are those that it is needed for.
    pub fn find(&self, name: &ImageReference, platforms: &[String]) -> Result<FoundImage> {
        if let Some((_, source)) = self.bindings.iter().find(|(bound, _)| means(bound, name)) {
            return self
                .open_bound(name, source)
                .map_err(|error| error.context(format!("failed to open what --from names for `{name}`")));
        }
        for shelf in &self.shelves {
            if let Some(root) = shelf.find(name)? {
                return Ok(FoundImage {
                    source: Arc::clone(&shelf.source),
                    roots: vec![root],
                });
            }
        }
        Err(self.not_found(name, platforms))
    }

    fn not_found(&self, name: &ImageReference, platforms: &[String]) -> Error {
        let mut pull = format!("airpack pull {name} --layout base.oci");
        for platform in platforms {
            pull += " --platform ";
            pull += platform;
        }
        let others: Vec<String> = self.bindings.iter().map(|(bound, _)| bound.to_string()).collect();
        if self.shelves.is_empty() && !others.is_empty() {
            return Error::new(
                ErrorKind::NotFound,
                format!("no image `{name}`: --from names only {}", others.join(", ")),
            )
            .with_hint(format!("say what it is with --from {name}=LAYOUT[:TAG]"));
        }
        if self.shelves.is_empty() {
            return Error::new(ErrorKind::NotFound, format!("no image `{name}`: no layout was given to look in"))
                .with_hint(format!(
                    "bring it with `{pull}` on a connected machine, and give --from base.oci; or say what it is with --from {name}=LAYOUT"
                ));
        }
        let looked: Vec<String> = self.shelves.iter().map(Shelf::content).collect();
        Error::new(
            ErrorKind::NotFound,
            format!("no image `{name}` in {}", looked.join(", nor in ")),
        )
        .with_hint(format!(
            "{}bring it with `{pull}` on a connected machine; or say which image it is with --from {name}=LAYOUT:TAG",
            did_you_mean(self.meant(&name.name))
        ))
    }

    /// The image that is there, where `name` is a slip of its tag or of its repository.
    fn meant(&self, name: &ImageName) -> Option<ImageName> {
        let entries = self.shelves.iter().flat_map(|shelf| shelf.index.entries());
        let has: Vec<ImageName> = entries.filter_map(IndexFile::name_of).collect();
        let of_repository = |other: &&ImageName| name.with_tag(other.tag()).ok().as_ref() == Some(*other);
        let tags: Vec<&str> = has.iter().filter(of_repository).map(ImageName::tag).collect();
        if let Some(tag) = meant_tag(name.tag(), &tags) {
            return name.with_tag(tag).ok();
        }
        let of_tag = |other: &&ImageName| (other.registry(), other.tag()) == (name.registry(), name.tag());
        let repository = nearest(name.repository(), has.iter().filter(of_tag).map(ImageName::repository))?;
        has.iter()
            .filter(of_tag)
            .find(|other| other.repository() == repository)
            .cloned()
    }
}

impl Shelf {
    fn find(&self, name: &ImageReference) -> Result<Option<Descriptor>> {
        let entries = match &self.selector {
            None => self.index.entries().to_vec(),
            Some(_) => self
                .location
                .select(&*self.source, &self.index, |entry| children(&*self.source, entry))?,
        };
        let mut found = entries.iter().filter(|entry| {
            let own_name = IndexFile::name_of(entry);
            match &name.digest {
                Some(digest) => entry.digest == *digest,
                None => own_name.as_ref() == Some(&name.name),
            }
        });
        let Some(first) = found.next() else {
            return match &name.digest {
                Some(digest) => self.below(digest),
                None => Ok(None),
            };
        };
        if found.any(|other| other.digest != first.digest) {
            return Err(Error::invalid(format!(
                "several images in {} are called `{name}`",
                self.source.location()
            ))
            .with_hint(format!(
                "say which with --from {name}={}@DIGEST",
                self.location.layout.display()
            )));
        }
        Ok(Some(first.clone()))
    }

    /// A digest that only an index in the source lists.
    fn below(&self, digest: &Digest) -> Result<Option<Descriptor>> {
        let location = ImageLocation {
            layout: self.location.layout.clone(),
            selector: Some(Selector::Digest(digest.clone())),
        };
        match location.select(&*self.source, &self.index, |entry| children(&*self.source, entry)) {
            Ok(found) => Ok(found.into_iter().next()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The source and the names in it.
    fn content(&self) -> String {
        let names: Vec<String> = self
            .index
            .entries()
            .iter()
            .map(|entry| match (IndexFile::name_of(entry), called(entry)) {
                (Some(name), _) => name.to_string(),
                (None, Some(tag)) => format!("`{tag}`, which is no full name"),
                (None, None) => "one without a name".to_owned(),
            })
            .collect();
        let has = if names.is_empty() {
            "nothing".to_owned()
        } else {
            names.join(", ")
        };
        format!("{} (it has {has})", self.source.location())
    }
}

fn means(bound: &ImageReference, name: &ImageReference) -> bool {
    bound.name == name.name && bound.digest == name.digest && bound.has_tag == name.has_tag
}

/// Whether these are the manifests of one image, each for another platform, without an index in front of them.
fn are_one_image(entries: &[Descriptor]) -> bool {
    let is_part = |entry: &Descriptor| media_type::is_manifest(&entry.media_type) && called(entry).is_none();
    entries.len() > 1 && entries.iter().all(is_part)
}
