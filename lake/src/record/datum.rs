//! Derived records as Avro, field by field in the order of their schemas.

use depthlake_orderbook::bars::Bar;
use depthlake_orderbook::decimal::{ExactDecimal, Price, Quantity};
use depthlake_orderbook::event::{Taker, Trade, TradeKind};
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::record::{
    BarRecord, BookRecord, DeadLetter, Derived, FeedEvent, TradeRecord, Trigger,
};

use super::avro::DatumWriter;
use super::avro_schema::DecimalKind;
use super::error::EncodeError;
use super::topic_of_stream;

const PRICE: DecimalKind = DecimalKind { precision: 18, scale: 8 };
const QUANTITY: DecimalKind = DecimalKind { precision: 28, scale: 8 };
/// A price times a quantity, exact.
const AMOUNT: DecimalKind = DecimalKind { precision: 38, scale: 16 };

/// Writes the datum of a record.
pub(super) fn write(trigger: &Trigger, record: &Derived, to: &mut DatumWriter) -> Result<(), EncodeError> {
    match record {
        Derived::Book(record) => book_ticker(record, trigger, to),
        Derived::Trade(record) => trade(record, trigger, to),
        Derived::Bar(record) => bar(record, trigger, to),
        Derived::DeadLetter(record) => dead_letter(record, trigger, to),
        Derived::Feed(record) => feed_event(record, trigger, to),
    }
}

fn book_ticker(record: &BookRecord, trigger: &Trigger, to: &mut DatumWriter) -> Result<(), EncodeError> {
    let BookRecord { instrument, touch, provenance, .. } = record;
    let units = Units { instrument };
    to.text(instrument.symbol.as_str());
    to.long(record.event_time.0);
    to.long(provenance.received.0);
    to.long(long("update_id", record.update_id.0)?);
    to.decimal(units.price("bid", touch.bid.price)?);
    to.decimal(units.quantity("bid_quantity", touch.bid.quantity)?);
    to.decimal(units.price("ask", touch.ask.price)?);
    to.decimal(units.quantity("ask_quantity", touch.ask.quantity)?);
    to.double(record.mid);
    to.decimal(units.price_difference("spread", touch.ask.price, touch.bid.price)?);
    to.double(record.spread_bps);
    to.double(record.microprice);
    to.optional(record.imbalance_5, DatumWriter::double);
    source(trigger, provenance.offset, to)?;
    for depth in record.bid_depth.into_iter().chain(record.ask_depth) {
        to.optional(depth, DatumWriter::double);
    }
    Ok(())
}

fn trade(record: &TradeRecord, trigger: &Trigger, to: &mut DatumWriter) -> Result<(), EncodeError> {
    let TradeRecord { instrument, trade } = record;
    let Trade { kind, taker, provenance, .. } = trade;
    let units = Units { instrument };
    let (kind, first, last) = match kind {
        TradeKind::Trade => ("trade", None, None),
        TradeKind::Aggregate { first, last } => ("agg_trade", Some(first.0), Some(last.0)),
    };
    to.text(instrument.symbol.as_str());
    to.long(trade.event_time.0);
    to.long(trade.trade_time.0);
    to.long(provenance.received.0);
    to.text(kind);
    to.long(long("trade_id", trade.id.0)?);
    to.optional(optional_long("first_trade_id", first)?, DatumWriter::long);
    to.optional(optional_long("last_trade_id", last)?, DatumWriter::long);
    to.decimal(units.price("price", trade.price)?);
    to.decimal(units.quantity("quantity", trade.quantity)?);
    to.text(match taker {
        Taker::Buyer => "buy",
        Taker::Seller => "sell",
    });
    source(trigger, provenance.offset, to)?;
    let quote_quantity = i128::from(trade.price.0) * i128::from(trade.quantity.0);
    to.optional(units.amount("quote_quantity", quote_quantity).ok(), DatumWriter::decimal);
    Ok(())
}

fn bar(record: &BarRecord, trigger: &Trigger, to: &mut DatumWriter) -> Result<(), EncodeError> {
    let BarRecord { instrument, bar, provenance } = record;
    let units = Units { instrument };
    to.text(instrument.symbol.as_str());
    to.long(bar.open_time.0);
    to.decimal(units.price("open", bar.open)?);
    to.decimal(units.price("high", bar.high)?);
    to.decimal(units.price("low", bar.low)?);
    to.decimal(units.price("close", bar.close)?);
    to.decimal(units.volume("volume", bar.volume)?);
    to.decimal(units.amount("quote_volume", bar.quote_volume)?);
    to.double(vwap(bar, instrument)?);
    to.long(long("trades", bar.trades)?);
    to.decimal(units.volume("taker_buy_volume", bar.taker_buy_volume)?);
    to.decimal(units.amount("taker_buy_quote_volume", bar.taker_buy_quote_volume)?);
    to.long(bar.event_time.0);
    to.long(bar.received.0);
    source(trigger, provenance.offset, to)?;
    to.optional(Some(long("first_trade_id", bar.first_trade.0)?), DatumWriter::long);
    to.optional(Some(long("last_trade_id", bar.last_trade.0)?), DatumWriter::long);
    Ok(())
}

fn dead_letter(record: &DeadLetter, trigger: &Trigger, to: &mut DatumWriter) -> Result<(), EncodeError> {
    to.text(record.reason.name());
    to.text(&record.detail);
    to.optional(record.symbol.as_ref(), |to, symbol| to.text(symbol.as_str()));
    to.bytes(&record.payload);
    to.long(record.provenance.received.0);
    to.text(topic_of_stream(record.stream).name());
    source(trigger, record.provenance.offset, to)?;
    to.optional(record.event_time.map(|time| time.0), DatumWriter::long);
    Ok(())
}

fn feed_event(record: &FeedEvent, trigger: &Trigger, to: &mut DatumWriter) -> Result<(), EncodeError> {
    let expected = optional_long("expected_update_id", record.expected.map(|id| id.0))?;
    let received = optional_long("received_update_id", record.received.map(|id| id.0))?;
    let lost = optional_long("lost_updates", record.lost_updates())?;
    to.text(record.kind.name());
    to.optional(record.symbol.as_ref(), |to, symbol| to.text(symbol.as_str()));
    to.text(&record.detail);
    for id in [expected, received, lost] {
        to.optional(id, DatumWriter::long);
    }
    to.optional(record.event_time.map(|time| time.0), DatumWriter::long);
    to.long(record.provenance.received.0);
    source(trigger, record.provenance.offset, to)?;
    to.optional(record.not_live, DatumWriter::long);
    Ok(())
}

/// The last two fields of every first version: the raw record it comes from.
fn source(trigger: &Trigger, offset: u64, to: &mut DatumWriter) -> Result<(), EncodeError> {
    to.long(trigger.partition.into());
    to.long(long("source_offset", offset)?);
    Ok(())
}

/// Widens numbers of an instrument to the decimals of the schemas.
struct Units<'a> {
    instrument: &'a Instrument,
}

impl Units<'_> {
    fn price(&self, field: &'static str, price: Price) -> Result<i128, EncodeError> {
        widened(field, price.0.into(), self.instrument.price_scale.decimals(), PRICE)
    }

    fn price_difference(&self, field: &'static str, from: Price, less: Price) -> Result<i128, EncodeError> {
        let difference = i128::from(from.0) - i128::from(less.0);
        widened(field, difference, self.instrument.price_scale.decimals(), PRICE)
    }

    fn quantity(&self, field: &'static str, quantity: Quantity) -> Result<i128, EncodeError> {
        self.volume(field, quantity.0.into())
    }

    fn volume(&self, field: &'static str, volume: i128) -> Result<i128, EncodeError> {
        widened(field, volume, self.instrument.quantity_scale.decimals(), QUANTITY)
    }

    fn amount(&self, field: &'static str, amount: i128) -> Result<i128, EncodeError> {
        let Instrument { price_scale, quantity_scale, .. } = self.instrument;
        widened(field, amount, price_scale.decimals() + quantity_scale.decimals(), AMOUNT)
    }
}

/// Counts `units` of 10^-`decimals` in units of `to`, exactly.
fn widened(field: &'static str, units: i128, decimals: u8, to: DecimalKind) -> Result<i128, EncodeError> {
    let DecimalKind { precision, scale } = to;
    let factor = scale.checked_sub(decimals.into()).and_then(|places| 10_i128.checked_pow(places));
    let wide = factor.and_then(|factor| units.checked_mul(factor));
    wide.filter(|wide| wide.unsigned_abs() < 10_u128.pow(precision)).ok_or_else(|| {
        let value = ExactDecimal::new(units, decimals);
        EncodeError::Decimal { field, value, precision, scale }
    })
}

/// The mean price of a bar's trades, weighted by quantity.
#[expect(clippy::cast_precision_loss, reason = "a derived figure is a double")]
fn vwap(bar: &Bar, instrument: &Instrument) -> Result<f64, EncodeError> {
    if bar.volume == 0 {
        return Err(EncodeError::NoVolume);
    }
    let price_units = bar.quote_volume as f64 / bar.volume as f64;
    Ok(price_units / instrument.price_scale.units_per_one() as f64)
}

fn long(field: &'static str, value: u64) -> Result<i64, EncodeError> {
    i64::try_from(value).map_err(|_| EncodeError::Long { field, value })
}

fn optional_long(field: &'static str, value: Option<u64>) -> Result<Option<i64>, EncodeError> {
    value.map(|value| long(field, value)).transpose()
}
