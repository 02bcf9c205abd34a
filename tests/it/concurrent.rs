//! Two runs at once and runs that are killed leave a layout that everybody can read.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::big_tree::{BIG_TREE, write_members};
use crate::support::kill::{at_once, killed, moments};
use crate::support::layout_view::{LayoutView, sha256};
use crate::support::{Run, Sandbox, simple_buildpack};

const ROUNDS: usize = 30;

/// The arguments that package the folder `source` as this reference.
fn package<'a>(reference: &'a str, source: &'a str, layout: &'a str) -> [&'a str; 7] {
    ["buildpack", "package", reference, "--path", source, "--layout", layout]
}

/// A sandbox with the buildpacks `one` and `two`, which share a part of their files.
fn two_buildpacks() -> Sandbox {
    let sandbox = Sandbox::new();
    for name in ["one", "two"] {
        simple_buildpack(&sandbox, name, &format!("acme/{name}"), &["linux/amd64", "linux/arm64"]);
        sandbox.write(format!("{name}/data"), name.repeat(40_000));
    }
    sandbox
}

#[test]
fn two_runs_at_once_both_leave_their_tag() {
    let sandbox = two_buildpacks();
    let references = ["registry.test/acme/one:1.0", "registry.test/acme/two:2.0"];
    let digests = ["one", "two"].map(|name| {
        let args = package("registry.test/acme/x:1.0", name, name_of_layout(name));
        sandbox.airpack(&args).digest().to_owned()
    });
    for round in 0..ROUNDS {
        let layout = format!("out-{round}");
        let commands = references
            .iter()
            .zip(["one", "two"])
            .map(|(reference, source)| sandbox.airpack_command(&package(reference, source, &layout)));
        let runs = at_once(commands.collect());
        let view = LayoutView::open(sandbox.join(&layout));
        for ((run, digest), tag) in runs.iter().zip(&digests).zip(["1.0", "2.0"]) {
            assert_eq!(run.digest(), digest, "round {round}");
            assert_eq!(view.digest(tag), digest, "round {round}");
        }
        assert_eq!(view.tags().len(), 2, "round {round}");
        view.check_whole();
    }
}

fn name_of_layout(name: &str) -> &'static str {
    if name == "one" { "alone-one" } else { "alone-two" }
}

#[test]
fn two_runs_at_once_into_a_layout_that_holds_images_lose_none() {
    let sandbox = two_buildpacks();
    let mut expected = BTreeSet::new();
    for round in 0..ROUNDS {
        let tags = ["a", "b"].map(|half| format!("{round}{half}"));
        let commands = tags.iter().zip(["one", "two"]).map(|(tag, source)| {
            let reference = format!("registry.test/acme/{source}:{tag}");
            sandbox.airpack_command(&package(&reference, source, "out"))
        });
        for run in at_once(commands.collect()) {
            run.ok();
        }
        expected.extend(tags);
        let view = LayoutView::open(sandbox.join("out"));
        let found: BTreeSet<_> = view.tags().into_iter().map(str::to_owned).collect();
        assert_eq!(found, expected, "round {round}");
    }
    LayoutView::open(sandbox.join("out")).check_whole();
}

#[test]
fn two_runs_at_once_with_the_same_reference_leave_one_whole_image() {
    let sandbox = two_buildpacks();
    for round in 0..ROUNDS {
        let layout = format!("out-{round}");
        // the same content in even rounds
        let sources = if round % 2 == 0 { ["one", "one"] } else { ["one", "two"] };
        let commands =
            sources.map(|source| sandbox.airpack_command(&package("registry.test/acme/x:1.0", source, &layout)));
        let runs = at_once(commands.into());
        let view = LayoutView::open(sandbox.join(&layout));
        assert_eq!(view.tags(), ["1.0"], "round {round}");
        let digests: Vec<_> = runs.iter().map(Run::digest).collect();
        assert!(digests.contains(&view.digest("1.0")), "round {round}: {digests:?}");
        view.check_whole_with_leftovers();
    }
}

#[test]
fn many_runs_at_once_into_a_new_layout_all_leave_their_tag() {
    let sandbox = two_buildpacks();
    let references: Vec<_> = (0..8).map(|at| format!("registry.test/acme/x:{at}")).collect();
    let commands = references.iter().enumerate().map(|(at, reference)| {
        let source = if at % 2 == 0 { "one" } else { "two" };
        sandbox.airpack_command(&package(reference, source, "out"))
    });
    for run in at_once(commands.collect()) {
        run.ok();
    }
    let view = LayoutView::open(sandbox.join("out"));
    let found: BTreeSet<_> = view.tags().into_iter().collect();
    assert_eq!(found, BTreeSet::from(["0", "1", "2", "3", "4", "5", "6", "7"]));
    view.check_whole();
}

/// A sandbox with the big tree in `bp` and a small buildpack in `small`, and how long the big one takes.
fn slow_sandbox() -> (Sandbox, Duration) {
    let sandbox = Sandbox::new();
    write_members(&sandbox.folder("bp"), BIG_TREE.iter());
    simple_buildpack(&sandbox, "small", "acme/small", &["linux/amd64"]);
    let begin = Instant::now();
    sandbox
        .airpack(&package("registry.test/acme/big:1.0", "bp", "timed"))
        .ok();
    (sandbox, begin.elapsed())
}

/// Whatever the layout holds after a kill: no strange names, no wrong blob.
#[track_caller]
fn check_remains(layout: &Path, when: &str) {
    let names = |folder: &Path| -> Vec<String> {
        let entries = fs::read_dir(folder).into_iter().flatten();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    for name in names(layout) {
        let known = ["oci-layout", "index.json", "blobs"].contains(&name.as_str());
        assert!(known, "{when}: {name} stays behind in the layout");
    }
    for name in names(&layout.join("blobs")) {
        assert_eq!(name, "sha256", "{when}: it stays behind in blobs");
    }
    let blobs = layout.join("blobs/sha256");
    for name in names(&blobs) {
        let digest = sha256(&fs::read(blobs.join(&name)).unwrap());
        assert_eq!(digest, format!("sha256:{name}"), "{when}: a wrong blob");
    }
}

#[test]
fn a_killed_run_leaves_no_half_of_a_new_layout() {
    let (sandbox, duration) = slow_sandbox();
    let reference = "registry.test/acme/big:1.0";
    let complete = fs::read(sandbox.join("timed/index.json")).unwrap();
    let digest = LayoutView::open(sandbox.join("timed")).digest("1.0").to_owned();
    let mut kills = 0;
    for (delay, signal) in moments(duration) {
        let when = format!("SIG{signal} after {delay:?} of {duration:?}");
        let command = sandbox.airpack_command(&package(reference, "bp", "out"));
        kills += u32::from(killed(command, signal, delay));
        let layout = sandbox.join("out");
        check_remains(&layout, &when);
        if let Ok(found) = fs::read(layout.join("index.json")) {
            let view = LayoutView::open(&layout);
            // a new layout holds no image before it holds the first
            let empty = view.entries().is_empty();
            assert!(empty || found == complete, "{when}: half done: {}", view.index_file());
            if !empty {
                view.check_whole_with_leftovers();
            }
        }
        let again = sandbox.airpack(&package(reference, "bp", "out"));
        assert_eq!(again.digest(), digest, "{when}");
        assert!(fs::read(layout.join("index.json")).unwrap() == complete, "{when}");
        LayoutView::open(&layout).check_whole_with_leftovers();
        fs::remove_dir_all(layout).unwrap();
    }
    assert!(kills > 0, "no run was killed before its end");
}

#[test]
fn a_killed_run_leaves_a_layout_as_it_was_or_complete() {
    let (sandbox, duration) = slow_sandbox();
    // one tag that has to stay and one that the killed run replaces
    for reference in ["registry.test/acme/old:old", "registry.test/acme/big:1.0"] {
        sandbox.airpack(&package(reference, "small", "prepared")).ok();
    }
    let prepare = || {
        let _ = fs::remove_dir_all(sandbox.join("out"));
        Run::of(sandbox.command("cp").args(["-a", "prepared", "out"])).ok();
    };
    let index_file = sandbox.join("out/index.json");
    prepare();
    let before = fs::read(&index_file).unwrap();
    let command = package("registry.test/acme/big:1.0", "bp", "out");
    let digest = sandbox.airpack(&command).digest().to_owned();
    let complete = fs::read(&index_file).unwrap();
    assert_ne!(before, complete);
    let mut kills = 0;
    for (delay, signal) in moments(duration) {
        let when = format!("SIG{signal} after {delay:?} of {duration:?}");
        prepare();
        assert_eq!(before, fs::read(&index_file).unwrap());
        kills += u32::from(killed(sandbox.airpack_command(&command), signal, delay));
        let found = fs::read(&index_file).unwrap();
        assert!(found == before || found == complete, "{when}: index.json is half done");
        check_remains(&sandbox.join("out"), &when);
        let layout = LayoutView::open(sandbox.join("out"));
        layout.check_whole_with_leftovers();
        let tags: BTreeSet<_> = layout.tags().into_iter().collect();
        assert_eq!(tags, BTreeSet::from(["1.0", "old"]), "{when}");
        assert_eq!(sandbox.airpack(&command).digest(), digest, "{when}");
        assert!(fs::read(&index_file).unwrap() == complete, "{when}: the next run");
        LayoutView::open(sandbox.join("out")).check_whole_with_leftovers();
    }
    assert!(kills > 0, "no run was killed before its end");
}
