//! `depthlake run --schema-registry` with a real registry, started by the script that `DEPTHLAKE_REGISTRY` names; without it
//! this test does nothing.

mod support;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use depthlake_lake::log::{EmbeddedLog, Log, Options, Partition, Topic, TopicPartition};
use depthlake_lake::record::{Schema, Version};
use support::{LakeView, finish, succeed, text};

/// A registry, which ends with this.
struct Registry {
    script: PathBuf,
    folder: tempfile::TempDir,
    url: String,
}

impl Registry {
    fn start() -> Option<Self> {
        let Some(script) = std::env::var_os("DEPTHLAKE_REGISTRY").map(PathBuf::from) else {
            eprintln!("SKIPPED: DEPTHLAKE_REGISTRY does not name the script that starts a schema registry");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let started = Command::new(&script).arg("start").arg(folder.path()).stderr(Stdio::inherit()).output();
        let started = started.unwrap();
        assert!(started.status.success(), "{} start failed", script.display());
        Some(Self { script, folder, url: text(&started.stdout).trim().to_owned() })
    }

    /// Registers a schema as another program would.
    fn register(&self, subject: &str, schema: &str) {
        let (host, base) = self.url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let body = serde_json::json!({ "schema": schema }).to_string();
        let head = format!(
            "POST /{base}/subjects/{subject}/versions HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(host).unwrap();
        stream.write_all((head + &body).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    fn run(&self, data: &str) -> Vec<String> {
        let arguments = ["run", "--symbols", "BTCUSDT,ETHUSDT", "--duration", "4", "--data", data];
        let registry = ["--schema-registry", &self.url];
        arguments.into_iter().chain(registry).map(str::to_owned).collect()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let stopped = Command::new(&self.script).arg("stop").arg(self.folder.path()).status();
        assert!(stopped.is_ok_and(|status| status.success()), "the registry goes on");
    }
}

/// The schema ids of the records of a topic.
fn ids(log: &EmbeddedLog, topic: Topic) -> BTreeSet<u32> {
    let mut ids = BTreeSet::new();
    for partition in 0..4 {
        let at = TopicPartition::new(topic, Partition(partition));
        let start = log.start(at).unwrap();
        for stored in log.read(at, start, 64 << 20).unwrap() {
            ids.insert(u32::from_be_bytes(stored.record.value[1..5].try_into().unwrap()));
        }
    }
    ids
}

#[test]
fn a_run_agrees_with_the_registry_or_produces_nothing() {
    let Some(registry) = Registry::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    // Schemas of others take the ids that would be ours.
    for number in 0..12 {
        let schema = format!(r#"{{"type": "record", "name": "other_{number}", "fields": []}}"#);
        registry.register(&format!("other-{number}-value"), &schema);
    }
    let arguments = registry.run("agreed");
    succeed(folder.path(), &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let data = folder.path().join("agreed");
    let view = LakeView::open(&data);
    assert!(view.count("SELECT count(*) FROM normalized.book_ticker WHERE bid_depth_5bps IS NOT NULL") > 10);
    assert_eq!(view.count("SELECT count(*) FROM ops.dead_letters"), 0);
    {
        let options = Options::new(NonZeroU16::new(4).unwrap());
        let log = EmbeddedLog::open(&data.join("log"), &options).unwrap();
        let [id] = Vec::from_iter(ids(&log, Topic::BookTicker))[..] else { panic!("one schema") };
        assert!(id > 12, "{id}");
    }

    // Another program changes the trades' schema and does not keep the rules.
    let retyped = Schema::Trade
        .json(Version::LATEST)
        .replace(r#"{"name": "taker_side", "type": "string""#, r#"{"name": "taker_side", "type": "boolean""#);
    registry.register("market.normalized.trade-value", &retyped);
    let arguments = registry.run("refused");
    let output = finish(folder.path(), &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("field taker_side is boolean, expected string"), "{message}");
    assert!(!folder.path().join("refused/log").exists(), "nothing is produced");
}
