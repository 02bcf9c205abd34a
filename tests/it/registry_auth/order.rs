//! Which of several sources of credentials is used.

use serde_json::json;

use super::fake_registry::{Demand, FakeRegistry, Rules, basic};
use super::lab::{Lab, PASSWORD, auth, auths};

/// A registry that takes any user and password, so that its log tells which came.
fn curious_registry() -> FakeRegistry {
    FakeRegistry::start(Rules {
        demand: Demand::Basic,
        takes_any_login: true,
        ..Rules::default()
    })
}

/// Pushes, and gives the one login that the registry saw.
#[track_caller]
fn login_of_push(lab: &Lab, registry: &FakeRegistry, repository: &str, args: &[&str]) -> String {
    registry.registry.forget();
    let run = lab.push(&format!("{}/{repository}:1.0", registry.host()), args);
    run.ok();
    let mut seen: Vec<_> = registry
        .registry
        .log()
        .iter()
        .filter_map(|request| request.authorization().map(ToOwned::to_owned))
        .collect();
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}{run}");
    seen.remove(0)
}

#[test]
fn the_first_source_that_knows_the_registry_wins() {
    let registry = curious_registry();
    let host = registry.host();
    let mut lab = Lab::new();
    let check = |lab: &Lab, repository: &str, args: &[&str], user: &str| {
        let seen = login_of_push(lab, &registry, repository, args);
        assert_eq!(seen, basic(user, PASSWORD), "{user}");
    };
    let entry = |user: &str| auths(&host, user, PASSWORD).to_string();

    lab.docker_config(&auths(&host, "docker-home", PASSWORD));
    check(&lab, "a", &[], "docker-home");

    lab.sandbox.write("docker/config.json", entry("docker-config"));
    let folder = lab.sandbox.join("docker");
    lab.env("DOCKER_CONFIG", folder.to_str().unwrap());
    check(&lab, "b", &[], "docker-config");

    lab.sandbox
        .write(".config/containers/auth.json", entry("containers-home"));
    check(&lab, "c", &[], "containers-home");

    lab.sandbox.write("run/containers/auth.json", entry("containers-run"));
    let folder = lab.sandbox.join("run");
    lab.env("XDG_RUNTIME_DIR", folder.to_str().unwrap());
    check(&lab, "d", &[], "containers-run");

    let file = lab.sandbox.write("named.json", entry("named-file"));
    lab.env("REGISTRY_AUTH_FILE", file.to_str().unwrap());
    check(&lab, "e", &[], "named-file");

    let header = json!({ &host: basic("cnb", PASSWORD) });
    lab.env("CNB_REGISTRY_AUTH", header.to_string());
    check(&lab, "f", &[], "cnb");

    lab.login("variables", PASSWORD);
    check(&lab, "g", &[], "variables");

    lab.stdin(format!("stdin:{PASSWORD}\n"));
    check(&lab, "h", &["--creds-stdin"], "stdin");
    check(&lab, "i", &[], "variables");
}

#[test]
fn a_source_that_does_not_know_the_registry_is_passed_over() {
    let registry = curious_registry();
    let mut lab = Lab::new();
    lab.docker_config(&auths(&registry.host(), "known", PASSWORD));
    let file = lab
        .sandbox
        .write("other.json", auths("other.test", "other", PASSWORD).to_string());
    lab.env("REGISTRY_AUTH_FILE", file.to_str().unwrap()).env(
        "CNB_REGISTRY_AUTH",
        json!({ "other.test": basic("other", PASSWORD) }).to_string(),
    );
    let seen = login_of_push(&lab, &registry, "a", &[]);
    assert_eq!(seen, basic("known", PASSWORD));
}

#[test]
fn the_longest_key_of_a_podman_file_wins() {
    let registry = curious_registry();
    let host = registry.host();
    let lab = Lab::new();
    let keys = json!({ "auths": {
        &host: auth("all", PASSWORD),
        format!("{host}/team"): auth("team", PASSWORD),
        format!("{host}/team/app"): auth("app", PASSWORD),
    } });
    lab.sandbox.write(".config/containers/auth.json", keys.to_string());
    for (repository, user) in [
        ("team/app", "app"),
        ("team/app/part", "app"),
        ("team/application", "team"),
        ("team/other", "team"),
        ("teams/app", "all"),
        ("x", "all"),
    ] {
        let seen = login_of_push(&lab, &registry, repository, &[]);
        assert_eq!(seen, basic(user, PASSWORD), "{repository}");
    }
}

#[test]
fn keys_of_docker_may_be_addresses() {
    let registry = curious_registry();
    let host = registry.host();
    for (repository, key) in [
        ("a", format!("https://{host}")),
        ("b", format!("https://{host}/v1/")),
        ("c", format!("https://{host}/v2/")),
        ("d", format!("http://{host}")),
    ] {
        let lab = Lab::new();
        lab.docker_config(&auths(&key, "address", PASSWORD));
        let seen = login_of_push(&lab, &registry, repository, &[]);
        assert_eq!(seen, basic("address", PASSWORD), "{key}");
    }
}

#[test]
fn a_login_for_another_port_is_not_used() {
    let registry = curious_registry();
    let lab = Lab::new();
    let keys = json!({ "auths": {
        "127.0.0.1": auth("no-port", PASSWORD),
        "127.0.0.1:1": auth("other-port", PASSWORD),
    } });
    lab.docker_config(&keys);
    lab.push(&format!("{}/x:1.0", registry.host()), &[]).failed(1);
    for request in registry.registry.log() {
        assert_eq!(request.authorization(), None, "{request:?}");
    }
}

#[test]
fn credentials_without_a_host_are_not_spread_over_two_registries() {
    let (one, two) = (curious_registry(), curious_registry());
    one.hold("x", "1");
    two.hold("x", "1");
    let (first, second) = (format!("{}/x:1", one.host()), format!("{}/x:1", two.host()));
    let args = ["pull", &first, &second, "--layout", "in.oci"];
    let mut by_stdin = Lab::new();
    by_stdin.stdin(format!("me:{PASSWORD}\n"));
    by_stdin.run(&[&args[..], &["--creds-stdin"]].concat()).failed(1);
    let mut by_variables = Lab::new();
    by_variables.login("me", PASSWORD);
    by_variables.run(&args).failed(1);
    for request in [one.registry.log(), two.registry.log()].concat() {
        assert_eq!(request.authorization(), None, "{request:?}");
    }
}
