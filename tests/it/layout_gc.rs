//! `airpack layout gc`: what it removes, what it keeps, and when it does nothing.

use std::fs;
use std::process::Stdio;

use serde_json::{Value, json};

use super::support::images::{self, attestation, finish, index, index_of, named, referrer};
use super::support::layout_maker::LayoutMaker;
use super::support::layout_view::LayoutView;
use super::support::layout_view::sha256;
use super::support::snapshot::Snapshot;
use super::support::{Sandbox, simple_buildpack};

const NAME: &str = "registry.test/acme/x:1";

fn json_of(sandbox: &Sandbox, more: &[&str]) -> Value {
    let run = sandbox.airpack(&[&["layout", "gc", "x.oci", "--json"], more].concat());
    serde_json::from_str(&run.ok().stdout).unwrap()
}

fn blobs(sandbox: &Sandbox) -> std::collections::BTreeSet<String> {
    LayoutView::open(sandbox.join("x.oci")).blob_names()
}

#[test]
fn it_shows_first_and_removes_when_told() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("x.oci"));
    finish(&maker, &[named(index(&maker, "seed"), NAME)]);
    let needed = blobs(&sandbox);
    maker.blob("text/plain", b"left over");
    maker.blob("text/plain", b"and this");
    let before = Snapshot::of(sandbox.path());
    let shown = sandbox.airpack(&["layout", "gc", "x.oci"]);
    let mut expected =
        [b"left over".as_slice(), b"and this"].map(|content| format!("{}  {} B\n", sha256(content), content.len()));
    expected.sort();
    assert_eq!(shown.ok().stdout, expected.concat());
    shown.stderr_has("2 blobs of 17 B can go").stderr_has("--write");
    before.assert_unchanged("without --write");
    let report = json_of(&sandbox, &[]);
    assert_eq!(
        (&report["written"], &report["bytes"], &report["kept"]),
        (&json!(false), &json!(17), &json!(needed.len()))
    );
    before.assert_unchanged("without --write");

    let removed = sandbox.airpack(&["layout", "gc", "x.oci", "--write"]);
    assert_eq!(removed.ok().stdout, expected.concat());
    removed.stderr_has("removed 2 blobs of 17 B");
    assert_eq!(blobs(&sandbox), needed);
    let again = json_of(&sandbox, &["--write"]);
    assert_eq!((&again["removed"], &again["written"]), (&json!([]), &json!(true)));
}

#[test]
fn all_that_is_referred_to_is_kept() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("x.oci"));
    let image = images::image(&maker, "seed", "amd64");
    let about = attestation(&maker, &image);
    let signature = referrer(&maker, &image, "application/vnd.test.signature");
    // what this one is about has no entry of its own
    let other = images::image(&maker, "other", "arm64");
    let lonely = referrer(&maker, &other, "application/vnd.test.signature");
    let unknown = maker.blob("application/vnd.test.unknown", b"of a type that nobody knows");
    let foreign = json!({
        "schemaVersion": 2,
        "config": maker.blob("application/vnd.oci.empty.v1+json", b"{}"),
        "layers": [maker.blob("application/vnd.oci.image.layer.nondistributable.v1.tar", b"of its owner")],
    });
    let foreign = maker.json("application/vnd.oci.image.manifest.v1+json", &foreign);
    let root = index_of(&maker, &[image, about]);
    finish(&maker, &[named(root, NAME), signature, lonely, unknown, foreign]);
    assert_eq!(json_of(&sandbox, &[])["removed"], json!([]));
    let before = Snapshot::content_of(sandbox.path());
    json_of(&sandbox, &["--write"]);
    before.assert_unchanged("nothing was left over");
}

/// Manifests of types that nobody knows name what they need, too.
#[test]
fn what_unknown_manifests_name_is_kept() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("x.oci"));
    let layer = maker.blob("application/octet-stream", b"of an artifact");
    let config = maker.json("application/json", &json!({"deep": {"er": [layer["digest"]]}}));
    let types = [
        "application/vnd.cncf.oras.artifact.manifest.v1+json",
        "application/vnd.oci.image.manifest.v1+json; charset=utf-8",
    ];
    for (at, media_type) in types.iter().enumerate() {
        let own = maker.blob("application/octet-stream", format!("{at}").as_bytes());
        let manifest = maker.json(
            media_type,
            &json!({"config": config, "fsLayers": [{"blobSum": own["digest"]}]}),
        );
        let entries = [manifest.clone(), named(index_of(&maker, &[manifest]), NAME)];
        for entry in entries {
            finish(&maker, &[entry]);
            let removed = json_of(&sandbox, &[])["removed"].to_string();
            for needed in [&layer, &config, &own] {
                let digest = needed["digest"].as_str().unwrap();
                assert!(!removed.contains(digest), "{media_type}: {removed}");
                let run = sandbox.airpack(&["layout", "validate", "x.oci"]);
                assert!(!run.ok().stdout.contains(digest), "{}", run.stdout);
            }
        }
    }
}

#[test]
fn blobs_of_somewhere_else_are_left_alone() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("x.oci"));
    maker.blob("text/plain", b"of another layout");
    finish(&maker, &[]);
    fs::rename(sandbox.join("x.oci/blobs"), sandbox.join("shared")).unwrap();
    sandbox.symlink("x.oci/blobs", "../shared");
    let before = Snapshot::of(sandbox.path());
    let run = sandbox.airpack(&["layout", "gc", "x.oci", "--write"]);
    assert_eq!(run.ok().stdout, "");
    before.assert_unchanged("blobs is a link");
}

#[test]
fn what_it_can_not_read_it_does_not_judge() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("x.oci"));
    let root = index(&maker, "seed");
    finish(&maker, &[named(root.clone(), NAME)]);
    maker.blob("text/plain", b"left over");
    let path = sandbox
        .join("x.oci/blobs")
        .join(root["digest"].as_str().unwrap().replace(':', "/"));
    let good = fs::read(&path).unwrap();
    for damage in [b"{}".to_vec(), good[..good.len() - 1].to_vec(), Vec::new()] {
        fs::write(&path, damage).unwrap();
        let before = Snapshot::of(sandbox.path());
        for more in [&[][..], &["--write"]] {
            let run = sandbox.airpack(&[&["layout", "gc", "x.oci"], more].concat());
            run.failed(1).stderr_has(root["digest"].as_str().unwrap());
        }
        before.assert_unchanged("a damaged index");
    }
    fs::remove_file(&path).unwrap();
    sandbox
        .airpack(&["layout", "gc", "x.oci", "--write"])
        .failed(1)
        .stderr_has("missing");
    sandbox.write("x.oci/index.json", "{");
    sandbox
        .airpack(&["layout", "gc", "x.oci", "--write"])
        .failed(1)
        .stderr_has("index.json");
    let left = fs::read_dir(sandbox.join("x.oci/blobs/sha256")).unwrap();
    // all but the index that was removed above
    assert_eq!(left.count(), 8);
}

#[test]
fn what_is_no_blob_stays() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("x.oci"));
    finish(&maker, &[named(index(&maker, "seed"), NAME)]);
    sandbox.write("x.oci/blobs/sha256/notes.txt", "hello");
    sandbox.write("x.oci/blobs/other/file", "hello");
    let run = sandbox.airpack(&["layout", "gc", "x.oci", "--write"]);
    run.ok().stderr_has("notes.txt");
    assert!(sandbox.join("x.oci/blobs/sha256/notes.txt").exists());
    assert!(sandbox.join("x.oci/blobs/other/file").exists());
}

#[test]
fn what_packaging_leaves_over_goes() {
    let sandbox = Sandbox::new();
    simple_buildpack(&sandbox, "bp", "acme/x", &["linux/amd64", "linux/arm64"]);
    let package = ["buildpack", "package", NAME, "--path", "bp", "--layout", "x.oci"];
    sandbox.airpack(&package).ok();
    sandbox.write("bp/bin/more", "more");
    sandbox.airpack(&package).ok();
    assert_ne!(json_of(&sandbox, &["--write"])["removed"], json!([]));
    LayoutView::open(sandbox.join("x.oci")).check_whole();
}

/// A packaging relies on a blob that nothing refers to yet, while blobs are removed: it does not lose it.
#[test]
fn runs_that_add_are_waited_for() {
    let sandbox = Sandbox::new();
    simple_buildpack(&sandbox, "bp", "acme/x", &["linux/amd64"]);
    let package =
        |name: &str| ["buildpack", "package", name, "--path", "bp", "--layout", "x.oci"].map(ToOwned::to_owned);
    for round in 0..20 {
        let name = format!("registry.test/acme/x:{round}");
        let words = package(&name);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if round == 0 {
            sandbox.airpack(&words).ok();
        }
        // everything is left over
        sandbox.write("x.oci/index.json", r#"{"schemaVersion":2,"manifests":[]}"#);
        let start = |args: &[&str]| {
            let mut command = sandbox.airpack_command(args);
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let packaging = start(&words);
        let removing = start(&["layout", "gc", "x.oci", "--write"]);
        for child in [packaging, removing] {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        LayoutView::open(sandbox.join("x.oci")).check_whole_with_leftovers();
    }
}

/// While somebody holds the lock of a run that adds, nothing is removed; then it is.
#[test]
fn it_waits_as_long_as_a_run_goes_on() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("x.oci"));
    finish(&maker, &[named(index(&maker, "seed"), NAME)]);
    maker.blob("text/plain", b"left over");
    let running = fs::File::open(sandbox.join("x.oci/blobs")).unwrap();
    running.lock_shared().unwrap();
    let mut command = sandbox.airpack_command(&["layout", "gc", "x.oci", "--write"]);
    let mut removing = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // its first words are that it waits
    let mut stderr = std::io::BufReader::new(removing.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut stderr, &mut line).unwrap();
    assert!(line.contains("waiting"), "{line}");
    assert!(removing.try_wait().unwrap().is_none());
    assert_eq!(blobs(&sandbox).len(), 9);
    drop(running);
    assert!(removing.wait().unwrap().success());
    assert_eq!(blobs(&sandbox).len(), 8);
}
