//! Programs from elsewhere that some tests need. None is left out silently.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

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

/// airpack built for linux/arm64, and what runs it here.
pub(crate) struct OtherMachine {
    /// The program, which is linked statically.
    pub(crate) program: PathBuf,
}

/// Runs programs of arm64.
pub(crate) const QEMU: &str = "qemu-aarch64-static";

impl OtherMachine {
    /// airpack as arm64 runs it, not yet started. Programs with threads span without an end in qemu 7.2: what takes `--threads`
    /// has to be given 1.
    pub(crate) fn airpack_command(&self, sandbox: &Sandbox, args: &[&str]) -> Command {
        let mut command = sandbox.command(QEMU);
        command.arg(&self.program).args(args);
        command
    }
}

/// airpack for arm64, which `scripts/test` has built of this source. If it has not, the calling test says so and ends; in CI
/// that is a fault.
pub(crate) fn require_other_machine() -> Option<OtherMachine> {
    require_tool(QEMU)?;
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let program = target.join("aarch64-unknown-linux-gnu/debug/airpack");
    let Ok(built) = program.metadata().and_then(|metadata| metadata.modified()) else {
        skipped(&format!(
            "no {}: scripts/build-static linux/arm64 dev makes it",
            program.display()
        ));
        return None;
    };
    if newest_source() > built {
        skipped("airpack for arm64 is older than the source: scripts/build-static linux/arm64 dev builds it anew");
        return None;
    }
    Some(OtherMachine { program })
}

fn newest_source() -> SystemTime {
    let files = walkdir::WalkDir::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))
        .into_iter()
        .map(|entry| entry.unwrap().metadata().unwrap().modified().unwrap());
    files.max().unwrap()
}
