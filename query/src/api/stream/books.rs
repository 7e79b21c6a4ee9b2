//! Books as they change: first whole, then the levels that are not what they were.

use std::cmp::Ordering;

use depthlake_engine::board::LADDER_LEVELS;
use depthlake_orderbook::book::Side;
use depthlake_orderbook::decimal::{Price, Quantity};
use depthlake_orderbook::event::Level;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use super::begin_message;
use super::topic::Topic;
use crate::api::encode::{self, BookView, Units};
use crate::api::full_depth::FullDepth;
use crate::json_text::JsonText;
use crate::live::{Board, Condition, Market};

/// A book as its audience knows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ShownBook {
    symbol: Symbol,
    epoch: u64,
    update_id: u64,
    event_time: Timestamp,
    receive_time: Timestamp,
    condition: Condition,
    units: Units,
    horizon: [Option<Price>; 2],
    bids: Vec<Level>,
    asks: Vec<Level>,
}

impl ShownBook {
    /// The best `depth` levels as they are now; `None` where they cannot be read now.
    pub(super) fn look(
        board: &Board,
        (market, full_depth): (&Market, &FullDepth),
        (symbol, depth): (Symbol, usize),
        is_writer_alive: bool,
    ) -> Option<Self> {
        let quote = board.quote(symbol).ok()??;
        if depth <= LADDER_LEVELS {
            let view = BookView::of_quote(&quote, is_writer_alive);
            let levels = |levels: &[Level]| levels.iter().copied().take(depth).collect();
            let row = &quote.row;
            return Some(Self::of(symbol, &view, row.epoch, levels(&row.bids), levels(&row.asks)));
        }
        let look = |copy: &depthlake_engine::depth::DepthBook| {
            let view = BookView::of_depth(symbol.as_str(), copy, quote.condition(is_writer_alive));
            let levels = |side| copy.book().levels(side).take(depth).collect();
            Self::of(symbol, &view, copy.epoch(), levels(Side::Bid), levels(Side::Ask))
        };
        full_depth.with(market, symbol, look).ok()
    }

    fn of(symbol: Symbol, view: &BookView<'_>, epoch: u64, bids: Vec<Level>, asks: Vec<Level>) -> Self {
        Self {
            symbol,
            epoch,
            update_id: view.update_id,
            event_time: view.event_time,
            receive_time: view.receive_time,
            condition: view.condition,
            units: view.scales,
            horizon: view.horizon,
            bids,
            asks,
        }
    }

    /// Whether there is nothing to tell those who know `before`.
    pub(super) fn says_the_same(&self, before: &Self) -> bool {
        self.update_id == before.update_id
            && self.condition == before.condition
            && self.epoch == before.epoch
            && self.units == before.units
    }

    /// Whether levels may have jumped, so that everybody is told the whole.
    pub(super) fn begins_anew(&self, before: &Self) -> bool {
        self.epoch != before.epoch || self.units != before.units || self.horizon != before.horizon
    }

    /// Writes a message with all levels.
    pub(super) fn write_whole(&self, json: &mut JsonText, topic: &Topic, seq: u64, now: Timestamp) {
        begin_message(json, topic, seq, now);
        json.raw(",\"type\":\"snapshot\",");
        self.write(json, &self.bids, &self.asks);
        encode::book_horizon(json, &self.view());
        json.raw("}");
    }

    /// Writes a message with the levels that are not as in `before`; those that are gone have the quantity 0.
    pub(super) fn write_changes(
        &self,
        before: &Self,
        (json, topic): (&mut JsonText, &Topic),
        seq: u64,
        now: Timestamp,
    ) {
        begin_message(json, topic, seq, now);
        json.raw(",\"type\":\"update\",");
        let bids = changes(&before.bids, &self.bids, |one, other| other.cmp(&one));
        let asks = changes(&before.asks, &self.asks, |one, other| one.cmp(&other));
        self.write(json, &bids, &asks);
        json.raw("}");
    }

    /// The symbol stands in the message already.
    fn write(&self, json: &mut JsonText, bids: &[Level], asks: &[Level]) {
        json.raw("\"update_id\":");
        json.integer(self.update_id);
        json.raw(",\"event_time\":");
        json.time(self.event_time);
        json.raw(",\"receive_time\":");
        json.time(self.receive_time);
        json.raw(",\"state\":");
        json.plain(self.condition.name());
        json.raw(",\"bids\":");
        encode::levels(json, bids.iter().copied(), self.units);
        json.raw(",\"asks\":");
        encode::levels(json, asks.iter().copied(), self.units);
    }

    fn view(&self) -> BookView<'_> {
        BookView {
            symbol: self.symbol.as_str(),
            update_id: self.update_id,
            event_time: self.event_time,
            receive_time: self.receive_time,
            condition: self.condition,
            scales: self.units,
            horizon: self.horizon,
        }
    }
}

/// The levels by which `after` differs from `before`, both best first by `order`. O(levels of both).
fn changes(before: &[Level], after: &[Level], order: impl Fn(Price, Price) -> Ordering) -> Vec<Level> {
    let (mut before, mut after) = (before.iter().peekable(), after.iter().peekable());
    let mut changed = Vec::new();
    loop {
        let ordering = match (before.peek(), after.peek()) {
            (None, None) => return changed,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => order(old.price, new.price),
        };
        match ordering {
            Ordering::Less => {
                changed.extend(before.next().map(|old| Level { quantity: Quantity::ZERO, ..*old }));
            }
            Ordering::Greater => changed.extend(after.next()),
            Ordering::Equal => {
                let (old, new) = (before.next(), after.next());
                changed.extend(new.filter(|_| old != new));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn side(levels: &BTreeMap<i64, i64>) -> Vec<Level> {
        levels
            .iter()
            .map(|(price, quantity)| Level { price: Price(*price), quantity: Quantity(*quantity) })
            .collect()
    }

    proptest! {
        #[test]
        fn changes_make_the_one_of_the_other(
            before in prop::collection::btree_map(0..40_i64, 1..4_i64, 0..20),
            after in prop::collection::btree_map(0..40_i64, 1..4_i64, 0..20),
        ) {
            let changed = changes(&side(&before), &side(&after), |one, other| one.cmp(&other));
            let mut made = before.clone();
            for level in &changed {
                if level.quantity.is_zero() {
                    made.remove(&level.price.0);
                } else {
                    made.insert(level.price.0, level.quantity.0);
                }
            }
            prop_assert_eq!(made, after.clone());
            let same = before.iter().filter(|(price, quantity)| after.get(price) == Some(quantity)).count();
            prop_assert!(changed.len() <= before.len() + after.len() - 2 * same, "only what differs is told");
        }
    }
}
