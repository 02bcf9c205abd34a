//! What layouts and archives hold: builders, packages and other images, each once.

use std::path::Path;
use std::sync::Arc;

use super::super::base_image::BaseImage;
use super::super::dependency::Role;
use super::super::packaged_image::{PackagedImage, is_artifact};
use super::super::view::BuildpackageView;
use super::{Assembly, Kind, Row, StoredBuilder, StoredImage, StoredPackage, or_reason};
use crate::cnb::builder_labels::BUILDER_METADATA;
use crate::cnb::compat::Reason;
use crate::cnb::labels::BUILDPACKAGE_METADATA;
use crate::cnb::module::ModuleKind;
use crate::cnb::target::Target;
use crate::error::Result;
use crate::oci::descriptor::Descriptor;
use crate::oci::graph::children;
use crate::oci::layout::IndexFile;
use crate::oci::library::{FoundImage, Library};
use crate::oci::locate::{ImageLocation, called, is_list};
use crate::oci::opened::{OpenedImage, images_below};
use crate::oci::store::ImageSource;
use crate::progress::Progress;

/// All that is in some layouts and archives.
pub struct Stored<'a> {
    library: &'a Library,
    found: Vec<(Kind, String, Found<'a>)>,
}

enum Found<'a> {
    Builder(StoredBuilder<'a>),
    Package(StoredPackage),
    Image(StoredImage),
    /// What can not even be listed.
    Broken(Reason),
}

/// Lists what is in `locations`. What has one name is one thing, wherever its images are; run images are looked up in `library`.
///
/// An error for what is no layout and no archive. Nameless temporary files go to `scratch`.
pub fn stored_in<'a>(
    locations: &[ImageLocation],
    library: &'a Library,
    scratch: &Path,
    progress: &dyn Progress,
) -> Result<Stored<'a>> {
    let mut stored = Stored {
        library,
        found: Vec::new(),
    };
    for location in locations {
        let source: Arc<dyn ImageSource> = location.open(scratch)?.into();
        let index = source.index_file()?;
        let entries = location.select(&*source, &index, |entry| children(&*source, entry))?;
        let is_meant = |entry: &&Descriptor| location.selector.is_some() || !is_list(entry);
        let has_names = entries.iter().filter(is_meant).any(|entry| called(entry).is_some());
        for entry in entries.iter().filter(is_meant) {
            progress.check()?;
            // beside images with names those without are leftovers, or about others
            if called(entry).is_some() || !has_names {
                stored.add_entry(&source, entry, location, progress)?;
            }
        }
    }
    Ok(stored)
}

impl<'a> Stored<'a> {
    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    fn add_entry(
        &mut self,
        source: &Arc<dyn ImageSource>,
        entry: &Descriptor,
        location: &ImageLocation,
        progress: &dyn Progress,
    ) -> Result<()> {
        let name = name_of(entry, location);
        let images = match or_reason(images_below(&**source, std::slice::from_ref(entry)))? {
            Ok(images) => images,
            Err(reason) => {
                self.found.push((Kind::Image, name, Found::Broken(reason)));
                return Ok(());
            }
        };
        let mut images = images.iter().filter(|image| !is_artifact(&**source, image)).peekable();
        if images.peek().is_none() {
            return Ok(());
        }
        let mut labels = images.filter_map(|image| Some(OpenedImage::read(&**source, image).ok()??.config.labels()));
        let labels = labels.next().unwrap_or_default();
        let found = FoundImage {
            source: Arc::clone(source),
            roots: vec![entry.clone()],
        };
        let added = if labels.contains_key(BUILDER_METADATA) {
            self.add_builder(name.clone(), &found)
        } else if labels.contains_key(BUILDPACKAGE_METADATA) {
            let view = BuildpackageView::of(&labels).ok().flatten();
            self.add_package(name.clone(), view.as_ref(), &found)
        } else {
            self.add_image(name.clone(), &found, progress)
        };
        if let Err(reason) = or_reason(added)? {
            self.found.push((Kind::Image, name, Found::Broken(reason)));
        }
        Ok(())
    }

    fn known(&mut self, kind: Kind, name: &str) -> Option<&mut Found<'a>> {
        let known = self
            .found
            .iter_mut()
            .find(|(own, known, _)| *own == kind && known == name);
        known.map(|(_, _, found)| found)
    }

    fn add_builder(&mut self, name: String, found: &FoundImage) -> Result<()> {
        let image = BaseImage::open(found)?;
        let library = self.library;
        match self.known(Kind::Builder, &name) {
            Some(Found::Builder(known)) => known.add(image),
            _ => {
                let builder = StoredBuilder::new(name.clone(), image, library);
                self.found.push((Kind::Builder, name, Found::Builder(builder)));
            }
        }
        Ok(())
    }

    fn add_package(&mut self, name: String, view: Option<&BuildpackageView>, found: &FoundImage) -> Result<()> {
        let is_extension = view.is_some_and(|view| {
            let info = &view.metadata.info;
            view.extensions
                .get(&info.id)
                .is_some_and(|versions| versions.contains_key(&info.version))
        });
        let module_kind = if is_extension {
            ModuleKind::Extension
        } else {
            ModuleKind::Buildpack
        };
        let kind = Kind::of(module_kind);
        let name = view.map_or(name, BuildpackageView::full_name);
        let image = PackagedImage::open(found, Role::OfBuilder(module_kind))?;
        match self.known(kind, &name) {
            Some(Found::Package(known)) => known.add(image),
            _ => {
                let package = StoredPackage::new(module_kind, name.clone(), image);
                self.found.push((kind, name, Found::Package(package)));
            }
        }
        Ok(())
    }

    fn add_image(&mut self, name: String, found: &FoundImage, progress: &dyn Progress) -> Result<()> {
        let image = BaseImage::open(found)?;
        match self.known(Kind::Image, &name) {
            Some(Found::Image(known)) => known.add(image),
            _ => {
                let stored = StoredImage::new(name.clone(), image, progress);
                self.found.push((Kind::Image, name, Found::Image(stored)));
            }
        }
        Ok(())
    }
}

/// The full name; without one, how the command line says it.
fn name_of(entry: &Descriptor, location: &ImageLocation) -> String {
    let full = IndexFile::name_of(entry).map(|name| name.to_string());
    let layout = location.layout.display();
    full.unwrap_or_else(|| match called(entry) {
        Some(tag) => format!("{layout}:{tag}"),
        None => layout.to_string(),
    })
}

impl Assembly for Stored<'_> {
    fn targets(&self, progress: &dyn Progress) -> Result<Vec<Target>> {
        let mut targets = Vec::new();
        for (_, _, found) in &self.found {
            targets.extend(match found {
                Found::Builder(builder) => builder.targets(progress)?,
                Found::Package(package) => package.targets(progress)?,
                Found::Image(image) => image.targets(progress)?,
                Found::Broken(_) => Vec::new(),
            });
        }
        Ok(targets)
    }

    fn rows(&mut self, columns: &[Target], progress: &dyn Progress) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for (kind, name, found) in &mut self.found {
            rows.extend(match found {
                Found::Builder(builder) => builder.rows(columns, progress)?,
                Found::Package(package) => package.rows(columns, progress)?,
                Found::Image(image) => image.rows(columns, progress)?,
                Found::Broken(reason) => vec![Row::missing(*kind, name, reason.clone(), columns.len())],
            });
        }
        Ok(rows)
    }
}
