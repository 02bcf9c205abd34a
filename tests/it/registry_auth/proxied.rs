//! Proxies of the environment; they lead a made-up name to a port of this machine, so that it is no loopback host.

use super::certificates::Authority;
use super::docker_registry::{DockerRegistry, Setup};
use super::fake_registry::{Demand, FakeRegistry, Rules, basic};
use super::lab::{Lab, PASSWORD, USER};
use super::proxy::Proxy;

const HOST: &str = "registry.test:5000";
const NAME: &str = "registry.test:5000/acme/x:1.0";

/// A lab that trusts an authority, and that authority.
fn trusting_lab() -> (Lab, Authority) {
    let lab = Lab::with_layers(3);
    let authority = Authority::new();
    authority.write(&lab.sandbox, "ca.pem");
    (lab, authority)
}

fn secured(authority: &Authority) -> Option<DockerRegistry> {
    DockerRegistry::start(&Setup {
        tls: Some(&authority.server(&["registry.test"])),
        ..Setup::default()
    })
}

#[test]
fn https_goes_through_the_proxy_in_either_case() {
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let (mut lab, authority) = trusting_lab();
        let Some(registry) = secured(&authority) else { return };
        let proxy = Proxy::to(registry.port);
        lab.env(variable, proxy.url());
        let pushed = lab.push(NAME, &["--ca-file", "ca.pem"]);
        pushed.ok().stdout_has("registry.test:5000/acme/x@sha256:");
        pushed.stdout_has(lab.pull(NAME, &["--ca-file", "ca.pem"]).digest());
        let log = proxy.log();
        assert!(!log.is_empty());
        for asked in log {
            assert_eq!(asked.line, format!("CONNECT {HOST} HTTP/1.1"), "{variable}");
            assert_eq!(asked.login, None);
        }
    }
}

#[test]
fn no_proxy_leaves_it_aside() {
    for no_proxy in ["registry.test", ".test", "other.test, registry.test", HOST, "*"] {
        for variable in ["NO_PROXY", "no_proxy"] {
            let (mut lab, authority) = trusting_lab();
            let Some(registry) = secured(&authority) else { return };
            let proxy = Proxy::to(registry.port);
            lab.env("HTTPS_PROXY", proxy.url()).env(variable, no_proxy);
            // nobody else knows the name
            lab.push(NAME, &["--ca-file", "ca.pem", "--retries", "0"])
                .failed(1)
                .stderr_has("registry.test");
            assert_eq!(proxy.log().len(), 0, "{variable} {no_proxy}");
        }
    }
    for no_proxy in ["other.test", "gistry.test", "registry.test:5001", ""] {
        let (mut lab, authority) = trusting_lab();
        let Some(registry) = secured(&authority) else { return };
        let proxy = Proxy::to(registry.port);
        lab.env("HTTPS_PROXY", proxy.url()).env("NO_PROXY", no_proxy);
        lab.push(NAME, &["--ca-file", "ca.pem"]).ok();
    }
}

#[test]
fn this_machine_is_reached_without_the_proxy() {
    let registry = FakeRegistry::start(Rules::default());
    let proxy = Proxy::to(registry.registry.port);
    let mut lab = Lab::new();
    lab.env("HTTP_PROXY", proxy.url()).env("HTTPS_PROXY", proxy.url());
    lab.push(&format!("{}/x:1", registry.host()), &[]).ok();
    assert_eq!(proxy.log().len(), 0);
}

#[test]
fn the_proxy_gets_its_login_and_nobody_else_does() {
    // the last one is written as addresses have it
    for (password, written) in [("proxy-geheim", "proxy-geheim"), ("p@ss/w:rd", "p%40ss%2Fw%3Ard")] {
        let (mut lab, authority) = trusting_lab();
        let registry = FakeRegistry::start_with(
            Some(authority.server(&["registry.test"]).config()),
            Rules {
                demand: Demand::Basic,
                logins: vec![(USER.to_owned(), PASSWORD.to_owned())],
                ..Rules::default()
            },
        );
        let proxy = Proxy::with_login(registry.registry.port, basic("gate", password));
        lab.login(USER, PASSWORD);
        lab.env("HTTPS_PROXY", format!("http://gate:{written}@{}", proxy.host()));
        let run = lab.push(NAME, &["--ca-file", "ca.pem", "-v", "--retries", "0"]);
        run.ok().stderr_lacks(password).stderr_lacks(written);
        for asked in proxy.log() {
            assert_eq!(asked.login, Some(basic("gate", password)));
        }
        for request in registry.registry.log() {
            assert_eq!(request.header("proxy-authorization"), None, "{request:?}");
            assert_ne!(request.authorization(), Some(basic("gate", password).as_str()));
        }
    }
}

#[test]
fn a_proxy_that_refuses_is_told_without_its_password() {
    let (mut lab, authority) = trusting_lab();
    let Some(registry) = secured(&authority) else { return };
    let proxy = Proxy::with_login(registry.port, basic("gate", "right-one"));
    lab.env("HTTPS_PROXY", format!("http://gate:wrong-one@{}", proxy.host()));
    let pair = basic("gate", "wrong-one");
    lab.push(NAME, &["--ca-file", "ca.pem", "-v", "--retries", "1"])
        .failed(1)
        .stderr_has("proxy")
        .stderr_has("HTTPS_PROXY")
        .stderr_lacks("wrong-one")
        .stderr_lacks(pair.strip_prefix("Basic ").unwrap());
}

#[test]
fn a_proxy_that_is_not_there_or_malformed_is_told_without_its_password() {
    for proxy in [
        "http://gate:wrong-one@127.0.0.1:1",
        "http://gate:wrong-one@127.0.0.1:notaport",
        "gopher://gate:wrong-one@127.0.0.1:1",
        "gate:wrong-one@",
    ] {
        let (mut lab, _) = trusting_lab();
        lab.env("HTTPS_PROXY", proxy);
        lab.push(NAME, &["-v", "--retries", "0"])
            .failed(1)
            .stderr_has("proxy")
            .stderr_lacks("wrong-one");
    }
}

#[test]
fn a_registry_without_tls_is_told_with_the_way_out() {
    let registry = FakeRegistry::start(Rules {
        demand: Demand::Basic,
        logins: vec![(USER.to_owned(), PASSWORD.to_owned())],
        ..Rules::default()
    });
    let proxy = Proxy::to(registry.registry.port);
    let mut lab = Lab::new();
    lab.login(USER, PASSWORD)
        .env("HTTPS_PROXY", proxy.url())
        .env("HTTP_PROXY", proxy.url());
    lab.push(NAME, &[])
        .failed(1)
        .stderr_has("plain HTTP")
        .stderr_has("HTTPS")
        .stderr_has("--insecure registry.test");
    for request in registry.registry.log() {
        assert!(!request.target.contains("/v2/"), "asked without TLS: {request:?}");
    }
    for given in [HOST, "registry.test"] {
        lab.push(NAME, &["--insecure", given]).ok();
        lab.pull(NAME, &["--insecure", given]).ok();
    }
}

#[test]
fn logins_of_a_registry_with_tls_do_not_go_to_a_token_service_without() {
    let (mut lab, authority) = trusting_lab();
    let registry = FakeRegistry::start_with(
        Some(authority.server(&["registry.test"]).config()),
        Rules {
            demand: Demand::Bearer,
            logins: vec![(USER.to_owned(), PASSWORD.to_owned())],
            refresh_tokens: vec!["refresh-token".to_owned()],
            ..Rules::default()
        },
    );
    let proxy = Proxy::to(registry.registry.port);
    lab.env("HTTPS_PROXY", proxy.url()).login(USER, PASSWORD);
    let realm = format!("http://{}/token", registry.token_service.host());
    lab.push(NAME, &["--ca-file", "ca.pem"])
        .failed(1)
        .stderr_has(&realm)
        .stderr_has("not encrypted");
    lab.stdin("refresh-token\n");
    lab.push(NAME, &["--ca-file", "ca.pem", "--creds-stdin"])
        .failed(1)
        .stderr_has("not encrypted");
    assert_eq!(registry.token_service.log().len(), 0);
}

#[test]
fn a_registry_with_tls_does_not_lead_to_a_storage_without() {
    let (mut lab, authority) = trusting_lab();
    let registry = FakeRegistry::start_with(Some(authority.server(&["registry.test"]).config()), Rules::default());
    registry.hold("acme/x", "1.0");
    let proxy = Proxy::to(registry.registry.port);
    lab.env("HTTPS_PROXY", proxy.url());
    let place = format!("http://{}", registry.storage.host());
    registry.change(|rules| {
        rules.blobs_at = Some(place.clone());
        rules.uploads_at = Some(place);
    });
    lab.pull(NAME, &["--ca-file", "ca.pem"])
        .failed(1)
        .stderr_has("not encrypted");
    lab.push("registry.test:5000/acme/y:1", &["--ca-file", "ca.pem"])
        .failed(1)
        .stderr_has("not encrypted");
    assert_eq!(registry.storage.log().len(), 0);
}
