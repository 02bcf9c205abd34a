//! The builder that all other tests alter in one thing is sound, or they would test nothing.

use crate::support::builder::{BuilderInput, METADATA, ONE, ORDER_TOML, TWO};
use crate::support::composites::BOTH;

#[test]
fn the_small_builder() {
    let built = BuilderInput::new().created(&[]).without_warnings();
    assert_eq!(built.0.index.platforms(), BOTH);
    for platform in BOTH {
        let expected = [
            "etc/",
            "folders",
            "lifecycle",
            "acme_one@1.0.0",
            "acme_two@2.0.0",
            "/cnb/order.toml",
            "/cnb/stack.toml",
            "/cnb/run.toml",
            "empty",
        ];
        assert_eq!(built.layers(platform), expected, "{platform}");
        assert_eq!(built.modules(platform), [ONE, TWO]);
        assert_eq!(built.listed(platform), [ONE, TWO]);
        assert_eq!(built.order(platform), "acme/one@1.0.0 acme/two?");
        assert_eq!(built.file(platform, "/cnb/order.toml"), ORDER_TOML);
        assert_eq!(built.json_label(platform, METADATA)["description"], "a builder");
        // each has the folder that is for it, the base and the lifecycle of its architecture
        let which = built.file(platform, "/cnb/buildpacks/acme_two/2.0.0/which");
        assert_eq!(which, format!("acme/two@2.0.0 for {platform}\n"));
        let architecture = platform.rsplit('/').next().unwrap();
        assert_eq!(built.file(platform, "etc/what"), format!("build {architecture}\n"));
    }
    let [amd64, arm64] = BOTH.map(|platform| built.layer(platform, "lifecycle").diff_id.clone());
    assert_ne!(amd64, arm64);
}

#[test]
fn for_one_target() {
    let built = BuilderInput::amd64().created(&[]).without_warnings();
    assert_eq!(built.0.index.platforms(), ["linux/amd64"]);
}

#[test]
fn with_an_extension() {
    let built = BuilderInput::new().extension().created(&[]).without_warnings();
    for platform in BOTH {
        assert_eq!(
            built.module_layers(platform),
            ["acme_one@1.0.0", "acme_two@2.0.0", "acme_ext@1.0.0"]
        );
    }
}
