//! Rows as `PostgreSQL` writes them, as text or in the binary form of each type.
//!
//! Values of a batch are first brought to the one Arrow type that stands for their column's type, so that what is written
//! always is what was announced.

use std::fmt::Write;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
    Int16Array, Int32Array, Int64Array, IntervalMonthDayNanoArray, ListArray, RecordBatch, StringArray,
    StringBuilder, Time64MicrosecondArray, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::datatypes::{Time64MicrosecondType, TimestampMicrosecondType};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::temporal_conversions::{as_datetime, as_time, date32_to_datetime};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use pgwire::api::results::FieldFormat;
use pgwire::messages::data::DataRow;

use super::numeric;
use super::types::{ColumnType, element_of};

/// Microseconds from 1970 to 2000, where `PostgreSQL` begins to count.
pub(super) const EPOCH_MICROSECONDS: i64 = 946_684_800_000_000;
pub(super) const EPOCH_DAYS: i32 = 10_957;

/// The rows of a batch, each as a message.
pub(super) fn rows(
    batch: &RecordBatch,
    columns: &[(ColumnType, FieldFormat)],
) -> Result<Vec<DataRow>, ArrowError> {
    let values = batch
        .columns()
        .iter()
        .zip(columns)
        .map(|(array, (r#type, format))| Ok((Values::of(array, r#type)?, *format)));
    let values = values.collect::<Result<Vec<_>, ArrowError>>()?;
    let width = i16::try_from(values.len())
        .map_err(|_| ArrowError::InvalidArgumentError(format!("{} columns are too many", values.len())))?;
    let mut buffer = BytesMut::with_capacity(64 * values.len());
    let rows = (0..batch.num_rows()).map(|row| {
        for (values, format) in &values {
            values.put(row, *format, &mut buffer);
        }
        DataRow::new(buffer.split(), width)
    });
    Ok(rows.collect())
}

/// The values of one column.
enum Values {
    Boolean(BooleanArray),
    Int2(Int16Array),
    Int4(Int32Array),
    Int8(Int64Array),
    Float4(Float32Array),
    Float8(Float64Array),
    Numeric(Decimal128Array, i8),
    Text(StringArray),
    Bytes(BinaryArray),
    Date(Date32Array),
    Time(Time64MicrosecondArray),
    Timestamp(TimestampMicrosecondArray),
    TimestampWithZone(TimestampMicrosecondArray),
    Interval(IntervalMonthDayNanoArray),
    List { lists: ListArray, element: u32, values: Box<Self> },
}

impl Values {
    fn of(array: &ArrayRef, r#type: &ColumnType) -> Result<Self, ArrowError> {
        let wanted = r#type.arrow();
        let array =
            match cast_with_options(array, &wanted, &CastOptions { safe: false, ..CastOptions::default() }) {
                Ok(array) => array,
                Err(_) if wanted == DataType::Utf8 => shown(array)?,
                Err(error) => return Err(error),
            };
        Ok(match array.data_type() {
            DataType::Boolean => Self::Boolean(array.as_boolean().clone()),
            DataType::Int16 => Self::Int2(array.as_primitive().clone()),
            DataType::Int32 => Self::Int4(array.as_primitive().clone()),
            DataType::Int64 => Self::Int8(array.as_primitive().clone()),
            DataType::Float32 => Self::Float4(array.as_primitive().clone()),
            DataType::Float64 => Self::Float8(array.as_primitive().clone()),
            DataType::Decimal128(_, scale) => Self::Numeric(array.as_primitive().clone(), *scale),
            DataType::Binary => Self::Bytes(array.as_binary().clone()),
            DataType::Date32 => Self::Date(array.as_primitive().clone()),
            DataType::Time64(_) => Self::Time(array.as_primitive().clone()),
            DataType::Timestamp(_, None) => Self::Timestamp(array.as_primitive().clone()),
            DataType::Timestamp(_, Some(_)) => Self::TimestampWithZone(array.as_primitive().clone()),
            DataType::Interval(_) => Self::Interval(array.as_primitive().clone()),
            DataType::List(_) => {
                let lists: ListArray = array.as_list().clone();
                let element = element_of(&r#type.postgres).unwrap_or(pgwire::api::Type::TEXT);
                let of_element = ColumnType { postgres: element.clone(), modifier: -1 };
                let values = Box::new(Self::of(lists.values(), &of_element)?);
                Self::List { lists, element: element.oid(), values }
            }
            _ => Self::Text(array.as_string().clone()),
        })
    }

    fn array(&self) -> &dyn Array {
        match self {
            Self::Boolean(array) => array,
            Self::Int2(array) => array,
            Self::Int4(array) => array,
            Self::Int8(array) => array,
            Self::Float4(array) => array,
            Self::Float8(array) => array,
            Self::Numeric(array, _) => array,
            Self::Text(array) => array,
            Self::Bytes(array) => array,
            Self::Date(array) => array,
            Self::Time(array) => array,
            Self::Timestamp(array) | Self::TimestampWithZone(array) => array,
            Self::Interval(array) => array,
            Self::List { lists, .. } => lists,
        }
    }

    /// Writes a value behind its length.
    fn put(&self, row: usize, format: FieldFormat, out: &mut BytesMut) {
        if self.array().is_null(row) {
            out.put_i32(-1);
            return;
        }
        let start = out.len();
        out.put_i32(0);
        match format {
            FieldFormat::Text => self.put_text(row, out),
            FieldFormat::Binary => self.put_binary(row, out),
        }
        let length = i32::try_from(out.len() - start - 4).unwrap_or(i32::MAX);
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }

    fn put_text(&self, row: usize, out: &mut BytesMut) {
        match self {
            Self::Boolean(array) => out.put_slice(if array.value(row) { b"t" } else { b"f" }),
            Self::Int2(array) => put_shown(&array.value(row), out),
            Self::Int4(array) => put_shown(&array.value(row), out),
            Self::Int8(array) => put_shown(&array.value(row), out),
            Self::Float4(array) => put_float(array.value(row).into(), &array.value(row), out),
            Self::Float8(array) => put_float(array.value(row), &array.value(row), out),
            Self::Numeric(array, scale) => out.put_slice(numeric::text(array.value(row), *scale).as_bytes()),
            Self::Text(array) => out.put_slice(array.value(row).as_bytes()),
            Self::Bytes(array) => {
                out.put_slice(b"\\x");
                for byte in array.value(row) {
                    put_shown(&format_args!("{byte:02x}"), out);
                }
            }
            Self::Date(array) => match date32_to_datetime(array.value(row)) {
                Some(date) => put_shown(&date.format("%Y-%m-%d"), out),
                None => out.put_slice(b"infinity"),
            },
            Self::Time(array) => {
                if let Some(time) = as_time::<Time64MicrosecondType>(array.value(row)) {
                    put_shown(&time.format("%H:%M:%S%.f"), out);
                }
            }
            Self::Timestamp(array) => put_timestamp(array.value(row), "", out),
            Self::TimestampWithZone(array) => put_timestamp(array.value(row), "+00", out),
            Self::Interval(array) => {
                let value = array.value(row);
                out.put_slice(interval_text(value.months, value.days, value.nanoseconds / 1_000).as_bytes());
            }
            Self::List { lists, values, .. } => put_list_text(lists, values, row, out),
        }
    }

    fn put_binary(&self, row: usize, out: &mut BytesMut) {
        match self {
            Self::Boolean(array) => out.put_u8(array.value(row).into()),
            Self::Int2(array) => out.put_i16(array.value(row)),
            Self::Int4(array) => out.put_i32(array.value(row)),
            Self::Int8(array) => out.put_i64(array.value(row)),
            Self::Float4(array) => out.put_f32(array.value(row)),
            Self::Float8(array) => out.put_f64(array.value(row)),
            Self::Numeric(array, scale) => numeric::put_binary(array.value(row), *scale, out),
            Self::Text(array) => out.put_slice(array.value(row).as_bytes()),
            Self::Bytes(array) => out.put_slice(array.value(row)),
            Self::Date(array) => out.put_i32(array.value(row).saturating_sub(EPOCH_DAYS)),
            Self::Time(array) => out.put_i64(array.value(row)),
            Self::Timestamp(array) | Self::TimestampWithZone(array) => {
                out.put_i64(array.value(row).saturating_sub(EPOCH_MICROSECONDS));
            }
            Self::Interval(array) => {
                let value = array.value(row);
                out.put_i64(value.nanoseconds / 1_000);
                out.put_i32(value.days);
                out.put_i32(value.months);
            }
            Self::List { lists, element, values } => put_list_binary(lists, *element, values, row, out),
        }
    }
}

/// What has no type of its own there, as text.
fn shown(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(array, &options)?;
    let mut texts = StringBuilder::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            texts.append_null();
        } else {
            texts.append_value(formatter.value(row).try_to_string()?);
        }
    }
    Ok(Arc::new(texts.finish()))
}

fn put_shown(value: &impl std::fmt::Display, out: &mut BytesMut) {
    // Writing to memory cannot fail.
    let _ = write!(out, "{value}");
}

/// The shortest text that reads back, with an exponent where there would be many zeros.
fn put_float(value: f64, shortest: &(impl std::fmt::Display + std::fmt::LowerExp), out: &mut BytesMut) {
    let size = value.abs();
    if value.is_nan() {
        out.put_slice(b"NaN");
    } else if value.is_infinite() {
        out.put_slice(if value > 0.0 { b"Infinity" } else { b"-Infinity" });
    } else if size != 0.0 && !(1e-4..1e15).contains(&size) {
        put_shown(&format_args!("{shortest:e}"), out);
    } else {
        put_shown(shortest, out);
    }
}

fn put_timestamp(microseconds: i64, zone: &str, out: &mut BytesMut) {
    match as_datetime::<TimestampMicrosecondType>(microseconds) {
        Some(time) => put_shown(&format_args!("{}{zone}", time.format("%Y-%m-%d %H:%M:%S%.f")), out),
        None => out.put_slice(if microseconds < 0 { b"-infinity" } else { b"infinity" }),
    }
}

fn interval_text(months: i32, days: i32, microseconds: i64) -> String {
    let mut parts = Vec::new();
    for (count, name) in [(months / 12, "year"), (months % 12, "mon"), (days, "day")] {
        if count != 0 {
            parts.push(format!("{count} {name}{}", if count == 1 { "" } else { "s" }));
        }
    }
    if microseconds != 0 || parts.is_empty() {
        let (sign, size) = (if microseconds < 0 { "-" } else { "" }, microseconds.unsigned_abs());
        let (seconds, fraction) = (size / 1_000_000, size % 1_000_000);
        let mut text = format!("{sign}{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
        if fraction != 0 {
            text.push_str(format!(".{fraction:06}").trim_end_matches('0'));
        }
        parts.push(text);
    }
    parts.join(" ")
}

fn elements(lists: &ListArray, row: usize) -> std::ops::Range<usize> {
    let offset = |index: usize| usize::try_from(lists.value_offsets()[index]).unwrap_or(0);
    offset(row)..offset(row + 1)
}

fn put_list_text(lists: &ListArray, values: &Values, row: usize, out: &mut BytesMut) {
    out.put_u8(b'{');
    let elements = elements(lists, row);
    for index in elements.clone() {
        if index > elements.start {
            out.put_u8(b',');
        }
        if values.array().is_null(index) {
            out.put_slice(b"NULL");
            continue;
        }
        let mut element = BytesMut::new();
        values.put_text(index, &mut element);
        put_element(&element, out);
    }
    out.put_u8(b'}');
}

/// An element, in quotes where it could be taken for something else.
fn put_element(element: &[u8], out: &mut BytesMut) {
    let is_plain =
        |byte: &u8| !matches!(byte, b'{' | b'}' | b',' | b'"' | b'\\') && !byte.is_ascii_whitespace();
    if !element.is_empty() && element.iter().all(is_plain) && !element.eq_ignore_ascii_case(b"null") {
        out.put_slice(element);
        return;
    }
    out.put_u8(b'"');
    for byte in element {
        if matches!(byte, b'"' | b'\\') {
            out.put_u8(b'\\');
        }
        out.put_u8(*byte);
    }
    out.put_u8(b'"');
}

/// One dimension, from 1.
fn put_list_binary(lists: &ListArray, element: u32, values: &Values, row: usize, out: &mut BytesMut) {
    let elements = elements(lists, row);
    let has_nulls = elements.clone().any(|index| values.array().is_null(index));
    out.put_i32(i32::from(!elements.is_empty()));
    out.put_i32(has_nulls.into());
    out.put_u32(element);
    if !elements.is_empty() {
        out.put_i32(i32::try_from(elements.len()).unwrap_or(i32::MAX));
        out.put_i32(1);
    }
    for index in elements {
        values.put(index, FieldFormat::Binary, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_postgresql() {
        let float = |value: f64| {
            let mut out = BytesMut::new();
            put_float(value, &value, &mut out);
            String::from_utf8(out.to_vec()).unwrap()
        };
        assert_eq!([0.0, 1.0, -0.5, 1e16, 2.5e-7].map(float), ["0", "1", "-0.5", "1e16", "2.5e-7"]);
        assert_eq!([f64::NAN, f64::NEG_INFINITY].map(float), ["NaN", "-Infinity"]);
        assert_eq!(interval_text(14, 3, 14_706_789_000), "1 year 2 mons 3 days 04:05:06.789");
        assert_eq!(interval_text(0, 0, 0), "00:00:00");
        let mut out = BytesMut::new();
        put_timestamp(1_723_116_031_123_400, "+00", &mut out);
        assert_eq!(out, "2024-08-08 11:20:31.123400+00".as_bytes());
        let mut out = BytesMut::new();
        for element in ["plain", "", "null", "a\"b,c"] {
            put_element(element.as_bytes(), &mut out);
        }
        assert_eq!(out, r#"plain"""null""a\"b,c""#.as_bytes());
    }
}
