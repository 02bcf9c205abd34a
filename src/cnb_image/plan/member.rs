//! [`Member`]: one module of an image, as the image's target sees it; and the layers that members make.

use std::io;
use std::sync::Arc;

use super::super::layer_tar::{LayerContent, LayerTar};
use super::super::module_layer::{ModuleLayer, Part};
use super::super::module_source::ModuleSource;
use super::super::packaged_layer::PackagedLayer;
use super::super::platform_folder::Choice;
use super::super::target_files::TargetFiles;
use crate::archive::hashing::HashingWriter;
use crate::cnb::id::{ModuleId, ModuleVersion};
use crate::cnb::labels;
use crate::cnb::module::{ModuleDescriptor, ModuleKind};
use crate::error::{Place, Result};
use crate::oci::digest::DiffId;
use crate::progress::Progress;

/// One module of an image.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its id.
    pub id: ModuleId,
    /// Its version.
    pub version: ModuleVersion,
    /// What the label will say of it, but for its layer.
    pub label: labels::ModuleLayer,
    /// The references that lead to it; one for the main module.
    pub chain: Vec<String>,
    /// Where it is listed; nowhere for the main module.
    pub place: Option<Place>,
    /// What it is made of.
    pub content: MemberContent,
}

/// Where a module comes from.
#[derive(Debug, Clone)]
pub enum MemberContent {
    /// From files.
    Files(Box<Files>),
    /// From an image.
    Packaged {
        /// The layer that holds it.
        layer: Arc<PackagedLayer>,
        /// Whether that holds others too.
        is_shared: bool,
        /// The text of `buildpack.toml` where its order was pruned.
        pruned: Option<String>,
    },
}

/// A module's files for one target.
#[derive(Debug, Clone)]
pub struct Files {
    /// Where they come from.
    pub source: Arc<ModuleSource>,
    /// The folder that was taken.
    pub choice: Choice,
    /// The files.
    pub files: TargetFiles,
    /// The text of `buildpack.toml` where its order was pruned.
    pub pruned: Option<String>,
    /// The module's file as it is in the image.
    pub descriptor: Arc<ModuleDescriptor>,
}

/// A layer that will be in an image.
#[derive(Debug)]
pub struct LayerPlan {
    /// Positions of the modules in it.
    pub members: Vec<usize>,
    /// How it comes about.
    pub content: LayerContent,
}

impl Member {
    /// `id@version`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}@{}", self.id, self.version)
    }

    /// Whether it is a buildpack or an extension.
    #[must_use]
    pub fn kind(&self) -> ModuleKind {
        match &self.content {
            MemberContent::Files(files) => files.source.descriptor.kind,
            MemberContent::Packaged { layer, .. } => layer.kind,
        }
    }

    /// Where it comes from, for people.
    #[must_use]
    pub fn origin(&self) -> String {
        match &self.content {
            MemberContent::Files(files) => files.source.tree.display(&files.choice.folder).display().to_string(),
            MemberContent::Packaged { layer, .. } => layer.source().location(),
        }
    }

    fn part(&self) -> Part {
        match &self.content {
            MemberContent::Files(files) => Part::of_files(&files.source, &files.files, files.pruned.as_deref()),
            MemberContent::Packaged { layer, pruned, .. } => {
                Part::of_layer(layer, &self.id, &self.version, pruned.as_deref())
            }
        }
    }

    /// Digest of the module's own layer before compression; what has no such layer yet is read for it.
    pub fn diff_id(&self, progress: &dyn Progress) -> Result<DiffId> {
        if let MemberContent::Packaged {
            layer,
            is_shared: false,
            pruned: None,
        } = &self.content
        {
            return Ok(layer.layer.diff_id.clone());
        }
        let layer = ModuleLayer::of(vec![self.part()]);
        let mut out = HashingWriter::new(io::sink());
        let mut step = progress.step(&self.full_name(), layer.total());
        layer.write(progress, &mut *step, &mut out)?;
        Ok(DiffId::from_sha256(out.digest()))
    }
}

/// The layers of `members`: one for each, by name, but one for all where they are flattened.
///
/// `is_apart` says which are not flattened; `None` when none is.
pub(super) fn layers(members: &[Member], is_apart: Option<&dyn Fn(&Member) -> bool>) -> Vec<LayerPlan> {
    let own_layer = |at: usize| LayerPlan {
        members: vec![at],
        content: match &members[at].content {
            MemberContent::Packaged {
                layer,
                is_shared: false,
                pruned: None,
            } => LayerContent::Taken(Arc::clone(layer)),
            _ => LayerContent::Written(Box::new(ModuleLayer::of(vec![members[at].part()]))),
        },
    };
    let (apart, flat): (Vec<usize>, Vec<usize>) = match is_apart {
        Some(is_apart) => (0..members.len()).partition(|at| is_apart(&members[*at])),
        None => ((0..members.len()).collect(), Vec::new()),
    };
    let mut layers: Vec<LayerPlan> = match flat.as_slice() {
        [] => Vec::new(),
        [one] => vec![own_layer(*one)],
        several => {
            let parts = several.iter().map(|at| members[*at].part()).collect();
            vec![LayerPlan {
                content: LayerContent::Written(Box::new(ModuleLayer::of(parts))),
                members: flat,
            }]
        }
    };
    layers.extend(apart.into_iter().map(own_layer));
    layers.sort_by_cached_key(|layer| layer.members.iter().map(|at| members[*at].full_name()).min());
    layers
}
