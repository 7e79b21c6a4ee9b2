//! Records written by our encoder, read by the slow twins: `apache-avro`, and cells of the table's rows.

mod raw;
mod refused;
mod resolved;
mod twin;

use std::collections::BTreeMap;

use apache_avro::types::Value as Avro;
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use depthlake_orderbook::bars::{Bar, Bars, Watermark};
use depthlake_orderbook::decimal::{ExactDecimal, Price, Quantity, Scale};
use depthlake_orderbook::event::{Provenance, Taker, Trade, TradeKind};
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::record::{BarRecord, TradeRecord};
use depthlake_orderbook::time::Timestamp;

use super::*;
use crate::log::{Offset, Partition, StoredRecord, TopicPartition};

/// When the records of these tests were appended.
const APPENDED_AT: Timestamp = Timestamp(1_723_161_255_208_123_456);

pub(crate) fn stored(offset: u64, record: Record) -> StoredRecord {
    StoredRecord { offset: Offset(offset), appended_at: APPENDED_AT, record }
}

/// The cells of a row, by column, as text.
pub(crate) fn cells(batch: &RecordBatch, row: usize) -> BTreeMap<String, String> {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns());
    columns.map(|(field, column)| (field.name().clone(), cell(column, row))).collect()
}

fn cell(column: &dyn Array, row: usize) -> String {
    if column.is_null(row) {
        return "null".to_owned();
    }
    match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
        DataType::LargeBinary => format!("{:?}", column.as_binary::<i64>().value(row)),
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row).to_string(),
        DataType::Timestamp(..) => column.as_primitive::<TimestampMicrosecondType>().value(row).to_string(),
        DataType::Decimal128(..) => column.as_primitive::<Decimal128Type>().value(row).to_string(),
        other => panic!("no table has columns of {other}"),
    }
}

/// The fields of a record by the words of its schema, decimals by way of their text.
fn expected(trigger: &Trigger, record: &Derived) -> Vec<(String, Avro)> {
    let mut fields = match record {
        Derived::Book(book) => {
            let units = |price: Price| places(&book.instrument.price_scale.text(price.0).to_string(), 8);
            let (bid, ask) = (units(book.touch.bid.price), units(book.touch.ask.price));
            let quantity = |quantity: Quantity| scaled(book.instrument.quantity_scale, quantity.0);
            vec![
                ("symbol", text(&book.instrument.symbol)),
                ("event_time", Avro::Long(book.event_time.0)),
                ("received_at", Avro::Long(book.provenance.received.0)),
                ("update_id", long(book.update_id.0)),
                ("bid", decimal(bid)),
                ("bid_quantity", quantity(book.touch.bid.quantity)),
                ("ask", decimal(ask)),
                ("ask_quantity", quantity(book.touch.ask.quantity)),
                ("mid", Avro::Double(book.mid)),
                ("spread", decimal(ask - bid)),
                ("spread_bps", Avro::Double(book.spread_bps)),
                ("microprice", Avro::Double(book.microprice)),
                ("imbalance_5", optional(book.imbalance_5.map(Avro::Double))),
            ]
        }
        Derived::Trade(TradeRecord { instrument, trade }) => {
            let (kind, ids) = match trade.kind {
                TradeKind::Trade => ("trade", None),
                TradeKind::Aggregate { first, last } => ("agg_trade", Some((first.0, last.0))),
            };
            vec![
                ("symbol", text(&instrument.symbol)),
                ("event_time", Avro::Long(trade.event_time.0)),
                ("trade_time", Avro::Long(trade.trade_time.0)),
                ("received_at", Avro::Long(trade.provenance.received.0)),
                ("kind", text(kind)),
                ("trade_id", long(trade.id.0)),
                ("first_trade_id", optional(ids.map(|(first, _)| long(first)))),
                ("last_trade_id", optional(ids.map(|(_, last)| long(last)))),
                ("price", scaled(instrument.price_scale, trade.price.0)),
                ("quantity", scaled(instrument.quantity_scale, trade.quantity.0)),
                ("taker_side", text(if trade.taker == Taker::Buyer { "buy" } else { "sell" })),
            ]
        }
        Derived::Bar(BarRecord { instrument, bar, .. }) => {
            let price = |price: Price| scaled(instrument.price_scale, price.0);
            let quantities = instrument.quantity_scale.decimals();
            let amounts = instrument.price_scale.decimals() + quantities;
            let volume = |units| decimal(places(&ExactDecimal::new(units, quantities).to_string(), 8));
            let amount = |units| decimal(places(&ExactDecimal::new(units, amounts).to_string(), 16));
            let number = |units: i128, decimals| {
                ExactDecimal::new(units, decimals).to_string().parse::<f64>().unwrap()
            };
            vec![
                ("symbol", text(&instrument.symbol)),
                ("open_time", Avro::Long(bar.open_time.0)),
                ("open", price(bar.open)),
                ("high", price(bar.high)),
                ("low", price(bar.low)),
                ("close", price(bar.close)),
                ("volume", volume(bar.volume)),
                ("quote_volume", amount(bar.quote_volume)),
                ("vwap", Avro::Double(number(bar.quote_volume, amounts) / number(bar.volume, quantities))),
                ("trades", long(bar.trades)),
                ("taker_buy_volume", volume(bar.taker_buy_volume)),
                ("taker_buy_quote_volume", amount(bar.taker_buy_quote_volume)),
                ("event_time", Avro::Long(bar.event_time.0)),
                ("received_at", Avro::Long(bar.received.0)),
            ]
        }
        Derived::DeadLetter(letter) => vec![
            ("reason", text(letter.reason.name())),
            ("detail", text(&letter.detail)),
            ("symbol", optional(letter.symbol.as_ref().map(text))),
            ("payload", Avro::Bytes(letter.payload.clone())),
            ("received_at", Avro::Long(letter.provenance.received.0)),
            ("source_topic", text(&topic_of_stream(letter.stream))),
        ],
        Derived::Feed(event) => vec![
            ("kind", text(event.kind.name())),
            ("symbol", optional(event.symbol.as_ref().map(text))),
            ("detail", text(&event.detail)),
            ("expected_update_id", optional(event.expected.map(|id| long(id.0)))),
            ("received_update_id", optional(event.received.map(|id| long(id.0)))),
            ("lost_updates", optional(event.lost_updates().map(long))),
            ("event_time", optional(event.event_time.map(|time| Avro::Long(time.0)))),
            ("received_at", Avro::Long(event.provenance.received.0)),
        ],
    };
    let provenance = match record {
        Derived::Book(book) => book.provenance,
        Derived::Trade(trade) => trade.trade.provenance,
        Derived::Bar(bar) => bar.provenance,
        Derived::DeadLetter(letter) => letter.provenance,
        Derived::Feed(event) => event.provenance,
    };
    fields.push(("source_partition", Avro::Int(trigger.partition.into())));
    fields.push(("source_offset", long(provenance.offset)));
    fields.extend(second_version(record));
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The fields that the second version added.
fn second_version(record: &Derived) -> Vec<(&'static str, Avro)> {
    match record {
        Derived::Book(book) => {
            let [b5, b10, b25] = book.bid_depth.map(|depth| optional(depth.map(Avro::Double)));
            let [a5, a10, a25] = book.ask_depth.map(|depth| optional(depth.map(Avro::Double)));
            vec![
                ("bid_depth_5bps", b5),
                ("bid_depth_10bps", b10),
                ("bid_depth_25bps", b25),
                ("ask_depth_5bps", a5),
                ("ask_depth_10bps", a10),
                ("ask_depth_25bps", a25),
            ]
        }
        Derived::Trade(TradeRecord { instrument, trade }) => {
            let amounts = instrument.price_scale.decimals() + instrument.quantity_scale.decimals();
            let product = i128::from(trade.price.0) * i128::from(trade.quantity.0);
            let text = ExactDecimal::new(product, amounts).to_string();
            let digits = text.split('.').next().unwrap().len();
            vec![("quote_quantity", optional((digits <= 22).then(|| decimal(places(&text, 16)))))]
        }
        Derived::Bar(BarRecord { bar, .. }) => vec![
            ("first_trade_id", optional(Some(long(bar.first_trade.0)))),
            ("last_trade_id", optional(Some(long(bar.last_trade.0)))),
        ],
        Derived::DeadLetter(letter) => {
            vec![("event_time", optional(letter.event_time.map(|time| Avro::Long(time.0))))]
        }
        Derived::Feed(event) => vec![("not_live_ns", optional(event.not_live.map(Avro::Long)))],
    }
}

fn text(value: &(impl ToString + ?Sized)) -> Avro {
    Avro::String(value.to_string())
}

fn long(value: u64) -> Avro {
    Avro::Long(i64::try_from(value).unwrap())
}

fn optional(value: Option<Avro>) -> Avro {
    let branch = value.is_some().into();
    Avro::Union(branch, Box::new(value.unwrap_or(Avro::Null)))
}

fn scaled(scale: Scale, units: i64) -> Avro {
    decimal(places(&scale.text(units).to_string(), 8))
}

/// A decimal of the fewest bytes.
fn decimal(units: i128) -> Avro {
    let mut bytes = units.to_be_bytes().to_vec();
    while let [first, second, ..] = bytes[..]
        && (first == 0 && second < 0x80 || first == 0xff && second >= 0x80)
    {
        bytes.remove(0);
    }
    Avro::Decimal(bytes.into())
}

/// Decimal text counted in units of so many decimal places.
fn places(text: &str, places: usize) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{fraction:0<places$}").parse().unwrap()
}
