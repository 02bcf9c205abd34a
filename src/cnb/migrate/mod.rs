//! [`Plan`]: what brings a buildpack to `[[targets]]` and platform root folders (RFC 0128), as data.

mod places;
mod stacks;
mod targets;

use serde::Serialize;

use super::api::ApiVersion;
use super::module::ModuleDescriptor;
use super::paths::{AIRPACK_TOML, BUILDPACK_TOML};
use super::target::Target;
use super::target_edit::TargetEdit;
use crate::error::{Findings, Place};
use crate::go_names::is_known_name;

/// What is known of a buildpack.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// All that is in its folder, in the order of a walk.
    pub files: &'a [SourceFile],
    /// Its `buildpack.toml`.
    pub descriptor: &'a ModuleDescriptor,
    /// Where each of its stacks stands.
    pub stack_places: &'a [Place],
    /// What `airpack.toml` shares already.
    pub shared: &'a [String],
    /// Targets that win over all others.
    pub asked: &'a [Target],
    /// Whether what is for all platforms stays where it is, declared in `airpack.toml`.
    pub is_sharing: bool,
}

/// A file, folder or link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Relative to the buildpack's folder.
    pub path: String,
    /// What it is.
    pub kind: SourceKind,
    /// Whether it may be run.
    pub is_executable: bool,
}

/// What a [`SourceFile`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceKind {
    /// A folder.
    Folder,
    /// A link, and the path that it leads to in the buildpack, if it does.
    Link(Option<String>),
    /// A program for some processors.
    Program(Program),
    /// A script, or data.
    Plain,
}

/// What a program runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The systems that know its form.
    pub system: System,
    /// Processors, in Go's names; empty where nobody knows.
    pub architectures: Vec<String>,
    /// It, for people: `ELF for arm64`.
    pub description: String,
}

/// Which systems know the form of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// Those with ELF.
    Linux,
    /// Those with Mach-O.
    Darwin,
    /// Those with PE.
    Windows,
}

impl System {
    fn runs_on(self, os: &str) -> bool {
        match self {
            Self::Darwin => matches!(os, "darwin" | "ios"),
            Self::Windows => os == "windows",
            Self::Linux => !matches!(os, "darwin" | "ios" | "windows"),
        }
    }
}

/// What is to be done. Nothing where [`is_done`](Self::is_done) says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The targets as they will be, one for each platform.
    #[serde(serialize_with = "as_texts")]
    pub targets: Vec<Target>,
    /// What changes in `buildpack.toml`.
    #[serde(skip)]
    pub edit: TargetEdit,
    /// What goes into platform root folders.
    pub moves: Vec<Move>,
    /// What `airpack.toml` shares from now on.
    pub share: Vec<String>,
    /// Files that a target lacks.
    pub missing: Vec<Missing>,
    /// What is good to know, and to decide.
    pub notes: Vec<String>,
}

/// A file that goes from the buildpack's own folder into those of platforms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Move {
    /// Where it is.
    pub from: String,
    /// Where it goes.
    pub to: Vec<To>,
}

/// A place that a file goes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct To {
    /// The place.
    pub path: String,
    /// The platform root folder that it is in.
    #[serde(skip)]
    pub folder: String,
    /// Whether it is written; else the platform has its folder, and what is there stays.
    #[serde(rename = "written")]
    pub is_written: bool,
}

/// A file that somebody has to bring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// Where it belongs.
    pub path: String,
    /// What it is for.
    pub target: String,
}

fn as_texts<S: serde::Serializer>(targets: &[Target], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(targets.iter().map(ToString::to_string))
}

impl Plan {
    /// Finds out what is to be done. `None` when there is an error among the findings.
    #[must_use]
    pub fn of(facts: &Facts<'_>) -> (Option<Self>, Findings) {
        let mut findings = Findings::default();
        let found = targets::find(facts, &mut findings);
        let mut plan = Self {
            edit: TargetEdit::between(
                &facts.descriptor.written_targets().cloned().collect::<Vec<_>>(),
                &found.targets,
            ),
            targets: found.targets,
            moves: Vec::new(),
            share: Vec::new(),
            missing: Vec::new(),
            notes: found.notes,
        };
        if !findings.has_errors() {
            places::find(facts, &mut plan, &mut findings);
        }
        if findings.has_errors() {
            return (None, findings);
        }
        plan.advise(facts);
        (Some(plan), findings)
    }

    /// Whether the buildpack is as it should be.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.edit.is_empty() && self.moves.is_empty() && self.share.is_empty()
    }

    fn advise(&mut self, facts: &Facts<'_>) {
        let descriptor = facts.descriptor;
        if descriptor.api < ApiVersion::TARGETS {
            self.notes.push(format!(
                "api {} does not know targets: lifecycles pass them over until it is {} or newer, which may need changes in the scripts",
                descriptor.api,
                ApiVersion::TARGETS
            ));
        }
        if !descriptor.stacks.is_empty() {
            self.notes.push(
                "[[stacks]] is deprecated and stays: take it out when no platform that knows only stacks uses the buildpack".to_owned(),
            );
        }
        for file in facts.files {
            let is_run = matches!(file.path.rsplit_once('/'), Some((folder, "build" | "detect")) if folder == "bin" || folder.ends_with("/bin"));
            if is_run && !file.is_executable && matches!(file.kind, SourceKind::Plain | SourceKind::Program(_)) {
                self.notes.push(format!("`{}` can not be run: chmod +x it", file.path));
            }
        }
    }
}

impl Facts<'_> {
    /// Platform root folders that are there, `os/arch[/variant]`: those with something below `bin`.
    fn platform_folders(&self) -> Vec<String> {
        let mut folders: Vec<String> = Vec::new();
        for file in self.files.iter().filter(|file| file.kind != SourceKind::Folder) {
            let Some((folder, _)) = file.path.split_once("/bin/") else {
                continue;
            };
            let names: Vec<&str> = folder.split('/').collect();
            let is_platform = (2..=3).contains(&names.len()) && names[..2].iter().all(|name| is_known_name(name));
            if is_platform && !folders.iter().any(|known| known == folder) {
                folders.push(folder.to_owned());
            }
        }
        folders
    }

    /// Programs outside of platform root folders.
    fn programs(&self) -> impl Iterator<Item = (&str, &Program)> {
        self.own_files().filter_map(|file| match &file.kind {
            SourceKind::Program(program) => Some((file.path.as_str(), program)),
            _ => None,
        })
    }

    /// What is in the buildpack's own folder, and so in the image of a target that has none: neither in another's platform root
    /// folder nor a file that only describes.
    fn own_files(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| {
            let top = file.path.split('/').next().unwrap_or_default();
            let is_described = matches!(file.path.as_str(), BUILDPACK_TOML | AIRPACK_TOML);
            let by_path = || {
                let mut paths = self
                    .descriptor
                    .written_targets()
                    .filter_map(|target| target.path.as_deref());
                paths.any(|path| is_below(&file.path, path.trim_start_matches("./").trim_end_matches('/')))
            };
            !is_described && !self.is_platforms(top) && !by_path()
        })
    }

    /// Whether a folder at the top is named like a system, and holds one that is named like a processor, or nothing: a run that was
    /// killed may have made it.
    fn is_platforms(&self, top: &str) -> bool {
        let mut below = self
            .files
            .iter()
            .filter_map(|file| file.path.strip_prefix(top)?.strip_prefix('/'))
            .peekable();
        let is_empty = below.peek().is_none();
        let is_folder = || {
            let is_it = |file: &SourceFile| file.path == top && file.kind == SourceKind::Folder;
            self.files.iter().any(is_it)
        };
        let mut of_platforms = below.map(|path| path.split('/').next().unwrap_or_default());
        is_known_name(top)
            && ((is_empty && is_folder()) || of_platforms.any(|name| is_known_name(name) || name == "bin"))
    }
}

/// Whether `path` is `folder`, or lies in it.
fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
