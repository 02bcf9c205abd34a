//! Debian's `docker-registry`, with a password file, with TLS, with client certificates.

use std::io::{BufRead, BufReader, Read as _};
use std::process::{Child, Stdio};
use std::thread;

use super::certificates::{Authority, Identity};
use crate::support::Sandbox;
use crate::support::tools::require_tool;

const PROGRAM: &str = "docker-registry";

/// How it is to be started.
#[derive(Default)]
pub(super) struct Setup<'a> {
    pub(super) login: Option<(&'a str, &'a str)>,
    pub(super) tls: Option<&'a Identity>,
    /// Who signs those that are let in.
    pub(super) clients: Option<&'a Authority>,
}

/// A registry that runs, until it is dropped.
pub(super) struct DockerRegistry {
    child: Child,
    pub(super) port: u16,
    _folder: Sandbox,
}

impl DockerRegistry {
    /// Starts it on a free port. Where it is not installed, the calling test ends.
    pub(super) fn start(setup: &Setup<'_>) -> Option<Self> {
        require_tool(PROGRAM)?;
        let folder = Sandbox::new();
        let mut config = format!(
            "version: 0.1\nlog:\n  accesslog:\n    disabled: true\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:0\n",
            folder.join("store").display()
        );
        if let Some(identity) = setup.tls {
            identity.write(&folder, "server");
            config.push_str(&format!(
                "  tls:\n    certificate: {}\n    key: {}\n",
                folder.join("server.crt").display(),
                folder.join("server.key").display()
            ));
            if let Some(clients) = setup.clients {
                clients.write(&folder, "clients.pem");
                config.push_str(&format!(
                    "    clientcas:\n      - {}\n",
                    folder.join("clients.pem").display()
                ));
            }
        }
        if let Some((user, password)) = setup.login {
            let line = format!("{user}:{}\n", bcrypt::hash(password, 4).unwrap());
            folder.write("htpasswd", line);
            config.push_str(&format!(
                "auth:\n  htpasswd:\n    realm: tests\n    path: {}\n",
                folder.join("htpasswd").display()
            ));
        }
        folder.write("config.yml", config);
        let mut child = folder
            .command(PROGRAM)
            .args(["serve", "config.yml"])
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let port = listening_port(&mut log);
        // it must not wait for a reader of its log
        thread::spawn(move || log.read_to_end(&mut Vec::new()));
        Some(Self {
            child,
            port,
            _folder: folder,
        })
    }

    pub(super) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Its log says where it listens.
fn listening_port(log: &mut impl BufRead) -> u16 {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        let read = log.read_line(&mut line).unwrap();
        assert!(read > 0, "{PROGRAM} did not start:\n{text}");
        if let Some((_, rest)) = line.split_once("listening on 127.0.0.1:") {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            return digits.parse().unwrap();
        }
        text.push_str(&line);
    }
}
