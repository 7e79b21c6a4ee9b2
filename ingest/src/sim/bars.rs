//! One-minute bars of a market's trades: the venue's own klines.

use std::collections::VecDeque;

use depthlake_orderbook::time::Timestamp;

/// Closed bars the venue still answers from.
const KEPT: usize = 1_000;

/// One trade; price and quantity in units of 10⁻⁸.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trade {
    pub id: u64,
    pub price: i64,
    pub quantity: i64,
    pub time: Timestamp,
    /// The seller was the aggressor.
    pub buyer_is_maker: bool,
}

/// A minute of trades; prices and volumes in units of 10⁻⁸, quote volumes in 10⁻¹⁶.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bar {
    pub open_time: Timestamp,
    pub trade_ids: Option<(u64, u64)>,
    pub open: i64,
    pub high: i64,
    pub low: i64,
    pub close: i64,
    pub volume: i128,
    pub quote_volume: i128,
    pub trades: u64,
    pub taker_buy_volume: i128,
    pub taker_buy_quote_volume: i128,
}

impl Bar {
    const fn empty(open_time: Timestamp, price: i64) -> Self {
        Self {
            open_time,
            trade_ids: None,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: 0,
            quote_volume: 0,
            trades: 0,
            taker_buy_volume: 0,
            taker_buy_quote_volume: 0,
        }
    }

    fn add(&mut self, trade: &Trade) {
        if self.trades == 0 {
            (self.open, self.high, self.low) = (trade.price, trade.price, trade.price);
        }
        self.trade_ids = Some((self.trade_ids.map_or(trade.id, |(first, _)| first), trade.id));
        self.high = self.high.max(trade.price);
        self.low = self.low.min(trade.price);
        self.close = trade.price;
        self.trades += 1;
        let quote = i128::from(trade.price) * i128::from(trade.quantity);
        self.volume += i128::from(trade.quantity);
        self.quote_volume += quote;
        if !trade.buyer_is_maker {
            self.taker_buy_volume += i128::from(trade.quantity);
            self.taker_buy_quote_volume += quote;
        }
    }
}

/// The running bar and those before it.
#[derive(Debug)]
pub(super) struct Bars {
    current: Bar,
    closed: VecDeque<Bar>,
}

impl Bars {
    pub(super) const fn new(start: Timestamp, price: i64) -> Self {
        Self { current: Bar::empty(start.minute(), price), closed: VecDeque::new() }
    }

    /// Adds a trade of the current minute: call [`Bars::advance`] with its time first.
    pub(super) fn add(&mut self, trade: &Trade) {
        self.current.add(trade);
    }

    /// Moves on to the minute of `time` and returns the bars that this closed; a minute without trades has one too.
    pub(super) fn advance(&mut self, time: Timestamp) -> Vec<Bar> {
        let mut closed = Vec::new();
        while self.current.open_time < time.minute() {
            let next = Bar::empty(self.current.open_time.next_minute(), self.current.close);
            closed.push(std::mem::replace(&mut self.current, next));
        }
        for bar in &closed {
            if self.closed.len() == KEPT {
                self.closed.pop_front();
            }
            self.closed.push_back(*bar);
        }
        closed
    }

    pub(super) const fn current(&self) -> &Bar {
        &self.current
    }

    /// The latest `limit` bars, the running one last.
    pub(super) fn latest(&self, limit: usize) -> Vec<Bar> {
        let all = self.closed.iter().chain(std::iter::once(&self.current));
        all.skip((self.closed.len() + 1).saturating_sub(limit)).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trade(id: u64, price: i64, second: i64, buyer_is_maker: bool) -> Trade {
        Trade { id, price, quantity: 2, time: Timestamp::from_milliseconds(second * 1_000), buyer_is_maker }
    }

    #[test]
    fn bars_follow_the_trades() {
        let mut bars = Bars::new(Timestamp(0), 50);
        for trade in [trade(7, 10, 1, true), trade(8, 12, 2, false), trade(9, 9, 59, false)] {
            assert!(bars.advance(trade.time).is_empty());
            bars.add(&trade);
        }
        let closed = bars.advance(Timestamp::from_milliseconds(121_000));
        let first = closed[0];
        assert_eq!((first.open, first.high, first.low, first.close), (10, 12, 9, 9));
        assert_eq!(
            (first.volume, first.quote_volume, first.trades, first.trade_ids),
            (6, 62, 3, Some((7, 9)))
        );
        assert_eq!((first.taker_buy_volume, first.taker_buy_quote_volume), (4, 42));
        assert_eq!((closed[1].open, closed[1].close, closed[1].trades, closed[1].trade_ids), (9, 9, 0, None));
        assert_eq!(bars.latest(2).len(), 2);
        assert_eq!(bars.latest(9).len(), 3);
    }
}
