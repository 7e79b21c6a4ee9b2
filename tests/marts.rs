//! The marts of real recordings: against plain loops in another language, and with trades that come late.

mod support;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use depthlake_lake::table::Table;
use support::{LakeView, finish, shared, succeed, text};

/// All but the time when a bar was written.
const BARS: &str = "SELECT symbol, open_time, close_time, open, high, low, close, volume, quote_volume, vwap, trades, \
    taker_buy_volume, taker_buy_quote_volume, simple_return, log_return, realised_volatility_30m, \
    realised_volatility_60m FROM marts.mart_ohlcv ORDER BY symbol, open_time";
/// How long a late trade is delayed, in nanoseconds: longer than its minute and the watermark.
const DELAY: u64 = 150_000_000_000;

/// Asserts that every mart is what `tests/check_marts.py` computes. Skipped, with a message, without its interpreter.
fn assert_marts_are_computed_alike(data: &Path) {
    let Some(python) = std::env::var_os("DEPTHLAKE_PYTHON") else {
        eprintln!("SKIPPED: DEPTHLAKE_PYTHON names no interpreter with DuckDB");
        return;
    };
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check_marts.py");
    let output = Command::new(python).arg(tool).arg(data.join("lake/catalog.db")).output().unwrap();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(text(&output.stdout).matches("rows compared").count(), 3);
}

fn answer(here: &Path, data: &str, sql: &str) -> String {
    succeed(here, &["sql", sql, "--format", "csv", "--data", data])
}

#[test]
fn marts_of_recordings_are_what_plain_loops_compute() {
    let Some(shared) = shared() else { return };
    for name in ["binance-spot-2024", "binance-usdm-2024"] {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let recording = shared.join("data").join(name);
        succeed(here, &["replay", recording.to_str().unwrap(), "--data", "data"]);
        let built = succeed(here, &["build", "--data", "data"]);
        // What the engine told of the bars is what the landed trades tell.
        assert!(built.contains("normalized.ohlcv_1m: 0 rows"), "{name}: {built}");
        assert_marts_are_computed_alike(&here.join("data"));

        let again = succeed(here, &["build", "--data", "data"]);
        assert_eq!(again.matches("nothing new").count(), 4, "{name}: {again}");
        let marts = ["mart_ohlcv", "mart_liquidity", "mart_exchange_health"];
        let rows =
            || marts.map(|mart| answer(here, "data", &format!("SELECT * FROM marts.{mart} ORDER BY 1, 2")));
        let before = rows();
        succeed(here, &["build", "--full-refresh", "--data", "data"]);
        assert_eq!(rows(), before, "{name}");
        assert!(before.iter().all(|rows| rows.lines().count() > 5), "{name}: {before:?}");

        let lineage = succeed(here, &["models", "--data", "data"]);
        assert!(lineage.contains("marts.mart_ohlcv  (table, by minutes; built"), "{lineage}");
        // Care of a table does not make it fresh.
        let view = LakeView::open(&here.join("data"));
        view.rewrite(Table::MartOhlcv);
        assert_eq!(succeed(here, &["models", "--data", "data"]), lineage, "{name}");
        drop(view);
        let latest =
            answer(here, "data", "SELECT count(*) = count(DISTINCT symbol) FROM marts.mart_liquidity_latest");
        assert_eq!(latest.lines().nth(1), Some("true"), "{name}");
    }
}

#[test]
fn late_trades_end_in_the_bars_they_would_have_been_in() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let recording = shared.join("data/binance-spot-2024");
    let late = with_late_trades(&recording.join("btcusdt_20240808.gz"), &here.join("late"));
    assert!(late > 3, "{late}");
    let only = here.join("in time");
    std::fs::create_dir(&only).unwrap();
    std::fs::copy(recording.join("btcusdt_20240808.gz"), only.join("btcusdt_20240808.gz")).unwrap();
    for name in ["in time", "late"] {
        finish(here, &["replay", name, "--data", &format!("lake {name}")]);
    }
    let letters =
        answer(here, "lake late", "SELECT count(*) FROM ops.dead_letters WHERE reason = 'late_trade'");
    assert_eq!(letters.lines().nth(1), Some(late.to_string().as_str()));
    succeed(here, &["build", "mart_ohlcv", "--data", "lake in time"]);
    succeed(here, &["build", "mart_ohlcv", "--data", "lake late"]);
    let in_time = answer(here, "lake in time", BARS);
    assert_ne!(answer(here, "lake late", BARS), in_time);

    let corrected = succeed(here, &["build", "--data", "lake late"]);
    assert!(!corrected.contains("ohlcv_1m: 0 rows"), "{corrected}");
    assert_eq!(answer(here, "lake late", BARS), in_time);
    assert_marts_are_computed_alike(&here.join("lake late"));
    let view = LakeView::open(&here.join("lake late"));
    assert_eq!(view.count("SELECT count(*) FROM ohlcv_1m WHERE is_current"), {
        view.count("SELECT count(DISTINCT (symbol, open_time)) FROM ohlcv_1m")
    });
    assert!(view.count("SELECT count(*) FROM ohlcv_1m WHERE NOT is_current") > 0);
}

/// A copy of a recording of one symbol in which every 200th trade of its first minutes comes later; returns how many.
fn with_late_trades(recording: &Path, folder: &Path) -> usize {
    let unpacked = Command::new("gzip").arg("-dc").arg(recording).output().unwrap();
    let mut lines: Vec<(u64, String)> = text(&unpacked.stdout)
        .lines()
        .map(|line| {
            line.split_once(' ').map(|(time, message)| (time.parse().unwrap(), message.to_owned())).unwrap()
        })
        .collect();
    let end = lines.last().unwrap().0;
    let trades = lines
        .iter_mut()
        .filter(|(time, message)| message.contains(r#""e":"trade""#) && time + 2 * DELAY < end);
    let mut late = 0;
    for (time, _) in trades.step_by(200) {
        *time += DELAY;
        late += 1;
    }
    lines.sort_by_key(|(time, _)| *time);
    std::fs::create_dir(folder).unwrap();
    let packed: PathBuf = folder.join(recording.file_name().unwrap());
    let mut gzip = Command::new("gzip")
        .arg("-c")
        .stdin(Stdio::piped())
        .stdout(std::fs::File::create(packed).unwrap())
        .spawn()
        .unwrap();
    let mut pipe = gzip.stdin.take().unwrap();
    for (time, message) in lines {
        writeln!(pipe, "{time} {message}").unwrap();
    }
    drop(pipe);
    assert!(gzip.wait().unwrap().success());
    late
}
