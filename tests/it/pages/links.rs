//! Links between pages, and to headings.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::{pages, read, root};

/// Lines outside of fenced blocks, without the code in them.
fn prose(text: &str) -> String {
    let mut inside = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.starts_with("```") {
            inside = !inside;
        } else if !inside {
            prose.extend(line.split('`').step_by(2));
            prose.push('\n');
        }
    }
    prose
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let mut inside = false;
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = Vec::new();
    for line in text.lines() {
        inside ^= line.starts_with("```");
        let heading = line.trim_start_matches('#');
        if inside || heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let kept = heading.trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let times = seen.entry(anchor.clone()).or_default();
        let number = if *times == 0 {
            String::new()
        } else {
            format!("-{times}")
        };
        *times += 1;
        anchors.push(anchor + &number);
    }
    anchors
}

/// The path without `..`, relative to the repository.
fn plain_path(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => assert!(plain.pop(), "{}", path.display()),
            part => plain.push(part),
        }
    }
    plain
}

#[test]
fn links_lead_to_pages_and_headings() {
    let mut names = pages();
    names.extend(["ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "RELEASING.md"].map(ToOwned::to_owned));
    let mut seen = 0;
    for name in names {
        let text = read(&name);
        let prose = prose(&text);
        for link in prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            seen += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = Path::new(&name).parent().unwrap();
            let file = if file.is_empty() {
                PathBuf::from(&name)
            } else {
                plain_path(&folder.join(file))
            };
            assert!(root().join(&file).exists(), "{link} in {name}");
            if !anchor.is_empty() {
                let there = anchors(&read(file.to_str().unwrap()));
                assert!(there.iter().any(|one| one == anchor), "{link} in {name}: {there:?}");
            }
        }
    }
    assert!(seen > 20, "only {seen} links");
}
