//! What goes with a module that is left out: entries, groups, and what only a composite that went had need of.

use super::{CONFIG, compose_into};
use crate::support::Sandbox;
use crate::support::composed::Composed;
use crate::support::composites::{BOTH, Order, composite, leaf, package_toml};

/// Leaves `one` to `three`, and `comp` with this order; `two` is for amd64 only. Gives what the image for arm64 has:
/// its modules without `acme/` and version, and the order likewise.
#[track_caller]
fn arm64(order: Order<'_>) -> (String, String) {
    let sandbox = leaves();
    composite(&sandbox, "comp", "acme/comp@1.0.0", order);
    let used = |name: &&str| {
        let module = format!("acme/{name}@1.0.0");
        order
            .iter()
            .copied()
            .flatten()
            .any(|entry| entry.trim_end_matches('?') == module)
    };
    let dependencies: Vec<_> = ["one", "two", "three"]
        .into_iter()
        .filter(used)
        .map(|name| format!("../{name}"))
        .collect();
    let dependencies: Vec<_> = dependencies.iter().map(String::as_str).collect();
    package_toml(&sandbox, CONFIG, "../comp", &dependencies, &BOTH);
    sandbox.write("config/airpack.toml", airpack_toml("acme/two"));
    let found = Composed::config(sandbox, CONFIG);
    let short = |text: &str| text.replace("acme/", "").replace("@1.0.0", "");
    (
        short(&found.modules("linux/arm64").join(" ")),
        short(&found.order("linux/arm64", "acme/comp@1.0.0")),
    )
}

fn leaves() -> Sandbox {
    let sandbox = Sandbox::new();
    for name in ["one", "two", "three"] {
        leaf(&sandbox, name, &format!("acme/{name}@1.0.0"), &BOTH);
    }
    sandbox
}

fn airpack_toml(id: &str) -> String {
    format!("[[modules]]\nid = \"{id}\"\ntargets = [\"linux/amd64\"]\n")
}

const ONE: &str = "acme/one@1.0.0";
const TWO: &str = "acme/two@1.0.0";
const THREE: &str = "acme/three@1.0.0";
const ONE_OR_NOT: &str = "acme/one@1.0.0?";
const TWO_OR_NOT: &str = "acme/two@1.0.0?";

#[test]
fn an_optional_entry_just_goes() {
    for order in [&[ONE, TWO_OR_NOT][..], &[TWO_OR_NOT, ONE]] {
        assert_eq!(arm64(&[order]), ("comp one".to_owned(), "one".to_owned()));
    }
    let found = arm64(&[&[ONE_OR_NOT, TWO_OR_NOT]]);
    assert_eq!(found.1, "one?");
}

#[test]
fn a_group_that_loses_a_mandatory_member_goes() {
    let found = arm64(&[&[ONE, TWO], &[ONE]]);
    assert_eq!(found, ("comp one".to_owned(), "one".to_owned()));
    let found = arm64(&[&[THREE], &[ONE, TWO], &[ONE]]);
    assert_eq!(found.1, "three | one");
}

/// Every module of a package is used.
#[test]
fn what_only_a_group_that_went_had_need_of_goes_too() {
    let found = arm64(&[&[ONE, TWO], &[THREE]]);
    assert_eq!(found, ("comp three".to_owned(), "three".to_owned()));
}

#[test]
fn a_group_without_entries_goes() {
    let found = arm64(&[&[TWO_OR_NOT], &[ONE]]);
    assert_eq!(found, ("comp one".to_owned(), "one".to_owned()));
    let found = arm64(&[&[ONE], &[TWO]]);
    assert_eq!(found.1, "one");
}

#[test]
fn an_entry_that_is_there_twice_goes_twice() {
    let found = arm64(&[&[TWO_OR_NOT, ONE, TWO_OR_NOT], &[THREE, TWO_OR_NOT]]);
    assert_eq!(found.1, "one | three");
}

/// `inner` takes `two` where it is there, `outer` needs `inner`.
fn nested(inner_order: Order<'_>, outer_order: Order<'_>) -> Sandbox {
    let sandbox = leaves();
    composite(&sandbox, "inner", "acme/inner@1.0.0", inner_order);
    package_toml(&sandbox, "inner/package.toml", ".", &["../one", "../two"], &BOTH);
    composite(&sandbox, "outer", "acme/outer@1.0.0", outer_order);
    sandbox
}

/// Whether `airpack.toml` belongs to the package or to the inner composite.
#[track_caller]
fn check_inner(airpack: &str) {
    let sandbox = nested(&[&[ONE, TWO_OR_NOT]], &[&["acme/inner@1.0.0"]]);
    package_toml(&sandbox, CONFIG, "../outer", &["../inner"], &BOTH);
    sandbox.write(airpack, airpack_toml("acme/two"));
    let found = Composed::config(sandbox, CONFIG);
    assert_eq!(
        found.modules("linux/arm64"),
        ["acme/inner@1.0.0", ONE, "acme/outer@1.0.0"]
    );
    assert_eq!(found.order("linux/arm64", "acme/inner@1.0.0"), ONE);
    assert_eq!(
        found.order("linux/amd64", "acme/inner@1.0.0"),
        "acme/one@1.0.0 acme/two@1.0.0?"
    );
}

#[test]
fn the_order_of_an_inner_composite_is_pruned_too() {
    check_inner("config/airpack.toml");
}

#[test]
fn an_inner_composite_has_its_own_airpack_toml() {
    check_inner("inner/airpack.toml");
}

/// The order is in the layer too, so the layer is made anew; the image is what comes of the folder.
#[test]
fn the_order_of_an_inner_composite_from_an_image_is_pruned_too() {
    let make = |inner: &str| {
        let sandbox = nested(&[&[ONE, TWO_OR_NOT]], &[&["acme/inner@1.0.0"]]);
        compose_into(
            &sandbox,
            "inner.oci",
            "registry.test/acme/inner:1",
            "inner/package.toml",
            &[],
        );
        package_toml(&sandbox, CONFIG, "../outer", &[inner], &BOTH);
        sandbox.write("config/airpack.toml", airpack_toml("acme/two"));
        Composed::config(sandbox, CONFIG)
    };
    let (from_image, from_folder) = (make("oci:../inner.oci:1"), make("../inner"));
    assert_eq!(from_image.modules("linux/arm64"), from_folder.modules("linux/arm64"));
    for module in ["acme/inner@1.0.0", ONE] {
        let [first, second] = [&from_image, &from_folder].map(|made| made.layer("linux/arm64", module));
        assert_eq!(first.diff_id, second.diff_id, "{module}");
    }
    assert_eq!(from_image.digest(), from_folder.digest());
}

/// Where it was packaged, the order could be pruned, and then it is so wherever it goes.
#[test]
fn an_inner_composite_that_was_pruned_is_so_from_an_image_too() {
    let make = |inner: &str| {
        let sandbox = nested(&[&[ONE, TWO_OR_NOT]], &[&["acme/inner@1.0.0"]]);
        sandbox.write("inner/airpack.toml", airpack_toml("acme/two"));
        compose_into(
            &sandbox,
            "inner.oci",
            "registry.test/acme/inner:1",
            "inner/package.toml",
            &[],
        );
        package_toml(&sandbox, CONFIG, "../outer", &[inner], &BOTH);
        Composed::config(sandbox, CONFIG)
    };
    let (from_image, from_folder) = (make("oci:../inner.oci:1"), make("../inner"));
    assert_eq!(
        from_image.modules("linux/arm64"),
        ["acme/inner@1.0.0", ONE, "acme/outer@1.0.0"]
    );
    assert_eq!(from_image.digest(), from_folder.digest());
}

#[test]
fn what_only_a_left_out_composite_used_goes_with_it_silently() {
    let outer: Order<'_> = &[&["acme/three@1.0.0", "acme/inner@1.0.0?"]];
    for from_image in [false, true] {
        let sandbox = nested(&[&[ONE, TWO]], outer);
        compose_into(
            &sandbox,
            "inner.oci",
            "registry.test/acme/inner:1",
            "inner/package.toml",
            &[],
        );
        let inner = if from_image { "oci:../inner.oci:1" } else { "../inner" };
        package_toml(&sandbox, CONFIG, "../outer", &["../three", inner], &BOTH);
        sandbox.write("config/airpack.toml", airpack_toml("acme/inner"));
        let found = Composed::config(sandbox, CONFIG);
        assert_eq!(
            found.modules("linux/arm64"),
            ["acme/outer@1.0.0", THREE],
            "from an image: {from_image}"
        );
        assert_eq!(found.modules("linux/amd64").len(), 5);
        found.0.without_warnings();
    }
}

#[test]
fn what_another_uses_stays() {
    let outer: Order<'_> = &[&["acme/one@1.0.0", "acme/inner@1.0.0?"]];
    let sandbox = nested(&[&[ONE, TWO]], outer);
    package_toml(&sandbox, CONFIG, "../outer", &["../one", "../inner"], &BOTH);
    sandbox.write("config/airpack.toml", airpack_toml("acme/inner"));
    let found = Composed::config(sandbox, CONFIG);
    assert_eq!(found.modules("linux/arm64"), [ONE, "acme/outer@1.0.0"]);
}

/// Its folder has nothing for arm64, and neither have the folders of what only it needs.
#[test]
fn what_goes_need_not_have_the_platform() {
    let outer: Order<'_> = &[&["acme/three@1.0.0", "acme/inner@1.0.0?"]];
    let sandbox = nested(&[&[ONE, TWO]], outer);
    for name in ["one", "two"] {
        std::fs::remove_dir_all(sandbox.join(name).join("linux/arm64")).unwrap();
    }
    package_toml(&sandbox, CONFIG, "../outer", &["../three", "../inner"], &BOTH);
    sandbox.write("config/airpack.toml", airpack_toml("acme/inner"));
    let found = Composed::config(sandbox, CONFIG);
    assert_eq!(found.modules("linux/arm64"), ["acme/outer@1.0.0", THREE]);
}
