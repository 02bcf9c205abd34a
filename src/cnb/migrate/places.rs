//! Which file goes to which platform root folder.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{Facts, Missing, Move, Plan, Program, SourceFile, SourceKind, To, is_below};
use crate::cnb::paths::EXECUTABLES;
use crate::cnb::target::Target;
use crate::error::{Finding, Findings};
use crate::go_names::names_of_arch;

/// What a buildpack must have.
const NEEDED: [&str; 2] = ["bin/detect", "bin/build"];
/// Folders of version control: no part of a buildpack, though they have been in its image.
const HISTORY: [&str; 3] = [".git", ".hg", ".svn"];
/// Files about a repository begin so: they stay at its root.
const ABOUT: [&str; 8] = [
    "readme",
    "license",
    "licence",
    "notice",
    "changelog",
    "contributing",
    "security",
    "codeowners",
];
/// Files at a repository's root that tools look for there.
const FOR_TOOLS: [&str; 5] = ["package.toml", "project.toml", "builder.toml", "Makefile", "go.mod"];

/// A target without distributions, and its folder.
struct Platform {
    target: Target,
    folder: String,
    /// Whether the folder has all that it can get to run.
    is_complete: bool,
}

pub(super) fn find(facts: &Facts<'_>, plan: &mut Plan, findings: &mut Findings) {
    let mut sorting = Sorting::new(facts, plan);
    if !sorting.needs_folders(plan) {
        sorting.missing_at_root(plan);
        return;
    }
    for file in sorting.own.clone() {
        if let SourceKind::Program(program) = &file.kind {
            sorting.place_program(file, program, plan, findings);
        }
    }
    if findings.has_errors() {
        return;
    }
    sorting.settle_names();
    sorting.place_others(plan);
    sorting.find_complete();
    sorting.moves(plan);
    sorting.missing(plan);
}

struct Sorting<'a> {
    facts: &'a Facts<'a>,
    own: Vec<&'a SourceFile>,
    platforms: Vec<Platform>,
    /// For each file, the platforms and the path in their folders.
    placed: BTreeMap<&'a str, Vec<(usize, String)>>,
    programs: BTreeSet<&'a str>,
    /// All that is there.
    paths: HashSet<&'a str>,
    /// Folders with something in them.
    parents: HashSet<&'a str>,
}

impl<'a> Sorting<'a> {
    fn new(facts: &'a Facts<'a>, plan: &Plan) -> Self {
        let mut platforms: Vec<Platform> = Vec::new();
        for target in plan.targets.iter().filter(|target| target.path.is_none()) {
            let target = Target {
                distros: Vec::new(),
                ..target.clone()
            };
            let folder = target.folder_names().join("/");
            if platforms.iter().all(|other| other.folder != folder) {
                platforms.push(Platform {
                    target,
                    folder,
                    is_complete: false,
                });
            }
        }
        let is_history = |path: &str| HISTORY.iter().any(|name| is_below(path, name));
        Self {
            facts,
            own: facts.own_files().filter(|file| !is_history(&file.path)).collect(),
            platforms,
            placed: BTreeMap::new(),
            programs: BTreeSet::new(),
            paths: facts.files.iter().map(|file| file.path.as_str()).collect(),
            parents: facts
                .files
                .iter()
                .filter_map(|file| Some(file.path.rsplit_once('/')?.0))
                .collect(),
        }
    }

    /// One platform needs no folder. Several that take the buildpack's own folder, as its file says already, do well with it as long
    /// as nothing in it is for one of them only.
    fn needs_folders(&self, plan: &Plan) -> bool {
        let has_programs = self.facts.programs().next().is_some();
        let has_folder = self.platforms.iter().any(|platform| self.is_there(&platform.folder));
        self.platforms.len() > 1 && (has_programs || has_folder || !plan.edit.is_empty())
    }

    fn is_there(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    fn missing_at_root(&self, plan: &mut Plan) {
        let [platform] = self.platforms.as_slice() else { return };
        // a folder of its own is taken where there is one
        let in_folder = |name: &str| self.is_there(&format!("{}/{name}", platform.folder));
        for name in NEEDED.iter().filter(|name| !self.is_there(name) && !in_folder(name)) {
            plan.missing.push(Missing {
                path: (*name).to_owned(),
                target: platform.target.to_string(),
            });
        }
        for (path, program) in self
            .facts
            .programs()
            .filter(|(_, program)| !runs_on(program, &platform.target))
        {
            plan.notes.push(format!(
                "`{path}` ({}) does not run on {}, and stays in its image",
                program.description, platform.target
            ));
        }
    }

    /// Finds the platforms that a program is for.
    fn place_program(&mut self, file: &'a SourceFile, program: &Program, plan: &mut Plan, findings: &mut Findings) {
        let path = file.path.as_str();
        if program.architectures.is_empty() {
            findings.push(
                Finding::error(format!(
                    "`{path}` is a program ({}) that no known platform runs",
                    program.description
                ))
                .hint("move it by hand to the folder of its platform, os/arch/..., and run again"),
            );
            return;
        }
        let runs = |platform: &&(usize, &Platform)| runs_on(program, &platform.1.target);
        let mut fit: Vec<(usize, &Platform)> = self.platforms.iter().enumerate().filter(|found| runs(&found)).collect();
        if let Some((_, platform)) = fit.iter().find(|(_, platform)| platform.target.arch.is_empty()) {
            findings.push(
                Finding::error(format!(
                    "`{path}` ({}) is for one architecture, and target `{}` for any",
                    program.description, platform.target
                ))
                .hint("name each architecture with --target"),
            );
            return;
        }
        if fit.iter().any(|(_, platform)| platform.target.os == Target::DEFAULT_OS) {
            fit.retain(|(_, platform)| platform.target.os == Target::DEFAULT_OS);
        }
        if has_variants(&fit) {
            fit.retain(|(_, platform)| names_variant(path, &platform.target));
            if fit.len() != 1 {
                findings.push(variant_unknown(path, program, &self.platforms));
                return;
            }
        }
        if fit.is_empty() {
            plan.notes.push(format!(
                "`{path}` ({}) is for none of the targets: it stays where it is, in no image",
                program.description
            ));
            return;
        }
        let places = fit
            .iter()
            .map(|(at, _)| (*at, neutral(path, program).unwrap_or_else(|| path.to_owned())));
        let places = places.collect();
        self.placed.insert(path, places);
        self.programs.insert(path);
    }

    /// A program keeps its name where something else has the one it would get, or a link leads to it.
    fn settle_names(&mut self) {
        let is_other = |name: &str, path: &str| {
            self.own.iter().any(|file| {
                let is_named = file.path == name && file.path != path && !self.programs.contains(file.path.as_str());
                is_named || matches!(&file.kind, SourceKind::Link(Some(leads_to)) if leads_to == path)
            })
        };
        let mut kept: BTreeSet<&str> = BTreeSet::new();
        for (path, places) in &self.placed {
            let has_rival = |place: &(usize, String)| {
                let others = self.placed.iter().filter(|(other, _)| *other != path);
                others.flat_map(|(_, places)| places).any(|other| other == place)
            };
            let changes = |place: &&(usize, String)| place.1 != *path;
            if places
                .iter()
                .filter(changes)
                .any(|place| is_other(&place.1, path) || has_rival(place))
            {
                kept.insert(path);
            }
        }
        for path in kept {
            for place in self.placed.get_mut(path).into_iter().flatten() {
                path.clone_into(&mut place.1);
            }
        }
    }

    /// Scripts and data are for all platforms, and links for those of what they lead to.
    fn place_others(&mut self, plan: &mut Plan) {
        let mut shared: BTreeSet<&str> = BTreeSet::new();
        for file in &self.own {
            let path = file.path.as_str();
            match &file.kind {
                SourceKind::Program(_) => continue,
                SourceKind::Folder
                    if self
                        .own
                        .iter()
                        .any(|other| other.path != path && is_below(&other.path, path)) =>
                {
                    continue;
                }
                SourceKind::Link(Some(leads_to)) if self.programs.contains(leads_to.as_str()) => {
                    let platforms = self.placed[leads_to.as_str()]
                        .iter()
                        .map(|(at, _)| (*at, path.to_owned()));
                    let platforms = platforms.collect();
                    self.placed.insert(path, platforms);
                    continue;
                }
                _ => {}
            }
            if self.facts.shared.iter().any(|shared| is_below(path, shared)) {
                // it is for all already
            } else if self.facts.is_sharing || is_about(path) {
                shared.insert(path);
            } else {
                let all = (0..self.platforms.len()).map(|at| (at, path.to_owned()));
                self.placed.insert(path, all.collect());
            }
        }
        plan.share = self.folded(&shared);
        let history = HISTORY.iter().filter(|name| self.is_there(name));
        plan.notes
            .extend(history.map(|name| format!("`{name}` is in no image any more")));
    }

    /// Whole folders in place of all that is in them, without what is shared already.
    fn folded(&self, shared: &BTreeSet<&str>) -> Vec<String> {
        let others = self.own.iter().map(|file| file.path.as_str());
        let others = others.filter(|path| !self.parents.contains(path) && !shared.contains(path));
        let divided: HashSet<&str> = others.flat_map(ancestors).collect();
        let is_whole = |part: &str| !divided.contains(part);
        let mut folded: Vec<String> = Vec::new();
        for path in shared {
            let largest = ancestors(path).find(|part| is_whole(part)).unwrap_or(path);
            let is_known = |known: &String| is_below(largest, known);
            if !folded.iter().any(is_known) && !self.facts.shared.iter().any(is_known) {
                folded.push(largest.to_owned());
            }
        }
        folded
    }

    /// A platform whose folder has all that it can get to run is one that somebody has made, or a run before this one.
    fn find_complete(&mut self) {
        for at in 0..self.platforms.len() {
            let folder = &self.platforms[at].folder;
            let is_in_folder = |name: &str| self.is_there(&format!("{folder}/{name}"));
            let given: Vec<&str> = self
                .placed
                .values()
                .flatten()
                .filter(|(platform, path)| *platform == at && EXECUTABLES.contains(&path.as_str()))
                .map(|(_, path)| path.as_str())
                .collect();
            let is_complete = if given.is_empty() {
                EXECUTABLES.iter().any(|name| is_in_folder(name))
            } else {
                given.iter().all(|name| is_in_folder(name))
            };
            self.platforms[at].is_complete = is_complete;
        }
    }

    fn moves(&self, plan: &mut Plan) {
        if plan.edit.is_empty() && self.platforms.iter().all(|platform| platform.is_complete) {
            plan.share.clear();
            return;
        }
        let place = |(at, path): &(usize, String)| {
            let platform = &self.platforms[*at];
            let to = format!("{}/{path}", platform.folder);
            let is_written = !platform.is_complete;
            (is_written || self.is_there(&to)).then(|| To {
                path: to,
                folder: platform.folder.clone(),
                is_written,
            })
        };
        for (from, places) in &self.placed {
            let to: Vec<To> = places.iter().filter_map(place).collect();
            if !to.is_empty() {
                let from = (*from).to_owned();
                plan.moves.push(Move { from, to });
            }
        }
        // what is run comes last: a folder that has it has all else
        plan.moves.sort_by_key(|one| {
            one.to
                .iter()
                .any(|to| EXECUTABLES.iter().any(|name| to.path.ends_with(name)))
        });
    }

    /// Programs in platform root folders, as an earlier run may have left them, with their paths in those.
    fn programs_there(&self) -> impl Iterator<Item = (&Program, &str)> {
        self.facts.files.iter().filter_map(|file| {
            let SourceKind::Program(program) = &file.kind else {
                return None;
            };
            let folders = self.platforms.iter().map(|platform| platform.folder.as_str());
            let closest = folders
                .filter(|folder| !folder.is_empty() && is_below(&file.path, folder))
                .max_by_key(|folder| folder.len())?;
            Some((program, file.path[closest.len()..].trim_start_matches('/')))
        })
    }

    fn missing(&self, plan: &mut Plan) {
        let programs = self
            .facts
            .programs()
            .filter_map(|(path, program)| Some((program, self.placed.get(path)?)));
        let programs =
            programs.flat_map(|(program, places)| places.iter().map(move |(_, path)| (program, path.as_str())));
        let programs = programs.chain(self.programs_there());
        // one that is called by its platform is for no other
        let is_for_all = |(program, path): &(&Program, &str)| {
            let names = platform_words(program).into_iter();
            let mut names = names.filter(|name| name != Target::DEFAULT_OS && name.len() > 2);
            !names.any(|name| path.contains(&name))
        };
        let programs = programs.filter(is_for_all).map(|(_, path)| path);
        let wanted: BTreeSet<&str> = programs.chain(NEEDED).collect();
        let is_shared = |path: &str| {
            let mut shared = plan.share.iter().chain(self.facts.shared);
            shared.any(|shared| is_below(path, shared)) && self.is_there(path)
        };
        let mut missing = Vec::new();
        for (at, platform) in self.platforms.iter().enumerate() {
            for path in &wanted {
                let to = format!("{}/{path}", platform.folder);
                let is_placed = self
                    .placed
                    .values()
                    .flatten()
                    .any(|(other, own)| *other == at && own == path);
                if !is_placed && !is_shared(path) && !self.is_there(&to) {
                    missing.push(Missing {
                        path: to,
                        target: platform.target.to_string(),
                    });
                }
            }
        }
        plan.missing = missing;
    }
}

/// The folders that a path lies in, from the outside in.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

fn runs_on(program: &Program, target: &Target) -> bool {
    let has_processor = target.arch.is_empty() || program.architectures.contains(&target.arch);
    (target.os.is_empty() || program.system.runs_on(&target.os)) && has_processor
}

/// Whether some of the platforms are told apart by their variant only.
fn has_variants(fit: &[(usize, &Platform)]) -> bool {
    fit.iter().any(|(at, one)| {
        fit.iter().any(|(other_at, other)| {
            at != other_at && one.target.os == other.target.os && one.target.arch == other.target.arch
        })
    })
}

/// Whether the path says the variant: `bin/build-armv7`, `bin/arm/v7/build`.
fn names_variant(path: &str, target: &Target) -> bool {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric());
    let variant = target.variant.as_str();
    let with_arch = format!("{}{variant}", target.arch);
    !variant.is_empty()
        && words.into_iter().any(|word| {
            word == variant
                || word == with_arch
                || (word == "armhf" && (target.arch.as_str(), variant) == ("arm", "v7"))
        })
}

fn variant_unknown(path: &str, program: &Program, platforms: &[Platform]) -> Finding {
    let fit = platforms.iter().filter(|platform| runs_on(program, &platform.target));
    let names: Vec<String> = fit.map(|platform| platform.target.to_string()).collect();
    Finding::error(format!(
        "`{path}` ({}) is for one of {}, and does not say for which",
        program.description,
        names.join(", ")
    ))
    .hint("move it by hand to the folder of its platform, os/arch/variant/..., and run again")
}

/// The path of a program that is for one platform by its name, without that part of it: `bin/build-linux-arm64`, `bin/arm64/build`.
fn neutral(path: &str, program: &Program) -> Option<String> {
    let rest = path.strip_prefix("bin/")?;
    let (folders, name) = rest.rsplit_once('/').unwrap_or(("", rest));
    let words = platform_words(program);
    let is_platform = |folder: &str| folder.is_empty() || words.iter().any(|word| word == folder);
    if !folders.split('/').all(is_platform) {
        return None;
    }
    let mut suffixes = words.iter().filter_map(|word| {
        let rest = name.strip_suffix(word.as_str())?;
        rest.strip_suffix(['-', '_', '.'])
    });
    let name = suffixes.find(|rest| is_run(rest)).unwrap_or(name);
    is_run(name).then(|| format!("bin/{name}"))
}

fn is_run(name: &str) -> bool {
    EXECUTABLES.iter().any(|path| path.strip_prefix("bin/") == Some(name))
}

/// What a program's platform may be called in a name: `arm64`, `aarch64`, `linux-arm64`, ...
fn platform_words(program: &Program) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for architecture in &program.architectures {
        names.extend(names_of_arch(architecture).map(ToOwned::to_owned));
        if architecture == "arm" {
            names.extend(["armhf", "armel", "armv5", "armv6", "armv7"].map(ToOwned::to_owned));
            names.extend(["v5", "v6", "v7"].map(ToOwned::to_owned));
        }
    }
    let mut words = names.clone();
    for name in &names {
        for between in ['-', '_'] {
            words.push(format!("{}{between}{name}", Target::DEFAULT_OS));
        }
    }
    words.push(Target::DEFAULT_OS.to_owned());
    words
}

/// Whether a file is about the repository, or for tools that look for it at the root.
fn is_about(path: &str) -> bool {
    let top = path.split('/').next().unwrap_or_default();
    let lower = top.to_lowercase();
    top.starts_with('.') || FOR_TOOLS.contains(&top) || ABOUT.iter().any(|begin| lower.starts_with(begin))
}
