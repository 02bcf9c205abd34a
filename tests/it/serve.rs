//! `airpack serve`: a layout as a registry that can be read, looked at with raw requests and with other tools.

mod blobs;
mod lists;
mod manifests;
mod other_tools;
mod referrers;
mod refuses;
mod runs;

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::http::{self, Answer};
use crate::support::layout_maker::{LayoutMaker, OCI_LAYER, tar_of};
use crate::support::layout_view::{
    IMAGE_NAME, LayoutView, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, REF_NAME, array, sha256, text,
};
use crate::support::{Run, Sandbox};

const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// How long anything may take that is not instant.
const PATIENCE: Duration = Duration::from_secs(30);

/// `airpack serve` while it runs; it is killed when this is dropped.
struct Served {
    child: Child,
    shown: String,
    address: SocketAddr,
    lines: Receiver<String>,
    stdout: String,
    stderr: Arc<Mutex<String>>,
}

impl Served {
    /// Serves `out.oci` on a port of its own.
    #[track_caller]
    fn start(sandbox: &Sandbox) -> Self {
        Self::start_with(sandbox, &["out.oci", "--listen", "127.0.0.1:0"])
    }

    /// Serves with these arguments, and waits until it says where.
    #[track_caller]
    fn start_with(sandbox: &Sandbox, args: &[&str]) -> Self {
        let mut command = sandbox.airpack_command(&[&["serve"], args].concat());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in stdout.lines() {
                let _ = sender.send(line.unwrap());
            }
        });
        let stderr = Arc::new(Mutex::new(String::new()));
        let mut pipe = child.stderr.take().unwrap();
        let told = Arc::clone(&stderr);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = pipe.read(&mut buffer) {
                told.lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&buffer[..length]));
            }
        });
        let mut served = Self {
            child,
            shown: format!("{command:?}"),
            address: ([127, 0, 0, 1], 0).into(),
            lines,
            stdout: String::new(),
            stderr,
        };
        let line = served.lines.recv_timeout(PATIENCE);
        let line = line.unwrap_or_else(|_| panic!("it does not say where it listens: {}", served.stderr()));
        let address = line.strip_prefix("http://").and_then(|address| address.parse().ok());
        served.address = address.unwrap_or_else(|| panic!("`{line}` is no address"));
        served.stdout = format!("{line}\n");
        served
    }

    fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    fn get(&self, target: &str) -> Answer {
        http::get(self.address, target)
    }

    fn request(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        http::request(self.address, method, target, headers)
    }

    /// It is there and answers.
    #[track_caller]
    fn check_alive(&mut self) {
        assert!(
            self.child.try_wait().unwrap().is_none(),
            "it has ended: {}",
            self.stderr()
        );
        assert_eq!(self.get("/v2/").status, 200);
        assert!(!self.stderr().contains("panicked"), "{}", self.stderr());
    }

    /// Waits until this is on stderr.
    #[track_caller]
    fn wait_for(&self, text: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.stderr().contains(text) {
            assert!(Instant::now() < end, "no {text:?} on stderr: {}", self.stderr());
            sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal and gives how it ended, which it has to do within two seconds.
    #[track_caller]
    fn stop(mut self, signal: &str) -> Run {
        let kill = format!("kill -s {signal} {}", self.child.id());
        let begin = Instant::now();
        // the process is there until it is waited for, so the signal can not meet another
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let mut status = None;
        while status.is_none() {
            assert!(
                begin.elapsed() < Duration::from_secs(2),
                "it goes on after SIG{signal}: {}",
                self.stderr()
            );
            sleep(Duration::from_millis(5));
            status = self.child.try_wait().unwrap();
        }
        // the pipe is closed, so this ends
        let rest: Vec<_> = self.lines.iter().map(|line| line + "\n").collect();
        let status = status.unwrap_or(ExitStatus::from_raw(0));
        let output = Output {
            status,
            stdout: (self.stdout.clone() + &rest.concat()).into_bytes(),
            stderr: self.stderr().into_bytes(),
        };
        Run::from_output(self.shown.clone(), output)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a sandbox's `out.oci` holds.
struct Source {
    sandbox: Sandbox,
    layout: LayoutView,
    /// The digest of a layer of linux/amd64 in `acme/hello:1.0`.
    layer: String,
    /// The digests of what refers to `acme/hello:1.0`: a signature and a bill of materials.
    referrers: [String; 2],
}

const SIGNATURE: &str = "application/x-signature";
const BILL: &str = "application/spdx+json";

impl Source {
    /// Images of several repositories, by full names and by tags only, and what refers to one of them.
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let maker = LayoutMaker::new(&sandbox.join("out.oci"));
        let tar = tar_of(&[("file", &"some text\n".repeat(2000))]);
        let layer = sha256(&tar);
        let index = |text: &str| {
            let second = tar_of(&[("other", text)]);
            let layers = [maker.blob(OCI_LAYER, &tar), maker.blob(OCI_LAYER, &second)];
            let diff_ids = [sha256(&tar), sha256(&second)];
            let children: Vec<_> = ["amd64", "arm64"]
                .into_iter()
                .map(|architecture| {
                    let mut child = maker.image_of(OCI_MANIFEST, OCI_CONFIG, architecture, &layers, &diff_ids);
                    child["platform"] = json!({ "os": "linux", "architecture": architecture });
                    child
                })
                .collect();
            maker.json(
                OCI_INDEX,
                &json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children }),
            )
        };
        let first = index("1");
        let referrers = [SIGNATURE, BILL].map(|kind| {
            let manifest = json!({
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "artifactType": kind,
                "config": maker.blob("application/vnd.oci.empty.v1+json", b"{}"),
                "layers": [maker.blob(kind, kind.as_bytes())],
                "subject": first,
                "annotations": { "of": kind },
            });
            maker.json(OCI_MANIFEST, &manifest)
        });
        let docker = maker.image_of(DOCKER_MANIFEST, DOCKER_CONFIG, "amd64", &[], &[]);
        let named = |mut entry: Value, tag: &str, name: Option<&str>| {
            entry["annotations"] = json!({ REF_NAME: tag });
            if let Some(name) = name {
                entry["annotations"][IMAGE_NAME] = json!(name);
            }
            entry
        };
        let mut entries = vec![
            named(first, "1.0", Some("registry.test/acme/hello:1.0")),
            named(index("2"), "2.0", Some("registry.test/acme/hello:2.0")),
            named(index("3"), "latest", Some("registry.test/acme/hello:latest")),
            named(
                maker.image("riscv64", &[("deep", "deep\n")]),
                "er-1.0",
                Some("other.test:5000/acme/tools/deep/er:1.0"),
            ),
            named(
                maker.image("s390x", &[("full", "full\n")]),
                "registry.test/full/name:9",
                None,
            ),
            named(maker.image("ppc64le", &[("plain", "plain\n")]), "plain", None),
            named(docker, "docker", None),
        ];
        entries.extend(referrers.clone());
        maker.index_file(&json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries }));
        let layout = LayoutView::open(sandbox.join("out.oci"));
        layout.check_whole();
        Self {
            layer,
            referrers: referrers.map(|descriptor| text(&descriptor, "digest").to_owned()),
            sandbox,
            layout,
        }
    }

    /// The digest of `acme/hello:1.0`.
    fn digest(&self) -> &str {
        self.layout.digest("1.0")
    }

    /// The path of the layer.
    fn layer_path(&self) -> String {
        format!("/v2/acme/hello/blobs/{}", self.layer)
    }
}

/// Names as they are served, with the entry's `ref.name`.
const NAMES: [(&str, &str, &str); 7] = [
    ("acme/hello", "1.0", "1.0"),
    ("acme/hello", "2.0", "2.0"),
    ("acme/hello", "latest", "latest"),
    ("acme/tools/deep/er", "1.0", "er-1.0"),
    ("full/name", "9", "registry.test/full/name:9"),
    ("out", "plain", "plain"),
    ("out", "docker", "docker"),
];

/// An answer that says no in the words of the specification.
#[track_caller]
fn check_error(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{answer:#?}");
    assert!(
        answer.header("Content-Type").starts_with("application/json"),
        "{answer:#?}"
    );
    let body = answer.json();
    let errors = array(&body, "errors");
    assert_eq!(errors.len(), 1, "{body:#}");
    assert_eq!(errors[0]["code"], code, "{body:#}");
    assert!(!text(&errors[0], "message").is_empty(), "{body:#}");
}
