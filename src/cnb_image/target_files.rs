//! [`TargetFiles`]: a module's files as one target sees them, each with the place it comes from.

use std::collections::{HashMap, HashSet};

use super::links::{Destination, Standing, follow, named_path};
use super::platform_folder::Choice;
use crate::archive::entry::{display_path, is_within, join, parent};
use crate::archive::file_tree::{FileNode, FileTree, Node, NodeKind, walk_order};
use crate::archive::limit::MAX_ENTRIES;
use crate::cnb::document::Located;
use crate::cnb::paths::AIRPACK_TOML;
use crate::error::{Finding, Findings, Place};

/// All files of one target, in the order of the layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetFiles {
    /// The files.
    pub files: Vec<TargetFile>,
}

/// One file of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetFile {
    /// Below the module's folder in the image.
    pub path: Vec<u8>,
    /// Where it is in the source.
    pub source: Vec<u8>,
    /// Why it is among the target's files.
    pub why: Why,
    /// What it is.
    pub kind: NodeKind,
    /// Permission bits of the source.
    pub mode: u32,
}

/// Why a file is among a target's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is in the platform root folder.
    Own,
    /// It is declared as shared in `airpack.toml`.
    Shared,
    /// A link that leads out of the folder was followed to it.
    Followed,
    /// The root's `buildpack.toml` or `extension.toml` goes into every image.
    Descriptor,
}

impl TargetFiles {
    /// Gathers the files of the folder that was chosen. What is wrong goes to `findings`.
    ///
    /// `descriptor` is the file that describes the module.
    pub fn gather(
        tree: &FileTree,
        descriptor: &str,
        choice: &Choice,
        shared: &[Located<String>],
        findings: &mut Findings,
    ) -> Self {
        let mut gathering = Gathering {
            tree,
            choice,
            by_path: HashMap::new(),
            order: Vec::new(),
            brought: HashMap::new(),
            followed_bytes: 0,
            own_bytes: 0,
            findings,
        };
        gathering.own_files();
        gathering.shared_files(shared);
        if !choice.folder.is_empty() {
            gathering.descriptor(descriptor.as_bytes());
        }
        gathering.links();
        gathering.finish()
    }

    /// The file that `path` leads to in the image, links followed; a link that leads out of the module is given itself.
    #[must_use]
    pub fn reach(&self, path: &[u8]) -> Option<&TargetFile> {
        let get = |path: &[u8]| self.files.iter().find(|file| file.path == path);
        let standing = |path: &[u8]| match get(path).map(|file| &file.kind) {
            Some(NodeKind::Symlink(text)) => Standing::Link(text),
            Some(_) => Standing::Thing,
            None if self.files.iter().any(|file| is_within(&file.path, path)) => Standing::Thing,
            None => Standing::Nothing,
        };
        match follow(b"", path, standing) {
            Destination::Found(found) => get(&found),
            Destination::Absolute(_) => get(path),
            _ => None,
        }
    }
}

struct Gathering<'a> {
    tree: &'a FileTree,
    choice: &'a Choice,
    by_path: HashMap<Vec<u8>, TargetFile>,
    /// The paths in the order of the source.
    order: Vec<Vec<u8>>,
    /// Paths that a folder elsewhere was brought to: that folder, and the link that led to it.
    brought: HashMap<Vec<u8>, (Vec<u8>, Vec<u8>)>,
    own_bytes: u64,
    followed_bytes: u64,
    findings: &'a mut Findings,
}

impl Gathering<'_> {
    fn at(&self, source: &[u8]) -> Place {
        Place {
            file: self.tree.display(source),
            excerpt: None,
        }
    }

    fn report(&mut self, finding: Finding, source: &[u8]) {
        let place = self.at(source);
        self.findings.push(finding.at(place));
    }

    /// Adds a file unless one has its path already.
    fn add(&mut self, file: TargetFile) {
        if !self.by_path.contains_key(&file.path) {
            self.order.push(file.path.clone());
            self.by_path.insert(file.path.clone(), file);
        }
    }

    fn file(node: &Node, path: Vec<u8>, why: Why) -> TargetFile {
        TargetFile {
            path,
            source: node.path.clone(),
            why,
            kind: node.kind.clone(),
            mode: node.mode,
        }
    }

    /// The archive's order where the whole archive is taken, else the sorted walk; see `finish`.
    fn own_files(&mut self) {
        let folder = self.choice.folder.as_slice();
        let skip = if folder.is_empty() { 0 } else { folder.len() + 1 };
        for node in self.tree.nodes() {
            let is_own = node.path != folder && is_within(&node.path, folder);
            let is_left_out = || self.choice.left_out.iter().any(|other| is_within(&node.path, other));
            let is_settings = || node.path[skip..] == *AIRPACK_TOML.as_bytes();
            if !is_own || is_left_out() || is_settings() || (node.implied && folder.is_empty()) {
                continue;
            }
            if let NodeKind::File(file) = node.kind {
                self.own_bytes += file.size;
            }
            self.add(Self::file(node, node.path[skip..].to_vec(), Why::Own));
        }
    }

    fn shared_files(&mut self, shared: &[Located<String>]) {
        for declared in shared {
            let path = declared.value.as_bytes().to_vec();
            if self.tree.get(&path).is_none() {
                let origin = self.tree.origin().display();
                let message = format!("shared path `{}` is not in `{origin}`", declared.value);
                self.findings.push(Finding::error(message).at(declared.place.clone()));
                continue;
            }
            self.add_parents(&path);
            let tree = self.tree;
            let nodes: Vec<&Node> = tree.get(&path).into_iter().chain(tree.below(&path)).collect();
            for node in nodes {
                let clash = self
                    .by_path
                    .get(&node.path)
                    .is_some_and(|own| (own.kind == NodeKind::Dir) != node.is_dir());
                if clash {
                    let finding = Finding::error(format!(
                        "shared `{}` is a {} here and something else in `{}`",
                        display_path(&node.path),
                        if node.is_dir() { "folder" } else { "file" },
                        tree.display(&self.choice.folder).display()
                    ));
                    self.report(finding, &node.path);
                } else {
                    self.add(Self::file(node, node.path.clone(), Why::Shared));
                }
            }
        }
    }

    /// The folders above `path`, where the target has none.
    fn add_parents(&mut self, path: &[u8]) {
        let Some(folder) = parent(path) else { return };
        self.add_parents(folder);
        let mode = self.tree.get(folder).map_or(0o755, |node| node.mode);
        self.add(TargetFile {
            path: folder.to_vec(),
            source: folder.to_vec(),
            why: Why::Shared,
            kind: NodeKind::Dir,
            mode,
        });
    }

    /// The root's descriptor, unless the folder has its own.
    fn descriptor(&mut self, path: &[u8]) {
        if self.by_path.contains_key(path) {
            return;
        }
        if let Some(node) = real_node(self.tree, path) {
            let mut file = Self::file(node, path.to_vec(), Why::Descriptor);
            forget_other_names(&mut file);
            self.add(file);
        }
    }

    /// Decides for every link whether it stays one.
    fn links(&mut self) {
        let mut todo: Vec<Vec<u8>> = self.order.clone();
        while let Some(path) = todo.pop() {
            let Some(file) = self.by_path.get(&path) else { continue };
            let NodeKind::Symlink(text) = &file.kind else { continue };
            let (source, text) = (file.source.clone(), text.clone());
            if text.starts_with(b"/") {
                continue;
            }
            let named = named_path(&path, &text);
            let stays = named.as_ref().is_some_and(|named| self.leads_to_the_same(&path, named));
            let destination = follow(&source, &text, |path| standing(self.tree, path));
            match destination {
                Destination::Loop => {
                    self.report(
                        Finding::error(format!("link `{}` leads into a loop", display_path(&source))),
                        &source,
                    );
                }
                _ if stays => {}
                Destination::Outside => {
                    let finding = Finding::error(format!(
                        "link `{}` -> `{}` leads out of the buildpack's folder",
                        display_path(&source),
                        display_path(&text)
                    ));
                    self.report(finding.hint("put a copy of the file into the folder"), &source);
                }
                Destination::Missing if named.is_some() => {}
                Destination::Missing => {
                    let finding = Finding::error(format!(
                        "link `{}` -> `{}` leads out of the platform folder to nothing",
                        display_path(&source),
                        display_path(&text)
                    ));
                    self.report(finding, &source);
                }
                Destination::Found(found) => todo.extend(self.replace(&path, &source, &found)),
                Destination::Absolute(text) => {
                    if let Some(file) = self.by_path.get_mut(&path) {
                        (file.kind, file.why) = (NodeKind::Symlink(text), Why::Followed);
                    }
                }
            }
        }
        self.check_dangling();
    }

    /// Whether the link at `path` finds in the image, at `named`, what it finds in the source.
    fn leads_to_the_same(&self, path: &[u8], named: &[u8]) -> bool {
        if named.is_empty() || self.has_link_on(named) {
            return true;
        }
        let (Some(link), Some(there)) = (self.by_path.get(path), self.by_path.get(named)) else {
            return false;
        };
        let NodeKind::Symlink(text) = &link.kind else {
            return false;
        };
        // what was followed to has moved, so the same text may mean another file now
        link.why != Why::Followed || named_path(&link.source, text).is_some_and(|source| source == there.source)
    }

    /// Whether the way to `path` goes through another link of the image, which is judged on its own.
    fn has_link_on(&self, path: &[u8]) -> bool {
        ancestors(path).any(|folder| {
            self.by_path
                .get(folder)
                .is_some_and(|file| matches!(file.kind, NodeKind::Symlink(_)))
        })
    }

    /// Puts what is at `found` in the place of the link at `path`; gives the paths that came with it.
    fn replace(&mut self, path: &[u8], source: &[u8], found: &[u8]) -> Vec<Vec<u8>> {
        if let Some(way) = self.way_into_itself(path, source, found) {
            let finding = Finding::error(format!(
                "link `{}`{way} leads to a folder that it lies in itself",
                display_path(source)
            ));
            self.report(finding.hint("a layer would have no end: leave the link out"), source);
            return Vec::new();
        }
        if self.tree.is_dir(found) {
            self.brought.insert(path.to_vec(), (found.to_vec(), source.to_vec()));
        }
        let tree = self.tree;
        let nodes: Vec<&Node> = tree.get(found).into_iter().chain(tree.below(found)).collect();
        let mut added = Vec::new();
        for node in nodes {
            let mut file = Self::file(
                node,
                join(path, node.path[found.len()..].strip_prefix(b"/").unwrap_or_default()),
                Why::Followed,
            );
            forget_other_names(&mut file);
            if let NodeKind::File(content) = file.kind {
                self.followed_bytes += content.size;
            }
            if file.path == path {
                self.by_path.insert(path.to_vec(), file);
            } else {
                added.push(file.path.clone());
                self.add(file);
            }
        }
        let limit = self.own_bytes.saturating_mul(20).max(256 << 20);
        if self.by_path.len() > MAX_ENTRIES || (tree.is_archive() && self.followed_bytes > limit) {
            self.report(
                Finding::error("links that lead out of the platform folder multiply its content without end"),
                source,
            );
            return Vec::new();
        }
        added
    }

    /// Whether bringing `found` to `path` would bring it there again, and by way of which links.
    fn way_into_itself(&self, path: &[u8], source: &[u8], found: &[u8]) -> Option<String> {
        let around: Vec<&(Vec<u8>, Vec<u8>)> = ancestors(path).filter_map(|folder| self.brought.get(folder)).collect();
        let folders = around
            .iter()
            .map(|(folder, _)| folder.as_slice())
            .chain([self.choice.folder.as_slice(), source]);
        let is_around = folders.into_iter().any(|folder| is_within(folder, found));
        let by_way = |links: Vec<String>| {
            if links.is_empty() {
                String::new()
            } else {
                format!(", by way of {},", links.join(", "))
            }
        };
        is_around.then(|| {
            by_way(
                around
                    .iter()
                    .rev()
                    .map(|(_, link)| format!("`{}`", display_path(link)))
                    .collect(),
            )
        })
    }

    /// Warns of links that lead to nothing in the image.
    fn check_dangling(&mut self) {
        // an archive taken whole has files in folders that have no entry
        let folders: HashSet<&[u8]> = self.by_path.keys().flat_map(|path| ancestors(path)).collect();
        let standing = |path: &[u8]| match self.by_path.get(path).map(|file| &file.kind) {
            Some(NodeKind::Symlink(text)) => Standing::Link(text),
            Some(_) => Standing::Thing,
            None if folders.contains(path) => Standing::Thing,
            None => Standing::Nothing,
        };
        let mut dangling: Vec<&TargetFile> = self
            .by_path
            .values()
            .filter(|file| match &file.kind {
                NodeKind::Symlink(text) => matches!(follow(&file.path, text, standing), Destination::Missing),
                _ => false,
            })
            .collect();
        dangling.sort_by(|a, b| walk_order(&a.path, &b.path));
        let warnings: Vec<Finding> = dangling
            .into_iter()
            .map(|file| {
                let NodeKind::Symlink(text) = &file.kind else {
                    unreachable!("only links were kept")
                };
                Finding::warning(format!(
                    "link `{}` -> `{}` leads to nothing in the image",
                    display_path(&file.path),
                    display_path(text)
                ))
                .at(self.at(&file.source))
            })
            .collect();
        for warning in warnings {
            self.findings.push(warning);
        }
    }

    /// Refuses what no layer may hold, and sorts unless an archive is taken whole.
    fn finish(mut self) -> TargetFiles {
        let is_sorted = !self.tree.is_archive() || !self.choice.folder.is_empty();
        if is_sorted {
            self.order.sort_by(|a, b| walk_order(a, b));
        }
        let mut files: Vec<TargetFile> = Vec::with_capacity(self.order.len());
        for path in std::mem::take(&mut self.order) {
            let Some(mut file) = self.by_path.remove(&path) else {
                continue;
            };
            if let (
                true,
                NodeKind::File(FileNode {
                    shared: Some(shared), ..
                }),
            ) = (is_sorted, &file.kind)
            {
                file.mode = shared.mode;
            }
            match file.kind {
                NodeKind::Special(crate::archive::entry::SpecialKind::Socket) => {}
                NodeKind::Special(kind) => {
                    let message = format!(
                        "`{}` is a {}, which no layer of a buildpack may hold",
                        display_path(&file.source),
                        kind.name()
                    );
                    self.report(Finding::error(message), &file.source);
                }
                _ => files.push(file),
            }
        }
        for file in &files {
            let unreadable = self
                .tree
                .get(&file.source)
                .and_then(|node| self.tree.check_readable(node).err());
            if let Some(error) = unreadable {
                let cause = std::error::Error::source(&error)
                    .map(|cause| format!(": {cause}"))
                    .unwrap_or_default();
                self.report(Finding::error(format!("{error}{cause}")), &file.source);
            }
        }
        TargetFiles { files }
    }
}

/// The node that a path leads to, links on the way followed, where it is inside the tree.
pub(super) fn real_node<'a>(tree: &'a FileTree, path: &[u8]) -> Option<&'a Node> {
    match follow(b"", path, |path| standing(tree, path)) {
        Destination::Found(found) => tree.get(&found),
        _ => None,
    }
}

fn standing<'a>(tree: &'a FileTree, path: &[u8]) -> Standing<'a> {
    match tree.get(path).map(|node| &node.kind) {
        Some(NodeKind::Symlink(text)) => Standing::Link(text),
        Some(_) => Standing::Thing,
        None => Standing::Nothing,
    }
}

fn ancestors(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(parent(path), |folder| parent(folder))
}

/// A file that was brought here is no hard link of another.
fn forget_other_names(file: &mut TargetFile) {
    if let NodeKind::File(content) = &mut file.kind {
        content.shared = None;
    }
}

impl Why {
    /// For people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Shared => "shared",
            Self::Followed => "followed link",
            Self::Descriptor => "buildpack.toml of the root",
        }
    }
}
