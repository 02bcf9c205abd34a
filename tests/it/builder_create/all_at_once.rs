//! All faults of all components for all targets are told in one run.

use crate::support::builder::{BUILD, BuilderInput, LIFECYCLE_TOML, Lifecycle, RUN, image_spec, released};
use crate::support::composites::{BOTH, leaf_toml, rooted_leaf, targets_toml};

#[test]
fn faults_of_many_components() {
    let mut input = BuilderInput::new()
        .extension()
        .buildpack("uri = \"only\"")
        .replace("id = \"acme/two\"\noptional", "id = \"acme/none\"\noptional");
    // the API of one
    let toml = leaf_toml("acme/one@1.0.0", &BOTH).replace("0.10", "0.12");
    input.sandbox.write("one/buildpack.toml", toml);
    // another that is not for arm64
    rooted_leaf(
        &input.sandbox,
        "only",
        "acme/only@1.0.0",
        &targets_toml(&["linux/amd64"]),
    );
    // the user of one platform, and the ids of the other
    input.config(0)["User"] = "root".into();
    input.config(1)["Env"] = serde_json::json!(["CNB_USER_ID=x"]);
    // a run image for one platform
    input.run = image_spec("run", &["amd64"]);
    // a lifecycle that is too old for extensions, and one for another machine
    let old = LIFECYCLE_TOML.replace(", \"0.13\"]", "]");
    input.lifecycles.get_mut(&released("amd64")).unwrap().toml = old;
    input.lifecycles.insert(released("arm64"), Lifecycle::new("amd64"));
    let run = input.refuse(&[
        "no buildpack is `acme/none`",
        "acme/one@1.0.0",
        "API 0.12",
        "acme/only@1.0.0",
        "the user of the build image is root",
        "CNB_USER_ID",
        "CNB_GROUP_ID",
        "Platform API 0.13",
        "lifecycle-v0.20.1+linux.arm64.tgz",
        "linux/amd64",
        "linux/arm64",
        BUILD,
        RUN,
    ]);
    input.points_at(&run, "acme/none");
    input.points_at(&run, BUILD);
    input.points_at(&run, RUN);
}

#[test]
fn things_that_are_not_there() {
    let mut input = BuilderInput::new()
        .replace("uri = \"one\"", "uri = \"nothing\"")
        .replace("uri = \"two\"", "uri = \"docker://registry.test/acme/none:1\"")
        .replace("uri = \"lifecycle\"", "uri = \"no-lifecycle.tgz\"");
    input.from = vec!["run.oci".to_owned()];
    input.refuse(&["nothing", "registry.test/acme/none:1", BUILD, "no-lifecycle.tgz"]);
}

#[test]
fn a_run_that_fails_says_what_it_was_about() {
    let run = BuilderInput::new()
        .configs(|config| config["User"] = "root".into())
        .refused(&[]);
    run.stderr_has("builder.toml");
    let errors = run.stderr.matches("error: ").count();
    assert!(errors >= 1, "{run}");
}
