//! Traces reach a collector, and messages are JSON where that is asked for.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::program::until;
use crate::support::{finish, text};

/// A collector that takes whatever comes, and remembers it.
struct Collector {
    address: String,
    taken: Arc<Mutex<Vec<Taken>>>,
}

/// A request's head and body.
type Taken = (String, Vec<u8>);

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let taken = Arc::new(Mutex::new(Vec::new()));
        let remembered = Arc::clone(&taken);
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let remembered = Arc::clone(&remembered);
                thread::spawn(move || take(connection, &remembered));
            }
        });
        Self { address, taken }
    }

    /// Whether a request came to a path with these bytes in its body.
    fn has(&self, path: &str, part: &[u8]) -> bool {
        let taken = self.taken.lock().unwrap();
        taken.iter().any(|(to, body)| to == path && body.windows(part.len()).any(|window| window == part))
    }
}

fn take(mut connection: TcpStream, remembered: &Mutex<Vec<(String, Vec<u8>)>>) -> Option<()> {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4_096];
        let count = connection.read(&mut chunk).ok().filter(|&count| count > 0)?;
        bytes.extend_from_slice(&chunk[..count]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
        let body = bytes.get(end + 4..end + 4 + length.unwrap_or(0));
        let Some(body) = body else { continue };
        let path = head.split_whitespace().nth(1)?.to_owned();
        remembered.lock().unwrap().push((path, body.to_vec()));
        let used = end + 4 + body.len();
        bytes.drain(..used);
        connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
    }
}

#[test]
fn commits_are_traced_and_messages_are_json() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start();
    let arguments = [
        "run",
        "--symbols",
        "BTCUSDT",
        "--data",
        "data",
        "--no-serve",
        "--duration",
        "4",
        "--log-format",
        "json",
        "--otlp",
        &collector.address,
    ];
    std::fs::write(folder.path().join("depthlake.toml"), "[lake]\ncommit_seconds = 0.5\n").unwrap();
    let output = finish(folder.path(), &arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    until("a commit reaches the collector", || collector.has("/v1/traces", b"commit").then_some(()));
    assert!(collector.has("/v1/traces", b"depthlake"), "the service is named");
    for line in text(&output.stderr).lines().filter(|line| line.starts_with('{')) {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}
