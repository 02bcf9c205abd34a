//! Ctrl-C while a registry keeps it waiting: it ends at once, and the same command goes on where it was.

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::*;

/// The longest time from the signal to the end.
const AT_ONCE: Duration = Duration::from_secs(2);

/// Starts airpack with these arguments; what kills it if it never ends is the drop of the registry and `timeout`.
fn start(scene: &Scene, args: &[String]) -> (String, Child) {
    let mut command = scene.sandbox.airpack_command(&[]);
    command
        .args(args)
        .env("XDG_RUNTIME_DIR", scene.sandbox.folder("runtime"))
        .env("DOCKER_CONFIG", scene.sandbox.folder("docker"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    (format!("{command:?}"), child)
}

/// Sends SIGINT, and gives the run, which has to end in time with an error.
#[track_caller]
fn interrupt(scene: &Scene, (shown, mut child): (String, Child)) -> Run {
    assert!(child.try_wait().unwrap().is_none(), "it has ended before the signal");
    let kill = format!("kill -s INT {}", child.id());
    let begin = Instant::now();
    // the process is there until it is waited for, so the signal can not meet another
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    while child.try_wait().unwrap().is_none() && begin.elapsed() < AT_ONCE {
        sleep(Duration::from_millis(5));
    }
    let ended = child.try_wait().unwrap().is_some();
    if !ended {
        child.kill().unwrap();
    }
    let run = Run::from_output(shown, child.wait_with_output().unwrap());
    assert!(ended, "it does not end at once{run}{}", scene.registry.shown());
    run.failed(1);
    run
}

/// A pull meets the fault; when the registry was asked for what is kept waiting and all other blobs are there, it is
/// interrupted. Then it goes on.
#[track_caller]
fn check_pull(method: &'static str, part: &str, fault: Fault) {
    let scene = Scene::filled();
    let started_before = scene.pulled().join("index.json");
    scene
        .registry
        .fault(method, part.replace("BIG", scene.big_hex()), 1.., fault);
    let child = start(&scene, &scene.pull_args(&["--timeout", "60"]));
    let blobs = scene.blobs();
    let others: Vec<_> = blobs.iter().filter(|digest| **digest != scene.big).collect();
    let is_late = part.contains("BIG");
    let folder = scene.pulled().join("blobs/sha256");
    let part = part.replace("BIG", scene.big_hex());
    scene.registry.wait_until("the request", |registry| {
        let is_there = |digest: &&&String| folder.join(digest.replace("sha256:", "")).exists();
        registry.count(method, &part) > 0 && (!is_late || others.iter().all(|digest| is_there(&digest)))
    });
    let run = interrupt(&scene, child);
    if started_before.exists() {
        let layout = LayoutView::open(scene.pulled());
        assert!(layout.entries().is_empty(), "{run}");
        layout.check_whole_with_leftovers();
    }
    scene.registry.recover();
    scene.pull_works(&[]);
    if is_late {
        for digest in others {
            let again = scene.registry.count("GET", digest);
            assert_eq!(again, 0, "{digest} was fetched again{}", scene.registry.shown());
        }
    }
}

/// The same for a push.
#[track_caller]
fn check_push(method: &'static str, part: &str, fault: Fault) {
    let scene = Scene::new();
    let part = part.replace("BIG", scene.big_hex());
    scene.registry.fault(method, part.as_str(), 1.., fault);
    let child = start(&scene, &scene.push_args(&["--timeout", "60"]));
    let blobs = scene.blobs();
    let others: Vec<_> = blobs.iter().filter(|digest| **digest != scene.big).collect();
    let is_late = part.contains(scene.big_hex());
    scene.registry.wait_until("the request", |registry| {
        let is_there = |digest: &&String| registry.blob(REPOSITORY, digest).is_some();
        registry.count(method, &part) > 0 && (!is_late || others.iter().all(is_there))
    });
    let run = interrupt(&scene, child);
    assert_eq!(scene.registry.tag(REPOSITORY, "1.0"), None, "{run}");
    scene.registry.recover();
    scene.push_works(&[]);
    if is_late {
        for digest in others {
            let hex = digest.replace("sha256:", "");
            let again = scene.registry.count("PUT", &hex);
            assert_eq!(again, 0, "{digest} was sent again{}", scene.registry.shown());
        }
    }
}

#[test]
fn a_pull_whose_first_request_is_not_answered_ends() {
    check_pull("GET", "/manifests/1.0", Fault::Stall);
}

#[test]
fn a_pull_whose_blob_is_not_answered_ends_and_goes_on() {
    check_pull("GET", "/blobs/sha256:BIG", Fault::Stall);
}

#[test]
fn a_pull_whose_blob_stops_ends_and_goes_on() {
    check_pull("GET", "/blobs/sha256:BIG", Fault::StallBody(1_000_000));
}

#[test]
fn a_pull_that_waits_to_ask_again_ends() {
    let reply = unavailable().header("Retry-After", "30");
    check_pull("GET", "/manifests/1.0", Fault::Answer(reply));
}

#[test]
fn a_push_whose_first_request_is_not_answered_ends() {
    check_push("HEAD", "/manifests/1.0", Fault::Stall);
}

#[test]
fn a_push_whose_blob_is_not_read_ends_and_goes_on() {
    check_push("PUT", "BIG", Fault::TakeThenStall(1000));
}

#[test]
fn a_push_whose_blob_is_not_answered_ends_and_goes_on() {
    check_push("PUT", "BIG", Fault::TakeThenStall(u64::MAX));
}

#[test]
fn a_push_whose_manifest_is_not_answered_ends() {
    check_push("PUT", "/manifests/1.0", Fault::Stall);
}

#[test]
fn a_push_that_waits_to_ask_again_ends() {
    let reply = unavailable().header("Retry-After", "30");
    check_push("POST", "/blobs/uploads/", Fault::Answer(reply));
}
