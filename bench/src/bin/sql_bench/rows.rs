//! Invented rows: plausible enough for encodings, statistics and compression to behave as with real ones.

use std::sync::Arc;

use anyhow::{Result, bail};
use arrow_array::{
    ArrayRef, Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field};
use depthlake_lake::table::Table;

/// Symbols of the tables.
pub const SYMBOLS: u64 = 50;
/// Units of one at the scale of prices and quantities.
const ONE: i64 = 100_000_000;

/// One row: its symbol's number, its time in microseconds, its number among all rows.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub symbol: u64,
    pub time: i64,
    pub number: u64,
}

/// The rows with these numbers, spread evenly over the time from `begin` to `end`, the symbols in turns.
pub fn spread(numbers: std::ops::Range<u64>, all: u64, begin: i64, end: i64) -> Vec<Row> {
    let span = i128::from(end - begin);
    let row = |number: u64| {
        let part = span * i128::from(number) / i128::from(all.max(1));
        Row { symbol: number % SYMBOLS, time: begin + i64::try_from(part).unwrap_or(0), number }
    };
    numbers.map(row).collect()
}

/// Rows with the columns of a table.
pub fn batch(table: Table, rows: &[Row]) -> Result<RecordBatch> {
    let schema = table.arrow_schema();
    let columns = schema.fields().iter().map(|field| column(field, rows)).collect::<Result<_>>()?;
    Ok(RecordBatch::try_new(schema, columns)?)
}

fn column(field: &Field, rows: &[Row]) -> Result<ArrayRef> {
    let salt: u64 = field.name().bytes().map(u64::from).sum();
    Ok(match field.data_type() {
        DataType::Utf8 if field.name() == "symbol" => Arc::new(StringArray::from_iter_values(
            rows.iter().map(|row| format!("SYM{:02}USDT", row.symbol)),
        )),
        DataType::Utf8 if field.name().ends_with("_key") => Arc::new(StringArray::from_iter_values(
            rows.iter().map(|row| format!("{}-{}", row.symbol, row.time)),
        )),
        DataType::Utf8 => {
            Arc::new(StringArray::from_iter_values(rows.iter().map(|_| "market.raw.orderbook")))
        }
        DataType::Int32 => Arc::new(Int32Array::from_iter_values(rows.iter().map(|_| 3))),
        DataType::Int64 if field.name() == "received_ns" => {
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.time * 1_000 + 777)))
        }
        DataType::Int64 => {
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.number.cast_signed())))
        }
        DataType::Float64 => {
            Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| double(*row, salt))))
        }
        DataType::Timestamp(..) => {
            let delay = i64::try_from(salt % 7).unwrap_or(0);
            let is_minute = field.name() == "close_time";
            let time = |row: &Row| row.time + if is_minute { 60_000_000 } else { delay };
            let is_exact = matches!(field.name().as_str(), "event_time" | "open_time" | "minute");
            let times = rows.iter().map(|row| if is_exact { row.time } else { time(row) });
            Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("+00:00"))
        }
        DataType::Decimal128(precision, scale) => {
            let is_quantity = field.name().contains("quantity") || field.name().contains("volume");
            let units = |row: &Row| i128::from(if is_quantity { quantity(*row, salt) } else { price(*row) });
            let values = Decimal128Array::from_iter_values(rows.iter().map(units));
            Arc::new(values.with_precision_and_scale(*precision, *scale)?)
        }
        other => bail!("no row is invented for a column of {other}"),
    })
}

/// A price that wanders by ticks of a cent.
fn price(row: Row) -> i64 {
    let base = (i64::try_from(row.symbol).unwrap_or(0) + 1) * 137 * ONE;
    let step = i64::try_from(noise(row, 0) % 64).unwrap_or(0);
    base + (row.time / 1_000_000 % 4_096 + step) * ONE / 100
}

fn quantity(row: Row, salt: u64) -> i64 {
    i64::try_from(noise(row, salt) % 1_000).unwrap_or(0) * ONE / 1_000
}

fn double(row: Row, salt: u64) -> f64 {
    f64::from(u32::try_from(noise(row, salt) >> 40).unwrap_or(0)) / f64::from(1 << 20)
}

fn noise(row: Row, salt: u64) -> u64 {
    (row.number ^ (salt << 32))
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(31)
        .wrapping_mul(0xd6e8_feb8_6659_fd93)
}
