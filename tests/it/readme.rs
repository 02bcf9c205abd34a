//! Runs every example of the README and compares what it prints; `BLESS=1` writes the outputs into it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::plain_registry::PlainRegistry;
use crate::support::{Sandbox, tools};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where the registry of the examples is.
const REGISTRY: &str = "localhost:5000";

/// Copies of the fixtures, and `airpack` on the `PATH`.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    for (fixture, name) in [
        ("buildpacks/hello", "hello"),
        ("buildpacks/world", "world"),
        ("buildpacks/greetings", "greetings"),
        ("builders/demo", "builder"),
        ("layouts/base.oci", "base.oci"),
    ] {
        let copied = Command::new("cp")
            .arg("-r")
            .arg(root().join("fixtures").join(fixture))
            .arg(sandbox.join(name))
            .status()
            .unwrap();
        assert!(copied.success());
    }
    sandbox.folder("on-path");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_airpack"), sandbox.join("on-path/airpack")).unwrap();
    sandbox
}

#[test]
fn every_example_prints_what_it_says() {
    let file = root().join("README.md");
    let text = fs::read_to_string(&file).unwrap();
    let sandbox = sandbox();
    let registry = tools::require_tool("docker-registry").map(|_| PlainRegistry::start(&sandbox));
    // the README speaks of a registry at its usual port; the one here has another
    let here = registry
        .as_ref()
        .map(|registry| registry.address().replace("127.0.0.1", "localhost"));
    let (ran, actual) = with_outputs(&text, |command| {
        if command.starts_with("skopeo") && tools::require_tool("skopeo").is_none() {
            return None;
        }
        let command = match (&here, command.contains(REGISTRY)) {
            (Some(here), true) => command.replace(REGISTRY, here),
            (None, true) => return None,
            (_, false) => command.to_owned(),
        };
        let path = format!(
            "{}:{}",
            sandbox.join("on-path").display(),
            std::env::var("PATH").unwrap()
        );
        let output = Command::new("sh")
            .args(["-c", &format!("{command} 2>&1")])
            .current_dir(sandbox.path())
            .env_remove("SOURCE_DATE_EPOCH")
            .env("HOME", sandbox.path())
            .env("PATH", path)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        Some(match &here {
            Some(here) => text.replace(here, REGISTRY),
            None => text,
        })
    });
    assert!(ran >= 10, "only {ran} examples were found");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&file, &actual).unwrap();
    }
    let text = fs::read_to_string(&file).unwrap();
    assert!(text == actual, "the README says\n{text}\nbut it is\n{actual}");
}

/// The text with the output behind each `$ command` of its console blocks, and how many there were.
fn with_outputs(text: &str, run: impl Fn(&str) -> Option<String>) -> (usize, String) {
    let mut out = String::new();
    let mut ran = 0;
    let mut in_console = false;
    let mut skipping = false;
    for line in text.lines() {
        if line.starts_with("```") {
            in_console = line == "```console";
            skipping = false;
        }
        let command = line.strip_prefix("$ ").filter(|_| in_console);
        if let Some(command) = command {
            out += &format!("{line}\n");
            let output = run(command);
            skipping = output.is_some();
            let output = output.unwrap_or_default();
            out += &output;
            if !output.is_empty() && !output.ends_with('\n') {
                out.push('\n');
            }
            ran += 1;
        } else if !(in_console && skipping) || line.starts_with("```") {
            out += &format!("{line}\n");
        }
    }
    (ran, out)
}

#[test]
fn the_demo_shows_the_result() {
    let sandbox = Sandbox::new();
    let demo = Command::new(root().join("scripts/demo"))
        .arg(sandbox.join("out.oci"))
        .env("AIRPACK", env!("CARGO_BIN_EXE_airpack"))
        .output()
        .unwrap();
    let stdout = String::from_utf8(demo.stdout).unwrap();
    assert!(demo.status.success(), "{}", String::from_utf8_lossy(&demo.stderr));
    for expected in ["sha256:", "linux/amd64", "linux/arm64", "acme/hello@1.0.0", "bin/build"] {
        assert!(stdout.contains(expected), "{expected} is not in\n{stdout}");
    }
}

#[test]
fn both_commands_are_there_and_ci_runs_the_second() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for script in ["scripts/demo", "scripts/test"] {
        assert!(readme.contains(&format!("\n{script} ")), "{script}");
        let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(root().join(script)).unwrap());
        assert!(mode & 0o111 != 0, "{script} is not executable");
    }
    let ci = fs::read_to_string(root().join(".ci/run")).unwrap();
    assert!(ci.contains("scripts/test"));
}

#[test]
fn links_in_the_pages_lead_somewhere() {
    let pages: Vec<PathBuf> = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "docs/compression.md",
    ]
    .iter()
    .map(|page| root().join(page))
    .collect();
    let mut seen = 0;
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if !link.contains("://") {
                seen += 1;
                assert!(
                    page.parent().unwrap().join(link).exists(),
                    "{link} in {}",
                    page.display()
                );
            }
        }
    }
    assert!(seen > 2);
}
