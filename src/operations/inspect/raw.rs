//! The bytes of one manifest, or of one image index, as they are.

use super::InspectRequest;
use crate::error::{Error, Result};
use crate::oci::descriptor::Descriptor;
use crate::oci::graph::children;
use crate::oci::locate::the_only;
use crate::oci::opened::{OpenedImage, images_below};
use crate::oci::platform::{Platform, no_image_for};
use crate::oci::store::ImageSource;

/// Verified bytes: of what the location names, or of its image for the platform that is asked for.
pub fn run(request: &InspectRequest) -> Result<Vec<u8>> {
    let source = request.location.open(&request.scratch)?;
    let index = source.index_file()?;
    let entries = request
        .location
        .select(&*source, &index, |entry| children(&*source, entry))?;
    let root = match &request.platform {
        None => the_only(&*source, &entries, "; or an image of it with --platform")?.clone(),
        Some(platform) => for_platform(&*source, &entries, platform)?,
    };
    source.read_manifest(&root)
}

/// The only image that is nearest to `platform`.
fn for_platform(source: &dyn ImageSource, entries: &[Descriptor], platform: &Platform) -> Result<Descriptor> {
    let mut all: Vec<(Descriptor, Platform)> = Vec::new();
    for image in images_below(source, entries)? {
        let own = match &image.platform {
            Some(platform) => platform.clone(),
            None => match OpenedImage::read(source, &image)? {
                Some(opened) => opened.config.platform(),
                None => continue,
            },
        };
        if all.iter().all(|(known, _)| known.digest != image.digest) {
            all.push((image, own));
        }
    }
    let least = all.iter().filter_map(|(_, own)| own.distance(platform)).min();
    let nearest: Vec<&(Descriptor, Platform)> = all
        .iter()
        .filter(|(_, own)| least.is_some() && own.distance(platform) == least)
        .collect();
    let name = |(image, own): &(Descriptor, Platform)| format!("{own} @{}", image.digest);
    match nearest[..] {
        [(image, _)] => Ok(image.clone()),
        [] => Err(no_image_for(
            platform,
            source.location(),
            all.iter().map(|(_, own)| own.to_string()),
        )),
        _ => Err(Error::invalid(format!(
            "{} has {} images for {platform}",
            source.location(),
            nearest.len()
        ))
        .with_hint(format!(
            "say which by digest: {}",
            nearest.into_iter().map(name).collect::<Vec<_>>().join(", ")
        ))),
    }
}
