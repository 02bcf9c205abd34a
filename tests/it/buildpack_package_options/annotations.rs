//! `--annotation`, and the annotations from `buildpack.toml`.

use super::{package, sandbox};
use crate::support::packaged::Packaged;
use crate::support::tree::descriptor;

#[test]
fn go_to_the_index_and_to_the_images() {
    let sandbox = sandbox();
    let toml = descriptor(&["linux/amd64", "linux/arm64"]).replace(
        "version = \"1.0.0\"\n",
        "version = \"1.0.0\"\nname = \"A name\"\nhomepage = \"https://acme.test\"\ndescription = \"What it <does>\"\n",
    );
    sandbox.write("bp/buildpack.toml", toml);
    let source = "org.opencontainers.image.source=https://acme.test/git?a=b";
    let args = [
        "--annotation",
        source,
        "--annotation",
        "org.opencontainers.image.revision=abc",
    ];
    let packaged = Packaged::path(sandbox, "bp", &args).without_warnings();
    let children = packaged.index.children.iter().map(|image| &image.manifest);
    for document in children.chain([&packaged.index.index]) {
        let annotation = |name: &str| document["annotations"][format!("org.opencontainers.image.{name}")].as_str();
        assert_eq!(annotation("title"), Some("A name"));
        assert_eq!(annotation("version"), Some("1.0.0"));
        assert_eq!(annotation("url"), Some("https://acme.test"));
        assert_eq!(annotation("description"), Some("What it <does>"));
        assert_eq!(annotation("source"), Some("https://acme.test/git?a=b"));
        assert_eq!(annotation("revision"), Some("abc"));
    }
}

#[test]
fn only_what_is_known_is_there() {
    let packaged = Packaged::path(sandbox(), "bp", &[]);
    let annotations = packaged.index.index["annotations"].as_object().unwrap();
    let names: Vec<_> = annotations.keys().map(String::as_str).collect();
    assert_eq!(names, ["org.opencontainers.image.version"]);
}

#[test]
fn wrong_ones() {
    let sandbox = sandbox();
    package(&sandbox, &["--annotation", "novalue"])
        .failed(2)
        .stderr_has("--annotation");
    assert!(!sandbox.join("out.oci").exists());
}
