//! Tokens: asked for where the registry says, with the right scopes, once, and again when they have expired.

use std::collections::BTreeSet;

use serde_json::json;

use super::fake_registry::{Demand, FakeRegistry, Rules, SERVICE, basic};
use super::http::Request;
use super::lab::{Lab, PASSWORD, USER, auth};

const REFRESH_TOKEN: &str = "refresh/token+of=the tests";

fn token_registry() -> FakeRegistry {
    FakeRegistry::start(Rules {
        demand: Demand::Bearer,
        logins: vec![(USER.to_owned(), PASSWORD.to_owned())],
        refresh_tokens: vec![REFRESH_TOKEN.to_owned()],
        ..Rules::default()
    })
}

fn lab_with_login(layers: usize) -> Lab {
    let mut lab = Lab::with_layers(layers);
    lab.login(USER, PASSWORD);
    lab
}

/// Where the push or pull of all tests goes.
fn name(registry: &FakeRegistry) -> String {
    format!("{}/team/x:1.0", registry.host())
}

/// The scopes that a request to the token service asks for.
fn scopes(request: &Request) -> BTreeSet<String> {
    let scopes = match request.method.as_str() {
        "POST" => request.form("scope"),
        _ => request.query("scope"),
    };
    scopes
        .iter()
        .flat_map(|scope| scope.split(' '))
        .map(ToOwned::to_owned)
        .collect()
}

#[test]
fn a_public_image_is_pulled_with_a_token_for_nobody() {
    let registry = token_registry();
    registry.change(|rules| rules.is_public = true);
    let digest = registry.hold("team/x", "1.0");
    let lab = Lab::new();
    let run = lab.pull(&name(&registry), &[]);
    assert_eq!(run.digest(), digest);
    let log = registry.token_service.log();
    assert_eq!(log.len(), 1, "{log:?}");
    assert_eq!(log[0].method, "GET");
    assert_eq!(log[0].authorization(), None);
    assert_eq!(log[0].query("service"), [SERVICE]);
    assert_eq!(scopes(&log[0]), ["repository:team/x:pull".to_owned()].into());
}

#[test]
fn the_token_service_gets_name_and_password() {
    let registry = token_registry();
    let lab = lab_with_login(3);
    lab.push(&name(&registry), &[]).ok();
    let log = registry.token_service.log();
    assert!(!log.is_empty());
    for request in &log {
        assert_eq!(request.method, "GET");
        assert_eq!(request.authorization(), Some(basic(USER, PASSWORD).as_str()));
        assert_eq!(request.query("service"), [SERVICE]);
    }
    assert!(
        log.iter()
            .any(|request| scopes(request) == ["repository:team/x:pull,push".to_owned()].into()),
        "{log:?}"
    );
    // the registry itself never sees them
    for request in registry.registry.log() {
        let seen = request.authorization().unwrap_or("Bearer");
        assert!(seen.starts_with("Bearer"), "{request:?}");
    }
}

#[test]
fn an_identity_token_goes_by_post() {
    let by_stdin = || {
        let mut lab = Lab::new();
        lab.stdin(format!("{REFRESH_TOKEN}\n"));
        (lab, vec!["--creds-stdin"])
    };
    let by_file = |registry: &FakeRegistry| {
        let lab = Lab::new();
        let mut entry = auth("00000000-0000-0000-0000-000000000000", "");
        entry["identitytoken"] = json!(REFRESH_TOKEN);
        lab.docker_config(&json!({ "auths": { registry.host(): entry } }));
        (lab, vec![])
    };
    for is_file in [false, true] {
        let registry = token_registry();
        let (lab, args) = if is_file { by_file(&registry) } else { by_stdin() };
        lab.push(&name(&registry), &args).ok();
        let log = registry.token_service.log();
        assert!(!log.is_empty());
        for request in log {
            assert_eq!(request.method, "POST");
            assert_eq!(
                request.header("content-type"),
                Some("application/x-www-form-urlencoded")
            );
            assert_eq!(request.form("grant_type"), ["refresh_token"]);
            assert_eq!(request.form("refresh_token"), [REFRESH_TOKEN]);
            assert_eq!(request.form("service"), [SERVICE]);
            assert_eq!(request.form("client_id").len(), 1);
            assert_eq!(scopes(&request), ["repository:team/x:pull,push".to_owned()].into());
            assert_eq!(request.authorization(), None);
            assert!(!request.target.contains('?'), "{}", request.target);
        }
    }
}

#[test]
fn an_answer_may_call_it_access_token() {
    let registry = token_registry();
    registry.change(|rules| rules.calls_it_access_token = true);
    lab_with_login(1).push(&name(&registry), &[]).ok();
}

#[test]
fn a_mount_needs_to_read_its_source_too() {
    let registry = token_registry();
    let lab = lab_with_login(3);
    lab.push(&format!("{}/team/base:1.0", registry.host()), &[]).ok();
    registry.token_service.forget();
    registry.registry.forget();
    let run = lab.push(&name(&registry), &["--mount-from", "team/base", "--json"]);
    run.ok().stdout_has("\"mounted\"");
    let expected: BTreeSet<_> = ["repository:team/x:pull,push", "repository:team/base:pull"]
        .map(ToOwned::to_owned)
        .into();
    let log = registry.token_service.log();
    assert!(log.iter().any(|request| scopes(request) == expected), "{log:?}");
    let sent = registry.registry.log();
    assert!(
        !sent
            .iter()
            .any(|request| request.method == "PUT" && request.path().contains("/blobs/")),
        "what was mounted was sent as well"
    );
}

#[test]
fn all_workers_use_the_same_token() {
    let registry = token_registry();
    let lab = lab_with_login(24);
    lab.push(&name(&registry), &["--jobs", "8"]).ok();
    let asked: Vec<_> = registry.token_service.log().iter().map(scopes).collect();
    let different: BTreeSet<_> = asked.iter().cloned().collect();
    assert_eq!(asked.len(), different.len(), "{asked:?}");

    registry.token_service.forget();
    let pulled = lab_with_login(1);
    pulled.pull(&name(&registry), &["--jobs", "8"]).ok();
    assert_eq!(registry.token_service.log().len(), 1);
}

#[test]
fn a_token_that_expires_in_the_middle_is_got_anew() {
    for expiries in [vec![2], vec![7], vec![8], vec![9], vec![5, 25, 45]] {
        for jobs in ["1", "4"] {
            let registry = token_registry();
            registry.change(|rules| rules.expiries = expiries.clone());
            let lab = lab_with_login(20);
            lab.push(&name(&registry), &["--jobs", jobs]).ok();
            assert!(registry.manifest("team/x", "1.0").is_some());
            assert!(registry.tokens().len() > expiries.len(), "{expiries:?}");

            let pulled = lab_with_login(1);
            registry.change(|rules| rules.expiries = (0..200).filter(|at| at % 15 == 0).collect());
            pulled.pull(&name(&registry), &["--jobs", jobs]).ok();
        }
    }
}

#[test]
fn a_token_that_expires_between_the_parts_of_a_blob_is_got_anew() {
    for expiry in 2..9 {
        let registry = token_registry();
        registry.change(|rules| rules.expiries = vec![expiry]);
        let lab = lab_with_login(2);
        let name = name(&registry);
        lab.push(&name, &["--jobs", "1", "--chunk-size", "1"]).ok();
        assert!(registry.tokens().len() > 1, "{expiry}");
    }
}

#[test]
fn a_token_service_that_fails_twice_is_asked_again() {
    let registry = token_registry();
    registry.change(|rules| rules.token_failures = 2);
    lab_with_login(2).push(&name(&registry), &["--jobs", "1"]).ok();
    let statuses = registry.token_service.log().len();
    assert!(statuses >= 3, "{statuses}");
}

#[test]
fn a_token_service_that_fails_for_good_is_told() {
    let registry = token_registry();
    registry.change(|rules| rules.token_failures = usize::MAX);
    let address = format!("http://{}/token", registry.token_service.host());
    let lab = lab_with_login(8);
    lab.push(&name(&registry), &["--retries", "2"])
        .failed(1)
        .stderr_has("500")
        .stderr_has(&address)
        .stderr_has("DENIED");
    let asked = registry.token_service.log().len();
    assert_eq!(asked, 3, "one try and two more");
}

#[test]
fn a_token_service_that_is_not_there_is_told() {
    let registry = token_registry();
    // nobody listens on port 1
    registry.change(|rules| rules.realm = Some("http://127.0.0.1:1/token".to_owned()));
    lab_with_login(1)
        .push(&name(&registry), &["--retries", "1"])
        .failed(1)
        .stderr_has("http://127.0.0.1:1/token");
}

#[test]
fn a_token_service_that_refuses_is_told_with_the_source() {
    let registry = token_registry();
    let mut lab = Lab::new();
    lab.login(USER, "wrong-one");
    lab.push(&name(&registry), &[])
        .failed(1)
        .stderr_has("401")
        .stderr_has("from AIRPACK_REGISTRY_")
        .stderr_lacks("wrong-one");
    assert_eq!(registry.token_service.log().len(), 1);
    Lab::new()
        .push(&name(&registry), &[])
        .failed(1)
        .stderr_has("401")
        .stderr_has(&format!("no credentials for {}", registry.host()));
}

#[test]
fn a_token_that_is_refused_at_once_is_no_reason_to_ask_for_ever() {
    let registry = token_registry();
    // all tokens are worth nothing as soon as one has been shown
    registry.change(|rules| rules.refused = Some(("PUT", "/blobs/", 401)));
    lab_with_login(2)
        .push(&name(&registry), &["--jobs", "1", "--retries", "2"])
        .failed(1)
        .stderr_has("401");
    assert!(registry.registry.log().len() < 20, "{}", registry.registry.log().len());
    assert!(registry.tokens().len() < 8, "{:?}", registry.tokens());
}

#[test]
fn a_realm_may_lie_behind_a_query() {
    let registry = token_registry();
    let realm = format!("http://{}/token?tenant=a", registry.token_service.host());
    registry.change(|rules| rules.realm = Some(realm));
    lab_with_login(1).push(&name(&registry), &[]).ok();
    for request in registry.token_service.log() {
        assert_eq!(request.query("tenant"), ["a"]);
        assert_eq!(request.query("service"), [SERVICE]);
    }
}

#[test]
fn a_realm_that_is_no_address_is_told() {
    for realm in ["file:///etc/passwd", "ftp://token.test/x", "http://", "not an address"] {
        let registry = token_registry();
        registry.change(|rules| rules.realm = Some(realm.to_owned()));
        lab_with_login(1).push(&name(&registry), &["--retries", "0"]).failed(1);
        assert!(registry.token_service.log().is_empty());
    }
}
