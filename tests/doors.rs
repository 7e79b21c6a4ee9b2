//! One small lake, served by the program, and the same last bar by each door, with the clients that people use.

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use support::{depthlake, kill, shared, succeed, text, wait};

const SYMBOL: &str = "BTCUSDT";

/// A program that serves a data folder, and ends with this.
struct Server {
    child: Child,
    http: String,
    postgres: String,
}

impl Server {
    fn start(folder: &Path) -> Self {
        std::fs::write(folder.join("depthlake.toml"), "[serve]\npostgres = '127.0.0.1:0'\n").unwrap();
        let mut child = depthlake(folder, &["serve", "--data", "data", "--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut address = |scheme: &str| {
            let line = lines.by_ref().map(Result::unwrap).find(|line| line.contains(scheme));
            line.and_then(|line| Some(line.split_once(scheme)?.1.trim().to_owned())).unwrap()
        };
        let (http, postgres) = (address("listening on http://"), address("listening on postgres://"));
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, http, postgres }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        kill(&mut self.child);
    }
}

/// A lake with the bars of a recording.
fn lake_with_bars(folder: &Path, recording: &Path) {
    succeed(folder, &["replay", recording.to_str().unwrap(), "--data", "data"]);
    succeed(folder, &["build", "--data", "data"]);
}

fn last_bar_by_psql(server: &Server) -> Option<Vec<String>> {
    let query = format!(
        "SELECT to_unixtime(open_time)::bigint, close FROM marts.mart_ohlcv WHERE symbol = '{SYMBOL}' ORDER BY open_time DESC LIMIT 1"
    );
    let address = format!("postgres://ana@{}/depthlake", server.postgres);
    let asked = Command::new("psql").args([&address, "--csv", "--tuples-only", "--command", &query]).output();
    let Ok(asked) = asked else {
        eprintln!("SKIPPED: there is no psql");
        return None;
    };
    assert!(asked.status.success(), "{}", text(&asked.stderr));
    Some(text(&asked.stdout).trim().split(',').map(str::to_owned).collect())
}

#[test]
fn every_door_shows_the_same_last_bar() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    lake_with_bars(folder.path(), &shared.join("data/binance-spot-2024"));
    let server = Server::start(folder.path());
    wait("the server answers", || std::net::TcpStream::connect(&server.http).is_ok());
    let by_psql = last_bar_by_psql(&server);
    let Some(python) = std::env::var_os("DEPTHLAKE_PYTHON") else {
        eprintln!("SKIPPED: DEPTHLAKE_PYTHON names no interpreter with the clients");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/doors/clients.py");
    let asked =
        Command::new(python).arg(script).args([&server.http, &server.postgres, SYMBOL]).output().unwrap();
    assert!(asked.status.success(), "{}", text(&asked.stderr));
    let bars: Value = serde_json::from_slice(&asked.stdout).unwrap();
    let bars = bars.as_object().unwrap();
    let (_, first) = bars.iter().next().unwrap();
    assert!(bars.values().all(|bar| bar == first), "{bars:#?}");
    if let Some(by_psql) = by_psql {
        let close = |text: &str| text.trim_end_matches('0').trim_end_matches('.').to_owned();
        let other = first[1].as_str().unwrap();
        assert_eq!(close(&by_psql[1]), close(other), "{by_psql:?} {first}");
    }
}
