//! Long work on a terminal: bars that go when the work is done, or lines for logs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use airpack::progress::{Progress, Step};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::{printable, say};

/// Reports to stderr, and passes on that a stop was asked for.
pub(crate) struct TerminalProgress {
    stop: Arc<AtomicBool>,
    way: Way,
    /// Whether details are shown as well.
    verbose: bool,
}

enum Way {
    Bars(MultiProgress),
    Lines,
    Nothing,
}

impl TerminalProgress {
    pub(crate) fn bars(stop: &Arc<AtomicBool>, verbose: bool) -> Self {
        Self::with(
            stop,
            Way::Bars(MultiProgress::with_draw_target(ProgressDrawTarget::stderr())),
            verbose,
        )
    }

    pub(crate) fn lines(stop: &Arc<AtomicBool>, verbose: bool) -> Self {
        Self::with(stop, Way::Lines, verbose)
    }

    /// No bars and no summaries; what the user asked for with `-v` is shown all the same.
    pub(crate) fn none(stop: &Arc<AtomicBool>, verbose: bool) -> Self {
        Self::with(stop, Way::Nothing, verbose)
    }

    fn with(stop: &Arc<AtomicBool>, way: Way, verbose: bool) -> Self {
        Self {
            stop: Arc::clone(stop),
            way,
            verbose,
        }
    }

    fn bar(&self, name: &str, total: u64, template: &str) -> Bar {
        let Way::Bars(bars) = &self.way else { return Bar(None) };
        let style = ProgressStyle::with_template(template);
        let style = style.map_or_else(|_| ProgressStyle::default_bar(), |style| style.progress_chars("=> "));
        let bar = bars.add(ProgressBar::new(total).with_style(style));
        bar.set_message(printable(name));
        Bar(Some(bar))
    }

    fn line(&self, text: &str) {
        match &self.way {
            Way::Bars(bars) => {
                let _ = bars.println(printable(text));
            }
            Way::Lines | Way::Nothing => say(&format!("{}\n", printable(text))),
        }
    }
}

impl Progress for TerminalProgress {
    fn step(&self, name: &str, total: u64) -> Box<dyn Step + '_> {
        Box::new(self.bar(
            name,
            total,
            "{wide_msg} [{bar:12}] {percent:>3}% {decimal_bytes_per_sec}",
        ))
    }

    fn overall(&self, name: &str, total: u64) -> Box<dyn Step + '_> {
        Box::new(self.bar(
            name,
            total,
            "{wide_msg} [{bar:12}] {percent:>3}% {decimal_bytes_per_sec}, {eta} left",
        ))
    }

    fn detail(&self, line: &str) {
        if self.verbose {
            self.line(line);
        }
    }

    fn done(&self, summary: &str) {
        if !matches!(self.way, Way::Nothing) {
            self.line(summary);
        }
    }

    fn stop_requested(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

struct Bar(Option<ProgressBar>);

impl Step for Bar {
    fn advance(&mut self, bytes: u64) {
        if let Some(bar) = &self.0 {
            bar.inc(bytes);
        }
    }

    fn rewind(&mut self, bytes: u64) {
        if let Some(bar) = &self.0 {
            bar.dec(bytes);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
