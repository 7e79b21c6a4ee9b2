//! What a slot holds, as plain values: one book with its features, last trade and counters at one update.

use depthlake_orderbook::book::TopLevels;
use depthlake_orderbook::decimal::{Price, Quantity, Scale};
use depthlake_orderbook::event::{Level, Taker, UpdateId};
use depthlake_orderbook::features::{Features, TOP_LEVELS};
use depthlake_orderbook::time::Timestamp;

/// The levels a board shows of each side.
pub const LADDER_LEVELS: usize = TOP_LEVELS;

/// Whether a book may be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum BoardState {
    /// No snapshot has been loaded yet; the ladder is empty.
    #[default]
    Waiting,
    /// The book equals the venue's at the update id shown.
    Live,
    /// An update was missed; the ladder is what was known before it.
    Resyncing,
    /// The venue has been silent for longer than it should be.
    Stale,
    /// The venue has stopped trading the symbol.
    Halted,
}

/// Everything a slot holds but its symbol, which never changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoardRow {
    pub state: BoardState,
    /// Counts the snapshots the book was built on; a new value means that levels may have jumped.
    pub epoch: u64,
    /// What prices are counted in. It changes when the venue changes the tick size.
    pub price_scale: Scale,
    /// What quantities are counted in.
    pub quantity_scale: Scale,
    /// The last update applied.
    pub update_id: UpdateId,
    /// When the venue made that update.
    pub event_time: Timestamp,
    /// When its frame was received.
    pub receive_time: Timestamp,
    /// When the book with that update was written here. A trade, and how the feed stands, do not change it.
    pub publish_time: Timestamp,
    /// Best bid first.
    pub bids: Ladder,
    /// Best ask first.
    pub asks: Ladder,
    /// Below this bid price the book is unknown; `None` where the whole side is known.
    pub bid_horizon: Option<Price>,
    /// Above this ask price the book is unknown; `None` where the whole side is known.
    pub ask_horizon: Option<Price>,
    /// `None` while a side is empty. Their touch is that of the ladders.
    pub features: Option<Features>,
    /// Order-flow imbalance since the epoch began, in base currency.
    pub order_flow_imbalance: f64,
    pub last_trade: Option<LastTrade>,
    pub counters: FeedCounters,
}

/// The latest trade seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastTrade {
    pub price: Price,
    pub quantity: Quantity,
    pub taker: Taker,
    pub time: Timestamp,
}

/// What has happened to a symbol's feed since the writer started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FeedCounters {
    pub events_applied: u64,
    pub gaps: u64,
    pub resyncs: u64,
    pub dead_letters: u64,
    /// How often the book's touch equalled the venue's own ticker at the same update id.
    pub ticker_agreements: u64,
    /// How often it did not: any at all is a bug.
    pub ticker_disagreements: u64,
}

/// The first words of a slot, for those who want no more than the best prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoardTouch {
    pub state: BoardState,
    pub price_scale: Scale,
    pub quantity_scale: Scale,
    pub update_id: UpdateId,
    pub publish_time: Timestamp,
    pub bid: Option<Level>,
    pub ask: Option<Level>,
}

/// The levels of a slot without features, trades and counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoardLadder {
    pub state: BoardState,
    pub price_scale: Scale,
    pub quantity_scale: Scale,
    pub update_id: UpdateId,
    pub publish_time: Timestamp,
    /// Best bid first.
    pub bids: Ladder,
    /// Best ask first.
    pub asks: Ladder,
}

/// What a row says of the book, for the one who writes it.
#[derive(Debug, Clone, Copy)]
pub struct BookPart<'a> {
    pub update_id: UpdateId,
    pub event_time: Timestamp,
    pub receive_time: Timestamp,
    pub publish_time: Timestamp,
    pub bids: &'a Ladder,
    pub asks: &'a Ladder,
    pub bid_horizon: Option<Price>,
    pub ask_horizon: Option<Price>,
    pub features: Option<&'a Features>,
}

/// What a row says of the symbol's feed, for the one who writes it.
#[derive(Debug, Clone, Copy)]
pub struct FeedPart {
    pub state: BoardState,
    pub epoch: u64,
    pub order_flow_imbalance: f64,
    pub counters: FeedCounters,
}

/// Up to [`LADDER_LEVELS`] levels of one side, best first.
pub type Ladder = TopLevels<LADDER_LEVELS>;

impl BoardRow {
    /// A book that nothing is known of yet.
    #[must_use]
    pub const fn waiting(price_scale: Scale, quantity_scale: Scale) -> Self {
        Self {
            state: BoardState::Waiting,
            epoch: 0,
            price_scale,
            quantity_scale,
            update_id: UpdateId(0),
            event_time: Timestamp(0),
            receive_time: Timestamp(0),
            publish_time: Timestamp(0),
            bids: Ladder::EMPTY,
            asks: Ladder::EMPTY,
            bid_horizon: None,
            ask_horizon: None,
            features: None,
            order_flow_imbalance: 0.0,
            last_trade: None,
            counters: FeedCounters {
                events_applied: 0,
                gaps: 0,
                resyncs: 0,
                dead_letters: 0,
                ticker_agreements: 0,
                ticker_disagreements: 0,
            },
        }
    }
}

impl BoardRow {
    pub(super) const fn book(&self) -> BookPart<'_> {
        BookPart {
            update_id: self.update_id,
            event_time: self.event_time,
            receive_time: self.receive_time,
            publish_time: self.publish_time,
            bids: &self.bids,
            asks: &self.asks,
            bid_horizon: self.bid_horizon,
            ask_horizon: self.ask_horizon,
            features: self.features.as_ref(),
        }
    }

    pub(super) const fn feed(&self) -> FeedPart {
        FeedPart {
            state: self.state,
            epoch: self.epoch,
            order_flow_imbalance: self.order_flow_imbalance,
            counters: self.counters,
        }
    }
}

impl BoardLadder {
    /// A book that nothing is known of yet.
    #[must_use]
    pub const fn waiting(price_scale: Scale, quantity_scale: Scale) -> Self {
        Self {
            state: BoardState::Waiting,
            price_scale,
            quantity_scale,
            update_id: UpdateId(0),
            publish_time: Timestamp(0),
            bids: Ladder::EMPTY,
            asks: Ladder::EMPTY,
        }
    }
}
