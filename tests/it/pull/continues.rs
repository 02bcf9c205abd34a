//! What came before a failure stays and is not fetched again; what is wrong in the layout is.

use std::fs;
use std::sync::{Arc, Mutex};

use super::{fetched, publish, pull, pull_json};
use crate::support::Sandbox;
use crate::support::front::Answer;
use crate::support::images::{Parts, layout};
use crate::support::layout_view::{LayoutView, text};
use crate::support::registry::WatchedRegistry;

/// A registry that does not give the blob which is set here.
fn withholding() -> Option<(WatchedRegistry, Arc<Mutex<Option<String>>>)> {
    let withheld: Arc<Mutex<Option<String>>> = Arc::default();
    let of_registry = Arc::clone(&withheld);
    let remote = WatchedRegistry::unless(move |request| {
        let withheld = of_registry.lock().unwrap();
        let is_it = withheld.as_ref().is_some_and(|digest| request.path().ends_with(digest));
        (is_it && request.method == "GET").then(|| Answer::error(404, "BLOB_UNKNOWN", "blob unknown to registry"))
    })?;
    Some((remote, withheld))
}

#[test]
fn complete_blobs_are_kept_for_the_next_run() {
    let Some((remote, withheld)) = withholding() else {
        return;
    };
    let sandbox = Sandbox::new();
    let (published, digest) = publish(&remote, &sandbox, "acme/hello", "1.0", "hello");
    let old = layout(&sandbox.join("out"), "old", "unrelated");
    let old_parts = Parts::of(&LayoutView::open(sandbox.join("out")), "old");
    let before = fs::read(sandbox.join("out/index.json")).unwrap();
    let parts = Parts::of(&published, "published");
    let missing = parts
        .blobs
        .iter()
        .find(|blob| !old_parts.blobs.contains(*blob))
        .unwrap();
    *withheld.lock().unwrap() = Some(missing.clone());
    let name = remote.name("acme/hello:1.0");
    let args = [&*name, "--layout", "out", "--jobs", "1"];
    pull(&sandbox, &args).failed(1).stderr_has(missing);
    // nothing shows of it
    assert_eq!(fs::read(sandbox.join("out/index.json")).unwrap(), before);
    let layout = LayoutView::open(sandbox.join("out"));
    layout.check_whole_with_leftovers();
    assert_eq!(layout.digest("old"), old);
    assert!(!layout.blob_path(missing).exists());
    let there: Vec<_> = parts
        .blobs
        .iter()
        .filter(|blob| layout.blob_path(blob).exists())
        .collect();
    // and then it goes on
    *withheld.lock().unwrap() = None;
    remote.front.take_log();
    let report = pull_json(&sandbox, &args);
    assert_eq!(report["images"][0]["digest"], digest);
    for blob in there {
        assert!(!fetched(&remote).contains(blob), "{blob} was fetched again");
    }
    assert!(fetched(&remote).contains(missing));
    LayoutView::open(sandbox.join("out")).check_whole();
}

#[test]
fn whatever_blob_fails_the_next_run_fetches_only_what_is_missing() {
    let Some((remote, withheld)) = withholding() else {
        return;
    };
    let sandbox = Sandbox::new();
    let (published, digest) = publish(&remote, &sandbox, "acme/hello", "1.0", "hello");
    let parts = Parts::of(&published, "published");
    let name = remote.name("acme/hello:1.0");
    let mut kept = 0;
    for (at, missing) in parts.blobs.iter().enumerate() {
        let out = format!("out{at}");
        *withheld.lock().unwrap() = Some(missing.clone());
        let args = [&*name, "--layout", &out];
        pull(&sandbox, &args).failed(1).stderr_has(missing);
        let has = |blob: &str| sandbox.join(&out).join("blobs").join(blob.replace(':', "/")).exists();
        let expected: Vec<_> = parts.blobs.iter().filter(|blob| !has(blob)).cloned().collect();
        kept += parts.blobs.len() - expected.len();
        *withheld.lock().unwrap() = None;
        remote.front.take_log();
        assert_eq!(pull(&sandbox, &args).digest(), digest);
        let mut again = fetched(&remote);
        again.retain(|blob| parts.blobs.contains(blob));
        assert_eq!(again, expected, "{missing}");
        LayoutView::open(sandbox.join(&out)).check_whole();
    }
    assert!(kept > 0, "no blob came before any failure");
}

#[test]
fn a_damaged_blob_in_the_layout_is_noticed_and_can_be_fetched_again() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let (published, digest) = publish(&remote, &sandbox, "acme/hello", "1.0", "hello");
    let parts = Parts::of(&published, "published");
    let name = remote.name("acme/hello:1.0");
    let args = [&*name, "--layout", "out"];
    pull(&sandbox, &args).ok();
    let layout = LayoutView::open(sandbox.join("out"));
    for harmed in parts.blobs.iter().chain(&parts.children).chain([&parts.root]) {
        let path = layout.blob_path(harmed);
        let sound = fs::read(&path).unwrap();
        // cut short, as by a full disk
        fs::write(&path, &sound[..sound.len() / 2]).unwrap();
        let run = pull(&sandbox, &args);
        if run.code != 0 {
            // told with what to do
            let file = format!("out/blobs/{}", harmed.replace(':', "/"));
            run.failed(1).stderr_has(harmed).stderr_has(&format!("remove `{file}`"));
            fs::remove_file(&path).unwrap();
            assert_eq!(pull(&sandbox, &args).digest(), digest, "{harmed}");
        }
        layout.check_whole();
    }
}

#[test]
fn a_registry_that_gives_other_content_leaves_nothing_of_it() {
    let victim: Arc<Mutex<Option<String>>> = Arc::default();
    let of_registry = Arc::clone(&victim);
    let remote = WatchedRegistry::unless(move |request| {
        let victim = of_registry.lock().unwrap();
        let is_it = victim.as_ref().is_some_and(|digest| request.path().ends_with(digest));
        (is_it && request.method == "GET").then(|| Answer::new(200, "other content"))
    });
    let Some(remote) = remote else { return };
    let sandbox = Sandbox::new();
    let (published, _) = publish(&remote, &sandbox, "acme/hello", "1.0", "hello");
    let parts = Parts::of(&published, "published");
    for (at, wrong) in parts.blobs.iter().chain(&parts.children).enumerate() {
        *victim.lock().unwrap() = Some(wrong.clone());
        let out = format!("out{at}");
        let args = [&*remote.name("acme/hello:1.0"), "--layout", &out, "--retries", "1"];
        pull(&sandbox, &args).failed(1).stderr_has(wrong);
        let blobs = sandbox.join(&out).join("blobs");
        assert!(!blobs.join(wrong.replace(':', "/")).exists(), "{wrong}");
        if sandbox.join(&out).join("index.json").exists() {
            let layout = LayoutView::open(sandbox.join(&out));
            assert!(layout.entries().is_empty());
            layout.check_whole_with_leftovers();
        }
    }
}

#[test]
fn two_pulls_at_once_into_one_layout_lose_nothing() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let published: Vec<_> = (0..4)
        .map(|at| {
            let seed = format!("image{at}");
            let (_, digest) = publish(&remote, &sandbox, "acme/hello", &seed, &seed);
            (seed, digest)
        })
        .collect();
    let runs: Vec<_> = published
        .iter()
        .map(|(tag, _)| {
            let name = remote.name(&format!("acme/hello:{tag}"));
            sandbox
                .airpack_command(&["pull", &name, "--layout", "out"])
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for run in runs {
        let output = run.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let layout = LayoutView::open(sandbox.join("out"));
    layout.check_whole();
    for (tag, digest) in &published {
        assert_eq!(layout.digest(tag), digest);
    }
    assert_eq!(text(layout.entry("image0"), "digest"), published[0].1);
}
