//! Files that airpack has written, as dependencies of a composite.

use std::collections::BTreeSet;
use std::fs;

use crate::support::cnb_file::CnbFile;
use crate::support::composite::{Composite, leaf};
use crate::support::layout_view::{LayoutView, text};
use crate::support::refused::{REFERENCE, points_into, refused};
use crate::support::snapshot::Snapshot;
use crate::support::{Run, Sandbox, simple_buildpack};

const TARGETS: [&str; 2] = ["linux/amd64", "linux/arm64"];

/// A sandbox with the buildpacks `one` and `two`, which have platform folders.
fn leaves() -> Sandbox {
    let sandbox = Sandbox::new();
    leaf(&sandbox, "one", "acme/one", &TARGETS);
    leaf(&sandbox, "two", "acme/two", &TARGETS);
    sandbox
}

/// Writes `comp`, which takes `acme/one` and `acme/two` from these places.
fn composite(sandbox: &Sandbox, uris: &[&str], targets: &[&str]) {
    Composite {
        folder: "comp",
        id: "acme/comp",
        order: &[&["acme/one", "acme/two?"]],
        uris,
        targets,
    }
    .write(sandbox);
}

/// Writes a file of the buildpack in a folder.
#[track_caller]
fn to_file(sandbox: &Sandbox, folder: &str, file: &str, args: &[&str]) {
    let own = ["buildpack", "package", file, "--path", folder, "--format", "file"];
    sandbox.airpack(&[&own[..], args].concat()).ok();
}

/// Packages `comp` into the layout `out.oci`, which is new. Nothing else may change.
#[track_caller]
fn package(sandbox: &Sandbox) -> (Run, LayoutView) {
    let _ = fs::remove_dir_all(sandbox.join("out.oci"));
    let sources = Snapshot::content_of(sandbox.path());
    let own = ["buildpack", "package", REFERENCE, "--config", "comp/package.toml"];
    let out = Sandbox::new();
    let layout = out.join("out.oci");
    let run = sandbox.airpack(&[&own[..], &["--layout", layout.to_str().unwrap()]].concat());
    run.ok().stderr_lacks("warning");
    sources.assert_unchanged("packaging");
    fs::rename(layout, sandbox.join("out.oci")).unwrap();
    let layout = LayoutView::open(sandbox.join("out.oci"));
    layout.check_whole();
    (run, layout)
}

#[test]
fn single_files_give_what_folders_give() {
    let sandbox = leaves();
    for folder in ["files", "folders"] {
        sandbox.folder(folder);
    }
    for name in ["one", "two"] {
        // package.toml is in the composite's layer, so that it has to be the same for both
        let cnb = format!("{name}.cnb");
        to_file(&sandbox, name, &format!("files/{cnb}"), &["--single"]);
        fs::rename(sandbox.join(name), sandbox.join("folders").join(cnb)).unwrap();
    }
    composite(&sandbox, &["../in/one.cnb", "../in/two.cnb"], &TARGETS);
    let mut digests = BTreeSet::new();
    for kind in ["folders", "files"] {
        fs::rename(sandbox.join(kind), sandbox.join("in")).unwrap();
        digests.insert(package(&sandbox).0.digest().to_owned());
        fs::rename(sandbox.join("in"), sandbox.join(kind)).unwrap();
    }
    assert_eq!(digests.len(), 1, "{digests:?}");
}

#[test]
fn wherever_they_lie_and_however_they_are_named() {
    let sandbox = leaves();
    to_file(&sandbox, "one", "one.cnb", &["--single"]);
    sandbox.folder("parts/deep");
    to_file(&sandbox, "one", "parts/deep/one.cnb", &["--single"]);
    let absolute = sandbox.join("one.cnb");
    let absolute = absolute.to_str().unwrap();
    for uri in [
        "../one.cnb",
        "../parts/deep/one.cnb",
        "./../parts/./deep/one.cnb",
        absolute,
        &format!("file://{absolute}"),
        "oci-archive:../one.cnb",
    ] {
        composite(&sandbox, &[uri, "../two"], &TARGETS);
        let (_, layout) = package(&sandbox);
        let index = layout.image_index("1.0");
        assert_eq!(index.platforms(), TARGETS, "{uri}");
        for child in &index.children {
            assert_eq!(child.layers.len(), 3, "{uri}");
        }
    }
}

#[test]
fn each_target_takes_the_layer_of_its_platform_as_it_is() {
    // compressed in a way that the composite is not
    for compression in ["gzip:1", "zstd", "none"] {
        let sandbox = leaves();
        to_file(&sandbox, "one", "one.cnb", &["--single", "--compression", compression]);
        let cnb = CnbFile::open(sandbox.join("one.cnb"));
        composite(&sandbox, &["../one.cnb", "../two"], &TARGETS);
        let index = package(&sandbox).1.image_index("1.0");
        for (expected, found) in cnb.nested_index().children.iter().zip(&index.children) {
            let expected = &expected.layers[0].descriptor;
            let layer = found.layers.iter().find(|layer| {
                let descriptor = &layer.descriptor;
                text(descriptor, "digest") == text(expected, "digest")
            });
            let layer = layer.unwrap_or_else(|| panic!("no {expected} for {}", found.platform()));
            assert_eq!(layer.descriptor, *expected, "{compression}");
        }
    }
}

#[test]
fn a_file_of_one_target_serves_that_target() {
    let sandbox = leaves();
    to_file(&sandbox, "one", "one.cnb", &["--target", "linux/arm64"]);
    composite(&sandbox, &["../one.cnb", "../two"], &["linux/arm64"]);
    let index = package(&sandbox).1.image_index("1.0");
    assert_eq!(index.platforms(), ["linux/arm64"]);
    assert_eq!(index.children[0].layers.len(), 3);
}

#[test]
fn a_file_of_one_target_does_not_serve_another() {
    let sandbox = leaves();
    to_file(&sandbox, "one", "one.cnb", &["--target", "linux/amd64"]);
    composite(&sandbox, &["../one.cnb", "../two"], &TARGETS);
    let run = refused(&sandbox, &["--config", "comp/package.toml"]);
    run.stderr_has("one.cnb")
        .stderr_has("linux/arm64")
        .stderr_has("linux/amd64");
    points_into(&run, "package.toml", 4..=5);
}

#[test]
fn a_file_whose_buildpack_fits_any_architecture_serves_all() {
    let sandbox = leaves();
    simple_buildpack(&sandbox, "any", "acme/one", &[]);
    to_file(&sandbox, "any", "one.cnb", &["--target", "linux/amd64"]);
    composite(&sandbox, &["../one.cnb", "../two"], &TARGETS);
    let index = package(&sandbox).1.image_index("1.0");
    assert_eq!(index.platforms(), TARGETS);
    let layers: BTreeSet<_> = index
        .children
        .iter()
        .flat_map(|child| &child.layers)
        .filter(|layer| layer.entries[0].name() == "/cnb/buildpacks/acme_one")
        .map(|layer| text(&layer.descriptor, "digest").to_owned())
        .collect();
    assert_eq!(layers.len(), 1, "{layers:?}");
}

#[test]
fn the_variant_of_a_platform_is_not_lost() {
    let targets = ["linux/arm/v6", "linux/arm/v7"];
    let sandbox = Sandbox::new();
    leaf(&sandbox, "one", "acme/one", &targets);
    leaf(&sandbox, "two", "acme/two", &targets);
    to_file(&sandbox, "one", "one.cnb", &["--single"]);
    composite(&sandbox, &["../one.cnb", "../two"], &targets);
    let index = package(&sandbox).1.image_index("1.0");
    assert_eq!(index.platforms(), targets);
    let cnb = CnbFile::open(sandbox.join("one.cnb")).nested_index();
    for (expected, found) in cnb.children.iter().zip(&index.children) {
        let expected = &expected.layers[0].diff_id;
        let found: Vec<_> = found.layers.iter().map(|layer| &layer.diff_id).collect();
        assert!(found.contains(&expected), "no {expected} in {found:?}");
    }
}

#[test]
fn a_composite_in_a_file_brings_its_members_along() {
    let sandbox = leaves();
    composite(&sandbox, &["../one", "../two"], &TARGETS);
    let own = ["buildpack", "package", "comp.cnb", "--config", "comp/package.toml"];
    sandbox
        .airpack(&[&own[..], &["--format", "file", "--single"]].concat())
        .ok();
    leaf(&sandbox, "three", "acme/three", &TARGETS);
    Composite {
        folder: "outer",
        id: "acme/outer",
        order: &[&["acme/comp", "acme/three"], &["acme/two"]],
        uris: &["../comp.cnb", "../three"],
        targets: &TARGETS,
    }
    .write(&sandbox);
    let args = ["buildpack", "package", REFERENCE, "--config", "outer/package.toml"];
    sandbox
        .airpack(&[&args[..], &["--layout", "out.oci"]].concat())
        .digest();
    let layout = LayoutView::open(sandbox.join("out.oci"));
    layout.check_whole();
    for child in layout.image_index("1.0").children {
        let modules: Vec<_> = child.layers.iter().map(|layer| layer.entries[0].name()).collect();
        let expected = ["comp", "one", "outer", "three", "two"].map(|name| format!("/cnb/buildpacks/acme_{name}"));
        assert_eq!(modules, expected, "{}", child.platform());
    }
}

#[test]
fn a_composite_in_files_of_its_own_is_the_one_of_a_layout() {
    let sandbox = leaves();
    to_file(&sandbox, "one", "one.cnb", &["--single"]);
    composite(&sandbox, &["../one.cnb", "../two"], &TARGETS);
    let (_, layout) = package(&sandbox);
    let own = ["buildpack", "package", "comp.cnb", "--config", "comp/package.toml"];
    let run = sandbox.airpack(&[&own[..], &["--format", "file"]].concat());
    assert_eq!(run.ok().stdout, "comp-linux-amd64.cnb\ncomp-linux-arm64.cnb\n");
    for (file, expected) in run.stdout.lines().zip(&layout.image_index("1.0").children) {
        let image = CnbFile::open(sandbox.join(file)).flat_image();
        assert_eq!(image.manifest, expected.manifest, "{file}");
    }
}
