//! A small HTTP server of the tests: it stands before a registry and passes on what comes, or it answers by itself.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::layout_view::sha256;

/// How long a silent peer is waited for: longer than any test takes when all is well.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request as it came, without its body.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// As it stands in the first line, with its query.
    pub(crate) target: String,
    headers: Vec<(String, String)>,
}

impl Request {
    /// The value of a header, if it came.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The target without its query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// All values of a parameter of the query, decoded.
    pub(crate) fn query(&self, name: &str) -> Vec<String> {
        let query = self.target.split_once('?').map(|(_, query)| query).unwrap_or_default();
        parameters(query)
            .into_iter()
            .filter_map(|(key, value)| (key == name).then_some(value))
            .collect()
    }

    /// `METHOD target`.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    /// It can change nothing.
    pub(crate) fn only_looks(&self) -> bool {
        self.method == "GET" || self.method == "HEAD"
    }

    /// It is for a blob, or for sending one.
    pub(crate) fn is_for_blob(&self) -> bool {
        self.path().contains("/blobs/")
    }
}

/// The pairs of a query or a form, decoded.
pub(crate) fn parameters(text: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| {
        let text = text.replace('+', " ");
        percent_encoding::percent_decode_str(&text)
            .decode_utf8()
            .unwrap()
            .into_owned()
    };
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(key), decoded(value))
        })
        .collect()
}

/// What a test answers instead of the registry.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    /// Of this status, with a body of JSON or text.
    pub(crate) fn new(status: u16, body: impl AsRef<[u8]>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.as_ref().to_vec(),
        }
    }

    /// An error as the distribution specification has it.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({"errors": [{"code": code, "message": message}]});
        Self::new(status, body.to_string()).with("Content-Type", "application/json")
    }

    /// One more header.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    fn send(&self, mut stream: &TcpStream, is_head: bool) {
        let mut text = format!("HTTP/1.1 {} Test\r\nConnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        let mut bytes = text.into_bytes();
        if !is_head {
            bytes.extend_from_slice(&self.body);
        }
        // who asked may have gone
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(Shutdown::Write);
        // what it is still sending must be read, or the answer is lost with the connection
        let _ = std::io::copy(&mut stream.take(64 << 20), &mut std::io::sink());
    }
}

/// What becomes of a request.
pub(crate) enum Reply {
    /// This is the answer.
    Answer(Answer),
    /// It goes on to this server, and what that says comes back.
    Forward(SocketAddr),
}

/// A request that has just come, the rest of which can be read.
pub(crate) struct Exchange {
    pub(crate) request: Request,
    stream: BufReader<TcpStream>,
}

/// The server. It ends when this is dropped.
pub(crate) struct Front {
    address: SocketAddr,
    log: Arc<Mutex<Vec<Request>>>,
    is_over: Arc<AtomicBool>,
}

impl Front {
    /// Answers as `reply` says.
    pub(crate) fn start(reply: impl Fn(&mut Exchange) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let front = Self {
            address: listener.local_addr().unwrap(),
            log: Arc::default(),
            is_over: Arc::default(),
        };
        let (log, is_over, reply) = (Arc::clone(&front.log), Arc::clone(&front.is_over), Arc::new(reply));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if is_over.load(Ordering::Acquire) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (log, reply) = (Arc::clone(&log), Arc::clone(&reply));
                thread::spawn(move || serve(stream, &log, &*reply));
            }
        });
        front
    }

    /// Passes everything on to `server`.
    pub(crate) fn before(server: SocketAddr) -> Self {
        Self::start(move |_| Reply::Forward(server))
    }

    /// Passes on to `server` what `answer` has no answer to.
    pub(crate) fn unless(
        server: SocketAddr,
        answer: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        Self::start(move |exchange| answer(&exchange.request).map_or(Reply::Forward(server), Reply::Answer))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request so far, in the order in which they came.
    pub(crate) fn log(&self) -> Vec<Request> {
        self.log.lock().unwrap().clone()
    }

    /// The log so far, which is empty from here on.
    pub(crate) fn take_log(&self) -> Vec<Request> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }

    /// The first lines of all requests so far, as text.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.log().iter().map(Request::line).collect()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        // wakes the listener
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, log: &Mutex<Vec<Request>>, reply: &dyn Fn(&mut Exchange) -> Reply) {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let _ = stream.set_nodelay(true);
    let Ok(writer) = stream.try_clone() else { return };
    let mut stream = BufReader::new(stream);
    let Some(request) = read_request(&mut stream) else {
        return;
    };
    log.lock().unwrap().push(request.clone());
    let mut exchange = Exchange { request, stream };
    match reply(&mut exchange) {
        Reply::Answer(answer) => answer.send(&writer, exchange.request.method == "HEAD"),
        Reply::Forward(server) => {
            let Ok(mut upstream) = TcpStream::connect(server) else {
                return;
            };
            if upstream.write_all(&head_for(&exchange.request)).is_ok() {
                both_ways(exchange.stream, writer, upstream);
            }
        }
    }
}

fn read_request(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        lines.push(line.to_owned());
    }
    let mut first = lines.first()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    Some(Request {
        method,
        target,
        headers,
    })
}

/// The head of the request as it is sent on: one request for each connection.
fn head_for(request: &Request) -> Vec<u8> {
    let target = match request.target.strip_prefix("http://") {
        // as proxies are asked
        Some(rest) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => &request.target,
    };
    let mut head = format!("{} {target} HTTP/1.1\r\nConnection: close\r\n", request.method);
    for (name, value) in &request.headers {
        let is_between_two = ["connection", "proxy-connection", "proxy-authorization"]
            .iter()
            .any(|own| name.eq_ignore_ascii_case(own));
        if !is_between_two {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// Copies until the server has said all.
fn both_ways(mut client: BufReader<TcpStream>, mut to_client: TcpStream, mut from_server: TcpStream) {
    let Ok(mut to_server) = from_server.try_clone() else {
        return;
    };
    thread::spawn(move || {
        let _ = std::io::copy(&mut client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
        // what comes after an early answer must be read, or the answer is lost with the connection
        let _ = std::io::copy(&mut client, &mut std::io::sink());
    });
    let _ = std::io::copy(&mut from_server, &mut to_client);
    let _ = to_client.shutdown(Shutdown::Write);
}

/// An answer to a request of the tests' own.
pub(crate) struct Got {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Got {
    /// The value of a header, if it came.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The digest of the body.
    pub(crate) fn digest(&self) -> String {
        sha256(&self.body)
    }
}

impl fmt::Display for Got {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

/// Sends one request and reads the answer to its end.
#[track_caller]
pub(crate) fn send(server: SocketAddr, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Got {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap_or_else(|| panic!("no HTTP in {:?}", String::from_utf8_lossy(&bytes)));
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let mut body = bytes.split_off(end + 4);
    let is_chunked = headers
        .iter()
        .any(|(name, value)| name.eq_ignore_ascii_case("transfer-encoding") && value == "chunked");
    if is_chunked {
        body = joined(&body);
    }
    Got { status, headers, body }
}

/// The content of a chunked body.
fn joined(mut rest: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let mut line = String::new();
        rest.read_line(&mut line).unwrap();
        let length = usize::from_str_radix(line.trim(), 16).unwrap();
        if length == 0 {
            return whole;
        }
        whole.extend_from_slice(&rest[..length]);
        rest = &rest[length + 2..];
    }
}
