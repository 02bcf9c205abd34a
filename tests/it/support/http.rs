//! HTTP/1.1 as it goes over the wire, with none of the tool's own code: for the registry and the client of the tests.

use std::fmt::{self, Write as _};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// The longest line that is read; a longer one is a fault.
const MAX_LINE: u64 = 1 << 20;

/// Names as they were sent, in their order.
pub(crate) type Headers = Vec<(String, String)>;

/// The value of the first header with this name, in any case.
pub(crate) fn header<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    let found = headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// The first line and the headers of a request or an answer.
pub(crate) struct Head {
    pub(crate) line: String,
    pub(crate) headers: Headers,
}

impl Head {
    /// Reads up to the empty line; nothing if the other side has closed the connection before it.
    pub(crate) fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some(line) = read_line(reader)? else {
            return Ok(None);
        };
        let mut headers = Headers::new();
        loop {
            let Some(line) = read_line(reader)? else {
                return Ok(None);
            };
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or(io::ErrorKind::InvalidData)?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        Ok(Some(Self { line, headers }))
    }
}

fn read_line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    reader.take(MAX_LINE).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    let line = line.strip_suffix(b"\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    Ok(Some(String::from_utf8_lossy(line).into_owned()))
}

/// Reads the body that these headers announce, at most `limit` bytes of it. `each` gets it piece by piece.
pub(crate) fn read_body(
    reader: &mut impl BufRead,
    headers: &Headers,
    limit: u64,
    mut each: impl FnMut(&[u8]),
) -> io::Result<()> {
    let is_chunked = header(headers, "Transfer-Encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked"));
    if !is_chunked {
        let length = header(headers, "Content-Length").map_or(Ok(0), str::parse::<u64>);
        let length = length.map_err(|_| io::ErrorKind::InvalidData)?;
        return read_exactly(reader, length.min(limit), &mut each);
    }
    let mut left = limit;
    loop {
        let line = read_line(reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| io::ErrorKind::InvalidData)?;
        read_exactly(reader, size.min(left), &mut each)?;
        if size >= left && size > 0 {
            return Ok(());
        }
        left -= size;
        // what ends a chunk, or the last of them
        let end = read_line(reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if !end.is_empty() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if size == 0 {
            return Ok(());
        }
    }
}

fn read_exactly(reader: &mut impl BufRead, length: u64, each: &mut impl FnMut(&[u8])) -> io::Result<()> {
    let mut left = length;
    while left > 0 {
        let piece = reader.fill_buf()?;
        if piece.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let taken = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        each(&piece[..taken]);
        reader.consume(taken);
        left -= taken as u64;
    }
    Ok(())
}

/// An answer as a client of the tests got it.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {value}")?;
        }
        let begin = &self.body[..self.body.len().min(500)];
        write!(f, "{} bytes: {}", self.body.len(), String::from_utf8_lossy(begin))
    }
}

impl Answer {
    /// The value of a header that has to be there.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = header(&self.headers, name);
        value.unwrap_or_else(|| panic!("no {name} in {self:#?}"))
    }

    /// The body, which has to be JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }
}

/// A connection that stays open from one request to the next.
pub(crate) struct Connection {
    address: SocketAddr,
    reader: BufReader<TcpStream>,
}

impl Connection {
    /// Opens one; a read on it that takes longer than half a minute fails.
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.set_nodelay(true).unwrap();
        let reader = BufReader::new(stream);
        Self { address, reader }
    }

    /// Sends these bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    /// Sends a request without a body and reads the answer.
    #[track_caller]
    pub(crate) fn request(&mut self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        let mut text = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in headers {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        text += "\r\n";
        self.send(text.as_bytes()).unwrap();
        self.answer(method == "HEAD")
            .unwrap_or_else(|error| panic!("no answer to {method} {target}: {error}"))
    }

    /// Reads an answer; `is_head` if it has no body whatever its headers say.
    pub(crate) fn answer(&mut self, is_head: bool) -> io::Result<Answer> {
        let head = Head::read(&mut self.reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let status = head.line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or(io::ErrorKind::InvalidData)?;
        let mut body = Vec::new();
        let length = header(&head.headers, "Content-Length").is_some();
        let chunked = header(&head.headers, "Transfer-Encoding").is_some();
        if is_head || status == 204 || status == 304 {
        } else if length || chunked {
            read_body(&mut self.reader, &head.headers, u64::MAX, |piece| body.extend(piece))?;
        } else {
            self.reader.read_to_end(&mut body)?;
        }
        Ok(Answer {
            status,
            headers: head.headers,
            body,
        })
    }
}

/// One request on a connection of its own.
#[track_caller]
pub(crate) fn request(address: SocketAddr, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
    Connection::open(address).request(method, target, headers)
}

/// The same with GET and no more headers.
#[track_caller]
pub(crate) fn get(address: SocketAddr, target: &str) -> Answer {
    request(address, "GET", target, &[])
}
