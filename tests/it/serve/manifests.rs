//! Manifests, by tag and by digest.

use super::*;
use crate::support::http::header;

#[test]
fn the_root_says_which_version_it_speaks() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    for target in ["/v2/", "/v2"] {
        let answer = served.get(target);
        assert_eq!(answer.status, 200, "{answer:#?}");
        assert_eq!(answer.header("Docker-Distribution-API-Version"), "registry/2.0");
    }
}

#[test]
fn every_name_leads_to_its_manifest() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    for (repository, tag, ref_name) in NAMES {
        let entry = source.layout.entry(ref_name);
        let digest = text(entry, "digest");
        for reference in [tag, digest] {
            let target = format!("/v2/{repository}/manifests/{reference}");
            let answer = served.get(&target);
            assert_eq!(answer.status, 200, "{target}: {answer:#?}");
            assert_eq!(answer.header("Content-Type"), text(entry, "mediaType"), "{target}");
            assert_eq!(answer.header("Docker-Content-Digest"), digest, "{target}");
            assert_eq!(
                answer.header("Content-Length"),
                answer.body.len().to_string(),
                "{target}"
            );
            assert!(answer.body == source.layout.blob(digest), "{target}");
        }
    }
}

#[test]
fn the_images_of_an_index_are_there_by_digest() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    let index = source.layout.json(source.digest());
    for child in array(&index, "manifests") {
        let digest = text(child, "digest");
        let answer = served.get(&format!("/v2/acme/hello/manifests/{digest}"));
        assert_eq!(answer.status, 200, "{answer:#?}");
        assert_eq!(answer.header("Content-Type"), OCI_MANIFEST);
        assert_eq!(answer.header("Docker-Content-Digest"), digest);
        assert!(answer.body == source.layout.blob(digest));
    }
}

#[test]
fn a_head_has_the_headers_of_a_get_and_no_body() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    let missing = format!("sha256:{}", "0".repeat(64));
    for target in [
        "/v2/".to_owned(),
        "/v2/acme/hello/manifests/1.0".to_owned(),
        format!("/v2/acme/hello/manifests/{}", source.digest()),
        source.layer_path(),
        "/v2/acme/hello/manifests/none".to_owned(),
        format!("/v2/acme/hello/blobs/{missing}"),
    ] {
        let get = served.get(&target);
        let mut connection = http::Connection::open(served.address);
        let head = connection.request("HEAD", &target, &[]);
        assert_eq!(head.status, get.status, "{target}");
        assert!(head.body.is_empty(), "{target}");
        let named = |answer: &Answer| {
            let mut headers: Vec<_> = answer
                .headers
                .iter()
                .map(|(name, value)| (name.to_lowercase(), value.clone()))
                .filter(|(name, _)| name != "date")
                .collect();
            headers.sort();
            headers
        };
        assert_eq!(named(&head), named(&get), "{target}");
        // no byte of a body stands before the next answer
        let next = connection.request("GET", "/v2/", &[]);
        assert_eq!(next.status, 200, "{target}");
    }
}

#[test]
fn what_is_not_there_is_told_apart() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    let missing = format!("sha256:{}", "0".repeat(64));
    for (target, code) in [
        ("/v2/acme/hello/manifests/9.9".to_owned(), "MANIFEST_UNKNOWN"),
        (format!("/v2/acme/hello/manifests/{missing}"), "MANIFEST_UNKNOWN"),
        (format!("/v2/acme/hello/blobs/{missing}"), "BLOB_UNKNOWN"),
        ("/v2/acme/none/manifests/1.0".to_owned(), "NAME_UNKNOWN"),
        (format!("/v2/acme/none/blobs/{}", source.layer), "NAME_UNKNOWN"),
        ("/v2/acme/none/tags/list".to_owned(), "NAME_UNKNOWN"),
        ("/v2/registry.test/acme/hello/manifests/1.0".to_owned(), "NAME_UNKNOWN"),
    ] {
        check_error(&served.get(&target), 404, code);
    }
}

#[test]
fn what_can_be_no_digest_is_refused() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    for digest in [
        "sha256:abc",
        "sha256:",
        "sha256",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
        ":",
    ] {
        for kind in ["blobs", "manifests"] {
            let answer = served.get(&format!("/v2/acme/hello/{kind}/{digest}"));
            assert!(
                answer.status == 400 || answer.status == 404,
                "{kind}/{digest}: {answer:#?}"
            );
            let body = answer.json();
            assert_eq!(array(&body, "errors").len(), 1, "{body:#}");
        }
    }
}

#[test]
fn a_manifest_that_is_damaged_is_not_served_as_good() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    let path = source.layout.blob_path(source.digest());
    let mut content = std::fs::read(&path).unwrap();
    content[10] ^= 1;
    std::fs::write(&path, &content).unwrap();
    for reference in ["1.0", source.digest()] {
        let answer = served.get(&format!("/v2/acme/hello/manifests/{reference}"));
        assert_eq!(answer.status, 500, "{answer:#?}");
        assert_eq!(header(&answer.headers, "Docker-Content-Digest"), None);
        assert_ne!(answer.body, content);
    }
    // the others are as they were
    assert_eq!(served.get("/v2/acme/hello/manifests/2.0").status, 200);
    served.wait_for(source.digest().strip_prefix("sha256:").unwrap());
}

#[test]
fn a_manifest_whose_file_is_gone_is_not_there() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    std::fs::remove_file(source.layout.blob_path(source.digest())).unwrap();
    let answer = served.get("/v2/acme/hello/manifests/1.0");
    assert!(answer.status == 404 || answer.status == 500, "{answer:#?}");
    assert_eq!(served.get("/v2/acme/hello/manifests/2.0").status, 200);
}
