//! Rows in Trino's JSON.
//!
//! Each column is looked at once a batch and gets a writer; a writer writes one value after another. Numbers that a double
//! cannot hold are texts, and so are times, intervals and the doubles that JSON lacks.

mod scalar;
mod time;
mod zoned;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, MapArray, RecordBatch, StringViewArray, StructArray,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use depthlake_dialect::types::TrinoType;
use thiserror::Error;

use super::signature::Precisions;
use crate::session::Column;

/// A value that Trino's types do not have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a value of column {column:?} cannot be sent: {reason}")]
pub(super) struct Unsendable {
    pub column: String,
    pub reason: String,
}

/// Writes the rows of one batch.
pub(super) struct RowWriter {
    columns: Vec<(String, ValueWriter)>,
    rows: usize,
    next: usize,
}

/// Writes the values of one array, each a whole JSON value.
struct ValueWriter {
    nulls: Option<NullBuffer>,
    kind: Kind,
}

/// Writes one value that is not NULL, or says why it cannot.
type Scalar = Box<dyn Fn(usize, &mut Vec<u8>) -> Result<(), String> + Send>;

enum Kind {
    Scalar(Scalar),
    List { bounds: Bounds, elements: Box<ValueWriter> },
    Map { bounds: Bounds, keys: Box<ValueWriter>, values: Box<ValueWriter> },
    Row(Vec<ValueWriter>),
}

/// Where the elements of a list are.
type Bounds = Box<dyn Fn(usize) -> std::ops::Range<usize> + Send>;

/// The values of an array that clients are sent as texts, without their quotation marks.
pub(crate) fn texts_of(array: &ArrayRef, r#type: &TrinoType) -> Result<StringViewArray, ArrowError> {
    let write = scalar::writer(array, r#type, Precisions::Known).map_err(ArrowError::CastError)?;
    let text = |row| {
        if array.is_null(row) {
            return Ok(None);
        }
        let mut json = Vec::new();
        write(row, &mut json).map_err(ArrowError::CastError)?;
        serde_json::from_slice::<String>(&json)
            .map(Some)
            .map_err(|error| ArrowError::CastError(error.to_string()))
    };
    (0..array.len()).map(text).collect()
}

impl RowWriter {
    /// # Errors
    /// [`Unsendable`] where a column is of a kind that Trino has no type for.
    pub(super) fn new(
        batch: &RecordBatch,
        columns: &[Column],
        precisions: Precisions,
    ) -> Result<Self, Unsendable> {
        let writers = columns.iter().zip(batch.columns()).map(|(column, array)| {
            let writer = ValueWriter::new(array, &column.r#type, precisions);
            let writer = writer.map_err(|reason| Unsendable { column: column.name.clone(), reason })?;
            Ok((column.name.clone(), writer))
        });
        Ok(Self { columns: writers.collect::<Result<_, _>>()?, rows: batch.num_rows(), next: 0 })
    }

    /// Whether there are rows left.
    pub(super) fn has_more(&self) -> bool {
        self.next < self.rows
    }

    /// Appends rows, with commas between them and before the first where `out` has some, until `out` is as long as
    /// `target` or there are no more. Gives how many.
    ///
    /// # Errors
    /// [`Unsendable`] at the first value that Trino's types do not have.
    pub(super) fn write(&mut self, target: usize, out: &mut Vec<u8>) -> Result<u64, Unsendable> {
        let mut written = 0;
        while self.has_more() && out.len() < target {
            if !out.is_empty() {
                out.push(b',');
            }
            out.push(b'[');
            for (index, (column, writer)) in self.columns.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                let sent = writer.write(self.next, out);
                sent.map_err(|reason| Unsendable { column: column.clone(), reason })?;
            }
            out.push(b']');
            self.next += 1;
            written += 1;
        }
        Ok(written)
    }
}

impl ValueWriter {
    fn new(array: &ArrayRef, r#type: &TrinoType, precisions: Precisions) -> Result<Self, String> {
        Ok(Self { nulls: array.logical_nulls(), kind: Kind::of(array, r#type, precisions)? })
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<(), String> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        match &self.kind {
            Kind::Scalar(scalar) => scalar(row, out),
            Kind::List { bounds, elements } => {
                separated(bounds(row), *b"[]", out, |element, out| elements.write(element, out))
            }
            Kind::Map { bounds, keys, values } => separated(bounds(row), *b"{}", out, |entry, out| {
                write_key(keys, entry, out)?;
                out.push(b':');
                values.write(entry, out)
            }),
            Kind::Row(fields) => {
                separated(0..fields.len(), *b"[]", out, |field, out| fields[field].write(row, out))
            }
        }
    }
}

impl Kind {
    fn of(array: &ArrayRef, r#type: &TrinoType, precisions: Precisions) -> Result<Self, String> {
        match (array.data_type(), r#type) {
            (DataType::List(_), TrinoType::Array(element)) => {
                let list = array.as_list::<i32>().clone();
                let elements = ValueWriter::new(list.values(), element, precisions)?;
                Ok(Self::List {
                    bounds: Box::new(move |row| bounds_of(list.value_offsets(), row)),
                    elements: Box::new(elements),
                })
            }
            (DataType::LargeList(_), TrinoType::Array(element)) => {
                let list = array.as_list::<i64>().clone();
                let elements = ValueWriter::new(list.values(), element, precisions)?;
                Ok(Self::List {
                    bounds: Box::new(move |row| bounds_of(list.value_offsets(), row)),
                    elements: Box::new(elements),
                })
            }
            (DataType::FixedSizeList(..), TrinoType::Array(element)) => {
                let list: &FixedSizeListArray = array.as_fixed_size_list();
                let elements = ValueWriter::new(list.values(), element, precisions)?;
                let length = usize::try_from(list.value_length()).unwrap_or_default();
                Ok(Self::List {
                    bounds: Box::new(move |row| row * length..(row + 1) * length),
                    elements: Box::new(elements),
                })
            }
            (DataType::Map(..), TrinoType::Map(key, value)) => {
                let map: MapArray = array.as_map().clone();
                let keys = Box::new(ValueWriter::new(map.keys(), key, precisions)?);
                let values = Box::new(ValueWriter::new(map.values(), value, precisions)?);
                Ok(Self::Map {
                    bounds: Box::new(move |row| bounds_of(map.value_offsets(), row)),
                    keys,
                    values,
                })
            }
            (DataType::Struct(_), TrinoType::Row(fields)) => {
                let rows: &StructArray = array.as_struct();
                let writers = rows
                    .columns()
                    .iter()
                    .zip(fields)
                    .map(|(column, field)| ValueWriter::new(column, &field.r#type, precisions));
                Ok(Self::Row(writers.collect::<Result<_, _>>()?))
            }
            _ => scalar::writer(array, r#type, precisions).map(Self::Scalar),
        }
    }
}

fn bounds_of<O: Copy + TryInto<usize>>(offsets: &[O], row: usize) -> std::ops::Range<usize> {
    let at = |index: usize| offsets.get(index).and_then(|&offset| offset.try_into().ok()).unwrap_or_default();
    at(row)..at(row + 1)
}

fn separated(
    range: std::ops::Range<usize>,
    brackets: [u8; 2],
    out: &mut Vec<u8>,
    write: impl Fn(usize, &mut Vec<u8>) -> Result<(), String>,
) -> Result<(), String> {
    out.push(brackets[0]);
    let first = range.start;
    for index in range {
        if index > first {
            out.push(b',');
        }
        write(index, out)?;
    }
    out.push(brackets[1]);
    Ok(())
}

/// A key of a JSON object is a text, whatever it is a text of.
fn write_key(keys: &ValueWriter, entry: usize, out: &mut Vec<u8>) -> Result<(), String> {
    let mut key = Vec::new();
    keys.write(entry, &mut key)?;
    if key.first() == Some(&b'"') {
        out.extend_from_slice(&key);
    } else {
        scalar::text(&String::from_utf8_lossy(&key), out);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
