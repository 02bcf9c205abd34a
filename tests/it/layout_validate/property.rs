//! Bytes that are flipped and files that are cut off, anywhere.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use super::Sandbox;
use crate::support::simple_buildpack;

/// What happens to a file: a bit flips, or it ends earlier.
#[derive(Debug, Clone)]
enum Harm {
    Flip { file: usize, at: usize, bit: u8 },
    Cut { file: usize, at: usize },
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        (any::<usize>(), any::<usize>(), 0..8u8).prop_map(|(file, at, bit)| Harm::Flip { file, at, bit }),
        (any::<usize>(), any::<usize>()).prop_map(|(file, at)| Harm::Cut { file, at }),
    ]
}

fn files(root: &std::path::Path) -> Vec<PathBuf> {
    let mut files = vec![root.join("index.json"), root.join("oci-layout")];
    let blobs = fs::read_dir(root.join("blobs/sha256")).unwrap();
    files.extend(blobs.map(|entry| entry.unwrap().path()));
    files.sort();
    files
}

#[test]
fn it_is_found_or_it_was_harmless() {
    let sandbox = Sandbox::new();
    simple_buildpack(&sandbox, "bp", "acme/x", &["linux/amd64", "linux/arm64"]);
    let package = [
        "buildpack",
        "package",
        "registry.test/acme/x:1",
        "--path",
        "bp",
        "--layout",
        "x.oci",
    ];
    sandbox.airpack(&package).ok();
    let root = sandbox.join("x.oci");
    let files = files(&root);
    let contents: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    let mut runner = TestRunner::new(Config {
        cases: 300,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&harm(), |harm| {
        let (file, changed) = match harm {
            Harm::Flip { file, at, bit } => {
                let file = file % files.len();
                let mut content = contents[file].clone();
                let at = at % content.len();
                content[at] ^= 1 << bit;
                (file, content)
            }
            Harm::Cut { file, at } => {
                let file = file % files.len();
                (file, contents[file][..at % contents[file].len()].to_vec())
            }
        };
        fs::write(&files[file], &changed).unwrap();
        let run = sandbox.airpack(&["layout", "validate", "x.oci", "--strict"]);
        let path = files[file].display().to_string();
        fs::write(&files[file], &contents[file]).unwrap();
        let is_harmless = || {
            let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).ok();
            // only index.json and oci-layout have no digest: what says the same is as good
            let (before, after) = (read(&contents[file]), read(&changed));
            !path.contains("blobs") && after.is_some() && (before == after || path.ends_with("index.json"))
        };
        prop_assert!(
            run.code == 3 || run.code == 1 || (run.code == 0 && is_harmless()),
            "{path}: code {} {}{}",
            run.code,
            run.stdout,
            run.stderr
        );
        Ok(())
    });
    outcome.unwrap();
}
