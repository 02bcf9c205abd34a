//! [`BuilderSources`]: the components of a builder that is still to be made.

use std::collections::BTreeSet;
use std::path::Path;
use std::slice;

use super::super::super::base_image::{BaseImage, ChosenImage};
use super::super::super::builder_file::BuilderFile;
use super::super::super::dependency::{Opener, Role};
use super::super::super::labels_below::labels_below;
use super::super::super::lifecycle_shelf::{LifecycleChoice, LifecycleShelf};
use super::super::super::plan::builder::{BuilderIngredients, plan};
use super::super::super::plan::builder_footing::find_base;
use super::super::images::{choose, find_run_image, run_image};
use super::super::module::Ground;
use super::super::programs::wrong_machine;
use super::super::together::hold_together;
use super::super::{Assembly, Kind, Row, or_reason};
use super::{
    Listed, Table, asked_by, declared_targets, not_declared, not_opened, reason_in, targets_of_all, with_below,
};
use crate::cnb::compat::{Cause, Reason, Verdict, listed as listed_text};
use crate::cnb::module::ModuleKind;
use crate::cnb::target::Target;
use crate::error::{Findings, Result};
use crate::progress::Progress;

/// What a `builder.toml` names, opened as far as it can be.
pub struct BuilderSources<'a, 'o> {
    file: &'a BuilderFile,
    opener: &'a mut Opener<'o>,
    /// All lifecycles that are named, those that count first coming first.
    lifecycles: Vec<Vec<LifecycleChoice>>,
    /// Where released lifecycles are.
    lifecycle_folder: Option<&'a Path>,
    /// What images are needed for.
    platforms: &'o [String],
    progress: &'o dyn Progress,
    base: Result<BaseImage, Reason>,
    run_images: Vec<(String, Result<Vec<BaseImage>, Reason>)>,
    modules: Vec<Listed>,
}

/// What stands below the modules for one column.
struct Footing {
    base: Result<ChosenImage, Reason>,
    lifecycle: Verdict,
    version: String,
    ground: Ground,
}

impl<'a, 'o> BuilderSources<'a, 'o> {
    /// Opens all that `file` names. `given` are lifecycles that count before those of files.
    pub fn open(
        file: &'a BuilderFile,
        opener: &'a mut Opener<'o>,
        (given, lifecycle_folder): (&[LifecycleChoice], Option<&'a Path>),
        platforms: &'o [String],
        progress: &'o dyn Progress,
    ) -> Result<Self> {
        let config = &file.config;
        let base = match &config.build_image {
            Some(named) => or_reason(find_base(opener, &named.value, &file.file))?,
            None => Err(Reason::new(Cause::NotFound, "not found", "no build image is named")),
        };
        let mut run_images = Vec::new();
        for named in &config.run_images {
            let image = &named.value;
            let mirrors = image.mirrors.iter().flatten().cloned();
            let names: Vec<String> = std::iter::once(image.image.clone()).chain(mirrors).collect();
            let found = find_run_image(opener.library, &names, platforms)?;
            run_images.push((image.image.clone(), found));
        }
        let modules = open_modules(file, opener, progress)?;
        Ok(Self {
            modules: with_below(opener, modules, None)?,
            lifecycles: file.lifecycles(given),
            file,
            opener,
            lifecycle_folder,
            platforms,
            progress,
            base,
            run_images,
        })
    }

    fn name(&self) -> String {
        self.file.file.display().to_string()
    }

    fn shelf(&self) -> LifecycleShelf<'o> {
        LifecycleShelf::new(
            self.lifecycles.clone(),
            self.lifecycle_folder.map(Path::to_owned),
            self.opener.library,
            self.platforms,
            self.progress,
        )
    }

    fn footing(&self, lifecycles: &mut LifecycleShelf<'o>, column: &Target) -> Result<Footing> {
        let mut ground = Ground::default();
        let (lifecycle, version) = match lifecycles.for_target(column) {
            Ok(found) => {
                let descriptor = &found.source.descriptor;
                ground.lifecycle = Some(descriptor.clone());
                let misfit = found.source.misfit(&column.arch);
                let verdict = misfit.map(|(name, program)| wrong_machine(name, program, &column.arch));
                (verdict.unwrap_or_else(Verdict::yes), descriptor.version.clone())
            }
            Err(finding) => {
                self.progress.check()?;
                let reason = Reason::new(Cause::NotFound, "not found", finding.message).with_hint(finding.hint);
                (Verdict::no(reason), String::new())
            }
        };
        let mut base = match &self.base {
            Ok(base) => choose(slice::from_ref(base), column, self.progress)?,
            Err(reason) => Err(reason.clone()),
        };
        if let Ok(chosen) = &base {
            let config = &chosen.image.config;
            match or_reason(labels_below(&config.labels(), &config.rootfs.diff_ids))? {
                Ok(below) => {
                    ground.image = Some(chosen.target());
                    ground.stack = below.stack_id.map(|id| (id, below.mixins.unwrap_or_default()));
                }
                Err(reason) => base = Err(reason),
            }
        }
        Ok(Footing {
            base,
            lifecycle,
            version,
            ground,
        })
    }

    /// The rows of images and of the lifecycle.
    fn below(&self, columns: &[Target], footings: &[Footing]) -> Result<Vec<Row>> {
        let base = footings.iter().map(|footing| match &footing.base {
            Ok(_) => Verdict::yes(),
            Err(reason) => Verdict::no(reason.clone()),
        });
        let named = self.file.config.build_image.as_ref();
        let name = named.map_or("none", |named| named.value.as_str());
        let mut row = Row::new(Kind::BuildImage, name, base.collect());
        row.source = self.base.as_ref().ok().map(BaseImage::location);
        let mut rows = vec![row];
        for (name, found) in &self.run_images {
            let found = match found {
                Ok(found) => found,
                Err(reason) => {
                    rows.push(Row::missing(Kind::RunImage, name, reason.clone(), columns.len()));
                    continue;
                }
            };
            let mut verdicts = Vec::new();
            for (column, footing) in columns.iter().zip(footings) {
                verdicts.push(run_image(found, column, footing.base.as_ref().ok(), self.progress)?);
            }
            let mut row = Row::new(Kind::RunImage, name.clone(), verdicts);
            row.source = found.first().map(BaseImage::location);
            rows.push(row);
        }
        let versions = footings.iter().map(|footing| footing.version.as_str());
        let versions: BTreeSet<&str> = versions.filter(|version| !version.is_empty()).collect();
        let name = if versions.is_empty() {
            "?".to_owned()
        } else {
            listed_text(versions)
        };
        let verdicts = footings.iter().map(|footing| footing.lifecycle.clone());
        rows.push(Row::new(Kind::Lifecycle, name, verdicts.collect()));
        Ok(rows)
    }

    /// The row of the builder itself, and all that it needs.
    fn builder(&self, columns: &[Target], declared: &[Target], parts: [&[Row]; 2]) -> Row {
        let mut builder = Row::new(Kind::Builder, self.name(), Vec::new());
        for (at, column) in columns.iter().enumerate() {
            let is_declared = !asked_by(declared, column).is_empty();
            builder.verdicts.push(if is_declared {
                Verdict::yes()
            } else {
                not_declared(declared)
            });
            // a run image that was not found is not looked at
            let is_needed = |row: &&Row| row.kind != Kind::RunImage || !row.verdicts[at].is_by(Cause::NotFound);
            let parts = parts.into_iter().flatten().filter(is_needed);
            builder.needs.push(parts.map(|row| row.name.clone()).collect());
        }
        builder
    }

    /// What `builder create` would say, where nothing else speaks against it.
    fn plan(&mut self, asked: &[Target]) -> Result<Verdict> {
        let mut findings = Findings::default();
        let lifecycles = self.shelf();
        let mut ingredients = BuilderIngredients {
            file: self.file,
            asked,
            allow_unknown: true,
            flatten: &[],
            opener: self.opener,
            lifecycles,
            progress: self.progress,
        };
        match or_reason(plan(&mut ingredients, &mut findings))? {
            Err(reason) => Ok(Verdict::no(reason)),
            Ok(Some(_)) => Ok(Verdict::yes()),
            Ok(None) => Ok(Verdict::no(reason_in(&findings, Cause::Faulty, "refused"))),
        }
    }
}

/// All modules that the file itself lists.
fn open_modules(file: &BuilderFile, opener: &mut Opener<'_>, progress: &dyn Progress) -> Result<Vec<Listed>> {
    let mut modules = Vec::new();
    for kind in [ModuleKind::Buildpack, ModuleKind::Extension] {
        for entry in file.config.modules(kind) {
            progress.check()?;
            let value = &entry.value;
            let what = (value.written.as_str(), &value.locator, &entry.place);
            let chain = [file.file.display().to_string()];
            let mut findings = Findings::default();
            let found = opener.open_listed(Role::OfBuilder(kind), what, &file.file, &chain, &mut findings);
            modules.push(Listed {
                kind,
                written: value.written.clone(),
                opened: found.ok_or_else(|| not_opened(&findings, Role::OfBuilder(kind), &value.written)),
            });
        }
    }
    Ok(modules)
}

impl Assembly for BuilderSources<'_, '_> {
    fn targets(&self, progress: &dyn Progress) -> Result<Vec<Target>> {
        let mut targets: Vec<Target> = declared_targets(&self.file.config.targets);
        for target in &mut targets {
            *target = target.with_defaults();
        }
        let found = self
            .run_images
            .iter()
            .filter_map(|(_, found)| found.as_ref().ok())
            .flatten();
        for image in self.base.iter().chain(found) {
            targets.extend(image.targets(progress)?);
        }
        targets.extend(targets_of_all(&self.modules));
        Ok(targets)
    }

    fn rows(&mut self, columns: &[Target], progress: &dyn Progress) -> Result<Vec<Row>> {
        let declared = declared_targets(&self.file.config.targets);
        let mut lifecycles = self.shelf();
        let mut footings = Vec::new();
        for column in columns {
            progress.check()?;
            footings.push(self.footing(&mut lifecycles, column)?);
        }
        let below = self.below(columns, &footings)?;
        let grounds: Vec<Ground> = footings.into_iter().map(|footing| footing.ground).collect();
        let whole: Vec<Target> = declared.iter().map(Target::with_defaults).collect();
        let table = Table {
            columns,
            grounds: &grounds,
            targets: &whole,
            settings: slice::from_ref(&self.file.settings),
            progress,
        };
        let modules = table.rows(&self.modules)?;
        let builder = self.builder(columns, &declared, [&below, &modules]);
        let mut rows = vec![builder];
        rows.extend(below);
        rows.extend(modules);
        hold_together(&mut rows);
        for (at, column) in columns.iter().enumerate() {
            if rows[0].verdicts[at].is_there() {
                rows[0].verdicts[at] = self.plan(&asked_by(&declared, column))?;
            }
        }
        let name = self.name();
        for row in rows.iter_mut().skip(1) {
            row.part_of = Some(name.clone());
        }
        Ok(rows)
    }
}
