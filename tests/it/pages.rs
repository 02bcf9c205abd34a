//! Runs every command of README.md and of the pages in docs/, and holds what the pages say to it; `BLESS=1` writes the outputs into them.

use std::fs;
use std::path::Path;
use std::thread;

use self::page::Page;

mod links;
mod page;
mod runner;
mod toml_keys;

/// Made from the command tree, and held to it by a test beside that.
const GENERATED: &str = "docs/cli.md";

/// Fixtures of the README, which has no comment to name them.
const README_FIXTURES: &str = "buildpacks/hello=hello, buildpacks/world=world, buildpacks/greetings=greetings, builders/demo=builder, layouts/base.oci=base.oci";

/// Begins of lines in `sh` blocks: what needs a network, or is run by another test.
const RUN_ELSEWHERE: [&str; 2] = ["cargo install --locked --path .", "scripts/"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The README and all of docs/, in the order of their names, relative to the repository.
fn pages() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| format!("docs/{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    names.push("README.md".to_owned());
    names.sort();
    names
}

fn read(page: &str) -> String {
    fs::read_to_string(root().join(page)).unwrap()
}

#[test]
fn every_command_prints_what_the_page_says() {
    let names: Vec<String> = pages().into_iter().filter(|name| name != GENERATED).collect();
    assert!(names.len() >= 10, "only {names:?}");
    let faults: Vec<String> = thread::scope(|scope| {
        let running: Vec<_> = names.iter().map(|name| scope.spawn(move || check(name))).collect();
        running.into_iter().filter_map(|page| page.join().unwrap()).collect()
    });
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What is wrong with the page.
fn check(name: &str) -> Option<String> {
    let text = read(name);
    let page = Page::parse(name, &text);
    let (actual, mut faults) = runner::run(&page);
    let differs = text.lines().zip(actual.lines()).position(|(says, is)| says != is);
    if std::env::var_os("BLESS").is_some() {
        fs::write(root().join(name), &actual).unwrap();
    } else if let Some(at) = differs {
        let line = |text: &str| text.lines().nth(at).unwrap().to_owned();
        let (says, is) = (line(&text), line(&actual));
        faults.push(format!("{name}:{}: the page says\n  {says}\nbut it is\n  {is}", at + 1));
    } else if text != actual {
        faults.push(format!(
            "{name}: the last output is longer or shorter than the page says"
        ));
    }
    (!faults.is_empty()).then(|| faults.join("\n"))
}

#[test]
fn the_map_has_every_page() {
    let map = read("docs/README.md");
    for page in pages() {
        let file = page.rsplit('/').next().unwrap();
        assert!(file == "README.md" || map.contains(&format!("({file})")), "{file}");
    }
    assert!(read("README.md").contains("(docs/"), "the README leads to no page");
}
