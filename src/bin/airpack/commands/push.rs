//! `airpack push`.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::error::{Error, Result};
use airpack::oci::json;
use airpack::oci::reference::ImageName;
use airpack::operations::push::{Copied, Destination, PushReport, PushRequest, PushedImage, run as push};
use airpack::progress::in_units as size;
use airpack::registry::client::Client;
use clap::{ArgGroup, Args};

use crate::commands::words;
use crate::output::Output;
use crate::registry::RegistryArguments;
use crate::signals;
use crate::tree::Tree;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, override_usage = USAGE, group = ArgGroup::new("where").required(true).args(["destination", "to"]))]
#[expect(clippy::struct_excessive_bools, reason = "flags")]
pub(crate) struct Arguments {
    /// A layout, a .cnb, an oci-archive or a docker-archive, and maybe one image in it: [oci:]DIR[:TAG|@DIGEST], FILE[:TAG]
    #[arg(value_name = "SOURCE")]
    source: OsString,
    /// Where to push one image: [registry/]repository[:tag]
    #[arg(value_name = "DEST")]
    destination: Option<String>,
    /// Push all images, each under its own path and tag below this registry or path
    #[arg(long, value_name = "REGISTRY[/PATH]")]
    to: Option<String>,
    /// One more name for the image: a tag, or a whole name
    #[arg(long = "tag", value_name = "TAG|REF", conflicts_with = "to")]
    tags: Vec<String>,
    /// Only images for this platform: os/architecture[/variant][:os.version]
    #[arg(long = "platform", value_name = "PLATFORM", value_delimiter = ',')]
    platforms: Vec<String>,
    /// What is about the images (signatures, SBOMs) comes along
    #[arg(long)]
    referrers: bool,
    /// A repository of the registry that blobs can be mounted from
    #[arg(long = "mount-from", value_name = "REPOSITORY")]
    mount_from: Vec<String>,
    /// Look for every blob, also when the tag is up to date
    #[arg(long)]
    check_blobs: bool,
    /// Send blobs in parts of this length, for registries and proxies that take no long bodies
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    chunk_size: Option<u64>,
    /// Print what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    registry: RegistryArguments,
}

const EXAMPLES: &str = "\
Prints registry/repository@digest of each image. Bytes are sent as they are: digests never change. A tag moves last, when all \
that it leads to is there. Run the same command again after a failure: it continues. --platform puts what is left behind a new index. --dry-run asks the registry what it has.

Credentials: --creds-stdin; AIRPACK_REGISTRY_USERNAME and AIRPACK_REGISTRY_PASSWORD; CNB_REGISTRY_AUTH; REGISTRY_AUTH_FILE and \
the other files of podman and docker, with their helpers. The first that knows the registry is used. Proxies: HTTPS_PROXY, \
HTTP_PROXY, ALL_PROXY, NO_PROXY. Registries on this machine are spoken to over plain HTTP, unless they want TLS.

Examples:
  airpack push out.oci:1.0 registry.corp/acme/hello:1.0
  airpack push out.oci --to registry.corp/mirror
  airpack push hello.cnb registry.corp/acme/hello:1.0 --tag latest
  airpack push out.oci registry.corp/acme/hello:1.0 --creds-stdin < credentials";

const USAGE: &str = "airpack push [OPTIONS] <SOURCE> <DEST | --to REGISTRY[/PATH]>";

pub(crate) fn run(arguments: &Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    let as_json = arguments.json;
    let (request, registry) = request(arguments).map_err(Error::as_usage)?;
    let settings = arguments.registry.settings(&BTreeSet::from([registry]))?;
    let progress = output.progress(stop);
    signals::end_soon_after(stop);
    let client = Client::new(settings, &progress);
    let report = client.watched(|| push(&request, &client, &progress))?;
    for image in &report.images {
        if image.is_subset {
            output.note(&format!(
                "{}: a new index of the chosen platforms, {}",
                image.source, image.digest
            ));
        }
        if !report.dry_run {
            output.note(&summary(image));
        }
    }
    if as_json {
        return Output::data(&json::to_pretty(&report));
    }
    if report.dry_run {
        return Output::data(&plan_text(&report));
    }
    let lines: Vec<String> = report
        .images
        .iter()
        .map(|image| format!("{}\n", image.reference))
        .collect();
    Output::data(&lines.concat())
}

/// The request, and the registry that it goes to.
fn request(arguments: &Arguments) -> Result<(PushRequest, String)> {
    let source = words::location(&arguments.source)?;
    let is_on_disk = |name: &str| words::location(OsStr::new(name)).is_ok_and(|found| found.layout.exists());
    let is_swapped = |name: &String| !source.layout.exists() && is_on_disk(name);
    if let Some(name) = arguments.destination.as_ref().filter(|name| is_swapped(name)) {
        return Err(
            Error::invalid(format!("`{}` is not there, but `{name}` is", source.layout.display()))
                .with_hint("SOURCE comes first, then DEST"),
        );
    }
    let (destination, registry) = match (&arguments.destination, &arguments.to) {
        (Some(name), None) => {
            named_registry(name)?;
            let main: ImageName = name.parse()?;
            let names = words::names(name, &arguments.tags)?;
            if let Some(other) = names
                .iter()
                .find(|other| other.with_tag(main.tag()).ok().as_ref() != Some(&main))
            {
                return Err(
                    Error::invalid(format!("--tag `{other}` is of another repository than `{main}`"))
                        .with_hint("push to each repository by a command of its own"),
                );
            }
            let registry = main.registry().to_owned();
            (Destination::Names(names), registry)
        }
        (None, Some(prefix)) => {
            let prefix = prefix.trim_end_matches('/');
            named_registry(&format!("{prefix}/"))?;
            let example: ImageName = format!("{prefix}/x").parse().map_err(|error: Error| {
                error.context(format!("`{prefix}` is not a registry, with or without a path"))
            })?;
            (Destination::Below(prefix.to_owned()), example.registry().to_owned())
        }
        _ => {
            return Err(
                Error::invalid("DEST and --to exclude each other").with_hint("give DEST for one image, --to for all")
            );
        }
    };
    let request = PushRequest {
        source,
        destination,
        platforms: words::platforms(&arguments.platforms)?,
        mount_from: words::all(
            "repositories",
            arguments.mount_from.iter().map(|from| repository(from, &registry)),
        )?,
        check_blobs: arguments.check_blobs,
        referrers: arguments.referrers,
        dry_run: arguments.dry_run,
        jobs: arguments.registry.jobs,
        chunk_size: arguments.chunk_size.map(|mib| mib << 20),
        scratch: env::temp_dir(),
    };
    Ok((request, registry))
}

/// Docker Hub is for those who say so: who forgets the registry, or the repository behind it, does not mean to publish.
fn named_registry(name: &str) -> Result<()> {
    if ImageName::names_registry(name) {
        return Ok(());
    }
    let (error, hint) = if ImageName::is_bare_registry(name) {
        (
            format!("`{name}` is a registry, and no repository is named"),
            format!("give {name}/REPOSITORY:TAG"),
        )
    } else {
        let name = name.trim_end_matches('/');
        (
            format!("`{name}` names no registry"),
            format!("give REGISTRY/{name}; for Docker Hub docker.io/{name}"),
        )
    };
    Err(Error::invalid(error).with_hint(hint))
}

/// The path of a repository, which may be written with its registry in front.
fn repository(text: &str, registry: &str) -> Result<String> {
    if ImageName::names_registry(text) && !text.starts_with(&format!("{registry}/")) {
        return Err(Error::invalid(format!(
            "`{text}` is not on {registry}: blobs are mounted within one registry"
        )));
    }
    let path = text.strip_prefix(registry).and_then(|rest| rest.strip_prefix('/'));
    let name: ImageName = format!("{registry}/{}", path.unwrap_or(text))
        .parse()
        .map_err(|error: Error| error.context(format!("`{text}` is no repository of {registry} to mount from")))?;
    Ok(name.repository().to_owned())
}

/// What happened to an image, in a line.
fn summary(image: &PushedImage) -> String {
    let name = image.names.join(", ");
    if image.unchanged && image.bytes.count() == 0 {
        return format!("{name} is up to date");
    }
    let count = |action: &str| image.blobs.iter().filter(|blob| blob.action == action).count();
    format!(
        "{name}: {} sent; blobs: {} sent, {} mounted, {} were there",
        size(image.bytes.count()),
        count("sent"),
        count("mounted"),
        count("existing")
    )
}

/// The plan for people.
fn plan_text(report: &PushReport) -> String {
    let mut text = String::new();
    for image in &report.images {
        let mut top = Tree::new(format!("{} -> {}, not sent", image.source, image.names.join(", ")));
        top.line(image.digest.to_string());
        if image.unchanged {
            top.line("the registry has it under this name");
        }
        top.push(list("blobs", &image.blobs));
        top.push(list("manifests", &image.manifests));
        for referrer in &image.referrers {
            let mut tree = Tree::new(format!("{} about {}", referrer.digest, referrer.subject));
            tree.push(list("blobs", &referrer.blobs));
            top.push(tree);
        }
        text.push_str(&top.render());
    }
    text + &format!("{} to send\n", size(report.total.count()))
}

fn list(title: &str, all: &[Copied]) -> Tree {
    let bytes: u64 = all.iter().filter(|one| one.action == "send").map(|one| one.size).sum();
    let mut tree = Tree::new(format!("{title}: {} to send", size(bytes)));
    for one in all {
        tree.line(format!("{:8} {} ({})", one.action, one.digest, size(one.size)));
    }
    tree
}
