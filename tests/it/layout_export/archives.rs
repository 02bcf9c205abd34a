//! oci-archives and docker-archives, as other tools read them.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use super::{AMD64, export, image, image_of, layer, refused};
use crate::support::Sandbox;
use crate::support::images::{Parts, attestation, finish, layout, named};
use crate::support::layout_maker::{LayoutMaker, OCI_LAYER};
use crate::support::layout_view::{
    IMAGE_NAME, LayoutView, OCI_INDEX, OCI_MANIFEST, REF_NAME, array, read_tar, sha256, text,
};
use crate::support::skopeo::require_skopeo;
use crate::support::tar_maker::{Member, gzip};

/// The files of a tar.
fn files(tar: &[u8]) -> BTreeMap<String, u64> {
    let entries = read_tar(tar).into_iter().filter(|entry| entry.kind == "file");
    entries.map(|entry| (entry.name(), entry.size)).collect()
}

/// Unpacks an archive of the sandbox with `tar`.
#[track_caller]
fn untarred(sandbox: &Sandbox, archive: &str, folder: &str) -> std::path::PathBuf {
    let folder = sandbox.folder(folder);
    let mut tar = sandbox.command("tar");
    tar.args(["-xf", archive, "-C"]).arg(&folder);
    crate::support::Run::of(&mut tar).ok();
    folder
}

#[test]
fn an_oci_archive_has_the_whole_index_and_its_names() {
    let sandbox = Sandbox::new();
    let digest = layout(&sandbox.join("x.oci"), "registry.test/acme/x:1.0", "x");
    let run = export(&sandbox, &["--oci-archive", "x.tar"]);
    assert_eq!(run.ok().stdout, "x.tar\n");
    let layout = LayoutView::open(untarred(&sandbox, "x.tar", "out"));
    layout.check_whole();
    assert_eq!(layout.digest("1.0"), digest, "the same index");
    assert_eq!(
        layout.entry("1.0")["annotations"][IMAGE_NAME],
        "registry.test/acme/x:1.0"
    );
    assert_eq!(layout.image_index("1.0").platforms(), ["linux/amd64", "linux/arm64"]);
    // the same bytes each time
    let before = fs::read(sandbox.join("x.tar")).unwrap();
    export(&sandbox, &["--oci-archive", "x.tar"]).ok();
    assert_eq!(fs::read(sandbox.join("x.tar")).unwrap(), before);
}

#[test]
fn an_oci_archive_for_one_platform() {
    let sandbox = Sandbox::new();
    layout(&sandbox.join("x.oci"), "registry.test/acme/x:1.0", "x");
    export(&sandbox, &["--oci-archive", "x.tar", "--platform", "linux/arm64"]).ok();
    let layout = LayoutView::open(untarred(&sandbox, "x.tar", "out"));
    layout.check_whole();
    let entry = layout.entry("1.0");
    assert_eq!(entry["mediaType"], OCI_MANIFEST);
    assert_eq!(layout.image_at(entry).config["architecture"], "arm64");
    assert_eq!(layout.blob_names().len(), 4, "a manifest, a config, two layers");
}

#[test]
fn skopeo_reads_oci_archives() {
    let Some(skopeo) = require_skopeo() else { return };
    let sandbox = Sandbox::new();
    layout(&sandbox.join("x.oci"), "registry.test/acme/x:1.0", "x");
    export(&sandbox, &["--oci-archive", "all.tar"]).ok();
    skopeo.run(&sandbox, &["copy", "--all", "oci-archive:all.tar:1.0", "oci:all:1"]);
    let copied = LayoutView::open(sandbox.join("all"));
    assert_eq!(copied.image_index("1").platforms(), ["linux/amd64", "linux/arm64"]);
    export(&sandbox, &["--oci-archive", "one.tar", "--platform", "linux/arm64"]).ok();
    for name in ["oci-archive:one.tar", "oci-archive:one.tar:1.0"] {
        let said = skopeo.run(&sandbox, &["inspect", name]).stdout;
        assert!(said.contains("\"arm64\""), "{said}");
    }
}

/// Attestations come along with the whole index, and still say what they are about.
#[test]
fn an_index_of_docker_becomes_one_of_the_oci() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("x.oci"));
    let tar = layer(&[Member::file("file", "")]);
    let docker_layer = maker.blob("application/vnd.docker.image.rootfs.diff.tar.gzip", &gzip(&tar));
    let mut image = maker.image_of(
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.container.image.v1+json",
        "amd64",
        &[docker_layer],
        &[sha256(&tar)],
    );
    image["platform"] = json!({ "os": "linux", "architecture": "amd64" });
    let about = attestation(&maker, &image);
    let list = "application/vnd.docker.distribution.manifest.list.v2+json";
    let index = json!({ "schemaVersion": 2, "mediaType": list, "manifests": [image, about] });
    finish(&maker, &[named(maker.json(list, &index), "registry.test/x:1")]);
    export(&sandbox, &["--oci-archive", "x.tar"]).ok();
    let layout = LayoutView::open(untarred(&sandbox, "x.tar", "out"));
    let index = layout.json(layout.digest("1"));
    assert_eq!(index["mediaType"], OCI_INDEX);
    let [image, about] = array(&index, "manifests") else {
        panic!("{index:#}");
    };
    assert_eq!(image["mediaType"], OCI_MANIFEST);
    assert_eq!(about["annotations"]["vnd.docker.reference.digest"], image["digest"]);
    let parts = Parts::of(&layout, "1");
    assert_eq!(
        parts.manifests().len() + parts.blobs.len(),
        layout.blob_names().len(),
        "all is there, and no more"
    );
}

/// As `.cnb` files of others have them: manifests in `index.json`, with no index and no name.
#[test]
fn manifests_without_an_index_get_one() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("x.oci"));
    let of = |architecture: &str| {
        let mut image = image(
            &maker,
            architecture,
            &json!({}),
            &[layer(&[Member::file(architecture, "")])],
        );
        image.as_object_mut().unwrap().remove("platform");
        image
    };
    finish(&maker, &[of("amd64"), of("arm64")]);
    export(&sandbox, &["--oci-archive", "x.tar"]).ok();
    let layout = LayoutView::open(untarred(&sandbox, "x.tar", "out"));
    layout.check_whole();
    let [entry] = layout.entries() else {
        panic!("{:#}", layout.index_file())
    };
    assert!(entry["annotations"][REF_NAME].is_null());
    assert_eq!(layout.index_at(entry).platforms(), ["linux/amd64", "linux/arm64"]);
    export(&sandbox, &["--rootfs", "root", "--platform", "linux/arm64"]).ok();
    assert!(sandbox.join("root/arm64").is_file());
}

#[test]
fn a_docker_archive_has_plain_layers_named_by_their_diff_ids() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("x.oci"));
    let tars = [
        layer(&[Member::file("one", "1")]),
        layer(&[]),
        layer(&[Member::file("two", vec![7; 100_000])]),
        layer(&[]),
    ];
    let layers = [
        maker.blob(&format!("{OCI_LAYER}+gzip"), &gzip(&tars[0])),
        maker.blob(OCI_LAYER, &tars[1]),
        maker.blob(
            &format!("{OCI_LAYER}+zstd"),
            &zstd::encode_all(&tars[2][..], 3).unwrap(),
        ),
        maker.blob(&format!("{OCI_LAYER}+gzip"), &gzip(&tars[3])),
    ];
    let diff_ids: Vec<String> = tars.iter().map(|tar| sha256(tar)).collect();
    let image = image_of(&maker, "amd64", &json!({ "a": "b" }), &layers, &diff_ids);
    finish(&maker, &[named(image.clone(), "x:1")]);
    export(&sandbox, &["--docker-archive", "x.tar"]).ok();

    let archive = fs::read(sandbox.join("x.tar")).unwrap();
    let out = untarred(&sandbox, "x.tar", "out");
    let list: Value = serde_json::from_slice(&fs::read(out.join("manifest.json")).unwrap()).unwrap();
    let source = LayoutView::open(sandbox.join("x.oci"));
    let config = text(&source.json(text(&image, "digest"))["config"], "digest").to_owned();
    let hex = |digest: &str| digest.strip_prefix("sha256:").unwrap().to_owned();
    let names: Vec<String> = diff_ids.iter().map(|diff_id| format!("{}.tar", hex(diff_id))).collect();
    let expected = json!([{ "Config": format!("{}.json", hex(&config)), "RepoTags": [], "Layers": names }]);
    assert_eq!(list, expected, "a tag alone is no name for docker");
    for (name, tar) in names.iter().zip(&tars) {
        assert_eq!(fs::read(out.join(name)).unwrap(), *tar);
    }
    assert_eq!(
        fs::read(out.join(format!("{}.json", hex(&config)))).unwrap(),
        source.blob(&config)
    );
    let found = files(&archive);
    assert_eq!(found.len(), 5, "a layer that is there twice is written once: {found:?}");

    // airpack and skopeo read it
    sandbox.airpack(&["inspect", "x.tar"]).ok().stdout_has(&config);
    let Some(skopeo) = require_skopeo() else { return };
    skopeo.run(&sandbox, &["copy", "docker-archive:x.tar", "oci:back:1"]);
    let back = LayoutView::open(sandbox.join("back"));
    let view = back.image_at(back.entry("1"));
    let found: Vec<&str> = view.layers.iter().map(|layer| layer.diff_id.as_str()).collect();
    assert_eq!(found, diff_ids);
    assert_eq!(view.labels()["a"], "b");
}

#[test]
fn skopeo_reads_docker_archives_by_name() {
    let Some(skopeo) = require_skopeo() else { return };
    let sandbox = Sandbox::new();
    for (number, (name, found)) in [
        ("registry.test/acme/x:1.0", "registry.test/acme/x:1.0"),
        ("docker.io/library/x:1", "x:1"),
        ("docker.io/acme/x:1", "acme/x:1"),
    ]
    .into_iter()
    .enumerate()
    {
        let _ = fs::remove_dir_all(sandbox.join("x.oci"));
        layout(&sandbox.join("x.oci"), name, "x");
        let file = format!("{number}.tar");
        export(&sandbox, &["--docker-archive", &file, "--platform", AMD64]).ok();
        let said = skopeo.run(&sandbox, &["inspect", &format!("docker-archive:{file}:{found}")]);
        assert!(said.stdout.contains("amd64"), "{said}");
    }
}

#[test]
fn a_file_is_replaced_when_the_new_one_is_whole() {
    let sandbox = Sandbox::new();
    layout(&sandbox.join("x.oci"), "registry.test/acme/x:1.0", "x");
    for destination in ["--docker-archive", "--oci-archive"] {
        sandbox.write("out.tar", "before");
        refused(&sandbox, &[destination, "out.tar", "--platform", "linux/s390x"]);
        assert_eq!(fs::read(sandbox.join("out.tar")).unwrap(), b"before");
        export(&sandbox, &[destination, "out.tar", "--platform", AMD64]).ok();
        assert!(fs::read(sandbox.join("out.tar")).unwrap().len() > 1024);
    }
}
