//! What the stacks that are known to the field are as targets.

use crate::cnb::stack::Stack;
use crate::cnb::target::{Distro, Target};

/// Id, distribution and its version. All of them were made for linux/amd64.
const KNOWN: [(&str, &str, &str); 17] = [
    // the lifecycle takes this one for a target by itself
    ("io.buildpacks.stacks.bionic", "ubuntu", "18.04"),
    ("io.buildpacks.stacks.jammy", "ubuntu", "22.04"),
    ("io.buildpacks.stacks.jammy.tiny", "ubuntu", "22.04"),
    ("io.buildpacks.stacks.jammy.static", "ubuntu", "22.04"),
    ("io.buildpacks.stacks.noble", "ubuntu", "24.04"),
    ("io.buildpacks.stacks.noble.tiny", "ubuntu", "24.04"),
    ("io.buildpacks.stacks.noble.static", "ubuntu", "24.04"),
    ("io.paketo.stacks.tiny", "ubuntu", "18.04"),
    ("io.buildpacks.samples.stacks.bionic", "ubuntu", "18.04"),
    ("io.buildpacks.samples.stacks.jammy", "ubuntu", "22.04"),
    ("io.buildpacks.samples.stacks.noble", "ubuntu", "24.04"),
    ("io.buildpacks.samples.stacks.alpine", "alpine", ""),
    ("heroku-18", "ubuntu", "18.04"),
    ("heroku-20", "ubuntu", "20.04"),
    ("heroku-22", "ubuntu", "22.04"),
    ("heroku-24", "ubuntu", "24.04"),
    ("org.cloudfoundry.stacks.cflinuxfs3", "ubuntu", "18.04"),
];

/// What a stack says of a buildpack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It runs on any.
    Any,
    /// It runs there.
    Target(Target),
    /// Nobody knows.
    Unknown,
}

pub(super) fn meaning(stack: &Stack) -> Meaning {
    if crate::cnb::stack::is_any(stack) {
        return Meaning::Any;
    }
    match KNOWN.iter().find(|(id, ..)| *id == stack.id) {
        None => Meaning::Unknown,
        Some((_, name, version)) => Meaning::Target(Target {
            os: Target::DEFAULT_OS.to_owned(),
            arch: Target::DEFAULT_ARCH.to_owned(),
            distros: vec![Distro {
                name: (*name).to_owned(),
                version: (*version).to_owned(),
            }],
            ..Target::default()
        }),
    }
}
