//! Packaging that has to fail: what it says is for the test to judge, that it touches nothing is seen to here.

use std::fs;
use std::ops::RangeInclusive;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::layout_view::LayoutView;
use super::snapshot::Snapshot;
use super::test_tree::is_root;
use super::{Run, Sandbox, set_mode, simple_buildpack};

/// The name that images get where it does not matter.
pub(crate) const REFERENCE: &str = "registry.test/acme/x:1.0";

/// The user who owns nothing else.
pub(crate) const NOBODY: u32 = 65_534;

/// Makes the tool with these arguments, not yet started.
pub(crate) type Start<'a> = &'a dyn Fn(&[&str]) -> Command;

/// Packages from the sandbox, with all arguments but the reference and `--layout`. It must fail twice, with a layout
/// that is not there and with one that is; neither source nor layout may change. Gives the first run.
#[track_caller]
pub(crate) fn refused(sandbox: &Sandbox, args: &[&str]) -> Run {
    refused_with(REFERENCE, args, sandbox, &|args| sandbox.airpack_command(args))
}

/// The same with another reference and another way to start the tool.
#[track_caller]
pub(crate) fn refused_with(reference: &str, args: &[&str], sandbox: &Sandbox, start: Start<'_>) -> Run {
    refused_with_code(1, reference, args, sandbox, start)
}

/// The same where a word of the command line can not be understood.
#[track_caller]
pub(crate) fn wrong_usage(reference: &str, args: &[&str], sandbox: &Sandbox) -> Run {
    refused_with_code(2, reference, args, sandbox, &|args| sandbox.airpack_command(args))
}

#[track_caller]
fn refused_with_code(code: i32, reference: &str, args: &[&str], sandbox: &Sandbox, start: Start<'_>) -> Run {
    let source = Snapshot::of(sandbox.path());
    let out = Sandbox::new();
    set_mode(out.path(), 0o777);
    let absent = out.join("out.oci");
    let there = out.join("there/out.oci");
    write_layout(&out);
    let (absent, there) = (absent.to_str().unwrap(), there.to_str().unwrap());
    let before = Snapshot::content_of(out.path());

    let run_into = |layout: &str| {
        let own = [reference, "--layout", layout];
        Run::of(&mut start(&[&["buildpack", "package"], &own[..], args].concat()))
    };
    let first = run_into(absent);
    first.failed(code);
    before.assert_unchanged("packaging failed into a layout that was not there");
    run_into(there).failed(code);
    before.assert_unchanged("packaging failed into a layout that was there");
    LayoutView::open(there).check_whole();
    source.assert_unchanged("packaging failed");
    first
}

/// Writes a layout to `there/out.oci` that holds another buildpack. It belongs to nobody, so that the tool may write
/// into it as whom ever it is started.
fn write_layout(out: &Sandbox) {
    static FILES: OnceLock<Vec<(PathBuf, Vec<u8>)>> = OnceLock::new();
    let files = FILES.get_or_init(|| {
        let sandbox = Sandbox::new();
        simple_buildpack(&sandbox, "other", "acme/other", &["linux/amd64"]);
        let args = [
            "registry.test/acme/other:1.0",
            "--path",
            "other",
            "--layout",
            "there/out.oci",
        ];
        sandbox
            .airpack(&[&["buildpack", "package"], &args[..]].concat())
            .digest();
        let names = Snapshot::content_of(sandbox.join("there"));
        let names = names.names().into_iter().map(|name| Path::new("there").join(name));
        let files = names.filter(|name| sandbox.join(name).is_file());
        files
            .map(|name| (name.clone(), fs::read(sandbox.join(&name)).unwrap()))
            .collect()
    });
    for (name, content) in files {
        out.write(name, content);
    }
    if is_root() {
        for name in Snapshot::content_of(out.join("there")).names() {
            chown(out.join("there").join(name), Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
}

/// `file:line:column` is on stderr, whatever the column is.
#[track_caller]
pub(crate) fn points_at(run: &Run, file: &str, line: usize) {
    points_into(run, file, line..=line);
}

/// The same for any of these lines.
#[track_caller]
pub(crate) fn points_into(run: &Run, file: &str, lines: RangeInclusive<usize>) {
    let column = |after: &str| after.starts_with(|c: char| c.is_ascii_digit());
    let found = lines
        .clone()
        .any(|line| follows(run, &format!("{file}:{line}:"), column));
    assert!(found, "expected {file}:{lines:?}:COLUMN on stderr{run}");
}

/// `file:line` is on stderr, with or without a column.
#[track_caller]
pub(crate) fn names_line(run: &Run, file: &str, line: usize) {
    let end = |after: &str| !after.starts_with(|c: char| c.is_ascii_digit());
    let found = follows(run, &format!("{file}:{line}"), end);
    assert!(found, "expected {file}:{line} on stderr{run}");
}

/// Whether what comes after one of the places where `text` is on stderr is right.
fn follows(run: &Run, text: &str, right: impl Fn(&str) -> bool) -> bool {
    run.stderr
        .match_indices(text)
        .any(|(at, _)| right(&run.stderr[at + text.len()..]))
}

/// Somewhere on stderr a hint holds this text.
#[track_caller]
pub(crate) fn hints(run: &Run, text: &str) {
    let from_hint = run.stderr.split_once("hint: ").map_or("", |(_, after)| after);
    assert!(
        from_hint.contains(text),
        "expected `hint: ` with {text:?} on stderr{run}"
    );
}
