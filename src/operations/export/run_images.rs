//! The run images that a builder names, found on disk.

use std::sync::Arc;

use super::choice::images_of;
use super::{Chosen, like};
use crate::cnb::builder_labels::{BUILDER_METADATA, BuilderMetadata, RunImage};
use crate::error::{Error, ErrorKind, Finding, Findings, Result};
use crate::oci::json;
use crate::oci::library::Library;
use crate::oci::opened::OpenedImage;
use crate::oci::platform::Platform;
use crate::oci::reference::ImageReference;

/// All run images of a builder under all their names, for the platform of the builder's image. `label` is what it says of itself.
pub(super) fn find(
    label: &str,
    builder: &OpenedImage,
    library: &Library,
    what: &str,
    notes: &mut Vec<String>,
) -> Result<Vec<(ImageReference, Chosen)>> {
    let metadata: BuilderMetadata = json::from_slice(label.as_bytes(), &format!("label {BUILDER_METADATA} of {what}"))?;
    let run_images = metadata.run_images();
    if run_images.is_empty() {
        return Err(Error::invalid(format!("builder {what} names no run image")));
    }
    let platform = builder.platform();
    let mut findings = Findings::default();
    let mut found = Vec::new();
    for run_image in &run_images {
        match find_one(run_image, &platform, library, notes) {
            Ok(named) => found.extend(named),
            Err(error) => findings.push(finding(&error)),
        }
    }
    let task = format!("find the run images of builder {what}");
    findings.into_warnings(&task)?;
    Ok(found)
}

/// One run image under its own name and those of its mirrors. They are one image: who is not there stands for who is.
fn find_one(
    run_image: &RunImage,
    platform: &Platform,
    library: &Library,
    notes: &mut Vec<String>,
) -> Result<Vec<(ImageReference, Chosen)>> {
    let texts = std::iter::once(&run_image.image).chain(run_image.mirrors.iter().flatten());
    let mut named = Vec::new();
    let mut missing = None;
    for text in texts {
        let name: ImageReference = text
            .parse()
            .map_err(|error: Error| error.context(format!("run image `{text}` has no name of an image")))?;
        let chosen = match library.find(&name, &[platform.to_string()]) {
            Ok(found) => {
                let images = images_of(&*found.source, &found.roots)?;
                let image = like(&images, platform, &format!("run image `{name}`"), notes)?.clone();
                let source = Arc::clone(&found.source);
                Some(Chosen { source, image })
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                missing.get_or_insert(error);
                None
            }
            Err(error) => return Err(error),
        };
        named.push((name, chosen));
    }
    let Some(any) = named.iter().find_map(|(_, chosen)| chosen.clone()) else {
        return Err(missing.unwrap_or_else(|| Error::invalid("a run image has no name")));
    };
    let all = named.into_iter().map(|(name, chosen)| {
        let chosen = chosen.unwrap_or_else(|| any.clone());
        (name, chosen)
    });
    Ok(all.collect())
}

/// An error as one of several.
fn finding(error: &Error) -> Finding {
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    let finding = Finding::error(message);
    match error.hint() {
        Some(hint) => finding.hint(hint),
        None => finding,
    }
}
