//! What the labels of a builder say of its modules and orders.

use super::super::labels_below::LabelsBelow;
use super::builder::BuilderLabels;
use super::builder_modules::Modules;
use super::builder_order::ResolvedOrder;
use super::member::{Member, MemberContent};
use crate::cnb::builder_config::BuilderConfig;
use crate::cnb::builder_labels::{RunImage, StackMetadata, System};
use crate::cnb::labels::ModuleInfo;
use crate::cnb::module::ModuleKind;

/// All that the labels are made of; `below` are those of the build image, without what goes.
pub(super) fn labels_of(
    config: &BuilderConfig,
    below: LabelsBelow,
    [buildpacks, extensions]: [&Modules<'_>; 2],
    [order, order_extensions]: [&ResolvedOrder; 2],
    system: Option<System>,
) -> BuilderLabels {
    let run_images: Vec<RunImage> = config.run_images.iter().map(|image| image.value.clone()).collect();
    let has_stack = config.stack.as_ref().is_some_and(|stack| stack.id.is_some());
    BuilderLabels {
        buildpacks: infos(below.infos(ModuleKind::Buildpack), &buildpacks.members),
        extensions: infos(below.infos(ModuleKind::Extension), &extensions.members),
        below,
        order: order.written.clone(),
        order_extensions: order_extensions.written.clone(),
        resolved: [order.resolved.clone(), order_extensions.resolved.clone()],
        system,
        stack: StackMetadata {
            run_image: run_images.first().filter(|_| has_stack).cloned().unwrap_or_default(),
        },
        run_images,
        description: config.description.clone(),
    }
}

/// What is said of all modules, each once: those below where they are not replaced, then the new ones.
fn infos(below: &[ModuleInfo], members: &[Member]) -> Vec<ModuleInfo> {
    let new: Vec<ModuleInfo> = members.iter().map(info).collect();
    let is_new = |info: &&ModuleInfo| {
        let replaces = |own: &ModuleInfo| (&own.id, &own.version) == (&info.id, &info.version);
        !new.iter().any(replaces)
    };
    below
        .iter()
        .filter(is_new)
        .cloned()
        .chain(new.iter().cloned())
        .collect()
}

/// What an image's label says is all that is known of a module that comes from one.
fn info(member: &Member) -> ModuleInfo {
    match &member.content {
        MemberContent::Files(files) => ModuleInfo::of(&files.descriptor),
        MemberContent::Packaged { .. } => ModuleInfo {
            id: member.id.to_string(),
            version: member.version.to_string(),
            name: member.label.name.clone(),
            homepage: member.label.homepage.clone(),
            ..ModuleInfo::default()
        },
    }
}
