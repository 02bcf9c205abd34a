//! What `inspect` tells of a builder: what `pack builder inspect` does under the same headings, and where platforms differ.

use airpack::cnb::builder_labels::{RunImage, System};
use airpack::cnb::labels::ModuleLayers;
use airpack::cnb::lifecycle::LifecycleDescriptor;
use airpack::cnb_image::builder_view::{BuilderModule, BuilderOverview, DetectionOrder, Said};
use airpack::oci::platform::Platform;

use super::inspect::aligned;
use super::order_tree::{order_tree, targets};
use crate::output::one_line;
use crate::tree::Tree;

/// The names of the fields in JSON, and the headings here.
const HEADINGS: [(&str, &str); 11] = [
    ("description", "Description"),
    ("createdBy", "Created By"),
    ("stack", "Stack"),
    ("lifecycle", "Lifecycle"),
    ("runImages", "Run Images"),
    ("buildpacks", "Buildpacks"),
    ("order", "Detection Order"),
    ("extensions", "Extensions"),
    ("orderExtensions", "Detection Order (Extensions)"),
    ("system", "System Buildpacks"),
    ("unreadableLabels", "Unreadable Labels"),
];
const NONE: &str = "(none)";
/// What is said of a member of an order stands there up to this length, as often as the member does.
const MAX_REMARK: usize = 500;

pub(super) fn builder_tree(view: &BuilderOverview) -> Tree {
    let mut tree = Tree::new(format!("builder for {}", joined(&view.platforms)));
    if !view.differences.is_empty() {
        let names = view.differences.iter().map(|name| heading(name));
        tree.line(format!(
            "the platforms differ in: {}",
            names.collect::<Vec<_>>().join(", ")
        ));
    }
    add(&mut tree, "unreadableLabels", &view.unreadable_labels, |labels| {
        (!labels.is_empty()).then(|| Told::Lines(lines(labels)))
    });
    add(&mut tree, "description", &view.description, |text| told(text));
    add(&mut tree, "createdBy", &view.created_by, |by| {
        let parts = [("Name", &by.name), ("Version", &by.version)];
        let parts = parts.into_iter().filter(|(_, text)| !text.is_empty());
        let lines: Vec<Tree> = parts
            .map(|(name, text)| Tree::new(format!("{name}: {}", one_line(text))))
            .collect();
        (!lines.is_empty()).then_some(Told::Lines(lines))
    });
    add(&mut tree, "stack", &view.stack_id, |id| {
        (!id.is_empty()).then(|| Told::Lines(vec![Tree::new(format!("ID: {}", one_line(id)))]))
    });
    add(&mut tree, "lifecycle", &view.lifecycle, |descriptor| {
        Some(Told::Lines(lifecycle(descriptor)))
    });
    add(&mut tree, "runImages", &view.run_images, |images| {
        Some(if images.is_empty() {
            Told::Text(NONE.to_owned())
        } else {
            Told::Lines(images.iter().map(run_image).collect())
        })
    });
    add_modules(&mut tree, view, "buildpacks", &view.buildpacks);
    add(&mut tree, "order", &view.order, |order| {
        Some(detection(order).unwrap_or_else(|| Told::Text(NONE.to_owned())))
    });
    if !view.extensions.is_empty() {
        add_modules(&mut tree, view, "extensions", &view.extensions);
    }
    add(&mut tree, "orderExtensions", &view.order_extensions, detection);
    add(&mut tree, "system", &view.system, system);
    tree
}

/// What stands at a heading, or below it.
enum Told {
    Text(String),
    Lines(Vec<Tree>),
}

fn told(text: &str) -> Option<Told> {
    (!text.is_empty()).then(|| Told::Text(text.to_owned()))
}

fn lines<T: AsRef<str>>(texts: &[T]) -> Vec<Tree> {
    texts.iter().map(|text| Tree::new(one_line(text.as_ref()))).collect()
}

fn heading(name: &str) -> &'static str {
    let found = HEADINGS.iter().find(|(known, _)| *known == name);
    found.map_or("", |(_, heading)| heading)
}

fn joined(platforms: &[Platform]) -> String {
    let names: Vec<String> = platforms
        .iter()
        .map(|platform| one_line(&platform.to_string()))
        .collect();
    names.join(", ")
}

/// One branch where all platforms agree, and none where they have nothing to say; else one for each that differs.
fn add<T>(tree: &mut Tree, name: &str, all: &[Said<T>], tell: impl Fn(&T) -> Option<Told>) {
    for said in all {
        let told = tell(&said.value);
        let mut title = heading(name).to_owned();
        if all.len() > 1 {
            title = format!("{title} for {}", joined(&said.platforms));
        } else if told.is_none() {
            return;
        }
        match told {
            Some(Told::Lines(children)) => tree.push(Tree { text: title, children }),
            Some(Told::Text(text)) => tree.line(format!("{title}: {text}")),
            None => tree.line(format!("{title}: {NONE}")),
        }
    }
}

fn lifecycle(descriptor: &LifecycleDescriptor) -> Vec<Tree> {
    let list = |versions: &Option<Vec<String>>| match versions.as_deref() {
        None | Some([]) => NONE.to_owned(),
        Some(versions) => one_line(&versions.join(", ")),
    };
    let version = if descriptor.version.is_empty() {
        NONE
    } else {
        &descriptor.version
    };
    let mut lines = vec![Tree::new(format!("Version: {}", one_line(version)))];
    for (title, apis) in [
        ("Buildpack APIs", &descriptor.apis.buildpack),
        ("Platform APIs", &descriptor.apis.platform),
    ] {
        let mut branch = Tree::new(title);
        branch.line(format!("Deprecated: {}", list(&apis.deprecated)));
        branch.line(format!("Supported: {}", list(&apis.supported)));
        lines.push(branch);
    }
    lines
}

fn run_image(image: &RunImage) -> Tree {
    let mut tree = Tree::new(one_line(&image.image));
    for mirror in image.mirrors.iter().flatten() {
        tree.line(format!("mirror {}", one_line(mirror)));
    }
    tree
}

/// A table, with the platforms of those modules that not all have.
fn add_modules(tree: &mut Tree, view: &BuilderOverview, name: &str, modules: &[Said<BuilderModule>]) {
    let title = heading(name);
    if modules.is_empty() {
        tree.line(format!("{title}: {NONE}"));
        return;
    }
    let differs = view.differences.contains(&name);
    let or_dash = |text: &str| {
        if text.is_empty() {
            "-".to_owned()
        } else {
            one_line(text)
        }
    };
    let mut head: Vec<String> = ["ID", "NAME", "VERSION", "HOMEPAGE", "TARGETS"]
        .map(ToOwned::to_owned)
        .into();
    head.extend(differs.then(|| "PLATFORMS".to_owned()));
    let rows = modules.iter().map(|said| {
        let info = &said.value.info;
        let cells = [
            &info.id,
            &info.name,
            &info.version,
            &info.homepage,
            &targets(&said.value.targets),
        ];
        let mut row: Vec<String> = cells.map(|text| or_dash(text)).into();
        if differs {
            row.push(if view.is_everywhere(said) {
                "all".to_owned()
            } else {
                joined(&said.platforms)
            });
        }
        row
    });
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    tree.push(Tree {
        text: title.to_owned(),
        children: aligned(&rows, 0).into_iter().map(Tree::new).collect(),
    });
}

fn detection(order: &DetectionOrder) -> Option<Told> {
    if order.groups.is_empty() {
        return None;
    }
    let order = DetectionOrder {
        groups: order.groups.clone(),
        known: with_short_remarks(&order.known),
    };
    let find = |entry: &_| order.member(entry);
    Some(Told::Lines(order_tree(&order.groups, &find).children))
}

/// Labels may say anything: a megabyte at each of a hundred thousand members would never end.
fn with_short_remarks(known: &ModuleLayers) -> ModuleLayers {
    let mut known = known.clone();
    for label in known.values_mut().flat_map(|versions| versions.values_mut()) {
        if label.homepage.len() > MAX_REMARK {
            label.homepage.clear();
        }
        if targets(&label.targets).len() > MAX_REMARK {
            label.targets.clear();
        }
    }
    known
}

fn system(system: &System) -> Option<Told> {
    let mut branches = Vec::new();
    for (title, buildpacks) in [("before", &system.pre.buildpacks), ("after", &system.post.buildpacks)] {
        let members = buildpacks.iter().map(|entry| {
            let optional = if entry.optional { " (optional)" } else { "" };
            Tree::new(one_line(&format!("{entry}{optional}")))
        });
        if !buildpacks.is_empty() {
            branches.push(Tree {
                text: title.to_owned(),
                children: members.collect(),
            });
        }
    }
    (!branches.is_empty()).then_some(Told::Lines(branches))
}
