//! Decodes stream messages at an instrument's scales.

use depthlake_orderbook::decimal::{Price, Quantity, Scale};
use depthlake_orderbook::event::{
    BookTicker, DepthUpdate, Level, Provenance, Taker, Touch, Trade, TradeId, TradeKind, UpdateId,
};
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::record::DeadLetterReason;
use depthlake_orderbook::time::Timestamp;

use super::DecodeError;
use super::shape::{WireBookTicker, WireDepth, WireKline, WireTrade, parse};

/// Decodes stream messages, keeping its buffers from one to the next.
#[derive(Debug, Default)]
pub struct Decoder {
    text: Vec<u8>,
    update: DepthUpdate,
}

/// A bar as the venue itself made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kline {
    pub open_time: Timestamp,
    pub first_trade: i64,
    pub last_trade: i64,
    pub open: Price,
    pub high: Price,
    pub low: Price,
    pub close: Price,
    pub volume: Quantity,
    /// In units of [`Scale::MAX`].
    pub quote_volume: i64,
    pub taker_buy_volume: Quantity,
    pub is_closed: bool,
}

impl Decoder {
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
        let wire: WireDepth<'_> = parse(payload, &mut self.text)?;
        if wire.last < wire.first {
            let detail = format!("u {} is below U {}", wire.last, wire.first);
            return Err(DecodeError::new(DeadLetterReason::WrongType, detail));
        }
        let update = &mut self.update;
        update.first = UpdateId(wire.first);
        update.last = UpdateId(wire.last);
        update.previous = wire.previous.map(UpdateId);
        update.event_time = Timestamp::from_venue(wire.event_time);
        update.provenance = provenance;
        decode_levels(&wire.bids, instrument, &mut update.bids)?;
        decode_levels(&wire.asks, instrument, &mut update.asks)?;
        Ok(update)
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
        let wire: WireBookTicker<'_> = parse(payload, &mut self.text)?;
        let touch = Touch {
            bid: level(&(wire.bid, wire.bid_quantity), instrument)?,
            ask: level(&(wire.ask, wire.ask_quantity), instrument)?,
        };
        Ok(BookTicker { update_id: UpdateId(wire.update_id), touch })
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
        let wire: WireTrade<'_> = parse(payload, &mut self.text)?;
        let price = price(wire.price, instrument)?;
        let quantity = quantity(wire.quantity, instrument)?;
        if quantity.is_zero() || wire.kind.is_some_and(|kind| kind != "MARKET") {
            return Ok(None);
        }
        let (id, kind) = match (wire.trade_id, wire.aggregate_id, wire.first, wire.last) {
            (Some(id), ..) => (id, TradeKind::Trade),
            (None, Some(id), Some(first), Some(last)) => {
                (id, TradeKind::Aggregate { first: TradeId(first), last: TradeId(last) })
            }
            _ => {
                let detail = "a trade has neither t nor all of a, f and l";
                return Err(DecodeError::new(DeadLetterReason::WrongType, detail));
            }
        };
        Ok(Some(Trade {
            id: TradeId(id),
            kind,
            price,
            quantity,
            taker: if wire.buyer_is_maker { Taker::Seller } else { Taker::Buyer },
            trade_time: Timestamp::from_venue(wire.trade_time),
            event_time: Timestamp::from_venue(wire.event_time),
            provenance,
        }))
    }

    /// Decodes a bar of the venue.
    ///
    /// # Errors
    /// As [`Decoder::depth`].
    pub fn kline(&mut self, payload: &[u8], instrument: &Instrument) -> Result<Kline, DecodeError> {
        let wire: WireKline<'_> = parse(payload, &mut self.text)?;
        let bar = wire.bar;
        Ok(Kline {
            open_time: Timestamp::from_venue(bar.open_time),
            first_trade: bar.first_trade,
            last_trade: bar.last_trade,
            open: price(bar.open, instrument)?,
            high: price(bar.high, instrument)?,
            low: price(bar.low, instrument)?,
            close: price(bar.close, instrument)?,
            volume: quantity(bar.volume, instrument)?,
            quote_volume: Scale::MAX
                .parse(bar.quote_volume.as_bytes())
                .map_err(|error| DecodeError::decimal("quote volume", bar.quote_volume, error))?,
            taker_buy_volume: quantity(bar.taker_buy_volume, instrument)?,
            is_closed: bar.is_closed,
        })
    }
}

fn decode_levels(
    wire: &[(&str, &str)],
    instrument: &Instrument,
    levels: &mut Vec<Level>,
) -> Result<(), DecodeError> {
    levels.clear();
    for pair in wire {
        levels.push(level(pair, instrument)?);
    }
    Ok(())
}

pub(super) fn level(pair: &(&str, &str), instrument: &Instrument) -> Result<Level, DecodeError> {
    Ok(Level { price: price(pair.0, instrument)?, quantity: quantity(pair.1, instrument)? })
}

fn price(text: &str, instrument: &Instrument) -> Result<Price, DecodeError> {
    let scale = instrument.price_scale;
    let price = scale.price(text.as_bytes()).map_err(|error| DecodeError::decimal("price", text, error))?;
    if price < Price(0) {
        return Err(DecodeError::new(DeadLetterReason::WrongType, format!("price {text:?} is negative")));
    }
    Ok(price)
}

fn quantity(text: &str, instrument: &Instrument) -> Result<Quantity, DecodeError> {
    let scale = instrument.quantity_scale;
    let quantity =
        scale.quantity(text.as_bytes()).map_err(|error| DecodeError::decimal("quantity", text, error))?;
    if quantity < Quantity::ZERO {
        return Err(DecodeError::new(DeadLetterReason::WrongType, format!("quantity {text:?} is negative")));
    }
    Ok(quantity)
}

#[cfg(test)]
mod tests {
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
