//! Other tools read what this one writes, and it adds to what they wrote.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::big_tree::{BIG_TREE, write_members};
use crate::support::layout_view::{
    IMAGE_NAME, LayoutView, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, REF_NAME, array, sha256, text,
};
use crate::support::skopeo::require_skopeo;
use crate::support::tar_maker::{Member, TarFormat, gzip, tar};
use crate::support::test_tree::is_root;
use crate::support::tools::require_tool;
use crate::support::{Run, Sandbox, simple_buildpack};

const COMPRESSIONS: [&str; 3] = ["gzip", "zstd", "none"];

/// Packages the folder `bp` as `registry.test/acme/hello:TAG`.
fn package(sandbox: &Sandbox, tag: &str, layout: &str, more: &[&str]) -> Run {
    let reference = format!("registry.test/acme/hello:{tag}");
    let args = ["buildpack", "package", &reference, "--path", "bp", "--layout", layout];
    sandbox.airpack(&[&args, more].concat())
}

/// A sandbox with a small buildpack for three platforms in `bp`.
fn hello() -> Sandbox {
    let sandbox = Sandbox::new();
    let targets = ["linux/amd64", "linux/arm64", "linux/arm/v7"];
    simple_buildpack(&sandbox, "bp", "acme/hello", &targets);
    sandbox
}

/// As [`hello`], already in the layout `out` with the tag 1.0, and its digest.
fn packaged_hello() -> (Sandbox, String) {
    let sandbox = hello();
    let digest = package(&sandbox, "1.0", "out", &[]).digest().to_owned();
    (sandbox, digest)
}

#[test]
fn skopeo_reads_the_index_byte_for_byte() {
    let Some(skopeo) = require_skopeo() else { return };
    let (sandbox, digest) = packaged_hello();
    let blob = LayoutView::open(sandbox.join("out")).blob(&digest);
    for image in ["oci:out:1.0", "oci:out"] {
        let raw = skopeo.run(&sandbox, &["inspect", "--raw", image]);
        assert_eq!(raw.stdout.as_bytes(), blob, "{image}");
        assert_eq!(sha256(raw.stdout.as_bytes()), digest, "{image}");
    }
}

#[test]
fn skopeo_finds_the_config_of_each_platform() {
    let Some(skopeo) = require_skopeo() else { return };
    let (sandbox, _) = packaged_hello();
    let image_index = LayoutView::open(sandbox.join("out")).image_index("1.0");
    for (platform, choice) in [
        ("linux/amd64", ["--override-arch=amd64", "--override-os=linux"]),
        ("linux/arm64", ["--override-arch=arm64", "--override-os=linux"]),
        ("linux/arm/v7", ["--override-arch=arm", "--override-variant=v7"]),
    ] {
        let config = &image_index.child(platform).config;
        let inspect = ["inspect", "--config", "oci:out:1.0"];
        let run = skopeo.run(&sandbox, &[&choice[..], &inspect].concat());
        let found: Value = serde_json::from_str(&run.stdout).unwrap();
        for field in ["os", "architecture", "created", "rootfs", "history", "config"] {
            assert_eq!(found[field], config[field], "{field} of {platform}");
        }
        let run = skopeo.run(&sandbox, &[&choice[..], &inspect, &["--raw"]].concat());
        assert_eq!(
            serde_json::from_str::<Value>(&run.stdout).unwrap(),
            *config,
            "{platform}"
        );
    }
}

#[test]
fn skopeo_copies_all_platforms_to_a_folder_with_their_digests() {
    let Some(skopeo) = require_skopeo() else { return };
    for compression in COMPRESSIONS {
        let sandbox = hello();
        let run = package(&sandbox, "1.0", "out", &["--compression", compression]);
        skopeo.run(&sandbox, &["copy", "--all", "oci:out:1.0", "dir:copied"]);
        let index = fs::read(sandbox.join("copied/manifest.json")).unwrap();
        assert_eq!(sha256(&index), run.digest(), "{compression}");
        let layout = LayoutView::open(sandbox.join("out"));
        let children = layout.image_index("1.0").children;
        let manifests: BTreeSet<_> = children
            .iter()
            .map(|child| text(&child.descriptor, "digest").to_owned())
            .collect();
        for name in layout.blob_names() {
            let digest = format!("sha256:{name}");
            let file = match &digest {
                digest if digest == run.digest() => continue,
                digest if manifests.contains(digest) => format!("{name}.manifest.json"),
                _ => name,
            };
            let copied = fs::read(sandbox.join("copied").join(&file)).unwrap();
            assert_eq!(sha256(&copied), digest, "{file} with {compression}");
        }
    }
}

#[test]
fn skopeo_copies_all_platforms_to_another_layout_unchanged() {
    // without the flag it compresses what is not, which is no fault
    let Some(skopeo) = require_skopeo() else { return };
    for compression in COMPRESSIONS {
        let sandbox = hello();
        let run = package(&sandbox, "1.0", "out", &["--compression", compression]);
        skopeo.run(
            &sandbox,
            &["copy", "--all", "--preserve-digests", "oci:out:1.0", "oci:copied:1.0"],
        );
        let (layout, copied) = (
            LayoutView::open(sandbox.join("out")),
            LayoutView::open(sandbox.join("copied")),
        );
        assert_eq!(copied.digest("1.0"), run.digest(), "{compression}");
        assert_eq!(copied.blob_names(), layout.blob_names(), "{compression}");
    }
}

#[test]
fn skopeo_picks_a_tag_among_several() {
    let Some(skopeo) = require_skopeo() else { return };
    let (sandbox, first) = packaged_hello();
    sandbox.write("bp/more", "more\n");
    let second = package(&sandbox, "2.0", "out", &["--tag", "registry.test/acme/hello:latest"]);
    assert_ne!(second.digest(), first);
    for (tag, digest) in [
        ("1.0", first.as_str()),
        ("2.0", second.digest()),
        ("latest", second.digest()),
    ] {
        let raw = skopeo.run(&sandbox, &["inspect", "--raw", &format!("oci:out:{tag}")]);
        assert_eq!(sha256(raw.stdout.as_bytes()), digest, "{tag}");
    }
}

#[test]
fn umoci_lists_the_tags() {
    let Some(umoci) = require_tool("umoci") else { return };
    let (sandbox, _) = packaged_hello();
    package(&sandbox, "2.0", "out", &[]).ok();
    let run = umoci.run(&sandbox, &["ls", "--layout", "out"]);
    run.ok();
    let tags: BTreeSet<_> = run.stdout.lines().collect();
    assert_eq!(tags, BTreeSet::from(["1.0", "2.0"]));
}

/// Every file, folder and link below a folder: its mode and its content or where it leads.
fn tree(root: &Path) -> Vec<(String, u32, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            let mode = metadata.permissions().mode() & 0o7777;
            if metadata.is_symlink() {
                let target = fs::read_link(&path).unwrap().into_os_string();
                found.push((name, 0, target.into_encoded_bytes()));
            } else if metadata.is_dir() {
                found.push((name, mode, Vec::new()));
                folders.push(path);
            } else {
                found.push((name, mode, fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn umoci_unpacks_the_files_of_the_source_folder() {
    let (Some(skopeo), Some(umoci)) = (require_skopeo(), require_tool("umoci")) else {
        return;
    };
    let sandbox = Sandbox::new();
    write_members(&sandbox.folder("bp"), BIG_TREE.iter());
    let folder = Path::new("bp/linux/arm64");
    sandbox.write(folder.join("names/é 日本 \\ ' \""), "odd\n");
    sandbox.write(folder.join("names").join("n".repeat(150)), "long\n");
    sandbox.write(folder.join("d".repeat(90)).join("e".repeat(90)).join("f"), "deep\n");
    sandbox.folder(folder.join("empty"));
    sandbox.write(folder.join("hard/one"), "linked\n");
    fs::hard_link(
        sandbox.join(folder).join("hard/one"),
        sandbox.join(folder).join("hard/two"),
    )
    .unwrap();
    sandbox.symlink(folder.join("to-names"), "names");
    package(&sandbox, "1.0", "out", &[]).ok();
    let one = ["--override-arch=arm64", "copy", "oci:out:1.0", "oci:flat:1.0"];
    skopeo.run(&sandbox, &one);
    let layout = LayoutView::open(sandbox.join("flat"));
    assert_eq!(layout.entry("1.0")["mediaType"], OCI_MANIFEST);
    let rootless: &[&str] = if is_root() { &[] } else { &["--rootless"] };
    let unpack = [&["unpack", "--image", "flat:1.0"], rootless, &["bundle"]].concat();
    umoci.run(&sandbox, &unpack).ok();
    let mut expected = tree(&sandbox.join(folder));
    let toml = fs::read(sandbox.join("bp/buildpack.toml")).unwrap();
    expected.push(("buildpack.toml".to_owned(), 0o644, toml));
    expected.sort();
    let found = tree(&sandbox.join("bundle/rootfs/cnb/buildpacks/acme_big/1.0.0"));
    let names = |tree: &[(String, u32, Vec<u8>)]| -> Vec<(String, u32)> {
        tree.iter().map(|(name, mode, _)| (name.clone(), *mode)).collect()
    };
    assert_eq!(names(&found), names(&expected));
    assert!(found == expected, "the content of a file differs");
}

#[test]
fn adds_to_a_layout_that_skopeo_wrote() {
    let Some(skopeo) = require_skopeo() else { return };
    let (sandbox, first) = packaged_hello();
    skopeo.run(&sandbox, &["copy", "--all", "oci:out:1.0", "oci:theirs:all"]);
    skopeo.run(
        &sandbox,
        &["--override-arch=arm64", "copy", "oci:out:1.0", "oci:theirs:one"],
    );
    let theirs = LayoutView::open(sandbox.join("theirs"));
    assert!(
        theirs.index_file()["mediaType"].is_null(),
        "skopeo has learned to write a media type"
    );
    sandbox.write("bp/more", "more\n");
    let second = package(&sandbox, "1.0", "theirs", &[]);
    let both = LayoutView::open(sandbox.join("theirs"));
    for tag in ["all", "one"] {
        assert_eq!(both.entry(tag), theirs.entry(tag));
    }
    assert_eq!(both.entries().len(), 3);
    both.check_whole();
    for (tag, digest) in [("all", first.as_str()), ("1.0", second.digest())] {
        let raw = skopeo.run(&sandbox, &["inspect", "--raw", &format!("oci:theirs:{tag}")]);
        assert_eq!(sha256(raw.stdout.as_bytes()), digest, "{tag}");
    }
    skopeo.run(&sandbox, &["inspect", "--raw", "oci:theirs:one"]);
}

#[test]
fn replaces_a_tag_that_skopeo_wrote() {
    let Some(skopeo) = require_skopeo() else { return };
    let (sandbox, _) = packaged_hello();
    skopeo.run(&sandbox, &["copy", "--all", "oci:out:1.0", "oci:theirs:1.0"]);
    sandbox.write("bp/more", "more\n");
    let run = package(&sandbox, "1.0", "theirs", &[]);
    let theirs = LayoutView::open(sandbox.join("theirs"));
    assert_eq!(theirs.entries().len(), 1);
    assert_eq!(theirs.digest("1.0"), run.digest());
    assert_eq!(
        theirs.entry("1.0")["annotations"][IMAGE_NAME],
        "registry.test/acme/hello:1.0"
    );
    theirs.check_whole_with_leftovers();
}

#[test]
fn skopeo_adds_to_a_layout_that_was_written_here() {
    let Some(skopeo) = require_skopeo() else { return };
    let (sandbox, first) = packaged_hello();
    skopeo.run(
        &sandbox,
        &["--override-arch=arm64", "copy", "oci:out:1.0", "oci:one:one"],
    );
    skopeo.run(&sandbox, &["copy", "oci:one:one", "oci:out:added"]);
    let third = package(&sandbox, "3.0", "out", &[]);
    assert_eq!(third.digest(), first);
    let layout = LayoutView::open(sandbox.join("out"));
    let tags: BTreeSet<_> = layout.tags().into_iter().collect();
    assert_eq!(tags, BTreeSet::from(["1.0", "3.0", "added"]));
    layout.check_whole();
}

/// A layout as others write it: full names as tags, Docker media types, untagged entries, a referrer, an attestation
/// and fields that no specification knows.
fn foreign_layout(sandbox: &Sandbox, folder: &str) -> Value {
    let store = |media_type: &str, bytes: &[u8]| -> Value {
        let digest = sha256(bytes);
        sandbox.write(format!("{folder}/blobs/{}", digest.replace(':', "/")), bytes);
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    };
    let image = |kinds: [&str; 3], more: Value| -> Value {
        let layer = tar(TarFormat::Gnu, &[Member::file("etc/foreign", "foreign\n")]);
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": {"Healthcheck": {"Test": ["NONE"]}, "ArgsEscaped": true},
            "rootfs": {"type": "layers", "diff_ids": [sha256(&layer)]},
        });
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": kinds[0],
            "config": store(kinds[1], config.to_string().as_bytes()),
            "layers": [store(kinds[2], &gzip(&layer))],
        });
        manifest
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        store(kinds[0], format!("{manifest:#}\n").as_bytes())
    };
    let oci = [OCI_MANIFEST, OCI_CONFIG, "application/vnd.oci.image.layer.v1.tar+gzip"];
    let docker = [
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.container.image.v1+json",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
    ];
    let with = |mut descriptor: Value, fields: Value| -> Value {
        descriptor
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        descriptor
    };
    let plain = image(oci, json!({}));
    let list = json!({
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [
            with(plain.clone(), json!({"platform": {"os": "linux", "architecture": "amd64"}})),
            with(
                image(oci, json!({"annotations": {"in-toto.io/predicate-type": "x"}})),
                json!({
                    "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
                    "x-unknown": {"z": [1, 2.5, null], "a": "<&>\u{2028}é"},
                }),
            ),
        ],
    });
    let index_file = json!({
        "schemaVersion": 2,
        "manifests": [
            with(plain.clone(), json!({"annotations": {REF_NAME: "registry.test/other/thing:9"}})),
            with(
                image(docker, json!({})),
                json!({"annotations": {REF_NAME: "docker", "created": "2026-01-01T00:00:00Z"}}),
            ),
            image(oci, json!({"annotations": {"untagged": "yes"}})),
            with(
                image(oci, json!({"subject": plain, "artifactType": "application/x-thing"})),
                json!({"artifactType": "application/x-thing", "x-unknown": [18_446_744_073_709_551_615_u64]}),
            ),
            with(
                store(OCI_INDEX, list.to_string().as_bytes()),
                json!({"annotations": {REF_NAME: "listed"}, "urls": ["https://registry.test/x"]}),
            ),
        ],
        "annotations": {"of": "the whole", "x": "<&>"},
        "x-unknown": {"b": 1, "a": {"deep": [true, 0.5]}},
    });
    sandbox.write(format!("{folder}/oci-layout"), "{\"imageLayoutVersion\": \"1.0.0\"}\n");
    sandbox.write(format!("{folder}/index.json"), format!("{index_file:#}\n"));
    index_file
}

#[test]
fn entries_and_fields_of_other_writers_stay() {
    let sandbox = hello();
    let before = foreign_layout(&sandbox, "theirs");
    let theirs = LayoutView::open(sandbox.join("theirs"));
    theirs.check_whole();
    let blobs = theirs.blob_names();
    let run = package(&sandbox, "1.0", "theirs", &[]);
    run.ok();
    let after = LayoutView::open(sandbox.join("theirs"));
    after.check_whole();
    assert_eq!(after.digest("1.0"), run.digest());
    let is_ours = |entry: &&Value| entry["digest"] == run.digest();
    let kept: Vec<_> = after.entries().iter().filter(|entry| !is_ours(entry)).collect();
    assert_eq!(kept.len(), array(&before, "manifests").len());
    for entry in array(&before, "manifests") {
        assert!(kept.contains(&entry), "{entry:#} is not in {:#}", after.index_file());
    }
    for field in ["schemaVersion", "annotations", "x-unknown"] {
        assert_eq!(after.index_file()[field], before[field], "{field} of index.json");
    }
    assert!(after.blob_names().is_superset(&blobs), "blobs of others are gone");
    // and once more, with nothing new
    let index_file = fs::read(sandbox.join("theirs/index.json")).unwrap();
    assert_eq!(package(&sandbox, "1.0", "theirs", &[]).digest(), run.digest());
    assert_eq!(fs::read(sandbox.join("theirs/index.json")).unwrap(), index_file);
}

#[test]
fn what_is_written_does_not_depend_on_the_entries_of_others() {
    let (sandbox, digest) = packaged_hello();
    foreign_layout(&sandbox, "theirs");
    assert_eq!(package(&sandbox, "1.0", "theirs", &[]).digest(), digest);
    let alone = LayoutView::open(sandbox.join("out"));
    let theirs = LayoutView::open(sandbox.join("theirs"));
    assert_eq!(alone.entry("1.0"), theirs.entry("1.0"));
    assert!(theirs.blob_names().is_superset(&alone.blob_names()));
}
