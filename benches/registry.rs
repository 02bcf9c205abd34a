//! What the way to a registry and back costs: wall time, processor time and peak memory, beside `skopeo copy --all`.
//!
//! `cargo bench --bench registry` makes a layout of 1 GB: 32 layers that do not compress, in images for two platforms behind
//! one index; then one of half the size with a single layer. Each goes to a fresh repository of Debian's `docker-registry`
//! on a loopback port, once more with everything there, and back into a fresh layout. `-- size MB` takes another size,
//! `-- runs N` another number of runs than 3; the figures are medians, that of memory is the highest. crane and regctl run
//! along where they are on `PATH`. Nothing is asserted but that what comes back is whole: the figures of one run stand
//! side by side.
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    reason = "figures for people, from a clock"
)]

mod support;

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;
use support::layout::generate;
use support::{AIRPACK, Fallible, Figures, arguments, at_home, measure_at_home, measure_here, processors, say, units};

const PLATFORMS: [&str; 2] = ["amd64", "arm64"];

fn main() -> ExitCode {
    let arguments = arguments();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["measure", ref command @ ..] => measure_here(command),
        _ => Settings::from_words(&words).and_then(|settings| registry(&settings)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("failed: {error}"));
            ExitCode::FAILURE
        }
    }
}

struct Settings {
    size: u64,
    runs: usize,
}

impl Settings {
    fn from_words(words: &[&str]) -> Fallible<Self> {
        let mut settings = Self { size: 1 << 30, runs: 3 };
        for pair in words.chunks(2) {
            match *pair {
                ["size", megabytes] => settings.size = megabytes.parse::<u64>()? << 20,
                ["runs", runs] => settings.runs = runs.parse::<usize>()?.max(1),
                _ => return Err(format!("takes `size MB` and `runs N`, not {words:?}").into()),
            }
        }
        Ok(settings)
    }
}

fn registry(settings: &Settings) -> Fallible<()> {
    let folder = tempfile::tempdir()?;
    let tools: Vec<Tool> = Tool::ALL.into_iter().filter(|tool| tool.is_there()).collect();
    if !tools.contains(&Tool::Skopeo) {
        return Err("skopeo is not on PATH".into());
    }
    say(&format!("{} processors, median of {}", processors(), settings.runs));
    for (what, size, layers) in [
        ("32 layers, 2 platforms", settings.size, 16 * PLATFORMS.len()),
        ("one layer, one platform", settings.size / 2, 1),
    ] {
        let layout = folder.path().join(format!("{layers}.oci"));
        let platforms = &PLATFORMS[..PLATFORMS.len().min(layers)];
        generate(&layout, size, layers, platforms)?;
        say(&format!("\n{} in {what}", units(size)));
        compare(&tools, &layout, size, settings.runs)?;
        fs::remove_dir_all(&layout)?;
    }
    Ok(())
}

/// Each tool there, there again and back, in turns; then the table.
fn compare(tools: &[Tool], layout: &Path, size: u64, runs: usize) -> Fallible<()> {
    let mut figures = vec![Vec::new(); tools.len()];
    let mut asked = Vec::new();
    for _ in 0..runs {
        for (tool, figures) in tools.iter().zip(&mut figures) {
            let (three, requests) = there_and_back(*tool, layout)?;
            figures.push(three);
            if *tool == Tool::Airpack {
                asked = requests;
            }
        }
    }
    say("what                     wall s   CPU s   peak MB     MB/s   wall / skopeo   CPU / skopeo");
    let skopeo = tools.iter().position(|tool| *tool == Tool::Skopeo).unwrap_or_default();
    for (step, what) in ["fresh", "again", "back"].into_iter().enumerate() {
        let beside = median(&figures[skopeo], step);
        for (tool, figures) in tools.iter().zip(&figures) {
            let figures = median(figures, step);
            say(&format!(
                "{:<22} {:>8.3} {:>7.2} {:>9.1} {:>8} {:>15.3} {:>14.3}",
                format!("{}, {what}", tool.name()),
                figures.wall,
                figures.processor,
                figures.memory as f64 / 1e6,
                // with everything there, nothing moves
                if what == "again" {
                    "-".to_owned()
                } else {
                    format!("{:.0}", size as f64 / 1e6 / figures.wall)
                },
                figures.wall / beside.wall,
                figures.processor / beside.processor,
            ));
        }
    }
    say(&format!(
        "requests of airpack, again: {} ({})",
        asked.len(),
        asked.join(", ")
    ));
    Ok(())
}

/// The medians of one of the three steps over all runs, and the highest peak.
fn median(runs: &[[Figures; 3]], step: usize) -> Figures {
    let middle = |of: fn(&Figures) -> f64| {
        let mut all: Vec<f64> = runs.iter().map(|run| of(&run[step])).collect();
        all.sort_by(f64::total_cmp);
        f64::midpoint(all[(all.len() - 1) / 2], all[all.len() / 2])
    };
    Figures {
        wall: middle(|figures| figures.wall),
        processor: middle(|figures| figures.processor),
        memory: runs.iter().map(|run| run[step].memory).max().unwrap_or_default(),
    }
}

/// Pushes into an empty registry, pushes once more, pulls into an empty layout. Also what the second push asked for.
fn there_and_back(tool: Tool, layout: &Path) -> Fallible<([Figures; 3], Vec<String>)> {
    let folder = tempfile::tempdir()?;
    let registry = Registry::start(folder.path())?;
    let home = folder.path().join("home");
    fs::create_dir(&home)?;
    let back = folder.path().join("back.oci");
    let run = |command: Vec<String>| {
        // what an earlier command left to be written is not this one's
        Command::new("sync").status()?;
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        measure_at_home(&home, &command)
    };
    let (from, to) = (layout.to_string_lossy(), back.to_string_lossy());
    let fresh = run(tool.push(&from, &registry.address))?;
    let asked = registry.settled_requests()?.len();
    let again = run(tool.push(&from, &registry.address))?;
    let requests = registry.settled_requests()?.split_off(asked);
    let pulled = run(tool.pull(&registry.address, &to))?;
    let missing = &blob_names(layout)? - &blob_names(&back)?;
    if !missing.is_empty() {
        return Err(format!("{} brought back all but {missing:?}", tool.name()).into());
    }
    Ok(([fresh, again, pulled], requests))
}

/// What copies between a layout and a registry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tool {
    Airpack,
    Skopeo,
    Crane,
    Regctl,
}

impl Tool {
    const ALL: [Self; 4] = [Self::Airpack, Self::Skopeo, Self::Crane, Self::Regctl];

    fn name(self) -> &'static str {
        match self {
            Self::Airpack => "airpack",
            Self::Skopeo => "skopeo",
            Self::Crane => "crane",
            Self::Regctl => "regctl",
        }
    }

    fn is_there(self) -> bool {
        let path = env::var_os("PATH").unwrap_or_default();
        self == Self::Airpack || env::split_paths(&path).any(|folder| folder.join(self.name()).is_file())
    }

    fn push(self, layout: &str, address: &str) -> Vec<String> {
        let image = format!("{address}/bench/big:1");
        words(&match self {
            Self::Airpack => [AIRPACK, "push", layout, &image, "--quiet"].to_vec(),
            // without the flag it would compress
            Self::Skopeo => return self.skopeo("--dest-tls-verify=false", [&oci(layout), &docker(&image)]),
            Self::Crane => [self.name(), "push", "--insecure", layout, &image].to_vec(),
            Self::Regctl => return self.regctl(address, [&ocidir(layout), &image]),
        })
    }

    fn pull(self, address: &str, layout: &str) -> Vec<String> {
        let image = format!("{address}/bench/big:1");
        words(&match self {
            Self::Airpack => [AIRPACK, "pull", &image, "--layout", layout, "--quiet"].to_vec(),
            Self::Skopeo => return self.skopeo("--src-tls-verify=false", [&docker(&image), &oci(layout)]),
            Self::Crane => [self.name(), "pull", "--insecure", "--format=oci", &image, layout].to_vec(),
            Self::Regctl => return self.regctl(address, [&image, &ocidir(layout)]),
        })
    }

    fn skopeo(self, plain: &str, [from, to]: [&str; 2]) -> Vec<String> {
        let policy = "--insecure-policy";
        words(&[
            self.name(),
            policy,
            "copy",
            "--all",
            "--preserve-digests",
            "--quiet",
            plain,
            from,
            to,
        ])
    }

    fn regctl(self, address: &str, [from, to]: [&str; 2]) -> Vec<String> {
        let plain = format!("reg={address},tls=disabled");
        words(&[self.name(), "--host", &plain, "image", "copy", from, to])
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn oci(layout: &str) -> String {
    format!("oci:{layout}:1")
}

fn ocidir(layout: &str) -> String {
    format!("ocidir://{layout}:1")
}

fn docker(image: &str) -> String {
    format!("docker://{image}")
}

/// Debian's `docker-registry`, with its storage below a folder. It ends when this is dropped.
struct Registry {
    process: Child,
    address: String,
    log: PathBuf,
}

impl Registry {
    fn start(folder: &Path) -> Fallible<Self> {
        let config = json!({
            "version": "0.1",
            "log": { "level": "info" },
            "storage": {
                "filesystem": { "rootdirectory": folder.join("storage") },
                "cache": { "blobdescriptor": "inmemory" },
            },
            "http": { "addr": "127.0.0.1:0", "secret": "bench" },
        });
        // JSON is YAML too
        fs::write(folder.join("config.yml"), config.to_string())?;
        let (log, said) = (folder.join("access.log"), folder.join("said.log"));
        let process = at_home(&mut Command::new("docker-registry"), folder)
            .arg("serve")
            .arg(folder.join("config.yml"))
            .stdout(File::create(&log)?)
            .stderr(File::create(&said)?)
            .spawn()
            .map_err(|error| format!("failed to start docker-registry: {error}"))?;
        let mut registry = Self {
            process,
            address: String::new(),
            log,
        };
        let begin = Instant::now();
        while registry.address.is_empty() {
            let text = fs::read_to_string(&said)?;
            let ended = registry.process.try_wait()?.is_some();
            if ended || begin.elapsed() > Duration::from_secs(60) {
                return Err(format!("docker-registry does not listen: {text}").into());
            }
            let address = text
                .split_once("listening on ")
                .and_then(|(_, rest)| rest.split_once('"'));
            address.unwrap_or_default().0.clone_into(&mut registry.address);
            sleep(Duration::from_millis(5));
        }
        Ok(registry)
    }

    /// Method and path of every request so far, once no more lines come: a line may come after the answer.
    fn settled_requests(&self) -> Fallible<Vec<String>> {
        let mut seen = None;
        loop {
            let text = fs::read_to_string(&self.log)?;
            let requests: Vec<String> = text.lines().filter_map(request).collect();
            if seen == Some(requests.len()) {
                return Ok(requests);
            }
            seen = Some(requests.len());
            sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `HEAD /v2/...` of a line as Apache writes it.
fn request(line: &str) -> Option<String> {
    let quoted = line.split('"').nth(1)?;
    let path = quoted.strip_suffix(" HTTP/1.1")?;
    Some(path.split('?').next().unwrap_or_default().to_owned())
}

fn blob_names(layout: &Path) -> Fallible<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(layout.join("blobs/sha256"))? {
        names.insert(entry?.file_name().to_string_lossy().into_owned());
    }
    Ok(names)
}
