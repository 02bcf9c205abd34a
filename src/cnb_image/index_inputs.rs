//! [`IndexInput`]: images that go behind one image index, each made elsewhere, and the rules for putting them together.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::buildpackage::{child_annotations, distro_of, platform};
use super::image_kind::{ImageKind, builders_differ_in};
use super::view::BuildpackageView;
use crate::cnb::target::Target;
use crate::error::{Error, Finding, Findings, Result};
use crate::oci::descriptor::{Annotations, Descriptor, media_type};
use crate::oci::digest::Digest;
use crate::oci::library::FoundImage;
use crate::oci::members::{Member, Role, agreed, flat};
use crate::oci::opened::OpenedImage;
use crate::oci::platform::Platform;
use crate::oci::store::{BlobSource, ImageSource};

type Labels = BTreeMap<String, String>;

/// What is about a distribution, in annotations of a descriptor.
const DISTRO: &str = "io.buildpacks.base.distro.";

/// The images of one source.
#[derive(Clone)]
pub struct IndexInput {
    /// What the user calls it.
    pub name: String,
    /// Where its blobs are.
    pub source: Arc<dyn ImageSource>,
    /// Its images, as their index lists them, and what is about them.
    pub members: Vec<Member>,
    /// Annotations of its index; where it has none, what an index of it would say.
    pub annotations: Annotations,
}

impl IndexInput {
    /// Reads the images below an index, or the image itself.
    pub fn read(name: &str, found: &FoundImage, findings: &mut Findings) -> Result<Self> {
        let mut members = Vec::new();
        let mut all_annotations = Vec::new();
        for root in &found.roots {
            if media_type::is_index(&root.media_type) {
                let index = flat(&*found.source, root)?;
                all_annotations.push(index.annotations);
                members.extend(index.members);
            } else {
                let (member, annotations) = single(&*found.source, root)?;
                all_annotations.push(annotations);
                members.push(member);
            }
        }
        let input = Self {
            name: name.to_owned(),
            source: Arc::clone(&found.source),
            members: related(name, members, findings),
            annotations: agreed(&all_annotations).0,
        };
        if input.images().next().is_none() {
            return Err(Error::invalid(format!("`{name}` has no images")));
        }
        Ok(input)
    }

    /// Its images, without what is about them.
    pub fn images(&self) -> impl Iterator<Item = (&Member, &OpenedImage)> {
        self.members.iter().filter_map(|member| Some((member, member.image()?)))
    }
}

/// The images, and what is about one of them; the rest is left out, and said.
fn related(name: &str, members: Vec<Member>, findings: &mut Findings) -> Vec<Member> {
    let is_image = |member: &&Member| member.image().is_some();
    let images: Vec<Digest> = members
        .iter()
        .filter(is_image)
        .map(|member| member.descriptor.digest.clone())
        .collect();
    let (kept, others): (Vec<Member>, Vec<Member>) = members.into_iter().partition(|member| match &member.role {
        Role::Image(_) => true,
        Role::About(image) => images.contains(image),
        Role::Other => false,
    });
    for other in others {
        let digest = &other.descriptor.digest;
        findings.push(Finding::warning(format!(
            "{digest} in `{name}` is no image, and is left out"
        )));
    }
    kept
}

/// An image that no index lists, and what an index of it would say: that follows from its config, labels and manifest.
pub fn single(source: &dyn BlobSource, root: &Descriptor) -> Result<(Member, Annotations)> {
    let mut descriptor = Descriptor::new(&root.media_type, root.digest.clone(), root.size);
    descriptor.platform.clone_from(&root.platform);
    // all else that an entry of index.json says is about its name
    let distro = root.annotations.iter().filter(|(key, _)| key.starts_with(DISTRO));
    descriptor.annotations = distro.map(|(key, value)| (key.clone(), value.clone())).collect();
    let mut member = Member::read(source, &descriptor)?;
    let Some(image) = member.image() else {
        return Ok((member, Annotations::new()));
    };
    let labels = image.config.labels();
    let mut annotations = Annotations::new();
    if ImageKind::of(&labels)?.is_package_or_builder() {
        annotations.clone_from(&image.manifest.annotations);
    }
    if member.descriptor.annotations.is_empty() {
        member.descriptor.annotations = distro_annotations(&labels, &member);
    }
    Ok((member, annotations))
}

/// What packaging would say of the distribution, where only one target of the module is for this platform.
fn distro_annotations(labels: &Labels, member: &Member) -> Annotations {
    let targets = targets_of(labels);
    let mut fitting = targets
        .into_iter()
        .filter(|(descriptor, _)| *descriptor == member.platform());
    match (fitting.next(), fitting.next()) {
        (Some((_, annotations)), None) => annotations,
        _ => Annotations::new(),
    }
}

/// Each target of a package's main module, in the order in which packaging lists their images.
fn targets_of(labels: &Labels) -> Vec<(Platform, Annotations)> {
    let view = BuildpackageView::of(labels).ok().flatten();
    let main = view.as_ref().and_then(BuildpackageView::main);
    let targets = main.map(|main| main.targets.as_slice()).unwrap_or_default();
    let singles = targets.iter().flat_map(Target::expand);
    singles
        .map(|target| (platform(&target), child_annotations(&target)))
        .collect()
}

/// Whether a consumer could not tell two images apart, and no distribution does.
#[must_use]
pub fn are_for_the_same(one: &Descriptor, other: &Descriptor) -> bool {
    let distros = (distro_of(one), distro_of(other));
    let is_other_distro = matches!(distros, (Some(one), Some(other)) if one != other);
    have_equal_platforms(one, other) && !is_other_distro
}

fn have_equal_platforms(one: &Descriptor, other: &Descriptor) -> bool {
    match (&one.platform, &other.platform) {
        (Some(one), Some(other)) => one.is_same(other),
        _ => false,
    }
}

/// Where an image goes among those of an index: in the order of the module's targets, as packaging has it; else behind all images.
#[must_use]
pub fn place_for(members: &[Member], new: &Member) -> usize {
    let targets = new
        .image()
        .map(|image| targets_of(&image.config.labels()))
        .unwrap_or_default();
    let rank = |member: &Member| {
        let own = (member.platform(), member.descriptor.annotations.clone());
        let is_own = |(platform, annotations): &(_, Annotations)| {
            *platform == own.0 && annotations.iter().all(|(key, value)| own.1.get(key) == Some(value))
        };
        targets.iter().position(is_own)
    };
    let is_image = |member: &Member| member.image().is_some();
    let behind_all = members.iter().rposition(is_image).map_or(0, |last| last + 1);
    let Some(own) = rank(new) else { return behind_all };
    let later = |member: &Member| is_image(member) && rank(member).is_some_and(|rank| rank > own);
    members.iter().position(later).unwrap_or(behind_all)
}

/// Images with the name of what they come from.
pub type Named<'m> = (&'m str, &'m Member);

/// All images of an index have to be of one kind: the same package, or builders. Errors, or with `force` warnings; builders that
/// differ in what they run on, or in their buildpacks, are a warning.
pub fn check_kinds(images: &[Named<'_>], force: bool, findings: &mut Findings) -> Result<()> {
    let mut first: Option<(ImageKind, Named<'_>)> = None;
    for (name, member) in images {
        let Some(image) = member.image() else { continue };
        let labels = image.config.labels();
        let kind =
            ImageKind::of(&labels).map_err(|error| error.context(format!("failed to read the labels of `{name}`")))?;
        let Some((first_kind, (first_name, first_member))) = &first else {
            first = Some((kind, (name, member)));
            continue;
        };
        let place = |member: &Member, name: &str| format!("{} in `{name}`", member.platform());
        let (here, there) = (place(member, name), place(first_member, first_name));
        if kind != *first_kind {
            let message = format!(
                "{here} is {}, but {there} is {}",
                with_article(&kind),
                with_article(first_kind)
            );
            findings.push(if force {
                Finding::warning(message)
            } else {
                Finding::error(message)
                    .hint("an index is one thing for several platforms; --force makes it all the same")
            });
        } else if kind == ImageKind::Builder
            && let Some(first) = first_member.image()
        {
            let differ = builders_differ_in(&first.config.labels(), &labels);
            if !differ.is_empty() {
                findings.push(Finding::warning(format!(
                    "the builders {there} and {here} differ in: {}",
                    differ.join(", ")
                )));
            }
        }
    }
    Ok(())
}

fn with_article(kind: &ImageKind) -> String {
    match kind {
        ImageKind::Extension(_) | ImageKind::Image => format!("an {kind}"),
        _ => format!("a {kind}"),
    }
}

/// An error for each two images of which nobody could tell which to take; a warning where only the distribution's name does.
pub fn check_platforms(images: &[Named<'_>], findings: &mut Findings) {
    let mut by_platform: HashMap<Platform, Vec<&Named<'_>>> = HashMap::new();
    for image @ (name, member) in images {
        let platform = member.platform();
        let others = by_platform.entry(platform.with_variant()).or_default();
        for (first_name, first) in others.iter().copied() {
            if are_for_the_same(&first.descriptor, &member.descriptor) {
                let message = if (first_name, &first.descriptor.digest) == (name, &member.descriptor.digest) {
                    format!("`{name}` is given twice, or has the image for {platform} twice")
                } else if first_name == name {
                    let (one, other) = (&first.descriptor.digest, &member.descriptor.digest);
                    format!("`{name}` has two images for {platform}: {one} and {other}")
                } else {
                    format!("`{first_name}` and `{name}` both have an image for {platform}")
                };
                findings.push(Finding::error(message).hint("an index has one image for each platform"));
            } else {
                let message = format!("two images have the same platform {platform}, for different distributions");
                findings.push(Finding::warning(message).hint("tools that choose by platform take the first of them"));
            }
        }
        others.push(image);
    }
}

/// Bytes stay as they are, Docker's media types too, which not every consumer takes in an index of the OCI.
pub fn warn_of_docker_types(images: &[Named<'_>], findings: &mut Findings) {
    for (name, member) in images {
        if member.descriptor.media_type == media_type::DOCKER_MANIFEST {
            let message = format!(
                "the image for {} in `{name}` has Docker's media types",
                member.platform()
            );
            findings.push(Finding::warning(message).hint("`airpack layout import` makes an OCI image of it"));
        }
    }
}
