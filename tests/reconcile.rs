//! `depthlake reconcile`: a lake that is right, and one that is damaged in each way there is.

mod support;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use arrow_array::{ArrayRef, Decimal128Array, RecordBatch, cast::AsArray, types::Decimal128Type};
use depthlake_lake::commit::{Lake, StoredFile, TableChange};
use depthlake_lake::storage::path_of;
use depthlake_lake::table::Table;
use support::{finish, succeed, text};

/// A folder with a lake of some seconds of a simulated market, bars included.
fn lake_of_a_recording(folder: &Path) {
    succeed(
        folder,
        &["record", "recording", "--duration", "4", "--symbols", "BTCUSDT,ETHUSDT", "--rate", "3"],
    );
    succeed(folder, &["replay", "recording", "--data", "data"]);
}

async fn open(folder: &Path) -> Lake {
    let lake = folder.join("data/lake");
    Lake::open(&lake.join("catalog.db"), &lake.join("warehouse")).await.unwrap()
}

/// Puts other rows in the place of those of a table's largest file: a commit may have landed a row or two alone.
async fn damage(folder: &Path, table: Table, damaged: impl Fn(&RecordBatch) -> Vec<RecordBatch>) {
    let lake = open(folder).await;
    let files = lake.data_files(table).await.unwrap().files;
    let file: StoredFile = files.into_iter().max_by_key(|file| file.rows).unwrap();
    let rows = lake.read_rows(&file, table).await.unwrap();
    let added = rows.iter().flat_map(damaged).collect();
    lake.change(vec![TableChange::overwrite(table, vec![file], added)]).await.unwrap();
}

fn dearer(rows: &RecordBatch) -> RecordBatch {
    let column = rows.schema().index_of("price").unwrap();
    let prices = rows.column(column).as_primitive::<Decimal128Type>();
    let prices: Decimal128Array = prices.unary(|price| price + price / 1_000);
    let prices = prices.with_precision_and_scale(18, 8).unwrap();
    let mut columns = rows.columns().to_vec();
    columns[column] = Arc::new(prices) as ArrayRef;
    RecordBatch::try_new(rows.schema(), columns).unwrap()
}

fn classes(folder: &Path) -> String {
    let query = "SELECT class, table_name, count(*) AS breaks, count(repaired_at) AS repaired FROM ops.recon_breaks \
                 GROUP BY class, table_name ORDER BY class, table_name";
    succeed(folder, &["sql", "--data", "data", "--format", "csv", query])
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_of_damaging_a_lake_is_told_and_put_right() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    lake_of_a_recording(folder);
    let told = succeed(folder, &["reconcile", "--data", "data"]);
    for table in ["raw.trades", "raw.orderbook_diffs", "normalized.trades", "normalized.ohlcv_1m"] {
        let line = told.lines().find(|line| line.starts_with(table)).unwrap_or_else(|| panic!("{told}"));
        let mut fields = line.split_whitespace().skip(1);
        assert_ne!(fields.next(), Some("0"), "{told}");
        assert!(fields.all(|breaks| breaks == "0"), "{told}");
    }

    for topic in ["market.normalized.trade", "market.normalized.book_ticker", "market.agg.ohlcv_1m"] {
        let line = told.lines().find(|line| line.starts_with(topic)).unwrap_or_else(|| panic!("{told}"));
        assert_ne!(line.split_whitespace().nth(1), Some("0"), "{told}");
    }

    damage(folder, Table::Trades, |rows| vec![rows.slice(1, rows.num_rows() - 1)]).await;
    damage(folder, Table::BookTicker, |rows| vec![rows.clone(), rows.slice(0, 2)]).await;
    damage(folder, Table::RawTrades, |rows| vec![rows.slice(0, rows.num_rows() - 3)]).await;
    let output = finish(folder, &["reconcile", "--data", "data", "--repair", "--layer", "raw"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(classes(folder), "class,table_name,breaks,repaired\nMISSING,raw.trades,3,3\n");

    let output = finish(folder, &["reconcile", "--data", "data"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    assert!(told.contains("raw gives this row; it is not there"), "{told}");
    succeed(folder, &["reconcile", "--data", "data", "--repair"]);
    damage(folder, Table::Trades, |rows| vec![dearer(rows)]).await;
    let output = finish(folder, &["reconcile", "--data", "data", "--tolerance", "0.01"]);
    assert!(output.status.success(), "a part in a thousand is within a hundredth: {}", text(&output.stdout));
    let output = finish(folder, &["reconcile", "--data", "data", "--layer", "normalized", "--repair"]);
    let told = text(&output.stdout);
    assert!(output.status.success() && told.contains("VALUE_DRIFT normalized.trades symbol="), "{told}");
    let classes = classes(folder);
    for class in [
        "DUPLICATE,normalized.book_ticker,4,2",
        "MISSING,normalized.trades,2,1",
        "VALUE_DRIFT,normalized.trades,",
    ] {
        assert!(classes.contains(class), "{classes}");
    }
    succeed(folder, &["reconcile", "--data", "data"]);
}

fn counts(folder: &Path) -> String {
    let query = "SELECT (SELECT count(*) FROM normalized.trades), (SELECT count(*) FROM normalized.book_ticker), \
                 (SELECT count(*) FROM normalized.ohlcv_1m), (SELECT count(*) FROM ops.dead_letters)";
    succeed(folder, &["sql", "--data", "data", "--format", "csv", query])
}

/// When the trades were received that are so far on, of a hundred parts.
fn received_at(folder: &Path, percent: u32) -> String {
    let query = format!(
        "SELECT to_iso8601(from_unixtime_nanos(CAST(min(received_ns) + (max(received_ns) - min(received_ns)) / 100 * {percent} AS bigint))) \
         FROM raw.trades"
    );
    let told = succeed(folder, &["sql", "--data", "data", "--format", "csv", &query]);
    told.lines().last().unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_a_lake_that_is_right_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    lake_of_a_recording(folder);
    let before = counts(folder);
    for (from, to) in [(10, 50), (40, 60), (0, 99)] {
        let (from, to) = (received_at(folder, from), received_at(folder, to));
        succeed(folder, &["reconcile", "--data", "data", "--repair", "--from", &from, "--to", &to]);
        assert_eq!(counts(folder), before, "{from} to {to}");
    }
    for topic in ["market.raw.orderbook", "market.raw.trade"] {
        for partition in ["0", "1", "2", "3"] {
            let range = ["--topic", topic, "--partition", partition, "--from", "0", "--to", "60"];
            finish(folder, &[&["backfill", "raw", "--data", "data"][..], &range].concat());
            assert_eq!(counts(folder), before, "{topic} {partition}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lost_messages_gave_is_told_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    lake_of_a_recording(folder);
    let before = counts(folder);
    // Each file has the messages of one commit, instruments and sessions among them.
    damage(folder, Table::RawTrades, |rows| {
        vec![rows.slice(rows.num_rows() / 2, rows.num_rows().div_ceil(2))]
    })
    .await;
    damage(folder, Table::RawOrderbookDiffs, |rows| vec![rows.slice(0, rows.num_rows() / 2)]).await;
    let repair = ["reconcile", "--data", "data", "--repair", "--layer", "normalized", "--layer", "marts"];
    let output = finish(folder, &repair);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}{}", text(&output.stderr));
    assert!(told.contains("MISSING raw.") && told.contains("these messages are not there"), "{told}");
    assert_eq!(counts(folder), before);
    succeed(folder, &["reconcile", "--data", "data", "--repair", "--layer", "raw"]);
    succeed(folder, &["reconcile", "--data", "data"]);
    assert_eq!(counts(folder), before);
}

/// Changes columns as another engine may; `false` where there is no Python for it.
fn change_columns(folder: &Path) -> bool {
    let Some(python) = std::env::var_os("DEPTHLAKE_PYTHON") else {
        eprintln!("SKIPPED: DEPTHLAKE_PYTHON names no Python with PyIceberg, which changes the columns");
        return false;
    };
    let script = "import sys; from pyiceberg.catalog.sql import SqlCatalog; from pyiceberg.types import StringType\n\
        catalog = SqlCatalog('depthlake', uri='sqlite:///' + sys.argv[1])\n\
        with catalog.load_table('normalized.trades').update_schema() as update: update.add_column('desk', StringType())\n\
        with catalog.load_table('ops.feed_events').update_schema() as update: update.delete_column('lost_updates')\n\
        with catalog.load_table('normalized.book_ticker').update_schema() as update: update.rename_column('mid', 'middle')";
    run_on_catalog(&python, folder, script);
    true
}

fn run_on_catalog(python: &OsStr, folder: &Path, script: &str) {
    let catalog = folder.join("data/lake/catalog.db");
    let output = Command::new(python).args(["-c", script]).arg(catalog).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// The rows of two tables written again by another engine.
fn rewrite(folder: &Path) -> bool {
    let has_writer = |python: &OsString| {
        let mut python = Command::new(python);
        python.args(["-c", "import pyiceberg_core"]).output().is_ok_and(|output| output.status.success())
    };
    let Some(python) = std::env::var_os("DEPTHLAKE_PYTHON").filter(has_writer) else {
        eprintln!(
            "SKIPPED: DEPTHLAKE_PYTHON names no Python with pyiceberg-core, which writes the rows again"
        );
        return false;
    };
    let script = "import sys; from pyiceberg.catalog.sql import SqlCatalog\n\
        catalog = SqlCatalog('depthlake', uri='sqlite:///' + sys.argv[1])\n\
        for name in ('normalized.trades', 'normalized.book_ticker'):\n    \
            table = catalog.load_table(name); table.overwrite(table.scan().to_arrow())";
    run_on_catalog(&python, folder, script);
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_another_engine_are_compared_and_put_right() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    lake_of_a_recording(folder);
    if !rewrite(folder) {
        return;
    }
    succeed(folder, &["reconcile", "--data", "data", "--layer", "normalized"]);
    let before = counts(folder);
    damage(folder, Table::Trades, |rows| vec![rows.slice(1, rows.num_rows() - 1)]).await;
    succeed(folder, &["reconcile", "--data", "data", "--layer", "normalized", "--repair"]);
    assert_eq!(counts(folder), before);
}

#[test]
fn columns_that_others_changed_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    lake_of_a_recording(folder);
    if !change_columns(folder) {
        return;
    }
    let output = finish(folder, &["reconcile", "--data", "data", "--layer", "normalized"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    for line in [
        "SCHEMA_DRIFT normalized.trades desk: this column was added (optional string instead of null)",
        "SCHEMA_DRIFT ops.feed_events lost_updates: this column was removed (null instead of optional long)",
        "SCHEMA_DRIFT normalized.book_ticker mid: this column was removed (null instead of required double)",
        "SCHEMA_DRIFT normalized.book_ticker middle: this column was added (required double instead of null)",
    ] {
        assert!(told.contains(line), "{told}");
    }
}

/// The largest data file of a table, as a path.
async fn largest_file(folder: &Path, table: Table) -> PathBuf {
    let files = open(folder).await.data_files(table).await.unwrap().files;
    let file: StoredFile = files.into_iter().max_by_key(|file| file.rows).unwrap();
    path_of(&file.location)
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_read_are_told_and_the_rest_is_compared() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    lake_of_a_recording(folder);
    damage(folder, Table::Bars, |rows| vec![rows.slice(1, rows.num_rows() - 1)]).await;
    let gone = largest_file(folder, Table::Trades).await;
    fs::remove_file(&gone).unwrap();
    let spoilt = largest_file(folder, Table::BookTicker).await;
    let mut bytes = fs::read(&spoilt).unwrap();
    let half = bytes.len() / 2;
    bytes[4..half].fill(0);
    fs::write(&spoilt, bytes).unwrap();

    let output = finish(folder, &["reconcile", "--data", "data"]);
    let (told, errors) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{told}{errors}");
    for (table, file) in [("normalized.trades", &gone), ("normalized.book_ticker", &spoilt)] {
        let name = file.file_name().unwrap().to_str().unwrap();
        let line = told.lines().find(|line| line.starts_with(&format!("MISSING {table} file=")));
        assert!(line.is_some_and(|line| line.contains(name) && line.contains("cannot be read")), "{told}");
        assert!(errors.contains(&format!("{table} could not be compared")), "{errors}");
    }
    assert!(told.contains("MISSING normalized.ohlcv_1m symbol="), "{told}");
    let query = "SELECT count(*) FROM ops.recon_breaks WHERE detail LIKE '%cannot be read%'";
    let kept = succeed(folder, &["sql", "--data", "data", "--format", "csv", query]);
    assert_eq!(kept.lines().last(), Some("2"), "each file is told once");
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_files_that_cannot_be_read_do_not_hide_the_other_stream() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    lake_of_a_recording(folder);
    fs::remove_file(largest_file(folder, Table::RawTrades).await).unwrap();
    damage(folder, Table::BookTicker, |rows| vec![rows.slice(1, rows.num_rows() - 1)]).await;
    let output = finish(folder, &["reconcile", "--data", "data", "--layer", "normalized"]);
    let (told, errors) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{told}{errors}");
    assert!(told.contains("MISSING raw.trades file="), "{told}");
    assert!(told.contains("MISSING normalized.book_ticker symbol="), "{told}");
    assert!(errors.contains("raw.trades") && errors.contains("could not be compared"), "{errors}");
}

/// Lets PyIceberg commit to a mart; `false` where there is no Python for it.
fn commit_elsewhere(folder: &Path, change: &str) -> bool {
    let Some(python) = std::env::var_os("DEPTHLAKE_PYTHON") else {
        eprintln!("SKIPPED: DEPTHLAKE_PYTHON names no Python with PyIceberg, which commits to a mart");
        return false;
    };
    let script = format!(
        "import sys; from pyiceberg.catalog.sql import SqlCatalog\n\
        catalog = SqlCatalog('depthlake', uri='sqlite:///' + sys.argv[1])\n\
        table = catalog.load_table('marts.mart_ohlcv')\n\
        rows = table.scan().to_arrow()\n{change}"
    );
    run_on_catalog(&python, folder, &script);
    true
}

/// The mart's current snapshot.
async fn snapshot_of_mart(folder: &Path) -> Option<i64> {
    open(folder).await.data_files(Table::MartOhlcv).await.unwrap().snapshot_id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mart_to_which_another_engine_has_committed_is_compared_and_not_built_anew() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    lake_of_a_recording(folder);
    succeed(folder, &["reconcile", "--data", "data"]);
    if !commit_elsewhere(folder, "table.overwrite(rows)") {
        return;
    }
    let theirs = snapshot_of_mart(folder).await;
    succeed(folder, &["reconcile", "--data", "data"]);
    assert_eq!(snapshot_of_mart(folder).await, theirs, "a check writes nothing");

    commit_elsewhere(folder, "table.overwrite(rows.slice(1))");
    let theirs = snapshot_of_mart(folder).await;
    let output = finish(folder, &["reconcile", "--data", "data"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("MISSING marts.mart_ohlcv symbol="), "{}", text(&output.stdout));
    assert_eq!(snapshot_of_mart(folder).await, theirs);
    succeed(folder, &["reconcile", "--data", "data", "--repair"]);
    succeed(folder, &["reconcile", "--data", "data"]);

    // Nothing that is kept tells any more what the mart was built of.
    let forget = "table.overwrite(rows); table = catalog.load_table('marts.mart_ohlcv')\n\
        old = [one.snapshot_id for one in table.snapshots() if one.snapshot_id != table.current_snapshot().snapshot_id]\n\
        ours = [one.snapshot_id for one in table.snapshots() if any(key.startswith('depthlake.') for key in one.summary.additional_properties)]\n\
        table.maintenance.expire_snapshots().by_ids([one for one in old if one in ours]).commit()";
    commit_elsewhere(folder, forget);
    let theirs = snapshot_of_mart(folder).await;
    let output = finish(folder, &["reconcile", "--data", "data"]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stderr).contains("build --full-refresh mart_ohlcv"), "{}", text(&output.stderr));
    assert_eq!(snapshot_of_mart(folder).await, theirs);
    succeed(folder, &["build", "--data", "data", "--full-refresh", "mart_ohlcv"]);
    let output = finish(folder, &["reconcile", "--data", "data"]);
    assert!(output.status.success() && !text(&output.stderr).contains("full-refresh"));
}

/// A lake of files: bars of two, the second of which says otherwise of a minute, trades, days, and lines that cannot be used.
fn lake_of_files(folder: &Path) {
    let minute = |minute: u64| 1_723_075_200_000 + minute * 60_000;
    let bar = |number: u64, price: u64| {
        format!(
            "{},{price},{price},{price},{price},2,{},{},3,1,{price},0\n",
            minute(number),
            minute(number + 1) - 1,
            2 * price
        )
    };
    let bars: String = (0..5).map(|number| bar(number, 100 + number)).collect();
    fs::write(folder.join("BTCUSDT-1m-2024-08-08.csv"), bars + "x,1,1,1,1,1,1,1,1,1,1,0\n").unwrap();
    fs::write(folder.join("ETHUSDT-1m-2024-08-08.csv"), bar(0, 9)).unwrap();
    fs::write(folder.join("corrected-BTCUSDT-1m-2024-08-08.csv"), bar(2, 200) + &bar(3, 103)).unwrap();
    let trade = |id: u64| format!("{id},{},1,1,{},True,True\n", 50 + id, minute(10) + id * 700);
    fs::write(folder.join("SOLUSDT-trades-2024-08-08.csv"), (0..200).map(trade).collect::<String>()).unwrap();
    let days =
        "Date,Open,High,Low,Close,Adj Close,Volume\n2024-08-07,1,2,1,2,1.5,10\n2024-08-08,2,3,2,3,2.5,11\n";
    fs::write(folder.join("AAPL.csv"), days).unwrap();
    for file in ["BTCUSDT-1m-2024-08-08.csv", "ETHUSDT-1m-2024-08-08.csv"] {
        succeed(folder, &["backfill", "klines", file, "--data", "data"]);
    }
    let corrected = ["backfill", "klines", "corrected-BTCUSDT-1m-2024-08-08.csv", "--symbol", "BTCUSDT"];
    let told = succeed(folder, &[&corrected[..], &["--data", "data"]].concat());
    assert!(told.contains("bars: 0 new, 1 corrected, 1 there before"), "{told}");
    succeed(folder, &["backfill", "trades", "SOLUSDT-trades-2024-08-08.csv", "--data", "data"]);
    succeed(folder, &["backfill", "daily", "AAPL.csv", "--data", "data"]);
}

/// All that files have given.
fn rows_of_files(folder: &Path) -> Vec<String> {
    let all = |table: &str, order: &str| {
        let query = format!("SELECT * FROM {table} ORDER BY {order}");
        succeed(folder, &["sql", "--data", "data", "--format", "csv", &query])
    };
    vec![
        all("normalized.trades", "trade_id, source_offset"),
        all("normalized.ohlcv_1m", "symbol, open_time, sys_from"),
        all("normalized.ohlcv_1d", "symbol, open_time, sys_from"),
        all("ops.dead_letters", "source_offset, detail"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_backfills_are_compared_and_put_right() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    lake_of_files(folder);
    let told = succeed(folder, &["reconcile", "--data", "data"]);
    for (table, rows) in [
        ("normalized.trades", "200"),
        ("normalized.ohlcv_1m", "7"),
        ("normalized.ohlcv_1d", "2"),
        ("ops.dead_letters", "1"),
    ] {
        let line = told.lines().find(|line| line.starts_with(table)).unwrap_or_else(|| panic!("{told}"));
        assert_eq!(line.split_whitespace().nth(1), Some(rows), "{told}");
    }
    let before = rows_of_files(folder);

    let damages: [(Table, &str, fn(&RecordBatch) -> Vec<RecordBatch>); 6] = [
        (Table::Trades, "MISSING", |rows| vec![rows.slice(3, rows.num_rows() - 3)]),
        (Table::Trades, "DUPLICATE", |rows| vec![rows.clone(), rows.slice(0, 2)]),
        (Table::Trades, "VALUE_DRIFT", |rows| vec![dearer(rows)]),
        (Table::Bars, "MISSING", |rows| vec![rows.slice(rows.num_rows() - 1, 1)]),
        (Table::DailyBars, "MISSING", |rows| vec![rows.slice(1, rows.num_rows() - 1)]),
        (Table::DeadLetters, "MISSING", |_| Vec::new()),
    ];
    for (table, class, damaged) in damages {
        damage(folder, table, damaged).await;
        assert_ne!(rows_of_files(folder), before, "{class} {table}");
        let output = finish(folder, &["reconcile", "--data", "data", "--layer", "normalized"]);
        let told = text(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{class} {table}: {told}{}", text(&output.stderr));
        assert!(told.contains(&format!("{class} {table} ")), "{told}");
        succeed(folder, &["reconcile", "--data", "data", "--layer", "normalized", "--repair"]);
        assert_eq!(rows_of_files(folder), before, "{class} {table}");
    }
    // What the lake has of a file is not read again: its rows are given back by the chunks that it keeps.
    let again = succeed(folder, &["backfill", "trades", "SOLUSDT-trades-2024-08-08.csv", "--data", "data"]);
    assert!(again.contains("trades: 0 new, 0 there before"), "{again}");
    succeed(folder, &["reconcile", "--data", "data"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_that_are_lost_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    lake_of_files(folder);
    let before = rows_of_files(folder);
    damage(folder, Table::RawHistory, |_| Vec::new()).await;
    let output = finish(folder, &["reconcile", "--data", "data", "--layer", "normalized", "--repair"]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}{}", text(&output.stderr));
    assert!(told.contains("MISSING raw.history partition=0 offset="), "{told}");
    assert_eq!(rows_of_files(folder), before, "what nobody can derive any more stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_others_added_hinders_nothing_and_can_be_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    lake_of_a_recording(folder);
    let add = "for name in ('normalized.trades', 'marts.mart_ohlcv'):\n    \
        with catalog.load_table(name).update_schema() as update: update.add_column('desk', __import__('pyiceberg.types').types.StringType())";
    if !commit_elsewhere(folder, add) {
        return;
    }
    let output = finish(folder, &["reconcile", "--data", "data"]);
    let (told, errors) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{told}{errors}");
    assert!(told.contains("SCHEMA_DRIFT normalized.trades desk: this column was added"), "{told}");
    assert!(errors.contains("--accept normalized.trades.desk"), "{errors}");
    let line = told.lines().find(|line| line.starts_with("normalized.trades")).unwrap();
    assert_ne!(line.split_whitespace().nth(1), Some("0"), "the rows are compared: {told}");

    let accepted = ["--accept", "normalized.trades.desk", "--accept", "marts.mart_ohlcv.desk"];
    let reconcile =
        |more: &[&str]| finish(folder, &[&["reconcile", "--data", "data"][..], &accepted, more].concat());
    let output = reconcile(&[]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("SCHEMA_DRIFT normalized.trades desk"), "it is told all the same");
    assert!(!text(&output.stderr).contains("--accept"), "{}", text(&output.stderr));
    let output = finish(folder, &["reconcile", "--data", "data", "--accept", "normalized.trades.desk"]);
    assert_eq!(output.status.code(), Some(1), "the other column is not accepted");

    // The sink and the marts go on.
    let run =
        ["run", "--data", "data", "--symbols", "SOLUSDT", "--rate", "3", "--duration", "4", "--no-serve"];
    succeed(folder, &run);
    succeed(folder, &["build", "--data", "data"]);
    let query = "SELECT count(*) > 0 FROM normalized.trades WHERE symbol = 'SOLUSDT'";
    let count = |query| succeed(folder, &["sql", "--data", "data", "--format", "csv", query]);
    assert_eq!(count(query).lines().last(), Some("true"));
    succeed(folder, &["build", "--data", "data", "--full-refresh", "mart_ohlcv"]);
    damage(folder, Table::Trades, |rows| vec![rows.slice(1, rows.num_rows() - 1)]).await;
    let output = reconcile(&["--layer", "normalized"]);
    assert_eq!(output.status.code(), Some(1), "a row that is missing is a break as ever");
    let output = reconcile(&["--layer", "normalized", "--repair"]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(finish(folder, &["reconcile", "--data", "data", "--accept", "desk"]).status.code() != Some(0));
}

#[test]
fn times_are_told_as_utc() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    lake_of_a_recording(folder);
    let times = ["--from", "2024-08-09", "--to", "2024-08-08T10:30:00Z"];
    let output = finish(folder, &[&["reconcile", "--data", "data"][..], &times].concat());
    let error = text(&output.stderr);
    assert!(error.contains("from 2024-08-09T00:00:00.000Z until 2024-08-08T10:30:00.000Z"), "{error}");
}
