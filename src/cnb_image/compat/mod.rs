//! Which components there are, and for which platforms: [`Row`] by [`Row`], whatever is missing or broken.

mod builders;
pub mod columns;
mod images;
mod module;
mod packages;
pub(super) mod programs;
mod sources;
mod stored;
mod together;

pub use builders::StoredBuilder;
pub use images::StoredImage;
pub use packages::StoredPackage;
pub use sources::{BuilderSources, ModuleSources};
pub use stored::{Stored, stored_in};

use serde::Serialize;

use crate::cnb::compat::{Cause, Reason, Verdict};
use crate::cnb::module::ModuleKind;
use crate::cnb::target::Target;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;

/// What a component is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A builder.
    Builder,
    /// An image that builds run in.
    BuildImage,
    /// An image that apps run in.
    RunImage,
    /// An image that does not say what it is for.
    Image,
    /// A lifecycle.
    Lifecycle,
    /// A buildpack, or a composite of some.
    Buildpack,
    /// An extension.
    Extension,
}

impl Kind {
    /// The words for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Builder => "builder",
            Self::BuildImage => "build image",
            Self::RunImage => "run image",
            Self::Image => "image",
            Self::Lifecycle => "lifecycle",
            Self::Buildpack => "buildpack",
            Self::Extension => "extension",
        }
    }

    fn of(kind: ModuleKind) -> Self {
        match kind {
            ModuleKind::Buildpack => Self::Buildpack,
            ModuleKind::Extension => Self::Extension,
        }
    }
}

/// One component, and what is said of it for each platform.
#[derive(Debug, Clone)]
pub struct Row {
    /// What it is.
    pub kind: Kind,
    /// `id@version` of a module, the name of an image, the version of a lifecycle.
    pub name: String,
    /// The builder or composite that it belongs to.
    pub part_of: Option<String>,
    /// Where it was found.
    pub source: Option<String>,
    /// One for each column.
    pub verdicts: Vec<Verdict>,
    /// Names of the modules that it can not do without, for each column; none where nothing is needed.
    needs: Vec<Vec<String>>,
}

impl Row {
    fn new(kind: Kind, name: impl Into<String>, verdicts: Vec<Verdict>) -> Self {
        Self {
            kind,
            name: name.into(),
            part_of: None,
            source: None,
            verdicts,
            needs: Vec::new(),
        }
    }

    /// What was not found, or can not be read at all.
    #[must_use]
    pub fn missing(kind: Kind, name: &str, reason: Reason, columns: usize) -> Self {
        Self::new(kind, name, vec![Verdict::no(reason); columns])
    }
}

/// Something that is made of components.
pub trait Assembly {
    /// All platforms that it speaks of.
    fn targets(&self, progress: &dyn Progress) -> Result<Vec<Target>>;

    /// Its components. The columns have an operating system, an architecture and at most one distribution.
    fn rows(&mut self, columns: &[Target], progress: &dyn Progress) -> Result<Vec<Row>>;
}

/// An error as the reason why something is not there; a stop is passed on.
fn reason_of(error: &Error) -> Result<Reason> {
    if error.kind() == ErrorKind::Stopped {
        return Err(Error::new(ErrorKind::Stopped, error.to_string()));
    }
    let (cause, short) = match error.kind() {
        ErrorKind::NotFound => (Cause::NotFound, "not found"),
        _ => (Cause::Faulty, "faulty"),
    };
    let mut text = error.to_string();
    let mut inner = std::error::Error::source(error);
    while let Some(error) = inner {
        text = format!("{text}: {error}");
        inner = error.source();
    }
    Ok(Reason::new(cause, short, text).with_hint(error.hint()))
}

/// A success, or why there is none; only a stop is an error.
fn or_reason<T>(result: Result<T>) -> Result<Result<T, Reason>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) => reason_of(&error).map(Err),
    }
}
