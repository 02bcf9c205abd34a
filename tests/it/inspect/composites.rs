//! Composites as people think of them: the order as a tree, and which layer holds which buildpack.

use serde_json::Value;

use super::inspected;
use crate::support::composite::{Composite, leaf};
use crate::support::layout_view::{LayoutView, array, text};
use crate::support::packaged::texts;
use crate::support::{Run, Sandbox};

const TARGETS: [&str; 2] = ["linux/amd64", "linux/arm64"];

/// All modules of the composite below.
const MODULES: [&str; 5] = ["acme/inner", "acme/one", "acme/outer", "acme/three", "acme/two"];

/// A sandbox with `out.oci`, which holds `acme/outer`:
///
/// ```text
/// group 1: acme/inner (group: acme/one, acme/two optional), acme/three optional
/// group 2: acme/one
/// ```
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    for name in ["one", "two", "three"] {
        leaf(&sandbox, name, &format!("acme/{name}"), &TARGETS);
        // so that no two layers are of one size
        sandbox.write(format!("{name}/linux/amd64/data"), name.repeat(7));
        sandbox.write(
            format!("{name}/linux/arm64/data"),
            "no repetition here, but more to say",
        );
    }
    Composite {
        folder: "inner",
        id: "acme/inner",
        order: &[&["acme/one", "acme/two?"]],
        uris: &["../one", "../two"],
        targets: &TARGETS,
    }
    .write(&sandbox);
    Composite {
        folder: "outer",
        id: "acme/outer",
        order: &[&["acme/inner", "acme/three?"], &["acme/one"]],
        uris: &["../inner", "../one", "../two", "../three"],
        targets: &TARGETS,
    }
    .write(&sandbox);
    let args = ["registry.test/acme/outer:1.0", "--config", "outer/package.toml"];
    let args = [&["buildpack", "package"], &args[..], &["--layout", "out.oci"]].concat();
    sandbox.airpack(&args).digest();
    sandbox
}

/// The lines of the output up to the first that tells of an image's config: what stands before all details.
fn overview(run: &Run) -> Vec<&str> {
    let lines: Vec<_> = run.stdout.lines().collect();
    let details = lines.iter().position(|line| line.contains("config sha256:"));
    lines[..details.unwrap_or(lines.len())].to_vec()
}

/// How far a line is indented: where the first letter or digit is.
fn depth(line: &str) -> usize {
    line.chars().position(char::is_alphanumeric).unwrap_or_default()
}

/// Where, from a line on, the next one is that holds all these texts.
#[track_caller]
fn next(run: &Run, lines: &[&str], from: usize, texts: &[&str]) -> usize {
    let found = (from..lines.len()).find(|at| texts.iter().all(|text| lines[*at].contains(text)));
    found.unwrap_or_else(|| panic!("expected a line with {texts:?} after line {from}{run}"))
}

/// The lines of the order from the composite's on, and where the tree begins among them.
#[track_caller]
fn order_of(run: &Run) -> Vec<&str> {
    let lines: Vec<_> = run.stdout.lines().collect();
    let begin = lines.iter().position(|line| depth(line) > 0 && line.contains("order"));
    let begin = begin.unwrap_or_else(|| panic!("expected a line that begins an order{run}"));
    let rest = lines[begin + 1..].iter();
    let end = rest.take_while(|line| depth(line) > depth(lines[begin])).count();
    lines[begin..=begin + end].to_vec()
}

#[test]
fn the_order_is_a_tree() {
    let sandbox = sandbox();
    let (run, _) = inspected(&sandbox, &["out.oci:1.0"]);
    let lines = order_of(&run);
    // the groups in their order; below a composite what is in its own
    let inner = next(&run, &lines, 0, &["acme/inner@1.0.0"]);
    let one = next(&run, &lines, inner + 1, &["acme/one@1.0.0"]);
    let two = next(&run, &lines, one + 1, &["acme/two@1.0.0", "optional"]);
    let three = next(&run, &lines, two + 1, &["acme/three@1.0.0", "optional"]);
    let alone = next(&run, &lines, three + 1, &["acme/one@1.0.0"]);
    assert_eq!(depth(lines[one]), depth(lines[two]), "two of one group{run}");
    assert!(depth(lines[one]) > depth(lines[inner]), "members of a composite{run}");
    assert_eq!(depth(lines[inner]), depth(lines[three]), "two of one group{run}");
    assert_eq!(depth(lines[inner]), depth(lines[alone]), "two groups{run}");
    for mandatory in [inner, one, alone] {
        assert!(!lines[mandatory].contains("optional"), "{}{run}", lines[mandatory]);
    }
}

#[test]
fn the_order_is_told_once_where_the_platforms_share_it() {
    let sandbox = sandbox();
    let (run, _) = inspected(&sandbox, &["out.oci:1.0"]);
    let lines = overview(&run);
    let optional = lines
        .iter()
        .filter(|line| line.contains("acme/three@1.0.0") && line.contains("optional"));
    assert_eq!(optional.count(), 1, "{run}");
}

#[test]
fn targets_and_homepage_of_each() {
    let sandbox = sandbox();
    let (run, _) = inspected(&sandbox, &["out.oci:1.0"]);
    let lines = overview(&run);
    // that of the whole is among its annotations
    let own = lines.iter().any(|line| line.contains("https://acme.test/outer"));
    assert!(own, "expected that of the whole{run}");
    for name in ["one", "two", "three", "inner"] {
        let homepage = format!("https://acme.test/{name}");
        let module = format!("acme/{name}@1.0.0");
        let told = lines
            .iter()
            .any(|line| line.contains(&module) && line.contains(&homepage));
        assert!(told, "expected {homepage} before all details{run}");
    }
    let leaf = order_of(&run);
    let at = next(&run, &leaf, 0, &["acme/three@1.0.0"]);
    let below = leaf[at..].iter().take(6).copied().collect::<Vec<_>>().join("\n");
    for target in TARGETS {
        assert!(below.contains(target), "expected {target} at acme/three{run}");
    }
}

/// The digest and size of each module's layer for a platform, from the images themselves.
fn layers(sandbox: &Sandbox) -> Vec<(String, String, String, u64)> {
    let index = LayoutView::open(sandbox.join("out.oci")).image_index("1.0");
    let mut layers = Vec::new();
    for image in &index.children {
        for layer in &image.layers {
            let folder = layer.entries[0].name();
            let id = folder.rsplit('/').next().unwrap().replace('_', "/");
            let digest = text(&layer.descriptor, "digest").to_owned();
            layers.push((image.platform(), id, digest, layer.descriptor["size"].as_u64().unwrap()));
        }
    }
    layers
}

#[test]
fn which_layer_holds_which_buildpack_and_how_big_it_is() {
    let sandbox = sandbox();
    let (run, _) = inspected(&sandbox, &["out.oci:1.0"]);
    let lines = overview(&run);
    let found = layers(&sandbox);
    assert_eq!(found.len(), TARGETS.len() * MODULES.len());
    for (platform, id, digest, size) in found {
        assert!(size < 1000, "so that it is told in bytes");
        let size = format!("{size} B");
        let digest = &digest["sha256:".len()..][..12];
        // in a table or in a tree: not far from the module's name
        let told = lines.iter().enumerate().any(|(at, line)| {
            let near = lines[at..].iter().take(1 + 3 * TARGETS.len());
            let near = near.copied().collect::<Vec<_>>().join("\n");
            line.contains(&format!("{id}@1.0.0")) && near.contains(&size) && near.contains(digest)
        });
        assert!(told, "expected {id}@1.0.0 with {digest} of {size} for {platform}{run}");
    }
}

#[test]
fn the_json_has_the_module_of_every_layer() {
    let sandbox = sandbox();
    let run = sandbox.airpack(&["inspect", "out.oci:1.0", "--json"]);
    let report: Value = serde_json::from_str(&run.ok().stdout).unwrap();
    let images = array(&report["entries"][0], "manifests");
    let mut found = Vec::new();
    for image in images {
        for layer in array(image, "layers") {
            let platform = TARGETS
                .iter()
                .find(|target| image["platform"]["architecture"] == target[6..]);
            let modules = texts(layer);
            let module = MODULES.iter().find(|id| modules.contains(&format!("{id}@1.0.0")));
            let size = layer["size"].as_u64().unwrap();
            found.push((
                (*platform.unwrap()).to_owned(),
                (*module.unwrap_or_else(|| panic!("no module of {layer:#}"))).to_owned(),
                text(layer, "digest").to_owned(),
                size,
            ));
        }
    }
    assert_eq!(found, layers(&sandbox));
}

#[test]
fn a_platform_of_it() {
    let sandbox = sandbox();
    let (run, _) = inspected(&sandbox, &["out.oci:1.0", "--platform", "linux/arm64"]);
    let lines = order_of(&run);
    next(&run, &lines, 0, &["acme/three@1.0.0", "optional"]);
    let gone = layers(&sandbox)
        .into_iter()
        .filter(|(platform, _, _, _)| platform == "linux/amd64");
    for (_, id, digest, _) in gone {
        // composites have one layer for both
        if !["acme/inner", "acme/outer"].contains(&id.as_str()) {
            assert!(!run.stdout.contains(&digest[7..19]), "{id} of linux/amd64{run}");
        }
    }
}

#[test]
fn platforms_whose_orders_differ() {
    let sandbox = sandbox();
    sandbox.write(
        "outer/airpack.toml",
        "[[modules]]\nid = \"acme/three\"\ntargets = [\"linux/arm64\"]\n",
    );
    let args = ["registry.test/acme/outer:2.0", "--config", "outer/package.toml"];
    let args = [&["buildpack", "package"], &args[..], &["--layout", "out.oci"]].concat();
    sandbox.airpack(&args).digest();
    let (run, _) = inspected(&sandbox, &["out.oci:2.0", "--platform", "linux/amd64"]);
    assert!(!run.stdout.contains("acme/three@"), "{run}");
    run.stdout_has("acme/inner@1.0.0");
    let (run, _) = inspected(&sandbox, &["out.oci:2.0", "--platform", "linux/arm64"]);
    run.stdout_has("acme/three@1.0.0");
    // with both at once, each order is told
    let (run, _) = inspected(&sandbox, &["out.oci:2.0"]);
    run.stdout_has("acme/three@1.0.0");
}

#[test]
fn in_a_file() {
    let sandbox = sandbox();
    let args = [
        "outer.cnb",
        "--config",
        "outer/package.toml",
        "--format",
        "file",
        "--single",
    ];
    sandbox.airpack(&[&["buildpack", "package"], &args[..]].concat()).ok();
    let (run, _) = inspected(&sandbox, &["outer.cnb"]);
    let lines = order_of(&run);
    let inner = next(&run, &lines, 0, &["acme/inner@1.0.0"]);
    next(&run, &lines, inner + 1, &["acme/three@1.0.0", "optional"]);
}

#[test]
fn an_extension_has_no_order() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "ext/extension.toml",
        "api = \"0.10\"\n\n[extension]\nid = \"acme/ext\"\nversion = \"1.0.0\"\nhomepage = \"https://acme.test/ext\"\n\n\
         [[targets]]\nos = \"linux\"\narch = \"amd64\"\n",
    );
    sandbox.executable("ext/bin/generate", "#!/bin/sh\n");
    let args = ["registry.test/acme/ext:1.0", "--path", "ext", "--layout", "out.oci"];
    sandbox
        .airpack(&[&["extension", "package"], &args[..]].concat())
        .digest();
    let (run, json) = inspected(&sandbox, &["out.oci"]);
    run.stdout_has("acme/ext@1.0.0")
        .stdout_has("https://acme.test/ext")
        .stdout_has("bin/generate");
    assert!(!run.stdout.contains("order"), "{run}");
    assert!(json.iter().any(|text| text == "acme/ext@1.0.0"), "{json:?}");
}
