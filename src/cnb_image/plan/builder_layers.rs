//! The layers of a builder: folders, files, whiteouts, modules (platform spec, builder layout).

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::super::build_user::BuildUser;
use super::super::layer_tar::{LayerContent, LayerTar, SmallLayer};
use super::builder::{BuilderLayer, Holds};
use super::member::{Member, layers};
use super::offers::{Key, named};
use crate::archive::entry::{Entry, EntryKind};
use crate::archive::hashing::HashingWriter;
use crate::archive::timestamp::NORMALIZED;
use crate::cnb::build_env::BuildEnv;
use crate::cnb::id::{ModuleId, ModuleVersion};
use crate::cnb::labels::ModuleLayers;
use crate::cnb::module::ModuleKind;
use crate::cnb::paths::module_folder;
use crate::error::Result;
use crate::oci::digest::DiffId;
use crate::progress::{Progress, Silent};

/// Folders that builds write to.
const OF_USER: [&str; 2] = ["/workspace", "/layers"];
/// Folders that they only read.
const OF_ROOT: [&str; 7] = [
    "/cnb",
    "/cnb/buildpacks",
    "/cnb/extensions",
    "/platform",
    "/platform/env",
    "/cnb/build-config",
    BUILD_ENV,
];
/// Where `[[build.env]]` goes.
const BUILD_ENV: &str = "/cnb/build-config/env";

/// The folders that every builder has.
pub(super) fn folders(user: BuildUser) -> SmallLayer {
    let mut layer = SmallLayer::default();
    for path in OF_USER {
        layer.add(Entry {
            uid: user.uid,
            gid: user.gid,
            ..entry(path, EntryKind::Dir, 0o755)
        });
    }
    for path in OF_ROOT {
        layer.add(entry(path, EntryKind::Dir, 0o755));
    }
    layer
}

/// One file.
fn file(path: &str, content: &str) -> SmallLayer {
    let mut layer = SmallLayer::default();
    layer.add_file(empty_file(path), content.as_bytes());
    layer
}

/// The variables of `[[build.env]]`, a file for each.
pub(super) fn build_env(env: &BuildEnv) -> SmallLayer {
    let mut layer = SmallLayer::default();
    for (name, content) in &env.0 {
        layer.add_file(empty_file(&format!("{BUILD_ENV}/{name}")), content.as_bytes());
    }
    layer
}

/// Takes away a module of the image below. Its time is the epoch, as pack has it.
fn whiteout(kind: ModuleKind, id: &ModuleId, version: &ModuleVersion) -> SmallLayer {
    let mut layer = SmallLayer::default();
    layer.add(Entry {
        mtime: 0,
        ..empty_file(&format!("{}/.wh.{version}", module_folder(kind, id)))
    });
    layer
}

fn empty_file(path: &str) -> Entry {
    entry(path, EntryKind::File { size: 0 }, 0o644)
}

fn entry(path: &str, kind: EntryKind, mode: u32) -> Entry {
    Entry {
        path: path.as_bytes().to_vec(),
        kind,
        mode,
        uid: 0,
        gid: 0,
        mtime: NORMALIZED,
    }
}

/// A layer that holds what `holds` says.
pub(super) fn small(holds: &str, layer: impl LayerTar + 'static) -> BuilderLayer {
    BuilderLayer {
        holds: Holds::Other(holds.to_owned()),
        content: LayerContent::Written(Box::new(layer)),
    }
}

/// A layer of one file.
pub(super) fn small_file(path: &str, text: &str) -> BuilderLayer {
    small(path, file(path, text))
}

/// Modules of one kind that are to get layers, and what there is of them already.
pub(super) struct ToLayer<'l> {
    pub(super) kind: ModuleKind,
    /// What the image below has.
    pub(super) below: &'l ModuleLayers,
    /// What must go of that.
    pub(super) dropped: &'l BTreeSet<Key>,
    /// Modules that share a layer, as `id@version`.
    pub(super) flatten: &'l [Vec<String>],
}

/// The layers of one kind: whiteouts of what goes or is replaced, groups that share a layer, then one for each module.
///
/// What the image below has in the same layer gets none. The others are added to `members`, which layers count by position.
pub(super) fn module_layers(
    to_layer: &ToLayer<'_>,
    new: Vec<Member>,
    members: &mut Vec<Member>,
    progress: &dyn Progress,
) -> Result<Vec<BuilderLayer>> {
    let kind = to_layer.kind;
    let mut whiteouts = Vec::new();
    for key in to_layer.dropped {
        let (id, version) = (key.0.parse()?, key.1.parse()?);
        whiteouts.push(small(
            &format!("whiteout of {}", named(key)),
            whiteout(kind, &id, &version),
        ));
    }
    let mut grouped: BTreeMap<usize, Vec<Member>> = BTreeMap::new();
    let mut apart: Vec<Vec<Member>> = Vec::new();
    for member in new {
        let name = member.full_name();
        match to_layer.flatten.iter().position(|group| group.contains(&name)) {
            Some(group) => grouped.entry(group).or_default().push(member),
            None => apart.push(vec![member]),
        }
    }
    let smallest = |group: &Vec<Member>| group.iter().map(Member::full_name).min();
    let mut groups: Vec<Vec<Member>> = grouped.into_values().collect();
    groups.sort_by_cached_key(smallest);
    // whiteouts stand in the order in which modules are listed
    let mut replaced: Vec<Vec<Member>> = Vec::new();
    let mut kept_apart = Vec::new();
    for group in apart {
        if !is_below(to_layer, &group, progress)? {
            kept_apart.push(group.clone());
            replaced.push(group);
        }
    }
    let mut kept_groups = Vec::new();
    for group in groups {
        if !is_below(to_layer, &group, progress)? {
            kept_groups.push(group.clone());
            replaced.push(group);
        }
    }
    for member in replaced.iter().flatten() {
        if label_below(to_layer, member).is_some() {
            let layer = whiteout(kind, &member.id, &member.version);
            whiteouts.push(small(&format!("whiteout of {}", member.full_name()), layer));
        }
    }
    kept_apart.sort_by_cached_key(smallest);
    let mut all = whiteouts;
    for group in kept_groups.into_iter().chain(kept_apart) {
        let positions: Vec<usize> = (members.len()..members.len() + group.len()).collect();
        let made = layers(&group, Some(&|_| false));
        members.extend(group);
        all.extend(made.into_iter().map(|layer| BuilderLayer {
            holds: Holds::Modules(positions.clone()),
            content: layer.content,
        }));
    }
    Ok(all)
}

/// The layer that a module is in below, as its label says.
fn label_below<'l>(to_layer: &ToLayer<'l>, member: &Member) -> Option<&'l str> {
    let versions = to_layer.below.get(member.id.as_str())?;
    versions
        .get(member.version.as_str())
        .map(|label| label.layer_diff_id.as_str())
}

/// Whether the image below has these modules, in one layer with just this content.
fn is_below(to_layer: &ToLayer<'_>, group: &[Member], progress: &dyn Progress) -> Result<bool> {
    let mut below = group.iter().map(|member| label_below(to_layer, member));
    let Some(Some(first)) = below.next() else {
        return Ok(false);
    };
    if below.any(|other| other != Some(first)) {
        return Ok(false);
    }
    let made = match group {
        [one] => one.diff_id(progress)?,
        several => {
            let mut out = HashingWriter::new(io::sink());
            for layer in layers(several, Some(&|_| false)) {
                if let LayerContent::Written(written) = &layer.content {
                    written.write(progress, &mut Silent, &mut out)?;
                }
            }
            DiffId::from_sha256(out.digest())
        }
    };
    Ok(made.to_string() == first)
}
