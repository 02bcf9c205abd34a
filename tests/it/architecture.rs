//! Holds the arrow of ARCHITECTURE.md: which folder of `src` may use which.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder or file at the top of `src`, and what it may use. `error`, `progress` and `go_names` are open to all.
const ARROW: [(&str, &[&str]); 10] = [
    ("error", &[]),
    ("progress", &[]),
    ("go_names", &[]),
    ("archive", &[]),
    ("oci", &["archive"]),
    ("cnb", &[]),
    ("registry", &["archive", "oci"]),
    ("cnb_image", &["archive", "cnb", "oci"]),
    ("operations", &["archive", "cnb", "cnb_image", "oci", "registry"]),
    ("bin", &["archive", "cnb", "cnb_image", "oci", "operations", "registry"]),
];
const LEAVES: [&str; 3] = ["error", "progress", "go_names"];

#[test]
fn every_path_follows_the_arrow() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for file in rust_files(&src) {
        let module = module_of(file.strip_prefix(&src).unwrap());
        let Some(top) = module.first().cloned() else { continue };
        let Some((_, allowed)) = ARROW.iter().find(|(name, _)| *name == top) else {
            faults.push(format!("{top} is not in the table"));
            continue;
        };
        for (line, used) in paths_in(&fs::read_to_string(&file).unwrap(), &module) {
            let Some(used_top) = used.first() else { continue };
            seen.insert((top.clone(), used_top.clone()));
            let is_allowed =
                *used_top == top || LEAVES.contains(&used_top.as_str()) || allowed.contains(&used_top.as_str());
            if !is_allowed {
                faults.push(format!("{}:{line}: {top} -> {used_top}", file.display()));
            }
            let is_operation = top == "operations" && *used_top == "operations" && module.len() > 1;
            if is_operation && used.get(1).is_some_and(|other| *other != module[1]) {
                faults.push(format!("{}:{line}: operations do not use each other", file.display()));
            }
        }
    }
    assert!(faults.is_empty(), "against the arrow:\n{}", faults.join("\n"));
    // the scan sees what is known to be there
    for (from, to) in [
        ("bin", "operations"),
        ("operations", "cnb_image"),
        ("operations", "registry"),
        ("registry", "oci"),
        ("cnb_image", "cnb"),
        ("oci", "archive"),
    ] {
        assert!(
            seen.contains(&(from.to_owned(), to.to_owned())),
            "{from} -> {to} was not seen"
        );
    }
}

#[test]
fn architecture_md_shows_the_folders_that_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    for entry in fs::read_dir(root.join("src")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(
            text.contains(&format!("`{name}`")) || text.contains(&format!("`{name}/`")),
            "{name} is not in ARCHITECTURE.md"
        );
    }
}

#[test]
fn the_scan_finds_every_form_of_a_path() {
    let module: Vec<String> = ["oci", "layout", "writer"].map(ToOwned::to_owned).into();
    let check = |line: &str, expected: &[&str]| {
        let found: Vec<String> = paths_in(line, &module)
            .into_iter()
            .map(|(_, path)| path.join("::"))
            .collect();
        assert_eq!(found, expected, "{line}");
    };
    check("use crate::cnb::target::Target;", &["cnb::target::Target"]);
    check("let x = crate::cnb::id();", &["cnb::id"]);
    check("use super::super::json;", &["oci::json"]);
    check("use super::super::super::archive::x;", &["archive::x"]);
    check("use crate::{archive::entry, cnb};", &["archive::entry", "cnb"]);
    check("use airpack::operations::{inspect, package};", &["operations"]);
    check("// crate::cnb is only spoken of", &[]);
    check(
        "mod tests {\n    use super::*;\n    use super::super::index_file;\n}",
        &["oci::layout::writer", "oci::layout::index_file"],
    );
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && path.file_name().unwrap() != "lib.rs" {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// `oci/layout/mod.rs` is `oci::layout`.
fn module_of(path: &Path) -> Vec<String> {
    let mut parts: Vec<String> = path
        .with_extension("")
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// Each path from the root of the crate that the text uses, with its line.
fn paths_in(text: &str, module: &[String]) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    let mut depth = 0;
    for (at, line) in text.lines().enumerate() {
        let code = line.trim_start();
        if code.starts_with("//") {
            continue;
        }
        if code.starts_with("mod ") && code.ends_with('{') {
            depth = 1;
        }
        let mut inner = module.to_vec();
        inner.extend(std::iter::repeat_n("tests".to_owned(), depth));
        for start in word_starts(code) {
            let rest = &code[start..];
            if let Some(rest) = rest.strip_prefix("airpack::") {
                found.extend(names(rest).into_iter().map(|path| (at + 1, path)));
            } else if let Some(rest) = rest.strip_prefix("crate::") {
                // the binary is a crate of its own
                let base = if module[0] == "bin" { &module[..2] } else { &[] };
                found.extend(names(rest).into_iter().map(|path| (at + 1, [base, &path].concat())));
            } else if rest.starts_with("super::") && !code[..start].ends_with("super::") {
                let mut base = inner.clone();
                let mut rest = rest;
                while let Some(next) = rest.strip_prefix("super::") {
                    base.pop();
                    rest = next;
                }
                found.extend(
                    names(rest)
                        .into_iter()
                        .map(|path| (at + 1, [base.clone(), path].concat())),
                );
            }
        }
    }
    found
}

/// Where a word begins.
fn word_starts(code: &str) -> Vec<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    code.char_indices()
        .filter(|&(at, c)| is_word(c) && !code[..at].chars().next_back().is_some_and(is_word))
        .map(|(at, _)| at)
        .collect()
}

/// `a::b::C;` is one path, `{a::b, c}` are two; what follows a group or a star is not looked at.
fn names(rest: &str) -> Vec<Vec<String>> {
    let one = |text: &str| {
        text.split("::")
            .map(|part| {
                part.trim()
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect::<String>()
            })
            .take_while(|part| !part.is_empty())
            .collect::<Vec<_>>()
    };
    match rest.strip_prefix('{') {
        Some(group) => group
            .split('}')
            .next()
            .unwrap_or_default()
            .split(',')
            .map(one)
            .filter(|path| !path.is_empty())
            .collect(),
        None => vec![one(rest
            .split([' ', '(', ';', ',', '<', '>', ')'])
            .next()
            .unwrap_or_default())],
    }
}
