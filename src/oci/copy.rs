//! Copies what a root leads to from one store to another: blobs first, then manifests, each after those it lists.
//!
//! [`plan`] asks the target what it has; [`run`] copies what is missing, but for the root, which its caller names last.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::descriptor::Descriptor;
use super::digest::Digest;
use super::graph::{Document, Graph};
use super::store::{BlobSource, BlobStore, Put};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::{Progress, Step, in_units};

/// How often a blob is read from a source that may give other bytes each time.
const TRIES: u32 = 3;

/// How far a manifest that is in the target is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// What it leads to is there as well: a registry checks that when the manifest comes.
    Manifests,
    /// Every blob is looked for.
    Nothing,
}

/// What has to be copied.
#[derive(Debug, Clone)]
pub struct CopyPlan {
    /// Manifests and indexes, each after those it lists, and whether the target has it.
    pub documents: Vec<(Document, bool)>,
    /// Blobs by digest, and whether the target has it. What a manifest leads to that is believed counts as there.
    pub blobs: Vec<(Descriptor, bool)>,
}

impl CopyPlan {
    /// Blobs that are to be copied.
    pub fn missing(&self) -> impl Iterator<Item = &Descriptor> {
        self.blobs
            .iter()
            .filter(|(_, is_there)| !is_there)
            .map(|(blob, _)| blob)
    }

    /// How many bytes they and the missing manifests have.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let documents = self.documents.iter().filter(|(_, is_there)| !is_there);
        let documents = documents.map(|(document, _)| document.bytes.len() as u64);
        self.missing().map(|blob| blob.size).chain(documents).sum()
    }
}

/// Asks `target` what it has of `graph`.
pub fn plan(
    graph: Graph,
    target: &dyn BlobStore,
    trust: Trust,
    jobs: NonZeroUsize,
    progress: &dyn Progress,
) -> Result<CopyPlan> {
    let blobs: Vec<Descriptor> = graph.blobs().into_values().cloned().collect();
    let mut needed: HashSet<Digest> = HashSet::from([graph.root().descriptor.digest.clone()]);
    let mut needed_blobs: HashSet<Digest> = HashSet::new();
    let mut documents = Vec::new();
    for document in graph.documents.into_iter().rev() {
        progress.check()?;
        let is_there = !needed.contains(&document.descriptor.digest) || target.has_manifest(&document.descriptor)?;
        if !is_there || trust == Trust::Nothing {
            needed.extend(document.manifests.iter().map(|child| child.digest.clone()));
            needed_blobs.extend(document.blobs.iter().map(|blob| blob.digest.clone()));
        }
        documents.push((document, is_there));
    }
    documents.reverse();
    let blobs = in_parallel(jobs, blobs, progress, |blob, _| {
        let is_there = !needed_blobs.contains(&blob.digest) || target.has_blob(&blob)?;
        Ok((blob, is_there))
    })?;
    Ok(CopyPlan { documents, blobs })
}

/// Copies what is missing, but for the last document; tells how each blob came, in the order of the plan.
pub fn run(
    plan: &CopyPlan,
    source: &dyn BlobSource,
    target: &dyn BlobStore,
    jobs: NonZeroUsize,
    progress: &dyn Progress,
) -> Result<Vec<(Descriptor, Put)>> {
    let mut missing: Vec<&Descriptor> = plan.missing().collect();
    // large ones first, so that the last worker does not begin with one
    missing.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.digest.cmp(&b.digest)));
    let count = missing.len();
    let copied = AtomicUsize::new(0);
    let overall = Mutex::new(progress.overall("total", missing.iter().map(|blob| blob.size).sum()));
    let mut outcomes = in_parallel(jobs, missing, progress, |blob, progress| {
        let mut step = Both {
            own: progress.step(&blob.digest.short(), blob.size),
            passed: 0,
            overall: &overall,
        };
        let mut tries = if source.may_differ() { TRIES } else { 1 };
        let put = loop {
            tries -= 1;
            match target.put_blob(blob, source, &mut step, progress) {
                Err(error) if error.kind() == ErrorKind::Damaged && tries > 0 => {
                    progress.detail(&format!("{error}; trying again"));
                    step.begin_again();
                }
                outcome => break outcome?,
            }
        };
        drop(step);
        let number = copied.fetch_add(1, Ordering::Relaxed) + 1;
        let how = match &put {
            Put::Wrote => String::new(),
            Put::Linked => ", linked".to_owned(),
            Put::Existed => ", which was there meanwhile".to_owned(),
            Put::Mounted(from) => format!(", mounted from {from}"),
        };
        let size = in_units(blob.size);
        progress.done(&format!(
            "blob {number} of {count}: {} ({size}){how}",
            blob.digest.short()
        ));
        Ok((blob.digest.clone(), put))
    })?;
    drop(overall);
    for (document, is_there) in plan.documents.split_last().map_or(&[][..], |(_, before)| before) {
        progress.check()?;
        if !is_there {
            target.put_manifest(&document.descriptor, &document.bytes)?;
        }
    }
    outcomes.sort_by(|a, b| a.0.cmp(&b.0));
    let put_of = |blob: &Descriptor| {
        let at = outcomes.binary_search_by(|(digest, _)| digest.cmp(&blob.digest));
        at.map_or(Put::Existed, |at| outcomes[at].1.clone())
    };
    Ok(plan
        .blobs
        .iter()
        .map(|(blob, _)| (blob.clone(), put_of(blob)))
        .collect())
}

/// What came of a whole copy.
#[derive(Debug, Clone)]
pub struct Copied {
    /// Manifests and indexes, the root last, and whether the target had it.
    pub documents: Vec<(Descriptor, bool)>,
    /// Blobs by digest, and how each came; where nothing was written, [`Put::Wrote`] for what would be.
    pub blobs: Vec<(Descriptor, Put)>,
}

/// Copies all of `graph` that `target` lacks, the root too. With `dry_run` it only looks.
pub fn whole(
    graph: Graph,
    source: &dyn BlobSource,
    target: &dyn BlobStore,
    jobs: NonZeroUsize,
    dry_run: bool,
    progress: &dyn Progress,
) -> Result<Copied> {
    let plan = plan(graph, target, Trust::Nothing, jobs, progress)?;
    for blob in plan.missing() {
        source.check(blob)?;
    }
    let blobs = if dry_run {
        let planned = |is_there: bool| if is_there { Put::Existed } else { Put::Wrote };
        let blobs = plan.blobs.iter();
        blobs
            .map(|(blob, is_there)| (blob.clone(), planned(*is_there)))
            .collect()
    } else {
        let blobs = run(&plan, source, target, jobs, progress)?;
        if let Some((root, _)) = plan.documents.last() {
            target.put_manifest(&root.descriptor, &root.bytes)?;
        }
        blobs
    };
    let documents = plan.documents.into_iter();
    Ok(Copied {
        documents: documents
            .map(|(document, is_there)| (document.descriptor, is_there))
            .collect(),
        blobs,
    })
}

struct Both<'a, 'b> {
    own: Box<dyn Step + 'a>,
    passed: u64,
    overall: &'a Mutex<Box<dyn Step + 'b>>,
}

impl Both<'_, '_> {
    fn begin_again(&mut self) {
        self.rewind(self.passed);
    }
}

impl Step for Both<'_, '_> {
    fn advance(&mut self, bytes: u64) {
        self.passed += bytes;
        self.own.advance(bytes);
        self.overall
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .advance(bytes);
    }

    fn rewind(&mut self, bytes: u64) {
        self.passed -= bytes.min(self.passed);
        self.own.rewind(bytes);
        self.overall
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .rewind(bytes);
    }
}

/// Does `work` on all items with some threads; results are in the order of the items. After a failure the others are asked to stop.
pub fn in_parallel<I: Send, T: Send>(
    jobs: NonZeroUsize,
    items: Vec<I>,
    progress: &dyn Progress,
    work: impl Fn(I, &dyn Progress) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let threads = jobs.get().min(items.len());
    let queue = Mutex::new(items.into_iter().enumerate());
    let results = Mutex::new(Vec::new());
    let shared = Shared {
        progress,
        has_failed: AtomicBool::new(false),
    };
    let failure = Mutex::new(None);
    let worker = || {
        while !shared.stop_requested() {
            let Some((at, item)) = queue.lock().unwrap_or_else(PoisonError::into_inner).next() else {
                return;
            };
            match work(item, &shared) {
                Ok(result) => results
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((at, result)),
                Err(error) => {
                    // those that stop because another has failed come later
                    let mut first = failure.lock().unwrap_or_else(PoisonError::into_inner);
                    if first
                        .as_ref()
                        .is_none_or(|first: &Error| first.kind() == ErrorKind::Stopped)
                    {
                        *first = Some(error);
                    }
                    drop(first);
                    shared.has_failed.store(true, Ordering::Relaxed);
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(worker);
        }
        worker();
    });
    progress.check()?;
    if let Some(error) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(at, _)| *at);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

/// The progress of one worker of several.
struct Shared<'a> {
    progress: &'a dyn Progress,
    has_failed: AtomicBool,
}

impl Progress for Shared<'_> {
    fn step(&self, name: &str, total: u64) -> Box<dyn Step + '_> {
        self.progress.step(name, total)
    }

    fn overall(&self, name: &str, total: u64) -> Box<dyn Step + '_> {
        self.progress.overall(name, total)
    }

    fn detail(&self, line: &str) {
        self.progress.detail(line);
    }

    fn done(&self, summary: &str) {
        self.progress.done(summary);
    }

    fn stop_requested(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed) || self.progress.stop_requested()
    }

    fn check(&self) -> Result<()> {
        if self.stop_requested() {
            return Err(Error::new(
                ErrorKind::Stopped,
                "stopped because another part has failed",
            ));
        }
        Ok(())
    }
}
