//! A new index of images that were made elsewhere.

use std::path::PathBuf;

use super::{Bringing, IndexReport, IndexedImage, bring, open_inputs};
use crate::cnb_image::index_inputs::{
    IndexInput, Named, check_kinds, check_platforms, place_for, warn_of_docker_types,
};
use crate::cnb_image::written::commit;
use crate::error::{Findings, Result};
use crate::oci::descriptor::Annotations;
use crate::oci::digest::Digest;
use crate::oci::index::ImageIndex;
use crate::oci::json;
use crate::oci::layout::LayoutWriter;
use crate::oci::locate::ImageLocation;
use crate::oci::members::{Member, agreed};
use crate::oci::reference::ImageName;
use crate::progress::Progress;

/// What to put behind an index.
#[derive(Debug, Clone)]
pub struct CreateRequest {
    /// Names of the index.
    pub names: Vec<ImageName>,
    /// The images, or indexes of some; in layouts or archives.
    pub images: Vec<ImageLocation>,
    /// The layout; made if it does not exist.
    pub layout: PathBuf,
    /// Annotations of the index, which win over those that all inputs agree on.
    pub annotations: Annotations,
    /// Whether images of different kinds go together.
    pub force: bool,
    /// How the images come.
    pub how: Bringing,
}

/// Makes the index that packaging would have made of all platforms at once.
pub fn create(request: &CreateRequest, progress: &dyn Progress) -> Result<IndexReport> {
    let task = format!("create an image index in `{}`", request.layout.display());
    let mut findings = Findings::default();
    let inputs = open_inputs(&request.images, &request.how.scratch, &mut findings)?;
    let images: Vec<Named<'_>> = inputs.iter().flat_map(named).collect();
    check_platforms(&images, &mut findings);
    check_kinds(&images, request.force, &mut findings)?;
    warn_of_docker_types(&images, &mut findings);
    let warnings = findings.into_warnings(&task)?;

    let members = merged(&inputs);
    let (mut annotations, left_out) = agreed(inputs.iter().map(|input| &input.annotations));
    annotations.extend(request.annotations.clone());
    let descriptors = members.iter().map(|member| member.descriptor.clone());
    let index = ImageIndex::new(descriptors.collect(), annotations);

    let write = || -> Result<_> {
        let writer = LayoutWriter::new(&request.layout)?;
        bring(&inputs, &writer, &request.how, progress)?;
        if request.how.dry_run {
            return Ok((Digest::of(&json::to_bytes(&index)), Vec::new()));
        }
        let root = index.write(writer.staging());
        let names = commit(writer, &root, &request.names, progress)?;
        Ok((root.digest, names))
    };
    let (digest, names) = write().map_err(|error| error.context(format!("failed to {task}")))?;
    let is_left_out = |key: &&String| !request.annotations.contains_key(*key);
    Ok(IndexReport {
        dry_run: request.how.dry_run,
        layout: request.layout.clone(),
        digest,
        was: None,
        names,
        images: members.iter().map(IndexedImage::member).collect(),
        notes: left_out
            .iter()
            .filter(is_left_out)
            .map(|key| format!("annotation `{key}` is left out: the inputs do not agree on it"))
            .collect(),
        annotations: index.annotations,
        warnings,
    })
}

fn named(input: &IndexInput) -> impl Iterator<Item = Named<'_>> {
    input.images().map(|(member, _)| (input.name.as_str(), member))
}

/// Images in the order of packaging, then what is about them.
fn merged(inputs: &[IndexInput]) -> Vec<Member> {
    let all = || inputs.iter().flat_map(|input| &input.members);
    let mut members: Vec<Member> = Vec::new();
    for image in all().filter(|member| member.image().is_some()) {
        members.insert(place_for(&members, image), image.clone());
    }
    members.extend(all().filter(|member| member.image().is_none()).cloned());
    members
}
