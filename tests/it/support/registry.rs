//! Debian's `docker-registry` on a loopback port, started for one test and ended with it.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Sandbox;
use super::front::{Answer, Front, Got, Request, send};
use super::layout_view::{OCI_INDEX, OCI_MANIFEST, sha256};
use super::tools::require_tool;

pub(crate) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/// How long a registry may take to listen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A registry that runs. It is killed when this is dropped.
pub(crate) struct DebianRegistry {
    sandbox: Sandbox,
    process: Child,
    address: SocketAddr,
}

/// How a registry is to be.
#[derive(Default)]
pub(crate) struct Setup {
    accepts_schema_1: bool,
}

impl Setup {
    /// It takes the manifests of old.
    pub(crate) fn accepts_schema_1(mut self) -> Self {
        self.accepts_schema_1 = true;
        self
    }

    /// Starts it. `None` where there is no `docker-registry`, which the test has then said.
    #[track_caller]
    pub(crate) fn start(self) -> Option<DebianRegistry> {
        require_tool("docker-registry")?;
        let sandbox = Sandbox::new();
        // JSON is YAML
        sandbox.write("config.yml", self.config(&sandbox).to_string());
        let log = File::create(sandbox.join("registry.log")).unwrap();
        let process = Command::new("docker-registry")
            .args(["serve", "config.yml"])
            .current_dir(sandbox.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut registry = DebianRegistry {
            sandbox,
            process,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        registry.address = registry.wait();
        Some(registry)
    }

    fn config(&self, sandbox: &Sandbox) -> Value {
        json!({
            "version": "0.1",
            "log": {"level": "info"},
            "storage": {
                "filesystem": {"rootdirectory": sandbox.join("storage")},
                "maintenance": {"uploadpurging": {"enabled": false}},
            },
            "http": {"addr": "127.0.0.1:0", "secret": "of the test"},
            "compatibility": {"schema1": {"enabled": self.accepts_schema_1}},
        })
    }
}

impl DebianRegistry {
    /// One that everybody may read and write, over plain HTTP.
    #[track_caller]
    pub(crate) fn plain() -> Option<Self> {
        Setup::default().start()
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// `127.0.0.1:PORT/` and this.
    pub(crate) fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }

    /// A manifest by tag or digest, with whatever the answer is.
    #[track_caller]
    pub(crate) fn ask_manifest(&self, repository: &str, reference: &str) -> Got {
        let accept = [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST, SCHEMA_1].join(", ");
        let target = format!("/v2/{repository}/manifests/{reference}");
        send(self.address, "GET", &target, &[("Accept", &accept)], b"")
    }

    /// A manifest that is there: its bytes.
    #[track_caller]
    pub(crate) fn manifest(&self, repository: &str, reference: &str) -> Vec<u8> {
        let got = self.ask_manifest(repository, reference);
        assert_eq!(got.status, 200, "{repository} {reference}: {got}");
        got.body
    }

    /// The digest behind a tag.
    #[track_caller]
    pub(crate) fn digest(&self, repository: &str, tag: &str) -> String {
        sha256(&self.manifest(repository, tag))
    }

    /// The tags of a repository, sorted; none where there is no repository.
    #[track_caller]
    pub(crate) fn tags(&self, repository: &str) -> Vec<String> {
        let got = send(self.address, "GET", &format!("/v2/{repository}/tags/list"), &[], b"");
        let body: Value = serde_json::from_slice(&got.body).unwrap();
        let mut tags: Vec<String> = serde_json::from_value(body["tags"].clone()).unwrap_or_default();
        tags.sort();
        tags
    }

    /// Every repository, sorted.
    #[track_caller]
    pub(crate) fn repositories(&self) -> Vec<String> {
        let got = send(self.address, "GET", "/v2/_catalog", &[], b"");
        let body: Value = serde_json::from_slice(&got.body).unwrap();
        let mut names: Vec<String> = serde_json::from_value(body["repositories"].clone()).unwrap();
        names.sort();
        names
    }

    /// Whether a repository has a blob.
    #[track_caller]
    pub(crate) fn has_blob(&self, repository: &str, digest: &str) -> bool {
        let got = send(
            self.address,
            "HEAD",
            &format!("/v2/{repository}/blobs/{digest}"),
            &[],
            b"",
        );
        assert!(got.status == 200 || got.status == 404, "{repository} {digest}: {got}");
        got.status == 200
    }

    /// Puts a blob, as the specification has it; gives its descriptor.
    #[track_caller]
    pub(crate) fn put_blob(&self, repository: &str, media_type: &str, content: &[u8]) -> Value {
        let begun = send(
            self.address,
            "POST",
            &format!("/v2/{repository}/blobs/uploads/"),
            &[],
            b"",
        );
        let location = begun.header("location").unwrap_or_else(|| panic!("{begun}"));
        let digest = sha256(content);
        let target = location.split_once(&self.address.to_string()).unwrap().1;
        let target = format!("{target}&digest={digest}");
        let put = send(self.address, "PUT", &target, &[], content);
        assert_eq!(put.status, 201, "{put}");
        json!({"mediaType": media_type, "digest": digest, "size": content.len()})
    }

    /// Puts a manifest of exactly these bytes; gives its descriptor.
    #[track_caller]
    pub(crate) fn put_manifest(&self, repository: &str, reference: &str, media_type: &str, content: &[u8]) -> Value {
        let target = format!("/v2/{repository}/manifests/{reference}");
        let put = send(self.address, "PUT", &target, &[("Content-Type", media_type)], content);
        assert_eq!(put.status, 201, "{put}");
        json!({"mediaType": media_type, "digest": sha256(content), "size": content.len()})
    }

    /// Takes a blob out of a repository, behind the registry's back.
    #[track_caller]
    pub(crate) fn lose_blob(&self, repository: &str, digest: &str) {
        let hex = digest.strip_prefix("sha256:").unwrap();
        let link = format!("storage/docker/registry/v2/repositories/{repository}/_layers/sha256/{hex}");
        fs::remove_dir_all(self.sandbox.join(link)).unwrap();
        assert!(!self.has_blob(repository, digest));
    }

    /// What it has said.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.sandbox.join("registry.log")).unwrap()
    }

    /// Waits till it says where it listens.
    #[track_caller]
    fn wait(&mut self) -> SocketAddr {
        let begin = Instant::now();
        loop {
            let said = self.said();
            let found = said.split_once("listening on ").map(|(_, rest)| rest);
            if let Some(address) = found.and_then(|rest| rest.split(['"', ',', '\n']).next()?.parse().ok()) {
                return address;
            }
            let ended = self.process.try_wait().unwrap();
            assert!(
                ended.is_none() && begin.elapsed() < PATIENCE,
                "docker-registry does not listen ({ended:?}):\n{said}"
            );
            sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for DebianRegistry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A registry behind a front that keeps the requests.
pub(crate) struct WatchedRegistry {
    pub(crate) registry: DebianRegistry,
    pub(crate) front: Front,
}

impl WatchedRegistry {
    /// One that everybody may read and write.
    #[track_caller]
    pub(crate) fn plain() -> Option<Self> {
        Some(Self::new(DebianRegistry::plain()?))
    }

    /// The same, where some requests are answered by the test.
    #[track_caller]
    pub(crate) fn unless(answer: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static) -> Option<Self> {
        let registry = DebianRegistry::plain()?;
        let front = Front::unless(registry.address(), answer);
        Some(Self { registry, front })
    }

    /// This one.
    pub(crate) fn new(registry: DebianRegistry) -> Self {
        let front = Front::before(registry.address());
        Self { registry, front }
    }

    /// `127.0.0.1:PORT/` and this: the way that is watched.
    pub(crate) fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.front.address())
    }
}
