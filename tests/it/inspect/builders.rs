//! Builders: what their labels say under the headings of `pack builder inspect`, and where platforms differ.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::inspected;
use crate::support::images::{attestation, finish, index_of, named};
use crate::support::layout_maker::{LayoutMaker, OCI_LAYER, tar_of};
use crate::support::layout_view::{OCI_CONFIG, OCI_MANIFEST, array, sha256, text};
use crate::support::{Run, Sandbox};

const METADATA: &str = "io.buildpacks.builder.metadata";
const LAYERS: &str = "io.buildpacks.buildpack.layers";
const EXTENSION_LAYERS: &str = "io.buildpacks.extension.layers";
const ORDER: &str = "io.buildpacks.buildpack.order";
const ORDER_EXTENSIONS: &str = "io.buildpacks.buildpack.order-extensions";
const SYSTEM: &str = "io.buildpacks.buildpack.system";
const STACK: &str = "io.buildpacks.stack.id";

/// An image of a builder; a test changes the labels before it is written.
struct Builder {
    architecture: &'static str,
    /// Texts as they are, all else as JSON.
    labels: Value,
}

impl Builder {
    /// `acme/meta`, a composite of `acme/one` and `acme/two`; each in a layer of its own above one of the base.
    fn new(architecture: &'static str) -> Self {
        let target = json!([{"os": "linux", "arch": "amd64"}, {"os": "linux", "arch": "arm64"}]);
        let layer = |id: &str| sha256(&layer_of(id, architecture));
        let labels = json!({
            METADATA: {
                "description": "Builds <all>",
                "buildpacks": [
                    {"id": "acme/two", "version": "0.2.0"},
                    {"id": "acme/one", "name": "One", "version": "1.0.0", "homepage": "https://acme.test/one"},
                    {"id": "acme/meta", "version": "3.0.0"},
                    {"id": "acme/two", "version": "0.2.0"},
                ],
                "extensions": null,
                "stack": {"runImage": {"image": "", "mirrors": null}},
                "lifecycle": {
                    "version": "0.20.1",
                    "api": {"buildpack": "0.7", "platform": "0.7"},
                    "apis": {
                        "buildpack": {"deprecated": ["0.7"], "supported": ["0.10", "0.11"]},
                        "platform": {"deprecated": null, "supported": ["0.12", "0.13"]},
                    },
                },
                "createdBy": {"name": "some tool", "version": "4.5.6"},
                "images": [
                    {"image": "registry.test/acme/run:1", "mirrors": ["mirror.test/acme/run:1"]},
                    {"image": "registry.test/acme/run-tiny:1", "mirrors": null},
                ],
            },
            LAYERS: {
                "acme/meta": {"3.0.0": {
                    "api": "0.10",
                    "order": [{"group": [{"id": "acme/one", "version": "1.0.0"},
                                         {"id": "acme/two", "version": "0.2.0", "optional": true}]}],
                    "layerDiffID": layer("meta"),
                }},
                "acme/one": {"1.0.0": {
                    "api": "0.10", "targets": target, "layerDiffID": layer("one"),
                    "homepage": "https://acme.test/one", "name": "One",
                }},
                "acme/two": {"0.2.0": {"api": "0.10", "targets": [{"os": "linux", "arch": ""}], "layerDiffID": layer("two")}},
            },
            EXTENSION_LAYERS: {},
            ORDER: [{"group": [{"id": "acme/meta"}]},
                    {"group": [{"id": "acme/one", "version": "1.0.0"}, {"id": "acme/two", "optional": true}]}],
            ORDER_EXTENSIONS: "null",
        });
        Self { architecture, labels }
    }

    fn metadata(&mut self) -> &mut Value {
        &mut self.labels[METADATA]
    }

    fn with_extension(mut self) -> Self {
        self.metadata()["extensions"] = json!([{"id": "acme/ext", "name": "Ext", "version": "1.0.0"}]);
        let diff_id = sha256(&layer_of("ext", self.architecture));
        self.labels[EXTENSION_LAYERS] =
            json!({"acme/ext": {"1.0.0": {"api": "0.10", "layerDiffID": diff_id, "name": "Ext"}}});
        self.labels[ORDER_EXTENSIONS] = json!([{"group": [{"id": "acme/ext"}]}]);
        self
    }

    /// Adds the image to a layout and gives its descriptor, with the platform.
    fn write(&self, maker: &LayoutMaker) -> Value {
        let tars = ["base", "one", "two", "meta", "ext"].map(|name| layer_of(name, self.architecture));
        let layers: Vec<Value> = tars.iter().map(|tar| maker.blob(OCI_LAYER, tar)).collect();
        let diff_ids: Vec<String> = tars.iter().map(|tar| sha256(tar)).collect();
        let texts: serde_json::Map<String, Value> = self
            .labels
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| {
                let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
                (name.clone(), text.into())
            })
            .collect();
        let config = json!({
            "os": "linux",
            "architecture": self.architecture,
            "config": {"Labels": texts},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": maker.json(OCI_CONFIG, &config),
            "layers": layers,
        });
        let mut descriptor = maker.json(OCI_MANIFEST, &manifest);
        descriptor["platform"] = json!({"os": "linux", "architecture": self.architecture});
        descriptor
    }
}

/// Other content for each platform, as compiled buildpacks have.
fn layer_of(name: &str, architecture: &str) -> Vec<u8> {
    tar_of(&[(&format!("cnb/{name}"), architecture)])
}

/// A sandbox with `out.oci`, which holds an index of these images.
fn sandbox_of(builders: &[Builder]) -> Sandbox {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out.oci"));
    let children: Vec<Value> = builders.iter().map(|builder| builder.write(&maker)).collect();
    finish(
        &maker,
        &[named(index_of(&maker, &children), "registry.test/acme/builder:1")],
    );
    sandbox
}

fn both() -> [Builder; 2] {
    ["amd64", "arm64"].map(Builder::new)
}

/// What is told of the builder as a whole, without the guides of the tree around it.
fn overview(run: &Run) -> String {
    let lines: Vec<&str> = run.stdout.lines().collect();
    let Some(begin) = lines.iter().position(|line| line.contains("─ builder for ")) else {
        return String::new();
    };
    let depth = |line: &str| line.chars().take_while(|c| " │├└─".contains(*c)).count();
    let mut shown = String::new();
    for (at, line) in lines[begin..].iter().enumerate() {
        if at > 0 && depth(line) <= depth(lines[begin]) {
            break;
        }
        let line: String = line.chars().skip(depth(lines[begin])).collect();
        writeln!(shown, "{}", line.trim_end()).unwrap();
    }
    shown
}

/// The text about the builders in an index of these images, and what JSON says there.
#[track_caller]
fn told(builders: &[Builder]) -> (String, Value) {
    let sandbox = sandbox_of(builders);
    let (run, _) = inspected(&sandbox, &["out.oci"]);
    (overview(&run), report(&sandbox, &[])["builder"].clone())
}

/// The first entry of the layout, as JSON.
#[track_caller]
fn report(sandbox: &Sandbox, args: &[&str]) -> Value {
    let run = sandbox.airpack(&[&["inspect", "out.oci", "--json"], args].concat());
    let report: Value = serde_json::from_str(&run.ok().stdout).unwrap();
    report["entries"][0].clone()
}

#[track_caller]
fn assert_has(overview: &str, texts: &[&str]) {
    for text in texts {
        assert!(overview.contains(text), "expected {text:?} in\n{overview}");
    }
}

fn everywhere() -> Value {
    json!([{"os": "linux", "architecture": "amd64"}, {"os": "linux", "architecture": "arm64"}])
}

#[test]
fn platforms_that_say_the_same() {
    let (text, _) = told(&both());
    assert_eq!(
        text,
        "\
builder for linux/amd64, linux/arm64
├─ Description: Builds <all>
├─ Created By
│  ├─ Name: some tool
│  └─ Version: 4.5.6
├─ Lifecycle
│  ├─ Version: 0.20.1
│  ├─ Buildpack APIs
│  │  ├─ Deprecated: 0.7
│  │  └─ Supported: 0.10, 0.11
│  └─ Platform APIs
│     ├─ Deprecated: (none)
│     └─ Supported: 0.12, 0.13
├─ Run Images
│  ├─ registry.test/acme/run:1
│  │  └─ mirror mirror.test/acme/run:1
│  └─ registry.test/acme/run-tiny:1
├─ Buildpacks
│  ├─ ID         NAME  VERSION  HOMEPAGE               TARGETS
│  ├─ acme/meta  -     3.0.0    -                      -
│  ├─ acme/one   One   1.0.0    https://acme.test/one  linux/amd64, linux/arm64
│  └─ acme/two   -     0.2.0    -                      linux
└─ Detection Order
   ├─ group 1
   │  └─ acme/meta@3.0.0
   │     └─ group 1
   │        ├─ acme/one@1.0.0 for linux/amd64, linux/arm64 <https://acme.test/one>
   │        └─ acme/two@0.2.0 (optional) for linux
   └─ group 2
      ├─ acme/one@1.0.0 for linux/amd64, linux/arm64 <https://acme.test/one>
      └─ acme/two@0.2.0 (optional) for linux
"
    );
}

#[test]
fn in_json() {
    let (_, view) = told(&both());
    assert_eq!(view["platforms"], everywhere());
    assert_eq!(view["differences"], json!([]));
    for (field, value) in [
        ("description", json!("Builds <all>")),
        ("createdBy", json!({"name": "some tool", "version": "4.5.6"})),
        (
            "runImages",
            json!([
                {"image": "registry.test/acme/run:1", "mirrors": ["mirror.test/acme/run:1"]},
                {"image": "registry.test/acme/run-tiny:1", "mirrors": []},
            ]),
        ),
        (
            "order",
            json!([
                {"group": [{"id": "acme/meta", "version": "3.0.0"}]},
                {"group": [{"id": "acme/one", "version": "1.0.0"},
                           {"id": "acme/two", "version": "0.2.0", "optional": true}]},
            ]),
        ),
    ] {
        assert_eq!(
            view[field],
            json!([{"platforms": everywhere(), "value": value}]),
            "{field}"
        );
    }
    let apis = &view["lifecycle"][0]["value"]["apis"];
    assert_eq!(
        apis["platform"],
        json!({"deprecated": [], "supported": ["0.12", "0.13"]})
    );
    let buildpacks: Vec<String> = array(&view, "buildpacks")
        .iter()
        .map(|said| format!("{}@{}", text(&said["value"], "id"), text(&said["value"], "version")))
        .collect();
    assert_eq!(buildpacks, ["acme/meta@3.0.0", "acme/one@1.0.0", "acme/two@0.2.0"]);
    let one = &view["buildpacks"][1];
    assert_eq!(one["platforms"], everywhere());
    assert_eq!(one["value"]["homepage"], "https://acme.test/one");
    assert_eq!(one["value"]["targets"][1]["arch"], "arm64");
}

#[test]
fn each_image_tells_of_its_own_in_json() {
    let [amd64, mut arm64] = both();
    arm64.metadata()["lifecycle"]["version"] = json!("0.21.0");
    let report = report(&sandbox_of(&[amd64, arm64]), &[]);
    for (at, version) in ["0.20.1", "0.21.0"].into_iter().enumerate() {
        let view = &report["manifests"][at]["builder"];
        assert_eq!(view["lifecycle"]["version"], version);
        assert_eq!(view["description"], "Builds <all>");
        assert_eq!(view["order"][0]["group"][0]["version"], "3.0.0");
    }
}

#[test]
fn layers_tell_which_modules_they_hold() {
    let sandbox = sandbox_of(&both().map(Builder::with_extension));
    let modules = ["acme/one@1.0.0", "acme/two@0.2.0", "acme/meta@3.0.0", "acme/ext@1.0.0"];
    let (run, _) = inspected(&sandbox, &["out.oci"]);
    for (at, module) in modules.iter().enumerate() {
        run.stdout_has(&format!("layer {}: {module}", at + 2));
    }
    for image in array(&report(&sandbox, &[]), "manifests") {
        let layers = array(image, "layers");
        assert_eq!(layers[0].get("modules"), None);
        for (layer, module) in layers[1..].iter().zip(modules) {
            assert_eq!(layer["modules"], json!([module]));
        }
    }
}

#[test]
fn platforms_that_differ() {
    let [amd64, mut arm64] = both();
    let metadata = arm64.metadata();
    metadata["lifecycle"]["version"] = json!("0.21.0");
    metadata["images"] = json!([{"image": "registry.test/acme/run-arm:1", "mirrors": []}]);
    metadata["buildpacks"][0]["version"] = json!("0.3.0");
    let two = arm64.labels[LAYERS]["acme/two"]["0.2.0"].take();
    arm64.labels[LAYERS]["acme/two"] = json!({"0.3.0": two});
    arm64.metadata()["buildpacks"].as_array_mut().unwrap().pop();
    let (text, view) = told(&[amd64, arm64]);
    assert_has(
        &text,
        &[
            "\n├─ the platforms differ in: Lifecycle, Run Images, Buildpacks, Detection Order\n",
            "\n├─ Description: Builds <all>\n",
            "\n├─ Lifecycle for linux/amd64\n│  ├─ Version: 0.20.1\n",
            "\n├─ Lifecycle for linux/arm64\n│  ├─ Version: 0.21.0\n",
            "\n├─ Run Images for linux/arm64\n│  └─ registry.test/acme/run-arm:1\n",
            "
├─ Buildpacks
│  ├─ ID         NAME  VERSION  HOMEPAGE               TARGETS                   PLATFORMS
│  ├─ acme/meta  -     3.0.0    -                      -                         all
│  ├─ acme/one   One   1.0.0    https://acme.test/one  linux/amd64, linux/arm64  all
│  ├─ acme/two   -     0.2.0    -                      linux                     linux/amd64
│  └─ acme/two   -     0.3.0    -                      linux                     linux/arm64
",
            "\n├─ Detection Order for linux/amd64\n",
            "\n└─ Detection Order for linux/arm64\n",
            "acme/two@0.3.0 (optional) for linux\n",
        ],
    );
    assert_eq!(
        view["differences"],
        json!(["lifecycle", "runImages", "buildpacks", "order"])
    );
    assert_eq!(
        view["lifecycle"][1]["platforms"],
        json!([{"os": "linux", "architecture": "arm64"}])
    );
    assert_eq!(view["lifecycle"][1]["value"]["version"], "0.21.0");
    assert_eq!(array(&view, "description").len(), 1);
}

#[test]
fn what_only_some_platforms_have() {
    let [amd64, arm64] = both();
    let mut arm64 = arm64.with_extension();
    arm64.labels[SYSTEM] = json!({"pre": {"buildpacks": [{"id": "acme/one"}]}, "post": {}});
    arm64.labels[STACK] = json!("acme.stack");
    arm64.metadata()["description"] = json!("");
    let (text, view) = told(&[amd64, arm64]);
    assert_has(
        &text,
        &[
            "├─ Description for linux/amd64: Builds <all>\n├─ Description for linux/arm64: (none)\n",
            "├─ Stack for linux/amd64: (none)\n├─ Stack for linux/arm64\n│  └─ ID: acme.stack\n",
            "│  └─ acme/ext  Ext   1.0.0    -         -        linux/arm64\n",
            "├─ Detection Order (Extensions) for linux/amd64: (none)\n",
            "├─ Detection Order (Extensions) for linux/arm64\n",
            "├─ System Buildpacks for linux/amd64: (none)\n",
            "└─ System Buildpacks for linux/arm64\n",
        ],
    );
    let differ = json!(["description", "stack", "extensions", "orderExtensions", "system"]);
    assert_eq!(view["differences"], differ);
}

#[test]
fn composites_whose_orders_differ() {
    let [amd64, mut arm64] = both();
    let members = &mut arm64.labels[LAYERS]["acme/meta"]["3.0.0"]["order"][0]["group"];
    members.as_array_mut().unwrap().pop();
    let (text, view) = told(&[amd64, arm64]);
    assert_has(
        &text,
        &["Detection Order for linux/amd64\n", "Detection Order for linux/arm64\n"],
    );
    assert_eq!(view["differences"], json!(["buildpacks", "order"]));
}

#[test]
fn a_platform_of_it() {
    let [amd64, mut arm64] = both();
    arm64.metadata()["lifecycle"]["version"] = json!("0.21.0");
    let sandbox = sandbox_of(&[amd64, arm64]);
    let (run, _) = inspected(&sandbox, &["out.oci", "--platform", "linux/arm64"]);
    let text = overview(&run);
    assert_has(
        &text,
        &["builder for linux/arm64\n", "\n├─ Lifecycle\n│  ├─ Version: 0.21.0\n"],
    );
    assert!(!run.stdout.contains("0.20.1"), "{run}");
}

#[test]
fn an_image_alone() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out.oci"));
    let mut image = Builder::new("arm64").write(&maker);
    image.as_object_mut().unwrap().remove("platform");
    finish(&maker, &[named(image, "1")]);
    let (run, _) = inspected(&sandbox, &["out.oci"]);
    run.stdout_has("1: builder\n");
    assert_has(&overview(&run), &["builder for linux/arm64\n", "\n├─ Lifecycle\n"]);
    assert_eq!(report(&sandbox, &[])["builder"]["lifecycle"]["version"], "0.20.1");
}

#[test]
fn beside_something_else() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out.oci"));
    let builder = Builder::new("amd64").write(&maker);
    let attestation = attestation(&maker, &builder);
    let other = maker.image("s390x", &[("a", "b")]);
    finish(&maker, &[named(index_of(&maker, &[builder, attestation, other]), "1")]);
    let (run, _) = inspected(&sandbox, &["out.oci"]);
    assert_has(&overview(&run), &["builder for linux/amd64\n"]);
    assert_eq!(run.stdout.matches("─ builder for ").count(), 1, "{run}");
}

#[test]
fn extensions_and_system_buildpacks() {
    let mut builder = Builder::new("amd64").with_extension();
    builder.labels[SYSTEM] = json!({
        "pre": {"buildpacks": [{"id": "acme/one", "version": "1.0.0", "optional": true}]},
        "post": {"buildpacks": [{"id": "acme/two"}]},
    });
    builder.labels[STACK] = json!("acme.stack");
    let (text, _) = told(&[builder]);
    assert_has(
        &text,
        &[
            "├─ Stack\n│  └─ ID: acme.stack\n├─ Lifecycle\n",
            "\
├─ Extensions
│  ├─ ID        NAME  VERSION  HOMEPAGE  TARGETS
│  └─ acme/ext  Ext   1.0.0    -         -
├─ Detection Order (Extensions)
│  └─ group 1
│     └─ acme/ext@1.0.0
└─ System Buildpacks
   ├─ before
   │  └─ acme/one@1.0.0 (optional)
   └─ after
      └─ acme/two@0.2.0
",
        ],
    );
}

#[test]
fn without_an_order() {
    for order in [None, Some("null"), Some("[]"), Some("")] {
        let mut builder = Builder::new("amd64");
        match order {
            Some(text) => builder.labels[ORDER] = json!(text),
            None => drop(builder.labels.as_object_mut().unwrap().remove(ORDER)),
        }
        let (text, view) = told(&[builder]);
        assert_has(&text, &["└─ Detection Order: (none)\n"]);
        assert!(!text.contains("Unreadable"), "{order:?}:\n{text}");
        assert_eq!(view["order"][0]["value"], json!([]), "{order:?}");
    }
}

#[test]
fn a_run_image_of_old() {
    let mut builder = Builder::new("amd64");
    builder.metadata()["images"] = Value::Null;
    builder.metadata()["stack"] = json!({"runImage": {"image": "registry.test/acme/old:1", "mirrors": ["m.test/o"]}});
    let (text, _) = told(&[builder]);
    assert_has(
        &text,
        &["├─ Run Images\n│  └─ registry.test/acme/old:1\n│     └─ mirror m.test/o\n"],
    );
}

#[test]
fn versions_that_nothing_tells() {
    let mut builder = Builder::new("amd64");
    builder.labels[ORDER] = json!([{"group": [{"id": "acme/two"}, {"id": "acme/gone"}]}]);
    let list = builder.metadata()["buildpacks"].as_array_mut().unwrap();
    list.push(json!({"id": "acme/two", "version": "0.3.0"}));
    let (text, _) = told(&[builder]);
    assert_has(
        &text,
        &[
            "├─ acme/two for linux\n",
            "└─ acme/gone, which is not there\n",
            "│  └─ acme/two   -     0.3.0    -                      -\n",
        ],
    );
}

#[test]
fn without_the_label_of_layers() {
    let mut builder = Builder::new("amd64");
    builder.labels.as_object_mut().unwrap().remove(LAYERS);
    let (text, _) = told(&[builder]);
    assert_has(
        &text,
        &[
            "acme/one   One   1.0.0    https://acme.test/one  -\n",
            "├─ acme/one@1.0.0 <https://acme.test/one>\n",
        ],
    );
    assert!(!text.contains("not there"), "{text}");
}

/// What labels may hold besides what they should.
fn wrong_values() -> Vec<Value> {
    let deep = "[".repeat(10_000);
    vec![
        json!("no JSON"),
        json!("{"),
        json!("\"text\""),
        json!("7"),
        json!("true"),
        json!(deep),
        json!([1, 2]),
        json!([null]),
        json!([[]]),
        json!({"a": 1}),
        json!({"a": {"1": 1}}),
        json!({"a": {"1": []}}),
    ]
}

#[test]
fn metadata_that_is_none() {
    let more = [
        json!(""),
        json!("null"),
        json!("[]"),
        json!({"description": 1}),
        json!({"buildpacks": "all"}),
        json!({"buildpacks": [{"version": "1"}]}),
        json!({"buildpacks": [null]}),
        json!({"images": [{"image": ["x"]}]}),
        json!({"images": {}}),
        json!({"lifecycle": {"version": 1}}),
        json!({"lifecycle": {"apis": {"buildpack": {"supported": [0.7]}}}}),
        json!({"createdBy": "x"}),
    ];
    let objects = wrong_values().into_iter().filter(|value| !value.is_object());
    for wrong in objects.chain(more) {
        let mut builder = Builder::new("amd64");
        builder.labels[METADATA] = wrong.clone();
        let sandbox = sandbox_of(&[builder]);
        let (run, _) = inspected(&sandbox, &["out.oci"]);
        run.stdout_has(METADATA);
        assert_eq!(overview(&run), "", "{wrong}{run}");
        assert_eq!(report(&sandbox, &[]).get("builder"), None, "{wrong}");
    }
}

#[test]
fn metadata_with_nothing_in_it() {
    for nothing in [
        json!({}),
        json!({"description": null, "buildpacks": null, "extensions": null, "stack": null, "lifecycle": null,
               "createdBy": null, "images": null}),
        json!({"stack": {"runImage": null}, "lifecycle": {"version": null, "apis": {"buildpack": null}},
               "images": [{"image": null, "mirrors": null}]}),
    ] {
        let builder = Builder {
            architecture: "amd64",
            labels: json!({ METADATA: nothing }),
        };
        let (text, _) = told(&[builder]);
        assert_eq!(
            text,
            "\
builder for linux/amd64
├─ Lifecycle
│  ├─ Version: (none)
│  ├─ Buildpack APIs
│  │  ├─ Deprecated: (none)
│  │  └─ Supported: (none)
│  └─ Platform APIs
│     ├─ Deprecated: (none)
│     └─ Supported: (none)
├─ Run Images: (none)
├─ Buildpacks: (none)
└─ Detection Order: (none)
"
        );
    }
}

#[test]
fn labels_that_are_not_what_they_should_be() {
    for name in [LAYERS, EXTENSION_LAYERS, ORDER, ORDER_EXTENSIONS, SYSTEM] {
        for wrong in wrong_values() {
            let mut builder = Builder::new("amd64").with_extension();
            builder.labels[name] = wrong.clone();
            let sandbox = sandbox_of(&[builder]);
            let (run, _) = inspected(&sandbox, &["out.oci"]);
            let text = overview(&run);
            // everything else is told all the same
            assert_has(
                &text,
                &["builder for linux/amd64\n", "acme/one   One", "Version: 0.20.1"],
            );
            // unknown fields do no harm
            let is_unreadable = name != SYSTEM || !wrong.is_object();
            if is_unreadable {
                assert_has(&text, &[&format!("├─ Unreadable Labels\n│  └─ {name}\n")]);
                let view = &report(&sandbox, &[])["builder"];
                assert_eq!(view["unreadableLabels"][0]["value"], json!([name]), "{wrong}");
            }
        }
    }
}

#[test]
fn lists_that_are_null() {
    let mut builder = Builder::new("amd64");
    builder.labels[LAYERS]["acme/two"]["0.2.0"] = json!({"api": "0.10", "stacks": null, "targets": null, "order": null,
        "layerDiffID": null, "homepage": null, "name": null});
    builder.labels[LAYERS]["acme/none"] = Value::Null;
    builder.labels[ORDER] = json!([{"group": null}, {"group": [{"id": "acme/two", "version": null}]}]);
    builder.labels[SYSTEM] = json!({"pre": {"buildpacks": null}, "post": null});
    let (text, _) = told(&[builder]);
    assert_has(&text, &["   ├─ group 1\n   └─ group 2\n      └─ acme/two@0.2.0\n"]);
    assert!(!text.contains("Unreadable") && !text.contains("System"), "{text}");
}

#[test]
fn composites_of_themselves() {
    let mut builder = Builder::new("amd64");
    let own = json!({"1": {"api": "0.10", "order": [{"group": [{"id": "acme/b", "version": "1"}, {"id": "acme/a"}]}]}});
    let other = json!({"1": {"api": "0.10", "order": [{"group": [{"id": "acme/a", "version": "1"}]}]}});
    builder.labels[LAYERS] = json!({"acme/a": own, "acme/b": other});
    builder.labels[ORDER] = json!([{"group": [{"id": "acme/a"}, {"id": "acme/b"}]}]);
    let (text, _) = told(&[builder]);
    assert_has(&text, &["its groups as above"]);
}

#[test]
fn long_names_do_not_widen_thousands_of_rows() {
    let mut builder = Builder::new("amd64");
    let mut buildpacks = vec![json!({"id": "x".repeat(100_000), "version": "y".repeat(100_000)})];
    buildpacks.extend((0..5000).map(|at| json!({"id": format!("acme/{at}"), "version": "1"})));
    builder.metadata()["buildpacks"] = json!(buildpacks);
    let sandbox = sandbox_of(&[builder]);
    let (run, _) = inspected(&sandbox, &["out.oci"]);
    assert!(overview(&run).len() < 5_000_000, "{} bytes", run.stdout.len());
}

#[test]
fn long_remarks_are_not_told_at_thousands_of_members() {
    let mut builder = Builder::new("amd64");
    let one = &mut builder.labels[LAYERS]["acme/one"]["1.0.0"];
    one["homepage"] = json!("h".repeat(1_000_000));
    one["targets"] = json!(vec![json!({"os": "o".repeat(1000), "arch": ""}); 1000]);
    builder.labels[ORDER] = json!([{"group": vec![json!({"id": "acme/one"}); 10_000]}]);
    let sandbox = sandbox_of(&[builder]);
    let (run, _) = inspected(&sandbox, &["out.oci"]);
    let text = overview(&run);
    assert_eq!(text.matches("─ acme/one@1.0.0\n").count(), 10_000);
    assert!(text.len() < 5_000_000, "{} bytes", text.len());
}

#[test]
fn a_platform_of_a_megabyte() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("out.oci"));
    let mut builder = Builder::new("amd64");
    let buildpacks: Vec<Value> = (0..2000)
        .map(|at| json!({"id": format!("acme/{at}"), "version": "1"}))
        .collect();
    builder.metadata()["buildpacks"] = json!(buildpacks);
    let [first, mut second] = [builder, Builder::new("arm64")].map(|builder| builder.write(&maker));
    second["platform"]["os"] = json!("o".repeat(1_000_000));
    finish(&maker, &[named(index_of(&maker, &[second, first]), "1")]);
    let (run, _) = inspected(&sandbox, &["out.oci"]);
    assert_has(&overview(&run), &["builder for linux/amd64\n"]);
}

#[test]
fn names_that_would_steer_a_terminal() {
    let mut builder = Builder::new("amd64");
    let hostile = "a\u{1b}[2J\n├─ Lifecycle: forged\r\u{202e}";
    let metadata = builder.metadata();
    metadata["createdBy"] = json!({"name": hostile, "version": hostile});
    metadata["lifecycle"]["version"] = json!(hostile);
    metadata["lifecycle"]["apis"]["buildpack"]["supported"] = json!([hostile]);
    metadata["images"] = json!([{"image": hostile, "mirrors": [hostile]}]);
    metadata["buildpacks"][0] = json!({"id": hostile, "version": hostile, "name": hostile, "homepage": hostile});
    builder.labels[ORDER] = json!([{"group": [{"id": hostile}]}]);
    builder.labels[SYSTEM] = json!({"pre": {"buildpacks": [{"id": hostile}]}});
    builder.labels[STACK] = json!(hostile);
    let (text, _) = told(&[builder]);
    assert!(!text.contains(['\u{1b}', '\r', '\u{202e}']), "{text}");
    let forged = |line: &str| line.trim_start_matches([' ', '│']).starts_with("├─ Lifecycle: forged");
    assert!(!text.lines().any(forged), "{text}");
}
