//! `--dry-run` of a composite names every module, where it comes from, and the order; it writes nothing.

use serde_json::Value;

use super::{CONFIG, comp_with, package_into, run_config};
use crate::support::Sandbox;
use crate::support::composites::{BOTH, comp_of_two, composite, leaf, package_toml};
use crate::support::packaged::texts;
use crate::support::snapshot::Snapshot;

/// `outer` of the folder `comp`, and of modules from a layout, a `.cnb` and an archive.
fn sandbox() -> Sandbox {
    let sandbox = comp_of_two();
    for name in ["named", "filed", "packed"] {
        leaf(&sandbox, name, &format!("acme/{name}@1.0.0"), &BOTH);
        let image = format!("registry.test/acme/{name}:1");
        package_into(&sandbox, &format!("{name}.oci"), &image, name, &[]);
    }
    super::archive_layout(&sandbox, "filed.oci", "the-file.cnb");
    let tar = sandbox
        .command("tar")
        .args(["-czf", "the-archive.tgz", "-C", "packed", "."])
        .status();
    assert!(tar.unwrap().success());
    let order: &[&[&str]] = &[
        &["acme/packed@1.0.0", "acme/filed@1.0.0", "acme/comp@1.0.0?"],
        &["acme/named@1.0.0"],
    ];
    composite(&sandbox, "outer", "acme/outer@1.0.0", order);
    let dependencies = [
        "../comp",
        "docker://registry.test/acme/named:1",
        "../the-file.cnb",
        "../the-archive.tgz",
    ];
    package_toml(&sandbox, CONFIG, "../outer", &dependencies, &BOTH);
    sandbox
}

const MODULES: [&str; 7] = ["comp", "filed", "named", "one", "outer", "packed", "two"];

fn dry_run(sandbox: &Sandbox, more: &[&str]) -> crate::support::Run {
    let before = Snapshot::of(sandbox.path());
    let args = [&["--dry-run", "--from", "named.oci"], more].concat();
    let run = run_config(sandbox, CONFIG, "out.oci", &args);
    run.ok();
    before.assert_unchanged("a dry run");
    run
}

#[test]
fn names_every_module_and_its_source() {
    let run = dry_run(&sandbox(), &[]);
    for name in MODULES {
        run.stdout_has(&format!("acme/{name}@1.0.0"));
    }
    let sources = ["one", "two", "comp", "the-file.cnb", "the-archive.tgz", "named.oci"];
    for source in sources.iter().chain(&BOTH) {
        run.stdout_has(source);
    }
}

#[test]
fn shows_the_order() {
    let run = dry_run(&sandbox(), &[]);
    run.stdout_has("optional");
    run.stdout_has("order");
    assert!(shows_order_of_outer(&run.stdout), "{run}");
}

/// Whether somewhere the entries of `outer` follow each other as in its groups. Those of `comp` may be in between.
fn shows_order_of_outer(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "/@.-".contains(c);
    let ids = text
        .split(|c| !is_part(c))
        .filter_map(|word| word.strip_prefix("acme/"));
    let names = ids.map(|id| id.split('@').next().unwrap());
    let names: Vec<_> = names.filter(|name| !["one", "two"].contains(name)).collect();
    names
        .windows(4)
        .any(|four| four == ["packed", "filed", "comp", "named"])
}

#[test]
fn as_json() {
    let run = dry_run(&sandbox(), &["--json"]);
    let plan: Value = serde_json::from_str(&run.stdout).unwrap();
    let all = texts(&plan);
    let has = |part: &str| all.iter().any(|text| text.contains(part));
    for name in MODULES {
        assert!(has(&format!("acme/{name}")), "no acme/{name} in {plan:#}");
    }
    for source in [
        "the-file.cnb",
        "the-archive.tgz",
        "named",
        "linux/amd64",
        "linux/arm64",
        "order",
    ] {
        assert!(has(source), "no {source} in {plan:#}");
    }
    let found = orders(&plan)
        .iter()
        .any(|order| shows_order_of_outer(&texts(order).join(" ")));
    assert!(found, "no order of outer in {plan:#}");
}

/// What is under the key `order`, wherever it is.
fn orders(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values.iter().flat_map(orders).collect(),
        Value::Object(fields) => {
            let own = fields.get("order").cloned();
            own.into_iter().chain(fields.values().flat_map(orders)).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn is_the_same_in_every_run() {
    let sandbox = sandbox();
    for more in [&[][..], &["--json"]] {
        let first = dry_run(&sandbox, more).stdout;
        for threads in ["1", "8"] {
            let again = dry_run(&sandbox, &[more, &["--threads", threads]].concat());
            assert_eq!(again.stdout, first);
        }
    }
}

#[test]
fn says_what_is_flattened() {
    let sandbox = sandbox();
    let plain = dry_run(&sandbox, &[]).stdout;
    let flat = dry_run(&sandbox, &["--flatten", "--flatten-exclude", "acme/one@1.0.0"]);
    assert_ne!(flat.stdout, plain);
    flat.stderr_has("distribution");
}

#[test]
fn tells_the_same_faults() {
    let sandbox = comp_of_two();
    comp_with(&sandbox, &["../one", "../nothing"]);
    let before = Snapshot::of(sandbox.path());
    let [dry, real] = [&["--dry-run"][..], &[]].map(|more| run_config(&sandbox, CONFIG, "out.oci", more));
    dry.failed(1).stderr_has("nothing");
    assert_eq!(dry.stderr, real.stderr);
    before.assert_unchanged("both runs failed");
}
