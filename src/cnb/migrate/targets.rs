//! What a buildpack is for, from what it says of itself and from its programs.

use super::stacks::{Meaning, meaning};
use super::{Facts, System};
use crate::cnb::target::{Distro, Target};
use crate::cnb::target_toml::merged;
use crate::error::{Finding, Findings};

/// What was found out.
pub(super) struct Found {
    /// One for each platform.
    pub(super) targets: Vec<Target>,
    pub(super) notes: Vec<String>,
}

/// Those asked for win; then come those in the file, then its stacks; programs and folders of other platforms add to them.
pub(super) fn find(facts: &Facts<'_>, findings: &mut Findings) -> Found {
    let written: Vec<Target> = facts.descriptor.written_targets().cloned().collect();
    if !facts.asked.is_empty() {
        return asked(facts.asked, &written, facts);
    }
    let mut notes = Vec::new();
    let from_stacks = if written.is_empty() {
        of_stacks(facts, &mut notes, findings)
    } else {
        Vec::new()
    };
    let mut targets = if written.is_empty() {
        from_stacks
    } else {
        written.clone()
    };
    let distros = common_distros(&targets);
    let mut added = Vec::new();
    for (platform, why) in seen(facts) {
        let is_there = |target: &Target| {
            let fits = |own: &str, other: &str| own.is_empty() || other.is_empty() || own == other;
            fits(&target.os, &platform.os)
                && fits(&target.arch, &platform.arch)
                && fits(&target.variant, &platform.variant)
        };
        // a target that names the os only stands for every architecture
        let is_named = |target: &Target| is_there(target) && !target.arch.is_empty();
        if targets.iter().any(is_named) || (!written.is_empty() && targets.iter().any(is_there)) {
            continue;
        }
        notes.push(format!("{platform} is among the targets, since {why}"));
        added.push(Target {
            distros: distros.clone(),
            ..platform
        });
    }
    if !added.is_empty() && written.is_empty() {
        // what is for any has its platforms now
        targets.retain(|target| !target.names_os_only());
    }
    targets.extend(added);
    if targets.is_empty() {
        targets.push(Target {
            os: Target::DEFAULT_OS.to_owned(),
            ..Target::default()
        });
    }
    Found {
        targets: merged(&targets),
        notes,
    }
}

fn asked(asked: &[Target], written: &[Target], facts: &Facts<'_>) -> Found {
    let mut notes = Vec::new();
    let targets = merged(asked);
    let gone: Vec<String> = merged(written)
        .iter()
        .filter(|old| !targets.iter().any(|new| new.platform_text() == old.platform_text()))
        .map(ToString::to_string)
        .collect();
    if !gone.is_empty() {
        notes.push(format!(
            "{} is no target any more: --target does not name it",
            gone.join(", ")
        ));
    }
    if written.is_empty() && !facts.descriptor.stacks.is_empty() {
        notes.push("the targets are those of --target, whatever the stacks say".to_owned());
    }
    let with_folder = |target: &Target| {
        let old = written.iter().find(|old| old.platform_text() == target.platform_text());
        Target {
            path: old.and_then(|old| old.path.clone()),
            ..target.clone()
        }
    };
    Found {
        targets: targets.iter().map(with_folder).collect(),
        notes,
    }
}

fn of_stacks(facts: &Facts<'_>, notes: &mut Vec<String>, findings: &mut Findings) -> Vec<Target> {
    let mut targets = Vec::new();
    for (at, stack) in facts.descriptor.stacks.iter().enumerate() {
        match meaning(stack) {
            Meaning::Target(target) => {
                notes.push(format!("stack `{}` is {target}", stack.id));
                targets.push(target);
            }
            Meaning::Any => {
                notes.push("stack `*` is any distribution".to_owned());
                // nothing that others say narrows it
                return Vec::new();
            }
            Meaning::Unknown => findings.push(
                Finding::error(format!(
                    "stack `{}` is not known: nobody says what it runs on",
                    stack.id
                ))
                .hint("say it with --target, for example --target linux/amd64:ubuntu@24.04")
                .at(facts.stack_places.get(at).cloned()),
            ),
        }
    }
    merged(&targets)
}

/// The distributions that a new platform gets: those of all others, where these agree.
fn common_distros(targets: &[Target]) -> Vec<Distro> {
    match targets {
        [first, rest @ ..] if rest.iter().all(|other| other.distros == first.distros) => first.distros.clone(),
        _ => Vec::new(),
    }
}

/// Platforms that a folder or a program is for, in order, each with the reason.
fn seen(facts: &Facts<'_>) -> Vec<(Target, String)> {
    let mut seen: Vec<(Target, String)> = Vec::new();
    let mut add = |platform: Target, why: String| {
        if seen.iter().all(|(other, _)| *other != platform) {
            seen.push((platform, why));
        }
    };
    for folder in facts.platform_folders() {
        let mut parts = folder.split('/').map(ToOwned::to_owned);
        let platform = Target {
            os: parts.next().unwrap_or_default(),
            arch: parts.next().unwrap_or_default(),
            variant: parts.next().unwrap_or_default(),
            ..Target::default()
        };
        add(platform, format!("there is a folder `{folder}`"));
    }
    for (path, program) in facts.programs() {
        if let (System::Linux, [architecture, ..]) = (program.system, program.architectures.as_slice()) {
            let platform = Target {
                os: Target::DEFAULT_OS.to_owned(),
                arch: architecture.clone(),
                ..Target::default()
            };
            add(platform, format!("`{path}` is a program for it"));
        }
    }
    // folders with a variant say more than a program can
    let platforms: Vec<Target> = seen.iter().map(|(platform, _)| platform.clone()).collect();
    seen.retain(|(platform, _)| {
        let says_more =
            |other: &Target| other.os == platform.os && other.arch == platform.arch && !other.variant.is_empty();
        !platform.variant.is_empty() || !platforms.iter().any(says_more)
    });
    seen.sort_by(|(a, _), (b, _)| (&a.os, &a.arch, &a.variant).cmp(&(&b.os, &b.arch, &b.variant)));
    seen
}
