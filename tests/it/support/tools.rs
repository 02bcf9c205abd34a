//! Programs from elsewhere that some tests need. None is left out silently.

use std::fs;
use std::path::{Path, PathBuf};

use super::Sandbox;
use super::sandbox::Run;
use super::test_tree::is_root;

/// A program that was found.
#[derive(Clone, Copy)]
pub(crate) struct Tool {
    name: &'static str,
}

impl Tool {
    /// Runs it in the sandbox until it ends.
    pub(crate) fn run(self, sandbox: &Sandbox, args: &[&str]) -> Run {
        Run::of(sandbox.command(self.name).args(args))
    }
}

/// The program with this name, if it is on `PATH`. If not, the calling test says so and ends; in CI that is a fault.
pub(crate) fn require_tool(name: &'static str) -> Option<Tool> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    if found {
        return Some(Tool { name });
    }
    skipped(&format!("{name} not on PATH"));
    None
}

/// Whether the test may act as root. If not, the calling test says so and ends; in CI that is a fault.
pub(crate) fn require_root() -> bool {
    if !is_root() {
        skipped("needs root");
    }
    is_root()
}

fn skipped(why: &str) {
    let current = std::thread::current();
    let test = current.name().unwrap_or("a test");
    assert!(std::env::var_os("CI").is_none(), "{test} can not run: {why}");
    // around the capture of the test harness, so that it is seen although the test passes
    let line = format!("SKIPPED {test}: {why}\n");
    let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
}

/// Debian's package of this name for an architecture, which `scripts/test` has fetched. If it has not, the calling test says
/// so and ends; in CI that is a fault.
pub(crate) fn require_deb(name: &str, architecture: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("debs");
    let is_wanted = |path: &PathBuf| {
        let file = path.file_name().unwrap().to_string_lossy();
        file.starts_with(&format!("{name}_")) && file.ends_with(&format!("_{architecture}.deb"))
    };
    let files = fs::read_dir(&folder).into_iter().flatten();
    let found = files.map(|entry| entry.unwrap().path()).find(is_wanted);
    if found.is_none() {
        skipped(&format!("no {name}_*_{architecture}.deb in {}", folder.display()));
    }
    found
}
