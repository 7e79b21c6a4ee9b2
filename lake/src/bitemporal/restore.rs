//! Bars put right that a table has otherwise than they are derived, or not at all.
//!
//! What the table has answered is not unsaid: a version with other values is closed now, and the right ones are a version from
//! now on. A bar that is not there is believed from when it is known to have been published, else from now on; where later
//! versions of it are there, up to the first of these.

use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch, TimestampMicrosecondArray, UInt64Array};
use arrow_schema::ArrowError;
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;
use depthlake_orderbook::time::Timestamp;

use super::change::{change_of, facts_of, touched_files};
use super::version::{END_OF_TIME, symbols, times, versions};
use crate::commit::{CommitError, Lake};
use crate::table::Table;

/// How often files that another writer replaced meanwhile are read anew.
const ATTEMPTS: usize = 10;

/// What is known of when bars were published that are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// When their rows say.
    AsTold,
    /// Not before they were received.
    AfterReceipt,
}

/// Bars to be put right, with the columns of the table.
#[derive(Debug, Clone)]
pub struct Restoration {
    /// Of which the current version has other values.
    pub drifted: RecordBatch,
    /// Which have no version of their own.
    pub missing: RecordBatch,
    pub published: Published,
}

/// Puts bars right in one commit. `now` is when that is believed.
///
/// # Errors
/// [`CommitError`] where the table cannot be read or changed; it has not changed then.
pub async fn restore(
    lake: &Lake,
    table: Table,
    Restoration { drifted, missing, published }: &Restoration,
    now: Timestamp,
) -> Result<(), CommitError> {
    let malformed = |error: ArrowError| CommitError::Malformed { table, reason: error.to_string() };
    let drifted = published_at(&facts_of(table, std::slice::from_ref(drifted)).map_err(malformed)?, now);
    let drifted = drifted.map_err(malformed)?;
    for _ in 0..ATTEMPTS {
        let files = lake.data_files(table).await?.files;
        let mut stored = Vec::new();
        let of_missing = facts_of(table, std::slice::from_ref(missing)).map_err(malformed)?;
        for file in touched_files(table, files.clone(), &of_missing)? {
            stored.extend(lake.read_rows(&file, table).await?);
        }
        let Placed { inserted, opened } =
            place(table, &stored, &of_missing, *published, now).map_err(malformed)?;
        let facts = concat_batches(&drifted.schema(), [&drifted, &opened]).map_err(malformed)?;
        let mut change = change_of(lake, table, files, &facts).await?;
        change.added.push(inserted);
        change.added.retain(|rows| rows.num_rows() > 0);
        if change.added.is_empty() {
            return Ok(());
        }
        match lake.change(vec![change]).await {
            Err(CommitError::FilesGone { .. }) => {}
            changed => return changed.map(drop),
        }
    }
    Err(CommitError::Contended { attempts: ATTEMPTS })
}

/// Bars that were not there.
struct Placed {
    /// Versions before others.
    inserted: RecordBatch,
    /// Facts of bars that have no version.
    opened: RecordBatch,
}

fn place(
    table: Table,
    stored: &[RecordBatch],
    missing: &RecordBatch,
    published: Published,
    now: Timestamp,
) -> Result<Placed, ArrowError> {
    let mut lines: HashMap<(&str, i64), Vec<(i64, i64)>> = HashMap::new();
    for rows in stored {
        let (symbols, opens) = (symbols(rows)?, times(rows, "open_time")?);
        let (since, until) = (times(rows, "sys_from")?, times(rows, "sys_to")?);
        for row in 0..rows.num_rows() {
            let line = lines.entry((symbols.value(row), opens.value(row))).or_default();
            line.push((since.value(row), until.value(row)));
        }
    }
    let (symbols, opens) = (symbols(missing)?, times(missing, "open_time")?);
    let known = times(
        missing,
        match published {
            Published::AsTold => "published_at",
            Published::AfterReceipt => "received_at",
        },
    )?;
    let (mut alone, mut among) = (Vec::new(), Vec::new());
    let (mut since, mut until) = (Vec::new(), Vec::new());
    for row in 0..missing.num_rows() {
        let Some(line) = lines.get(&(symbols.value(row), opens.value(row))) else {
            alone.push(row as u64);
            continue;
        };
        let (from, to) = hole(line, known.value(row));
        among.push(row as u64);
        since.push(from);
        until.push(to);
    }
    let rows = |rows: Vec<u64>| take_record_batch(missing, &UInt64Array::from(rows));
    let opened = rows(alone)?;
    let opened = match published {
        Published::AsTold => opened,
        Published::AfterReceipt => published_at(&opened, now)?,
    };
    Ok(Placed { inserted: versions(table, &rows(among)?, &since, &until)?, opened })
}

/// From when until when a version was believed that was published at a time and is not among these of its bar: in the hole it
/// left, or else before all of them.
fn hole(line: &[(i64, i64)], published: i64) -> (i64, i64) {
    let is_covered = line.iter().any(|(since, until)| (*since..*until).contains(&published));
    let next = line.iter().map(|(since, _)| *since).filter(|since| *since > published).min();
    match next {
        _ if is_covered => {
            let first = line.iter().map(|(since, _)| *since).min().unwrap_or(published);
            (first.saturating_sub(1), first)
        }
        Some(next) => (published, next),
        None => (published, END_OF_TIME),
    }
}

fn published_at(facts: &RecordBatch, time: Timestamp) -> Result<RecordBatch, ArrowError> {
    let column = facts.schema().index_of("published_at")?;
    let times = TimestampMicrosecondArray::from_value(time.microseconds(), facts.num_rows());
    let mut columns = facts.columns().to_vec();
    let times: ArrayRef = std::sync::Arc::new(times.with_timezone("+00:00"));
    if let Some(slot) = columns.get_mut(column) {
        *slot = times;
    }
    RecordBatch::try_new(facts.schema(), columns)
}

/// Whether each of these versions is still believed.
///
/// # Errors
/// [`ArrowError`] where the rows do not tell.
pub fn is_current(rows: &RecordBatch) -> Result<Vec<bool>, ArrowError> {
    let flags = rows.column_by_name("is_current").and_then(|column| column.as_boolean_opt());
    let flags =
        flags.ok_or_else(|| ArrowError::SchemaError("is_current is no column of flags".to_owned()))?;
    Ok(flags.values().iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bitemporal::opened;
    use crate::bitemporal::samples::{Fact, facts, versions_of};

    #[test]
    fn a_version_fills_the_hole_it_left() {
        assert_eq!(hole(&[(10, 20), (30, END_OF_TIME)], 22), (22, 30));
        assert_eq!(hole(&[(30, END_OF_TIME)], 5), (5, 30));
        assert_eq!(hole(&[(10, 20)], 20), (20, END_OF_TIME));
        assert_eq!(hole(&[(10, END_OF_TIME)], 20), (9, 10), "never over another");
    }

    #[test]
    fn a_bar_without_versions_is_believed_from_now_on_or_as_it_tells() {
        let fact = |published| Fact { symbol: "A".to_owned(), open_time: 0, published, open: 1 };
        let missing = facts(&[fact(20)]);
        let since = |published, stored: &[RecordBatch]| {
            let Placed { inserted, opened: alone } =
                place(Table::Bars, stored, &missing, published, Timestamp(90_000)).unwrap();
            let rows =
                versions_of(&opened(Table::Bars, &alone).unwrap()).into_iter().chain(versions_of(&inserted));
            rows.map(|version| (version.since, version.until)).collect::<Vec<_>>()
        };
        assert_eq!(since(Published::AsTold, &[]), [(20, END_OF_TIME)]);
        assert_eq!(since(Published::AfterReceipt, &[]), [(90, END_OF_TIME)]);
        let later = opened(Table::Bars, &facts(&[fact(50)])).unwrap();
        assert_eq!(since(Published::AsTold, std::slice::from_ref(&later)), [(20, 50)]);
        assert_eq!(since(Published::AfterReceipt, &[later]), [(20, 50)], "all times of the sample are 20");
    }
}
