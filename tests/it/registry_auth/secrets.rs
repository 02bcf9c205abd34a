//! A secret is in no output, whatever the registry says and however much is asked to be told.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use super::fake_registry::{Demand, FakeRegistry, Rules, basic};
use super::lab::{Lab, PASSWORD, USER};
use crate::support::Run;

const REFRESH_TOKEN: &str = "refresh/token+of=the%tests";

fn locked_registry(demand: Demand) -> FakeRegistry {
    FakeRegistry::start(Rules {
        demand,
        logins: vec![(USER.to_owned(), PASSWORD.to_owned())],
        refresh_tokens: vec![REFRESH_TOKEN.to_owned()],
        ..Rules::default()
    })
}

/// The forms in which a secret may come back.
fn forms(secret: &str) -> Vec<String> {
    let encoded = percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string();
    let pair = basic(USER, secret).trim_start_matches("Basic ").to_owned();
    let base64 = BASE64_STANDARD.encode(secret);
    [secret.to_owned(), encoded, pair, base64]
        .iter()
        .map(|form| form.trim_end_matches('=').to_owned())
        .collect()
}

#[track_caller]
fn assert_hides(run: &Run, secrets: &[String]) {
    for secret in secrets {
        for form in forms(secret) {
            assert!(
                !run.stdout.contains(&form) && !run.stderr.contains(&form),
                "{form:?} was shown{run}"
            );
        }
    }
}

/// All that is secret at this registry.
fn secrets(registry: &FakeRegistry) -> Vec<String> {
    [&[PASSWORD.to_owned(), REFRESH_TOKEN.to_owned()], &registry.tokens()[..]].concat()
}

/// A lab for a registry that wants this, and the options for it.
fn ready(with_refresh_token: bool) -> (Lab, Vec<&'static str>) {
    let mut lab = Lab::with_layers(3);
    if with_refresh_token {
        lab.stdin(format!("{REFRESH_TOKEN}\n"));
        return (lab, vec!["--creds-stdin", "-v"]);
    }
    lab.login(USER, PASSWORD);
    (lab, vec!["-v"])
}

const WAYS: [(Demand, bool); 3] = [(Demand::Basic, false), (Demand::Bearer, false), (Demand::Bearer, true)];

#[test]
fn nothing_is_shown_when_all_goes_well() {
    for (demand, with_refresh_token) in WAYS {
        let registry = locked_registry(demand);
        let (lab, args) = ready(with_refresh_token);
        let name = format!("{}/x:1", registry.host());
        for more in [
            &["--dry-run"][..],
            &["--dry-run", "--json"],
            &[],
            &["--json"],
            &["--check-blobs"],
        ] {
            let run = lab.push(&name, &[&args[..], more].concat());
            assert_hides(run.ok(), &secrets(&registry));
        }
        for more in [&["--dry-run"][..], &["--dry-run", "--json"], &[], &["--json"]] {
            let run = lab.pull(&name, &[&args[..], more].concat());
            assert_hides(run.ok(), &secrets(&registry));
        }
    }
}

#[test]
fn nothing_is_shown_when_the_registry_repeats_it() {
    let pushes = [
        ("HEAD", "/manifests/"),
        ("HEAD", "/blobs/"),
        ("POST", "/blobs/"),
        ("PUT", "/blobs/"),
        ("PUT", "/manifests/"),
    ];
    let pulls = [("GET", "/manifests/"), ("GET", "/blobs/")];
    for (demand, with_refresh_token) in WAYS {
        for status in [401, 403, 500] {
            for is_plain in [false, true] {
                for (method, part) in [&pushes[..], &pulls].concat() {
                    let registry = locked_registry(demand);
                    registry.hold("x", "1");
                    registry.change(|rules| {
                        rules.refused = Some((method, part, status));
                        rules.refuses_in_plain_text = is_plain;
                    });
                    let (lab, mut args) = ready(with_refresh_token);
                    args.extend(["--retries", "0"]);
                    let run = if pushes.contains(&(method, part)) {
                        lab.push(&format!("{}/y:1", registry.host()), &args)
                    } else {
                        lab.pull(&format!("{}/x:1", registry.host()), &args)
                    };
                    assert_hides(run.failed(1), &secrets(&registry));
                }
            }
        }
    }
}

#[test]
fn nothing_is_shown_when_the_token_service_repeats_it() {
    for (failures, right) in [(usize::MAX, true), (1, true), (0, false)] {
        for with_refresh_token in [false, true] {
            for is_plain in [false, true] {
                let registry = locked_registry(Demand::Bearer);
                registry.change(|rules| {
                    rules.token_failures = failures;
                    rules.refuses_in_plain_text = is_plain;
                    if !right {
                        rules.logins.clear();
                        rules.refresh_tokens.clear();
                    }
                });
                let (lab, mut args) = ready(with_refresh_token);
                args.extend(["--retries", "1"]);
                let run = lab.push(&format!("{}/x:1", registry.host()), &args);
                assert_hides(&run, &secrets(&registry));
                if failures != 1 {
                    run.failed(1);
                }
            }
        }
    }
}

#[test]
fn a_secret_is_not_shown_in_part() {
    // messages are cut somewhere
    for length in 380..520 {
        if length % 4 != 0 {
            continue;
        }
        let registry = locked_registry(Demand::Basic);
        registry.change(|rules| {
            rules.refused = Some(("POST", "/blobs/", 403));
            rules.refuses_in_plain_text = true;
            rules.refusals_begin_with = length;
        });
        let (lab, args) = ready(false);
        let run = lab.push(&format!("{}/x:1", registry.host()), &args);
        let pair = basic(USER, PASSWORD).trim_start_matches("Basic ").to_owned();
        run.failed(1).stderr_lacks(&PASSWORD[..5]).stderr_lacks(&pair[..14]);
    }
}

#[test]
fn an_address_with_a_secret_in_it_is_not_shown() {
    let registry = locked_registry(Demand::Basic);
    registry.hold("x", "1");
    let (lab, args) = ready(false);
    let name = format!("{}/x:1", registry.host());
    // nobody listens on port 1; and the storage does not know this path
    for host in ["127.0.0.1:1".to_owned(), registry.storage.host()] {
        for place in [
            format!("http://{host}/{PASSWORD}"),
            format!("http://{USER}:{PASSWORD}@{host}"),
        ] {
            registry.change(|rules| {
                rules.blobs_at = Some(place.clone());
                rules.uploads_at = Some(place.clone());
            });
            for run in [
                lab.pull(&name, &[&args[..], &["--retries", "1"]].concat()),
                lab.push(
                    &format!("{}/y:1", registry.host()),
                    &[&args[..], &["--retries", "1"]].concat(),
                ),
            ] {
                assert_hides(run.failed(1), &secrets(&registry));
                run.stderr_lacks("signature=");
            }
        }
    }
    let registry = locked_registry(Demand::Bearer);
    for realm in [
        format!("http://127.0.0.1:1/{PASSWORD}"),
        format!("http://{USER}:{PASSWORD}@127.0.0.1:1/"),
        format!("ftp://127.0.0.1:1/{PASSWORD}"),
    ] {
        registry.change(|rules| rules.realm = Some(realm));
        let run = lab.push(
            &format!("{}/y:1", registry.host()),
            &[&args[..], &["--retries", "1"]].concat(),
        );
        assert_hides(run.failed(1), &secrets(&registry));
    }
}

#[test]
fn a_token_from_cnb_registry_auth_is_not_shown() {
    let token = "token-from-elsewhere";
    let registry = locked_registry(Demand::Bearer);
    registry.change(|rules| {
        rules.access_tokens = vec![token.to_owned()];
        rules.refused = Some(("PUT", "/blobs/", 403));
    });
    let mut lab = Lab::new();
    lab.env(
        "CNB_REGISTRY_AUTH",
        json!({ registry.host(): format!("Bearer {token}") }).to_string(),
    );
    let run = lab.push(&format!("{}/x:1", registry.host()), &["-v"]);
    assert_hides(run.failed(1), &[token.to_owned()]);
    registry.change(|rules| rules.access_tokens.clear());
    let run = lab.push(&format!("{}/x:1", registry.host()), &["-v"]);
    assert_hides(run.failed(1).stderr_has("401"), &[token.to_owned()]);
}

#[test]
fn help_and_wrong_usage_do_not_show_the_environment() {
    let mut lab = Lab::new();
    lab.login(USER, PASSWORD);
    for command in ["push", "pull"] {
        for args in [&["--help"][..], &["-h"], &["--nonsense"], &[]] {
            let run = lab.run(&[&[command], args].concat());
            assert_hides(&run, &[PASSWORD.to_owned()]);
        }
    }
}

#[test]
fn secrets_are_in_the_arguments_of_no_process() {
    for demand in [Demand::Basic, Demand::Bearer] {
        let registry = locked_registry(demand);
        let secret = "only-in-this-test-geheim";
        registry.change(|rules| {
            rules.logins = vec![(USER.to_owned(), secret.to_owned())];
            rules.watched_text = Some(secret.to_owned());
        });
        let mut lab = Lab::new();
        lab.docker_config(&json!({ "credsStore": "test" }));
        let answer = json!({ "ServerURL": "x", "Username": USER, "Secret": secret });
        lab.sandbox.write("answer", answer.to_string());
        lab.helper(
            "test",
            "tr '\\0' ' ' < /proc/$PPID/cmdline > parent\necho \"$*\" >> parent\ncat answer",
        );
        lab.push(&format!("{}/x:1", registry.host()), &[]).ok();
        let parent = std::fs::read_to_string(lab.sandbox.join("parent")).unwrap();
        assert!(parent.contains("push") && !parent.contains(secret), "{parent}");
        lab.stdin(format!("{USER}:{secret}\n"));
        lab.push(&format!("{}/y:1", registry.host()), &["--creds-stdin"]).ok();
        assert_eq!(registry.processes(), Vec::<String>::new());
    }
}
