//! [`LifecycleShelf`]: which lifecycle a builder gets for each target, of all that are named.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::base_image::BaseImage;
use super::dependency::{Source, holds_image, refusal};
use super::lifecycle_source::LifecycleSource;
use crate::cnb::locator::Locator;
use crate::cnb::paths::LIFECYCLE_TOML;
use crate::cnb::target::Target;
use crate::error::{Error, ErrorKind, Finding, Place, Result};
use crate::oci::digest::Digest;
use crate::oci::library::{FoundImage, Library};
use crate::oci::locate::ImageLocation;
use crate::progress::Progress;

/// What the name of a released file begins with.
const PREFIX: &str = "lifecycle-v";
/// What it ends in.
const SUFFIXES: [&str; 2] = [".tgz", ".tar.gz"];
/// Names of files that an error lists.
const MAX_SHOWN: usize = 10;
/// Architectures by the names that released files have for them, where those are not Go's.
const ARCHITECTURES: [(&str, &str); 2] = [("x86-64", "amd64"), ("x86_64", "amd64")];

/// A lifecycle that is named.
#[derive(Debug, Clone)]
pub struct LifecycleChoice {
    /// What it is for; `None` for all.
    pub target: Option<Target>,
    /// Which it is.
    pub named: Named,
    /// The file that names it, which paths are relative to; an empty path for the command line.
    pub file: PathBuf,
    /// Where it is named.
    pub place: Option<Place>,
}

/// How a lifecycle is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// By where it is.
    Uri(String),
    /// By its version.
    Version(String),
}

/// All lifecycles that are named, each opened once.
pub struct LifecycleShelf<'a> {
    /// By who names them; those that count first come first.
    groups: Vec<Vec<LifecycleChoice>>,
    /// Where released files are.
    folder: Option<PathBuf>,
    library: &'a Library,
    /// What images are needed for, to say so where one is missing.
    platforms: &'a [String],
    progress: &'a dyn Progress,
    opened: HashMap<PathBuf, Arc<LifecycleSource>>,
    images: HashMap<Digest, Arc<LifecycleSource>>,
}

/// The lifecycle for a target, and where it is named, if a file does that.
#[derive(Debug)]
pub struct Found {
    /// The lifecycle.
    pub source: Arc<LifecycleSource>,
    /// Where it is named.
    pub place: Option<Place>,
}

/// A file by the name that the release gives it: `lifecycle-v<version>+<os>.<arch>.tgz`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Released {
    version: String,
    os: String,
    arch: String,
    path: PathBuf,
}

/// An error unless released files can be looked for in `folder`.
pub fn check_folder(folder: &Path) -> Result<()> {
    let metadata = fs::metadata(folder).map_err(|cause| Error::io("open the folder of lifecycles", folder, cause))?;
    if metadata.is_dir() {
        return Ok(());
    }
    Err(
        Error::invalid(format!("`{}` is no folder of lifecycles", folder.display()))
            .with_hint("give the folder that the file is in, or the file itself with --lifecycle"),
    )
}

impl<'a> LifecycleShelf<'a> {
    /// With nothing open. Of `groups`, those that count first come first.
    #[must_use]
    pub fn new(
        groups: Vec<Vec<LifecycleChoice>>,
        folder: Option<PathBuf>,
        library: &'a Library,
        platforms: &'a [String],
        progress: &'a dyn Progress,
    ) -> Self {
        Self {
            groups,
            folder,
            library,
            platforms,
            progress,
            opened: HashMap::new(),
            images: HashMap::new(),
        }
    }

    /// The lifecycle for `target`, which has an os and an architecture; else why there is none.
    ///
    /// In a group the one that says its target most closely counts, then those that say none.
    pub fn for_target(&mut self, target: &Target) -> Result<Found, Finding> {
        for group in self.groups.clone() {
            let covers = |choice: &&LifecycleChoice| choice.target.as_ref().is_some_and(|own| own.covers(target));
            let closest = |choice: &&LifecycleChoice| {
                let parts = choice.target.as_ref().map(Target::folder_names);
                parts.map_or(0, |parts| parts.len())
            };
            if let Some(choice) = group.iter().filter(covers).max_by_key(closest) {
                return self.open_named(choice, target);
            }
            let for_all: Vec<&LifecycleChoice> = group.iter().filter(|choice| choice.target.is_none()).collect();
            match for_all.as_slice() {
                [] => {}
                [one] => return self.open_named(one, target),
                several => return self.fitting(several, target),
            }
        }
        self.without_choice(target)
    }

    fn open_named(&mut self, choice: &LifecycleChoice, target: &Target) -> Result<Found, Finding> {
        let named = match &choice.named {
            Named::Uri(uri) => format!("lifecycle `{uri}`"),
            Named::Version(version) => format!("lifecycle {version}"),
        };
        match self.open(choice, target) {
            Ok(source) => Ok(Found {
                source,
                place: choice.place.clone(),
            }),
            Err(error) => {
                let what = format!("{named} for {}", target.platform_text());
                Err(refusal(&what, &error).at(choice.place.clone()))
            }
        }
    }

    /// The only one of several whose programs run on the target.
    fn fitting(&mut self, choices: &[&LifecycleChoice], target: &Target) -> Result<Found, Finding> {
        let mut fitting: Vec<Found> = Vec::new();
        let mut has = Vec::new();
        for choice in choices {
            let found = self.open_named(choice, target)?;
            has.push(found.source.location.clone());
            if found.source.is_for(target) {
                fitting.push(found);
            }
        }
        let which = if fitting.is_empty() { "none" } else { "more than one" };
        match (fitting.pop(), fitting.is_empty()) {
            (Some(found), true) => Ok(found),
            _ => Err(Finding::error(format!(
                "{which} of the lifecycles {} is for {} by its programs",
                has.join(", "),
                target.platform_text()
            ))
            .hint(format!(
                "say what each is for: --lifecycle {}=FILE",
                target.platform_text()
            ))),
        }
    }

    fn without_choice(&mut self, target: &Target) -> Result<Found, Finding> {
        let choices: Vec<&LifecycleChoice> = self.groups.iter().flatten().collect();
        if let Some(folder) = self.folder.clone() {
            return self
                .released_in(&folder, None, None, target)
                .map(|source| Found { source, place: None })
                .map_err(|error| refusal(&format!("lifecycle for {}", target.platform_text()), &error));
        }
        if choices.is_empty() {
            return Err(Finding::error("no lifecycle is named").hint(
                "give --lifecycle FILE for each target, [lifecycle] with uri in builder.toml, or --lifecycle-dir",
            ));
        }
        let has: Vec<String> = choices
            .iter()
            .filter_map(|choice| choice.target.as_ref().map(ToString::to_string))
            .collect();
        Err(
            Finding::error(format!("no lifecycle for {} is named", target.platform_text())).hint(format!(
                "there is one for {}; give --lifecycle {}=FILE as well",
                has.join(", "),
                target.platform_text()
            )),
        )
    }

    fn open(&mut self, choice: &LifecycleChoice, target: &Target) -> Result<Arc<LifecycleSource>> {
        match &choice.named {
            Named::Version(version) => {
                let Some(folder) = self.folder.clone() else {
                    return Err(Error::new(ErrorKind::NotFound, "no folder is named to look for it in").with_hint(format!(
                        "give --lifecycle-dir DIR with {} in it, from the releases of the lifecycle; airpack downloads nothing",
                        file_name(version, target)
                    )));
                };
                let found = self.released_in(&folder, None, Some(version), target)?;
                if found.descriptor.version != *version {
                    return Err(Error::invalid(format!(
                        "{} says that it is version {}",
                        found.location, found.descriptor.version
                    )));
                }
                Ok(found)
            }
            Named::Uri(uri) => match pattern_in(uri, &choice.file) {
                Some((folder, pattern)) => self.released_in(&folder, Some(&pattern), None, target),
                None => match Source::of(&Locator::of_uri(uri), uri, &choice.file)? {
                    Source::Path(path) => self.at_path(&path, target),
                    Source::Image(name) => {
                        let found = self.library.find(&name, self.platforms)?;
                        self.of_image(&found, target)
                    }
                    Source::Stored(location) => {
                        let found = self.library.open_at(&location)?;
                        self.of_image(&found, target)
                    }
                },
            },
        }
    }

    fn at_path(&mut self, path: &Path, target: &Target) -> Result<Arc<LifecycleSource>> {
        if !path.exists() {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("`{}` does not exist", path.display()),
            ));
        }
        if holds_image(path, LIFECYCLE_TOML)? {
            let location = ImageLocation {
                layout: path.to_owned(),
                selector: None,
            };
            let found = self.library.open_at(&location)?;
            return self.of_image(&found, target);
        }
        if path.is_dir() && !path.join(LIFECYCLE_TOML).exists() {
            return self.released_in(path, None, None, target);
        }
        self.open_once(path)
    }

    fn open_once(&mut self, path: &Path) -> Result<Arc<LifecycleSource>> {
        if let Some(known) = self.opened.get(path) {
            return Ok(Arc::clone(known));
        }
        let found = if path.is_dir() {
            LifecycleSource::of_folder(path)?
        } else if path.is_file() {
            LifecycleSource::of_archive(path, self.progress)?
        } else {
            // a fifo would be waited for
            return Err(Error::invalid(format!(
                "`{}` is neither a file nor a folder",
                path.display()
            )));
        };
        let found = Arc::new(found);
        self.opened.insert(path.to_owned(), Arc::clone(&found));
        Ok(found)
    }

    fn of_image(&mut self, found: &FoundImage, target: &Target) -> Result<Arc<LifecycleSource>> {
        // a lifecycle runs on every distribution
        let platform = Target {
            distros: Vec::new(),
            ..target.clone()
        };
        let chosen = BaseImage::open(found)?.for_target(&platform, self.progress)?;
        let digest = chosen.image.descriptor.digest.clone();
        if let Some(known) = self.images.get(&digest) {
            return Ok(Arc::clone(known));
        }
        let source = Arc::new(LifecycleSource::of_image(&chosen, self.progress)?);
        self.images.insert(digest, Arc::clone(&source));
        Ok(source)
    }

    /// The only file in `folder` that is for `target`, by its name.
    fn released_in(
        &mut self,
        folder: &Path,
        pattern: Option<&str>,
        version: Option<&str>,
        target: &Target,
    ) -> Result<Arc<LifecycleSource>> {
        let mut all: Vec<String> = fs::read_dir(folder)
            .map_err(|cause| Error::io("read", folder, cause))?
            .filter_map(|found| found.ok()?.file_name().into_string().ok())
            .collect();
        all.sort();
        let is_meant = |name: &&String| pattern.is_none_or(|pattern| matches(pattern, name));
        let names: Vec<&String> = all.iter().filter(is_meant).collect();
        let released: Vec<Released> = names
            .iter()
            .filter_map(|name| Released::of(&folder.join(name)))
            .collect();
        // a pattern may mean one file that is called otherwise
        if let ([name], [], Some(_)) = (names.as_slice(), released.as_slice(), pattern) {
            return self.open_once(&folder.join(name));
        }
        let fits = |one: &&Released| {
            one.os == target.os && one.is_for(target) && version.is_none_or(|version| one.version == version)
        };
        let mut fitting: Vec<&Released> = released.iter().filter(fits).collect();
        // a name with the variant says it more closely
        if fitting.iter().any(|one| one.arch != target.arch) {
            fitting.retain(|one| one.arch != target.arch);
        }
        match fitting.as_slice() {
            [one] => {
                let path = one.path.clone();
                self.open_once(&path)
            }
            [] => {
                let wanted = match (version, pattern) {
                    (Some(version), _) => file_name(version, target),
                    (None, Some(pattern)) => format!("file `{pattern}` for {}", target.platform_text()),
                    (None, None) => file_name("<version>", target),
                };
                let is_archive = |name: &&String| SUFFIXES.iter().any(|suffix| name.ends_with(suffix));
                let mut has: Vec<&str> = all.iter().filter(is_archive).map(String::as_str).collect();
                if has.len() > MAX_SHOWN {
                    has.truncate(MAX_SHOWN);
                    has.push("...");
                }
                let has = if has.is_empty() {
                    "no archives".to_owned()
                } else {
                    has.join(", ")
                };
                Err(
                    Error::new(ErrorKind::NotFound, format!("no {wanted} in `{}`", folder.display()))
                        .with_hint(format!("it has {has}")),
                )
            }
            several => {
                let names: Vec<String> = several.iter().map(|one| one.path.display().to_string()).collect();
                Err(Error::invalid(format!(
                    "several files are for {}: {}",
                    target.platform_text(),
                    names.join(", ")
                ))
                .with_hint("name one of them, or say `version` in [lifecycle]"))
            }
        }
    }
}

/// The folder and the pattern for names in it, where `uri` is a path whose last part has a `*`.
fn pattern_in(uri: &str, file: &Path) -> Option<(PathBuf, String)> {
    let (Locator::Bare(path) | Locator::Path(path)) = Locator::of_uri(uri) else {
        return None;
    };
    let path = file.parent().unwrap_or(Path::new("")).join(path);
    let name = path.file_name().and_then(OsStr::to_str)?;
    if !name.contains('*') || path.exists() {
        return None;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    Some((folder.unwrap_or(Path::new(".")).to_owned(), name.to_owned()))
}

/// Whether a name fits a pattern in which `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn file_name(version: &str, target: &Target) -> String {
    let arch = ARCHITECTURES
        .iter()
        .find(|(_, known)| *known == target.arch)
        .map_or(target.arch.as_str(), |(name, _)| name);
    format!("{PREFIX}{version}+{}.{arch}{}", target.os, SUFFIXES[0])
}

impl Released {
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.strip_prefix(PREFIX)?;
        let name = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix))?;
        let (version, platform) = name.rsplit_once('+')?;
        let (os, arch) = platform.split_once('.')?;
        let known = ARCHITECTURES.iter().find(|(name, _)| *name == arch);
        Some(Self {
            version: version.to_owned(),
            os: os.to_owned(),
            arch: known.map_or(arch, |(_, known)| known).to_owned(),
            path: path.to_owned(),
        })
    }

    fn is_for(&self, target: &Target) -> bool {
        self.arch == target.arch || self.arch == format!("{}{}", target.arch, target.variant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_released_files() {
        let check = |name: &str, expected: Option<(&str, &str, &str)>| {
            let found = Released::of(Path::new(name));
            let found = found
                .as_ref()
                .map(|found| (found.version.as_str(), found.os.as_str(), found.arch.as_str()));
            assert_eq!(found, expected, "{name}");
        };
        check(
            "a/lifecycle-v0.20.1+linux.x86-64.tgz",
            Some(("0.20.1", "linux", "amd64")),
        );
        check(
            "lifecycle-v1.0.0-rc.1+linux.arm64.tgz",
            Some(("1.0.0-rc.1", "linux", "arm64")),
        );
        check("lifecycle-v1+linux.ppc64le.tar.gz", Some(("1", "linux", "ppc64le")));
        check("lifecycle-v1.tgz", None);
        check("other.tgz", None);
    }

    #[test]
    fn patterns() {
        let check = |pattern: &str, name: &str, expected: bool| {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        };
        check("a*c", "abc", true);
        check("a*c", "ac", true);
        check("a*c", "ab", false);
        check("*", "x", true);
        check("a*b*c", "a-b-c", true);
        check("a*b*c", "a-c", false);
        check("ab*ba", "aba", false);
    }
}
