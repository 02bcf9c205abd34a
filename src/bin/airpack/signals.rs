//! Signals become a flag that long work looks at, so that it ends cleanly.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

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

/// Ends the process soon after a stop was asked for, also where it waits for something that can not be interrupted: a name
/// service, a helper. Only for work that a sudden end does no harm to.
pub(crate) fn end_soon_after(stop: &Arc<AtomicBool>) {
    const SLICE: Duration = Duration::from_millis(50);
    const GRACE: Duration = Duration::from_millis(900);
    let stop = Arc::clone(stop);
    thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            thread::sleep(SLICE);
        }
        thread::sleep(GRACE);
        crate::output::say("error: stopped before the work was done\n");
        std::process::exit(1);
    });
}
