//! Faults of the order: every entry has a version and a module, every dependency is used, nothing needs itself.

use super::{CONFIG, compose_into, points_at_dependency, refuse};
use crate::support::Sandbox;
use crate::support::composites::{
    BOTH, COMP, comp_of_two, composite, head, leaf, line_of, one_and_two, order_toml, package_toml, targets_toml,
};
use crate::support::refused::{points_at, points_into, refused};

/// A composite of the folders `one` and `two` whose `buildpack.toml` ends like this.
fn comp_that_ends(order: &str) -> (Sandbox, String) {
    let sandbox = comp_of_two();
    let toml = head("acme/comp@1.0.0") + order;
    sandbox.write("comp/buildpack.toml", &toml);
    (sandbox, toml)
}

const GROUP: &str = "
[[order]]

[[order.group]]
id = \"acme/one\"
version = \"1.0.0\"

[[order.group]]
id = \"acme/two\"
version = \"1.0.0\"
";

#[test]
fn an_entry_without_version() {
    let (sandbox, toml) = comp_that_ends(&GROUP.replacen("version = \"1.0.0\"\n", "", 1));
    let run = refuse(&sandbox, "comp/package.toml", &["version"]);
    let line = line_of(&toml, "acme/one");
    points_into(&run, "buildpack.toml", line - 1..=line);
}

#[test]
fn an_entry_without_id() {
    let (sandbox, _) = comp_that_ends(&GROUP.replacen("id = \"acme/one\"\n", "", 1));
    let run = refuse(&sandbox, "comp/package.toml", &["id"]);
    points_into(&run, "buildpack.toml", 9..=10);
}

#[test]
fn a_group_without_entries() {
    for order in ["\n[[order]]\n", "\n[[order]]\ngroup = []\n"] {
        let (sandbox, _) = comp_that_ends(&(order.to_owned() + GROUP));
        let run = refuse(&sandbox, "comp/package.toml", &["group"]);
        points_into(&run, "buildpack.toml", 7..=8);
    }
}

#[test]
fn an_entry_that_no_dependency_has() {
    for (from, to) in [("acme/one", "acme/none"), ("1.0.0", "1.0.1")] {
        let order =
            GROUP.replacen(from, to, 1) + "\n[[order]]\n\n[[order.group]]\nid = \"acme/one\"\nversion = \"1.0.0\"\n";
        let (sandbox, _) = comp_that_ends(&order);
        let run = refuse(&sandbox, "comp/package.toml", &[to]);
        // the entry that is meant, not the other that is right
        points_into(&run, "buildpack.toml", 9..=11);
    }
}

#[test]
fn an_optional_entry_that_no_dependency_has_is_a_fault_too() {
    let sandbox = comp_of_two();
    composite(
        &sandbox,
        "comp",
        "acme/comp@1.0.0",
        &[&["acme/one@1.0.0", "acme/two@1.0.0", "acme/none@1.0.0?"]],
    );
    refuse(&sandbox, "comp/package.toml", &["acme/none"]);
}

#[test]
fn a_dependency_that_nothing_uses() {
    let sandbox = comp_of_two();
    leaf(&sandbox, "three", "acme/three@1.0.0", &BOTH);
    package_toml(
        &sandbox,
        "comp/package.toml",
        ".",
        &["../one", "../three", "../two"],
        &BOTH,
    );
    let run = refuse(&sandbox, "comp/package.toml", &["acme/three"]);
    points_at_dependency(&run, "comp/package.toml", 1);
}

#[test]
fn an_image_that_nothing_uses() {
    let sandbox = comp_of_two();
    compose_into(
        &sandbox,
        "comp.oci",
        "registry.test/acme/comp:1",
        "comp/package.toml",
        &[],
    );
    leaf(&sandbox, "three", "acme/three@1.0.0", &BOTH);
    composite(&sandbox, "outer", "acme/outer@1.0.0", &[&["acme/three@1.0.0"]]);
    package_toml(&sandbox, CONFIG, "../outer", &["../three", "oci:../comp.oci:1"], &BOTH);
    let run = refuse(&sandbox, CONFIG, &["acme/comp"]);
    points_at_dependency(&run, CONFIG, 1);
}

#[test]
fn one_dependency_named_twice() {
    for second in ["../one", "../comp/../one"] {
        let sandbox = comp_of_two();
        package_toml(&sandbox, "comp/package.toml", ".", &["../one", "../two", second], &BOTH);
        let run = super::run_config(&sandbox, "comp/package.toml", "out.oci", &[]);
        // it is the same content: not contradictory, whatever else may be said of it
        assert!(run.code == 0 || run.stderr.contains("acme/one"), "{run}");
        run.stderr_lacks("different content");
    }
}

#[test]
fn a_composite_that_needs_itself() {
    let sandbox = comp_of_two();
    composite(
        &sandbox,
        "comp",
        "acme/comp@1.0.0",
        &[&["acme/one@1.0.0", "acme/two@1.0.0", "acme/comp@1.0.0"]],
    );
    refuse(&sandbox, "comp/package.toml", &["acme/comp@1.0.0"]);
}

/// Each needs the next, the last the first again; each `package.toml` leads on.
#[test]
fn composites_that_need_each_other() {
    for length in [2, 3, 7] {
        let sandbox = Sandbox::new();
        for number in 0..length {
            let next = (number + 1) % length;
            let folder = format!("c{number}");
            composite(
                &sandbox,
                &folder,
                &format!("acme/c{number}@1.0.0"),
                &[&[&format!("acme/c{next}@1.0.0")]],
            );
            package_toml(
                &sandbox,
                &format!("{folder}/package.toml"),
                ".",
                &[&format!("../c{next}")],
                &BOTH,
            );
        }
        let run = refuse(&sandbox, "c0/package.toml", &[]);
        for number in 0..length {
            run.stderr_has(&format!("acme/c{number}@1.0.0"));
        }
    }
}

/// The same with all of them among the dependencies of the first.
#[test]
fn composites_that_need_each_other_side_by_side() {
    let sandbox = Sandbox::new();
    one_and_two(&sandbox);
    composite(&sandbox, "a", "acme/a@1.0.0", &[&["acme/one@1.0.0", "acme/b@1.0.0?"]]);
    composite(&sandbox, "b", "acme/b@1.0.0", &[&["acme/two@1.0.0", "acme/a@1.0.0"]]);
    composite(&sandbox, "outer", "acme/outer@1.0.0", &[&["acme/a@1.0.0"]]);
    package_toml(
        &sandbox,
        CONFIG,
        "../outer",
        &["../a", "../b", "../one", "../two"],
        &BOTH,
    );
    refuse(&sandbox, CONFIG, &["acme/a@1.0.0", "acme/b@1.0.0"]);
}

#[test]
fn an_order_excludes_targets_and_stacks() {
    for (more, key) in [
        (targets_toml(&BOTH), "targets"),
        ("\n[[stacks]]\nid = \"*\"\n".to_owned(), "stacks"),
    ] {
        let (sandbox, toml) = comp_that_ends(&(order_toml(COMP) + &more));
        let run = refuse(&sandbox, "comp/package.toml", &[key]);
        points_into(&run, "buildpack.toml", 7..=toml.lines().count());
    }
}

#[test]
fn all_faults_at_once() {
    let order = "
[[order]]

[[order.group]]
id = \"acme/none\"
version = \"1.0.0\"

[[order.group]]
id = \"acme/one\"
version = \"1.0.0\"

[[order]]

[[order.group]]
id = \"acme/neither\"
version = \"2.0.0\"
";
    let (sandbox, toml) = comp_that_ends(order);
    let run = refuse(
        &sandbox,
        "comp/package.toml",
        &["acme/none", "acme/neither", "acme/two"],
    );
    for id in ["acme/none", "acme/neither"] {
        let line = line_of(&toml, id);
        points_into(&run, "buildpack.toml", line - 1..=line + 1);
    }
    // nothing uses it
    points_at_dependency(&run, "comp/package.toml", 1);
}

#[test]
fn all_faults_of_the_file_at_once() {
    let order = "
[[order]]

[[order.group]]
id = \"acme/one\"

[[order.group]]
version = \"1.0.0\"

[[order]]

[[order.group]]
id = \"ac me/two\"
version = 5
";
    let (sandbox, _) = comp_that_ends(order);
    let run = refuse(&sandbox, "comp/package.toml", &["version", "id"]);
    points_into(&run, "buildpack.toml", 9..=10);
    points_into(&run, "buildpack.toml", 12..=13);
    points_at(&run, "buildpack.toml", 19);
}

#[test]
fn an_extension_is_no_dependency() {
    let sandbox = comp_of_two();
    let toml = "api = \"0.10\"\n\n[extension]\nid = \"acme/two\"\nversion = \"1.0.0\"\n";
    sandbox.write("extension/extension.toml", toml);
    sandbox.executable("extension/bin/generate", "#!/bin/sh\n");
    sandbox.executable("extension/bin/detect", "#!/bin/sh\n");
    package_toml(&sandbox, "comp/package.toml", ".", &["../one", "../extension"], &BOTH);
    let run = refuse(&sandbox, "comp/package.toml", &["extension"]);
    points_at_dependency(&run, "comp/package.toml", 1);
}

#[test]
fn without_package_toml_nothing_is_known_of_its_modules() {
    let sandbox = comp_of_two();
    let run = refused(&sandbox, &["--path", "comp"]);
    run.stderr_has("acme/comp").stderr_has("--config");
}
