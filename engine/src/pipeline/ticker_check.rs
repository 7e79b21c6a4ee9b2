//! Compares best bid and ask with the venue's own, wherever the update ids coincide.

use std::collections::VecDeque;

use depthlake_orderbook::event::{BookTicker, Touch, UpdateId};

use super::Agreement;

/// Touches and tickers that wait for each other. Each list is in order of update id, for that is how a venue sends them.
#[derive(Debug, Clone)]
pub(super) struct TickerCheck {
    touches: VecDeque<(UpdateId, Touch)>,
    tickers: VecDeque<BookTicker>,
    agreement: Agreement,
}

/// The venue's best bid or ask is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Disagreement {
    pub update_id: UpdateId,
    pub ours: Touch,
    pub venue: Touch,
}

impl TickerCheck {
    /// A venue sends tickers ahead of the diffs by up to the diffs' interval, and behind them by far less.
    const MOST_TICKERS: usize = 1_024;
    const MOST_TOUCHES: usize = 256;

    /// With room for all that it will keep.
    pub(super) fn new() -> Self {
        Self {
            touches: VecDeque::with_capacity(Self::MOST_TOUCHES),
            tickers: VecDeque::with_capacity(Self::MOST_TICKERS),
            agreement: Agreement::default(),
        }
    }

    pub(super) const fn agreement(&self) -> Agreement {
        self.agreement
    }

    /// Forgets what waits: a new book begins.
    pub(super) fn restart(&mut self) {
        self.touches.clear();
        self.tickers.clear();
    }

    pub(super) fn touch(&mut self, update_id: UpdateId, ours: Touch) -> Option<Disagreement> {
        let mut found = None;
        while let Some(ticker) = self.tickers.front().filter(|ticker| ticker.update_id <= update_id) {
            if ticker.update_id == update_id {
                found = self.compare(update_id, ours, ticker.touch).or(found);
            }
            self.tickers.pop_front();
        }
        if self.touches.len() == Self::MOST_TOUCHES {
            self.touches.pop_front();
        }
        self.touches.push_back((update_id, ours));
        found
    }

    pub(super) fn ticker(&mut self, ticker: &BookTicker) -> Option<Disagreement> {
        if let Ok(index) = self.touches.binary_search_by_key(&ticker.update_id, |&(id, _)| id) {
            return self.compare(ticker.update_id, self.touches[index].1, ticker.touch);
        }
        let is_ahead = self.touches.back().is_none_or(|&(last, _)| ticker.update_id > last);
        let is_in_order = self.tickers.back().is_none_or(|last| ticker.update_id >= last.update_id);
        if is_ahead && is_in_order {
            if self.tickers.len() == Self::MOST_TICKERS {
                self.tickers.pop_front();
            }
            self.tickers.push_back(*ticker);
        }
        None
    }

    fn compare(&mut self, update_id: UpdateId, ours: Touch, venue: Touch) -> Option<Disagreement> {
        if ours == venue {
            self.agreement.agreed += 1;
            return None;
        }
        self.agreement.disagreed += 1;
        Some(Disagreement { update_id, ours, venue })
    }
}

#[cfg(test)]
mod tests {
    use depthlake_orderbook::decimal::{Price, Quantity};
    use depthlake_orderbook::event::Level;

    use super::*;

    fn touch(price: i64) -> Touch {
        let level = |price| Level { price: Price(price), quantity: Quantity(1) };
        Touch { bid: level(price), ask: level(price + 1) }
    }

    fn ticker(id: u64, price: i64) -> BookTicker {
        BookTicker { update_id: UpdateId(id), touch: touch(price) }
    }

    #[test]
    fn tickers_before_and_after_their_touch_are_compared() {
        let mut check = TickerCheck::new();
        for ticker in [ticker(1, 5), ticker(3, 5), ticker(4, 6)] {
            assert_eq!(check.ticker(&ticker), None);
        }
        assert_eq!(check.touch(UpdateId(3), touch(5)), None);
        assert!(check.touch(UpdateId(4), touch(7)).is_some());
        assert_eq!(check.ticker(&ticker(4, 7)), None);
        assert_eq!(check.agreement(), Agreement { agreed: 2, disagreed: 1 });
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut check = TickerCheck::new();
        for id in 0..10_000 {
            check.ticker(&ticker(id, 5));
        }
        for id in 10_000..20_000 {
            check.touch(UpdateId(id), touch(5));
        }
        assert_eq!((check.tickers.len(), check.touches.len()), (0, TickerCheck::MOST_TOUCHES));
    }
}
