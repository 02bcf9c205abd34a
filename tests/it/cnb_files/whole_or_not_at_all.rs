//! A run that fails or is killed leaves no file behind, and one that was there stays as it is.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{package, sandbox};
use crate::support::big_tree::{BIG_TREE, write_members};
use crate::support::cnb_file::CnbFile;
use crate::support::kill::{at_once, killed, moments};
use crate::support::snapshot::Snapshot;
use crate::support::{Run, Sandbox, with_file_size_limit};

/// What lies at the names of the new files before a run.
const OLD: &str = "what was there before\n";

/// The names that `out/x.cnb` may lead to.
const FILES: [&str; 3] = ["x.cnb", "x-linux-amd64.cnb", "x-linux-arm64.cnb"];

/// Packages `bp` to `out/x.cnb`, which has to fail, with nothing there and with old files there. Nothing may change.
#[track_caller]
fn refused(sandbox: &Sandbox, args: &[&str]) -> Run {
    sandbox.folder("out");
    let before = Snapshot::content_of(sandbox.path());
    let run = package(sandbox, "out/x.cnb", args);
    run.failed(1);
    before.assert_unchanged("packaging failed where no file was");
    for file in FILES {
        sandbox.write(Path::new("out").join(file), OLD);
    }
    let before = Snapshot::content_of(sandbox.path());
    package(sandbox, "out/x.cnb", args).failed(1);
    before.assert_unchanged("packaging failed where files were");
    run
}

#[test]
fn faults_of_the_buildpack() {
    for single in [&[][..], &["--single"]] {
        let sandbox = sandbox();
        sandbox.write("bp/buildpack.toml", "api = \"0.10\"\n[buildpack]\nid = \"acme/x\"\n");
        refused(&sandbox, single).stderr_has("version");
    }
}

#[test]
fn a_fault_of_one_target_among_several() {
    for single in [&[][..], &["--single"]] {
        let targets = ["-t", "linux/amd64", "-t", "linux/arm64", "-t", "linux/riscv64"];
        refused(&sandbox(), &[&targets, single].concat()).stderr_has("linux/riscv64");
    }
}

#[test]
fn a_folder_in_the_place_of_the_file() {
    let sandbox = sandbox();
    sandbox.write("out/x.cnb/mine", "mine\n");
    let before = Snapshot::content_of(sandbox.path());
    let run = package(&sandbox, "out/x.cnb", &["-t", "linux/amd64"]);
    run.failed(1).stderr_has("out/x.cnb");
    before.assert_unchanged("packaging failed");
    let run = package(&sandbox, "out/x.cnb", &["--single"]);
    run.failed(1).stderr_has("out/x.cnb");
    before.assert_unchanged("packaging failed");
}

#[test]
fn a_folder_in_the_place_of_one_file_among_several() {
    let sandbox = sandbox();
    sandbox.write("out/x-linux-arm64.cnb/mine", "mine\n");
    let before = Snapshot::content_of(sandbox.path());
    package(&sandbox, "out/x.cnb", &[])
        .failed(1)
        .stderr_has("out/x-linux-arm64.cnb");
    before.assert_unchanged("packaging failed");
}

#[test]
fn a_file_in_the_place_of_the_folder() {
    let sandbox = sandbox();
    sandbox.write("out", "a file\n");
    let before = Snapshot::of(sandbox.path());
    package(&sandbox, "out/x.cnb", &["--single"])
        .failed(1)
        .stderr_has("out");
    before.assert_unchanged("packaging failed");
}

/// A sandbox with a buildpack of several megabytes that do not compress.
fn big_sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    write_members(&sandbox.folder("bp"), BIG_TREE.iter());
    sandbox.folder("out");
    sandbox
}

#[test]
fn a_disk_that_is_full() {
    let sandbox = big_sandbox();
    for single in [&[][..], &["--single"]] {
        for old in [false, true] {
            if old {
                for file in FILES {
                    sandbox.write(Path::new("out").join(file), OLD);
                }
            }
            let before = Snapshot::content_of(sandbox.path());
            let args = ["buildpack", "package", "out/x.cnb", "--path", "bp", "--format", "file"];
            let run = Run::of(&mut with_file_size_limit(
                &sandbox,
                1 << 20,
                &[&args[..], single].concat(),
            ));
            run.failed(1);
            before.assert_unchanged("packaging failed");
        }
        for file in FILES {
            fs::remove_file(sandbox.join("out").join(file)).unwrap();
        }
    }
}

/// The files in `out`, which each have to be what they are in a run that ends, or, where they were there before,
/// still the old ones.
#[track_caller]
fn check_remains(sandbox: &Sandbox, expected: &[(String, Vec<u8>)], old: bool, when: &str) {
    let mut names = Vec::new();
    for entry in fs::read_dir(sandbox.join("out")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let content = fs::read(sandbox.join("out").join(&name)).unwrap();
        let whole = expected.iter().find(|(file, _)| *file == name);
        let (_, whole) = whole.unwrap_or_else(|| panic!("{when}: {name} stays behind"));
        assert!(
            content == *whole || (old && content == OLD.as_bytes()),
            "{when}: {name} is half done"
        );
        names.push(name);
    }
    if old {
        assert_eq!(names.len(), expected.len(), "{when}: an old file is gone");
    }
}

/// What is in `out`, by name.
fn files(sandbox: &Sandbox) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(sandbox.join("out")).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

#[track_caller]
fn check_kills(more: &[&str]) {
    let sandbox = big_sandbox();
    let args = ["buildpack", "package", "out/x.cnb", "--path", "bp", "--format", "file"];
    let args = [&args[..], more].concat();
    let begin = Instant::now();
    sandbox.airpack(&args).ok();
    let duration: Duration = begin.elapsed();
    let expected = files(&sandbox);
    let mut kills = 0;
    for old in [false, true] {
        for (delay, signal) in moments(duration).step_by(2) {
            let when = format!("SIG{signal} after {delay:?} of {duration:?}");
            fs::remove_dir_all(sandbox.join("out")).unwrap();
            sandbox.folder("out");
            for (file, _) in expected.iter().filter(|_| old) {
                sandbox.write(Path::new("out").join(file), OLD);
            }
            kills += u32::from(killed(sandbox.airpack_command(&args), signal, delay));
            check_remains(&sandbox, &expected, old, &when);
        }
        // the next run finds nothing that would be in its way
        sandbox.airpack(&args).ok();
        check_remains(&sandbox, &expected, false, "the next run");
        assert_eq!(files(&sandbox).len(), expected.len());
    }
    assert!(kills > 0, "no run was killed before its end");
}

#[test]
fn a_killed_run_of_several_files() {
    check_kills(&[]);
}

#[test]
fn a_killed_run_of_a_single_file() {
    check_kills(&["--single"]);
}

#[test]
fn runs_at_once_all_succeed_and_leave_one_whole_file() {
    let sandbox = sandbox();
    sandbox.write("bp/linux/amd64/data", "one".repeat(40_000));
    for round in 0..20 {
        // new in even rounds, in the place of the one before in odd ones
        if round % 2 == 0 && round > 0 {
            fs::remove_file(sandbox.join("x.cnb")).unwrap();
        }
        let label = |number: usize| {
            let label = format!("which={number}");
            let args = ["buildpack", "package", "x.cnb", "--path", "bp", "--format", "file"];
            sandbox.airpack_command(&[&args[..], &["--single", "--label", &label]].concat())
        };
        for run in at_once((0..6).map(label).collect()) {
            assert_eq!(run.ok().stdout, "x.cnb\n");
        }
        let index = CnbFile::open(sandbox.join("x.cnb")).nested_index();
        let labels: Vec<_> = index
            .children
            .iter()
            .map(|child| child.labels()["which"].clone())
            .collect();
        assert_eq!(labels[0], labels[1], "round {round}");
    }
    let names = Snapshot::content_of(sandbox.path());
    let strange: Vec<_> = names
        .names()
        .into_iter()
        .filter(|name| !name.is_empty() && *name != "x.cnb" && !name.starts_with("bp"))
        .collect();
    assert!(strange.is_empty(), "{strange:?} stay behind");
}
