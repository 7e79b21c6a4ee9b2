//! Records whose schema ids only a registry knows.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use depthlake_lake::log::{EmbeddedLog, Log, Options, Partition, Topic, TopicPartition};
use depthlake_lake::table::Table;

use super::support::{finish, succeed, text};
use super::{counts, damage};

/// The part of a registry that the program speaks to, with ids that are not ours.
struct Registry {
    url: String,
    writes: Arc<AtomicUsize>,
}

const FIRST_ID: usize = 4_711;

impl Registry {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let writes = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&writes);
        let schemas = Mutex::new(Vec::new());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let _ = answer(stream, &schemas, &counted);
            }
        });
        Self { url, writes }
    }
}

fn answer(stream: TcpStream, schemas: &Mutex<Vec<String>>, writes: &AtomicUsize) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let (mut header, mut length) = (String::new(), 0);
    while reader.read_line(&mut header)? > 2 {
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        header.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let path = line.split_whitespace().nth(1).unwrap_or_default();
    let (status, json) = if line.starts_with("POST") && path.ends_with("/versions") {
        writes.fetch_add(1, Ordering::Relaxed);
        let body: serde_json::Value = serde_json::from_slice(&body)?;
        let mut schemas = schemas.lock().unwrap();
        schemas.push(body["schema"].as_str().unwrap_or_default().to_owned());
        ("200 OK", serde_json::json!({ "id": FIRST_ID + schemas.len() - 1 }))
    } else if path == "/subjects" {
        ("200 OK", serde_json::json!([]))
    } else {
        let id = path.strip_prefix("/schemas/ids/").and_then(|id| id.parse::<usize>().ok());
        let schemas = schemas.lock().unwrap();
        match id.and_then(|id| schemas.get(id.checked_sub(FIRST_ID)?)) {
            Some(schema) => ("200 OK", serde_json::json!({ "schema": schema })),
            None => ("404 Not Found", serde_json::json!({ "error_code": 40401, "message": "not there" })),
        }
    };
    let json = json.to_string();
    let mut stream = reader.into_inner();
    write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{json}", json.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_a_registry_are_compared_with_it_and_never_passed_over_without() {
    let registry = Registry::start();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let run = ["run", "--data", "data", "--symbols", "BTCUSDT,ETHUSDT", "--rate", "3", "--duration", "4"];
    succeed(folder, &[&run[..], &["--no-serve", "--schema-registry", &registry.url]].concat());
    let written = registry.writes.load(Ordering::Relaxed);
    assert_eq!(written, 5);
    {
        let log = EmbeddedLog::open(&folder.join("data/log"), &Options::new(4.try_into().unwrap())).unwrap();
        let at = |partition| TopicPartition::new(Topic::BookTicker, Partition(partition));
        let records = (0..4).flat_map(|partition| {
            log.read(at(partition), log.start(at(partition)).unwrap(), 1 << 20).unwrap()
        });
        let ids: Vec<_> = records.map(|stored| stored.record.value[1..5].to_vec()).collect();
        assert!(
            !ids.is_empty() && ids.iter().all(|id| u32::from_be_bytes(id[..].try_into().unwrap()) >= 4_711)
        );
    }

    let output = finish(folder, &["reconcile", "--data", "data"]);
    let (told, errors) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{told}{errors}");
    let of_trades = errors.lines().find(|line| line.contains("market.normalized.trade of partition"));
    let of_trades = of_trades.unwrap_or_else(|| panic!("{errors}"));
    assert!(of_trades.contains("of its ") && of_trades.contains("cannot be read here"), "{of_trades}");
    assert!(
        of_trades.contains("the first, at offset 0") && of_trades.contains("--schema-registry"),
        "{of_trades}"
    );

    let reconcile = ["reconcile", "--data", "data", "--schema-registry", &registry.url];
    let told = succeed(folder, &reconcile);
    for topic in ["market.normalized.trade", "market.normalized.book_ticker"] {
        let line = told.lines().find(|line| line.starts_with(topic)).unwrap_or_else(|| panic!("{told}"));
        assert_ne!(line.split_whitespace().nth(1), Some("0"), "{told}");
    }
    let before = counts(folder);
    damage(folder, Table::Trades, |rows| vec![rows.slice(1, rows.num_rows() - 1)]).await;
    succeed(folder, &[&reconcile[..], &["--repair"]].concat());
    assert_eq!(counts(folder), before);
    assert_eq!(registry.writes.load(Ordering::Relaxed), written, "a reader registers nothing");

    // The configuration file names it as well.
    std::fs::write(folder.join("depthlake.toml"), format!("[lake]\nschema_registry = '{}'\n", registry.url))
        .unwrap();
    succeed(folder, &["reconcile", "--data", "data"]);
}
