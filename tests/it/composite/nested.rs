//! Composites of composites, to any depth.

use super::compose_into;
use crate::support::Sandbox;
use crate::support::composed::Composed;
use crate::support::composites::{BOTH, comp_of_two, composite, leaf, one_and_two, package_toml};

/// The composite `outer` of `comp` and whatever `comp` has, in a folder each; `outer` names these dependencies.
fn outer(dependencies: &[&str]) -> Sandbox {
    let sandbox = comp_of_two();
    composite(&sandbox, "outer", "acme/outer@1.0.0", &[&["acme/comp@1.0.0"]]);
    package_toml(&sandbox, "outer.toml", "outer", dependencies, &BOTH);
    sandbox
}

const ALL: [&str; 4] = [
    "acme/comp@1.0.0",
    "acme/one@1.0.0",
    "acme/outer@1.0.0",
    "acme/two@1.0.0",
];

#[test]
fn package_toml_of_a_folder_is_followed() {
    let found = Composed::config(outer(&["comp"]), "outer.toml");
    for platform in BOTH {
        assert_eq!(found.modules(platform), ALL);
        assert_eq!(found.order(platform, "acme/outer@1.0.0"), "acme/comp@1.0.0");
        let inner = "acme/one@1.0.0 acme/two@1.0.0? | acme/one@1.0.0";
        assert_eq!(found.order(platform, "acme/comp@1.0.0"), inner);
    }
    found.0.without_warnings();
}

/// Its paths are relative to it, not to the one that was named.
#[test]
fn package_toml_of_a_folder_says_where_its_modules_are() {
    let sandbox = Sandbox::new();
    leaf(&sandbox, "far/away/leaf", "acme/one@1.0.0", &BOTH);
    // what the same path leads to from other places
    leaf(&sandbox, "leaf", "acme/wrong@1.0.0", &BOTH);
    leaf(&sandbox, "far/leaf", "acme/wrong@1.0.0", &BOTH);
    composite(&sandbox, "far/away/comp", "acme/comp@1.0.0", &[&["acme/one@1.0.0"]]);
    package_toml(&sandbox, "far/away/comp/package.toml", ".", &["../leaf"], &BOTH);
    composite(&sandbox, "outer", "acme/outer@1.0.0", &[&["acme/comp@1.0.0"]]);
    package_toml(&sandbox, "outer/package.toml", ".", &["../far/away/comp"], &BOTH);
    let found = Composed::config(sandbox, "outer/package.toml");
    let modules = ["acme/comp@1.0.0", "acme/one@1.0.0", "acme/outer@1.0.0"];
    assert_eq!(found.modules("linux/arm64"), modules);
}

#[test]
fn modules_among_the_dependencies_come_before_those_of_package_toml_of_a_folder() {
    // comp's own package.toml leads to folders that are not there
    let sandbox = outer(&["comp", "elsewhere/one", "elsewhere/two"]);
    for name in ["one", "two"] {
        std::fs::create_dir_all(sandbox.join("elsewhere")).unwrap();
        std::fs::rename(sandbox.join(name), sandbox.join("elsewhere").join(name)).unwrap();
    }
    let found = Composed::config(sandbox, "outer.toml");
    assert_eq!(found.modules("linux/amd64"), ALL);
}

#[test]
fn a_folder_without_package_toml_needs_its_modules_among_the_dependencies() {
    let sandbox = outer(&["comp", "one", "two"]);
    std::fs::remove_file(sandbox.join("comp/package.toml")).unwrap();
    let found = Composed::config(sandbox, "outer.toml");
    assert_eq!(found.modules("linux/amd64"), ALL);
    let sandbox = outer(&["comp", "one"]);
    std::fs::remove_file(sandbox.join("comp/package.toml")).unwrap();
    super::refuse(&sandbox, "outer.toml", &["acme/two", "acme/comp"]);
}

#[test]
fn targets_in_package_toml_of_a_folder_do_not_count() {
    let sandbox = outer(&["comp"]);
    package_toml(
        &sandbox,
        "comp/package.toml",
        ".",
        &["../one", "../two"],
        &["linux/s390x"],
    );
    let found = Composed::config(sandbox, "outer.toml");
    assert_eq!(found.0.index.platforms(), BOTH);
}

#[test]
fn composites_from_images_bring_their_modules() {
    for uri in ["oci:images.oci:1", "comp.cnb"] {
        let sandbox = outer(&[uri]);
        compose_into(
            &sandbox,
            "images.oci",
            "registry.test/acme/comp:1",
            "comp/package.toml",
            &[],
        );
        super::archive_layout(&sandbox, "images.oci", "comp.cnb");
        let found = Composed::config(sandbox, "outer.toml");
        for platform in BOTH {
            assert_eq!(found.modules(platform), ALL, "{uri}");
        }
    }
}

#[test]
fn a_module_of_the_image_of_a_composite_may_be_in_the_order_too() {
    let sandbox = comp_of_two();
    compose_into(
        &sandbox,
        "images.oci",
        "registry.test/acme/comp:1",
        "comp/package.toml",
        &[],
    );
    let order: &[&[&str]] = &[&["acme/comp@1.0.0"], &["acme/two@1.0.0"]];
    composite(&sandbox, "outer", "acme/outer@1.0.0", order);
    package_toml(&sandbox, "outer.toml", "outer", &["oci:images.oci:1"], &BOTH);
    let found = Composed::config(sandbox, "outer.toml");
    assert_eq!(found.modules("linux/amd64"), ALL);
    assert_eq!(
        found.order("linux/amd64", "acme/outer@1.0.0"),
        "acme/comp@1.0.0 | acme/two@1.0.0"
    );
}

/// A leaf, a composite of it, a composite of that, and so on, each of which has `package.toml` in its folder.
#[test]
fn ten_deep() {
    let sandbox = Sandbox::new();
    leaf(&sandbox, "c0", "acme/c0@1.0.0", &BOTH);
    for depth in 1..=10 {
        let (own, below) = (format!("acme/c{depth}@1.0.0"), format!("acme/c{}@1.0.0", depth - 1));
        let folder = format!("c{depth}");
        composite(&sandbox, &folder, &own, &[&[&below]]);
        package_toml(
            &sandbox,
            &format!("{folder}/package.toml"),
            ".",
            &[&format!("../c{}", depth - 1)],
            &BOTH,
        );
    }
    let found = Composed::config(sandbox, "c10/package.toml");
    let mut expected: Vec<_> = (0..=10).map(|depth| format!("acme/c{depth}@1.0.0")).collect();
    expected.sort();
    for platform in BOTH {
        assert_eq!(found.modules(platform), expected);
    }
}

/// Two composites have a leaf in common, which is in the image once.
#[test]
fn a_module_that_several_need_is_there_once() {
    for from_image in [false, true] {
        let sandbox = Sandbox::new();
        one_and_two(&sandbox);
        leaf(&sandbox, "three", "acme/three@1.0.0", &BOTH);
        for (name, other) in [("left", "two"), ("right", "three")] {
            let other_module = format!("acme/{other}@1.0.0");
            composite(
                &sandbox,
                name,
                &format!("acme/{name}@1.0.0"),
                &[&["acme/one@1.0.0", &other_module]],
            );
            let dependencies = ["../one", &format!("../{other}")];
            package_toml(&sandbox, &format!("{name}/package.toml"), ".", &dependencies, &BOTH);
        }
        let config = "left/package.toml";
        compose_into(&sandbox, "images.oci", "registry.test/acme/left:1", config, &[]);
        composite(
            &sandbox,
            "outer",
            "acme/outer@1.0.0",
            &[&["acme/left@1.0.0", "acme/right@1.0.0"]],
        );
        let left = if from_image { "oci:images.oci:1" } else { "left" };
        package_toml(&sandbox, "outer.toml", "outer", &[left, "right"], &BOTH);
        let found = Composed::config(sandbox, "outer.toml");
        for platform in BOTH {
            let all = ["left", "one", "outer", "right", "three", "two"].map(|name| format!("acme/{name}@1.0.0"));
            assert_eq!(found.modules(platform), all, "from an image: {from_image}");
            assert_eq!(found.layers(platform).len(), 6);
        }
    }
}

#[test]
fn two_versions_of_a_module_are_two_modules() {
    let sandbox = Sandbox::new();
    leaf(&sandbox, "old", "acme/one@1.9.0", &BOTH);
    leaf(&sandbox, "new", "acme/one@1.10.0", &BOTH);
    composite(
        &sandbox,
        "comp",
        "acme/one@2.0.0",
        &[&["acme/one@1.9.0"], &["acme/one@1.10.0"]],
    );
    package_toml(&sandbox, "comp/package.toml", ".", &["../old", "../new"], &BOTH);
    // a composite may have the id of what it is made of: only id and version together are a module
    let found = Composed::config(sandbox, "comp/package.toml");
    let layers = [["acme/one@1.10.0"], ["acme/one@1.9.0"], ["acme/one@2.0.0"]];
    for platform in BOTH {
        assert_eq!(found.layers(platform), layers);
    }
}

#[test]
fn only_a_package_toml_beside_buildpack_toml_is_followed() {
    let sandbox = outer(&["comp"]);
    std::fs::remove_file(sandbox.join("comp/package.toml")).unwrap();
    package_toml(&sandbox, "package.toml", "comp", &["one", "two"], &BOTH);
    super::refuse(&sandbox, "outer.toml", &["acme/one", "acme/two"]);
}

#[test]
fn a_leaf_has_no_use_for_dependencies() {
    let sandbox = comp_of_two();
    package_toml(&sandbox, "one.toml", "one", &["two"], &[]);
    let run = super::refuse(&sandbox, "one.toml", &["dependencies"]);
    super::points_at_dependency(&run, "one.toml", 0);
}
