//! Debian's `docker-registry` on a loopback port of its own, open to all.

use std::fs::{self, File};
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;

use super::Sandbox;

/// The registry; it ends when this is dropped.
pub(crate) struct PlainRegistry {
    process: Child,
    address: String,
}

impl PlainRegistry {
    /// An empty one, which keeps what it gets in the sandbox.
    #[track_caller]
    pub(crate) fn start(sandbox: &Sandbox) -> Self {
        let config = json!({
            "version": "0.1",
            "log": { "level": "info" },
            "storage": { "filesystem": { "rootdirectory": sandbox.join("storage") } },
            "http": { "addr": "127.0.0.1:0", "secret": "of the tests" },
        });
        // JSON is YAML too
        sandbox.write("registry.yml", config.to_string());
        let said = sandbox.join("registry.log");
        let mut process = sandbox
            .command("docker-registry")
            .args(["serve", "registry.yml"])
            .stdout(File::create(sandbox.join("requests.log")).unwrap())
            .stderr(File::create(&said).unwrap())
            .spawn()
            .unwrap();
        let begin = Instant::now();
        loop {
            let text = fs::read_to_string(&said).unwrap();
            let address = text
                .split_once("listening on ")
                .and_then(|(_, rest)| rest.split_once('"'));
            if let Some((address, _)) = address {
                let address = address.to_owned();
                return Self { process, address };
            }
            let ended = process.try_wait().unwrap().is_some();
            assert!(
                !ended && begin.elapsed() < Duration::from_secs(60),
                "docker-registry does not listen: {text}"
            );
            sleep(Duration::from_millis(5));
        }
    }

    /// Host and port.
    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }
}

impl Drop for PlainRegistry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
