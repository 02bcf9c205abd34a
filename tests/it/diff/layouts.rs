//! Layouts with several images, name by name.

use serde_json::json;

use super::{Sandbox, has, json as report, lacks, text};
use crate::support::images::{finish, index, named};
use crate::support::layout_maker::LayoutMaker;

/// A layout with an image for each name, of this seed.
fn layout(sandbox: &Sandbox, path: &str, images: &[(&str, &str)]) {
    let maker = LayoutMaker::new(&sandbox.join(path));
    let entries: Vec<_> = images
        .iter()
        .map(|(name, seed)| named(index(&maker, seed), name))
        .collect();
    finish(&maker, &entries);
}

#[test]
fn names_are_paired() {
    let sandbox = Sandbox::new();
    let [one, two, three] = ["one", "two", "three"].map(|name| format!("registry.test/acme/{name}:1"));
    layout(&sandbox, "a.oci", &[(&one, "a"), (&two, "b")]);
    layout(&sandbox, "b.oci", &[(&two, "c"), (&three, "d")]);
    let text = text(&sandbox, &["a.oci", "b.oci"], 3);
    has(
        &text,
        &[&format!("- {one} (sha256:"), &format!("+ {three} (sha256:"), &two],
    );
    let report = report(&sandbox, &["a.oci", "b.oci"]);
    assert_eq!(report["removed"][0]["name"], one.as_str());
    assert_eq!(report["added"][0]["name"], three.as_str());
    assert_eq!(report["changed"][0]["name"], two.as_str());
    assert_eq!(report["changed"].as_array().unwrap().len(), 1);
    assert_eq!(report["sameness"], "none");
}

#[test]
fn layouts_that_are_the_same() {
    let sandbox = Sandbox::new();
    let images = [("registry.test/acme/one:1", "a"), ("registry.test/acme/two:1", "b")];
    layout(&sandbox, "a.oci", &images);
    layout(&sandbox, "b.oci", &images);
    has(&text(&sandbox, &["a.oci", "b.oci"], 0), &["the same"]);
    assert_eq!(report(&sandbox, &["a.oci", "b.oci"])["changed"], json!([]));
}

#[test]
fn one_image_against_a_layout_of_several() {
    let sandbox = Sandbox::new();
    let images = [("registry.test/acme/one:1", "a"), ("registry.test/acme/two:2", "b")];
    layout(&sandbox, "a.oci", &images);
    layout(&sandbox, "b.oci", &images[..1]);
    // the one of the same name
    has(&text(&sandbox, &["a.oci:1", "a.oci"], 0), &["the same"]);
    // two tags of one layout
    let text = text(&sandbox, &["a.oci:1", "a.oci:2"], 3);
    has(&text, &["linux/amd64: sha256", "linux/arm64: sha256"]);
    lacks(&text, &["platforms"]);
    let run = sandbox.airpack(&["diff", "a.oci:2", "b.oci"]);
    // one against one: whatever it is called
    run.ok();
}
