//! Lakes for tests, written by real commits, with the rows that are in them.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Decimal128Array, Int32Array, Int64Array, LargeBinaryArray, RecordBatch, StringArray,
    TimestampMicrosecondArray, new_null_array,
};
use datafusion::arrow::datatypes::{DataType, Field};
use depthlake_lake::commit::{Lake, OffsetRange, TableChange};
use depthlake_lake::table::Table;
use tempfile::TempDir;

/// 2024-08-08 in microseconds.
pub(crate) const AUGUST_8: i64 = 1_723_075_200_000_000;
pub(crate) const SYMBOLS: [&str; 4] = ["ADAUSDT", "BTCUSDT", "ETHUSDT", "SOLUSDT"];

/// A lake in a folder that goes with it.
pub(crate) struct LakeInFolder {
    pub(crate) folder: TempDir,
    pub(crate) lake: Lake,
}

/// A row of `normalized.trades`, or of `raw.trades` with its number as payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trade {
    pub(crate) symbol: &'static str,
    pub(crate) id: i64,
    /// Microseconds.
    pub(crate) time: i64,
    /// In units of 1e-8.
    pub(crate) price: i64,
    /// In units of 1e-8.
    pub(crate) quantity: i128,
    pub(crate) first_id: Option<i64>,
    /// Price times quantity, where the row has it.
    pub(crate) quote_quantity: Option<i128>,
}

/// A lake without rows, in a folder whose name has what file systems allow and URLs do not.
pub(crate) async fn empty_lake() -> LakeInFolder {
    let folder = tempfile::tempdir().unwrap();
    let lake = open(&folder).await;
    LakeInFolder { folder, lake }
}

pub(crate) async fn open(folder: &TempDir) -> Lake {
    let catalog = catalog_of(folder);
    Lake::open(&catalog, &catalog.with_file_name("warehouse")).await.unwrap()
}

pub(crate) fn catalog_of(folder: &TempDir) -> PathBuf {
    folder.path().join("the lake é %20 [a]#?").join("catalog.db")
}

/// Trades with numbers from `start` on. They look random, repeat themselves exactly, and lie on three days.
pub(crate) fn trades(start: i64, count: i64) -> Vec<Trade> {
    (start..start + count)
        .map(|id| {
            let noise = id.wrapping_mul(6_364_136_223_846_793_005).rotate_left(29).unsigned_abs();
            let part = |shift: u32, range: u64| i64::try_from((noise >> shift) % range).unwrap();
            let price = part(7, 9_999) * 10_000_000 + part(11, 10);
            let quantity = i128::from(part(13, 1_000_000_000)) * 1_000_000_007;
            Trade {
                symbol: SYMBOLS[usize::try_from(part(3, 4)).unwrap()],
                id,
                time: AUGUST_8 + part(5, 3 * 86_400_000_000),
                price,
                quantity,
                first_id: (noise % 3 > 0).then_some(id / 2),
                quote_quantity: Some(i128::from(price) * quantity),
            }
        })
        .collect()
}

pub(crate) async fn append(lake: &Lake, table: Table, trades: &[Trade]) {
    let positions = lake.positions().await.unwrap();
    let position = positions.iter().find(|(of, _)| of.table == table).map_or(0, |(_, offset)| *offset);
    let range = OffsetRange { topic: "t".to_owned(), partition: 0, start: position, end: position + 1 };
    let batches = vec![batch(table, trades)];
    lake.change(vec![TableChange::append(table, batches, vec![range])]).await.unwrap();
}

fn batch(table: Table, trades: &[Trade]) -> RecordBatch {
    let schema = table.arrow_schema();
    let columns = schema.fields().iter().map(|field| column(field, trades)).collect();
    RecordBatch::try_new(schema, columns).unwrap()
}

fn column(field: &Field, trades: &[Trade]) -> ArrayRef {
    let numbers = |value: fn(&Trade) -> Option<i64>| -> ArrayRef {
        Arc::new(trades.iter().map(value).collect::<Int64Array>())
    };
    let decimals = |value: fn(&Trade) -> i128, digits| -> ArrayRef {
        let values = Decimal128Array::from_iter_values(trades.iter().map(value));
        Arc::new(values.with_precision_and_scale(digits, 8).unwrap())
    };
    match (field.name().as_str(), field.data_type()) {
        ("symbol", _) => Arc::new(StringArray::from_iter_values(trades.iter().map(|trade| trade.symbol))),
        ("trade_id" | "offset", _) => numbers(|trade| Some(trade.id)),
        ("first_trade_id", _) => numbers(|trade| trade.first_id),
        ("price", _) => decimals(|trade| trade.price.into(), 18),
        ("quantity", _) => decimals(|trade| trade.quantity, 28),
        ("quote_quantity", _) => {
            let amounts: Decimal128Array = trades.iter().map(|trade| trade.quote_quantity).collect();
            Arc::new(amounts.with_precision_and_scale(38, 16).unwrap())
        }
        ("payload", _) => {
            let payload = |trade: &Trade| format!(r#"{{"t":{}}}"#, trade.id).into_bytes();
            Arc::new(LargeBinaryArray::from_iter_values(trades.iter().map(payload)))
        }
        (_, DataType::Utf8) => Arc::new(StringArray::from_iter_values(trades.iter().map(|_| "trade"))),
        (_, DataType::Int32) => Arc::new(Int32Array::from_iter_values(trades.iter().map(|_| 0))),
        (_, DataType::Int64) => numbers(|trade| Some(trade.time * 1_000)),
        (_, DataType::Timestamp(..)) => {
            let times = TimestampMicrosecondArray::from_iter_values(trades.iter().map(|trade| trade.time));
            Arc::new(times.with_timezone("+00:00"))
        }
        (_, other) if field.is_nullable() => new_null_array(other, trades.len()),
        (name, other) => panic!("no sample of {name}, {other}"),
    }
}
