//! Who is asking: Basic, and tokens for Bearer (distribution's token specification), got when a registry asks for them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use super::client::{Answer, Client, is_passing};
use super::credentials::{Credentials, Found, Keyring, Secret};
use super::url::{Scheme, Url};
use crate::error::{Error, ErrorKind, Result};
use crate::oci::json;

/// The name that we say to token services.
const CLIENT_ID: &str = "airpack";

/// The shortest secret that is looked for in what registries say.
const MIN_SECRET: usize = 5;

/// What a request is for: the registry, the repository, and what is done there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Access {
    pub(super) registry: String,
    pub(super) repository: String,
    /// `pull`, or `pull,push`.
    pub(super) actions: &'static str,
    /// Another repository of the registry that is read from.
    pub(super) mount_from: Option<String>,
}

impl Access {
    fn scopes(&self) -> Vec<String> {
        let mut scopes = vec![format!("repository:{}:{}", self.repository, self.actions)];
        scopes.extend(self.mount_from.as_ref().map(|from| format!("repository:{from}:pull")));
        scopes
    }
}

/// How a registry asks.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String> },
}

/// What was learnt so far.
#[derive(Debug, Default)]
pub(super) struct Authorizer {
    keyring: Keyring,
    state: Mutex<State>,
    /// Held by the one that asks a helper or a token service, so that the others need not ask as well.
    asking: Mutex<()>,
    /// Everything that is never to be shown, the longest first.
    secrets: Mutex<Vec<String>>,
}

#[derive(Debug, Default)]
struct State {
    challenges: HashMap<String, Challenge>,
    headers: HashMap<Access, Secret>,
    /// By registry and repository.
    found: HashMap<(String, String), Option<Found>>,
}

impl Authorizer {
    pub(super) fn new(keyring: Keyring) -> Self {
        Self {
            keyring,
            state: Mutex::default(),
            asking: Mutex::default(),
            secrets: Mutex::default(),
        }
    }

    /// The header for a request; `None` until the registry has asked who we are.
    pub(super) fn header(&self, client: &Client<'_>, access: &Access) -> Result<Option<Secret>> {
        let known = |state: &State| {
            let challenge = state.challenges.get(&access.registry).cloned();
            (state.headers.get(access).cloned(), challenge)
        };
        match known(&self.state()) {
            (Some(header), _) => return Ok(Some(header)),
            (None, None) => return Ok(None),
            (None, Some(_)) => {}
        }
        let _asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        // another worker may have asked meanwhile
        let state = known(&self.state());
        match state {
            (Some(header), _) => Ok(Some(header)),
            (None, Some(challenge)) => self.answer(client, access, &challenge),
            (None, None) => Ok(None),
        }
    }

    /// Answers a 401. `tried` is the header that was refused, if there was one: a token that has expired is got anew.
    pub(super) fn challenged(
        &self,
        client: &Client<'_>,
        access: &Access,
        challenges: &[String],
        asked_at: &Url,
        tried: Option<&Secret>,
    ) -> Result<Option<Secret>> {
        let _asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        let challenge = choose(challenges, asked_at)?;
        {
            let mut state = self.state();
            if let Some(header) = state.headers.get(access)
                && tried != Some(header)
            {
                // another worker was here first
                return Ok(Some(header.clone()));
            }
            state.headers.remove(access);
            state.challenges.insert(access.registry.clone(), challenge.clone());
        }
        let fresh = self.answer(client, access, &challenge)?;
        // what was refused once is refused again, and some registries lock out who tries too often
        Ok(fresh.filter(|fresh| Some(fresh) != tried))
    }

    fn answer(&self, client: &Client<'_>, access: &Access, challenge: &Challenge) -> Result<Option<Secret>> {
        let found = self.find(access)?;
        let credentials = found.as_ref().map(|found| &found.credentials);
        let header = match (challenge, credentials) {
            (_, Some(Credentials::Bearer(token))) => Some(bearer(token)),
            (Challenge::Basic, Some(Credentials::Basic(user, password))) => Some(basic(user, password)),
            (Challenge::Basic, Some(Credentials::Identity(_)) | None) => None,
            (Challenge::Bearer { realm, service }, _) => {
                let token = self.token(client, access, realm, service.as_deref(), found.as_ref())?;
                Some(bearer(&token))
            }
        };
        if let Some(header) = &header {
            self.state().headers.insert(access.clone(), header.clone());
        }
        Ok(header)
    }

    fn find(&self, access: &Access) -> Result<Option<Found>> {
        let key = (access.registry.clone(), access.repository.clone());
        if let Some(found) = self.state().found.get(&key) {
            return Ok(found.clone());
        }
        let found = self.keyring.find(&access.registry, &access.repository)?;
        match found.as_ref().map(|found| &found.credentials) {
            Some(Credentials::Basic(user, password)) => {
                self.keep_secret(password.reveal());
                self.keep_secret(&pair(user, password));
            }
            Some(Credentials::Identity(token) | Credentials::Bearer(token)) => self.keep_secret(token.reveal()),
            None => {}
        }
        self.state().found.insert(key, found.clone());
        Ok(found)
    }

    /// Where the credentials come from that were used, for messages.
    pub(super) fn used(&self, access: &Access) -> Option<String> {
        let key = (access.registry.clone(), access.repository.clone());
        let state = self.state();
        Some(state.found.get(&key)?.as_ref()?.source.clone())
    }

    /// The text without anything that is secret.
    pub(super) fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.secrets.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "***");
            }
        }
        text
    }

    /// Remembers what must not be shown, in the forms in which it may come back.
    fn keep_secret(&self, secret: &str) {
        // shorter ones are parts of other words, and every `***` would tell them
        if secret.len() < MIN_SECRET {
            return;
        }
        let encoded = percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string();
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        for secret in [secret, &encoded, &BASE64_STANDARD.encode(secret)] {
            if !secret.is_empty() && !secrets.iter().any(|own| own == secret) {
                secrets.push(secret.to_owned());
            }
        }
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pair(user: &str, password: &Secret) -> String {
    BASE64_STANDARD.encode(format!("{user}:{}", password.reveal()))
}

fn basic(user: &str, password: &Secret) -> Secret {
    Secret::new(format!("Basic {}", pair(user, password)))
}

fn bearer(token: &Secret) -> Secret {
    Secret::new(format!("Bearer {}", token.reveal()))
}

/// Bearer where it is offered, else Basic.
fn choose(headers: &[String], asked_at: &Url) -> Result<Challenge> {
    let mut has_basic = false;
    for header in headers {
        let Ok(challenges) = http_auth::parse_challenges(header) else {
            continue;
        };
        for challenge in challenges {
            let parameter = |name: &str| {
                let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.to_unescaped())
            };
            if challenge.scheme.eq_ignore_ascii_case("bearer")
                && let Some(realm) = parameter("realm")
            {
                return Ok(Challenge::Bearer {
                    realm,
                    service: parameter("service"),
                });
            }
            has_basic |= challenge.scheme.eq_ignore_ascii_case("basic");
        }
    }
    if has_basic {
        return Ok(Challenge::Basic);
    }
    Err(Error::new(
        ErrorKind::Unsupported,
        format!("{asked_at} asks for a login of a kind that is not known"),
    )
    .with_hint("Basic and Bearer are known"))
}

#[derive(Deserialize)]
struct TokenBody {
    token: Option<String>,
    access_token: Option<String>,
}

impl Authorizer {
    /// Asks the token service: by POST with a refresh token, else by GET, with name and password where there are some.
    fn token(
        &self,
        client: &Client<'_>,
        access: &Access,
        realm: &str,
        service: Option<&str>,
        found: Option<&Found>,
    ) -> Result<Secret> {
        let url = client.origin(&access.registry).join(realm)?;
        let may_be_plain = !client.is_secure(&access.registry) && client.may_be_plain(&url.authority);
        if url.scheme == Scheme::Http && !may_be_plain {
            return Err(Error::new(
                ErrorKind::Denied,
                format!("{} sends its logins to {url}, which is not encrypted", access.registry),
            )
            .with_hint(format!("if that is meant to be so, give --insecure {}", url.authority)));
        }
        let answer = ask(client, access, &url, service, found.map(|found| &found.credentials))?;
        if answer.status() != 200 {
            let (status, line) = (answer.status(), answer.status_line());
            let said = answer.into_error(|text| self.redact(text)).suffix();
            let message = format!(
                "the token service of {} at {url} answered {line}{said}",
                access.registry
            );
            return Err(if is_passing(status) {
                Error::new(ErrorKind::Network, message)
                    .with_hint("the token service itself has failed; run the same command again to continue")
            } else {
                Error::new(ErrorKind::Denied, message).with_hint(format!(
                    "{}; log in with docker or podman, or give --creds-stdin",
                    said_of(found, access)
                ))
            });
        }
        let body: TokenBody = json::from_slice(&answer.into_body()?, "the answer")
            .map_err(|_| Error::new(ErrorKind::Network, format!("the answer of {url} is no token")))?;
        let token = body
            .token
            .or(body.access_token)
            .filter(|token| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()))
            .ok_or_else(|| Error::new(ErrorKind::Network, format!("the answer of {url} has no token in it")))?;
        self.keep_secret(&token);
        Ok(Secret::new(token))
    }
}

fn ask(
    client: &Client<'_>,
    access: &Access,
    url: &Url,
    service: Option<&str>,
    credentials: Option<&Credentials>,
) -> Result<Answer> {
    let scopes = access.scopes();
    if let Some(Credentials::Identity(refresh)) = credentials {
        let scope = scopes.join(" ");
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("client_id", CLIENT_ID),
            ("scope", &scope),
        ];
        form.extend(service.map(|service| ("service", service)));
        form.push(("refresh_token", refresh.reveal()));
        return client.ask_token_service(url, None, Some(&form));
    }
    let mut url = url.clone();
    if let Some(service) = service {
        url = url.with_parameter("service", service);
    }
    for scope in &scopes {
        url = url.with_parameter("scope", scope);
    }
    let mut header = None;
    if let Some(Credentials::Basic(user, password)) = credentials {
        url = url.with_parameter("account", user);
        header = Some(basic(user, password));
    }
    client.ask_token_service(&url, header.as_ref(), None)
}

/// Which credentials were used, in words.
fn said_of(found: Option<&Found>, access: &Access) -> String {
    match found {
        Some(found) => format!("the credentials from {} were used", found.source),
        None => format!("no credentials for {} were found", access.registry),
    }
}
