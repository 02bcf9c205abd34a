//! [`ImageLocation`]: where on disk a user points to, as `[oci:]DIR[:TAG|@DIGEST]`, or the same with an archive.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use super::archive_store::{ArchiveStore, looks_like_archive};
use super::descriptor::Descriptor;
use super::digest::Digest;
use super::index::MAX_DEPTH;
use super::layout::{IndexFile, Layout, REF_NAME};
use super::reference::ImageName;
use super::referrers::is_fallback_tag;
use super::store::ImageSource;
use crate::error::{Error, ErrorKind, Result, did_you_mean, nearest};

/// What may stand before a path. It says nothing that the file itself does not say.
const PREFIXES: [&str; 3] = ["oci:", "oci-archive:", "docker-archive:"];

/// A layout or an archive, and maybe one image in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageLocation {
    /// The layout's folder, or the archive.
    pub layout: PathBuf,
    /// Which image; `None` for all.
    pub selector: Option<Selector>,
}

/// One image of a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// By `ref.name`, or by full name.
    Tag(String),
    /// By digest: an entry of `index.json`, or anything an index in it lists.
    Digest(Digest),
    /// The same by the begin of a digest, as lists show it: `sha256:` and some digits, or the digits alone.
    Begin(String),
}

/// Fewer digits may be those of anything.
const LEAST_DIGITS: usize = 7;

impl Selector {
    /// What stands behind `@`.
    fn by_digest(text: &str) -> Result<Self> {
        let digits = text.split_once(':').map_or(text, |(_, digits)| digits);
        let is_begin = (LEAST_DIGITS..64).contains(&digits.len())
            && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match text.strip_suffix(digits) {
            Some("" | "sha256:" | "sha512:") if is_begin => Ok(Self::Begin(text.to_owned())),
            _ => text.parse().map(Self::Digest),
        }
    }
}

/// Whether `digest` begins so, with its algorithm or without.
fn begins(digest: &Digest, begin: &str) -> bool {
    digest.hex().starts_with(begin) || digest.to_string().starts_with(begin)
}

/// A layout that is written to, and maybe a name in it: `[oci:]DIR[:NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutName {
    /// The layout's folder, which need not be there yet.
    pub layout: PathBuf,
    /// The name, whole or a tag.
    pub name: Option<String>,
}

impl LayoutName {
    /// Of all ways to read `text`, the one with the longest path that exists; else the path ends at the first `:`.
    pub fn parse(text: &OsStr) -> Result<Self> {
        check_destination(text)?;
        let found = ImageLocation::parse(text)?;
        match found.selector {
            Some(Selector::Digest(_) | Selector::Begin(_)) => {
                return Err(Error::invalid(format!(
                    "`{found}` names an image by its digest, which is no name to give"
                ))
                .with_hint("give DIR:TAG or DIR:NAME"));
            }
            Some(Selector::Tag(name)) => {
                return Ok(Self {
                    layout: found.layout,
                    name: Some(name),
                });
            }
            None => {}
        }
        let plain = found.layout.to_str().filter(|_| !found.layout.exists());
        Ok(match plain.and_then(|text| text.split_once(':')) {
            Some((layout, name)) if !layout.is_empty() => Self {
                layout: layout.into(),
                name: Some(name.to_owned()),
            },
            _ => Self {
                layout: found.layout,
                name: None,
            },
        })
    }
}

/// An error for what other tools write to, and what is no layout.
fn check_destination(text: &OsStr) -> Result<()> {
    let text = text.to_string_lossy();
    let is_archive = PREFIXES[1..].iter().any(|prefix| text.starts_with(prefix));
    let path = text.strip_prefix(PREFIXES[0]).unwrap_or(&text);
    let first = path.split(['/', ':']).next().unwrap_or_default();
    if Path::new(path).exists() || (Path::new(first).exists() && !is_archive) {
        return Ok(());
    }
    if is_archive || looks_like_archive(Path::new(path)) {
        return Err(
            Error::invalid(format!("`{text}` is an archive, and layouts are folders"))
                .with_hint("`airpack layout export --oci-archive FILE` writes one"),
        );
    }
    // in DIR:NAME it is a name that stands behind the colon, and no port
    let host = path.split('/').next().unwrap_or_default();
    let has_port = host
        .split_once(':')
        .is_none_or(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let is_registry = ImageName::names_registry(path) && has_port && !matches!(first, "." | "..");
    if text.contains("://") || is_registry {
        return Err(
            Error::invalid(format!("`{text}` is the name of an image in a registry, and no layout")).with_hint(
                format!("`airpack push` sends images to registries; for a folder write ./{path}"),
            ),
        );
    }
    Ok(())
}

/// As the user would write it.
impl fmt::Display for ImageLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.layout.display())?;
        match &self.selector {
            Some(Selector::Tag(tag)) => write!(f, ":{tag}"),
            Some(Selector::Digest(digest)) => write!(f, "@{digest}"),
            Some(Selector::Begin(begin)) => write!(f, "@{begin}"),
            None => Ok(()),
        }
    }
}

impl ImageLocation {
    /// Of all ways to read `text`, the one with the longest path that exists.
    pub fn parse(text: &OsStr) -> Result<Self> {
        let Some(text) = text.to_str() else {
            return Ok(Self {
                layout: text.into(),
                selector: None,
            });
        };
        let text = PREFIXES
            .iter()
            .find_map(|prefix| text.strip_prefix(prefix))
            .unwrap_or(text);
        if text.is_empty() {
            return Err(Error::invalid("no layout is named").with_hint("give DIR, DIR:TAG or DIR@DIGEST"));
        }
        let whole = || Self {
            layout: text.into(),
            selector: None,
        };
        if Path::new(text).exists() {
            return Ok(whole());
        }
        for (at, separator) in text.rmatch_indices(['@', ':']) {
            let (path, rest) = (&text[..at], &text[at + 1..]);
            if path.is_empty() || !Path::new(path).exists() {
                continue;
            }
            let selector = match separator {
                "@" => Selector::by_digest(rest)?,
                _ => Selector::Tag(rest.to_owned()),
            };
            return Ok(Self {
                layout: path.into(),
                selector: Some(selector),
            });
        }
        Ok(whole())
    }

    /// Opens what the path leads to: a folder is a layout, a file an archive. Nameless temporary files go to `scratch`.
    pub fn open(&self, scratch: &Path) -> Result<Box<dyn ImageSource>> {
        if self.layout.is_file() || (looks_like_archive(&self.layout) && !self.layout.exists()) {
            Ok(Box::new(ArchiveStore::open(&self.layout, scratch)?))
        } else {
            Ok(Box::new(Layout::open(&self.layout)?))
        }
    }

    /// The entries of `index.json` that are meant. One that is found only below an index is given as it is there.
    pub fn select(
        &self,
        source: &dyn ImageSource,
        index: &IndexFile,
        children: impl Fn(&Descriptor) -> Result<Vec<Descriptor>>,
    ) -> Result<Vec<Descriptor>> {
        let found = match &self.selector {
            None => return Ok(index.entries().to_vec()),
            Some(Selector::Tag(tag)) => self.the_only(tag, source, index)?,
            Some(Selector::Digest(digest)) => {
                let is_meant = |entry: &Descriptor| entry.digest == *digest;
                find(index.entries(), &is_meant, false, &children, &mut HashSet::new(), 0)?
                    .into_iter()
                    .next()
            }
            Some(Selector::Begin(begin)) => {
                let is_meant = |entry: &Descriptor| begins(&entry.digest, begin);
                let found = find(index.entries(), &is_meant, true, &children, &mut HashSet::new(), 0)?;
                the_only_digest(found, begin, source)?
            }
        };
        found
            .map(|entry| vec![entry])
            .ok_or_else(|| self.not_found(source, index))
    }

    /// The entry of that name; an error when several images have it, as other tools may leave it.
    fn the_only(&self, tag: &str, source: &dyn ImageSource, index: &IndexFile) -> Result<Option<Descriptor>> {
        let mut found = index.entries().iter().filter(|entry| has_name(entry, tag));
        let Some(first) = found.next() else { return Ok(None) };
        if found.all(|other| other.digest == first.digest) {
            return Ok(Some(first.clone()));
        }
        let names: Vec<String> = index
            .entries()
            .iter()
            .filter(|entry| has_name(entry, tag))
            .map(|entry| match IndexFile::full_name_of(entry) {
                Some(name) => format!("{}:{name}", self.layout.display()),
                None => format!("{}@{}", self.layout.display(), entry.digest),
            })
            .collect();
        Err(
            Error::invalid(format!("several images in {} are called `{tag}`", source.location()))
                .with_hint(format!("say which: {}", names.join(", "))),
        )
    }

    fn not_found(&self, source: &dyn ImageSource, index: &IndexFile) -> Error {
        let what = match &self.selector {
            Some(Selector::Tag(tag)) => format!("no image `{tag}`"),
            Some(Selector::Digest(digest)) => format!("no image {digest}"),
            Some(Selector::Begin(begin)) => format!("no image {begin}..."),
            None => "no image".to_owned(),
        };
        let names: Vec<&str> = index
            .entries()
            .iter()
            .filter_map(|entry| entry.annotation(REF_NAME))
            .collect();
        let hint = match names.as_slice() {
            [] => "it has no named images; look at it without a name".to_owned(),
            names => {
                let near = match &self.selector {
                    Some(Selector::Tag(tag)) if names.len() > 1 => meant_tag(tag, names),
                    _ => None,
                };
                let mean = did_you_mean(near);
                let more = match names.len().saturating_sub(MOST_SHOWN) {
                    0 => String::new(),
                    more => format!(" and {more} more, which `airpack layout ls` lists"),
                };
                format!("{mean}it has {}{more}", names[..names.len().min(MOST_SHOWN)].join(", "))
            }
        };
        Error::new(ErrorKind::NotFound, format!("{what} in {}", source.location())).with_hint(hint)
    }
}

/// How many tags a hint lists.
const MOST_SHOWN: usize = 20;

/// The tag that `tag` is most likely a slip of. One with other digits is another version, and no slip.
pub(super) fn meant_tag<'a>(tag: &str, has: &[&'a str]) -> Option<&'a str> {
    let without_digits = |tag: &str| tag.replace(|c: char| c.is_ascii_digit(), "");
    let others = has.iter().filter(|other| without_digits(other) != without_digits(tag));
    nearest(tag, others.copied())
}

fn has_name(entry: &Descriptor, name: &str) -> bool {
    let same_image = || {
        let wanted = name.contains(['/', ':']).then(|| name.parse().ok()).flatten();
        wanted.is_some() && IndexFile::name_of(entry) == wanted
    };
    entry.annotation(REF_NAME) == Some(name) || same_image()
}

/// What an entry is called in its source.
#[must_use]
pub fn called(entry: &Descriptor) -> Option<String> {
    let full = IndexFile::name_of(entry).map(|name| name.to_string());
    full.or_else(|| entry.annotation(REF_NAME).map(ToOwned::to_owned))
}

/// Whether an entry is a list of what is about an image, and no image.
#[must_use]
pub fn is_list(entry: &Descriptor) -> bool {
    let by_name = IndexFile::name_of(entry).is_some_and(|name| is_fallback_tag(name.tag()));
    by_name || entry.annotation(REF_NAME).is_some_and(is_fallback_tag)
}

/// The only image of several entries: two names of one image are one, and what has no name does not count beside what has one.
///
/// The hint of the error ends in `more`.
pub fn the_only<'e>(source: &dyn ImageSource, entries: &'e [Descriptor], more: &str) -> Result<&'e Descriptor> {
    let with_name: Vec<&Descriptor> = entries
        .iter()
        .filter(|entry| called(entry).is_some() && !is_list(entry))
        .collect();
    let offered: Vec<&Descriptor> = if with_name.is_empty() {
        entries.iter().collect()
    } else {
        with_name
    };
    let digests: BTreeSet<&Digest> = offered.iter().map(|entry| &entry.digest).collect();
    match (digests.len(), offered.first()) {
        (1, Some(entry)) => Ok(entry),
        (0, _) => Err(Error::invalid(format!("{} has no images", source.location()))),
        (several, _) => {
            let names: Vec<String> = offered
                .iter()
                .map(|entry| called(entry).unwrap_or_else(|| format!("@{}", entry.digest)))
                .collect();
            let by_names = match names.len() {
                count if count > several => format!(" by {count} names"),
                _ => String::new(),
            };
            Err(
                Error::invalid(format!("{} has {several} images{by_names}", source.location())).with_hint(format!(
                    "say which, as SOURCE:TAG or SOURCE@DIGEST: {}{more}",
                    names.join(", ")
                )),
            )
        }
    }
}

/// What is meant of the entries; where none is, of what is below them: all of it, or what is found first.
fn find(
    entries: &[Descriptor],
    is_meant: &impl Fn(&Descriptor) -> bool,
    all: bool,
    children: &impl Fn(&Descriptor) -> Result<Vec<Descriptor>>,
    seen: &mut HashSet<Digest>,
    depth: usize,
) -> Result<Vec<Descriptor>> {
    let found: Vec<Descriptor> = entries.iter().filter(|entry| is_meant(entry)).cloned().collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let mut below = Vec::new();
    if depth < MAX_DEPTH {
        for entry in entries {
            if seen.insert(entry.digest.clone()) {
                below.extend(find(&children(entry)?, is_meant, all, children, seen, depth + 1)?);
            }
            if !all && !below.is_empty() {
                break;
            }
        }
    }
    Ok(below)
}

/// The only image whose digest begins so; an error when several do.
fn the_only_digest(found: Vec<Descriptor>, begin: &str, source: &dyn ImageSource) -> Result<Option<Descriptor>> {
    let digests: BTreeSet<String> = found.iter().map(|entry| entry.digest.to_string()).collect();
    if digests.len() > 1 {
        let digests: Vec<String> = digests.into_iter().collect();
        return Err(Error::invalid(format!(
            "{} images in {} begin with `{begin}`",
            digests.len(),
            source.location()
        ))
        .with_hint(format!("give more of it: {}", digests.join(", "))));
    }
    Ok(found.into_iter().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_that_is_not_there_yet_ends_at_the_first_colon() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().to_str().unwrap();
        std::fs::create_dir(folder.path().join("a:b")).unwrap();
        let check = |text: &str, layout: &str, name: Option<&str>| {
            let found = LayoutName::parse(OsStr::new(&format!("oci:{base}/{text}"))).unwrap();
            let expected = LayoutName {
                layout: format!("{base}/{layout}").into(),
                name: name.map(ToOwned::to_owned),
            };
            assert_eq!(found, expected);
        };
        check("new", "new", None);
        check("new:1.0", "new", Some("1.0"));
        check("new:reg.test:5000/x:1", "new", Some("reg.test:5000/x:1"));
        check("a:b", "a:b", None);
        check("a:b:1", "a:b", Some("1"));
        for wrong in [
            "docker://x/y:1",
            "localhost:5000/acme/x:1",
            "registry.test/acme/x",
            "oci-archive:x.tar",
            "x.tar",
            "new.cnb",
        ] {
            assert!(LayoutName::parse(OsStr::new(wrong)).is_err(), "{wrong}");
        }
        for right in [
            "new.oci:registry.test/acme/x:1",
            "./registry.test/acme/x",
            "x.oci:1",
            "x/y:registry.test/acme/x:1",
            "../x.y/z",
        ] {
            assert!(LayoutName::parse(OsStr::new(right)).is_ok(), "{right}");
        }
        assert!(LayoutName::parse(OsStr::new(&format!("{base}/a:b@{}", Digest::of(b"")))).is_err());
    }

    #[test]
    fn the_longest_path_that_exists_wins() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().to_str().unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        std::fs::create_dir(folder.path().join("a:1")).unwrap();
        let check = |text: &str, layout: &str, selector: Option<Selector>| {
            let found = ImageLocation::parse(OsStr::new(&format!("{base}/{text}"))).unwrap();
            assert_eq!(
                found,
                ImageLocation {
                    layout: format!("{base}/{layout}").into(),
                    selector
                }
            );
        };
        let tag = |text: &str| Some(Selector::Tag(text.to_owned()));
        let digest = Digest::of(b"");
        check("a", "a", None);
        check("a:1", "a:1", None);
        check("a:2", "a", tag("2"));
        check("a:1:2", "a:1", tag("2"));
        check("a:reg.test:5000/x:1", "a", tag("reg.test:5000/x:1"));
        check(&format!("a@{digest}"), "a", Some(Selector::Digest(digest)));
        check("none:1", "none:1", None);
        let begin = |text: &str| Some(Selector::Begin(text.to_owned()));
        check("a@sha256:0123abc", "a", begin("sha256:0123abc"));
        check("a@0123abcdef", "a", begin("0123abcdef"));
        for bad in [
            "sha256:1",
            "012345",
            "0123ABCDEF",
            "md5:0123abc",
            "sha256:",
            &"0".repeat(65),
        ] {
            let text = format!("{base}/a@{bad}");
            assert!(ImageLocation::parse(OsStr::new(&text)).is_err(), "{bad}");
        }
    }
}
