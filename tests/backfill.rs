//! `depthlake backfill`: historical files beside a replayed recording, again and again, killed and by two at once.

#[path = "backfill/rest.rs"]
mod rest;
mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_cast::display::array_value_to_string;
use depthlake_lake::table::Table;
use support::{LakeView, depthlake, finish, shared, succeed, text};

/// What a trade says, whichever way it came.
const TRADE: &str =
    "symbol, trade_time, kind, trade_id, first_trade_id, last_trade_id, price, quantity, taker_side";
/// What a bar says.
const BAR: &str = "symbol, open_time, close_time, \"open\", high, low, \"close\", volume, quote_volume, taker_buy_volume, taker_buy_quote_volume";

/// A recording landed as live messages are.
fn replayed(folder: &Path, recording: &str) -> Option<PathBuf> {
    let recording = shared()?.join("data").join(recording);
    succeed(folder, &["replay", recording.to_str().unwrap(), "--data", "live"]);
    Some(folder.join("live"))
}

fn rows(data: &Path, query: &str) -> Vec<String> {
    let batches = LakeView::open(data).query(query);
    let line = |batch: &arrow_array::RecordBatch, row| {
        let cells = batch.columns().iter().map(|column| array_value_to_string(column, row).unwrap());
        cells.collect::<Vec<_>>().join(",")
    };
    let mut lines: Vec<_> =
        batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| line(batch, row))).collect();
    lines.sort();
    lines
}

/// The frames of a stream as the recording has them.
fn recorded(data: &Path, kind: &str) -> Vec<serde_json::Value> {
    let query = format!(
        "SELECT arrow_cast(payload, 'LargeBinary') FROM raw.trades WHERE kind = '{kind}' ORDER BY partition, \"offset\""
    );
    let batches = LakeView::open(data).query(&query);
    let payloads = batches.iter().flat_map(|batch| batch.column(0).as_binary::<i64>().iter().flatten());
    payloads
        .map(|payload| {
            let message: serde_json::Value = serde_json::from_slice(payload).unwrap();
            message.get("data").cloned().unwrap_or(message)
        })
        .collect()
}

/// The archive's file of the recorded trades of each symbol.
fn write_trades(data: &Path, folder: &Path, microseconds: bool, header: bool) -> usize {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let trades = recorded(data, "trade");
    for trade in &trades {
        let of = |name: &str| trade[name].as_str().unwrap();
        let file = files.entry(of("s").to_owned()).or_insert_with(|| {
            if header {
                "id,price,qty,quote_qty,time,is_buyer_maker,is_best_match\n".to_owned()
            } else {
                String::new()
            }
        });
        let time = trade["T"].as_i64().unwrap() * if microseconds { 1_000 } else { 1 };
        writeln!(file, "{},{},{},0,{time},{},True", trade["t"], of("p"), of("q"), trade["m"]).unwrap();
    }
    fs::create_dir_all(folder).unwrap();
    for (symbol, lines) in files {
        fs::write(folder.join(format!("{symbol}-trades-2024-08-08.csv")), lines).unwrap();
    }
    trades.len()
}

#[test]
fn the_archive_of_what_was_recorded_changes_nothing_and_gives_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let Some(live) = replayed(folder.path(), "binance-spot-2024") else { return };
    let count = write_trades(&live, &folder.path().join("archive"), false, true);
    let before = rows(&live, "SELECT * FROM normalized.trades");
    let told = succeed(folder.path(), &["backfill", "trades", "archive", "--data", "live"]);
    assert!(told.contains(&format!("trades: 0 new, {count} there before")), "{told}");
    assert_eq!(rows(&live, "SELECT * FROM normalized.trades"), before);

    // Into an empty lake, in the other unit of time and without headers.
    write_trades(&live, &folder.path().join("microseconds"), true, false);
    let told = succeed(folder.path(), &["backfill", "trades", "microseconds", "--data", "new"]);
    assert!(told.contains(&format!("trades: {count} new, 0 there before")), "{told}");
    let query = format!("SELECT {TRADE} FROM normalized.trades");
    assert_eq!(rows(&folder.path().join("new"), &query), rows(&live, &query));
    let bars = format!("SELECT {BAR}, trades FROM normalized.ohlcv_1m WHERE is_current");
    assert_eq!(rows(&folder.path().join("new"), &bars), rows(&live, &bars));
    let told = succeed(folder.path(), &["backfill", "trades", "microseconds", "--data", "new"]);
    assert!(told.contains("trades: 0 new, 0 there before"), "nothing is read again: {told}");
    for data in ["live", "new"] {
        succeed(folder.path(), &["reconcile", "--data", data, "--layer", "normalized"]);
    }
    support::assert_other_engines_agree(&live);
    support::assert_other_engines_agree(&folder.path().join("new"));
}

#[test]
fn the_venues_own_bars_agree_with_ours_or_take_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let Some(live) = replayed(folder.path(), "binance-spot-2024") else { return };
    let ours = rows(&live, &format!("SELECT {BAR} FROM normalized.ohlcv_1m"));
    assert!(ours.len() > 6, "{}", ours.len());
    // The archive's file, from our bars: that ours are the venue's is shown where the recording has klines.
    let bars = "SELECT symbol, CAST(to_unixtime(open_time) AS BIGINT) * 1000, \"open\", high, low, \"close\", volume, quote_volume, trades, taker_buy_volume, taker_buy_quote_volume FROM normalized.ohlcv_1m";
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for bar in rows(&live, bars) {
        let cells: Vec<_> = bar.split(',').collect();
        let [symbol, open_time, open, high, low, close, volume, quote, trades, taker, taker_quote] =
            cells[..]
        else {
            panic!("{bar}")
        };
        let close_time = open_time.parse::<i64>().unwrap() + 59_999;
        let line = format!(
            "{open_time},{open},{high},{low},{close},{volume},{close_time},{quote},{trades},{taker},{taker_quote},0\n"
        );
        *files.entry(symbol.to_owned()).or_default() += &line;
    }
    fs::create_dir(folder.path().join("archive")).unwrap();
    for (symbol, lines) in &files {
        let empty = "1723075200000,1,1,1,1,0,1723075259999,0,0,0,0,0\n";
        fs::write(
            folder.path().join(format!("archive/{symbol}-1m-2024-08-08.csv")),
            format!("{empty}{lines}"),
        )
        .unwrap();
    }
    let told = succeed(folder.path(), &["backfill", "klines", "archive", "--data", "live"]);
    assert!(told.contains(&format!("bars: 0 new, 0 corrected, {} there before", ours.len())), "{told}");
    assert!(told.contains("lines without trades: 2, dead letters: 0"), "{told}");
    assert_eq!(rows(&live, &format!("SELECT {BAR} FROM normalized.ohlcv_1m")), ours);

    let told = succeed(folder.path(), &["backfill", "klines", "archive", "--data", "new"]);
    assert!(told.contains(&format!("bars: {} new", ours.len())), "{told}");
    let new = folder.path().join("new");
    assert_eq!(rows(&new, &format!("SELECT {BAR} FROM normalized.ohlcv_1m")), ours);

    // One minute says otherwise: it is believed from now on, and what was believed is kept.
    let (symbol, lines) = files.pop_first().unwrap();
    let first = lines.lines().next().unwrap();
    let cells: Vec<_> = first.split(',').collect();
    let corrected = first.replacen(&format!(",{},", cells[5]), ",99999999.5,", 1);
    fs::write(folder.path().join(format!("{symbol}-1m-2024-08-08.csv")), corrected).unwrap();
    let told = succeed(
        folder.path(),
        &["backfill", "klines", &format!("{symbol}-1m-2024-08-08.csv"), "--data", "live"],
    );
    assert!(told.contains("bars: 0 new, 1 corrected, 0 there before"), "{told}");
    let versions = "SELECT is_current, volume = 99999999.5, source_topic FROM normalized.ohlcv_1m ORDER BY sys_from DESC LIMIT 1";
    assert_eq!(rows(&live, versions), ["true,true,market.raw.history"]);
    let view = LakeView::open(&live);
    let current = view.count("SELECT count(*) FROM normalized.ohlcv_1m WHERE is_current");
    assert_eq!(usize::try_from(current).unwrap(), ours.len());
    assert_eq!(view.count("SELECT count(*) FROM normalized.ohlcv_1m"), current + 1);
    drop(view);
    for data in ["live", "new"] {
        succeed(folder.path(), &["reconcile", "--data", data, "--layer", "normalized"]);
    }
    support::assert_other_engines_agree(&live);
}

#[test]
fn the_recorded_klines_of_the_venue_are_believed() {
    let folder = tempfile::tempdir().unwrap();
    let Some(live) = replayed(folder.path(), "binance-usdm-2021") else { return };
    let mut expected = Vec::new();
    for message in recorded(&live, "kline") {
        let bar = &message["k"];
        if bar["x"] != true {
            continue;
        }
        let of = |name: &str| bar[name].as_str().unwrap().to_owned();
        let (symbol, open) = (message["s"].as_str().unwrap(), bar["t"].as_i64().unwrap());
        let numbers = ["o", "h", "l", "c", "v"].map(of).join(",");
        let taker = ["V", "Q"].map(of).join(",");
        let line = format!("{open},{numbers},{},{},{},{taker},0\n", bar["T"], of("q"), bar["n"]);
        let path = folder.path().join(format!("archive/{symbol}-1m-2021-07-22.csv"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let before = fs::read_to_string(&path).unwrap_or_default();
        fs::write(path, before + &line).unwrap();
        expected.push((symbol.to_owned(), open, of("c"), of("v")));
    }
    assert!(!expected.is_empty());
    let told =
        succeed(folder.path(), &["backfill", "klines", "archive", "--product", "usdm", "--data", "live"]);
    assert!(told.contains("dead letters: 0"), "{told}");
    let view = LakeView::open(&live);
    for (symbol, open, close, volume) in expected {
        let found = view.count(&format!(
            "SELECT count(*) FROM normalized.ohlcv_1m WHERE is_current AND symbol = '{symbol}'
             AND CAST(to_unixtime(open_time) AS BIGINT) * 1000 = {open} AND \"close\" = {close} AND volume = {volume}"
        ));
        assert_eq!(found, 1, "{symbol} {open}");
    }
    let twice = "SELECT count(*) FROM (SELECT symbol, open_time FROM normalized.ohlcv_1m WHERE is_current GROUP BY symbol, open_time HAVING count(*) > 1)";
    assert_eq!(view.count(twice), 0);
}

/// A file of aggregated trades that takes some commits to land.
fn write_large(path: &Path, first: u64, count: u64) {
    let mut lines = String::new();
    for id in first..first + count {
        let (cents, time) = (id * 7 % 10_000, 1_723_075_200_000 + id * 3);
        writeln!(
            lines,
            "{id},{}.{:02},0.{:05},{},{},{time},{},True",
            61_000 + cents / 100,
            cents % 100,
            id % 99_999 + 1,
            2 * id,
            2 * id + 1,
            id % 2 == 0
        )
        .unwrap();
    }
    fs::write(path, lines).unwrap();
}

fn start(folder: &Path, arguments: &[&str]) -> Child {
    depthlake(folder, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What must hold of the large files, however they were landed.
fn assert_landed_once(data: &Path, trades: u64, raw_lines: u64) {
    let view = LakeView::open(data);
    let trades = i64::try_from(trades).unwrap();
    assert_eq!(view.count("SELECT count(*) FROM normalized.trades"), trades);
    assert_eq!(view.count("SELECT count(DISTINCT trade_id) FROM normalized.trades"), trades);
    assert_eq!(view.count("SELECT sum(trade_id) FROM normalized.trades"), trades * (trades - 1) / 2);
    assert_eq!(view.count("SELECT sum(lines) FROM raw.history"), i64::try_from(raw_lines).unwrap());
    assert_eq!(
        view.count("SELECT count(*) FROM raw.history"),
        view.count("SELECT count(DISTINCT \"offset\") FROM raw.history")
    );
    let strays = "SELECT count(*) FROM normalized.trades t LEFT JOIN raw.history h ON t.source_offset = h.\"offset\" WHERE h.\"offset\" IS NULL";
    assert_eq!(view.count(strays), 0);
}

#[test]
fn kills_at_any_instant_lose_nothing_and_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive");
    fs::create_dir(&archive).unwrap();
    for part in 0..4 {
        write_large(
            &archive.join(format!("BTCUSDT-aggTrades-2024-08-0{}.csv", part + 1)),
            part * 60_000,
            65_000,
        );
    }
    let arguments = ["backfill", "trades", "archive", "--data", "data", "--jobs", "2"];
    let mut kills = 0;
    for life in 0..12_u64 {
        let mut child = start(folder.path(), &arguments);
        std::thread::sleep(Duration::from_millis(300 + (life * 7_919) % 2_500));
        if child.try_wait().unwrap().is_some() {
            break;
        }
        support::kill(&mut child);
        kills += 1;
    }
    assert!(kills > 0, "the first run was over before it could be killed");
    let told = succeed(folder.path(), &arguments);
    assert!(told.contains("4 sources used, 0 not"), "{told}");
    assert_landed_once(&folder.path().join("data"), 245_000, 260_000);
    support::assert_other_engines_agree(&folder.path().join("data"));
}

#[test]
fn two_at_once_land_everything_once() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive");
    fs::create_dir(&archive).unwrap();
    for part in 0..3 {
        write_large(
            &archive.join(format!("BTCUSDT-aggTrades-2024-08-0{}.csv", part + 1)),
            part * 30_000,
            35_000,
        );
    }
    let arguments = ["backfill", "trades", "archive", "--data", "data"];
    let children = [start(folder.path(), &arguments), start(folder.path(), &arguments)];
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    assert_landed_once(&folder.path().join("data"), 95_000, 105_000);
}

#[test]
fn what_cannot_be_used_is_told_and_the_rest_is_landed() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("AAPL.csv"), "Date,Open,High,Low,Close,Adj Close,Volume\n2024-08-07,1,2,0.5,1.5,1.4,100\n2024-08-08,1,2,x,1.5,1.4,100\n2024-08-09,null,null,null,null,null,null\n").unwrap();
    fs::write(folder.path().join("MSFT.csv"), "Date,Open,High\n").unwrap();
    let output = finish(folder.path(), &["backfill", "daily", "AAPL.csv", "MSFT.csv", "--data", "data"]);
    assert_eq!(output.status.code(), Some(1));
    let (told, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(told.contains("1 sources used, 1 not"), "{told}");
    assert!(
        told.contains("bars: 1 new") && told.contains("lines without trades: 1, dead letters: 1"),
        "{told}"
    );
    assert!(errors.contains("MSFT.csv line 1: column Low is missing"), "{errors}");
    let data = folder.path().join("data");
    let days = rows(
        &data,
        "SELECT symbol, open_time, \"close\", adjusted_close, volume, is_current FROM normalized.ohlcv_1d",
    );
    assert_eq!(days.len(), 1);
    assert!(days[0].starts_with("AAPL,2024-08-07T00:00:00Z,1.5"), "{days:?}");
    let letters = rows(&data, "SELECT detail, source_topic FROM ops.dead_letters");
    assert_eq!(
        letters,
        ["AAPL.csv line 3: column Low is \"x\": not a plain decimal number,market.raw.history"]
    );
    let refused = finish(folder.path(), &["backfill", "klines", "absent.zip", "--data", "data"]);
    assert!(
        !refused.status.success() && text(&refused.stderr).contains("absent.zip"),
        "{}",
        text(&refused.stderr)
    );
}

#[test]
fn a_raw_range_gives_what_is_missing_again() {
    let folder = tempfile::tempdir().unwrap();
    let Some(live) = replayed(folder.path(), "binance-spot-2024") else { return };
    let trades =
        format!("SELECT {TRADE}, received_ns, source_partition, source_offset FROM normalized.trades");
    let before = rows(&live, &trades);
    let view = LakeView::open(&live);
    view.lose(Table::Trades);
    assert_eq!(view.count("SELECT count(*) FROM normalized.trades"), 0);
    let partitions = view.query("SELECT DISTINCT partition FROM raw.trades");
    drop(view);
    let partitions: Vec<_> = partitions
        .iter()
        .flat_map(|batch| batch.column(0).as_primitive::<Int32Type>().values().to_vec())
        .collect();
    for partition in partitions {
        let (partition, range) = (partition.to_string(), ["--from", "0", "--to", "1000000"]);
        let place =
            ["backfill", "raw", "--topic", "market.raw.trade", "--partition", &partition, "--data", "live"];
        succeed(folder.path(), &[&place[..], &range[..]].concat());
    }
    assert_eq!(rows(&live, &trades), before);
}
