//! What people and programs get to read: data on stdout, all else on stderr.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use airpack::error::{Error, Finding, Findings, Result, Severity};
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
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

    /// Data. A reader that has gone (`| head`) ends the program without a word.
    pub(crate) fn data(&self, text: &str) -> Result<()> {
        let written = anstream::stdout()
            .lock()
            .write_all(text.as_bytes())
            .and_then(|()| io::stdout().flush());
        match written {
            Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => Err(Error::new(
                airpack::error::ErrorKind::Io,
                "failed to write the result to stdout",
            )
            .with_source(cause)),
            _ => Ok(()),
        }
    }

    /// What happens, for who wants to know.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            say(&format!("{}\n", printable(text)));
        }
    }

    /// What is not as it should be.
    pub(crate) fn warnings(&self, findings: &Findings) {
        for finding in findings {
            self.finding(finding);
        }
    }

    /// Why it failed, with all single faults.
    pub(crate) fn error(&self, error: &Error) {
        self.warnings(error.findings());
        let mut text = format!(
            "{ERROR}error{ERROR:#}{BOLD}: {}{BOLD:#}\n",
            printable(&error.to_string())
        );
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            text += &format!("  caused by: {}\n", printable(&cause.to_string()));
            source = cause.source();
        }
        if let Some(hint) = error.hint() {
            text += &format!("  {HINT}hint{HINT:#}: {}\n", printable(hint));
        }
        say(&text);
    }

    fn finding(&self, finding: &Finding) {
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
        let mut group = Group::with_title(level.primary_title(message.as_str()));
        match (finding.place.as_ref().and_then(|place| place.excerpt.as_ref()), &file) {
            (Some(excerpt), file) => {
                let end = excerpt.range.end.min(excerpt.text.len());
                let line_end = excerpt.text[excerpt.range.start.min(end)..end]
                    .find('\n')
                    .map_or(end, |at| excerpt.range.start + at);
                let range = excerpt.range.start.min(line_end)..line_end;
                let snippet = Snippet::source(&*excerpt.text)
                    .line_start(1)
                    .annotation(AnnotationKind::Primary.span(range));
                group = group.element(snippet.path(file.as_deref()));
            }
            (None, Some(file)) => group = group.element(Origin::path(file.as_str())),
            (None, None) => {}
        }
        if let Some(hint) = &hint {
            group = group.element(Level::HELP.with_name("hint").message(hint.as_str()));
        }
        say(&format!("{}\n", Renderer::styled().term_width(WIDTH).render(&[group])));
    }

    /// What shows long work as the user wants it.
    pub(crate) fn progress(&self, stop: &std::sync::Arc<std::sync::atomic::AtomicBool>) -> TerminalProgress {
        let is_terminal = io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        match self.progress {
            _ if self.quiet => TerminalProgress::none(stop),
            ProgressMode::None => TerminalProgress::none(stop),
            ProgressMode::Auto if is_terminal => TerminalProgress::bars(stop),
            ProgressMode::Auto | ProgressMode::Plain => TerminalProgress::lines(stop),
        }
    }
}

/// What clap has to say: help on stdout, wrong usage on stderr.
pub(crate) fn usage(answer: &clap::Error) -> ExitCode {
    let written = answer.print().and_then(|()| io::stdout().flush());
    match written {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => u8::try_from(answer.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from),
    }
}

const ERROR: anstyle::Style = anstyle::AnsiColor::BrightRed.on_default().bold();
const HINT: anstyle::Style = anstyle::AnsiColor::BrightCyan.on_default().bold();
const BOLD: anstyle::Style = anstyle::Style::new().bold();

/// Nothing can be done about a stderr that is gone.
pub(crate) fn say(text: &str) {
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Names come from files and archives of others: what could steer a terminal is shown instead of done.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let is_plain = !c.is_control() || c == '\n';
            let escaped: Vec<char> = if is_plain {
                vec![c]
            } else {
                c.escape_default().collect()
            };
            escaped
        })
        .collect()
}
