//! `--config package.toml`: everything that the file names, for its targets.

use super::{fetched, publish, pull, pull_json};
use crate::support::Sandbox;
use crate::support::images::Parts;
use crate::support::layout_view::{IMAGE_NAME, LayoutView};
use crate::support::registry::WatchedRegistry;

/// Two images in the registry and a `package.toml` that names them, with these targets.
fn package_toml(remote: &WatchedRegistry, targets: &[&str]) -> (Sandbox, [String; 2]) {
    let sandbox = Sandbox::new();
    let (_, first) = publish(remote, &sandbox, "acme/first", "1.0", "first");
    let (_, second) = publish(remote, &sandbox, "acme/second", "2.0", "second");
    let mut toml = format!(
        "[buildpack]\nuri = \".\"\n\n[[dependencies]]\nuri = \"docker://{}\"\n\n[[dependencies]]\nimage = \"{}\"\n",
        remote.name("acme/first:1.0"),
        remote.name("acme/second:2.0"),
    );
    for target in targets {
        let (os, arch) = target.split_once('/').unwrap();
        toml.push_str(&format!("\n[[targets]]\nos = \"{os}\"\narch = \"{arch}\"\n"));
    }
    sandbox.write("bp/package.toml", toml);
    remote.front.take_log();
    (sandbox, [first, second])
}

#[test]
fn all_images_come_in_one_go() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, [first, second]) = package_toml(&remote, &[]);
    let run = pull(&sandbox, &["--config", "bp/package.toml", "--layout", "out"]);
    assert_eq!(run.ok().stdout, format!("{first}\n{second}\n"));
    let layout = LayoutView::open(sandbox.join("out"));
    layout.check_whole();
    for (tag, digest, name) in [("1.0", &first, "acme/first:1.0"), ("2.0", &second, "acme/second:2.0")] {
        assert_eq!(layout.digest(tag), digest);
        assert_eq!(layout.entry(tag)["annotations"][IMAGE_NAME], remote.name(name));
    }
}

#[test]
fn for_the_targets_of_the_file() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, _) = package_toml(&remote, &["linux/arm64"]);
    pull(&sandbox, &["--config", "bp/package.toml", "--layout", "out"]).ok();
    let layout = LayoutView::open(sandbox.join("out"));
    layout.check_whole();
    for tag in ["1.0", "2.0"] {
        assert_eq!(layout.image_index(tag).platforms(), ["linux/arm64"]);
    }
    let mut wanted: Vec<_> = ["1.0", "2.0"]
        .iter()
        .flat_map(|tag| {
            let parts = Parts::of(&layout, tag);
            parts.blobs.into_iter().chain(parts.children)
        })
        .collect();
    wanted.sort();
    wanted.dedup();
    let mut asked = fetched(&remote);
    asked.dedup();
    assert_eq!(asked, wanted);
    // the command line says otherwise
    let args = [
        "--config",
        "bp/package.toml",
        "--layout",
        "other",
        "--platform",
        "linux/amd64",
    ];
    pull(&sandbox, &args).ok();
    let layout = LayoutView::open(sandbox.join("other"));
    assert_eq!(layout.image_index("1.0").platforms(), ["linux/amd64"]);
}

#[test]
fn with_all_targets_the_indexes_stay() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, [first, second]) = package_toml(&remote, &["linux/arm64", "linux/amd64"]);
    let run = pull(&sandbox, &["--config", "bp/package.toml", "--layout", "out"]);
    assert_eq!(run.ok().stdout, format!("{first}\n{second}\n"));
}

#[test]
fn beside_names_of_the_command_line() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let (sandbox, [first, second]) = package_toml(&remote, &[]);
    let (_, third) = publish(&remote, &sandbox, "acme/third", "3.0", "third");
    let name = remote.name("acme/third:3.0");
    // one that is named twice comes once
    let twice = remote.name("acme/first:1.0");
    let run = pull(
        &sandbox,
        &[&name, &twice, "--config", "bp/package.toml", "--layout", "out"],
    );
    assert_eq!(run.ok().stdout, format!("{third}\n{first}\n{second}\n"));
    LayoutView::open(sandbox.join("out")).check_whole();
}

#[test]
fn what_is_on_disk_is_not_asked_for() {
    let Some(remote) = WatchedRegistry::plain() else { return };
    let sandbox = Sandbox::new();
    let (_, digest) = publish(&remote, &sandbox, "acme/first", "1.0", "first");
    let toml = format!(
        "[buildpack]\nuri = \".\"\n[[dependencies]]\nuri = \"docker://{}\"\n\
         [[dependencies]]\nuri = \"../local\"\n[[dependencies]]\nuri = \"file.cnb\"\n",
        remote.name("acme/first:1.0"),
    );
    sandbox.write("bp/package.toml", toml);
    sandbox.folder("local");
    sandbox.write("bp/file.cnb", "x");
    let report = pull_json(&sandbox, &["--config", "bp/package.toml", "--layout", "out"]);
    let images = report["images"].as_array().unwrap();
    assert_eq!(images.len(), 1);
    assert_eq!(images[0]["digest"], digest);
}

#[test]
fn files_that_can_not_be_used() {
    let sandbox = Sandbox::new();
    sandbox.write("nothing.toml", "[buildpack]\nuri = \".\"\n");
    sandbox.write("broken.toml", "[buildpack\n");
    sandbox.write(
        "bad.toml",
        "[buildpack]\nuri = \".\"\n[[dependencies]]\nuri = \"docker://UPPER//x\"\n",
    );
    for file in ["nothing.toml", "broken.toml", "bad.toml", "missing.toml"] {
        pull(&sandbox, &["--config", file, "--layout", "out"])
            .failed(1)
            .stderr_has(file);
        assert!(!sandbox.join("out").exists(), "{file}");
    }
}
