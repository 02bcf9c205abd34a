//! What the dependencies of a composite buildpack or a builder offer to one target, before it is known what of it is needed.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::super::dependency::{Content, Dependency, Opener, append_with_way, by_way, refusal};
use super::super::module_source::{ModuleSource, TargetView};
use super::super::packaged_image::{PackagedImage, PackagedModules};
use crate::cnb::airpack_config::AirpackConfig;
use crate::cnb::order::{DeclaredOrder, ModuleRef, Order};
use crate::cnb::target::Target;
use crate::error::{Error, Finding, Findings, Place, Result};
use crate::progress::Progress;

/// Id and version.
pub(super) type Key = (String, String);

/// What stands above all dependencies: the composite that is packaged, or a builder.
pub(super) struct Root {
    /// A builder has an empty one, which nothing else can have.
    pub(super) key: Key,
    /// What it is called.
    pub(super) name: String,
    /// Where its order stands.
    pub(super) place: Place,
    /// Where it is, for a composite.
    pub(super) origin: Option<PathBuf>,
}

impl Root {
    pub(super) fn name_of(&self, key: &Key) -> String {
        if *key == self.key {
            self.name.clone()
        } else {
            named(key)
        }
    }
}

/// What a composite or a builder is made of, the same for all targets.
pub(super) struct Composite<'a, 'o> {
    pub(super) root: &'a Root,
    /// `airpack.toml` beside `buildpack.toml` and beside `package.toml`.
    pub(super) settings: &'a [AirpackConfig],
    pub(super) dependencies: &'a [Dependency],
    pub(super) opener: &'a mut Opener<'o>,
    /// All targets of the package.
    pub(super) targets: &'a [Target],
    pub(super) progress: &'a dyn Progress,
    /// What dependencies there were, for whichever target.
    pub(super) seen: BTreeSet<Key>,
    /// Whether something could not be opened, so that what is missing may be in there.
    pub(super) is_incomplete: bool,
}

/// A dependency for one target.
pub(super) struct Offer {
    pub(super) dependency: Dependency,
    /// Which file lists it, in the order in which files are read.
    pub(super) file: usize,
    pub(super) content: OfferContent,
    pub(super) modules: Vec<Offered>,
}

pub(super) enum OfferContent {
    Source {
        source: Arc<ModuleSource>,
        /// Of a composite, whose order may be another in each platform folder.
        view: Option<Box<TargetView>>,
    },
    Image {
        image: Arc<PackagedImage>,
        chosen: Box<Result<PackagedModules>>,
    },
}

/// A module that a dependency has.
pub(super) struct Offered {
    pub(super) key: Key,
    pub(super) order: Order,
}

/// What is known for one target.
pub(super) struct Round<'r> {
    pub(super) target: &'r Target,
    /// The order of a composite that is packaged, which knows its places.
    pub(super) declared: Option<&'r DeclaredOrder>,
    pub(super) offers: &'r [Offer],
    /// Which offer, and which of its modules, has a key.
    pub(super) first: BTreeMap<&'r Key, (usize, usize)>,
    /// Those that offer what another does already.
    pub(super) again: Vec<(usize, usize)>,
}

impl<'r> Round<'r> {
    pub(super) fn offer_of(&self, key: &Key) -> Option<&'r Offer> {
        self.first.get(key).map(|(at, _)| &self.offers[*at])
    }
}

impl Composite<'_, '_> {
    /// Sorts out who offers what.
    pub(super) fn round<'r>(
        &mut self,
        target: &'r Target,
        declared: Option<&'r DeclaredOrder>,
        offers: &'r [Offer],
        findings: &mut Findings,
    ) -> Round<'r> {
        let mut first: BTreeMap<&Key, (usize, usize)> = BTreeMap::new();
        let mut again: Vec<(usize, usize)> = Vec::new();
        for (at, offer) in offers.iter().enumerate() {
            for (number, module) in offer.modules.iter().enumerate() {
                if module.key == self.root.key {
                    findings.push(
                        Finding::error(format!(
                            "`{}` is {}, which depends on it: {}",
                            offer.dependency.written,
                            self.root.name,
                            offer.dependency.way()
                        ))
                        .at(offer.dependency.place.clone()),
                    );
                    continue;
                }
                self.seen.insert(module.key.clone());
                if first.contains_key(&module.key) {
                    again.push((at, number));
                } else {
                    first.insert(&module.key, (at, number));
                }
            }
        }
        check_case(first.keys().copied().chain([&self.root.key]), findings);
        Round {
            target,
            declared,
            offers,
            first,
            again,
        }
    }

    /// The dependencies that are listed, and those of composites in folders for what is not among them.
    pub(super) fn offers(&mut self, target: &Target, findings: &mut Findings) -> Result<Vec<Offer>> {
        let mut offers = Vec::new();
        // by file: the file that names the composite which it belongs to
        let mut files: Vec<Option<usize>> = vec![None];
        for dependency in self.dependencies {
            offers.extend(self.offer(dependency, 0, target, findings)?);
        }
        let mut followed: HashSet<PathBuf> = self.root.origin.iter().cloned().collect();
        let mut at = 0;
        while at < offers.len() {
            let offer: &Offer = &offers[at];
            at += 1;
            let OfferContent::Source { source, .. } = &offer.content else {
                continue;
            };
            // what the files that lead here list need not be listed again; what an image brings is not listed
            let mut above = vec![offer.file];
            while let Some(file) = above.last().and_then(|file| files[*file]) {
                above.push(file);
            }
            let known: HashSet<&Key> = offers
                .iter()
                .filter(|offer| above.contains(&offer.file))
                .filter_map(|offer| offer.modules.first())
                .map(|module| &module.key)
                .collect();
            let is_missing = |entry: &ModuleRef| {
                let key = key_of_ref(entry);
                key != self.root.key && !known.contains(&key) && !self.is_out(&key, target)
            };
            let has_missing = offer
                .modules
                .iter()
                .flat_map(|module| &module.order)
                .flat_map(|group| &group.group)
                .any(is_missing);
            if !has_missing || !followed.insert(source.tree.origin().to_owned()) {
                continue;
            }
            let (source, chain, file) = (Arc::clone(source), offer.dependency.chain.clone(), files.len());
            files.push(Some(offer.file));
            for dependency in self.opener.open_below(&source, &chain, findings)? {
                offers.extend(self.offer(&dependency, file, target, findings)?);
            }
        }
        Ok(offers)
    }

    pub(super) fn is_out(&self, key: &Key, target: &Target) -> bool {
        !self
            .settings
            .iter()
            .all(|settings| settings.includes(&key.0, &key.1, target))
    }

    /// `None` when `findings` tell why there is nothing to offer.
    pub(super) fn offer(
        &mut self,
        dependency: &Dependency,
        file: usize,
        target: &Target,
        findings: &mut Findings,
    ) -> Result<Option<Offer>> {
        let (content, modules) = match &dependency.content {
            Content::Source(source) => {
                let key = key_of(source);
                let mut view = None;
                if source.descriptor.order.is_some() && !self.is_out(&key, target) {
                    let Some(found) = self.view(dependency, source, target, findings)? else {
                        self.is_incomplete = true;
                        return Ok(None);
                    };
                    view = Some(Box::new(found));
                }
                let descriptor = view.as_ref().map_or(&source.descriptor, |view| &view.descriptor);
                let order = descriptor
                    .order
                    .as_ref()
                    .map(|order| order.groups.clone())
                    .unwrap_or_default();
                let content = OfferContent::Source {
                    source: Arc::clone(source),
                    view,
                };
                (content, vec![Offered { key, order }])
            }
            Content::Image(image) => {
                let chosen = image.for_target(target);
                let any = match &chosen {
                    Ok(modules) => Ok(modules.clone()),
                    Err(_) => image.any(),
                };
                let modules = match any {
                    Ok(modules) => modules.modules,
                    Err(error) => {
                        findings.push(about(dependency, &error));
                        self.is_incomplete = true;
                        return Ok(None);
                    }
                };
                let modules = modules
                    .into_iter()
                    .map(|module| Offered {
                        key: (module.id.to_string(), module.version.to_string()),
                        order: module.label.order,
                    })
                    .collect();
                let content = OfferContent::Image {
                    image: Arc::clone(image),
                    chosen: Box::new(chosen),
                };
                (content, modules)
            }
        };
        Ok(Some(Offer {
            dependency: dependency.clone(),
            file,
            content,
            modules,
        }))
    }

    /// How `target` sees a module that is not packaged yet.
    pub(super) fn view(
        &self,
        dependency: &Dependency,
        source: &ModuleSource,
        target: &Target,
        findings: &mut Findings,
    ) -> Result<Option<TargetView>> {
        let mut about_it = Findings::default();
        let others = self.targets.iter().map(Target::with_defaults);
        let view = source.view_for(target, others, &mut about_it);
        append_with_way(findings, &about_it, &dependency.chain);
        view
    }

    /// Whether the composite `composite`, which is packaged now, leaves a module out by its own `airpack.toml`.
    pub(super) fn leaves_out(round: &Round<'_>, composite: &Key, module: &Key) -> bool {
        match round.offer_of(composite).map(|offer| &offer.content) {
            Some(OfferContent::Source { source, .. }) => !source.settings.includes(&module.0, &module.1, round.target),
            _ => false,
        }
    }
}

pub(super) fn about(dependency: &Dependency, error: &Error) -> Finding {
    refusal(
        &format!(
            "{} `{}`{}",
            dependency.role.name(),
            dependency.written,
            by_way(&dependency.chain)
        ),
        error,
    )
    .at(dependency.place.clone())
}

/// Ids are the same that differ only in case (buildpack spec, `id`).
pub(super) fn check_case<'k>(keys: impl Iterator<Item = &'k Key>, findings: &mut Findings) {
    let mut ids: BTreeMap<String, &str> = BTreeMap::new();
    for (id, _) in keys {
        let first = *ids.entry(id.to_lowercase()).or_insert(id);
        if first != id {
            findings.push(
                Finding::error(format!("ids `{first}` and `{id}` differ only in upper and lower case"))
                    .hint("by the buildpack spec an id must be unique regardless of case"),
            );
        }
    }
}

pub(super) fn key_of(source: &ModuleSource) -> Key {
    (source.descriptor.id.to_string(), source.descriptor.version.to_string())
}

pub(super) fn key_of_ref(entry: &ModuleRef) -> Key {
    (entry.id.clone(), entry.version.clone())
}

pub(super) fn named(key: &Key) -> String {
    format!("{}@{}", key.0, key.1)
}
