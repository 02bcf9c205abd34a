//! What is said of other tools holds: skopeo and umoci do it, and where they do not, they do after the command that is named.

use std::path::Path;

use serde_json::{Value, json};

use super::{Sandbox, report};
use crate::support::images::{self, finish, index_of, named};
use crate::support::layout_maker::LayoutMaker;
use crate::support::layout_view::{LayoutView, OCI_INDEX, REF_NAME, text};
use crate::support::skopeo::require_skopeo;
use crate::support::tools::{Tool, require_tool};

const NAME: &str = "registry.test/acme/x:1";

/// Forms of `index.json`, and by which tags an image is asked for; an empty one is none.
fn forms() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        ("canonical", vec!["1"]),
        ("tag-only", vec!["1"]),
        ("full-name-as-tag", vec![NAME]),
        ("unnamed", vec![""]),
        ("flat", vec![""]),
        ("two-tags", vec!["1", "2"]),
        ("beside-an-unnamed", vec!["1"]),
        ("index-in-index", vec!["1"]),
        ("one-image", vec!["1"]),
        ("one-image-unnamed", vec![""]),
        ("index-of-one", vec!["1"]),
    ]
}

fn make(root: &Path, form: &str) {
    let maker = LayoutMaker::new(root);
    let children: Vec<Value> = images::ARCHITECTURES
        .iter()
        .map(|architecture| {
            let mut image = maker.image(architecture, &[("file", architecture)]);
            image["platform"] = json!({"os": "linux", "architecture": architecture});
            image
        })
        .collect();
    let bare = |descriptor: &Value| {
        let mut bare = descriptor.clone();
        bare.as_object_mut().unwrap().remove("platform");
        bare
    };
    let index = index_of(&maker, &children);
    let entries = match form {
        "canonical" => vec![named(index, NAME)],
        "tag-only" => vec![named(index, "1")],
        "full-name-as-tag" => {
            let mut entry = index;
            entry["annotations"] = json!({ REF_NAME: NAME });
            vec![entry]
        }
        "unnamed" => vec![index],
        "flat" => children,
        "two-tags" => vec![named(index, NAME), named(bare(&children[0]), "registry.test/acme/x:2")],
        "beside-an-unnamed" => vec![named(index, NAME), bare(&children[0])],
        "index-in-index" => {
            let outer = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [index]});
            vec![named(maker.json(OCI_INDEX, &outer), NAME)]
        }
        "one-image" => vec![named(bare(&children[0]), NAME)],
        "one-image-unnamed" => vec![bare(&children[0])],
        "index-of-one" => vec![named(index_of(&maker, &children[..1]), NAME)],
        other => panic!("{other}"),
    };
    finish(&maker, &entries);
}

/// What is said of a tool and the image of this tag.
fn verdict(report: &Value, consumer: &str, tag: &str) -> Value {
    let all = report["verdicts"].as_array().unwrap().iter();
    let found = all.filter(|verdict| verdict["consumer"] == consumer);
    let mut found = found.filter(|verdict| verdict["name"].is_null() || verdict["name"] == tag);
    found
        .next()
        .unwrap_or_else(|| panic!("{consumer} {tag}: {report:#}"))
        .clone()
}

/// Runs the command that a verdict names; gives the layout that it wrote and the tag in it.
fn helped(sandbox: &Sandbox, verdict: &Value, layout: &str) -> (String, String) {
    let name = "registry.test/acme/new:5";
    let command = text(verdict, "command").replace("NAME", name);
    let words: Vec<&str> = command.split(' ').collect();
    assert_eq!(words[0], "airpack", "{command}");
    sandbox.airpack(&words[1..]).ok();
    let target = ["canonical.oci", "one.oci"]
        .into_iter()
        .find(|target| command.contains(target));
    let target = target.unwrap_or(layout).to_owned();
    // a name that was there is kept, but for one that was asked for
    let tag = if command.contains(name) { "5" } else { "1" };
    (target, tag.to_owned())
}

/// Whether skopeo copies all of it.
fn skopeo_reads(sandbox: &Sandbox, tool: Tool, layout: &str, tag: &str) -> bool {
    let from = if tag.is_empty() {
        format!("oci:{layout}")
    } else {
        format!("oci:{layout}:{tag}")
    };
    let folder = tempfile::tempdir_in(sandbox.path()).unwrap();
    let to = format!("oci:{}:x", folder.path().join("copy").display());
    tool.run(sandbox, &["copy", "--all", "--quiet", &from, &to]).code == 0
}

fn umoci_reads(sandbox: &Sandbox, tool: Tool, layout: &str, tag: &str) -> bool {
    if tag.is_empty() {
        return false;
    }
    let folder = tempfile::tempdir_in(sandbox.path()).unwrap();
    let bundle = folder.path().join("bundle");
    let image = format!("{layout}:{tag}");
    let bundle = bundle.to_str().unwrap();
    tool.run(sandbox, &["unpack", "--rootless", "--image", &image, bundle])
        .code
        == 0
}

type Reads = fn(&Sandbox, Tool, &str, &str) -> bool;

fn check(consumer: &str, tool: Tool, reads: Reads) {
    for (form, tags) in forms() {
        for tag in tags {
            let sandbox = Sandbox::new();
            make(&sandbox.join("x.oci"), form);
            let verdict = verdict(&report(&sandbox, "x.oci", 0), consumer, tag);
            let is_read = reads(&sandbox, tool, "x.oci", tag);
            let said = text(&verdict, "reads");
            assert_eq!(said == "yes", is_read, "{form}:{tag}: {verdict:#}");
            if said != "yes" {
                assert!(!text(&verdict, "reason").is_empty());
                let (layout, tag) = helped(&sandbox, &verdict, "x.oci");
                assert!(reads(&sandbox, tool, &layout, &tag), "{form}: {verdict:#} did not help");
            }
        }
    }
}

#[test]
fn skopeo_does_what_is_said() {
    if require_skopeo().is_some()
        && let Some(tool) = require_tool("skopeo")
    {
        check("skopeo", tool, skopeo_reads);
    }
}

#[test]
fn umoci_does_what_is_said() {
    if let Some(tool) = require_tool("umoci") {
        check("umoci", tool, umoci_reads);
    }
}

/// The tools that are not on the machines of these tests: what was seen of them elsewhere.
#[test]
fn what_is_said_of_the_others() {
    let expected = [
        ("canonical", ["yes", "yes", "yes", "yes", "export", "export"]),
        ("tag-only", ["yes", "yes", "yes", "partly", "export", "export"]),
        ("full-name-as-tag", ["yes", "yes", "no", "yes", "export", "export"]),
        ("unnamed", ["yes", "no", "no", "partly", "export", "export"]),
        ("flat", ["partly", "no", "no", "partly", "export", "export"]),
        ("two-tags", ["no", "yes", "yes", "yes", "export", "export"]),
        ("index-in-index", ["no", "yes", "yes", "yes", "export", "export"]),
        ("one-image", ["yes", "yes", "yes", "yes", "export", "yes"]),
    ];
    let consumers = ["crane-push", "regctl", "oras", "containerd", "docker-load", "lifecycle"];
    for (form, reads) in expected {
        let sandbox = Sandbox::new();
        make(&sandbox.join("x.oci"), form);
        let tag = if form == "full-name-as-tag" { NAME } else { "1" };
        let report = report(&sandbox, "x.oci", 0);
        for (consumer, expected) in consumers.iter().zip(reads) {
            let verdict = verdict(&report, consumer, tag);
            assert_eq!(verdict["reads"], expected, "{form}, {consumer}: {verdict:#}");
            assert_eq!(
                verdict["command"].is_null(),
                expected == "yes",
                "{form}, {consumer}: {verdict:#}"
            );
        }
    }
}

#[test]
fn what_is_damaged_nobody_reads() {
    let sandbox = Sandbox::new();
    make(&sandbox.join("x.oci"), "canonical");
    let view = crate::support::layout_view::LayoutView::open(sandbox.join("x.oci"));
    let image = &view.image_index("1").children[0];
    std::fs::remove_file(view.blob_path(text(&image.layers[0].descriptor, "digest"))).unwrap();
    let report = report(&sandbox, "x.oci", 3);
    for consumer in ["skopeo", "crane-push", "regctl", "lifecycle"] {
        assert_eq!(verdict(&report, consumer, "1")["reads"], "no");
    }
}

/// Two names, and a layer that both images have: it is told once, and counts for both.
#[test]
fn what_two_images_share_is_damaged_in_both() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("x.oci"));
    let entries = ["a", "b"].map(|seed| {
        named(
            images::index(&maker, seed),
            &format!("registry.test/acme/{seed}:{seed}"),
        )
    });
    finish(&maker, &entries);
    let view = crate::support::layout_view::LayoutView::open(sandbox.join("x.oci"));
    let shared = &view.image_index("a").children[0].layers[0].descriptor;
    std::fs::remove_file(view.blob_path(text(shared, "digest"))).unwrap();
    let report = report(&sandbox, "x.oci", 3);
    assert_eq!(report["errors"], 1, "{report:#}");
    for tag in ["a", "b"] {
        assert_eq!(verdict(&report, "skopeo", tag)["reads"], "no", "{report:#}");
    }
}

#[test]
fn verdicts_count_only_when_asked_to() {
    let sandbox = Sandbox::new();
    make(&sandbox.join("x.oci"), "tag-only");
    sandbox.airpack(&["layout", "validate", "x.oci"]).ok();
    let strict = sandbox.airpack(&["layout", "validate", "x.oci", "--strict"]);
    assert_eq!(strict.code, 3, "{}", strict.stdout);
    strict
        .stdout_has("0 errors, 0 warnings, ")
        .stdout_has(" that can not read all of it (");
    // what wants another form of any image says nothing against this one
    make(&sandbox.join("y.oci"), "canonical");
    sandbox.airpack(&["layout", "validate", "y.oci", "--strict"]).ok();
}

#[test]
fn nobody_reads_an_image_whose_index_is_damaged_and_its_blobs_are_not_called_needless() {
    let sandbox = Sandbox::new();
    make(&sandbox.join("x.oci"), "canonical");
    let view = LayoutView::open(sandbox.join("x.oci"));
    let path = view.blob_path(text(view.entry("1"), "digest"));
    let length = std::fs::metadata(&path).unwrap().len();
    std::fs::write(&path, "{".repeat(usize::try_from(length).unwrap())).unwrap();
    let report = report(&sandbox, "x.oci", 3);
    for verdict in report["verdicts"].as_array().unwrap() {
        assert_eq!(verdict["reads"], "no", "{verdict:#}");
    }
    let findings = report["findings"].to_string();
    assert!(!findings.contains("layout gc"), "{findings}");
    if let Some(skopeo) = require_tool("skopeo") {
        assert!(!skopeo_reads(&sandbox, skopeo, "x.oci", "1"));
    }
}
