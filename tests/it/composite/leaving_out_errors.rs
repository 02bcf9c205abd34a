//! Faults of `[[modules]]` in `airpack.toml`.

use super::{CONFIG, comp_with, refuse};
use crate::support::composites::{BOTH, comp_of_two, composite, package_toml};
use crate::support::refused::{points_at, points_into, refused};

const GOOD: &str = "[[modules]]\nid = \"acme/two\"\ntargets = [\"linux/amd64\"]\n";

/// `comp` of the two leaves with this `airpack.toml`, whose fault is in one of the first lines up to this one.
#[track_caller]
fn check(airpack_toml: &str, line: usize, says: &[&str]) {
    for place in ["config", "comp"] {
        let sandbox = comp_of_two();
        comp_with(&sandbox, &["../one", "../two"]);
        sandbox.write(format!("{place}/airpack.toml"), airpack_toml);
        let run = refuse(&sandbox, CONFIG, says);
        points_into(&run, "airpack.toml", 1..=line);
    }
}

#[test]
fn an_id_that_no_dependency_has() {
    check(&GOOD.replace("acme/two", "acme/tow"), 2, &["acme/tow"]);
    // and of a version that none has
    let versioned = GOOD.replace("targets", "version = \"1.0.1\"\ntargets");
    check(&versioned, 3, &["acme/two", "1.0.1"]);
}

#[test]
fn keys_that_are_not_known_missing_or_of_another_type() {
    check(&(GOOD.to_owned() + "target = \"x\"\n"), 4, &["target"]);
    check("[[modules]]\nid = \"acme/two\"\n", 2, &["targets"]);
    check("[[modules]]\ntargets = [\"linux/amd64\"]\n", 2, &["id"]);
    check("[[modules]]\nid = 5\ntargets = [\"linux/amd64\"]\n", 2, &["id"]);
    check(
        "[[modules]]\nid = \"acme/two\"\ntargets = \"linux/amd64\"\n",
        3,
        &["targets"],
    );
    check(
        "[[modules]]\nid = \"acme/two\"\nversion = 1\ntargets = [\"linux/amd64\"]\n",
        3,
        &["version"],
    );
    check(
        "[modules]\nid = \"acme/two\"\ntargets = [\"linux/amd64\"]\n",
        3,
        &["modules"],
    );
    check(
        "[[module]]\nid = \"acme/two\"\ntargets = [\"linux/amd64\"]\n",
        1,
        &["module"],
    );
}

#[test]
fn targets_that_are_none() {
    for target in ["linux/x86_64", "", "linux/amd64/v1/v2", "lin ux"] {
        check(&GOOD.replace("linux/amd64", target), 3, &["airpack.toml"]);
    }
}

#[test]
fn no_group_is_left() {
    for (order, id) in [
        (&[&["acme/two@1.0.0", "acme/one@1.0.0"][..]][..], "acme/two"),
        (
            &[&["acme/one@1.0.0"], &["acme/one@1.0.0", "acme/two@1.0.0?"]],
            "acme/one",
        ),
        (
            &[&["acme/one@1.0.0?"], &["acme/one@1.0.0", "acme/two@1.0.0"]],
            "acme/one",
        ),
    ] {
        let sandbox = comp_of_two();
        std::fs::remove_file(sandbox.join("comp/package.toml")).unwrap();
        composite(&sandbox, "comp", "acme/comp@1.0.0", order);
        package_toml(&sandbox, CONFIG, "../comp", &["../one", "../two"], &BOTH);
        sandbox.write("config/airpack.toml", GOOD.replace("acme/two", id));
        // which composite has nothing left, and for which target
        refuse(&sandbox, CONFIG, &["acme/comp", "linux/arm64"]);
    }
}

#[test]
fn what_is_left_out_is_not_what_is_packaged() {
    check(&GOOD.replace("acme/two", "acme/comp"), 2, &["acme/comp"]);
}

#[test]
fn a_leaf_has_no_dependencies_to_leave_out() {
    let sandbox = comp_of_two();
    sandbox.write("one/airpack.toml", GOOD);
    let run = refused(&sandbox, &["--path", "one"]);
    points_into(&run, "airpack.toml", 1..=2);
}

#[test]
fn all_faults_at_once() {
    let sandbox = comp_of_two();
    comp_with(&sandbox, &["../one", "../two"]);
    let toml = format!(
        "wrong = 1\n\n{}\n{}",
        GOOD.replace("linux/amd64", "linux/x86_64"),
        "[[modules]]\nid = 5\n"
    );
    sandbox.write("config/airpack.toml", toml);
    let run = refuse(&sandbox, CONFIG, &["wrong", "x86_64", "targets"]);
    for line in [1, 5, 8] {
        points_at(&run, "airpack.toml", line);
    }
}
