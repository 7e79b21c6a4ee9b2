//! Trades and bars as they are heard of.

use depthlake_engine::events::Scales;
use depthlake_orderbook::event::{Provenance, Taker, Trade, TradeKind};
use depthlake_orderbook::time::Timestamp;

use super::begin_message;
use super::topic::Topic;
use crate::json_text::JsonText;
use crate::live::LiveBar;

/// A trade with what its numbers are counted in.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeardTrade {
    pub(super) trade: Trade,
    pub(super) scales: Scales,
}

impl HeardTrade {
    /// The trade of an event; `None` for events of another kind.
    pub(super) fn of(event: &depthlake_engine::events::Event) -> Option<Self> {
        use depthlake_engine::events::Happening;
        let Happening::Trade { scales, id, kind, price, quantity, taker, trade_time } = event.what else {
            return None;
        };
        let provenance = Provenance { received: event.receive_time, offset: 0 };
        let event_time = event.event_time;
        let trade = Trade { id, kind, price, quantity, taker, trade_time, event_time, provenance };
        Some(Self { trade, scales })
    }

    fn write(&self, json: &mut JsonText) {
        let trade = &self.trade;
        json.raw("{\"trade_id\":");
        json.integer(trade.id.0);
        json.raw(",\"kind\":");
        json.plain(match trade.kind {
            TradeKind::Trade => "trade",
            TradeKind::Aggregate { .. } => "agg_trade",
        });
        json.raw(",\"price\":");
        json.units(trade.price.0, self.scales.price);
        json.raw(",\"quantity\":");
        json.units(trade.quantity.0, self.scales.quantity);
        json.raw(if trade.taker == Taker::Seller {
            ",\"buyer_is_maker\":true"
        } else {
            ",\"buyer_is_maker\":false"
        });
        for (name, time) in [
            (",\"trade_time\":", trade.trade_time),
            (",\"event_time\":", trade.event_time),
            (",\"receive_time\":", trade.provenance.received),
        ] {
            json.raw(name);
            json.time(time);
        }
        json.raw("}");
    }
}

/// Writes a message with trades.
pub(super) fn write_trades(
    json: &mut JsonText,
    topic: &Topic,
    seq: u64,
    now: Timestamp,
    trades: &[HeardTrade],
) {
    begin_message(json, topic, seq, now);
    json.raw(",\"trades\":[");
    for (index, trade) in trades.iter().enumerate() {
        if index > 0 {
            json.raw(",");
        }
        trade.write(json);
    }
    json.raw("]}");
}

/// Writes a message that so many events were missed, trades perhaps among them.
pub(super) fn write_missed(json: &mut JsonText, topic: &Topic, seq: u64, now: Timestamp, missed: u64) {
    begin_message(json, topic, seq, now);
    json.raw(",\"type\":\"missed\",\"trades\":[],\"missed\":");
    json.integer(missed);
    json.raw("}");
}

/// Writes a message with bars.
pub(super) fn write_bars<'a>(
    json: &mut JsonText,
    topic: &Topic,
    seq: u64,
    now: Timestamp,
    bars: impl Iterator<Item = &'a LiveBar>,
) {
    begin_message(json, topic, seq, now);
    json.raw(",\"interval\":\"1m\",\"bars\":[");
    for (index, bar) in bars.enumerate() {
        if index > 0 {
            json.raw(",");
        }
        json.raw(bar.to_json());
    }
    json.raw("]}");
}
