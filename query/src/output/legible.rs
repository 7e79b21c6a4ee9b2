//! Columns that a layout cannot show, turned into text.

use std::fmt::Write;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, MapArray, RecordBatch, StringArray, StringViewArray, StructArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use depthlake_dialect::types::TrinoType;

use crate::conversion::converted;
use crate::trino::value::texts_of;

/// The characters of bytes that a table shows at most.
const MAX_TABLE_TEXT: usize = 60;

/// Values that only Trino's types tell how to show, as texts.
pub(super) fn plain(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    converted(batch, &|field, array| {
        let r#type = TrinoType::of_field(field);
        let is_told_by_trino = match array.data_type() {
            DataType::Interval(_) | DataType::Duration(_) => true,
            DataType::FixedSizeBinary(_) => r#type == TrinoType::Uuid,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                matches!(r#type, TrinoType::Char { .. })
            }
            _ => false,
        };
        is_told_by_trino
            .then(|| texts_of(array, &r#type).map(|texts| Arc::new(texts) as ArrayRef))
            .transpose()
    })
}

pub(super) fn for_csv(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    convert(&plain(batch)?, |column| match column.data_type() {
        data_type if data_type.is_nested() => Some(displayed(column)),
        data_type if is_bytes(data_type) => Some(bytes_as_text(column, str::to_owned)),
        _ => None,
    })
}

pub(super) fn for_json(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let batch = converted(&plain(batch)?, &keys_as_text)?;
    convert(&batch, |column| is_bytes(column.data_type()).then(|| bytes_as_text(column, str::to_owned)))
}

/// The names of a JSON object are texts.
fn keys_as_text(_: &Field, array: &ArrayRef) -> Result<Option<ArrayRef>, ArrowError> {
    let DataType::Map(entries, is_sorted) = array.data_type() else { return Ok(None) };
    let map = array.as_map();
    let DataType::Struct(pair) = entries.data_type() else { return Ok(None) };
    let ([key, value], false) = (&pair[..], map.key_type() == &DataType::Utf8) else { return Ok(None) };
    let keys: StringArray = displayed(map.keys())?.iter().collect();
    let key = Arc::new(key.as_ref().clone().with_data_type(DataType::Utf8));
    let pair = Fields::from(vec![key, Arc::clone(value)]);
    let pairs = StructArray::try_new(pair.clone(), vec![Arc::new(keys), Arc::clone(map.values())], None)?;
    let entries = Arc::new(entries.as_ref().clone().with_data_type(DataType::Struct(pair)));
    let map = MapArray::try_new(entries, map.offsets().clone(), pairs, map.nulls().cloned(), *is_sorted)?;
    Ok(Some(Arc::new(map)))
}

pub(super) fn for_table(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    convert(&plain(batch)?, |column| is_bytes(column.data_type()).then(|| bytes_as_text(column, shortened)))
}

fn convert(
    batch: &RecordBatch,
    text: impl Fn(&ArrayRef) -> Option<Result<StringViewArray, ArrowError>>,
) -> Result<RecordBatch, ArrowError> {
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        if let Some(text) = text(column) {
            fields.push(Arc::new(Field::new(field.name(), DataType::Utf8View, true)));
            columns.push(Arc::new(text?) as ArrayRef);
        } else {
            fields.push(Arc::clone(field));
            columns.push(Arc::clone(column));
        }
    }
    if columns.is_empty() {
        return Ok(batch.clone());
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

fn is_bytes(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_)
    )
}

fn bytes_as_text(column: &ArrayRef, finish: fn(&str) -> String) -> Result<StringViewArray, ArrowError> {
    let bytes = cast(column, &DataType::LargeBinary)?;
    let text = |value: &[u8]| std::str::from_utf8(value).map_or_else(|_| finish(&hexadecimal(value)), finish);
    Ok(bytes.as_binary::<i64>().iter().map(|value| value.map(text)).collect())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold("\\x".to_owned(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_TABLE_TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

fn displayed(column: &ArrayRef) -> Result<StringViewArray, ArrowError> {
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(column, &options)?;
    let text = |row| (!column.is_null(row)).then(|| formatter.value(row).try_to_string()).transpose();
    (0..column.len()).map(text).collect()
}
