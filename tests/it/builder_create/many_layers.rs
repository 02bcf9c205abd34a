//! More layers than a container runtime takes.

use serde_json::json;

use crate::support::builder::BuilderInput;

/// A builder whose images have this many layers, 8 of them on top of those of the build image.
fn with_layers(count: usize) -> BuilderInput {
    let mut input = BuilderInput::new();
    for platform in input.build["platforms"].as_array_mut().unwrap() {
        let layers = platform["layers"].as_array_mut().unwrap();
        for number in 1..count - 8 {
            layers.push(json!([{"path": format!("file-{number}"), "type": "file", "text": "x\n"}]));
        }
    }
    input
}

#[test]
fn are_a_warning_from_110_on() {
    let built = with_layers(109).created(&[]).without_warnings();
    assert_eq!(built.image("linux/amd64").layers.len(), 109);
    for count in [110, 127, 128] {
        let built = with_layers(count)
            .created(&[])
            .warned(&["layers", "127", "linux/amd64"]);
        assert_eq!(built.image("linux/amd64").layers.len(), count);
        let built = built.warned(&[&count.to_string()]);
        assert!(built.0.run.stderr.contains("linux/arm64"));
    }
}

#[test]
fn are_an_error_where_warnings_are() {
    with_layers(110).refused(&["--strict"]).stderr_has("layers");
}
