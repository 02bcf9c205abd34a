//! One connection: requests one after the other, and what goes wrong with them.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::ops::RangeBounds as _;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_linger;

use super::protocol::{Place, Request};
use super::{Fault, Reply, Seen, Shared};
use crate::support::http::{Head, header, read_body};

/// Whether the connection is used again.
#[derive(PartialEq, Eq)]
enum Then {
    Keep,
    Close,
}

/// Answers requests until the client closes the connection or a fault does.
pub(super) fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    // who begins with TLS is not kept waiting for the end of a line
    while reader.fill_buf()?.first().is_some_and(u8::is_ascii_uppercase)
        && let Some(head) = Head::read(&mut reader)?
    {
        let wants_close = header(&head.headers, "Connection").is_some_and(|v| v.eq_ignore_ascii_case("close"));
        let mut exchange = Exchange::begin(stream, shared, &mut reader, head)?;
        let then = match exchange.pick_fault() {
            Some(fault) => exchange.faulty(fault)?,
            None => exchange.sound()?,
        };
        if wants_close || then == Then::Close {
            break;
        }
    }
    Ok(())
}

/// One request and its answer.
struct Exchange<'a> {
    stream: &'a TcpStream,
    shared: &'a Shared,
    reader: &'a mut BufReader<TcpStream>,
    request: Request,
    /// What the log knows it by.
    id: usize,
}

impl<'a> Exchange<'a> {
    fn begin(
        stream: &'a TcpStream,
        shared: &'a Shared,
        reader: &'a mut BufReader<TcpStream>,
        head: Head,
    ) -> io::Result<Self> {
        let request = Request::new(head).ok_or(io::ErrorKind::InvalidData)?;
        let mut state = shared.lock();
        let id = state.next_id;
        state.next_id += 1;
        state.log.push(Seen {
            id,
            method: request.method.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            headers: request.headers.clone(),
            body: 0,
            status: None,
            at: Instant::now(),
        });
        drop(state);
        Ok(Self {
            stream,
            shared,
            reader,
            request,
            id,
        })
    }

    /// The fault that this request meets.
    fn pick_fault(&self) -> Option<Fault> {
        let mut state = self.shared.lock();
        let seen = state.seen(self.id)?.clone();
        let mut found = None;
        for rule in &mut state.rules {
            if seen.matches(rule.method, &rule.part) {
                rule.matched += 1;
                if found.is_none() && rule.which.contains(&rule.matched) {
                    rule.met += 1;
                    found = Some(rule.fault.clone());
                }
            }
        }
        found
    }

    fn sound(&mut self) -> io::Result<Then> {
        let reply = self.done()?;
        self.send(&reply)
    }

    /// Reads the body and does what is asked.
    fn done(&mut self) -> io::Result<Reply> {
        let body = self.take(u64::MAX)?;
        Ok(self.handle(&body))
    }

    /// Reads at most `limit` bytes of the body. When the client breaks off, what came is kept in the upload.
    fn take(&mut self, limit: u64) -> io::Result<Vec<u8>> {
        if header(&self.request.headers, "Expect").is_some_and(|v| v.eq_ignore_ascii_case("100-continue")) {
            self.stream().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let mut body = Vec::new();
        let (shared, id) = (self.shared, self.id);
        let read = read_body(self.reader, &self.request.headers, limit, |piece| {
            body.extend(piece);
            if let Some(seen) = shared.lock().seen(id) {
                seen.body += piece.len() as u64;
            }
        });
        if let Err(error) = read {
            self.keep(&body);
            return Err(error);
        }
        Ok(body)
    }

    /// Takes the begin of a body into the upload that the request is about.
    fn keep(&self, part: &[u8]) {
        if let Place::Upload { id, .. } = &self.request.place {
            let id = id.clone();
            self.shared.lock().store.append(&id, &self.request, part);
        }
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each fault")]
    fn faulty(&mut self, fault: Fault) -> io::Result<Then> {
        match fault {
            Fault::Close => {
                self.take(u64::MAX)?;
            }
            Fault::Reset => self.reset()?,
            Fault::Stall => self.stall(),
            Fault::Answer(reply) => {
                self.take(u64::MAX)?;
                return self.send(&reply);
            }
            Fault::Early(reply) => {
                self.send(&reply.header("Connection", "close"))?;
                self.stream.shutdown(Shutdown::Write)?;
                // the client may still be sending: what comes is thrown away, so that the answer gets through
                let _ = io::copy(self.reader, &mut io::sink());
            }
            Fault::TakeThenReset(limit) => {
                let part = self.take(limit)?;
                self.keep(&part);
                self.reset()?;
            }
            Fault::TakeThenStall(limit) => {
                let part = self.take(limit)?;
                self.keep(&part);
                self.stall();
            }
            Fault::DoneThenClose => {
                self.done()?;
            }
            Fault::LoseUpload => {
                self.take(u64::MAX)?;
                if let Place::Upload { id, .. } = &self.request.place {
                    self.shared.lock().store.forget(id);
                }
                return self.send(&Reply::error(404, "BLOB_UPLOAD_UNKNOWN", "the upload is not known"));
            }
            Fault::TakePart(limit) => {
                let mut body = self.take(u64::MAX)?;
                body.truncate(usize::try_from(limit).unwrap());
                let reply = self.handle(&body);
                return self.send(&reply);
            }
            Fault::OutOfStep(left) => {
                self.take(u64::MAX)?;
                let reply = self.out_of_step(left);
                return self.send(&reply);
            }
            Fault::CutBody(length) => {
                self.send_part(length)?;
            }
            Fault::ResetBody(length) => {
                self.send_part(length)?;
                self.reset()?;
            }
            Fault::StallBody(length) => {
                self.send_part(length)?;
                self.stall();
            }
            Fault::ShortBody(length) => {
                let mut reply = self.done()?;
                reply.body.truncate(length);
                return self.send(&reply);
            }
            Fault::LongBody(more) => {
                let mut reply = self.done()?;
                reply.body.extend(vec![b'x'; more]);
                return self.send(&reply);
            }
            Fault::SlowTake(length, pause) => {
                let reply = self.taken_slowly(length, pause)?;
                return self.send(&reply);
            }
            Fault::SlowBody(pause) => {
                let reply = self.done()?;
                self.answered(reply.status);
                self.stream().write_all(reply.head(Some(reply.body.len())).as_bytes())?;
                for piece in reply.body.chunks(reply.body.len().div_ceil(8)) {
                    sleep(pause);
                    self.stream().write_all(piece)?;
                }
                return Ok(Then::Keep);
            }
            Fault::EndlessBody => self.endless()?,
            Fault::OtherBytes => {
                let mut reply = self.done()?;
                for byte in &mut reply.body {
                    *byte ^= 0x20;
                }
                return self.send(&reply);
            }
            Fault::Header(name, value) => {
                let reply = self.done()?.header(name, value);
                return self.send(&reply);
            }
            Fault::IgnoreRange => {
                self.drop_header("Range");
                return self.sound();
            }
            Fault::WrongRange => {
                self.drop_header("Range");
                let reply = self.done()?;
                let last = reply.body.len() - 1;
                let range = format!("bytes 0-{last}/{}", reply.body.len());
                let reply = Reply { status: 206, ..reply }.header("Content-Range", range);
                return self.send(&reply);
            }
            Fault::RedirectTo(status, base) => {
                self.take(u64::MAX)?;
                let mut location = format!("{base}{}", self.request.path);
                if !self.request.query.is_empty() {
                    location = format!("{location}?{}", self.request.query);
                }
                return self.send(&Reply::new(status).header("Location", location));
            }
            Fault::Raw(bytes) => {
                self.take(u64::MAX)?;
                self.stream().write_all(&bytes)?;
            }
        }
        Ok(Then::Close)
    }

    /// Does what is asked, but takes its time with the begin of the body, which is long.
    fn taken_slowly(&mut self, length: u64, pause: Duration) -> io::Result<Reply> {
        let mut body = Vec::new();
        for _ in 0..32 {
            sleep(pause);
            let mut piece = (&mut *self.reader).take(length / 32);
            piece.read_to_end(&mut body)?;
        }
        let mut rest = self.request.headers.clone();
        let all: u64 = header(&rest, "Content-Length").unwrap_or("0").parse().unwrap();
        rest.retain(|(name, _)| !name.eq_ignore_ascii_case("Content-Length"));
        rest.push(("Content-Length".to_owned(), (all - body.len() as u64).to_string()));
        read_body(self.reader, &rest, u64::MAX, |piece| body.extend(piece))?;
        if let Some(seen) = self.shared.lock().seen(self.id) {
            seen.body = all;
        }
        Ok(self.handle(&body))
    }

    fn stream(&self) -> &'a TcpStream {
        self.stream
    }

    fn drop_header(&mut self, dropped: &str) {
        let headers = &mut self.request.headers;
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case(dropped));
    }

    fn handle(&self, body: &[u8]) -> Reply {
        let mut state = self.shared.lock();
        let habits = state.habits.clone();
        let host = self.shared.address.to_string();
        let mut reply = state.store.handle(&self.request, body, &habits, &host);
        if !habits.names_digests {
            reply.headers.retain(|(name, _)| name != "Docker-Content-Digest");
        }
        reply
    }

    fn out_of_step(&self, left: u64) -> Reply {
        let mut state = self.shared.lock();
        let habits = state.habits.clone();
        let host = self.shared.address.to_string();
        state.store.out_of_step(&self.request, left, &habits, &host)
    }

    fn answered(&self, status: u16) {
        if let Some(seen) = self.shared.lock().seen(self.id) {
            seen.status = Some(status);
        }
    }

    fn send(&self, reply: &Reply) -> io::Result<Then> {
        self.answered(reply.status);
        self.stream().write_all(reply.head(Some(reply.body.len())).as_bytes())?;
        if self.request.method != "HEAD" {
            self.stream().write_all(&reply.body)?;
        }
        Ok(Then::Keep)
    }

    /// The right answer, broken off after this many bytes of its body.
    fn send_part(&mut self, length: usize) -> io::Result<()> {
        let reply = self.done()?;
        self.answered(reply.status);
        self.stream().write_all(reply.head(Some(reply.body.len())).as_bytes())?;
        self.stream().write_all(&reply.body[..length.min(reply.body.len())])
    }

    fn endless(&mut self) -> io::Result<()> {
        let reply = self.done()?;
        self.answered(reply.status);
        let reply = reply.header("Transfer-Encoding", "chunked");
        self.stream().write_all(reply.head(None).as_bytes())?;
        let mut piece = reply.body;
        loop {
            piece.resize(64 * 1024, b' ');
            self.stream().write_all(format!("{:x}\r\n", piece.len()).as_bytes())?;
            self.stream().write_all(&piece)?;
            self.stream().write_all(b"\r\n")?;
            piece.clear();
        }
    }

    /// The connection's end, when it comes, is a reset.
    fn reset(&self) -> io::Result<()> {
        Ok(set_socket_linger(self.stream, Some(Duration::ZERO))?)
    }

    /// Waits until the registry stops.
    fn stall(&self) {
        let mut state = self.shared.lock();
        while !state.stopping {
            state = self.shared.changed.wait(state).unwrap();
        }
    }
}
