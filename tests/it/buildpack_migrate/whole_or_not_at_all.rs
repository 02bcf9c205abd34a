//! A run that fails leaves everything as it was; one that is killed is finished by the next.

use std::fs;
use std::time::Instant;

use super::{AMD64, ARM64, elf, migrate, scripts};
use crate::support::kill::{killed, moments};
use crate::support::snapshot::Snapshot;
use crate::support::{Run, Sandbox, with_file_size_limit};

const ARGS: [&str; 6] = [
    "buildpack",
    "migrate",
    "hello",
    "-t",
    "linux/amd64,linux/arm64",
    "--write",
];

fn large() -> Sandbox {
    let sandbox = scripts("\n[[stacks]]\nid = \"*\"\n");
    for number in 0..150 {
        sandbox.write(format!("hello/lib/{}/{number}", number % 7), vec![7; 20_000]);
    }
    sandbox.executable("hello/bin/x-tool", elf(AMD64));
    sandbox.executable("hello/bin/y-tool", elf(ARM64));
    sandbox
}

#[test]
fn a_killed_run_is_finished_by_the_next() {
    let whole = large();
    let started = Instant::now();
    whole.airpack(&ARGS).ok();
    let duration = started.elapsed();
    let expected = Snapshot::content_of(whole.join("hello"));
    for (delay, signal) in moments(duration) {
        let sandbox = large();
        let before = Snapshot::content_of(sandbox.join("hello"));
        let was_killed = killed(sandbox.airpack_command(&ARGS), signal, delay);
        if was_killed && signal != "KILL" {
            before.assert_unchanged("a request to stop");
        }
        sandbox.airpack(&ARGS).ok();
        let migrated = Snapshot::content_of(sandbox.join("hello"));
        let (has, wanted) = (migrated.names(), expected.names());
        let more: Vec<_> = has.iter().filter(|name| !wanted.contains(name)).collect();
        let less: Vec<_> = wanted.iter().filter(|name| !has.contains(name)).collect();
        assert!(
            more.is_empty() && less.is_empty(),
            "{signal} after {delay:?}: {more:?} should not be there, {less:?} should"
        );
        let text = |sandbox: &Sandbox| fs::read_to_string(sandbox.join("hello/buildpack.toml")).unwrap();
        assert_eq!(text(&sandbox), text(&whole));
    }
}

#[test]
fn what_can_not_be_written_is_taken_back() {
    let sandbox = scripts("");
    sandbox.write("hello/lib/big", vec![1; 3 << 20]);
    let before = Snapshot::content_of(sandbox.path());
    let run = Run::of(&mut with_file_size_limit(&sandbox, 1 << 20, &ARGS));
    run.failed(1);
    assert!(run.stderr.contains("nothing has changed"), "{}", run.stderr);
    before.assert_unchanged("a full disk");
}

#[test]
fn what_can_not_be_taken_away_brings_all_back() {
    // the last step before the text: a folder in the place of a file that the plan did not know can not be made here, so the
    // folder that everything is in refuses new names
    let sandbox = scripts("");
    let before = Snapshot::content_of(sandbox.join("hello"));
    sandbox.write("hello/linux/amd64/bin", "a file where a folder should be");
    let run = migrate(&sandbox, &["-t", "linux/amd64,linux/arm64", "--write"]);
    run.failed(1);
    assert!(run.stderr.contains("is there and is no folder"), "{}", run.stderr);
    fs::remove_dir_all(sandbox.join("hello/linux")).unwrap();
    before.assert_unchanged("a file in the way");
}
