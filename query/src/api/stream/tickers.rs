//! Tickers as they change: first all fields, then those that are not what they were.

use std::collections::HashMap;

use depthlake_orderbook::decimal::Scale;
use depthlake_orderbook::event::Level;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use super::begin_message;
use super::topic::Topic;
use crate::api::encode::{self, Moment};
use crate::json_text::JsonText;
use crate::live::{Condition, Quote};

/// The tickers that an audience knows.
#[derive(Debug, Default)]
pub(crate) struct ShownTickers {
    quotes: HashMap<Symbol, ShownTicker>,
}

/// One ticker as an audience knows it.
#[derive(Debug, Clone)]
struct ShownTicker {
    quote: Quote,
    condition: Condition,
}

/// What is told besides the quotes.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) now: Timestamp,
    pub(super) is_writer_alive: bool,
    pub(super) references: &'a dyn Fn(Symbol) -> Option<f64>,
}

impl ShownTickers {
    /// The tickers that say something else than what is known. O(symbols).
    pub(super) fn changed<'a>(&self, quotes: &'a [Quote], look: &Look<'_>) -> Vec<&'a Quote> {
        let is_news = |quote: &&Quote| match self.quotes.get(&quote.symbol) {
            None => true,
            Some(known) => known.differs(quote, quote.condition(look.is_writer_alive)),
        };
        quotes.iter().filter(is_news).collect()
    }

    /// Writes a message with the fields that changed.
    pub(super) fn write_changes(
        &self,
        changed: &[&Quote],
        (json, topic): (&mut JsonText, &Topic),
        seq: u64,
        look: &Look<'_>,
    ) {
        begin_message(json, topic, seq, look.now);
        json.raw(",\"tickers\":[");
        for (index, quote) in changed.iter().enumerate() {
            if index > 0 {
                json.raw(",");
            }
            match self.quotes.get(&quote.symbol) {
                Some(known) if known.has_units_of(quote) => write_change(json, known, quote, look),
                _ => write_all(json, quote, look),
            }
        }
        json.raw("]}");
    }

    /// Remembers what is told.
    pub(super) fn know(&mut self, told: &[&Quote], look: &Look<'_>) {
        for &&quote in told {
            let condition = quote.condition(look.is_writer_alive);
            self.quotes.insert(quote.symbol, ShownTicker { quote, condition });
        }
    }
}

impl ShownTicker {
    fn differs(&self, quote: &Quote, condition: Condition) -> bool {
        let (before, after) = (&self.quote.row, &quote.row);
        before.update_id != after.update_id
            || before.epoch != after.epoch
            || before.last_trade != after.last_trade
            || self.condition != condition
            || !is_same(self.quote.events_per_second, quote.events_per_second)
    }

    fn has_units_of(&self, quote: &Quote) -> bool {
        let (before, after) = (&self.quote.row, &quote.row);
        before.price_scale == after.price_scale && before.quantity_scale == after.quantity_scale
    }
}

/// Writes a message with all fields of all tickers.
pub(super) fn write_whole(json: &mut JsonText, topic: &Topic, seq: u64, quotes: &[Quote], look: &Look<'_>) {
    begin_message(json, topic, seq, look.now);
    json.raw(",\"tickers\":[");
    for (index, quote) in quotes.iter().enumerate() {
        if index > 0 {
            json.raw(",");
        }
        write_all(json, quote, look);
    }
    json.raw("]}");
}

fn write_all(json: &mut JsonText, quote: &Quote, look: &Look<'_>) {
    let Look { now, is_writer_alive, references } = *look;
    encode::ticker(json, quote, &Moment { now, is_writer_alive, reference: references(quote.symbol) });
}

fn write_change(json: &mut JsonText, before: &ShownTicker, quote: &Quote, look: &Look<'_>) {
    let (old, row) = (&before.quote.row, &quote.row);
    json.raw("{\"symbol\":");
    json.plain(quote.symbol.as_str());
    json.raw(",\"update_id\":");
    json.integer(row.update_id.0);
    for (name, old, new) in [
        (",\"event_time\":", old.event_time, row.event_time),
        (",\"receive_time\":", old.receive_time, row.receive_time),
        (",\"publish_time\":", old.publish_time, row.publish_time),
    ] {
        if old != new {
            json.raw(name);
            json.time(new);
        }
    }
    let price = |level: Option<&Level>| level.map(|level| level.price.0);
    let quantity = |level: Option<&Level>| level.map(|level| level.quantity.0);
    let (old_bid, bid, old_ask, ask) =
        (old.bids.first(), row.bids.first(), old.asks.first(), row.asks.first());
    for (name, old, new, scale) in [
        (",\"bid\":", price(old_bid), price(bid), row.price_scale),
        (",\"bid_quantity\":", quantity(old_bid), quantity(bid), row.quantity_scale),
        (",\"ask\":", price(old_ask), price(ask), row.price_scale),
        (",\"ask_quantity\":", quantity(old_ask), quantity(ask), row.quantity_scale),
        (
            ",\"last_price\":",
            old.last_trade.map(|trade| trade.price.0),
            row.last_trade.map(|trade| trade.price.0),
            row.price_scale,
        ),
    ] {
        if old != new {
            json.raw(name);
            write_units(json, new, scale);
        }
    }
    let (features, old_features) = (row.features, old.features);
    for (name, old, new) in [
        (",\"mid\":", old_features.map(|of| of.mid), features.map(|of| of.mid)),
        (",\"spread_bps\":", old_features.map(|of| of.spread_bps), features.map(|of| of.spread_bps)),
        (",\"imbalance\":", before.quote.imbalance_5(), quote.imbalance_5()),
        (",\"microprice\":", old_features.map(|of| of.microprice), features.map(|of| of.microprice)),
        (",\"updates_per_second\":", before.quote.events_per_second, quote.events_per_second),
    ] {
        if !is_same(old, new) {
            json.raw(name);
            json.double(new);
        }
    }
    let condition = quote.condition(look.is_writer_alive);
    if condition != before.condition {
        json.raw(",\"state\":");
        json.plain(condition.name());
    }
    json.raw("}");
}

fn is_same(old: Option<f64>, new: Option<f64>) -> bool {
    old.map(f64::to_bits) == new.map(f64::to_bits)
}

fn write_units(json: &mut JsonText, units: Option<i64>, scale: Scale) {
    match units {
        Some(units) => json.units(units, scale),
        None => json.raw("null"),
    }
}

#[cfg(test)]
mod tests {
    use depthlake_engine::board::BoardState;
    use depthlake_orderbook::event::UpdateId;
    use serde_json::Value;

    use super::*;
    use crate::api::stream::topic::{Channel, Pace};
    use crate::live::samples::{NOW, row};

    #[test]
    fn only_what_changed_is_told() {
        let symbol = Symbol::new("BTCUSDT").unwrap();
        let mut quote = Quote { symbol, row: row(100, 0.5, BoardState::Live), events_per_second: None };
        let look = Look { now: NOW, is_writer_alive: true, references: &|_| None };
        let mut shown = ShownTickers::default();
        let before = [quote];
        assert_eq!(shown.changed(&before, &look).len(), 1);
        shown.know(&[&before[0]], &look);
        assert!(shown.changed(&before, &look).is_empty());
        quote.row.update_id = UpdateId(78);
        quote.row.publish_time = NOW;
        let after = [quote];
        let changed = shown.changed(&after, &look);
        let topic = Topic { channel: Channel::Tickers, symbol: None, depth: 0, pace: Pace::AtOnce };
        let mut json = JsonText::default();
        shown.write_changes(&changed, (&mut json, &topic), 7, &look);
        let message: Value = serde_json::from_slice(json.as_slice()).unwrap();
        let expected = serde_json::json!([
            {"symbol": "BTCUSDT", "update_id": 78, "publish_time": "2024-08-08T23:54:15.208Z"}
        ]);
        assert_eq!((message["seq"].as_u64(), &message["tickers"]), (Some(7), &expected));
    }

    #[test]
    fn a_book_that_falls_silent_has_another_rate() {
        let symbol = Symbol::new("BTCUSDT").unwrap();
        let row = row(100, 0.5, BoardState::Live);
        let look = Look { now: NOW, is_writer_alive: true, references: &|_| None };
        let mut shown = ShownTickers::default();
        let busy = [Quote { symbol, row, events_per_second: Some(12.5) }];
        shown.know(&[&busy[0]], &look);
        let silent = [Quote { symbol, row, events_per_second: Some(0.0) }];
        let changed = shown.changed(&silent, &look);
        let topic = Topic { channel: Channel::Tickers, symbol: None, depth: 0, pace: Pace::AtOnce };
        let mut json = JsonText::default();
        shown.write_changes(&changed, (&mut json, &topic), 1, &look);
        let message: Value = serde_json::from_slice(json.as_slice()).unwrap();
        let expected = serde_json::json!([
            {"symbol": "BTCUSDT", "update_id": row.update_id.0, "updates_per_second": 0.0}
        ]);
        assert_eq!(message["tickers"], expected);
    }
}
