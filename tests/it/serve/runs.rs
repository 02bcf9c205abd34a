//! How it starts, what it says, how many it serves, and how it ends.

use std::io::{ErrorKind, Write as _};
use std::net::TcpStream;

use super::*;

/// Runs `serve` with arguments that it has to refuse; ended after half a minute if it serves all the same.
#[track_caller]
fn refused(sandbox: &Sandbox, args: &[&str]) -> Run {
    let mut command = sandbox.command("timeout");
    command.args(["-s", "KILL", "30", env!("CARGO_BIN_EXE_airpack"), "serve"]);
    let run = Run::of(command.args(args));
    run.stderr_lacks("panicked");
    assert!(run.code == 1 || run.code == 2, "expected a refusal{run}");
    assert_eq!(run.stdout, "", "{run}");
    run
}

#[test]
fn it_says_where_it_listens_and_what_there_is() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    let address = served.address;
    assert_ne!(address.port(), 0);
    assert!(address.ip().is_loopback());
    for (repository, tag, _) in NAMES {
        served.wait_for(&format!("{address}/{repository}:{tag}\n"));
    }
    let run = served.stop("INT");
    run.ok();
    assert_eq!(run.stdout, format!("http://{address}\n"), "{run}");
}

#[test]
fn every_request_is_a_line_of_the_log() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    let size = served.get("/v2/acme/hello/manifests/1.0").body.len();
    served.wait_for(&format!("GET /v2/acme/hello/manifests/1.0 200 {size}\n"));
    let body = served.get("/v2/acme/hello/manifests/none").body.len();
    served.wait_for(&format!("GET /v2/acme/hello/manifests/none 404 {body}\n"));
    served.request("GET", &source.layer_path(), &[("Range", "bytes=0-99")]);
    served.wait_for(&format!("GET {} 206 100\n", source.layer_path()));
    served.request("HEAD", "/v2/acme/hello/manifests/2.0", &[]);
    served.wait_for("HEAD /v2/acme/hello/manifests/2.0 200 ");
    served.request("DELETE", "/v2/acme/hello/manifests/2.0", &[]);
    served.wait_for("DELETE /v2/acme/hello/manifests/2.0 405 ");
    // and nothing in it commands the terminal
    let mut connection = http::Connection::open(served.address);
    let _ = connection.send(b"GET /v2/\x1b[2J\x07 HTTP/1.1\r\nHost: x\r\n\r\n");
    let _ = connection.answer(false);
    served.get("/v2/%1b%5b2J%0aGET%20/v2/forged%20200%200/manifests/1.0");
    served.get("/v2/last/manifests/1.0");
    served.wait_for("/v2/last/manifests/1.0 404 ");
    let log = served.stderr();
    assert!(!log.contains('\u{1b}') && !log.contains('\u{7}'), "{log:?}");
    assert!(!log.lines().any(|line| line.starts_with("GET /v2/forged")), "{log}");
}

#[test]
fn the_log_is_not_on_standard_output() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    served.get("/v2/_catalog");
    served.wait_for("GET /v2/_catalog 200 ");
    let address = served.address;
    let run = served.stop("INT");
    assert_eq!(run.stdout, format!("http://{address}\n"), "{run}");
}

#[test]
fn it_listens_where_it_is_told_to() {
    let source = Source::new();
    let first = Served::start(&source.sandbox);
    let address = first.address.to_string();
    drop(first);
    let served = Served::start_with(&source.sandbox, &["out.oci", "--listen", &address]);
    assert_eq!(served.address.to_string(), address);
    assert_eq!(served.get("/v2/").status, 200);
}

#[test]
fn an_address_in_use_is_told() {
    let source = Source::new();
    let mut served = Served::start(&source.sandbox);
    let address = served.address.to_string();
    let run = refused(&source.sandbox, &["out.oci", "--listen", &address]);
    run.failed(1)
        .stderr_has(&address)
        .stderr_has("in use")
        .stderr_has("hint: ")
        .stderr_has("--listen");
    served.check_alive();
}

#[test]
fn what_is_no_address_is_told() {
    let source = Source::new();
    for address in ["", "nonsense", "127.0.0.1", "127.0.0.1:99999", ":5000:", "127.0.0.1:-1"] {
        refused(&source.sandbox, &["out.oci", "--listen", address]);
    }
    // an address that this machine does not have: for documentation only
    let run = refused(&source.sandbox, &["out.oci", "--listen", "192.0.2.1:0"]);
    run.failed(1).stderr_has("192.0.2.1").stderr_has("hint: ");
}

#[test]
fn what_is_no_layout_is_told() {
    let sandbox = Sandbox::new();
    sandbox.write("file.txt", "text\n");
    sandbox.folder("folder");
    for source in ["none", "file.txt", "folder", "/dev/null"] {
        let run = refused(&sandbox, &[source, "--listen", "127.0.0.1:0"]);
        run.failed(1).stderr_has(source);
    }
}

#[test]
fn it_ends_well_on_ctrl_c() {
    let source = Source::new();
    for signal in ["INT", "TERM"] {
        let mut served = Served::start(&source.sandbox);
        served.check_alive();
        let run = served.stop(signal);
        run.ok().stderr_lacks("error").stderr_lacks("panicked");
    }
}

#[test]
fn it_ends_well_while_clients_are_connected() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    let idle = TcpStream::connect(served.address).unwrap();
    let mut half = http::Connection::open(served.address);
    half.send(b"GET /v2/ HTTP/1.1\r\nHo").unwrap();
    let mut kept = http::Connection::open(served.address);
    assert_eq!(kept.request("GET", "/v2/", &[]).status, 200);
    served.stop("INT").ok();
    drop((idle, half, kept));
}

#[test]
fn a_connection_serves_one_request_after_the_other() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    let whole = source.layout.blob(&source.layer);
    let mut connection = http::Connection::open(served.address);
    for _ in 0..20 {
        assert_eq!(connection.request("GET", "/v2/", &[]).status, 200);
        assert!(connection.request("GET", &source.layer_path(), &[]).body == whole);
        assert_eq!(connection.request("HEAD", &source.layer_path(), &[]).status, 200);
        assert_eq!(connection.request("GET", "/v2/none/manifests/x", &[]).status, 404);
    }
    let last = connection.request("GET", "/v2/", &[("Connection", "close")]);
    assert_eq!(last.status, 200);
    // two at once, answered in their order
    let mut connection = http::Connection::open(served.address);
    let two = format!(
        "GET /v2/_catalog HTTP/1.1\r\nHost: x\r\n\r\nGET {} HTTP/1.1\r\nHost: x\r\n\r\n",
        source.layer_path()
    );
    connection.send(two.as_bytes()).unwrap();
    assert!(connection.answer(false).unwrap().json()["repositories"].is_array());
    assert!(connection.answer(false).unwrap().body == whole);
}

#[test]
fn a_client_that_begins_with_tls_is_not_kept_waiting() {
    // docker, skopeo and others try HTTPS first, also where plain HTTP is allowed
    let source = Source::new();
    let mut served = Served::start(&source.sandbox);
    let mut stream = TcpStream::connect(served.address).unwrap();
    let hello = [&[0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3][..], &[0x55; 194]].concat();
    stream.write_all(&hello).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let answer = stream.read(&mut [0; 100]);
    let waits = answer
        .as_ref()
        .is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    assert!(!waits, "neither an answer nor an end: {answer:?}");
    served.check_alive();
}

#[test]
fn requests_may_come_in_any_pieces_and_with_the_whole_address() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    let mut connection = http::Connection::open(served.address);
    for byte in b"GET /v2/_catalog HTTP/1.1\r\nHost: x\r\n\r\n" {
        connection.send(&[*byte]).unwrap();
    }
    assert_eq!(connection.answer(false).unwrap().status, 200);
    // RFC 9112, 3.2.2: a server has to take this form too
    let whole = format!("http://{}/v2/_catalog", served.address);
    let answer = connection.request("GET", &whole, &[]);
    assert_eq!(answer.status, 200, "{answer:#?}");
    assert!(answer.json()["repositories"].is_array());
}

#[test]
fn old_clients_are_served_too() {
    let source = Source::new();
    let served = Served::start(&source.sandbox);
    let mut connection = http::Connection::open(served.address);
    let request = format!("GET {} HTTP/1.0\r\n\r\n", source.layer_path());
    connection.send(request.as_bytes()).unwrap();
    let answer = connection.answer(false).unwrap();
    assert_eq!(answer.status, 200, "{answer:#?}");
    assert!(answer.body == source.layout.blob(&source.layer));
}

#[test]
fn many_clients_are_served_at_once() {
    let source = Source::new();
    let mut served = Served::start(&source.sandbox);
    let address = served.address;
    let whole = source.layout.blob(&source.layer);
    // those that only hold a connection do not keep it from the others
    let idle: Vec<_> = (0..40).map(|_| TcpStream::connect(address).unwrap()).collect();
    let stuck: Vec<_> = (0..40)
        .map(|_| {
            let mut connection = http::Connection::open(address);
            connection.send(b"GET /v2/ HTT").unwrap();
            connection
        })
        .collect();
    thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let answer = http::get(address, &source.layer_path());
                    assert_eq!(answer.status, 200);
                    assert!(answer.body == whole);
                    assert_eq!(http::get(address, "/v2/acme/hello/manifests/1.0").status, 200);
                }
            });
        }
    });
    drop((idle, stuck));
    served.check_alive();
}

/// A layout with one blob of 64 MB, more than what lies on the way between a server and a client; its path.
fn write_large(sandbox: &Sandbox) -> String {
    let maker = LayoutMaker::new(&sandbox.join("out.oci"));
    let content = vec![b'x'; 64 << 20];
    let layer = maker.blob(OCI_LAYER, &content);
    let path = format!("/v2/out/blobs/{}", text(&layer, "digest"));
    let mut entry = maker.image_of(OCI_MANIFEST, OCI_CONFIG, "amd64", &[layer], &[sha256(&content)]);
    entry["annotations"] = json!({ REF_NAME: "1" });
    maker.index_file(&json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] }));
    path
}

/// Connections that ask for something large and read no more than the begin of the answer.
fn stuck(address: SocketAddr, path: &str, count: usize) -> Vec<TcpStream> {
    // so that it is verified once and not by all at the same time
    let part = http::request(address, "GET", path, &[("Range", "bytes=0-9")]);
    assert_eq!(part.status, 206, "{part:#?}");
    let open = |_| {
        let mut stream = TcpStream::connect(address).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        stream
    };
    let mut streams: Vec<_> = (0..count).map(open).collect();
    for stream in &mut streams {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.read_exact(&mut [0; 100]).unwrap();
    }
    streams
}

#[test]
fn it_ends_well_while_a_client_does_not_read() {
    let sandbox = Sandbox::new();
    let path = write_large(&sandbox);
    let served = Served::start(&sandbox);
    let streams = stuck(served.address, &path, 3);
    served.stop("INT").ok();
    drop(streams);
}

#[test]
fn clients_that_do_not_read_do_not_keep_it_from_the_others() {
    let sandbox = Sandbox::new();
    let path = write_large(&sandbox);
    let mut served = Served::start(&sandbox);
    let streams = stuck(served.address, &path, 64);
    served.check_alive();
    // one more than are answered at once, wherever that limit is
    let more = TcpStream::connect(served.address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    (&more).write_all(request.as_bytes()).unwrap();
    served.check_alive();
    drop((streams, more));
    served.check_alive();
}

#[test]
fn it_writes_nothing() {
    let source = Source::new();
    let before = crate::support::snapshot::Snapshot::of(source.sandbox.path());
    let served = Served::start(&source.sandbox);
    served.get("/v2/_catalog");
    served.get(&source.layer_path());
    served.stop("INT").ok();
    before.assert_unchanged("serve");
}

#[test]
fn the_name_of_the_folder_is_that_of_images_with_a_tag_only() {
    for (folder, repository) in [
        ("hello.oci", "hello"),
        ("plain", "plain"),
        ("some.layout.oci", "some.layout"),
    ] {
        let sandbox = Sandbox::new();
        let maker = LayoutMaker::new(&sandbox.join(folder));
        let mut entry = maker.image("amd64", &[("file", "x\n")]);
        entry["annotations"] = json!({ REF_NAME: "1" });
        maker.index_file(&json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] }));
        let served = Served::start_with(&sandbox, &[folder, "--listen", "127.0.0.1:0"]);
        served.wait_for(&format!("/{repository}:1\n"));
        let answer = served.get(&format!("/v2/{repository}/manifests/1"));
        assert_eq!(answer.status, 200, "{answer:#?}");
    }
}
