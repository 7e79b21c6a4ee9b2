//! Finds the scales that a recording's numbers need, where no `exchangeInfo` tells them.

use depthlake_orderbook::decimal::Scale;
use depthlake_orderbook::frame::FrameKind;

use super::DecodeError;
use super::shape::{WireBookTicker, WireDepth, WireSnapshot, WireTrade, parse};

/// The coarsest scales at which every number seen so far is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NeededScales {
    pub price: Scale,
    pub quantity: Scale,
}

impl NeededScales {
    /// Takes in the numbers of one message; kinds without prices are passed over. `text` is working space.
    ///
    /// # Errors
    /// [`DecodeError`] where the message is not what its kind says. Numbers finer than [`Scale::MAX`] are left to the
    /// decoder to refuse.
    pub fn observe(
        &mut self,
        kind: FrameKind,
        payload: &[u8],
        text: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        match kind {
            FrameKind::DepthUpdate => {
                let depth: WireDepth<'_> = parse(payload, text)?;
                self.levels(depth.bids.iter().chain(&depth.asks));
            }
            FrameKind::Snapshot => {
                let snapshot: WireSnapshot<'_> = parse(payload, text)?;
                self.levels(snapshot.bids.iter().chain(&snapshot.asks));
            }
            FrameKind::BookTicker => {
                let ticker: WireBookTicker<'_> = parse(payload, text)?;
                self.levels([(ticker.bid, ticker.bid_quantity), (ticker.ask, ticker.ask_quantity)].iter());
            }
            FrameKind::Trade | FrameKind::AggregateTrade => {
                let trade: WireTrade<'_> = parse(payload, text)?;
                self.levels([(trade.price, trade.quantity)].iter());
            }
            _ => {}
        }
        Ok(())
    }

    fn levels<'a>(&mut self, levels: impl Iterator<Item = &'a (&'a str, &'a str)>) {
        for (price, quantity) in levels {
            widen(&mut self.price, price);
            widen(&mut self.quantity, quantity);
        }
    }
}

fn widen(scale: &mut Scale, text: &str) {
    if let Ok(needed) = Scale::of(text) {
        *scale = needed.max(*scale);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_a_message_counts() {
        let mut scales = NeededScales::default();
        let mut text = Vec::new();
        let depth =
            br#"{"e":"depthUpdate","E":1,"s":"X","U":5,"u":9,"b":[["1.50","2.00"]],"a":[["1.0","0.125"]]}"#;
        scales.observe(FrameKind::DepthUpdate, depth, &mut text).unwrap();
        assert_eq!((scales.price.decimals(), scales.quantity.decimals()), (1, 3));
        let snapshot = br#"{"lastUpdateId":1,"bids":[["1.2345","1"]],"asks":[]}"#;
        scales.observe(FrameKind::Snapshot, snapshot, &mut text).unwrap();
        assert_eq!((scales.price.decimals(), scales.quantity.decimals()), (4, 3));
        assert!(scales.observe(FrameKind::Trade, b"{}", &mut text).is_err());
    }
}
