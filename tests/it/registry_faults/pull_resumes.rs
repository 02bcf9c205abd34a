//! Downloads that break: they go on behind the last byte that came, and what comes is verified whole.

use super::*;
use crate::support::fault_registry::Seen;

/// How much of the large layer comes before the download breaks.
const CAME: usize = 1_234_567;

impl Scene {
    fn downloads(&self) -> Vec<Seen> {
        self.registry.requests("GET", &self.big_path())
    }
}

/// The first and the second download of the large layer meet these faults; all is right in the end.
#[track_caller]
fn check_goes_on(first: Fault, second: Option<Fault>) -> Vec<Seen> {
    let scene = Scene::filled();
    let path = scene.big_path();
    scene.registry.fault("GET", path.as_str(), 1..=1, first);
    if let Some(second) = second {
        scene.registry.fault("GET", path.as_str(), 2..=2, second);
    }
    scene.pull_works(&["--timeout", "2"]);
    scene.downloads()
}

#[test]
fn a_body_that_ends_too_early_goes_on_behind_what_came() {
    for came in [1, 1000, CAME, BIG] {
        let seen = check_goes_on(Fault::CutBody(came), None);
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0].header("Range"), None);
        let range = format!("bytes={came}-");
        assert_eq!(seen[1].header("Range"), Some(range.as_str()));
        assert_eq!(seen[1].status, Some(206));
    }
}

#[test]
fn a_body_that_stops_goes_on_behind_what_came() {
    let seen = check_goes_on(Fault::StallBody(CAME), None);
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1].header("Range"), Some("bytes=1234567-"));
}

#[test]
fn a_body_that_is_reset_goes_on_behind_what_came() {
    let seen = check_goes_on(Fault::ResetBody(CAME), None);
    assert_eq!(seen.len(), 2);
    // a reset may overtake bytes that were sent before it
    if let Some(range) = seen[1].header("Range") {
        let start = range.strip_prefix("bytes=").and_then(|range| range.strip_suffix('-'));
        assert!(start.unwrap().parse::<usize>().unwrap() <= CAME, "{range}");
    }
}

#[test]
fn a_body_that_breaks_before_its_first_byte_comes_whole() {
    let seen = check_goes_on(Fault::CutBody(0), None);
    assert_eq!(seen.len(), 2);
}

#[test]
fn a_body_that_breaks_again_goes_on_again() {
    let seen = check_goes_on(Fault::CutBody(CAME), Some(Fault::CutBody(1000)));
    let ranges: Vec<_> = seen.iter().map(|seen| seen.header("Range")).collect();
    assert_eq!(ranges, [None, Some("bytes=1234567-"), Some("bytes=1235567-")]);
}

#[test]
fn a_registry_that_knows_no_ranges_sends_it_all_again() {
    check_goes_on(Fault::CutBody(CAME), Some(Fault::IgnoreRange));
}

#[test]
fn a_registry_that_sends_another_range_is_not_believed() {
    check_goes_on(Fault::CutBody(CAME), Some(Fault::WrongRange));
    let range = Fault::Header("Content-Range", "bytes 7-9/10".to_owned());
    check_goes_on(Fault::CutBody(CAME), Some(range));
    let range = Fault::Header("Content-Range", "nonsense".to_owned());
    check_goes_on(Fault::CutBody(CAME), Some(range));
}

#[test]
fn a_registry_that_refuses_the_range_sends_it_all_again() {
    let reply = Reply::error(416, "RANGE_INVALID", "no such range");
    check_goes_on(Fault::CutBody(CAME), Some(Fault::Answer(reply)));
}

#[test]
fn a_rest_with_other_bytes_is_not_taken_for_good() {
    check_goes_on(Fault::CutBody(CAME), Some(Fault::OtherBytes));
}

#[test]
fn a_rest_that_is_out_of_order_for_a_moment_is_asked_for_again() {
    let seen = check_goes_on(Fault::CutBody(CAME), Some(Fault::Answer(unavailable())));
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[2].header("Range"), Some("bytes=1234567-"));
}

#[test]
fn a_body_with_other_bytes_is_asked_for_again() {
    check_goes_on(Fault::OtherBytes, None);
}

#[test]
fn a_body_that_is_said_to_be_shorter_is_asked_for_again() {
    check_goes_on(Fault::ShortBody(CAME), None);
}

#[test]
fn manifests_that_break_are_asked_for_again() {
    let parts = |scene: &Scene| [scene.digest().to_owned(), scene.children().remove(1), "1.0".to_owned()];
    for at in 0..3 {
        for fault in [
            Fault::CutBody(0),
            Fault::CutBody(20),
            Fault::ResetBody(20),
            Fault::StallBody(20),
        ] {
            let scene = Scene::filled();
            let part = format!("/manifests/{}", parts(&scene)[at]);
            // by the tag or by the digest, as the tool likes it
            let is_root = at != 1;
            scene.registry.fault("GET", part.as_str(), 1..=1, fault);
            if is_root {
                let run = scene.pull(&["--timeout", "1"]);
                assert_eq!(run.digest(), scene.digest());
                LayoutView::open(scene.pulled()).check_whole();
            } else {
                scene.pull_works(&["--timeout", "1"]);
            }
        }
    }
}

/// The large layer always comes so: the pull fails, names the layer, and asks for it a bounded number of times.
#[track_caller]
fn check_refused(fault: Fault, said: &[&str]) {
    let scene = Scene::filled();
    let path = scene.big_path();
    scene.registry.fault("GET", path.as_str(), .., fault);
    let run = scene.pull_fails(&["--retries", "2", "--timeout", "5"]);
    run.stderr_has(scene.big_hex());
    for text in said {
        run.stderr_has(text);
    }
    let tried = scene.downloads().len();
    assert!(tried <= 3, "{tried} requests{run}{}", scene.registry.shown());
    let layout = LayoutView::open(scene.pulled());
    assert!(!layout.blob_path(&scene.big).exists(), "{run}");
}

#[test]
fn a_body_that_always_has_other_bytes_is_told() {
    check_refused(Fault::OtherBytes, &["digest"]);
}

#[test]
fn a_registry_that_never_sends_more_than_a_piece_is_asked_for_piece_after_piece() {
    let scene = Scene::filled();
    scene
        .registry
        .fault("GET", scene.big_path(), .., Fault::ShortBody(CAME));
    scene.pull_works(&["--retries", "2"]);
    let pieces = scene.source.blob(&scene.big).len().div_ceil(CAME);
    assert_eq!(scene.downloads().len(), pieces, "{}", scene.registry.shown());
}

#[test]
fn a_body_that_is_always_too_short_is_told() {
    check_refused(Fault::ShortBody(0), &[]);
}

#[test]
fn a_body_that_always_ends_too_early_is_told() {
    check_refused(Fault::CutBody(0), &[]);
}

#[test]
fn a_body_that_is_too_long_is_told() {
    check_refused(Fault::LongBody(1), &[]);
    check_refused(Fault::LongBody(1 << 20), &[]);
}
