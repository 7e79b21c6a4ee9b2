//! Decodes books of the REST interface.

use depthlake_orderbook::decimal::Price;
use depthlake_orderbook::event::{Level, Snapshot, UpdateId};
use depthlake_orderbook::instrument::Instrument;

use super::shape::{WireSnapshot, parse};
use super::{DecodeError, general};

/// The numbers of levels at which the venue cuts a book, as its documents list them.
const CUTS: [usize; 7] = [5, 10, 20, 50, 100, 500, 1_000];
const LARGEST_CUT: usize = 5_000;

/// Decodes a REST book. A side with just as many levels as the venue's limits allow was cut there, so that what lies
/// beyond its last price is unknown; a shorter one is whole.
///
/// # Errors
/// [`DecodeError`] where the body is no book, or has a price or quantity that is not exact.
pub fn decode_snapshot(payload: &[u8], instrument: &Instrument) -> Result<Snapshot, DecodeError> {
    let mut text = Vec::new();
    let wire: WireSnapshot<'_> = parse(payload, &mut text)?;
    let bids = decode_side(&wire.bids, instrument)?;
    let asks = decode_side(&wire.asks, instrument)?;
    Ok(Snapshot {
        last_update_id: UpdateId(wire.last_update_id),
        bid_horizon: horizon(&bids),
        ask_horizon: horizon(&asks),
        bids,
        asks,
    })
}

fn decode_side(wire: &[(&str, &str)], instrument: &Instrument) -> Result<Vec<Level>, DecodeError> {
    wire.iter().map(|pair| general::level(pair, instrument)).collect()
}

fn horizon(levels: &[Level]) -> Option<Price> {
    let is_cut = CUTS.contains(&levels.len()) || levels.len() >= LARGEST_CUT;
    levels.last().filter(|_| is_cut).map(|level| level.price)
}

#[cfg(test)]
mod tests {
    use depthlake_orderbook::decimal::Scale;
    use depthlake_orderbook::record::DeadLetterReason;
    use depthlake_orderbook::symbol::Symbol;

    use super::*;

    fn instrument() -> Instrument {
        Instrument::with_scales(Symbol::new("X").unwrap(), Scale::new(1).unwrap(), Scale::new(0).unwrap())
    }

    #[test]
    fn a_side_cut_at_a_limit_has_a_horizon() {
        let bids: Vec<_> = (0..5).map(|level| format!(r#"["{}.5","1"]"#, 100 - level)).collect();
        let text =
            format!(r#"{{"lastUpdateId":7,"bids":[{}],"asks":[["101","2"],["102","1"]]}}"#, bids.join(","));
        let snapshot = decode_snapshot(text.as_bytes(), &instrument()).unwrap();
        assert_eq!(snapshot.last_update_id, UpdateId(7));
        assert_eq!((snapshot.bid_horizon, snapshot.ask_horizon), (Some(Price(965)), None));
    }

    #[test]
    fn what_is_no_book_says_so() {
        let reason =
            |text: &str| decode_snapshot(text.as_bytes(), &instrument()).map_err(|error| error.reason);
        assert_eq!(reason(r#"{"lastUpdateId":7,"bids":["#), Err(DeadLetterReason::Malformed));
        assert_eq!(reason(r#"{"code":-1121,"msg":"Invalid symbol."}"#), Err(DeadLetterReason::WrongType));
        assert_eq!(
            reason(r#"{"lastUpdateId":7,"bids":[["1.25","1"]],"asks":[]}"#),
            Err(DeadLetterReason::Inexact)
        );
    }
}
