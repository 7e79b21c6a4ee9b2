//! Invented frames of trades, as `raw.trades` has them.

use std::error::Error;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arrow_array::{
    ArrayRef, Int32Array, Int64Array, LargeBinaryArray, RecordBatch, StringArray, TimestampMicrosecondArray,
    new_null_array,
};
use arrow_schema::DataType;
use depthlake_lake::table::Table;

/// `count` frames, received now, with offsets from `first` on.
pub fn trades(first: usize, count: usize) -> Result<RecordBatch, Box<dyn Error>> {
    let (first, length) = (i64::try_from(first)?, i64::try_from(count)?);
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())?;
    let schema = Table::RawTrades.arrow_schema();
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        match (field.name().as_str(), field.data_type()) {
            ("symbol", _) => {
                Arc::new((first..first + length).map(|row| Some(symbol(row))).collect::<StringArray>())
            }
            ("offset", _) => Arc::new(Int64Array::from_iter_values(first..first + length)),
            _ if field.is_nullable() => new_null_array(field.data_type(), count),
            (_, DataType::Timestamp(..)) => {
                let times = TimestampMicrosecondArray::from_iter_values((0..length).map(|row| now + row));
                Arc::new(times.with_timezone("+00:00"))
            }
            (_, DataType::Int32) => Arc::new(Int32Array::from_iter_values((0..count).map(|_| 0))),
            (_, DataType::Int64) => Arc::new(Int64Array::from_iter_values((0..length).map(|row| now + row))),
            (_, DataType::LargeBinary) => Arc::new(LargeBinaryArray::from_iter_values(
                (first..first + length).map(|row| frame(row, now)),
            )),
            _ => Arc::new((0..count).map(|_| Some("trade")).collect::<StringArray>()),
        }
    });
    Ok(RecordBatch::try_new(Arc::clone(&schema), columns.collect())?)
}

fn symbol(row: i64) -> String {
    format!("SYMBOL{:02}", row % 50)
}

fn frame(row: i64, now: i64) -> String {
    let scattered = row.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64.cast_signed()).cast_unsigned();
    let (price, quantity) = (60_000 + scattered % 4_000, scattered >> 44);
    format!(
        "{{\"e\":\"trade\",\"E\":{},\"s\":\"{}\",\"t\":{row},\"p\":\"{price}.{:02}000000\",\"q\":\"0.{quantity:08}\",\"T\":{},\"m\":{},\"M\":true}}",
        now / 1_000,
        symbol(row),
        scattered % 100,
        now / 1_000,
        scattered.is_multiple_of(2)
    )
}
