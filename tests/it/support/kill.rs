//! Runs that are started together, and runs that are killed.

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::Run;

const KILLS: u32 = 20;

fn start(mut command: Command) -> (String, Child) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    (format!("{command:?}"), child)
}

/// Starts all of them before it waits for any.
pub(crate) fn at_once(commands: Vec<Command>) -> Vec<Run> {
    let children: Vec<_> = commands.into_iter().map(start).collect();
    children
        .into_iter()
        .map(|(shown, child)| Run::from_output(shown, child.wait_with_output().unwrap()))
        .collect()
}

/// Starts the command and ends it with this signal after a while. `true` if that came before its own end.
pub(crate) fn killed(command: Command, signal: &str, delay: Duration) -> bool {
    let (_, mut child) = start(command);
    sleep(delay);
    if signal == "KILL" {
        child.kill().unwrap();
    } else {
        let kill = format!("kill -s {signal} {}", child.id());
        // the process is there until it is waited for, so the signal can not meet another
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }
    !child.wait_with_output().unwrap().status.success()
}

/// The moments to kill at, spread over a run and a little longer, with a signal for each.
pub(crate) fn moments(duration: Duration) -> impl Iterator<Item = (Duration, &'static str)> {
    let signals = ["KILL", "KILL", "KILL", "INT", "TERM"];
    (0..KILLS).map(move |at| {
        let signal = signals[usize::try_from(at).unwrap() % signals.len()];
        (duration * at * 11 / (KILLS * 10), signal)
    })
}
