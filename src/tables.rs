//! `depthlake tables`: what the lake holds.

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use clap::ValueEnum;
use depthlake_lake::commit::{KeptSnapshot, TableStatus};
use depthlake_lake::table::Table;
use depthlake_orderbook::time::Timestamp;
use depthlake_query::output::utc;
use serde::Serialize;

use crate::lake_options::LakePlace;

/// How the tables are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people, with what a row means.
    Table,
    /// Comma-separated values with a header.
    Csv,
    /// A JSON object a line.
    Json,
}

/// Prints the state of each table, and what its rows mean.
///
/// # Errors
/// Where there is no lake, it cannot be read, or the output is closed.
pub async fn run(place: &LakePlace, format: Format) -> Result<()> {
    let tables = place.existing().await?.tables().await?;
    let text = match format {
        Format::Table => table(&tables, now()),
        Format::Csv => csv(&tables),
        Format::Json => json(&tables)?,
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// Prints the states of a table that can still be read, newest first.
///
/// # Errors
/// As [`run`].
pub async fn snapshots(place: &LakePlace, table: Table) -> Result<()> {
    let kept = place.existing().await?.snapshots(table).await?;
    let line = |snapshot: &KeptSnapshot| {
        let KeptSnapshot { snapshot_id, committed_at, operation, rows, files, .. } = snapshot;
        format!(
            "{snapshot_id:>19}  {}  {operation:<9}  {} rows in {files} files\n",
            utc(*committed_at),
            grouped(*rows)
        )
    };
    let text: String = kept.iter().rev().map(line).collect();
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// The state of one table as programs read it.
#[derive(Debug, Serialize)]
struct Entry {
    table: String,
    rows: u64,
    files: u64,
    bytes: u64,
    snapshots: usize,
    last_commit: Option<String>,
    comment: &'static str,
}

impl From<&TableStatus> for Entry {
    fn from(status: &TableStatus) -> Self {
        Self {
            table: status.table.to_string(),
            rows: status.rows,
            files: status.files,
            bytes: status.bytes,
            snapshots: status.snapshots,
            last_commit: status.last_commit.map(utc),
            comment: status.table.comment(),
        }
    }
}

fn json(tables: &[TableStatus]) -> Result<String> {
    let lines = tables.iter().map(|status| Ok(serde_json::to_string(&Entry::from(status))? + "\n"));
    lines.collect()
}

fn csv(tables: &[TableStatus]) -> String {
    let header = "table,rows,files,bytes,snapshots,last_commit,comment\n".to_owned();
    tables.iter().map(Entry::from).fold(header, |lines, entry| {
        let Entry { table, rows, files, bytes, snapshots, last_commit, comment } = entry;
        let last_commit = last_commit.unwrap_or_default();
        let comment = comment.replace('"', "\"\"");
        lines + &format!("{table},{rows},{files},{bytes},{snapshots},{last_commit},\"{comment}\"\n")
    })
}

fn table(tables: &[TableStatus], now: Timestamp) -> String {
    let header = ["table", "rows", "files", "size", "snapshots", "last commit"].map(str::to_owned);
    let cells: Vec<_> = tables.iter().map(|status| cells(status, now)).collect();
    let mut widths = [0; 6];
    for row in cells.iter().chain([&header]) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let entries = tables.iter().zip(&cells);
    entries.fold(line(&header, widths), |text, (status, cells)| {
        text + &line(cells, widths) + "    " + status.table.comment() + "\n"
    })
}

fn cells(status: &TableStatus, now: Timestamp) -> [String; 6] {
    [
        status.table.to_string(),
        grouped(status.rows),
        grouped(status.files),
        size(status.bytes),
        status.snapshots.to_string(),
        status
            .last_commit
            .map_or_else(|| "none yet".to_owned(), |time| format!("{} ({} ago)", utc(time), age(now - time))),
    ]
}

/// The name and the time to the left, numbers to the right.
fn line([table, rows, files, size, snapshots, last_commit]: &[String; 6], widths: [usize; 6]) -> String {
    let [name, count, number, bytes, kept, _] = widths;
    format!(
        "{table:name$}  {rows:>count$}  {files:>number$}  {size:>bytes$}  {snapshots:>kept$}  {last_commit}\n"
    )
}

/// Digits in groups of three.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in the largest unit of which there is one, with one decimal.
pub fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => {
            let tenths = u128::from(bytes) * 10 / u128::from(unit);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} B"),
    }
}

/// A duration in its two largest units.
fn age(nanoseconds: i64) -> String {
    let seconds = nanoseconds.max(0) / 1_000_000_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{minutes} min {} s", seconds % 60),
        3_600..86_400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_1970.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use depthlake_lake::table::Table;

    use super::*;

    fn statuses() -> Vec<TableStatus> {
        let status = |table| TableStatus {
            table,
            rows: 1_234_567,
            files: 12,
            bytes: 3_500_000,
            snapshots: 12,
            last_commit: Some(Timestamp::from_milliseconds(1_723_161_255_208)),
        };
        let empty = TableStatus {
            table: Table::DeadLetters,
            rows: 0,
            files: 0,
            bytes: 0,
            snapshots: 0,
            last_commit: None,
        };
        vec![status(Table::Trades), empty]
    }

    #[test]
    fn people_see_aligned_columns() {
        let text = table(&statuses(), Timestamp::from_milliseconds(1_723_161_355_208));
        let expected = "\
table                   rows  files     size  snapshots  last commit
normalized.trades  1,234,567     12  3.3 MiB         12  2024-08-08T23:54:15.208Z (1 min 40 s ago)
    One row for each trade, or each aggregate of the trades of one taker order at one price
ops.dead_letters           0      0      0 B          0  none yet
    One row for each message that could not be used, with the reason and its bytes
";
        assert_eq!(text, expected);
    }

    #[test]
    fn programs_see_plain_numbers() {
        let json = json(&statuses()).unwrap();
        let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
        assert_eq!((first["rows"].as_u64(), first["bytes"].as_u64()), (Some(1_234_567), Some(3_500_000)));
        assert_eq!(first["last_commit"], "2024-08-08T23:54:15.208Z");
        let csv = csv(&statuses());
        assert!(csv.contains("\nops.dead_letters,0,0,0,0,,\"One row for each message"), "{csv}");
    }

    #[test]
    fn sizes_and_ages_read_well() {
        assert_eq!(
            [size(0), size(1_023), size(1_024), size(u64::MAX)],
            ["0 B", "1023 B", "1.0 KiB", "16777215.9 TiB"]
        );
        let second = 1_000_000_000;
        assert_eq!(
            [-5, 59 * second, 3_599 * second, 86_399 * second, 90_000 * second].map(age),
            ["0 s", "59 s", "59 min 59 s", "23 h 59 min", "1 d 1 h"]
        );
        assert_eq!(
            [grouped(0), grouped(999), grouped(1_000), grouped(12_345_678)],
            ["0", "999", "1,000", "12,345,678"]
        );
    }
}
