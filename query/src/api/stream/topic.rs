//! What can be subscribed to.

use std::time::Duration;

use depthlake_orderbook::symbol::Symbol;
use serde::Deserialize;

use crate::table::LIVE;

/// A kind of news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Channel {
    Tickers,
    Book,
    Trades,
    Bars,
    Health,
}

/// News of which all who asked for them get the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Topic {
    pub(crate) channel: Channel,
    /// `None` for all symbols in one, and for what is about none.
    pub(crate) symbol: Option<Symbol>,
    /// Levels a side; 0 where there are none.
    pub(crate) depth: u16,
    pub(crate) pace: Pace,
}

/// How often a topic's changes are told. The paces are few, so that clients share them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Pace {
    /// As soon as they are seen.
    AtOnce,
    Milliseconds(u16),
}

impl Channel {
    /// The schema whose rows are told; `None` for what everybody may know.
    pub(crate) const fn schema(self) -> Option<&'static str> {
        match self {
            Self::Tickers | Self::Book => Some(LIVE),
            Self::Trades | Self::Bars => Some("normalized"),
            Self::Health => None,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tickers => "tickers",
            Self::Book => "book",
            Self::Trades => "trades",
            Self::Bars => "bars",
            Self::Health => "health",
        }
    }
}

impl Pace {
    const STEPS: [u16; 6] = [50, 100, 250, 500, 1_000, 5_000];

    /// The slowest there is.
    pub(crate) const MOST_MILLISECONDS: u64 = 5_000;

    /// The pace of a wish: the next slower one there is. `None` above [`Pace::MOST_MILLISECONDS`].
    pub(crate) fn of(milliseconds: u64) -> Option<Self> {
        if milliseconds == 0 {
            return Some(Self::AtOnce);
        }
        let step = Self::STEPS.into_iter().find(|step| u64::from(*step) >= milliseconds);
        step.map(Self::Milliseconds)
    }

    /// The least time between two messages.
    pub(crate) fn interval(self) -> Duration {
        match self {
            Self::AtOnce => Duration::ZERO,
            Self::Milliseconds(milliseconds) => Duration::from_millis(milliseconds.into()),
        }
    }
}
