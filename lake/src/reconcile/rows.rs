//! Rows made ready to be compared: of the table's own types, in one batch, within the times looked at.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_cast::cast;
use arrow_schema::ArrowError;
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;
use depthlake_orderbook::time::Timestamp;

use crate::table::Table;

const MICROSECONDS_PER_DAY: i64 = 86_400_000_000;

/// Batches as an engine gives them, as one batch with the columns of the table.
///
/// # Errors
/// [`ArrowError`] where a column is missing or of a type that cannot be cast.
pub fn conformed(table: Table, batches: &[RecordBatch]) -> Result<RecordBatch, ArrowError> {
    let schema = table.arrow_schema();
    let batches = batches.iter().map(|batch| {
        let columns = schema.fields().iter().map(|field| {
            let found = batch.column_by_name(field.name());
            let found = found.ok_or_else(|| {
                ArrowError::SchemaError(format!("the rows of {table} have no column {}", field.name()))
            });
            cast(found?, field.data_type())
        });
        RecordBatch::try_new(Arc::clone(&schema), columns.collect::<Result<_, _>>()?)
    });
    concat_batches(&schema, &batches.collect::<Result<Vec<_>, _>>()?)
}

/// The rows received within a range of times, which counts in whole microseconds as the rows do.
///
/// # Errors
/// [`ArrowError`] where the rows do not tell when they were received.
pub fn received_within(rows: &RecordBatch, times: &Range<Timestamp>) -> Result<RecordBatch, ArrowError> {
    let received = rows.column_by_name("received_at");
    let received = received.and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
    let received =
        received.ok_or_else(|| ArrowError::SchemaError("the rows have no received_at".to_owned()))?;
    let is_within = |time: &i64| Some((times.start.microseconds()..times.end.microseconds()).contains(time));
    filter_record_batch(rows, &received.values().iter().map(is_within).collect::<BooleanArray>())
}

/// The rows of days from `day` on, counted since 1970-01-01 UTC in the table's partition column: retention has let go of
/// those before.
///
/// # Errors
/// [`ArrowError`] where the rows do not have the partition column.
pub fn retained(table: Table, rows: &RecordBatch, day: Option<i32>) -> Result<RecordBatch, ArrowError> {
    let Some(day) = day else { return Ok(rows.clone()) };
    let first = i64::from(day) * MICROSECONDS_PER_DAY;
    let times = rows.column_by_name(table.partition_column());
    let times = times.and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
    let times = times.ok_or_else(|| ArrowError::SchemaError(format!("the rows of {table} have no day")))?;
    let is_kept = |time: &i64| Some(*time >= first);
    filter_record_batch(rows, &times.values().iter().map(is_kept).collect::<BooleanArray>())
}
