//! What a registry without faults does: the OCI distribution specification 1.1.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{Auth, Habits, Location, Map, Reply, blobs_of};
use crate::support::http::{Head, Headers, header};
use crate::support::layout_view::{OCI_INDEX, array, sha256};

/// The longest manifest that is taken.
const MAX_MANIFEST: usize = 4 << 20;

/// A request whose head was read.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: Headers,
    pub(super) place: Place,
}

/// What a path is about.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Root,
    Token,
    Uploads { repository: String },
    Upload { repository: String, id: String },
    Blob { repository: String, digest: String },
    Manifest { repository: String, reference: String },
    Tags { repository: String },
    Referrers { repository: String, digest: String },
    Unknown,
}

impl Place {
    fn of(path: &str) -> Self {
        match path {
            "/v2/" | "/v2" => return Self::Root,
            "/token" => return Self::Token,
            _ => {}
        }
        let Some(rest) = path.strip_prefix("/v2/") else {
            return Self::Unknown;
        };
        let at = |middle: &str| {
            let (repository, rest) = rest.rsplit_once(middle)?;
            Some((repository.to_owned(), rest.to_owned()))
        };
        if let Some((repository, id)) = at("/blobs/uploads/") {
            if id.is_empty() {
                Self::Uploads { repository }
            } else {
                Self::Upload { repository, id }
            }
        } else if let Some((repository, digest)) = at("/blobs/") {
            Self::Blob { repository, digest }
        } else if let Some((repository, reference)) = at("/manifests/") {
            Self::Manifest { repository, reference }
        } else if let Some((repository, digest)) = at("/referrers/") {
            Self::Referrers { repository, digest }
        } else if let Some(repository) = rest.strip_suffix("/tags/list") {
            let repository = repository.to_owned();
            Self::Tags { repository }
        } else {
            Self::Unknown
        }
    }
}

impl Request {
    /// Nothing for what is no request.
    pub(super) fn new(head: Head) -> Option<Self> {
        let mut words = head.line.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let decoded = percent_decode_str(path).decode_utf8().ok()?;
        Some(Self {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: head.headers,
            place: Place::of(&decoded),
        })
    }

    /// A value of the query, decoded.
    fn query(&self, name: &str) -> Option<String> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        let value = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next()?;
        Some(percent_decode_str(value).decode_utf8().ok()?.into_owned())
    }

    fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// Where a piece of an upload begins, if the request says so.
    fn content_start(&self) -> Option<u64> {
        let range = self.header("Content-Range")?;
        let range = range.strip_prefix("bytes ").unwrap_or(range);
        range.split('-').next()?.trim().parse().ok()
    }
}

/// What the registry holds.
#[derive(Default)]
pub(super) struct Store {
    repositories: Map<Repository>,
    uploads: Map<Upload>,
    /// How often each token may still be used.
    tokens: Map<usize>,
    counter: usize,
}

#[derive(Default)]
struct Repository {
    blobs: Map<Vec<u8>>,
    /// Media type and content.
    manifests: Map<(String, Vec<u8>)>,
    tags: Map<String>,
}

#[derive(Default)]
struct Upload {
    repository: String,
    content: Vec<u8>,
    /// What the query of the newest location says.
    state: String,
}

impl Store {
    pub(super) fn put_blob(&mut self, repository: &str, content: &[u8]) -> String {
        let digest = sha256(content);
        let blobs = &mut self.repository(repository).blobs;
        blobs.insert(digest.clone(), content.to_vec());
        digest
    }

    pub(super) fn put_manifest(&mut self, name: &str, tag: Option<&str>, media_type: &str, content: &[u8]) -> String {
        let digest = sha256(content);
        let repository = self.repository(name);
        let manifest = (media_type.to_owned(), content.to_vec());
        repository.manifests.insert(digest.clone(), manifest);
        if let Some(tag) = tag {
            repository.tags.insert(tag.to_owned(), digest.clone());
        }
        digest
    }

    pub(super) fn tag(&self, repository: &str, tag: &str) -> Option<String> {
        self.repositories.get(repository)?.tags.get(tag).cloned()
    }

    pub(super) fn tags(&self, repository: &str) -> Vec<String> {
        let found = self.repositories.get(repository);
        found.map_or(Vec::new(), |repository| repository.tags.keys().cloned().collect())
    }

    pub(super) fn blob(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        self.repositories.get(repository)?.blobs.get(digest).cloned()
    }

    pub(super) fn manifest(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        let (_, content) = self.repositories.get(repository)?.manifests.get(digest)?;
        Some(content.clone())
    }

    fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.to_owned()).or_default()
    }

    /// Adds to an upload what came of a body that broke off, if it begins where the upload ends.
    pub(super) fn append(&mut self, id: &str, request: &Request, part: &[u8]) {
        if let Some(upload) = self.uploads.get_mut(id) {
            let fits = request
                .content_start()
                .is_none_or(|start| start == upload.content.len() as u64);
            if fits && matches!(request.method.as_str(), "PATCH" | "PUT") {
                upload.content.extend(part);
            }
        }
    }

    /// There never was such an upload.
    pub(super) fn forget(&mut self, id: &str) {
        self.uploads.remove(id);
    }

    /// Cuts an upload and says where it stands, as to a chunk that does not begin there.
    pub(super) fn out_of_step(&mut self, request: &Request, left: u64, habits: &Habits, host: &str) -> Reply {
        let Place::Upload { repository, id } = &request.place else {
            return Reply::new(500);
        };
        if let Some(upload) = self.uploads.get_mut(id) {
            upload.content.truncate(usize::try_from(left).unwrap());
        }
        self.progress(416, repository, id, habits, host)
    }

    /// Does what is asked.
    pub(super) fn handle(&mut self, request: &Request, body: &[u8], habits: &Habits, host: &str) -> Reply {
        if let Some(refused) = self.refusal(request, &habits.auth, host) {
            return refused;
        }
        let is_read = matches!(request.method.as_str(), "GET" | "HEAD");
        match (&request.place, request.method.as_str()) {
            (Place::Root, _) if is_read => Reply::new(200).body("{}"),
            (Place::Token, "GET" | "POST") => self.token(request, &habits.auth),
            (Place::Blob { repository, digest }, _) if is_read => self.get_blob(request, repository, digest),
            (Place::Manifest { repository, reference }, _) if is_read => {
                self.get_manifest(request, repository, reference)
            }
            (Place::Manifest { repository, reference }, "PUT") => {
                self.take_manifest(request, repository, reference, body, habits)
            }
            (Place::Tags { repository }, _) if is_read => {
                let list = json!({ "name": repository, "tags": self.tags(repository) });
                Reply::new(200).body(list.to_string())
            }
            (Place::Referrers { repository, digest }, _) if is_read && habits.referrers => {
                self.referrers(request, repository, digest)
            }
            (Place::Uploads { repository }, "POST") => self.begin_upload(request, repository, body, habits, host),
            (Place::Upload { repository, id }, method) => {
                self.upload(request, method, repository, id, body, habits, host)
            }
            (Place::Referrers { .. } | Place::Unknown, _) => Reply::new(404).body("404 page not found"),
            _ => Reply::error(405, "UNSUPPORTED", "the operation is unsupported"),
        }
    }

    fn get_blob(&self, request: &Request, repository: &str, digest: &str) -> Reply {
        let Some(content) = self.blob(repository, digest) else {
            return Reply::error(404, "BLOB_UNKNOWN", "blob unknown to registry");
        };
        let reply = Reply::new(200)
            .header("Content-Type", "application/octet-stream")
            .header("Docker-Content-Digest", digest)
            .header("Accept-Ranges", "bytes");
        let size = content.len();
        let range = request.header("Range").and_then(|range| range.strip_prefix("bytes="));
        let Some((first, last)) = range.and_then(|range| range.split_once('-')) else {
            return reply.body(content);
        };
        let first: usize = first.parse().unwrap_or(0);
        let end = last.parse().map_or(size, |last: usize| last + 1).min(size);
        if first >= end {
            return Reply::error(416, "RANGE_INVALID", "there is no such range")
                .header("Content-Range", format!("bytes */{size}"));
        }
        let shown = format!("bytes {first}-{}/{size}", end - 1);
        let reply = reply.header("Content-Range", shown).body(&content[first..end]);
        Reply { status: 206, ..reply }
    }

    fn get_manifest(&self, request: &Request, repository: &str, reference: &str) -> Reply {
        let digest = if reference.contains(':') {
            Some(reference.to_owned())
        } else {
            self.tag(repository, reference)
        };
        let found = self.repositories.get(repository).and_then(|repository| {
            let digest = digest?;
            let (media_type, content) = repository.manifests.get(&digest)?;
            Some((digest, media_type, content))
        });
        let Some((digest, media_type, content)) = found else {
            return Reply::error(404, "MANIFEST_UNKNOWN", "manifest unknown to registry");
        };
        let accepted = request.headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("Accept") && (value.contains(media_type.as_str()) || value.contains("*/*"))
        });
        if !accepted {
            let message = format!("it is {media_type}, which the request does not accept");
            return Reply::error(404, "MANIFEST_UNKNOWN", &message);
        }
        Reply::new(200)
            .header("Content-Type", media_type)
            .header("Docker-Content-Digest", digest)
            .body(content.as_slice())
    }

    fn take_manifest(
        &mut self,
        request: &Request,
        repository: &str,
        reference: &str,
        body: &[u8],
        habits: &Habits,
    ) -> Reply {
        let invalid = |why: &str| Reply::error(400, "MANIFEST_INVALID", why);
        if body.len() > MAX_MANIFEST {
            return Reply::error(413, "SIZE_INVALID", "the manifest is too large");
        }
        let digest = sha256(body);
        let tag = (!reference.contains(':')).then_some(reference);
        if tag.is_none() && reference != digest {
            return Reply::error(400, "DIGEST_INVALID", "the manifest has another digest");
        }
        let Ok(manifest) = serde_json::from_slice::<Value>(body) else {
            return invalid("it is not JSON");
        };
        let Some(media_type) = request.header("Content-Type").map(str::to_owned) else {
            return invalid("no Content-Type");
        };
        if manifest["mediaType"]
            .as_str()
            .is_some_and(|inside| inside != media_type)
        {
            return invalid("the Content-Type is not its mediaType");
        }
        let held = self.repository(repository);
        let name = |entry: &Value| entry["digest"].as_str().unwrap_or_default().to_owned();
        let blobs = blobs_of(&manifest).filter(|blob| blob.get("urls").is_none()).map(name);
        let mut missing: Vec<_> = blobs.filter(|digest| !held.blobs.contains_key(digest)).collect();
        let children = array(&manifest, "manifests").iter().map(name);
        missing.extend(children.filter(|digest| !held.manifests.contains_key(digest)));
        if !missing.is_empty() {
            return Reply::error(400, "MANIFEST_BLOB_UNKNOWN", &format!("not here: {missing:?}"));
        }
        self.put_manifest(repository, tag, &media_type, body);
        let mut reply = Reply::new(201)
            .header("Location", format!("/v2/{repository}/manifests/{digest}"))
            .header("Docker-Content-Digest", digest);
        if let Some(subject) = manifest["subject"]["digest"].as_str()
            && habits.referrers
        {
            reply = reply.header("OCI-Subject", subject);
        }
        reply
    }

    fn referrers(&self, request: &Request, repository: &str, digest: &str) -> Reply {
        let wanted = request.query("artifactType");
        let held = self
            .repositories
            .get(repository)
            .map(|repository| &repository.manifests);
        let found: Vec<_> = held
            .into_iter()
            .flatten()
            .filter_map(|(own, (media_type, content))| {
                let manifest: Value = serde_json::from_slice(content).ok()?;
                let kind = manifest["artifactType"]
                    .as_str()
                    .or(manifest["config"]["mediaType"].as_str());
                let fits = manifest["subject"]["digest"] == digest && (wanted.is_none() || wanted.as_deref() == kind);
                fits.then(|| {
                    let size = content.len();
                    json!({ "mediaType": media_type, "digest": own, "size": size, "artifactType": kind })
                })
            })
            .collect();
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": found });
        let reply = Reply::new(200)
            .header("Content-Type", OCI_INDEX)
            .body(index.to_string());
        if wanted.is_some() {
            return reply.header("OCI-Filters-Applied", "artifactType");
        }
        reply
    }

    fn begin_upload(&mut self, request: &Request, repository: &str, body: &[u8], habits: &Habits, host: &str) -> Reply {
        if let (Some(digest), Some(from), true) = (request.query("mount"), request.query("from"), habits.mounts)
            && let Some(content) = self.blob(&from, &digest)
        {
            self.put_blob(repository, &content);
            return created(repository, &digest);
        }
        if let Some(digest) = request.query("digest") {
            return self.finish(repository, body, Some(&digest));
        }
        self.counter += 1;
        let id = format!("upload-{}", self.counter);
        let repository = repository.to_owned();
        let upload = Upload {
            repository: repository.clone(),
            ..Upload::default()
        };
        self.uploads.insert(id.clone(), upload);
        let reply = self.progress(202, &repository, &id, habits, host);
        match habits.min_chunk {
            Some(least) => reply.header("OCI-Chunk-Min-Length", least.to_string()),
            None => reply,
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one request")]
    fn upload(
        &mut self,
        request: &Request,
        method: &str,
        repository: &str,
        id: &str,
        body: &[u8],
        habits: &Habits,
        host: &str,
    ) -> Reply {
        let state = request.query("_state");
        let known = self.uploads.get(id).filter(|upload| {
            let is_newest = state.as_deref() == Some(upload.state.as_str());
            upload.repository == repository && (upload.state.is_empty() || is_newest)
        });
        let Some(upload) = known else {
            return Reply::error(404, "BLOB_UPLOAD_UNKNOWN", "the upload is not known");
        };
        let begins_right = request
            .content_start()
            .is_none_or(|start| start == upload.content.len() as u64);
        match method {
            "GET" => self.progress(204, repository, id, habits, host),
            "DELETE" => {
                self.uploads.remove(id);
                Reply::new(204)
            }
            "PATCH" | "PUT" if !begins_right => self.progress(416, repository, id, habits, host),
            "PATCH" => {
                self.append(id, request, body);
                self.progress(202, repository, id, habits, host)
            }
            "PUT" => {
                let upload = self.uploads.remove(id).unwrap();
                let content = [&upload.content, body].concat();
                self.finish(repository, &content, request.query("digest").as_deref())
            }
            _ => Reply::error(405, "UNSUPPORTED", "the operation is unsupported"),
        }
    }

    fn finish(&mut self, repository: &str, content: &[u8], digest: Option<&str>) -> Reply {
        if digest != Some(&sha256(content)) {
            let message = "provided digest did not match uploaded content";
            return Reply::error(400, "DIGEST_INVALID", message);
        }
        let digest = self.put_blob(repository, content);
        created(repository, &digest)
    }

    /// Where an upload stands and where it goes on.
    fn progress(&mut self, status: u16, repository: &str, id: &str, habits: &Habits, host: &str) -> Reply {
        self.counter += 1;
        let Some(upload) = self.uploads.get_mut(id) else {
            return Reply::error(404, "BLOB_UPLOAD_UNKNOWN", "the upload is not known");
        };
        let mut location = format!("/v2/{repository}/blobs/uploads/{id}");
        if matches!(habits.location, Location::Query | Location::Elsewhere(_)) {
            upload.state = format!("s{}/+", self.counter);
            write!(location, "?_state=s{}%2F%2B&more=a%20b", self.counter).unwrap();
        }
        let location = match &habits.location {
            Location::Relative => location,
            Location::Absolute | Location::Query => format!("http://{host}{location}"),
            Location::Elsewhere(base) => format!("{base}{location}"),
        };
        // as Docker's registry: of an empty upload it says the same as of one byte
        let last = upload.content.len().saturating_sub(1);
        Reply::new(status)
            .header("Location", location)
            .header("Range", format!("0-{last}"))
            .header("Docker-Upload-UUID", id)
    }

    /// The answer to who may not come in.
    fn refusal(&mut self, request: &Request, auth: &Auth, host: &str) -> Option<Reply> {
        let sent = request.header("Authorization").unwrap_or_default();
        if request.header("Host") != Some(host) {
            return None;
        }
        let refused = Reply::error(401, "UNAUTHORIZED", "authentication required");
        match (auth, &request.place) {
            (Auth::Open, _) | (Auth::Bearer(..), Place::Token) => None,
            (Auth::Basic(user, password), _) if sent == basic(user, password) => None,
            (Auth::Basic(..), _) => Some(refused.header("WWW-Authenticate", "Basic realm=\"the test\"")),
            (Auth::Bearer(..), place) => {
                if let Some(uses) = sent
                    .strip_prefix("Bearer ")
                    .and_then(|token| self.tokens.get_mut(token))
                    && *uses > 0
                {
                    *uses -= 1;
                    return None;
                }
                let repository = match place {
                    Place::Uploads { repository }
                    | Place::Upload { repository, .. }
                    | Place::Blob { repository, .. }
                    | Place::Manifest { repository, .. }
                    | Place::Tags { repository }
                    | Place::Referrers { repository, .. } => repository.as_str(),
                    Place::Root | Place::Token | Place::Unknown => "",
                };
                let is_read = matches!(request.method.as_str(), "GET" | "HEAD");
                let actions = if is_read { "pull" } else { "pull,push" };
                let challenge = format!(
                    "Bearer realm=\"http://{host}/token\",service=\"the test\",scope=\"repository:{repository}:{actions}\""
                );
                Some(refused.header("WWW-Authenticate", challenge))
            }
        }
    }

    fn token(&mut self, request: &Request, auth: &Auth) -> Reply {
        let Auth::Bearer(user, password, good_for) = auth else {
            return Reply::new(404);
        };
        if request.header("Authorization") != Some(&basic(user, password)) {
            return Reply::error(401, "UNAUTHORIZED", "wrong user or password");
        }
        self.counter += 1;
        let token = format!("token-{}", self.counter);
        self.tokens.insert(token.clone(), *good_for);
        let answer = json!({ "token": token, "access_token": token, "expires_in": 300 });
        Reply::new(200)
            .header("Content-Type", "application/json")
            .body(answer.to_string())
    }
}

fn created(repository: &str, digest: &str) -> Reply {
    Reply::new(201)
        .header("Location", format!("/v2/{repository}/blobs/{digest}"))
        .header("Docker-Content-Digest", digest)
}

/// The header for user and password.
fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}
