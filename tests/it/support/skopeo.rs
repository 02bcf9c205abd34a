//! `skopeo`, with its trust policy left aside, so that the machine's does not count.

use super::tools::{Tool, require_tool};
use super::{Run, Sandbox};

#[derive(Clone, Copy)]
pub(crate) struct Skopeo(Tool);

impl Skopeo {
    /// Runs it in the sandbox; it has to end well.
    #[track_caller]
    pub(crate) fn run(self, sandbox: &Sandbox, args: &[&str]) -> Run {
        let run = self.0.run(sandbox, &[&["--insecure-policy"], args].concat());
        run.ok();
        run
    }

    /// The bytes of a manifest in a registry without TLS.
    #[track_caller]
    pub(crate) fn raw(self, sandbox: &Sandbox, name: &str) -> Vec<u8> {
        let args = ["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")];
        self.run(sandbox, &args).stdout.into_bytes()
    }

    /// Copies from or to registries without TLS, with all images of an index and unchanged digests.
    #[track_caller]
    pub(crate) fn copy(self, sandbox: &Sandbox, from: &str, to: &str) {
        let how = ["--src-tls-verify=false", "--dest-tls-verify=false"];
        let what = ["copy", "--all", "--preserve-digests", from, to];
        self.run(sandbox, &[&what[..], &how].concat());
    }
}

/// `skopeo`, if it is there; if not, the test says so.
pub(crate) fn require_skopeo() -> Option<Skopeo> {
    require_tool("skopeo").map(Skopeo)
}
