//! `airpack inspect`.

use std::env;
use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::cnb_image::builder_view::BuilderOverview;
use airpack::cnb_image::package_view::PackageView;
use airpack::error::{Error, Result};
use airpack::oci::descriptor::media_type;
use airpack::oci::json;
use airpack::oci::layout::REF_NAME;
use airpack::oci::platform::Platform;
use airpack::operations::inspect::files::{FileView, PathPattern, list};
use airpack::operations::inspect::{
    Content, EntryView, ImageView, InspectReport, InspectRequest, LayerView, Node, module_toml, raw, run as look,
};
use airpack::progress::in_units as size;
use clap::Args;
use serde_json::Value;

use super::builder_view::builder_tree;
use super::order_tree::order_tree;
use crate::commands::words;
use crate::output::{Output, one_line};
use crate::table::Table;
use crate::tree::Tree;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A layout, .cnb or other archive, or one image in it: [oci:]PATH[:TAG|@DIGEST]
    #[arg(value_name = "LAYOUT")]
    location: OsString,
    /// Only images for this platform: os/architecture[/variant][:os.version]
    #[arg(long)]
    platform: Option<String>,
    /// List only files, those whose path fits: `*.toml`, `/cnb/buildpacks/*/*/bin/*`, `/cnb/**`
    #[arg(long, value_name = "PATTERN", num_args = 0..=1, require_equals = true, default_missing_value = "**", conflicts_with_all = ["raw", "toml"])]
    files: Option<String>,
    /// Print the bytes of the manifest or index as they are
    #[arg(long, conflicts_with_all = ["json", "toml"])]
    raw: bool,
    /// Print the buildpack.toml or extension.toml of a module, as it is in its layer
    #[arg(long, value_name = "ID[@VERSION]", num_args = 0..=1, require_equals = true, default_missing_value = "", conflicts_with = "json")]
    toml: Option<String>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Every blob that is read is verified. -v shows all files of large layers.

Examples:
  airpack inspect out.oci
  airpack inspect out.oci:1.0 --platform linux/arm64
  airpack inspect out.oci --files='/cnb/buildpacks/**'
  airpack inspect builder.oci:1.0 --toml=acme/hello
  airpack inspect out.oci:1.0 --raw | sha256sum
  airpack inspect hello.cnb --json";

/// Files of a layer that are shown without `-v`.
const MAX_FILES: usize = 200;
/// Values of labels up to this length stand in one line.
const MAX_LINE: usize = 100;
/// Cells up to this length make a column of a table as wide as they are: labels may say anything.
const MAX_CELL: usize = 80;

pub(crate) fn run(arguments: &Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    let request = InspectRequest {
        location: words::location(&arguments.location)?,
        scratch: env::temp_dir(),
        platform: words::platform(arguments.platform.as_deref())?,
    };
    let progress = output.progress(stop);
    if arguments.raw {
        return Output::bytes(&raw::run(&request)?);
    }
    if let Some(module) = &arguments.toml {
        let module = (!module.is_empty()).then_some(module.as_str());
        return Output::bytes(&module_toml::run(&request, module, &progress)?);
    }
    // before anything is read
    let pattern = arguments
        .files
        .as_deref()
        .map(PathPattern::parse)
        .transpose()
        .map_err(Error::as_usage)?;
    let report = look(&request, &progress)?;
    let text = match (&pattern, arguments.json) {
        (None, false) => text(&report, output.is_verbose()),
        (None, true) => json::to_pretty(&report),
        (Some(pattern), true) => json::to_pretty(&list(&report, Some(pattern))),
        (Some(pattern), false) => {
            let files = list(&report, Some(pattern));
            if files.is_empty() {
                output.note("no file has such a path");
            }
            file_table(&files)
        }
    };
    Output::data(&text)
}

/// One line for each file; which image it is in is told where there are several.
fn file_table(files: &[FileView]) -> String {
    let has_several = files.windows(2).any(|pair| pair[0].image != pair[1].image);
    let has_names = files.windows(2).any(|pair| pair[0].ref_name != pair[1].ref_name);
    let image = |text: String| has_several.then_some(text).into_iter();
    let rest = ["LAYER", "MODE", "OWNER", "SIZE", "PATH"].map(ToOwned::to_owned);
    let mut table = Table::new(image("IMAGE".to_owned()).chain(rest));
    for file in files {
        let entry = &file.entry;
        let cells = [
            file.layer.to_string(),
            entry.mode.clone(),
            format!("{}:{}", entry.uid, entry.gid),
            what(entry),
            format!("{}{}", entry.name, link(entry)),
        ];
        let name = file.ref_name.as_deref().filter(|_| has_names);
        let name = name.map(|name| format!("{name} "));
        table.row(image(format!("{}{}", name.unwrap_or_default(), file.platform)).chain(cells));
    }
    if files.is_empty() { String::new() } else { table.text() }
}

/// Where a link leads.
fn link(entry: &EntryView) -> String {
    match (&entry.linkname, entry.kind) {
        (Some(link), "hardlink") => format!(" = {link}"),
        (Some(link), _) => format!(" -> {link}"),
        (None, _) => String::new(),
    }
}

fn text(report: &InspectReport, all_files: bool) -> String {
    let kind = if report.is_archive { "archive" } else { "layout" };
    let mut top = Tree::new(format!("{kind} {}", report.layout.display()));
    if report.entries.is_empty() {
        top.line("no images");
    }
    for entry in &report.entries {
        top.push(node(entry, all_files, true));
    }
    top.render()
}

fn node(node: &Node, all_files: bool, is_top: bool) -> Tree {
    let name = node
        .annotations
        .get(REF_NAME)
        .map(|name| format!("{name}: "))
        .unwrap_or_default();
    let platform = node
        .platform
        .as_ref()
        .map(|platform| format!("{platform}: "))
        .unwrap_or_default();
    let kind = match &node.content {
        Content::Index { .. } => "image index".to_owned(),
        Content::Image(image) => match (&image.buildpackage, &image.artifact_type) {
            _ if image.builder.is_some() => "builder".to_owned(),
            (Some(module), _) if image.is_extension() => format!("extension {module}"),
            (Some(module), _) => format!("buildpackage {module}"),
            (None, Some(artifact)) => format!("artifact {artifact}"),
            (None, None) => "image".to_owned(),
        },
        Content::Other => node.media_type.clone(),
    };
    let mut tree = Tree::new(format!("{name}{platform}{kind}"));
    tree.line(format!("{} ({})", node.digest, size(node.size)));
    pairs(
        &mut tree,
        "annotations of the descriptor",
        node.annotations.iter().filter(|(name, _)| *name != REF_NAME),
    );
    match &node.content {
        Content::Index {
            annotations,
            package,
            builder,
            manifests,
        } => {
            pairs(&mut tree, "annotations", annotations.iter());
            if let Some(package) = package.as_ref().filter(|package| !package.orders.is_empty()) {
                tree.push(composite_tree(package));
            }
            if let Some(builder) = builder {
                tree.push(builder_tree(builder));
            }
            for child in manifests {
                tree.push(self::node(child, all_files, false));
            }
        }
        Content::Image(view) => {
            // one behind an index is told of there
            let alone = view.of_package(node.platform.as_ref()).filter(|_| is_top);
            let package = alone.and_then(|image| PackageView::of(&[image]));
            if let Some(package) = package.filter(|package| !package.orders.is_empty()) {
                tree.push(composite_tree(&package));
            }
            let alone = view.of_builder(node.platform.as_ref()).filter(|_| is_top);
            if let Some(builder) = alone.and_then(|image| BuilderOverview::of(&[image])) {
                tree.push(builder_tree(&builder));
            }
            image(&mut tree, view, all_files);
        }
        Content::Other => {}
    }
    tree
}

/// The order of a composite, and which layer holds which buildpack.
fn composite_tree(package: &PackageView) -> Tree {
    let mut tree = Tree::new(format!("composite {}", package.module));
    for view in &package.orders {
        let mut order = order_tree(&view.order, &|entry| view.labels.module(&entry.id, &entry.version));
        if package.orders.len() > 1 {
            let platforms: Vec<String> = view.platforms.iter().map(ToString::to_string).collect();
            order.text = format!("order for {}", platforms.join(", "));
        }
        tree.push(order);
    }
    let mut platforms: Vec<&Platform> = Vec::new();
    for layer in package.modules.iter().flat_map(|module| &module.layers) {
        if !platforms.contains(&&layer.platform) {
            platforms.push(&layer.platform);
        }
    }
    let head = std::iter::once("layer of".to_owned()).chain(platforms.iter().map(ToString::to_string));
    let rows = package.modules.iter().map(|module| {
        let cell = |platform: &&Platform| {
            let layer = module.layers.iter().find(|layer| layer.platform == **platform);
            layer.map_or_else(
                || "-".to_owned(),
                |layer| {
                    let shared = if layer.is_shared { ", with others" } else { "" };
                    format!("{} {}{shared}", size(layer.size), &layer.digest.hex()[..12])
                },
            )
        };
        let name = one_line(&format!("{}@{}", module.id, module.version));
        std::iter::once(name).chain(platforms.iter().map(cell)).collect()
    });
    let rows: Vec<Vec<String>> = std::iter::once(head.collect()).chain(rows).collect();
    let lines = aligned(&rows, 3);
    let mut lines = lines.into_iter();
    let mut table = Tree::new(lines.next().unwrap_or_default());
    for line in lines {
        table.line(line);
    }
    tree.push(table);
    tree
}

/// Rows with their cells below each other. The first row stands so many columns to the left: three, where it is the title.
pub(super) fn aligned(rows: &[Vec<String>], title_indent: usize) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns)
        .map(|at| {
            rows.iter()
                .filter_map(|row| row.get(at))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
                .min(MAX_CELL)
        })
        .collect();
    let line = |(number, row): (usize, &Vec<String>)| {
        let indent = if number == 0 { title_indent } else { 0 };
        let cells = row.iter().zip(&widths).enumerate().map(|(at, (cell, width))| {
            let width = if at == 0 { width + indent } else { *width };
            format!("{cell:width$}")
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().enumerate().map(line).collect()
}

fn image(tree: &mut Tree, view: &ImageView, all_files: bool) {
    if let Some(subject) = view.subject.as_ref().and_then(|subject| subject["digest"].as_str()) {
        tree.line(format!("about {subject}"));
    }
    pairs(tree, "annotations", view.manifest_annotations.iter());
    let mut config = Tree::new(format!("config {}", view.config_digest));
    if view.config_media_type != media_type::CONFIG {
        config.line(view.config_media_type.clone());
    }
    if !view.config_platform.os.is_empty() || !view.config_platform.architecture.is_empty() {
        config.line(format!("platform {}", view.config_platform));
    }
    if let Some(created) = &view.created {
        config.line(format!("created {created}"));
    }
    for (name, value) in &view.config {
        config.push(json_tree(name, value));
    }
    tree.push(config);
    if !view.labels.is_empty() {
        let mut labels = Tree::new("labels");
        for (name, value) in &view.labels {
            labels.push(json_tree(name, value));
        }
        tree.push(labels);
    }
    for (at, layer) in view.layers.iter().enumerate() {
        tree.push(layer_tree(at + 1, layer, all_files));
    }
}

fn layer_tree(number: usize, layer: &LayerView, all_files: bool) -> Tree {
    let modules = if layer.modules.is_empty() {
        String::new()
    } else {
        format!(": {}", layer.modules.join(", "))
    };
    let mut tree = Tree::new(format!("layer {number}{modules}"));
    tree.line(format!("{} ({})", layer.digest, size(layer.size)));
    if let Some(diff_id) = &layer.diff_id {
        tree.line(format!("diff id {diff_id}"));
    }
    match &layer.entries {
        None => tree.line(format!("no archive: {}", layer.media_type)),
        Some(entries) => tree.push(files(entries, all_files)),
    }
    tree
}

/// The entries in the order of the archive, each with its whole path, so that one can search for it.
fn files(entries: &[EntryView], all: bool) -> Tree {
    let bytes: u64 = entries.iter().map(|entry| entry.size).sum();
    let mut top = Tree::new(format!(
        "{} with {}",
        counted(entries.len(), "entry", "entries"),
        size(bytes)
    ));
    let shown = if all {
        entries.len()
    } else {
        entries.len().min(MAX_FILES)
    };
    let width = entries[..shown]
        .iter()
        .map(|entry| what(entry).len())
        .max()
        .unwrap_or_default();
    for entry in &entries[..shown] {
        let owner = if (entry.uid, entry.gid) == (0, 0) {
            String::new()
        } else {
            format!("{}:{} ", entry.uid, entry.gid)
        };
        let link = link(entry);
        top.line(format!(
            "{} {:>width$} {owner}{}{link}",
            entry.mode,
            what(entry),
            one_line(&entry.name)
        ));
    }
    if shown < entries.len() {
        top.line(format!("{} more, shown with -v", entries.len() - shown));
    }
    top
}

/// The size of a file, the kind of anything else.
fn what(entry: &EntryView) -> String {
    match entry.kind {
        "file" => size(entry.size),
        kind => kind.to_owned(),
    }
}

fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

fn pairs<'a>(tree: &mut Tree, title: &str, pairs: impl Iterator<Item = (&'a String, &'a String)>) {
    let mut list = Tree::new(title);
    for (name, value) in pairs {
        list.line(format!("{name}: {value}"));
    }
    if !list.children.is_empty() {
        tree.push(list);
    }
}

/// JSON in one line where that is short, else a branch for each value.
fn json_tree(name: &str, value: &Value) -> Tree {
    let line = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match value {
        Value::Object(object) if line.len() > MAX_LINE => {
            let mut tree = Tree::new(name);
            tree.children
                .extend(object.iter().map(|(name, value)| json_tree(name, value)));
            tree
        }
        Value::Array(items) if line.len() > MAX_LINE => {
            let mut tree = Tree::new(name);
            tree.children.extend(
                items
                    .iter()
                    .enumerate()
                    .map(|(at, value)| json_tree(&(at + 1).to_string(), value)),
            );
            tree
        }
        _ => Tree::new(format!("{name}: {line}")),
    }
}
