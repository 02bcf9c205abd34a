//! Labels, annotations and config.

use super::{HEAD, descriptor, packaged, tree};

const LAYERS: &str = "io.buildpacks.extension.layers";
const METADATA: &str = "io.buildpacks.buildpackage.metadata";

#[test]
fn those_of_an_extension_and_no_others() {
    let packaged = packaged(&tree(&descriptor(&["linux/amd64"])), &[]);
    let image = packaged.image("linux/amd64");
    let labels = image.labels();
    let names: Vec<_> = labels.keys().map(String::as_str).collect();
    assert_eq!(names, [METADATA, LAYERS]);
    // it lists no stacks, but the key is there
    assert_eq!(
        labels[METADATA],
        "{\"id\":\"acme/ext\",\"version\":\"1.0.0\",\"stacks\":null}"
    );
    let expected = format!(
        "{{\"acme/ext\":{{\"1.0.0\":{{\"api\":\"0.10\",\"targets\":[{{\"os\":\"linux\",\"arch\":\"amd64\"}}],\
         \"layerDiffID\":\"{}\"}}}}}}",
        image.layers[0].diff_id
    );
    assert_eq!(labels[LAYERS], expected);
}

#[test]
fn all_that_describes_it_in_the_order_of_pack() {
    let toml = format!(
        "{HEAD}name = \"Ext <1>\"\nhomepage = \"https://acme.test/ext\"\ndescription = \"adds & more\"\n\
         keywords = [\"a\", \"b\"]\n\n[[extension.licenses]]\ntype = \"MIT\"\nuri = \"https://acme.test/l\"\n\
         \n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n"
    );
    let packaged = packaged(&tree(&toml), &[]).without_warnings();
    let image = packaged.image("linux/amd64");
    let labels = image.labels();
    assert_eq!(
        labels[METADATA],
        "{\"id\":\"acme/ext\",\"name\":\"Ext \\u003c1\\u003e\",\"version\":\"1.0.0\",\
         \"description\":\"adds \\u0026 more\",\"homepage\":\"https://acme.test/ext\",\"keywords\":[\"a\",\"b\"],\
         \"licenses\":[{\"Type\":\"MIT\",\"URI\":\"https://acme.test/l\"}],\"stacks\":null}"
    );
    assert!(
        labels[LAYERS].ends_with(",\"homepage\":\"https://acme.test/ext\",\"name\":\"Ext \\u003c1\\u003e\"}}}"),
        "{}",
        labels[LAYERS]
    );
}

#[test]
fn annotations_are_those_of_rfc_0130() {
    let toml = format!(
        "{HEAD}name = \"Ext <1>\"\nhomepage = \"https://acme.test/ext\"\ndescription = \"adds & more\"\n\
         \n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n"
    );
    let packaged = packaged(&tree(&toml), &[]);
    for document in [&packaged.index.index, &packaged.index.children[0].manifest] {
        let expected = serde_json::json!({
            "org.opencontainers.image.title": "Ext <1>",
            "org.opencontainers.image.version": "1.0.0",
            "org.opencontainers.image.url": "https://acme.test/ext",
            "org.opencontainers.image.description": "adds & more",
        });
        assert_eq!(document["annotations"], expected);
    }
}

#[test]
fn an_api_without_its_minor_part_gets_one() {
    let toml = descriptor(&["linux/amd64"]).replace("\"0.10\"", "\"7\"");
    let packaged = packaged(&tree(&toml), &[]);
    let labels = packaged.image("linux/amd64").labels();
    assert!(labels[LAYERS].contains("\"api\":\"7.0\""), "{}", labels[LAYERS]);
}

#[test]
fn the_config_has_nothing_but_labels() {
    let packaged = packaged(&tree(&descriptor(&["linux/amd64"])), &[]);
    let config = &packaged.image("linux/amd64").config;
    let inside: Vec<_> = config["config"].as_object().unwrap().keys().collect();
    assert_eq!(inside, ["Labels"]);
    assert_eq!(config["created"], "1980-01-01T00:00:01Z");
    let history = config["history"].as_array().unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0]["created"], "1980-01-01T00:00:01Z");
}
