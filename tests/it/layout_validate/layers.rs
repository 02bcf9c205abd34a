//! What is in layers, and what comes out of them.

use serde_json::json;

use super::{Sandbox, codes, report, sound};
use crate::support::images;
use crate::support::layout_maker::OCI_LAYER;
use crate::support::layout_view::{OCI_CONFIG, OCI_MANIFEST, sha256};
use crate::support::tar_maker::{FIFO, HARDLINK, Member, TarFormat, gzip, tar};

/// Checks a layout whose only image has this layer; gives severity and code of all findings, and the whole report as text.
fn findings(blob: &[u8], unpacked: &[u8], media_type: &str, code: i32) -> (Vec<String>, String) {
    let sandbox = Sandbox::new();
    let parts = sound(&sandbox);
    let layer = parts.maker.blob(media_type, blob);
    let diff_ids = [sha256(unpacked)];
    let mut image = parts
        .maker
        .image_of(OCI_MANIFEST, OCI_CONFIG, "amd64", &[layer], &diff_ids);
    image["platform"] = json!({"os": "linux", "architecture": "amd64"});
    let index = images::index_of(&parts.maker, &[image]);
    images::finish(&parts.maker, &[images::named(index, "registry.test/acme/x:1")]);
    let report = report(&sandbox, "x.oci:1", code);
    (codes(&report), report.to_string())
}

fn of_members(members: &[Member], code: i32) -> (Vec<String>, String) {
    let tar = tar(TarFormat::Ustar, members);
    findings(&tar, &tar, OCI_LAYER, code)
}

#[test]
fn paths_that_lead_out() {
    for path in ["../x", "a/../../x", "/../x"] {
        let (codes, text) = of_members(&[Member::file(path, "x")], 3);
        assert_eq!(codes, ["error tar-path"], "{text}");
        assert!(text.contains(path), "{text}");
    }
    let mut link = Member::new("a", HARDLINK);
    link.target = "../../etc/passwd".to_owned();
    let (codes, text) = of_members(&[link], 3);
    assert_eq!(codes, ["error tar-path"], "{text}");
}

#[test]
fn what_pack_and_base_images_have_is_no_fault() {
    let members = [
        Member::folder("/cnb"),
        Member::file("/cnb/x", "x"),
        Member::symlink("link", "../../outside/of/its/folder"),
        Member::file(".wh.gone", ""),
        Member::new("pipe", FIFO),
    ];
    let (codes, text) = of_members(&members, 0);
    assert!(codes.is_empty(), "{text}");
}

#[test]
fn a_path_that_is_there_twice() {
    let members = [Member::file("a", "1"), Member::file("b", "1"), Member::file("./a", "2")];
    let (codes, text) = of_members(&members, 0);
    assert_eq!(codes, ["warning tar-duplicate"], "{text}");
    let many: Vec<Member> = (0..40).map(|at| Member::file(&format!("f{}", at % 20), "x")).collect();
    let (codes, text) = of_members(&many, 0);
    // the first few, and how many more
    assert_eq!(codes.len(), 6, "{text}");
    assert!(text.contains("15 more"), "{text}");
}

#[test]
fn layers_that_can_not_be_unpacked() {
    let good = tar(TarFormat::Ustar, &[Member::file("a", "text")]);
    let gz = "application/vnd.oci.image.layer.v1.tar+gzip";
    let cut = &gzip(&good)[..30];
    let (codes, text) = findings(cut, &good, gz, 3);
    assert!(codes.contains(&"error layer".to_owned()), "{text}");
    let (codes, text) = findings(b"no archive at all", b"no archive at all", OCI_LAYER, 3);
    assert!(codes.contains(&"error layer".to_owned()), "{text}");
    let cut = &good[..700];
    let (codes, text) = findings(cut, cut, OCI_LAYER, 3);
    assert_eq!(codes, ["error layer"], "{text}");
}

#[test]
fn a_layer_that_grows_without_end() {
    // 600 MB of zeros behind a tar that has ended
    let good = tar(TarFormat::Ustar, &[Member::file("a", "text")]);
    let mut bomb = gzip(&good);
    let piece = gzip(&vec![0; 30 << 20]);
    for _ in 0..20 {
        bomb.extend(&piece);
    }
    let (codes, text) = findings(&bomb, &good, "application/vnd.oci.image.layer.v1.tar+gzip", 3);
    assert_eq!(codes, ["error layer"], "{text}");
    assert!(text.contains("bomb"), "{text}");
}

#[test]
fn compressed_layers_are_compared_with_their_diff_ids() {
    let good = tar(TarFormat::Ustar, &[Member::file("a", "text")]);
    let gz = "application/vnd.oci.image.layer.v1.tar+gzip";
    let (codes, text) = findings(&gzip(&good), &good, gz, 0);
    assert!(codes.is_empty(), "{text}");
    let (codes, text) = findings(&gzip(&good), b"other", gz, 3);
    assert_eq!(codes, ["error diff-id"], "{text}");
    // an uncompressed one, too
    let (codes, text) = findings(&good, b"other", OCI_LAYER, 3);
    assert_eq!(codes, ["error diff-id"], "{text}");
}
