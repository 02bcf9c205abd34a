//! What a folder holds, so that two moments can be compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Every name under a folder with its mode and content. Equal snapshots mean that nobody touched the folder.
pub(crate) struct Snapshot {
    root: PathBuf,
    with_times: bool,
    things: BTreeMap<PathBuf, String>,
}

impl Snapshot {
    /// Looks at `root` and all below it, with the times of change: a file that was made and taken away again shows
    /// in the time of its folder. A root that is not there gives an empty snapshot.
    pub(crate) fn of(root: impl AsRef<Path>) -> Self {
        Self::taken(root.as_ref(), true)
    }

    /// The same without times.
    pub(crate) fn content_of(root: impl AsRef<Path>) -> Self {
        Self::taken(root.as_ref(), false)
    }

    /// The names, relative to the root, which itself is the empty name.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.things.keys().map(|name| name.to_str().unwrap()).collect()
    }

    /// Nothing under the root has changed since this snapshot was taken; `when` says what happened in between.
    #[track_caller]
    pub(crate) fn assert_unchanged(&self, when: &str) {
        let now = Self::taken(&self.root, self.with_times);
        let names: BTreeSet<&PathBuf> = self.things.keys().chain(now.things.keys()).collect();
        let mut changes = String::new();
        for name in names {
            let (before, after) = (self.things.get(name), now.things.get(name));
            if before != after {
                writeln!(changes, "{:?}: {before:?} -> {after:?}", name.display()).unwrap();
            }
        }
        assert!(
            changes.is_empty(),
            "{when}: `{}` has changed:\n{changes}",
            self.root.display()
        );
    }

    fn taken(root: &Path, with_times: bool) -> Self {
        let mut things = BTreeMap::new();
        if root.symlink_metadata().is_ok() {
            look(root, Path::new(""), with_times, &mut things);
        }
        Self {
            root: root.to_path_buf(),
            with_times,
            things,
        }
    }
}

fn look(root: &Path, name: &Path, with_times: bool, things: &mut BTreeMap<PathBuf, String>) {
    let path = if name.as_os_str().is_empty() {
        root.to_path_buf()
    } else {
        root.join(name)
    };
    let metadata = path.symlink_metadata().unwrap();
    let kind = metadata.file_type();
    let mut shown = format!("{:o}", metadata.permissions().mode());
    if kind.is_file() {
        let content = fs::read(&path).map(|bytes| hex::encode(Sha256::digest(bytes)));
        shown += &content.map_or_else(|error| format!(" {error}"), |hex| format!(" {hex}"));
    } else if kind.is_symlink() {
        write!(shown, " -> {}", fs::read_link(&path).unwrap().display()).unwrap();
    }
    if with_times {
        write!(shown, " {}.{}", metadata.mtime(), metadata.mtime_nsec()).unwrap();
    }
    things.insert(name.to_path_buf(), shown);
    if kind.is_dir() {
        // what may not be read counts as empty
        for entry in fs::read_dir(&path).into_iter().flatten() {
            let child = name.join(entry.unwrap().file_name());
            look(root, &child, with_times, things);
        }
    }
}
