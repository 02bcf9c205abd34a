//! Credentials stay with the registry, wherever it leads.

use super::fake_registry::{Demand, FakeRegistry, Rules};
use super::http::Server;
use super::lab::{Lab, PASSWORD, USER};

const DEMANDS: [Demand; 2] = [Demand::Basic, Demand::Bearer];

fn locked_registry(demand: Demand) -> FakeRegistry {
    FakeRegistry::start(Rules {
        demand,
        logins: vec![(USER.to_owned(), PASSWORD.to_owned())],
        ..Rules::default()
    })
}

fn lab_with_login() -> Lab {
    let mut lab = Lab::with_layers(4);
    lab.login(USER, PASSWORD);
    lab
}

/// It was asked, but never told who asks.
#[track_caller]
fn assert_told_nothing(storage: &Server) {
    let log = storage.log();
    assert!(!log.is_empty(), "nothing got there");
    for request in log {
        assert_eq!(request.authorization(), None, "{request:?}");
        assert_eq!(request.header("cookie"), None, "{request:?}");
        assert!(!String::from_utf8_lossy(&request.body).contains(PASSWORD));
    }
}

#[test]
fn blobs_are_got_from_another_port_without_credentials() {
    for demand in DEMANDS {
        for host in ["127.0.0.1", "localhost"] {
            let registry = locked_registry(demand);
            let digest = registry.hold("x", "1");
            let place = format!("http://{host}:{}", registry.storage.port);
            registry.change(|rules| rules.blobs_at = Some(place));
            let run = lab_with_login().pull(&format!("{}/x:1", registry.host()), &[]);
            assert_eq!(run.digest(), digest);
            assert_told_nothing(&registry.storage);
        }
    }
}

#[test]
fn blobs_are_sent_to_another_port_without_credentials() {
    for demand in DEMANDS {
        for args in [&[][..], &["--chunk-size", "1"]] {
            let registry = locked_registry(demand);
            let place = format!("http://{}", registry.storage.host());
            registry.change(|rules| rules.uploads_at = Some(place));
            lab_with_login().push(&format!("{}/x:1", registry.host()), args).ok();
            assert!(registry.manifest("x", "1").is_some());
            assert_told_nothing(&registry.storage);
        }
    }
}

#[test]
fn a_storage_that_asks_who_we_are_is_not_told() {
    for demand in DEMANDS {
        let registry = locked_registry(demand);
        registry.hold("x", "1");
        let place = format!("http://{}", registry.storage.host());
        registry.change(|rules| {
            rules.blobs_at = Some(place.clone());
            rules.uploads_at = Some(place);
            rules.storage_demands = true;
        });
        let lab = lab_with_login();
        lab.pull(&format!("{}/x:1", registry.host()), &["--retries", "1"])
            .failed(1)
            .stderr_has("401");
        assert_told_nothing(&registry.storage);
        registry.storage.forget();
        lab.push(&format!("{}/y:1", registry.host()), &["--retries", "1"])
            .failed(1)
            .stderr_has("401");
        assert_told_nothing(&registry.storage);
    }
}
