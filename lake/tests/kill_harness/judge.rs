//! Whether a lake holds exactly the rows it should: by a reader of ours, and by engines of others.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Int32Type, Int64Type};
use depthlake_lake::commit::Lake;
use depthlake_lake::log::Log;
use depthlake_lake::storage::path_of;
use depthlake_lake::table::Table;
use depthlake_lake::tail::{Tail, TailOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::other_engines::assert_they_agree;
use crate::place::{Ends, Place};
use crate::records::{Row, row};

/// The tables that rows come to.
const JUDGED: [Table; 4] = [Table::RawOrderbookDiffs, Table::RawTrades, Table::Trades, Table::DeadLetters];

/// Checks that the lake holds every record up to these ends once, and beside them these rows and nothing else. Returns the
/// number of rows.
pub async fn judge(place: &Place, ends: &Ends, more: Vec<Row>) -> usize {
    let mut expected = expected_rows(ends);
    expected.extend(more);
    expected.sort();
    let mut found = rows_of(&place.lake().await).await;
    found.sort();
    // Not `assert_eq`: it would print all of both.
    assert!(found == expected, "the lake is not what was appended:\n{}", differences(&expected, &found));
    judge_by_duckdb(place, &expected);
    assert_they_agree(&place.catalog());
    expected.len()
}

/// Checks that the tail shows what is behind the committed records up to the durable ones, once, and nothing else.
pub async fn judge_tail(log: Arc<dyn Log>, lake: Lake, committed: &Ends, durable: &Ends) {
    let tail = Tail::follow(log, lake, TailOptions::default()).await.unwrap();
    let mut found = Vec::new();
    for table in JUDGED {
        let joined = tail.join(table).await.unwrap();
        joined.rows.iter().for_each(|batch| read(table, batch, &mut found));
        assert!(joined.unread.is_empty(), "{table}");
    }
    found.sort();
    let behind =
        durable.iter().flat_map(|(&at, &end)| (committed[&at]..end).map(move |offset| row(at, offset)));
    let mut expected: Vec<_> = behind.collect();
    expected.sort();
    assert!(found == expected, "the tail is not what is behind:\n{}", differences(&expected, &found));
}

fn expected_rows(ends: &Ends) -> Vec<Row> {
    ends.iter().flat_map(|(&at, &end)| (0..end).map(move |offset| row(at, offset))).collect()
}

async fn rows_of(lake: &Lake) -> Vec<Row> {
    let mut rows = Vec::new();
    for table in JUDGED {
        batches(lake, table).await.iter().for_each(|batch| read(table, batch, &mut rows));
    }
    rows
}

/// The dead letters about messages of other programs.
pub async fn letters_about_others(lake: &Lake) -> Vec<Row> {
    let mut letters = Vec::new();
    for batch in batches(lake, Table::DeadLetters).await {
        let mut rows = Vec::new();
        read(Table::DeadLetters, &batch, &mut rows);
        let reasons = batch.column_by_name("reason").unwrap().as_string::<i32>();
        let is_about_others = |row: &usize| reasons.value(*row) == "foreign";
        letters.extend((0..rows.len()).filter(is_about_others).map(|row| rows[row].clone()));
    }
    letters
}

async fn batches(lake: &Lake, table: Table) -> Vec<RecordBatch> {
    let mut batches = Vec::new();
    for file in lake.data_files(table).await.unwrap().files {
        let file = File::open(path_of(&file.location)).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        batches.extend(reader.build().unwrap().map(Result::unwrap));
    }
    batches
}

fn read(table: Table, batch: &RecordBatch, rows: &mut Vec<Row>) {
    let column = |name: &str| batch.column_by_name(name).unwrap_or_else(|| panic!("{table} has no {name}"));
    let text = |name: &str, row: usize| column(name).as_string::<i32>().value(row).to_owned();
    let payload =
        |row: usize| String::from_utf8(column("payload").as_binary::<i64>().value(row).to_vec()).unwrap();
    let decimal = |name: &str, row: usize| column(name).as_primitive::<Decimal128Type>().value_as_string(row);
    let (partition, offset, name) = match table {
        Table::RawOrderbookDiffs => ("partition", "offset", "raw.orderbook_diffs"),
        Table::RawTrades => ("partition", "offset", "raw.trades"),
        Table::Trades => ("source_partition", "source_offset", "normalized.trades"),
        _ => ("source_partition", "source_offset", "ops.dead_letters"),
    };
    for row in 0..batch.num_rows() {
        let content = match table {
            Table::DeadLetters => payload(row),
            Table::Trades => format!(
                "{} {} {} {} {}",
                text("symbol", row),
                column("trade_id").as_primitive::<Int64Type>().value(row),
                decimal("price", row),
                decimal("quantity", row),
                text("taker_side", row)
            ),
            _ => format!("{} {}", text("symbol", row), payload(row)),
        };
        rows.push(Row {
            table: name,
            partition: u16::try_from(column(partition).as_primitive::<Int32Type>().value(row)).unwrap(),
            offset: u64::try_from(column(offset).as_primitive::<Int64Type>().value(row)).unwrap(),
            content,
        });
    }
}

/// The first rows that are missing or too many.
fn differences(expected: &[Row], found: &[Row]) -> String {
    let mut counts: BTreeMap<&Row, i64> = BTreeMap::new();
    for row in expected {
        *counts.entry(row).or_default() -= 1;
    }
    for row in found {
        *counts.entry(row).or_default() += 1;
    }
    let differing = counts.into_iter().filter(|(_, count)| *count != 0);
    differing.take(20).fold(String::new(), |mut text, (row, count)| {
        writeln!(text, "{count:+} {row:?}").unwrap();
        text
    })
}

/// Has `DuckDB` compare the tables with the rows, where it is installed.
fn judge_by_duckdb(place: &Place, expected: &[Row]) {
    let Some(python) = env::var_os("DEPTHLAKE_PYTHON") else {
        eprintln!("SKIPPED: DuckDB as the judge, for DEPTHLAKE_PYTHON is not set");
        return;
    };
    let file = place.folder().join("expected.csv");
    let lines = expected.iter().fold(String::new(), |mut lines, row| {
        writeln!(lines, "{},{},{},{}", row.table, row.partition, row.offset, row.content).unwrap();
        lines
    });
    fs::write(&file, lines).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kill_harness/judge.py");
    let output = Command::new(python).arg(script).arg(place.catalog()).arg(&file).output().unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{complained}");
    eprint!("{said}");
}
