//! Which folder of a module is a target's platform root folder (RFC 0128), and what of it belongs to other targets.

use std::fmt;

use super::target_files::real_node;
use crate::archive::entry::{is_within, join};
use crate::archive::file_tree::FileTree;
use crate::cnb::paths::EXECUTABLES;
use crate::cnb::target::{Target, is_known_name};
use crate::error::Finding;

/// The folder that was taken for a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Relative to the module's root; empty for the root itself.
    pub folder: Vec<u8>,
    /// Why this one.
    pub reason: Reason,
    /// Folders in it that belong to other targets, and so stay out.
    pub left_out: Vec<Vec<u8>>,
}

/// Why a folder was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// There are no targets: everything goes in.
    NoTargets,
    /// `path` in `[[targets]]` says so.
    Path,
    /// It is named like the target.
    Named,
    /// There is no folder for the target, and this level has something to run, or nothing is laid out by platform.
    Above,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoTargets => "no targets: the whole folder",
            Self::Path => "named by `path` of the target",
            Self::Named => "named like the target",
            Self::Above => "no folder is named like the target: the level above",
        })
    }
}

/// What is known of a module besides its files.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// All targets of the file and of the command line, one for each distribution.
    pub all_targets: &'a [Target],
    /// A composite has nothing to run.
    pub is_composite: bool,
    /// Whether a shared file is something to run.
    pub shares_executable: bool,
}

/// The folder for `target`, which has at most one distribution. Warnings go to `warnings`.
pub fn choose(
    tree: &FileTree,
    target: &Target,
    context: Context<'_>,
    warnings: &mut Vec<Finding>,
) -> Result<Choice, Finding> {
    if let Some(path) = &target.path {
        let folder = path_folder(tree, target, path)?;
        let left_out = left_out(tree, target, &folder, context.all_targets);
        return Ok(Choice {
            folder,
            reason: Reason::Path,
            left_out,
        });
    }
    let names = target.folder_names();
    let walked = walk(tree, &names);
    let folder = walked.folder.clone();
    let is_complete = walked.depth == names.len();
    let runs = context.is_composite
        || EXECUTABLES.iter().any(|name| {
            tree.get(&join(&folder, name.as_bytes()))
                .is_some_and(|node| !node.is_dir())
        })
        || (is_complete && context.shares_executable);
    if !runs {
        refuse_other_platforms(tree, target, &walked, is_complete, context.all_targets)?;
    }
    let others_go_deeper = || {
        others(target, context.all_targets).any(|other| {
            let below = folder_of(tree, other);
            below.len() > folder.len() && is_within(&below, &folder)
        })
    };
    if !is_complete && others_go_deeper() {
        let wanted = tree.display(&join(&folder, names[walked.depth].as_bytes()));
        warnings.push(
            Finding::warning(format!("target `{target}` has no folder of its own, other targets do")).hint(format!(
                "`{}` is taken; make `{}` if it needs other files",
                tree.display(&folder).display(),
                wanted.display()
            )),
        );
    }
    let reason = match (names.is_empty(), is_complete) {
        (true, _) => Reason::NoTargets,
        (_, true) => Reason::Named,
        _ => Reason::Above,
    };
    Ok(Choice {
        left_out: left_out(tree, target, &folder, context.all_targets),
        folder,
        reason,
    })
}

struct Walked {
    folder: Vec<u8>,
    depth: usize,
}

/// As deep as the folders exist.
fn walk(tree: &FileTree, names: &[String]) -> Walked {
    let mut folder = Vec::new();
    for (depth, name) in names.iter().enumerate() {
        // a link to another platform's folder is a folder too
        match real_folder(tree, &join(&folder, name.as_bytes())) {
            Some(next) => folder = next,
            None => return Walked { folder, depth },
        }
    }
    Walked {
        folder,
        depth: names.len(),
    }
}

fn path_folder(tree: &FileTree, target: &Target, path: &str) -> Result<Vec<u8>, Finding> {
    let folder = crate::archive::entry::relative_path(path.as_bytes())
        .map_err(|_| {
            Finding::error(format!(
                "path `{path}` of target `{target}` leads out of the buildpack's folder"
            ))
            .hint("give a folder relative to buildpack.toml")
        })?
        .unwrap_or_default();
    real_folder(tree, &folder).ok_or_else(|| {
        Finding::error(format!(
            "path `{path}` of target `{target}` is no folder in `{}`",
            tree.origin().display()
        ))
        .hint("give a folder relative to buildpack.toml")
    })
}

/// The folder that `path` leads to, links followed inside the tree.
fn real_folder(tree: &FileTree, path: &[u8]) -> Option<Vec<u8>> {
    if tree.is_dir(path) {
        return Some(path.to_vec());
    }
    real_node(tree, path)
        .filter(|node| node.is_dir())
        .map(|node| node.path.clone())
}

/// The folder of another target, as far as it goes.
fn folder_of(tree: &FileTree, target: &Target) -> Vec<u8> {
    match &target.path {
        Some(path) => path_folder(tree, target, path).unwrap_or_default(),
        None => walk(tree, &target.folder_names()).folder,
    }
}

fn others<'a>(target: &'a Target, all: &'a [Target]) -> impl Iterator<Item = &'a Target> {
    all.iter().filter(move |other| !other.same_as(target))
}

/// What of `folder` belongs to other targets: the level at which their folders part from it, or exactly their `path`.
fn left_out(tree: &FileTree, target: &Target, folder: &[u8], all: &[Target]) -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = others(target, all)
        .filter_map(|other| {
            let theirs = folder_of(tree, other);
            if theirs == folder || !is_within(&theirs, folder) {
                return None;
            }
            if other.path.is_some() {
                return Some(theirs);
            }
            let below = if folder.is_empty() {
                &theirs[..]
            } else {
                &theirs[folder.len() + 1..]
            };
            let first = below.split(|&byte| byte == b'/').next().unwrap_or_default();
            Some(join(folder, first))
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

/// An error where taking the folder would ship what is meant for other platforms, or nothing that runs.
fn refuse_other_platforms(
    tree: &FileTree,
    target: &Target,
    walked: &Walked,
    is_complete: bool,
    all: &[Target],
) -> Result<(), Finding> {
    let is_platform_name = |name: &[u8]| {
        let Ok(name) = std::str::from_utf8(name) else {
            return false;
        };
        is_known_name(name)
            || all
                .iter()
                .any(|other| other.folder_names().iter().any(|part| part == name))
    };
    let all_folders = tree.folders_in(&walked.folder);
    let shown = |names: Vec<&[u8]>| {
        let name = |name: &[u8]| format!("`{}`", tree.display(&join(&walked.folder, name)).display());
        names.into_iter().map(name).collect::<Vec<_>>().join(", ")
    };
    let platform_folders: Vec<&[u8]> = all_folders
        .iter()
        .copied()
        .filter(|name| is_platform_name(name))
        .collect();
    let here = tree.display(&walked.folder);
    let here = here.display();
    let names = target.folder_names();
    if platform_folders.is_empty() {
        if is_complete || walked.depth == 0 {
            return Ok(());
        }
        let missing = tree.display(&join(&walked.folder, names[walked.depth].as_bytes()));
        let only = if all_folders.is_empty() {
            String::new()
        } else {
            format!(", only {}", shown(all_folders))
        };
        return Err(Finding::error(format!(
            "target `{target}` has no folder `{}`, and `{here}` has nothing to run{only}",
            missing.display()
        ))
        .hint("make that folder with bin/build and bin/detect, or set `path` of the target"));
    }
    let found = shown(platform_folders);
    if names.is_empty() {
        return Err(Finding::error(format!(
            "`{here}` has nothing to run, only folders for platforms: {found}"
        ))
        .hint("say which platforms to package with [[targets]] in buildpack.toml, or with --target"));
    }
    if is_complete {
        return Err(Finding::error(format!(
            "target `{target}`: `{here}` has nothing to run, only folders for platforms: {found}"
        ))
        .hint("name one of them in the target"));
    }
    let missing = tree.display(&join(&walked.folder, names[walked.depth].as_bytes()));
    Err(Finding::error(format!(
        "target `{target}` has no folder `{}`, and `{here}` has nothing to run, only folders for other platforms: {found}",
        missing.display()
    ))
    .hint("make that folder with bin/build and bin/detect, or remove the target"))
}
