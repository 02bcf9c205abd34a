//! What people and programs get to read: data on stdout, all else on stderr.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::path::Path;

use airpack::error::{Error, Finding, Findings, Result, Severity, shell_quoted};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use anstream::ColorChoice;

use crate::cli::{ColorMode, ProgressMode, Terminal};
use crate::progress::TerminalProgress;

/// The width of snippets where no terminal says its own.
const WIDTH: usize = 120;

/// How to speak to the user.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    quiet: bool,
    verbose: bool,
    progress: ProgressMode,
}

impl Output {
    pub(crate) fn new(terminal: &Terminal) -> Self {
        match terminal.color {
            ColorMode::Auto => {}
            ColorMode::Always => ColorChoice::Always.write_global(),
            ColorMode::Never => ColorChoice::Never.write_global(),
        }
        Self {
            quiet: terminal.quiet,
            verbose: terminal.verbose,
            progress: terminal.progress,
        }
    }

    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Data as it is, to the byte.
    pub(crate) fn bytes(bytes: &[u8]) -> Result<()> {
        Self::written(io::stdout().lock().write_all(bytes).and_then(|()| io::stdout().flush()))
    }

    /// Data. A reader that has gone (`| head`) ends the program without a word.
    pub(crate) fn data(text: &str) -> Result<()> {
        let written = anstream::stdout()
            .lock()
            .write_all(text.as_bytes())
            .and_then(|()| io::stdout().flush());
        Self::written(written)
    }

    fn written(outcome: io::Result<()>) -> Result<()> {
        match outcome {
            Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => Err(Error::new(
                airpack::error::ErrorKind::Io,
                "failed to write the result to stdout",
            )
            .with_source(cause)
            .with_hint("what was to be done is done; only what it was could not be told")),
            _ => Ok(()),
        }
    }

    /// What happens, for who wants to know.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            say(&format!("{}\n", printable(text)));
        }
    }

    /// What is not as it should be, warnings and errors.
    pub(crate) fn findings(findings: &Findings) {
        for finding in findings {
            Self::finding(finding);
        }
    }

    /// Why it failed, with all single faults.
    pub(crate) fn error(error: &Error) {
        Self::findings(error.findings());
        let mut text = format!(
            "{ERROR}error{ERROR:#}{BOLD}: {}{BOLD:#}\n",
            printable(&error.to_string())
        );
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            let _ = writeln!(text, "  caused by: {}", printable(&cause.to_string()));
            source = cause.source();
        }
        if let Some(hint) = error.hint() {
            let _ = writeln!(text, "  {HINT}hint{HINT:#}: {}", printable(hint));
        }
        say(&text);
    }

    fn finding(finding: &Finding) {
        let Some(excerpt) = finding.place.as_ref().and_then(|place| place.excerpt.as_ref()) else {
            return Self::finding_without_line(finding);
        };
        let level = match finding.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let message = printable(&finding.message);
        let hint = finding.hint.as_deref().map(printable);
        let file = finding
            .place
            .as_ref()
            .map(|place| printable(&place.file.display().to_string()));
        // a table is meant by its first line
        let end = excerpt.range.end.min(excerpt.text.len());
        let start = excerpt.range.start.min(end);
        let end = excerpt.text[start..end]
            .find('\n')
            .map_or(end, |newline| start + newline);
        let snippet = Snippet::source(&*excerpt.text).line_start(1).path(file.as_deref());
        let snippet = snippet.annotation(AnnotationKind::Primary.span(start..end));
        let mut group = Group::with_title(level.primary_title(message.as_str())).element(snippet);
        if let Some(hint) = &hint {
            group = group.element(Level::HELP.with_name("hint").message(hint.as_str()));
        }
        say(&format!("{}\n", Renderer::styled().term_width(WIDTH).render(&[group])));
    }

    fn finding_without_line(finding: &Finding) {
        let (style, word) = match finding.severity {
            Severity::Error => (ERROR, "error"),
            Severity::Warning => (WARNING, "warning"),
        };
        let mut text = format!(
            "{style}{word}{style:#}{BOLD}: {}{BOLD:#}\n",
            printable(&finding.message)
        );
        if let Some(place) = &finding.place {
            let _ = writeln!(text, "  --> {}", printable(&place.file.display().to_string()));
        }
        if let Some(hint) = &finding.hint {
            let _ = writeln!(text, "  {HINT}hint{HINT:#}: {}", printable(hint));
        }
        say(&text);
    }

    /// What shows long work as the user wants it.
    pub(crate) fn progress(&self, stop: &std::sync::Arc<std::sync::atomic::AtomicBool>) -> TerminalProgress {
        let is_terminal = io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        match self.progress {
            _ if self.quiet => TerminalProgress::none(stop, false),
            ProgressMode::None => TerminalProgress::none(stop, self.verbose),
            ProgressMode::Auto if is_terminal => TerminalProgress::bars(stop, self.verbose),
            ProgressMode::Auto | ProgressMode::Plain => TerminalProgress::lines(stop, self.verbose),
        }
    }
}

const ERROR: anstyle::Style = anstyle::AnsiColor::BrightRed.on_default().bold();
const WARNING: anstyle::Style = anstyle::AnsiColor::Yellow.on_default().bold();
pub(crate) const HINT: anstyle::Style = anstyle::AnsiColor::BrightCyan.on_default().bold();
const BOLD: anstyle::Style = anstyle::Style::new().bold();

/// How the word for it looks.
pub(crate) fn style_of(severity: Severity) -> anstyle::Style {
    match severity {
        Severity::Error => ERROR,
        Severity::Warning => WARNING,
    }
}

/// Nothing can be done about a stderr that is gone.
pub(crate) fn say(text: &str) {
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// A name in one line, whatever is in it.
pub(crate) fn one_line(name: &str) -> String {
    name.replace('\n', "\\n")
}

/// A path as a shell takes it, and no command for a flag.
pub(crate) fn argument(path: &Path) -> String {
    let text = path.display().to_string();
    shell_quoted(&if text.starts_with('-') {
        format!("./{text}")
    } else {
        text
    })
}

/// Names come from files and archives of others: what could steer a terminal is shown instead of done.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            // letters that turn the direction of others around would hide what is there
            let turns =
                matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            let is_plain = (!c.is_control() && !turns) || c == '\n';
            let escaped: Vec<char> = if is_plain {
                vec![c]
            } else {
                c.escape_default().collect()
            };
            escaped
        })
        .collect()
}
