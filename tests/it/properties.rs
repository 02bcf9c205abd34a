//! What holds for any input: a tree of files comes back as it was, a target reads back as it was written.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use crate::support::Sandbox;
use crate::support::layout_view::{LayoutView, TarEntry, sha256};

/// A file, a folder or a link of a generated tree.
#[derive(Debug, Clone)]
enum Thing {
    File { content: Vec<u8>, mode: u32 },
    Dir { mode: u32 },
    Link { to: String },
}

/// No newlines: the reader of the `tar` crate, which looks at the result, ends PAX records there. The zoo of `fixtures/golden`
/// has such a name, and `archive::tar_write` tries them with a reader that counts.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[a-c]{1,2}",
        2 => "[a-zA-Z0-9._ ~+-]{1,20}",
        1 => "[a-z]{90,110}",
        1 => "[äß日本é\\\\\"']{1,6}",
    ]
    .prop_filter("names that mean something else", |name| name != "." && name != "..")
}

fn thing() -> impl Strategy<Value = Thing> {
    let content = prop_oneof![
        5 => vec(any::<u8>(), 0..2000),
        1 => Just(vec![7; 1_500_000]),
        1 => vec(any::<u8>(), 500..520),
    ];
    prop_oneof![
        6 => (content, 0_u32..0o1000).prop_map(|(content, mode)| Thing::File { content, mode }),
        2 => (0_u32..0o1000).prop_map(|mode| Thing::Dir { mode }),
        1 => prop_oneof!["/[a-z]{1,120}", "-to-[a-z]{1,120}"].prop_map(|to| Thing::Link { to }),
    ]
}

/// Paths and things; what would lie below a file or link is left out.
fn tree() -> impl Strategy<Value = BTreeMap<String, Thing>> {
    btree_map(vec(name(), 1..5).prop_map(|parts| parts.join("/")), thing(), 0..25).prop_map(|tree| {
        let mut kept: BTreeMap<String, Thing> = BTreeMap::new();
        for (path, thing) in tree {
            let above = |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
            let is_below_a_file = kept
                .iter()
                .any(|(other, thing)| above(other) && !matches!(thing, Thing::Dir { .. }));
            let is_taken = matches!(path.split('/').next(), Some("airpack.toml" | "buildpack.toml" | "bin"));
            if !is_below_a_file && !is_taken {
                kept.insert(path, thing);
            }
        }
        kept
    })
}

fn make(root: &Path, tree: &BTreeMap<String, Thing>) {
    for (path, thing) in tree {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match thing {
            Thing::File { content, .. } => fs::write(&path, content).unwrap(),
            Thing::Dir { .. } => fs::create_dir_all(&path).unwrap(),
            Thing::Link { to } => symlink(to, &path).unwrap(),
        }
    }
    for (path, thing) in tree {
        // readable for whoever runs this
        if let Thing::File { mode, .. } = thing {
            fs::set_permissions(root.join(path), fs::Permissions::from_mode(mode | 0o400)).unwrap();
        }
        if let Thing::Dir { mode } = thing {
            fs::set_permissions(root.join(path), fs::Permissions::from_mode(mode | 0o700)).unwrap();
        }
    }
}

/// What the layer must hold of the tree: kind, mode, content or link, by path.
fn expected(tree: &BTreeMap<String, Thing>) -> BTreeMap<String, (String, u32, String)> {
    let mut all = BTreeMap::new();
    for (path, thing) in tree {
        for (at, _) in path.match_indices('/') {
            all.insert(path[..at].to_owned(), ("dir".to_owned(), 0o755, String::new()));
        }
        let is_executable = |mode: u32| if mode & 0o111 != 0 { 0o755 } else { 0o644 };
        let described = match thing {
            Thing::File { content, mode } => ("file".to_owned(), is_executable(*mode), sha256(content)),
            Thing::Dir { .. } => ("dir".to_owned(), 0o755, String::new()),
            Thing::Link { to } => ("symlink".to_owned(), 0o755, to.clone()),
        };
        all.insert(path.clone(), described);
    }
    all
}

fn found(entry: &TarEntry) -> (String, u32, String) {
    let link = entry
        .linkname
        .as_ref()
        .map(|link| String::from_utf8(link.clone()).unwrap());
    let digest = entry.sha256.as_ref().map(|hex| format!("sha256:{hex}"));
    let text = digest.or(link).unwrap_or_default();
    (entry.kind.clone(), entry.mode, text)
}

const HEAD: &str = "api = \"0.10\"\n[buildpack]\nid = \"acme/any\"\nversion = \"1.0.0\"\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n";
const PREFIX: &str = "/cnb/buildpacks/acme_any/1.0.0/";

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_comes_back_as_it_was(
        tree in tree(),
        compression in prop_oneof![Just("gzip"), Just("gzip:1"), Just("zstd"), Just("none")],
        threads in 1..4_usize,
    ) {
        let sandbox = Sandbox::new();
        sandbox.write("bp/buildpack.toml", HEAD);
        sandbox.executable("bp/bin/build", "#!/bin/sh\n");
        sandbox.executable("bp/bin/detect", "#!/bin/sh\n");
        make(&sandbox.join("bp"), &tree);
        let threads = threads.to_string();
        let args = ["buildpack", "package", "acme/any:1", "--path", "bp", "--layout", "out", "--compression", compression, "--threads", &threads];
        sandbox.airpack(&args).ok();

        let layout = LayoutView::open(sandbox.join("out"));
        layout.check_whole();
        let layer = &layout.image_index("1").children[0].layers[0];
        let mut wanted = expected(&tree);
        for (path, content) in [("bin/build", "#!/bin/sh\n"), ("bin/detect", "#!/bin/sh\n")] {
            wanted.insert(path.to_owned(), ("file".to_owned(), 0o755, sha256(content.as_bytes())));
        }
        wanted.insert("bin".to_owned(), ("dir".to_owned(), 0o755, String::new()));
        wanted.insert("buildpack.toml".to_owned(), ("file".to_owned(), 0o644, sha256(HEAD.as_bytes())));
        let entries: Vec<(String, (String, u32, String))> = layer.entries[2..]
            .iter()
            .map(|entry| (entry.name().strip_prefix(PREFIX).unwrap().to_owned(), found(entry)))
            .collect();
        let order: Vec<&String> = entries.iter().map(|(path, _)| path).collect();
        let mut sorted = order.clone();
        sorted.sort_by(|a, b| a.split('/').map(str::as_bytes).cmp(b.split('/').map(str::as_bytes)));
        prop_assert_eq!(&order, &sorted);
        let entries: BTreeMap<_, _> = entries.into_iter().collect();
        prop_assert_eq!(entries, wanted);
    }
}

proptest! {
    #[test]
    fn any_target_reads_back(
        os in "[a-z]{0,8}", arch in "[a-z0-9]{1,8}", variant in "(v[0-9])?",
        distros in vec(("[a-z]{1,8}", "([0-9]{1,2}(\\.[0-9]{1,2})?)?"), 0..3),
    ) {
        let distro = |(name, version): &(String, String)| if version.is_empty() { name.clone() } else { format!("{name}@{version}") };
        let mut text = format!("{os}/{arch}");
        if !variant.is_empty() {
            text += &format!("/{variant}");
        }
        if !distros.is_empty() {
            text += &format!(":{}", distros.iter().map(distro).collect::<Vec<_>>().join(";"));
        }
        let target: airpack::cnb::target::Target = text.parse().unwrap();
        prop_assert_eq!(target.to_string(), text);
        prop_assert_eq!((target.os, target.arch, target.variant), (os, arch, variant));
        let read: Vec<(String, String)> = target.distros.into_iter().map(|distro| (distro.name, distro.version)).collect();
        prop_assert_eq!(read, distros);
    }

    #[test]
    fn no_target_text_panics(text in "\\PC{0,40}") {
        if let Ok(target) = text.parse::<airpack::cnb::target::Target>() {
            let again: airpack::cnb::target::Target = target.to_string().parse().unwrap();
            prop_assert_eq!(target, again);
        }
    }
}
