//! Which of the images below an index is meant.

use crate::error::{Error, Result};
use crate::oci::descriptor::Descriptor;
use crate::oci::opened::{OpenedImage, images_below};
use crate::oci::platform::{Platform, no_image_for};
use crate::oci::store::BlobSource;

/// The images below `roots`, without what is about them and what is none.
pub(super) fn images_of(source: &dyn BlobSource, roots: &[Descriptor]) -> Result<Vec<OpenedImage>> {
    let mut images: Vec<OpenedImage> = Vec::new();
    for descriptor in images_below(source, roots)? {
        let Some(image) = OpenedImage::read(source, &descriptor)? else {
            continue;
        };
        let is_known = |other: &OpenedImage| {
            other.descriptor.digest == image.descriptor.digest && other.platform() == image.platform()
        };
        if !images.iter().any(is_known) {
            images.push(image);
        }
    }
    Ok(images)
}

/// The images that are nearest to what is wanted.
pub(super) fn matching<'i>(images: &'i [OpenedImage], wanted: &Platform) -> Vec<&'i OpenedImage> {
    let distance = |image: &OpenedImage| image.platform().distance(wanted);
    let least = images.iter().filter_map(distance).min();
    let nearest = images
        .iter()
        .filter(|image| least.is_some() && distance(image) == least);
    nearest.collect()
}

/// The one image for a platform, or the only one where none is named. `what` has the images, in errors.
pub(super) fn choose<'i>(
    images: &'i [OpenedImage],
    wanted: Option<&Platform>,
    what: &str,
    notes: &mut Vec<String>,
) -> Result<&'i OpenedImage> {
    let all = platforms(images.iter());
    let found = match wanted {
        None => images.iter().collect(),
        Some(wanted) => matching(images, wanted),
    };
    let Some(first) = found.first().copied() else {
        return Err(match wanted {
            Some(wanted) if !images.is_empty() => no_image_for(wanted, what, all),
            _ => Error::invalid(format!("{what} has no images")),
        });
    };
    let candidates = platforms(found.iter().copied());
    if candidates.len() > 1 {
        let message = match wanted {
            None => format!("{what} has images for several platforms"),
            Some(wanted) => format!("{what} has several images for {wanted}"),
        };
        return Err(Error::invalid(message).with_hint(format!("say which with --platform: {}", candidates.join(", "))));
    }
    if found.len() > 1 {
        notes.push(format!(
            "{what} has {} images for {}: the first is taken, {}",
            found.len(),
            first.platform(),
            first.descriptor.digest
        ));
    }
    check_platform(first)?;
    Ok(first)
}

/// Each platform once, in the order of the images.
fn platforms<'i>(images: impl Iterator<Item = &'i OpenedImage>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for image in images {
        let name = image.platform().to_string();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// An error where the index says another system or processor than the config.
pub(super) fn check_platform(image: &OpenedImage) -> Result<()> {
    let (said, own) = (image.platform(), image.config.platform());
    let differs = |said: &str, own: &str| !own.is_empty() && said != own;
    if differs(&said.os, &own.os) || differs(&said.architecture, &own.architecture) {
        return Err(Error::damaged(format!(
            "the index says that image {} is for {said}, its config says {own}",
            image.descriptor.digest
        )));
    }
    Ok(())
}
