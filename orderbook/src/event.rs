//! Market events, decoded: what a venue's messages say, in exact numbers.

use crate::decimal::{Price, Quantity};
use crate::time::Timestamp;

/// The venue's counter of changes to one book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UpdateId(pub u64);

/// The venue's number of a trade, or of an aggregate of trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TradeId(pub u64);

/// A price and the whole quantity resting at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Level {
    pub price: Price,
    pub quantity: Quantity,
}

impl Level {
    /// No level: nothing rests at nothing.
    pub const NONE: Self = Self { price: Price(0), quantity: Quantity::ZERO };
}

/// Where an event came from: enough to find its frame again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Provenance {
    /// When the frame was received.
    pub received: Timestamp,
    /// The frame's offset in its raw topic's partition.
    pub offset: u64,
}

/// Changes to a book between two update ids; quantities are absolute, zero removes the level.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DepthUpdate {
    /// The first update id covered (`U`).
    pub first: UpdateId,
    /// The last update id covered (`u`).
    pub last: UpdateId,
    /// The last update id of the event before (`pu`); futures only.
    pub previous: Option<UpdateId>,
    pub event_time: Timestamp,
    pub bids: Vec<Level>,
    pub asks: Vec<Level>,
    pub provenance: Provenance,
}

/// A book as the venue's REST interface gives it, best levels first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    pub last_update_id: UpdateId,
    pub bids: Vec<Level>,
    pub asks: Vec<Level>,
    /// The last bid price, where the venue cut the list there: what lies below is unknown.
    pub bid_horizon: Option<Price>,
    /// The last ask price, where the venue cut the list there: what lies above is unknown.
    pub ask_horizon: Option<Price>,
}

/// Best bid and best ask at one update id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Touch {
    pub bid: Level,
    pub ask: Level,
}

/// The venue's own best bid and ask, an oracle for the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BookTicker {
    pub update_id: UpdateId,
    pub touch: Touch,
}

/// The side that crossed the spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taker {
    Buyer,
    Seller,
}

/// One trade, or trades of one taker order at one price, aggregated by the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TradeKind {
    Trade,
    Aggregate { first: TradeId, last: TradeId },
}

/// A trade on the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trade {
    pub id: TradeId,
    pub kind: TradeKind,
    pub price: Price,
    pub quantity: Quantity,
    pub taker: Taker,
    /// When it was traded (`T`).
    pub trade_time: Timestamp,
    /// When the venue sent the event (`E`).
    pub event_time: Timestamp,
    pub provenance: Provenance,
}

impl Trade {
    /// The number of the trade, or of the first that was aggregated.
    #[must_use]
    pub const fn first_id(&self) -> TradeId {
        match self.kind {
            TradeKind::Trade => self.id,
            TradeKind::Aggregate { first, .. } => first,
        }
    }

    /// The number of the trade, or of the last that was aggregated.
    #[must_use]
    pub const fn last_id(&self) -> TradeId {
        match self.kind {
            TradeKind::Trade => self.id,
            TradeKind::Aggregate { last, .. } => last,
        }
    }
}
