//! Images in one file that are not what they say.

use std::collections::BTreeSet;

use serde_json::json;

use super::{inspected, refused};
use crate::support::layout_maker::{LayoutMaker, tar_of};
use crate::support::layout_view::{OCI_MANIFEST, sha256};
use crate::support::pack_image::{Form, PackImage};
use crate::support::tar_maker::{FIFO, FOLDER, HARDLINK, Member, TarFormat, gzip, members_of, tar};
use crate::support::tree::platform_folders;
use crate::support::{Sandbox, simple_buildpack};

const BLOCK: usize = 512;

/// The members of a `.cnb` as pack writes it, of one that airpack has written, and of one with a nested index.
fn all() -> Vec<Vec<Member>> {
    let sandbox = Sandbox::new();
    simple_buildpack(&sandbox, "bp", "acme/x", &["linux/amd64"]);
    let image = PackImage::of(&sandbox.join("bp"), "acme/x", &["linux/amd64"], "amd64");
    let mut all = vec![image.members(Form::OF_PACK)];
    platform_folders(&sandbox, "two", &["linux/amd64", "linux/arm64"]);
    for (file, args) in [("flat.cnb", ["-t", "linux/amd64"]), ("single.cnb", ["--single", "-q"])] {
        let own = ["buildpack", "package", file, "--path", "two", "--format", "file"];
        sandbox.airpack(&[&own[..], &args].concat()).ok();
        let folder = sandbox.folder(format!("{file}.d"));
        let unpacked = sandbox
            .command("tar")
            .arg("-C")
            .arg(&folder)
            .args(["-xf", file])
            .status()
            .unwrap();
        assert!(unpacked.success());
        all.push(members_of(&folder, ""));
    }
    all
}

/// Inspects this content, which has to be refused with the file's name and these texts.
#[track_caller]
fn check(content: &[u8], says: &[&str]) {
    let sandbox = Sandbox::new();
    sandbox.write("damaged.cnb", content);
    refused(&sandbox, &["damaged.cnb"], &[&["damaged.cnb"], says].concat());
}

/// The same of members.
#[track_caller]
fn check_members(members: &[Member], says: &[&str]) {
    check(&tar(TarFormat::Ustar, members), says);
}

/// With these members there is a fault in the blob of this digest.
#[track_caller]
fn check_blob(members: &[Member], hex: &str) {
    let sandbox = Sandbox::new();
    sandbox.write("damaged.cnb", tar(TarFormat::Ustar, members));
    refused(&sandbox, &["damaged.cnb"], &[hex]);
}

#[test]
fn they_are_sound_before() {
    // or the tests below would test nothing
    for members in all() {
        let sandbox = Sandbox::new();
        sandbox.write("sound.cnb", tar(TarFormat::Ustar, &members));
        inspected(&sandbox, &["sound.cnb"]);
    }
}

#[test]
fn cut_off_anywhere() {
    for members in all() {
        let whole = tar(TarFormat::Ustar, &members);
        let mut cuts = BTreeSet::new();
        let mut at = 0;
        for member in &members {
            let content = at + BLOCK;
            let end = content + member.content.len().next_multiple_of(BLOCK);
            // in its header, in its content, in its padding, and before the next one
            cuts.extend([at, at + 1, at + 300, content, content + member.content.len() / 2, end]);
            at = end;
        }
        // what is whole but for the zeros at its end may pass
        cuts.remove(&(whole.len() - 2 * BLOCK));
        for cut in cuts {
            check(&whole[..cut], &[]);
        }
        let packed = gzip(&whole);
        for cut in [20, packed.len() / 2, packed.len() - 1] {
            check(&packed[..cut], &[]);
        }
    }
}

#[test]
fn every_blob_in_every_way() {
    for members in all() {
        for at in 0..members.len() {
            let Some((_, hex)) = members[at].path.rsplit_once("sha256/") else {
                continue;
            };
            let whole = &members[at].content;
            let mut flipped = whole.clone();
            flipped[whole.len() / 2] ^= 1;
            let longer = [&whole[..], b"\n"].concat();
            for content in [&flipped[..], &longer, &whole[..whole.len() - 1], b"", b"null"] {
                let mut members = members.clone();
                members[at].content = content.to_vec();
                check_blob(&members, hex);
            }
            let mut members = members.clone();
            members.remove(at);
            check_blob(&members, hex);
        }
    }
}

#[test]
fn two_points_in_the_names_of_members() {
    for members in all() {
        for name in [
            "../evil",
            "/../evil",
            "./../evil",
            "blobs/../../evil",
            "blobs/sha256/../../../evil",
        ] {
            for kind in [b'0', FOLDER] {
                let mut members = members.clone();
                members.push(Member {
                    content: if kind == FOLDER { Vec::new() } else { b"evil\n".to_vec() },
                    ..Member::new(name, kind)
                });
                check_members(&members, &["evil"]);
            }
        }
    }
}

#[test]
fn members_that_are_neither_files_nor_folders() {
    for members in all() {
        for at in 0..members.len() {
            if members[at].kind == FOLDER || members[at].path.ends_with("oci-layout") {
                continue;
            }
            for kind in [FIFO, HARDLINK, b'2'] {
                let mut members = members.clone();
                members[at] = Member {
                    target: "/etc/passwd".to_owned(),
                    ..Member::new(&members[at].path, kind)
                };
                check_members(&members, &[]);
            }
        }
    }
}

#[test]
fn an_index_file_that_is_none() {
    let contents = [
        "",
        "garbage",
        "null",
        "[]",
        "{\"manifests\":{}}",
        "{\"manifests\":[null]}",
    ];
    for members in all() {
        let at = position(&members, "index.json");
        for content in contents {
            let mut members = members.clone();
            members[at].content = content.as_bytes().to_vec();
            check_members(&members, &["index.json"]);
        }
        let mut members = members.clone();
        members.remove(at);
        check_members(&members, &["index.json"]);
    }
}

#[test]
fn a_layout_of_no_version_or_of_another() {
    // as in a folder: the file says how all others are to be read
    for members in all() {
        let at = position(&members, "oci-layout");
        for content in ["", "garbage", "null", "{\"imageLayoutVersion\":\"2.0.0\"}"] {
            let mut members = members.clone();
            members[at].content = content.as_bytes().to_vec();
            check_members(&members, &["oci-layout"]);
        }
        let mut members = members.clone();
        members.remove(at);
        check_members(&members, &["oci-layout"]);
    }
}

/// Where the member with this name is.
fn position(members: &[Member], name: &str) -> usize {
    members.iter().position(|member| member.path.ends_with(name)).unwrap()
}

#[test]
fn digests_that_lead_out_of_it() {
    for digest in [
        "sha256:../../../secret",
        "sha256:/etc/passwd",
        "../..:x",
        "sha256:",
        "md5:00",
    ] {
        let sandbox = Sandbox::new();
        let maker = LayoutMaker::new(sandbox.path());
        let entry = json!({"mediaType": OCI_MANIFEST, "digest": digest, "size": 1});
        maker.index_file(&json!({"schemaVersion": 2, "manifests": [entry]}));
        check_members(&members_of(sandbox.path(), ""), &[digest]);
    }
}

#[test]
fn no_archive_of_an_image() {
    for content in [&b""[..], b"x", b"not a tar", &[0; 4 * BLOCK], &[b'x'; 4 * BLOCK]] {
        check(content, &[]);
    }
    check(&tar_of(&[("buildpack.toml", "api = \"0.10\"\n")]), &[]);
}

/// A docker-archive of one layer, with these texts in its `manifest.json` and its config.
fn docker_archive(layers: &str, diff_id: &str) -> Vec<u8> {
    let layer = tar_of(&[("file", "x\n")]);
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
    });
    let list = json!([{"Config": "config.json", "RepoTags": ["acme/x:1"], "Layers": [layers]}]);
    let members = [
        Member::file("config.json", config.to_string()),
        Member::file("layer.tar", layer),
        Member::file("manifest.json", list.to_string()),
    ];
    tar(TarFormat::Ustar, &members)
}

#[test]
fn a_docker_archive_that_contradicts_itself() {
    let layer = sha256(&tar_of(&[("file", "x\n")]));
    let sandbox = Sandbox::new();
    sandbox.write("sound.tar", docker_archive("layer.tar", &layer));
    inspected(&sandbox, &["sound.tar"]);
    check(&docker_archive("other.tar", &layer), &["other.tar"]);
    let other = sha256(b"other");
    sandbox.write("other.tar", docker_archive("layer.tar", &other));
    refused(&sandbox, &["other.tar"], &[&other]);
    let whole = docker_archive("layer.tar", &layer);
    for cut in [100, BLOCK, 3 * BLOCK, whole.len() - 3 * BLOCK] {
        check(&whole[..cut], &[]);
    }
}
