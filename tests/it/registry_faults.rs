//! `airpack push` and `pull` with a registry that fails: what comes of it is right, or the error says what was asked,
//! what came back and what to do, and nothing that others read has changed.

mod by_the_book;
mod errors;
mod hostile;
mod interrupted;
mod pull_resumes;
mod push_resumes;
mod retries;
mod secrets;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::support::fault_registry::{Fault, FaultRegistry, Reply};
use crate::support::layout_maker::{LayoutMaker, OCI_LAYER, tar_of};
use crate::support::layout_view::{
    IMAGE_NAME, LayoutView, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, REF_NAME, array, sha256, text,
};
use crate::support::snapshot::Snapshot;
use crate::support::{Run, Sandbox};

/// The repository that everything goes to and comes from.
const REPOSITORY: &str = "acme/hello";

/// How large the layer is that transfers break in: more than the kernel takes in at once.
const BIG: usize = 7 << 20;

/// A registry without faults yet, and the layout `source` with an image for two platforms as `1.0`.
struct Scene {
    sandbox: Sandbox,
    registry: FaultRegistry,
    source: LayoutView,
    /// The digest of the large layer of linux/amd64.
    big: String,
}

impl Scene {
    /// The registry is empty.
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let big = write_source(&sandbox);
        let source = LayoutView::open(sandbox.join("source"));
        Self {
            sandbox,
            registry: FaultRegistry::start(),
            source,
            big,
        }
    }

    /// The registry holds the image.
    fn filled() -> Self {
        let scene = Self::new();
        scene
            .registry
            .put_image(REPOSITORY, Some("1.0"), &scene.source, scene.entry());
        scene
    }

    /// What `index.json` of the source says of the image.
    fn entry(&self) -> &Value {
        self.source.entry("1.0")
    }

    fn digest(&self) -> &str {
        self.source.digest("1.0")
    }

    /// The hex digits of the large layer, as they are in paths and queries.
    fn big_hex(&self) -> &str {
        self.big.strip_prefix("sha256:").unwrap()
    }

    /// The path of the large layer.
    fn big_path(&self) -> String {
        format!("/v2/{REPOSITORY}/blobs/{}", self.big)
    }

    /// The digests of all blobs but manifests.
    fn blobs(&self) -> Vec<String> {
        let mut found = Vec::new();
        for child in self.children() {
            let manifest = self.source.json(&child);
            found.push(text(&manifest["config"], "digest").to_owned());
            let layers = array(&manifest, "layers").iter();
            found.extend(layers.map(|layer| text(layer, "digest").to_owned()));
        }
        found.sort();
        found.dedup();
        found
    }

    /// The digests of the manifests behind the index.
    fn children(&self) -> Vec<String> {
        let index = self.source.json(self.digest());
        let children = array(&index, "manifests").iter();
        children.map(|child| text(child, "digest").to_owned()).collect()
    }

    /// The layout that is pulled into.
    fn pulled(&self) -> PathBuf {
        self.sandbox.join("pulled")
    }

    /// The arguments that push the image.
    fn push_args(&self, more: &[&str]) -> Vec<String> {
        let name = self.registry.name("acme/hello:1.0");
        args(&["push", "source:1.0", &name], more)
    }

    /// The arguments that pull it.
    fn pull_args(&self, more: &[&str]) -> Vec<String> {
        let name = self.registry.name("acme/hello:1.0");
        args(&["pull", &name, "--layout", "pulled"], more)
    }

    fn push(&self, more: &[&str]) -> Run {
        bounded(&self.sandbox, &self.push_args(more))
    }

    fn pull(&self, more: &[&str]) -> Run {
        bounded(&self.sandbox, &self.pull_args(more))
    }

    /// Pushes; in the end all is there.
    #[track_caller]
    fn push_works(&self, more: &[&str]) -> Run {
        let run = self.push(more);
        self.check_pushed(&run);
        run
    }

    /// A run that has pushed the image.
    #[track_caller]
    fn check_pushed(&self, run: &Run) {
        self.check_ended(run);
        run.ok();
        let expected = format!("{}@{}\n", self.registry.name(REPOSITORY), self.digest());
        assert_eq!(run.stdout, expected, "{run}");
        self.registry.check_holds(REPOSITORY, "1.0", &self.source, self.entry());
        self.registry.check_met();
    }

    /// Pulls; in the end all is there.
    #[track_caller]
    fn pull_works(&self, more: &[&str]) -> Run {
        let run = self.pull(more);
        self.check_pulled(&run);
        run
    }

    /// A run that has pulled the image.
    #[track_caller]
    fn check_pulled(&self, run: &Run) {
        self.check_ended(run);
        assert_eq!(run.digest(), self.digest());
        let pulled = LayoutView::open(self.pulled());
        pulled.check_whole();
        let entry = pulled.entry("1.0");
        for field in ["digest", "size", "mediaType"] {
            assert_eq!(entry[field], self.entry()[field], "{field}{run}");
        }
        assert_eq!(entry["annotations"][IMAGE_NAME], self.registry.name("acme/hello:1.0"));
        let expected = self.source.blob_names();
        assert!(pulled.blob_names().is_superset(&expected), "{run}");
        self.registry.check_met();
    }

    /// Pushes, which has to fail: no tag is there, and no more manifests than whole ones.
    #[track_caller]
    fn push_fails(&self, more: &[&str]) -> Run {
        let run = self.push(more);
        self.check_ended(&run);
        run.failed(1);
        assert_eq!(self.registry.tag(REPOSITORY, "1.0"), None, "{run}");
        self.registry.check_met();
        run
    }

    /// Pulls into a layout that holds another image, which has to fail and to leave `index.json` as it was.
    #[track_caller]
    fn pull_fails(&self, more: &[&str]) -> Run {
        pull_fails(&self.sandbox, &self.registry, "acme/hello:1.0", more)
    }

    /// It came to an end by itself.
    #[track_caller]
    fn check_ended(&self, run: &Run) {
        let shown = self.registry.shown();
        assert!(run.code != 137, "it hangs{run}{shown}");
        assert!(!run.stderr.contains("panicked"), "it panicked{run}{shown}");
    }

    /// The error names the request and what came back, and has a hint.
    #[track_caller]
    fn check_told(&self, run: &Run, method: &str, path: &str, said: &[&str]) {
        let request = format!("{method} {}", self.registry.url(path));
        run.failed(1).stderr_has(&request).stderr_has("hint: ");
        for text in said {
            run.stderr_has(text);
        }
    }
}

/// Pulls `rest` of a registry into a layout that holds another image, which has to fail: `index.json` stays as it
/// was, and no blob is there that is not what its name says.
#[track_caller]
fn pull_fails(sandbox: &Sandbox, registry: &FaultRegistry, rest: &str, more: &[&str]) -> Run {
    let pulled = sandbox.join("pulled");
    write_other(&pulled);
    let before = fs::read(pulled.join("index.json")).unwrap();
    let name = registry.name(rest);
    let run = bounded(sandbox, &args(&["pull", &name, "--layout", "pulled"], more));
    let shown = registry.shown();
    assert!(run.code != 137, "it hangs{run}{shown}");
    assert!(run.code != 0, "it has to fail{run}{shown}");
    run.failed(1);
    assert!(
        fs::read(pulled.join("index.json")).unwrap() == before,
        "index.json has changed{run}"
    );
    LayoutView::open(&pulled).check_whole_with_leftovers();
    registry.check_met();
    run
}

/// A layout with a small image as `old`.
fn write_other(root: &Path) {
    if root.exists() {
        return;
    }
    let maker = LayoutMaker::new(root);
    let mut entry = maker.image("s390x", &[("old", "old\n")]);
    entry["annotations"] = json!({ REF_NAME: "old", IMAGE_NAME: "registry.test/acme/old:old" });
    maker.index_file(&json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] }));
}

/// Arguments of one command, then what most of these tests want, then what this one wants.
fn args(own: &[&str], more: &[&str]) -> Vec<String> {
    let mut found: Vec<&str> = own.to_vec();
    for (name, value) in [("--timeout", "20"), ("--retries", "3")] {
        if !more.contains(&name) {
            found.extend([name, value]);
        }
    }
    found.extend(more);
    found.into_iter().map(str::to_owned).collect()
}

/// airpack with an environment of its own, ended after a minute: one that hangs fails the test instead of holding it
/// up.
fn bounded_command(sandbox: &Sandbox, args: &[String]) -> Command {
    let mut command = sandbox.command("timeout");
    command
        .args(["-s", "KILL", "60", env!("CARGO_BIN_EXE_airpack")])
        .args(args)
        .env("XDG_RUNTIME_DIR", sandbox.folder("runtime"))
        .env("DOCKER_CONFIG", sandbox.folder("docker"));
    command
}

fn bounded(sandbox: &Sandbox, args: &[String]) -> Run {
    Run::of(&mut bounded_command(sandbox, args))
}

/// Names and contents.
type Files = Vec<(PathBuf, Vec<u8>)>;

/// Writes the layout `source` and gives the digest of its large layer.
fn write_source(sandbox: &Sandbox) -> String {
    static SOURCE: OnceLock<(String, Files)> = OnceLock::new();
    let (big, files) = SOURCE.get_or_init(|| {
        let sandbox = Sandbox::new();
        let big = make_source(&sandbox.join("source"));
        LayoutView::open(sandbox.join("source")).check_whole();
        let names = Snapshot::content_of(sandbox.join("source"));
        let names = names.names().into_iter().map(|name| Path::new("source").join(name));
        let files = names.filter(|name| sandbox.join(name).is_file());
        let files = files.map(|name| (name.clone(), fs::read(sandbox.join(&name)).unwrap()));
        (big, files.collect())
    });
    for (name, content) in files {
        sandbox.write(name, content);
    }
    big.clone()
}

/// Makes a layout with an image for two platforms, which share a layer; gives the digest of the large layer.
fn make_source(root: &Path) -> String {
    let maker = LayoutMaker::new(root);
    let shared = tar_of(&[("shared", &noise(100_000, 1))]);
    let mut children = Vec::new();
    let mut big = String::new();
    for (architecture, own) in [("amd64", noise(BIG, 2)), ("arm64", noise(300_000, 3))] {
        let own = tar_of(&[("own", &own)]);
        let layers = [maker.blob(OCI_LAYER, &shared), maker.blob(OCI_LAYER, &own)];
        if architecture == "amd64" {
            big = sha256(&own);
        }
        let diff_ids = [sha256(&shared), sha256(&own)];
        let mut child = maker.image_of(OCI_MANIFEST, OCI_CONFIG, architecture, &layers, &diff_ids);
        child["platform"] = json!({ "os": "linux", "architecture": architecture });
        children.push(child);
    }
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children });
    let mut entry = maker.json(OCI_INDEX, &index);
    entry["annotations"] = json!({ REF_NAME: "1.0", IMAGE_NAME: "registry.test/acme/hello:1.0" });
    maker.index_file(&json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] }));
    big
}

/// Text of this length that does not repeat.
fn noise(length: usize, seed: u64) -> String {
    let mut state = seed;
    let next = |state: &mut u64| {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'a' + u8::try_from((*state >> 33) % 26).unwrap())
    };
    (0..length).map(|_| next(&mut state)).collect()
}

/// The answer of a registry that is out of order.
fn unavailable() -> Reply {
    Reply::error(503, "UNAVAILABLE", "come back when the disk is mended")
}

/// Another digest than that of anything here.
fn other_digest() -> String {
    format!("sha256:{}", "0123456789abcdef".repeat(4))
}
