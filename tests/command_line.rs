//! The command line: what it prints, what it refuses, and how it ends.

mod support;

use std::fs;
use std::path::Path;

use support::{LakeView, finish, shared, succeed, text};

fn refuse(folder: &Path, arguments: &[&str], expected: &[&str]) {
    let output = finish(folder, arguments);
    let told = text(&output.stderr);
    assert!(!output.status.success(), "{arguments:?} was taken");
    assert!(!told.contains("panicked"), "{arguments:?}: {told}");
    for part in expected {
        assert!(told.contains(part), "{arguments:?} does not say {part:?}: {told}");
    }
}

#[test]
fn what_is_not_known_is_named_with_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    refuse(here, &["rum"], &["rum", "run"]);
    refuse(here, &["run", "--simbols", "X"], &["--simbols", "--symbols"]);
    refuse(here, &["run", "--venue", "binanse"], &["binanse", "nearest is binance"]);
    refuse(here, &["run", "--symbols", "BTC!USDT"], &["BTC!USDT"]);
    refuse(here, &["run", "--product", "sport"], &["sport", "spot, usdm or coinm"]);
    refuse(here, &["run", "--duration", "0"], &["--duration", "more than 0 seconds"]);
    refuse(here, &["sim", "--fault", "droped-diff"], &["droped-diff", "dropped-diff"]);
    refuse(here, &["replay", "nowhere"], &["nowhere", "No such file"]);
    refuse(here, &["sql", "SELECT 1", "--data", "nowhere"], &["nowhere", "depthlake run"]);
    refuse(here, &["tables", "--data", "nowhere"], &["nowhere"]);
    refuse(here, &["top", "--once", "--data", "nowhere"], &["nowhere", "depthlake run"]);
    refuse(here, &["run", "--config", "none.toml"], &["none.toml", "No such file"]);
    fs::write(here.join("wrong.toml"), "simbols = []\n").unwrap();
    refuse(
        here,
        &["run", "--config", "wrong.toml"],
        &["wrong.toml", "simbols", "nearest option is `symbols`"],
    );
}

#[test]
fn a_data_folder_that_cannot_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("file"), "in the way").unwrap();
    refuse(here, &["run", "--duration", "1", "--data", "file"], &["file"]);
    fs::create_dir_all(here.join("corrupt/lake")).unwrap();
    fs::write(here.join("corrupt/lake/catalog.db"), "this is no database, whatever its name says").unwrap();
    refuse(here, &["run", "--duration", "1", "--data", "corrupt"], &["catalog.db"]);
    refuse(here, &["tables", "--data", "corrupt"], &["catalog.db"]);
}

#[test]
fn a_port_in_use_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    refuse(folder.path(), &["sim", "--listen", &address], &[&address, "in use"]);
}

#[test]
fn where_messages_are_json_every_line_is() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("wrong.toml"), "[health]\ngaps_per_hour = -1.0\n").unwrap();
    fs::write(here.join("unknown.toml"), "[health]\nfreshness_seconds_of = { BTCUSTD = 5.0 }\n").unwrap();
    let run = ["run", "--symbols", "BTCUSDT", "--duration", "1", "--data", "data", "--listen", "127.0.0.1:0"];
    let cases: [(&[&str], &str); 7] = [
        (&run, "listening on http://"),
        (&["run", "--simbols", "X"], "--symbols"),
        (&["run", "--config", "none.toml"], "No such file"),
        (&["run", "--config", "wrong.toml"], "health.gaps_per_hour is -1: expected a number of at least 0"),
        (&["run", "--config", "unknown.toml", "--symbols", "BTCUSDT"], "the nearest is BTCUSDT"),
        (&["replay", "nowhere"], "nowhere"),
        (&["sql", "SELECT 1", "--data", "nowhere"], "nowhere"),
    ];
    for (arguments, expected) in cases {
        let all = [arguments, &["--log-format", "json"]].concat();
        let told = text(&finish(here, &all).stderr);
        let mut messages = Vec::new();
        for line in told.lines() {
            let object: serde_json::Value =
                serde_json::from_str(line).unwrap_or_else(|_| panic!("{arguments:?} says: {line}"));
            assert!(object["timestamp"].is_string() && object["level"].is_string(), "{line}");
            messages.push(object["message"].as_str().unwrap().to_owned());
        }
        assert!(messages.iter().any(|message| message.contains(expected)), "{arguments:?}: {messages:?}");
    }
}

#[test]
fn a_second_run_in_the_same_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let mut first =
        support::depthlake(here, &["run", "--symbols", "BTCUSDT", "--data", "data"]).spawn().unwrap();
    let board = here.join("data/board");
    support::wait("the first run is there", || board.exists());
    refuse(here, &["run", "--symbols", "BTCUSDT", "--data", "data"], &["data/log"]);
    support::kill(&mut first);
}

#[test]
fn a_recording_is_made_replayed_and_landed() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    succeed(here, &["record", "taken", "--symbols", "BTCUSDT,ETHUSDT", "--duration", "4"]);
    let files: Vec<_> = fs::read_dir(here.join("taken")).unwrap().collect();
    assert!(files.len() >= 2);
    let told = succeed(here, &["replay", "taken", "--books", "books", "--bars", "bars", "--data", "data"]);
    assert!(told.contains(" 0 disagreements"), "{told}");
    let books = fs::read_to_string(here.join("books")).unwrap().lines().count();
    assert!(books > 20, "{books} lines");

    let view = LakeView::open(&here.join("data"));
    let rows = view.count("SELECT count(*) FROM normalized.book_ticker");
    assert_eq!(usize::try_from(rows).unwrap(), books);
    let bars = fs::read_to_string(here.join("bars")).unwrap().lines().count();
    let landed = view.count("SELECT count(*) FROM normalized.ohlcv_1m");
    assert_eq!(usize::try_from(landed).unwrap(), bars);
    view.assert_raw_is_whole();
    view.assert_derived_equals_replay();

    let query =
        "SELECT symbol, count(*) AS n FROM raw.trades WHERE kind = 'trade' GROUP BY symbol ORDER BY symbol";
    let csv = succeed(here, &["sql", query, "--format", "csv", "--data", "data"]);
    assert!(csv.starts_with("symbol,n\nBTCUSDT,"), "{csv}");
    let tables = succeed(here, &["tables", "--data", "data"]);
    assert!(tables.contains("normalized.ohlcv_1m"), "{tables}");
}

#[test]
fn recordings_replay_to_the_reference_s_lines_and_into_tables() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let recording = shared.join("data/binance-usdm-2021");
    let reference = std::process::Command::new("python3")
        .arg(shared.join("tools/reference_book.py"))
        .arg(&recording)
        .args([
            Path::new("--out"),
            &here.join("reference"),
            Path::new("--bars"),
            &here.join("reference_bars"),
        ])
        .output()
        .unwrap();
    assert!(reference.status.success());
    let recording = recording.to_str().unwrap();
    succeed(here, &["replay", recording, "--books", "books", "--bars", "bars", "--data", "data"]);
    for (ours, theirs) in [("books", "reference"), ("bars", "reference_bars")] {
        let read = |name: &str| fs::read_to_string(here.join(name)).unwrap();
        assert_eq!(read(ours), read(theirs), "{ours}");
    }
    let data = here.join("data");
    LakeView::open(&data).assert_derived_equals_replay();
    support::assert_other_engines_agree(&data);
}
