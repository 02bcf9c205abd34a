//! Credentials go to the registry that they are for, and nowhere else: no other host, no log, no error.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::support::fault_registry::{Auth, Location};

const USER: &str = "some-user";
const PASSWORD: &str = "pa55-word-of-the-test";

/// Writes a docker configuration with user and password for a host.
pub(super) fn write_docker_config(sandbox: &Sandbox, host: &str, user: &str, password: &str) {
    let auth = STANDARD.encode(format!("{user}:{password}"));
    let config = json!({ "auths": { host: { "auth": auth } } });
    sandbox.write("docker/config.json", config.to_string());
}

/// A registry that wants user and password, and a configuration that has them.
fn guarded(scene: Scene, auth: Auth) -> Scene {
    scene.registry.habits(|habits| habits.auth = auth);
    write_docker_config(&scene.sandbox, &scene.registry.host(), USER, PASSWORD);
    scene
}

fn both() -> [Auth; 2] {
    [Auth::Basic(USER, PASSWORD), Auth::Bearer(USER, PASSWORD, 1000)]
}

/// Neither the password in any form nor a token is in what was said.
#[track_caller]
fn check_silent(run: &Run) {
    let encoded = STANDARD.encode(format!("{USER}:{PASSWORD}"));
    for secret in [
        PASSWORD,
        &encoded,
        "token-1",
        "token-2",
        "s1g-nature",
        "Bearer t",
        "Basic c",
    ] {
        run.stderr_lacks(secret);
        assert!(!run.stdout.contains(secret), "{secret} on stdout{run}");
    }
}

/// All requests that came by the IP address and this port carried credentials in the end, and those that came by
/// another name or to another registry none.
#[track_caller]
fn check_kept(registry: &FaultRegistry, own: &str) {
    for seen in registry.log() {
        let to = seen.header("Host").unwrap();
        if to != own {
            assert_eq!(seen.header("Authorization"), None, "{to}{}", registry.shown());
            assert_eq!(seen.header("Cookie"), None, "{to}{}", registry.shown());
            assert_eq!(seen.header("Proxy-Authorization"), None, "{to}{}", registry.shown());
        }
    }
}

/// The address of a registry by name.
fn by_name(registry: &FaultRegistry) -> String {
    registry.url("").replace("127.0.0.1", "localhost")
}

#[test]
fn no_credentials_go_with_a_redirect_to_another_host() {
    for auth in both() {
        for (part, status) in [("/blobs/", 307), ("/blobs/", 302), ("/manifests/", 307), ("", 308)] {
            let scene = guarded(Scene::filled(), auth.clone());
            let other = FaultRegistry::start();
            other.put_image(REPOSITORY, Some("1.0"), &scene.source, scene.entry());
            let part = format!("/v2/acme/hello{part}");
            for base in [other.url(""), by_name(&other)] {
                let fault = Fault::RedirectTo(status, base);
                for method in ["GET", "HEAD"] {
                    scene.registry.fault(method, part.as_str(), .., fault.clone());
                }
                let _ = fs::remove_dir_all(scene.pulled());
                let run = scene.pull(&["-v"]);
                assert_eq!(run.digest(), scene.digest(), "{}", other.shown());
                LayoutView::open(scene.pulled()).check_whole();
                check_silent(&run);
                assert!(!other.log().is_empty(), "{run}");
                check_kept(&other, &scene.registry.host());
                scene.registry.recover();
                other.recover();
            }
        }
    }
}

#[test]
fn no_credentials_go_with_a_redirect_to_another_name_of_the_host() {
    for auth in both() {
        let scene = guarded(Scene::filled(), auth);
        let fault = Fault::RedirectTo(307, by_name(&scene.registry));
        // only what comes by the address is sent on
        scene.registry.fault("GET", scene.big_path(), 1..=2, fault);
        let run = scene.pull(&["-v"]);
        check_silent(&run);
        check_kept(&scene.registry, &scene.registry.host());
        let seen = scene.registry.requests("GET", &scene.big_path());
        let by_name = seen
            .iter()
            .filter(|seen| seen.header("Host").unwrap().starts_with("localhost"));
        assert!(by_name.count() > 0, "{run}{}", scene.registry.shown());
    }
}

#[test]
fn no_credentials_go_to_an_upload_on_another_host() {
    for auth in both() {
        for more in [&["-v"][..], &["-v", "--chunk-size", "1"]] {
            let scene = guarded(Scene::new(), auth.clone());
            let elsewhere = Location::Elsewhere(by_name(&scene.registry));
            scene.registry.habits(|habits| habits.location = elsewhere);
            let run = scene.push_works(more);
            check_silent(&run);
            check_kept(&scene.registry, &scene.registry.host());
        }
    }
}

#[test]
fn what_is_signed_in_a_location_is_in_no_output() {
    let scene = guarded(Scene::filled(), Auth::Basic(USER, PASSWORD));
    let location = format!("{}/gone?X-Signature=s1g-nature", scene.registry.url(""));
    let reply = Reply::new(307).header("Location", location);
    let path = scene.big_path();
    scene.registry.fault("GET", path.as_str(), .., Fault::Answer(reply));
    for more in [&[][..], &["-v"], &["-q"]] {
        let run = scene.pull_fails(&[&["--retries", "0"], more].concat());
        check_silent(&run);
    }
}

#[test]
fn secrets_are_in_no_output() {
    for auth in both() {
        for more in [&[][..], &["-v"], &["-q"], &["--json"], &["-v", "--dry-run"]] {
            let scene = guarded(Scene::new(), auth.clone());
            let run = scene.push(more);
            run.ok();
            check_silent(&run);
            scene
                .registry
                .put_image(REPOSITORY, Some("1.0"), &scene.source, scene.entry());
            let run = scene.pull(more);
            run.ok();
            check_silent(&run);
        }
    }
}

#[test]
fn secrets_are_in_no_error() {
    let password = format!("password={PASSWORD}");
    let echo = Reply::error(401, "UNAUTHORIZED", "not you");
    for fault in [Fault::Answer(echo), Fault::Answer(unavailable()), Fault::Reset] {
        for auth in both() {
            let scene = guarded(Scene::filled(), auth);
            scene.registry.fault("GET", "/v2/acme/hello/blobs", .., fault.clone());
            for more in ["-v", "-q"] {
                let run = scene.pull_fails(&["--retries", "1", more]);
                check_silent(&run);
                run.stderr_lacks(&password);
            }
        }
    }
}

#[test]
fn credentials_for_one_port_do_not_go_to_another() {
    let scene = Scene::filled();
    let other = FaultRegistry::start();
    write_docker_config(&scene.sandbox, &other.host(), USER, PASSWORD);
    scene.pull_works(&[]);
    for seen in scene.registry.log() {
        assert_eq!(seen.header("Authorization"), None, "{}", scene.registry.shown());
    }
}

#[test]
fn credentials_in_the_environment_and_on_standard_input_are_silent_too() {
    let scene = Scene::new();
    let auth = Auth::Basic(USER, PASSWORD);
    scene.registry.habits(|habits| habits.auth = auth);
    let mut command = bounded_command(&scene.sandbox, &scene.push_args(&["-v"]));
    command
        .env("AIRPACK_REGISTRY_USERNAME", USER)
        .env("AIRPACK_REGISTRY_PASSWORD", PASSWORD);
    let run = Run::of(&mut command);
    scene.check_pushed(&run);
    check_silent(&run);

    scene.sandbox.write("line", format!("{USER}:{PASSWORD}\n"));
    let line = fs::File::open(scene.sandbox.join("line")).unwrap();
    let mut command = bounded_command(&scene.sandbox, &scene.pull_args(&["-v", "--creds-stdin"]));
    command.stdin(line);
    let run = Run::of(&mut command);
    scene.check_pulled(&run);
    check_silent(&run);
}
