//! Compares two images, or two layouts image by image: what they are for buildpacks, then config and layers, then files.

mod sides;

use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use sides::{Named, Side};

use crate::cnb_image::cnb_diff::{CnbDiff, CnbFacts};
use crate::error::Result;
use crate::oci::digest::Digest;
use crate::oci::image_diff::{self, ImageAt, LayerChange, LayerFate, descriptor_value};
use crate::oci::json_diff::{self, FieldChange};
use crate::oci::locate::ImageLocation;
use crate::oci::opened::OpenedImage;
use crate::oci::platform::{Platform, no_image_for};
use crate::progress::Progress;

/// What to compare.
#[derive(Debug, Clone)]
pub struct DiffRequest {
    /// A layout or an archive, or one image in it.
    pub before: ImageLocation,
    /// Another, or another image of the same.
    pub after: ImageLocation,
    /// Only images that answer to this platform.
    pub platform: Option<Platform>,
    /// Where nameless temporary files go.
    pub scratch: PathBuf,
}

/// What differs.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DiffReport {
    /// What was compared, as it was named.
    pub before: String,
    /// With what.
    pub after: String,
    /// How far the two are the same.
    pub sameness: Sameness,
    /// Images by name that only the first has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<NamedDigest>,
    /// Images by name that only the second has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<NamedDigest>,
    /// Images that both have and that differ.
    pub changed: Vec<RootDiff>,
}

/// How far two images are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sameness {
    /// All digests are equal.
    Digest,
    /// Configs and layers before compression are equal; blobs are not.
    Content,
    /// More than that differs.
    None,
}

/// An image with a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NamedDigest {
    /// Its name.
    pub name: String,
    /// Its manifest or index.
    pub digest: Digest,
}

/// What differs between two images, each with its platforms.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RootDiff {
    /// Its name, where several are compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Manifests or indexes of the first.
    pub before: Vec<Digest>,
    /// Those of the second.
    pub after: Vec<Digest>,
    /// Platforms that both have.
    pub platforms: Vec<Platform>,
    /// Platforms that only the first has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed_platforms: Vec<Platform>,
    /// Platforms that only the second has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub added_platforms: Vec<Platform>,
    /// What only the first has besides images: artifacts, attestations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed_others: Vec<Digest>,
    /// What only the second has besides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub added_others: Vec<Digest>,
    /// What differs for buildpacks, with the platforms for which it is this.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buildpacks: Vec<CnbChange>,
    /// Annotations and the like of the index itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub index: Vec<FieldChange>,
    /// Images that are not the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageChange>,
}

/// What differs for buildpacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CnbChange {
    /// The platforms.
    pub platforms: Vec<Platform>,
    /// What differs.
    #[serde(flatten)]
    pub diff: CnbDiff,
}

/// Two images for one platform.
#[derive(Debug, Clone, Serialize)]
pub struct ImageChange {
    /// What the second is for.
    pub platform: Platform,
    /// Manifest of the first.
    pub before: Digest,
    /// Manifest of the second.
    pub after: Digest,
    /// What the index says of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub descriptor: Vec<FieldChange>,
    /// Annotations and the like of the manifests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub manifest: Vec<FieldChange>,
    /// Configs, labels included.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<FieldChange>,
    /// Layers that are not as they were.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerChange>,
}

/// Reads what differs, and verifies it; what has the same digest is not read.
pub fn run(request: &DiffRequest, progress: &dyn Progress) -> Result<DiffReport> {
    let before = Side::open(&request.before, &request.scratch)?;
    let after = Side::open(&request.after, &request.scratch)?;
    let mut report = DiffReport {
        before: request.before.to_string(),
        after: request.after.to_string(),
        sameness: Sameness::Digest,
        removed: Vec::new(),
        added: Vec::new(),
        changed: Vec::new(),
    };
    let pairs = sides::pair(&before, &after)?;
    report.removed = pairs.only_before.iter().map(|named| named.noted()).collect();
    report.added = pairs.only_after.iter().map(|named| named.noted()).collect();
    if !report.removed.is_empty() || !report.added.is_empty() {
        report.sameness = Sameness::None;
    }
    let compare = Compare {
        before: &before,
        after: &after,
        platform: request.platform.as_ref(),
        progress,
    };
    let mut has_platform = request.platform.is_none();
    for (a, b) in &pairs.both {
        progress.check()?;
        if a.digests() == b.digests() && has_platform {
            continue;
        }
        let (diff, sameness) = compare.roots(a, b, pairs.are_named)?;
        let has_any = [&diff.platforms, &diff.removed_platforms, &diff.added_platforms];
        has_platform |= has_any.iter().any(|platforms| !platforms.is_empty());
        report.sameness = report.sameness.max(sameness);
        if sameness != Sameness::Digest {
            report.changed.push(diff);
        }
    }
    if let Some(platform) = request.platform.as_ref().filter(|_| !has_platform) {
        let mut has = before.platforms()?;
        has.append(&mut after.platforms()?);
        let place = format!("`{}` or `{}`", report.before, report.after);
        return Err(no_image_for(platform, place, has));
    }
    Ok(report)
}

struct Compare<'a> {
    before: &'a Side,
    after: &'a Side,
    platform: Option<&'a Platform>,
    progress: &'a dyn Progress,
}

impl Compare<'_> {
    fn roots(&self, a: &Named, b: &Named, are_named: bool) -> Result<(RootDiff, Sameness)> {
        let (of_a, of_b) = (
            self.before.images(a, self.platform)?,
            self.after.images(b, self.platform)?,
        );
        let paired = sides::pair_platforms(&of_a, &of_b);
        let mut diff = RootDiff {
            name: are_named.then(|| b.name.clone()).flatten(),
            before: a.digests(),
            after: b.digests(),
            platforms: paired.both.iter().map(|(_, image)| image.platform()).collect(),
            removed_platforms: paired.only_before.iter().map(|image| image.platform()).collect(),
            added_platforms: paired.only_after.iter().map(|image| image.platform()).collect(),
            buildpacks: Vec::new(),
            // of a part of an index nobody asks what the whole says
            removed_others: Vec::new(),
            added_others: Vec::new(),
            index: Vec::new(),
            images: Vec::new(),
        };
        // of a part nobody asks what is in front of it and beside it
        if self.platform.is_none() {
            let (before, after) = (self.before.rest(a, self.progress)?, self.after.rest(b, self.progress)?);
            diff.removed_others = before.others.difference(&after.others).cloned().collect();
            diff.added_others = after.others.difference(&before.others).cloned().collect();
            if !before.indexes.is_empty() && !after.indexes.is_empty() {
                diff.index = indexes(&before.indexes, &after.indexes);
            }
        }
        for (one, other) in &paired.both {
            self.images(one, other, &mut diff)?;
        }
        let sameness = sameness(&diff, self.platform.is_some());
        Ok((diff, sameness))
    }

    fn images(&self, a: &OpenedImage, b: &OpenedImage, diff: &mut RootDiff) -> Result<()> {
        // one that stands alone has no platform there, which is no difference to one behind an index
        let have_platforms = a.descriptor.platform.is_some() && b.descriptor.platform.is_some();
        let said = |image: &OpenedImage| descriptor_value(&image.descriptor, have_platforms);
        let descriptor = json_diff::compare(&said(a), &said(b));
        if a.descriptor.digest == b.descriptor.digest && descriptor.is_empty() {
            return Ok(());
        }
        let (facts_a, facts_b) = (CnbFacts::of(&a.config.labels()), CnbFacts::of(&b.config.labels()));
        add_change(&mut diff.buildpacks, b.platform(), CnbDiff::of(&facts_a, &facts_b));
        let (in_a, in_b) = (facts_a.modules_by_layer(), facts_b.modules_by_layer());
        let (folders_a, folders_b) = (facts_a.folders(), facts_b.folders());
        let before = ImageAt {
            source: self.before.source(),
            image: a,
            contents: &in_a,
            folders: &folders_a,
        };
        let after = ImageAt {
            source: self.after.source(),
            image: b,
            contents: &in_b,
            folders: &folders_b,
        };
        diff.images.push(ImageChange {
            platform: b.platform(),
            before: a.descriptor.digest.clone(),
            after: b.descriptor.digest.clone(),
            descriptor,
            manifest: image_diff::manifest(a, b),
            config: image_diff::config(a, b),
            layers: image_diff::layers(before, after, self.progress)?,
        });
        Ok(())
    }
}

/// One index with one, as it mostly is; several as a list.
fn indexes(before: &[Value], after: &[Value]) -> Vec<FieldChange> {
    match (before, after) {
        ([before], [after]) => json_diff::compare(before, after),
        _ => json_diff::compare(&Value::from(before), &Value::from(after)),
    }
}

fn add_change(changes: &mut Vec<CnbChange>, platform: Platform, diff: CnbDiff) {
    if diff.is_empty() {
        return;
    }
    match changes.iter_mut().find(|known| known.diff == diff) {
        Some(known) => known.platforms.push(platform),
        None => changes.push(CnbChange {
            platforms: vec![platform],
            diff,
        }),
    }
}

/// `is_part`: only images for one platform were asked for, whatever is in front of them.
fn sameness(diff: &RootDiff, is_part: bool) -> Sameness {
    let is_recompressed = |layer: &LayerChange| layer.fate == LayerFate::Recompressed;
    let is_content = |image: &ImageChange| {
        image.config.is_empty()
            && image.manifest.is_empty()
            && image.descriptor.is_empty()
            && image.layers.iter().all(is_recompressed)
    };
    let is_same_set = diff.removed_platforms.is_empty()
        && diff.added_platforms.is_empty()
        && diff.removed_others.is_empty()
        && diff.added_others.is_empty()
        && diff.index.is_empty();
    if is_part && is_same_set && diff.images.is_empty() {
        return Sameness::Digest;
    }
    // without a difference, the same images are there with an index in front of them and without, or in another order
    if is_same_set && diff.buildpacks.is_empty() && diff.images.iter().all(is_content) {
        Sameness::Content
    } else {
        Sameness::None
    }
}
