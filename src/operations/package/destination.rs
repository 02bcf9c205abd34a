//! [`Destination`]: a layout, or files, and what they are called.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::PackageRequest;
use crate::archive::compress::Compression;
use crate::cnb_image::plan::package::PackagePlan;
use crate::error::{Error, Finding, Findings, Result};
use crate::oci::archive_store::check_replaceable;
use crate::oci::layout::{LayoutWriter, Staging};
use crate::oci::reference::ImageName;

/// Where a package goes.
#[derive(Debug, Clone)]
pub enum Destination {
    /// Into an OCI image layout.
    Layout {
        /// Its folder; made if it does not exist.
        folder: PathBuf,
        /// Names of the index; the first is the main one.
        names: Vec<ImageName>,
    },
    /// Into files (`.cnb`), each a layout in a tar.
    File {
        /// The file; of several, each has its platform in its name.
        path: PathBuf,
        /// Whether there is one file for all targets.
        single: bool,
    },
}

impl Destination {
    /// The folder or file, as the user named it.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Layout { folder, .. } => folder,
            Self::File { path, .. } => path,
        }
    }

    /// Whether a file or folder, by its canonical path, is one that is written here.
    pub(super) fn is_output(&self) -> impl Fn(&Path) -> bool + use<> {
        let (layout, file) = match self {
            Self::Layout { folder, .. } => (fs::canonicalize(folder).ok(), None),
            Self::File { path, .. } => {
                let (folder, stem) = (folder_of(path), stem_of(path));
                (
                    None,
                    fs::canonicalize(folder)
                        .ok()
                        .map(|folder| (folder, stem, path.file_name().map(ToOwned::to_owned))),
                )
            }
        };
        move |path| {
            let is_file = || {
                let (folder, stem, name) = file.as_ref()?;
                let own = path.file_name().filter(|_| path.parent() == Some(folder))?;
                let of_platform = own
                    .to_str()?
                    .strip_prefix(stem.to_str()?)?
                    .strip_suffix(CNB)?
                    .starts_with('-');
                Some(of_platform || Some(own) == name.as_deref())
            };
            Some(path) == layout.as_deref() || (path.is_file() && is_file().unwrap_or_default())
        }
    }
}

/// What the names of such files end in.
pub const CNB: &str = ".cnb";

/// The folder that a file is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// The name without `.cnb`.
fn stem_of(path: &Path) -> OsString {
    let is_cnb = path.extension().is_some_and(|extension| extension == &CNB[1..]);
    let stem = if is_cnb { path.file_stem() } else { path.file_name() };
    stem.unwrap_or_default().to_owned()
}

/// An error where nothing can be written.
pub(super) fn check_output(output: &Destination) -> Result<()> {
    match output {
        Destination::Layout { folder, .. } => LayoutWriter::new(folder).map(drop),
        Destination::File { path, .. } if path.is_dir() => Err(Error::invalid(format!(
            "`{}` is a folder, not a file to write",
            path.display()
        ))
        .with_hint("give the name of a file that ends in .cnb")),
        Destination::File { path, .. } => Staging::in_folder(folder_of(path)).map(drop),
    }
}

/// The files of a package and their images: one for all, or one for each, with its platform in the name.
pub(super) fn files(
    request: &PackageRequest,
    plan: &PackagePlan,
    findings: &mut Findings,
) -> Vec<(PathBuf, Vec<usize>)> {
    let Destination::File { path, single } = &request.output else {
        return Vec::new();
    };
    if matches!(request.compression, Compression::Zstd(_)) {
        findings.push(
            Finding::warning("pack does not read layers in files that zstd compressed")
                .hint("leave --compression out, unless only airpack reads the file"),
        );
    }
    if path.extension().is_none_or(|extension| extension != &CNB[1..]) {
        findings.push(
            Finding::warning(format!("`{}` does not end in {CNB}", path.display()))
                .hint("tools know packages by that ending"),
        );
    }
    let check = |file: &Path, findings: &mut Findings| {
        if let Err(error) = check_replaceable(file) {
            let mut finding = Finding::error(error.to_string());
            finding.hint = error.hint().map(ToOwned::to_owned);
            findings.push(finding);
        }
    };
    if *single || plan.images.len() == 1 {
        check(path, findings);
        return vec![(path.clone(), (0..plan.images.len()).collect())];
    }
    let mut files: Vec<(PathBuf, Vec<usize>)> = Vec::new();
    for (at, image) in plan.images.iter().enumerate() {
        let mut name = stem_of(path);
        for part in image.target.with_defaults().folder_names() {
            name.push("-");
            name.push(part);
        }
        name.push(CNB);
        let file = path.with_file_name(name);
        if let Some((_, first)) = files.iter().find(|(other, _)| *other == file) {
            findings.push(Finding::error(format!(
                "the images for `{}` and `{}` would both be `{}`",
                plan.images[first[0]].target,
                image.target,
                file.display()
            )));
        }
        check(&file, findings);
        files.push((file, vec![at]));
    }
    files
}
