//! [`StoredBuilder`]: a builder in a layout: its images, its run images, its lifecycle and its modules.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::base_image::{BaseImage, ChosenImage};
use super::super::builder_view::BuilderView;
use super::super::labels_below::labels_below;
use super::images::{choose, find_run_image, lifecycle, run_image, targets_of};
use super::module::{Ground, there};
use super::packages::{MAX_MODULES, needs_of, no_folder, no_layer, platforms_of};
use super::programs::Programs;
use super::together::hold_together;
use super::{Assembly, Kind, Row, reason_of};
use crate::cnb::compat::{Cause, Reason, Verdict, listed};
use crate::cnb::id::{ModuleId, ModuleVersion};
use crate::cnb::labels::{ModuleLayer, ModuleLayers};
use crate::cnb::module::ModuleKind;
use crate::cnb::paths::module_version_folder;
use crate::cnb::target::Target;
use crate::error::Result;
use crate::oci::library::Library;
use crate::progress::Progress;

/// Both kinds of modules.
const KINDS: [ModuleKind; 2] = [ModuleKind::Buildpack, ModuleKind::Extension];

/// A builder with its images for all platforms.
pub struct StoredBuilder<'a> {
    name: String,
    /// From each place where it was found.
    images: Vec<BaseImage>,
    /// Where run images are looked up.
    library: &'a Library,
}

/// The image for one column, and what its labels say.
struct InColumn {
    chosen: ChosenImage,
    view: BuilderView,
    ground: Ground,
}

impl<'a> StoredBuilder<'a> {
    /// Of this name; run images are looked up in `library`.
    #[must_use]
    pub fn new(name: String, image: BaseImage, library: &'a Library) -> Self {
        Self {
            name,
            images: vec![image],
            library,
        }
    }

    /// The same builder, found at another place too.
    pub fn add(&mut self, image: BaseImage) {
        self.images.push(image);
    }

    fn view(&self, column: &Target, progress: &dyn Progress) -> Result<Result<InColumn, Reason>> {
        let chosen = match choose(&self.images, column, progress)? {
            Ok(chosen) => chosen,
            Err(reason) => return Ok(Err(reason)),
        };
        let config = &chosen.image.config;
        let labels = config.labels();
        let below = match labels_below(&labels, &config.rootfs.diff_ids) {
            Ok(below) => below,
            Err(error) => return reason_of(&error).map(Err),
        };
        let Some(view) = BuilderView::of(&labels).filter(|view| view.unreadable_labels.is_empty()) else {
            let text = "its labels are not those of a builder";
            return Ok(Err(Reason::new(Cause::Faulty, "faulty", text)));
        };
        let ground = Ground {
            image: Some(chosen.target()),
            lifecycle: Some(view.lifecycle.clone()),
            stack: below.stack_id.map(|id| (id, below.mixins.unwrap_or_default())),
        };
        Ok(Ok(InColumn { chosen, view, ground }))
    }

    /// What all images of it say, whether there is a column for them or not.
    fn all_views(&self) -> Vec<BuilderView> {
        let labels = self.images.iter().flat_map(BaseImage::all_labels);
        labels.filter_map(|labels| BuilderView::of(&labels)).collect()
    }

    fn run_images(
        &self,
        all: &[BuilderView],
        columns: &[Target],
        views: &[Result<InColumn, Arc<Reason>>],
        progress: &dyn Progress,
    ) -> Result<Vec<Row>> {
        let mut names: Vec<Vec<String>> = Vec::new();
        for image in all.iter().flat_map(|view| &view.run_images) {
            let mirrors = image.mirrors.iter().flatten().cloned();
            let all: Vec<String> = std::iter::once(image.image.clone()).chain(mirrors).collect();
            if !names.contains(&all) && names.len() < MAX_MODULES {
                names.push(all);
            }
        }
        let platforms: Vec<String> = columns.iter().map(Target::platform_text).collect();
        let mut rows = Vec::new();
        for names in names {
            let found = match find_run_image(self.library, &names, &platforms)? {
                Ok(found) => found,
                Err(reason) => {
                    rows.push(Row::missing(Kind::RunImage, &names[0], reason, columns.len()));
                    continue;
                }
            };
            let mut verdicts = Vec::new();
            for (column, own) in columns.iter().zip(views) {
                let built_in = own.as_ref().ok().map(|own| &own.chosen);
                verdicts.push(run_image(&found, column, built_in, progress)?);
            }
            let mut row = Row::new(Kind::RunImage, &names[0], verdicts);
            row.source = found.first().map(BaseImage::location);
            rows.push(row);
        }
        Ok(rows)
    }

    fn lifecycle(
        all: &[BuilderView],
        programs: &mut Programs,
        columns: &[Target],
        views: &[Result<InColumn, Arc<Reason>>],
        progress: &dyn Progress,
    ) -> Result<Row> {
        let versions: BTreeSet<&str> = all.iter().map(|view| view.lifecycle.version.as_str()).collect();
        let mut verdicts = Vec::new();
        for (column, own) in columns.iter().zip(views) {
            verdicts.push(match own {
                Err(reason) => Verdict::no(Arc::clone(reason)),
                Ok(own) => lifecycle(programs, &own.chosen, column, &module_layers(&own.view), progress)?,
            });
        }
        Ok(Row::new(Kind::Lifecycle, listed(versions), verdicts))
    }

    fn modules(
        all: &[BuilderView],
        kind: ModuleKind,
        programs: &mut Programs,
        columns: &[Target],
        views: &[Result<InColumn, Arc<Reason>>],
        progress: &dyn Progress,
    ) -> Result<Vec<Row>> {
        let known = all.iter().flat_map(|view| layers_of(view, kind));
        let keys: BTreeSet<(String, String)> = known
            .flat_map(|(id, versions)| versions.keys().map(|version| (id.clone(), version.clone())))
            .take(MAX_MODULES)
            .collect();
        let mut rows = Vec::new();
        for (id, version) in keys {
            let mut row = Row::new(Kind::of(kind), format!("{id}@{version}"), Vec::new());
            for (column, own) in columns.iter().zip(views) {
                progress.check()?;
                let (verdict, needs) = match own {
                    Ok(own) => own.verdict(kind, (&id, &version), programs, column, progress)?,
                    Err(reason) => (Verdict::no(Arc::clone(reason)), Vec::new()),
                };
                row.verdicts.push(verdict);
                row.needs.push(needs);
            }
            rows.push(row);
        }
        Ok(rows)
    }
}

impl InColumn {
    /// What is said of a module, and what it needs.
    fn verdict(
        &self,
        kind: ModuleKind,
        (id, version): (&str, &str),
        programs: &mut Programs,
        column: &Target,
        progress: &dyn Progress,
    ) -> Result<(Verdict, Vec<String>)> {
        let versions = layers_of(&self.view, kind).get(id);
        let Some(label) = versions.and_then(|versions| versions.get(version)) else {
            let text = "it is not in the image for this platform";
            let reason = Reason::new(Cause::NotInImage, "not in image", text);
            return Ok((Verdict::no(reason), Vec::new()));
        };
        let verdict = self.module(kind, (id, version), label, programs, column, progress)?;
        Ok((verdict, needs_of(label)))
    }

    fn module(
        &self,
        kind: ModuleKind,
        (id, version): (&str, &str),
        label: &ModuleLayer,
        programs: &mut Programs,
        column: &Target,
        progress: &dyn Progress,
    ) -> Result<Verdict> {
        if let Some(reason) = self.ground.refuses(kind, label, column) {
            return Ok(Verdict::no(reason));
        }
        let names = id
            .parse::<ModuleId>()
            .and_then(|id| Ok((id, version.parse::<ModuleVersion>()?)));
        let (id, version) = match names {
            Ok(names) => names,
            Err(error) => return reason_of(&error).map(Verdict::no),
        };
        let Some(layer) = self.chosen.image.layer(&label.layer_diff_id) else {
            return Ok(Verdict::no(no_layer(label)));
        };
        let folder = module_version_folder(kind, &id, &version);
        Ok(match programs.of(&*self.chosen.source, layer, &folder, progress)? {
            Ok(Some(found)) => there(label, &found, column),
            Ok(None) => Verdict::no(no_folder(&folder)),
            Err(reason) => Verdict::no(reason),
        })
    }

    /// All that the builder can not do without: what is in its image, and what its orders name.
    fn needs(&self) -> Vec<String> {
        let view = &self.view;
        let known = KINDS.iter().flat_map(|kind| layers_of(view, *kind));
        let own = known.flat_map(|(id, versions)| versions.keys().map(move |version| format!("{id}@{version}")));
        let orders = view
            .order
            .iter()
            .chain(&view.order_extensions)
            .flat_map(|group| &group.group);
        let system = view.system.pre.buildpacks.iter().chain(&view.system.post.buildpacks);
        // one without a version means any of several
        let exact = orders.chain(system).filter(|entry| !entry.version.is_empty());
        own.chain(exact.map(ToString::to_string)).collect()
    }
}

/// The diff ids of layers that hold modules.
fn module_layers(view: &BuilderView) -> BTreeSet<&str> {
    let versions = KINDS.iter().flat_map(|kind| layers_of(view, *kind).values());
    let layers = versions.flat_map(|versions| versions.values());
    layers.map(|layer| layer.layer_diff_id.as_str()).collect()
}

fn layers_of(view: &BuilderView, kind: ModuleKind) -> &ModuleLayers {
    match kind {
        ModuleKind::Buildpack => &view.known_buildpacks,
        ModuleKind::Extension => &view.known_extensions,
    }
}

impl Assembly for StoredBuilder<'_> {
    fn targets(&self, progress: &dyn Progress) -> Result<Vec<Target>> {
        let mut targets = targets_of(&self.images, progress)?;
        for view in self.all_views() {
            let modules = view.buildpacks.iter().chain(&view.extensions);
            targets.extend(
                modules
                    .take(MAX_MODULES)
                    .flat_map(|module| platforms_of(&module.targets)),
            );
        }
        targets.dedup();
        Ok(targets)
    }

    fn rows(&mut self, columns: &[Target], progress: &dyn Progress) -> Result<Vec<Row>> {
        let mut views = Vec::new();
        for column in columns {
            views.push(self.view(column, progress)?.map_err(Arc::new));
        }
        let all = self.all_views();
        let mut programs = Programs::default();
        let run_images = self.run_images(&all, columns, &views, progress)?;
        let lifecycle = Self::lifecycle(&all, &mut programs, columns, &views, progress)?;
        let mut builder = Row::new(Kind::Builder, self.name.clone(), Vec::new());
        builder.source = self.images.first().map(BaseImage::location);
        for (column, own) in views.iter().enumerate() {
            builder.verdicts.push(match own {
                Ok(_) => Verdict::yes(),
                Err(reason) => Verdict::no(Arc::clone(reason)),
            });
            let mut needs = own.as_ref().map(InColumn::needs).unwrap_or_default();
            // a run image that was not found is not looked at
            let missing = run_images
                .iter()
                .filter(|row| !row.verdicts[column].is_by(Cause::NotFound));
            needs.extend(missing.map(|row| row.name.clone()));
            needs.push(lifecycle.name.clone());
            builder.needs.push(needs);
        }
        let mut rows = vec![builder];
        rows.extend(run_images);
        rows.push(lifecycle);
        for kind in KINDS {
            rows.extend(Self::modules(&all, kind, &mut programs, columns, &views, progress)?);
        }
        for row in rows.iter_mut().skip(1) {
            row.part_of = Some(self.name.clone());
        }
        hold_together(&mut rows);
        Ok(rows)
    }
}
