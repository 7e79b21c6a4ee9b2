//! `depthlake reconcile`: a lake that is right, and one that is damaged in each way there is.

#[path = "reconcile/backfills.rs"]
mod backfills;
#[path = "reconcile/bars.rs"]
mod bars;
#[path = "reconcile/others.rs"]
mod others;
#[path = "reconcile/raw.rs"]
mod raw;
#[path = "reconcile/registry.rs"]
mod registry;
#[path = "reconcile/regular.rs"]
mod regular;
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
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

    for pair in
        ["raw with the log", "normalized with raw  ", "normalized with the log", "marts with their models"]
    {
        let line = told.lines().find(|line| line.starts_with(pair)).unwrap_or_else(|| panic!("{told}"));
        assert_ne!(line.split_whitespace().last(), Some("0"), "{told}");
    }
    let nothing = "0  nothing to compare yet, because nothing was backfilled";
    let line = told.lines().find(|line| line.starts_with("normalized with raw.history")).unwrap();
    assert!(line.ends_with(nothing), "{told}");

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
    let query =
        "SELECT count(*) FROM ops.recon_breaks WHERE key LIKE 'file=%' AND table_name LIKE 'normalized.b%'";
    let found = succeed(folder, &["sql", "--data", "data", "--format", "csv", query]);
    assert_eq!(found.lines().last(), Some("1"));
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

#[test]
fn a_young_lake_says_that_there_is_nothing_to_compare_yet() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeed(folder, &["run", "--data", "data", "--symbols", "BTCUSDT", "--duration", "2", "--no-serve"]);
    let run = ["run", "--data", "data", "--symbols", "BTCUSDT", "--rate", "3", "--no-serve"];
    let running = support::depthlake(folder, &run).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let running = running.unwrap();
    // Who compares before that takes the log for a moment, and the run is refused.
    support::wait("the run has the log and shows its books", || {
        text(&finish(folder, &["top", "--once", "--data", "data"]).stdout).contains("writer alive")
    });
    let told = succeed(folder, &["reconcile", "--data", "data", "--layer", "raw"]);
    assert!(told.contains("because the log is in use by a running depthlake"), "{told}");
    let told = succeed(folder, &["reconcile", "--data", "data"]);
    support::stop(running);
    let line = told.lines().find(|line| line.starts_with("normalized with raw  ")).unwrap();
    let because = "0  nothing to compare yet, because nothing was received until ";
    let left_alone =
        "and what was received within the last five minutes is left alone while a program is writing";
    assert!(line.contains(because) && line.ends_with(left_alone), "{told}");
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
