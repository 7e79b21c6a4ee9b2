//! Views of a book as the venue gives them out. Prices and quantities are whole numbers at the listing's scales.

use std::collections::BTreeSet;

use depthlake_orderbook::time::Timestamp;

use super::matching::{LevelChange, Side};

/// Price and quantity.
pub(super) type PriceLevel = (i64, i64);

/// A book at one update id, best prices first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Depth {
    pub last_update_id: u64,
    pub time: Timestamp,
    pub bids: Vec<PriceLevel>,
    pub asks: Vec<PriceLevel>,
}

impl Depth {
    pub(super) fn truncate(&mut self, levels: usize) {
        self.bids.truncate(levels);
        self.asks.truncate(levels);
    }
}

/// What changed between two update ids: new quantities, zero where a level is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DepthDiff {
    pub first_update_id: u64,
    pub last_update_id: u64,
    /// The last id of the diff before.
    pub previous_update_id: u64,
    pub time: Timestamp,
    pub bids: Vec<PriceLevel>,
    pub asks: Vec<PriceLevel>,
}

/// Best bid and ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Touch {
    pub bid: PriceLevel,
    pub ask: PriceLevel,
}

/// The levels touched since the last diff of one stream; prices in ticks. A level that is again as it was belongs in the
/// diff too: a snapshot may have been taken in between.
#[derive(Debug)]
pub(super) struct PendingDiff {
    pub interval: u16,
    first_update_id: Option<u64>,
    previous_update_id: u64,
    bids: BTreeSet<i64>,
    asks: BTreeSet<i64>,
}

impl PendingDiff {
    pub(super) const fn new(interval: u16, last_update_id: u64) -> Self {
        Self {
            interval,
            first_update_id: None,
            previous_update_id: last_update_id,
            bids: BTreeSet::new(),
            asks: BTreeSet::new(),
        }
    }

    pub(super) fn note(&mut self, change: &LevelChange, update_id: u64) {
        self.first_update_id.get_or_insert(update_id);
        let touched = match change.side {
            Side::Bid => &mut self.bids,
            Side::Ask => &mut self.asks,
        };
        touched.insert(change.tick);
    }

    /// The diff up to `last_update_id` of the levels touched, bids and asks from the lowest price up, in ticks and lots; `None` where no update happened.
    pub(super) fn take(
        &mut self,
        last_update_id: u64,
        time: Timestamp,
        lots_at: impl Fn(Side, i64) -> i64,
    ) -> Option<DepthDiff> {
        let first_update_id = self.first_update_id.take()?;
        let previous_update_id = std::mem::replace(&mut self.previous_update_id, last_update_id);
        let levels = |touched: &mut BTreeSet<i64>, side: Side| {
            std::mem::take(touched).into_iter().map(|tick| (tick, lots_at(side, tick))).collect()
        };
        let bids = levels(&mut self.bids, Side::Bid);
        let asks = levels(&mut self.asks, Side::Ask);
        Some(DepthDiff { first_update_id, last_update_id, previous_update_id, time, bids, asks })
    }
}
