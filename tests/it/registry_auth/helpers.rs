//! Credential helpers: `docker-credential-NAME` on the `PATH`.

use serde_json::json;

use super::fake_registry::{Demand, FakeRegistry, Rules};
use super::lab::{Lab, PASSWORD, USER, auth};
use crate::support::Run;

const REFRESH_TOKEN: &str = "refresh/token+of=the tests";

fn locked_registry() -> FakeRegistry {
    FakeRegistry::start(Rules {
        demand: Demand::Basic,
        logins: vec![(USER.to_owned(), PASSWORD.to_owned())],
        refresh_tokens: vec![REFRESH_TOKEN.to_owned()],
        ..Rules::default()
    })
}

/// Answers with a login, and keeps what it was asked.
fn answering(user: &str, secret: &str) -> String {
    let answer = json!({ "ServerURL": "x", "Username": user, "Secret": secret });
    format!("echo \"$*\" > asked\ncat >> asked\nprintf '%s' '{answer}'")
}

fn push(lab: &Lab, registry: &FakeRegistry) -> Run {
    lab.push(&format!("{}/x:1", registry.host()), &["-v"])
}

#[test]
fn a_helper_of_one_registry_is_asked() {
    let registry = locked_registry();
    let mut lab = Lab::new();
    lab.docker_config(&json!({ "credHelpers": { registry.host(): "test" }, "credsStore": "absent" }));
    lab.helper("test", &answering(USER, PASSWORD));
    push(&lab, &registry).ok();
    let asked = std::fs::read_to_string(lab.sandbox.join("asked")).unwrap();
    assert_eq!(asked.trim_end(), format!("get\n{}", registry.host()));
}

#[test]
fn a_helper_of_podmans_file_is_asked() {
    let registry = locked_registry();
    let mut lab = Lab::new();
    let content = json!({ "credHelpers": { registry.host(): "test" } });
    lab.sandbox.write(".config/containers/auth.json", content.to_string());
    lab.helper("test", &answering(USER, PASSWORD));
    push(&lab, &registry).ok();
}

#[test]
fn the_store_of_all_registries_is_asked() {
    let registry = locked_registry();
    let mut lab = Lab::new();
    // docker leaves empty entries for what is in the store
    lab.docker_config(&json!({ "auths": { registry.host(): {} }, "credsStore": "test" }));
    lab.helper("test", &answering(USER, PASSWORD));
    push(&lab, &registry).ok();
}

#[test]
fn a_helper_may_give_an_identity_token() {
    let registry = locked_registry();
    registry.change(|rules| rules.demand = Demand::Bearer);
    let mut lab = Lab::new();
    lab.docker_config(&json!({ "credsStore": "test" }));
    lab.helper("test", &answering("<token>", REFRESH_TOKEN));
    push(&lab, &registry).ok();
    let asked = &registry.token_service.log()[0];
    assert_eq!(asked.form("refresh_token"), [REFRESH_TOKEN]);
}

#[test]
fn a_helper_that_knows_nothing_leaves_us_without_a_name() {
    let not_found = "cat > /dev/null; echo 'credentials not found in native keychain'; exit 1";
    let registry = FakeRegistry::start(Rules::default());
    let mut lab = Lab::new();
    lab.docker_config(&json!({ "credsStore": "test" }));
    lab.helper("test", not_found);
    push(&lab, &registry).ok();

    let registry = locked_registry();
    push(&lab, &registry)
        .failed(1)
        .stderr_has("401")
        .stderr_has(&format!("no credentials for {}", registry.host()));
}

#[test]
fn a_registry_for_everybody_is_read_although_the_helper_knows_nothing() {
    let registry = locked_registry();
    registry.change(|rules| {
        rules.demand = Demand::Bearer;
        rules.is_public = true;
    });
    registry.hold("x", "1");
    let mut lab = Lab::new();
    lab.docker_config(&json!({ "credsStore": "test" }));
    lab.helper(
        "test",
        "cat > /dev/null; echo 'credentials not found in native keychain'; exit 1",
    );
    lab.pull(&format!("{}/x:1", registry.host()), &[]).ok();
}

#[test]
fn a_helper_that_fails_is_named() {
    let registry = locked_registry();
    for script in [
        "echo 'the keychain is locked' >&2; exit 1",
        "echo 'the keychain is locked'; exit 3",
        "exit 0",
        "echo '{'",
        "echo '{\"Username\": \"me\"}'",
        "kill -9 $$",
    ] {
        let mut lab = Lab::new();
        lab.docker_config(&json!({ "credHelpers": { registry.host(): "test" } }));
        lab.helper("test", script);
        push(&lab, &registry)
            .failed(1)
            .stderr_has("docker-credential-test")
            .stderr_has(".docker/config.json");
    }
}

#[test]
fn what_a_failing_helper_prints_is_not_shown() {
    let registry = locked_registry();
    let mut lab = Lab::new();
    lab.docker_config(&json!({ "credHelpers": { registry.host(): "test" } }));
    lab.helper("test", &format!("echo '{PASSWORD}'; echo '{PASSWORD}' >&2; exit 1"));
    push(&lab, &registry).failed(1).stderr_lacks(PASSWORD);
    lab.helper("test", &format!("echo '{{\"Secret\": \"{PASSWORD}\"'"));
    push(&lab, &registry).failed(1).stderr_lacks(PASSWORD);
}

#[test]
fn a_helper_that_is_not_there_is_named() {
    let registry = locked_registry();
    let lab = Lab::new();
    lab.docker_config(&json!({ "credHelpers": { registry.host(): "absent" } }));
    push(&lab, &registry)
        .failed(1)
        .stderr_has("docker-credential-absent")
        .stderr_has("PATH");
}

#[test]
fn a_helper_for_another_registry_is_not_asked() {
    let registry = locked_registry();
    let lab = Lab::new();
    lab.docker_config(&json!({
        "auths": { registry.host(): auth(USER, PASSWORD) },
        "credHelpers": { "other.test": "absent" },
    }));
    push(&lab, &registry).ok();
}

#[test]
fn a_helper_is_asked_once_for_a_whole_push() {
    let registry = locked_registry();
    let mut lab = Lab::with_layers(10);
    lab.docker_config(&json!({ "credsStore": "test" }));
    let answer = json!({ "ServerURL": "x", "Username": USER, "Secret": PASSWORD });
    lab.helper(
        "test",
        &format!("cat > /dev/null\necho asked >> times\nprintf '%s' '{answer}'"),
    );
    push(&lab, &registry).ok();
    let times = std::fs::read_to_string(lab.sandbox.join("times")).unwrap();
    assert_eq!(times, "asked\n");
}

#[test]
fn a_helper_need_not_read_what_it_is_asked() {
    let registry = locked_registry();
    let mut lab = Lab::new();
    lab.docker_config(&json!({ "credsStore": "test" }));
    let answer = json!({ "ServerURL": "x", "Username": USER, "Secret": PASSWORD });
    lab.helper("test", &format!("exec 0<&-\nprintf '%s' '{answer}'"));
    // it ends before or after the name is written to it
    for _ in 0..20 {
        push(&lab, &registry).ok();
    }
}
