//! [`PackagedImage`]: a dependency that is packaged already, and what it has for a target.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::buildpackage;
use super::dependency::Role;
use super::packaged_layer::PackagedLayer;
use super::view::BuildpackageView;
use crate::cnb::id::{ModuleId, ModuleVersion};
use crate::cnb::labels::{BUILDPACKAGE_METADATA, ModuleLayer, layers_label};
use crate::cnb::module::ModuleKind;
use crate::cnb::target::Target;
use crate::error::{Error, ErrorKind, Result};
use crate::oci::descriptor::Descriptor;
use crate::oci::digest::{DiffId, Digest};
use crate::oci::graph::referrer_of;
use crate::oci::library::FoundImage;
use crate::oci::opened::{OpenedImage, images_below};
use crate::oci::platform::Platform;
use crate::oci::store::ImageSource;
use crate::progress::Progress;

/// Layers that were looked through, by digest and what they were said to hold.
type KnownLayers = HashMap<(Digest, DiffId, Vec<(ModuleId, ModuleVersion)>), Arc<PackagedLayer>>;

/// An image on disk that holds buildpacks or extensions, for one platform or several.
pub struct PackagedImage {
    role: Role,
    source: Arc<dyn ImageSource>,
    images: Vec<Descriptor>,
    layers: Mutex<KnownLayers>,
}

impl std::fmt::Debug for PackagedImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a package in {}", self.source.location())
    }
}

/// The buildpacks of one image.
#[derive(Debug, Clone)]
pub struct PackagedModules {
    image: OpenedImage,
    /// The main one, then the others by id.
    pub modules: Vec<PackagedModule>,
}

/// A buildpack by its image's label.
#[derive(Debug, Clone)]
pub struct PackagedModule {
    /// Its id.
    pub id: ModuleId,
    /// Its version.
    pub version: ModuleVersion,
    /// What the label says of it.
    pub label: ModuleLayer,
}

impl PackagedImage {
    /// Lists what is there; nothing is looked into.
    pub fn open(found: &FoundImage, role: Role) -> Result<Self> {
        let mut images = images_below(&*found.source, &found.roots)?;
        images.retain(|image| !is_artifact(&*found.source, image));
        if images.is_empty() {
            return Err(Error::invalid(format!(
                "there are no images in {}",
                found.source.location()
            )));
        }
        let opened = Self {
            role,
            source: Arc::clone(&found.source),
            images,
            layers: Mutex::default(),
        };
        if found.roots.len() > 1 {
            opened.check_one_package()?;
        }
        Ok(opened)
    }

    /// Where it is.
    #[must_use]
    pub fn location(&self) -> String {
        self.source.location()
    }

    /// What its images are for; of one that can not be read, what the index says.
    #[must_use]
    pub fn targets(&self) -> Vec<Target> {
        let images = self.images.iter().filter_map(|image| {
            let own = || OpenedImage::read(&*self.source, image).ok().flatten();
            let said = image.platform.clone();
            let platform = said.or_else(|| own().map(|image| image.platform()))?;
            Some(buildpackage::target_of_child(image, platform))
        });
        images.collect()
    }

    /// What is in each of the images, but for those that can not be read.
    pub fn readable(&self) -> impl Iterator<Item = PackagedModules> {
        self.images.iter().filter_map(|image| self.read(image).ok())
    }

    /// What its blobs are read from.
    #[must_use]
    pub fn source(&self) -> &Arc<dyn ImageSource> {
        &self.source
    }

    /// What is in any of the images, to know ids and orders by.
    pub fn any(&self) -> Result<PackagedModules> {
        let mut failure = None;
        for image in &self.images {
            match self.read(image) {
                Ok(modules) => return Ok(modules),
                Err(error) => {
                    failure.get_or_insert(error);
                }
            }
        }
        Err(failure.expect("there is an image"))
    }

    /// What is for `target`: by platform, or because the buildpacks name no architecture, variant or distribution.
    pub fn for_target(&self, target: &Target) -> Result<PackagedModules> {
        let target = target.with_defaults();
        let wanted = buildpackage::platform(&target);
        let mut by_distance: Vec<(u8, &Descriptor)> = self
            .images
            .iter()
            .filter_map(|image| Some((near(image.platform.as_ref()?, &wanted)?, image)))
            .filter(|(_, image)| buildpackage::may_be_for_distro(image, &target))
            .collect();
        // without a distribution asked for, an image that names none fits best
        let names_version = |image: &Descriptor| image.platform.as_ref().is_some_and(|own| own.os_version.is_some());
        by_distance.sort_by_key(|(distance, image)| (*distance, wanted.os_version.is_none() && names_version(image)));
        if let Some((_, image)) = by_distance.first() {
            return self.read(image);
        }
        // no descriptor says that it is the one: images say more of themselves
        let any_version = Platform {
            os_version: None,
            ..wanted.clone()
        };
        let mut failure = None;
        let mut for_any = None;
        let mut has = Vec::new();
        for image in &self.images {
            let modules = match self.read(image) {
                Ok(modules) => modules,
                Err(error) => {
                    failure.get_or_insert(error);
                    continue;
                }
            };
            let own = modules.image.platform();
            if image.platform.is_none() && near(&own, &wanted).is_some() {
                return Ok(modules);
            }
            let says_no_version = own.os_version.is_none() && near(&own, &any_version).is_some();
            if says_no_version && modules.fit(|own| own.fits(&target) && own.distros.is_empty()) {
                return Ok(modules);
            }
            let same_os = own.os.is_empty() || own.os == target.os;
            if for_any.is_none() && same_os && modules.fit(|own| own.fits(&target) && own.names_os_only()) {
                for_any = Some(modules);
            }
            has.push(own.to_string());
        }
        match (for_any, failure) {
            (Some(modules), _) => Ok(modules),
            (None, Some(error)) => Err(error),
            (None, None) => Err(Error::new(ErrorKind::NotFound, format!("it has no image for {wanted}"))
                .with_hint(format!("it has {}", has.join(", ")))),
        }
    }

    /// Without an index in front of them, images need not belong together.
    fn check_one_package(&self) -> Result<()> {
        let mut first: Option<String> = None;
        for image in &self.images {
            let modules = self.read(image)?;
            let main = &modules.modules[0];
            let name = format!("{}@{}", main.id, main.version);
            if first.get_or_insert_with(|| name.clone()) != &name {
                return Err(Error::invalid(format!(
                    "{} holds several packages: {}, {name}",
                    self.source.location(),
                    first.unwrap_or_default()
                ))
                .with_hint("name one of them with oci:PATH@DIGEST"));
            }
        }
        Ok(())
    }

    fn known_layers(&self) -> MutexGuard<'_, KnownLayers> {
        self.layers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, image: &Descriptor) -> Result<PackagedModules> {
        let opened = self.opened(image)?;
        let opened = opened.ok_or_else(|| Error::invalid(format!("{} is no image", image.digest)))?;
        PackagedModules::of(opened, self.role)
    }

    /// `None` for an artifact, as signatures are. What the index says and what the config says must not differ.
    fn opened(&self, image: &Descriptor) -> Result<Option<OpenedImage>> {
        let Some(opened) = OpenedImage::read(&*self.source, image)? else {
            return Ok(None);
        };
        opened.check_platform()?;
        Ok(Some(opened))
    }

    /// The layer of a module, looked through when it is first asked for.
    pub fn layer(
        &self,
        modules: &PackagedModules,
        module: &PackagedModule,
        progress: &dyn Progress,
    ) -> Result<Arc<PackagedLayer>> {
        let diff_id = &module.label.layer_diff_id;
        let (descriptor, diff_id) = modules.image.layer(diff_id).ok_or_else(|| {
            Error::damaged(format!(
                "its label says that {}@{} is in layer {diff_id}, which it has not",
                module.id, module.version
            ))
        })?;
        let together: Vec<(ModuleId, ModuleVersion)> = modules
            .modules
            .iter()
            .filter(|other| other.label.layer_diff_id == module.label.layer_diff_id)
            .map(|other| (other.id.clone(), other.version.clone()))
            .collect();
        let key = (descriptor.digest.clone(), diff_id.clone(), together);
        if let Some(known) = self.known_layers().get(&key) {
            return Ok(Arc::clone(known));
        }
        let together = &key.2;
        let layer = Arc::new(PackagedLayer::open(
            self.role.kind(),
            &self.source,
            descriptor,
            diff_id,
            together,
            progress,
        )?);
        self.known_layers().insert(key, Arc::clone(&layer));
        Ok(layer)
    }
}

/// Whether it is an artifact, as signatures are, or about another image; what can not be read is told of when it is needed.
pub(in crate::cnb_image) fn is_artifact(source: &dyn ImageSource, image: &Descriptor) -> bool {
    let Ok(bytes) = source.read_manifest(image) else {
        return false;
    };
    let is_about = referrer_of(&bytes, &image.digest).is_ok_and(|referrer| referrer.is_some());
    is_about || matches!(OpenedImage::read(source, image), Ok(None))
}

/// How near an image comes. One for another variant is not for this platform, though it may be what somebody means to look at.
fn near(own: &Platform, wanted: &Platform) -> Option<u8> {
    own.distance(wanted).filter(|distance| *distance < 2)
}

impl PackagedModules {
    fn of(image: OpenedImage, role: Role) -> Result<Self> {
        let Some(view) = BuildpackageView::of(&image.config.labels())? else {
            return Err(
                Error::invalid(format!("it is no package: it has no label {BUILDPACKAGE_METADATA}")).with_hint(
                    format!(
                        "only images that `{} package` made can be named here",
                        role.kind().name()
                    ),
                ),
            );
        };
        let (id, version) = (&view.metadata.info.id, &view.metadata.info.version);
        let (own, others) = match role.kind() {
            ModuleKind::Buildpack => (view.modules, &view.extensions),
            ModuleKind::Extension => (view.extensions, &view.modules),
        };
        if others.get(id).is_some_and(|versions| versions.contains_key(version)) {
            let other = role.kind().other();
            return Err(
                Error::invalid(format!("it is {}, {id}@{version}", other.with_article()))
                    .with_hint(role.hint_for_other()),
            );
        }
        let mut modules = Vec::new();
        for (id, versions) in own {
            for (version, label) in versions {
                modules.push(PackagedModule {
                    id: id.parse()?,
                    version: version.parse()?,
                    label,
                });
            }
        }
        let is_main = |module: &PackagedModule| module.id.as_str() == id && module.version.as_str() == version;
        let Some(main) = modules.iter().position(is_main) else {
            return Err(Error::damaged(format!(
                "by its label {BUILDPACKAGE_METADATA} it is {id}@{version}, but {} has no layer of that",
                layers_label(role.kind())
            )));
        };
        modules[..=main].rotate_right(1);
        Ok(Self { image, modules })
    }

    /// The image that holds them.
    #[must_use]
    pub fn image(&self) -> &OpenedImage {
        &self.image
    }

    /// Whether each buildpack that does something has such a target, or none at all.
    fn fit(&self, suits: impl Fn(&Target) -> bool) -> bool {
        self.modules
            .iter()
            .filter(|module| !module.label.is_composite())
            .all(|module| module.label.targets.is_empty() || module.label.targets.iter().any(&suits))
    }

    /// Whether the layer of this module holds others too, as a flattened one does.
    #[must_use]
    pub fn shares_layer(&self, module: &PackagedModule) -> bool {
        let same = |other: &&PackagedModule| other.label.layer_diff_id == module.label.layer_diff_id;
        self.modules.iter().filter(same).count() > 1
    }
}
