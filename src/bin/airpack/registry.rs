//! The options of all commands that speak to registries, and what the environment says of them.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{self, BufRead, IsTerminal};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use airpack::error::{Error, ErrorKind, Result};
use airpack::registry::client::{GivenFile, Proxies, Settings};
use airpack::registry::credentials::{Credentials, Found, Keyring, Place, Secret};
use clap::Args;

use crate::commands::write_options::number_from_one;

const USERNAME: &str = "AIRPACK_REGISTRY_USERNAME";
const PASSWORD: &str = "AIRPACK_REGISTRY_PASSWORD";

#[derive(Debug, Args)]
#[command(next_help_heading = "Registry")]
pub(crate) struct RegistryArguments {
    /// Read USER:PASSWORD, or a token, from the first line of stdin
    #[arg(long)]
    creds_stdin: bool,
    /// Certificate of an authority to trust, in PEM, beside the system's
    #[arg(long = "ca-file", value_name = "FILE")]
    ca_files: Vec<PathBuf>,
    /// Our own certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "key", hide_short_help = true)]
    cert: Option<PathBuf>,
    /// The key of --cert, in PEM
    #[arg(long, value_name = "FILE", requires = "cert", hide_short_help = true)]
    key: Option<PathBuf>,
    /// Take any certificate of this registry, and plain HTTP where it speaks no TLS
    #[arg(long, value_name = "HOST[:PORT]")]
    insecure: Vec<String>,
    /// How long to wait for a connection, and between two signs of life
    #[arg(long, value_name = "SECONDS", default_value_t = 60, hide_short_help = true, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    /// How often a request that failed is tried again
    #[arg(long, value_name = "N", default_value_t = 5, hide_short_help = true, value_parser = clap::value_parser!(u32).range(0..=100))]
    retries: u32,
    /// How many blobs are copied at once
    #[arg(long, value_name = "N", default_value = "4", hide_short_help = true, value_parser = jobs)]
    pub(crate) jobs: NonZeroUsize,
}

/// Each job holds a connection.
const MAX_JOBS: usize = 64;

fn jobs(text: &str) -> Result<NonZeroUsize, String> {
    let number = number_from_one(text)?;
    if number.get() > MAX_JOBS {
        return Err(format!("at most {MAX_JOBS} are of use"));
    }
    Ok(number)
}

impl RegistryArguments {
    /// What the library needs to know to speak to `registries`.
    pub(crate) fn settings(&self, registries: &BTreeSet<String>) -> Result<Settings> {
        let given = |path: &PathBuf| -> Result<GivenFile> {
            Ok(GivenFile {
                path: path.clone(),
                content: fs::read(path).map_err(|cause| Error::io("read", path, cause))?,
            })
        };
        let identity = match (&self.cert, &self.key) {
            (Some(certificate), Some(key)) => Some((given(certificate)?, given(key)?)),
            _ => None,
        };
        Ok(Settings {
            ca_files: self.ca_files.iter().map(given).collect::<Result<_>>()?,
            identity,
            insecure: self.insecure.iter().map(|host| host.to_ascii_lowercase()).collect(),
            proxies: proxies(),
            timeout: Duration::from_secs(self.timeout),
            retries: self.retries,
            connections: self.jobs,
            keyring: self.keyring(registries)?,
            now: jiff::Timestamp::now,
        })
    }

    fn keyring(&self, registries: &BTreeSet<String>) -> Result<Keyring> {
        let mut places = Vec::new();
        if self.creds_stdin {
            places.push(for_the_one(registries, "--creds-stdin", from_stdin()?)?);
        }
        match (text_of(USERNAME), text_of(PASSWORD)) {
            (Some(user), Some(password)) => {
                let credentials = Credentials::Basic(user, Secret::new(password));
                places.push(for_the_one(registries, PASSWORD, credentials)?);
            }
            (None, None) => {}
            (Some(_), None) => return Err(Error::invalid(format!("{USERNAME} is set, but {PASSWORD} is not"))),
            (None, Some(_)) => return Err(Error::invalid(format!("{PASSWORD} is set, but {USERNAME} is not"))),
        }
        places.extend(text_of("CNB_REGISTRY_AUTH").map(|text| Place::CnbRegistryAuth(Secret::new(text))));
        places.extend(credential_files().into_iter().map(Place::File));
        Ok(Keyring { places })
    }
}

/// Credentials without a host are for one registry only: they must not get to another.
fn for_the_one(registries: &BTreeSet<String>, source: &str, credentials: Credentials) -> Result<Place> {
    let mut registries = registries.iter();
    match (registries.next(), registries.next()) {
        (Some(registry), None) => Ok(Place::Given {
            registry: registry.clone(),
            found: Found {
                credentials,
                source: source.to_owned(),
            },
        }),
        _ => Err(
            Error::invalid(format!("{source} is for one registry, but several are asked"))
                .with_hint("log in with docker or podman, or set CNB_REGISTRY_AUTH"),
        ),
    }
}

fn from_stdin() -> Result<Credentials> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Err(Error::invalid("--creds-stdin reads a pipe, but stdin is a terminal")
            .with_hint("give it like this: airpack push ... --creds-stdin < FILE"));
    }
    let mut line = String::new();
    // a line longer than any password is a mistake
    io::Read::take(stdin.lock(), 64 << 10)
        .read_line(&mut line)
        .map_err(|cause| Error::new(ErrorKind::Io, "failed to read credentials from stdin").with_source(cause))?;
    Credentials::parse(&line)
}

fn text_of(name: &str) -> Option<String> {
    env::var(name).ok().filter(|text| !text.is_empty())
}

fn path_of(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|text| !text.is_empty()).map(PathBuf::from)
}

/// Where docker and podman keep logins.
fn credential_files() -> Vec<PathBuf> {
    let home = path_of("HOME");
    let below_home = |path: &str| home.as_deref().map(|home| home.join(path));
    [
        path_of("REGISTRY_AUTH_FILE"),
        path_of("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")),
        path_of("XDG_CONFIG_HOME")
            .or_else(|| below_home(".config"))
            .map(|folder| folder.join("containers/auth.json")),
        path_of("DOCKER_CONFIG")
            .or_else(|| below_home(".docker"))
            .map(|folder: PathBuf| Path::new(&folder).join("config.json")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The names are written both ways.
fn proxies() -> Proxies {
    let either = |name: &str| text_of(&name.to_ascii_lowercase()).or_else(|| text_of(name));
    let all = || either("ALL_PROXY");
    Proxies {
        http: either("HTTP_PROXY").or_else(all).map(Secret::new),
        https: either("HTTPS_PROXY").or_else(all).map(Secret::new),
        no_proxy: either("NO_PROXY").unwrap_or_default(),
    }
}
