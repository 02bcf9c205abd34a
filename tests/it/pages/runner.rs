//! Runs a page: its commands one after the other in a sandbox, with a registry on this machine in place of the one it speaks of.

use std::process::{Command, Stdio};

use super::page::{Example, Page, Part, Variable};
use super::root;
use crate::support::plain_registry::PlainRegistry;
use crate::support::{Sandbox, tools};

/// Where the registry of the examples is.
const REGISTRY: &str = "localhost:5000";

/// What the page would be, and what is wrong otherwise.
pub(super) fn run(page: &Page) -> (String, Vec<String>) {
    let registry = Registry::start(page);
    let sandbox = sandbox(page);
    let mut text = String::new();
    let mut faults = Vec::new();
    for part in &page.parts {
        match part {
            Part::Text(plain) => text += plain,
            Part::Console(examples) => {
                text += "```console\n";
                for example in examples {
                    text += &shown(example, &run_example(page, example, &sandbox, &registry, &mut faults));
                }
                text += "```\n";
            }
            Part::Toml { path, text: content } => {
                sandbox.write(path, content);
                text += &format!("```toml\n{content}```\n");
            }
            Part::Yaml {
                variables,
                text: content,
            } => {
                run_lines(page, content, variables, &registry, &mut faults);
                text += &format!("```yaml\n{content}```\n");
            }
        }
    }
    (text, faults)
}

/// Copies of the fixtures, and `airpack` on the `PATH`.
fn sandbox(page: &Page) -> Sandbox {
    let sandbox = Sandbox::new();
    for (fixture, name) in &page.fixtures {
        let mut copy = Command::new("cp");
        copy.arg("-r").arg(root().join("fixtures").join(fixture));
        assert!(copy.arg(sandbox.join(name)).status().unwrap().success());
    }
    sandbox.symlink(".on-path/airpack", env!("CARGO_BIN_EXE_airpack"));
    sandbox
}

/// The registry of a page, which may need none, or not have one.
struct Registry {
    process: Option<PlainRegistry>,
    // where it keeps what it gets
    _sandbox: Sandbox,
}

impl Registry {
    fn start(page: &Page) -> Self {
        let sandbox = Sandbox::new();
        let is_there = page.has(REGISTRY) && tools::require_tool("docker-registry").is_some();
        Self {
            process: is_there.then(|| PlainRegistry::start(&sandbox)),
            _sandbox: sandbox,
        }
    }

    /// Its own address: the port is another than the usual one.
    fn here(&self) -> Option<String> {
        let process = self.process.as_ref()?;
        Some(process.address().replace("127.0.0.1", "localhost"))
    }

    /// The command as it can be run; `None` where the registry is not there.
    fn with_own_address(&self, command: &str) -> Option<String> {
        match self.here() {
            Some(here) => Some(command.replace(REGISTRY, &here)),
            None => (!command.contains(REGISTRY)).then(|| command.to_owned()),
        }
    }

    fn with_usual_address(&self, output: &str) -> String {
        match self.here() {
            Some(here) => output.replace(&here, REGISTRY),
            None => output.to_owned(),
        }
    }
}

fn shown(example: &Example, output: &str) -> String {
    let newline = if output.is_empty() || output.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("$ {}\n{output}{newline}", example.command.replace('\n', "\n> "))
}

/// The output; that of the page where a tool that it takes is not there.
fn run_example(
    page: &Page,
    example: &Example,
    sandbox: &Sandbox,
    registry: &Registry,
    faults: &mut Vec<String>,
) -> String {
    let wants_skopeo = example.command.contains("skopeo ");
    if wants_skopeo && tools::require_tool("skopeo").is_none() {
        return example.output.clone();
    }
    let Some(command) = registry.with_own_address(&example.command) else {
        return example.output.clone();
    };
    let (succeeded, output) = run_command(&command, sandbox);
    let output = registry.with_usual_address(&output);
    // an exit code that a page shows is one of its outputs
    let shows_error =
        output.lines().any(|line| line.starts_with("error:")) && !example.command.contains("echo \"exit code");
    if succeeded == shows_error {
        let how = if succeeded { "it succeeds" } else { "it fails" };
        faults.push(format!("{}: {how}: {}\n{output}", page.name, example.command));
    }
    output
}

fn run_command(command: &str, sandbox: &Sandbox) -> (bool, String) {
    let path = std::env::var("PATH").unwrap();
    let output = sandbox
        .command("sh")
        .args(["-c", &format!("{{ {command}\n}} 2>&1")])
        .env("PATH", format!("{}:{path}", sandbox.join(".on-path").display()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

/// Runs the lines of a CI system's file that are of `airpack`, once for each value of what they name.
fn run_lines(page: &Page, text: &str, variables: &[Variable], registry: &Registry, faults: &mut Vec<String>) {
    let sandbox = sandbox(page);
    let mut ran = 0;
    for line in text.lines() {
        let line = line.trim_start().trim_start_matches("- ").trim_start_matches("run: ");
        if !line.starts_with("airpack ") {
            assert!(!line.contains("airpack "), "{}: not run: {line}", page.name);
            continue;
        }
        for command in with_values(line, variables) {
            assert!(
                !command.contains('$') && !command.ends_with('\\'),
                "{}: {command}",
                page.name
            );
            ran += 1;
            let Some(command) = registry.with_own_address(&command) else {
                continue;
            };
            let (succeeded, output) = run_command(&command, &sandbox);
            if !succeeded {
                faults.push(format!("{}: it fails: {command}\n{output}", page.name));
            }
        }
    }
    assert!(ran > 0, "{}: nothing of this is run:\n{text}", page.name);
}

fn with_values(line: &str, variables: &[Variable]) -> Vec<String> {
    let mut commands = vec![line.to_owned()];
    for variable in variables.iter().filter(|variable| line.contains(&variable.name)) {
        commands = variable
            .values
            .iter()
            .flat_map(|value| {
                commands
                    .iter()
                    .map(move |command| command.replace(&variable.name, value))
            })
            .collect();
    }
    commands
}
