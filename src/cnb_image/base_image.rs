//! [`BaseImage`]: an image that something is built on or run in, and what it has for a target.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::buildpackage;
use super::packaged_image::is_artifact;
use crate::cnb::builder_labels::{DISTRO_NAME, DISTRO_VERSION};
use crate::cnb::os_release::distro_of;
use crate::cnb::target::{Distro, Target};
use crate::error::{Error, ErrorKind, Result};
use crate::oci::descriptor::Descriptor;
use crate::oci::digest::Digest;
use crate::oci::image_file::read_file;
use crate::oci::library::FoundImage;
use crate::oci::opened::{OpenedImage, images_below};
use crate::oci::platform::Platform;
use crate::oci::store::ImageSource;
use crate::progress::Progress;

/// Where a distribution says what it is, in images without labels for it.
const OS_RELEASE: &str = "etc/os-release";
/// The most that is read of it.
const MAX_OS_RELEASE: u64 = 64 << 10;

/// An image on disk, for one platform or several.
pub struct BaseImage {
    source: Arc<dyn ImageSource>,
    images: Vec<Descriptor>,
    /// What was read of distributions so far.
    distros: Mutex<HashMap<Digest, Option<Distro>>>,
}

impl std::fmt::Debug for BaseImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "an image in {}", self.source.location())
    }
}

/// The image for one target.
#[derive(Clone)]
pub struct ChosenImage {
    /// What its blobs are read from.
    pub source: Arc<dyn ImageSource>,
    /// The image.
    pub image: OpenedImage,
    /// What distribution it holds, as far as it says that.
    pub distro: Option<Distro>,
    /// All images that would do as well, for people; none where there is no doubt.
    pub equals: Vec<String>,
}

impl std::fmt::Debug for ChosenImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} in {}", self.image.descriptor.digest, self.source.location())
    }
}

impl ChosenImage {
    /// What it is for, in terms of targets.
    #[must_use]
    pub fn target(&self) -> Target {
        target_of(self.image.config.platform(), self.distro.clone())
    }
}

fn target_of(platform: Platform, distro: Option<Distro>) -> Target {
    Target {
        os: platform.os,
        arch: platform.architecture,
        variant: platform.variant.unwrap_or_default(),
        distros: distro.into_iter().collect(),
        path: None,
    }
}

/// What can not be read is not known; a stop is passed on.
fn unless_stopped<T>(error: Error) -> Result<Option<T>> {
    match error.kind() {
        ErrorKind::Stopped => Err(error),
        _ => Ok(None),
    }
}

impl BaseImage {
    /// Lists what is there; an image is read when it is for a platform that is asked for.
    pub fn open(found: &FoundImage) -> Result<Self> {
        let mut images = images_below(&*found.source, &found.roots)?;
        images.retain(|image| !is_artifact(&*found.source, image));
        if images.is_empty() {
            return Err(Error::invalid(format!(
                "there are no images in {}",
                found.source.location()
            )));
        }
        Ok(Self {
            source: Arc::clone(&found.source),
            images,
            distros: Mutex::default(),
        })
    }

    /// The image for `target`: the nearest by platform, of those for the target's distribution.
    ///
    /// One that does not say what distribution it holds counts where nothing else does.
    pub fn for_target(&self, target: &Target, progress: &dyn Progress) -> Result<ChosenImage> {
        let target = target.with_defaults();
        let wanted = Platform {
            os_version: None,
            ..buildpackage::platform(&target)
        };
        let mut fitting: Vec<((u8, u8), OpenedImage)> = Vec::new();
        for descriptor in &self.images {
            let said = descriptor.platform.as_ref();
            if said.is_some_and(|said| distance(said, &wanted).is_none()) {
                continue;
            }
            let image = self.read(descriptor)?;
            if let Some(distance) = distance(&image.platform(), &wanted)
                && let Some(rank) = self.rank(&image, &target, progress)?
            {
                fitting.push(((distance, rank), image));
            }
        }
        let Some(least) = fitting.iter().map(|(key, _)| *key).min() else {
            return Err(self.not_found(&target, progress));
        };
        fitting.retain(|(key, _)| *key == least);
        let image = fitting[0].1.clone();
        image.check_platform()?;
        let is_other = |other: &OpenedImage| other.descriptor.digest != image.descriptor.digest;
        let has_equals = fitting.iter().any(|(_, other)| is_other(other));
        let equals = fitting
            .iter()
            .filter(|_| has_equals)
            .map(|(_, image)| self.shown(&image.descriptor, progress));
        Ok(ChosenImage {
            source: Arc::clone(&self.source),
            distro: self.distro(&image, progress)?,
            equals: equals.collect(),
            image,
        })
    }

    /// What its images are for, with their distributions; of one that can not be read, what the index says.
    pub fn targets(&self, progress: &dyn Progress) -> Result<Vec<Target>> {
        let mut targets = Vec::new();
        for descriptor in &self.images {
            progress.check()?;
            let opened = self.read(descriptor).ok();
            let distro = match &opened {
                Some(image) => self.distro(image, progress).or_else(unless_stopped)?,
                None => None,
            };
            let said = descriptor.platform.clone();
            let platform = said.or_else(|| opened.map(|image| image.platform()));
            targets.extend(platform.map(|platform| match distro {
                Some(distro) => target_of(platform, Some(distro)),
                None => buildpackage::target_of_child(descriptor, platform),
            }));
        }
        Ok(targets)
    }

    /// Where it is, for people.
    #[must_use]
    pub fn location(&self) -> String {
        self.source.location()
    }

    /// The labels of each image, but for those that can not be read.
    pub fn all_labels(&self) -> impl Iterator<Item = BTreeMap<String, String>> {
        self.images
            .iter()
            .filter_map(|image| Some(self.read(image).ok()?.config.labels()))
    }

    fn read(&self, descriptor: &Descriptor) -> Result<OpenedImage> {
        let opened = OpenedImage::read(&*self.source, descriptor)?;
        opened.ok_or_else(|| Error::invalid(format!("{} is no image", descriptor.digest)))
    }

    /// How well the distribution fits; `None` where it is another.
    fn rank(&self, image: &OpenedImage, target: &Target, progress: &dyn Progress) -> Result<Option<u8>> {
        let said_version = image.platform().os_version;
        let Some(wanted) = target.distros.first() else {
            return Ok(Some(u8::from(said_version.is_some())));
        };
        if let Some(own) = self.distro(image, progress)? {
            return Ok(own.same_as(wanted).then_some(0));
        }
        let says_so = said_version.as_ref().is_some_and(|version| *version == wanted.version);
        let fits = says_so || said_version.is_none();
        let is_by_annotation = buildpackage::may_be_for_distro(&image.descriptor, target);
        Ok((fits && is_by_annotation).then_some(if says_so { 1 } else { 2 }))
    }

    /// What distribution an image holds: by its labels, else by its files.
    fn distro(&self, image: &OpenedImage, progress: &dyn Progress) -> Result<Option<Distro>> {
        let labels = image.config.labels();
        let text = |name: &str| labels.get(name).cloned().unwrap_or_default();
        let labelled = Distro {
            name: text(DISTRO_NAME),
            version: text(DISTRO_VERSION),
        };
        if labelled != Distro::default() {
            return Ok(Some(labelled));
        }
        let digest = &image.descriptor.digest;
        let known = || self.distros.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known().get(digest) {
            return Ok(known.clone());
        }
        let text = read_file(&*self.source, image, OS_RELEASE, MAX_OS_RELEASE, progress)?;
        let found = text.and_then(|text| distro_of(&String::from_utf8_lossy(&text)));
        known().insert(digest.clone(), found.clone());
        Ok(found)
    }

    fn not_found(&self, target: &Target, progress: &dyn Progress) -> Error {
        let mut has: Vec<String> = Vec::new();
        for image in &self.images {
            let shown = self.shown(image, progress);
            if !has.contains(&shown) {
                has.push(shown);
            }
        }
        Error::new(ErrorKind::NotFound, format!("it has no image for {target}"))
            .with_hint(format!("it has {}", has.join(", ")))
    }

    /// Platform and distribution of an image, for people; what can not be read is not said.
    fn shown(&self, descriptor: &Descriptor, progress: &dyn Progress) -> String {
        let opened = self.read(descriptor).ok();
        let said = descriptor.platform.clone();
        let platform = said.or_else(|| opened.as_ref().map(|image| image.config.platform()));
        let Some(platform) = platform else {
            return descriptor.digest.to_string();
        };
        let distro = opened.and_then(|image| self.distro(&image, progress).ok().flatten());
        let more = distro
            .map(|distro| distro.to_string())
            .or_else(|| platform.os_version.clone());
        let plain = Platform {
            os_version: None,
            ..platform
        };
        match more {
            Some(more) => format!("{plain}:{more}"),
            None => plain.to_string(),
        }
    }
}

/// How near the platform is, variant and all; the version of the system does not count here.
///
/// An image that names no variant, where none is usual, runs on all of them.
fn distance(own: &Platform, wanted: &Platform) -> Option<u8> {
    let own = Platform {
        os_version: None,
        ..own.clone()
    };
    let near = own.distance(wanted).filter(|distance| *distance < 2);
    let is_for_any = own.variant.is_none() && !matches!(own.architecture.as_str(), "arm" | "arm64");
    near.or_else(|| {
        let any = Platform {
            variant: None,
            ..wanted.clone()
        };
        is_for_any.then(|| own.distance(&any)).flatten()
    })
}
