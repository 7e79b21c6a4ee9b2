//! Rows of the lake as JSON: exact numbers as strings, times as RFC 3339, everything else as what it is.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int64Type, TimeUnit, TimestampNanosecondType, UInt64Type,
};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use depthlake_orderbook::time::Timestamp;
use futures::TryStreamExt;

use super::state::ApiState;
use crate::access::Principal;
use crate::catalog::CATALOG;
use crate::error::QueryError;
use crate::json_text::JsonText;
use crate::session::{Door, Session, SessionSettings};

/// A session for somebody who asks.
pub(crate) fn session_of(state: &ApiState, principal: &Principal) -> Session {
    let catalog = Some(CATALOG.to_owned());
    state.database.session(SessionSettings { catalog, ..SessionSettings::new(principal.clone(), Door::Api) })
}

/// Asks a question for somebody, who needs to be allowed to.
pub(crate) async fn ask_as(
    state: &ApiState,
    principal: &Principal,
    sql: &str,
) -> Result<Vec<RecordBatch>, QueryError> {
    session_of(state, principal).sql(sql).await?.try_collect().await
}

/// Asks a question of the API's own.
pub(crate) async fn ask(state: &ApiState, sql: &str) -> Result<Vec<RecordBatch>, QueryError> {
    ask_as(state, &Principal::reader("api"), sql).await
}

/// The text in a row of a column; `None` where there is none.
pub(crate) fn text_at(batch: &RecordBatch, column: &str, row: usize) -> Option<String> {
    let column = cast(batch.column_by_name(column)?, &DataType::Utf8).ok()?;
    let texts = column.as_string_opt::<i32>()?;
    texts.is_valid(row).then(|| texts.value(row).to_owned())
}

/// A column of times, in nanoseconds.
pub(crate) fn times(batch: &RecordBatch, column: &str) -> Option<ArrayRef> {
    cast(batch.column_by_name(column)?, &DataType::Timestamp(TimeUnit::Nanosecond, None)).ok()
}

/// A column of whole numbers.
pub(crate) fn integers(batch: &RecordBatch, column: &str) -> Option<ArrayRef> {
    cast(batch.column_by_name(column)?, &DataType::Int64).ok()
}

/// Columns of rows, made ready to be written.
pub(crate) struct Written {
    names: Vec<String>,
    columns: Vec<WrittenColumn>,
    rows: usize,
}

enum WrittenColumn {
    Boolean(ArrayRef),
    Integer(ArrayRef),
    Unsigned(ArrayRef),
    Double(ArrayRef),
    Decimal(ArrayRef, u8),
    Time(ArrayRef),
    Text(ArrayRef),
    Bytes(ArrayRef),
    /// Anything else, as its text.
    Shown(ArrayRef),
}

impl Written {
    /// O(values).
    pub(crate) fn of(batch: &RecordBatch) -> Self {
        let names = batch.schema_ref().fields().iter().map(|field| field.name().clone()).collect();
        let columns = batch.columns().iter().map(WrittenColumn::of).collect();
        Self { names, columns, rows: batch.num_rows() }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Writes a row as an object: `{"column":value,…}`.
    pub(crate) fn write_object(&self, json: &mut JsonText, row: usize) {
        json.raw("{");
        for (index, (name, column)) in self.names.iter().zip(&self.columns).enumerate() {
            if index > 0 {
                json.raw(",");
            }
            json.string(name);
            json.raw(":");
            column.write(json, row);
        }
        json.raw("}");
    }

    /// Writes one value.
    pub(crate) fn write_value(&self, json: &mut JsonText, column: usize, row: usize) {
        match self.columns.get(column) {
            Some(column) => column.write(json, row),
            None => json.raw("null"),
        }
    }

    /// Bytes as text, where they are UTF-8, and how many they are.
    pub(crate) fn bytes(&self, column: usize, row: usize) -> (String, usize) {
        match self.columns.get(column) {
            Some(WrittenColumn::Bytes(array)) if array.is_valid(row) => {
                let bytes = array.as_binary::<i64>().value(row);
                (String::from_utf8_lossy(bytes).into_owned(), bytes.len())
            }
            _ => (String::new(), 0),
        }
    }

    /// Writes a row as an array: `[value,…]`.
    pub(crate) fn write_array(&self, json: &mut JsonText, row: usize) {
        json.raw("[");
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                json.raw(",");
            }
            column.write(json, row);
        }
        json.raw("]");
    }
}

/// Writes all rows as objects with commas between them.
pub(crate) fn write_objects(json: &mut JsonText, batches: &[RecordBatch]) {
    let mut is_first = true;
    for batch in batches {
        let written = Written::of(batch);
        for row in 0..written.rows() {
            if !std::mem::take(&mut is_first) {
                json.raw(",");
            }
            written.write_object(json, row);
        }
    }
}

impl WrittenColumn {
    fn of(column: &ArrayRef) -> Self {
        let as_type = |data_type: &DataType| cast(column, data_type).ok();
        let written = match column.data_type() {
            DataType::Boolean => Some(Self::Boolean(column.clone())),
            DataType::UInt64 => Some(Self::Unsigned(column.clone())),
            data_type if data_type.is_integer() => as_type(&DataType::Int64).map(Self::Integer),
            // A shorter text: the digits that a float of 32 bits has, not those of the same number in 64.
            DataType::Float32 => as_type(&DataType::Float32).map(Self::Double),
            data_type if data_type.is_floating() => as_type(&DataType::Float64).map(Self::Double),
            DataType::Decimal128(_, scale) => {
                u8::try_from(*scale).ok().map(|scale| Self::Decimal(column.clone(), scale))
            }
            DataType::Timestamp(..) => {
                as_type(&DataType::Timestamp(TimeUnit::Nanosecond, None)).map(Self::Time)
            }
            data_type if is_text(data_type) => as_type(&DataType::Utf8).map(Self::Text),
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                as_type(&DataType::LargeBinary).map(Self::Bytes)
            }
            _ => None,
        };
        written.unwrap_or_else(|| Self::Shown(column.clone()))
    }

    fn write(&self, json: &mut JsonText, row: usize) {
        let (Self::Boolean(array)
        | Self::Integer(array)
        | Self::Unsigned(array)
        | Self::Double(array)
        | Self::Decimal(array, _)
        | Self::Time(array)
        | Self::Text(array)
        | Self::Bytes(array)
        | Self::Shown(array)) = self;
        if array.is_null(row) {
            return json.raw("null");
        }
        match self {
            Self::Boolean(array) => json.raw(if array.as_boolean().value(row) { "true" } else { "false" }),
            Self::Integer(array) => json.integer(array.as_primitive::<Int64Type>().value(row)),
            Self::Unsigned(array) => json.integer(array.as_primitive::<UInt64Type>().value(row)),
            Self::Double(array) => match array.as_primitive_opt::<Float32Type>() {
                Some(floats) => write_float(json, &floats.value(row), floats.value(row).is_finite()),
                None => {
                    let value = array.as_primitive::<Float64Type>().value(row);
                    write_float(json, &value, value.is_finite());
                }
            },
            Self::Decimal(array, scale) => json.decimal(array.as_primitive::<Decimal128Type>().value(row), *scale),
            Self::Time(array) => {
                json.time(Timestamp(array.as_primitive::<TimestampNanosecondType>().value(row)));
            }
            Self::Text(array) => json.string(array.as_string::<i32>().value(row)),
            Self::Bytes(array) => json.string(&String::from_utf8_lossy(array.as_binary::<i64>().value(row))),
            Self::Shown(array) => match ArrayFormatter::try_new(array, &FormatOptions::default()) {
                Ok(shown) => json.string(&shown.value(row).to_string()),
                Err(_) => json.raw("null"),
            },
        }
    }
}

/// A number, or the name of what is none.
fn write_float<T: serde::Serialize + ToString>(json: &mut JsonText, value: &T, is_finite: bool) {
    if is_finite {
        json.raw(serde_json::to_string(value).unwrap_or_default());
    } else {
        json.string(&value.to_string());
    }
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{
        Decimal128Array, Float64Array, Int32Array, LargeBinaryArray, StringArray, TimestampMicrosecondArray,
    };

    use super::*;

    #[test]
    fn values_are_what_they_are() {
        let decimals = Decimal128Array::from(vec![Some(6_183_763_000_000), None]);
        let columns: [(&str, ArrayRef); 6] = [
            ("n", Arc::new(Int32Array::from(vec![Some(-3), None]))),
            ("price", Arc::new(decimals.with_precision_and_scale(18, 8).unwrap())),
            ("x", Arc::new(Float64Array::from(vec![0.5, f64::NAN]))),
            ("at", Arc::new(TimestampMicrosecondArray::from(vec![1_723_116_031_120_000, -1]).with_timezone("+00:00"))),
            ("text", Arc::new(StringArray::from(vec!["a\"b", "ü"]))),
            ("bytes", Arc::new(LargeBinaryArray::from(vec![&b"{}"[..], &b"\xff"[..]]))),
        ];
        let mut json = JsonText::default();
        json.raw("[");
        write_objects(&mut json, &[RecordBatch::try_from_iter(columns).unwrap()]);
        json.raw("]");
        let found: serde_json::Value = serde_json::from_slice(json.as_slice()).unwrap();
        let expected = serde_json::json!([
            {"n": -3, "price": "61837.63", "x": 0.5, "at": "2024-08-08T11:20:31.120Z", "text": "a\"b", "bytes": "{}"},
            {"n": null, "price": null, "x": "NaN", "at": "1969-12-31T23:59:59.999999Z", "text": "ü", "bytes": "\u{fffd}"},
        ]);
        assert_eq!(found, expected);
    }
}
