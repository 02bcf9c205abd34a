//! Which folder of a module is a target's platform root folder (RFC 0128), and what of it belongs to other targets.

use std::collections::BTreeSet;
use std::fmt;

use super::target_files::real_node;
use crate::archive::entry::{is_within, join};
use crate::archive::file_tree::{FileTree, NodeKind};
use crate::cnb::paths::EXECUTABLES;
use crate::cnb::target::Target;
use crate::error::Finding;
use crate::go_names::is_known_name;

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
    /// No platform is named: everything goes in.
    NoPlatform,
    /// `path` in `[[targets]]` says so.
    Path,
    /// It is named like the target.
    Named,
    /// No folder is named like the target's os: the buildpack's own folder.
    Root,
    /// The deepest folder that is named like the begin of the target; it has something to run.
    Above,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPlatform => "no platform is named: the whole folder",
            Self::Path => "named by `path` of the target",
            Self::Named => "named like the target",
            Self::Root => "no folder is named like the target: the buildpack's own",
            Self::Above => "no folder is named like the whole target: the deepest there is",
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
pub fn choose(tree: &FileTree, target: &Target, context: Context<'_>) -> Result<(Choice, Option<Finding>), Finding> {
    if let Some(path) = &target.path {
        let folder = path_folder(tree, target, path)?;
        let left_out = left_out(tree, target, &folder, context.all_targets);
        let choice = Choice {
            folder,
            reason: Reason::Path,
            left_out,
        };
        return Ok((choice, None));
    }
    let names = target.folder_names();
    let walked = walk(tree, &names);
    let folder = walked.folder.clone();
    let is_complete = walked.depth == names.len();
    // a distribution needs no folder of its own
    let is_platforms = !names.is_empty() && walked.depth >= names.len() - target.distros.len().min(names.len() - 1);
    let runs = context.is_composite
        || EXECUTABLES
            .iter()
            .any(|name| holds_file(tree, &join(&folder, name.as_bytes())))
        || ((is_complete || is_platforms) && context.shares_executable);
    let left_out = left_out(tree, target, &folder, context.all_targets);
    let missing = names.get(walked.depth).map(|name| join(&folder, name.as_bytes()));
    if !runs {
        refuse_other_platforms(
            tree,
            target,
            &folder,
            missing.as_deref(),
            &left_out,
            context.all_targets,
        )?;
    }
    let others_go_deeper = || {
        others(target, context.all_targets).any(|other| {
            let below = folder_of(tree, other);
            below.len() > folder.len() && is_within(&below, &folder)
        })
    };
    let warning = missing.filter(|_| others_go_deeper()).map(|missing| {
        Finding::warning(format!("target `{target}` has no folder of its own, other targets do")).hint(format!(
            "`{}` is taken; make `{}` if it needs other files",
            tree.display(&folder).display(),
            tree.display(&missing).display()
        ))
    });
    let reason = match (names.is_empty(), is_complete) {
        (true, _) => Reason::NoPlatform,
        (_, true) => Reason::Named,
        _ if folder.is_empty() => Reason::Root,
        _ => Reason::Above,
    };
    let choice = Choice {
        folder,
        reason,
        left_out,
    };
    Ok((choice, warning))
}

/// Whether a file is at `path`, links on the way followed; a link to an absolute path speaks of the image, and counts.
fn holds_file(tree: &FileTree, path: &[u8]) -> bool {
    let link = tree
        .get(path)
        .is_some_and(|node| matches!(node.kind, NodeKind::Symlink(_)));
    link || real_node(tree, path).is_some_and(|node| !node.is_dir())
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
///
/// `missing` is the next folder that the target's names would lead to.
fn refuse_other_platforms(
    tree: &FileTree,
    target: &Target,
    folder: &[u8],
    missing: Option<&[u8]>,
    left_out: &[Vec<u8>],
    all: &[Target],
) -> Result<(), Finding> {
    let own_names = target.folder_names();
    let is_platform_name = |name: &str| {
        let is_name_of = |other: &Target| other.folder_names().iter().any(|part| part == name);
        is_known_name(name) || all.iter().any(is_name_of)
    };
    let folders = tree.folders_in(folder);
    let for_platforms: BTreeSet<Vec<u8>> = folders
        .iter()
        .filter(|name| std::str::from_utf8(name).is_ok_and(is_platform_name))
        .map(|name| join(folder, name))
        .chain(left_out.iter().cloned())
        .collect();
    let here = format!("`{}` has nothing to run", tree.display(folder).display());
    let shown = |paths: &BTreeSet<Vec<u8>>| {
        let name = |path: &Vec<u8>| format!("`{}`", tree.display(path).display());
        paths.iter().map(name).collect::<Vec<_>>().join(", ")
    };
    let Some(missing) = missing else {
        if for_platforms.is_empty() {
            return Ok(());
        }
        let only = format!("{here}, only folders for platforms: {}", shown(&for_platforms));
        return Err(if own_names.is_empty() {
            Finding::error(only)
                .hint("say which platforms to package with [[targets]] in buildpack.toml, or with --target")
        } else {
            Finding::error(format!("target `{target}`: {only}")).hint("name one of them in the target")
        });
    };
    if for_platforms.is_empty() && folder.is_empty() {
        return Ok(());
    }
    let all_folders: BTreeSet<Vec<u8>> = folders.iter().map(|name| join(folder, name)).collect();
    let only = match (for_platforms.is_empty(), all_folders.is_empty()) {
        (false, _) => format!(", only folders for platforms: {}", shown(&for_platforms)),
        (true, false) => format!(", only {}", shown(&all_folders)),
        (true, true) => String::new(),
    };
    let missing = tree.display(missing);
    let missing = missing.display();
    let misplaced = folders
        .iter()
        .find(|name| own_names.iter().any(|own| own.as_bytes() == **name));
    let hint = match misplaced {
        Some(name) => format!(
            "move `{}` below `{missing}`",
            tree.display(&join(folder, name)).display()
        ),
        None => {
            "make that folder with bin/build and bin/detect, set `path` of the target, or remove the target".to_owned()
        }
    };
    Err(Finding::error(format!("target `{target}` has no folder `{missing}`, and {here}{only}")).hint(hint))
}
