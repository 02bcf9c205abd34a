//! What `--dry-run` and `--json` of the commands that package print.

use airpack::archive::file_tree::NodeKind;
use airpack::cnb::labels::ModuleLayer;
use airpack::cnb::module::ModuleKind;
use airpack::cnb::order::{ModuleRef, Removed};
use airpack::cnb_image::layer_tar::LayerContent;
use airpack::cnb_image::plan::member::{Files, LayerPlan, Member, MemberContent};
use airpack::cnb_image::plan::package::ImagePlan;
use airpack::operations::package::{Destination, PackageRequest, PreparedPackage};
use airpack::progress::in_units as size;
use serde_json::{Value, json as value};

use super::order_tree::order_tree;
use super::write_options::warnings_json;
use crate::output::one_line;
use crate::tree::Tree;

/// Which folder was taken, and why.
pub(crate) fn choice_text(files: &Files) -> String {
    format!(
        "{} ({})",
        files.source.tree.display(&files.choice.folder).display(),
        files.choice.reason
    )
}

/// The plan for people: every target with its modules, their folders, the reasons, and where each file comes from.
pub(crate) fn plan_text(prepared: &PreparedPackage, request: &PackageRequest) -> String {
    let module = &prepared.plan.descriptor;
    let mut top = Tree::new(format!(
        "{} (api {}) -> {}, not written",
        module.full_name(),
        module.api,
        request.output.path().display()
    ));
    if let Destination::Layout { names, .. } = &request.output {
        for name in names {
            top.line(format!("name {name}"));
        }
    }
    for (path, _) in &prepared.files {
        top.line(format!("file {}", path.display()));
    }
    for image in &prepared.plan.images {
        top.push(image_tree(image, request.kind));
    }
    top.render()
}

fn image_tree(image: &ImagePlan, kind: ModuleKind) -> Tree {
    let written = image.target.to_string();
    let target = if written.is_empty() {
        "no target".to_owned()
    } else {
        format!("target {written}")
    };
    let mut tree = Tree::new(format!("{} ({target})", image.platform));
    let is_composite = kind == ModuleKind::Buildpack && image.descriptor.order.is_some();
    if !is_composite {
        tree.line(format!("folder {}", choice_text(image.main_files())));
        add_left_out(&mut tree, image.main());
        for layer in &image.layers {
            tree.line(format!(
                "layer of {} before compression",
                size(layer.content.uncompressed())
            ));
        }
        tree.push(file_list(image.main_files()));
        return tree;
    }
    let find = |entry: &ModuleRef| label_of(image, entry);
    tree.push(order_tree(&image.main().label.order, &find));
    if !image.left_out.is_empty() || !image.removed.is_empty() {
        tree.push(left_out_tree(image));
    }
    for layer in &image.layers {
        tree.push(layer_tree(image, layer));
    }
    tree
}

fn label_of<'i>(image: &'i ImagePlan, entry: &ModuleRef) -> Option<&'i ModuleLayer> {
    let same = |member: &&Member| member.id.as_str() == entry.id && member.version.as_str() == entry.version;
    image.members.iter().find(same).map(|member| &member.label)
}

fn left_out_tree(image: &ImagePlan) -> Tree {
    let mut tree = Tree::new("left out for this target, by airpack.toml");
    for name in &image.left_out {
        tree.line(name.clone());
    }
    for (composite, removed) in &image.removed {
        for one in removed {
            tree.line(format!("in the order of {composite}: {}", removed_text(one)));
        }
    }
    tree
}

/// What has gone from an order, in words.
pub(crate) fn removed_text(removed: &Removed) -> String {
    match removed {
        Removed::Group {
            group,
            mandatory: Some(module),
        } => format!("group {}, which needs {module}", group + 1),
        Removed::Group { group, mandatory: None } => format!("group {}, of which nothing is left", group + 1),
        Removed::Entry { group, module, .. } => format!("{module} in group {}", group + 1),
    }
}

fn layer_tree(image: &ImagePlan, layer: &LayerPlan) -> Tree {
    let names: Vec<String> = layer.members.iter().map(|at| image.members[*at].full_name()).collect();
    let bytes = size(layer.content.uncompressed());
    let mut tree = match &layer.content {
        LayerContent::Taken(taken) => {
            let mut tree = Tree::new(format!("layer {}: taken as it is", names.join(", ")));
            let blob = &taken.layer.descriptor;
            tree.line(format!("{} ({})", blob.digest, size(blob.size)));
            tree
        }
        LayerContent::Written(_) => Tree::new(format!("layer {}: {bytes} before compression", names.join(", "))),
    };
    for at in &layer.members {
        let member = &image.members[*at];
        let mut origin = match layer.members.len() {
            1 => Tree::new(origin_text(member)),
            _ => Tree::new(format!("{}: {}", member.full_name(), origin_text(member))),
        };
        add_left_out(&mut origin, member);
        if let MemberContent::Files(files) = &member.content {
            origin.line(format!("{} files and folders", files.files.files.len()));
        }
        if member.chain.len() > 2 {
            origin.line(format!("by way of {}", member.chain.join(" -> ")));
        }
        tree.push(origin);
    }
    tree
}

/// Where a module comes from.
pub(crate) fn origin_text(member: &Member) -> String {
    match &member.content {
        MemberContent::Files(files) => format!("folder {}", choice_text(files)),
        MemberContent::Packaged { .. } => match member.chain.last() {
            Some(written) => format!("from {}, as {written}", member.origin()),
            None => format!("from {}", member.origin()),
        },
    }
}

/// Folders of a module that are for other targets.
pub(crate) fn add_left_out(tree: &mut Tree, member: &Member) {
    if let MemberContent::Files(files) = &member.content {
        for other in &files.choice.left_out {
            tree.line(format!(
                "without {}: it is for other targets",
                files.source.tree.display(other).display()
            ));
        }
    }
}

fn file_list(files: &Files) -> Tree {
    let mut list = Tree::new(format!("{} files and folders", files.files.files.len()));
    for file in &files.files.files {
        let path = String::from_utf8_lossy(&file.path);
        let source = files.source.tree.display(&file.source);
        let line = format!("{path} <- {} ({})", source.display(), file.why.name());
        list.line(one_line(&line));
    }
    list
}

/// The plan for programs.
pub(crate) fn plan_json(prepared: &PreparedPackage, request: &PackageRequest) -> Value {
    let names = match &request.output {
        Destination::Layout { names, .. } => names.as_slice(),
        Destination::File { .. } => &[],
    };
    let mut json = value!({
        "dryRun": true,
        "module": prepared.plan.descriptor.full_name(),
        "images": prepared.plan.images.iter().map(image_json).collect::<Vec<_>>(),
        "warnings": warnings_json(&prepared.warnings),
    });
    match &request.output {
        Destination::Layout { folder, .. } => {
            json["layout"] = folder.display().to_string().into();
            json["names"] = names.iter().map(ToString::to_string).collect();
        }
        Destination::File { .. } => {
            json["files"] = prepared
                .files
                .iter()
                .map(|(path, _)| path.display().to_string())
                .collect();
        }
    }
    json
}

fn image_json(image: &ImagePlan) -> Value {
    let main = image.main_files();
    let source = |path: &[u8]| main.source.tree.display(path).display().to_string();
    let layers = image.layers.iter().map(|layer| {
        value!({
            "modules": layer.members.iter().map(|at| image.members[*at].full_name()).collect::<Vec<_>>(),
            "uncompressedSize": layer.content.uncompressed(),
            "taken": match &layer.content {
                LayerContent::Taken(taken) => value!({
                    "digest": taken.layer.descriptor.digest,
                    "size": taken.layer.descriptor.size,
                    "from": taken.source().location(),
                }),
                LayerContent::Written(_) => Value::Null,
            },
        })
    });
    let removed = image.removed.iter().flat_map(|(composite, removed)| {
        let one = move |removed: &Removed| value!({"order": composite, "what": removed_text(removed)});
        removed.iter().map(one)
    });
    value!({
        "target": image.target.to_string(),
        "platform": image.platform,
        "folder": source(&main.choice.folder),
        "reason": main.choice.reason.to_string(),
        "leftOut": main.choice.left_out.iter().map(|path| source(path)).collect::<Vec<_>>(),
        "uncompressedSize": image.layers.iter().map(|layer| layer.content.uncompressed()).sum::<u64>(),
        "files": files_json(main),
        "order": image.main().label.order,
        "modules": image.members.iter().map(member_json).collect::<Vec<_>>(),
        "layers": layers.collect::<Vec<_>>(),
        "modulesLeftOut": image.left_out,
        "removed": removed.collect::<Vec<_>>(),
    })
}

/// A module for programs.
pub(crate) fn member_json(member: &Member) -> Value {
    value!({
        "module": member.full_name(),
        "source": member.origin(),
        "chain": member.chain,
        "isPackaged": matches!(member.content, MemberContent::Packaged { .. }),
        "order": member.label.order,
    })
}

fn files_json(files: &Files) -> Value {
    let lossy = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
    let kind = |kind: &NodeKind| match kind {
        NodeKind::File(_) => "file",
        NodeKind::Dir => "dir",
        NodeKind::Symlink(_) => "symlink",
        NodeKind::Special(kind) => kind.name(),
    };
    let one = |file: &airpack::cnb_image::target_files::TargetFile| {
        value!({
            "path": lossy(&file.path),
            "source": files.source.tree.display(&file.source).display().to_string(),
            "type": kind(&file.kind),
            "why": file.why.name(),
        })
    };
    files.files.files.iter().map(one).collect()
}
