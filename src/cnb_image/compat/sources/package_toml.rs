//! [`ModuleSources`]: the components of a package that is still to be made.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::super::dependency::{Content, Dependency, Opener, Role};
use super::super::super::module_source::ModuleSource;
use super::super::super::package_file::PackageFile;
use super::super::super::plan::package::{Ingredients, plan};
use super::super::module::Ground;
use super::super::together::hold_together;
use super::super::{Assembly, Kind, Row, or_reason};
use super::{
    Listed, Table, asked_by, declared_targets, not_declared, not_opened, reason_in, targets_of_all, with_below,
};
use crate::cnb::airpack_config::AirpackConfig;
use crate::cnb::compat::{Cause, Reason, Verdict};
use crate::cnb::module::ModuleKind;
use crate::cnb::target::{DeclaredTarget, Target};
use crate::error::{Findings, Place, Result};
use crate::progress::Progress;

/// What a `package.toml` names, opened as far as it can be.
pub struct ModuleSources<'a, 'o> {
    file: &'a PackageFile,
    kind: ModuleKind,
    opener: &'a mut Opener<'o>,
    progress: &'a dyn Progress,
    main: Result<Arc<ModuleSource>, Reason>,
    /// The main module first, where it could be opened.
    modules: Vec<Listed>,
    /// What the file itself lists, as far as that could be opened.
    dependencies: Vec<Dependency>,
}

impl<'a, 'o> ModuleSources<'a, 'o> {
    /// Opens all that `file` names.
    pub fn open(file: &'a PackageFile, opener: &'a mut Opener<'o>, progress: &'a dyn Progress) -> Result<Self> {
        let kind = match (&file.config.buildpack_uri, &file.config.extension_uri) {
            (None, Some(_)) => ModuleKind::Extension,
            _ => ModuleKind::Buildpack,
        };
        let main = open_main(file, kind, opener)?;
        let mut modules = Vec::new();
        if let Ok(source) = &main {
            modules.push(Listed {
                kind,
                written: source.descriptor.full_name(),
                opened: Ok(main_dependency(source, kind, file)),
            });
        }
        let dependencies = open_dependencies(file, opener, &mut modules, progress)?;
        // the main module's file is this one
        let own = main.as_ref().ok().map(|source| source.tree.origin().to_owned());
        let modules = with_below(opener, modules, own)?;
        Ok(Self {
            file,
            kind,
            opener,
            progress,
            main,
            modules,
            dependencies,
        })
    }

    /// Targets of a composite stand in `package.toml`, those of others in their own file.
    fn declared(&self) -> &[DeclaredTarget] {
        match &self.main {
            Ok(source) if source.descriptor.order.is_none() => &source.descriptor.targets,
            _ => &self.file.config.targets,
        }
    }

    /// What `buildpack package` would say, where nothing else speaks against it.
    fn plan(&mut self, asked: &[Target]) -> Result<Verdict> {
        let Ok(source) = self.main.clone() else {
            return Ok(Verdict::yes());
        };
        let mut findings = Findings::default();
        let mut ingredients = Ingredients {
            source: &source,
            config: Some(self.file),
            dependencies: &self.dependencies,
            asked,
            allow_unknown: true,
            flatten: false,
            flatten_exclude: &BTreeSet::new(),
            opener: self.opener,
            progress: self.progress,
        };
        match or_reason(plan(&mut ingredients, &mut findings))? {
            Err(reason) => Ok(Verdict::no(reason)),
            Ok(Some(_)) => Ok(Verdict::yes()),
            Ok(None) => Ok(Verdict::no(reason_in(&findings, Cause::Faulty, "refused"))),
        }
    }
}

fn open_main(file: &PackageFile, kind: ModuleKind, opener: &Opener<'_>) -> Result<Result<Arc<ModuleSource>, Reason>> {
    let mut findings = Findings::default();
    let Some(path) = file.module_path(kind, &mut findings) else {
        return Ok(Err(reason_in(&findings, Cause::NotFound, "not found")));
    };
    let (is_output, scratch) = (opener.is_output, opener.scratch);
    let source = ModuleSource::open(
        kind,
        &path,
        is_output,
        scratch,
        opener.allow_unknown_target,
        &mut findings,
    );
    Ok(match or_reason(source)? {
        Ok(Some(source)) => Ok(Arc::new(source)),
        Ok(None) => Err(reason_in(&findings, Cause::Faulty, "faulty")),
        Err(reason) => Err(reason),
    })
}

/// What the file itself lists, as far as it can be opened; all of it is added to `modules`.
fn open_dependencies(
    file: &PackageFile,
    opener: &mut Opener<'_>,
    modules: &mut Vec<Listed>,
    progress: &dyn Progress,
) -> Result<Vec<Dependency>> {
    let chain = [file.file.display().to_string()];
    let mut dependencies = Vec::new();
    for entry in &file.config.dependencies {
        progress.check()?;
        let value = &entry.value;
        let what = (value.written.as_str(), &value.locator, &entry.place);
        let mut findings = Findings::default();
        let found = opener.open_listed(Role::Dependency, what, &file.file, &chain, &mut findings);
        dependencies.extend(found.clone());
        modules.push(Listed {
            kind: ModuleKind::Buildpack,
            written: value.written.clone(),
            opened: found.ok_or_else(|| not_opened(&findings, Role::Dependency, &value.written)),
        });
    }
    Ok(dependencies)
}

/// The main module, as if it were listed too.
fn main_dependency(source: &Arc<ModuleSource>, kind: ModuleKind, file: &PackageFile) -> Dependency {
    Dependency {
        role: Role::OfBuilder(kind),
        written: source.descriptor.full_name(),
        place: Place {
            file: file.file.clone(),
            excerpt: None,
        },
        chain: vec![file.file.display().to_string()],
        content: Content::Source(Arc::clone(source)),
    }
}

impl Assembly for ModuleSources<'_, '_> {
    fn targets(&self, _progress: &dyn Progress) -> Result<Vec<Target>> {
        let declared = declared_targets(self.declared());
        let mut targets: Vec<Target> = declared.iter().map(Target::with_defaults).collect();
        targets.extend(targets_of_all(&self.modules));
        Ok(targets)
    }

    fn rows(&mut self, columns: &[Target], progress: &dyn Progress) -> Result<Vec<Row>> {
        let declared = declared_targets(self.declared());
        let own = self.main.as_ref().ok().map(|source| &source.settings);
        let settings: Vec<AirpackConfig> = own.into_iter().chain([&self.file.settings]).cloned().collect();
        let grounds = vec![Ground::default(); columns.len()];
        let table = Table {
            columns,
            grounds: &grounds,
            targets: &declared,
            settings: &settings,
            progress,
        };
        let mut rows = table.rows(&self.modules)?;
        if let Err(reason) = &self.main {
            let uri = self.file.config.uri_of(self.kind);
            let name = uri.map_or_else(|| self.file.file.display().to_string(), |uri| uri.value.clone());
            rows.insert(
                0,
                Row::missing(Kind::of(self.kind), &name, reason.clone(), columns.len()),
            );
        }
        let name = rows.first().map(|row| row.name.clone());
        for row in rows.iter_mut().skip(1) {
            row.part_of.clone_from(&name);
        }
        hold_together(&mut rows);
        for (at, column) in columns.iter().enumerate() {
            if !rows[0].verdicts[at].is_there() {
                continue;
            }
            let asked = asked_by(&declared, column);
            if asked.is_empty() {
                rows[0].verdicts[at] = not_declared(&declared);
                continue;
            }
            let planned = self.plan(&asked)?;
            if !planned.is_there() {
                rows[0].verdicts[at] = planned;
            }
        }
        Ok(rows)
    }
}
