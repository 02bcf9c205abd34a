//! `airpack builder create`.

use std::env;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::cnb::builder_labels::CreatedBy;
use airpack::cnb::target::Target;
use airpack::cnb_image::lifecycle_shelf::{LifecycleChoice, Named};
use airpack::error::{Error, Result};
use airpack::oci::json;
use airpack::operations::builder::{BuilderRequest, prepare, run as create};
use clap::Args;

use crate::commands::builder_plan::{plan_json, plan_text};
use crate::commands::words;
use crate::commands::write_options::{Show, WriteOptions, note_names, report_json, source_date_epoch};
use crate::output::Output;
use crate::pairs::merged;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Name of the image, [registry/]repository[:tag]
    #[arg(value_name = "REF")]
    name: String,
    /// File that says what it is made of: a package.toml, or a builder.toml for a builder
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
    /// OCI image layout to write to; made if it does not exist
    #[arg(long, value_name = "DIR")]
    layout: PathBuf,
    /// Lifecycle in place of that in builder.toml: a .tgz, a folder or pattern of such, or an image; OS/ARCH=SOURCE for one target
    #[arg(long = "lifecycle", value_name = "SOURCE")]
    lifecycles: Vec<String>,
    /// Folder of released files, lifecycle-v<version>+<os>.<arch>.tgz, to take the version in builder.toml from
    #[arg(long, value_name = "DIR")]
    lifecycle_dir: Option<PathBuf>,
    /// Modules that share a layer; several times for several layers
    #[arg(long, value_name = "ID@VERSION,...")]
    flatten: Vec<String>,
    #[command(flatten)]
    write: WriteOptions,
}

const EXAMPLES: &str = "\
Prints the digest of the image index. Nothing is downloaded: what builder.toml names is looked up in --from and in the layout. \
`airpack pull --config builder.toml --layout base.oci` brings it. SOURCE_DATE_EPOCH sets the time that images bear.

Examples:
  airpack builder create acme/builder:1 --config builder.toml --layout out.oci --from base.oci
  airpack builder create acme/builder:1 -c builder.toml --layout out.oci --lifecycle-dir lifecycles
  airpack builder create acme/builder:1 -c builder.toml --layout out.oci --dry-run \\
    --lifecycle linux/arm64=lifecycle-arm64.tgz";

pub(crate) fn run(arguments: Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    let (show, request) = arguments.request()?;
    let prepared = prepare(&request, &output.progress(stop))?;
    Output::findings(&prepared.warnings);
    if show.is_dry {
        let text = if show.as_json {
            json::to_pretty(&plan_json(&prepared, &request))
        } else {
            plan_text(&prepared, &request)
        };
        return Output::data(&text);
    }
    let report = create(&prepared, &request, &output.progress(stop))?;
    note_names(&report, output);
    if show.as_json {
        return Output::data(&json::to_pretty(&report_json(&report, &prepared.warnings)));
    }
    match &report.digest {
        Some(digest) => Output::data(&format!("{digest}\n")),
        None => Ok(()),
    }
}

impl Arguments {
    fn request(self) -> Result<(Show, BuilderRequest)> {
        let show = self.write.show();
        let request = BuilderRequest {
            names: self.write.names(&self.name)?,
            config: self.config,
            layout: self.layout,
            from: self.write.from()?,
            targets: self.write.targets()?,
            lifecycles: words::all("lifecycles", self.lifecycles.iter().map(|text| lifecycle(text)))?,
            lifecycle_folder: self.lifecycle_dir,
            annotations: self.write.annotations(),
            flatten: words::all("groups", self.flatten.iter().map(|text| group(text)))?,
            compression: self.write.compression,
            threads: self.write.threads(),
            created: source_date_epoch()?,
            created_by: CreatedBy {
                name: env!("CARGO_PKG_NAME").to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            allow_unknown_target: self.write.allow_unknown_target,
            strict: self.write.strict,
            scratch: env::temp_dir(),
            labels: merged(self.write.labels),
        };
        Ok((show, request))
    }
}

/// `SOURCE`, or `OS/ARCH[/VARIANT]=SOURCE`; a file that exists is a source, whatever is in its name.
pub(crate) fn lifecycle(text: &str) -> Result<LifecycleChoice> {
    let (target, uri) = match text.split_once('=') {
        Some((target, uri)) if !PathBuf::from(text).exists() => {
            let target = target
                .parse::<Target>()
                .map_err(|error| error.context(format!("failed to read --lifecycle `{text}`")))?;
            (Some(target), uri)
        }
        _ => (None, text),
    };
    if uri.is_empty() {
        return Err(Error::invalid(format!("--lifecycle `{text}` names no source")));
    }
    Ok(LifecycleChoice {
        target,
        named: Named::Uri(uri.to_owned()),
        file: PathBuf::new(),
        place: None,
    })
}

/// The modules of one layer.
fn group(text: &str) -> Result<Vec<String>> {
    let members: Vec<String> = text.split(',').map(ToOwned::to_owned).collect();
    for name in &members {
        let is_full = name
            .split_once('@')
            .is_some_and(|(id, version)| !id.is_empty() && !version.is_empty());
        if !is_full {
            return Err(
                Error::invalid(format!("--flatten `{name}` is not of the form ID@VERSION")).with_hint(
                    "give the modules of one layer with commas between them, and --flatten again for another layer",
                ),
            );
        }
    }
    Ok(members)
}
