//! The shapes of stream messages, with numbers still as the venue's text.

use depthlake_orderbook::record::DeadLetterReason;
use serde::Deserialize;

use super::peek::find_data;
use super::{DecodeError, MAX_MESSAGE};

/// Parses a message, raw or combined, into the shape wanted, by way of `text`.
pub(super) fn parse<'a, T: Deserialize<'a>>(payload: &[u8], text: &'a mut Vec<u8>) -> Result<T, DecodeError> {
    if payload.len() > MAX_MESSAGE {
        let detail = format!("{} bytes, at most {MAX_MESSAGE} are taken", payload.len());
        return Err(DecodeError::new(DeadLetterReason::Oversized, detail));
    }
    text.clear();
    text.extend_from_slice(payload);
    let parsed = if find_data(payload) > 0 {
        simd_json::from_slice::<Combined<T>>(text).map(|combined| combined.data)
    } else {
        simd_json::from_slice::<T>(text)
    };
    parsed.map_err(|error| DecodeError::json(payload, &error))
}

#[derive(Deserialize)]
struct Combined<T> {
    data: T,
}

#[derive(Deserialize)]
pub(super) struct WireDepth<'a> {
    #[serde(rename = "E")]
    pub(super) event_time: i64,
    #[serde(rename = "U")]
    pub(super) first: u64,
    #[serde(rename = "u")]
    pub(super) last: u64,
    #[serde(rename = "pu")]
    pub(super) previous: Option<u64>,
    #[serde(rename = "b", borrow)]
    pub(super) bids: Vec<(&'a str, &'a str)>,
    #[serde(rename = "a", borrow)]
    pub(super) asks: Vec<(&'a str, &'a str)>,
}

#[derive(Deserialize)]
pub(super) struct WireBookTicker<'a> {
    #[serde(rename = "u")]
    pub(super) update_id: u64,
    #[serde(rename = "b")]
    pub(super) bid: &'a str,
    #[serde(rename = "B")]
    pub(super) bid_quantity: &'a str,
    #[serde(rename = "a")]
    pub(super) ask: &'a str,
    #[serde(rename = "A")]
    pub(super) ask_quantity: &'a str,
}

#[derive(Deserialize)]
pub(super) struct WireTrade<'a> {
    #[serde(rename = "E")]
    pub(super) event_time: i64,
    #[serde(rename = "T")]
    pub(super) trade_time: i64,
    #[serde(rename = "t")]
    pub(super) trade_id: Option<u64>,
    #[serde(rename = "a")]
    pub(super) aggregate_id: Option<u64>,
    #[serde(rename = "f")]
    pub(super) first: Option<u64>,
    #[serde(rename = "l")]
    pub(super) last: Option<u64>,
    #[serde(rename = "p")]
    pub(super) price: &'a str,
    #[serde(rename = "q")]
    pub(super) quantity: &'a str,
    #[serde(rename = "m")]
    pub(super) buyer_is_maker: bool,
    #[serde(rename = "X")]
    pub(super) kind: Option<&'a str>,
}

#[derive(Deserialize)]
pub(super) struct WireKline<'a> {
    #[serde(rename = "k", borrow)]
    pub(super) bar: WireBar<'a>,
}

#[derive(Deserialize)]
pub(super) struct WireBar<'a> {
    #[serde(rename = "t")]
    pub(super) open_time: i64,
    #[serde(rename = "f")]
    pub(super) first_trade: i64,
    #[serde(rename = "L")]
    pub(super) last_trade: i64,
    #[serde(rename = "o")]
    pub(super) open: &'a str,
    #[serde(rename = "h")]
    pub(super) high: &'a str,
    #[serde(rename = "l")]
    pub(super) low: &'a str,
    #[serde(rename = "c")]
    pub(super) close: &'a str,
    #[serde(rename = "v")]
    pub(super) volume: &'a str,
    #[serde(rename = "q")]
    pub(super) quote_volume: &'a str,
    #[serde(rename = "V")]
    pub(super) taker_buy_volume: &'a str,
    #[serde(rename = "x")]
    pub(super) is_closed: bool,
}

/// A book of the REST interface.
#[derive(Deserialize)]
pub(super) struct WireSnapshot<'a> {
    #[serde(rename = "lastUpdateId")]
    pub(super) last_update_id: u64,
    #[serde(borrow)]
    pub(super) bids: Vec<(&'a str, &'a str)>,
    #[serde(borrow)]
    pub(super) asks: Vec<(&'a str, &'a str)>,
}
