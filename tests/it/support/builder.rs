//! What a small builder is made of: images to build and to run in, a stand-in for the lifecycle, two buildpacks. Each
//! test alters one thing.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use serde_json::{Value, json};

use super::composites::{BOTH, leaf, line_of};
use super::images::ARCHITECTURES;
use super::layout_view::{ImageView, LayerView, LayoutView, array, text, unpack};
use super::packaged::Packaged;
use super::refused::{REFERENCE, points_into, refused_with};
use super::tar_maker::{Member, TarFormat, gzip, tar};
use super::test_layout::make_layout;
use super::{Run, Sandbox};

/// The name of the image that builds run in.
pub(crate) const BUILD: &str = "registry.test/base/build:1";
/// The name of the image that apps run in.
pub(crate) const RUN: &str = "registry.test/base/run:1";
pub(crate) const ONE: &str = "acme/one@1.0.0";
pub(crate) const TWO: &str = "acme/two@2.0.0";
pub(crate) const METADATA: &str = "io.buildpacks.builder.metadata";
pub(crate) const LAYERS: &str = "io.buildpacks.buildpack.layers";
pub(crate) const EXTENSION_LAYERS: &str = "io.buildpacks.extension.layers";
pub(crate) const ORDER: &str = "io.buildpacks.buildpack.order";
pub(crate) const ORDER_EXTENSIONS: &str = "io.buildpacks.buildpack.order-extensions";
/// The moment in every image where nothing else is said, and the same in seconds.
pub(crate) const CREATED: &str = "1980-01-01T00:00:01Z";
pub(crate) const CREATED_SECONDS: u64 = 315_532_801;

/// A `builder.toml` with nothing that anybody could warn of.
const TOML: &str = r#"description = "a builder"

[[buildpacks]]
uri = "one"

[[buildpacks]]
uri = "two"

[[order]]
[[order.group]]
id = "acme/one"
version = "1.0.0"
[[order.group]]
id = "acme/two"
optional = true

[build]
image = "registry.test/base/build:1"

[run]
[[run.images]]
image = "registry.test/base/run:1"

[lifecycle]
uri = "lifecycle"

[[targets]]
os = "linux"
arch = "amd64"

[[targets]]
os = "linux"
arch = "arm64"
"#;

/// `/cnb/order.toml` of that.
pub(crate) const ORDER_TOML: &str = "[[order]]

  [[order.group]]
    id = \"acme/one\"
    version = \"1.0.0\"

  [[order.group]]
    id = \"acme/two\"
    version = \"2.0.0\"
    optional = true
";

/// Everything that `airpack builder create` reads. The buildpacks are in the folders `one` and `two` of the sandbox; the
/// rest is written when the tool runs.
pub(crate) struct BuilderInput {
    pub(crate) sandbox: Sandbox,
    /// `builder.toml`, beside the folders.
    pub(crate) toml: String,
    /// What `test_layout` makes `base.oci` and `run.oci` of.
    pub(crate) build: Value,
    pub(crate) run: Value,
    /// Archives by their paths.
    pub(crate) lifecycles: BTreeMap<String, Lifecycle>,
    /// What is given with `--from`.
    pub(crate) from: Vec<String>,
}

impl BuilderInput {
    /// Of which a builder comes without any warning.
    pub(crate) fn new() -> Self {
        let sandbox = Sandbox::new();
        leaf(&sandbox, "one", ONE, &BOTH);
        leaf(&sandbox, "two", TWO, &BOTH);
        Self {
            sandbox,
            toml: TOML.to_owned(),
            build: image_spec("build", &ARCHITECTURES),
            run: image_spec("run", &ARCHITECTURES),
            lifecycles: ARCHITECTURES
                .iter()
                .map(|architecture| (released(architecture), Lifecycle::new(architecture)))
                .collect(),
            from: vec!["base.oci".to_owned(), "run.oci".to_owned()],
        }
    }

    /// The same for amd64 alone.
    pub(crate) fn amd64() -> Self {
        Self::new().replace("\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n", "")
    }

    /// Puts a text into the place of another in `builder.toml`, which has to be there.
    #[track_caller]
    pub(crate) fn replace(mut self, from: &str, to: &str) -> Self {
        assert!(self.toml.contains(from), "no {from:?} in\n{}", self.toml);
        self.toml = self.toml.replacen(from, to, 1);
        self
    }

    /// Adds tables at the end of `builder.toml`.
    pub(crate) fn append(mut self, toml: &str) -> Self {
        self.toml += "\n";
        self.toml += toml;
        self
    }

    /// Adds an entry to `[[buildpacks]]`, after those that are there.
    #[track_caller]
    pub(crate) fn buildpack(self, entry: &str) -> Self {
        self.replace("[[order]]\n", &format!("[[buildpacks]]\n{entry}\n\n[[order]]\n"))
    }

    /// Writes the extension `acme/ext@1.0.0` to the folder `ext` and names it, with an order of it.
    #[track_caller]
    pub(crate) fn extension(self) -> Self {
        extension(&self.sandbox, "ext", "acme/ext", "1.0.0");
        self.append(
            "[[extensions]]\nuri = \"ext\"\n\n[[order-extensions]]\n[[order-extensions.group]]\nid = \"acme/ext\"\n",
        )
    }

    /// The config of the build image for a platform, by its position.
    pub(crate) fn config(&mut self, position: usize) -> &mut Value {
        &mut self.build["platforms"][position]["config"]
    }

    /// Changes the configs of the build image for all platforms.
    pub(crate) fn configs(mut self, change: impl Fn(&mut Value)) -> Self {
        for platform in self.build["platforms"].as_array_mut().unwrap() {
            change(&mut platform["config"]);
        }
        self
    }

    /// Sets a label of the build image, for all platforms.
    pub(crate) fn build_label(self, name: &str, value: &str) -> Self {
        self.configs(|config| config["Labels"][name] = value.into())
    }

    /// The number of the only line of `builder.toml` that has this in it.
    #[track_caller]
    pub(crate) fn line(&self, part: &str) -> usize {
        line_of(&self.toml, part)
    }

    /// Writes what is not yet there.
    pub(crate) fn write(&self) {
        self.sandbox.write("builder.toml", &self.toml);
        for (folder, name, spec) in [("base.oci", BUILD, &self.build), ("run.oci", RUN, &self.run)] {
            let folder = self.sandbox.join(folder);
            if !folder.exists() && !spec.is_null() {
                make_layout(&folder, Some(name), spec);
            }
        }
        for (path, lifecycle) in &self.lifecycles {
            self.sandbox.write(path, lifecycle.tgz());
        }
    }

    fn arguments<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        let mut all = vec!["--config", "builder.toml"];
        for from in &self.from {
            all.extend(["--from", from]);
        }
        all.extend(args);
        all
    }

    /// Creates the builder in a layout of its own.
    #[track_caller]
    pub(crate) fn created(self, args: &[&str]) -> Built {
        self.write();
        let all: Vec<String> = self.arguments(args).into_iter().map(ToOwned::to_owned).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let packaged = Packaged::builder(self.sandbox, &all);
        for image in &packaged.index.children {
            check_sound(&packaged.layout, image);
        }
        Built(packaged)
    }

    /// Runs the tool with a layout of the sandbox.
    pub(crate) fn run_into(&self, layout: &str, args: &[&str]) -> Run {
        self.write();
        let own = ["builder", "create", REFERENCE, "--layout", layout];
        self.sandbox.airpack(&[&own[..], &self.arguments(args)].concat())
    }

    /// It must fail, and leave sources and layouts as they are. Gives the run.
    #[track_caller]
    pub(crate) fn refused(&self, args: &[&str]) -> Run {
        self.write();
        refused_builder(&self.sandbox, &self.arguments(args))
    }

    /// The same; the run says all these texts.
    #[track_caller]
    pub(crate) fn refuse(&self, says: &[&str]) -> Run {
        let run = self.refused(&[]);
        for text in says {
            run.stderr_has(text);
        }
        run
    }

    /// The same; it also points at the line of `builder.toml` that has this in it, or at the begin of its table.
    #[track_caller]
    pub(crate) fn refuse_at(&self, part: &str, says: &[&str]) -> Run {
        let run = self.refuse(says);
        self.points_at(&run, part);
        run
    }

    /// The run points at the line of `builder.toml` that has this in it, or at the begin of the table it is in.
    #[track_caller]
    pub(crate) fn points_at(&self, run: &Run, part: &str) {
        let line = self.line(part);
        let above: Vec<_> = self.toml.lines().take(line).collect();
        let table = above.iter().rposition(|line| line.starts_with('['));
        points_into(run, "builder.toml", table.map_or(line, |table| table + 1)..=line);
    }
}

/// Creates a builder from the sandbox, with all arguments but the reference and `--layout`. It must fail, and leave
/// sources and layouts as they are.
#[track_caller]
pub(crate) fn refused_builder(sandbox: &Sandbox, args: &[&str]) -> Run {
    refused_with(REFERENCE, args, sandbox, &|args| {
        let [_, _, rest @ ..] = args else {
            panic!("a command");
        };
        sandbox.airpack_command(&[&["builder", "create"], rest].concat())
    })
}

/// An extension whose executables are at its root, for any target.
pub(crate) fn extension(sandbox: &Sandbox, folder: &str, id: &str, version: &str) {
    let toml = format!("api = \"0.10\"\n\n[extension]\nid = \"{id}\"\nversion = \"{version}\"\n");
    sandbox.write(format!("{folder}/extension.toml"), toml);
    for name in ["detect", "generate"] {
        sandbox.executable(format!("{folder}/bin/{name}"), format!("#!/bin/sh\necho {name}\n"));
    }
}

/// Where the archive of a released lifecycle is for an architecture.
pub(crate) fn released(architecture: &str) -> String {
    let architecture = if architecture == "amd64" {
        "x86-64"
    } else {
        architecture
    };
    format!("lifecycle/lifecycle-v0.20.1+linux.{architecture}.tgz")
}

/// Images of Ubuntu for these architectures, which a builder may be made of; `what` tells them apart.
pub(crate) fn image_spec(what: &str, architectures: &[&str]) -> Value {
    let platforms = architectures
        .iter()
        .map(|architecture| platform_spec(what, architecture));
    json!({ "platforms": platforms.collect::<Vec<_>>() })
}

/// One of them.
pub(crate) fn platform_spec(what: &str, architecture: &str) -> Value {
    json!({
        "os": "linux",
        "architecture": architecture,
        "config": {
            "User": "1001:1002",
            "Env": ["PATH=/usr/bin:/bin", "CNB_USER_ID=1001", "CNB_GROUP_ID=1002"],
            "Labels": {},
        },
        "layers": [[
            {"path": "etc/", "type": "dir"},
            {"path": "etc/os-release", "type": "file", "text": "ID=ubuntu\nVERSION_ID=\"24.04\"\n"},
            {"path": "etc/what", "type": "file", "text": format!("{what} {architecture}\n")},
        ]],
    })
}

/// What the lifecycle of a release looks like. The released one is not to be had where these tests run: this is a stand-in
/// with the same files, whose programs are no more than the first bytes of one.
#[derive(Clone)]
pub(crate) struct Lifecycle {
    /// `lifecycle.toml`; none where it is empty.
    pub(crate) toml: String,
    /// The rest of the archive.
    pub(crate) members: Vec<Member>,
}

/// `lifecycle.toml`.
pub(crate) const LIFECYCLE_TOML: &str = r#"[lifecycle]
version = "0.20.1"

[apis]
[apis.buildpack]
deprecated = ["0.7"]
supported = ["0.7", "0.8", "0.9", "0.10", "0.11"]

[apis.platform]
deprecated = []
supported = ["0.7", "0.8", "0.9", "0.10", "0.11", "0.12", "0.13"]
"#;

impl Lifecycle {
    /// One whose programs are for this architecture.
    pub(crate) fn new(architecture: &str) -> Self {
        let program = |name: &str| {
            let path = format!("lifecycle/{name}");
            Member::file(&path, elf(architecture)).with_mode(0o755)
        };
        let link = |name: &str| Member::symlink(&format!("lifecycle/{name}"), "lifecycle");
        let mut members = vec![Member::folder("lifecycle/"), program("lifecycle")];
        members.extend(["detector", "analyzer", "restorer", "builder", "exporter", "creator"].map(link));
        members.extend([program("launcher"), program("extender"), link("rebaser")]);
        members.push(Member::file("lifecycle/lifecycle.sbom.cdx.json", "{}\n"));
        Self {
            toml: LIFECYCLE_TOML.to_owned(),
            members,
        }
    }

    /// One of shell scripts, which are for no machine and any.
    pub(crate) fn of_scripts(what: &str) -> Self {
        let names = [
            "detector", "analyzer", "restorer", "builder", "exporter", "creator", "launcher",
        ];
        let script = |name: &str| {
            let path = format!("lifecycle/{name}");
            Member::file(&path, format!("#!/bin/sh\necho {name} {what}\n")).with_mode(0o755)
        };
        Self {
            toml: LIFECYCLE_TOML.to_owned(),
            members: [Member::folder("lifecycle/")]
                .into_iter()
                .chain(names.map(script))
                .collect(),
        }
    }

    /// Everything in the archive.
    pub(crate) fn all(&self) -> Vec<Member> {
        let toml = (!self.toml.is_empty()).then(|| Member::file("lifecycle.toml", &self.toml));
        toml.into_iter().chain(self.members.iter().cloned()).collect()
    }

    /// The archive.
    pub(crate) fn tgz(&self) -> Vec<u8> {
        gzip(&self.tar())
    }

    /// The archive, not compressed.
    pub(crate) fn tar(&self) -> Vec<u8> {
        tar(TarFormat::Ustar, &self.all())
    }

    /// Writes what would be in the archive to a folder.
    pub(crate) fn unpack(&self, sandbox: &Sandbox, folder: &str) {
        for member in self.all() {
            let path = format!("{folder}/{}", member.path);
            if member.path.ends_with('/') {
                sandbox.folder(path);
            } else if member.target.is_empty() {
                sandbox.write_mode(path, &member.content, member.mode);
            } else {
                sandbox.symlink(path, &member.target);
            }
        }
    }
}

/// The header of a program, 64 bits wide, in the byte order of its machine, and some bytes more.
pub(crate) fn elf(architecture: &str) -> Vec<u8> {
    let (machine, is_big): (u16, bool) = match architecture {
        "amd64" => (62, false),
        "arm64" => (183, false),
        "ppc64le" => (21, false),
        "s390x" => (22, true),
        other => panic!("no machine for {other}"),
    };
    let number = |value: u16| {
        if is_big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    };
    let mut header = vec![0; 64];
    header[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, if is_big { 2 } else { 1 }, 1]);
    // an executable
    header[16..18].copy_from_slice(&number(2));
    header[18..20].copy_from_slice(&number(machine));
    header[52..54].copy_from_slice(&number(64));
    header.extend_from_slice(format!("a stand-in for {architecture}\n").as_bytes());
    header
}

/// A builder that was created; each image was found sound in itself.
pub(crate) struct Built(pub(crate) Packaged);

impl Built {
    /// No warning was told.
    #[track_caller]
    pub(crate) fn without_warnings(self) -> Self {
        Self(self.0.without_warnings())
    }

    /// A warning that holds all these texts.
    #[track_caller]
    pub(crate) fn warned(self, texts: &[&str]) -> Self {
        Self(self.0.warned(texts))
    }

    /// The digest of the index.
    pub(crate) fn digest(&self) -> &str {
        text(&self.0.index.descriptor, "digest")
    }

    #[track_caller]
    pub(crate) fn image(&self, platform: &str) -> &ImageView {
        self.0.image(platform)
    }

    /// A label of an image.
    #[track_caller]
    pub(crate) fn label(&self, platform: &str, name: &str) -> String {
        label(self.image(platform), name)
    }

    /// A label that is JSON.
    #[track_caller]
    pub(crate) fn json_label(&self, platform: &str, name: &str) -> Value {
        serde_json::from_str(&self.label(platform, name)).unwrap()
    }

    /// What each layer has, from the lowest on. See [`layer_kind`].
    #[track_caller]
    pub(crate) fn layers(&self, platform: &str) -> Vec<String> {
        self.image(platform).layers.iter().map(layer_kind).collect()
    }

    /// The same of the layers of modules, and of those that take modules away.
    #[track_caller]
    pub(crate) fn module_layers(&self, platform: &str) -> Vec<String> {
        let all = self.layers(platform).into_iter();
        all.filter(|kind| kind.contains('@') || kind.contains(".wh.")).collect()
    }

    /// The last layer that has this.
    #[track_caller]
    pub(crate) fn layer(&self, platform: &str, kind: &str) -> &LayerView {
        let layers = &self.image(platform).layers;
        let found = layers.iter().rfind(|layer| layer_kind(layer) == kind);
        found.unwrap_or_else(|| panic!("no layer of {kind} among {:?}", self.layers(platform)))
    }

    /// The text of a file of an image.
    #[track_caller]
    pub(crate) fn file(&self, platform: &str, name: &str) -> String {
        file(&self.0.layout, self.image(platform), name)
    }

    /// The modules that the labels tell of, sorted.
    #[track_caller]
    pub(crate) fn modules(&self, platform: &str) -> Vec<String> {
        modules(self.image(platform)).into_keys().collect()
    }

    /// The modules in the label of the builder, in its order.
    #[track_caller]
    pub(crate) fn listed(&self, platform: &str) -> Vec<String> {
        listed(&self.json_label(platform, METADATA), "buildpacks")
    }

    /// The order in the label, on one line: `acme/one@1.0.0 acme/two? | acme/two`.
    #[track_caller]
    pub(crate) fn order(&self, platform: &str) -> String {
        shown_order(&self.json_label(platform, ORDER))
    }
}

/// A label of an image.
#[track_caller]
pub(crate) fn label(image: &ImageView, name: &str) -> String {
    let labels = image.labels();
    let found = labels.get(name);
    found
        .unwrap_or_else(|| panic!("no label {name} of {} in {labels:#?}", image.platform()))
        .clone()
}

/// What a layer of a builder has: `folders`, `lifecycle`, `empty`, its modules as `acme_one@1.0.0` with a `+` between them,
/// the name of the only file, `env`, or the name of the first entry.
pub(crate) fn layer_kind(layer: &LayerView) -> String {
    let names: Vec<String> = layer.entries.iter().map(super::layout_view::TarEntry::name).collect();
    let modules: Vec<String> = names
        .iter()
        .filter_map(|name| match *name.split('/').collect::<Vec<_>>() {
            ["", "cnb", "buildpacks" | "extensions", id, version] if !version.starts_with(".wh.") => {
                Some(format!("{id}@{version}"))
            }
            _ => None,
        })
        .collect();
    let first = names.first().map_or("empty", String::as_str);
    match first {
        "/workspace" => "folders".to_owned(),
        "/cnb/lifecycle" => "lifecycle".to_owned(),
        _ if !modules.is_empty() => modules.join("+"),
        _ if names.iter().all(|name| name.starts_with("/cnb/build-config/env/")) && first != "empty" => {
            "env".to_owned()
        }
        _ => first.to_owned(),
    }
}

/// The text of a file, in the last layer that has it.
#[track_caller]
pub(crate) fn file(layout: &LayoutView, image: &ImageView, name: &str) -> String {
    let found = image.layers.iter().rev().find_map(|layer| text_in(layout, layer, name));
    found.unwrap_or_else(|| panic!("no {name} in {}", image.platform()))
}

/// The text of a file of a layer.
pub(crate) fn text_in(layout: &LayoutView, layer: &LayerView, name: &str) -> Option<String> {
    if !layer.entries.iter().any(|entry| entry.name() == name) {
        return None;
    }
    let blob = layout.blob(text(&layer.descriptor, "digest"));
    let tar = unpack(&blob, text(&layer.descriptor, "mediaType"));
    let mut archive = tar::Archive::new(tar.as_slice());
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.path_bytes().as_ref() == name.as_bytes() {
            let mut found = String::new();
            entry.read_to_string(&mut found).unwrap();
            return Some(found);
        }
    }
    None
}

/// The modules of both labels, each with its fields and the folder it has to be in.
#[track_caller]
pub(crate) fn modules(image: &ImageView) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for (name, folder) in [(LAYERS, "buildpacks"), (EXTENSION_LAYERS, "extensions")] {
        let label: Value = serde_json::from_str(&label(image, name)).unwrap();
        for (id, versions) in label.as_object().unwrap() {
            for (version, fields) in versions.as_object().unwrap() {
                let mut fields = fields.clone();
                fields["folder"] = format!("/cnb/{folder}/{}/{version}", id.replace('/', "_")).into();
                found.insert(format!("{id}@{version}"), fields);
            }
        }
    }
    found
}

/// The modules of one kind in the label of a builder.
pub(crate) fn listed(metadata: &Value, kind: &str) -> Vec<String> {
    let modules = array(metadata, kind).iter();
    modules
        .map(|module| format!("{}@{}", text(module, "id"), text(module, "version")))
        .collect()
}

/// An order of a label on one line; a version is there where the label has one.
pub(crate) fn shown_order(order: &Value) -> String {
    let groups = order.as_array().map_or(&[][..], Vec::as_slice).iter();
    let shown: Vec<String> = groups
        .map(|group| {
            let entries = array(group, "group").iter();
            let shown: Vec<String> = entries
                .map(|entry| {
                    let version = entry["version"].as_str().map(|version| format!("@{version}"));
                    let optional = if entry["optional"] == true { "?" } else { "" };
                    format!("{}{}{optional}", text(entry, "id"), version.unwrap_or_default())
                })
                .collect();
            shown.join(" ")
        })
        .collect();
    shown.join(" | ")
}

/// What holds for every image of a builder, whatever it was made of.
#[track_caller]
pub(crate) fn check_sound(layout: &LayoutView, image: &ImageView) {
    let platform = image.platform();
    let config = &image.config;
    assert_eq!(config["config"]["WorkingDir"], "/layers", "{platform}");
    let history = array(config, "history");
    assert_eq!(history.len(), image.layers.len(), "{platform}: history and layers");
    for moment in history.iter().chain([config]) {
        assert_eq!(moment["created"], CREATED, "{platform}: created");
    }
    for layer in &image.layers {
        let media_type = text(&layer.descriptor, "mediaType");
        let is_oci = media_type.starts_with("application/vnd.oci.image.layer.v1.tar");
        assert!(is_oci, "{platform}: {media_type}");
    }
    let kinds: Vec<_> = image.layers.iter().map(layer_kind).collect();
    assert_eq!(kinds.last().map(String::as_str), Some("empty"), "{platform}: {kinds:?}");
    let modules = modules(image);
    for (module, fields) in &modules {
        let layer = image.layers.iter().find(|layer| layer.diff_id == fields["layerDiffID"]);
        let layer = layer.unwrap_or_else(|| panic!("{platform}: no layer for {module}: {fields}"));
        let folder = text(fields, "folder");
        assert!(
            layer.entries.iter().any(|entry| entry.name() == folder),
            "{platform}: no {folder} in the layer of {module}, which has {}",
            layer_kind(layer)
        );
    }
    let metadata: Value = serde_json::from_str(&label(image, METADATA)).unwrap();
    let all = [listed(&metadata, "buildpacks"), listed(&metadata, "extensions")].concat();
    let unique: BTreeSet<_> = all.iter().cloned().collect();
    assert_eq!(unique.len(), all.len(), "{platform}: a module is listed twice: {all:?}");
    let known: BTreeSet<_> = modules.keys().cloned().collect();
    assert_eq!(
        unique, known,
        "{platform}: modules that are listed, and that have layers"
    );
    let order = file(layout, image, "/cnb/order.toml");
    for (id, version) in order.split("id = \"").skip(1).filter_map(|rest| {
        let (id, rest) = rest.split_once('"')?;
        let (_, rest) = rest.split_once("version = \"")?;
        Some((id, rest.split_once('"')?.0))
    }) {
        let entry = format!("{id}@{version}");
        assert!(
            known.contains(&entry),
            "{platform}: the order needs {entry}, of {known:?}"
        );
    }
}
