//! Asks a credential helper of docker (`docker-credential-NAME get`): the registry's name goes in, JSON comes out.
//!
//! `docker_credential` runs helpers too, but fails now and then for one that does not read what it is asked.

use std::io::{self, Write};
use std::process::{Command, Output, Stdio};

use serde::Deserialize;

use super::credentials::{Credentials, Secret};
use crate::error::{Error, ErrorKind, Result};
use crate::oci::json;

/// The name of a user that says that the secret is a refresh token.
const TOKEN: &str = "<token>";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// What `docker-credential-<helper>` has for `key`; `None` where it says that it has nothing. What it prints is never shown.
pub(super) fn ask(helper: &str, key: &str) -> Result<Option<Credentials>> {
    let program = format!("docker-credential-{helper}");
    let output = run(&program, key).map_err(|_| {
        Error::new(
            ErrorKind::NotFound,
            format!("the credential helper `{program}` can not be run"),
        )
        .with_hint("put it on the PATH, or remove it from the file")
    })?;
    let failed = || {
        Error::new(
            ErrorKind::Denied,
            format!("the credential helper `{program}` failed for {key}"),
        )
        .with_hint(format!("see what it says: echo {key} | {program} get"))
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout);
        return if is_not_found(&said) { Ok(None) } else { Err(failed()) };
    }
    let answer: Answer = json::from_slice(&output.stdout, "it").map_err(|_| failed())?;
    let secret = Secret::new(answer.secret);
    Ok(Some(if answer.username == TOKEN {
        Credentials::Identity(secret)
    } else {
        Credentials::Basic(answer.username, secret)
    }))
}

fn run(program: &str, key: &str) -> io::Result<Output> {
    let mut process = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = process.stdin.take() {
        match stdin.write_all(key.as_bytes()) {
            // it knows what to say without reading
            Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => {}
            written => written?,
        }
    }
    process.wait_with_output()
}

/// What helpers answer that do not know the registry.
fn is_not_found(answer: &str) -> bool {
    answer.contains("credentials not found") || answer.contains("no credentials")
}
