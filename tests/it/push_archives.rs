//! `airpack push` of files as they were carried: `.cnb`, oci-archive and docker-archive, sound, odd and hostile.

mod cnb;
mod docker_archive;
mod hostile;
mod oci_archive;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::layout_maker::{LayoutMaker, OCI_LAYER, tar_of};
use crate::support::layout_view::{OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, REF_NAME, array, sha256, text, unpack};
use crate::support::plain_registry::PlainRegistry;
use crate::support::request_log::RequestLog;
use crate::support::snapshot::Snapshot;
use crate::support::tar_maker::{Member, TarFormat, gzip, members_of, tar};
use crate::support::tools::require_tool;
use crate::support::{Run, Sandbox};

const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// A sandbox whose folder `in` has the archives, and a registry with nothing in it.
struct Place {
    sandbox: Sandbox,
    log: RequestLog,
    _registry: PlainRegistry,
    _storage: Sandbox,
}

/// The place to push from, if this machine has all that takes part.
fn place() -> Option<Place> {
    for program in ["docker-registry", "skopeo"] {
        require_tool(program)?;
    }
    let (sandbox, storage) = (Sandbox::new(), Sandbox::new());
    sandbox.folder("in");
    let registry = PlainRegistry::start(&storage);
    Some(Place {
        sandbox,
        log: RequestLog::before(registry.address()),
        _registry: registry,
        _storage: storage,
    })
}

impl Place {
    /// A name in the registry.
    fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.log.address())
    }

    /// Writes an archive.
    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        self.sandbox.write(Path::new("in").join(name), content);
    }

    /// Writes an archive as it is and one that gzip compressed; gives both names.
    fn write_both(&self, name: &str, content: &[u8]) -> [String; 2] {
        let names = [name.to_owned(), format!("{name}.gz")];
        self.write(&names[0], content);
        self.write(&names[1], gzip(content));
        names
    }

    /// Runs the tool in `in`, with these archives and no credentials. One that hangs fails the test instead of
    /// holding it up.
    fn run(&self, args: &[&str]) -> Run {
        let program = ["-s", "KILL", "120", env!("CARGO_BIN_EXE_airpack")];
        Run::of(self.command("timeout").args(program).args(args))
    }

    /// The same; the archives have to stay as they are.
    #[track_caller]
    fn airpack(&self, args: &[&str]) -> Run {
        let archives = Snapshot::of(self.sandbox.join("in"));
        let run = self.run(args);
        archives.assert_unchanged("push");
        run
    }

    /// Pushes a source in `in` to a name in the registry.
    #[track_caller]
    fn push(&self, source: &str, name: &str, more: &[&str]) -> Run {
        self.airpack(&[&["push", source, &self.name(name)], more].concat())
    }

    /// Pushes a source that is one image with this digest, and looks at what the registry has then.
    #[track_caller]
    fn check(&self, source: &str, repository: &str, digest: &str) -> Pushed {
        let run = self.push(source, &format!("{repository}:1"), &[]);
        run.ok();
        let expected = format!("{}@{digest}\n", self.name(repository));
        assert_eq!(run.stdout, expected, "stdout{run}");
        let pushed = self.pushed(&format!("{repository}:1"));
        assert_eq!(pushed.digest(), digest, "{source}");
        pushed
    }

    /// What skopeo finds in the registry under a name, with all of its platforms. It has to be whole.
    #[track_caller]
    fn pushed(&self, name: &str) -> Pushed {
        let folder = self.sandbox.join("back").join(name.replace(['/', ':'], "-"));
        let (from, to) = (
            format!("docker://{}", self.name(name)),
            format!("dir:{}", folder.display()),
        );
        fs::create_dir_all(&folder).unwrap();
        let args = [
            "--insecure-policy",
            "copy",
            "--all",
            "--src-tls-verify=false",
            &from,
            &to,
        ];
        Run::of(self.command("skopeo").args(args)).ok();
        let pushed = Pushed { folder };
        pushed.check_whole(&pushed.manifest());
        pushed
    }

    /// Nothing but questions was sent to the registry.
    #[track_caller]
    fn check_nothing_sent(&self, run: &Run) {
        let requests = self.log.requests();
        let asks = |request: &&String| ["GET ", "HEAD "].iter().any(|method| request.starts_with(method));
        let sent: Vec<_> = requests.iter().filter(|request| !asks(request)).collect();
        assert!(sent.is_empty(), "sent {sent:#?}{run}");
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.sandbox.command(program);
        let own = self.sandbox.path();
        command
            .current_dir(self.sandbox.join("in"))
            .env("XDG_RUNTIME_DIR", own)
            .env("DOCKER_CONFIG", own.join(".docker"));
        command
    }
}

/// An image or index as skopeo brought it back: raw manifests and blobs in one folder.
struct Pushed {
    folder: PathBuf,
}

impl Pushed {
    /// The manifest or index behind the name, byte for byte.
    fn raw(&self) -> Vec<u8> {
        fs::read(self.folder.join("manifest.json")).unwrap()
    }

    fn digest(&self) -> String {
        sha256(&self.raw())
    }

    fn manifest(&self) -> Value {
        serde_json::from_slice(&self.raw()).unwrap()
    }

    /// A blob or the manifest of a platform, which has to be what its digest says.
    #[track_caller]
    fn blob(&self, digest: &str) -> Vec<u8> {
        let hex = digest.strip_prefix("sha256:").unwrap();
        let names = [hex.to_owned(), format!("{hex}.manifest.json")];
        let found = names.iter().find_map(|name| fs::read(self.folder.join(name)).ok());
        let found = found.unwrap_or_else(|| panic!("no {digest} in {}", self.folder.display()));
        assert_eq!(sha256(&found), digest);
        found
    }

    #[track_caller]
    fn json(&self, digest: &str) -> Value {
        serde_json::from_slice(&self.blob(digest)).unwrap()
    }

    /// Everything below is there, and every layer is the one that its config names.
    #[track_caller]
    fn check_whole(&self, manifest: &Value) {
        for child in array(manifest, "manifests") {
            self.check_whole(&self.json(text(child, "digest")));
        }
        if manifest["config"].is_null() {
            return;
        }
        let config = self.json(text(&manifest["config"], "digest"));
        let diff_ids: Vec<Value> = array(manifest, "layers")
            .iter()
            .map(|layer| {
                let blob = self.blob(text(layer, "digest"));
                assert_eq!(layer["size"], blob.len());
                sha256(&unpack(&blob, text(layer, "mediaType"))).into()
            })
            .collect();
        assert_eq!(array(&config["rootfs"], "diff_ids"), diff_ids);
    }
}

/// The descriptor with these fields as well.
fn with(mut descriptor: Value, fields: &Value) -> Value {
    let more = fields.as_object().unwrap().clone();
    descriptor.as_object_mut().unwrap().extend(more);
    descriptor
}

/// The descriptor with this tag.
fn tagged(descriptor: Value, tag: &str) -> Value {
    with(descriptor, &json!({ "annotations": { REF_NAME: tag } }))
}

fn index_file(entries: &[Value]) -> Value {
    json!({ "schemaVersion": 2, "manifests": entries })
}

/// An index of one image each for linux/amd64 and linux/arm64.
fn two_platforms(maker: &LayoutMaker) -> Value {
    let children = ["amd64", "arm64"].map(|architecture| {
        let image = maker.image(architecture, &[("which", architecture), ("same", "same\n")]);
        with(
            image,
            &json!({ "platform": { "os": "linux", "architecture": architecture } }),
        )
    });
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children });
    maker.json(OCI_INDEX, &index)
}

/// A layout with an image of two layers, plain and compressed, tagged 1.0; gives its descriptor.
fn two_layers(root: &Path) -> Value {
    let maker = LayoutMaker::new(root);
    let (plain, packed) = (tar_of(&[("plain", "plain\n")]), tar_of(&[("packed", "packed\n")]));
    let layers = [
        maker.blob(OCI_LAYER, &plain),
        maker.blob(&format!("{OCI_LAYER}+gzip"), &gzip(&packed)),
    ];
    let diff_ids = [sha256(&plain), sha256(&packed)];
    let image = maker.image_of(OCI_MANIFEST, OCI_CONFIG, "amd64", &layers, &diff_ids);
    maker.index_file(&index_file(&[tagged(image.clone(), "1.0")]));
    image
}

/// The layout in a folder of the sandbox as an archive.
fn archive_of(folder: &Path) -> Vec<u8> {
    tar(TarFormat::Ustar, &members_of(folder, ""))
}

/// One image as `docker save` lists it: its config, and its layers with their names. Gives the members and the entry
/// of `manifest.json`.
fn saved(config: &Value, tags: &[&str], layers: &[(&str, &[u8])]) -> (Vec<Member>, Value) {
    let config = config.to_string();
    let config_name = format!("{}.json", sha256(config.as_bytes()).trim_start_matches("sha256:"));
    let names: Vec<&str> = layers.iter().map(|(name, _)| *name).collect();
    let entry = json!({ "Config": config_name, "RepoTags": tags, "Layers": names });
    let mut members = vec![Member::file(&config_name, config)];
    members.extend(layers.iter().map(|(name, content)| Member::file(name, content)));
    (members, entry)
}

/// The config of an image of these layers.
fn config_of(layers: &[&[u8]]) -> Value {
    let diff_ids: Vec<String> = layers.iter().map(|layer| sha256(layer)).collect();
    json!({
        "architecture": "amd64",
        "os": "linux",
        "created": "1980-01-01T00:00:01Z",
        "config": { "Env": ["A=<&>"], "Labels": { "test.label": "some text" } },
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
        "history": layers.iter().map(|_| json!({ "created_by": "/bin/sh -c #(nop) ADD x in /" })).collect::<Vec<_>>(),
    })
}

/// A docker-archive with one image of one layer, named `acme/x:1`.
fn small_docker_archive() -> Vec<Member> {
    let layer = tar_of(&[("small", "small\n")]);
    let (mut members, entry) = saved(&config_of(&[&layer]), &["acme/x:1"], &[("layer.tar", &layer)]);
    members.push(Member::file("manifest.json", json!([entry]).to_string()));
    members
}
