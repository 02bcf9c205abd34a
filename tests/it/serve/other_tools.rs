//! skopeo and airpack itself as clients.

use super::*;
use crate::support::tools::{Tool, require_tool};

/// `skopeo` with no policy and no credentials but what is said here.
fn skopeo(tool: Tool, sandbox: &Sandbox, args: &[&str]) -> Run {
    tool.run(sandbox, &[&["--insecure-policy"], args].concat())
}

/// airpack as a client, ended after a minute.
fn airpack(sandbox: &Sandbox, args: &[&str]) -> Run {
    let mut command = sandbox.command("timeout");
    command
        .args(["-s", "KILL", "60", env!("CARGO_BIN_EXE_airpack")])
        .args(args)
        .env("XDG_RUNTIME_DIR", sandbox.folder("runtime"))
        .env("DOCKER_CONFIG", sandbox.folder("docker"));
    Run::of(&mut command)
}

#[test]
fn skopeo_inspects_what_is_served() {
    let Some(tool) = require_tool("skopeo") else { return };
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    for (repository, tag, ref_name) in NAMES {
        let name = format!("docker://{}/{repository}:{tag}", served.address);
        let run = skopeo(
            tool,
            &source.sandbox,
            &["inspect", "--raw", "--tls-verify=false", &name],
        );
        run.ok();
        assert_eq!(sha256(run.stdout.as_bytes()), source.layout.digest(ref_name), "{name}");
    }
    let name = format!("docker://{}/acme/hello:1.0", served.address);
    let args = [
        "--override-arch=amd64",
        "--override-os=linux",
        "inspect",
        "--tls-verify=false",
        &name,
    ];
    let run = skopeo(tool, &source.sandbox, &args);
    run.ok();
    let shown: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(shown["RepoTags"], json!(["1.0", "2.0", "latest"]));
    assert_eq!(shown["Digest"], source.digest());
    let name = format!("docker://{}/acme/hello", served.address);
    let run = skopeo(tool, &source.sandbox, &["list-tags", "--tls-verify=false", &name]);
    run.ok();
    let shown: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(shown["Tags"], json!(["1.0", "2.0", "latest"]));
}

#[test]
fn skopeo_copies_what_is_served_with_its_digests() {
    let Some(tool) = require_tool("skopeo") else { return };
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    for (repository, tag, ref_name) in &NAMES[..6] {
        let name = format!("docker://{}/{repository}:{tag}", served.address);
        let to = format!("oci:copied:{repository}-{tag}");
        let args = [
            "copy",
            "--all",
            "--preserve-digests",
            "--src-tls-verify=false",
            &name,
            &to,
        ];
        skopeo(tool, &source.sandbox, &args).ok();
        let copied = LayoutView::open(source.sandbox.join("copied"));
        let digest = copied.digest(&format!("{repository}-{tag}")).to_owned();
        assert_eq!(digest, source.layout.digest(ref_name), "{name}");
    }
    LayoutView::open(source.sandbox.join("copied")).check_whole();
}

#[test]
fn what_airpack_packages_goes_through_serve_and_skopeo_unchanged() {
    let Some(tool) = require_tool("skopeo") else { return };
    let sandbox = Sandbox::new();
    crate::support::simple_buildpack(&sandbox, "bp", "acme/hello", &["linux/amd64", "linux/arm64"]);
    let package = ["buildpack", "package", "registry.test/acme/hello:1.0", "--path", "bp"];
    let run = sandbox.airpack(&[&package[..], &["--layout", "out.oci"]].concat());
    let served = Served::start(&sandbox);
    let name = format!("docker://{}/acme/hello:1.0", served.address);
    let args = ["copy", "--all", "--src-tls-verify=false", &name, "dir:copied"];
    skopeo(tool, &sandbox, &args).ok();
    let manifest = std::fs::read(sandbox.join("copied/manifest.json")).unwrap();
    assert_eq!(sha256(&manifest), run.digest());
}

#[test]
fn an_archive_that_skopeo_wrote_is_served() {
    let Some(tool) = require_tool("skopeo") else { return };
    let source = Source::new();
    let from = ["copy", "--all", "--preserve-digests", "oci:out.oci:1.0"];
    let to = ["oci-archive:hello.tar:registry.test/acme/hello:1.0"];
    skopeo(tool, &source.sandbox, &[&from[..], &to].concat()).ok();
    let served = Served::start_with(&source.sandbox, &["hello.tar", "--listen", "127.0.0.1:0"]);
    let answer = served.get("/v2/acme/hello/manifests/1.0");
    assert_eq!(answer.status, 200, "{answer:#?}");
    assert_eq!(sha256(&answer.body), source.digest());
    let answer = served.get(&source.layer_path());
    assert!(answer.body == source.layout.blob(&source.layer));
}

#[test]
fn airpack_pulls_what_it_serves() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    for (repository, tag, ref_name) in NAMES {
        let name = format!("{}/{repository}:{tag}", served.address);
        let run = airpack(&source.sandbox, &["pull", &name, "--layout", "pulled"]);
        assert_eq!(run.digest(), source.layout.digest(ref_name), "{name}");
    }
    let pulled = LayoutView::open(source.sandbox.join("pulled"));
    pulled.check_whole();
    assert_eq!(pulled.entries().len(), NAMES.len());
    for (repository, tag, ref_name) in NAMES {
        let name = format!("{}/{repository}:{tag}", served.address);
        let named = |entry: &&Value| entry["annotations"][IMAGE_NAME] == name.as_str();
        let found: Vec<_> = pulled.entries().iter().filter(named).collect();
        assert_eq!(found.len(), 1, "{name} in {:#}", pulled.index_file());
        for field in ["digest", "size", "mediaType"] {
            assert_eq!(found[0][field], source.layout.entry(ref_name)[field], "{name}");
        }
    }
    // all but what refers to an image
    assert!(source.layout.blob_names().is_superset(&pulled.blob_names()));
}

#[test]
fn airpack_pulls_referrers_of_what_it_serves() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    let name = format!("{}/acme/hello:1.0", served.address);
    let run = airpack(&source.sandbox, &["pull", &name, "--layout", "pulled", "--referrers"]);
    assert_eq!(run.digest(), source.digest());
    let pulled = LayoutView::open(source.sandbox.join("pulled"));
    pulled.check_whole();
    for referrer in &source.referrers {
        let is_there = pulled
            .entries()
            .iter()
            .any(|entry| entry["digest"] == referrer.as_str());
        assert!(is_there, "{referrer} in {:#}", pulled.index_file());
    }
    assert_eq!(pulled.tags(), ["1.0"]);
}

#[test]
fn airpack_pulls_one_platform_of_what_it_serves() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    let name = format!("{}/acme/hello:1.0", served.address);
    let args = ["pull", &name, "--layout", "pulled", "--platform", "linux/arm64"];
    airpack(&source.sandbox, &args).ok();
    let pulled = LayoutView::open(source.sandbox.join("pulled"));
    pulled.check_whole();
    let index = pulled.image_index("1.0");
    assert_eq!(index.platforms(), ["linux/arm64"]);
    let all = source.layout.image_index("1.0");
    assert_eq!(
        index.child("linux/arm64").descriptor["digest"],
        all.child("linux/arm64").descriptor["digest"]
    );
    let args = ["pull", &name, "--layout", "none", "--platform", "linux/mips"];
    let run = airpack(&source.sandbox, &args);
    run.failed(1).stderr_has("linux/mips").stderr_has("linux/amd64");
}

#[test]
fn pushes_to_it_are_refused_with_a_reason() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    let before = crate::support::snapshot::Snapshot::content_of(source.sandbox.join("out.oci"));
    let name = format!("{}/acme/new:1", served.address);
    let run = airpack(&source.sandbox, &["push", "out.oci:plain", &name, "--retries", "2"]);
    run.failed(1)
        .stderr_has("405")
        .stderr_has("UNSUPPORTED")
        .stderr_has(&format!("POST http://{}/v2/acme/new/blobs/uploads/", served.address))
        .stderr_has("hint: ");
    before.assert_unchanged("a push to what is only read");
    if let Some(tool) = require_tool("skopeo") {
        let to = format!("docker://{name}");
        let args = ["copy", "--dest-tls-verify=false", "oci:out.oci:plain", &to];
        let run = skopeo(tool, &source.sandbox, &args);
        assert_ne!(run.code, 0, "{run}");
        before.assert_unchanged("a push of skopeo");
    }
    // nothing is sent where it is there already
    let name = format!("{}/acme/hello:1.0", served.address);
    airpack(&source.sandbox, &["push", "out.oci:1.0", &name]).ok();
}
