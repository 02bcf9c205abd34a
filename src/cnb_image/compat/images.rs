//! [`StoredImage`]: an image to build on, to run apps in, or with a lifecycle in it.

use std::collections::BTreeSet;

use super::super::base_image::{BaseImage, ChosenImage};
use super::super::build_user::BuildUser;
use super::programs::{Programs, misfit};
use super::{Assembly, Kind, Row, or_reason, reason_of};
use crate::cnb::builder_labels::{LIFECYCLE_APIS, LIFECYCLE_VERSION};
use crate::cnb::compat::{Cause, Reason, Verdict, cut};
use crate::cnb::paths::LIFECYCLE_FOLDER;
use crate::cnb::target::{Distro, Target};
use crate::error::{ErrorKind, Result};
use crate::oci::layer::is_layer;
use crate::oci::library::Library;
use crate::progress::Progress;

/// An image in a layout, with its images for all platforms.
pub struct StoredImage {
    kind: Kind,
    name: String,
    /// From each place where it was found.
    images: Vec<BaseImage>,
}

impl StoredImage {
    /// What sort of an image it is, is told from its labels and its environment.
    #[must_use]
    pub fn new(name: String, image: BaseImage, progress: &dyn Progress) -> Self {
        Self {
            kind: kind_of(&image, progress),
            name,
            images: vec![image],
        }
    }

    /// The same image, found at another place too.
    pub fn add(&mut self, image: BaseImage) {
        self.images.push(image);
    }
}

fn kind_of(image: &BaseImage, progress: &dyn Progress) -> Kind {
    let labels = image.all_labels().next().unwrap_or_default();
    if labels.contains_key(LIFECYCLE_VERSION) || labels.contains_key(LIFECYCLE_APIS) {
        return Kind::Lifecycle;
    }
    let targets = image.targets(progress).unwrap_or_default();
    let mut chosen = targets
        .iter()
        .filter_map(|target| image.for_target(target, progress).ok());
    match chosen.next() {
        Some(chosen) if BuildUser::of(&chosen.image.config).0.is_some() => Kind::BuildImage,
        _ => Kind::Image,
    }
}

impl Assembly for StoredImage {
    fn targets(&self, progress: &dyn Progress) -> Result<Vec<Target>> {
        targets_of(&self.images, progress)
    }

    fn rows(&mut self, columns: &[Target], progress: &dyn Progress) -> Result<Vec<Row>> {
        let mut programs = Programs::default();
        let mut verdicts = Vec::new();
        for column in columns {
            verdicts.push(match choose(&self.images, column, progress)? {
                Err(reason) => Verdict::no(reason),
                Ok(chosen) if self.kind == Kind::Lifecycle => {
                    lifecycle(&mut programs, &chosen, column, &BTreeSet::new(), progress)?
                }
                Ok(_) => Verdict::yes(),
            });
        }
        let mut row = Row::new(self.kind, self.name.clone(), verdicts);
        row.source = self.images.first().map(BaseImage::location);
        Ok(vec![row])
    }
}

pub(super) fn targets_of(images: &[BaseImage], progress: &dyn Progress) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for image in images {
        targets.extend(image.targets(progress)?);
    }
    Ok(targets)
}

/// The image for a column, or why there is none.
pub(super) fn choose(
    images: &[BaseImage],
    column: &Target,
    progress: &dyn Progress,
) -> Result<Result<ChosenImage, Reason>> {
    let mut failure = None;
    for image in images {
        match image.for_target(column, progress) {
            Ok(chosen) => return Ok(Ok(chosen)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let reason = no_image(image, column, error.hint(), progress);
                failure.get_or_insert(reason);
            }
            Err(error) => {
                // what is broken says more than what is not there
                failure = Some(reason_of(&error)?);
            }
        }
    }
    Ok(Err(failure.unwrap_or_else(|| no_image_reason(None))))
}

fn no_image(image: &BaseImage, column: &Target, hint: Option<&str>, progress: &dyn Progress) -> Reason {
    let any_distro = Target {
        distros: Vec::new(),
        ..column.clone()
    };
    let other = image.for_target(&any_distro, progress).ok();
    let is_other = !column.distros.is_empty();
    match other.and_then(|chosen| chosen.distro).filter(|_| is_other) {
        Some(distro) => distro_reason(&distro, column),
        None => no_image_reason(hint),
    }
}

/// That there is no image for such a platform; `has` says what there is.
pub(super) fn no_image_reason(has: Option<&str>) -> Reason {
    let has = has.map(|has| format!("; {}", cut(has))).unwrap_or_default();
    let text = format!("there is no image for it{has}");
    Reason::new(Cause::NoImage, "no image", text)
}

pub(super) fn distro_reason(own: &Distro, column: &Target) -> Reason {
    let own = cut(&own.to_string());
    let text = match column.distros.first() {
        Some(wanted) => format!("it is {own}, not {wanted}"),
        None => format!("it is {own}"),
    };
    Reason::new(Cause::Distro, format!("is {own}"), text)
}

/// What is said of the lifecycle in an image: the uppermost of its layers that has one counts. Those in `others`, by their diff ids,
/// are known to be something else.
pub(super) fn lifecycle(
    programs: &mut Programs,
    chosen: &ChosenImage,
    column: &Target,
    others: &BTreeSet<&str>,
    progress: &dyn Progress,
) -> Result<Verdict> {
    let image = &chosen.image;
    for layer in image.manifest.layers.iter().zip(&image.config.rootfs.diff_ids).rev() {
        if !is_layer(&layer.0.media_type) || others.contains(layer.1.to_string().as_str()) {
            continue;
        }
        match programs.of(&*chosen.source, layer, LIFECYCLE_FOLDER, progress)? {
            Ok(Some(found)) => return Ok(misfit(&found, &column.arch).unwrap_or_else(Verdict::yes)),
            Ok(None) => {}
            Err(reason) => return Ok(Verdict::no(reason)),
        }
    }
    let text = format!("no layer has `{LIFECYCLE_FOLDER}`");
    Ok(Verdict::no(Reason::new(Cause::NotInImage, "not in image", text)))
}

/// A run image by all names that it was found by: each of them must be there, of the distribution of what apps are built in.
pub(super) fn run_image(
    found: &[BaseImage],
    column: &Target,
    built_in: Option<&ChosenImage>,
    progress: &dyn Progress,
) -> Result<Verdict> {
    let distro = built_in.and_then(|base| base.distro.clone());
    let wanted = match distro {
        Some(distro) => Target {
            distros: vec![distro],
            ..column.clone()
        },
        None => column.clone(),
    };
    for image in found {
        if let Err(reason) = choose(std::slice::from_ref(image), &wanted, progress)? {
            return Ok(Verdict::no(reason));
        }
    }
    Ok(Verdict::yes())
}

/// What a name of an image leads to in the places where names are looked up.
pub(super) fn find_run_image(
    library: &Library,
    names: &[String],
    platforms: &[String],
) -> Result<Result<Vec<BaseImage>, Reason>> {
    let mut images = Vec::new();
    let mut missing = None;
    for name in names {
        let found = name
            .parse()
            .and_then(|reference| library.find(&reference, platforms))
            .and_then(|found| BaseImage::open(&found));
        match or_reason(found)? {
            Ok(image) => images.push(image),
            Err(reason) if reason.cause == Cause::NotFound => {
                missing.get_or_insert(reason);
            }
            Err(reason) => return Ok(Err(reason)),
        }
    }
    Ok(match missing {
        Some(reason) if images.is_empty() => Err(reason),
        _ => Ok(images),
    })
}
