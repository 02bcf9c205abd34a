//! [`Unpacker`]: the tars of layers become files below one folder, whatever is in them.
//!
//! Every path is walked name by name from that folder, and links on the way are read as a container would read them that has the
//! folder as its root: nothing that a layer says leads out of it.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags, chmodat, chownat, fchmod,
    fchown, fsetxattr, futimens, linkat, makedev, mkdirat, mknodat, openat, readlinkat, statat, symlinkat, unlinkat,
    utimensat,
};
use rustix::io::Errno;

use super::entry::{EntryKind, SpecialKind, display_path, join, parent, relative_path};
use super::tar_read::{TarEntry, TarReader};
use super::timestamp::NORMALIZED;
use crate::error::{Error, Result, from_io};
use crate::progress::Progress;

/// What the name of an entry begins with that takes something away (OCI image layer, "Whiteouts").
const WHITEOUT: &[u8] = b".wh.";
/// What begins the names of the bookkeeping of AUFS, which are no files.
const BOOKKEEPING: &[u8] = b".wh..wh.";
/// Takes away what lower layers have in its folder.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// Links that are followed from one path, as in Linux.
const MAX_LINKS: u32 = 40;
/// Bytes of a path, as in Linux.
const MAX_PATH: usize = 4096;
/// Folders in each other; each takes an open file when they are taken away.
const MAX_DEPTH: usize = 512;
/// The last second of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;
/// Bytes that are copied at once.
const COPY_LEN: usize = 128 << 10;
/// Set-user-id and set-group-id.
const PRIVILEGES: u32 = 0o6000;
/// What a failure is called.
const SET_STATUS: &str = "set the mode, owner or time of";
/// Names that a note has.
const SHOWN: usize = 3;

/// What a folder is while it is filled; what it is to be comes at the end.
const OPEN_TO_US: Mode = Mode::RWXU;
const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Unpacks layers on top of each other.
#[derive(Debug)]
pub struct Unpacker {
    root: OwnedFd,
    /// The root as it is named, for errors.
    shown: PathBuf,
    /// Whether files can be given away, and devices made.
    is_root: bool,
    /// All folders by their real paths, and what they are to be.
    folders: BTreeMap<Vec<u8>, Status>,
    /// What the current layer has made: whiteouts are not about it.
    made: HashSet<Vec<u8>>,
    /// The folder that was looked up last.
    last: Option<(Vec<u8>, Folder)>,
    left_out: LeftOut,
}

/// Mode, owner and time.
#[derive(Debug, Clone, Copy)]
struct Status {
    mode: u32,
    uid: u32,
    gid: u32,
    mtime: u64,
}

/// An open folder, and its path from the root without links.
#[derive(Debug)]
struct Folder {
    fd: OwnedFd,
    path: Vec<u8>,
}

/// What could not be done.
#[derive(Debug, Default)]
struct LeftOut {
    devices: Names,
    /// Set-user-id and set-group-id bits.
    privileges: Names,
    attributes: Names,
}

#[derive(Debug, Default)]
struct Names {
    first: Vec<String>,
    count: usize,
}

impl Names {
    fn push(&mut self, path: &[u8]) {
        self.count += 1;
        if self.first.len() < SHOWN {
            self.first.push(display_path(path));
        }
    }

    /// `what`, how many and which; `None` for none.
    fn note(&self, what: &str) -> Option<String> {
        let more = self.count - self.first.len();
        let more = if more == 0 {
            String::new()
        } else {
            format!(" and {more} more")
        };
        (self.count > 0).then(|| format!("{what}: {}{more}", self.first.join(", ")))
    }
}

impl Unpacker {
    /// Unpacks to `root`, an empty folder that nobody else uses. Who owns it owns what is made; root keeps the owners of the layers.
    pub fn new(root: &Path) -> Result<Self> {
        let failed = |cause: io::Error| Error::io("open", root, cause);
        let fd = openat(CWD, root, FOLDER, Mode::empty()).map_err(|cause| failed(cause.into()))?;
        let metadata = std::fs::metadata(root).map_err(failed)?;
        let status = Status::implied();
        Ok(Self {
            root: fd,
            shown: root.to_owned(),
            is_root: metadata.uid() == 0,
            folders: BTreeMap::from([(Vec::new(), status)]),
            made: HashSet::new(),
            last: None,
            left_out: LeftOut::default(),
        })
    }

    /// Unpacks the tar of a layer on top of those before it.
    pub fn layer(&mut self, content: impl Read, progress: &dyn Progress) -> Result<()> {
        self.made.clear();
        let mut tar = TarReader::new(content);
        while let Some(found) = tar.next_entry()? {
            progress.check()?;
            let mut content = tar.content();
            self.entry(&found, &mut content, progress).map_err(|error| {
                error.context(format!("failed to unpack entry `{}`", display_path(&found.entry.path)))
            })?;
        }
        Ok(())
    }

    /// Gives the folders their modes, owners and times. The notes say what could not be kept.
    pub fn finish(mut self) -> Result<Vec<String>> {
        self.last = None;
        // what lies in a folder comes before it, while it can still be entered
        for (path, status) in std::mem::take(&mut self.folders).into_iter().rev() {
            let folder = self.open_real(&path)?;
            self.give(&folder.fd, status)
                .map_err(|cause| self.failed(SET_STATUS, &path, cause))?;
        }
        let mut notes = Vec::new();
        if !self.is_root {
            notes.push("all files belong to you, whatever the layers say: only root can give files away".to_owned());
        }
        let left_out = &self.left_out;
        notes.extend(left_out.devices.note("devices were left out, which could not be made"));
        notes.extend(
            left_out
                .privileges
                .note("set-user-id and set-group-id bits were left out, since the owners are others"),
        );
        notes.extend(left_out.attributes.note("extended attributes were left out"));
        Ok(notes)
    }

    fn entry(&mut self, found: &TarEntry, content: &mut dyn Read, progress: &dyn Progress) -> Result<()> {
        let entry = &found.entry;
        let raw = entry.path.as_slice();
        let start = raw.iter().position(|&byte| byte != b'/').unwrap_or(raw.len());
        let status = Status::of(found)?;
        let Some(path) = relative_path(&raw[start..])? else {
            if entry.kind != EntryKind::Dir {
                return Err(Error::invalid("it stands for the root, and is no folder"));
            }
            self.folders.insert(Vec::new(), status);
            return Ok(());
        };
        let folder = parent(&path).unwrap_or_default();
        let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default().to_vec();
        let mut above = folder.split(|&byte| byte == b'/');
        if let Some(part) = above.find(|part| part.starts_with(WHITEOUT)) {
            if part.starts_with(BOOKKEEPING) {
                return Ok(());
            }
            return Err(Error::invalid(format!(
                "it lies below the whiteout `{}`",
                display_path(part)
            )));
        }
        if name.starts_with(WHITEOUT) {
            return self.white_out(folder, &name);
        }
        let opened = self.enter(folder)?;
        self.made.insert(join(&opened.path, &name));
        let keeps_paths = self.make(&opened, &name, found, status, content, progress)?;
        self.last = keeps_paths.then(|| (folder.to_vec(), opened));
        Ok(())
    }

    /// Makes what an entry says, in place of what has its name. Whether all paths lead where they led before.
    fn make(
        &mut self,
        folder: &Folder,
        name: &[u8],
        found: &TarEntry,
        status: Status,
        content: &mut dyn Read,
        progress: &dyn Progress,
    ) -> Result<bool> {
        let path = join(&folder.path, name);
        check_length(&path)?;
        // looked up first: the link may be to what it replaces
        let linked = match &found.entry.kind {
            EntryKind::Hardlink { target } => Some(self.link_target(target, &path)?),
            _ => None,
        };
        let before = self.kind_of(folder, name)?;
        if found.entry.kind == EntryKind::Dir && before == Some(FileType::Directory) {
            self.folders.insert(path.clone(), status);
            self.attributes(&self.open_in(folder, name)?, found, &path);
            return Ok(true);
        }
        if before.is_some() {
            self.remove(folder, name)?;
        }
        let failed = |cause: Errno| self.failed("create", &path, cause.into());
        match &found.entry.kind {
            EntryKind::File { size } => {
                let file = self.create(folder, name, &path)?;
                self.fill(&file, &path, *size, content, progress)?;
                self.give(&file, status)
                    .map_err(|cause| self.failed(SET_STATUS, &path, cause))?;
                self.note_privileges(status, &path);
                self.attributes(&file, found, &path);
            }
            EntryKind::Dir => {
                mkdirat(&folder.fd, name, OPEN_TO_US).map_err(failed)?;
                self.folders.insert(path.clone(), status);
                self.note_privileges(status, &path);
                self.attributes(&self.open_in(folder, name)?, found, &path);
            }
            EntryKind::Symlink { target } => {
                if target.is_empty() || target.contains(&0) {
                    return Err(Error::invalid("it is a link whose text is empty or has a NUL"));
                }
                symlinkat(target, &folder.fd, name).map_err(failed)?;
                self.give_by_name(folder, name, status, None)?;
            }
            EntryKind::Hardlink { .. } => {
                if let Some((other, other_name)) = &linked {
                    linkat(&other.fd, other_name, &folder.fd, name, AtFlags::empty()).map_err(failed)?;
                }
            }
            EntryKind::Special(kind) => self.special(folder, name, *kind, found, status)?,
        }
        if !found.attributes.is_empty() && !matches!(found.entry.kind, EntryKind::File { .. } | EntryKind::Dir) {
            self.left_out.attributes.push(&path);
        }
        // a link or a folder that has gone may have been on the way that was walked last
        Ok(!matches!(before, Some(FileType::Directory | FileType::Symlink)))
    }

    /// A device or a fifo. What the system does not let us make is noted.
    fn special(
        &mut self,
        folder: &Folder,
        name: &[u8],
        kind: SpecialKind,
        found: &TarEntry,
        status: Status,
    ) -> Result<()> {
        let path = join(&folder.path, name);
        let (file_type, device) = match kind {
            SpecialKind::Fifo => (FileType::Fifo, 0),
            SpecialKind::CharDevice => (FileType::CharacterDevice, makedev(found.device.0, found.device.1)),
            SpecialKind::BlockDevice => (FileType::BlockDevice, makedev(found.device.0, found.device.1)),
            SpecialKind::Socket => return Err(Error::invalid("it is a socket")),
        };
        let is_device = kind != SpecialKind::Fifo;
        if is_device && !self.is_root {
            self.left_out.devices.push(&path);
            return Ok(());
        }
        match mknodat(&folder.fd, name, file_type, Mode::RUSR | Mode::WUSR, device) {
            Ok(()) => self.give_by_name(folder, name, status, Some(status.mode(self.is_root))),
            // as in a container that may not make them
            Err(Errno::PERM | Errno::ACCESS) if is_device => {
                self.left_out.devices.push(&path);
                Ok(())
            }
            Err(cause) => Err(self.failed("create", &path, cause.into())),
        }
    }

    /// Where a hard link leads: a name in a folder, from the root of the layer, whose links are not followed at the end.
    fn link_target(&mut self, target: &[u8], own: &[u8]) -> Result<(Folder, Vec<u8>)> {
        let shown = display_path(target);
        let start = target.iter().position(|&byte| byte != b'/').unwrap_or(target.len());
        let path = relative_path(&target[start..])
            .map_err(|error| error.context(format!("it is a hard link to `{shown}`")))?
            .ok_or_else(|| Error::invalid("it is a hard link to the root"))?;
        let missing = || Error::invalid(format!("it is a hard link to `{shown}`, which is not there"));
        let folder = self
            .walk(parent(&path).unwrap_or_default(), false)?
            .ok_or_else(missing)?;
        let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default().to_vec();
        match self.kind_of(&folder, &name)? {
            None => Err(missing()),
            Some(FileType::Directory) => Err(Error::invalid(format!(
                "it is a hard link to `{shown}`, which is a folder"
            ))),
            Some(_) if join(&folder.path, &name) == own => Err(Error::invalid("it is a hard link to itself")),
            Some(_) => Ok((folder, name)),
        }
    }

    /// Takes away what lower layers have of a name, or in a folder. What is not there is no fault.
    fn white_out(&mut self, folder: &[u8], name: &[u8]) -> Result<()> {
        self.last = None;
        if name == OPAQUE {
            if let Some(folder) = self.walk(folder, false)? {
                self.remove_lower_in(&folder)?;
            }
            return Ok(());
        }
        if name.starts_with(BOOKKEEPING) {
            return Ok(());
        }
        let name = &name[WHITEOUT.len()..];
        if matches!(name, b"" | b"." | b"..") {
            return Err(Error::invalid("it is a whiteout that names no file"));
        }
        match self.walk(folder, false)? {
            Some(folder) => self.remove_lower(&folder, name),
            None => Ok(()),
        }
    }

    /// Removes a name but for what the current layer has made.
    fn remove_lower(&mut self, folder: &Folder, name: &[u8]) -> Result<()> {
        let path = join(&folder.path, name);
        let is_made = self.made.contains(&path);
        match self.kind_of(folder, name)? {
            None => Ok(()),
            Some(FileType::Directory) => {
                let inner = Folder {
                    fd: self.open_in(folder, name)?,
                    path,
                };
                let is_empty = self.remove_lower_in(&inner)?;
                if is_empty && !is_made {
                    self.remove(folder, name)?;
                }
                Ok(())
            }
            Some(_) if is_made => Ok(()),
            Some(_) => self.remove(folder, name),
        }
    }

    /// The same for all names in a folder; whether it is empty then.
    fn remove_lower_in(&mut self, folder: &Folder) -> Result<bool> {
        for name in self.names_in(folder)? {
            self.remove_lower(folder, &name)?;
        }
        Ok(self.names_in(folder)?.is_empty())
    }

    fn names_in(&self, folder: &Folder) -> Result<Vec<Vec<u8>>> {
        names_in(&folder.fd).map_err(|cause| self.failed("read", &folder.path, cause))
    }

    /// Removes a name and all below it.
    fn remove(&mut self, folder: &Folder, name: &[u8]) -> Result<()> {
        let path = join(&folder.path, name);
        remove_all(&folder.fd, name).map_err(|cause| self.failed("remove", &path, cause))?;
        self.folders.remove(&path);
        let below = [&path[..], b"/"].concat();
        let gone: Vec<Vec<u8>> = self
            .folders
            .range(below.clone()..)
            .map(|(path, _)| path)
            .take_while(|path| path.starts_with(&below))
            .cloned()
            .collect();
        for path in gone {
            self.folders.remove(&path);
        }
        Ok(())
    }

    /// The folder at `path`, made where it is missing.
    fn enter(&mut self, path: &[u8]) -> Result<Folder> {
        match self.last.take() {
            Some((known, folder)) if known == path => Ok(folder),
            _ => self
                .walk(path, true)?
                .ok_or_else(|| Error::damaged(format!("folder `{}` is gone", display_path(path)))),
        }
    }

    /// Walks to the folder at `path`, links followed inside the root. `None` where it is missing and not to be made.
    fn walk(&mut self, path: &[u8], make: bool) -> Result<Option<Folder>> {
        let mut at = self.open_real(b"")?;
        let mut links = 0;
        let mut ahead: Vec<Vec<u8>> = parts(path);
        while let Some(part) = ahead.pop() {
            if part == b".." {
                let above = parent(&at.path).unwrap_or_default().to_vec();
                at = self.open_real(&above)?;
                continue;
            }
            let next = join(&at.path, &part);
            check_length(&next)?;
            match openat(&at.fd, &part, FOLDER, Mode::empty()) {
                Ok(fd) => at = Folder { fd, path: next },
                Err(Errno::NOENT) if make => {
                    mkdirat(&at.fd, &part, OPEN_TO_US).map_err(|cause| self.failed("create", &next, cause.into()))?;
                    self.folders.insert(next.clone(), Status::implied());
                    self.made.insert(next.clone());
                    let fd = self.open_in(&at, &part)?;
                    at = Folder { fd, path: next };
                }
                Err(Errno::NOENT) => return Ok(None),
                Err(Errno::NOTDIR | Errno::LOOP) => {
                    let target = match readlinkat(&at.fd, &part, Vec::new()) {
                        Ok(target) => target.into_bytes(),
                        Err(_) if !make => return Ok(None),
                        Err(_) => {
                            return Err(Error::invalid(format!(
                                "it lies below `{}`, which is no folder",
                                display_path(&next)
                            )));
                        }
                    };
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Error::invalid(format!(
                            "link `{}` leads to more than {MAX_LINKS} others",
                            display_path(&next)
                        )));
                    }
                    if target.starts_with(b"/") {
                        at = self.open_real(b"")?;
                    }
                    ahead.extend(parts(&target));
                }
                Err(cause) => return Err(self.failed("open", &next, cause.into())),
            }
        }
        Ok(Some(at))
    }

    /// Opens a folder by a path without links.
    fn open_real(&self, path: &[u8]) -> Result<Folder> {
        let failed = |cause: io::Error| self.failed("open", path, cause);
        let mut fd = self.root.try_clone().map_err(failed)?;
        for part in path.split(|&byte| byte == b'/').filter(|part| !part.is_empty()) {
            fd = openat(&fd, part, FOLDER, Mode::empty()).map_err(|cause| failed(cause.into()))?;
        }
        Ok(Folder {
            fd,
            path: path.to_vec(),
        })
    }

    fn open_in(&self, folder: &Folder, name: &[u8]) -> Result<OwnedFd> {
        openat(&folder.fd, name, FOLDER, Mode::empty())
            .map_err(|cause| self.failed("open", &join(&folder.path, name), cause.into()))
    }

    /// What has this name, the link itself where it is one.
    fn kind_of(&self, folder: &Folder, name: &[u8]) -> Result<Option<FileType>> {
        match statat(&folder.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
            Err(Errno::NOENT) => Ok(None),
            Err(cause) => Err(self.failed("look at", &join(&folder.path, name), cause.into())),
        }
    }

    fn create(&self, folder: &Folder, name: &[u8], path: &[u8]) -> Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(&folder.fd, name, flags, Mode::RUSR | Mode::WUSR)
            .map(File::from)
            .map_err(|cause| self.failed("create", path, cause.into()))
    }

    fn fill(
        &self,
        mut file: &File,
        path: &[u8],
        size: u64,
        content: &mut dyn Read,
        progress: &dyn Progress,
    ) -> Result<()> {
        let mut buffer = vec![0; usize::try_from(size).unwrap_or(COPY_LEN).clamp(1, COPY_LEN)];
        loop {
            progress.check()?;
            let count = match content.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                Err(cause) => {
                    return Err(from_io(cause, |cause| {
                        Error::damaged("its content can not be read").with_source(cause)
                    }));
                }
            };
            file.write_all(&buffer[..count])
                .map_err(|cause| self.failed("write", path, cause))?;
        }
    }

    /// Owner, then mode, which the change of the owner would change, then time.
    fn give(&self, file: impl AsFd, status: Status) -> io::Result<()> {
        if self.is_root {
            fchown(&file, Some(status.owner()), Some(status.group()))?;
        }
        fchmod(&file, status.mode(self.is_root))?;
        futimens(&file, &status.times())?;
        Ok(())
    }

    /// The same for what is not opened.
    fn give_by_name(&self, folder: &Folder, name: &[u8], status: Status, mode: Option<Mode>) -> Result<()> {
        let give = || -> io::Result<()> {
            let itself = AtFlags::SYMLINK_NOFOLLOW;
            if self.is_root {
                chownat(&folder.fd, name, Some(status.owner()), Some(status.group()), itself)?;
            }
            if let Some(mode) = mode {
                chmodat(&folder.fd, name, mode, AtFlags::empty())?;
            }
            utimensat(&folder.fd, name, &status.times(), itself)?;
            Ok(())
        };
        give().map_err(|cause| self.failed(SET_STATUS, &join(&folder.path, name), cause))
    }

    /// Sets the extended attributes that mean the same everywhere. What the file system does not take is noted.
    fn attributes(&mut self, file: impl AsFd, found: &TarEntry, path: &[u8]) {
        let mut are_set = true;
        for (name, value) in &found.attributes {
            let is_for_all = name.starts_with(b"user.") || (name == b"security.capability" && self.is_root);
            are_set &= is_for_all && fsetxattr(&file, name, value, XattrFlags::empty()).is_ok();
        }
        if !are_set {
            self.left_out.attributes.push(path);
        }
    }

    fn note_privileges(&mut self, status: Status, path: &[u8]) {
        if !self.is_root && status.mode & PRIVILEGES != 0 {
            self.left_out.privileges.push(path);
        }
    }

    fn failed(&self, verb: &str, path: &[u8], cause: io::Error) -> Error {
        Error::io(verb, &self.shown.join(OsStr::from_bytes(path)), cause)
    }
}

impl Status {
    fn of(found: &TarEntry) -> Result<Self> {
        let number = |number: u64, whose: &str| {
            u32::try_from(number)
                .ok()
                .filter(|number| *number != u32::MAX)
                .ok_or_else(|| Error::invalid(format!("its {whose} {number} is none that there can be")))
        };
        Ok(Self {
            mode: found.entry.mode,
            uid: number(found.entry.uid, "owner")?,
            gid: number(found.entry.gid, "group")?,
            mtime: found.entry.mtime.min(LAST_SECOND),
        })
    }

    /// Of a folder that no layer speaks of.
    fn implied() -> Self {
        Self {
            mode: 0o755,
            uid: 0,
            gid: 0,
            mtime: NORMALIZED,
        }
    }

    fn owner(self) -> Uid {
        Uid::from_raw(self.uid)
    }

    fn group(self) -> Gid {
        Gid::from_raw(self.gid)
    }

    /// Programs that run as their owner only do so where that owner is kept.
    fn mode(self, is_root: bool) -> Mode {
        let kept = if is_root { 0o7777 } else { 0o7777 & !PRIVILEGES };
        Mode::from_raw_mode(self.mode & kept)
    }

    fn times(self) -> Timestamps {
        let time = Timespec {
            tv_sec: self.mtime.min(LAST_SECOND).cast_signed(),
            tv_nsec: 0,
        };
        Timestamps {
            last_access: time,
            last_modification: time,
        }
    }
}

fn check_length(path: &[u8]) -> Result<()> {
    if path.len() > MAX_PATH || path.split(|&byte| byte == b'/').count() > MAX_DEPTH {
        return Err(Error::invalid(format!(
            "its path is longer than {MAX_PATH} bytes, or lies in more than {MAX_DEPTH} folders"
        )));
    }
    Ok(())
}

/// The names on a path, the first one last.
fn parts(path: &[u8]) -> Vec<Vec<u8>> {
    let is_step = |part: &&[u8]| !matches!(*part, b"" | b".");
    let parts = path.split(|&byte| byte == b'/').filter(is_step);
    parts.rev().map(<[u8]>::to_vec).collect()
}

/// Removes the folder or file at `path` and all below it, whatever its modes are; links are not followed.
pub(crate) fn remove_tree(path: &Path) -> io::Result<()> {
    remove_all(CWD, path.as_os_str().as_bytes())
}

fn remove_all(folder: impl AsFd, name: &[u8]) -> io::Result<()> {
    match unlinkat(&folder, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(cause) => return Err(cause.into()),
    }
    let inner = match openat(&folder, name, FOLDER, Mode::empty()) {
        Err(Errno::ACCESS) => {
            chmodat(&folder, name, OPEN_TO_US, AtFlags::empty())?;
            openat(&folder, name, FOLDER, Mode::empty())?
        }
        opened => opened?,
    };
    // one that may not be written to keeps what is in it
    let _ = fchmod(&inner, OPEN_TO_US);
    for name in names_in(&inner)? {
        remove_all(&inner, &name)?;
    }
    Ok(unlinkat(&folder, name, AtFlags::REMOVEDIR)?)
}

fn names_in(folder: impl AsFd) -> io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let name = entry?.file_name().to_bytes().to_vec();
        if !matches!(name.as_slice(), b"." | b"..") {
            names.push(name);
        }
    }
    Ok(names)
}
