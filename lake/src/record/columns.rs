//! The columns of one table, filled row by row.

use arrow_array::builder::{
    ArrayBuilder, Decimal128Builder, Float64Builder, Int32Builder, Int64Builder, LargeBinaryBuilder,
    StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use depthlake_orderbook::time::Timestamp;

/// A value on its way into a column. Times are nanoseconds, cut to microseconds where the column has no more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Text(&'a str),
    Bytes(&'a [u8]),
    Int(i32),
    Long(i64),
    Double(f64),
    /// Units of the column's scale.
    Decimal(i128),
}

/// Rows of a table in the making.
#[derive(Debug)]
pub(crate) struct Columns {
    schema: SchemaRef,
    columns: Vec<Column>,
}

#[derive(Debug)]
enum Column {
    Text(StringBuilder),
    Bytes(LargeBinaryBuilder),
    Int(Int32Builder),
    Long(Int64Builder),
    Double(Float64Builder),
    Time(TimestampMicrosecondBuilder),
    Decimal(Decimal128Builder),
}

impl Columns {
    /// Columns with room for so many rows.
    pub(crate) fn new(schema: SchemaRef, rows: usize) -> Result<Self, ArrowError> {
        let columns = schema.fields().iter().map(|field| Column::new(field.data_type(), rows));
        Ok(Self { columns: columns.collect::<Result<_, _>>()?, schema })
    }

    /// Adds a row: one value for each column, in their order. A value of another type than its column's counts as null.
    pub(crate) fn push<'a>(&mut self, row: impl IntoIterator<Item = Value<'a>>) {
        for (column, value) in self.columns.iter_mut().zip(row) {
            column.push(value);
        }
    }

    pub(crate) fn finish(mut self) -> Result<RecordBatch, ArrowError> {
        RecordBatch::try_new(self.schema, self.columns.iter_mut().map(Column::finish).collect())
    }
}

impl Column {
    fn new(data_type: &DataType, rows: usize) -> Result<Self, ArrowError> {
        Ok(match data_type {
            DataType::Utf8 => Self::Text(StringBuilder::with_capacity(rows, rows * 8)),
            DataType::LargeBinary => Self::Bytes(LargeBinaryBuilder::with_capacity(rows, 0)),
            DataType::Int32 => Self::Int(Int32Builder::with_capacity(rows)),
            DataType::Int64 => Self::Long(Int64Builder::with_capacity(rows)),
            DataType::Float64 => Self::Double(Float64Builder::with_capacity(rows)),
            DataType::Timestamp(..) => {
                let times = TimestampMicrosecondBuilder::with_capacity(rows);
                Self::Time(times.with_data_type(data_type.clone()))
            }
            DataType::Decimal128(..) => {
                Self::Decimal(Decimal128Builder::with_capacity(rows).with_data_type(data_type.clone()))
            }
            other => return Err(ArrowError::SchemaError(format!("no table has columns of {other}"))),
        })
    }

    fn push(&mut self, value: Value<'_>) {
        match self {
            Self::Text(column) => column.append_option(value.text()),
            Self::Bytes(column) => column.append_option(value.bytes()),
            Self::Int(column) => column.append_option(value.int()),
            Self::Long(column) => column.append_option(value.long()),
            Self::Double(column) => column.append_option(value.double()),
            Self::Time(column) => {
                column.append_option(value.long().map(|time| Timestamp(time).microseconds()));
            }
            Self::Decimal(column) => column.append_option(value.decimal()),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(column) => ArrayBuilder::finish(column),
            Self::Bytes(column) => ArrayBuilder::finish(column),
            Self::Int(column) => ArrayBuilder::finish(column),
            Self::Long(column) => ArrayBuilder::finish(column),
            Self::Double(column) => ArrayBuilder::finish(column),
            Self::Time(column) => ArrayBuilder::finish(column),
            Self::Decimal(column) => ArrayBuilder::finish(column),
        }
    }
}

impl<'a> Value<'a> {
    fn text(self) -> Option<&'a str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    fn bytes(self) -> Option<&'a [u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    fn int(self) -> Option<i32> {
        if let Self::Int(number) = self { Some(number) } else { None }
    }

    pub(crate) fn long(self) -> Option<i64> {
        if let Self::Long(number) = self { Some(number) } else { None }
    }

    fn double(self) -> Option<f64> {
        if let Self::Double(number) = self { Some(number) } else { None }
    }

    fn decimal(self) -> Option<i128> {
        if let Self::Decimal(units) = self { Some(units) } else { None }
    }
}
