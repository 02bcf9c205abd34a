//! [`Staging`]: blobs that are made or copied before there is a layout or a file that they go to. None of them has a name yet.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::descriptor::Descriptor;
use super::super::digest::Digest;
use super::super::store::{BlobReader, BlobSource};
use super::blob_file::{BlobWriter, Nameless, has_digest, open_file};
use super::{BLOBS, blob_path};
use crate::archive::compress::{Candidate, Compression, Mark, Packed, Produce, find_known, read_mark};
use crate::archive::span::Span;
use crate::error::{Error, ErrorKind, Result, from_io};
use crate::progress::{Progress, Step};

/// Blobs of one length that are compared with what would be packed: each takes an open file.
const MAX_CANDIDATES: usize = 64;
/// Bytes that are copied at once.
const COPY_LEN: usize = 128 << 10;

/// Gathers blobs. Those of a layout count as gathered already when they are needed.
#[derive(Debug)]
pub struct Staging {
    /// An existing folder on the file system that the blobs go to.
    scratch: PathBuf,
    /// The layout whose blobs need not be made again.
    layout: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// Manifests, configs, indexes.
    pub(super) documents: BTreeMap<Digest, Vec<u8>>,
    /// Layers that were written.
    pub(super) blobs: BTreeMap<Digest, Nameless>,
    /// Blobs of the layout that the new images use.
    pub(super) reused: BTreeSet<Digest>,
    /// What blobs say of themselves, by compression; filled when first asked for.
    marks: HashMap<Compression, Vec<(Mark, Digest)>>,
}

/// How a blob came that another store has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It was copied.
    Copied,
    /// It was gathered already, or is in the layout.
    Existed,
}

impl Staging {
    /// Gathers on the file system of `folder`, for a file there.
    pub fn in_folder(folder: &Path) -> Result<Self> {
        if !folder.is_dir() {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("`{}` is not a folder to write to", folder.display()),
            ));
        }
        Ok(Self::new(folder.to_owned(), None))
    }

    pub(super) fn new(scratch: PathBuf, layout: Option<PathBuf>) -> Self {
        Self {
            scratch,
            layout,
            state: Mutex::default(),
        }
    }

    pub(super) fn scratch(&self) -> &Path {
        &self.scratch
    }

    pub(super) fn into_state(self) -> State {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The digests of all that was gathered, and of what is used of the layout.
    pub(super) fn digests(&self) -> BTreeSet<Digest> {
        let state = self.state();
        let gathered = state.documents.keys().chain(state.blobs.keys());
        gathered.chain(&state.reused).cloned().collect()
    }

    /// Gathers a small blob.
    pub fn put_bytes(&self, media_type: &str, bytes: &[u8]) -> Descriptor {
        let digest = self.keep_document(Digest::of(bytes), bytes);
        Descriptor::new(media_type, digest, bytes.len() as u64)
    }

    /// Gathers a document whose digest is known.
    pub(super) fn keep_document(&self, digest: Digest, bytes: &[u8]) -> Digest {
        self.state().documents.insert(digest.clone(), bytes.to_vec());
        digest
    }

    /// Says that an image needs a blob of the layout.
    pub(super) fn need(&self, digest: &Digest) {
        self.state().reused.insert(digest.clone());
    }

    /// Begins a large blob, to be given to [`stage`](Self::stage).
    pub fn blob_writer(&self) -> Result<BlobWriter> {
        Ok(BlobWriter::new(self.nameless()?))
    }

    fn nameless(&self) -> Result<Nameless> {
        Nameless::new_in(&self.scratch).map_err(|cause| Error::io("create a temporary file in", &self.scratch, cause))
    }

    /// Gathers a blob that was written whole, made with `compression`.
    pub fn stage(&self, blob: BlobWriter, compression: Compression) -> Result<(Digest, u64)> {
        let (nameless, digest, size) = blob.finish();
        let mark = read_mark(nameless.file(), compression)
            .map_err(|cause| Error::io("read back a file in", &self.scratch, cause))?;
        let mut state = self.state();
        if let (Some(mark), Some(marks)) = (mark, state.marks.get_mut(&compression)) {
            marks.insert(0, (mark, digest.clone()));
        }
        state.blobs.insert(digest.clone(), nameless);
        Ok((digest, size))
    }

    /// Gathers a blob of another store as it is. Nothing is copied when it is in the layout.
    pub fn take(
        &self,
        descriptor: &Descriptor,
        from: &dyn BlobSource,
        step: &mut dyn Step,
        progress: &dyn Progress,
    ) -> Result<Taken> {
        if self.state().blobs.contains_key(&descriptor.digest) {
            return Ok(Taken::Existed);
        }
        if let Some(layout) = &self.layout {
            let path = blob_path(layout, &descriptor.digest);
            match has_digest(&path, &descriptor.digest) {
                Ok(true) => {
                    self.need(&descriptor.digest);
                    return Ok(Taken::Existed);
                }
                // the commit says what to do about a damaged one
                Ok(false) => {}
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
                Err(cause) => return Err(Error::io("read blob", &path, cause)),
            }
        }
        let copy = self.copy_of(descriptor, from, step, progress)?;
        self.state().blobs.insert(descriptor.digest.clone(), copy);
        Ok(Taken::Copied)
    }

    /// Whether the blob was gathered.
    pub(super) fn has(&self, digest: &Digest) -> bool {
        let state = self.state();
        state.blobs.contains_key(digest) || state.documents.contains_key(digest)
    }

    /// How many files are open for blobs.
    pub(super) fn open_files(&self) -> usize {
        self.state().blobs.len()
    }

    /// Gathers a file that is the blob.
    pub(super) fn keep_file(&self, digest: Digest, file: Nameless) {
        self.state().blobs.insert(digest, file);
    }

    /// A copy of a blob of another store, verified.
    pub(super) fn copy_of(
        &self,
        descriptor: &Descriptor,
        from: &dyn BlobSource,
        step: &mut dyn Step,
        progress: &dyn Progress,
    ) -> Result<Nameless> {
        let nameless = self.nameless()?;
        let mut blob = from.open(descriptor)?;
        let mut buffer = vec![0; COPY_LEN];
        loop {
            progress.check()?;
            let count = match blob.read(&mut buffer) {
                Ok(0) => return Ok(nameless),
                Ok(count) => count,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                Err(cause) => {
                    return Err(from_io(cause, |cause| {
                        Error::new(ErrorKind::Io, format!("failed to read blob {}", descriptor.digest))
                            .with_source(cause)
                    }));
                }
            };
            (&**nameless.file())
                .write_all(&buffer[..count])
                .map_err(|cause| Error::io("write a temporary file in", &self.scratch, cause))?;
            step.advance(count as u64);
        }
    }

    /// A blob, gathered or in the layout, that is what packing would give.
    pub fn find_known(
        &self,
        produce: &Produce<'_>,
        total: u64,
        compression: Compression,
    ) -> Result<Option<(Digest, u64, Packed)>> {
        let mut files = Vec::new();
        for digest in self.with_mark(compression, total)? {
            let Some(file) = self.file_of(&digest) else { continue };
            let size = file.metadata().map(|metadata| metadata.len()).unwrap_or_default();
            files.push((digest, size, file));
        }
        let candidates: Vec<Candidate> = files
            .iter()
            .filter_map(|(digest, _, file)| {
                Some(Candidate {
                    digest: digest.sha256()?,
                    file: Arc::clone(file),
                })
            })
            .collect();
        let Some(known) = find_known(produce, total, compression, &candidates)? else {
            return Ok(None);
        };
        let (digest, size, _) = files.swap_remove(known.candidate);
        let mut state = self.state();
        if !state.blobs.contains_key(&digest) {
            state.reused.insert(digest.clone());
        }
        Ok(Some((digest, size, known.packed)))
    }

    /// The file of a blob that was gathered, or is in the layout.
    fn file_of(&self, digest: &Digest) -> Option<Arc<fs::File>> {
        let gathered = self
            .state()
            .blobs
            .get(digest)
            .map(|nameless| Arc::clone(nameless.file()));
        let in_layout = || {
            let path = blob_path(self.layout.as_deref()?, digest);
            open_file(&path).ok().map(Arc::new)
        };
        gathered.or_else(in_layout)
    }

    /// Digests of blobs whose mark is that of a stream of `total` bytes under `compression`.
    fn with_mark(&self, compression: Compression, total: u64) -> Result<Vec<Digest>> {
        let mut state = self.state();
        if !state.marks.contains_key(&compression) {
            let marks = self.scan(compression, &state)?;
            state.marks.insert(compression, marks);
        }
        let wanted = compression.mark(total);
        let marks = state.marks.get(&compression).map(Vec::as_slice).unwrap_or_default();
        Ok(marks
            .iter()
            .filter(|(mark, _)| *mark == wanted)
            .map(|(_, digest)| digest.clone())
            .take(MAX_CANDIDATES)
            .collect())
    }

    /// The marks of all blobs: of the gathered ones, then of those in the layout by digest.
    fn scan(&self, compression: Compression, state: &State) -> Result<Vec<(Mark, Digest)>> {
        let mut marks = Vec::new();
        for (digest, nameless) in &state.blobs {
            if let Ok(Some(mark)) = read_mark(nameless.file(), compression) {
                marks.push((mark, digest.clone()));
            }
        }
        let Some(layout) = &self.layout else { return Ok(marks) };
        let folder = layout.join(BLOBS).join("sha256");
        let names = match fs::read_dir(&folder) {
            Ok(names) => names,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(marks),
            Err(cause) => return Err(Error::io("read", &folder, cause)),
        };
        let mut digests: Vec<Digest> = names
            .filter_map(|name| format!("sha256:{}", name.ok()?.file_name().to_str()?).parse().ok())
            .collect();
        digests.sort();
        for digest in digests {
            let path = blob_path(layout, &digest);
            let mark = open_file(&path).and_then(|file| read_mark(&file.into(), compression));
            if let Ok(Some(mark)) = mark {
                marks.push((mark, digest));
            }
        }
        Ok(marks)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was gathered, to be written where it goes.
impl BlobSource for Staging {
    fn open_from(&self, descriptor: &Descriptor, offset: u64) -> Result<BlobReader<'_>> {
        if let Some(bytes) = self.state().documents.get(&descriptor.digest) {
            let bytes = bytes
                .get(usize::try_from(offset).unwrap_or(usize::MAX)..)
                .unwrap_or_default();
            return Ok(Box::new(io::Cursor::new(bytes.to_vec())));
        }
        match self.file_of(&descriptor.digest) {
            Some(file) => Ok(Box::new(Span::new(&file, offset, u64::MAX))),
            None => Err(Error::damaged(format!("blob {} was not gathered", descriptor.digest))),
        }
    }
}
