//! `airpack index create`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::error::{Error, Result};
use airpack::oci::reference::ImageName;
use airpack::operations::index::{CreateRequest, create};
use clap::Args;

use super::{annotations, bringing, show};
use crate::commands::words;
use crate::output::Output;
use crate::pairs::Pair;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Name of the index, [registry/]repository[:tag]
    #[arg(value_name = "NAME")]
    name: String,
    /// A layout, .cnb or other archive, or one image in it: [oci:]PATH[:TAG|@DIGEST]
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<OsString>,
    /// OCI image layout to write to; made if it does not exist
    #[arg(long, value_name = "DIR")]
    layout: PathBuf,
    /// One more name for the image: a tag, or a whole name
    #[arg(long = "tag", value_name = "TAG|REF")]
    tags: Vec<String>,
    /// Annotation of the image index, and of each manifest that is made
    #[arg(long = "annotation", value_name = "KEY=VALUE")]
    annotations: Vec<Pair>,
    /// Put images of different kinds behind one index
    #[arg(long)]
    force: bool,
    /// Print what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Prints the digest of the image index. Images keep their digests, and what their indexes say of them. Images of a buildpack come \
in the order of its targets, others in the order given, which is that of packaging when it is that of the targets. All have to be \
the same buildpack or extension in one version, or all builders. Annotations that all images' indexes agree on are kept.

Examples:
  airpack index create docker.io/acme/hello:1.0 amd64.oci arm64.oci --layout out.oci
  airpack index create acme/hello:1.0 hello-linux-amd64.cnb hello-linux-arm64.cnb --layout out.oci
  airpack index create acme/builder:1 amd64.oci:1 arm64.oci:1 --layout out.oci \\
    --annotation org.opencontainers.image.revision=7fd1a60";

pub(crate) fn run(arguments: &Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    check_name(&arguments.name, &arguments.layout)?;
    let request = CreateRequest {
        names: words::names(&arguments.name, &arguments.tags)?,
        images: words::locations(&arguments.images)?,
        layout: arguments.layout.clone(),
        annotations: annotations(&arguments.annotations),
        force: arguments.force,
        how: bringing(arguments.dry_run),
    };
    let report = create(&request, &output.progress(stop))?;
    show(&report, arguments.json, output)
}

/// An error where the name was forgotten, so that the first image stands in its place.
fn check_name(name: &str, layout: &Path) -> Result<()> {
    if !words::is_image_on_disk(name) || words::is_in_layout(name, layout) {
        return Ok(());
    }
    let hint = match name.parse::<ImageName>() {
        Ok(full) => format!("put a name before it; if it is meant as the name, write `{full}`"),
        Err(_) => "put a name before it".to_owned(),
    };
    Err(Error::invalid(format!(
        "`{name}` is an image on disk, where the name of the index is expected"
    ))
    .with_hint(hint)
    .as_usage())
}
