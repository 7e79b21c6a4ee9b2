//! Decodes stream messages at an instrument's scales.

use depthlake_orderbook::event::{BookTicker, DepthUpdate, Provenance, Trade};
use depthlake_orderbook::instrument::Instrument;

use super::DecodeError;
use super::general::{GeneralDecoder, Kline};
use super::scan::Scanner;

/// Decodes stream messages, keeping its buffers from one to the next.
///
/// Each is scanned first as the very text that the venue is known to send; one that differs anywhere is left to the
/// [`GeneralDecoder`], which says what is wrong with it if anything is.
#[derive(Debug)]
pub struct Decoder {
    update: DepthUpdate,
    scanner: Scanner,
    general: GeneralDecoder,
}

impl Default for Decoder {
    fn default() -> Self {
        let levels = || Vec::with_capacity(Self::LEVELS);
        Self {
            update: DepthUpdate { bids: levels(), asks: levels(), ..DepthUpdate::default() },
            scanner: Scanner::default(),
            general: GeneralDecoder::default(),
        }
    }
}

impl Decoder {
    /// More levels a side than an event has but in a storm; one that has more allocates.
    const LEVELS: usize = 4_096;

    /// Decodes a depth event, spot or futures.
    ///
    /// # Errors
    /// [`DecodeError`] where the message is not exactly one, or has a price or quantity that is not exact.
    pub fn depth(
        &mut self,
        payload: &[u8],
        instrument: &Instrument,
        provenance: Provenance,
    ) -> Result<&DepthUpdate, DecodeError> {
        match self.scanner.depth(payload, instrument, provenance, &mut self.update) {
            Some(()) => Ok(&self.update),
            None => self.general.depth(payload, instrument, provenance),
        }
    }

    /// Decodes a book ticker.
    ///
    /// # Errors
    /// As [`Decoder::depth`].
    pub fn book_ticker(
        &mut self,
        payload: &[u8],
        instrument: &Instrument,
    ) -> Result<BookTicker, DecodeError> {
        match self.scanner.book_ticker(payload, instrument) {
            Some(ticker) => Ok(ticker),
            None => self.general.book_ticker(payload, instrument),
        }
    }

    /// Decodes a trade or an aggregate of trades. `None` is a row that futures print and that is no trade on the
    /// market: of the insurance fund, or without a quantity.
    ///
    /// # Errors
    /// As [`Decoder::depth`].
    pub fn trade(
        &mut self,
        payload: &[u8],
        instrument: &Instrument,
        provenance: Provenance,
    ) -> Result<Option<Trade>, DecodeError> {
        match self.scanner.trade(payload, instrument, provenance) {
            Some(trade) => Ok(trade),
            None => self.general.trade(payload, instrument, provenance),
        }
    }

    /// Decodes a bar of the venue.
    ///
    /// # Errors
    /// As [`Decoder::depth`].
    pub fn kline(&mut self, payload: &[u8], instrument: &Instrument) -> Result<Kline, DecodeError> {
        self.general.kline(payload, instrument)
    }
}

#[cfg(test)]
mod tests {
    use depthlake_orderbook::decimal::{Price, Quantity, Scale};
    use depthlake_orderbook::event::{Level, Taker, TradeId, TradeKind, UpdateId};
    use depthlake_orderbook::record::DeadLetterReason;
    use depthlake_orderbook::symbol::Symbol;

    use super::super::MAX_MESSAGE;
    use super::*;

    fn instrument() -> Instrument {
        let scale = |decimals| Scale::new(decimals).unwrap();
        Instrument::with_scales(Symbol::new("BTCUSDT").unwrap(), scale(2), scale(5))
    }

    fn depth(payload: &str) -> Result<DepthUpdate, DecodeError> {
        Decoder::default().depth(payload.as_bytes(), &instrument(), Provenance::default()).cloned()
    }

    const DEPTH: &str = r#"{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":5,"u":9,"b":[["61737.63000000","0.00000000"]],"a":[["61837.64000000","1.54698000"]]}"#;

    #[test]
    fn a_depth_event_is_decoded_exactly() {
        let update = depth(DEPTH).unwrap();
        assert_eq!((update.first, update.last, update.previous), (UpdateId(5), UpdateId(9), None));
        assert_eq!(update.bids, [Level { price: Price(6_173_763), quantity: Quantity(0) }]);
        assert_eq!(update.asks, [Level { price: Price(6_183_764), quantity: Quantity(154_698) }]);
        assert_eq!(depth(&format!(r#"{{"stream":"btcusdt@depth","data":{DEPTH}}}"#)), Ok(update));
    }

    #[test]
    fn bad_depth_events_say_why() {
        let reason = |payload: &str| depth(payload).map_err(|error| error.reason);
        assert_eq!(reason(&DEPTH[..90]), Err(DeadLetterReason::Malformed));
        assert_eq!(reason(&DEPTH.replace("\"U\":5", "\"U\":\"5\"")), Err(DeadLetterReason::WrongType));
        assert_eq!(reason(&DEPTH.replace("\"U\":5", "\"U\":10")), Err(DeadLetterReason::WrongType));
        assert_eq!(reason(&DEPTH.replace(".63000000", ".63100000")), Err(DeadLetterReason::Inexact));
        assert_eq!(reason(&DEPTH.replace("61737.63", "61737,63")), Err(DeadLetterReason::WrongType));
        assert_eq!(reason(&DEPTH.replace("\"1.54", "\"-1.54")), Err(DeadLetterReason::WrongType));
        assert_eq!(reason(&" ".repeat(MAX_MESSAGE + 1)), Err(DeadLetterReason::Oversized));
    }

    #[test]
    fn rows_that_are_no_trades_are_passed_over() {
        let trade = |payload: &str| {
            Decoder::default().trade(payload.as_bytes(), &instrument(), Provenance::default())
        };
        let market =
            r#"{"e":"trade","E":2,"T":1,"s":"BTCUSDT","t":3,"p":"10.5","q":"1","X":"MARKET","m":true}"#;
        let found = trade(market).unwrap().unwrap();
        assert_eq!((found.price, found.taker, found.kind), (Price(1_050), Taker::Seller, TradeKind::Trade));
        assert_eq!(trade(&market.replace("MARKET", "INSURANCE_FUND")), Ok(None));
        assert_eq!(trade(&market.replace(r#""q":"1""#, r#""q":"0""#)), Ok(None));
        let aggregate =
            r#"{"e":"aggTrade","E":2,"s":"BTCUSDT","a":7,"p":"10.5","q":"1","f":3,"l":4,"T":1,"m":false}"#;
        let found = trade(aggregate).unwrap().unwrap();
        assert_eq!(
            (found.id, found.kind),
            (TradeId(7), TradeKind::Aggregate { first: TradeId(3), last: TradeId(4) })
        );
    }
}
