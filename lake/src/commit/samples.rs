//! Rows for tests.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int32Array, Int64Array, LargeBinaryArray,
    RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field};

use super::{OffsetRange, TableChange};
use crate::table::Table;

/// Microseconds in a day.
pub(super) const DAY: i64 = 86_400_000_000;
/// 2024-08-08 in microseconds.
pub(super) const AUGUST_8: i64 = 1_723_075_200_000_000;
pub(super) const TOPIC: &str = "market.raw.trade";

/// Frames of `raw.trades`: symbol, time of receipt in microseconds, offset.
pub(super) fn raw_trades(rows: &[(Option<String>, i64, i64)]) -> RecordBatch {
    let column = |field: &Arc<Field>| -> ArrayRef {
        match field.name().as_str() {
            "symbol" => Arc::new(rows.iter().map(|row| row.0.clone()).collect::<StringArray>()),
            "received_at" => times(rows.iter().map(|row| row.1)),
            "offset" => Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.2))),
            _ => filled(field, rows.len(), AUGUST_8),
        }
    };
    let schema = Table::RawTrades.arrow_schema();
    let columns = schema.fields().iter().map(column).collect();
    RecordBatch::try_new(schema, columns).unwrap()
}

/// Any rows of a table, one a second from `start` on, in microseconds.
pub(super) fn rows(table: Table, count: usize, start: i64) -> RecordBatch {
    let schema = table.arrow_schema();
    let columns = schema.fields().iter().map(|field| filled(field, count, start)).collect();
    RecordBatch::try_new(schema, columns).unwrap()
}

/// The records `start..end` of one partition, a row each.
pub(super) fn append(table: Table, start: u64, end: u64) -> TableChange {
    let count = usize::try_from(end - start).unwrap();
    let time = AUGUST_8 + i64::try_from(start).unwrap() * 1_000_000;
    TableChange::append(table, vec![rows(table, count, time)], vec![range(start, end)])
}

pub(super) fn range(start: u64, end: u64) -> OffsetRange {
    OffsetRange { topic: TOPIC.to_owned(), partition: 3, start, end }
}

fn filled(field: &Field, count: usize, start: i64) -> ArrayRef {
    let number = || 0..i64::try_from(count).unwrap();
    let absent = |row: i64| field.is_nullable() && row % 3 == 0;
    match field.data_type() {
        DataType::Utf8 => {
            let text = |row| if row % 2 == 0 { "ETHUSDT" } else { "BTCUSDT" };
            Arc::new(number().map(|row| (!absent(row)).then(|| text(row))).collect::<StringArray>())
        }
        DataType::Boolean => Arc::new(number().map(|row| Some(row % 2 == 0)).collect::<BooleanArray>()),
        DataType::Int32 => Arc::new(number().map(|_| Some(3)).collect::<Int32Array>()),
        DataType::Int64 => {
            Arc::new(number().map(|row| (!absent(row)).then_some(row)).collect::<Int64Array>())
        }
        DataType::Float64 => Arc::new(number().map(|_| Some(61_837.625)).collect::<Float64Array>()),
        DataType::Timestamp(..) => times(number().map(|row| start + row * 1_000_000)),
        DataType::LargeBinary => {
            Arc::new(number().map(|_| Some(br#"{"e":"trade"}"#)).collect::<LargeBinaryArray>())
        }
        &DataType::Decimal128(precision, scale) => {
            let units =
                Decimal128Array::from_iter_values(number().map(|row| 6_183_763_000_000 + i128::from(row)));
            Arc::new(units.with_precision_and_scale(precision, scale).unwrap())
        }
        other => panic!("no sample values of {other}"),
    }
}

fn times(microseconds: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(microseconds).with_timezone("+00:00"))
}
