//! 1-minute bars of trades in event time.
//!
//! A bar is open until the watermark (the latest trade time seen, less [`WATERMARK_DELAY`]) passes its end. A trade of
//! a closed minute is handed back as late, never dropped and never put into another bar.

use std::collections::VecDeque;

use crate::decimal::Price;
use crate::event::{Taker, Trade, TradeId};
use crate::instrument::Instrument;
use crate::time::Timestamp;

/// How long after its end a bar waits for late trades: 30 s in nanoseconds.
pub const WATERMARK_DELAY: i64 = 30_000_000_000;

/// One minute of trades. Quantities are in units of the instrument's quantity scale, notionals in units of
/// 10^-(price scale + quantity scale).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    pub open_time: Timestamp,
    pub open: Price,
    pub high: Price,
    pub low: Price,
    pub close: Price,
    pub volume: i128,
    pub quote_volume: i128,
    pub trades: u64,
    pub taker_buy_volume: i128,
    pub taker_buy_quote_volume: i128,
    /// The venue's number of the first trade; of an aggregate, that of its first part.
    pub first_trade: TradeId,
    pub last_trade: TradeId,
    /// Event time of the last trade.
    pub event_time: Timestamp,
    /// When the last trade was received.
    pub received: Timestamp,
}

impl Bar {
    fn begin(trade: &Trade) -> Self {
        let mut bar = Self {
            open_time: trade.trade_time.minute(),
            open: trade.price,
            high: trade.price,
            low: trade.price,
            close: trade.price,
            volume: 0,
            quote_volume: 0,
            trades: 0,
            taker_buy_volume: 0,
            taker_buy_quote_volume: 0,
            first_trade: trade.first_id(),
            last_trade: trade.last_id(),
            event_time: trade.event_time,
            received: trade.provenance.received,
        };
        bar.add(trade);
        bar
    }

    fn widened(&self, from: &Instrument, to: &Instrument) -> Option<Self> {
        let price = |price: Price| from.price_scale.rescale(price.0, to.price_scale).map(Price);
        let quantity_factor = i128::from(from.quantity_scale.rescale(1, to.quantity_scale)?);
        let notional_factor = quantity_factor * i128::from(from.price_scale.rescale(1, to.price_scale)?);
        Some(Self {
            open: price(self.open)?,
            high: price(self.high)?,
            low: price(self.low)?,
            close: price(self.close)?,
            volume: self.volume * quantity_factor,
            quote_volume: self.quote_volume * notional_factor,
            taker_buy_volume: self.taker_buy_volume * quantity_factor,
            taker_buy_quote_volume: self.taker_buy_quote_volume * notional_factor,
            ..*self
        })
    }

    fn add(&mut self, trade: &Trade) {
        let volume = i128::from(trade.quantity.0);
        let quote_volume = i128::from(trade.price.0) * volume;
        self.high = self.high.max(trade.price);
        self.low = self.low.min(trade.price);
        self.close = trade.price;
        self.volume += volume;
        self.quote_volume += quote_volume;
        self.trades += 1;
        if trade.taker == Taker::Buyer {
            self.taker_buy_volume += volume;
            self.taker_buy_quote_volume += quote_volume;
        }
        self.last_trade = trade.last_id();
        self.event_time = trade.event_time;
        self.received = trade.provenance.received;
    }
}

/// The time up to which all trades are taken to have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Watermark {
    latest: Timestamp,
}

impl Watermark {
    /// A watermark that has seen a trade of `latest`.
    #[must_use]
    pub const fn at(latest: Timestamp) -> Self {
        Self { latest }
    }

    pub fn observe(&mut self, trade_time: Timestamp) {
        self.latest = self.latest.max(trade_time);
    }

    /// The latest trade time seen.
    #[must_use]
    pub const fn latest(self) -> Timestamp {
        self.latest
    }

    /// The start of the first minute that is not closed.
    #[must_use]
    pub const fn closed_before(self) -> Timestamp {
        Timestamp(self.latest.0.saturating_sub(WATERMARK_DELAY)).minute()
    }

    /// Whether the minute that begins at `open_time` is closed.
    #[must_use]
    pub fn has_passed(self, open_time: Timestamp) -> bool {
        open_time < self.closed_before()
    }
}

/// A trade whose minute was closed when it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LateTrade(pub Trade);

/// The open bars of one symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bars {
    /// Oldest first. Two or three as a rule, with room for more so that a new minute allocates nothing.
    open: VecDeque<Bar>,
}

impl Default for Bars {
    fn default() -> Self {
        Self { open: VecDeque::with_capacity(Self::ROOM) }
    }
}

impl Bars {
    const ROOM: usize = 8;

    /// Bars that are open already, as [`Bars::open`] gave them.
    #[must_use]
    pub fn restored(open: impl IntoIterator<Item = Bar>) -> Self {
        Self { open: open.into_iter().collect() }
    }

    /// Adds a trade to its minute and gives the minute's bar.
    ///
    /// # Errors
    /// [`LateTrade`] where the watermark has passed that minute.
    pub fn add(&mut self, trade: &Trade, watermark: Watermark) -> Result<&Bar, LateTrade> {
        let minute = trade.trade_time.minute();
        if watermark.has_passed(minute) {
            return Err(LateTrade(*trade));
        }
        let index = match self.position(minute) {
            Ok(index) => index,
            Err(index) => {
                self.open.insert(index, Bar::begin(trade));
                return Ok(&self.open[index]);
            }
        };
        self.open[index].add(trade);
        Ok(&self.open[index])
    }

    /// The open bar of the minute that begins at `open_time`.
    #[must_use]
    pub fn at(&self, open_time: Timestamp) -> Option<&Bar> {
        self.position(open_time).ok().map(|index| &self.open[index])
    }

    /// Takes out the oldest bar that the watermark has passed.
    pub fn close_next(&mut self, watermark: Watermark) -> Option<Bar> {
        let oldest = self.open.front()?;
        if watermark.has_passed(oldest.open_time) { self.open.pop_front() } else { None }
    }

    /// Counts the open bars in finer units: of `to` where they were of `from`. `false`, with nothing changed, where a price
    /// does not fit.
    #[must_use]
    pub fn widen(&mut self, from: &Instrument, to: &Instrument) -> bool {
        let widened: Option<VecDeque<_>> = self.open.iter().map(|bar| bar.widened(from, to)).collect();
        let fits = widened.is_some();
        if let Some(widened) = widened {
            self.open = widened;
        }
        fits
    }

    /// The open bars, oldest first.
    pub fn open(&self) -> impl Iterator<Item = &Bar> {
        self.open.iter()
    }

    /// Takes the open bars out, oldest first.
    pub fn into_open(self) -> impl Iterator<Item = Bar> {
        self.open.into_iter()
    }

    fn position(&self, open_time: Timestamp) -> Result<usize, usize> {
        self.open.binary_search_by_key(&open_time, |bar| bar.open_time)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::decimal::{Quantity, Scale};
    use crate::event::{Provenance, TradeKind};
    use crate::symbol::Symbol;

    fn trade(seconds: i64, price: i64, quantity: i64, taker: Taker) -> Trade {
        let time = Timestamp(seconds * 1_000_000_000);
        Trade {
            id: TradeId(seconds.unsigned_abs()),
            kind: TradeKind::Trade,
            price: Price(price),
            quantity: Quantity(quantity),
            taker,
            trade_time: time,
            event_time: time,
            provenance: Provenance { received: time, offset: 0 },
        }
    }

    #[test]
    fn a_bar_sums_its_trades() {
        let mut bars = Bars::default();
        let mut watermark = Watermark::default();
        for trade in
            [trade(60, 10, 1, Taker::Buyer), trade(61, 14, 2, Taker::Seller), trade(119, 9, 3, Taker::Buyer)]
        {
            watermark.observe(trade.trade_time);
            bars.add(&trade, watermark).unwrap();
        }
        watermark.observe(Timestamp(149_999_999_999));
        assert_eq!(bars.close_next(watermark), None);
        watermark.observe(Timestamp(150_000_000_000));
        let bar = bars.close_next(watermark).unwrap();
        assert_eq!((bar.open, bar.high, bar.low, bar.close), (Price(10), Price(14), Price(9), Price(9)));
        assert_eq!((bar.volume, bar.quote_volume, bar.trades), (6, 65, 3));
        assert_eq!((bar.taker_buy_volume, bar.taker_buy_quote_volume), (4, 37));
        assert_eq!((bars.close_next(watermark), bars.open().count()), (None, 0));
    }

    #[test]
    fn a_late_trade_is_handed_back() {
        let mut watermark = Watermark::default();
        watermark.observe(Timestamp(150_000_000_000));
        let late = trade(119, 9, 3, Taker::Buyer);
        assert_eq!(Bars::default().add(&late, watermark), Err(LateTrade(late)));
    }

    #[test]
    fn open_bars_go_on_at_a_finer_scale() {
        let instrument = |price, quantity| {
            let scale = |decimals| Scale::new(decimals).unwrap();
            Instrument::with_scales(Symbol::new("X").unwrap(), scale(price), scale(quantity))
        };
        let (mut bars, mut expected) = (Bars::default(), Bars::default());
        bars.add(&trade(60, 10, 3, Taker::Buyer), Watermark::default()).unwrap();
        expected.add(&trade(60, 1_000, 30, Taker::Buyer), Watermark::default()).unwrap();
        assert!(bars.widen(&instrument(0, 0), &instrument(2, 1)));
        assert_eq!(bars, expected);
        assert!(!bars.widen(&instrument(2, 1), &instrument(0, 0)));
        assert_eq!(bars, expected);
    }

    proptest! {
        /// The slow twin groups all trades by minute at the end.
        #[test]
        fn every_trade_is_in_its_bar_or_late(
            trades in prop::collection::vec((0..600_i64, 1..50_i64, 1..9_i64), 1..200)
        ) {
            let (mut bars, mut watermark) = (Bars::default(), Watermark::default());
            let (mut closed, mut late) = (Vec::new(), Vec::new());
            for &(seconds, price, quantity) in &trades {
                let trade = trade(seconds, price, quantity, Taker::Buyer);
                watermark.observe(trade.trade_time);
                while let Some(bar) = bars.close_next(watermark) {
                    closed.push(bar);
                }
                if let Err(LateTrade(trade)) = bars.add(&trade, watermark) {
                    late.push(trade);
                }
            }
            closed.extend(bars.open().copied());
            let mut expected: BTreeMap<i64, (i128, u64)> = BTreeMap::new();
            for &(seconds, _, quantity) in &trades {
                let entry = expected.entry(seconds / 60).or_default();
                *entry = (entry.0 + i128::from(quantity), entry.1 + 1);
            }
            for trade in late {
                let entry = expected.get_mut(&(trade.trade_time.0 / 60_000_000_000)).unwrap();
                *entry = (entry.0 - i128::from(trade.quantity.0), entry.1 - 1);
            }
            expected.retain(|_, &mut (_, count)| count > 0);
            let found: BTreeMap<_, _> =
                closed.iter().map(|bar| (bar.open_time.0 / 60_000_000_000, (bar.volume, bar.trades))).collect();
            prop_assert_eq!(found.len(), closed.len());
            prop_assert_eq!(found, expected);
        }
    }
}
