//! [`Listener`]: the little of an HTTP/1.1 server that answers to GET and HEAD need (RFC 9112).
//!
//! A client that begins with TLS is told at once that there is none, and an answer that breaks off ends its connection: both are how
//! clients learn of it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// The longest head of a request.
const MAX_HEAD: usize = 32 << 10;
/// Headers of a request.
const MAX_HEADERS: usize = 64;
/// The most of a body that is read before a request that has one is refused.
const MAX_BODY: u64 = 1 << 20;
/// Connections at once.
const MAX_CONNECTIONS: usize = 256;
/// How long a client may be silent.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the rest of a refused request is waited for.
const SHORT_PATIENCE: Duration = Duration::from_secs(1);
/// Between two looks at whether to stop.
const SLICE: Duration = Duration::from_millis(50);
/// Bytes that are sent at once.
const COPY_LEN: usize = 128 << 10;

/// A request without its body.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    headers: Vec<(String, String)>,
    is_http_1_0: bool,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name))?;
        Some(&found.1)
    }

    fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    fn has_body(&self) -> bool {
        self.header("transfer-encoding").is_some() || self.header("content-length").is_some_and(|length| length != "0")
    }

    /// Whether the connection is good for another request.
    fn keeps_open(&self) -> bool {
        let said = self.header("connection").unwrap_or_default().to_ascii_lowercase();
        !self.has_body() && !said.contains("close") && (!self.is_http_1_0 || said.contains("keep-alive"))
    }
}

/// What is answered.
pub(super) struct Reply<'s> {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) length: u64,
    pub(super) body: Box<dyn Read + Send + 's>,
}

/// A socket that listens.
pub(super) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    /// Connections that are open, so that they can be cut.
    open: Mutex<HashMap<u64, TcpStream>>,
    next: AtomicU64,
}

impl Listener {
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpListener::bind(address)?;
        Ok(Self {
            address: socket.local_addr()?,
            socket,
            open: Mutex::default(),
            next: AtomicU64::new(0),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` says so, each connection in a thread of its own.
    pub(super) fn run<'s>(
        &self,
        stop: &(dyn Fn() -> bool + Sync),
        answer: &(dyn Fn(&Asked) -> Reply<'s> + Sync),
    ) -> io::Result<()> {
        thread::scope(|scope| {
            let _end = Cut(self);
            scope.spawn(|| {
                while !stop() {
                    thread::sleep(SLICE);
                }
                self.cut_all();
                // wakes the thread that waits for a connection
                let _ = TcpStream::connect_timeout(&self.own_address(), SLICE);
            });
            for stream in self.socket.incoming() {
                if stop() {
                    break;
                }
                let Ok(stream) = stream else {
                    // the client has gone again, or there are too many files: others may do better
                    thread::sleep(SLICE);
                    continue;
                };
                if self.count() >= MAX_CONNECTIONS {
                    continue;
                }
                let Some(id) = self.enter(&stream) else { continue };
                scope.spawn(move || {
                    let _leave = Leave(self, id);
                    let _ = serve(&stream, answer);
                });
                if stop() {
                    break;
                }
            }
            Ok(())
        })
    }

    fn own_address(&self) -> SocketAddr {
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        SocketAddr::new(ip, self.address.port())
    }

    fn enter(&self, stream: &TcpStream) -> Option<u64> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let copy = stream.try_clone().ok()?;
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, copy);
        Some(id)
    }

    fn leave(&self, id: u64) {
        let stream = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        if let Some(stream) = stream {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn count(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn cut_all(&self) {
        for stream in self.open.lock().unwrap_or_else(PoisonError::into_inner).values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// A connection ends with its thread, however that ends.
struct Leave<'l>(&'l Listener, u64);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.leave(self.1);
    }
}

/// No connection outlives the server, however it ends.
struct Cut<'l>(&'l Listener);

impl Drop for Cut<'_> {
    fn drop(&mut self) {
        self.0.cut_all();
    }
}

/// Answers the requests of one connection, one after the other.
fn serve<'s>(stream: &TcpStream, answer: &(dyn Fn(&Asked) -> Reply<'s> + Sync)) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut input = BufReader::new(stream);
    loop {
        let asked = match read_head(&mut input)? {
            Head::None => return Ok(()),
            Head::Bad(why) => return refuse(stream, why),
            Head::Asked(asked) => asked,
        };
        let keeps_open = asked.keeps_open();
        let reply = answer(&asked);
        send(stream, reply, asked.is_head(), keeps_open)?;
        if !keeps_open {
            // whoever is still sending would lose the answer with the connection
            stream.shutdown(Shutdown::Write)?;
            stream.set_read_timeout(Some(SHORT_PATIENCE))?;
            io::copy(&mut input.by_ref().take(MAX_BODY), &mut io::sink())?;
            return Ok(());
        }
    }
}

enum Head {
    /// The client has nothing more to ask.
    None,
    /// It is no request, for this reason.
    Bad(&'static str),
    Asked(Asked),
}

fn read_head(input: &mut BufReader<&TcpStream>) -> io::Result<Head> {
    let mut head = Vec::new();
    loop {
        let available = input.fill_buf()?;
        if available.is_empty() {
            return Ok(if head.is_empty() {
                Head::None
            } else {
                Head::Bad("it ends too early")
            });
        }
        // methods are words; the handshake of TLS begins with a control character
        if head.is_empty() && !available[0].is_ascii_alphabetic() && !available[0].is_ascii_whitespace() {
            return Ok(Head::Bad("an HTTPS request was sent to an HTTP server"));
        }
        let before = head.len();
        head.extend_from_slice(available);
        let taken = available.len();
        if let Some(end) = end_of_head(&head) {
            input.consume(end - before);
            head.truncate(end);
            return Ok(parse(&head));
        }
        input.consume(taken);
        if head.len() > MAX_HEAD {
            return Ok(Head::Bad("its head is too long"));
        }
    }
}

/// Behind the empty line.
fn end_of_head(head: &[u8]) -> Option<usize> {
    let crlf = head
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map(|at| at + 4);
    let lf = head.windows(2).position(|window| window == b"\n\n").map(|at| at + 2);
    crlf.into_iter().chain(lf).min()
}

fn parse(head: &[u8]) -> Head {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    if !matches!(request.parse(head), Ok(httparse::Status::Complete(_))) {
        return Head::Bad("it is no HTTP request");
    }
    let (Some(method), Some(target)) = (request.method, request.path) else {
        return Head::Bad("it is no HTTP request");
    };
    Head::Asked(Asked {
        method: method.to_owned(),
        target: target.to_owned(),
        is_http_1_0: request.version == Some(0),
        headers: request
            .headers
            .iter()
            .map(|header| {
                (
                    header.name.to_owned(),
                    String::from_utf8_lossy(header.value).into_owned(),
                )
            })
            .collect(),
    })
}

fn refuse(mut stream: &TcpStream, why: &str) -> io::Result<()> {
    let length = why.len() + 1;
    write!(
        stream,
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{why}\n"
    )
}

fn send(mut stream: &TcpStream, reply: Reply<'_>, is_head: bool, keeps_open: bool) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {} {}\r\n", reply.status, reason(reply.status));
    for (name, value) in &reply.headers {
        // values come from digests, media types and names, which may hold anything
        if value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            let _ = write!(head, "{name}: {value}\r\n");
        }
    }
    let _ = write!(head, "Content-Length: {}\r\n", reply.length);
    if !keeps_open {
        head += "Connection: close\r\n";
    }
    head += "\r\n";
    if is_head {
        return stream.write_all(head.as_bytes());
    }
    let mut body = reply.body.take(reply.length);
    let mut buffer = vec![0; COPY_LEN];
    let mut pending = head.into_bytes();
    let mut left = reply.length;
    while left > 0 {
        let count = body.read(&mut buffer)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // the last bytes go when the reader has seen its end and found nothing wrong
        stream.write_all(&pending)?;
        pending.clear();
        pending.extend_from_slice(&buffer[..count]);
        left -= count as u64;
    }
    if body.into_inner().read(&mut [0])? > 0 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    stream.write_all(&pending)
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        416 => "Range Not Satisfiable",
        _ => "Internal Server Error",
    }
}
