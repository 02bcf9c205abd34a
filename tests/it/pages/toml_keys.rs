//! Every key that airpack reads in a TOML file is in the reference, in a table and in an example that a command uses.

use std::collections::BTreeSet;
use std::fs;

use super::{read, root};

/// Words in the readers that are values, or names of other things.
const NO_KEYS: [&str; 4] = ["append", "default", "override", "prepend"];

/// The sources that read TOML, without comments and tests.
fn readers() -> Vec<(String, String)> {
    let files = fs::read_dir(root().join("src/cnb")).unwrap();
    files
        .map(|file| file.unwrap().path())
        .filter(|path| path.is_file())
        .filter_map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let code: String = text
                .split("#[cfg(test)]")
                .next()
                .unwrap()
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .flat_map(|line| [line, "\n"])
                .collect();
            (code.contains("Table<'_>") && name != "document.rs").then_some((name, code))
        })
        .collect()
}

/// The literals that may be keys: all words of the form of one. Names of systems and architectures are in the file of targets, so
/// there it is only what a table is asked for.
fn keys() -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for (name, code) in readers() {
        let code = if name == "target.rs" {
            let asked = code
                .lines()
                .filter(|line| line.contains("table.") || line.contains("distro."));
            asked.collect::<String>()
        } else {
            code
        };
        let is_key = |word: &&str| {
            word.starts_with(|c: char| c.is_ascii_lowercase())
                && word.chars().all(|c| c.is_ascii_lowercase() || c == '-')
                && !NO_KEYS.contains(word)
        };
        keys.extend(code.split('"').skip(1).step_by(2).filter(is_key).map(ToOwned::to_owned));
    }
    keys
}

fn words(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_lowercase() && c != '-').collect()
}

#[test]
fn every_key_that_is_read_is_in_the_reference() {
    let page = read("docs/toml.md");
    let mut code = Vec::new();
    let mut examples = String::new();
    for (at, part) in page.split("```").enumerate() {
        match part.strip_prefix("toml\n").filter(|_| at % 2 == 1) {
            Some(example) => examples += example,
            None => code.extend(part.lines().filter(|line| line.starts_with("| "))),
        }
    }
    let in_examples: String = examples
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(" = ").next().unwrap_or_default().to_owned() + "\n")
        .collect();
    let in_tables: String = code
        .iter()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .fold(String::new(), |all, piece| all + piece + "\n");
    let keys = keys();
    assert!(keys.len() > 40, "only {keys:?}");
    for key in &keys {
        assert!(words(&in_tables).contains(key.as_str()), "no table has `{key}`");
        assert!(words(&in_examples).contains(key.as_str()), "no example has `{key}`");
    }
}

#[test]
fn extracts_in_the_readme_have_keys_that_are_read() {
    let readme = read("README.md");
    let keys = keys();
    let mut seen = 0;
    for extract in readme.split("```toml\n").skip(1) {
        for line in extract.lines().take_while(|line| *line != "```") {
            let key = line.split(" = ").next().unwrap_or_default();
            for word in words(key).into_iter().filter(|word| !word.is_empty()) {
                seen += 1;
                assert!(keys.contains(word), "nothing reads `{word}` of {line}");
            }
        }
    }
    assert!(seen >= 4, "only {seen} keys");
}
