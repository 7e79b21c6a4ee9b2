//! Tickers and books as JSON, written by hand: these are the answers that are asked for thousands of times a second.

use depthlake_engine::depth::DepthBook;
use depthlake_orderbook::book::Side;
use depthlake_orderbook::decimal::{Price, Scale};
use depthlake_orderbook::event::Level;
use depthlake_orderbook::time::Timestamp;

use crate::json_text::JsonText;
use crate::live::{Condition, Quote};

/// About the bytes of one ticker.
pub(crate) const TICKER_BYTES: usize = 560;

/// About the bytes of one level.
pub(crate) const LEVEL_BYTES: usize = 28;

const NANOSECONDS_PER_MILLISECOND: f64 = 1e6;

/// What a ticker says besides what the board does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) now: Timestamp,
    pub(crate) is_writer_alive: bool,
    /// The price a day ago.
    pub(crate) reference: Option<f64>,
}

/// The book of one symbol at one update, of whichever depth.
pub(crate) struct BookView<'a> {
    pub(crate) symbol: &'a str,
    pub(crate) update_id: u64,
    pub(crate) event_time: Timestamp,
    pub(crate) receive_time: Timestamp,
    pub(crate) condition: Condition,
    pub(crate) scales: Units,
    pub(crate) horizon: [Option<Price>; 2],
}

/// What prices and quantities are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Units {
    pub(crate) price: Scale,
    pub(crate) quantity: Scale,
}

/// Writes a ticker as an object.
pub(crate) fn ticker(json: &mut JsonText, quote: &Quote, moment: &Moment) {
    let row = &quote.row;
    let units = Units { price: row.price_scale, quantity: row.quantity_scale };
    json.raw("{\"symbol\":");
    json.plain(quote.symbol.as_str());
    for (price, quantity, level) in [
        (",\"bid\":", ",\"bid_quantity\":", row.bids.first()),
        (",\"ask\":", ",\"ask_quantity\":", row.asks.first()),
    ] {
        json.raw(price);
        optional_units(json, level.map(|level| level.price.0), units.price);
        json.raw(quantity);
        optional_units(json, level.map(|level| level.quantity.0), units.quantity);
    }
    let features = row.features;
    for (name, value) in [
        (",\"mid\":", features.map(|features| features.mid)),
        (",\"spread_bps\":", features.map(|features| features.spread_bps)),
        (",\"imbalance\":", quote.imbalance_5()),
        (",\"microprice\":", features.map(|features| features.microprice)),
    ] {
        json.raw(name);
        json.double(value);
    }
    json.raw(",\"update_id\":");
    json.integer(row.update_id.0);
    for (name, time) in [
        (",\"event_time\":", row.event_time),
        (",\"receive_time\":", row.receive_time),
        (",\"publish_time\":", row.publish_time),
    ] {
        json.raw(name);
        json.time(time);
    }
    json.raw(",\"age_ms\":");
    json.double(quote.age(moment.now).map(milliseconds));
    json.raw(",\"state\":");
    json.plain(quote.condition(moment.is_writer_alive).name());
    json.raw(",\"updates_per_second\":");
    json.double(quote.events_per_second);
    json.raw(",\"last_price\":");
    optional_units(json, row.last_trade.map(|trade| trade.price.0), units.price);
    json.raw(",\"change_24h\":");
    json.double(change(quote, moment.reference));
    json.raw("}");
}

/// Writes the beginning of a book's object up to its levels: `"symbol":…,"state":…`.
pub(crate) fn book_head(json: &mut JsonText, book: &BookView<'_>) {
    json.raw("\"symbol\":");
    json.plain(book.symbol);
    json.raw(",\"update_id\":");
    json.integer(book.update_id);
    json.raw(",\"event_time\":");
    json.time(book.event_time);
    json.raw(",\"receive_time\":");
    json.time(book.receive_time);
    json.raw(",\"state\":");
    json.plain(book.condition.name());
}

/// Writes a book's horizons: `,"horizon":{"bid":…,"ask":…}`.
pub(crate) fn book_horizon(json: &mut JsonText, book: &BookView<'_>) {
    let [bid, ask] = book.horizon;
    json.raw(",\"horizon\":{\"bid\":");
    optional_units(json, bid.map(|price| price.0), book.scales.price);
    json.raw(",\"ask\":");
    optional_units(json, ask.map(|price| price.0), book.scales.price);
    json.raw("}");
}

/// Writes a whole book as an object.
pub(crate) fn book(
    json: &mut JsonText,
    book: &BookView<'_>,
    bids: impl IntoIterator<Item = Level>,
    asks: impl IntoIterator<Item = Level>,
) {
    json.raw("{");
    book_head(json, book);
    json.raw(",\"bids\":");
    levels(json, bids, book.scales);
    json.raw(",\"asks\":");
    levels(json, asks, book.scales);
    book_horizon(json, book);
    json.raw("}");
}

/// Writes levels as `[["price","quantity"],…]`.
pub(crate) fn levels(json: &mut JsonText, levels: impl IntoIterator<Item = Level>, units: Units) {
    json.raw("[");
    for (index, level) in levels.into_iter().enumerate() {
        json.raw(if index == 0 { "[" } else { ",[" });
        json.units(level.price.0, units.price);
        json.raw(",");
        json.units(level.quantity.0, units.quantity);
        json.raw("]");
    }
    json.raw("]");
}

impl<'a> BookView<'a> {
    /// The best levels as the board shows them.
    pub(crate) fn of_quote(quote: &'a Quote, is_writer_alive: bool) -> Self {
        let row = &quote.row;
        Self {
            symbol: quote.symbol.as_str(),
            update_id: row.update_id.0,
            event_time: row.event_time,
            receive_time: row.receive_time,
            condition: quote.condition(is_writer_alive),
            scales: Units { price: row.price_scale, quantity: row.quantity_scale },
            horizon: [row.bid_horizon, row.ask_horizon],
        }
    }

    /// A copy of every level. What the feed says of the symbol, the copy does not know: `condition` tells it.
    pub(crate) fn of_depth(symbol: &'a str, copy: &DepthBook, condition: Condition) -> Self {
        let book = copy.book();
        Self {
            symbol,
            update_id: book.update_id().0,
            event_time: copy.event_time(),
            receive_time: copy.receive_time(),
            condition,
            scales: Units { price: copy.price_scale(), quantity: copy.quantity_scale() },
            horizon: [book.horizon(Side::Bid), book.horizon(Side::Ask)],
        }
    }
}

fn optional_units(json: &mut JsonText, units: Option<i64>, scale: Scale) {
    match units {
        Some(units) => json.units(units, scale),
        None => json.raw("null"),
    }
}

/// How the last price differs from that a day ago, relative to it.
fn change(quote: &Quote, reference: Option<f64>) -> Option<f64> {
    let before = reference.filter(|price| *price > 0.0)?;
    let last = quote.row.price_scale.to_f64(quote.row.last_trade?.price.0);
    Some(last / before - 1.0)
}

#[expect(clippy::cast_precision_loss, reason = "an age, for display")]
fn milliseconds(nanoseconds: i64) -> f64 {
    (nanoseconds / 1_000) as f64 / (NANOSECONDS_PER_MILLISECOND / 1_000.0)
}

#[cfg(test)]
mod tests {
    use depthlake_engine::board::BoardState;
    use depthlake_orderbook::symbol::Symbol;
    use serde_json::Value;

    use super::*;
    use crate::live::samples::{NOW, row};

    fn quote() -> Quote {
        let symbol = Symbol::new("BTCUSDT").unwrap();
        Quote { symbol, row: row(6_183_763, 0.42, BoardState::Live), events_per_second: Some(9.5) }
    }

    #[test]
    fn a_ticker_is_exact() {
        let mut json = JsonText::default();
        ticker(&mut json, &quote(), &Moment { now: NOW, is_writer_alive: true, reference: Some(50_000.0) });
        let ticker: Value = serde_json::from_slice(json.as_slice()).unwrap();
        assert_eq!(
            (ticker["bid"].as_str(), ticker["bid_quantity"].as_str()),
            (Some("61837.63"), Some("1.5"))
        );
        assert_eq!((ticker["ask"].as_str(), ticker["state"].as_str()), (Some("61837.64"), Some("live")));
        assert_eq!((ticker["age_ms"].as_f64(), ticker["imbalance"].as_f64()), (Some(250.0), Some(0.42)));
        assert!((ticker["change_24h"].as_f64().unwrap() - 0.236_752_6).abs() < 1e-9);
    }

    #[test]
    fn a_book_shows_as_many_levels_as_were_given() {
        let quote = quote();
        let view = BookView::of_quote(&quote, false);
        let mut json = JsonText::default();
        book(
            &mut json,
            &view,
            quote.row.bids.iter().copied().take(2),
            quote.row.asks.iter().copied().take(0),
        );
        let book: Value = serde_json::from_slice(json.as_slice()).unwrap();
        assert_eq!(book["bids"], serde_json::json!([["61837.63", "1.5"], ["61837.62", "3"]]));
        assert_eq!((book["asks"].as_array().unwrap().len(), book["state"].as_str()), (0, Some("offline")));
        assert_eq!(book["horizon"], serde_json::json!({"bid": null, "ask": null}));
    }
}
