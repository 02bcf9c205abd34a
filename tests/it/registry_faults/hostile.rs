//! Registries that were made to do harm: whatever they answer, airpack ends, says why, and writes nothing that others
//! would read.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use super::*;

const INDEX: &str = OCI_INDEX;

/// A registry that holds nothing yet.
struct Den {
    sandbox: Sandbox,
    registry: FaultRegistry,
}

impl Den {
    fn new() -> Self {
        Self {
            sandbox: Sandbox::new(),
            registry: FaultRegistry::start(),
        }
    }

    /// Adds a manifest; gives its descriptor.
    fn manifest(&self, tag: Option<&str>, media_type: &str, content: &[u8]) -> Value {
        let digest = self.registry.put_manifest(REPOSITORY, tag, media_type, content);
        json!({ "mediaType": media_type, "digest": digest, "size": content.len() })
    }

    /// Adds a blob; gives its descriptor.
    fn blob(&self, media_type: &str, content: &[u8]) -> Value {
        let digest = self.registry.put_blob(REPOSITORY, content);
        json!({ "mediaType": media_type, "digest": digest, "size": content.len() })
    }

    /// An image whose only layer is this.
    fn image(&self, tag: &str, layer: &Value) {
        let config = json!({ "os": "linux", "architecture": "amd64", "rootfs": { "type": "layers", "diff_ids": [layer["digest"]] } });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": self.blob(OCI_CONFIG, config.to_string().as_bytes()),
            "layers": [layer],
        });
        self.manifest(Some(tag), OCI_MANIFEST, manifest.to_string().as_bytes());
    }

    #[track_caller]
    fn fails(&self, tag: &str) -> Run {
        let more = ["--retries", "1", "--timeout", "5"];
        let run = pull_fails(&self.sandbox, &self.registry, &format!("acme/hello:{tag}"), &more);
        let requests = self.registry.log().len();
        assert!(requests <= 60, "{requests} requests{run}");
        run
    }

    /// Each of these answers to the first request of a pull.
    #[track_caller]
    fn fails_with(&self, fault: &Fault) -> Run {
        self.registry.recover();
        for method in ["GET", "HEAD"] {
            self.registry.fault(method, "/manifests/1", .., fault.clone());
        }
        let name = self.registry.name("acme/hello:1");
        write_other(&self.sandbox.join("pulled"));
        let before = fs::read(self.sandbox.join("pulled/index.json")).unwrap();
        let more = ["--retries", "1", "--timeout", "5"];
        let run = bounded(&self.sandbox, &args(&["pull", &name, "--layout", "pulled"], &more));
        run.failed(1).stderr_has(&self.registry.host());
        assert!(fs::read(self.sandbox.join("pulled/index.json")).unwrap() == before);
        let requests = self.registry.log().len();
        assert!(requests <= 8, "{requests} requests{run}{}", self.registry.shown());
        run
    }
}

#[test]
fn an_index_that_says_it_holds_itself_is_refused() {
    let den = Den::new();
    let child = json!({ "mediaType": INDEX, "digest": other_digest(), "size": 300 });
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [child] }).to_string();
    den.manifest(Some("1"), INDEX, index.as_bytes());
    let reply = Reply::new(200).header("Content-Type", INDEX).body(index);
    den.registry.fault("GET", other_digest(), .., Fault::Answer(reply));
    den.fails("1").stderr_has(&other_digest());
}

#[test]
fn indexes_that_nest_without_reason_are_refused() {
    let den = Den::new();
    let mut child = den.manifest(None, INDEX, b"{\"schemaVersion\":2,\"manifests\":[]}");
    for _ in 0..1000 {
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [child] });
        child = den.manifest(Some("1"), INDEX, index.to_string().as_bytes());
    }
    den.fails("1").stderr_has("nest");
}

#[test]
fn indexes_that_multiply_are_fetched_once() {
    let den = Den::new();
    let mut index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [] });
    for _ in 0..6 {
        let child = den.manifest(None, INDEX, index.to_string().as_bytes());
        index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": vec![child; 60] });
    }
    den.manifest(Some("1"), INDEX, index.to_string().as_bytes());
    let name = den.registry.name("acme/hello:1");
    let run = bounded(&den.sandbox, &args(&["pull", &name, "--layout", "pulled"], &[]));
    assert!(run.code == 0 || run.code == 1, "{run}");
    run.stderr_lacks("panicked");
    assert!(den.registry.log().len() <= 20, "{run}{}", den.registry.shown());
}

#[test]
fn an_index_of_very_many_that_are_not_there_is_left_at_the_first() {
    let den = Den::new();
    let children: Vec<_> = (0..20_000)
        .map(|at| json!({ "mediaType": OCI_MANIFEST, "digest": format!("sha256:{at:064x}"), "size": 100 }))
        .collect();
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": children });
    den.manifest(Some("1"), INDEX, index.to_string().as_bytes());
    den.fails("1").stderr_has(&format!("sha256:{:064x}", 0));
}

#[test]
fn manifests_beyond_every_measure_are_refused() {
    let den = Den::new();
    let note = "x".repeat(5 << 20);
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [], "annotations": { "note": note } });
    let child = den.manifest(Some("1"), INDEX, index.to_string().as_bytes());
    den.fails("1").stderr_has("longer than");
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [child.clone()] });
    den.manifest(Some("2"), INDEX, index.to_string().as_bytes());
    den.fails("2").stderr_has(text(&child, "digest"));
}

#[test]
fn a_child_that_is_not_what_its_descriptor_says_is_refused() {
    let den = Den::new();
    let child = den.manifest(None, INDEX, b"{\"schemaVersion\":2,\"manifests\":[]}");
    for (field, value) in [
        ("size", json!(33)),
        ("size", json!(35)),
        ("size", json!(0)),
        ("size", json!(u64::MAX)),
        ("size", json!(-1)),
        ("size", json!("34")),
        ("digest", json!("sha256:../../../../../../etc/passwd")),
        ("digest", json!("sha256:abc")),
        ("digest", json!("md5:d41d8cd98f00b204e9800998ecf8427e")),
        ("digest", json!("")),
        ("digest", json!(null)),
        ("digest", json!("sha256:/v2/")),
    ] {
        let mut child = child.clone();
        child[field] = value.clone();
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [child] });
        den.manifest(Some("1"), INDEX, index.to_string().as_bytes());
        den.fails("1");
        den.registry.recover();
    }
}

#[test]
fn a_layer_that_is_not_what_its_descriptor_says_is_refused() {
    let den = Den::new();
    let layer = den.blob(OCI_LAYER, b"some layer");
    for (field, value) in [
        ("size", json!(9)),
        ("size", json!(11)),
        ("size", json!(0)),
        ("size", json!(i64::MAX)),
        ("size", json!(u64::MAX)),
        ("size", json!(-1)),
        ("digest", json!(other_digest())),
        ("digest", json!("sha256:../../../../../../etc/passwd")),
    ] {
        let mut layer = layer.clone();
        layer[field] = value.clone();
        den.image("1", &layer);
        let run = den.fails("1");
        run.stderr_lacks("panicked");
        den.registry.recover();
    }
}

#[test]
fn what_is_no_manifest_is_refused() {
    let den = Den::new();
    let deep = "[".repeat(200_000);
    let deep_field = format!("{{\"schemaVersion\":2,\"manifests\":{}", "[{\"a\":".repeat(50_000));
    for content in [
        "",
        "null",
        "[]",
        "7",
        "{}",
        "<html>please log in</html>",
        "{\"schemaVersion\":2}",
        "{\"schemaVersion\":2,\"manifests\":7}",
        "{\"schemaVersion\":2,\"manifests\":[7]}",
        "{\"schemaVersion\":2,\"layers\":[],\"config\":\"x\"}",
        &deep,
        &deep_field,
    ] {
        for media_type in [INDEX, OCI_MANIFEST, "text/html"] {
            let reply = Reply::new(200)
                .header("Content-Type", media_type)
                .header("Docker-Content-Digest", sha256(content.as_bytes()))
                .body(content);
            den.registry.recover();
            for method in ["GET", "HEAD"] {
                den.registry
                    .fault(method, "/manifests/1", .., Fault::Answer(reply.clone()));
            }
            let name = den.registry.name("acme/hello:1");
            write_other(&den.sandbox.join("pulled"));
            let before = fs::read(den.sandbox.join("pulled/index.json")).unwrap();
            let own = ["pull", &name, "--layout", "pulled"];
            let run = bounded(&den.sandbox, &args(&own, &["--retries", "0"]));
            // an index without children is one
            run.failed(1);
            assert!(fs::read(den.sandbox.join("pulled/index.json")).unwrap() == before);
        }
    }
}

#[test]
fn answers_that_are_no_http_are_refused() {
    let den = Den::new();
    let line = |text: &str| Fault::Raw(text.as_bytes().to_vec());
    let many = "X-Y: z\r\n".repeat(100_000);
    for fault in [
        line("SSH-2.0-OpenSSH_9.2\r\n"),
        line("\u{0}\u{0}\u{0}\u{0}"),
        line("HTTP/1.1 999999999999 Huge\r\n\r\n"),
        line("HTTP/9.9 200 OK\r\n\r\n"),
        line("HTTP/1.1 200 OK\r\n"),
        line("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
        line("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n"),
        line("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nnull\n"),
        line("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"),
        line("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n"),
        line("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"),
        line("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        line(&format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(8 << 20))),
        line(&format!("HTTP/1.1 200 OK\r\n{many}\r\n")),
        line(&"HTTP/1.1 100 Continue\r\n\r\n".repeat(10_000)),
    ] {
        den.fails_with(&fault);
    }
}

#[test]
fn an_answer_that_is_no_http_is_not_taken_for_a_wish_for_tls() {
    for answer in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nnull\n",
    ] {
        // says so to whoever comes, whatever they say
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let name = format!("{}/acme/hello:1", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        let sandbox = Sandbox::new();
        let run = bounded(
            &sandbox,
            &args(&["pull", &name, "--layout", "pulled"], &["--retries", "0"]),
        );
        run.failed(1).stderr_has(&name[..name.find('/').unwrap()]);
        run.stderr_lacks("HTTPS was asked for").stderr_lacks("--insecure");
    }
}

#[test]
fn bodies_without_an_end_are_left() {
    let den = Den::new();
    den.manifest(Some("1"), INDEX, b"{\"schemaVersion\":2,\"manifests\":[]}");
    for method in ["GET", "HEAD"] {
        // to a HEAD there is no body
        if method == "GET" {
            den.registry.fault(method, "/manifests/1", .., Fault::EndlessBody);
        }
    }
    den.fails("1").stderr_has("longer than");

    let den = Den::new();
    let layer = den.blob(OCI_LAYER, b"some layer");
    den.image("1", &layer);
    let digest = text(&layer, "digest");
    den.registry.fault("GET", digest, .., Fault::EndlessBody);
    den.fails("1").stderr_has(digest.strip_prefix("sha256:").unwrap());
}

#[test]
fn errors_without_an_end_are_left() {
    let den = Den::new();
    let mut answer = b"HTTP/1.1 403 No\r\nContent-Type: application/json\r\nContent-Length: 999999999\r\n\r\n".to_vec();
    answer.extend(vec![b'x'; 32 << 20]);
    let run = den.fails_with(&Fault::Raw(answer));
    run.stderr_has("403");
    assert!(run.stderr.len() < 20_000, "{} bytes on stderr", run.stderr.len());
}

#[test]
fn messages_of_a_registry_do_not_command_the_terminal() {
    let den = Den::new();
    let message = "nice\u{1b}[2J\u{1b}]0;title\u{7}\r\nerror: another line\u{9b}1m\u{202e}reversed";
    let run = den.fails_with(&Fault::Answer(Reply::error(403, "DENIED", message)));
    run.stderr_has("nice");
    for bad in ['\u{1b}', '\u{7}', '\r', '\u{9b}', '\u{202e}'] {
        assert!(!run.stderr.contains(bad), "{bad:?} on stderr: {:?}", run.stderr);
    }
    assert!(
        !run.stderr.lines().any(|line| line.starts_with("error: another line")),
        "{run}"
    );
}

#[test]
fn locations_that_lead_out_of_http_are_refused() {
    let out = [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "gopher://127.0.0.1:70/x",
        "javascript:alert(1)",
        "data:text/plain,x",
        "http://",
        "http:///x",
        "http://[::1",
        "http://127.0.0.1:99999/x",
        "http://user:pa55@127.0.0.1:1/x",
        "\\\\server\\share",
        "http://a b/",
        "",
    ];
    for location in out {
        let scene = Scene::filled();
        let reply = Reply::new(307).header("Location", location);
        let path = scene.big_path();
        scene.registry.fault("GET", path.as_str(), .., Fault::Answer(reply));
        let run = scene.pull_fails(&["--retries", "0", "--timeout", "5"]);
        run.stderr_lacks("root:").stderr_lacks("pa55");
        let scene = Scene::new();
        let reply = Reply::new(202).header("Location", location);
        scene
            .registry
            .fault("POST", "/blobs/uploads/", .., Fault::Answer(reply));
        let run = scene.push_fails(&["--retries", "0", "--timeout", "5"]);
        run.stderr_lacks("root:").stderr_lacks("pa55");
    }
}

#[test]
fn answers_without_the_location_that_they_need_are_told() {
    let scene = Scene::filled();
    let path = scene.big_path();
    scene
        .registry
        .fault("GET", path.as_str(), .., Fault::Answer(Reply::new(307)));
    let run = scene.pull_fails(&["--retries", "0"]);
    scene.check_told(&run, "GET", &path, &["307"]);
    let scene = Scene::new();
    scene
        .registry
        .fault("POST", "/blobs/uploads/", .., Fault::Answer(Reply::new(202)));
    let run = scene.push_fails(&["--retries", "0"]);
    let request = format!("POST {}", scene.registry.url("/v2/acme/hello/blobs/uploads/"));
    run.stderr_has(&request).stderr_has("202").stderr_has("Location");
}

#[test]
fn answers_that_no_registry_gives_are_told() {
    for status in [200, 204, 304, 300, 226, 599, 999] {
        let scene = Scene::new();
        let reply = Reply::new(status);
        scene.registry.fault("PUT", "/manifests/1.0", .., Fault::Answer(reply));
        let run = scene.push(&["--retries", "0"]);
        scene.check_ended(&run);
        // the specification wants 201
        if status >= 300 {
            run.failed(1).stderr_has(&status.to_string());
        }
    }
}

#[test]
fn what_a_pull_writes_stays_in_its_folder() {
    let den = Den::new();
    let layer = den.blob(OCI_LAYER, b"some layer");
    let mut titled = layer.clone();
    titled["annotations"] = json!({
        "org.opencontainers.image.title": "../../escaped",
        REF_NAME: "../../escaped",
    });
    den.image("1", &titled);
    let name = den.registry.name("acme/hello:1");
    bounded(&den.sandbox, &args(&["pull", &name, "--layout", "deep/er/pulled"], &[])).ok();
    LayoutView::open(den.sandbox.join("deep/er/pulled")).check_whole();
    for place in ["escaped", "deep/escaped", "deep/er/escaped"] {
        assert!(!den.sandbox.join(place).exists(), "{place}");
    }
}
