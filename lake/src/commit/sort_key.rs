//! Sort keys: the declared order of a table's rows as the order of byte strings.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use iceberg::{Error, ErrorKind, Result};

const NULL: u8 = 0;
const PRESENT: u8 = 1;
const TEXT_END: [u8; 2] = [0, 0];
const ZERO_IN_TEXT: [u8; 2] = [0, 1];

/// The keys of a batch's rows, of which the lesser belongs to the earlier row. Nulls come first.
#[derive(Debug, Default)]
pub(super) struct SortKeys {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl SortKeys {
    /// The keys of all rows by some columns.
    ///
    /// # Errors
    /// Where a column is missing, or of a type that nothing is sorted by.
    pub(super) fn of(batch: &RecordBatch, columns: &[&str]) -> Result<Self> {
        let columns = columns.iter().map(|name| column(batch, name)).collect::<Result<Vec<_>>>()?;
        let mut keys = Self { bytes: Vec::new(), ends: Vec::with_capacity(batch.num_rows()) };
        for row in 0..batch.num_rows() {
            for column in &columns {
                column.append(row, &mut keys.bytes);
            }
            keys.ends.push(keys.bytes.len());
        }
        Ok(keys)
    }

    /// The key of a row; empty where there is no such row.
    pub(super) fn key(&self, row: usize) -> &[u8] {
        let start = row.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(row).and_then(|&end| self.bytes.get(start..end)).unwrap_or_default()
    }
}

enum SortColumn<'a> {
    Text(&'a arrow_array::StringArray),
    Int(&'a arrow_array::Int32Array),
    Long(&'a arrow_array::Int64Array),
    Time(&'a arrow_array::TimestampMicrosecondArray),
}

impl SortColumn<'_> {
    fn append(&self, row: usize, key: &mut Vec<u8>) {
        let array: &dyn Array = match self {
            Self::Text(array) => array,
            Self::Int(array) => array,
            Self::Long(array) => array,
            Self::Time(array) => array,
        };
        if array.is_null(row) {
            return key.push(NULL);
        }
        key.push(PRESENT);
        match self {
            Self::Text(array) => append_text(array.value(row), key),
            Self::Int(array) => append_number(array.value(row).into(), key),
            Self::Long(array) => append_number(array.value(row), key),
            Self::Time(array) => append_number(array.value(row), key),
        }
    }
}

fn append_number(number: i64, key: &mut Vec<u8>) {
    // With the sign turned, negative numbers come before positive ones.
    key.extend_from_slice(&(number ^ i64::MIN).to_be_bytes());
}

fn append_text(text: &str, key: &mut Vec<u8>) {
    for &byte in text.as_bytes() {
        if byte == 0 {
            key.extend_from_slice(&ZERO_IN_TEXT);
        } else {
            key.push(byte);
        }
    }
    key.extend_from_slice(&TEXT_END);
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<SortColumn<'a>> {
    let invalid =
        |reason: String| Error::new(ErrorKind::DataInvalid, format!("the sort column {name} {reason}"));
    let array = batch.column_by_name(name).ok_or_else(|| invalid("is missing".to_owned()))?;
    match array.data_type() {
        DataType::Utf8 => Ok(SortColumn::Text(array.as_string())),
        DataType::Int32 => Ok(SortColumn::Int(array.as_primitive::<Int32Type>())),
        DataType::Int64 => Ok(SortColumn::Long(array.as_primitive::<Int64Type>())),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Ok(SortColumn::Time(array.as_primitive::<TimestampMicrosecondType>()))
        }
        other => Err(invalid(format!("is of type {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::samples::raw_trades;
    use super::*;

    proptest! {
        #[test]
        fn keys_compare_as_rows_do(
            rows in prop::collection::vec((prop::option::of("[\0-\u{3}a]{0,4}"), any::<i64>(), any::<i64>()), 2..30),
        ) {
            let keys = SortKeys::of(&raw_trades(&rows), &["symbol", "received_at", "offset"]).unwrap();
            for (one, left) in rows.iter().enumerate() {
                for (other, right) in rows.iter().enumerate() {
                    prop_assert_eq!(keys.key(one).cmp(keys.key(other)), left.cmp(right));
                }
            }
        }
    }

    #[test]
    fn what_nothing_is_sorted_by_is_refused() {
        let rows = raw_trades(&[(None, 0, 0)]);
        assert!(SortKeys::of(&rows, &["payload"]).unwrap_err().to_string().contains("payload"));
        assert!(SortKeys::of(&rows, &["absent"]).unwrap_err().to_string().contains("missing"));
    }
}
