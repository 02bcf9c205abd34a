//! The TOML files in a builder, byte for byte as pack writes them, and the labels that say the same.

use crate::support::builder::{BuilderInput, ORDER, ORDER_EXTENSIONS};
use crate::support::composites::{BOTH, leaf};
use crate::support::layout_view::text;

/// A builder with this in the place of its `[[order]]`.
fn with_order(order: &str) -> BuilderInput {
    let input = BuilderInput::new();
    let (before, rest) = input.toml.split_once("[[order]]\n").unwrap();
    let (_, after) = rest.split_once("[build]\n").unwrap();
    let toml = format!("{before}{order}\n[build]\n{after}");
    BuilderInput { toml, ..input }
}

#[test]
fn several_groups() {
    let order = "[[order]]\n[[order.group]]\nid = \"acme/two\"\n\n[[order]]\n[[order.group]]\nid = \"acme/one\"\n\
                 [[order.group]]\nid = \"acme/two\"\noptional = false\n";
    let built = with_order(order).created(&[]).without_warnings();
    let expected = "[[order]]

  [[order.group]]
    id = \"acme/two\"
    version = \"2.0.0\"

[[order]]

  [[order.group]]
    id = \"acme/one\"
    version = \"1.0.0\"

  [[order.group]]
    id = \"acme/two\"
    version = \"2.0.0\"
";
    for platform in BOTH {
        assert_eq!(built.file(platform, "/cnb/order.toml"), expected);
        let label = "[{\"group\":[{\"id\":\"acme/two\"}]},{\"group\":[{\"id\":\"acme/one\"},{\"id\":\"acme/two\"}]}]";
        assert_eq!(built.label(platform, ORDER), label);
    }
}

#[test]
fn exec_env_of_an_entry() {
    for written in [
        "exec-env = [\"production\", \"te\\\"st\"]",
        "exec-env = [ 'production', 'te\"st' ]",
    ] {
        let order = format!("[[order]]\n[[order.group]]\nid = \"acme/one\"\n{written}\noptional = true\n");
        let built = with_order(&order).created(&[]);
        let expected = "[[order]]

  [[order.group]]
    id = \"acme/one\"
    version = \"1.0.0\"
    exec-env = [\"production\", \"te\\\"st\"]
    optional = true
";
        assert_eq!(built.file("linux/amd64", "/cnb/order.toml"), expected);
        let label = built.json_label("linux/amd64", ORDER);
        let entry = &label[0]["group"][0];
        assert_eq!(entry["exec-env"], serde_json::json!(["production", "te\"st"]));
        assert_eq!(text(entry, "id"), "acme/one");
        // as packages write it
        let text = built.label("linux/amd64", ORDER);
        assert_eq!(
            text,
            "[{\"group\":[{\"id\":\"acme/one\",\"exec-env\":[\"production\",\"te\\\"st\"],\"optional\":true}]}]"
        );
    }
}

#[test]
fn extensions_are_always_optional_without_saying_so() {
    let input = BuilderInput::new().extension();
    let optional = BuilderInput {
        toml: input.toml.clone() + "optional = true\n",
        ..input
    };
    let built = optional.created(&[]).without_warnings();
    let toml = built.file("linux/amd64", "/cnb/order.toml");
    let expected =
        "\n[[order-extensions]]\n\n  [[order-extensions.group]]\n    id = \"acme/ext\"\n    version = \"1.0.0\"\n";
    assert!(toml.ends_with(expected), "{toml}");
    assert_eq!(
        built.label("linux/amd64", ORDER_EXTENSIONS),
        "[{\"group\":[{\"id\":\"acme/ext\"}]}]"
    );
    let plain = BuilderInput::new().extension().created(&[]);
    assert_eq!(plain.digest(), built.digest());
    assert_eq!(
        BuilderInput::new().created(&[]).label("linux/amd64", ORDER_EXTENSIONS),
        "null"
    );
}

#[test]
fn buildpacks_of_the_system() {
    const SYSTEM: &str = "io.buildpacks.buildpack.system";
    let one = "id = \"acme/one\"\noptional = true\n";
    let two = "id = \"acme/two\"\nversion = \"2.0.0\"\n";
    let [pre, post] =
        [("pre", one), ("post", two)].map(|(key, entry)| format!("[[system.{key}.buildpacks]]\n{entry}\n"));
    let of_pre = "  [system.pre]\n\n    [[system.pre.buildpacks]]\n      id = \"acme/one\"\n      version = \"1.0.0\"\n      optional = true\n";
    let of_post =
        "  [system.post]\n\n    [[system.post.buildpacks]]\n      id = \"acme/two\"\n      version = \"2.0.0\"\n";
    let label_pre = "\"pre\":{\"buildpacks\":[{\"id\":\"acme/one\",\"optional\":true}]}";
    let label_post = "\"post\":{\"buildpacks\":[{\"id\":\"acme/two\",\"version\":\"2.0.0\"}]}";
    let both = BuilderInput::new()
        .append(&pre)
        .append(&post)
        .created(&[])
        .without_warnings();
    assert_eq!(
        both.file("linux/arm64", "/cnb/system.toml"),
        format!("[system]\n{of_pre}{of_post}")
    );
    assert_eq!(
        both.label("linux/arm64", SYSTEM),
        format!("{{{label_pre},{label_post}}}")
    );
    // one of them alone
    for (table, toml) in [(&pre, of_pre), (&post, of_post)] {
        let built = BuilderInput::new().append(table).created(&[]);
        let found = built.file("linux/amd64", "/cnb/system.toml");
        assert!(found.starts_with("[system]\n") && found.contains(toml), "{found}");
        let label = built.json_label("linux/amd64", SYSTEM);
        let key = if toml == of_pre { "pre" } else { "post" };
        assert_eq!(label[key]["buildpacks"].as_array().unwrap().len(), 1, "{label}");
    }
    // none
    let built = BuilderInput::new().created(&[]);
    assert!(!built.image("linux/amd64").labels().contains_key(SYSTEM));
    assert!(!built.layers("linux/amd64").contains(&"/cnb/system.toml".to_owned()));
}

#[test]
fn several_buildpacks_of_the_system() {
    let input = BuilderInput::new()
        .buildpack("uri = \"three\"")
        .append("[[system.pre.buildpacks]]\nid = \"acme/two\"\n\n[[system.pre.buildpacks]]\nid = \"acme/three\"\nversion = \"3.0.0\"\n");
    leaf(&input.sandbox, "three", "acme/three@3.0.0", &BOTH);
    let built = input.created(&[]);
    let expected = "[system]
  [system.pre]

    [[system.pre.buildpacks]]
      id = \"acme/two\"
      version = \"2.0.0\"

    [[system.pre.buildpacks]]
      id = \"acme/three\"
      version = \"3.0.0\"
";
    assert!(built.file("linux/amd64", "/cnb/system.toml").starts_with(expected));
}

#[test]
fn versions_of_labels_are_as_written() {
    let built = BuilderInput::new().created(&[]);
    let label = "[{\"group\":[{\"id\":\"acme/one\",\"version\":\"1.0.0\"},{\"id\":\"acme/two\",\"optional\":true}]}]";
    assert_eq!(built.label("linux/amd64", ORDER), label);
}
