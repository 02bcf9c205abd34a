//! The same input gives the same bytes, whatever the machine, the user and the moment are.

mod other_machine;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::big_tree::{BIG_TREE, WHOLE_TREE, write_members};
use crate::support::layout_view::{LayoutView, array, text};
use crate::support::tar_maker::{FOLDER, Member, TarFormat, gzip, tar, zip};
use crate::support::test_tree::{is_root, set_mtime};
use crate::support::tools::{require_root, require_tool};
use crate::support::{Run, Sandbox, set_mode};

const PACKAGE: [&str; 7] = [
    "buildpack",
    "package",
    "registry.test/acme/big:1.0",
    "--path",
    "bp",
    "--layout",
    "out",
];
const COMPRESSIONS: [&str; 6] = ["gzip", "gzip:1", "gzip:9", "zstd", "zstd:9", "none"];

/// The files of a layout, by name, with mode and content.
type Files = BTreeMap<String, (u32, Vec<u8>)>;

/// What the big tree gives when nothing is varied.
static BASELINE: LazyLock<Files> = LazyLock::new(|| {
    let sandbox = big_sandbox();
    sandbox.airpack(&PACKAGE).ok();
    LayoutView::open(sandbox.join("out")).check_whole();
    files(&sandbox.join("out"))
});

/// A sandbox with the big tree in `bp`.
fn big_sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    write_members(&sandbox.folder("bp"), BIG_TREE.iter());
    sandbox
}

/// All files and folders below `root`; a folder has no content.
fn files(root: &Path) -> Files {
    let mut found = Files::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let mode = path.symlink_metadata().unwrap().permissions().mode() & 0o7777;
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                found.insert(name + "/", (mode, Vec::new()));
                folders.push(path);
            } else {
                found.insert(name, (mode, fs::read(&path).unwrap()));
            }
        }
    }
    found
}

#[track_caller]
fn assert_same(expected: &Files, found: &Files, what: &str) {
    let names: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    let differing: Vec<_> = names
        .into_iter()
        .filter(|name| expected.get(*name) != found.get(*name))
        .map(|name| match (expected.get(name), found.get(name)) {
            (Some(a), Some(b)) => format!("{name} ({:o} and {:o})", a.0, b.0),
            (Some(_), None) => format!("{name} is missing"),
            _ => format!("{name} is new"),
        })
        .collect();
    assert!(
        differing.is_empty(),
        "{what}: the layout differs:\n  {}",
        differing.join("\n  ")
    );
}

/// Runs a command that writes the layout `out` of this sandbox, and compares that with the baseline.
#[track_caller]
fn check_run(sandbox: &Sandbox, command: &mut Command, what: &str) {
    Run::of(command).ok();
    assert_same(&BASELINE, &files(&sandbox.join("out")), what);
    fs::remove_dir_all(sandbox.join("out")).unwrap();
}

#[test]
fn umask_does_not_matter() {
    let sandbox = big_sandbox();
    for umask in ["000", "027", "077"] {
        let mut command = sandbox.command("sh");
        let script = format!("umask {umask}; exec \"$@\"");
        command
            .args(["-c", &script, "sh", env!("CARGO_BIN_EXE_airpack")])
            .args(PACKAGE);
        check_run(&sandbox, &mut command, umask);
    }
}

#[test]
fn user_does_not_matter() {
    if !require_root() {
        return;
    }
    let sandbox = big_sandbox();
    // where the tests were built, others may not look
    let tool = sandbox.join("airpack");
    crate::support::copy_airpack(&tool);
    set_mode(&tool, 0o755);
    set_mode(&sandbox.folder("theirs"), 0o777);
    let mut command = sandbox.command(tool.to_str().unwrap());
    let args = PACKAGE.map(|arg| if arg == "out" { "theirs/out" } else { arg });
    Run::of(command.args(args).uid(65534).gid(65534)).ok();
    assert_same(&BASELINE, &files(&sandbox.join("theirs/out")), "user 65534");
}

#[test]
fn locale_and_time_zone_do_not_matter() {
    let sandbox = big_sandbox();
    for (key, value) in [
        ("LC_ALL", "tr_TR.UTF-8"),
        ("LC_ALL", "C"),
        ("LANG", "ja_JP.EUC-JP"),
        ("LC_COLLATE", "en_US.UTF-8"),
        ("TZ", "Pacific/Kiritimati"),
        ("TZ", "America/St_Johns"),
    ] {
        let mut command = sandbox.airpack_command(&PACKAGE);
        check_run(&sandbox, command.env(key, value), &format!("{key}={value}"));
    }
}

#[test]
fn temporary_folder_does_not_matter() {
    let sandbox = big_sandbox();
    let folder = sandbox.folder("elsewhere");
    let mut command = sandbox.airpack_command(&PACKAGE);
    check_run(&sandbox, command.env("TMPDIR", &folder), "TMPDIR");
    assert_eq!(
        fs::read_dir(folder).unwrap().count(),
        0,
        "something stays in the temporary folder"
    );
}

#[test]
fn order_of_the_source_folder_does_not_matter() {
    let sandbox = Sandbox::new();
    let root = sandbox.folder("bp");
    write_members(&root, BIG_TREE.iter().rev());
    let names: Vec<_> = fs::read_dir(root.join("linux/amd64/small"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        !names.is_sorted(),
        "this file system sorts folders, so the test would show nothing"
    );
    check_run(
        &sandbox,
        &mut sandbox.airpack_command(&PACKAGE),
        "written from the last file on",
    );
}

#[test]
fn times_owners_and_modes_of_source_files_do_not_matter() {
    let sandbox = big_sandbox();
    let plain = ["linux/amd64/data/prose", "linux/amd64/small/07", "buildpack.toml"];
    let executable = ["linux/amd64/bin/build", "linux/arm64/bin/detect"];
    let folders = ["linux/amd64/data", "linux/arm64", "linux", ""];
    for (seconds, plain_mode, executable_mode, folder_mode) in [
        (0, 0o600, 0o700, 0o700),
        (4_000_000_000, 0o666, 0o777, 0o1777),
        (1, 0o444, 0o555, 0o555),
    ] {
        let modes = [plain_mode, executable_mode, folder_mode];
        for (names, mode) in [plain.as_slice(), &executable, &folders].into_iter().zip(modes) {
            for name in names {
                let path = sandbox.join("bp").join(name);
                if is_root() {
                    lchown(&path, Some(1234), Some(4321)).unwrap();
                }
                set_mode(&path, mode);
                set_mtime(&path, seconds);
            }
        }
        let what = format!("modes {plain_mode:o} {executable_mode:o} {folder_mode:o}, {seconds} seconds");
        check_run(&sandbox, &mut sandbox.airpack_command(&PACKAGE), &what);
    }
    for folder in folders {
        set_mode(&sandbox.join("bp").join(folder), 0o755);
    }
}

#[test]
fn source_path_and_current_folder_do_not_matter() {
    let sandbox = big_sandbox();
    sandbox.folder("some/where");
    sandbox.write("config/package.toml", "[buildpack]\nuri = \"../bp\"\n");
    let absolute = sandbox.join("bp").to_str().unwrap().to_owned();
    for (folder, source) in [
        ("", ["--path", &absolute]),
        ("", ["--path", "./bp/"]),
        ("bp", ["--path", "."]),
        ("some/where", ["--path", "../../some/../bp"]),
        ("", ["--config", "config/package.toml"]),
    ] {
        let layout = sandbox.join("out");
        let args = [&PACKAGE[..3], &source, &["--layout", layout.to_str().unwrap()]].concat();
        let mut command = sandbox.airpack_command(&args);
        command.current_dir(sandbox.join(folder));
        check_run(&sandbox, &mut command, &format!("{source:?} in {folder:?}"));
    }
}

#[test]
fn moment_does_not_matter() {
    let sandbox = big_sandbox();
    assert!(!BASELINE.is_empty());
    // more than the step of any clock that is written as seconds
    std::thread::sleep(Duration::from_millis(1100));
    check_run(&sandbox, &mut sandbox.airpack_command(&PACKAGE), "a second later");
}

#[test]
fn number_of_threads_does_not_matter_for_any_compression() {
    let sandbox = big_sandbox();
    let mut diff_ids = BTreeSet::new();
    for compression in COMPRESSIONS {
        let mut first = None;
        for threads in ["1", "2", "3", "8"] {
            let args = [&PACKAGE[..], &["--compression", compression, "--threads", threads]].concat();
            sandbox.airpack(&args).ok();
            let found = files(&sandbox.join("out"));
            let what = format!("{compression} with {threads} threads");
            if let Some(first) = &first {
                assert_same(first, &found, &what);
            } else {
                let layout = LayoutView::open(sandbox.join("out"));
                layout.check_whole();
                let children = layout.image_index("1.0").children.into_iter();
                diff_ids.insert(
                    children
                        .map(|child| child.layers[0].diff_id.clone())
                        .collect::<Vec<_>>(),
                );
                first = Some(found);
            }
            fs::remove_dir_all(sandbox.join("out")).unwrap();
        }
    }
    assert_eq!(
        diff_ids.len(),
        1,
        "the content depends on the compression: {diff_ids:?}"
    );
}

#[test]
fn number_of_processors_does_not_matter() {
    let Some(_) = require_tool("taskset") else { return };
    let sandbox = big_sandbox();
    let mut command = sandbox.command("taskset");
    command.args(["-c", "0", env!("CARGO_BIN_EXE_airpack")]).args(PACKAGE);
    check_run(&sandbox, &mut command, "one processor");
}

#[test]
fn plain_gzip_is_the_default_compression() {
    let sandbox = big_sandbox();
    let args = [&PACKAGE[..], &["--compression", "gzip"]].concat();
    check_run(&sandbox, &mut sandbox.airpack_command(&args), "--compression gzip");
}

#[test]
fn an_archive_with_platform_folders_gives_what_the_folder_gives() {
    let sandbox = Sandbox::new();
    let reversed: Vec<_> = BIG_TREE.iter().rev().cloned().collect();
    for (name, bytes) in archives(&BIG_TREE).into_iter().chain([
        ("reversed.tar", tar(TarFormat::Ustar, &reversed)),
        ("reversed.zip", zip(&reversed)),
    ]) {
        sandbox.write(name, bytes);
        let args = PACKAGE.map(|arg| if arg == "bp" { name } else { arg });
        check_run(&sandbox, &mut sandbox.airpack_command(&args), name);
    }
}

#[test]
fn all_kinds_of_archive_of_one_tree_give_the_same() {
    let sandbox = Sandbox::new();
    write_members(&sandbox.folder("bp"), WHOLE_TREE.iter());
    sandbox.airpack(&PACKAGE).ok();
    let expected = files(&sandbox.join("out"));
    fs::remove_dir_all(sandbox.join("out")).unwrap();
    for (name, bytes) in archives(&WHOLE_TREE) {
        sandbox.write(name, bytes);
        let args = PACKAGE.map(|arg| if arg == "bp" { name } else { arg });
        sandbox.airpack(&args).ok();
        assert_same(&expected, &files(&sandbox.join("out")), name);
        fs::remove_dir_all(sandbox.join("out")).unwrap();
    }
}

#[test]
fn threads_and_umask_do_not_matter_for_archives() {
    let sandbox = Sandbox::new();
    // an order of its own, which the layer keeps
    let mut members: Vec<_> = WHOLE_TREE.iter().filter(|m| m.kind != FOLDER).cloned().collect();
    members.reverse();
    let kinds = ["pax.tar", "plain.tar.gz", "plain.zip"];
    for (name, bytes) in archives(&members).into_iter().filter(|(name, _)| kinds.contains(name)) {
        sandbox.write(name, bytes);
        let mut first = None;
        for (threads, umask) in [("1", "022"), ("2", "077"), ("8", "000")] {
            let mut command = sandbox.command("sh");
            let script = format!("umask {umask}; exec \"$@\"");
            command
                .args(["-c", &script, "sh", env!("CARGO_BIN_EXE_airpack")])
                .args(PACKAGE.map(|arg| if arg == "bp" { name } else { arg }))
                .args(["--threads", threads])
                .env("TZ", "Asia/Kathmandu");
            Run::of(&mut command).ok();
            let found = files(&sandbox.join("out"));
            let what = format!("{name} with {threads} threads and umask {umask}");
            assert_same(first.get_or_insert_with(|| found.clone()), &found, &what);
            fs::remove_dir_all(sandbox.join("out")).unwrap();
        }
    }
}

/// One tree in every form, with headers that should not matter: other times, owners and modes.
fn archives(members: &[Member]) -> Vec<(&'static str, Vec<u8>)> {
    let dotted: Vec<_> = members
        .iter()
        .map(|member| Member {
            path: format!("./{}", member.path),
            ..member.clone()
        })
        .collect();
    let with_root = [vec![Member::folder("./")], dotted.clone()].concat();
    let odd: Vec<_> = members
        .iter()
        .map(|member| Member {
            uid: 1000,
            gid: 100,
            uname: "someone".to_owned(),
            gname: "users".to_owned(),
            mtime: 1,
            mode: if member.mode & 0o111 == 0 { 0o600 } else { 0o700 },
            ..member.clone()
        })
        .collect();
    vec![
        ("ustar.tar", tar(TarFormat::Ustar, members)),
        ("gnu.tar", tar(TarFormat::Gnu, members)),
        ("pax.tar", tar(TarFormat::Pax, members)),
        ("dotted.tar", tar(TarFormat::Gnu, &dotted)),
        ("with-root.tgz", gzip(&tar(TarFormat::Gnu, &with_root))),
        ("odd.tar", tar(TarFormat::Ustar, &odd)),
        ("plain.tar.gz", gzip(&tar(TarFormat::Pax, members))),
        ("plain.zip", zip(members)),
        ("odd.zip", zip(&odd)),
    ]
}

#[test]
fn targets_with_equal_content_share_one_blob() {
    let sandbox = Sandbox::new();
    write_members(&sandbox.folder("bp"), WHOLE_TREE.iter());
    sandbox.airpack(&PACKAGE).ok();
    let layout = LayoutView::open(sandbox.join("out"));
    layout.check_whole();
    let children = layout.image_index("1.0").children;
    assert_eq!(children.len(), 2);
    assert_eq!(children[0].manifest["layers"], children[1].manifest["layers"]);
    // index, two manifests, two configs, one layer
    assert_eq!(layout.blob_names().len(), 6);
}

#[test]
fn source_date_epoch_sets_created_and_nothing_else() {
    let sandbox = big_sandbox();
    let plain = sandbox.airpack(&PACKAGE);
    plain.ok();
    let plain = LayoutView::open(sandbox.join("out")).image_index("1.0");
    for (epoch, created) in [
        ("1700000000", "2023-11-14T22:13:20Z"),
        ("0", "1970-01-01T00:00:00Z"),
        ("315532801", "1980-01-01T00:00:01Z"),
    ] {
        let out = format!("out-{epoch}");
        let args = PACKAGE.map(|arg| if arg == "out" { out.as_str() } else { arg });
        let mut command = sandbox.airpack_command(&args);
        Run::of(command.env("SOURCE_DATE_EPOCH", epoch)).ok();
        let layout = LayoutView::open(sandbox.join(&out));
        layout.check_whole();
        let dated = layout.image_index("1.0");
        for (plain, dated) in plain.children.iter().zip(&dated.children) {
            let mut expected = plain.config.clone();
            expected["created"] = created.into();
            for entry in expected["history"].as_array_mut().unwrap() {
                entry["created"] = created.into();
            }
            assert_eq!(expected, dated.config, "config with {epoch}");
            assert_eq!(
                plain.manifest["layers"], dated.manifest["layers"],
                "layers with {epoch}"
            );
            assert_eq!(
                without_digests(&plain.manifest),
                without_digests(&dated.manifest),
                "manifest with {epoch}"
            );
        }
        assert_eq!(
            without_digests(&plain.index),
            without_digests(&dated.index),
            "index with {epoch}"
        );
        let entry = without_digests(&dated.descriptor);
        assert_eq!(without_digests(&plain.descriptor), entry, "index.json with {epoch}");
    }
}

/// The same without what follows from the content of other blobs.
fn without_digests(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(key, _)| !["digest", "size"].contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), without_digests(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_digests).collect(),
        other => other.clone(),
    }
}

#[test]
fn a_source_date_epoch_that_is_no_number_is_an_error() {
    let sandbox = Sandbox::new();
    crate::support::simple_buildpack(&sandbox, "bp", "acme/x", &["linux/amd64"]);
    for epoch in ["yesterday", "1.5", "0x10", "-", "99999999999999999999999", "2024-01-01"] {
        let mut command = sandbox.airpack_command(&PACKAGE);
        Run::of(command.env("SOURCE_DATE_EPOCH", epoch))
            .failed(1)
            .stderr_has("SOURCE_DATE_EPOCH");
        assert!(!sandbox.join("out").exists(), "a layout was made with {epoch}");
    }
}

#[test]
fn compressed_bytes_have_not_changed() {
    let sandbox = big_sandbox();
    let mut found = json!({});
    for compression in COMPRESSIONS {
        let args = [&PACKAGE[..], &["--compression", compression]].concat();
        let run = sandbox.airpack(&args);
        let index = LayoutView::open(sandbox.join("out")).image_index("1.0");
        let layers = index.children.iter().flat_map(|child| array(&child.manifest, "layers"));
        let diff_ids = index
            .children
            .iter()
            .flat_map(|child| &child.layers)
            .map(|l| &l.diff_id);
        found[compression] = json!({
            "index": run.digest(),
            "layers": layers.map(|layer| text(layer, "digest")).collect::<Vec<_>>(),
            "diff_ids": diff_ids.collect::<Vec<_>>(),
        });
        fs::remove_dir_all(sandbox.join("out")).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden-digests.json");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, format!("{found:#}\n")).unwrap();
    }
    let expected: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(
        expected, found,
        "other bytes than before: another version or backend of a compressor does this. \
         If it is meant to be, run with BLESS=1 and say so in the changelog"
    );
}
