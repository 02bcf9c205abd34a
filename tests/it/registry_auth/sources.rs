//! Each source of credentials against a registry with a password, and what is said when it is refused.

use serde_json::json;

use super::docker_registry::{DockerRegistry, Setup};
use super::fake_registry::{Demand, FakeRegistry, Rules, basic};
use super::lab::{Lab, PASSWORD, USER, auths};
use crate::support::tools::require_tool;

fn locked_registry() -> FakeRegistry {
    FakeRegistry::start(Rules {
        demand: Demand::Basic,
        logins: vec![(USER.to_owned(), PASSWORD.to_owned())],
        ..Rules::default()
    })
}

#[test]
fn a_registry_with_a_password_file_lets_us_in() {
    let setup = Setup {
        login: Some((USER, PASSWORD)),
        ..Setup::default()
    };
    let Some(registry) = DockerRegistry::start(&setup) else {
        return;
    };
    let name = format!("{}/acme/x:1.0", registry.host());
    let mut lab = Lab::with_layers(3);
    lab.stdin(format!("{USER}:{PASSWORD}\n"));
    let pushed = lab.push(&name, &["--creds-stdin"]);
    pushed.ok().stdout_has(&format!("{}/acme/x@sha256:", registry.host()));
    let pulled = lab.pull(&name, &["--creds-stdin"]);
    let digest = pulled.digest();
    pushed.stdout_has(digest);

    let Some(skopeo) = require_tool("skopeo") else { return };
    let source = format!("docker://{name}");
    let creds = format!("{USER}:{PASSWORD}");
    let args = [
        "inspect",
        "--tls-verify=false",
        "--creds",
        &creds,
        "--format",
        "{{.Digest}}",
    ];
    let inspected = skopeo.run(&lab.sandbox, &[&args[..], &[&source]].concat());
    assert_eq!(inspected.ok().stdout.trim(), digest);
}

#[test]
fn a_registry_with_a_password_file_refuses_a_wrong_one() {
    let setup = Setup {
        login: Some((USER, PASSWORD)),
        ..Setup::default()
    };
    let Some(registry) = DockerRegistry::start(&setup) else {
        return;
    };
    let mut lab = Lab::new();
    lab.stdin(format!("{USER}:wrong-one\n"));
    let name = format!("{}/x:1", registry.host());
    for run in [lab.push(&name, &["--creds-stdin"]), lab.pull(&name, &["--creds-stdin"])] {
        run.failed(1)
            .stderr_has("401")
            .stderr_has("from --creds-stdin")
            .stderr_lacks("wrong-one");
    }
}

#[test]
fn a_wrong_password_names_the_source_that_had_it() {
    let registry = locked_registry();
    let host = registry.host();
    registry.hold("x", "1");
    let wrong = "wrong-one";
    let check = |lab: &Lab, source: &str, args: &[&str]| {
        for run in [
            lab.push(&format!("{host}/y:1"), args),
            lab.pull(&format!("{host}/x:1"), args),
        ] {
            run.failed(1).stderr_has("401").stderr_has(source).stderr_lacks(wrong);
        }
    };
    let mut lab = Lab::new();
    let file = lab.docker_config(&auths(&host, USER, wrong));
    check(&lab, file.to_str().unwrap(), &[]);
    let file = lab
        .sandbox
        .write(".config/containers/auth.json", auths(&host, USER, wrong).to_string());
    check(&lab, file.to_str().unwrap(), &[]);
    let file = lab.sandbox.write("named", auths(&host, USER, wrong).to_string());
    lab.env("REGISTRY_AUTH_FILE", file.to_str().unwrap());
    check(&lab, file.to_str().unwrap(), &[]);
    lab.env("CNB_REGISTRY_AUTH", json!({ &host: basic(USER, wrong) }).to_string());
    check(&lab, "from CNB_REGISTRY_AUTH", &[]);
    lab.login(USER, wrong);
    check(&lab, "from AIRPACK_REGISTRY_", &[]);
    lab.stdin(format!("{USER}:{wrong}"));
    check(&lab, "from --creds-stdin", &["--creds-stdin"]);
}

#[test]
fn without_credentials_it_says_so() {
    let registry = locked_registry();
    registry.hold("x", "1");
    let lab = Lab::new();
    for run in [
        lab.push(&format!("{}/y:1", registry.host()), &[]),
        lab.pull(&format!("{}/x:1", registry.host()), &[]),
    ] {
        run.failed(1)
            .stderr_has("401")
            .stderr_has(&format!("no credentials for {}", registry.host()))
            .stderr_has("--creds-stdin");
    }
}

#[test]
fn a_login_that_is_refused_is_not_tried_again_and_again() {
    let registry = locked_registry();
    let mut lab = Lab::with_layers(8);
    lab.login(USER, "wrong-one");
    lab.push(&format!("{}/x:1", registry.host()), &[]).failed(1);
    let tried = registry
        .registry
        .log()
        .iter()
        .filter(|request| request.authorization().is_some())
        .count();
    // accounts are locked after a few
    assert!(tried <= 2, "tried {tried} times");
}

#[test]
fn nobody_is_told_who_asks_before_it_wants_to_know() {
    let registry = FakeRegistry::start(Rules::default());
    let mut lab = Lab::new();
    lab.login(USER, PASSWORD);
    lab.push(&format!("{}/x:1", registry.host()), &[]).ok();
    for request in registry.registry.log() {
        assert_eq!(request.authorization(), None, "{request:?}");
    }
}

#[test]
fn a_password_may_hold_colons_and_spaces() {
    let password = " a:b c:d ";
    let registry = locked_registry();
    registry.change(|rules| rules.logins = vec![(USER.to_owned(), password.to_owned())]);
    let name = format!("{}/x:1", registry.host());
    let mut by_stdin = Lab::new();
    by_stdin.stdin(format!("{USER}:{password}\r\nmore that is not read\n"));
    by_stdin.push(&name, &["--creds-stdin"]).ok();
    let mut by_variables = Lab::with_layers(2);
    by_variables.login(USER, password);
    by_variables.push(&name, &[]).ok();
    let by_file = Lab::with_layers(3);
    by_file.docker_config(&auths(&registry.host(), USER, password));
    by_file.push(&name, &[]).ok();
}

#[test]
fn an_empty_stdin_is_no_login() {
    let registry = locked_registry();
    for text in ["", "\n", "  \n"] {
        let mut lab = Lab::new();
        lab.stdin(text);
        lab.push(&format!("{}/x:1", registry.host()), &["--creds-stdin"])
            .failed(1)
            .stderr_has("stdin");
    }
}

#[test]
fn half_a_login_in_the_environment_is_told() {
    let registry = locked_registry();
    for (given, missing) in [
        ("AIRPACK_REGISTRY_USERNAME", "AIRPACK_REGISTRY_PASSWORD"),
        ("AIRPACK_REGISTRY_PASSWORD", "AIRPACK_REGISTRY_USERNAME"),
    ] {
        let mut lab = Lab::new();
        lab.env(given, PASSWORD);
        lab.push(&format!("{}/x:1", registry.host()), &[])
            .failed(1)
            .stderr_has(missing)
            .stderr_lacks(PASSWORD);
    }
}

#[test]
fn cnb_registry_auth_gives_a_password_or_a_token() {
    let registry = locked_registry();
    let name = format!("{}/x:1", registry.host());
    let mut lab = Lab::new();
    lab.env(
        "CNB_REGISTRY_AUTH",
        json!({ registry.host(): basic(USER, PASSWORD) }).to_string(),
    );
    lab.push(&name, &[]).ok();

    let token = "token-from-elsewhere";
    registry.change(|rules| {
        rules.demand = Demand::Bearer;
        rules.access_tokens = vec![token.to_owned()];
    });
    let mut lab = Lab::with_layers(2);
    lab.env(
        "CNB_REGISTRY_AUTH",
        json!({ registry.host(): format!("Bearer {token}") }).to_string(),
    );
    lab.push(&name, &[]).ok();
    assert!(registry.token_service.log().is_empty());
}

#[test]
fn a_malformed_cnb_registry_auth_is_told_without_its_text() {
    let registry = locked_registry();
    let host = registry.host();
    for text in [
        PASSWORD.to_owned(),
        format!("{{\"{host}\": \"{PASSWORD}\"}}"),
        format!("{{\"{host}\": \"Basic {PASSWORD}\"}}"),
        format!("{{\"{host}\": \"Digest {PASSWORD}\"}}"),
        format!("{{\"{host}\": [\"{PASSWORD}\"]}}"),
        format!("[\"{PASSWORD}\"]"),
    ] {
        let mut lab = Lab::new();
        lab.env("CNB_REGISTRY_AUTH", &text);
        lab.push(&format!("{host}/x:1"), &["-v"])
            .failed(1)
            .stderr_has("CNB_REGISTRY_AUTH")
            .stderr_lacks(PASSWORD);
    }
}

#[test]
fn a_malformed_file_is_told_with_its_path_and_without_its_text() {
    let registry = locked_registry();
    let host = registry.host();
    for text in [
        format!("{{\"auths\": {{\"{host}\": {{\"auth\": \"{PASSWORD}\"}}}}"),
        format!("{{\"auths\": {{\"{host}\": {{\"auth\": \"{PASSWORD}\"}}}}}}"),
        format!("{{\"auths\": {{\"{host}\": {{\"auth\": [\"{PASSWORD}\"]}}}}}}"),
        format!("{{\"auths\": \"{PASSWORD}\"}}"),
        format!("{{\"credHelpers\": \"{PASSWORD}\"}}"),
        // `no-colon` in base64
        format!("{{\"auths\": {{\"{host}\": {{\"auth\": \"bm8tY29sb24=\"}}}}}}"),
        String::new(),
    ] {
        let lab = Lab::new();
        let file = lab.sandbox.write(".docker/config.json", &text);
        lab.push(&format!("{host}/x:1"), &["-v"])
            .failed(1)
            .stderr_has(file.to_str().unwrap())
            .stderr_lacks(PASSWORD)
            .stderr_lacks("no-colon");
    }
}

#[test]
fn entries_without_content_are_no_logins() {
    let registry = FakeRegistry::start(Rules::default());
    let host = registry.host();
    for entry in [json!({}), json!({ "auth": "" }), json!({ "email": "me@example.test" })] {
        let lab = Lab::new();
        lab.docker_config(&json!({ "auths": { &host: entry }, "HttpHeaders": {}, "detachKeys": "ctrl-p" }));
        registry.change(|rules| rules.demand = Demand::Basic);
        lab.push(&format!("{host}/x:1"), &[])
            .failed(1)
            .stderr_has(&format!("no credentials for {host}"));
        registry.change(|rules| rules.demand = Demand::Nothing);
        lab.push(&format!("{host}/x:1"), &[]).ok();
    }
}
