//! What `builder create --dry-run` prints.

use airpack::cnb::labels::{ModuleInfo, ModuleLayer};
use airpack::cnb::module::ModuleKind;
use airpack::cnb::order::ModuleRef;
use airpack::cnb_image::layer_tar::LayerContent;
use airpack::cnb_image::plan::builder::{BuilderImage, BuilderLayer, Holds};
use airpack::operations::builder::{BuilderRequest, PreparedBuilder};
use airpack::progress::in_units as size;
use serde_json::{Value, json as value};

use super::order_tree::order_tree;
use super::package_plan::{add_left_out, member_json, origin_text, removed_text};
use super::write_options::warnings_json;
use crate::tree::Tree;

/// The plan for people: every target with its build image, lifecycle, order, modules and layers.
pub(crate) fn plan_text(prepared: &PreparedBuilder, request: &BuilderRequest) -> String {
    let mut top = Tree::new(format!("builder -> {}, not written", request.layout.display()));
    for name in &request.names {
        top.line(format!("name {name}"));
    }
    for image in &prepared.plan.images {
        top.push(image_tree(image));
    }
    top.render()
}

fn image_tree(image: &BuilderImage) -> Tree {
    let written = image.target.to_string();
    let target = if written.is_empty() {
        "no target".to_owned()
    } else {
        format!("target {written}")
    };
    let mut tree = Tree::new(format!("{} ({target})", image.platform));
    let base = &image.base;
    let distro = base
        .distro
        .as_ref()
        .map(|distro| format!(", {distro}"))
        .unwrap_or_default();
    tree.line(format!(
        "build image {}: {} in {}{distro}",
        image.base_name,
        base.image.descriptor.digest,
        base.source.location()
    ));
    let lifecycle = &image.lifecycle;
    tree.line(format!(
        "lifecycle {} from {}",
        lifecycle.descriptor.version, lifecycle.location
    ));
    for run_image in &image.labels.run_images {
        tree.line(format!("run image {}", run_image.image));
    }
    if image.labels.system.is_none() && !image.labels.below.system.is_empty() {
        tree.line("[system] of the build image stays");
    }
    let find = |entry: &ModuleRef| label_of(image, entry);
    for (title, order) in ["order", "order of extensions"].into_iter().zip(&image.labels.resolved) {
        if !order.is_empty() {
            let mut branch = order_tree(order, &find);
            title.clone_into(&mut branch.text);
            tree.push(branch);
        }
    }
    if !image.left_out.is_empty() || !image.removed.is_empty() {
        tree.push(left_out_tree(image));
    }
    let below = base.image.manifest.layers.len();
    tree.line(match below {
        1 => "1 layer of the build image".to_owned(),
        several => format!("{several} layers of the build image"),
    });
    for layer in &image.layers {
        tree.push(layer_tree(image, layer));
    }
    tree
}

/// What is known of a module: of one that is added, else of one below.
fn label_of<'i>(image: &'i BuilderImage, entry: &ModuleRef) -> Option<&'i ModuleLayer> {
    let fits = |id: &str, version: &str| id == entry.id && (entry.version.is_empty() || version == entry.version);
    let added = image
        .members
        .iter()
        .find(|member| fits(member.id.as_str(), member.version.as_str()));
    let below = || {
        let kinds = [ModuleKind::Buildpack, ModuleKind::Extension];
        let layers = kinds.map(|kind| image.labels.below.layers(kind));
        layers.into_iter().find_map(|layers| {
            let versions = layers.get(&entry.id)?;
            let mut fitting = versions.iter().filter(|(version, _)| fits(&entry.id, version));
            fitting.next().map(|(_, label)| label)
        })
    };
    added.map(|member| &member.label).or_else(below)
}

fn left_out_tree(image: &BuilderImage) -> Tree {
    let mut tree = Tree::new("left out for this target, by airpack.toml");
    for name in &image.left_out {
        tree.line(name.clone());
    }
    for (whose, removed) in &image.removed {
        for one in removed {
            tree.line(format!("in the order of {whose}: {}", removed_text(one)));
        }
    }
    tree
}

fn layer_tree(image: &BuilderImage, layer: &BuilderLayer) -> Tree {
    let names = image.names(&layer.holds).join(", ");
    let bytes = size(layer.content.uncompressed());
    let mut tree = match &layer.content {
        LayerContent::Taken(taken) => {
            let mut tree = Tree::new(format!("layer {names}: taken as it is"));
            let blob = &taken.layer.descriptor;
            tree.line(format!("{} ({})", blob.digest, size(blob.size)));
            tree
        }
        LayerContent::Written(_) => Tree::new(format!("layer {names}: {bytes} before compression")),
    };
    if let Holds::Modules(members) = &layer.holds {
        for at in members {
            let member = &image.members[*at];
            let mut origin = match members.len() {
                1 => Tree::new(origin_text(member)),
                _ => Tree::new(format!("{}: {}", member.full_name(), origin_text(member))),
            };
            add_left_out(&mut origin, member);
            tree.push(origin);
        }
    }
    tree
}

/// The plan for programs.
pub(crate) fn plan_json(prepared: &PreparedBuilder, request: &BuilderRequest) -> Value {
    value!({
        "dryRun": true,
        "layout": request.layout.display().to_string(),
        "names": request.names.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "images": prepared.plan.images.iter().map(image_json).collect::<Vec<_>>(),
        "warnings": warnings_json(&prepared.warnings),
    })
}

fn image_json(image: &BuilderImage) -> Value {
    let layers = image.layers.iter().map(|layer| {
        let (modules, holds) = match &layer.holds {
            Holds::Modules(_) => (image.names(&layer.holds), None),
            Holds::Other(words) => (Vec::new(), Some(words)),
        };
        value!({
            "modules": modules,
            "holds": holds,
            "uncompressedSize": layer.content.uncompressed(),
            "taken": matches!(layer.content, LayerContent::Taken(_)),
        })
    });
    let removed = image.removed.iter().flat_map(|(whose, removed)| {
        let one = move |removed| value!({"order": whose, "what": removed_text(removed)});
        removed.iter().map(one)
    });
    let labels = &image.labels;
    value!({
        "target": image.target.to_string(),
        "platform": image.platform,
        "buildImage": {
            "name": image.base_name,
            "digest": image.base.image.descriptor.digest,
            "from": image.base.source.location(),
            "distro": image.base.distro,
        },
        "lifecycle": {
            "version": image.lifecycle.descriptor.version,
            "apis": image.lifecycle.descriptor.apis,
            "from": image.lifecycle.location,
        },
        "runImages": labels.run_images,
        "buildpacks": infos(&labels.buildpacks),
        "extensions": infos(&labels.extensions),
        "order": labels.resolved[0],
        "orderExtensions": labels.resolved[1],
        "system": labels.system,
        "modules": image.members.iter().map(member_json).collect::<Vec<_>>(),
        "layersBelow": image.base.image.manifest.layers.len(),
        "layers": layers.collect::<Vec<_>>(),
        "modulesLeftOut": image.left_out,
        "removed": removed.collect::<Vec<_>>(),
    })
}

fn infos(infos: &[ModuleInfo]) -> Vec<String> {
    infos.iter().map(ModuleInfo::full_name).collect()
}
