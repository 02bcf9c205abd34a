//! A registry in memory that wants to know who asks, its token service, and a storage that it can lead to, each on a port of
//! its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::ServerConfig;
use serde_json::{Value, json};

use super::http::{Request, Response, Server};
use crate::support::layout_maker::{OCI_LAYER, tar_of};
use crate::support::layout_view::{OCI_CONFIG, OCI_MANIFEST, sha256};

/// The name that the token service has for the registry.
pub(super) const SERVICE: &str = "the service of the tests";

/// What the registry wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Demand {
    #[default]
    Nothing,
    Basic,
    Bearer,
}

/// How the registry behaves; tests change it.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "switches")]
pub(super) struct Rules {
    pub(super) demand: Demand,
    /// Users and passwords that are let in.
    pub(super) logins: Vec<(String, String)>,
    /// Any user and password is let in.
    pub(super) takes_any_login: bool,
    pub(super) refresh_tokens: Vec<String>,
    /// Access tokens that were given out elsewhere.
    pub(super) access_tokens: Vec<String>,
    /// Tokens to read with are for everybody.
    pub(super) is_public: bool,
    /// After so many requests that came with a token, all tokens that are out are worth nothing.
    pub(super) expiries: Vec<usize>,
    /// So many requests to the token service are answered with 500.
    pub(super) token_failures: usize,
    /// The token service's address, if the registry names another.
    pub(super) realm: Option<String>,
    /// The answer of the token service calls it `access_token`.
    pub(super) calls_it_access_token: bool,
    /// Method, part of the path, and the status that they are answered with.
    pub(super) refused: Option<(&'static str, &'static str, u16)>,
    /// Refusals hold, before the rest, so much that tells nothing.
    pub(super) refusals_begin_with: usize,
    /// Refusals are plain text instead of JSON.
    pub(super) refuses_in_plain_text: bool,
    /// Where blobs are to be got from, instead of here.
    pub(super) blobs_at: Option<String>,
    /// Where blobs are to be sent to, instead of here.
    pub(super) uploads_at: Option<String>,
    /// The storage wants a login, too.
    pub(super) storage_demands: bool,
    /// A text that the arguments of no process may show while the registry is being asked.
    pub(super) watched_text: Option<String>,
}

#[derive(Default)]
struct State {
    rules: Rules,
    blobs: HashMap<(String, String), Vec<u8>>,
    manifests: HashMap<(String, String), (String, Vec<u8>)>,
    uploads: HashMap<String, Vec<u8>>,
    next_upload: usize,
    /// The scopes of each token that is worth something.
    grants: HashMap<String, Vec<String>>,
    tokens: Vec<String>,
    token_requests: usize,
    let_in: usize,
    processes: Vec<String>,
    token_port: u16,
}

/// The three servers.
pub(super) struct FakeRegistry {
    pub(super) registry: Server,
    pub(super) token_service: Server,
    pub(super) storage: Server,
    state: Arc<Mutex<State>>,
}

impl FakeRegistry {
    pub(super) fn start(rules: Rules) -> Self {
        Self::start_with(None, rules)
    }

    /// With TLS for the registry, but not for the others.
    pub(super) fn start_with(tls: Option<Arc<ServerConfig>>, rules: Rules) -> Self {
        let state = Arc::new(Mutex::new(State {
            rules,
            ..State::default()
        }));
        let of = |answer: fn(&mut State, &Request) -> Response| {
            let state = Arc::clone(&state);
            move |request: &Request| answer(&mut state.lock().unwrap(), request)
        };
        let token_service = Server::start(None, of(State::token));
        state.lock().unwrap().token_port = token_service.port;
        Self {
            registry: Server::start(tls, of(State::registry)),
            token_service,
            storage: Server::start(None, of(State::storage)),
            state,
        }
    }

    /// What the registry is reached by.
    pub(super) fn host(&self) -> String {
        self.registry.host()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Rules)) {
        change(&mut self.state().rules);
    }

    /// Puts an image there; gives its digest.
    pub(super) fn hold(&self, repository: &str, tag: &str) -> String {
        let mut state = self.state();
        let layer = tar_of(&[("file", "what is in the image of the registry\n")]);
        let config = json!({
            "os": "linux",
            "architecture": "amd64",
            "rootfs": { "type": "layers", "diff_ids": [sha256(&layer)] },
        });
        let mut hold = |media_type: &str, bytes: Vec<u8>| -> Value {
            let digest = sha256(&bytes);
            let size = bytes.len();
            state.blobs.insert((repository.to_owned(), digest.clone()), bytes);
            json!({ "mediaType": media_type, "digest": digest, "size": size })
        };
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": hold(OCI_CONFIG, config.to_string().into_bytes()),
            "layers": [hold(OCI_LAYER, layer)],
        });
        let bytes = manifest.to_string().into_bytes();
        let digest = sha256(&bytes);
        for reference in [tag, &digest] {
            let key = (repository.to_owned(), reference.to_owned());
            state.manifests.insert(key, (OCI_MANIFEST.to_owned(), bytes.clone()));
        }
        digest
    }

    /// The bytes of a manifest that is there.
    pub(super) fn manifest(&self, repository: &str, reference: &str) -> Option<Vec<u8>> {
        let key = (repository.to_owned(), reference.to_owned());
        self.state().manifests.get(&key).map(|(_, bytes)| bytes.clone())
    }

    /// All tokens that the token service gave out.
    pub(super) fn tokens(&self) -> Vec<String> {
        self.state().tokens.clone()
    }

    /// Processes whose arguments showed the watched text.
    pub(super) fn processes(&self) -> Vec<String> {
        self.state().processes.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// What `Authorization` or `Proxy-Authorization` says for a user and a password.
pub(super) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

impl State {
    fn registry(&mut self, request: &Request) -> Response {
        if let Some(text) = &self.rules.watched_text {
            self.processes.extend(processes_that_show(text));
        }
        let wanted = wanted_scope(request);
        if !self.is_let_in(request, &wanted) {
            return self.challenge(request, &wanted);
        }
        if let Some((method, part, status)) = self.rules.refused
            && request.method == method
            && request.path().contains(part)
        {
            return self.refusal(status, request);
        }
        self.serve(request)
    }

    fn storage(&mut self, request: &Request) -> Response {
        if self.rules.storage_demands {
            return Response::new(401)
                .header("WWW-Authenticate", "Basic realm=\"storage\"")
                .body("who are you?");
        }
        self.serve(request)
    }

    fn is_let_in(&mut self, request: &Request, wanted: &str) -> bool {
        let authorization = request.authorization();
        match self.rules.demand {
            Demand::Nothing => true,
            Demand::Basic => authorization.is_some_and(|header| self.knows(header)),
            Demand::Bearer => {
                let Some(token) = authorization.and_then(|header| header.strip_prefix("Bearer ")) else {
                    return false;
                };
                if self.rules.access_tokens.iter().any(|own| own == token) {
                    return true;
                }
                let Some(scopes) = self.grants.get(token) else {
                    return false;
                };
                if !wanted.is_empty() && !scopes.iter().any(|scope| covers(scope, wanted)) {
                    return false;
                }
                self.let_in += 1;
                if self.rules.expiries.contains(&self.let_in) {
                    self.grants.clear();
                }
                true
            }
        }
    }

    fn knows(&self, header: &str) -> bool {
        let is_own = |(user, password): &(String, String)| header == basic(user, password);
        header.starts_with("Basic ") && (self.rules.takes_any_login || self.rules.logins.iter().any(is_own))
    }

    fn challenge(&self, request: &Request, wanted: &str) -> Response {
        let response = self.refusal(401, request);
        match self.rules.demand {
            Demand::Bearer => {
                let own = format!("http://127.0.0.1:{}/token", self.token_port);
                let realm = self.rules.realm.as_ref().unwrap_or(&own);
                let value = format!("Bearer realm=\"{realm}\",service=\"{SERVICE}\",scope=\"{wanted}\"");
                response.header("WWW-Authenticate", value)
            }
            _ => response.header("WWW-Authenticate", "Basic realm=\"the tests\""),
        }
    }

    /// Repeats all that came.
    fn refusal(&self, status: u16, request: &Request) -> Response {
        let seen = request.authorization().unwrap_or("nothing");
        let decoded = seen
            .strip_prefix("Basic ")
            .and_then(|pair| BASE64_STANDARD.decode(pair).ok())
            .map(|pair| String::from_utf8_lossy(&pair).into_owned())
            .unwrap_or_default();
        let form = match request.method.as_str() {
            "POST" => String::from_utf8_lossy(&request.body).into_owned(),
            _ => String::new(),
        };
        let padding = "-".repeat(self.rules.refusals_begin_with);
        let said = format!("{padding}refused {decoded} {seen} at {} {form}", request.target);
        if self.rules.refuses_in_plain_text {
            return Response::new(status).body(said);
        }
        let body = json!({ "errors": [{ "code": "DENIED", "message": said, "detail": seen }] });
        Response::new(status)
            .header("Content-Type", "application/json")
            .body(body.to_string())
    }

    fn token(&mut self, request: &Request) -> Response {
        self.token_requests += 1;
        if self.token_requests <= self.rules.token_failures {
            return self.refusal(500, request);
        }
        let scopes = if request.method == "POST" {
            let scope = request.form("scope").join(" ");
            scope.split(' ').map(ToOwned::to_owned).collect()
        } else {
            request.query("scope")
        };
        let is_known = match request.method.as_str() {
            "POST" => request
                .form("refresh_token")
                .iter()
                .any(|token| self.rules.refresh_tokens.contains(token)),
            _ => match request.authorization() {
                Some(header) => self.knows(header),
                None => self.rules.is_public && scopes.iter().all(|scope| !scope.contains("push")),
            },
        };
        if !is_known {
            return self.refusal(401, request);
        }
        let token = format!("eyJ-access-token-{}", self.tokens.len());
        self.tokens.push(token.clone());
        self.grants.insert(token.clone(), scopes);
        let field = if self.rules.calls_it_access_token {
            "access_token"
        } else {
            "token"
        };
        Response::new(200)
            .header("Content-Type", "application/json")
            .body(json!({ field: token, "expires_in": 300 }).to_string())
    }

    /// What a registry does once it knows who asks.
    fn serve(&mut self, request: &Request) -> Response {
        let path = request.path().to_owned();
        let Some(path) = path.strip_prefix("/v2/") else {
            return Response::new(404);
        };
        if path.is_empty() {
            return Response::new(200);
        }
        if let Some((repository, reference)) = path.split_once("/manifests/") {
            return self.serve_manifest(request, repository, reference);
        }
        if let Some((repository, upload)) = path.split_once("/blobs/uploads/") {
            return self.serve_upload(request, repository, upload);
        }
        if let Some((repository, digest)) = path.split_once("/blobs/") {
            let key = (repository.to_owned(), digest.to_owned());
            let Some(bytes) = self.blobs.get(&key) else {
                return not_found("BLOB_UNKNOWN");
            };
            if let Some(place) = &self.rules.blobs_at
                && request.method == "GET"
                && request.header("host").is_none_or(|host| !place.ends_with(host))
            {
                return Response::new(307).header("Location", format!("{place}{}?signature=x", request.target));
            }
            return blob(bytes, digest);
        }
        not_found("UNSUPPORTED")
    }

    fn serve_manifest(&mut self, request: &Request, repository: &str, reference: &str) -> Response {
        let key = (repository.to_owned(), reference.to_owned());
        if request.method == "PUT" {
            let digest = sha256(&request.body);
            let media_type = request.header("content-type").unwrap_or_default().to_owned();
            let content = (media_type, request.body.clone());
            let by_digest = (repository.to_owned(), digest.clone());
            self.manifests.insert(by_digest, content.clone());
            self.manifests.insert(key, content);
            return Response::new(201)
                .header("Location", request.path())
                .header("Docker-Content-Digest", digest);
        }
        match self.manifests.get(&key) {
            Some((media_type, bytes)) => Response::new(200)
                .header("Content-Type", media_type.clone())
                .header("Docker-Content-Digest", sha256(bytes))
                .body(bytes.clone()),
            None => not_found("MANIFEST_UNKNOWN"),
        }
    }

    fn serve_upload(&mut self, request: &Request, repository: &str, upload: &str) -> Response {
        match request.method.as_str() {
            "POST" => {
                let mount = request.query("mount").pop();
                if let (Some(digest), Some(from)) = (mount, request.query("from").pop())
                    && let Some(bytes) = self.blobs.get(&(from, digest.clone())).cloned()
                {
                    self.blobs.insert((repository.to_owned(), digest.clone()), bytes);
                    return Response::new(201).header("Location", format!("/v2/{repository}/blobs/{digest}"));
                }
                self.next_upload += 1;
                let id = format!("upload-{}", self.next_upload);
                self.uploads.insert(id.clone(), Vec::new());
                let place = self.rules.uploads_at.as_deref().unwrap_or_default();
                Response::new(202).header(
                    "Location",
                    format!("{place}/v2/{repository}/blobs/uploads/{id}?state=x"),
                )
            }
            "PATCH" | "PUT" => {
                let Some(received) = self.uploads.get_mut(upload) else {
                    return not_found("BLOB_UPLOAD_UNKNOWN");
                };
                received.extend(&request.body);
                if request.method == "PATCH" {
                    return Response::new(202)
                        .header("Location", request.target.clone())
                        .header("Range", format!("0-{}", received.len().saturating_sub(1)));
                }
                let bytes = self.uploads.remove(upload).unwrap();
                let digest = request.query("digest").pop().unwrap_or_default();
                if sha256(&bytes) != digest {
                    return Response::new(400).body("{\"errors\":[{\"code\":\"DIGEST_INVALID\"}]}");
                }
                self.blobs.insert((repository.to_owned(), digest.clone()), bytes);
                Response::new(201)
                    .header("Location", format!("/v2/{repository}/blobs/{digest}"))
                    .header("Docker-Content-Digest", digest)
            }
            _ => match self.uploads.get(upload) {
                Some(received) => Response::new(204)
                    .header("Location", request.target.clone())
                    .header("Range", format!("0-{}", received.len().saturating_sub(1))),
                None => not_found("BLOB_UPLOAD_UNKNOWN"),
            },
        }
    }
}

fn blob(bytes: &[u8], digest: &str) -> Response {
    Response::new(200)
        .header("Content-Type", "application/octet-stream")
        .header("Docker-Content-Digest", digest)
        .body(bytes)
}

fn not_found(code: &str) -> Response {
    Response::new(404).body(json!({ "errors": [{ "code": code, "message": "not here" }] }).to_string())
}

/// What a token must be for.
fn wanted_scope(request: &Request) -> String {
    let path = request.path().strip_prefix("/v2/").unwrap_or_default();
    let end = path.find("/manifests/").or_else(|| path.find("/blobs/"));
    let Some(end) = end else { return String::new() };
    let actions = match request.method.as_str() {
        "GET" | "HEAD" => "pull",
        _ => "pull,push",
    };
    format!("repository:{}:{actions}", &path[..end])
}

fn covers(scope: &str, wanted: &str) -> bool {
    let (Some((repository, actions)), Some((wanted_repository, wanted_actions))) =
        (scope.rsplit_once(':'), wanted.rsplit_once(':'))
    else {
        return false;
    };
    let has = |action: &str| actions.split(',').any(|own| own == action);
    repository == wanted_repository && wanted_actions.split(',').all(has)
}

fn processes_that_show(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(arguments) = std::fs::read(entry.path().join("cmdline")) else {
            continue;
        };
        let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
        if arguments.contains(text) {
            found.push(arguments);
        }
    }
    found
}
