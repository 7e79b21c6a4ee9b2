//! A whole book on its way into a journal or a base.

use depthlake_orderbook::book::{Book, Side};
use depthlake_orderbook::decimal::Price;

use super::layout::Geometry;
use super::record::{self, Ground, Moment, WHOLE_HEAD};
use super::region::{Places, store};

/// A book, cut to what a base has room for. Beyond the cut it is unknown, as beyond the end of a venue's snapshot.
pub(super) struct WholeBook<'a> {
    book: &'a Book,
    moment: Moment,
    ground: Ground,
    bids: usize,
    asks: usize,
}

impl<'a> WholeBook<'a> {
    /// The horizons in `ground` are overwritten by those of the book and the cut.
    pub(super) fn cut(book: &'a Book, moment: Moment, ground: Ground, geometry: Geometry) -> Self {
        let most = (geometry.base_entries() - WHOLE_HEAD) / 2;
        let [(bids, bid_horizon), (asks, ask_horizon)] =
            [Side::Bid, Side::Ask].map(|side| cut(book, side, most));
        Self { book, moment, ground: Ground { bid_horizon, ask_horizon, ..ground }, bids, asks }
    }

    pub(super) const fn entries(&self) -> usize {
        WHOLE_HEAD + self.bids + self.asks
    }

    pub(super) fn store(&self, places: &mut Places<'_>) {
        let head = record::whole_head(&self.moment, &self.ground, self.bids, self.asks);
        store(places, head.into_iter());
        store(places, self.book.levels(Side::Bid).take(self.bids).map(record::level_words));
        store(places, self.book.levels(Side::Ask).take(self.asks).map(record::level_words));
    }
}

/// How many levels of a side are kept, and beyond which price it is unknown then.
fn cut(book: &Book, side: Side, most: usize) -> (usize, Option<Price>) {
    let horizon = book.horizon(side);
    let depth = book.depth(side);
    if depth <= most {
        return (depth, horizon);
    }
    let last = book.levels(side).nth(most - 1).map(|level| level.price);
    let nearer = match (side, horizon, last) {
        (Side::Bid, Some(horizon), Some(last)) => Some(horizon.max(last)),
        (Side::Ask, Some(horizon), Some(last)) => Some(horizon.min(last)),
        (_, horizon, last) => last.or(horizon),
    };
    (most, nearer)
}
