//! Uploads that break: they go on where the registry says, and not from the first byte.

use super::*;
use crate::support::fault_registry::{Location, Seen};

/// How much of the large layer the registry has when the upload breaks.
const TAKEN: u64 = 1_234_567;

impl Scene {
    fn big_size(&self) -> u64 {
        self.source.blob(&self.big).len() as u64
    }

    /// The requests to the uploads that the large layer came in, in their order: those that end in a PUT for it.
    fn uploads_of_big(&self) -> Vec<Seen> {
        let finals = self.registry.requests("PUT", self.big_hex());
        let paths: Vec<_> = finals.iter().map(|seen| seen.path.as_str()).collect();
        let mut log = self.registry.log();
        log.retain(|seen| paths.contains(&seen.path.as_str()));
        log
    }
}

/// Where a piece begins.
fn start_of(seen: &Seen) -> Option<u64> {
    let range = seen.header("Content-Range")?;
    range
        .strip_prefix("bytes ")
        .unwrap_or(range)
        .split('-')
        .next()?
        .parse()
        .ok()
}

/// The push has worked although the upload broke when the registry had `taken` bytes: after the fault it was asked
/// where the upload stands, went on there, and sent nothing twice.
#[track_caller]
fn check_resumed(scene: &Scene, taken: u64) {
    let log = scene.registry.shown();
    let seen = scene.uploads_of_big();
    let asked = seen.iter().position(|seen| seen.method == "GET");
    let asked = asked.unwrap_or_else(|| panic!("nobody asked where the upload stands{log}"));
    assert_eq!(seen[asked].status, Some(204), "{log}");
    let rest: Vec<_> = seen[asked..].iter().filter(|seen| seen.body > 0).collect();
    assert_eq!(start_of(rest[0]), Some(taken), "{log}");
    let sent: u64 = rest.iter().map(|seen| seen.body).sum();
    assert_eq!(sent, scene.big_size() - taken, "{log}");
    for pair in rest.windows(2).filter(|pair| pair[1].header("Content-Range").is_some()) {
        assert_eq!(
            start_of(pair[1]),
            start_of(pair[0]).map(|start| start + pair[0].body),
            "{log}"
        );
    }
}

#[test]
fn a_body_that_breaks_goes_on_at_the_offset_of_the_registry() {
    for location in [Location::Absolute, Location::Relative, Location::Query] {
        let scene = Scene::new();
        scene.registry.habits(|habits| habits.location = location);
        let big = scene.big_hex();
        scene.registry.fault("PUT", big, 1..=1, Fault::TakeThenReset(TAKEN));
        scene.push_works(&[]);
        check_resumed(&scene, TAKEN);
    }
}

#[test]
fn a_body_that_is_no_more_read_goes_on_at_the_offset_of_the_registry() {
    let scene = Scene::new();
    let big = scene.big_hex();
    scene.registry.fault("PUT", big, 1..=1, Fault::TakeThenStall(TAKEN));
    scene.push_works(&["--timeout", "1"]);
    check_resumed(&scene, TAKEN);
}

#[test]
fn a_body_that_breaks_twice_goes_on_twice() {
    let scene = Scene::new();
    let big = scene.big_hex();
    scene.registry.fault("PUT", big, 1..=1, Fault::TakeThenReset(TAKEN));
    // what comes next is a chunk, or all of the rest
    scene
        .registry
        .fault("PATCH", "/blobs/uploads/", 1..=1, Fault::TakeThenReset(TAKEN));
    scene.registry.fault("PUT", big, 2..=2, Fault::TakeThenReset(TAKEN));
    let run = scene.push(&[]);
    run.ok();
    scene
        .registry
        .check_holds(REPOSITORY, "1.0", &scene.source, scene.entry());
    let sent: u64 = scene.uploads_of_big().iter().map(|seen| seen.body).sum();
    assert_eq!(sent, scene.big_size(), "{}", scene.registry.shown());
}

#[test]
fn a_body_that_breaks_before_its_first_byte_is_sent_whole() {
    let scene = Scene::new();
    let big = scene.big_hex();
    scene.registry.fault("PUT", big, 1..=1, Fault::TakeThenReset(0));
    scene.push_works(&[]);
}

#[test]
fn a_body_of_which_one_byte_came_is_not_taken_for_none() {
    // of one byte and of none the registry says the same: 0-0
    let scene = Scene::new();
    let big = scene.big_hex();
    scene.registry.fault("PUT", big, 1..=1, Fault::TakeThenReset(1));
    scene.push_works(&[]);
}

#[test]
fn a_body_that_came_whole_but_was_not_answered_is_not_sent_again() {
    let scene = Scene::new();
    let (big, size) = (scene.big_hex(), scene.big_size());
    scene.registry.fault("PUT", big, 1..=1, Fault::TakeThenReset(size));
    scene.push_works(&[]);
    let sent: u64 = scene.uploads_of_big().iter().map(|seen| seen.body).sum();
    assert_eq!(sent, size, "{}", scene.registry.shown());

    let scene = Scene::new();
    scene
        .registry
        .fault("PUT", scene.big_hex(), 1..=1, Fault::DoneThenClose);
    scene.push_works(&[]);
    let sent: u64 = scene.uploads_of_big().iter().map(|seen| seen.body).sum();
    assert_eq!(sent, size, "{}", scene.registry.shown());
}

#[test]
fn a_chunk_that_breaks_goes_on_at_the_offset_of_the_registry() {
    let faults = [
        Fault::TakeThenReset(TAKEN),
        Fault::Reset,
        Fault::Close,
        Fault::DoneThenClose,
        Fault::Answer(unavailable()),
        Fault::OutOfStep(TAKEN),
        Fault::OutOfStep(0),
        Fault::TakePart(1),
        Fault::TakePart(TAKEN),
    ];
    for fault in faults {
        let scene = Scene::new();
        scene.registry.habits(|habits| habits.location = Location::Query);
        // the second chunk of the large layer
        scene.registry.fault("PATCH", " 2097152-", 1..=1, fault.clone());
        scene.push_works(&["--chunk-size", "2"]);
    }
}

#[test]
fn a_chunk_that_was_taken_in_part_goes_on_behind_that_part() {
    let scene = Scene::new();
    let chunk = 2 << 20;
    // only the large layer has chunks of this size
    let is_big = |seen: &&Seen| seen.header("Content-Length") == Some("2097152");
    scene
        .registry
        .fault("PATCH", "/blobs/uploads/", .., Fault::TakePart(TAKEN));
    let run = scene.push(&["--chunk-size", "2", "--jobs", "1"]);
    run.ok();
    scene
        .registry
        .check_holds(REPOSITORY, "1.0", &scene.source, scene.entry());
    let patches = scene.registry.requests("PATCH", "/blobs/uploads/");
    let of_big: Vec<_> = patches.iter().filter(is_big).collect();
    assert!(of_big.len() > 2, "{}", scene.registry.shown());
    for (at, seen) in of_big.iter().enumerate() {
        let start = TAKEN * at as u64;
        let expected = format!("{start}-{}", start + chunk - 1);
        assert_eq!(
            seen.header("Content-Range"),
            Some(expected.as_str()),
            "{}",
            scene.registry.shown()
        );
    }
}

#[test]
fn an_upload_that_is_lost_begins_anew() {
    let scene = Scene::new();
    scene.registry.fault("PUT", scene.big_hex(), 1..=1, Fault::LoseUpload);
    scene.push_works(&[]);
    for start in [" 1048576-", " 2097152-"] {
        let scene = Scene::new();
        scene.registry.fault("PATCH", start, 1..=1, Fault::LoseUpload);
        scene.push_works(&["--chunk-size", "1"]);
    }
}

#[test]
fn an_upload_that_is_lost_while_it_breaks_begins_anew() {
    let scene = Scene::new();
    scene
        .registry
        .fault("PUT", scene.big_hex(), 1..=1, Fault::TakeThenReset(TAKEN));
    scene.registry.fault("GET", "/blobs/uploads/", 1..=1, Fault::LoseUpload);
    scene.push_works(&[]);
}

#[test]
fn an_upload_that_is_always_lost_is_told() {
    let scene = Scene::new();
    scene.registry.fault("PUT", scene.big_hex(), .., Fault::LoseUpload);
    let run = scene.push_fails(&["--retries", "2"]);
    let path = "/v2/acme/hello/blobs/uploads/";
    scene.check_told(
        &run,
        "PUT",
        path,
        &["404", "BLOB_UPLOAD_UNKNOWN", "the upload is not known"],
    );
    let tried = scene.registry.count("PUT", scene.big_hex());
    assert!((2..=4).contains(&tried), "{tried}{}", scene.registry.shown());
}

#[test]
fn where_the_upload_stands_is_not_believed_when_it_makes_no_sense() {
    let size = BIG as u64 * 4;
    for range in [
        "0-",
        "abc",
        "",
        "-5",
        "99999999999999999999999-1",
        "0-18446744073709551615",
        &format!("0-{size}"),
    ] {
        let scene = Scene::new();
        let part = "/blobs/uploads/";
        scene
            .registry
            .fault("PUT", scene.big_hex(), 1..=1, Fault::TakeThenReset(TAKEN));
        scene
            .registry
            .fault("GET", part, 1..=1, Fault::Header("Range", range.to_owned()));
        let run = scene.push(&[]);
        scene.check_ended(&run);
        // an error or the right result, never half of it
        if run.code == 0 {
            scene.check_pushed(&run);
        } else {
            run.failed(1);
            assert_eq!(scene.registry.tag(REPOSITORY, "1.0"), None, "{range}{run}");
        }
    }
}

#[test]
fn a_body_that_keeps_breaking_is_told() {
    let scene = Scene::new();
    scene
        .registry
        .fault("PUT", scene.big_hex(), .., Fault::TakeThenReset(0));
    scene
        .registry
        .fault("GET", "/blobs/uploads/", .., Fault::TakeThenReset(0));
    scene
        .registry
        .fault("PATCH", "/blobs/uploads/", .., Fault::TakeThenReset(0));
    let run = scene.push(&["--retries", "2"]);
    scene.check_ended(&run);
    run.failed(1)
        .stderr_has("/v2/acme/hello/blobs/uploads/")
        .stderr_has("hint: ");
    assert_eq!(scene.registry.tag(REPOSITORY, "1.0"), None, "{run}");
    assert!(scene.registry.log().len() < 60, "{run}{}", scene.registry.shown());
}

#[test]
fn a_local_blob_that_changed_is_not_sent_as_good() {
    let scene = Scene::new();
    let path = scene.source.blob_path(&scene.big);
    let mut content = fs::read(&path).unwrap();
    content[BIG / 2] ^= 1;
    fs::write(&path, content).unwrap();
    let run = scene.push_fails(&[]);
    run.stderr_has(scene.big_hex());
    assert_eq!(scene.registry.blob(REPOSITORY, &scene.big), None);
}

#[test]
fn a_local_blob_that_changed_is_seen_though_the_registry_mounts_it() {
    let scene = Scene::new();
    scene
        .registry
        .put_image("acme/other", Some("x"), &scene.source, scene.entry());
    let path = scene.source.blob_path(&scene.big);
    let mut content = fs::read(&path).unwrap();
    content[BIG / 2] ^= 1;
    fs::write(&path, content).unwrap();
    let run = scene.push_fails(&["--mount-from", "acme/other"]);
    run.stderr_has(scene.big_hex());
}
