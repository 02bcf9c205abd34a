//! TLS: whom to trust, who we are, and what is said when it does not work out.

use super::certificates::Authority;
use super::docker_registry::{DockerRegistry, Setup};
use super::lab::{Lab, PASSWORD, USER};

const LOCAL: [&str; 2] = ["127.0.0.1", "localhost"];

/// A registry whose certificate is signed by an authority of its own, which is in `ca.pem` of the lab.
struct Secured {
    lab: Lab,
    authority: Authority,
    registry: DockerRegistry,
}

impl Secured {
    fn start() -> Option<Self> {
        Self::start_with(|authority| authority.server(&LOCAL))
    }

    fn start_with(identity: impl FnOnce(&Authority) -> super::certificates::Identity) -> Option<Self> {
        let authority = Authority::new();
        let identity = identity(&authority);
        let registry = DockerRegistry::start(&Setup {
            tls: Some(&identity),
            ..Setup::default()
        })?;
        let lab = Lab::new();
        authority.write(&lab.sandbox, "ca.pem");
        Some(Self {
            lab,
            authority,
            registry,
        })
    }

    fn name(&self) -> String {
        format!("{}/acme/x:1.0", self.registry.host())
    }
}

#[test]
fn an_unknown_authority_is_refused_with_the_ways_out() {
    let Some(secured) = Secured::start() else { return };
    for run in [
        secured.lab.push(&secured.name(), &[]),
        secured.lab.pull(&secured.name(), &[]),
    ] {
        run.failed(1)
            .stderr_has("certificate")
            .stderr_has("--ca-file")
            .stderr_has("--insecure");
    }
}

#[test]
fn an_authority_given_by_ca_file_is_trusted() {
    let Some(secured) = Secured::start() else { return };
    let args = ["--ca-file", "ca.pem"];
    let pushed = secured.lab.push(&secured.name(), &args);
    pushed.ok().stdout_has("@sha256:");
    let pulled = secured.lab.pull(&secured.name(), &args);
    pushed.stdout_has(pulled.digest());
    // by another of the certificate's names
    let name = format!("localhost:{}/acme/x:1.0", secured.registry.port);
    secured.lab.pull(&name, &args).ok();
}

#[test]
fn several_authorities_may_be_given() {
    let Some(secured) = Secured::start() else { return };
    let other = Authority::new();
    other.write(&secured.lab.sandbox, "other.pem");
    let args = ["--ca-file", "other.pem", "--ca-file", "ca.pem"];
    secured.lab.push(&secured.name(), &args).ok();
    secured.lab.sandbox.write(
        "both.pem",
        [other.pem.as_str(), secured.authority.pem.as_str()].concat(),
    );
    secured.lab.push(&secured.name(), &["--ca-file", "both.pem"]).ok();
}

#[test]
fn another_authority_does_not_help() {
    let Some(secured) = Secured::start() else { return };
    Authority::new().write(&secured.lab.sandbox, "other.pem");
    secured
        .lab
        .push(&secured.name(), &["--ca-file", "other.pem"])
        .failed(1)
        .stderr_has("certificate")
        .stderr_has("--ca-file");
}

#[test]
fn a_tls_port_of_this_machine_is_found_out_by_itself() {
    let Some(mut secured) = Secured::start() else { return };
    let file = secured.lab.sandbox.join("ca.pem");
    // as if the system trusted it
    secured.lab.env("SSL_CERT_FILE", file.to_str().unwrap());
    secured.lab.push(&secured.name(), &[]).ok();
    secured.lab.pull(&secured.name(), &[]).ok();
}

#[test]
fn a_plain_port_of_this_machine_is_found_out_by_itself() {
    let Some(registry) = DockerRegistry::start(&Setup::default()) else {
        return;
    };
    let lab = Lab::new();
    Authority::new().write(&lab.sandbox, "ca.pem");
    let name = format!("{}/x:1", registry.host());
    lab.push(&name, &[]).ok();
    lab.push(&name, &["--ca-file", "ca.pem"]).ok();
    lab.push(&name, &["--insecure", &registry.host()]).ok();
}

#[test]
fn insecure_takes_any_certificate_of_that_registry_only() {
    let Some(secured) = Secured::start() else { return };
    let host = secured.registry.host();
    for given in [host.as_str(), "127.0.0.1"] {
        secured.lab.push(&secured.name(), &["--insecure", given]).ok();
        secured.lab.pull(&secured.name(), &["--insecure", given]).ok();
    }
    for other in ["localhost", "127.0.0.1:1", "registry.test", "127.0.0"] {
        secured
            .lab
            .push(&secured.name(), &["--insecure", other])
            .failed(1)
            .stderr_has("certificate");
    }
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let Some(secured) = Secured::start_with(|authority| authority.server(&["registry.test"])) else {
        return;
    };
    secured
        .lab
        .push(&secured.name(), &["--ca-file", "ca.pem"])
        .failed(1)
        .stderr_has("certificate of 127.0.0.1")
        .stderr_has("name")
        .stderr_has("--insecure");
    let args = ["--ca-file", "ca.pem", "--insecure", &secured.registry.host()];
    secured.lab.push(&secured.name(), &args).ok();
}

#[test]
fn a_certificate_that_is_no_longer_valid_is_refused() {
    let Some(secured) = Secured::start_with(|authority| authority.expired(&LOCAL)) else {
        return;
    };
    secured
        .lab
        .push(&secured.name(), &["--ca-file", "ca.pem"])
        .failed(1)
        .stderr_has("certificate")
        .stderr_has("expired");
}

#[test]
fn a_password_goes_over_tls() {
    let authority = Authority::new();
    let identity = authority.server(&LOCAL);
    let Some(registry) = DockerRegistry::start(&Setup {
        login: Some((USER, PASSWORD)),
        tls: Some(&identity),
        ..Setup::default()
    }) else {
        return;
    };
    let mut lab = Lab::new();
    authority.write(&lab.sandbox, "ca.pem");
    lab.login(USER, PASSWORD);
    let name = format!("{}/x:1", registry.host());
    lab.push(&name, &["--ca-file", "ca.pem"]).ok();
    lab.pull(&name, &["--ca-file", "ca.pem"]).ok();
}

#[test]
fn a_registry_that_wants_a_client_certificate_gets_it() {
    let authority = Authority::new();
    let identity = authority.server(&LOCAL);
    let Some(registry) = DockerRegistry::start(&Setup {
        tls: Some(&identity),
        clients: Some(&authority),
        ..Setup::default()
    }) else {
        return;
    };
    let lab = Lab::new();
    authority.write(&lab.sandbox, "ca.pem");
    authority.client().write(&lab.sandbox, "own");
    Authority::new().client().write(&lab.sandbox, "stranger");
    let name = format!("{}/x:1", registry.host());
    let trust = ["--ca-file", "ca.pem"];
    let with = |name: &str| [format!("{name}.crt"), format!("{name}.key")];

    let [certificate, key] = with("own");
    let args = [&trust[..], &["--cert", &certificate, "--key", &key]].concat();
    lab.push(&name, &args).ok();
    lab.pull(&name, &args).ok();

    lab.push(&name, &trust)
        .failed(1)
        .stderr_has("certificate")
        .stderr_has("--cert");
    lab.pull(&name, &trust)
        .failed(1)
        .stderr_has("certificate")
        .stderr_has("--cert");

    let [certificate, key] = with("stranger");
    let args = [&trust[..], &["--cert", &certificate, "--key", &key]].concat();
    lab.push(&name, &args).failed(1).stderr_has("certificate");
}

#[test]
fn a_certificate_and_its_key_belong_together() {
    let lab = Lab::new();
    let authority = Authority::new();
    authority.client().write(&lab.sandbox, "own");
    lab.push("127.0.0.1:1/x:1", &["--cert", "own.crt"])
        .failed(2)
        .stderr_has("--key");
    lab.push("127.0.0.1:1/x:1", &["--key", "own.key"])
        .failed(2)
        .stderr_has("--cert");

    let Some(secured) = Secured::start() else { return };
    authority.client().write(&secured.lab.sandbox, "one");
    authority.client().write(&secured.lab.sandbox, "two");
    let args = ["--ca-file", "ca.pem", "--cert", "one.crt", "--key", "two.key"];
    secured.lab.push(&secured.name(), &args).failed(1).stderr_has("key");
}

#[test]
fn files_that_are_not_what_they_should_be_are_named() {
    let Some(secured) = Secured::start() else { return };
    let lab = &secured.lab;
    lab.sandbox.write("empty.pem", "");
    lab.sandbox.write("text.pem", "this is not PEM\n");
    lab.sandbox.write(
        "broken.pem",
        "-----BEGIN CERTIFICATE-----\n####\n-----END CERTIFICATE-----\n",
    );
    lab.sandbox.write(
        "hollow.pem",
        "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n",
    );
    secured.authority.client().write(&lab.sandbox, "own");
    for file in [
        "absent.pem",
        "empty.pem",
        "text.pem",
        "broken.pem",
        "hollow.pem",
        "own.key",
    ] {
        let name = secured.name();
        lab.push(&name, &["--ca-file", file]).failed(1).stderr_has(file);
        lab.push(&name, &["--ca-file", "ca.pem", "--cert", file, "--key", "own.key"])
            .failed(1)
            .stderr_has(file);
    }
    for file in ["absent.key", "empty.pem", "text.pem", "own.crt"] {
        let args = ["--ca-file", "ca.pem", "--cert", "own.crt", "--key", file];
        lab.push(&secured.name(), &args).failed(1).stderr_has(file);
    }
}
