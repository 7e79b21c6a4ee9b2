//! Where a message has its ids and times, so that they can be moved without touching another byte.

use super::cursor::{Members, number_at};
use super::peek::find_data;

/// What a number of a message counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberKind {
    UpdateId,
    TradeId,
    /// Since 1970, in the venue's unit.
    Time,
}

/// A whole number in a message's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberPlace {
    /// Where its first digit is.
    pub at: usize,
    pub digits: usize,
    pub value: u64,
    pub kind: NumberKind,
}

impl NumberPlace {
    /// Of a time: how many of its units are a millisecond. The venue counts milliseconds, or microseconds where asked to.
    #[must_use]
    pub const fn units_per_millisecond(&self) -> u64 {
        const FIRST_MICROSECONDS: u64 = 100_000_000_000_000;
        if self.value < FIRST_MICROSECONDS { 1 } else { 1_000 }
    }
}

/// The ids and times of a message, in the order of its text; as far as it is JSON.
#[must_use]
pub fn number_places(payload: &[u8]) -> Vec<NumberPlace> {
    let mut places = Vec::new();
    collect(payload, find_data(payload), kind_of, &mut places);
    places
}

fn collect(
    payload: &[u8],
    object: usize,
    kind_of: fn(&[u8]) -> Option<NumberKind>,
    places: &mut Vec<NumberPlace>,
) {
    let Some(mut members) = Members::of(payload, object) else { return };
    while let Some((key, at)) = members.next_key() {
        if let (Some(kind), Some(value)) = (kind_of(key), number_at(payload, at)) {
            let digits = payload.iter().skip(at).take_while(|byte| byte.is_ascii_digit()).count();
            places.push(NumberPlace { at, digits, value, kind });
        } else if key == b"k" {
            collect(payload, at, kind_of_bar, places);
        }
        if members.skip_value().is_none() {
            return;
        }
    }
}

/// By the key of an event's member. Levels and prices have some of these keys too, but are no whole numbers.
fn kind_of(key: &[u8]) -> Option<NumberKind> {
    match key {
        b"U" | b"u" | b"pu" | b"lastUpdateId" => Some(NumberKind::UpdateId),
        b"t" | b"a" | b"f" | b"l" => Some(NumberKind::TradeId),
        b"E" | b"T" => Some(NumberKind::Time),
        _ => None,
    }
}

/// By the key of a member of the venue's own bars.
fn kind_of_bar(key: &[u8]) -> Option<NumberKind> {
    match key {
        b"f" | b"L" => Some(NumberKind::TradeId),
        b"t" | b"T" => Some(NumberKind::Time),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(payload: &str) -> Vec<(&str, NumberKind)> {
        let place = |place: NumberPlace| {
            let text = &payload[place.at..place.at + place.digits];
            assert_eq!(text.parse(), Ok(place.value));
            (text, place.kind)
        };
        number_places(payload.as_bytes()).into_iter().map(place).collect()
    }

    #[test]
    fn ids_and_times_are_found_and_levels_are_not() {
        use NumberKind::{Time, TradeId, UpdateId};
        let depth = r#"{"stream":"x","data":{"e":"depthUpdate","E":5,"s":"X","U":7,"u":9,"pu":6,"b":[["1","2"]],"a":[]}}"#;
        assert_eq!(found(depth), [("5", Time), ("7", UpdateId), ("9", UpdateId), ("6", UpdateId)]);
        let ticker = r#"{"u":40,"s":"X","b":"1","B":"2","a":"3","A":"4"}"#;
        assert_eq!(found(ticker), [("40", UpdateId)]);
        let trade = r#"{"e":"aggTrade","E":5,"s":"X","a":11,"p":"1","q":"2","f":12,"l":13,"T":4,"m":true}"#;
        assert_eq!(
            found(trade),
            [("5", Time), ("11", TradeId), ("12", TradeId), ("13", TradeId), ("4", Time)]
        );
        let bar = r#"{"e":"kline","E":5,"s":"X","k":{"t":1,"T":2,"i":"1m","f":3,"L":4,"n":2,"x":true}}"#;
        assert_eq!(found(bar), [("5", Time), ("1", Time), ("2", Time), ("3", TradeId), ("4", TradeId)]);
        assert_eq!(found(r#"{"lastUpdateId":160,"bids":[],"asks":[]}"#), [("160", UpdateId)]);
    }

    #[test]
    fn what_is_cut_off_or_no_json_gives_what_comes_before() {
        assert_eq!(found(r#"{"e":"trade","E":5,"t":"#), [("5", NumberKind::Time)]);
        assert_eq!(found("[1,2]"), []);
        assert_eq!(found(""), []);
    }
}
