//! What would change something, and what is asked for to do harm.

use super::*;
use crate::support::snapshot::Snapshot;

#[test]
fn nothing_can_be_written() {
    let source = Source::new();
    let mut served = Served::start(&source.sandbox);
    let before = Snapshot::content_of(source.sandbox.join("out.oci"));
    let blob = source.layer_path();
    let targets = [
        "/v2/",
        "/v2/_catalog",
        "/v2/acme/hello/blobs/uploads/",
        "/v2/acme/hello/blobs/uploads/some-id",
        "/v2/acme/new/blobs/uploads/?mount=sha256:0&from=acme/hello",
        "/v2/acme/hello/manifests/1.0",
        "/v2/acme/hello/manifests/new",
        "/v2/acme/hello/tags/list",
        &blob,
    ];
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        for target in targets {
            let answer = served.request(method, target, &[("Content-Length", "0")]);
            check_error(&answer, 405, "UNSUPPORTED");
            let allowed = answer.header("Allow").to_uppercase();
            assert!(allowed.contains("GET") && allowed.contains("HEAD"), "{allowed}");
            assert!(!allowed.contains(method), "{allowed}");
        }
    }
    for method in ["OPTIONS", "TRACE", "CONNECT", "BREW", "get"] {
        let answer = served.request(method, "/v2/", &[]);
        assert!(matches!(answer.status, 400 | 405 | 501), "{method}: {answer:#?}");
    }
    before.assert_unchanged("requests that write");
    served.check_alive();
}

#[test]
fn a_body_that_is_not_wanted_is_not_taken_for_a_request() {
    let source = Source::new();
    let mut served = Served::start(&source.sandbox);
    let mut connection = http::Connection::open(served.address);
    let body = "GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n".repeat(3);
    let head = format!(
        "PUT /v2/acme/hello/manifests/x HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    connection.send((head + &body).as_bytes()).unwrap();
    assert_eq!(connection.answer(false).unwrap().status, 405);
    // either the connection is closed or the next answer is that to the next request
    if connection.send(b"GET /v2/_catalog HTTP/1.1\r\nHost: x\r\n\r\n").is_ok()
        && let Ok(answer) = connection.answer(false)
    {
        assert!(answer.json()["repositories"].is_array(), "{answer:#?}");
    }
    served.check_alive();
}

#[test]
fn paths_lead_nowhere_else() {
    let source = Source::new();
    source.sandbox.write("secret.txt", "the secret beside the layout");
    let mut served = Served::start(&source.sandbox);
    let hex = source.layer.strip_prefix("sha256:").unwrap();
    let long = "a".repeat(100_000);
    let many = "/a".repeat(20_000);
    for target in [
        "/",
        "",
        "/v1/",
        "/v3/",
        "/index.json",
        "/blobs/sha256/x",
        "//v2/",
        "/v2//manifests/1.0",
        "/v2/acme//hello/manifests/1.0",
        "/v2/acme/hello/",
        "/v2/acme/hello/manifests/",
        "/v2/acme/hello/manifests/1.0/",
        "/v2/acme/hello/blobs/",
        "/v2/../secret.txt",
        "/v2/../../../../../../etc/passwd",
        "/v2/%2e%2e/%2e%2e/secret.txt",
        "/v2/acme/hello/blobs/../../../../secret.txt",
        "/v2/acme/hello/blobs/sha256:../../../secret.txt",
        "/v2/acme/hello/blobs/sha256:%2e%2e%2f%2e%2e%2f%2e%2e%2fsecret.txt",
        "/v2/acme/hello/blobs/sha256:..%5c..%5csecret.txt",
        "/v2/acme/hello/blobs/sha256/../../index.json",
        "/v2/acme/hello/blobs/..:../../secret.txt",
        "/v2/acme/hello/blobs//etc/passwd",
        "/v2/acme/hello/blobs/%2fetc%2fpasswd",
        "/v2/acme/hello/manifests/..",
        "/v2/acme/hello/manifests/%2e%2e",
        "/v2/acme/hello/manifests/..%2f..%2findex.json",
        "/v2/acme/hello/manifests/1.0%00",
        "/v2/acme/hello%00/manifests/1.0",
        "/v2/acme/hello/manifests/1.0%0d%0aX-Injected:%201",
        "/v2/acme/hello/manifests/%ff%fe",
        "/v2/acme/hello/manifests/%",
        "/v2/acme/hello/manifests/%zz",
        "/v2/acme/hello/manifests/1%2e0%2e",
        "/v2/ACME/Hello/manifests/1.0",
        "/v2/..//tags/list",
        "/v2/%2e%2e/tags/list",
        "/v2/../out.oci/tags/list",
        "/v2/_catalog/",
        "/v2/_catalog?last=%00%ff",
        &format!("/v2/acme/hello/blobs/sha256:{}", hex.to_uppercase()),
        &format!("/v2/acme/hello/blobs/sha256:{hex}%00"),
        &format!("/v2/acme/hello/blobs/sha256:{hex}/"),
        &format!("/v2/acme/hello/blobs/sha512:{hex}{hex}"),
        &format!("/v2/acme/hello/manifests/{long}"),
        &format!("/v2/{long}/manifests/1.0"),
        &format!("/v2{many}/manifests/1.0"),
        &format!("/v2/_catalog?n={long}"),
    ] {
        let mut connection = http::Connection::open(served.address);
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
        let sent = connection.send(request.as_bytes());
        let shown: String = target.chars().take(100).collect();
        // what is no request at all may be met with a closed connection
        if sent.is_ok()
            && let Ok(answer) = connection.answer(false)
        {
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            assert!(
                !body.contains("the secret") && !body.contains("root:"),
                "{shown}: {body}"
            );
            assert!(!body.contains("imageLayoutVersion"), "{shown}: {body}");
            let is_list = target.starts_with("/v2/_catalog") && answer.status == 200;
            assert!((400..500).contains(&answer.status) || is_list, "{shown}: {answer:#?}");
            assert_eq!(http::header(&answer.headers, "X-Injected"), None, "{shown}");
        }
        served.check_alive();
    }
}

#[test]
fn what_is_no_request_breaks_nothing() {
    let source = Source::new();
    let mut served = Served::start(&source.sandbox);
    let huge = format!("GET /v2/ HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(4 << 20));
    let many = "X-Y: z\r\n".repeat(20_000);
    let many = format!("GET /v2/ HTTP/1.1\r\nHost: x\r\n{many}\r\n");
    for bytes in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"GET",
        b"GET /v2/\r\n\r\n",
        b"GET /v2/ HTTP/9.9\r\n\r\n",
        b"GET  /v2/  HTTP/1.1\r\n\r\n",
        b"GET /v2/\0 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://[::1/v2/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nHost\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        huge.as_bytes(),
        many.as_bytes(),
    ] {
        let mut connection = http::Connection::open(served.address);
        let _ = connection.send(bytes);
        drop(connection);
        served.check_alive();
    }
}
