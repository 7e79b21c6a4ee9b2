//! Bars for tests.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, TimestampMicrosecondType};
use arrow_array::{
    ArrayRef, Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow_schema::{DataType, Field};

use super::facts_schema;
use crate::table::Table;

/// Microseconds in a minute.
pub(super) const MINUTE: i64 = 60_000_000;

/// A bar of which little matters. Times are microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) symbol: String,
    pub(super) open_time: i64,
    pub(super) published: i64,
    /// In units of 1e-8.
    pub(super) open: i64,
}

/// A version as a table has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) symbol: String,
    pub(super) open_time: i64,
    pub(super) since: i64,
    pub(super) until: i64,
    pub(super) is_current: bool,
    pub(super) open: i64,
}

pub(super) fn facts(facts: &[Fact]) -> RecordBatch {
    let schema = facts_schema(Table::Bars);
    let columns = schema.fields().iter().map(|field| column(field, facts)).collect();
    RecordBatch::try_new(schema, columns).unwrap()
}

pub(super) fn versions_of(rows: &RecordBatch) -> Vec<Version> {
    let times = |name: &str| rows.column_by_name(name).unwrap().as_primitive::<TimestampMicrosecondType>();
    let symbols = rows.column_by_name("symbol").unwrap().as_string::<i32>();
    let is_current = rows.column_by_name("is_current").unwrap().as_boolean();
    let opens = rows.column_by_name("open").unwrap().as_primitive::<Decimal128Type>();
    let version = |row: usize| Version {
        symbol: symbols.value(row).to_owned(),
        open_time: times("valid_from").value(row),
        since: times("sys_from").value(row),
        until: times("sys_to").value(row),
        is_current: is_current.value(row),
        open: i64::try_from(opens.value(row)).unwrap(),
    };
    (0..rows.num_rows()).map(version).collect()
}

fn column(field: &Field, facts: &[Fact]) -> ArrayRef {
    let times = |time: fn(&Fact) -> i64| -> ArrayRef {
        let times = TimestampMicrosecondArray::from_iter_values(facts.iter().map(time));
        Arc::new(times.with_timezone("+00:00"))
    };
    match (field.name().as_str(), field.data_type()) {
        ("symbol", _) => Arc::new(StringArray::from_iter_values(facts.iter().map(|fact| &fact.symbol))),
        ("open_time", _) => times(|fact| fact.open_time),
        ("close_time", _) => times(|fact| fact.open_time + MINUTE),
        (_, DataType::Timestamp(..)) => times(|fact| fact.published),
        (_, DataType::Int32) => Arc::new(Int32Array::from_iter_values(facts.iter().map(|_| 0))),
        (_, DataType::Int64) => Arc::new(Int64Array::from_iter_values(facts.iter().map(|_| 1))),
        (_, DataType::Float64) => Arc::new(Float64Array::from_iter_values(facts.iter().map(|_| 1.0))),
        (_, &DataType::Decimal128(precision, scale)) => {
            let units = Decimal128Array::from_iter_values(facts.iter().map(|fact| i128::from(fact.open)));
            Arc::new(units.with_precision_and_scale(precision, scale).unwrap())
        }
        (_, other) if field.is_nullable() => new_null_array(other, facts.len()),
        (name, other) => panic!("no sample of {name}, {other}"),
    }
}
