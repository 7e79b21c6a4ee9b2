//! Rows that came by backfills.

use std::fs;
use std::path::Path;

use arrow_array::RecordBatch;
use depthlake_lake::table::Table;

use super::support::{finish, succeed, text};
use super::{damage, dearer};

/// What is done to the rows of a table.
type Damage = fn(&RecordBatch) -> Vec<RecordBatch>;

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

    let damages: [(Table, &str, Damage); 6] = [
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
async fn chunks_that_are_there_twice_are_taken_out() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    lake_of_files(folder);
    let before = rows_of_files(folder);
    damage(folder, Table::RawHistory, |rows| vec![rows.clone(), rows.clone()]).await;
    let output = finish(folder, &["reconcile", "--data", "data", "--layer", "normalized"]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}{}", text(&output.stderr));
    assert!(told.contains("DUPLICATE raw.history topic=market.raw.history partition=0 offset="), "{told}");
    succeed(folder, &["reconcile", "--data", "data", "--layer", "normalized", "--repair"]);
    let told = succeed(folder, &["reconcile", "--data", "data"]);
    assert!(!told.contains("\nDUPLICATE "), "{told}");
    assert_eq!(rows_of_files(folder), before);
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
