//! Faults that pass: the request is made again, and what comes of it is right. Those that stay end in an error after
//! the number of attempts that was asked for.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use super::*;

/// A request that meets a fault: its method and a part of its path and query, in which `BIG` is the large layer and
/// `CHILD` an image.
type Asked = (&'static str, &'static str);

const PUSHED: [Asked; 6] = [
    ("HEAD", "/manifests/1.0"),
    ("HEAD", "/blobs/sha256:BIG"),
    ("POST", "/blobs/uploads/"),
    ("PUT", "BIG"),
    ("PUT", "/manifests/sha256:CHILD"),
    ("PUT", "/manifests/1.0"),
];

const PULLED: [Asked; 3] = [
    ("GET", "/manifests/1.0"),
    ("GET", "/manifests/sha256:CHILD"),
    ("GET", "/blobs/sha256:BIG"),
];

/// Those of them that differ most, where each run takes its time.
const FEW_PUSHED: [Asked; 3] = [("HEAD", "/manifests/1.0"), ("PUT", "BIG"), ("PUT", "/manifests/1.0")];
const FEW_PULLED: [Asked; 2] = [("GET", "/manifests/1.0"), ("GET", "/blobs/sha256:BIG")];

impl Scene {
    fn part(&self, part: &str) -> String {
        let child = self.children().remove(0).replace("sha256:", "");
        part.replace("BIG", self.big_hex()).replace("CHILD", &child)
    }
}

/// Each request of a push meets the fault once, in a run of its own; then the same for a pull.
#[track_caller]
fn check_passes(fault: &Fault) {
    check_each_passes(&PUSHED, &PULLED, fault, &[]);
}

#[track_caller]
fn check_each_passes(pushed: &[Asked], pulled: &[Asked], fault: &Fault, more: &[&str]) {
    for (method, part) in pushed {
        let scene = Scene::new();
        scene.registry.fault(method, scene.part(part), 1..=1, fault.clone());
        scene.push_works(more);
    }
    for (method, part) in pulled {
        let scene = Scene::filled();
        scene.registry.fault(method, scene.part(part), 1..=1, fault.clone());
        scene.pull_works(more);
    }
}

/// Each request of a push meets the fault whenever it is made; then the same for a pull. `said` is in the error.
#[track_caller]
fn check_stays(fault: &Fault, retries: usize, said: &[&str]) {
    check_each_stays((&PUSHED, &PULLED), fault, retries, &[], said);
}

#[track_caller]
fn check_each_stays(asked: (&[Asked], &[Asked]), fault: &Fault, retries: usize, more: &[&str], said: &[&str]) {
    let shown = retries.to_string();
    let more = [&["--retries", &shown], more].concat();
    let check = |scene: &Scene, run: &Run, method: &str, part: &str| {
        let seen = scene.registry.requests(method, part);
        // a blob at a time may be under way in each of four lanes, and all of them ask the same
        let lanes = if part == "/blobs/uploads/" { 4 } else { 1 };
        let log = scene.registry.shown();
        assert!(
            seen.len() > retries && seen.len() <= (retries + 1) * lanes,
            "{method} {part}: {} requests with {retries} retries{run}{log}",
            seen.len()
        );
        let path = if part.contains("/manifests/1.0") || part.contains(':') {
            seen[0].path.as_str()
        } else {
            "/v2/acme/hello/blobs/uploads/"
        };
        // what comes back to a HEAD has no body
        let said = if method == "HEAD" { &said[..1] } else { said };
        scene.check_told(run, method, path, said);
    };
    for (method, part) in asked.0 {
        let scene = Scene::new();
        let part = scene.part(part);
        scene.registry.fault(method, part.as_str(), .., fault.clone());
        let run = scene.push_fails(&more);
        check(&scene, &run, method, &part);
    }
    for (method, part) in asked.1 {
        let scene = Scene::filled();
        let part = scene.part(part);
        scene.registry.fault(method, part.as_str(), .., fault.clone());
        let run = scene.pull_fails(&more);
        check(&scene, &run, method, &part);
    }
}

#[test]
fn connections_that_close_without_an_answer_pass() {
    check_passes(&Fault::Close);
}

#[test]
fn connections_that_are_reset_pass() {
    check_passes(&Fault::Reset);
}

#[test]
fn silence_passes() {
    check_each_passes(&FEW_PUSHED, &FEW_PULLED, &Fault::Stall, &["--timeout", "1"]);
}

#[test]
fn what_is_slow_but_alive_is_waited_for() {
    let pause = Duration::from_millis(400);
    let scene = Scene::filled();
    let path = scene.big_path();
    scene.registry.fault("GET", path.as_str(), .., Fault::SlowBody(pause));
    scene.pull_works(&["--timeout", "2"]);
    assert_eq!(scene.registry.count("GET", &path), 1, "{}", scene.registry.shown());

    // more than all buffers on the way hold, so that the pauses are felt
    let scene = Scene::new();
    let maker = LayoutMaker::new(&scene.sandbox.join("slow"));
    let content = noise(64 << 20, 4);
    let layer = maker.blob(OCI_LAYER, content.as_bytes());
    let hex = text(&layer, "digest").replace("sha256:", "");
    let diff_id = sha256(content.as_bytes());
    let mut entry = maker.image_of(OCI_MANIFEST, OCI_CONFIG, "amd64", &[layer], &[diff_id]);
    entry["annotations"] = json!({ REF_NAME: "1" });
    maker.index_file(&json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] }));
    let slowly = Fault::SlowTake(16 << 20, Duration::from_millis(100));
    scene.registry.fault("PUT", hex.as_str(), .., slowly);
    let name = scene.registry.name("acme/slow:1");
    bounded(&scene.sandbox, &args(&["push", "slow", &name], &["--timeout", "2"])).ok();
    assert_eq!(scene.registry.count("PUT", &hex), 1, "{}", scene.registry.shown());
    assert!(scene.registry.tag("acme/slow", "1").is_some());
}

#[test]
fn mounts_that_fail_are_no_reason_to_fail() {
    for reply in [
        Reply::error(404, "NAME_UNKNOWN", "no such repository"),
        Reply::error(403, "DENIED", "not from there"),
        Reply::error(405, "UNSUPPORTED", "no mounts here"),
        unavailable().header("Retry-After", "0"),
    ] {
        let scene = Scene::new();
        scene.registry.fault("POST", "mount=", .., Fault::Answer(reply));
        scene.push_works(&["--mount-from", "acme/other", "--retries", "1"]);
    }
}

#[test]
fn answers_that_say_later_pass() {
    check_passes(&Fault::Answer(unavailable()));
    for status in [408, 429, 500, 502, 504] {
        let reply = Reply::error(status, "TOOMANYREQUESTS", "later").header("Retry-After", "0");
        check_each_passes(&FEW_PUSHED, &FEW_PULLED, &Fault::Answer(reply), &[]);
    }
}

#[test]
fn answers_that_are_no_json_pass() {
    let page = Reply::new(502)
        .header("Content-Type", "text/html")
        .body("<html><h1>Bad Gateway</h1></html>");
    check_each_passes(&FEW_PUSHED, &FEW_PULLED, &Fault::Answer(page), &[]);
}

#[test]
fn what_was_done_but_not_answered_passes() {
    check_passes(&Fault::DoneThenClose);
    let scene = Scene::new();
    scene
        .registry
        .fault("PATCH", "/blobs/uploads/", 1..=1, Fault::DoneThenClose);
    scene.push_works(&["--chunk-size", "1"]);
}

#[test]
fn several_faults_one_after_the_other_pass() {
    let scene = Scene::new();
    let part = "/manifests/1.0";
    scene.registry.fault("PUT", part, 1..=1, Fault::Reset);
    scene.registry.fault("PUT", part, 2..=2, Fault::Answer(unavailable()));
    scene.registry.fault("PUT", part, 3..=3, Fault::Close);
    scene.push_works(&[]);
    assert_eq!(scene.registry.count("PUT", part), 4, "{}", scene.registry.shown());
}

#[test]
fn connections_that_always_close_are_told() {
    check_stays(&Fault::Close, 2, &["connection"]);
}

#[test]
fn connections_that_are_always_reset_are_told() {
    check_stays(&Fault::Reset, 2, &["reset"]);
}

#[test]
fn lasting_silence_is_told() {
    let few: (&[Asked], &[Asked]) = (&FEW_PUSHED, &FEW_PULLED);
    check_each_stays(few, &Fault::Stall, 1, &["--timeout", "1"], &["1 s"]);
}

#[test]
fn a_lasting_503_is_told_with_code_and_message() {
    let said = ["503", "UNAVAILABLE", "come back when the disk is mended"];
    check_stays(&Fault::Answer(unavailable()), 2, &said);
}

#[test]
fn a_lasting_429_is_told_with_code_and_message() {
    let reply = Reply::error(429, "TOOMANYREQUESTS", "pull rate limit of 100").header("Retry-After", "0");
    let said = ["429", "TOOMANYREQUESTS", "pull rate limit of 100"];
    check_stays(&Fault::Answer(reply), 2, &said);
}

#[test]
fn no_retries_means_one_request() {
    check_stays(&Fault::Answer(unavailable()), 0, &["503"]);
}

/// The second request of a kind comes no sooner than this after the first, which was answered so.
#[track_caller]
fn check_waits(reply: &dyn Fn() -> Reply, least: Duration) {
    let check = |scene: &Scene, method: &str| {
        let seen = scene.registry.requests(method, "/manifests/1.0");
        let waited = seen[1].at - seen[0].at;
        assert!(
            waited >= least,
            "{method} again after {waited:?}{}",
            scene.registry.shown()
        );
    };
    let scene = Scene::new();
    let part = "/manifests/1.0";
    scene.registry.fault("PUT", part, 1..=1, Fault::Answer(reply()));
    scene.push_works(&[]);
    check(&scene, "PUT");
    let scene = Scene::filled();
    scene.registry.fault("GET", part, 1..=1, Fault::Answer(reply()));
    scene.pull_works(&[]);
    check(&scene, "GET");
}

#[test]
fn a_number_of_seconds_to_wait_is_waited_for() {
    for status in [429, 503] {
        let reply = || Reply::error(status, "TOOMANYREQUESTS", "later").header("Retry-After", "2");
        check_waits(&reply, Duration::from_secs(2));
    }
}

#[test]
fn a_time_to_wait_for_is_waited_for() {
    let reply = || {
        let then = Timestamp::try_from(SystemTime::now() + Duration::from_secs(3)).unwrap();
        let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&then).unwrap();
        Reply::error(429, "TOOMANYREQUESTS", "later").header("Retry-After", date)
    };
    // the time has whole seconds, and the push comes to this request a little later
    check_waits(&reply, Duration::from_millis(1_200));
}

#[test]
fn a_wait_that_makes_no_sense_does_not_hold_it_up() {
    let long_ago = "Wed, 21 Oct 2015 07:28:00 GMT";
    for value in [
        "",
        "soon",
        "-5",
        "1e9",
        long_ago,
        "0.5",
        "Wed, 99 Foo 2015 07:28:00 GMT",
    ] {
        let reply = Reply::error(429, "TOOMANYREQUESTS", "later").header("Retry-After", value);
        let scene = Scene::filled();
        let part = "/manifests/1.0";
        scene.registry.fault("GET", part, 1..=1, Fault::Answer(reply));
        scene.pull_works(&[]);
    }
}

#[test]
fn a_wait_without_reason_ends_in_an_error_and_not_in_a_day() {
    for value in ["86400", "99999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let reply = Reply::error(429, "TOOMANYREQUESTS", "quota of the day").header("Retry-After", value);
        let scene = Scene::filled();
        scene.registry.fault("GET", "/manifests/1.0", .., Fault::Answer(reply));
        let run = scene.pull_fails(&[]);
        let path = "/v2/acme/hello/manifests/1.0";
        scene.check_told(&run, "GET", path, &["429", "quota of the day"]);
    }
}

#[test]
fn a_request_that_is_refused_is_made_once() {
    for (status, code) in [(400, "MANIFEST_INVALID"), (403, "DENIED"), (413, "SIZE_INVALID")] {
        let reply = Reply::error(status, code, "not this one");
        let scene = Scene::new();
        let part = "/manifests/1.0";
        scene.registry.fault("PUT", part, .., Fault::Answer(reply.clone()));
        let run = scene.push_fails(&[]);
        assert_eq!(scene.registry.count("PUT", part), 1, "{run}{}", scene.registry.shown());
        let scene = Scene::filled();
        scene.registry.fault("GET", part, .., Fault::Answer(reply));
        let run = scene.pull_fails(&[]);
        assert_eq!(scene.registry.count("GET", part), 1, "{run}{}", scene.registry.shown());
    }
}

#[test]
fn the_same_command_goes_on_where_one_that_failed_has_stopped() {
    let scene = Scene::new();
    let big = scene.big_hex().to_owned();
    scene.registry.fault("PUT", "/manifests/1.0", .., Fault::Reset);
    scene.push_fails(&["--retries", "0"]);
    scene.registry.recover();
    scene.push_works(&[]);
    assert_eq!(scene.registry.count("PUT", &big), 0, "{}", scene.registry.shown());

    scene.registry.fault("GET", big.as_str(), .., Fault::Close);
    // the others have the time of two waits
    scene.pull_fails(&["--retries", "2"]);
    let fetched = scene.registry.requests("GET", "/blobs/");
    let whole: Vec<_> = fetched.iter().filter(|seen| !seen.path.contains(&big)).collect();
    assert!(!whole.is_empty(), "{}", scene.registry.shown());
    scene.registry.recover();
    scene.pull_works(&[]);
    for seen in whole {
        let again = scene.registry.count("GET", &seen.path);
        assert_eq!(again, 0, "{} was fetched again{}", seen.path, scene.registry.shown());
    }
    assert_eq!(scene.registry.count("GET", &big), 1, "{}", scene.registry.shown());
}
