//! The order book: every level a venue has told of, exactly.

mod depth_bands;
mod far;
mod ladder;
mod top_levels;
mod window;

use std::fmt;

use crate::decimal::{Price, Quantity};
use crate::event::{DepthUpdate, Level, Snapshot, Touch, UpdateId};
use depth_bands::{DepthBands, ask_limits, bid_limits};
use ladder::Ladder;

pub use depth_bands::DEPTH_BPS;
pub use top_levels::TopLevels;

/// A side of the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Bid,
    Ask,
}

/// Both sides of one pair's book.
///
/// Setting a level costs O(1) within a window of 32,768 ticks around the touch and O(log n) outside it; best levels are O(1),
/// and so is the depth within [`DEPTH_BPS`] of the mid.
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
#[derive(Clone)]
pub struct Book {
    bids: BookSide,
    asks: BookSide,
    update_id: UpdateId,
    /// Twice the mid that the depth bands follow.
    measured_mid: Option<i64>,
}

#[derive(Clone)]
struct BookSide {
    ladder: Ladder,
    depth: DepthBands,
    horizon: Option<Price>,
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
            bids: BookSide::new(),
            asks: BookSide::new(),
            update_id: UpdateId::default(),
            measured_mid: None,
        }
    }

    /// Replaces everything by a snapshot.
    pub fn load(&mut self, snapshot: &Snapshot) {
        self.bids.load(Side::Bid, &snapshot.bids, snapshot.bid_horizon);
        self.asks.load(Side::Ask, &snapshot.asks, snapshot.ask_horizon);
        self.update_id = snapshot.last_update_id;
        self.measured_mid = None;
        self.measure_depth();
    }

    /// Applies one event as a whole; whether it follows is [`crate::sync`]'s to decide.
    pub fn apply(&mut self, update: &DepthUpdate) {
        self.bids.apply(Side::Bid, &update.bids);
        self.asks.apply(Side::Ask, &update.asks);
        self.update_id = update.last;
        self.measure_depth();
    }

    /// The whole book as a snapshot, from which [`Book::load`] makes an equal book.
    #[must_use]
    pub fn to_snapshot(&self) -> Snapshot {
        Snapshot {
            last_update_id: self.update_id,
            bids: self.levels(Side::Bid).collect(),
            asks: self.levels(Side::Ask).collect(),
            bid_horizon: self.bids.horizon,
            ask_horizon: self.asks.horizon,
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
        self.side(side).ladder.best().map(|level| side.level(level))
    }

    /// The quantity known to rest at a price; zero where there is none.
    #[must_use]
    pub fn quantity_at(&self, side: Side, price: Price) -> Quantity {
        Quantity(self.side(side).ladder.get(side.key(price)))
    }

    /// Levels of a side, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        self.side(side).ladder.levels().map(move |level| side.level(level))
    }

    /// The best levels of a side, up to `N`. Much faster than [`Book::levels`].
    #[must_use]
    #[inline]
    pub fn top<const N: usize>(&self, side: Side) -> TopLevels<N> {
        let mut top = TopLevels::EMPTY;
        self.top_into(side, &mut top);
        top
    }

    /// [`Book::top`], put in the place of what `top` held.
    #[inline]
    pub fn top_into<const N: usize>(&self, side: Side, top: &mut TopLevels<N>) {
        top.refill(|places| self.side(side).ladder.best_into(places, |level| side.level(level)));
    }

    /// How many levels of a side are known.
    #[must_use]
    pub fn depth(&self, side: Side) -> usize {
        self.side(side).ladder.len()
    }

    /// The price beyond which levels may exist that no message has told of; `None` where the whole side is known.
    #[must_use]
    pub const fn horizon(&self, side: Side) -> Option<Price> {
        self.side(side).horizon
    }

    /// Whether every level of `side` from the best to `limit` is known.
    #[must_use]
    pub fn is_known_to(&self, side: Side, limit: Price) -> bool {
        self.horizon(side).is_none_or(|horizon| side.key(limit) <= side.key(horizon))
    }

    /// Σ price · quantity over the levels from the best to `limit`, in units of 10^-(price scale + quantity scale);
    /// `None` where the book is unknown before `limit`, or the sum has no room. O(levels within).
    #[must_use]
    pub fn notional_to(&self, side: Side, limit: Price) -> Option<i128> {
        if !self.is_known_to(side, limit) {
            return None;
        }
        let within = self.side(side).ladder.levels().take_while(|&(key, _)| key <= side.key(limit));
        let mut notionals =
            within.map(|(key, quantity)| i128::from(side.price(key).0) * i128::from(quantity));
        notionals.try_fold(0, i128::checked_add)
    }

    /// [`Book::notional_to`] the last price within each of [`DEPTH_BPS`] of the mid; meaningless while a side is empty.
    /// O(1).
    #[must_use]
    #[inline]
    pub fn notional_within(&self, side: Side) -> [Option<i128>; DEPTH_BPS.len()] {
        let depth = &self.side(side).depth;
        let mut notionals = [None; DEPTH_BPS.len()];
        for (notional, (limit, keys)) in notionals.iter_mut().zip(depth.bands()) {
            if self.is_known_to(side, side.price(limit)) {
                *notional = Some(keys.wrapping_mul(side.sign()));
            }
        }
        notionals
    }

    /// Lets the depth bands follow the mid.
    #[inline]
    fn measure_depth(&mut self) {
        let Some(touch) = self.touch() else { return };
        let twice_mid = touch.bid.price.0.saturating_add(touch.ask.price.0);
        if self.measured_mid.replace(twice_mid) != Some(twice_mid) {
            let key = |limit: i64| Side::Bid.key(Price(limit));
            self.bids.depth.move_to(bid_limits(twice_mid).map(key), &self.bids.ladder);
            self.asks.depth.move_to(ask_limits(twice_mid), &self.asks.ladder);
        }
    }

    const fn side(&self, side: Side) -> &BookSide {
        match side {
            Side::Bid => &self.bids,
            Side::Ask => &self.asks,
        }
    }
}

impl BookSide {
    fn new() -> Self {
        Self { ladder: Ladder::new(), depth: DepthBands::EMPTY, horizon: None }
    }

    fn load(&mut self, side: Side, levels: &[Level], horizon: Option<Price>) {
        self.ladder.load(levels.iter().map(|level| (side.key(level.price), level.quantity.0)));
        self.depth = DepthBands::EMPTY;
        self.horizon = horizon;
    }

    #[inline]
    fn apply(&mut self, side: Side, levels: &[Level]) {
        let event = levels.iter().map(|level| (side.key(level.price), level.quantity.0));
        self.ladder.apply(event, |key, change| self.depth.changed(key, change));
    }
}

impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Book")
            .field("update_id", &self.update_id)
            .field("touch", &self.touch())
            .field("bid_levels", &self.depth(Side::Bid))
            .field("ask_levels", &self.depth(Side::Ask))
            .finish_non_exhaustive()
    }
}

impl Side {
    /// The price turned so that lesser is better.
    #[inline]
    const fn key(self, price: Price) -> i64 {
        match self {
            Self::Bid => price.0.wrapping_neg(),
            Self::Ask => price.0,
        }
    }

    #[inline]
    const fn price(self, key: i64) -> Price {
        match self {
            Self::Bid => Price(key.wrapping_neg()),
            Self::Ask => Price(key),
        }
    }

    const fn sign(self) -> i128 {
        match self {
            Self::Bid => -1,
            Self::Ask => 1,
        }
    }

    #[inline]
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
                prop_assert_eq!(&book.top::<5>(Side::Ask)[..], &twin.asks()[..twin.asks.len().min(5)]);
                assert_depth_is_summed(&book);
            }
            let mut copy = Book::new();
            copy.load(&book.to_snapshot());
            prop_assert_eq!(copy.to_snapshot(), book.to_snapshot());
        }
    }

    /// The depth kept level by level against a sum over all levels within, for limits found by another formula.
    fn assert_depth_is_summed(book: &Book) {
        let Some(touch) = book.touch() else { return };
        let twice_mid = i128::from(touch.bid.price.0 + touch.ask.price.0);
        for side in [Side::Bid, Side::Ask] {
            let summed = DEPTH_BPS.map(|bps| {
                let from_mid = |level: &Level| i128::from(level.price.0) * 20_000 - twice_mid * 10_000;
                let is_within = |level: &Level| side.sign() * from_mid(level) <= twice_mid * i128::from(bps);
                let notional = |level: Level| i128::from(level.price.0) * i128::from(level.quantity.0);
                Some(book.levels(side).filter(is_within).map(notional).sum::<i128>())
            });
            assert_eq!(book.notional_within(side), summed, "{side:?} {book:?}");
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
