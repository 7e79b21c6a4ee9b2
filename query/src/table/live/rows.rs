//! The rows of live books.

use std::sync::{Arc, LazyLock};
use std::time::{SystemTime, UNIX_EPOCH};

use datafusion::arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch,
};
use datafusion::arrow::array::{StringViewArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::error::{DataFusionError, Result};
use depthlake_engine::board::{BoardError, BoardRow, BoardState, Reader, SlotIndex};
use depthlake_engine::depth::DepthReader;
use depthlake_engine::live_books::depth_path;
use depthlake_orderbook::book::Side;
use depthlake_orderbook::decimal::Scale;
use depthlake_orderbook::event::Level;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use super::LiveTable;

/// Decimal places of the columns of prices and quantities.
const PLACES: u8 = 8;
const PRICE: DataType = DataType::Decimal128(18, 8);
const QUANTITY: DataType = DataType::Decimal128(28, 8);

static BOOK_TICKER: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema_of(&[
        ("symbol", DataType::Utf8View, false),
        ("state", DataType::Utf8View, false),
        ("event_time", time_type(), true),
        ("received_at", time_type(), true),
        ("published_at", time_type(), true),
        ("update_id", DataType::Int64, true),
        ("bid", PRICE, true),
        ("bid_quantity", QUANTITY, true),
        ("ask", PRICE, true),
        ("ask_quantity", QUANTITY, true),
        ("mid", DataType::Float64, true),
        ("spread", PRICE, true),
        ("spread_bps", DataType::Float64, true),
        ("microprice", DataType::Float64, true),
        ("imbalance_5", DataType::Float64, true),
        ("bid_depth_10bps", DataType::Float64, true),
        ("ask_depth_10bps", DataType::Float64, true),
        ("last_price", PRICE, true),
        ("last_quantity", QUANTITY, true),
        ("last_trade_time", time_type(), true),
        ("events_applied", DataType::Int64, false),
        ("gaps", DataType::Int64, false),
    ])
});

static DEPTH: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema_of(&[
        ("symbol", DataType::Utf8View, false),
        ("side", DataType::Utf8View, false),
        ("level", DataType::Int32, false),
        ("price", PRICE, true),
        ("quantity", QUANTITY, true),
    ])
});

pub(super) fn schema(table: LiveTable) -> SchemaRef {
    match table {
        LiveTable::BookTicker => Arc::clone(&BOOK_TICKER),
        LiveTable::Depth => Arc::clone(&DEPTH),
    }
}

/// Reads the books of these symbols.
pub(super) fn read(
    table: LiveTable,
    reader: &Reader,
    symbols: &[(Symbol, SlotIndex)],
) -> Result<RecordBatch> {
    match table {
        LiveTable::BookTicker => tickers(reader, symbols),
        LiveTable::Depth => depth(reader, symbols),
    }
}

fn tickers(reader: &Reader, symbols: &[(Symbol, SlotIndex)]) -> Result<RecordBatch> {
    let is_written = reader.is_writer_alive(now());
    let mut rows = Vec::with_capacity(symbols.len());
    for (symbol, slot) in symbols {
        match reader.read(*slot) {
            Ok(read) => rows.push((*symbol, read.value)),
            // Its writer was killed while it wrote.
            Err(BoardError::HalfWritten { .. }) => {}
            Err(error) => return Err(DataFusionError::External(Box::new(error))),
        }
    }
    let each = || rows.iter().map(|(_, row)| row);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringViewArray::from_iter_values(rows.iter().map(|(symbol, _)| symbol.as_str()))),
        Arc::new(StringViewArray::from_iter_values(each().map(|row| name_of(row.state, is_written)))),
        times(each().map(|row| row.event_time)),
        times(each().map(|row| row.receive_time)),
        times(each().map(|row| row.publish_time)),
        Arc::new(each().map(|row| i64::try_from(row.update_id.0).ok()).collect::<Int64Array>()),
        prices(each().map(|row| (row.price_scale, row.bids.first().map(|level| level.price.0)))),
        quantities(each().map(|row| (row.quantity_scale, row.bids.first().map(|level| level.quantity.0)))),
        prices(each().map(|row| (row.price_scale, row.asks.first().map(|level| level.price.0)))),
        quantities(each().map(|row| (row.quantity_scale, row.asks.first().map(|level| level.quantity.0)))),
        doubles(each().map(|row| Some(row.features?.mid))),
        prices(each().map(|row| (row.price_scale, row.features.map(|features| features.spread.0)))),
        doubles(each().map(|row| Some(row.features?.spread_bps))),
        doubles(each().map(|row| Some(row.features?.microprice))),
        doubles(each().map(|row| second(&row.features?.imbalance))),
        doubles(each().map(|row| second(&row.features?.bid_depth))),
        doubles(each().map(|row| second(&row.features?.ask_depth))),
        prices(each().map(|row| (row.price_scale, row.last_trade.map(|trade| trade.price.0)))),
        quantities(each().map(|row| (row.quantity_scale, row.last_trade.map(|trade| trade.quantity.0)))),
        times(each().map(|row| row.last_trade.map_or(Timestamp(0), |trade| trade.time))),
        counts(each().map(|row| row.counters.events_applied)),
        counts(each().map(|row| row.counters.gaps)),
    ];
    Ok(RecordBatch::try_new(schema(LiveTable::BookTicker), columns)?)
}

/// Every level where the writer keeps full depth, else those that the board shows.
fn depth(reader: &Reader, symbols: &[(Symbol, SlotIndex)]) -> Result<RecordBatch> {
    let whole = DepthReader::open(&depth_path(reader.path())).ok();
    let mut levels = Levels::default();
    for (symbol, slot) in symbols {
        let book = whole.as_ref().and_then(|whole| whole.copy(*symbol).ok());
        if let Some(book) = book {
            let scales = (book.price_scale(), book.quantity_scale());
            levels.add(*symbol, "bid", scales, book.book().levels(Side::Bid));
            levels.add(*symbol, "ask", scales, book.book().levels(Side::Ask));
            continue;
        }
        match reader.read(*slot) {
            Ok(read) => {
                let BoardRow { price_scale, quantity_scale, bids, asks, .. } = read.value;
                levels.add(*symbol, "bid", (price_scale, quantity_scale), bids.iter().copied());
                levels.add(*symbol, "ask", (price_scale, quantity_scale), asks.iter().copied());
            }
            Err(BoardError::HalfWritten { .. }) => {}
            Err(error) => return Err(DataFusionError::External(Box::new(error))),
        }
    }
    levels.into_rows()
}

#[derive(Default)]
struct Levels {
    symbols: Vec<Symbol>,
    sides: Vec<&'static str>,
    numbers: Vec<i32>,
    prices: Vec<(Scale, Option<i64>)>,
    quantities: Vec<(Scale, Option<i64>)>,
}

impl Levels {
    fn add(
        &mut self,
        symbol: Symbol,
        side: &'static str,
        (price_scale, quantity_scale): (Scale, Scale),
        levels: impl Iterator<Item = Level>,
    ) {
        for (number, level) in (1..).zip(levels) {
            self.symbols.push(symbol);
            self.sides.push(side);
            self.numbers.push(number);
            self.prices.push((price_scale, Some(level.price.0)));
            self.quantities.push((quantity_scale, Some(level.quantity.0)));
        }
    }

    fn into_rows(self) -> Result<RecordBatch> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringViewArray::from_iter_values(self.symbols.iter().map(Symbol::as_str))),
            Arc::new(StringViewArray::from_iter_values(self.sides)),
            Arc::new(Int32Array::from(self.numbers)),
            prices(self.prices.into_iter()),
            quantities(self.quantities.into_iter()),
        ];
        Ok(RecordBatch::try_new(schema(LiveTable::Depth), columns)?)
    }
}

const fn name_of(state: BoardState, is_written: bool) -> &'static str {
    match state {
        _ if !is_written => "offline",
        BoardState::Waiting => "waiting",
        BoardState::Live => "live",
        BoardState::Resyncing => "resyncing",
        BoardState::Stale => "stale",
        BoardState::Halted => "halted",
    }
}

fn schema_of(columns: &[(&str, DataType, bool)]) -> SchemaRef {
    let field = |(name, data_type, nullable): &(&str, DataType, bool)| {
        Field::new(*name, data_type.clone(), *nullable)
    };
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()))
}

/// Times; null where nothing has happened yet.
fn times(times: impl Iterator<Item = Timestamp>) -> ArrayRef {
    let microseconds = times.map(|time| (time.0 != 0).then(|| time.microseconds()));
    Arc::new(microseconds.collect::<TimestampMicrosecondArray>().with_timezone("+00:00"))
}

fn doubles(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.collect::<Float64Array>())
}

fn counts(values: impl Iterator<Item = u64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values.map(|count| i64::try_from(count).unwrap_or(i64::MAX))))
}

fn prices(values: impl Iterator<Item = (Scale, Option<i64>)>) -> ArrayRef {
    decimals(values, 18)
}

fn quantities(values: impl Iterator<Item = (Scale, Option<i64>)>) -> ArrayRef {
    decimals(values, 28)
}

/// Numbers counted in units of their scale; null where they need more digits than the column has.
fn decimals(values: impl Iterator<Item = (Scale, Option<i64>)>, digits: u8) -> ArrayRef {
    let widened = values.map(|(scale, units)| {
        let places = PLACES.checked_sub(scale.decimals())?;
        i128::from(units?).checked_mul(10_i128.pow(u32::from(places)))
    });
    let fits = |units: &i128| units.unsigned_abs() < 10_u128.pow(u32::from(digits));
    let array = widened.map(|units| units.filter(fits)).collect::<Decimal128Array>();
    let typed = DataType::Decimal128(digits, 8);
    Arc::new(array.with_data_type(typed))
}

fn second<const N: usize>(values: &[Option<f64>; N]) -> Option<f64> {
    values.get(1).copied().flatten()
}

fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_1970.as_nanos()).unwrap_or(i64::MAX))
}
