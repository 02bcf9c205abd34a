//! [`StoredPackage`]: a packaged buildpack or extension, with all that is in its images.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::packaged_image::{PackagedImage, PackagedModule, PackagedModules};
use super::images::no_image_reason;
use super::module::{Ground, there};
use super::programs::Programs;
use super::together::hold_together;
use super::{Assembly, Kind, Row, or_reason, reason_of};
use crate::cnb::compat::{Cause, Reason, Verdict, cut, listed};
use crate::cnb::labels::ModuleLayer;
use crate::cnb::module::ModuleKind;
use crate::cnb::paths::module_version_folder;
use crate::cnb::target::Target;
use crate::error::{ErrorKind, Result};
use crate::progress::Progress;

/// Modules of one image at most: no builder comes near.
pub(super) const MAX_MODULES: usize = 2_000;

/// A package in a layout or archive, with its images for all platforms.
pub struct StoredPackage {
    kind: ModuleKind,
    name: String,
    /// From each place where it was found.
    images: Vec<Arc<PackagedImage>>,
}

impl StoredPackage {
    /// Of what is called `id@version`.
    #[must_use]
    pub fn new(kind: ModuleKind, name: String, image: PackagedImage) -> Self {
        Self {
            kind,
            name,
            images: vec![Arc::new(image)],
        }
    }

    /// The same package, found at another place too.
    pub fn add(&mut self, image: PackagedImage) {
        self.images.push(Arc::new(image));
    }
}

impl Assembly for StoredPackage {
    fn targets(&self, _progress: &dyn Progress) -> Result<Vec<Target>> {
        Ok(targets_of(&self.images))
    }

    fn rows(&mut self, columns: &[Target], progress: &dyn Progress) -> Result<Vec<Row>> {
        let mut programs = Programs::default();
        let ground = vec![Ground::default(); columns.len()];
        let judge = Judge {
            kind: self.kind,
            columns,
            grounds: &ground,
            progress,
        };
        let mut rows = judge.rows(&mut programs, &self.images, &self.name)?;
        for row in rows.iter_mut().skip(1) {
            row.part_of = Some(self.name.clone());
        }
        hold_together(&mut rows);
        Ok(rows)
    }
}

/// The platforms of the images, and those of the targets in labels. Distributions are those of images: a module may be for more.
pub(super) fn targets_of(images: &[Arc<PackagedImage>]) -> Vec<Target> {
    let mut targets = Vec::new();
    for image in images {
        targets.extend(image.targets());
        for modules in image.readable() {
            targets.extend(
                modules
                    .modules
                    .iter()
                    .flat_map(|module| platforms_of(&module.label.targets)),
            );
        }
    }
    targets.dedup();
    targets
}

/// Targets without their distributions.
pub(super) fn platforms_of(targets: &[Target]) -> impl Iterator<Item = Target> {
    targets.iter().map(|target| Target {
        distros: Vec::new(),
        ..target.clone()
    })
}

/// What packaged modules are judged by.
pub(super) struct Judge<'a> {
    pub(super) kind: ModuleKind,
    pub(super) columns: &'a [Target],
    /// One for each column.
    pub(super) grounds: &'a [Ground],
    pub(super) progress: &'a dyn Progress,
}

impl Judge<'_> {
    /// A row for each module of a package; the main one comes first. `name` is what it is called where nothing can be read.
    pub(super) fn rows(&self, programs: &mut Programs, images: &[Arc<PackagedImage>], name: &str) -> Result<Vec<Row>> {
        let mut rows: Vec<Row> = Vec::new();
        let mut by_name: BTreeMap<String, usize> = BTreeMap::new();
        for modules in images.iter().flat_map(|image| image.readable()) {
            for module in modules.modules.iter().take(MAX_MODULES) {
                let name = name_of(module);
                if !by_name.contains_key(&name) {
                    by_name.insert(name.clone(), rows.len());
                    rows.push(Row::new(Kind::of(self.kind), name, Vec::new()));
                }
            }
        }
        if rows.is_empty() {
            rows.push(Row::new(Kind::of(self.kind), name, Vec::new()));
        }
        for (column, ground) in self.columns.iter().zip(self.grounds) {
            self.progress.check()?;
            self.fill(&mut rows, programs, choose(images, column)?, column, ground)?;
        }
        for row in &mut rows {
            row.source = images.first().map(|image| image.location());
        }
        Ok(rows)
    }

    /// Adds a verdict to each row.
    fn fill(
        &self,
        rows: &mut [Row],
        programs: &mut Programs,
        chosen: Chosen,
        column: &Target,
        ground: &Ground,
    ) -> Result<()> {
        let (image, modules) = match chosen {
            Ok(chosen) => chosen,
            Err(reason) => {
                let verdict = Verdict::no(reason);
                for row in rows {
                    row.verdicts.push(verdict.clone());
                    row.needs.push(Vec::new());
                }
                return Ok(());
            }
        };
        let by_name: BTreeMap<String, &PackagedModule> =
            modules.modules.iter().map(|module| (name_of(module), module)).collect();
        for row in rows {
            let Some(module) = by_name.get(&row.name) else {
                let text = "it is not in the image for this platform";
                row.verdicts
                    .push(Verdict::no(Reason::new(Cause::NotInImage, "not in image", text)));
                row.needs.push(Vec::new());
                continue;
            };
            let verdict = match ground.refuses(self.kind, &module.label, column) {
                Some(reason) => Verdict::no(reason),
                None => self.look_into(programs, &image, &modules, module, column)?,
            };
            row.verdicts.push(verdict);
            row.needs.push(needs_of(&module.label));
        }
        Ok(())
    }

    /// A module that nothing refuses, by its programs.
    fn look_into(
        &self,
        programs: &mut Programs,
        image: &PackagedImage,
        modules: &PackagedModules,
        module: &PackagedModule,
        column: &Target,
    ) -> Result<Verdict> {
        // what is no target of its own is told before its layer is read
        let by_target = crate::cnb::compat::excluded(&module.label.targets, column, Target::fits);
        if let Some(reason) = by_target.filter(|_| !module.label.is_composite()) {
            return Ok(Verdict::no(reason));
        }
        let Some(layer) = modules.image().layer(&module.label.layer_diff_id) else {
            return Ok(Verdict::no(no_layer(&module.label)));
        };
        let folder = module_version_folder(self.kind, &module.id, &module.version);
        Ok(match programs.of(&**image.source(), layer, &folder, self.progress)? {
            Ok(Some(found)) => there(&module.label, &found, column),
            Ok(None) => Verdict::no(no_folder(&folder)),
            Err(reason) => Verdict::no(reason),
        })
    }
}

pub(super) fn no_layer(label: &ModuleLayer) -> Reason {
    let text = format!(
        "its label says that it is in layer {}, which its image has not",
        cut(&label.layer_diff_id)
    );
    Reason::new(Cause::Faulty, "faulty", text)
}

pub(super) fn no_folder(folder: &str) -> Reason {
    let text = format!("its layer has no `{}`", cut(folder));
    Reason::new(Cause::Faulty, "faulty", text)
}

fn name_of(module: &PackagedModule) -> String {
    format!("{}@{}", module.id, module.version)
}

/// The members of a composite.
pub(super) fn needs_of(label: &ModuleLayer) -> Vec<String> {
    let entries = label.order.iter().flat_map(|group| &group.group);
    entries.map(|entry| format!("{}@{}", entry.id, entry.version)).collect()
}

/// The image for a column and what is in it, or why there is none.
type Chosen = Result<(Arc<PackagedImage>, PackagedModules), Reason>;

fn choose(images: &[Arc<PackagedImage>], column: &Target) -> Result<Chosen> {
    let mut failure = None;
    for image in images {
        match or_reason(image.for_target(column))? {
            Ok(modules) => return Ok(Ok((Arc::clone(image), modules))),
            Err(reason) if reason.cause == Cause::NotFound => {
                let own = no_image(image, column, reason.hint.as_deref())?;
                failure.get_or_insert(own);
            }
            Err(reason) => failure = Some(reason),
        }
    }
    Ok(Err(failure.unwrap_or_else(|| no_image_reason(None))))
}

fn no_image(image: &PackagedImage, column: &Target, has: Option<&str>) -> Result<Reason> {
    let any_distro = Target {
        distros: Vec::new(),
        ..column.clone()
    };
    if column.distros.is_empty() {
        return Ok(no_image_reason(has));
    }
    match image.for_target(&any_distro) {
        Ok(_) => {
            let same = |own: &Target| any_distro.fits(own);
            let own: Vec<String> = image
                .targets()
                .iter()
                .filter(|own| same(own))
                .flat_map(|own| &own.distros)
                .map(ToString::to_string)
                .collect();
            let short = own
                .first()
                .map_or_else(|| "other distro".to_owned(), |own| format!("for {}", cut(own)));
            let text = format!("its images are for {}", listed(own));
            Ok(Reason::new(Cause::Distro, short, text))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(no_image_reason(has)),
        Err(error) => reason_of(&error),
    }
}
