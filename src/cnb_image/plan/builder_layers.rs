//! The layers of a builder that hold no module and no lifecycle: folders, files, whiteouts (platform spec, builder layout).

use super::super::build_user::BuildUser;
use super::super::layer_tar::SmallLayer;
use crate::archive::entry::{Entry, EntryKind};
use crate::archive::timestamp::NORMALIZED;
use crate::cnb::build_env::BuildEnv;
use crate::cnb::id::{ModuleId, ModuleVersion};
use crate::cnb::module::ModuleKind;
use crate::cnb::paths::module_folder;

/// Folders that builds write to.
const OF_USER: [&str; 2] = ["/workspace", "/layers"];
/// Folders that they only read.
const OF_ROOT: [&str; 7] = [
    "/cnb",
    "/cnb/buildpacks",
    "/cnb/extensions",
    "/platform",
    "/platform/env",
    "/cnb/build-config",
    BUILD_ENV,
];
/// Where `[[build.env]]` goes.
const BUILD_ENV: &str = "/cnb/build-config/env";

/// The folders that every builder has.
pub(super) fn folders(user: BuildUser) -> SmallLayer {
    let mut layer = SmallLayer::default();
    for path in OF_USER {
        layer.add(Entry {
            uid: user.uid,
            gid: user.gid,
            ..entry(path, EntryKind::Dir, 0o755)
        });
    }
    for path in OF_ROOT {
        layer.add(entry(path, EntryKind::Dir, 0o755));
    }
    layer
}

/// One file.
pub(super) fn file(path: &str, content: &str) -> SmallLayer {
    let mut layer = SmallLayer::default();
    layer.add_file(empty_file(path), content.as_bytes());
    layer
}

/// The variables of `[[build.env]]`, a file for each.
pub(super) fn build_env(env: &BuildEnv) -> SmallLayer {
    let mut layer = SmallLayer::default();
    for (name, content) in &env.0 {
        layer.add_file(empty_file(&format!("{BUILD_ENV}/{name}")), content.as_bytes());
    }
    layer
}

/// Takes away a module of the image below. Its time is the epoch, as pack has it.
pub(super) fn whiteout(kind: ModuleKind, id: &ModuleId, version: &ModuleVersion) -> SmallLayer {
    let mut layer = SmallLayer::default();
    layer.add(Entry {
        mtime: 0,
        ..empty_file(&format!("{}/.wh.{version}", module_folder(kind, id)))
    });
    layer
}

fn empty_file(path: &str) -> Entry {
    entry(path, EntryKind::File { size: 0 }, 0o644)
}

fn entry(path: &str, kind: EntryKind, mode: u32) -> Entry {
    Entry {
        path: path.as_bytes().to_vec(),
        kind,
        mode,
        uid: 0,
        gid: 0,
        mtime: NORMALIZED,
    }
}
