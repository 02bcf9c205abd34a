//! `airpack serve`.

use std::env;
use std::ffi::OsString;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airpack::error::{Error, Finding, Findings, Result};
use airpack::oci::reference::ImageName;
use airpack::registry::server::Server;
use clap::Args;

use crate::commands::words;
use crate::output::Output;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A layout, a .cnb, an oci-archive or a docker-archive
    #[arg(value_name = "SOURCE")]
    source: OsString,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5000", value_parser = address)]
    listen: SocketAddr,
}

/// An address, or a name of this machine; of several addresses the first.
fn address(text: &str) -> Result<SocketAddr, String> {
    let found = text.to_socket_addrs().map(|mut found| found.next());
    match found {
        Ok(Some(address)) => Ok(address),
        _ => Err("give ADDRESS:PORT, for example 127.0.0.1:5000".to_owned()),
    }
}

const EXAMPLES: &str = "\
Prints the address, then serves until Ctrl-C. Repositories are the paths of the images' full names; what has only a tag is below the \
name of the folder. Nobody can write to it. There is no password and no TLS: other machines reach it only when --listen says so.

Examples:
  airpack serve out.oci
  skopeo inspect --tls-verify=false docker://127.0.0.1:5000/acme/hello:1.0
  airpack serve hello.cnb --listen 127.0.0.1:0";

pub(crate) fn run(arguments: &Arguments, output: &Output, stop: &Arc<AtomicBool>) -> Result<()> {
    let location = words::location(&arguments.source)?;
    if location.selector.is_some() {
        return Err(Error::invalid("a source is served as a whole")
            .with_hint("leave out what stands behind its path")
            .as_usage());
    }
    let source = location.open(&env::temp_dir())?;
    let progress = output.progress(stop);
    let server = Server::bind(&*source, &repository_for(&location.layout), arguments.listen, &progress)?;
    let address = server.address();
    let mut findings = Findings::default();
    if !address.ip().is_loopback() {
        findings.push(
            Finding::warning(format!("everybody who reaches {address} can read what is served"))
                .hint("the default listens on this machine only"),
        );
    }
    for fault in server.faults()? {
        findings.push(Finding::warning(format!("can not be served: {fault}")));
    }
    Output::findings(&findings);
    let names = server.names()?;
    for name in &names {
        output.note(&format!("{address}/{name}"));
    }
    if names.is_empty() {
        output.note("no image has a name: they are served by digest only");
    }
    Output::data(&format!("http://{address}\n"))?;
    server.run()
}

/// The repository of images that have no name but a tag: the name of the folder or file, as far as repositories can be called that.
fn repository_for(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    if format!("x/{stem}").parse::<ImageName>().is_ok() && !stem.contains([':', '/']) {
        return stem;
    }
    let plain: Vec<&str> = stem
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|part| !part.is_empty())
        .collect();
    if plain.is_empty() {
        "layout".to_owned()
    } else {
        plain.join("-")
    }
}
