//! Reads off a stream message what is needed to route it, to order it and to find it again.

use depthlake_orderbook::frame::{Envelope, FrameKind};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use super::cursor::{Members, number_at, string_at};

/// The envelope of a WebSocket message, raw or combined. What cannot be told is [`FrameKind::Unknown`] or `None`;
/// decoding says why. O(bytes before the levels).
#[must_use]
pub fn peek(payload: &[u8], received: Timestamp) -> Envelope {
    let mut envelope = Envelope::own(FrameKind::Unknown, None, received);
    let data = find_data(payload);
    if let Some(members) = Members::of(payload, data) {
        read_members(members, payload, &mut envelope);
    }
    envelope
}

/// The envelope of a REST book of `symbol`, which the book itself does not say; `None` where the body is no book.
#[must_use]
pub fn peek_snapshot(payload: &[u8], symbol: Option<Symbol>, received: Timestamp) -> Option<Envelope> {
    let mut members = Members::of(payload, 0)?;
    let mut envelope = Envelope::own(FrameKind::Snapshot, symbol, received);
    while let Some((key, value)) = members.next_key() {
        match key {
            b"lastUpdateId" => envelope.last_id = number_at(payload, value),
            b"E" => envelope.event_time = event_time(payload, value),
            b"bids" | b"asks" => break,
            _ => {}
        }
        members.skip_value()?;
    }
    envelope.last_id.map(|_| envelope)
}

/// Whether a message answers a request over the socket (`{"result":null,"id":1}`, or an error) and so is no market data.
#[must_use]
pub fn is_control_answer(payload: &[u8]) -> bool {
    let Some(mut members) = Members::of(payload, 0) else { return false };
    while let Some((key, _)) = members.next_key() {
        if matches!(key, b"result" | b"error" | b"code") {
            return true;
        }
        if members.skip_value().is_none() {
            return false;
        }
    }
    false
}

/// Where the event's object begins: at the value of `data` in a combined message, else at the start.
pub(super) fn find_data(payload: &[u8]) -> usize {
    let Some(mut members) = Members::of(payload, 0) else { return 0 };
    while let Some((key, value)) = members.next_key() {
        match key {
            b"data" => return value,
            // An event's own members: this is no combined message.
            b"e" | b"u" => return 0,
            _ => {}
        }
        if members.skip_value().is_none() {
            return 0;
        }
    }
    0
}

fn read_members(mut members: Members<'_>, payload: &[u8], envelope: &mut Envelope) {
    let (mut has_bid, mut has_event) = (false, false);
    while let Some((key, value)) = members.next_key() {
        match key {
            b"e" => {
                has_event = true;
                envelope.kind = string_at(payload, value).map_or(FrameKind::Unknown, kind_of_event);
            }
            b"E" => {
                envelope.event_time = event_time(payload, value);
            }
            b"s" => envelope.symbol = string_at(payload, value).and_then(|text| Symbol::new(text).ok()),
            b"U" | b"t" => envelope.first_id = number_at(payload, value),
            b"a" if envelope.kind == FrameKind::AggregateTrade => {
                envelope.first_id = number_at(payload, value);
            }
            b"u" => envelope.last_id = number_at(payload, value),
            b"B" | b"A" => has_bid = true,
            _ => {}
        }
        if is_complete(envelope) || members.skip_value().is_none() {
            break;
        }
    }
    // Spot's bookTicker is the one event without a name.
    if !has_event && has_bid && envelope.last_id.is_some() {
        envelope.kind = FrameKind::BookTicker;
    }
}

fn event_time(payload: &[u8], at: usize) -> Option<Timestamp> {
    number_at(payload, at).and_then(|time| i64::try_from(time).ok()).map(Timestamp::from_venue)
}

/// Whether nothing more can be learnt, so that the levels need not be walked over.
fn is_complete(envelope: &Envelope) -> bool {
    let located = envelope.symbol.is_some() && envelope.event_time.is_some();
    match envelope.kind {
        FrameKind::DepthUpdate => located && envelope.first_id.is_some() && envelope.last_id.is_some(),
        FrameKind::Trade | FrameKind::AggregateTrade => located && envelope.first_id.is_some(),
        FrameKind::Kline => located,
        _ => false,
    }
}

fn kind_of_event(name: &str) -> FrameKind {
    match name {
        "depthUpdate" => FrameKind::DepthUpdate,
        "bookTicker" => FrameKind::BookTicker,
        "trade" => FrameKind::Trade,
        "aggTrade" => FrameKind::AggregateTrade,
        "kline" => FrameKind::Kline,
        _ => FrameKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn envelope(payload: &str) -> Envelope {
        peek(payload.as_bytes(), Timestamp(1))
    }

    #[test]
    fn combined_depth() {
        let found = envelope(
            r#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":5,"u":9,"b":[["1","2"]],"a":[]}}"#,
        );
        assert_eq!(found.kind, FrameKind::DepthUpdate);
        assert_eq!(found.symbol, Symbol::new("BTCUSDT").ok());
        assert_eq!((found.first_id, found.last_id), (Some(5), Some(9)));
        assert_eq!(found.event_time, Some(Timestamp::from_milliseconds(1_723_161_255_208)));
    }

    #[test]
    fn every_kind_raw_or_combined_in_any_order() {
        for (kind, ids, data) in [
            (FrameKind::BookTicker, (None, Some(7)), r#"{"u":7,"s":"X","b":"1","B":"2","a":"3","A":"4"}"#),
            (
                FrameKind::BookTicker,
                (None, Some(7)),
                r#"{"e":"bookTicker","u":7,"s":"X","b":"1","B":"2","a":"3","A":"4"}"#,
            ),
            (FrameKind::Trade, (Some(3), None), r#"{"e":"trade","E":4,"s":"X","t":3,"p":"1"}"#),
            (FrameKind::AggregateTrade, (Some(3), None), r#"{ "e" : "aggTrade" , "E":4,"a":3,"s":"X"}"#),
            (FrameKind::Kline, (None, None), r#"{"e":"kline","E":4,"s":"X","k":{"t":1,"s":"Y"}}"#),
            (
                FrameKind::DepthUpdate,
                (Some(1), Some(2)),
                r#"{"a":[["1","2"]],"b":[],"u":2,"U":1,"s":"X","E":4,"e":"depthUpdate"}"#,
            ),
            (FrameKind::Unknown, (None, None), r#"{"e":"outboundAccountPosition","s":"X"}"#),
        ] {
            for text in [
                data.to_owned(),
                format!(r#"{{"stream":"x@y","data":{data}}}"#),
                format!(r#"{{"data":{data},"stream":"x@y"}}"#),
            ] {
                let found = envelope(&text);
                assert_eq!((found.kind, found.symbol), (kind, Symbol::new("X").ok()), "{text}");
                assert_eq!((found.first_id, found.last_id), ids, "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(peek(&bytes, Timestamp(1)).received, Timestamp(1));
        }

        #[test]
        fn any_prefix_is_survived(length in 0..130_usize) {
            let text = r#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":5,"u":9,"b":[["1","2"]],"a":[]}}"#;
            prop_assert_eq!(peek(&text.as_bytes()[..length.min(text.len())], Timestamp(1)).received, Timestamp(1));
        }
    }
}
