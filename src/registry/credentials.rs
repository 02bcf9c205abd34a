//! [`Credentials`], and where they come from: given ones, `CNB_REGISTRY_AUTH`, the files of docker and podman with their helpers.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::{fs, io};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential_from_reader};
use serde::Deserialize;
use serde_json::Value;

use super::credential_helper;
use crate::error::{Error, Result};
use crate::oci::json;

/// Text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What says to a registry who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A name and a password.
    Basic(String, Secret),
    /// A refresh token, to be exchanged for access tokens.
    Identity(Secret),
    /// An access token, sent as it is.
    Bearer(Secret),
}

impl Credentials {
    /// `USER:PASSWORD`, or a refresh token alone.
    pub fn parse(line: &str) -> Result<Self> {
        match line.trim_end_matches(['\r', '\n']).split_once(':') {
            Some(("", _)) => Err(Error::invalid("the credentials have no user before the colon")),
            Some((user, password)) => Ok(Self::Basic(user.to_owned(), Secret::new(password))),
            None if line.trim().is_empty() => Err(Error::invalid("there are no credentials on stdin")
                .with_hint("give one line, USER:PASSWORD or a token")),
            None => Ok(Self::Identity(Secret::new(line.trim()))),
        }
    }

    /// The value of an `Authorization` header, as `CNB_REGISTRY_AUTH` has it.
    fn from_header(value: &str) -> Option<Self> {
        let (scheme, rest) = value.split_once(' ')?;
        let rest = rest.trim();
        match scheme.to_ascii_lowercase().as_str() {
            "basic" => {
                let decoded = BASE64_STANDARD
                    .decode(rest)
                    .or_else(|_| BASE64_STANDARD_NO_PAD.decode(rest))
                    .ok()?;
                let text = String::from_utf8(decoded).ok()?;
                let (user, password) = text.split_once(':')?;
                Some(Self::Basic(user.to_owned(), Secret::new(password)))
            }
            "bearer" => Some(Self::Bearer(Secret::new(rest))),
            "x-identity" => Some(Self::Identity(Secret::new(rest))),
            _ => None,
        }
    }
}

/// Credentials, and where they were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What they are.
    pub credentials: Credentials,
    /// Where they come from, for messages.
    pub source: String,
}

/// A place to look in.
#[derive(Debug, Clone)]
pub enum Place {
    /// Given by the user for one registry.
    Given {
        /// The registry.
        registry: String,
        /// What was given.
        found: Found,
    },
    /// The text of `CNB_REGISTRY_AUTH`: a JSON object from registries to `Authorization` headers (CNB platform spec).
    CnbRegistryAuth(Secret),
    /// A `config.json` of docker or an `auth.json` of podman. One that does not exist says nothing.
    File(PathBuf),
}

/// Places in the order in which they are asked.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    /// The first that knows the registry wins.
    pub places: Vec<Place>,
}

impl Keyring {
    /// The credentials for a repository, if any place has them.
    pub fn find(&self, registry: &str, repository: &str) -> Result<Option<Found>> {
        for place in &self.places {
            let found = match place {
                Place::Given {
                    registry: given, found, ..
                } => (given == registry).then(|| found.clone()),
                Place::CnbRegistryAuth(text) => from_cnb(text, registry)?,
                Place::File(path) => from_file(path, registry, repository)
                    .map_err(|error| error.context(format!("failed to get credentials from `{}`", path.display())))?,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

/// The names under which a registry is listed; Docker Hub has several.
fn aliases(registry: &str) -> Vec<String> {
    let mut names = vec![registry.to_owned()];
    if registry == "docker.io" {
        names.extend(
            [
                "index.docker.io",
                "https://index.docker.io/v1/",
                "registry-1.docker.io",
                "https://index.docker.io/v1",
            ]
            .map(ToOwned::to_owned),
        );
    } else {
        for scheme in ["https", "http"] {
            names.extend(["", "/", "/v1/", "/v2/"].map(|path| format!("{scheme}://{registry}{path}")));
        }
    }
    names
}

fn from_cnb(text: &Secret, registry: &str) -> Result<Option<Found>> {
    const NAME: &str = "CNB_REGISTRY_AUTH";
    // the causes would show parts of the text
    let headers: BTreeMap<String, String> = serde_json::from_str(text.reveal()).map_err(|_| {
        Error::invalid(format!("{NAME} is not the JSON it should be"))
            .with_hint(format!(r#"give {{"{registry}": "Basic ..."}}"#))
    })?;
    let Some(header) = aliases(registry).iter().find_map(|name| headers.get(name)) else {
        return Ok(None);
    };
    let credentials = Credentials::from_header(header).ok_or_else(|| {
        Error::invalid(format!("{NAME} has no usable header for {registry}"))
            .with_hint("it must begin with `Basic`, `Bearer` or `X-Identity`")
    })?;
    Ok(Some(Found {
        credentials,
        source: NAME.to_owned(),
    }))
}

/// The keys of a file of docker or podman; what is behind them is left to `docker_credential`.
#[derive(Deserialize, Default)]
struct Keys {
    #[serde(default)]
    auths: Option<BTreeMap<String, Value>>,
    #[serde(rename = "credHelpers", default)]
    helpers: Option<BTreeMap<String, String>>,
    #[serde(rename = "credsStore", default)]
    store: Option<String>,
}

fn from_file(path: &PathBuf, registry: &str, repository: &str) -> Result<Option<Found>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(Error::io("read", path, cause)),
    };
    let keys: Keys = json::from_slice(&text, "it").map_err(|_| Error::invalid("it is not the JSON it should be"))?;
    let Some((key, helper)) = keys.key_for(registry, repository) else {
        return Ok(None);
    };
    let credentials = match &helper {
        Some(helper) => credential_helper::ask(helper, &key)?,
        None => from_entry(&text, &key)?,
    };
    let Some(credentials) = credentials else {
        return Ok(None);
    };
    let by = helper
        .map(|helper| format!(" (docker-credential-{helper})"))
        .unwrap_or_default();
    Ok(Some(Found {
        credentials,
        source: format!("`{}`{by}", path.display()),
    }))
}

impl Keys {
    /// The key under which the file has credentials, and the helper that keeps them. Podman's keys may be a part of a repository.
    fn key_for(&self, registry: &str, repository: &str) -> Option<(String, Option<String>)> {
        let aliases = aliases(registry);
        let of_helper = |name: &String| {
            let helper = self.helpers.as_ref()?.get(name).filter(|helper| !helper.is_empty())?;
            Some((name.clone(), Some(helper.clone())))
        };
        if let Some(found) = aliases.iter().find_map(of_helper) {
            return Some(found);
        }
        let mut parts: Vec<&str> = repository.split('/').collect();
        let mut keys = Vec::new();
        while !parts.is_empty() {
            keys.push(format!("{registry}/{}", parts.join("/")));
            parts.pop();
        }
        keys.extend(aliases.iter().cloned());
        let has_content = |key: &&String| {
            let entry = self.auths.as_ref().and_then(|auths| auths.get(*key));
            entry.is_some_and(|entry| {
                ["auth", "identitytoken", "username"]
                    .iter()
                    .any(|field| !entry[field].is_null() && entry[field] != "")
            })
        };
        if let Some(key) = keys.iter().find(has_content) {
            return Some((key.clone(), None));
        }
        let store = self.store.as_ref().filter(|store| !store.is_empty())?;
        let key = match registry {
            "docker.io" => "https://index.docker.io/v1/",
            other => other,
        };
        Some((key.to_owned(), Some(store.clone())))
    }
}

/// What the entry `key` of a file holds. The cause of a failure is not shown: it may hold the entry.
fn from_entry(text: &[u8], key: &str) -> Result<Option<Credentials>> {
    match get_credential_from_reader(text, key) {
        Ok(DockerCredential::UsernamePassword(user, password)) => {
            Ok(Some(Credentials::Basic(user, Secret::new(password))))
        }
        Ok(DockerCredential::IdentityToken(token)) => Ok(Some(Credentials::Identity(Secret::new(token)))),
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(None),
        Err(_) => Err(Error::invalid(format!("the entry for {key} can not be read"))
            .with_hint("`auth` must be USER:PASSWORD in base64; log in again to write it anew")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let credentials = Credentials::parse("me:hunter2:x\n").unwrap();
        assert_eq!(
            credentials,
            Credentials::Basic("me".to_owned(), Secret::new("hunter2:x"))
        );
        assert!(!format!("{credentials:?}").contains("hunter2"));
        assert_eq!(
            Credentials::parse("tok\n").unwrap(),
            Credentials::Identity(Secret::new("tok"))
        );
        assert!(Credentials::parse("\n").is_err() && Credentials::parse(":x").is_err());
    }

    #[test]
    fn the_most_specific_key_of_a_file_wins() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.json");
        let entry = |user: &str| format!(r#"{{"auth":"{}"}}"#, BASE64_STANDARD.encode(format!("{user}:p")));
        let text = format!(
            r#"{{"auths":{{"r.test":{},"r.test/team":{},"https://index.docker.io/v1/":{},"empty.test":{{}}}}}}"#,
            entry("all"),
            entry("team"),
            entry("hub")
        );
        fs::write(&path, text).unwrap();
        let user = |registry: &str, repository: &str| match from_file(&path, registry, repository).unwrap() {
            Some(Found {
                credentials: Credentials::Basic(user, _),
                ..
            }) => Some(user),
            _ => None,
        };
        assert_eq!(user("r.test", "other/x").as_deref(), Some("all"));
        assert_eq!(user("r.test", "team/x").as_deref(), Some("team"));
        assert_eq!(user("docker.io", "library/x").as_deref(), Some("hub"));
        assert_eq!(user("empty.test", "x"), None);
        assert_eq!(user("unknown.test", "x"), None);
    }
}
