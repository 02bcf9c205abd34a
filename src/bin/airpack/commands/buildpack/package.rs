//! `airpack buildpack package`.

use std::env;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use airpack::archive::compress::Compression;
use airpack::archive::file_tree::NodeKind;
use airpack::archive::timestamp::Timestamp;
use airpack::cnb::target::Target;
use airpack::cnb_image::plan::package::ImagePlan;
use airpack::error::{Error, Findings, Result};
use airpack::oci::json;
use airpack::oci::reference::ImageName;
use airpack::operations::package::{PackageReport, PackageRequest, PreparedPackage, prepare, run as package};
use airpack::progress::in_units as size;
use clap::Args;
use serde_json::{Value, json as value};

use crate::output::{Output, one_line};
use crate::pairs::{Pair, Pairs, merged};
use crate::tree::Tree;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "flags")]
pub(crate) struct Arguments {
    /// Name of the image: [registry/]repository[:tag]
    #[arg(value_name = "REF")]
    name: String,
    /// Folder or archive (.tar, .tar.gz, .zip) of the buildpack [default: `uri` of --config, else the current folder]
    #[arg(short, long)]
    path: Option<PathBuf>,
    /// A package.toml that says where the buildpack is
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// OCI image layout to write to; made if it does not exist
    #[arg(long, value_name = "DIR")]
    layout: PathBuf,
    /// Target in place of those in buildpack.toml: [os][/arch][/variant][:distro@version[;distro@version]]
    #[arg(short, long = "target", value_name = "TARGET")]
    targets: Vec<String>,
    /// Label of every image
    #[arg(short, long = "label", value_name = "KEY=VALUE")]
    labels: Vec<Pairs>,
    /// Annotation of the index and of every manifest
    #[arg(long = "annotation", value_name = "KEY=VALUE")]
    annotations: Vec<Pair>,
    /// One more name for the same index: a tag, or a whole name
    #[arg(long = "tag", value_name = "TAG|REF")]
    tags: Vec<String>,
    /// How layers are compressed: gzip[:1-9], zstd[:1-19] or none
    #[arg(long, value_name = "KIND", default_value_t)]
    compression: Compression,
    /// Threads that compress; the bytes do not depend on it [default: one for each processor, at most 16]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Take targets with an operating system or architecture that airpack does not know
    #[arg(long)]
    allow_unknown_target: bool,
    /// Print what would be written, with the reasons, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Take warnings as errors
    #[arg(long)]
    strict: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Prints the digest of the image index. SOURCE_DATE_EPOCH sets the time that images bear, and nothing else.

Examples:
  airpack buildpack package docker.io/acme/hello:1.0 --path ./hello --layout out.oci
  airpack buildpack package acme/hello:1.0 --path hello.tgz --layout out.oci -t linux/amd64 -t linux/arm64 --tag latest
  airpack buildpack package acme/hello:1.0 --path ./hello --layout out.oci --dry-run";

/// Each thread holds some blocks in memory, and more than this wait for the digest anyway.
const MAX_THREADS: NonZeroUsize = NonZeroUsize::new(16).unwrap();

pub(crate) fn run(arguments: Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    let (is_dry, as_json) = (arguments.dry_run, arguments.json);
    let request = request(arguments)?;
    let prepared = prepare(&request)?;
    Output::findings(&prepared.warnings);
    if is_dry {
        let text = if as_json {
            json::to_pretty(&plan_json(&prepared, &request))
        } else {
            plan_text(&prepared, &request)
        };
        return Output::data(&text);
    }
    if output.is_verbose() {
        for image in &prepared.plan.images {
            output.note(&format!("{}: {}", image.platform, choice_text(&prepared, image)));
        }
    }
    let report = package(&prepared, &request, &output.progress(stop))?;
    for name in &report.names {
        let replaced = name
            .replaced
            .as_ref()
            .map(|digest| format!(", in place of {digest}"))
            .unwrap_or_default();
        output.note(&format!(
            "{} is oci:{}:{}{replaced}",
            name.name,
            report.layout.display(),
            name.ref_name
        ));
    }
    if as_json {
        Output::data(&json::to_pretty(&report_json(&report, &prepared.warnings)))
    } else {
        Output::data(&format!("{}\n", report.digest))
    }
}

fn request(arguments: Arguments) -> Result<PackageRequest> {
    let main: ImageName = arguments.name.parse()?;
    let mut names = vec![main.clone()];
    for tag in &arguments.tags {
        let name = if tag.contains(['/', ':']) {
            tag.parse()?
        } else {
            main.with_tag(tag)
                .map_err(|error| error.context(format!("`{tag}` is not a tag")))?
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(PackageRequest {
        path: arguments.path,
        config: arguments.config,
        names,
        layout: arguments.layout,
        targets: targets(&arguments.targets)?,
        labels: merged(arguments.labels),
        annotations: arguments
            .annotations
            .into_iter()
            .map(|Pair(key, value)| (key, value))
            .collect(),
        compression: arguments.compression,
        threads: arguments
            .threads
            .or_else(|| {
                thread::available_parallelism()
                    .ok()
                    .map(|processors| processors.min(MAX_THREADS))
            })
            .unwrap_or(NonZeroUsize::MIN),
        created: source_date_epoch()?,
        allow_unknown_target: arguments.allow_unknown_target,
        strict: arguments.strict,
        scratch: env::temp_dir(),
    })
}

/// Each `--target` holds one target or, as in pack, several with commas between them.
fn targets(given: &[String]) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for list in given {
        for target in list.split(',') {
            let parsed = target.parse::<Target>();
            targets.push(if target == list {
                parsed?
            } else {
                parsed.map_err(|error| error.context(format!("failed to read --target `{list}`")))?
            });
        }
    }
    Ok(targets)
}

/// <https://reproducible-builds.org/specs/source-date-epoch/>
fn source_date_epoch() -> Result<Timestamp> {
    const NAME: &str = "SOURCE_DATE_EPOCH";
    let Some(text) = env::var_os(NAME) else {
        return Ok(Timestamp::default());
    };
    let seconds = text
        .to_str()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok());
    let malformed = || {
        Error::invalid(format!(
            "{NAME} is `{}`, not a number of seconds",
            text.to_string_lossy()
        ))
    };
    let hint = "give seconds since 1970 in digits, for example the output of `git log -1 --pretty=%ct`";
    let seconds = seconds.ok_or_else(|| malformed().with_hint(hint))?;
    Timestamp::from_seconds(seconds).map_err(|error| malformed().with_source(error).with_hint(hint))
}

fn choice_text(prepared: &PreparedPackage, image: &ImagePlan) -> String {
    format!(
        "{} ({})",
        prepared.tree().display(&image.choice.folder).display(),
        image.choice.reason
    )
}

/// The plan for people: every target with its folder, the reason, and where each file comes from.
fn plan_text(prepared: &PreparedPackage, request: &PackageRequest) -> String {
    let module = &prepared.plan.descriptor;
    let mut top = Tree::new(format!(
        "{}@{} (api {}) -> {}, not written",
        module.id,
        module.version,
        module.api,
        request.layout.display()
    ));
    for name in &request.names {
        top.line(format!("name {name}"));
    }
    for image in &prepared.plan.images {
        let written = image.target.to_string();
        let target = if written.is_empty() {
            "no target".to_owned()
        } else {
            format!("target {written}")
        };
        let mut tree = Tree::new(format!("{} ({target})", image.platform));
        tree.line(format!("folder {}", choice_text(prepared, image)));
        for other in &image.choice.left_out {
            tree.line(format!(
                "without {}: it is for other targets",
                prepared.tree().display(other).display()
            ));
        }
        tree.line(format!("layer of {} before compression", size(image.layer.total())));
        let mut files = Tree::new(format!("{} files and folders", image.files.files.len()));
        for file in &image.files.files {
            let path = String::from_utf8_lossy(&file.path);
            let source = prepared.tree().display(&file.source);
            let line = format!("{path} <- {} ({})", source.display(), file.why.name());
            files.line(one_line(&line));
        }
        tree.push(files);
        top.push(tree);
    }
    top.render()
}

fn plan_json(prepared: &PreparedPackage, request: &PackageRequest) -> Value {
    let lossy = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
    let source = |path: &[u8]| prepared.tree().display(path).display().to_string();
    let kind = |kind: &NodeKind| match kind {
        NodeKind::File(_) => "file",
        NodeKind::Dir => "dir",
        NodeKind::Symlink(_) => "symlink",
        NodeKind::Special(kind) => kind.name(),
    };
    let image = |image: &ImagePlan| {
        let files = image.files.files.iter().map(|file| {
            value!({"path": lossy(&file.path), "source": source(&file.source), "type": kind(&file.kind), "why": file.why.name()})
        });
        value!({
            "target": image.target.to_string(),
            "platform": image.platform,
            "folder": source(&image.choice.folder),
            "reason": image.choice.reason.to_string(),
            "leftOut": image.choice.left_out.iter().map(|path| source(path)).collect::<Vec<_>>(),
            "uncompressedSize": image.layer.total(),
            "files": files.collect::<Vec<_>>(),
        })
    };
    value!({
        "dryRun": true,
        "module": format!("{}@{}", prepared.plan.descriptor.id, prepared.plan.descriptor.version),
        "names": request.names.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "layout": request.layout.display().to_string(),
        "images": prepared.plan.images.iter().map(image).collect::<Vec<_>>(),
        "warnings": warnings_json(&prepared.warnings),
    })
}

fn report_json(report: &PackageReport, warnings: &Findings) -> Value {
    let mut json = value!(report);
    json["warnings"] = warnings_json(warnings);
    json
}

fn warnings_json(warnings: &Findings) -> Value {
    let one = |finding: &airpack::error::Finding| {
        let place = finding.place.as_ref();
        let position = place
            .and_then(|place| place.excerpt.as_ref())
            .map(airpack::error::Excerpt::line_column);
        value!({
            "message": finding.message,
            "hint": finding.hint,
            "file": place.map(|place| place.file.display().to_string()),
            "line": position.map(|(line, _)| line),
            "column": position.map(|(_, column)| column),
        })
    };
    warnings.iter().map(one).collect()
}
