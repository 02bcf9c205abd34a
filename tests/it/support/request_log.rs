//! Stands before a registry, passes all on as it is, and keeps what was asked for.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What clients sent, one text for each connection.
type Sent = Arc<Mutex<Vec<u8>>>;

/// The way to a registry; it is closed when this is dropped.
pub(crate) struct RequestLog {
    address: SocketAddr,
    connections: Arc<Mutex<Vec<Sent>>>,
    closed: Arc<Mutex<bool>>,
}

impl RequestLog {
    /// Listens on a loopback port of its own.
    pub(crate) fn before(registry: String) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let log = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            closed: Arc::default(),
        };
        let (connections, closed) = (Arc::clone(&log.connections), Arc::clone(&log.closed));
        thread::spawn(move || {
            for client in listener.incoming() {
                if *closed.lock().unwrap() {
                    break;
                }
                let sent = Sent::default();
                connections.lock().unwrap().push(Arc::clone(&sent));
                // where the registry does not answer, the client sees a closed connection
                if let (Ok(client), Ok(registry)) = (client, TcpStream::connect(&registry)) {
                    pass_both_ways(&client, &registry, sent);
                }
            }
        });
        log
    }

    /// Host and port to connect to.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// `METHOD PATH` of every request so far, the query left out; in order for each connection.
    pub(crate) fn requests(&self) -> Vec<String> {
        let mut requests = Vec::new();
        for sent in &*self.connections.lock().unwrap() {
            let sent = String::from_utf8_lossy(&sent.lock().unwrap()).into_owned();
            let lines = sent.lines().filter_map(|line| line.strip_suffix(" HTTP/1.1"));
            // a body may end where the next line begins
            let asked = lines.filter_map(|line| METHODS.iter().find_map(|method| Some(&line[line.find(method)?..])));
            requests.extend(asked.map(|line| line.split('?').next().unwrap_or_default().to_owned()));
        }
        requests
    }
}

const METHODS: [&str; 6] = ["GET /", "HEAD /", "POST /", "PUT /", "PATCH /", "DELETE /"];

impl Drop for RequestLog {
    fn drop(&mut self) {
        *self.closed.lock().unwrap() = true;
        // wakes who waits for a client
        let _ = TcpStream::connect(self.address);
    }
}

fn pass_both_ways(client: &TcpStream, registry: &TcpStream, sent: Sent) {
    for stream in [client, registry] {
        stream.set_nodelay(true).unwrap();
    }
    let clone = |stream: &TcpStream| stream.try_clone().unwrap();
    let (from, to) = (clone(client), clone(registry));
    thread::spawn(move || pass(from, to, |bytes| sent.lock().unwrap().extend_from_slice(bytes)));
    let (from, to) = (clone(registry), clone(client));
    thread::spawn(move || pass(from, to, |_| {}));
}

/// Passes bytes on until one side closes or breaks; then the other side sees that too.
fn pass(mut from: TcpStream, mut to: TcpStream, mut seen: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        seen(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}
