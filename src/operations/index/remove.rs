//! An index without some of its images.

use std::collections::{BTreeSet, HashSet};

use super::{IndexReport, Target, nearest, platform_of};
use crate::error::{Error, Result};
use crate::oci::descriptor::Descriptor;
use crate::oci::digest::Digest;
use crate::oci::layout::LayoutWriter;
use crate::oci::locate::ImageLocation;
use crate::oci::members::about;
use crate::oci::platform::Platform;
use crate::progress::Progress;

/// What to take out.
#[derive(Debug, Clone)]
pub struct RemoveRequest {
    /// The index.
    pub target: ImageLocation,
    /// What the images are for.
    pub platforms: Vec<Platform>,
    /// Whether only to say what would be done.
    pub dry_run: bool,
}

/// Takes the images for some platforms out, and what is about them. Their blobs stay in the layout.
pub fn remove(request: &RemoveRequest, progress: &dyn Progress) -> Result<IndexReport> {
    run(request, progress).map_err(|error| error.context(format!("failed to remove from `{}`", request.target)))
}

fn run(request: &RemoveRequest, progress: &dyn Progress) -> Result<IndexReport> {
    let target = Target::open(&request.target)?;
    let mut index = target.index()?;
    let mut removed: BTreeSet<usize> = BTreeSet::new();
    for platform in &request.platforms {
        removed.extend(nearest(&target.layout, &index, platform)?);
    }
    let notes = removed
        .iter()
        .map(|at| note(&index.manifests[*at], request.dry_run))
        .collect();
    let is_removed = |at: usize| removed.contains(&at);
    let kept: Vec<Descriptor> = all_but(&index.manifests, is_removed);
    let mut images = 0;
    for child in &kept {
        images += usize::from(platform_of(&target.layout, child)?.is_some());
    }
    if images == 0 {
        return Err(Error::invalid("no image would be left in the index").with_hint(format!(
            "`airpack layout rm {}` takes the whole out of the layout",
            request.target
        )));
    }
    let left: HashSet<&Digest> = kept.iter().map(|child| &child.digest).collect();
    let gone: HashSet<&Digest> = removed.iter().map(|at| &index.manifests[*at].digest).collect();
    let is_about_gone = |child: &Descriptor| about(child).is_some_and(|it| gone.contains(&it) && !left.contains(&it));
    let kept: Vec<Descriptor> = kept.iter().filter(|child| !is_about_gone(child)).cloned().collect();
    index.manifests = kept;
    let writer = LayoutWriter::new(&request.target.layout)?;
    let report = target.commit(writer, &index, request.dry_run, progress)?;
    Ok(IndexReport { notes, ..report })
}

fn all_but(children: &[Descriptor], is_removed: impl Fn(usize) -> bool) -> Vec<Descriptor> {
    let kept = children.iter().enumerate().filter(|(at, _)| !is_removed(*at));
    kept.map(|(_, child)| child.clone()).collect()
}

fn note(child: &Descriptor, dry_run: bool) -> String {
    let verb = if dry_run { "would remove" } else { "removed" };
    let platform = child.platform.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("{verb} {platform} {}", child.digest)
}
