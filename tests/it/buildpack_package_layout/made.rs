//! A layout that was not there.

use serde_json::json;

use super::{assert_names, packaged, sandbox};
use crate::support::layout_view::{IMAGE_NAME, LayoutView, OCI_INDEX, REF_NAME};

#[test]
fn in_its_canonical_form() {
    let sandbox = sandbox();
    let (digest, layout) = packaged(&sandbox, "registry.test/acme/x:1.0", "bp", &[]);
    layout.check_whole();
    let size = layout.blob(&digest).len();
    assert_eq!(
        *layout.index_file(),
        json!({
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [{
                "mediaType": OCI_INDEX,
                "digest": digest,
                "size": size,
                "annotations": {
                    REF_NAME: "1.0",
                    IMAGE_NAME: "registry.test/acme/x:1.0",
                },
            }],
        })
    );
}

#[test]
fn in_an_empty_folder() {
    let sandbox = sandbox();
    sandbox.folder("out.oci");
    let (_, layout) = packaged(&sandbox, "registry.test/acme/x:1.0", "bp", &[]);
    layout.check_whole();
    assert_eq!(layout.tags(), ["1.0"]);
}

#[test]
fn with_names_made_whole() {
    for (reference, tag, name) in [
        ("registry.test/acme/x", "latest", "registry.test/acme/x:latest"),
        ("acme/x:2", "2", "docker.io/acme/x:2"),
        ("x:2", "2", "docker.io/library/x:2"),
        ("x", "latest", "docker.io/library/x:latest"),
        ("index.docker.io/acme/x:2", "2", "docker.io/acme/x:2"),
        ("localhost:5000/x:2", "2", "localhost:5000/x:2"),
        (
            "registry.test:5000/a/b/c/x:V_2.0-a",
            "V_2.0-a",
            "registry.test:5000/a/b/c/x:V_2.0-a",
        ),
    ] {
        let (_, layout) = packaged(&sandbox(), reference, "bp", &[]);
        assert_names(&layout, &[(tag, name)]);
    }
}

#[test]
fn with_the_folders_above_it() {
    let sandbox = sandbox();
    let args = [
        "registry.test/acme/x:1.0",
        "--path",
        "bp",
        "--layout",
        "new/deep/out.oci",
    ];
    sandbox
        .airpack(&[&["buildpack", "package"], &args[..]].concat())
        .digest();
    LayoutView::open(sandbox.join("new/deep/out.oci")).check_whole();
}
