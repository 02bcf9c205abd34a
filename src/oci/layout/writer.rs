//! [`LayoutWriter`]: names the blobs that were gathered, then replaces `index.json`, in one commit. What is fetched from a registry is
//! named at once, so that the next run need not fetch it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::super::descriptor::Descriptor;
use super::super::digest::Digest;
use super::super::json;
use super::super::store::{BlobSource, BlobStore, Put, check_size};
use super::blob_file::{Nameless, Rollback, has_digest, inode, read_small, replace_file};
use super::folder::{FolderLock, UseLock, ensure, nearest, open_to_all};
use super::staging::Staging;
use super::{ALGORITHMS, BLOBS, INDEX, IndexFile, Layout, MARKER, MAX_INDEX, Marker, VERSION, blob_path};
use crate::archive::temporary::{is_temporary, sweep_files};
use crate::error::{Error, Result};
use crate::progress::{Progress, Step};

/// Adds to a layout, or makes one. Until [`commit`](Self::commit) no image in it changes.
#[derive(Debug)]
pub struct LayoutWriter {
    root: PathBuf,
    staging: Staging,
    /// Keeps blobs from being removed that this run relies on.
    in_use: Mutex<Option<UseLock>>,
}

impl LayoutWriter {
    /// For the layout at `root`, which is made by the commit if it does not exist. An error if something else is there.
    pub fn new(root: &Path) -> Result<Self> {
        check_target(root)?;
        let scratch = nearest(&root.join(BLOBS).join("sha256"));
        if !scratch.is_dir() {
            return Err(Error::invalid(format!(
                "failed to create layout `{}`: `{}` is not a folder",
                root.display(),
                scratch.display()
            )));
        }
        Ok(Self {
            root: root.to_owned(),
            staging: Staging::new(scratch, Some(root.to_owned())),
            in_use: Mutex::new(UseLock::acquire(root)?),
        })
    }

    /// Where blobs are gathered.
    #[must_use]
    pub fn staging(&self) -> &Staging {
        &self.staging
    }

    /// Adds what was gathered and lets `edit` change the index, under a lock that other processes respect.
    ///
    /// `index.json` is replaced last. When anything fails, all that was added goes again.
    pub fn commit<T>(self, progress: &dyn Progress, edit: impl FnOnce(&mut IndexFile) -> Result<T>) -> Result<T> {
        let mut made = Rollback::default();
        let lock = FolderLock::acquire(&self.root, progress, &mut made)?;
        // what was made goes before the lock does: another process may rely on it from then on
        let outcome = self.commit_locked(progress, made, edit);
        drop(lock);
        outcome
    }

    /// Like [`commit`](Self::commit), but the layout has nothing then but what was gathered and what was found in it meanwhile.
    pub fn commit_only<T>(self, progress: &dyn Progress, edit: impl FnOnce(&mut IndexFile) -> Result<T>) -> Result<T> {
        let root = self.root.clone();
        let kept = self.staging.digests();
        let mut made = Rollback::default();
        let lock = FolderLock::acquire(&root, progress, &mut made)?;
        let outcome = self.commit_locked(progress, made, |index| {
            index.clear();
            edit(index)
        });
        if outcome.is_ok() {
            remove_others(&root, &kept);
        }
        drop(lock);
        outcome
    }

    fn commit_locked<T>(
        self,
        progress: &dyn Progress,
        mut made: Rollback,
        edit: impl FnOnce(&mut IndexFile) -> Result<T>,
    ) -> Result<T> {
        sweep_files(&self.root);
        // the folder may be the user's, where there is no layout yet
        if self.staging.scratch().starts_with(&self.root) {
            sweep_files(self.staging.scratch());
        }
        // held to the end: what was found in the layout is used until then
        let _in_use = self.in_use;
        let state = self.staging.into_state();
        let root = &self.root;
        let layout = begin(root, &mut made)?;
        let mut index = layout.index_file()?;
        let outcome = edit(&mut index)?;
        for digest in &state.reused {
            if !blob_path(root, digest).is_file() {
                return Err(Error::damaged(format!(
                    "blob {digest} has gone from layout `{}` meanwhile",
                    root.display()
                )));
            }
        }
        for (digest, nameless) in state.blobs {
            add_blob(root, &digest, nameless, &mut made)?;
        }
        for (digest, bytes) in state.documents {
            let path = blob_path(root, &digest);
            if !is_there(&path, &digest, root)? {
                let nameless =
                    Nameless::with_content(root, &bytes).map_err(|cause| Error::io("write", &path, cause))?;
                add_blob(root, &digest, nameless, &mut made)?;
            }
        }
        progress.check()?;
        mark(root, &mut made)?;
        replace_index(root, &index)?;
        made.disarm();
        Ok(outcome)
    }

    /// Names a blob now, before the commit: it stays when that never comes, so that the next run need not fetch it.
    pub(super) fn keep(&self, digest: &Digest, nameless: Nameless, progress: &dyn Progress) -> Result<()> {
        let mut made = Rollback::default();
        let lock = FolderLock::acquire(&self.root, progress, &mut made)?;
        let begun = begin(&self.root, &mut made).and_then(|_| mark(&self.root, &mut made));
        let kept = begun.and_then(|()| {
            let path = blob_path(&self.root, digest);
            if has_digest(&path, digest).is_ok_and(|is_good| !is_good) {
                fs::remove_file(&path).map_err(|cause| Error::io("replace blob", &path, cause))?;
            }
            add_blob(&self.root, digest, nameless, &mut made)
        });
        if kept.is_ok() {
            made.disarm();
        }
        // before the layout is free: who removes blobs needs both locks
        let in_use = kept.and_then(|()| {
            let mut in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
            if in_use.is_none() {
                *in_use = UseLock::acquire(&self.root)?;
            }
            Ok(())
        });
        drop(lock);
        in_use
    }
}

/// What comes from another store.
impl BlobStore for LayoutWriter {
    fn has_blob(&self, descriptor: &Descriptor) -> Result<bool> {
        let path = blob_path(&self.root, &descriptor.digest);
        // one that has other content is as good as none, and will be replaced
        let is_there = match has_digest(&path, &descriptor.digest) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => false,
            found => found.map_err(|cause| Error::io("read blob", &path, cause))?,
        };
        if is_there {
            let metadata = fs::metadata(&path).map_err(|cause| Error::io("read blob", &path, cause))?;
            check_size(descriptor, metadata.len())?;
            self.staging.need(&descriptor.digest);
        }
        Ok(is_there)
    }

    fn has_manifest(&self, descriptor: &Descriptor) -> Result<bool> {
        self.has_blob(descriptor)
    }

    fn put_blob(
        &self,
        descriptor: &Descriptor,
        from: &dyn BlobSource,
        step: &mut dyn Step,
        progress: &dyn Progress,
    ) -> Result<Put> {
        let copy = self.staging.copy_of(descriptor, from, step, progress)?;
        self.keep(&descriptor.digest, copy, progress)?;
        self.staging.need(&descriptor.digest);
        Ok(Put::Wrote)
    }

    fn put_manifest(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<()> {
        descriptor.digest.check(bytes)?;
        self.staging.keep_document(descriptor.digest.clone(), bytes);
        Ok(())
    }
}

/// Removes the blobs that are not `kept`. One that stays does no harm.
fn remove_others(root: &Path, kept: &BTreeSet<Digest>) {
    for algorithm in ALGORITHMS {
        let folder = root.join(BLOBS).join(algorithm);
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let digest = name.to_str().and_then(|hex| format!("{algorithm}:{hex}").parse().ok());
            if digest.is_some_and(|digest: Digest| !kept.contains(&digest)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// An error unless `root` is a layout, an empty folder, or nothing yet.
fn check_target(root: &Path) -> Result<()> {
    match fs::metadata(root) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => check_folder_name(root),
        Err(cause) => Err(Error::io("open layout", root, cause)),
        Ok(_) if is_new(root)? => Ok(()),
        Ok(_) => Layout::open(root)?.index_file().map(drop),
    }
}

/// An error for a new folder that could not be told from `oci:DIR` or `DIR:TAG`, by airpack and by other tools.
fn check_folder_name(root: &Path) -> Result<()> {
    let name = root.file_name().unwrap_or_default().to_string_lossy();
    if !name.contains(':') {
        return Ok(());
    }
    let folder = name.strip_prefix("oci:").unwrap_or(&name);
    let folder = root.with_file_name(folder.split(':').next().unwrap_or_default());
    Err(Error::invalid(format!(
        "`{}` can not be the folder of a new layout: it has a `:`",
        root.display()
    ))
    .with_hint(format!(
        "give `{}`; the tag is that of the image's name",
        folder.display()
    ))
    .as_usage())
}

/// Whether `root` is a folder with nothing in it, or what a process left that died while it made a layout.
fn is_new(root: &Path) -> Result<bool> {
    let Ok(entries) = fs::read_dir(root) else {
        return Ok(false);
    };
    let mut has_blobs = false;
    let mut is_begun = false;
    for entry in entries {
        let entry = entry.map_err(|cause| Error::io("read", root, cause))?;
        let name = entry.file_name();
        if name == INDEX {
            is_begun = read_small(&entry.path(), MAX_INDEX).is_ok_and(|text| text == IndexFile::default().to_bytes());
            if !is_begun {
                return Ok(false);
            }
        } else if name == BLOBS {
            has_blobs = true;
        } else if !is_temporary(&name) {
            return Ok(false);
        }
    }
    // blobs that somebody else keeps there have no such index beside them
    Ok(is_begun || !has_blobs)
}

/// The layout at `root`; where there is none, a folder that becomes one when [`mark`] says that the rest is there.
fn begin(root: &Path, made: &mut Rollback) -> Result<Layout> {
    if !is_new(root)? {
        return Layout::open(root);
    }
    create(&root.join(INDEX), &IndexFile::default().to_bytes(), root, made)?;
    Ok(Layout::open_unchecked(root))
}

/// Makes the file that makes a folder a layout, unless it is there.
fn mark(root: &Path, made: &mut Rollback) -> Result<()> {
    let marker = Marker {
        version: VERSION.to_owned(),
    };
    create(&root.join(MARKER), &json::to_bytes(&marker), root, made)
}

fn create(path: &Path, content: &[u8], root: &Path, made: &mut Rollback) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    match Nameless::with_content(root, content).and_then(|nameless| nameless.name(path)) {
        Ok(()) => {
            made.file(path);
            Ok(())
        }
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(cause) => Err(Error::io("write", path, cause)),
    }
}

fn add_blob(root: &Path, digest: &Digest, nameless: Nameless, made: &mut Rollback) -> Result<()> {
    let path = blob_path(root, digest);
    if is_there(&path, digest, root)? {
        return Ok(());
    }
    for folder in [root.join(BLOBS), root.join(BLOBS).join(digest.algorithm())] {
        ensure(&folder, made)?;
        open_to_all(&folder);
    }
    let failed = |cause| Error::io("write", &path, cause);
    let shared = nameless.shared_inode().map_err(failed)?;
    nameless.name(&path).map_err(failed)?;
    made.file(&path);
    // where no link could be made the file was read a second time
    let is_copy = shared.is_some_and(|shared| fs::metadata(&path).is_ok_and(|own| inode(&own) != shared));
    if is_copy {
        is_there(&path, digest, root)?;
    }
    Ok(())
}

/// Whether the blob is there; an error when what is there has other content.
fn is_there(path: &Path, digest: &Digest, root: &Path) -> Result<bool> {
    match has_digest(path, digest) {
        Ok(true) => Ok(true),
        Ok(false) => Err(Error::damaged(format!(
            "blob {digest} in layout `{}` has other content",
            root.display()
        ))
        .with_hint(format!("remove `{}` and run again", path.display()))),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(Error::io("read blob", path, cause)),
    }
}

/// The new text is a blob first, so that a process that dies here leaves nothing but a blob nobody refers to.
fn replace_index(root: &Path, index: &IndexFile) -> Result<()> {
    let path = root.join(INDEX);
    let failed = |cause| Error::io("write", &path, cause);
    let text = index.to_bytes();
    if read_small(&path, MAX_INDEX).is_ok_and(|before| before == text) {
        return Ok(());
    }
    let as_blob = blob_path(root, &Digest::of(&text));
    let named = Nameless::with_content(root, &text).and_then(|nameless| nameless.name(&as_blob));
    let renamed = named.and_then(|()| {
        fs::rename(&as_blob, &path).inspect_err(|_| {
            let _ = fs::remove_file(&as_blob);
        })
    });
    match renamed {
        // such a blob is there and in use, or blobs are on another file system
        Err(cause)
            if matches!(
                cause.kind(),
                // or there is no folder for such blobs, where all have digests of another kind
                io::ErrorKind::AlreadyExists | io::ErrorKind::CrossesDevices | io::ErrorKind::NotFound
            ) =>
        {
            replace_file(&path, &text).map_err(failed)
        }
        other => other.map_err(failed),
    }
}
