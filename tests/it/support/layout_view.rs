//! Reads an OCI layout with none of the tool's own code, and checks that it is whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";
pub(crate) const IMAGE_NAME: &str = "io.containerd.image.name";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// A layout on disk. Its `index.json` is read once, its blobs when asked for.
pub(crate) struct LayoutView {
    root: PathBuf,
    index_file: Value,
}

/// One tag: an image index and the images behind it.
pub(crate) struct IndexView {
    /// The entry in `index.json`.
    pub(crate) descriptor: Value,
    /// The image index itself.
    pub(crate) index: Value,
    /// The images, in the order of the index.
    pub(crate) children: Vec<ImageView>,
}

/// One image of an index.
pub(crate) struct ImageView {
    /// The entry in the image index.
    pub(crate) descriptor: Value,
    pub(crate) manifest: Value,
    pub(crate) config: Value,
    pub(crate) layers: Vec<LayerView>,
}

/// One layer of an image, unpacked.
#[derive(Clone)]
pub(crate) struct LayerView {
    /// The entry in the manifest.
    pub(crate) descriptor: Value,
    /// Computed from the content.
    pub(crate) diff_id: String,
    /// Length of the tar.
    pub(crate) uncompressed: u64,
    pub(crate) entries: Vec<TarEntry>,
}

/// One entry of a layer, as its header and the extended headers before it say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TarEntry {
    /// With its leading `/`, byte for byte.
    pub(crate) name: Vec<u8>,
    /// `file`, `dir`, `symlink`, `hardlink`, or the type flag.
    pub(crate) kind: String,
    pub(crate) mode: u32,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    pub(crate) size: u64,
    pub(crate) mtime: u64,
    pub(crate) linkname: Option<Vec<u8>>,
    /// Of the content of a file, in hex.
    pub(crate) sha256: Option<String>,
}

impl TarEntry {
    /// The name for messages and for comparing with text.
    pub(crate) fn name(&self) -> String {
        String::from_utf8_lossy(&self.name).into_owned()
    }
}

impl LayoutView {
    /// Reads `index.json` of the layout in this folder.
    #[track_caller]
    pub(crate) fn open(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let path = root.join("index.json");
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("failed to read {}: {error}", path.display()));
        let index_file = parse(&bytes, "index.json");
        Self { root, index_file }
    }

    /// The folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// `index.json`, parsed.
    pub(crate) fn index_file(&self) -> &Value {
        &self.index_file
    }

    /// The entries of `index.json`.
    pub(crate) fn entries(&self) -> &[Value] {
        array(&self.index_file, "manifests")
    }

    /// The `ref.name` of every entry that has one, in the order of `index.json`.
    pub(crate) fn tags(&self) -> Vec<&str> {
        self.entries().iter().filter_map(ref_name).collect()
    }

    /// The one entry with this `ref.name`.
    #[track_caller]
    pub(crate) fn entry(&self, tag: &str) -> &Value {
        let found: Vec<_> = self
            .entries()
            .iter()
            .filter(|entry| ref_name(entry) == Some(tag))
            .collect();
        assert_eq!(found.len(), 1, "entries with the tag {tag} in {:#}", self.index_file);
        found[0]
    }

    /// The digest behind a tag.
    #[track_caller]
    pub(crate) fn digest(&self, tag: &str) -> &str {
        text(self.entry(tag), "digest")
    }

    /// Where a blob lies.
    pub(crate) fn blob_path(&self, digest: &str) -> PathBuf {
        self.root.join("blobs").join(digest.replace(':', "/"))
    }

    /// The bytes of a blob, checked against its digest.
    #[track_caller]
    pub(crate) fn blob(&self, digest: &str) -> Vec<u8> {
        let path = self.blob_path(digest);
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("failed to read {}: {error}", path.display()));
        assert_eq!(sha256(&bytes), digest, "content of {}", path.display());
        bytes
    }

    /// A blob that is JSON, parsed.
    #[track_caller]
    pub(crate) fn json(&self, digest: &str) -> Value {
        parse(&self.blob(digest), digest)
    }

    /// The names of all files in `blobs/sha256`, sorted.
    pub(crate) fn blob_names(&self) -> BTreeSet<String> {
        names(&self.root.join("blobs/sha256"))
    }

    /// The image index with this tag and everything behind it.
    #[track_caller]
    pub(crate) fn image_index(&self, tag: &str) -> IndexView {
        self.index_at(self.entry(tag))
    }

    /// The image index that this descriptor leads to and everything behind it.
    #[track_caller]
    pub(crate) fn index_at(&self, descriptor: &Value) -> IndexView {
        let index = self.json(text(descriptor, "digest"));
        let mut unpacked = BTreeMap::new();
        let children = array(&index, "manifests")
            .iter()
            .map(|child| self.image(child, &mut unpacked))
            .collect();
        IndexView {
            descriptor: descriptor.clone(),
            index,
            children,
        }
    }

    /// The image that this descriptor leads to.
    #[track_caller]
    pub(crate) fn image_at(&self, descriptor: &Value) -> ImageView {
        self.image(descriptor, &mut BTreeMap::new())
    }

    fn image(&self, descriptor: &Value, unpacked: &mut BTreeMap<String, LayerView>) -> ImageView {
        let manifest = self.json(text(descriptor, "digest"));
        let config = self.json(text(&manifest["config"], "digest"));
        let layers = array(&manifest, "layers")
            .iter()
            .map(|layer| {
                let known = unpacked
                    .entry(text(layer, "digest").to_owned())
                    .or_insert_with(|| self.layer(layer));
                LayerView {
                    descriptor: layer.clone(),
                    ..known.clone()
                }
            })
            .collect();
        ImageView {
            descriptor: descriptor.clone(),
            manifest,
            config,
            layers,
        }
    }

    fn layer(&self, descriptor: &Value) -> LayerView {
        let blob = self.blob(text(descriptor, "digest"));
        let tar = unpack(&blob, text(descriptor, "mediaType"));
        LayerView {
            descriptor: descriptor.clone(),
            diff_id: sha256(&tar),
            uncompressed: tar.len() as u64,
            entries: read_tar(&tar),
        }
    }

    /// The layout is complete, consistent and tidy, and has no blob that nothing refers to.
    #[track_caller]
    pub(crate) fn check_whole(&self) {
        let mut faults = self.faults();
        let reachable = self.reachable(&mut faults);
        for name in self.blob_names().difference(&reachable) {
            faults.push(format!("nothing refers to blobs/sha256/{name}"));
        }
        self.report(&faults);
    }

    /// As [`check_whole`](Self::check_whole), but blobs that nothing refers to may be there, as after the
    /// replacement of a tag or a run that was killed.
    #[track_caller]
    pub(crate) fn check_whole_with_leftovers(&self) {
        let mut faults = self.faults();
        self.reachable(&mut faults);
        self.report(&faults);
    }

    #[track_caller]
    fn report(&self, faults: &[String]) {
        assert!(
            faults.is_empty(),
            "the layout {} has faults:\n  {}\nindex.json: {:#}",
            self.root.display(),
            faults.join("\n  "),
            self.index_file
        );
    }

    /// What is wrong with the files, each seen for itself.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut expect = |good: bool, fault: String| {
            if !good {
                faults.push(fault);
            }
        };
        let expected = ["blobs", "index.json", "oci-layout"].map(str::to_owned);
        let found = names(&self.root);
        expect(found == BTreeSet::from(expected), format!("the folder holds {found:?}"));
        let found = names(&self.root.join("blobs"));
        expect(
            found == BTreeSet::from(["sha256".to_owned()]),
            format!("blobs holds {found:?}"),
        );
        let version = fs::read(self.root.join("oci-layout")).unwrap_or_default();
        let version = serde_json::from_slice::<Value>(&version).unwrap_or_default();
        expect(
            version["imageLayoutVersion"] == "1.0.0",
            format!("oci-layout is {version}"),
        );
        for name in self.blob_names() {
            let bytes = fs::read(self.root.join("blobs/sha256").join(&name)).unwrap();
            let digest = sha256(&bytes);
            expect(
                digest == format!("sha256:{name}"),
                format!("{name} has the digest {digest}"),
            );
        }
        let tags = self.tags();
        let unique: BTreeSet<_> = tags.iter().collect();
        expect(unique.len() == tags.len(), format!("tags are not unique: {tags:?}"));
        faults.extend(wrong_modes(&self.root));
        faults
    }

    /// The blobs that `index.json` leads to; what is wrong on the way is added to `faults`.
    fn reachable(&self, faults: &mut Vec<String>) -> BTreeSet<String> {
        let mut walk = Walk {
            layout: self,
            seen: BTreeSet::new(),
            diff_ids: BTreeMap::new(),
            faults,
        };
        for entry in self.entries() {
            walk.visit(entry);
        }
        walk.seen
    }
}

impl IndexView {
    /// The images' platforms, as `os/architecture[/variant][:os.version]`, in order.
    pub(crate) fn platforms(&self) -> Vec<String> {
        self.children.iter().map(ImageView::platform).collect()
    }

    /// The image for this platform, written as by [`platforms`](Self::platforms).
    #[track_caller]
    pub(crate) fn child(&self, platform: &str) -> &ImageView {
        let found: Vec<_> = self.children.iter().filter(|c| c.platform() == platform).collect();
        assert_eq!(found.len(), 1, "images for {platform} among {:?}", self.platforms());
        found[0]
    }
}

impl ImageView {
    /// The descriptor's platform as `os/architecture[/variant][:os.version]`.
    pub(crate) fn platform(&self) -> String {
        let platform = &self.descriptor["platform"];
        let field = |name: &str| platform[name].as_str();
        let mut shown = [field("os"), field("architecture"), field("variant")]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("/");
        if let Some(version) = field("os.version") {
            shown = format!("{shown}:{version}");
        }
        shown
    }

    /// All labels of the config.
    pub(crate) fn labels(&self) -> BTreeMap<String, String> {
        serde_json::from_value(self.config["config"]["Labels"].clone()).unwrap_or_default()
    }

    /// The names of the entries of the only layer, below the folder of the buildpack.
    #[track_caller]
    pub(crate) fn files(&self) -> Vec<String> {
        assert_eq!(self.layers.len(), 1, "layers of {}", self.platform());
        let entries = &self.layers[0].entries;
        let root = format!("{}/", entries[1].name());
        entries[2..]
            .iter()
            .map(|entry| entry.name().replacen(&root, "", 1))
            .collect()
    }
}

/// Follows descriptors and checks each against what it points to.
struct Walk<'a> {
    layout: &'a LayoutView,
    seen: BTreeSet<String>,
    diff_ids: BTreeMap<String, String>,
    faults: &'a mut Vec<String>,
}

impl Walk<'_> {
    fn visit(&mut self, descriptor: &Value) {
        let Some(bytes) = self.blob(descriptor) else { return };
        let Ok(content) = serde_json::from_slice::<Value>(&bytes) else {
            self.faults.push(format!("not JSON: {descriptor}"));
            return;
        };
        let media_type = descriptor["mediaType"].as_str().unwrap_or_default();
        self.expect(
            content["mediaType"].is_null() || content["mediaType"] == media_type,
            || format!("the media type inside differs: {descriptor}"),
        );
        if media_type == OCI_INDEX || media_type == DOCKER_LIST {
            for child in array(&content, "manifests") {
                self.visit(child);
            }
        } else {
            self.manifest(descriptor, &content);
        }
    }

    fn manifest(&mut self, descriptor: &Value, manifest: &Value) {
        let Some(config) = self.blob(&manifest["config"]) else {
            return;
        };
        let config: Value = serde_json::from_slice(&config).unwrap_or_default();
        if !descriptor["platform"].is_null() {
            for field in ["os", "architecture", "variant", "os.version", "os.features"] {
                let (outside, inside) = (&descriptor["platform"][field], &config[field]);
                self.expect(outside == inside, || {
                    format!("{field} is {outside} in the index and {inside} in the config: {descriptor}")
                });
            }
        }
        let layers = array(manifest, "layers");
        let expected = &config["rootfs"]["diff_ids"];
        if expected.is_array() {
            let found: Vec<Value> = layers.iter().map(|layer| self.diff_id(layer).into()).collect();
            self.expect(*expected == Value::Array(found.clone()), || {
                format!("diff_ids are {expected}, of the layers {found:?}: {descriptor}")
            });
        } else {
            // an artifact: its layers are any blobs
            for layer in layers {
                self.blob(layer);
            }
        }
    }

    fn diff_id(&mut self, layer: &Value) -> String {
        let Some(bytes) = self.blob(layer) else {
            return "?".to_owned();
        };
        let media_type = text(layer, "mediaType");
        self.diff_ids
            .entry(text(layer, "digest").to_owned())
            .or_insert_with(|| sha256(&unpack(&bytes, media_type)))
            .clone()
    }

    /// The bytes a descriptor points to, if digest and size fit.
    fn blob(&mut self, descriptor: &Value) -> Option<Vec<u8>> {
        let digest = descriptor["digest"].as_str().unwrap_or_default();
        let Ok(bytes) = fs::read(self.layout.blob_path(digest)) else {
            self.faults.push(format!("no blob for {descriptor}"));
            return None;
        };
        self.seen.insert(digest.replace("sha256:", ""));
        self.expect(descriptor["size"] == bytes.len(), || {
            format!("{} bytes, not as in {descriptor}", bytes.len())
        });
        self.expect(sha256(&bytes) == digest, || format!("wrong content for {descriptor}"));
        Some(bytes)
    }

    fn expect(&mut self, good: bool, fault: impl FnOnce() -> String) {
        if !good {
            self.faults.push(fault());
        }
    }
}

/// `sha256:` and the hash in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// The text in a field that has to be there.
#[track_caller]
pub(crate) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no text in `{field}` of {value:#}"))
}

/// The list in a field; an empty one where the field is missing.
pub(crate) fn array<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().map_or(&[], Vec::as_slice)
}

/// The tag of an entry of `index.json`.
pub(crate) fn ref_name(entry: &Value) -> Option<&str> {
    entry["annotations"][REF_NAME].as_str()
}

/// The tar in a layer blob of this media type.
pub(crate) fn unpack(blob: &[u8], media_type: &str) -> Vec<u8> {
    let mut tar = Vec::new();
    if media_type.ends_with("gzip") {
        // one member only: what comes after it would be a fault
        let mut decoder = flate2::bufread::GzDecoder::new(blob);
        decoder.read_to_end(&mut tar).unwrap();
        assert!(decoder.into_inner().is_empty(), "more than one gzip member in a layer");
    } else if media_type.ends_with("zstd") {
        tar = zstd::decode_all(blob).unwrap();
    } else {
        assert!(
            media_type.ends_with("tar"),
            "unknown media type of a layer: {media_type}"
        );
        tar.extend_from_slice(blob);
    }
    tar
}

/// The entries of a tar.
pub(crate) fn read_tar(tar: &[u8]) -> Vec<TarEntry> {
    let mut archive = tar::Archive::new(tar);
    archive
        .entries()
        .unwrap()
        .map(|entry| read_entry(entry.unwrap()))
        .collect()
}

fn read_entry(mut entry: tar::Entry<'_, &[u8]>) -> TarEntry {
    let kind = match entry.header().entry_type().as_byte() {
        b'0' => "file".to_owned(),
        b'1' => "hardlink".to_owned(),
        b'2' => "symlink".to_owned(),
        b'5' => "dir".to_owned(),
        other => char::from(other).to_string(),
    };
    let mut content = Vec::new();
    entry.read_to_end(&mut content).unwrap();
    let header = entry.header();
    TarEntry {
        mode: header.mode().unwrap(),
        uid: header.uid().unwrap(),
        gid: header.gid().unwrap(),
        mtime: header.mtime().unwrap(),
        size: entry.size(),
        name: entry.path_bytes().into_owned(),
        linkname: entry.link_name_bytes().map(std::borrow::Cow::into_owned),
        sha256: (kind == "file").then(|| hex::encode(Sha256::digest(&content))),
        kind,
    }
}

#[track_caller]
fn parse(bytes: &[u8], what: &str) -> Value {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|error| panic!("{what} is not JSON: {error}\n{}", String::from_utf8_lossy(bytes)))
}

/// The names in a folder; none where there is no folder.
fn names(folder: &Path) -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return BTreeSet::new();
    };
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// The files that are not 0644 and the folders that are not 0755.
fn wrong_modes(path: &Path) -> Vec<String> {
    let metadata = fs::symlink_metadata(path).unwrap();
    let mode = metadata.permissions().mode() & 0o7777;
    let expected = if metadata.is_dir() { 0o755 } else { 0o644 };
    let mut faults = Vec::new();
    if mode != expected {
        faults.push(format!("{} has the mode {mode:o}", path.display()));
    }
    if metadata.is_dir() {
        for name in names(path) {
            faults.extend(wrong_modes(&path.join(name)));
        }
    }
    faults
}
