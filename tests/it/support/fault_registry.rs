//! An OCI registry in memory, which does all by the book until a test asks for a fault.
//!
//! Every request is in its log. It takes no manifest whose children or blobs are not there yet, and verifies every
//! digest, so that what it holds is never half an image.

mod connection;
mod protocol;
mod reply;

use std::collections::BTreeMap;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::{Bound, RangeBounds};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::http::{self, Headers};
use super::layout_view::{LayoutView, array, text};
use protocol::Store;
pub(crate) use reply::Reply;

/// What goes wrong with a request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Closes the connection instead of answering.
    Close,
    /// Resets the connection instead of answering; the body is not read.
    Reset,
    /// Reads nothing more and never answers.
    Stall,
    /// Reads the body and answers this, and does nothing.
    Answer(Reply),
    /// Answers this before it reads the body.
    Early(Reply),
    /// Takes this many bytes of the body into the upload, then resets the connection.
    TakeThenReset(u64),
    /// Takes this many bytes of the body into the upload, then reads nothing more and never answers.
    TakeThenStall(u64),
    /// Does what was asked, but closes the connection instead of answering.
    DoneThenClose,
    /// Forgets the upload: 404 `BLOB_UPLOAD_UNKNOWN`.
    LoseUpload,
    /// Takes only this many bytes of a chunk and says so in `Range`.
    TakePart(u64),
    /// Answers a chunk with 416 and where the upload stands, of which only this many bytes are left.
    OutOfStep(u64),
    /// Says the right length and closes the connection after this many bytes of the body.
    CutBody(usize),
    /// Says the right length and resets the connection after this many bytes of the body.
    ResetBody(usize),
    /// Says the right length and sends no more after this many bytes of the body.
    StallBody(usize),
    /// Says and sends only this many bytes of the body.
    ShortBody(usize),
    /// Says and sends this many bytes more than there are.
    LongBody(usize),
    /// Reads this many bytes of the body in 32 pieces, with this pause before each, and then the rest; does what was
    /// asked.
    SlowTake(u64, Duration),
    /// Sends the body in 8 pieces, with this pause before each.
    SlowBody(Duration),
    /// Sends the right body and goes on without an end.
    EndlessBody,
    /// As many bytes as were asked for, but others.
    OtherBytes,
    /// Answers with another value in this header.
    Header(&'static str, String),
    /// Answers as if no range had been asked for.
    IgnoreRange,
    /// Answers 206 with the begin of the blob, whatever range was asked for.
    WrongRange,
    /// Sends the client to the same path and query below this address, with this status.
    RedirectTo(u16, String),
    /// Sends these bytes and closes the connection.
    Raw(Vec<u8>),
}

/// How the registry does what can be done in more than one way.
#[derive(Clone, Debug)]
pub(crate) struct Habits {
    /// What an upload's `Location` looks like.
    pub(crate) location: Location,
    /// It has the referrers API, and answers `OCI-Subject`.
    pub(crate) referrers: bool,
    /// It mounts blobs of other repositories.
    pub(crate) mounts: bool,
    /// What it says of the shortest chunk that it wants, but for the last.
    pub(crate) min_chunk: Option<u64>,
    /// It says the digest of what it answers, which it need not.
    pub(crate) names_digests: bool,
    /// Who may come in.
    pub(crate) auth: Auth,
}

/// Forms of a `Location`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// With scheme and host.
    Absolute,
    /// The path only.
    Relative,
    /// With scheme, host and a query that changes with every answer; only the newest is taken.
    Query,
    /// As `Query`, but below another address, such as `http://localhost:5000`.
    Elsewhere(String),
}

/// Who may come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Auth {
    Open,
    /// User and password in every request. As with signed addresses, who comes by another name of this host
    /// than its IP address needs none.
    Basic(&'static str, &'static str),
    /// A token from `/token`, given for user and password; each is good for this many requests.
    Bearer(&'static str, &'static str, usize),
}

/// A request that came in.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    id: usize,
    pub(crate) method: String,
    /// As it was sent, without the query.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Headers,
    /// How many bytes of its body were read.
    pub(crate) body: u64,
    /// What it was answered, once it was.
    pub(crate) status: Option<u16>,
    pub(crate) at: Instant,
}

impl Seen {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        http::header(&self.headers, name)
    }

    fn matches(&self, method: &str, part: &str) -> bool {
        let range = self.header("Content-Range").unwrap_or_default();
        self.method == method && format!("{}?{} {range}", self.path, self.query).contains(part)
    }
}

/// A fault for some of the requests that match.
struct Rule {
    method: &'static str,
    part: String,
    which: (Bound<usize>, Bound<usize>),
    fault: Fault,
    matched: usize,
    met: usize,
}

struct State {
    habits: Habits,
    store: Store,
    rules: Vec<Rule>,
    log: Vec<Seen>,
    next_id: usize,
    streams: Vec<TcpStream>,
    stopping: bool,
}

impl State {
    /// What the log has of a request, unless it was cleared since.
    fn seen(&mut self, id: usize) -> Option<&mut Seen> {
        self.log.iter_mut().rev().find(|seen| seen.id == id)
    }
}

/// What the connections share.
struct Shared {
    address: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// The registry; it stops when it is dropped.
pub(crate) struct FaultRegistry {
    shared: Arc<Shared>,
}

impl FaultRegistry {
    /// An empty one on a loopback port of its own, open to all.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let state = State {
            habits: Habits {
                location: Location::Absolute,
                referrers: true,
                mounts: true,
                min_chunk: None,
                names_digests: true,
                auth: Auth::Open,
            },
            store: Store::default(),
            rules: Vec::new(),
            log: Vec::new(),
            next_id: 0,
            streams: Vec::new(),
            stopping: false,
        };
        let shared = Arc::new(Shared {
            address: listener.local_addr().unwrap(),
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let own = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &own));
        Self { shared }
    }

    /// Where it listens.
    pub(crate) fn host(&self) -> String {
        self.shared.address.to_string()
    }

    /// The whole name of `repository[:tag][@digest]` here.
    pub(crate) fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.shared.address)
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.shared.address)
    }

    /// Changes how it does things.
    pub(crate) fn habits(&self, change: impl FnOnce(&mut Habits)) {
        change(&mut self.shared.lock().habits);
    }

    /// From now on, of the requests with this method whose path, query and, after a space, `Content-Range` hold
    /// `part`, those that `which` counts from 1 meet the fault.
    pub(crate) fn fault(
        &self,
        method: &'static str,
        part: impl Into<String>,
        which: impl RangeBounds<usize>,
        fault: Fault,
    ) {
        self.shared.lock().rules.push(Rule {
            method,
            part: part.into(),
            which: (which.start_bound().cloned(), which.end_bound().cloned()),
            fault,
            matched: 0,
            met: 0,
        });
    }

    /// Every fault that was asked for has come about.
    #[track_caller]
    pub(crate) fn check_met(&self) {
        let state = self.shared.lock();
        let unmet: Vec<_> = state.rules.iter().filter(|rule| rule.met == 0).collect();
        let shown: Vec<_> = unmet
            .iter()
            .map(|rule| format!("{} {}", rule.method, rule.part))
            .collect();
        drop(state);
        assert!(
            shown.is_empty(),
            "no request met the fault of {shown:?}{}",
            self.shown()
        );
    }

    /// No more faults, and an empty log.
    pub(crate) fn recover(&self) {
        let mut state = self.shared.lock();
        state.rules.clear();
        state.log.clear();
    }

    /// All requests so far.
    pub(crate) fn log(&self) -> Vec<Seen> {
        self.shared.lock().log.clone()
    }

    /// Those with this method whose path, query and `Content-Range` hold `part`.
    pub(crate) fn requests(&self, method: &str, part: &str) -> Vec<Seen> {
        let state = self.shared.lock();
        let matching = state.log.iter().filter(|seen| seen.matches(method, part));
        matching.cloned().collect()
    }

    /// How many there were.
    pub(crate) fn count(&self, method: &str, part: &str) -> usize {
        self.requests(method, part).len()
    }

    /// Waits until this holds; half a minute is too long.
    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let end = Instant::now() + Duration::from_secs(30);
        while !holds(self) {
            assert!(Instant::now() < end, "{what} did not happen{}", self.shown());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The log for messages.
    pub(crate) fn shown(&self) -> String {
        let lines = self.log().into_iter().map(|seen| {
            let status = seen.status.map_or("-".to_owned(), |status| status.to_string());
            let ranges = ["Range", "Content-Range"].map(|name| seen.header(name).unwrap_or_default().to_owned());
            let Seen {
                method,
                path,
                query,
                body,
                ..
            } = seen;
            format!("{method} {path}?{query} {ranges:?} {body} bytes: {status}")
        });
        format!("\n--- requests\n{}\n---", lines.collect::<Vec<_>>().join("\n"))
    }

    /// Adds a blob and gives its digest.
    pub(crate) fn put_blob(&self, repository: &str, content: &[u8]) -> String {
        self.shared.lock().store.put_blob(repository, content)
    }

    /// Adds a manifest, whatever it says, and gives its digest.
    pub(crate) fn put_manifest(&self, repository: &str, tag: Option<&str>, media_type: &str, content: &[u8]) -> String {
        let mut state = self.shared.lock();
        state.store.put_manifest(repository, tag, media_type, content)
    }

    /// Adds what an entry of a layout leads to.
    pub(crate) fn put_image(&self, repository: &str, tag: Option<&str>, layout: &LayoutView, entry: &Value) {
        let digest = text(entry, "digest");
        let content = layout.blob(digest);
        let manifest: Value = serde_json::from_slice(&content).unwrap();
        for child in array(&manifest, "manifests") {
            self.put_image(repository, None, layout, child);
        }
        for blob in blobs_of(&manifest) {
            self.put_blob(repository, &layout.blob(text(blob, "digest")));
        }
        self.put_manifest(repository, tag, text(entry, "mediaType"), &content);
    }

    /// The digest behind a tag.
    pub(crate) fn tag(&self, repository: &str, tag: &str) -> Option<String> {
        self.shared.lock().store.tag(repository, tag)
    }

    /// The tags of a repository, sorted.
    pub(crate) fn tags(&self, repository: &str) -> Vec<String> {
        self.shared.lock().store.tags(repository)
    }

    /// A blob of a repository.
    pub(crate) fn blob(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        self.shared.lock().store.blob(repository, digest)
    }

    /// A manifest of a repository.
    pub(crate) fn manifest(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        self.shared.lock().store.manifest(repository, digest)
    }

    /// The tag leads to the image of this entry, all of which is there byte for byte.
    #[track_caller]
    pub(crate) fn check_holds(&self, repository: &str, tag: &str, layout: &LayoutView, entry: &Value) {
        let digest = text(entry, "digest");
        assert_eq!(
            self.tag(repository, tag).as_deref(),
            Some(digest),
            "{tag}{}",
            self.shown()
        );
        self.check_manifest(repository, layout, entry);
    }

    #[track_caller]
    fn check_manifest(&self, repository: &str, layout: &LayoutView, entry: &Value) {
        let digest = text(entry, "digest");
        let content = layout.blob(digest);
        assert!(
            self.manifest(repository, digest).as_ref() == Some(&content),
            "{digest}{}",
            self.shown()
        );
        let manifest: Value = serde_json::from_slice(&content).unwrap();
        for child in array(&manifest, "manifests") {
            self.check_manifest(repository, layout, child);
        }
        for blob in blobs_of(&manifest) {
            let digest = text(blob, "digest");
            let held = self.blob(repository, digest);
            assert!(held == Some(layout.blob(digest)), "{digest}{}", self.shown());
        }
    }
}

/// The config and the layers of a manifest.
fn blobs_of(manifest: &Value) -> impl Iterator<Item = &Value> {
    let config = manifest.get("config").into_iter();
    config.chain(array(manifest, "layers"))
}

impl Drop for FaultRegistry {
    fn drop(&mut self) {
        let streams = {
            let mut state = self.shared.lock();
            state.stopping = true;
            std::mem::take(&mut state.streams)
        };
        self.shared.changed.notify_all();
        for stream in streams {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // so that it comes back from waiting for a connection
        let _ = TcpStream::connect(self.shared.address);
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        {
            let mut state = shared.lock();
            if state.stopping {
                return;
            }
            state.streams.push(stream.try_clone().unwrap());
        }
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // a connection that breaks is the client's affair
            let _ = connection::serve(&stream, &shared);
            // the last handle: what closes it is a plain end or a reset
            if let Ok(client) = stream.peer_addr() {
                let is_other = |other: &TcpStream| other.peer_addr().is_ok_and(|peer| peer != client);
                shared.lock().streams.retain(is_other);
            }
        });
    }
}

/// Names of things, each with its own.
type Map<T> = BTreeMap<String, T>;
