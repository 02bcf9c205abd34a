//! The stacks of a composite are those that all of its members support.

use serde_json::json;

use super::{CONFIG, package_into, refuse};
use crate::support::Sandbox;
use crate::support::composed::Composed;
use crate::support::composites::{composite, head, package_toml, rooted_leaf};

const ONE: &str = "acme/one@1.0.0";
const TWO: &str = "acme/two@1.0.0";

/// `comp` of two leaves with these stacks; an image where `from_image` says so.
fn comp(one: &str, two: &str, from_image: bool) -> Sandbox {
    let sandbox = Sandbox::new();
    rooted_leaf(&sandbox, "one", ONE, one);
    rooted_leaf(&sandbox, "two", TWO, two);
    package_into(&sandbox, "two.oci", "registry.test/acme/two:1", "two", &[]);
    composite(&sandbox, "comp", "acme/comp@1.0.0", &[&[ONE, "acme/two@1.0.0?"]]);
    let two = if from_image { "oci:../two.oci:1" } else { "../two" };
    package_toml(&sandbox, CONFIG, "../comp", &["../one", two], &["linux/amd64"]);
    sandbox
}

/// A `[[stacks]]` for each.
fn stacks(stacks: &[(&str, &[&str])]) -> String {
    let table = |(id, mixins): &(&str, &[&str])| {
        let quoted: Vec<_> = mixins.iter().map(|mixin| format!("\"{mixin}\"")).collect();
        format!("\n[[stacks]]\nid = \"{id}\"\nmixins = [{}]\n", quoted.join(", "))
    };
    stacks.iter().map(table).collect()
}

#[test]
fn are_what_all_have_in_common() {
    for (one, two, expected) in [
        (stacks(&[]), stacks(&[]), json!([{ "id": "*" }])),
        (
            stacks(&[("*", &[])]),
            stacks(&[("a", &["m"])]),
            json!([{ "id": "a", "mixins": ["m"] }]),
        ),
        (
            stacks(&[("a", &[]), ("b", &[])]),
            stacks(&[("b", &[]), ("c", &[])]),
            json!([{ "id": "b" }]),
        ),
        (
            stacks(&[("a", &["z", "m"])]),
            stacks(&[("a", &["b", "m"])]),
            json!([{ "id": "a", "mixins": ["b", "m", "z"] }]),
        ),
    ] {
        for from_image in [false, true] {
            let found = Composed::config(comp(&one, &two, from_image), CONFIG);
            assert_eq!(found.metadata("linux/amd64")["stacks"], expected, "{one} and {two}");
        }
    }
}

#[test]
fn none_in_common() {
    for from_image in [false, true] {
        let sandbox = comp(&stacks(&[("a", &[])]), &stacks(&[("b", &[])]), from_image);
        refuse(&sandbox, CONFIG, &["stack", "comp/buildpack.toml", "acme/two"]);
    }
}

/// A composite in between has no stacks of its own: its members count.
#[test]
fn none_in_common_with_a_member_of_a_member() {
    let sandbox = Sandbox::new();
    rooted_leaf(&sandbox, "one", ONE, &stacks(&[("a", &[])]));
    rooted_leaf(&sandbox, "two", TWO, &stacks(&[("b", &[])]));
    composite(&sandbox, "inner", "acme/inner@1.0.0", &[&[TWO]]);
    package_toml(&sandbox, "inner/package.toml", ".", &["../two"], &[]);
    composite(&sandbox, "outer", "acme/outer@1.0.0", &[&["acme/inner@1.0.0", ONE]]);
    package_toml(&sandbox, CONFIG, "../outer", &["../inner", "../one"], &["linux/amd64"]);
    refuse(&sandbox, CONFIG, &["stack", "outer/buildpack.toml", "acme/two"]);
}

#[test]
fn of_a_composite_of_composites_are_those_of_the_leaves() {
    let sandbox = Sandbox::new();
    rooted_leaf(&sandbox, "one", ONE, &stacks(&[("a", &["x"]), ("b", &[])]));
    rooted_leaf(&sandbox, "two", TWO, &stacks(&[("a", &["y"])]));
    composite(&sandbox, "inner", "acme/inner@1.0.0", &[&[TWO]]);
    package_toml(&sandbox, "inner/package.toml", ".", &["../two"], &[]);
    composite(&sandbox, "outer", "acme/outer@1.0.0", &[&["acme/inner@1.0.0", ONE]]);
    package_toml(&sandbox, CONFIG, "../outer", &["../inner", "../one"], &["linux/amd64"]);
    let found = Composed::config(sandbox, CONFIG);
    assert_eq!(
        found.metadata("linux/amd64")["stacks"],
        json!([{ "id": "a", "mixins": ["x", "y"] }])
    );
    // the composites themselves list none in the other label
    for module in ["acme/outer@1.0.0", "acme/inner@1.0.0"] {
        let fields = &crate::support::composed::modules(found.0.image("linux/amd64"))[module];
        assert!(fields["stacks"].is_null(), "{fields}");
    }
}

#[test]
fn describing_fields_are_those_of_the_composite() {
    let sandbox = comp("", "", false);
    let toml = head("acme/comp@1.0.0")
        + "name = \"A <b> & c\"\ndescription = \"both\"\nhomepage = \"https://acme.test\"\nkeywords = [\"k\"]\n"
        + &crate::support::composites::order_toml(&[&[ONE, TWO]]);
    sandbox.write("comp/buildpack.toml", toml);
    let found = Composed::config(sandbox, CONFIG);
    let expected = json!({
        "id": "acme/comp",
        "name": "A <b> & c",
        "version": "1.0.0",
        "description": "both",
        "homepage": "https://acme.test",
        "keywords": ["k"],
        "stacks": [{ "id": "*" }],
    });
    assert_eq!(found.metadata("linux/amd64"), expected);
    assert_eq!(
        found.0.index.index["annotations"]["org.opencontainers.image.title"],
        "A <b> & c"
    );
}
