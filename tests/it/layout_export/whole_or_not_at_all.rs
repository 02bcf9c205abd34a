//! Exports that end in the middle leave nothing, or what the next run takes away.

use std::fs;
use std::time::Instant;

use super::{export, layer, layout_of, refused};
use crate::support::images::layout;
use crate::support::kill::{at_once, killed, moments};
use crate::support::layout_view::LayoutView;
use crate::support::snapshot::Snapshot;
use crate::support::tar_maker::Member;
use crate::support::{Run, Sandbox, with_file_size_limit};

/// Two layers with many files.
fn many_files(sandbox: &Sandbox) {
    let folder = |name: &str| {
        let mut members = vec![Member::folder(name)];
        members.extend((0..400).map(|number| Member::file(&format!("{name}/{number}"), vec![7; 5000])));
        layer(&members)
    };
    layout_of(&sandbox.join("x.oci"), "registry.test/x:1", &[folder("a"), folder("b")]);
}

fn names(sandbox: &Sandbox) -> Vec<String> {
    let entries = fs::read_dir(sandbox.path()).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// What has a temporary name.
fn left(sandbox: &Sandbox) -> Vec<String> {
    let all = names(sandbox).into_iter();
    all.filter(|name| name.starts_with(".airpack-")).collect()
}

#[test]
fn a_killed_run_leaves_no_half_of_anything() {
    let sandbox = Sandbox::new();
    many_files(&sandbox);
    for (destination, out) in [
        ("--rootfs", "root"),
        ("--lifecycle-tree", "repo"),
        ("--oci-archive", "oci.tar"),
        ("--docker-archive", "docker.tar"),
    ] {
        let started = Instant::now();
        export(&sandbox, &[destination, "whole"]).ok();
        let duration = started.elapsed();
        let whole = Snapshot::content_of(sandbox.join("whole")).names().len();
        let path = sandbox.join(out);
        for (delay, signal) in moments(duration) {
            let args = ["layout", "export", "x.oci", destination, out];
            let before = left(&sandbox);
            let was_killed = killed(sandbox.airpack_command(&args), signal, delay);
            let found = Snapshot::content_of(&path).names().len();
            if destination == "--lifecycle-tree" && was_killed {
                let folder = path.join("registry.test/x/1");
                // folders may be there, but no layout that has no image
                if folder.join("index.json").exists() && folder.join("oci-layout").exists() {
                    LayoutView::open(&folder).check_whole_with_leftovers();
                }
            } else {
                assert!(found == 0 || found == whole, "{found} of {whole} names in {out}");
                assert!(was_killed || found == whole, "{out}");
            }
            if signal != "KILL" {
                let new = left(&sandbox).into_iter().find(|name| !before.contains(name));
                assert!(new.is_none(), "{signal} left {new:?}");
            }
            if path.is_dir() {
                fs::remove_dir_all(&path).unwrap();
            } else if path.exists() {
                fs::remove_file(&path).unwrap();
            }
        }
        // the next run takes away what was left
        export(&sandbox, &[destination, out]).ok();
        fs::remove_dir_all(sandbox.join("whole"))
            .or_else(|_| fs::remove_file(sandbox.join("whole")))
            .unwrap();
    }
    assert_eq!(names(&sandbox), ["docker.tar", "oci.tar", "repo", "root", "x.oci"]);
    LayoutView::open(sandbox.join("repo/registry.test/x/1")).check_whole();
}

/// A disk that is full is much like a limit of the size of files.
#[test]
fn what_can_not_be_written_is_taken_away() {
    let sandbox = Sandbox::new();
    let big = layer(&[Member::file("small", ""), Member::file("big", vec![1; 3 << 20])]);
    layout_of(&sandbox.join("x.oci"), "registry.test/x:1", &[big]);
    sandbox.write("there.tar", "before");
    let before = Snapshot::content_of(sandbox.path());
    for (destination, out) in [
        ("--rootfs", "root"),
        ("--docker-archive", "docker.tar"),
        ("--docker-archive", "there.tar"),
    ] {
        let args = ["layout", "export", "x.oci", destination, out];
        Run::of(&mut with_file_size_limit(&sandbox, 1 << 20, &args)).failed(1);
        before.assert_unchanged(destination);
    }
}

#[test]
fn a_second_layer_that_fails_takes_the_first_with_it() {
    let sandbox = Sandbox::new();
    let layers = [
        layer(&[Member::folder("closed").with_mode(0o000)]),
        layer(&[Member::file("../x", "")]),
    ];
    layout_of(&sandbox.join("x.oci"), "registry.test/x:1", &layers);
    refused(&sandbox, &["--rootfs", "root"]);
    sandbox.folder("empty");
    refused(&sandbox, &["--rootfs", "empty"]);
}

/// What another run is making is not taken for something left.
#[test]
fn many_runs_at_once() {
    let sandbox = Sandbox::new();
    many_files(&sandbox);
    layout(&sandbox.join("y.oci"), "registry.test/y:1", "y");
    let commands = (0..6).map(|number| {
        let out = format!("root{number}");
        sandbox.airpack_command(&["layout", "export", "x.oci", "--rootfs", &out])
    });
    for run in at_once(commands.collect()) {
        run.ok();
    }
    let counts: Vec<usize> = (0..6)
        .map(|number| {
            Snapshot::content_of(sandbox.join(format!("root{number}")))
                .names()
                .len()
        })
        .collect();
    assert_eq!(counts, [803; 6]);
    let into_one = (0..4).map(|number| {
        let source = if number % 2 == 0 { "x.oci" } else { "y.oci" };
        sandbox.airpack_command(&[
            "layout",
            "export",
            source,
            "--lifecycle-tree",
            "repo",
            "--platform",
            "linux/amd64",
        ])
    });
    for run in at_once(into_one.collect()) {
        run.ok();
    }
    for name in ["x", "y"] {
        LayoutView::open(sandbox.join("repo/registry.test").join(name).join("1")).check_whole();
    }
    assert!(
        names(&sandbox).iter().all(|name| !name.starts_with('.')),
        "{:?}",
        names(&sandbox)
    );
}
