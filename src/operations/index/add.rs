//! More images for an index, and newer ones for platforms that it has.

use super::{Bringing, IndexReport, IndexedImage, Target, bring, open_inputs};
use crate::cnb_image::index_inputs::{
    IndexInput, Named, are_for_the_same, check_kinds, check_platforms, place_for, warn_of_docker_types,
};
use crate::error::{Findings, Result};
use crate::oci::descriptor::{Annotations, media_type};
use crate::oci::index::ImageIndex;
use crate::oci::layout::LayoutWriter;
use crate::oci::library::FoundImage;
use crate::oci::locate::ImageLocation;
use crate::oci::members::{Member, Role, agreed};
use crate::progress::Progress;

/// What to add, and to what.
#[derive(Debug, Clone)]
pub struct AddRequest {
    /// The index; an image without one becomes the first behind a new one.
    pub target: ImageLocation,
    /// The images, or indexes of some; in layouts or archives.
    pub images: Vec<ImageLocation>,
    /// Annotations of the index, besides those that it has.
    pub annotations: Annotations,
    /// Whether images of different kinds go together.
    pub force: bool,
    /// How the images come.
    pub how: Bringing,
}

/// Adds the images; one for a platform that the index has takes the other's place.
pub fn add(request: &AddRequest, progress: &dyn Progress) -> Result<IndexReport> {
    let name = request.target.to_string();
    let task = format!("add to `{name}`");
    run(request, &name, &task, progress).map_err(|error| {
        // what sums findings up says what was tried
        if error.findings().is_empty() {
            error.context(format!("failed to {task}"))
        } else {
            error
        }
    })
}

fn run(request: &AddRequest, name: &str, task: &str, progress: &dyn Progress) -> Result<IndexReport> {
    let mut findings = Findings::default();
    let target = Target::open(&request.target)?;
    let (mut index, mut members) = existing(&target, name, &mut findings)?;
    let inputs = open_inputs(&request.images, &request.how.scratch, &mut findings)?;
    let new: Vec<Named<'_>> = inputs.iter().flat_map(named).collect();
    check_platforms(&new, &mut findings);
    warn_of_docker_types(&new, &mut findings);

    let mut notes = Vec::new();
    for (from, image) in &new {
        notes.push(put(&mut members, image, from));
    }
    let is_about = |member: &&Member| member.image().is_none();
    for member in inputs.iter().flat_map(|input| &input.members).filter(is_about) {
        if !members.iter().any(|known| known.descriptor == member.descriptor) {
            members.push(member.clone());
        }
    }
    let from = |member: &Member| {
        let is_new = |(_, image): &&Named<'_>| image.descriptor == member.descriptor;
        new.iter().find(is_new).map_or(name, |(from, _)| *from)
    };
    let all: Vec<Named<'_>> = members.iter().map(|member| (from(member), member)).collect();
    check_kinds(&all, request.force, &mut findings)?;
    let warnings = findings.into_warnings(task)?;
    let is_new = |member: &Member| new.iter().any(|(_, image)| image.descriptor == member.descriptor);
    if members.iter().filter(|member| member.image().is_some()).all(is_new) {
        // what the index says was said of images that are not there any more
        index.annotations = agreed(inputs.iter().map(|input| &input.annotations)).0;
    }

    let images = members.iter().map(IndexedImage::member).collect();
    index.manifests = members.into_iter().map(|member| member.descriptor).collect();
    index.annotations.extend(request.annotations.clone());
    let writer = LayoutWriter::new(&request.target.layout)?;
    bring(&inputs, &writer, &request.how, progress)?;
    let report = target.commit(writer, &index, request.how.dry_run, progress)?;
    Ok(IndexReport {
        images,
        notes,
        warnings,
        ..report
    })
}

fn named(input: &IndexInput) -> impl Iterator<Item = Named<'_>> {
    input.images().map(|(member, _)| (input.name.as_str(), member))
}

/// The index, or a new one of the image, and what is behind it.
fn existing(target: &Target, name: &str, findings: &mut Findings) -> Result<(ImageIndex, Vec<Member>)> {
    if media_type::is_index(&target.root.media_type) {
        let index = target.index()?;
        let members = index.manifests.iter().map(|child| Member::read(&target.layout, child));
        let members = members.collect::<Result<_>>()?;
        return Ok((index, members));
    }
    let found = FoundImage {
        source: std::sync::Arc::new(target.layout.clone()),
        roots: vec![target.root.clone()],
    };
    let input = IndexInput::read(name, &found, findings)?;
    Ok((ImageIndex::new(Vec::new(), input.annotations), input.members))
}

/// Puts an image in the place of the one for its platform, or where it belongs. Says what was done.
fn put(members: &mut Vec<Member>, image: &Member, from: &str) -> String {
    let platform = image.platform();
    let digest = &image.descriptor.digest;
    let is_same = |member: &Member| member.image().is_some() && are_for_the_same(&member.descriptor, &image.descriptor);
    let Some(at) = members.iter().position(is_same) else {
        members.insert(place_for(members, image), image.clone());
        return format!("{platform} is {digest} of `{from}`");
    };
    let old = std::mem::replace(&mut members[at], image.clone());
    if old.descriptor.digest == *digest {
        return format!("{platform} was {digest} already");
    }
    remove_about(members, &old);
    format!(
        "{platform} is {digest} of `{from}`, in place of {}",
        old.descriptor.digest
    )
}

/// What is about an image goes with it, unless the index lists it for another platform as well.
fn remove_about(members: &mut Vec<Member>, old: &Member) {
    let old = &old.descriptor.digest;
    if !members.iter().any(|member| member.descriptor.digest == *old) {
        members.retain(|member| !matches!(&member.role, Role::About(image) if image == old));
    }
}
