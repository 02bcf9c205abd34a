//! The golden cases: what `pack` makes of an input is what this tool makes of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use toml::de::DeTable;

use crate::support::layout_view::{
    IMAGE_NAME, ImageView, IndexView, LayoutView, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, REF_NAME, TarEntry, array, text,
};
use crate::support::test_tree::make_tree;
use crate::support::{Run, Sandbox};

/// The moment in every image where nothing else is said.
const CREATED: &str = "1980-01-01T00:00:01Z";

/// All cases of the folder, each run once.
static CASES: LazyLock<Vec<Packaged>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    assert!(paths.len() >= 10, "there are only {} golden cases", paths.len());
    paths.iter().map(|path| package(path)).collect()
});

/// A case that was run, and what is in its layout.
struct Packaged {
    name: String,
    case: Value,
    run: Run,
    index_file: Value,
    image_index: IndexView,
}

/// The reference in the command of a case, and the tag in it.
fn reference_and_tag(case: &Value) -> (&str, &str) {
    let reference = case["command"][2].as_str().unwrap();
    (reference, reference.rsplit_once(':').unwrap().1)
}

fn package(path: &Path) -> Packaged {
    let case: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let sandbox = Sandbox::new();
    make_tree(sandbox.path(), array(&case, "tree"));
    let mut args: Vec<_> = array(&case, "command").iter().map(|a| a.as_str().unwrap()).collect();
    args.extend(["--layout", "OUT"]);
    let run = sandbox.airpack(&args);
    run.ok();
    let layout = LayoutView::open(sandbox.join("OUT"));
    layout.check_whole();
    Packaged {
        name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
        run,
        index_file: layout.index_file().clone(),
        image_index: layout.image_index(reference_and_tag(&case).1),
        case,
    }
}

/// Runs `differences` over all cases and reports what it finds, case by case.
#[track_caller]
fn check_cases(differences: impl Fn(&Packaged) -> Vec<String>) {
    let mut report = String::new();
    for case in CASES.iter() {
        let found = differences(case);
        if !found.is_empty() {
            report += &format!("{} differs:\n  {}\n", case.name, found.join("\n  "));
        }
    }
    assert!(report.is_empty(), "{report}");
}

#[test]
fn images_are_those_that_pack_makes() {
    check_cases(|case| {
        let mut differences = Differences::of(&case.case);
        let found = &case.image_index.children;
        let expected = array(&case.case["expect"], "images");
        differences.compare("number of images", &expected.len().into(), &found.len().into());
        let entries = entries_by_diff_id(expected);
        for (expected, found) in expected.iter().zip(found) {
            differences.image(&entries, expected, found);
        }
        differences.found
    });
}

#[test]
fn where_no_target_names_an_architecture_it_is_amd64() {
    let mut count = 0;
    for case in CASES.iter() {
        let expected = array(&case.case["expect"], "images");
        for (expected, found) in expected.iter().zip(&case.image_index.children) {
            if expected["platform"]["architecture"] == "*" {
                count += 1;
                let platform = json!({"os": "linux", "architecture": "amd64"});
                assert_eq!(found.descriptor["platform"], platform, "{}", case.name);
                assert_eq!(found.config["os"], "linux", "{}", case.name);
                assert_eq!(found.config["architecture"], "amd64", "{}", case.name);
                case.run.stderr_has("warning: ").stderr_has("--target");
            }
        }
    }
    assert!(
        count >= 2,
        "only {count} images without an architecture among the cases"
    );
}

#[test]
fn created_is_the_same_moment_everywhere_and_each_layer_has_a_history() {
    check_cases(|case| {
        let mut differences = Differences::default();
        for image in &case.image_index.children {
            let platform = image.platform();
            let history = array(&image.config, "history");
            let (layers, entries) = (image.layers.len(), history.len());
            differences.compare(&format!("{platform} history"), &layers.into(), &entries.into());
            for moment in history.iter().chain([&image.config]) {
                differences.compare(&format!("{platform} created"), &CREATED.into(), &moment["created"]);
            }
        }
        differences.found
    });
}

#[test]
fn the_printed_digest_is_the_one_in_index_json() {
    for case in CASES.iter() {
        assert_eq!(
            case.run.digest(),
            case.image_index.descriptor["digest"],
            "{}",
            case.name
        );
    }
}

#[test]
fn index_json_has_one_nested_index_with_a_tag_and_a_full_name() {
    check_cases(|case| {
        let mut differences = Differences::default();
        let (reference, tag) = reference_and_tag(&case.case);
        let file = &case.index_file;
        differences.compare("schemaVersion", &2.into(), &file["schemaVersion"]);
        differences.compare("mediaType", &OCI_INDEX.into(), &file["mediaType"]);
        let [entry] = array(file, "manifests") else {
            return vec![format!("not one entry: {file:#}")];
        };
        let expected = json!({
            "mediaType": OCI_INDEX,
            "digest": case.run.digest(),
            "size": entry["size"],
            "annotations": {REF_NAME: tag, IMAGE_NAME: reference},
        });
        differences.compare("the entry", &expected, entry);
        differences.found
    });
}

#[test]
fn only_oci_media_types_are_written() {
    check_cases(|case| {
        let mut differences = Differences::default();
        let image_index = &case.image_index;
        differences.compare("index", &OCI_INDEX.into(), &image_index.index["mediaType"]);
        for child in &image_index.children {
            let manifest = &child.manifest;
            differences.compare("child", &OCI_MANIFEST.into(), &child.descriptor["mediaType"]);
            differences.compare("manifest", &OCI_MANIFEST.into(), &manifest["mediaType"]);
            differences.compare("config", &OCI_CONFIG.into(), &manifest["config"]["mediaType"]);
            for layer in array(manifest, "layers") {
                let gzip = json!("application/vnd.oci.image.layer.v1.tar+gzip");
                differences.compare("layer", &gzip, &layer["mediaType"]);
            }
        }
        differences.found
    });
}

#[test]
fn manifest_and_index_are_annotated_from_buildpack_toml() {
    check_cases(|case| {
        let mut differences = Differences::default();
        let expected = annotations_of(buildpack_toml(&case.case));
        let image_index = &case.image_index;
        differences.compare("index", &expected, &image_index.index["annotations"]);
        for child in &image_index.children {
            differences.compare(&child.platform(), &expected, &child.manifest["annotations"]);
        }
        differences.found
    });
}

#[test]
fn children_for_a_distro_name_it_in_their_annotations() {
    let mut count = 0;
    for case in CASES.iter() {
        let toml = DeTable::parse(buildpack_toml(&case.case)).unwrap().into_inner();
        let targets = toml.get("targets").and_then(|targets| targets.get_ref().as_array());
        let distros: Vec<_> = targets
            .into_iter()
            .flatten()
            .filter_map(|target| target.get_ref().get("distros")?.get_ref().as_array())
            .flatten()
            .map(|distro| ["name", "version"].map(|key| distro.get_ref()[key].get_ref().as_str().unwrap()))
            .collect();
        for ([name, version], child) in distros.iter().zip(&case.image_index.children) {
            count += 1;
            let annotations = &child.descriptor["annotations"];
            assert_eq!(annotations["io.buildpacks.base.distro.name"], *name, "{}", case.name);
            assert_eq!(
                annotations["io.buildpacks.base.distro.version"], *version,
                "{}",
                case.name
            );
            assert_eq!(child.config["os.version"], *version, "{}", case.name);
        }
    }
    assert!(count >= 4, "only {count} images for a distro among the cases");
}

/// Gathers what is not as expected.
#[derive(Default)]
struct Differences {
    /// Fields of `expect` where pack's answer is not compared.
    skipped: Vec<String>,
    found: Vec<String>,
}

impl Differences {
    fn of(case: &Value) -> Self {
        let differs = &case["airpack_differs"];
        let skipped = array(differs, "pack_fields_to_skip")
            .iter()
            .chain(array(differs, "not_compared"))
            .map(|field| field.as_str().unwrap().to_owned())
            .collect();
        Self {
            skipped,
            found: Vec::new(),
        }
    }

    fn compare(&mut self, what: &str, expected: &Value, found: &Value) {
        if expected != "*" && expected != found {
            self.found
                .push(format!("{what}:\n    expected {expected}\n    found    {found}"));
        }
    }

    fn skips(&self, field: &str) -> bool {
        self.skipped.iter().any(|skipped| skipped == field)
    }

    fn image(&mut self, entries: &BTreeMap<&str, &Value>, expected: &Value, found: &ImageView) {
        let name = found.platform();
        if !self.skips("platform") {
            let platform = found.descriptor["platform"].as_object().cloned().unwrap_or_default();
            self.fields(
                &format!("{name} platform"),
                "platform",
                &expected["platform"],
                &platform,
            );
            for field in expected["platform"].as_object().unwrap().keys() {
                let what = format!("{name} {field} of the config");
                self.compare(&what, &expected["platform"][field], &found.config[field]);
            }
        }
        let config = config_fields(&found.config);
        self.fields(&format!("{name} config"), "config", &expected["config"], &config);
        let labels = found
            .labels()
            .into_iter()
            .map(|(key, text)| (key, text.into()))
            .collect();
        self.fields(&format!("{name} labels"), "labels", &expected["labels"], &labels);
        if !self.skips("layers") {
            self.layers(&name, entries, expected, found);
        }
    }

    /// Every field on either side.
    fn fields(&mut self, what: &str, kind: &str, expected: &Value, found: &Map<String, Value>) {
        let expected = expected.as_object().unwrap();
        let added = found.keys().filter(|key| !expected.contains_key(*key));
        for key in expected.keys().chain(added) {
            if self.skips(&format!("{kind}.{key}")) {
                continue;
            }
            let field = |fields: &Map<String, Value>| fields.get(key).cloned().unwrap_or_default();
            self.compare(&format!("{what} {key}"), &field(expected), &field(found));
        }
    }

    fn layers(&mut self, name: &str, entries: &BTreeMap<&str, &Value>, expected: &Value, found: &ImageView) {
        let mut diff_ids: Vec<_> = array(expected, "layers")
            .iter()
            .map(|layer| text(layer, "diff_id"))
            .collect();
        let mut layers: Vec<_> = found.layers.iter().collect();
        if expected["layer_order_matters"] == false {
            diff_ids.sort_unstable();
            layers.sort_by(|a, b| a.diff_id.cmp(&b.diff_id));
        }
        let found_ids: Vec<_> = layers.iter().map(|layer| layer.diff_id.as_str()).collect();
        self.compare(&format!("{name} diff_ids"), &json!(diff_ids), &json!(found_ids));
        self.compare(
            &format!("{name} rootfs.type"),
            &"layers".into(),
            &found.config["rootfs"]["type"],
        );
        for (diff_id, layer) in diff_ids.iter().zip(layers) {
            let expected = entries[diff_id].as_array().unwrap();
            let found: Vec<_> = layer.entries.iter().map(entry_json).collect();
            let what = format!("{name} number of entries");
            self.compare(&what, &expected.len().into(), &found.len().into());
            for (expected, found) in expected.iter().zip(&found) {
                self.compare(&format!("{name} entry"), expected, found);
            }
        }
    }
}

/// The entries of every layer, which are listed where the layer is first named.
fn entries_by_diff_id(images: &[Value]) -> BTreeMap<&str, &Value> {
    let mut entries = BTreeMap::new();
    for layer in images.iter().flat_map(|image| array(image, "layers")) {
        assert!(layer["compare"].is_null(), "this way to compare is not known: {layer}");
        if layer["entries"].is_array() {
            entries.insert(text(layer, "diff_id"), &layer["entries"]);
        }
    }
    entries
}

/// An entry as the cases write it.
fn entry_json(entry: &TarEntry) -> Value {
    let mut shown = json!({
        "name": entry.name(),
        "type": entry.kind,
        "mode": format!("{:04o}", entry.mode),
        "uid": entry.uid,
        "gid": entry.gid,
        "size": entry.size,
        "mtime": entry.mtime,
    });
    if let Some(linkname) = &entry.linkname {
        shown["linkname"] = String::from_utf8_lossy(linkname).into();
    }
    shown
}

/// The fields that the cases list under `config`: those which are not empty, at the top and inside.
fn config_fields(config: &Value) -> Map<String, Value> {
    let top = config.as_object().unwrap().iter();
    let inside = config["config"].as_object().into_iter().flatten();
    top.filter(|(key, _)| !["config", "rootfs", "history"].contains(&key.as_str()))
        .chain(inside.filter(|(key, _)| *key != "Labels"))
        .filter(|(_, value)| !is_empty(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The `buildpack.toml` of a case, in its folder or its archive.
fn buildpack_toml(case: &Value) -> &str {
    let tree = array(case, "tree").iter();
    let archived = tree.clone().flat_map(|entry| array(&entry["tar"], "entries"));
    let file = tree
        .chain(archived)
        .find(|entry| text(entry, "path").rsplit('/').next() == Some("buildpack.toml"))
        .unwrap();
    text(file, "text")
}

/// What the `[buildpack]` table says, as annotations.
fn annotations_of(buildpack_toml: &str) -> Value {
    let keys = [
        ("name", "org.opencontainers.image.title"),
        ("version", "org.opencontainers.image.version"),
        ("homepage", "org.opencontainers.image.url"),
        ("description", "org.opencontainers.image.description"),
    ];
    let toml = DeTable::parse(buildpack_toml).unwrap().into_inner();
    let buildpack = toml["buildpack"].get_ref();
    keys.into_iter()
        .filter_map(|(key, annotation)| Some((annotation, buildpack.get(key)?.get_ref().as_str()?)))
        .collect()
}
