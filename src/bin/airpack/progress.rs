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
}

enum Way {
    Bars(MultiProgress),
    Lines,
    Nothing,
}

impl TerminalProgress {
    pub(crate) fn bars(stop: &Arc<AtomicBool>) -> Self {
        Self::with(
            stop,
            Way::Bars(MultiProgress::with_draw_target(ProgressDrawTarget::stderr())),
        )
    }

    pub(crate) fn lines(stop: &Arc<AtomicBool>) -> Self {
        Self::with(stop, Way::Lines)
    }

    pub(crate) fn none(stop: &Arc<AtomicBool>) -> Self {
        Self::with(stop, Way::Nothing)
    }

    fn with(stop: &Arc<AtomicBool>, way: Way) -> Self {
        Self {
            stop: Arc::clone(stop),
            way,
        }
    }
}

impl Progress for TerminalProgress {
    fn step(&self, name: &str, total: u64) -> Box<dyn Step + '_> {
        let bar = match &self.way {
            Way::Bars(bars) => {
                let style = ProgressStyle::with_template(
                    "{msg} [{bar:30}] {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec}",
                );
                let style = style.map_or_else(|_| ProgressStyle::default_bar(), |style| style.progress_chars("=> "));
                let bar = bars.add(ProgressBar::new(total).with_style(style));
                bar.set_message(printable(name));
                Some(bar)
            }
            Way::Lines | Way::Nothing => None,
        };
        Box::new(Bar(bar))
    }

    fn done(&self, summary: &str) {
        match &self.way {
            Way::Bars(bars) => {
                let _ = bars.println(printable(summary));
            }
            Way::Lines => say(&format!("{}\n", printable(summary))),
            Way::Nothing => {}
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
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
