//! [`Dependency`]: a module that a file lists, opened: a folder, an archive, or an image on disk.

use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::module_source::ModuleSource;
use super::packaged_image::PackagedImage;
use crate::cnb::locator::{Locator, Remote};
use crate::cnb::module::ModuleKind;
use crate::cnb::package_config::PackageConfig;
use crate::cnb::paths::PACKAGE_TOML;
use crate::error::{Error, ErrorKind, Finding, Findings, Place, Result, Severity};
use crate::oci::archive_store::holds_images;
use crate::oci::library::{FoundImage, Library};
use crate::oci::locate::ImageLocation;
use crate::oci::reference::ImageReference;

/// The file that makes a folder an image layout.
const LAYOUT_MARKER: &str = "oci-layout";

/// What a module is listed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// In `[[dependencies]]` of a `package.toml`.
    Dependency,
    /// In `[[buildpacks]]` or `[[extensions]]` of a `builder.toml`.
    OfBuilder(ModuleKind),
}

impl Role {
    /// What it must be.
    #[must_use]
    pub fn kind(self) -> ModuleKind {
        match self {
            Self::Dependency => ModuleKind::Buildpack,
            Self::OfBuilder(kind) => kind,
        }
    }

    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dependency => "dependency",
            Self::OfBuilder(kind) => kind.name(),
        }
    }

    /// What to do about a module of the other kind.
    #[must_use]
    pub fn hint_for_other(self) -> &'static str {
        match self {
            Self::Dependency => "extensions go into a builder; a buildpack can not depend on them",
            Self::OfBuilder(ModuleKind::Buildpack) => "name it in [[extensions]]",
            Self::OfBuilder(ModuleKind::Extension) => "name it in [[buildpacks]]",
        }
    }
}

/// A module that a composite or a builder is made of.
#[derive(Debug, Clone)]
pub struct Dependency {
    /// What it is listed as.
    pub role: Role,
    /// As the file says it.
    pub written: String,
    /// Where it is said.
    pub place: Place,
    /// The references that lead here: files and what they name, the first one first.
    pub chain: Vec<String>,
    /// What is there.
    pub content: Content,
}

/// What a dependency turned out to be.
#[derive(Debug, Clone)]
pub enum Content {
    /// Not packaged yet.
    Source(Arc<ModuleSource>),
    /// Packaged.
    Image(Arc<PackagedImage>),
}

impl Dependency {
    /// The chain for people.
    #[must_use]
    pub fn way(&self) -> String {
        self.chain.join(" -> ")
    }
}

/// Opens dependencies, each folder, archive and image once.
pub struct Opener<'a> {
    /// Where names are looked up.
    pub library: &'a Library,
    /// What is written to counts as not being there.
    pub is_output: &'a dyn Fn(&Path) -> bool,
    /// Where nameless temporary files go.
    pub scratch: &'a Path,
    /// Whether operating systems and architectures pass that are not known.
    pub allow_unknown_target: bool,
    /// What images are needed for, to say so where one is missing.
    pub platforms: Vec<String>,
    /// Whether something could not be opened.
    pub has_failed: bool,
    opened: HashMap<(Role, PathBuf), Option<Content>>,
    /// What the files of composites list, which every target asks for.
    below: HashMap<PathBuf, Vec<Dependency>>,
}

impl<'a> Opener<'a> {
    /// With nothing open.
    #[must_use]
    pub fn new(
        library: &'a Library,
        is_output: &'a dyn Fn(&Path) -> bool,
        scratch: &'a Path,
        allow_unknown_target: bool,
        platforms: Vec<String>,
    ) -> Self {
        Self {
            library,
            is_output,
            scratch,
            allow_unknown_target,
            platforms,
            has_failed: false,
            opened: HashMap::new(),
            below: HashMap::new(),
        }
    }

    /// All dependencies that `file` lists; `chain` leads to it. Those that can not be opened are left to `findings`.
    pub fn open_all(
        &mut self,
        config: &PackageConfig,
        file: &Path,
        chain: &[String],
        findings: &mut Findings,
    ) -> Vec<Dependency> {
        let mut dependencies = Vec::new();
        for entry in &config.dependencies {
            let value = &entry.value;
            let listed = (value.written.as_str(), &value.locator, &entry.place);
            dependencies.extend(self.open_listed(Role::Dependency, listed, file, chain, findings));
        }
        dependencies
    }

    /// What `file` lists, with its text, what that means and where it stands. `None` when `findings` tell why it can not be opened.
    pub fn open_listed(
        &mut self,
        role: Role,
        (written, locator, place): (&str, &Locator, &Place),
        file: &Path,
        chain: &[String],
        findings: &mut Findings,
    ) -> Option<Dependency> {
        let mut chain = chain.to_vec();
        chain.push(written.to_owned());
        let mut faults = Findings::default();
        let opened = self.open(role, written, locator, file, &mut faults);
        append_with_way(findings, &faults, &chain);
        match opened {
            Ok(Some(content)) => {
                return Some(Dependency {
                    role,
                    written: written.to_owned(),
                    place: place.clone(),
                    chain,
                    content,
                });
            }
            Ok(None) => {}
            Err(error) => {
                let what = format!("{} `{written}`{}", role.name(), by_way(&chain));
                findings.push(refusal(&what, &error).at(place.clone()));
            }
        }
        self.has_failed = true;
        None
    }

    /// `None` when `findings` tell what is wrong.
    fn open(
        &mut self,
        role: Role,
        written: &str,
        locator: &Locator,
        file: &Path,
        findings: &mut Findings,
    ) -> Result<Option<Content>> {
        match Source::of(locator, written, file)? {
            Source::Path(path) => self.open_path(role, &path, findings),
            Source::Image(name) => open_image(&self.library.find(&name, &self.platforms)?, role),
            Source::Stored(location) => open_image(&self.library.open_at(&location)?, role),
        }
    }

    fn open_path(&mut self, role: Role, path: &Path, findings: &mut Findings) -> Result<Option<Content>> {
        let real = fs::canonicalize(path).map_err(|cause| Error::io("open", path, cause))?;
        let key = (role, real);
        if let Some(known) = self.opened.get(&key) {
            if known.is_none() {
                findings.push(Finding::error(format!("`{}` has faults, as told", path.display())));
            }
            return Ok(known.clone());
        }
        let content = if holds_image(path, role.kind().file())? {
            let location = ImageLocation {
                layout: path.to_owned(),
                selector: None,
            };
            open_image(&self.library.open_at(&location)?, role)?
        } else {
            let source = ModuleSource::open(
                role.kind(),
                path,
                self.is_output,
                self.scratch,
                self.allow_unknown_target,
                findings,
            )
            .map_err(|error| not_of_kind(path, role, error))?;
            source.map(|source| Content::Source(Arc::new(source)))
        };
        self.opened.insert(key, content.clone());
        Ok(content)
    }

    /// What the `package.toml` of a composite in a folder lists; nothing where there is none.
    pub fn open_below(
        &mut self,
        source: &ModuleSource,
        chain: &[String],
        findings: &mut Findings,
    ) -> Result<Vec<Dependency>> {
        let file = source.tree.origin().join(PACKAGE_TOML);
        if let Some(known) = self.below.get(&file) {
            return Ok(known.clone());
        }
        if source.tree.is_archive() || !file.is_file() {
            return Ok(Vec::new());
        }
        let text = fs::read(&file).map_err(|cause| Error::io("read", &file, cause))?;
        let (config, faults) = PackageConfig::parse(&file, &text, self.allow_unknown_target);
        append_with_way(findings, &faults, chain);
        self.has_failed |= config.is_none();
        let dependencies = match config {
            Some(config) => self.open_all(&config, &file, chain, findings),
            None => Vec::new(),
        };
        self.below.insert(file, dependencies.clone());
        Ok(dependencies)
    }
}

fn open_image(found: &FoundImage, role: Role) -> Result<Option<Content>> {
    Ok(Some(Content::Image(Arc::new(PackagedImage::open(found, role)?))))
}

/// What a locator in a file comes down to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Something on disk.
    Path(PathBuf),
    /// The name of an image.
    Image(ImageReference),
    /// An image at a place.
    Stored(ImageLocation),
}

impl Source {
    /// Paths are relative to `file`; what is no path that exists may be the name of an image.
    pub fn of(locator: &Locator, written: &str, file: &Path) -> Result<Self> {
        let folder = file.parent().unwrap_or(Path::new(""));
        match locator {
            Locator::Path(path) => Ok(Self::Path(beside(folder, path))),
            Locator::Bare(path) if folder.join(path).exists() => Ok(Self::Path(beside(folder, path))),
            Locator::Bare(name) => match name.parse::<ImageReference>() {
                Ok(reference) if !looks_like_path(name) => Ok(Self::Image(reference)),
                _ => Err(Error::new(
                    ErrorKind::NotFound,
                    format!("`{}` does not exist", folder.join(name).display()),
                )
                .with_hint(if file.as_os_str().is_empty() {
                    "give a path on disk, or the name of an image"
                } else {
                    "a uri is relative to the file that it stands in, or the name of an image"
                })),
            },
            Locator::Image(name) => Ok(Self::Image(name.parse()?)),
            Locator::Stored { rest, .. } => Ok(Self::Stored(ImageLocation::parse(folder.join(rest).as_os_str())?)),
            Locator::Remote(remote) => Err(unreachable_offline(*remote, written)),
        }
    }
}

/// Whether a path leads to images, and to no source: that would have the file `descriptor` in its folder.
pub fn holds_image(path: &Path, descriptor: &str) -> Result<bool> {
    let is_layout = path.join(LAYOUT_MARKER).exists() && !path.join(descriptor).exists();
    Ok(is_layout || (path.is_file() && holds_images(path)?))
}

/// `path` relative to `folder`, without `x/..` in it where that leads to the same.
#[must_use]
pub fn beside(folder: &Path, path: &str) -> PathBuf {
    let joined = folder.join(path);
    let mut short = PathBuf::new();
    for part in joined.components() {
        let can_go_up = matches!(short.components().next_back(), Some(Component::Normal(_)));
        match part {
            Component::ParentDir if can_go_up => {
                short.pop();
            }
            Component::CurDir => {}
            part => short.push(part),
        }
    }
    let real = |path: &Path| fs::canonicalize(path).ok();
    if !short.as_os_str().is_empty() && real(&short).is_some() && real(&short) == real(&joined) {
        short
    } else {
        joined
    }
}

/// Adds what is wrong with a dependency; errors say which references lead to it.
pub fn append_with_way(findings: &mut Findings, faults: &Findings, chain: &[String]) {
    for fault in faults {
        let mut fault = fault.clone();
        if fault.severity == Severity::Error && chain.len() > 1 {
            fault.message = format!("{} ({})", fault.message, chain.join(" -> "));
        }
        findings.push(fault);
    }
}

/// How a dependency is come by, where that is not plain from its place.
#[must_use]
pub fn by_way(chain: &[String]) -> String {
    if chain.len() > 2 {
        format!(" (by way of {})", chain.join(" -> "))
    } else {
        String::new()
    }
}

/// An error as a finding about `what`: with its causes, and its hint.
#[must_use]
pub fn refusal(what: &str, error: &Error) -> Finding {
    let mut message = format!("{what}: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        message += ": ";
        message += &inner.to_string();
        cause = inner.source();
    }
    let mut finding = Finding::error(message);
    finding.hint = error.hint().map(ToOwned::to_owned);
    finding
}

fn looks_like_path(text: &str) -> bool {
    let archives = [".cnb", ".tar", ".tgz", ".tar.gz", ".zip"];
    text.starts_with(['.', '/']) || archives.iter().any(|suffix| text.ends_with(suffix))
}

/// The hint about `--path` and the other command does not help here.
fn not_of_kind(path: &Path, role: Role, error: Error) -> Error {
    let other = role.kind().other();
    let is_other = path.join(other.file()).exists();
    match error.kind() {
        ErrorKind::NotFound if is_other => {
            Error::invalid(format!("`{}` is {}", path.display(), other.with_article())).with_hint(role.hint_for_other())
        }
        _ => error,
    }
}

fn unreachable_offline(remote: Remote, uri: &str) -> Error {
    let refuse = |what: &str| {
        Error::new(
            ErrorKind::Unsupported,
            format!("it is {what}, and airpack works offline"),
        )
    };
    match remote {
        Remote::Registry => refuse("in the CNB registry").with_hint(
            "the registry lists the image of each version: bring that with `airpack pull IMAGE --layout base.oci`, and name it as docker://IMAGE with --from base.oci",
        ),
        Remote::Download => refuse("to be downloaded").with_hint(format!(
            "download it on a connected machine, for example with `curl -LO {uri}`, and name the file"
        )),
        Remote::Builder => Error::new(
            ErrorKind::Unsupported,
            "it is in a builder, which only a build has".to_owned(),
        )
        .with_hint("name the buildpack's folder, archive or image"),
        Remote::Unknown => Error::new(ErrorKind::Unsupported, "its scheme is not known".to_owned())
            .with_hint("known are paths, file:///PATH, docker://NAME, oci:DIR[:TAG], oci-archive:FILE and docker-archive:FILE"),
    }
}
