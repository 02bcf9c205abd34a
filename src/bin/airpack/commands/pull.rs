//! `airpack pull`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::error::{Error, Result};
use airpack::oci::json;
use airpack::oci::reference::{ImageName, ImageReference};
use airpack::operations::pull::{PullReport, PullRequest, named_in, registries, run as pull};
use airpack::progress::in_units as size;
use airpack::registry::client::Client;
use clap::Args;

use crate::commands::words;
use crate::output::Output;
use crate::registry::RegistryArguments;
use crate::signals;
use crate::tree::Tree;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, override_usage = USAGE)]
pub(crate) struct Arguments {
    /// Images: [registry/]repository[:tag][@digest]
    #[arg(value_name = "NAME", required_unless_present = "config")]
    names: Vec<String>,
    /// OCI image layout to write to; made if it does not exist
    #[arg(long, value_name = "DIR")]
    layout: PathBuf,
    /// Only images for this platform: os/architecture[/variant][:os.version]
    #[arg(long = "platform", value_name = "PLATFORM", value_delimiter = ',')]
    platforms: Vec<String>,
    /// File that says what it is made of: a package.toml, or a builder.toml for a builder
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One more name for the image: a tag, or a whole name
    #[arg(long = "tag", value_name = "TAG|REF")]
    tags: Vec<String>,
    /// What is about the images (signatures, SBOMs) comes along
    #[arg(long)]
    referrers: bool,
    /// Print what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    registry: RegistryArguments,
}

const USAGE: &str = "airpack pull [OPTIONS] --layout <DIR> <NAME... | --config FILE>";

const EXAMPLES: &str = "\
Prints the digest of each image. --config brings what the file names, for its targets; --platform puts what is left behind a new index. Manifests are kept byte for byte. What the layout has is not fetched again; after a failure \
the same command continues. Credentials and proxies are found as for `airpack push`.

Examples:
  airpack pull cnbs/sample-base-run:noble --layout base.oci --platform linux/amd64
  airpack pull registry.corp/acme/hello@sha256:... --layout base.oci
  airpack pull --config package.toml --layout base.oci";

pub(crate) fn run(arguments: &Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    let request = request(arguments)?;
    let settings = arguments.registry.settings(&registries(&request.images))?;
    let progress = output.progress(stop);
    signals::end_soon_after(stop);
    let client = Client::new(settings, &progress);
    let report = client.watched(|| pull(&request, &client, &progress))?;
    for image in &report.images {
        if image.is_subset {
            output.note(&format!(
                "{}: a new index of the chosen platforms, {}",
                image.name, image.digest
            ));
        }
        if let Some(ref_name) = &image.ref_name {
            let replaced = image.replaced.as_ref();
            let replaced = replaced
                .map(|digest| format!(", in place of {digest}"))
                .unwrap_or_default();
            output.note(&format!(
                "{} is oci:{}:{ref_name}{replaced}; {} fetched",
                image.name,
                report.layout.display(),
                size(image.fetched_bytes)
            ));
        }
    }
    let layout = report.layout.display();
    for (name, ref_name) in report.images.iter().flat_map(|image| &image.more_names) {
        output.note(&format!("{name} is oci:{layout}:{ref_name}"));
    }
    if arguments.json {
        return Output::data(&json::to_pretty(&report));
    }
    if report.dry_run {
        return Output::data(&plan_text(&report));
    }
    let lines: Vec<String> = report
        .images
        .iter()
        .map(|image| format!("{}\n", image.digest))
        .collect();
    Output::data(&lines.concat())
}

fn request(arguments: &Arguments) -> Result<PullRequest> {
    let mut platforms = words::platforms(&arguments.platforms)?;
    let mut images: Vec<ImageReference> = Vec::new();
    for image in words::all(
        "images",
        arguments.names.iter().map(|name| reference(name, &arguments.layout)),
    )? {
        if !images.contains(&image) {
            images.push(image);
        }
    }
    if let Some(file) = &arguments.config {
        let named = named_in(file)?;
        Output::findings(&named.warnings);
        for image in named.images {
            if !images.contains(&image) {
                images.push(image);
            }
        }
        if platforms.is_empty() {
            platforms = named.platforms;
        }
    }
    let names = match (arguments.tags.as_slice(), images.as_slice()) {
        ([], _) => Vec::new(),
        (tags, [image]) => words::all("names", tags.iter().map(|tag| words::beside(&image.name, tag)))?,
        _ => {
            return Err(Error::invalid("--tag names one image, but several are pulled")
                .with_hint("pull that image by itself")
                .as_usage());
        }
    };
    Ok(PullRequest {
        images,
        names,
        layout: match arguments.layout.to_str().and_then(|text| text.strip_prefix("oci:")) {
            Some(plain) => plain.into(),
            None => arguments.layout.clone(),
        },
        platforms,
        referrers: arguments.referrers,
        dry_run: arguments.dry_run,
        jobs: arguments.registry.jobs,
    })
}

fn reference(name: &str, layout: &Path) -> Result<ImageReference> {
    // a layout may be called as its image is
    if !name.contains('/') && words::is_image_on_disk(name) && !words::is_in_layout(name, layout) {
        return Err(Error::invalid(format!(
            "`{name}` is an image on disk, and images are pulled from registries"
        ))
        .with_hint("`airpack layout copy` copies from layouts and archives"));
    }
    if ImageName::is_bare_registry(name) {
        return Err(
            Error::invalid(format!("`{name}` is a registry, and no repository is named"))
                .with_hint(format!("give {name}/REPOSITORY:TAG")),
        );
    }
    name.parse()
}

/// The plan for people.
fn plan_text(report: &PullReport) -> String {
    let mut text = String::new();
    for image in &report.images {
        let mut top = Tree::new(format!("{} -> {}, not written", image.name, report.layout.display()));
        top.line(image.digest.to_string());
        for one in image.blobs.iter().chain(&image.manifests) {
            top.line(format!("{:8} {} ({})", one.action, one.digest, size(one.size)));
        }
        text.push_str(&top.render());
    }
    text + &format!("{} to fetch\n", size(report.fetched_bytes))
}
