//! The order book: every level a venue has told of, exactly.

mod ladder;

use std::fmt;

use crate::decimal::{Price, Quantity};
use crate::event::{DepthUpdate, Level, Snapshot, Touch, UpdateId};
use ladder::Ladder;

/// A side of the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Bid,
    Ask,
}

/// Both sides of one pair's book.
///
/// Setting a level costs O(1) near the touch and O(log n) outside a window of 16,384 ticks; best levels are O(1).
///
/// ```
/// use depthlake_orderbook::book::{Book, Side};
/// use depthlake_orderbook::decimal::{Price, Quantity};
/// use depthlake_orderbook::event::{Level, Snapshot, UpdateId};
///
/// let level = |price, quantity| Level { price: Price(price), quantity: Quantity(quantity) };
/// let mut book = Book::new();
/// book.load(&Snapshot {
///     last_update_id: UpdateId(7),
///     bids: vec![level(100, 5), level(99, 3)],
///     asks: vec![level(101, 2)],
///     bid_horizon: Some(Price(99)),
///     ..Snapshot::default()
/// });
/// assert_eq!(book.touch().unwrap().bid, level(100, 5));
/// assert_eq!(book.levels(Side::Bid).count(), 2);
/// // Between 100 and 95 there may be levels that the snapshot did not show.
/// assert_eq!(book.notional_to(Side::Bid, Price(95)), None);
/// ```
pub struct Book {
    bids: Ladder,
    asks: Ladder,
    update_id: UpdateId,
    bid_horizon: Option<Price>,
    ask_horizon: Option<Price>,
}

impl Default for Book {
    fn default() -> Self {
        Self::new()
    }
}

impl Book {
    #[must_use]
    pub fn new() -> Self {
        Self {
            bids: Ladder::new(),
            asks: Ladder::new(),
            update_id: UpdateId::default(),
            bid_horizon: None,
            ask_horizon: None,
        }
    }

    /// Replaces everything by a snapshot.
    pub fn load(&mut self, snapshot: &Snapshot) {
        self.bids.clear();
        self.asks.clear();
        self.set_levels(&snapshot.bids, &snapshot.asks);
        self.update_id = snapshot.last_update_id;
        self.bid_horizon = snapshot.bid_horizon;
        self.ask_horizon = snapshot.ask_horizon;
    }

    /// Applies one event as a whole; whether it follows is [`crate::sync`]'s to decide.
    pub fn apply(&mut self, update: &DepthUpdate) {
        self.set_levels(&update.bids, &update.asks);
        self.update_id = update.last;
    }

    /// The whole book as a snapshot, from which [`Book::load`] makes an equal book.
    #[must_use]
    pub fn to_snapshot(&self) -> Snapshot {
        Snapshot {
            last_update_id: self.update_id,
            bids: self.levels(Side::Bid).collect(),
            asks: self.levels(Side::Ask).collect(),
            bid_horizon: self.bid_horizon,
            ask_horizon: self.ask_horizon,
        }
    }

    /// The venue's id of the last change applied.
    #[must_use]
    pub const fn update_id(&self) -> UpdateId {
        self.update_id
    }

    /// Best bid and best ask; `None` while a side is empty.
    #[must_use]
    #[inline]
    pub fn touch(&self) -> Option<Touch> {
        Some(Touch { bid: self.best(Side::Bid)?, ask: self.best(Side::Ask)? })
    }

    /// The best level of a side.
    #[must_use]
    #[inline]
    pub fn best(&self, side: Side) -> Option<Level> {
        self.ladder(side).best().map(|level| side.level(level))
    }

    /// The quantity known to rest at a price; zero where there is none.
    #[must_use]
    pub fn quantity_at(&self, side: Side, price: Price) -> Quantity {
        Quantity(self.ladder(side).get(side.key(price)))
    }

    /// Levels of a side, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        self.ladder(side).iter().map(move |level| side.level(level))
    }

    /// How many levels of a side are known.
    #[must_use]
    pub fn depth(&self, side: Side) -> usize {
        self.ladder(side).len()
    }

    /// The price beyond which levels may exist that no message has told of; `None` where the whole side is known.
    #[must_use]
    pub const fn horizon(&self, side: Side) -> Option<Price> {
        match side {
            Side::Bid => self.bid_horizon,
            Side::Ask => self.ask_horizon,
        }
    }

    /// Whether every level of `side` from the best to `limit` is known.
    #[must_use]
    pub fn is_known_to(&self, side: Side, limit: Price) -> bool {
        self.horizon(side).is_none_or(|horizon| side.key(limit) >= side.key(horizon))
    }

    /// Σ price · quantity over the levels from the best to `limit`, in units of 10^-(price scale + quantity scale);
    /// `None` where the book is unknown before `limit`. O(levels within).
    #[must_use]
    pub fn notional_to(&self, side: Side, limit: Price) -> Option<i128> {
        if !self.is_known_to(side, limit) {
            return None;
        }
        let within = self.ladder(side).iter().take_while(|&(key, _)| key >= side.key(limit));
        Some(within.map(|(key, quantity)| i128::from(side.price(key).0) * i128::from(quantity)).sum())
    }

    fn set_levels(&mut self, bids: &[Level], asks: &[Level]) {
        for level in bids {
            self.bids.set(Side::Bid.key(level.price), level.quantity.0);
        }
        for level in asks {
            self.asks.set(Side::Ask.key(level.price), level.quantity.0);
        }
    }

    const fn ladder(&self, side: Side) -> &Ladder {
        match side {
            Side::Bid => &self.bids,
            Side::Ask => &self.asks,
        }
    }
}

impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Book")
            .field("update_id", &self.update_id)
            .field("touch", &self.touch())
            .field("bid_levels", &self.bids.len())
            .field("ask_levels", &self.asks.len())
            .finish_non_exhaustive()
    }
}

impl Side {
    /// The price turned so that greater is better.
    const fn key(self, price: Price) -> i64 {
        match self {
            Self::Bid => price.0,
            Self::Ask => -price.0,
        }
    }

    const fn price(self, key: i64) -> Price {
        match self {
            Self::Bid => Price(key),
            Self::Ask => Price(-key),
        }
    }

    const fn level(self, (key, quantity): (i64, i64)) -> Level {
        Level { price: self.price(key), quantity: Quantity(quantity) }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    pub(crate) fn level(price: i64, quantity: i64) -> Level {
        Level { price: Price(price), quantity: Quantity(quantity) }
    }

    /// The slow twin: two ordered maps.
    #[derive(Default)]
    pub(crate) struct TwinBook {
        pub bids: BTreeMap<i64, i64>,
        pub asks: BTreeMap<i64, i64>,
    }

    impl TwinBook {
        pub fn set(&mut self, bids: &[Level], asks: &[Level]) {
            for (side, levels) in [(&mut self.bids, bids), (&mut self.asks, asks)] {
                for level in levels {
                    if level.quantity.is_zero() {
                        side.remove(&level.price.0);
                    } else {
                        side.insert(level.price.0, level.quantity.0);
                    }
                }
            }
        }

        pub fn bids(&self) -> Vec<Level> {
            self.bids.iter().rev().map(|(&price, &quantity)| level(price, quantity)).collect()
        }

        pub fn asks(&self) -> Vec<Level> {
            self.asks.iter().map(|(&price, &quantity)| level(price, quantity)).collect()
        }
    }

    pub(crate) fn levels() -> impl Strategy<Value = Vec<Level>> {
        let price = prop_oneof![8 => 1_000_000..1_000_100_i64, 2 => 1..5_000_000_i64];
        prop::collection::vec(
            (price, prop_oneof![Just(0), 1..1_000_i64]).prop_map(|(p, q)| level(p, q)),
            0..12,
        )
    }

    proptest! {
        #[test]
        fn equals_two_ordered_maps(events in prop::collection::vec((levels(), levels()), 1..60)) {
            let (mut book, mut twin) = (Book::new(), TwinBook::default());
            for (number, (bids, asks)) in events.into_iter().enumerate() {
                twin.set(&bids, &asks);
                book.apply(&DepthUpdate { last: UpdateId(number as u64), bids, asks, ..DepthUpdate::default() });
                prop_assert_eq!(book.levels(Side::Bid).collect::<Vec<_>>(), twin.bids());
                prop_assert_eq!(book.levels(Side::Ask).collect::<Vec<_>>(), twin.asks());
                prop_assert_eq!(book.update_id(), UpdateId(number as u64));
            }
            let mut copy = Book::new();
            copy.load(&book.to_snapshot());
            prop_assert_eq!(copy.to_snapshot(), book.to_snapshot());
        }
    }

    #[test]
    fn beyond_the_horizon_is_unknown() {
        let mut book = Book::new();
        book.load(&Snapshot {
            bids: vec![level(100, 1), level(90, 2)],
            asks: vec![level(101, 1), level(110, 2)],
            bid_horizon: Some(Price(90)),
            ..Snapshot::default()
        });
        assert_eq!(book.notional_to(Side::Bid, Price(90)), Some(280));
        assert_eq!(book.notional_to(Side::Bid, Price(89)), None);
        assert_eq!(book.notional_to(Side::Ask, Price(1_000)), Some(321));
    }
}
