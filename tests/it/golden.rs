//! The golden cases: what `pack` makes of an input is what this tool makes of it.

mod cases;
mod differences;

use serde_json::{Value, json};
use toml::de::DeTable;

use crate::support::images::OCI_GZIP;
use crate::support::layout_maker::OCI_LAYER;
use crate::support::layout_view::{
    IMAGE_NAME, LayerView, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, REF_NAME, TarEntry, array, text,
};
use cases::{CASES, check_cases, descriptor_toml, reference_and_tag};
use differences::{Differences, entries_by_diff_id};

/// The moment in every image where nothing else is said.
const CREATED: &str = "1980-01-01T00:00:01Z";

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
                let is_given = case.given_layers.contains(text(layer, "digest"));
                let expected = if is_given { OCI_LAYER } else { OCI_GZIP };
                differences.compare("layer", &expected.into(), &layer["mediaType"]);
            }
        }
        differences.found
    });
}

#[test]
fn layers_of_given_images_are_taken_as_they_are() {
    let mut count = 0;
    for case in CASES.iter() {
        let mut missing = case.kept_layers.clone();
        count += missing.len();
        for layer in case.image_index.children.iter().flat_map(|child| &child.layers) {
            missing.remove(text(&layer.descriptor, "digest"));
        }
        assert!(missing.is_empty(), "{} has no blobs {missing:?}", case.name);
    }
    assert!(count >= 5, "only {count} layers are given by images among the cases");
}

#[test]
fn layers_are_sorted_by_the_text_of_id_and_version() {
    let mut count = 0;
    for case in CASES.iter().filter(|case| !case.is_builder()) {
        for image in &case.image_index.children {
            let modules: Vec<_> = image.layers.iter().map(modules_of).collect();
            let first: Vec<_> = modules.iter().map(|modules| modules.iter().min().unwrap()).collect();
            let is_flattened = modules.iter().any(|modules| modules.len() > 1);
            if !is_flattened {
                count += usize::from(first.len() > 1);
                assert!(first.is_sorted(), "{} {}: {first:?}", case.name, image.platform());
            }
        }
    }
    assert!(count >= 5, "only {count} images with several layers among the cases");
}

#[test]
fn manifest_and_index_are_annotated_from_the_descriptor_file() {
    check_cases(|case| {
        let mut differences = Differences::default();
        if case.is_builder() {
            return differences.found;
        }
        let expected = annotations_of(descriptor_toml(&case.case));
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
    for case in CASES.iter().filter(|case| !case.is_builder()) {
        let toml = DeTable::parse(descriptor_toml(&case.case)).unwrap().into_inner();
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

#[test]
fn builders_name_what_made_them() {
    let mut count = 0;
    for case in CASES.iter().filter(|case| case.is_builder()) {
        for child in &case.image_index.children {
            count += 1;
            let metadata: Value = serde_json::from_str(&child.labels()["io.buildpacks.builder.metadata"]).unwrap();
            let made = json!({"name": "airpack", "version": env!("CARGO_PKG_VERSION")});
            assert_eq!(metadata["createdBy"], made, "{} {}", case.name, child.platform());
        }
    }
    assert!(count >= 4, "only {count} builders among the cases");
}

/// The modules whose folders are in a layer, as `id@version` with the `/` of the id as `_`.
fn modules_of(layer: &LayerView) -> Vec<String> {
    let names = layer.entries.iter().map(TarEntry::name);
    let folders = names.filter_map(|name| match *name.split('/').collect::<Vec<_>>() {
        ["", "cnb", _, id, version] => Some(format!("{id}@{version}")),
        _ => None,
    });
    folders.collect()
}

/// What the `[buildpack]` or `[extension]` table says, as annotations.
fn annotations_of(descriptor_toml: &str) -> Value {
    let keys = [
        ("name", "org.opencontainers.image.title"),
        ("version", "org.opencontainers.image.version"),
        ("homepage", "org.opencontainers.image.url"),
        ("description", "org.opencontainers.image.description"),
    ];
    let toml = DeTable::parse(descriptor_toml).unwrap().into_inner();
    let module = ["buildpack", "extension"].iter().find_map(|kind| toml.get(*kind));
    let module = module.unwrap().get_ref();
    keys.into_iter()
        .filter_map(|(key, annotation)| Some((annotation, module.get(key)?.get_ref().as_str()?)))
        .collect()
}
