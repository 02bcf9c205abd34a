//! The repositories and their tags, whole and page by page.

use super::*;
use crate::support::http::header;

const REPOSITORIES: [&str; 4] = ["acme/hello", "acme/tools/deep/er", "full/name", "out"];

fn strings(value: &Value, field: &str) -> Vec<String> {
    let list = array(value, field).iter();
    list.map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// Follows `Link` from page to page; each has at most `n` names.
fn pages(served: &Served, target: &str, field: &str, n: usize) -> Vec<String> {
    let mut found = Vec::new();
    let mut next = Some(format!("{target}?n={n}"));
    while let Some(target) = next {
        let answer = served.get(&target);
        assert_eq!(answer.status, 200, "{target}: {answer:#?}");
        let page = strings(&answer.json(), field);
        assert!(page.len() <= n && !page.is_empty(), "{target}: {page:?}");
        found.extend(page);
        assert!(found.len() < 100, "{target}: no end");
        next = header(&answer.headers, "Link").map(|link| {
            let (address, rest) = link.strip_prefix('<').unwrap().split_once('>').unwrap();
            assert_eq!(rest.replace(' ', ""), ";rel=\"next\"", "{link}");
            // RFC 5988: relative, or with scheme and host
            let own = format!("http://{}", served.address);
            address.strip_prefix(&own).unwrap_or(address).to_owned()
        });
    }
    found
}

#[test]
fn the_catalog_has_every_repository() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    let answer = served.get("/v2/_catalog");
    assert_eq!(answer.status, 200, "{answer:#?}");
    assert!(answer.header("Content-Type").starts_with("application/json"));
    assert_eq!(answer.json(), json!({ "repositories": REPOSITORIES }));
    assert_eq!(header(&answer.headers, "Link"), None);
}

#[test]
fn a_tag_list_has_every_tag_of_the_repository() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    for (repository, tags) in [
        ("acme/hello", &["1.0", "2.0", "latest"][..]),
        ("acme/tools/deep/er", &["1.0"]),
        ("full/name", &["9"]),
        ("out", &["docker", "plain"]),
    ] {
        let answer = served.get(&format!("/v2/{repository}/tags/list"));
        assert_eq!(answer.status, 200, "{answer:#?}");
        assert_eq!(answer.json(), json!({ "name": repository, "tags": tags }));
        assert_eq!(header(&answer.headers, "Link"), None);
    }
}

#[test]
fn lists_come_page_by_page() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    for n in 1..=5 {
        assert_eq!(pages(&served, "/v2/_catalog", "repositories", n), REPOSITORIES, "{n}");
        let tags = pages(&served, "/v2/acme/hello/tags/list", "tags", n);
        assert_eq!(tags, ["1.0", "2.0", "latest"], "{n}");
    }
}

#[test]
fn a_page_begins_behind_the_last_of_the_one_before() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    let check = |query: &str, expected: &[&str], has_more: bool| {
        let answer = served.get(&format!("/v2/acme/hello/tags/list?{query}"));
        assert_eq!(answer.status, 200, "{query}: {answer:#?}");
        assert_eq!(strings(&answer.json(), "tags"), expected, "{query}");
        assert_eq!(header(&answer.headers, "Link").is_some(), has_more, "{query}");
    };
    check("n=1", &["1.0"], true);
    check("n=2", &["1.0", "2.0"], true);
    check("n=3", &["1.0", "2.0", "latest"], false);
    check("n=1&last=1.0", &["2.0"], true);
    check("last=1.0&n=1", &["2.0"], true);
    check("n=1&last=2.0", &["latest"], false);
    check("n=5&last=latest", &[], false);
    check("last=1.0", &["2.0", "latest"], false);
    // the last need not be one of them
    check("last=1.5", &["2.0", "latest"], false);
    check("last=zzz", &[], false);
    // the specification: none, and no link
    check("n=0", &[], false);
    check("n=100000", &["1.0", "2.0", "latest"], false);
}

#[test]
fn a_number_that_is_none_breaks_nothing() {
    let source = Source::new();
    let mut served = Served::start(&source.sandbox);
    for n in ["-1", "abc", "", "1.5", "99999999999999999999999", "%00"] {
        for target in ["/v2/_catalog", "/v2/acme/hello/tags/list"] {
            let answer = served.get(&format!("{target}?n={n}"));
            assert!(answer.status == 200 || answer.status == 400, "{n}: {answer:#?}");
            answer.json();
        }
    }
    served.check_alive();
}

#[test]
fn an_empty_layout_is_served_too() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out.oci"));
    maker.index_file(&json!({ "schemaVersion": 2, "manifests": [] }));
    let served = Served::start(&sandbox);
    assert_eq!(served.get("/v2/_catalog").json(), json!({ "repositories": [] }));
    check_error(&served.get("/v2/out/tags/list"), 404, "NAME_UNKNOWN");
}

#[test]
fn what_a_layout_gets_while_it_is_served_is_served() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    check_error(&served.get("/v2/acme/hello/manifests/3.0"), 404, "MANIFEST_UNKNOWN");
    let sandbox = &source.sandbox;
    crate::support::simple_buildpack(sandbox, "bp", "acme/hello", &["linux/amd64"]);
    let package = |name: &str| {
        let args = ["buildpack", "package", name, "--path", "bp", "--layout", "out.oci"];
        sandbox.airpack(&args).digest().to_owned()
    };
    for (name, repository, tag) in [
        ("registry.test/acme/hello:3.0", "acme/hello", "3.0"),
        ("registry.test/acme/new:1.0", "acme/new", "1.0"),
        ("registry.test/acme/hello:1.0", "acme/hello", "1.0"),
    ] {
        let digest = package(name);
        let answer = served.get(&format!("/v2/{repository}/manifests/{tag}"));
        assert_eq!(answer.status, 200, "{answer:#?}");
        assert_eq!(answer.header("Docker-Content-Digest"), digest);
        assert_eq!(sha256(&answer.body), digest);
    }
    let tags = served.get("/v2/acme/hello/tags/list").json();
    assert_eq!(strings(&tags, "tags"), ["1.0", "2.0", "3.0", "latest"]);
    let catalog = served.get("/v2/_catalog").json();
    assert!(strings(&catalog, "repositories").contains(&"acme/new".to_owned()));
    assert_eq!(served.get("/v2/acme/hello/manifests/2.0").status, 200);
}
