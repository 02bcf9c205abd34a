//! Runs the golden cases.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::Value;

use crate::support::layout_view::{IndexView, LayoutView, array, text};
use crate::support::test_layout::make_layout;
use crate::support::test_tree::make_tree;
use crate::support::{Run, Sandbox};

/// All cases of the folder, each run once.
pub(super) static CASES: LazyLock<Vec<Packaged>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    assert!(paths.len() >= 18, "there are only {} golden cases", paths.len());
    paths.iter().map(|path| package(path)).collect()
});

/// A case that was run, and what is in its layout.
pub(super) struct Packaged {
    pub(super) name: String,
    pub(super) case: Value,
    pub(super) run: Run,
    pub(super) index_file: Value,
    pub(super) image_index: IndexView,
    /// The digests of the layers of the images that were given with `--from`, which are not compressed.
    pub(super) given_layers: BTreeSet<String>,
    /// Those of them that have to be in the result: all, but for the layers that a lifecycle is taken from.
    pub(super) kept_layers: BTreeSet<String>,
}

impl Packaged {
    /// It is a builder, not a package.
    pub(super) fn is_builder(&self) -> bool {
        self.case["command"][0] == "builder"
    }
}

/// The reference in the command of a case, and the tag in it.
pub(super) fn reference_and_tag(case: &Value) -> (&str, &str) {
    let reference = case["command"][2].as_str().unwrap();
    (reference, reference.rsplit_once(':').unwrap().1)
}

fn package(path: &Path) -> Packaged {
    let case: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let (sandbox, images) = (Sandbox::new(), Sandbox::new());
    make_tree(sandbox.path(), array(&case, "tree"));
    let mut args: Vec<_> = array(&case, "command").iter().map(|a| a.as_str().unwrap()).collect();
    args.extend(["--layout", "OUT"]);
    let layouts = make_images(&images, &case);
    for (_, layout) in &layouts {
        args.extend(["--from", layout.to_str().unwrap()]);
    }
    let run = sandbox.airpack(&args);
    run.ok();
    let layout = LayoutView::open(sandbox.join("OUT"));
    layout.check_whole();
    Packaged {
        name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
        run,
        index_file: layout.index_file().clone(),
        image_index: layout.image_index(reference_and_tag(&case).1),
        given_layers: layouts.iter().flat_map(|(_, layout)| plain_layers(layout)).collect(),
        kept_layers: layouts
            .iter()
            .filter(|(name, _)| !is_lifecycle(&case, name))
            .flat_map(|(_, layout)| plain_layers(layout))
            .collect(),
        case,
    }
}

/// Whether the builder of a case takes its lifecycle from this image.
fn is_lifecycle(case: &Value, name: &str) -> bool {
    let mut files = array(case, "tree").iter().filter_map(|entry| entry["text"].as_str());
    files.any(|file| file.contains(&format!("[lifecycle]\nuri = \"docker://{name}\"\n")))
}

/// Makes a layout for each image that a case needs; gives their names too.
fn make_images(sandbox: &Sandbox, case: &Value) -> Vec<(String, PathBuf)> {
    let images = case["images"].as_object().into_iter().flatten();
    images
        .enumerate()
        .map(|(number, (name, spec))| {
            let folder = sandbox.join(number.to_string());
            make_layout(&folder, Some(name), spec);
            (name.clone(), folder)
        })
        .collect()
}

/// The digests of the layers in a layout that are not compressed.
fn plain_layers(layout: &Path) -> Vec<String> {
    let view = LayoutView::open(layout);
    let children = view.entries().iter().flat_map(|entry| view.index_at(entry).children);
    children
        .flat_map(|child| child.layers)
        .filter(|layer| text(&layer.descriptor, "digest") == layer.diff_id)
        .map(|layer| layer.diff_id)
        .collect()
}

/// Runs `differences` over all cases and reports what it finds, case by case.
#[track_caller]
pub(super) fn check_cases(differences: impl Fn(&Packaged) -> Vec<String>) {
    let mut report = String::new();
    for case in CASES.iter() {
        let found = differences(case);
        if !found.is_empty() {
            report += &format!("{} differs:\n  {}\n", case.name, found.join("\n  "));
        }
    }
    assert!(report.is_empty(), "{report}");
}

/// The `buildpack.toml` or `extension.toml` of what a case packages: in the folder of `--path`, in that of `--config`,
/// or in the archive.
pub(super) fn descriptor_toml(case: &Value) -> &str {
    let command = array(case, "command").iter().map(|argument| argument.as_str().unwrap());
    let mut after = command
        .skip_while(|argument| !["--path", "--config"].contains(argument))
        .skip(1);
    let path = after.next().unwrap();
    let folder = path.strip_suffix("/package.toml").unwrap_or(path);
    let names = ["buildpack.toml", "extension.toml"];
    let tree = array(case, "tree").iter();
    let archived = tree
        .clone()
        .filter(|entry| text(entry, "path") == path)
        .flat_map(|entry| array(&entry["tar"], "entries"))
        .filter(|entry| names.contains(&text(entry, "path").rsplit('/').next().unwrap()));
    let file = tree
        .filter(|entry| {
            names
                .iter()
                .any(|name| text(entry, "path") == format!("{folder}/{name}"))
        })
        .chain(archived)
        .next();
    text(file.unwrap_or_else(|| panic!("no descriptor in {path}")), "text")
}
