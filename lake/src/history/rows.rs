//! Chunks and their records as rows of the lake's tables.

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use depthlake_orderbook::event::{Taker, TradeKind};
use depthlake_orderbook::history::{Chunk, DailyBar, HistoricalTrade, RefusedLine, VenueBar};

use super::{DerivedChunk, HISTORY_TOPIC, HistoryError};
use crate::bitemporal;
use crate::record::columns::{Columns, Value};
use crate::table::Table;

/// A record with the chunk it comes from, and that one's offset.
#[derive(Debug)]
pub(super) struct Sourced<'a, T> {
    pub(super) offset: u64,
    pub(super) chunk: &'a Chunk,
    pub(super) record: &'a T,
}

/// Chunks with their offsets.
pub(super) type Numbered<'a> = [(u64, &'a DerivedChunk)];

const DAY: i64 = 86_400_000_000_000;
/// Units of a quote volume (10⁻¹⁶) over units of a volume (10⁻⁸) are units of a price (10⁻⁸).
const PRICE_UNITS: f64 = 1e8;

impl<T> Clone for Sourced<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Sourced<'_, T> {}

pub(super) fn raw_history(chunks: &Numbered<'_>) -> Result<RecordBatch, HistoryError> {
    table_rows(
        Table::RawHistory,
        chunks.iter(),
        |(offset, DerivedChunk { chunk, .. }), column| match column {
            "topic" => Value::Text(HISTORY_TOPIC),
            "partition" => Value::Int(0),
            "offset" => long(*offset),
            "received_at" | "received_ns" => Value::Long(chunk.received.0),
            "kind" => Value::Text(chunk.kind.name()),
            "symbol" => Value::Text(chunk.symbol.as_str()),
            "source" => Value::Text(&chunk.source.name),
            "member" => Value::Text(&chunk.source.member),
            "sha256" => Value::Text(&chunk.source.sha256),
            "first_line" => long(chunk.first_line),
            "lines" => long(chunk.lines),
            "columns" => Value::Text(&chunk.columns),
            "payload" => Value::Bytes(&chunk.payload),
            _ => Value::Null,
        },
    )
}

pub(super) fn dead_letters(chunks: &Numbered<'_>) -> Result<RecordBatch, HistoryError> {
    let refused = sourced(chunks, |derived| &derived.records.refused);
    table_rows(Table::DeadLetters, refused, |line: &Sourced<'_, RefusedLine>, column| match column {
        "reason" => Value::Text(line.record.reason.name()),
        "detail" => Value::Text(&line.record.detail),
        "payload" => Value::Bytes(&line.record.bytes),
        column => line.provenance(column),
    })
}

pub(super) fn trades<'a>(
    trades: impl Iterator<Item = Sourced<'a, HistoricalTrade>>,
) -> Result<RecordBatch, HistoryError> {
    table_rows(Table::Trades, trades, |trade, column| {
        let HistoricalTrade { id, kind, price, quantity, taker, trade_time } = *trade.record;
        match column {
            "event_time" | "trade_time" => Value::Long(trade_time.0),
            "kind" => Value::Text(kind_name(kind)),
            "trade_id" => long(id.0),
            "first_trade_id" => parts(kind).map_or(Value::Null, |(first, _)| long(first)),
            "last_trade_id" => parts(kind).map_or(Value::Null, |(_, last)| long(last)),
            "price" => Value::Decimal(price),
            "quantity" => Value::Decimal(quantity),
            "quote_quantity" => price.checked_mul(quantity).map_or(Value::Null, Value::Decimal),
            "taker_side" => Value::Text(match taker {
                Taker::Buyer => "buy",
                Taker::Seller => "sell",
            }),
            column => trade.provenance(column),
        }
    })
}

/// Facts of `normalized.ohlcv_1m`.
pub(super) fn bar_facts<'a>(
    bars: impl Iterator<Item = Sourced<'a, VenueBar>>,
) -> Result<RecordBatch, HistoryError> {
    fact_rows(Table::Bars, bars, |bar, column| {
        let record = bar.record;
        match column {
            "open_time" => Value::Long(record.open_time.0),
            "close_time" | "event_time" => Value::Long(record.open_time.next_minute().0),
            "open" => Value::Decimal(record.open),
            "high" => Value::Decimal(record.high),
            "low" => Value::Decimal(record.low),
            "close" => Value::Decimal(record.close),
            "volume" => Value::Decimal(record.volume),
            "quote_volume" => Value::Decimal(record.quote_volume),
            "vwap" => Value::Double(vwap(record)),
            "trades" => long(record.trades),
            "taker_buy_volume" => Value::Decimal(record.taker_buy_volume),
            "taker_buy_quote_volume" => Value::Decimal(record.taker_buy_quote_volume),
            column => bar.provenance(column),
        }
    })
}

/// Facts of `normalized.ohlcv_1d`.
pub(super) fn daily_facts<'a>(
    bars: impl Iterator<Item = Sourced<'a, DailyBar>>,
) -> Result<RecordBatch, HistoryError> {
    fact_rows(Table::DailyBars, bars, |bar, column| {
        let record = bar.record;
        match column {
            "open_time" => Value::Long(record.day.0),
            "close_time" => Value::Long(record.day.0.saturating_add(DAY)),
            "open" => Value::Decimal(record.open),
            "high" => Value::Decimal(record.high),
            "low" => Value::Decimal(record.low),
            "close" => Value::Decimal(record.close),
            "adjusted_close" => record.adjusted_close.map_or(Value::Null, Value::Decimal),
            "volume" => Value::Decimal(record.volume),
            column => bar.provenance(column),
        }
    })
}

/// The records of one kind of all chunks, in their order.
pub(super) fn sourced<'a, T: 'a>(
    chunks: &Numbered<'a>,
    records: impl Fn(&'a DerivedChunk) -> &'a Vec<T> + Copy,
) -> impl Iterator<Item = Sourced<'a, T>> {
    chunks.iter().flat_map(move |&(offset, derived)| {
        let chunk = &derived.chunk;
        records(derived).iter().map(move |record| Sourced { offset, chunk, record })
    })
}

pub(super) const fn kind_name(kind: TradeKind) -> &'static str {
    match kind {
        TradeKind::Trade => "trade",
        TradeKind::Aggregate { .. } => "agg_trade",
    }
}

impl<T> Sourced<'_, T> {
    /// What every row tells of where it comes from, and of when: nothing but what the chunk's own row tells.
    fn provenance(&self, column: &str) -> Value<'_> {
        match column {
            "symbol" => Value::Text(self.chunk.symbol.as_str()),
            "received_at" | "published_at" | "received_ns" => Value::Long(self.chunk.received.0),
            "source_topic" => Value::Text(HISTORY_TOPIC),
            "source_partition" => Value::Int(0),
            "source_offset" => long(self.offset),
            _ => Value::Null,
        }
    }
}

fn table_rows<T>(
    table: Table,
    records: impl Iterator<Item = T>,
    value: impl for<'v> Fn(&'v T, &str) -> Value<'v>,
) -> Result<RecordBatch, HistoryError> {
    made(&table.arrow_schema(), records, value).map_err(HistoryError::rows(table))
}

fn fact_rows<T>(
    table: Table,
    records: impl Iterator<Item = T>,
    value: impl for<'v> Fn(&'v T, &str) -> Value<'v>,
) -> Result<RecordBatch, HistoryError> {
    made(&bitemporal::facts_schema(table), records, value).map_err(HistoryError::rows(table))
}

/// A row a record: for each column of the schema the value its name stands for.
fn made<T>(
    schema: &SchemaRef,
    records: impl Iterator<Item = T>,
    value: impl for<'v> Fn(&'v T, &str) -> Value<'v>,
) -> Result<RecordBatch, ArrowError> {
    let mut columns = Columns::new(SchemaRef::clone(schema), records.size_hint().0)?;
    for record in records {
        columns.push(schema.fields().iter().map(|field| value(&record, field.name())));
    }
    columns.finish()
}

#[expect(clippy::cast_precision_loss, reason = "a derived figure is a double")]
fn vwap(bar: &VenueBar) -> f64 {
    bar.quote_volume as f64 / bar.volume as f64 / PRICE_UNITS
}

const fn parts(kind: TradeKind) -> Option<(u64, u64)> {
    match kind {
        TradeKind::Trade => None,
        TradeKind::Aggregate { first, last } => Some((first.0, last.0)),
    }
}

fn long(number: u64) -> Value<'static> {
    i64::try_from(number).map_or(Value::Null, Value::Long)
}
