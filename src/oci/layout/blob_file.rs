//! Files that have no name until they are whole, so that a process that dies leaves nothing behind.

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use tempfile::TempPath;

use super::super::digest::Digest;
use super::folder::set_mode;
use crate::archive::hashing::Sha256;
use crate::archive::span::Span;
use crate::archive::temporary;

/// Readable by everybody, whatever the umask.
const FILE_MODE: u32 = 0o644;

/// A file without a name; where the system has no such files, one with a temporary name that goes when it is dropped.
#[derive(Debug)]
pub(super) struct Nameless {
    file: Arc<File>,
    temporary: Option<TempPath>,
    /// Whether it has a name elsewhere, and gets another one by a hard link.
    is_shared: bool,
}

/// What tells a file from all others: its file system and its number.
pub(super) fn inode(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

impl Nameless {
    /// A new, empty file on the file system of `folder`.
    pub(super) fn new_in(folder: &Path) -> io::Result<Self> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let nameless = match rustix::fs::open(folder, flags, Mode::from_raw_mode(FILE_MODE)) {
            Ok(fd) => Self {
                file: Arc::new(fd.into()),
                temporary: None,
                is_shared: false,
            },
            // what file systems and kernels say that do not know O_TMPFILE
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::ISDIR | rustix::io::Errno::INVAL) => {
                let (file, path) = temporary::new_file(folder)?.into_parts();
                Self {
                    file: Arc::new(file),
                    temporary: Some(path),
                    is_shared: false,
                }
            }
            Err(cause) => return Err(cause.into()),
        };
        set_mode(&nameless.file, FILE_MODE)?;
        Ok(nameless)
    }

    /// A file with `content`.
    pub(super) fn with_content(folder: &Path, content: &[u8]) -> io::Result<Self> {
        let nameless = Self::new_in(folder)?;
        (&*nameless.file).write_all(content)?;
        Ok(nameless)
    }

    /// A file that has a name elsewhere, and is verified.
    pub(super) fn shared(file: File) -> Self {
        Self {
            file: Arc::new(file),
            temporary: None,
            is_shared: true,
        }
    }

    /// What the new name has to lead to, where the file has a name elsewhere.
    pub(super) fn shared_inode(&self) -> io::Result<Option<(u64, u64)>> {
        if !self.is_shared {
            return Ok(None);
        }
        Ok(Some(inode(&self.file.metadata()?)))
    }

    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Gives the file the name `path`; [`io::ErrorKind::AlreadyExists`] when something has it.
    pub(super) fn name(self, path: &Path) -> io::Result<()> {
        if let Some(temporary) = self.temporary {
            return match temporary.persist_noclobber(path) {
                Err(failed) if failed.error.kind() == io::ErrorKind::CrossesDevices => copy_to(&self.file, path),
                Err(failed) => Err(failed.error),
                Ok(()) => Ok(()),
            };
        }
        let descriptor = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        match rustix::fs::linkat(CWD, descriptor.as_str(), CWD, path, AtFlags::SYMLINK_FOLLOW) {
            Ok(()) => Ok(()),
            Err(rustix::io::Errno::EXIST) => Err(io::ErrorKind::AlreadyExists.into()),
            // no /proc, or another file system: the long way
            Err(_) => copy_to(&self.file, path),
        }
    }

    /// Gives the file the name `path`, in place of the file that has it.
    pub(super) fn replace(self, path: &Path) -> io::Result<()> {
        if let Some(temporary) = self.temporary {
            return temporary.persist(path).map_err(|failed| failed.error);
        }
        // says to `sweep_files` that somebody is using it
        self.file.lock()?;
        let file = Arc::clone(&self.file);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut itself = Some(self);
        let named =
            tempfile::Builder::new()
                .prefix(temporary::PREFIX)
                .make_in(folder.unwrap_or(Path::new(".")), |beside| {
                    match itself.take() {
                        Some(nameless) => nameless.name(beside),
                        // only a name that is taken is tried again
                        None => copy_to(&file, beside),
                    }
                })?;
        named.into_temp_path().persist(path).map_err(|failed| failed.error)
    }
}

fn copy_to(file: &Arc<File>, path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut copy = temporary::new_file(folder)?;
    io::copy(&mut Span::whole(file), copy.as_file_mut())?;
    set_mode(copy.as_file(), FILE_MODE)?;
    copy.persist_noclobber(path).map(drop).map_err(|failed| failed.error)
}

/// A blob being written: its digest is taken on the way.
#[derive(Debug)]
pub struct BlobWriter {
    nameless: Nameless,
    digest: Sha256,
    size: u64,
}

impl BlobWriter {
    pub(super) fn new(nameless: Nameless) -> Self {
        Self {
            nameless,
            digest: Sha256::new(),
            size: 0,
        }
    }

    pub(super) fn finish(self) -> (Nameless, Digest, u64) {
        (self.nameless, Digest::from_sha256(self.digest.finish()), self.size)
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = (&*self.nameless.file).write(bytes)?;
        self.digest.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Opens a file of a layout that nobody vouches for: never waits, as it would for a fifo, and takes nothing but files.
pub(super) fn open_file(path: &Path) -> io::Result<File> {
    open_with(path, OFlags::empty())
}

/// The same, but no link to a file.
pub(super) fn open_own_file(path: &Path) -> io::Result<File> {
    open_with(path, OFlags::NOFOLLOW)
}

fn open_with(path: &Path, more: OFlags) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | more;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, "it is not a file"))
    }
}

/// Like [`open_file`], but a link that leads out of `root` is refused, with [`io::ErrorKind::InvalidData`].
pub(super) fn open_inside(root: &Path, path: &Path) -> io::Result<File> {
    let real = fs::canonicalize(path)?;
    if !real.starts_with(fs::canonicalize(root)?) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is a link that leads out of the layout",
        ));
    }
    open_file(&real)
}

/// The content of a small file of the layout at `root`, likewise.
pub(super) fn read_inside(root: &Path, path: &Path, most: u64) -> io::Result<Vec<u8>> {
    read_at_most(open_inside(root, path)?, most)
}

/// The content of a small file, which is at most `most` bytes long.
pub(super) fn read_small(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    read_at_most(open_file(path)?, most)
}

fn read_at_most(file: File, most: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(file, most + 1), &mut content)?;
    if content.len() as u64 > most {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("it is longer than {most} bytes"),
        ));
    }
    Ok(content)
}

/// Replaces the file at `path` by way of a temporary one beside it.
pub(super) fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = temporary::new_file(folder)?;
    file.write_all(content)?;
    set_mode(file.as_file(), FILE_MODE)?;
    file.persist(path).map(drop).map_err(|failed| failed.error)
}

/// Whether the file at `path` has `digest`.
pub(super) fn has_digest(path: &Path, digest: &Digest) -> io::Result<bool> {
    let file = open_file(path)?;
    let size = file.metadata()?.len();
    let mut reader = super::super::digest::VerifiedReader::new(file, digest.clone(), size);
    let mut buffer = vec![0; 1 << 20];
    loop {
        match io::Read::read(&mut reader, &mut buffer) {
            Ok(0) => return Ok(true),
            Ok(_) => {}
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => {
                return match cause.downcast::<crate::error::Error>() {
                    Ok(_) => Ok(false),
                    Err(cause) => Err(cause),
                };
            }
        }
    }
}

/// What a commit has made so far; all of it goes when the commit fails.
#[derive(Debug, Default)]
pub(super) struct Rollback {
    files: Vec<std::path::PathBuf>,
    folders: Vec<std::path::PathBuf>,
}

impl Rollback {
    pub(super) fn file(&mut self, path: &Path) {
        self.files.push(path.to_owned());
    }

    pub(super) fn folder(&mut self, path: &Path) {
        self.folders.push(path.to_owned());
    }

    /// The commit is whole: nothing goes.
    pub(super) fn disarm(mut self) {
        self.files.clear();
        self.folders.clear();
    }
}

impl Drop for Rollback {
    fn drop(&mut self) {
        for file in self.files.iter().rev() {
            let _ = fs::remove_file(file);
        }
        // a folder that another process uses by now is not empty, and stays
        for folder in self.folders.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}
