//! Bars, of which what was believed stays.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow_array::types::Decimal128Type;
use arrow_array::{ArrayRef, Decimal128Array, RecordBatch, cast::AsArray};
use depthlake_lake::table::Table;

use super::support::{finish, succeed, text};
use super::{damage, lake_of_a_recording};

const VERSIONS: &str = "SELECT symbol, open_time, high, is_current, sys_from, sys_to FROM normalized.ohlcv_1m ORDER BY symbol, open_time, sys_from";

fn rows(folder: &Path, query: &str) -> Vec<String> {
    let told = succeed(folder, &["sql", "--data", "data", "--format", "csv", query]);
    told.lines().skip(1).map(str::to_owned).collect()
}

/// The bars with another high.
fn higher(rows: &RecordBatch) -> RecordBatch {
    let column = rows.schema().index_of("high").unwrap();
    let highs: Decimal128Array = rows.column(column).as_primitive::<Decimal128Type>().unary(|high| high * 2);
    let mut columns = rows.columns().to_vec();
    columns[column] = Arc::new(highs.with_precision_and_scale(18, 8).unwrap()) as ArrayRef;
    RecordBatch::try_new(rows.schema(), columns).unwrap()
}

/// What was believed at a time, of all bars.
fn believed_at(folder: &Path, time: &str) -> Vec<String> {
    let query = format!(
        "SELECT symbol, open_time, high FROM normalized.ohlcv_1m WHERE sys_from <= TIMESTAMP '{time}' AND TIMESTAMP '{time}' < sys_to ORDER BY 1, 2"
    );
    rows(folder, &query)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bar_that_is_put_right_is_a_new_version_and_what_was_believed_stays() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    lake_of_a_recording(folder);
    fs::remove_dir_all(folder.join("data/log")).unwrap();
    let right = rows(folder, VERSIONS);
    assert!(!right.is_empty());
    damage(folder, Table::Bars, |rows| vec![higher(rows)]).await;
    let now = rows(folder, "SELECT CAST(CURRENT_TIMESTAMP AT TIME ZONE 'UTC' AS timestamp(3))");
    let wrong = believed_at(folder, &format!("{} UTC", now[0]));
    assert_eq!(wrong.len(), right.len());

    let reconcile = ["reconcile", "--data", "data", "--layer", "normalized"];
    let output = finish(folder, &reconcile);
    assert!(text(&output.stdout).contains("VALUE_DRIFT normalized.ohlcv_1m"), "{}", text(&output.stdout));
    succeed(folder, &[&reconcile[..], &["--repair"]].concat());
    let versions = rows(folder, VERSIONS);
    assert!(versions.len() > right.len(), "{versions:?}");
    assert_eq!(believed_at(folder, &format!("{} UTC", now[0])), wrong, "what was believed then");
    let current = "SELECT symbol, open_time, high FROM normalized.ohlcv_1m WHERE is_current ORDER BY 1, 2";
    let facts = |line: &String| line.split(',').take(3).collect::<Vec<_>>().join(",");
    assert_eq!(rows(folder, current), right.iter().map(facts).collect::<Vec<_>>());

    // It is right now, and nothing is put right again.
    let told = succeed(folder, &[&reconcile[..], &["--repair"]].concat());
    assert!(!told.contains("\nVALUE_DRIFT ") && !told.contains("\nDUPLICATE "), "{told}");
    assert_eq!(rows(folder, VERSIONS), versions);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bar_that_was_lost_is_believed_from_when_the_log_tells() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    lake_of_a_recording(folder);
    let before = rows(folder, VERSIONS);
    damage(folder, Table::Bars, |_| Vec::new()).await;
    succeed(folder, &["reconcile", "--data", "data", "--layer", "normalized", "--repair"]);
    assert_eq!(rows(folder, VERSIONS), before);

    // Where only raw is left, nobody knows that it was believed before.
    fs::remove_dir_all(folder.join("data/log")).unwrap();
    damage(folder, Table::Bars, |_| Vec::new()).await;
    succeed(folder, &["reconcile", "--data", "data", "--layer", "normalized", "--repair"]);
    let after = rows(folder, VERSIONS);
    assert_eq!(after.len(), before.len());
    assert_ne!(after, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_there_twice_is_there_once_again_and_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    lake_of_a_recording(folder);
    let before = rows(folder, VERSIONS);
    damage(folder, Table::Bars, |rows| vec![rows.clone(), rows.slice(0, 1)]).await;
    let output = finish(folder, &["reconcile", "--data", "data", "--layer", "normalized"]);
    assert!(text(&output.stdout).contains("DUPLICATE normalized.ohlcv_1m"), "{}", text(&output.stdout));
    succeed(folder, &["reconcile", "--data", "data", "--layer", "normalized", "--repair"]);
    assert_eq!(rows(folder, VERSIONS), before);
}
