//! `airpack compat`: which components are there for which platforms, why others are not, and what is required.

mod builder_toml;
mod builders;
mod damaged;
mod distros;
mod package_toml;
mod packages;
mod required;
mod table;
mod usage;

use serde_json::{Value, json};

use crate::support::builder::{METADATA, elf};
use crate::support::composites::id_and_version;
use crate::support::images::{OCI_GZIP, finish, index_of, named};
use crate::support::layout_maker::LayoutMaker;
use crate::support::layout_view::{OCI_CONFIG, OCI_MANIFEST, sha256};
use crate::support::tar_maker::{Member, TarFormat, gzip, tar};
use crate::support::{Run, Sandbox};

/// What the tool says in JSON.
struct Told(Value);

impl Told {
    /// Of a run that found nothing wrong with what was asked.
    #[track_caller]
    fn of(sandbox: &Sandbox, args: &[&str]) -> Self {
        let run = sandbox.airpack(&[&["compat", "--json"], args].concat());
        run.ok();
        Self::in_run(&run)
    }

    #[track_caller]
    fn in_run(run: &Run) -> Self {
        assert!(!run.stderr.contains("panicked"), "{run}");
        Self(serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}{run}")))
    }

    fn platforms(&self) -> Vec<&str> {
        self.0["platforms"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap())
            .collect()
    }

    /// The components, each with its kind.
    fn names(&self) -> Vec<String> {
        let components = self.0["components"].as_array().unwrap().iter();
        components
            .map(|one| format!("{} {}", one["kind"].as_str().unwrap(), one["name"].as_str().unwrap()))
            .collect()
    }

    #[track_caller]
    fn cell(&self, name: &str, platform: &str) -> &Value {
        let mut components = self.0["components"].as_array().unwrap().iter();
        let component = components.find(|one| one["name"] == name);
        let component = component.unwrap_or_else(|| panic!("no {name} in {:?}", self.names()));
        let mut cells = component["cells"].as_array().unwrap().iter();
        let cell = cells.find(|cell| cell["platform"] == platform);
        cell.unwrap_or_else(|| panic!("no {platform} in {:?}", self.platforms()))
    }

    /// `yes`, `any`, or the cause why not.
    #[track_caller]
    fn said(&self, name: &str, platform: &str) -> &str {
        let cell = self.cell(name, platform);
        let status = cell["status"].as_str().unwrap();
        match status {
            "no" | "notFound" => {
                assert_ne!(cell["reason"]["text"], "", "{cell}");
                cell["reason"]["cause"].as_str().unwrap()
            }
            there => {
                assert!(cell["reason"].is_null(), "{cell}");
                there
            }
        }
    }

    /// Checks what is said of some components for a platform.
    #[track_caller]
    fn says(&self, platform: &str, expected: &[(&str, &str)]) -> &Self {
        let found: Vec<_> = expected
            .iter()
            .map(|(name, _)| (*name, self.said(name, platform)))
            .collect();
        assert_eq!(found, expected, "for {platform}: {:#}", self.0);
        self
    }

    /// The text of a reason holds all these.
    #[track_caller]
    fn because(&self, name: &str, platform: &str, texts: &[&str]) -> &Self {
        let reason = &self.cell(name, platform)["reason"];
        let told = format!("{}; {}", reason["text"], reason["hint"]);
        for text in texts {
            assert!(told.contains(text), "no {text:?} in {told}");
        }
        self
    }
}

/// A module of a [`builder_image`].
#[derive(Clone)]
struct Module {
    name: &'static str,
    /// What the label says of it, but for its layer.
    label: Value,
    /// `bin/build`.
    program: Vec<u8>,
}

impl Module {
    /// A module of scripts without targets.
    fn scripts(name: &'static str) -> Self {
        Self {
            name,
            label: json!({"api": "0.10"}),
            program: b"#!/bin/sh\n".to_vec(),
        }
    }

    fn with(mut self, field: &str, value: Value) -> Self {
        self.label[field] = value;
        self
    }

    fn program_for(mut self, architecture: &str) -> Self {
        self.program = elf(architecture);
        self
    }
}

/// A target as labels have it.
fn target(os: &str, arch: &str) -> Value {
    json!({"os": os, "arch": arch})
}

/// A builder as other tools make them: an image of Ubuntu with a lifecycle for an architecture and these modules.
/// `change` is given the labels, by their names, before they become text.
fn builder_image(
    maker: &LayoutMaker,
    architecture: &str,
    lifecycle: &str,
    modules: &[Module],
    change: &dyn Fn(&mut Value),
) -> Value {
    let mut layers = vec![
        vec![Member::file("etc/os-release", "ID=ubuntu\nVERSION_ID=\"24.04\"\n")],
        vec![
            Member::folder("/cnb/lifecycle/"),
            Member::file("/cnb/lifecycle/lifecycle", elf(lifecycle)).with_mode(0o755),
            Member::symlink("/cnb/lifecycle/detector", "lifecycle"),
        ],
    ];
    let mut label = json!({});
    let mut infos = Vec::new();
    for module in modules {
        let (id, version) = id_and_version(module.name);
        let root = format!("/cnb/buildpacks/{}/{version}", id.replace('/', "_"));
        let members = vec![
            Member::folder(&format!("{root}/")),
            Member::file(&format!("{root}/bin/build"), &module.program).with_mode(0o755),
        ];
        label[id][version] = module.label.clone();
        label[id][version]["layerDiffID"] = sha256(&tar(TarFormat::Ustar, &members)).into();
        infos.push(json!({"id": id, "version": version}));
        layers.push(members);
    }
    let apis = json!({"deprecated": [], "supported": ["0.9", "0.10"]});
    let mut labels = json!({
        METADATA: {
            "buildpacks": infos,
            "lifecycle": {"version": "0.20.1", "apis": {"buildpack": apis, "platform": apis}},
        },
        "io.buildpacks.buildpack.layers": label,
        "io.buildpacks.buildpack.order": [],
    });
    change(&mut labels);
    image_of(maker, architecture, &labels, &layers)
}

/// An image with these labels, which become text, and these layers. Gives its descriptor, with the platform.
fn image_of(maker: &LayoutMaker, architecture: &str, labels: &Value, layers: &[Vec<Member>]) -> Value {
    let tars: Vec<_> = layers.iter().map(|members| tar(TarFormat::Ustar, members)).collect();
    let labels: Value = labels
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| {
            (
                name.clone(),
                json!(value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)),
            )
        })
        .collect();
    let config = json!({
        "os": "linux",
        "architecture": architecture,
        "config": {"Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": tars.iter().map(|tar| sha256(tar)).collect::<Vec<_>>()},
    });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": maker.json(OCI_CONFIG, &config),
        "layers": tars.iter().map(|tar| maker.blob(OCI_GZIP, &gzip(tar))).collect::<Vec<_>>(),
    });
    let mut descriptor = maker.json(OCI_MANIFEST, &manifest);
    descriptor["platform"] = json!({"os": "linux", "architecture": architecture});
    descriptor
}

/// Writes a layout with an index of images, by this name.
fn layout_with(sandbox: &Sandbox, folder: &str, name: &str, images: impl FnOnce(&LayoutMaker) -> Vec<Value>) {
    let maker = LayoutMaker::new(&sandbox.folder(folder));
    let children = images(&maker);
    finish(&maker, &[named(index_of(&maker, &children), name)]);
}
