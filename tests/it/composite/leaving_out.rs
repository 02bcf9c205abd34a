//! `[[modules]]` in `airpack.toml`: a dependency, and its entries in the order, for some targets only.

use super::{CONFIG, comp_with, package_into, run_config};
use crate::support::Sandbox;
use crate::support::composed::{Composed, order_in_toml};
use crate::support::composites::{BOTH, comp_of_two, composite, head, leaf, package_toml, rooted_leaf};
use crate::support::snapshot::Snapshot;

const ONE: &str = "acme/one@1.0.0";
const TWO: &str = "acme/two@1.0.0";
const COMP: &str = "acme/comp@1.0.0";

/// Leaves out the second leaf but for amd64.
const TWO_FOR_AMD64: &str = "[[modules]]\nid = \"acme/two\"\ntargets = [\"linux/amd64\"]\n";

/// `comp` needs `one` and takes `two` where it is there; `two` has no folder for arm64.
fn two_for_amd64(airpack_toml: &str) -> Sandbox {
    let sandbox = comp_of_two();
    std::fs::remove_dir_all(sandbox.join("two/linux/arm64")).unwrap();
    comp_with(&sandbox, &["../one", "../two"]);
    sandbox.write(airpack_toml, TWO_FOR_AMD64);
    sandbox
}

#[test]
fn a_module_is_left_out_for_the_other_targets() {
    for place in ["config/airpack.toml", "comp/airpack.toml"] {
        let found = Composed::config(two_for_amd64(place), CONFIG);
        assert_eq!(found.modules("linux/amd64"), [COMP, ONE, TWO], "{place}");
        assert_eq!(found.modules("linux/arm64"), [COMP, ONE], "{place}");
        assert_eq!(
            found.order("linux/amd64", COMP),
            "acme/one@1.0.0 acme/two@1.0.0? | acme/one@1.0.0"
        );
        let arm = found.order("linux/arm64", COMP);
        assert!(
            arm == "acme/one@1.0.0 | acme/one@1.0.0" || arm == "acme/one@1.0.0",
            "{place}: {arm}"
        );
        let said = order_in_toml(&found.file("linux/arm64", COMP, "buildpack.toml"));
        assert_eq!(said, arm, "{place}: label and layer");
    }
}

#[test]
fn the_image_that_has_all_is_the_one_without_airpack_toml() {
    let sandbox = comp_of_two();
    comp_with(&sandbox, &["../one", "../two"]);
    let plain = Composed::config(sandbox, CONFIG);
    for place in ["config/airpack.toml", "comp/airpack.toml"] {
        let found = Composed::config(two_for_amd64(place), CONFIG);
        assert_eq!(
            found.image_digest("linux/amd64"),
            plain.image_digest("linux/amd64"),
            "{place}"
        );
        assert_ne!(
            found.image_digest("linux/arm64"),
            plain.image_digest("linux/arm64"),
            "{place}"
        );
    }
}

#[test]
fn sources_stay_as_they_are() {
    let sandbox = two_for_amd64("comp/airpack.toml");
    let before = Snapshot::of(sandbox.join("comp"));
    run_config(&sandbox, CONFIG, "out.oci", &[]).ok();
    before.assert_unchanged("the order was pruned");
}

/// Only what is left out goes: the rest of the file is somebody's work.
#[test]
fn comments_and_other_keys_stay_in_the_buildpack_toml_of_the_layer() {
    let toml = r#"# the licence of this file
api = "0.10"   # the newest

[buildpack]
id = "acme/comp"
version = "1.0.0"
# of the buildpack
homepage = 'https://acme.test/<comp>'

[[order]] # the first group

# one comes first
[[order.group]]
id = "acme/one"   # spaces before this
version = "1.0.0"

[[order.group]]
id = "acme/two"
version = "1.0.0"
optional = true

[[order]]
# of the second group
group = [ { id = "acme/two", version = "1.0.0", optional = true }, { id = "acme/one", version = "1.0.0" } ]

[metadata]
# of the metadata
list = [1,2,
  3]
text = """
[[order]]
id = "acme/two"
"""
[metadata."dotted.key"]
"a b" = 1979-05-27T07:32:00Z
# the last line"#;
    let sandbox = two_for_amd64("config/airpack.toml");
    sandbox.write("comp/buildpack.toml", toml);
    let found = Composed::config(sandbox, CONFIG);
    assert_eq!(found.file("linux/amd64", COMP, "buildpack.toml"), toml);
    let pruned = found.file("linux/arm64", COMP, "buildpack.toml");
    assert_eq!(order_in_toml(&pruned), "acme/one@1.0.0 | acme/one@1.0.0");
    // everything outside of the entries, and the entry that stays, letter by letter
    let (before, after) = toml.split_once("\n[[order.group]]\nid = \"acme/two\"").unwrap();
    assert!(pruned.starts_with(before), "{pruned}");
    let (_, after) = after.split_once("\n[metadata]").unwrap();
    assert!(pruned.ends_with(&format!("\n[metadata]{after}")), "{pruned}");
    assert!(pruned.contains("# of the second group"), "{pruned}");
}

#[test]
fn windows_line_ends_are_no_obstacle() {
    let toml = head(COMP)
        + "\n[[order]]\n\n[[order.group]]\nid = \"acme/one\"\nversion = \"1.0.0\"\n"
        + "\n[[order.group]]\nid = \"acme/two\"\nversion = \"1.0.0\"\noptional = true\n\n[metadata]\n# ours\nx = 1\n";
    let sandbox = two_for_amd64("config/airpack.toml");
    sandbox.write("comp/buildpack.toml", toml.replace('\n', "\r\n"));
    let found = Composed::config(sandbox, CONFIG);
    let pruned = found.file("linux/arm64", COMP, "buildpack.toml").replace("\r\n", "\n");
    assert_eq!(order_in_toml(&pruned), ONE);
    assert!(pruned.ends_with("[metadata]\n# ours\nx = 1\n"), "{pruned:?}");
    let whole = found.file("linux/amd64", COMP, "buildpack.toml");
    assert_eq!(whole, toml.replace('\n', "\r\n"));
}

#[test]
fn a_version_leaves_the_others_in() {
    let sandbox = comp_of_two();
    leaf(&sandbox, "newer", "acme/two@2.0.0", &BOTH);
    composite(&sandbox, "comp", COMP, &[&[ONE, "acme/two@1.0.0?", "acme/two@2.0.0?"]]);
    std::fs::remove_file(sandbox.join("comp/package.toml")).unwrap();
    package_toml(&sandbox, CONFIG, "../comp", &["../one", "../two", "../newer"], &BOTH);
    let with_version = TWO_FOR_AMD64.replace("targets", "version = \"2.0.0\"\ntargets");
    for (airpack_toml, order) in [
        (with_version.as_str(), "acme/one@1.0.0 acme/two@1.0.0?"),
        (TWO_FOR_AMD64, "acme/one@1.0.0"),
    ] {
        sandbox.write("config/airpack.toml", airpack_toml);
        let layout = format!("out-{}.oci", airpack_toml.len());
        run_config(&sandbox, CONFIG, &layout, &[]).ok();
        let layout = crate::support::layout_view::LayoutView::open(sandbox.join(layout));
        let index = layout.image_index("1.0");
        let arm = index.child("linux/arm64");
        crate::support::composed::check_sound(&layout, arm);
        let fields = &crate::support::composed::modules(arm)[COMP];
        assert_eq!(crate::support::composed::shown_order(&fields["order"]), order);
    }
}

#[test]
fn several_targets_and_several_modules() {
    let targets = ["linux/amd64", "linux/arm64", "linux/s390x"];
    let sandbox = Sandbox::new();
    for name in ["one", "two", "three"] {
        leaf(&sandbox, name, &format!("acme/{name}@1.0.0"), &targets);
    }
    composite(
        &sandbox,
        "comp",
        COMP,
        &[&["acme/one@1.0.0", "acme/two@1.0.0?", "acme/three@1.0.0?"]],
    );
    package_toml(&sandbox, CONFIG, "../comp", &["../one", "../two", "../three"], &targets);
    let airpack_toml = "\
[[modules]]
id = \"acme/two\"
targets = [\"linux/amd64\", \"linux/arm64\"]

[[modules]]
id = \"acme/three\"
targets = [\"linux/s390x\", \"linux/amd64\"]
";
    sandbox.write("config/airpack.toml", airpack_toml);
    let found = Composed::config(sandbox, CONFIG);
    let order = |platform: &str| found.order(platform, COMP);
    assert_eq!(order("linux/amd64"), "acme/one@1.0.0 acme/two@1.0.0? acme/three@1.0.0?");
    assert_eq!(order("linux/arm64"), "acme/one@1.0.0 acme/two@1.0.0?");
    assert_eq!(order("linux/s390x"), "acme/one@1.0.0 acme/three@1.0.0?");
}

#[test]
fn targets_are_variants_and_distros_too() {
    for (targets, own) in [
        (["linux/arm/v6", "linux/arm/v7"], "linux/arm/v7"),
        (
            ["linux/amd64:ubuntu@22.04", "linux/amd64:ubuntu@24.04"],
            "linux/amd64:ubuntu@24.04",
        ),
        (["linux/amd64:ubuntu@22.04", "linux/arm64:ubuntu@22.04"], "linux/arm64"),
        (["linux/amd64", "linux/arm/v7"], "linux/arm"),
    ] {
        let sandbox = Sandbox::new();
        rooted_leaf(&sandbox, "one", ONE, "");
        rooted_leaf(&sandbox, "two", TWO, "");
        composite(&sandbox, "comp", COMP, &[&[ONE, "acme/two@1.0.0?"]]);
        package_toml(&sandbox, CONFIG, "../comp", &["../one", "../two"], &targets);
        sandbox.write("config/airpack.toml", TWO_FOR_AMD64.replace("linux/amd64", own));
        let found = Composed::config(sandbox, CONFIG);
        let platforms = found.0.index.platforms();
        assert_eq!(found.modules(&platforms[0]), [COMP, ONE], "{own}");
        assert_eq!(found.modules(&platforms[1]), [COMP, ONE, TWO], "{own}");
    }
}

#[test]
fn targets_of_the_command_line_count() {
    let sandbox = two_for_amd64("config/airpack.toml");
    let found = Composed::of(sandbox, &["--config", CONFIG, "-t", "linux/arm64"]);
    assert_eq!(found.0.index.platforms(), ["linux/arm64"]);
    assert_eq!(found.modules("linux/arm64"), [COMP, ONE]);
}

#[test]
fn an_image_without_the_platform_can_be_left_out() {
    let sandbox = comp_of_two();
    package_into(
        &sandbox,
        "two.oci",
        "registry.test/acme/two:1",
        "two",
        &["-t", "linux/amd64"],
    );
    comp_with(&sandbox, &["../one", "oci:../two.oci:1"]);
    sandbox.write("config/airpack.toml", TWO_FOR_AMD64);
    let found = Composed::config(sandbox, CONFIG);
    assert_eq!(found.modules("linux/arm64"), [COMP, ONE]);
    let from_folder = Composed::config(two_for_amd64("config/airpack.toml"), CONFIG);
    assert_eq!(
        found.image_digest("linux/arm64"),
        from_folder.image_digest("linux/arm64")
    );
}

#[test]
fn a_dry_run_shows_it() {
    let sandbox = two_for_amd64("config/airpack.toml");
    let before = Snapshot::of(sandbox.path());
    let run = run_config(&sandbox, CONFIG, "out.oci", &["--dry-run"]);
    run.ok();
    before.assert_unchanged("a dry run");
    // the module is named for the target that does not have it, and why has to do with airpack.toml
    let (_, arm) = run.stdout.split_once("linux/arm64").unwrap();
    assert!(
        arm.contains("acme/two"),
        "what is left out of linux/arm64 is not told{run}"
    );
    let plain = {
        let sandbox = comp_of_two();
        comp_with(&sandbox, &["../one", "../two"]);
        run_config(&sandbox, CONFIG, "out.oci", &["--dry-run"]).stdout
    };
    assert_ne!(run.stdout, plain);
}
