//! Files that two layouts share, and those that they can not.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::Value;

use super::{copy, two_images, view};
use crate::support::images::{finish, named};
use crate::support::layout_maker::{LayoutMaker, OCI_LAYER, tar_of};
use crate::support::layout_view::{OCI_CONFIG, OCI_MANIFEST, sha256};
use crate::support::{Sandbox, set_mode};

/// The file of a blob in each of two layouts.
fn files(sandbox: &Sandbox, name: &str) -> [(u64, u64, u64); 2] {
    ["in", "out"].map(|layout| {
        let metadata = fs::symlink_metadata(sandbox.join(layout).join("blobs/sha256").join(name)).unwrap();
        assert!(metadata.is_file(), "{name} in {layout}");
        (metadata.dev(), metadata.ino(), metadata.nlink())
    })
}

/// The layers and configs of all images.
fn blobs(sandbox: &Sandbox) -> Vec<String> {
    let from = view(sandbox, "in");
    let mut names = Vec::new();
    for tag in ["1.0", "2.0"] {
        for image in from.image_index(tag).children {
            let layers = image.layers.iter().map(|layer| layer.descriptor["digest"].clone());
            names.extend(layers.chain([image.manifest["config"]["digest"].clone()]));
        }
    }
    names
        .iter()
        .map(|digest| digest.as_str().unwrap().replace("sha256:", ""))
        .collect()
}

fn actions(run: &crate::support::Run) -> Vec<String> {
    let json: Value = serde_json::from_str(&run.ok().stdout).unwrap();
    let images = json["images"].as_array().unwrap().iter();
    let blobs = images.flat_map(|image| image["blobs"].as_array().unwrap());
    blobs.map(|blob| blob["action"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn blobs_are_the_same_files_and_survive_the_source() {
    let sandbox = two_images();
    let run = copy(&sandbox, &["in", "out", "--json"]);
    let actions = actions(&run);
    assert!(
        actions.iter().all(|action| action == "linked" || action == "existing"),
        "{actions:?}"
    );
    for name in blobs(&sandbox) {
        let [from, to] = files(&sandbox, &name);
        assert_eq!(from, to, "{name}");
    }
    fs::remove_dir_all(sandbox.join("in")).unwrap();
    view(&sandbox, "out").check_whole();
}

#[test]
fn no_links_means_files_of_ones_own() {
    let sandbox = two_images();
    let actions = actions(&copy(&sandbox, &["in", "out", "--json", "--no-links"]));
    assert!(
        actions.iter().all(|action| action == "copied" || action == "existing"),
        "{actions:?}"
    );
    for name in blobs(&sandbox) {
        let [from, to] = files(&sandbox, &name);
        assert_ne!(from.1, to.1, "{name}");
    }
}

#[test]
fn links_and_files_that_others_may_write_or_not_read_are_copied() {
    let sandbox = two_images();
    let names = blobs(&sandbox);
    let path = |name: &str| sandbox.join("in/blobs/sha256").join(name);
    set_mode(&path(&names[0]), 0o600);
    set_mode(&path(&names[1]), 0o666);
    // a link that leads out of the layout is refused
    fs::rename(path(&names[2]), sandbox.join("in/elsewhere")).unwrap();
    sandbox.symlink(path(&names[2]), sandbox.join("in/elsewhere"));
    copy(&sandbox, &["in", "out"]).ok();
    for name in &names[..3] {
        let to = fs::symlink_metadata(sandbox.join("out/blobs/sha256").join(name)).unwrap();
        assert!(to.is_file() && to.nlink() == 1, "{name}");
    }
    view(&sandbox, "out").check_whole();
}

#[test]
fn more_blobs_than_files_may_be_open() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("in"));
    let tars: Vec<Vec<u8>> = (0..400).map(|at| tar_of(&[("file", &at.to_string())])).collect();
    let layers: Vec<Value> = tars.iter().map(|tar| maker.blob(OCI_LAYER, tar)).collect();
    let diff_ids: Vec<String> = tars.iter().map(|tar| sha256(tar)).collect();
    finish(
        &maker,
        &[named(
            maker.image_of(OCI_MANIFEST, OCI_CONFIG, "amd64", &layers, &diff_ids),
            "1.0",
        )],
    );
    for more in ["", "--no-links"] {
        let script = format!(
            "ulimit -n 320; exec {} layout copy in out{more} {more}",
            env!("CARGO_BIN_EXE_airpack")
        );
        crate::support::Run::of(sandbox.command("sh").args(["-c", &script])).ok();
        view(&sandbox, &format!("out{more}")).check_whole();
    }
}

#[test]
fn another_file_system_gets_copies() {
    let shm = Path::new("/dev/shm");
    let sandbox = two_images();
    let is_other = |path: &Path| {
        fs::metadata(path).is_ok_and(|metadata| metadata.dev() != fs::metadata(sandbox.path()).unwrap().dev())
    };
    if !is_other(shm) {
        return;
    }
    let other = Sandbox::below(shm);
    let out = other.join("out");
    let actions = actions(&copy(&sandbox, &["in", out.to_str().unwrap(), "--json"]));
    assert!(
        actions.iter().all(|action| action == "copied" || action == "existing"),
        "{actions:?}"
    );
    crate::support::layout_view::LayoutView::open(out).check_whole();
}
