//! Reads a `.cnb` with none of the tool's own code: as a tar, and as the layout in it.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::Sandbox;
use super::layout_view::{ImageView, IndexView, LayoutView, OCI_INDEX, TarEntry, read_tar, text};

/// A `.cnb`, unpacked.
pub(crate) struct CnbFile {
    pub(crate) bytes: Vec<u8>,
    /// The members, in their order.
    pub(crate) members: Vec<TarEntry>,
    pub(crate) layout: LayoutView,
    path: PathBuf,
    _unpacked: Sandbox,
}

impl CnbFile {
    /// Reads the file, which has to be a tar with sound names.
    #[track_caller]
    pub(crate) fn open(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("failed to read {}: {error}", path.display()));
        let members = read_tar(&bytes);
        let unpacked = Sandbox::new();
        unpack(&bytes, &unpacked);
        let layout = LayoutView::open(unpacked.path());
        Self {
            bytes,
            members,
            layout,
            path,
            _unpacked: unpacked,
        }
    }

    /// The one image straight in `index.json`. Its descriptor is the entry there; the layout has to be whole.
    #[track_caller]
    pub(crate) fn flat_image(&self) -> ImageView {
        self.layout.check_whole();
        let [entry] = self.layout.entries() else {
            panic!("{}: not one entry: {:#}", self.path.display(), self.layout.index_file());
        };
        assert_ne!(text(entry, "mediaType"), OCI_INDEX, "{}", self.path.display());
        self.layout.image_at(entry)
    }

    /// The one image index in `index.json`; the layout has to be whole.
    #[track_caller]
    pub(crate) fn nested_index(&self) -> IndexView {
        self.layout.check_whole();
        let [entry] = self.layout.entries() else {
            panic!("{}: not one entry: {:#}", self.path.display(), self.layout.index_file());
        };
        assert_eq!(text(entry, "mediaType"), OCI_INDEX, "{}", self.path.display());
        self.layout.index_at(entry)
    }

    /// The names of the members, as they are written.
    pub(crate) fn names(&self) -> Vec<String> {
        self.members.iter().map(TarEntry::name).collect()
    }
}

/// The platform of an image's config as `os/architecture[/variant][:os.version]`.
pub(crate) fn config_platform(image: &ImageView) -> String {
    let field = |name: &str| image.config[name].as_str();
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

fn unpack(bytes: &[u8], to: &Sandbox) {
    let mut archive = tar::Archive::new(bytes);
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let relative = Path::new(name.trim_start_matches('/'));
        assert!(!name.split('/').any(|part| part == ".."), "a member is called {name}");
        let kind = entry.header().entry_type();
        if kind.is_dir() {
            to.folder(relative);
        } else {
            assert!(kind.is_file(), "{name} is neither file nor folder");
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            to.write(relative, content);
        }
    }
}
