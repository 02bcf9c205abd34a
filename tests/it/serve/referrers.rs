//! The referrers API: what signs or describes an image.

use super::*;
use crate::support::http::header;

fn referrers(served: &Served, rest: &str) -> Answer {
    let answer = served.get(&format!("/v2/acme/hello/referrers/{rest}"));
    assert_eq!(answer.status, 200, "{answer:#?}");
    assert_eq!(answer.header("Content-Type"), OCI_INDEX);
    let index = answer.json();
    assert_eq!(index["schemaVersion"], 2, "{index:#}");
    assert_eq!(index["mediaType"], OCI_INDEX, "{index:#}");
    assert!(index["manifests"].is_array(), "{index:#}");
    answer
}

fn digests(answer: &Answer) -> Vec<String> {
    let index = answer.json();
    let mut found: Vec<_> = array(&index, "manifests")
        .iter()
        .map(|entry| text(entry, "digest").to_owned())
        .collect();
    found.sort();
    found
}

#[test]
fn what_refers_to_an_image_is_listed() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    let answer = referrers(&served, source.digest());
    let mut expected = source.referrers.clone();
    expected.sort();
    assert_eq!(digests(&answer), expected);
    assert_eq!(header(&answer.headers, "OCI-Filters-Applied"), None);
    for entry in array(&answer.json(), "manifests") {
        let kind = text(entry, "artifactType");
        assert_eq!(entry["annotations"]["of"], kind, "{entry:#}");
        assert_eq!(entry["mediaType"], OCI_MANIFEST);
        let manifest = served.get(&format!("/v2/acme/hello/manifests/{}", text(entry, "digest")));
        assert_eq!(manifest.status, 200, "{manifest:#?}");
        assert_eq!(entry["size"], manifest.body.len());
        assert_eq!(sha256(&manifest.body), text(entry, "digest"));
        let layer = &manifest.json()["layers"][0];
        let blob = served.get(&format!("/v2/acme/hello/blobs/{}", text(layer, "digest")));
        assert_eq!(blob.body, kind.as_bytes());
    }
}

#[test]
fn a_kind_can_be_asked_for() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    let plus = BILL.replace('+', "%2B");
    for (kind, expected) in [
        (SIGNATURE, vec![source.referrers[0].clone()]),
        ("application%2Fx-signature", vec![source.referrers[0].clone()]),
        (&plus, vec![source.referrers[1].clone()]),
        ("application/none", vec![]),
    ] {
        let answer = referrers(&served, &format!("{}?artifactType={kind}", source.digest()));
        assert_eq!(digests(&answer), expected, "{kind}");
        assert_eq!(answer.header("OCI-Filters-Applied"), "artifactType", "{kind}");
    }
}

#[test]
fn what_nothing_refers_to_has_an_empty_list() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    let missing = format!("sha256:{}", "0".repeat(64));
    for digest in [source.layout.digest("2.0"), &missing] {
        let answer = referrers(&served, digest);
        assert!(digests(&answer).is_empty(), "{digest}");
    }
    let answer = served.get("/v2/acme/hello/referrers/nonsense");
    assert_eq!(answer.status, 400, "{answer:#?}");
    let answer = served.get(&format!("/v2/acme/none/referrers/{missing}"));
    assert!(answer.status == 404 || answer.status == 200, "{answer:#?}");
}
