//! `[[targets]]` as text.

use std::fmt::Write;

use super::target::{Distro, Target};

/// An entry for each platform; see [`merged`].
#[must_use]
pub fn targets_toml(targets: &[Target]) -> String {
    merged(targets).iter().map(entry).collect::<Vec<_>>().join("\n")
}

/// One target for each platform, with the distributions of all that are for it; none where one of them is for any.
#[must_use]
pub fn merged(targets: &[Target]) -> Vec<Target> {
    let mut entries: Vec<Target> = Vec::new();
    for target in targets {
        match entries.iter_mut().find(|entry| is_same_platform(entry, target)) {
            None => entries.push(target.clone()),
            Some(entry) if entry.distros.is_empty() || target.distros.is_empty() => entry.distros.clear(),
            Some(entry) => {
                let new = target.distros.iter().filter(|distro| !entry.distros.contains(distro));
                let new: Vec<Distro> = new.cloned().collect();
                entry.distros.extend(new);
            }
        }
    }
    entries
}

fn is_same_platform(one: &Target, other: &Target) -> bool {
    (&one.os, &one.arch, &one.variant, &one.path) == (&other.os, &other.arch, &other.variant, &other.path)
}

fn entry(target: &Target) -> String {
    let path = target.path.as_deref().unwrap_or_default();
    let mut text = table(
        "[[targets]]",
        &[
            ("os", &target.os),
            ("arch", &target.arch),
            ("variant", &target.variant),
            ("path", path),
        ],
    );
    for distro in &target.distros {
        text.push('\n');
        text += &table(
            "[[targets.distros]]",
            &[("name", &distro.name), ("version", &distro.version)],
        );
    }
    text
}

fn table(head: &str, values: &[(&str, &str)]) -> String {
    let mut text = format!("{head}\n");
    for (key, value) in values.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(text, "{key} = {}", quoted(value));
    }
    text
}

/// A string as TOML has it.
#[must_use]
pub fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_of_one_platform_are_one_entry() {
        let targets: Vec<Target> = [
            "linux/amd64:ubuntu@22.04",
            "linux/arm/v7",
            "linux/amd64:ubuntu@24.04;debian",
            "linux/amd64:debian",
        ]
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
        assert_eq!(
            targets_toml(&targets),
            "[[targets]]\nos = \"linux\"\narch = \"amd64\"\n\n[[targets.distros]]\nname = \"ubuntu\"\nversion = \"22.04\"\n\n\
             [[targets.distros]]\nname = \"ubuntu\"\nversion = \"24.04\"\n\n[[targets.distros]]\nname = \"debian\"\n\n\
             [[targets]]\nos = \"linux\"\narch = \"arm\"\nvariant = \"v7\"\n"
        );
        let any: Vec<Target> = ["linux/amd64:debian", "linux/amd64"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        assert_eq!(targets_toml(&any), "[[targets]]\nos = \"linux\"\narch = \"amd64\"\n");
        assert_eq!(quoted("a\"\\\n"), toml_edit::Value::from("a\"\\\n").to_string());
    }
}
