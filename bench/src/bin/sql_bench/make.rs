//! Making the tables.

use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use arrow_array::RecordBatch;
use depthlake_lake::commit::{CompactionRules, Lake, OffsetRange, TableChange};
use depthlake_lake::table::Table;
use depthlake_orderbook::time::Timestamp;

use crate::rows::{Row, SYMBOLS, batch, spread};

/// 2024-08-08 in microseconds.
pub const BEGIN: i64 = 1_723_075_200_000_000;
/// Microseconds of a minute.
pub const MINUTE: i64 = 60_000_000;
/// Microseconds of a day.
pub const DAY: i64 = 1_440 * MINUTE;
/// Rows of one commit: what a sink that is behind takes.
const ROWS_OF_COMMIT: u64 = 500_000;
/// Rows of one batch.
const ROWS_OF_BATCH: usize = 100_000;

/// Lands the rows and cares for the tables as a running program would.
pub async fn make(folder: &Path, rows: u64, days: u32) -> Result<()> {
    ensure!(!folder.exists(), "{} is there already", folder.display());
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let lake = open(folder).await?;
    let begun = Instant::now();
    let end = BEGIN + i64::from(days) * DAY;
    for first in (0..rows).step_by(usize::try_from(ROWS_OF_COMMIT)?) {
        let numbers = first..(first + ROWS_OF_COMMIT).min(rows);
        append(&lake, Table::BookTicker, &spread(numbers.clone(), rows, BEGIN, end), first).await?;
        eprintln!("{} rows, {:.0} s", numbers.end, begun.elapsed().as_secs_f64());
    }
    let minutes = u64::from(days) * 1_440;
    for day in 0..u64::from(days) {
        let bars = day * 1_440 * SYMBOLS..(day + 1) * 1_440 * SYMBOLS;
        let mut bars = spread(bars, minutes * SYMBOLS, BEGIN, end);
        for bar in &mut bars {
            bar.time -= bar.time.rem_euclid(MINUTE);
        }
        append(&lake, Table::MartOhlcv, &bars, day).await?;
    }
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let now = Timestamp(i64::try_from(since_1970.as_nanos())?);
    for table in [Table::BookTicker, Table::MartOhlcv] {
        lake.compact(table, &CompactionRules::default(), now).await?;
    }
    for status in lake.tables().await?.into_iter().filter(|status| status.rows > 0) {
        println!(
            "{}: {} rows, {} files, {} MiB",
            status.table,
            status.rows,
            status.files,
            status.bytes >> 20
        );
    }
    Ok(())
}

/// The lake in a folder.
pub async fn open(folder: &Path) -> Result<Lake> {
    Ok(Lake::open(&folder.join("catalog.db"), &folder.join("warehouse")).await?)
}

async fn append(lake: &Lake, table: Table, rows: &[Row], start: u64) -> Result<()> {
    let batches: Vec<RecordBatch> =
        rows.chunks(ROWS_OF_BATCH).map(|rows| batch(table, rows)).collect::<Result<_>>()?;
    let topic = "invented".to_owned();
    let positions = lake.positions().await?;
    let known = positions.iter().find(|(of, _)| of.table == table).map_or(start, |(_, next)| *next);
    let range = OffsetRange { topic, partition: 0, start: known, end: known + rows.len() as u64 };
    lake.change(vec![TableChange::append(table, batches, vec![range])]).await?;
    Ok(())
}
