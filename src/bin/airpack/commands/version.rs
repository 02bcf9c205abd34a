//! `airpack version`.

use std::env;

use airpack::archive::compress::ENGINE;
use airpack::cnb::api::ApiVersion;
use airpack::error::Result;
use airpack::oci::json;
use clap::Args;
use serde::Serialize;

use crate::output::Output;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Two programs with the same compression engine make the same bytes of the same files.

Examples:
  airpack version
  airpack version --json";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct About {
    version: &'static str,
    /// What it was built for.
    platform: String,
    compression_engine: u8,
    buildpack_apis: Range,
}

#[derive(Serialize)]
struct Range {
    first: String,
    last: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let about = About {
        version: env!("CARGO_PKG_VERSION"),
        platform: format!("{}/{}", env::consts::OS, architecture()),
        compression_engine: ENGINE,
        buildpack_apis: Range {
            first: ApiVersion::FIRST.to_string(),
            last: ApiVersion::LAST.to_string(),
        },
    };
    if arguments.json {
        return Output::data(&json::to_pretty(&about));
    }
    Output::data(&format!(
        "airpack {}\nplatform: {}\ncompression engine: {}\nbuildpack APIs: {} to {}\n",
        about.version, about.platform, about.compression_engine, about.buildpack_apis.first, about.buildpack_apis.last
    ))
}

/// In Go's names, as platforms have it.
fn architecture() -> &'static str {
    match env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    }
}
