//! What a `builder.toml` or a `package.toml` lists, opened as far as it can be.

mod builder_toml;
mod package_toml;

pub use builder_toml::BuilderSources;
pub use package_toml::ModuleSources;

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::slice;
use std::sync::Arc;

use super::super::dependency::{Content, Dependency, Opener, Role, refusal};
use super::super::module_source::{ModuleSource, TargetView};
use super::module::{Ground, there};
use super::packages::{Judge, needs_of, platforms_of, targets_of};
use super::programs::{self, Programs};
use super::{Kind, Row, or_reason};
use crate::cnb::airpack_config::AirpackConfig;
use crate::cnb::compat::{Cause, Reason, Verdict, excluded};
use crate::cnb::labels::ModuleLayer;
use crate::cnb::module::ModuleKind;
use crate::cnb::target::{DeclaredTarget, Target};
use crate::error::{ErrorKind, Finding, Findings, Result, Severity};
use crate::progress::Progress;

/// A module that a file lists.
struct Listed {
    kind: ModuleKind,
    /// As the file says it.
    written: String,
    /// What it turned out to be, or why it can not be had.
    opened: Result<Dependency, Reason>,
}

/// The reason in the errors of some findings; `cause` and its few words where there are none.
fn reason_in(findings: &Findings, cause: Cause, short: &str) -> Reason {
    let first = findings.iter().find(|finding| finding.severity == Severity::Error);
    let (text, hint) = match first {
        Some(Finding { message, hint, .. }) => (message.clone(), hint.clone()),
        None => ("it can not be read".to_owned(), None),
    };
    Reason::new(cause, short, text).with_hint(hint)
}

/// Why something that is listed can not be opened. That it is listed there need not be said.
fn not_opened(findings: &Findings, role: Role, written: &str) -> Reason {
    let mut reason = reason_in(findings, Cause::NotFound, "not found");
    let name = format!("{} `{written}`: ", role.name());
    if reason.text.starts_with(&name) {
        reason.text.drain(..name.len());
    }
    reason
}

/// Adds what composites in folders list themselves, where nothing else offers it; but for the one in the folder `own`.
fn with_below(opener: &mut Opener<'_>, mut listed: Vec<Listed>, own: Option<PathBuf>) -> Result<Vec<Listed>> {
    let mut followed: HashSet<PathBuf> = own.into_iter().collect();
    let mut known: BTreeSet<String> = listed.iter().flat_map(names_of).collect();
    let mut at = 0;
    while at < listed.len() {
        let own = &listed[at];
        at += 1;
        let Ok(Dependency {
            content: Content::Source(source),
            chain,
            ..
        }) = &own.opened
        else {
            continue;
        };
        let order = ModuleLayer::of(&source.descriptor);
        let is_whole = needs_of(&order).iter().all(|need| known.contains(need));
        if is_whole || !followed.insert(source.tree.origin().to_owned()) {
            continue;
        }
        let (kind, source, chain) = (own.kind, Arc::clone(source), chain.clone());
        let more = below(opener, kind, &source, &chain)?;
        known.extend(more.iter().flat_map(names_of));
        listed.extend(more);
    }
    Ok(listed)
}

/// What the `package.toml` of a composite in a folder lists; what can not be opened as well.
fn below(opener: &mut Opener<'_>, kind: ModuleKind, source: &ModuleSource, chain: &[String]) -> Result<Vec<Listed>> {
    let of = source.descriptor.full_name();
    let mut findings = Findings::default();
    let found = match opener.open_below(source, chain, &mut findings) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::Stopped => return Err(error),
        Err(error) => {
            findings.push(refusal(&of, &error));
            Vec::new()
        }
    };
    let broken = findings.iter().filter(|finding| finding.severity == Severity::Error);
    let broken = broken.map(|fault| {
        let reason = Reason::new(Cause::NotFound, "not found", fault.message.clone());
        Listed {
            kind,
            written: format!("a dependency of {of}"),
            opened: Err(reason.with_hint(fault.hint.clone())),
        }
    });
    let found = found.into_iter().map(|dependency| Listed {
        kind,
        written: dependency.written.clone(),
        opened: Ok(dependency),
    });
    Ok(found.chain(broken).collect())
}

/// The modules that something offers, as `id@version`.
fn names_of(listed: &Listed) -> Vec<String> {
    match listed.opened.as_ref().map(|dependency| &dependency.content) {
        Ok(Content::Source(source)) => vec![source.descriptor.full_name()],
        Ok(Content::Image(image)) => {
            let modules = image.readable().flat_map(|modules| modules.modules);
            modules
                .map(|module| format!("{}@{}", module.id, module.version))
                .collect()
        }
        Err(_) => Vec::new(),
    }
}

/// The platforms that the listed modules speak of.
fn targets_of_all(listed: &[Listed]) -> Vec<Target> {
    let opened = listed.iter().filter_map(|listed| listed.opened.as_ref().ok());
    let targets = opened.flat_map(|dependency| match &dependency.content {
        Content::Image(image) => targets_of(slice::from_ref(image)),
        Content::Source(source) => {
            let targets: Vec<Target> = source.descriptor.written_targets().cloned().collect();
            platforms_of(&targets).collect()
        }
    });
    targets.collect()
}

/// What all listed modules are judged by.
struct Table<'a> {
    columns: &'a [Target],
    /// One for each column.
    grounds: &'a [Ground],
    /// What is packaged for.
    targets: &'a [Target],
    /// What leaves modules out.
    settings: &'a [AirpackConfig],
    progress: &'a dyn Progress,
}

impl Table<'_> {
    /// A row for each module, each once.
    fn rows(&self, listed: &[Listed]) -> Result<Vec<Row>> {
        let mut programs = Programs::default();
        let mut seen: BTreeSet<(Kind, String)> = BTreeSet::new();
        let mut rows = Vec::new();
        for own in listed {
            let mut found = match own.opened.as_ref().map(|dependency| &dependency.content) {
                Err(reason) => {
                    let kind = Kind::of(own.kind);
                    vec![Row::missing(kind, &own.written, reason.clone(), self.columns.len())]
                }
                Ok(Content::Source(source)) => vec![self.of_source(source)?],
                Ok(Content::Image(image)) => {
                    let judge = Judge {
                        kind: own.kind,
                        columns: self.columns,
                        grounds: self.grounds,
                        progress: self.progress,
                    };
                    judge.rows(&mut programs, slice::from_ref(image), &own.written)?
                }
            };
            found.retain(|row| seen.insert((row.kind, row.name.clone())));
            rows.extend(found);
        }
        for row in &mut rows {
            self.leave_out(row);
        }
        Ok(rows)
    }

    fn leave_out(&self, row: &mut Row) {
        let Some((id, version)) = row.name.split_once('@') else {
            return;
        };
        for (column, verdict) in self.columns.iter().zip(&mut row.verdicts) {
            if !self
                .settings
                .iter()
                .all(|settings| settings.includes(id, version, column))
            {
                let text = "airpack.toml leaves it out";
                *verdict = Verdict::no(Reason::new(Cause::LeftOut, "left out", text));
            }
        }
    }

    /// A module that is not packaged yet.
    fn of_source(&self, source: &ModuleSource) -> Result<Row> {
        let kind = source.descriptor.kind;
        let mut row = Row::new(Kind::of(kind), source.descriptor.full_name(), Vec::new());
        row.source = Some(source.tree.origin().display().to_string());
        for (column, ground) in self.columns.iter().zip(self.grounds) {
            self.progress.check()?;
            let (verdict, needs) = match self.view(source, column)? {
                Err(reason) => (Verdict::no(reason), Vec::new()),
                Ok(view) => seen(source, &view, column, ground)?,
            };
            row.verdicts.push(verdict);
            row.needs.push(needs);
        }
        Ok(row)
    }

    /// How a column sees a module, or why it does not.
    fn view(&self, source: &ModuleSource, column: &Target) -> Result<Result<TargetView, Reason>> {
        let targets: Vec<Target> = source.descriptor.written_targets().cloned().collect();
        if let Some(reason) = excluded(&targets, column, Target::fits) {
            return Ok(Err(reason));
        }
        let mut findings = Findings::default();
        let viewed = source.view_for(column, self.targets.iter().cloned(), &mut findings);
        Ok(match or_reason(viewed)? {
            Ok(Some(view)) if !findings.has_errors() => Ok(view),
            Ok(_) => Err(reason_in(&findings, Cause::NoFiles, "no files")),
            Err(reason) => Err(reason),
        })
    }
}

/// What is said of a module as a column sees it, and what it needs.
fn seen(source: &ModuleSource, view: &TargetView, column: &Target, ground: &Ground) -> Result<(Verdict, Vec<String>)> {
    let label = ModuleLayer::of(&view.descriptor);
    let is_left_out = |name: &String| {
        let key = name.split_once('@');
        key.is_some_and(|(id, version)| !source.settings.includes(id, version, column))
    };
    let mut needs = needs_of(&label);
    needs.retain(|name| !is_left_out(name));
    if let Some(reason) = ground.refuses(source.descriptor.kind, &label, column) {
        return Ok((Verdict::no(reason), needs));
    }
    let verdict = match or_reason(programs::of_source(source, view))? {
        Ok(found) => there(&label, &found, column),
        Err(reason) => Verdict::no(reason),
    };
    Ok((verdict, needs))
}

/// All targets of a file, each with at most one distribution; the usual one where there are none.
fn declared_targets(declared: &[DeclaredTarget]) -> Vec<Target> {
    let targets: Vec<Target> = declared.iter().flat_map(|declared| declared.target.expand()).collect();
    if targets.is_empty() {
        vec![Target::default()]
    } else {
        targets
    }
}

/// Those of the targets of a file that a column stands for.
fn asked_by(declared: &[Target], column: &Target) -> Vec<Target> {
    let is_same = |own: &&Target| {
        let own = own.with_defaults();
        own.fits(column) && own.usual_variant() == column.usual_variant()
    };
    declared.iter().filter(is_same).cloned().collect()
}

/// That a file does not make anything for a column.
fn not_declared(declared: &[Target]) -> Verdict {
    let all: Vec<Target> = declared.iter().map(Target::with_defaults).collect();
    let text = format!("its targets are {}", crate::cnb::compat::listed(all));
    Verdict::no(Reason::new(Cause::Targets, "not in targets", text))
}
