//! The registry of these tests without faults: other tools agree with it, and airpack copes with each of its habits.

use std::process::Stdio;

use super::*;
use crate::support::fault_registry::{Auth, Location};
use crate::support::tools::require_tool;

/// `skopeo` without the machine's policy and credentials.
fn skopeo(scene: &Scene, args: &[&str]) -> Option<Run> {
    let skopeo = require_tool("skopeo")?;
    let own = ["--insecure-policy", "copy", "--all", "--preserve-digests"];
    let run = skopeo.run(&scene.sandbox, &[&own[..], args].concat());
    run.ok();
    Some(run)
}

#[test]
fn skopeo_pushes_to_the_registry_of_the_tests_and_pulls_from_it() {
    for location in [Location::Absolute, Location::Relative, Location::Query] {
        let scene = Scene::new();
        scene.registry.habits(|habits| habits.location = location.clone());
        let name = format!("docker://{}", scene.registry.name("acme/hello:1.0"));
        let push = ["--dest-tls-verify=false", "oci:source:1.0", &name];
        if skopeo(&scene, &push).is_none() {
            return;
        }
        scene
            .registry
            .check_holds(REPOSITORY, "1.0", &scene.source, scene.entry());
        skopeo(&scene, &["--src-tls-verify=false", &name, "oci:copied:1.0"]);
        let copied = LayoutView::open(scene.sandbox.join("copied"));
        assert_eq!(copied.digest("1.0"), scene.digest(), "{location:?}");
        assert_eq!(copied.blob_names(), scene.source.blob_names(), "{location:?}");
    }
}

#[test]
fn every_form_of_location_is_followed() {
    for location in [Location::Absolute, Location::Relative, Location::Query] {
        for more in [&[][..], &["--chunk-size", "1"]] {
            let scene = Scene::new();
            scene.registry.habits(|habits| habits.location = location.clone());
            scene.push_works(more);
            for seen in scene.registry.log() {
                let status = seen.status.unwrap_or_default();
                let is_missing = seen.method == "HEAD" && status == 404;
                assert!(status < 300 || is_missing, "{location:?}{}", scene.registry.shown());
            }
        }
    }
}

#[test]
fn what_was_pushed_is_pulled_with_the_same_bytes() {
    let scene = Scene::new();
    scene.push_works(&[]);
    scene.pull_works(&[]);
}

#[test]
fn each_blob_is_sent_once_and_fetched_once() {
    let scene = Scene::new();
    scene.push_works(&[]);
    for digest in scene.blobs() {
        let hex = digest.strip_prefix("sha256:").unwrap();
        assert_eq!(
            scene.registry.count("PUT", hex),
            1,
            "{digest}{}",
            scene.registry.shown()
        );
    }
    scene.registry.recover();
    scene.pull_works(&[]);
    for digest in scene.blobs().into_iter().chain(scene.children()) {
        assert_eq!(
            scene.registry.count("GET", &digest),
            1,
            "{digest}{}",
            scene.registry.shown()
        );
    }
}

#[test]
fn a_push_of_what_is_there_is_one_request() {
    let scene = Scene::new();
    scene.push_works(&[]);
    scene.registry.recover();
    scene.push_works(&[]);
    let log = scene.registry.log();
    assert_eq!(log.len(), 1, "{}", scene.registry.shown());
    assert_eq!(log[0].method, "HEAD");
    assert_eq!(log[0].path, "/v2/acme/hello/manifests/1.0");
}

#[test]
fn a_pull_of_what_is_there_fetches_no_blob() {
    let scene = Scene::filled();
    scene.pull_works(&[]);
    scene.registry.recover();
    scene.pull_works(&[]);
    assert_eq!(scene.registry.count("GET", "/blobs/"), 0, "{}", scene.registry.shown());
}

#[test]
fn two_pulls_at_once_into_one_layout_both_leave_their_tag() {
    let scene = Scene::filled();
    let second = &scene.source.json(scene.digest())["manifests"][1];
    scene.registry.put_image(REPOSITORY, Some("2.0"), &scene.source, second);
    for _ in 0..5 {
        let runs: Vec<_> = ["1.0", "2.0", "1.0"]
            .into_iter()
            .map(|tag| {
                let name = scene.registry.name(&format!("acme/hello:{tag}"));
                let mut command = bounded_command(&scene.sandbox, &args(&["pull", &name, "--layout", "pulled"], &[]));
                command.stdout(Stdio::piped()).stderr(Stdio::piped());
                (format!("{command:?}"), command.spawn().unwrap())
            })
            .collect();
        for (shown, child) in runs {
            Run::from_output(shown, child.wait_with_output().unwrap()).ok();
        }
        let pulled = LayoutView::open(scene.pulled());
        pulled.check_whole();
        assert_eq!(pulled.digest("1.0"), scene.digest());
        assert_eq!(pulled.digest("2.0"), text(second, "digest"));
        assert_eq!(pulled.entries().len(), 2);
        fs::remove_dir_all(scene.pulled()).unwrap();
    }
}

#[test]
fn the_tag_comes_last() {
    let scene = Scene::new();
    scene.push_works(&[]);
    let log = scene.registry.log();
    let changes: Vec<_> = log.iter().filter(|seen| seen.method == "PUT").collect();
    assert!(
        changes.last().unwrap().path.ends_with("/manifests/1.0"),
        "{}",
        scene.registry.shown()
    );
    let children = changes.iter().filter(|seen| seen.path.contains("/manifests/sha256:"));
    assert!(children.count() >= 2, "{}", scene.registry.shown());
}

#[test]
fn blobs_without_a_byte_go_both_ways() {
    let scene = Scene::new();
    let maker = LayoutMaker::new(&scene.sandbox.join("empty"));
    let layer = maker.blob(OCI_LAYER, b"");
    let mut entry = maker.image_of(OCI_MANIFEST, OCI_CONFIG, "amd64", &[layer], &[sha256(b"")]);
    entry["annotations"] = json!({ REF_NAME: "1", IMAGE_NAME: "registry.test/acme/empty:1" });
    maker.index_file(&json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] }));
    let name = scene.registry.name("acme/empty:1");
    for more in [&[][..], &["--chunk-size", "1", "--tag", "2"]] {
        bounded(&scene.sandbox, &args(&["push", "empty", &name], more)).ok();
    }
    let layout = LayoutView::open(scene.sandbox.join("empty"));
    for tag in ["1", "2"] {
        scene
            .registry
            .check_holds("acme/empty", tag, &layout, layout.entry("1"));
    }
    bounded(&scene.sandbox, &args(&["pull", &name, "--layout", "pulled"], &[])).ok();
    let pulled = LayoutView::open(scene.pulled());
    pulled.check_whole();
    assert_eq!(pulled.digest("1"), layout.digest("1"));
}

#[test]
fn chunks_are_as_large_as_was_asked_and_follow_each_other() {
    let scene = Scene::new();
    scene.push_works(&["--chunk-size", "2"]);
    let chunk = 2 << 20;
    let size = scene.source.blob(&scene.big).len() as u64;
    let chunks: Vec<_> = scene
        .registry
        .requests("PATCH", "/blobs/uploads/")
        .into_iter()
        .filter(|seen| seen.body == chunk)
        .collect();
    assert!(
        chunks.len() as u64 >= size / chunk - 1,
        "{} bytes{}",
        size,
        scene.registry.shown()
    );
    let upload = &chunks[0].path;
    let mut next = 0;
    for seen in scene.registry.log().iter().filter(|seen| seen.path == *upload) {
        if seen.method == "PATCH" {
            let expected = format!("{next}-{}", next + seen.body - 1);
            assert_eq!(seen.header("Content-Range"), Some(expected.as_str()));
            assert!(seen.body <= chunk);
        }
        next += seen.body;
    }
    assert_eq!(next, size, "{}", scene.registry.shown());
}

#[test]
fn chunks_are_not_smaller_than_the_registry_wants_them() {
    let least = 3 << 20;
    let scene = Scene::new();
    scene.registry.habits(|habits| habits.min_chunk = Some(least));
    scene.push_works(&["--chunk-size", "1"]);
    let size = scene.source.blob(&scene.big).len() as u64;
    let chunks = scene.registry.requests("PATCH", "/blobs/uploads/");
    assert!(!chunks.is_empty(), "{}", scene.registry.shown());
    for chunk in chunks {
        let range = chunk.header("Content-Range").unwrap();
        let end: u64 = range.split('-').nth(1).unwrap().parse().unwrap();
        // the last of a blob may be smaller
        let is_last = end + 1 == size || chunk.body < 1 << 20;
        assert!(chunk.body >= least || is_last, "{range}{}", scene.registry.shown());
    }
}

#[test]
fn a_registry_that_says_no_digests_is_believed_by_what_it_sends() {
    let scene = Scene::new();
    scene.registry.habits(|habits| habits.names_digests = false);
    scene.push_works(&[]);
    scene.push_works(&[]);
    scene.pull_works(&[]);
    scene.pull_works(&[]);
}

#[test]
fn what_another_repository_has_is_mounted() {
    let scene = Scene::new();
    scene
        .registry
        .put_image("acme/other", Some("x"), &scene.source, scene.entry());
    scene.push_works(&["--mount-from", "acme/other"]);
    let posts = scene.registry.requests("POST", "/blobs/uploads/");
    assert_eq!(posts.len(), scene.blobs().len(), "{}", scene.registry.shown());
    for post in posts {
        assert_eq!(post.status, Some(201), "{}", scene.registry.shown());
    }
    assert_eq!(scene.registry.count("PUT", "/blobs/"), 0, "{}", scene.registry.shown());
}

#[test]
fn a_mount_that_is_not_granted_goes_on_as_the_upload_that_it_began() {
    let scene = Scene::new();
    scene.registry.habits(|habits| habits.mounts = false);
    scene
        .registry
        .put_image("acme/other", Some("x"), &scene.source, scene.entry());
    scene.push_works(&["--mount-from", "acme/other"]);
    let posts = scene.registry.count("POST", "/blobs/uploads/");
    assert_eq!(posts, scene.blobs().len(), "{}", scene.registry.shown());
}

#[test]
fn tokens_are_fetched_and_renewed_when_they_expire_in_the_middle() {
    let scene = Scene::new();
    let auth = Auth::Bearer("user", "secret-word", 4);
    scene.registry.habits(|habits| habits.auth = auth);
    secrets::write_docker_config(&scene.sandbox, &scene.registry.host(), "user", "secret-word");
    // one after the other, so that none can use up the token of another
    scene.push_works(&["--jobs", "1"]);
    assert!(scene.registry.count("GET", "/token") > 2, "{}", scene.registry.shown());
    scene.pull_works(&["--jobs", "1"]);
}

/// Writes the layout `signed`, which holds an image as `1` and something that refers to it; gives both digests.
fn write_referred(scene: &Scene) -> (String, String) {
    let maker = LayoutMaker::new(&scene.sandbox.join("signed"));
    let image = maker.image("amd64", &[("file", "content\n")]);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": "application/x-signature",
        "config": maker.blob("application/vnd.oci.empty.v1+json", b"{}"),
        "layers": [maker.blob("application/x-signature", b"signed\n")],
        "subject": image,
    });
    let referrer = maker.json(OCI_MANIFEST, &manifest);
    let digests = (text(&image, "digest").to_owned(), text(&referrer, "digest").to_owned());
    let mut entry = image;
    entry["annotations"] = json!({ REF_NAME: "1", IMAGE_NAME: "registry.test/acme/signed:1" });
    let entries = json!([entry, referrer]);
    maker.index_file(&json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries }));
    digests
}

#[test]
fn referrers_go_along_with_and_without_the_referrers_api() {
    for has_api in [true, false] {
        let scene = Scene::new();
        scene.registry.habits(|habits| habits.referrers = has_api);
        let (image, referrer) = write_referred(&scene);
        let name = scene.registry.name("acme/signed:1");
        bounded(&scene.sandbox, &args(&["push", "signed:1", &name, "--referrers"], &[])).ok();
        let held = scene.registry.manifest("acme/signed", &referrer);
        assert!(held.is_some(), "{}", scene.registry.shown());
        let fallback = image.replace(':', "-");
        let tags = scene.registry.tags("acme/signed");
        assert_eq!(tags.contains(&fallback), !has_api, "{tags:?}{}", scene.registry.shown());
        if !has_api {
            let index = scene.registry.tag("acme/signed", &fallback).unwrap();
            let index = scene.registry.manifest("acme/signed", &index).unwrap();
            let index: Value = serde_json::from_slice(&index).unwrap();
            assert_eq!(array(&index, "manifests").len(), 1, "{index:#}");
            assert_eq!(index["manifests"][0]["digest"], referrer.as_str());
            assert_eq!(index["manifests"][0]["artifactType"], "application/x-signature");
        }
        let pull = args(&["pull", &name, "--layout", "pulled", "--referrers"], &[]);
        let run = bounded(&scene.sandbox, &pull);
        assert_eq!(run.digest(), image);
        let pulled = LayoutView::open(scene.pulled());
        pulled.check_whole();
        let entries = pulled.entries();
        assert!(
            entries.iter().any(|entry| entry["digest"] == referrer.as_str()),
            "{run}"
        );
    }
}
