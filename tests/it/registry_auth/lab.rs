//! A folder with something to push, and the tool run there with logins in its environment and on stdin.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::support::layout_maker::{LayoutMaker, OCI_LAYER, tar_of};
use crate::support::layout_view::{OCI_CONFIG, OCI_MANIFEST, REF_NAME, sha256};
use crate::support::{Run, Sandbox};

pub(super) const USER: &str = "tester";
/// With characters that look different in addresses and forms.
pub(super) const PASSWORD: &str = "hunter2/Geheim+7%zz";

/// Where the tool is run.
pub(super) struct Lab {
    pub(super) sandbox: Sandbox,
    env: Vec<(String, String)>,
    stdin: Option<String>,
}

impl Lab {
    /// With the image `out.oci:1.0`, which has one layer.
    pub(super) fn new() -> Self {
        Self::with_layers(1)
    }

    /// With an image of so many layers.
    pub(super) fn with_layers(count: usize) -> Self {
        let sandbox = Sandbox::new();
        let maker = LayoutMaker::new(&sandbox.join("out.oci"));
        let tars: Vec<_> = (0..count)
            .map(|number| tar_of(&[("file", &format!("layer {number}\n"))]))
            .collect();
        let layers: Vec<_> = tars.iter().map(|tar| maker.blob(OCI_LAYER, tar)).collect();
        let diff_ids: Vec<_> = tars.iter().map(|tar| sha256(tar)).collect();
        let mut image = maker.image_of(OCI_MANIFEST, OCI_CONFIG, "amd64", &layers, &diff_ids);
        image["annotations"] = json!({ REF_NAME: "1.0" });
        maker.index_file(&json!({ "schemaVersion": 2, "manifests": [image] }));
        Self {
            sandbox,
            env: Vec::new(),
            stdin: None,
        }
    }

    /// Sets a variable of the tool's environment from here on.
    pub(super) fn env(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// What the tool reads on stdin from here on.
    pub(super) fn stdin(&mut self, text: impl Into<String>) -> &mut Self {
        self.stdin = Some(text.into());
        self
    }

    /// `AIRPACK_REGISTRY_USERNAME` and `AIRPACK_REGISTRY_PASSWORD`.
    pub(super) fn login(&mut self, user: &str, password: &str) -> &mut Self {
        self.env("AIRPACK_REGISTRY_USERNAME", user)
            .env("AIRPACK_REGISTRY_PASSWORD", password)
    }

    /// Writes docker's file.
    pub(super) fn docker_config(&self, content: &Value) -> PathBuf {
        self.sandbox.write(".docker/config.json", content.to_string())
    }

    /// Puts `docker-credential-NAME` on the `PATH`.
    pub(super) fn helper(&mut self, name: &str, script: &str) -> &mut Self {
        let written = self.sandbox.write("script", format!("#!/bin/sh\n{script}\n"));
        let folder = self.sandbox.folder("bin");
        // by another process: a file that was open for writing here can not be run while another test starts a program
        let installed = Command::new("install")
            .args(["-m", "755"])
            .arg(&written)
            .arg(folder.join(format!("docker-credential-{name}")))
            .status()
            .unwrap();
        assert!(installed.success());
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        self.env("PATH", path)
    }

    /// Pushes the image as `DEST`.
    pub(super) fn push(&self, dest: &str, args: &[&str]) -> Run {
        self.run(&[&["push", "out.oci:1.0", dest], args].concat())
    }

    /// Pulls into the layout `in.oci`.
    pub(super) fn pull(&self, name: &str, args: &[&str]) -> Run {
        self.run(&[&["pull", name, "--layout", "in.oci"], args].concat())
    }

    /// Runs the tool until it ends.
    pub(super) fn run(&self, args: &[&str]) -> Run {
        let mut command = self.sandbox.airpack_command(args);
        for (name, value) in &self.env {
            command.env(name, value);
        }
        let Some(text) = &self.stdin else {
            return Run::of(command.stdin(Stdio::null()));
        };
        let shown = format!("{command:?} < {text:?}");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // who does not read it is wrong in another way
        let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
        Run::from_output(shown, child.wait_with_output().unwrap())
    }
}

/// A file of docker or podman with one entry.
pub(super) fn auths(key: &str, user: &str, password: &str) -> Value {
    json!({ "auths": { key: auth(user, password) } })
}

/// The entry for a user and a password.
pub(super) fn auth(user: &str, password: &str) -> Value {
    json!({ "auth": BASE64_STANDARD.encode(format!("{user}:{password}")) })
}
