//! What a registry refuses is told with what was asked, what came back and what to do.

use std::net::TcpListener;

use super::*;
use crate::support::fault_registry::Auth;

/// A request of a push and one of a pull are answered so. Both are made once and told with these texts.
#[track_caller]
fn check(reply: &Reply, said: &[&str]) -> [Run; 2] {
    let scene = Scene::new();
    let part = "/blobs/uploads/";
    scene.registry.fault("POST", part, .., Fault::Answer(reply.clone()));
    let push = scene.push_fails(&["--jobs", "1"]);
    scene.check_told(&push, "POST", "/v2/acme/hello/blobs/uploads/", said);
    assert_eq!(
        scene.registry.count("POST", part),
        1,
        "{push}{}",
        scene.registry.shown()
    );
    let scene = Scene::filled();
    let path = scene.big_path();
    scene
        .registry
        .fault("GET", path.as_str(), .., Fault::Answer(reply.clone()));
    let pull = scene.pull_fails(&[]);
    scene.check_told(&pull, "GET", &path, said);
    assert_eq!(
        scene.registry.count("GET", &path),
        1,
        "{pull}{}",
        scene.registry.shown()
    );
    [push, pull]
}

#[test]
fn a_refusal_is_told_with_code_and_message() {
    for (status, code, message) in [
        (403, "DENIED", "requested access to the resource is denied"),
        (404, "NAME_UNKNOWN", "repository name not known to registry"),
        (400, "NAME_INVALID", "invalid repository name"),
        (413, "SIZE_INVALID", "the layer is larger than 1 GiB"),
        (418, "TEAPOT", "short and stout"),
    ] {
        let reply = Reply::error(status, code, message);
        check(&reply, &[&status.to_string(), code, message]);
    }
}

#[test]
fn several_errors_in_one_answer_are_all_told() {
    let errors = json!({ "errors": [
        { "code": "DENIED", "message": "the first reason" },
        { "code": "QUOTA", "message": "the second reason", "detail": "much" },
    ]});
    let reply = Reply::new(403).body(errors.to_string());
    check(&reply, &["403", "the first reason", "the second reason"]);
}

#[test]
fn a_refusal_that_is_no_json_is_told_with_its_status() {
    let page = "<html><body>Blocked by the proxy of the company</body></html>";
    for body in [
        "",
        page,
        "null",
        "[]",
        "{\"errors\":null}",
        "{\"errors\":[{}]}",
        "\u{fffd}\u{0}",
    ] {
        let reply = Reply::new(403).header("Content-Type", "text/html").body(body);
        check(&reply, &["403"]);
    }
}

#[test]
fn a_refusal_before_the_body_was_read_is_told() {
    let scene = Scene::new();
    let reply = Reply::error(413, "SIZE_INVALID", "the layer is larger than 1 MiB");
    scene.registry.fault("PUT", scene.big_hex(), .., Fault::Early(reply));
    let run = scene.push_fails(&[]);
    let path = "/v2/acme/hello/blobs/uploads/";
    scene.check_told(&run, "PUT", path, &["413", "the layer is larger than 1 MiB"]);
}

#[test]
fn a_name_that_is_not_there_is_told() {
    let scene = Scene::filled();
    let run = pull_fails(&scene.sandbox, &scene.registry, "acme/hello:2.0", &[]);
    let path = "/v2/acme/hello/manifests/2.0";
    scene.check_told(&run, "GET", path, &["404", "MANIFEST_UNKNOWN"]);
    assert_eq!(scene.registry.count("GET", "2.0"), 1, "{}", scene.registry.shown());
}

#[test]
fn a_blob_that_the_registry_does_not_have_is_told() {
    let scene = Scene::filled();
    let path = scene.big_path();
    let reply = Reply::error(404, "BLOB_UNKNOWN", "blob unknown to registry");
    scene.registry.fault("GET", path.as_str(), .., Fault::Answer(reply));
    let run = scene.pull_fails(&[]);
    scene.check_told(&run, "GET", &path, &["404", "BLOB_UNKNOWN"]);
}

#[test]
fn a_registry_that_is_not_there_is_told() {
    let scene = Scene::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let name = format!("{free}/acme/hello:1.0");
    for own in [
        &["push", "source:1.0", &name][..],
        &["pull", &name, "--layout", "pulled"],
    ] {
        let run = bounded(&scene.sandbox, &args(own, &["--retries", "1"]));
        run.failed(1)
            .stderr_has(&format!("http://{free}/v2/acme/hello/"))
            .stderr_has("refused")
            .stderr_has("hint: ");
    }
    assert!(!scene.pulled().join("index.json").exists());
}

#[test]
fn a_host_that_has_no_address_is_told() {
    let scene = Scene::new();
    let name = "no-such-host.invalid/acme/hello:1.0";
    let run = bounded(
        &scene.sandbox,
        &args(&["push", "source:1.0", name], &["--retries", "0"]),
    );
    run.failed(1).stderr_has("no-such-host.invalid").stderr_has("hint: ");
}

#[test]
fn who_has_no_credentials_is_told_where_they_are_looked_for() {
    for auth in [
        Auth::Basic("user", "secret-word"),
        Auth::Bearer("user", "secret-word", 100),
    ] {
        let scene = Scene::filled();
        scene.registry.habits(|habits| habits.auth = auth);
        let run = scene.pull_fails(&[]);
        run.stderr_has("401").stderr_has("UNAUTHORIZED").stderr_has("hint: ");
        run.stderr_has(&scene.registry.host());
        assert!(scene.registry.log().len() <= 6, "{run}{}", scene.registry.shown());
    }
}

#[test]
fn who_has_wrong_credentials_is_told_where_they_are_from() {
    for auth in [
        Auth::Basic("user", "secret-word"),
        Auth::Bearer("user", "secret-word", 100),
    ] {
        let scene = Scene::filled();
        let registry = &scene.registry;
        registry.habits(|habits| habits.auth = auth);
        secrets::write_docker_config(&scene.sandbox, &registry.host(), "user", "wrong-word");
        let run = scene.pull_fails(&[]);
        run.stderr_has("401").stderr_has("hint: ").stderr_has("config.json");
        run.stderr_lacks("wrong-word");
        assert!(registry.log().len() <= 6, "{run}{}", registry.shown());
    }
}

/// A registry that wants a token, and a configuration to get one.
fn with_tokens() -> Scene {
    let scene = Scene::filled();
    let auth = Auth::Bearer("user", "secret-word", 100);
    scene.registry.habits(|habits| habits.auth = auth);
    secrets::write_docker_config(&scene.sandbox, &scene.registry.host(), "user", "secret-word");
    scene
}

#[track_caller]
fn check_token_passes(fault: Fault) {
    let scene = with_tokens();
    scene.registry.fault("GET", "/token", 1..=1, fault);
    scene.pull_works(&[]);
}

#[test]
fn a_token_endpoint_that_closes_the_connection_is_asked_again() {
    check_token_passes(Fault::Close);
    check_token_passes(Fault::Reset);
}

#[test]
fn a_token_endpoint_that_is_out_of_order_is_asked_again() {
    check_token_passes(Fault::Answer(unavailable()));
    let reply = Reply::error(429, "TOOMANYREQUESTS", "later").header("Retry-After", "0");
    check_token_passes(Fault::Answer(reply));
}

#[test]
fn a_token_that_breaks_off_is_asked_for_again() {
    check_token_passes(Fault::CutBody(5));
}

/// Every request for a token is answered so: the error says where, and how often is bounded.
#[track_caller]
fn check_token_fails(fault: Fault, said: &str) {
    let scene = with_tokens();
    scene.registry.fault("GET", "/token", .., fault);
    let run = scene.pull_fails(&["--retries", "1"]);
    run.stderr_has(&scene.registry.url("/token")).stderr_has(said);
    run.stderr_lacks("secret-word");
    let asked = scene.registry.count("GET", "/token");
    assert!(asked <= 3, "{run}{}", scene.registry.shown());
}

#[test]
fn a_token_endpoint_that_stays_out_of_order_is_told() {
    check_token_fails(Fault::Answer(unavailable()), "come back when the disk is mended");
    check_token_fails(Fault::Close, "");
}

#[test]
fn a_token_endpoint_that_refuses_is_told() {
    let reply = Reply::error(403, "DENIED", "account is locked");
    check_token_fails(Fault::Answer(reply), "account is locked");
}

#[test]
fn a_token_endpoint_that_gives_no_token_is_told() {
    for body in [
        "<html>please log in</html>",
        "{}",
        "null",
        "{\"token\":7}",
        "{\"token\":\"\"}",
        "{\"token\":\"two\\r\\nX-Lines: 1\"}",
    ] {
        check_token_fails(Fault::Answer(Reply::new(200).body(body)), "");
    }
    check_token_fails(Fault::EndlessBody, "");
}

#[test]
fn a_wrong_digest_in_the_answer_to_a_push_is_told() {
    let scene = Scene::new();
    let part = scene.big_hex();
    let fault = Fault::Header("Docker-Content-Digest", other_digest());
    scene.registry.fault("PUT", part, .., fault);
    let run = scene.push_fails(&["--retries", "1"]);
    run.stderr_has(&other_digest()).stderr_has(part);

    let scene = Scene::new();
    let reply = Reply::new(201)
        .header("Docker-Content-Digest", other_digest())
        .header("Location", "/v2/acme/hello/manifests/1.0");
    scene.registry.fault("PUT", "/manifests/1.0", .., Fault::Answer(reply));
    let run = scene.push_fails(&["--retries", "1"]);
    run.stderr_has(&other_digest()).stderr_has(scene.digest());
}

#[test]
fn a_wrong_digest_in_the_answer_to_a_pull_is_told() {
    let scene = Scene::filled();
    for part in ["/manifests/1.0", &scene.children()[0]] {
        for method in ["HEAD", "GET"] {
            let fault = Fault::Header("Docker-Content-Digest", other_digest());
            scene.registry.fault(method, part, .., fault);
        }
        let sandbox = Sandbox::new();
        write_other(&sandbox.join("pulled"));
        let name = scene.registry.name("acme/hello:1.0");
        let run = bounded(
            &sandbox,
            &args(&["pull", &name, "--layout", "pulled"], &["--retries", "1"]),
        );
        run.failed(1)
            .stderr_has(&other_digest())
            .stderr_has(&scene.registry.host());
        assert_eq!(LayoutView::open(sandbox.join("pulled")).tags(), ["old"]);
        scene.registry.recover();
    }
}

#[test]
fn a_digest_that_was_asked_for_is_the_one_that_comes() {
    let scene = Scene::filled();
    let rest = format!("acme/hello@{}", scene.digest());
    scene.registry.fault("GET", scene.digest(), .., Fault::OtherBytes);
    let run = pull_fails(&scene.sandbox, &scene.registry, &rest, &["--retries", "1"]);
    run.stderr_has(scene.digest());
    assert!(scene.registry.count("GET", scene.digest()) <= 2);
}

#[test]
fn redirects_that_go_round_are_told() {
    for status in [301, 302, 303, 307, 308] {
        let scene = Scene::filled();
        let path = scene.big_path();
        let fault = Fault::RedirectTo(status, scene.registry.url(""));
        scene.registry.fault("GET", path.as_str(), .., fault);
        let run = scene.pull_fails(&["--retries", "1"]);
        scene.check_told(&run, "GET", &path, &["redirect"]);
        let tried = scene.registry.count("GET", &path);
        assert!(tried <= 22, "{tried} requests{run}");
    }
    for (method, part) in [
        ("POST", "/blobs/uploads/"),
        ("PUT", "/manifests/1.0"),
        ("HEAD", "/manifests/1.0"),
    ] {
        let scene = Scene::new();
        let fault = Fault::RedirectTo(307, scene.registry.url(""));
        scene.registry.fault(method, part, .., fault);
        let run = scene.push(&["--retries", "1", "--jobs", "1"]);
        scene.check_ended(&run);
        run.failed(1).stderr_has("redirect").stderr_has("hint: ");
        let tried = scene.registry.count(method, part);
        assert!(tried <= 22, "{tried} requests{run}");
    }
}

#[test]
fn redirects_are_followed() {
    for status in [301, 302, 303, 307, 308] {
        let scene = Scene::filled();
        let other = FaultRegistry::start();
        other.put_image(REPOSITORY, Some("1.0"), &scene.source, scene.entry());
        let fault = Fault::RedirectTo(status, other.url(""));
        scene.registry.fault("GET", "/blobs/", .., fault);
        scene.pull_works(&[]);
        assert_eq!(other.count("GET", "/blobs/"), scene.blobs().len(), "{}", other.shown());
    }
}

#[test]
fn redirects_that_keep_the_method_are_followed_by_a_push() {
    for status in [307, 308] {
        let scene = Scene::new();
        let other = FaultRegistry::start();
        for method in ["HEAD", "GET", "POST", "PATCH", "PUT"] {
            let fault = Fault::RedirectTo(status, other.url(""));
            scene.registry.fault(method, "/v2/acme/hello/", .., fault);
        }
        let run = scene.push(&[]);
        run.ok();
        other.check_holds(REPOSITORY, "1.0", &scene.source, scene.entry());
    }
}

#[test]
fn a_download_that_breaks_behind_a_redirect_goes_on() {
    let scene = Scene::filled();
    let other = FaultRegistry::start();
    other.put_image(REPOSITORY, Some("1.0"), &scene.source, scene.entry());
    let path = scene.big_path();
    let fault = Fault::RedirectTo(307, other.url(""));
    scene.registry.fault("GET", path.as_str(), .., fault);
    other.fault("GET", path.as_str(), 1..=1, Fault::CutBody(1_234_567));
    scene.pull_works(&[]);
    let seen = other.requests("GET", &path);
    assert_eq!(seen.len(), 2, "{}", other.shown());
    assert_eq!(seen[1].header("Range"), Some("bytes=1234567-"));
}

#[test]
fn images_of_the_first_docker_schema_are_refused_with_a_reason() {
    let scene = Scene::new();
    let manifest = json!({ "schemaVersion": 1, "name": "acme/hello", "tag": "1.0", "fsLayers": [], "history": [] });
    let media_type = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    let content = manifest.to_string();
    scene
        .registry
        .put_manifest(REPOSITORY, Some("1.0"), media_type, content.as_bytes());
    let reply = Reply::new(200).header("Content-Type", media_type).body(content);
    scene.registry.fault("GET", "/manifests/1.0", .., Fault::Answer(reply));
    let run = scene.pull_fails(&[]);
    run.stderr_has("schema 1").stderr_has("hint: ");
}
