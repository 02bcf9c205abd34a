//! Trees of files as text: written to a folder, and read back from an image.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

use super::Sandbox;
use super::layout_view::{ImageView, LayoutView, text, unpack};
use super::tar_maker::{HARDLINK, Member};

/// A name and what is there. A name that ends in `/` is an empty folder; a text that begins with `-> ` is a symlink,
/// one that begins with `#!` an executable file, any other a plain file.
pub(crate) type Tree<'a> = &'a [(&'a str, &'a str)];

/// The five lines every `buildpack.toml` of these tests begins with.
pub(crate) const HEAD: &str = "\
api = \"0.10\"

[buildpack]
id = \"acme/x\"
version = \"1.0.0\"
";

/// What `bin/build` and `bin/detect` hold where it does not matter.
pub(crate) const SCRIPT: &str = "#!/bin/sh\nexit 0\n";

/// A `buildpack.toml`: `HEAD`, then for each target (`os[/arch[/variant]]`) an empty line and a `[[targets]]`.
/// With targets that name os and arch, the first `[[targets]]` is in line 7, the second in line 11.
pub(crate) fn descriptor(targets: &[&str]) -> String {
    let mut toml = HEAD.to_owned();
    for target in targets {
        toml += "\n[[targets]]\n";
        for (key, value) in ["os", "arch", "variant"].iter().zip(target.split('/')) {
            writeln!(toml, "{key} = \"{value}\"").unwrap();
        }
    }
    toml
}

/// Writes a tree below a folder of the sandbox.
pub(crate) fn write_tree(sandbox: &Sandbox, folder: &str, tree: Tree<'_>) {
    let folder = Path::new(folder);
    sandbox.folder(folder);
    for (name, content) in tree {
        let path = folder.join(name);
        if name.ends_with('/') {
            sandbox.folder(path);
        } else if let Some(target) = content.strip_prefix("-> ") {
            sandbox.symlink(path, target);
        } else if content.starts_with("#!") {
            sandbox.executable(path, content);
        } else {
            sandbox.write(path, content);
        }
    }
}

/// Writes a buildpack with a platform folder for each of its targets: `bin/build`, `bin/detect` and `which`, which
/// holds the target's name.
pub(crate) fn platform_folders(sandbox: &Sandbox, folder: &str, targets: &[&str]) {
    write_tree(sandbox, folder, &[("buildpack.toml", &descriptor(targets))]);
    for target in targets {
        let folder = format!("{folder}/{target}");
        write_tree(
            sandbox,
            &folder,
            &[("bin/build", SCRIPT), ("bin/detect", SCRIPT), ("which", target)],
        );
    }
}

/// The members of an archive of this tree, in its order. `prefix` goes before every name; with `folders` each folder
/// has an entry before the first thing in it. A text that begins with `=> ` is a hard link.
pub(crate) fn members(prefix: &str, folders: bool, tree: Tree<'_>) -> Vec<Member> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    if folders && !prefix.is_empty() {
        found.push(Member::folder(prefix));
    }
    for (name, content) in tree {
        for (end, _) in name.match_indices('/') {
            let folder = &name[..=end];
            if (folders || folder == *name) && seen.insert(folder) {
                found.push(Member::folder(&format!("{prefix}{folder}")));
            }
        }
        let path = format!("{prefix}{name}");
        if let Some(target) = content.strip_prefix("-> ") {
            found.push(Member::symlink(&path, target));
        } else if let Some(target) = content.strip_prefix("=> ") {
            let target = format!("{prefix}{target}");
            found.push(Member {
                target,
                ..Member::new(&path, HARDLINK).with_mode(0o644)
            });
        } else if !name.ends_with('/') {
            let mode = if content.starts_with("#!") { 0o755 } else { 0o644 };
            found.push(Member::file(&path, content).with_mode(mode));
        }
    }
    found
}

/// What the only layer of an image holds below the folder of the buildpack, in the order of the layer and in the
/// words of a [`Tree`]. A hard link is `=> ` and its target; a file with any exec bit begins with `#!` or is
/// marked by `(x) `.
pub(crate) fn contents(layout: &LayoutView, image: &ImageView) -> Vec<(String, String)> {
    assert_eq!(image.layers.len(), 1, "layers of {}", image.platform());
    let layer = &image.layers[0].descriptor;
    let tar = unpack(&layout.blob(text(layer, "digest")), text(layer, "mediaType"));
    let mut archive = tar::Archive::new(tar.as_slice());
    let mut found = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let link = entry
            .link_name_bytes()
            .map(|l| String::from_utf8(l.into_owned()).unwrap());
        let executable = entry.header().mode().unwrap() & 0o111 != 0;
        let kind = entry.header().entry_type();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let content = String::from_utf8_lossy(&bytes).into_owned();
        found.push(if kind.is_dir() {
            (format!("{name}/"), String::new())
        } else if kind.is_symlink() {
            (name, format!("-> {}", link.unwrap()))
        } else if kind.is_hard_link() {
            (name, format!("=> {}", link.unwrap()))
        } else if executable == content.starts_with("#!") {
            (name, content)
        } else {
            (name, format!("({}) {content}", if executable { 'x' } else { '-' }))
        });
    }
    // the folder of the id and that of the version
    let root = found[1].0.clone();
    found.drain(..2);
    for (name, _) in &mut found {
        *name = name
            .strip_prefix(&root)
            .unwrap_or_else(|| panic!("{name} not in {root}"))
            .to_owned();
    }
    found
}

/// The names of [`contents`] without folders: what a reader would call its files.
pub(crate) fn file_names(layout: &LayoutView, image: &ImageView) -> Vec<String> {
    let names = contents(layout, image).into_iter().map(|(name, _)| name);
    names.filter(|name| !name.ends_with('/')).collect()
}

/// The content of one file of an image, in the words of a [`Tree`].
#[track_caller]
pub(crate) fn content_of(layout: &LayoutView, image: &ImageView, name: &str) -> String {
    let found = contents(layout, image);
    found.iter().find(|(other, _)| other == name).map_or_else(
        || panic!("no {name} in {}: {found:?}", image.platform()),
        |(_, content)| content.clone(),
    )
}
