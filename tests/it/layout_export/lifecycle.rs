//! The tree of layouts that `lifecycle -layout` reads.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{AMD64, export, image, image_of, layer, layout_of, refused};
use crate::support::images::{finish, index_of, layout, named};
use crate::support::layout_maker::{LayoutMaker, OCI_LAYER};
use crate::support::layout_view::{IMAGE_NAME, LayoutView, OCI_CONFIG, OCI_MANIFEST, TarEntry, array, sha256, text};
use crate::support::refused::hints;
use crate::support::skopeo::require_skopeo;
use crate::support::snapshot::Snapshot;
use crate::support::tar_maker::{Member, gzip};
use crate::support::tools::{require_root, require_tool};
use crate::support::{Run, Sandbox};

const METADATA: &str = "io.buildpacks.builder.metadata";

/// A layout `x.oci` with a builder for two platforms that says this of itself.
fn builder(sandbox: &Sandbox, metadata: &Value) {
    let maker = LayoutMaker::new(&sandbox.join("x.oci"));
    let index = builder_index(&maker, metadata);
    finish(&maker, &[named(index, "registry.test/builder:1")]);
}

fn builder_index(maker: &LayoutMaker, metadata: &Value) -> Value {
    let labels = json!({ METADATA: metadata.to_string() });
    let children: Vec<Value> = ["amd64", "arm64"]
        .iter()
        .map(|architecture| image(maker, architecture, &labels, &[layer(&[Member::folder("/cnb")])]))
        .collect();
    index_of(maker, &children)
}

fn metadata(images: &[(&str, &[&str])]) -> Value {
    let images: Vec<Value> = images
        .iter()
        .map(|(image, mirrors)| json!({ "image": image, "mirrors": mirrors }))
        .collect();
    json!({ "description": "", "images": images })
}

/// The one image in a layout of the tree; nothing else may be there.
#[track_caller]
fn only_image(folder: &Path) -> (Value, Value) {
    let layout = LayoutView::open(folder);
    layout.check_whole();
    let [entry] = layout.entries() else {
        panic!("one entry in {:#}", layout.index_file());
    };
    assert_eq!(entry["mediaType"], OCI_MANIFEST, "no nested index");
    let view = layout.image_at(entry);
    assert_eq!(view.manifest["config"]["mediaType"], OCI_CONFIG);
    (entry.clone(), view.config)
}

/// The names in all layers of the one image of a layout.
fn names_in(folder: &Path) -> Vec<String> {
    let layout = LayoutView::open(folder);
    let image = layout.image_at(&layout.entries()[0]);
    let entries = image.layers.iter().flat_map(|layer| &layer.entries);
    entries.map(TarEntry::name).collect()
}

#[test]
fn run_images_are_where_the_lifecycle_looks() {
    let sandbox = Sandbox::new();
    let digest = layout(&sandbox.join("digest.oci"), "registry.test/by/digest:1", "digest");
    let by_digest = format!("registry.test/by/digest@{digest}");
    builder(
        &sandbox,
        &metadata(&[
            ("run:noble", &["localhost:5000/mirror/run", "acme/run:noble"]),
            (&by_digest, &[]),
        ]),
    );
    layout(&sandbox.join("base.oci"), "docker.io/library/run:noble", "run");
    layout(&sandbox.join("other.oci"), "some.test/thing:1", "mirror");
    let args = [
        "--lifecycle-tree",
        "repo",
        "--platform",
        "linux/arm64",
        "--from",
        "base.oci",
        "--from",
        "digest.oci",
        "--from",
        "acme/run:noble=other.oci",
    ];
    let run = export(&sandbox, &args);
    run.ok();
    let hex = digest.replace(':', "/");
    let expected = [
        "repo/index.docker.io/acme/run/noble".to_owned(),
        "repo/index.docker.io/library/run/noble".to_owned(),
        "repo/localhost:5000/mirror/run/latest".to_owned(),
        format!("repo/registry.test/by/digest/{hex}"),
    ];
    assert_eq!(run.stdout.lines().collect::<Vec<_>>(), expected, "{run}");
    let seeds = ["mirror", "run", "run", "digest"];
    for (path, seed) in expected.iter().zip(seeds) {
        let (entry, config) = only_image(&sandbox.join(path));
        assert_eq!(config["architecture"], "arm64", "{path}");
        assert!(entry["annotations"][IMAGE_NAME].is_string(), "{entry:#}");
        let files = names_in(&sandbox.join(path));
        assert!(files.iter().any(|file| file.contains(seed)), "{path}: {files:?}");
    }
}

/// Two tools that read no image behind an index read these.
#[test]
fn skopeo_and_umoci_read_them() {
    let (Some(skopeo), Some(umoci)) = (require_skopeo(), require_tool("umoci")) else {
        return;
    };
    let sandbox = Sandbox::new();
    builder(&sandbox, &metadata(&[("registry.test/run:1", &[])]));
    layout(&sandbox.join("base.oci"), "registry.test/run:1", "run");
    let args = ["--lifecycle-tree", "repo", "--platform", AMD64, "--from", "base.oci"];
    export(&sandbox, &args).ok();
    skopeo.run(&sandbox, &["inspect", "oci:repo/registry.test/run/1:1"]);
    skopeo.run(&sandbox, &["inspect", "oci:repo/registry.test/run/1"]);
    skopeo.run(&sandbox, &["copy", "oci:repo/registry.test/run/1", "dir:copy"]);
    if require_root() {
        umoci
            .run(&sandbox, &["unpack", "--image", "repo/registry.test/run/1:1", "bundle"])
            .ok();
        assert!(sandbox.join("bundle/rootfs/run").is_file());
    }
}

/// Also where the label says them only in its old form.
#[test]
fn run_images_are_found_in_the_builders_own_layout() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("x.oci"));
    let metadata = json!({ "stack": { "runImage": { "image": "registry.test/run:1", "mirrors": null } } });
    let builder = named(builder_index(&maker, &metadata), "registry.test/builder:2");
    let run_image = named(crate::support::images::index(&maker, "run"), "registry.test/run:1");
    finish(&maker, &[builder, run_image]);
    let to = ["--lifecycle-tree", "repo", "--platform", AMD64];
    let run = sandbox.airpack(&[&["layout", "export", "x.oci:2"], &to[..]].concat());
    assert_eq!(run.ok().stdout, "repo/registry.test/run/1\n");
    // and from an archive of all that
    let members = crate::support::tar_maker::members_of(&sandbox.join("x.oci"), "");
    sandbox.write("x.tar", layer(&members));
    let to = ["--lifecycle-tree", "from-archive", "--platform", AMD64];
    let run = sandbox.airpack(&[&["layout", "export", "x.tar:2"], &to[..]].concat());
    assert_eq!(run.ok().stdout, "from-archive/registry.test/run/1\n");
}

#[test]
fn a_run_image_that_is_not_found_is_an_error_unless_a_mirror_is() {
    let sandbox = Sandbox::new();
    builder(
        &sandbox,
        &metadata(&[
            ("registry.test/run:1", &["mirror.test/run:1"]),
            ("registry.test/none:1", &["mirror.test/none:1"]),
            ("registry.test/none:2", &[]),
        ]),
    );
    layout(&sandbox.join("base.oci"), "mirror.test/run:1", "run");
    let to = ["--lifecycle-tree", "repo", "--platform", AMD64, "--from", "base.oci"];
    let run = refused(&sandbox, &to);
    for name in ["registry.test/none:1", "registry.test/none:2"] {
        run.stderr_has(&format!("no image `{name}`"));
    }
    run.stderr_lacks("no image `registry.test/run:1`");
    hints(&run, "airpack pull registry.test/none:1");
    let bound = [
        "--from",
        "mirror.test/none:1=base.oci",
        "--from",
        "registry.test/none:2=base.oci:1",
    ];
    let run = export(&sandbox, &[&to[..], &bound].concat());
    run.ok();
    assert_eq!(run.stdout.lines().count(), 5, "{run}");
    let of = |path: &str| only_image(&sandbox.join("repo").join(path)).0["digest"].clone();
    assert_eq!(of("registry.test/run/1"), of("mirror.test/run/1"));
}

#[test]
fn a_run_image_without_the_platform() {
    let sandbox = Sandbox::new();
    builder(&sandbox, &metadata(&[("registry.test/run:1", &[])]));
    layout_of(&sandbox.join("base.oci"), "registry.test/run:1", &[layer(&[])]);
    let to = [
        "--lifecycle-tree",
        "repo",
        "--platform",
        "linux/arm64",
        "--from",
        "base.oci",
    ];
    let run = refused(&sandbox, &to);
    run.stderr_has("registry.test/run:1")
        .stderr_has("no image for linux/arm64");
    hints(&run, "linux/amd64");
}

/// The builder's image is for a version of a distribution; a run image that says one has to say this one.
#[test]
fn the_version_of_the_distribution_counts_where_the_run_image_says_one() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("x.oci"));
    let metadata = metadata(&[("registry.test/run:1", &[]), ("registry.test/plain:1", &[])]);
    let labels = json!({ METADATA: metadata.to_string() });
    let mut of_version = image(&maker, "amd64", &labels, &[]);
    of_version["platform"]["os.version"] = "24.04".into();
    let runs = ["22.04", "24.04"].map(|version| {
        let mut one = image(&maker, "amd64", &json!({}), &[layer(&[Member::file(version, "")])]);
        one["platform"]["os.version"] = version.into();
        one
    });
    let plain = image(&maker, "amd64", &json!({}), &[layer(&[Member::file("plain", "")])]);
    let entries = [
        named(index_of(&maker, &[of_version]), "registry.test/builder:b"),
        named(index_of(&maker, &runs), "registry.test/run:1"),
        named(index_of(&maker, &[plain]), "registry.test/plain:1"),
    ];
    finish(&maker, &entries);
    let to = ["--lifecycle-tree", "repo", "--platform", AMD64];
    sandbox
        .airpack(&[&["layout", "export", "x.oci:b"], &to[..]].concat())
        .ok();
    for (path, file) in [("run/1", "24.04"), ("plain/1", "plain")] {
        assert_eq!(
            names_in(&sandbox.join("repo/registry.test").join(path)),
            [file],
            "{path}"
        );
    }
}

#[test]
fn what_is_no_builder_is_written_itself() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("x.oci"));
    let entries = [
        named(crate::support::images::index(&maker, "a"), "registry.test/a:1"),
        named(crate::support::images::index(&maker, "b"), "registry.test/b/c:2"),
    ];
    finish(&maker, &entries);
    let to = ["--lifecycle-tree", "repo", "--platform", AMD64];
    let run = export(&sandbox, &to);
    assert_eq!(run.ok().stdout, "repo/registry.test/a/1\nrepo/registry.test/b/c/2\n");
    let one = [
        "layout",
        "export",
        "x.oci:2",
        "--lifecycle-tree",
        "one",
        "--platform",
        AMD64,
    ];
    assert_eq!(sandbox.airpack(&one).ok().stdout, "one/registry.test/b/c/2\n");

    finish(
        &maker,
        &[named(crate::support::images::index(&maker, "a"), "only-a-tag")],
    );
    refused(&sandbox, &["--lifecycle-tree", "none", "--platform", AMD64]).stderr_has("no full name");
}

#[test]
fn labels_that_say_nothing() {
    for (metadata, said) in [
        (json!({}), "names no run image"),
        (json!({ "images": [] }), "names no run image"),
        (json!("text"), METADATA),
        (json!({ "images": [{ "image": "../../../etc/x" }] }), "../../../etc/x"),
        (
            json!({ "images": [{ "image": "registry.test/../x:1" }] }),
            "registry.test/../x",
        ),
        (json!({ "images": [{ "image": "" }] }), "run image ``"),
    ] {
        let sandbox = Sandbox::new();
        builder(&sandbox, &metadata);
        refused(&sandbox, &["--lifecycle-tree", "repo", "--platform", AMD64]).stderr_has(said);
    }
}

#[test]
fn an_entry_is_replaced_and_all_else_stays() {
    let sandbox = Sandbox::new();
    let to = ["--lifecycle-tree", "repo"];
    layout_of(
        &sandbox.join("x.oci"),
        "registry.test/run:1",
        &[layer(&[Member::file("old", "")])],
    );
    export(&sandbox, &to).ok();
    let path = sandbox.join("repo/registry.test/run/1");
    let old = only_image(&path);
    sandbox.write("repo/registry.test/run/2/mine", "mine");
    sandbox.write("repo/note", "mine");
    let mine = Snapshot::content_of(sandbox.join("repo/registry.test/run/2"));

    export(&sandbox, &to).ok();
    assert_eq!(only_image(&path), old, "again");
    fs::remove_dir_all(sandbox.join("x.oci")).unwrap();
    layout_of(
        &sandbox.join("x.oci"),
        "registry.test/run:1",
        &[layer(&[Member::file("new", "")])],
    );
    export(&sandbox, &to).ok();
    assert_ne!(only_image(&path), old, "only what is new, and no blob of the old one");
    mine.assert_unchanged("an entry was replaced");
    assert_eq!(fs::read(sandbox.join("repo/note")).unwrap(), b"mine");

    // what is no layout is not replaced
    layout_of(&sandbox.join("y.oci"), "registry.test/run:2", &[layer(&[])]);
    sandbox
        .airpack(&["layout", "export", "y.oci", "--lifecycle-tree", "repo"])
        .failed(1)
        .stderr_has("run/2");
    mine.assert_unchanged("an export failed");
}

#[test]
fn what_docker_has_made_is_of_the_oci_then() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("x.oci"));
    let tars = [
        layer(&[Member::file("zipped", "")]),
        layer(&[Member::file("plain", "")]),
    ];
    let docker = "application/vnd.docker.image.rootfs.diff.tar";
    let layers = [
        maker.blob(&format!("{docker}.gzip"), &gzip(&tars[0])),
        maker.blob(docker, &tars[1]),
    ];
    let diff_ids = tars.iter().map(|tar| sha256(tar)).collect::<Vec<_>>();
    let mut image = maker.image_of(
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.container.image.v1+json",
        "amd64",
        &layers,
        &diff_ids,
    );
    image["platform"] = json!({ "os": "linux", "architecture": "amd64" });
    let list = "application/vnd.docker.distribution.manifest.list.v2+json";
    let index = json!({ "schemaVersion": 2, "mediaType": list, "manifests": [image] });
    finish(&maker, &[named(maker.json(list, &index), "registry.test/run:1")]);
    let run = export(&sandbox, &["--lifecycle-tree", "repo", "--json"]);
    run.ok();
    let path = sandbox.join("repo/registry.test/run/1");
    let (entry, _) = only_image(&path);
    let layout = LayoutView::open(&path);
    let manifest = layout.json(text(&entry, "digest"));
    assert_eq!(manifest["mediaType"], OCI_MANIFEST);
    let types: Vec<&str> = array(&manifest, "layers")
        .iter()
        .map(|layer| text(layer, "mediaType"))
        .collect();
    assert_eq!(types, [&format!("{OCI_LAYER}+gzip"), OCI_LAYER]);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        report["written"][0]["digest"], entry["digest"],
        "that of what was written"
    );
}

/// Blobs that are not what their digests say, and layers that are not what the config says.
#[test]
fn damaged_images_are_refused() {
    let check = |spoil: &dyn Fn(&LayoutMaker, &Path) -> Value, said: &str| {
        let sandbox = Sandbox::new();
        let folder = sandbox.join("x.oci");
        let maker = LayoutMaker::new(&folder);
        let image = spoil(&maker, &folder);
        finish(&maker, &[named(image, "registry.test/run:1")]);
        for destination in ["--lifecycle-tree", "--rootfs", "--docker-archive", "--oci-archive"] {
            let run: Run = refused(&sandbox, &[destination, "out"]);
            run.stderr_has(said);
        }
    };
    let tar = layer(&[Member::file("file", "some text\n")]);
    let sound = |maker: &LayoutMaker| image(maker, "amd64", &json!({}), std::slice::from_ref(&tar));
    let path_of = |folder: &Path, bytes: &[u8]| folder.join("blobs").join(sha256(bytes).replace(':', "/"));
    let zipped = gzip(&tar);
    check(
        &|maker, folder| {
            let image = sound(maker);
            let mut other = zipped.clone();
            *other.last_mut().unwrap() ^= 1;
            fs::write(path_of(folder, &zipped), other).unwrap();
            image
        },
        &sha256(&zipped),
    );
    check(
        &|maker, folder| {
            let image = sound(maker);
            fs::remove_file(path_of(folder, &zipped)).unwrap();
            image
        },
        "is missing",
    );
    check(
        &|maker, _| {
            let blob = maker.blob(OCI_LAYER, &tar);
            image_of(maker, "amd64", &json!({}), &[blob], &[sha256(b"other")])
        },
        &sha256(b"other"),
    );
    check(
        &|maker, _| {
            let mut image = sound(maker);
            image["platform"]["architecture"] = "arm64".into();
            crate::support::images::index_of(maker, &[image])
        },
        "its config says linux/amd64",
    );
}
