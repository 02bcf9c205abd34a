//! Brings a buildpack to `[[targets]]` and platform root folders (RFC 0128): shows what changes, or does it.

mod apply;
mod facts;

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::archive::entry::parent;
use crate::archive::file_tree::{FileTree, walk_order};
use crate::cnb::migrate::{Facts, Plan};
use crate::cnb::module::{ModuleKind, STACKS_DEPRECATED};
use crate::cnb::paths::{AIRPACK_TOML, BUILDPACK_TOML, EXTENSION_TOML};
use crate::cnb::target::Target;
use crate::cnb::target_edit::share;
use crate::cnb_image::module_source::ModuleSource;
use crate::error::{Error, ErrorKind, Finding, Findings, Place, Result};
use crate::oci::json::displayed;
use crate::progress::Progress;

/// What to migrate, and how.
#[derive(Debug, Clone)]
pub struct MigrateRequest {
    /// The buildpack's folder.
    pub folder: PathBuf,
    /// Targets in place of those that the buildpack says.
    pub targets: Vec<Target>,
    /// Whether what is for all platforms stays where it is, and is declared in `airpack.toml`.
    pub share: bool,
    /// Whether it is done; otherwise it is only told.
    pub write: bool,
    /// Takes targets that are not known.
    pub allow_unknown_target: bool,
    /// Where nameless temporary files go.
    pub scratch: PathBuf,
}

/// What changes, or has changed.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MigrateReport {
    /// The buildpack's folder.
    #[serde(serialize_with = "displayed")]
    pub folder: PathBuf,
    /// Whether nothing has to change.
    pub is_done: bool,
    /// Whether it was written.
    pub written: bool,
    /// What is to be done.
    #[serde(flatten)]
    pub plan: Plan,
    /// The files as they were.
    pub before: Vec<String>,
    /// The files as they will be.
    pub after: Vec<After>,
    /// What is wrong and does not matter for this.
    #[serde(skip)]
    pub warnings: Findings,
}

/// A file as it will be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct After {
    /// Where it is.
    pub path: String,
    /// What happened to it.
    #[serde(flatten)]
    pub change: Change,
}

/// What happens to a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "change", content = "from", rename_all = "lowercase")]
pub enum Change {
    /// Nothing.
    None,
    /// It gets other text.
    Edited,
    /// It is new.
    New,
    /// It comes from there.
    From(String),
}

/// What is written, with what is there already left out.
#[derive(Debug, Default)]
struct Work {
    /// Where it comes from, its platform root folder, and where it goes.
    copies: Vec<Copy>,
    /// What goes from the buildpack's own folder.
    gone: BTreeSet<String>,
    buildpack_toml: Option<String>,
    airpack_toml: Option<String>,
}

#[derive(Debug)]
struct Copy {
    from: String,
    to: String,
    folder: String,
}

/// Plans all of it, and then does it or leaves everything as it was. A run that was killed is finished by the next.
pub fn run(request: &MigrateRequest, progress: &dyn Progress) -> Result<MigrateReport> {
    let folder = &request.folder;
    let task = format!("migrate `{}`", folder.display());
    let mut findings = Findings::default();
    for target in &request.targets {
        for (_, finding) in target.check(request.allow_unknown_target) {
            findings.push(finding);
        }
    }
    let opened = open(request, &mut findings).map_err(|error| error.context(format!("failed to {task}")))?;
    let planned = match opened {
        Some(source) if !findings.has_errors() => {
            plan(request, source, &mut findings).map_err(|error| error.context(format!("failed to {task}")))?
        }
        _ => None,
    };
    // the plan has advice on them
    let findings = keep(&findings, |finding| finding.message != STACKS_DEPRECATED);
    let warnings = findings.into_warnings(&task)?;
    let Some((source, plan, work)) = planned else {
        return Err(Error::invalid(format!("failed to {task}")));
    };
    let report = MigrateReport {
        folder: folder.clone(),
        is_done: plan.is_done(),
        written: request.write,
        before: names(&source.tree),
        after: after(&source.tree, &work),
        plan,
        warnings,
    };
    if request.write && report.is_done {
        apply::sweep(folder);
    } else if request.write {
        apply::run(folder, &source.tree, &work, progress)
            .map_err(|error| error.context(format!("failed to {task}: nothing has changed")))?;
    }
    Ok(report)
}

fn keep(findings: &Findings, is_kept: impl Fn(&Finding) -> bool) -> Findings {
    let mut kept = Findings::default();
    for finding in findings.iter().filter(|finding| is_kept(finding)) {
        kept.push(finding.clone());
    }
    kept
}

fn open(request: &MigrateRequest, findings: &mut Findings) -> Result<Option<ModuleSource>> {
    let folder = &request.folder;
    if !folder.is_dir() {
        let metadata = std::fs::metadata(folder).map_err(|cause| Error::io("open buildpack", folder, cause))?;
        let what = if metadata.is_file() {
            "a file"
        } else {
            "neither a file nor a folder"
        };
        return Err(
            Error::invalid(format!("`{}` is {what}, not a folder", folder.display())).with_hint(format!(
                "give the folder that holds {BUILDPACK_TOML}; an archive has to be unpacked first"
            )),
        );
    }
    let has = |name: &str| folder.join(name).exists();
    if has(EXTENSION_TOML) && !has(BUILDPACK_TOML) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "it is an extension, and only buildpacks are migrated",
        )
        .with_hint("extensions had no stacks: write [[targets]] into extension.toml, and move bin/ to os/arch/bin"));
    }
    if !has(BUILDPACK_TOML) {
        let message = format!("no {BUILDPACK_TOML} in `{}`", folder.display());
        return Err(Error::new(ErrorKind::NotFound, message).with_hint(format!(
            "give the folder that holds {BUILDPACK_TOML}, as `airpack buildpack migrate DIR`"
        )));
    }
    for name in [BUILDPACK_TOML, AIRPACK_TOML] {
        let path = folder.join(name);
        if path.is_symlink() {
            return Err(
                Error::new(ErrorKind::Unsupported, format!("`{}` is a link", path.display()))
                    .with_hint("migrate the buildpack that it leads to, or put the file in its place"),
            );
        }
    }
    let source = ModuleSource::open(
        ModuleKind::Buildpack,
        folder,
        &facts::is_left_out,
        &request.scratch,
        request.allow_unknown_target,
        findings,
    )?;
    if let Some(order) = source.as_ref().and_then(|source| source.descriptor.order.as_ref()) {
        findings.push(
            Finding::error("it is a composite: its targets stand in package.toml, and it has nothing to run")
                .hint("write [[targets]] into package.toml, and migrate the buildpacks that it is made of")
                .at(order.place.clone()),
        );
    }
    Ok(source)
}

fn plan(
    request: &MigrateRequest,
    source: ModuleSource,
    findings: &mut Findings,
) -> Result<Option<(ModuleSource, Plan, Work)>> {
    let text = source.read_text(BUILDPACK_TOML.as_bytes())?;
    let files = facts::files(&source, findings)?;
    let stack_places = facts::stack_places(&source.tree.display(BUILDPACK_TOML.as_bytes()), &text);
    let shared: Vec<String> = source
        .settings
        .shared
        .iter()
        .map(|shared| shared.value.clone())
        .collect();
    let facts = Facts {
        files: &files,
        descriptor: &source.descriptor,
        stack_places: &stack_places,
        shared: &shared,
        asked: &request.targets,
        is_sharing: request.share,
    };
    if findings.has_errors() {
        return Ok(None);
    }
    let (plan, more) = Plan::of(&facts);
    findings.append(more);
    let Some(mut plan) = plan else { return Ok(None) };
    let work = work(&source, &mut plan, &text, findings)?;
    Ok((!findings.has_errors()).then_some((source, plan, work)))
}

/// Compares with what is there: what is the same is not written, what is not is not written over.
fn work(source: &ModuleSource, plan: &mut Plan, text: &str, findings: &mut Findings) -> Result<Work> {
    let tree = &source.tree;
    let mut work = Work::default();
    for one in &plan.moves {
        let mut has_gone_there = false;
        for to in &one.to {
            let is_there = tree.get(to.path.as_bytes()).is_some();
            if is_there && facts::is_same(tree, &one.from, &to.path)? {
                has_gone_there = true;
            } else if is_there && to.is_written {
                let place = Place {
                    file: tree.display(to.path.as_bytes()),
                    excerpt: None,
                };
                findings.push(
                    Finding::error(format!("`{}` would go to `{}`, which is another", one.from, to.path))
                        .hint("keep one of the two, and run again")
                        .at(place),
                );
            } else if !is_there {
                has_gone_there = true;
                work.copies.push(Copy {
                    from: one.from.clone(),
                    to: to.path.clone(),
                    folder: to.folder.clone(),
                });
            }
        }
        if has_gone_there {
            work.gone.insert(one.from.clone());
        } else {
            plan.notes
                .push(format!("`{}` stays where it is: each platform has its own", one.from));
        }
    }
    plan.moves.retain(|one| work.gone.contains(&one.from));
    if !plan.edit.is_empty() {
        work.buildpack_toml = Some(plan.edit.apply(text)?);
    }
    if !plan.share.is_empty() {
        let before = match tree.get(AIRPACK_TOML.as_bytes()) {
            Some(_) => source.read_text(AIRPACK_TOML.as_bytes())?,
            None => String::new(),
        };
        work.airpack_toml = Some(share(&before, &plan.share)?);
    }
    Ok(work)
}

/// What is no folder, and folders with nothing in them.
fn names(tree: &FileTree) -> Vec<String> {
    let parents = parents(tree);
    let nodes = tree.nodes().iter();
    nodes
        .filter(|node| !parents.contains(node.path.as_slice()))
        .map(|node| {
            let slash = if node.is_dir() { "/" } else { "" };
            format!("{}{slash}", String::from_utf8_lossy(&node.path))
        })
        .filter(|path| !path.starts_with(".git/"))
        .collect()
}

fn after(tree: &FileTree, work: &Work) -> Vec<After> {
    let mut after: BTreeSet<After> = names(tree)
        .into_iter()
        .filter(|path| !work.gone.contains(path.trim_end_matches('/')))
        .map(|path| {
            let is_edited = (path == BUILDPACK_TOML && work.buildpack_toml.is_some())
                || (path == AIRPACK_TOML && work.airpack_toml.is_some());
            let change = if is_edited { Change::Edited } else { Change::None };
            After { path, change }
        })
        .collect();
    if work.airpack_toml.is_some() && tree.get(AIRPACK_TOML.as_bytes()).is_none() {
        after.insert(After {
            path: AIRPACK_TOML.to_owned(),
            change: Change::New,
        });
    }
    after.extend(work.copies.iter().map(|copy| {
        let slash = if tree.is_dir(copy.from.as_bytes()) { "/" } else { "" };
        After {
            path: format!("{}{slash}", copy.to),
            change: Change::From(copy.from.clone()),
        }
    }));
    let mut after: Vec<After> = after.into_iter().collect();
    after.sort_by(|a, b| walk_order(a.path.as_bytes(), b.path.as_bytes()));
    after
}

/// Folders with something in them.
fn parents(tree: &FileTree) -> HashSet<&[u8]> {
    tree.nodes().iter().filter_map(|node| parent(&node.path)).collect()
}

/// Where a file is on disk.
fn on_disk(root: &Path, path: &str) -> PathBuf {
    root.join(path)
}
