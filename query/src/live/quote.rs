//! One symbol's book as its slot shows it.

use depthlake_engine::board::{BoardRow, BoardState};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

/// One book as it stood when it was looked at.
#[derive(Debug, Clone, Copy)]
pub struct Quote {
    pub symbol: Symbol,
    pub row: BoardRow,
    /// Events applied, over the last second or so; `None` until it is measured.
    pub events_per_second: Option<f64>,
}

/// Whether a book may be relied on, as it is told to people and programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Condition {
    Waiting,
    Live,
    Resyncing,
    Stale,
    Halted,
    /// Nobody writes the board: what it shows is what was true when its writer ended.
    Offline,
}

impl Condition {
    pub const ALL: [Self; 6] =
        [Self::Waiting, Self::Live, Self::Resyncing, Self::Stale, Self::Halted, Self::Offline];

    /// The condition of a book of this state.
    #[must_use]
    pub const fn of(state: BoardState, is_writer_alive: bool) -> Self {
        match state {
            _ if !is_writer_alive => Self::Offline,
            BoardState::Waiting => Self::Waiting,
            BoardState::Live => Self::Live,
            BoardState::Resyncing => Self::Resyncing,
            BoardState::Stale => Self::Stale,
            BoardState::Halted => Self::Halted,
        }
    }

    /// The word for it, e.g. `live`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Live => "live",
            Self::Resyncing => "resyncing",
            Self::Stale => "stale",
            Self::Halted => "halted",
            Self::Offline => "offline",
        }
    }
}

impl Quote {
    /// How long ago the last event was received, in nanoseconds; `None` before the first.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> Option<i64> {
        (self.row.receive_time.0 > 0).then(|| (now - self.row.receive_time).max(0))
    }

    /// What rests within 10 basis points of the mid on both sides, in quote currency.
    #[must_use]
    pub fn depth_10bps(&self) -> Option<f64> {
        let features = self.row.features?;
        let [_, bid, _] = features.bid_depth;
        let [_, ask, _] = features.ask_depth;
        Some(bid? + ask?)
    }

    /// The imbalance of the best five levels.
    #[must_use]
    pub fn imbalance_5(&self) -> Option<f64> {
        let [_, of_five, ..] = self.row.features?.imbalance;
        of_five
    }

    #[must_use]
    pub const fn condition(&self, is_writer_alive: bool) -> Condition {
        Condition::of(self.row.state, is_writer_alive)
    }
}
