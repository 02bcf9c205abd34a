//! `airpack diff`.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::cnb_image::cnb_diff::{Change, CnbDiff, ModuleChange};
use airpack::error::Result;
use airpack::oci::digest::Digest;
use airpack::oci::image_diff::{LayerChange, LayerFate, LayerSide};
use airpack::oci::json;
use airpack::oci::json_diff::FieldChange;
use airpack::oci::layer_diff::{FileNote, HeaderChange, LayerDiff};
use airpack::oci::platform::Platform;
use airpack::operations::diff::{DiffReport, DiffRequest, ImageChange, RootDiff, Sameness, run as compare};
use airpack::progress::in_units;
use clap::Args;
use serde_json::Value;

use super::Outcome;
use crate::commands::words;
use crate::output::{Output, one_line};
use crate::tree::Tree;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A layout, .cnb or other archive, or one image in it: [oci:]PATH[:TAG|@DIGEST]
    #[arg(value_name = "A")]
    before: OsString,
    /// What it is compared with, likewise
    #[arg(value_name = "B")]
    after: OsString,
    /// Only images for this platform: os/architecture[/variant][:os.version]
    #[arg(long)]
    platform: Option<String>,
    /// End with 3 when they differ in anything, be it only the compression of a layer
    #[arg(long)]
    exit_code: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Two layouts with several images are compared name by name. Layers are told down to the file and the field of its header. What has \
the same digest on both sides is not read; all else that is read is verified. -v shows all of long lists.

Exit codes: 0 done, with --exit-code 3 where they differ.

Examples:
  airpack diff out.oci:1.0 out.oci:1.1
  airpack diff hello-1.0.cnb hello-1.1.cnb --platform linux/amd64
  airpack diff built-here.oci built-there.oci --exit-code";

/// Lines of one list that are shown without `-v`.
const MAX_LINES: usize = 50;
/// Values up to this length are shown whole.
const MAX_VALUE: usize = 200;

pub(crate) fn run(arguments: &Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<Outcome> {
    let request = DiffRequest {
        before: words::location(&arguments.before)?,
        after: words::location(&arguments.after)?,
        platform: words::platform(arguments.platform.as_deref())?,
        scratch: env::temp_dir(),
    };
    let report = compare(&request, &output.progress(stop))?;
    let text = if arguments.json {
        json::to_pretty(&report)
    } else {
        let most = if output.is_verbose() { usize::MAX } else { MAX_LINES };
        Text { most }.report(&report)
    };
    Output::data(&text)?;
    Ok(if arguments.exit_code && report.sameness != Sameness::Digest {
        Outcome::FaultsFound
    } else {
        Outcome::Done
    })
}

/// How much of long lists is shown.
struct Text {
    most: usize,
}

impl Text {
    fn report(&self, report: &DiffReport) -> String {
        let mut top = Tree::new(format!("{} -> {}", report.before, report.after));
        match report.sameness {
            Sameness::Digest => top.line("the same: all digests are equal"),
            Sameness::Content => {
                top.line("the same content: what differs is compression, or the index in front of the images");
            }
            Sameness::None => {}
        }
        for removed in &report.removed {
            top.line(format!("- {} ({})", removed.name, removed.digest));
        }
        for added in &report.added {
            top.line(format!("+ {} ({})", added.name, added.digest));
        }
        for root in &report.changed {
            match &root.name {
                None => self.root(&mut top, root),
                Some(name) => {
                    let mut tree = Tree::new(name.clone());
                    self.root(&mut tree, root);
                    top.push(tree);
                }
            }
        }
        top.render()
    }

    fn root(&self, tree: &mut Tree, root: &RootDiff) {
        tree.line(format!("{} -> {}", digests(&root.before), digests(&root.after)));
        let mut platforms = Tree::new("platforms");
        let lists = [('-', &root.removed_platforms), ('+', &root.added_platforms)];
        let signed = lists
            .iter()
            .flat_map(|(sign, list)| list.iter().map(move |platform| format!("{sign} {platform}")));
        self.lines(&mut platforms, signed.collect());
        push_filled(tree, platforms);
        let others = [('-', &root.removed_others), ('+', &root.added_others)];
        let others = others
            .iter()
            .flat_map(|(sign, list)| list.iter().map(move |digest| format!("{sign} {digest}")));
        self.list(tree, "besides images", others.collect());
        for change in &root.buildpacks {
            // one that all platforms share needs no word
            let is_shared = root.buildpacks.len() == 1 && change.platforms.len() == root.platforms.len();
            let suffix = if is_shared {
                String::new()
            } else {
                let names: Vec<String> = change.platforms.iter().map(Platform::to_string).collect();
                format!(" for {}", names.join(", "))
            };
            self.cnb(tree, &change.diff, &suffix);
        }
        self.fields(tree, "index", &root.index);
        for image in &root.images {
            self.image(tree, image);
        }
    }

    fn cnb(&self, tree: &mut Tree, diff: &CnbDiff, suffix: &str) {
        if let Some(what) = &diff.what {
            let word = |text: &str| {
                if text.is_empty() {
                    "an image".to_owned()
                } else {
                    text.to_owned()
                }
            };
            tree.line(format!("{} -> {}{suffix}", word(&what.before), word(&what.after)));
        }
        for (title, modules) in [("buildpacks", &diff.buildpacks), ("extensions", &diff.extensions)] {
            let lines = modules.iter().flat_map(module_lines).collect();
            self.list(tree, &format!("{title}{suffix}"), lines);
        }
        let changes = [
            ("order", &diff.order),
            ("order of extensions", &diff.order_extensions),
            ("system buildpacks", &diff.system),
            ("run images", &diff.run_images),
            ("lifecycle", &diff.lifecycle),
        ];
        for (title, change) in changes {
            if let Some(change) = change {
                self.list(tree, &format!("{title}{suffix}"), change_lines(change));
            }
        }
        for (name, change) in &diff.composite_orders {
            self.list(tree, &format!("order of {name}{suffix}"), change_lines(change));
        }
    }

    fn image(&self, tree: &mut Tree, change: &ImageChange) {
        let mut own = Tree::new(format!("{}: {} -> {}", change.platform, change.before, change.after));
        self.fields(&mut own, "in the index", &change.descriptor);
        self.fields(&mut own, "manifest", &change.manifest);
        self.fields(&mut own, "config", &change.config);
        for layer in change.layers.iter().take(self.most) {
            own.push(self.layer(layer));
        }
        if change.layers.len() > self.most {
            own.line(format!(
                "{} more layers, shown with -v",
                change.layers.len() - self.most
            ));
        }
        tree.push(own);
    }

    fn layer(&self, change: &LayerChange) -> Tree {
        let text = match (change.fate, &change.before, &change.after) {
            (LayerFate::Changed, Some(a), Some(b)) => {
                let unread = if change.files.is_none() {
                    ", which can not be unpacked"
                } else {
                    ""
                };
                format!("layer {}{}: other content{unread}", numbers(a, b), modules(a, b))
            }
            (LayerFate::Recompressed, Some(a), Some(b)) => format!(
                "layer {}{}: the same content, {} ({}) -> {} ({})",
                numbers(a, b),
                modules(a, b),
                compression(a),
                in_units(a.size),
                compression(b),
                in_units(b.size)
            ),
            (LayerFate::Moved, Some(a), Some(b)) => format!("layer {}{}: moved", numbers(a, b), modules(a, b)),
            (_, Some(side), _) => format!(
                "- layer {}{} ({})",
                side.number,
                modules(side, side),
                in_units(side.size)
            ),
            (_, _, Some(side)) => format!(
                "+ layer {}{} ({})",
                side.number,
                modules(side, side),
                in_units(side.size)
            ),
            _ => String::new(),
        };
        let mut tree = Tree::new(text);
        if let Some(files) = &change.files {
            self.files(&mut tree, files);
        }
        tree
    }

    fn files(&self, tree: &mut Tree, files: &LayerDiff) {
        if files.only_form {
            tree.line("the same entries: only the form of headers, or what fills the archive up, differs");
        }
        let note = |sign: char, note: &FileNote| match note.kind {
            "file" => format!("{sign} {} ({})", one_line(&note.path), in_units(note.size)),
            kind => format!("{sign} {} ({kind})", one_line(&note.path)),
        };
        let mut lines: Vec<String> = files.removed.iter().map(|file| note('-', file)).collect();
        lines.extend(files.added.iter().map(|file| note('+', file)));
        lines.extend(files.changed.iter().map(|file| {
            let fields: Vec<String> = file.fields.iter().map(header_change).collect();
            format!("{}: {}", one_line(&file.path), fields.join(", "))
        }));
        lines.extend(files.reordered.iter().map(|path| format!("{}: order", one_line(path))));
        self.lines(tree, lines);
    }

    fn fields(&self, tree: &mut Tree, title: &str, changes: &[FieldChange]) {
        let lines = changes.iter().map(|change| {
            let path = one_line(&change.path.join(" > "));
            match (&change.before, &change.after) {
                (Some(before), Some(after)) => format!("{path}: {} -> {}", value(before), value(after)),
                (Some(before), None) => format!("- {path}: {}", value(before)),
                (None, Some(after)) => format!("+ {path}: {}", value(after)),
                (None, None) => path,
            }
        });
        self.list(tree, title, lines.collect());
    }

    fn list(&self, tree: &mut Tree, title: &str, lines: Vec<String>) {
        let mut list = Tree::new(title);
        self.lines(&mut list, lines);
        push_filled(tree, list);
    }

    fn lines(&self, tree: &mut Tree, lines: Vec<String>) {
        let more = lines.len().saturating_sub(self.most);
        for line in lines.into_iter().take(self.most) {
            tree.line(line);
        }
        if more > 0 {
            tree.line(format!("{more} more, shown with -v"));
        }
    }
}

fn push_filled(tree: &mut Tree, branch: Tree) {
    if !branch.children.is_empty() {
        tree.push(branch);
    }
}

fn digests(digests: &[Digest]) -> String {
    let all: Vec<String> = digests.iter().map(Digest::to_string).collect();
    all.join(", ")
}

fn module_lines(change: &ModuleChange) -> Vec<String> {
    let id = &change.id;
    let mut lines = Vec::new();
    if let ([before], [after]) = (&change.removed[..], &change.added[..]) {
        lines.push(format!("{id} {before} -> {after}"));
    } else {
        lines.extend(change.removed.iter().map(|version| format!("- {id}@{version}")));
        lines.extend(change.added.iter().map(|version| format!("+ {id}@{version}")));
    }
    lines.extend(
        change
            .changed
            .iter()
            .map(|version| format!("{id}@{version}: other content")),
    );
    let described = change.described.iter();
    lines.extend(described.map(|version| format!("{id}@{version}: described in other words")));
    lines.iter().map(|line| one_line(line)).collect()
}

/// What is gone and what is new; where only the order differs, all.
fn change_lines(change: &Change<Vec<String>>) -> Vec<String> {
    let only = |own: &[String], other: &[String], sign: char| {
        let mut left: BTreeMap<&str, usize> = BTreeMap::new();
        for line in other {
            *left.entry(line.as_str()).or_default() += 1;
        }
        // a line that is there twice has to be there twice
        let is_only = |line: &&String| match left.get_mut(line.as_str()).filter(|count| **count > 0) {
            Some(count) => {
                *count -= 1;
                false
            }
            None => true,
        };
        let lines = own.iter().filter(is_only);
        lines
            .map(|line| format!("{sign} {}", one_line(line)))
            .collect::<Vec<_>>()
    };
    let mut lines = only(&change.before, &change.after, '-');
    lines.extend(only(&change.after, &change.before, '+'));
    if lines.is_empty() {
        let numbered = change.after.iter().enumerate();
        lines.extend(numbered.map(|(at, line)| format!("{}: {}", at + 1, one_line(line))));
        lines.insert(0, "in another order, now:".to_owned());
    }
    lines
}

fn numbers(a: &LayerSide, b: &LayerSide) -> String {
    if a.number == b.number {
        a.number.to_string()
    } else {
        format!("{} -> {}", a.number, b.number)
    }
}

/// What labels say is in the layer.
fn modules(a: &LayerSide, b: &LayerSide) -> String {
    let list = |side: &LayerSide| one_line(&side.modules.join(", "));
    match (a.modules.is_empty() && b.modules.is_empty(), a.modules == b.modules) {
        (true, _) => String::new(),
        (_, true) => format!(" ({})", list(a)),
        (_, false) => format!(" ({} -> {})", list(a), list(b)),
    }
}

fn compression(side: &LayerSide) -> &'static str {
    if side.media_type.ends_with("gzip") {
        "gzip"
    } else if side.media_type.ends_with("zstd") {
        "zstd"
    } else {
        "not compressed"
    }
}

fn header_change(change: &HeaderChange) -> String {
    match change.field.as_str() {
        "content" => "content".to_owned(),
        field => {
            let shown = |text: &str| match text {
                "" => "none".to_owned(),
                text => cut(&one_line(text)),
            };
            format!("{field} {} -> {}", shown(&change.before), shown(&change.after))
        }
    }
}

/// JSON in one line, cut where it is long.
fn value(value: &Value) -> String {
    cut(&one_line(&value.to_string()))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_VALUE) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
