//! `airpack layout export`.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::error::{Error, Result};
use airpack::oci::json;
use airpack::operations::export::{Destination, ExportRequest, run as export};
use clap::Args;

use crate::commands::words;
use crate::output::{Output, one_line};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, override_usage = USAGE)]
pub(crate) struct Arguments {
    /// A layout, .cnb or other archive, or one image in it: [oci:]PATH[:TAG|@DIGEST]
    #[arg(value_name = "LAYOUT")]
    location: OsString,
    /// Only images for this platform: os/architecture[/variant][:os.version]
    #[arg(long)]
    platform: Option<String>,
    /// Layout or archive whose images may be named, or NAME=LAYOUT[:TAG] for what a name means
    #[arg(long, value_name = "SOURCE")]
    from: Vec<OsString>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    destination: DestinationArguments,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Form, one of these")]
#[group(required = true, multiple = false)]
struct DestinationArguments {
    /// Write the run images of a builder, or any other image, as `lifecycle -layout` looks for them:
    /// DIR/registry/repository/tag
    // its first name was that of another option
    #[arg(long, value_name = "DIR", alias = "lifecycle")]
    lifecycle_tree: Option<PathBuf>,
    /// Write the image, or all platforms of it, as an OCI layout in one file
    #[arg(long, value_name = "FILE")]
    oci_archive: Option<PathBuf>,
    /// Write the image as `docker save` does
    #[arg(long, value_name = "FILE")]
    docker_archive: Option<PathBuf>,
    /// Unpack the image into a folder that is empty or not there yet
    #[arg(long, value_name = "DIR")]
    rootfs: Option<PathBuf>,
}

const USAGE: &str = "airpack layout export [OPTIONS] <FORM> <LAYOUT>";
const EXAMPLES: &str = "\
Prints the path of each thing that was written. --platform is needed where there are several. A builder's run images are looked up in \
--from, then in the builder's own layout. Every blob is verified, before and after decompression; a failure leaves nothing. \
Nothing in a layer can lead out of --rootfs; as root, its files belong to whom the layers say, programs that run as their owner \
included: a folder that only root enters is the place for an image that nobody vouches for.

Examples:
  airpack layout export builder.oci:1.0 --lifecycle-tree repo --platform linux/amd64 --from base.oci
  airpack layout export builder.oci:1.0 --docker-archive builder.tar --platform linux/arm64
  airpack layout export builder.oci:1.0 --rootfs ./root --platform linux/amd64";

pub(crate) fn run(arguments: &Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    let request = ExportRequest {
        location: words::location(&arguments.location)?,
        destination: arguments.destination.chosen()?,
        platform: words::platform(arguments.platform.as_deref())?,
        from: words::sources(&arguments.from)?,
        scratch: env::temp_dir(),
    };
    let report = export(&request, &output.progress(stop))?;
    for note in &report.notes {
        output.note(note);
    }
    if arguments.json {
        return Output::data(&json::to_pretty(&report));
    }
    let line = |path: &PathBuf| format!("{}\n", one_line(&path.display().to_string()));
    let lines: Vec<String> = report.written.iter().map(|written| line(&written.path)).collect();
    Output::data(&lines.concat())
}

impl DestinationArguments {
    fn chosen(&self) -> Result<Destination> {
        let all = [
            self.lifecycle_tree.clone().map(Destination::Lifecycle),
            self.oci_archive.clone().map(Destination::OciArchive),
            self.docker_archive.clone().map(Destination::DockerArchive),
            self.rootfs.clone().map(Destination::Rootfs),
        ];
        let chosen = all.into_iter().flatten().next();
        chosen.ok_or_else(|| Error::invalid("nothing says where to write to"))
    }
}
