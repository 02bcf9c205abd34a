//! The same sources give the same digest, in whatever order folders list them and whatever else differs.

use std::collections::BTreeSet;
use std::path::Path;

use super::{CONFIG, package_into, run_config};
use crate::support::Sandbox;
use crate::support::composites::{BOTH, composite, head, leaf_toml, order_toml, package_toml};

const LEAVES: [&str; 4] = ["a", "b", "c", "d"];

/// Numbers that look as if they were drawn, always the same for a seed.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 32).unwrap() % below
    }

    fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, self.next(last + 1));
        }
    }
}

/// Everything that is on disk before a run: names, contents and modes. Two composites of two leaves each, and one of
/// these; one leaf has so much that it is compressed in several blocks.
fn files() -> Vec<(String, String, u32)> {
    let mut files = Vec::new();
    for name in LEAVES {
        let module = format!("acme/{name}@1.0.0");
        files.push((format!("{name}/buildpack.toml"), leaf_toml(&module, &BOTH), 0o644));
        for target in BOTH {
            for file in ["bin/build", "bin/detect"] {
                let content = format!("#!/bin/sh\necho {file} of {name}\n");
                files.push((format!("{name}/{target}/{file}"), content, 0o755));
            }
            for number in 0..8 {
                let content = format!("{name} {target} {number}\n");
                files.push((format!("{name}/{target}/data/{number}/file"), content, 0o644));
            }
        }
    }
    let numbers: Vec<String> = (0..200_000_u64)
        .map(|number| format!("{:x}", number * number))
        .collect();
    let big = numbers.join(" ");
    files.push(("b/linux/amd64/big".to_owned(), big, 0o644));
    for (name, order) in [
        ("left", [["acme/a@1.0.0", "acme/b@1.0.0?"]]),
        ("right", [["acme/d@1.0.0", "acme/c@1.0.0"]]),
        ("outer", [["acme/right@1.0.0", "acme/left@1.0.0?"]]),
    ] {
        let order: Vec<&[&str]> = order.iter().map(<[&str; 2]>::as_slice).collect();
        let toml = head(&format!("acme/{name}@1.0.0")) + &order_toml(&order);
        files.push((format!("{name}/buildpack.toml"), toml, 0o644));
    }
    files
}

/// The sources, written one after the other in this order.
fn write(files: &[(String, String, u32)]) -> Sandbox {
    write_in(Sandbox::new(), files)
}

fn write_in(sandbox: Sandbox, files: &[(String, String, u32)]) -> Sandbox {
    for (name, content, mode) in files {
        sandbox.write_mode(name, content, *mode);
    }
    sandbox
}

#[test]
fn thirty_runs_in_different_orders_of_folders_and_dependencies_and_with_other_threads() {
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    let mut files = files();
    let mut dependencies = ["../left", "../right", "../a", "../b", "../c", "../d"];
    let mut digests = BTreeSet::new();
    let mut orders = BTreeSet::new();
    for run in 0..30 {
        numbers.shuffle(&mut files);
        numbers.shuffle(&mut dependencies);
        // a file system in memory lists what was written last first, others by their own rules
        let memory = Path::new("/dev/shm");
        let sandbox = if run % 2 == 0 && memory.is_dir() {
            Sandbox::below(memory)
        } else {
            Sandbox::new()
        };
        let sandbox = write_in(sandbox, &files);
        orders.insert(listed(&sandbox));
        package_toml(&sandbox, CONFIG, "../outer", &dependencies, &BOTH);
        let threads = (run % 8 + 1).to_string();
        let packaged = run_config(&sandbox, CONFIG, "out.oci", &["--threads", &threads]);
        digests.insert(packaged.digest().to_owned());
    }
    assert_eq!(digests.len(), 1, "{digests:?}");
    let in_odd_order = orders.iter().any(|names| !names.is_sorted());
    assert!(
        in_odd_order,
        "these file systems sort folders, so the test would show nothing"
    );
}

/// The names in a folder, as the file system gives them.
fn listed(sandbox: &Sandbox) -> Vec<String> {
    let folder = sandbox.join("b/linux/amd64/data");
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// The same with images in between, and flattened.
#[test]
fn runs_with_images_and_flattened_ones() {
    for more in [
        &[][..],
        &["--flatten"],
        &["--flatten", "--flatten-exclude", "acme/c@1.0.0"],
    ] {
        let mut digests = BTreeSet::new();
        for threads in ["1", "2", "3", "8"] {
            let sandbox = write(&files());
            for name in LEAVES {
                let image = format!("registry.test/acme/{name}:1");
                package_into(&sandbox, "images.oci", &image, name, &["--threads", threads]);
            }
            let names = LEAVES.map(|name| format!("docker://registry.test/acme/{name}:1"));
            let mut dependencies = vec!["../left", "../right"];
            dependencies.extend(names.iter().map(String::as_str));
            package_toml(&sandbox, CONFIG, "../outer", &dependencies, &BOTH);
            let args = [&["--from", "images.oci", "--threads", threads], more].concat();
            digests.insert(run_config(&sandbox, CONFIG, "out.oci", &args).digest().to_owned());
        }
        assert_eq!(digests.len(), 1, "{more:?}: {digests:?}");
    }
}

/// How many layouts there are to look into, and in which order they are given, does not show.
#[test]
fn other_layouts_to_look_into() {
    let mut digests = BTreeSet::new();
    for from in [["one.oci", "other.oci"], ["other.oci", "one.oci"]] {
        let sandbox = write(&files());
        package_into(&sandbox, "one.oci", "registry.test/acme/a:1", "a", &[]);
        package_into(&sandbox, "other.oci", "registry.test/acme/b:1", "b", &[]);
        composite(
            &sandbox,
            "comp",
            "acme/comp@1.0.0",
            &[&["acme/a@1.0.0", "acme/b@1.0.0"]],
        );
        let dependencies = ["docker://registry.test/acme/a:1", "docker://registry.test/acme/b:1"];
        package_toml(&sandbox, CONFIG, "../comp", &dependencies, &BOTH);
        let args = ["--from", from[0], "--from", from[1]];
        digests.insert(run_config(&sandbox, CONFIG, "out.oci", &args).digest().to_owned());
    }
    assert_eq!(digests.len(), 1, "{digests:?}");
}

/// The second run finds everything that it would make.
#[test]
fn again_into_the_same_layout() {
    let sandbox = write(&files());
    package_toml(
        &sandbox,
        CONFIG,
        "../outer",
        &["../left", "../right", "../a", "../b", "../c", "../d"],
        &BOTH,
    );
    let first = run_config(&sandbox, CONFIG, "out.oci", &[]).digest().to_owned();
    let before = crate::support::snapshot::Snapshot::content_of(sandbox.join("out.oci"));
    let run = run_config(&sandbox, CONFIG, "out.oci", &["--json"]);
    run.ok();
    before.assert_unchanged("packaged again");
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["digest"], first);
    for image in report["images"].as_array().unwrap() {
        for layer in image["layers"].as_array().unwrap() {
            assert_eq!(layer["reused"], true, "{report:#}");
        }
    }
}
