//! Looks whether a layout is whole and what it says, and what other tools will make of it.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use serde::Serialize;

use crate::cnb_image::label_check;
use crate::error::{Result, Severity};
use crate::oci::check::{self, Fault, Reads, Verdict};
use crate::oci::json::displayed;
use crate::oci::locate::ImageLocation;
use crate::progress::Progress;

/// What to look at.
#[derive(Debug, Clone)]
pub struct ValidateRequest {
    /// A layout or an archive, or one image in it.
    pub location: ImageLocation,
    /// Where nameless temporary files go.
    pub scratch: PathBuf,
    /// Blobs that are read at once.
    pub threads: NonZeroUsize,
}

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct ValidateReport {
    /// The layout or archive.
    #[serde(serialize_with = "displayed")]
    pub layout: PathBuf,
    /// All that is wrong.
    pub findings: Vec<Fault>,
    /// How many of them are errors.
    pub errors: usize,
    /// How many are warnings.
    pub warnings: usize,
    /// Blobs that were read.
    pub blobs: usize,
    /// Their bytes.
    pub bytes: u64,
    /// What other tools make of it.
    pub verdicts: Vec<Verdict>,
}

impl ValidateReport {
    /// Whether the layout is what was asked for; with `strict` no warning is passed over, and no tool that does not read it.
    #[must_use]
    pub fn is_good(&self, strict: bool) -> bool {
        self.errors == 0 && (!strict || (self.warnings == 0 && self.unread().next().is_none()))
    }

    /// Of the tools, those that do not read all of it.
    pub fn unread(&self) -> impl Iterator<Item = &Verdict> {
        let is_unread = |verdict: &&Verdict| matches!(verdict.reads, Reads::No | Reads::Partly);
        self.verdicts.iter().filter(is_unread)
    }
}

/// Reads every blob, and unpacks every layer to nowhere.
pub fn run(request: &ValidateRequest, progress: &dyn Progress) -> Result<ValidateReport> {
    let checked = check::check(&request.location, &request.scratch, request.threads, progress)
        .map_err(|error| error.context(format!("failed to validate `{}`", request.location.layout.display())))?;
    let mut findings = checked.faults;
    findings.extend(checked.images.iter().flat_map(label_check::check));
    let count = |severity: Severity| findings.iter().filter(|fault| fault.severity == severity).count();
    Ok(ValidateReport {
        layout: request.location.layout.clone(),
        errors: count(Severity::Error),
        warnings: count(Severity::Warning),
        findings,
        blobs: checked.blobs,
        bytes: checked.bytes,
        verdicts: checked.verdicts,
    })
}
