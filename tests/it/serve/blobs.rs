//! Blobs, whole and in part.

use super::*;
use crate::support::http::header;

#[test]
fn blobs_come_whole() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    let manifest = source
        .layout
        .json(text(&source.layout.json(source.digest())["manifests"][0], "digest"));
    let layers = array(&manifest, "layers").iter();
    for blob in layers.chain([&manifest["config"]]) {
        let digest = text(blob, "digest");
        let answer = served.get(&format!("/v2/acme/hello/blobs/{digest}"));
        assert_eq!(answer.status, 200, "{answer:#?}");
        assert_eq!(answer.header("Content-Length"), blob["size"].to_string());
        assert_eq!(answer.header("Docker-Content-Digest"), digest);
        assert_eq!(answer.header("Accept-Ranges"), "bytes");
        assert_eq!(answer.header("Content-Type"), "application/octet-stream");
        assert!(answer.body == source.layout.blob(digest));
    }
}

#[test]
fn digests_may_be_percent_encoded() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    let target = source.layer_path().replace("sha256:", "sha256%3A");
    let answer = served.get(&target);
    assert_eq!(answer.status, 200, "{answer:#?}");
    assert!(answer.body == source.layout.blob(&source.layer));
}

#[test]
fn parts_come_as_they_are_asked_for() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    let whole = source.layout.blob(&source.layer);
    let size = whole.len();
    let check = |range: &str, first: usize, last: usize| {
        let target = source.layer_path();
        let answer = served.request("GET", &target, &[("Range", range)]);
        assert_eq!(answer.status, 206, "{range}: {answer:#?}");
        assert_eq!(
            answer.header("Content-Range"),
            format!("bytes {first}-{last}/{size}"),
            "{range}"
        );
        assert_eq!(
            answer.header("Content-Length"),
            (last + 1 - first).to_string(),
            "{range}"
        );
        assert!(answer.body == whole[first..=last], "{range}");
        let head = served.request("HEAD", &target, &[("Range", range)]);
        assert!(head.status == 206 || head.status == 200, "{range}: {head:#?}");
        assert!(head.body.is_empty());
    };
    check("bytes=0-0", 0, 0);
    check("bytes=0-99", 0, 99);
    check("bytes=100-299", 100, 299);
    check(&format!("bytes={}-{}", size - 1, size - 1), size - 1, size - 1);
    check("bytes=1000-", 1000, size - 1);
    check("bytes=0-", 0, size - 1);
    check("bytes=-10", size - 10, size - 1);
    check(&format!("bytes=-{}", size * 2), 0, size - 1);
    check(&format!("bytes=5-{}", size * 2), 5, size - 1);
    check("bytes=5-99999999999999999", 5, size - 1);
}

#[test]
fn parts_that_there_are_not_are_refused_with_the_size() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    let size = source.layout.blob(&source.layer).len();
    for range in [
        format!("bytes={size}-"),
        format!("bytes={size}-{}", size + 10),
        format!("bytes={}-", u64::MAX),
        "bytes=-0".to_owned(),
    ] {
        let answer = served.request("GET", &source.layer_path(), &[("Range", &range)]);
        assert_eq!(answer.status, 416, "{range}: {answer:#?}");
        assert_eq!(answer.header("Content-Range"), format!("bytes */{size}"), "{range}");
        assert!(answer.body.len() < 1000, "{range}");
    }
}

#[test]
fn ranges_that_make_no_sense_are_as_if_not_there() {
    // RFC 9110, 14.2: an invalid range is ignored; a server may refuse it, or send several as one
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    let whole = source.layout.blob(&source.layer);
    for range in [
        "bytes=9-5",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=1",
        "bytes=--5",
        "bytes=0x1-5",
        "bytes=99999999999999999999999999-",
        "lines=0-5",
        "0-5",
        "",
        "bytes=0-1,5-9",
    ] {
        let answer = served.request("GET", &source.layer_path(), &[("Range", range)]);
        match answer.status {
            200 => assert!(answer.body == whole, "{range}"),
            400 | 416 => assert!(answer.body.len() < 1000, "{range}"),
            206 => assert!(range.contains(',') && answer.body.len() < whole.len(), "{range}"),
            _ => panic!("{range}: {answer:#?}"),
        }
    }
}

#[test]
fn blobs_without_a_byte_come_too() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out.oci"));
    let layer = maker.blob(OCI_LAYER, b"");
    let mut entry = maker.image_of(OCI_MANIFEST, OCI_CONFIG, "amd64", &[layer], &[sha256(b"")]);
    entry["annotations"] = json!({ REF_NAME: "1" });
    maker.index_file(&json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] }));
    let served = Served::start(&sandbox);
    let target = format!("/v2/out/blobs/{}", sha256(b""));
    let answer = served.get(&target);
    assert_eq!(answer.status, 200, "{answer:#?}");
    assert_eq!(answer.header("Content-Length"), "0");
    assert!(answer.body.is_empty());
    let answer = served.request("GET", &target, &[("Range", "bytes=0-")]);
    assert!(answer.status == 416 || answer.status == 200, "{answer:#?}");
}

/// The layer's file is changed, also after it was `served_before`; it does not come with 200 or 206, whatever is
/// asked for.
#[track_caller]
fn check_damaged(served_before: bool, change: impl Fn(&mut Vec<u8>)) {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    if served_before {
        assert_eq!(served.get(&source.layer_path()).status, 200);
    }
    let path = source.layout.blob_path(&source.layer);
    let mut content = std::fs::read(&path).unwrap();
    change(&mut content);
    std::fs::write(&path, content).unwrap();
    for range in [None, Some("bytes=0-9"), Some("bytes=100-")] {
        let headers: Vec<_> = range.map(|range| ("Range", range)).into_iter().collect();
        let answer = served.request("GET", &source.layer_path(), &headers);
        assert_eq!(answer.status, 500, "{range:?}: {answer:#?}");
        assert_eq!(header(&answer.headers, "Docker-Content-Digest"), None);
        let body = answer.json();
        assert_eq!(array(&body, "errors").len(), 1, "{body:#}");
    }
    let hex = source.layer.strip_prefix("sha256:").unwrap();
    served.wait_for(hex);
}

#[test]
fn a_blob_that_is_damaged_is_not_served_as_good() {
    check_damaged(false, |content| content[12_345] ^= 1);
    check_damaged(false, |content| *content.last_mut().unwrap() ^= 1);
}

#[test]
fn a_blob_of_another_size_is_not_served_as_good() {
    check_damaged(false, |content| content.truncate(content.len() - 1));
    check_damaged(false, |content| content.push(0));
    check_damaged(false, Vec::clear);
}

#[test]
fn a_blob_that_is_damaged_after_it_was_served_is_not_served_as_good() {
    check_damaged(true, |content| content[12_345] ^= 1);
    check_damaged(true, |content| content.truncate(content.len() - 1));
    check_damaged(true, |content| content.push(0));
}

#[test]
fn a_blob_whose_file_is_gone_is_not_there() {
    let source = Source::new();
    let mut served = Served::start(&source.sandbox);
    std::fs::remove_file(source.layout.blob_path(&source.layer)).unwrap();
    let answer = served.get(&source.layer_path());
    assert!(answer.status == 404 || answer.status == 500, "{answer:#?}");
    served.check_alive();
}

#[test]
fn a_large_blob_comes_with_its_bytes() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out.oci"));
    let content: Vec<u8> = (0..40_000_000_u32)
        .map(|at| (at / 251).to_le_bytes()[at as usize % 4])
        .collect();
    let layer = maker.blob(OCI_LAYER, &content);
    let mut entry = maker.image_of(OCI_MANIFEST, OCI_CONFIG, "amd64", &[layer], &[sha256(&content)]);
    entry["annotations"] = json!({ REF_NAME: "1" });
    maker.index_file(&json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] }));
    let mut served = Served::start(&sandbox);
    let target = format!("/v2/out/blobs/{}", sha256(&content));
    let answer = served.get(&target);
    assert_eq!(answer.status, 200);
    assert!(answer.body == content);
    // who goes away in the middle is nobody's loss
    for _ in 0..5 {
        let mut connection = http::Connection::open(served.address);
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
        connection.send(request.as_bytes()).unwrap();
    }
    served.check_alive();
    let answer = served.request("GET", &target, &[("Range", "bytes=39999990-")]);
    assert!(answer.body == content[39_999_990..]);
}
