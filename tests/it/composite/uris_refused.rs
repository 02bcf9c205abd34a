//! Dependencies that are known forms of elsewhere, and entries that say nothing.

use super::{CONFIG, comp_with, points_at_dependency, refuse};
use crate::support::composites::{comp_of_two, package_toml};
use crate::support::refused::{hints, points_at, points_into};

#[test]
fn a_registry_of_buildpacks() {
    for uri in ["urn:cnb:registry:acme/one@1.0.0", "urn:cnb:registry:acme/one"] {
        let sandbox = comp_of_two();
        comp_with(&sandbox, &["../two", uri]);
        let run = refuse(&sandbox, CONFIG, &[uri]);
        points_at_dependency(&run, CONFIG, 1);
        hints(&run, "airpack pull");
    }
}

#[test]
fn an_address_on_the_web() {
    for uri in ["https://acme.test/one.tgz", "http://acme.test/one.cnb"] {
        let sandbox = comp_of_two();
        comp_with(&sandbox, &[uri, "../two"]);
        let run = refuse(&sandbox, CONFIG, &[uri, "hint: "]);
        points_at_dependency(&run, CONFIG, 0);
        hints(&run, "download");
    }
}

#[test]
fn the_urn_of_a_builder() {
    for uri in [
        "urn:cnb:builder:acme/one@1.0.0",
        "from=builder:acme/one@1.0.0",
        "urn:other:thing",
        "ftp://acme.test/one",
    ] {
        let sandbox = comp_of_two();
        comp_with(&sandbox, &[uri, "../two"]);
        let run = refuse(&sandbox, CONFIG, &[uri]);
        points_at_dependency(&run, CONFIG, 0);
    }
}

#[test]
fn the_composite_itself_from_elsewhere() {
    for uri in [
        "docker://registry.test/acme/comp:1",
        "urn:cnb:registry:acme/comp",
        "https://acme.test/comp.tgz",
    ] {
        let sandbox = comp_of_two();
        package_toml(&sandbox, CONFIG, uri, &["../one", "../two"], &[]);
        let run = refuse(&sandbox, CONFIG, &[uri]);
        points_at(&run, CONFIG, 2);
    }
}

#[test]
fn an_entry_with_both_or_neither() {
    for (entry, lines) in [
        ("uri = \"../one\"\nimage = \"registry.test/acme/one:1\"\n", 4..=6),
        ("\n", 4..=5),
        ("uri = \"\"\n", 4..=5),
        ("image = \"\"\n", 4..=5),
        ("uri = 5\n", 4..=5),
        ("url = \"../one\"\n", 4..=5),
    ] {
        let sandbox = comp_of_two();
        let toml = format!("[buildpack]\nuri = \"../comp\"\n\n[[dependencies]]\n{entry}");
        sandbox.write(CONFIG, toml);
        let run = refuse(&sandbox, CONFIG, &[]);
        points_into(&run, CONFIG, lines);
    }
}

#[test]
fn dependencies_of_another_shape() {
    for toml in [
        "dependencies = [\"../one\"]\n",
        "dependencies = \"../one\"\n",
        "[dependencies]\nuri = \"../one\"\n",
    ] {
        let sandbox = comp_of_two();
        sandbox.write(CONFIG, toml.to_owned() + "[buildpack]\nuri = \"../comp\"\n");
        refuse(&sandbox, CONFIG, &["package.toml", "dependencies"]);
    }
}

#[test]
fn all_of_them_at_once() {
    let sandbox = comp_of_two();
    let dependencies = [
        "urn:cnb:registry:acme/one@1.0.0",
        "../one",
        "https://acme.test/two.tgz",
        "docker://registry.test/acme/three:1",
        "../nothing",
        "oci:../nothing.oci:1",
        "oci-archive:../nothing.tar",
        "docker-archive:../nothing-either.tar",
        "../nothing.cnb",
    ];
    comp_with(&sandbox, &dependencies);
    let run = refuse(&sandbox, CONFIG, &[]);
    for (number, dependency) in dependencies.iter().enumerate() {
        if *dependency != "../one" {
            points_at_dependency(&run, CONFIG, number);
            let told = dependency
                .rsplit(['/', ':'])
                .nth(usize::from(dependency.ends_with(":1")))
                .unwrap();
            run.stderr_has(told);
        }
    }
}

#[test]
fn what_is_a_folder_but_no_buildpack() {
    for (folder, says) in [
        ("../empty", "empty"),
        ("../images.oci", "images.oci"),
        ("..", "buildpack.toml"),
    ] {
        let sandbox = super::images_of_two();
        sandbox.folder("empty");
        comp_with(&sandbox, &[folder, "../two"]);
        let run = refuse(&sandbox, CONFIG, &[says]);
        points_at_dependency(&run, CONFIG, 0);
    }
}
