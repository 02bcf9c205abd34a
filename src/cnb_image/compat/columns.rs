//! The platforms that a table has columns for.

use std::collections::BTreeMap;

use super::super::buildpackage;
use crate::cnb::target::{Distro, Target, is_name};
use crate::oci::platform::Platform;

/// Columns at most: who has more platforms chooses some.
pub const MAX_COLUMNS: usize = 40;

/// The columns for these platforms, sorted. A distribution has one of its own where it is not the only one of its platform.
#[must_use]
pub fn columns(found: &[Target]) -> Vec<Target> {
    let mut platforms: BTreeMap<(&str, &str, &str), (&str, Vec<Distro>)> = BTreeMap::new();
    for target in found.iter().filter(|target| is_whole(target)) {
        let key = (target.os.as_str(), target.arch.as_str(), target.usual_variant());
        let (variant, distros) = platforms.entry(key).or_insert((&target.variant, Vec::new()));
        if target.variant.len() < variant.len() {
            *variant = &target.variant;
        }
        distros.extend(target.distros.iter().filter(|distro| is_sound(distro)).cloned());
    }
    let mut columns = Vec::new();
    for ((os, arch, _), (variant, distros)) in platforms {
        let plain = Target {
            os: os.to_owned(),
            arch: arch.to_owned(),
            variant: variant.to_owned(),
            ..Target::default()
        };
        match different(distros).as_slice() {
            [] | [_] => columns.push(plain),
            several => columns.extend(several.iter().map(|distro| Target {
                distros: vec![distro.clone()],
                ..plain.clone()
            })),
        }
    }
    columns
}

/// Whether it has an operating system and an architecture, by names that can be such.
fn is_whole(target: &Target) -> bool {
    let has_name = |text: &str| !text.is_empty() && is_name(text);
    has_name(&target.os) && has_name(&target.arch) && (target.variant.is_empty() || is_name(&target.variant))
}

fn is_sound(distro: &Distro) -> bool {
    *distro != Distro::default()
        && [&distro.name, &distro.version]
            .into_iter()
            .all(|text| text.is_empty() || is_name(text))
}

/// Each once, sorted; what another says more closely is left out.
fn different(mut distros: Vec<Distro>) -> Vec<Distro> {
    distros.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    distros.dedup();
    distros.truncate(MAX_COLUMNS);
    let is_less = |own: &Distro, other: &Distro| {
        own.same_as(other)
            && own != other
            && own.name.len() + own.version.len() < other.name.len() + other.version.len()
    };
    let all = distros.clone();
    distros.retain(|own| !all.iter().any(|other| is_less(own, other)));
    distros
}

/// Whether who asks for `wanted` means this column too.
#[must_use]
pub fn is_meant(column: &Target, wanted: &Platform) -> bool {
    buildpackage::platform(column).distance(wanted).is_some()
}

/// The column for a platform that nothing speaks of.
#[must_use]
pub fn column_of(platform: &Platform) -> Target {
    let version = platform.os_version.clone().map(|version| Distro {
        name: String::new(),
        version,
    });
    Target {
        os: platform.os.clone(),
        arch: platform.architecture.clone(),
        variant: platform.variant.clone().unwrap_or_default(),
        distros: version.into_iter().collect(),
        path: None,
    }
}

/// What stands above a column: a distribution without a name by its version alone.
#[must_use]
pub fn title(column: &Target) -> String {
    match column.distros.first() {
        Some(distro) if distro.name.is_empty() => format!("{}:{}", column.platform_text(), distro.version),
        _ => column.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_sorted_and_each_is_there_once() {
        let check = |found: &[&str], expected: &[&str]| {
            let found: Vec<Target> = found.iter().map(|text| text.parse().unwrap()).collect();
            let titles: Vec<String> = columns(&found).iter().map(title).collect();
            assert_eq!(titles, expected, "{found:?}");
        };
        check(
            &[
                "linux/arm64/v8",
                "linux/amd64",
                "linux/arm64",
                "linux/arm/v6",
                "linux/arm/v7",
            ],
            &["linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64"],
        );
        // what says no architecture is no platform
        check(&["linux", "linux/amd64"], &["linux/amd64"]);
        // one distribution is no difference
        check(&["linux/amd64:ubuntu@24.04", "linux/amd64"], &["linux/amd64"]);
        check(
            &[
                "linux/amd64:ubuntu@24.04",
                "linux/amd64:ubuntu@22.04",
                "linux/amd64:ubuntu",
                "linux/arm64",
            ],
            &["linux/amd64:ubuntu@22.04", "linux/amd64:ubuntu@24.04", "linux/arm64"],
        );
    }

    #[test]
    fn who_asks_for_a_platform_means_its_distributions() {
        let check = |column: &str, wanted: &str, expected: bool| {
            let found = is_meant(&column.parse().unwrap(), &wanted.parse().unwrap());
            assert_eq!(found, expected, "{column} for {wanted}");
        };
        check("linux/amd64:ubuntu@24.04", "linux/amd64", true);
        check("linux/amd64:ubuntu@24.04", "linux/amd64:24.04", true);
        check("linux/amd64:ubuntu@24.04", "linux/amd64:22.04", false);
        check("linux/arm64", "linux/arm64/v8", true);
        check("linux/arm/v6", "linux/arm/v7", false);
        assert_eq!(
            title(&column_of(&"linux/amd64:24.04".parse().unwrap())),
            "linux/amd64:24.04"
        );
    }
}
