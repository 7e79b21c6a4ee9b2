//! Rows on their way into a table that a client has made.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, new_null_array};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::arrow::error::ArrowError;
use depthlake_dialect::statement::Position;
use depthlake_dialect::types::TrinoType;

use crate::catalog::sheet::{Cell, Kind, Sheet};
use crate::error::QueryError;
use crate::session::answer::Update;
use crate::session::statements::Begun;

/// The answer of a statement that wrote or removed so many rows.
pub(super) fn counted(kind: &'static str, count: usize) -> Result<Begun, QueryError> {
    let number = i64::try_from(count).unwrap_or(i64::MAX);
    let begun = Begun::sheet(&Sheet::of(&[("rows", Kind::Number)], vec![vec![Cell::Number(number)]]))?;
    Ok(Begun { update: Some(Update { kind, count: u64::try_from(count).ok() }), ..begun })
}

/// The batch under a schema of the same types, without what its buffers hold besides.
pub(super) fn compacted(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, QueryError> {
    let columns = batch.columns().iter().map(|column| -> ArrayRef {
        match column.data_type() {
            DataType::Utf8View => Arc::new(column.as_string_view().gc()),
            DataType::BinaryView => Arc::new(column.as_binary_view().gc()),
            _ => Arc::clone(column),
        }
    });
    RecordBatch::try_new(Arc::clone(schema), columns.collect()).map_err(|error| failed(&error))
}

/// Rows of a query as a table's. `places` says for each of the table's columns which of the query's it is.
pub(super) fn conformed(
    batch: &RecordBatch,
    schema: &SchemaRef,
    places: &[Option<usize>],
) -> Result<RecordBatch, QueryError> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let mut columns = Vec::with_capacity(places.len());
    for (field, place) in schema.fields().iter().zip(places) {
        let column = match place.and_then(|place| batch.columns().get(place)) {
            Some(column) => cast_with_options(column, field.data_type(), &options).map_err(unfit)?,
            None => new_null_array(field.data_type(), batch.num_rows()),
        };
        if !field.is_nullable() && column.null_count() > 0 {
            let message = format!("NULL value not allowed for NOT NULL column: {}", field.name());
            return Err(QueryError::refused("CONSTRAINT_VIOLATION", message));
        }
        columns.push(column);
    }
    let batch = RecordBatch::try_new(Arc::clone(schema), columns).map_err(|error| failed(&error))?;
    compacted(&batch, schema)
}

/// `TYPE_MISMATCH` where a column of the query cannot be one of the table's.
pub(super) fn check_types(table: &[&Field], query: &[&Field], what: &str) -> Result<(), QueryError> {
    let fits = table.len() == query.len()
        && table
            .iter()
            .zip(query)
            .all(|(to, from)| becomes(&TrinoType::of_field(from), &TrinoType::of_field(to)));
    if fits {
        return Ok(());
    }
    let types = |fields: &[&Field]| {
        let types: Vec<String> = fields.iter().map(|field| TrinoType::of_field(field).to_string()).collect();
        types.join(", ")
    };
    let message =
        format!("{what} has mismatched column types: Table: [{}], Query: [{}]", types(table), types(query));
    Err(QueryError::refused_at("TYPE_MISMATCH", message, Position { line: 1, column: 1 }))
}

/// Whether values of a type are stored as another without being asked to.
fn becomes(from: &TrinoType, to: &TrinoType) -> bool {
    let is_number = |trino: &TrinoType| {
        matches!(
            trino,
            TrinoType::Tinyint
                | TrinoType::Smallint
                | TrinoType::Integer
                | TrinoType::Bigint
                | TrinoType::Real
                | TrinoType::Double
                | TrinoType::Decimal { .. }
        )
    };
    let is_text = |trino: &TrinoType| matches!(trino, TrinoType::Varchar { .. } | TrinoType::Char { .. });
    let is_time = |trino: &TrinoType| {
        matches!(
            trino,
            TrinoType::Date | TrinoType::Timestamp { .. } | TrinoType::TimestampWithTimeZone { .. }
        )
    };
    let is_time_of_day = |trino: &TrinoType| matches!(trino, TrinoType::Time { .. });
    match (from, to) {
        (TrinoType::Unknown, _)
        | (TrinoType::Map(..), TrinoType::Map(..))
        | (TrinoType::Row(_), TrinoType::Row(_)) => true,
        (TrinoType::Array(from), TrinoType::Array(to)) => becomes(from, to),
        _ => {
            from == to
                || (is_number(from) && is_number(to))
                || (is_text(from) && is_text(to))
                || (is_time(from) && is_time(to) && *to != TrinoType::Date)
                || (is_time_of_day(from) && is_time_of_day(to))
        }
    }
}

fn unfit(error: ArrowError) -> QueryError {
    match error {
        ArrowError::CastError(message) | ArrowError::InvalidArgumentError(message) => {
            QueryError::refused("INVALID_CAST_ARGUMENT", message)
        }
        other => QueryError::refused("NUMERIC_VALUE_OUT_OF_RANGE", other.to_string()),
    }
}

fn failed(error: &ArrowError) -> QueryError {
    QueryError::Failed { message: error.to_string() }
}
