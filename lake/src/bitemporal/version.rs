//! The columns that make a version of a bar's facts.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{
    Array, ArrayRef, BooleanArray, PrimitiveArray, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};

use crate::table::Table;

/// Until when a version is believed that still is: 9999-12-31T00:00:00Z, in microseconds.
pub const END_OF_TIME: i64 = 253_402_214_400_000_000;

const VERSION_COLUMNS: [&str; 6] = ["valid_from", "valid_to", "sys_from", "sys_to", "is_current", "bar_key"];

/// The columns of a table of bars that a record of a bar tells, and when it was published: all but those of versions.
#[must_use]
pub fn facts_schema(table: Table) -> SchemaRef {
    let all = table.arrow_schema();
    let told = |field: &&Arc<Field>| !VERSION_COLUMNS.contains(&field.name().as_str());
    Arc::new(Schema::new(all.fields().iter().filter(told).cloned().collect::<Vec<_>>()))
}

/// The first versions of bars: believed since they were published.
///
/// # Errors
/// Where the facts have not the columns of [`facts_schema`].
pub fn opened(table: Table, facts: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let since = times(facts, "published_at")?;
    let until = vec![END_OF_TIME; facts.num_rows()];
    versions(table, facts, since.values(), &until)
}

/// Versions of bars that were believed from `since` until `until`, in microseconds, one of each a row.
pub(crate) fn versions(
    table: Table,
    facts: &RecordBatch,
    since: &[i64],
    until: &[i64],
) -> Result<RecordBatch, ArrowError> {
    let column = |field: &Arc<Field>| -> Result<ArrayRef, ArrowError> {
        Ok(match field.name().as_str() {
            "valid_from" => Arc::clone(named(facts, "open_time")?),
            "valid_to" => Arc::clone(named(facts, "close_time")?),
            "sys_from" => time_column(since),
            "sys_to" => time_column(until),
            "is_current" => currency(until),
            "bar_key" => Arc::new(keys(facts, since)?),
            told => Arc::clone(named(facts, told)?),
        })
    };
    let schema = table.arrow_schema();
    let columns = schema.fields().iter().map(column).collect::<Result<_, _>>()?;
    RecordBatch::try_new(schema, columns)
}

/// The same versions, believed until `until`.
pub(crate) fn with_ends(versions: &RecordBatch, until: &[i64]) -> Result<RecordBatch, ArrowError> {
    let schema = versions.schema();
    let column = |(field, column): (&Arc<Field>, &ArrayRef)| match field.name().as_str() {
        "sys_to" => time_column(until),
        "is_current" => currency(until),
        _ => Arc::clone(column),
    };
    let columns = schema.fields().iter().zip(versions.columns()).map(column).collect();
    RecordBatch::try_new(schema, columns)
}

pub(super) fn times<'a>(
    rows: &'a RecordBatch,
    name: &str,
) -> Result<&'a PrimitiveArray<TimestampMicrosecondType>, ArrowError> {
    let times = named(rows, name)?.as_primitive_opt().filter(|times| times.null_count() == 0);
    times.ok_or_else(|| ArrowError::SchemaError(format!("{name} is no column of times without nulls")))
}

pub(super) fn symbols(rows: &RecordBatch) -> Result<&StringArray, ArrowError> {
    let symbols = named(rows, "symbol")?.as_string_opt().filter(|symbols| symbols.null_count() == 0);
    symbols.ok_or_else(|| ArrowError::SchemaError("symbol is no column of texts without nulls".to_owned()))
}

fn named<'a>(rows: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, ArrowError> {
    rows.column_by_name(name).ok_or_else(|| ArrowError::SchemaError(format!("a bar lacks the column {name}")))
}

fn time_column(microseconds: &[i64]) -> ArrayRef {
    Arc::new(
        TimestampMicrosecondArray::from_iter_values(microseconds.iter().copied()).with_timezone("+00:00"),
    )
}

fn currency(until: &[i64]) -> ArrayRef {
    Arc::new(until.iter().map(|&until| Some(until == END_OF_TIME)).collect::<BooleanArray>())
}

/// `SYMBOL-SECONDS-MICROSECONDS`: the symbol, the open time and the beginning of belief.
fn keys(facts: &RecordBatch, since: &[i64]) -> Result<StringArray, ArrowError> {
    let (symbols, opens) = (symbols(facts)?, times(facts, "open_time")?);
    let mut keys = StringBuilder::with_capacity(facts.num_rows(), facts.num_rows() * 36);
    for ((symbol, open), since) in symbols.iter().zip(opens.values()).zip(since) {
        let symbol = symbol.unwrap_or_default();
        write!(keys, "{symbol}-{}-{since}", open.div_euclid(1_000_000))
            .map_err(|error| ArrowError::ComputeError(error.to_string()))?;
        keys.append_value("");
    }
    Ok(keys.finish())
}
