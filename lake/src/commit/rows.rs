//! Rows on their way into files: checked against the table's schema, sorted, and split by partition.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use arrow_ord::sort::{SortColumn, lexsort_to_indices};
use arrow_schema::{ArrowError, SortOptions};
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;

use super::error::CommitError;
use crate::table::Table;

const MICROSECONDS_PER_DAY: i64 = 86_400_000_000;

/// The rows of one partition, in the table's order.
#[derive(Debug)]
pub(super) struct DayOfRows {
    /// Days since 1970-01-01 UTC.
    pub(super) day: i32,
    pub(super) rows: RecordBatch,
}

/// Sorts the rows of all batches by the table's order and splits them by day. Rows that compare equal keep their order,
/// so the same batches always give the same files.
pub(super) fn sorted_by_day(table: Table, batches: &[RecordBatch]) -> Result<Vec<DayOfRows>, CommitError> {
    let conforming = batches.iter().map(|batch| conform(table, batch)).collect::<Result<Vec<_>, _>>()?;
    let malformed = |error: ArrowError| CommitError::Malformed { table, reason: error.to_string() };
    let rows = concat_batches(&table.arrow_schema(), &conforming).map_err(malformed)?;
    if rows.num_rows() == 0 {
        return Ok(Vec::new());
    }
    let order = sorted_indices(table, &rows).map_err(malformed)?;
    let mut indices_by_day: BTreeMap<i32, Vec<u32>> = BTreeMap::new();
    let days = days_of(table, &rows)?;
    for &row in order.values() {
        if let Some(&day) = usize::try_from(row).ok().and_then(|row| days.get(row)) {
            indices_by_day.entry(day).or_default().push(row);
        }
    }
    indices_by_day
        .into_iter()
        .map(|(day, indices)| {
            let rows = take_record_batch(&rows, &UInt32Array::from(indices)).map_err(malformed)?;
            Ok(DayOfRows { day, rows })
        })
        .collect()
}

/// The batch with the table's own schema; metadata of the given schema is of no account.
fn conform(table: Table, batch: &RecordBatch) -> Result<RecordBatch, CommitError> {
    let expected = table.arrow_schema();
    let given = batch.schema();
    let names =
        |schema: &arrow_schema::Schema| schema.fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>();
    if names(&given) != names(&expected) {
        let reason = format!("its columns are {:?}, expected {:?}", names(&given), names(&expected));
        return Err(CommitError::Malformed { table, reason });
    }
    RecordBatch::try_new(expected, batch.columns().to_vec())
        .map_err(|error| CommitError::Malformed { table, reason: error.to_string() })
}

fn sorted_indices(table: Table, rows: &RecordBatch) -> Result<UInt32Array, ArrowError> {
    let ascending = Some(SortOptions { descending: false, nulls_first: true });
    let declared = table.definition().sorted_by.iter().filter_map(|name| rows.column_by_name(name)).cloned();
    let original_order: ArrayRef = Arc::new(UInt32Array::from_iter_values((0..).take(rows.num_rows())));
    let columns: Vec<_> =
        declared.chain([original_order]).map(|values| SortColumn { values, options: ascending }).collect();
    lexsort_to_indices(&columns, None)
}

fn days_of(table: Table, rows: &RecordBatch) -> Result<Vec<i32>, CommitError> {
    let name = table.definition().partition_by_day_of;
    let malformed = |reason| CommitError::Malformed { table, reason };
    let times = rows
        .column_by_name(name)
        .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>())
        .ok_or_else(|| malformed(format!("{name} is no column of microseconds")))?;
    let day = |time: &i64| i32::try_from(time.div_euclid(MICROSECONDS_PER_DAY));
    times
        .values()
        .iter()
        .map(day)
        .collect::<Result<_, _>>()
        .map_err(|error| malformed(format!("{name}: {error}")))
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use proptest::prelude::*;

    use super::super::samples::{self, DAY};
    use super::*;

    fn rows_of(day: &DayOfRows) -> Vec<(Option<String>, i64, i64)> {
        let symbols = day.rows.column_by_name("symbol").unwrap().as_string::<i32>();
        let times =
            day.rows.column_by_name("received_at").unwrap().as_primitive::<TimestampMicrosecondType>();
        let offsets = day.rows.column_by_name("offset").unwrap();
        let offsets = offsets.as_primitive::<arrow_array::types::Int64Type>();
        let symbol = |row: usize| (!symbols.is_null(row)).then(|| symbols.value(row).to_owned());
        (0..day.rows.num_rows()).map(|row| (symbol(row), times.value(row), offsets.value(row))).collect()
    }

    proptest! {
        #[test]
        fn equals_a_stable_sort_of_each_day(
            rows in prop::collection::vec((prop::option::of("[AB]{1,2}"), -2 * DAY..3 * DAY), 0..60),
            batches in 1..4_usize,
        ) {
            let numbered: Vec<_> = rows.into_iter().zip(0..).map(|((symbol, time), offset)| (symbol, time, offset)).collect();
            let chunk = numbered.len().div_ceil(batches).max(1);
            let given: Vec<_> = numbered.chunks(chunk).map(samples::raw_trades).collect();

            let mut expected: BTreeMap<i64, Vec<_>> = BTreeMap::new();
            for row in numbered {
                expected.entry(row.1.div_euclid(DAY)).or_default().push(row);
            }
            for rows in expected.values_mut() {
                rows.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
            }
            let sorted = sorted_by_day(Table::RawTrades, &given).unwrap();
            let sorted: BTreeMap<_, _> = sorted.iter().map(|day| (i64::from(day.day), rows_of(day))).collect();
            prop_assert_eq!(sorted, expected);
        }
    }

    #[test]
    fn a_batch_of_another_table_is_refused() {
        let error = sorted_by_day(Table::Trades, &[samples::raw_trades(&[])]).unwrap_err();
        assert!(matches!(error, CommitError::Malformed { table: Table::Trades, .. }), "{error}");
    }
}
