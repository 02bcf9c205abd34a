//! Files are read by other tools, and go to a registry.

use std::fs;

use super::{one_file, sandbox, written};
use crate::support::Run;
use crate::support::cnb_file::CnbFile;
use crate::support::layout_view::{LayoutView, REF_NAME, sha256, text};
use crate::support::registry::DebianRegistry;
use crate::support::skopeo::require_skopeo;

#[test]
fn skopeo_reads_a_file_of_one_target_as_an_oci_archive() {
    let Some(skopeo) = require_skopeo() else { return };
    let sandbox = sandbox();
    for (file, architecture) in written(&sandbox, "x.cnb", &[]).iter().zip(["amd64", "arm64"]) {
        let cnb = CnbFile::open(sandbox.join(file));
        let image = cnb.flat_image();
        let digest = text(&image.descriptor, "digest");
        let place = format!("oci-archive:{file}");
        let raw = skopeo.run(&sandbox, &["inspect", "--raw", &place]);
        assert_eq!(raw.stdout.as_bytes(), cnb.layout.blob(digest), "{file}");
        let copied = format!("copied-{architecture}");
        skopeo.run(
            &sandbox,
            &["copy", "--preserve-digests", &place, &format!("dir:{copied}")],
        );
        let manifest = fs::read(sandbox.join(copied).join("manifest.json")).unwrap();
        assert_eq!(sha256(&manifest), digest, "{file}");
    }
}

#[test]
fn skopeo_reads_a_single_file_with_all_of_its_platforms() {
    let Some(skopeo) = require_skopeo() else { return };
    let sandbox = sandbox();
    let cnb = one_file(&sandbox, &["--single"]);
    let index = cnb.nested_index();
    let raw = skopeo.run(&sandbox, &["inspect", "--raw", "oci-archive:x.cnb"]);
    assert_eq!(
        raw.stdout.as_bytes(),
        cnb.layout.blob(text(&index.descriptor, "digest"))
    );
    let copy = [
        "copy",
        "--all",
        "--preserve-digests",
        "oci-archive:x.cnb",
        "oci:copied:1.0",
    ];
    skopeo.run(&sandbox, &copy);
    let copied = LayoutView::open(sandbox.join("copied"));
    assert_eq!(copied.digest("1.0"), text(&index.descriptor, "digest"));
    assert_eq!(copied.blob_names(), cnb.layout.blob_names());
}

#[test]
fn tar_unpacks_a_layout() {
    let sandbox = sandbox();
    one_file(&sandbox, &["--single"]);
    sandbox.folder("unpacked");
    let run = Run::of(sandbox.command("tar").args(["-C", "unpacked", "-xf", "x.cnb"]));
    run.ok();
    assert_eq!(run.stderr, "", "tar has something to say{run}");
    let layout = LayoutView::open(sandbox.join("unpacked"));
    layout.check_whole();
    assert_eq!(layout.index_at(&layout.entries()[0]).platforms().len(), 2);
    sandbox.airpack(&["inspect", "unpacked"]).ok().stdout_has("linux/arm64");
}

#[test]
fn no_entry_has_a_tag() {
    // it would be a name that nobody gave
    let sandbox = sandbox();
    for args in [&["--single"][..], &["-t", "linux/amd64"]] {
        let cnb = one_file(&sandbox, args);
        assert!(cnb.layout.entries()[0]["annotations"][REF_NAME].is_null());
    }
}

#[test]
fn a_registry_gets_the_images_as_they_are() {
    let Some(registry) = DebianRegistry::plain() else {
        return;
    };
    let sandbox = sandbox();
    let mut sources = written(&sandbox, "x.cnb", &[]);
    sources.extend(written(&sandbox, "single.cnb", &["--single"]));
    for source in &sources {
        let cnb = CnbFile::open(sandbox.join(source));
        let digest = text(&cnb.layout.entries()[0], "digest").to_owned();
        let name = format!("acme/{}", source.trim_end_matches(".cnb"));
        let run = sandbox.airpack(&["push", source, &registry.name(&format!("{name}:1"))]);
        assert_eq!(
            run.ok().stdout,
            format!("{}@{digest}\n", registry.name(&name)),
            "{source}"
        );
        assert_eq!(registry.digest(&name, "1"), digest, "{source}");
        for blob in cnb.layout.blob_names() {
            let blob = format!("sha256:{blob}");
            let is_manifest = registry.ask_manifest(&name, &blob).status == 200;
            assert!(is_manifest || registry.has_blob(&name, &blob), "{source}: no {blob}");
        }
    }
}

#[test]
fn what_was_pushed_comes_back_into_a_layout() {
    let Some(registry) = DebianRegistry::plain() else {
        return;
    };
    let sandbox = sandbox();
    let index = one_file(&sandbox, &["--single"]).nested_index();
    let digest = text(&index.descriptor, "digest");
    let name = registry.name("acme/x:1");
    sandbox.airpack(&["push", "x.cnb", &name]).ok();
    let run = sandbox.airpack(&["pull", &name, "--layout", "in.oci"]);
    assert_eq!(run.digest(), digest);
    let layout = LayoutView::open(sandbox.join("in.oci"));
    layout.check_whole();
    assert_eq!(layout.digest("1"), digest);
}
