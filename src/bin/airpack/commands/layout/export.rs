//! `airpack layout export`.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::error::{Error, Result};
use airpack::oci::json;
use airpack::oci::library::From;
use airpack::oci::locate::ImageLocation;
use airpack::operations::export::{Destination, ExportRequest, run as export};
use clap::Args;

use crate::output::{Output, one_line};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A layout, .cnb or other archive, or one image in it: [oci:]PATH[:TAG|@DIGEST]
    #[arg(value_name = "LAYOUT")]
    location: OsString,
    #[command(flatten)]
    destination: DestinationArguments,
    /// The image for this platform, where there are several: os/architecture[/variant][:os.version]
    #[arg(long)]
    platform: Option<String>,
    /// Where a builder's run images are: a layout or an archive, or NAME=SOURCE for one name. Then the builder's own layout
    #[arg(long = "from", value_name = "LAYOUT|NAME=SOURCE")]
    from: Vec<OsString>,
    /// Print what was written as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct DestinationArguments {
    /// Write the run images of a builder, or any other image, as `lifecycle -layout` looks for them:
    /// DIR/registry/repository/tag
    #[arg(long, value_name = "DIR")]
    lifecycle: Option<PathBuf>,
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

const EXAMPLES: &str = "\
Prints the path of each thing that was written. Every blob is verified, before and after decompression; a failure leaves nothing. \
Nothing in a layer can lead out of --rootfs; as root, its files belong to whom the layers say, programs that run as their owner \
included: a folder that only root enters is the place for an image that nobody vouches for.

Examples:
  airpack layout export builder.oci:1.0 --lifecycle layout-repo --platform linux/amd64 --from base.oci
  airpack layout export builder.oci:1.0 --docker-archive builder.tar --platform linux/arm64
  airpack layout export builder.oci:1.0 --rootfs ./root --platform linux/amd64";

pub(crate) fn run(arguments: &Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    let request = ExportRequest {
        location: ImageLocation::parse(&arguments.location)?,
        destination: arguments.destination.chosen()?,
        platform: arguments.platform.as_deref().map(str::parse).transpose()?,
        from: arguments
            .from
            .iter()
            .map(|from| From::parse(from))
            .collect::<Result<_>>()?,
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
            self.lifecycle.clone().map(Destination::Lifecycle),
            self.oci_archive.clone().map(Destination::OciArchive),
            self.docker_archive.clone().map(Destination::DockerArchive),
            self.rootfs.clone().map(Destination::Rootfs),
        ];
        let chosen = all.into_iter().flatten().next();
        chosen.ok_or_else(|| Error::invalid("nothing says where to write to"))
    }
}
