//! A folder of its own for each test, and the tool run inside it with a clean environment.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};

use tempfile::TempDir;

/// The tool under test.
const AIRPACK: &str = env!("CARGO_BIN_EXE_airpack");

/// A folder that is gone when the test ends. Modes of what is written here do not depend on the umask.
pub(crate) struct Sandbox {
    folder: TempDir,
}

impl Sandbox {
    /// An empty folder, mode 0755.
    pub(crate) fn new() -> Self {
        let folder = TempDir::with_prefix("airpack-test-").unwrap();
        set_mode(folder.path(), 0o755);
        Self { folder }
    }

    /// The same in a folder that is there, for tests that need another file system.
    pub(crate) fn below(folder: &Path) -> Self {
        let folder = TempDir::with_prefix_in("airpack-test-", folder).unwrap();
        set_mode(folder.path(), 0o755);
        Self { folder }
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The path of something in the folder, there or not.
    pub(crate) fn join(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.path().join(relative)
    }

    /// Writes a file of mode 0644; missing folders above it are made with 0755.
    pub(crate) fn write(&self, relative: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        self.write_mode(relative, content, 0o644)
    }

    /// Writes a file of exactly this mode; missing folders above it are made with 0755.
    pub(crate) fn write_mode(&self, relative: impl AsRef<Path>, content: impl AsRef<[u8]>, mode: u32) -> PathBuf {
        let path = self.prepared(relative.as_ref());
        fs::write(&path, content).unwrap();
        set_mode(&path, mode);
        path
    }

    /// Writes a file of mode 0755.
    pub(crate) fn executable(&self, relative: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        self.write_mode(relative, content, 0o755)
    }

    /// Makes a symlink that holds `target` as it is given.
    pub(crate) fn symlink(&self, relative: impl AsRef<Path>, target: impl AsRef<Path>) -> PathBuf {
        let path = self.prepared(relative.as_ref());
        symlink(target, &path).unwrap();
        path
    }

    /// Makes a folder and those above it, mode 0755.
    pub(crate) fn folder(&self, relative: impl AsRef<Path>) -> PathBuf {
        let path = self.join(relative);
        make_folders(&path);
        path
    }

    /// The tool, not yet started: in this folder, with nothing in the environment but `PATH` and `HOME`.
    pub(crate) fn airpack_command(&self, args: &[&str]) -> Command {
        let mut command = self.command(AIRPACK);
        command.args(args);
        command
    }

    /// Runs the tool in this folder until it ends.
    pub(crate) fn airpack(&self, args: &[&str]) -> Run {
        Run::of(&mut self.airpack_command(args))
    }

    /// Any program, not yet started, in the same place and with the same environment as the tool.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path());
        command
    }

    fn prepared(&self, relative: &Path) -> PathBuf {
        let path = self.join(relative);
        make_folders(path.parent().unwrap());
        path
    }
}

/// How a program ended and what it said.
#[derive(Debug)]
pub(crate) struct Run {
    /// The exit code; the negative number of the signal that ended it, if one did.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    shown: String,
}

impl Run {
    /// Runs a program until it ends.
    pub(crate) fn of(command: &mut Command) -> Self {
        let shown = format!("{command:?}");
        let output = command
            .output()
            .unwrap_or_else(|error| panic!("failed to start {shown}: {error}"));
        Self::from_output(shown, output)
    }

    /// What a program that was started elsewhere gave; `shown` names it in messages.
    pub(crate) fn from_output(shown: String, output: Output) -> Self {
        Self {
            code: code_of(output.status),
            stdout: lossy(output.stdout),
            stderr: lossy(output.stderr),
            shown,
        }
    }

    /// It ended well.
    #[track_caller]
    pub(crate) fn ok(&self) -> &Self {
        assert_eq!(self.code, 0, "expected success{self}");
        self
    }

    /// It ended with this code. The tool's own faults, code 1, begin with `error: `.
    #[track_caller]
    pub(crate) fn failed(&self, expected_code: i32) -> &Self {
        assert_eq!(self.code, expected_code, "expected exit code {expected_code}{self}");
        assert_eq!(self.stdout, "", "a run that fails prints nothing on stdout{self}");
        assert!(!self.stderr.contains("panicked at"), "it panicked{self}");
        if expected_code == 1 {
            assert!(
                self.stderr.lines().any(|line| line.starts_with("error: ")),
                "expected a line that starts with `error: `{self}"
            );
        }
        self
    }

    /// This text is somewhere on stderr.
    #[track_caller]
    pub(crate) fn stderr_has(&self, text: &str) -> &Self {
        assert!(self.stderr.contains(text), "expected {text:?} on stderr{self}");
        self
    }

    /// This text is nowhere on stderr.
    #[track_caller]
    pub(crate) fn stderr_lacks(&self, text: &str) -> &Self {
        assert!(!self.stderr.contains(text), "did not expect {text:?} on stderr{self}");
        self
    }

    /// This text is somewhere on stdout.
    #[track_caller]
    pub(crate) fn stdout_has(&self, text: &str) -> &Self {
        assert!(self.stdout.contains(text), "expected {text:?} on stdout{self}");
        self
    }

    /// The one digest on stdout of a run that packaged something.
    #[track_caller]
    pub(crate) fn digest(&self) -> &str {
        self.ok();
        let line = self.stdout.strip_suffix('\n').unwrap_or_default();
        let hex = line.strip_prefix("sha256:").unwrap_or_default();
        assert!(
            hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')),
            "expected exactly one line with a digest on stdout{self}"
        );
        line
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        write!(text, "\n--- {}\nexit code: {}\n", self.shown, self.code)?;
        write!(text, "--- stdout\n{}\n--- stderr\n{}\n---", self.stdout, self.stderr)?;
        f.write_str(&text)
    }
}

/// Writes a buildpack whose executables are at its root: `buildpack.toml` with this id, version 1.0.0 and a
/// `[[targets]]` for each of `targets` (`os[/arch[/variant]]`), `bin/build` and `bin/detect`.
pub(crate) fn simple_buildpack(sandbox: &Sandbox, folder: &str, id: &str, targets: &[&str]) {
    let mut toml = format!("api = \"0.10\"\n\n[buildpack]\nid = \"{id}\"\nversion = \"1.0.0\"\nname = \"Test\"\n");
    for target in targets {
        toml.push_str("\n[[targets]]\n");
        for (key, value) in ["os", "arch", "variant"].into_iter().zip(target.split('/')) {
            writeln!(toml, "{key} = \"{value}\"").unwrap();
        }
    }
    let folder = Path::new(folder);
    sandbox.write(folder.join("buildpack.toml"), toml);
    sandbox.executable(folder.join("bin/build"), "#!/bin/sh\necho build\n");
    sandbox.executable(folder.join("bin/detect"), "#!/bin/sh\nexit 0\n");
}

/// The tool under `ulimit -f`, which counts in blocks of 512 bytes for `dash` and of 1024 for `bash`.
pub(crate) fn with_file_size_limit(sandbox: &Sandbox, bytes: u64, args: &[&str]) -> Command {
    let mut command = sandbox.command("sh");
    let script = format!("ulimit -f {}; exec \"$@\"", bytes / 512);
    command.args(["-c", &script, "sh", AIRPACK]).args(args);
    command
}

/// Sets all twelve bits of a mode, whatever the umask is.
pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Makes a folder and what is missing above it, mode 0755.
pub(crate) fn make_folders(path: &Path) {
    if path.is_dir() {
        return;
    }
    make_folders(path.parent().unwrap());
    fs::create_dir(path).unwrap();
    set_mode(path, 0o755);
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn code_of(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| -status.signal().unwrap_or(0))
}

/// Puts a copy of airpack at `path`, for a user who may not read the folder that it was built in.
///
/// By another process: a file that was open for writing here while another test started a program can not be run.
pub(crate) fn copy_airpack(path: &Path) {
    let copied = Command::new("cp")
        .arg(env!("CARGO_BIN_EXE_airpack"))
        .arg(path)
        .status()
        .unwrap();
    assert!(copied.success());
}
