//! The form that every tool reads: one image index, on one level, of OCI images that each have a platform.

use super::ImportedManifest;
use crate::cnb_image::index_inputs::{Named, check_platforms, place_for, single};
use crate::error::{Findings, Result};
use crate::oci::descriptor::{Annotations, Descriptor, media_type};
use crate::oci::index::ImageIndex;
use crate::oci::json;
use crate::oci::members::{FlatIndex, Member, agreed, flat, read_index};
use crate::oci::oci_form;
use crate::oci::opened::OpenedImage;
use crate::oci::store::{BlobSource, WithDocuments};
use crate::progress::Progress;

/// An image in that form.
pub(super) struct Canonical {
    /// Its index; the manifest of an artifact, which has none.
    pub(super) root: Descriptor,
    /// Its images before and after.
    pub(super) manifests: Vec<ImportedManifest>,
}

/// Makes one image of `roots`; new documents are added to `source`. What has the form already stays as it is.
pub(super) fn canonical(
    source: &mut WithDocuments<'_>,
    roots: &[Descriptor],
    findings: &mut Findings,
    progress: &dyn Progress,
) -> Result<Canonical> {
    let before = images(source, roots)?;
    let converted: Vec<Descriptor> = roots
        .iter()
        .map(|root| oci_form::convert(source, root, progress))
        .collect::<Result<_>>()?;
    let after = images(source, &converted)?;
    let root = match converted.as_slice() {
        [index] if media_type::is_index(&index.media_type) => of_index(source, index)?,
        [artifact] if after.is_empty() => plain(artifact),
        manifests => of_manifests(source, manifests, findings)?,
    };
    let manifests = before.into_iter().zip(after).map(|(before, after)| ImportedManifest {
        platform: after.descriptor.platform,
        before: before.descriptor.digest,
        digest: after.descriptor.digest,
    });
    Ok(Canonical {
        root,
        manifests: manifests.collect(),
    })
}

/// All images below, in the order of a walk.
fn images(source: &dyn BlobSource, roots: &[Descriptor]) -> Result<Vec<Member>> {
    let mut images = Vec::new();
    for root in roots {
        if media_type::is_index(&root.media_type) {
            images.extend(flat(source, root)?.members);
        } else if media_type::is_manifest(&root.media_type) && OpenedImage::read(source, root)?.is_some() {
            images.push(single(source, root)?.0);
        }
    }
    images.retain(|member| member.image().is_some());
    Ok(images)
}

fn plain(descriptor: &Descriptor) -> Descriptor {
    Descriptor::new(&descriptor.media_type, descriptor.digest.clone(), descriptor.size)
}

/// The index itself where it is on one level and says a platform of each image; else a new one.
fn of_index(source: &mut WithDocuments<'_>, root: &Descriptor) -> Result<Descriptor> {
    let index = read_index(source, root)?;
    if let [only] = index.manifests.as_slice()
        && media_type::is_index(&only.media_type)
        && index.annotations.is_empty()
        && only.digest != root.digest
    {
        // an index of nothing but an index says nothing; each step is one level, and `flat` has counted them
        return of_index(source, only);
    }
    let FlatIndex { members, .. } = flat(source, root)?;
    let descriptors: Vec<Descriptor> = members.into_iter().map(|member| member.descriptor).collect();
    if descriptors == index.manifests {
        return Ok(plain(root));
    }
    let new = ImageIndex {
        manifests: descriptors,
        ..index
    };
    Ok(add(source, &new))
}

fn of_manifests(
    source: &mut WithDocuments<'_>,
    manifests: &[Descriptor],
    findings: &mut Findings,
) -> Result<Descriptor> {
    let singles: Vec<(Member, Annotations)> = manifests
        .iter()
        .map(|manifest| single(source, manifest))
        .collect::<Result<_>>()?;
    let named: Vec<Named<'_>> = singles.iter().map(|(member, _)| ("the source", member)).collect();
    check_platforms(&named, findings);
    let (annotations, _) = agreed(singles.iter().map(|(_, annotations)| annotations));
    let mut members: Vec<Member> = Vec::new();
    for (member, _) in &singles {
        members.insert(place_for(&members, member), member.clone());
    }
    let descriptors = members.into_iter().map(|member| member.descriptor).collect();
    Ok(add(source, &ImageIndex::new(descriptors, annotations)))
}

fn add(source: &mut WithDocuments<'_>, index: &ImageIndex) -> Descriptor {
    let bytes = json::to_bytes(index);
    let size = bytes.len() as u64;
    Descriptor::new(media_type::INDEX, source.add(bytes), size)
}
