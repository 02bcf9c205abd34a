//! What can go wrong: the one [`Error`], and [`Findings`] about a user's data.

use std::error::Error as StdError;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of failure an [`Error`] is, for callers that react to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The user's data or request is wrong.
    Invalid,
    /// A word of the request can not be understood, whatever it is about.
    Usage,
    /// Something that was named is not there.
    NotFound,
    /// Bytes at rest do not match what describes them.
    Damaged,
    /// The operating system refused.
    Io,
    /// A known form that this version does not handle.
    Unsupported,
    /// A registry can not be reached, or does not answer as it should.
    Network,
    /// A registry does not let the caller do this.
    Denied,
    /// The caller asked the work to stop.
    Stopped,
}

/// A failure: what was tried on which thing, why it failed, and what would help.
///
/// The message is of the form "failed to verb `thing`"; the cause is the [`source`](StdError::source).
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
    hint: Option<String>,
    findings: Findings,
}

impl Error {
    /// An error of `kind` that says `message`.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            source: None,
            hint: None,
            findings: Findings::default(),
        }))
    }

    /// Shorthand for [`ErrorKind::Invalid`].
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// Shorthand for [`ErrorKind::Damaged`].
    #[must_use]
    pub fn damaged(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Damaged, message)
    }

    /// "failed to `verb` `path`", caused by `cause`.
    #[must_use]
    pub fn io(verb: &str, path: &Path, cause: std::io::Error) -> Self {
        let kind = match cause.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            _ => ErrorKind::Io,
        };
        let is_folder = cause.kind() == std::io::ErrorKind::IsADirectory;
        let error = Self::new(kind, format!("failed to {verb} `{}`", path.display())).with_source(cause);
        if is_folder {
            return error.with_hint("it is a folder, and a file is needed");
        }
        error
    }

    /// An error that stands for all `findings`, which may hold warnings too.
    #[must_use]
    pub fn from_findings(message: impl Into<String>, findings: Findings) -> Self {
        let mut error = Self::invalid(message);
        error.0.findings = findings;
        error
    }

    /// The same error with a cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same error with a way out.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// This error as the cause of another that says `message`; kind, hint and findings move to the front.
    #[must_use]
    pub fn context(mut self, message: impl Into<String>) -> Self {
        let mut outer = Self::new(self.0.kind, message);
        outer.0.hint = self.0.hint.take();
        outer.0.findings = std::mem::take(&mut self.0.findings);
        outer.with_source(self)
    }

    /// The same error with all its texts changed by `change`, those of its causes too.
    #[must_use]
    pub fn map_text(mut self, change: &dyn Fn(&str) -> String) -> Self {
        self.0.message = change(&self.0.message);
        self.0.hint = self.0.hint.take().map(|hint| change(&hint));
        let kind = self.0.kind;
        self.0.source = self.0.source.take().map(|cause| match cause.downcast::<Self>() {
            Ok(error) => Box::new(error.map_text(change)) as _,
            Err(cause) => Box::new(Self::new(kind, change(&cause.to_string()))) as _,
        });
        self
    }

    /// What is wrong with words of the request, where it is that.
    #[must_use]
    pub fn as_usage(mut self) -> Self {
        if self.0.kind == ErrorKind::Invalid {
            self.0.kind = ErrorKind::Usage;
        }
        self
    }

    /// All of `results`, or the only error; several are told as findings of one.
    pub fn gather<T>(what: &str, results: impl IntoIterator<Item = Result<T>>) -> Result<Vec<T>> {
        let mut values = Vec::new();
        let mut errors = Vec::new();
        for result in results {
            match result {
                Ok(value) => values.push(value),
                Err(error) => errors.push(error),
            }
        }
        if errors.len() < 2 {
            return errors.pop().map_or(Ok(values), Err);
        }
        let message = format!("{} {what} can not be read", errors.len());
        let mut findings = Findings::default();
        for error in errors {
            let mut finding = Finding::error(error.to_string());
            finding.hint = error.hint().map(ToOwned::to_owned);
            findings.push(finding);
        }
        Err(Self::from_findings(message, findings))
    }

    /// What sort of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The known way out, if there is one.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The single faults that this error sums up.
    #[must_use]
    pub fn findings(&self) -> &Findings {
        &self.0.findings
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|cause| cause as _)
    }
}

/// Lets an [`Error`] pass through code that speaks [`std::io::Error`]; [`from_io`] takes it out again.
impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        Self::other(error)
    }
}

/// The [`Error`] that `cause` carries, or `otherwise` made from it.
#[must_use]
pub fn from_io(cause: std::io::Error, otherwise: impl FnOnce(std::io::Error) -> Error) -> Error {
    match cause.downcast::<Error>() {
        Ok(error) => error,
        Err(cause) => otherwise(cause),
    }
}

/// Where in a text file something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as the user named it.
    pub file: PathBuf,
    /// The bytes meant, in the text; `None` when the file as a whole is meant.
    pub excerpt: Option<Excerpt>,
}

/// A range of bytes in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The whole text.
    pub text: Arc<str>,
    /// The bytes of it that are meant.
    pub range: Range<usize>,
}

impl Excerpt {
    /// Line and column, both from 1; the column counts characters.
    #[must_use]
    pub fn line_column(&self) -> (usize, usize) {
        let start = self.range.start.min(self.text.len());
        let before = self.text.get(..start).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(excerpt) = &self.excerpt {
            let (line, column) = excerpt.line_column();
            write!(f, ":{line}:{column}")?;
        }
        Ok(())
    }
}

/// How much a [`Finding`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The work goes on.
    Warning,
    /// The work can not be done.
    Error,
}

/// One fault in a user's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong, naming the thing.
    pub message: String,
    /// Where it stands.
    pub place: Option<Place>,
    /// The known way out.
    pub hint: Option<String>,
}

impl Finding {
    /// A fault that stops the work.
    #[must_use]
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            place: None,
            hint: None,
        }
    }

    /// A fault that the work survives.
    #[must_use]
    pub fn warning(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(message)
        }
    }

    /// The same finding at `place`.
    #[must_use]
    pub fn at(mut self, place: impl Into<Option<Place>>) -> Self {
        self.place = place.into();
        self
    }

    /// The same finding with a way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A text in a command that is printed, as a shell takes it.
#[must_use]
pub fn shell_quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-:@+,=".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Whether a message has a name as a whole word.
fn tells_of(message: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '/' | ':' | '@' | '-' | '_');
    message.match_indices(name).any(|(at, _)| {
        let before = message[..at].chars().next_back();
        let after = message[at + name.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// The known word that `word` is most likely a slip of.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|&(likeness, _)| likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// How a hint begins where something is `meant`, most likely; nothing where that is not known.
#[must_use]
pub fn did_you_mean(meant: Option<impl fmt::Display>) -> String {
    meant
        .map(|meant| format!("did you mean `{meant}`? "))
        .unwrap_or_default()
}

/// All faults found so far, in the order found; none twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Adds a finding, unless it is there already.
    pub fn push(&mut self, finding: Finding) {
        if !self.0.contains(&finding) {
            self.0.push(finding);
        }
    }

    /// Adds all of `other`.
    pub fn append(&mut self, other: Findings) {
        for finding in other.0 {
            self.push(finding);
        }
    }

    /// Whether any of them stops the work.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// How many there are of `severity`.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.0.iter().filter(|finding| finding.severity == severity).count()
    }

    /// The findings in the order found.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.0.iter()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every warning counts as an error from here on.
    pub fn escalate(&mut self) {
        for finding in &mut self.0 {
            finding.severity = Severity::Error;
        }
    }

    /// Findings that differ only in which of `names` they tell of become one that tells of all of them.
    pub fn join_alike(&mut self, names: &[String]) {
        let mut joined: Vec<(Finding, Option<String>, Vec<&String>)> = Vec::new();
        for finding in std::mem::take(&mut self.0) {
            let mut about = names.iter().filter(|name| tells_of(&finding.message, name));
            let (name, pattern) = match (about.next(), about.next()) {
                (Some(name), None) => (Some(name), Some(finding.message.replace(name.as_str(), "\0"))),
                _ => (None, None),
            };
            let is_alike = |(first, own, _): &&mut (Finding, Option<String>, Vec<&String>)| {
                let same =
                    (first.severity, &first.place, &first.hint) == (finding.severity, &finding.place, &finding.hint);
                same && pattern.is_some() && *own == pattern
            };
            match joined.iter_mut().find(is_alike) {
                Some((_, _, names)) => names.extend(name),
                None => joined.push((finding, pattern, name.into_iter().collect())),
            }
        }
        for (mut finding, pattern, names) in joined {
            if let Some(pattern) = pattern.filter(|_| names.len() > 1) {
                let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
                finding.message = pattern.replace('\0', &names.join(", "));
            }
            self.push(finding);
        }
    }

    /// The warnings, or an error that sums all findings up when one of them is an error.
    pub fn into_warnings(self, task: &str) -> Result<Findings> {
        if !self.has_errors() {
            return Ok(self);
        }
        let faults = match self.count(Severity::Error) {
            1 => "1 fault".to_owned(),
            several => format!("{several} faults"),
        };
        Err(Error::from_findings(format!("failed to {task}: {faults} found"), self))
    }
}

impl<'a> IntoIterator for &'a Findings {
    type Item = &'a Finding;
    type IntoIter = std::slice::Iter<'a, Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_several_targets_become_one() {
        let names = ["linux/arm64", "linux/arm", "linux/amd64"].map(ToOwned::to_owned);
        let mut findings = Findings::default();
        findings.push(Finding::error("no `x` for linux/arm64 in `a`").hint("bring it"));
        findings.push(Finding::error("something else"));
        findings.push(Finding::error("no `x` for linux/arm in `a`").hint("bring it"));
        findings.push(Finding::error("no `y` for linux/arm in `a`").hint("bring it"));
        findings.push(Finding::error("no `x` for linux/amd64 in `a`").hint("bring another"));
        findings.push(Finding::warning("no `x` for linux/amd64 in `a`").hint("bring it"));
        findings.join_alike(&names);
        let messages: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "no `x` for linux/arm64, linux/arm in `a`",
                "something else",
                "no `y` for linux/arm in `a`",
                "no `x` for linux/amd64 in `a`",
                "no `x` for linux/amd64 in `a`"
            ]
        );
    }
}
