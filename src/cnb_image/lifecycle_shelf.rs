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
use crate::oci::library::{FoundImage, Library};
use crate::oci::locate::ImageLocation;

/// What the name of a released file begins with.
const PREFIX: &str = "lifecycle-v";
/// What it ends in.
const SUFFIXES: [&str; 2] = [".tgz", ".tar.gz"];
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
    /// Those that count first come first.
    choices: Vec<LifecycleChoice>,
    /// Where released files are.
    folder: Option<PathBuf>,
    library: &'a Library,
    /// What images are needed for, to say so where one is missing.
    platforms: &'a [String],
    opened: HashMap<PathBuf, Arc<LifecycleSource>>,
}

/// A file by the name that the release gives it: `lifecycle-v<version>+<os>.<arch>.tgz`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Released {
    version: String,
    os: String,
    arch: String,
    path: PathBuf,
}

impl<'a> LifecycleShelf<'a> {
    /// With nothing open.
    #[must_use]
    pub fn new(
        choices: Vec<LifecycleChoice>,
        folder: Option<PathBuf>,
        library: &'a Library,
        platforms: &'a [String],
    ) -> Self {
        Self {
            choices,
            folder,
            library,
            platforms,
            opened: HashMap::new(),
        }
    }

    /// The lifecycle for `target`, which has an os and an architecture; else why there is none.
    pub fn for_target(&mut self, target: &Target) -> Result<Arc<LifecycleSource>, Finding> {
        let covers = |choice: &&LifecycleChoice| choice.target.as_ref().is_none_or(|own| own.covers(target));
        let Some(choice) = self.choices.iter().find(covers).cloned() else {
            return self.without_choice(target);
        };
        let named = match &choice.named {
            Named::Uri(uri) => format!("lifecycle `{uri}`"),
            Named::Version(version) => format!("lifecycle {version}"),
        };
        self.open(&choice, target)
            .map_err(|error| refusal(&format!("{named} for {}", target.platform_text()), &error).at(choice.place))
    }

    fn without_choice(&mut self, target: &Target) -> Result<Arc<LifecycleSource>, Finding> {
        if !self.choices.is_empty() {
            let has: Vec<String> = self
                .choices
                .iter()
                .filter_map(|choice| choice.target.as_ref().map(ToString::to_string))
                .collect();
            return Err(
                Finding::error(format!("no lifecycle for {} is named", target.platform_text())).hint(format!(
                    "there is one for {}; give --lifecycle {}=FILE as well",
                    has.join(", "),
                    target.platform_text()
                )),
            );
        }
        let Some(folder) = self.folder.clone() else {
            return Err(Finding::error("no lifecycle is named").hint(
                "give --lifecycle FILE for each target, [lifecycle] with uri in builder.toml, or --lifecycle-dir",
            ));
        };
        self.released_in(&folder, None, None, target)
            .map_err(|error| refusal(&format!("lifecycle for {}", target.platform_text()), &error))
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
                        of_image(&found, target)
                    }
                    Source::Stored(location) => of_image(&self.library.open_at(&location)?, target),
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
            return of_image(&self.library.open_at(&location)?, target);
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
        } else {
            LifecycleSource::of_archive(path)?
        };
        let found = Arc::new(found);
        self.opened.insert(path.to_owned(), Arc::clone(&found));
        Ok(found)
    }

    /// The only file in `folder` that is for `target`, by its name.
    fn released_in(
        &mut self,
        folder: &Path,
        pattern: Option<&str>,
        version: Option<&str>,
        target: &Target,
    ) -> Result<Arc<LifecycleSource>> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .map_err(|cause| Error::io("read", folder, cause))?
            .filter_map(|found| found.ok()?.file_name().into_string().ok())
            .filter(|name| pattern.is_none_or(|pattern| matches(pattern, name)))
            .collect();
        names.sort();
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
        let fitting: Vec<&Released> = released.iter().filter(fits).collect();
        match fitting.as_slice() {
            [one] => {
                let path = one.path.clone();
                self.open_once(&path)
            }
            [] => {
                let wanted = match (version, pattern) {
                    (Some(version), _) => file_name(version, target),
                    (None, Some(pattern)) => format!("a file `{pattern}` for {}", target.platform_text()),
                    (None, None) => file_name("<version>", target),
                };
                let has = if names.is_empty() {
                    "nothing like it".to_owned()
                } else {
                    names.join(", ")
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

fn of_image(found: &FoundImage, target: &Target) -> Result<Arc<LifecycleSource>> {
    // a lifecycle runs on every distribution
    let platform = Target {
        distros: Vec::new(),
        ..target.clone()
    };
    let chosen = BaseImage::open(found)?.for_target(&platform)?;
    LifecycleSource::of_image(&chosen).map(Arc::new)
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
