//! Decodes any stream message that JSON allows: members in any order, white space, escapes, members unknown to us.
//!
//! What its answers are is what decoding means here; the scanner only gives the same ones sooner.

use depthlake_orderbook::decimal::{Price, Quantity, Scale};
use depthlake_orderbook::event::{
    BookTicker, DepthUpdate, Level, Provenance, Taker, Touch, Trade, TradeId, TradeKind, UpdateId,
};
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::record::DeadLetterReason;
use depthlake_orderbook::time::Timestamp;

use super::DecodeError;
use super::shape::{WireBookTicker, WireDepth, WireKline, WireTrade, parse};

/// Decodes stream messages by way of a JSON parser. [`Decoder`](super::Decoder) turns to it for what its scanner does
/// not know, and both are tested to be equal; so it is of use by itself only to tests and benches.
#[derive(Debug, Default)]
pub struct GeneralDecoder {
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

impl GeneralDecoder {
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
    /// As [`GeneralDecoder::depth`].
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
    /// As [`GeneralDecoder::depth`].
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
    /// As [`GeneralDecoder::depth`].
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
