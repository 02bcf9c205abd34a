//! A proxy that leads made-up names to ports of this machine.

use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::http::read_head;

/// What a proxy was asked: the first line, and the login that came with it.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) line: String,
    pub(super) login: Option<String>,
}

/// A proxy on a loopback port, until it is dropped.
pub(super) struct Proxy {
    port: u16,
    log: Arc<Mutex<Vec<Asked>>>,
    is_over: Arc<AtomicBool>,
}

impl Proxy {
    /// Leads everything to one port of this machine.
    pub(super) fn to(port: u16) -> Self {
        Self::start(port, None)
    }

    /// The same, for who brings this `Proxy-Authorization`.
    pub(super) fn with_login(port: u16, login: String) -> Self {
        Self::start(port, Some(login))
    }

    fn start(target: u16, login: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let log: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let is_over = Arc::new(AtomicBool::new(false));
        let (kept, over) = (Arc::clone(&log), Arc::clone(&is_over));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::Acquire) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (login, kept) = (login.clone(), Arc::clone(&kept));
                thread::spawn(move || lead(stream, target, login.as_deref(), &kept));
            }
        });
        Self { port, log, is_over }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.host())
    }

    pub(super) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(super) fn log(&self) -> Vec<Asked> {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.host());
    }
}

fn lead(stream: TcpStream, target: u16, wanted: Option<&str>, log: &Mutex<Vec<Asked>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let Some((line, headers)) = read_head(&mut reader)? else {
        return Ok(());
    };
    let login = headers
        .iter()
        .find(|(name, _)| name == "proxy-authorization")
        .map(|(_, value)| value.clone());
    log.lock().unwrap().push(Asked {
        line: line.clone(),
        login: login.clone(),
    });
    let mut stream = stream;
    if wanted.is_some() && login.as_deref() != wanted {
        let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"proxy\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return stream.write_all(refusal.as_bytes());
    }
    let mut server = TcpStream::connect(("127.0.0.1", target))?;
    if line.starts_with("CONNECT ") {
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    } else {
        // the servers of the tests understand whole addresses
        let mut head = line + "\r\n";
        for (name, value) in headers.iter().filter(|(name, _)| !name.starts_with("proxy-")) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        server.write_all((head + "\r\n").as_bytes())?;
    }
    let (mut back, mut out) = (server.try_clone()?, stream.try_clone()?);
    thread::spawn(move || {
        let _ = std::io::copy(&mut back, &mut out);
        let _ = out.shutdown(Shutdown::Both);
    });
    let mut reader: Box<dyn Read> = Box::new(reader);
    let _ = std::io::copy(&mut reader, &mut server);
    let _ = server.shutdown(Shutdown::Write);
    Ok(())
}
