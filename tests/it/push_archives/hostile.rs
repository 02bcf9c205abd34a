//! Archives that are damaged or were made to do harm: an error that names the file, and nothing is pushed.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write as _};
use std::path::Path;

use serde_json::{Value, json};

use super::{
    Place, archive_of, config_of, index_file, members_of, place, saved, small_docker_archive, tagged, two_layers,
    two_platforms,
};
use crate::support::layout_maker::{LayoutMaker, OCI_LAYER, tar_of};
use crate::support::layout_view::{OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, sha256, text};
use crate::support::tar_maker::{HARDLINK, Member, TarFormat, gzip, tar};
use crate::support::{Run, Sandbox};

const BLOCK: usize = 512;

/// Pushes this file of `in`, which has to fail and to name it. Nothing may have been sent so far.
#[track_caller]
fn refused(place: &Place, name: &str) -> Run {
    let run = place.push(name, "acme/x:1", &[]);
    run.failed(1).stderr_has(name);
    place.check_nothing_sent(&run);
    run
}

/// Writes an archive, plain and compressed, and sees that both are refused.
#[track_caller]
fn check(place: &Place, archive: &[u8], says: &[&str]) {
    for name in place.write_both("hostile.tar", archive) {
        let run = refused(place, &name);
        for text in says {
            run.stderr_has(text);
        }
    }
}

/// The same of members.
#[track_caller]
fn check_members(place: &Place, members: &[Member], says: &[&str]) {
    check(place, &tar(TarFormat::Ustar, members), says);
}

/// A `.cnb` of an image of two layers.
fn cnb() -> Vec<Member> {
    let sandbox = Sandbox::new();
    two_layers(&sandbox.folder("layout"));
    members_of(&sandbox.join("layout"), "/")
}

/// An oci-archive of two platforms.
fn oci_archive() -> Vec<Member> {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.folder("layout"));
    let index = two_platforms(&maker);
    maker.index_file(&index_file(&[tagged(index, "1.0")]));
    members_of(&sandbox.join("layout"), "")
}

/// A docker-archive of an image of this one layer, which `member` is; it is named `layer.tar` in `manifest.json`.
fn with_layer(layer: &[u8], member: Member) -> Vec<Member> {
    let (mut members, entry) = saved(&config_of(&[layer]), &["acme/x:1"], &[]);
    let entry = super::with(entry, &json!({ "Layers": ["layer.tar"] }));
    members.push(member);
    members.push(Member::file("manifest.json", json!([entry]).to_string()));
    members
}

fn hard_link(path: &str, target: &str) -> Member {
    Member {
        target: target.to_owned(),
        ..Member::new(path, HARDLINK)
    }
}

/// The member whose name ends like this.
fn member<'a>(members: &'a mut [Member], end: &str) -> &'a mut Member {
    members.iter_mut().find(|member| member.path.ends_with(end)).unwrap()
}

/// Every kind of place in a tar of these members to cut at: around and in each header, content and padding.
fn cuts(members: &[Member]) -> BTreeSet<usize> {
    let mut cuts = BTreeSet::new();
    let mut at = 0;
    for member in members {
        let length = member.content.len();
        let content = at + BLOCK;
        let end = (content + length).next_multiple_of(BLOCK);
        cuts.extend([at, at + 1, at + 100, at + 300, at + BLOCK - 1, content]);
        cuts.extend([
            content + length / 2,
            content + length.saturating_sub(1),
            content + length,
        ]);
        cuts.extend([end.saturating_sub(1), end]);
        at = end;
    }
    cuts
}

#[test]
fn cut_off_anywhere() {
    let Some(place) = place() else { return };
    for members in [cnb(), oci_archive(), small_docker_archive()] {
        let whole = tar(TarFormat::Ustar, &members);
        let cuts = cuts(&members);
        assert_eq!(cuts.last(), Some(&(whole.len() - 2 * BLOCK)));
        for kept in cuts {
            place.write("cut.tar", &whole[..kept]);
            refused(&place, "cut.tar");
        }
    }
}

#[test]
fn cut_off_anywhere_in_the_gzip() {
    let Some(place) = place() else { return };
    for members in [cnb(), oci_archive(), small_docker_archive()] {
        let whole = gzip(&tar(TarFormat::Ustar, &members));
        let mut cuts = BTreeSet::from([1, 2, 3, 9, 10, 11]);
        // the trailer: checksum and length
        cuts.extend(whole.len() - 9..whole.len());
        cuts.extend((1..16).map(|part| whole.len() * part / 16));
        for kept in cuts {
            place.write("cut.tgz", &whole[..kept]);
            refused(&place, "cut.tgz");
        }
    }
}

#[test]
fn a_bit_that_turned() {
    let Some(place) = place() else { return };
    let whole = tar(TarFormat::Ustar, &small_docker_archive());
    let packed = gzip(&whole);
    for at in [packed.len() / 3, packed.len() / 2, packed.len() - 6] {
        let mut damaged = packed.clone();
        damaged[at] ^= 0x10;
        place.write("turned.tgz", damaged);
        refused(&place, "turned.tgz");
    }
    // every header is checked
    let mut at = 0;
    for member in small_docker_archive() {
        let mut damaged = whole.clone();
        damaged[at + 20] ^= 0x10;
        place.write("turned.tar", damaged);
        refused(&place, "turned.tar");
        at = (at + BLOCK + member.content.len()).next_multiple_of(BLOCK);
    }
}

#[test]
fn no_archive_of_images() {
    let Some(place) = place() else { return };
    for content in [
        &b""[..],
        b"not an archive",
        &[0; 100],
        &[0; 10_240],
        &[0xff; 2000],
        b"PK\x03\x04 something",
        b"\x1f\x8b",
        &gzip(b""),
        &gzip(b"not an archive"),
        &tar(TarFormat::Ustar, &[]),
        &tar(TarFormat::Ustar, &[Member::file("hello.txt", "hello")]),
    ] {
        for name in ["x.cnb", "x.tar", "x.tar.gz", "x"] {
            place.write(name, content);
            refused(&place, name);
        }
    }
    for name in [
        "not-there.cnb",
        "not-there.tar:1.0",
        "oci-archive:not-there.tar",
        "docker-archive:not-there",
    ] {
        let run = place.push(name, "acme/x:1", &[]);
        run.failed(1).stderr_has("not-there");
        place.check_nothing_sent(&run);
    }
}

#[test]
fn no_file_at_all() {
    let Some(place) = place() else { return };
    place.sandbox.folder("in/folder.cnb");
    place.sandbox.symlink("in/endless.cnb", "/dev/zero");
    place.sandbox.symlink("in/loop.cnb", "loop.cnb");
    Run::of(place.command("mkfifo").arg("pipe.cnb")).ok();
    for name in ["folder.cnb", "endless.cnb", "loop.cnb", "pipe.cnb"] {
        // a snapshot would read them
        let run = place.run(&["push", name, &place.name("acme/x:1")]);
        run.failed(1).stderr_has(name);
        place.check_nothing_sent(&run);
    }
}

/// A blob is not what its digest says. Others may have been sent before that shows, but no manifest.
#[track_caller]
fn check_damaged(place: &Place, members: &[Member]) {
    for name in place.write_both("damaged.tar", &tar(TarFormat::Ustar, members)) {
        // what the registry has already need not be read
        let before = place.log.requests().len();
        let repository = format!("damaged/x{before}");
        let run = place.push(&name, &format!("{repository}:1"), &[]);
        run.failed(1).stderr_has(&name);
        let manifests = format!("PUT /v2/{repository}/manifests/");
        let mut requests = place.log.requests();
        requests.retain(|request| request.starts_with(&manifests));
        assert!(requests.is_empty(), "sent {requests:?}{run}");
    }
}

#[test]
fn blobs_that_are_not_what_their_digest_says() {
    let Some(place) = place() else { return };
    for members in [cnb(), oci_archive()] {
        for number in 0..members.len() {
            if members[number].content.is_empty() || !members[number].path.contains("blobs/sha256/") {
                continue;
            }
            let mut other = members.clone();
            let content = &mut other[number].content;
            let middle = content.len() / 2;
            content[middle] ^= 1;
            check_damaged(&place, &other);
            // longer, shorter, empty
            let mut other = members.clone();
            other[number].content.push(b' ');
            check_damaged(&place, &other);
            let mut other = members.clone();
            other[number].content.pop();
            check_damaged(&place, &other);
            other[number].content.clear();
            check_damaged(&place, &other);
        }
    }
}

#[test]
fn layers_that_are_not_what_the_config_says() {
    let Some(place) = place() else { return };
    for change in [0, 600, 1100] {
        let mut members = small_docker_archive();
        member(&mut members, "layer.tar").content[change] ^= 1;
        check_damaged(&place, &members);
    }
    let mut members = small_docker_archive();
    member(&mut members, "layer.tar").content.extend([0; 512]);
    check_damaged(&place, &members);
}

#[test]
fn sizes_and_digests_that_are_a_lie() {
    let Some(place) = place() else { return };
    let sandbox = Sandbox::new();
    let image = two_layers(&sandbox.folder("layout"));
    let entry = |field: &str, value: Value| super::with(image.clone(), &json!({ field: value }));
    let size = image["size"].as_u64().unwrap();
    for entry in [
        entry("size", json!(size + 1)),
        entry("size", json!(size - 1)),
        entry("size", json!(0)),
        entry("size", json!(-1)),
        entry("size", json!(u64::MAX)),
        entry("size", json!("1")),
        entry("size", json!(null)),
        entry("digest", json!("sha256:../../../../../../etc/passwd")),
        entry("digest", json!("sha256:/etc/passwd")),
        entry("digest", json!(text(&image, "digest").to_uppercase())),
        entry("digest", json!("md5:d41d8cd98f00b204e9800998ecf8427e")),
        entry("digest", json!("")),
        entry("digest", json!(null)),
    ] {
        let index = index_file(&[entry]).to_string();
        fs::write(sandbox.join("layout/index.json"), index).unwrap();
        check(&place, &archive_of(&sandbox.join("layout")), &[]);
    }
}

/// Something on this machine with what an archive lacks: who follows a way out of the archive would push it.
fn outside(place: &Place) -> (Vec<u8>, Vec<String>) {
    let layer = tar_of(&[("secret", "secret\n")]);
    let path = place.sandbox.write("outside/layer.tar", &layer);
    place.sandbox.write("in/layer-beside.tar", &layer);
    let path = path.to_str().unwrap();
    let ways = [
        path.to_owned(),
        format!("/{path}"),
        format!("../../../../../../../../../..{path}"),
        "../outside/layer.tar".to_owned(),
        "layer-beside.tar".to_owned(),
        "./layer-beside.tar".to_owned(),
    ];
    (layer, ways.into())
}

#[test]
fn links_out_of_the_archive() {
    let Some(place) = place() else { return };
    let (layer, ways) = outside(&place);
    for way in &ways {
        for link in [Member::symlink("layer.tar", way), hard_link("layer.tar", way)] {
            // beside the archive is where an unpacked link would lead
            check(&place, &tar(TarFormat::Pax, &with_layer(&layer, link)), &["layer.tar"]);
        }
    }
}

#[test]
fn names_in_manifest_json_out_of_the_archive() {
    let Some(place) = place() else { return };
    let (layer, ways) = outside(&place);
    let config = config_of(&[&layer]);
    for way in &ways {
        let (mut members, entry) = saved(&config, &["acme/x:1"], &[]);
        let layers = super::with(entry.clone(), &json!({ "Layers": [way] }));
        members.push(Member::file("manifest.json", json!([layers]).to_string()));
        check(&place, &tar(TarFormat::Ustar, &members), &[]);
    }
    let path = place.sandbox.write("outside/config.json", config.to_string());
    let (_, entry) = saved(&config, &["acme/x:1"], &[]);
    for way in [path.to_str().unwrap(), "../outside/config.json"] {
        let entry = super::with(entry.clone(), &json!({ "Config": way, "Layers": ["layer.tar"] }));
        let members = [
            Member::file("layer.tar", &layer),
            Member::file("manifest.json", json!([entry]).to_string()),
        ];
        check(&place, &tar(TarFormat::Ustar, &members), &[]);
    }
}

#[test]
fn blobs_out_of_the_archive() {
    let Some(place) = place() else { return };
    two_layers(&place.sandbox.folder("outside"));
    let outside = place.sandbox.join("outside");
    let outside = outside.to_str().unwrap();
    let file = |name: &str| Member::file(name, fs::read(place.sandbox.join("outside").join(name)).unwrap());
    let (marker, index) = (file("oci-layout"), file("index.json"));
    let up = format!("../../../../../../../../../..{outside}");
    for way in [outside, &up, "../outside"] {
        let folder = Member::symlink("blobs", &format!("{way}/blobs"));
        check_members(&place, &[marker.clone(), index.clone(), folder], &[]);
        let folder = Member::symlink("blobs/sha256", &format!("{way}/blobs/sha256"));
        check_members(&place, &[marker.clone(), index.clone(), folder], &[]);
        let list = Member::symlink("index.json", &format!("{way}/index.json"));
        check_members(&place, &[marker.clone(), list], &[]);
        let blobs = fs::read_dir(place.sandbox.join("outside/blobs/sha256")).unwrap();
        let mut members = vec![marker.clone(), index.clone()];
        members.extend(blobs.map(|blob| {
            let name = blob.unwrap().file_name().into_string().unwrap();
            let name = format!("blobs/sha256/{name}");
            Member::symlink(&name, &format!("{way}/{name}"))
        }));
        check(&place, &tar(TarFormat::Pax, &members), &[]);
    }
}

#[test]
fn members_out_of_the_archive() {
    let Some(place) = place() else { return };
    for name in [
        "../manifest.json",
        "x/../../manifest.json",
        "/../manifest.json",
        "../../manifest.json",
    ] {
        let mut members = small_docker_archive();
        name.clone_into(&mut member(&mut members, "manifest.json").path);
        check_members(&place, &members, &[]);
    }
    for name in ["../index.json", "/../index.json"] {
        let mut members = oci_archive();
        name.clone_into(&mut member(&mut members, "index.json").path);
        check_members(&place, &members, &[]);
    }
}

#[test]
fn what_is_named_but_missing() {
    let Some(place) = place() else { return };
    let whole = small_docker_archive();
    for missing in ["layer.tar", ".json"] {
        let mut members = whole.clone();
        let at = members
            .iter()
            .position(|member| member.path.ends_with(missing))
            .unwrap();
        let name = members.remove(at).path;
        check_members(&place, &members, &[&name]);
    }
    // an image of the archive is whole, the other is not
    let (config, mut members) = (config_of(&[b"x"]), whole.clone());
    let (more, entry) = saved(&config, &["acme/other:1"], &[]);
    let entry = super::with(entry, &json!({ "Layers": ["gone.tar"] }));
    let list = member(&mut members, "manifest.json");
    let mut entries: Value = serde_json::from_slice(&list.content).unwrap();
    entries.as_array_mut().unwrap().push(entry);
    list.content = entries.to_string().into_bytes();
    members.extend(more);
    check_members(&place, &members, &[]);
    for mut members in [cnb(), oci_archive()] {
        members.retain(|member| !member.path.ends_with("index.json"));
        check_members(&place, &members, &["index.json"]);
    }
    for whole in [cnb(), oci_archive()] {
        for (at, member) in whole.iter().enumerate() {
            if !member.content.is_empty() && member.path.contains("blobs/sha256/") {
                let mut members = whole.clone();
                members.remove(at);
                check_members(&place, &members, &[&sha256(&member.content)]);
            }
        }
    }
}

#[test]
fn a_folder_where_a_file_should_be() {
    let Some(place) = place() else { return };
    let layer = tar_of(&[("file", "x")]);
    for kind in [b'5', b'6', b'3', b'4'] {
        check_members(
            &place,
            &with_layer(&layer, Member::new("layer.tar", kind)),
            &["layer.tar"],
        );
    }
    let mut members = oci_archive();
    *member(&mut members, "index.json") = Member::folder("index.json");
    check_members(&place, &members, &[]);
}

#[test]
fn links_in_a_circle() {
    let Some(place) = place() else { return };
    let layer = tar_of(&[("file", "x")]);
    let kinds: [fn(&str, &str) -> Member; 2] = [Member::symlink, hard_link];
    for link in kinds {
        check_members(
            &place,
            &with_layer(&layer, link("layer.tar", "layer.tar")),
            &["layer.tar"],
        );
        let mut members = with_layer(&layer, link("layer.tar", "a"));
        members.extend([link("a", "b"), link("b", "layer.tar")]);
        check_members(&place, &members, &["layer.tar"]);
        for name in ["index.json", "manifest.json"] {
            check_members(&place, &[Member::file("oci-layout", "{}"), link(name, name)], &[]);
        }
        // longer than any way that a tool writes, with a missing end
        let mut members = with_layer(&layer, link("layer.tar", "0"));
        members.extend((0..20_000).map(|number| link(&number.to_string(), &(number + 1).to_string())));
        check_members(&place, &members, &["layer.tar"]);
    }
    let up = Member::symlink("layer.tar", "./x/../layer.tar");
    check_members(&place, &with_layer(&layer, up), &["layer.tar"]);
}

#[test]
fn sparse_files() {
    let Some(place) = place() else { return };
    let folder = place.sandbox.folder("sparse");
    for member in small_docker_archive() {
        place
            .sandbox
            .write(Path::new("sparse").join(&member.path), member.content);
    }
    // a layer with a hole in the middle, which is told apart on disk
    let mut layer = tar_of(&[("file", "x")]);
    layer.resize(4 << 20, 0);
    let mut file = File::create(folder.join("layer.tar")).unwrap();
    file.write_all(&layer[..BLOCK * 2]).unwrap();
    file.seek(SeekFrom::Start((4 << 20) - 1)).unwrap();
    file.write_all(&[0]).unwrap();
    drop(file);
    let (members, entry) = saved(&config_of(&[&layer]), &["acme/x:1"], &[]);
    for member in members {
        place
            .sandbox
            .write(Path::new("sparse").join(&member.path), member.content);
    }
    let entry = super::with(entry, &json!({ "Layers": ["layer.tar"] }));
    place.sandbox.write("sparse/manifest.json", json!([entry]).to_string());
    for format in [
        &["--format=gnu"][..],
        &["--format=pax", "--sparse-version=1.0"],
        &["--format=pax", "--sparse-version=0.1"],
    ] {
        let own = [
            "--create",
            "--sparse",
            "--file=sparse.tar",
            "--directory",
            folder.to_str().unwrap(),
            ".",
        ];
        Run::of(place.command("tar").args(format).args(own)).ok();
        let archive = fs::read(place.sandbox.join("in/sparse.tar")).unwrap();
        assert!(archive.len() < 1 << 20, "no hole was found");
        check(&place, &archive, &["sparse"]);
    }
}

#[test]
fn one_name_with_two_contents() {
    let Some(place) = place() else { return };
    // which of the two is meant depends on who reads
    for name in ["index.json", "./index.json", "/index.json"] {
        let mut members = oci_archive();
        let other = Sandbox::new();
        let maker = LayoutMaker::new(&other.folder("layout"));
        let image = maker.image("amd64", &[("other", "other")]);
        maker.index_file(&index_file(&[tagged(image, "1.0")]));
        let mut more = members_of(&other.join("layout"), "");
        name.clone_into(&mut member(&mut more, "index.json").path);
        members.extend(more);
        check_members(&place, &members, &["index.json"]);
    }
    for name in ["manifest.json", "./manifest.json"] {
        let mut members = small_docker_archive();
        let layer = tar_of(&[("other", "other\n")]);
        let (more, entry) = saved(&config_of(&[&layer]), &["acme/x:1"], &[("other.tar", &layer)]);
        members.extend(more);
        members.push(Member::file(name, json!([entry]).to_string()));
        check_members(&place, &members, &["manifest.json"]);
    }
}

#[test]
fn one_blob_twice() {
    let Some(place) = place() else { return };
    // a right and a wrong one: either the right one is taken, or none
    for (number, whole) in [oci_archive(), small_docker_archive()].into_iter().enumerate() {
        let good = whole
            .iter()
            .rposition(|member| member.path.ends_with("layer.tar") || member.path.contains("sha256/"));
        let good = good.unwrap();
        let mut bad = whole[good].clone();
        bad.content = b"something else".to_vec();
        let (mut first, mut last) = (whole.clone(), whole.clone());
        first.insert(0, bad.clone());
        last.push(bad);
        for (order, members) in [("first", first), ("last", last)] {
            place.write("twice.tar", tar(TarFormat::Ustar, &members));
            let name = format!("acme/{order}{number}:1");
            let run = place.push("twice.tar", &name, &[]);
            if run.code == 0 {
                place.pushed(&name);
            } else {
                run.failed(1).stderr_has("twice.tar");
                let request = format!("PUT /v2/acme/{order}{number}/manifests/1");
                assert!(!place.log.requests().contains(&request), "{run}");
            }
        }
    }
}

#[test]
fn lists_that_are_no_lists() {
    let Some(place) = place() else { return };
    let deep = "[".repeat(200_000);
    let object = "{\"a\":".repeat(200_000);
    let shared = [
        "", "not JSON", "null", "1", "\"x\"", "[null]", "{\"x\"", "[1", "\u{0}", &deep, &object,
    ];
    let of_docker = [
        "{}",
        "[]",
        "[1]",
        "[{}]",
        "[{\"Config\":5}]",
        "[{\"Config\":\"\",\"RepoTags\":null,\"Layers\":null}]",
        "[{\"Config\":\"manifest.json\",\"RepoTags\":[],\"Layers\":[]}]",
        "[{\"Config\":\"layer.tar\",\"RepoTags\":[],\"Layers\":[]}]",
        "[{\"Config\":[],\"RepoTags\":{},\"Layers\":\"layer.tar\"}]",
    ];
    for list in shared.iter().chain(&of_docker) {
        let mut members = small_docker_archive();
        member(&mut members, "manifest.json").content = list.as_bytes().to_vec();
        check_members(&place, &members, &[]);
    }
    let of_layouts = [
        "{}",
        "[]",
        "{\"schemaVersion\":2}",
        "{\"schemaVersion\":2,\"manifests\":[]}",
        "{\"schemaVersion\":2,\"manifests\":{}}",
        "{\"schemaVersion\":2,\"manifests\":[{}]}",
        "{\"schemaVersion\":2,\"manifests\":[null]}",
    ];
    for list in shared.iter().chain(&of_layouts) {
        let mut members = oci_archive();
        member(&mut members, "index.json").content = list.as_bytes().to_vec();
        check_members(&place, &members, &[]);
    }
    let mut members = small_docker_archive();
    member(&mut members, "manifest.json").content = b"[\"\xff\xfe\"]".to_vec();
    check_members(&place, &members, &["manifest.json"]);
}

#[test]
fn an_image_that_contradicts_itself() {
    let Some(place) = place() else { return };
    let layer = tar_of(&[("file", "x")]);
    let config = config_of(&[&layer]);
    let (members, entry) = saved(&config, &["acme/x:1"], &[("layer.tar", &layer)]);
    let entries = [
        json!({ "Layers": [] }),
        json!({ "Layers": ["layer.tar", "layer.tar"] }),
        json!({ "RepoTags": ["///"] }),
        json!({ "RepoTags": ["Upper Case:x y"] }),
        json!({ "RepoTags": ["../../etc/passwd:1"] }),
    ];
    for change in entries {
        let mut members = members.clone();
        let entry = super::with(entry.clone(), &change);
        members.push(Member::file("manifest.json", json!([entry]).to_string()));
        check_members(&place, &members, &["manifest.json"]);
    }
    for config in [
        "",
        "null",
        "{}",
        "[]",
        "{\"rootfs\":{\"diff_ids\":[\"x\"]}}",
        "{\"rootfs\":{\"diff_ids\":\"x\"}}",
    ] {
        let mut members = members.clone();
        members[0].content = config.as_bytes().to_vec();
        members.push(Member::file("manifest.json", json!([entry]).to_string()));
        check_members(&place, &members, &[]);
    }
}

#[test]
fn manifests_that_are_none() {
    let Some(place) = place() else { return };
    let contents = [
        "",
        "{}",
        "[]",
        "null",
        "not JSON",
        "{\"schemaVersion\":2,\"layers\":[{}],\"config\":{}}",
    ];
    for content in contents {
        for media_type in [OCI_MANIFEST, OCI_INDEX] {
            let sandbox = Sandbox::new();
            let maker = LayoutMaker::new(&sandbox.folder("layout"));
            let entry = maker.blob(media_type, content.as_bytes());
            if media_type == OCI_INDEX && content == "{}" {
                continue; // an index of nothing
            }
            maker.index_file(&index_file(&[tagged(entry, "1.0")]));
            check(&place, &archive_of(&sandbox.join("layout")), &[]);
        }
    }
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.folder("layout"));
    let schema_1 = json!({ "schemaVersion": 1, "name": "acme/x", "tag": "1", "fsLayers": [], "history": [] });
    let entry = maker.json("application/vnd.docker.distribution.manifest.v1+json", &schema_1);
    maker.index_file(&index_file(&[tagged(entry, "1.0")]));
    check(&place, &archive_of(&sandbox.join("layout")), &[]);
}

#[test]
fn indexes_that_multiply() {
    let Some(place) = place() else { return };
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.folder("layout"));
    let mut index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [] });
    for _ in 0..7 {
        let child = maker.json(OCI_INDEX, &index);
        index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": vec![child; 60] });
    }
    maker.index_file(&index_file(&[tagged(maker.json(OCI_INDEX, &index), "1.0")]));
    place.write("many.tar", archive_of(&sandbox.join("layout")));
    // whether it takes them or not, each is looked at once
    let run = place.push("many.tar", "acme/many:1", &[]);
    if run.code != 0 {
        run.failed(1).stderr_has("many.tar");
    }
    let requests = place.log.requests();
    assert!(requests.len() < 50, "{} requests{run}", requests.len());
}

/// More than 100 MB that a patient reader would find sound.
fn padded(text: &[u8]) -> Vec<u8> {
    let mut padded = vec![b' '; 100 << 20];
    padded.extend_from_slice(text);
    padded
}

#[test]
fn documents_of_100_megabytes() {
    let Some(place) = place() else { return };
    let layer = tar_of(&[("file", "x")]);
    let mut archives = Vec::new();
    for (members, document) in [
        (small_docker_archive(), "manifest.json"),
        (small_docker_archive(), ".json"),
        (oci_archive(), "index.json"),
    ] {
        let mut members = members;
        let found = member(&mut members, document);
        found.content = padded(&found.content);
        let name = found.path.clone();
        archives.push((tar(TarFormat::Ustar, &members), name));
    }
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.folder("layout"));
    let config = maker.json(OCI_CONFIG, &config_of(&[&layer]));
    let layers = [maker.blob(OCI_LAYER, &layer)];
    let manifest = json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers });
    let image = maker.blob(OCI_MANIFEST, &padded(manifest.to_string().as_bytes()));
    maker.index_file(&index_file(&[tagged(image.clone(), "1.0")]));
    archives.push((archive_of(&sandbox.join("layout")), text(&image, "digest").to_owned()));
    for (archive, document) in archives {
        place.write("large.tar", archive);
        let run = place.run(&["push", "large.tar", &place.name("acme/x:1")]);
        run.failed(1).stderr_has("large.tar").stderr_has(&document);
        place.check_nothing_sent(&run);
    }
}

#[test]
fn a_manifest_of_many_layers() {
    let Some(place) = place() else { return };
    // the archive lacks the last of them
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.folder("layout"));
    let mut layers: Vec<Value> = vec![maker.blob(OCI_LAYER, b"x"); 2000];
    layers.push(json!({ "mediaType": OCI_LAYER, "digest": sha256(b"missing"), "size": 7 }));
    let image = maker.image_of(OCI_MANIFEST, OCI_CONFIG, "amd64", &layers, &[]);
    maker.index_file(&index_file(&[tagged(image, "1.0")]));
    check(&place, &archive_of(&sandbox.join("layout")), &[&sha256(b"missing")]);
}

/// Zeros that gzip made a thousand times smaller: three gigabytes of them in the only layer.
fn bomb(members: &[Member], one_member: bool) -> Vec<u8> {
    const PIECE: usize = 64 << 20;
    const PIECES: usize = 48;
    let mut start = tar(TarFormat::Ustar, members);
    start.truncate(start.len() - 2 * BLOCK);
    let mut header = tar::Header::new_ustar();
    header.set_path("layer.tar").unwrap();
    header.set_mode(0o644);
    header.set_size((PIECE * PIECES) as u64);
    header.set_cksum();
    start.extend_from_slice(header.as_bytes());
    let zeros = vec![0; PIECE];
    if one_member {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
        encoder.write_all(&start).unwrap();
        for _ in 0..PIECES {
            encoder.write_all(&zeros).unwrap();
        }
        encoder.write_all(&[0; 2 * BLOCK]).unwrap();
        return encoder.finish().unwrap();
    }
    let piece = gzip(&zeros);
    let mut bomb = gzip(&start);
    for _ in 0..PIECES {
        bomb.extend_from_slice(&piece);
    }
    bomb.extend(gzip(&[0; 2 * BLOCK]));
    bomb
}

#[test]
fn bombs() {
    let Some(place) = place() else { return };
    let (mut members, entry) = saved(&config_of(&[b"x"]), &["acme/x:1"], &[]);
    let entry = super::with(entry, &json!({ "Layers": ["layer.tar"] }));
    members.push(Member::file("manifest.json", json!([entry]).to_string()));
    for one_member in [true, false] {
        place.write("bomb.tar.gz", bomb(&members, one_member));
        // no file may grow beyond a gigabyte, should it be unpacked after all
        let script = format!("ulimit -f {}; exec \"$@\"", (1 << 30) / BLOCK);
        let program = [
            "-c",
            &script,
            "sh",
            "timeout",
            "-s",
            "KILL",
            "120",
            env!("CARGO_BIN_EXE_airpack"),
        ];
        let push = ["push", "bomb.tar.gz", &place.name("acme/x:1")];
        let run = Run::of(place.command("sh").args(program).args(push));
        run.failed(1).stderr_has("bomb.tar.gz").stderr_lacks("os error");
        place.check_nothing_sent(&run);
    }
}

#[test]
fn sizes_in_headers_that_are_a_lie() {
    let Some(place) = place() else { return };
    for size in [8_000_000_000, 10_000, u64::MAX >> 2, u64::MAX] {
        let mut archive = tar(TarFormat::Ustar, &small_docker_archive());
        archive.truncate(archive.len() - 2 * BLOCK);
        let mut header = tar::Header::new_gnu();
        header.set_path("more").unwrap();
        header.set_mode(0o644);
        header.set_size(size);
        header.set_cksum();
        archive.extend_from_slice(header.as_bytes());
        archive.extend_from_slice(&[b'x'; 2 * BLOCK]);
        check(&place, &archive, &[]);
    }
}

#[test]
fn names_that_never_end() {
    let Some(place) = place() else { return };
    for kind in [b'L', b'K', b'x', b'g'] {
        let mut archive = Vec::new();
        let mut header = tar::Header::new_gnu();
        header.set_path("long").unwrap();
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_size(8 << 20);
        header.set_cksum();
        archive.extend_from_slice(header.as_bytes());
        archive.resize(archive.len() + (8 << 20), b'x');
        archive.extend(tar(TarFormat::Ustar, &small_docker_archive()));
        place.write("long.tar", archive);
        refused(&place, "long.tar");
    }
}
