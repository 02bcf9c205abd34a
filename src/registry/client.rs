//! [`Client`]: requests to registries, with login, redirects, retries and a way to stop. The one door to the network.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use ureq::http::{HeaderMap, Method, Request, StatusCode};
use ureq::{Agent, Body as ResponseBody, Proxy, ProxyProtocol, SendBody};

use super::api_error::{ApiError, MAX_BODY};
use super::auth::{Access, Authorizer};
use super::credentials::{Keyring, Secret};
use super::fault::{Fault, NO_SIGN_OF_LIFE, REFUSED};
use super::tls;
use super::url::{Scheme, Url, host_of, is_loopback};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;

/// Docker Hub answers at another name than the one that its images bear.
const DOCKER_HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");
/// Redirects that are followed from one request.
const MAX_REDIRECTS: usize = 5;
/// The first wait before another try; each next one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// The longest wait that is chosen here.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// The longest wait that a registry may ask for.
const MAX_ASKED_WAIT: Duration = Duration::from_secs(120);
/// The most that is read of a token service's answer.
const MAX_TOKEN: u64 = 1 << 20;
/// Between two looks at whether to stop.
const SLICE: Duration = Duration::from_millis(20);

/// A file that was read.
#[derive(Debug, Clone, Default)]
pub struct GivenFile {
    /// Where it is.
    pub path: PathBuf,
    /// What is in it.
    pub content: Vec<u8>,
}

/// Proxies, as the environment names them.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    /// For `http`.
    pub http: Option<Secret>,
    /// For `https`.
    pub https: Option<Secret>,
    /// Hosts, `.suffixes` and `host:port`s that are reached without, with commas between them; `*` for all.
    pub no_proxy: String,
}

/// How registries are spoken to.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Certificates of authorities to trust beside the system's.
    pub ca_files: Vec<GivenFile>,
    /// Our own certificate and its key.
    pub identity: Option<(GivenFile, GivenFile)>,
    /// Registries whose certificate is not looked at, and that may speak plain HTTP.
    pub insecure: Vec<String>,
    /// Proxies.
    pub proxies: Proxies,
    /// How long to wait for a connection, and for a sign of life on it.
    pub timeout: Duration,
    /// How often a request is tried again.
    pub retries: u32,
    /// Connections that are kept.
    pub connections: NonZeroUsize,
    /// Where credentials are looked for.
    pub keyring: Keyring,
    /// The clock, for registries that say until when to wait but not what time it is.
    pub now: fn() -> Timestamp,
}

/// Speaks to registries. Give up all requests with [`Client::watched`].
pub struct Client<'a> {
    settings: Settings,
    pub(super) progress: &'a dyn Progress,
    pub(super) authorizer: Authorizer,
    /// How each registry turned out to be spoken to.
    schemes: Mutex<HashMap<String, Scheme>>,
    /// Hosts and ports of registries, which may see our certificate.
    registries: Mutex<HashSet<String>>,
    agents: Mutex<HashMap<Tls, Agent>>,
    /// Whether a part of the work has failed, so that the rest is of no use.
    has_failed: AtomicBool,
    jitter: RandomState,
}

/// What goes with a request.
pub(super) enum Body<'c> {
    Empty,
    Bytes(&'c [u8]),
    /// So many bytes, which can be read again for another try.
    Stream(u64, &'c dyn Fn() -> Result<Box<dyn Read + 'c>>),
}

/// Where a request goes.
#[derive(Debug, Clone)]
pub(super) enum Target {
    /// A path of the registry's API.
    Api(String),
    /// Where an answer said to go on.
    Location(Url),
}

/// A request to a registry.
pub(super) struct Call<'c> {
    pub(super) method: Method,
    pub(super) access: &'c Access,
    pub(super) target: Target,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body<'c>,
    /// Whether a failure is tried again here; who sends a blob knows better how.
    pub(super) is_retried: bool,
}

impl<'c> Call<'c> {
    pub(super) fn new(method: Method, access: &'c Access, target: Target) -> Self {
        Self {
            method,
            access,
            target,
            headers: Vec::new(),
            body: Body::Empty,
            is_retried: true,
        }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn body(mut self, body: Body<'c>) -> Self {
        self.body = body;
        self
    }

    pub(super) fn tried_once(mut self) -> Self {
        self.is_retried = false;
        self
    }
}

/// An answer, of any status.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: ResponseBody,
    /// What was asked for, in the end.
    pub(super) url: Url,
    method: Method,
}

impl Answer {
    pub(super) fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// `404 Not Found`.
    pub(super) fn status_line(&self) -> String {
        match self.status.canonical_reason() {
            Some(reason) => format!("{} {reason}", self.status.as_u16()),
            None => self.status.as_u16().to_string(),
        }
    }

    pub(super) fn is_to_head(&self) -> bool {
        self.method == Method::HEAD
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn location(&self) -> Result<Url> {
        let location = self.header("location").ok_or_else(|| {
            Error::new(
                ErrorKind::Network,
                format!(
                    "{} {} answered {} without a Location",
                    self.method,
                    self.url,
                    self.status_line()
                ),
            )
        })?;
        self.url.join(location)
    }

    /// The same answer with its body in memory, and that body, which is at most `most` bytes long.
    fn read(mut self, most: u64) -> Result<(Self, Vec<u8>), Fault> {
        let host = self.url.authority.clone();
        let mut bytes = Vec::new();
        let body = std::mem::replace(&mut self.body, ResponseBody::builder().data(Vec::new()));
        let read = body.into_reader().take(most + 1).read_to_end(&mut bytes);
        read.map_err(|cause| Fault::of_io(cause, &host))?;
        if bytes.len() as u64 > most {
            return Err(Fault::Final(Error::new(
                ErrorKind::Network,
                format!("the answer of {} is longer than {most} bytes", self.url),
            )));
        }
        self.body = ResponseBody::builder().data(bytes.clone());
        Ok((self, bytes))
    }

    /// The body of an answer that was read whole.
    pub(super) fn into_body(self) -> Result<Vec<u8>> {
        let host = self.url.authority.clone();
        let mut bytes = Vec::new();
        let read = self.body.into_reader().read_to_end(&mut bytes);
        read.map_err(|cause| Fault::of_io(cause, &host).into_error(&host))?;
        Ok(bytes)
    }

    pub(super) fn into_reader(self) -> impl Read + Send + 'static {
        self.body.into_reader()
    }

    /// Reads what is left, so that the connection can be used again.
    fn drain(self) {
        let _ = io::copy(&mut self.body.into_reader().take(MAX_BODY), &mut io::sink());
    }

    /// What the registry says in an answer that is an error.
    pub(super) fn into_error(self, redact: impl Fn(&str) -> String) -> ApiError {
        let mut bytes = Vec::new();
        let _ = self.body.into_reader().take(MAX_BODY).read_to_end(&mut bytes);
        ApiError::read(&bytes, redact)
    }
}

/// What a connection rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Tls {
    None,
    /// Whether certificates are verified, and whether ours is shown.
    Some(bool, bool),
}

/// Ends the watch also when the work panics.
struct EndOfWatch<'w>(&'w AtomicBool, thread::Thread);

impl Drop for EndOfWatch<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
        self.1.unpark();
    }
}

impl<'a> Client<'a> {
    /// A client that has not spoken to anybody yet.
    #[must_use]
    pub fn new(mut settings: Settings, progress: &'a dyn Progress) -> Self {
        let keyring = std::mem::take(&mut settings.keyring);
        Self {
            settings,
            progress,
            authorizer: Authorizer::new(keyring),
            schemes: Mutex::default(),
            registries: Mutex::default(),
            agents: Mutex::default(),
            has_failed: AtomicBool::new(false),
            jitter: RandomState::new(),
        }
    }

    /// Does `work`, and cuts all connections as soon as a stop is requested. No error that comes of it holds a secret.
    pub fn watched<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let is_done = AtomicBool::new(false);
        thread::scope(|scope| {
            let watch = scope.spawn(|| {
                while !is_done.load(Ordering::Acquire) {
                    if self.progress.stop_requested() {
                        for agent in self.agents.lock().unwrap_or_else(PoisonError::into_inner).values() {
                            agent.clone().shutdown();
                        }
                    }
                    thread::park_timeout(SLICE);
                }
            });
            let _end = EndOfWatch(&is_done, watch.thread().clone());
            work()
        })
        .map_err(|error| error.map_text(&|text| self.authorizer.redact(text)))
    }

    /// The rest of the work is of no use: whoever waits is to end.
    pub(super) fn give_up(&self) {
        self.has_failed.store(true, Ordering::Relaxed);
    }

    /// An error once the work is to end.
    pub(super) fn check(&self) -> Result<()> {
        if self.has_failed.load(Ordering::Relaxed) {
            return Err(Error::new(
                ErrorKind::Stopped,
                "stopped because another part has failed",
            ));
        }
        self.progress.check()
    }

    /// Tells what only those want to know who look for a fault.
    pub(super) fn detail(&self, text: &str) {
        self.progress.detail(&self.authorizer.redact(text));
    }

    /// Sends a request until there is an answer that another try would not change.
    pub(super) fn send(&self, mut call: Call<'_>) -> Result<Answer> {
        let mut attempt = 0;
        loop {
            self.check()?;
            let outcome = self.exchange(&mut call);
            // a connection that was cut because we stop is no fault
            self.check()?;
            let may_retry = call.is_retried && attempt < self.settings.retries;
            match outcome {
                Ok(answer) if is_passing(answer.status()) && may_retry => {
                    let Some(wait) = self.wait_after(&answer, attempt) else {
                        return Ok(answer);
                    };
                    self.detail(&format!("trying again in {} ms", wait.as_millis()));
                    self.sleep(wait)?;
                }
                Ok(answer) => return Ok(answer),
                Err(Fault::Passing(why) | Fault::NotHttp(why)) if may_retry => {
                    let wait = self.back_off(attempt);
                    self.detail(&format!("{why}; trying again in {} ms", wait.as_millis()));
                    self.sleep(wait)?;
                }
                Err(fault) => return Err(self.failed(&call, fault, attempt)),
            }
            attempt += 1;
        }
    }

    /// The same with a body that is at most `most` bytes long, read whole: what breaks off, or is not what `check` wants, is asked for
    /// again.
    pub(super) fn send_and_read<'c>(
        &self,
        make: impl Fn() -> Call<'c>,
        most: u64,
        check: impl Fn(&[u8]) -> Result<()>,
    ) -> Result<Answer> {
        let mut attempt = 0;
        loop {
            let answer = self.send(make())?;
            if answer.status() != 200 {
                return Ok(answer);
            }
            let (asked, registry) = (
                format!("{} {}", answer.method, answer.url),
                answer.url.authority.clone(),
            );
            let read = answer.read(most);
            self.check()?;
            let may_retry = attempt < self.settings.retries;
            match read {
                Ok((answer, bytes)) => match check(&bytes) {
                    Ok(()) => return Ok(answer),
                    Err(error) if may_retry => self.detail(&format!("{asked}: {error}; trying again")),
                    Err(error) => {
                        return Err(error
                            .context(format!("{asked} gave other content than was asked for"))
                            .with_hint("the registry, or something before it, changes what passes through"));
                    }
                },
                Err(Fault::Passing(why) | Fault::NotHttp(why)) if may_retry => {
                    self.detail(&format!("{asked}: {why}; trying again"));
                }
                Err(fault) => {
                    return Err(fault
                        .into_error(host_of(&registry))
                        .context(format!("{asked} broke off")));
                }
            }
            self.wait_before_retry(attempt)?;
            attempt += 1;
        }
    }

    /// The error for a request that got no answer.
    fn failed(&self, call: &Call<'_>, fault: Fault, attempt: u32) -> Error {
        let url = self.url_of(call);
        if let Fault::Final(error) = &fault
            && error.kind() == ErrorKind::Damaged
        {
            return fault.into_error("");
        }
        let tries = match attempt {
            0 => String::new(),
            more => format!(" ({} tries)", more + 1),
        };
        if let Fault::Final(error) = fault {
            return error.context(format!("{} {url} failed", call.method));
        }
        fault
            .into_error(host_of(&url.authority))
            .context(format!("no answer to {} {url}{tries}", call.method))
    }

    /// One try: the request, the login that it may ask for, the redirects that it may lead through.
    fn exchange(&self, call: &mut Call<'_>) -> Result<Answer, Fault> {
        let registry = call.access.registry.clone();
        self.registries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(self.origin(&registry).authority);
        let mut header = self.authorizer.header(self, call.access).map_err(Fault::Final)?;
        let answer = self.on_some_scheme(call, header.as_ref())?;
        if answer.status() != 401 || !answer.url.same_origin(&self.origin(&registry)) {
            return Ok(answer);
        }
        let challenges: Vec<String> = answer
            .headers
            .get_all("www-authenticate")
            .iter()
            .filter_map(|value| value.to_str().ok().map(ToOwned::to_owned))
            .collect();
        if challenges.is_empty() {
            return Ok(answer);
        }
        let fresh = self
            .authorizer
            .challenged(self, call.access, &challenges, &answer.url, header.as_ref())
            .map_err(Fault::Final)?;
        match fresh {
            Some(fresh) => header = Some(fresh),
            None => return Ok(answer),
        }
        answer.drain();
        self.follow(call, &self.url_of(call), header.as_ref())
    }

    /// Finds out how the registry is to be spoken to, where that is not sure.
    fn on_some_scheme(&self, call: &mut Call<'_>, header: Option<&Secret>) -> Result<Answer, Fault> {
        let registry = call.access.registry.clone();
        let is_known = self.known_scheme(&registry).is_some();
        let url = self.url_of(call);
        let outcome = self.follow(call, &url, header);
        if is_known || matches!(call.target, Target::Location(_)) {
            return outcome;
        }
        let other = match self.schemes_of(&registry) {
            [_, other] => Some(*other),
            _ => None,
        };
        let speaks_other = match (&outcome, url.scheme) {
            // a connection that breaks says nothing about what the other side speaks
            (Err(Fault::NoTls), Scheme::Https) | (Err(Fault::WantsTls | Fault::NotHttp(_)), Scheme::Http) => true,
            (Err(Fault::Passing(why)), Scheme::Https) => why.starts_with(REFUSED) && self.is_insecure(&registry),
            // servers that want TLS say so in a body, which HEAD has not
            (Ok(answer), Scheme::Http) => answer.status() == 400 && call.method == Method::HEAD,
            _ => false,
        };
        let Some(other) = other.filter(|_| speaks_other) else {
            if outcome.is_ok() {
                self.remember(&registry, url.scheme);
            }
            return outcome;
        };
        match (outcome, self.follow(call, &Self::url_as(call, other), header)) {
            (_, Ok(answer)) => {
                self.remember(&registry, other);
                Ok(answer)
            }
            // it was a plain answer after all
            (Ok(answer), Err(Fault::NoTls | Fault::Passing(_))) => {
                self.remember(&registry, url.scheme);
                Ok(answer)
            }
            // the first failure tells more, unless it only says that the other scheme is the right one
            (Err(Fault::NoTls | Fault::WantsTls) | Ok(_), Err(second))
            | (Err(Fault::NotHttp(_)), Err(second @ Fault::Final(_))) => Err(second),
            (Err(first), Err(_)) => Err(first),
        }
    }

    /// Sends to `url` and on to where answers lead. Credentials stay with the registry.
    fn follow(&self, call: &mut Call<'_>, url: &Url, header: Option<&Secret>) -> Result<Answer, Fault> {
        let registry = call.access.registry.clone();
        let mut url = url.clone();
        let method = call.method.clone();
        for _ in 0..=MAX_REDIRECTS {
            if url.scheme == Scheme::Http && self.is_secure(&registry) {
                return Err(Fault::Final(
                    Error::new(
                        ErrorKind::Network,
                        format!("{registry} leads to {url}, which is not encrypted"),
                    )
                    .with_hint("the registry, or a proxy before it, is set up wrong"),
                ));
            }
            let own = header.filter(|_| {
                url.same_origin(&Self::origin_as(&registry, url.scheme)) && self.may_carry(&registry, &url)
            });
            let answer = self.once(&method, &url, &call.headers, &mut call.body, own)?;
            // 303 leads to an answer about what was sent, which no registry has
            let is_redirect = matches!(answer.status(), 301 | 302 | 307 | 308)
                || (answer.status() == 303 && matches!(method, Method::GET | Method::HEAD));
            if !is_redirect || answer.header("location").is_none() {
                return Ok(answer);
            }
            let next = answer.location().map_err(Fault::Final)?;
            answer.drain();
            url = next;
        }
        Err(Fault::Final(
            Error::new(
                ErrorKind::Network,
                format!("{registry} leads from one address to the next, {MAX_REDIRECTS} times and more"),
            )
            .with_hint("its redirects are set up wrong"),
        ))
    }

    /// Credentials go over plain HTTP only to a registry that is meant to be spoken to like that.
    fn may_carry(&self, registry: &str, url: &Url) -> bool {
        url.scheme == Scheme::Https || self.schemes_of(registry).contains(&Scheme::Http)
    }

    /// One request, one answer.
    fn once(
        &self,
        method: &Method,
        url: &Url,
        headers: &[(&'static str, String)],
        body: &mut Body<'_>,
        authorization: Option<&Secret>,
    ) -> Result<Answer, Fault> {
        let malformed = |cause: ureq::http::Error| {
            Fault::Final(Error::new(ErrorKind::Network, format!("`{url}` is no address to go to")).with_source(cause))
        };
        let mut request = Request::builder().method(method).uri(url.on_the_wire());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization.reveal());
        }
        let agent = self.agent(url).map_err(Fault::Final)?;
        let proxy = self.proxy(url).map_err(Fault::Final)?;
        let through = proxy
            .as_ref()
            .map(|proxy| format!(", through the proxy {}:{}", proxy.host(), proxy.port()))
            .unwrap_or_default();
        let mut content: Box<dyn Read + '_>;
        let length = match body {
            Body::Empty => {
                content = Box::new(io::empty());
                matches!(*method, Method::POST | Method::PUT | Method::PATCH).then_some(0)
            }
            Body::Bytes(bytes) => {
                content = Box::new(*bytes);
                Some(bytes.len() as u64)
            }
            Body::Stream(length, open) => {
                content = open().map_err(Fault::Final)?;
                Some(*length)
            }
        };
        if let Some(length) = length {
            request = request.header("content-length", length);
        }
        let outcome = if length.unwrap_or_default() == 0 {
            let request = request.body(()).map_err(malformed)?;
            agent.run(agent.configure_request(request).proxy(proxy).build())
        } else {
            let request = request.body(SendBody::from_reader(&mut content)).map_err(malformed)?;
            agent.run(agent.configure_request(request).proxy(proxy).build())
        };
        let host = host_of(&url.authority);
        let outcome = outcome.map_err(|error| match Fault::of(error, host) {
            Fault::Passing(why) if why == NO_SIGN_OF_LIFE => Fault::Passing(format!(
                "{why} for {} s (--timeout){through}",
                self.settings.timeout.as_secs()
            )),
            Fault::Passing(why) => Fault::Passing(format!("{why}{through}")),
            Fault::Final(error) if error.kind() == ErrorKind::NotFound && !through.is_empty() => Fault::Final(
                Error::new(ErrorKind::NotFound, format!("a name is not known{through}"))
                    .with_hint("look for a typing error in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY"),
            ),
            fault => fault,
        });
        let said = match &outcome {
            Ok(response) => response.status().as_u16().to_string(),
            Err(Fault::Passing(why) | Fault::NotHttp(why)) => why.clone(),
            Err(Fault::NoTls) => "no TLS".to_owned(),
            Err(_) => "failed".to_owned(),
        };
        self.detail(&format!("{method} {url} {said}"));
        let (parts, body) = outcome?.into_parts();
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            body,
            url: url.clone(),
            method: method.clone(),
        };
        if url.scheme == Scheme::Http && answer.status() == 400 {
            return Self::unless_tls_is_wanted(answer);
        }
        Ok(answer)
    }

    /// Servers of Go, nginx and Apache say so in words.
    fn unless_tls_is_wanted(answer: Answer) -> Result<Answer, Fault> {
        let (status, headers, url, method) = (
            answer.status,
            answer.headers.clone(),
            answer.url.clone(),
            answer.method.clone(),
        );
        let mut text = Vec::new();
        let _ = answer.into_reader().take(MAX_BODY).read_to_end(&mut text);
        let said = String::from_utf8_lossy(&text).to_ascii_lowercase();
        if said.contains("https server") || said.contains("https port") || said.contains("ssl-enabled server port") {
            return Err(Fault::WantsTls);
        }
        Ok(Answer {
            status,
            headers,
            body: ResponseBody::builder().data(text),
            url,
            method,
        })
    }

    /// Asks a token service, at most as often as a registry.
    pub(super) fn ask_token_service(
        &self,
        url: &Url,
        authorization: Option<&Secret>,
        form: Option<&[(&str, &str)]>,
    ) -> Result<Answer> {
        let encode =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let form = form.map(|form| {
            let pairs: Vec<String> = form
                .iter()
                .map(|(name, value)| format!("{name}={}", encode(value)))
                .collect();
            pairs.join("&")
        });
        let (method, headers) = match form {
            Some(_) => (
                Method::POST,
                vec![("content-type", "application/x-www-form-urlencoded".to_owned())],
            ),
            None => (Method::GET, Vec::new()),
        };
        let mut attempt = 0;
        let mut redirects = 0;
        let (mut url, mut authorization) = (url.clone(), authorization);
        loop {
            self.check()?;
            let mut body = form.as_ref().map_or(Body::Empty, |form| Body::Bytes(form.as_bytes()));
            let outcome = self
                .once(&method, &url, &headers, &mut body, authorization)
                .and_then(|answer| answer.read(MAX_TOKEN).map(|(answer, _)| answer));
            self.check()?;
            let may_retry = attempt < self.settings.retries;
            let wait = match outcome {
                Ok(answer) if is_passing(answer.status()) && may_retry => match self.wait_after(&answer, attempt) {
                    Some(wait) => wait,
                    None => return Ok(answer),
                },
                Ok(answer)
                    if matches!(answer.status(), 301 | 302 | 307 | 308)
                        && form.is_none()
                        && redirects < MAX_REDIRECTS
                        && answer.header("location").is_some() =>
                {
                    let next = answer.location()?;
                    // a service may want TLS; another host gets no password
                    if next.scheme == Scheme::Http || host_of(&next.authority) != host_of(&url.authority) {
                        authorization = authorization.filter(|_| next.same_origin(&url));
                    }
                    url = next;
                    redirects += 1;
                    continue;
                }
                Ok(answer) => return Ok(answer),
                Err(Fault::Passing(_) | Fault::NotHttp(_)) if may_retry => self.back_off(attempt),
                Err(fault) => {
                    return Err(fault
                        .into_error(host_of(&url.authority))
                        .context(format!("no answer of the token service to {method} {url}")));
                }
            };
            self.sleep(wait)?;
            attempt += 1;
        }
    }

    /// The error for an answer that is not what was asked for.
    pub(super) fn refused(&self, access: &Access, answer: Answer) -> Error {
        self.refused_with(access, answer).0
    }

    /// The same, and what the registry says.
    pub(super) fn refused_with(&self, access: &Access, answer: Answer) -> (Error, ApiError) {
        let is_reading = matches!(answer.method, Method::GET | Method::HEAD);
        let (status, line) = (answer.status(), answer.status_line());
        let asked = format!("{} {}", answer.method, answer.url);
        let asked_wait = self.asked_wait(&answer);
        let is_elsewhere = !answer.url.same_origin(&self.origin(&access.registry));
        let api = answer.into_error(|text| self.authorizer.redact(text));
        let message = format!("{asked} answered {line}{}", api.suffix());
        let login = || match self.authorizer.used(access) {
            Some(source) => format!("the credentials from {source} were refused"),
            None => format!(
                "no credentials for {} were found; log in with docker or podman, or give --creds-stdin",
                access.registry
            ),
        };
        let (kind, hint) = match status {
            401 | 403 if is_elsewhere => (
                ErrorKind::Denied,
                "the registry leads to this storage, which does not let us in; that is for the registry to mend".to_owned(),
            ),
            401 => (ErrorKind::Denied, login()),
            403 => (
                ErrorKind::Denied,
                match self.authorizer.used(access) {
                    Some(source) => format!("the credentials from {source} may not do this with {}", access.repository),
                    None => login(),
                },
            ),
            404 if api.has("NAME_UNKNOWN") => (
                ErrorKind::NotFound,
                format!("{} has no repository {}, or hides it from us", access.registry, access.repository),
            ),
            404 if !is_reading => (
                ErrorKind::NotFound,
                format!("{} does not know {}, or an upload that it has begun", access.registry, access.repository),
            ),
            404 => (
                ErrorKind::NotFound,
                format!("look for a typing error in `{}` and its tag", access.repository),
            ),
            405 => (
                ErrorKind::Denied,
                "the registry does not take this; it may be for reading only".to_owned(),
            ),
            413 => (
                ErrorKind::Denied,
                "the registry, or a proxy before it, takes no bodies of this length; --chunk-size MIB sends blobs in parts".to_owned(),
            ),
            _ if asked_wait.is_some_and(|wait| wait > MAX_ASKED_WAIT) => (
                ErrorKind::Network,
                format!(
                    "the registry asks to come back in {} s; run the same command again then, it continues",
                    asked_wait.unwrap_or_default().as_secs()
                ),
            ),
            429 => (
                ErrorKind::Network,
                "the registry takes no more requests for now; run the same command again later".to_owned(),
            ),
            507 => (ErrorKind::Network, "the registry has no space left".to_owned()),
            500.. => (
                ErrorKind::Network,
                "the registry itself has failed; its log may say why; run the same command again to continue".to_owned(),
            ),
            _ if api.has("MANIFEST_BLOB_UNKNOWN") || api.has("BLOB_UNKNOWN") => (
                ErrorKind::Network,
                "the registry has lost blobs; --check-blobs looks for each of them".to_owned(),
            ),
            400..500 => (
                ErrorKind::Denied,
                "the registry refuses this; its message says why".to_owned(),
            ),
            _ => (ErrorKind::Network, "the registry does not do what the distribution specification says".to_owned()),
        };
        (Error::new(kind, message).with_hint(hint), api)
    }

    /// `https://registry`, or what was found out.
    pub(super) fn origin(&self, registry: &str) -> Url {
        let scheme = self
            .known_scheme(registry)
            .unwrap_or_else(|| self.schemes_of(registry)[0]);
        Self::origin_as(registry, scheme)
    }

    fn origin_as(registry: &str, scheme: Scheme) -> Url {
        let host = if registry == DOCKER_HUB.0 {
            DOCKER_HUB.1
        } else {
            registry
        };
        Url::new(scheme, &host.to_ascii_lowercase(), "/")
    }

    fn url_of(&self, call: &Call<'_>) -> Url {
        match &call.target {
            Target::Location(url) => url.clone(),
            Target::Api(path) => {
                let origin = self.origin(&call.access.registry);
                Url::new(origin.scheme, &origin.authority, path)
            }
        }
    }

    /// Where a request for the registry's API goes by another scheme.
    fn url_as(call: &Call<'_>, scheme: Scheme) -> Url {
        match &call.target {
            Target::Location(url) => url.clone(),
            Target::Api(path) => Url::new(scheme, &Self::origin_as(&call.access.registry, scheme).authority, path),
        }
    }

    /// Whether a host may be spoken to without TLS.
    pub(super) fn may_be_plain(&self, authority: &str) -> bool {
        self.schemes_of(authority).contains(&Scheme::Http)
    }

    /// Whether everything that goes to the registry is encrypted.
    pub(super) fn is_secure(&self, registry: &str) -> bool {
        self.schemes_of(registry) == [Scheme::Https]
    }

    fn is_insecure(&self, authority: &str) -> bool {
        let matches = |given: &String| given == authority || (!given.contains(':') && given == host_of(authority));
        self.settings.insecure.iter().any(matches)
    }

    /// What may be spoken with a registry, the first choice first.
    fn schemes_of(&self, registry: &str) -> &'static [Scheme] {
        let wants_tls = !self.settings.ca_files.is_empty() || self.settings.identity.is_some();
        if self.is_insecure(registry) || (is_loopback(registry) && wants_tls) {
            &[Scheme::Https, Scheme::Http]
        } else if is_loopback(registry) {
            &[Scheme::Http, Scheme::Https]
        } else {
            &[Scheme::Https]
        }
    }

    fn known_scheme(&self, registry: &str) -> Option<Scheme> {
        let schemes = self.schemes.lock().unwrap_or_else(PoisonError::into_inner);
        schemes.get(registry).copied()
    }

    fn remember(&self, registry: &str, scheme: Scheme) {
        let mut schemes = self.schemes.lock().unwrap_or_else(PoisonError::into_inner);
        schemes.insert(registry.to_owned(), scheme);
    }

    fn agent(&self, url: &Url) -> Result<Agent> {
        let is_registry = || {
            let registries = self.registries.lock().unwrap_or_else(PoisonError::into_inner);
            registries.contains(&url.authority)
        };
        let tls = match url.scheme {
            Scheme::Http => Tls::None,
            Scheme::Https => Tls::Some(!self.is_insecure(&url.authority), is_registry()),
        };
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = agents.get(&tls) {
            return Ok(agent.clone());
        }
        let timeout = Some(self.settings.timeout);
        let connections = self.settings.connections.get();
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("airpack/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(timeout)
            .timeout_connect(timeout)
            .timeout_per_read(timeout)
            .timeout_per_write(timeout)
            .max_idle_connections(2 * connections)
            .max_idle_connections_per_host(connections);
        if let Tls::Some(verify, shows_identity) = tls {
            config = config.tls_config(tls::config(&self.settings, verify, shows_identity)?);
        }
        Ok(agents.entry(tls).or_insert(config.build().new_agent()).clone())
    }

    fn proxy(&self, url: &Url) -> Result<Option<Proxy>> {
        let proxies = &self.settings.proxies;
        let given = match url.scheme {
            Scheme::Http => &proxies.http,
            Scheme::Https => &proxies.https,
        };
        let Some(given) = given.as_ref().filter(|_| !is_direct(&proxies.no_proxy, &url.authority)) else {
            return Ok(None);
        };
        let proxy = Proxy::new(given.reveal()).map_err(|_| {
            Error::invalid("the proxy that the environment names is malformed")
                .with_hint("give http://[user:password@]host:port in HTTPS_PROXY or HTTP_PROXY")
        })?;
        if !matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "the proxy {}:{} is of a kind that is not known",
                    proxy.host(),
                    proxy.port()
                ),
            )
            .with_hint("HTTP proxies are: give http://[user:password@]host:port in HTTPS_PROXY or HTTP_PROXY"));
        }
        Ok(Some(proxy))
    }

    /// How long to wait before the next try.
    fn back_off(&self, attempt: u32) -> Duration {
        let most = FIRST_WAIT.saturating_mul(1 << attempt.min(16)).min(MAX_WAIT);
        // between half of it and all of it, so that many clients do not come back at once
        let random = u32::try_from(self.jitter.hash_one(attempt) % 512).unwrap_or_default();
        most * (512 + random) / 1024
    }

    /// How long to wait before the next try: what the registry asks for, else what we choose; `None` for longer than anybody waits.
    fn wait_after(&self, answer: &Answer, attempt: u32) -> Option<Duration> {
        match self.asked_wait(answer) {
            Some(asked) if asked > MAX_ASKED_WAIT => None,
            Some(asked) => Some(asked),
            None => Some(self.back_off(attempt)),
        }
    }

    /// `Retry-After` (RFC 9110, section 10.2.3).
    fn asked_wait(&self, answer: &Answer) -> Option<Duration> {
        let now = || {
            answer
                .header("date")
                .and_then(http_date)
                .unwrap_or_else(self.settings.now)
        };
        asked_wait(answer.header("retry-after")?, now)
    }

    /// Waits as long as an answer asks for.
    /// Whether that was not too long to wait for.
    pub(super) fn wait_as_asked(&self, answer: &Answer) -> Result<bool> {
        match self.wait_after(answer, 0) {
            Some(wait) => self.sleep(wait).map(|()| true),
            None => Ok(false),
        }
    }

    pub(super) fn wait_before_retry(&self, attempt: u32) -> Result<()> {
        self.sleep(self.back_off(attempt))
    }

    pub(super) fn retries(&self) -> u32 {
        self.settings.retries
    }

    fn sleep(&self, wait: Duration) -> Result<()> {
        let mut left = wait;
        while !left.is_zero() {
            self.check()?;
            let slice = left.min(SLICE);
            thread::sleep(slice);
            left -= slice;
        }
        self.check()
    }
}

/// Whether the same request may get another answer soon.
pub(super) fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

/// Seconds, or a date.
fn asked_wait(text: &str, now: impl Fn() -> Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let wait = http_date(text)?.duration_since(now());
    Some(Duration::try_from(wait).unwrap_or_default())
}

/// A date as HTTP has them (RFC 9110, section 5.6.7).
fn http_date(text: &str) -> Option<Timestamp> {
    Some(jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp())
}

/// Whether a host is reached without a proxy, by the rules that most tools have for `NO_PROXY`; loopback always is.
fn is_direct(no_proxy: &str, authority: &str) -> bool {
    let host = host_of(authority);
    let matches = |entry: &str| {
        let entry = entry.to_ascii_lowercase();
        let suffix = entry.trim_start_matches('*').trim_start_matches('.');
        match entry.as_str() {
            "" => false,
            "*" => true,
            _ if entry == authority || entry == host => true,
            _ => host.strip_suffix(suffix).is_some_and(|front| front.ends_with('.')),
        }
    };
    is_loopback(authority) || no_proxy.split(',').map(str::trim).any(matches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_seconds_or_dates() {
        let now = || http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(asked_wait(text, now), expected.map(Duration::from_secs), "{text}");
        };
        check("7", Some(7));
        check("Sun, 06 Nov 1994 08:49:47 GMT", Some(10));
        check("Sun, 06 Nov 1994 08:49:27 GMT", Some(0));
        check("soon", None);
    }

    #[test]
    fn some_hosts_need_no_proxy() {
        let check = |no_proxy: &str, authority: &str, expected: bool| {
            assert_eq!(is_direct(no_proxy, authority), expected, "{no_proxy} {authority}");
        };
        check("", "localhost:5000", true);
        check("", "r.test", false);
        check("a.test, r.test", "r.test:5000", true);
        check("r.test:5000", "r.test:5000", true);
        check("r.test:5001", "r.test:5000", false);
        check("test", "r.test", true);
        check(".test", "r.test", true);
        check("*.test", "r.test", true);
        check("est", "r.test", false);
        check("*", "r.test", true);
    }
}
