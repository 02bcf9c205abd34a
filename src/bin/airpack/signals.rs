//! Signals become a flag that long work looks at, so that it ends cleanly.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;

/// Exit code of a process that a second Ctrl-C ends at once, by the habit of shells.
const INTERRUPTED: i32 = 130;

/// The flag that is set by Ctrl-C or a request to end.
pub(crate) fn watch() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // without a handler the default holds: the process ends, and leaves nothing behind
        let _ = flag::register_conditional_shutdown(signal, INTERRUPTED, Arc::clone(&stop));
        let _ = flag::register(signal, Arc::clone(&stop));
    }
    // a file size limit is an error of the write then, instead of the end of the process
    let _ = flag::register(SIGXFSZ, Arc::default());
    stop
}
