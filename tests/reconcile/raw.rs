//! Raw rows that are there more than once, after the log has let go of them.

use std::fs;
use std::path::Path;

use depthlake_lake::table::Table;

use super::support::{finish, succeed, text};
use super::{counts, damage, lake_of_a_recording};

fn raw_rows(folder: &Path) -> String {
    let query = "SELECT (SELECT count(*) FROM raw.trades), (SELECT count(*) FROM raw.orderbook_diffs), \
                 (SELECT count(DISTINCT \"offset\") FROM raw.trades WHERE partition = 0)";
    succeed(folder, &["sql", "--data", "data", "--format", "csv", query])
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_rows_that_are_there_twice_are_found_without_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    lake_of_a_recording(folder);
    fs::remove_dir_all(folder.join("data/log")).unwrap();
    let (raw, normalized) = (raw_rows(folder), counts(folder));
    damage(folder, Table::RawTrades, |rows| vec![rows.clone(), rows.slice(1, 3)]).await;
    damage(folder, Table::RawOrderbookDiffs, |rows| vec![rows.slice(0, 1), rows.slice(0, 1), rows.clone()])
        .await;

    let output = finish(folder, &["reconcile", "--data", "data", "--layer", "normalized"]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}{}", text(&output.stderr));
    let duplicates = |table: &str| told.matches(&format!("DUPLICATE {table} topic=market.raw.")).count();
    assert_eq!((duplicates("raw.trades"), duplicates("raw.orderbook_diffs")), (3, 2), "{told}");
    assert!(!told.contains("\nMISSING "), "what is there twice is derived once: {told}");

    let output = finish(folder, &["reconcile", "--data", "data", "--repair"]);
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}{}", text(&output.stderr));
    assert_eq!(told.matches("this row is there once more; repaired").count(), 5, "{told}");
    assert!(told.contains("nothing to compare yet, because there is no log in "), "{told}");
    assert!(!folder.join("data/log").exists(), "a reader makes no log");
    assert_eq!((raw_rows(folder), counts(folder)), (raw, normalized));
    succeed(folder, &["reconcile", "--data", "data"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_rows_that_differ_are_told_and_nothing_follows_from_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    lake_of_a_recording(folder);
    let normalized = counts(folder);
    damage(folder, Table::RawTrades, |rows| {
        let symbols = rows.schema().index_of("symbol").unwrap();
        let mut columns = rows.columns().to_vec();
        columns[symbols] = arrow_array::new_null_array(columns[symbols].data_type(), rows.num_rows());
        let other = arrow_array::RecordBatch::try_new(rows.schema(), columns).unwrap();
        let named = rows.num_rows() - 1;
        vec![rows.clone(), other.slice(named, 1)]
    })
    .await;
    let log = folder.join("data/log");
    fs::rename(&log, folder.join("log")).unwrap();
    for _ in 0..2 {
        let output = finish(folder, &["reconcile", "--data", "data", "--repair"]);
        let told = text(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{told}{}", text(&output.stderr));
        assert_eq!(told.matches("DUPLICATE raw.trades").count(), 2, "{told}");
        assert!(told.contains("several rows have this offset and differ"), "{told}");
        assert_eq!(counts(folder), normalized);
    }
    // The log tells which is right.
    fs::rename(folder.join("log"), &log).unwrap();
    succeed(folder, &["reconcile", "--data", "data", "--repair"]);
    succeed(folder, &["reconcile", "--data", "data"]);
    assert_eq!(counts(folder), normalized);
}
