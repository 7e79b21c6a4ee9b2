//! A matching engine with price-time priority, in whole ticks and lots. No I/O, no clock, no randomness.
//!
//! Invariants: the book is never crossed; a level holds at least one order and its lots are the sum of its orders';
//! a trade happens at the resting order's price; what is matched leaves both sides.

use std::collections::btree_map::OccupiedEntry;
use std::collections::{BTreeMap, HashMap, VecDeque};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Side {
    Bid,
    Ask,
}

impl Side {
    pub(super) const fn opposite(self) -> Self {
        match self {
            Self::Bid => Self::Ask,
            Self::Ask => Self::Bid,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct OrderId(u64);

/// One trade: what a taker got from one resting order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fill {
    pub tick: i64,
    pub lots: i64,
}

/// The lots of a price level before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LevelChange {
    pub side: Side,
    pub tick: i64,
    pub before: i64,
    pub after: i64,
}

/// All that one order did to the book.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub fills: Vec<Fill>,
    /// In the order they happened; a level at most once.
    pub changes: Vec<LevelChange>,
    /// The order that stays in the book.
    pub resting: Option<OrderId>,
}

/// The orders of one market.
#[derive(Debug, Default)]
pub(super) struct MatchingEngine {
    bids: BTreeMap<i64, Level>,
    asks: BTreeMap<i64, Level>,
    orders: HashMap<OrderId, (Side, i64)>,
    last_order: u64,
}

#[derive(Debug, Default)]
struct Level {
    lots: i64,
    queue: VecDeque<Resting>,
}

#[derive(Debug)]
struct Resting {
    id: OrderId,
    lots: i64,
}

impl MatchingEngine {
    /// Matches up to `lots` at `tick` or better and lets the rest stand in the book. `lots` must be above 0.
    pub(super) fn limit(&mut self, side: Side, tick: i64, lots: i64) -> Outcome {
        let mut outcome = Outcome::default();
        let rest = self.take(side, Some(tick), lots, &mut outcome);
        if rest > 0 {
            outcome.resting = Some(self.rest(side, tick, rest, &mut outcome));
        }
        outcome
    }

    /// Matches up to `lots` at any price; what finds no counterpart is forgotten.
    pub(super) fn market(&mut self, side: Side, lots: i64) -> Outcome {
        let mut outcome = Outcome::default();
        self.take(side, None, lots, &mut outcome);
        outcome
    }

    /// Takes an order out of the book; `None` where it is no longer there.
    pub(super) fn cancel(&mut self, id: OrderId) -> Option<LevelChange> {
        let (side, tick) = self.orders.remove(&id)?;
        let levels = self.levels_mut(side);
        let level = levels.get_mut(&tick)?;
        let position = level.queue.iter().position(|order| order.id == id)?;
        let order = level.queue.remove(position)?;
        let before = level.lots;
        level.lots -= order.lots;
        let after = level.lots;
        if level.queue.is_empty() {
            levels.remove(&tick);
        }
        Some(LevelChange { side, tick, before, after })
    }

    /// Side and tick of an order that is still in the book.
    pub(super) fn order(&self, id: OrderId) -> Option<(Side, i64)> {
        self.orders.get(&id).copied()
    }

    /// Tick and lots of the best level.
    pub(super) fn best(&self, side: Side) -> Option<(i64, i64)> {
        let (tick, level) = match side {
            Side::Bid => self.bids.last_key_value()?,
            Side::Ask => self.asks.first_key_value()?,
        };
        Some((*tick, level.lots))
    }

    /// The best `limit` levels as (tick, lots), best first.
    pub(super) fn depth(&self, side: Side, limit: usize) -> Vec<(i64, i64)> {
        let shown = |(tick, level): (&i64, &Level)| (*tick, level.lots);
        match side {
            Side::Bid => self.bids.iter().rev().take(limit).map(shown).collect(),
            Side::Ask => self.asks.iter().take(limit).map(shown).collect(),
        }
    }

    pub(super) fn lots_at(&self, side: Side, tick: i64) -> i64 {
        self.levels(side).get(&tick).map_or(0, |level| level.lots)
    }

    pub(super) fn level_count(&self, side: Side) -> usize {
        self.levels(side).len()
    }

    /// Counts all prices in ticks that are `factor` times finer.
    pub(super) fn refine(&mut self, factor: i64) {
        for levels in [&mut self.bids, &mut self.asks] {
            *levels =
                std::mem::take(levels).into_iter().map(|(tick, level)| (tick * factor, level)).collect();
        }
        for (_, tick) in self.orders.values_mut() {
            *tick *= factor;
        }
    }

    fn take(&mut self, taker: Side, limit: Option<i64>, lots: i64, outcome: &mut Outcome) -> i64 {
        let maker = taker.opposite();
        let mut open = lots;
        while open > 0 {
            let Some(mut best) = best_entry(self.levels_mut(maker), maker) else { break };
            let tick = *best.key();
            let too_dear = limit.is_some_and(|limit| match taker {
                Side::Bid => tick > limit,
                Side::Ask => tick < limit,
            });
            if too_dear {
                break;
            }
            let level = best.get_mut();
            let before = level.lots;
            let mut finished = Vec::new();
            while open > 0
                && let Some(order) = level.queue.front_mut()
            {
                let filled = open.min(order.lots);
                open -= filled;
                order.lots -= filled;
                level.lots -= filled;
                outcome.fills.push(Fill { tick, lots: filled });
                if order.lots == 0 {
                    finished.push(order.id);
                    level.queue.pop_front();
                }
            }
            outcome.changes.push(LevelChange { side: maker, tick, before, after: level.lots });
            if level.queue.is_empty() {
                best.remove();
            }
            for id in finished {
                self.orders.remove(&id);
            }
        }
        open
    }

    fn rest(&mut self, side: Side, tick: i64, lots: i64, outcome: &mut Outcome) -> OrderId {
        self.last_order += 1;
        let id = OrderId(self.last_order);
        self.orders.insert(id, (side, tick));
        let level = self.levels_mut(side).entry(tick).or_default();
        let before = level.lots;
        level.lots += lots;
        level.queue.push_back(Resting { id, lots });
        outcome.changes.push(LevelChange { side, tick, before, after: level.lots });
        id
    }

    const fn levels(&self, side: Side) -> &BTreeMap<i64, Level> {
        match side {
            Side::Bid => &self.bids,
            Side::Ask => &self.asks,
        }
    }

    const fn levels_mut(&mut self, side: Side) -> &mut BTreeMap<i64, Level> {
        match side {
            Side::Bid => &mut self.bids,
            Side::Ask => &mut self.asks,
        }
    }
}

fn best_entry(levels: &mut BTreeMap<i64, Level>, side: Side) -> Option<OccupiedEntry<'_, i64, Level>> {
    match side {
        Side::Bid => levels.last_entry(),
        Side::Ask => levels.first_entry(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Order {
        Limit(Side, i64, i64),
        Market(Side, i64),
        Cancel(usize),
    }

    fn orders() -> impl Strategy<Value = Vec<Order>> {
        let side = prop_oneof![Just(Side::Bid), Just(Side::Ask)];
        let order = prop_oneof![
            4 => (side.clone(), 90..110_i64, 1..20_i64).prop_map(|(side, tick, lots)| Order::Limit(side, tick, lots)),
            1 => (side, 1..40_i64).prop_map(|(side, lots)| Order::Market(side, lots)),
            2 => (0..50_usize).prop_map(Order::Cancel),
        ];
        prop::collection::vec(order, 1..200)
    }

    /// The slow twin: all orders in one list, searched from the front.
    #[derive(Default)]
    struct Twin {
        orders: Vec<(OrderId, Side, i64, i64)>,
    }

    impl Twin {
        fn take(&mut self, side: Side, limit: Option<i64>, mut lots: i64) -> (Vec<Fill>, i64) {
            let mut fills = Vec::new();
            loop {
                let maker = side.opposite();
                let better = |tick: i64| if maker == Side::Bid { -tick } else { tick };
                let candidates = self.orders.iter().enumerate().filter(|(_, order)| order.1 == maker);
                let Some((at, tick)) = candidates
                    .min_by_key(|(at, order)| (better(order.2), *at))
                    .map(|(at, order)| (at, order.2))
                else {
                    break;
                };
                if lots == 0 || limit.is_some_and(|limit| better(tick) > better(limit)) {
                    break;
                }
                let filled = lots.min(self.orders[at].3);
                lots -= filled;
                self.orders[at].3 -= filled;
                fills.push(Fill { tick, lots: filled });
                if self.orders[at].3 == 0 {
                    self.orders.remove(at);
                }
            }
            (fills, lots)
        }

        fn depth(&self, side: Side) -> Vec<(i64, i64)> {
            let mut levels: BTreeMap<i64, i64> = BTreeMap::new();
            for order in self.orders.iter().filter(|order| order.1 == side) {
                *levels.entry(order.2).or_default() += order.3;
            }
            let levels: Vec<_> = levels.into_iter().collect();
            if side == Side::Bid { levels.into_iter().rev().collect() } else { levels }
        }
    }

    proptest! {
        #[test]
        fn equals_its_slow_twin_and_is_never_crossed(orders in orders()) {
            let mut engine = MatchingEngine::default();
            let mut twin = Twin::default();
            let mut told: HashMap<(bool, i64), i64> = HashMap::new();
            for order in orders {
                let outcome = match order {
                    Order::Limit(side, tick, lots) => {
                        let outcome = engine.limit(side, tick, lots);
                        let (fills, rest) = twin.take(side, Some(tick), lots);
                        prop_assert_eq!(&outcome.fills, &fills);
                        prop_assert_eq!(outcome.resting.is_some(), rest > 0);
                        if let Some(id) = outcome.resting {
                            twin.orders.push((id, side, tick, rest));
                        }
                        outcome
                    }
                    Order::Market(side, lots) => {
                        let outcome = engine.market(side, lots);
                        prop_assert_eq!(&outcome.fills, &twin.take(side, None, lots).0);
                        outcome
                    }
                    Order::Cancel(nth) if !twin.orders.is_empty() => {
                        let (id, ..) = twin.orders.remove(nth % twin.orders.len());
                        let change = engine.cancel(id);
                        prop_assert!(change.is_some());
                        prop_assert_eq!(engine.cancel(id), None);
                        Outcome { changes: change.into_iter().collect(), ..Outcome::default() }
                    }
                    Order::Cancel(_) => Outcome::default(),
                };
                for change in outcome.changes {
                    let level = told.entry((change.side == Side::Bid, change.tick)).or_default();
                    prop_assert_eq!(*level, change.before);
                    *level = change.after;
                }
                for side in [Side::Bid, Side::Ask] {
                    prop_assert_eq!(engine.depth(side, usize::MAX), twin.depth(side));
                    for (tick, lots) in engine.depth(side, usize::MAX) {
                        prop_assert_eq!(told.get(&(side == Side::Bid, tick)), Some(&lots));
                    }
                }
                if let (Some((bid, _)), Some((ask, _))) = (engine.best(Side::Bid), engine.best(Side::Ask)) {
                    prop_assert!(bid < ask);
                }
            }
        }
    }

    #[test]
    fn earlier_orders_trade_first_and_finer_ticks_keep_the_book() {
        let mut engine = MatchingEngine::default();
        let first = engine.limit(Side::Ask, 101, 5).resting.unwrap();
        let second = engine.limit(Side::Ask, 101, 7).resting.unwrap();
        engine.refine(10);
        let outcome = engine.limit(Side::Bid, 1_011, 6);
        assert_eq!(outcome.fills, [Fill { tick: 1_010, lots: 5 }, Fill { tick: 1_010, lots: 1 }]);
        assert_eq!((engine.order(first), engine.order(second)), (None, Some((Side::Ask, 1_010))));
        assert_eq!(engine.best(Side::Ask), Some((1_010, 6)));
    }
}
