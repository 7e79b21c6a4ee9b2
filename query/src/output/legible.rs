//! Columns that a layout cannot show, turned into text.

use std::fmt::Write;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

/// The characters of bytes that a table shows at most.
const MAX_TABLE_TEXT: usize = 60;

pub(super) fn for_csv(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    convert(batch, |column| match column.data_type() {
        data_type if data_type.is_nested() => Some(displayed(column)),
        data_type if is_bytes(data_type) => Some(bytes_as_text(column, str::to_owned)),
        _ => None,
    })
}

pub(super) fn for_json(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    convert(batch, |column| is_bytes(column.data_type()).then(|| bytes_as_text(column, str::to_owned)))
}

pub(super) fn for_table(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    convert(batch, |column| is_bytes(column.data_type()).then(|| bytes_as_text(column, shortened)))
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
