//! [`ModuleSource`]: a buildpack or an extension in a folder or archive, read once for all targets.

use std::path::Path;
use std::sync::Arc;

use super::platform_folder::{self, Choice, Context};
use super::target_files::{TargetFiles, real_node};
use crate::archive::archive_tree;
use crate::archive::entry::{display_path, join};
use crate::archive::file_tree::{FileTree, Node, NodeKind};
use crate::cnb::airpack_config::AirpackConfig;
use crate::cnb::module::{ModuleDescriptor, ModuleKind};
use crate::cnb::paths::{AIRPACK_TOML, EXECUTABLES, PACKAGE_TOML};
use crate::cnb::target::{Part, Target, declaration_of};
use crate::error::{Error, ErrorKind, Finding, Findings, Place, Result};

/// The most that is read of a TOML file.
const MAX_TOML: u64 = 4 << 20;

/// A module's files, its descriptor and its settings.
#[derive(Debug)]
pub struct ModuleSource {
    /// The files.
    pub tree: FileTree,
    /// `buildpack.toml` or `extension.toml` of the root.
    pub descriptor: Arc<ModuleDescriptor>,
    /// `airpack.toml` beside it.
    pub settings: AirpackConfig,
    allow_unknown_target: bool,
}

/// What one target gets of a module.
#[derive(Debug, Clone)]
pub struct TargetView {
    /// The folder, and why.
    pub choice: Choice,
    /// The files.
    pub files: TargetFiles,
    /// The descriptor that is in the image: the folder's own, or the root's.
    pub descriptor: Arc<ModuleDescriptor>,
}

impl ModuleSource {
    /// Reads the folder or archive at `path`; an archive that is compressed is unpacked into a nameless file in `scratch`.
    ///
    /// What is written to may lie in the folder: what `is_output` says of a path counts as not being there.
    ///
    /// `None` when `findings` tell of errors in its TOML files.
    pub fn open(
        kind: ModuleKind,
        path: &Path,
        is_output: &dyn Fn(&Path) -> bool,
        scratch: &Path,
        allow_unknown_target: bool,
        findings: &mut Findings,
    ) -> Result<Option<Self>> {
        let metadata = std::fs::metadata(path).map_err(|cause| {
            Error::io(&format!("open {}", kind.name()), path, cause)
                .with_hint("--path takes a folder or an archive on disk")
        })?;
        let tree = if metadata.is_dir() {
            // a folder that is no module may be a large one
            if std::fs::symlink_metadata(path.join(kind.file()))
                .is_err_and(|cause| cause.kind() == std::io::ErrorKind::NotFound)
            {
                return Err(no_descriptor(
                    kind,
                    path,
                    |name| path.join(name).exists(),
                    || folder_below(kind, path),
                ));
            }
            FileTree::of_folder(path, is_output)?
        } else if metadata.is_file() {
            archive_tree::open(path, scratch)?
        } else {
            return Err(Error::invalid(format!(
                "{} `{}` is neither a folder nor an archive",
                kind.name(),
                path.display()
            )));
        };
        let (descriptor, mut faults) = match read_toml(&tree, kind.file().as_bytes())? {
            Some(text) => {
                let file = tree.display(kind.file().as_bytes());
                ModuleDescriptor::parse(kind, &file, &text, allow_unknown_target)
            }
            None => {
                let has = |name: &str| tree.get(name.as_bytes()).is_some();
                return Err(no_descriptor(kind, path, has, || tree_below(kind, &tree)));
            }
        };
        let settings = match read_toml(&tree, AIRPACK_TOML.as_bytes())? {
            Some(text) => {
                let (settings, more) =
                    AirpackConfig::parse(&tree.display(AIRPACK_TOML.as_bytes()), &text, allow_unknown_target);
                faults.append(more);
                settings
            }
            None => Some(AirpackConfig::default()),
        };
        findings.append(faults);
        let (Some(descriptor), Some(settings)) = (descriptor, settings) else {
            return Ok(None);
        };
        Ok(Some(Self {
            tree,
            descriptor: descriptor.into(),
            settings,
            allow_unknown_target,
        }))
    }

    /// The module as `target`, with at most one distribution, sees it. `None` when `findings` tell why not.
    pub fn view(&self, target: &Target, all_targets: &[Target], findings: &mut Findings) -> Result<Option<TargetView>> {
        let context = Context {
            all_targets,
            is_composite: self.descriptor.order.is_some(),
            shares_executable: self.shares_executable(),
        };
        let part = if target.path.is_some() { Part::Path } else { Part::Whole };
        let declared = declaration_of(&self.descriptor.targets, target);
        let place = declared.map(|declared| declared.place(part).clone());
        let choice = match platform_folder::choose(&self.tree, target, context) {
            Ok((choice, warning)) => {
                if let Some(warning) = warning {
                    findings.push(warning.at(place));
                }
                choice
            }
            Err(finding) => {
                findings.push(finding.at(place));
                return Ok(None);
            }
        };
        let file = self.descriptor.kind.file();
        let files = TargetFiles::gather(&self.tree, file, &choice, &self.settings.shared, findings);
        let descriptor = self.own_descriptor(&choice, findings)?;
        self.check_executables(target, &choice, &files, findings);
        Ok(descriptor.map(|descriptor| TargetView {
            choice,
            files,
            descriptor,
        }))
    }

    /// How `target`, which somebody else asks for as well as `others`, sees it. `None` when `findings` tell why not.
    pub fn view_for(
        &self,
        target: &Target,
        others: impl IntoIterator<Item = Target>,
        findings: &mut Findings,
    ) -> Result<Option<TargetView>> {
        let own = self.target_for(target);
        let everybody: Vec<Target> = self
            .descriptor
            .written_targets()
            .flat_map(Target::expand)
            .chain(others)
            .chain([own.clone()])
            .collect();
        self.view(&own, &everybody, findings)
    }

    /// What `target`, which somebody else asks for, means here: the only declared target that fits says the rest.
    #[must_use]
    pub fn target_for(&self, target: &Target) -> Target {
        let declared: Vec<Target> = self.descriptor.written_targets().flat_map(Target::expand).collect();
        let fitting: Vec<&Target> = declared.iter().filter(|own| own.fits(target)).collect();
        let same = fitting.iter().find(|own| own.same_as(target));
        match (same, fitting.as_slice()) {
            (Some(own), _) => (*own).clone(),
            (None, [own]) => target.completed_by(own),
            (None, _) => target.clone(),
        }
    }

    /// What is at `path`, links followed, where that is in the module.
    #[must_use]
    pub fn leads_to(&self, path: &[u8]) -> Option<&Node> {
        real_node(&self.tree, path)
    }

    /// The text of a file.
    pub fn read_text(&self, path: &[u8]) -> Result<String> {
        String::from_utf8(self.tree.read(path, MAX_TOML)?)
            .map_err(|_| Error::invalid(format!("`{}` is not UTF-8", self.tree.display(path).display())))
    }

    fn shares_executable(&self) -> bool {
        self.settings.shared.iter().any(|shared| {
            let shared = shared.value.as_str();
            let has_executable = || EXECUTABLES.iter().any(|name| self.tree.get(name.as_bytes()).is_some());
            EXECUTABLES.contains(&shared) || (shared == "bin" && has_executable())
        })
    }

    /// A platform folder's own `buildpack.toml`, which must be of the same module.
    fn own_descriptor(&self, choice: &Choice, findings: &mut Findings) -> Result<Option<Arc<ModuleDescriptor>>> {
        let kind = self.descriptor.kind;
        let path = join(&choice.folder, kind.file().as_bytes());
        if choice.folder.is_empty() || self.tree.get(&path).is_none() {
            return Ok(Some(Arc::clone(&self.descriptor)));
        }
        let file = self.tree.display(&path);
        let Some(text) = read_toml(&self.tree, &path)? else {
            return Ok(Some(Arc::clone(&self.descriptor)));
        };
        let (own, faults) = ModuleDescriptor::parse(kind, &file, &text, self.allow_unknown_target);
        findings.append(faults);
        let Some(own) = own else { return Ok(None) };
        if let (Some(order), None) = (&own.order, &self.descriptor.order) {
            let finding = Finding::error("an `order` here makes a composite buildpack of what is none in the root");
            findings.push(finding.at(order.place.clone()));
            return Ok(None);
        }
        let (root, own_name) = (self.descriptor.full_name(), own.full_name());
        if root != own_name {
            let root_file = self.tree.display(kind.file().as_bytes());
            findings.push(
                Finding::error(format!(
                    "`{}` is for {own_name}, but `{}` for {root}",
                    file.display(),
                    root_file.display()
                ))
                .at(Place { file, excerpt: None })
                .hint("give both the same id and version, or remove the one in the platform folder"),
            );
            return Ok(None);
        }
        Ok(Some(own.into()))
    }

    /// Warns of `bin/detect` and `bin/build` that are missing or were not executable.
    fn check_executables(&self, target: &Target, choice: &Choice, files: &TargetFiles, findings: &mut Findings) {
        if self.descriptor.order.is_some() {
            return;
        }
        let has = |name: &str| {
            files
                .reach(name.as_bytes())
                .is_some_and(|file| file.kind != NodeKind::Dir)
        };
        let for_windows = ["bin/build.bat", "bin/build.exe"].into_iter().find(|name| has(name));
        if let Some(name) = for_windows.filter(|_| target.os.is_empty() && !has("bin/build")) {
            let place = self.place(&join(&choice.folder, name.as_bytes()));
            findings.push(
                Finding::error(format!("`{name}` makes this a buildpack for windows, which is not supported"))
                    .at(place)
                    .hint("Windows images were removed from the Cloud Native Buildpacks by RFC 0133; a buildpack for linux has bin/build"),
            );
            return;
        }
        // an extension needs none of them
        let (programs, are_needed) = match self.descriptor.kind {
            ModuleKind::Buildpack => (["bin/build", "bin/detect"], true),
            ModuleKind::Extension => (["bin/generate", "bin/detect"], false),
        };
        for name in programs {
            let in_folder = join(&choice.folder, name.as_bytes());
            match files.reach(name.as_bytes()) {
                Some(file) if matches!(file.kind, NodeKind::File(_)) && file.mode & 0o111 == 0 => {
                    let finding = if file.path == name.as_bytes() {
                        Finding::warning(format!("`{name}` is not executable in the source; in the image it is"))
                    } else {
                        let real = display_path(&file.path);
                        Finding::warning(format!("`{name}` is `{real}`, which is not executable"))
                    };
                    let chmod = format!("chmod +x {}", self.tree.display(&file.source).display());
                    findings.push(finding.at(self.place(&file.source)).hint(chmod));
                }
                Some(file) if file.kind != NodeKind::Dir => {}
                _ if !are_needed => {}
                _ => findings.push(Finding::warning(format!("`{name}` is missing")).at(self.place(&in_folder))),
            }
        }
    }

    fn place(&self, path: &[u8]) -> Place {
        Place {
            file: self.tree.display(path),
            excerpt: None,
        }
    }
}

/// The text of a TOML file, links followed inside the tree; `None` when there is no such file.
fn read_toml(tree: &FileTree, path: &[u8]) -> Result<Option<Vec<u8>>> {
    match real_node(tree, path) {
        Some(node) => tree.read(&node.path, MAX_TOML).map(Some),
        None if tree.get(path).is_some() => Err(Error::invalid(format!(
            "link `{}` leads out of the buildpack or to nothing",
            tree.display(path).display()
        ))),
        None => Ok(None),
    }
}

fn no_descriptor(
    kind: ModuleKind,
    path: &Path,
    has: impl Fn(&str) -> bool,
    below: impl Fn() -> Option<String>,
) -> Error {
    let file = kind.file();
    let error = Error::new(ErrorKind::NotFound, format!("no {file} in `{}`", path.display()));
    let other = kind.other();
    if has(other.file()) {
        return error.with_hint(format!(
            "it has {}: it is {}, for `airpack {} package`",
            other.file(),
            other.with_article(),
            other.name()
        ));
    }
    let package_file = path.join(PACKAGE_TOML);
    match below() {
        _ if path.is_dir() && package_file.is_file() => error.with_hint(format!(
            "there is a `{}`, which says what to package: give it as --config",
            package_file.display()
        )),
        Some(folder) if path.is_dir() => error.with_hint(format!("there is one in `{folder}`: give that as --path")),
        Some(folder) => error.with_hint(format!(
            "there is one in its folder `{folder}`: make the archive from inside of that, with tar -C {folder} -czf FILE ."
        )),
        None => error.with_hint(format!("--path takes the folder that holds {file}, or an archive of it")),
    }
}

fn folder_below(kind: ModuleKind, path: &Path) -> Option<String> {
    let mut found: Vec<_> = std::fs::read_dir(path)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|folder| folder.join(kind.file()).is_file())
        .collect();
    found.sort();
    found.first().map(|folder| folder.display().to_string())
}

fn tree_below(kind: ModuleKind, tree: &FileTree) -> Option<String> {
    let names = tree.folders_in(b"");
    let folder = names
        .into_iter()
        .find(|name| tree.get(&join(name, kind.file().as_bytes())).is_some())?;
    Some(String::from_utf8_lossy(folder).into_owned())
}
