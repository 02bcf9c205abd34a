//! What the benchmarks share: a command is run and measured, and its figures become a line.
#![allow(dead_code, reason = "each benchmark uses what it needs")]

pub(crate) mod layout;
pub(crate) mod source;

use std::env;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};

pub(crate) const AIRPACK: &str = env!("CARGO_BIN_EXE_airpack");

pub(crate) type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// The words after the program's name. cargo passes `--bench` too.
pub(crate) fn arguments() -> Vec<String> {
    env::args().skip(1).filter(|argument| argument != "--bench").collect()
}

/// What one command took: seconds and bytes.
#[derive(Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) wall: f64,
    pub(crate) processor: f64,
    pub(crate) memory: u64,
}

/// Runs the command in a process of its own, so that the peak is this command's and nobody else's.
pub(crate) fn measure(command: &[&str]) -> Fallible<Figures> {
    measured(&mut Command::new(env::current_exe()?), command)
}

/// The same with nothing in the environment but `PATH` and this home: neither credentials nor proxies count.
pub(crate) fn measure_at_home(home: &Path, command: &[&str]) -> Fallible<Figures> {
    measured(at_home(&mut Command::new(env::current_exe()?), home), command)
}

/// Takes away the environment of a command but `PATH`, and gives it a home.
pub(crate) fn at_home<'a>(command: &'a mut Command, home: &Path) -> &'a mut Command {
    command
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("XDG_RUNTIME_DIR", home)
        .env("DOCKER_CONFIG", home)
}

fn measured(this: &mut Command, command: &[&str]) -> Fallible<Figures> {
    let output = this.arg("measure").args(command).output()?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let numbers: Vec<f64> = text
        .lines()
        .last()
        .unwrap_or_default()
        .split(' ')
        .filter_map(|number| number.parse().ok())
        .collect();
    let [wall, processor, memory] = numbers[..] else {
        return Err(format!("no figures in {text:?}").into());
    };
    Ok(Figures {
        wall,
        processor,
        memory: memory as u64,
    })
}

/// The other side of [`measure`]: every benchmark calls it when its first argument is `measure`.
pub(crate) fn measure_here(command: &[&str]) -> Fallible<()> {
    let (program, arguments) = command.split_first().ok_or("no command")?;
    let begin = Instant::now();
    let status = Command::new(program).args(arguments).stdout(io::stderr()).status()?;
    let wall = begin.elapsed().as_secs_f64();
    if !status.success() {
        return Err(format!("{program} ended with {status}").into());
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let processor = seconds(usage.user_time()) + seconds(usage.system_time());
    say(&format!("{wall} {processor} {}", usage.max_rss() * 1024));
    Ok(())
}

/// The same bytes in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let mut x = self.0;
        x ^= x >> 33;
        x = x.wrapping_mul(0xff51_afd7_ed55_8ccd);
        x ^ (x >> 33)
    }
}

pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

pub(crate) fn units(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}
