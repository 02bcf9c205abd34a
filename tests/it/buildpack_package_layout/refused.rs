//! What is no layout, or a damaged one.

use std::fs;
use std::path::Path;

use super::{package, packaged, sandbox};
use crate::support::Sandbox;
use crate::support::snapshot::Snapshot;

/// What is at `out.oci` can not be written into, and is not.
#[track_caller]
fn check(sandbox: &Sandbox, says: &[&str]) {
    let before = Snapshot::content_of(sandbox.path());
    let run = package(sandbox, "registry.test/acme/x:1.0", "bp", &[]);
    run.failed(1).stderr_has("out.oci");
    for text in says {
        run.stderr_has(text);
    }
    before.assert_unchanged("packaging into what is no layout");
}

#[test]
fn no_layout() {
    let first = sandbox();
    first.write("out.oci", "a file\n");
    check(&first, &[]);

    let second = sandbox();
    second.write("out.oci/notes.txt", "mine\n");
    check(&second, &["layout", "hint: "]);

    let third = sandbox();
    packaged(&third, "registry.test/acme/x:1.0", "bp", &[]);
    fs::remove_file(third.join("out.oci/oci-layout")).unwrap();
    check(&third, &["oci-layout"]);

    let fourth = sandbox();
    fourth.symlink("out.oci", "nowhere/at/all");
    check(&fourth, &[]);
}

#[test]
fn another_version() {
    for version in ["2.0.0", "1.1.0", "0.1"] {
        let sandbox = sandbox();
        packaged(&sandbox, "registry.test/acme/x:1.0", "bp", &[]);
        let content = format!("{{\"imageLayoutVersion\":\"{version}\"}}");
        sandbox.write("out.oci/oci-layout", content);
        check(&sandbox, &[version]);
    }
}

#[test]
fn garbage_in_its_files() {
    for (name, content) in [
        ("oci-layout", ""),
        ("oci-layout", "garbage"),
        ("oci-layout", "{}"),
        ("oci-layout", "[]"),
        ("oci-layout", "{\"imageLayoutVersion\":1}"),
        ("index.json", ""),
        ("index.json", "{\"manifests\":["),
        ("index.json", "null"),
        ("index.json", "[]"),
        ("index.json", "{\"schemaVersion\":2,\"manifests\":{}}"),
        ("index.json", "{\"schemaVersion\":2,\"manifests\":[7]}"),
        (
            "index.json",
            "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"sha256:../../x\"}]}",
        ),
        ("index.json", "{\"schemaVersion\":1,\"manifests\":[]}"),
    ] {
        let sandbox = sandbox();
        packaged(&sandbox, "registry.test/acme/x:1.0", "bp", &[]);
        sandbox.write(Path::new("out.oci").join(name), content);
        check(&sandbox, &[name]);
    }
}

#[test]
fn a_blob_that_does_not_match_its_digest() {
    let whole = sandbox();
    let (_, layout) = packaged(&whole, "registry.test/acme/x:1.0", "bp", &[]);
    for name in layout.blob_names() {
        let path = Path::new("out.oci/blobs/sha256").join(&name);
        let bytes = fs::read(whole.join(&path)).unwrap();
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 2] ^= 1;
        for damaged in [
            &flipped[..],
            &bytes[..bytes.len() - 1],
            &[],
            &[&bytes[..], b"x"].concat(),
        ] {
            let sandbox = sandbox();
            packaged(&sandbox, "registry.test/acme/x:1.0", "bp", &[]);
            sandbox.write(&path, damaged);
            check(&sandbox, &[&name]);
        }
    }
}

#[test]
fn but_a_blob_that_is_missing_is_made_again() {
    let whole = sandbox();
    let (digest, layout) = packaged(&whole, "registry.test/acme/x:1.0", "bp", &[]);
    for name in layout.blob_names() {
        let path = layout.root().join("blobs/sha256").join(&name);
        fs::remove_file(&path).unwrap();
        let (again, layout) = packaged(&whole, "registry.test/acme/x:1.0", "bp", &[]);
        assert_eq!(again, digest);
        layout.check_whole();
    }
}
